package chart

import (
	"html/template"
	"math"
)

// Bars is a bar chart, stacked when it has several series; with marks it is a
// distribution. Bars start at zero, negative ones hang below it.
type Bars struct {
	Name    string // the finding in a sentence
	Caption string
	Height  float64 // px; 0 is 200
	X       []string
	Ticks   []Tick    // none: about ten of X
	Edge    bool      // tick labels stand at the left edge of their bar
	Max     float64   // top of the y axis; less than the data: taken from it
	YTicks  []float64 // none: round numbers
	Whole   bool      // it counts: the y axis has no fractions
	Format  Format
	Series  []Series // stacked, first next to zero
	Target  *Target
	Marks   []Mark
	Bands   []Band
	Gap     float64 // share of a bar's room left empty; 0 is 0.18
	Left    string
	Right   string
	Legend  bool
	NoTable bool
	XName   string
	Words   Words
	Href    func(i int) string // where a click on a bar leads; nil: nowhere
}

// HTML draws the chart as a figure.
func (c Bars) HTML() template.HTML {
	lo, hi, any := c.extent()
	if !any || len(c.X) == 0 {
		return empty(c.Caption, c.Name, c.Words)
	}
	if !finite(c.Gap) || c.Gap <= 0 || c.Gap >= 1 {
		c.Gap = .18
	}
	p := plot{height: heightOr(c.Height), x: c.x, words: c.Words}
	p.min, p.max = c.ends(lo, hi)
	ticks := yTicks(c.YTicks, p.min, p.max, c.Whole)
	p.figure(c.Name, c.Caption, c.Legend, false, c.Series)
	p.begin(c.Name, Line{Left: c.Left, Format: c.Format}.left(ticks), c.right())
	p.bands(c.Bands)
	p.grid(ticks, 0, c.Format)
	p.foot(xTicks(c.Ticks, c.X), c.Edge, c.shift())
	for i := range c.X {
		c.column(&p, i)
	}
	p.target(c.Target)
	p.marks(c.Marks)
	p.b.WriteString("</svg></div>")
	if !c.NoTable {
		p.table(c.Name, c.XName, c.X, c.Series, c.Format)
	}
	p.end("figure")
	return p.html()
}

// extent is how far the stacks reach below and above zero.
func (c Bars) extent() (lo, hi float64, any bool) {
	for i := range c.X {
		up, down := 0.0, 0.0
		for _, s := range c.Series {
			v := s.at(i)
			if !finite(v) {
				continue
			}
			any = true
			up += math.Max(v, 0)
			down += math.Min(v, 0)
		}
		lo, hi = math.Min(lo, down), math.Max(hi, up)
	}
	if c.Target != nil && finite(c.Target.V) {
		lo, hi = math.Min(lo, c.Target.V), math.Max(hi, c.Target.V)
	}
	return lo, hi, any
}

func (c Bars) ends(lo, hi float64) (float64, float64) {
	if lo == 0 && hi == 0 {
		hi = 1
	}
	if lo == 0 && finite(c.Max) && c.Max >= hi {
		return 0, c.Max
	}
	return scale(0, 0, lo, hi, c.Whole)
}

func (c Bars) x(i float64) float64 { return clamp(i*100/float64(len(c.X)), 0, 100) }

func (c Bars) shift() float64 {
	if c.Edge {
		return 0
	}
	return .5
}

func (c Bars) right() string {
	if c.Right != "" {
		return c.Right
	}
	return ".2rem"
}

const leastBar = 1.2 // px, so that a small number can still be seen

func (c Bars) column(p *plot, i int) {
	group, href := "g", ""
	if c.Href != nil {
		group, href = "a", c.Href(i)
	}
	p.open(group, "class", "col", "href", href, "tabindex", tabindex(href))
	up, down := 0.0, 0.0
	for _, s := range c.Series {
		v := s.at(i)
		switch {
		case v > 0:
			c.bar(p, i, s, up, up+v)
			up += v
		case v < 0:
			c.bar(p, i, s, down+v, down)
			down += v
		}
	}
	p.hit(c.x(float64(i)), c.x(float64(i+1)), tip(c.X[i], i, c.Series, c.Format, c.Words))
	p.end(group)
}

// tabindex keeps links of a picture out of the way of the keyboard: the table
// beside it and the fields for the time lead as far.
func tabindex(href string) string {
	if href == "" {
		return ""
	}
	return "-1"
}

func (c Bars) bar(p *plot, i int, s Series, from, to float64) {
	top, foot := p.y(to), p.y(from)
	h := math.Max(foot-top, leastBar)
	slot := 100 / float64(len(c.X))
	p.void("rect", "class", "f"+s.key(), "x", pct((float64(i)+c.Gap/2)*slot), "y", n(foot-h), "width", pct(slot*(1-c.Gap)), "height", n(h), "rx", "1")
}
