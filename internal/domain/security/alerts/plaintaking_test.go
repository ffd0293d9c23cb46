package alerts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// PlainTake is Take of findings of one organisation as simply as it can be said: the
// tables are asked for all that a finding needs, and written, before the next is
// taken.
func (d *Desk) PlainTake(ctx context.Context, findings []detect.Finding) error {
	return d.catalog.DB().Tx(ctx, func(tx *sqldb.Tx) error {
		t := &plainTaking{&taking{d: d, ctx: ctx, tx: tx, org: findings[0].Org, at: d.catalog.Now().UTC()}}
		for i := range findings {
			if err := t.one(complete(&findings[i])); err != nil {
				return err
			}
		}
		return feed.Append(ctx, tx, t.entries...)
	})
}

// plainTaking is the taking of some findings of an organisation in one transaction. Of
// taking it has what makes an alert, and what parts a finding.
type plainTaking struct{ *taking }

func (t *plainTaking) one(f *detect.Finding) error {
	key := groupKey(f.Group)
	k, err := t.known(f)
	if errors.Is(err, sqldb.ErrNoRows) {
		return t.fresh(f, key)
	}
	if err != nil {
		return err
	}
	if k.no == 0 {
		return t.count(f, k, len(f.Events)+f.More)
	}
	a, err := get(t.ctx, t.tx, t.org, k.no)
	if err != nil {
		return err
	}
	before, after, err := t.part(f, a)
	if err != nil {
		return err
	}
	if before != nil {
		if err := t.add(a, before, k); err != nil {
			return err
		}
	}
	if after != nil {
		return t.one(after)
	}
	return nil
}

// part parts a finding at the moment its alert was closed: what happened since is
// a finding of its own, with a name of its own, so that it opens another alert and
// a replay parts it the same way. It stays parted when the alert is opened again.
// The value is that of the whole, which the alert did not have when it was closed: it
// goes with what happened since.
func (t *plainTaking) part(f *detect.Finding, a *Alert) (before, after *detect.Finding, err error) {
	next := *f
	next.Name = f.Name + "/" + a.ID()
	closed := a.Closed
	k, err := t.known(&next)
	switch {
	case err == nil:
		if since := sqldb.Time(k.since); a.Open() || !closed.Before(since) {
			closed = since.Add(-1)
		}
	case !errors.Is(err, sqldb.ErrNoRows):
		return nil, nil, err
	case a.Open():
		return f, nil, nil
	}
	if _, until := span(f); !until.After(closed) {
		return f, nil, nil
	}
	had, err := t.had(a.No, f)
	if err != nil {
		return nil, nil, err
	}
	before, after = partAt(f, next, closed, had)
	if before != nil && before != f {
		before.Value, before.Fields = a.Value, a.Fields
	}
	return before, after, nil
}

func (t *plainTaking) known(f *detect.Finding) (k kept, err error) {
	var over int64
	err = t.tx.QueryRow(t.ctx, `SELECT no, suppression, since, until, events, more, over FROM alert_findings WHERE org = ? AND name = ?`, t.org, f.Name).
		Scan(&k.no, &k.suppression, &k.since, &k.until, &k.events, &k.more, &over)
	k.over = over != 0
	return k, err
}

// fresh takes a finding for the first time.
func (t *plainTaking) fresh(f *detect.Finding, key string) error {
	since, until := span(f)
	k := kept{since: sqldb.Micros(since), until: sqldb.Micros(until)}
	s, err := t.suppressed(f, key, until)
	if err != nil {
		return err
	}
	if s != 0 {
		k.suppression = s
		return t.count(f, k, len(f.Events)+f.More)
	}
	a, err := t.joinable(f, key, since, until)
	if err != nil {
		return err
	}
	if a == nil {
		if a, err = t.opened(f, key); err != nil {
			return err
		}
	}
	k.no = a.No
	return t.add(a, f, k)
}

// joinable finds the open alert that a finding belongs to; nil for none.
func (t *plainTaking) joinable(f *detect.Finding, key string, since, until time.Time) (*Alert, error) {
	window := t.d.Window
	list, err := query(t.ctx, t.tx, `org = ? AND group_key = ? AND rule = ? AND state <> ? AND last_seen >= ? AND first_seen <= ? ORDER BY no DESC LIMIT 1`,
		t.org, key, f.Rule.ID, Closed, sqldb.Micros(since.Add(-window)), sqldb.Micros(until.Add(window)))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// add counts a finding into an alert. What was counted before is not counted
// again.
func (t *plainTaking) add(a *Alert, f *detect.Finding, k kept) error {
	fresh, over, err := t.keep(a, f)
	if err != nil {
		return err
	}
	k.more, k.over = max(k.more, f.More), k.over || over
	k.events = max(k.events+fresh, len(f.Events)+f.More)
	if err := t.count(f, k, k.events); err != nil {
		return err
	}
	since, until := span(f)
	a.FirstSeen, a.LastSeen = earlier(a.FirstSeen, since), later(a.LastSeen, until)
	if err := t.total(a); err != nil {
		return err
	}
	raised := rank(f.Rule.Level) > rank(a.Rule.Level)
	if raised {
		a.Rule = f.Rule
		a.weigh()
	}
	if a.Fields == nil || f.Value >= a.Value {
		a.Fields, a.Value = f.Fields, f.Value
	}
	if err := a.plainSave(t.ctx, t.tx); err != nil || !raised {
		return err
	}
	return a.log(t.ctx, t.tx, Change{At: t.at, Account: audit.System, Actor: "Binnacle", Act: "raised", Value: a.Severity})
}

// keep keeps the ids of events of an alert. It returns how many were not known,
// and whether there was no room for some.
func (t *plainTaking) keep(a *Alert, f *detect.Finding) (fresh int, over bool, err error) {
	if len(f.Events) == 0 {
		return 0, false, nil
	}
	seen, err := t.had(a.No, f)
	if err != nil {
		return 0, false, err
	}
	var n int
	if err := t.tx.QueryRow(t.ctx, `SELECT count(*) FROM alert_events WHERE org = ? AND no = ?`, t.org, a.No).Scan(&n); err != nil {
		return 0, false, err
	}
	rows := sqldb.Rows{Table: "alert_events", Columns: []string{"org", "no", "event", "finding", "at", "source"}}
	for _, e := range f.Events {
		if seen[e.ID] {
			continue
		}
		seen[e.ID] = true
		if n+len(rows.Values) >= mostKept {
			over = true
			break
		}
		rows.Values = append(rows.Values, []any{t.org, a.No, e.ID, f.Name, sqldb.Micros(e.Time), e.Source})
	}
	return len(rows.Values), over, t.tx.Insert(t.ctx, rows)
}

// count writes what is known of a finding.
func (t *plainTaking) count(f *detect.Finding, k kept, events int) error {
	since, until := span(f)
	if k.since == 0 || sqldb.Micros(since) < k.since {
		k.since = sqldb.Micros(since)
	}
	_, err := t.tx.Exec(t.ctx, `INSERT INTO alert_findings (org, name, no, suppression, taken, since, until, events, more, over) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (org, name) DO UPDATE SET since = excluded.since, until = excluded.until, events = excluded.events, more = excluded.more, over = excluded.over`,
		t.org, f.Name, k.no, k.suppression, sqldb.Micros(t.at), k.since, max(k.until, sqldb.Micros(until)), max(events, k.events), k.more, flag(k.over))
	return err
}

// total adds up the events of an alert. Findings may share events: the number is
// exact where all of them are kept, or there is one finding that knows its own.
func (t *plainTaking) total(a *Alert) error {
	var findings, most, more, over, distinct int
	err := t.tx.QueryRow(t.ctx, `SELECT count(*), coalesce(max(events), 0), coalesce(max(more), 0), coalesce(max(over), 0) FROM alert_findings WHERE org = ? AND no = ?`, t.org, a.No).Scan(&findings, &most, &more, &over)
	if err == nil {
		err = t.tx.QueryRow(t.ctx, `SELECT count(*) FROM alert_events WHERE org = ? AND no = ?`, t.org, a.No).Scan(&distinct)
	}
	a.Events = max(distinct, most)
	a.Exact = more == 0 && over == 0 || findings == 1 && over == 0
	if more == 0 && over == 0 {
		a.Events = distinct
	}
	return err
}

// plainSave writes all of an alert that may change.
func (a *Alert) plainSave(ctx context.Context, tx *sqldb.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE alerts SET told = ?, level = ?, title = ?, fields = ?, value = ?, severity = ?, risk = ?, reasons = ?, events = ?, exact = ?, first_seen = ?, last_seen = ?,
		acknowledged = ?, closed = ?, state = ?, assignee = ?, disposition = ?, reason = ?, case_name = ? WHERE org = ? AND no = ?`,
		encode(a.Rule), a.Rule.Level, a.Rule.Title, encode(a.Fields), a.Value, a.Severity, a.Risk, encode(a.Reasons), a.Events, flag(a.Exact), sqldb.Micros(a.FirstSeen), sqldb.Micros(a.LastSeen),
		sqldb.Micros(a.Acknowledged), sqldb.Micros(a.Closed), a.State, a.Assignee, a.Disposition, a.Reason, a.Case, a.Org, a.No)
	if err != nil {
		return fmt.Errorf("alerts: save %s: %w", a.ID(), err)
	}
	return nil
}
