package correlate

import "slices"

// orderWindow knows how far the rules were met in their order. It keeps no list
// of matches: of each length of chain that ends in each rule it keeps the one
// that began last, for that one is in the window longest. So a match costs the
// square of the number of rules, whatever came before.
//
// A chain is matches of different rules in the order of the rule's list whose
// times do not fall; two at the same time are in order, since logs of whole
// seconds cannot tell. Neighbours in a chain are different events.
type orderWindow struct {
	spec   *spec
	met    *ruleWindow
	tracks []*track // one for each way to meet the condition
	cut    int64    // what began before is over
}

func newOrderWindow(s *spec) *orderWindow {
	w := &orderWindow{spec: s, met: newRuleWindow(len(s.sources)), cut: always}
	for _, way := range s.ways {
		w.tracks = append(w.tracks, newTrack(way.order, len(s.sources)))
	}
	return w
}

func (w *orderWindow) drop(before int64) bool {
	var was counted
	if w.reports() {
		was = w.counted()
	}
	w.met.drop(before)
	w.cut = max(w.cut, before)
	return w.reports() && was.outweighs(w.counted())
}

func (w *orderWindow) add(e *entry) bool {
	var was counted
	if w.reports() {
		was = w.counted()
	}
	w.met.add(e)
	for _, t := range w.tracks {
		t.add(e, w.cut)
	}
	return w.reports() && w.counted().outweighs(was)
}

// reports says whether anybody asks what came and went: of a condition that is
// decided at each match nobody does.
func (w *orderWindow) reports() bool { return w.spec.decide != atMatch }

// counted is what the condition looks at: of bounds the length of the longest
// chain, of logic which ways are gone to their end and which rules they
// exclude were met.
type counted struct {
	length int
	ways   []bool
}

func (w *orderWindow) counted() counted {
	if w.spec.logic == nil {
		return counted{length: w.tracks[0].longest(w.cut)}
	}
	c := counted{}
	for i, t := range w.tracks {
		c.ways = append(c.ways, t.isWhole(w.cut))
		for _, rule := range w.spec.ways[i].without {
			c.ways = append(c.ways, w.met.has(rule))
		}
	}
	return c
}

// outweighs reports whether c has something that d lacks.
func (c counted) outweighs(d counted) bool {
	for i := range c.ways {
		if c.ways[i] && !d.ways[i] {
			return true
		}
	}
	return c.length > d.length
}

func (w *orderWindow) oldest() (int64, bool) {
	at := int64(never)
	for i, t := range w.tracks {
		if n := t.longest(w.cut); n > 0 && (w.spec.logic == nil || n == len(t.rules)) {
			at = min(at, t.best(n).start)
		}
		for _, rule := range w.spec.ways[i].without {
			if w.spec.logic != nil && w.met.has(rule) {
				at = min(at, w.met.last[rule].at)
			}
		}
	}
	return at, at != never
}

func (w *orderWindow) holds(s *spec) (reading, bool) {
	if s.logic == nil {
		return s.within(float64(w.tracks[0].longest(w.cut)))
	}
	i := w.way()
	if i < 0 {
		return reading{}, false
	}
	return reading{value: float64(len(w.tracks[i].rules))}, true
}

// way returns the way of most rules that is gone to its end without a rule that
// it excludes, or -1.
func (w *orderWindow) way() int {
	best := -1
	for i, t := range w.tracks {
		if t.isWhole(w.cut) && !slices.ContainsFunc(w.spec.ways[i].without, w.met.has) &&
			(best < 0 || len(t.rules) > len(w.tracks[best].rules)) {
			best = i
		}
	}
	return best
}

// marks shows the matches of the chain.
func (w *orderWindow) marks(f func(mark)) int {
	i := max(0, w.way())
	if t := w.tracks[i]; t.longest(w.cut) > 0 {
		t.best(t.longest(w.cut)).end.each(f)
	}
	return 0
}

// track follows the chains of a list of rules.
type track struct {
	rules []int // the sources of the correlation, in order
	place []int // by source: its place in rules, or -1
	at    int64 // the newest time
	// by the place of the last rule and the length: the chain that began last
	before []chain // of those that ended before at
	now    []two   // of those that end at at
}

// chain is matches in order; it is none when end is nil.
type chain struct {
	start int64
	end   *link
}

// link is a match in chains, which share their beginnings.
type link struct {
	mark
	from *link
}

func (l *link) each(f func(mark)) {
	if l != nil {
		l.from.each(f)
		f(l.mark)
	}
}

// two are the best chains that end in different events. An event is offered
// once.
type two struct{ first, second chain }

func newTrack(rules []int, sources int) *track {
	t := &track{rules: rules, place: make([]int, sources), at: always}
	for i := range t.place {
		t.place[i] = slices.Index(rules, i)
	}
	t.before = make([]chain, len(rules)*len(rules))
	t.now = make([]two, len(rules)*len(rules))
	return t
}

func (t *track) cell(place, length int) int { return place*len(t.rules) + length - 1 }

// add takes a match; those of one time come in the order of the rules.
func (t *track) add(e *entry, cut int64) {
	place := t.place[e.source]
	if place < 0 {
		return
	}
	if e.at != t.at {
		t.settle()
		t.at = e.at
	}
	t.now[t.cell(place, 1)].offer(chain{e.at, &link{mark: e.mark()}})
	for length := 2; length <= place+1; length++ {
		from := t.fore(place, length-1, e.id)
		if from.end != nil && from.start >= cut {
			t.now[t.cell(place, length)].offer(chain{from.start, &link{e.mark(), from.end}})
		}
	}
}

// fore returns the best chain of a length that ends in a rule before a place,
// and not in the event itself.
func (t *track) fore(place, length int, id string) chain {
	var best chain
	for p := range place {
		i := t.cell(p, length)
		best = better(best, t.before[i])
		if now := t.now[i]; now.first.isOf(id) {
			best = better(best, now.second)
		} else {
			best = better(best, now.first)
		}
	}
	return best
}

// isOf reports whether the chain ends in an event. Events without an id are
// taken to be different.
func (c chain) isOf(id string) bool { return c.end != nil && id != "" && c.end.id == id }

func better(a, b chain) chain {
	if a.end == nil || b.end != nil && b.start > a.start {
		return b
	}
	return a
}

func (t *two) offer(c chain) {
	switch {
	case t.first.end == nil:
		t.first = c
	case c.start > t.first.start:
		t.first, t.second = c, t.first
	default:
		t.second = better(t.second, c)
	}
}

// settle makes what ended at the newest time a thing of before.
func (t *track) settle() {
	for i, now := range t.now {
		t.before[i] = better(t.before[i], now.first)
		t.now[i] = two{}
	}
}

// best returns the chain of a length that began last.
func (t *track) best(length int) chain {
	var best chain
	for p := range t.rules {
		i := t.cell(p, length)
		best = better(better(best, t.before[i]), t.now[i].first)
	}
	return best
}

// longest returns the length of the longest chain that began in time.
func (t *track) longest(cut int64) int {
	for n := len(t.rules); n > 0; n-- {
		if c := t.best(n); c.end != nil && c.start >= cut {
			return n
		}
	}
	return 0
}

// isWhole reports whether all rules were met in order. Of none they were.
func (t *track) isWhole(cut int64) bool { return t.longest(cut) == len(t.rules) }

// eachByAge calls f with the matches that are there, the oldest first.
func eachByAge(marks []mark, f func(mark)) {
	sorted := slices.Clone(marks)
	slices.SortStableFunc(sorted, func(a, b mark) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	for _, m := range sorted {
		if m.at != always {
			f(m)
		}
	}
}
