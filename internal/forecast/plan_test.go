package forecast

import (
	"math"
	"slices"
	"testing"
	"time"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestCalendar(t *testing.T) {
	c := NewCalendar(Span{day("2026-12-24"), day("2027-01-02")}, Span{day("2026-10-12"), day("2026-10-12")}, Span{day("2026-05-02"), day("2026-05-01")})
	for s, want := range map[string]bool{"2026-12-23": false, "2026-12-24": true, "2027-01-02": true, "2027-01-03": false, "2026-10-12": true, "2026-05-01": false} {
		if got := c.Off(day(s)); got != want {
			t.Errorf("%s is off: %v", s, got)
		}
	}
	for n, want := range map[int]string{0: "2026-12-22", 1: "2026-12-23", 2: "2027-01-03", 3: "2027-01-04"} {
		if got := c.Date(day("2026-12-22"), n); got != day(want) {
			t.Errorf("day %d is %v, want %s", n, got, want)
		}
	}
	for s, want := range map[string]int{"2026-12-21": -1, "2026-12-22": 0, "2026-12-23": 1, "2026-12-31": 1, "2027-01-03": 2} {
		if got := c.Until(day("2026-12-22"), day(s)); got != want {
			t.Errorf("%d days until %s, want %d", got, s, want)
		}
	}
	finished := []time.Time{day("2026-12-22"), day("2026-12-22").Add(20 * time.Hour), day("2026-12-25"), day("2027-01-04"), day("2026-12-21"), day("2027-01-05")}
	if got := c.Samples(day("2026-12-22"), day("2027-01-04"), finished); !slices.Equal(got, []int{2, 1, 0, 1}) {
		t.Errorf("samples %v", got)
	}
	if got := c.Samples(day("2026-12-25"), day("2026-12-26"), finished); len(got) != 0 {
		t.Errorf("days off give the samples %v", got)
	}
	if got := c.DaysOff(day("2026-12-22"), 5); !slices.Equal(got, []int{2, 3, 4, 5}) {
		t.Errorf("days off %v", got)
	}
	spread := c.Spread(day("2026-12-22"), At(2))
	if d, _ := spread.Day(1); d != 12 || spread.By(11) != 0 {
		t.Errorf("the second day that counts is %d days away", d)
	}
	if none := NewCalendar().Spread(day("2026-12-22"), At(2)); none.Last() != 2 {
		t.Errorf("without days off: %v", none)
	}
	always := NewCalendar(Span{day("2026-01-01"), day("2400-01-01")})
	if got := always.Date(day("2026-01-02"), 1); !got.After(day("2045-01-01")) {
		t.Errorf("after a calendar without days comes %v", got)
	}
}

// Magennis' cost of delay exercise (FocusedObjective.Resources): value per
// month, size, and what stands on what; the worksheet's own ranks.
func TestPublishedCD3(t *testing.T) {
	list := []Delay{
		{"Checkout", "", 0, 9}, {"Visa and MC", "Checkout", 1000, 8}, {"AMEX", "Checkout", 5000, 9}, {"Diners", "Checkout", 500, 7},
		{"Bitcoin", "Checkout", 2000, 9}, {"PCI", "", 21000, 5}, {"Fraud", "Visa and MC", 220, 7}, {"Expiring card", "", 2000, 4},
	}
	var candidates []Candidate
	for i := range list {
		list[i].PerDay /= DaysPerMonth
	}
	got := WithChildren(list)
	for _, d := range list {
		candidates = append(candidates, Candidate{d.Name, []float64{got[d.Name], 1}})
	}
	places := Rank(candidates, Each(CD3))
	for i, want := range []struct {
		name  string
		score float64
	}{{"PCI", 140}, {"Checkout", 32.47}, {"AMEX", 18.52}, {"Expiring card", 16.67}, {"Bitcoin", 7.41}, {"Visa and MC", 5.21}, {"Diners", 2.38}, {"Fraud", 1.05}} {
		if p := places[i]; p.Name != want.name || p.Rank != i+1 || math.Abs(p.Score-want.score) > 0.005 {
			t.Errorf("rank %d is %s with %.2f, want %s with %.2f", p.Rank, p.Name, p.Score, want.name, want.score)
		}
	}
	odd := WithChildren([]Delay{{"a", "a", 1, 1}, {"b", "gone", 1, 0}, {"c", "", 0, 0}, {"d", "c", 6, 2}})
	if odd["a"] != 1 || !math.IsNaN(odd["b"]) || odd["c"] != 3 || odd["d"] != 3 {
		t.Errorf("odd cases: %v", odd)
	}
}

func TestScores(t *testing.T) {
	for _, c := range []struct {
		score Score
		in    []float64
		want  float64
	}{
		{RICE, []float64{500, 2, 0.8, 4}, 200}, {RICE, []float64{500, 2, 0.8, 0}, math.NaN()}, {WSJF, []float64{8, 5, 3, 2}, 8}, {WSJF, []float64{0, 0, 0, 2}, 0},
		{CD3, []float64{700, 5}, 140}, {CD3, []float64{700, -5}, math.NaN()},
	} {
		if got := c.score(c.in); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%v scores %v, want %v", c.in, got, c.want)
		}
	}
}

func TestRankStability(t *testing.T) {
	places := Rank([]Candidate{{"close", []float64{11, 1}}, {"far", []float64{1, 1}}, {"near", []float64{10, 1}}, {"unknown", nil}, {"twin", []float64{10, 1}}}, Each(CD3))
	var names []string
	for _, p := range places {
		names = append(names, p.Name)
	}
	if !slices.Equal(names, []string{"close", "near", "twin", "far", "unknown"}) {
		t.Fatalf("order %v", names)
	}
	for i, want := range []struct {
		rank, best, worst int
		firm              bool
	}{{1, 1, 3, false}, {2, 1, 3, false}, {2, 1, 3, false}, {4, 4, 4, true}, {0, 0, 0, true}} {
		p := places[i]
		if p.Rank != want.rank || p.Best != want.best || p.Worst != want.worst || p.Firm() != want.firm {
			t.Errorf("%s: rank %d from %d to %d, want %+v", p.Name, p.Rank, p.Best, p.Worst, want)
		}
	}
	if f := places[0].Flips; len(f) == 0 || f[0].Of != "close" || f[0].Input != 0 || f[0].Factor != 0.75 || f[0].Rank != 3 {
		t.Errorf("flips %+v", f)
	}
}

func TestCalibrate(t *testing.T) {
	if c := Calibrate(nil); c != (Calibration{Widen: 1}) {
		t.Errorf("nothing: %+v", c)
	}
	// Ten things promised for day 10 at 85 %, that took 6 to 15 days.
	var list []Outcome
	for i := range 10 {
		list = append(list, Outcome{Of: string(rune('a' + i)), Promised: [4]int{7, 8, 10, 12}, Took: 6 + i, Wanted: i < 4, Chance: 0.8, Met: i != 0})
	}
	c := Calibrate(list)
	want := Calibration{Things: 10, Forecasts: 10, Hits: [4]float64{0.2, 0.3, 0.5, 0.7}, Wanted: 4, Brier: (3*0.04 + 0.64) / 4, Widen: 1.5}
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
	if c.Things != want.Things || c.Wanted != want.Wanted || !near(c.Brier, want.Brier) || !near(c.Widen, want.Widen) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	for i := range c.Hits {
		if !near(c.Hits[i], want.Hits[i]) {
			t.Errorf("hits %v, want %v", c.Hits, want.Hits)
		}
	}
	// A thing forecast daily counts once.
	for range 50 {
		list = append(list, Outcome{Of: "a", Promised: [4]int{1, 1, 1, 1}, Took: 30})
	}
	if again := Calibrate(list); again.Things != 10 || again.Forecasts != 60 || again.Hits[3] < 0.6 || again.Widen != 30 {
		t.Errorf("one thing drowns the others: %+v", again)
	}
	// Too few to learn from, and luck is not paid back.
	if c := Calibrate(list[5:10]); c.Widen != 1 || c.Things != 5 {
		t.Errorf("five things widen by %v", c.Widen)
	}
	if c := Calibrate([]Outcome{{Of: "x", Promised: [4]int{-1, -1, -1, -1}, Took: 3}}); c.Hits != [4]float64{} || c.Widen != 1 {
		t.Errorf("without dates: %+v", c)
	}
}

// Widened by what was learned, 85 % dates hold for new work of the same kind.
func TestWideningHolds(t *testing.T) {
	rnd := NewRand(11)
	optimist := func() Outcome { // promises day 20, takes 10 to 49
		return Outcome{Promised: [4]int{15, 18, 20, 25}, Took: 10 + rnd.Below(40)}
	}
	held, all := 0, 0
	for range 300 {
		var past []Outcome
		for i := range 25 {
			o := optimist()
			o.Of = string(rune('a' + i))
			past = append(past, o)
		}
		widen := Calibrate(past).Widen
		if next := optimist(); float64(next.Took) <= widen*float64(next.Promised[2]) {
			held++
		}
		all++
	}
	if share := float64(held) / float64(all); share < 0.80 || share > 0.95 {
		t.Errorf("the widened dates held in %.2f of the cases", share)
	}
}

func TestEffective(t *testing.T) {
	for _, c := range []struct {
		p    People
		want float64
	}{{People{5, 0.1, 0.9, 0.7}, 2.835}, {People{5, 0, 1, 1}, 5}, {People{5, 2, 1, 1}, 0}, {People{-1, 0, 1, 1}, 0}} {
		if got := c.p.Effective(); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v is worth %v people, want %v", c.p, got, c.want)
		}
	}
	for weeks, want := range map[float64]float64{-1: 0, 0: 0, 6.5: 0.5, 13: 1, 40: 1} {
		if got := Ramp(weeks); got != want {
			t.Errorf("after %v weeks %v, want %v", weeks, got, want)
		}
	}
}

func TestLoad(t *testing.T) {
	supply := []Supply{{"pay", day("2026-10-01"), 60}, {"pay", day("2026-11-01"), 40}, {"pay", day("2026-12-01"), 0}, {"ops", day("2026-10-01"), 10}, {"ops", day("2026-09-01"), 10}}
	demand := []Demand{
		{"first", "pay", day("2026-10-01"), day("2026-11-30"), 61}, // 31 in October, 30 in November
		{"second", "pay", day("2026-10-01"), day("2026-11-30"), 30.5},
		{"late", "pay", day("2026-12-05"), day("2026-12-01"), 5},
		{"elsewhere", "unknown", day("2026-10-01"), day("2026-10-31"), 5},
		{"before", "ops", day("2026-01-01"), day("2026-01-31"), 500},
	}
	cells, breaks := Load(day("2026-10-17"), 3, supply, demand)
	if len(cells) != 9 {
		t.Fatalf("%d cells", len(cells))
	}
	by := map[string]Cell{}
	for _, c := range cells {
		by[c.Team+c.Month.Format("2006-01")] = c
	}
	for key, want := range map[string]struct {
		need, load float64
		breaks     string
	}{"pay2026-10": {46.5, 0.775, ""}, "pay2026-11": {45, 1.125, "second"}, "pay2026-12": {5, math.Inf(1), "late"}, "ops2026-10": {0, 0, ""}, "unknown2026-10": {5, math.Inf(1), ""}} {
		c := by[key]
		if math.Abs(c.Need-want.need) > 1e-9 || math.Abs(c.Load()-want.load) > 1e-9 && c.Load() != want.load || c.Breaks != want.breaks || c.Over() != (want.breaks != "") {
			t.Errorf("%s: need %v, load %v, breaks %q; want %+v", key, c.Need, c.Load(), c.Breaks, want)
		}
	}
	if len(breaks) != 1 || breaks[0] != (Break{"pay", day("2026-11-01"), "second"}) {
		t.Errorf("breaks %v", breaks)
	}
}
