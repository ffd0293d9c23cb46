package logs

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// Most lines are objects of texts and numbers, with few objects and lists in them.
// Such a line is laid out from where its members stand, without a tree of them: what
// its names ask for is worked out once for all lines that have the same. What such a
// way cannot tell for certain is left to the tree, so that both lay out the same.

// deepestFlat is how deep objects and lists are within each other: each is read once
// for each that it is in.
const deepestFlat = 4

// mostLearnt bounds the memory of the names that one encoder knows, which senders
// make up. sizeofName is how much of it a name needs beside its bytes.
const (
	mostLearnt = 4 << 20
	sizeofName = 64
)

// flat is what is remembered from line to line.
type flat struct {
	members []member // of the line, and behind them of the objects one is within
	kinds   [2048]*kind
	learnt  int // bytes of the names of kinds
	buf     []byte
	slash   int  // the first backslash from what was last looked at on
	odd     bool // the line is one for the tree

	is   *kind // that of the line, where laid says what fields it has
	laid laid
}

// member is a name and its value as they are written.
type member struct {
	key, value []byte
	end        int // of the value, in the line
}

// kind is all lines with the same names.
type kind struct {
	keys    []string
	objects []bool // which are objects
	columns []string
	nested  bool // there are objects
	odd     bool // they are for the tree

	laid  laid  // how one of them was laid out
	order []int // of its fields, see orders
}

// laid says which fields an event of a kind has: how many before those of the line,
// which members of the line have one, by their places, and how many in all.
type laid struct {
	head, all int
	members   [mostNames/64 + 1]uint64
}

// flat lays out a line, or reports that it is one for the tree.
func (c *encoder) flat(line []byte, places []jsonline.Place) bool {
	f := &c.lines
	if f.learnt > mostLearnt {
		clear(f.kinds[:])
		f.learnt = 0
	}
	place := f.find(line, places)
	if place == nil {
		return false
	}
	members := f.members
	k := *place
	if k == nil {
		k = &kind{}
		*place = k
	}
	if !k.is(members) {
		c.learn(k, members)
	}
	if k.odd {
		return false
	}
	f.odd, f.slash, f.laid = false, -1, laid{head: len(c.fields)}
	for i := range members {
		m, n := &members[i], len(c.fields)
		if v := m.value; len(v) > len(`""`) && v[0] == '"' && !f.slashed(line, m.end-len(v), m.end) {
			c.put(k.keys[i], k.columns[i], text(v[1:len(v)-1]))
		} else {
			c.written(k.keys[i], k.columns[i], v, 1)
		}
		if len(c.fields) > n {
			f.laid.members[i/64] |= 1 << (i % 64)
		}
	}
	if !f.odd && !k.nested {
		f.is = k
	}
	return !f.odd
}

// slashed reports whether there is a backslash in a part of a line. It is called for
// one part after the other, and so looks at most of the line once.
func (f *flat) slashed(line []byte, from, to int) bool {
	if f.slash < from {
		if f.slash = bytes.IndexByte(line[from:], '\\'); f.slash < 0 {
			f.slash = len(line)
		} else {
			f.slash += from
		}
	}
	return f.slash < to
}

// find finds the members of a line, unless it is known where they stand, and the place
// of its kind; nil when the line is for the tree.
func (f *flat) find(line []byte, places []jsonline.Place) **kind {
	f.members = f.members[:0]
	h := uint32(0)
	for _, p := range places {
		if !f.enter(&h, p.Key(line), p.Value(line), p.End()) {
			return nil
		}
	}
	if len(places) == 0 && !f.read(&h, line) {
		return nil
	}
	return &f.kinds[(h^h>>15)%uint32(len(f.kinds))]
}

func (f *flat) read(h *uint32, line []byte) bool {
	c, err := jsonline.Open(line)
	if err != nil {
		return false
	}
	for key, v, ok := c.Next(); ok; key, v, ok = c.Next() {
		if !f.enter(h, key, v, c.At()) {
			return false
		}
	}
	return c.Err() == nil
}

// enter takes a member, and its name into the hash of all.
func (f *flat) enter(hash *uint32, key, v []byte, end int) bool {
	n := len(key)
	if n == 0 || n > longestName || len(f.members) == mostNames {
		return false
	}
	h := (*hash ^ uint32(n)) * 16777619
	h ^= uint32(key[0]) | uint32(key[n/2])<<8 | uint32(key[n-1])<<16
	if v[0] == '{' {
		h ^= 1 << 24
	}
	*hash = h
	f.members = append(f.members, member{key, v, end})
	return true
}

// is reports whether a line is of the kind.
func (k *kind) is(members []member) bool {
	if len(k.keys) != len(members) {
		return false
	}
	for i := range members {
		if k.keys[i] != string(members[i].key) || k.objects[i] != (members[i].value[0] == '{') {
			return false
		}
	}
	return true
}

// learn makes a kind that of a line, whose memory it does not keep.
func (c *encoder) learn(k *kind, members []member) {
	k.keys, k.objects, k.columns = k.keys[:0], k.objects[:0], k.columns[:0]
	c.names = c.names[:0]
	k.odd, k.nested, k.laid = false, false, laid{}
	for _, m := range members {
		name := string(m.key)
		c.lines.learnt += len(name) + sizeofName
		k.keys, k.columns = append(k.keys, name), append(k.columns, column(name))
		object := m.value[0] == '{'
		k.objects, k.nested = append(k.objects, object), k.nested || object
		k.odd = k.odd || jsonline.Escaped(m.key)
		c.names = append(c.names, m.key)
	}
	k.odd = k.odd || c.repeated() || k.meets()
}

// meets reports whether the name of an object has dots, or is the first part of a
// name that has.
func (k *kind) meets() bool {
	for i, object := range k.objects {
		if !object {
			continue
		}
		if strings.IndexByte(k.keys[i], '.') >= 0 {
			return true
		}
		for _, other := range k.keys {
			if len(other) > len(k.keys[i]) && other[len(k.keys[i])] == '.' && strings.HasPrefix(other, k.keys[i]) {
				return true
			}
		}
	}
	return false
}

// written lays out a value as it is written, under a name.
func (c *encoder) written(name, column string, v []byte, depth int) {
	switch v[0] {
	case '"':
		if len(v) == len(`""`) {
			c.mark(markEmpty, name)
			return
		}
		c.put(name, column, c.unquoted(v))
	case 'n':
		c.mark(markNull, name)
	case '[':
		list := jsonline.Within(v)
		if _, some := list.Element(); !some {
			c.mark(markNothing, name)
			return
		}
		c.writtenJSON(name, column, v, depth)
	case '{':
		c.writtenObject(name, column, v, depth)
	default:
		c.put(name, column, text(v))
	}
}

// writtenObject is encoder.object of an object as it is written.
func (c *encoder) writtenObject(name, in string, v []byte, depth int) {
	f := &c.lines
	from, fits := len(f.members), true
	c.names = c.names[:0]
	object := jsonline.Within(v)
	for key, v, ok := object.Next(); ok; key, v, ok = object.Next() {
		fits = fits && bytes.IndexByte(key, '.') < 0 && len(name)+1+len(key) <= longestName
		f.odd = f.odd || jsonline.Escaped(key)
		f.members, c.names = append(f.members, member{key: key, value: v}), append(c.names, key)
	}
	members := f.members[from:]
	if f.odd = f.odd || depth > deepestFlat || len(members) > mostNames; f.odd {
		return
	}
	if !fits || c.repeated() {
		f.members = f.members[:from]
		c.writtenJSON(name, in, v, depth)
		return
	}
	c.mark(markObject, name)
	for _, m := range members {
		path := c.texts.keep(func(b []byte) []byte { return append(append(append(b, name...), '.'), m.key...) })
		c.written(path, column(path), m.value, depth+1)
	}
	f.members = f.members[:from]
}

// writtenJSON keeps a value as its JSON.
func (c *encoder) writtenJSON(name, column string, v []byte, depth int) {
	c.mark(markJSON, name)
	c.put(name, column, c.texts.keep(func(b []byte) []byte { return c.lines.append(b, v, depth) }))
}

// append appends a value that is written as appendValue writes it.
func (f *flat) append(b, v []byte, depth int) []byte {
	switch v[0] {
	case '"':
		return f.appendText(b, v[1:len(v)-1])
	case '[', '{':
		return f.appendMembers(b, v, depth)
	}
	return append(b, v...)
}

func (f *flat) appendMembers(b, v []byte, depth int) []byte {
	if f.odd = f.odd || depth > deepestFlat; f.odd {
		return b
	}
	from := len(b)
	c := jsonline.Within(v)
	for {
		b = append(b, ',') // the first is where the value opens, the last where it ends
		var member []byte
		var ok bool
		if v[0] == '[' {
			member, ok = c.Element()
		} else {
			var key []byte
			if key, member, ok = c.Next(); ok {
				b = append(f.appendText(b, key), ':')
			}
		}
		if !ok {
			break
		}
		b = f.append(b, member, depth+1)
	}
	if len(b) == from+1 {
		b = append(b, ',')
	}
	b[from], b[len(b)-1] = v[0], v[len(v)-1]
	return b
}

func (f *flat) appendText(b, written []byte) []byte {
	if !jsonline.Escaped(written) {
		return appendText(b, written)
	}
	f.buf = f.unescape(f.buf[:0], written)
	return appendText(b, f.buf)
}

// unquoted is the text that a value is.
func (c *encoder) unquoted(v []byte) string {
	in := v[1 : len(v)-1]
	if !jsonline.Escaped(in) {
		return text(in)
	}
	return c.texts.keep(func(b []byte) []byte { return c.lines.unescape(b, in) })
}

// unescape appends what a text with escapes stands for. A half of a pair of UTF-16
// that has no other half, of which utf8.RuneError is made here, is for the tree.
func (f *flat) unescape(b, in []byte) []byte {
	from := len(b)
	b = jsonline.Unescape(b, in)
	f.odd = f.odd || bytes.Contains(b[from:], []byte(string(utf8.RuneError)))
	return b
}
