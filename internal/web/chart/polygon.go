package chart

import (
	"html/template"
	"math"
	"strconv"
)

// Axis is one spoke of a Polygon. NaN is missing.
type Axis struct {
	Label, Sub, Tip string
	Now, Want, Was  float64
}

// Polygon compares what is with what was and what is wanted over several
// axes, on levels 0 to Max.
type Polygon struct {
	Name   string
	Axes   []Axis
	Max    int // the outermost level; less than 1 is 5
	Shapes Shapes
	Format Format
	Words  Words
}

// Shapes names the three lines of a Polygon, for its table.
type Shapes struct{ Axis, Now, Want, Was string }

const (
	polyX, polyY = 320.0, 296.0 // the centre
	polyR        = 216.0        // radius of the outermost level
)

// HTML draws the polygon as a figure.
func (p Polygon) HTML() template.HTML {
	if len(p.Axes) == 0 {
		return empty("", p.Name, p.Words)
	}
	if p.Max < 1 {
		p.Max = 5
	}
	var c canvas
	c.open("figure", "class", "chart")
	c.open("svg", "class", "fig polygon", "viewBox", "0 0 640 590", "role", "img", "aria-label", p.Name)
	p.web(&c)
	p.shape(&c, "was", func(a Axis) float64 { return a.Was })
	p.shape(&c, "want", func(a Axis) float64 { return a.Want })
	p.shape(&c, "now", func(a Axis) float64 { return a.Now })
	for k := 1; k <= p.Max; k++ {
		_, y := p.at(0, float64(k))
		c.leaf("text", strconv.Itoa(k), "class", "ring-n", "x", n(polyX+5), "y", n(y+4))
	}
	for i := range p.Axes {
		p.node(&c, i)
		p.label(&c, i)
	}
	c.end("svg")
	p.table(&c)
	c.end("figure")
	return c.html()
}

func (p Polygon) at(i int, v float64) (x, y float64) {
	a := -math.Pi/2 + 2*math.Pi*float64(i)/float64(len(p.Axes))
	r := polyR * v / float64(p.Max)
	return polyX + r*math.Cos(a), polyY + r*math.Sin(a)
}

func (p Polygon) web(c *canvas) {
	for k := 1; k <= p.Max; k++ {
		c.void("path", "class", "ring", "d", p.outline(func(Axis) float64 { return float64(k) }))
	}
	for i := range p.Axes {
		x, y := p.at(i, float64(p.Max))
		c.void("line", "class", "gl", "x1", n(polyX), "y1", n(polyY), "x2", n(x), "y2", n(y))
	}
}

// outline joins the values of neighbouring axes; where one is missing the
// line is open.
func (p Polygon) outline(f func(Axis) float64) string {
	var d route
	pen, whole := false, true
	for i, a := range p.Axes {
		v := f(a)
		if !finite(v) {
			pen, whole = false, false
			continue
		}
		x, y := p.at(i, clamp(v, 0, float64(p.Max)))
		if pen {
			d.line(x, y)
		} else {
			d.move(x, y)
		}
		pen = true
	}
	if whole {
		d.close()
	}
	return d.String()
}

func (p Polygon) shape(c *canvas, class string, f func(Axis) float64) {
	if d := p.outline(f); d != "" {
		c.void("path", "class", class, "d", d)
	}
}

func (p Polygon) node(c *canvas, i int) {
	a := p.Axes[i]
	if !finite(a.Now) {
		return
	}
	class := "node"
	if a.Now < a.Want {
		class = "node short"
	}
	x, y := p.at(i, clamp(a.Now, 0, float64(p.Max)))
	c.open("g", "class", class)
	c.void("circle", "cx", n(x), "cy", n(y), "r", "5")
	c.title(a.Tip)
	c.end("g")
}

func (p Polygon) label(c *canvas, i int) {
	x, y := p.at(i, float64(p.Max)*1.084)
	anchor := "middle"
	if x > polyX+20 {
		anchor = "start"
	} else if x < polyX-20 {
		anchor = "end"
	}
	if y < polyY-polyR*.9 {
		y -= 12
	} else if y > polyY+polyR*.9 {
		y += 8
	}
	c.open("text", "class", "ax-label", "x", n(x), "y", n(y), "text-anchor", anchor)
	c.text(p.Axes[i].Label)
	if p.Axes[i].Sub != "" {
		c.leaf("tspan", p.Axes[i].Sub, "class", "ax-sub", "x", n(x), "dy", "14")
	}
	c.end("text")
}

func (p Polygon) table(c *canvas) {
	var rows [][]string
	for _, a := range p.Axes {
		rows = append(rows, []string{a.Label, cell(a.Now, p.Format, p.Words), cell(a.Want, p.Format, p.Words), cell(a.Was, p.Format, p.Words)})
	}
	s := p.Shapes
	c.data(p.Words.table(p.Name), p.Name, []string{s.Axis, s.Now, s.Want, s.Was}, rows, true)
}
