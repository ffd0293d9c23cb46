package operations

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Domain is a part of the business whose systems share words and purpose.
type Domain struct {
	Owner       string `json:"owner" en:"Owner" es:"Responsable" col:"2" ref:"group,user" rel:"ownedBy,ownerOf" help:"Who answers for it." ayuda:"Quién responde de él." example:"group:product"`
	SubdomainOf string `json:"subdomainOf" en:"Part of domain" es:"Parte del dominio" col:"1" filter:"1" ref:"domain" rel:"partOf,hasPart" help:"A larger domain it is a part of." ayuda:"Un dominio mayor del que forma parte."`
	Type        string `json:"type" en:"Type" es:"Tipo" col:"3" filter:"1" search:"1" suggest:"product-area=Product area|Área de producto,product-group=Product group|Grupo de productos,bundle=Bundle|Conjunto" help:"What sort of domain it is, in your own words." ayuda:"Qué clase de dominio es, con vuestras palabras."`
}

func domainKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: "Domain", Plural: "domains", Room: Room, Icon: "domain", Order: 40,
		Title: lang.T("Domain", "Dominio"), Titles: lang.T("Domains", "Dominios"),
		Doc:      lang.T("The parts of the business, each with the systems that serve it.", "Las partes del negocio, cada una con los sistemas que la sirven."),
		Versions: versions(), Open: true,
		Examples: []string{`apiVersion: backstage.io/v1alpha1
kind: Domain
metadata:
  name: selling
  description: Everything between a visitor and a paid ticket.
spec:
  owner: group:product
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: Domain\nmetadata: {name: x}\nspec: {owner: a, subdomainOf: x}\n", Want: "cannot be a part of itself"},
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: Domain\nspec: {owner: a}\n", Want: "metadata: is required"},
		},
	}, func(e *entity.Entity, s *Domain) []fault.Problem {
		return notOfItself(e, "spec.subdomainOf", s.SubdomainOf)
	})
}
