// Package chart draws charts as SVG on the server, so that a page is complete
// without script.
//
// Fluid charts use per cent on x and pixels on y: the drawing stretches with
// its panel while letters and strokes keep their size. Paths cannot take per
// cent, so they sit in a nested <svg viewBox="0 0 1000 H"
// preserveAspectRatio="none"> with non-scaling strokes. Colours are classes of
// the stylesheet, never attributes, so one drawing serves both themes; the
// only style attributes written are custom properties, as the content security
// policy asks.
//
// Missing data (NaN) is a gap, never a zero. No chart panics on data that is
// empty, endless, equal or a single point. Every text is escaped. The package
// holds no word of any language: what is written comes from the caller.
package chart

import (
	"html/template"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Words are what a chart writes by itself, in the reader's language. A missing
// word is replaced by something that needs no language.
type Words struct {
	Table  string                 // "Data as table"; else the chart's name
	NoData string                 // "no data"; else a dash
	When   string                 // head of the table's first column
	More   func(n int) string     // "12 more"; else "+12"
	Icon   func(id string) string // address of an icon for <use>; else "#"+id
}

func (w Words) table(name string) string {
	if w.Table != "" {
		return w.Table
	}
	return name
}

func (w Words) noData() string {
	if w.NoData != "" {
		return w.NoData
	}
	return "–"
}

func (w Words) more(n int) string {
	if w.More != nil {
		return w.More(n)
	}
	return "+" + strconv.Itoa(n)
}

func (w Words) icon(id string) string {
	if w.Icon != nil {
		return w.Icon(id)
	}
	return "#" + id
}

// Series is one row of numbers over the x positions of a chart. NaN, or a Y
// that is too short, is missing data.
type Series struct {
	Name  string // in legend, tooltip and table; a nameless series is only drawn
	Class string // "1" to "7", "bad", "ink", "ev" (evidence); else "1"
	Y     []float64
	Dash  bool   // a forecast or a plan
	Area  bool   // tint the ground below the line
	Label string // written at the right end of a line instead of a legend
}

func (s Series) at(i int) float64 {
	if i < 0 || i >= len(s.Y) || math.IsInf(s.Y[i], 0) {
		return math.NaN()
	}
	return s.Y[i]
}

func (s Series) key() string { return key(s.Class) }

// key is the part of a class name after f, s or k that stands for a colour.
func key(class string) string {
	switch class {
	case "bad", "ink", "ev":
		return "-" + class
	case "1", "2", "3", "4", "5", "6", "7":
		return class
	}
	return "1"
}

// Tick is a label on the x axis.
type Tick struct {
	At   float64 // index on x
	Text string
}

// Mark is an event drawn as a dashed upright line.
type Mark struct {
	At    float64 // index on x
	Label string
	Tip   string
	Class string // "mark-bad", "mark-minor", "mark-med" or nothing
	End   bool   // write the label to the left of the line
	Row   int    // how many lines of text below the top the label stands
}

// Band is a tinted stretch of the x axis.
type Band struct {
	From, To float64 // indices on x
	Class    string  // "band-bad", "band-now" or nothing
	Label    string
}

// Target is a dotted, named line across the chart.
type Target struct {
	V     float64
	Label string
	Below bool // write the label below the line
}

// Format turns a number into text, in the reader's locale and with its unit.
type Format func(float64) string

func (f Format) of(v float64) string {
	if f == nil {
		return n(v)
	}
	return f(v)
}

// n writes a coordinate with at most two decimals; what is not a number is 0.
func n(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	s := strconv.FormatFloat(v, 'f', 2, 64)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if s == "-0" {
		return "0"
	}
	return s
}

func pct(v float64) string { return n(v) + "%" }

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func clamp(v, lo, hi float64) float64 {
	if !finite(v) || v < lo {
		return lo
	}
	return math.Min(v, hi)
}

// length is what --pl and --pr may hold.
var length = regexp.MustCompile(`^\d*\.?\d+(rem|em|px|ch)$`)

// pads is the style attribute of a plot: room left and right of the drawing.
func pads(left, right string) string {
	var s []string
	if length.MatchString(left) {
		s = append(s, "--pl:"+left)
	}
	if length.MatchString(right) {
		s = append(s, "--pr:"+right)
	}
	return strings.Join(s, ";")
}

// room is the padding that the longest of texts needs, set in 11.5px letters.
func room(texts []string, extra float64) string {
	widest := 0.0
	for _, t := range texts {
		widest = math.Max(widest, width(t, 11.5))
	}
	return n(math.Ceil((widest+extra)/16*20)/20) + "rem"
}

// width estimates how wide s is in px at a font size, in a common sans serif.
func width(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune("ijl.,:;'|!()[]/ ", r):
			w += .3
		case strings.ContainsRune("mwMW%€@", r):
			w += .86
		case r >= 'A' && r <= 'Z':
			w += .66
		case r > 0x2e80: // scripts with full-width letters
			w++
		default:
			w += .56
		}
	}
	return w * size
}

// fit shortens s with an ellipsis until it is at most px wide.
func fit(s string, size, px float64) string {
	if width(s, size) <= px {
		return s
	}
	for s != "" {
		_, last := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-last]
		if width(s+"…", size) <= px {
			break
		}
	}
	return strings.TrimRight(s, " -_.") + "…"
}

// empty is what stands where a chart without any number would be.
func empty(caption, name string, w Words) template.HTML {
	var c canvas
	c.open("figure", "class", "chart", "role", "group", "aria-label", name)
	if caption != "" {
		c.open("figcaption")
		c.leaf("span", caption)
		c.end("figcaption")
	}
	c.leaf("p", w.noData(), "class", "chart-empty")
	c.end("figure")
	return c.html()
}
