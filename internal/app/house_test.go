package app_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// databases are the ways to keep an installation.
var databases = map[string]func(testing.TB) string{
	"sqlite":   func(testing.TB) string { return "" },
	"postgres": func(t testing.TB) string { return sqldbtest.PostgresURL(t) },
}

// eachDatabase runs a suite on an empty place of each kind, side by side: it is the
// last that a test does.
func eachDatabase(t *testing.T, suite func(t *testing.T, cfg app.Config)) {
	t.Helper()
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite(t, app.Config{Database: database(t)})
		})
	}
}

// cheap is a hash for the passwords of tests: the real one takes too long for
// hundreds of sign-ins.
var cheap = auth.HashParams{Memory: 8, Passes: 1, Lanes: 1}

// password is everybody's.
const password = "a long enough password"

// house is an open installation and the handler that answers for it.
type house struct {
	testing.TB
	app     *app.App
	auth    *auth.Service // as app.Auth, with a cheap hash
	routes  []door.Route
	handler http.Handler
	local   auth.Principal // whoever holds the data folder, in the home organisation
}

// open opens an installation and closes it at the end.
func open(t testing.TB, cfg app.Config) *house {
	t.Helper()
	if cfg.Data == "" {
		cfg.Data = t.TempDir()
	}
	if cfg.RPID == "" {
		cfg.RPID, cfg.Origins = "localhost", []string{"http://localhost"}
	}
	cfg.Version = "test"
	a, err := app.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	h := &house{TB: t, app: a, local: auth.Local(auth.HomeID, "console", "cli")}
	faces, err := a.Faces(false)
	if err != nil {
		t.Fatal(err)
	}
	h.routes, h.handler = faces.Routes(), a.Handler(faces, false)
	keyFile := cfg.KeyFile
	if keyFile == "" {
		keyFile = cfg.Data + "/key"
	}
	keys, err := auth.OpenKeyring(t.Context(), a.DB, keyFile)
	if err == nil {
		h.auth, err = auth.New(t.Context(), auth.Config{DB: a.DB, Keys: keys, RPID: cfg.RPID, Origins: cfg.Origins, Hash: cheap})
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// own makes the first account, an owner of the home organisation.
func (h *house) own(email string) auth.NewSession {
	h.Helper()
	s, err := h.auth.CreateFirstOwner(h.Context(), auth.NewAccount{Email: email, Name: "Ana Ruiz", Password: password}, "Acme", auth.Visitor{Via: "web"})
	h.must(err)
	return s
}

// join adds somebody to an organisation and returns their account's id.
func (h *house) join(org, email string, role auth.Role) string {
	h.Helper()
	name, _, _ := strings.Cut(email, "@")
	m := auth.Membership{Org: org, Role: role}
	if role == auth.RoleAuditor {
		m.Expires = time.Now().Add(24 * time.Hour)
	}
	id, err := h.auth.CreateAccount(h.Context(), auth.Local(org, "console", "cli"), auth.NewAccount{Email: email, Name: name, Password: password}, m)
	h.must(err)
	return id
}

// signIn begins a session by password.
func (h *house) signIn(email string) *auth.NewSession {
	h.Helper()
	step, err := h.auth.SignIn(h.Context(), email, password, auth.Visitor{Via: "web"})
	h.must(err)
	if step.Session == nil {
		h.Fatalf("signing in as %s needs more than a password", email)
	}
	return step.Session
}

// as is whoever holds the data folder, as a caller of the catalog.
func (h *house) as() catalog.Caller { return catalog.Caller{Principal: h.local, Manager: "test"} }

// sample decodes the sample organisation's files that apply.
func (h *house) sample() []catalog.Document {
	h.Helper()
	var all []catalog.Document
	for _, f := range organisation(h, sampleDay).Files {
		docs, err := h.app.Catalog.Decode(f.Name, f.Data)
		h.must(err)
		all = append(all, docs...)
	}
	if len(all) == 0 {
		h.Fatal("the sample organisation has no files")
	}
	return all
}

// fill applies the sample organisation.
func (h *house) fill() {
	h.Helper()
	_, err := h.app.Catalog.Apply(h.Context(), h.as(), h.sample(), catalog.ApplyOptions{})
	h.must(err)
}

// count asks the database for a number.
func (h *house) count(query string, args ...any) (n int) {
	h.Helper()
	h.must(h.app.DB.QueryRow(context.WithoutCancel(h.Context()), query, args...).Scan(&n))
	return n
}

// yamlOf writes entities as a file.
func (h *house) yamlOf(es ...*entity.Entity) string {
	h.Helper()
	var b strings.Builder
	h.must(h.app.Catalog.Kinds().EncodeYAML(&b, es...))
	return b.String()
}

// numbered returns names that are not used yet.
func numbered(prefix string) func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("%s-%d", prefix, n) }
}
