package logs

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
)

const (
	// fullBlock is from how many bytes on, as the engine counts them, a block of it
	// is full. It unpacks a block that is not full, and packs it again, each time it
	// merges the part that the block is in, and with it the full one that comes next.
	fullBlock = 2 << 20
	// largeHeap is from how many bytes on the rows of a stream are many.
	largeHeap = fullBlock / 4
	// gatherFor is how long rows may wait for their block to become full, and
	// gatherMost how much memory those may take that wait, fieldSize for each field
	// beside its text.
	gatherFor  = time.Second
	gatherMost = 128 << 20
	fieldSize  = 64
	// nextMost is how many bytes may wait for the next block of their stream.
	nextMost = fullBlock / 8
	// burstFor is how long a stream that fills blocks may pause.
	burstFor = gatherFor / 4
	// tidyEvery is how often it is looked for what need not wait longer, and quietFor
	// after how long without rows all need not.
	tidyEvery = gatherFor / 10
	quietFor  = 150 * time.Millisecond
)

// gather keeps the rows of each stream until they fill a block of the engine, or
// until it is seen that they will not within gatherFor.
type gather struct {
	to   func(*logstorage.LogRows) // the engine
	show func()                    // has the engine find what it was given

	// under is held by who brings rows, and alone by who waits until all are with
	// the engine.
	under sync.RWMutex
	shut  bool         // the engine is closed
	held  atomic.Int64 // bytes that all heaps take
	last  atomic.Int64 // when the last rows came, by the clock of the system

	// full are full blocks on their way. A few goroutines give them to the engine: it
	// has a buffer for each processor and builds a block while it holds one, so that
	// who brings rows would wait for others that do.
	full chan *logstorage.LogRows
	way  sync.WaitGroup // of full
	ends sync.WaitGroup
	// broke is why the engine does not take rows any more: rows were lost in it. They
	// are still in the spool of who brought them, for a next start.
	broke atomic.Pointer[error]

	big bigWriters

	mu    sync.RWMutex
	heaps map[uint64]*heap
	large map[uint64]bool // the streams whose rows before were many
	timer *time.Timer     // runs while there are heaps
}

// heap is the rows of a stream that wait.
type heap struct {
	mu    sync.Mutex
	block block     // the one that fills
	next  block     // what would have been cut off from it
	came  time.Time // the last row
	large bool      // the rows before were many
	full  bool      // they filled a block
	gone  bool      // it is no longer among the heaps

	source, host string // of the row before
	row          logstorage.InsertRow
}

// block is one of the engine that fills.
type block struct {
	rows  *logstorage.LogRows // nil: none
	size  int                 // as the engine counts
	takes int64               // of memory
	since time.Time

	latest int64 // time of the latest row
	last   int   // size of the latest row, or of the smallest when several are
}

// row is an event as it goes into the engine.
type row struct {
	tenant       uint32
	source, host string // of its stream; no host: the stream is all the source's
	at           int64
	fields       []logstorage.Field
	size         int // as the engine counts
}

// writers hold rows on their way into the engine; their memory is used again.
var writers = sync.Pool{New: func() any { return logstorage.GetLogRows(nil, nil, nil, nil, "") }}

// bigWriters are those that have held many rows, and are for streams that have many.
// They grew by being copied again and again, so they are kept while rows come, where
// those of a sync.Pool go with the next garbage.
type bigWriters struct {
	mu   sync.Mutex
	list []*logstorage.LogRows
}

func (w *bigWriters) get() *logstorage.LogRows {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.list) - 1
	if n < 0 {
		return writers.Get().(*logstorage.LogRows)
	}
	rows := w.list[n]
	w.list[n] = nil
	w.list = w.list[:n]
	return rows
}

// put keeps no more than can wait at once.
func (w *bigWriters) put(rows *logstorage.LogRows) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list) < gatherMost/fullBlock/2 {
		w.list = append(w.list, rows)
	}
}

func (w *bigWriters) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = nil
}

func newGather(s *logstorage.Storage) *gather {
	g := &gather{to: s.MustAddRows, show: s.DebugFlush, heaps: map[uint64]*heap{}, large: map[uint64]bool{}, full: make(chan *logstorage.LogRows, 2*runtime.GOMAXPROCS(0))}
	for range runtime.GOMAXPROCS(0) {
		g.ends.Go(func() {
			for rows := range g.full {
				g.give(rows, true)
				g.way.Done()
			}
		})
	}
	return g
}

// err says why the engine does not take rows any more.
func (g *gather) err() error {
	if err := g.broke.Load(); err != nil {
		return *err
	}
	return nil
}

// comes notes that rows come.
func (g *gather) comes() { g.last.Store(time.Now().UnixNano()) }

// add takes a row of a stream. The fields are copied.
func (g *gather) add(stream uint64, r row, now time.Time) {
	rows := g.heap(stream).add(g, r, now)
	if rows != nil {
		g.way.Add(1)
		g.full <- rows
	} else if g.held.Load() > gatherMost {
		g.hand(time.Time{})
	}
}

// add takes a row into a locked heap, and unlocks it. It returns the rows when they
// are a full block.
func (h *heap) add(g *gather, r row, now time.Time) *logstorage.LogRows {
	defer h.mu.Unlock()
	h.came = now
	b := &h.block
	if b.cut(r) && h.next.size+r.size <= nextMost {
		b = &h.next
	}
	last := b.lastWith(r)
	if b.rows == nil {
		b.rows, b.since = g.writer(h.large), now
	}
	h.tag(r.source, r.host)
	h.row.TenantID.AccountID, h.row.Timestamp, h.row.Fields = r.tenant, r.at, r.fields
	b.rows.MustAddInsertRow(&h.row)
	h.row.Fields = nil
	takes := int64(r.size + fieldSize*len(r.fields))
	b.latest, b.last = max(b.latest, r.at), last
	b.size += r.size
	b.takes += takes
	g.held.Add(takes)
	if h.block.size < fullBlock {
		return nil
	}
	h.large, h.full = true, true
	return h.take(g)
}

// cut reports whether a row would fill the block to more than it holds. The engine has
// the rows in the order of their times, and ends a block where it is full: what is later
// would be a block of its own, of very few rows. Where many rows in turn would, as when
// the latest is much smaller than most, it is so after all.
func (b *block) cut(r row) bool { return b.size+r.size-fullBlock >= b.lastWith(r) }

// lastWith is what last is with one more row.
func (b *block) lastWith(r row) int {
	switch {
	case b.rows == nil || r.at > b.latest:
		return r.size
	case r.at == b.latest:
		return min(b.last, r.size)
	}
	return b.last
}

// tag has the next row be of a stream, which is most often that of the row before.
func (h *heap) tag(source, host string) {
	if h.row.StreamTagsCanonical != "" && h.source == source && h.host == host {
		return
	}
	h.source, h.host = strings.Clone(source), strings.Clone(host)
	tags := logstorage.GetStreamTags()
	defer logstorage.PutStreamTags(tags)
	tags.Add(event.FieldSource, source)
	tags.Add(event.Host, host)
	h.row.StreamTagsCanonical = string(tags.MarshalCanonical(nil))
}

// heap returns that of a stream, locked.
func (g *gather) heap(stream uint64) *heap {
	for {
		g.mu.RLock()
		h := g.heaps[stream]
		g.mu.RUnlock()
		if h == nil {
			h = g.begin(stream)
		}
		h.mu.Lock()
		if !h.gone {
			return h
		}
		h.mu.Unlock()
	}
}

func (g *gather) begin(stream uint64) *heap {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.heaps[stream]
	if h == nil {
		h = &heap{large: g.large[stream]}
		g.heaps[stream] = h
	}
	if g.timer == nil {
		g.timer = time.AfterFunc(tidyEvery, g.tidy)
	}
	return h
}

func (g *gather) writer(large bool) *logstorage.LogRows {
	if large {
		return g.big.get()
	}
	return writers.Get().(*logstorage.LogRows)
}

// take takes the rows of the block of a locked heap. It goes on with the next.
func (h *heap) take(g *gather) *logstorage.LogRows {
	rows := h.block.rows
	g.held.Add(-h.block.takes)
	h.block, h.next = h.next, block{}
	return rows
}

// give gives rows to the engine.
func (g *gather) give(rows *logstorage.LogRows, large bool) {
	defer func() {
		if cause := recover(); cause != nil {
			err := error(fault.New(fault.Unavailable, "the event engine broke: %v", cause).WithHint("start the program again; the events wait on the disk until then"))
			g.broke.CompareAndSwap(nil, &err)
		}
	}()
	if g.err() == nil {
		g.to(rows)
	}
	rows.ResetKeepSettings()
	if large {
		g.big.put(rows)
	} else {
		writers.Put(rows)
	}
}

// tidy gives the engine what need not wait longer, and has it found when nothing more
// comes.
func (g *gather) tidy() {
	now := time.Now()
	if now.UnixNano()-g.last.Load() > int64(quietFor) && g.under.TryLock() {
		g.all()
		g.under.Unlock()
	} else {
		g.under.RLock()
		g.hand(now)
		g.under.RUnlock()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = nil
	if len(g.heaps) == 0 {
		g.big.drop()
		clear(g.large)
	} else {
		g.timer = time.AfterFunc(tidyEvery, g.tidy)
	}
}

// hand gives the engine the rows that fill no block in time, as it is seen at a
// moment; zero: all rows.
func (g *gather) hand(now time.Time) {
	g.mu.RLock()
	heaps := make(map[uint64]*heap, len(g.heaps))
	for stream, h := range g.heaps {
		heaps[stream] = h
	}
	g.mu.RUnlock()
	for stream, h := range heaps {
		h.mu.Lock()
		if h.gone || h.block.rows != nil && h.waits(now) {
			h.mu.Unlock()
			continue
		}
		if h.block.rows != nil {
			h.large = h.block.size >= largeHeap
		}
		large := h.large
		h.gone = true
		left := [2]*logstorage.LogRows{h.take(g), h.take(g)}
		h.mu.Unlock()
		g.forget(stream, large)
		for _, rows := range left {
			if rows != nil {
				g.give(rows, large)
			}
		}
	}
}

// forget forgets the heap of a stream.
func (g *gather) forget(stream uint64, large bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.heaps, stream)
	if large {
		g.large[stream] = true
	} else {
		delete(g.large, stream)
	}
}

// waits reports whether the block of a heap that has rows may be full in time. A stream
// that filled one may come in bursts.
func (h *heap) waits(now time.Time) bool {
	if now.IsZero() {
		return false
	}
	age := now.Sub(h.block.since)
	return age < tidyEvery/2 || age < gatherFor && (h.full && now.Sub(h.came) < burstFor || float64(h.block.size)*float64(gatherFor) > float64(fullBlock)*float64(age))
}

// flush gives all rows to the engine. What was added before it is found then.
func (g *gather) flush() {
	g.under.Lock()
	defer g.under.Unlock()
	g.all()
}

// all is flush for who holds under alone.
func (g *gather) all() {
	if g.shut {
		return
	}
	g.hand(time.Time{})
	g.way.Wait()
	if g.err() == nil {
		g.show()
	}
}

// close flushes. No rows may come any more.
func (g *gather) close() {
	g.under.Lock()
	defer g.under.Unlock()
	g.all()
	g.shut = true
	close(g.full)
	g.ends.Wait()
}
