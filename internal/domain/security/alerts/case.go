package alerts

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Case is an attack, or what may be one, that people work on until it is over and
// learned from. What happened is in its timeline, which is a table of its own.
type Case struct {
	Severity string `json:"severity" en:"Severity" es:"Gravedad" req:"1" col:"1" filter:"1" enum:"critical:bad=Critical|Crítica;high:bad=High|Alta;medium:warn=Medium|Media;low:idle=Low|Baja" help:"How bad it is. It decides how soon each phase has to be reached." ayuda:"Cómo de grave es. Decide cuándo hay que alcanzar cada fase." example:"high"`
	Phase    string `json:"phase" en:"Phase" es:"Fase" req:"1" col:"2" filter:"1" enum:"detected:bad=Detected|Detectado;acknowledged:warn=Acknowledged|Visto;contained:info=Contained|Contenido;removed:info=Removed|Eliminado;recovered:info=Recovered|Recuperado;closed:ok=Closed|Cerrado" help:"How far it is: seen, spreading no more, gone, working again, learned from." ayuda:"Hasta dónde se ha llegado: visto, ya no se extiende, eliminado, de nuevo en marcha, aprendido." example:"contained"`
	Lead     string `json:"lead,omitempty" en:"Lead" es:"Responsable" col:"3" filter:"1" ref:"user" rel:"caseLedBy,leadsCase" help:"Who leads the work." ayuda:"Quién dirige el trabajo." example:"user:leila"`
	Playbook string `json:"playbook,omitempty" en:"Playbook" es:"Guion" filter:"1" help:"The template its tasks came from." ayuda:"La plantilla de la que salieron sus tareas." example:"credential-leak"`

	Began          string `json:"began,omitempty" en:"First event" es:"Primer evento" type:"datetime" help:"When it began, by what is known now." ayuda:"Cuándo empezó, según lo que se sabe." example:"2026-09-22T03:11:42Z"`
	DetectedAt     string `json:"detectedAt,omitempty" en:"Detected" es:"Detectado" type:"datetime" col:"4"`
	AcknowledgedAt string `json:"acknowledgedAt,omitempty" en:"Acknowledged" es:"Visto" type:"datetime"`
	ContainedAt    string `json:"containedAt,omitempty" en:"Contained" es:"Contenido" type:"datetime"`
	RemovedAt      string `json:"removedAt,omitempty" en:"Removed" es:"Eliminado" type:"datetime"`
	RecoveredAt    string `json:"recoveredAt,omitempty" en:"Recovered" es:"Recuperado" type:"datetime"`
	ClosedAt       string `json:"closedAt,omitempty" en:"Closed" es:"Cerrado" type:"datetime"`

	Affected   []Affected  `json:"affected,omitempty" en:"Affected" es:"Afectado" help:"What was hit or tried, and what came of it." ayuda:"Qué se alcanzó o se intentó, y qué resultó."`
	Indicators []Indicator `json:"indicators,omitempty" en:"Indicators" es:"Indicadores" help:"By what the attack is known: addresses, hashes, accounts." ayuda:"Por qué se reconoce el ataque: direcciones, resúmenes, cuentas."`
	Services   []string    `json:"services,omitempty" en:"Services" es:"Servicios" ref:"component,system,resource,api" rel:"caseAffects,affectedByCase" help:"The services it touches." ayuda:"Los servicios a los que toca." example:"component:payments"`
	People     []string    `json:"people,omitempty" en:"People" es:"Personas" ref:"user,group" rel:"caseConcerns,concernedByCase" help:"Whose accounts or data are in it, and who helps." ayuda:"De quién son las cuentas o los datos, y quién ayuda." example:"user:leila"`
	Risks      []string    `json:"risks,omitempty" en:"Risks" es:"Riesgos" ref:"*" rel:"caseRaises,raisedByCase" help:"Risks and claims that it casts doubt on." ayuda:"Riesgos y afirmaciones que pone en duda."`

	Report  string   `json:"report,omitempty" en:"Report to an authority" es:"Aviso a una autoridad" filter:"1" enum:"undecided:warn=Not decided|Sin decidir;not-needed:idle=Not needed|No hace falta;needed:bad=Needed|Hace falta;sent:ok=Sent|Enviado" help:"Whether the authority for data protection, or another, has to be told." ayuda:"Si hay que avisar a la autoridad de protección de datos, u otra." example:"not-needed"`
	Lesson  string   `json:"lesson,omitempty" en:"Lesson" es:"Lección" type:"markdown" search:"1" help:"What was learned: why it could happen, what helped, what did not." ayuda:"Qué se aprendió: por qué pudo pasar, qué ayudó y qué no."`
	Actions []string `json:"actions,omitempty" en:"Corrective actions" es:"Acciones correctivas" ref:"task" rel:"correctedBy,corrects" help:"The tasks that keep it from happening again." ayuda:"Las tareas que evitan que vuelva a pasar." example:"task:rotate-keys"`
	// NoActions says why nothing has to be corrected.
	NoActions string `json:"noActions,omitempty" en:"Why nothing is corrected" es:"Por qué no se corrige nada" help:"Only where there are no corrective actions." ayuda:"Solo si no hay acciones correctivas."`

	MergedInto string `json:"mergedInto,omitempty" en:"Merged into" es:"Unido a" ref:"case" rel:"mergedInto,mergedFrom" ro:"1" help:"Set by the program: the case it became a part of." ayuda:"Lo pone el programa: el caso del que forma parte."`
	SplitFrom  string `json:"splitFrom,omitempty" en:"Split from" es:"Separado de" ref:"case" rel:"splitFrom,splitInto" ro:"1" help:"Set by the program." ayuda:"Lo pone el programa."`
}

// Affected is something that was hit, or that somebody tried to hit.
type Affected struct {
	Asset   string `json:"asset" en:"Asset" es:"Activo" req:"1" example:"component:payments" help:"A reference, or a name." ayuda:"Una referencia o un nombre."`
	What    string `json:"what,omitempty" en:"What happened" es:"Qué pasó" example:"Key used, 222 calls" ejemplo:"Clave usada, 222 llamadas"`
	Verdict string `json:"verdict" en:"Verdict" es:"Veredicto" req:"1" enum:"open:idle=Not known yet|Aún no se sabe;compromised:bad=Compromised|Comprometido;disclosed:bad=Disclosed|Revelado;damaged:bad=Damaged|Dañado;safe:ok=Safe|A salvo" example:"safe"`
}

// Indicator is a value by which the attack is known.
type Indicator struct {
	Type  string `json:"type" en:"Type" es:"Tipo" req:"1" enum:"address=Address|Dirección;domain=Domain|Dominio;url=URL|URL;hash=Hash|Resumen;account=Account|Cuenta;host=Host|Host;key=Key|Clave;client=Client|Cliente;other=Other|Otro" example:"address"`
	Value string `json:"value" en:"Value" es:"Valor" req:"1" example:"203.0.113.77"`
	Note  string `json:"note,omitempty" en:"Note" es:"Nota"`
}

// The phases of a case, in their order.
const (
	detected     = "detected"
	acknowledged = "acknowledged"
	contained    = "contained"
	removed      = "removed"
	recovered    = "recovered"
	closed       = "closed"
)

// Phases lists the phases in their order.
var Phases = []string{detected, acknowledged, contained, removed, recovered, closed}

// at is the field that holds when a phase was reached.
func (s *Case) at(phase string) *string {
	switch phase {
	case detected:
		return &s.DetectedAt
	case acknowledged:
		return &s.AcknowledgedAt
	case contained:
		return &s.ContainedAt
	case removed:
		return &s.RemovedAt
	case recovered:
		return &s.RecoveredAt
	}
	return &s.ClosedAt
}

// When is when a phase was reached; the zero time when it was not.
func (s *Case) When(phase string) time.Time {
	t, err := time.Parse(time.RFC3339, *s.at(phase))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Began is when the attack began, as far as that is known.
func (s *Case) began() time.Time {
	t, err := time.Parse(time.RFC3339, s.Began)
	if err != nil {
		return s.When(detected)
	}
	return t
}

// casePattern is what cases are called that are opened here.
var casePattern = regexp.MustCompile(`^C-[1-9][0-9]{0,8}$`)

// CaseKind is the name of the kind.
const CaseKind = "Case"

func caseKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: CaseKind, Plural: "cases", Room: auth.Security, Icon: "shield", Order: 10,
		Title: lang.T("Case", "Caso"), Titles: lang.T("Cases", "Casos"),
		Doc: lang.T("An attack, or what may be one, that people work on: its alerts and events, a timeline nobody can change, what was hit, who does what, how long each phase took, and what was learned.",
			"Un ataque, o lo que puede serlo, en el que se trabaja: sus alertas y eventos, una cronología que nadie puede cambiar, qué se alcanzó, quién hace qué, cuánto duró cada fase y qué se aprendió."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Case
metadata:
  name: C-118
  title: CI deploy key used outside the runner network
  description: A key of svc-ci-deploy was used from a hosting network for 38 minutes. It read 74 build logs.
spec:
  severity: high
  phase: contained
  lead: user:leila
  playbook: credential-leak
  began: "2026-09-22T03:11:42Z"
  detectedAt: "2026-09-22T03:13:04Z"
  acknowledgedAt: "2026-09-22T03:19:00Z"
  containedAt: "2026-09-22T03:52:00Z"
  affected:
    - asset: component:payments
      what: 2 reads of a secret, refused
      verdict: safe
  indicators:
    - type: address
      value: 203.0.113.77
  services: [component:payments]
  report: undecided
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Case\nmetadata: {name: C-1, namespace: other}\nspec: {severity: high, phase: detected}\n", Want: "one namespace"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Case\nmetadata: {name: C-1}\nspec: {severity: high, phase: detected, detectedAt: \"2026-09-22T03:13:00Z\", containedAt: \"2026-09-22T03:12:00Z\"}\n", Want: "before it was detected"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Case\nmetadata: {name: C-1}\nspec: {severity: awful, phase: detected}\n", Want: "is not one of"},
		},
		Guard:  guardCase,
		Closed: func(e *entity.Entity) bool { s, err := catalog.Spec[Case](e); return err == nil && s.Phase == closed },
	}, checkCase)
}

func checkCase(e *entity.Entity, s *Case) []fault.Problem {
	var out []fault.Problem
	if cmp.Or(e.Metadata.Namespace, entity.DefaultNamespace) != entity.DefaultNamespace {
		out = append(out, fault.Problem{Field: "metadata.namespace", Code: "case-namespace", Msg: "cases have one namespace, so that their names tell them apart"})
	}
	from, before := s.When(detected), detected
	for _, p := range Phases[1:] {
		at := s.When(p)
		if at.IsZero() || from.IsZero() {
			continue
		}
		if at.Before(from) {
			out = append(out, fault.Problem{Field: "spec." + p + "At", Code: "case-order", Msg: "lies before it was " + before, Args: []string{before}})
			continue
		}
		from, before = at, p
	}
	if b := s.began(); s.Began != "" && !s.When(detected).IsZero() && b.After(s.When(detected)) {
		out = append(out, fault.Problem{Field: "spec.began", Code: "case-began", Msg: "lies after it was detected"})
	}
	return out
}

// worked reports whether a case has a timeline or alerts.
func worked(g *catalog.Guarded) (bool, error) {
	ctx, q := g.Read()
	name := g.Before.Metadata.Name
	var n int
	err := q.QueryRow(ctx, `SELECT (SELECT count(*) FROM case_entries WHERE org = ? AND name = ?) + (SELECT count(*) FROM alerts WHERE org = ? AND case_name = ?)`, g.Caller.Org, name, g.Caller.Org, name).Scan(&n)
	return n > 0, err
}

// guardCase dates the phases, keeps the name of a case that has a timeline, and
// lets a case be closed only when nothing that is required is open.
func guardCase(g *catalog.Guarded) error {
	if g.Before != nil && (g.After == nil || g.After.Metadata.Name != g.Before.Metadata.Name) {
		switch bound, err := worked(g); {
		case err != nil:
			return err
		case bound && g.After == nil:
			return fault.New(fault.Conflict, "a case with a timeline is not deleted: it is closed, or merged into another").Coded("case.keep")
		case bound:
			return fault.New(fault.Conflict, "the name of a case with a timeline stays").Coded("case.number")
		case g.After == nil:
			return nil
		}
	}
	old, s, err := catalog.Specs[Case](g)
	if err != nil {
		return err
	}
	program := g.Caller.Account == audit.System
	if !program && g.Caller.Manager != manager {
		s.MergedInto, s.SplitFrom = old.MergedInto, old.SplitFrom
	}
	s.date(old, g.At)
	if s.Phase == closed && old.Phase != closed && s.MergedInto == "" && !program {
		open, err := lacks(g, s)
		if err != nil {
			return err
		}
		if len(open) > 0 {
			return stillOpen(g.After, open)
		}
	}
	return catalog.SetSpec(g.After, s)
}

// manager is the name of this part's hand.
const manager = "security/cases"

// date notes when phases are reached, and forgets those that are not any more.
func (s *Case) date(old Case, at time.Time) {
	stamp := at.UTC().Format(time.RFC3339)
	now := slices.Index(Phases, s.Phase)
	if s.DetectedAt == "" {
		s.DetectedAt = stamp
	}
	for i, p := range Phases {
		f := s.at(p)
		switch {
		case i > now && old.Phase != s.Phase:
			*f = ""
		case i == now && *f == "":
			*f = stamp
		}
	}
}

// Lack is something that keeps a case from being closed. Code is the key of its
// text, N how many there are.
type Lack struct {
	Code string
	N    int
	Met  bool
}

// lacks lists what is open.
func lacks(g *catalog.Guarded, s Case) ([]Lack, error) {
	ctx, q := g.Read()
	var openAlerts int
	if err := q.QueryRow(ctx, `SELECT count(*) FROM alerts WHERE org = ? AND case_name = ? AND state <> 'closed'`, g.Caller.Org, g.After.Metadata.Name).Scan(&openAlerts); err != nil {
		return nil, err
	}
	tasks, err := g.Holders(auth.KindTask, "taskOf", g.After.Ref())
	if err != nil {
		return nil, err
	}
	var out []Lack
	for _, l := range s.conditions(openAlerts, openTasks(s, tasks)) {
		if !l.Met {
			out = append(out, l)
		}
	}
	return out, nil
}

// conditions are what closing a case asks for.
func (s Case) conditions(openAlerts, openTasks int) []Lack {
	verdicts := 0
	for _, a := range s.Affected {
		if a.Verdict == "open" {
			verdicts++
		}
	}
	phases := 0
	for _, p := range Phases[1:5] {
		if *s.at(p) == "" {
			phases++
		}
	}
	grave := rank(s.Severity) >= rank("high")
	out := []Lack{
		{"verdicts", verdicts, verdicts == 0},
		{"alerts", openAlerts, openAlerts == 0},
		{"tasks", openTasks, openTasks == 0},
		{"phases", phases, phases == 0},
		{"lesson", 1, strings.TrimSpace(s.Lesson) != ""},
		{"actions", 1, len(s.Actions) > 0 || strings.TrimSpace(s.NoActions) != ""},
	}
	if grave || s.Report != "" {
		out = append(out, Lack{"report", 1, s.Report == "not-needed" || s.Report == "sent"})
	}
	return out
}

// openTasks counts the tasks of a case that are neither done nor dropped. The
// corrective actions go on after it is closed.
func openTasks(s Case, tasks []*entity.Entity) int {
	n := 0
	for _, t := range tasks {
		if isAction(s, t) {
			continue
		}
		if spec, err := catalog.Spec[taskSpec](t); err == nil && spec.State == "open" {
			n++
		}
	}
	return n
}

func isAction(s Case, task *entity.Entity) bool {
	return slices.ContainsFunc(s.Actions, func(text string) bool {
		ref, err := entity.ParseRef(text, "task", "")
		return err == nil && ref == task.Ref()
	})
}

// taskSpec is what of a task this part reads and writes.
type taskSpec struct {
	About    string `json:"about,omitempty"`
	Assignee string `json:"assignee,omitempty"`
	Due      string `json:"due,omitempty"`
	State    string `json:"state"`
	Note     string `json:"note,omitempty"`
	DoneBy   string `json:"doneBy,omitempty"`
	DoneAt   string `json:"doneAt,omitempty"`
}

// lackTexts say in English what is missing.
var lackTexts = map[string]string{
	"verdicts": "%d affected assets have no verdict", "alerts": "%d alerts are not closed", "tasks": "%d tasks are open", "phases": "%d phases have no time", "lesson": "the lesson is not written",
	"actions": "no corrective action is linked, and nothing says why there is none", "report": "it is not settled whether an authority is told",
}

// stillOpen refuses to close a case, and says what is missing.
func stillOpen(e *entity.Entity, open []Lack) error {
	err := fault.New(fault.Invalid, "%s cannot be closed yet", e.Metadata.Name).Coded("case.open")
	for _, l := range open {
		msg := lackTexts[l.Code]
		if strings.Contains(msg, "%d") {
			msg = fmt.Sprintf(msg, l.N)
		}
		err.Problems = append(err.Problems, fault.Problem{Ref: e.Ref().String(), Field: "spec.phase", Code: "case-lacks-" + l.Code, Msg: msg, Args: []string{strconv.Itoa(l.N)}})
	}
	return err
}

// casePath is the address of a case's page.
func casePath(name string) string { return "/cases/" + entity.DefaultNamespace + "/" + name }

// caseRef is the reference of a case.
func caseRef(name string) entity.Ref { return entity.NewRef(CaseKind, "", name) }
