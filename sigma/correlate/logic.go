package correlate

import (
	"slices"

	"github.com/binnaclehq/binnacle/sigma"
)

// logic is a condition over rules with every "not" before a rule.
type logic struct {
	all, any []*logic // of all or any of these
	rule     int      // of a leaf
	not      bool
}

// newLogic resolves the rules of an expression.
func newLogic(e sigma.Expr, not bool, rule func(string) (int, *refusal)) (*logic, *refusal) {
	var parts []sigma.Expr
	isAll := !not
	switch e := e.(type) {
	case sigma.Ref:
		i, err := rule(string(e))
		return &logic{rule: i, not: not}, err
	case sigma.Not:
		return newLogic(e.Of, !not, rule)
	case sigma.And:
		parts = e
	case sigma.Or:
		parts, isAll = e, not
	}
	out := []*logic{}
	for _, part := range parts {
		l, err := newLogic(part, not, rule)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	if isAll {
		return &logic{all: out}, nil
	}
	return &logic{any: out}, nil
}

func (l *logic) isLeaf() bool { return l.all == nil && l.any == nil }

func (l *logic) holds(has func(int) bool) bool {
	switch {
	case l.isLeaf():
		return has(l.rule) != l.not
	case l.any != nil:
		return slices.ContainsFunc(l.any, func(l *logic) bool { return l.holds(has) })
	}
	return !slices.ContainsFunc(l.all, func(l *logic) bool { return !l.holds(has) })
}

// uses reports whether rules occur that must be met, and rules that must not.
func (l *logic) uses() (met, not bool) {
	if l.isLeaf() {
		return !l.not, l.not
	}
	for _, part := range slices.Concat(l.all, l.any) {
		m, n := part.uses()
		met, not = met || m, not || n
	}
	return met, not
}

// way is one way to meet a condition: rules to be met in order, and rules not
// to be met.
type way struct{ order, without []int }

// manyWays is where writing out a condition ends.
const manyWays = 256

var errManyWays = refuse("split it in several correlations", "the condition has more than %d ways to be met in order", manyWays)

// ways writes a condition out as ways, one of which is enough.
func (l *logic) ways() ([]way, *refusal) {
	switch {
	case l.isLeaf() && l.not:
		return []way{{without: []int{l.rule}}}, nil
	case l.isLeaf():
		return []way{{order: []int{l.rule}}}, nil
	case l.any != nil:
		return l.anyWay()
	}
	return l.allWays()
}

func (l *logic) anyWay() ([]way, *refusal) {
	var out []way
	for _, part := range l.any {
		ways, err := part.ways()
		if err != nil {
			return nil, err
		}
		out = append(out, ways...)
	}
	if len(out) > manyWays {
		return nil, errManyWays
	}
	return out, nil
}

func (l *logic) allWays() ([]way, *refusal) {
	out := []way{{}}
	for _, part := range l.all {
		ways, err := part.ways()
		if err != nil {
			return nil, err
		}
		if len(out)*len(ways) > manyWays {
			return nil, errManyWays
		}
		var next []way
		for _, a := range out {
			for _, b := range ways {
				next = append(next, way{union(a.order, b.order), union(a.without, b.without)})
			}
		}
		out = next
	}
	return out, nil
}

// union returns the rules of both in the order of the correlation's list.
func union(a, b []int) []int {
	both := slices.Concat(a, b)
	slices.Sort(both)
	return slices.Compact(both)
}
