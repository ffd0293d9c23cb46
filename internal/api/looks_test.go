package api

import (
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/audit"
)

// TestLooksOfAnswers: each answer that shows several people is one look.
func TestLooksOfAnswers(t *testing.T) {
	h := onSQLite(t)
	var all strings.Builder
	for _, name := range []string{"ann", "bob", "eve"} {
		all.WriteString("---\n" + file("Sailor", name, "  email: "+name+"@example.org\n"))
	}
	h.want(200, h.do("owner", "POST", "/api/v1/apply", all.String(), "Content-Type", yamlType))
	log := audit.New(h.db)
	seen := 0
	for path, count := range map[string]string{
		"/api/v1/sailors": `"count":3`, "/api/v1/sailors?limit=2": `"count":2`, "/api/v1/entities?q=eve": `"count":1`, "/api/v1/search?q=bob": `"count":1`,
		"/api/v1/sailors?format=csv": `"count":3`, "/api/v1/entities/export": `"count":3`, "/api/v1/boats": "", "/api/v1/sailors/facets?path=kind": "",
	} {
		h.want(200, h.do("reader", "GET", path, ""))
		records, _, err := log.Search(t.Context(), "default", audit.Query{Action: audit.LookMany})
		check(t, err)
		switch got := len(records) - seen; {
		case count == "" && got != 0, count != "" && got != 1:
			t.Errorf("%s writes %d looks", path, got)
		case count != "" && (!strings.Contains(string(records[0].Detail), count) || records[0].Via != "api"):
			t.Errorf("%s: %s %s", path, records[0].Via, records[0].Detail)
		}
		seen = len(records)
	}
}
