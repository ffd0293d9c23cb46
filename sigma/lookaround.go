package sigma

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// lookaround is a regular expression with assertions about what stands before
// or after a place. Each assertion is an expression of its own; where it holds
// is worked out first, for all places of the text, so that the whole takes
// time proportional to the text.
type lookaround struct {
	prog   *syntax.Prog
	looks  []look
	before [][]uint32 // per instruction, those that lead to it without a character
}

// look is one assertion. In the program it stands as an empty group: the one
// of the number group.
type look struct {
	group       int
	behind, not bool
	expr        *lookaround
}

// maxLookDepth bounds assertions in assertions.
const maxLookDepth = 8

// looksAround reports whether an expression may have assertions.
func looksAround(expr string) bool {
	for _, open := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.Contains(expr, open) {
			return true
		}
	}
	return false
}

// compileLook compiles an expression. Assertions become empty named groups.
func compileLook(expr string, flags syntax.Flags, depth int) (*lookaround, error) {
	if depth > maxLookDepth {
		return nil, errors.New("assertions are nested too deeply")
	}
	out := &lookaround{}
	var names []string
	var b strings.Builder
	class := false
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '\\' && i+1 < len(expr):
			b.WriteByte(c)
			i++
			b.WriteByte(expr[i])
			continue
		case class:
			class = c != ']'
		case c == '[':
			class = true
			// A bracket that comes first belongs to the class.
			for _, skip := range []string{"[^]", "[]"} {
				if strings.HasPrefix(expr[i:], skip) {
					b.WriteString(skip[:len(skip)-1] + `\`)
					i += len(skip) - 1
					break
				}
			}
			b.WriteByte(expr[i])
			continue
		case c == '(':
			l, open := lookAt(expr[i:])
			if open == 0 {
				break
			}
			end := closing(expr, i)
			if end < 0 {
				return nil, errors.New("missing closing )")
			}
			inner, err := compileLook(expr[i+open:end], flags, depth+1)
			if err != nil {
				return nil, err
			}
			l.expr = inner
			name := fmt.Sprintf("look_%d", len(out.looks))
			names, out.looks = append(names, name), append(out.looks, l)
			b.WriteString("(?P<" + name + ">)")
			i = end
			continue
		}
		b.WriteByte(expr[i])
	}
	re, err := syntax.Parse(b.String(), flags)
	if err != nil {
		return nil, err
	}
	if repeated(re) > maxRepeated {
		return nil, errRepeated
	}
	for group, name := range re.CapNames() {
		for i, n := range names {
			if n == name {
				out.looks[i].group = group
			}
		}
	}
	if out.prog, err = syntax.Compile(re.Simplify()); err != nil {
		return nil, err
	}
	out.link()
	return out, nil
}

// lookAt is the kind of assertion that a text begins with, and the length of
// its opening, 0 when there is none.
func lookAt(text string) (look, int) {
	for _, l := range []struct {
		open string
		look look
	}{{"(?=", look{}}, {"(?!", look{not: true}}, {"(?<=", look{behind: true}}, {"(?<!", look{behind: true, not: true}}} {
		if strings.HasPrefix(text, l.open) {
			return l.look, len(l.open)
		}
	}
	return look{}, 0
}

// closing finds the bracket that closes the one at i, -1 when there is none.
func closing(expr string, i int) int {
	depth, class := 0, false
	for ; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
			if strings.HasPrefix(expr[i:], "[^]") {
				i += 2
			} else if strings.HasPrefix(expr[i:], "[]") {
				i++
			}
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// link turns the edges that read no character round.
func (l *lookaround) link() {
	l.before = make([][]uint32, len(l.prog.Inst))
	add := func(from int, to uint32) { l.before[to] = append(l.before[to], uint32(from)) }
	for pc, inst := range l.prog.Inst {
		switch inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			add(pc, inst.Out)
			add(pc, inst.Arg)
		case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
			add(pc, inst.Out)
		}
	}
}

func (l *lookaround) match(text string) bool {
	for _, ok := range l.starts(text) {
		if ok {
			return true
		}
	}
	return false
}

// holds works out where each assertion of an expression holds.
func (l *lookaround) holds(text string) map[int][]bool {
	out := map[int][]bool{}
	for _, a := range l.looks {
		var at []bool
		if a.behind {
			at = a.expr.ends(text)
		} else {
			at = a.expr.starts(text)
		}
		if a.not {
			for i := range at {
				at[i] = !at[i]
			}
		}
		out[a.group] = at
	}
	return out
}

// starts says of each place whether a match begins there. It goes from the
// end of the text to its beginning: what can still reach the end of the
// program from a place depends only on the place after it.
func (l *lookaround) starts(text string) []bool {
	out := make([]bool, len(text)+1)
	held := l.holds(text)
	next, here := make([]bool, len(l.prog.Inst)), make([]bool, len(l.prog.Inst))
	after := rune(-1)
	for i := len(text); ; {
		prev, size := utf8.DecodeLastRuneInString(text[:i])
		if size == 0 {
			prev = -1
		}
		l.reach(here, next, i, after, syntax.EmptyOpContext(prev, after), held)
		out[i] = here[l.prog.Start]
		if size == 0 {
			return out
		}
		next, here = here, next
		after = prev
		i -= size
	}
}

// reach fills here: the instructions from which the end can be reached at
// place i, given those of the next place. The rune at i is r.
func (l *lookaround) reach(here, next []bool, i int, r rune, empty syntax.EmptyOp, held map[int][]bool) {
	var todo []uint32
	mark := func(pc uint32) {
		if !here[pc] {
			here[pc] = true
			todo = append(todo, pc)
		}
	}
	for pc := range l.prog.Inst {
		inst := &l.prog.Inst[pc]
		here[pc] = false
		switch inst.Op {
		case syntax.InstMatch:
			mark(uint32(pc))
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if r >= 0 && next[inst.Out] && readsRune(inst, r) {
				mark(uint32(pc))
			}
		}
	}
	for len(todo) > 0 {
		to := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, pc := range l.before[to] {
			if l.passes(pc, i, empty, held) {
				mark(pc)
			}
		}
	}
}

// passes reports whether an instruction that reads no character lets through.
func (l *lookaround) passes(pc uint32, i int, empty syntax.EmptyOp, held map[int][]bool) bool {
	inst := &l.prog.Inst[pc]
	switch inst.Op {
	case syntax.InstEmptyWidth:
		return syntax.EmptyOp(inst.Arg)&^empty == 0
	case syntax.InstCapture:
		at, ok := held[int(inst.Arg)/2]
		return !ok || at[i]
	}
	return true
}

// ends says of each place whether a match that began anywhere ends there.
func (l *lookaround) ends(text string) []bool {
	out := make([]bool, len(text)+1)
	held := l.holds(text)
	here, next := make([]bool, len(l.prog.Inst)), make([]bool, len(l.prog.Inst))
	prev := rune(-1)
	for i := 0; ; {
		r, size := utf8.DecodeRuneInString(text[i:])
		if size == 0 {
			r = -1
		}
		here[l.prog.Start] = true
		out[i] = l.advance(here, next, i, r, syntax.EmptyOpContext(prev, r), held)
		if size == 0 {
			return out
		}
		here, next = next, here
		prev = r
		i += size
	}
}

// advance goes on from the instructions of here over the rune at i, into next,
// and reports whether the end was reached at i.
func (l *lookaround) advance(here, next []bool, i int, r rune, empty syntax.EmptyOp, held map[int][]bool) bool {
	clear(next)
	matched := false
	var todo []uint32
	for pc, on := range here {
		if on {
			todo = append(todo, uint32(pc))
		}
	}
	visit := func(pc uint32) {
		if !here[pc] {
			here[pc] = true
			todo = append(todo, pc)
		}
	}
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		inst := &l.prog.Inst[pc]
		switch inst.Op {
		case syntax.InstMatch:
			matched = true
		case syntax.InstAlt, syntax.InstAltMatch:
			visit(inst.Out)
			visit(inst.Arg)
		case syntax.InstNop, syntax.InstCapture, syntax.InstEmptyWidth:
			if l.passes(pc, i, empty, held) {
				visit(inst.Out)
			}
		case syntax.InstFail:
		default:
			if r >= 0 && readsRune(inst, r) {
				next[inst.Out] = true
			}
		}
	}
	return matched
}

func readsRune(inst *syntax.Inst, r rune) bool {
	switch inst.Op {
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return r != '\n'
	}
	return inst.MatchRune(r)
}
