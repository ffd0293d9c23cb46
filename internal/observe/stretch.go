package observe

import "slices"

// stretch is a time in which a row was so: from since up to until, the last
// report that said so at seen.
type stretch struct {
	since, until, seen int64
	cells              []any
}

func (s stretch) holds(at int64) bool { return s.since <= at && at < s.until }

func (s stretch) says(cells []any) bool { return slices.Equal(s.cells, cells) }

// report takes a report of a row at a moment into its stretches, which are in
// order and do not overlap, and returns them anew. A later report of the same
// moment counts.
//
// One that comes late holds from its moment to the next that is known of: the
// report that confirmed what was there, or the beginning of what came after.
func report(list []stretch, at int64, cells []any) []stretch {
	i := slices.IndexFunc(list, func(s stretch) bool { return s.holds(at) })
	if i < 0 {
		return settle(insert(list, stretch{at, next(list, at), at, cells}))
	}
	old := list[i]
	if old.says(cells) {
		out := slices.Clone(list)
		out[i].seen = max(old.seen, at)
		return out
	}
	until := old.until
	out := slices.Delete(slices.Clone(list), i, i+1)
	if at > old.since {
		out = insert(out, stretch{old.since, at, min(old.seen, at-1), old.cells})
	}
	if at < old.seen {
		until = old.seen
		out = insert(out, stretch{old.seen, old.until, old.seen, old.cells})
	}
	return settle(insert(out, stretch{at, until, at, cells}))
}

// gone takes the report that a row is no more.
func gone(list []stretch, at int64) []stretch {
	out := slices.Clone(list)
	for i := range out {
		if s := &out[i]; s.holds(at) && s.until == forever && s.seen <= at {
			if s.until, s.seen = at, min(s.seen, at-1); s.since == at {
				return slices.Delete(out, i, i+1)
			}
		}
	}
	return out
}

// next returns when what is known after a moment begins.
func next(list []stretch, at int64) int64 {
	for _, s := range list {
		if s.since > at {
			return s.since
		}
	}
	return forever
}

func insert(list []stretch, s stretch) []stretch {
	i, _ := slices.BinarySearchFunc(list, s.since, func(o stretch, since int64) int {
		switch {
		case o.since < since:
			return -1
		case o.since > since:
			return 1
		}
		return 0
	})
	return slices.Insert(slices.Clone(list), i, s)
}

// settle joins stretches that touch and say the same.
func settle(list []stretch) []stretch {
	var out []stretch
	for _, s := range list {
		if n := len(out); n > 0 && out[n-1].until == s.since && out[n-1].says(s.cells) {
			out[n-1].until, out[n-1].seen = s.until, max(out[n-1].seen, s.seen)
			continue
		}
		out = append(out, s)
	}
	return out
}
