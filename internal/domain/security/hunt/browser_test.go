package hunt

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/binnaclehq/binnacle/internal/testenv"
	"github.com/binnaclehq/binnacle/internal/web/static"
)

// An answer that takes long comes after its page; cancelling ends its questions
// where they are answered.
func TestSlowInABrowser(t *testing.T) {
	path := testenv.Chromium(t)
	h, m := house(t, Config{Patience: 20 * time.Millisecond, Longest: time.Minute})
	files := static.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, static.Prefix) {
			files.ServeHTTP(w, r)
			return
		}
		r.AddCookie(&http.Cookie{Name: "binnacle_session", Value: "owner"})
		h.Handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	ctx, stop := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("lang", "en-GB")))
	defer stop()
	ctx, stopLate := context.WithTimeout(ctx, time.Minute)
	defer stopLate()
	open := func(path string) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.Navigate(server.URL+path)); err != nil {
			t.Fatal(err)
		}
	}
	becomes := func(expr string) {
		t.Helper()
		var got any
		for range 200 {
			if got, _ = chromedp.Run(ctx, chromedp.Evaluate[any](expr)); got == true {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("%s stays %v", expr, got)
	}
	m.set(300 * time.Millisecond)
	open("/events?q=svc")
	becomes(`document.body.innerText.includes("1 to 50 of 63")`)
	becomes(`!document.querySelector('.hunt-wait') && !!document.querySelector('[data-brush] .brush')`)

	m.set(time.Minute)
	open("/events?q=svc")
	becomes(`document.body.innerText.includes("Still looking")`)
	for range 200 { // until they are under way
		if asked, ended := m.count(); asked > ended {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	becomes(`(b => { if (b) b.click(); return !!b })(document.querySelector('[data-cancel]'))`)
	becomes(`document.body.innerText.includes("The question was cancelled.")`)
	for range 100 {
		if asked, ended := m.count(); asked == ended {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	asked, ended := m.count()
	t.Errorf("%d of %d questions ended", ended, asked)
}
