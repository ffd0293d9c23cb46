package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/web"
)

// browser keeps cookies from one request to the next, as nobody's session.
type browser struct {
	h       *house
	cookies map[string]*http.Cookie
}

func (h *house) browser() *browser { return &browser{h, map[string]*http.Cookie{}} }

func (b *browser) do(r request) *httptest.ResponseRecorder {
	b.h.t.Helper()
	r.as = "-"
	for _, c := range b.cookies {
		r.cookies = append(r.cookies, c)
	}
	w := b.h.do(r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	return w
}

func (b *browser) get(path string) *httptest.ResponseRecorder { return b.do(request{path: path}) }

func (b *browser) post(path string, form url.Values) *httptest.ResponseRecorder {
	return b.do(request{method: "POST", path: path, form: form})
}

func (b *browser) want(w *httptest.ResponseRecorder, status int, location string) string {
	b.h.t.Helper()
	if w.Code != status || location != "" && w.Header().Get("Location") != location {
		b.h.t.Fatalf("status %d to %q, want %d to %q\n%s", w.Code, w.Header().Get("Location"), status, location, mainOf(w.Body.String()))
	}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") && strings.Contains(w.Body.String(), "<html") {
		for _, problem := range checkPage(w.Body.String()) {
			b.h.t.Error(problem)
		}
	}
	return w.Body.String()
}

func TestFirstStart(t *testing.T) {
	h := newHouseWithout(t)
	b := h.browser()
	b.want(b.get("/sign-in"), 303, "/welcome")
	closed := func(w *httptest.ResponseRecorder, status int, says string) {
		t.Helper()
		page := b.want(w, status, "")
		if strings.Contains(page, `name="password"`) || !strings.Contains(page, "binnacle serve") || !strings.Contains(page, "binnacle user add") || !strings.Contains(page, says) {
			t.Errorf("who has no link gets a form, or is not told where it is\n%s", mainOf(page))
		}
	}
	closed(b.get("/welcome"), 200, "")
	form := url.Values{"organisation": {"Kestrane"}, "name": {"Inés Valcárcel"}, "email": {"ines@kestrane.example"}, "password": {password}}
	b.want(b.post("/welcome", form), 405, "")
	closed(b.post("/welcome/guessed", form), 422, "not the link")

	first, second := h.setupLink(), h.setupLink()
	closed(b.get(first), 422, "not the link")
	closed(b.post(first, form), 422, "not the link")
	page := b.want(b.get(second), 200, "")
	form = formOf(t, page, second)
	form.Set("organisation", "Kestrane")
	form.Set("name", "Inés Valcárcel")
	form.Set("email", "ines@kestrane.example")
	for _, bad := range []string{"short", ""} {
		form.Set("password", bad)
		body := b.want(b.post(second, form), 422, "")
		if !strings.Contains(body, "password-e") || !strings.Contains(body, "ines@kestrane.example") || strings.Contains(body, `value="short"`) {
			t.Errorf("the form does not say what is wrong, or gives the password back\n%s", mainOf(body))
		}
	}
	form.Set("password", password)
	b.want(b.post(second, form), 303, "/")
	if body := b.want(b.get("/"), 200, ""); !strings.Contains(body, "Kestrane") || !strings.Contains(body, "First steps") {
		t.Errorf("the first page\n%s", mainOf(body))
	}
	other := h.browser()
	other.want(other.post(second, form), 409, "")
	other.want(other.get(second), 303, "/")
	other.want(other.get("/welcome"), 303, "/")
}

// setupLink is the link that the program prints when it starts.
func (h *house) setupLink() string {
	h.t.Helper()
	l, err := h.auth.SetupLink(h.t.Context(), auth.Local(auth.HomeID, "test", "cli"))
	if err != nil {
		h.t.Fatal(err)
	}
	return web.LinkPath("welcome", l.Secret)
}

func signedIn(h *house) *browser {
	h.t.Helper()
	b := h.browser()
	b.want(b.post("/sign-in", url.Values{"email": {"ines@kestrane.example"}, "password": {password}, "next": {"/services"}}), 303, "/services")
	return b
}

func TestSignInAndOut(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.want(b.get("/services?q=x"), 303, "/sign-in?next=%2Fservices%3Fq%3Dx")
	body := b.want(b.post("/sign-in", url.Values{"email": {"ines@kestrane.example"}, "password": {"wrong horse battery"}, "next": {"//evil.example"}}), 422, "")
	if !strings.Contains(body, "The address or the password is wrong.") || strings.Contains(body, "evil.example") {
		t.Errorf("a wrong password\n%s", mainOf(body))
	}
	b = signedIn(h)
	b.want(b.get("/services"), 200, "")
	b.want(b.get("/sign-in"), 303, "/")
	b.want(b.post("/sign-out", url.Values{}), 303, "/sign-in")
	b.want(b.get("/services"), 303, "/sign-in?next=%2Fservices")
}

func TestSecondFactor(t *testing.T) {
	h := newHouse(t)
	b := signedIn(h)
	page := b.want(b.post("/account/factor", url.Values{}), 200, "")
	if !strings.Contains(page, "<path d=\"M") {
		t.Error("no QR code")
	}
	form := formOf(t, page, "/account/factor/confirm")
	secret := form.Get("secret")
	form.Set("code", "000000")
	page = b.want(b.post("/account/factor/confirm", form), 422, "")
	if !strings.Contains(page, secret) {
		t.Error("after a wrong code the secret is gone")
	}
	code, err := totp.GenerateCode(secret, testNow)
	if err != nil {
		t.Fatal(err)
	}
	form.Set("code", code)
	page = b.want(b.post("/account/factor/confirm", form), 200, "")
	codes := regexp.MustCompile(`<li>([a-zA-Z0-9-]{16,})</li>`).FindAllStringSubmatch(page, -1)
	if len(codes) != 10 {
		t.Fatalf("%d recovery codes", len(codes))
	}
	fresh := h.browser()
	fresh.want(fresh.post("/sign-in", url.Values{"email": {"ines@kestrane.example"}, "password": {password}, "next": {"/services"}}), 303, "/sign-in/code?next=%2Fservices")
	fresh.want(fresh.get("/services"), 303, "/sign-in?next=%2Fservices")
	fresh.want(fresh.get("/sign-in/code?next=%2Fservices"), 200, "")
	fresh.want(fresh.post("/sign-in/code", url.Values{"code": {"123"}, "next": {"/services"}}), 422, "")
	fresh.want(fresh.post("/sign-in/code", url.Values{"code": {codes[0][1]}, "next": {"/services"}}), 303, "/services")
	fresh.want(fresh.get("/services"), 200, "")
}

func TestInvitation(t *testing.T) {
	h := newHouse(t)
	b := signedIn(h)
	form := formOf(t, b.want(b.get("/settings/people"), 200, ""), "/settings/people/invite")
	form.Set("email", "nobody")
	b.want(b.post("/settings/people/invite", form), 422, "")
	form.Set("email", "diego@kestrane.example")
	form.Set("role", "lead")
	page := b.want(b.post("/settings/people/invite", form), 200, "")
	m := regexp.MustCompile(`http://example.com(/invitation/[^<]+)<`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no link\n%s", mainOf(page))
	}
	guest := h.browser()
	accept := formOf(t, guest.want(guest.get(m[1]), 200, ""), m[1])
	accept.Set("name", "Diego Ruiz")
	accept.Set("password", password)
	guest.want(guest.post(m[1], accept), 303, "/")
	if body := guest.want(guest.get("/"), 200, ""); !strings.Contains(body, "Diego Ruiz") {
		t.Error("the guest is not in")
	}
	guest.want(guest.get("/settings/people"), 403, "")
	guest.want(guest.get(m[1]), 422, "")
	if body := b.want(b.get("/settings/people"), 200, ""); !strings.Contains(body, "diego@kestrane.example") {
		t.Error("the guest is not in the list")
	}
}

func TestOneTimeLink(t *testing.T) {
	h := newHouse(t)
	link, err := h.auth.SignInLink(t.Context(), auth.Local("default", "test", "cli"), "ines@kestrane.example", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	path := "/sign-in/link/" + link.Secret
	b := h.browser()
	b.want(b.get(path), 200, "")
	b.want(b.get(path), 200, "")
	b.want(b.post(path, url.Values{}), 303, "/")
	b.want(b.get("/account"), 200, "")
	other := h.browser()
	other.want(other.post(path, url.Values{}), 422, "")
}

func TestResetLink(t *testing.T) {
	h := newHouse(t)
	b := signedIn(h)
	page := b.want(b.post("/settings/people/reset", url.Values{"account": {h.who["member"].Account}, "email": {"member@kestrane.example"}}), 200, "")
	m := regexp.MustCompile(`http://example.com(/reset/[^<]+)<`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no link\n%s", mainOf(page))
	}
	guest := h.browser()
	form := formOf(t, guest.want(guest.get(m[1]), 200, ""), m[1])
	form.Set("password", "x")
	guest.want(guest.post(m[1], form), 422, "")
	form.Set("password", "another good horse battery")
	guest.want(guest.post(m[1], form), 303, "/sign-in")
	guest.want(guest.post("/sign-in", url.Values{"email": {"member@kestrane.example"}, "password": {"another good horse battery"}}), 303, "/")
}

func TestAccount(t *testing.T) {
	h := newHouse(t)
	b := signedIn(h)
	b.want(b.post("/account/profile", url.Values{"name": {"Inés V."}}), 303, "/account")
	b.want(b.post("/account/profile", url.Values{"name": {""}}), 422, "")
	b.want(b.post("/account/password", url.Values{"current": {"wrong"}, "password": {"a new horse battery staple"}}), 422, "")
	b.want(b.post("/account/password", url.Values{"current": {password}, "password": {"a new horse battery staple"}}), 303, "/account")
	page := b.want(b.post("/account/tokens", url.Values{"name": {"script"}, "scope": {"read"}, "days": {"30"}}), 200, "")
	if !strings.Contains(page, "bnc_") {
		t.Error("the token is not shown")
	}
	if page := b.want(b.get("/account"), 200, ""); strings.Contains(page, `id="new-token"`) || !strings.Contains(page, "script") {
		t.Error("the secret is shown again, or the token is not listed")
	}
	b.want(b.post("/account/tokens", url.Values{"name": {""}, "scope": {"read"}}), 422, "")
	data := b.get("/account/data?format=json")
	var held map[string]any
	if err := json.Unmarshal(data.Body.Bytes(), &held); err != nil || held["account"] == nil {
		t.Errorf("my data: %v\n%s", err, clipText(data.Body.String()))
	}
	w := b.do(request{method: "POST", path: "/account/passkeys/options", body: "{}", kind: "application/json", header: http.Header{"Accept": {"application/json"}}})
	if w.Code != 200 || !strings.Contains(w.Body.String(), "challenge") || b.cookies["binnacle_flow"] == nil {
		t.Errorf("passkey options: %d %s", w.Code, w.Body)
	}
	w = b.do(request{method: "POST", path: "/account/passkeys?name=laptop", body: "{}", kind: "application/json", header: http.Header{"Accept": {"application/json"}}})
	if w.Code != 422 || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("a passkey that is none: %d %s", w.Code, w.Body)
	}
}

func TestPreferences(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	w := b.post("/preferences", url.Values{"lang": {"es"}, "next": {"/sign-in"}})
	b.want(w, 303, "/sign-in")
	if body := b.want(b.get("/sign-in"), 200, ""); !strings.Contains(body, `<html lang="es">`) {
		t.Error("the page is not Spanish")
	}
	b.want(b.post("/preferences", url.Values{"theme": {"dark"}}), 303, "/")
	if body := b.want(b.get("/sign-in"), 200, ""); !strings.Contains(body, `data-theme="dark"`) {
		t.Error("the page is not dark")
	}
	b.want(b.post("/preferences", url.Values{"theme": {"pink"}}), 422, "")
	in := signedIn(h)
	in.want(in.post("/preferences", url.Values{"theme": {"light"}, "keys": {"off"}}), 303, "/")
	again := signedIn(h)
	if body := again.want(again.get("/account"), 200, ""); !strings.Contains(body, `data-theme="light"`) || !strings.Contains(body, `data-keys="off"`) {
		t.Error("preferences do not follow the account")
	}
}

func TestSettings(t *testing.T) {
	h := newHouse(t)
	b := signedIn(h)
	b.want(b.post("/settings/organisation", url.Values{"title": {"Kestrane SA"}}), 303, "/settings")
	b.want(b.post("/settings/organisation", url.Values{"title": {""}}), 422, "")
	b.want(b.post("/settings/organisations", url.Values{"id": {"Bad Id"}, "newtitle": {"Second"}}), 422, "")
	b.want(b.post("/settings/organisations", url.Values{"id": {"second"}, "newtitle": {"Second"}}), 303, "/settings")
	if body := b.want(b.get("/"), 200, ""); !strings.Contains(body, `name="org" value="second"`) {
		t.Error("there is no way to the second organisation")
	}
	b.want(b.post("/organisation", url.Values{"org": {"second"}, "next": {"/"}}), 303, "/")
	if body := b.want(b.get("/settings"), 200, ""); !strings.Contains(body, `<small>Second</small>`) {
		t.Error("the organisation was not switched")
	}
	b.want(b.post("/organisation", url.Values{"org": {"default"}}), 303, "/")
	b.want(b.post("/settings/people/role", url.Values{"account": {h.who["member"].Account}, "role": {"ciso"}, "expires": {"2027-01-31"}}), 303, "/settings/people")
	b.want(b.post("/settings/people/role", url.Values{"account": {h.who["member"].Account}, "role": {"ciso"}, "expires": {"31.1."}}), 422, "")
	b.want(b.post("/settings/people/disable", url.Values{"account": {h.who["member"].Account}, "disabled": {"true"}}), 303, "/settings/people")
	if body := b.want(b.get("/settings/people"), 200, ""); !strings.Contains(body, "disabled") || !strings.Contains(body, "2027-01-31") {
		t.Error("the change does not show")
	}
	sso := url.Values{"title": {"Example"}, "issuer": {"ftp://x"}, "clientId": {"binnacle"}, "secret": {"the-client-secret"}, "roles": {"leads = lead"}, "defaultRole": {"member"}}
	if body := b.want(b.post("/settings/sign-in", sso), 422, ""); !strings.Contains(body, "leads = lead") || strings.Contains(body, "the-client-secret") {
		t.Error("what was typed is gone, or the secret came back")
	}
	sso.Set("issuer", "https://login.example")
	b.want(b.post("/settings/sign-in", sso), 303, "/settings/sign-in")
	out := h.browser()
	if body := out.want(out.get("/sign-in"), 200, ""); !strings.Contains(body, "Sign in with Example") {
		t.Error("no button for the provider")
	}
	page := b.want(b.post("/settings/tokens", url.Values{"name": {"syslog"}}), 200, "")
	if !strings.Contains(page, "bnc_") {
		t.Error("the machine's token is not shown")
	}
}

func TestAuditLog(t *testing.T) {
	h := fullHouse(t)
	b := signedIn(h)
	if body := b.want(b.get("/audit?action=sign-in"), 200, ""); !strings.Contains(body, "Inés Valcárcel") {
		t.Errorf("the sign-in is not in the log\n%s", mainOf(body))
	}
	if body := b.want(b.post("/audit/verify", url.Values{}), 200, ""); !strings.Contains(body, "The chain is whole") {
		t.Errorf("the chain\n%s", mainOf(body))
	}
	w := b.get("/audit/export?format=ndjson")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"end"`) {
		t.Errorf("export: %d %s", w.Code, clipText(w.Body.String()))
	}
	if w := h.do(request{path: "/audit", as: "member"}); w.Code != 403 {
		t.Errorf("a member reads the audit log: %d", w.Code)
	}
}

func TestErrorsForScripts(t *testing.T) {
	h := fullHouse(t)
	w := h.do(request{path: "/services/default/nothing", htmx: true})
	var problem struct {
		Status        int
		Title, Detail string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || w.Code != 404 || problem.Status != 404 || problem.Title == "" || problem.Detail == "" {
		t.Errorf("%d %v %s", w.Code, err, w.Body)
	}
	if w := h.do(request{method: "DELETE", path: "/services"}); w.Code != 405 || len(checkPage(w.Body.String())) > 0 {
		t.Errorf("method: %d %v", w.Code, checkPage(w.Body.String()))
	}
}
