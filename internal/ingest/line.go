package ingest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"time"
)

// line is the frames between the disk and the store. Those that came last are
// in memory too; when there are more, the rest is read from the disk again.
type line struct {
	in *Intake

	mu   sync.Mutex
	news *sync.Cond // there is a frame, or room for one under way
	live ledger     // of everything
	base ledger     // of the frames up to low

	ring   []*frame // without a gap up to tail, when there are any
	held   int64    // bytes of ring
	unread int64    // bytes of the frames that came since the start and nobody has
	tail   uint64   // the last frame on the disk
	handed uint64   // the last frame that a worker was given
	until  uint64   // frames up to it were there at the start
	at     place    // behind the frame that was handed last
	disk   reader
	read   *frame // the frame at that place, when it was read from the disk already

	flight []*flying // frames that workers have, in order
	low    place     // everything before it is in the store
	lowSeq uint64
	spans  spans // what is in the store since the last mark
	// marked is lowSeq of the last mark, and markedAt its place.
	marked   uint64
	markedAt place
	ended    bool

	refusals int64     // batches that were told to come again later
	holding  error     // why events wait; nil: they do not
	since    time.Time // of holding
}

// flying is a frame that a worker has.
type flying struct {
	seq  uint64
	seen time.Time
	end  place
	key  key
	come Counts
	span span
	gone int64 // events of it that are not stored
	res  result
}

const (
	mostFlying  = 4096
	patience    = 250 * time.Millisecond // of a sender that is held up
	togetherN   = 10_000                 // events that a worker takes at once, of one frame or several
	togetherLen = 8 << 20                // and bytes
)

func (l *line) init(in *Intake, cp *checkpoint) {
	l.in, l.live, l.base = in, ledger{}, ledger{}
	l.news = sync.NewCond(&l.mu)
	l.tail, l.handed, l.lowSeq, l.marked = cp.Seq, cp.Seq, cp.Seq, cp.Seq
	l.disk.dir = in.cfg.Dir
	for _, s := range cp.Sources {
		l.base.at(s.Org, s.Source).Add(s.Counts)
		l.live.at(s.Org, s.Source).Add(s.Counts)
	}
}

func (l *line) behind(p place) { l.at, l.low, l.markedAt = p, p, p }

func (l *line) has(k key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.live[k] != nil
}

func (l *line) touch(org, source string) { l.count(org, source, Counts{}) }

func (l *line) count(org, source string, c Counts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live.at(org, source).Add(c)
}

func (l *line) came(f *frame) { l.count(f.org, f.source, f.came()) }

func (l *line) refused(b *Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusals++
}

// publish takes frames that are on the disk now.
func (l *line) publish(frames []*frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range frames {
		if !f.counted {
			c := f.came()
			l.live.at(f.org, f.source).Add(c)
			l.in.hours.came(f, c)
		}
		joins := len(l.ring) == 0 && l.handed == l.tail || len(l.ring) > 0 && l.ring[len(l.ring)-1].seq == l.tail
		if joins && (l.held == 0 || l.held+f.size() <= inMemory) {
			l.ring, l.held = append(l.ring, f), l.held+f.size()
		}
		l.tail = f.seq
		l.unread += f.size()
	}
	l.news.Broadcast()
}

// pace holds a sender up while much waits that workers will come to soon: what waits
// longer than memory has room for has to be read from the disk again. What the store
// cannot take holds up nobody.
func (l *line) pace(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	l.while(ctx, l.crowded)
}

// while waits as long as something is so, which is asked under the lock, or until ctx
// ends.
func (l *line) while(ctx context.Context, is func() bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !is() {
		return
	}
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.news.Broadcast()
	})
	defer stop()
	for is() && ctx.Err() == nil {
		l.news.Wait()
	}
}

// crowded reports whether to wait helps: not while what waits at the start is still
// read, behind which everything else is read from the disk too.
func (l *line) crowded() bool {
	return l.unread > inMemory/2 && l.handed >= l.until && l.holding == nil && !l.ended
}

// pop returns frames of one organisation for a worker, the oldest that nobody
// has; none when the line has ended.
func (l *line) pop() []*frame {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.ended && (l.handed == l.tail || len(l.flight) >= mostFlying) {
		l.news.Wait()
	}
	var out []*frame
	n, size := 0, int64(0)
	for !l.ended && l.handed != l.tail && len(l.flight) < mostFlying {
		f := l.peek()
		if f == nil {
			break
		}
		if len(out) > 0 && (f.org != out[0].org || f.check != out[0].check || n+len(f.events) > togetherN || size+f.size() > togetherLen) {
			break
		}
		l.take(f)
		out, n, size = append(out, f), n+len(f.events), size+f.size()
	}
	return out
}

// peek returns the next frame; nil when the spool has none that can be read.
func (l *line) peek() *frame {
	if len(l.ring) > 0 {
		return l.ring[0]
	}
	if l.read != nil {
		return l.read
	}
	if l.disk.at != l.at || l.disk.file == nil {
		l.disk.move(l.at)
	}
	ahead := l.disk.file != nil // it may have read ahead what was cut off since
	for {
		f, err := l.disk.next()
		if err != nil && ahead {
			ahead = false
			l.disk.move(l.disk.at)
			continue
		}
		switch {
		case err == nil:
			f.check = f.seq <= l.until
			l.read = f
			return f
		case err == io.EOF || errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist):
			if l.disk.at.Segment >= l.in.spool.newest() {
				l.in.log.Error("events that wait cannot be read back", "segment", l.disk.at.Segment, "offset", l.disk.at.Offset, "error", err)
				l.handed = l.tail
				return nil
			}
			l.disk.move(place{l.disk.at.Segment + 1, 0})
		default:
			l.in.log.Error("events that wait cannot be read from the disk; this is tried again", "error", err)
			l.disk.close()
			return nil
		}
	}
}

func (l *line) take(f *frame) {
	if len(l.ring) > 0 {
		l.ring[0] = nil
		l.ring, l.held = l.ring[1:], l.held-f.size()
		l.disk.close()
	}
	l.read = nil
	l.handed, l.at = f.seq, f.end
	if f.seq > l.until {
		l.unread -= f.size()
	}
	if l.handed == l.tail {
		l.unread = 0
	}
	x := &flying{seq: f.seq, seen: f.seen, end: f.end, key: key{f.org, f.source}, come: f.came()}
	if l.in.cfg.Verify {
		x.span = f.span()
	}
	l.flight = append(l.flight, x)
}

// finish takes what became of frames.
func (l *line) finish(frames []*frame, results []result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, f := range frames {
		r := results[i]
		r.done = true
		went := f.went(r)
		l.live.at(f.org, f.source).Add(went)
		l.in.hours.went(f, went)
		for _, x := range l.flight {
			if x.seq == f.seq {
				x.res = r
				x.gone = int64(len(f.events)) - went.Stored
				x.come.Add(went)
			}
		}
	}
	for len(l.flight) > 0 && l.flight[0].res.done {
		x := l.flight[0]
		l.flight[0] = nil
		l.flight = l.flight[1:]
		l.base.at(x.key.org, x.key.source).Add(x.come)
		x.span.n = max(0, x.span.n-x.gone)
		l.spans.add(x.key.org, x.span)
		l.low, l.lowSeq = x.end, x.seq
	}
	l.news.Broadcast()
}

// drain waits until nothing waits, or ctx ends.
func (l *line) drain(ctx context.Context) {
	l.while(ctx, func() bool { return l.handed != l.tail || len(l.flight) > 0 })
}

func (l *line) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.news.Broadcast()
}

// hold says why events wait; nil: they go on.
func (l *line) hold(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if (l.holding == nil) != (err == nil) {
		l.since = l.in.now()
	}
	l.holding = err
	l.news.Broadcast()
}
