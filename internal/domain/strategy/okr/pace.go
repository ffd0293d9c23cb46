package okr

import (
	"math"
	"slices"
	"time"
)

// Span is the time of a cycle: whole days, both included, in the time zone of
// the organisation.
type Span struct {
	First, Last time.Time // their year, month and day count
	Zone        *time.Location
}

// Days returns how many days there are; at least 1.
func (s Span) Days() int { return max(daysBetween(s.First, s.Last)+1, 1) }

// Day returns the number of the day that a moment falls on: 1 is the first, 0
// or less is before, more than Days is after. A day lasts from midnight to
// midnight in the zone, however many hours that are.
func (s Span) Day(at time.Time) int {
	if s.Zone != nil {
		at = at.In(s.Zone)
	}
	return daysBetween(s.First, at) + 1
}

// Elapsed returns the share of the cycle that is over when the day of a moment
// ends: clamp01(day / days). It moves once a day, and is 1 on the last one.
func (s Span) Elapsed(at time.Time) float64 {
	return clamp01(float64(s.Day(at)) / float64(s.Days()))
}

// End returns the moment at which the last day ends.
func (s Span) End() time.Time {
	zone := s.Zone
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := s.Last.Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, zone)
}

// daysBetween counts calendar days, so that leap days and changes of the clock
// need no care.
func daysBetween(a, b time.Time) int {
	day := func(t time.Time) int64 {
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
	}
	return int(day(b) - day(a))
}

// Expected returns what progress should have been reached when the share
// elapsed of the cycle is over: elapsed itself, and all of it for a band, which
// is to be kept all the time.
func (g Goal) Expected(elapsed float64) float64 {
	if g.Kind == Metric && g.Direction == Keep {
		return 1
	}
	return clamp01(elapsed)
}

// Pace returns how far progress is ahead of the time, or behind it when
// negative: progress − expected.
func Pace(progress, expected float64) float64 { return progress - expected }

// Standing says in one word where a key result stands.
type Standing string

// The standings, from good to bad.
const (
	Met      Standing = "met"
	OnTrack  Standing = "on-track"
	AtRisk   Standing = "at-risk"
	Unknown  Standing = "no-evidence"
	OffTrack Standing = "off-track"
)

// Standings lists the standings from bad to good.
var Standings = []Standing{OffTrack, Unknown, AtRisk, OnTrack, Met}

// How far behind the time is still on track, and how far is at risk and not yet
// off track.
const (
	OnTrackPace = -0.1
	AtRiskPace  = -0.2
)

// slack keeps a pace that stands on a bound, but for the rounding of binary
// numbers, on its good side.
const slack = 1e-9

// Stand reads a progress against the share of the cycle that is over.
//
//	met        progress is 1; a band is only met when the cycle is over
//	on track   pace ≥ −0.1
//	at risk    −0.2 ≤ pace < −0.1
//	off track  pace < −0.2
//
// The bound of −0.2 is also that of Diverges. A band is on track inside, at risk
// up to a fifth of its reach outside, and off track beyond.
func (g Goal) Stand(progress, elapsed float64) Standing {
	keep := g.Kind == Metric && g.Direction == Keep
	pace := Pace(progress, g.Expected(elapsed))
	switch {
	case progress >= 1 && (!keep || elapsed >= 1):
		return Met
	case progress >= 1, !keep && pace >= OnTrackPace-slack:
		return OnTrack
	case pace >= AtRiskPace-slack:
		return AtRisk
	}
	return OffTrack
}

// Trust is how far the number of a key result can be relied on.
type Trust string

// The trusts.
const (
	Live  Trust = "live"  // evidence that is young enough
	Word  Trust = "word"  // somebody typed it, and it has not run out
	Stale Trust = "stale" // it is too old
	None  Trust = "none"  // there is no number
)

// Show returns the standing that is shown when its number can be relied on so
// far, and whether it may be green. What is stale is at risk at best; what
// there is no number for is unknown; only live evidence is green.
func Show(s Standing, t Trust) (shown Standing, green bool) {
	good := s == Met || s == OnTrack
	switch {
	case t == None:
		return Unknown, false
	case t == Stale && good:
		return AtRisk, false
	}
	return s, good && t == Live
}

// Worst returns the worst of some standings; Unknown of none.
func Worst(all []Standing) Standing {
	for _, s := range Standings {
		if slices.Contains(all, s) {
			return s
		}
	}
	return Unknown
}

// Check is what a check-in said, with the pace of its day. Confidence and pace
// are nil when they are not known.
type Check struct {
	At         time.Time
	Confidence *int
	Pace       *float64
}

// The bounds of Diverges.
const (
	SureFrom    = 7
	LateBelow   = -0.2
	DivergeRuns = 2
)

// Diverges reports whether people are sure of what the numbers contradict: the
// last two check-ins, each, gave a confidence of 7 or more while the pace was
// below −0.2. Confidence is never part of progress.
func Diverges(checks []Check) bool {
	checks = slices.Clone(checks)
	slices.SortStableFunc(checks, func(a, b Check) int { return a.At.Compare(b.At) })
	if len(checks) < DivergeRuns {
		return false
	}
	for _, c := range checks[len(checks)-DivergeRuns:] {
		if c.Confidence == nil || c.Pace == nil || *c.Confidence < SureFrom || !(*c.Pace < LateBelow-slack) {
			return false
		}
	}
	return true
}

// Point is a value at a moment.
type Point struct {
	At time.Time
	V  float64
}

// How many points a forecast is made of.
const (
	ForecastLeast = 6
	ForecastMost  = 60 // the last ones are taken
)

// Forecast is where a value will stand at the close if it goes on as it went.
type Forecast struct {
	Points   int     // how many values it is made of
	Slope    float64 // change in a day
	Value    float64 // at the close
	Progress float64 // of that value
	Miss     float64 // probability that the target is not reached, in (0, 1)
	Lines    int     // how many lines through two points there are
	Short    int     // how many of them end short of the target
}

// AtClose extends the last values to the close by the estimator of Theil and
// Sen: the slope is the median of the slopes between all pairs of points, the
// height the median of what is left (P. K. Sen, Estimates of the regression
// coefficient based on Kendall's tau, JASA 63, 1968). One wild value in four
// does not move it.
//
// The probability to miss is counted over the same pairs: each slope carries
// the middle of the points to the close, and (short + 1) / (lines + 2) of them
// end short, Laplace's rule, which is never sure. Fewer than six points of
// different moments give no forecast.
func AtClose(g Goal, points []Point, close time.Time) (Forecast, bool) {
	points = last(points)
	if len(points) < ForecastLeast {
		return Forecast{}, false
	}
	begin := points[0].At
	day := func(t time.Time) float64 { return t.Sub(begin).Hours() / 24 }
	slopes := make([]float64, 0, len(points)*(len(points)-1)/2)
	for i, a := range points {
		for _, b := range points[i+1:] {
			slopes = append(slopes, (b.V-a.V)/(day(b.At)-day(a.At)))
		}
	}
	f := Forecast{Points: len(points), Lines: len(slopes), Slope: median(slopes)}
	rest, values, days := make([]float64, len(points)), make([]float64, len(points)), make([]float64, len(points))
	for i, p := range points {
		days[i], values[i] = day(p.At), p.V
		rest[i] = p.V - f.Slope*day(p.At)
	}
	f.Value = median(rest) + f.Slope*day(close)
	f.Progress = g.Progress(f.Value)
	midDay, midValue := median(days), median(values)
	for _, s := range slopes {
		if g.Progress(midValue+s*(day(close)-midDay)) < 1-slack {
			f.Short++
		}
	}
	f.Miss = float64(f.Short+1) / float64(f.Lines+2)
	return f, finite(f.Value) && finite(f.Slope)
}

// last returns the last values in order of time, one for each moment: the one
// that was given later.
func last(points []Point) []Point {
	sorted := slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return !finite(p.V) })
	slices.SortStableFunc(sorted, func(a, b Point) int { return a.At.Compare(b.At) })
	var out []Point
	for _, p := range sorted {
		if n := len(out); n > 0 && out[n-1].At.Equal(p.At) {
			out[n-1] = p
			continue
		}
		out = append(out, p)
	}
	return out[max(0, len(out)-ForecastMost):]
}

// median returns the middle value, or the mean of the two in the middle.
func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	n := len(s)
	if n == 0 {
		return math.NaN()
	}
	if n%2 == 1 {
		return s[n/2]
	}
	return s[n/2-1]/2 + s[n/2]/2
}
