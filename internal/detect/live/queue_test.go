package live

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// line is a queue with jobs that end when they are told to.
type line struct {
	q       *queue
	mu      sync.Mutex // of what follows
	began   []string
	running map[string][]chan struct{}
}

func (l *line) start(ctx context.Context, org string) {
	go func() {
		leave := l.q.enter(ctx, org)
		defer leave()
		if ctx.Err() != nil {
			return
		}
		end := make(chan struct{})
		l.mu.Lock()
		l.began, l.running[org] = append(l.began, org), append(l.running[org], end)
		l.mu.Unlock()
		<-end
	}()
	synctest.Wait()
}

func (l *line) end(org string) {
	l.mu.Lock()
	close(l.running[org][0])
	l.running[org] = l.running[org][1:]
	l.mu.Unlock()
	synctest.Wait()
}

func TestQueue(t *testing.T) {
	run := func(name string, test func(t *testing.T, ctx context.Context, l *line)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &line{q: newQueue(2), running: map[string][]chan struct{}{}}
				test(t, t.Context(), l)
				for org, list := range l.running {
					for range list {
						l.end(org)
					}
				}
				if l.q.all != 0 || len(l.q.running) != 0 || len(l.q.waiting) != 0 {
					t.Errorf("left behind: %+v", l.q)
				}
			})
		})
	}
	began := func(t *testing.T, l *line, want ...string) {
		t.Helper()
		if !slices.Equal(l.began, want) {
			t.Errorf("began %v, want %v", l.began, want)
		}
	}
	run("one alone has all places", func(t *testing.T, ctx context.Context, l *line) {
		for range 5 {
			l.start(ctx, "a")
		}
		began(t, l, "a", "a")
		l.end("a")
		began(t, l, "a", "a", "a")
		l.end("a")
		l.end("a")
		began(t, l, "a", "a", "a", "a", "a")
	})
	run("another does not wait for one that has all", func(t *testing.T, ctx context.Context, l *line) {
		for range 4 {
			l.start(ctx, "a")
		}
		l.start(ctx, "b")
		began(t, l, "a", "a", "b")
		l.start(ctx, "b")
		l.start(ctx, "c")
		l.end("a") // a and b run
		began(t, l, "a", "a", "b")
		l.end("b") // of those who wait all have had a turn but c
		began(t, l, "a", "a", "b", "c")
		l.end("c")
		began(t, l, "a", "a", "b", "c", "b")
		l.end("a")
		began(t, l, "a", "a", "b", "c", "b", "a")
		l.end("b")
		began(t, l, "a", "a", "b", "c", "b", "a", "a")
	})
	run("turn by turn", func(t *testing.T, ctx context.Context, l *line) {
		l.start(ctx, "a")
		l.start(ctx, "b")
		for range 3 {
			l.start(ctx, "a")
		}
		l.start(ctx, "b")
		l.start(ctx, "c")
		l.end("a")
		l.end("b")
		l.end("c")
		l.end("a")
		l.end("b")
		began(t, l, "a", "b", "c", "a", "b", "a", "a")
	})
	run("who gives up waiting takes no place", func(t *testing.T, ctx context.Context, l *line) {
		l.start(ctx, "a")
		l.start(ctx, "b")
		given, stop := context.WithCancel(ctx)
		l.start(given, "c")
		l.start(ctx, "d")
		stop()
		synctest.Wait()
		l.end("a")
		began(t, l, "a", "b", "d")
	})
}

// TestJobsTakeTurns: looks of one organisation do not keep another waiting, and a
// job that is cancelled while it waits ends.
func TestJobsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewJobs()
		defer l.Stop()
		forever := func(ctx context.Context, _ func(Progress)) (now, answer *Answer, told int, err error) {
			<-ctx.Done()
			return nil, nil, -1, ctx.Err()
		}
		var jobs []*Job
		for range 4 {
			jobs = append(jobs, l.Start(&Job{Org: "a"}, time.Now(), forever))
		}
		began := false
		l.Start(&Job{Org: "b"}, time.Now(), func(ctx context.Context, _ func(Progress)) (now, answer *Answer, told int, err error) {
			began = true
			return nil, nil, -1, nil
		})
		synctest.Wait()
		if !began {
			t.Error("b waits for a")
		}
		jobs[3].Cancel()
		synctest.Wait()
		if s := jobs[3].Standing(); s.Running || !errors.Is(s.Err, context.Canceled) {
			t.Errorf("a job that waits cannot be cancelled: %+v", s)
		}
	})
}
