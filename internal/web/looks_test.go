package web_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/audit"
)

// TestLooksOfPages: a page or an export that shows several people writes one
// look, suggestions and the home page write none, and who was shown reads it
// under their own data.
func TestLooksOfPages(t *testing.T) {
	h := newHouse(t)
	h.apply("apiVersion: binnacle.dev/v1\nkind: User\nmetadata: {name: ana, title: Ana Aguirre}\nspec: {}\n---\napiVersion: binnacle.dev/v1\nkind: User\nmetadata: {name: bea, title: Bea Beltrán}\nspec: {}\n")
	log := audit.New(h.db)
	seen := 0
	for path, want := range map[string]int{
		"/users": 1, "/users?q=ana": 1, "/users/export?format=csv": 1, "/search?q=ana": 1, "/users?q=nobody": 0,
		"/palette?q=ana": 0, "/suggest?kinds=user&q=ana": 0, "/suggest?kinds=user": 0, "/": 0, "/services": 0,
	} {
		if w := h.do(request{path: path, as: "auditor"}); w.Code != 200 {
			t.Fatalf("%s: %d", path, w.Code)
		}
		records, _, err := log.Search(t.Context(), "default", audit.Query{Action: audit.LookMany})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(records) - seen; got != want {
			t.Errorf("%s writes %d looks, want %d", path, got, want)
		}
		if want == 1 && (records[0].ActorName != "Paul auditor" || records[0].Via != "web" || !strings.Contains(string(records[0].Detail), `"user:default/ana"`)) {
			t.Errorf("%s: %+v %s", path, records[0], records[0].Detail)
		}
		seen = len(records)
	}
	if w := h.post("/users/bulk", url.Values{"ref": {"user:default/ana", "user:default/bea"}, "step": {"preview"}, "addtags": {"x"}}); w.Code != 200 {
		t.Fatalf("a change of several: %d\n%s", w.Code, mainOf(w.Body.String()))
	}
	records, _, err := log.Search(t.Context(), "default", audit.Query{Action: "personal.*"})
	if err != nil || len(records) != seen+1 || records[0].Action != audit.LookMany || !strings.Contains(string(records[0].Detail), "bulk change") {
		t.Errorf("a change of several writes %d looks, %v: %+v", len(records)-seen, err, records[0])
	}
	p := h.who["member"]
	p.UserRef = "user:default/ana"
	h.who["member"] = p
	page := h.do(request{path: "/account/data", as: "member"}).Body.String()
	if !strings.Contains(page, "Paul auditor") || !strings.Contains(page, "among 2 people shown at once (kind=User)") {
		t.Errorf("what Ana sees of it\n%s", mainOf(page))
	}
	data := h.do(request{path: "/account/data?format=json", as: "member"}).Body.String()
	if !strings.Contains(data, `"shown": 2`) || strings.Contains(data, "user:default/bea") {
		t.Errorf("what Ana takes with her\n%s", data)
	}
}
