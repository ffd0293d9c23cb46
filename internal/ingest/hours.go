package ingest

import (
	"math"
	"slices"
	"sync"
	"time"
)

// Hour is what a source sent in an hour, by when it came.
type Hour struct {
	Org, Source string
	Start       time.Time
	Counts      Counts // of the hour alone; Waiting is 0
	Lag         Spread // from when an event happened to when it came
	Skew        Spread // of the sender's clock, once for each batch
}

// Spread is how durations are spread: Spread[0] counts those below a
// millisecond, and Spread[i] those from 2^(i-1) to 2^i milliseconds.
type Spread [40]int64

func (s *Spread) add(d time.Duration) {
	i := 0
	if ms := d.Milliseconds(); ms > 0 {
		i = min(1+int(math.Log2(float64(ms))), len(s)-1)
	}
	s[i]++
}

// Add adds another spread.
func (s *Spread) Add(o Spread) {
	for i := range s {
		s[i] += o[i]
	}
}

// N is how many durations were counted.
func (s *Spread) N() (n int64) {
	for _, x := range s {
		n += x
	}
	return n
}

// Quantile returns the duration that a share q of them does not exceed, to
// within a part of its bucket; 0 when there are none.
func (s *Spread) Quantile(q float64) time.Duration {
	n := s.N()
	if n == 0 {
		return 0
	}
	rank, before := q*float64(n), 0.0
	for i, x := range s {
		if x > 0 && before+float64(x) >= rank {
			low, high := 0.0, 1.0
			if i > 0 {
				low, high = math.Exp2(float64(i-1)), math.Exp2(float64(i))
			}
			part := max(0, rank-before) / float64(x)
			return time.Duration((low + part*(high-low)) * float64(time.Millisecond))
		}
		before += float64(x)
	}
	return time.Duration(math.Exp2(float64(len(s)-1))) * time.Millisecond
}

// hours keeps what sources send by the hour, until it is told, and by the
// minute of the last hour.
type hours struct {
	mu    sync.Mutex
	all   map[hourKey]*Hour
	pulse map[key]*pulse
}

type hourKey struct {
	key
	start int64
}

// pulse counts the events of each of the last minutes.
type pulse struct {
	minute int64 // of the newest
	counts [minutes]int64
}

const minutes = 16

func (h *hours) at(k key, t time.Time) *Hour {
	start := t.UTC().Truncate(time.Hour)
	hk := hourKey{k, start.Unix()}
	if h.all == nil {
		h.all, h.pulse = map[hourKey]*Hour{}, map[key]*pulse{}
	}
	if h.all[hk] == nil {
		h.all[hk] = &Hour{Org: k.org, Source: k.source, Start: start}
	}
	return h.all[hk]
}

// came counts a frame that came in.
func (h *hours) came(f *frame, c Counts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := key{f.org, f.source}
	hour := h.at(k, f.seen)
	c.Waiting = 0
	hour.Counts.Add(c)
	var newest time.Time
	for i := range f.events {
		if f.notes[i]&timed != 0 {
			hour.Lag.add(f.seen.Sub(f.events[i].Time))
			newest = later(newest, f.events[i].Time)
		}
	}
	if !newest.IsZero() {
		hour.Skew.add(skew(f.seen.Sub(newest), f.delay))
	}
	p := h.pulse[k]
	if p == nil {
		p = &pulse{}
		h.pulse[k] = p
	}
	p.add(f.seen.Unix()/60, c.Accepted-c.Dropped)
}

// skew is how far a clock is off when its newest event came after d: all that
// it is ahead, and what it is behind beyond the delay that is expected.
func skew(d, delay time.Duration) time.Duration {
	if d < 0 {
		return -d
	}
	return max(0, d-delay)
}

// went counts what became of a frame.
func (h *hours) went(f *frame, c Counts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.Waiting = 0
	h.at(key{f.org, f.source}, f.seen).Counts.Add(c)
}

// dropped counts what could not wait.
func (h *hours) dropped(k key, n int64, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at(k, now).Counts.Add(Counts{Accepted: n, Dropped: n})
}

func (p *pulse) add(minute, n int64) {
	p.move(minute)
	if p.minute-minute < minutes {
		p.counts[minute%minutes] += n
	}
}

func (p *pulse) move(minute int64) {
	if minute <= p.minute {
		return
	}
	for m := max(p.minute+1, minute-minutes+1); m <= minute; m++ {
		p.counts[m%minutes] = 0
	}
	p.minute = minute
}

// rate is the events a second over the last minutes, five at most.
func (h *hours) rate(k key, now time.Time) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.pulse[k]
	if p == nil {
		return 0
	}
	minute := now.Unix() / 60
	p.move(minute)
	var n int64
	for m := minute - 4; m <= minute; m++ {
		n += p.counts[m%minutes]
	}
	return float64(n) / float64(4*60+now.Unix()%60+1)
}

// take returns what has come since the last take.
func (h *hours) take() []Hour {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Hour, 0, len(h.all))
	for _, x := range h.all {
		out = append(out, *x)
	}
	clear(h.all)
	slices.SortFunc(out, func(a, b Hour) int { return a.Start.Compare(b.Start) })
	return out
}

// giveBack undoes take, when it could not be told.
func (h *hours) giveBack(list []Hour) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range list {
		to := h.at(key{x.Org, x.Source}, x.Start)
		to.Counts.Add(x.Counts)
		to.Lag.Add(x.Lag)
		to.Skew.Add(x.Skew)
	}
}
