package objectives

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// board is all goals of an organisation as they were read at one moment.
type board struct {
	Cycles []*cycle // the oldest first
	Lost   []*objective
}

type cycle struct {
	*entity.Entity
	Cycle
	status     CycleStatus
	span       *okr.Span
	Objectives []*objective // by name
}

type objective struct {
	*entity.Entity
	Objective
	status  ObjectiveStatus
	parent  entity.Ref // the zero Ref when it leads to nothing
	pillar  entity.Ref
	Results []*result // by name
}

type result struct {
	*entity.Entity
	KeyResult
	status KeyResultStatus
	of     *objective
}

// loadBoard reads the goals that the caller may read.
func loadBoard(ctx context.Context, c *catalog.Catalog, caller catalog.Caller) (*board, error) {
	b := &board{}
	cycles, objectives := map[entity.Ref]*cycle{}, map[entity.Ref]*objective{}
	err := c.Each(ctx, caller, catalog.Query{Kinds: []string{"Cycle"}}, func(e *entity.Entity) (err error) {
		x := &cycle{Entity: e}
		if x.Cycle, err = catalog.Spec[Cycle](e); err != nil {
			return err
		}
		if span, ok := x.Span(); ok {
			x.span = &span
		}
		cycles[e.Ref()] = x
		b.Cycles = append(b.Cycles, x)
		x.status, err = statusOf[CycleStatus](e)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = c.Each(ctx, caller, catalog.Query{Kinds: []string{"Objective"}}, func(e *entity.Entity) (err error) {
		x := &objective{Entity: e}
		if x.Objective, err = catalog.Spec[Objective](e); err != nil {
			return err
		}
		objectives[e.Ref()] = x
		x.parent, _ = entity.ParseRef(x.Parent, "objective", e.Metadata.Namespace)
		x.pillar, _ = entity.ParseRef(x.Pillar, "pillar", e.Metadata.Namespace)
		ref, _ := entity.ParseRef(x.Objective.Cycle, "cycle", e.Metadata.Namespace)
		if in := cycles[ref]; in != nil {
			in.Objectives = append(in.Objectives, x)
		} else {
			b.Lost = append(b.Lost, x)
		}
		x.status, err = statusOf[ObjectiveStatus](e)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = c.Each(ctx, caller, catalog.Query{Kinds: []string{"KeyResult"}}, func(e *entity.Entity) (err error) {
		x := &result{Entity: e}
		if x.KeyResult, err = catalog.Spec[KeyResult](e); err != nil {
			return err
		}
		ref, _ := x.objective(e)
		if o := objectives[ref]; o != nil {
			x.of = o
			o.Results = append(o.Results, x)
		}
		x.status, err = statusOf[KeyResultStatus](e)
		return err
	})
	slices.SortStableFunc(b.Cycles, func(x, y *cycle) int {
		return cmp.Or(strings.Compare(x.Start, y.Start), strings.Compare(x.End, y.End), strings.Compare(x.Metadata.Name, y.Metadata.Name))
	})
	return b, err
}

// cycle returns the cycle of a name, or of a title; nil when there is none.
func (b *board) cycle(name string) *cycle {
	for _, c := range b.Cycles {
		if shortOf(c.Ref()) == name || c.DisplayTitle() == name {
			return c
		}
	}
	return nil
}

// current returns the cycle that a page shows when none is asked for: the one
// that runs today, else the last that is open, else the last.
func (b *board) current(now time.Time) *cycle {
	var best *cycle
	rank := func(c *cycle) int {
		switch {
		case c.State == Running && c.span != nil && c.span.Day(now) >= 1 && c.span.Day(now) <= c.span.Days():
			return 4
		case c.State == Running:
			return 3
		case c.State == InReview:
			return 2
		case c.State == Planning:
			return 1
		}
		return 0
	}
	for _, c := range b.Cycles {
		if best == nil || rank(c) >= rank(best) {
			best = c
		}
	}
	return best
}

// nameOf makes a text fit for a name: accents are folded, what cannot stand in
// a name becomes a hyphen. It is "" when nothing is left.
func nameOf(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range norm.NFD.String(strings.ToLower(s)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
		default:
			gap = true
		}
	}
	return strings.Trim(cut(b.String(), 80), "-")
}

// cut shortens a text of ASCII.
func cut(s string, n int) string { return s[:min(len(s), n)] }
