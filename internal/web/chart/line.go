package chart

import (
	"html/template"
	"math"
	"sort"
)

// Line is a line chart over evenly spaced points.
type Line struct {
	Name    string // the finding in a sentence, for who cannot see the drawing
	Caption string
	Height  float64 // px; 0 is 200
	X       []string
	Ticks   []Tick  // none: about ten of X
	Min     float64 // ends of the y axis; equal: taken from the data
	Max     float64
	YTicks  []float64 // none: round numbers
	Whole   bool      // it counts: the y axis has no fractions
	Format  Format    // on the axis
	Exact   Format    // in tooltips and table; none: Format
	Series  []Series
	Between *[2]int // indices of two series with tinted ground between them
	Target  *Target
	Marks   []Mark
	Bands   []Band
	Left    string // room beside the drawing, as "2.9rem"; none: as the labels need
	Right   string
	Legend  bool
	NoTable bool // the numbers stand beside the chart already
	XName   string
	Words   Words
}

// HTML draws the chart as a figure.
func (l Line) HTML() template.HTML {
	lo, hi, any := l.extent()
	if !any || len(l.X) == 0 {
		return empty(l.Caption, l.Name, l.Words)
	}
	if l.Exact == nil {
		l.Exact = l.Format
	}
	p := plot{height: heightOr(l.Height), x: l.x, words: l.Words}
	p.min, p.max = scale(l.Min, l.Max, lo, hi, l.Whole)
	ticks := yTicks(l.YTicks, p.min, p.max, l.Whole)
	p.figure(l.Name, l.Caption, l.Legend, true, l.Series)
	p.begin(l.Name, l.left(ticks), l.right())
	p.bands(l.Bands)
	p.grid(ticks, p.min, l.Format)
	p.foot(xTicks(l.Ticks, l.X), true, 0)
	l.paths(&p)
	p.target(l.Target)
	l.labels(&p)
	p.marks(l.Marks)
	l.points(&p)
	p.b.WriteString("</svg></div>")
	if !l.NoTable {
		p.table(l.Name, l.XName, l.X, l.Series, l.Exact)
	}
	p.end("figure")
	return p.html()
}

// extent is the range of all finite values, the target included.
func (l Line) extent() (lo, hi float64, any bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, s := range l.Series {
		for i := range l.X {
			if v := s.at(i); finite(v) {
				lo, hi, any = math.Min(lo, v), math.Max(hi, v), true
			}
		}
	}
	if any && l.Target != nil && finite(l.Target.V) {
		lo, hi = math.Min(lo, l.Target.V), math.Max(hi, l.Target.V)
	}
	return lo, hi, any
}

// x is the place of index i in per cent; a single point stands in the middle.
func (l Line) x(i float64) float64 {
	if len(l.X) < 2 {
		return 50
	}
	return clamp(i/float64(len(l.X)-1)*100, 0, 100)
}

func (l Line) left(ticks []float64) string {
	if l.Left != "" {
		return l.Left
	}
	var texts []string
	for _, t := range ticks {
		texts = append(texts, l.Format.of(t))
	}
	return room(texts, 14)
}

func (l Line) right() string {
	if l.Right != "" {
		return l.Right
	}
	var texts []string
	for _, s := range l.Series {
		texts = append(texts, s.Label)
	}
	return room(texts, 14)
}

func (l Line) paths(p *plot) {
	h := n(p.height)
	p.open("svg", "viewBox", "0 0 1000 "+h, "height", h, "width", "100%", "preserveAspectRatio", "none", "overflow", "visible")
	l.between(p)
	for _, s := range l.Series {
		for _, r := range runs(len(l.X), s.at) {
			l.path(p, s, r)
		}
	}
	p.end("svg")
	for _, s := range l.Series {
		for _, r := range runs(len(l.X), s.at) {
			if r[0] == r[1] { // a point alone has no line to show it
				p.void("circle", "class", "dot f"+s.key(), "cx", pct(l.x(float64(r[0]))), "cy", n(p.y(s.at(r[0]))), "r", "2.5")
			}
		}
	}
}

// runs are the stretches of 0..n-1, ends included, where at is a number.
func runs(n int, at func(int) float64) [][2]int {
	var out [][2]int
	from := -1
	for i := 0; i <= n; i++ {
		ok := i < n && finite(at(i))
		if ok && from < 0 {
			from = i
		}
		if !ok && from >= 0 {
			out = append(out, [2]int{from, i - 1})
			from = -1
		}
	}
	return out
}

func (l Line) path(p *plot, s Series, r [2]int) {
	if r[0] == r[1] {
		return
	}
	var d route
	for i := r[0]; i <= r[1]; i++ {
		letter := "L"
		if i == r[0] {
			letter = "M"
		}
		d.step(letter, l.x(float64(i))*10, p.y(s.at(i)))
	}
	if s.Area {
		ground := d.String() + "L" + n(l.x(float64(r[1]))*10) + " " + n(p.height) + "L" + n(l.x(float64(r[0]))*10) + " " + n(p.height) + "Z"
		p.void("path", "class", "area f"+s.key(), "d", ground)
	}
	class := "ln s" + s.key()
	if s.Dash {
		class += " dash"
	}
	p.void("path", "class", class, "d", d.String())
}

// between tints the ground between two series wherever both have numbers.
func (l Line) between(p *plot) {
	if l.Between == nil {
		return
	}
	a, b := l.Between[0], l.Between[1]
	if a == b || min(a, b) < 0 || max(a, b) >= len(l.Series) {
		return
	}
	up, low := l.Series[a], l.Series[b]
	for _, r := range runs(len(l.X), func(i int) float64 { return up.at(i) + low.at(i) }) {
		var d route
		letter := "M"
		for i := r[0]; i <= r[1]; i++ {
			d.step(letter, l.x(float64(i))*10, p.y(up.at(i)))
			letter = "L"
		}
		for i := r[1]; i >= r[0]; i-- {
			d.line(l.x(float64(i))*10, p.y(low.at(i)))
		}
		d.close()
		p.void("path", "class", "area f"+up.key(), "d", d.String())
	}
}

const labelStep = 13 // px between the labels of two lines that end together

// labels names each line at its end; labels that would meet are moved apart.
func (l Line) labels(p *plot) {
	type label struct {
		s    Series
		x, y float64
	}
	var all []label
	for _, s := range l.Series {
		rs := runs(len(l.X), s.at)
		if s.Label == "" || len(rs) == 0 {
			continue
		}
		last := rs[len(rs)-1][1]
		all = append(all, label{s, l.x(float64(last)), p.y(s.at(last)) + 4})
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].y < all[j].y })
	for i := 1; i < len(all); i++ {
		all[i].y = math.Max(all[i].y, all[i-1].y+labelStep)
	}
	for _, a := range all {
		p.leaf("text", a.s.Label, "class", "lab f"+a.s.key(), "x", pct(a.x), "dx", "8", "y", n(a.y))
	}
}

// points are the columns that answer to the pointer.
func (l Line) points(p *plot) {
	half := 50.0
	if len(l.X) > 1 {
		half = 50 / float64(len(l.X)-1)
	}
	for i, name := range l.X {
		var dots []Series
		for _, s := range l.Series {
			if finite(s.at(i)) {
				dots = append(dots, s)
			}
		}
		if len(dots) == 0 {
			continue
		}
		x := l.x(float64(i))
		p.open("g", "class", "pt")
		p.void("line", "x1", pct(x), "x2", pct(x), "y1", "0", "y2", n(p.height))
		for _, s := range dots {
			p.void("circle", "class", "f"+s.key(), "cx", pct(x), "cy", n(p.y(s.at(i))), "r", "4")
		}
		p.hit(math.Max(0, x-half), math.Min(100, x+half), tip(name, i, dots, l.Exact, l.Words))
		p.end("g")
	}
}
