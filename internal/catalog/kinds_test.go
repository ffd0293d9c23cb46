package catalog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

type part struct {
	Type      string   `json:"type" en:"Type" es:"Tipo" col:"1" filter:"1" req:"1" suggest:"service,library"`
	Tier      int      `json:"tier" en:"Tier" es:"Nivel" col:"2" filter:"1" min:"1" max:"4"`
	Stage     string   `json:"stage" en:"Stage" es:"Etapa" col:"3" filter:"1" enum:"plan:info=Planned|Prevista;live:ok=Live|Viva;end:bad=Ended|Acabada"`
	Owner     string   `json:"owner" en:"Owner" es:"Responsable" ref:"group,user" rel:"ownedBy,ownerOf"`
	DependsOn []string `json:"dependsOn" en:"Depends on" es:"Depende de" ref:"part" rel:"dependsOn,dependencyOf"`
	Share     float64  `json:"share" en:"Share" es:"Parte"`
	Since     string   `json:"since" en:"Since" es:"Desde" type:"date"`
	Notes     string   `json:"notes" en:"Notes" es:"Notas" type:"markdown" search:"1"`
	Steps     []step   `json:"steps" en:"Steps" es:"Pasos"`
}

type step struct {
	Name string `json:"name" en:"Name" es:"Nombre" req:"1" search:"1"`
	By   string `json:"by" en:"By" es:"Por" ref:"user" rel:"doneBy,does"`
}

// standing is what is computed of a part.
type standing struct {
	Steps int `json:"steps" en:"Step count" es:"Número de pasos" col:"9" filter:"1"`
}

type team struct {
	Parent string `json:"parent" en:"Parent" es:"Padre" ref:"group" rel:"childOf,parentOf"`
}

type human struct {
	Email string `json:"email" en:"E-mail" es:"Correo" type:"email"`
}

func testKinds() *catalog.Kinds {
	parts := catalog.Of(catalog.Kind{Name: "Part", Plural: "parts", Short: []string{"pt"}, Room: auth.Operations, Title: lang.T("Part", "Parte"), Titles: lang.T("Parts", "Partes")},
		func(e *entity.Entity, p *part) []fault.Problem {
			if p.Type == "library" && p.Tier == 1 {
				return []fault.Problem{{Field: "spec.tier", Code: "tier", Msg: "a library has no tier 1"}}
			}
			return nil
		})
	catalog.Derived(parts, func(e *entity.Entity, p *part) *standing { return &standing{Steps: len(p.Steps)} })
	return catalog.NewKinds(parts,
		catalog.Of[team](catalog.Kind{Name: "Group", Plural: "groups", Room: auth.People, Open: true, Versions: []string{"backstage.io/v1alpha1", entity.APIVersion}, Title: lang.T("Team", "Equipo"), Titles: lang.T("Teams", "Equipos")}, nil),
		catalog.Of[human](catalog.Kind{Name: "User", Plural: "users", Room: auth.People, Personal: true, Title: lang.T("Human", "Persona"), Titles: lang.T("Humans", "Personas")}, nil))
}

// world is a catalog with a clock that moves a second at each look.
type world struct {
	*testing.T
	c   *catalog.Catalog
	db  *sqldb.DB
	ctx context.Context

	lookedAt int // looks that a test has seen already
}

func each(t *testing.T, f func(w *world)) {
	sqldbtest.Run(t, catalogtest.Migrations(), func(t *testing.T, db *sqldb.DB) {
		w := newWorld(t, db)
		f(w)
		w.checkIndex()
	})
}

// checkIndex asks that lists find entities by what their documents say, whatever
// a test has done.
func (w *world) checkIndex() {
	w.Helper()
	if err := w.c.CheckIndex(w.ctx); err != nil {
		w.Error(err)
	}
}

func newWorld(t *testing.T, db *sqldb.DB) *world {
	at := time.Date(2024, 2, 28, 23, 59, 0, 0, time.UTC)
	clock := func() time.Time { at = at.Add(time.Second); return at }
	return &world{T: t, c: catalog.New(db, testKinds(), catalog.WithClock(clock)), db: db, ctx: context.Background()}
}

func as(role auth.Role, org, name, manager string) catalog.Caller {
	return catalog.Caller{Principal: auth.Principal{Account: strings.ToLower(name), Name: name, Org: org, Role: role, Via: "api"}, Manager: manager}
}

var (
	ana  = as(auth.RoleOwner, "acme", "Ana", "form")
	file = as(auth.RoleOwner, "acme", "CI", "apply")
)

func (w *world) docs(yaml string) []catalog.Document {
	w.Helper()
	docs, err := w.c.Decode("test.yaml", []byte(yaml))
	if err != nil {
		w.Fatalf("decode: %v", err)
	}
	return docs
}

func (w *world) apply(caller catalog.Caller, yaml string) *catalog.ApplyResult {
	w.Helper()
	res, err := w.c.Apply(w.ctx, caller, w.docs(yaml), catalog.ApplyOptions{})
	if err != nil {
		w.Fatalf("apply: %v", err)
	}
	return res
}

func (w *world) get(ref string) *entity.Entity {
	w.Helper()
	e, err := w.c.Get(w.ctx, ana, w.ref(ref))
	if err != nil {
		w.Fatalf("get %s: %v", ref, err)
	}
	return e
}

func (w *world) ref(s string) entity.Ref {
	w.Helper()
	r, err := entity.ParseRef(s, "", "")
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func (w *world) list(q catalog.Query) string {
	w.Helper()
	page, err := w.c.List(w.ctx, ana, q)
	if err != nil {
		w.Fatalf("list %+v: %v", q, err)
	}
	var names []string
	for _, e := range page.Items {
		names = append(names, e.Metadata.Name)
	}
	return strings.Join(names, " ")
}

func wantErr(t testing.TB, err error, kind fault.Kind, part string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(fmt.Sprint(err)+fault.HintOf(err), part) {
		t.Errorf("got %v (hint %q), want a %s error with %q", err, fault.HintOf(err), kind, part)
	}
}

func ops(res *catalog.ApplyResult) string {
	var out []string
	for _, ch := range res.Changes {
		out = append(out, ch.Ref+" "+string(ch.Op))
	}
	return strings.Join(out, ", ")
}
