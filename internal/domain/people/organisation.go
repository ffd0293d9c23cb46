package people

import (
	"html/template"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

func organisationPage() web.PageDef {
	return web.PageDef{ID: "organisation", Pattern: "/organisation", Verb: auth.Read, Template: "organisation.html", Handle: organisation}
}

// shownLoose is how many people without a group are named.
const shownLoose = 40

// orgPage is the organisation chart with what is wrong in it.
type orgPage struct {
	web.Shell
	Empty    bool
	Cut      bool
	Chart    template.HTML
	Figures  []figure
	Problems []problem
	Loose    []web.Thing // people in no group
	More     int
	People   bool // they are in the chart
}

type figure struct {
	Label, Href string
	N           int
	State       string
}

// problem is something in the organisation that its files say wrongly.
type problem struct{ State, Text, Href, Name string }

func organisation(c *web.Ctx) (any, error) {
	p := &orgPage{People: c.Param("people") != ""}
	p.Title = c.T("people.org")
	o, err := loadOrg(c, true)
	if err != nil {
		return nil, err
	}
	p.Cut = o.cut
	if p.Empty = len(o.groups) == 0; p.Empty {
		return p, nil
	}
	circles := o.circles()
	p.Problems = o.problems(circles)
	p.Chart = o.chart(circles, p.People)
	p.loose(o)
	p.Figures = []figure{
		{Label: c.T("people.f.groups"), Href: "/groups", N: len(o.groups)},
		{Label: c.T("people.f.people"), Href: "/people", N: len(o.people)},
		{Label: c.T("people.f.loose"), N: len(p.Loose) + p.More, State: warnIf(len(p.Loose) > 0)},
		{Label: c.T("people.f.problems"), N: len(p.Problems), State: warnIf(len(p.Problems) > 0)},
	}
	return p, nil
}

func warnIf(b bool) string {
	if b {
		return "is-warn"
	}
	return ""
}

func (p *orgPage) loose(o *org) {
	for _, e := range o.people {
		if len(o.in[e.Ref()]) > 0 {
			continue
		}
		if len(p.Loose) < shownLoose {
			p.Loose = append(p.Loose, o.c.Thing(e))
		} else {
			p.More++
		}
	}
}

// problems lists what does not fit together, the worst first.
func (o *org) problems(circles [][]entity.Ref) []problem {
	var out []problem
	for _, circle := range circles {
		names := make([]string, len(circle))
		for i, ref := range circle {
			names[i] = o.name(ref)
		}
		out = append(out, problem{"bad", o.c.T("people.p.circle", strings.Join(append(names, names[0]), " → ")), o.c.Href(circle[0]), names[0]})
	}
	for _, t := range o.missing {
		out = append(out, problem{"warn", o.c.T("people.p.missing", o.name(t.from), t.text), o.c.Href(t.from), o.name(t.from)})
	}
	for _, g := range o.groups {
		ref := g.Ref()
		if up := o.parents[ref]; len(up) > 1 {
			out = append(out, problem{"warn", o.c.T("people.p.parents", o.name(ref), o.name(up[0]), o.name(up[1])), o.c.Href(ref), o.name(ref)})
		}
	}
	total := o.totals()
	for _, g := range o.groups {
		if total[g.Ref()] == 0 {
			out = append(out, problem{"idle", o.c.T("people.p.empty", o.name(g.Ref())), o.c.Href(g.Ref()), o.name(g.Ref())})
		}
	}
	return out
}

// chart draws the groups, with their people when they are wanted. Where groups
// lie in a circle it is cut at one of them, which is marked.
func (o *org) chart(circles [][]entity.Ref, withPeople bool) template.HTML {
	total := o.totals()
	var items []chart.Item
	for _, g := range o.groups {
		ref := g.Ref()
		it := chart.Item{ID: ref.String(), Branch: chart.Branch{Name: g.DisplayTitle(), Sub: o.sub(ref, total[ref]), Href: o.c.Href(ref), Icon: "i-group"}}
		if up := o.parent(ref); up != (entity.Ref{}) {
			it.Parent = up.String()
		}
		if slices.ContainsFunc(circles, func(circle []entity.Ref) bool { return slices.Contains(circle, ref) }) {
			it.State, it.Icon = chart.Bad, "s-bad"
		}
		items = append(items, it)
		if withPeople {
			items = append(items, o.leaves(ref)...)
		}
	}
	roots := chart.Forest(items)
	slices.SortStableFunc(roots, func(a, b chart.Branch) int { return size(b) - size(a) })
	return chart.Tree{Name: o.c.T("people.org"), Roots: roots, Words: o.c.App.ChartWords(o.c)}.HTML()
}

// size counts the boxes of a branch, so that the largest tree stands first.
func size(b chart.Branch) int {
	n := 1
	for _, child := range b.Children {
		n += size(child)
	}
	return n
}

// sub is the second line of a group: how many people, and who leads it.
func (o *org) sub(ref entity.Ref, n int) string {
	text := o.c.T("people.count", n)
	s := o.specs[ref]
	if lead := o.refs(o.group[ref], "user", s.Leader); len(lead) > 0 && o.person[lead[0]] != nil {
		text += ", " + o.name(lead[0])
	}
	return text
}

func (o *org) leaves(group entity.Ref) []chart.Item {
	var items []chart.Item
	for _, p := range o.members[group] {
		e := o.person[p]
		if e == nil {
			continue
		}
		items = append(items, chart.Item{ID: p.String() + "@" + group.String(), Parent: group.String(),
			Branch: chart.Branch{Name: e.DisplayTitle(), Sub: roleOf(e), Href: o.c.Href(p), Icon: "i-user"}})
	}
	return items
}
