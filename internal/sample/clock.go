package sample

import (
	"sync"
	"time"
)

// Clock shows the past while the organisation is filled, and goes on as the
// clock it is made of afterwards. In the past it goes on by a microsecond each
// time somebody looks at it, so that of two things that were done the one done
// later has the later time.
type Clock struct {
	real func() time.Time

	mu sync.Mutex
	at time.Time // zero: as real
}

// NewClock returns a clock that shows what real does.
func NewClock(real func() time.Time) *Clock { return &Clock{real: real} }

// Now returns what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return c.real()
	}
	c.at = c.at.Add(time.Microsecond)
	return c.at
}

// Set turns the clock to a moment. It never goes back.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.at) {
		c.at = t
	}
}

// Release lets the clock go on by itself.
func (c *Clock) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = time.Time{}
}
