package app_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

// TestPages reads every page of the program in both languages, as long as there
// is nothing and with the sample organisation, and looks for faults.
func TestPages(t *testing.T) { eachDatabase(t, readPages) }

func readPages(t *testing.T, cfg app.Config) {
	w := newWorld(t, cfg)
	w.readAll("empty")
	w.fill()
	w.claim()
	w.readAll("full")
	for _, k := range app.Kinds().All() {
		page, err := w.app.Catalog.List(t.Context(), w.as(), catalog.Query{Kinds: []string{k.Name}, Limit: 6, Sort: "updated", Desc: true})
		w.must(err)
		for _, e := range page.Items {
			w.read("/" + k.Plural + "/" + e.Ref().Namespace + "/" + e.Metadata.Name)
		}
	}
}

// claim applies claims and measures of every form, runs their tests and gives
// people's word.
func (w *world) claim() {
	w.Helper()
	data, err := os.ReadFile("testdata/claims.yaml")
	w.must(err)
	w.apply(w.as(), strings.ReplaceAll(string(data), "DAY", time.Now().AddDate(0, 2, 0).Format(time.DateOnly)))
	w.settle()
	for ref, word := range map[entity.Ref]claim.Word{
		entity.NewRef("measure", "", "mood"):   {Value: 6.94, Note: "Asked around."},
		entity.NewRef("claim", "", "attested"): {Note: "The tester never came."},
	} {
		_, err := w.app.Claims.Say(w.Context(), w.as(), ref, word)
		w.must(err)
	}
	w.settle()
}

// readAll reads the example of every route that gives a page.
func (w *world) readAll(when string) {
	w.Helper()
	pages := 0
	for _, route := range w.routes {
		if route.Face != door.Web || route.Method != http.MethodGet || strings.HasPrefix(route.Pattern, "/static/") {
			continue
		}
		key, v := w.general(route)
		if when == "empty" && strings.Contains(route.Pattern, "{namespace}") {
			continue
		}
		v.who, v.of = w.owner, w.owner
		pages += w.read(asks[key].make(v).path)
	}
	if pages < 30 {
		w.Errorf("only %d pages were read %s", pages, when)
	}
	w.Logf("%s: %d pages", when, pages)
}

// read reads one address in every language and counts the pages.
func (w *world) read(path string) int {
	w.Helper()
	n := 0
	for _, code := range lang.All {
		r := request{path: path, headers: []string{"Cookie", "binnacle_session=" + w.owner.cookie + "; binnacle_lang=" + string(code)}}
		rec := w.send(&actor{}, http.MethodGet, r)
		if rec.Code >= 500 {
			w.Errorf("GET %s in %s: %d %s", path, code, rec.Code, said(rec))
		}
		if !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") || rec.Code == http.StatusSeeOther {
			continue
		}
		n++
		body := rec.Body.String()
		for _, fault := range webtest.Faults(body) {
			w.Errorf("GET %s in %s: %s", path, code, fault)
		}
		if want := `lang="` + string(code) + `"`; !strings.Contains(body[:min(len(body), 200)], want) {
			w.Errorf("GET %s: the page does not say %s", path, want)
		}
	}
	return n
}

// TestPagesWithoutADatabase: what fails is shown as a page too, and reveals
// nothing of the inside.
func TestPagesWithoutADatabase(t *testing.T) {
	w := newWorld(t, app.Config{})
	w.app.Close()
	for _, who := range []*actor{w.owner, w.nobody} {
		for _, path := range []string{"/", "/components", "/sign-in"} {
			rec := w.send(who, http.MethodGet, request{path: path})
			body := rec.Body.String()
			if rec.Code == http.StatusSeeOther {
				continue
			}
			if rec.Code < 500 || strings.Contains(body, "sql") {
				t.Errorf("GET %s as %s: %d %s", path, who.name, rec.Code, said(rec))
			}
			for _, fault := range webtest.Faults(body) {
				t.Errorf("GET %s as %s: %s", path, who.name, fault)
			}
		}
	}
}

// TestThePageOfTheAPINamesItsGroups: each has a title in both languages, whichever
// room its addresses come from.
func TestThePageOfTheAPINamesItsGroups(t *testing.T) {
	w := newWorld(t, app.Config{})
	for _, code := range lang.All {
		body := w.send(&actor{}, http.MethodGet, request{path: "/api", headers: []string{"Accept-Language", string(code)}}).Body.String()
		if n := strings.Count(body, `<a href="#tag-`); n < 20 {
			t.Fatalf("in %s there are %d groups", code, n)
		}
		for _, nameless := range []string{`"></a>`, `></h2>`} {
			if at := strings.Index(body, nameless); at > 0 {
				t.Errorf("in %s a group has no name: %s", code, body[max(0, at-40):at+10])
			}
		}
	}
}
