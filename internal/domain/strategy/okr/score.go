package okr

// Zone names a stretch of progress.
type Zone string

// The zones are a partition: every progress lies in exactly one, so that counts
// by zone add up to the number of key results.
//
//	fail     progress < 0.3
//	commit   0.3 ≤ progress < 0.7
//	target   0.7 ≤ progress < 1
//	stretch  1 ≤ progress
//
// The bounds are those of puzzle/okr, whose own counts leave out what stands at
// 0 and so do not add up.
const (
	Fail    Zone = "fail"
	Commit  Zone = "commit"
	Target  Zone = "target"
	Stretch Zone = "stretch"
)

// Zones lists the zones from low to high.
var Zones = []Zone{Fail, Commit, Target, Stretch}

// The lower ends of the zones.
const (
	CommitAt  = 0.3
	TargetAt  = 0.7
	StretchAt = 1.0
)

// ZoneOf returns the zone of a progress; without one nothing is reached: Fail.
func ZoneOf(progress *float64) Zone {
	switch {
	case progress == nil || !(*progress >= CommitAt):
		return Fail
	case *progress < TargetAt:
		return Commit
	case *progress < StretchAt:
		return Target
	}
	return Stretch
}

// CountZones counts progresses by zone.
func CountZones(all []*float64) map[Zone]int {
	out := map[Zone]int{}
	for _, p := range all {
		out[ZoneOf(p)]++
	}
	return out
}

// Part is one term of a score.
type Part struct {
	Weight   *float64 // nil is 1: a weight that was not given never drops its part
	Progress *float64 // nil counts as 0: what is not known is not reached
}

// W returns the weight.
func (p Part) W() float64 {
	if p.Weight == nil {
		return 1
	}
	return *p.Weight
}

// P returns the progress.
func (p Part) P() float64 {
	if p.Progress == nil {
		return 0
	}
	return *p.Progress
}

// Score returns the weighted mean Σ w·p / Σ w: of an objective over its key
// results, of a cycle over its objectives. It is nil where there is nothing to
// take a mean of. Weights must be greater than 0.
func Score(parts []Part) *float64 {
	sum, weights := 0.0, 0.0
	for _, p := range parts {
		sum += p.W() * p.P()
		weights += p.W()
	}
	if weights <= 0 || !finite(weights) || !finite(sum) {
		return nil
	}
	score := clamp01(sum / weights)
	return &score
}
