package literal

import (
	"bytes"
	"encoding/binary"
)

// pairs finds literals of one to three bytes by their first two.
type pairs struct {
	bits  [1 << 16 / 64]uint64
	table table
	ones  []entry // of a single byte
}

func newPairs(literals []entry, texts string) *pairs {
	if len(literals) == 0 {
		return nil
	}
	p := &pairs{}
	var list []keyed
	for _, e := range literals {
		if e.size == 1 {
			p.ones = append(p.ones, e)
			continue
		}
		pair := uint32(texts[e.start]) | uint32(texts[e.start+1])<<8
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
	for _, e := range s.pairs.ones {
		if !found.Has(e.id) && bytes.IndexByte(text, s.texts[e.start]) >= 0 {
			found.Add(e.id)
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
		if e.tag == tag && !found.Has(e.id) && int(e.size) <= len(text) && string(text[:e.size]) == s.text(e) {
			found.Add(e.id)
		}
	}
}
