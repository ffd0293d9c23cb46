package literal

import (
	"encoding/binary"
	"strings"
)

// Filter tells lines of JSON that hold none of many texts in their values from
// those that may. It reads the line as it is, neither parsed nor folded.
type Filter struct {
	set   *Set
	texts *Texts
}

// FilterText is the longest part of a folded text that JSON writes as it is,
// if need be after a look at escapes. It is "" when none is long enough.
func FilterText(text string) string {
	best := ""
	plain := func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\/`, r) }
	for _, part := range strings.FieldsFunc(text, plain) {
		if len(part) > len(best) {
			best = part
		}
	}
	if len(best) < gramSize {
		return ""
	}
	return best
}

// Filter makes a Filter for results of FilterText.
func (b *Builder) Filter(texts []string) *Filter {
	blurred := Weights{}
	for gram, n := range b.weights {
		blurred[gram|blur] += n
	}
	exact := b.weights
	b.weights = blurred
	defer func() { b.weights = exact }()
	var literals []Literal
	for _, text := range texts {
		literals = append(literals, Literal{Kind: Inside, Text: text})
	}
	f := &Filter{b.Build(literals), b.texts}
	b.blur(&f.set.inside)
	return f
}

// blur is set in each byte of a gram, which makes letters small and some other
// characters alike: enough to choose places to look at.
const blur = 0x20202020

// blur makes the bitmap and the table those of blurred grams.
func (b *Builder) blur(g *grams) {
	var list []keyed
	for _, e := range g.table.entries {
		list = append(list, keyed{gramAt(b.text(e), int(e.off)) | blur, e})
	}
	clear(g.bits)
	g.mark(list)
	g.table = newTable(list)
}

// MayHold reports whether one of the texts may stand in a value of a line. It
// never says no when one does. Plain is whether the line is known to be ASCII without
// escapes by number.
func (f *Filter) MayHold(line []byte, plain bool) bool {
	return !plain && escaped(line) || f.holds(line)
}

func (f *Filter) holds(line []byte) bool {
	g := &f.set.inside
	bitmap, shift, step := g.bits, g.shift, g.step
	for i := 0; i+gramSize <= len(line); i += step {
		gram := binary.LittleEndian.Uint32(line[i:]) | blur
		at := gramHash(gram) >> (shift & 31)
		if bitmap[at/64]>>(at%64)&1 != 0 && f.compare(gram, i, line) {
			return true
		}
	}
	return false
}

func (f *Filter) compare(gram uint32, i int, line []byte) bool {
	tag := tag(gram)
	texts := f.texts.String()
	for _, e := range f.set.inside.table.get(gram) {
		if e.tag != tag {
			continue
		}
		from := i - int(e.off)
		if end := from + int(e.size); from >= 0 && end <= len(line) && equalFold(line[from:end], texts[e.start:e.start+uint32(e.size)]) {
			return true
		}
	}
	return false
}

// equalFold compares ASCII with a folded text of the same length.
func equalFold(text []byte, folded string) bool {
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != folded[i] {
			return false
		}
	}
	return true
}

// escaped reports whether a line has characters that may be others by their
// case or by an escape: anything outside ASCII, and \u. It looks at many bytes
// before it decides: paths are full of backslashes.
func escaped(line []byte) bool {
	const stride = 64
	i := 0
	for ; i+stride < len(line); i += stride {
		block := line[i : i+stride+1]
		var high, pairs uint64
		for at := 0; at < stride; at += 8 {
			w, after := binary.LittleEndian.Uint64(block[at:]), binary.LittleEndian.Uint64(block[at+1:at+9])
			high |= w
			pairs |= zeros((w ^ '\\'*ones) | (after ^ 'u'*ones))
		}
		if high&highs != 0 || pairs != 0 && opensIn(line, i, i+stride) {
			return true
		}
	}
	for _, c := range line[i:] {
		if c >= 0x80 {
			return true
		}
	}
	return opensIn(line, i, len(line)-1)
}

// opensIn reports whether an escape begins between two places.
func opensIn(line []byte, from, to int) bool {
	for i := from; i < to; i++ {
		if line[i] == '\\' && line[i+1] == 'u' && opens(line, i) {
			return true
		}
	}
	return false
}

// zeros has the high bit set in each byte of a word that is zero, and perhaps
// in some above one that is.
func zeros(w uint64) uint64 { return (w - ones) &^ w & highs }

// opens reports whether the backslash at a place begins an escape: an even
// number of them stands before it.
func opens(line []byte, at int) bool {
	before := 0
	for at-before > 0 && line[at-before-1] == '\\' {
		before++
	}
	return before%2 == 0
}
