package correlate

// ruleWindow knows which rules were met, each by its newest match.
type ruleWindow struct {
	last []mark // by rule; at is always when it was not met
	n    int    // how many were
}

func newRuleWindow(rules int) *ruleWindow {
	w := &ruleWindow{last: make([]mark, rules)}
	for i := range w.last {
		w.last[i].at = always
	}
	return w
}

func (w *ruleWindow) has(rule int) bool { return w.last[rule].at != always }

func (w *ruleWindow) drop(before int64) bool {
	n := w.n
	for i := range w.last {
		if w.has(i) && w.last[i].at < before {
			w.last[i] = mark{at: always}
			w.n--
		}
	}
	return w.n < n
}

func (w *ruleWindow) add(e *entry) bool {
	isNew := !w.has(int(e.source))
	if isNew {
		w.n++
	}
	w.last[e.source] = e.mark()
	return isNew
}

func (w *ruleWindow) oldest() (int64, bool) {
	at := int64(never)
	for i := range w.last {
		if w.has(i) {
			at = min(at, w.last[i].at)
		}
	}
	return at, w.n > 0
}

func (w *ruleWindow) holds(s *spec) (reading, bool) {
	if s.logic == nil {
		return s.within(float64(w.n))
	}
	return reading{value: float64(w.n)}, s.logic.holds(w.has)
}

// marks shows the newest match of each rule by age.
func (w *ruleWindow) marks(f func(mark)) int {
	eachByAge(w.last, f)
	return 0
}
