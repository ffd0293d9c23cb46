package objectives

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Vision is where the organisation wants to be. Its title is the sentence.
type Vision struct {
	Horizon  string     `json:"horizon,omitempty" en:"Horizon" es:"Horizonte" col:"1" help:"The year or day by which it should be so." ayuda:"El año o día en que debería ser así." example:"2028"`
	ReviewBy string     `json:"reviewBy,omitempty" en:"Review by" es:"Revisar antes del" type:"date" col:"2" help:"The day by which it is to be looked at again." ayuda:"El día antes del cual hay que volver a mirarla." example:"2027-01-15"`
	NotDoing []NotDoing `json:"notDoing,omitempty" en:"What we do not do" es:"Lo que no hacemos" help:"What was considered and is left, so that nobody begins it by accident." ayuda:"Lo que se consideró y se deja, para que nadie lo empiece sin querer."`
}

// NotDoing is something that is deliberately left.
type NotDoing struct {
	What   string `json:"what" en:"What" es:"Qué" req:"1" search:"1" help:"What is not done." ayuda:"Lo que no se hace." example:"Flights" ejemplo:"Vuelos"`
	Reason string `json:"reason,omitempty" en:"Reason" es:"Motivo" search:"1" help:"Why not." ayuda:"Por qué no." example:"Rail is where we are known." ejemplo:"Se nos conoce por el tren."`
	Until  string `json:"until,omitempty" en:"Until" es:"Hasta" type:"date" help:"The day it may be asked again." ayuda:"El día en que se puede volver a plantear." example:"2027-06-30"`
}

func visionKind() *catalog.Kind {
	return catalog.Of[Vision](catalog.Kind{
		Name: "Vision", Plural: "visions", Room: Room, Icon: "eye", Order: 5,
		Title: lang.T("Vision", "Visión"), Titles: lang.T("Visions", "Visiones"),
		Doc: lang.T("Where the organisation wants to be, in one sentence: its title. Pillars carry it, objectives lead to it, and what it rules out is written beside it.",
			"Dónde quiere estar la organización, en una frase: su título. La sostienen los pilares, los objetivos llevan a ella, y lo que descarta queda escrito al lado."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Vision
metadata:
  name: vision-2028
  title: Any journey in Iberia on one ticket, bought in a minute and trusted
  owner: user:ines.valcarcel
spec:
  horizon: "2028"
  reviewBy: "2027-01-15"
  notDoing:
    - what: Flights
      reason: Rail and bus are where travellers trust us.
      until: "2027-06-30"
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Vision\nmetadata: {name: x}\nspec: {reviewBy: soon}\n", Want: "is not a day"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Vision\nmetadata: {name: x}\nspec: {notDoing: [{reason: why}]}\n", Want: "spec.notDoing[0].what: is required"},
		},
	}, nil)
}
