package objectives

import (
	"context"
	"encoding/json"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// reading is a key result as it stands at one moment.
type reading struct {
	Goal     okr.Goal
	Value    *float64
	Trust    okr.Trust
	Progress *float64 // nil: there is no number
	Expected *float64 // nil: there is no cycle
	Pace     *float64
	Standing okr.Standing
	Green    bool
	Final    *Final // of a closed cycle
}

// read reads a key result: its number, how far that can be relied on, and the
// share of its cycle that is over. state is that of the claim: what is in doubt
// or disputed is not green either.
func read(s *KeyResult, span *okr.Span, value *float64, trust okr.Trust, state claim.State, now time.Time) reading {
	r := reading{Goal: s.Goal(), Value: value, Trust: trust, Standing: okr.Unknown, Final: s.Final}
	if f := s.Final; f != nil {
		r.Value, r.Trust, r.Progress = f.Value, okr.Trust(f.Trust), &f.Score
		r.Standing, r.Green = standingOf(f.Standing), f.Standing == string(standingOf(f.Standing)) && okr.Trust(f.Trust) == okr.Live
		if span != nil {
			r.pace(r.Goal.Expected(1))
		}
		return r
	}
	if value == nil {
		r.Trust = okr.None
	} else {
		p := r.Goal.Progress(*value)
		r.Progress = &p
	}
	elapsed := 0.0
	if span != nil {
		elapsed = span.Elapsed(now)
		r.pace(r.Goal.Expected(elapsed))
	}
	if r.Progress == nil || span == nil {
		return r
	}
	shown, green := okr.Show(r.Goal.Stand(*r.Progress, elapsed), r.Trust)
	r.Standing, r.Green = shown, green && state == claim.Supported
	return r
}

func (r *reading) pace(expected float64) {
	r.Expected = &expected
	if r.Progress != nil {
		pace := okr.Pace(*r.Progress, expected)
		r.Pace = &pace
	}
}

// shown is the standing as it is stored.
func (r *reading) shown() string { return shownAs(r.Standing, r.Green) }

// final freezes a reading.
func (r *reading) final(at time.Time) *Final {
	f := &Final{Value: r.Value, Standing: r.shown(), Trust: string(r.Trust), At: at.UTC().Format(time.RFC3339)}
	if r.Progress != nil {
		f.Score = *r.Progress
	}
	return f
}

// trusted returns the number that evidence gives and how far it can be relied
// on.
func trusted(list []claim.Evidence) (*float64, okr.Trust) {
	for _, ev := range list {
		if ev.Last == nil || ev.Last.Value == nil {
			continue
		}
		switch {
		case ev.Health == claim.Stale:
			return ev.Last.Value, okr.Stale
		case ev.Last.Asserted:
			return ev.Last.Value, okr.Word
		case ev.Health == claim.Live || ev.Health == claim.Against:
			return ev.Last.Value, okr.Live
		}
	}
	return nil, okr.None
}

// stateOf makes the status of a key result of the state of its claim.
func stateOf(st *claim.Stating) (any, error) {
	_, trust := trusted(st.Evidence)
	return restate(st.Context, st.Catalog, st.Org, st.Entity, st.Status, trust)
}

// restate returns the status of a key result as of now.
func restate(ctx context.Context, c *catalog.Catalog, org string, e *entity.Entity, state claim.Status, trust okr.Trust) (*KeyResultStatus, error) {
	s, err := catalog.Spec[KeyResult](e)
	if err != nil {
		return nil, err
	}
	caller := catalog.Program(org, hand)
	_, _, cycle, err := up(e, &s, func(ref entity.Ref) (*entity.Entity, error) { return c.Get(ctx, caller, ref) })
	if err != nil {
		return nil, err
	}
	span, err := spanOf(cycle)
	if err != nil {
		return nil, err
	}
	r := read(&s, span, state.Value, trust, claim.State(state.State), c.Now())
	out := &KeyResultStatus{Standing: r.shown(), Progress: round(r.Progress), Pace: round(r.Pace), Trust: string(r.Trust), Status: state}
	if cycle != nil {
		out.Cycle = shortOf(cycle.Ref())
	}
	last, err := lastCheckIns(ctx, c, caller, e.Ref(), 20)
	if err != nil {
		return nil, err
	}
	if len(last) > 0 {
		out.CheckedIn = last[0].At
	}
	for _, x := range last {
		if x.Confidence != nil {
			out.Confidence = x.Confidence
			break
		}
	}
	return out, nil
}

// round keeps four decimals: what a status says does not change with the last
// bits of a number.
func round(v *float64) *float64 {
	if v == nil {
		return nil
	}
	r := float64(int64(*v*10_000+sign(*v)*0.5)) / 10_000
	return &r
}

func sign(v float64) float64 {
	if v < 0 {
		return -1
	}
	return 1
}

// shortOf names an entity by its name, with the namespace where it is another
// than the default.
func shortOf(ref entity.Ref) string {
	if ref.Namespace == entity.DefaultNamespace {
		return ref.Name
	}
	return ref.Namespace + "/" + ref.Name
}

// encode writes a value whose shape is always one of JSON.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}
