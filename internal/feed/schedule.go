package feed

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime/debug"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Schedule is work done again and again by one node at a time. The time of its
// next run is durable. The first run comes within Jitter of the first start;
// after that the runs keep to a grid of Every from 1970, shifted by an offset
// below Jitter that follows from the name, so that a restart changes nothing
// and many schedules do not start together. Runs missed while no node was up
// are made up for by one.
type Schedule struct {
	Name   string
	Every  time.Duration
	Jitter time.Duration // at most Every

	// Run does the work; its context ends when the lease is lost. A run that
	// fails, or whose node dies, is repeated with the same Tick. One that must
	// not take effect twice calls Done in the transaction that writes its
	// result.
	Run func(ctx context.Context) error
}

// next returns the first moment of the schedule's grid after now, both in
// microseconds.
func (s Schedule) next(now int64) int64 {
	every, offset := s.Every.Microseconds(), s.offset()
	return (now-offset)/every*every + every + offset
}

// offset is the schedule's own part of its jitter, in microseconds.
func (s Schedule) offset() int64 {
	h := fnv.New64a()
	h.Write([]byte(s.Name))
	return int64(h.Sum64() % uint64(s.Jitter.Microseconds()+1))
}

// turn is one run of a schedule.
type turn struct {
	s     Schedule
	lease *Lease
	tick  int64
}

type turnKey struct{}

// Tick returns the moment that the running schedule's turn stands for: the same
// when it is repeated, another for every turn. It is the zero time outside of
// Schedule.Run.
func Tick(ctx context.Context) time.Time {
	if t, ok := ctx.Value(turnKey{}).(*turn); ok {
		return sqldb.Time(t.tick)
	}
	return time.Time{}
}

// Done marks the running turn as done in the transaction that writes its
// result: both take effect, once, or neither. It returns ErrLost when the lease
// is lost or the turn was done before. Call it last in the transaction.
func Done(ctx context.Context, tx *sqldb.Tx) error {
	t, ok := ctx.Value(turnKey{}).(*turn)
	if !ok {
		return errors.New("feed: Done outside of Schedule.Run")
	}
	moved, err := t.advance(ctx, tx)
	if err == nil && !moved {
		return ErrLost
	}
	return err
}

// advance moves the schedule to its next turn unless that was done already.
func (t *turn) advance(ctx context.Context, tx *sqldb.Tx) (moved bool, err error) {
	now, err := clock(ctx, tx)
	if err != nil {
		return false, err
	}
	next := t.s.next(max(now, t.tick))
	res, err := tx.Exec(ctx, `UPDATE feed_schedules SET tick = ?, due = ?, ran = ?, attempts = 0, error = '', updated = ? WHERE name = ? AND tick = ?`,
		next, next, now, now, t.s.Name, t.tick)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return false, err
	}
	return n > 0, t.lease.Check(ctx, tx)
}

// schedule runs s whenever it is due and no other node runs it.
func (k *keeper) schedule(ctx context.Context, s Schedule) {
	for ctx.Err() == nil {
		wait, err := k.f.untilDue(ctx, s)
		if err == nil && wait <= 0 {
			wait, err = k.turn(ctx, s)
		}
		if err != nil && ctx.Err() == nil {
			k.f.log.Error("a schedule cannot run", "schedule", s.Name, "error", err)
			wait = k.f.backoffMin
		}
		pause(ctx, min(wait, time.Minute))
	}
}

// turn takes the lease and, when s is still due, runs it once. It returns how
// long to wait before looking again.
func (k *keeper) turn(ctx context.Context, s Schedule) (time.Duration, error) {
	held, lease, err := k.hold(ctx, "schedule/"+s.Name)
	if errors.Is(err, ErrHeld) {
		return k.f.ttl / 3, nil
	}
	if err != nil {
		return 0, err
	}
	defer k.drop(ctx, lease)
	if wait, err := k.f.untilDue(held, s); err != nil || wait > 0 {
		return wait, err // another node did it meanwhile
	}
	t := &turn{s: s, lease: lease}
	if err := k.f.db.QueryRow(held, `SELECT tick FROM feed_schedules WHERE name = ?`, s.Name).Scan(&t.tick); err != nil {
		return 0, err
	}
	return 0, k.f.finish(held, t, t.run(held))
}

func (t *turn) run(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return t.s.Run(context.WithValue(ctx, turnKey{}, t))
}

// finish records how a turn ended. A turn that was cut short by the end of the
// program or of the lease is left to be repeated.
func (f *Feed) finish(ctx context.Context, t *turn, failure error) error {
	if failure != nil {
		if ctx.Err() != nil {
			return cause(ctx, ctx.Err())
		}
		f.log.Warn("a schedule failed", "schedule", t.s.Name, "error", failure)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return f.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if failure == nil {
			_, err := t.advance(ctx, tx)
			return err
		}
		if err := f.fail(ctx, tx, t, text(failure.Error())); err != nil {
			return err
		}
		return t.lease.Check(ctx, tx)
	})
}

// fail records an error and puts the next try off; a turn that had been marked
// done before it failed is not tried again.
func (f *Feed) fail(ctx context.Context, tx *sqldb.Tx, t *turn, msg string) error {
	now, err := clock(ctx, tx)
	if err != nil {
		return err
	}
	var tick, attempts int64
	err = tx.QueryRow(ctx, `SELECT tick, attempts FROM feed_schedules WHERE name = ?`, t.s.Name).Scan(&tick, &attempts)
	if err != nil {
		return err
	}
	due := tick
	if tick == t.tick {
		attempts++
		due = now + f.backoff(attempts).Microseconds()
	}
	_, err = tx.Exec(ctx, `UPDATE feed_schedules SET due = ?, attempts = ?, error = ?, updated = ? WHERE name = ?`, due, attempts, msg, now, t.s.Name)
	return err
}

// untilDue returns how long until s is due, entering it when it is new and
// bringing it forward when its Every was made shorter.
func (f *Feed) untilDue(ctx context.Context, s Schedule) (time.Duration, error) {
	var due, attempts int64
	err := f.db.QueryRow(ctx, `SELECT due, attempts FROM feed_schedules WHERE name = ?`, s.Name).Scan(&due, &attempts)
	if errors.Is(err, sqldb.ErrNoRows) {
		return f.enter(ctx, s)
	}
	if err != nil {
		return 0, err
	}
	now, err := clock(ctx, f.db)
	if err != nil {
		return 0, err
	}
	if next := s.next(now); due > next && attempts == 0 {
		due = next
		err = f.bringForward(ctx, s, next)
	}
	return time.Duration(due-now) * time.Microsecond, err
}

func (f *Feed) enter(ctx context.Context, s Schedule) (time.Duration, error) {
	now, err := clock(ctx, f.db)
	if err != nil {
		return 0, err
	}
	due := now + s.offset()
	_, err = f.db.Exec(ctx, `INSERT INTO feed_schedules (name, tick, due, ran, attempts, error, updated) VALUES (?, ?, ?, 0, 0, '', ?)
		ON CONFLICT (name) DO NOTHING`, s.Name, due, due, now)
	return time.Duration(s.offset()) * time.Microsecond, err
}

// bringForward moves the next turn to an earlier tick, though never to one that
// may have been done: so neither a clock that was set back nor a node that read
// it long ago repeats a turn.
func (f *Feed) bringForward(ctx context.Context, s Schedule, tick int64) error {
	_, err := f.db.Exec(ctx, `UPDATE feed_schedules SET tick = ?, due = ? WHERE name = ? AND due > ? AND ran < ? AND attempts = 0`,
		tick, tick, s.Name, tick, tick)
	return err
}

// text returns s as both databases can store it, and not too long.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), 4000)], ""), "\x00", "")
}
