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
	words   []string
}

// The tour, by who looks around: the CTO, the lead of a team, an auditor.
var tour = [][]stop{
	{
		{"today", "/", []string{"Waiting for your decision", "Cells for booking", "Everybody signs in with a second factor", "Error budget left, payments"}},
		{"claim", "/claims/default/payments-budget-kept", []string{"it must be ≥ 25%", "Releases wait until it is above 25 % again"}},
		{"", "/claims/default/services-owned/replay?asOf=" + time.Now().AddDate(0, 0, -60).Format(time.DateOnly), []string{"Every service in production says who answers for it"}},
		{"objectives", "/objectives", []string{"A second acquirer carries live traffic", "People are sure, and the numbers say otherwise"}},
		{"roadmap", "/roadmap", []string{"Second acquirer live", "85% likely by then"}},
		{"initiative", "/initiatives/default/second-acquirer", []string{"Waiting", "two clauses are left"}},
		{"", "/decisions/default/0067-cells-for-booking", []string{"payments cannot move until this one is taken"}},
		{"service", "/components/default/payments", []string{"What we claim", "Payments keep their error budget"}},
		{"radar", "/radar", []string{"Adopt", "Hold"}},
	},
	{
		{"", "/", []string{"Payments keep their error budget"}},
	},
	{
		{"auditor", "/claims/default/second-factor-everywhere", []string{"Disputed", "The 214 accounts of the kiosk technicians are not in the count"}},
		{"", "/evidence", []string{"Evidence"}},
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
