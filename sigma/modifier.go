package sigma

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/netip"
	"sort"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxModifiers = 16
	maxDashes    = 5       // in one value: 5^5 forms of it
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
var modifiers map[string]func(name string, o operand) (Value, *refusal)

func init() {
	modifiers = map[string]func(string, operand) (Value, *refusal){
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
}

// modifierNames are the names of all modifiers, sorted.
func modifierNames() []string {
	names := make([]string, 0, len(modifiers))
	for name := range modifiers {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
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
	if near := nearest(name, modifierNames()); near != "" {
		return refuse("modifier", "write "+near, "there is no modifier %q", name)
	}
	return refuse("modifier", "use one of "+strings.Join(modifierNames(), ", "), "there is no modifier %q", name)
}

// nearest is the name that a misspelt one was likely meant to be, or "".
func nearest(name string, names []string) string {
	best, distance := "", 3
	for _, n := range names {
		if d := editDistance(strings.ToLower(name), n); d < distance && d < len(n) {
			best, distance = n, d
		}
	}
	return best
}

func editDistance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
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
		if isDash(r) && !isWord(before) {
			after, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r):])
			if isWord(after) {
				at = append(at, i)
			}
		}
		before = r
	}
	return at
}

func isDash(r rune) bool {
	for _, d := range dashes {
		if r == d {
			return true
		}
	}
	return false
}

func isWord(r rune) bool {
	return r == '_' || r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r))
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
