package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// fullStore has no room.
type fullStore struct{ logs.Store }

func (fullStore) Add(context.Context, string, []event.Event) error {
	return fault.New(fault.Unavailable, "the disk is full").WithHint("make room")
}
func (fullStore) Flush(context.Context) error                { return nil }
func (fullStore) Settled(context.Context) (time.Time, error) { return time.Time{}, nil }
func (fullStore) Limits() logs.Limits                        { return logs.Limits{Bytes: 1 << 20, Fields: 100} }
func (fullStore) Rows(context.Context, logs.Query, func(logs.Row) error) (logs.Outcome, error) {
	return logs.Outcome{}, nil
}

// stuck is an intake whose store takes nothing.
func stuck(t *testing.T) *ingest.Intake {
	in, err := ingest.Open(t.Context(), ingest.Config{Dir: t.TempDir(), Store: fullStore{}, Formats: all.Formats()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, stop := context.WithCancel(context.Background())
		stop()
		in.Close(ctx)
	})
	return in
}

func take(t *testing.T, in *ingest.Intake) {
	t.Helper()
	if _, err := in.Take(t.Context(), ingest.Batch{Org: "default", Source: "s", Records: []ingest.Record{{Data: []byte(`{"a":1}`)}}}); err != nil {
		t.Fatal(err)
	}
}

// A sample whose events cannot be stored says why, and does not wait for ever.
func TestStored(t *testing.T) {
	in := stuck(t)
	if err := drained(t.Context(), in, time.Millisecond); err != nil {
		t.Errorf("nothing waits: %v", err)
	}
	take(t, in)
	err := drained(t.Context(), in, 50*time.Millisecond)
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "the disk is full; make room") {
		t.Errorf("got %v", err)
	}
}

// The past of a sample is given up when nothing goes on, and says why; it waits
// no longer than the program runs.
func TestPastIsStuck(t *testing.T) {
	in := stuck(t)
	if err := caughtUp(t.Context(), in, time.Now(), time.Millisecond); err != nil {
		t.Errorf("nothing waits: %v", err)
	}
	take(t, in)
	came := time.Now()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if err := caughtUp(ctx, in, came, time.Second); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "the disk is full; make room") || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	ctx, stop = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if err := caughtUp(ctx, in, came, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("when the program ends: %v", err)
	}
	if err := (&App{}).stored(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without a way in: %v", err)
	}
}
