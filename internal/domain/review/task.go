package review

import (
	"encoding/json"
	"regexp"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Task is something somebody has to do, once or again and again. Its title says
// what, its description how.
type Task struct {
	About         string  `json:"about,omitempty" en:"About" es:"Sobre" col:"4" filter:"1" ref:"*" rel:"taskOf,hasTask" help:"What it is about: anything that is kept here." ayuda:"De qué trata: cualquier cosa que se guarde aquí." example:"component:payments"`
	Assignee      string  `json:"assignee,omitempty" en:"Assigned to" es:"Asignada a" col:"2" filter:"1" ref:"user,group" rel:"assignedTo,assignmentOf" help:"Who does it: a person, or a group of which anybody may. Left empty, whoever takes it." ayuda:"Quién la hace: una persona, o un grupo del que puede hacerla cualquiera. Vacío, quien la tome." example:"group:platform"`
	Due           string  `json:"due,omitempty" en:"Due" es:"Vence" type:"date" col:"1" due:"Task|Tarea" help:"The day by which it is to be done, in the time zone of the organisation." ayuda:"El día antes del cual debe estar hecha, en la zona horaria de la organización." example:"2026-09-30"`
	Every         string  `json:"every,omitempty" en:"Comes back" es:"Vuelve" col:"5" filter:"1" enum:"daily=Every day|Cada día;weekly=Every week|Cada semana;fortnightly=Every two weeks|Cada dos semanas;monthly=Every month|Cada mes;quarterly=Every quarter|Cada trimestre;half-yearly=Every half year|Cada semestre;yearly=Every year|Cada año" help:"How often it comes back: when it is completed, the next one is opened." ayuda:"Cada cuánto vuelve: al completarla se abre la siguiente." example:"monthly"`
	NeedsEvidence bool    `json:"needsEvidence,omitempty" en:"Evidence required" es:"Requiere evidencia" help:"Who completes it names a file that shows it was done." ayuda:"Quien la completa indica un fichero que muestra que se hizo."`
	State         string  `json:"state" en:"State" es:"Estado" req:"1" col:"3" filter:"1" enum:"open:info=Open|Abierta;done:ok=Done|Hecha;dropped:idle=Dropped|Descartada" help:"Done records who completed it and when; dropped says it is not needed any more." ayuda:"Hecha registra quién la completó y cuándo; descartada dice que ya no hace falta." example:"open"`
	Note          string  `json:"note,omitempty" en:"Note" es:"Nota" type:"text" search:"1" help:"What was done, or why it was dropped." ayuda:"Qué se hizo, o por qué se descartó."`
	Evidence      string  `json:"evidence,omitempty" en:"Evidence" es:"Evidencia" help:"The SHA-256 of the file that shows it was done, in hex." ayuda:"El SHA-256 del fichero que muestra que se hizo, en hexadecimal."`
	RequestedBy   string  `json:"requestedBy,omitempty" en:"Requested by" es:"Pedida por" ro:"1" help:"Set by the program: who asked for it." ayuda:"Lo pone el programa: quién la pidió."`
	DoneBy        string  `json:"doneBy,omitempty" en:"Done by" es:"Hecha por" ro:"1" help:"Set by the program: who completed it." ayuda:"Lo pone el programa: quién la completó."`
	DoneAt        string  `json:"doneAt,omitempty" en:"Done at" es:"Hecha el" ro:"1" type:"datetime" help:"Set by the program: when." ayuda:"Lo pone el programa: cuándo."`
	DoneOn        string  `json:"doneOn,omitempty" en:"Day done" es:"Día en que se hizo" ro:"1" type:"date" help:"Set by the program: the day in the time zone of the organisation." ayuda:"Lo pone el programa: el día en la zona horaria de la organización."`
	Series        *Series `json:"series,omitempty" en:"Series" es:"Serie" ro:"1" help:"Set by the program: its place among the times it came back." ayuda:"Lo pone el programa: su lugar entre las veces que ha vuelto."`
}

// Series is the place of a task among those that came back.
type Series struct {
	Root   string `json:"root" en:"First task" es:"Primera tarea" ro:"1"` // its name
	First  string `json:"first" en:"First day" es:"Primer día" ro:"1" type:"date"`
	Number int    `json:"number" en:"Number" es:"Número" ro:"1"`             // of times after the first
	Missed int    `json:"missed,omitempty" en:"Missed" es:"Perdidas" ro:"1"` // times passed over before this one
}

// The states of a task.
const (
	open    = "open"
	done    = "done"
	dropped = "dropped"
)

func taskKind() *catalog.Kind {
	k := catalog.Of(catalog.Kind{
		Name: auth.KindTask, Plural: "tasks", Icon: "check", Order: 40,
		Title: lang.T("Task", "Tarea"), Titles: lang.T("Tasks", "Tareas"),
		Doc: lang.T("Something somebody has to do by a day, about anything that is kept here, once or again and again. Completing it records who, when, a note and the evidence, and opens the next one.",
			"Algo que alguien debe hacer antes de un día, sobre cualquier cosa que se guarde aquí, una vez o una y otra vez. Completarla registra quién, cuándo, una nota y la evidencia, y abre la siguiente."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Task
metadata:
  name: review-access
  title: Review who may sign in to the payment systems
  description: Compare the list with the people of the team; take out who has left.
spec:
  about: system:payments
  assignee: group:platform
  due: "2026-09-30"
  every: quarterly
  needsEvidence: true
  state: open
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Task\nmetadata: {name: x}\nspec: {every: monthly, state: open}\n", Want: "needs a day to begin with"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Task\nmetadata: {name: x}\nspec: {state: finished}\n", Want: "is not one of"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Task\nmetadata: {name: x}\nspec: {state: done, evidence: photo.jpg}\n", Want: "64 hexadecimal digits"},
		},
		Guard:   guardTask,
		Closed:  func(e *entity.Entity) bool { s, err := catalog.Spec[Task](e); return err == nil && s.State != open },
		Answers: assigneeOf,
	}, checkTask)
	return k
}

// assigneeOf is who a task is for, in full; "" for whoever takes it.
func assigneeOf(e *entity.Entity) string {
	s, err := catalog.Spec[Task](e)
	if err != nil {
		return ""
	}
	ref, err := entity.ParseRef(s.Assignee, "user", e.Metadata.Namespace)
	if err != nil {
		return ""
	}
	return ref.String()
}

var digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

func checkTask(_ *entity.Entity, s *Task) []fault.Problem {
	var out []fault.Problem
	if s.Every != "" && s.Due == "" {
		out = append(out, fault.Problem{Field: "spec.due", Code: "task-begins", Msg: "a task that comes back needs a day to begin with"})
	}
	if s.Evidence != "" && !digestPattern.MatchString(s.Evidence) {
		out = append(out, fault.Problem{Field: "spec.evidence", Code: "task-evidence", Msg: "the SHA-256 of a file is written in 64 hexadecimal digits"})
	}
	return out
}

// guardTask sees to it that a task is completed by whom it is for, that what is
// asked is changed by who asks or does it, and that the program alone says who
// did what.
func guardTask(g *catalog.Guarded) error {
	if g.After == nil {
		return nil
	}
	old, s, err := catalog.Specs[Task](g)
	if err != nil {
		return err
	}
	program := g.Caller.Account == audit.System
	switch {
	case g.Before == nil && !program:
		s.RequestedBy, s.Series = g.Caller.Identity(), nil
	case g.Before != nil:
		s.RequestedBy, s.Series = old.RequestedBy, old.series(s)
		if old.asks(s) && !mayAsk(g, old) {
			return fault.New(fault.Forbidden, "who may change what a task asks are whoever asked for it, whoever it is assigned to, and who may delete tasks").Coded("task.asks").WithHint("ask one of them, or comment on it")
		}
	}
	if err := s.complete(g, old, program); err != nil {
		return err
	}
	return catalog.SetSpec(g.After, s)
}

// series is the place of a task after a change: another day begins it anew.
func (t Task) series(to Task) *Series {
	if t.Series == nil || t.Due == to.Due && t.Every == to.Every {
		return t.Series
	}
	return &Series{Root: t.Series.Root, First: to.Due}
}

// asks reports whether a change asks for something else than before.
func (t Task) asks(to Task) bool {
	return t.Assignee != to.Assignee || t.Due != to.Due || t.Every != to.Every || t.About != to.About || t.NeedsEvidence != to.NeedsEvidence
}

// complete checks and records a completion, and takes the record back when a task
// is opened again. The completion itself is kept by a watch.
func (t *Task) complete(g *catalog.Guarded, old Task, program bool) error {
	switch {
	case t.State == done && old.State == done:
		t.DoneBy, t.DoneAt, t.DoneOn = old.DoneBy, old.DoneAt, old.DoneOn
		return nil
	case t.State == old.State && old.State != "":
		return nil
	case t.State != done && old.State != done && t.State != dropped:
		t.DoneBy, t.DoneAt, t.DoneOn = "", "", ""
		return nil
	}
	whose := *t
	if g.Before != nil {
		whose = old
	}
	if !mayDo(g, whose) {
		return fault.New(fault.Forbidden, "this task is for %s", whose.Assignee).Coded("task.for").WithHint("ask them, or somebody who may delete tasks")
	}
	if t.State != done {
		t.DoneBy, t.DoneAt, t.DoneOn = "", "", ""
		return nil
	}
	if t.NeedsEvidence && t.Evidence == "" {
		return fault.Bad("this task is completed with evidence", fault.Problem{Field: "spec.evidence", Code: "required", Msg: "is required"}).Coded("task.needs-evidence")
	}
	if program && t.DoneBy != "" {
		return nil // as it was elsewhere
	}
	ctx, q := g.Read()
	zone, err := auth.Zone(ctx, q, g.Caller.Org)
	if err != nil {
		return err
	}
	t.DoneBy, t.DoneAt, t.DoneOn = g.Caller.Identity(), g.At.UTC().Format(time.RFC3339), g.At.In(zone).Format(time.DateOnly)
	return nil
}

// mayAsk reports whether the caller may change what a task asks.
func mayAsk(g *catalog.Guarded, t Task) bool {
	return t.RequestedBy == "" || t.RequestedBy == g.Caller.Identity() || mayDo(g, t)
}

// mayDo reports whether the caller may complete a task: it is theirs or their
// group's, or nobody's; or they may delete tasks.
func mayDo(g *catalog.Guarded, t Task) bool {
	if g.Caller.Account == audit.System || t.Assignee == "" || g.Caller.Can(auth.Delete, auth.Resource{Kind: auth.KindTask}) == nil {
		return true
	}
	namespace := entity.DefaultNamespace
	if g.After != nil {
		namespace = g.After.Metadata.Namespace
	}
	ref, err := entity.ParseRef(t.Assignee, "user", namespace)
	if err != nil || g.Caller.UserRef == "" {
		return false
	}
	return ref.String() == g.Caller.UserRef || ref.Kind == "group" && belongs(g, g.Caller.UserRef, ref)
}

// belongs reports whether a person is in a group, or leads it, as either of the
// two says.
func belongs(g *catalog.Guarded, person string, group entity.Ref) bool {
	who, err := entity.ParseRef(person, "user", "")
	if err != nil {
		return false
	}
	return names(g, who, "group", group, "memberOf", "leaderOf") || names(g, group, "user", who, "members", "leader")
}

// names reports whether an entity names another in one of some fields.
func names(g *catalog.Guarded, in entity.Ref, kind string, what entity.Ref, fields ...string) bool {
	e, _, err := g.Find(in)
	if err != nil {
		return false
	}
	var spec map[string]json.RawMessage
	if json.Unmarshal(e.Spec, &spec) != nil {
		return false
	}
	for _, f := range fields {
		var many []string
		if json.Unmarshal(spec[f], &many) != nil {
			var one string
			if json.Unmarshal(spec[f], &one) != nil {
				continue
			}
			many = []string{one}
		}
		if slices.ContainsFunc(many, func(text string) bool {
			ref, err := entity.ParseRef(text, kind, in.Namespace)
			return err == nil && ref == what
		}) {
			return true
		}
	}
	return false
}
