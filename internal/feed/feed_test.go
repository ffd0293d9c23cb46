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
		if third.Seq != 3 || third.At.IsZero() {
			t.Errorf("got seq %d at %v, want 3 and a moment", third.Seq, third.At)
		}
		var got feed.Entry
		var micros int64
		var data string
		err = db.QueryRow(ctx, `SELECT org, at, type, ref, uid, rev, actor, data FROM feed WHERE seq = 1`).
			Scan(&got.Org, &micros, &got.Type, &got.Ref, &got.UID, &got.Rev, &got.Actor, &data)
		if err != nil {
			t.Fatal(err)
		}
		got.Seq, got.At, got.Data = 1, sqldb.Time(micros), json.RawMessage(data)
		if d := cmp.Diff(*first, got); d != "" {
			t.Error(d)
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
