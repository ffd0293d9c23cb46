package sigma

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// maxDashes bounds the flags of one value, which has 5 to the power of them as
// forms.
const maxDashes = 5

// dashes are the characters that begin a flag of a Windows command line.
var dashes = []rune{'-', '/', '\u2013', '\u2014', '\u2015'}

// windash is a value with each dash that begins a word written in each way. A
// dash within a word, as the second of -param-name, is none of them.
func windash(name string, o operand) (Value, *refusal) {
	s, ok := o.text()
	if !ok {
		return nil, wrongValue(name, o, "a text")
	}
	forms := []String{{Cased: s.Cased}}
	count := 0
	grow := func(parts ...Part) {
		var out []String
		for _, form := range forms {
			for _, p := range parts {
				next := String{Cased: form.Cased, Parts: append([]Part(nil), form.Parts...)}
				next.add(p)
				out = append(out, next)
			}
		}
		forms = out
	}
	for _, p := range s.Parts {
		if p.Kind != Text {
			grow(p)
			continue
		}
		rest := 0
		for _, at := range flagDashes(p.Text) {
			if count++; count > maxDashes {
				return nil, refuse("too-many-values", "write the flags as values of their own under |contains|all|windash", "windash has more than %d flags to write in all ways in %s", maxDashes, quote(o.raw))
			}
			grow(Part{Text: p.Text[rest:at]})
			var ways []Part
			for _, d := range dashes {
				ways = append(ways, Part{Text: string(d)})
			}
			grow(ways...)
			_, size := utf8.DecodeRuneInString(p.Text[at:])
			rest = at + size
		}
		grow(Part{Text: p.Text[rest:]})
	}
	if len(forms) == 1 {
		return s, nil
	}
	var out Any
	for _, f := range forms {
		out = append(out, f)
	}
	return out, nil
}

// flagDashes are the places of dashes with a word after and none before them.
func flagDashes(text string) []int {
	var at []int
	before := rune(' ')
	for i, r := range text {
		if slices.Contains(dashes, r) && !isWord(before) {
			after, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r):])
			if isWord(after) {
				at = append(at, i)
			}
		}
		before = r
	}
	return at
}

func isWord(r rune) bool {
	return r == '_' || r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r))
}
