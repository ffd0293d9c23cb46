package correlate

// numberWindow sums numbers without rounding, or keeps them in order for a
// percentile.
type numberWindow struct {
	limits
	kind    kind
	percent float64
	queue   deque[numbered]
	sum     exactSum
	sorted  sorted
	trail   trail
}

type numbered struct {
	at int64
	x  float64
}

func (w *numberWindow) ranks() bool { return w.kind == percentile }

func (w *numberWindow) drop(before int64) bool {
	w.trail.dropBefore(before)
	n := w.queue.len()
	for w.queue.len() > 0 && w.queue.front().at < before {
		w.pop()
	}
	return w.queue.len() < n
}

func (w *numberWindow) pop() {
	x := w.queue.front().x
	w.queue.pop()
	if w.ranks() {
		w.sorted.take(x)
	} else {
		w.sum.sub(x)
	}
}

func (w *numberWindow) add(e *entry) bool {
	w.put(numbered{e.at, e.number})
	w.trail.keep(e.mark(), w.limits.marks)
	return true
}

func (w *numberWindow) put(x numbered) {
	w.queue.push(x)
	if w.ranks() {
		w.sorted.put(x.x)
	} else {
		w.sum.add(x.x)
	}
	if w.queue.len() > w.entries {
		w.lost()
		w.pop()
	}
}

func (w *numberWindow) oldest() (int64, bool) {
	if w.queue.len() == 0 {
		return 0, false
	}
	return w.queue.front().at, true
}

// holds says no of an empty window, but for a sum: that of nothing is 0.
func (w *numberWindow) holds(s *spec) (reading, bool) {
	n := w.queue.len()
	switch {
	case w.kind == sum:
		return s.within(w.sum.float())
	case n == 0:
		return reading{}, false
	case w.kind == mean:
		return s.within(w.sum.float() / float64(n))
	}
	return s.within(w.sorted.percentile(w.percent))
}

func (w *numberWindow) marks(f func(mark)) int {
	w.trail.each(f)
	return w.queue.len() - w.trail.len()
}
