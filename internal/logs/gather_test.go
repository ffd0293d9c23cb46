package logs

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// many are events of a host, of about a kilobyte each.
func many(host string, n int) []event.Event {
	now := time.Now()
	list := make([]event.Event, n)
	for i := range list {
		list[i] = event.Event{ID: host + strconv.Itoa(i), Time: now.Add(time.Duration(i) * time.Microsecond), Seen: now, Source: "s", Format: "json",
			Line: fmt.Appendf(nil, `{"host.name":%q,"n":%d,"text":"%s"}`, host, i, strings.Repeat("lorem ipsum ", 80))}
	}
	return list
}

func counted(t testing.TB, s *Embedded) (n int) {
	t.Helper()
	_, err := s.Rows(t.Context(), Query{Org: "one", Text: "* | stats count() n"}, func(r Row) error {
		n, _ = strconv.Atoi(r.Get("n"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFullBlocks: what comes fast goes to the engine in full blocks of one stream,
// however the events of streams are mixed, and the rest of each stream with the flush.
func TestFullBlocks(t *testing.T) {
	s := opened(t, nil)
	var mu sync.Mutex
	var given []int // bytes of each block
	all := 0
	s.gather.to = func(rows *logstorage.LogRows) {
		mu.Lock()
		defer mu.Unlock()
		size, hosts := 0, map[string]bool{}
		rows.ForEachRow(func(_ uint64, r *logstorage.InsertRow) {
			size += logstorage.EstimatedJSONRowLen(r.Fields)
			hosts[r.StreamTagsCanonical] = true
		})
		if len(hosts) != 1 {
			t.Errorf("rows of %d streams are given together", len(hosts))
		}
		given, all = append(given, size), all+rows.RowsCount()
	}
	a, b := many("a", 12_000), many("b", 7_000)
	for i := 0; i < len(a); i += 100 {
		list := a[i : i+100 : i+100]
		if i < len(b) {
			list = append(list, b[i:i+100]...)
		}
		if err := s.Add(t.Context(), "one", list); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	parts := 0
	for _, size := range given {
		if size < fullBlock {
			parts++
		}
	}
	if all != len(a)+len(b) || parts > 2 {
		t.Errorf("%d rows came in blocks of %v bytes, %d of them not full", all, given, parts)
	}
}

// TestBlocksOfAnyOrder: a full block stays one when the engine has it in the order of
// times, however its rows came: none is cut off, and few are where rows are of very
// different sizes.
func TestBlocksOfAnyOrder(t *testing.T) {
	for name, test := range map[string]struct{ rows, from, to, most int }{"alike": {9_000, 40, 340, 0}, "of any size": {6_000, 1, 4_000, 40}} { // of 100
		t.Run(name, func(t *testing.T) { blocksOfAnyOrder(t, test.rows, test.from, test.to, test.most) })
	}
}

func blocksOfAnyOrder(t *testing.T, n, from, to, most int) {
	s := opened(t, nil)
	chance := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	full, cut, parts, all := 0, 0, 0, 0
	s.gather.to = func(rows *logstorage.LogRows) {
		mu.Lock()
		defer mu.Unlock()
		type row struct {
			at   int64
			size int
		}
		var list []row
		size := 0
		rows.ForEachRow(func(_ uint64, r *logstorage.InsertRow) {
			list = append(list, row{r.Timestamp, logstorage.EstimatedJSONRowLen(r.Fields)})
			size += list[len(list)-1].size
		})
		all += len(list)
		if size < fullBlock {
			parts++
			return
		}
		full++
		slices.SortFunc(list, func(a, b row) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(b.size, a.size)) })
		if last := list[len(list)-1].size; size-last >= fullBlock {
			cut++
		}
	}
	list := many("a", n)
	for i := range list {
		switch list[i].Time = list[i].Time.Truncate(time.Millisecond); 3 * i / n { // several are of one time
		case 1:
			list[i].Time = list[i].Time.Add(time.Duration(chance.IntN(1e9)))
		case 2:
			list[i].Time = list[i].Time.Add(-time.Duration(i) * time.Second)
		}
		list[i].Line = fmt.Appendf(nil, `{"host.name":"a","text":"%s"}`, strings.Repeat("lorem ipsum ", from+chance.IntN(to-from)))
	}
	if err := s.Add(t.Context(), "one", list); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all != len(list) || full < 8 || parts > 2 || s.gather.held.Load() != 0 {
		t.Errorf("%d rows came in %d full blocks and %d others, %d bytes are held", all, full, parts, s.gather.held.Load())
	}
	if 100*cut > most*full {
		t.Errorf("of %d full blocks %d are cut off", full, cut)
	}
}

// TestNoWait: what comes slowly is found soon, without a flush.
func TestNoWait(t *testing.T) {
	s := opened(t, nil)
	if err := s.Add(t.Context(), "one", many("a", 1)); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(20 * time.Second); counted(t, s) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the event is not found")
		}
	}
	s.gather.mu.RLock()
	defer s.gather.mu.RUnlock()
	if len(s.gather.heaps) > 0 || s.gather.held.Load() != 0 {
		t.Errorf("%d heaps are left, with %d bytes", len(s.gather.heaps), s.gather.held.Load())
	}
}

// TestWaits: rows wait for a full block as long as it may come within a second.
func TestWaits(t *testing.T) {
	start := time.Now()
	for _, test := range []struct {
		full      bool
		size      int
		age, came time.Duration // of the first row, since the last
		want      bool
	}{
		{false, 1, 40 * time.Millisecond, 40 * time.Millisecond, true}, {false, 1, 60 * time.Millisecond, 0, false},
		{false, fullBlock / 2, 400 * time.Millisecond, 0, true}, {false, fullBlock / 2, 600 * time.Millisecond, 0, false},
		{true, 1, 900 * time.Millisecond, 200 * time.Millisecond, true}, {true, 1, 300 * time.Millisecond, 300 * time.Millisecond, false},
		{true, fullBlock - 1, time.Second, 0, false},
	} {
		h := &heap{full: test.full, block: block{size: test.size, since: start}, came: start.Add(test.age - test.came)}
		if got := h.waits(start.Add(test.age)); got != test.want {
			t.Errorf("%+v: waits %v", test, got)
		}
	}
	if (&heap{block: block{since: start}}).waits(time.Time{}) {
		t.Error("rows wait though all are wanted")
	}
}

// TestNextBound: what waits for the next block is never one itself.
func TestNextBound(t *testing.T) {
	s := opened(t, nil)
	now := time.Now()
	add := func(at, size int) {
		s.gather.add(1, row{tenant: 1, source: "s", at: now.UnixNano() + int64(at), size: size, fields: []logstorage.Field{{Name: "a", Value: "b"}}}, now)
	}
	add(2, 10)
	add(1, fullBlock-100)
	add(0, nextMost) // cut off, and waits
	h := s.gather.heaps[1]
	if h.block.size != fullBlock-90 || h.next.size != nextMost {
		t.Errorf("%d bytes are in the block and %d wait for the next", h.block.size, h.next.size)
	}
	add(0, 1000) // there is no room for it to wait
	if h.block.size != nextMost || h.next.size != 0 {
		t.Errorf("%d bytes are in the next block and %d behind it", h.block.size, h.next.size)
	}
}

// TestGatherBound: many streams do not hold more than they may, and a close loses
// nothing of what they hold.
func TestGatherBound(t *testing.T) {
	s := opened(t, nil)
	const hosts, each = 300, 350
	for h := range hosts {
		if err := s.Add(t.Context(), "one", many("h"+strconv.Itoa(h), each)); err != nil {
			t.Fatal(err)
		}
		if held := s.gather.held.Load(); held > gatherMost+fullBlock {
			t.Fatalf("%d bytes are held", held)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenEmbedded(s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n := counted(t, again); n != hosts*each {
		t.Errorf("%d of %d events are there", n, hosts*each)
	}
}

// TestFlushWaits: a flush is not done before the engine has all that was added, what
// another brings it at the moment too.
func TestFlushWaits(t *testing.T) {
	s := opened(t, nil)
	under, let := make(chan bool), make(chan bool)
	s.gather.to = func(rows *logstorage.LogRows) {
		under <- true
		<-let
		s.storage.MustAddRows(rows)
	}
	list := many("a", 3_000)
	var sender sync.WaitGroup
	sender.Go(func() {
		if err := s.Add(t.Context(), "one", list); err != nil {
			t.Error(err)
		}
	})
	<-under
	flushed := make(chan error, 1)
	go func() { flushed <- s.Flush(t.Context()) }()
	select {
	case err := <-flushed:
		t.Error("a flush was done while rows were on their way")
		flushed <- err
	case <-time.After(100 * time.Millisecond):
	}
	go func() {
		for range under {
		}
	}()
	close(let)
	sender.Wait()
	if err := <-flushed; err != nil {
		t.Fatal(err)
	}
	if n := counted(t, s); n != len(list) {
		t.Errorf("%d events are there", n)
	}
}

// TestGatherTogether has many bring events at once, while others flush.
func TestGatherTogether(t *testing.T) {
	s := opened(t, nil)
	var senders sync.WaitGroup
	var added atomic.Int64
	for k := range 4 {
		senders.Go(func() {
			for i := range 40 {
				list := many(strconv.Itoa(i%3), 100)
				for j := range list {
					list[j].ID = fmt.Sprint(k, i, j)
				}
				if err := s.Add(t.Context(), "one", list); err != nil {
					t.Error(err)
				}
				added.Add(int64(len(list)))
			}
		})
	}
	for range 10 {
		want := int(added.Load())
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := counted(t, s); n < want {
			t.Errorf("%d of %d events are found after a flush", n, want)
		}
	}
	senders.Wait()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := counted(t, s); n != 16_000 {
		t.Errorf("%d events are there", n)
	}
}

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
	g.timer = time.AfterFunc(time.Hour, func() {}) // nothing is tidied but here
	defer g.timer.Stop()
	add := func(stream uint64, size int) {
		g.add(stream, row{tenant: 1, source: "s", at: now.UnixNano(), fields: []logstorage.Field{{Name: "a", Value: "b"}}, size: size}, now)
	}
	add(1, fullBlock)
	add(2, largeHeap)
	add(3, largeHeap-1)
	g.flush()
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
	g.flush()
	if g.large[2] {
		t.Error("a stream is said to have many rows that had few")
	}
	for range 2 * gatherMost / fullBlock / 2 {
		g.big.put(writers.Get().(*logstorage.LogRows))
	}
	if want := gatherMost / fullBlock / 2; len(g.big.list) != want {
		t.Errorf("%d writers are kept, want %d", len(g.big.list), want)
	}
	g.tidy()
	if len(g.big.list) != 0 || len(g.large) != 0 {
		t.Error("something is kept though nothing comes")
	}
}

// TestBrokenEngine: when the engine breaks at rows, nothing more is taken or said to be
// on the disk: the rows wait in the spool for the next start.
func TestBrokenEngine(t *testing.T) {
	broken := func(events int) *Embedded {
		s := opened(t, nil)
		s.gather.to = func(*logstorage.LogRows) { panic("oh") }
		if err := s.Add(t.Context(), "one", many("a", events)); err != nil {
			t.Fatal(err)
		}
		return s
	}
	// With one event it is what is asked that brings it to the engine.
	for _, events := range []int{1, 4_000} {
		s := broken(events)
		if at, err := s.Settled(t.Context()); err == nil {
			t.Errorf("settled at %s", at)
		}
		s = broken(events)
		if err := s.Flush(t.Context()); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("flush: %v", err)
		}
		if err := s.Add(t.Context(), "one", many("a", 1)); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("add: %v", err)
		}
		if _, _, err := s.Freeze(t.Context()); err == nil {
			t.Error("what is broken is frozen")
		}
	}
}

// TestCloseTidy: what is tidied when a store was closed does not go to the engine.
func TestCloseTidy(t *testing.T) {
	s := opened(t, nil)
	if err := s.Add(t.Context(), "one", many("a", 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.gather.show = func() { t.Error("a closed engine is asked to show what it has") }
	s.gather.last.Store(0)
	s.gather.tidy()
	s.gather.flush()
}
