package objectives

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Pillar is a principle of the strategy that objectives serve.
type Pillar struct {
	Vision   string     `json:"vision,omitempty" en:"Vision" es:"Visión" ref:"vision" rel:"carries,carriedBy" col:"2" filter:"1" help:"The vision it carries." ayuda:"La visión que sostiene." example:"vision-2028"`
	Order    int        `json:"order,omitempty" en:"Order" es:"Orden" col:"1" min:"0" max:"99" help:"Its place among the pillars." ayuda:"Su lugar entre los pilares." example:"1"`
	NotDoing []NotDoing `json:"notDoing,omitempty" en:"What we do not do" es:"Lo que no hacemos" help:"What it rules out." ayuda:"Lo que descarta."`
}

func pillarKind() *catalog.Kind {
	return catalog.Of[Pillar](catalog.Kind{
		Name: "Pillar", Plural: "pillars", Room: Room, Icon: "strategy", Order: 6,
		Title: lang.T("Pillar", "Pilar"), Titles: lang.T("Pillars", "Pilares"),
		Doc: lang.T("A principle of the strategy that objectives serve, longer than a cycle: the few things that must be true for the vision to come true.",
			"Un principio de la estrategia al que sirven los objetivos, más largo que un ciclo: las pocas cosas que deben cumplirse para que la visión se cumpla."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Pillar
metadata:
  name: trust
  title: Trust that can be shown
  description: What we say of ourselves has evidence that anybody may look at.
spec:
  vision: vision-2028
  order: 3
  notDoing:
    - what: Certificates for their own sake
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Pillar\nmetadata: {name: x}\nspec: {order: 100}\n", Want: "at most 99"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Pillar\nmetadata: {name: x}\nspec: {vision: \"cycle:q3\"}\n", Want: "it must be a vision"},
		},
	}, nil)
}
