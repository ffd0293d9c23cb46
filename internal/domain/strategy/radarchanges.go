package strategy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// changes is what an edition says otherwise than before.
type changes struct {
	Since string // the edition before; "" for the first one
	Lines []changeLine
	More  int
	Href  string // where all of them are
}

// changeLine is one technology that is new, moved, or gone.
type changeLine struct {
	Title, Href     string
	Kind, KindLabel string // in, out, new, gone
	From, To        string // rings
	Segment         string
}

// shownChanges is how many changes stand beside the radar.
const shownChanges = 16

// kinds of change, those that need a look first.
var changeOrder = []string{"out", "in", "new", "gone"}

// changes lists what the edition changed by the last known rings, and what it
// shows no more.
func (d *drawing) changes() {
	out := &changes{}
	for _, o := range d.blips {
		if o.Move == string(radarfile.Unchanged) || o.Move == "" {
			continue
		}
		out.Lines = append(out.Lines, changeLine{
			Title: o.name(), Href: d.line(o).Href, Kind: o.Move, KindLabel: moveLabel(d.c, o.Move), From: spoken(o.ringBefore(d.edition.name())), To: spoken(o.Entry.Ring), Segment: spoken(d.segments[o.Segment]),
		})
	}
	if d.before != nil {
		out.Since, out.Href = label(d.c, d.before), d.at("edition", d.shown(), "compare", d.before.name())+"#compare"
		out.Lines = append(out.Lines, d.gone(d.before)...)
	} else if len(out.Lines) == len(d.blips) {
		return // the first edition: everything is new, which says nothing
	}
	sortChanges(out.Lines)
	if n := len(out.Lines); n > shownChanges {
		out.Lines, out.More = out.Lines[:shownChanges], n-shownChanges
	}
	d.page.Changes = out
}

func sortChanges(lines []changeLine) {
	slices.SortStableFunc(lines, func(a, b changeLine) int {
		return cmp.Or(cmp.Compare(slices.Index(changeOrder, a.Kind), slices.Index(changeOrder, b.Kind)), strings.Compare(radarfile.Fold(a.Title), radarfile.Fold(b.Title)))
	})
}

// ringBefore returns the last known ring before an edition; "" when there is
// none.
func (t *technology) ringBefore(edition string) string {
	ring := ""
	for _, x := range t.Spec.Entries {
		if editionOf(t.Entity, x.Edition) == edition {
			return ring
		}
		ring = x.Ring
	}
	return ""
}

// gone lists what another edition shows and this one does not.
func (d *drawing) gone(other *edition) []changeLine {
	var out []changeLine
	for _, t := range d.board.Techs {
		was, now := t.on(other.name()), t.on(d.edition.name())
		if was == nil || was.Hidden || now != nil && !now.Hidden {
			continue
		}
		out = append(out, changeLine{Title: t.DisplayTitle(), Href: d.c.Href(t.Ref()), Kind: "gone", KindLabel: d.c.T("strategy.move.gone"), From: spoken(was.Ring), Segment: spoken(cmp.Or(was.Segment, t.Spec.Segment))})
	}
	return out
}

// comparison sets two editions beside each other.
type comparison struct {
	Choices []choice // editions to compare with
	Other   string   // the one compared; "" when none is
	Groups  []changeGroup
	Same    int
}

type changeGroup struct {
	Label string
	Lines []changeLine
}

// compare sets the edition beside the one the address names, by what each of
// them shows.
func (d *drawing) compare() error {
	if len(d.board.Editions) < 2 {
		return nil
	}
	name := d.c.Param("compare")
	cmpn := &comparison{}
	for _, ch := range d.page.Editions {
		if ch.Value != d.edition.name() {
			cmpn.Choices = append(cmpn.Choices, choice{Value: ch.Value, Label: ch.Label, On: ch.Value == name || name == "" && d.before != nil && ch.Value == d.before.name()})
		}
	}
	d.page.Compare = cmpn
	if name == "" {
		return nil
	}
	other := d.board.edition(name)
	if other == nil {
		return fault.New(fault.NotFound, "the radar has no edition %q", name).Coded("radar.no-edition").WithHint("the latest is %s", d.board.latest().name())
	}
	cmpn.Other = label(d.c, other)
	lines := d.gone(other)
	for _, o := range d.blips {
		line, changed := d.between(o, other)
		if changed {
			lines = append(lines, line)
		} else {
			cmpn.Same++
		}
	}
	sortChanges(lines)
	for _, kind := range changeOrder {
		g := changeGroup{Label: d.c.T("strategy.compare." + kind)}
		for _, l := range lines {
			if l.Kind == kind {
				g.Lines = append(g.Lines, l)
			}
		}
		if len(g.Lines) > 0 {
			cmpn.Groups = append(cmpn.Groups, g)
		}
	}
	return nil
}

// between tells how a technology of the edition differs from another edition.
func (d *drawing) between(o *onEdition, other *edition) (changeLine, bool) {
	line := changeLine{Title: o.name(), Href: d.line(o).Href, Kind: "new", To: spoken(o.Entry.Ring), Segment: spoken(d.segments[o.Segment])}
	was := o.on(other.name())
	if was == nil || was.Hidden {
		return line, true
	}
	line.From = spoken(was.Ring)
	before, now := d.depth(was.Ring), d.depth(o.Entry.Ring)
	switch {
	case now < before:
		line.Kind = "in"
	case now > before:
		line.Kind = "out"
	default:
		return line, false
	}
	return line, true
}

// depth is the place of a ring among those of all editions, from the centre.
func (d *drawing) depth(ring string) int {
	all := d.board.rings(d.rings)
	return slices.IndexFunc(all, func(r string) bool { return radarfile.FoldRing(r) == radarfile.FoldRing(ring) })
}
