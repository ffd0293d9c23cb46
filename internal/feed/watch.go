package feed

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Watch derives something from the feed. Its cursor is durable and bears its
// name, so a name is never given to something else.
type Watch struct {
	Name    string
	Types   []string // as Read takes them; none means every type
	Batch   int      // entries at most in one call of Handle; 0 means 100
	FromNow bool     // the first start begins at the head, and not at the first entry

	// Handle writes the result of a batch in tx. The cursor advances in the
	// same transaction, which commits only while this node holds the watch's
	// lease: each entry takes effect exactly once. Handle may run again for the
	// same entries after a failure, so it must touch nothing but tx.
	Handle func(ctx context.Context, tx *sqldb.Tx, batch []Entry) error
}

var errMoved = errors.New("the cursor was moved")

// quiet is how long a cursor that only passed over entries of other types may
// stay behind in the database.
const quiet = 5 * time.Second

// Run runs the watches and schedules, sharing them with the other nodes on the
// database, until ctx ends; then it gives its leases up and returns nil. A
// watch or schedule that fails is tried again after a growing pause, does not
// hold up the others, and shows its error in Status and Schedules. It returns
// an error at once when two have one name or one cannot run.
func (f *Feed) Run(ctx context.Context, watches []Watch, schedules []Schedule) error {
	if err := validate(watches, schedules); err != nil {
		return err
	}
	k := &keeper{f: f, held: map[*Lease]*hold{}}
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	var renewing, work sync.WaitGroup
	renewing.Go(func() { k.run(keeping) })
	for _, w := range watches {
		work.Go(func() { k.watch(ctx, w) })
	}
	for _, s := range schedules {
		work.Go(func() { k.schedule(ctx, s) })
	}
	<-ctx.Done()
	work.Wait()
	stop()
	renewing.Wait()
	return nil
}

func validate(watches []Watch, schedules []Schedule) error {
	seen := map[string]bool{}
	check := func(kind, name string, ok bool) error {
		if name == "" || !ok {
			return fault.New(fault.Internal, "%s %q is incomplete", kind, name)
		}
		if seen[kind+name] {
			return fault.New(fault.Internal, "two %s are called %q", kind, name)
		}
		seen[kind+name] = true
		return nil
	}
	for _, w := range watches {
		if err := check("watches", w.Name, w.Handle != nil && w.Batch >= 0); err != nil {
			return err
		}
	}
	for _, s := range schedules {
		if err := check("schedules", s.Name, s.Run != nil && s.Every > 0 && s.Jitter >= 0 && s.Jitter <= s.Every); err != nil {
			return err
		}
	}
	return nil
}

// pause waits for d and reports whether ctx still runs.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// backoff returns the pause after so many failures in a row.
func (f *Feed) backoff(attempts int64) time.Duration {
	d := f.backoffMin
	for range min(attempts-1, 30) {
		if d *= 2; d >= f.backoffMax {
			return f.backoffMax
		}
	}
	return min(d, f.backoffMax)
}

// watch holds the lease of w whenever it can and follows the feed with it.
func (k *keeper) watch(ctx context.Context, w Watch) {
	for ctx.Err() == nil {
		held, lease, err := k.hold(ctx, "watch/"+w.Name)
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, ErrHeld) {
				k.f.log.Error("a watch cannot start", "watch", w.Name, "error", err)
			}
			pause(ctx, k.f.ttl/3)
			continue
		}
		err = (&follower{f: k.f, w: w, lease: lease}).follow(held)
		k.drop(ctx, lease)
		if ctx.Err() == nil && !errors.Is(err, errMoved) {
			k.f.log.Warn("a watch starts again", "watch", w.Name, "error", err)
			pause(ctx, k.f.backoffMin)
		}
	}
}

// follower drives one watch while its lease is held.
type follower struct {
	f        *Feed
	w        Watch
	lease    *Lease
	saved    int64 // the durable cursor
	seen     int64 // saved, or further when what follows is of other types
	savedAt  time.Time
	attempts int64
	limit    int // entries in the next batch; 1 after a failure
}

// follow handles entries until the lease is lost, the cursor moved under it,
// or the database fails. Failures of Handle end nothing.
func (o *follower) follow(ctx context.Context) error {
	if err := o.load(ctx); err != nil {
		return err
	}
	for {
		entries, next, err := o.f.Page(ctx, o.seen, o.limit, o.w.Types...)
		switch {
		case err != nil:
			return cause(ctx, err)
		case len(entries) > 0:
			err = o.step(ctx, entries, next)
		default:
			o.seen = next
			err = o.rest(ctx)
		}
		if err != nil {
			return cause(ctx, err)
		}
	}
}

// cause prefers why ctx ended over the error that this led to.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	return err
}

// load reads the cursor, which begins where the watch asks for.
func (o *follower) load(ctx context.Context) error {
	err := o.f.db.Tx(ctx, func(tx *sqldb.Tx) error {
		start := `0`
		if o.w.FromNow {
			start = `(SELECT seq FROM feed_head WHERE id = 1)`
		}
		_, err := tx.Exec(ctx, `INSERT INTO feed_cursors (name, seq, attempts, error, updated) VALUES (?, `+start+`, 0, '', ?)
			ON CONFLICT (name) DO NOTHING`, o.w.Name, sqldb.Micros(time.Now()))
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT seq, attempts FROM feed_cursors WHERE name = ?`, o.w.Name).Scan(&o.saved, &o.attempts)
	})
	o.seen, o.savedAt, o.limit = o.saved, time.Now(), o.batch()
	if o.attempts > 0 {
		o.limit = 1
	}
	return err
}

func (o *follower) batch() int {
	if o.w.Batch == 0 {
		return 100
	}
	return o.w.Batch
}

// step handles a batch. When a batch fails, its entries are tried one by one,
// so that the error names the one at fault and those before it take effect.
func (o *follower) step(ctx context.Context, entries []Entry, next int64) error {
	err := o.commit(ctx, next, func(tx *sqldb.Tx) error { return o.handle(ctx, tx, entries) })
	switch {
	case err == nil:
		o.attempts, o.limit = 0, min(o.limit*2, o.batch())
		o.f.Notify() // it may have appended
		return nil
	case ctx.Err() != nil || errors.Is(err, ErrLost) || errors.Is(err, errMoved):
		return err
	case len(entries) > 1:
		o.limit = 1
		return nil
	}
	return o.fail(ctx, entries[0], err)
}

func (o *follower) handle(ctx context.Context, tx *sqldb.Tx, entries []Entry) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return o.w.Handle(ctx, tx, entries)
}

// commit runs work and moves the cursor to next in one transaction.
func (o *follower) commit(ctx context.Context, next int64, work func(*sqldb.Tx) error) error {
	err := o.f.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := work(tx); err != nil {
			return err
		}
		return o.update(ctx, tx, `UPDATE feed_cursors SET seq = ?, attempts = 0, error = '', updated = ? WHERE name = ? AND seq = ?`,
			next, sqldb.Micros(time.Now()), o.w.Name, o.saved)
	})
	if err == nil {
		o.saved, o.seen, o.savedAt = next, next, time.Now()
	}
	return err
}

// update changes the cursor's row where it still stands as this follower left
// it, and checks the lease.
func (o *follower) update(ctx context.Context, tx *sqldb.Tx, query string, args ...any) error {
	res, err := tx.Exec(ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(errMoved, err)
	}
	return o.lease.Check(ctx, tx)
}

// fail records which entry failed and why, and waits.
func (o *follower) fail(ctx context.Context, e Entry, failure error) error {
	o.attempts++
	msg := fmt.Sprintf("entry %d (%s): %v", e.Seq, describe(e), failure)
	o.f.log.Warn("a watch failed", "watch", o.w.Name, "attempts", o.attempts, "error", msg)
	err := o.f.db.Tx(ctx, func(tx *sqldb.Tx) error {
		return o.update(ctx, tx, `UPDATE feed_cursors SET attempts = ?, error = ?, updated = ? WHERE name = ? AND seq = ?`,
			o.attempts, text(msg), sqldb.Micros(time.Now()), o.w.Name, o.saved)
	})
	if err != nil {
		return err
	}
	pause(ctx, o.f.backoff(o.attempts))
	return nil
}

func describe(e Entry) string {
	if e.Ref == "" {
		return e.Type
	}
	return e.Type + " " + e.Ref
}

// rest saves a cursor that fell behind by passing over entries, and waits for
// more.
func (o *follower) rest(ctx context.Context) error {
	behind := o.seen > o.saved
	if behind && time.Since(o.savedAt) >= quiet {
		return o.commit(ctx, o.seen, func(*sqldb.Tx) error { return nil })
	}
	if !behind {
		return o.f.Wait(ctx, o.seen)
	}
	short, cancel := context.WithTimeout(ctx, quiet-time.Since(o.savedAt))
	defer cancel()
	if err := o.f.Wait(short, o.seen); err != nil && short.Err() == nil {
		return err
	}
	return ctx.Err()
}

// Skip moves the cursor of a watch past entry seq, on which it fails and always
// will: the entry then has no effect there. It returns a NotFound fault when
// that is not the entry the watch stands at.
func (f *Feed) Skip(ctx context.Context, watch string, seq int64) error {
	res, err := f.db.Exec(ctx, `UPDATE feed_cursors SET seq = ?, attempts = 0, error = '', updated = ?
		WHERE name = ? AND seq < ? AND attempts > 0 AND error LIKE ?`,
		seq, sqldb.Micros(time.Now()), watch, seq, fmt.Sprintf("entry %d (%%", seq))
	if err != nil {
		return fmt.Errorf("feed: skip: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fault.New(fault.NotFound, "the watch %q does not stand at entry %d", watch, seq), err)
	}
	return nil
}
