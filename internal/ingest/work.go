package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// work brings frames to the store until the line ends.
func (in *Intake) work(ctx context.Context) {
	for {
		frames := in.line.pop()
		if len(frames) == 0 {
			if in.line.over() {
				return
			}
			wait(ctx, time.Second) // the disk did not give what it has
			continue
		}
		j := newJob(in, frames)
		if !j.untilDone(ctx) {
			return
		}
		in.line.finish(frames, j.results)
		for _, f := range frames {
			in.spare.back(f)
		}
	}
}

func (l *line) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// job is frames of one organisation with a worker.
type job struct {
	in      *Intake
	org     string
	frames  []*frame
	results []result
	events  []event.Event // of all frames, those that are to be stored
	of      []int         // the frame of each
	stage   int           // how many stages have looked
	check   bool          // some of events may be stored
	aged    bool          // some of events may be stored in another batch
}

func newJob(in *Intake, frames []*frame) *job {
	j := &job{in: in, org: frames[0].org, frames: frames, results: make([]result, len(frames)), check: frames[0].check}
	n := 0
	for _, f := range frames {
		n += len(f.events)
	}
	j.events, j.of = make([]event.Event, 0, n), make([]int, 0, n)
	for i, f := range frames {
		j.events = append(j.events, f.events...)
		for k := range f.events {
			j.of = append(j.of, i)
			j.aged = j.aged || f.notes[k]&old != 0
		}
	}
	return j
}

// untilDone tries until everything is in the store. It is false when ctx ended
// before.
func (j *job) untilDone(ctx context.Context) bool {
	pause := 100 * time.Millisecond
	for failed := false; ; {
		err := j.try(ctx)
		if err == nil {
			if failed {
				j.in.log.Info("events are stored again")
				j.in.line.hold(nil)
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if !failed {
			j.in.log.Error("events wait on the disk; this is tried again", "error", err)
		}
		j.in.line.hold(err)
		failed = true
		wait(ctx, pause)
		pause = min(2*pause, 5*time.Second)
	}
}

// try does what is left to do. What breaks in a stage or in the engine is an error:
// the events wait, and the program goes on.
func (j *job) try(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			j.check = true
			err = fmt.Errorf("a mistake of the program: %v", p)
			j.in.log.Error("storing events broke", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if len(j.events) > 0 && (j.check || j.aged) {
		if err := j.sort(ctx); err != nil {
			return err
		}
	}
	if len(j.events) == 0 {
		return nil
	}
	for ; j.stage < len(j.in.cfg.Stages); j.stage++ {
		if err := j.in.cfg.Stages[j.stage].Look(ctx, j.org, j.events); err != nil {
			return fmt.Errorf("look at events: %w", err)
		}
	}
	err = j.in.cfg.Store.Add(ctx, j.org, j.events)
	var refused logs.Refused
	if err != nil && !errors.As(err, &refused) {
		j.check = true // some may be there
		return fmt.Errorf("store events: %w", err)
	}
	for i := range j.events {
		j.stored(j.of[i], len(j.events[i].Rules) > 0)
	}
	for _, r := range refused {
		j.refuse(r)
	}
	return nil
}

// refuse takes an event back that was taken in and cannot be stored.
func (j *job) refuse(r logs.Refusal) {
	n := j.of[r.Event]
	if j.results[n].rejected == nil {
		j.results[n].rejected = map[string]int64{}
	}
	j.results[n].rejected[r.Reason]++
	e, f := &j.events[r.Event], j.frames[n]
	j.in.samples.keep(key{f.org, f.source}, f.seen, r.Reason, "The event engine cannot hold it: "+r.Reason+".", e.Line)
}

func (j *job) stored(frame int, matched bool) {
	r := &j.results[frame]
	r.evaluated++
	if matched {
		r.matched++
	}
}

// sort leaves out what is in the store: of this batch it is stored, and of
// another it is a duplicate.
func (j *job) sort(ctx context.Context) error {
	if j.check {
		if err := j.in.cfg.Store.Flush(ctx); err != nil {
			return fmt.Errorf("make what was stored findable: %w", err)
		}
	}
	there, err := j.there(ctx)
	if err != nil {
		return fmt.Errorf("see what is stored already: %w", err)
	}
	events, of := j.events[:0], j.of[:0]
	for i, e := range j.events {
		found, ok := there[e.ID]
		switch {
		case ok && found.batch == e.Batch:
			j.stored(j.of[i], found.matched)
		case ok && j.aged:
			j.results[j.of[i]].duplicate++
			j.results[j.of[i]].evaluated++
		default:
			events, of = append(events, e), append(of, j.of[i])
		}
	}
	j.events, j.of, j.check, j.aged = events, of, false, false
	return nil
}

// here is an event in the store.
type here struct {
	batch   uint64
	matched bool
}

// there finds the events of the job that are in the store.
func (j *job) there(ctx context.Context) (map[string]here, error) {
	out := map[string]here{}
	from, to := extent(j.events)
	ask := func(field string, values []string) error {
		q := logs.Query{Org: j.org, From: from, To: to, Text: logs.In(field, values) + ` | fields ` + event.FieldID + `, ` + event.FieldBatch + `, ` + event.FieldRules}
		_, err := j.in.cfg.Store.Rows(ctx, q, func(r logs.Row) error {
			batch, _ := strconv.ParseUint(r.Get(event.FieldBatch), 10, 64)
			out[r.Get(event.FieldID)] = here{batch, r.Get(event.FieldRules) != ""}
			return nil
		})
		return err
	}
	if j.aged {
		var ids []string
		for _, e := range j.events {
			ids = append(ids, e.ID)
		}
		for part := range slices.Chunk(ids, 500) {
			if err := ask(event.FieldID, part); err != nil {
				return nil, err
			}
		}
	}
	if j.check {
		batches := map[uint64]bool{}
		var texts []string
		for _, e := range j.events {
			if !batches[e.Batch] {
				batches[e.Batch] = true
				texts = append(texts, strconv.FormatUint(e.Batch, 10))
			}
		}
		return out, ask(event.FieldBatch, texts)
	}
	return out, nil
}

// extent is the time from the first event to the last, as a question has it.
func extent(events []event.Event) (from, to time.Time) {
	for i, e := range events {
		if i == 0 || e.Time.Before(from) {
			from = e.Time
		}
		if i == 0 || e.Time.After(to) {
			to = e.Time
		}
	}
	return from, to.Add(1)
}
