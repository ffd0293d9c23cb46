package chart

import (
	"html/template"
	"math"
)

// Spark is one small line. The number beside it carries the meaning, so it is
// hidden from screen readers.
type Spark struct {
	Y      []float64
	Target *float64 // dotted line; nil: none
	State  string   // "bad", "quiet" or nothing
	Tip    string
}

const (
	sparkW, sparkH = 88.0, 28.0
	sparkEnd       = 84.0 // where the last point stands, so that its dot fits
)

// HTML draws the line, or an empty frame of the same size without data.
func (s Spark) HTML() template.HTML {
	var c canvas
	c.open("svg", "class", join("spark", sparkState(s.State)), "viewBox", "0 0 88 28", "aria-hidden", "true")
	c.title(s.Tip)
	at := Series{Y: s.Y}.at
	rs := runs(len(s.Y), at)
	if len(rs) > 0 {
		s.draw(&c, at, rs)
	}
	c.end("svg")
	return c.html()
}

func sparkState(state string) string {
	if state == "bad" || state == "quiet" {
		return "spark-" + state
	}
	return ""
}

func (s Spark) draw(c *canvas, at func(int) float64, rs [][2]int) {
	y := s.scale(rs)
	x := func(i int) float64 {
		if len(s.Y) < 2 {
			return sparkEnd
		}
		return float64(i) / float64(len(s.Y)-1) * sparkEnd
	}
	var d, ground route
	for _, r := range rs {
		letter := "M"
		for i := r[0]; i <= r[1]; i++ {
			d.step(letter, x(i), y(at(i)))
			ground.step(letter, x(i), y(at(i)))
			letter = "L"
		}
		ground.line(x(r[1]), sparkH)
		ground.line(x(r[0]), sparkH)
		ground.close()
	}
	c.void("path", "class", "area", "d", ground.String())
	if s.Target != nil && finite(*s.Target) {
		c.void("line", "x1", "0", "x2", n(sparkW), "y1", n(y(*s.Target)), "y2", n(y(*s.Target)))
	}
	c.void("path", "d", d.String())
	last := rs[len(rs)-1][1]
	c.void("circle", "cx", n(x(last)), "cy", n(y(at(last))), "r", "2.75")
}

// scale maps values to px, with a little air above and below.
func (s Spark) scale(rs [][2]int) func(float64) float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	take := func(v float64) { lo, hi = math.Min(lo, v), math.Max(hi, v) }
	for _, r := range rs {
		for _, v := range s.Y[r[0] : r[1]+1] {
			take(v)
		}
	}
	if s.Target != nil && finite(*s.Target) {
		take(*s.Target)
	}
	if hi == lo {
		lo, hi = lo-1, hi+1
	}
	pad := (hi - lo) * .12
	lo, hi = lo-pad, hi+pad
	return func(v float64) float64 { return clamp(sparkH-(v-lo)/(hi-lo)*sparkH, 0, sparkH) }
}

// Range is one row of a dot plot: a bar from the first to the third quartile,
// the median as a dot, the 95th percentile as a whisker. The numbers stand in
// the same row of the table, so it is hidden from screen readers.
type Range struct {
	P25, P50, P75, P95 float64
	Target             *float64
	Max                float64 // right end of the scale; the left end is zero
	State              string  // "bad" or nothing
	Tip                string
}

// HTML draws the row; without a median it is empty.
func (r Range) HTML() template.HTML {
	var c canvas
	class := "range"
	if r.State == "bad" {
		class = "range range-bad"
	}
	c.open("svg", "class", class, "height", "20", "width", "100%", "aria-hidden", "true")
	c.title(r.Tip)
	if r.Target != nil && finite(*r.Target) {
		c.void("line", "class", "rt", "x1", r.at(*r.Target), "x2", r.at(*r.Target), "y1", "0", "y2", "20")
	}
	if finite(r.P50) {
		r.row(&c)
	}
	c.end("svg")
	return c.html()
}

func (r Range) row(c *canvas) {
	if finite(r.P75) && r.P95 > r.P75 {
		c.void("line", "class", "rw", "x1", r.at(r.P75), "x2", r.at(r.P95), "y1", "10", "y2", "10")
	}
	if r.P75 >= r.P25 {
		c.void("rect", "x", r.at(r.P25), "y", "6.5", "width", pct(r.place(r.P75)-r.place(r.P25)), "height", "7", "rx", "3.5")
	}
	c.void("circle", "cx", r.at(r.P50), "cy", "10", "r", "4.5")
}

func (r Range) place(v float64) float64 {
	if !finite(r.Max) || r.Max <= 0 {
		return 0
	}
	return clamp(v/r.Max*100, 0, 100)
}

func (r Range) at(v float64) string { return pct(r.place(v)) }
