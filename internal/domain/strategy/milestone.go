package strategy

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Milestone is a day on the roadmap that is not work: an audit, a launch, the
// end of a contract.
type Milestone struct {
	Date  string   `json:"date" en:"Date" es:"Fecha" type:"date" req:"1" col:"1" help:"The day." ayuda:"El día." example:"2026-10-19"`
	State string   `json:"state,omitempty" en:"State" es:"Estado" col:"2" filter:"1" enum:"ahead:idle=Ahead|Por venir;reached:ok=Reached|Alcanzado;missed:bad=Missed|Incumplido" help:"Whether it was reached. Left empty for one that is ahead." ayuda:"Si se alcanzó. Vacío si está por venir." example:"ahead"`
	Marks []string `json:"marks,omitempty" en:"Needs" es:"Necesita" ref:"initiative" rel:"needs,neededBy" col:"3" help:"The initiatives that must be done by then." ayuda:"Las iniciativas que deben estar terminadas para entonces." example:"initiative:second-acquirer"`
}

func milestoneKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: "Milestone", Plural: "milestones", Room: Room, Icon: "star", Order: 42,
		Title: lang.T("Milestone", "Hito"), Titles: lang.T("Milestones", "Hitos"),
		Doc: lang.T("A day on the roadmap that is not work: an audit, a launch, the end of a contract.", "Un día de la hoja de ruta que no es trabajo: una auditoría, un lanzamiento, el fin de un contrato."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Milestone
metadata: {name: iso-audit, title: ISO audit}
spec:
  date: "2026-10-19"
  marks: [initiative:collectors]
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Milestone\nmetadata: {name: x}\nspec: {}\n", Want: "spec.date: is required"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Milestone\nmetadata: {name: x}\nspec: {date: soon}\n", Want: "is not a day"},
		},
	}, func(*entity.Entity, *Milestone) []fault.Problem { return nil })
}
