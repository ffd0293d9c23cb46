package correlate

import (
	"bytes"
	"cmp"
	"encoding/gob"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/sigma"
)

// The property: over random correlations and events, in any order within the
// lateness, a Correlator tells the hits the plain reference counts.

const second = int64(time.Second)

// world is a random set of correlations with events.
type world struct {
	rules  []*sigma.Rule
	corr   []*sigma.Correlation
	events []refEvent
	repeat Repeat
	finish bool
}

func newWorld(rnd *rand.Rand) world {
	w := world{repeat: Repeat(rnd.IntN(3)), finish: rnd.IntN(2) == 0}
	for _, name := range []string{"a", "b", "c"} {
		w.rules = append(w.rules, &sigma.Rule{Name: name, ID: "id-" + name})
	}
	for i := range 1 + rnd.IntN(3) {
		w.corr = append(w.corr, randomCorrelation(rnd, fmt.Sprint("k", i), w.corr))
	}
	span := 1 + rnd.IntN(40)
	at := int64(rnd.IntN(5)) * second
	for i := range rnd.IntN(60) {
		at += int64(rnd.IntN(1+rnd.IntN(span))) * second
		if rnd.IntN(10) == 0 {
			at++
		}
		e := refEvent{rule: string("abc"[rnd.IntN(3)]), at: at, id: fmt.Sprintf("e%03d", i), fields: map[string]string{}}
		for _, f := range []string{"user", "host", "n", "m"} {
			if rnd.IntN(8) > 0 {
				e.fields[f] = fmt.Sprint(rnd.IntN(4) - 1)
			}
		}
		if rnd.IntN(6) == 0 {
			e.fields["n"] = []string{"0.1", "1e16", "-1e16", "2.5"}[rnd.IntN(4)]
		}
		w.events = append(w.events, e)
		if rnd.IntN(8) == 0 { // the event matches another rule as well
			e.rule = string("abc"[rnd.IntN(3)])
			if e.rule != w.events[len(w.events)-1].rule {
				w.events = append(w.events, e)
			}
		}
	}
	return w
}

var types = []sigma.CorrelationType{sigma.EventCount, sigma.ValueCount, sigma.Temporal, sigma.TemporalOrdered,
	sigma.ValueSum, sigma.ValueAvg, sigma.ValuePercentile, sigma.ValueMedian}

func randomCorrelation(rnd *rand.Rand, name string, below []*sigma.Correlation) *sigma.Correlation {
	r := &sigma.Correlation{Name: name, Title: name, Type: types[rnd.IntN(len(types))], Generate: rnd.IntN(2) == 0}
	r.Timespan = time.Duration(1+rnd.IntN(30)) * time.Second
	refs := []string{"a", "b", "c"}
	for _, b := range below {
		if b.Type != sigma.TemporalOrdered { // which of its chains is shown is open
			refs = append(refs, b.Name)
		}
	}
	rnd.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
	r.Rules = refs[:1+rnd.IntN(min(3, len(refs)))]
	r.GroupBy = [][]string{nil, {"user"}, {"host"}, {"user", "host"}}[rnd.IntN(4)]
	if rnd.IntN(4) == 0 {
		r.GroupBy = []string{"who"}
		r.Aliases = map[string]map[string]string{"who": {r.Rules[0]: "user"}}
		if len(r.Rules) > 1 {
			r.Aliases["who"][r.Rules[1]] = "host"
		}
	}
	temporal := r.Type == sigma.Temporal || r.Type == sigma.TemporalOrdered
	switch {
	case r.Type == sigma.EventCount || temporal:
	case r.Type == sigma.ValueCount && rnd.IntN(2) == 0:
		r.Condition.Fields = []string{"n", "m"}
	default:
		r.Condition.Fields = []string{"n"}
	}
	if r.Type == sigma.ValuePercentile {
		r.Condition.Share = rnd.IntN(2) == 0
		r.Condition.Percentile = float64(rnd.IntN(101))
	}
	if temporal && rnd.IntN(2) == 0 {
		r.Condition.Expr = randomLogic(rnd, r.Rules, r.Type == sigma.Temporal)
		return r
	}
	top := 6
	if r.Condition.Share {
		top = 100
	}
	for range 1 + rnd.IntN(2) {
		op := []sigma.Op{sigma.Greater, sigma.GreaterOrEqual, sigma.Less, sigma.LessOrEqual, sigma.Equal, sigma.NotEqual}[rnd.IntN(6)]
		r.Condition.Bounds = append(r.Condition.Bounds, sigma.Bound{Op: op, Value: float64(rnd.IntN(top))})
	}
	if temporal && rnd.IntN(3) == 0 {
		r.Condition.Bounds = nil
	}
	return r
}

// randomLogic uses each rule once.
func randomLogic(rnd *rand.Rand, rules []string, nots bool) sigma.Expr {
	if len(rules) == 1 {
		if nots && rnd.IntN(3) == 0 {
			return sigma.Not{Of: sigma.Ref(rules[0])}
		}
		return sigma.Ref(rules[0])
	}
	cut := 1 + rnd.IntN(len(rules)-1)
	parts := []sigma.Expr{randomLogic(rnd, rules[:cut], nots), randomLogic(rnd, rules[cut:], nots)}
	var e sigma.Expr = sigma.And(parts)
	if rnd.IntN(2) == 0 {
		e = sigma.Or(parts)
	}
	if nots && rnd.IntN(4) == 0 {
		return sigma.Not{Of: e}
	}
	return e
}

// shuffled returns the events as they may come with a lateness.
func shuffled(rnd *rand.Rand, events []refEvent, lateness time.Duration) []refEvent {
	type coming struct {
		refEvent
		when int64
	}
	out := []coming{}
	for _, e := range events {
		out = append(out, coming{e, e.at + rnd.Int64N(int64(lateness)+1)})
	}
	slices.SortStableFunc(out, func(a, b coming) int { return cmp.Compare(a.when, b.when) })
	came := []refEvent{}
	for _, e := range out {
		came = append(came, e.refEvent)
	}
	return came
}

func (e refEvent) match() Match {
	return Match{Rule: e.rule, Time: toTime(e.at), ID: e.id, Field: func(name string) (string, bool) {
		v, ok := e.fields[name]
		return v, ok
	}}
}

func asRef(hits []Hit) []refHit {
	var out []refHit
	for _, h := range hits {
		r := refHit{rule: h.Correlation.Name, start: h.Start.UnixNano(), end: h.End.UnixNano(), value: h.Value, of: h.Of}
		for _, f := range h.Group {
			r.group += fmt.Sprintf("%s=%q/%v;", f.Name, f.Value, !f.IsMissing)
		}
		if h.Correlation.Type == sigma.TemporalOrdered && h.Correlation.Condition.Expr != nil {
			r.value = 0
		}
		if h.Correlation.Type != sigma.TemporalOrdered {
			ids := slices.Clone(h.Events)
			slices.Sort(ids)
			r.events = strings.Join(ids, " ")
		}
		out = append(out, r)
	}
	return out
}

func sorted1(hits []refHit) []refHit {
	slices.SortFunc(hits, func(a, b refHit) int {
		return cmp.Or(cmp.Compare(a.end, b.end), strings.Compare(a.rule, b.rule), strings.Compare(a.group, b.group))
	})
	return hits
}

// TestReference runs random worlds in order, late, unsorted, and with a restart
// in the middle.
func TestReference(t *testing.T) {
	worlds, told := 4000, map[sigma.CorrelationType]map[decision]int{}
	if testing.Short() {
		worlds = 500
	}
	for n := range worlds {
		rnd := rand.New(rand.NewPCG(7, uint64(n)))
		w := newWorld(rnd)
		set, problems := Compile(w.rules, w.corr)
		if len(problems) > 0 {
			continue // a random condition that cannot hold
		}
		want := sorted1(reference(w.corr, w.events, w.repeat, w.finish))
		for way, events := range map[string][]refEvent{
			"in order": w.events, "late": shuffled(rnd, w.events, 20*time.Second), "unsorted": shuffled(rnd, w.events, time.Hour),
		} {
			o := Options{Repeat: w.repeat, MaxEvents: 1000}
			switch way {
			case "late":
				o.Lateness = 20 * time.Second
			case "unsorted":
				o.Lateness = Unbounded
			}
			got := sorted1(asRef(w.run(t, set, o, events, rnd)))
			if d := gocmp.Diff(want, got, gocmp.AllowUnexported(refHit{})); d != "" {
				t.Fatalf("world %d, %s, repeat %d, finish %v (-want +got):\n%s\n%s", n, way, w.repeat, w.finish, d, w)
			}
		}
		for _, h := range want {
			for _, s := range set.specs {
				if s.rule.Name == h.rule {
					if told[s.rule.Type] == nil {
						told[s.rule.Type] = map[decision]int{}
					}
					told[s.rule.Type][s.decide]++
				}
			}
		}
	}
	for _, typ := range types {
		t.Log(typ, told[typ])
		for _, d := range []decision{atMatch, whenFull, atPeak} {
			if n := told[typ][d]; n < worlds/400 && (d == atMatch || typ == sigma.EventCount || typ == sigma.ValueCount || typ == sigma.Temporal) {
				t.Errorf("%s, decision %d: only %d hits were compared", typ, d, n)
			}
		}
	}
}

func (w world) run(t *testing.T, set *Set, o Options, events []refEvent, rnd *rand.Rand) []Hit {
	t.Helper()
	c := New(set, o)
	restart := rnd.IntN(2 * (len(events) + 1))
	var hits []Hit
	for i, e := range events {
		if i == restart {
			c = restarted(t, c, set, o)
		}
		hits = append(hits, c.Add(e.match())...)
	}
	if w.finish {
		return append(hits, c.Finish()...)
	}
	hits = append(hits, c.Flush()...)
	if s := c.Stats(); s.Lost[Late] > 0 || s.Waiting > 0 {
		t.Fatalf("%d late, %d wait", s.Lost[Late], s.Waiting)
	}
	return hits
}

// restarted is what a restart makes of a Correlator; it must know the same.
func restarted(t *testing.T, c *Correlator, set *Set, o Options) *Correlator {
	t.Helper()
	var written, again bytes.Buffer
	if err := c.Snapshot(&written); err != nil {
		t.Fatal(err)
	}
	back, forgotten, err := Restore(set, o, bytes.NewReader(written.Bytes()))
	if err != nil || len(forgotten) > 0 {
		t.Fatalf("restore: %v, forgot %v", err, forgotten)
	}
	if err := back.Snapshot(&again); err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(decoded(t, written.Bytes()), decoded(t, again.Bytes())); d != "" {
		t.Fatalf("a snapshot of what was restored differs:\n%s", d)
	}
	return back
}

func decoded(t *testing.T, b []byte) (s snapshot) {
	t.Helper()
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&s); err != nil {
		t.Fatal(err)
	}
	less := func(a, b savedEntry) int {
		return cmp.Or(cmp.Compare(a.Mark.At, b.Mark.At), strings.Compare(a.Mark.ID, b.Mark.ID), a.Correlation-b.Correlation, a.Source-b.Source)
	}
	slices.SortStableFunc(s.Waiting, less)
	return s
}

func (w world) String() string {
	var b strings.Builder
	for _, r := range w.corr {
		fmt.Fprintf(&b, "%s %s %v by %v aliases %v in %v: %+v %#v generate %v\n", r.Name, r.Type, r.Rules, r.GroupBy, r.Aliases, r.Timespan,
			r.Condition.Bounds, r.Condition.Expr, r.Generate)
		fmt.Fprintf(&b, "   fields %v percentile %v share %v\n", r.Condition.Fields, r.Condition.Percentile, r.Condition.Share)
	}
	for _, e := range w.events {
		fmt.Fprintf(&b, "%v %s %s %v\n", time.Duration(e.at), e.rule, e.id, e.fields)
	}
	return b.String()
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 9)) }
