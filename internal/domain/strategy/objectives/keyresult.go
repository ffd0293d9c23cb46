package objectives

import (
	"cmp"
	"errors"
	"math"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// KeyResult says how it is told that an objective is reached. Its title is the
// claim. Its number is that of a measure, or one that people type.
type KeyResult struct {
	Objective  string   `json:"objective" en:"Objective" es:"Objetivo" req:"1" ref:"objective" rel:"resultOf,hasResult" col:"6" filter:"1" help:"The objective it belongs to." ayuda:"El objetivo al que pertenece." example:"payments-first-time"`
	Kind       string   `json:"kind" en:"Counted as" es:"Se cuenta como" req:"1" filter:"1" enum:"metric=A number|Un número;ordinal=Steps|Pasos;milestone=Milestones|Hitos" help:"A number that moves from a start to a target, steps (commit, target, stretch), or milestones." ayuda:"Un número que va de un inicio a un objetivo, pasos (compromiso, objetivo, ambición) o hitos." example:"metric"`
	Direction  string   `json:"direction,omitempty" en:"Better when" es:"Mejor cuando" enum:"up=It rises|Sube;down=It falls|Baja;keep=It stays within|Se mantiene entre" help:"Of a number. Left empty it follows from start and target." ayuda:"De un número. Vacío, se sigue del inicio y el objetivo." example:"up"`
	Start      *float64 `json:"start,omitempty" en:"Start" es:"Inicio" help:"Where the number stood when the cycle began." ayuda:"Dónde estaba el número al empezar el ciclo." example:"92.4"`
	Target     *float64 `json:"target,omitempty" en:"Target" es:"Objetivo numérico" help:"Where it should stand at the end. Not the same as the start." ayuda:"Dónde debería estar al final. Distinto del inicio." example:"96"`
	Low        *float64 `json:"low,omitempty" en:"Low end" es:"Extremo bajo" help:"Of a band that the number should stay within." ayuda:"De la banda en que debe mantenerse el número."`
	High       *float64 `json:"high,omitempty" en:"High end" es:"Extremo alto" help:"Of a band." ayuda:"De la banda."`
	Tolerance  *float64 `json:"tolerance,omitempty" en:"Tolerance" es:"Tolerancia" min:"0" help:"How far outside of the band nothing is left of the progress. Left empty: the width of the band." ayuda:"A qué distancia de la banda no queda nada del progreso. Vacío: la anchura de la banda."`
	Steps      *Steps   `json:"steps,omitempty" en:"Steps" es:"Pasos" help:"What each step means; they stand for 0.3, 0.7 and 1." ayuda:"Qué significa cada paso; valen 0,3, 0,7 y 1."`
	Milestones []string `json:"milestones,omitempty" en:"Milestones" es:"Hitos" search:"1" help:"The number typed is how many of them are reached." ayuda:"El número que se escribe es cuántos se han alcanzado."`
	Unit       string   `json:"unit,omitempty" en:"Unit" es:"Unidad" help:"What is counted: %, days, min, €." ayuda:"Qué se cuenta: %, días, min, €." example:"%"`
	Decimals   int      `json:"decimals,omitempty" en:"Decimals" es:"Decimales" min:"0" max:"6" help:"How many are shown." ayuda:"Cuántos se muestran." example:"1"`
	Weight     *float64 `json:"weight,omitempty" en:"Weight" es:"Peso" min:"0.01" max:"100" help:"What it counts in the score of its objective. Left empty: 1." ayuda:"Lo que cuenta en la puntuación del objetivo. Vacío: 1." example:"1"`
	Measure    string   `json:"measure,omitempty" en:"Measure" es:"Medida" ref:"measure" rel:"measuredBy,measures" filter:"1" help:"The measure whose number it is. Left empty, people type the number: it is their word, and runs out." ayuda:"La medida cuyo número es. Vacío, lo escriben personas: es su palabra, y caduca." example:"measure:payments-first-attempt"`
	GoodFor    string   `json:"goodFor,omitempty" en:"Good for" es:"Válido durante" help:"How long a typed number holds: 30d. Left empty: 30d." ayuda:"Cuánto vale un número escrito: 30d. Vacío: 30d." example:"30d"`
	Continues  string   `json:"continues,omitempty" en:"Continues" es:"Continúa" ref:"keyresult" rel:"continues,continuedBy" help:"The key result of an earlier cycle that it was carried over from." ayuda:"El resultado clave de un ciclo anterior del que se arrastra."`
	Final      *Final   `json:"final,omitempty" en:"Score at the close" es:"Puntuación al cierre" ro:"1" help:"Set by the program when the cycle is closed; the key result is not changed any more then." ayuda:"Lo pone el programa al cerrar el ciclo; desde entonces el resultado clave no se cambia."`
}

// Steps are what the steps of an ordinal key result mean.
type Steps struct {
	Commit  string `json:"commit" en:"Commit" es:"Compromiso" req:"1" search:"1" help:"What is promised." ayuda:"Lo que se promete." example:"The contract is signed" ejemplo:"El contrato está firmado"`
	Target  string `json:"target" en:"Target" es:"Objetivo" req:"1" search:"1" help:"What is aimed for." ayuda:"A lo que se aspira." example:"One country pays through it" ejemplo:"Un país paga con él"`
	Stretch string `json:"stretch" en:"Stretch" es:"Ambición" req:"1" search:"1" help:"What would be great." ayuda:"Lo que sería extraordinario." example:"All countries do" ejemplo:"Lo hacen todos los países"`
}

// Final is how a key result stood when its cycle was closed.
type Final struct {
	Score    float64  `json:"score" en:"Score" es:"Puntuación" ro:"1"`
	Value    *float64 `json:"value,omitempty" en:"Value" es:"Valor" ro:"1"`
	Standing string   `json:"standing" en:"Standing" es:"Situación" ro:"1"`
	Trust    string   `json:"trust" en:"Evidence" es:"Evidencia" ro:"1"`
	At       string   `json:"at" en:"At" es:"El" type:"datetime" ro:"1"`
}

// KeyResultStatus is what is known of a key result: how it goes, and the state
// of the claim that it bears.
type KeyResultStatus struct {
	Standing   string   `json:"standing" en:"Standing" es:"Situación" col:"1" filter:"1" enum:"off-track:bad=Off track|Fuera de plazo;no-evidence:no=No evidence|Sin evidencia;at-risk:warn=At risk|En riesgo;on-track-unproven:idle=On track, not proven|En plazo, sin probar;on-track:ok=On track|En plazo;met-unproven:idle=Met, not proven|Cumplido, sin probar;met:ok=Met|Cumplido" help:"Progress against the days of the cycle. Green only on live evidence." ayuda:"El progreso frente a los días del ciclo. Verde solo con evidencia al día."`
	Progress   *float64 `json:"progress,omitempty" en:"Progress" es:"Progreso" col:"3" help:"The share of the way from start to target, 0 to 1." ayuda:"La parte del camino entre inicio y objetivo, de 0 a 1."`
	Pace       *float64 `json:"pace,omitempty" en:"Pace" es:"Ritmo" col:"4" help:"Progress less the share of the cycle that is over; below 0 it is late." ayuda:"El progreso menos la parte del ciclo transcurrida; por debajo de 0 va tarde."`
	Confidence *int     `json:"confidence,omitempty" en:"Confidence" es:"Confianza" col:"5" help:"Of the last check-in, 0 to 10. It is no part of the progress." ayuda:"Del último seguimiento, de 0 a 10. No forma parte del progreso."`
	CheckedIn  string   `json:"checkedIn,omitempty" en:"Checked in" es:"Último seguimiento" type:"datetime" col:"7"`
	Trust      string   `json:"trust,omitempty" en:"Evidence" es:"Evidencia" filter:"1" enum:"live:ok=Live|Al día;word:idle=Somebody's word|La palabra de alguien;stale:warn=Stale|Caducada;none:no=Missing|Falta" help:"How far its number can be relied on." ayuda:"Hasta qué punto se puede confiar en su número."`
	Cycle      string   `json:"cycle,omitempty" en:"Cycle" es:"Ciclo" filter:"1" help:"The cycle of its objective." ayuda:"El ciclo de su objetivo."`
	claim.Status
}

func keyResultKind() *catalog.Kind {
	k := catalog.Of(catalog.Kind{
		Name: "KeyResult", Plural: "key-results", Short: []string{"kr", "krs"}, Room: Room, Icon: "probe", Order: 9,
		Title: lang.T("Key result", "Resultado clave"), Titles: lang.T("Key results", "Resultados clave"),
		Doc: lang.T("How it is told that an objective is reached: a number that moves, stays within a band, steps, or milestones. It bears a claim, tested by a measure or by numbers that people type, and read against the days of its cycle: on track down to a pace of −0.1, at risk down to −0.2, off track below.",
			"Cómo se nota que un objetivo se alcanza: un número que se mueve o se mantiene en una banda, pasos o hitos. Lleva una afirmación, probada con una medida o con números que escriben personas, y leída frente a los días de su ciclo: en plazo hasta un ritmo de −0,1, en riesgo hasta −0,2, fuera de plazo por debajo."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: KeyResult
metadata:
  name: payments-first-attempt
  title: Payments authorised at the first attempt
  owner: user:marta.quiroga
spec:
  objective: payments-first-time
  kind: metric
  direction: up
  start: 92.4
  target: 96
  unit: "%"
  decimals: 1
  measure: payments-first-attempt
`, `apiVersion: binnacle.dev/v1
kind: KeyResult
metadata:
  name: second-acquirer
  title: A second acquirer carries live traffic
spec:
  objective: payments-first-time
  kind: ordinal
  steps:
    commit: The contract is signed
    target: One country pays through it
    stretch: All countries do
  goodFor: 14d
`, `apiVersion: binnacle.dev/v1
kind: KeyResult
metadata:
  name: error-budget
  title: The error budget of payments is kept
spec:
  objective: payments-first-time
  kind: metric
  direction: keep
  low: 25
  tolerance: 25
  unit: "%"
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: x}\nspec: {objective: o, kind: metric, start: 5, target: 5}\n", Want: "is the same as the start"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: x}\nspec: {objective: o, kind: metric, start: 5}\n", Want: "spec.target: is required"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: x}\nspec: {objective: o, kind: metric, direction: up, start: 9, target: 5}\n", Want: "the other way"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: x}\nspec: {objective: o, kind: metric, direction: keep}\n", Want: "needs a low or a high end"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: x}\nspec: {objective: o, kind: milestone}\n", Want: "at least one"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: x}\nspec: {objective: o, kind: ordinal}\n", Want: "spec.steps: is required"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: x}\nspec: {objective: o, kind: milestone, milestones: [a], weight: 0}\n", Want: "at least 0.01"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: x}\nspec: {objective: o, kind: milestone, milestones: [a], goodFor: monthly}\n", Want: "write 30m, 24h"},
		},
	}, checkKeyResult)
	k.Guard = guardKeyResult
	return catalog.Stated[KeyResultStatus](k)
}

// Goal is what the key result wants of its number.
func (s *KeyResult) Goal() okr.Goal {
	g := okr.Goal{Kind: okr.Kind(s.Kind), Direction: okr.Direction(s.Direction), Low: s.Low, High: s.High, Tolerance: deref(s.Tolerance), Start: deref(s.Start), Target: deref(s.Target),
		Milestones: len(s.Milestones)}
	if g.Direction == "" && g.Kind == okr.Metric {
		g.Direction = okr.Up
		if g.Target < g.Start {
			g.Direction = okr.Down
		}
	}
	return g
}

func deref(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

func (s *KeyResult) keeps() bool {
	return s.Kind == string(okr.Metric) && s.Direction == string(okr.Keep)
}

// typed reports whether people type its number.
func (s *KeyResult) typed() bool { return s.Measure == "" }

func (s *KeyResult) objective(e *entity.Entity) (entity.Ref, error) {
	return entity.ParseRef(s.Objective, "objective", e.Metadata.Namespace)
}

// goalCodes name the ways a goal can be wrong, as texts know them.
var goalCodes = map[error]fault.Problem{
	okr.ErrSame:      {Code: "kr-same", Msg: "is the same as the start: progress would say nothing"},
	okr.ErrDirection: {Code: "kr-direction", Msg: "start and target go the other way"},
	okr.ErrBand:      {Code: "kr-band", Msg: "a band needs a low or a high end"},
	okr.ErrBandOrder: {Code: "kr-band-order", Msg: "lies above the high end"},
	okr.ErrTolerance: {Code: "kr-tolerance", Msg: "is required: the band has no width of its own"},
	okr.ErrNone:      {Code: "kr-milestones", Msg: "name at least one"},
	okr.ErrNumber:    {Code: "kr-number", Msg: "is no number that can be counted with"},
}

func checkKeyResult(_ *entity.Entity, s *KeyResult) []fault.Problem {
	var out []fault.Problem
	need := func(ok bool, field string) {
		if !ok {
			out = append(out, problem(field, "required", "is required"))
		}
	}
	if s.Kind == string(okr.Metric) && !s.keeps() {
		need(s.Start != nil, "spec.start")
		need(s.Target != nil, "spec.target")
	}
	if s.Kind == string(okr.Ordinal) {
		need(s.Steps != nil, "spec.steps")
	}
	if s.GoodFor != "" {
		if _, err := claim.ParseDuration(s.GoodFor); err != nil {
			out = append(out, problem("spec.goodFor", "kr-duration", "%q is not a length of time: write 30m, 24h, 7d or 2w", s.GoodFor))
		}
	}
	if len(out) > 0 {
		return out
	}
	var wrong *okr.GoalError
	if err := s.Goal().Check(); errors.As(err, &wrong) {
		p, known := goalCodes[wrong.Err]
		if !known { // a kind or direction that the schema refuses as well
			p = problem("", "unfit", "does not fit: %v", wrong.Err)
		}
		p.Field = "spec." + wrong.Part
		out = append(out, p)
	}
	return out
}

// guardKeyResult keeps the score of a closed cycle as it is: it may be set only
// while the cycle is closed, and the key result is not changed while it stands.
func guardKeyResult(g *catalog.Guarded) error {
	if g.After == nil || g.Follows {
		return nil
	}
	before, after, err := catalog.Specs[KeyResult](g)
	if err != nil {
		return err
	}
	if before.Final != nil && after.Final != nil && string(encode(before)) != string(encode(after)) {
		return fault.New(fault.Conflict, "%s was scored when its cycle was closed and is not changed any more", g.After.Ref().Short()).Coded("kr.scored").
			WithHint("open the cycle again: set its state to review")
	}
	if after.Final == nil || before.Final != nil {
		return nil
	}
	state, err := cycleState(g, g.After, &after)
	if err != nil || state == "" || state == Closed {
		return err
	}
	return fault.Bad("a key result is scored when its cycle is closed", problem("spec.final", "final-open", "is set by the program when the cycle is closed")).Coded("kr.final")
}

// cycleState returns the state of the cycle of a key result; "" when it cannot
// be found.
func cycleState(g *catalog.Guarded, kr *entity.Entity, s *KeyResult) (string, error) {
	_, _, cycle, err := up(kr, s, func(ref entity.Ref) (*entity.Entity, error) { e, _, err := g.Find(ref); return e, err })
	if err != nil || cycle == nil {
		return "", err
	}
	spec, err := catalog.Spec[Cycle](cycle)
	return spec.State, err
}

// up finds the objective of a key result and its cycle; nil for what is not
// there.
func up(kr *entity.Entity, s *KeyResult, find claim.Find) (objective *entity.Entity, o Objective, cycle *entity.Entity, err error) {
	ref, err := s.objective(kr)
	if err != nil {
		return nil, o, nil, nil // checked when it was written
	}
	if objective, err = there(find(ref)); err != nil || objective == nil {
		return nil, o, nil, err
	}
	if o, err = catalog.Spec[Objective](objective); err != nil {
		return objective, o, nil, err
	}
	ref, err = entity.ParseRef(o.Cycle, "cycle", objective.Metadata.Namespace)
	if err != nil {
		return objective, o, nil, nil
	}
	cycle, err = there(find(ref))
	return objective, o, cycle, err
}

// there turns what cannot be found into nil.
func there(e *entity.Entity, err error) (*entity.Entity, error) {
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return e, err
}

// bearer says which claim a key result bears: that it is where the time says.
func bearer() claim.Bearer {
	return claim.Bearer{Kind: "KeyResult", Claim: claimOf, Status: stateOf}
}

func claimOf(e *entity.Entity, find claim.Find) (claim.Definition, error) {
	s, err := catalog.Spec[KeyResult](e)
	if err != nil {
		return claim.Definition{}, err
	}
	d := claim.Definition{Statement: e.DisplayTitle(), Room: Room, Subject: s.Objective, Scale: s.scale()}
	probe, err := s.probe(e, find)
	if err != nil {
		return d, err
	}
	d.Probes = []claim.Probe{probe}
	_, o, cycle, err := up(e, &s, find)
	if err != nil {
		return d, err
	}
	d.Closed = s.Final != nil || o.State == Dropped
	if s.Final != nil {
		d.ClosedAt, _ = time.Parse(time.RFC3339, s.Final.At) // a moment, by the schema
	}
	span, err := spanOf(cycle)
	if err != nil {
		return d, err
	}
	goal := s.Goal()
	d.Judge = func(value float64, asOf time.Time) (claim.Zone, []claim.Step) { return judge(goal, span, value, asOf) }
	return d, nil
}

// probe is how the number comes: from a measure, as often as it is taken and
// good for as long, or typed.
func (s *KeyResult) probe(e *entity.Entity, find claim.Find) (claim.Probe, error) {
	if s.typed() {
		return claim.Probe{Test: claim.Test{Name: claim.ValueTest, Title: e.DisplayTitle()}, Typed: &claim.Typed{GoodFor: s.GoodFor}}, nil
	}
	p := claim.Probe{Test: claim.Test{Name: claim.ValueTest, Title: e.DisplayTitle(), Measure: &claim.Measured{Measure: s.Measure}}}
	ref, err := entity.ParseRef(s.Measure, "measure", e.Metadata.Namespace)
	if err != nil {
		return p, nil
	}
	m, err := there(find(ref))
	if err != nil || m == nil {
		return p, err
	}
	spec, err := catalog.Spec[claim.MeasureSpec](m)
	p.Title, p.Test.Every, p.Test.MaxAge = m.DisplayTitle(), spec.Every, spec.MaxAge
	if spec.Typed != nil {
		p.Test.MaxAge = cmp.Or(spec.Typed.GoodFor, "30d")
	}
	return p, err
}

// scale is how the number is written.
func (s *KeyResult) scale() claim.Scale {
	g := s.Goal()
	scale := claim.Scale{Unit: s.Unit, Decimals: s.Decimals, Direction: claim.Up, Start: s.Start, Target: s.Target}
	full := 0.0
	switch {
	case s.keeps():
		scale.Direction, scale.Start, scale.Target, scale.Low, scale.High = claim.Band, nil, nil, s.Low, s.High
		return scale
	case g.Kind == okr.Metric && g.Direction == okr.Down:
		scale.Direction = claim.Down
		return scale
	case g.Kind == okr.Ordinal:
		full = 3
	case g.Kind == okr.Milestone:
		full = float64(g.Milestones)
	default:
		return scale
	}
	zero := 0.0
	scale.Start, scale.Target, scale.Decimals = &zero, &full, 0
	return scale
}

// spanOf returns the days of a cycle; nil when there is none.
func spanOf(cycle *entity.Entity) (*okr.Span, error) {
	if cycle == nil {
		return nil, nil
	}
	s, err := catalog.Spec[Cycle](cycle)
	if err != nil {
		return nil, err
	}
	span, ok := s.Span()
	if !ok {
		return nil, nil
	}
	return &span, nil
}

var zones = map[okr.Standing]claim.Zone{okr.Met: claim.OK, okr.OnTrack: claim.OK, okr.AtRisk: claim.Warn, okr.OffTrack: claim.Bad}

// judge reads a number by its pace. Without a cycle there is no time to hold it
// against, and no zone.
func judge(g okr.Goal, span *okr.Span, value float64, asOf time.Time) (claim.Zone, []claim.Step) {
	p := g.Progress(value)
	steps := []claim.Step{progressStep(g, value, p)}
	if span == nil {
		return "", steps
	}
	elapsed := span.Elapsed(asOf)
	steps = append(steps, claim.Step{Do: "pace", Args: []string{share(p), share(g.Expected(elapsed))}})
	return zones[g.Stand(p, elapsed)], steps
}

func progressStep(g okr.Goal, value, p float64) claim.Step {
	switch {
	case g.Kind == okr.Ordinal:
		return claim.Step{Do: "steps", Args: []string{claim.Figure(value), "3", share(p)}}
	case g.Kind == okr.Milestone:
		return claim.Step{Do: "milestones", Args: []string{claim.Figure(value), claim.Figure(float64(g.Milestones)), share(p)}}
	case g.Direction == okr.Keep:
		return claim.Step{Do: "band", Args: []string{claim.Figure(value), dash(g.Low), dash(g.High)}}
	}
	return claim.Step{Do: "progress", Args: []string{claim.Figure(value), claim.Figure(g.Start), claim.Figure(g.Target), share(p)}}
}

func dash(v *float64) string {
	if v == nil {
		return "–"
	}
	return claim.Figure(*v)
}

// share writes a share with two decimals.
func share(p float64) string { return claim.Figure(math.Round(p*100) / 100) }
