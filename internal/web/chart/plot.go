package chart

import "math"

// plot is what Line and Bars share: the scale, the grid, the marks, the table.
type plot struct {
	canvas
	height   float64
	min, max float64
	x        func(float64) float64 // index on x to per cent of the width
	words    Words
}

const (
	defaultHeight = 200
	maxHeight     = 2000
)

func heightOr(h float64) float64 {
	if !finite(h) || h <= 0 {
		return defaultHeight
	}
	return math.Min(h, maxHeight)
}

// y is the place of v in px below the top, kept inside the drawing.
func (p *plot) y(v float64) float64 {
	return clamp(p.height*(1-(v-p.min)/(p.max-p.min)), 0, p.height)
}

// scale chooses the ends of the y axis: the caller's when they make sense,
// else those of the data, widened when all data is equal.
func scale(min, max, lo, hi float64, whole bool) (float64, float64) {
	if finite(min) && finite(max) && max > min {
		return min, max
	}
	if hi-lo > 1e-12*math.Max(math.Abs(lo), math.Abs(hi)) {
		step := niceStep(hi-lo, 4, whole)
		return math.Floor(lo/step) * step, math.Ceil(hi/step) * step
	}
	pad := math.Max(math.Abs(lo)/2, 1)
	return lo - pad, hi + pad
}

// niceStep is the 1, 2, 2.5 or 5 times a power of ten that cuts span into
// about parts pieces; of what is counted, a whole number.
func niceStep(span float64, parts int, whole bool) float64 {
	if !finite(span) || span <= 0 {
		return 1
	}
	raw := span / float64(parts)
	ten := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		step := m * ten
		if raw <= step*1.0001 && (!whole || step == math.Trunc(step)) {
			return step
		}
	}
	if whole {
		return math.Max(1, 10*ten)
	}
	return 10 * ten
}

// yTicks are the caller's ticks, or round numbers from min to max.
func yTicks(given []float64, min, max float64, whole bool) []float64 {
	if given != nil {
		return given
	}
	step := niceStep(max-min, 4, whole)
	var out []float64
	for i := 0.0; i < 20; i++ {
		v := math.Ceil(min/step-1e-9)*step + i*step
		if v > max+step*1e-6 {
			break
		}
		out = append(out, math.Round(v/step)*step)
	}
	return out
}

// xTicks are the caller's ticks, or at most ten labels spread over x, fewer when
// they are long.
func xTicks(given []Tick, x []string) []Tick {
	if given != nil {
		return given
	}
	const room = 100 // characters, with two between labels
	longest := 1
	for _, label := range x {
		longest = max(longest, len([]rune(label)))
	}
	most := min(max(room/(longest+2), 2), 10)
	every := (len(x) + most - 1) / most
	var out []Tick
	for i := 0; i < len(x); i += max(every, 1) {
		out = append(out, Tick{float64(i), x[i]})
	}
	return out
}

func (p *plot) figure(name, caption string, legend bool, dashes bool, ss []Series) {
	p.open("figure", "class", "chart")
	if caption == "" && !legend {
		return
	}
	p.open("figcaption")
	if caption != "" {
		p.leaf("span", caption)
	}
	if legend {
		p.legend(ss, dashes)
	}
	p.end("figcaption")
}

func (p *plot) legend(ss []Series, lines bool) {
	p.open("ul", "class", "legend")
	for _, s := range ss {
		if s.Name == "" {
			continue
		}
		swatch := "swatch"
		if lines {
			swatch += " swatch-line"
		}
		if lines && s.Dash {
			swatch += " swatch-dash"
		}
		p.open("li", "class", "k"+s.key())
		p.leaf("span", "", "class", swatch)
		p.leaf("span", s.Name, "class", "soft")
		p.end("li")
	}
	p.end("ul")
}

func (p *plot) begin(name, left, right string) {
	p.open("div", "class", "plot", "style", pads(left, right))
	p.open("svg", "height", n(p.height), "role", "img", "aria-label", name)
}

func (p *plot) bands(bands []Band) {
	for _, b := range bands {
		from, to := p.x(b.From), p.x(b.To)
		if to < from {
			from, to = to, from
		}
		p.void("rect", "class", join("band", b.Class), "x", pct(from), "y", "0", "width", pct(to-from), "height", n(p.height))
		if b.Label != "" {
			p.leaf("text", b.Label, "x", pct(from), "dx", "4", "y", "11")
		}
	}
}

func (p *plot) grid(ticks []float64, axis float64, f Format) {
	for _, t := range ticks {
		if !finite(t) {
			continue
		}
		class := "gl"
		if t == axis {
			class = "ax"
		}
		y := p.y(t)
		p.void("line", "class", class, "x1", "0", "x2", "100%", "y1", n(y), "y2", n(y))
		p.leaf("text", f.of(t), "class", "unit", "x", "-8", "y", n(y+4), "text-anchor", "end")
	}
}

// foot writes the x axis. Every second label is minor and goes when the chart
// is narrow.
func (p *plot) foot(ticks []Tick, stems bool, shift float64) {
	for k, t := range ticks {
		x, y := pct(p.x(t.At+shift)), p.height
		if stems {
			p.void("line", "class", "ax", "x1", x, "x2", x, "y1", n(y), "y2", n(y+4))
		}
		if t.Text == "" {
			continue
		}
		class := ""
		if k%2 == 1 {
			class = "tick-minor"
		}
		p.leaf("text", t.Text, "class", class, "x", x, "y", n(y+18), "text-anchor", "middle")
	}
}

func (p *plot) target(t *Target) {
	if t == nil || !finite(t.V) {
		return
	}
	y, off := p.y(t.V), -5.0
	if t.Below {
		off = 13
	}
	p.void("line", "class", "target", "x1", "0", "x2", "100%", "y1", n(y), "y2", n(y))
	p.leaf("text", t.Label, "class", "target-label", "x", "4", "y", n(y+off))
}

func (p *plot) marks(marks []Mark) {
	for _, m := range marks {
		x, top := pct(p.x(m.At)), float64(m.Row)*14
		anchor, dx := "start", "5"
		if m.End {
			anchor, dx = "end", "-5"
		}
		p.open("g", "class", join("mark", m.Class))
		p.void("line", "x1", x, "x2", x, "y1", n(top-4), "y2", n(p.height))
		if m.Label != "" {
			p.leaf("text", m.Label, "x", x, "dx", dx, "y", n(top+5), "text-anchor", anchor)
		}
		p.title(m.Tip)
		p.end("g")
	}
}

// hit is the invisible column over one x position that carries its numbers.
func (p *plot) hit(from, to float64, tip string) {
	p.open("rect", "class", "hit", "fill", "transparent", "x", pct(from), "y", "0", "width", pct(to-from), "height", n(p.height))
	p.title(tip)
	p.end("rect")
}

// tip is the numbers of one x position, a line each.
func tip(x string, i int, ss []Series, f Format, w Words) string {
	out := x
	for _, s := range ss {
		if s.Name != "" {
			out += "\n" + s.Name + ": " + cell(s.at(i), f, w)
		}
	}
	return out
}

func cell(v float64, f Format, w Words) string {
	if !finite(v) {
		return w.noData()
	}
	return f.of(v)
}

// table is the same numbers for who cannot, or would rather not, see a drawing.
func (p *plot) table(name, head string, x []string, ss []Series, f Format) {
	if head == "" {
		head = p.words.When
	}
	heads := []string{head}
	for _, s := range ss {
		if s.Name != "" {
			heads = append(heads, s.Name)
		}
	}
	var rows [][]string
	for i := range x {
		row := []string{x[i]}
		for _, s := range ss {
			if s.Name != "" {
				row = append(row, cell(s.at(i), f, p.words))
			}
		}
		rows = append(rows, row)
	}
	p.data(p.words.table(name), name, heads, rows, true)
}

// data writes a table behind a disclosure.
func (c *canvas) data(summary, name string, heads []string, rows [][]string, numbers bool) {
	class := ""
	if numbers {
		class = "num"
	}
	c.open("details", "class", "chart-data")
	c.leaf("summary", summary)
	c.open("div", "class", "scroll", "tabindex", "0", "role", "group", "aria-label", name)
	c.open("table", "class", "table")
	c.head(heads, class)
	c.open("tbody")
	for _, row := range rows {
		c.open("tr")
		c.leaf("th", row[0], "scope", "row")
		for _, v := range row[1:] {
			c.leaf("td", v, "class", class)
		}
		c.end("tr")
	}
	c.b.WriteString("</tbody></table></div></details>")
}

func (c *canvas) head(heads []string, class string) {
	c.b.WriteString("<thead><tr>")
	for i, h := range heads {
		switch {
		case h == "":
			c.leaf("td", "")
		case i == 0:
			c.leaf("th", h, "scope", "col")
		default:
			c.leaf("th", h, "scope", "col", "class", class)
		}
	}
	c.b.WriteString("</tr></thead>")
}

func join(class, more string) string {
	if more == "" {
		return class
	}
	return class + " " + more
}
