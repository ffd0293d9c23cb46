package literal

import (
	"encoding/binary"
	"math/bits"
	"sort"
	"strings"
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

// table holds entries by key, in open addressing.
type table struct {
	slots   []slot
	shift   uint8
	entries []entry
}

type slot struct{ key, start, count uint32 }

func newTable(groups map[uint32][]entry) table {
	if len(groups) == 0 {
		return table{}
	}
	size := bits.Len(uint(len(groups) * 2))
	t := table{slots: make([]slot, 1<<size), shift: uint8(32 - size)}
	for _, key := range sortedKeys(groups) {
		i := t.place(key)
		for t.slots[i].count != 0 {
			i = (i + 1) & uint32(len(t.slots)-1)
		}
		t.slots[i] = slot{key, uint32(len(t.entries)), uint32(len(groups[key]))}
		t.entries = append(t.entries, groups[key]...)
	}
	t.entries = append([]entry(nil), t.entries...)
	return t
}

// sortedKeys makes tables the same each time.
func sortedKeys(groups map[uint32][]entry) []uint32 {
	keys := make([]uint32, 0, len(groups))
	for key := range groups {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
	return keys
}

func (t *table) place(key uint32) uint32 { return key * 0x85EBCA6B >> t.shift }

func (t *table) get(key uint32) []entry {
	if len(t.slots) == 0 {
		return nil
	}
	last := uint32(len(t.slots) - 1)
	for i := t.place(key) & last; ; i = (i + 1) & last {
		switch s := &t.slots[i]; {
		case s.count == 0:
			return nil
		case s.key == key:
			return t.entries[s.start : s.start+s.count]
		}
	}
}

// texts holds each text once.
type texts struct {
	strings.Builder
	at map[string]uint32
}

func newTexts() *texts { return &texts{at: map[string]uint32{}} }

func (t *texts) add(text string) uint32 {
	at, ok := t.at[text]
	if !ok {
		at = uint32(t.Len())
		t.at[text] = at
		t.WriteString(text)
	}
	return at
}
