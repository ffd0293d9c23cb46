package operations

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// System is a set of components, APIs and resources that together do one thing
// for somebody outside.
type System struct {
	Owner  string `json:"owner" en:"Owner" es:"Responsable" col:"2" ref:"group,user" rel:"ownedBy,ownerOf" help:"The team that answers for it." ayuda:"El equipo que responde de él." example:"group:payments"`
	Domain string `json:"domain" en:"Domain" es:"Dominio" col:"1" filter:"1" ref:"domain" rel:"partOf,hasPart" help:"The part of the business it serves." ayuda:"La parte del negocio a la que sirve." example:"selling"`
	Type   string `json:"type" en:"Type" es:"Tipo" col:"3" filter:"1" search:"1" suggest:"product=Product|Producto,service=Service|Servicio,feature-set=Feature set|Conjunto de funciones" help:"What sort of system it is, in your own words." ayuda:"Qué clase de sistema es, con vuestras palabras."`
}

func systemKind() *catalog.Kind {
	return catalog.Of[System](catalog.Kind{
		Name: "System", Plural: "systems", Room: Room, Icon: "system", Order: 30,
		Title: lang.T("System", "Sistema"), Titles: lang.T("Systems", "Sistemas"),
		Doc:      lang.T("Components, APIs and resources that together do one thing, seen as one from outside.", "Componentes, API y recursos que juntos hacen una cosa y desde fuera se ven como uno."),
		Versions: versions(), Open: true,
		Examples: []string{`apiVersion: backstage.io/v1alpha1
kind: System
metadata:
  name: checkout
  description: From a chosen seat to a paid ticket.
spec:
  owner: group:payments
  domain: selling
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: System\nmetadata: {name: a b}\nspec: {owner: payments}\n", Want: "cannot be a name"},
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: System\nmetadata: {name: x}\nspec: {domain: domain:a/b/c}\n", Want: "is not a reference"},
		},
	}, nil)
}
