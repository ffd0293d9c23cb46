package ingest

import (
	"context"
	"sync"
	"time"
)

// room is how many bytes may be held at once.
type room struct {
	mu   sync.Mutex
	left int64
	news chan struct{} // closed when some are given back
}

func (r *room) init(n int64) { r.left, r.news = n, make(chan struct{}) }

// try takes n bytes if they are there; more than all of them wait for all.
func (r *room) try(n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > r.left {
		return false
	}
	r.left -= n
	return true
}

// enter takes n bytes, and waits for them a while.
func (r *room) enter(ctx context.Context, n int64, patience time.Duration) bool {
	t := time.NewTimer(patience)
	defer t.Stop()
	for {
		r.mu.Lock()
		if n <= r.left {
			r.left -= n
			r.mu.Unlock()
			return true
		}
		news := r.news
		r.mu.Unlock()
		select {
		case <-news:
		case <-t.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (r *room) leave(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left += n
	close(r.news)
	r.news = make(chan struct{})
}

// limits remembers what sources have sent that may not send as they like.
type limits struct {
	mu  sync.Mutex
	all map[key]*spending
}

type spending struct {
	events float64 // that may come now
	at     time.Time
	day    time.Time
	bytes  int64 // of the day
}

// giveBack undoes spend for what was not taken after all.
func (l *limits) giveBack(k key, n int, size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.all[k]; s != nil {
		s.events += float64(n)
		s.bytes = max(0, s.bytes-size)
	}
}

const burst = 10 // seconds of its rate that a source may send at once

// spend takes n events of size bytes off what a source may send, and returns
// zero; or how long it has to wait.
func (l *limits) spend(k key, set Settings, n int, size int64, now time.Time) time.Duration {
	if set.Rate <= 0 && set.BytesPerDay <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[key]*spending{}
	}
	s := l.all[k]
	if s == nil {
		s = &spending{events: burst * set.Rate, at: now}
		l.all[k] = s
	}
	if day := now.UTC().Truncate(24 * time.Hour); !day.Equal(s.day) {
		s.day, s.bytes = day, 0
	}
	if set.BytesPerDay > 0 && s.bytes+size > set.BytesPerDay {
		return min(s.day.Add(24*time.Hour).Sub(now)+time.Second, time.Hour)
	}
	if set.Rate > 0 {
		s.events = min(burst*set.Rate, s.events+set.Rate*now.Sub(s.at).Seconds())
		s.at = now
		// A batch that is larger than the burst may go when the burst is whole.
		if need := min(float64(n), burst*set.Rate); s.events < need {
			return max(time.Second, time.Duration((need-s.events)/set.Rate*float64(time.Second)))
		}
		s.events -= float64(n)
	}
	s.bytes += size
	return 0
}
