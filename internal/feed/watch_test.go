package feed_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

var effects = append(feed.Migrations(), sqldb.Migration{Name: "test/001",
	SQL: "CREATE TABLE effects (watch TEXT NOT NULL, seq BIGINT NOT NULL)\n;;\nCREATE TABLE turns (schedule TEXT NOT NULL, tick BIGINT NOT NULL)"})

func quick(db *sqldb.DB, opts ...feed.Option) *feed.Feed {
	return feed.New(db, append([]feed.Option{feed.WithPoll(10 * time.Millisecond), feed.WithTTL(300 * time.Millisecond),
		feed.WithBackoff(5*time.Millisecond, 20*time.Millisecond), feed.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))}, opts...)...)
}

// start runs f until the returned function is called or the test ends.
func start(t *testing.T, f *feed.Feed, watches []feed.Watch, schedules ...feed.Schedule) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx, watches, schedules) }()
	var stopped bool
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func record(name string) func(context.Context, *sqldb.Tx, []feed.Entry) error {
	return func(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
		for _, e := range batch {
			if _, err := tx.Exec(ctx, `INSERT INTO effects (watch, seq) VALUES (?, ?)`, name, e.Seq); err != nil {
				return err
			}
		}
		return nil
	}
}

func effectsOf(t *testing.T, db *sqldb.DB, watch string) (out []int64) {
	t.Helper()
	rows, err := db.Query(t.Context(), `SELECT seq FROM effects WHERE watch = ? ORDER BY seq`, watch)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			t.Fatal(err)
		}
		out = append(out, seq)
	}
	return out
}

func statusOf(t *testing.T, f *feed.Feed, name string) feed.CursorStatus {
	t.Helper()
	all, err := f.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Name == name {
			return c
		}
	}
	return feed.CursorStatus{}
}

func upTo(n int64) (out []int64) {
	for i := int64(1); i <= n; i++ {
		out = append(out, i)
	}
	return out
}

func TestWatchFollows(t *testing.T) {
	sqldbtest.Run(t, effects, func(t *testing.T, db *sqldb.DB) {
		f := quick(db)
		for range 7 {
			add(t, db, &feed.Entry{Type: "run"}, &feed.Entry{Type: "alert"})
		}
		watches := []feed.Watch{
			{Name: "all", Batch: 3, Handle: record("all")},
			{Name: "alerts", Types: []string{"alert"}, Handle: record("alerts")},
			{Name: "new", FromNow: true, Handle: record("new")},
		}
		stop := start(t, f, watches)
		eventually(t, "everything handled", func() bool { return len(effectsOf(t, db, "all")) == 14 && statusOf(t, f, "new").Seq == 14 })
		if c := statusOf(t, f, "all"); c.Holder != f.Holder() || c.Lag != 0 || c.LagSeconds != 0 || c.LastError != "" {
			t.Errorf("got status %+v", c)
		}
		stop()
		if c := statusOf(t, f, "all"); c.Holder != "" {
			t.Errorf("after the end %q still holds the watch", c.Holder)
		}
		add(t, db, &feed.Entry{Type: "alert", At: time.Now().Add(-time.Hour)})
		if c := statusOf(t, f, "all"); c.Lag != 1 || c.LagSeconds < 3600 || c.LagSeconds > 3700 {
			t.Errorf("got lag %d, %v s, want 1 and an hour", c.Lag, c.LagSeconds)
		}
		start(t, quick(db), watches)
		eventually(t, "the last entry handled", func() bool {
			return len(effectsOf(t, db, "all")) == 15 && len(effectsOf(t, db, "alerts")) == 8 && len(effectsOf(t, db, "new")) == 1
		})
		if d := cmp.Diff(upTo(15), effectsOf(t, db, "all")); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]int64{2, 4, 6, 8, 10, 12, 14, 15}, effectsOf(t, db, "alerts")); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]int64{15}, effectsOf(t, db, "new")); d != "" {
			t.Error(d)
		}
	})
}

func TestPoisonIsNamedAndHoldsUpNobodyElse(t *testing.T) {
	sqldbtest.Run(t, effects, func(t *testing.T, db *sqldb.DB) {
		f := quick(db)
		var cured atomic.Bool
		bad := func(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
			if err := record("bad")(ctx, tx, batch); err != nil {
				return err
			}
			for _, e := range batch {
				if e.Seq == 5 && !cured.Load() {
					panic("indigestible")
				}
				if e.Seq == 9 {
					return errors.New("never")
				}
			}
			return nil
		}
		for range 12 {
			add(t, db, &feed.Entry{Type: "entity.updated", Ref: "component:default/shop"})
		}
		start(t, f, []feed.Watch{{Name: "bad", Handle: bad}, {Name: "good", Handle: record("good")}})
		eventually(t, "several tries", func() bool { return statusOf(t, f, "bad").Attempts >= 3 })
		if got := statusOf(t, f, "bad"); got.Seq != 4 || !strings.Contains(got.LastError, "entry 5 (entity.updated component:default/shop): panic: indigestible") {
			t.Errorf("got %+v", got)
		}
		eventually(t, "the other is not held up", func() bool { return len(effectsOf(t, db, "good")) == 12 })
		if d := cmp.Diff(upTo(4), effectsOf(t, db, "bad")); d != "" {
			t.Errorf("what comes before the bad entry takes effect: %s", d)
		}
		if err := f.Skip(t.Context(), "bad", 7); !fault.Is(err, fault.NotFound) {
			t.Errorf("skipping another entry: %v", err)
		}
		cured.Store(true)
		eventually(t, "the next bad entry", func() bool { return statusOf(t, f, "bad").Attempts >= 2 && statusOf(t, f, "bad").Seq == 8 })
		if err := f.Skip(t.Context(), "bad", 9); err != nil {
			t.Error(err)
		}
		eventually(t, "the rest", func() bool { return statusOf(t, f, "bad").Seq == 12 })
		if d := cmp.Diff([]int64{1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12}, effectsOf(t, db, "bad")); d != "" {
			t.Error(d)
		}
		if got := statusOf(t, f, "bad"); got.LastError != "" || got.Attempts != 0 {
			t.Errorf("the error is over: %+v", got)
		}
	})
}

// A holder that was frozen past its lease must not commit, and must notice.
func TestStolenLeaseIsFencedOff(t *testing.T) {
	sqldbtest.Run(t, effects, func(t *testing.T, db *sqldb.DB) {
		f := quick(db, feed.WithTTL(time.Second))
		first := make(chan struct{})
		stolen := make(chan struct{})
		var calls atomic.Int32
		handle := func(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
			if err := record("w")(ctx, tx, batch); err != nil {
				return err
			}
			if calls.Add(1) == 1 {
				if tx.Dialect() == sqldb.SQLite { // the only writer is this transaction
					_, err := tx.Exec(ctx, `UPDATE feed_leases SET fence = fence + 1`)
					return err
				}
				close(first)
				<-stolen
			}
			return nil
		}
		add(t, db, &feed.Entry{Type: "run"})
		start(t, f, []feed.Watch{{Name: "w", Handle: handle}})
		if db.Dialect() == sqldb.Postgres {
			<-first
			if _, err := db.Exec(t.Context(), `UPDATE feed_leases SET fence = fence + 1, holder = 'thief', expires = expires + 500000`); err != nil {
				t.Fatal(err)
			}
			close(stolen)
			eventually(t, "noticed", func() bool { return statusOf(t, f, "w").Holder == "thief" && calls.Load() == 1 })
			if n := len(effectsOf(t, db, "w")); n != 0 {
				t.Errorf("the old holder committed %d effects", n)
			}
		}
		eventually(t, "taken back", func() bool { return statusOf(t, f, "w").Seq == 1 })
		if n := len(effectsOf(t, db, "w")); n != 1 || calls.Load() != 2 {
			t.Errorf("got %d effects by %d calls, want 1 by 2", n, calls.Load())
		}
	})
}

func TestRunRefusesTwins(t *testing.T) {
	f := quick(sqldbtest.SQLite(t, effects))
	w := feed.Watch{Name: "w", Handle: record("w")}
	s := feed.Schedule{Name: "s", Every: time.Second, Run: func(context.Context) error { return nil }}
	late := s
	late.Name, late.Jitter = "late", time.Minute
	for _, c := range []struct {
		watches   []feed.Watch
		schedules []feed.Schedule
	}{
		{watches: []feed.Watch{w, w}},
		{watches: []feed.Watch{{Name: "w"}}},
		{watches: []feed.Watch{{Handle: w.Handle}}},
		{schedules: []feed.Schedule{s, s}},
		{schedules: []feed.Schedule{{Name: "s", Every: time.Second}}},
		{schedules: []feed.Schedule{late}},
	} {
		if err := f.Run(t.Context(), c.watches, c.schedules); err == nil {
			t.Errorf("Run(%+v) did not refuse", c)
		}
	}
}

func TestScheduleRuns(t *testing.T) {
	sqldbtest.Run(t, effects, func(t *testing.T, db *sqldb.DB) {
		f := quick(db)
		var ticks []time.Time
		var fails, plain atomic.Int32
		var failed []time.Time
		schedules := []feed.Schedule{
			{Name: "plain", Every: 50 * time.Millisecond, Jitter: 20 * time.Millisecond, Run: func(ctx context.Context) error {
				ticks = append(ticks, feed.Tick(ctx))
				plain.Add(1)
				return nil
			}},
			{Name: "failing", Every: time.Hour, Run: func(ctx context.Context) error {
				failed = append(failed, feed.Tick(ctx))
				if fails.Add(1) < 3 {
					panic("not yet")
				}
				return nil
			}},
			{Name: "done", Every: time.Hour, Run: func(ctx context.Context) error {
				work := func(tx *sqldb.Tx) error {
					if _, err := tx.Exec(ctx, `INSERT INTO turns (schedule, tick) VALUES ('done', ?)`, sqldb.Micros(feed.Tick(ctx))); err != nil {
						return err
					}
					return feed.Done(ctx, tx)
				}
				if err := db.Tx(ctx, work); err != nil {
					return err
				}
				if err := db.Tx(ctx, work); !errors.Is(err, feed.ErrLost) {
					t.Errorf("a turn was done twice: %v", err)
				}
				return errors.New("after the work")
			}},
		}
		stop := start(t, f, nil, schedules...)
		of := func(name string) feed.ScheduleStatus {
			all, err := f.Schedules(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				if s.Name == name {
					return s
				}
			}
			return feed.ScheduleStatus{}
		}
		eventually(t, "an error is shown", func() bool { return strings.Contains(of("done").LastError, "after the work") })
		eventually(t, "many runs", func() bool { return plain.Load() >= 5 && fails.Load() == 3 && of("failing").Attempts == 0 })
		stop()
		for i := 2; i < len(ticks); i++ {
			if d := ticks[i].Sub(ticks[i-1]); d <= 0 || d%(50*time.Millisecond) != 0 {
				t.Errorf("runs %d and %d are %v apart, off the grid", i-1, i, d)
			}
		}
		if !failed[0].Equal(failed[2]) {
			t.Errorf("a repeated run has another tick: %v", failed)
		}
		if s := of("failing"); s.RanAt.IsZero() || s.LastError != "" || s.Due.Before(time.Now()) || s.Due.After(time.Now().Add(time.Hour)) {
			t.Errorf("got %+v", s)
		}
		var n int
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM turns`).Scan(&n); err != nil || n != 1 {
			t.Errorf("a run marked done took effect %d times, %v", n, err)
		}
		before := of("plain").Due
		stop = start(t, quick(db), nil, feed.Schedule{Name: "failing", Every: time.Hour, Run: func(context.Context) error {
			t.Error("a restart ran a schedule that is not due")
			return nil
		}})
		time.Sleep(50 * time.Millisecond)
		stop()
		if after := of("plain").Due; !after.Equal(before) {
			t.Errorf("the next run moved from %v to %v", before, after)
		}
	})
}

// A shorter Every brings the next turn forward, a clock set back does not bring
// a turn back that was done.
func TestTheNextTurnIsBroughtForward(t *testing.T) {
	sqldbtest.Run(t, effects, func(t *testing.T, db *sqldb.DB) {
		now := time.Now()
		for name, ran := range map[string]time.Time{"shortened": now.Add(-time.Minute), "set back": now.Add(5 * time.Minute)} {
			due := sqldb.Micros(now.Add(time.Hour))
			_, err := db.Exec(t.Context(), `INSERT INTO feed_schedules (name, tick, due, ran, attempts, error, updated) VALUES (?, ?, ?, ?, 0, '', 0)`,
				name, due, due, sqldb.Micros(ran))
			if err != nil {
				t.Fatal(err)
			}
		}
		var shortened, back atomic.Int32
		count := func(n *atomic.Int32) func(context.Context) error {
			return func(context.Context) error { n.Add(1); return nil }
		}
		start(t, quick(db), nil, feed.Schedule{Name: "shortened", Every: 20 * time.Millisecond, Run: count(&shortened)},
			feed.Schedule{Name: "set back", Every: 20 * time.Millisecond, Run: count(&back)})
		eventually(t, "runs in the new rhythm", func() bool { return shortened.Load() >= 3 })
		if n := back.Load(); n != 0 {
			t.Errorf("a turn that was done ran again, %d times", n)
		}
	})
}

func TestDoneOutsideOfARun(t *testing.T) {
	db := sqldbtest.SQLite(t, effects)
	err := db.Tx(t.Context(), func(tx *sqldb.Tx) error { return feed.Done(t.Context(), tx) })
	if err == nil || !feed.Tick(t.Context()).IsZero() {
		t.Errorf("got %v, want an error", err)
	}
}
