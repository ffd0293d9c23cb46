package alerts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Desk takes findings and makes alerts of them, and does to alerts what people
// decide. It is safe for concurrent use.
type Desk struct {
	Config
	catalog *catalog.Catalog
}

// NewDesk returns a desk over a migrated database.
func NewDesk(c *catalog.Catalog, cfg Config) *Desk {
	if cfg.Window == 0 {
		cfg.Window = 24 * time.Hour
	}
	if cfg.Notify == nil {
		cfg.Notify = func() {}
	}
	return &Desk{cfg, c}
}

// chunk is how many findings are taken in one transaction.
const chunk = 50

// Take makes alerts of findings. A finding is known by its name: taken again, it
// adds what it has more than before and changes nothing else. A new one joins
// the open alert of the same rule and group that is at most Config.Window away;
// without one it opens an alert, unless somebody suppressed it.
func (d *Desk) Take(ctx context.Context, findings []detect.Finding) error {
	for part := range slices.Chunk(findings, chunk) {
		orgs := map[string][]*detect.Finding{}
		for i := range part {
			f := &part[i]
			if f.Org == "" || f.Name == "" || f.Rule.ID == "" {
				return fault.New(fault.Invalid, "the finding %q of the rule %q is incomplete: it needs an organisation, a name and a rule", f.Name, f.Rule.ID).Coded("alerts.finding")
			}
			orgs[f.Org] = append(orgs[f.Org], f)
		}
		for org, list := range orgs {
			if err := d.take(ctx, org, list); err != nil {
				return fmt.Errorf("alerts: take: %w", err)
			}
		}
	}
	return nil
}

func (d *Desk) take(ctx context.Context, org string, findings []*detect.Finding) error {
	var opened bool
	err := d.catalog.DB().Tx(ctx, func(tx *sqldb.Tx) error {
		t := &taking{d: d, ctx: ctx, tx: tx, org: org, at: d.catalog.Now().UTC()}
		if _, err := next(ctx, tx, org, "alert", 0); err != nil { // findings of an organisation are taken one after the other
			return err
		}
		for _, f := range findings {
			f := complete(f)
			if err := t.one(f); err != nil {
				return fmt.Errorf("finding %s: %w", f.Name, err)
			}
		}
		opened = len(t.entries) > 0
		return feed.Append(ctx, tx, t.entries...)
	})
	if err == nil && opened {
		d.Notify()
	}
	return err
}

// Bounds of what is kept of a finding. Senders write what they like: texts are
// made such that every database takes them, and long ones are cut.
const (
	longestText = 1000 // bytes
	mostFields  = 100
)

// tidy makes a text storable.
func tidy(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "�")
	if len(s) > longestText {
		s = strings.ToValidUTF8(s[:longestText], "") + "…"
	}
	return s
}

// complete returns a finding that says at least what its rule is called and how
// grave it is, in texts that can be stored.
func complete(f *detect.Finding) *detect.Finding {
	c := *f
	c.Name, c.Rule.ID, c.Rule.Title = tidy(c.Name), tidy(c.Rule.ID), tidy(cmp.Or(c.Rule.Title, c.Rule.ID))
	if !slices.Contains(Levels, c.Rule.Level) {
		c.Rule.Level = "medium"
	}
	c.Group = slices.Clone(f.Group)
	for i, g := range c.Group {
		c.Group[i] = detect.GroupField{Name: tidy(g.Name), Value: tidy(g.Value)}
	}
	c.Events = slices.Clone(f.Events)
	for i, e := range c.Events {
		c.Events[i].ID, c.Events[i].Source = tidy(e.ID), tidy(e.Source)
	}
	c.About = slices.Clone(f.About)
	for i, g := range c.About {
		c.About[i] = detect.GroupField{Name: tidy(g.Name), Value: tidy(g.Value)}
	}
	c.Fields = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		if len(c.Fields) == mostFields {
			break
		}
		var values []string
		for _, s := range texts(f.Fields[name]) {
			if len(values) < mostFields {
				values = append(values, tidy(s))
			}
		}
		if c.Fields[tidy(name)] = values; len(values) == 1 {
			c.Fields[tidy(name)] = values[0]
		}
	}
	return &c
}

// next returns the next number of what an organisation counts; with an add of 0
// it only holds the others up.
func next(ctx context.Context, tx *sqldb.Tx, org, what string, add int) (no int64, err error) {
	err = tx.QueryRow(ctx, `INSERT INTO alert_heads (org, what, no) VALUES (?, ?, ?) ON CONFLICT (org, what) DO UPDATE SET no = alert_heads.no + excluded.no RETURNING no`, org, what, add).Scan(&no)
	return no, err
}

// taking is the taking of some findings of an organisation in one transaction.
type taking struct {
	d       *Desk
	ctx     context.Context
	tx      *sqldb.Tx
	org     string
	at      time.Time
	entries []*feed.Entry
}

// kept is what is known of a finding.
type kept struct {
	no, suppression int64
	since, until    int64
	events, more    int
	over            bool
}

func (t *taking) one(f *detect.Finding) error {
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
func (t *taking) part(f *detect.Finding, a *Alert) (before, after *detect.Finding, err error) {
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
	had, err := t.had(a, f)
	if err != nil {
		return nil, nil, err
	}
	was := *f
	was.Value, was.Fields = a.Value, a.Fields
	was.Events, next.Events, next.More = nil, nil, 0
	for _, e := range f.Events {
		if e.Time.After(closed) && !had[e.ID] {
			next.Events = append(next.Events, e)
		} else {
			was.Events = append(was.Events, e)
		}
	}
	switch {
	case len(next.Events) == 0 && (len(f.Events) > 0 || !f.Start.After(closed)):
		return f, nil, nil
	case len(was.Events) == 0 && f.Start.After(closed):
		next.More = f.More
		return nil, &next, nil
	}
	was.End, next.Start = closed, next.Events[0].Time
	return &was, &next, nil
}

func (t *taking) known(f *detect.Finding) (k kept, err error) {
	var over int64
	err = t.tx.QueryRow(t.ctx, `SELECT no, suppression, since, until, events, more, over FROM alert_findings WHERE org = ? AND name = ?`, t.org, f.Name).
		Scan(&k.no, &k.suppression, &k.since, &k.until, &k.events, &k.more, &over)
	k.over = over != 0
	return k, err
}

// fresh takes a finding for the first time.
func (t *taking) fresh(f *detect.Finding, key string) error {
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
		if a, err = t.open(f, key); err != nil {
			return err
		}
	}
	k.no = a.No
	return t.add(a, f, k)
}

// joinable finds the open alert that a finding belongs to; nil for none.
func (t *taking) joinable(f *detect.Finding, key string, since, until time.Time) (*Alert, error) {
	window := t.d.Window
	list, err := query(t.ctx, t.tx, `org = ? AND group_key = ? AND rule = ? AND state <> ? AND last_seen >= ? AND first_seen <= ? ORDER BY no DESC LIMIT 1`,
		t.org, key, f.Rule.ID, Closed, sqldb.Micros(since.Add(-window)), sqldb.Micros(until.Add(window)))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// open makes a new alert of a finding.
func (t *taking) open(f *detect.Finding, key string) (*Alert, error) {
	no, err := next(t.ctx, t.tx, t.org, "alert", 1)
	if err != nil {
		return nil, err
	}
	a := &Alert{Org: t.org, No: no, Name: f.Name, Rule: f.Rule, GroupKey: key, Group: f.Group, Fields: f.Fields, Value: f.Value, Late: f.Late, Created: t.at, Exact: true,
		Standing: Standing{State: New}}
	if err := t.d.place(t.ctx, t.tx, a, f.About); err != nil {
		return nil, err
	}
	if err := a.insert(t.ctx, t.tx); err != nil {
		return nil, err
	}
	t.entries = append(t.entries, a.entry("opened", t.at, audit.System, ""))
	return a, a.log(t.ctx, t.tx, Change{At: t.at, Account: audit.System, Actor: "Binnacle", Act: "opened"})
}

// add counts a finding into an alert. What was counted before is not counted
// again.
func (t *taking) add(a *Alert, f *detect.Finding, k kept) error {
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
	if err := a.save(t.ctx, t.tx); err != nil || !raised {
		return err
	}
	return a.log(t.ctx, t.tx, Change{At: t.at, Account: audit.System, Actor: "Binnacle", Act: "raised", Value: a.Severity})
}

// keep keeps the ids of events of an alert. It returns how many were not known,
// and whether there was no room for some.
func (t *taking) keep(a *Alert, f *detect.Finding) (fresh int, over bool, err error) {
	if len(f.Events) == 0 {
		return 0, false, nil
	}
	seen, err := t.had(a, f)
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

// had are the ids of events of a finding that an alert has.
func (t *taking) had(a *Alert, f *detect.Finding) (map[string]bool, error) {
	out := map[string]bool{}
	if len(f.Events) == 0 {
		return out, nil
	}
	ids := make([]string, 0, len(f.Events))
	for _, e := range f.Events {
		ids = append(ids, e.ID)
	}
	cond, args := sqldb.Among(t.tx.Dialect(), "event", ids)
	list, err := sqldb.Values[string](t.ctx, t.tx, `SELECT event FROM alert_events WHERE org = ? AND no = ? AND `+cond, append([]any{t.org, a.No}, args...)...)
	for _, id := range list {
		out[id] = true
	}
	return out, err
}

// count writes what is known of a finding.
func (t *taking) count(f *detect.Finding, k kept, events int) error {
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
func (t *taking) total(a *Alert) error {
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

// span is from the first to the last event of a finding, as far as they are
// known.
func span(f *detect.Finding) (since, until time.Time) {
	for _, e := range f.Events {
		since, until = earlier(since, e.Time), later(until, e.Time)
	}
	if since.IsZero() || f.More > 0 {
		since = earlier(since, f.Start)
	}
	if until.IsZero() {
		until = f.End
	}
	return since, until
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// groupKey is the same for the same group, in whatever order its fields come.
func groupKey(group []detect.GroupField) string {
	list := slices.Clone(group)
	slices.SortFunc(list, func(a, b detect.GroupField) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
	sum := sha256.Sum256([]byte(encode(list)))
	return hex.EncodeToString(sum[:12])
}

// entry is what the feed tells of an alert; note is what somebody said with it.
func (a *Alert) entry(act string, at time.Time, account, note string) *feed.Entry {
	data, _ := json.Marshal(told{Alert: a.ID(), Title: a.Rule.Title, Rule: a.Rule.ID, Level: a.Rule.Level, Severity: a.Severity, Risk: a.Risk, State: a.State, Asset: a.Asset,
		Assignee: a.Assignee, Disposition: a.Disposition, Case: a.Case, Path: a.Path(), Note: note})
	return &feed.Entry{Org: a.Org, At: at, Type: "alert." + act, UID: "alert/" + a.ID(), Actor: account, Data: data}
}

// told is what entries of the feed and webhooks hold of an alert.
type told struct {
	Alert       string      `json:"alert"`
	Title       string      `json:"title"`
	Rule        string      `json:"rule"`
	Level       string      `json:"level"`
	Severity    string      `json:"severity"`
	Risk        int         `json:"risk"`
	State       State       `json:"state"`
	Asset       string      `json:"asset,omitempty"`
	Assignee    string      `json:"assignee,omitempty"`
	Disposition Disposition `json:"disposition,omitempty"`
	Case        string      `json:"case,omitempty"`
	Path        string      `json:"path"`
	Note        string      `json:"note,omitempty"`
}
