// Package forecast is the arithmetic of delivery dates: when so much work will
// be done, how much will be done by a day, what a network of work waits for, how
// good earlier forecasts were, what to do first and where people run short.
//
// Everything is a pure function of its arguments. One team's forecast is exact:
// the throughput of past days is convolved with itself, so there is no dice and
// no seed. Only networks of dependent work are simulated, from a seed that is
// the hash of the inputs, so that the same question has the same answer on any
// machine.
//
// Days are counted from the day of the forecast: day 0 is that day, work done
// on the next working day is done by day 1. A Calendar turns them into dates.
package forecast

import (
	"errors"
	"math"
)

// MaxDays is how far a forecast looks: ten years. What would take longer has no
// date.
const MaxDays = 3650

// MaxItems bounds the work a forecast is asked about, and what it counts up to.
const MaxItems = 20_000

// Thin is the number of samples below which a history is called thin, and its
// forecast is widened by resampling. Eleven is the least that lets the largest
// of them stand for the 90th percentile (Magennis, "samples needed").
const Thin = 11

// Levels are the chances that forecasts are given for: as likely as not, likely,
// what to promise, and all but certain.
var Levels = [4]float64{0.50, 0.70, 0.85, 0.95}

// Errors of a history that says nothing about the future.
var (
	ErrNoHistory    = errors.New("there is no day to learn from")
	ErrNoThroughput = errors.New("nothing was finished on any day of the history")
	ErrNegative     = errors.New("a number of items is negative")
	ErrTooMuch      = errors.New("there is more work than a forecast can be asked about")
)

// hair forgives what adding probabilities up loses, so that a chance of exactly
// one half reaches the level of one half.
const hair = 1e-12

// Dist is the distribution of the day on which something is done. The zero Dist
// is of something nobody knows about.
type Dist struct {
	cdf []float64 // by day; the last value holds for ever after
}

// Known reports whether d says anything.
func (d Dist) Known() bool { return len(d.cdf) > 0 }

// By returns the chance that it is done by the end of a day.
func (d Dist) By(day int) float64 {
	if day < 0 || len(d.cdf) == 0 {
		return 0
	}
	return d.cdf[min(day, len(d.cdf)-1)]
}

// On returns the chance that it is done on a day.
func (d Dist) On(day int) float64 { return d.By(day) - d.By(day-1) }

// Day returns the first day by which it is done with chance p. It is false when
// there is none within MaxDays.
func (d Dist) Day(p float64) (int, bool) {
	lo, hi := 0, len(d.cdf)
	for lo < hi {
		mid := (lo + hi) / 2
		if d.cdf[mid] >= p-hair {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo, lo < len(d.cdf)
}

// Last returns the last day that the distribution tells apart.
func (d Dist) Last() int { return len(d.cdf) - 1 }

// Never returns the chance that it is not done within MaxDays.
func (d Dist) Never() float64 {
	if len(d.cdf) == 0 {
		return 1
	}
	return max(0, 1-d.cdf[len(d.cdf)-1])
}

// Mean returns the expected day, of those runs of the future in which it is
// done.
func (d Dist) Mean() float64 {
	var sum, all float64
	for day := range d.cdf {
		sum += float64(day) * d.On(day)
		all += d.On(day)
	}
	if all == 0 {
		return math.NaN()
	}
	return sum / all
}

// Stretch returns the distribution whose days are factor times as far away,
// rounded up: how a forecast is widened by what calibration learned.
func (d Dist) Stretch(factor float64) Dist {
	if len(d.cdf) == 0 || factor <= 0 || math.IsNaN(factor) || math.IsInf(factor, 0) {
		return d
	}
	last := min(MaxDays, int(math.Ceil(float64(d.Last())*factor-hair)))
	out := make([]float64, last+1)
	for day := range out {
		out[day] = d.By(int(math.Floor(float64(day)/factor + hair)))
	}
	return Dist{out}
}

// At returns the distribution of what is surely done on one day.
func At(day int) Dist {
	cdf := make([]float64, max(day, 0)+1)
	cdf[len(cdf)-1] = 1
	return Dist{cdf}
}

// FromCounts returns the distribution of runs counted by the day they ended on.
// of is how many runs there were, those that never ended among them.
func FromCounts(byDay []int, of int) Dist {
	if of <= 0 {
		return Dist{}
	}
	cdf, sum := make([]float64, len(byDay)), 0
	for day, n := range byDay {
		sum += n
		cdf[day] = float64(sum) / float64(of)
	}
	return Dist{cdf}
}

// All returns when all of several independent things are done: the product of
// their chances by each day. Taking the latest of their dates instead promises
// too much: two teams that are each done by a day with a chance of one half are
// both done with one quarter. What is not known is left out.
func All(dists ...Dist) Dist {
	return combine(dists, func(a, b float64) float64 { return a * b })
}

// Together returns when all of several things are done that rise and fall as
// one, as the work of one team does: the least of their chances by each day.
func Together(dists ...Dist) Dist { return combine(dists, math.Min) }

func combine(dists []Dist, f func(a, b float64) float64) Dist {
	last := -1
	for _, d := range dists {
		last = max(last, d.Last())
	}
	if last < 0 {
		return Dist{}
	}
	cdf := make([]float64, last+1)
	for day := range cdf {
		p := 1.0
		for _, d := range dists {
			if d.Known() {
				p = f(p, d.By(day))
			}
		}
		cdf[day] = p
	}
	return Dist{cdf}
}

// FromChances returns the distribution with given chances by day. They must not
// fall; what falls is raised, and what is above 1 is 1.
func FromChances(byDay []float64) Dist {
	cdf, before := make([]float64, len(byDay)), 0.0
	for day, p := range byDay {
		if before = math.Max(before, math.Min(p, 1)); math.IsNaN(before) {
			before = 0
		}
		cdf[day] = before
	}
	return Dist{cdf}
}
