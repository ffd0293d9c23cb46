package operations

import (
	"html/template"
	"slices"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

func depsCard() web.Card {
	return web.Card{ID: "dependencies", Kinds: []string{"Component", "API", "Resource"}, Slot: web.Main, Order: 50, Title: "operations.deps", Template: "deps.html", Load: loadDeps,
		Replaces: []string{"neighbours", "relations", "spec.dependsOn", "spec.dependencyOf", "spec.providesApis", "spec.consumesApis"}}
}

// maxAPIs is how many APIs of one component are followed to their other side.
const maxAPIs = 40

// deps is who leans on a thing and what it leans on.
type deps struct {
	Chart template.HTML // "" when nothing is known
	Note  string        // what is wrong among what it leans on
	Href  string        // all relations
	Kind  string        // key of the hint when nothing is known
	in    []tie
	out   []tie
}

// tie is a neighbour and by what it is tied: nothing for a plain dependency,
// else the APIs between the two.
type tie struct {
	thing
	via        []string
	deprecated bool
}

func loadDeps(c *web.Ctx, e *entity.Entity) (any, error) {
	d := &deps{Href: c.Href(e.Ref()) + "/relations", Kind: "operations.deps.none"}
	if err := d.read(c, e.Ref()); err != nil {
		return nil, err
	}
	if len(d.in)+len(d.out) == 0 {
		return d, nil
	}
	for _, ties := range [][]tie{d.in, d.out} {
		if err := lifecycles(c, ties); err != nil {
			return nil, err
		}
	}
	d.Chart, d.Note = d.draw(c, e), d.note(c)
	return d, nil
}

// read collects the neighbours. What meets through an API is tied directly:
// the component that calls it and the one that offers it.
func (d *deps) read(c *web.Ctx, ref entity.Ref) error {
	for _, side := range []struct {
		to             *[]tie
		direct         []string
		byAPI, farSide string
	}{
		{&d.in, []string{"dependencyOf", "apiConsumedBy"}, "providesApi", "apiConsumedBy"},
		{&d.out, []string{"dependsOn", "apiProvidedBy"}, "consumesApi", "apiProvidedBy"},
	} {
		direct, err := c.Related(ref, side.direct...)
		if err != nil {
			return err
		}
		for _, t := range direct {
			add(side.to, t, "")
		}
		if err := throughAPIs(c, ref, side.to, side.byAPI, side.farSide); err != nil {
			return err
		}
	}
	return nil
}

// throughAPIs adds who stands on the other side of the APIs a component offers
// or calls. An API nobody offers is itself what the component leans on.
func throughAPIs(c *web.Ctx, ref entity.Ref, to *[]tie, byAPI, farSide string) error {
	apis, err := c.Related(ref, byAPI)
	if err != nil {
		return err
	}
	for i, api := range apis {
		var far []thing
		if i < maxAPIs && !api.Missing {
			if far, err = c.Related(api.Ref, farSide); err != nil {
				return err
			}
		}
		if len(far) == 0 && farSide == "apiProvidedBy" {
			add(to, api, "")
		}
		for _, t := range far {
			if t.Ref != ref {
				add(to, t, api.Title)
			}
		}
	}
	return nil
}

func add(to *[]tie, t thing, via string) {
	i := slices.IndexFunc(*to, func(o tie) bool { return o.Ref == t.Ref })
	if i < 0 {
		*to, i = append(*to, tie{thing: t}), len(*to)
	}
	if via != "" {
		(*to)[i].via = append((*to)[i].via, via)
	}
}

// lifecycles marks the neighbours that are on their way out.
func lifecycles(c *web.Ctx, ties []tie) error {
	for i := range ties {
		t := &ties[i]
		if t.Missing || t.Ref.Kind != "component" && t.Ref.Kind != "api" {
			continue
		}
		e, err := c.Find(t.Ref)
		if err != nil {
			return err
		}
		t.deprecated = e != nil && isDeprecated(commonOf(e).Lifecycle)
	}
	return nil
}

// note says what is wrong among what a thing leans on.
func (d *deps) note(c *web.Ctx) string {
	var old, gone []string
	for _, t := range d.out {
		switch {
		case t.Missing:
			gone = append(gone, t.Title)
		case t.deprecated:
			old = append(old, t.Title)
		}
	}
	switch {
	case len(gone) == 1:
		return c.T("operations.deps.gone.name", gone[0])
	case len(gone) > 1:
		return c.T("operations.deps.gone", len(gone))
	case len(old) == 1:
		return c.T("operations.deps.old.name", old[0])
	case len(old) > 1:
		return c.T("operations.deps.old", len(old))
	}
	return ""
}

func (d *deps) draw(c *web.Ctx, e *entity.Entity) template.HTML {
	me := thing{Ref: e.Ref(), Title: e.DisplayTitle()}
	dc := chart.Deps{
		Name: c.T("operations.deps.name", me.Title), Me: node(c, me, false),
		InTitle: c.T("operations.deps.in"), OutTitle: c.T("operations.deps.out"),
		Heads:  [3]string{c.T("operations.deps.from"), c.T("operations.deps.via"), c.T("operations.deps.to")},
		InMore: d.Href, OutMore: d.Href, Words: c.App.ChartWords(c),
	}
	dc.Me.Href = ""
	for _, t := range d.in {
		dc.In = append(dc.In, t.link(c, false))
	}
	for _, t := range d.out {
		dc.Out = append(dc.Out, t.link(c, true))
	}
	return dc.HTML()
}

func (t tie) link(c *web.Ctx, out bool) chart.Link {
	l := chart.Link{Node: node(c, t.thing, t.deprecated), Dash: t.Missing}
	if len(t.via) > 0 {
		l.Relation = t.via[0]
	}
	if len(t.via) > 1 {
		l.Relation = c.T("operations.deps.apis", len(t.via))
	}
	switch {
	case out && t.Missing:
		l.Edge = chart.Bad
	case out && t.deprecated:
		l.Edge = chart.Warn
	}
	return l
}

// node is a box of the drawing, marked when something is wrong with it.
func node(c *web.Ctx, t thing, deprecated bool) chart.Node {
	n := chart.Node{ID: t.Ref.String(), Name: t.Title, Sub: t.Sub, Href: t.Href}
	if k := c.Catalog().Kinds().Get(t.Ref.Kind); k != nil {
		n.Icon = "i-" + k.Icon
		if n.Sub == "" {
			n.Sub = c.In(k.Title)
		}
	}
	switch {
	case t.Missing:
		n.Sub, n.State, n.Icon, n.Outside = c.T("operations.gone"), chart.Bad, "s-bad", true
	case deprecated:
		n.Sub, n.State, n.Icon = c.T("operations.deprecated"), chart.Warn, "s-warn"
	}
	return n
}
