package feed

import (
	"context"
	"fmt"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Drain lets watches handle what there is, each from its durable cursor, until
// none finds anything new, and returns how many entries were handled. It takes
// no lease and does not try again: it is for a database that no server uses, as
// one that is being filled.
func (f *Feed) Drain(ctx context.Context, watches ...Watch) (int, error) {
	total := 0
	for {
		n := 0
		for _, w := range watches {
			handled, err := f.drain(ctx, w)
			if err != nil {
				return total, fmt.Errorf("watch %s: %w", w.Name, err)
			}
			n += handled
		}
		total += n
		if n == 0 {
			return total, nil
		}
	}
}

// drain handles what one watch has left.
func (f *Feed) drain(ctx context.Context, w Watch) (int, error) {
	o := &follower{f: f, w: w}
	if err := o.load(ctx); err != nil {
		return 0, err
	}
	total := 0
	for {
		entries, next, err := f.Page(ctx, o.saved, o.batch(), w.Types...)
		if err != nil || next == o.saved {
			return total, err
		}
		err = f.db.Tx(ctx, func(tx *sqldb.Tx) error {
			if len(entries) > 0 {
				if err := w.Handle(ctx, tx, entries); err != nil {
					return err
				}
			}
			_, err := tx.Exec(ctx, `UPDATE feed_cursors SET seq = ? WHERE name = ?`, next, w.Name)
			return err
		})
		if err != nil {
			return total, err
		}
		o.saved = next
		total += len(entries)
	}
}
