// Package claimlogs lets claims be tested by questions in LogsQL over the events
// of the organisation.
package claimlogs

import (
	"context"
	"errors"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// Name is the name of the language.
const Name = "logsql"

// Config is what questions are answered with.
type Config struct {
	Store logs.Store
	// Known returns a moment: every event that came before it is in the store; nil,
	// and the zero time: none waits.
	Known func() time.Time
	Now   func() time.Time // nil: the time
}

// lag is how long an event may be on its way into the store where none waits.
const lag = time.Minute

// Language returns the language over a store.
func Language(c Config) claim.Language {
	if c.Now == nil {
		c.Now = time.Now
	}
	return claim.Language{Name: Name, Read: auth.Resource{Room: auth.Security}, All: "* | stats count() events", Check: c.check, Rows: c.rows, Kept: c.kept, Known: c.known, Narrow: Narrow}
}

// known returns the moment up to which everything that came can be found. What came
// before one that waits may have been stored just now.
func (c *Config) known(ctx context.Context, _ string) (time.Time, error) {
	at := c.Now().Add(-lag)
	if c.Known == nil {
		return at, nil
	}
	if t := c.Known(); !t.IsZero() && t.Before(at) {
		return t, c.Store.Flush(ctx)
	}
	return at, nil
}

// check refuses what cannot be read, and what would not give the same when it is
// asked again.
func (c *Config) check(text string) error {
	if err := c.Store.Check(text); err != nil {
		return err
	}
	return lasting(text)
}

// rows asks the store.
func (c *Config) rows(ctx context.Context, org string, q claim.Question) ([]claim.Row, error) {
	var out []claim.Row
	outcome, err := c.Store.Rows(ctx, logs.Query{Org: org, Text: q.Text, From: q.From, To: q.To, Known: q.To, And: real(q.Text), Limit: q.Limit + 1}, func(r logs.Row) error {
		row := claim.Row{}
		for _, f := range r.Fields {
			if f.Value != "" {
				row[f.Name] = f.Value
			}
		}
		if !r.Time.IsZero() {
			row["_time"] = r.Time.UTC().Format(time.RFC3339Nano)
		}
		out = append(out, row)
		return ctx.Err()
	})
	switch {
	case err == nil && outcome.Partial:
		err = fault.New(fault.Unavailable, "some of the machines that keep events do not answer").Coded("claim.query-partial")
	case errors.Is(err, context.DeadlineExceeded):
		err = fault.New(fault.Unavailable, "the question takes too long").Coded("claim.query-long").WithHint("ask about a shorter window, or put what is rare first")
	}
	return out, err
}

// kept returns the day from which on events are kept: whole days are removed.
func (c *Config) kept(ctx context.Context, _ string) (time.Time, error) {
	u, err := c.Store.Usage(ctx)
	if err != nil || u.Retention <= 0 {
		return time.Time{}, err
	}
	return c.Now().UTC().Add(-u.Retention - 2*lag).Truncate(24 * time.Hour), nil
}
