package ingest

import (
	"maps"
	"time"
)

// Counts are what became of the events of a source, since its first one. At
// every moment, and after every crash,
//
//	Accepted = Stored + Duplicate + Dropped + Waiting + the sum of Rejected
type Counts struct {
	Accepted  int64            `json:"accepted"`           // records that senders were told are taken, or refused for good
	Stored    int64            `json:"stored"`             // in the event engine
	Duplicate int64            `json:"duplicate"`          // had been there before, by their id
	Dropped   int64            `json:"dropped"`            // could neither wait nor be sent again
	Waiting   int64            `json:"waiting"`            // lie in the spool
	Rejected  map[string]int64 `json:"rejected,omitempty"` // by reason: they can never be stored

	Evaluated int64 `json:"evaluated"` // went past the detections
	Matched   int64 `json:"matched"`   // of them, those that a rule or an indicator matched
	Repaired  int64 `json:"repaired"`  // bytes that are no text were replaced
	Panics    int64 `json:"panics"`    // records that a parser broke at
	Bytes     int64 `json:"bytes"`     // of the events that came, as they are stored

	First     time.Time `json:"first,omitzero"`     // when the first came
	Last      time.Time `json:"last,omitzero"`      // when the last came
	LastEvent time.Time `json:"lastEvent,omitzero"` // the latest that happened, by its own word
}

// Refused is the sum of Rejected.
func (c *Counts) Refused() (n int64) {
	for _, x := range c.Rejected {
		n += x
	}
	return n
}

// Missing is how many of the accepted are nowhere: always 0.
func (c *Counts) Missing() int64 {
	return c.Accepted - c.Stored - c.Duplicate - c.Dropped - c.Waiting - c.Refused()
}

func (c Counts) clone() Counts {
	c.Rejected = maps.Clone(c.Rejected)
	return c
}

// Add adds other counts.
func (c *Counts) Add(o Counts) {
	for _, p := range [][2]*int64{{&c.Accepted, &o.Accepted}, {&c.Stored, &o.Stored}, {&c.Duplicate, &o.Duplicate}, {&c.Dropped, &o.Dropped}, {&c.Waiting, &o.Waiting},
		{&c.Evaluated, &o.Evaluated}, {&c.Matched, &o.Matched}, {&c.Repaired, &o.Repaired}, {&c.Panics, &o.Panics}, {&c.Bytes, &o.Bytes}} {
		*p[0] += *p[1]
	}
	for reason, n := range o.Rejected {
		c.reject(reason, n)
	}
	if c.First.IsZero() || !o.First.IsZero() && o.First.Before(c.First) {
		c.First = o.First
	}
	c.Last, c.LastEvent = later(c.Last, o.Last), later(c.LastEvent, o.LastEvent)
}

func (c *Counts) reject(reason string, n int64) {
	if c.Rejected == nil {
		c.Rejected = map[string]int64{}
	}
	c.Rejected[reason] += n
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// of is what a frame counts when it has come in.
func (f *frame) came() Counts {
	c := Counts{Accepted: f.took.accepted, Duplicate: f.took.duplicate, Dropped: f.took.dropped, Repaired: f.took.repaired, Panics: f.took.panics, Waiting: int64(len(f.events)),
		Rejected: f.took.rejected, Bytes: int64(len(f.lines))}
	if c.Dropped < c.Accepted {
		c.First, c.Last = f.seen, f.seen
	}
	for i := range f.events {
		if f.notes[i]&timed != 0 {
			c.LastEvent = later(c.LastEvent, f.events[i].Time)
		}
	}
	return c
}

// went is what a frame counts, beside came, when its events are stored.
func (f *frame) went(r result) Counts {
	n := int64(len(f.events))
	refused := int64(0)
	for _, x := range r.rejected {
		refused += x
	}
	return Counts{Waiting: -n, Stored: n - r.duplicate - refused, Rejected: r.rejected, Duplicate: r.duplicate, Evaluated: r.evaluated, Matched: r.matched}
}

// result is what became of the events of a frame.
type result struct {
	duplicate, evaluated, matched int64
	rejected                      map[string]int64
	done                          bool
}

// key is a source of an organisation.
type key struct{ org, source string }

// ledger holds the counts of all sources.
type ledger map[key]*Counts

func (l ledger) at(org, source string) *Counts {
	k := key{org, source}
	if l[k] == nil {
		l[k] = &Counts{}
	}
	return l[k]
}

func (l ledger) clone() ledger {
	out := make(ledger, len(l))
	for k, c := range l {
		copied := c.clone()
		out[k] = &copied
	}
	return out
}
