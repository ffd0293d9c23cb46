package strategy

import (
	"fmt"
	"slices"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// DefaultRadar is the radar that editions and technologies belong to when they
// name none.
const DefaultRadar = "technology"

// RadarEdition is a radar as it was published at one time. What stands on it is
// written in the technologies.
type RadarEdition struct {
	Radar    string   `json:"radar,omitempty" en:"Radar" es:"Radar" col:"1" filter:"1" help:"Which radar it is an edition of, when the organisation keeps several. Left empty for the one called technology." ayuda:"De qué radar es una edición, si la organización mantiene varios. Vacío para el que se llama technology."`
	Date     string   `json:"date,omitempty" en:"Date" es:"Fecha" type:"date" col:"2" help:"The day it was published; it orders the editions. One without a day stands among the others by its name." ayuda:"El día en que se publicó; ordena las ediciones. La que no tiene día va entre las demás por su nombre." example:"2026-09-15"`
	Order    int      `json:"order,omitempty" en:"Place in order" es:"Lugar en el orden" min:"1" help:"For an edition without a date: its place among the editions, from 1." ayuda:"Para una edición sin fecha: su lugar entre las ediciones, desde 1."`
	Rings    []string `json:"rings" en:"Rings" es:"Anillos" req:"1" help:"From the centre outwards." ayuda:"Del centro hacia fuera." example:"Adopt"`
	Segments []string `json:"segments" en:"Segments" es:"Segmentos" req:"1" help:"As they are drawn: with four, top left, top right, bottom left, bottom right; else clockwise from the top." ayuda:"Como se dibujan: si son cuatro, arriba a la izquierda, arriba a la derecha, abajo a la izquierda, abajo a la derecha; si no, en el sentido del reloj desde arriba." example:"Tools"`
	Source   string   `json:"source,omitempty" en:"Source" es:"Fuente" ro:"1" help:"What it was imported from, as the name of its folder. A later import from there goes to the same radar." ayuda:"De dónde se importó, como el nombre de su carpeta. Una importación posterior de ahí va al mismo radar."`
}

func editionKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: "RadarEdition", Plural: "radar-editions", Short: []string{"editions", "edition"}, Room: Room, Icon: "radar", Order: 20,
		Title: lang.T("Radar edition", "Edición del radar"), Titles: lang.T("Radar editions", "Ediciones del radar"),
		Doc: lang.T("A radar as it was published at one time: its rings from the centre outwards and its segments. The technologies say where they stand on it.",
			"Un radar tal como se publicó en un momento: sus anillos, del centro hacia fuera, y sus segmentos. Las tecnologías dicen dónde están en él."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: RadarEdition
metadata:
  name: "2026-09"
  title: September 2026
spec:
  date: "2026-09-15"
  rings: [Adopt, Trial, Assess, Hold]
  segments: [Techniques, Tools, Platforms, Languages and frameworks]
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: RadarEdition\nmetadata: {name: x}\nspec: {segments: [Tools]}\n", Want: "spec.rings: is required"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: RadarEdition\nmetadata: {name: x}\nspec: {rings: [Adopt, adopt], segments: [Tools]}\n", Want: "is given twice"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: RadarEdition\nmetadata: {name: x}\nspec: {rings: [Adopt], segments: [Tools], date: autumn}\n", Want: "is not a day"},
		},
	}, checkEdition)
}

// checkEdition refuses a ring or a segment that stands twice.
func checkEdition(_ *entity.Entity, s *RadarEdition) []fault.Problem {
	return append(onlyOnce("spec.rings", s.Rings, radarfile.FoldRing), onlyOnce("spec.segments", s.Segments, radarfile.FoldSegment)...)
}

func onlyOnce(field string, list []string, fold func(string) string) []fault.Problem {
	var problems []fault.Problem
	for i, s := range list {
		same := func(o string) bool { return fold(o) == fold(s) }
		if slices.ContainsFunc(list[:i], same) {
			problems = append(problems, fault.Problem{Field: fmt.Sprintf("%s[%d]", field, i), Code: "given-twice", Msg: fmt.Sprintf("%q is given twice", s), Args: []string{s}})
		}
	}
	return problems
}
