package catalog

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// RelationLimit is how many relations of each direction are returned.
const RelationLimit = 500

// Relations returns what an entity points at and what points at it, as far as
// the caller may read the other ends. References to what does not exist are
// returned with Exists false.
func (c *Catalog) Relations(ctx context.Context, caller Caller, ref entity.Ref) ([]Relation, error) {
	r, _, err := c.find(ctx, c.q(), caller, ref)
	if err != nil {
		return nil, err
	}
	edges, err := c.edges(ctx, caller, []int64{r.id}, RelationLimit)
	if err != nil {
		return nil, err
	}
	var out []Relation
	for _, e := range edges {
		out = append(out, e.seenFrom(c, r.id)...)
	}
	slices.SortStableFunc(out, func(a, b Relation) int {
		return cmp.Or(boolOrder(b.Out, a.Out), strings.Compare(a.Type, b.Type), strings.Compare(a.Ref, b.Ref))
	})
	return out, nil
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// edge is a stored reference with what is known of both ends.
type edge struct {
	from, to end
	relation string
	field    string
}

// end is one end of an edge; id 0 means that it does not exist.
type end struct {
	id    int64
	ref   string
	title string
	sub   string
}

func (e end) kind() string {
	kind, _, _ := strings.Cut(e.ref, ":")
	return kind
}

// seenFrom returns the edge as relations of the entity id: one, or two when it
// points at itself.
func (e edge) seenFrom(c *Catalog, id int64) []Relation {
	var out []Relation
	if e.from.id == id {
		out = append(out, c.relation(e.relation, e.field, e.to, true))
	}
	if e.to.id == id {
		out = append(out, c.relation(c.inverse(e), e.field, e.from, false))
	}
	return out
}

func (c *Catalog) relation(kind, field string, other end, out bool) Relation {
	r := Relation{Type: kind, Field: field, Ref: other.ref, Kind: other.kind(), Title: other.title, Sub: other.sub, Out: out, Exists: other.id != 0}
	if k := c.kinds.Get(r.Kind); k != nil {
		r.Kind = k.Name
	}
	return r
}

// inverse returns the name of an edge from its far end.
func (c *Catalog) inverse(e edge) string {
	if k := c.kinds.Get(e.from.kind()); k != nil {
		if f := k.Field(e.field); f != nil && f.Inverse != "" {
			return f.Inverse
		}
	}
	if f := findField(metaFields, e.field); f != nil && f.Inverse != "" {
		return f.Inverse
	}
	return e.relation
}

// edges returns the references that begin or end at the entities, at most limit
// of each direction.
func (c *Catalog) edges(ctx context.Context, caller Caller, ids []int64, limit int) ([]edge, error) {
	args := sqldb.Args(ids)
	const columns = `SELECT l.type, l.field, l.target, f.id, f.ref, f.doc, t.id, t.ref, t.doc FROM relations l JOIN entities f ON f.id = l.id LEFT JOIN entities t ON t.id = l.target_id WHERE `
	in := sqldb.In(len(ids))
	out, err := c.scanEdges(ctx, caller, columns+`l.id IN `+in+` ORDER BY l.type, l.target LIMIT ?`, append(slices.Clone(args), limit))
	if err != nil {
		return nil, err
	}
	back, err := c.scanEdges(ctx, caller, columns+`l.target_id IN `+in+` AND l.id NOT IN `+in+` ORDER BY l.type, f.ref LIMIT ?`, append(append(slices.Clone(args), args...), limit))
	return append(out, back...), err
}

func (c *Catalog) scanEdges(ctx context.Context, caller Caller, query string, args []any) ([]edge, error) {
	allowed := c.readable(caller)
	var out []edge
	err := sqldb.Each(ctx, c.q(), func(r sqldb.Row) error {
		var e edge
		var target string
		var toID sql.NullInt64
		var toRef sql.NullString
		var fromDoc, toDoc []byte
		if err := r.Scan(&e.relation, &e.field, &target, &e.from.id, &e.from.ref, &fromDoc, &toID, &toRef, &toDoc); err != nil {
			return err
		}
		e.from.describe(fromDoc)
		e.to = end{id: toID.Int64, ref: cmp.Or(toRef.String, target)}
		e.to.describe(toDoc)
		if slices.Contains(allowed, e.from.kind()) && (e.to.id == 0 || slices.Contains(allowed, e.to.kind())) {
			out = append(out, e)
		}
		return nil
	}, query, args...)
	return out, err
}

// describe reads the title and the type of an end from its document.
func (e *end) describe(doc []byte) {
	var d struct {
		Metadata struct{ Title, Name string }
		Spec     struct {
			Type    string
			Profile struct{ DisplayName string }
		}
	}
	if len(doc) == 0 || json.Unmarshal(doc, &d) != nil {
		return
	}
	e.title, e.sub = cmp.Or(d.Metadata.Title, strings.TrimSpace(d.Spec.Profile.DisplayName), d.Metadata.Name), d.Spec.Type
}

// Neighbourhood returns the entities up to depth references away, at most most
// of them (the centre included), and the references between them.
func (c *Catalog) Neighbourhood(ctx context.Context, caller Caller, ref entity.Ref, depth, most int) (*Graph, error) {
	r, k, err := c.find(ctx, c.q(), caller, ref)
	if err != nil {
		return nil, err
	}
	e, err := r.entity()
	if err != nil {
		return nil, err
	}
	centre := end{id: r.id, ref: r.ref, title: e.DisplayTitle()}
	centre.describe(r.doc)
	g := &neighbourhood{c: c, at: map[string]int{}, edges: map[Edge]bool{}, most: most}
	g.visit(centre, k.Name, 0)
	frontier := []int64{r.id}
	for d := 1; d <= depth && len(frontier) > 0; d++ {
		if frontier, err = g.step(ctx, caller, frontier, d); err != nil {
			return nil, err
		}
	}
	return &g.graph, nil
}

// neighbourhood grows a graph ring by ring.
type neighbourhood struct {
	c     *Catalog
	graph Graph
	at    map[string]int
	edges map[Edge]bool
	most  int
}

func (g *neighbourhood) visit(e end, kind string, depth int) bool {
	if _, ok := g.at[e.ref]; ok {
		return true
	}
	if len(g.graph.Nodes) >= g.most {
		return false
	}
	g.at[e.ref] = len(g.graph.Nodes)
	g.graph.Nodes = append(g.graph.Nodes, Node{Ref: e.ref, Kind: kind, Title: cmp.Or(e.title, nameOf(e.ref)), Sub: e.sub, Depth: depth, Exists: e.id != 0})
	return true
}

func nameOf(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }

func (g *neighbourhood) step(ctx context.Context, caller Caller, frontier []int64, depth int) ([]int64, error) {
	edges, err := g.c.edges(ctx, caller, frontier, RelationLimit)
	if err != nil {
		return nil, err
	}
	var next []int64
	left := map[string]bool{}
	for _, e := range edges {
		for _, n := range []end{e.from, e.to} {
			_, known := g.at[n.ref]
			kind := n.kind()
			if k := g.c.kinds.Get(kind); k != nil {
				kind = k.Name
			}
			if !g.visit(n, kind, depth) {
				left[n.ref] = true
			} else if !known && n.id != 0 {
				next = append(next, n.id)
			}
		}
		g.connect(e)
	}
	g.graph.More += len(left)
	return next, nil
}

func (g *neighbourhood) connect(e edge) {
	_, from := g.at[e.from.ref]
	_, to := g.at[e.to.ref]
	edge := Edge{From: e.from.ref, To: e.to.ref, Type: e.relation}
	if from && to && !g.edges[edge] {
		g.edges[edge] = true
		g.graph.Edges = append(g.graph.Edges, edge)
	}
}

// Dangling returns references to what does not exist, as relations of their
// holders: Ref is the missing end and Title the holder's reference.
func (c *Catalog) Dangling(ctx context.Context, caller Caller, limit int) ([]Relation, error) {
	allowed := c.readable(caller)
	var out []Relation
	err := sqldb.Each(ctx, c.q(), func(s sqldb.Row) error {
		var holder string
		r := Relation{Out: true}
		if err := s.Scan(&r.Type, &r.Field, &r.Ref, &holder); err != nil {
			return err
		}
		r.Kind, r.Title = end{ref: r.Ref}.kind(), holder
		if slices.Contains(allowed, (end{ref: holder}).kind()) {
			out = append(out, r)
		}
		return nil
	}, `SELECT l.type, l.field, l.target, f.ref FROM relations l JOIN entities f ON f.id = l.id WHERE l.org = ? AND l.target_id IS NULL ORDER BY l.target, f.ref LIMIT ?`, caller.Org, limit)
	return out, err
}
