package web_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

// What needs a person is drawn as that, on its place and summed up on the area;
// a total is only a number.
func TestCountsInTheNavigation(t *testing.T) {
	place := func(id string, n int, state string) web.NavItem {
		return web.NavItem{ID: id, Label: "x." + id, Href: "/" + id, Count: func(*web.Ctx) (web.Count, error) { return web.Count{N: n, State: state}, nil }}
	}
	texts := `{"x.total": "Total", "x.late": "Late", "x.broken": "Broken", "x.quiet": "Quiet"}`
	house := webtest.New(t, room.Module{Module: web.Module{
		Room:  web.Room{ID: auth.Operations, Title: lang.T("Area", "Zona"), Icon: "ops"},
		Texts: fstest.MapFS{"text.en.json": {Data: []byte(texts)}, "text.es.json": {Data: []byte(texts)}},
		Nav:   []web.NavItem{place("total", 40, ""), place("broken", 1, "bad"), place("late", 3, "warn"), place("quiet", 0, "bad")},
	}})
	nav := func(code lang.Code) string {
		body := house.Get("/search", "owner", code).Body.String()
		return regexp.MustCompile(`(?s)<details class="nav-group".*?</details>`).FindString(body)
	}
	english := nav(lang.English)
	for _, want := range []string{
		`<span class="nav-count">40</span>`,
		`is-bad`, `#s-bad"`, `1<span class="vh"> needs attention</span>`,
		`is-warn`, `#s-warn"`, `3<span class="vh"> need attention</span>`,
		`4<span class="vh"> need attention</span></span></summary>`,
	} {
		if !strings.Contains(english, want) {
			t.Errorf("no %s in\n%s", want, english)
		}
	}
	summary, _, _ := strings.Cut(english, "</summary>")
	if !strings.Contains(summary, `nav-count is-bad`) || strings.Count(english, "nav-count") != 4 {
		t.Errorf("the area shows\n%s\nof\n%s", summary, english)
	}
	if spanish := nav(lang.Spanish); !strings.Contains(spanish, "1<span class=\"vh\"> requiere atención") || !strings.Contains(spanish, "3<span class=\"vh\"> requieren atención") {
		t.Errorf("in Spanish\n%s", spanish)
	}
}
