package web

import (
	"html/template"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

// graphLimit is how many neighbours the graph draws.
const graphLimit = 60

// relationsPage shows what an entity is tied to, as lists and as a graph.
type relationsPage struct {
	record
	Groups []relationGroup
	Graph  template.HTML
	Depth  int
	Depths []option
	More   int
}

func relations(c *Ctx, k *catalog.Kind) (any, error) {
	r, moved, err := c.open(k, "relations")
	if err != nil || moved != nil {
		return orRedirect(moved), err
	}
	p := &relationsPage{record: *r, Depth: min(max(c.IntParam("depth", 2), 1), 3)}
	p.Short = c.T("tab.relations")
	for d := 1; d <= 3; d++ {
		p.Depths = append(p.Depths, option{Value: c.with("depth", itoa(int64(d))), Label: c.T("relations.steps", d), On: d == p.Depth})
	}
	ctx, ref := c.R.Context(), r.Entity.Ref()
	rels, err := c.Catalog().Relations(ctx, c.Caller, ref)
	if err != nil {
		return nil, err
	}
	p.Groups = c.groups(rels, 0)
	if len(rels) == 0 {
		return p, nil
	}
	g, err := c.Catalog().Neighbourhood(ctx, c.Caller, ref, p.Depth, graphLimit)
	if err != nil {
		return nil, err
	}
	p.More = g.More
	p.Graph = c.graph(g, titleOf(r.Entity), p.Depth)
	return p, nil
}

func (c *Ctx) graph(g *catalog.Graph, title string, depth int) template.HTML {
	drawn := chart.Graph{Name: c.T("graph.name", title), Depth: depth, Limit: graphLimit, Words: c.chartWords(),
		Heads: [3]string{c.T("graph.from"), c.T("graph.relation"), c.T("graph.to")}}
	for i, n := range g.Nodes {
		if i == 0 {
			drawn.Centre = n.Ref
		}
		drawn.Nodes = append(drawn.Nodes, c.node(n.Ref, n.Kind, n.Title, n.Sub, n.Exists))
	}
	exists := map[string]bool{}
	for _, n := range g.Nodes {
		exists[n.Ref] = n.Exists
	}
	for _, e := range g.Edges {
		drawn.Edges = append(drawn.Edges, chart.Edge{From: e.From, To: e.To, Relation: c.relationName(e.Type), Dash: !exists[e.To]})
	}
	return drawn.HTML()
}
