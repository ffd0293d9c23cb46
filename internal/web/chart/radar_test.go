package chart

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// edition is a radar of count blips, spread as real radars are: most in the
// two middle rings.
func edition(count, segments, rings int) Radar {
	r := Radar{Name: "Technology radar"}
	for i := range rings {
		r.Rings = append(r.Rings, fmt.Sprintf("Ring %d", i))
	}
	for i := range segments {
		r.Segments = append(r.Segments, fmt.Sprintf("Segment %d", i))
	}
	middle := []int{1, 2, 1, 0, 1, 2, 2, 3, 1, 0, 2, 1, 3}
	for i := range count {
		r.Blips = append(r.Blips, Blip{N: i + 1, Name: fmt.Sprintf("Thing %d", i), Segment: i % segments, Ring: middle[i/segments%len(middle)] % rings, Href: "/x"})
	}
	return r
}

func places(r Radar) map[string][2]float64 {
	out := make(map[string][2]float64)
	for _, p := range newField(r).place(r.Blips) {
		out[p.Name] = [2]float64{p.x, p.y}
	}
	return out
}

func TestRadarBlipsStandInTheirCell(t *testing.T) {
	for _, c := range [][3]int{{120, 4, 4}, {60, 5, 3}, {30, 1, 2}, {40, 2, 4}, {50, 3, 1}, {90, 8, 6}, {12, 12, 4}} {
		r := edition(c[0], c[1], c[2])
		f := newField(r)
		for _, p := range f.place(r.Blips) {
			ox, oy := f.origin(p.Segment)
			rad := math.Hypot(p.x-ox, p.y-oy)
			if rad < f.radii[p.Ring]-.01 || rad > f.radii[p.Ring+1]+.01 {
				t.Errorf("%v: %s stands %.0f from the centre, its ring is %.0f to %.0f", c, p.Name, rad, f.radii[p.Ring], f.radii[p.Ring+1])
			}
			from, to := f.sweep(p.Segment)
			a := math.Atan2(p.y-oy, p.x-ox)
			for a < from-1e-6 {
				a += 2 * math.Pi
			}
			if a > to+1e-6 {
				t.Errorf("%v: %s stands at %.2f, its segment is %.2f to %.2f", c, p.Name, a, from, to)
			}
		}
	}
}

func TestRadarBlipsDoNotOverlap(t *testing.T) {
	for _, c := range [][3]int{{42, 4, 4}, {120, 4, 4}, {160, 4, 4}, {100, 5, 4}, {80, 3, 3}} {
		r := edition(c[0], c[1], c[2])
		f := newField(r)
		spots := f.place(r.Blips)
		for i, a := range spots {
			for _, b := range spots[:i] {
				if d := math.Hypot(a.x-b.x, a.y-b.y); d < 2*f.size {
					t.Errorf("%v: %s and %s are %.1f apart, their radius is %v", c, a.Name, b.Name, d, f.size)
				}
			}
		}
	}
}

func TestRadarBlipsKeepTheirPlace(t *testing.T) {
	r := edition(100, 4, 4)
	before := places(r)

	more := r
	more.Blips = append(append([]Blip{}, r.Blips...), Blip{Name: "Newcomer", Segment: 1, Ring: 1, Move: MoveNew})
	after := places(more)
	for name, at := range before {
		if after[name] != at {
			t.Errorf("%s moved when something new came", name)
		}
	}

	stayed, total := 0, 0
	for gone := range r.Blips {
		less := r
		less.Blips = append(append([]Blip{}, r.Blips[:gone]...), r.Blips[gone+1:]...)
		for name, at := range places(less) {
			total++
			if before[name] == at {
				stayed++
			}
		}
	}
	if share := float64(stayed) / float64(total); share < .97 {
		t.Errorf("%.1f%% of the others stay when one goes, want 97%%", share*100)
	}
}

func TestRadarIsTheSameInAnyOrder(t *testing.T) {
	r := edition(60, 4, 4)
	want := r.HTML()
	for i, j := 0, len(r.Blips)-1; i < j; i, j = i+1, j-1 {
		r.Blips[i], r.Blips[j] = r.Blips[j], r.Blips[i]
	}
	if r.HTML() != want {
		t.Error("the order of the blips changes the drawing")
	}
}

func TestRadarRingNamesAreFree(t *testing.T) {
	r := edition(90, 3, 4)
	f := newField(r)
	if len(f.names) != 4 {
		t.Fatalf("%d names keep their room, want 4", len(f.names))
	}
	for _, p := range f.place(r.Blips) {
		for _, b := range f.names {
			if p.x > b.x && p.x < b.x+b.w && p.y > b.y && p.y < b.y+b.h {
				t.Errorf("%s stands on the name of a ring", p.Name)
			}
		}
	}
}

func TestRadarMarks(t *testing.T) {
	r := Radar{Name: "R", Rings: []string{"Adopt"}, Segments: []string{"Tools"}, Blips: []Blip{
		{N: 7, Name: "Go", State: Agrees, Move: MoveIn, Href: "/go", Tip: "Go: Adopt\n24 of 41"},
		{N: 8, Name: "PHP 7", State: Against, Move: MoveNew},
	}}
	got := string(r.HTML())
	for _, want := range []string{
		`<a class="blip blip-agrees" href="/go" aria-label="7 Go: Adopt. 24 of 41"><title>Go: Adopt`,
		`class="wedge"`,
		`<g class="blip blip-against" aria-label="8 PHP 7" role="img"><title>PHP 7</title>`,
		`class="halo"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

func TestRadarIsFast(t *testing.T) {
	r := edition(120, 4, 4)
	best := time.Hour
	for range 3 {
		start := time.Now()
		r.HTML()
		best = min(best, time.Since(start))
	}
	if best > 30*time.Millisecond {
		t.Errorf("120 blips took %v, want under 30 ms", best)
	}
}

func BenchmarkRadar(b *testing.B) {
	for _, count := range []int{40, 120, 300} {
		r := edition(count, 4, 4)
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			for b.Loop() {
				r.HTML()
			}
		})
	}
}
