package correlate

import (
	"math"
	"math/bits"
)

// exactSum is a sum of floats without any rounding: a fixed-point number wide
// enough for every float64 (Kulisch's accumulator). Numbers are taken out as
// exactly as they were put in, so a window that slides for a year does not
// drift, and the order of numbers does not matter. Rounding happens once, when
// the sum is read: to the nearest float64, ties to even.
type exactSum struct {
	limbs  [68]int64 // 32 bits each, the lowest first, counted from 2^-1074; not yet carried
	lo, hi int       // the limbs in use
	used   bool
	adds   int // since carries were last worked
}

// lowest is the exponent of the smallest float64 above zero.
const lowest = -1074

// manyAdds is how many numbers fit into a limb before it has to be carried.
const manyAdds = 1 << 30

func (s *exactSum) add(x float64) { s.put(x, 1) }

func (s *exactSum) sub(x float64) { s.put(x, -1) }

// put adds a finite number, or takes it out.
func (s *exactSum) put(x float64, sign int64) {
	b := math.Float64bits(x)
	if b>>63 == 1 {
		sign = -sign
	}
	exp, mant := int(b>>52&0x7ff), b&(1<<52-1)
	if exp > 0 {
		mant |= 1 << 52
		exp--
	}
	if mant == 0 {
		return
	}
	i := exp / 32
	hi, lo := bits.Mul64(mant, 1<<(exp%32))
	s.limbs[i] += sign * int64(lo&math.MaxUint32)
	s.limbs[i+1] += sign * int64(lo>>32)
	s.limbs[i+2] += sign * int64(hi)
	s.reach(i, i+2)
	if s.adds++; s.adds == manyAdds {
		s.carry()
	}
}

func (s *exactSum) reach(lo, hi int) {
	if !s.used {
		s.lo, s.hi, s.used = lo, hi, true
	}
	s.lo, s.hi = min(s.lo, lo), max(s.hi, hi)
}

// carry brings each limb but the last into 0 … 2^32-1; the last has the sign.
func (s *exactSum) carry() {
	s.adds = 0
	for i := s.lo; i <= s.hi; i++ {
		over := s.limbs[i] >> 32
		if i == s.hi && (over == 0 || over == -1) {
			return
		}
		s.limbs[i] &= math.MaxUint32
		s.limbs[i+1] += over
		s.hi = max(s.hi, i+1)
	}
}

// float returns the sum, rounded once.
func (s *exactSum) float() float64 {
	if !s.used {
		return 0
	}
	s.carry()
	if s.limbs[s.hi] >= 0 {
		return s.magnitude()
	}
	turned := *s
	for i := s.lo; i <= s.hi; i++ {
		turned.limbs[i] = -turned.limbs[i]
	}
	turned.carry()
	return -turned.magnitude()
}

// magnitude rounds a sum that is carried and not negative.
func (s *exactSum) magnitude() float64 {
	top := s.hi
	for top > s.lo && s.limbs[top] == 0 {
		top--
	}
	limb := func(i int) uint64 {
		if i < s.lo {
			return 0
		}
		return uint64(s.limbs[i])
	}
	if limb(top) == 0 {
		return 0
	}
	// The first 64 bits, the highest of them set, and whether anything follows.
	word := limb(top)<<32 | limb(top-1)
	shift := bits.LeadingZeros64(word)
	word = word<<shift | limb(top-2)>>(32-shift)
	rest := limb(top-2)<<(32+shift) != 0
	for i := top - 3; i >= s.lo && !rest; i-- {
		rest = s.limbs[i] != 0
	}
	mant, cut := word>>11, word&(1<<11-1)
	if cut > 1<<10 || cut == 1<<10 && (rest || mant&1 == 1) {
		mant++
	}
	return math.Ldexp(float64(mant), 32*(top-1)-shift+11+lowest)
}
