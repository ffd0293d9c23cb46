package sigma

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/sigma/internal/literal"
)

// Finding is a field of an event that a rule asks for, and the text there that
// is as the rule says.
type Finding struct {
	Search string
	Field  string // as the event calls it; of keywords, where the text stands
	Text   string
}

// Findings are what the rule of a match found: of the searches that its
// condition asks for, not of those that it excludes. The match is given by its
// index in what the last call of Match returned. This is worked out anew, at a
// cost that only matches have to bear.
func (s *Scanner) Findings(match int) []Finding {
	f := &s.finder
	if f.event == nil && !f.read(s.line) {
		return nil // the line was changed
	}
	f.engine, f.ev = s.last, &s.event
	f.wanted, f.found = f.wanted[:0], nil
	clear(f.seen)
	rule := s.as[match].rule
	f.names = s.as[match].names
	for _, c := range rule.Detection.Conditions {
		f.asked(c.Expr, false)
	}
	for _, search := range rule.Detection.Searches {
		if slices.Contains(f.wanted, Ref(search.Name)) {
			f.search = search.Name
			wantedOf(search.Body, f.item)
		}
	}
	return f.found
}

// finder works out what a rule found. It keeps its memory, and an event that it
// has read until the next.
type finder struct {
	engine *Engine // of the rule
	ev     *event  // for its buffers
	parser fastjson.Parser
	event  *fastjson.Value // nil: not read yet
	size   int             // of the event's line

	names  map[string]string // of the rule's fields
	wanted []Ref
	search string
	found  []Finding
	seen   map[Finding]bool
	path   []byte
	text   string // the last that was folded
	folded []byte
	needle []byte
}

// read reads an event.
func (f *finder) read(line []byte) bool {
	event, err := f.parser.ParseBytes(line)
	if err != nil {
		return false
	}
	f.event, f.size = event, len(line)
	f.text, f.folded = "", f.folded[:0]
	return true
}

// forget lets go of the last event, and of the memory that an extraordinary one
// took.
func (f *finder) forget() {
	if f.size > mostRead {
		*f = finder{}
	}
	f.event = nil
}

// mostRead is of how long a line the memory is kept; that of a tree is many times
// as much.
const mostRead = mostKept / 16

// asked notes the searches that an expression wants to hold.
func (f *finder) asked(e Expr, not bool) {
	switch e := e.(type) {
	case And:
		for _, part := range e {
			f.asked(part, not)
		}
	case Or:
		for _, part := range e {
			f.asked(part, not)
		}
	case Not:
		f.asked(e.Of, !not)
	case Ref:
		if !not {
			f.wanted = append(f.wanted, e)
		}
	}
}

// wantedOf calls f with the items of a search that want something to be there.
func wantedOf(n Node, f func(*Item)) {
	switch n := n.(type) {
	case *Group:
		for _, child := range n.Nodes {
			wantedOf(child, f)
		}
	case *Item:
		if !n.Not {
			f(n)
		}
	}
}

func (f *finder) item(item *Item) {
	if item.Field == "" {
		f.texts(f.event, f.path[:0], func(path []byte, text string) {
			if f.met(item, text) {
				f.add(string(path), text)
			}
		})
		return
	}
	field := called(item.Field, f.names)
	fieldTexts(f.event, field, func(text string) {
		if f.met(item, text) {
			f.add(field, text)
		}
	})
}

// met reports whether a text is as one of the values of an item says.
func (f *finder) met(item *Item, text string) bool {
	for _, v := range item.Values {
		if f.meets(v, text) {
			return true
		}
	}
	return false
}

// add notes a finding, whose text is of the event that was read.
func (f *finder) add(field, text string) {
	found := Finding{f.search, field, text}
	if f.seen[found] {
		return
	}
	found.Text = strings.Clone(text)
	if f.seen == nil {
		f.seen = map[Finding]bool{}
	}
	f.seen[found] = true
	f.found = append(f.found, found)
}

// fieldTexts hands out the texts of a field of an event.
func fieldTexts(event *fastjson.Value, name string, see func(text string)) {
	if v := event.Get(name); v != nil {
		members(v, see)
		return
	}
	if strings.Contains(name, ".") {
		descend(event, strings.Split(name, "."), see)
	}
}

func descend(v *fastjson.Value, path []string, see func(text string)) {
	if len(path) == 0 {
		members(v, see)
		return
	}
	switch v.Type() {
	case fastjson.TypeObject:
		if next := v.Get(path[0]); next != nil {
			descend(next, path[1:], see)
		}
	case fastjson.TypeArray:
		for _, one := range v.GetArray() {
			descend(one, path, see)
		}
	}
}

// members hands out the text of a value, or of those of a list.
func members(v *fastjson.Value, see func(text string)) {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, one := range v.GetArray() {
			members(one, see)
		}
	case fastjson.TypeObject, fastjson.TypeNull:
	default:
		see(textOf(v))
	}
}

// textOf is a text as it is compared, good until another event is read.
func textOf(v *fastjson.Value) string {
	if v.Type() == fastjson.TypeString {
		text := v.GetStringBytes()
		return unsafe.String(unsafe.SliceData(text), len(text))
	}
	return string(v.MarshalTo(nil))
}

// texts hands out every text of an event and where it stands.
func (f *finder) texts(v *fastjson.Value, path []byte, see func(path []byte, text string)) {
	object := v.GetObject()
	if object == nil {
		members(v, func(text string) { see(path, text) })
		for _, one := range v.GetArray() {
			if one.Type() == fastjson.TypeObject || one.Type() == fastjson.TypeArray {
				f.texts(one, path, see)
			}
		}
		return
	}
	object.Visit(func(key []byte, v *fastjson.Value) {
		inner := append(append(path, '.'), key...)
		if cap(inner) > cap(f.path) {
			f.path = inner
		}
		f.texts(v, bytes.TrimPrefix(inner, []byte(".")), see)
	})
}

// meets reports whether a text is as a value says.
func (f *finder) meets(v Value, text string) bool {
	switch v := v.(type) {
	case Any:
		for _, one := range v {
			if f.meets(one, text) {
				return true
			}
		}
		return false
	case Regex:
		x := f.engine.expressions[v]
		return x != nil && x.holds(text, f.ev)
	case FieldRef:
		v.Field = called(v.Field, f.names)
		return refers(f.ev, f.event, v, text)
	case String:
		return f.reads(v, text)
	}
	return simple(v, text)
}

// simple reports whether a text is as a value says that needs nothing but the text.
func simple(v Value, text string) bool {
	switch v := v.(type) {
	case Number:
		number, ok := ParseNumber(text)
		return ok && number == v.Value
	case Bool:
		return strings.EqualFold(text, strconv.FormatBool(bool(v)))
	case Exists:
		return bool(v)
	case checker:
		return v.holds(text, nil)
	}
	return false
}

// reads reports whether a text is as a text with wildcards says. Mostly the literal
// that it needs decides, which is known sooner.
func (f *finder) reads(v String, text string) bool {
	if f.text != text {
		f.text, f.folded = text, literal.Fold(f.folded[:0], unsafe.Slice(unsafe.StringData(text), len(text)))
	}
	n, sure := outline(v)
	f.needle = literal.Fold(f.needle[:0], unsafe.Slice(unsafe.StringData(n.text), len(n.text)))
	if !sure || !utf8.Valid(f.needle) {
		return bytes.Contains(f.folded, f.needle) && v.holds(text, nil)
	}
	return stands(n.kind, f.folded, f.needle)
}

// refers reports whether a text is as another field of an event says. It takes the
// buffers of ev.
func refers(ev *event, event *fastjson.Value, v FieldRef, text string) (met bool) {
	fieldTexts(event, v.Field, func(other string) {
		mine, theirs := ev.form(&ev.mine, text, v.Cased), ev.form(&ev.theirs, other, v.Cased)
		met = met || (reference{FieldRef: v}).stands(mine, theirs)
	})
	return met
}
