package strategy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Technology is something the organisation has an opinion on: a technique, a
// tool, a platform, a language. It is known by its title and segment together:
// two things of one name in two segments are two technologies.
type Technology struct {
	Segment   string   `json:"segment" en:"Segment" es:"Segmento" req:"1" col:"1" filter:"1" search:"1" help:"The part of the radar it stands in, as Tools or Platforms." ayuda:"La parte del radar en la que está, como Herramientas o Plataformas." example:"Tools"`
	Radar     string   `json:"radar,omitempty" en:"Radar" es:"Radar" filter:"1" help:"Which radar it stands on, when the organisation keeps several. Left empty for the one called technology." ayuda:"En qué radar está, si la organización mantiene varios. Vacío para el que se llama technology."`
	Entries   []Entry  `json:"entries,omitempty" en:"What editions say" es:"Lo que dicen las ediciones" help:"Its ring on each edition that shows it, the oldest first." ayuda:"Su anillo en cada edición que la muestra, la más antigua primero."`
	Rings     []string `json:"rings,omitempty" en:"Rings" es:"Anillos" help:"The rings of its radar from the centre outwards, where they are others than adopt, trial, assess and hold: they tell which way it moved." ayuda:"Los anillos de su radar, del centro hacia fuera, si son otros que adopt, trial, assess y hold: dicen hacia dónde se movió."`
	Aliases   []string `json:"aliases,omitempty" en:"Other names" es:"Otros nombres" search:"1" help:"Names it is known by as well; an import finds it by them." ayuda:"Nombres por los que también se conoce; una importación la encuentra por ellos." example:"golang"`
	Decisions []string `json:"decisions,omitempty" en:"Decisions" es:"Decisiones" ref:"decision" rel:"decidedBy,decides" help:"The decisions that put it where it is." ayuda:"Las decisiones que la pusieron donde está."`
	ReviewBy  string   `json:"reviewBy,omitempty" en:"Review by" es:"Revisar antes del" type:"date" col:"6" due:"decide:Review of a ring|Revisión de un anillo" help:"The day by which its ring is to be looked at again." ayuda:"El día antes del cual hay que volver a mirar su anillo."`
}

// Entry is what one edition says of a technology. Title and segment are there
// only where that edition wrote them otherwise.
type Entry struct {
	Edition     string   `json:"edition" en:"Edition" es:"Edición" req:"1" ref:"radaredition" rel:"shownOn,shows" example:"2026-09"`
	Ring        string   `json:"ring" en:"Ring" es:"Anillo" req:"1" example:"Trial"`
	Description string   `json:"description,omitempty" en:"Description" es:"Descripción" type:"markdown" search:"1" help:"Why it stands there; Markdown." ayuda:"Por qué está ahí; Markdown."`
	Link        string   `json:"link,omitempty" en:"Link" es:"Enlace"`
	Title       string   `json:"title,omitempty" en:"Spelled" es:"Escrita" help:"How the edition spells its name, where that is otherwise." ayuda:"Cómo escribe la edición su nombre, si es de otro modo."`
	Segment     string   `json:"segment,omitempty" en:"In segment" es:"En el segmento" help:"How the edition calls its segment, where that is otherwise." ayuda:"Cómo llama la edición a su segmento, si es de otro modo."`
	Related     []string `json:"related,omitempty" en:"Related" es:"Relacionadas" help:"Names of other technologies the edition points to." ayuda:"Nombres de otras tecnologías que la edición señala."`
	Hidden      bool     `json:"hidden,omitempty" en:"Not drawn" es:"No se dibuja" help:"Kept on the edition without being shown." ayuda:"Se conserva en la edición sin mostrarse."`
}

// Standing is what follows from the entries of a technology.
type Standing struct {
	Ring     string    `json:"ring" en:"Ring" es:"Anillo" col:"2" filter:"1" suggest:"adopt=Adopt|Adopt,trial=Trial|Trial,assess=Assess|Assess,hold=Hold|Hold" help:"The last known one." ayuda:"El último conocido."`
	Moved    string    `json:"moved" en:"Moved" es:"Movimiento" col:"3" filter:"1" enum:"new=New|Nueva;in=Moved in|Hacia dentro;out=Moved out|Hacia fuera;unchanged=Unchanged|Sin cambio" help:"How it came to that ring on the last edition that shows it." ayuda:"Cómo llegó a ese anillo en la última edición que la muestra."`
	Edition  string    `json:"edition" en:"Last edition" es:"Última edición" col:"4" filter:"1" ref:"radaredition" rel:"shownOn,shows" help:"The last one that shows it." ayuda:"La última que la muestra."`
	Editions []Showing `json:"editions" en:"Editions" es:"Ediciones"`
}

// Showing is a technology on one edition. Moved compares with the last known
// ring: new, in, out or unchanged, as radarfile.Moves has it.
type Showing struct {
	Edition string `json:"edition" en:"Edition" es:"Edición"`
	Ring    string `json:"ring" en:"Ring" es:"Anillo"`
	Segment string `json:"segment" en:"Segment" es:"Segmento"`
	Moved   string `json:"moved" en:"Moved" es:"Movimiento"`
}

func technologyKind() *catalog.Kind {
	k := catalog.Of(catalog.Kind{
		Name: "Technology", Plural: "technologies", Short: []string{"tech"}, Room: Room, Icon: "tech", Order: 10, Reckoned: 1,
		Title: lang.T("Technology", "Tecnología"), Titles: lang.T("Technologies", "Tecnologías"),
		Doc: lang.T("A technique, tool, platform or language the organisation has an opinion on: the ring each edition of the radar gives it. Its status holds the present ring and, under editions, for each edition its ring, its segment and how it moved since its last known ring: new, in, out or unchanged.",
			"Una técnica, herramienta, plataforma o lenguaje sobre el que la organización tiene una opinión: el anillo que le da cada edición del radar. Su estado guarda el anillo actual y, en editions, para cada edición su anillo, su segmento y cómo se movió desde su último anillo conocido: new, in, out o unchanged."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Technology
metadata:
  name: jenkins
  title: Jenkins
  owner: group:platform
spec:
  segment: Tools
  entries:
    - edition: "2026-03"
      ring: Assess
    - edition: "2026-09"
      ring: Hold
      description: No new pipeline; the last one leaves by December.
  decisions: [0061-leave-jenkins]
  reviewBy: "2026-12-15"
`, `apiVersion: binnacle.dev/v1
kind: Technology
metadata:
  name: feature-store
  title: Feature store
spec:
  radar: data
  segment: Building blocks
  rings: [Core, Try, Leave]
  entries:
    - edition: data-2026-09
      ring: Try
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Technology\nmetadata: {name: x}\nspec: {entries: [{edition: a, ring: Hold}]}\n", Want: "spec.segment: is required"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Technology\nmetadata: {name: x}\nspec: {segment: Tools, entries: [{edition: a, ring: Hold}, {edition: a, ring: Trial}]}\n", Want: "is given twice"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Technology\nmetadata: {name: x}\nspec: {segment: Tools, ring: Hold}\n", Want: `there is no field "ring" here`},
		},
	}, checkTechnology)
	catalog.DerivedWith(k, catalog.Follow{Kinds: []string{"RadarEdition"}, Of: standingOn}, standings)
	catalog.Folded(k, "spec.segment", radarfile.FoldSegment, spoken)
	catalog.Folded(k, "status.ring", radarfile.FoldRing, spoken)
	return k
}

// standingOn asks for the technologies whose standing follows from an edition:
// those of its radar, whose order and rings it has a part in.
func standingOn(e *entity.Entity) catalog.Query {
	s, err := catalog.Spec[RadarEdition](e)
	if err != nil {
		return catalog.Query{}
	}
	return ofRadar("Technology", cmp.Or(s.Radar, DefaultRadar))
}

// standings returns what computes the standing of technologies, each on its
// radar.
func standings(l *catalog.Look) func(*entity.Entity, *Technology) (*Standing, error) {
	var radars map[string]*board
	return func(e *entity.Entity, s *Technology) (*Standing, error) {
		if radars == nil {
			var err error
			if radars, err = allBoards(l.Each); err != nil {
				return nil, err
			}
		}
		return standing(e, s, radars), nil
	}
}

// checkTechnology refuses an edition that stands twice among the entries.
func checkTechnology(e *entity.Entity, s *Technology) []fault.Problem {
	var problems []fault.Problem
	seen := map[string]bool{}
	for i, x := range s.Entries {
		name := editionOf(e, x.Edition)
		if seen[name] {
			problems = append(problems, fault.Problem{Field: fmt.Sprintf("spec.entries[%d].edition", i), Code: "edition-twice",
				Msg: fmt.Sprintf("the edition %s is given twice", name), Args: []string{name}})
		}
		seen[name] = true
	}
	return problems
}

// editionOf names the edition a reference points at: by its name alone within
// the technology's namespace.
func editionOf(e *entity.Entity, ref string) string {
	r, err := entity.ParseRef(ref, "radaredition", e.Metadata.Namespace)
	if err != nil {
		return ref
	}
	if r.Namespace == e.Ref().Namespace {
		return r.Name
	}
	return r.Namespace + "/" + r.Name
}

// standing computes the movement between a technology's editions. Movement is
// within one radar: entries of another are compared among themselves, and the
// last ring is that of the technology's own radar.
func standing(e *entity.Entity, s *Technology, radars map[string]*board) *Standing {
	own := radars[cmp.Or(s.Radar, DefaultRadar)]
	by := map[*board][]Entry{}
	for _, x := range s.Entries {
		b := own
		for _, other := range radars {
			if (own == nil || own.edition(editionOf(e, x.Edition)) == nil) && other.edition(editionOf(e, x.Edition)) != nil {
				b = other
			}
		}
		by[b] = append(by[b], x)
	}
	if len(by) == 0 {
		return nil
	}
	out := &Standing{}
	for _, b := range boardsOf(by, own) {
		t := &technology{Entity: e, Spec: *s}
		t.Spec.Entries = by[b]
		cmp.Or(b, &board{}).restand(t)
		out.Ring, out.Moved, out.Edition = t.Standing.Ring, t.Standing.Moved, t.Standing.Edition
		out.Editions = append(out.Editions, t.Standing.Editions...)
	}
	return out
}

// boardsOf returns the radars that entries stand on, the technology's own last.
func boardsOf(by map[*board][]Entry, own *board) []*board {
	var out []*board
	for b := range by {
		if b != own {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b *board) int { return cmp.Compare(a.Radar, b.Radar) })
	if len(by[own]) > 0 {
		out = append(out, own)
	}
	return out
}

// moves computes the standing of a technology whose entries are in order, all
// of one radar.
func moves(e *entity.Entity, s *Technology) *Standing {
	if len(s.Entries) == 0 {
		return nil
	}
	editions := make([]radarfile.Edition, len(s.Entries))
	for i, x := range s.Entries {
		editions[i].Blips = []radarfile.Blip{{Name: e.DisplayTitle(), Segment: s.Segment, Ring: x.Ring}}
	}
	out := &Standing{Editions: make([]Showing, len(s.Entries))}
	for i, moves := range radarfile.Moves(editions, s.Rings) {
		x := s.Entries[i]
		out.Editions[i] = Showing{Edition: editionOf(e, x.Edition), Ring: x.Ring, Segment: cmp.Or(x.Segment, s.Segment), Moved: string(moves[0])}
	}
	last := out.Editions[len(out.Editions)-1]
	out.Ring, out.Moved, out.Edition = last.Ring, last.Moved, last.Edition
	return out
}
