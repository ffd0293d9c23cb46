package app_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/binnaclehq/binnacle/internal/testenv"
)

// stop is a page of the tour in docs/tour.md, with words that it tells of.
type stop struct {
	picture string // docs/img/tour-….webp; "" for none
	path    string
	follow  string // a selector of the link on the page that leads on; "" stays
	words   []string
}

// The tour, by who looks around: the CTO, the lead of a team, an auditor.
var tour = [][]stop{
	{
		{picture: "today", path: "/", words: []string{"Waiting for your decision", "Cells for booking", "Everybody signs in with a second factor", "Error budget left, payments"}},
		{picture: "claim", path: "/claims/default/payments-budget-kept", words: []string{"it must be ≥ 25%", "Releases wait until it is above 25 % again"}},
		{path: "/claims/default/services-owned/replay?asOf=" + time.Now().AddDate(0, 0, -60).Format(time.DateOnly), words: []string{"Every service in production says who answers for it"}},
		{picture: "objectives", path: "/objectives", words: []string{"A second acquirer carries live traffic", "People are sure, and the numbers say otherwise"}},
		{picture: "roadmap", path: "/roadmap", words: []string{"Second acquirer live", "85% likely by then"}},
		{picture: "initiative", path: "/initiatives/default/second-acquirer", words: []string{"Waiting", "two clauses are left"}},
		{path: "/decisions/default/0067-cells-for-booking", words: []string{"payments cannot move until this one is taken"}},
		{picture: "service", path: "/components/default/payments", words: []string{"What we claim", "Payments keep their error budget"}},
		{picture: "radar", path: "/radar", words: []string{"Adopt", "Hold"}},
		{picture: "events", path: "/events?q=198.51.100.230&last=24h", words: []string{"1 to 9 of 9", "web-shop-access"}},
		{picture: "alert", path: "/alerts?q=branch", follow: "main a[href^='/alerts/AL-']", words: []string{"Protection of a branch is removed on GitHub", "Why it fired", "Iker Etxeberria"}},
		{picture: "case", path: "/cases/default/C-1", words: []string{"CI deploy key used outside the runner network", "Do not delete the key before we know which jobs use it"}},
		{picture: "attack", path: "/attack", words: []string{"techniques have a detection that passed a test", "Worth closing next"}},
	},
	{
		{path: "/", words: []string{"Payments keep their error budget"}},
	},
	{
		{picture: "auditor", path: "/claims/default/second-factor-everywhere", words: []string{"Disputed", "The 214 accounts of the kiosk technicians are not in the count"}},
		{path: "/evidence", words: []string{"Evidence"}},
	},
}

// TestTour walks the tour of docs/tour.md through the organisation of binnacle
// demo. With BINNACLE_TOUR=1 it takes its pictures anew.
func TestTour(t *testing.T) {
	browser := newBrowser(t)
	doors := links(t, serve(t, `(?s)(sign-in/link/.*){3}`, "demo", "--listen", "127.0.0.1:0"))
	if len(doors) != len(tour) {
		t.Fatalf("demo prints %d links, want %d", len(doors), len(tour))
	}
	text, err := os.ReadFile(filepath.Join(testenv.Root(), "docs", "tour.md"))
	if err != nil {
		t.Fatal(err)
	}
	for i, door := range doors {
		b := person(t, browser, door.Scheme+"://"+door.Host)
		b.do(chromedp.EmulateViewport(1400, 920))
		b.open(door.Path)
		b.do(on("main form button"))
		b.at("/")
		for _, s := range tour[i] {
			b.open(s.path)
			if s.follow != "" {
				to, _ := b.eval(`document.querySelector("` + s.follow + `")?.getAttribute("href") ?? ""`).(string)
				if to == "" {
					t.Fatalf("%s has no link %s", s.path, s.follow)
				}
				b.open(to)
			}
			b.sees(s.words...)
			if s.picture == "" {
				continue
			}
			if name := "tour-" + s.picture + ".webp"; os.Getenv("BINNACLE_TOUR") != "" {
				b.keep(filepath.Join(testenv.Root(), "docs", "img", name))
			} else if !strings.Contains(string(text), "img/"+name) {
				t.Errorf("docs/tour.md does not show %s", name)
			}
		}
	}
}

// keep writes a small picture of what is shown.
func (b *tab) keep(file string) {
	b.Helper()
	quality := int64(80)
	r, err := chromedp.Call(b.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatWebp, Quality: &quality})
	if err == nil {
		err = os.WriteFile(file, r.Data, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
	if len(r.Data) > 200<<10 {
		b.Errorf("%s has %d kB", file, len(r.Data)>>10)
	}
}

// links are the addresses at which those as whom one looks around sign in.
func links(t *testing.T, said string) []*url.URL {
	t.Helper()
	var out []*url.URL
	for _, text := range regexp.MustCompile(`http://localhost:\d+/sign-in/link/\S+`).FindAllString(said, -1) {
		link, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, link)
	}
	return out
}
