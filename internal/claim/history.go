package claim

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Point is one answer in the history of a test.
type Point struct {
	AsOf       time.Time `json:"asOf"`
	Value      *float64  `json:"value,omitempty"` // nil: there was no number then
	N          int       `json:"n"`               // -1 for a test without a population
	Exceptions int       `json:"exceptions"`
	Verdict    Verdict   `json:"verdict"`
	Zone       Zone      `json:"zone,omitempty"`
	Until      time.Time `json:"until,omitzero"` // when the word given ran out
	Seq        int64     `json:"seq"`
}

// Number is what a point is drawn at: its value, or how many exceptions a test
// without a number found; nil where there was no answer.
func (p *Point) Number() *float64 {
	if p.Value != nil {
		return p.Value
	}
	if p.N <= 0 || p.Verdict == NoData || p.Verdict == Failed {
		return nil
	}
	n := float64(p.Exceptions)
	return &n
}

// History returns the answers of the first test, or of the one that is named,
// about moments from from up to to, oldest first: the last one carried out where
// several are about one moment.
func (e *Engine) History(ctx context.Context, caller catalog.Caller, ref entity.Ref, test string, from, to time.Time) ([]Point, error) {
	x, err := e.catalog.Get(ctx, caller, ref)
	if err != nil {
		return nil, err
	}
	by, err := e.Histories(ctx, caller.Org, []*entity.Entity{x}, test, from, to, 0)
	return by[x.Metadata.UID], err
}

// Histories is History for many entities, by uid, whoever may read them, with
// one query for each 500. Of each stretch of time of length step only the last
// answer is read; 0 reads all.
func (e *Engine) Histories(ctx context.Context, org string, entities []*entity.Entity, test string, from, to time.Time, step time.Duration) (map[string][]Point, error) {
	out := map[string][]Point{}
	find := e.finder(ctx, e.catalog, org)
	for part := range slices.Chunk(entities, 500) {
		tests := map[string]string{}
		var args []any
		for _, x := range part {
			d, err := e.define(x, find)
			p := d.shown()
			if err != nil || p == nil {
				continue
			}
			tests[x.Metadata.UID] = cmp.Or(test, p.Name)
			args = append(args, x.Metadata.UID)
		}
		if len(tests) == 0 {
			continue
		}
		if err := e.points(ctx, org, args, from, to, step, func(r *Run) {
			if tests[r.Claim] == r.Test {
				out[r.Claim] = added(out[r.Claim], r)
			}
		}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func added(list []Point, r *Run) []Point {
	p := Point{r.AsOf, r.Value, r.N, r.Exceptions, r.Verdict, r.Zone, r.Until, r.Seq}
	if n := len(list); n > 0 && list[n-1].AsOf.Equal(r.AsOf) {
		list[n-1] = p
		return list
	}
	return append(list, p)
}

// points reads the runs of some claims about a time, by claim and moment.
func (e *Engine) points(ctx context.Context, org string, uids []any, from, to time.Time, step time.Duration, f func(*Run)) error {
	in := sqldb.In(len(uids))
	between := []any{sqldb.Micros(from), sqldb.Micros(to)}
	where := `r.org = ? AND r.as_of >= ? AND r.as_of <= ? AND r.claim IN ` + in
	args := append(append([]any{org}, between...), uids...)
	if step > 0 {
		where = `r.org = ? AND (r.claim, r.seq) IN (SELECT x.claim, max(x.seq) FROM claim_runs x WHERE x.org = ? AND x.as_of >= ? AND x.as_of <= ? AND x.claim IN ` + in +
			` GROUP BY x.claim, x.test, x.as_of / ?)`
		args = append(append(append([]any{org, org}, between...), uids...), step.Microseconds())
	}
	return sqldb.Each(ctx, e.db, func(s sqldb.Row) error {
		r, err := scanRun(s)
		if err == nil {
			f(r)
		}
		return err
	}, `SELECT `+runColumns+` FROM claim_runs r WHERE `+where+` ORDER BY r.claim, r.as_of, r.seq`, args...)
}

// Series spreads points over n moments from from to to, both ends included: at
// each stands the number that was good then, and nil where there was none, or
// only one that was as old as hold or older; 0 holds for ever.
func Series(points []Point, from, to time.Time, n int, hold time.Duration) []*float64 {
	out := make([]*float64, n)
	next := 0
	for i := range out {
		at := from
		if n > 1 {
			at = from.Add(time.Duration(int64(to.Sub(from)) / int64(n-1) * int64(i)))
		}
		if i == n-1 {
			at = to
		}
		for next < len(points) && !points[next].AsOf.After(at) {
			next++
		}
		if next == 0 {
			continue
		}
		p := &points[next-1]
		if (hold == 0 || at.Sub(p.AsOf) < hold) && (p.Until.IsZero() || at.Before(p.Until)) {
			out[i] = p.Number()
		}
	}
	return out
}

// Trend is the recent history of a claim's number, as a small drawing needs it.
type Trend struct {
	Entity *entity.Entity
	Y      []*float64 // evenly spaced, the last one now
	Target *float64
	Scale  Scale
	Last   *float64
	Zone   Zone // of the last answer
}

// sparkWeeks is how far back a Trend goes, and sparkPoints how many points it
// has.
const (
	sparkWeeks  = 12
	sparkPoints = 29 // one every three days
)

// Trends returns the trends of what references name, by reference in full, with
// one query for their entities and one for their runs. What bears no claim, is
// not there or may not be read is left out.
func (e *Engine) Trends(ctx context.Context, caller catalog.Caller, refs []string) (map[string]*Trend, error) {
	found, err := e.catalog.ByRefs(ctx, e.db, caller.Org, refs)
	if err != nil {
		return nil, err
	}
	var entities []*entity.Entity
	for _, x := range found {
		if k := e.catalog.Kinds().Get(x.Kind); k != nil && e.Bears(x.Kind) && caller.Can(auth.Read, k.Resource()) == nil {
			entities = append(entities, x)
		}
	}
	to := e.now().UTC()
	from := to.AddDate(0, 0, -7*sparkWeeks)
	by, err := e.Histories(ctx, caller.Org, entities, "", from.AddDate(0, -1, 0), to, to.Sub(from)/(sparkPoints-1))
	if err != nil {
		return nil, err
	}
	out := map[string]*Trend{}
	find := e.finder(ctx, e.catalog, caller.Org)
	for _, x := range entities {
		d, err := e.define(x, find)
		p := d.shown()
		if err != nil || p == nil {
			continue
		}
		scale := d.ScaleOf(p)
		t := &Trend{Entity: x, Scale: scale, Target: scale.Target, Y: Series(by[x.Metadata.UID], from, to, sparkPoints, p.maxAge())}
		t.Last = t.Y[sparkPoints-1]
		if list := by[x.Metadata.UID]; len(list) > 0 {
			t.Zone = list[len(list)-1].Zone
		}
		out[x.Ref().String()] = t
	}
	return out, nil
}

// Scales returns how the numbers of some entities are written, by identity.
// What bears no claim, or one that cannot be read, is left out.
func (e *Engine) Scales(ctx context.Context, org string, entities ...*entity.Entity) map[string]Scale {
	out := map[string]Scale{}
	find := e.finder(ctx, e.catalog, org)
	for _, x := range entities {
		if !e.Bears(x.Kind) {
			continue
		}
		d, err := e.define(x, find)
		if err != nil {
			continue
		}
		out[x.Metadata.UID] = d.Scale
		if p := d.shown(); p != nil {
			out[x.Metadata.UID] = d.ScaleOf(p)
		}
	}
	return out
}

// MaxAge returns how old an answer of a probe may grow; 0 for ever, or when the
// word given says so itself.
func (p *Probe) MaxAge() time.Duration { return p.maxAge() }

// Every returns the time between two runs; 0 for what only people answer.
func (p *Probe) Every() time.Duration { return p.every() }

// Asked reports whether the program itself can carry the probe out.
func (p *Probe) Asked() bool { return p.asked() }
