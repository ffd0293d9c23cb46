package logs

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/internal/event"
)

// The engine keeps flat fields that are texts and not empty. A line is laid out
// in them so that a Sigma rule finds in what is read back what it finds in the
// line: members of objects get dotted names, lists are JSON, numbers and truth
// values are their text. What that loses is told by marks in one field, which is
// the same for all events of one shape and so packs to nearly nothing:
//
//	{name   an object whose members are fields of their own
//	=name   the field is JSON: a list, or an object whose names cannot be fields
//	!name   null
//	'name   an empty text
//	[name   an empty list
//	.name   a member of the line that has dots in its own name, though an object
//	        of its first part is there too
//	-       there is no message, though the field of messages says "-"
//
// Names with spaces, quotes or control characters are quoted as Go quotes.
const (
	markObject  = '{'
	markJSON    = '='
	markNull    = '!'
	markEmpty   = '\''
	markNothing = '['
	markDotted  = '.'
	markSilent  = '-'
)

const (
	fieldTime    = "_time"
	fieldMessage = "_msg"
	// own is put before the names of a line that the engine or the program uses
	// itself.
	own = "binnacle.line."
	// longestName is of a field, without own; the engine's limit is 128.
	longestName = 128 - len(own)
	// mostNames of an object are looked at for one that stands there twice.
	mostNames = 255
	// deepest objects get fields of their own; deeper ones are JSON.
	deepest = 16
)

// used reports whether a name of a line is one the engine or the program uses.
func used(name string) bool {
	switch name {
	case event.FieldID, event.FieldSeen, event.FieldFormat, fieldTime, fieldMessage, "_stream", "_stream_id":
		return true
	}
	return strings.HasPrefix(name, "binnacle.")
}

// column is the name of the field for a name of a line.
func column(name string) string {
	if name == event.Message {
		return fieldMessage
	}
	if used(name) {
		return own + name
	}
	return name
}

// encoder lays events out in fields. It is for one goroutine; what encode
// returns is good until it is called again, and as long as the event is as it was.
type encoder struct {
	parser fastjson.Parser
	fields []logstorage.Field
	shape  []byte
	rest   []byte
	texts  arena
	met    [2 * (mostNames + 1)]uint8 // by hash: 1 + the place in names, to find names that stand twice
	names  [][]byte                   // of one object
	batch  common[uint64]
	seen   common[time.Time]
	lines  flat
	orders orders
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// The first fields of an event are those of its stream.
const (
	slotSource = iota
	slotHost
	slots
)

// encode lays out an event; its fields begin with those of its stream. Reason
// says why an event cannot be laid out.
func (c *encoder) encode(e *event.Event) (fields []logstorage.Field, reason string) {
	if c.head(e); !c.flat(e.Line, e.Members.Places) {
		c.head(e)
		if reason = c.tree(e.Line); reason != "" {
			return nil, reason
		}
	}
	return c.done(), ""
}

// done returns the fields of a line that is laid out.
func (c *encoder) done() []logstorage.Field {
	if len(c.rest) > 0 {
		c.fields = append(c.fields, logstorage.Field{Name: event.FieldRest, Value: text(append(c.rest, '}'))})
	}
	if len(c.shape) > 0 {
		c.fields = append(c.fields, logstorage.Field{Name: event.FieldShape, Value: text(c.shape[1:])})
	}
	return c.fields
}

// sorted returns the fields of the event that was laid out in the order of the
// engine, without those that are empty.
func (c *encoder) sorted() []logstorage.Field {
	k := c.lines.is
	if k == nil {
		return c.orders.sort(c.fields)
	}
	if c.lines.laid.all = len(c.fields); k.laid != c.lines.laid {
		k.laid, k.order = c.lines.laid, append(k.order[:0], c.orders.of(c.fields)...)
	}
	return c.orders.put(c.fields, k.order)
}

// head begins with what is not in the line.
func (c *encoder) head(e *event.Event) {
	c.begin()
	c.fields = append(c.fields, logstorage.Field{Name: event.FieldSource, Value: e.Source}, logstorage.Field{Name: event.Host},
		logstorage.Field{Name: event.FieldID, Value: e.ID}, logstorage.Field{Name: event.FieldFormat, Value: e.Format},
		logstorage.Field{Name: event.FieldSeen, Value: c.seen.text(e.Seen, appendTime)}, logstorage.Field{Name: event.FieldRules, Value: c.rules(e.Rules)})
	if e.Batch != 0 {
		c.fields = append(c.fields, logstorage.Field{Name: event.FieldBatch, Value: c.batch.text(e.Batch, appendNumber)})
	}
}

// tree lays out a line by a tree of its values, which any line can be.
func (c *encoder) tree(line []byte) (reason string) {
	v, err := c.parser.ParseBytes(line)
	if err != nil || v.Type() != fastjson.TypeObject {
		return NotJSON
	}
	object := v.GetObject()
	if object.Len() > 2*mostFields {
		return TooManyFields
	}
	c.members(object)
	return ""
}

func (c *encoder) rules(ids []string) string {
	switch len(ids) {
	case 0:
		return ""
	case 1:
		return ids[0]
	}
	return c.texts.keep(func(b []byte) []byte {
		for i, id := range ids {
			if i > 0 {
				b = append(b, ' ')
			}
			b = append(b, id...)
		}
		return b
	})
}

func (c *encoder) begin() {
	if cap(c.shape)+cap(c.rest)+cap(c.texts.buf)+cap(c.lines.buf) > 4<<20 {
		*c = encoder{} // an extraordinary event keeps no memory
	}
	c.fields, c.shape, c.rest = c.fields[:0], c.shape[:0], c.rest[:0]
	c.lines.is = nil
	c.texts.reset()
}

// members lays out the members of the line itself.
func (c *encoder) members(line *fastjson.Object) {
	twice := c.twice(line)
	line.Visit(func(key []byte, v *fastjson.Value) {
		name := text(key)
		switch {
		case len(key) == 0, len(key) > longestName, twice && count(line, name) > 1:
			c.aside(key, v)
			return
		case v.Type() == fastjson.TypeObject:
			if bytes.IndexByte(key, '.') >= 0 || c.hidden(line, name, v.GetObject()) {
				c.json(name, v)
				return
			}
		case bytes.IndexByte(key, '.') >= 0 && within(line, name):
			c.mark(markDotted, name)
		}
		c.value(name, v, 1)
	})
}

// aside keeps a member whose name no field can have.
func (c *encoder) aside(key []byte, v *fastjson.Value) {
	if len(c.rest) == 0 {
		c.rest = append(c.rest, '{')
	} else {
		c.rest = append(c.rest, ',')
	}
	c.rest = append(appendText(c.rest, key), ':')
	c.rest = appendValue(c.rest, v)
}

// hidden reports whether a member of an object has the name that a member of the
// line has with its dots.
func (c *encoder) hidden(line *fastjson.Object, name string, object *fastjson.Object) (is bool) {
	line.Visit(func(key []byte, _ *fastjson.Value) {
		if is || len(key) <= len(name) || key[len(name)] != '.' || string(key[:len(name)]) != name {
			return
		}
		is = object.Get(text(key[len(name)+1:])) != nil || object.Get(strings.Split(text(key[len(name)+1:]), ".")[0]) != nil
	})
	return is
}

// within reports whether the line has an object by the first part of a name.
func within(line *fastjson.Object, name string) bool {
	first, _, _ := strings.Cut(name, ".")
	v := line.Get(first)
	return v != nil && v.Type() == fastjson.TypeObject
}

func count(object *fastjson.Object, name string) (n int) {
	object.Visit(func(key []byte, _ *fastjson.Value) {
		if string(key) == name {
			n++
		}
	})
	return n
}

// twice reports whether a name stands in an object twice; of an object with very
// many names, whether it may.
func (c *encoder) twice(object *fastjson.Object) bool {
	if object.Len() > mostNames {
		return true
	}
	c.names = c.names[:0]
	object.Visit(func(key []byte, _ *fastjson.Value) { c.names = append(c.names, key) })
	return c.repeated()
}

// repeated reports whether one of the names stands there twice. They are no more
// than mostNames.
func (c *encoder) repeated() (is bool) {
	clear(c.met[:])
	for i, name := range c.names {
		at := nameHash(name)
		for ; c.met[at] != 0; at = (at + 1) % uint(len(c.met)) {
			is = is || string(c.names[c.met[at]-1]) == string(name)
		}
		c.met[at] = uint8(i + 1)
	}
	return is
}

// nameHash is a place in encoder.met.
func nameHash(key []byte) uint {
	n := uint(len(key))
	if n == 0 {
		return 0
	}
	return (n*37 ^ uint(key[0])*5 ^ uint(key[n-1])*53 ^ uint(key[n/2])*17 ^ uint(key[n/4])*101) % (2 * (mostNames + 1))
}

// value lays out one value under a name.
func (c *encoder) value(name string, v *fastjson.Value, depth int) {
	switch v.Type() {
	case fastjson.TypeNull:
		c.mark(markNull, name)
	case fastjson.TypeString:
		b, _ := v.StringBytes()
		if len(b) == 0 {
			c.mark(markEmpty, name)
			return
		}
		c.field(name, text(b))
	case fastjson.TypeArray:
		if list, _ := v.Array(); len(list) == 0 {
			c.mark(markNothing, name)
			return
		}
		c.json(name, v)
	case fastjson.TypeObject:
		c.object(name, v, depth)
	default:
		c.field(name, c.texts.keep(func(b []byte) []byte { return v.MarshalTo(b) }))
	}
}

// object gives the members of an object fields of their own, where their names
// can be fields.
func (c *encoder) object(name string, v *fastjson.Value, depth int) {
	object := v.GetObject()
	fits := depth <= deepest && !(c.twice(object) && repeats(object))
	object.Visit(func(key []byte, _ *fastjson.Value) {
		fits = fits && bytes.IndexByte(key, '.') < 0 && len(name)+1+len(key) <= longestName
	})
	if !fits {
		c.json(name, v)
		return
	}
	c.mark(markObject, name)
	object.Visit(func(key []byte, v *fastjson.Value) {
		c.value(c.texts.keep(func(b []byte) []byte { return append(append(append(b, name...), '.'), key...) }), v, depth+1)
	})
}

func repeats(object *fastjson.Object) (is bool) {
	seen := map[string]bool{}
	object.Visit(func(key []byte, _ *fastjson.Value) {
		is = is || seen[string(key)]
		seen[string(key)] = true
	})
	return is
}

// json keeps a value as its JSON.
func (c *encoder) json(name string, v *fastjson.Value) {
	c.mark(markJSON, name)
	c.field(name, c.texts.keep(func(b []byte) []byte { return appendValue(b, v) }))
}

func (c *encoder) field(name, value string) { c.put(name, column(name), value) }

// put gives a member the field of a column.
func (c *encoder) put(name, column, value string) {
	if name == event.Host {
		c.fields[slotHost].Value = value
		return
	}
	c.fields = append(c.fields, logstorage.Field{Name: column, Value: value})
}

func (c *encoder) mark(kind byte, name string) {
	c.shape = append(c.shape, ' ', kind)
	if plainName(name) {
		c.shape = append(c.shape, name...)
	} else {
		c.shape = strconv.AppendQuote(c.shape, name)
	}
}

// silent says that an event has no message, where the engine insists on one.
func (c *encoder) silent(fields []logstorage.Field) []logstorage.Field {
	for _, f := range fields {
		if f.Name == fieldMessage {
			return fields
		}
	}
	c.fields = append(c.fields, logstorage.Field{Name: fieldMessage, Value: "-"})
	for i := range c.fields {
		if f := &c.fields[i]; f.Name == event.FieldShape {
			f.Value += " " + string(markSilent)
			return c.fields
		}
	}
	c.fields = append(c.fields, logstorage.Field{Name: event.FieldShape, Value: string(markSilent)})
	return c.fields
}

func plainName(name string) bool {
	for i := 0; i < len(name); i++ {
		if b := name[i]; b <= ' ' || b == '"' || b == '`' || b >= 0x7f {
			return false
		}
	}
	return true
}

// text is bytes as a text, which is good as long as they do not change.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// arena holds the texts of one event.
type arena struct{ buf []byte }

func (a *arena) reset() { a.buf = a.buf[:0] }

// keep returns what write appends.
func (a *arena) keep(write func([]byte) []byte) string {
	from := len(a.buf)
	a.buf = write(a.buf)
	return text(a.buf[from:])
}

// common is what most events of a batch have in common, written once.
type common[T comparable] struct {
	of      T
	written []byte
}

func (s *common[T]) text(of T, write func([]byte, T) []byte) string {
	if of != s.of || s.written == nil {
		s.of, s.written = of, write(s.written[:0], of)
	}
	return text(s.written)
}

func appendNumber(b []byte, n uint64) []byte { return strconv.AppendUint(b, n, 10) }

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return t.UTC().AppendFormat(b, wholeNanos)
}

// wholeNanos is RFC 3339 with all nine digits: texts of it compare as the times
// do, which the engine relies on when it looks for a range of them.
const wholeNanos = "2006-01-02T15:04:05.000000000Z07:00"

// appendValue appends a value as JSON. The parser's own way escapes some texts
// as Go does, which JSON does not know.
func appendValue(b []byte, v *fastjson.Value) []byte {
	switch v.Type() {
	case fastjson.TypeString:
		s, _ := v.StringBytes()
		return appendText(b, s)
	case fastjson.TypeArray:
		list, _ := v.Array()
		b = append(b, '[')
		for i, v := range list {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, v)
		}
		return append(b, ']')
	case fastjson.TypeObject:
		b = append(b, '{')
		first := true
		v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(appendText(b, key), ':')
			b = appendValue(b, v)
		})
		return append(b, '}')
	}
	return v.MarshalTo(b)
}

// appendText appends a text as JSON. Bytes that are no UTF-8 stay as they are.
func appendText[T ~string | ~[]byte](b []byte, s T) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		ch := s[i]
		if ch >= ' ' && ch != '"' && ch != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch ch {
		case '"', '\\':
			b = append(b, '\\', ch)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[ch>>4], hex[ch&15])
		}
	}
	return append(append(b, s[from:]...), '"')
}
