package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// span is what a frame put into the store.
type span struct {
	batch    uint64
	n        int64
	from, to time.Time
}

// spans are those of many frames, by organisation.
type spans map[string][]span

func (s *spans) add(org string, x span) {
	if x.n == 0 {
		return
	}
	if *s == nil {
		*s = spans{}
	}
	(*s)[org] = append((*s)[org], x)
}

// span is what a frame puts in when nothing of it is there before.
func (f *frame) span() span {
	from, to := extent(f.events)
	return span{f.batch, int64(len(f.events)), from, to}
}

// mark is a state of the line: everything before its place was in the store at
// its moment.
type mark struct {
	at      time.Time
	from    place
	place   place
	seq     uint64
	sources ledger
	spans   spans
	agains  int // how often it was stored again
}

const (
	settleEvery = time.Second
	askEvery    = 3 * time.Second // the store is asked what it holds for good: that makes it write
	mostMarks   = 64
	mostAgains  = 3 // after which somebody has to look
)

// settle forgets the frames that the store holds for good, again and again
// until ctx ends.
func (in *Intake) settle(ctx context.Context) {
	var marks []mark
	var asked time.Time
	for {
		wait(ctx, settleEvery)
		if ctx.Err() != nil {
			return
		}
		in.tellDrops()
		if m, ok := in.line.mark(); ok {
			if len(marks) >= mostMarks { // the store is not settling: one mark for both
				last := &marks[len(marks)-1]
				m.from, m.spans = last.from, last.spans.join(m.spans)
				*last = m
			} else {
				marks = append(marks, m)
			}
		}
		if len(marks) > 0 && time.Since(asked) >= askEvery {
			marks, asked = in.forget(ctx, marks), time.Now()
		}
	}
}

func (s spans) join(o spans) spans {
	for org, list := range o {
		for _, x := range list {
			s.add(org, x)
		}
	}
	return s
}

// mark takes the state of the line, if it has moved since the last.
func (l *line) mark() (mark, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lowSeq == l.marked {
		return mark{}, false
	}
	m := mark{from: l.markedAt, place: l.low, seq: l.lowSeq, sources: l.base.clone(), spans: l.spans, at: time.Now()}
	l.marked, l.markedAt, l.spans = l.lowSeq, l.low, nil
	return m, true
}

// forget writes the checkpoint of the last mark that the store has settled, and
// returns the marks behind it.
func (in *Intake) forget(ctx context.Context, marks []mark) []mark {
	settled, err := in.cfg.Store.Settled(ctx)
	if err != nil {
		return marks
	}
	n := 0
	for n < len(marks) && marks[n].at.Before(settled) {
		if in.cfg.Verify && !in.verified(ctx, &marks[n]) {
			break
		}
		n++
	}
	if n == 0 {
		return marks
	}
	if err := in.checkpoint(marks[n-1]); err != nil {
		in.log.Error("the state of events could not be written; they stay on the disk", "error", err)
		return marks
	}
	return marks[n:]
}

// checkpoint writes the state of a mark and removes the segments before it.
func (in *Intake) checkpoint(m mark) error {
	cp := &checkpoint{Version: version, Node: uint32(in.node), Seq: m.seq, Place: m.place, Seed: [2]uint64{in.ids.k0, in.ids.k1}}
	for k, c := range m.sources {
		cp.Sources = append(cp.Sources, sourceLine{k.org, k.source, *c, in.samples.of(k)})
	}
	slices.SortFunc(cp.Sources, func(a, b sourceLine) int {
		return cmp.Or(cmp.Compare(a.Org, b.Org), cmp.Compare(a.Source, b.Source))
	})
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := in.ids.sync(in.now()); err != nil {
		return err
	}
	cp.IDs, cp.Lost = in.ids.state(), in.ids.lost
	if err := cp.write(in.cfg.Dir); err != nil {
		return err
	}
	err := in.spool.drop(m.place)
	in.onDisk = in.spool.bytes()
	return err
}

// verified counts in the store what a mark says is there, and puts in again
// what is not.
func (in *Intake) verified(ctx context.Context, m *mark) bool {
	for org, list := range m.spans {
		for part := range slices.Chunk(list, 500) {
			n, want, err := in.countBatches(ctx, org, part)
			switch {
			case err != nil:
				return false
			case n < want:
				in.log.Warn("the event engine has lost events that it had taken; they are stored again from the spool", "org", org, "events", want-n)
				if err := in.again(ctx, m.from, m.place); err != nil {
					in.log.Error("events could not be stored again yet", "error", err)
				} else if m.agains++; m.agains >= mostAgains {
					in.line.hold(fault.New(fault.Unavailable, "the event engine takes %d events again and again and does not have them afterwards", want-n).
						WithHint("let --keep-events be no longer than the nodes keep events (-retentionPeriod), and see that no node drops what it is given"))
				}
				return false
			}
		}
	}
	if m.agains >= mostAgains {
		in.line.hold(nil)
	}
	return true
}

func (in *Intake) countBatches(ctx context.Context, org string, list []span) (n, want int64, err error) {
	var batches []string
	from, to := list[0].from, list[0].to
	for _, s := range list {
		batches = append(batches, strconv.FormatUint(s.batch, 10))
		want += s.n
		if s.from.Before(from) {
			from = s.from
		}
		to = later(to, s.to)
	}
	q := logs.Query{Org: org, From: from, To: to, Text: logs.In(event.FieldBatch, batches) + ` | stats count() n`}
	_, err = in.cfg.Store.Rows(ctx, q, func(r logs.Row) error {
		n, err = strconv.ParseInt(r.Get("n"), 10, 64)
		return err
	})
	return n, want, err
}

// again stores what is missing of the frames between two places.
func (in *Intake) again(ctx context.Context, from, to place) error {
	r := &reader{dir: in.cfg.Dir, at: from}
	defer r.close()
	for r.at.before(to) {
		f, err := r.next()
		if err == io.EOF || errors.Is(err, fs.ErrNotExist) {
			r.move(place{r.at.Segment + 1, 0})
			continue
		}
		if err != nil {
			return fmt.Errorf("read the spool at %d:%d: %w", r.at.Segment, r.at.Offset, err)
		}
		f.check = true
		if err := newJob(in, []*frame{f}).try(ctx); err != nil {
			return err
		}
	}
	return nil
}

// last is the state of the line now.
func (l *line) last() mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	return mark{place: l.low, seq: l.lowSeq, sources: l.base.clone(), at: time.Now()}
}

// rest writes a last checkpoint when the program ends, if the store settles at
// once.
func (in *Intake) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	m := in.line.last()
	if err := in.cfg.Store.Flush(ctx); err != nil {
		return nil // the next start sees what is stored
	}
	settled, err := in.cfg.Store.Settled(ctx)
	if err != nil || !m.at.Before(settled) || in.cfg.Verify {
		return nil
	}
	return in.checkpoint(m)
}
