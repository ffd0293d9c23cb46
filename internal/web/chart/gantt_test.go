package chart

import (
	"strings"
	"testing"
)

// A chart of no time, of lanes without bars and of bars outside of the scale
// stands all the same.
func TestGanttOdd(t *testing.T) {
	if got := (Gantt{From: gday("2026-01-01"), To: gday("2026-01-01")}).HTML(); got != "" {
		t.Errorf("no time at all draws %s", got)
	}
	g := Gantt{Name: "x", From: gday("2026-01-01"), To: gday("2026-02-01"), Lanes: []Lane{
		{Title: "none"},
		{Title: "odd", Bars: []GanttBar{
			{ID: "before", Title: "before", Href: "/", From: gday("2020-01-01"), To: gday("2020-02-01"), After: []string{"after", "before"}},
			{ID: "after", Title: "after", Href: "/", From: gday("2030-01-01"), To: gday("2030-02-01"), Done: 7},
			{ID: "backwards", Title: "backwards", Href: "/", From: gday("2026-01-20"), To: gday("2026-01-10"), Done: -1},
			{ID: "half", Title: "half", Href: "/", From: gday("2026-01-20")},
		}}}}
	out := string(g.HTML())
	wellFormed(t, out)
	if n := strings.Count(out, `class="g-bar`); n != 4 || strings.Contains(out, "--w:-") || strings.Contains(out, "--done:700") {
		t.Errorf("%d bars in %s", n, out)
	}
	if !strings.Contains(out, "g-later") {
		t.Error("what has no end stands in no column of its own")
	}
}

// Bars that overlap, or whose likely ends do, stand in different rows.
func TestGanttRows(t *testing.T) {
	g := Gantt{Name: "x", From: gday("2026-01-01"), To: gday("2026-12-31"), Lanes: []Lane{{Title: "l", Bars: []GanttBar{
		{ID: "a", Href: "/", From: gday("2026-01-01"), To: gday("2026-02-01"), Likely: gday("2026-04-01")},
		{ID: "b", Href: "/", From: gday("2026-03-01"), To: gday("2026-05-01")},
		{ID: "c", Href: "/", From: gday("2026-05-01"), To: gday("2026-06-01")},
	}}}}
	d := &gantting{g: g, boxes: map[string]span{}, dated: 100}
	d.place()
	for id, row := range map[string]float64{"a": 0, "b": 1, "c": 0} {
		if got := (d.boxes[id].y - ganttPad) / ganttRow; got != row {
			t.Errorf("%s stands in row %v, want %v", id, got, row)
		}
	}
}
