package correlate

// eventWindow counts matches: the times it keeps are its whole memory, and one
// that comes at the same time as the one before shares its place.
type eventWindow struct {
	limits
	times deque[moment]
	n     int
	trail trail
}

type moment struct {
	at int64
	n  int
}

func (w *eventWindow) drop(before int64) bool {
	w.trail.dropBefore(before)
	n := w.n
	for w.times.len() > 0 && w.times.front().at < before {
		w.pop()
	}
	return w.n < n
}

func (w *eventWindow) pop() {
	w.n -= w.times.front().n
	w.times.pop()
}

func (w *eventWindow) add(e *entry) bool {
	w.count(e.at, 1)
	w.trail.keep(e.mark(), w.limits.marks)
	return true
}

func (w *eventWindow) count(at int64, n int) {
	w.n += n
	if w.times.len() > 0 && w.times.back().at == at {
		w.times.back().n += n
		return
	}
	w.times.push(moment{at, n})
	if w.times.len() > w.entries {
		w.lost()
		w.pop()
	}
}

func (w *eventWindow) oldest() (int64, bool) {
	if w.n == 0 {
		return 0, false
	}
	return w.times.front().at, true
}

func (w *eventWindow) holds(s *spec) (reading, bool) {
	return s.within(float64(w.n))
}

func (w *eventWindow) marks(f func(mark)) int {
	w.trail.each(f)
	return w.n - w.trail.len()
}
