package strategy

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/forecast"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Blackout is a run of days on which teams are not expected to finish anything:
// a holiday, a change freeze. Forecasts neither learn from it nor count on it.
type Blackout struct {
	From  string   `json:"from" en:"From" es:"Desde" type:"date" req:"1" col:"1" help:"Its first day." ayuda:"Su primer día." example:"2026-12-14"`
	To    string   `json:"to,omitempty" en:"To" es:"Hasta" type:"date" col:"2" help:"Its last day. Left empty for a single day." ayuda:"Su último día. Vacío si es un solo día." example:"2027-01-06"`
	Teams []string `json:"teams,omitempty" en:"Teams" es:"Equipos" ref:"group" rel:"idles,idledBy" col:"3" help:"Whom it concerns. Left empty for everybody." ayuda:"A quién afecta. Vacío para todos." example:"group:payments"`
}

// span returns the days.
func (b Blackout) span() forecast.Span {
	s := forecast.Span{From: dayOfText(b.From), To: dayOfText(b.To)}
	if b.To == "" {
		s.To = s.From
	}
	return s
}

func blackoutKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: "Blackout", Plural: "blackouts", Short: []string{"freeze", "freezes"}, Room: Room, Icon: "clock", Order: 48,
		Title: lang.T("Days off", "Días sin trabajo"), Titles: lang.T("Days off", "Días sin trabajo"),
		Doc: lang.T("Days on which teams are not expected to finish anything: a holiday, a change freeze. Forecasts neither learn from them nor count on them.",
			"Días en los que no se espera que los equipos terminen nada: una fiesta, una congelación de cambios. Las previsiones ni aprenden de ellos ni cuentan con ellos."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Blackout
metadata: {name: change-freeze-2026, title: Change freeze}
spec: {from: "2026-12-14", to: "2027-01-06"}
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Blackout\nmetadata: {name: x}\nspec: {to: \"2026-12-14\"}\n", Want: "spec.from: is required"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Blackout\nmetadata: {name: x}\nspec: {from: \"2026-12-14\", to: \"2026-12-13\"}\n", Want: "ends before it starts"},
		},
	}, checkBlackout)
}

func checkBlackout(_ *entity.Entity, s *Blackout) []fault.Problem {
	if span := s.span(); span.To.Before(span.From) {
		return []fault.Problem{{Field: "spec.to", Code: "initiative.ends", Msg: "it ends before it starts"}}
	}
	return nil
}
