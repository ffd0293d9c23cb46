package sqldb_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

var steps = []sqldb.Migration{{Name: "test/001", SQL: "CREATE TABLE things (name TEXT PRIMARY KEY, at BIGINT NOT NULL)\n;;\nCREATE INDEX things_at ON things (at)"}}

func TestBothDatabases(t *testing.T) {
	sqldbtest.Run(t, steps, func(t *testing.T, db *sqldb.DB) {
		ctx := context.Background()
		at := time.Date(2024, 2, 29, 23, 59, 59, 1000, time.UTC)
		insert := func(tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO things (name, at) VALUES (?, ?)`, "what?", sqldb.Micros(at))
			return err
		}
		if err := db.Tx(ctx, insert); err != nil {
			t.Fatal(err)
		}
		if err := db.Tx(ctx, insert); !sqldb.IsUnique(err) {
			t.Errorf("second insert: got %v, want a unique violation", err)
		}
		boom := errors.New("boom")
		err := db.Tx(ctx, func(tx *sqldb.Tx) error {
			if _, err := tx.Exec(ctx, `DELETE FROM things WHERE name <> '?'`); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Errorf("got %v, want the error of the function", err)
		}
		var got int64
		if err := db.QueryRow(ctx, `SELECT at FROM things WHERE name = ? AND name <> '?'`, "what?").Scan(&got); err != nil {
			t.Fatal("after a rollback the row must be there: ", err)
		}
		if !sqldb.Time(got).Equal(at) {
			t.Errorf("got %v, want %v", sqldb.Time(got), at)
		}
		if err := db.Migrate(ctx, steps); err != nil {
			t.Errorf("migrating again: %v", err)
		}
		if err := db.Migrate(ctx, nil); err == nil || !strings.Contains(err.Error(), "newer binnacle") {
			t.Errorf("an older program opened a newer database: %v", err)
		}
	})
}

func TestViewSeesOneMoment(t *testing.T) {
	sqldbtest.Run(t, steps, func(t *testing.T, db *sqldb.DB) {
		ctx := context.Background()
		count := func(q sqldb.Querier) (n int) {
			if err := q.QueryRow(ctx, `SELECT count(*) FROM things`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		err := db.View(ctx, func(tx *sqldb.Tx) error {
			before := count(tx)
			if _, err := db.Exec(ctx, `INSERT INTO things (name, at) VALUES ('late', 1)`); err != nil {
				return err
			}
			if after := count(tx); after != before {
				t.Errorf("a view saw %d rows, then %d", before, after)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := count(db); n != 1 {
			t.Errorf("got %d rows, want 1", n)
		}
	})
}
