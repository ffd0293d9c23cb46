package objectives

import (
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Blocker is something in the way of a goal. Its title says what, its owner does
// something about it.
type Blocker struct {
	Blocks     string `json:"blocks" en:"Blocks" es:"Bloquea" req:"1" ref:"keyresult,objective" rel:"blocks,blockedBy" col:"1" filter:"1" help:"The key result or objective it is in the way of." ayuda:"El resultado clave u objetivo que impide." example:"second-acquirer"`
	Type       string `json:"type" en:"Type" es:"Tipo" req:"1" col:"2" filter:"1" enum:"resource=Resource|Recursos;dependency=Dependency|Dependencia;clarity=Clarity|Claridad;priority=Priority|Prioridad;external=External|Externo" help:"What kind of help it needs." ayuda:"Qué clase de ayuda necesita." example:"external"`
	Opened     string `json:"opened,omitempty" en:"Opened" es:"Abierto" type:"date" col:"3" help:"Since when. Left empty: today." ayuda:"Desde cuándo. Vacío: hoy." example:"2026-09-14"`
	NextAction string `json:"nextAction,omitempty" en:"Next action" es:"Siguiente acción" search:"1" help:"What is done about it next, and by whom." ayuda:"Qué se hace ahora, y quién." example:"Inés signs or refuses the offer" ejemplo:"Inés firma la oferta o la rechaza"`
	NextBy     string `json:"nextBy,omitempty" en:"By" es:"Para el" type:"date" help:"The day by which." ayuda:"El día límite." example:"2026-09-18"`
	Resolved   string `json:"resolved,omitempty" en:"Resolved" es:"Resuelto" type:"date" col:"4" help:"The day it was out of the way." ayuda:"El día en que dejó de estorbar."`
}

// BlockerStatus says whether it is still in the way.
type BlockerStatus struct {
	State string `json:"state" en:"State" es:"Estado" col:"5" filter:"1" enum:"open:warn=Open|Abierto;resolved:ok=Resolved|Resuelto"`
}

func blockerKind() *catalog.Kind {
	k := catalog.Of(catalog.Kind{
		Name: auth.KindBlocker, Plural: "blockers", Room: Room, Icon: "warning", Order: 11,
		Title: lang.T("Blocker", "Impedimento"), Titles: lang.T("Blockers", "Impedimentos"),
		Doc: lang.T("Something in the way of a key result or objective, with who does what about it by when. It stays listed until it is resolved.",
			"Algo que impide un resultado clave u objetivo, con quién hace qué y para cuándo. Sigue en la lista hasta que se resuelve."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Blocker
metadata:
  name: acquirer-contract
  title: The contract with the second acquirer is not signed
  owner: user:ines.valcarcel
spec:
  blocks: second-acquirer
  type: external
  opened: "2026-09-01"
  nextAction: Sign or refuse the offer
  nextBy: "2026-09-25"
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Blocker\nmetadata: {name: x}\nspec: {blocks: a}\n", Want: "spec.type: is required"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Blocker\nmetadata: {name: x}\nspec: {blocks: a, type: bad}\n", Want: `"bad" is not one of`},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Blocker\nmetadata: {name: x}\nspec: {blocks: a, type: external, opened: \"2026-09-02\", resolved: \"2026-09-01\"}\n", Want: "lies before"},
		},
	}, checkBlocker)
	k.Guard = guardBlocker
	return catalog.Derived(k, func(_ *entity.Entity, s *Blocker) *BlockerStatus {
		if s.Resolved != "" {
			return &BlockerStatus{"resolved"}
		}
		return &BlockerStatus{"open"}
	})
}

func checkBlocker(_ *entity.Entity, s *Blocker) []fault.Problem {
	if s.Resolved != "" && s.Opened != "" && s.Resolved < s.Opened {
		return []fault.Problem{problem("spec.resolved", "blocker-order", "lies before the day it was opened")}
	}
	return nil
}

// guardBlocker writes the day on which a new blocker was opened.
func guardBlocker(g *catalog.Guarded) error {
	if g.After == nil {
		return nil
	}
	s, err := catalog.Spec[Blocker](g.After)
	if err != nil || s.Opened != "" {
		return err
	}
	s.Opened = g.At.Format(time.DateOnly)
	return catalog.SetSpec(g.After, s)
}
