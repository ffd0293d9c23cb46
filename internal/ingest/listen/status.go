package listen

import (
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
)

// Status tells how a collector fares.
type Status struct {
	Spec  Spec
	State State
	// Where is what it reads just now: the address it listens at with the port
	// that was chosen, or the files and the cursor it has come to.
	Where string
	Open  int // connections or files

	Taken    int64     // records that were handed over and kept
	Rejected int64     // that were handed over and refused
	Dropped  int64     // that could neither wait nor be handed over
	Broken   int64     // connections, calls or files that could not be read
	Last     time.Time // when the last record was handed over; zero: none was

	Err string    // the last failure, for a person; "" for none
	At  time.Time // when that was
}

// State is what a collector does.
type State string

// The states.
const (
	Starting State = "starting"
	Running  State = "running"
	Waiting  State = "waiting" // nothing is taken now; it holds its senders back, or its place
	Failing  State = "failing" // it tries again
)

// state is the Status of a collector as it changes.
type state struct {
	mu sync.Mutex
	s  Status
}

func (t *state) status(spec Spec) Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.s
	s.Spec = spec
	if s.State == "" {
		s.State = Starting
	}
	return s
}

// runs says that a collector does its work at a place.
func (t *state) runs(where string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.State, t.s.Where = Running, where
}

// open counts connections or files that are opened, with -1 that are closed.
func (t *state) open(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Open += n
}

func (t *state) taken(r ingest.Receipt, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.State, t.s.Last = Running, now
	t.s.Taken += int64(r.Accepted - len(r.Rejected))
	t.s.Rejected += int64(len(r.Rejected))
}

func (t *state) dropped(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Dropped += int64(n)
}

func (t *state) waiting(err error) { t.problem(Waiting, err) }

// broke counts what could not be read and goes on.
func (t *state) broke(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Broken++
	t.s.Err, t.s.At = said(err), time.Now()
}

// noted tells of a failure that is counted elsewhere.
func (t *state) noted(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Err, t.s.At = said(err), time.Now()
}

func (t *state) problem(s State, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.State, t.s.Err, t.s.At = s, said(err), time.Now()
}

// said is an error as a person reads it, with what to do.
func said(err error) string {
	text := err.Error()
	if hint := fault.HintOf(err); hint != "" {
		text += "; " + hint
	}
	return text
}

// failed notes a failure after which the collector tries again.
func (c *collector) failed(err error) {
	c.problem(Failing, err)
	c.cfg.Log.Warn("a collector failed and tries again", "collect", c.Spec.String(), "err", said(err))
}
