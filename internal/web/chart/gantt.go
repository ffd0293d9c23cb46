package chart

import (
	"html/template"
	"math"
	"slices"
	"time"
)

// Gantt draws work over time, in lanes: what has dates on a scale of days, what
// has none in a column of its own at the end. It is HTML, so that each bar is a
// link that wraps and is read aloud; only the ground and the arrows are SVG.
type Gantt struct {
	Name     string // the finding in a sentence
	Corner   string // head of the column of lanes
	From, To time.Time
	Ticks    []DayMark  // labels of the scale, as the months
	Horizons []Horizon  // named stretches of the scale
	Later    Horizon    // of the column without dates; its days are not used
	Today    *DayMark   // nil: not drawn
	Events   []DayMark  // days that are no work
	Bands    []DayBand  // stretches of days in which nothing happens
	Lanes    []Lane     // those without a bar are drawn too
	Words    GanttWords // what only listeners hear
}

// GanttWords are texts in the reader's language.
type GanttWords struct {
	Critical string // "critical"
	Likely   string // tip of the stretch up to the likely end
	Icon     func(id string) string
}

// DayMark is a day with a label.
type DayMark struct {
	At        time.Time
	Text, Tip string
}

// DayBand is a stretch of days, both ends among them.
type DayBand struct {
	From, To time.Time
	Tip      string
}

// Horizon is a named stretch of the scale.
type Horizon struct {
	From, To   time.Time
	Name, Note string
}

// Lane is a row of bars with what they are for.
type Lane struct {
	Title, Href string
	Tags        []LaneTag
	Bars        []GanttBar
}

// LaneTag is a small word below the title of a lane.
type LaneTag struct{ Text, Href, State, Tip string }

// GanttBar is one piece of work.
type GanttBar struct {
	ID, Title, Href string
	Tip             string
	Word            string // its state, as a word
	State           string // ok, warn, bad; else idle
	Kind            string // now, next; else someday
	From, To        time.Time
	Likely          time.Time // the end to be reckoned with; drawn dashed when it is after To
	Done            float64   // share of the work, 0 to 1
	Tags            []string
	After           []string // IDs of what it waits for
	Critical        bool
}

func (b GanttBar) dated() bool { return !b.From.IsZero() && !b.To.IsZero() }

const (
	ganttRow   = 40.0
	ganttPad   = 10.0
	ganttBar   = 30.0
	ganttLeast = 84.0 // px of a lane, so that its title has room
	laterFrom  = 81.0 // per cent at which the column without dates begins
)

// span is where a bar stands, in per cent and px.
type span struct{ x0, x1, likely, y float64 }

// gantting is a drawing under way.
type gantting struct {
	canvas
	g      Gantt
	dated  float64 // per cent that the scale takes
	boxes  map[string]span
	tops   []float64 // of the lanes
	height float64
}

// HTML draws the chart.
func (g Gantt) HTML() template.HTML {
	d := &gantting{g: g, boxes: map[string]span{}, dated: 100}
	if !g.To.After(g.From) {
		return ""
	}
	if slices.ContainsFunc(g.Lanes, func(l Lane) bool {
		return slices.ContainsFunc(l.Bars, func(b GanttBar) bool { return !b.dated() })
	}) {
		d.dated = laterFrom
	}
	d.place()
	class := "gantt"
	if slices.Contains(d.rows(), 1) {
		class += " gantt-tall"
	}
	d.open("div", "class", class, "style", "--h:"+n(d.height)+"px", "role", "group", "aria-label", g.Name)
	d.head()
	d.open("div", "class", "gantt-body")
	d.lanes()
	d.open("div", "class", "gantt-plane")
	d.ground()
	d.marks()
	d.bars()
	d.end("div")
	d.end("div")
	d.end("div")
	return d.html()
}

// x is the place of a moment in per cent, kept inside the scale.
func (d *gantting) x(t time.Time) float64 {
	all := d.g.To.Sub(d.g.From).Hours()
	return clamp(t.Sub(d.g.From).Hours()/all*d.dated, 0, d.dated)
}

// after is the end of a day.
func after(t time.Time) time.Time { return t.AddDate(0, 0, 1) }

// place finds a row for every bar: the first of its lane that is free.
func (d *gantting) place() {
	for _, l := range d.g.Lanes {
		d.tops = append(d.tops, d.height)
		var free []float64 // per row: where its last bar ends
		later := 0
		bars := slices.Clone(l.Bars)
		slices.SortStableFunc(bars, func(a, b GanttBar) int { return a.From.Compare(b.From) })
		for _, b := range bars {
			if !b.dated() {
				d.boxes[b.ID] = span{laterFrom + .6, 98.6, 0, d.height + ganttPad + float64(later)*ganttRow}
				later++
				continue
			}
			bx := span{x0: d.x(b.From), x1: d.x(after(b.To))}
			bx.x1 = math.Max(bx.x1, math.Min(bx.x0+1.2, d.dated))
			bx.x0 = math.Min(bx.x0, bx.x1-1.2)
			bx.likely = bx.x1
			if !b.Likely.IsZero() {
				bx.likely = math.Max(bx.x1, d.x(after(b.Likely)))
			}
			row := slices.IndexFunc(free, func(end float64) bool { return end+.6 <= bx.x0 })
			if row < 0 {
				row, free = len(free), append(free, 0)
			}
			free[row] = bx.likely
			bx.y = d.height + ganttPad + float64(row)*ganttRow
			d.boxes[b.ID] = bx
		}
		d.height += math.Max(ganttLeast, float64(max(len(free), later))*ganttRow+2*ganttPad)
	}
}

func (d *gantting) laneHeight(i int) float64 {
	if i+1 < len(d.tops) {
		return d.tops[i+1] - d.tops[i]
	}
	return d.height - d.tops[i]
}

func (d *gantting) head() {
	d.open("div", "class", "gantt-head")
	d.leaf("div", d.g.Corner, "class", "gantt-corner")
	d.open("div", "class", "gantt-scale")
	horizon := func(h Horizon, x, w float64) {
		if w < 3 {
			return
		}
		d.open("div", "class", "horizon", "style", "--x:"+n(x)+";--w:"+n(w))
		d.leaf("b", h.Name)
		d.text(" ")
		d.leaf("span", h.Note)
		d.end("div")
	}
	for _, h := range d.g.Horizons {
		horizon(h, d.x(h.From), d.x(h.To)-d.x(h.From))
	}
	if d.dated < 100 {
		horizon(d.g.Later, d.dated, 100-d.dated)
	}
	for _, t := range d.g.Ticks {
		d.leaf("span", t.Text, "class", "month", "style", "--x:"+n(d.x(t.At)))
	}
	d.end("div")
	d.end("div")
}

func (d *gantting) lanes() {
	d.open("div", "class", "gantt-lanes")
	for i, l := range d.g.Lanes {
		d.open("div", "class", "lane-name", "style", "--h:"+n(d.laneHeight(i)))
		if l.Href != "" {
			d.leaf("a", l.Title, "href", l.Href)
		} else {
			d.leaf("b", l.Title)
		}
		if len(l.Tags) > 0 {
			d.open("span", "class", "cluster")
			for _, t := range l.Tags {
				if t.Href != "" {
					d.leaf("a", t.Text, "class", "tag", "href", t.Href, "title", t.Tip)
				} else {
					d.leaf("span", t.Text, "class", "tag", "title", t.Tip)
				}
			}
			d.end("span")
		}
		d.end("div")
	}
	d.end("div")
}

// ground draws what lies behind the bars, and the arrows between them.
func (d *gantting) ground() {
	h := n(d.height)
	d.open("svg", "class", "gantt-bg", "height", h, "aria-hidden", "true")
	if d.dated < 100 {
		d.void("rect", "class", "g-later", "x", pct(d.dated), "y", "0", "width", pct(100-d.dated), "height", h)
	}
	for _, b := range d.g.Bands {
		if x, end := d.x(b.From), d.x(after(b.To)); end > x {
			d.open("rect", "class", "g-freeze", "x", pct(x), "y", "0", "width", pct(end-x), "height", h)
			d.title(b.Tip)
			d.end("rect")
		}
	}
	for _, t := range d.g.Ticks {
		d.void("line", "class", "g-month", "x1", pct(d.x(t.At)), "x2", pct(d.x(t.At)), "y1", "0", "y2", h)
	}
	for _, z := range d.g.Horizons[min(1, len(d.g.Horizons)):] {
		d.void("line", "class", "g-q", "x1", pct(d.x(z.From)), "x2", pct(d.x(z.From)), "y1", "0", "y2", h)
	}
	for _, y := range d.tops[min(1, len(d.tops)):] {
		d.void("line", "class", "g-lane", "x1", "0", "x2", "100%", "y1", n(y), "y2", n(y))
	}
	d.arrows(h)
	d.end("svg")
}

func (d *gantting) arrows(h string) {
	var dots []span
	d.open("svg", "viewBox", "0 0 1000 "+h, "width", "100%", "height", h, "preserveAspectRatio", "none")
	for _, l := range d.g.Lanes {
		for _, b := range l.Bars {
			for _, id := range b.After {
				from, ok := d.boxes[id]
				to, here := d.boxes[b.ID]
				if !ok || !here {
					continue
				}
				x1, y1, x2, y2 := from.x1*10, from.y+ganttBar/2, to.x0*10, to.y+ganttBar/2
				class := "g-dep"
				if b.Critical {
					class += " g-dep-critical"
				}
				mid := x1 + 7
				if x2-x1 < 14 {
					mid = x1 + (x2-x1)/2
				}
				d.void("path", "class", class, "d", "M"+n(x1)+" "+n(y1)+"H"+n(mid)+"V"+n(y2)+"H"+n(x2))
				dots = append(dots, span{x0: to.x0, y: y2})
			}
		}
	}
	d.end("svg")
	for _, p := range dots {
		d.void("circle", "class", "g-dot", "cx", pct(p.x0), "cy", n(p.y), "r", "3")
	}
}

// rows says in which row the label of each event stands: the first in which it
// does not lie over another. Two are enough; what fits in neither stands in the
// second.
func (d *gantting) rows() []int {
	type label struct{ from, to float64 }
	var placed [2][]label
	wide := func(m DayMark) label {
		x, half := d.x(m.At), (width(m.Text, 12)+18)/2/8.7 // in per cent of the narrowest drawing
		return label{x - half, x + half}
	}
	if d.g.Today != nil {
		placed[0] = append(placed[0], wide(*d.g.Today))
	}
	var rows []int
	for _, e := range d.g.Events {
		l, row := wide(e), 0
		if slices.ContainsFunc(placed[0], func(o label) bool { return l.from < o.to && o.from < l.to }) {
			row = 1
		}
		placed[row] = append(placed[row], l)
		rows = append(rows, row)
	}
	return rows
}

// marks draws today and the events.
func (d *gantting) marks() {
	day := func(m DayMark, class string) {
		if m.At.Before(d.g.From) || m.At.After(d.g.To) {
			return
		}
		d.open("div", "class", class, "style", "--x:"+n(d.x(m.At)))
		d.leaf("span", m.Text, "title", m.Tip)
		d.end("div")
	}
	if d.g.Today != nil {
		day(*d.g.Today, "g-today")
	}
	for i, row := range d.rows() {
		class := "g-event"
		if row > 0 {
			class += " g-event-up"
		}
		if d.x(d.g.Events[i].At) > 92 {
			class += " g-event-end"
		}
		day(d.g.Events[i], class)
	}
}

func (d *gantting) bars() {
	for _, l := range d.g.Lanes {
		if len(l.Bars) == 0 {
			continue
		}
		d.open("ol", "class", "gantt-items", "aria-label", l.Title)
		for _, b := range l.Bars {
			d.bar(b)
		}
		d.end("ol")
	}
}

func (d *gantting) bar(b GanttBar) {
	bx := d.boxes[b.ID]
	state := b.State
	if state != "ok" && state != "warn" && state != "bad" {
		state = "idle"
	}
	kind := b.Kind
	if kind != "now" && kind != "next" || !b.dated() {
		kind = "someday"
	}
	class := "g-bar g-" + kind + " g-" + state
	if b.Critical {
		class += " g-critical"
	}
	style := "--x:" + n(bx.x0) + ";--w:" + n(bx.x1-bx.x0) + ";--y:" + n(bx.y) + ";--done:" + n(clamp(b.Done, 0, 1)*100)
	d.open("li", "class", class, "style", style)
	d.open("a", "href", b.Href, "title", b.Tip)
	said := b.Word
	if b.Critical && d.g.Words.Critical != "" {
		said += ", " + d.g.Words.Critical
	}
	d.leaf("span", said+", ", "class", "vh")
	d.open("svg", "class", "icon", "aria-hidden", "true")
	d.void("use", "href", Words{Icon: d.g.Words.Icon}.icon("s-"+state))
	d.end("svg")
	d.leaf("span", b.Title, "class", "g-text")
	for _, t := range b.Tags {
		d.leaf("span", t, "class", "g-kr")
	}
	d.end("a")
	d.end("li")
	if bx.likely > bx.x1+.2 {
		d.open("li", "class", "g-likely g-"+state, "style", "--x:"+n(bx.x1)+";--w:"+n(bx.likely-bx.x1)+";--y:"+n(bx.y), "aria-hidden", "true", "title", d.g.Words.Likely)
		d.end("li")
	}
}
