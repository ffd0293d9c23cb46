// Package jsonline reads events written as JSON where they stand: it makes no
// tree, copies nothing but texts with escapes, and allocates nothing. An event
// is gone through once, which also finds what is no JSON; what is asked of its
// members is read from the places found.
//
// Strings may hold any bytes, and escapes that mean nothing stay as they are
// written: logs are worth reading even when their writer was careless.
package jsonline

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth bounds how deep values are nested.
const MaxDepth = 300

// ErrNotObject is what is said of JSON that is something else.
var ErrNotObject = errors.New("the event is no JSON object")

// Cursor goes through the members of an object or a list.
type Cursor struct {
	data  []byte
	at    int
	depth int
	end   byte // what ends it
	bad   bool
	more  bool   // a member was read
	key   [2]int // of the member that was read last
}

// Place is where a member of an object stands in a line, for those who look at the
// line after another has read it.
type Place struct{ key, keyEnd, value, end uint32 }

// Members is what is known of an object on a line that was read before. Each is known
// apart from the other.
type Members struct {
	Places []Place // where all members stand, in order; none: it is not known
	// Plain says that all of the line is ASCII without escapes by number (\u), and
	// that no key of the object itself has an escape.
	Plain bool
}

// Forget forgets what is known, and keeps the memory.
func (m *Members) Forget() { m.Places, m.Plain = m.Places[:0], false }

// PlaceOf makes a Place: the key without its quotes is line[key:keyEnd], the value
// line[value:end].
func PlaceOf(key, keyEnd, value, end int) Place {
	return Place{uint32(key), uint32(keyEnd), uint32(value), uint32(end)}
}

// Places appends where the members of an event stand, in order. What is no JSON object
// is an error, as for a Cursor.
func Places(list []Place, line []byte) ([]Place, error) {
	c, err := Open(line)
	if err != nil {
		return list, err
	}
	for _, v, ok := c.Next(); ok; _, v, ok = c.Next() {
		list = append(list, c.Place(v))
	}
	return list, c.Err()
}

// Key is the key as it is written, without its quotes; see Escaped.
func (p Place) Key(line []byte) []byte { return line[p.key:p.keyEnd] }

// Value is the value as it is written.
func (p Place) Value(line []byte) []byte { return line[p.value:p.end] }

// End is where the value ends.
func (p Place) End() int { return int(p.end) }

// Open begins to read an event. Err says afterwards whether it was JSON.
func Open(line []byte) (Cursor, error) {
	c := Cursor{data: line, end: '}', depth: 1}
	c.space()
	if c.at == len(line) {
		return c, c.wrong()
	}
	if line[c.at] != '{' {
		if end := value(line, c.at, 1); end < 0 || after(line, end) != len(line) {
			c.bad = true
			return c, c.wrong()
		}
		return c, ErrNotObject
	}
	c.at++
	return c, nil
}

// Err is what was wrong with an event that was gone through.
func (c *Cursor) Err() error {
	if !c.bad {
		if c.space(); c.at == len(c.data) {
			return nil
		}
	}
	return c.wrong()
}

func (c *Cursor) wrong() error {
	if c.at >= len(c.data) {
		return errors.New("the event is no JSON: it ends too early")
	}
	if deep(c.data[c.at:], c.depth) {
		return fmt.Errorf("values of the event are nested more than %d deep", MaxDepth)
	}
	return fmt.Errorf("the event is no JSON: byte %d is not as it should be", c.at)
}

// deep reports whether more is opened than may be.
func deep(data []byte, depth int) bool {
	quoted := false
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{', b == '[':
			if depth++; depth > MaxDepth {
				return true
			}
		case b == '}', b == ']':
			depth--
		}
	}
	return false
}

// Within goes through a value that was read: the members of an object or of a
// list, none of anything else.
func Within(v []byte) Cursor {
	c := Cursor{data: v, depth: 1}
	switch v[0] {
	case '{':
		c.end, c.at = '}', 1
	case '[':
		c.end, c.at = ']', 1
	default:
		c.bad = true
	}
	return c
}

// Next reads the next member of an object, or false when there is none. The
// key is as it is written, without its quotes; see Escaped.
func (c *Cursor) Next() (key, v []byte, ok bool) {
	if !c.begin() {
		return nil, nil, false
	}
	from := c.at
	end := -1
	if c.data[from] == '"' {
		end = shortText(c.data, from)
	}
	if end < 0 {
		return nil, nil, c.fail()
	}
	key = c.data[from+1 : end-1]
	c.key = [2]int{from + 1, end - 1}
	c.at = end
	c.space()
	if c.at == len(c.data) || c.data[c.at] != ':' {
		return nil, nil, c.fail()
	}
	c.at++
	v, ok = c.take()
	return key, v, ok
}

// At is where what was read last ends.
func (c *Cursor) At() int { return c.at }

// Place is where the member stands whose value v was read last.
func (c *Cursor) Place(v []byte) Place { return PlaceOf(c.key[0], c.key[1], c.at-len(v), c.at) }

// Element reads the next member of a list, or false when there is none.
func (c *Cursor) Element() (v []byte, ok bool) {
	if !c.begin() {
		return nil, false
	}
	return c.take()
}

// begin goes to where the next member begins, and reports whether there is one.
func (c *Cursor) begin() bool {
	if c.bad {
		return false
	}
	c.space()
	if c.at == len(c.data) {
		return c.fail()
	}
	switch b := c.data[c.at]; {
	case b == c.end:
		c.at++
		return false
	case !c.more:
		c.more = true
		return true
	case b != ',':
		return c.fail()
	}
	c.at++
	c.space()
	return c.at < len(c.data) || c.fail()
}

func (c *Cursor) take() ([]byte, bool) {
	c.space()
	end := value(c.data, c.at, c.depth)
	if end < 0 {
		return nil, c.fail()
	}
	v := c.data[c.at:end]
	c.at = end
	return v, true
}

func (c *Cursor) fail() bool {
	c.bad = true
	return false
}

func (c *Cursor) space() {
	if c.at < len(c.data) && c.data[c.at] <= ' ' {
		c.at = after(c.data, c.at)
	}
}

// after is the first place from i on that is no space.
func after(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// value is the end of the value at i, -1 when there is none.
func value(data []byte, i, depth int) int {
	if i >= len(data) {
		return -1
	}
	switch data[i] {
	case '"':
		return text(data, i)
	case '{', '[':
		return nested(data, i, depth+1)
	case 't':
		return word(data, i, "true")
	case 'f':
		return word(data, i, "false")
	case 'n':
		return word(data, i, "null")
	}
	return number(data, i)
}

// text is the end of the string at i.
func text(data []byte, i int) int {
	for end := i + 1; ; end++ {
		next := bytes.IndexByte(data[end:], '"')
		if next < 0 {
			return -1
		}
		end += next
		if data[end-1] != '\\' {
			return end + 1
		}
		slashes := 1
		for data[end-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end + 1
		}
	}
}

// shortText is text for strings that are likely short and without escapes.
func shortText(data []byte, i int) int {
	for at := i + 1; at+8 <= len(data); at += 8 {
		w := binary.LittleEndian.Uint64(data[at:])
		if stop := zeros(w^'"'*ones) | zeros(w^'\\'*ones); stop != 0 {
			if at += bits.TrailingZeros64(stop) / 8; data[at] == '"' {
				return at + 1
			}
			break
		}
	}
	return text(data, i)
}

// Escaped reports whether a key or a string has escapes.
func Escaped(written []byte) bool {
	i := 0
	for ; i+8 <= len(written); i += 8 {
		if zeros(binary.LittleEndian.Uint64(written[i:])^'\\'*ones) != 0 {
			return true
		}
	}
	return bytes.IndexByte(written[i:], '\\') >= 0
}

func nested(data []byte, i, depth int) int {
	if depth > MaxDepth {
		return -1
	}
	c := Cursor{data: data, at: i + 1, depth: depth, end: ']'}
	if data[i] == '{' {
		c.end = '}'
		for ok := true; ok; {
			_, _, ok = c.Next()
		}
	} else {
		for ok := true; ok; {
			_, ok = c.Element()
		}
	}
	if c.bad {
		return -1
	}
	return c.at
}

func word(data []byte, i int, is string) int {
	if end := i + len(is); end <= len(data) && string(data[i:end]) == is {
		return end
	}
	return -1
}

// number is the end of a number, or of what is written with the characters of
// one.
func number(data []byte, i int) int {
	end, digits := i, 0
	for ; end < len(data); end++ {
		switch c := data[end]; {
		case '0' <= c && c <= '9':
			digits++
			continue
		case c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E':
			continue
		}
		break
	}
	if digits == 0 {
		return -1
	}
	return end
}

// Unescape appends what is within the quotes of a string, with what its escapes
// stand for.
func Unescape(dst, in []byte) []byte {
	from := len(dst)
	dst = slices.Grow(dst, len(in)+8)
	out, n := dst[from:from+len(in)+8], 0
	for i := 0; i < len(in); {
		if i+8 <= len(in) {
			w := binary.LittleEndian.Uint64(in[i:])
			binary.LittleEndian.PutUint64(out[n:], w)
			if slash := zeros(w ^ '\\'*ones); slash == 0 {
				i, n = i+8, n+8
				continue
			} else {
				skip := bits.TrailingZeros64(slash) / 8
				i, n = i+skip, n+skip
			}
		}
		if in[i] != '\\' || i+1 == len(in) {
			out[n] = in[i]
			i, n = i+1, n+1
			continue
		}
		if c := simple[in[i+1]]; c != 0 {
			out[n] = c
			i, n = i+2, n+1
			continue
		}
		read, wrote := escape(out[n:], in[i:])
		i, n = i+read, n+wrote
	}
	return dst[:from+n]
}

const ones = 0x0101010101010101

// zeros has the high bit set in the lowest byte of a word that is zero.
func zeros(w uint64) uint64 { return (w - ones) &^ w & (0x80 * ones) }

// simple are the escapes of one character.
var simple = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape writes what the escape that a text begins with stands for, and returns
// the bytes that were read and written. What stands for nothing stays.
func escape(out, in []byte) (read, wrote int) {
	if in[1] != 'u' {
		return 2, copy(out, in[:2])
	}
	r, ok := hex(in)
	if !ok {
		return 2, copy(out, in[:2])
	}
	if !utf16.IsSurrogate(r) {
		return 6, utf8.EncodeRune(out, r)
	}
	if low, ok := hex(in[6:]); ok {
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			return 12, utf8.EncodeRune(out, r)
		}
	}
	return 6, utf8.EncodeRune(out, utf8.RuneError)
}

// hex reads \u and four digits.
func hex(in []byte) (rune, bool) {
	if len(in) < 6 || in[0] != '\\' || in[1] != 'u' {
		return 0, false
	}
	var digits [4]byte
	copy(digits[:], in[2:6])
	n, err := strconv.ParseUint(string(digits[:]), 16, 32)
	return rune(n), err == nil
}
