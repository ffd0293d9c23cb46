package live

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Job is a look into the past that runs by itself.
type Job struct {
	ID      string
	Org     string
	By      string
	Title   string
	Kind    string            // hunt, preview, gap, indicators
	Rule    string            // key of the rule it is about; "" for none
	Text    string            // of a rule that was pasted
	Form    map[string]string // that a preview was asked with
	From    time.Time
	To      time.Time
	Started time.Time

	mu       sync.Mutex
	cancel   context.CancelFunc
	progress Progress
	ended    time.Time
	err      error
	now      *Answer // of a preview: what the rule finds as it is
	answer   *Answer
	told     int // findings that were made alerts; -1: not asked for
}

// Standing is how a job stands.
type Standing struct {
	Progress
	Running bool
	Ended   time.Time
	Err     error
	Now     *Answer
	Answer  *Answer
	Told    int
}

// Standing returns how a job stands.
func (j *Job) Standing() Standing {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Standing{j.progress, j.ended.IsZero(), j.ended, j.err, j.now, j.answer, j.told}
}

// Cancel ends a job that runs.
func (j *Job) Cancel() { j.cancel() }

// Jobs are the looks into the past of a server. They are forgotten when it ends:
// unlike a schedule of the feed, which is repeated until it is done, each was asked
// for once by somebody who waits for it, and what it found is made alerts or a rule
// when it is to stay.
type Jobs struct {
	mu    sync.Mutex
	list  []*Job
	queue *queue
	all   context.Context
	stop  context.CancelFunc
}

const (
	atOnce  = 2  // jobs run; others wait
	mostOld = 50 // jobs of an organisation are remembered
)

// NewJobs returns an empty list.
func NewJobs() *Jobs {
	ctx, stop := context.WithCancel(context.Background())
	return &Jobs{queue: newQueue(atOnce), all: ctx, stop: stop}
}

// Stop ends all jobs.
func (l *Jobs) Stop() { l.stop() }

// Start has a job run. Do is given its progress, and returns what the rule finds
// as it is (of a preview) and what was asked for.
func (l *Jobs) Start(j *Job, at time.Time, do func(context.Context, func(Progress)) (now, answer *Answer, told int, err error)) *Job {
	ctx, cancel := context.WithCancel(l.all)
	j.ID, j.Started, j.cancel, j.told = rand.Text()[:10], at, cancel, -1
	l.mu.Lock()
	l.list = append(l.list, j)
	l.forget(j.Org)
	l.mu.Unlock()
	go func() {
		defer cancel()
		defer l.queue.enter(ctx, j.Org)()
		now, answer, told, err := j.run(ctx, do)
		j.mu.Lock()
		defer j.mu.Unlock()
		j.now, j.answer, j.told, j.err, j.ended = now, answer, told, err, time.Now()
	}()
	return j
}

// run does what a job is for. A mistake in it costs the job, and not the server.
func (j *Job) run(ctx context.Context, do func(context.Context, func(Progress)) (now, answer *Answer, told int, err error)) (now, answer *Answer, told int, err error) {
	defer func() {
		if p := recover(); p != nil {
			now, answer, told, err = nil, nil, -1, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do(ctx, func(p Progress) {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.progress = p
	})
}

// forget drops the oldest jobs of an organisation that has many. The caller holds
// the lock.
func (l *Jobs) forget(org string) {
	n := 0
	for i := len(l.list) - 1; i >= 0; i-- {
		if l.list[i].Org != org {
			continue
		}
		if n++; n > mostOld {
			l.list[i].cancel()
			l.list = slices.Delete(l.list, i, i+1)
		}
	}
}

// Of returns the jobs of an organisation, the newest first.
func (l *Jobs) Of(org string) []*Job {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []*Job
	for _, j := range slices.Backward(l.list) {
		if j.Org == org {
			out = append(out, j)
		}
	}
	return out
}

// Get returns a job of an organisation; nil when there is none of this id.
func (l *Jobs) Get(org, id string) *Job {
	for _, j := range l.Of(org) {
		if j.ID == id {
			return j
		}
	}
	return nil
}

// MarkTold notes that findings of a job were made alerts.
func (j *Job) MarkTold(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.told = n
}
