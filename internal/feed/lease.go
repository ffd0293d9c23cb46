package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Errors of leases.
var (
	// ErrHeld says that another holder has the lease now.
	ErrHeld error = fault.New(fault.Conflict, "another node holds this lease")
	// ErrLost says that the lease ran out and may be another's by now.
	ErrLost error = fault.New(fault.Conflict, "this node lost the lease")
)

// Lease is the right to do one named piece of work, until it runs out. Fence
// grows with every holder: work that writes under a lease calls Check in its
// transaction, so that a holder that lost the lease without noticing writes
// nothing.
type Lease struct {
	Name   string
	Holder string
	Fence  int64
	ttl    time.Duration
	f      *Feed
}

// Acquire takes the lease called name for ttl, or returns ErrHeld. Time is
// told by PostgreSQL's clock, so the clocks of the nodes need not agree.
func (f *Feed) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (*Lease, error) {
	l := &Lease{Name: name, Holder: holder, ttl: ttl, f: f}
	err := f.db.Tx(ctx, func(tx *sqldb.Tx) error {
		now, err := clock(ctx, tx)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `INSERT INTO feed_leases (name, holder, fence, expires) VALUES (?, ?, 1, ?)
			ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = feed_leases.fence + 1, expires = excluded.expires
			WHERE feed_leases.expires <= ? RETURNING fence`,
			name, holder, now+ttl.Microseconds(), now).Scan(&l.Fence)
	})
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, ErrHeld
	}
	if err != nil {
		return nil, fmt.Errorf("feed: acquire %s: %w", name, err)
	}
	return l, nil
}

// Renew gives the lease its whole time to live again, or returns ErrLost when
// another took it.
func (l *Lease) Renew(ctx context.Context) error {
	lost, err := l.f.renew(ctx, []*Lease{l})
	if err == nil && len(lost) > 0 {
		return ErrLost
	}
	return err
}

// Release gives the lease up, so that another may take it at once. A lease
// already lost is left alone.
func (l *Lease) Release(ctx context.Context) error {
	_, err := l.f.db.Exec(ctx, `UPDATE feed_leases SET holder = '', expires = 0, fence = fence + 1 WHERE name = ? AND fence = ?`, l.Name, l.Fence)
	if err != nil {
		return fmt.Errorf("feed: release %s: %w", l.Name, err)
	}
	return nil
}

// Check returns ErrLost when another took the lease, and else keeps others from
// taking it until tx ends. Call it last in the transaction.
func (l *Lease) Check(ctx context.Context, tx *sqldb.Tx) error {
	query := `SELECT fence FROM feed_leases WHERE name = ?`
	if tx.Dialect() == sqldb.Postgres {
		query += ` FOR SHARE`
	}
	var fence int64
	if err := tx.QueryRow(ctx, query, l.Name).Scan(&fence); err != nil && !errors.Is(err, sqldb.ErrNoRows) {
		return fmt.Errorf("feed: check lease %s: %w", l.Name, err)
	}
	if fence != l.Fence {
		return ErrLost
	}
	return nil
}

// renew extends leases of one ttl and returns those that are lost.
func (f *Feed) renew(ctx context.Context, leases []*Lease) (lost []*Lease, err error) {
	var kept []string
	err = f.db.Tx(ctx, func(tx *sqldb.Tx) error {
		now, err := clock(ctx, tx)
		if err != nil {
			return err
		}
		args := []any{now + leases[0].ttl.Microseconds()}
		var any []string
		for _, l := range leases {
			any, args = append(any, "name = ? AND fence = ?"), append(args, l.Name, l.Fence)
		}
		kept, err = sqldb.Values[string](ctx, tx, `UPDATE feed_leases SET expires = ? WHERE `+strings.Join(any, " OR ")+` RETURNING name`, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("feed: renew: %w", err)
	}
	for _, l := range leases {
		if !slices.Contains(kept, l.Name) {
			lost = append(lost, l)
		}
	}
	return lost, nil
}

// clock returns the moment leases and schedules are measured by, in
// microseconds: that of the database server, or of this machine for SQLite.
func clock(ctx context.Context, q sqldb.Querier) (micros int64, err error) {
	if q.Dialect() != sqldb.Postgres {
		return sqldb.Micros(time.Now()), nil
	}
	err = q.QueryRow(ctx, `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`).Scan(&micros)
	return micros, err
}

// keeper renews the leases of a running Feed together and cancels the work of
// those that are lost.
type keeper struct {
	f    *Feed
	mu   sync.Mutex
	held map[*Lease]*hold
}

type hold struct {
	cancel   context.CancelCauseFunc
	deadline time.Time // when the lease runs out, if not renewed
}

// hold acquires a lease and keeps it. The returned context ends when the lease
// is lost; drop gives it up.
func (k *keeper) hold(ctx context.Context, name string) (context.Context, *Lease, error) {
	start := time.Now()
	l, err := k.f.Acquire(ctx, name, k.f.holder, k.f.ttl)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held[l] = &hold{cancel: cancel, deadline: start.Add(l.ttl)}
	return ctx, l, nil
}

func (k *keeper) drop(ctx context.Context, l *Lease) {
	k.mu.Lock()
	h := k.held[l]
	delete(k.held, l)
	k.mu.Unlock()
	h.cancel(nil)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := l.Release(ctx); err != nil {
		k.f.log.Warn("a lease was not released and runs out by itself", "lease", l.Name, "error", err)
	}
}

// run renews until ctx ends.
func (k *keeper) run(ctx context.Context) {
	tick := time.NewTicker(k.f.ttl / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			k.renew(ctx)
		}
	}
}

func (k *keeper) renew(ctx context.Context) {
	leases := k.leases()
	if len(leases) == 0 {
		return
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, k.f.ttl/2)
	defer cancel()
	lost, err := k.f.renew(ctx, leases)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.f.log.Warn("leases were not renewed", "error", err)
		k.expire(leases)
		return
	}
	for _, l := range leases {
		if h := k.held[l]; h != nil {
			h.deadline = start.Add(l.ttl)
		}
	}
	for _, l := range lost {
		if h := k.held[l]; h != nil {
			h.cancel(ErrLost)
		}
	}
}

// expire cancels work whose lease must be presumed lost. A SQLite file belongs
// to one process, whose long transaction keeps the keeper out, and with it all
// who might take the lease.
func (k *keeper) expire(leases []*Lease) {
	if k.f.db.Dialect() == sqldb.SQLite {
		return
	}
	for _, l := range leases {
		if h := k.held[l]; h != nil && time.Now().After(h.deadline) {
			h.cancel(ErrLost)
		}
	}
}

func (k *keeper) leases() []*Lease {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]*Lease, 0, len(k.held))
	for l := range k.held {
		out = append(out, l)
	}
	return out
}
