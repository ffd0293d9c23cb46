package people

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Group is a team, a unit or any other set of people that can answer for
// something. Its members are those it lists and those who list it.
type Group struct {
	Type     string   `json:"type" en:"Type" es:"Tipo" req:"1" col:"1" filter:"1" search:"1" suggest:"team=Team|Equipo,department=Department|Departamento,business-unit=Business unit|Unidad de negocio,product-area=Product area|Área de producto,organization=Organisation|Organización,root=Root|Raíz" help:"Its place in the organisation." ayuda:"Su lugar en la organización." example:"team"`
	Profile  *Profile `json:"profile" en:"Profile" es:"Perfil"`
	Parent   string   `json:"parent" en:"Part of" es:"Parte de" col:"2" filter:"1" ref:"group" rel:"childOf,parentOf" help:"The group directly above it." ayuda:"El grupo inmediatamente superior." example:"engineering"`
	Children []string `json:"children" en:"Groups below" es:"Grupos que incluye" ref:"group" rel:"parentOf,childOf" help:"The groups directly under it; naming it in their parent says the same." ayuda:"Los grupos que dependen de él; nombrarlo en su grupo superior dice lo mismo."`
	Members  []string `json:"members" en:"Members" es:"Miembros" ref:"user" rel:"hasMember,memberOf" help:"People in it; naming it in the person says the same." ayuda:"Personas que lo forman; nombrarlo en la persona dice lo mismo."`
	Leader   string   `json:"leader" en:"Lead" es:"Responsable" col:"3" ref:"user" rel:"ledBy,leaderOf" help:"The person who leads it." ayuda:"La persona que lo dirige." example:"user:marta.quiroga"`
}

// Profile is how a group or a person is shown and reached.
type Profile struct {
	DisplayName string `json:"displayName" en:"Displayed name" es:"Nombre visible" search:"1" example:"Marta Quiroga"`
	Email       string `json:"email" en:"E-mail" es:"Correo" type:"email" search:"1" example:"marta.quiroga@kestrane.example"`
	Picture     string `json:"picture" en:"Picture" es:"Imagen" type:"url" help:"Address of an image." ayuda:"Dirección de una imagen."`
}

func groupKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: "Group", Plural: "groups", Short: []string{"team", "teams"}, Room: Room, Icon: "group", Order: 10,
		Title: lang.T("Group", "Grupo"), Titles: lang.T("Groups", "Grupos"),
		Doc:      lang.T("Teams, departments and every other group of people that can answer for something.", "Equipos, departamentos y cualquier otro grupo de personas que puede responder de algo."),
		Versions: versions(), Open: true,
		Examples: []string{`apiVersion: backstage.io/v1alpha1
kind: Group
metadata:
  name: payments
  description: Every charge, refund and payout.
spec:
  type: team
  profile:
    displayName: Payments
    email: payments@kestrane.example
  parent: engineering
  children: []
  members: [marta.quiroga]
  leader: marta.quiroga
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: x}\nspec: {children: []}\n", Want: "spec.type: is required"},
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: x}\nspec: {type: team, parent: x}\n", Want: "cannot be above itself"},
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: x}\nspec: {type: team, members: jdoe}\n", Want: "must be a list"},
		},
	}, checkGroup)
}

// checkGroup refuses a group that is its own parent. Longer circles are seen
// only with the other groups and are reported on the organisation chart.
func checkGroup(e *entity.Entity, s *Group) []fault.Problem {
	ref, err := entity.ParseRef(s.Parent, e.Kind, e.Metadata.Namespace)
	if s.Parent == "" || err != nil || ref != e.Ref() {
		return nil
	}
	return []fault.Problem{{Field: "spec.parent", Code: "above-itself", Msg: "a group cannot be above itself"}}
}
