package forecast

import (
	"cmp"
	"maps"
	"slices"
)

// When returns when remaining items are done by a team that finished samples[i]
// items on day i of its history: P(done by day d) = P(X1+…+Xd >= remaining),
// each X one day of the history picked with equal chance. It is the limit that
// the usual Monte Carlo simulation of throughput converges to.
func When(samples []int, remaining int) (Dist, error) {
	if remaining < 0 {
		return Dist{}, ErrNegative
	}
	if remaining > MaxItems {
		return Dist{}, ErrTooMuch
	}
	all, err := Sequence(samples, []PMF{Exactly(remaining)})
	if err != nil {
		return Dist{}, err
	}
	return all[0], nil
}

// Sequence returns when each of several pieces of work is done by one team that
// does them one after the other, in the order given: the i-th is done when the
// sum of the first i is. Their sizes may be known (Exactly) or estimated
// (Between); P(done by d) = sum over n of P(size = n) P(X1+…+Xd >= n).
//
// The sums are kept as a window of chances: what lies below 1e-18 at its edges
// is left out and counted as not done, which over MaxDays is less than 1e-14.
// The time is days times width of the window times different daily counts.
func Sequence(samples []int, sizes []PMF) ([]Dist, error) {
	step, err := empirical(samples)
	if err != nil {
		return nil, err
	}
	goals, most := make([][]outcome, len(sizes)), 0
	for i, total := 0, Exactly(0); i < len(sizes); i++ {
		if most += len(sizes[i]) - 1; most > MaxItems {
			return nil, ErrTooMuch
		}
		total = total.plus(sizes[i])
		goals[i] = total.outcomes()
	}
	cdfs := make([][]float64, len(goals))
	sum := &walk{step: step, goal: most, chance: []float64{1}}
	if most == 0 {
		sum.chance = nil // nothing to do: no sum is below it
	}
	for day := 0; day <= MaxDays; day++ {
		if day > 0 {
			sum.next()
		}
		below := sum.below()
		for i, goal := range goals {
			cdfs[i] = append(cdfs[i], sum.reached(goal, below, last(cdfs[i])))
		}
		if sum.left < 1e-13 {
			break
		}
	}
	out := make([]Dist, len(cdfs))
	for i, cdf := range cdfs {
		out[i] = Dist{trim(cdf)}
	}
	return out, nil
}

// walk is the distribution of a growing sum as long as it is below goal.
type walk struct {
	step   []outcome
	goal   int
	lo     int       // the sum that chance[0] is of
	chance []float64 // of lo, lo+1, …; all below goal
	lost   float64   // left out at the edges; counted as not reached
	left   float64   // the chance of being below goal
}

// next adds one day.
func (w *walk) next() {
	if len(w.chance) == 0 {
		return
	}
	top := w.step[len(w.step)-1].n
	out := make([]float64, min(len(w.chance)+top, w.goal-w.lo))
	for _, s := range w.step {
		if s.n >= len(out) {
			break
		}
		for i, p := range w.chance[:min(len(w.chance), len(out)-s.n)] {
			out[i+s.n] += p * s.p
		}
	}
	const least = 1e-18
	for len(out) > 0 && out[0] < least {
		w.lost += out[0]
		w.lo++
		out = out[1:]
	}
	for len(out) > 0 && out[len(out)-1] < least {
		w.lost += out[len(out)-1]
		out = out[:len(out)-1]
	}
	w.chance = out
}

// below returns for each place of the window the chance of a smaller sum.
func (w *walk) below() []float64 {
	sums := make([]float64, len(w.chance)+1)
	for i, p := range w.chance {
		sums[i+1] = sums[i] + p
	}
	w.left = sums[len(w.chance)]
	return sums
}

// reached returns the chance that the sum is at least a goal that is itself
// uncertain; never less than the day before.
func (w *walk) reached(goal []outcome, below []float64, before float64) float64 {
	p := 0.0
	for _, g := range goal {
		if g.n == 0 {
			p += g.p
		} else {
			p += g.p * (1 - w.lost - below[min(max(g.n-w.lo, 0), len(below)-1)])
		}
	}
	return min(1, max(p, before))
}

func last(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	return list[len(list)-1]
}

// trim drops the days after which nothing changes, and rounds what is certain
// but for the rounding of sums up to 1.
func trim(cdf []float64) []float64 {
	end := len(cdf)
	if last(cdf) > 1-hair {
		for end > 1 && cdf[end-2] > 1-hair {
			end--
		}
		cdf[end-1] = 1
	}
	return slices.Clip(cdf[:end])
}

// HowMany returns how many items a team finishes in so many days; MaxItems
// stands for that many and more. Its Least(p) is the number to promise with a
// chance of p.
func HowMany(samples []int, days int) (PMF, error) {
	if days < 0 {
		return nil, ErrNegative
	}
	step, err := empirical(samples)
	if err != nil {
		return nil, err
	}
	sum := &walk{step: step, goal: MaxItems, chance: []float64{1}}
	for range min(days, MaxDays) {
		sum.next()
	}
	p := append(make(PMF, sum.lo), sum.chance...)
	if sum.below(); 1-sum.lost-sum.left > hair {
		p = append(p, make(PMF, MaxItems+1-len(p))...)
		p[MaxItems] = 1 - sum.lost - sum.left
	}
	return p, nil
}

// Forecast is the answer for one team's work, with what to think of it.
type Forecast struct {
	Dist
	Samples int     // days of history used
	Done    int     // items finished on them
	PerDay  float64 // mean of the history
	Thin    bool    // the history is short: the dates were widened
}

// Ahead returns the forecasts of a team's pieces of work in their order, as
// Sequence does, and widens them when the history is thin.
//
// A short history is itself a matter of luck. So it is drawn again, with
// replacement, Resamples times; each draw gives a forecast, and the answer is
// their mean (the bootstrap of Efron, 1979, applied to the predictive
// distribution). Draws that finished nothing count as never done: a history
// with one finished item gives no date that is all but certain. A history
// without any variation stays as certain as it looks.
func Ahead(samples []int, sizes []PMF) ([]Forecast, error) {
	dists, err := Sequence(samples, sizes)
	if err != nil {
		return nil, err
	}
	about := Forecast{Samples: len(samples), Thin: len(samples) < Thin}
	for _, n := range samples {
		about.Done += n
	}
	about.PerDay = float64(about.Done) / float64(len(samples))
	if about.Thin {
		if dists, err = resample(samples, sizes); err != nil {
			return nil, err
		}
	}
	out := make([]Forecast, len(dists))
	for i, d := range dists {
		out[i] = about
		out[i].Dist = d
	}
	return out, nil
}

// Resamples is how often a thin history is drawn again.
const Resamples = 200

// resample returns the mean of the forecasts of many draws from the samples.
// Equal draws are forecast once.
func resample(samples []int, sizes []PMF) ([]Dist, error) {
	rnd := NewRand(Seed("bootstrap", samples))
	type drawn struct {
		samples []int
		times   int
	}
	draws := map[string]*drawn{}
	for range Resamples {
		draw := redraw(rnd, samples)
		slices.Sort(draw)
		key := hash(draw)
		if draws[key] == nil {
			draws[key] = &drawn{samples: draw}
		}
		draws[key].times++
	}
	sums := make([][]float64, len(sizes))
	for _, key := range sortedKeys(draws) {
		dists, err := Sequence(draws[key].samples, sizes)
		if err != nil && err != ErrNoThroughput {
			return nil, err
		}
		for i := range sizes {
			d := Dist{[]float64{sizeless(sizes[:i+1])}} // without throughput, done only if there is nothing to do
			if err == nil {
				d = dists[i]
			}
			sums[i] = add(sums[i], d, float64(draws[key].times)/Resamples)
		}
	}
	out := make([]Dist, len(sums))
	for i, cdf := range sums {
		out[i] = Dist{trim(cdf)}
	}
	return out, nil
}

// redraw returns as many samples, each picked anew.
func redraw(rnd *Rand, samples []int) []int {
	draw := make([]int, len(samples))
	for i := range draw {
		draw[i] = samples[rnd.Below(len(samples))]
	}
	return draw
}

// sizeless returns the chance that all of the sizes are nothing.
func sizeless(sizes []PMF) float64 {
	p := 1.0
	for _, size := range sizes {
		p *= size[0]
	}
	return p
}

// add adds a part of a distribution to a sum, which it lengthens as needed.
func add(sum []float64, d Dist, part float64) []float64 {
	for len(sum) <= d.Last() {
		sum = append(sum, last(sum))
	}
	for day := range sum {
		sum[day] += part * d.By(day)
	}
	return sum
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
