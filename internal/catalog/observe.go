package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/observe"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Observation is what a machine reported at a moment, for a table of a room.
type Observation struct {
	Table *observe.Table
	At    time.Time // zero: now
	Rows  []observe.Row
	Whole string // the source that Rows are all of: its other rows are gone; "": they are only some
}

// Observe takes a report in: the rows, an entry of the feed ("observed.work")
// and an audit record with the counts, in one transaction. A report that changes
// nothing leaves no entry and no record. With dryRun it says what would happen.
//
// Who may write in the room of the table may observe, and so may who brings in
// what machines report.
func (c *Catalog) Observe(ctx context.Context, caller Caller, o Observation, dryRun bool) (observe.Counts, error) {
	var counts observe.Counts
	res := auth.Resource{Room: o.Table.Room}
	if err := caller.Can(auth.Write, res); err != nil && caller.Can(auth.Ingest, res) != nil {
		return counts, err
	}
	if o.At.IsZero() {
		o.At = c.now()
	}
	err := c.tx(ctx, func(tx *sqldb.Tx) (err error) {
		if o.Whole != "" {
			counts, err = o.Table.PutAll(ctx, tx, caller.Org, o.At, o.Whole, o.Rows)
		} else {
			counts, err = o.Table.Put(ctx, tx, caller.Org, o.At, o.Rows)
		}
		if err == nil && counts.Changed() {
			err = c.observed(ctx, tx, caller, counts)
		}
		if err == nil && dryRun {
			err = errDryRun
		}
		return err
	})
	if errors.Is(err, errDryRun) {
		return counts, nil
	}
	if err == nil && counts.Changed() {
		c.notify()
	}
	return counts, err
}

func (c *Catalog) observed(ctx context.Context, tx *sqldb.Tx, caller Caller, counts observe.Counts) error {
	what := "observed." + counts.Table
	detail := map[string]any{"manager": caller.Manager, "created": counts.Created, "updated": counts.Updated, "gone": counts.Gone}
	if caller.Reason != "" {
		detail["reason"] = caller.Reason
	}
	data, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	if err := feed.Append(ctx, tx, &feed.Entry{Org: caller.Org, At: c.now(), Type: what, Actor: caller.Account, Data: data}); err != nil {
		return err
	}
	return audit.Append(ctx, tx, c.record(caller, what, counts.Table, detail))
}

// Observed returns the rows of a table as they were known at a moment.
func (c *Catalog) Observed(ctx context.Context, caller Caller, t *observe.Table, at time.Time) ([]observe.Row, error) {
	if err := caller.Can(auth.Read, auth.Resource{Room: t.Room}); err != nil {
		return nil, err
	}
	var rows []observe.Row
	err := t.Scan(ctx, c.q(), caller.Org, at, func(_, _ string, r observe.Row) error {
		rows = append(rows, r)
		return nil
	})
	return rows, err
}

// ObservedAt returns when a table was last reported to, by its sources.
func (c *Catalog) ObservedAt(ctx context.Context, caller Caller, t *observe.Table) (map[string]time.Time, error) {
	if err := caller.Can(auth.Read, auth.Resource{Room: t.Room}); err != nil {
		return nil, err
	}
	return t.Seen(ctx, c.q(), caller.Org)
}
