package sigma

import (
	"bytes"
	"net/netip"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/sigma/internal/literal"
)

// checker decides on one text of a field what no literal can.
type checker interface {
	holds(text string, ev *event) bool
}

// needle is a literal that stands in every text that a value is met by.
type needle struct {
	kind literal.Kind
	text string // folded; "" when there is none
}

// shape is how a String is looked for: by a needle, which is enough when sure.
func shape(s String) (n needle, sure bool) {
	n, sure = outline(s)
	n.text = literal.FoldString(n.text)
	return n, sure
}

// outline is the shape of a String with the needle's text as it is written.
func outline(s String) (n needle, sure bool) {
	parts := s.Parts
	switch {
	case len(parts) == 0:
		return needle{literal.Whole, ""}, true
	case len(parts) == 1 && parts[0].Kind == Text:
		n, sure = needle{literal.Whole, parts[0].Text}, true
	case len(parts) == 2 && parts[0].Kind == Text && parts[1].Kind == Star:
		n, sure = needle{literal.Prefix, parts[0].Text}, true
	case len(parts) == 2 && parts[0].Kind == Star && parts[1].Kind == Text:
		n, sure = needle{literal.Suffix, parts[1].Text}, true
	case len(parts) == 3 && parts[0].Kind == Star && parts[1].Kind == Text && parts[2].Kind == Star:
		n, sure = needle{literal.Inside, parts[1].Text}, true
	default:
		n = longest(parts)
	}
	if len(n.text) > literal.MaxSize {
		return n.shorter(), false
	}
	return n, sure && !s.Cased
}

// shorter is a part of a needle that is too long: its end where it must stand at the
// end of a text, else its start.
func (n needle) shorter() needle {
	if n.kind == literal.Suffix {
		_, after := cut(n.text, len(n.text)-literal.MaxSize)
		n.text = n.text[after:]
		return n
	}
	if n.kind == literal.Whole {
		n.kind = literal.Prefix
	}
	before, _ := cut(n.text, literal.MaxSize)
	n.text = n.text[:before]
	return n
}

// cut is where a text can be cut at a place: there, or before and after the character
// that would be split.
func cut(text string, at int) (before, after int) {
	for from := at - 1; from > at-utf8.UTFMax && from >= 0; from-- {
		if _, size := utf8.DecodeRuneInString(text[from:]); from+size > at {
			return from, from + size
		}
	}
	return at, at
}

// longest is the longest literal of a text with wildcards. One at an end of
// the text is preferred: it is found without reading the rest.
func longest(parts []Part) needle {
	n := needle{kind: literal.Inside}
	for _, p := range parts {
		if p.Kind == Text && len(p.Text) > len(n.text) {
			n.text = p.Text
		}
	}
	if end := parts[len(parts)-1]; end.Kind == Text && 2*len(end.Text) > len(n.text) {
		n = needle{literal.Suffix, end.Text}
	}
	if start := parts[0]; start.Kind == Text && 2*len(start.Text) > len(n.text) {
		n = needle{literal.Prefix, start.Text}
	}
	return n
}

// holds matches a text with wildcards. It goes back to the last star only, so
// it takes at most the product of both lengths.
func (s String) holds(text string, _ *event) bool {
	pattern := glob{parts: s.Parts}
	back, backText := glob{}, ""
	for {
		switch kind, want, rest := pattern.next(); {
		case kind == Star:
			pattern, back, backText = rest, rest, text
			if len(rest.parts) == 0 {
				return true
			}
			continue
		case kind == globEnd && text == "":
			return true
		case kind != globEnd && text != "":
			r, size := utf8.DecodeRuneInString(text)
			broken := r == utf8.RuneError && size == 1
			if kind == Question || !broken && sameRune(r, want, s.Cased) {
				pattern, text = rest, text[size:]
				continue
			}
		}
		if back.parts == nil || backText == "" {
			return false
		}
		_, size := utf8.DecodeRuneInString(backText)
		backText = backText[size:]
		pattern, text = back, backText
	}
}

func sameRune(a, b rune, cased bool) bool {
	return a == b || !cased && literal.FoldRune(a) == literal.FoldRune(b)
}

// glob is a place in a pattern.
type glob struct {
	parts []Part
	at    int // in the text of the first part
}

const globEnd PartKind = 255

// next is what the pattern wants first, and its rest.
func (g glob) next() (kind PartKind, want rune, rest glob) {
	if len(g.parts) == 0 {
		return globEnd, 0, g
	}
	p := g.parts[0]
	if p.Kind != Text {
		return p.Kind, 0, glob{parts: g.parts[1:]}
	}
	r, size := utf8.DecodeRuneInString(p.Text[g.at:])
	if g.at+size == len(p.Text) {
		return Text, r, glob{parts: g.parts[1:]}
	}
	return Text, r, glob{g.parts, g.at + size}
}

func (c CIDR) holds(text string, _ *event) bool {
	addr, err := netip.ParseAddr(text)
	return err == nil && c.Contains(addr.Unmap().WithZone(""))
}

func (c Compare) holds(text string, _ *event) bool {
	number, ok := ParseNumber(text)
	return ok && c.Op.Holds(number, c.Value)
}

func (p TimePart) holds(text string, _ *event) bool {
	at, ok := ParseTime(text)
	return ok && p.Holds(at)
}

// reference is a FieldRef whose field is known to the engine.
type reference struct {
	FieldRef
	field uint32
}

func (r reference) holds(text string, ev *event) bool {
	mine := ev.form(&ev.mine, text, r.Cased)
	for at := ev.first(r.field); at >= 0; at = ev.values[at].next {
		theirs := ev.form(&ev.theirs, ev.values[at].text, r.Cased)
		if r.stands(mine, theirs) {
			return true
		}
	}
	return false
}

func (r reference) stands(mine, theirs []byte) bool {
	switch r.At {
	case Start:
		return stands(literal.Prefix, mine, theirs)
	case End:
		return stands(literal.Suffix, mine, theirs)
	case Anywhere:
		return stands(literal.Inside, mine, theirs)
	}
	return stands(literal.Whole, mine, theirs)
}

// stands reports whether a literal stands in a text where its kind says.
func stands(kind literal.Kind, text, of []byte) bool {
	switch kind {
	case literal.Prefix:
		return bytes.HasPrefix(text, of)
	case literal.Suffix:
		return bytes.HasSuffix(text, of)
	case literal.Inside:
		return bytes.Contains(text, of)
	}
	return bytes.Equal(text, of)
}
