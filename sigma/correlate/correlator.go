package correlate

import (
	"container/heap"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Match is an event that a rule matched.
type Match struct {
	Rule string    // the id or the name of the rule
	Time time.Time // of the event
	ID   string    // of the event; kept as it is. Events without one are all taken to be different
	// Field returns the text of a field, a number as it is written. It is called
	// before Add returns, and what it returns is copied.
	Field func(name string) (string, bool)
}

// Correlator runs a Set over a stream of matches. It is for one goroutine.
type Correlator struct {
	set     *Set
	opt     Options
	running []*running
	queue   queue
	timers  timers
	todo    []int32 // correlations with something to do at this instant, ascending
	newest  int64   // time of the newest match
	water   int64   // all that is older was worked
	isOver  bool    // the stream has ended
	hits    []Hit
	stats   Stats
	scratch []byte
}

// New returns a Correlator that remembers nothing.
func New(set *Set, o Options) *Correlator {
	c := &Correlator{set: set, opt: o.withDefaults(), newest: always, water: always}
	c.stats.Lost = map[Reason]int64{}
	for _, s := range set.specs {
		c.running = append(c.running, newRunning(c, s))
	}
	return c
}

var (
	earliest = time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Add takes a match and returns the hits that are certain now: those at
// instants that nothing can come before or at any more. With a Lateness of 0
// these are the instants before the match's own. Hits are in the order of their
// windows' ends, children before parents. The slice is the caller's.
func (c *Correlator) Add(m Match) []Hit {
	feeds := c.set.byRule[m.Rule]
	if len(feeds) == 0 {
		return nil
	}
	if reason := c.refuse(m); reason != "" {
		if c.opt.Shard == 0 {
			c.lose(Loss{Reason: reason, Time: m.Time, ID: m.ID})
		}
		return nil
	}
	at := m.Time.UnixNano()
	for _, f := range feeds {
		c.take(f, at, m.ID, m.Field, nil)
	}
	c.newest = max(c.newest, at)
	c.advance(c.newest)
	c.makeRoom()
	return c.told()
}

func (c *Correlator) refuse(m Match) Reason {
	switch {
	case m.Time.Before(earliest) || m.Time.After(latest):
		return NoTime
	case m.Time.UnixNano() < c.water:
		return Late
	case c.opt.Clock != nil && m.Time.After(c.opt.Clock().Add(c.opt.Ahead)):
		return InFuture
	}
	return ""
}

// Advance says what time it is: no match older than Lateness before it is to
// come. It returns hits as Add does. Without it, time stands still while
// nothing matches, and a window that waits for its end is not decided.
func (c *Correlator) Advance(now time.Time) []Hit {
	if now.Before(earliest) || now.After(latest) {
		return nil
	}
	c.advance(now.UnixNano())
	for _, r := range c.running {
		r.sweep(c.water - 1) // what is due at the watermark is not worked yet
	}
	return c.told()
}

// Flush works all matches that wait, up to the newest. Later ones at the time
// of the newest or before are late.
func (c *Correlator) Flush() []Hit {
	if c.newest != always {
		c.run(c.newest + 1)
	}
	return c.told()
}

// Finish says that the stream has ended and nothing is known of the time after
// it. It flushes, and decides the windows with matches in them that wait for
// their end; that nothing comes after the end of the stream is told of no
// group. Nothing can be added afterwards.
func (c *Correlator) Finish() []Hit {
	if c.newest != always {
		c.run(c.newest + 1)
	}
	c.isOver = true
	c.run(never)
	return c.told()
}

// Stats returns what was done so far.
func (c *Correlator) Stats() Stats {
	s := c.stats
	s.Lost = map[Reason]int64{}
	for reason, n := range c.stats.Lost {
		s.Lost[reason] = n
	}
	for _, r := range c.running {
		s.Groups += len(r.groups)
	}
	s.Waiting = c.queue.len()
	if c.water != always {
		s.Watermark = toTime(c.water)
	}
	return s
}

func (c *Correlator) told() []Hit {
	hits := c.hits
	c.hits = nil
	return hits
}

func (c *Correlator) lose(l Loss) {
	c.stats.Lost[l.Reason]++
	if c.opt.Lost != nil {
		c.opt.Lost(l)
	}
}

// take makes an entry of a match and has it wait for its instant.
func (c *Correlator) take(f feed, at int64, id string, field func(string) (string, bool), events []string) {
	r := c.running[f.spec]
	e := entry{at: at, spec: f.spec, source: f.source, id: id}
	src := &r.sources[f.source]
	known, reason := c.key(r, src, &e, field)
	if !c.owns(r.spec, e.key) {
		return
	}
	if reason == "" {
		reason = c.value(r, src, known, &e, field)
	}
	if reason != "" {
		c.lose(Loss{Reason: reason, Correlation: r.rule, Time: toTime(at), ID: id})
		return
	}
	if events != nil || len(src.carry) > 0 {
		e.more = &carried{fields: []string{string(c.pack(src.carry, field))}, events: events}
	}
	c.stats.Matches++
	if events != nil {
		r.fresh = append(r.fresh, e)
		c.mark(r)
		return
	}
	c.queue.push(e)
}

// key sets the group of an entry, and returns the group when it is known. What
// a known group keeps is used again, so that a match of it copies nothing.
func (c *Correlator) key(r *running, src *source, e *entry, field func(string) (string, bool)) (*group, Reason) {
	packed := c.pack(src.groupBy, field)
	if g := r.groups[string(packed)]; g != nil {
		e.key, e.group = g.key, g
		return g, ""
	}
	e.key = string(packed)
	if len(src.groupBy) > 0 && strings.Trim(e.key, "\x00") == "" {
		return nil, NoGroup
	}
	return nil, ""
}

func (c *Correlator) pack(names []string, field func(string) (string, bool)) []byte {
	b := c.scratch[:0]
	for _, name := range names {
		if value, ok := field(name); ok {
			b = packValue(b, value)
		} else {
			b = packMissing(b)
		}
	}
	c.scratch = b
	return b
}

// value sets what is compared of an entry.
func (c *Correlator) value(r *running, src *source, g *group, e *entry, field func(string) (string, bool)) Reason {
	switch r.kind {
	case countEvents, anyOrder, inOrder:
		return ""
	case countValues, shareOfValue:
		return c.text(src, g, e, field)
	}
	text, ok := field(src.fields[0])
	if !ok {
		return NoValue
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || math.IsInf(x, 0) || math.IsNaN(x) {
		return NoNumber
	}
	e.number = x + 0 // a zero has no sign here
	return ""
}

func (c *Correlator) text(src *source, g *group, e *entry, field func(string) (string, bool)) Reason {
	b := c.scratch[:0]
	for _, name := range src.fields {
		value, ok := field(name)
		if !ok {
			return NoValue
		}
		if len(src.fields) == 1 {
			b = append(b, value...)
		} else {
			b = packValue(b, value)
		}
	}
	c.scratch = b
	if g != nil {
		if w, ok := g.window.(*valueWindow); ok {
			if cell := w.cells[string(b)]; cell != nil {
				e.value = cell.value
				return ""
			}
		}
	}
	e.value = string(b)
	return ""
}

// owns reports whether a group is of this shard. Chains stay together.
func (c *Correlator) owns(s *spec, key string) bool {
	if c.opt.Shards == 1 {
		return true
	}
	if s.isChained() {
		return s.family%c.opt.Shards == c.opt.Shard
	}
	return shardOf(key, c.opt.Shards) == c.opt.Shard
}

// makeRoom works the oldest instants early when too much waits.
func (c *Correlator) makeRoom() {
	for c.queue.len() > c.opt.MaxWaiting {
		at, _ := c.queue.next()
		n := c.queue.len()
		c.run(at + 1)
		c.stats.Early += int64(n - c.queue.len())
	}
}

// advance moves the watermark to Lateness before a time.
func (c *Correlator) advance(now int64) {
	if c.opt.Lateness < longestSpan {
		c.run(now - int64(c.opt.Lateness))
	}
}

// run works all instants before a time, in order: those of matches and those
// of timers.
func (c *Correlator) run(until int64) {
	if until <= c.water {
		return
	}
	for {
		at, ok := c.queue.next()
		if len(c.timers) > 0 && (!ok || c.timers[0].due < at) {
			at, ok = c.timers[0].due, true
		}
		if !ok || at >= until {
			break
		}
		c.instant(at)
	}
	c.water = until
}

// instant works all that is at one time, children before parents.
func (c *Correlator) instant(at int64) {
	c.queue.take(at, func(e *entry) {
		r := c.running[e.spec]
		r.fresh = append(r.fresh, *e)
		c.mark(r)
	})
	for len(c.timers) > 0 && c.timers[0].due == at {
		g := heap.Pop(&c.timers).(*group)
		g.of.due = append(g.of.due, g)
		c.mark(g.of)
	}
	for len(c.todo) > 0 {
		r := c.running[c.todo[0]]
		c.todo = slices.Delete(c.todo, 0, 1)
		r.isMarked = false
		r.work(at)
	}
}

// mark has a correlation worked at this instant.
func (c *Correlator) mark(r *running) {
	if r.isMarked {
		return
	}
	r.isMarked = true
	i, _ := slices.BinarySearch(c.todo, r.index)
	c.todo = slices.Insert(c.todo, i, r.index)
}
