package strategy

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// The states of a dependency.
const (
	DependencyProposed  = "proposed"
	DependencyCommitted = "committed"
	DependencyRejected  = "rejected"
	DependencyDelivered = "delivered"
	DependencyBlocked   = "blocked"
)

// Dependency is what one initiative asks of another, or of a team: a promise
// with a day, which dependsOn alone is not.
type Dependency struct {
	From    string `json:"from" en:"Needed by" es:"Lo necesita" req:"1" ref:"initiative,group" rel:"asksFor,askedBy" col:"1" help:"Who needs it." ayuda:"Quién lo necesita." example:"initiative:payment-cells"`
	To      string `json:"to" en:"Needed from" es:"Se espera de" req:"1" ref:"initiative,group,component,api" rel:"isAskedOf,delivers" col:"2" help:"What must be delivered, or who must deliver it." ayuda:"Lo que hay que entregar, o quién debe entregarlo." example:"initiative:second-acquirer"`
	What    string `json:"what,omitempty" en:"What" es:"Qué" search:"1" help:"What exactly is needed." ayuda:"Qué se necesita exactamente." example:"Settlement files of the second acquirer" ejemplo:"Ficheros de liquidación del segundo adquirente"`
	By      string `json:"neededBy,omitempty" en:"Needed on" es:"Se necesita el" type:"date" col:"3" help:"The day it is needed." ayuda:"El día en que se necesita." example:"2026-11-16"`
	State   string `json:"state" en:"State" es:"Estado" req:"1" col:"4" filter:"1" enum:"proposed:warn=Proposed|Propuesta;committed:info=Committed|Comprometida;rejected:bad=Rejected|Rechazada;delivered:ok=Delivered|Entregada;blocked:bad=Blocked|Bloqueada" help:"Where it stands." ayuda:"En qué punto está." example:"committed"`
	Blocked string `json:"blockedReason,omitempty" en:"Why it is blocked" es:"Por qué está bloqueada" type:"text" search:"1" help:"What stands in the way." ayuda:"Lo que lo impide."`
}

func dependencyKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: "Dependency", Plural: "dependencies", Room: Room, Icon: "link", Order: 44,
		Title: lang.T("Dependency", "Dependencia"), Titles: lang.T("Dependencies", "Dependencias"),
		Doc: lang.T("What one initiative needs from another or from a team, by when, and whether that was promised. Between initiatives it also delays the forecast, until it is delivered or rejected.",
			"Lo que una iniciativa necesita de otra o de un equipo, para cuándo, y si se prometió. Entre iniciativas también retrasa la previsión, hasta que se entrega o se rechaza."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Dependency
metadata: {name: settlement-files, title: Settlement files}
spec:
  from: initiative:payment-cells
  to: initiative:second-acquirer
  what: Settlement files of the second acquirer
  neededBy: "2026-11-16"
  state: committed
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Dependency\nmetadata: {name: x}\nspec: {from: a, state: proposed}\n", Want: "spec.to: is required"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Dependency\nmetadata: {name: x}\nspec: {from: a, to: a, state: proposed}\n", Want: "cannot wait for itself"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Dependency\nmetadata: {name: x}\nspec: {from: a, to: b, state: blocked}\n", Want: "say why it is blocked"},
		},
	}, checkDependency)
}

func checkDependency(e *entity.Entity, s *Dependency) []fault.Problem {
	var problems []fault.Problem
	from, err := entity.ParseRef(s.From, "initiative", e.Metadata.Namespace)
	to, err2 := entity.ParseRef(s.To, "initiative", e.Metadata.Namespace)
	if err == nil && err2 == nil && from == to {
		problems = append(problems, fault.Problem{Field: "spec.to", Code: "initiative.itself", Msg: "an initiative cannot wait for itself"})
	}
	if s.State == DependencyBlocked && s.Blocked == "" {
		problems = append(problems, fault.Problem{Field: "spec.blockedReason", Code: "dependency.blocked", Msg: "say why it is blocked"})
	}
	return problems
}
