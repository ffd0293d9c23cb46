package operations

import (
	"html/template"
	"net/url"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

func partCard() web.Card {
	return web.Card{ID: "part", Kinds: software, Slot: web.Side, Order: 60, Title: "operations.part", Template: "part.html", Flush: true, Load: loadPart,
		Replaces: []string{"spec.system", "spec.subcomponentOf", "spec.domain", "spec.subdomainOf"}}
}

// maxChain is how many steps up are shown; more is a circle.
const maxChain = 12

// loadPart draws what a thing is a part of, from the outermost domain down, and
// for what is no system or domain the parts it has.
func loadPart(c *web.Ctx, e *entity.Entity) (any, error) {
	chain, err := above(c, e.Ref())
	if err != nil {
		return nil, err
	}
	me := branch(c, thing{Ref: e.Ref(), Title: e.DisplayTitle()})
	me.Current, me.Href = true, ""
	if e.Kind != "System" && e.Kind != "Domain" {
		parts, err := c.Related(e.Ref(), "hasPart")
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			me.Children = append(me.Children, branch(c, p))
		}
	}
	if len(chain)+len(me.Children) == 0 {
		return nil, nil
	}
	for _, t := range chain {
		up := branch(c, t)
		up.Children = []chart.Branch{me}
		me = up
	}
	tree := chart.Tree{Name: c.T("operations.part"), Roots: []chart.Branch{me}, Words: c.App.ChartWords(c)}
	return template.HTML(tree.HTML()), nil
}

// above returns what a thing is a part of, the nearest first. Where there are
// two ways up, the larger component goes before the system.
func above(c *web.Ctx, ref entity.Ref) ([]thing, error) {
	var chain []thing
	seen := map[entity.Ref]bool{ref: true}
	for len(chain) < maxChain {
		up, err := c.Related(ref, "partOf")
		if err != nil || len(up) == 0 {
			return chain, err
		}
		next := up[0]
		for _, t := range up {
			if t.Ref.Kind == "component" {
				next = t
			}
		}
		if seen[next.Ref] {
			return chain, nil
		}
		seen[next.Ref] = true
		chain = append(chain, next)
		if next.Missing {
			return chain, nil
		}
		ref = next.Ref
	}
	return chain, nil
}

func branch(c *web.Ctx, t thing) chart.Branch {
	b := chart.Branch{Name: t.Title, Href: t.Href}
	if k := c.Catalog().Kinds().Get(t.Ref.Kind); k != nil {
		b.Sub, b.Icon = c.In(k.Title), "i-"+k.Icon
	}
	if t.Missing {
		b.Sub, b.State, b.Icon = c.T("operations.gone"), chart.Bad, "s-bad"
	}
	return b
}

func partsCard() web.Card {
	return web.Card{ID: "parts", Kinds: []string{"System", "Domain"}, Slot: web.Main, Order: 50, Title: "operations.parts", Template: "parts.html", Flush: true, Load: loadParts,
		Replaces: []string{"neighbours", "relations"}}
}

// partGroup is the parts of one kind.
type partGroup struct {
	Title string
	Rows  []partRow
	Total int
	Href  string // the list of all of them
}

type partRow struct {
	thing
	Lifecycle badge
	Owner     *thing
}

// maxParts is how many parts of one kind are shown.
const maxParts = 100

// partFields says by which field the parts of a system or domain name it.
var partFields = []struct{ whole, kind, field string }{
	{"Domain", "Domain", "spec.subdomainOf"}, {"Domain", "System", "spec.domain"},
	{"System", "Component", "spec.system"}, {"System", "API", "spec.system"}, {"System", "Resource", "spec.system"},
}

func loadParts(c *web.Ctx, e *entity.Entity) (any, error) {
	var groups []partGroup
	for _, f := range partFields {
		if f.whole != e.Kind {
			continue
		}
		page, err := c.Catalog().List(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{f.kind}, Fields: map[string][]string{f.field: {e.Ref().String()}}, Sort: "title", Limit: maxParts})
		if err != nil {
			return nil, err
		}
		rows, err := partRows(c, page.Items)
		if err != nil {
			return nil, err
		}
		if k := c.Catalog().Kinds().Get(f.kind); len(rows) > 0 {
			groups = append(groups, partGroup{c.In(k.Titles), rows, page.Total, "/" + k.Plural + "?" + url.Values{f.field: {e.Ref().String()}}.Encode()})
		}
	}
	return groups, nil
}

// partRows names the parts and, all at once, their owners.
func partRows(c *web.Ctx, es []*entity.Entity) ([]partRow, error) {
	owners, err := ownersOf(c, es)
	if err != nil {
		return nil, err
	}
	rows := make([]partRow, len(es))
	for i, e := range es {
		rows[i] = partRow{thing: c.Thing(e), Owner: owners[e.Ref()]}
		if l := commonOf(e).Lifecycle; l != "" {
			rows[i].Lifecycle = badge{lifecycleState(l), c.Label(c.Catalog().Kinds().Get(e.Kind), "spec.lifecycle", l)}
		}
	}
	return rows, nil
}

// ownersOf looks up who answers for entities; those that name nobody have none.
func ownersOf(c *web.Ctx, es []*entity.Entity) (map[entity.Ref]*thing, error) {
	var written []web.Written
	for _, e := range es {
		if text := commonOf(e).Owner; text != "" {
			written = append(written, web.Written{In: e, Text: text, Kind: "group"})
		}
	}
	things, err := c.Named(written)
	if err != nil {
		return nil, err
	}
	out := map[entity.Ref]*thing{}
	for i, w := range written {
		out[w.In.Ref()] = &things[i]
	}
	return out, nil
}
