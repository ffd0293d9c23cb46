package strategy

import (
	"fmt"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/forecast"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// TeamCapacity is who a team has in the months ahead.
type TeamCapacity struct {
	Team   string  `json:"team" en:"Team" es:"Equipo" req:"1" ref:"group" rel:"staffs,staffedBy" col:"1" help:"Whose people these are." ayuda:"De quién son estas personas." example:"group:payments"`
	Months []Month `json:"months" en:"Months" es:"Meses" req:"1" help:"What changes from a month on: it holds until a later month says otherwise." ayuda:"Lo que cambia a partir de un mes: vale hasta que un mes posterior diga otra cosa."`
}

// Month says who there is from a month on.
type Month struct {
	Month   string   `json:"month" en:"Month" es:"Mes" req:"1" help:"As 2026-10." ayuda:"Como 2026-10." example:"2026-10"`
	People  float64  `json:"people" en:"People" es:"Personas" min:"0" max:"10000" help:"Full-time people." ayuda:"Personas a tiempo completo." example:"6"`
	Absence *float64 `json:"absence,omitempty" en:"Absence" es:"Ausencia" min:"0" max:"1" help:"Share of the time they are away, from 0 to 1. Left empty for none." ayuda:"Parte del tiempo que no están, de 0 a 1. Vacío si ninguna." example:"0.1"`
	Ramp    *float64 `json:"ramp,omitempty" en:"Ramp" es:"Rodaje" min:"0" max:"1" help:"Share of their pace that they have reached, new people among them. Left empty for all of it." ayuda:"Parte de su ritmo que han alcanzado, incluidas las personas nuevas. Vacío si todo." example:"0.9"`
	Focus   *float64 `json:"focus,omitempty" en:"Focus" es:"Dedicación" min:"0" max:"1" help:"Share of the time that goes to planned work. Left empty for all of it." ayuda:"Parte del tiempo que va al trabajo planeado. Vacío si todo." example:"0.7"`
}

const monthFormat = "2006-01"

// first returns the first day of the month.
func (m Month) first() time.Time {
	t, _ := time.Parse(monthFormat, m.Month) // a month, by checkCapacity
	return t
}

func (m Month) people() forecast.People {
	p := forecast.People{FTE: m.People, Ramp: 1, Focus: 1}
	for from, to := range map[*float64]*float64{m.Absence: &p.Absence, m.Ramp: &p.Ramp, m.Focus: &p.Focus} {
		if from != nil {
			*to = *from
		}
	}
	return p
}

// in returns what holds in a month; false when nothing is said of it.
func (t TeamCapacity) in(month time.Time) (found Month, ok bool) {
	for _, m := range t.Months {
		if first := m.first(); !first.After(month) && (!ok || first.After(found.first())) {
			found, ok = m, true
		}
	}
	return found, ok
}

func capacityKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: "TeamCapacity", Plural: "team-capacities", Short: []string{"capacity", "capacities"}, Room: Room, Icon: "people", Order: 46,
		Title: lang.T("Team capacity", "Capacidad del equipo"), Titles: lang.T("Team capacities", "Capacidades de los equipos"),
		Doc: lang.T("Who a team has in the months ahead: people, less absence, by how far new ones have come and by the share of time that goes to planned work. The roadmap compares it with what is asked of the team.",
			"A quién tiene un equipo en los próximos meses: personas, menos ausencias, según lo rodadas que estén las nuevas y la parte del tiempo que va al trabajo planeado. La hoja de ruta lo compara con lo que se pide al equipo."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: TeamCapacity
metadata: {name: payments}
spec:
  team: payments
  months:
    - {month: 2026-10, people: 6, absence: 0.1, ramp: 0.9, focus: 0.7}
    - {month: 2026-12, people: 6, absence: 0.3, focus: 0.7}
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: TeamCapacity\nmetadata: {name: x}\nspec: {team: a}\n", Want: "spec.months: is required"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: TeamCapacity\nmetadata: {name: x}\nspec: {team: a, months: [{month: October, people: 1}]}\n", Want: "is not a month"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: TeamCapacity\nmetadata: {name: x}\nspec: {team: a, months: [{month: 2026-10, people: 1}, {month: 2026-10, people: 2}]}\n", Want: "is given twice"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: TeamCapacity\nmetadata: {name: x}\nspec: {team: a, months: [{month: 2026-10, people: 1, focus: 70}]}\n", Want: "1"},
		},
	}, checkCapacity)
}

func checkCapacity(_ *entity.Entity, s *TeamCapacity) []fault.Problem {
	var problems []fault.Problem
	seen := map[string]bool{}
	for i, m := range s.Months {
		at := fmt.Sprintf("spec.months[%d].month", i)
		if _, err := time.Parse(monthFormat, m.Month); err != nil {
			problems = append(problems, fault.Problem{Field: at, Code: "capacity.month", Msg: fmt.Sprintf("%q is not a month", m.Month), Args: []string{m.Month}, Hint: "write it as 2026-10"})
		}
		if seen[m.Month] {
			problems = append(problems, fault.Problem{Field: at, Code: "given-twice", Msg: fmt.Sprintf("%q is given twice", m.Month), Args: []string{m.Month}})
		}
		seen[m.Month] = true
	}
	return problems
}
