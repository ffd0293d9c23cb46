package alerts

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// OnCall says who is called when an alert is opened, turn by turn, and who is
// called next when nobody acknowledges it.
type OnCall struct {
	People        []string `json:"people" en:"People" es:"Personas" req:"1" col:"1" ref:"user" rel:"callsInTurn,onCallIn" help:"In the order of their turns." ayuda:"En el orden de sus turnos." example:"user:leila"`
	Every         string   `json:"every" en:"Length of a turn" es:"Duración del turno" req:"1" col:"2" enum:"12h=Twelve hours|Doce horas;1d=A day|Un día;2d=Two days|Dos días;1w=A week|Una semana;2w=Two weeks|Dos semanas" example:"1w"`
	Start         string   `json:"start" en:"First day" es:"Primer día" req:"1" type:"date" help:"The day on which the first person's turn begins." ayuda:"El día en que empieza el turno de la primera persona." example:"2026-09-07"`
	HandOver      string   `json:"handOver" en:"Hand-over at" es:"Relevo a las" req:"1" help:"The time of day at which turns end, 24-hour clock." ayuda:"La hora a la que acaban los turnos, en 24 horas." example:"09:00"`
	Zone          string   `json:"zone" en:"Time zone" es:"Zona horaria" req:"1" help:"In which the hand-over is: the same time of day also when the clocks change." ayuda:"En la que se cuenta el relevo: la misma hora también cuando cambia el reloj." example:"Europe/Madrid"`
	From          string   `json:"from" en:"From severity" es:"Desde la gravedad" req:"1" col:"3" filter:"1" enum:"critical=Critical|Crítica;high=High|Alta;medium=Medium|Media;low=Low|Baja" help:"Alerts below it wait for the morning." ayuda:"Las alertas menores esperan a la mañana." example:"high"`
	EscalateAfter int      `json:"escalateAfter,omitempty" en:"Call the next after" es:"Llamar al siguiente tras" min:"1" max:"1440" help:"Minutes without acknowledgement after which the next person is called, then the one after, and at last the lead. Empty: nobody else is." ayuda:"Minutos sin que nadie la vea tras los que se llama a la siguiente persona, luego a otra y al final a quien dirige. Vacío: a nadie más." example:"15"`
	Lead          string   `json:"lead,omitempty" en:"At last" es:"Al final" ref:"user" rel:"callsAtLast,calledAtLastIn" help:"Who is called when all others were." ayuda:"A quién se llama cuando ya se llamó a todos." example:"user:ines"`
	Swaps         []Swap   `json:"swaps,omitempty" en:"Swaps" es:"Cambios" help:"Times when somebody else is on call." ayuda:"Ratos en que está de guardia otra persona."`
}

// Swap is a stretch of time that somebody takes over.
type Swap struct {
	From   string `json:"from" en:"From" es:"Desde" req:"1" type:"datetime" example:"2026-09-12T09:00:00+02:00"`
	To     string `json:"to" en:"To" es:"Hasta" req:"1" type:"datetime" example:"2026-09-13T09:00:00+02:00"`
	Person string `json:"person" en:"Person" es:"Persona" req:"1" ref:"user" rel:"callsFor,coversIn" example:"user:tomasz"`
}

// OnCallKind is the name of the kind.
const OnCallKind = "OnCall"

func onCallKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: OnCallKind, Plural: "oncalls", Short: []string{"oncall"}, Room: auth.Security, Icon: "bell", Order: 20,
		Title: lang.T("On-call rota", "Turno de guardia"), Titles: lang.T("On call", "Guardias"),
		Doc: lang.T("Who is called when an alert is opened: people in turns, from which severity on, and who is called next when nobody acknowledges it.",
			"A quién se llama cuando se abre una alerta: personas por turnos, desde qué gravedad, y a quién después si nadie la ve."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: OnCall
metadata:
  name: security
  title: Security, around the clock
spec:
  people: [user:leila, user:tomasz, user:aleksander]
  every: 1w
  start: "2026-09-07"
  handOver: "09:00"
  zone: Europe/Madrid
  from: high
  escalateAfter: 15
  lead: user:ines
  swaps:
    - from: "2026-09-12T09:00:00+02:00"
      to: "2026-09-13T09:00:00+02:00"
      person: user:tomasz
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: OnCall\nmetadata: {name: x}\nspec: {people: [\"user:a\"], every: 1w, start: \"2026-09-07\", handOver: \"25:00\", zone: UTC, from: high}\n", Want: "time of day"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: OnCall\nmetadata: {name: x}\nspec: {people: [\"user:a\"], every: 1w, start: \"2026-09-07\", handOver: \"09:00\", zone: Mars/Olympus, from: high}\n", Want: "time zone"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: OnCall\nmetadata: {name: x}\nspec: {people: [\"user:a\"], every: 1w, start: \"2026-09-07\", handOver: \"09:00\", zone: UTC, from: high, swaps: [{from: \"2026-09-08T00:00:00Z\", to: \"2026-09-07T00:00:00Z\", person: \"user:b\"}]}\n", Want: "before it begins"},
		},
	}, checkOnCall)
}

func checkOnCall(_ *entity.Entity, s *OnCall) []fault.Problem {
	var out []fault.Problem
	bad := func(field, code, msg string) {
		out = append(out, fault.Problem{Field: "spec." + field, Code: code, Msg: msg})
	}
	if len(s.People) == 0 {
		bad("people", "oncall-nobody", "nobody is on call")
	}
	if _, ok := clockOf(s.HandOver); !ok {
		bad("handOver", "oncall-clock", "is no time of day: write it as 09:00")
	}
	if _, err := time.LoadLocation(s.Zone); err != nil || s.Zone == "Local" {
		bad("zone", "oncall-zone", "is no time zone: write it as Europe/Madrid")
	}
	for i, w := range s.Swaps {
		from, to := w.span()
		if !from.Before(to) {
			bad("swaps["+strconv.Itoa(i)+"].to", "oncall-swap", "lies before it begins")
		}
	}
	return out
}

// clockOf reads a time of day as minutes since midnight.
func clockOf(text string) (int, bool) {
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err == nil
}

func (w Swap) span() (from, to time.Time) {
	from, _ = time.Parse(time.RFC3339, w.From)
	to, _ = time.Parse(time.RFC3339, w.To)
	return from, to
}

// halves is how many half days a turn lasts.
var halves = map[string]int{"12h": 1, "1d": 2, "2d": 4, "1w": 14, "2w": 28}

// Turn is one person's time on call.
type Turn struct {
	Person   string
	From, To time.Time
	Swapped  bool
	n        int // its number, from 0
}

// turn returns the turn of the rota at a moment, without swaps; false before the
// first. Turns are counted by the calendar and the clock on the wall, so that a
// day that is an hour shorter or longer is still one day.
func (s *OnCall) turn(at time.Time) (Turn, bool) {
	zone, err := time.LoadLocation(s.Zone)
	start, err2 := time.Parse(time.DateOnly, s.Start)
	hand, ok := clockOf(s.HandOver)
	length := halves[s.Every]
	if err != nil || err2 != nil || !ok || length == 0 || len(s.People) == 0 {
		return Turn{}, false
	}
	local := at.In(zone)
	minutes := local.Hour()*60 + local.Minute() - hand
	day := int(time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC).Sub(start).Hours() / 24)
	if minutes < 0 {
		day, minutes = day-1, minutes+24*60
	}
	half := 2*day + minutes/(12*60)
	if half < 0 {
		return Turn{}, false
	}
	wall := func(half int) time.Time {
		return onWall(zone, time.Date(start.Year(), start.Month(), start.Day()+half/2, hand/60+12*(half%2), hand%60, 0, 0, time.UTC))
	}
	n := half / length
	for n > 0 && at.Before(wall(n*length)) { // at a time of day that comes twice, or never
		n--
	}
	for !at.Before(wall((n + 1) * length)) {
		n++
	}
	return Turn{Person: Person(s.People[n%len(s.People)]), From: wall(n * length), To: wall((n + 1) * length), n: n}, true
}

// onWall is the moment at which the clocks of a zone show what a time in UTC
// shows: the first one, when they show it twice. When they never do, it is when
// they would have without being put forward.
func onWall(zone *time.Location, want time.Time) time.Time {
	t := time.Date(want.Year(), want.Month(), want.Day(), want.Hour(), want.Minute(), 0, 0, zone)
	_, before := t.Add(-24 * time.Hour).Zone()
	first := want.Add(-time.Duration(before) * time.Second).In(zone)
	shows := func(t time.Time) bool { return t.Hour() == want.Hour() && t.Minute() == want.Minute() }
	if shows(t) && !shows(first) || shows(t) && t.Before(first) {
		return t
	}
	return first
}

// At returns who is on call at a moment; false when nobody is.
func (s *OnCall) At(at time.Time) (Turn, bool) {
	t, ok := s.turn(at)
	for _, w := range s.Swaps {
		if from, to := w.span(); !at.Before(from) && at.Before(to) {
			return Turn{Person: Person(w.Person), From: from, To: to, Swapped: true, n: t.n}, true
		}
	}
	return t, ok
}

// Next returns the turns from a moment on, with swaps put in.
func (s *OnCall) Next(at time.Time, many int) []Turn {
	var out []Turn
	for len(out) < many {
		t, ok := s.At(at)
		if !ok {
			break
		}
		for _, w := range s.Swaps { // one that begins within ends it
			if from, _ := w.span(); from.After(at) && from.Before(t.To) {
				t.To = from
			}
		}
		if !t.To.After(at) {
			break
		}
		if at.After(t.From) && len(out) > 0 {
			t.From = at
		}
		out = append(out, t)
		at = t.To
	}
	return out
}

// Order is who is called about an alert that was opened at a moment, one after
// the other: who is on call, the others in the order of their turns, the lead.
func (s *OnCall) Order(at time.Time) []string {
	t, ok := s.At(at)
	if !ok {
		return nil
	}
	out := []string{t.Person}
	if s.EscalateAfter == 0 {
		return out
	}
	for i := range s.People {
		out = addText(out, Person(s.People[(t.n+i)%len(s.People)]))
	}
	if s.Lead != "" {
		out = addText(out, Person(s.Lead))
	}
	return out
}

// Steps is how many people have to have been called by now about an alert that
// was opened at a moment and is not acknowledged.
func (s *OnCall) Steps(opened, now time.Time) int {
	if s.EscalateAfter == 0 {
		return 1
	}
	return 1 + max(0, int(now.Sub(opened)/(time.Duration(s.EscalateAfter)*time.Minute)))
}

// calls reports whether an alert is one that people are called about.
func (s *OnCall) calls(a *Alert) bool {
	return a.State == New && !a.Late && slices.Contains(atLeast(cmp.Or(s.From, "high")), strings.ToLower(a.Severity))
}
