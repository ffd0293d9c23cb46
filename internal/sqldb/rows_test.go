package sqldb_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// Rows are read in order, none is nil, and the first error ends it.
func TestRows(t *testing.T) {
	sqldbtest.Run(t, steps, func(t *testing.T, db *sqldb.DB) {
		ctx := context.Background()
		if got, err := sqldb.Values[int64](ctx, db, `SELECT at FROM things`); got != nil || err != nil {
			t.Errorf("of nothing: %v, %v", got, err)
		}
		fill(t, db, 3)
		if got, err := sqldb.Values[int64](ctx, db, `SELECT at FROM things WHERE at > ? ORDER BY at DESC`, 1); !slices.Equal(got, []int64{3, 2}) || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		stop, read := errors.New("enough"), 0
		err := sqldb.Each(ctx, db, func(r sqldb.Row) error {
			if read++; read == 2 {
				return stop
			}
			return nil
		}, `SELECT at FROM things`)
		if !errors.Is(err, stop) || read != 2 {
			t.Errorf("%d rows were read: %v", read, err)
		}
		if got, err := sqldb.Values[int64](ctx, db, `SELECT name || 'x' FROM things ORDER BY at`); got != nil || err == nil {
			t.Errorf("texts as numbers: %v, %v", got, err)
		}
		if _, err := sqldb.Values[int64](ctx, db, `SELECT nothing FROM things`); err == nil {
			t.Error("a column that is not there was read")
		}
	})
}
