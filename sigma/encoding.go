package sigma

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
)

// bytesOf is a text to encode: one without wildcards and placeholders.
func bytesOf(name string, o operand) (string, bool, *refusal) {
	s, ok := o.text()
	if !ok {
		return "", false, wrongValue(name, o, "a text")
	}
	plain, ok := s.Plain()
	if !ok {
		return "", false, refuse("encoding", `escape * and ? with a backslash, and write contains after it`, "%s cannot encode wildcards or placeholders, as in %s", name, quote(o.raw))
	}
	return plain, s.Cased, nil
}

func base64Text(name string, o operand) (Value, *refusal) {
	plain, cased, err := bytesOf(name, o)
	if err != nil {
		return nil, err
	}
	s := PlainString(base64.StdEncoding.EncodeToString([]byte(plain)))
	s.Cased = cased
	return s, nil
}

// base64Offset is what a text looks like inside a longer one in base64, at
// each of the three places it may have there. Characters that also hold bits
// of what stands before or after are left off.
func base64Offset(name string, o operand) (Value, *refusal) {
	plain, cased, err := bytesOf(name, o)
	if err != nil {
		return nil, err
	}
	var out Any
	for before := range 3 {
		bits := before * 8
		first, last := (bits+5)/6, (bits+8*len(plain))/6
		if first >= last {
			return nil, refuse("encoding", "use a longer text", "base64offset leaves nothing certain of %s", quote(o.raw))
		}
		encoded := base64.StdEncoding.EncodeToString([]byte("\x00\x00"[:before] + plain))
		s := PlainString(encoded[first:last])
		s.Cased = cased
		out = append(out, s)
	}
	return out, nil
}

func encodeUTF16(name string, o operand) (Value, *refusal) {
	s, ok := o.text()
	if !ok {
		return nil, wrongValue(name, o, "a text")
	}
	out := String{Cased: s.Cased}
	if name == "utf16" {
		out.add(Part{Text: "\xff\xfe"})
	}
	for _, p := range s.Parts {
		switch p.Kind {
		case Placeholder:
			return nil, refuse("encoding", "write the value instead of the placeholder", "%s cannot encode the placeholder %%%s%%", name, p.Text)
		case Text:
			p.Text = utf16Bytes(p.Text, name == "utf16be")
		}
		out.add(p)
	}
	return out, nil
}

func utf16Bytes(text string, bigEndian bool) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		high, low := byte(unit>>8), byte(unit)
		if bigEndian {
			b.Write([]byte{high, low})
		} else {
			b.Write([]byte{low, high})
		}
	}
	return b.String()
}
