// Package okr is the arithmetic of objectives and key results: how far a key
// result has come, what an objective and a cycle score, whether that is where
// the time says it should be, where it will stand at the close, and what is
// missing in the way goals lead to each other. It knows no catalog and no page;
// everything in it is a pure function.
//
// Progress is a share of the way, from 0 to 1. A number that is not known is
// nil, and counts as nothing reached.
package okr

import (
	"errors"
	"fmt"
	"math"
)

// Kind is how a key result is counted.
type Kind string

// The kinds.
const (
	Metric    Kind = "metric"    // a number that moves from a start to a target, or stays within a band
	Ordinal   Kind = "ordinal"   // steps that are reached one after the other: commit, target, stretch
	Milestone Kind = "milestone" // things that are done or not
)

// Direction is which way a metric gets better.
type Direction string

// The directions. Up and Down follow from start and target; they are written
// so that a reader need not compare.
const (
	Up   Direction = "up"
	Down Direction = "down"
	Keep Direction = "keep" // within a band
)

// Goal is what a key result wants of its number.
type Goal struct {
	Kind      Kind
	Direction Direction

	Start, Target float64 // of a Metric that goes up or down

	Low, High *float64 // ends of the band of a Keep
	Tolerance float64  // how far outside of the band nothing is left; 0: the width of the band

	Milestones int // how many there are
}

// The ways a goal can be wrong. They are the reasons of a *GoalError.
var (
	ErrSame      = errors.New("start and target are the same")
	ErrDirection = errors.New("start and target go the other way")
	ErrNumber    = errors.New("not a number")
	ErrBand      = errors.New("a band needs a low or a high end")
	ErrBandOrder = errors.New("the low end lies above the high end")
	ErrTolerance = errors.New("a band without a width needs a tolerance")
	ErrNone      = errors.New("there is nothing to reach")
)

// GoalError says what is wrong with a goal, and in which part of it.
type GoalError struct {
	Part string // "start", "target", "direction", "low", "high", "tolerance", "milestones", "kind"
	Err  error
}

func (e *GoalError) Error() string { return fmt.Sprintf("%s: %v", e.Part, e.Err) }

// Unwrap returns the reason.
func (e *GoalError) Unwrap() error { return e.Err }

func wrong(part string, err error) error { return &GoalError{part, err} }

// Check refuses a goal that says nothing: progress would not be defined. OKR
// tools disagree on what start = target gives (0, 0.5 or an error); here it is
// refused when it is written.
func (g Goal) Check() error {
	switch g.Kind {
	case Ordinal:
		return nil
	case Milestone:
		if g.Milestones < 1 {
			return wrong("milestones", ErrNone)
		}
		return nil
	case Metric:
		if g.Direction == Keep {
			return g.checkBand()
		}
		return g.checkWay()
	}
	return wrong("kind", fmt.Errorf("%q is no kind of key result", g.Kind))
}

func (g Goal) checkWay() error {
	switch {
	case !finite(g.Start):
		return wrong("start", ErrNumber)
	case !finite(g.Target), !finite(g.Target - g.Start):
		return wrong("target", ErrNumber)
	case g.Start == g.Target:
		return wrong("target", ErrSame)
	case g.Direction == Up && g.Target < g.Start, g.Direction == Down && g.Target > g.Start:
		return wrong("direction", ErrDirection)
	case g.Direction != Up && g.Direction != Down:
		return wrong("direction", fmt.Errorf("%q is no direction", g.Direction))
	}
	return nil
}

func (g Goal) checkBand() error {
	for part, end := range map[string]*float64{"low": g.Low, "high": g.High} {
		if end != nil && !finite(*end) {
			return wrong(part, ErrNumber)
		}
	}
	switch {
	case !finite(g.Tolerance) || g.Tolerance < 0:
		return wrong("tolerance", ErrNumber)
	case g.Low == nil && g.High == nil:
		return wrong("low", ErrBand)
	case g.Low != nil && g.High != nil && *g.Low > *g.High:
		return wrong("low", ErrBandOrder)
	case g.Reach() <= 0 || !finite(g.Reach()):
		return wrong("tolerance", ErrTolerance)
	}
	return nil
}

// Reach is how far outside of the band progress comes to nothing.
func (g Goal) Reach() float64 {
	switch {
	case g.Tolerance > 0:
		return g.Tolerance
	case g.Low != nil && g.High != nil:
		return *g.High - *g.Low
	}
	return 0
}

// OrdinalSteps are the progress that each step of an Ordinal stands for: none,
// commit, target, stretch. They are the lower ends of the zones, so that a step
// and its zone have one name (puzzle/okr, migration V3_6_4).
var OrdinalSteps = [4]float64{0, CommitAt, TargetAt, StretchAt}

// Progress returns how far a value has come, from 0 to 1.
//
//	metric, up or down  clamp01((value − start) / (target − start))
//	metric, keep        1 inside the band, else max(0, 1 − distance / reach)
//	ordinal             what its step stands for: 0, 0.3, 0.7, 1
//	milestone           clamp01(done / all)
//
// The first works in both directions by its signs (okr-tracker and puzzle/okr
// use the same algebra). reach is the tolerance, or the width of the band. The
// goal must pass Check; a value that is no number has come nowhere.
func (g Goal) Progress(value float64) float64 {
	if !finite(value) {
		return 0
	}
	switch g.Kind {
	case Ordinal:
		return OrdinalSteps[int(math.Min(math.Max(math.Floor(value), 0), 3))]
	case Milestone:
		return clamp01(value / float64(g.Milestones))
	}
	if g.Direction == Keep {
		return clamp01(1 - g.Outside(value)/g.Reach())
	}
	return clamp01((value - g.Start) / (g.Target - g.Start))
}

// Outside returns how far a value lies outside of the band of a Keep; 0 inside.
func (g Goal) Outside(value float64) float64 {
	switch {
	case g.Low != nil && value < *g.Low:
		return *g.Low - value
	case g.High != nil && value > *g.High:
		return value - *g.High
	}
	return 0
}

func clamp01(x float64) float64 {
	switch {
	case math.IsNaN(x), x < 0:
		return 0
	case x > 1:
		return 1
	}
	return x + 0 // no negative zero
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
