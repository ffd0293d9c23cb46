package app

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/sample"
)

// saying is a file in the data folder of the sample organisation that says up to
// when its machines have said what they said long ago. It is there until they
// have said all.
const saying = "saying"

const (
	// stretch is how much of the past is sent at once.
	stretch = 7 * 24 * time.Hour
	// breath is the time between two stretches. The engine writes what is new after
	// some seconds, and until then each day of it takes half a MB of memory.
	breath = 300 * time.Millisecond
	// pastMemory is from how many bytes on garbage is collected more often meanwhile.
	pastMemory = 200 << 20
	// stuckAfter is how long the past waits for the store while nothing goes on.
	stuckAfter = 5 * time.Minute
)

// unsaid returns what sends the rest of the past; nil when all is sent.
func unsaid(folder string, o *sample.Organisation) func(context.Context, *App) error {
	mark := filepath.Join(folder, saying)
	text, err := os.ReadFile(mark)
	if err != nil {
		return nil
	}
	from, err := time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	if err != nil {
		return nil
	}
	return func(ctx context.Context, a *App) error {
		s, err := a.openSenders(ctx, a.Config.Now().Add(24*time.Hour))
		if err != nil {
			return err
		}
		defer s.close()
		s.past = true
		end := o.Now.Add(-lately)
		for ; from.Before(end); from = from.Add(stretch) {
			if err := s.send(ctx, o.Filed(from, earlier(from.Add(stretch), end))); err != nil {
				return err
			}
			if err := a.stored(ctx); err != nil {
				return err
			}
			if err := said(folder, from.Add(stretch)); err != nil {
				return err
			}
		}
		return os.Remove(mark)
	}
}

// said notes up to when the machines have spoken. The mark is never half there:
// what cannot be read would count as all.
func said(folder string, to time.Time) error {
	mark := filepath.Join(folder, saying)
	if err := os.WriteFile(mark+".new", []byte(to.UTC().Format(time.RFC3339)), 0o600); err != nil {
		return err
	}
	return os.Rename(mark+".new", mark)
}

// stored waits until all that came is in the store, and then for a breath: what is
// sent faster than it is stored and written waits in memory.
func (a *App) stored(ctx context.Context) error {
	if a.Intake == nil {
		return fault.New(fault.Unavailable, "the past of the sample has nowhere to go: this program takes no events in")
	}
	return caughtUp(ctx, a.Intake, a.Config.Now(), stuckAfter)
}

// caughtUp waits until what came before a moment is in the store.
func caughtUp(ctx context.Context, in *ingest.Intake, came time.Time, held time.Duration) error {
	ctx, stop := unlessStuck(ctx, in, held)
	defer stop()
	for pause := breath; ; pause = 10 * time.Millisecond {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		if !in.Known().Before(came) {
			return nil
		}
	}
}

// drained waits until nothing waits.
func drained(ctx context.Context, in *ingest.Intake, held time.Duration) error {
	ctx, stop := unlessStuck(ctx, in, held)
	defer stop()
	if in.Drained(ctx) != nil {
		return context.Cause(ctx)
	}
	return nil
}

// unlessStuck returns a context for who waits for the store. It ends with the reason
// when events were kept from it for so long, or stood still for stuckAfter without one:
// a server waits until somebody makes room, a sample does not.
func unlessStuck(ctx context.Context, in *ingest.Intake, held time.Duration) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancelCause(ctx)
	go func() {
		look := time.NewTicker(max(held/10, time.Millisecond))
		defer look.Stop()
		var known time.Time
		var spool int64
		free, moved := time.Now(), time.Now() // when it was so last
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
			}
			state, now := in.State(), time.Now()
			if state.Holding == "" {
				free = now
			}
			if at := in.Known(); !at.Equal(known) || state.Spool != spool {
				known, spool, moved = at, state.Spool, now
			}
			if now.Sub(free) >= held || now.Sub(moved) >= stuckAfter {
				stop(fault.New(fault.Unavailable, "the events of the sample are not stored: %s", cmp.Or(state.Holding, fmt.Sprintf("nothing has gone on for %s", stuckAfter))).
					WithHint("start the program again when that is mended"))
				return
			}
		}
	}()
	return ctx, func() { stop(nil) }
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// sayPast lets the sample's machines say what they said long ago, while pages
// answer. That it fails is told and ends nothing.
func (a *App) sayPast(ctx context.Context) error {
	before := debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(before, pastMemory))
	err := a.unsaid(ctx, a)
	debug.SetMemoryLimit(before)
	if err != nil && ctx.Err() == nil {
		a.Config.Log.ErrorContext(ctx, "the past of the sample organisation is not whole", "error", err)
	}
	<-ctx.Done()
	return ctx.Err()
}
