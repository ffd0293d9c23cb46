package chart

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
)

type drawing interface{ HTML() template.HTML }

// wellFormed fails unless got is a well-formed piece of markup whose numbers
// are numbers and whose style attributes set custom properties only.
func wellFormed(t *testing.T, got string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader("<x>" + got + "</x>"))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v\n%s", err, got)
		}
		if e, ok := tok.(xml.StartElement); ok {
			checkAttrs(t, e)
		}
	}
	if notNumber.MatchString(got) {
		t.Errorf("a number is missing in\n%s", got)
	}
}

var notNumber = regexp.MustCompile(`\b(NaN|Inf)\b`)

var custom = regexp.MustCompile(`^(--[a-z]+:[0-9.]+(rem|em|px|ch)?(;|$))+$`)

func checkAttrs(t *testing.T, e xml.StartElement) {
	t.Helper()
	seen := make(map[string]bool)
	for _, a := range e.Attr {
		if seen[a.Name.Local] {
			t.Errorf("<%s> has two attributes %s", e.Name.Local, a.Name.Local)
		}
		seen[a.Name.Local] = true
		if a.Name.Local == "style" && !custom.MatchString(a.Value) {
			t.Errorf("<%s style=%q> is refused by the content security policy", e.Name.Local, a.Value)
		}
		if strings.HasPrefix(a.Name.Local, "on") {
			t.Errorf("<%s> has the handler %s", e.Name.Local, a.Name.Local)
		}
	}
}

func TestSamplesAreWellFormed(t *testing.T) {
	for name, s := range samples {
		t.Run(name, func(t *testing.T) { wellFormed(t, string(s.HTML())) })
	}
}

func TestOddData(t *testing.T) {
	inf, huge := math.Inf(1), math.MaxFloat64
	days := []string{"Mon", "Tue", "Wed"}
	ys := map[string][]float64{
		"none": nil, "short": {1}, "long": {1, 2, 3, 4, 5, 6}, "gaps": {gap, gap, gap}, "one": {gap, 4, gap},
		"equal": {5, 5, 5}, "zero": {0, 0, 0}, "endless": {inf, 1, -inf}, "huge": {huge, -huge, 0}, "tiny": {1e-300, 2e-300, 0}, "minus": {-3, -1, -2},
	}
	xs := map[string][]string{"no x": nil, "one x": days[:1], "three x": days}
	for yn, y := range ys {
		for xn, x := range xs {
			s := []Series{{Name: "S", Class: "1", Y: y, Area: true, Label: "S"}, {Name: "T", Class: "nonsense", Y: y, Dash: true}}
			target := &Target{V: 2, Label: "target"}
			for cn, c := range map[string]drawing{
				"line":   Line{Name: "N", X: x, Series: s, Target: target, Between: &[2]int{0, 1}, Legend: true},
				"scaled": Line{Name: "N", X: x, Series: s, Min: 3, Max: 3, Height: gap, Marks: []Mark{{At: 99}}, Bands: []Band{{From: 9, To: -9}}, Ticks: []Tick{{99, "late"}}, Between: &[2]int{0, 9}},
				"bars":   Bars{Name: "N", X: x, Series: s, Target: &Target{V: inf}, Max: gap, Gap: 7},
				"spark":  Spark{Y: y, Target: &inf},
				"range":  Range{P50: first(y), P25: 9, P75: 2, P95: gap, Target: &inf, Max: first(y)},
			} {
				t.Run(yn+"/"+xn+"/"+cn, func(t *testing.T) { wellFormed(t, string(c.HTML())) })
			}
		}
	}
}

func first(y []float64) float64 {
	if len(y) == 0 {
		return gap
	}
	return y[0]
}

func TestOddShapes(t *testing.T) {
	for i, c := range []drawing{
		Polygon{}, Polygon{Axes: make([]Axis, 1), Max: -3}, Polygon{Axes: []Axis{{Now: gap, Want: math.Inf(1), Was: -5}, {Now: 99}}},
		Radar{}, Radar{Rings: []string{"a"}, Segments: []string{"b"}, Blips: []Blip{{Ring: 7}, {Segment: -1}, {}, {}}},
		Deps{}, Deps{Limit: -1, In: make([]Link, 3)}, Deps{Out: []Link{{Weight: gap}}},
		Graph{}, Graph{Nodes: make([]Node, 3)}, Graph{Centre: "none", Nodes: []Node{{ID: "a"}}, Edges: []Edge{{From: "a", To: "a"}, {From: "a", To: "b"}}},
		Tree{}, Tree{Roots: make([]Branch, 2)},
	} {
		t.Run(fmt.Sprintf("%d %T", i, c), func(t *testing.T) { wellFormed(t, string(c.HTML())) })
	}
}

func TestMissingIsAGap(t *testing.T) {
	got := string(Line{Name: "N", X: []string{"a", "b", "c", "d", "e"}, Min: 0, Max: 10, Height: 100, NoTable: true,
		Series: []Series{{Name: "S", Y: []float64{0, 10, gap, 5, 5}}}}.HTML())
	for _, want := range []string{`d="M0 100L250 0"`, `d="M750 50L1000 50"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no path %s in\n%s", want, got)
		}
	}
	if n := strings.Count(got, `class="pt"`); n != 4 {
		t.Errorf("%d columns answer to the pointer, want 4", n)
	}
}

func TestAPointAloneIsSeen(t *testing.T) {
	got := string(Line{Name: "N", X: []string{"a", "b", "c"}, Min: 0, Max: 10, Height: 100,
		Series: []Series{{Name: "S", Class: "2", Y: []float64{gap, 10, gap}}}}.HTML())
	if want := `<circle class="dot f2" cx="50%" cy="0" r="2.5"/>`; !strings.Contains(got, want) {
		t.Errorf("no %s in\n%s", want, got)
	}
}

func TestMissingIsNotZeroInTheTable(t *testing.T) {
	got := string(Bars{Name: "N", X: []string{"a"}, Series: []Series{{Name: "S", Y: []float64{gap}}, {Name: "T", Y: []float64{3}}}, Words: words}.HTML())
	if want := `<td class="num">no data</td><td class="num">3</td>`; !strings.Contains(got, want) {
		t.Errorf("no %s in\n%s", want, got)
	}
}

func TestBarsStartAtZero(t *testing.T) {
	got := string(Bars{Name: "N", X: []string{"a", "b"}, Height: 100, Series: []Series{{Name: "S", Y: []float64{90, 100}}}}.HTML())
	if want := `<rect class="f1" x="4.5%" y="10" width="41%" height="90" rx="1"/>`; !strings.Contains(got, want) {
		t.Errorf("no %s in\n%s", want, got)
	}
}

func TestScale(t *testing.T) {
	for _, c := range []struct{ min, max, lo, hi, wantLo, wantHi float64 }{
		{0, 100, 3, 7, 0, 100},
		{0, 0, 3, 7, 3, 7},
		{0, 0, .2, 9.1, 0, 10},
		{0, 0, 5, 5, 2.5, 7.5},
		{0, 0, 0, 0, -1, 1},
		{9, 1, 0, 40, 0, 40},
	} {
		lo, hi := scale(c.min, c.max, c.lo, c.hi, false)
		if lo != c.wantLo || hi != c.wantHi {
			t.Errorf("scale(%v, %v, %v, %v) = %v, %v, want %v, %v", c.min, c.max, c.lo, c.hi, lo, hi, c.wantLo, c.wantHi)
		}
	}
}

func TestFit(t *testing.T) {
	if got := fit("payments", 12, 200); got != "payments" {
		t.Errorf("got %q, want it whole", got)
	}
	got := fit("artist-relations-and-something", 12, 90)
	if !strings.HasSuffix(got, "…") || width(got, 12) > 90 {
		t.Errorf("got %q, %v px wide", got, width(got, 12))
	}
	if got := fit("ñandú", 12, 1); got != "…" {
		t.Errorf("got %q where nothing fits", got)
	}
}

const hostile = `"><script>alert(1)</script><a href='x' onclick=`

// filled is one of each chart with s in every text.
func filled(s string) []drawing {
	w := Words{Table: s, NoData: s, When: s, More: func(int) string { return s }, Icon: func(id string) string { return s + id }}
	f := func(float64) string { return s }
	series := []Series{{Name: s, Class: s, Label: s, Y: []float64{1, 2}}}
	x := []string{s, s}
	mark, band, target := []Mark{{Label: s, Tip: s, Class: s}}, []Band{{Class: s, Label: s, To: 1}}, &Target{V: 1, Label: s}
	node := Node{ID: s, Name: s, Sub: s, State: State(s), Icon: s, Href: s, Tip: s}
	link := Link{Node: node, Relation: s, Note: s, Edge: State(s)}
	heads := [3]string{s, s, s}
	branch := Branch{Name: s, Sub: s, Href: s, Icon: s, State: State(s)}
	return []drawing{
		Line{Name: s, Caption: s, X: x, XName: s, Format: f, Series: series, Marks: mark, Bands: band, Target: target, Left: s, Right: s, Legend: true, Words: w},
		Line{Name: s, Caption: s, Words: w},
		Bars{Name: s, Caption: s, X: x, XName: s, Format: f, Series: series, Marks: mark, Bands: band, Target: target, Left: s, Right: s, Legend: true, Words: w},
		Spark{Y: []float64{1, 2}, State: s, Tip: s},
		Range{P50: 1, Max: 2, State: s, Tip: s},
		Polygon{Name: s, Axes: []Axis{{Label: s, Sub: s, Tip: s}}, Shapes: Shapes{s, s, s, s}, Format: f, Words: w},
		Radar{Name: s, Rings: x, Segments: x, Blips: []Blip{{Name: s, State: BlipState(s), Move: Move(s), Href: s, Tip: s}}, Words: w},
		Radar{Name: s, Rings: x, Segments: []string{s, s, s, s}, Blips: []Blip{{Name: s}}},
		Deps{Name: s, Me: node, In: []Link{link, link, link}, Out: []Link{link}, Limit: 2, InTitle: s, MeTitle: s, OutTitle: s, InMore: s, Heads: heads, Words: w},
		Graph{Name: s, Nodes: []Node{node, {ID: "b", Name: s}}, Edges: []Edge{{From: s, To: "b", Relation: s, Class: s, Tip: s, State: State(s)}}, Heads: heads, More: s, Words: w},
		Tree{Name: s, Roots: []Branch{branch, {Name: s, Children: []Branch{branch}}}, Words: w},
	}
}

func TestEveryTextIsEscaped(t *testing.T) {
	for _, d := range filled(hostile) {
		got := string(d.HTML())
		wellFormed(t, got)
		if strings.Contains(got, "<script") || strings.Contains(got, "<a href='x'") {
			t.Errorf("%T: markup got through:\n%s", d, got)
		}
	}
}

func FuzzTexts(f *testing.F) {
	f.Add("plain")
	f.Add(hostile)
	f.Add("--pl:1rem;color:red")
	f.Add("\xff\x00é")
	known := make(map[string]bool)
	for _, s := range []string{"", "x", "bad", "plain text"} {
		for _, d := range filled(s) {
			for _, tag := range tags(d) {
				known[tag] = true
			}
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, d := range filled(s) {
			for _, tag := range tags(d) {
				if !known[tag] {
					t.Errorf("%T with %q has a <%s>", d, s, tag)
				}
			}
		}
	})
}

var tagName = regexp.MustCompile(`<([a-zA-Z]+)`)

func tags(d drawing) []string {
	var out []string
	for _, m := range tagName.FindAllStringSubmatch(string(d.HTML()), -1) {
		out = append(out, m[1])
	}
	return out
}

func TestEveryMarkHasATitle(t *testing.T) {
	got := string(samples["line"].HTML())
	for _, class := range []string{`class="hit"`, `class="mark mark-bad"`} {
		i := strings.Index(got, class)
		if i < 0 || !strings.Contains(got[i:min(len(got), i+400)], "<title>") {
			t.Errorf("no title in %s of\n%s", class, got)
		}
	}
}

// What is counted has no fractions on its axis, however few or many it is.
func TestWholeAxes(t *testing.T) {
	for hi := 1.0; hi < 3000; hi++ {
		lo, top := scale(0, 0, 0, hi, true)
		ticks := yTicks(nil, lo, top, true)
		if lo != 0 || top < hi || len(ticks) < 2 || len(ticks) > 7 {
			t.Errorf("up to %v: from %v to %v with %v", hi, lo, top, ticks)
		}
		for _, v := range ticks {
			if v != math.Trunc(v) {
				t.Errorf("up to %v: a tick at %v", hi, v)
			}
		}
	}
	one := Bars{Name: "x", X: []string{"a", "b"}, Whole: true, Series: []Series{{Name: "n", Y: []float64{1, 0}}}}
	if got := string(one.HTML()); strings.Contains(got, ">0.5<") || !strings.Contains(got, ">1<") {
		t.Errorf("one thing is drawn with fractions: %s", got)
	}
}
