package feed_test

import (
	"errors"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

func TestLease(t *testing.T) {
	sqldbtest.Run(t, feed.Migrations(), func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		f := feed.New(db)
		acquire := func(holder string, ttl time.Duration) *feed.Lease {
			t.Helper()
			l, err := f.Acquire(ctx, "work", holder, ttl)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		check := func(l *feed.Lease) error {
			return db.Tx(ctx, func(tx *sqldb.Tx) error { return l.Check(ctx, tx) })
		}
		a := acquire("a", time.Minute)
		if _, err := f.Acquire(ctx, "work", "a", time.Minute); !errors.Is(err, feed.ErrHeld) || !fault.Is(err, fault.Conflict) {
			t.Errorf("a held lease: got %v, want ErrHeld", err)
		}
		if _, err := f.Acquire(ctx, "other work", "b", time.Minute); err != nil {
			t.Error(err)
		}
		if err := errors.Join(a.Renew(ctx), check(a), a.Release(ctx)); err != nil {
			t.Error(err)
		}
		if err := check(a); !errors.Is(err, feed.ErrLost) {
			t.Errorf("a released lease: got %v, want ErrLost", err)
		}
		b := acquire("b", 50*time.Millisecond)
		time.Sleep(80 * time.Millisecond)
		if err := b.Renew(ctx); err != nil {
			t.Errorf("nobody took the lease, so it can be renewed: %v", err)
		}
		time.Sleep(80 * time.Millisecond)
		c := acquire("c", time.Minute)
		if !(a.Fence < b.Fence && b.Fence < c.Fence) {
			t.Errorf("fences do not grow: %d, %d, %d", a.Fence, b.Fence, c.Fence)
		}
		if err := b.Renew(ctx); !errors.Is(err, feed.ErrLost) {
			t.Errorf("got %v, want ErrLost", err)
		}
		if err := check(b); !errors.Is(err, feed.ErrLost) {
			t.Errorf("got %v, want ErrLost", err)
		}
		if err := errors.Join(b.Release(ctx), check(c)); err != nil {
			t.Errorf("the release of a lost lease touched its new holder: %v", err)
		}
	})
}
