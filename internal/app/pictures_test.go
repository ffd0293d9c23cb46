package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/door"
)

// Screens on which pages are looked at.
var (
	phone  = chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile)
	laptop = chromedp.EmulateViewport(1280, 800)
	desk   = chromedp.EmulateViewport(1440, 900)
)

// TestPictures opens the sample organisation with the link that binnacle demo
// prints. No page is wider than a phone, or than a laptop, and the pictures of
// the main ones are taken where BINNACLE_SCREENSHOTS names a folder.
func TestPictures(t *testing.T) {
	browser := newBrowser(t)
	said := serve(t, "/sign-in/link/", "demo", "--listen", "127.0.0.1:0")
	link, err := url.Parse(regexp.MustCompile(`http://localhost:\d+/sign-in/link/\S+`).FindString(said))
	if err != nil || link.Path == "" {
		t.Fatalf("demo prints no link: %s", said)
	}
	b := person(t, browser, link.Scheme+"://"+link.Host)
	b.open(link.Path)
	b.do(on("main form button"))
	b.at("/")
	for _, theme := range []string{"light", "dark"} {
		b.looks(theme)
	}
	b.fits()
}

// looks takes the pictures in a theme.
func (b *tab) looks(theme string) {
	b.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}); err != nil {
		b.Fatal(err)
	}
	paths := map[string]string{
		"services": "/components", "service": "/components/default/payments", "radar": "/radar", "map": "/map", "organisation": "/organisation", "decisions": "/decisions", "start": "/",
		"roadmap": "/roadmap", "capacity": "/roadmap?view=capacity", "ranking": "/roadmap?view=ranking", "initiative": "/initiatives/default/second-acquirer",
	}
	if os.Getenv(picturesAt) == "" {
		paths = map[string]string{"service": paths["service"]} // nobody looks at the others
	}
	for name, path := range paths {
		b.do(desk)
		b.open(path)
		b.eventually("getComputedStyle(document.documentElement).colorScheme.includes('"+theme+"')", true)
		b.shot(name + "-" + theme)
		b.do(phone)
		b.open(path)
		b.shot(name + "-" + theme + "-390")
	}
}

// fits opens every page that has an address without wildcards, one entity of each
// kind and some of what machines found, and looks for what stands out at the right. The pages that look the
// same for all kinds are opened for a few.
func (b *tab) fits() {
	b.Helper()
	paths := append(mainPaths(b.T), "/alerts/AL-1", "/detections/39550424-1204-40f9-acdb-65ada80f30bc", "/attack/T1078", "/sources/cloudtrail", "/claims/default/assets-heard/runs/1")
	few := 3
	for _, k := range app.Kinds().All() {
		b.open("/" + k.Plural)
		if first, _ := b.eval("document.querySelector('#results tbody th a, #results tbody td a, #results [data-row] a')?.getAttribute('href') ?? ''").(string); strings.HasPrefix(first, "/"+k.Plural+"/") {
			paths = append(paths, first, first+"/edit")
			if few--; few >= 0 {
				paths = append(paths, first+"/history", first+"/compare", first+"/relations", first+"/yaml")
			}
			paths = slices.DeleteFunc(paths, func(p string) bool { return p == "/"+k.Plural+"/new" }) // the form is that of edit
		}
	}
	if len(paths) < 60 {
		b.Errorf("only %d pages were found", len(paths))
	}
	for _, path := range paths {
		b.do(phone)
		b.open(path)
		b.narrow(path, "phone")
		if strings.HasSuffix(path, "/new") || strings.HasSuffix(path, "/edit") {
			continue // on a laptop one form is like another
		}
		b.do(laptop)
		b.narrow(path, "laptop")
	}
}

// narrow fails when the page that is open is wider than the screen.
func (b *tab) narrow(path, screen string) {
	b.Helper()
	if over := b.eval("document.documentElement.scrollWidth - Math.ceil(document.body.getBoundingClientRect().width)"); fmt.Sprint(over) != "0" {
		b.Errorf("%s is %v px too wide for a %s: %v", path, over, screen, b.eval(widest))
	}
}

// widest names the elements that reach furthest to the right.
const widest = `[...document.querySelectorAll('main *, header *')].filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1).slice(0, 4).map(e => e.outerHTML.slice(0, 90)).join(' | ')`

// noPages are addresses of files.
var noPages = []string{"/attack/layer"}

// mainPaths are the addresses of pages without wildcards.
func mainPaths(t *testing.T) []string {
	t.Helper()
	h := open(t, app.Config{})
	var out []string
	for _, r := range h.routes {
		plain := !strings.Contains(strings.TrimSuffix(r.Pattern, "{$}"), "{")
		if r.Face == door.Web && r.Method == http.MethodGet && plain && !slices.Contains(noPages, r.Pattern) && !strings.Contains(r.Pattern, "export") && !strings.HasPrefix(r.Pattern, "/sign-in") && r.Pattern != "/welcome" {
			out = append(out, strings.TrimSuffix(r.Pattern, "{$}"))
		}
	}
	return out
}
