package sigma

import "encoding/binary"

// logic is what a rule asks for, with its negations at the leaves.
type logic struct {
	op   op
	not  bool
	arg  uint32
	kids []logic
}

type op uint32

const (
	opAnd     op = iota // all that follow, for as many words as the argument says
	opOr                // one of them
	opShared            // the code elsewhere
	opHas               // a predicate that its literal decides
	opCheck             // a predicate that is checked
	opPresent           // a field that is there
	opNull              // a field that is null or not there
	opRun               // one of several predicates that are numbered in a row
	opChecks            // the same of predicates that are checked
)

const (
	opShift = 28
	notBit  = 1 << 27
	argMask = notBit - 1

	// The argument of a run is its first predicate and how many there are.
	runShift = 8
	runMask  = 1<<runShift - 1
)

func (l logic) word() uint32 {
	w := uint32(l.op)<<opShift | l.arg
	if l.not {
		w |= notBit
	}
	return w
}

// joined is logic over several parts. Parts of the same kind become one.
func joined(op op, kids []logic) logic {
	if len(kids) == 1 {
		return kids[0]
	}
	l := logic{op: op}
	for _, k := range kids {
		if k.op == op {
			l.kids = append(l.kids, k.kids...)
			continue
		}
		l.kids = append(l.kids, k)
	}
	return l
}

// negated is the opposite.
func (l logic) negated() logic {
	if l.op > opOr {
		l.not = !l.not
		return l
	}
	n := logic{op: opAnd + opOr - l.op}
	for _, k := range l.kids {
		n.kids = append(n.kids, k.negated())
	}
	return n
}

// sharedSize is from how many words on a part of a rule is worth sharing.
const sharedSize = 4

// coder writes logic as words, a part that is alike in many rules only once.
type coder struct {
	words  []uint32 // of shared parts
	shared map[string]uint32
	rules  []uint32 // words of rules
	starts []uint32 // of each rule
}

// add writes a rule, as what must hold of it up to the next.
func (c *coder) add(l logic) {
	c.starts = append(c.starts, uint32(len(c.rules)))
	words := c.encode(l)
	if words[0] == (logic{op: opAnd, arg: uint32(len(words) - 1)}).word() {
		words = words[1:]
	}
	c.rules = append(c.rules, words...)
}

// code is all that was written, and where each rule starts and the last ends.
func (c *coder) code() (code, starts []uint32) {
	shared := uint32(len(c.words))
	for _, start := range append(c.starts, uint32(len(c.rules))) {
		starts = append(starts, start+shared)
	}
	return exact(append(c.words, c.rules...)), exact(starts)
}

func (c *coder) encode(l logic) []uint32 {
	if l.op > opOr {
		return []uint32{l.word()}
	}
	words := []uint32{0}
	for kids := l.kids; len(kids) > 0; {
		if n := run(l.op, kids); n > 1 {
			run := logic{op: opRun, not: kids[0].not, arg: kids[0].arg<<runShift | uint32(n)}
			if kids[0].op == opCheck {
				run.op = opChecks
			}
			words, kids = append(words, run.word()), kids[n:]
			continue
		}
		words, kids = append(words, c.part(kids[0])...), kids[1:]
	}
	if len(words) == 2 {
		return words[1:]
	}
	words[0] = logic{op: l.op, arg: uint32(len(words) - 1)}.word()
	return words
}

// run is how many parts at the start of a group are predicates that are numbered in
// a row, as the values of one item mostly are: one of them, or none of them.
func run(op op, kids []logic) int {
	first := kids[0]
	if first.op != opHas && first.op != opCheck || first.not != (op == opAnd) || first.arg > argMask>>runShift {
		return 1
	}
	n := 1
	for n < len(kids) && n < runMask && kids[n].op == first.op && kids[n].not == first.not && kids[n].arg == first.arg+uint32(n) {
		n++
	}
	return n
}

func (c *coder) part(l logic) []uint32 {
	words := c.encode(l)
	if len(words) < sharedSize {
		return words
	}
	key := keyOf(words)
	at, ok := c.shared[key]
	if !ok {
		at = uint32(len(c.words))
		c.shared[key] = at
		c.words = append(c.words, words...)
	}
	return []uint32{uint32(opShared)<<opShift | at}
}

// keyOf are words as a key.
func keyOf(words []uint32) string {
	key := make([]byte, 0, 4*len(words))
	for _, w := range words {
		key = binary.LittleEndian.AppendUint32(key, w)
	}
	return string(key)
}

// holds runs the code at a place.
func (ev *event) holds(at uint32) bool {
	word := ev.engine.code[at]
	arg, not := word&argMask, word&notBit != 0
	switch op(word >> opShift) {
	case opAnd:
		return ev.all(at+1, at+1+arg)
	case opOr:
		return ev.one(at+1, at+1+arg)
	case opShared:
		return ev.holds(arg)
	case opHas:
		return ev.found.Has(arg) != not
	case opCheck:
		return ev.check(arg) != not
	case opPresent:
		return ev.present(arg) != not
	case opRun:
		return ev.found.HasOne(arg>>runShift, arg&runMask) != not
	case opChecks:
		return ev.checkOne(arg>>runShift, arg&runMask) != not
	}
	return ev.isNull(arg) != not
}

func (ev *event) all(at, end uint32) bool {
	for ; at < end; at = ev.after(at) {
		if !ev.holds(at) {
			return false
		}
	}
	return true
}

func (ev *event) one(at, end uint32) bool {
	for ; at < end; at = ev.after(at) {
		if ev.holds(at) {
			return true
		}
	}
	return false
}

// after is where the code after a part begins.
func (ev *event) after(at uint32) uint32 {
	word := ev.engine.code[at]
	if op(word>>opShift) <= opOr {
		return at + 1 + word&argMask
	}
	return at + 1
}
