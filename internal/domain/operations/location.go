package operations

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Location says where more catalog files lie. Targets are addresses, or paths
// relative to the file that holds the location.
type Location struct {
	Type     string   `json:"type" en:"Type" es:"Tipo" col:"1" filter:"1" suggest:"url,file" help:"How the targets are reached; left out, as this file was." ayuda:"Cómo se llega a los destinos; si falta, como a este fichero." example:"url"`
	Target   string   `json:"target" en:"Target" es:"Destino" col:"2" search:"1" help:"One place that holds catalog files." ayuda:"Un lugar con ficheros del catálogo." example:"./catalog/all.yaml"`
	Targets  []string `json:"targets" en:"Targets" es:"Destinos" search:"1" help:"Several places that hold catalog files." ayuda:"Varios lugares con ficheros del catálogo."`
	Presence string   `json:"presence" en:"Presence" es:"Presencia" enum:"required=Required|Obligatoria;optional=Optional|Opcional" help:"Whether a target that is missing is a fault." ayuda:"Si la falta de un destino es un fallo."`
}

func locationKind() *catalog.Kind {
	return catalog.Of[Location](catalog.Kind{
		Name: "Location", Plural: "locations", Room: Room, Icon: "location", Order: 60,
		Title: lang.T("Location", "Ubicación"), Titles: lang.T("Locations", "Ubicaciones"),
		Doc:      lang.T("Where more files of the catalog lie. An import follows the targets that are among the files it was given.", "Dónde hay más ficheros del catálogo. Una importación sigue los destinos que están entre los ficheros que recibe."),
		Versions: versions(), Open: true,
		Examples: []string{`apiVersion: backstage.io/v1alpha1
kind: Location
metadata:
  name: kestrane-org
spec:
  targets:
    - ./org/groups.yaml
    - ./org/users.yaml
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: x}\nspec: {presence: maybe}\n", Want: "is not one of required, optional"},
			{YAML: "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: x}\nspec: {targets: ./a.yaml}\n", Want: "must be a list"},
		},
	}, nil)
}
