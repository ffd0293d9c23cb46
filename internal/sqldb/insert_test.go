package sqldb_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

var rowsTable = []sqldb.Migration{{Name: "test/001",
	SQLite:   "CREATE TABLE t (id BIGINT PRIMARY KEY, word TEXT NOT NULL, maybe TEXT, other BIGINT, data BLOB NOT NULL, share REAL, half REAL, gone TEXT)",
	Postgres: "CREATE TABLE t (id BIGINT PRIMARY KEY, word TEXT NOT NULL, maybe TEXT, other BIGINT, data BYTEA NOT NULL, share DOUBLE PRECISION, half DOUBLE PRECISION, gone TEXT)"}}

// Each number of rows meets the edges of the statements they are cut into.
func TestInsert(t *testing.T) {
	sqldbtest.Run(t, rowsTable, func(t *testing.T, db *sqldb.DB) {
		for _, n := range []int{0, 1, 2, 199, 200, 201, 400, 1001, 2000, 4001} {
			insertAndRead(t, db, n)
		}
	})
}

func insertAndRead(t *testing.T, db *sqldb.DB, n int) {
	t.Helper()
	ctx := context.Background()
	if _, err := db.Exec(ctx, `DELETE FROM t`); err != nil {
		t.Fatal(err)
	}
	r := sqldb.Rows{Table: "t", Columns: []string{"id", "word", "maybe", "other", "data", "share", "half", "gone"},
		Conflict: `ON CONFLICT (id) DO UPDATE SET word = excluded.word || '!'`}
	for i := range n {
		var maybe *string
		var other *int64
		if i%3 == 0 {
			word, number := fmt.Sprintf(`{"it's" %d, \ ?}`, i), int64(i)
			maybe, other = &word, &number
		}
		var share any // nil in the first row, and in a whole statement of them
		if i > 2500 && i%2 == 0 || i == 1 {
			share = float64(i) / 4
		}
		var half *float64
		if i%5 == 0 {
			v := float64(i) / 2
			half = &v
		}
		r.Values = append(r.Values, []any{i, fmt.Sprint("w", i), maybe, other, []byte{0, byte(i), 0xff}, share, half, nil})
	}
	for range 2 { // the second time every row is there already
		if err := db.Tx(ctx, func(tx *sqldb.Tx) error { return tx.Insert(ctx, r) }); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := db.Query(ctx, `SELECT id, word, maybe, other, data, share, half, gone FROM t ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	seen := 0
	for ; rows.Next(); seen++ {
		var id int64
		var word string
		var maybe *string
		var other *int64
		var data []byte
		var share, half *float64
		var gone *string
		if err := rows.Scan(&id, &word, &maybe, &other, &data, &share, &half, &gone); err != nil {
			t.Fatal(err)
		}
		want := r.Values[seen]
		wantMaybe, wantOther := want[2].(*string), want[3].(*int64)
		if id != int64(seen) || word != want[1].(string)+"!" || string(data) != string(want[4].([]byte)) ||
			(maybe == nil) != (wantMaybe == nil) || maybe != nil && *maybe != *wantMaybe || (other == nil) != (wantOther == nil) || other != nil && *other != *wantOther {
			t.Fatalf("row %d: got %d %q %v %v %x, want %v", seen, id, word, maybe, other, data, want)
		}
		wantShare, isShare := want[5].(float64)
		wantHalf := want[6].(*float64)
		if (share != nil) != isShare || isShare && *share != wantShare || (half == nil) != (wantHalf == nil) || half != nil && *half != *wantHalf || gone != nil {
			t.Fatalf("row %d: got %v %v %v, want %v", seen, share, half, gone, want)
		}
	}
	if err := rows.Err(); err != nil || seen != n {
		t.Errorf("got %d rows, %v; want %d", seen, err, n)
	}
}

// Rows that are there already are none that were written.
func TestInsertNew(t *testing.T) {
	sqldbtest.Run(t, rowsTable, func(t *testing.T, db *sqldb.DB) {
		ctx := context.Background()
		insert := func(from, to int, want int64) {
			t.Helper()
			r := sqldb.Rows{Table: "t", Columns: []string{"id", "word", "data"}, Conflict: `ON CONFLICT (id) DO NOTHING`}
			for i := from; i < to; i++ {
				r.Values = append(r.Values, []any{i, "w", []byte{}}, []any{i, "again", []byte{}})
			}
			err := db.Tx(ctx, func(tx *sqldb.Tx) error {
				n, err := tx.InsertNew(ctx, r)
				if n != want {
					t.Errorf("from %d to %d: %d rows were written, want %d", from, to, n, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		insert(0, 0, 0)
		insert(0, 1, 1)
		insert(0, 3, 2)
		insert(1, 3000, 2997)
		insert(0, 3000, 0)
	})
}
