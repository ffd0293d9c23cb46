package strategy

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// board is one radar of an organisation as the catalog holds it: its editions
// in order, the oldest first, and its technologies by name.
type board struct {
	Radar    string
	Radars   []string // all that have editions, by name; filled in by openBoard
	Editions []*edition
	Techs    []*technology
}

// edition is a RadarEdition with its spec decoded.
type edition struct {
	*entity.Entity
	Spec RadarEdition
}

// name is the edition as entries and their status name it.
func (e *edition) name() string { return e.Metadata.Name }

// technology is a Technology with its spec and status decoded.
type technology struct {
	*entity.Entity
	Spec     Technology
	Standing *Standing
}

// on returns what an edition says of t; nil when it does not show it.
func (t *technology) on(edition string) *Entry {
	for i := range t.Spec.Entries {
		if editionOf(t.Entity, t.Spec.Entries[i].Edition) == edition {
			return &t.Spec.Entries[i]
		}
	}
	return nil
}

// moved returns how t came to its ring on an edition; "" when it is not on it.
func (t *technology) moved(edition string) string {
	if t.Standing != nil {
		for _, s := range t.Standing.Editions {
			if s.Edition == edition {
				return s.Moved
			}
		}
	}
	return ""
}

// ofRadar asks for the entities of a kind that belong to a radar.
func ofRadar(kind, radar string) catalog.Query {
	values := []string{radar}
	if radar == DefaultRadar {
		values = append(values, "")
	}
	return catalog.Query{Kinds: []string{kind}, Fields: map[string][]string{"spec.radar": values}}
}

// loadBoard reads a radar; radar "" is DefaultRadar.
func loadBoard(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, radar string) (*board, error) {
	b, err := loadEditions(ctx, c, caller, radar)
	if err != nil {
		return nil, err
	}
	return b, c.Each(ctx, caller, ofRadar("Technology", b.Radar), func(e *entity.Entity) error {
		t, err := technologyOf(e)
		b.restand(t)
		b.Techs = append(b.Techs, t)
		return err
	})
}

// restand computes the movement of t anew, by the order of the editions as they
// are now and the rings of all of them, each ring spelled as its edition does.
func (b *board) restand(t *technology) {
	t.arrange(b.place())
	for i := range t.Spec.Entries {
		x := &t.Spec.Entries[i]
		if e := b.edition(editionOf(t.Entity, x.Edition)); e != nil {
			x.Ring = radarfile.Spelled(e.Spec.Rings, x.Ring, radarfile.FoldRing)
			if segment := cmp.Or(x.Segment, t.Spec.Segment); segment != "" {
				x.Segment = radarfile.Spelled(e.Spec.Segments, segment, radarfile.FoldSegment)
			}
		}
	}
	s := t.Spec
	if len(s.Rings) == 0 {
		s.Rings = b.rings(nil)
	}
	t.Standing = moves(t.Entity, &s)
}

// loadEditions reads a radar without its technologies.
func loadEditions(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, radar string) (*board, error) {
	b := &board{Radar: cmp.Or(radar, DefaultRadar)}
	err := c.Each(ctx, caller, ofRadar("RadarEdition", b.Radar), b.add)
	b.sort()
	return b, err
}

// add puts an edition on the board, not yet in order.
func (b *board) add(e *entity.Entity) error {
	spec, err := catalog.Spec[RadarEdition](e)
	b.Editions = append(b.Editions, &edition{e, spec})
	return err
}

// allBoards reads the editions of all radars, by the radar's name.
func allBoards(each func(catalog.Query, func(*entity.Entity) error) error) (map[string]*board, error) {
	radars := map[string]*board{}
	err := each(catalog.Query{Kinds: []string{"RadarEdition"}}, func(e *entity.Entity) error {
		spec, err := catalog.Spec[RadarEdition](e)
		name := cmp.Or(spec.Radar, DefaultRadar)
		if radars[name] == nil {
			radars[name] = &board{Radar: name}
		}
		radars[name].Editions = append(radars[name].Editions, &edition{e, spec})
		return err
	})
	for _, b := range radars {
		b.sort()
	}
	return radars, err
}

// openBoard reads the radar that is asked for, in whatever case; when none is,
// DefaultRadar, or the first there is when that has no edition.
func openBoard(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, asked string) (*board, error) {
	radars, err := allBoards(func(q catalog.Query, f func(*entity.Entity) error) error { return c.Each(ctx, caller, q, f) })
	if err != nil {
		return nil, err
	}
	name := spelledAs(radars, strings.TrimSpace(asked))
	if names := slices.Sorted(maps.Keys(radars)); name == "" && radars[DefaultRadar] == nil && len(names) > 0 {
		name = names[0]
	}
	b, err := loadBoard(ctx, c, caller, name)
	if err != nil {
		return nil, err
	}
	b.Radars = slices.Sorted(maps.Keys(radars))
	return b, nil
}

// technologyOf decodes a technology with its status as it is stored.
func technologyOf(e *entity.Entity) (*technology, error) {
	spec, err := catalog.Spec[Technology](e)
	t := &technology{Entity: e, Spec: spec}
	if len(e.Status) > 0 && err == nil {
		t.Standing = &Standing{}
		err = json.Unmarshal(e.Status, t.Standing)
	}
	return t, err
}

// sort puts the editions in order of time.
func (b *board) sort() {
	when := make([]radarfile.When, len(b.Editions))
	for i, e := range b.Editions {
		when[i] = radarfile.When{Name: e.name(), Date: e.day(), Place: e.Spec.Order}
	}
	sorted := make([]*edition, len(b.Editions))
	for i, from := range radarfile.Order(when) {
		sorted[i] = b.Editions[from]
	}
	b.Editions = sorted
}

// day is when the edition was published; zero when it does not say.
func (e *edition) day() time.Time {
	day, err := time.Parse(time.DateOnly, e.Spec.Date)
	if err != nil {
		return time.Time{}
	}
	return day
}

// undated returns the editions that stand among dated ones by their name alone,
// each with the edition before it.
func (b *board) undated() []unplaced {
	var out []unplaced
	dated := slices.ContainsFunc(b.Editions, func(e *edition) bool { return !e.day().IsZero() })
	var before *edition
	for _, e := range b.Editions {
		if dated && e.day().IsZero() && e.Spec.Order == 0 {
			out = append(out, unplaced{e, before})
		}
		before = e
	}
	return out
}

// unplaced is an edition without a date, and the one it stands after; nil when
// it is the first.
type unplaced struct{ edition, after *edition }

// edition returns the edition of a name, or nil.
func (b *board) edition(name string) *edition {
	for _, e := range b.Editions {
		if e.name() == name {
			return e
		}
	}
	return nil
}

// latest returns the last edition, or nil.
func (b *board) latest() *edition {
	if len(b.Editions) == 0 {
		return nil
	}
	return b.Editions[len(b.Editions)-1]
}

// rings returns the rings of all editions, from the centre outwards, those
// given first.
func (b *board) rings(given []string) []string {
	list := make([]radarfile.Edition, len(b.Editions))
	for i, e := range b.Editions {
		list[i].Rings = e.Spec.Rings
	}
	return radarfile.RingOrder(list, given)
}

// place returns where each edition stands in the order.
func (b *board) place() map[string]int {
	at := map[string]int{}
	for i, e := range b.Editions {
		at[e.name()] = i
	}
	return at
}

// arrange puts the entries of t in the order of the editions; those of an
// edition that is not there come first, as they stood.
func (t *technology) arrange(place map[string]int) {
	slices.SortStableFunc(t.Spec.Entries, func(x, y Entry) int {
		return cmp.Compare(placeOf(place, editionOf(t.Entity, x.Edition)), placeOf(place, editionOf(t.Entity, y.Edition)))
	})
}

func placeOf(place map[string]int, edition string) int {
	if at, ok := place[edition]; ok {
		return at
	}
	return -1
}
