package feed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Feed reads the feed of one database and runs its watches and schedules. It
// is safe for use by many goroutines.
type Feed struct {
	db         *sqldb.DB
	holder     string
	ttl        time.Duration
	poll       time.Duration
	backoffMin time.Duration
	backoffMax time.Duration
	log        *slog.Logger

	mu      sync.Mutex // guards changed and asked
	changed chan struct{}
	asked   int64 // counts calls of Notify

	headMu sync.Mutex // guards what follows; held while the head is read
	head   int64
	readAt time.Time
	answer int64 // asked, before the head was last read
}

// Option sets up a Feed.
type Option func(*Feed)

// WithHolder names this node in leases; the default is host/process/random.
// Two running nodes must not share a name.
func WithHolder(name string) Option { return func(f *Feed) { f.holder = name } }

// WithTTL sets how long a lease lives without renewal (15 s): the time after
// which another node goes on with the work of one that died.
func WithTTL(d time.Duration) Option { return func(f *Feed) { f.ttl = d } }

// WithPoll sets how often a waiting reader looks for entries of other nodes
// (500 ms). Readers of one Feed share the query.
func WithPoll(d time.Duration) Option { return func(f *Feed) { f.poll = d } }

// WithBackoff sets the pause after the first failure of a watch or schedule and
// the longest, to which it doubles (1 s, 1 min).
func WithBackoff(first, longest time.Duration) Option {
	return func(f *Feed) { f.backoffMin, f.backoffMax = first, longest }
}

// WithLogger sets where failures of watches and schedules are logged.
func WithLogger(l *slog.Logger) Option { return func(f *Feed) { f.log = l } }

// New returns the feed of a database that has the migrations.
func New(db *sqldb.DB, opts ...Option) *Feed {
	host, _ := os.Hostname()
	f := &Feed{
		db: db, holder: fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:6]), log: slog.Default(),
		ttl: 15 * time.Second, poll: 500 * time.Millisecond, backoffMin: time.Second, backoffMax: time.Minute,
		changed: make(chan struct{}),
	}
	for _, opt := range opts {
		opt(f)
	}
	return f
}

// Holder returns the name of this node in leases.
func (f *Feed) Holder() string { return f.holder }

// Read returns at most limit entries after seq after, oldest first, of one
// organisation or, for "", of all. Types narrow it: "run", or "entity.*" for
// all that begin with "entity."; none means every type.
func (f *Feed) Read(ctx context.Context, org string, after int64, limit int, types ...string) ([]Entry, error) {
	return f.read(ctx, org, after, -1, limit, types)
}

// Latest returns at most limit entries before seq before (0: the newest),
// newest first, selected as Read does.
func (f *Feed) Latest(ctx context.Context, org string, before int64, limit int, types ...string) ([]Entry, error) {
	where, args := selection(org, types)
	if before > 0 {
		where, args = where+" AND seq < ?", append(args, before)
	}
	return f.query(ctx, where+" ORDER BY seq DESC LIMIT ?", append(args, limit))
}

// window is how many entries one Page looks at, so that a rare type in a long
// feed costs many short queries and not one long one.
const window = 50_000

// Page is Read of all organisations for a reader that goes on: next is the seq
// to read after the next time, beyond entries that were not selected. When next
// equals after, nothing is new: Wait.
func (f *Feed) Page(ctx context.Context, after int64, limit int, types ...string) (entries []Entry, next int64, err error) {
	head, err := f.Head(ctx)
	if err != nil {
		return nil, after, err
	}
	upTo := max(after, min(head, after+window))
	entries, err = f.read(ctx, "", after, upTo, limit, types)
	if err != nil {
		return nil, after, err
	}
	if len(entries) == limit {
		return entries, entries[limit-1].Seq, nil
	}
	return entries, upTo, nil
}

func (f *Feed) read(ctx context.Context, org string, after, upTo int64, limit int, types []string) ([]Entry, error) {
	where, args := selection(org, types)
	where, args = where+" AND seq > ?", append(args, after)
	if upTo >= 0 {
		where, args = where+" AND seq <= ?", append(args, upTo)
	}
	return f.query(ctx, where+" ORDER BY seq LIMIT ?", append(args, limit))
}

func selection(org string, types []string) (where string, args []any) {
	where = "1 = 1"
	if org != "" {
		where, args = "org = ?", append(args, org)
	}
	var any []string
	for _, t := range types {
		if prefix, ok := strings.CutSuffix(t, "*"); ok {
			any, args = append(any, "substr(type, 1, ?) = ?"), append(args, utf8.RuneCountInString(prefix), prefix)
		} else {
			any, args = append(any, "type = ?"), append(args, t)
		}
	}
	if len(any) > 0 {
		where += " AND (" + strings.Join(any, " OR ") + ")"
	}
	return where, args
}

func (f *Feed) query(ctx context.Context, where string, args []any) ([]Entry, error) {
	entries, err := sqldb.All(ctx, f.db, func(r sqldb.Row) (e Entry, err error) {
		var at int64
		var data string
		err = r.Scan(&e.Seq, &e.No, &e.Org, &at, &e.Type, &e.Ref, &e.UID, &e.Rev, &e.Actor, &data)
		e.At = sqldb.Time(at)
		if data != "" {
			e.Data = []byte(data)
		}
		return e, err
	}, `SELECT `+columns+` FROM feed WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("feed: read: %w", err)
	}
	return entries, nil
}

// Head returns the seq of the newest entry; 0 when there is none.
func (f *Feed) Head(ctx context.Context) (int64, error) {
	var seq int64
	if err := f.db.QueryRow(ctx, `SELECT seq FROM feed_head WHERE id = 1`).Scan(&seq); err != nil {
		return 0, fmt.Errorf("feed: head: %w", err)
	}
	return seq, nil
}

// Notify says that this process appended and committed, so that readers who
// wait look at once and not at the next poll.
func (f *Feed) Notify() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	close(f.changed)
	f.changed = make(chan struct{})
}

// Wait returns nil as soon as there is an entry after seq after, or the error
// of ctx.
func (f *Feed) Wait(ctx context.Context, after int64) error {
	for {
		f.mu.Lock()
		changed, asked := f.changed, f.asked
		f.mu.Unlock()
		head, err := f.recentHead(ctx, asked)
		if err != nil || head > after {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-time.After(f.poll):
		}
	}
}

// recentHead returns the head as another waiter just read it, or reads it when
// that was before the call of Notify that woke the caller.
func (f *Feed) recentHead(ctx context.Context, asked int64) (int64, error) {
	f.headMu.Lock()
	defer f.headMu.Unlock()
	if f.answer >= asked && time.Since(f.readAt) < f.poll/2 {
		return f.head, nil
	}
	head, err := f.Head(ctx)
	if err != nil {
		return 0, err
	}
	f.head, f.readAt, f.answer = head, time.Now(), asked
	return head, nil
}

// SeqAt returns the entry the feed had come to at a moment: the last of an
// organisation that is not later; 0 when there is none.
func SeqAt(ctx context.Context, q sqldb.Querier, org string, at time.Time) (int64, error) {
	var seq int64
	err := q.QueryRow(ctx, `SELECT seq FROM feed WHERE org = ? AND at <= ? ORDER BY at DESC, seq DESC LIMIT 1`, org, sqldb.Micros(at)).Scan(&seq)
	if errors.Is(err, sqldb.ErrNoRows) {
		return 0, nil
	}
	return seq, err
}

// SeqNow returns the last entry of the feed as q sees it.
func SeqNow(ctx context.Context, q sqldb.Querier) (int64, error) {
	var seq int64
	err := q.QueryRow(ctx, `SELECT seq FROM feed_head WHERE id = 1`).Scan(&seq)
	return seq, err
}
