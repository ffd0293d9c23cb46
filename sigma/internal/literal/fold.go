package literal

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

const (
	lows  = 0x7f7f7f7f7f7f7f7f
	highs = 0x8080808080808080
	ones  = 0x0101010101010101
)

// folds are FoldRune of the scripts that have cases and are most common.
var folds = func() (table [0x600]rune) {
	for r := range rune(len(table)) {
		table[r] = foldRune(r)
	}
	return table
}()

// FoldRune is what all cases of a character have in common by Unicode's simple
// folding; of ASCII letters it is the small one.
func FoldRune(r rune) rune {
	switch {
	case r < rune(len(folds)):
		if r < 0 {
			return r
		}
		return folds[r]
	case 0x2000 <= r && r < 0x2100, 0x2e80 <= r && r < 0xa640, r == utf8.RuneError:
		return r // punctuation, and scripts of East Asia
	}
	return foldRune(r)
}

func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

// Fold appends a text in the form that all its cases share. Bytes that are not
// UTF-8 stay as they are.
func Fold(dst, text []byte) []byte {
	from := len(dst)
	dst = append(dst, text...)
	folded, i := dst[from:], 0
	for ; i+8 <= len(folded); i += 8 {
		w := binary.LittleEndian.Uint64(folded[i:])
		if w&highs != 0 {
			return foldRunes(dst[:from+i], text[i:])
		}
		binary.LittleEndian.PutUint64(folded[i:], foldWord(w))
	}
	for ; i < len(folded); i++ {
		c := folded[i]
		if c >= utf8.RuneSelf {
			return foldRunes(dst[:from+i], text[i:])
		}
		if 'A' <= c && c <= 'Z' {
			folded[i] = c + 'a' - 'A'
		}
	}
	return dst
}

// foldWord makes the letters of eight ASCII characters small.
func foldWord(w uint64) uint64 {
	fromA := w + (0x80-'A')*ones
	afterZ := w + (0x80-'Z'-1)*ones
	return w | (fromA&^afterZ&highs)>>2
}

func foldRunes(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, text[0])
		} else {
			dst = utf8.AppendRune(dst, FoldRune(r))
		}
		text = text[size:]
	}
	return dst
}

// FoldString is Fold of a string.
func FoldString(text string) string { return string(Fold(nil, []byte(text))) }
