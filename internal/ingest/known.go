package ingest

import (
	"sync"
	"time"
)

// Known returns a moment: every event that came before it is in the store, and
// can be found there once the store was flushed, or a few seconds later. It is the
// present, or when the oldest came of those that wait.
func (in *Intake) Known() time.Time {
	known := in.now()
	earlier := func(t time.Time) {
		if t.Before(known) {
			known = t
		}
	}
	in.coming.each(earlier) // in the order of their way, so that none is passed by
	in.mu.Lock()
	for _, g := range []*group{in.queue, in.under} {
		for _, f := range g.frames {
			earlier(f.seen)
		}
	}
	in.mu.Unlock()
	if seen, waits := in.line.oldest(); waits {
		earlier(seen)
	}
	return known
}

// coming is when the batches came that are read now, or wait for the disk.
type coming struct {
	mu  sync.Mutex
	n   uint64
	all map[uint64]time.Time
}

// come remembers a batch until gone is called.
func (c *coming) come(at time.Time) (gone func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[uint64]time.Time{}
	}
	c.n++
	n := c.n
	c.all[n] = at
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.all, n)
	}
}

func (c *coming) each(f func(time.Time)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range c.all {
		f(at)
	}
}

// oldest returns when the frame came that waits for longest.
func (l *line) oldest() (seen time.Time, waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.flight) > 0 {
		return l.flight[0].seen, true
	}
	if l.handed == l.tail {
		return time.Time{}, false
	}
	f := l.peek()
	if f == nil {
		return time.Time{}, l.handed != l.tail
	}
	return f.seen, true
}
