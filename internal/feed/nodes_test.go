package feed_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

const nodeEnv = "BINNACLE_TEST_FEED_NODE"

// TestMain makes the test binary a node of its own when a test starts it so.
func TestMain(m *testing.M) {
	if url := os.Getenv(nodeEnv); url != "" {
		if err := node(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

var watchNames, scheduleNames = []string{"w1", "w2", "w3", "w4"}, []string{"s1", "s2", "s3"}

// node runs four watches and three schedules that write what they did, until
// it is killed.
func node(url string) error {
	ctx := context.Background()
	db, err := sqldb.Open(ctx, url)
	if err != nil {
		return err
	}
	var watches []feed.Watch
	for i, name := range watchNames {
		watches = append(watches, feed.Watch{Name: name, Batch: 1 + i*20, Handle: func(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
			time.Sleep(rand.N(5 * time.Millisecond))
			return record(name)(ctx, tx, batch)
		}})
	}
	var schedules []feed.Schedule
	for _, name := range scheduleNames {
		schedules = append(schedules, feed.Schedule{Name: name, Every: 100 * time.Millisecond, Jitter: 50 * time.Millisecond, Run: func(ctx context.Context) error {
			time.Sleep(rand.N(20 * time.Millisecond))
			return db.Tx(ctx, func(tx *sqldb.Tx) error {
				if _, err := tx.Exec(ctx, `INSERT INTO turns (schedule, tick) VALUES (?, ?)`, name, sqldb.Micros(feed.Tick(ctx))); err != nil {
					return err
				}
				return feed.Done(ctx, tx)
			})
		}})
	}
	return feed.New(db, feed.WithTTL(600*time.Millisecond), feed.WithPoll(40*time.Millisecond)).Run(ctx, watches, schedules)
}

func spawn(t *testing.T, url string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), nodeEnv+"="+url)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	return cmd
}

func kill(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

// Two processes share the work on one database while one of them is killed
// again and again: each entry takes effect once on each watch, each turn of a
// schedule once, and the work goes on.
func TestTwoProcessesOneKilled(t *testing.T) {
	url := sqldbtest.PostgresURL(t)
	ctx := t.Context()
	db, err := sqldb.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(ctx, effects); err != nil {
		t.Fatal(err)
	}
	spawn(t, url)
	victim, kills := spawn(t, url), 0
	nextKill := time.Now().Add(500 * time.Millisecond)
	for stop := time.Now().Add(6 * time.Second); time.Now().Before(stop); time.Sleep(rand.N(10 * time.Millisecond)) {
		batch := make([]*feed.Entry, 1+rand.IntN(30))
		for i := range batch {
			batch[i] = &feed.Entry{Type: "run"}
		}
		add(t, db, batch...)
		if time.Now().After(nextKill) {
			kill(victim)
			victim, kills = spawn(t, url), kills+1
			nextKill = time.Now().Add(200*time.Millisecond + rand.N(900*time.Millisecond))
		}
	}
	f := feed.New(db)
	head, err := f.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range watchNames[1:] {
		eventually(t, name+" caught up", func() bool { return statusOf(t, f, name).Seq == head })
	}
	reached := statusOf(t, f, watchNames[0]).Seq // one by one: slower than the writer
	kill(victim)
	for _, name := range watchNames {
		checkOnce(t, db, name, max(reached, 20))
	}
	for _, name := range scheduleNames {
		var n, distinct int
		if err := db.QueryRow(ctx, `SELECT count(*), count(DISTINCT tick) FROM turns WHERE schedule = ?`, name).Scan(&n, &distinct); err != nil {
			t.Fatal(err)
		}
		if n != distinct || n < 5 {
			t.Errorf("schedule %s: %d runs of %d turns", name, n, distinct)
		}
	}
	t.Logf("%d entries, %d kills", head, kills)
}

// checkOnce checks that the effects of a watch are those of the entries 1 to
// its cursor, each once.
func checkOnce(t *testing.T, db *sqldb.DB, name string, least int64) {
	t.Helper()
	err := db.View(t.Context(), func(tx *sqldb.Tx) error {
		var n, distinct, top, cursor int64
		err := tx.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT seq), max(seq), (SELECT seq FROM feed_cursors WHERE name = ?) FROM effects WHERE watch = ?`,
			name, name).Scan(&n, &distinct, &top, &cursor)
		if err != nil {
			return err
		}
		if n != cursor || distinct != cursor || top != cursor || cursor < least {
			t.Errorf("watch %s: %d effects of %d entries up to %d, cursor %d, want at least %d", name, n, distinct, top, cursor, least)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
