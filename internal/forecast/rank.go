package forecast

import (
	"math"
	"slices"
)

// Score turns the inputs of one piece of work into a number, more being better.
// It is NaN when the inputs say nothing.
type Score func(in []float64) float64

// RICE is reach times impact times confidence by effort (McBride, 2018):
// people reached in a period, impact on each (3 massive to 0.25 minimal),
// confidence from 0 to 1, effort in person-months.
func RICE(in []float64) float64 { return ratio(in[0]*in[1]*in[2], in[3]) }

// WSJF is the cost of delay by the size of the job (Reinertsen; SAFe): user and
// business value, time criticality and risk reduction, each on a relative
// scale, by the job's size.
func WSJF(in []float64) float64 { return ratio(in[0]+in[1]+in[2], in[3]) }

// CD3 is cost of delay divided by duration: value lost per day of waiting, by
// the days it takes.
func CD3(in []float64) float64 { return ratio(in[0], in[1]) }

func ratio(a, b float64) float64 {
	if b <= 0 || math.IsNaN(a) || math.IsInf(a, 0) {
		return math.NaN()
	}
	return a / b
}

// DaysPerMonth turns a value per month into one per day.
const DaysPerMonth = 30

// Delay is a piece of work with what its absence costs. Parent is what must be
// there first; "" for nothing.
type Delay struct {
	Name, Parent string
	PerDay, Size float64
}

// WithChildren returns the CD3 of each piece of work with that of the ones that
// need it: a foundation without value of its own is worth what stands on it
// (Magennis, Cost of Delay worksheet). Only direct children are added, as there.
func WithChildren(list []Delay) map[string]float64 {
	out, own := map[string]float64{}, map[string]float64{}
	for _, d := range list {
		own[d.Name] = CD3([]float64{d.PerDay, d.Size})
		out[d.Name] = own[d.Name]
	}
	for _, d := range list {
		if _, ok := own[d.Parent]; ok && d.Parent != d.Name && !math.IsNaN(own[d.Name]) {
			if math.IsNaN(out[d.Parent]) {
				out[d.Parent] = 0
			}
			out[d.Parent] += own[d.Name]
		}
	}
	return out
}

// Candidate is a piece of work to be ranked.
type Candidate struct {
	Name string
	In   []float64 // the inputs of the score; nil when they are not known
}

// Place is where a candidate stands.
type Place struct {
	Candidate
	Score       float64
	Rank        int    // from 1; equal scores share one; 0 when it has no score
	Best, Worst int    // where it stands when any one input of any candidate is off by Doubt
	Flips       []Flip // what would move it
}

// Firm reports whether no doubt in one input moves the candidate.
func (p Place) Firm() bool { return p.Best == p.Rank && p.Worst == p.Rank }

// Flip is a change of one input that moves a candidate.
type Flip struct {
	Of     string  // whose input
	Input  int     // which
	Factor float64 // by what it is multiplied
	Rank   int     // where the candidate then stands
}

// Doubt is how far each input is varied to see which ranks hold.
const Doubt = 0.25

// Scores turns the inputs of all candidates into their scores, when one hangs
// on another's. Inputs that are not known are nil.
type Scores func(in [][]float64) []float64

// Each scores every candidate for itself.
func Each(score Score) Scores {
	return func(in [][]float64) []float64 {
		out := make([]float64, len(in))
		for i := range in {
			out[i] = math.NaN()
			if in[i] != nil {
				out[i] = score(in[i])
			}
		}
		return out
	}
}

// Rank orders candidates by score, the best first, and tells how firm each
// place is: every input of every candidate is made a quarter more and a quarter
// less, one at a time.
func Rank(list []Candidate, score Scores) []Place {
	places := make(placing, len(list))
	in := make([][]float64, len(list))
	for i, c := range list {
		in[i] = c.In
	}
	scores := score(in)
	for i, c := range list {
		r := rankOf(scores, i)
		places[i] = Place{Candidate: c, Score: scores[i], Rank: r, Best: r, Worst: r}
	}
	for i, c := range list {
		for k := range c.In {
			for _, factor := range []float64{1 - Doubt, 1 + Doubt} {
				places.vary(in, score, i, k, factor)
			}
		}
	}
	slices.SortStableFunc(places, func(a, b Place) int {
		if (a.Rank == 0) != (b.Rank == 0) {
			return b.Rank - a.Rank
		}
		return a.Rank - b.Rank
	})
	return places
}

type placing []Place

// vary makes one input of one candidate more or less and notes who moves.
func (list placing) vary(in [][]float64, score Scores, i, input int, factor float64) {
	changed := slices.Clone(in)
	changed[i] = slices.Clone(in[i])
	changed[i][input] *= factor
	scores := score(changed)
	for j := range list {
		p := &list[j]
		r := rankOf(scores, j)
		if r == p.Rank || r == 0 || p.Rank == 0 {
			continue
		}
		p.Best, p.Worst = min(p.Best, r), max(p.Worst, r)
		p.Flips = append(p.Flips, Flip{Of: list[i].Name, Input: input, Factor: factor, Rank: r})
	}
}

// rankOf returns the place of a score, equal ones sharing the best; 0 for none.
func rankOf(scores []float64, i int) int {
	if math.IsNaN(scores[i]) {
		return 0
	}
	rank := 1
	for _, s := range scores {
		if s > scores[i]*(1+1e-12) {
			rank++
		}
	}
	return rank
}
