package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
	"github.com/binnaclehq/binnacle/internal/web"
)

type serviceSpec struct {
	Type      string            `json:"type" en:"Type" es:"Tipo" suggest:"service,website,library" req:"1" col:"1" filter:"1" search:"1"`
	Lifecycle string            `json:"lifecycle" en:"Lifecycle" es:"Ciclo de vida" enum:"experimental:info=Experimental|Experimental;production:ok=Production|Producción;deprecated:warn=Deprecated|En retirada" col:"2" filter:"1" help:"Where it stands in its life." ayuda:"En qué punto de su vida está."`
	Tier      *int              `json:"tier,omitempty" en:"Tier" es:"Nivel" min:"1" max:"4" col:"3" filter:"1"`
	DependsOn []string          `json:"dependsOn" en:"Depends on" es:"Depende de" ref:"service" rel:"dependsOn,dependencyOf"`
	Contact   string            `json:"contact" en:"Contact" es:"Contacto" type:"email"`
	Runbook   string            `json:"runbook" en:"Runbook" es:"Manual" type:"url"`
	Since     string            `json:"since" en:"Since" es:"Desde" type:"date"`
	Seen      string            `json:"seen" en:"Seen" es:"Visto" type:"datetime"`
	Share     *float64          `json:"share,omitempty" en:"Share" es:"Cuota" min:"0" max:"1"`
	Public    bool              `json:"public" en:"Public" es:"Público"`
	Languages []string          `json:"languages" en:"Languages" es:"Lenguajes"`
	Notes     string            `json:"notes" en:"Notes" es:"Notas" type:"markdown" search:"1"`
	Plain     string            `json:"plain" en:"Plain notes" es:"Notas simples" type:"text"`
	Endpoints []endpoint        `json:"endpoints" en:"Endpoints" es:"Extremos"`
	Limits    limits            `json:"limits" en:"Limits" es:"Límites"`
	Config    any               `json:"config" en:"Configuration" es:"Configuración"`
	Env       map[string]string `json:"env" en:"Environment" es:"Entorno"`
	Asked     string            `json:"asked,omitempty" en:"Asked for by" es:"Pedido por" ro:"1"`
}

type endpoint struct {
	Path   string `json:"path" en:"Path" es:"Ruta" req:"1"`
	Method string `json:"method" en:"Method" es:"Método" enum:"GET;POST"`
	Owner  string `json:"owner" en:"Owner" es:"Responsable" ref:"group" rel:"endpointOwnedBy,endpointOwnerOf"`
	Public bool   `json:"public" en:"Public" es:"Público"`
}

type limits struct {
	Requests int    `json:"requests" en:"Requests" es:"Peticiones"`
	Window   string `json:"window" en:"Window" es:"Ventana"`
}

type groupSpec struct {
	Type   string `json:"type" en:"Type" es:"Tipo" col:"1" filter:"1"`
	Parent string `json:"parent" en:"Parent" es:"Superior" ref:"group" rel:"childOf,parentOf" col:"2"`
}

type userSpec struct {
	Email    string   `json:"email" en:"E-mail" es:"Correo" type:"email" col:"1" search:"1"`
	MemberOf []string `json:"memberOf" en:"Groups" es:"Grupos" ref:"group" rel:"memberOf,hasMember" col:"2" filter:"1"`
}

func testKinds() []*catalog.Kind {
	service := catalog.Of[serviceSpec](catalog.Kind{Name: "Service", Plural: "services", Short: []string{"svc"}, Room: "operations", Icon: "component", Open: true,
		Title: lang.T("Service", "Servicio"), Titles: lang.T("Services", "Servicios"), Doc: lang.T("Something that runs and answers.", "Algo que funciona y responde.")},
		func(_ *entity.Entity, s *serviceSpec) []fault.Problem {
			if s.Type == "forbidden" {
				return []fault.Problem{{Field: "spec.type", Code: "forbidden-type", Msg: "is not a type anybody may use"}}
			}
			return nil
		})
	group := catalog.Of[groupSpec](catalog.Kind{Name: "Group", Plural: "groups", Room: "people", Icon: "group",
		Title: lang.T("Group", "Grupo"), Titles: lang.T("Groups", "Grupos"), Doc: lang.T("People who work together.", "Personas que trabajan juntas.")}, nil)
	user := catalog.Of[userSpec](catalog.Kind{Name: "User", Plural: "users", Room: "people", Icon: "user", Personal: true,
		Title: lang.T("Person", "Persona"), Titles: lang.T("People", "Personas"), Doc: lang.T("Somebody in the directory.", "Alguien del directorio.")}, nil)
	return []*catalog.Kind{service, group, user}
}

// house is a whole installation in one test.
type house struct {
	t       testing.TB
	db      *sqldb.DB
	catalog *catalog.Catalog
	auth    *auth.Service
	feed    *feed.Feed
	app     *web.App
	routes  []door.Route
	handler http.Handler
	who     map[string]auth.Principal // by the session's secret
}

var testNow = time.Date(2026, 9, 22, 9, 30, 0, 0, time.UTC)

func allMigrations() []sqldb.Migration {
	return slices.Concat(catalogtest.Migrations(), auth.Migrations(), web.Migrations())
}

// newHouse has people and nothing else.
func newHouse(t testing.TB, modules ...web.Module) *house {
	t.Helper()
	h := newHouseWithout(t, modules...)
	h.people()
	return h
}

// newHouseWithout has not even people.
func newHouseWithout(t testing.TB, modules ...web.Module) *house {
	t.Helper()
	h := &house{t: t, db: sqldbtest.SQLite(t, allMigrations()), who: map[string]auth.Principal{}}
	clock := func() time.Time { return testNow }
	h.catalog = catalog.New(h.db, catalog.NewKinds(testKinds()...), catalog.WithClock(clock))
	if modules == nil {
		modules = testModules()
	}
	keys, err := auth.OpenKeyring(t.Context(), h.db, filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	h.auth, err = auth.New(t.Context(), auth.Config{DB: h.db, Keys: keys, RPID: "example.com", Origins: []string{"http://example.com"}, Hash: auth.HashParams{Memory: 64, Passes: 1, Lanes: 1}, Client: http.DefaultClient, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	h.feed = feed.New(h.db)
	h.app, err = web.New(web.Config{Catalog: h.catalog, Auth: h.auth, Audit: audit.New(h.db), Feed: h.feed, Modules: modules, Version: "1.2.3", Started: testNow.Add(-time.Hour), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	h.routes = h.app.Routes()
	h.handler = (&door.Door{Auth: sessions{h}, SignIn: h.app.SignIn, Errors: map[door.Face]func(http.ResponseWriter, *http.Request, error){door.Web: h.app.Error}}).Handler(h.routes)
	return h
}

// people are the accounts of the tests, by the name they are asked with.
func (h *house) people() {
	ctx := h.t.Context()
	session, err := h.auth.CreateFirstOwner(ctx, auth.NewAccount{Email: "ines@kestrane.example", Name: "Inés Valcárcel", Password: password}, "Kestrane", auth.Visitor{IP: "192.0.2.1", Agent: "Firefox/140.0 Linux", Via: "web"})
	if err != nil {
		h.t.Fatal(err)
	}
	h.who["owner"] = session.Principal
	for _, role := range []auth.Role{auth.RoleAuditor, auth.RoleMember} {
		id, err := h.auth.CreateAccount(ctx, auth.Local("default", "test", "cli"), auth.NewAccount{Email: string(role) + "@kestrane.example", Name: "Paul " + string(role), Password: password},
			auth.Membership{Org: "default", Role: role})
		if err != nil {
			h.t.Fatal(err)
		}
		h.who[string(role)] = auth.Principal{Account: id, Name: "Paul " + string(role), Org: "default", OrgTitle: "Kestrane", Home: true, Role: role, Session: "s-" + string(role)}
	}
}

const password = "correct horse battery staple"

func testModules() []web.Module {
	return []web.Module{
		{Room: web.Room{ID: "operations", Title: lang.T("Operations", "Operaciones"), Icon: "operations", Order: 2}, Nav: []web.NavItem{{Kind: "Service", Key: "s"}}},
		{Room: web.Room{ID: "people", Title: lang.T("People", "Personas"), Icon: "people", Order: 1}, Nav: []web.NavItem{{Kind: "Group"}, {Kind: "User"}}},
	}
}

// sessions lets in whoever the test named, by the session cookie.
type sessions struct{ h *house }

func (s sessions) BySession(ctx context.Context, secret string) (auth.Principal, error) {
	if p, ok := s.h.who[secret]; ok {
		return p, nil
	}
	return s.h.auth.BySession(ctx, secret)
}

func (s sessions) ByToken(ctx context.Context, secret string) (auth.Principal, error) {
	return s.BySession(ctx, secret)
}

func (h *house) caller() catalog.Caller {
	return catalog.Caller{Principal: h.who["owner"], Manager: "test", Reason: "first import"}
}

// apply writes YAML as the owner does.
func (h *house) apply(yaml string) {
	h.t.Helper()
	docs, err := h.catalog.Decode("test.yaml", []byte(yaml))
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.catalog.Apply(context.Background(), h.caller(), docs, catalog.ApplyOptions{}); err != nil {
		h.t.Fatal(err)
	}
}

// request is one request of a test.
type request struct {
	method, path string
	form         url.Values
	body, kind   string // instead of a form
	as           string // key of who; "" is the owner, "-" nobody
	lang         lang.Code
	htmx         bool
	cookies      []*http.Cookie
	header       http.Header
}

func (h *house) do(r request) *httptest.ResponseRecorder {
	h.t.Helper()
	if r.method == "" {
		r.method = "GET"
	}
	body := r.form.Encode()
	if r.body != "" {
		body = r.body
	}
	req := httptest.NewRequest(r.method, r.path, strings.NewReader(body))
	if r.kind != "" {
		req.Header.Set("Content-Type", r.kind)
	} else if r.form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.as == "" {
		r.as = "owner"
	}
	if r.as != "-" {
		req.AddCookie(&http.Cookie{Name: "binnacle_session", Value: r.as})
	}
	if r.lang != "" {
		req.AddCookie(&http.Cookie{Name: "binnacle_lang", Value: string(r.lang)})
	}
	if r.htmx {
		req.Header.Set("HX-Request", "true")
	}
	for _, c := range r.cookies {
		req.AddCookie(c)
	}
	for k, v := range r.header {
		req.Header[k] = v
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, req)
	return w
}

// get returns the body of a page and fails unless the status is as wanted.
func (h *house) get(path string, status int) string {
	h.t.Helper()
	w := h.do(request{path: path})
	if w.Code != status {
		h.t.Fatalf("GET %s: status %d, want %d\n%s", path, w.Code, status, clipText(w.Body.String()))
	}
	return w.Body.String()
}

// post sends a form and returns the answer.
func (h *house) post(path string, form url.Values) *httptest.ResponseRecorder {
	h.t.Helper()
	return h.do(request{method: "POST", path: path, form: form})
}

func clipText(s string) string {
	if len(s) > 3000 {
		return s[:3000] + "…"
	}
	return s
}

const fullYAML = `
apiVersion: binnacle.dev/v1
kind: Group
metadata: {name: platform, title: Platform, description: Keeps the ground under everybody.}
spec: {type: team}
---
apiVersion: binnacle.dev/v1
kind: Group
metadata: {name: payments-team, title: Payments team}
spec: {type: team, parent: platform}
---
apiVersion: binnacle.dev/v1
kind: User
metadata: {name: marta, title: Marta Quiroga}
spec: {email: marta@kestrane.example, memberOf: [payments-team]}
---
apiVersion: binnacle.dev/v1
kind: Service
metadata: {name: ledger, title: Ledger, owner: "group:platform", tags: [java]}
spec: {type: service, lifecycle: production, tier: 2}
---
apiVersion: binnacle.dev/v1
kind: Service
metadata:
  name: payments
  title: Payments
  description: Authorises, captures and refunds every card and wallet payment.
  owner: group:payments-team
  tags: [go, card-data]
  labels: {tier: "1"}
  annotations: {backstage.io/techdocs-ref: "dir:."}
  links: [{url: "https://runbook.example/payments", title: Runbook}]
spec:
  type: service
  lifecycle: production
  tier: 1
  dependsOn: [ledger, fraud-score]
  contact: payments@kestrane.example
  runbook: https://runbook.example/payments
  since: 2024-03-01
  seen: 2026-09-22T09:00:00Z
  share: 0.42
  public: true
  languages: [Go, SQL]
  notes: |
    # Restore

    Read the [runbook](https://runbook.example) first. <script>alert(1)</script>
  plain: |
    one
    two
  endpoints:
    - {path: /pay, method: POST, owner: platform, public: true}
    - {path: /refund, method: POST}
  limits: {requests: 100, window: 1 min}
  config: {retry: {times: 3}}
  env: {REGION: eu-west-1}
  extra: {kept: true}
`

// fullHouse has something of everything.
func fullHouse(t testing.TB) *house {
	h := newHouse(t, append(testModules(), cardModule())...)
	h.apply(fullYAML)
	return h
}

// cardModule brings a card of every slot, one that fails, one that panics and
// one that has nothing to say.
func cardModule() web.Module {
	say := func(*web.Ctx, *entity.Entity) (any, error) { return "fine", nil }
	fail := func(*web.Ctx, *entity.Entity) (any, error) { return nil, errors.New("the secret cause") }
	return web.Module{
		Room: web.Room{ID: "test", Title: lang.T("Test", "Prueba"), Icon: "flask", Order: 9},
		Templates: fstest.MapFS{"say.html": {Data: []byte(`{{define "tools"}}tool {{.}}{{end}}<p>card says {{.}}</p>`)}, "badge.html": {Data: []byte(`{{badge "ok" .}}`)},
			"broken.html": {Data: []byte(`<p>{{.NoSuchField}}</p>`)}},
		Texts: fstest.MapFS{"text.en.json": {Data: []byte(`{"test.say": "Saying card", "test.fail": "Failing card", "test.board": "Board"}`)}, "text.es.json": {Data: []byte(`{"test.say": "Ficha que habla", "test.fail": "Ficha que falla", "test.board": "Tablero"}`)}},
		Cards: []web.Card{
			{ID: "say", Kinds: []string{"Service"}, Slot: web.Main, Order: 1, Title: "test.say", Template: "say.html", Load: say},
			{ID: "side", Kinds: []string{"Service"}, Slot: web.Side, Order: 1, Title: "test.say", Template: "say.html", Load: say},
			{ID: "wide", Kinds: []string{"Service"}, Slot: web.Wide, Title: "test.say", Template: "say.html", Load: say},
			{ID: "badge", Kinds: []string{"Service"}, Slot: web.Head, Template: "badge.html", Load: say},
			{ID: "board", Kinds: []string{"Service"}, Slot: web.Tab, Title: "test.board", Template: "say.html", Load: say},
			{ID: "fail", Kinds: []string{"Service"}, Slot: web.Main, Title: "test.fail", Template: "say.html", Load: fail},
			{ID: "broken", Kinds: []string{"Service"}, Slot: web.Side, Title: "test.fail", Template: "broken.html", Load: say},
			{ID: "panics", Kinds: []string{"Service"}, Slot: web.Wide, Title: "test.fail", Template: "say.html", Load: func(*web.Ctx, *entity.Entity) (any, error) { panic("oh") }},
			{ID: "silent", Kinds: []string{"Service"}, Slot: web.Main, Title: "test.fail", Template: "say.html", Load: func(*web.Ctx, *entity.Entity) (any, error) { return nil, nil }},
		},
	}
}
