package feed_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

func seqs(entries []feed.Entry) (out []int64) {
	for _, e := range entries {
		out = append(out, e.Seq)
	}
	return out
}

func TestRead(t *testing.T) {
	sqldbtest.Run(t, feed.Migrations(), func(t *testing.T, db *sqldb.DB) {
		f := feed.New(db)
		add(t, db,
			&feed.Entry{Org: "a", Type: "entity.created"}, &feed.Entry{Org: "b", Type: "entity.updated"},
			&feed.Entry{Org: "a", Type: "run"}, &feed.Entry{Org: "a", Type: "entity.deleted"}, &feed.Entry{Org: "a", Type: "runaway"})
		check := func(org string, after int64, limit int, types []string, want ...int64) {
			t.Helper()
			got, err := f.Read(t.Context(), org, after, limit, types...)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, seqs(got)); d != "" {
				t.Errorf("Read(%q, %d, %d, %v): %s", org, after, limit, types, d)
			}
		}
		check("", 0, 10, nil, 1, 2, 3, 4, 5)
		check("", 1, 2, nil, 2, 3)
		check("a", 0, 10, nil, 1, 3, 4, 5)
		check("a", 0, 10, []string{"entity.*"}, 1, 4)
		check("", 0, 10, []string{"run", "entity.updated"}, 2, 3)
		check("c", 0, 10, nil)
		check("", 5, 10, nil)

		latest, err := f.Latest(t.Context(), "a", 5, 2)
		if d := cmp.Diff([]int64{4, 3}, seqs(latest)); err != nil || d != "" {
			t.Errorf("Latest: %v, %s", err, d)
		}
		page := func(after int64, limit int, wantNext int64, want ...int64) {
			t.Helper()
			got, next, err := f.Page(t.Context(), after, limit, "entity.*")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, seqs(got)); d != "" || next != wantNext {
				t.Errorf("Page(%d, %d): next %d, want %d; %s", after, limit, next, wantNext, d)
			}
		}
		page(0, 1, 1, 1)
		page(1, 1, 2, 2)
		page(2, 1, 4, 4)
		page(2, 9, 5, 4)
		page(5, 9, 5)

		r := f.Reader("a", 0, "entity.*")
		next := func(limit int, wantMore bool, wantAfter int64, want ...int64) {
			t.Helper()
			got, more, err := r.Next(t.Context(), limit)
			if err != nil || more != wantMore || r.After() != wantAfter {
				t.Errorf("more %t, after %d, %v; want %t, %d", more, r.After(), err, wantMore, wantAfter)
			}
			if d := cmp.Diff(want, seqs(got)); d != "" {
				t.Error(d)
			}
		}
		next(1, true, 1, 1)
		next(9, false, 4, 4)
		next(9, false, 4)
		add(t, db, &feed.Entry{Org: "b", Type: "entity.created"})
		if err := r.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		next(9, false, 4)
		add(t, db, &feed.Entry{Org: "a", Type: "entity.created"})
		next(9, false, 5, 7)
		r = f.Reader("a", 99)
		next(9, false, 99)
	})
}

// A reader must never be shown an entry before one that it then misses, however
// slowly the writers commit.
func TestReaderSkipsNothing(t *testing.T) {
	sqldbtest.Run(t, feed.Migrations(), func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		f := feed.New(db)
		var writers sync.WaitGroup
		stop := time.Now().Add(1500 * time.Millisecond)
		rollback := errors.New("rollback")
		for range 8 {
			writers.Go(func() {
				for time.Now().Before(stop) {
					err := db.Tx(ctx, func(tx *sqldb.Tx) error {
						entries := make([]*feed.Entry, 1+rand.IntN(5))
						for i := range entries {
							entries[i] = &feed.Entry{Type: "run"}
						}
						if err := feed.Append(ctx, tx, entries...); err != nil {
							return err
						}
						time.Sleep(rand.N(6 * time.Millisecond))
						if rand.IntN(4) == 0 {
							return rollback
						}
						return nil
					})
					if err != nil && !errors.Is(err, rollback) {
						t.Error(err)
						return
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { writers.Wait(); close(done) }()
		var last int64
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			entries, err := f.Read(ctx, "", last, 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e.Seq != last+1 {
					t.Fatalf("entry %d came after %d", e.Seq, last)
				}
				last = e.Seq
			}
		}
		if head, err := f.Head(ctx); err != nil || head != last || last < 100 {
			t.Errorf("read up to %d, head %d, %v", last, head, err)
		}
	})
}

func TestWait(t *testing.T) {
	sqldbtest.Run(t, feed.Migrations(), func(t *testing.T, db *sqldb.DB) {
		woken := func(f *feed.Feed, after int64) chan time.Duration {
			c := make(chan time.Duration, 1)
			start := time.Now()
			go func() {
				if err := f.Wait(t.Context(), after); err != nil {
					t.Error(err)
				}
				c <- time.Since(start)
			}()
			time.Sleep(30 * time.Millisecond)
			return c
		}
		slow := feed.New(db, feed.WithPoll(time.Hour))
		c, d := woken(slow, 0), woken(slow, 0)
		add(t, db, &feed.Entry{Type: "run"})
		slow.Notify()
		<-c
		<-d
		quick := feed.New(db, feed.WithPoll(20*time.Millisecond))
		c = woken(quick, 1)
		add(t, db, &feed.Entry{Type: "run"})
		if took := <-c; took > 3*time.Second {
			t.Errorf("without Notify it took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := slow.Wait(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
	})
}
