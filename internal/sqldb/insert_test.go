package sqldb_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

var rowsTable = []sqldb.Migration{{Name: "test/001",
	SQLite:   "CREATE TABLE t (id BIGINT PRIMARY KEY, word TEXT NOT NULL, maybe TEXT, other BIGINT, data BLOB NOT NULL)",
	Postgres: "CREATE TABLE t (id BIGINT PRIMARY KEY, word TEXT NOT NULL, maybe TEXT, other BIGINT, data BYTEA NOT NULL)"}}

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
	r := sqldb.Rows{Table: "t", Columns: []string{"id", "word", "maybe", "other", "data"},
		Conflict: `ON CONFLICT (id) DO UPDATE SET word = excluded.word || '!'`}
	for i := range n {
		var maybe *string
		var other *int64
		if i%3 == 0 {
			word, number := fmt.Sprintf(`{"it's" %d, \ ?}`, i), int64(i)
			maybe, other = &word, &number
		}
		r.Values = append(r.Values, []any{i, fmt.Sprint("w", i), maybe, other, []byte{0, byte(i), 0xff}})
	}
	for range 2 { // the second time every row is there already
		if err := db.Tx(ctx, func(tx *sqldb.Tx) error { return tx.Insert(ctx, r) }); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := db.Query(ctx, `SELECT id, word, maybe, other, data FROM t ORDER BY id`)
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
		if err := rows.Scan(&id, &word, &maybe, &other, &data); err != nil {
			t.Fatal(err)
		}
		want := r.Values[seen]
		wantMaybe, wantOther := want[2].(*string), want[3].(*int64)
		if id != int64(seen) || word != want[1].(string)+"!" || string(data) != string(want[4].([]byte)) ||
			(maybe == nil) != (wantMaybe == nil) || maybe != nil && *maybe != *wantMaybe || (other == nil) != (wantOther == nil) || other != nil && *other != *wantOther {
			t.Fatalf("row %d: got %d %q %v %v %x, want %v", seen, id, word, maybe, other, data, want)
		}
	}
	if err := rows.Err(); err != nil || seen != n {
		t.Errorf("got %d rows, %v; want %d", seen, err, n)
	}
}
