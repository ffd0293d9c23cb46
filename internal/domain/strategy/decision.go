package strategy

import (
	"fmt"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Decision is a choice that is dear to undo, with what led to it and what
// follows. Its title is the metadata's, its tags too.
type Decision struct {
	Status       string    `json:"status" en:"Status" es:"Estado" req:"1" col:"1" filter:"1" enum:"draft:idle=Draft|Borrador;proposed:info=Proposed|Propuesta;accepted:ok=Accepted|Aceptada;rejected:idle=Rejected|Rechazada;deprecated:warn=Deprecated|Obsoleta;superseded:idle=Superseded|Sustituida" help:"Where it stands." ayuda:"En qué punto está." example:"proposed"`
	Date         string    `json:"date,omitempty" en:"Date" es:"Fecha" type:"date" col:"2" help:"The day its status was settled." ayuda:"El día en que se fijó su estado." example:"2026-09-15"`
	Deciders     []string  `json:"deciders,omitempty" en:"Deciders" es:"Deciden" col:"3" search:"1" help:"Who decides: names, or references as user:nadia." ayuda:"Quién decide: nombres, o referencias como user:nadia." example:"user:nadia"`
	Consulted    []string  `json:"consulted,omitempty" en:"Consulted" es:"Consultados" search:"1" help:"Whose opinion was asked." ayuda:"A quién se pidió opinión."`
	Informed     []string  `json:"informed,omitempty" en:"Informed" es:"Informados" search:"1" help:"Who is kept up to date." ayuda:"A quién se mantiene al corriente."`
	Concerns     []string  `json:"concerns,omitempty" en:"Concerns" es:"Atañe a" ref:"component,system,domain,api,resource,technology,group" rel:"decides,decidedBy" help:"What it is about: components, systems, technologies." ayuda:"De qué trata: componentes, sistemas, tecnologías." example:"component:payments"`
	Supersedes   []string  `json:"supersedes,omitempty" en:"Supersedes" es:"Sustituye a" ref:"decision" rel:"supersedes,supersededBy" help:"Decisions it takes the place of." ayuda:"Decisiones a las que reemplaza."`
	SupersededBy string    `json:"supersededBy,omitempty" en:"Superseded by" es:"Sustituida por" ref:"decision" rel:"supersededBy,supersedes" help:"The decision that took its place." ayuda:"La decisión que la reemplazó."`
	Related      []Related `json:"related,omitempty" en:"Related" es:"Relacionadas" help:"Other decisions its text points to." ayuda:"Otras decisiones que su texto señala."`
	ReviewBy     string    `json:"reviewBy,omitempty" en:"Review by" es:"Revisar antes del" type:"date" col:"4" due:"decide:Review of a decision|Revisión de una decisión" help:"The day by which it is to be looked at again." ayuda:"El día antes del cual hay que volver a mirarla."`
	Body         string    `json:"body,omitempty" en:"Text" es:"Texto" type:"markdown" search:"1" help:"Context, options, outcome and consequences; Markdown with a heading for each." ayuda:"Contexto, opciones, resultado y consecuencias; Markdown con un título para cada uno."`
	Source       *Source   `json:"source,omitempty" en:"Source" es:"Origen" ro:"1" help:"The file it was imported from; an export gives it back." ayuda:"El fichero del que se importó; una exportación lo devuelve."`
}

// Related is another decision that one points to. As says how: "relates to",
// "amends", "depends on"; nothing for a mere mention.
type Related struct {
	Decision string `json:"decision" en:"Decision" es:"Decisión" req:"1" ref:"decision" rel:"relatesTo,relatesTo"`
	As       string `json:"as,omitempty" en:"How" es:"Cómo" suggest:"relates to,depends on,amends,amended by,refines,extends,conflicts with"`
}

// Source is the file a decision was imported from. Text is the whole of it, so
// that an export edits it in place.
type Source struct {
	Format    string `json:"format" en:"Form" es:"Forma" ro:"1"`
	File      string `json:"file" en:"File" es:"Fichero" ro:"1"`
	Slug      string `json:"slug" en:"Slug" es:"Identificador" ro:"1"`
	Package   string `json:"package,omitempty" en:"Package" es:"Paquete" ro:"1"`
	RawStatus string `json:"rawStatus,omitempty" en:"Status as written" es:"Estado tal como se escribió" ro:"1"`
	Text      string `json:"text" en:"Text as read" es:"Texto tal como se leyó" type:"text" ro:"1"`
}

func decisionKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: "Decision", Plural: "decisions", Short: []string{"adr", "adrs"}, Room: Room, Icon: "decision", Order: 30,
		Title: lang.T("Decision", "Decisión"), Titles: lang.T("Decisions", "Decisiones"),
		Doc: lang.T("A choice that is dear to undo: what led to it, what else was considered, what was chosen and what follows. Records as teams keep them (MADR, adr-tools, log4brains) import and export as they are.",
			"Una elección cara de deshacer: qué llevó a ella, qué más se consideró, qué se eligió y qué se sigue. Los registros que los equipos ya tienen (MADR, adr-tools, log4brains) se importan y exportan tal cual."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Decision
metadata:
  name: 0061-leave-jenkins
  title: Leave Jenkins
  owner: group:platform
  tags: [delivery]
spec:
  status: accepted
  date: "2026-05-12"
  deciders: [user:nadia, Luis Ferrer]
  concerns: [technology:jenkins, component:kiosk-image]
  supersedes: [0012-one-jenkins-for-all]
  reviewBy: "2026-12-15"
  body: |
    ## Context and Problem Statement

    Six repositories still build on a controller that one person can patch.

    ## Considered Options

    * Patch and keep it
    * Pipelines on the forge

    ## Decision Outcome

    Chosen option: "Pipelines on the forge".
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Decision\nmetadata: {name: x}\nspec: {date: \"2026-05-12\"}\n", Want: "spec.status: is required"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Decision\nmetadata: {name: x}\nspec: {status: acepted}\n", Want: `did you mean "accepted"?`},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Decision\nmetadata: {name: x}\nspec: {status: superseded, supersededBy: x}\n", Want: "cannot supersede itself"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Decision\nmetadata: {name: x}\nspec: {status: accepted, concerns: [\"user:ana\"]}\n", Want: "it must be a component"},
		},
		Closed: settled,
	}, checkDecision)
}

// settled reports whether nobody looks at a decision again.
func settled(e *entity.Entity) bool {
	s, err := catalog.Spec[Decision](e)
	return err == nil && (s.Status == "superseded" || s.Status == "rejected" || s.Status == "deprecated")
}

// checkDecision refuses a decision that supersedes itself.
func checkDecision(e *entity.Entity, s *Decision) []fault.Problem {
	var problems []fault.Problem
	itself := func(field, ref string) {
		if r, err := entity.ParseRef(ref, "decision", e.Metadata.Namespace); err == nil && r == e.Ref() {
			problems = append(problems, fault.Problem{Field: field, Code: "supersedes-itself", Msg: "cannot supersede itself"})
		}
	}
	itself("spec.supersededBy", s.SupersededBy)
	for i, ref := range s.Supersedes {
		itself(fmt.Sprintf("spec.supersedes[%d]", i), ref)
	}
	return problems
}
