package logs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// Options are the choices of an embedded store.
type Options struct {
	Folder  string
	Tenants Tenants
	// Keep is how long events are kept, by their own time; KeepBytes how much of
	// the disk they may take before the oldest days go. Days are dropped whole. 0
	// drops nothing: what only reads must not drop what the server keeps.
	Keep      time.Duration
	KeepBytes int64
	// FreeBytes is how much of the disk must stay free: below it nothing is taken
	// in. 0 is DefaultFree.
	FreeBytes int64
}

// What holds unless it is said otherwise.
const (
	DefaultKeep = 400 * 24 * time.Hour // a year can be asked about as of any of its days
	DefaultFree = 1 << 30
)

// forever is longer than events are kept.
const forever = 100 * 365 * 24 * time.Hour

// slack is how much longer the engine keeps events than they are taken in: an
// event waits in the spool at most as long, and is then still stored.
const slack = 48 * time.Hour

// flushEvery is how long events stay in memory alone.
const flushEvery = 5 * time.Second

// settledAfter is when added events are on disk for certain: a second until their
// block is full, another in a buffer of the engine, flushEvery in memory, and ample
// time to write them.
const settledAfter = time.Minute

// Embedded is the event engine within the program.
type Embedded struct {
	asker
	options Options
	storage *logstorage.Storage
	streams *streams
	gather  *gather
	asking  chan struct{} // a place for each question that runs

	mu     sync.Mutex
	closed bool
	users  sync.WaitGroup // of the storage; none is added once it is closed

	floor  floor
	frozen sync.Mutex // held while events are frozen
}

// OpenEmbedded opens the events in a folder, and makes it when it is not there.
// One process at a time can have it open.
func OpenEmbedded(o Options) (e *Embedded, err error) {
	if o.Keep <= 0 {
		o.Keep = forever
	}
	if o.FreeBytes <= 0 {
		o.FreeBytes = DefaultFree
	}
	prepare()
	// The engine panics where a folder cannot be used.
	defer func() {
		if cause := recover(); cause != nil {
			err = unopened(o.Folder, fmt.Errorf("%v", cause))
		}
	}()
	if err := clearHalves(o.Folder); err != nil {
		return nil, unopened(o.Folder, err)
	}
	e = &Embedded{options: o, streams: newStreams(), asking: make(chan struct{}, max(8, 2*runtime.GOMAXPROCS(0)))}
	e.storage = logstorage.MustOpenStorage(o.Folder, &logstorage.StorageConfig{
		Retention: o.Keep + slack, MaxDiskSpaceUsageBytes: o.KeepBytes, MinFreeDiskSpaceBytes: o.FreeBytes,
		FlushInterval: flushEvery, FutureRetention: Future + slack, DefaultParallelReaders: 2 * runtime.GOMAXPROCS(0),
	})
	e.gather = newGather(e.storage)
	e.asker = asker{tenants: o.Tenants, run: e.run}
	if err := e.dropFrozen(); err != nil {
		return nil, unopened(o.Folder, errors.Join(err, e.Close()))
	}
	return e, nil
}

// Limits are what events must keep to.
func (e *Embedded) Limits() Limits { return EmbeddedLimits(e.options.Keep) }

// EmbeddedLimits are the limits of an embedded store that keeps events so long.
func EmbeddedLimits(keep time.Duration) Limits {
	if keep <= 0 {
		keep = forever
	}
	return Limits{Bytes: mostBytes, Fields: mostFields, Past: keep, Future: Future}
}

// use keeps the storage from being closed until done is called.
func (e *Embedded) use() (done func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, fault.New(fault.Unavailable, "the events are closed")
	}
	e.users.Add(1)
	return e.users.Done, nil
}

// floor is the day before which the engine has dropped all days for want of room.
// It drops events of such days without a word.
type floor struct {
	mu     sync.Mutex
	looked time.Time
	oldest string // day of the oldest that is kept
	from   time.Time
}

const dayLayout = "20060102"

// floorOf looks at the days that are kept, once a second at most.
func (e *Embedded) floorOf(now time.Time) time.Time {
	if e.options.KeepBytes == 0 {
		return time.Time{}
	}
	f := &e.floor
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.looked) < time.Second {
		return f.from
	}
	f.looked = now
	if days := e.storage.PartitionList(); len(days) > 0 {
		oldest := slices.Min(days)
		if f.oldest != "" && oldest > f.oldest {
			f.from, _ = time.Parse(dayLayout, oldest)
		}
		f.oldest = oldest
	}
	return f.from
}

// Add stores events.
func (e *Embedded) Add(ctx context.Context, org string, events []event.Event) error {
	done, err := e.use()
	if err != nil {
		return err
	}
	defer done()
	n, err := e.options.Tenants.Tenant(ctx, org, true)
	if err != nil {
		return err
	}
	if e.storage.IsReadOnly() {
		return fault.New(fault.Unavailable, "no events are stored: less than %d MB of the disk of %s are free", e.options.FreeBytes>>20, e.options.Folder).
			WithHint("make room, or keep events for a shorter time")
	}
	if err := e.gather.err(); err != nil {
		return err
	}
	e.gather.under.RLock()
	defer e.gather.under.RUnlock()
	var refused Refused
	limits := e.Limits()
	limits.Past, limits.Future = limits.Past+slack, limits.Future+slack
	c, now := encoders.Get().(*encoder), time.Now()
	defer encoders.Put(c)
	floor := e.floorOf(now)
	e.gather.comes()
	defer e.gather.comes()
	for i := range events {
		ev := &events[i]
		fields, size, reason := limits.lay(c, ev, now)
		if ev.Time.Before(floor) {
			reason = TooOld
		}
		if reason != "" {
			refused = append(refused, Refusal{Event: i, Reason: reason})
			continue
		}
		if i%1000 == 999 && ctx.Err() != nil {
			return ctx.Err()
		}
		r := row{tenant: n, source: ev.Source, host: fields[slotHost].Value, at: ev.Time.UnixNano(), fields: c.sorted(), size: size}
		stream, apart := e.streams.of(n, ev.Source, r.host)
		if !apart {
			r.host = ""
		}
		e.gather.add(stream, r, now)
	}
	if len(refused) > 0 {
		return refused
	}
	return nil
}

// Flush makes everything that was added findable at once.
func (e *Embedded) Flush(context.Context) error {
	done, err := e.use()
	if err != nil {
		return err
	}
	defer done()
	e.gather.flush()
	return e.gather.err()
}

// Settled returns a moment: what was added before it is on disk.
func (e *Embedded) Settled(context.Context) (time.Time, error) {
	done, err := e.use()
	if err != nil {
		return time.Time{}, err
	}
	defer done()
	now := time.Now()
	if e.stats().InmemoryRowsCount == 0 {
		e.gather.flush() // what is in buffers is in memory then
		if e.stats().InmemoryRowsCount == 0 {
			return now, e.gather.err()
		}
	}
	return now.Add(-settledAfter), e.gather.err()
}

func (e *Embedded) stats() *logstorage.StorageStats {
	var s logstorage.StorageStats
	e.storage.UpdateStats(&s)
	return &s
}

// bounds are times between which all events are; false when there are none.
func (e *Embedded) bounds(s *logstorage.StorageStats) (start, end int64, ok bool) {
	days := e.storage.PartitionList()
	if len(days) == 0 {
		return 0, 0, false
	}
	start, end = s.MinTimestamp, s.MaxTimestamp
	// Of a day whose first events still wait in memory the engine says the opposite
	// ends of time, for the oldest and the newest day as for any other.
	if oldest, err := time.Parse(dayLayout, slices.Min(days)); start == math.MaxInt64 && err == nil {
		start = oldest.UnixNano()
	}
	if newest, err := time.Parse(dayLayout, slices.Max(days)); end == math.MinInt64 && err == nil {
		end = newest.AddDate(0, 0, 1).UnixNano() - 1
	}
	return start, end, true
}

// Usage says what is kept.
func (e *Embedded) Usage(context.Context) (Usage, error) {
	done, err := e.use()
	if err != nil {
		return Usage{}, err
	}
	defer done()
	s := e.stats()
	u := Usage{
		Events:    int64(s.RowsCount()),
		Bytes:     int64(s.IndexdbSizeBytes + s.CompressedInmemorySize + s.CompressedSmallPartSize + s.CompressedBigPartSize),
		Raw:       int64(s.UncompressedInmemorySize + s.UncompressedSmallPartSize + s.UncompressedBigPartSize),
		Retention: e.options.Keep, ReadOnly: s.IsReadOnly, Partitions: int(s.PartitionsCount),
	}
	if start, _, ok := e.bounds(s); ok && u.Events > 0 {
		u.Oldest = time.Unix(0, start).UTC()
	}
	return u, nil
}

// Close writes to disk what is in memory and closes the engine.
func (e *Embedded) Close() error {
	e.mu.Lock()
	closed := e.closed
	e.closed = true
	e.mu.Unlock()
	if !closed {
		e.users.Wait()
		e.gather.close()
		e.storage.MustClose()
	}
	return nil
}

// run runs a question and calls rows with what it finds, one call at a time.
func (e *Embedded) run(ctx context.Context, r request, rows func([]Row) error) (cost, error) {
	s := &search{engine: e, tenants: []logstorage.TenantID{{AccountID: r.tenant}}}
	newest, offset, limit := r.query.GetLastNResultsQuery()
	if newest != nil && changesTime(newest) {
		newest = nil
	}
	var list []Row
	err := e.inTurn(ctx, func() (err error) {
		if newest != nil {
			list, err = s.newest(ctx, split(newest), int(offset+limit))
			return err
		}
		return s.each(ctx, r.query, rows)
	})
	if err == nil && newest != nil {
		err = rows(list[min(int(offset), len(list)):])
	}
	return cost{read: int64(s.stats.RowsProcessed), bytes: int64(s.stats.GetBytesReadTotal())}, err
}

// inTurn runs a question when there is a place for it.
func (e *Embedded) inTurn(ctx context.Context, ask func() error) error {
	done, err := e.use()
	if err != nil {
		return err
	}
	defer done()
	select {
	case e.asking <- struct{}{}:
		defer func() { <-e.asking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return ask()
}

// search is one question to the engine, which may take several searches.
type search struct {
	engine  *Embedded
	tenants []logstorage.TenantID
	stats   logstorage.QueryStats
}

// each calls rows with what a query finds.
func (s *search) each(ctx context.Context, q *logstorage.Query, rows func([]Row) error) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var turn sync.Mutex
	var failed error
	write := func(_ uint, block *logstorage.DataBlock) {
		list := rowsOf(block)
		if len(list) == 0 {
			return
		}
		turn.Lock()
		defer turn.Unlock()
		if failed == nil && ctx.Err() == nil {
			if failed = unbroken(rows, list); failed != nil {
				stop()
			}
		}
	}
	err = s.engine.storage.RunQuery(logstorage.NewQueryContext(ctx, &s.stats, s.tenants, q, false, nil), write)
	switch {
	case failed != nil:
		return failed
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

// unbroken calls rows in a goroutine of the engine, where a panic would end the
// program.
func unbroken(rows func([]Row) error, list []Row) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fault.New(fault.Internal, "a mistake of the program in reading the answer: %v", cause)
		}
	}()
	return rows(list)
}

// rowsOf copies the rows of a block, whose memory the engine uses again.
func rowsOf(block *logstorage.DataBlock) []Row {
	n := block.RowsCount()
	columns := block.Columns
	names := make([]string, len(columns))
	size, times := 0, -1
	for i := range columns {
		names[i] = strings.Clone(columns[i].Name)
		if names[i] == fieldTime {
			times = i
		}
		for _, v := range columns[i].Values {
			size += len(v)
		}
	}
	texts := make([]byte, 0, size) // of all values, so that they are one allocation
	list := make([]Row, n)
	fields := make([]Field, 0, n*len(columns))
	for r := range n {
		from := len(fields)
		for i := range columns {
			v := columns[i].Values[r]
			if v == "" {
				continue
			}
			at := len(texts)
			texts = append(texts, v...)
			fields = append(fields, Field{names[i], text(texts[at:])})
			if i == times {
				list[r].Time = rowTime(v)
			}
		}
		list[r].Fields = fields[from:len(fields):len(fields)]
	}
	return list
}

func rowTime(v string) time.Time {
	ns, ok := logstorage.TryParseTimestampRFC3339Nano(v)
	if !ok {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// problem is what the engine says of a question, as a fault.
func problem(err error) error {
	text := err.Error()
	if strings.Contains(text, "memory") && strings.Contains(text, "limit") || strings.Contains(text, "requires more than") {
		return fault.New(fault.TooLarge, "the question needs more memory than it may use").WithHint("ask about a shorter time, or group by fewer fields")
	}
	return fault.New(fault.Invalid, "the question cannot be answered: %s", fmt.Sprint(err)).WithHint("see the language of questions, LogsQL")
}
