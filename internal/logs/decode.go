package logs

import (
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
)

// Event returns the event that a row is. Rows that pipes made are events of the
// fields they have.
func Event(r Row) event.Event {
	e := event.Event{Time: r.Time}
	var shape, rest string
	for _, f := range r.Fields {
		switch f.Name {
		case event.FieldID:
			e.ID = f.Value
		case event.FieldSeen:
			e.Seen, _ = time.Parse(time.RFC3339Nano, f.Value)
		case event.FieldSource:
			e.Source = f.Value
		case event.FieldFormat:
			e.Format = f.Value
		case event.FieldRules:
			e.Rules = strings.Fields(f.Value)
		case event.FieldBatch:
			e.Batch, _ = strconv.ParseUint(f.Value, 10, 64)
		case event.FieldShape:
			shape = f.Value
		case event.FieldRest:
			rest = f.Value
		}
	}
	e.Line = line(r.Fields, shape, rest)
	return e
}

// line puts a line together again. Its members are in another order than they
// were, and numbers and truth values are texts.
func line(fields []Field, shape, rest string) []byte {
	t := tree{objects: map[string]*node{"": {}}}
	t.read(shape)
	size := 0
	for _, f := range fields {
		name, is := t.member(f.Name)
		if !is {
			continue
		}
		size += len(name) + len(f.Value) + 8
		t.put(name, f.Value, t.json[name])
	}
	b := t.objects[""].append(make([]byte, 0, size+len(rest)+len(shape)))
	if len(rest) > 2 && rest[0] == '{' {
		if len(b) == 2 {
			return []byte(rest)
		}
		b = append(append(b[:len(b)-1], ','), rest[1:]...)
	}
	return b
}

// tree is a line that is put together.
type tree struct {
	objects map[string]*node // by their paths; "" is the line
	json    map[string]bool
	dotted  map[string]bool
	silent  bool
}

// node is a member: a text, JSON, or an object of members.
type node struct {
	name, value string
	json        bool
	members     []*node
}

// read reads the marks of a shape.
func (t *tree) read(shape string) {
	var bare []struct{ name, json string }
	for shape != "" {
		kind := shape[0]
		name := ""
		name, shape = markName(shape[1:])
		switch kind {
		case markObject:
			t.objects[name] = &node{}
			t.attach(name, t.objects[name])
		case markJSON:
			t.json = with(t.json, name)
		case markDotted:
			t.dotted = with(t.dotted, name)
		case markSilent:
			t.silent = true
		case markNull:
			bare = append(bare, struct{ name, json string }{name, "null"})
		case markEmpty:
			bare = append(bare, struct{ name, json string }{name, `""`})
		case markNothing:
			bare = append(bare, struct{ name, json string }{name, "[]"})
		}
	}
	for _, b := range bare {
		t.put(b.name, b.json, true)
	}
}

func with(m map[string]bool, name string) map[string]bool {
	if m == nil {
		m = map[string]bool{}
	}
	m[name] = true
	return m
}

// markName reads the name of a mark, and what comes after it.
func markName(s string) (name, rest string) {
	if strings.HasPrefix(s, `"`) {
		if quoted, err := strconv.QuotedPrefix(s); err == nil {
			name, _ = strconv.Unquote(quoted)
			return name, strings.TrimPrefix(s[len(quoted):], " ")
		}
	}
	name, rest, _ = strings.Cut(s, " ")
	return name, rest
}

// member is the name that a field has in the line; some fields are none of it.
func (t *tree) member(field string) (name string, is bool) {
	switch {
	case field == fieldMessage:
		return event.Message, !t.silent
	case strings.HasPrefix(field, own):
		return field[len(own):], true
	}
	return field, !used(field)
}

func (t *tree) put(name, value string, json bool) { t.attach(name, &node{value: value, json: json}) }

// attach puts a member where its name says.
func (t *tree) attach(name string, n *node) {
	n.name = name
	parent := t.objects[""]
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 && !t.dotted[name] {
		if object := t.objects[name[:dot]]; object != nil && name[:dot] != "" {
			parent, n.name = object, name[dot+1:]
		}
	}
	parent.members = append(parent.members, n)
}

// append appends the JSON of an object.
func (n *node) append(b []byte) []byte {
	b = append(b, '{')
	for i, m := range n.members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, m.name), ':')
		switch {
		case m.json:
			b = append(b, m.value...)
		case m.value == "":
			b = m.append(b)
		default:
			b = appendText(b, m.value)
		}
	}
	return append(b, '}')
}
