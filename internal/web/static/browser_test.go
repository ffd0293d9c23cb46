package static

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	cdpwebauthn "github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/testenv"
)

// policy is as strict as that of the product.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'"

// site is a small server around testdata/page.html that remembers what it was
// sent.
type site struct {
	*httptest.Server
	keys *webauthn.WebAuthn
	user keyUser

	mu      sync.Mutex
	sent    []string // method, path and form of each post
	session *webauthn.SessionData
}

func newSite(t *testing.T) *site {
	t.Helper()
	page, err := template.ParseFiles("testdata/page.html")
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	err = page.Execute(&body, pageData{HTMXConfig, wordsForTest()})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{}
	mux := http.NewServeMux()
	mux.Handle(Prefix, Handler())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(body.Bytes())
	})
	mux.HandleFunc("GET /went/{where}", text(`<title>went</title><link rel="stylesheet" href="`+URL("binnacle.css")+`">`))
	mux.HandleFunc("GET /drawer", text(`<p id="filled">Measured today</p>`))
	mux.HandleFunc("GET /palette", func(w http.ResponseWriter, r *http.Request) {
		text(`<div role="group" aria-label="Found"><a class="cmdk-item" href="/went/`+url.PathEscape(r.FormValue("q"))+`">Found it</a></div>`)(w, r)
	})
	mux.HandleFunc("GET /list", func(w http.ResponseWriter, r *http.Request) {
		text(`<div id="results" data-bulk><p data-count id="count">asked for `+template.HTMLEscapeString(r.URL.RawQuery)+`</p></div>`)(w, r)
	})
	mux.HandleFunc("GET /fails", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusConflict)
		w.Write([]byte(`{"title":"Conflict","detail":"Somebody else changed it"}`))
	})
	mux.HandleFunc("POST /toast", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("HX-Trigger", `{"toast":{"text":"Deleted <payments>","undo":{"action":"/undo","fields":{"id":"7"}}}}`)
	})
	for _, path := range []string{"/preferences", "/save", "/delete", "/undo"} {
		mux.HandleFunc("POST "+path, s.remember)
	}
	s.passkeys(mux)
	s.Server = httptest.NewServer(guarded(mux))
	t.Cleanup(s.Close)
	// A passkey needs a host name; 127.0.0.1 is none.
	s.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	s.keys, err = webauthn.New(&webauthn.Config{RPID: "localhost", RPDisplayName: "Binnacle", RPOrigins: []string{s.URL}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type pageData struct {
	Config string
	Words  map[string]any
}

// Static and Icon are for the template.
func (pageData) Static(name string) string    { return URL(name) }
func (pageData) Icon(id string) template.HTML { return Icon(id) }

// wordsForTest gives each key itself, with what is filled in.
func wordsForTest() map[string]any {
	words := make(map[string]any)
	for _, k := range WordKeys() {
		words[k] = k
	}
	for _, k := range PluralKeys() {
		words[k] = map[string]string{"one": "{n} " + k, "other": "{n} of " + k}
	}
	return words
}

func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		next.ServeHTTP(w, r)
	})
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte(s))
	}
}

func (s *site) remember(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	s.note(r.Method + " " + r.URL.Path + " " + r.PostForm.Encode())
	text(`<title>kept</title><link rel="stylesheet" href="`+URL("binnacle.css")+`">`)(w, r)
}

func (s *site) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, line)
}

// was waits until the site has been sent exactly want.
func (s *site) was(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for range 60 {
		s.mu.Lock()
		got = slices.Clone(s.sent)
		s.mu.Unlock()
		if len(got) >= len(want) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the site was sent (-want +got):\n%s", diff)
	}
}

// keyUser is somebody with passkeys.
type keyUser struct{ creds []webauthn.Credential }

func (u *keyUser) WebAuthnID() []byte                         { return []byte("ines") }
func (u *keyUser) WebAuthnName() string                       { return "ines" }
func (u *keyUser) WebAuthnDisplayName() string                { return "Inés Valcárcel" }
func (u *keyUser) WebAuthnCredentials() []webauthn.Credential { return u.creds }

func (s *site) passkeys(mux *http.ServeMux) {
	answer := func(w http.ResponseWriter, v any, err error) {
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			v = map[string]string{"detail": err.Error()}
		}
		json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("POST /passkey/register", func(w http.ResponseWriter, r *http.Request) {
		options, session, err := s.keys.BeginRegistration(&s.user)
		s.session = session
		answer(w, options, err)
	})
	mux.HandleFunc("POST /passkey/registered", func(w http.ResponseWriter, r *http.Request) {
		cred, err := s.keys.FinishRegistration(&s.user, *s.session, r)
		if err == nil {
			s.user.creds = append(s.user.creds, *cred)
			s.note("registered " + r.URL.Query().Get("name"))
		}
		answer(w, struct{}{}, err)
	})
	mux.HandleFunc("POST /passkey/login", func(w http.ResponseWriter, r *http.Request) {
		options, session, err := s.keys.BeginLogin(&s.user)
		s.session = session
		answer(w, options, err)
	})
	mux.HandleFunc("POST /passkey/logged-in", func(w http.ResponseWriter, r *http.Request) {
		_, err := s.keys.FinishLogin(&s.user, *s.session, r)
		answer(w, map[string]string{"location": "/went/in"}, err)
	})
}

type step = chromedp.Action[chromedp.Void]

// tab is a page of a browser, open on the site.
type tab struct {
	*testing.T
	ctx  context.Context
	site *site

	mu       sync.Mutex
	problems []string
}

func (b *tab) do(actions ...step) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// eventually fails unless the JavaScript expression becomes want.
func (b *tab) eventually(expr string, want any) {
	b.Helper()
	var got any
	for range 60 {
		v, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](expr))
		got = v
		if err == nil && fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.Errorf("%s is %v, want %v", expr, got, want)
}

func problem(d *runtime.ExceptionDetails) string {
	if d.Exception != nil && d.Exception.Description != "" {
		return d.Text + " " + d.Exception.Description
	}
	return d.Text + " " + d.URL + ":" + fmt.Sprint(d.LineNumber, d.StackTrace)
}

// listen collects refusals of the policy and errors of the scripts.
func (b *tab) listen() {
	b.Helper()
	err := chromedp.Listen(b.ctx, func(ev any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			b.problems = append(b.problems, problem(e.ExceptionDetails))
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

func TestScriptInABrowser(t *testing.T) {
	path := testenv.Chromium(t)
	browser, stop := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true)))
	defer stop()
	if err := chromedp.Do(browser); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(*tab){
		"theme": themeChanges, "palette": paletteFinds, "keys": keysGo, "no keys": keysCanBeOff, "rows": rowsGrow, "tags": tagsAreChips,
		"confirm": dangerAsks, "confirm typed": dangerAsksForTheName, "bulk": rowsArePicked, "filter": filterStaysInTheAddress, "errors": errorsAreToasts,
		"undo": undoPosts, "drawer": drawerHasAnAddress, "dirty": changesAreMarked, "tip": tipsAreSoon, "passkeys": passkeysWork, "follow": fieldsFollow,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := chromedp.NewContext(browser)
			defer stop()
			ctx, stop2 := context.WithTimeout(ctx, 30*time.Second)
			defer stop2()
			b := &tab{T: t, ctx: ctx, site: newSite(t)}
			b.listen()
			b.do(chromedp.EmulateViewport(1200, 900), chromedp.Navigate(b.site.URL+"/"))
			b.eventually("document.documentElement.classList.contains('js')", true)
			f(b)
			b.mu.Lock()
			defer b.mu.Unlock()
			if len(b.problems) > 0 {
				t.Errorf("the browser complains:\n%s", strings.Join(b.problems, "\n"))
			}
		})
	}
}

func click(id string) step { return on("#" + id) }

func on(selector string) step { return chromedp.Click(chromedp.CSS(selector)) }

// press types keys as a keyboard does: a key that the page keeps for itself
// writes no letter.
func press(keys string, opts ...chromedp.KeyOption) step {
	raw := func(p *input.DispatchKeyEventParams) {
		if p.Type == kb.KeyDown {
			p.Type = input.DispatchKeyEventTypeRawKeyDown
		}
	}
	return chromedp.KeyEvent(keys, append(opts, raw)...)
}

// point moves the pointer onto the middle of an element.
func (b *tab) point(id string) {
	b.Helper()
	r, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]float64]("(r => [r.left + r.width / 2, r.top + r.height / 2])(document.getElementById('"+id+"').getBoundingClientRect())"))
	if err != nil {
		b.Fatal(err)
	}
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, r[0], r[1]))
}

func run(script string) step {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[any](script+"; null"))
		return err
	})
}

func themeChanges(b *tab) {
	b.do(click("theme"))
	b.eventually("document.documentElement.dataset.theme", "light")
	b.do(click("theme"))
	b.eventually("document.documentElement.dataset.theme", "dark")
	b.eventually("document.querySelector('#theme').getAttribute('aria-label').trim()", "theme.dark")
	b.do(click("light"))
	b.eventually("document.querySelector('#light').getAttribute('aria-pressed')", "true")
	b.eventually("getComputedStyle(document.body).colorScheme", "light")
	b.eventually("location.pathname", "/")
	b.site.was(b.T, "POST /preferences theme=light", "POST /preferences theme=dark", "POST /preferences theme=light")
}

func paletteFinds(b *tab) {
	control := chromedp.KeyModifiers(chromedp.ModifierCtrl)
	b.do(press("k", control))
	b.eventually("document.activeElement === document.querySelector('#cmdk input')", true)
	b.do(press("decision"))
	b.eventually("[...document.querySelectorAll('.cmdk-item')].filter(i => i.checkVisibility()).map(i => i.textContent).join()", "Decisión,Found it")
	b.eventually("document.getElementById(document.querySelector('#cmdk input').getAttribute('aria-activedescendant')).textContent", "Decisión")
	b.do(press(kb.ArrowDown), press(kb.Enter))
	b.eventually("location.pathname", "/went/decision")
}

func keysGo(b *tab) {
	b.do(press("j"), press("j"), press("x"))
	b.eventually("document.querySelector('#r2').getAttribute('aria-selected') + document.querySelector('#p2').checked", "truetrue")
	b.do(press("?"))
	b.eventually("document.querySelector('#keys').open", true)
	b.do(press(kb.Escape))
	b.do(press("/"))
	b.eventually("document.activeElement.id", "q")
	b.do(press("ga")) // inert in a field
	b.eventually("document.querySelector('#q').value", "ga")
	b.do(run("document.activeElement.blur()"), press("g"), press("a"))
	b.eventually("location.pathname", "/went/radar")
}

func keysCanBeOff(b *tab) {
	b.do(run("document.documentElement.dataset.keys = 'off'"), press("g"), press("a"), press("?"))
	time.Sleep(200 * time.Millisecond)
	b.eventually("location.pathname + document.querySelector('#keys').open", "/false")
}

const names = "[...document.querySelectorAll('#links [name]')].map(i => i.name).join(' ')"

func rowsGrow(b *tab) {
	b.do(click("add"))
	b.eventually(names, "spec.links.0.url spec.links.0.hosts.0 spec.links.1.url")
	b.eventually("document.activeElement.id", "f-spec.links.1.url")
	b.do(press("two"), on("#links > [data-item]:nth-of-type(2) [data-rows] [data-add]"))
	b.eventually(names, "spec.links.0.url spec.links.0.hosts.0 spec.links.1.url spec.links.1.hosts.0")
	b.do(on("#links > [data-item]:nth-of-type(2) > [data-up]"))
	b.eventually("[...document.querySelectorAll('#links [name]')].map(i => i.name + '=' + i.value).join(' ')", "spec.links.0.url=two spec.links.0.hosts.0= spec.links.1.url=one spec.links.1.hosts.0=h")
	b.eventually("[...document.querySelectorAll('#links label')].map(l => l.htmlFor).join(' ')", "f-spec.links.0.url f-spec.links.1.url")
	b.do(click("add"))
	b.eventually("document.querySelector('#add').disabled", true)
	for range 3 {
		b.do(on("#links > [data-item] > [data-remove]"))
	}
	b.eventually(names+" + document.querySelector('#none').hidden + document.activeElement.id", "falseadd")
}

func tagsAreChips(b *tab) {
	b.do(click("tags"), press("pci,"), press("go"), press(kb.Enter))
	b.eventually("document.querySelector('[name=\"metadata.tags\"]').value", "go, tier-1, pci")
	b.do(on("[data-tag=\"tier-1\"]"))
	b.eventually("document.querySelector('[name=\"metadata.tags\"]').value", "go, pci")
	b.do(press(kb.Backspace))
	b.eventually("[...document.querySelectorAll('.tags .chip')].map(c => c.textContent).join()", "go")
}

func dangerAsks(b *tab) {
	b.do(on("#gone button"))
	b.eventually("document.querySelector('dialog.confirm').innerText.replace(/\\s+/g, ' ')", "Delete? payments goes cancel Delete it")
	b.eventually("document.activeElement.textContent.trim()", "cancel")
	b.do(press(kb.Enter))
	b.eventually("document.querySelector('dialog.confirm')", "<nil>")
	b.site.was(b.T)
	b.do(on("#gone button"), on("dialog.confirm .btn-danger"))
	b.site.was(b.T, "POST /delete how=hard")
}

func dangerAsksForTheName(b *tab) {
	b.do(on("#typed button"))
	b.eventually("document.querySelector('dialog.confirm .btn-danger').disabled", true)
	b.do(press("payments"))
	b.eventually("document.querySelector('dialog.confirm .btn-danger').disabled", false)
	b.do(on("dialog.confirm .btn-danger"))
	b.site.was(b.T, "POST /delete ")
}

func rowsArePicked(b *tab) {
	b.eventually("document.querySelector('#bar').hidden", true)
	b.do(click("p1"))
	b.eventually("document.querySelector('#picked').textContent + document.querySelector('#all').indeterminate", "1 selectedtrue")
	b.do(click("all"))
	b.eventually("document.querySelector('#picked').textContent", "3 of selected")
	b.eventually("document.querySelector('#say').textContent", "3 of selected")
	b.do(click("unpick"))
	b.eventually("document.querySelector('#bar').hidden", true)
	b.do(click("p1"), run("document.querySelector('#p3').dispatchEvent(new MouseEvent('click', {bubbles: true, shiftKey: true}))"))
	b.eventually("document.querySelectorAll('[data-pick]:checked').length", 3)
}

func filterStaysInTheAddress(b *tab) {
	b.do(click("q"), press("pay"))
	b.eventually("document.querySelector('#count').textContent", "asked for q=pay")
	b.eventually("location.pathname + location.search", "/list?q=pay")
	b.eventually("document.activeElement.id", "q")
	b.eventually("document.querySelector('#say').textContent", "asked for q=pay")
}

func errorsAreToasts(b *tab) {
	b.do(click("fails"))
	b.eventually("document.querySelector('.toast-bad').innerText.trim()", "Somebody else changed it")
	b.do(on(".toast [data-dismiss]"))
	b.eventually("document.querySelector('.toast')", "<nil>")
	b.eventually("document.querySelector('#count').textContent", "4 things")
}

func undoPosts(b *tab) {
	b.do(click("toasts-one"))
	b.eventually("document.querySelector('.toast span').textContent", "Deleted <payments>")
	b.do(on(".toast form button"))
	b.site.was(b.T, "POST /undo id=7")
}

func drawerHasAnAddress(b *tab) {
	b.do(click("open"))
	b.eventually("location.hash + document.querySelector('#ev-1').open", "#ev-1true")
	b.eventually("document.querySelector('#filled').textContent", "Measured today")
	b.do(press(kb.Escape))
	b.eventually("location.hash + document.querySelector('#ev-1').open + document.activeElement.id", "falseopen")
	b.do(run("location.hash = 'ev-1'"))
	b.eventually("document.querySelector('#ev-1').open", true)
}

func changesAreMarked(b *tab) {
	b.eventually("document.querySelector('#note').hidden", true)
	b.do(chromedp.SendKeys(chromedp.CSS(`[name="spec.links.0.url"]`), "x"))
	b.eventually("document.querySelector('#note').hidden + document.querySelector('#edit').dataset.dirty", "falseyes")
	b.do(on("#edit > .btn"))
	b.site.was(b.T, "POST /save for-a=&how=a&metadata.tags=go%2C+tier-1&spec.links.0.hosts.0=h&spec.links.0.url=xone")
}

func tipsAreSoon(b *tab) {
	b.do(chromedp.ScrollIntoView(chromedp.CSS("#spark")))
	b.point("spark")
	b.eventually("document.querySelector('.tip').textContent + document.querySelector('.tip').hidden", "82 to 18false")
}

func fieldsFollow(b *tab) {
	b.eventually("document.querySelector('#when-a').hidden + '' + document.querySelector('#when-b').hidden", "falsetrue")
	b.do(run("const s = document.querySelector('#how'); s.value = 'b'; s.dispatchEvent(new Event('change', {bubbles: true}))"))
	b.eventually("document.querySelector('#when-a input').disabled + '' + document.querySelector('#when-b').hidden", "truefalse")
}

func passkeysWork(b *tab) {
	if _, err := chromedp.Call(b.ctx, cdpwebauthn.Enable, cdpwebauthn.EnableParams{}); err != nil {
		b.Fatal(err)
	}
	device := cdpwebauthn.VirtualAuthenticatorOptions{
		Protocol: cdpwebauthn.AuthenticatorProtocolCtap2, Transport: cdpwebauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}
	if _, err := chromedp.Call(b.ctx, cdpwebauthn.AddVirtualAuthenticator, cdpwebauthn.AddVirtualAuthenticatorParams{Options: &device}); err != nil {
		b.Fatal(err)
	}
	b.do(click("register"))
	b.eventually("location.pathname", "/went/registered")
	b.site.was(b.T, "registered Laptop")
	for _, how := range []string{"as it is", "without the JSON helpers of new browsers"} {
		b.do(chromedp.Navigate(b.site.URL + "/"))
		if how != "as it is" {
			b.do(run("delete PublicKeyCredential.parseRequestOptionsFromJSON; delete PublicKeyCredential.prototype.toJSON"))
		}
		b.do(click("login"))
		b.eventually("location.pathname", "/went/in")
	}
}

func TestPageOfTheBrowserTest(t *testing.T) {
	body, err := os.ReadFile("testdata/page.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, attr := range []string{"data-rows=", "data-tags", "data-confirm=", "data-pick-all", "data-passkey=", "data-shows=", "hx-get="} {
		if !bytes.Contains(body, []byte(attr)) {
			t.Errorf("the page no longer tries %s", attr)
		}
	}
}
