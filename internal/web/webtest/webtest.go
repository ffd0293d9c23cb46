// Package webtest lets a room try its pages and cards in a whole installation:
// a real catalog in a database of the test's own, the door and the page kit.
package webtest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/morning"
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
	DB      *sqldb.DB
	Feed    *feed.Feed
	Claims  *claim.Engine
	Morning *morning.Desk
	Time    time.Time // what the clock of the house shows

	watches []feed.Watch
	read    []int64 // how far each watch has come
}

// New returns a house with the rooms.
func New(t testing.TB, rooms ...room.Module) *House {
	t.Helper()
	h := &House{TB: t, Who: map[string]auth.Principal{
		"owner":   {Account: "a1", Name: "Inés Valcárcel", Org: "default", OrgTitle: "Kestrane", Home: true, Role: auth.RoleOwner, Via: "web"},
		"auditor": {Account: "a2", Name: "Paul Audit", Org: "default", OrgTitle: "Kestrane", Home: true, Role: auth.RoleAuditor, Via: "web"},
	}}
	h.DB, h.Time = sqldbtest.SQLite(t, migrations(rooms)), Now
	clock := func() time.Time { return h.Time }
	kinds := claim.Kinds()
	var modules []web.Module
	claims, desk := claim.Config{DB: h.DB, Now: clock}, morning.Config{DB: h.DB, Now: clock}
	for _, r := range rooms {
		kinds, modules = append(kinds, r.Kinds...), append(modules, r.Module)
		claims.Bearers, claims.Tables = append(claims.Bearers, r.Bearers...), append(claims.Tables, r.Asked()...)
		claims.Words = append(claims.Words, r.Words...)
		desk.Waiters, desk.News = append(desk.Waiters, r.Waiters...), append(desk.News, r.News...)
	}
	h.Catalog, h.Feed = catalog.New(h.DB, catalog.NewKinds(kinds...), catalog.WithClock(clock)), feed.New(h.DB)
	claims.Catalog, claims.Feed = h.Catalog, h.Feed
	h.Claims = claim.New(claims)
	desk.Catalog, desk.Feed, desk.Claims = h.Catalog, h.Feed, h.Claims
	h.Morning = morning.New(desk)
	h.watches = h.Claims.Watches()
	for _, r := range rooms {
		if r.Watches != nil {
			h.watches = append(h.watches, r.Watches(h.Catalog)...)
		}
	}
	h.read = make([]int64, len(h.watches))
	var err error
	if h.App, err = web.New(web.Config{Catalog: h.Catalog, Feed: h.Feed, Claims: h.Claims, Morning: h.Morning, Modules: modules, Version: "1.2.3", Clock: clock}); err != nil {
		t.Fatal(err)
	}
	errors := map[door.Face]func(http.ResponseWriter, *http.Request, error){door.Web: h.App.Error}
	h.Handler = (&door.Door{Auth: sessions{h}, Errors: errors}).Handler(h.App.Routes())
	return h
}

func migrations(rooms []room.Module) []sqldb.Migration {
	all := slices.Concat(catalogtest.Migrations(), auth.Migrations(), web.Migrations(), claim.Migrations(), morning.Migrations())
	for _, r := range rooms {
		all = append(all, r.Steps()...)
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

// Settle lets the watches take in the feed and tests the claims that are due,
// until nothing follows any more.
func (h *House) Settle() {
	h.Helper()
	for moved := true; moved; {
		moved = false
		for i, w := range h.watches {
			batch, next, err := h.Feed.Page(context.Background(), h.read[i], 500, w.Types...)
			if err == nil && len(batch) > 0 {
				err = h.DB.Tx(context.Background(), func(tx *sqldb.Tx) error { return w.Handle(context.Background(), tx, batch) })
			}
			if err != nil {
				h.Fatalf("watch %s: %v", w.Name, err)
			}
			moved = moved || next != h.read[i]
			h.read[i] = next
		}
		n, err := h.Claims.Drain(context.Background())
		if err != nil {
			h.Fatal(err)
		}
		moved = moved || n > 0
	}
}

// Replay lets the watches take in the whole feed again, as after their cursors
// were lost.
func (h *House) Replay() {
	h.Helper()
	clear(h.read)
	h.Settle()
}

// Post sends a form as somebody.
func (h *House) Post(path, who string, form url.Values) *httptest.ResponseRecorder {
	h.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.AddCookie(&http.Cookie{Name: "binnacle_session", Value: who})
	w := httptest.NewRecorder()
	h.Handler.ServeHTTP(w, r)
	return w
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
