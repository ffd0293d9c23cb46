package literal

import (
	"bytes"
	"encoding/binary"
)

// pairs finds literals of one to three bytes by their first two.
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
	for _, e := range literals {
		text := b.text(e)
		if e.size == 1 {
			p.ones = append(p.ones, one{e.id, text[0]})
			continue
		}
		pair := uint32(text[0]) | uint32(text[1])<<8
		p.bits[pair/64] |= 1 << (pair % 64)
		e.start = shortKey(text)
		list = append(list, keyed{pair, e})
	}
	p.table = newTable(list)
	return p
}

func (s *Set) findShort(text []byte, found *Found) {
	s.findOnes(text, found)
	if len(s.pairs.table.entries) > 0 {
		s.findPairs(text, found)
	}
}

func (s *Set) findOnes(text []byte, found *Found) {
	for _, one := range s.pairs.ones {
		if !found.Has(one.id) && bytes.IndexByte(text, one.byte) >= 0 {
			found.Add(one.id)
		}
	}
}

func (s *Set) findPairs(text []byte, found *Found) {
	bitmap := &s.pairs.bits
	for i := 0; i+2 <= len(text); i++ {
		pair := uint32(binary.LittleEndian.Uint16(text[i:]))
		if bitmap[pair/64]>>(pair%64)&1 != 0 {
			s.comparePair(pair, text[i:], found)
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

// comparePair looks for the literals that begin with the pair that a text begins with.
func (s *Set) comparePair(pair uint32, text []byte, found *Found) {
	two := shortKey(text[:2])
	three := two
	if len(text) > 2 {
		three = shortKey(text[:3])
	}
	for _, e := range s.pairs.table.get(pair) {
		if e.start == two || e.start == three {
			found.Add(e.id)
		}
	}
}
