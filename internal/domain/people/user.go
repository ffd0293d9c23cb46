package people

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// User is a person of the organisation. Role, Location and Manager are ours;
// Backstage keeps them as they are.
type User struct {
	Profile  *Profile `json:"profile" en:"Profile" es:"Perfil"`
	Role     string   `json:"role" en:"Role" es:"Función" col:"1" filter:"1" search:"1" help:"What the person is called in the organisation." ayuda:"Cómo se llama su puesto en la organización." example:"Staff engineer" ejemplo:"Ingeniera principal"`
	MemberOf []string `json:"memberOf" en:"Member of" es:"Miembro de" col:"2" filter:"1" ref:"group" rel:"memberOf,hasMember" help:"The groups the person belongs to directly." ayuda:"Los grupos a los que pertenece directamente." example:"payments"`
	LeaderOf []string `json:"leaderOf" en:"Leads" es:"Dirige" ref:"group" rel:"leaderOf,ledBy" help:"The groups the person leads; naming the person in the group says the same." ayuda:"Los grupos que dirige; nombrar a la persona en el grupo dice lo mismo."`
	Manager  string   `json:"manager" en:"Manager" es:"Responsable directo" ref:"user" rel:"reportsTo,managerOf" help:"The person above." ayuda:"La persona por encima." example:"ines.valcarcel"`
	Location string   `json:"location" en:"Place" es:"Lugar" col:"3" filter:"1" search:"1" help:"Where the person works." ayuda:"Dónde trabaja." example:"Valencia"`
}

func userKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: "User", Plural: "users", Short: []string{"person", "people"}, Room: Room, Icon: "user", Order: 20, Personal: true,
		Title: lang.T("Person", "Persona"), Titles: lang.T("People", "Personas"),
		Doc:      lang.T("The people of the organisation, the groups they belong to and what they answer for. Looks at another person's page are written to the audit log.", "Las personas de la organización, los grupos a los que pertenecen y aquello de lo que responden. Las consultas de la página de otra persona quedan en el registro de auditoría."),
		Versions: versions(), Open: true,
		Examples: []string{`apiVersion: backstage.io/v1alpha1
kind: User
metadata:
  name: marta.quiroga
spec:
  profile:
    displayName: Marta Quiroga
    email: marta.quiroga@kestrane.example
  role: Engineering manager
  memberOf: [payments]
  manager: user:ines.valcarcel
  location: Valencia
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata: {name: x}\nspec: {memberOf: payments}\n", Want: "must be a list"},
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata: {name: x}\nspec: {manager: x}\n", Want: "cannot report to themselves"},
		},
	}, checkUser)
}

// checkUser refuses a person who reports to themselves.
func checkUser(e *entity.Entity, s *User) []fault.Problem {
	ref, err := entity.ParseRef(s.Manager, e.Kind, e.Metadata.Namespace)
	if s.Manager == "" || err != nil || ref != e.Ref() {
		return nil
	}
	return []fault.Problem{{Field: "spec.manager", Code: "own-manager", Msg: "a person cannot report to themselves"}}
}
