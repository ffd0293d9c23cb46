package app

import (
	"context"
	"path/filepath"
	"time"

	"github.com/binnaclehq/binnacle/internal/domain/security/sources"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/listen"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/ingest/post"
)

// spool is the folder of events that are taken in and not yet in the engine for
// good.
func (cfg Config) spool() string { return filepath.Join(cfg.Data, "spool") }

// wireSources wires what the pages of sources work with.
func (a *App) wireSources() {
	c := sources.Config{DB: a.DB, Catalog: a.Catalog, Intake: func() *ingest.Intake { return a.Intake }, Collectors: func() []listen.Status { return a.Collectors.Status() }}
	if len(a.Config.Origins) > 0 {
		c.Base = a.Config.Origins[0]
	}
	a.security.Sources = c
	a.Sources = sources.NewDescribed(a.Catalog)
}

// OpenIntake opens the way of events into the installation; a second time it
// does nothing. Who opened it closes it with CloseIntake.
func (a *App) OpenIntake(ctx context.Context) error {
	if a.Intake != nil {
		return nil
	}
	in, err := ingest.Open(ctx, ingest.Config{Dir: a.Config.spool(), Store: a.Logs, Stages: []ingest.Stage{a.Detect}, Formats: all.Formats(), Source: a.Sources.Settings,
		MaxSpool: a.Config.MaxSpool, Verify: a.Config.Logs != "", Now: a.Config.Now, Log: a.Config.Log})
	if err == nil {
		a.Intake = in
	}
	return err
}

// CloseIntake takes nothing more, and stores what has come until ctx ends; the
// rest waits on the disk.
func (a *App) CloseIntake(ctx context.Context) error {
	if a.Intake == nil {
		return nil
	}
	err := a.Intake.Close(ctx)
	a.Intake = nil
	return err
}

// record writes what sources send to the database until ctx ends.
func (a *App) record(ctx context.Context) error {
	(&sources.Recorder{DB: a.DB, Intake: a.Intake, Log: a.Config.Log}).Run(ctx)
	return ctx.Err()
}

// taker gives events to the Intake of a server.
type taker struct{ app *App }

func (t taker) Take(ctx context.Context, b ingest.Batch) (ingest.Receipt, error) {
	if in := t.app.Intake; in != nil {
		return in.Take(ctx, b)
	}
	return ingest.Receipt{}, &fault.Error{Kind: fault.Unavailable, Code: "ingest.closed", Msg: "No events are taken in here now.", Hint: "send them again later", RetryAfter: 10 * time.Second}
}

func (t taker) Offer(b ingest.Batch) ingest.Receipt {
	if in := t.app.Intake; in != nil {
		return in.Offer(b)
	}
	return ingest.Receipt{}
}

// Drop counts what was lost before it could be offered.
func (t taker) Drop(org, source string, n int) {
	if in := t.app.Intake; in != nil {
		in.Drop(org, source, n)
	}
}

// postRoutes are the addresses that events are sent to.
func (a *App) postRoutes() []door.Route {
	return post.Routes(post.Config{Taker: taker{a}, Secret: a.Auth.Secret})
}

// ingestGauges are the numbers of the events that came to this node.
func (a *App) ingestGauges() []door.Gauge {
	if a.Intake == nil {
		return nil
	}
	var out []door.Gauge
	for _, s := range a.Intake.Sources("") {
		add := func(name, help string, n int64, more ...string) {
			labels := map[string]string{"org": s.Org, "source": s.Name}
			for i := 0; i+1 < len(more); i += 2 {
				labels[more[i]] = more[i+1]
			}
			out = append(out, door.Gauge{Name: name, Help: help, Labels: labels, Value: float64(n), Counter: name != "binnacle_ingest_waiting_events"})
		}
		c := s.Counts
		add("binnacle_ingest_accepted_total", "Events that were taken in: the sum of stored, duplicate, rejected, dropped and waiting.", c.Accepted)
		add("binnacle_ingest_stored_total", "Events that are in the event engine.", c.Stored)
		add("binnacle_ingest_duplicate_total", "Events that had been there before, by their id.", c.Duplicate)
		add("binnacle_ingest_dropped_total", "Events that could neither wait nor be sent again.", c.Dropped)
		add("binnacle_ingest_waiting_events", "Events in the spool that are not in the event engine yet.", c.Waiting)
		add("binnacle_ingest_evaluated_total", "Events that went past the detections.", c.Evaluated)
		add("binnacle_ingest_matched_total", "Events that a rule or an indicator matched.", c.Matched)
		add("binnacle_ingest_repaired_total", "Events with bytes that are no text.", c.Repaired)
		add("binnacle_ingest_bytes_total", "Bytes of events as lines.", c.Bytes)
		for reason, n := range c.Rejected {
			add("binnacle_ingest_rejected_total", "Events that can never be stored.", n, "reason", reason)
		}
		if !c.Last.IsZero() {
			out = append(out, door.Gauge{Name: "binnacle_ingest_last_event_timestamp_seconds", Help: "When the last event of a source came.", Labels: map[string]string{"org": s.Org, "source": s.Name}, Value: float64(c.Last.UnixMilli()) / 1000})
		}
	}
	s := a.Intake.State()
	holding := 0.0
	if s.Holding != "" {
		holding = 1
	}
	return append(out,
		door.Gauge{Name: "binnacle_ingest_spool_bytes", Help: "Bytes of the spool.", Value: float64(s.Spool)},
		door.Gauge{Name: "binnacle_ingest_spool_max_bytes", Help: "Bytes that the spool may have; senders are told to come again later above it.", Value: float64(s.MaxSpool)},
		door.Gauge{Name: "binnacle_ingest_refused_batches_total", Help: "Batches whose sender was told to come again later.", Value: float64(s.Refused), Counter: true},
		door.Gauge{Name: "binnacle_ingest_holding", Help: "1 while events wait because the event engine or a detection fails.", Value: holding})
}
