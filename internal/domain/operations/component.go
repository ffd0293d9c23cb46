package operations

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Component is a unit of software somebody builds and runs: a service, a
// website, a library. The fields are those of Backstage, and Tier.
type Component struct {
	Type           string   `json:"type" en:"Type" es:"Tipo" req:"1" col:"1" filter:"1" search:"1" suggest:"service=Service|Servicio,website=Website|Sitio web,mobile-app=Mobile app|Aplicación móvil,library=Library|Biblioteca,job=Job|Proceso,tool=Tool|Herramienta" help:"What sort of software it is." ayuda:"Qué clase de software es." example:"service"`
	Lifecycle      string   `json:"lifecycle" en:"Lifecycle" es:"Ciclo de vida" col:"2" filter:"1" suggest:"experimental:info=Experimental|Experimental,production:ok=Production|En producción,deprecated:warn=Deprecated|Obsoleto" help:"How far along it is; what is deprecated should have no new users." ayuda:"En qué punto está; lo obsoleto no debe ganar usuarios." example:"production"`
	Tier           int      `json:"tier" en:"Tier" es:"Nivel" col:"3" filter:"1" min:"1" max:"4" help:"How much its loss hurts: 1 stops the business, 4 is hardly noticed." ayuda:"Cuánto duele perderlo: 1 detiene el negocio, 4 apenas se nota." example:"1"`
	Owner          string   `json:"owner" en:"Owner" es:"Responsable" col:"4" ref:"group,user" rel:"ownedBy,ownerOf" help:"The team that answers for it." ayuda:"El equipo que responde de él." example:"group:payments"`
	System         string   `json:"system" en:"System" es:"Sistema" col:"5" filter:"1" ref:"system" rel:"partOf,hasPart" help:"The system it is a part of." ayuda:"El sistema del que forma parte." example:"checkout"`
	SubcomponentOf string   `json:"subcomponentOf" en:"Part of component" es:"Parte del componente" ref:"component" rel:"partOf,hasPart" help:"A larger component it is a part of." ayuda:"Un componente mayor del que forma parte."`
	ProvidesAPIs   []string `json:"providesApis" en:"Provides APIs" es:"Ofrece las API" ref:"api" rel:"providesApi,apiProvidedBy" help:"The interfaces others reach it by." ayuda:"Las interfaces por las que otros lo usan."`
	ConsumesAPIs   []string `json:"consumesApis" en:"Consumes APIs" es:"Consume las API" ref:"api" rel:"consumesApi,apiConsumedBy" help:"The interfaces of others that it calls." ayuda:"Las interfaces de otros a las que llama."`
	DependsOn      []string `json:"dependsOn" en:"Depends on" es:"Depende de" ref:"component,resource" rel:"dependsOn,dependencyOf" help:"What it does not work without." ayuda:"Aquello sin lo que no funciona." example:"resource:payments-db"`
	DependencyOf   []string `json:"dependencyOf" en:"Needed by" es:"Lo necesitan" ref:"component,resource" rel:"dependencyOf,dependsOn" help:"What does not work without it, where that is known only here." ayuda:"Lo que no funciona sin él, cuando solo se sabe aquí."`
}

func componentKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: "Component", Plural: "components", Short: []string{"comp"}, Room: Room, Icon: "component", Order: 10,
		Title: lang.T("Component", "Componente"), Titles: lang.T("Services and components", "Servicios y componentes"),
		Doc:      lang.T("The software the organisation builds and runs: services, websites, apps, libraries. Each says who answers for it and what it needs.", "El software que la organización construye y opera: servicios, webs, aplicaciones, bibliotecas. Cada uno dice quién responde de él y qué necesita."),
		Versions: versions(), Open: true,
		Examples: []string{`apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: payments
  title: Payments
  description: Authorises, captures and refunds every card and wallet payment.
  annotations:
    github.com/project-slug: kestrane/payments
  tags: [go, card-data]
  links:
    - url: https://runbooks.example.com/payments
      title: Runbook
      type: runbook
spec:
  type: service
  lifecycle: production
  tier: 1
  owner: group:payments
  system: checkout
  providesApis: [payments-api]
  consumesApis: [fraud-score-api]
  dependsOn: [resource:payments-db]
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: x}\nspec: {lifecycle: production}\n", Want: "spec.type: is required"},
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: x}\nspec: {type: service, tier: 7}\n", Want: "must be at most 4"},
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: x}\nspec: {type: service, subcomponentOf: x}\n", Want: "cannot be a part of itself"},
			{YAML: "apiVersion: backstage.io/v1\nkind: Component\nmetadata: {name: x}\nspec: {type: service}\n", Want: "must be backstage.io/v1alpha1"},
		},
	}, func(e *entity.Entity, s *Component) []fault.Problem {
		return notOfItself(e, "spec.subcomponentOf", s.SubcomponentOf)
	})
}
