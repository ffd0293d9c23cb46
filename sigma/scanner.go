package sigma

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/binnaclehq/binnacle/sigma/internal/literal"
	"github.com/valyala/fastjson"
)

// Scanner runs events through an Engine. It is for one goroutine at a time and
// keeps its memory from one event to the next.
type Scanner struct {
	engine  *Engine
	parser  fastjson.Parser
	event   event
	matches []*Rule
}

// Scanner makes a Scanner.
func (e *Engine) Scanner() *Scanner {
	s := &Scanner{engine: e}
	s.event.init()
	return s
}

// Match returns the rules that an event in JSON matches, in the order of the
// Engine. The slice is good until the next call. A line that is no JSON object
// is an error.
func (s *Scanner) Match(line []byte) ([]*Rule, error) {
	v, err := parse(&s.parser, line)
	if err != nil {
		return nil, err
	}
	return s.MatchValue(v, line), nil
}

// MatchValue is Match for an event that is parsed already. The line it came
// from may be nil; keywords are found faster with it. Its strings may be
// unescaped on the way, as by all functions of fastjson.
func (s *Scanner) MatchValue(v *fastjson.Value, line []byte) []*Rule {
	s.matches = s.matches[:0]
	for _, rule := range s.event.run(s.engine, v, line) {
		s.matches = append(s.matches, s.engine.rules[rule])
	}
	return s.matches
}

// errNotObject is what is said of other JSON.
var errNotObject = errors.New("the event is no JSON object")

// keepBuffer bounds the line after which a parser is not kept: its memory
// would be that of the biggest event ever seen.
const keepBuffer = 1 << 20

func parse(p *fastjson.Parser, line []byte) (*fastjson.Value, error) {
	if len(line) > keepBuffer {
		p = &fastjson.Parser{}
	}
	v, err := p.ParseBytes(line)
	if err != nil {
		return nil, fmt.Errorf("the event is no JSON: %.200s", err.Error())
	}
	if v.Type() != fastjson.TypeObject {
		return nil, errNotObject
	}
	return v, nil
}

// event is what is known of one event, by the numbers of its Engine. All of it
// is reused: a number is of this event when its stamp is.
type event struct {
	engine     *Engine
	now        uint32
	found      literal.Found
	seen       []uint32 // by field: it is there
	null       []uint32 // by field: it is null, or has a null
	heads      []head   // by field: its values
	values     []fieldValue
	checked    []verdict // by check
	candidates []uint32
	stamps     []uint32 // by rule: it is a candidate
	matched    []uint32

	folded       []byte
	numbers      []byte // texts of numbers
	mine, theirs []byte
	path         []byte
	visit        func(key []byte, v *fastjson.Value)
	everything   func(key []byte, v *fastjson.Value)
}

type head struct {
	stamp uint32
	first int32
}

// fieldValue is one text of a field. The text is of the parser.
type fieldValue struct {
	text string
	next int32
}

type verdict struct {
	stamp uint32
	holds bool
}

func (ev *event) init() {
	ev.visit = ev.named
	ev.everything = func(_ []byte, v *fastjson.Value) { ev.value(0, v) }
}

// begin forgets the last event.
func (ev *event) begin(e *Engine) {
	ev.engine = e
	ev.found.Next(len(e.witness))
	ev.now++
	if ev.now == 0 {
		*ev = event{found: ev.found, now: 1}
		ev.init()
		ev.engine = e
	}
	ev.seen, ev.null = sized(ev.seen, len(e.fields)), sized(ev.null, len(e.fields))
	ev.heads, ev.checked = sized(ev.heads, len(e.fields)), sized(ev.checked, len(e.checks))
	ev.stamps = sized(ev.stamps, len(e.rules))
	ev.values, ev.numbers = ev.values[:0], ev.numbers[:0]
	ev.candidates, ev.matched, ev.path = ev.candidates[:0], ev.matched[:0], ev.path[:0]
}

func sized[T any](s []T, n int) []T {
	if len(s) >= n {
		return s
	}
	return append(s, make([]T, n-len(s))...)
}

// run returns the numbers of the rules that match, in their order.
func (ev *event) run(e *Engine, v *fastjson.Value, line []byte) []uint32 {
	ev.begin(e)
	object := v.GetObject()
	object.Visit(ev.visit)
	if e.keywords && (line == nil || e.filter == nil || e.filter.MayHold(line)) {
		object.Visit(ev.everything)
	}
	for _, id := range ev.found.IDs {
		for _, rule := range e.witness[id] {
			if ev.stamps[rule] != ev.now {
				ev.stamps[rule] = ev.now
				ev.candidates = append(ev.candidates, rule)
			}
		}
	}
	ev.evaluate(e.always)
	ev.evaluate(ev.candidates)
	slices.Sort(ev.matched)
	ev.trim()
	return ev.matched
}

func (ev *event) evaluate(rules []uint32) {
	for _, rule := range rules {
		if ev.holds(ev.engine.starts[rule]) {
			ev.matched = append(ev.matched, rule)
		}
	}
}

// trim lets go of the memory that an extraordinary event took.
func (ev *event) trim() {
	const most = 1 << 20
	if cap(ev.folded) > most {
		ev.folded = nil
	}
	if cap(ev.mine)+cap(ev.theirs) > most {
		ev.mine, ev.theirs = nil, nil
	}
	if cap(ev.values) > most/32 {
		ev.values = nil
	}
}

// named takes in a member of an object whose path is ev.path.
func (ev *event) named(key []byte, v *fastjson.Value) {
	depth := len(ev.path)
	if depth > 0 {
		ev.path = append(append(ev.path, '.'), key...)
		key = ev.path
	}
	slot := ev.engine.names.get(key)
	if slot.field >= 0 {
		ev.value(uint32(slot.field), v)
	}
	if slot.deeper {
		ev.path = append(ev.path[:0], key...)
		ev.within(v)
	}
	ev.path = ev.path[:depth]
}

// within takes in the members of an object, or of the objects of a list.
func (ev *event) within(v *fastjson.Value) {
	switch v.Type() {
	case fastjson.TypeObject:
		v.GetObject().Visit(ev.visit)
	case fastjson.TypeArray:
		for _, one := range v.GetArray() {
			ev.within(one)
		}
	}
}

// value takes in a value of a field, or each of a list.
func (ev *event) value(id uint32, v *fastjson.Value) {
	if ev.seen[id] != ev.now {
		ev.seen[id] = ev.now
		if present := ev.engine.fields[id].present; present != none {
			ev.found.Add(present)
		}
	}
	switch v.Type() {
	case fastjson.TypeString:
		text, _ := v.StringBytes()
		ev.text(id, text)
	case fastjson.TypeNumber:
		from := len(ev.numbers)
		ev.numbers = v.MarshalTo(ev.numbers)
		ev.text(id, ev.numbers[from:])
	case fastjson.TypeTrue:
		ev.text(id, trueText)
	case fastjson.TypeFalse:
		ev.text(id, falseText)
	case fastjson.TypeNull:
		ev.null[id] = ev.now
	case fastjson.TypeArray:
		for _, one := range v.GetArray() {
			ev.value(id, one)
		}
	case fastjson.TypeObject:
		if id == 0 {
			v.GetObject().Visit(ev.everything)
		}
	}
}

var trueText, falseText = []byte("true"), []byte("false")

// text finds the predicates of a text.
func (ev *event) text(id uint32, text []byte) {
	f := &ev.engine.fields[id]
	ev.folded = literal.Fold(ev.folded[:0], text)
	f.set.Find(ev.folded, &ev.found)
	if f.numbers != nil {
		if number, ok := numberOf(text); ok {
			for _, predicate := range f.numbers[number] {
				ev.found.Add(predicate)
			}
		}
	}
	if f.keep {
		ev.values = append(ev.values, fieldValue{unsafe.String(unsafe.SliceData(text), len(text)), ev.first(id)})
		ev.heads[id] = head{ev.now, int32(len(ev.values) - 1)}
	}
}

// numberOf is ParseNumber with a short way for counts and ids.
func numberOf(text []byte) (float64, bool) {
	if len(text) == 0 || text[0] > '9' {
		return 0, false
	}
	if len(text) > 15 {
		return ParseNumber(string(text))
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return ParseNumber(string(text))
		}
		n = 10*n + int(c-'0')
	}
	return float64(n), true
}

// first is the index of a value of a field, -1 when there is none.
func (ev *event) first(id uint32) int32 {
	if h := ev.heads[id]; h.stamp == ev.now {
		return h.first
	}
	return -1
}

func (ev *event) present(id uint32) bool { return ev.seen[id] == ev.now }

func (ev *event) isNull(id uint32) bool { return ev.seen[id] != ev.now || ev.null[id] == ev.now }

// check decides a predicate by the values of its field, once for an event.
func (ev *event) check(id uint32) bool {
	v, c := &ev.checked[id], &ev.engine.checks[id]
	if v.stamp == ev.now {
		return v.holds
	}
	*v = verdict{ev.now, false}
	if c.needle != none && !ev.found.Has(c.needle) {
		return false
	}
	for at := ev.first(c.field); at >= 0 && !v.holds; at = ev.values[at].next {
		v.holds = c.checker.holds(ev.values[at].text, ev)
	}
	return v.holds
}

// form is a text as it is compared: as it is, or folded into a buffer.
func (ev *event) form(buffer *[]byte, text string, cased bool) []byte {
	raw := unsafe.Slice(unsafe.StringData(text), len(text))
	if cased {
		return raw
	}
	*buffer = literal.Fold((*buffer)[:0], raw)
	return *buffer
}
