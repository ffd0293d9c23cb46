package literal

import (
	"encoding/binary"
	"math/bits"
)

const mix = 0x9E3779B97F4A7C15

// hash is a number of a whole text.
func hash[T string | []byte](text T) uint32 {
	h := uint64(len(text)) * mix
	b := []byte(text)
	for ; len(b) >= 8; b = b[8:] {
		h = (bits.RotateLeft64(h, 29) ^ binary.LittleEndian.Uint64(b)) * mix
	}
	if len(b) > 0 {
		h = (bits.RotateLeft64(h, 29) ^ first(b)) * mix
	}
	return uint32(h >> 32)
}

// table holds entries by key: those of the same part of all keys stand together.
// An entry has no more of its key than a byte, its tag: its text is compared anyway.
type table struct {
	starts  []uint32 // of each part, and the end of the last
	entries []entry
}

// keyed is an entry and the key it is found by.
type keyed struct {
	key uint32
	entry
}

func newTable(list []keyed) table {
	if len(list) == 0 {
		return table{}
	}
	t := table{starts: make([]uint32, len(list)+1), entries: make([]entry, len(list))}
	for _, k := range list {
		t.starts[t.part(k.key)+1]++
	}
	for i := range list {
		t.starts[i+1] += t.starts[i]
	}
	next := append([]uint32(nil), t.starts...)
	for _, k := range list {
		part := t.part(k.key)
		k.tag = tag(k.key)
		t.entries[next[part]] = k.entry
		next[part]++
	}
	return t
}

// part is which of as many parts as there are entries a key is in.
func (t *table) part(key uint32) uint32 {
	return uint32(uint64(key*0x85EBCA6B) * uint64(len(t.entries)) >> 32)
}

func tag(key uint32) uint8 { return uint8(key * 0xC2B2AE35 >> 24) }

// get are the entries of a key, and others, most of which have another tag.
func (t *table) get(key uint32) []entry {
	if len(t.entries) == 0 {
		return nil
	}
	part := t.part(key)
	return t.entries[t.starts[part]:t.starts[part+1]]
}
