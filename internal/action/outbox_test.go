package action_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

var tables = slices.Concat(feed.Migrations(), audit.Migrations(), action.Migrations())

// sender answers as it is told, and remembers.
type sender struct {
	mu     sync.Mutex
	sent   []action.Act
	answer func(action.Act) error
}

func (s *sender) Send(_ context.Context, a action.Act) error {
	s.mu.Lock()
	s.sent = append(s.sent, a)
	s.mu.Unlock()
	if s.answer == nil {
		return nil
	}
	return s.answer(a)
}

func (s *sender) count(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.sent {
		if a.Key == key {
			n++
		}
	}
	return n
}

func logActs(t testing.TB, db *sqldb.DB, acts ...action.Act) {
	t.Helper()
	err := db.Tx(t.Context(), func(tx *sqldb.Tx) error { return action.Log(t.Context(), tx, acts...) })
	if err != nil {
		t.Fatal(err)
	}
}

func mailTo(key string) action.Act {
	return action.Act{Org: "acme", Key: key, Kind: action.Mail, Target: "ana@acme.example", Payload: json.RawMessage(`{"subject":"x","text":"y"}`)}
}

// work runs the outbox until the returned function is called.
func work(t testing.TB, o *action.Outbox) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); o.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func outbox(db *sqldb.DB, s action.Sender, opts ...action.Option) *action.Outbox {
	quick := []action.Option{action.WithSender(action.Mail, s), action.WithPoll(5 * time.Millisecond),
		action.WithRetry(action.Retry{First: time.Millisecond, Longest: 5 * time.Millisecond, Tries: 4})}
	return action.NewOutbox(db, feed.New(db), append(quick, opts...)...)
}

func stateOf(t testing.TB, db *sqldb.DB, key string) action.Act {
	t.Helper()
	list, err := action.Acts(t.Context(), db, "acme", action.Mail, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if a.Key == key {
			return a
		}
	}
	t.Fatalf("no act %q", key)
	return action.Act{}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func TestActsAreDoneOnceAKey(t *testing.T) {
	sqldbtest.Run(t, tables, func(t *testing.T, db *sqldb.DB) {
		s := &sender{}
		logActs(t, db, mailTo("a"), mailTo("b"), mailTo("a"))
		work(t, outbox(db, s))
		eventually(t, "both sent", func() bool {
			return stateOf(t, db, "a").State == action.Sent && stateOf(t, db, "b").State == action.Sent
		})
		logActs(t, db, mailTo("a"))
		time.Sleep(30 * time.Millisecond)
		if n := s.count("a"); n != 1 {
			t.Errorf("a was sent %d times, want once", n)
		}
		if a, b := mailTo("a"), mailTo("b"); a.ID() == b.ID() || a.ID() != mailTo("a").ID() || len(a.ID()) != 32 {
			t.Errorf("ids %s and %s: want two, each the same again", a.ID(), b.ID())
		}
		if got := stateOf(t, db, "a"); got.Attempts != 1 || got.Ended.IsZero() || got.Error != "" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestIncompleteActs(t *testing.T) {
	db := sqldbtest.SQLite(t, tables)
	for _, spoil := range []func(*action.Act){
		func(a *action.Act) { a.Org = "" }, func(a *action.Act) { a.Key = "" }, func(a *action.Act) { a.Target = "" }, func(a *action.Act) { a.Payload = []byte("{") },
	} {
		a := mailTo("k")
		spoil(&a)
		if err := db.Tx(t.Context(), func(tx *sqldb.Tx) error { return action.Log(t.Context(), tx, a) }); err == nil {
			t.Errorf("%+v was logged", a)
		}
	}
}

func TestFailuresAreTriedAgainToAnEnd(t *testing.T) {
	sqldbtest.Run(t, tables, func(t *testing.T, db *sqldb.DB) {
		s := &sender{}
		s.answer = func(a action.Act) error {
			switch {
			case a.Key == "never":
				return errors.New("not today")
			case a.Key == "refused":
				return action.Permanent(errors.New("no such person"))
			case a.Key == "later" && a.Attempts < 3:
				return errors.New("busy")
			case a.Key == "panics":
				panic("oh")
			}
			return nil
		}
		logActs(t, db, mailTo("never"), mailTo("refused"), mailTo("later"), mailTo("panics"))
		work(t, outbox(db, s))
		want := map[string]struct {
			state    action.State
			attempts int
			err      string
		}{
			"never": {action.GivenUp, 4, "not today"}, "refused": {action.Failed, 1, "no such person"}, "later": {action.Sent, 3, ""}, "panics": {action.GivenUp, 4, "panic: oh"},
		}
		for key, w := range want {
			eventually(t, key+" ends", func() bool { return stateOf(t, db, key).State != action.Waiting })
			if got := stateOf(t, db, key); got.State != w.state || got.Attempts != w.attempts || got.Error != w.err || s.count(key) != w.attempts {
				t.Errorf("%s: got %s after %d attempts (%q), sent %d times; want %s after %d (%q)", key, got.State, got.Attempts, got.Error, s.count(key), w.state, w.attempts, w.err)
			}
		}
		if n, err := action.Counts(t.Context(), db); err != nil || n[action.GivenUp] != 2 || n[action.Sent] != 1 {
			t.Errorf("got %v, %v", n, err)
		}
	})
}

func TestPausesGrow(t *testing.T) {
	db := sqldbtest.SQLite(t, tables)
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	s := &sender{answer: func(a action.Act) error {
		if a.Key == "asks" {
			return &fault.Error{Msg: "slow down", RetryAfter: time.Hour}
		}
		return errors.New("busy")
	}}
	logActs(t, db, mailTo("k"), mailTo("asks"))
	if _, err := db.Exec(t.Context(), `UPDATE action_outbox SET next = 0`); err != nil {
		t.Fatal(err)
	}
	o := action.NewOutbox(db, feed.New(db), action.WithSender(action.Mail, s), action.WithPoll(time.Millisecond), action.WithClock(func() time.Time { return now }))
	work(t, o)
	eventually(t, "tried", func() bool { return stateOf(t, db, "k").Error != "" && stateOf(t, db, "asks").Error != "" })
	if got := stateOf(t, db, "k").Next.Sub(now); got != action.DefaultRetry.First {
		t.Errorf("the second attempt comes after %v, want %v", got, action.DefaultRetry.First)
	}
	if got := stateOf(t, db, "asks").Next.Sub(now); got != time.Hour {
		t.Errorf("asked to wait an hour, waits %v", got)
	}
}

// A node that dies between sending and writing the outcome leaves the act to be
// sent again, with the same id; one whose outcome was written is never sent
// again.
func TestCrash(t *testing.T) {
	sqldbtest.Run(t, tables, func(t *testing.T, db *sqldb.DB) {
		dying, cancel := context.WithCancel(t.Context())
		first := &sender{answer: func(a action.Act) error {
			if a.Key == "unknown" {
				cancel() // the program ends while the other side has the mail
				return context.Canceled
			}
			return nil
		}}
		logActs(t, db, mailTo("a known"))
		logActs(t, db, mailTo("unknown"))
		outbox(db, first).Run(dying)
		if got := stateOf(t, db, "a known"); got.State != action.Sent {
			t.Fatalf("got %+v", got)
		}
		if got := stateOf(t, db, "unknown"); got.State != action.Waiting || got.Attempts != 1 {
			t.Fatalf("got %+v", got)
		}
		second := &sender{}
		work(t, outbox(db, second))
		eventually(t, "sent by the next", func() bool { return stateOf(t, db, "unknown").State == action.Sent })
		if second.count("a known") != 0 || second.count("unknown") != 1 || first.sent[len(first.sent)-1].ID() != second.sent[0].ID() {
			t.Errorf("the next node sent %+v", second.sent)
		}
	})
}

// The outcome of what the other side took is written although the program ends
// at that moment.
func TestOutcomeIsWrittenAtTheEnd(t *testing.T) {
	sqldbtest.Run(t, tables, func(t *testing.T, db *sqldb.DB) {
		dying, cancel := context.WithCancel(t.Context())
		s := &sender{answer: func(action.Act) error { cancel(); return nil }}
		logActs(t, db, mailTo("k"))
		outbox(db, s).Run(dying)
		if got := stateOf(t, db, "k"); got.State != action.Sent {
			t.Errorf("got %+v", got)
		}
	})
}

func TestNodesShareTheWork(t *testing.T) {
	sqldbtest.Run(t, tables, func(t *testing.T, db *sqldb.DB) {
		var want []string
		for i := range 120 {
			want = append(want, fmt.Sprintf("k%03d", i))
			logActs(t, db, mailTo(want[i]))
		}
		s := &sender{}
		for range 3 {
			work(t, outbox(db, s))
		}
		eventually(t, "all sent", func() bool { n, _ := action.Counts(t.Context(), db); return n[action.Sent] == len(want) })
		for _, key := range want {
			if n := s.count(key); n != 1 {
				t.Errorf("%s was sent %d times", key, n)
			}
		}
	})
}

// A lane whose receiver is slow holds up no other.
func TestASlowLane(t *testing.T) {
	db := sqldbtest.SQLite(t, tables)
	stuck := make(chan struct{})
	t.Cleanup(func() { close(stuck) })
	s := &sender{answer: func(a action.Act) error {
		if a.Target == "slow" {
			<-stuck
		}
		return nil
	}}
	hook := func(key, target string) action.Act {
		return action.Act{Org: "acme", Key: key, Kind: action.Webhook, Target: target, Payload: json.RawMessage(`{}`)}
	}
	logActs(t, db, hook("1", "slow"), hook("2", "fast"), mailTo("3"))
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go outbox(db, s, action.WithSender(action.Webhook, s)).Run(ctx)
	eventually(t, "the others are done", func() bool { n, _ := action.Counts(t.Context(), db); return n[action.Sent] == 2 })
}

func TestSweep(t *testing.T) {
	sqldbtest.Run(t, tables, func(t *testing.T, db *sqldb.DB) {
		now := time.Now()
		for key, c := range map[string]struct {
			state action.State
			days  int
		}{"sent long ago": {action.Sent, 31}, "sent": {action.Sent, 29}, "failed": {action.Failed, 89}, "failed long ago": {action.GivenUp, 91}, "waits": {action.Waiting, 400}} {
			logActs(t, db, mailTo(key))
			ended := sqldb.Micros(now.AddDate(0, 0, -c.days))
			if c.state == action.Waiting {
				ended = 0
			}
			if _, err := db.Exec(t.Context(), `UPDATE action_outbox SET state = ?, ended = ? WHERE key = ?`, c.state, ended, key); err != nil {
				t.Fatal(err)
			}
		}
		if err := outbox(db, &sender{}).Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, err := action.Acts(t.Context(), db, "acme", action.Mail, "ana@acme.example", 10)
		if err != nil || len(list) != 3 {
			t.Errorf("got %d acts, %v; want the three that are not old", len(list), err)
		}
	})
}
