package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/blob"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
	"github.com/binnaclehq/binnacle/internal/talk"
)

type boatSpec struct {
	Type   string            `json:"type" en:"Type" es:"Tipo" enum:"sail=Sail|Vela;motor=Motor|Motor" req:"1" col:"1" filter:"1" search:"1"`
	Length float64           `json:"length" en:"Length" es:"Eslora" min:"0" max:"500" col:"2"`
	Crew   []string          `json:"crew" en:"Crew" es:"Tripulación" ref:"sailor" rel:"crewedBy,sailsOn"`
	Log    []entry           `json:"log" en:"Log" es:"Cuaderno"`
	Extra  map[string]string `json:"extra" en:"Extra" es:"Extra"`
}

type entry struct {
	Date string `json:"date" en:"Date" es:"Fecha" type:"date"`
	Text string `json:"text" en:"Text" es:"Texto" type:"markdown"`
}

type sailorSpec struct {
	Email string `json:"email" en:"Mail" es:"Correo" type:"email"`
}

func testKinds() *catalog.Kinds {
	boat := catalog.Of[boatSpec](catalog.Kind{Name: "Boat", Plural: "boats", Short: []string{"b"}, Room: auth.Strategy,
		Title: lang.T("Boat", "Barco"), Titles: lang.T("Boats", "Barcos"), Doc: lang.T("A boat of the fleet.", "Un barco de la flota."),
		Examples: []string{file("Boat", "dolphin", "  type: sail\n")}}, nil)
	sailor := catalog.Of[sailorSpec](catalog.Kind{Name: "Sailor", Plural: "sailors", Room: auth.People, Personal: true, Open: true,
		Title: lang.T("Sailor", "Marinero"), Titles: lang.T("Sailors", "Marineros"), Doc: lang.T("Who sails.", "Quien navega.")}, nil)
	return catalog.NewKinds(append([]*catalog.Kind{boat, sailor}, claim.Kinds()...)...)
}

func file(kind, name, spec string) string {
	return fmt.Sprintf("apiVersion: binnacle.dev/v1\nkind: %s\nmetadata:\n  name: %s\nspec:\n%s", kind, name, spec)
}

func boat(name string) string {
	return fmt.Sprintf(`{"apiVersion":"binnacle.dev/v1","kind":"Boat","metadata":{"name":%q},"spec":{"type":"sail"}}`, name)
}

// harness is an installation with its REST face behind the door.
type harness struct {
	t       testing.TB
	api     *API
	handler http.Handler
	db      *sqldb.DB
	feed    *feed.Feed
	log     *bytes.Buffer
	tokens  map[string]string // secret by name
	owner   auth.Principal

	contract *contract
}

func migrations() []sqldb.Migration {
	return slices.Concat(catalogtest.Migrations(), auth.Migrations(), claim.Migrations(), action.Migrations(), blob.Migrations(), talk.Migrations(), logs.Migrations())
}

func newHarness(t testing.TB, db *sqldb.DB) *harness {
	t.Helper()
	ctx := t.Context()
	key := filepath.Join(t.TempDir(), "key")
	keys, err := auth.OpenKeyring(ctx, db, key)
	check(t, err)
	service, err := auth.New(ctx, auth.Config{DB: db, Keys: keys, Hash: auth.HashParams{Memory: 64, Passes: 1, Lanes: 1}})
	check(t, err)
	h := &harness{t: t, db: db, log: &bytes.Buffer{}, tokens: map[string]string{}, feed: feed.New(db, feed.WithPoll(20*time.Millisecond))}
	cat := catalog.New(db, testKinds(), catalog.WithNotify(h.feed.Notify))
	hooks := action.NewHooks(db, keys, action.NewClient(action.Guard{}))
	h.api = New(Config{
		Talk: talk.New(talk.Config{Catalog: cat, Auth: service, Hooks: hooks}), Hooks: hooks, Files: blob.New(blob.Config{Catalog: cat, Store: blob.Folder(t.TempDir()), Limits: blob.Limits{File: 1 << 20, Org: 1 << 30}}),
		Catalog: cat, Claims: claim.New(claim.Config{DB: db, Catalog: cat, Feed: h.feed, Keys: keys}), Auth: service, Audit: audit.New(db), Feed: h.feed, Version: "test",
		Importers: []catalog.Importer{{Name: "names", Room: auth.Operations, Title: lang.T("Names", "Nombres"), Accept: []string{".txt"}, Args: []catalog.Arg{{Name: "note", Doc: lang.T("a note", "una nota")}}, Read: importNames}},
		Exporters: []catalog.Exporter{{Name: "names", Title: lang.T("Names", "Nombres"), Formats: []string{"txt", "many"}, Write: exportNames}},
		Logs:      testLogs(t, db),
		Backup:    func(_ context.Context, w io.Writer, _ bool) error { _, err := io.WriteString(w, "copy"); return err },
	})
	h.contract = newContract(t, h.api)
	d := &door.Door{Auth: service, Errors: map[door.Face]func(http.ResponseWriter, *http.Request, error){door.API: h.api.Error},
		Refused: door.AuditRefusals(db, func(err error) { t.Error(err) }), Log: slog.New(slog.NewJSONHandler(h.log, nil)), Metrics: door.NewMetrics()}
	h.handler = d.Handler(append(h.api.Routes(), door.HealthRoutes(door.Ping(db), d.Metrics)...))
	first, err := service.CreateFirstOwner(ctx, auth.NewAccount{Email: "ana@example.org", Name: "Ana", Password: "correct horse battery staple"}, "Fleet", auth.Visitor{Via: "web"})
	check(t, err)
	h.owner = first.Principal
	h.addToken("owner", h.owner, auth.Scopes...)
	h.addToken("reader", h.owner, "read")
	for _, role := range []auth.Role{auth.RoleAuditor, auth.RoleMember, auth.RoleCISO} {
		h.addMember(role)
	}
	return h
}

// testLogs is an event engine that is opened by tests that ask it.
func testLogs(t testing.TB, db *sqldb.DB) logs.Store {
	folder := filepath.Join(t.TempDir(), "events")
	s := logs.Lazy(logs.EmbeddedLimits(0), func() (logs.Store, error) {
		return logs.OpenEmbedded(logs.Options{Folder: folder, Tenants: logs.NewTenants(db), FreeBytes: 1})
	})
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

func (h *harness) addToken(name string, p auth.Principal, scopes ...auth.Scope) {
	h.t.Helper()
	_, secret, err := h.api.Auth.CreateToken(h.t.Context(), p, auth.NewToken{Name: name, Scopes: scopes})
	check(h.t, err)
	h.tokens[name] = secret
}

func (h *harness) addMember(role auth.Role) {
	h.t.Helper()
	ctx := h.t.Context()
	email := string(role) + "@example.org"
	l, err := h.api.Auth.Invite(ctx, h.owner, auth.Invitation{Email: email, Role: role})
	check(h.t, err)
	n, err := h.api.Auth.AcceptInvitation(ctx, l.Secret, string(role), "correct horse battery staple", auth.Visitor{})
	check(h.t, err)
	h.addToken(string(role), n.Principal, auth.Scopes...)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func importNames(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, files []catalog.File, o catalog.ImportOptions) (*catalog.ImportReport, error) {
	var docs []catalog.Document
	for _, f := range files {
		for _, name := range strings.Fields(string(f.Data)) {
			ds, err := c.Decode(f.Name, []byte(boat(name)))
			if err != nil {
				return nil, err
			}
			docs = append(docs, ds...)
		}
	}
	if len(docs) == 0 {
		return nil, fault.Bad("there is no name in the files", fault.Problem{File: files[0].Name, Code: "empty", Msg: "holds no name"})
	}
	res, err := c.ApplyWith(ctx, caller, docs, catalog.ApplyOptions{DryRun: o.DryRun}, o.Progress)
	if err != nil {
		return nil, err
	}
	return &catalog.ImportReport{ApplyResult: *res, Summary: o.Args["note"]}, nil
}

func exportNames(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, o catalog.ExportOptions) ([]catalog.File, error) {
	var names []string
	err := c.Each(ctx, caller, o.Query, func(e *entity.Entity) error { names = append(names, e.Metadata.Name); return nil })
	files := []catalog.File{{Name: "names.txt", Data: []byte(strings.Join(names, "\n"))}}
	if o.Format == "many" {
		files = append(files, catalog.File{Name: "more/empty.txt"})
	}
	return files, err
}

// reply is an answer with its body decoded.
type reply struct {
	*httptest.ResponseRecorder
	body map[string]any
}

// do sends a request as the named token, with headers given in pairs.
func (h *harness) do(who, method, target, body string, headers ...string) reply {
	h.t.Helper()
	r := httptest.NewRequestWithContext(h.t.Context(), method, target, strings.NewReader(body))
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+h.tokens[who])
	}
	if body != "" {
		r.Header.Set("Content-Type", jsonType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	out := reply{ResponseRecorder: w}
	if strings.Contains(w.Header().Get("Content-Type"), "json") {
		json.Unmarshal(w.Body.Bytes(), &out.body)
	}
	if strings.HasPrefix(r.URL.Path, Prefix) {
		h.contract.check(h.t, r, out)
	}
	return out
}

// want fails unless the answer has the status.
func (h *harness) want(status int, r reply) reply {
	h.t.Helper()
	if r.Code != status {
		h.t.Fatalf("status %d, want %d: %s\n%s", r.Code, status, r.Body, h.log)
	}
	return r
}

// at returns a value of the answer, by keys and indexes.
func (r reply) at(path ...any) any {
	var v any = r.body
	for _, p := range path {
		switch x := v.(type) {
		case map[string]any:
			v = x[p.(string)]
		case []any:
			if p.(int) >= len(x) {
				return nil
			}
			v = x[p.(int)]
		default:
			return nil
		}
	}
	return v
}

// onBoth runs a suite on every database.
func onBoth(t *testing.T, suite func(t *testing.T, h *harness)) {
	sqldbtest.Run(t, migrations(), func(t *testing.T, db *sqldb.DB) { suite(t, newHarness(t, db)) })
}

// onSQLite runs it on one.
func onSQLite(t testing.TB) *harness { return newHarness(t, sqldbtest.SQLite(t, migrations())) }
