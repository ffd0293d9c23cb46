package sigma

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

const (
	maxModifiers = 16
	maxExpanded  = 10_000  // what one value may become
	maxValues    = 100_000 // values of one item, after its modifiers
)

// operand is a value on its way through a chain of modifiers.
type operand struct {
	value Value
	raw   string // as the rule writes it
	fresh bool   // no modifier has touched it yet
}

// text is the operand as a String; numbers are one too, by their text.
func (o operand) text() (String, bool) {
	switch v := o.value.(type) {
	case String:
		return v, true
	case Number:
		return PlainString(v.Text), true
	}
	return String{}, false
}

// number is the operand as a number; a text may be one.
func (o operand) number() (float64, bool) {
	switch v := o.value.(type) {
	case Number:
		return v.Value, true
	case String:
		if plain, ok := v.Plain(); ok {
			return ParseNumber(plain)
		}
	}
	return 0, false
}

// modifiers are what a value becomes under each name, but for all and neq,
// which are of the whole item.
var modifiers = map[string]func(name string, o operand) (Value, *refusal){
	"contains": anchor, "startswith": anchor, "endswith": anchor,
	"cased": cased, "exists": exists,
	"re": regex, "i": regexFlag, "ignorecase": regexFlag, "m": regexFlag, "multiline": regexFlag,
	"s": regexFlag, "dotall": regexFlag,
	"base64": base64Text, "base64offset": base64Offset,
	"wide": encodeUTF16, "utf16le": encodeUTF16, "utf16be": encodeUTF16, "utf16": encodeUTF16,
	"windash": windash, "cidr": cidr,
	"lt": compare, "lte": compare, "gt": compare, "gte": compare,
	"minute": timePart, "hour": timePart, "day": timePart, "week": timePart, "month": timePart, "year": timePart,
	"fieldref": fieldRef, "expand": expand,
	"all": nil, "neq": nil,
}

// modifierNames are the names of all modifiers, sorted.
func modifierNames() []string {
	return slices.Sorted(maps.Keys(modifiers))
}

// checkModifiers refuses chains that cannot be honoured whatever the values.
func checkModifiers(names []string) *refusal {
	if len(names) > maxModifiers {
		return refuse("modifier", "use fewer", "%d modifiers are too many", len(names))
	}
	for _, name := range names {
		if _, ok := modifiers[name]; !ok {
			return unknownModifier(name)
		}
	}
	return nil
}

func unknownModifier(name string) *refusal {
	if near := strict.Nearest(name, modifierNames()); near != "" {
		return refuse("modifier", "write "+near, "there is no modifier %q", name)
	}
	return refuse("modifier", "use one of "+strings.Join(modifierNames(), ", "), "there is no modifier %q", name)
}

// modify runs a value through a chain. The steps of an Any are those of each
// of its values.
func modify(names []string, o operand) (Value, *refusal) {
	for _, name := range names {
		change := modifiers[name]
		if change == nil {
			continue
		}
		v, err := each(o, func(o operand) (Value, *refusal) { return change(name, o) })
		if err != nil {
			return nil, err
		}
		o.value, o.fresh = v, false
	}
	return finish(o)
}

func each(o operand, change func(operand) (Value, *refusal)) (Value, *refusal) {
	values, ok := o.value.(Any)
	if !ok {
		return change(o)
	}
	var out Any
	for _, v := range values {
		o.value = v
		changed, err := each(o, change)
		if err != nil {
			return nil, err
		}
		if out = append(out, flat(changed)...); len(out) > maxExpanded {
			return nil, refuse("too-many-values", "write the parts as values of their own under |all", "one value becomes more than %d under its modifiers", maxExpanded)
		}
	}
	return out, nil
}

// flat is a value as a list: an Any is never within another.
func flat(v Value) []Value {
	if values, ok := v.(Any); ok {
		return values
	}
	return []Value{v}
}

func size(v Value) int {
	return len(flat(v))
}

// finish refuses values that could never be honoured.
func finish(o operand) (Value, *refusal) {
	for _, v := range flat(o.value) {
		switch v := v.(type) {
		case Regex:
			if _, err := v.Compile(); err != nil {
				if r, ok := err.(*refusal); ok {
					return nil, r
				}
				return nil, refuse("regex", "write it in RE2's syntax", "%s", err)
			}
		case String:
			for _, p := range v.Parts {
				if !utf8.ValidString(p.Text) {
					return nil, refuse("encoding", "add base64 or base64offset after it", "the value %q becomes bytes that no text of an event can hold", clip(o.raw))
				}
			}
		}
	}
	return o.value, nil
}

func wrongValue(name string, o operand, of string) *refusal {
	return refuse("value-type", "give it "+of, "the modifier %s is of %s, and the value %s is %s", name, of, quote(o.raw), kindOf(o.value))
}

func quote(raw string) string { return fmt.Sprintf("%q", clip(raw)) }

func kindOf(v Value) string {
	switch v.(type) {
	case String:
		return "a text"
	case Number:
		return "a number"
	case Bool:
		return "a truth value"
	case Null:
		return "null"
	case Regex:
		return "a regular expression"
	case CIDR:
		return "a network"
	case Compare:
		return "a comparison"
	case FieldRef:
		return "a field"
	case Exists:
		return "a question of existence"
	case TimePart:
		return "a part of a time"
	}
	return "several values"
}

func anchor(name string, o operand) (Value, *refusal) {
	at := Anchor(name)
	switch v := o.value.(type) {
	case FieldRef:
		if v.At != Whole && v.At != at {
			at = Anywhere
		}
		v.At = at
		return v, nil
	case Regex:
		return anchorRegex(v, at), nil
	}
	s, ok := o.text()
	if !ok {
		return nil, wrongValue(name, o, "a text")
	}
	star := String{Parts: []Part{{Kind: Star}}}
	switch at {
	case Start:
		return Concat(s, star), nil
	case End:
		return Concat(star, s), nil
	}
	return Concat(star, s, star), nil
}

// anchorRegex binds an expression to an end of the text; it is searched for
// anywhere as it is.
func anchorRegex(r Regex, at Anchor) Regex {
	switch at {
	case Start:
		r.Expr = `\A(?:` + r.Expr + `)`
	case End:
		r.Expr = `(?:` + r.Expr + `)\z`
	}
	return r
}

func cased(name string, o operand) (Value, *refusal) {
	switch v := o.value.(type) {
	case FieldRef:
		v.Cased = true
		return v, nil
	case Regex:
		return v, nil // it is already
	}
	s, ok := o.text()
	if !ok {
		return nil, wrongValue(name, o, "a text")
	}
	s.Cased = true
	return s, nil
}

func exists(name string, o operand) (Value, *refusal) {
	b, ok := o.value.(Bool)
	if !ok || !o.fresh {
		return nil, wrongValue(name, o, "true or false, without other modifiers before it")
	}
	return Exists(b), nil
}

func regex(name string, o operand) (Value, *refusal) {
	switch o.value.(type) {
	case String, Number, Bool:
	default:
		return nil, wrongValue(name, o, "a text")
	}
	if !o.fresh {
		return nil, refuse("modifier-order", "write re first, or none of the others", "re takes the value as it is written, and comes after another modifier")
	}
	return Regex{Expr: o.raw}, nil
}

func regexFlag(name string, o operand) (Value, *refusal) {
	r, ok := o.value.(Regex)
	if !ok {
		return nil, refuse("modifier-order", "write re before it", "the modifier %s is of regular expressions", name)
	}
	switch name[0] {
	case 'i':
		r.IgnoreCase = true
	case 'm':
		r.MultiLine = true
	default:
		r.DotsAreAll = true
	}
	return r, nil
}

func cidr(name string, o operand) (Value, *refusal) {
	if _, ok := o.value.(String); !ok || !o.fresh {
		return nil, wrongValue(name, o, "a network as 10.0.0.0/8, without other modifiers before it")
	}
	prefix, ok := parsePrefix(strings.TrimSpace(o.raw))
	if !ok {
		return nil, refuse("cidr", "write it as 10.0.0.0/8 or fd00::/8", "%s is no network", quote(o.raw))
	}
	return CIDR{prefix}, nil
}

func parsePrefix(text string) (netip.Prefix, bool) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, false
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), true
}

func compare(name string, o operand) (Value, *refusal) {
	if part, ok := o.value.(TimePart); ok {
		part.Op = Op(name)
		return part, nil
	}
	n, ok := o.number()
	if !ok {
		return nil, wrongValue(name, o, "a number")
	}
	return Compare{Op: Op(name), Value: n}, nil
}

// timeRanges are the values that a part of a time may have.
var timeRanges = map[string][2]float64{
	"minute": {0, 59}, "hour": {0, 23}, "day": {1, 31}, "week": {1, 53}, "month": {1, 12}, "year": {0, 9999},
}

func timePart(name string, o operand) (Value, *refusal) {
	part := TimePart{Part: name}
	n, ok := o.number()
	if c, is := o.value.(Compare); is {
		n, part.Op, ok = c.Value, c.Op, true
	}
	bounds := timeRanges[name]
	if !ok || n != math.Trunc(n) || n < bounds[0] || n > bounds[1] {
		return nil, refuse("value-type", fmt.Sprintf("write a number from %g to %g", bounds[0], bounds[1]), "%s is no %s", quote(o.raw), name)
	}
	part.Value = int(n)
	return part, nil
}

func fieldRef(name string, o operand) (Value, *refusal) {
	s, ok := o.value.(String)
	if !ok {
		return nil, wrongValue(name, o, "a text, the name of a field")
	}
	ref := FieldRef{Cased: s.Cased}
	if !o.fresh {
		s, ref.At = takeAnchor(s)
	}
	if ref.Field, ok = s.Plain(); !ok || ref.Field == "" {
		return nil, refuse("fieldref", "write the name of one field", "%s is no name of a field", quote(o.raw))
	}
	return ref, nil
}

// takeAnchor turns the stars at the ends of a string back into what put them
// there.
func takeAnchor(s String) (String, Anchor) {
	parts := s.Parts
	start := len(parts) > 0 && parts[0].Kind == Star
	if start {
		parts = parts[1:]
	}
	end := len(parts) > 0 && parts[len(parts)-1].Kind == Star
	if end {
		parts = parts[:len(parts)-1]
	}
	s.Parts = parts
	switch {
	case start && end:
		return s, Anywhere
	case start:
		return s, End
	case end:
		return s, Start
	}
	return s, Whole
}

// expand makes placeholders of the names between percent signs. A backslash
// before a percent sign makes it plain.
func expand(name string, o operand) (Value, *refusal) {
	s, ok := o.text()
	if !ok {
		return nil, wrongValue(name, o, "a text")
	}
	out := String{Cased: s.Cased}
	for _, p := range s.Parts {
		if p.Kind != Text {
			out.add(p)
			continue
		}
		rest := p.Text
		for rest != "" {
			at, end := placeholder(rest)
			if at < 0 {
				break
			}
			out.add(Part{Text: strings.ReplaceAll(rest[:at], `\%`, "%")})
			out.add(Part{Kind: Placeholder, Text: rest[at+1 : end]})
			rest = rest[end+1:]
		}
		out.add(Part{Text: strings.ReplaceAll(rest, `\%`, "%")})
	}
	return out, nil
}

// placeholder finds the first %name%: the places of both signs, or -1.
func placeholder(text string) (int, int) {
	for at := 0; at < len(text); at++ {
		if text[at] != '%' || at > 0 && text[at-1] == '\\' {
			continue
		}
		end := strings.IndexByte(text[at+1:], '%')
		if end < 0 {
			return -1, -1
		}
		if end > 0 {
			return at, at + 1 + end
		}
	}
	return -1, -1
}

// keyword is a value that is looked for in all of an event: anywhere in its
// texts, unless a modifier says where.
func keyword(names []string, o operand) (Value, *refusal) {
	return each(o, func(o operand) (Value, *refusal) {
		if b, ok := o.value.(Bool); ok {
			o.value = PlainString(fmt.Sprint(bool(b)))
		}
		switch o.value.(type) {
		case Regex, CIDR:
			return o.value, nil
		case String, Number:
			for _, name := range names {
				switch name {
				case "contains", "startswith", "endswith":
					return o.value, nil
				}
			}
			return anchor("contains", o)
		}
		return nil, refuse("keyword", "write the field before the modifier", "%s cannot be looked for without a field", kindOf(o.value))
	})
}
