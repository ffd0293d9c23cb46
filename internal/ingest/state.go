package ingest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Source is how a source is doing on this node.
type Source struct {
	Org, Name string
	Counts    Counts
	Rate      float64 // events a second over the last five minutes
	Samples   []Sample
}

// Sources returns the sources of an organisation on this node, by name; of all
// when org is "".
func (in *Intake) Sources(org string) []Source {
	var out []Source
	in.line.mu.Lock()
	for k, c := range in.line.live {
		if org == "" || k.org == org {
			out = append(out, Source{Org: k.org, Name: k.source, Counts: c.clone()})
		}
	}
	in.line.mu.Unlock()
	now := in.now()
	for i := range out {
		k := key{out[i].Org, out[i].Name}
		out[i].Rate, out[i].Samples = in.hours.rate(k, now), in.samples.of(k)
	}
	slices.SortFunc(out, func(a, b Source) int { return cmp.Or(cmp.Compare(a.Org, b.Org), cmp.Compare(a.Name, b.Name)) })
	return out
}

// State is how the way of the events is.
type State struct {
	Node     uint64
	Spool    int64 // bytes on the disk
	MaxSpool int64
	Refused  int64     // batches that were told to come again later, since the start
	Holding  string    // why events wait; "" when they go on
	Since    time.Time // of Holding
}

// State returns the state of this node.
func (in *Intake) State() State {
	in.mu.Lock()
	s := State{Node: in.node, Spool: in.onDisk + in.queued, MaxSpool: in.cfg.MaxSpool}
	in.mu.Unlock()
	in.line.mu.Lock()
	s.Refused = in.line.refusals
	if in.line.holding != nil {
		s.Holding, s.Since = in.line.holding.Error(), in.line.since
		if hint := fault.HintOf(in.line.holding); hint != "" {
			s.Holding += "; " + hint
		}
	}
	in.line.mu.Unlock()
	return s
}

// Hours returns what has come since it was asked last, by source and hour.
// What could not be kept is given back by Return.
func (in *Intake) Hours() []Hour { return in.hours.take() }

// Return gives back what Hours gave.
func (in *Intake) Return(list []Hour) { in.hours.giveBack(list) }

// Drained waits until nothing waits, or ctx ends.
func (in *Intake) Drained(ctx context.Context) error {
	in.line.drain(ctx)
	return ctx.Err()
}
