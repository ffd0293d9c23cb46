package chart

import (
	"html/template"
	"math"
	"strconv"
)

// Node is a box in Deps and Graph.
type Node struct {
	ID      string // what edges refer to; in Deps it may stay empty
	Name    string
	Sub     string // a second, quiet line
	State   State
	Icon    string // id of an icon instead of that of the state, as "i-db"
	Href    string
	Tip     string // none: Name and Sub, which may be shortened in the box
	Outside bool   // belongs to somebody else: drawn dashed
}

// State is how a thing fares; "" is not known and has no mark.
type State string

// The states, as the stylesheet knows them.
const (
	OK   State = "ok"
	Warn State = "warn"
	Bad  State = "bad"
	Info State = "info"
	Idle State = "idle"
)

func (s State) known() bool {
	switch s {
	case OK, Warn, Bad, Info, Idle:
		return true
	}
	return false
}

// Link is a neighbour in Deps and how it is tied to the centre.
type Link struct {
	Node
	Relation string  // written at the edge
	Note     string  // the tooltip of the edge; none: Relation
	Weight   float64 // 0 to 1: how thick the edge is
	Dash     bool    // events rather than calls
	Edge     State   // Warn and Bad colour the edge
}

// Deps is the neighbourhood of one thing: who points at it on the left, what
// it points to on the right.
type Deps struct {
	Name     string // the finding in a sentence
	Me       Node
	In, Out  []Link
	InTitle  string // above the left column, as "calls payments"
	MeTitle  string
	OutTitle string
	Limit    int    // most nodes on one side, the rest counted in one more; less than 2 is 8
	InMore   string // address behind the counted rest
	OutMore  string
	Heads    [3]string // of the table: from, relation, to; empty: no table
	Words    Words
}

const (
	nodeW, nodeH = 178.0, 44.0
	depsW        = 800.0
	depsTop      = 24.0 // room for the titles
	depsRow      = 56.0
)

// HTML draws the neighbourhood as a figure.
func (d Deps) HTML() template.HTML {
	if d.Limit < 2 {
		d.Limit = 8
	}
	in, out := d.wrap(d.In, d.InMore), d.wrap(d.Out, d.OutMore)
	h := depsTop + depsRow*math.Max(float64(max(len(in), len(out))), 1)
	var c canvas
	wide(&c, d.Name)
	c.open("svg", "class", "fig deps", "viewBox", "0 0 "+n(depsW)+" "+n(h), "role", "none")
	me := spotted{d.Me, (depsW - nodeW) / 2, depsTop + (h-depsTop-nodeH)/2}
	left, right := column(in, 2, h), column(out, depsW-nodeW-2, h)
	for i, l := range in {
		edge(&c, l, left[i], me, l.Name, d.Me.Name)
	}
	for i, l := range out {
		edge(&c, l, me, right[i], d.Me.Name, l.Name)
	}
	d.nodes(&c, left, me, right)
	c.end("svg")
	d.table(&c)
	c.end("figure")
	return c.html()
}

// wide opens a figure that scrolls sideways where it is too wide, with the
// keys too.
func wide(c *canvas, name string) {
	c.open("figure", "class", "chart chart-wide", "role", "group", "aria-label", name, "tabindex", "0")
}

func (d Deps) nodes(c *canvas, left []spotted, me spotted, right []spotted) {
	for _, s := range left {
		nodeBox(c, s, "", d.Words)
	}
	nodeBox(c, me, "me", d.Words)
	for _, s := range right {
		nodeBox(c, s, "", d.Words)
	}
	titles := []struct {
		text string
		x, y float64
		any  bool
	}{
		{d.InTitle, 2, 11, len(left) > 0},
		{d.MeTitle, me.x, me.y - 9, true},
		{d.OutTitle, depsW - nodeW - 2, 11, len(right) > 0},
	}
	for _, t := range titles {
		if t.text != "" && t.any {
			c.leaf("text", t.text, "class", "col-title", "x", n(t.x), "y", n(t.y))
		}
	}
}

// wrap counts what is beyond the limit in one last node.
func (d Deps) wrap(links []Link, href string) []Link {
	if len(links) <= d.Limit {
		return links
	}
	rest := len(links) - (d.Limit - 1)
	more := Link{Node: Node{Name: d.Words.more(rest), Href: href, Icon: "i-dots", Outside: true}, Dash: true}
	return append(links[:d.Limit-1:d.Limit-1], more)
}

// spotted is a node and its upper left corner.
type spotted struct {
	Node
	x, y float64
}

func column(links []Link, x, h float64) []spotted {
	out := make([]spotted, len(links))
	step := (h - depsTop) / math.Max(float64(len(links)), 1)
	for i, l := range links {
		out[i] = spotted{l.Node, x, depsTop + step*float64(i) + (step-nodeH)/2}
	}
	return out
}

// edge draws a link from the right side of one box to the left side of
// another, with its relation written beside the neighbour.
func edge(c *canvas, l Link, a, b spotted, from, to string) {
	x1, y1, x2, y2 := a.x+nodeW, a.y+nodeH/2, b.x, b.y+nodeH/2
	bend := (x2 - x1) * .43
	c.open("path", "class", edgeClass(l.Edge, l.Dash), "stroke-width", n(1.5+3*clamp(l.Weight, 0, 1)),
		"d", "M"+n(x1)+" "+n(y1)+"C"+n(x1+bend)+" "+n(y1)+" "+n(x2-bend)+" "+n(y2)+" "+n(x2)+" "+n(y2))
	c.title(edgeTip(l, from, to))
	c.end("path")
	if l.Relation == "" {
		return
	}
	x, y, anchor := x1+6, y1-5, "start"
	if b.x > depsW/2 {
		x, y, anchor = x2-6, y2-5, "end"
	}
	c.leaf("text", fit(l.Relation, 11, x2-x1-30), "class", "rel", "x", n(x), "y", n(y), "text-anchor", anchor)
}

func edgeTip(l Link, from, to string) string {
	if l.Note != "" {
		return l.Note
	}
	if l.Relation == "" {
		return from + " → " + to
	}
	return from + " → " + to + "\n" + l.Relation
}

func edgeClass(s State, dash bool) string {
	class := "edge"
	if s == Warn || s == Bad {
		class += " edge-" + string(s)
	}
	if dash {
		class += " edge-async"
	}
	return class
}

// nodeBox draws a box; its name is shortened to fit and whole in the tooltip.
func nodeBox(c *canvas, s spotted, class string, w Words) {
	tag, class := "g", join("node-box", class)
	if s.Href != "" {
		tag = "a"
	}
	if s.State.known() {
		class += " node-" + string(s.State)
	}
	if s.Outside {
		class += " ext"
	}
	c.open(tag, "class", class, "href", s.Href)
	c.title(nodeTip(s.Node))
	c.void("rect", "x", n(s.x), "y", n(s.y), "width", n(nodeW), "height", n(nodeH), "rx", "6")
	textX := s.x + 12
	if icon := nodeIcon(s.Node); icon != "" {
		c.void("use", "href", w.icon(icon), "class", "icon", "x", n(s.x+10), "y", n(s.y+14.5), "width", "15", "height", "15")
		textX = s.x + 33
	}
	y, room := s.y+26.5, s.x+nodeW-8-textX // names are bold, which takes more room than their size says
	if s.Sub != "" {
		y = s.y + 19
		c.leaf("text", fit(s.Sub, 11.5, room), "class", "ns", "x", n(textX), "y", n(s.y+34))
	}
	c.leaf("text", fit(s.Name, 15, room), "class", "nn", "x", n(textX), "y", n(y))
	c.end(tag)
}

func nodeTip(s Node) string {
	switch {
	case s.Tip != "":
		return s.Tip
	case s.Sub != "":
		return s.Name + "\n" + s.Sub
	}
	return s.Name
}

func nodeIcon(s Node) string {
	if s.Icon != "" {
		return s.Icon
	}
	if s.State.known() {
		return "s-" + string(s.State)
	}
	return ""
}

func (d Deps) table(c *canvas) {
	var rows [][]string
	for _, l := range d.In {
		rows = append(rows, []string{l.Name, l.Relation, d.Me.Name})
	}
	for _, l := range d.Out {
		rows = append(rows, []string{d.Me.Name, l.Relation, l.Name})
	}
	edgeTable(c, d.Name, d.Heads, rows, d.Words)
}

func edgeTable(c *canvas, name string, heads [3]string, rows [][]string, w Words) {
	if heads == [3]string{} || len(rows) == 0 {
		return
	}
	c.data(w.table(name)+" ("+strconv.Itoa(len(rows))+")", name, heads[:], rows, false)
}
