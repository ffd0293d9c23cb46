package correlate

import "math"

// never and always are the ends of time.
const (
	never  = math.MaxInt64
	always = math.MinInt64
)

// A window is what a correlation remembers of one group: what was met within
// the last timespan. Times only go forward: neither drop nor add ever gets one
// smaller than before.
//
// What a window counts has an age: a match is as old as it is, a value or a
// rule as when it was last met. What is counted leaves the window by that age.
type window interface {
	// drop forgets what is older than a time, and reports whether something
	// that is counted went.
	drop(before int64) bool
	// add takes a match, and reports whether what is counted grew.
	add(e *entry) bool
	// oldest returns the age of what leaves next; false when nothing is counted.
	oldest() (int64, bool)
	// holds reports whether the condition holds now, with the value it saw and,
	// for a share, the value that has it.
	holds(s *spec) (reading, bool)
	// marks calls f with what there is to show, the oldest first, and returns
	// how many more there were that are not kept.
	marks(f func(mark)) int

	save() savedWindow
	load(s savedWindow)
}

// reading is what a condition saw.
type reading struct {
	value float64
	of    string
}

// mark is a match that is shown in a hit.
type mark struct {
	at   int64
	id   string
	more *carried
}

func (e *entry) mark() mark { return mark{e.at, e.id, e.more} }

// limits bound the memory of a window.
type limits struct {
	entries int    // matches or values
	marks   int    // matches to show
	lost    func() // is called for each match or value that is dropped for room
}

func (s *spec) newWindow(l limits) window {
	switch s.kind {
	case countEvents:
		return &eventWindow{limits: l}
	case countValues:
		return &valueWindow{limits: l, cells: map[string]*cell{}}
	case shareOfValue:
		return &shareWindow{events: eventWindow{limits: l}, counts: map[string]int{}}
	case anyOrder:
		return newRuleWindow(len(s.sources))
	case inOrder:
		return newOrderWindow(s)
	}
	return &numberWindow{limits: l, kind: s.kind, percent: s.percent}
}

// trail keeps the newest matches to show.
type trail struct{ deque[mark] }

func (t *trail) keep(m mark, most int) {
	if t.len() == most {
		t.pop()
	}
	t.push(m)
}

func (t *trail) dropBefore(before int64) {
	for t.len() > 0 && t.front().at < before {
		t.pop()
	}
}

func (t *trail) each(f func(mark)) {
	for i := range t.len() {
		f(*t.at(i))
	}
}
