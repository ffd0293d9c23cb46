package web_test

import (
	"context"
	"html"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

type clocks struct {
	web.Shell
	Old, New, Soon, Midnight, Day, Chosen, None time.Time
	Word                                        string
}

var shownTime = regexp.MustCompile(`<time datetime="([^"]*)" title="([^"]*)">([^<]*)</time>`)

// Moments are written on the clocks of the reader; days, and times that somebody
// put into a zone, as they are. One at midnight in UTC is a moment like others.
func TestMomentsAreInTheReadersZone(t *testing.T) {
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	page := &clocks{Old: time.Date(2026, 9, 20, 22, 15, 0, 0, time.UTC), New: testNow.Add(-time.Hour), Soon: testNow.Add(90 * time.Minute).Local(),
		Midnight: time.Date(2026, 9, 20, 0, 0, 0, 0, time.UTC), Day: web.Day(time.Date(2026, 9, 20, 0, 0, 0, 0, time.UTC)),
		Chosen: time.Date(2026, 9, 20, 22, 15, 0, 0, time.UTC).In(kolkata), Word: "<!--moment datetime 1-->"}
	h := newHouse(t, append(testModules(), web.Module{
		Room:      web.Room{ID: "security", Title: lang.T("Security", "Seguridad"), Order: 3},
		Templates: fstest.MapFS{"clocks.html": {Data: []byte(`{{define "main"}}<h1>Clocks</h1><p>{{datetime .Old}} {{ago .Old}} {{when .Old}} {{day .Old}} {{date .Old}} {{ago .New}} {{until .Soon}} {{datetime .Soon}} {{date .Day}} {{ago .Day}} {{day .Day}} {{until .Day}} {{ago .Midnight}} {{day .Midnight}} {{until .Midnight}} {{date .Midnight}} {{datetime .Chosen}} {{datetime .None}} {{ago .None}}</p><p>{{.Word}}</p>{{end}}`)}},
		Pages: []web.PageDef{{ID: "clocks", Pattern: "/clocks", Room: "security", Verb: auth.Read, Template: "clocks.html", Handle: func(*web.Ctx) (any, error) {
			p := *page
			p.Title = "Clocks"
			return &p, nil
		}}},
	})...)
	var zone *time.Location
	h.app.Zone = func(context.Context, auth.Principal) (*time.Location, error) { return zone, nil }
	f := func(name string, want ...string) {
		t.Helper()
		zone = nil
		if name != "" {
			if zone, err = time.LoadLocation(name); err != nil {
				t.Fatal(err)
			}
		}
		body := h.get("/clocks", 200)
		var got []string
		for _, m := range shownTime.FindAllStringSubmatch(body, -1) {
			got = append(got, html.UnescapeString(m[3]))
			if at, err := time.Parse(time.RFC3339, m[1]); err != nil || at.Location() != time.UTC {
				t.Errorf("%q is no moment for machines", m[1])
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in %q (-want +got):\n%s", name, diff)
		}
		if strings.Count(body, "moment datetime") != 1 || strings.Contains(body, "<!--moment") {
			t.Errorf("in %q: marks are left, or what somebody wrote was taken for one", name)
		}
	}
	f("", "20 Sep 2026 22:15:00 UTC", "20 Sep", "on 20 Sep", "20 Sep", "20 Sep", "1 h", "2 h left", "22 Sep 2026 11:00:00 UTC", "20 Sep", "20 Sep", "20 Sep", "ended 20 Sep", "20 Sep", "20 Sep", "ended 20 Sep", "20 Sep", "21 Sep 2026 03:45:00 IST")
	f("Asia/Tokyo", "21 Sep 2026 07:15:00 JST", "21 Sep", "on 21 Sep", "21 Sep", "20 Sep", "1 h", "2 h left", "22 Sep 2026 20:00:00 JST", "20 Sep", "20 Sep", "20 Sep", "ended 20 Sep", "20 Sep", "20 Sep", "ended 20 Sep", "20 Sep", "21 Sep 2026 03:45:00 IST")
	f("America/Los_Angeles", "20 Sep 2026 15:15:00 PDT", "20 Sep", "on 20 Sep", "20 Sep", "20 Sep", "1 h", "2 h left", "22 Sep 2026 04:00:00 PDT", "20 Sep", "20 Sep", "20 Sep", "ended 20 Sep", "19 Sep", "19 Sep", "ended 19 Sep", "20 Sep", "21 Sep 2026 03:45:00 IST")
}
