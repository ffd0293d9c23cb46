package literal

import (
	"encoding/binary"
	"math"
	"math/bits"
)

const (
	gramSize = 4
	maxStep  = 12
	// A bitmap has at least this many bits for a gram, so that few others are
	// taken for one, within bounds that keep it in the caches.
	bitsPerGram          = 128
	minBitmap, maxBitmap = 10, 21
)

// Weights are how common grams are.
type Weights map[uint32]uint32

// Count adds the grams of a text.
func (w Weights) Count(text string) {
	for i := 0; i+gramSize <= len(text); i++ {
		w[gramAt(text, i)]++
	}
}

func gramAt(text string, i int) uint32 {
	return uint32(text[i]) | uint32(text[i+1])<<8 | uint32(text[i+2])<<16 | uint32(text[i+3])<<24
}

// grams finds literals by runs of four bytes. The text is sampled every step
// bytes, and as many neighbouring grams of each literal lead to it: whatever
// the place of the literal, one of them is sampled.
type grams struct {
	bits  []uint64
	shift uint8
	step  int
	table table
}

func (b *Builder) newGrams(literals []entry) grams {
	if len(literals) == 0 {
		return grams{}
	}
	g := grams{step: maxStep}
	for _, e := range literals {
		g.step = min(g.step, int(e.size)-gramSize+1)
	}
	var list []keyed
	for _, e := range literals {
		text := b.text(e)
		from := rarest(text, g.step, b.weights)
		for off := from; off < from+g.step; off++ {
			e.off = uint8(off)
			list = append(list, keyed{gramAt(text, off), e})
		}
	}
	g.table = newTable(list)
	different := map[uint32]bool{}
	for _, k := range list {
		different[k.key] = true
	}
	size := min(max(bits.Len(uint(len(different)*bitsPerGram)), minBitmap), maxBitmap)
	g.bits, g.shift = make([]uint64, 1<<size/64), uint8(32-size)
	g.mark(list)
	return g
}

// mark notes grams in the bitmap.
func (g *grams) mark(list []keyed) {
	for _, k := range list {
		at := gramHash(k.key) >> g.shift
		g.bits[at/64] |= 1 << (at % 64)
	}
}

// rarest is where those neighbouring grams of a text begin that are least
// common together. It does not look further than an entry can say.
func rarest(text string, count int, weights Weights) int {
	best, least := 0, ^uint32(0)
	for from := 0; from+count+gramSize-1 <= len(text) && from+count <= math.MaxUint8+1; from++ {
		var sum uint32
		for off := from; off < from+count; off++ {
			sum += weights[gramAt(text, off)]
		}
		if sum < least {
			best, least = from, sum
		}
	}
	return best
}

func gramHash(gram uint32) uint32 { return gram * 0x9E3779B1 }

func (s *Set) findInside(text []byte, found *Found) {
	g := &s.inside
	bitmap, shift, step := g.bits, g.shift, g.step
	for i := 0; i+gramSize <= len(text); i += step {
		gram := binary.LittleEndian.Uint32(text[i:])
		at := gramHash(gram) >> (shift & 31)
		if bitmap[at/64]>>(at%64)&1 != 0 {
			s.compare(gram, i, text, found)
		}
	}
}

// findBoth is findInside of every place and findShort in one.
func (s *Set) findBoth(text []byte, found *Found) {
	bitmap, shift, pairs := s.inside.bits, s.inside.shift, &s.pairs.bits
	s.findOnes(text, found)
	i := 0
	for ; i+gramSize <= len(text); i++ {
		gram := binary.LittleEndian.Uint32(text[i:])
		if at := gramHash(gram) >> (shift & 31); bitmap[at/64]>>(at%64)&1 != 0 {
			s.compare(gram, i, text, found)
		}
		if pair := gram & 0xffff; pairs[pair/64]>>(pair%64)&1 != 0 {
			s.comparePair(pair, i, text, found)
		}
	}
	s.findPairs(text, i, found)
}

// compare looks for the literals that a gram at i leads to.
func (s *Set) compare(gram uint32, i int, text []byte, found *Found) {
	tag := tag(gram)
	for _, e := range s.inside.table.get(gram) {
		if e.tag != tag || found.Has(e.id) {
			continue
		}
		from := i - int(e.off)
		if end := from + int(e.size); from >= 0 && end <= len(text) && string(text[from:end]) == found.text(e) {
			found.Add(e.id)
		}
	}
}
