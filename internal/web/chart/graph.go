package chart

import (
	"cmp"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Graph is a small network around one thing, in columns by distance from it:
// what points toward the centre on its left, what it points to on its right.
// The same input gives the same drawing, whatever its order.
type Graph struct {
	Name   string // the finding in a sentence
	Centre string // id of the node in the middle; none: the node with most edges
	Nodes  []Node
	Edges  []Edge
	Depth  int       // columns on each side; less than 1 or more than 3 is 3
	Limit  int       // most nodes drawn, nearest first; less than 2 or more than 60 is 60
	Tall   int       // most nodes in a column, the rest counted in one more; less than 1 is 12
	More   string    // address behind the counted rest
	Heads  [3]string // of the table: from, relation, to; empty: no table
	Words  Words
}

// Edge ties two nodes of a Graph by their ids. One with an unknown end is not
// drawn.
type Edge struct {
	From, To string
	Relation string
	Class    string // colour "1" to "7" of the relation, named in a legend; none: plain
	Tip      string
	Dash     bool
	State    State
}

const (
	graphGap = 94.0 // between columns
	graphRow = 56.0
	manyRels = 24 // edges beyond which relations are in tooltips and legend only
)

// HTML draws the network as a figure; without nodes it says so.
func (g Graph) HTML() template.HTML {
	m := g.layout()
	if len(m.columns) == 0 {
		return empty("", g.Name, g.Words)
	}
	var c canvas
	wide(&c, g.Name)
	g.legend(&c, m)
	w, h := m.size()
	c.open("svg", "class", "fig deps graph", "width", n(w), "height", n(h), "viewBox", "0 0 "+n(w)+" "+n(h), "role", "none")
	for _, e := range m.edges {
		m.edge(&c, e)
	}
	m.relations(&c)
	for _, id := range m.order() {
		class := ""
		if id == m.centre {
			class = "me"
		}
		nodeBox(&c, m.at[id], class, g.Words)
	}
	c.end("svg")
	g.table(&c, m)
	c.end("figure")
	return c.html()
}

func (g Graph) legend(c *canvas, m *layout) {
	seen := make(map[string]string)
	var names []string
	for _, e := range m.edges {
		if e.Class != "" && e.Relation != "" && seen[e.Relation] == "" {
			seen[e.Relation] = key(e.Class)
			names = append(names, e.Relation)
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	c.open("figcaption")
	c.open("ul", "class", "legend")
	for _, name := range names {
		c.open("li", "class", "k"+seen[name])
		c.leaf("span", "", "class", "swatch swatch-line")
		c.leaf("span", name, "class", "soft")
		c.end("li")
	}
	c.end("ul")
	c.end("figcaption")
}

func (g Graph) table(c *canvas, m *layout) {
	var rows [][]string
	for _, e := range m.edges {
		rows = append(rows, []string{m.at[e.From].Name, e.Relation, m.at[e.To].Name})
	}
	edgeTable(c, g.Name, g.Heads, rows, g.Words)
}

// layout is where every node of a graph stands.
type layout struct {
	centre  string
	edges   []Edge
	level   map[string]int // column: negative is left of the centre
	beyond  map[string]int // the column that had no more room for a node
	columns [][]string     // ids, leftmost column first
	at      map[string]spotted
}

func (g Graph) layout() *layout {
	nodes := make(map[string]Node)
	for _, nd := range g.Nodes {
		if _, twice := nodes[nd.ID]; !twice {
			nodes[nd.ID] = nd
		}
	}
	m := &layout{level: make(map[string]int), beyond: make(map[string]int), at: make(map[string]spotted)}
	if len(nodes) == 0 {
		return m
	}
	edges := g.sound(nodes)
	m.centre = g.middle(nodes, edges)
	g.walk(m, edges)
	for _, e := range edges {
		_, a := m.level[e.From]
		_, b := m.level[e.To]
		if a && b {
			m.edges = append(m.edges, e)
		}
	}
	m.stack()
	m.sweep()
	g.rest(m, nodes)
	m.spread(nodes)
	return m
}

func (g Graph) depth() int {
	if g.Depth < 1 || g.Depth > 3 {
		return 3
	}
	return g.Depth
}

func (g Graph) limit() int {
	if g.Limit < 2 || g.Limit > 60 {
		return 60
	}
	return g.Limit
}

func (g Graph) tall() int {
	if g.Tall < 1 {
		return 12
	}
	return g.Tall
}

// sound are the edges with two known and different ends, in a fixed order.
func (g Graph) sound(nodes map[string]Node) []Edge {
	var out []Edge
	for _, e := range g.Edges {
		_, a := nodes[e.From]
		_, b := nodes[e.To]
		if a && b && e.From != e.To {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Edge) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), strings.Compare(a.Relation, b.Relation))
	})
	return slices.CompactFunc(out, func(a, b Edge) bool {
		return a.From == b.From && a.To == b.To && a.Relation == b.Relation
	})
}

func (g Graph) middle(nodes map[string]Node, edges []Edge) string {
	if _, ok := nodes[g.Centre]; ok {
		return g.Centre
	}
	count := make(map[string]int)
	for _, e := range edges {
		count[e.From]++
		count[e.To]++
	}
	best := ""
	for i, id := range sorted(nodes) {
		if i == 0 || count[id] > count[best] {
			best = id
		}
	}
	return best
}

func sorted[V any](m map[string]V) []string {
	ids := make([]string, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// walk gives each node its column, breadth first: the first step decides the
// side, further steps lead away from the centre. What finds no room is left
// out, the farthest first.
func (g Graph) walk(m *layout, edges []Edge) {
	m.level[m.centre] = 0
	held := make(map[int]int)
	front := []string{m.centre}
	for d := 1; d <= g.depth() && len(front) > 0; d++ {
		var next []string
		for _, id := range front {
			for _, s := range steps(edges, id) {
				if _, seen := m.level[s.id]; seen {
					continue
				}
				col := d * s.side
				if d > 1 {
					col = d * sign(m.level[id])
				}
				if held[col] >= g.tall() || len(m.level) >= g.limit() {
					m.beyond[s.id] = col
					continue
				}
				held[col]++
				m.level[s.id] = col
				next = append(next, s.id)
			}
		}
		front = next
	}
}

type pace struct {
	id   string
	side int
}

func steps(edges []Edge, id string) []pace {
	var out []pace
	for _, e := range edges {
		switch id {
		case e.From:
			out = append(out, pace{e.To, 1})
		case e.To:
			out = append(out, pace{e.From, -1})
		}
	}
	return out
}

func sign(v int) int {
	if v < 0 {
		return -1
	}
	return 1
}

// stack sorts the nodes into columns, by id within each.
func (m *layout) stack() {
	low, high := 0, 0
	for _, l := range m.level {
		low, high = min(low, l), max(high, l)
	}
	m.columns = make([][]string, high-low+1)
	for _, id := range sorted(m.level) {
		i := m.level[id] - low
		m.columns[i] = append(m.columns[i], id)
	}
}

// sweep moves each node next to the middle of its neighbours in the column
// nearer to the centre, which undoes most crossings.
func (m *layout) sweep() {
	middle := slices.IndexFunc(m.columns, func(col []string) bool { return slices.Contains(col, m.centre) })
	for i := middle + 1; i < len(m.columns); i++ {
		m.arrange(m.columns[i], m.columns[i-1])
	}
	for i := middle - 1; i >= 0; i-- {
		m.arrange(m.columns[i], m.columns[i+1])
	}
}

func (m *layout) arrange(col, inner []string) {
	rank := make(map[string]float64, len(inner))
	for i, id := range inner {
		rank[id] = float64(i)
	}
	mean := make(map[string]float64, len(col))
	for _, id := range col {
		sum, count := 0.0, 0.0
		for _, s := range steps(m.edges, id) {
			if r, ok := rank[s.id]; ok {
				sum, count = sum+r, count+1
			}
		}
		mean[id] = sum / math.Max(count, 1)
	}
	slices.SortStableFunc(col, func(a, b string) int {
		return cmp.Or(cmp.Compare(mean[a], mean[b]), strings.Compare(a, b))
	})
}

// rest adds to the foot of a column the node that counts what found no room
// in it, or beyond it.
func (g Graph) rest(m *layout, nodes map[string]Node) {
	low := 0
	for _, l := range m.level {
		low = min(low, l)
	}
	left := make([]int, len(m.columns))
	for id, col := range m.beyond {
		if _, placed := m.level[id]; !placed {
			left[min(max(col-low, 0), len(left)-1)]++
		}
	}
	for i, count := range left {
		if count == 0 {
			continue
		}
		id := restID + strconv.Itoa(i)
		nodes[id] = Node{Name: g.Words.more(count), Icon: "i-dots", Href: g.More, Outside: true}
		m.columns[i] = append(m.columns[i], id)
	}
}

const restID = "\x00rest" // no id of the caller

// spread gives every node its place, each column centred on the tallest.
func (m *layout) spread(nodes map[string]Node) {
	tall := 0
	for _, col := range m.columns {
		tall = max(tall, len(col))
	}
	for i, col := range m.columns {
		top := float64(tall-len(col)) * graphRow / 2
		for j, id := range col {
			m.at[id] = spotted{nodes[id], 2 + float64(i)*(nodeW+graphGap), top + float64(j)*graphRow + (graphRow-nodeH)/2}
		}
	}
}

func (m *layout) size() (w, h float64) {
	for _, s := range m.at {
		w, h = math.Max(w, s.x+nodeW), math.Max(h, s.y+nodeH)
	}
	if m.loops() {
		w += graphGap // arcs and their names beyond the last column
	}
	return w + 2, h + (graphRow-nodeH)/2
}

func (m *layout) loops() bool {
	return slices.ContainsFunc(m.edges, func(e Edge) bool { return m.level[e.From] == m.level[e.To] })
}

// order is that of reading: column by column, top to bottom.
func (m *layout) order() []string {
	var ids []string
	for _, col := range m.columns {
		ids = append(ids, col...)
	}
	return ids
}

// ends are the two points of an edge and the direction, 1 or -1, in which it
// leaves and arrives.
func (m *layout) ends(e Edge) (x1, y1, x2, y2, out, in float64) {
	a, b := m.at[e.From], m.at[e.To]
	y1, y2 = a.y+nodeH/2, b.y+nodeH/2
	switch {
	case m.level[e.From] < m.level[e.To]:
		return a.x + nodeW, y1, b.x, y2, 1, 1
	case m.level[e.From] > m.level[e.To]:
		return a.x, y1, b.x + nodeW, y2, -1, -1
	}
	return a.x + nodeW, y1, b.x + nodeW, y2, 1, -1
}

func (m *layout) edge(c *canvas, e Edge) {
	x1, y1, x2, y2, out, in := m.ends(e)
	bend := math.Max(math.Abs(x2-x1)*.43, 40)
	tip := e.Tip
	if tip == "" {
		tip = edgeTip(Link{Relation: e.Relation}, m.at[e.From].Name, m.at[e.To].Name)
	}
	class := edgeClass(e.State, e.Dash)
	if e.Class != "" {
		class += " s" + key(e.Class)
	}
	c.open("g", "class", "tie")
	c.title(tip)
	c.void("path", "class", class, "stroke-width", "1.5", "d", "M"+n(x1)+" "+n(y1)+
		"C"+n(x1+out*bend)+" "+n(y1)+" "+n(x2-in*(bend+6))+" "+n(y2)+" "+n(x2-in*6)+" "+n(y2))
	var d route
	d.move(x2, y2)
	d.line(x2-in*8, y2-4)
	d.line(x2-in*8, y2+4)
	d.close()
	c.void("path", "class", "tip-arrow", "d", d.String())
	c.end("g")
}

// relations writes the names of the relations beside the outer node of each
// edge, once per side of a node, unless there are too many to read. Between
// two nodes of one column there is room only beyond the last column.
func (m *layout) relations(c *canvas) {
	if len(m.edges) > manyRels {
		return
	}
	spots := make(map[[2]string][]string)
	var order [][2]string
	for _, e := range m.edges {
		if e.Relation == "" || m.cramped(e) {
			continue
		}
		k := m.relationSpot(e)
		if spots[k] == nil {
			order = append(order, k)
		}
		if !slices.Contains(spots[k], e.Relation) {
			spots[k] = append(spots[k], e.Relation)
		}
	}
	for _, k := range order {
		m.relation(c, k, strings.Join(spots[k], ", "))
	}
}

func (m *layout) cramped(e Edge) bool {
	last := m.columns[len(m.columns)-1]
	return m.level[e.From] == m.level[e.To] && !slices.Contains(last, e.To)
}

// relationSpot is the node, and its side, beside which a relation is written.
func (m *layout) relationSpot(e Edge) [2]string {
	a, b := m.level[e.From], m.level[e.To]
	switch {
	case a == b:
		return [2]string{e.To, "right"}
	case abs(a) > abs(b):
		return [2]string{e.From, side(a > b)}
	default:
		return [2]string{e.To, side(b > a)}
	}
}

func side(left bool) string {
	if left {
		return "left"
	}
	return "right"
}

func (m *layout) relation(c *canvas, k [2]string, text string) {
	s := m.at[k[0]]
	x, anchor := s.x-10, "end"
	if k[1] == "right" {
		x, anchor = s.x+nodeW+10, "start"
	}
	c.leaf("text", fit(text, 11, graphGap-18), "class", "rel", "x", n(x), "y", n(s.y+nodeH/2-6), "text-anchor", anchor)
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
