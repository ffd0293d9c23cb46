package correlate

import (
	"container/heap"
	"slices"
)

// entry is a match as one correlation sees it.
type entry struct {
	at     int64  // nanoseconds since 1970
	spec   int32  // the correlation
	source int32  // which of its rules
	key    string // the group
	group  *group // the same, when it was known as the match came; it may be forgotten since
	id     string
	value  string   // of value_count and shares
	number float64  // of the other value types
	more   *carried // of a match that is a hit, or whose hits are matches
}

// carried is what a match takes up a chain of correlations.
type carried struct {
	fields []string // values of fields that parents need, packed; a hit may have several sets
	events []string // the events behind a match that is a hit; nil for an event
}

// merge takes over the fields of the same match once more.
func (c *carried) merge(from *carried) {
	if c == nil || from == nil {
		return
	}
	for _, packed := range from.fields {
		if !slices.Contains(c.fields, packed) {
			c.fields = append(c.fields, packed)
		}
	}
}

// queue hands out entries by time. What comes in order, as nearly all does, is
// a run that costs nothing to sort; what comes out of order waits in a heap.
type queue struct {
	run  deque[entry]
	late lateHeap
}

func (q *queue) len() int { return q.run.len() + len(q.late) }

func (q *queue) push(e entry) {
	if q.run.len() == 0 || e.at >= q.run.back().at {
		q.run.push(e)
		return
	}
	heap.Push(&q.late, e)
}

// next returns the earliest time.
func (q *queue) next() (int64, bool) {
	switch {
	case len(q.late) == 0 && q.run.len() == 0:
		return 0, false
	case len(q.late) == 0:
		return q.run.front().at, true
	case q.run.len() == 0:
		return q.late[0].at, true
	}
	return min(q.run.front().at, q.late[0].at), true
}

// take hands out all entries of a time, the earliest.
func (q *queue) take(at int64, f func(*entry)) {
	for q.run.len() > 0 && q.run.front().at == at {
		f(q.run.front())
		q.run.pop()
	}
	for len(q.late) > 0 && q.late[0].at == at {
		e := heap.Pop(&q.late).(entry)
		f(&e)
	}
}

// each calls f with all that waits.
func (q *queue) each(f func(*entry)) {
	for i := range q.run.len() {
		f(q.run.at(i))
	}
	for i := range q.late {
		f(&q.late[i])
	}
}

type lateHeap []entry

func (h lateHeap) Len() int           { return len(h) }
func (h lateHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h lateHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *lateHeap) Push(e any)        { *h = append(*h, e.(entry)) }
func (h *lateHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = entry{}
	*h = old[:len(old)-1]
	return e
}

// timers are groups that are to be looked at without a match, the next first.
type timers []*group

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].due < t[j].due }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].slot, t[j].slot = i, j
}
func (t *timers) Push(g any) {
	g.(*group).slot = len(*t)
	*t = append(*t, g.(*group))
}
func (t *timers) Pop() any {
	old := *t
	g := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	g.slot = noSlot
	return g
}

// noSlot is the slot of a group without a timer.
const noSlot = -1

// set has a group looked at when it is due; nothing is due never.
func (t *timers) set(g *group, due int64) {
	switch {
	case due == never && g.slot != noSlot:
		heap.Remove(t, g.slot)
	case due == never:
	case g.slot == noSlot:
		g.due = due
		heap.Push(t, g)
	case g.due != due:
		g.due = due
		heap.Fix(t, g.slot)
	}
}
