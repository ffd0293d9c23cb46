package audit_test

import (
	"testing"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

func write(t testing.TB, db *sqldb.DB, records ...*audit.Record) {
	t.Helper()
	err := db.Tx(t.Context(), func(tx *sqldb.Tx) error { return audit.Append(t.Context(), tx, records...) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestAppendChains(t *testing.T) {
	sqldbtest.Run(t, audit.Migrations(), func(t *testing.T, db *sqldb.DB) {
		a, b, c := &audit.Record{Org: "acme", Action: "one"}, &audit.Record{Org: "other", Action: "two"}, &audit.Record{Org: "acme", Action: "three"}
		write(t, db, a, b)
		write(t, db, c)
		if a.Seq != 1 || b.Seq != 1 || c.Seq != 2 {
			t.Errorf("got seqs %d, %d, %d, want 1, 1, 2", a.Seq, b.Seq, c.Seq)
		}
		if a.Prev != "" || b.Prev != "" || c.Prev != a.Hash || a.Hash != a.Sum() || a.Hash == b.Hash {
			t.Errorf("the chains are wrong: %+v, %+v, %+v", a, b, c)
		}
	})
}
