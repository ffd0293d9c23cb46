package sqldb_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// A statement that is asked again while the rows of its first asking are open
// must not touch those. (A connection to PostgreSQL reads one answer at a time.)
func TestStatementInsideItself(t *testing.T) {
	db := sqldbtest.SQLite(t, steps)
	ctx := context.Background()
	fill(t, db, 4)
	const text = `SELECT at FROM things WHERE at > ? ORDER BY at`
	var list func(tx *sqldb.Tx, after int64) []int64
	list = func(tx *sqldb.Tx, after int64) (out []int64) {
		rows, err := tx.Query(ctx, text, after)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var at int64
			if err := rows.Scan(&at); err != nil {
				t.Fatal(err)
			}
			out = append(append(out, at), list(tx, at)...)
		}
		return out
	}
	for range 2 {
		err := db.View(ctx, func(tx *sqldb.Tx) error {
			if got, want := fmt.Sprint(list(tx, 0)), "[1 2 3 4 4 3 4 4 2 3 4 4 3 4 4]"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func fill(t *testing.T, db *sqldb.DB, n int) {
	t.Helper()
	err := db.Tx(t.Context(), func(tx *sqldb.Tx) error {
		for i := range n {
			if _, err := tx.Exec(t.Context(), `INSERT INTO things (name, at) VALUES (?, ?)`, fmt.Sprint(i+1), i+1); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What was read before is asked again after it failed, after a rollback, after
// the tables changed and after many others.
func TestStatementsAskedAgain(t *testing.T) {
	sqldbtest.Run(t, steps, func(t *testing.T, db *sqldb.DB) {
		ctx := context.Background()
		fill(t, db, 2)
		double := func(tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO things (name, at) VALUES (?, ?)`, "1", 9)
			return err
		}
		count := func(want int) {
			t.Helper()
			var n int
			if err := db.QueryRow(ctx, `SELECT count(*) FROM things`).Scan(&n); err != nil || n != want {
				t.Fatalf("got %d, %v; want %d", n, err, want)
			}
		}
		for range 3 {
			if err := db.Tx(ctx, double); !sqldb.IsUnique(err) {
				t.Fatalf("got %v, want a unique violation", err)
			}
			count(2)
		}
		if _, err := db.Exec(ctx, `ALTER TABLE things ADD COLUMN more BIGINT NOT NULL DEFAULT 7`); err != nil {
			t.Fatal(err)
		}
		for i := range 600 { // more texts than are kept
			var n int
			if err := db.QueryRow(ctx, fmt.Sprintf(`SELECT more + %d FROM things WHERE at = ?`, i), 1).Scan(&n); err != nil || n != 7+i {
				t.Fatalf("got %d, %v; want %d", n, err, 7+i)
			}
		}
		count(2)
		if err := db.Tx(ctx, double); !sqldb.IsUnique(err) {
			t.Errorf("got %v, want a unique violation", err)
		}
	})
}

func TestHurry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "binnacle.db")
	db, err := sqldb.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	setting := func() (n int) {
		if err := db.Tx(t.Context(), func(tx *sqldb.Tx) error {
			return tx.QueryRow(t.Context(), `PRAGMA synchronous`).Scan(&n)
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const off, full = 0, 2
	err = db.Hurry(t.Context(), func() error {
		if got := setting(); got != off {
			t.Errorf("while it hurries: synchronous is %d, want %d", got, off)
		}
		return context.Canceled
	})
	if err == nil {
		t.Error("the error of the function was lost")
	}
	if got := setting(); got != full {
		t.Errorf("afterwards: synchronous is %d, want %d", got, full)
	}
}
