package sigma

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/binnaclehq/binnacle/sigma/internal/literal"
	"github.com/valyala/fastjson"
)

// Scanner runs events through an Engine or a Router. It is for one goroutine at
// a time and keeps its memory from one event to the next.
type Scanner struct {
	engine  *Engine
	router  *Router           // or
	classes map[string]*class // of the router, by the texts of its fields
	key     []byte
	routing []member // members of the event that routes ask for
	parser  fastjson.Parser
	event   event
	matches []*Rule
	as      []*Rule         // the rules as they were matched, with the names of their routes
	value   *fastjson.Value // the last event
}

// Scanner makes a Scanner.
func (e *Engine) Scanner() *Scanner {
	s := &Scanner{engine: e}
	s.event.init()
	return s
}

// Match returns the rules that an event in JSON matches, in the order they
// were given. The slice is good until the next call. A line that is no JSON object
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
	s.matches, s.as, s.value = s.matches[:0], s.as[:0], v
	ev := &s.event
	if s.router == nil {
		ev.collect(s.engine.names, v)
		for _, rule := range ev.run(s.engine, nil, v, line) {
			s.matches = append(s.matches, s.engine.rules[rule])
		}
		s.as = append(s.as, s.matches...)
		return s.matches
	}
	ev.collect(s.router.names, v)
	c := s.class()
	last := -1 // routes of one rule stand beside each other
	for _, matched := range ev.run(c.engine, c.local, v, line) {
		if rule := c.rules[matched]; rule != last {
			s.matches = append(s.matches, s.router.rules[rule])
			s.as = append(s.as, c.engine.rules[matched])
			last = rule
		}
	}
	return s.matches
}

// errNotObject is what is said of other JSON.
var errNotObject = errors.New("the event is no JSON object")

const (
	// keepBuffer bounds the line after which a parser is not kept: its memory
	// would be that of the biggest event ever seen.
	keepBuffer = 1 << 20
	// longLine is from where on the words of a line are looked at before it is
	// parsed. About a wrong one fastjson writes the rest of the line into the
	// error, once for each level of nesting.
	longLine = 1 << 14
)

func parse(p *fastjson.Parser, line []byte) (*fastjson.Value, error) {
	if len(line) > longLine && !knownWords(line) {
		return nil, errors.New("the event is no JSON: a word in it is not true, false or null")
	}
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

// knownWords reports whether every word outside the strings of a line is one
// of JSON.
func knownWords(line []byte) bool {
	for i := 0; i < len(line); i++ {
		switch rest := line[i:]; rest[0] {
		case '"':
			i += stringEnd(rest)
		case 't', 'f', 'n':
			word := firstOf(rest, "true", "false", "null")
			if word == "" {
				return false
			}
			i += len(word) - 1
		}
	}
	return true
}

func firstOf(text []byte, words ...string) string {
	for _, w := range words {
		if bytes.HasPrefix(text, []byte(w)) {
			return w
		}
	}
	return ""
}

// stringEnd is where the string ends that a text begins with, its last byte
// when it does not.
func stringEnd(text []byte) int {
	for end := 1; ; end++ {
		next := bytes.IndexByte(text[end:], '"')
		if next < 0 {
			return len(text) - 1
		}
		end += next
		slashes := 0
		for text[end-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end
		}
	}
}

// event is what is known of one event, by the numbers of its Engine. All of it
// is reused: a number is of this event when its stamp is.
type event struct {
	engine     *Engine
	now        uint32
	members    []member // of the event, those that any rule asks for
	deeper     []nested
	whole      []uint32 // by member's field: the event has it by its whole name
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
	names        *names
	// These are functions of the event, made once since each making allocates.
	visit, below, everything func(key []byte, v *fastjson.Value)
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
	ev.visit, ev.below = ev.named, ev.inner
	ev.everything = func(_ []byte, v *fastjson.Value) { ev.value(0, v) }
}

// begin forgets the last event.
func (ev *event) begin() {
	ev.now++
	if ev.now == 0 {
		*ev = event{found: ev.found, now: 1}
		ev.init()
	}
	clear(ev.deeper)
	ev.members, ev.deeper, ev.path = ev.members[:0], ev.deeper[:0], ev.path[:0]
	ev.values, ev.numbers = ev.values[:0], ev.numbers[:0]
	ev.candidates, ev.matched = ev.candidates[:0], ev.matched[:0]
}

// use makes room for the numbers of an engine.
func (ev *event) use(e *Engine) {
	ev.engine = e
	ev.found.Next(len(e.witness))
	ev.seen, ev.null = sized(ev.seen, len(e.fields)), sized(ev.null, len(e.fields))
	ev.heads, ev.checked = sized(ev.heads, len(e.fields)), sized(ev.checked, len(e.checks))
	ev.stamps = sized(ev.stamps, len(e.rules))
	if e.keywords {
		ev.there(0)
	}
}

func sized[T any](s []T, n int) []T {
	if len(s) >= n {
		return s
	}
	return append(s, make([]T, n-len(s))...)
}

// collect finds the members of an event that rules ask for.
func (ev *event) collect(n *names, v *fastjson.Value) {
	ev.begin()
	ev.names = n
	ev.whole = sized(ev.whole, n.count)
	v.GetObject().Visit(ev.visit)
	if len(ev.deeper) > 0 {
		ev.follow()
	}
}

// run returns the numbers of the rules that match, in their order. Local is
// the number that the engine has for each field that was collected, -1 for
// none; nil when the numbers are its own.
func (ev *event) run(e *Engine, local []int32, v *fastjson.Value, line []byte) []uint32 {
	ev.use(e)
	for _, m := range ev.members {
		id := m.field
		if local != nil {
			id = local[id]
		}
		if id >= 0 {
			ev.value(uint32(id), m.of)
		}
	}
	if e.keywords && (line == nil || e.filter == nil || e.filter.MayHold(line)) {
		v.GetObject().Visit(ev.everything)
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

// member is what an event has in a field.
type member struct {
	field int32
	of    *fastjson.Value
}

// named takes in a member of the event. What it holds is left for later when
// rules ask for something within it.
func (ev *event) named(key []byte, v *fastjson.Value) {
	slot := ev.names.get(key)
	if slot.field >= 0 {
		ev.whole[slot.field] = ev.now
		ev.members = append(ev.members, member{slot.field, v})
	}
	if slot.deeper && !slot.dotted {
		ev.deeper = append(ev.deeper, nested{slot.name, v})
	}
}

// nested is a member of the event that paths lead into.
type nested struct {
	name string
	of   *fastjson.Value
}

// follow takes in what paths lead to. A field that the event has by its whole
// name is not looked for as a path.
func (ev *event) follow() {
	for _, n := range ev.deeper {
		ev.path = append(ev.path[:0], n.name...)
		ev.into(n.of)
	}
}

// into takes in the members of an object, or of the objects of a list, whose
// path is ev.path.
func (ev *event) into(v *fastjson.Value) {
	switch v.Type() {
	case fastjson.TypeObject:
		v.GetObject().Visit(ev.below)
	case fastjson.TypeArray:
		for _, one := range v.GetArray() {
			ev.into(one)
		}
	}
}

func (ev *event) inner(key []byte, v *fastjson.Value) {
	if bytes.IndexByte(key, '.') >= 0 {
		return
	}
	depth := len(ev.path)
	ev.path = append(append(ev.path, '.'), key...)
	slot := ev.names.get(ev.path)
	if slot.field >= 0 && ev.whole[slot.field] != ev.now {
		ev.members = append(ev.members, member{slot.field, v})
	}
	if slot.deeper {
		ev.into(v)
	}
	ev.path = ev.path[:depth]
}

// value takes in a value of a field, or each of a list.
func (ev *event) value(id uint32, v *fastjson.Value) {
	ev.there(id)
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

// there notes that a field is there.
func (ev *event) there(id uint32) {
	if ev.seen[id] == ev.now {
		return
	}
	ev.seen[id] = ev.now
	if present := ev.engine.fields[id].present; present != none {
		ev.found.Add(present)
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
