package strategy

import (
	"fmt"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// The lanes of the roadmap.
const (
	LaneNow   = "now"
	LaneNext  = "next"
	LaneLater = "later"
)

// The states of an initiative.
const (
	InitiativePlanned = "planned"
	InitiativeActive  = "active"
	InitiativePaused  = "paused"
	InitiativeDone    = "done"
	InitiativeStopped = "stopped"
)

// Initiative is a piece of the roadmap: work of one or several teams that is
// done for an objective, and asked for by a day.
type Initiative struct {
	Lane       string   `json:"lane" en:"Lane" es:"Carril" req:"1" col:"1" filter:"1" enum:"now:ok=Now|Ahora;next:info=Next|Siguiente;later:idle=Later|Más adelante" help:"How near it is: dated now, planned next, only an order later." ayuda:"Lo cerca que está: con fecha ahora, planeada después, solo un orden más adelante." example:"now"`
	State      string   `json:"state" en:"State" es:"Estado" req:"1" col:"2" filter:"1" enum:"planned:idle=Planned|Planeada;active:info=Under way|En marcha;paused:warn=Paused|En pausa;done:ok=Done|Terminada;stopped:idle=Stopped|Detenida" help:"Where it stands." ayuda:"En qué punto está." example:"active"`
	Rank       int      `json:"rank,omitempty" en:"Rank" es:"Orden" min:"1" help:"Its place within its lane; a team works on the lower number first. Without one it comes after those that have one." ayuda:"Su lugar en el carril; un equipo trabaja antes en el número menor. Sin él va detrás de las que lo tienen." example:"1"`
	Serves     []string `json:"serves,omitempty" en:"Serves" es:"Sirve a" ref:"objective,keyresult" rel:"serves,servedBy" col:"7" help:"The objectives and key results it is done for." ayuda:"Los objetivos y resultados clave por los que se hace." example:"keyresult:payments-first-time"`
	Teams      []string `json:"teams,omitempty" en:"Teams" es:"Equipos" ref:"group" rel:"workedOnBy,worksOn" col:"3" filter:"1" help:"Who works on it. The forecast learns from what they finished." ayuda:"Quién trabaja en ella. La previsión aprende de lo que terminaron." example:"group:payments"`
	Work       []Work   `json:"work,omitempty" en:"Work items" es:"Elementos de trabajo" help:"Which work items belong to it: those that meet any of the lines." ayuda:"Qué elementos de trabajo le pertenecen: los que cumplan cualquiera de las líneas."`
	Size       *Size    `json:"size,omitempty" en:"Size" es:"Tamaño" help:"How many items it is expected to become in all, until its work items are written." ayuda:"En cuántos elementos se espera que se convierta en total, hasta que estén escritos."`
	BrokenDown bool     `json:"brokenDown,omitempty" en:"Broken down" es:"Desglosada" help:"Its work items are all written, so the size no longer counts." ayuda:"Sus elementos de trabajo están todos escritos, así que el tamaño ya no cuenta."`
	Start      string   `json:"start,omitempty" en:"Start" es:"Inicio" type:"date" help:"The day it began or is to begin." ayuda:"El día en que empezó o debe empezar." example:"2026-09-07"`
	End        string   `json:"end,omitempty" en:"End" es:"Fin" type:"date" help:"The day it is planned to end; of one that is done, the day it ended." ayuda:"El día en que se planea terminarla; si está terminada, el día en que terminó." example:"2026-11-13"`
	WantBy     string   `json:"wantBy,omitempty" en:"Wanted by" es:"Se quiere para" type:"date" col:"4" help:"The day by which somebody wants it. The forecast says how likely that is." ayuda:"El día para el que alguien la quiere. La previsión dice lo probable que es." example:"2026-11-30"`
	Commitment string   `json:"commitment,omitempty" en:"Commitment" es:"Compromiso" filter:"1" enum:"none:idle=None|Ninguno;target:info=Target|Meta;promised:warn=Promised|Prometida" help:"What was said about the day: nothing, that we aim for it, or that we will." ayuda:"Lo que se dijo sobre el día: nada, que se intentará, o que se cumplirá." example:"target"`
	Class      string   `json:"class,omitempty" en:"Class of service" es:"Clase de servicio" filter:"1" enum:"expedite:bad=Expedite|Urgente;fixed-date:warn=Fixed date|Fecha fija;standard:idle=Standard|Estándar;intangible:idle=Intangible|Intangible" help:"How its delay costs: at once, all at a day, steadily, or later. What is expedited goes before everything else." ayuda:"Cómo cuesta su retraso: al instante, todo en un día, poco a poco, o más tarde. Lo urgente va delante de todo." example:"standard"`
	DependsOn  []string `json:"dependsOn,omitempty" en:"Depends on" es:"Depende de" ref:"initiative" rel:"dependsOn,dependencyOf" help:"Initiatives that must be done before this one begins." ayuda:"Iniciativas que deben terminar antes de que empiece esta." example:"initiative:network-tokens"`
	Investment string   `json:"investment,omitempty" en:"Investment" es:"Inversión" filter:"1" enum:"run:idle=Run|Mantener;grow:info=Grow|Crecer;transform:info=Transform|Transformar" help:"What the money is for: keep what is, make it more, make it otherwise." ayuda:"Para qué es el dinero: mantener lo que hay, hacerlo crecer, transformarlo." example:"grow"`
	Worth      *Worth   `json:"worth,omitempty" en:"Worth" es:"Valor" help:"What it is ranked by." ayuda:"Aquello por lo que se ordena."`
	Learn      string   `json:"learn,omitempty" en:"What we must learn" es:"Lo que hay que aprender" type:"text" search:"1" help:"The question that decides whether it is done at all." ayuda:"La pregunta que decide si se hace o no." example:"Do travellers trust it at a kiosk?" ejemplo:"¿Se fían de ello los viajeros en un quiosco?"`
	Waits      string   `json:"waits,omitempty" en:"Waits for" es:"Espera a" search:"1" help:"What holds it up now, in a few words." ayuda:"Lo que la retiene ahora, en pocas palabras." example:"decision 0067" ejemplo:"la decisión 0067"`
}

// Work picks work items: those of a source that are below a parent or bear a
// tag, or a team's.
type Work struct {
	Source string `json:"source,omitempty" en:"Source" es:"Origen" help:"The tracker, as it was named in the import. Left empty for any." ayuda:"El gestor, como se nombró al importar. Vacío para cualquiera." example:"ado"`
	Parent string `json:"parent,omitempty" en:"Below" es:"Debajo de" help:"The number of an epic or feature: everything below it belongs." ayuda:"El número de una épica o funcionalidad: le pertenece todo lo que hay debajo." example:"2379"`
	Tag    string `json:"tag,omitempty" en:"Tag" es:"Etiqueta" help:"A tag that the items bear." ayuda:"Una etiqueta que llevan los elementos."`
}

// Size is an estimate in items.
type Size struct {
	Low    int `json:"low" en:"Low" es:"Mínimo" req:"1" min:"0" max:"2000" example:"8"`
	Likely int `json:"likely" en:"Likely" es:"Probable" req:"1" min:"0" max:"2000" example:"12"`
	High   int `json:"high" en:"High" es:"Máximo" req:"1" min:"0" max:"2000" example:"25"`
}

// Worth holds the inputs of the three ways to rank.
type Worth struct {
	Reach           *float64 `json:"reach,omitempty" en:"Reach" es:"Alcance" min:"0" help:"RICE: people it reaches in a quarter." ayuda:"RICE: personas a las que llega en un trimestre."`
	Impact          *float64 `json:"impact,omitempty" en:"Impact" es:"Impacto" min:"0" max:"3" help:"RICE: on each of them, from 0.25 minimal over 1 medium to 3 massive." ayuda:"RICE: en cada una, de 0,25 mínimo, 1 medio, a 3 enorme."`
	Confidence      *float64 `json:"confidence,omitempty" en:"Confidence" es:"Confianza" min:"0" max:"1" help:"RICE: how sure the two are, from 0 to 1." ayuda:"RICE: lo seguras que son las dos, de 0 a 1."`
	Effort          *float64 `json:"effort,omitempty" en:"Effort" es:"Esfuerzo" min:"0" help:"RICE: person-months." ayuda:"RICE: meses de una persona."`
	BusinessValue   *float64 `json:"businessValue,omitempty" en:"Business value" es:"Valor de negocio" min:"0" help:"WSJF: beside the others, on a scale as 1, 2, 3, 5, 8, 13." ayuda:"WSJF: al lado de las demás, en una escala como 1, 2, 3, 5, 8, 13."`
	TimeCriticality *float64 `json:"timeCriticality,omitempty" en:"Time criticality" es:"Urgencia" min:"0" help:"WSJF: how its value decays, on the same scale." ayuda:"WSJF: cómo decae su valor, en la misma escala."`
	RiskReduction   *float64 `json:"riskReduction,omitempty" en:"Risk reduction" es:"Reducción de riesgo" min:"0" help:"WSJF: what it makes safe or possible, on the same scale." ayuda:"WSJF: lo que asegura o hace posible, en la misma escala."`
	JobSize         *float64 `json:"jobSize,omitempty" en:"Job size" es:"Tamaño del trabajo" min:"0" help:"WSJF: beside the others, on the same scale." ayuda:"WSJF: al lado de las demás, en la misma escala."`
	PerMonth        *float64 `json:"perMonth,omitempty" en:"Cost of delay" es:"Coste del retraso" min:"0" help:"CD3: what a month without it costs, in money." ayuda:"CD3: lo que cuesta un mes sin ella, en dinero."`
	Days            *float64 `json:"days,omitempty" en:"Duration" es:"Duración" min:"0" help:"CD3: days of work. Left empty, the items that remain." ayuda:"CD3: días de trabajo. Vacío, los elementos que quedan."`
}

func initiativeKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: "Initiative", Plural: "initiatives", Room: Room, Icon: "calendar", Order: 40,
		Title: lang.T("Initiative", "Iniciativa"), Titles: lang.T("Initiatives", "Iniciativas"),
		Doc: lang.T("A piece of the roadmap: work of one or several teams, done for an objective and wanted by a day. Its forecast is computed from the work items its teams have finished.",
			"Una pieza de la hoja de ruta: trabajo de uno o varios equipos, hecho por un objetivo y deseado para un día. Su previsión se calcula a partir de los elementos de trabajo que sus equipos han terminado."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Initiative
metadata:
  name: second-acquirer
  title: Second acquirer live
  owner: group:payments
spec:
  lane: now
  state: active
  rank: 1
  serves: [keyresult:payments-first-time]
  teams: [payments]
  work: [{source: ado, parent: "2379"}]
  size: {low: 8, likely: 12, high: 25}
  start: "2026-09-07"
  wantBy: "2026-11-30"
  commitment: target
  class: standard
  dependsOn: [network-tokens]
  investment: grow
  worth: {perMonth: 21000, days: 40}
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Initiative\nmetadata: {name: x}\nspec: {state: active}\n", Want: "spec.lane: is required"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Initiative\nmetadata: {name: x}\nspec: {lane: now, state: active, dependsOn: [x]}\n", Want: "cannot wait for itself"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Initiative\nmetadata: {name: x}\nspec: {lane: now, state: active, size: {low: 9, likely: 5, high: 12}}\n", Want: "low, likely and high must go up"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Initiative\nmetadata: {name: x}\nspec: {lane: now, state: active, start: \"2026-10-02\", end: \"2026-10-01\"}\n", Want: "ends before it starts"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Initiative\nmetadata: {name: x}\nspec: {lane: now, state: active, work: [{source: ado}]}\n", Want: "names neither a parent nor a tag"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Initiative\nmetadata: {name: x}\nspec: {lane: now, state: done}\n", Want: "needs the day it ended"},
		},
	}, checkInitiative)
}

// checkInitiative refuses what no plan can mean.
func checkInitiative(e *entity.Entity, s *Initiative) []fault.Problem {
	var problems []fault.Problem
	wrong := func(field, code, msg string) {
		problems = append(problems, fault.Problem{Field: field, Code: code, Msg: msg})
	}
	for i, ref := range s.DependsOn {
		if r, err := entity.ParseRef(ref, "initiative", e.Metadata.Namespace); err == nil && r == e.Ref() {
			wrong(fmt.Sprintf("spec.dependsOn[%d]", i), "initiative.itself", "an initiative cannot wait for itself")
		}
	}
	if z := s.Size; z != nil && (z.Low > z.Likely || z.Likely > z.High) {
		wrong("spec.size", "initiative.size", "low, likely and high must go up")
	}
	if start, end := dayOfText(s.Start), dayOfText(s.End); !start.IsZero() && !end.IsZero() && end.Before(start) {
		wrong("spec.end", "initiative.ends", "it ends before it starts")
	}
	for i, w := range s.Work {
		if w.Parent == "" && w.Tag == "" {
			wrong(fmt.Sprintf("spec.work[%d]", i), "initiative.work", "names neither a parent nor a tag, and would take every item of the source")
		}
	}
	if s.State == InitiativeDone && s.End == "" {
		wrong("spec.end", "initiative.done", "an initiative that is done needs the day it ended: earlier forecasts are scored by it")
	}
	return problems
}

// dayOfText reads a day of a spec; the zero time when there is none.
func dayOfText(s string) time.Time {
	t, _ := time.Parse(time.DateOnly, s) // a day, by the schema
	return t
}
