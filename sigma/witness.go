package sigma

import "slices"

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
	case opPresent:
		if !l.not {
			predicate := c.present(l.arg)
			return []uint32{predicate}, presenceCost
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
// likely end of a conjunction or alternative before the rest.
func (c *compiler) ordered(l logic) logic {
	if l.op > opOr {
		return l
	}
	kids := make([]logic, len(l.kids))
	for i, k := range l.kids {
		kids[i] = c.ordered(k)
	}
	slices.SortStableFunc(kids, func(a, b logic) int { return c.effort(a) - c.effort(b) })
	l.kids = kids
	return l
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
