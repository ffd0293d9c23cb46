package logs

import (
	"fmt"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/binnaclehq/binnacle/internal/event"
)

// Rows of streams that have one number by chance are each of their own stream.
func TestStreamsOfOneNumber(t *testing.T) {
	s := opened(t, nil)
	now := time.Now()
	for i, of := range []struct{ source, host string }{{"a", ""}, {"a", "h"}, {"b", "h"}, {"b", "h"}, {"a", ""}, {"", ""}} {
		fields := []logstorage.Field{{Name: event.Host, Value: of.host}, {Name: event.FieldSource, Value: of.source}, {Name: "n", Value: fmt.Sprint(i)}}
		s.gather.add(7, row{tenant: 1, source: of.source, host: of.host, at: now.UnixNano(), fields: fields, size: 1}, now)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if _, err := s.Rows(t.Context(), Query{Org: "one", Text: "*"}, func(r Row) error {
		got[r.Get("n")] = r.Get("_stream")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{`{binnacle.source="a"}`, `{binnacle.source="a",host.name="h"}`, `{binnacle.source="b",host.name="h"}`, `{binnacle.source="b",host.name="h"}`, `{binnacle.source="a"}`, `{}`} {
		if got[fmt.Sprint(n)] != want {
			t.Errorf("row %d is of %s, want %s", n, got[fmt.Sprint(n)], want)
		}
	}
}

// A stream of many rows begins again with what holds many, as long as rows come.
func TestWritersOfManyRows(t *testing.T) {
	s := opened(t, nil)
	g, now := s.gather, time.Now()
	g.over = true // nothing is tidied but here
	add := func(stream uint64, size int) {
		g.add(stream, row{tenant: 1, source: "s", at: now.UnixNano(), fields: []logstorage.Field{{Name: "a", Value: "b"}}, size: size}, now)
	}
	add(1, fullBlock)
	add(2, largeHeap)
	add(3, largeHeap-1)
	g.hand(time.Time{})
	if want := 2; len(g.big.list) != want || !g.large[1] || !g.large[2] || g.large[3] {
		t.Errorf("%d writers are kept for %v, want %d", len(g.big.list), g.large, want)
	}
	add(3, 1)
	if len(g.big.list) != 2 {
		t.Error("a stream of few rows has a writer for many")
	}
	add(2, 1)
	if len(g.big.list) != 1 {
		t.Error("a stream of many rows has a writer for few")
	}
	g.hand(time.Time{})
	if g.large[2] {
		t.Error("a stream is said to have many rows that had few")
	}
	for range 2 * gatherMost / fullBlock {
		g.big.put(writers.Get().(*logstorage.LogRows))
	}
	if want := gatherMost / fullBlock; len(g.big.list) != want {
		t.Errorf("%d writers are kept, want %d", len(g.big.list), want)
	}
	g.tidy()
	if len(g.big.list) != 0 || len(g.large) != 0 {
		t.Error("something is kept though nothing comes")
	}
}
