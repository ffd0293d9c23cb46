package chart

import (
	"flag"
	"fmt"
	"html/template"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

var words = Words{
	Table: "Data as table", NoData: "no data", When: "When",
	More: func(n int) string { return fmt.Sprintf("%d more", n) },
}

var gap = math.NaN()

func gday(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func percent(v float64) string { return fmt.Sprintf("%g%%", v) }

// samples are drawn into testdata; one for each chart and each of its forms.
var samples = map[string]interface{ HTML() template.HTML }{
	"line": Line{
		Name: "Error budget left: 82 per cent at first, 18 now", Caption: "Error budget left", Height: 230,
		X: []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}, Min: 0, Max: 100, YTicks: []float64{0, 25, 50, 75, 100}, Format: percent,
		Series: []Series{
			{Name: "Budget left", Class: "1", Y: []float64{82, 64, gap, 43, 18, gap}, Area: true},
			{Name: "At this rate", Class: "bad", Y: []float64{gap, gap, gap, gap, 18, 3}, Dash: true},
		},
		Bands: []Band{{From: 4, To: 5, Class: "band-now", Label: "forecast"}}, Legend: true,
		Target: &Target{V: 25, Label: "below 25%: only changes that reduce risk", Below: true},
		Marks:  []Mark{{At: 3, Label: "INC-207", Tip: "Incident\n22% of the budget", Class: "mark-bad", End: true, Row: 1}},
		Words:  words,
	},
	"line-ends": Line{
		Name: "Lead time falls, review waits", X: []string{"Jan", "Feb", "Mar"},
		Series:  []Series{{Name: "Lead", Label: "Lead time", Y: []float64{9, 7, 4}}, {Name: "Review", Label: "Review", Class: "2", Y: []float64{5, 5, 4.2}}},
		Between: &[2]int{0, 1}, Words: words,
	},
	"bars": Bars{
		Name: "Monthly cost by kind", Caption: "Cost", X: []string{"Oct", "Nov", "Dec"}, Height: 120, Legend: true, XName: "Month",
		Series: []Series{{Name: "Compute", Class: "1", Y: []float64{7.1, 7.2, gap}}, {Name: "Database", Class: "3", Y: []float64{4, .01, 4.2}}},
		Target: &Target{V: 12, Label: "budget"}, Words: words,
	},
	"bars-below": Bars{
		Name: "Against the plan", X: []string{"Q1", "Q2", "Q3"}, Edge: true,
		Series: []Series{{Name: "Over", Class: "bad", Y: []float64{3, 0, 0}}, {Name: "Under", Class: "1", Y: []float64{0, -5, -2}}}, Words: words,
	},
	"spark": Spark{Y: []float64{3, 4, gap, 2, 6}, Target: new(5.0), State: "bad", Tip: "3 to 6"},
	"range": Range{P25: 10, P50: 20, P75: 45, P95: 90, Target: new(24.0), Max: 100, State: "bad", Tip: "median 20 h"},
	"polygon": Polygon{
		Name: "Capability of five processes", Max: 5, Shapes: Shapes{Axis: "Process", Now: "Now", Want: "Target", Was: "Last year"}, Words: words,
		Axes: []Axis{{"APO12", "Risk", "APO12\n2 of 3", 2, 3, 1}, {"APO13", "Security", "APO13", 3, 3, 2}, {"BAI06", "Changes", "BAI06", 4, 3, 4}, {"DSS05", "Services", "DSS05", 1, 4, gap}, {"MEA01", "", "MEA01", gap, 2, 1}},
	},
	"gantt": Gantt{
		Name: "Roadmap", Corner: "Objective", From: gday("2026-07-01"), To: gday("2027-01-01"),
		Ticks:    []DayMark{{At: gday("2026-08-01"), Text: "Aug"}, {At: gday("2026-09-01"), Text: "Sep"}},
		Horizons: []Horizon{{gday("2026-07-01"), gday("2026-10-01"), "Now", "to the day"}, {gday("2026-10-01"), gday("2027-01-01"), "Next", "by weeks"}}, Later: Horizon{Name: "Later", Note: "order only"},
		Today: &DayMark{At: gday("2026-09-22"), Text: "22 Sep"}, Events: []DayMark{{gday("2026-10-01"), "Audit", "ISO audit"}, {gday("2026-12-20"), "Freeze", ""}, {gday("2028-01-01"), "Never drawn", ""}},
		Bands: []DayBand{{gday("2026-12-14"), gday("2026-12-31"), "Change freeze"}},
		Lanes: []Lane{{Title: "Pay & go", Href: "/o", Tags: []LaneTag{{Text: "KR 1", Href: "/k"}, {Text: "KR 2"}}, Bars: []GanttBar{
			{ID: "a", Title: "Tokens", Href: "/a", Tip: "Done", Word: "Done", State: "ok", Kind: "now", From: gday("2026-07-06"), To: gday("2026-08-28"), Done: 1},
			{ID: "b", Title: "Acquirer <2>", Href: "/b", Word: "Unlikely", State: "bad", Kind: "now", From: gday("2026-08-24"), To: gday("2026-10-30"), Likely: gday("2026-11-20"), Done: .38, Tags: []string{"KR 1"}, After: []string{"a", "gone"}, Critical: true},
			{ID: "c", Title: "Idea", Href: "/c", Word: "Idea"},
		}}, {Title: "Empty"}},
		Words: GanttWords{Critical: "critical", Likely: "85 % likely by then"},
	},
	"radar-quadrants": Radar{Name: "Technology radar", Rings: []string{"Adopt", "Trial", "Assess", "Hold"}, Segments: []string{"Techniques", "Tools", "Platforms", "Languages & frameworks"}, Blips: blips(20, 4, 4), Words: words},
	"radar-pie":       Radar{Name: "Radar of five segments", Rings: []string{"Use", "Try", "Leave"}, Segments: []string{"Data", "Infrastructure", "Interface", "Methods", "Languages"}, Blips: blips(15, 5, 3), Words: words},
	"radar-one":       Radar{Name: "Radar of one", Rings: []string{"All"}, Segments: []string{"Everything"}, Blips: blips(5, 1, 1), Words: words},
	"deps": Deps{
		Name: "Two call payments; it depends on three and more", Me: Node{Name: "payments", Sub: "853 calls/s", State: Bad},
		In: []Link{{Node: Node{Name: "booking", State: OK, Href: "/booking"}, Weight: 1, Relation: "calls"}, {Node: Node{Name: "a-very-long-name-of-a-service"}}},
		Out: []Link{
			{Node: Node{Name: "Cardena", Sub: "acquirer", Outside: true, State: Warn}, Edge: Warn, Note: "the only acquirer"},
			{Node: Node{Name: "payment-events", Icon: "i-db"}, Dash: true, Relation: "sends"}, {Node: Node{Name: "ledger"}}, {Node: Node{Name: "identity"}},
		},
		InTitle: "calls payments", MeTitle: "this service", OutTitle: "payments depends on", Limit: 3, OutMore: "/payments/dependencies",
		Heads: [3]string{"From", "Relation", "To"}, Words: words,
	},
	"graph": Graph{
		Name: "What is around payments", Centre: "p",
		Nodes: []Node{{ID: "p", Name: "payments", State: Bad}, {ID: "b", Name: "booking", Href: "/b"}, {ID: "t", Name: "team", Icon: "i-group"}, {ID: "d", Name: "payments-db"}, {ID: "s", Name: "checkout"}, {ID: "k", Name: "kiosk"}, {ID: "far", Name: "apart"}},
		Edges: []Edge{{From: "b", To: "p", Relation: "depends on", Class: "1"}, {From: "p", To: "t", Relation: "owned by", Class: "3"}, {From: "p", To: "d", Relation: "depends on", Class: "1"},
			{From: "p", To: "s", Relation: "part of", Class: "4", Dash: true}, {From: "k", To: "b", Relation: "depends on", Class: "1"}, {From: "b", To: "s", Relation: "part of", Class: "4"}, {From: "d", To: "s", Relation: "part of", State: Bad}},
		Heads: [3]string{"From", "Relation", "To"}, Words: words,
	},
	"tree": Tree{Name: "Organisation", Words: words, Roots: Forest([]Item{
		{ID: "eng", Branch: Branch{Name: "Engineering", Sub: "62 people", Href: "/eng", Icon: "i-group"}},
		{ID: "pay", Parent: "eng", Branch: Branch{Name: "Payments", Current: true, State: Warn}},
		{ID: "web", Parent: "eng", Branch: Branch{Name: "Web"}},
		{ID: "a11y", Parent: "web", Branch: Branch{Name: "<Access>"}},
		{ID: "x", Parent: "y", Branch: Branch{Name: "Circle one"}},
		{ID: "y", Parent: "x", Branch: Branch{Name: "Circle two"}},
	})},
	"nothing": Line{Name: "Nothing yet", Caption: "Cost", Words: words},
}

// blips spreads count blips over the segments and rings, in every state and
// movement.
func blips(count, segments, rings int) []Blip {
	states := []BlipState{Agrees, "", Drift, Against, Unused}
	moves := []Move{"", MoveIn, "", MoveOut, "", MoveNew}
	out := make([]Blip, count)
	for i := range out {
		out[i] = Blip{N: i + 1, Name: fmt.Sprintf("Thing %d", i+1), Segment: i % segments, Ring: i / segments % rings, State: states[i%5], Move: moves[i%6], Href: fmt.Sprintf("#b%d", i+1), Tip: fmt.Sprintf("Thing %d\nin use", i+1)}
	}
	return out
}

func TestGolden(t *testing.T) {
	if len(samples) == 0 {
		t.Fatal("no samples")
	}
	for name, s := range samples {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".html")
			got := string(s.HTML()) + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("drawing changed (look at it, then run with -update):\n%s", diff)
			}
		})
	}
}
