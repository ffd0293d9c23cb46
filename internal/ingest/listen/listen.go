// Package listen brings events in beside HTTP: it listens for syslog, GELF and
// OpenTelemetry over gRPC, follows files and the journal, reads folders of
// CloudTrail and asks GitHub for its audit log. Each of these is a collector,
// which a URL describes (Parse). All of them hand what they find to an
// ingest.Taker and wait while it takes nothing, so that what can wait is not lost.
//
// A collector that reads what lies somewhere remembers how far it came, after the
// Taker has it and not before. What it hands over once more after a crash carries
// the same ids.
package listen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
)

// Config is what collectors work with.
type Config struct {
	Taker ingest.Taker
	Dir   string // the folder of what they remember; made when it is not there
	Org   string // whose events they are, where a URL has no org
	// CheckOrg returns an error for an organisation that does not exist; nil: all do.
	CheckOrg func(ctx context.Context, org string) error
	// Token says for whom the holder of a token sends, to a source he names or
	// to "": the organisation, and the name of the source. Nil: tokens are refused.
	Token func(ctx context.Context, token, source string) (org, name string, err error)
	// SourceOf returns the name of the source to which what a machine sends
	// belongs, by its name or by the address it sends from; "" where none claims it.
	// It is asked for every message, so that it remembers. Nil: none does.
	SourceOf func(org, host string, from netip.Addr) string
	// Zone returns the zone of times of a source that do not say theirs; nil is UTC.
	Zone   func(org, source string) *time.Location
	Secret func(ctx context.Context, org, name string) (string, error) // a stored secret; nil: there are none
	Client *http.Client                                                // for addresses of users; nil: http.DefaultClient
	Log    *slog.Logger                                                // nil: nothing is logged
	Now    func() time.Time                                            // nil: the time
}

// Set is the collectors of a server.
type Set struct {
	list []*collector
}

// collector is one of them: its description, what it does, and how it fares.
type collector struct {
	Spec
	cfg *Config
	worker
	state
}

// worker is what a kind of collector does.
type worker interface {
	// run collects until ctx ends. What was handed over by then is remembered.
	run(ctx context.Context) error
	// close frees what Open made, when run is not called.
	close()
}

// Open makes the collectors ready: it listens at their addresses and reads what
// they remember. An error is a fault that names the flag.
func Open(ctx context.Context, cfg Config, specs []Spec) (_ *Set, err error) {
	cfg.fill()
	s := &Set{}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if len(specs) > 0 {
		if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
			return nil, err
		}
	}
	for _, spec := range specs {
		if spec.Org == "" {
			spec.Org = cfg.Org
		}
		if cfg.CheckOrg != nil {
			if err := cfg.CheckOrg(ctx, spec.Org); err != nil {
				return nil, spec.wrong("there is no organisation %q", spec.Org).WithHint("give the id of one, or leave org= away for the home organisation")
			}
		}
		c := &collector{Spec: spec, cfg: &cfg}
		if c.worker, err = spec.kind.open(c); err != nil {
			return nil, err
		}
		s.list = append(s.list, c)
	}
	return s, nil
}

func (cfg *Config) fill() {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Client == nil {
		cfg.Client = http.DefaultClient
	}
}

// Run collects until ctx ends and what is under way is handed over. A collector
// that fails tells so in its Status and begins anew; the others go on.
func (s *Set) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, c := range s.list {
		all.Go(func() { c.keepRunning(ctx) })
	}
	<-ctx.Done()
	all.Wait()
	return ctx.Err()
}

// Close frees the addresses of collectors that are not running.
func (s *Set) Close() {
	if s == nil {
		return
	}
	for _, c := range s.list {
		c.worker.close()
	}
}

// Status tells how the collectors fare, in the order they were given.
func (s *Set) Status() []Status {
	if s == nil {
		return nil
	}
	var out []Status
	for _, c := range s.list {
		out = append(out, c.status(c.Spec))
	}
	return out
}

// Waits after failures: they double from the first to the last.
const (
	firstWait = 200 * time.Millisecond
	lastWait  = 30 * time.Second
)

// backoff is the wait after the n-th failure in a row, from 0.
func backoff(n int) time.Duration { return min(firstWait<<min(n, 10), lastWait) }

func (c *collector) keepRunning(ctx context.Context) {
	for failures := 0; ; failures++ {
		begun := time.Now()
		err := c.guarded("", func() error { return c.worker.run(ctx) })
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > lastWait {
			failures = 0
		}
		if err == nil {
			err = errors.New("it ended")
		}
		c.failed(err)
		if !sleep(ctx, backoff(failures)) {
			return
		}
	}
}

// guarded turns what breaks in f into an error: one message, however it is made,
// ends no server. From says who sent it.
func (c *collector) guarded(from string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.cfg.Log.Error("a collector broke, which is a mistake of the program", "collect", c.Spec.String(), "from", from, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("a mistake of the program: %v", p)
		}
	}()
	return f()
}

// sleep waits, and reports whether ctx goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// lastTake is how long what was read may take to be handed over at the end.
const lastTake = 5 * time.Second

// take hands records of the collector's own source over.
func (c *collector) take(ctx context.Context, records []ingest.Record) error {
	return c.takeFor(ctx, c.Source, records)
}

// batch is records of a source, with what the URL says of all of them.
func (c *collector) batch(org, source string, records []ingest.Record) ingest.Batch {
	b := ingest.Batch{Org: org, Source: source, Format: c.Format, Records: records}
	if c.Params.Has("zone") {
		b.Zone = c.Zone
	}
	return b
}

// takeFor hands records over, as often as it needs; an error means that ctx ended
// first and nothing was taken. A batch that is offered as ctx ends has a little
// while, since a sender over TCP does not know that it was not taken.
func (c *collector) takeFor(ctx context.Context, source string, records []ingest.Record) error {
	if len(records) == 0 {
		return nil
	}
	b := c.batch(c.Org, source, records)
	for failures := 0; ; failures++ {
		r, err := c.takeOnce(ctx, b)
		if err == nil {
			c.taken(r, c.cfg.Now())
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		wait := backoff(failures)
		var f *fault.Error
		if errors.As(err, &f) && f.Kind == fault.RateLimited {
			c.waiting(err)
			wait = min(max(f.RetryAfter, firstWait), lastWait)
		} else {
			c.failed(err)
		}
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

// takeOnce lets a call of Take that is under way when ctx ends come to its end.
func (c *collector) takeOnce(ctx context.Context, b ingest.Batch) (ingest.Receipt, error) {
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(lastTake, cancel) })
	defer stop()
	return c.cfg.Taker.Take(last, b)
}
