package literal

import (
	"bytes"
	"encoding/binary"
)

// pairs finds literals of one to three bytes: those of three by the two beside each
// other that are less common.
type pairs struct {
	bits  [1 << 16 / 64]uint64
	table table
	ones  []one
}

// one is a literal of a single byte.
type one struct {
	id   uint32
	byte byte
}

func (b *Builder) newPairs(literals []entry) *pairs {
	if len(literals) == 0 {
		return nil
	}
	p := &pairs{}
	var list []keyed
	var common map[uint32]uint32
	for _, e := range literals {
		text := b.text(e)
		if e.size == 1 {
			p.ones = append(p.ones, one{e.id, text[0]})
			continue
		}
		pair := pairAt(text, 0)
		if e.size == 3 {
			if common == nil {
				common = b.weights.pairs()
			}
			if last := pairAt(text, 1); common[last] < common[pair] {
				pair = last
			}
		}
		p.bits[pair/64] |= 1 << (pair % 64)
		e.start = shortKey(text)
		list = append(list, keyed{pair, e})
	}
	p.table = newTable(list)
	return p
}

func pairAt(text string, i int) uint32 { return uint32(text[i]) | uint32(text[i+1])<<8 }

// pairs are how common pairs are.
func (w Weights) pairs() map[uint32]uint32 {
	pairs := map[uint32]uint32{}
	for gram, n := range w {
		pairs[gram&0xffff] += n
	}
	return pairs
}

func (s *Set) findShort(text []byte, found *Found) {
	s.findOnes(text, found)
	if len(s.pairs.table.entries) > 0 {
		s.findPairs(text, 0, found)
	}
}

func (s *Set) findOnes(text []byte, found *Found) {
	for _, one := range s.pairs.ones {
		if !found.Has(one.id) && bytes.IndexByte(text, one.byte) >= 0 {
			found.Add(one.id)
		}
	}
}

func (s *Set) findPairs(text []byte, i int, found *Found) {
	bitmap := &s.pairs.bits
	for ; i+2 <= len(text); i++ {
		pair := uint32(binary.LittleEndian.Uint16(text[i:]))
		if bitmap[pair/64]>>(pair%64)&1 != 0 {
			s.comparePair(pair, i, text, found)
		}
	}
}

// shortKey is a text of two or three bytes and its size, as a number. In the table of
// pairs it stands where others say where their text is.
func shortKey[T string | []byte](text T) uint32 {
	key := uint32(len(text))<<24 | uint32(text[1])<<8 | uint32(text[0])
	if len(text) > 2 {
		key |= uint32(text[2]) << 16
	}
	return key
}

// comparePair looks for the literals that a pair at i leads to.
func (s *Set) comparePair(pair uint32, i int, text []byte, found *Found) {
	two := shortKey(text[i : i+2])
	three, before := two, two
	if i+2 < len(text) {
		three = shortKey(text[i : i+3])
	}
	if i > 0 {
		before = shortKey(text[i-1 : i+2])
	}
	for _, e := range s.pairs.table.get(pair) {
		if e.start == two || e.start == three || e.start == before {
			found.Add(e.id)
		}
	}
}
