package api

import (
	"encoding/json"
	"testing"

	"github.com/binnaclehq/binnacle/internal/entity"
)

// A new status makes no revision, and another tag; If-Match reads the revision
// of either.
func TestTagOfAnEntity(t *testing.T) {
	tag := func(status string) string {
		return etagOf(&entity.Entity{Metadata: entity.Metadata{ResourceVersion: "5"}, Status: json.RawMessage(status)})
	}
	if got := tag(""); got != `"5"` {
		t.Errorf("without a status %s", got)
	}
	if a, b := tag(`{"ring":"adopt"}`), tag(`{"ring":"hold"}`); a == b || a == tag("") {
		t.Errorf("two statuses have the tags %s and %s", a, b)
	}
	for text, want := range map[string]int64{`"5"`: 5, tag(`{"ring":"adopt"}`): 5, "W/" + tag(`{}`): 5, `"5.x`: 0, `".5"`: 0, `"x.5"`: 0, `5`: 0} {
		if rev, ok := revOf(text); rev != want || ok != (want > 0) {
			t.Errorf("%s is revision %d, %t, want %d", text, rev, ok, want)
		}
	}
	if !matchesTag([]string{`"4", ` + tag(`{"a":1}`)}, tag(`{"a":1}`)) || matchesTag([]string{tag(`{"a":1}`)}, tag(`{"a":2}`)) {
		t.Error("a tag is taken for another")
	}
}
