package literal

import (
	"encoding/binary"
	"strings"
	"sync"
	"sync/atomic"
)

// Texts are the texts of literals, each once. Sets that are built one after the
// other may share them, and be used meanwhile.
type Texts struct {
	building sync.Mutex
	all      atomic.Pointer[string] // each text after its size in two bytes
}

// Builder builds Sets over Texts.
type Builder struct {
	texts   *Texts
	weights Weights
	all     strings.Builder
	at      map[string]uint32
}

// Builder makes a Builder, which others wait for until it is done. The weights say
// how common grams are; the least common ones are looked for.
func (t *Texts) Builder(weights Weights) *Builder {
	t.building.Lock()
	b := &Builder{texts: t, weights: weights, at: map[string]uint32{}}
	old := t.String()
	b.all.WriteString(old)
	for at := uint32(0); int(at) < len(old); {
		from := at + 2
		at = from + uint32(old[at]) + uint32(old[at+1])<<8
		b.at[old[from:at]] = from
	}
	return b
}

// Done lets the Sets that were built be used.
func (b *Builder) Done() {
	if b.all.Len() > len(b.texts.String()) {
		all := strings.Clone(b.all.String())
		b.texts.all.Store(&all)
	}
	b.texts.building.Unlock()
}

func (b *Builder) add(text string) uint32 {
	at, ok := b.at[text]
	if !ok {
		var size [2]byte
		binary.LittleEndian.PutUint16(size[:], uint16(len(text)))
		b.all.Write(size[:])
		at = uint32(b.all.Len())
		b.at[text] = at
		b.all.WriteString(text)
	}
	return at
}

func (b *Builder) text(e entry) string { return b.all.String()[e.start : e.start+uint32(e.size)] }

func (f *Found) text(e entry) string { return f.texts[e.start : e.start+uint32(e.size)] }

// String is all texts so far. Those that are added follow these.
func (t *Texts) String() string {
	if all := t.all.Load(); all != nil {
		return *all
	}
	return ""
}
