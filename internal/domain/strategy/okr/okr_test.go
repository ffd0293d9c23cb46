package okr

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
)

func p(x float64) *float64 { return &x }

func up(start, target float64) Goal {
	d := Up
	if target < start {
		d = Down
	}
	return Goal{Kind: Metric, Direction: d, Start: start, Target: target}
}

func band(low, high *float64, tolerance float64) Goal {
	return Goal{Kind: Metric, Direction: Keep, Low: low, High: high, Tolerance: tolerance}
}

func close(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestProgress(t *testing.T) {
	ordinal, milestones := Goal{Kind: Ordinal}, Goal{Kind: Milestone, Milestones: 4}
	for _, c := range []struct {
		name  string
		g     Goal
		value float64
		want  float64
	}{
		{"up, half way", up(0, 10), 5, 0.5},
		{"up, at the start", up(40, 80), 40, 0},
		{"up, below the start", up(40, 80), 20, 0},
		{"up, beyond the target", up(40, 80), 90, 1},
		{"down, one third", up(94, 64), 84, 1.0 / 3},
		{"down, worse than the start", up(94, 64), 100, 0},
		{"down, beyond", up(94, 64), 10, 1},
		{"down to zero", up(17, 0), 3, 14.0 / 17},
		{"over zero", up(-5, 5), 0, 0.5},
		{"below zero", up(-10, -20), -15, 0.5},
		{"no number", up(0, 10), math.NaN(), 0},
		{"endless", up(0, 10), math.Inf(1), 0},
		{"inside a band", band(p(10), p(20), 0), 20, 1},
		{"a little below a band", band(p(10), p(20), 0), 9, 0.9},
		{"above a band by its width", band(p(10), p(20), 0), 30, 0},
		{"far from a band", band(p(10), p(20), 0), 300, 0},
		{"band with a tolerance", band(p(10), p(20), 2), 21, 0.5},
		{"band without a high end", band(p(10), nil, 5), 1e9, 1},
		{"band without a low end", band(nil, p(10), 5), 12.5, 0.5},
		{"a point with a tolerance", band(p(3), p(3), 1), 3.25, 0.75},
		{"no step", ordinal, 0, 0},
		{"commit", ordinal, 1, 0.3},
		{"target", ordinal, 2, 0.7},
		{"stretch", ordinal, 3, 1},
		{"more than there are", ordinal, 9, 1},
		{"below", ordinal, -1, 0},
		{"milestones", milestones, 1, 0.25},
		{"all milestones", milestones, 4, 1},
	} {
		if err := c.g.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := c.g.Progress(c.value); !close(got, c.want) {
			t.Errorf("%s: progress %v, want %v", c.name, got, c.want)
		}
	}
}

func TestGoalsThatSayNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		g    Goal
		part string
		want error
	}{
		{"start = target", up(5, 5), "target", ErrSame},
		{"the other way", Goal{Kind: Metric, Direction: Up, Start: 9, Target: 5}, "direction", ErrDirection},
		{"the other way down", Goal{Kind: Metric, Direction: Down, Start: 5, Target: 9}, "direction", ErrDirection},
		{"no number", up(0, math.NaN()), "target", ErrNumber},
		{"too far apart", up(-math.MaxFloat64, math.MaxFloat64), "target", ErrNumber},
		{"no band", band(nil, nil, 1), "low", ErrBand},
		{"band upside down", band(p(3), p(2), 0), "low", ErrBandOrder},
		{"band of no width", band(p(3), p(3), 0), "tolerance", ErrTolerance},
		{"half a band without a tolerance", band(p(3), nil, 0), "tolerance", ErrTolerance},
		{"negative tolerance", band(p(3), p(4), -1), "tolerance", ErrNumber},
		{"no milestones", Goal{Kind: Milestone}, "milestones", ErrNone},
	} {
		err := c.g.Check()
		var g *GoalError
		if !errors.Is(err, c.want) || !errors.As(err, &g) || g.Part != c.part {
			t.Errorf("%s: %v, want %s: %v", c.name, err, c.part, c.want)
		}
	}
	for _, g := range []Goal{{}, {Kind: Metric, Start: 1, Target: 2}, {Kind: "okr"}} {
		if g.Check() == nil {
			t.Errorf("%+v passes", g)
		}
	}
}

func randomGoal(r *rand.Rand) Goal {
	x := func() float64 { return math.Round((r.Float64()-0.5)*2000) / 10 }
	switch r.IntN(4) {
	case 0:
		return Goal{Kind: Ordinal}
	case 1:
		return Goal{Kind: Milestone, Milestones: 1 + r.IntN(9)}
	case 2:
		low := x()
		return band(p(low), p(low+1+100*r.Float64()), r.Float64()*20)
	}
	return up(x(), x())
}

// Progress lies between 0 and 1, is 0 at the start and 1 at the target, never
// falls on the way, and does not depend on the unit.
func TestProgressProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		g := randomGoal(r)
		if g.Check() != nil {
			continue
		}
		v, w := (r.Float64()-0.5)*400, (r.Float64()-0.5)*400
		got := g.Progress(v)
		if !(got >= 0 && got <= 1) {
			t.Fatalf("%+v at %v: %v", g, v, got)
		}
		if g.Kind == Metric && g.Direction != Keep {
			if g.Progress(g.Start) != 0 || g.Progress(g.Target) != 1 {
				t.Fatalf("%+v: %v at the start, %v at the target", g, g.Progress(g.Start), g.Progress(g.Target))
			}
			nearer := (w-v)*(g.Target-g.Start) >= 0
			if nearer != (g.Progress(w) >= got) && g.Progress(w) != got {
				t.Fatalf("%+v: %v at %v and %v at %v", g, got, v, g.Progress(w), w)
			}
			scaled := up(g.Start*3+7, g.Target*3+7)
			if !close(scaled.Progress(v*3+7), got) {
				t.Fatalf("%+v: another unit gives %v, not %v", g, scaled.Progress(v*3+7), got)
			}
			mirror := up(-g.Start, -g.Target)
			if !close(mirror.Progress(-v), got) {
				t.Fatalf("%+v: the mirror gives %v, not %v", g, mirror.Progress(-v), got)
			}
		}
	}
}

func TestZones(t *testing.T) {
	for x, want := range map[float64]Zone{0: Fail, 0.29999: Fail, 0.3: Commit, 0.69999: Commit, 0.7: Target, 0.99999: Target, 1: Stretch} {
		if got := ZoneOf(p(x)); got != want {
			t.Errorf("%v lies in %s, want %s", x, got, want)
		}
	}
	if ZoneOf(nil) != Fail || ZoneOf(p(math.NaN())) != Fail {
		t.Error("what is not known is in a better zone than fail")
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		all := make([]*float64, r.IntN(40))
		for i := range all {
			if r.IntN(8) > 0 {
				all[i] = p(math.Round(r.Float64()*20) / 20)
			}
		}
		sum := 0
		for _, n := range CountZones(all) {
			sum += n
		}
		if sum != len(all) {
			t.Fatalf("the counts of %d key results add up to %d", len(all), sum)
		}
	}
}

func TestScore(t *testing.T) {
	for _, c := range []struct {
		name  string
		parts []Part
		want  *float64
	}{
		{"nothing", nil, nil},
		{"plain mean", []Part{{nil, p(0.2)}, {nil, p(0.7)}}, p(0.45)},
		{"a missing weight is 1", []Part{{p(3), p(0)}, {nil, p(1)}}, p(0.25)},
		{"all weights missing", []Part{{nil, p(1)}, {nil, p(1)}}, p(1)},
		{"what is not known is not reached", []Part{{nil, p(1)}, {nil, nil}}, p(0.5)},
		{"the sample's second objective", []Part{{nil, p(0.39)}, {nil, p(0.72)}, {nil, p(0)}}, p(0.37)},
	} {
		got := Score(c.parts)
		if (got == nil) != (c.want == nil) || got != nil && !close(*got, *c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// A score lies between its parts, does not depend on their order nor on a common
// factor of the weights, and rises when a part does.
func TestScoreProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		parts := make([]Part, 1+r.IntN(7))
		lo, hi := 1.0, 0.0
		for i := range parts {
			parts[i].Progress = p(r.Float64())
			parts[i].Weight = p(0.1 + 5*r.Float64())
			lo, hi = min(lo, *parts[i].Progress), max(hi, *parts[i].Progress)
		}
		s := *Score(parts)
		if s < lo-1e-12 || s > hi+1e-12 {
			t.Fatalf("score %v of parts between %v and %v", s, lo, hi)
		}
		other := make([]Part, len(parts))
		for i, j := range r.Perm(len(parts)) {
			other[i] = Part{p(*parts[j].Weight * 4), parts[j].Progress}
		}
		if !close(*Score(other), s) {
			t.Fatalf("another order gives %v, not %v", *Score(other), s)
		}
		i := r.IntN(len(parts))
		parts[i].Progress = p(*parts[i].Progress + 0.01)
		if *Score(parts) <= s {
			t.Fatal("a better part gives no better score")
		}
	}
}

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err) // the zones are compiled in
	}
	return z
}

func TestElapsed(t *testing.T) {
	madrid, auckland := zone(t, "Europe/Madrid"), zone(t, "Pacific/Auckland")
	at := func(s string) time.Time {
		x, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	q3 := Span{day("2026-07-01"), day("2026-09-30"), madrid}
	for _, c := range []struct {
		name   string
		s      Span
		at     string
		day, n int
	}{
		{"the first minute", q3, "2026-06-30T22:00:00Z", 1, 92},
		{"the minute before", q3, "2026-06-30T21:59:59Z", 0, 92},
		{"the day of the sample", q3, "2026-09-22T07:30:00Z", 84, 92},
		{"the last minute", q3, "2026-09-30T21:59:59Z", 92, 92},
		{"over", q3, "2026-09-30T22:00:00Z", 93, 92},
		{"far east", Span{day("2026-07-01"), day("2026-09-30"), auckland}, "2026-06-30T12:00:00Z", 1, 92},
		{"a leap day", Span{day("2028-01-01"), day("2028-03-31"), nil}, "2028-02-29T12:00:00Z", 60, 91},
		{"the day after it", Span{day("2028-01-01"), day("2028-03-31"), nil}, "2028-03-01T12:00:00Z", 61, 91},
		{"no leap day", Span{day("2026-01-01"), day("2026-03-31"), nil}, "2026-03-01T12:00:00Z", 60, 90},
		{"a leap year", Span{day("2028-01-01"), day("2028-12-31"), nil}, "2028-12-31T12:00:00Z", 366, 366},
		{"the clock is put back", Span{day("2026-10-01"), day("2026-12-31"), madrid}, "2026-10-25T22:30:00Z", 25, 92},
		{"one day", Span{day("2026-10-01"), day("2026-10-01"), nil}, "2026-10-01T08:00:00Z", 1, 1},
	} {
		if got := c.s.Day(at(c.at)); got != c.day || c.s.Days() != c.n {
			t.Errorf("%s: day %d of %d, want %d of %d", c.name, got, c.s.Days(), c.day, c.n)
		}
		if got, want := c.s.Elapsed(at(c.at)), clamp01(float64(c.day)/float64(c.n)); !close(got, want) {
			t.Errorf("%s: elapsed %v, want %v", c.name, got, want)
		}
	}
	if got := q3.End(); !got.Equal(at("2026-09-30T22:00:00Z")) {
		t.Errorf("the quarter ends at %s", got)
	}
	for d, was := day("2026-06-01"), -1.0; d.Before(day("2026-11-01")); d = d.AddDate(0, 0, 1) {
		e := q3.Elapsed(d.Add(12 * time.Hour))
		if e < was || e < 0 || e > 1 {
			t.Fatalf("on %s elapsed is %v, and was %v", d.Format(time.DateOnly), e, was)
		}
		was = e
	}
}

func TestStand(t *testing.T) {
	g, keep := up(0, 100), band(p(10), p(20), 10)
	for _, c := range []struct {
		g                 Goal
		progress, elapsed float64
		want              Standing
	}{
		{g, 0.94, 0.91, OnTrack}, {g, 0.39, 0.91, OffTrack}, {g, 0.73, 0.91, AtRisk}, {g, 1, 0.2, Met}, {g, 0, 0, OnTrack},
		{g, 0.9, 1, OnTrack}, {g, 0.899, 1, AtRisk}, {g, 0.8, 1, AtRisk}, {g, 0.799, 1, OffTrack},
		{g, 0.4, 0.5, OnTrack}, {g, 0.3, 0.5, AtRisk},
		{keep, 1, 0.5, OnTrack}, {keep, 1, 1, Met}, {keep, 0.95, 0.1, AtRisk}, {keep, 0.8, 0.1, AtRisk}, {keep, 0.7, 0.1, OffTrack},
	} {
		if got := c.g.Stand(c.progress, c.elapsed); got != c.want {
			t.Errorf("progress %v with %v of the time over is %s, want %s", c.progress, c.elapsed, got, c.want)
		}
	}
}

// Nothing is green but on live evidence, whatever the numbers say.
func TestShow(t *testing.T) {
	for _, s := range Standings {
		for _, trust := range []Trust{Live, Word, Stale, None} {
			shown, green := Show(s, trust)
			if green && (trust != Live || s != Met && s != OnTrack) {
				t.Errorf("%s on %s is green", s, trust)
			}
			if trust == None && shown != Unknown || trust == Stale && (shown == OnTrack || shown == Met) {
				t.Errorf("%s on %s is shown as %s", s, trust, shown)
			}
		}
	}
	if s, green := Show(OnTrack, Live); s != OnTrack || !green {
		t.Errorf("on track on live evidence is %s, green %v", s, green)
	}
	if s, _ := Show(OffTrack, Stale); s != OffTrack {
		t.Errorf("off track on stale evidence is %s", s)
	}
}

func TestWorst(t *testing.T) {
	if Worst(nil) != Unknown || Worst([]Standing{Met, OnTrack}) != OnTrack || Worst([]Standing{AtRisk, Unknown, Met}) != Unknown || Worst([]Standing{Unknown, OffTrack}) != OffTrack {
		t.Error("the worst is not the worst")
	}
}

func TestDiverges(t *testing.T) {
	n := func(x int) *int { return &x }
	check := func(at string, confidence *int, pace *float64) Check { return Check{day(at), confidence, pace} }
	late, fine := p(-0.3), p(-0.1)
	for _, c := range []struct {
		name   string
		checks []Check
		want   bool
	}{
		{"none", nil, false},
		{"one", []Check{check("2026-08-01", n(9), late)}, false},
		{"two", []Check{check("2026-08-01", n(7), late), check("2026-08-08", n(8), late)}, true},
		{"given in another order", []Check{check("2026-08-08", n(8), late), check("2026-08-01", n(7), late), check("2026-07-01", n(1), fine)}, true},
		{"the last is honest", []Check{check("2026-08-01", n(9), late), check("2026-08-08", n(6), late)}, false},
		{"on time", []Check{check("2026-08-01", n(9), late), check("2026-08-08", n(9), fine)}, false},
		{"at the bound", []Check{check("2026-08-01", n(9), p(-0.2)), check("2026-08-08", n(9), late)}, false},
		{"no confidence", []Check{check("2026-08-01", nil, late), check("2026-08-08", n(9), late)}, false},
		{"no pace", []Check{check("2026-08-01", n(9), nil), check("2026-08-08", n(9), late)}, false},
	} {
		if got := Diverges(c.checks); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func series(values ...float64) []Point {
	var out []Point
	for i, v := range values {
		out = append(out, Point{day("2026-07-01").AddDate(0, 0, 7*i), v})
	}
	return out
}

func TestAtClose(t *testing.T) {
	close10 := day("2026-07-01").AddDate(0, 0, 70)
	line := series(0, 7, 14, 21, 28, 35)
	f, ok := AtClose(up(0, 70), line, close10)
	if !ok || !close(f.Slope, 1) || !close(f.Value, 70) || !close(f.Progress, 1) || f.Lines != 15 || f.Short != 0 || !close(f.Miss, 1.0/17) {
		t.Errorf("a straight line goes on as %+v, %v", f, ok)
	}
	if f, _ := AtClose(up(0, 140), line, close10); !close(f.Progress, 0.5) || !close(f.Miss, 16.0/17) {
		t.Errorf("half of the way is %+v", f)
	}
	wild := series(0, 7, 14, 900, 28, 35, 42)
	if f, _ := AtClose(up(0, 70), wild, close10); math.Abs(f.Slope-1) > 0.2 || math.Abs(f.Value-70) > 10 {
		t.Errorf("one wild value gives %+v", f)
	}
	if _, ok := AtClose(up(0, 70), line[:5], close10); ok {
		t.Error("five points gave a forecast")
	}
	same := append(series(1, 2, 3, 4, 5), Point{day("2026-07-01"), 9})
	if _, ok := AtClose(up(0, 70), same, close10); ok {
		t.Error("five moments gave a forecast")
	}
	if f, ok := AtClose(up(94, 60), series(94, 90, 84, 80, 74, 70), close10); !ok || f.Slope >= 0 || f.Value >= 60 || f.Progress != 1 {
		t.Errorf("downwards: %+v", f)
	}
	if f, ok := AtClose(band(p(10), p(20), 0), series(12, 13, 14, 15, 16, 17), close10); !ok || f.Progress != 1-(f.Value-20)/10 || f.Miss < 0.9 {
		t.Errorf("a band that is left: %+v", f)
	}
}

// A forecast is clamped, is the same for the points in any order, and the miss
// probability is never sure.
func TestAtCloseProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	end := day("2026-09-30")
	for range 1000 {
		g := randomGoal(r)
		if g.Check() != nil {
			continue
		}
		points := make([]Point, ForecastLeast+r.IntN(30))
		for i := range points {
			points[i] = Point{day("2026-07-01").Add(time.Duration(r.IntN(80*24)) * time.Hour), (r.Float64() - 0.5) * 300}
		}
		f, ok := AtClose(g, points, end)
		if !ok {
			continue
		}
		if f.Progress < 0 || f.Progress > 1 || f.Miss <= 0 || f.Miss >= 1 {
			t.Fatalf("%+v", f)
		}
		moments := map[time.Time]bool{}
		for _, x := range points {
			moments[x.At] = true
		}
		if len(moments) < len(points) {
			continue // which of two at one moment is the later follows from the order
		}
		r.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
		if again, _ := AtClose(g, points, end); again != f {
			t.Fatalf("another order gives %+v, not %+v", again, f)
		}
	}
}

func TestGaps(t *testing.T) {
	aims := []Aim{
		{ID: "top", Level: 1, Pillar: "trust", KeyResults: 1},
		{ID: "fine", Level: 2, Parent: "kr-top", KeyResults: 2},
		{ID: "beside", Level: 2, Parent: "fine", KeyResults: 1},
		{ID: "skips", Level: 3, Parent: "top", KeyResults: 1},
		{ID: "upside-down", Level: 1, Parent: "fine", KeyResults: 1},
		{ID: "alone", KeyResults: 1},
		{ID: "empty", Pillar: "trust"},
		{ID: "new", Pillar: "trust", Draft: true},
		{ID: "lost", Parent: "nowhere", KeyResults: 1},
		{ID: "a", Parent: "b", KeyResults: 1}, {ID: "b", Parent: "kr-a", KeyResults: 1}, {ID: "c", Parent: "a", KeyResults: 1},
	}
	results := []Result{{"kr-top", "top", "m1"}, {"kr-a", "a", "m1"}, {"kr-b", "b", ""}, {"kr-c", "c", ""}, {"kr-d", "fine", "m2"}}
	want := []Gap{
		{Orphan, "alone", ""}, {NoResult, "empty", ""}, {LevelSkip, "skips", "top"}, {LevelSkip, "upside-down", "fine"},
		{SameValue, "kr-top", "kr-a"}, {Gone, "lost", "nowhere"}, {Circle, "a", "b"}, {Circle, "b", "kr-a"},
	}
	if diff := cmp.Diff(want, Gaps(aims, results)); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	if got := Gaps(nil, nil); len(got) != 0 {
		t.Errorf("no goals have the gaps %v", got)
	}
}
