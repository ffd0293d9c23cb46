package sigma

import (
	"cmp"
	"slices"
)

// witnesses are the rules that need a predicate, or one of its like. Predicates of
// the same rules, as the values of one item mostly are, share the list of them.
type witnesses struct {
	of    []uint32 // by predicate: its rule, or manyRules and where their list begins, or none
	lists []uint32 // each how many rules there are, and they
}

const manyRules = 1 << 31

func newWitnesses(waiting map[uint32][]uint32, predicates int) witnesses {
	w := witnesses{of: make([]uint32, predicates)}
	known := map[string]uint32{}
	for predicate := range w.of {
		switch rules := waiting[uint32(predicate)]; len(rules) {
		case 0:
			w.of[predicate] = none
		case 1:
			w.of[predicate] = rules[0]
		default:
			key := keyOf(rules)
			at, ok := known[key]
			if !ok {
				at = uint32(len(w.lists))
				known[key] = at
				w.lists = append(append(w.lists, uint32(len(rules))), rules...)
			}
			w.of[predicate] = manyRules | at
		}
	}
	w.lists = exact(w.lists)
	return w
}

// list are the rules of a predicate that has several.
func (w *witnesses) list(of uint32) []uint32 {
	at := of &^ manyRules
	return w.lists[at+1 : at+1+w.lists[at]]
}

// never is the cost of logic that needs no predicate: it may hold when none is
// found.
const never = ^uint32(0)

// needed are predicates of which one is found whenever logic holds, the
// cheapest such list, and its cost.
func (c *compiler) needed(l logic) ([]uint32, uint32) {
	switch l.op {
	case opAnd:
		return c.cheapest(l.kids)
	case opOr:
		return c.together(l.kids)
	case opHas:
		if !l.not {
			return []uint32{l.arg}, c.costs[l.arg]
		}
	case opPresent, opNull:
		if l.not == (l.op == opNull) { // what is not null is there
			return []uint32{c.present(l.arg)}, presenceCost
		}
	case opCheck:
		if !l.not {
			return c.neededCheck(l.arg)
		}
	}
	return nil, never
}

func (c *compiler) neededCheck(id uint32) ([]uint32, uint32) {
	check := &c.checks[id]
	if check.needle != none {
		return []uint32{check.needle}, c.checkCosts[id]
	}
	return []uint32{c.present(check.field)}, presenceCost
}

func (c *compiler) cheapest(kids []logic) (best []uint32, least uint32) {
	least = never
	for _, k := range kids {
		if needed, cost := c.needed(k); cost < least {
			best, least = needed, cost
		}
	}
	return best, least
}

// together are the predicates of all alternatives. No alternatives hold never,
// so that nothing is needed to find it out.
func (c *compiler) together(kids []logic) (all []uint32, sum uint32) {
	for _, k := range kids {
		needed, cost := c.needed(k)
		if cost == never {
			return nil, never
		}
		all = append(all, needed...)
		sum = min(sum+cost, never-1)
	}
	return all, sum
}

// ordered puts what is decided at once before what must be worked out, and the
// likely end of a conjunction or alternative before the rest: what must be found before
// what must not. Predicates of which one is enough are put in the order of their numbers.
func (c *compiler) ordered(l logic) logic {
	if l.op > opOr {
		return l
	}
	kids := make([]logic, len(l.kids))
	for i, k := range l.kids {
		kids[i] = c.ordered(k)
	}
	slices.SortStableFunc(kids, func(a, b logic) int {
		return cmp.Or(c.effort(a)-c.effort(b), cmp.Compare(a.place(l.op), b.place(l.op)))
	})
	l.kids = kids
	return l
}

// place is where logic stands in a group, among what is as much work.
func (l logic) place(in op) uint32 {
	switch {
	case in == opAnd && !l.not:
		return 0
	case l.op == opHas:
		return l.arg + 1
	}
	return none
}

// effort is how much work logic is, in no unit.
func (c *compiler) effort(l logic) int {
	switch l.op {
	case opAnd, opOr:
		sum := 1
		for _, k := range l.kids {
			sum += c.effort(k)
		}
		return sum
	case opCheck:
		if c.checks[l.arg].needle == none {
			return 1000
		}
		return 100
	}
	return 1
}
