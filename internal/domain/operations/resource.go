package operations

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Resource is what software needs and does not contain: a database, a queue, a
// bucket, a cluster.
type Resource struct {
	Type         string   `json:"type" en:"Type" es:"Tipo" req:"1" col:"1" filter:"1" search:"1" suggest:"database=Database|Base de datos,queue=Queue or topic|Cola o tema,cache=Cache|Caché,bucket=Bucket|Almacén de objetos,cluster=Cluster|Clúster,network=Network|Red,vendor=Outside service|Servicio externo" help:"What sort of thing it is." ayuda:"Qué clase de cosa es." example:"database"`
	Owner        string   `json:"owner" en:"Owner" es:"Responsable" col:"2" ref:"group,user" rel:"ownedBy,ownerOf" help:"The team that answers for it." ayuda:"El equipo que responde de él." example:"group:platform"`
	System       string   `json:"system" en:"System" es:"Sistema" col:"3" filter:"1" ref:"system" rel:"partOf,hasPart" help:"The system it is a part of." ayuda:"El sistema del que forma parte."`
	DependsOn    []string `json:"dependsOn" en:"Depends on" es:"Depende de" ref:"component,resource" rel:"dependsOn,dependencyOf" help:"What it does not work without." ayuda:"Aquello sin lo que no funciona." example:"resource:eu-west-cluster"`
	DependencyOf []string `json:"dependencyOf" en:"Needed by" es:"Lo necesitan" ref:"component,resource" rel:"dependencyOf,dependsOn" help:"What does not work without it, where that is known only here." ayuda:"Lo que no funciona sin él, cuando solo se sabe aquí."`
}

func resourceKind() *catalog.Kind {
	return catalog.Of[Resource](catalog.Kind{
		Name: "Resource", Plural: "resources", Short: []string{"res"}, Room: Room, Icon: "resource", Order: 50,
		Title: lang.T("Resource", "Recurso"), Titles: lang.T("Resources", "Recursos"),
		Doc:      lang.T("What the software runs on and keeps its data in: databases, queues, clusters, services of others.", "Aquello sobre lo que corre el software y donde guarda sus datos: bases de datos, colas, clústeres, servicios de terceros."),
		Versions: versions(), Open: true,
		Examples: []string{`apiVersion: backstage.io/v1alpha1
kind: Resource
metadata:
  name: payments-db
  description: PostgreSQL with every charge and refund.
spec:
  type: database
  owner: group:payments
  system: checkout
  dependsOn: [resource:eu-west-cluster]
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: Resource\nmetadata: {name: x}\nspec: {owner: platform}\n", Want: "spec.type: is required"},
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: Resource\nmetadata: {name: x}\nspec: {type: database, dependsOn: cluster}\n", Want: "must be a list"},
		},
	}, nil)
}
