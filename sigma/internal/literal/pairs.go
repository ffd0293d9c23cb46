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

// comparePair looks for the literals that begin with a pair.
func (s *Set) comparePair(pair uint32, text []byte, found *Found) {
	tag := tag(pair)
	for _, e := range s.pairs.table.get(pair) {
		if e.tag == tag && !found.Has(e.id) && int(e.size) <= len(text) && string(text[:e.size]) == found.text(e) {
			found.Add(e.id)
		}
	}
}
