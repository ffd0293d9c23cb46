package claim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Spec is a claim: what is said of a subject, and how it is tested. Its title
// is the statement, its owner answers for it.
type Spec struct {
	Room    string   `json:"room" en:"Room" es:"Sala" req:"1" col:"4" filter:"1" enum:"strategy=Strategy|Estrategia;people=People|Personas;delivery=Delivery|Entrega;operations=Operations|Operaciones;security=Security|Seguridad;governance=Governance|Gobierno;review=Review|Revisión" help:"Where it belongs; its key decides who may change it." ayuda:"A qué sala pertenece; su llave decide quién puede cambiarla."`
	Subject string   `json:"subject,omitempty" en:"Subject" es:"Sujeto" col:"3" filter:"1" ref:"*" rel:"claimedOf,hasClaim" help:"What it is about: anything that is kept here." ayuda:"De qué trata: cualquier cosa que se guarde aquí." example:"system:payments"`
	LeansOn []string `json:"leansOn,omitempty" en:"Leans on" es:"Se apoya en" ref:"*" rel:"leansOn,holdsUp" help:"Claims, measures or things whose doubt is its doubt." ayuda:"Afirmaciones, medidas o cosas cuya duda es la suya." example:"claim:backups-restore"`
	Tests   []Test   `json:"tests" en:"Tests" es:"Pruebas" help:"How it is tested; it is as good as its worst evidence." ayuda:"Cómo se prueba; vale lo que su peor evidencia."`
}

// MeasureSpec is a number with a history: where it comes from and what it
// should be. Exactly one source is set.
type MeasureSpec struct {
	Room      string   `json:"room" en:"Room" es:"Sala" req:"1" col:"4" filter:"1" enum:"strategy=Strategy|Estrategia;people=People|Personas;delivery=Delivery|Entrega;operations=Operations|Operaciones;security=Security|Seguridad;governance=Governance|Gobierno;review=Review|Revisión" help:"Where it belongs; its key decides who may change it." ayuda:"A qué sala pertenece; su llave decide quién puede cambiarla."`
	Unit      string   `json:"unit,omitempty" en:"Unit" es:"Unidad" help:"What is counted: %, days, min, €. Left empty for a plain number." ayuda:"Qué se cuenta: %, días, min, €. Vacío para un número sin unidad." example:"%"`
	Decimals  int      `json:"decimals,omitempty" en:"Decimals" es:"Decimales" min:"0" max:"6" help:"How many are shown." ayuda:"Cuántos se muestran." example:"1"`
	Direction string   `json:"direction" en:"Better when" es:"Mejor cuando" req:"1" enum:"up=It rises|Sube;down=It falls|Baja;band=It stays within|Se mantiene entre" help:"Which way it gets better." ayuda:"Hacia dónde mejora." example:"up"`
	Target    *float64 `json:"target,omitempty" scaled:"1" en:"Target" es:"Objetivo" help:"What it should reach. Without one it is only watched." ayuda:"A qué debe llegar. Sin él solo se observa." example:"96"`
	Limit     *float64 `json:"limit,omitempty" scaled:"1" en:"Limit" es:"Límite" help:"How far from the target is still at risk and not yet off track; for a band, how far outside." ayuda:"Hasta dónde, lejos del objetivo, está en riesgo y aún no fuera de plazo; en una banda, cuánto fuera." example:"93"`
	Low       *float64 `json:"low,omitempty" scaled:"1" en:"Low end" es:"Extremo bajo" help:"Of a band." ayuda:"De una banda."`
	High      *float64 `json:"high,omitempty" scaled:"1" en:"High end" es:"Extremo alto" help:"Of a band." ayuda:"De una banda."`
	Every     string   `json:"every,omitempty" en:"Every" es:"Cada" help:"How often it is taken: 30m, 24h, 7d. Left empty: 24h." ayuda:"Cada cuánto se toma: 30m, 24h, 7d. Vacío: 24h." example:"24h"`
	MaxAge    string   `json:"maxAge,omitempty" en:"Good for" es:"Válida durante" help:"How old it may grow before it is stale. Left empty: twice the time between." ayuda:"Cuánto puede envejecer antes de caducar. Vacío: el doble del intervalo." example:"48h"`
	Pinned    int      `json:"pinned,omitempty" en:"Instrument" es:"Instrumento" min:"0" max:"99" help:"Its place among the instruments of its room on the first page; 0 keeps it off." ayuda:"Su lugar entre los instrumentos de su sala en la primera página; 0 lo deja fuera." example:"1"`
	LeansOn   []string `json:"leansOn,omitempty" en:"Leans on" es:"Se apoya en" ref:"*" rel:"leansOn,holdsUp" help:"Claims, measures or things whose doubt is its doubt." ayuda:"Afirmaciones, medidas o cosas cuya duda es la suya."`

	Records *Records  `json:"records,omitempty" en:"Records" es:"Registros" help:"Made of what is kept here." ayuda:"Se forma con lo que se guarda aquí."`
	Number  *External `json:"number,omitempty" en:"Number from elsewhere" es:"Número externo" help:"A number that another system answers, or that a file holds." ayuda:"Un número que responde otro sistema o que contiene un fichero."`
	Formula *Formula  `json:"formula,omitempty" en:"Formula" es:"Fórmula" help:"Made of other measures." ayuda:"Se forma con otras medidas."`
	Typed   *Typed    `json:"typed,omitempty" en:"Typed" es:"Escrito a mano" help:"A person types it: it is their word, and runs out." ayuda:"Lo escribe una persona: es su palabra, y caduca."`
	Query   *Query    `json:"query,omitempty" en:"Query" es:"Consulta" help:"A question in the language of one of the engines." ayuda:"Una pregunta en el lenguaje de uno de los motores."`
}

// Typed says that people type a number.
type Typed struct {
	GoodFor string `json:"goodFor,omitempty" en:"Good for" es:"Válido durante" help:"How long a typed number holds: 30d. Left empty: 30d." ayuda:"Cuánto vale un número escrito: 30d. Vacío: 30d." example:"30d"`
}

// Formula makes a number of the present numbers of other measures.
type Formula struct {
	Value string  `json:"value" en:"Value" es:"Valor" req:"1" type:"text" help:"A CEL expression over the names given to the measures, as done / all * 100.0." ayuda:"Una expresión CEL sobre los nombres dados a las medidas, como done / all * 100.0." example:"done / all * 100.0"`
	Of    []Input `json:"of" en:"Of" es:"De" req:"1" help:"The measures it is made of." ayuda:"Las medidas con que se forma."`
}

// Input names a measure in a formula.
type Input struct {
	Name    string `json:"name" en:"Name" es:"Nombre" req:"1" help:"What the formula calls it: letters, digits and _." ayuda:"Cómo la llama la fórmula: letras, cifras y _." example:"done"`
	Measure string `json:"measure" en:"Measure" es:"Medida" req:"1" ref:"measure" rel:"madeOf,partOfMeasure" example:"measure:items-done"`
}

// ExceptionSpec excuses what a test found, for a time, by the approval of
// another person than the one who asks.
type ExceptionSpec struct {
	Claim       string   `json:"claim" en:"Claim" es:"Afirmación" req:"1" col:"1" filter:"1" ref:"*" rel:"excuses,excusedBy" help:"The claim or measure it is about." ayuda:"La afirmación o medida a la que se refiere." example:"claim:services-owned"`
	Test        string   `json:"test,omitempty" en:"Test" es:"Prueba" help:"The test it is about; left empty, all of them." ayuda:"La prueba a la que se refiere; vacío, todas." example:"owned"`
	Items       []string `json:"items,omitempty" en:"Members" es:"Miembros" help:"The members of the population it excuses, as the test names them; left empty, the whole answer." ayuda:"Los miembros de la población que dispensa, como los nombra la prueba; vacío, toda la respuesta." example:"component:default/old-kiosk"`
	Reason      string   `json:"reason" en:"Reason" es:"Motivo" req:"1" type:"text" search:"1" help:"Why it may stay so until then." ayuda:"Por qué puede quedar así hasta entonces." example:"The vendor ships the fix in March."`
	Until       string   `json:"until" en:"Until" es:"Hasta" req:"1" type:"date" col:"3" due:"expire:Exception ends|Termina una excepción" help:"The last day it holds; within 366 days of the request." ayuda:"El último día en que vale; dentro de los 366 días desde la petición." example:"2027-03-31"`
	State       string   `json:"state" en:"State" es:"Estado" req:"1" col:"2" filter:"1" enum:"requested:warn=Requested|Pedida;approved:info=Approved|Aprobada;refused:idle=Refused|Denegada" help:"A new one is requested; somebody else approves or refuses it." ayuda:"Una nueva está pedida; otra persona la aprueba o la deniega." example:"requested"`
	RequestedBy string   `json:"requestedBy,omitempty" en:"Requested by" es:"Pedida por" ro:"1" col:"5" help:"Set by the program: who asked." ayuda:"Lo pone el programa: quién la pidió."`
	DecidedBy   string   `json:"decidedBy,omitempty" en:"Decided by" es:"Decidida por" ro:"1" help:"Set by the program: who approved or refused it." ayuda:"Lo pone el programa: quién la aprobó o denegó."`
	DecidedAt   string   `json:"decidedAt,omitempty" en:"Decided at" es:"Decidida el" ro:"1" type:"datetime"`
}

// Kinds returns the kinds of claims: they belong to the house.
func Kinds() []*catalog.Kind {
	return []*catalog.Kind{claimKind(), measureKind(), exceptionKind()}
}

func claimKind() *catalog.Kind {
	k := catalog.Of(catalog.Kind{
		Name: auth.KindClaim, Plural: "claims", Icon: "claim", Order: 10,
		Title: lang.T("Claim", "Afirmación"), Titles: lang.T("Claims", "Afirmaciones"),
		Doc: lang.T("What the organisation says of one of its things, and how that is tested. The title is the statement. Its state follows from the evidence: supported, weak, contradicted, or no evidence.",
			"Lo que la organización dice de una de sus cosas y cómo se prueba. El título es la afirmación. Su estado se sigue de la evidencia: respaldada, débil, contradicha o sin evidencia."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Claim
metadata:
  name: services-owned
  title: Every service in production has an owner and a description
  owner: group:platform
spec:
  room: operations
  subject: group:platform
  tests:
    - name: owned
      title: Services without an owner or a description
      every: 24h
      records:
        from: component
        where: spec.type == "service" && spec.lifecycle == "production"
        expect: has(spec.owner) && has(metadata.description)
`, `apiVersion: binnacle.dev/v1
kind: Claim
metadata:
  name: penetration-test
  title: An outside party tests us once a year
  owner: user:leila
spec:
  room: security
  leansOn: [claim:services-owned]
  tests:
    - name: report
      title: Report of the penetration test
      attest:
        goodFor: 52w
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: x}\nspec: {room: kitchen}\n", Want: `"kitchen" is not one of`},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: x}\nspec: {room: security, tests: [{name: a}]}\n", Want: "one of records, attest"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: x}\nspec: {room: security, tests: [{name: a, records: {from: component, expect: \"spec.\"}}]}\n", Want: "spec.tests[0].records.expect"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: x}\nspec: {room: security, tests: [{name: a, every: daily, attest: {}}]}\n", Want: "write 30m, 24h"},
		},
	}, func(_ *entity.Entity, s *Spec) []fault.Problem { return checkTests("spec.tests", s.Tests) })
	k.Guard = guardRoom
	return catalog.Stated[Status](k)
}

func measureKind() *catalog.Kind {
	k := catalog.Of(catalog.Kind{
		Name: auth.KindMeasure, Plural: "measures", Icon: "trend", Order: 20,
		Title: lang.T("Measure", "Medida"), Titles: lang.T("Measures", "Medidas"),
		Doc: lang.T("A number under claims: where it comes from, which way it gets better, what it should reach, and its history. A typed number is somebody's word and is marked as such.",
			"Un número bajo las afirmaciones: de dónde viene, hacia dónde mejora, a qué debe llegar y su historia. Un número escrito a mano es la palabra de alguien y se marca como tal."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Measure
metadata:
  name: services-described
  title: Services with a description
  owner: group:platform
spec:
  room: operations
  unit: "%"
  direction: up
  target: 95
  limit: 80
  records:
    from: component
    where: spec.type == "service"
    expect: has(metadata.description)
    value: share
`, `apiVersion: binnacle.dev/v1
kind: Measure
metadata:
  name: engagement
  title: Engagement
spec:
  room: people
  decimals: 1
  direction: up
  target: 7.8
  limit: 7
  typed:
    goodFor: 90d
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: x}\nspec: {room: people, direction: up}\n", Want: "one of records, number, formula, typed or query"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: x}\nspec: {room: people, direction: up, target: 5, limit: 6, typed: {}}\n", Want: "lies beyond the target"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: x}\nspec: {room: people, direction: band, typed: {}}\n", Want: "a band needs"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: x}\nspec: {room: people, direction: up, records: {from: user}}\n", Want: "spec.records.value"},
		},
	}, checkMeasure)
	k.Guard = guardRoom
	return catalog.Stated[Status](k)
}

func checkMeasure(_ *entity.Entity, s *MeasureSpec) []fault.Problem {
	var out []fault.Problem
	forms := 0
	for _, set := range []bool{s.Records != nil, s.Number != nil, s.Formula != nil, s.Typed != nil, s.Query != nil} {
		if set {
			forms++
		}
	}
	if forms != 1 {
		p := problem("spec", "one-source", "a measure comes from one of records, number, formula, typed or query; this one has %d", forms)
		if forms == 0 {
			p.Hint = "an empty source counts as none: write typed: {goodFor: 30d}"
		}
		out = append(out, p)
	}
	out = append(out, checkDuration("spec.every", s.Every)...)
	out = append(out, checkDuration("spec.maxAge", s.MaxAge)...)
	out = append(out, s.scale().check()...)
	switch {
	case s.Records != nil:
		if s.Records.Value == "" {
			out = append(out, problem("spec.records.value", "required", "is required: a measure is a number"))
		}
		out = append(out, s.Records.check("spec.records", true)...)
	case s.Query != nil:
		if len(s.Query.Key) > 0 && s.Query.Value == "" {
			out = append(out, problem("spec.query.value", "required", "is required: a measure is a number"))
		}
		out = append(out, s.Query.check("spec.query", true)...)
	case s.Number != nil:
		out = append(out, s.Number.check("spec.number")...)
	case s.Typed != nil:
		out = append(out, checkDuration("spec.typed.goodFor", s.Typed.GoodFor)...)
	case s.Formula != nil:
		out = append(out, s.Formula.check("spec.formula")...)
	}
	return out
}

func (s *MeasureSpec) scale() Scale {
	return Scale{Unit: s.Unit, Decimals: s.Decimals, Direction: Direction(s.Direction), Target: s.Target, Limit: s.Limit, Low: s.Low, High: s.High}
}

func (s Scale) check() []fault.Problem {
	switch {
	case s.Direction == Band && s.Low == nil && s.High == nil:
		return []fault.Problem{problem("spec.low", "band", "a band needs a low or a high end")}
	case s.Direction == Band && s.Low != nil && s.High != nil && *s.Low > *s.High:
		return []fault.Problem{problem("spec.low", "band-order", "the low end lies above the high end")}
	case s.Direction == Band && s.Target != nil:
		return []fault.Problem{problem("spec.target", "band-target", "a band has a low and a high end, and no target")}
	case s.Direction == Band && s.Limit != nil && *s.Limit < 0:
		return []fault.Problem{problem("spec.limit", "band-limit", "of a band it is a distance: at least 0")}
	case s.Direction != Band && s.Limit != nil && s.Target == nil:
		return []fault.Problem{problem("spec.limit", "limit-alone", "needs a target")}
	case s.Direction != Band && s.Limit != nil && *s.Limit != *s.Target && s.reaches(*s.Limit, *s.Target):
		return []fault.Problem{problem("spec.limit", "limit-beyond", "lies beyond the target; it is how far short of it is still tolerated")}
	}
	return nil
}

func (f *Formula) check(at string) []fault.Problem {
	var out []fault.Problem
	seen := map[string]bool{}
	for i, in := range f.Of {
		field := fmt.Sprintf("%s.of[%d].name", at, i)
		switch {
		case !identifier.MatchString(in.Name):
			out = append(out, problem(field, "identifier", "%q cannot be used in a formula: use letters, digits and _, beginning with a letter", in.Name))
		case seen[in.Name]:
			out = append(out, problem(field, "name-twice", "the name %s is given twice", in.Name))
		}
		seen[in.Name] = true
	}
	if len(out) == 0 {
		if _, err := compileFormula(f); err != nil {
			out = append(out, problem(at+".value", "cel", "%v", err))
		}
	}
	return out
}

func exceptionKind() *catalog.Kind {
	k := catalog.Of[ExceptionSpec](catalog.Kind{
		Name: auth.KindException, Plural: "exceptions", Icon: "exception", Order: 30,
		Title: lang.T("Exception", "Excepción"), Titles: lang.T("Exceptions", "Excepciones"),
		Doc: lang.T("Excuses what a test found, for a time. Another person than the one who asks approves it, and it runs out. The raw answer stays visible beside it.",
			"Dispensa lo que una prueba encontró, por un tiempo. La aprueba otra persona que la que la pide, y caduca. La respuesta sin dispensa queda a la vista."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Exception
metadata:
  name: old-kiosk-unowned
  title: The old kiosk has no owner until it is switched off
spec:
  claim: claim:services-owned
  test: owned
  items: [component:default/old-kiosk]
  reason: It is switched off at the end of March; nobody takes it over for that time.
  until: "2027-03-31"
  state: requested
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Exception\nmetadata: {name: x}\nspec: {claim: \"claim:a\", until: \"2027-03-31\", state: requested}\n", Want: "spec.reason: is required"},
		},
	}, nil)
	k.Guard, k.Closed, k.Answers = guardException, refused, requester
	return k
}

// refused reports whether an exception was not granted: then it does not end
// either.
func refused(e *entity.Entity) bool {
	s, err := catalog.Spec[ExceptionSpec](e)
	return err == nil && s.State == "refused"
}

// requester is the person who asked for an exception, who sees to what comes
// after it; "" when it was no person of the catalog.
func requester(e *entity.Entity) string {
	s, err := catalog.Spec[ExceptionSpec](e)
	if err != nil || !strings.Contains(s.RequestedBy, ":") {
		return ""
	}
	return s.RequestedBy
}

// guardRoom lets those change a claim or measure who may write in its room,
// the one before and the one after.
func guardRoom(g *catalog.Guarded) error {
	for _, e := range []*entity.Entity{g.Before, g.After} {
		if e == nil {
			continue
		}
		if err := g.Caller.Can(auth.Write, roomOf(e)); err != nil {
			return err
		}
	}
	return nil
}

// roomOf returns what authorisation is asked about for a claim or a measure.
func roomOf(e *entity.Entity) auth.Resource {
	var s struct {
		Room string `json:"room"`
	}
	_ = json.Unmarshal(e.Spec, &s)
	return auth.Resource{Room: s.Room, Kind: e.Kind}
}

// guardException sees to it that one person asks and another decides, whoever
// writes the file: who asked and who decided are set from who makes the change.
func guardException(g *catalog.Guarded) error {
	if g.After == nil {
		return nil
	}
	old, s, err := catalog.Specs[ExceptionSpec](g)
	if err != nil {
		return err
	}
	switch {
	case g.Follows:
		return nil
	case g.Before == nil || old.asks(s):
		err = s.request(g)
	case old.State != s.State:
		err = s.decide(g, old)
	default:
		s.RequestedBy, s.DecidedBy, s.DecidedAt = old.RequestedBy, old.DecidedBy, old.DecidedAt
	}
	if err != nil {
		return err
	}
	return catalog.SetSpec(g.After, s)
}

func (s *ExceptionSpec) request(g *catalog.Guarded) error {
	if s.State != "requested" {
		return fault.Bad("an exception begins as a request", problem("spec.state", "exception-first", "must be requested: another person than the one who asks approves it")).Coded("claim.exception-first")
	}
	if until, err := time.Parse(time.DateOnly, s.Until); err == nil && until.Sub(g.At) > 366*24*time.Hour {
		return fault.Bad("an exception runs out", problem("spec.until", "exception-long", "is more than 366 days away")).Coded("claim.exception-long")
	}
	s.RequestedBy, s.DecidedBy, s.DecidedAt = g.Caller.Identity(), "", ""
	return nil
}

// decide records who approves or refuses. It takes somebody else than who asks,
// who may write where the claim belongs.
func (s *ExceptionSpec) decide(g *catalog.Guarded, old ExceptionSpec) error {
	if old.RequestedBy == g.Caller.Identity() {
		return fault.New(fault.Forbidden, "who asks for an exception cannot decide on it").Coded("claim.exception-own").WithHint("ask somebody else who may write there")
	}
	ref, err := entity.ParseRef(s.Claim, "claim", g.After.Metadata.Namespace)
	if err != nil {
		return err
	}
	e, k, err := g.Find(ref)
	if err != nil {
		return err
	}
	on := k.Resource()
	if k.Room == auth.House {
		on = roomOf(e)
	}
	if err := g.Caller.Can(auth.Write, on); err != nil {
		return err
	}
	s.RequestedBy, s.DecidedBy, s.DecidedAt = old.RequestedBy, g.Caller.Identity(), g.At.UTC().Format(time.RFC3339)
	return nil
}

// asks reports whether a change asks for something else than was asked for, so
// that a decision does not stand for it.
func (s ExceptionSpec) asks(to ExceptionSpec) bool {
	return s.Claim != to.Claim || s.Test != to.Test || s.Until != to.Until || s.Reason != to.Reason || !slices.Equal(s.Items, to.Items) || s.State != "requested" && to.State == "requested"
}

// Holds reports whether an exception is approved and has not run out at a
// moment; end is when it does, the end of its last day in UTC.
func (s ExceptionSpec) Holds(now time.Time) (end time.Time, ok bool) {
	day, err := time.Parse(time.DateOnly, s.Until)
	end = day.AddDate(0, 0, 1)
	return end, err == nil && s.State == "approved" && now.Before(end)
}
