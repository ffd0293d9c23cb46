package action

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Sender does the acts of one kind. It returns nil when the other side took the
// act, an error made by Permanent when it never will, and any other error when
// it may later. An act may be sent again with the same ID, after a crash that
// left its outcome unknown.
type Sender interface {
	Send(ctx context.Context, a Act) error
}

// Outbox does what was logged, sharing the work with the other nodes on the
// database. Acts of one lane (all mail; one webhook) are done one after the
// other under a lease of the feed, lanes beside each other.
type Outbox struct {
	db      *sqldb.DB
	feed    *feed.Feed
	senders map[Kind]Sender
	log     *slog.Logger
	now     func() time.Time
	poll    time.Duration
	retry   Retry
}

// ttl is how long a node that died holds up a lane. An attempt may take half of it.
const ttl = 2 * time.Minute

// Retry says how often and when an act is tried again: after First, then after
// twice as long each time, at most Longest, and Tries times in all.
type Retry struct {
	First, Longest time.Duration
	Tries          int
}

// DefaultRetry goes on for two and a half days: over a weekend.
var DefaultRetry = Retry{First: 30 * time.Second, Longest: 6 * time.Hour, Tries: 18}

// pause is how long to wait after so many attempts.
func (r Retry) pause(attempts int) time.Duration {
	d := r.First
	for range min(attempts-1, 40) {
		if d *= 2; d >= r.Longest {
			return r.Longest
		}
	}
	return min(d, r.Longest)
}

// Option sets up an Outbox.
type Option func(*Outbox)

// WithSender sets who does the acts of a kind. Acts of a kind without a sender
// wait.
func WithSender(k Kind, s Sender) Option { return func(o *Outbox) { o.senders[k] = s } }

// WithRetry sets when acts are tried again.
func WithRetry(r Retry) Option { return func(o *Outbox) { o.retry = r } }

// WithPoll sets how often the outbox looks for work of its own and other nodes
// (2 s).
func WithPoll(d time.Duration) Option { return func(o *Outbox) { o.poll = d } }

// WithClock sets the clock.
func WithClock(now func() time.Time) Option { return func(o *Outbox) { o.now = now } }

// WithLogger sets where failures are logged.
func WithLogger(l *slog.Logger) Option { return func(o *Outbox) { o.log = l } }

// NewOutbox returns the outbox of a database that has the migrations.
func NewOutbox(db *sqldb.DB, f *feed.Feed, opts ...Option) *Outbox {
	o := &Outbox{db: db, feed: f, senders: map[Kind]Sender{}, log: slog.New(slog.DiscardHandler), now: time.Now,
		poll: 2 * time.Second, retry: DefaultRetry}
	for _, opt := range opts {
		opt(o)
	}
	return o
}

// Can reports whether acts of a kind are done here, or only wait.
func (o *Outbox) Can(k Kind) bool { return o != nil && o.senders[k] != nil }

const (
	lanesAtOnce = 8
	lanesSeen   = 200 // more may wait behind those that other nodes hold
	actsAtOnce  = 50  // of one lane, before others get their turn
)

// Run does acts as they fall due until ctx ends.
func (o *Outbox) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		busy, err := o.round(ctx)
		if err != nil && ctx.Err() == nil {
			o.log.ErrorContext(ctx, "the outbox cannot work", "error", err)
		}
		if !busy || err != nil {
			rest(ctx, o.poll)
		}
	}
	return nil
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// round works on each lane that has something due; busy says that there may be
// more.
func (o *Outbox) round(ctx context.Context) (busy bool, err error) {
	lanes, err := o.due(ctx)
	if err != nil {
		return false, err
	}
	var mu sync.Mutex
	var work sync.WaitGroup
	free := make(chan struct{}, lanesAtOnce)
	for _, lane := range lanes {
		free <- struct{}{}
		work.Go(func() {
			defer func() { <-free }()
			full, failed := o.lane(ctx, lane)
			mu.Lock()
			defer mu.Unlock()
			busy, err = busy || full, errors.Join(err, failed)
		})
	}
	work.Wait()
	return busy, err
}

// due lists lanes with an act to be done now, the longest waiting first.
func (o *Outbox) due(ctx context.Context) ([]string, error) {
	args := []any{sqldb.Micros(o.now())}
	for k := range o.senders {
		args = append(args, k)
	}
	if len(o.senders) == 0 {
		return nil, nil
	}
	lanes, err := sqldb.Values[string](ctx, o.db, `SELECT lane FROM action_outbox WHERE state = 'waiting' AND next <= ? AND kind IN `+sqldb.In(len(o.senders))+
		` GROUP BY lane ORDER BY min(next) LIMIT ?`, append(args, lanesSeen)...)
	if err != nil {
		return nil, fmt.Errorf("action: due: %w", err)
	}
	return lanes, nil
}

// lane does what is due in one lane while it holds its lease; full says that it
// may have left some.
func (o *Outbox) lane(ctx context.Context, lane string) (full bool, err error) {
	lease, err := o.feed.Acquire(ctx, "action/"+lane, o.feed.Holder(), ttl)
	if errors.Is(err, feed.ErrHeld) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, lease.Release(context.WithoutCancel(ctx))) }()
	list, err := acts(ctx, o.db, `state = 'waiting' AND lane = ? AND next <= ? ORDER BY created, key LIMIT ?`, lane, sqldb.Micros(o.now()), actsAtOnce)
	if err != nil {
		return false, err
	}
	for _, a := range list {
		if err := lease.Renew(ctx); err != nil {
			return false, ended(ctx, err)
		}
		if err := o.attempt(ctx, lease, a); err != nil {
			return false, ended(ctx, err)
		}
	}
	return len(list) == actsAtOnce, nil
}

// ended hides what fails because the program ends or another node took over.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, feed.ErrLost) {
		return nil
	}
	return err
}

// attempt sends an act once. That it begins is committed first, so that a crash
// counts; its outcome is written even when the program ends meanwhile.
func (o *Outbox) attempt(ctx context.Context, lease *feed.Lease, a Act) error {
	began, err := o.begin(ctx, lease, &a)
	if err != nil || !began {
		return err
	}
	sending, cancel := context.WithTimeout(ctx, ttl/2)
	failure := o.send(sending, a)
	cancel()
	if failure != nil && ctx.Err() != nil {
		return ctx.Err() // cut short: the outcome is not known
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return o.record(last, a, failure)
}

// begin counts an attempt and says when the next one is, should this one's
// outcome never be known.
func (o *Outbox) begin(ctx context.Context, lease *feed.Lease, a *Act) (began bool, err error) {
	err = o.db.Tx(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE action_outbox SET attempts = attempts + 1, next = ? WHERE org = ? AND key = ? AND state = 'waiting' AND attempts = ?`,
			sqldb.Micros(o.now().Add(o.retry.pause(a.Attempts+1))), a.Org, a.Key, a.Attempts)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if began = n > 0; err != nil {
			return err
		}
		return lease.Check(ctx, tx)
	})
	a.Attempts++
	return began, err
}

func (o *Outbox) send(ctx context.Context, a Act) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return o.senders[a.Kind].Send(ctx, a)
}

// record writes how an attempt ended.
func (o *Outbox) record(ctx context.Context, a Act, failure error) error {
	now := o.now()
	state, msg, next, done := Sent, "", now, sqldb.Micros(now)
	if failure != nil {
		state, msg = Failed, told(failure)
		switch {
		case isPermanent(failure):
		case a.Attempts >= o.retry.Tries:
			state = GivenUp
		default:
			state, next, done = Waiting, now.Add(o.after(a, failure)), 0
		}
		o.log.WarnContext(ctx, "an outward act failed", "kind", a.Kind, "key", a.Key, "attempt", a.Attempts, "state", state, "error", msg)
	}
	_, err := o.db.Exec(ctx, `UPDATE action_outbox SET state = ?, error = ?, next = ?, ended = ? WHERE org = ? AND key = ? AND state = 'waiting'`,
		state, msg, sqldb.Micros(next), done, a.Org, a.Key)
	if err != nil {
		return fmt.Errorf("action: outcome of %s: %w", a.Key, err)
	}
	return nil
}

// after is the pause before the next attempt: at least what the other side asks
// for.
func (o *Outbox) after(a Act, failure error) time.Duration {
	d := o.retry.pause(a.Attempts)
	var f *fault.Error
	if errors.As(failure, &f) && f.RetryAfter > d {
		d = min(f.RetryAfter, 24*time.Hour)
	}
	return d
}
