package correlate

import (
	"math"
	"slices"

	"github.com/binnaclehq/binnacle/sigma"
)

// bounds are the numbers a condition accepts: from lo to hi, each with or
// without itself, but for some.
type bounds struct {
	lo, hi         float64
	openLo, openHi bool
	but            []float64
}

func newBounds(from []sigma.Bound) (bounds, *refusal) {
	b := bounds{lo: math.Inf(-1), hi: math.Inf(1)}
	for _, x := range from {
		if math.IsNaN(x.Value) {
			return b, refuse("write a number", "the condition compares with something that is no number")
		}
		switch x.Op {
		case sigma.Greater:
			b.above(x.Value, true)
		case sigma.GreaterOrEqual:
			b.above(x.Value, false)
		case sigma.Less:
			b.below(x.Value, true)
		case sigma.LessOrEqual:
			b.below(x.Value, false)
		case sigma.Equal:
			b.above(x.Value, false)
			b.below(x.Value, false)
		case sigma.NotEqual:
			b.but = append(b.but, x.Value)
		default:
			return b, refuse("use gt, gte, lt, lte, eq or neq", "the condition has the unknown comparison %q", x.Op)
		}
	}
	b.trim()
	return b, nil
}

// trim forgets exceptions that the ends make needless.
func (b *bounds) trim() {
	b.openLo = b.openLo || slices.Contains(b.but, b.lo)
	b.openHi = b.openHi || slices.Contains(b.but, b.hi)
	b.but = slices.DeleteFunc(b.but, func(x float64) bool { return !b.spans(x) })
}

func (b *bounds) above(x float64, open bool) {
	if x > b.lo || x == b.lo && open {
		b.lo, b.openLo = x, open
	}
}

func (b *bounds) below(x float64, open bool) {
	if x < b.hi || x == b.hi && open {
		b.hi, b.openHi = x, open
	}
}

func hasLo(lo float64) bool { return !math.IsInf(lo, -1) }
func hasHi(hi float64) bool { return !math.IsInf(hi, 1) }

func (b *bounds) accept(x float64) bool { return b.spans(x) && !slices.Contains(b.but, x) }

func (b *bounds) spans(x float64) bool {
	return (x > b.lo || x == b.lo && !b.openLo) && (x < b.hi || x == b.hi && !b.openHi)
}

// whole narrows the bounds to counts from 0 to most, so that a bound that no
// count could break is none: what is left says how the condition is decided.
// Only what asks for few enough and nothing else is about a count of 0.
func (b *bounds) whole(most float64) {
	lo, hi := math.Max(0, math.Ceil(b.lo)), math.Min(most, math.Floor(b.hi))
	for lo <= hi && !b.accept(lo) {
		lo++
	}
	for lo <= hi && hasHi(hi) && !b.accept(hi) {
		hi--
	}
	isCount := func(x float64) bool { return x == math.Trunc(x) && x > lo && x < hi }
	but := slices.DeleteFunc(slices.Clone(b.but), func(x float64) bool { return !isCount(x) })
	if lo == 0 && (hi == most || len(but) > 0) {
		for lo = 1; slices.Contains(but, lo); lo++ {
		}
		but = slices.DeleteFunc(but, func(x float64) bool { return x < lo })
	}
	*b = bounds{lo: lo, hi: hi, but: but}
	if lo == 0 {
		b.lo = math.Inf(-1)
	}
	if hi == most {
		b.hi = math.Inf(1)
	}
}

// isEmptyWithin reports whether no number from min to max is accepted.
func (b *bounds) isEmptyWithin(min, max float64) bool {
	lo, hi := math.Max(b.lo, min), math.Min(b.hi, max)
	return lo > hi || lo == hi && !b.accept(lo)
}
