package literal

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Texts are the texts of literals, each once. Sets that are built one after the
// other may share them, and be used meanwhile.
type Texts struct {
	all atomic.Pointer[string] // each text after its size in two bytes

	building sync.Mutex
	bytes    []byte   // all is their beginning, which does not change
	slots    []uint32 // by hash: where a text begins; 0: none
	texts    int
}

// Builder builds Sets over Texts.
type Builder struct {
	texts   *Texts
	weights Weights
}

// Builder makes a Builder, which others wait for until it is done. The weights say
// how common grams are; the least common ones are looked for.
func (t *Texts) Builder(weights Weights) *Builder {
	t.building.Lock()
	return &Builder{t, weights}
}

// Done lets the Sets that were built be used.
func (b *Builder) Done() {
	t := b.texts
	if all := t.string(0, uint32(len(t.bytes))); len(all) > len(t.String()) {
		t.all.Store(&all)
	}
	t.building.Unlock()
}

// add returns where a text begins, which is new or there.
func (b *Builder) add(text string) uint32 {
	t := b.texts
	if 4*(t.texts+1) > 3*len(t.slots) {
		t.grow()
	}
	slot := t.slot(text)
	if *slot == 0 {
		t.texts++
		var size [2]byte
		binary.LittleEndian.PutUint16(size[:], uint16(len(text)))
		t.bytes = append(t.bytes, size[:]...)
		*slot = uint32(len(t.bytes))
		t.bytes = append(t.bytes, text...)
	}
	return *slot
}

// slot is that of a text, or the one it would have.
func (t *Texts) slot(text string) *uint32 {
	for i := hash(text) % uint32(len(t.slots)); ; i = (i + 1) % uint32(len(t.slots)) {
		if at := t.slots[i]; at == 0 || t.at(at) == text {
			return &t.slots[i]
		}
	}
}

func (t *Texts) grow() {
	old := t.slots
	t.slots = make([]uint32, max(16, 2*len(old)))
	for _, at := range old {
		if at != 0 {
			*t.slot(t.at(at)) = at
		}
	}
}

// at is the text that begins at a place.
func (t *Texts) at(at uint32) string {
	return t.string(at, uint32(binary.LittleEndian.Uint16(t.bytes[at-2:])))
}

func (t *Texts) string(at, size uint32) string {
	return unsafe.String(unsafe.SliceData(t.bytes[at:]), size)
}

func (b *Builder) text(e entry) string { return b.texts.string(e.start, uint32(e.size)) }

func (f *Found) text(e entry) string { return f.texts[e.start : e.start+uint32(e.size)] }

// String is all texts so far. Those that are added follow these.
func (t *Texts) String() string {
	if all := t.all.Load(); all != nil {
		return *all
	}
	return ""
}
