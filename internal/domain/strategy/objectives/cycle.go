package objectives

import (
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// The states of a cycle.
const (
	Planning = "planning"
	Running  = "active"
	InReview = "review"
	Closed   = "closed"
)

// Cycle is a stretch of time for which objectives are set.
type Cycle struct {
	Start    string `json:"start" en:"First day" es:"Primer día" req:"1" type:"date" col:"2" help:"The day it begins." ayuda:"El día en que empieza." example:"2026-07-01"`
	End      string `json:"end" en:"Last day" es:"Último día" req:"1" type:"date" col:"3" help:"The last day that counts." ayuda:"El último día que cuenta." example:"2026-09-30"`
	State    string `json:"state" en:"State" es:"Estado" req:"1" col:"1" filter:"1" enum:"planning:idle=Planning|En preparación;active:run=Active|Activo;review:info=In review|En revisión;closed:ok=Closed|Cerrado" help:"In planning objectives are drafts; closing it freezes the scores." ayuda:"En preparación los objetivos son borradores; al cerrarlo se congelan las puntuaciones." example:"active"`
	TimeZone string `json:"timeZone,omitempty" en:"Time zone" es:"Zona horaria" suggest:"UTC,Europe/Madrid,Europe/Lisbon,America/Mexico_City,America/Bogota,America/Argentina/Buenos_Aires" help:"Where its days begin and end. Left empty: UTC." ayuda:"Dónde empiezan y acaban sus días. Vacío: UTC." example:"Europe/Madrid"`
	Follows  string `json:"follows,omitempty" en:"Follows" es:"Sigue a" ref:"cycle" rel:"follows,followedBy" help:"The cycle before it, from which goals are carried over." ayuda:"El ciclo anterior, del que se arrastran objetivos." example:"q2-2026"`
}

// CycleStatus is what is known of a cycle.
type CycleStatus struct {
	Score      *float64 `json:"score,omitempty" en:"Score" es:"Puntuación" col:"4" help:"The weighted mean of its objectives; drafts and dropped ones do not count." ayuda:"La media ponderada de sus objetivos; no cuentan borradores ni abandonados."`
	Objectives int      `json:"objectives" en:"Objectives" es:"Objetivos" col:"5" help:"How many count." ayuda:"Cuántos cuentan."`
}

// Span returns the days of the cycle.
func (s *Cycle) Span() (okr.Span, bool) {
	first, err1 := time.Parse(time.DateOnly, s.Start)
	last, err2 := time.Parse(time.DateOnly, s.End)
	zone, err3 := time.LoadLocation(s.TimeZone)
	if err1 != nil || err2 != nil || err3 != nil || last.Before(first) {
		return okr.Span{}, false
	}
	return okr.Span{First: first, Last: last, Zone: zone}, true
}

func cycleKind() *catalog.Kind {
	k := catalog.Of(catalog.Kind{
		Name: "Cycle", Plural: "cycles", Room: Room, Icon: "calendar", Order: 7, Reckoned: 2,
		Title: lang.T("Cycle", "Ciclo"), Titles: lang.T("Cycles", "Ciclos"),
		Doc: lang.T("A stretch of time for which objectives are set, usually a quarter. When it is closed its key results keep their scores and are not tested any more; opened again, they are.",
			"Un periodo para el que se fijan objetivos, normalmente un trimestre. Al cerrarlo, sus resultados clave conservan su puntuación y dejan de probarse; si se reabre, vuelven a probarse."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Cycle
metadata:
  name: q3-2026
  title: Q3 2026
spec:
  start: "2026-07-01"
  end: "2026-09-30"
  state: active
  timeZone: Europe/Madrid
  follows: q2-2026
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Cycle\nmetadata: {name: x}\nspec: {start: \"2026-09-30\", end: \"2026-07-01\", state: active}\n", Want: "lies before the first day"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Cycle\nmetadata: {name: x}\nspec: {start: \"2026-07-01\", end: \"2026-09-30\", state: open}\n", Want: `"open" is not one of`},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Cycle\nmetadata: {name: x}\nspec: {start: \"2026-07-01\", end: \"2026-09-30\", state: active, timeZone: Madrid}\n", Want: "is not a time zone"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Cycle\nmetadata: {name: x}\nspec: {start: \"2026-07-01\", end: \"2026-09-30\", state: active, follows: x}\n", Want: "cannot follow itself"},
		},
	}, checkCycle)
	return catalog.DerivedWith(k, catalog.Follow{Kinds: []string{"Objective"}, Of: cycleOf}, scoreCycles)
}

func checkCycle(e *entity.Entity, s *Cycle) []fault.Problem {
	var out []fault.Problem
	if s.End < s.Start {
		out = append(out, problem("spec.end", "cycle-order", "lies before the first day"))
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
		out = append(out, problem("spec.timeZone", "time-zone", "%q is not a time zone: write one as Europe/Madrid", s.TimeZone))
	}
	if ref, err := entity.ParseRef(s.Follows, "cycle", e.Metadata.Namespace); err == nil && ref == e.Ref() {
		out = append(out, problem("spec.follows", "follows-itself", "cannot follow itself"))
	}
	return out
}

// cycleOf asks for the cycle of an objective, whose score may have moved.
func cycleOf(e *entity.Entity) catalog.Query {
	s, err := catalog.Spec[Objective](e)
	ref, refErr := entity.ParseRef(s.Cycle, "cycle", e.Metadata.Namespace)
	if err != nil || refErr != nil {
		return nobody
	}
	return catalog.Query{Refs: []string{ref.String()}}
}

// nobody is a query that nothing answers.
var nobody = catalog.Query{Refs: []string{"-"}}

// scoreCycles computes what cycles score.
func scoreCycles(look *catalog.Look) func(*entity.Entity, *Cycle) (*CycleStatus, error) {
	return func(e *entity.Entity, _ *Cycle) (*CycleStatus, error) {
		var parts []okr.Part
		err := look.Each(within("Objective", "spec.cycle", e.Ref()), func(o *entity.Entity) error {
			s, err := catalog.Spec[Objective](o)
			if err != nil || !s.counts() {
				return err
			}
			status, err := statusOf[ObjectiveStatus](o)
			parts = append(parts, okr.Part{Weight: s.Weight, Progress: status.Score})
			return err
		})
		return &CycleStatus{Score: round(okr.Score(parts)), Objectives: len(parts)}, err
	}
}
