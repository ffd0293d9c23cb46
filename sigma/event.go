package sigma

import (
	"bytes"
	"slices"
	"unsafe"

	"github.com/binnaclehq/binnacle/sigma/internal/literal"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

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
	ran        []ran
	candidates []uint32
	stamps     []uint32 // by rule: it is a candidate
	matched    []uint32

	folded       []byte
	plain        []byte // texts that had escapes
	mine, theirs []byte
	path, key    []byte
	names        *names
}

type head struct {
	stamp uint32
	first int32
}

// fieldValue is one text of a field. The text is of the line or of ev.plain.
type fieldValue struct {
	text string
	next int32
}

type verdict struct {
	stamp uint32
	holds bool
}

// begin forgets the last event.
func (ev *event) begin() {
	ev.now++
	if ev.now == 0 {
		*ev = event{found: ev.found, now: 1}
	}
	clear(ev.deeper)
	clear(ev.ran)
	ev.members, ev.deeper, ev.path = ev.members[:0], ev.deeper[:0], ev.path[:0]
	ev.values, ev.plain = ev.values[:0], ev.plain[:0]
	ev.candidates, ev.matched, ev.ran = ev.candidates[:0], ev.matched[:0], ev.ran[:0]
}

// use makes room for the numbers of an engine.
func (ev *event) use(e *Engine) {
	ev.engine = e
	ev.found.Next(len(e.witness.of), e.texts)
	ev.seen, ev.null = sized(ev.seen, len(e.fields)), sized(ev.null, len(e.fields))
	ev.heads, ev.checked = sized(ev.heads, len(e.fields)), sized(ev.checked, len(e.checks))
	ev.stamps = sized(ev.stamps, len(e.starts))
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

// collect goes through an event and finds the members that rules ask for.
// Members is what is known of them.
func (ev *event) collect(n *names, line []byte, members jsonline.Members) error {
	ev.begin()
	ev.names = n
	ev.whole = sized(ev.whole, n.count)
	if len(members.Places) > 0 {
		for _, p := range members.Places {
			key := p.Key(line)
			if !members.Plain {
				key = ev.unescaped(key)
			}
			ev.named(key, p.Value(line))
		}
		ev.follow()
		return nil
	}
	c, err := jsonline.Open(line)
	if err != nil {
		return err
	}
	for {
		key, v, ok := c.Next()
		if !ok {
			break
		}
		ev.named(ev.unescaped(key), v)
	}
	if err := c.Err(); err != nil {
		return err
	}
	ev.follow()
	return nil
}

// unescaped is a key as it is meant, good until the next.
func (ev *event) unescaped(key []byte) []byte {
	if !jsonline.Escaped(key) {
		return key
	}
	ev.key = jsonline.Unescape(ev.key[:0], key)
	return ev.key
}

// run returns the numbers of the rules that match, in their order. Local is
// the number that the engine has for each field that was collected, -1 for
// none; nil when the numbers are its own.
func (ev *event) run(e *Engine, local []int32, line []byte, members jsonline.Members) []uint32 {
	ev.use(e)
	for _, m := range ev.members {
		id := m.field
		if local != nil {
			id = local[id]
		}
		if id >= 0 {
			ev.value(uint32(id), m.value)
		}
	}
	if e.keywords && (e.filter == nil || e.filter.MayHold(line, members.Plain)) {
		ev.value(0, bytes.TrimSpace(line))
	}
	for _, id := range ev.found.IDs {
		switch w := e.witness.of[id]; {
		case w == none:
		case w&manyRules == 0:
			ev.candidate(w)
		default:
			for _, rule := range e.witness.list(w) {
				ev.candidate(rule)
			}
		}
	}
	ev.evaluate(e.always)
	ev.evaluate(ev.candidates)
	slices.Sort(ev.matched)
	ev.trim()
	return ev.matched
}

func (ev *event) candidate(rule uint32) {
	if ev.stamps[rule] != ev.now {
		ev.stamps[rule] = ev.now
		ev.candidates = append(ev.candidates, rule)
	}
}

func (ev *event) evaluate(rules []uint32) {
	for _, rule := range rules {
		if ev.all(ev.engine.starts[rule], ev.engine.starts[rule+1]) {
			ev.matched = append(ev.matched, rule)
		}
	}
}

// mostKept is how much of a buffer is kept for the next event.
const mostKept = 1 << 20

// trim lets go of the memory that an extraordinary event took.
func (ev *event) trim() {
	if cap(ev.plain) > mostKept {
		ev.plain = nil
	}
	if cap(ev.folded) > mostKept {
		ev.folded = nil
	}
	if cap(ev.mine)+cap(ev.theirs) > mostKept {
		ev.mine, ev.theirs = nil, nil
	}
	if cap(ev.values) > mostKept/32 {
		ev.values = nil
	}
}

// member is what an event has in a field, as JSON.
type member struct {
	field int32
	value []byte
}

// named takes in a member of the event. What it holds is left for later when
// rules ask for something within it.
func (ev *event) named(key, v []byte) {
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
	name  string
	value []byte
}

// follow takes in what paths lead to. A field that the event has by its whole
// name is not looked for as a path.
func (ev *event) follow() {
	for _, n := range ev.deeper {
		ev.path = append(ev.path[:0], n.name...)
		ev.into(n.value)
	}
}

// into takes in the members of an object, or of the objects of a list, whose
// path is ev.path.
func (ev *event) into(v []byte) {
	c := jsonline.Within(v)
	switch v[0] {
	case '{':
		for key, v, ok := c.Next(); ok; key, v, ok = c.Next() {
			ev.inner(ev.unescaped(key), v)
		}
	case '[':
		for v, ok := c.Element(); ok; v, ok = c.Element() {
			ev.into(v)
		}
	}
}

func (ev *event) inner(key, v []byte) {
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

// value takes in a value of a field, or each of a list. Of field 0 it is all
// that an object holds.
func (ev *event) value(id uint32, v []byte) {
	ev.there(id)
	switch v[0] {
	case '"':
		ev.text(id, ev.meant(v[1:len(v)-1]))
	case 'n':
		ev.null[id] = ev.now
	case '[':
		c := jsonline.Within(v)
		for v, ok := c.Element(); ok; v, ok = c.Element() {
			ev.value(id, v)
		}
	case '{':
		if id != 0 {
			return
		}
		c := jsonline.Within(v)
		for _, v, ok := c.Next(); ok; _, v, ok = c.Next() {
			ev.value(0, v)
		}
	default:
		ev.text(id, v)
	}
}

// meant is the text of a string, good as long as the event.
func (ev *event) meant(written []byte) []byte {
	if bytes.IndexByte(written, '\\') < 0 {
		return written
	}
	from := len(ev.plain)
	ev.plain = jsonline.Unescape(ev.plain, written)
	return ev.plain[from:]
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
	if v := &ev.checked[id]; v.stamp == ev.now {
		return v.holds
	}
	return ev.decide(id)
}

func (ev *event) decide(id uint32) bool {
	v, c := &ev.checked[id], &ev.engine.checks[id]
	*v = verdict{ev.now, false}
	if c.needle != none && !ev.found.Has(c.needle) {
		return false
	}
	for at := ev.first(c.field); at >= 0 && !v.holds; at = ev.values[at].next {
		v.holds = c.checker.holds(ev.values[at].text, ev)
	}
	return v.holds
}

// checkOne is whether one of so many checks in a row holds.
func (ev *event) checkOne(from, count uint32) bool {
	for id := from; id < from+count; id++ {
		if ev.check(id) {
			return true
		}
	}
	return false
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
