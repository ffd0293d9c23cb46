// Package webtest lets a room try its pages and cards in a whole installation:
// a real catalog in a database of the test's own, the door and the page kit.
package webtest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Now is the time in every house.
var Now = time.Date(2026, 9, 22, 9, 30, 0, 0, time.UTC)

// House is one installation with two people: "owner", who may do everything,
// and "auditor", who reads.
type House struct {
	testing.TB
	Catalog *catalog.Catalog
	App     *web.App
	Handler http.Handler
	Who     map[string]auth.Principal // by the name that Get takes

}

// New returns a house with the rooms.
func New(t testing.TB, rooms ...room.Module) *House {
	t.Helper()
	h := &House{TB: t, Who: map[string]auth.Principal{
		"owner":   {Account: "a1", Name: "Inés Valcárcel", Org: "default", OrgTitle: "Kestrane", Home: true, Role: auth.RoleOwner, Via: "web"},
		"auditor": {Account: "a2", Name: "Paul Audit", Org: "default", OrgTitle: "Kestrane", Home: true, Role: auth.RoleAuditor, Via: "web"},
	}}
	db := sqldbtest.SQLite(t, migrations(rooms))
	clock := func() time.Time { return Now }
	var kinds []*catalog.Kind
	var modules []web.Module
	for _, r := range rooms {
		kinds, modules = append(kinds, r.Kinds...), append(modules, r.Module)
	}
	h.Catalog = catalog.New(db, catalog.NewKinds(kinds...), catalog.WithClock(clock))
	var err error
	if h.App, err = web.New(web.Config{Catalog: h.Catalog, Modules: modules, Version: "1.2.3", Clock: clock}); err != nil {
		t.Fatal(err)
	}
	errors := map[door.Face]func(http.ResponseWriter, *http.Request, error){door.Web: h.App.Error}
	h.Handler = (&door.Door{Auth: sessions{h}, Errors: errors}).Handler(h.App.Routes())
	return h
}

func migrations(rooms []room.Module) []sqldb.Migration {
	all := slices.Concat(catalogtest.Migrations(), auth.Migrations(), web.Migrations())
	for _, r := range rooms {
		all = append(all, r.Migrations...)
	}
	return all
}

// sessions lets in whoever the test names.
type sessions struct{ h *House }

func (s sessions) BySession(_ context.Context, secret string) (auth.Principal, error) {
	if p, ok := s.h.Who[secret]; ok {
		return p, nil
	}
	return auth.Principal{}, fault.New(fault.Unauthenticated, "no session")
}

func (s sessions) ByToken(ctx context.Context, secret string) (auth.Principal, error) {
	return s.BySession(ctx, secret)
}

// Caller is the owner as a caller of the catalog.
func (h *House) Caller() catalog.Caller {
	return catalog.Caller{Principal: h.Who["owner"], Manager: "test"}
}

// Apply writes YAML as the owner does.
func (h *House) Apply(yaml string) {
	h.Helper()
	docs, err := h.Catalog.Decode("test.yaml", []byte(yaml))
	if err == nil {
		_, err = h.Catalog.Apply(context.Background(), h.Caller(), docs, catalog.ApplyOptions{})
	}
	if err != nil {
		h.Fatal(err)
	}
}

// Get asks for a page as somebody, in a language.
func (h *House) Get(path, who string, code lang.Code) *httptest.ResponseRecorder {
	h.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.AddCookie(&http.Cookie{Name: "binnacle_session", Value: who})
	r.AddCookie(&http.Cookie{Name: "binnacle_lang", Value: string(code)})
	w := httptest.NewRecorder()
	h.Handler.ServeHTTP(w, r)
	return w
}

// Page returns a page as the owner reads it in English, and fails the test
// unless it answers 200 and is sound in both languages.
func (h *House) Page(path string) string {
	h.Helper()
	body := ""
	for _, code := range []lang.Code{lang.Spanish, lang.English} {
		w := h.Get(path, "owner", code)
		body = w.Body.String()
		if w.Code != http.StatusOK {
			h.Fatalf("GET %s in %s: status %d\n%s", path, code, w.Code, body)
		}
		for _, p := range Faults(body) {
			h.Errorf("GET %s in %s: %s", path, code, p)
		}
	}
	return body
}

// Main returns the text of a page's main part, its white space folded.
func (h *House) Main(path string) string {
	h.Helper()
	return MainText(h.Page(path))
}

// Wants fails unless a text holds each of the parts.
func (h *House) Wants(text string, parts ...string) {
	h.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			h.Errorf("there is no %q in\n%s", p, text)
		}
	}
}

// Lacks fails when a text holds one of the parts.
func (h *House) Lacks(text string, parts ...string) {
	h.Helper()
	for _, p := range parts {
		if strings.Contains(text, p) {
			h.Errorf("there is %q in\n%s", p, text)
		}
	}
}
