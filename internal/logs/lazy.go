package logs

import (
	"context"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
)

// Lazy is a store that is opened when it is first used, so that what needs no
// events does not open it. An open that fails is tried again at the next use.
func Lazy(limits Limits, open func() (Store, error)) Store { return &lazy{limits: limits, open: open} }

type lazy struct {
	limits Limits
	open   func() (Store, error)
	mu     sync.Mutex
	store  Store
}

func (l *lazy) get() (Store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.store != nil {
		return l.store, nil
	}
	store, err := l.open()
	if err == nil {
		l.store = store
	}
	return store, err
}

func (l *lazy) Add(ctx context.Context, org string, events []event.Event) error {
	s, err := l.get()
	if err != nil {
		return err
	}
	return s.Add(ctx, org, events)
}

func (l *lazy) Settled(ctx context.Context) (time.Time, error) {
	s, err := l.get()
	if err != nil {
		return time.Time{}, err
	}
	return s.Settled(ctx)
}

func (l *lazy) Flush(ctx context.Context) error {
	s, err := l.get()
	if err != nil {
		return err
	}
	return s.Flush(ctx)
}

func (l *lazy) Rows(ctx context.Context, q Query, row func(Row) error) (Outcome, error) {
	s, err := l.get()
	if err != nil {
		return Outcome{}, err
	}
	return s.Rows(ctx, q, row)
}

func (l *lazy) Hits(ctx context.Context, q Query, step time.Duration, field string, limit int) ([]Series, Outcome, error) {
	s, err := l.get()
	if err != nil {
		return nil, Outcome{}, err
	}
	return s.Hits(ctx, q, step, field, limit)
}

func (l *lazy) Facets(ctx context.Context, q Query, values int) ([]Facet, Outcome, error) {
	s, err := l.get()
	if err != nil {
		return nil, Outcome{}, err
	}
	return s.Facets(ctx, q, values)
}

func (l *lazy) Fields(ctx context.Context, q Query) ([]Value, Outcome, error) {
	s, err := l.get()
	if err != nil {
		return nil, Outcome{}, err
	}
	return s.Fields(ctx, q)
}

func (l *lazy) Values(ctx context.Context, q Query, field string, limit int) ([]Value, Outcome, error) {
	s, err := l.get()
	if err != nil {
		return nil, Outcome{}, err
	}
	return s.Values(ctx, q, field, limit)
}

// Check needs no store.
func (l *lazy) Check(text string) error { return (&asker{}).Check(text) }

func (l *lazy) Limits() Limits { return l.limits }

func (l *lazy) Usage(ctx context.Context) (Usage, error) {
	s, err := l.get()
	if err != nil {
		return Usage{}, err
	}
	return s.Usage(ctx)
}

// Close closes the store if it was opened.
func (l *lazy) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.store == nil {
		return nil
	}
	s := l.store
	l.store = nil
	return s.Close()
}
