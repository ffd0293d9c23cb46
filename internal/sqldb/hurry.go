package sqldb

import (
	"context"
	"errors"
	"fmt"
)

// Hurry runs f, while which SQLite does not wait for the disk: what f wrote is
// there when Hurry returns, but may be lost or damaged when the machine stops
// before that. It is for filling a database that can be made again. PostgreSQL
// has its own settings for that and is left as it is.
func (db *DB) Hurry(ctx context.Context, f func() error) error {
	if db.dialect != SQLite {
		return f()
	}
	if err := db.pragma(ctx, "synchronous = OFF"); err != nil {
		return err
	}
	err := f()
	end := context.WithoutCancel(ctx)
	return errors.Join(err, db.pragma(end, "synchronous = FULL"), db.pragma(end, "wal_checkpoint(TRUNCATE)"))
}

// pragma changes a setting of the one connection that writes.
func (db *DB) pragma(ctx context.Context, text string) error {
	if _, err := db.write.ExecContext(ctx, "PRAGMA "+text); err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	return nil
}
