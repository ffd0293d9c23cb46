package claim

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/lang"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestHealth(t *testing.T) {
	day := 24 * time.Hour
	run := func(v Verdict, age time.Duration, change func(*Run)) *Run {
		r := &Run{Verdict: v, AsOf: noon.Add(-age)}
		if change != nil {
			change(r)
		}
		return r
	}
	for _, c := range []struct {
		name   string
		run    *Run
		maxAge time.Duration
		want   Health
	}{
		{"none", nil, day, Missing},
		{"passes", run(Pass, time.Hour, nil), day, Live},
		{"as old as it may be", run(Pass, day-1, nil), day, Live},
		{"a moment older", run(Pass, day, nil), day, Stale},
		{"for ever", run(Pass, 1000*day, nil), 0, Live},
		{"no data", run(NoData, 0, nil), day, Missing},
		{"could not be carried out", run(Failed, 0, nil), day, Missing},
		{"fails", run(Fail, 0, nil), day, Against},
		{"failed long ago and nothing newer", run(Fail, 50*day, nil), day, Against},
		{"a word that ends now", run(Pass, 0, func(r *Run) { r.Until = noon }), 0, Stale},
		{"a word that ends later", run(Pass, 0, func(r *Run) { r.Until = noon.Add(1) }), 0, Live},
		{"excused", run(Fail, 0, func(r *Run) { r.ExcusedBy, r.ExcusedUntil = "exception:default/x", noon.Add(day) }), day, Live},
		{"excused and old", run(Fail, 2*day, func(r *Run) { r.ExcusedBy, r.ExcusedUntil = "exception:default/x", noon.Add(day) }), day, Stale},
		{"excused until now", run(Fail, 0, func(r *Run) { r.ExcusedBy, r.ExcusedUntil = "exception:default/x", noon }), day, Against},
		{"an exception excuses no lack of data", run(NoData, 0, func(r *Run) { r.ExcusedBy, r.ExcusedUntil = "exception:default/x", noon.Add(day) }), day, Missing},
	} {
		if got := c.run.Health(noon, c.maxAge); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestTurns: between now and the moment that turns names the health stays as it
// is, and there it is another.
func TestTurns(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	moment := func() time.Time {
		if rnd.IntN(3) == 0 {
			return time.Time{}
		}
		return noon.Add(time.Duration(rnd.IntN(100)-40) * time.Hour)
	}
	turned := 0
	for range 5000 {
		r := &Run{Verdict: []Verdict{Pass, Fail, NoData}[rnd.IntN(3)], AsOf: noon.Add(-time.Duration(rnd.IntN(60)) * time.Hour), Until: moment()}
		if rnd.IntN(2) == 0 {
			r.ExcusedBy, r.ExcusedUntil = "exception:default/x", moment()
		}
		maxAge := time.Duration(rnd.IntN(80)) * time.Hour
		next := r.turns(noon, maxAge)
		until := next
		if next.IsZero() {
			until = noon.Add(1000 * time.Hour)
		}
		before := r.Health(noon, maxAge)
		for range 20 {
			at := noon.Add(time.Duration(rnd.Int64N(int64(until.Sub(noon)))))
			if got := r.Health(at, maxAge); got != before {
				t.Fatalf("%+v: %s at %s, %s at %s; it should turn at %s", r, before, noon, got, at, next)
			}
		}
		if !next.IsZero() && r.Health(next, maxAge) != before {
			turned++
		}
	}
	if turned < 500 {
		t.Errorf("only %d of the runs turned", turned)
	}
}

func TestJudge(t *testing.T) {
	live, said := Standing{Live, false}, Standing{Live, true}
	stale, missing, against := Standing{Health: Stale}, Standing{Health: Missing}, Standing{Health: Against}
	for _, c := range []struct {
		tests []Standing
		want  State
	}{
		{nil, Unsupported},
		{[]Standing{missing}, Unsupported},
		{[]Standing{missing, missing}, Unsupported},
		{[]Standing{live}, Supported},
		{[]Standing{live, live}, Supported},
		{[]Standing{said}, Weak},
		{[]Standing{live, said}, Weak},
		{[]Standing{stale}, Weak},
		{[]Standing{live, missing}, Weak},
		{[]Standing{stale, missing}, Weak},
		{[]Standing{against}, Contradicted},
		{[]Standing{live, live, against}, Contradicted},
		{[]Standing{missing, against}, Contradicted},
	} {
		if got := Judge(c.tests); got != c.want {
			t.Errorf("%v: %s, want %s", c.tests, got, c.want)
		}
	}
}

// TestGreenIsEarned: a claim is supported only when every test is live and
// nobody's mere word, and worse evidence never makes a better state.
func TestGreenIsEarned(t *testing.T) {
	healths := []Health{Live, Stale, Missing, Against}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		tests := make([]Standing, rnd.IntN(5))
		green := len(tests) > 0
		for i := range tests {
			tests[i] = Standing{healths[rnd.IntN(4)], rnd.IntN(4) == 0}
			green = green && tests[i] == Standing{Live, false}
		}
		got := Judge(tests)
		if (got == Supported) != green {
			t.Fatalf("%v is %s", tests, got)
		}
		if got.With(1) == Supported {
			t.Fatalf("%v in doubt is supported", tests)
		}
		if len(tests) == 0 {
			continue
		}
		i := rnd.IntN(len(tests))
		h := tests[i].Health
		if h == Against {
			continue
		}
		tests[i].Health = Against
		if worse := Judge(tests); got.Worse(worse) {
			t.Fatalf("contrary evidence made %s out of %s", worse, got)
		}
	}
}

// TestDoubtTravels: in any graph, with circles too, a claim is in doubt exactly
// when something it can be walked to from it is.
func TestDoubtTravels(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		n := 2 + rnd.IntN(12)
		g := graph{}
		name := func(i int) string { return string(rune('a' + i)) }
		reach := make([][]bool, n)
		for i := range reach {
			reach[i] = make([]bool, n)
		}
		for range rnd.IntN(2 * n) {
			a, b := rnd.IntN(n), rnd.IntN(n)
			g[name(a)] = append(g[name(a)], name(b))
			reach[a][b] = true
		}
		for k := range n {
			for i := range n {
				for j := range n {
					reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
				}
			}
		}
		bad := map[string]bool{name(rnd.IntN(n)): true, name(rnd.IntN(n)): true}
		for i := range n {
			got := map[string]bool{}
			for _, d := range g.doubts(name(i), func(u string) (Doubt, bool) { return Doubt{UID: u, Ref: u}, bad[u] }) {
				got[d.UID] = true
			}
			for j := range n {
				if want := i != j && reach[i][j] && bad[name(j)]; got[name(j)] != want {
					t.Fatalf("%v: doubt of %s about %s is %t, want %t", g, name(i), name(j), got[name(j)], want)
				}
			}
		}
	}
}

func TestZone(t *testing.T) {
	p := func(v float64) *float64 { return &v }
	up := Scale{Direction: Up, Target: p(96), Limit: p(93)}
	down := Scale{Direction: Down, Target: p(8), Limit: p(10)}
	band := Scale{Direction: Band, Low: p(3), High: p(5), Limit: p(1)}
	for _, c := range []struct {
		s    Scale
		v    float64
		want Zone
	}{
		{up, 96, OK}, {up, 100, OK}, {up, 95.9, Warn}, {up, 93, Warn}, {up, 92.9, Bad},
		{down, 8, OK}, {down, 0, OK}, {down, 8.1, Warn}, {down, 10, Warn}, {down, 10.1, Bad},
		{band, 3, OK}, {band, 5, OK}, {band, 2, Warn}, {band, 6, Warn}, {band, 1.9, Bad}, {band, 6.1, Bad},
		{Scale{Direction: Up}, 5, ""}, {Scale{Direction: Up, Target: p(1)}, 0, Bad},
	} {
		if got := c.s.Zone(c.v); got != c.want {
			t.Errorf("%v in %+v: %q, want %q", c.v, c.s, got, c.want)
		}
	}
}

func TestMust(t *testing.T) {
	for _, c := range []struct {
		text string
		v    float64
		want bool
	}{
		{">= 95", 95, true}, {">=95", 94.999, false}, {"<= 3", 3, true}, {"< 3", 3, false}, {"> 3", 3, false}, {"= 0", 0, true}, {"== 0", 1, false},
		{"!= 0", 1, true}, {"3 to 5", 3, true}, {"3 to 5", 5, true}, {"3 to 5", 5.01, false}, {"-2..-1", -1.5, true}, {">= 99.9 %", 99.9, true},
	} {
		m, err := parseMust(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := m.met(c.v); got != c.want {
			t.Errorf("%v %s: %t, want %t", c.v, c.text, got, c.want)
		}
	}
	for _, bad := range []string{"", "95", "about 3", ">= x", ">= 3 to 5", "5 to 3", "> 3 < 5"} {
		if _, err := parseMust(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestAggregates(t *testing.T) {
	for _, c := range []struct {
		value string
		of    []float64
		want  float64
		ok    bool
	}{
		{"sum(x)", []float64{1, 3, 6, 3, 12}, 25, true}, {"sum(x)", nil, 0, true}, {"sum(x)", []float64{1e16, 1, -1e16}, 1, true},
		{"avg(x)", []float64{1, 2}, 1.5, true}, {"avg(x)", nil, 0, false}, {"min(x)", []float64{3, 1, 2}, 1, true}, {"max(x)", []float64{3, 1, 2}, 3, true},
		{"median(x)", []float64{4, 1, 3, 2}, 2.5, true}, {"median(x)", []float64{9, 1, 5}, 5, true}, {"median(x)", nil, 0, false},
		{"p85(x)", []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 9, true}, {"p95(x)", []float64{7}, 7, true},
	} {
		a, err := parseValue(c.value)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := a.of(c.of); got != c.want || ok != c.ok {
			t.Errorf("%s of %v: %v %t, want %v %t", c.value, c.of, got, ok, c.want, c.ok)
		}
	}
	for _, bad := range []string{"sum", "sum()", "count(x)", "mode(x)", "Share", "1 + 1"} {
		if _, err := parseValue(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{"30m": 30 * time.Minute, "24h": 24 * time.Hour, "7d": 168 * time.Hour, "2w": 336 * time.Hour} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "0d", "daily", "1y", "-1h", "1.5h", "99999w"} {
		if d, err := ParseDuration(bad); err == nil {
			t.Errorf("%q is taken as %v", bad, d)
		}
	}
}

// TestNext: the next time lies after now, within the time between two runs, on
// the same grid whatever the moment of asking.
func TestNext(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	every := 24 * time.Hour
	grid := next(noon, every, "a/b")
	for range 1000 {
		now := noon.Add(time.Duration(rnd.Int64N(int64(100 * every))))
		at := next(now, every, "a/b")
		if !at.After(now) || at.Sub(now) > every || at.Sub(grid)%every != 0 {
			t.Fatalf("after %s comes %s, off the grid of %s", now, at, grid)
		}
	}
	if next(noon, every, "a/b").Equal(next(noon, every, "a/c")) {
		t.Error("two tests run at the same time")
	}
}

func TestPaths(t *testing.T) {
	doc := map[string]any{"data": map[string]any{"result": []any{map[string]any{"value": []any{"1", "2.5"}}}, "the name": "7"}}
	for path, want := range map[string]string{"data.result[0].value[1]": "2.5", "$.data.result[-1].value[-1]": "2.5", `data["the name"]`: "7", `$["data"].result[0].value[0]`: "1"} {
		steps, err := parsePath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got, err := at(doc, steps); err != nil || got != want {
			t.Errorf("%s: %v %v, want %s", path, got, err, want)
		}
	}
	for _, bad := range []string{"data..x", "data[", "data[x]", ".data", "data result", "data[0"} {
		if _, err := parsePath(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, missing := range []string{"data.none", "data.result[1]", "data.result.value", "data[0]", "data.result[0].value[0].x"} {
		steps, err := parsePath(missing)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := at(doc, steps); err == nil {
			t.Errorf("%s leads to %v", missing, v)
		}
	}
}

func FuzzPath(f *testing.F) {
	f.Add("data.result[0].value")
	f.Add(`$["a"][-1].b`)
	f.Fuzz(func(t *testing.T, s string) {
		steps, err := parsePath(s)
		if err == nil {
			_, _ = at(map[string]any{"a": []any{1.0}}, steps)
		}
	})
}

func FuzzMust(f *testing.F) {
	f.Add(">= 95")
	f.Add("3 to 5")
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := parseMust(s); err == nil {
			_ = m.met(3)
		}
	})
}

func TestMustSays(t *testing.T) {
	for must, want := range map[string][2]string{
		">= 25": {"≥ 25.5%", "≥ 25,5 %"}, "<= 0": {"≤ 25.5%", "≤ 25,5 %"}, "!= 3": {"≠ 25.5%", "≠ 25,5 %"}, "> 1": {"> 25.5%", "> 25,5 %"},
		"= 7": {"25.5%", "25,5 %"}, "3 to 5": {"25.5%–30.0%", "25,5 %–30,0 %"},
	} {
		m, err := parseMust(must)
		if err != nil {
			t.Fatal(err)
		}
		m.a, m.b = 25.5, 30
		s := Scale{Unit: "%", Decimals: 1}
		if en, es := m.say(s, lang.English), m.say(s, lang.Spanish); en != want[0] || strings.ReplaceAll(es, "\u00a0", " ") != want[1] {
			t.Errorf("%s is said as %q and %q", must, en, es)
		}
	}
}
