package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/binnaclehq/binnacle/internal/testenv"
	"github.com/binnaclehq/binnacle/internal/web/static"
)

type step = chromedp.Action[chromedp.Void]

// tab is a page of a real browser, signed in as the owner.
type tab struct {
	testing.TB
	ctx  context.Context
	base string

	mu       sync.Mutex
	problems []string
}

func (b *tab) do(actions ...step) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

func (b *tab) open(path string) { b.do(chromedp.Navigate(b.base + path)) }

func (b *tab) eval(expr string) any {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](expr))
	if err != nil {
		b.Fatalf("%s: %v", expr, err)
	}
	return v
}

// eventually fails unless the JavaScript expression becomes want.
func (b *tab) eventually(expr string, want any) {
	b.Helper()
	var got any
	for range 100 {
		v, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](expr))
		if got = v; err == nil && fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.Fatalf("%s is %v, want %v", expr, got, want)
}

// typed puts text into a field as the keyboard would, and tells the page.
func (b *tab) typed(selector, text string) {
	b.Helper()
	b.eval(`(e => { e.focus(); e.value = ` + fmt.Sprintf("%q", text) + `; e.dispatchEvent(new Event('input', {bubbles: true})); e.dispatchEvent(new Event('change', {bubbles: true})); return null })(document.querySelector(` + fmt.Sprintf("%q", selector) + `))`)
}

func (b *tab) click(selector string) {
	b.Helper()
	b.eval(`document.querySelector(` + fmt.Sprintf("%q", selector) + `).click(), null`)
}

// listen collects refusals of the security policy and errors of scripts.
func (b *tab) listen() {
	b.Helper()
	err := chromedp.Listen(b.ctx, func(ev any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			b.problems = append(b.problems, e.ExceptionDetails.Text)
		case *cdplog.EventEntryAdded:
			if e.Entry.Level == cdplog.EntryLevelError && e.Entry.Source != cdplog.EntrySourceNetwork {
				b.problems = append(b.problems, e.Entry.Text)
			}
		}
	})
	if err != nil {
		b.Fatal(err)
	}
}

func inBrowser(t *testing.T, f func(*tab, *house)) {
	path := testenv.Chromium(t)
	h := fullHouse(t)
	files := static.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, static.Prefix) {
			files.ServeHTTP(w, r)
			return
		}
		r.AddCookie(&http.Cookie{Name: "binnacle_session", Value: "owner"})
		h.handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	browser, stop := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(chromedp.ExecPath(path), chromedp.NoSandbox))
	defer stop()
	ctx, cancel := context.WithTimeout(browser, 2*time.Minute)
	defer cancel()
	b := &tab{TB: t, ctx: ctx, base: server.URL}
	b.do(chromedp.EmulateViewport(1280, 900))
	b.listen()
	f(b, h)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.problems) > 0 {
		t.Errorf("the browser complains:\n%s", strings.Join(b.problems, "\n"))
	}
}

func TestInABrowser(t *testing.T) {
	inBrowser(t, func(b *tab, h *house) {
		b.open("/services")
		b.typed("input[name=q]", "ledger")
		b.eventually(`[...document.querySelectorAll('#results .row-link')].map(a => a.textContent).join()`, "Ledger")
		b.eventually(`location.search`, "?q=ledger")
		b.typed("input[name=q]", "")
		b.eventually(`document.querySelectorAll('#results .row-link').length`, 2)
		b.typed("select[name='spec.tier']", "1")
		b.eventually(`[...document.querySelectorAll('#results .row-link')].map(a => a.textContent).join()`, "Payments")

		b.click("#results [data-pick]")
		b.eventually(`document.querySelector('[data-bulkbar]').hidden`, false)
		b.click("[data-bulkbar] button[value=choose]")
		b.eventually(`document.querySelector('h1').textContent`, "Change 1 services")

		b.open("/services")
		b.click(".find")
		b.eventually(`document.getElementById('cmdk').open`, true)
		b.typed("#cmdk input", "payments")
		b.eventually(`(document.querySelector('#cmdk-live .cmdk-item') || {}).textContent`, "PaymentsService, Payments team")
		b.click("#cmdk-live .cmdk-item")
		b.eventually(`location.pathname`, "/services/default/payments")

		b.open(editPath)
		b.click(`[data-rows="spec.endpoints"] > [data-add]`)
		b.typed(`[name="spec.endpoints.2.path"]`, "/void")
		b.eventually(`document.querySelectorAll('.tags .chip').length > 3`, true)
		b.click("button[value=save]")
		b.eventually(`location.pathname`, "/services/default/payments")
		b.eventually(`document.querySelector('.toast span').textContent`, "Payments saved")
		if n := len(h.spec("service:payments")["endpoints"].([]any)); n != 3 {
			b.Errorf("%d endpoints, want 3", n)
		}
		b.click(".toast form button")
		b.eventually(`document.querySelector('.toast span').textContent`, "Payments restored")
		if n := len(h.spec("service:payments")["endpoints"].([]any)); n != 2 {
			b.Errorf("after undo %d endpoints, want 2", n)
		}

		b.do(chromedp.Click(chromedp.CSS(`[popovertarget="me"]`)))
		b.eventually(`document.getElementById('me').matches(':popover-open')`, true)
		b.click("[data-theme-toggle]")
		b.eventually(`document.documentElement.dataset.theme`, "light")
		time.Sleep(200 * time.Millisecond)
		b.open("/services")
		b.eventually(`document.documentElement.dataset.theme`, "light")
	})
}

// No page is wider than the screen, from a small telephone to a desk.
func TestPagesFitTheScreen(t *testing.T) {
	inBrowser(t, func(b *tab, h *house) {
		for _, width := range []int64{320, 1024} {
			b.do(chromedp.EmulateViewport(width, 900))
			for _, path := range pagesOf() {
				if strings.HasPrefix(path, "/palette") || strings.HasPrefix(path, "/suggest") || strings.Contains(path, "failing") {
					continue
				}
				b.open(path)
				if over := b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`); over.(float64) > 0 {
					who := b.eval(`(w => [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > w + 1 && !e.closest('.table-wrap, .chart-wide, .tabs, .crumbs, .diff-wrap, .snapshot, .file, .settings-nav, [popover], .vh')).map(e => e.tagName + '.' + e.className).slice(0, 4).join(' '))(document.documentElement.clientWidth)`)
					b.Errorf("%s at %d: %v px too wide: %v", path, width, over, who)
				}
			}
		}
	})
}
