package correlate

import (
	"cmp"
	"slices"
	"strings"
)

// running is a correlation and its groups.
type running struct {
	*spec
	c        *Correlator
	groups   map[string]*group
	root     group   // of the ring of groups: next was quiet longest, prev was met last
	fresh    []entry // matches of this instant
	due      []*group
	touched  []*group
	isMarked bool
}

func newRunning(c *Correlator, s *spec) *running {
	r := &running{spec: s, c: c, groups: map[string]*group{}}
	r.root.prev, r.root.next = &r.root, &r.root
	return r
}

// group is what is known of one group of a correlation.
type group struct {
	of          *running
	key         string
	window      window
	first       int64 // when it became known
	last        int64 // time of its newest match
	quiet       int64 // hits up to this time are not told
	isGrown     bool  // something came into the window since something left
	isTouched   bool  // at this instant
	isMet       bool  // by a match at this instant
	isForgotten bool
	due         int64
	slot        int // in the timers
	prev, next  *group
}

func (g *group) unlink() { g.prev.next, g.next.prev = g.next, g.prev }

// met makes a group the one that was met last.
func (r *running) met(g *group) {
	g.prev, g.next = r.root.prev, &r.root
	g.prev.next, r.root.prev = g, g
}

// work takes the matches of an instant and decides what is to be decided.
func (r *running) work(at int64) {
	for _, g := range r.due {
		r.touch(g, at)
	}
	r.sortFresh()
	var kept *entry
	for i := range r.fresh {
		e := &r.fresh[i]
		if kept != nil && r.isRepeat(kept, e) {
			kept.more.merge(e.more)
			continue
		}
		kept = e
		g := e.group
		if g == nil || g.isForgotten {
			g = r.get(e.key, at)
		}
		r.touch(g, at)
		r.add(g, e)
	}
	if len(r.due) > 0 {
		slices.SortFunc(r.touched, func(a, b *group) int { return strings.Compare(a.key, b.key) })
	}
	clear(r.fresh)
	clear(r.due)
	r.fresh, r.due = r.fresh[:0], r.due[:0]
	for _, g := range r.touched {
		r.decideGroup(g, at)
	}
	clear(r.touched)
	r.touched = r.touched[:0]
	r.sweep(at)
}

// sortFresh makes the order of one instant's matches the same, however they
// came.
func (r *running) sortFresh() {
	if len(r.fresh) < 2 {
		return
	}
	slices.SortStableFunc(r.fresh, func(a, b entry) int {
		source := cmp.Compare(a.source, b.source)
		if !r.isTemporal() {
			source = 0
		}
		return cmp.Or(strings.Compare(a.key, b.key), source, strings.Compare(a.id, b.id),
			strings.Compare(a.value, b.value), cmp.Compare(a.number, b.number))
	})
}

// isRepeat reports whether a match is the event before once more. An event
// counts once, though several rules matched it: once for each rule where rules
// are what counts, and once for each value where the rules have different ones.
func (r *running) isRepeat(a, b *entry) bool {
	return a.id != "" && a.id == b.id && a.key == b.key && a.value == b.value && a.number == b.number &&
		(a.source == b.source || !r.isTemporal())
}

func (r *running) touch(g *group, at int64) {
	if g.isTouched {
		return
	}
	g.isTouched = true
	r.touched = append(r.touched, g)
	g.window.drop(at - r.span) // of a condition at the peak this left when it was due
}

func (r *running) add(g *group, e *entry) {
	if g.window.add(e) {
		g.isGrown = true
	}
	g.last, g.isMet = e.at, true
	g.unlink()
	r.met(g)
}

// get returns a group, made when it is not known.
func (r *running) get(key string, at int64) *group {
	if g := r.groups[key]; g != nil {
		return g
	}
	if len(r.groups) >= r.c.opt.MaxGroups {
		r.sweep(at)
	}
	for len(r.groups) >= r.c.opt.MaxGroups && r.evict() {
	}
	g := &group{of: r, key: key, first: at, last: at, quiet: always, slot: noSlot}
	g.window = r.newWindow(r.limits(g))
	r.groups[key] = g
	r.met(g)
	return g
}

func (r *running) limits(g *group) limits {
	return limits{r.c.opt.MaxEntries, r.c.opt.MaxEvents, func() {
		r.c.lose(Loss{Reason: Overflow, Correlation: r.rule, Time: toTime(g.last), Group: r.group(g.key)})
	}}
}

// evict forgets the group that was quiet longest and has no part in this
// instant.
func (r *running) evict() bool {
	for g := r.root.next; g != &r.root; g = g.next {
		if !g.isTouched {
			r.c.lose(Loss{Reason: Evicted, Correlation: r.rule, Time: toTime(g.last), Group: r.group(g.key)})
			r.forget(g)
			return true
		}
	}
	return false
}

func (r *running) forget(g *group) {
	r.c.timers.set(g, never)
	g.unlink()
	g.isForgotten = true
	delete(r.groups, g.key)
}

// sweep forgets groups whose last match is older than a timespan.
func (r *running) sweep(at int64) {
	for g := r.root.next; g != &r.root && g.last < at-r.span; g = r.root.next {
		r.forget(g)
	}
}

// decideGroup looks whether the condition is to be decided now, decides it, and
// sets when to look again.
func (r *running) decideGroup(g *group, at int64) {
	isMet := g.isMet
	g.isTouched, g.isMet = false, false
	if r.isToDecide(g, at, isMet) {
		if read, ok := g.window.holds(r.spec); ok {
			if r.hit(g, at, read); g.isForgotten {
				return
			}
		}
	}
	if g.last < at-r.span {
		r.forget(g)
		return
	}
	if r.decide == atPeak && g.window.drop(at-r.span+1) {
		g.isGrown = false
	}
	r.c.timers.set(g, r.nextDue(g, at))
}

func (r *running) isToDecide(g *group, at int64, isMet bool) bool {
	switch r.decide {
	case atMatch:
		return isMet
	case whenFull:
		full := g.first + r.span
		return at == full || at > full && !r.c.isOver
	}
	oldest, ok := g.window.oldest()
	return ok && oldest == at-r.span && g.isGrown
}

// nextDue returns when a group is to be looked at without a match.
func (r *running) nextDue(g *group, at int64) int64 {
	oldest, ok := g.window.oldest()
	switch {
	case r.decide == whenFull && at < g.first+r.span:
		return g.first + r.span
	case r.decide == whenFull && ok:
		return min(oldest, g.last) + r.span + 1
	case r.decide == whenFull:
		return g.last + r.span + 1
	case r.decide == atPeak && ok:
		return oldest + r.span
	}
	return never
}

// hit tells that the condition holds, and hands it to parents.
func (r *running) hit(g *group, at int64, read reading) {
	if before := r.c.opt.Before; before != nil && at > g.quiet {
		if last, ok := before(r.rule, r.group(g.key), toTime(at)); ok {
			g.quiet = max(g.quiet, last.UnixNano()+r.span)
		}
	}
	isTold := r.c.opt.Repeat != Spaced || at > g.quiet
	if isTold {
		g.quiet = at + r.span
		r.c.stats.Hits++
	} else {
		r.c.stats.Quiet++
	}
	if isTold && r.tells || r.feeds(isTold) {
		r.tell(g, at, read, isTold)
	}
	if isTold && r.c.opt.Repeat == Reset {
		r.forget(g)
	}
}

// feeds reports whether a parent takes this hit: one that looks at rules takes
// all, one that counts takes those that are told.
func (r *running) feeds(isTold bool) bool {
	return slices.ContainsFunc(r.parents, func(f feed) bool { return r.c.takes(f, isTold) })
}

func (c *Correlator) takes(f feed, isTold bool) bool { return isTold || c.running[f.spec].isTemporal() }

func (r *running) tell(g *group, at int64, read reading, isTold bool) {
	shown := g.show(r.c.opt.MaxEvents)
	start := at - r.span
	first, ok := g.window.oldest()
	if !ok {
		first = start
	}
	h := Hit{
		Name: hitName(r.identity, g.key, start, at), Correlation: r.rule, Group: r.group(g.key),
		Start: toTime(start), End: toTime(at), First: toTime(first),
		Value: read.value, Of: read.of, Events: shown.events, More: shown.more,
	}
	if isTold && r.tells {
		r.c.hits = append(r.c.hits, h)
	}
	for _, f := range r.parents {
		if r.c.takes(f, isTold) {
			r.pass(f, at, h, shown.fields)
		}
	}
}

// pass hands a hit to a parent as a match. It has the fields of its group, and
// stands once for each set of values that the events it shows had in other
// fields a parent needs.
func (r *running) pass(f feed, at int64, h Hit, fields []string) {
	if len(fields) == 0 {
		fields = []string{""}
	}
	for _, packed := range fields {
		events := append(make([]string, 0, len(h.Events)), h.Events...)
		r.c.take(f, at, h.Name, func(name string) (string, bool) { return r.fieldOf(h, packed, name) }, events)
	}
}

func (r *running) fieldOf(h Hit, packed, name string) (string, bool) {
	if i := slices.Index(r.rule.GroupBy, name); i >= 0 {
		return h.Group[i].Value, !h.Group[i].IsMissing
	}
	if i := slices.Index(r.carry, name); i >= 0 && packed != "" {
		return unpack(packed, i)
	}
	return "", false
}
