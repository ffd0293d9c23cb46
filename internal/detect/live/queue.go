package live

import (
	"context"
	"slices"
	"sync"
)

// queue has jobs of organisations wait for their turn so that none keeps another
// waiting: whose fewest jobs run is next, and of those who had a turn longest ago.
// When all that run are of one organisation, the first of another runs beside
// them.
type queue struct {
	places int

	mu      sync.Mutex
	waiting []*waiter
	running map[string]int
	all     int // that run
	turns   int
	last    map[string]int // turn of an organisation
}

type waiter struct {
	org  string
	turn chan struct{} // closed when it may run
}

func newQueue(places int) *queue {
	return &queue{places: places, running: map[string]int{}, last: map[string]int{}}
}

// enter waits for a place until the context ends; leave gives it back.
func (q *queue) enter(ctx context.Context, org string) (leave func()) {
	w := &waiter{org, make(chan struct{})}
	q.mu.Lock()
	q.waiting = append(q.waiting, w)
	q.next()
	q.mu.Unlock()
	select {
	case <-w.turn:
	case <-ctx.Done():
	}
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if i := slices.Index(q.waiting, w); i >= 0 {
			q.waiting = slices.Delete(q.waiting, i, i+1)
			return
		}
		q.all--
		if q.running[org]--; q.running[org] == 0 {
			delete(q.running, org)
		}
		q.next()
	}
}

// next lets run who may. The caller holds the lock.
func (q *queue) next() {
	for {
		best := -1
		for i, w := range q.waiting {
			if q.free(w.org) && (best < 0 || q.before(w.org, q.waiting[best].org)) {
				best = i
			}
		}
		if best < 0 {
			return
		}
		w := q.waiting[best]
		q.waiting = slices.Delete(q.waiting, best, best+1)
		q.turns++
		q.last[w.org] = q.turns
		q.running[w.org]++
		q.all++
		close(w.turn)
	}
}

func (q *queue) free(org string) bool {
	return q.all < q.places || q.all == q.places && len(q.running) == 1 && q.running[org] == 0
}

func (q *queue) before(a, b string) bool {
	if q.running[a] != q.running[b] {
		return q.running[a] < q.running[b]
	}
	return q.last[a] < q.last[b]
}
