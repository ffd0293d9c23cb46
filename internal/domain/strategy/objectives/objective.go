package objectives

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// The states of an objective.
const (
	Draft    = "draft"
	Active   = "active"
	Achieved = "closed-achieved"
	Missed   = "closed-missed"
	Dropped  = "dropped"
)

// Objective is what is to be reached within a cycle. Its title is the
// objective, its owner answers for it alone.
type Objective struct {
	Cycle     string   `json:"cycle" en:"Cycle" es:"Ciclo" req:"1" ref:"cycle" rel:"within,hasObjective" col:"5" filter:"1" help:"The cycle it belongs to." ayuda:"El ciclo al que pertenece." example:"q3-2026"`
	State     string   `json:"state" en:"State" es:"Estado" req:"1" col:"4" filter:"1" enum:"draft:idle=Draft|Borrador;active:run=Active|Activo;closed-achieved:ok=Achieved|Logrado;closed-missed:bad=Missed|No logrado;dropped:idle=Dropped|Abandonado" help:"Drafts and dropped ones count in no score." ayuda:"Los borradores y los abandonados no cuentan en ninguna puntuación." example:"active"`
	Level     string   `json:"level,omitempty" en:"Level" es:"Nivel" col:"6" filter:"1" enum:"organisation=Organisation|Organización;area=Area|Área;team=Team|Equipo;person=Person|Persona" help:"Whose goal it is." ayuda:"De quién es el objetivo." example:"team"`
	Parent    string   `json:"parent,omitempty" en:"Leads to" es:"Lleva a" ref:"objective,keyresult" rel:"alignsTo,alignedBy" help:"The objective or key result above that it serves." ayuda:"El objetivo o resultado clave de arriba al que sirve." example:"objective:trust-that-can-be-shown"`
	Pillar    string   `json:"pillar,omitempty" en:"Pillar" es:"Pilar" ref:"pillar" rel:"under,hasGoal" filter:"1" help:"The pillar of the strategy that it serves." ayuda:"El pilar de la estrategia al que sirve." example:"trust"`
	Weight    *float64 `json:"weight,omitempty" en:"Weight" es:"Peso" min:"0.01" max:"100" help:"What it counts in the score of its cycle. Left empty: 1." ayuda:"Lo que cuenta en la puntuación del ciclo. Vacío: 1." example:"1"`
	Continues string   `json:"continues,omitempty" en:"Continues" es:"Continúa" ref:"objective" rel:"continues,continuedBy" help:"The objective of an earlier cycle that it was carried over from." ayuda:"El objetivo de un ciclo anterior del que se arrastra."`
	Lesson    string   `json:"lesson,omitempty" en:"What we learned" es:"Lo que aprendimos" type:"text" search:"1" help:"Asked for when the cycle is closed." ayuda:"Se pide al cerrar el ciclo." example:"A second acquirer takes two quarters, not one." ejemplo:"Un segundo adquirente lleva dos trimestres, no uno."`
}

// ObjectiveStatus is what is known of an objective.
type ObjectiveStatus struct {
	Standing   string   `json:"standing" en:"Standing" es:"Situación" col:"1" filter:"1" enum:"off-track:bad=Off track|Fuera de plazo;no-evidence:no=No evidence|Sin evidencia;at-risk:warn=At risk|En riesgo;on-track-unproven:idle=On track, not proven|En plazo, sin probar;on-track:ok=On track|En plazo;met-unproven:idle=Met, not proven|Cumplido, sin probar;met:ok=Met|Cumplido" help:"As its worst key result. Green only on live evidence." ayuda:"Como su peor resultado clave. Verde solo con evidencia al día."`
	Score      *float64 `json:"score,omitempty" en:"Score" es:"Puntuación" col:"2" help:"The weighted mean of the progress of its key results; what is not known counts as 0." ayuda:"La media ponderada del progreso de sus resultados clave; lo que no se sabe cuenta como 0."`
	KeyResults int      `json:"keyResults" en:"Key results" es:"Resultados clave" col:"3"`
}

// counts reports whether an objective has a part in the score of its cycle.
func (s *Objective) counts() bool { return s.State != Draft && s.State != Dropped }

// levels lists whose goals there are, the widest first.
var levels = []string{"organisation", "area", "team", "person"}

// level is the place of the level, from 1; 0 when it is not given.
func (s *Objective) level() int { return slices.Index(levels, s.Level) + 1 }

func objectiveKind() *catalog.Kind {
	k := catalog.Of(catalog.Kind{
		Name: "Objective", Plural: "objectives", Short: []string{"okr", "okrs"}, Room: Room, Icon: "target", Order: 8, Reckoned: 2,
		Title: lang.T("Objective", "Objetivo"), Titles: lang.T("Objectives", "Objetivos"),
		Doc: lang.T("What is to be reached within a cycle, in words that people remember. Its key results say how that is told; its score is their weighted mean, its standing that of the worst of them.",
			"Lo que se quiere alcanzar en un ciclo, con palabras que la gente recuerde. Sus resultados clave dicen cómo se nota; su puntuación es su media ponderada, su situación la del peor de ellos."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Objective
metadata:
  name: payments-first-time
  title: Every payment works the first time
  owner: user:marta.quiroga
spec:
  cycle: q3-2026
  state: active
  level: team
  pillar: trust
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Objective\nmetadata: {name: x}\nspec: {state: active}\n", Want: "spec.cycle: is required"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Objective\nmetadata: {name: x}\nspec: {cycle: q3, state: closed}\n", Want: `"closed" is not one of`},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Objective\nmetadata: {name: x}\nspec: {cycle: q3, state: active, weight: 0}\n", Want: "at least 0.01"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Objective\nmetadata: {name: x}\nspec: {cycle: q3, state: active, parent: x}\n", Want: "cannot lead to itself"},
		},
	}, checkObjective)
	return catalog.DerivedWith(k, catalog.Follow{Kinds: []string{"KeyResult"}, Of: objectiveOf}, scoreObjectives)
}

func checkObjective(e *entity.Entity, s *Objective) []fault.Problem {
	var out []fault.Problem
	if ref, err := entity.ParseRef(s.Parent, "objective", e.Metadata.Namespace); err == nil && ref == e.Ref() {
		out = append(out, problem("spec.parent", "leads-to-itself", "cannot lead to itself"))
	}
	return out
}

// objectiveOf asks for the objective of a key result, whose score may have
// moved.
func objectiveOf(e *entity.Entity) catalog.Query {
	s, err := catalog.Spec[KeyResult](e)
	ref, refErr := s.objective(e)
	if err != nil || refErr != nil {
		return nobody
	}
	return catalog.Query{Refs: []string{ref.String()}}
}

// scoreObjectives computes what objectives score and where they stand.
func scoreObjectives(look *catalog.Look) func(*entity.Entity, *Objective) (*ObjectiveStatus, error) {
	return func(e *entity.Entity, _ *Objective) (*ObjectiveStatus, error) {
		var parts []okr.Part
		var shown []string
		err := look.Each(within("KeyResult", "spec.objective", e.Ref()), func(kr *entity.Entity) error {
			s, err := catalog.Spec[KeyResult](kr)
			if err != nil {
				return err
			}
			status, err := statusOf[KeyResultStatus](kr)
			parts, shown = append(parts, okr.Part{Weight: s.Weight, Progress: status.Progress}), append(shown, status.Standing)
			return err
		})
		return &ObjectiveStatus{Standing: worst(shown), Score: round(okr.Score(parts)), KeyResults: len(parts)}, err
	}
}

// unproven ends the standings that would be green but for their evidence.
const unproven = "-unproven"

// shownAs is how a standing is stored and shown.
func shownAs(s okr.Standing, green bool) string {
	if (s == okr.OnTrack || s == okr.Met) && !green {
		return string(s) + unproven
	}
	return string(s)
}

// worst returns the worst of some standings as they are stored. A good one is
// proven when all are.
func worst(shown []string) string {
	var all []okr.Standing
	green := true
	for _, s := range shown {
		all = append(all, standingOf(s))
		green = green && !strings.HasSuffix(s, unproven)
	}
	return shownAs(okr.Worst(all), green)
}

// standingOf reads a standing as it is stored.
func standingOf(shown string) okr.Standing {
	if shown == "" {
		return okr.Unknown
	}
	return okr.Standing(strings.TrimSuffix(shown, unproven))
}

// within asks for the entities of a kind whose field names ref.
func within(kind, field string, ref entity.Ref) catalog.Query {
	return catalog.Query{Kinds: []string{kind}, Fields: map[string][]string{field: {ref.String()}}}
}

// statusOf reads the status of an entity; the zero value where there is none.
func statusOf[T any](e *entity.Entity) (T, error) {
	var s T
	if len(e.Status) == 0 {
		return s, nil
	}
	return s, json.Unmarshal(e.Status, &s)
}

func problem(field, code, format string, args ...any) fault.Problem {
	p := fault.Problem{Field: field, Code: code, Msg: fmt.Sprintf(format, args...)}
	for _, a := range args {
		p.Args = append(p.Args, fmt.Sprint(a))
	}
	return p
}
