package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// CatchUp carries watches to the end of the feed and returns, for a program that
// does one thing and ends. Where another node holds a watch, it waits until that
// node has come as far as the feed was at the call. A watch that fails is an
// error, and its cursor stays before the entry at fault.
func (f *Feed) CatchUp(ctx context.Context, watches ...Watch) error {
	head, err := f.Head(ctx)
	if err != nil {
		return err
	}
	for _, w := range watches {
		if err := f.catchUp(ctx, w, head); err != nil {
			return fmt.Errorf("watch %s: %w", w.Name, err)
		}
	}
	return nil
}

func (f *Feed) catchUp(ctx context.Context, w Watch, head int64) error {
	for {
		lease, err := f.Acquire(ctx, "watch/"+w.Name, f.holder, f.ttl)
		switch {
		case err == nil:
			err = (&follower{f: f, w: w, lease: lease}).toTheEnd(ctx)
			release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			return errors.Join(err, lease.Release(release))
		case !errors.Is(err, ErrHeld):
			return err
		}
		at, err := f.cursor(ctx, w.Name)
		if err != nil || at >= head {
			return err
		}
		if !pause(ctx, f.poll) {
			return ctx.Err()
		}
	}
}

// cursor returns where a watch stands; 0 before it ever ran.
func (f *Feed) cursor(ctx context.Context, name string) (seq int64, err error) {
	err = f.db.QueryRow(ctx, `SELECT seq FROM feed_cursors WHERE name = ?`, name).Scan(&seq)
	if errors.Is(err, sqldb.ErrNoRows) {
		return 0, nil
	}
	return seq, err
}

// toTheEnd handles all there is.
func (o *follower) toTheEnd(ctx context.Context) error {
	if err := o.load(ctx); err != nil {
		return err
	}
	renewed := time.Now()
	for {
		if time.Since(renewed) > o.f.ttl/3 {
			if err := o.lease.Renew(ctx); err != nil {
				return err
			}
			renewed = time.Now()
		}
		entries, next, err := o.f.Page(ctx, o.seen, o.limit, o.w.Types...)
		if err != nil {
			return err
		}
		if len(entries) == 0 && next == o.seen {
			return o.commit(ctx, next, func(*sqldb.Tx) error { return nil })
		}
		if len(entries) == 0 {
			o.seen = next
			continue
		}
		if err := o.tryStep(ctx, entries, next); err != nil {
			return err
		}
	}
}

// tryStep is step without another attempt at the entry that fails.
func (o *follower) tryStep(ctx context.Context, entries []Entry, next int64) error {
	err := o.commit(ctx, next, func(tx *sqldb.Tx) error { return o.handle(ctx, tx, entries) })
	switch {
	case err == nil:
		o.limit = min(o.limit*2, o.batch())
		return nil
	case ctx.Err() != nil || errors.Is(err, ErrLost) || errors.Is(err, errMoved):
		return err
	case len(entries) > 1:
		o.limit = 1
		return nil
	}
	return fmt.Errorf("entry %d (%s): %w", entries[0].Seq, describe(entries[0]), err)
}
