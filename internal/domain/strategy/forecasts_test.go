package strategy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/forecast"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// month is the published history of Lighthouse's ForecastServiceTest.
var month = []int{2, 0, 0, 5, 1, 3, 2, 4, 0, 0, 1, 1, 2, 4, 0, 0, 0, 1, 0, 1, 2, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0}

// office is a catalog whose clock the test moves.
type office struct {
	*testing.T
	c   *catalog.Catalog
	now time.Time
}

func newOffice(t *testing.T, db *sqldb.DB) *office {
	o := &office{T: t, now: noon("2026-09-22")}
	o.c = catalog.New(db, catalog.NewKinds(strategy.Module().Kinds...), catalog.WithClock(func() time.Time { return o.now }))
	return o
}

func noon(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return t.Add(12 * time.Hour)
}

// worked is a file of what a team finished on each day up to one, and what it
// still has to do below a parent.
func worked(last string, samples []int, left map[string]int) string {
	var b strings.Builder
	b.WriteString("ID,Name,State,Type,Started Date,Closed Date,Parent\n")
	n := 0
	for i, count := range samples {
		day := noon(last).AddDate(0, 0, i+1-len(samples)).Format(time.DateOnly)
		for range count {
			n++
			fmt.Fprintf(&b, "d%d,Done %d,Done,Story,%s,%s,\n", n, n, day, day)
		}
	}
	for _, parent := range []string{"A", "B", "C"} {
		for i := range left[parent] {
			fmt.Fprintf(&b, "%s%d,Open,New,Story,,,%s\n", parent, i, parent)
		}
	}
	return b.String()
}

func (o *office) load(team, file string) {
	o.Helper()
	load(o.T, o.c, "work", map[string]string{"team": team}, text("w.csv", file))
}

func (o *office) initiative(name, spec string) {
	o.Helper()
	apply(o.T, o.c, "apiVersion: binnacle.dev/v1\nkind: Initiative\nmetadata: {name: "+name+"}\nspec: {"+spec+"}\n")
}

// forecast makes the forecasts and returns how many were kept.
func (o *office) forecast() (kept int) {
	o.Helper()
	err := o.c.DB().Tx(ctx, func(tx *sqldb.Tx) (err error) { kept, err = strategy.Forecast(ctx, o.c, tx, "acme"); return err })
	if err != nil {
		o.Fatal(err)
	}
	return kept
}

func (o *office) last(name string) strategy.Made {
	o.Helper()
	all, err := strategy.Forecasts(ctx, o.c, owner, get(o.T, o.c, "initiative:"+name).Metadata.UID)
	if err != nil || len(all) == 0 {
		o.Fatalf("%d forecasts of %s, %v", len(all), name, err)
	}
	return all[0]
}

func onEach(t *testing.T, suite func(o *office)) {
	sqldbtest.Run(t, migrations(), func(t *testing.T, db *sqldb.DB) { suite(newOffice(t, db)) })
}

func TestForecast(t *testing.T) {
	onEach(t, func(o *office) {
		o.load("payments", worked("2026-09-21", month, map[string]int{"A": 28, "B": 7}))
		o.initiative("a", `lane: now, state: active, rank: 1, teams: [payments], work: [{parent: A}], wantBy: "2026-10-22"`)
		o.initiative("b", `lane: now, state: active, rank: 2, teams: [payments], work: [{parent: B}]`)
		if n := o.forecast(); n != 2 {
			o.Fatalf("%d forecasts kept", n)
		}
		a, b := o.last("a"), o.last("b")
		if a.Days != [4]int{27, 31, 35, 41} || math.Abs(a.Chance-0.664) > 0.001 || a.Simulated || a.Open != 28 || !a.AsOf.Equal(noon("2026-09-22").Add(-12*time.Hour)) {
			o.Errorf("a: days %v, chance %v, %+v", a.Days, a.Chance, a)
		}
		if b.Days != [4]int{34, 38, 43, 49} || b.Chance != -1 {
			o.Errorf("b comes after a: days %v, chance %v", b.Days, b.Chance)
		}
		if day := a.Date(0.85).Format(time.DateOnly); day != "2026-10-27" {
			o.Errorf("a is done by %s", day)
		}
		if len(a.Teams) != 1 || a.Teams[0].Team != "group:default/payments" || a.Teams[0].Days != 31 || a.Teams[0].Finished != 32 || b.Teams[0].Ahead != 28 {
			o.Errorf("teams %+v, %+v", a.Teams, b.Teams)
		}
		// Kept whole: the distribution comes back as it was.
		if p := a.Dist.By(30); math.Abs(p-0.664) > 0.001 || a.Dist.By(a.Dist.Last()) != 1 {
			o.Errorf("kept: %v", p)
		}
		o.now = o.now.Add(time.Hour)
		if n := o.forecast(); n != 0 {
			o.Errorf("again: %d forecasts kept", n)
		}
	})
}

// What became unlikely is told once, and only then.
func TestUnlikely(t *testing.T) {
	onEach(t, func(o *office) {
		o.initiative("a", `lane: now, state: active, teams: [payments], work: [{parent: A}], wantBy: "2026-10-22"`)
		told := func() (out []strategy.Unlikely) {
			entries, err := feed.New(o.c.DB()).Read(ctx, "acme", 0, 100, "forecast.unlikely")
			if err != nil {
				o.Fatal(err)
			}
			for _, e := range entries {
				var u strategy.Unlikely
				if err := json.Unmarshal(e.Data, &u); err != nil || e.Ref != "initiative:default/a" {
					o.Fatalf("%+v, %v", e, err)
				}
				out = append(out, u)
			}
			return out
		}
		quiet := append(append([]int{}, month...), 0, 0, 0, 0)
		for i, step := range []struct {
			day  string
			file string
			told int
		}{
			{"2026-09-22", worked("2026-09-21", month, map[string]int{"A": 28}), 0},
			{"2026-09-23", worked("2026-09-22", append(append([]int{}, month...), 2), map[string]int{"A": 26}), 0}, // better
			{"2026-09-26", worked("2026-09-25", quiet, map[string]int{"A": 28}), 1},                                // below one half
			{"2026-09-27", worked("2026-09-26", append(quiet, 1), map[string]int{"A": 28}), 1},                     // still, and no fall
			{"2026-09-28", worked("2026-09-27", append(quiet, 1, 0), map[string]int{"A": 45}), 2},                  // much was added
		} {
			o.now = noon(step.day)
			o.load("payments", step.file)
			o.forecast()
			if got := told(); len(got) != step.told {
				o.Errorf("step %d: %d told, want %d: %+v; chance %v", i, len(got), step.told, got, o.last("a").Chance)
			}
		}
		got := told()[0]
		if got.Before <= 0.66 || got.After >= 0.5 || got.WantBy != "2026-10-22" || got.Likely == "" {
			o.Errorf("told %+v", got)
		}
	})
}

// Below one half is told even when it came there slowly.
func TestSlowlyUnlikely(t *testing.T) {
	o := newOffice(t, sqldbtest.SQLite(t, migrations()))
	o.initiative("a", `lane: now, state: active, teams: [payments], work: [{parent: A}], wantBy: "2026-10-22"`)
	samples := append([]int{}, month...)
	var chances []float64
	for day := noon("2026-09-22"); len(chances) < 5; day = day.AddDate(0, 0, 1) {
		o.now = day
		o.load("payments", worked(day.AddDate(0, 0, -1).Format(time.DateOnly), samples, map[string]int{"A": 29}))
		o.forecast()
		chances, samples = append(chances, o.last("a").Chance), append(samples, 0)
	}
	entries, err := feed.New(o.c.DB()).Read(ctx, "acme", 0, 100, "forecast.unlikely")
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d told, %v; chances %v", len(entries), err, chances)
	}
	for i := 1; i < len(chances); i++ {
		if chances[i-1]-chances[i] > 0.15 {
			t.Fatalf("the chances %v fall too fast for this test", chances)
		}
	}
}

// What waits for something is forecast after it, whatever its rank; days off
// move the dates.
func TestDependentForecasts(t *testing.T) {
	o := newOffice(t, sqldbtest.SQLite(t, migrations()))
	steady := make([]int, 40)
	for i := range steady {
		steady[i] = 1
	}
	o.load("payments", worked("2026-09-21", steady, map[string]int{"A": 10, "B": 5}))
	o.initiative("a", `lane: now, state: active, rank: 2, teams: [payments], work: [{parent: A}]`)
	o.initiative("b", `lane: now, state: active, rank: 1, teams: [payments], work: [{parent: B}], dependsOn: [a]`)
	apply(t, o.c, "apiVersion: binnacle.dev/v1\nkind: Initiative\nmetadata: {name: c}\nspec: {lane: next, state: planned, size: {low: 0, likely: 0, high: 0}}\n---\napiVersion: binnacle.dev/v1\nkind: Dependency\nmetadata: {name: d}\nspec: {from: c, to: b, state: committed}\n")
	o.forecast()
	for name, want := range map[string]int{"a": 10, "b": 15, "c": 15} {
		if m := o.last(name); m.Days != [4]int{want, want, want, want} || !m.Simulated || m.Critical != 1 {
			t.Errorf("%s: days %v, simulated %v, critical %v", name, m.Days, m.Simulated, m.Critical)
		}
	}
	o.now = o.now.Add(time.Hour)
	apply(t, o.c, "apiVersion: binnacle.dev/v1\nkind: Blackout\nmetadata: {name: x}\nspec: {from: \"2026-09-24\", to: \"2026-09-26\"}\n")
	o.forecast()
	for name, want := range map[string]int{"a": 13, "b": 18} {
		if m := o.last(name); m.Days[0] != want {
			t.Errorf("with three days off %s: days %v, want %d", name, m.Days, want)
		}
	}
}

// Where there is no forecast, the reason is kept, and never a date.
func TestNoForecast(t *testing.T) {
	o := newOffice(t, sqldbtest.SQLite(t, migrations()))
	o.load("payments", worked("2026-09-21", month, map[string]int{"A": 5}))
	load(t, o.c, "work", map[string]string{"team": "idle", "source": "idle"}, text("w.csv", "ID,Name,State,Type,Started Date,Closed Date,Parent\ni1,Open,New,Story,2026-09-01,,I\n"))
	for name, spec := range map[string]string{
		"later": "lane: later, state: planned, work: [{parent: A}]", "size": "lane: now, state: active, teams: [payments]", "paused": "lane: now, state: paused, work: [{parent: A}]",
		"history": "lane: now, state: active, teams: [idle], work: [{parent: I}]", "unknown": "lane: now, state: active, teams: [nobody], size: {low: 1, likely: 2, high: 3}",
		"cycle": "lane: now, state: active, work: [{parent: A}], dependsOn: [cycle2]", "cycle2": "lane: now, state: active, work: [{parent: A}], dependsOn: [cycle]",
		"waits": "lane: now, state: active, work: [{parent: A}], dependsOn: [later]", "waits2": "lane: now, state: active, work: [{parent: A}], dependsOn: [waits]",
		"stopped": "lane: now, state: stopped", "freed": "lane: now, state: active, work: [{parent: A}], teams: [payments], dependsOn: [over]", "over": `lane: now, state: done, end: "2026-09-01"`,
	} {
		o.initiative(name, spec)
	}
	o.forecast()
	for name, want := range map[string]string{"later": "later", "size": "size", "paused": "paused", "history": "history", "unknown": "history", "cycle": "cycle", "cycle2": "cycle", "waits": "waits", "waits2": "waits", "stopped": "stopped", "freed": ""} {
		m := o.last(name)
		if m.Why != want || (want == "") != m.Known() || want != "" && (m.Days != [4]int{-1, -1, -1, -1} || !m.Date(0.5).IsZero()) {
			t.Errorf("%s: why %q of %q, days %v", name, m.Why, m.WhyOf, m.Days)
		}
	}
	if m := o.last("cycle"); m.WhyOf != "initiative:default/cycle initiative:default/cycle2 initiative:default/cycle" {
		t.Errorf("cycle of %q", m.WhyOf)
	}
	if m := o.last("waits"); m.WhyOf != "initiative:default/later" {
		t.Errorf("waits for %q", m.WhyOf)
	}
}

// While work is being written down, the estimate counts if it is more.
func TestBrokenDown(t *testing.T) {
	o := newOffice(t, sqldbtest.SQLite(t, migrations()))
	o.load("payments", worked("2026-09-21", month, map[string]int{"A": 5}))
	size := `lane: now, state: active, teams: [payments], work: [{parent: A}], size: {low: 20, likely: 20, high: 20}`
	for spec, want := range map[string]float64{size: 20, size + ", brokenDown: true": 5, strings.ReplaceAll(size, "20", "3"): 5} {
		o.now = o.now.Add(time.Minute)
		o.initiative("a", spec)
		o.forecast()
		if m := o.last("a"); m.Remaining != want {
			t.Errorf("%s: %v left, want %v", spec, m.Remaining, want)
		}
	}
}

// When things are done their forecasts are scored, and what comes is widened.
func TestCalibration(t *testing.T) {
	o := newOffice(t, sqldbtest.SQLite(t, migrations()))
	file := worked("2026-09-21", month, map[string]int{"A": 28})
	o.load("payments", file)
	for i := range 6 {
		o.initiative(fmt.Sprintf("past-%d", i), `lane: now, state: active, teams: [payments], work: [{parent: A}], wantBy: "2026-10-22", class: expedite`)
		o.forecast()
		o.now = o.now.Add(time.Minute)
		o.initiative(fmt.Sprintf("past-%d", i), fmt.Sprintf(`lane: now, state: done, teams: [payments], work: [{parent: A}], wantBy: "2026-10-22", class: expedite, end: "2026-11-%02d"`, 5+i))
		o.forecast()
		o.now = o.now.Add(time.Minute)
	}
	rec, err := strategy.Calibration(ctx, o.c, owner)
	if err != nil {
		t.Fatal(err)
	}
	if rec.Things != 6 || rec.Hits != [4]float64{} || rec.Wanted != 6 || math.Abs(rec.Brier-0.664*0.664) > 0.002 || rec.Widen != 1.4 {
		t.Errorf("record %+v", rec)
	}
	o.initiative("next", `lane: now, state: active, teams: [payments], work: [{parent: A}]`)
	o.forecast()
	m := o.last("next")
	if m.Days != [4]int{27, 31, 35, 41} || m.Widen != rec.Widen || m.Date(0.85) != m.AsOf.AddDate(0, 0, int(math.Ceil(35*m.Widen))) {
		t.Errorf("days %v, widened by %v to %v", m.Days, m.Widen, m.Date(0.85))
	}
	// Reopened, it is no longer scored.
	o.now = o.now.Add(time.Minute)
	o.initiative("past-0", `lane: now, state: active, teams: [payments], work: [{parent: A}]`)
	o.forecast()
	if rec, err = strategy.Calibration(ctx, o.c, owner); err != nil || rec.Things != 5 {
		t.Errorf("record %+v, %v", rec, err)
	}
}

// The watch makes forecasts when work is reported, and to replay what it has
// seen changes nothing.
func TestForecastWatch(t *testing.T) {
	onEach(t, func(o *office) {
		o.initiative("a", `lane: now, state: active, teams: [payments], work: [{parent: A}]`)
		o.load("payments", worked("2026-09-21", month, map[string]int{"A": 28}))
		f := feed.New(o.c.DB())
		entries, err := f.Read(ctx, "", 0, 100)
		if err != nil {
			o.Fatal(err)
		}
		all := strategy.Module().Watches(o.c)
		watch := all[slices.IndexFunc(all, func(w feed.Watch) bool { return w.Name == "strategy/forecast" })]
		replay := func() int {
			if err := o.c.DB().Tx(ctx, func(tx *sqldb.Tx) error { return watch.Handle(context.Background(), tx, entries) }); err != nil {
				o.Fatal(err)
			}
			return count(o.T, o.c, `SELECT count(*) FROM strategy_forecasts`)
		}
		if n, again := replay(), replay(); n != 1 || again != 1 {
			o.Errorf("%d forecasts, then %d", n, again)
		}
		o.now = o.now.Add(time.Hour)
		if n := replay(); n != 1 {
			o.Errorf("an hour later: %d", n)
		}
		daily := strategy.Module().Schedules(o.c)
		if err := daily[slices.IndexFunc(daily, func(s feed.Schedule) bool { return s.Name == "strategy/forecast" })].Run(ctx); err != nil {
			o.Fatal(err)
		}
		if n := count(o.T, o.c, `SELECT count(*) FROM strategy_forecasts`); n != 1 {
			o.Errorf("the schedule keeps a forecast that says the same: %d", n)
		}
		if diff := cmp.Diff([4]int{27, 31, 35, 41}, o.last("a").Days); diff != "" {
			o.Errorf("(-want +got):\n%s", diff)
		}
		if rule := o.last("a").Rule; rule == "" || forecast.Levels[2] != 0.85 {
			o.Errorf("rule %q", rule)
		}
	})
}

// What is years away is kept by fewer days, and never sooner than it was.
func TestFarForecast(t *testing.T) {
	o := newOffice(t, sqldbtest.SQLite(t, migrations()))
	slow := make([]int, 90)
	slow[0], slow[40] = 1, 1
	o.load("payments", worked("2026-09-21", slow, map[string]int{"A": 40}))
	o.initiative("a", `lane: now, state: active, teams: [payments], work: [{parent: A}]`)
	o.forecast()
	m := o.last("a")
	size := count(t, o.c, `SELECT length(cdf) FROM strategy_forecasts`)
	if m.Days[0] < 1500 || size > 6000 {
		t.Errorf("days %v are kept in %d bytes", m.Days, size)
	}
	for i, p := range forecast.Levels {
		if day, ok := m.Dist.Day(p); ok && m.Days[i] >= 0 && (day < m.Days[i] || day > m.Days[i]+10) {
			t.Errorf("%v is kept as day %d, and was day %d", p, day, m.Days[i])
		}
	}
}

// A source that was not heard of for long does not make its team look idle.
func TestStaleSource(t *testing.T) {
	o := newOffice(t, sqldbtest.SQLite(t, migrations()))
	load(t, o.c, "work", map[string]string{"team": "payments", "source": "old", "asof": "2026-08-21"}, text("w.csv", worked("2026-08-21", month, map[string]int{"A": 28})))
	load(t, o.c, "work", map[string]string{"team": "security", "source": "new"}, text("w.csv", worked("2026-09-21", month, map[string]int{"B": 7})))
	o.initiative("a", `lane: now, state: active, teams: [payments], work: [{parent: A, source: old}]`)
	o.forecast()
	if m := o.last("a"); m.Days != [4]int{27, 31, 35, 41} || m.Teams[0].To.Format("2006-01-02") != "2026-08-21" || m.AsOf.Format("2006-01-02") != "2026-09-22" {
		t.Errorf("days %v, learned until %v, as of %v", m.Days, m.Teams[0].To, m.AsOf)
	}
}

// More work than can be reckoned with gives no date, to it and to what waits.
func TestTooMuch(t *testing.T) {
	o := newOffice(t, sqldbtest.SQLite(t, migrations()))
	var b strings.Builder
	b.WriteString(worked("2026-09-21", month, map[string]int{"B": 1}))
	for i := range 25 {
		fmt.Fprintf(&b, "H%d,Huge,New,Story,,,H\n", i)
	}
	file := strings.ReplaceAll(b.String(), "Closed Date,Parent", "Closed Date,Parent,Estimated Size")
	var rows []string
	for line := range strings.Lines(file) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "H"):
			line += ",1000"
		case !strings.HasPrefix(line, "ID"):
			line += ","
		}
		rows = append(rows, line)
	}
	o.load("payments", strings.Join(rows, "\n"))
	o.initiative("huge", `lane: now, state: active, rank: 1, teams: [payments], work: [{parent: H}]`)
	o.initiative("after", `lane: now, state: active, rank: 2, teams: [security], size: {low: 0, likely: 0, high: 0}, dependsOn: [huge]`)
	o.forecast()
	if m := o.last("huge"); m.Why != "toomuch" || m.Open != 25_000 {
		t.Errorf("huge: why %q, %d open", m.Why, m.Open)
	}
	if m := o.last("after"); m.Why != "waits" || m.WhyOf != "initiative:default/huge" {
		t.Errorf("after: why %q of %q", m.Why, m.WhyOf)
	}
}
