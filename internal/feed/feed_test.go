package feed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

func add(t testing.TB, db *sqldb.DB, entries ...*feed.Entry) {
	t.Helper()
	err := db.Tx(t.Context(), func(tx *sqldb.Tx) error { return feed.Append(t.Context(), tx, entries...) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestAppendNumbersWithoutHoles(t *testing.T) {
	sqldbtest.Run(t, feed.Migrations(), func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		at := time.Date(2024, 2, 29, 12, 0, 0, 123456000, time.UTC)
		first := &feed.Entry{Org: "acme", At: at, Type: "entity.created", Ref: "component:default/shop", UID: "u1", Rev: 1,
			Actor: "ana", Data: json.RawMessage(`{"a": 1}`)}
		add(t, db, first, &feed.Entry{Org: "other", Type: "run"})
		boom := errors.New("boom")
		err := db.Tx(ctx, func(tx *sqldb.Tx) error {
			if err := feed.Append(ctx, tx, &feed.Entry{Type: "lost"}); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		third := &feed.Entry{Org: "acme", Type: "run"}
		add(t, db, third)
		if third.Seq != 3 || third.No != 2 || third.At.IsZero() {
			t.Errorf("got seq %d, no %d at %v, want 3, 2 and a moment", third.Seq, third.No, third.At)
		}
		var got feed.Entry
		var micros int64
		var data string
		err = db.QueryRow(ctx, `SELECT org, at, type, ref, uid, rev, actor, data FROM feed WHERE seq = 1`).
			Scan(&got.Org, &micros, &got.Type, &got.Ref, &got.UID, &got.Rev, &got.Actor, &data)
		if err != nil {
			t.Fatal(err)
		}
		got.Seq, got.No, got.At, got.Data = 1, 1, sqldb.Time(micros), json.RawMessage(data)
		if d := cmp.Diff(*first, got); d != "" {
			t.Error(d)
		}
	})
}

// TestNumbersOfAnOrganisation: what an organisation sees is numbered by what it
// did itself, also for entries from before there were such numbers.
func TestNumbersOfAnOrganisation(t *testing.T) {
	sqldbtest.Run(t, feed.Migrations()[:1], func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		for i, org := range []string{"a", "b", "a", "", "b", "a"} {
			if _, err := db.Exec(ctx, `INSERT INTO feed (seq, org, at, type, ref, uid, rev, actor, data) VALUES (?, ?, 1, 'old', '', '', 0, '', '')`, i+1, org); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.Exec(ctx, `UPDATE feed_head SET seq = 6`); err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(ctx, feed.Migrations()); err != nil {
			t.Fatal(err)
		}
		add(t, db, &feed.Entry{Org: "b", Type: "new"}, &feed.Entry{Org: "a", Type: "new"}, &feed.Entry{Org: "c", Type: "new"}, &feed.Entry{Org: "b", Type: "new"})
		f := feed.New(db)
		for org, want := range map[string][]int64{"a": {1, 2, 3, 4}, "b": {1, 2, 3, 4}, "c": {1}, "none": nil} {
			entries, more, err := f.Reader(org, 0).Next(ctx, 10)
			if err != nil || more {
				t.Fatalf("%s: more %t, %v", org, more, err)
			}
			var got []int64
			for i, e := range entries {
				got = append(got, e.No)
				if i > 0 && e.Seq <= entries[i-1].Seq {
					t.Errorf("%s: the order changed: %v", org, entries)
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: %s", org, d)
			}
			if head, err := f.OrgHead(ctx, org); err != nil || head != int64(len(want)) {
				t.Errorf("%s: head %d, %v", org, head, err)
			}
		}
		out, err := json.Marshal(feed.Entry{Seq: 900, No: 2, Org: "a"})
		if err != nil || string(out) != `{"seq":2,"org":"a","at":"0001-01-01T00:00:00Z","type":""}` {
			t.Errorf("outside it is %s, %v", out, err)
		}
	})
}

func TestAppendMany(t *testing.T) {
	sqldbtest.Run(t, feed.Migrations(), func(t *testing.T, db *sqldb.DB) {
		var many []*feed.Entry
		for i := range 10_001 {
			many = append(many, &feed.Entry{Org: "acme", Type: "entity.created", Ref: fmt.Sprint(i)})
		}
		start := time.Now()
		add(t, db, many...)
		t.Logf("%d entries in %v", len(many), time.Since(start))
		var n, wrong int
		err := db.QueryRow(context.Background(), `SELECT count(*), count(CASE WHEN ref <> CAST(seq - 1 AS TEXT) THEN 1 END) FROM feed`).Scan(&n, &wrong)
		if err != nil || n != len(many) || wrong != 0 {
			t.Errorf("got %d rows, %d out of order, %v", n, wrong, err)
		}
	})
}
