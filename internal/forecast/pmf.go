package forecast

import "math"

// PMF is the distribution of a count: the chance of n at index n.
type PMF []float64

// Exactly returns the distribution of a count that is known.
func Exactly(n int) PMF {
	p := make(PMF, max(n, 0)+1)
	p[len(p)-1] = 1
	return p
}

// Between returns the discrete triangle from low over likely to high, each end
// with a chance of its own: how three estimates become a size. Values out of
// order are put in order.
func Between(low, likely, high int) PMF {
	low = max(0, low)
	likely, high = max(low, likely), max(low, likely, high)
	p, all := make(PMF, high+1), 0.0
	for n := low; n <= high; n++ {
		up, down := float64(n-low+1)/float64(likely-low+1), float64(high-n+1)/float64(high-likely+1)
		p[n] = math.Min(up, down)
		all += p[n]
	}
	for n := range p {
		p[n] /= all
	}
	return p
}

// Minus returns the distribution of what is left when done of it is done.
func (p PMF) Minus(done int) PMF {
	if done <= 0 {
		return p
	}
	out := make(PMF, max(1, len(p)-done))
	for n, chance := range p {
		out[max(0, n-done)] += chance
	}
	return out
}

// AtLeast returns the distribution of the count or least, whichever is more.
func (p PMF) AtLeast(least int) PMF {
	out := make(PMF, max(len(p), least+1))
	for n, chance := range p {
		out[max(n, least)] += chance
	}
	return out
}

// Mean returns the expected count.
func (p PMF) Mean() float64 {
	var sum float64
	for n, chance := range p {
		sum += float64(n) * chance
	}
	return sum
}

// Reach returns the chance that the count is at least n.
func (p PMF) Reach(n int) float64 {
	var sum float64
	for i := len(p) - 1; i >= max(n, 0); i-- {
		sum += p[i]
	}
	return math.Min(sum, 1)
}

// Least returns the greatest count that is reached with a chance of chance.
func (p PMF) Least(chance float64) int {
	var sum float64
	for n := len(p) - 1; n > 0; n-- {
		if sum += p[n]; sum >= chance-hair {
			return n
		}
	}
	return 0
}

// plus returns the distribution of the sum of two independent counts.
func (p PMF) plus(q PMF) PMF {
	out := make(PMF, len(p)+len(q)-1)
	for i, a := range p {
		if a == 0 {
			continue
		}
		for j, b := range q {
			out[i+j] += a * b
		}
	}
	return out
}

// outcomes returns the counts that have a chance, in ascending order.
func (p PMF) outcomes() []outcome {
	var list []outcome
	for n, chance := range p {
		if chance > 0 {
			list = append(list, outcome{n, chance})
		}
	}
	return list
}

// empirical returns the distribution of one day picked from the samples, as its
// counts in ascending order with their chances.
func empirical(samples []int) (step []outcome, err error) {
	if len(samples) == 0 {
		return nil, ErrNoHistory
	}
	most := 0
	for _, n := range samples {
		if n < 0 {
			return nil, ErrNegative
		}
		most = max(most, n)
	}
	if most == 0 {
		return nil, ErrNoThroughput
	}
	counts := map[int]int{}
	for _, n := range samples {
		counts[n]++
	}
	for _, n := range sortedKeys(counts) {
		step = append(step, outcome{n, float64(counts[n]) / float64(len(samples))})
	}
	return step, nil
}

// outcome is a count with its chance.
type outcome struct {
	n int
	p float64
}
