package ingest_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

// nowhere is a store that keeps nothing.
type nowhere struct{ logs.Store }

func (nowhere) Add(context.Context, string, []event.Event) error { return nil }
func (nowhere) Settled(context.Context) (time.Time, error)       { return time.Now(), nil }
func (nowhere) Flush(context.Context) error                      { return nil }
func (nowhere) Limits() logs.Limits {
	return logs.Limits{Bytes: ingest.MaxEvent, Fields: ingest.MaxFields}
}

// BenchmarkTake is the way of real events of Windows to the disk: reading them,
// and the spool. An operation is one event.
func BenchmarkTake(b *testing.B) {
	lines := testenv.Windows(b)
	in, err := ingest.Open(b.Context(), ingest.Config{Dir: b.TempDir(), Store: nowhere{}, Formats: all.Formats()})
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close(context.Background())
	b.SetBytes(int64(len(bytes.Join(lines, nil)) / len(lines)))
	for n := 0; n < b.N; {
		batch := ingest.Batch{Org: "a", Source: "x"}
		for range min(400, b.N-n) {
			batch.Records = append(batch.Records, ingest.Record{Data: lines[n%len(lines)]})
			n++
		}
		if got, err := in.Take(b.Context(), batch); err != nil || len(got.Rejected) > 0 {
			b.Fatal(err, got.Rejected)
		}
	}
	if err := in.Drained(b.Context()); err != nil {
		b.Fatal(err)
	}
}
