package strategy

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// board is one radar of an organisation as the catalog holds it: its editions
// in order, the oldest first, and its technologies by name.
type board struct {
	Radar    string
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
// are now and the rings of all of them.
func (b *board) restand(t *technology) {
	t.arrange(b.place())
	s := t.Spec
	if len(s.Rings) == 0 {
		s.Rings = b.rings(nil)
	}
	t.Standing = standing(t.Entity, &s)
}

// loadEditions reads a radar without its technologies.
func loadEditions(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, radar string) (*board, error) {
	b := &board{Radar: cmp.Or(radar, DefaultRadar)}
	err := c.Each(ctx, caller, ofRadar("RadarEdition", b.Radar), func(e *entity.Entity) error {
		spec, err := catalog.Spec[RadarEdition](e)
		b.Editions = append(b.Editions, &edition{e, spec})
		return err
	})
	b.sort()
	return b, err
}

func technologyOf(e *entity.Entity) (*technology, error) {
	spec, err := catalog.Spec[Technology](e)
	return &technology{e, spec, standing(e, &spec)}, err
}

// sort puts the editions in order: by date when all have one, else by place
// when all have one, else by name as people order names.
func (b *board) sort() {
	dated := !slices.ContainsFunc(b.Editions, func(e *edition) bool { return e.Spec.Date == "" })
	placed := !slices.ContainsFunc(b.Editions, func(e *edition) bool { return e.Spec.Order == 0 })
	slices.SortStableFunc(b.Editions, func(x, y *edition) int {
		switch byDate, byPlace := strings.Compare(x.Spec.Date, y.Spec.Date), cmp.Compare(x.Spec.Order, y.Spec.Order); {
		case dated && byDate != 0:
			return byDate
		case !dated && placed && byPlace != 0:
			return byPlace
		}
		return radarfile.Natural(x.name(), y.name())
	})
}

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
