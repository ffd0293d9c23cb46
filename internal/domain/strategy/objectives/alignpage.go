package objectives

import (
	"cmp"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

// alignmentPage is how goals lead to each other, with what is missing.
type alignmentPage struct {
	web.Shell
	Cycles []choice
	Cycle  *cycleHead
	Roots  []branch
	Gaps   []gapLine
	Empty  bool
}

// branch is a goal with what leads to it.
type branch struct {
	Icon, Title, Href, Sub string
	State, Word            string
	Children               []branch
}

// gapLine is one thing that is missing.
type gapLine struct {
	Text        string
	Title, Href string
	Other       *web.Thing
}

func showAlignment(c *web.Ctx) (any, error) {
	b, err := loadBoard(c.R.Context(), c.Catalog(), c.Caller)
	if err != nil {
		return nil, err
	}
	p := &alignmentPage{}
	p.Title = c.T("okr.align.title")
	p.Crumbs = []web.Crumb{{Href: "/objectives", Label: c.T("okr.title")}}
	if p.Empty = len(b.Cycles) == 0; p.Empty {
		return p, nil
	}
	shown, err := chosenCycle(c, b)
	if err != nil {
		return nil, err
	}
	p.Cycle = headOf(c, shown)
	for _, x := range slices.Backward(b.Cycles) {
		p.Cycles = append(p.Cycles, choice{Value: shortOf(x.Ref()), Label: x.DisplayTitle(), On: x == shown})
	}
	t, err := treeOf(c, shown)
	if err != nil {
		return nil, err
	}
	p.Roots, p.Gaps = t.roots(), t.gaps(b)
	p.Empty = len(shown.Objectives) == 0 && len(p.Roots) == 0
	return p, nil
}

// goalTree is a cycle's goals under the pillars and visions they serve.
type goalTree struct {
	c       *web.Ctx
	cycle   *cycle
	visions []*entity.Entity
	pillars []pillar
	drawn   map[entity.Ref]bool
}

type pillar struct {
	*entity.Entity
	vision entity.Ref
}

func treeOf(c *web.Ctx, shown *cycle) (*goalTree, error) {
	t := &goalTree{c: c, cycle: shown, drawn: map[entity.Ref]bool{}}
	err := c.Catalog().Each(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{"Vision"}}, func(e *entity.Entity) error {
		t.visions = append(t.visions, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, c.Catalog().Each(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{"Pillar"}, Sort: "spec.order"}, func(e *entity.Entity) error {
		s, err := catalog.Spec[Pillar](e)
		ref, _ := entity.ParseRef(s.Vision, "vision", e.Metadata.Namespace)
		t.pillars = append(t.pillars, pillar{e, ref})
		return err
	})
}

// roots are the visions, the pillars that carry none of them, and the
// objectives that serve neither.
func (t *goalTree) roots() []branch {
	var out []branch
	known := map[entity.Ref]bool{}
	for _, v := range t.visions {
		known[v.Ref()] = true
		b := branch{Icon: "eye", Title: v.DisplayTitle(), Href: t.c.Href(v.Ref()), Sub: t.c.T("okr.align.vision")}
		for _, p := range t.pillars {
			if p.vision == v.Ref() {
				b.Children = append(b.Children, t.pillar(p))
			}
		}
		out = append(out, b)
	}
	for _, p := range t.pillars {
		if !known[p.vision] {
			out = append(out, t.pillar(p))
		}
	}
	for _, o := range t.cycle.Objectives {
		if t.top(o) && !t.under(o) {
			out = append(out, t.objective(o))
		}
	}
	for _, o := range t.cycle.Objectives { // what leads round in a circle
		if !t.drawn[o.Ref()] {
			out = append(out, t.objective(o))
		}
	}
	return out
}

func (t *goalTree) pillar(p pillar) branch {
	b := branch{Icon: "strategy", Title: p.DisplayTitle(), Href: t.c.Href(p.Ref()), Sub: t.c.T("okr.align.pillar")}
	for _, o := range t.cycle.Objectives {
		if o.pillar == p.Ref() && t.top(o) {
			b.Children = append(b.Children, t.objective(o))
		}
	}
	return b
}

// top reports whether nothing of the cycle stands above an objective.
func (t *goalTree) top(o *objective) bool {
	return !slices.ContainsFunc(t.cycle.Objectives, func(up *objective) bool {
		return up != o && (up.Ref() == o.parent || slices.ContainsFunc(up.Results, func(kr *result) bool { return kr.Ref() == o.parent }))
	})
}

// under reports whether a pillar that is there holds an objective.
func (t *goalTree) under(o *objective) bool {
	return slices.ContainsFunc(t.pillars, func(p pillar) bool { return p.Ref() == o.pillar })
}

func (t *goalTree) objective(o *objective) branch {
	t.drawn[o.Ref()] = true
	w := cmp.Or(o.status.Standing, string(okr.Unknown))
	s := standingOf(w)
	b := branch{Icon: "target", Title: o.DisplayTitle(), Href: t.c.Href(o.Ref()), State: stateClass(s, w == string(s)), Word: word(t.c, s)}
	if o.State == Draft {
		b.State, b.Word = "idle", t.c.T("okr.state.draft")
	}
	if o.status.Score != nil {
		b.Sub = t.c.T("okr.align.score", lang.Float(t.c.Lang, *o.status.Score, 2))
	}
	for _, kr := range o.Results {
		b.Children = append(b.Children, t.result(kr))
	}
	b.Children = append(b.Children, t.below(o.Ref())...)
	return b
}

func (t *goalTree) result(kr *result) branch {
	w := cmp.Or(kr.status.Standing, string(okr.Unknown))
	s := standingOf(w)
	b := branch{Icon: "probe", Title: kr.DisplayTitle(), Href: t.c.Href(kr.Ref()), State: stateClass(s, w == string(s)), Word: word(t.c, s)}
	if kr.status.Progress != nil {
		b.Sub = t.c.T("okr.align.progress", percent(*kr.status.Progress))
	}
	b.Children = t.below(kr.Ref())
	return b
}

// below are the objectives that lead to a goal.
func (t *goalTree) below(ref entity.Ref) []branch {
	var out []branch
	for _, o := range t.cycle.Objectives {
		if o.parent == ref && !t.drawn[o.Ref()] {
			out = append(out, t.objective(o))
		}
	}
	return out
}

// gaps lists what is missing in the cycle. What an objective leads to may stand
// in another one.
func (t *goalTree) gaps(b *board) []gapLine {
	var aims []okr.Aim
	var results []okr.Result
	things := map[string]web.Thing{}
	here := map[string]bool{}
	for _, x := range b.Cycles {
		for _, o := range x.Objectives {
			if o.State == Dropped {
				continue
			}
			id := o.Ref().String()
			things[id], here[id] = t.c.Thing(o.Entity), x == t.cycle
			a := okr.Aim{ID: id, Level: o.level(), Pillar: o.Pillar, Draft: o.State == Draft, KeyResults: len(o.Results)}
			if o.parent != (entity.Ref{}) {
				a.Parent = o.parent.String()
			}
			aims = append(aims, a)
			for _, kr := range o.Results {
				things[kr.Ref().String()], here[kr.Ref().String()] = t.c.Thing(kr.Entity), x == t.cycle
				r := okr.Result{ID: kr.Ref().String(), Aim: id}
				if ref, err := entity.ParseRef(kr.Measure, "measure", kr.Metadata.Namespace); err == nil && x == t.cycle {
					r.Number = ref.String()
				}
				results = append(results, r)
			}
		}
	}
	var out []gapLine
	for _, g := range okr.Gaps(aims, results) {
		if !here[g.ID] {
			continue
		}
		line := gapLine{Text: t.c.T("okr.gap." + string(g.Kind)), Title: things[g.ID].Title, Href: things[g.ID].Href}
		if other, ok := things[g.Other]; ok {
			line.Other = &other
		} else if g.Other != "" {
			line.Other = &web.Thing{Title: g.Other[strings.LastIndex(g.Other, "/")+1:], Missing: true}
		}
		out = append(out, line)
	}
	return out
}
