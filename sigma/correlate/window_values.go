package correlate

import "slices"

// valueWindow counts different values. A value is kept once, with the time it
// was last met, in a list by that time: a match costs one look-up, whatever is
// in the window, and the memory is that of the different values.
type valueWindow struct {
	limits
	cells      map[string]*cell
	root       cell // of the ring of cells: next is the oldest, prev the newest
	isRingMade bool
}

// cell is a value.
type cell struct {
	mark
	value      string
	prev, next *cell
}

func (w *valueWindow) ring() *cell {
	if !w.isRingMade {
		w.root.prev, w.root.next, w.isRingMade = &w.root, &w.root, true
	}
	return &w.root
}

func (c *cell) unlink() { c.prev.next, c.next.prev = c.next, c.prev }

func (w *valueWindow) pushNewest(c *cell) {
	root := w.ring()
	c.prev, c.next = root.prev, root
	c.prev.next, root.prev = c, c
}

func (w *valueWindow) drop(before int64) bool {
	n := len(w.cells)
	for c := w.ring().next; c != &w.root && c.at < before; c = w.root.next {
		w.forget(c)
	}
	return len(w.cells) < n
}

func (w *valueWindow) forget(c *cell) {
	c.unlink()
	delete(w.cells, c.value)
}

func (w *valueWindow) add(e *entry) bool {
	if c := w.cells[e.value]; c != nil {
		c.unlink()
		c.mark = e.mark()
		w.pushNewest(c)
		return false
	}
	c := &cell{mark: e.mark(), value: e.value}
	w.cells[c.value] = c
	w.pushNewest(c)
	if len(w.cells) > w.entries {
		w.lost()
		w.forget(w.root.next)
	}
	return true
}

func (w *valueWindow) oldest() (int64, bool) {
	c := w.ring().next
	return c.at, c != &w.root
}

func (w *valueWindow) holds(s *spec) (reading, bool) {
	return s.within(float64(len(w.cells)))
}

// marks shows the newest match of each value, of the newest values.
func (w *valueWindow) marks(f func(mark)) int {
	skip := max(0, len(w.cells)-w.limits.marks)
	c := &w.root
	for range len(w.cells) - skip {
		c = c.prev
	}
	for ; c != &w.root; c = c.next {
		f(c.mark)
	}
	return skip
}

// shareWindow knows the share of each value among all matches. Its matches are
// counted as an eventWindow does, one place for each.
type shareWindow struct {
	events eventWindow
	queue  deque[valued]
	counts map[string]int
	now    []string // the values that came at the newest time
	at     int64
}

type valued struct {
	at    int64
	value string
}

func (w *shareWindow) drop(before int64) bool {
	w.events.trail.dropBefore(before)
	n := w.queue.len()
	for w.queue.len() > 0 && w.queue.front().at < before {
		w.pop()
	}
	return w.queue.len() < n
}

func (w *shareWindow) pop() {
	v := w.queue.front().value
	if w.counts[v]--; w.counts[v] == 0 {
		delete(w.counts, v)
	}
	w.queue.pop()
}

func (w *shareWindow) add(e *entry) bool {
	if e.at != w.at {
		w.at, w.now = e.at, w.now[:0]
	}
	w.now = append(w.now, e.value)
	w.events.trail.keep(e.mark(), w.events.limits.marks)
	w.put(valued{e.at, e.value})
	return true
}

func (w *shareWindow) put(v valued) {
	w.queue.push(v)
	w.counts[v.value]++
	if w.queue.len() > w.events.entries {
		w.events.lost()
		w.pop()
	}
}

func (w *shareWindow) oldest() (int64, bool) {
	if w.queue.len() == 0 {
		return 0, false
	}
	return w.queue.front().at, true
}

// holds looks at the values that came last, in their order, for one whose
// share meets the condition.
func (w *shareWindow) holds(s *spec) (reading, bool) {
	slices.Sort(w.now)
	for _, v := range w.now {
		if r, ok := s.within(100 * float64(w.counts[v]) / float64(w.queue.len())); ok {
			r.of = v
			return r, true
		}
	}
	return reading{}, false
}

func (w *shareWindow) marks(f func(mark)) int {
	w.events.trail.each(f)
	return w.queue.len() - w.events.trail.len()
}
