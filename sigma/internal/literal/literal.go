// Package literal finds which of many literals stand in a text: as the whole
// of it, at its start, at its end or anywhere inside. The cost is of the text,
// hardly of the number of literals.
//
// Whole literals are found by a hash of the text, those at its ends by a hash
// of up to eight bytes there. Of a literal that may stand anywhere, the rarest
// grams (runs of four bytes) are kept in a bitmap; the text is sampled at a
// step as long as the shortest literal allows, and a literal is compared only
// where a sampled gram is in the bitmap. There is no automaton: samples do not
// wait for each other as its states do, and nothing is stored but the literals
// and two small tables.
//
// Literals and texts are given folded, see Fold.
package literal

import (
	"encoding/binary"
	"math/bits"
)

// Kind is where a literal stands in a text.
type Kind uint8

// The kinds.
const (
	Whole Kind = iota
	Prefix
	Suffix
	Inside
)

// MaxSize is how long a Literal may be.
const MaxSize = 1<<16 - 1

// Literal is a text to find. The ID is what is reported, and several literals
// may have the same. Only a Whole may be empty.
type Literal struct {
	Kind Kind
	Text string
	ID   uint32
}

// Found collects what is found in an event: each ID once.
type Found struct {
	IDs    []uint32
	texts  string // of the sets that are looked at
	stamps []uint32
	now    uint32
}

// Next forgets what was found, for IDs below size and Sets over these texts.
func (f *Found) Next(size int, texts *Texts) {
	f.IDs, f.texts = f.IDs[:0], texts.String()
	if len(f.stamps) < size {
		f.stamps = append(f.stamps, make([]uint32, size-len(f.stamps))...)
	}
	f.now++
	if f.now == 0 {
		clear(f.stamps)
		f.now = 1
	}
}

// Has reports whether an ID was found.
func (f *Found) Has(id uint32) bool { return f.stamps[id] == f.now }

// HasOne reports whether one of so many IDs in a row was found.
func (f *Found) HasOne(from, count uint32) bool {
	for _, stamp := range f.stamps[from : from+count] {
		if stamp == f.now {
			return true
		}
	}
	return false
}

// Add notes an ID.
func (f *Found) Add(id uint32) {
	if f.stamps[id] != f.now {
		f.stamps[id] = f.now
		f.IDs = append(f.IDs, id)
	}
}

// Set is many literals, ready to be found once its Builder is done. It may be used by
// many at once.
type Set struct {
	lengths uint64 // which lengths, modulo 64, a Whole has
	whole   table
	prefix  edge
	suffix  edge
	inside  grams
	pairs   *pairs // of those inside that are shorter than a gram
}

// entry is a literal in a table: its text is at start, the gram that leads to
// it stands off bytes into it.
type entry struct {
	start, id uint32
	size      uint16
	off, tag  uint8
}

// Build makes a Set.
func (b *Builder) Build(literals []Literal) *Set {
	s := &Set{}
	var whole, prefix, suffix []keyed
	var inside, short []entry
	for _, l := range literals {
		e := entry{start: b.add(l.Text), size: uint16(len(l.Text)), id: l.ID}
		switch l.Kind {
		case Whole:
			s.lengths |= 1 << (len(l.Text) & 63)
			whole = append(whole, keyed{hash(l.Text), e})
		case Prefix:
			size := s.prefix.add(len(l.Text))
			key := edgeKey(first([]byte(l.Text))<<(64-8*size), size)
			prefix = append(prefix, keyed{key, e})
		case Suffix:
			size := s.suffix.add(len(l.Text))
			key := edgeKey(last([]byte(l.Text))>>(64-8*size), size)
			suffix = append(suffix, keyed{key, e})
		case Inside:
			if len(l.Text) < gramSize {
				short = append(short, e)
				continue
			}
			inside = append(inside, e)
		}
	}
	s.whole, s.prefix.table, s.suffix.table = newTable(whole), newTable(prefix), newTable(suffix)
	s.inside = b.newGrams(inside)
	s.pairs = b.newPairs(short)
	return s
}

// Find adds to found the IDs of the literals that stand in a folded text.
func (s *Set) Find(text []byte, found *Found) {
	if s.lengths>>(len(text)&63)&1 != 0 {
		key := hash(text)
		tag := tag(key)
		for _, e := range s.whole.get(key) {
			if e.tag == tag && int(e.size) == len(text) && string(text) == found.text(e) {
				found.Add(e.id)
			}
		}
	}
	if s.prefix.sizes != 0 {
		s.findPrefix(text, found)
	}
	if s.suffix.sizes != 0 {
		s.findSuffix(text, found)
	}
	if s.pairs != nil && s.inside.step == 1 {
		s.findBoth(text, found)
		return
	}
	if s.pairs != nil {
		s.findShort(text, found)
	}
	if s.inside.bits != nil {
		s.findInside(text, found)
	}
}

func (s *Set) findPrefix(text []byte, found *Found) {
	word := first(text)
	for sizes := s.prefix.sizes; sizes != 0; sizes &= sizes - 1 {
		size := bits.TrailingZeros16(sizes)
		if size > len(text) {
			return
		}
		key := edgeKey(word<<(64-8*size), size)
		tag := tag(key)
		for _, e := range s.prefix.table.get(key) {
			if e.tag == tag && int(e.size) <= len(text) && string(text[:e.size]) == found.text(e) {
				found.Add(e.id)
			}
		}
	}
}

func (s *Set) findSuffix(text []byte, found *Found) {
	word := last(text)
	for sizes := s.suffix.sizes; sizes != 0; sizes &= sizes - 1 {
		size := bits.TrailingZeros16(sizes)
		if size > len(text) {
			return
		}
		key := edgeKey(word>>(64-8*size), size)
		tag := tag(key)
		for _, e := range s.suffix.table.get(key) {
			if e.tag == tag && int(e.size) <= len(text) && string(text[len(text)-int(e.size):]) == found.text(e) {
				found.Add(e.id)
			}
		}
	}
}

// edge holds the literals of one end of a text, by up to eight bytes there.
type edge struct {
	sizes uint16 // bit n: literals are found by n bytes
	table table
}

// add notes how many bytes a literal of a size is found by.
func (e *edge) add(size int) int {
	size = min(size, 8)
	e.sizes |= 1 << size
	return size
}

func edgeKey(word uint64, size int) uint32 {
	return uint32((word ^ uint64(size)<<59) * mix >> 32)
}

// first is the first eight bytes of a text, or all when there are fewer, as a
// number: the first byte is its lowest.
func first(text []byte) uint64 {
	if len(text) >= 8 {
		return binary.LittleEndian.Uint64(text)
	}
	var w uint64
	for i, c := range text {
		w |= uint64(c) << (8 * i)
	}
	return w
}

// last is the last eight bytes of a text: the last byte is its highest.
func last(text []byte) uint64 {
	if len(text) >= 8 {
		return binary.LittleEndian.Uint64(text[len(text)-8:])
	}
	return first(text) << (64 - 8*len(text))
}
