package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/backup"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// A backup that cannot be read leaves no database that looks like an empty
// installation.
func TestFailedRestoreLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cut.backup")
	if err := os.WriteFile(file, []byte("not a backup"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if _, err := app.Restore(t.Context(), app.Config{Data: data}, file, nil); err == nil {
		t.Fatal("it was restored")
	}
	left, err := filepath.Glob(filepath.Join(data, "binnacle.db*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// One that was there before stays.
	before, err := app.Open(t.Context(), app.Config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	before.Close()
	if _, err := app.Restore(t.Context(), app.Config{Data: data}, file, nil); err == nil {
		t.Fatal("it was restored over an installation")
	}
	if _, err := os.Stat(filepath.Join(data, "binnacle.db")); err != nil {
		t.Errorf("the installation that was there is gone: %v", err)
	}
}

// A backup without the key file, restored where there is none, works: people
// come in with a recovery code, and whoever tries another code is told why it
// does not work. After a reset they come in without.
func TestRestoreWithoutTheKey(t *testing.T) {
	w := newWorld(t, app.Config{})
	setup, err := w.auth.BeginTOTP(t.Context(), w.owner.principal)
	w.must(err)
	code, err := totp.GenerateCode(setup.Secret, time.Now().Add(-30*time.Second))
	w.must(err)
	codes, err := w.auth.ConfirmTOTP(t.Context(), w.owner.principal, code)
	w.must(err)
	file := filepath.Join(t.TempDir(), "copy")
	_, err = backup.WriteFile(t.Context(), w.app.DB, file, w.app.BackupOptions())
	w.must(err)

	cfg := app.Config{Data: filepath.Join(t.TempDir(), "data")}
	_, err = app.Restore(t.Context(), cfg, file, nil)
	w.must(err)
	h := open(t, cfg)
	email := w.owner.principal.Email
	refused := h.enterWith(email, "123456")
	if said := refused.Body.String(); refused.Code != http.StatusServiceUnavailable || !strings.Contains(said, "The key file of this installation is missing") || strings.Contains(said, cfg.Data) {
		t.Errorf("a code without the key file: %d\n%s", refused.Code, said)
	}
	in := h.enterWith(email, codes[0])
	if in.Code != http.StatusSeeOther {
		t.Fatalf("a recovery code: %d\n%s", in.Code, in.Body)
	}
	if page := h.page("/system", in.Result().Cookies()); !strings.Contains(page, "The key file "+cfg.Data+"/key is missing") {
		t.Errorf("/system does not say that the key file is missing:\n%s", page)
	}
	if _, err := h.auth.ResetKey(t.Context(), h.local); err != nil {
		t.Fatal(err)
	}
	h.signIn(email)
	if page := h.page("/system", in.Result().Cookies()); !strings.Contains(page, "opens every secret") {
		t.Errorf("/system after a reset:\n%s", page)
	}
}

// A new key seals everything, so that the old one is not needed any more; and a
// webhook whose secret is lost with its key is off until it has another.
func TestNewKeySealsEverything(t *testing.T) {
	w := newWorld(t, app.Config{})
	ctx, owner := t.Context(), w.owner.principal
	keys := w.app.Auth
	w.prove()
	hook, _, err := w.app.Hooks.Create(ctx, owner, action.Hook{Name: "chat", URL: "https://hooks.example/in"})
	w.must(err)
	_, _, err = w.app.Hooks.Rotate(ctx, owner, hook.ID)
	w.must(err)
	pack := func() string {
		_, err := w.app.Claims.Pack(ctx, w.as(), claim.PackOptions{From: time.Now().Add(-time.Hour), To: time.Now()}, io.Discard)
		w.must(err)
		public, err := w.app.Claims.PublicKeys(ctx)
		w.must(err)
		return public[0]
	}
	signer := pack()

	_, n, err := keys.RotateKey(ctx, w.local)
	w.must(err)
	if n < 4 { // both of the webhook, one for another system, that of packs
		t.Errorf("%d secrets were sealed anew", n)
	}
	file := filepath.Join(w.app.Config.Data, "key")
	data, err := os.ReadFile(file)
	w.must(err)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	w.must(os.WriteFile(file, []byte(lines[len(lines)-1]+"\n"), 0o600))
	if lost, err := keys.LostSecrets(ctx); err != nil || len(lost.Secrets)+len(lost.Providers)+len(lost.Factors)+len(lost.Others) > 0 {
		t.Errorf("with the new key alone: %+v, %v", lost, err)
	}

	w.must(os.Remove(file))
	lost, err := keys.LostSecrets(ctx)
	w.must(err)
	if len(lost.Others) != 1 || len(lost.Others[0].Names) != 1 || lost.Others[0].Names[0] != "chat" {
		t.Errorf("without a key: %+v", lost.Others)
	}
	_, err = keys.ResetKey(ctx, w.local)
	w.must(err)
	if k, err := w.app.Hooks.Get(ctx, owner, hook.ID); err != nil || k.Disabled.IsZero() {
		t.Errorf("a webhook without a secret: %+v, %v", k, err)
	}
	if _, err := w.app.Hooks.SetDisabled(ctx, owner, hook.ID, false); !fault.Is(err, fault.Conflict) {
		t.Errorf("it was enabled without a secret: %v", err)
	}
	_, _, err = w.app.Hooks.Rotate(ctx, owner, hook.ID)
	w.must(err)
	_, err = w.app.Hooks.SetDisabled(ctx, owner, hook.ID, false)
	w.must(err)
	if pack() == signer {
		t.Error("packs are signed with a key that nobody can open")
	}
	report, err := w.app.Audit.Verify(ctx, auth.HomeID)
	w.must(err)
	if !report.OK {
		t.Errorf("the audit log: %+v", report)
	}
}

// page returns what is shown at a path.
func (h *house) page(path string, cookies []*http.Cookie) string {
	r := httptest.NewRequest("GET", path, nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w.Body.String()
}

// enterWith signs in over the web with a password and a code, and returns the
// answer to the code.
func (h *house) enterWith(email, code string) *httptest.ResponseRecorder {
	h.Helper()
	post := func(path string, form url.Values, cookies []*http.Cookie) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, r)
		return w
	}
	first := post("/sign-in", url.Values{"email": {email}, "password": {password}}, nil)
	if !strings.HasPrefix(first.Header().Get("Location"), "/sign-in/code") {
		h.Fatalf("after the password: %d %s", first.Code, first.Header().Get("Location"))
	}
	return post("/sign-in/code", url.Values{"code": {code}}, first.Result().Cookies())
}
