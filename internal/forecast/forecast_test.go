package forecast

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// fromMap makes a distribution of runs by the day they ended on.
func fromMap(byDay map[int]int) Dist {
	if len(byDay) == 0 {
		return Dist{}
	}
	counts, all := make([]int, slices.Max(slices.Collect(maps.Keys(byDay)))+1), 0
	for day, n := range byDay {
		counts[day] = n
		all += n
	}
	return FromCounts(counts, all)
}

// toMap shares runs out to the days of d by largest remainder, the earlier day
// first: how Lighthouse keeps a distribution.
func toMap(d Dist, runs int) map[int]int {
	type share struct {
		day, n int
		rest   float64
	}
	var shares []share
	left := runs
	for day := 0; day <= d.Last(); day++ {
		if exact := d.On(day) * float64(runs); exact > 1e-9 {
			n := int(math.Floor(exact + 1e-9))
			shares = append(shares, share{day, n, exact - float64(n)})
			left -= n
		}
	}
	slices.SortStableFunc(shares, func(a, b share) int {
		if math.Abs(a.rest-b.rest) > 1e-9 {
			return cmp.Compare(b.rest, a.rest)
		}
		return a.day - b.day
	})
	out := map[int]int{}
	for i, s := range shares {
		if i < left {
			s.n++
		}
		if s.n > 0 {
			out[s.day] = s.n
		}
	}
	return out
}

// The exact cases of Lighthouse's JointCompletionDistributionTest and of its
// ComonotonicCompletionDistributionTest.
func TestPublishedJoint(t *testing.T) {
	type h = map[int]int
	team := h{1: 5000, 2: 2500, 3: 2500}
	crossing := []h{{8: 500, 9: 9000, 10: 500}, {2: 4000, 9: 3000, 20: 3000}}
	for _, c := range []struct {
		name  string
		of    func(...Dist) Dist
		in    []h
		runs  int
		want  h
		empty bool
	}{
		{name: "two alike", of: All, in: []h{team, team}, runs: 10000, want: h{1: 2500, 2: 3125, 3: 4375}},
		{name: "one", of: All, in: []h{{4: 2, 7: 1, 5: 3, 9: 1, 3: 1, 6: 2}}, runs: 10, want: h{4: 2, 7: 1, 5: 3, 9: 1, 3: 1, 6: 2}},
		{name: "early and late", of: All, in: []h{{2: 10}, {1: 5, 4: 5}}, runs: 10, want: h{2: 5, 4: 5}},
		{name: "a remainder", of: All, in: []h{{1: 1, 2: 2}, {1: 1, 2: 1}}, runs: 3, want: h{1: 1, 2: 2}},
		{name: "one unknown", of: All, in: []h{{1: 5, 4: 5}, {}}, runs: 10, want: h{1: 5, 4: 5}},
		{name: "none known", of: All, in: []h{{}, {}}, empty: true},
		{name: "none", of: All, empty: true},
		{name: "crossing", of: All, in: crossing, runs: 10000, want: h{8: 200, 9: 6450, 10: 350, 20: 3000}},
		{name: "crossing, the other way round", of: All, in: []h{crossing[1], crossing[0]}, runs: 10000, want: h{8: 200, 9: 6450, 10: 350, 20: 3000}},
		{name: "together, crossing", of: Together, in: []h{{1: 8000, 5: 2000}, {3: 9000, 5: 1000}}, runs: 10000, want: h{3: 8000, 5: 2000}},
		{name: "together, two alike", of: Together, in: []h{team, team}, runs: 10000, want: team},
		{name: "together, early and late", of: Together, in: []h{{2: 10}, {1: 5, 4: 5}}, runs: 10, want: h{2: 5, 4: 5}},
		{name: "together, a remainder", of: Together, in: []h{{1: 1, 2: 2}, {1: 3, 2: 4}}, runs: 7, want: h{1: 2, 2: 5}},
		{name: "together, none", of: Together, empty: true},
	} {
		var dists []Dist
		for _, m := range c.in {
			dists = append(dists, fromMap(m))
		}
		got := c.of(dists...)
		if c.empty {
			if got.Known() {
				t.Errorf("%s: something is known", c.name)
			}
			continue
		}
		if diff := gocmp.Diff(c.want, toMap(got, c.runs)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// Lighthouse's HowManyForecastTest: percentiles and chances of counted runs.
func TestPublishedCounts(t *testing.T) {
	p := make(PMF, 10)
	for n, runs := range map[int]int{9: 1, 3: 1, 7: 2, 5: 4, 4: 2} {
		p[n] = float64(runs) / 10
	}
	for percent, want := range map[int]int{10: 9, 30: 7, 50: 5, 70: 5, 85: 4, 92: 3} {
		if got := p.Least(float64(percent) / 100); got != want {
			t.Errorf("%d %%: %d, want %d", percent, got, want)
		}
	}
	p = PMF{3: 0.1, 5: 0.2, 8: 0.7}
	for n, want := range map[int]float64{3: 1, 4: 0.9, 5: 0.9, 9: 0} {
		if got := p.Reach(n); math.Abs(got-want) > 1e-12 {
			t.Errorf("at least %d: %v, want %v", n, got, want)
		}
	}
}

// Several things are never likelier done than each of them, and independent
// ones never likelier than those that move together.
func TestAllIsLeast(t *testing.T) {
	rnd := NewRand(7)
	for range 50 {
		var dists []Dist
		for range 2 + rnd.Below(4) {
			byDay := map[int]int{}
			for range 2 + rnd.Below(6) {
				byDay[rnd.Below(40)] += 1 + rnd.Below(1000)
			}
			dists = append(dists, fromMap(byDay))
		}
		all, together := All(dists...), Together(dists...)
		for day := range 45 {
			for _, d := range dists {
				if all.By(day) > together.By(day)+1e-12 || together.By(day) > d.By(day)+1e-12 {
					t.Fatalf("day %d: %v, %v, %v", day, all.By(day), together.By(day), d.By(day))
				}
			}
		}
	}
}

func TestSizes(t *testing.T) {
	p := Between(2, 4, 8)
	if m := p.Mean(); m < 4 || m > 5.2 || math.Abs(p.Reach(0)-1) > 1e-12 || p.Reach(2) < 1-1e-12 || p[1] != 0 || p[2] <= 0 || p[8] <= 0 || len(p) != 9 {
		t.Errorf("between 2, 4 and 8: %v", p)
	}
	for _, c := range []struct {
		name string
		got  PMF
		want PMF
	}{
		{"known", Exactly(2), PMF{0, 0, 1}}, {"one", Between(3, 3, 3), Exactly(3)}, {"out of order", Between(3, 2, 1), Exactly(3)},
		{"minus", PMF{0, 0.25, 0.25, 0.5}.Minus(2), PMF{0.5, 0.5}}, {"minus all", Exactly(3).Minus(9), PMF{1}},
		{"at least", PMF{0.5, 0, 0.5}.AtLeast(1), PMF{0, 0.5, 0.5}}, {"at least more", PMF{1}.AtLeast(2), PMF{0, 0, 1}},
	} {
		if !slices.EqualFunc(c.got, c.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}
