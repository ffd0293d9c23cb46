package sigma

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/binnaclehq/binnacle/sigma/internal/literal"
)

const (
	maxNeedles = 24 // of one regular expression
	minNeedle  = 3  // shorter ones are met too often to be worth it
)

// expression is a regular expression and what must stand in a text before it
// is worth running: of each list one text, folded.
type expression struct {
	*Matcher
	demands [][]string
}

func newExpression(m *Matcher) *expression {
	x := &expression{Matcher: m}
	if m.Plain == nil {
		return x
	}
	if tree, err := syntax.Parse(m.Plain.String(), syntax.Perl); err == nil {
		x.demands = demands(tree.Simplify(), nil)
	}
	return x
}

func (x *expression) holds(text string, ev *event) bool {
	if len(x.demands) > 0 {
		form := ev.form(&ev.mine, text, false)
		folded := unsafe.String(unsafe.SliceData(form), len(form))
		for _, texts := range x.demands {
			if !slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(folded, t) }) {
				return false
			}
		}
	}
	for _, r := range ev.ran {
		if r.of == x && r.text == text {
			return r.holds
		}
	}
	holds := x.Match(text)
	if len(ev.ran) < mostRan {
		ev.ran = append(ev.ran, ran{x, text, holds})
	}
	return holds
}

// ran is an expression that was run over a text of an event. What a rule found is
// asked for after it matched, and would run it again.
type ran struct {
	of    *expression
	text  string
	holds bool
}

// mostRan is how many of them are remembered of an event.
const mostRan = 16

// needles are the demand that is met most rarely, by its length; nil when none
// is long enough to help.
func (x *expression) needles() []string {
	var best []string
	for _, texts := range x.demands {
		if least := shortest(texts); least >= minNeedle && least > shortest(best) {
			best = texts
		}
	}
	return best
}

func shortest(texts []string) int {
	if len(texts) == 0 {
		return 0
	}
	least := len(texts[0])
	for _, t := range texts {
		least = min(least, len(t))
	}
	return least
}

// demands adds what must stand in all that a tree matches.
func demands(tree *syntax.Regexp, all [][]string) [][]string {
	switch tree.Op {
	case syntax.OpLiteral:
		if slices.Contains(tree.Rune, utf8.RuneError) {
			return all // it also matches bytes that are no UTF-8
		}
		return append(all, []string{literal.FoldString(string(tree.Rune))})
	case syntax.OpCapture, syntax.OpPlus:
		return demands(tree.Sub[0], all)
	case syntax.OpRepeat:
		if tree.Min > 0 {
			return demands(tree.Sub[0], all)
		}
	case syntax.OpConcat:
		for _, sub := range tree.Sub {
			all = demands(sub, all)
		}
	case syntax.OpAlternate:
		if one := alternatives(tree.Sub); one != nil {
			return append(all, one)
		}
	}
	return all
}

// alternatives is the longest demand of each alternative, nil when one of them
// has none.
func alternatives(subs []*syntax.Regexp) []string {
	var one []string
	for _, sub := range subs {
		var best []string
		for _, texts := range demands(sub, nil) {
			if shortest(texts) > shortest(best) {
				best = texts
			}
		}
		if len(best) == 0 || len(one)+len(best) > maxNeedles {
			return nil
		}
		one = append(one, best...)
	}
	return one
}
