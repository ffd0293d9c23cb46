package correlate

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/sigma"
)

func at(seconds float64) time.Time { return time.Unix(0, int64(seconds*1e9)).UTC() }

// add gives a match of rule a at a time with fields k=v.
func add(c *Correlator, seconds float64, id string, fields ...string) []Hit {
	return c.Add(Match{Rule: "a", Time: at(seconds), ID: id, Field: func(name string) (string, bool) {
		for _, f := range fields {
			if k, v, _ := strings.Cut(f, "="); k == name {
				return v, true
			}
		}
		return "", false
	}})
}

func counting(t testing.TB, cond sigma.CorrelationCondition, by ...string) *Set {
	typ := sigma.EventCount
	if len(cond.Fields) > 0 {
		typ = sigma.ValueCount
	}
	return mustCompile(t, named("a"), &sigma.Correlation{Name: "k", Type: typ, Rules: []string{"a"}, GroupBy: by,
		Timespan: 10 * time.Second, Condition: cond})
}

// What comes within the lateness counts at its own time; what comes later is told.
func TestLate(t *testing.T) {
	var lost []string
	c := New(counting(t, gte(3)), Options{Lateness: 5 * time.Second, Lost: func(l Loss) { lost = append(lost, string(l.Reason)+" "+l.ID) }})
	var hits []Hit
	hits = append(hits, add(c, 10, "e1")...)
	hits = append(hits, add(c, 12, "e2")...)
	hits = append(hits, add(c, 7, "e3")...)   // at the watermark
	hits = append(hits, add(c, 6.9, "e4")...) // before it
	if len(hits) > 0 {
		t.Fatal("told before it is certain")
	}
	if got := c.Stats(); got.Waiting != 3 || got.Lost[Late] != 1 || !got.Watermark.Equal(at(7)) {
		t.Errorf("%+v", got)
	}
	hits = append(hits, c.Advance(at(17))...)
	if len(hits) > 0 {
		t.Fatal("an event at 12s may still come")
	}
	hits = append(hits, c.Advance(at(17.1))...)
	if len(hits) != 1 || line(hits[0]) != "k event_count [] 3 at 12s: e3 e1 e2" {
		t.Error(hits)
	}
	if d := cmp.Diff([]string{"late e4"}, lost); d != "" {
		t.Error(d)
	}
}

func TestClock(t *testing.T) {
	c := New(counting(t, gte(2)), Options{Clock: func() time.Time { return at(100) }, Ahead: time.Minute})
	add(c, 161, "e1")
	add(c, 100, "e2")
	add(c, 101, "e3")
	if hits := c.Flush(); len(hits) != 1 || c.Stats().Lost[InFuture] != 1 {
		t.Errorf("%v, %+v", hits, c.Stats())
	}
}

func TestNoTime(t *testing.T) {
	c := New(counting(t, gte(1)), Options{})
	c.Add(Match{Rule: "a", Field: func(string) (string, bool) { return "", false }})
	c.Add(Match{Rule: "a", Time: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)})
	c.Advance(time.Time{})
	if got := c.Stats(); got.Lost[NoTime] != 2 || len(c.Flush()) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestNotCounted(t *testing.T) {
	rules := []*sigma.Correlation{
		{Name: "sum", Type: sigma.ValueSum, Rules: []string{"a"}, GroupBy: []string{"g"}, Timespan: time.Minute, Condition: gte(1, "n")},
	}
	c := New(mustCompile(t, named("a"), rules...), Options{})
	for i, n := range []string{"x", "NaN", "Inf", "1e999", "", "0x10"} {
		add(c, float64(i), "e", "g=1", "n="+n)
	}
	add(c, 10, "e", "g=1")
	add(c, 11, "e", "n=1")
	got := c.Stats()
	if hits := c.Flush(); len(hits) > 0 || got.Lost[NoNumber] != 6 || got.Lost[NoValue] != 1 || got.Lost[NoGroup] != 1 || got.Matches != 0 {
		t.Errorf("%v %+v", hits, got)
	}
}

// The group that was quiet longest goes first, and is told.
func TestMaxGroups(t *testing.T) {
	var lost []string
	c := New(counting(t, gte(2), "g"), Options{MaxGroups: 2, Lost: func(l Loss) { lost = append(lost, l.Group[0].Value) }})
	for i, g := range []string{"x", "y", "x", "z", "y", "x"} {
		add(c, float64(i), fmt.Sprint("e", i), "g="+g)
	}
	hits := c.Flush()
	if d := cmp.Diff([]string{"y", "x", "z"}, lost); d != "" || c.Stats().Groups != 2 || c.Stats().Lost[Evicted] != 3 || len(hits) != 0 {
		t.Errorf("%s %v %+v", d, hits, c.Stats())
	}
	add(c, 100, "e", "g=w") // those that are over make room without a loss
	c.Flush()
	if c.Stats().Lost[Evicted] != 3 || c.Stats().Groups != 1 {
		t.Errorf("%+v", c.Stats())
	}
}

// Many groups at one instant, more than there is room for.
func TestMaxGroupsAtOnce(t *testing.T) {
	c := New(counting(t, only(sigma.Less, 5), "g"), Options{MaxGroups: 3})
	for i := range 20 {
		add(c, 1, fmt.Sprint("e", i), fmt.Sprint("g=", i))
	}
	for i := range 5 {
		add(c, float64(2+i), fmt.Sprint("f", i), fmt.Sprint("g=", 100+i))
	}
	hits := c.Finish()
	if got := c.Stats(); len(hits) != 3 || got.Lost[Evicted] != 22 || got.Groups != 0 || len(c.timers) != 0 {
		t.Errorf("%d hits, %+v", len(hits), got)
	}
}

func TestMaxEntries(t *testing.T) {
	for _, set := range []*Set{counting(t, gte(3)), counting(t, gte(3, "v"))} {
		c := New(set, Options{MaxEntries: 5, MaxEvents: 2, Repeat: Always})
		var hits []Hit
		for i := range 20 {
			hits = append(hits, add(c, float64(i)/10, fmt.Sprint("e", i), fmt.Sprint("v=", i))...)
		}
		hits = append(hits, c.Flush()...)
		last := hits[len(hits)-1]
		if last.Value != 5 || c.Stats().Lost[Overflow] != 15 || !slices.Equal(last.Events, []string{"e18", "e19"}) || last.More != 3 {
			t.Errorf("%+v %+v", last, c.Stats())
		}
	}
}

func TestMaxWaiting(t *testing.T) {
	c := New(counting(t, gte(3)), Options{Lateness: Unbounded, MaxWaiting: 10})
	var hits []Hit
	for i := range 15 {
		hits = append(hits, add(c, float64(i), fmt.Sprint("e", i))...)
	}
	if got := c.Stats(); got.Waiting != 10 || got.Early != 5 || len(hits) != 1 {
		t.Errorf("%v %+v", hits, got)
	}
	add(c, 4, "late")
	if c.Stats().Lost[Late] != 1 {
		t.Errorf("%+v", c.Stats())
	}
}

// Groups do not stay when they are over, even when their correlation matches
// nothing any more.
func TestForgets(t *testing.T) {
	for _, cond := range []sigma.CorrelationCondition{gte(9), only(sigma.Less, 1), only(sigma.Equal, 5)} {
		c := New(counting(t, cond, "g"), Options{})
		for i := range 100 {
			add(c, float64(i)/100, "e", fmt.Sprint("g=", i))
		}
		c.Advance(at(5))
		if n := c.Stats().Groups; n != 100 {
			t.Errorf("%d groups at 5s", n)
		}
		told := len(c.Advance(at(60)))
		if n := c.Stats().Groups; n != 0 || len(c.timers) > 0 {
			t.Errorf("%d groups, %d timers at 60s", n, len(c.timers))
		}
		if silence := cond.Bounds[0].Op == sigma.Less; silence && told != 100 {
			t.Errorf("%d of 100 groups are told to be silent", told)
		}
	}
}

// A group that is due at the watermark itself is still there when it is worked.
func TestDueAtWatermark(t *testing.T) {
	c := New(counting(t, only(sigma.Equal, 0)), Options{})
	add(c, 0, "e1")
	due := at(10).Add(1)
	if hits := c.Advance(due); len(hits) > 0 {
		t.Error("told before the instant is over")
	}
	if hits := c.Advance(due.Add(1)); len(hits) != 1 || !hits[0].End.Equal(due) {
		t.Error(hits)
	}
}

// Names depend on correlation, group and window, and on nothing else.
func TestNames(t *testing.T) {
	set := counting(t, gte(2), "g")
	names := func(lateness time.Duration, order ...int) (out []string) {
		c := New(set, Options{Lateness: lateness})
		for _, i := range order {
			add(c, float64(i), fmt.Sprint("e", i), fmt.Sprint("g=", i%2))
		}
		for _, h := range c.Flush() {
			out = append(out, h.Name)
		}
		return out
	}
	want := names(Unbounded, 1, 2, 3, 4)
	if len(want) != 2 || want[0] == want[1] || len(want[0]) != 32 {
		t.Fatal(want)
	}
	if d := cmp.Diff(want, names(Unbounded, 4, 1, 3, 2)); d != "" {
		t.Error(d)
	}
	// They are stored: they must never change.
	if d := cmp.Diff([]string{"342f", "45e9"}, []string{want[0][:4], want[1][:4]}); d != "" {
		t.Error(d)
	}
}

// All shards together are one Correlator, with chains and without.
func TestShards(t *testing.T) {
	for n := range 200 {
		rnd := rand.New(rand.NewPCG(11, uint64(n)))
		w := newWorld(rnd)
		set, problems := Compile(w.rules, w.corr)
		if len(problems) > 0 {
			continue
		}
		w.finish = true
		whole := sorted1(asRef(w.run(t, set, Options{Repeat: w.repeat}, w.events, rnd)))
		var parts []Hit
		for shard := range 3 {
			parts = append(parts, w.run(t, set, Options{Repeat: w.repeat, Shard: shard, Shards: 3}, w.events, rnd)...)
		}
		if d := cmp.Diff(whole, sorted1(asRef(parts)), cmp.AllowUnexported(refHit{})); d != "" {
			t.Fatalf("world %d (-one +three):\n%s", n, d)
		}
	}
}

// A replay from long enough ago goes on like the run it replaces.
func TestReplayRebuilds(t *testing.T) {
	set := counting(t, gte(3), "g")
	run := func(from int) (out []string) {
		rnd := rand.New(rand.NewPCG(1, 1))
		c := New(set, Options{Repeat: Always})
		for i := range 400 {
			g := rnd.IntN(3)
			if i < from {
				continue
			}
			for _, h := range add(c, float64(i), fmt.Sprint("e", i), fmt.Sprint("g=", g)) {
				if h.End.After(at(200)) {
					out = append(out, h.Name+line(h))
				}
			}
		}
		return out
	}
	whole := run(0)
	if d := cmp.Diff(whole, run(190)); d != "" || len(whole) < 50 {
		t.Errorf("%d hits; %s", len(whole), d)
	}
}

func TestRestoreRefuses(t *testing.T) {
	set := counting(t, gte(3), "g")
	var b bytes.Buffer
	c := New(set, Options{})
	add(c, 1, "e1", "g=1")
	add(c, 2, "e2", "g=1")
	if err := c.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Restore(set, Options{Shards: 2}, bytes.NewReader(b.Bytes())); err == nil || !strings.Contains(err.Error(), "shard 0 of 1") {
		t.Error(err)
	}
	if _, _, err := Restore(set, Options{}, strings.NewReader("no")); err == nil {
		t.Error("it read what is no snapshot")
	}
	s := decoded(t, b.Bytes())
	s.Version = 9
	var newer bytes.Buffer
	if err := gob.NewEncoder(&newer).Encode(s); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Restore(set, Options{}, &newer); err == nil || !strings.Contains(err.Error(), "version 9") {
		t.Error(err)
	}
	back, forgotten, err := Restore(counting(t, gte(4), "g"), Options{}, bytes.NewReader(b.Bytes()))
	if err != nil || !slices.Equal(forgotten, []string{"k"}) || back.Stats().Groups != 0 {
		t.Errorf("%v, %v", forgotten, err)
	}
	add(back, 3, "e3", "g=1")
	if hits := back.Flush(); len(hits) > 0 {
		t.Error("the memory of another condition was used")
	}
}

// A snapshot whose parts contradict each other is refused.
func TestRestoreDamaged(t *testing.T) {
	set := counting(t, only(sigma.Less, 3), "g")
	c := New(set, Options{})
	for i, g := range []string{"1", "2", "3"} {
		add(c, float64(i), "e", "g="+g)
	}
	var b bytes.Buffer
	if err := c.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(*snapshot){
		"nothing":     func(s *snapshot) {},
		"future":      func(s *snapshot) { s.Correlations[0].Groups[1].Last = s.Water },
		"order":       func(s *snapshot) { s.Correlations[0].Groups[0].Last = s.Correlations[0].Groups[1].Last + 1 },
		"twice":       func(s *snapshot) { s.Correlations[0].Groups[1].Key = s.Correlations[0].Groups[0].Key },
		"due before":  func(s *snapshot) { s.Correlations[0].Groups[0].Due = s.Water - 1 },
		"due too far": func(s *snapshot) { s.Correlations[0].Groups[0].Due += 1e12 },
		"first":       func(s *snapshot) { s.Correlations[0].Groups[0].First = always },
		"source":      func(s *snapshot) { s.Waiting[0].Source = 7 },
		"correlation": func(s *snapshot) { s.Waiting[0].Correlation = -1 },
		"waiting":     func(s *snapshot) { s.Waiting[0].Mark.At = s.Water - 1 },
	} {
		s := decoded(t, b.Bytes())
		damage(&s)
		var damaged bytes.Buffer
		if err := gob.NewEncoder(&damaged).Encode(s); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Restore(set, Options{}, &damaged); (err == nil) != (name == "nothing") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRestore reads anything without harm.
func FuzzRestore(f *testing.F) {
	w := newWorld(rand.New(rand.NewPCG(7, 3)))
	set, _ := Compile(w.rules, w.corr)
	c := New(set, Options{Lateness: 10 * time.Second})
	for _, e := range w.events {
		c.Add(e.match())
	}
	var b bytes.Buffer
	if err := c.Snapshot(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, _, err := Restore(set, Options{}, bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, e := range w.events {
			c.Add(e.match())
		}
		c.Finish()
	})
}
