package alerts

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// taking is the taking of some findings of an organisation in one transaction, one
// after the other. Most are told again with more events. So what is known of all of
// them is read at once, changed here, and written at the end, or before the tables
// are asked for something else.
type taking struct {
	d       *Desk
	ctx     context.Context
	tx      *sqldb.Tx
	org     string
	at      time.Time
	entries []*feed.Entry

	findings map[string]*known // that were looked for, by name
	alerts   map[int64]*target // of these findings, by number
	changed  []*known          // to be written
}

// known is what is known of a finding.
type known struct {
	name    string
	is      bool // else it was not taken before
	kept    kept
	stored  kept // what its row says
	changed bool // it is among the changed
}

// kept is what is kept of a finding.
type kept struct {
	no, suppression int64
	since, until    int64
	events, more    int
	over            bool
}

// target is an alert that findings are added to, as far as they change it.
type target struct {
	no     int64
	level  string
	open   bool
	closed time.Time
	sum    sum
	stored sum // what its row says

	// Of its findings together.
	findings, most, more int
	over                 bool

	events int // that are kept by their ids; -1: to be counted
}

// sum is what findings change of an alert each time.
type sum struct {
	fields      string // as JSON
	value       float64
	events      int
	exact       bool
	first, last int64
}

func (t *taking) all(findings []*detect.Finding) error {
	var list []*detect.Finding
	var names []string
	for _, f := range findings {
		f := complete(f)
		list, names = append(list, f), append(names, f.Name)
	}
	if err := t.recall(names); err != nil {
		return err
	}
	for _, f := range list {
		if err := t.one(f); err != nil {
			return fmt.Errorf("finding %s: %w", f.Name, err)
		}
	}
	return t.write()
}

// recall reads what is known of findings, of what they were parted into, and of the
// alerts of all these.
func (t *taking) recall(names []string) error {
	var nos []int64
	for len(names) > 0 {
		var list []string
		for _, name := range names {
			if t.findings[name] == nil {
				t.findings[name] = &known{name: name}
				list = append(list, name)
			}
		}
		names = nil
		if len(list) == 0 {
			break
		}
		cond, args := sqldb.Among(t.tx.Dialect(), "name", rounded(list))
		err := sqldb.Each(t.ctx, t.tx, func(r sqldb.Row) error {
			var name string
			var k kept
			var over int64
			if err := r.Scan(&name, &k.no, &k.suppression, &k.since, &k.until, &k.events, &k.more, &over); err != nil {
				return err
			}
			k.over = over != 0
			known := t.findings[name]
			known.is, known.kept, known.stored = true, k, k
			if k.no != 0 {
				names, nos = append(names, parted(name, k.no)), append(nos, k.no)
			}
			return nil
		}, `SELECT name, no, suppression, since, until, events, more, over FROM alert_findings WHERE org = ? AND `+cond, append([]any{t.org}, args...)...)
		if err != nil {
			return err
		}
	}
	return t.recallAlerts(nos)
}

// recallAlerts reads alerts with what their findings say together.
func (t *taking) recallAlerts(nos []int64) error {
	nos = slices.DeleteFunc(nos, func(no int64) bool { return t.alerts[no] != nil })
	if len(nos) == 0 {
		return nil
	}
	slices.Sort(nos)
	cond, args := sqldb.Among(t.tx.Dialect(), "a.no", rounded(slices.Compact(nos)))
	return sqldb.Each(t.ctx, t.tx, func(r sqldb.Row) error {
		a := &target{events: -1}
		var state State
		var closed, exact, over int64
		err := r.Scan(&a.no, &a.level, &state, &closed, &a.sum.fields, &a.sum.value, &a.sum.events, &exact, &a.sum.first, &a.sum.last, &a.findings, &a.most, &a.more, &over)
		a.open, a.closed, a.sum.exact, a.over = state != Closed, sqldb.Time(closed), exact != 0, over != 0
		switch {
		case a.over:
			a.events = mostKept
		case a.more == 0:
			a.events = a.sum.events // all of them are kept
		}
		a.stored = a.sum
		t.alerts[a.no] = a
		return err
	}, `SELECT a.no, a.level, a.state, a.closed, a.fields, a.value, a.events, a.exact, a.first_seen, a.last_seen, count(f.no), coalesce(max(f.events), 0), coalesce(max(f.more), 0), coalesce(max(f.over), 0)
		FROM alerts a LEFT JOIN alert_findings f ON f.org = a.org AND f.no = a.no WHERE a.org = ? AND `+cond+` GROUP BY a.org, a.no`, append([]any{t.org}, args...)...)
}

// rounded repeats the last of some values until their number is a power of two:
// the database keeps the statements it has read by their text.
func rounded[T any](list []T) []T {
	for n := len(list); n&(n-1) != 0; n++ {
		list = append(list, list[len(list)-1])
	}
	return list
}

// finding is what is known of a finding.
func (t *taking) finding(name string) (*known, error) {
	if k := t.findings[name]; k != nil {
		return k, nil
	}
	err := t.recall([]string{name})
	return t.findings[name], err
}

// alert is an alert that findings are added to; a NotFound fault when there is none.
func (t *taking) alert(no int64) (*target, error) {
	if t.alerts[no] == nil {
		if err := t.recallAlerts([]int64{no}); err != nil {
			return nil, err
		}
	}
	a := t.alerts[no]
	if a == nil {
		return nil, fault.New(fault.NotFound, "there is no alert %s", idOf(no)).Coded("alerts.none")
	}
	return a, nil
}

// write writes what changed.
func (t *taking) write() error {
	rows := sqldb.Rows{Table: "alert_findings", Columns: []string{"org", "name", "no", "suppression", "taken", "since", "until", "events", "more", "over"},
		Conflict: `ON CONFLICT (org, name) DO UPDATE SET since = excluded.since, until = excluded.until, events = excluded.events, more = excluded.more, over = excluded.over`}
	for _, k := range t.changed {
		if k.changed = false; k.kept != k.stored {
			x := k.kept
			rows.Values = append(rows.Values, []any{t.org, k.name, x.no, x.suppression, sqldb.Micros(t.at), x.since, x.until, x.events, x.more, flag(x.over)})
		}
		k.stored = k.kept
	}
	t.changed = t.changed[:0]
	if err := t.tx.Insert(t.ctx, rows); err != nil {
		return err
	}
	var list []*target
	for _, a := range t.alerts {
		if a.sum != a.stored {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b *target) int { return cmp.Compare(a.no, b.no) }) // as acts do: else each could wait for the other
	for _, a := range list {
		s := a.sum
		if _, err := t.tx.Exec(t.ctx, `UPDATE alerts SET fields = ?, value = ?, events = ?, exact = ?, first_seen = ?, last_seen = ? WHERE org = ? AND no = ?`,
			s.fields, s.value, s.events, flag(s.exact), s.first, s.last, t.org, a.no); err != nil {
			return fmt.Errorf("alerts: add to %s: %w", idOf(a.no), err)
		}
		a.stored = s
	}
	return nil
}

func (t *taking) one(f *detect.Finding) error {
	k, err := t.finding(f.Name)
	if err != nil {
		return err
	}
	switch {
	case !k.is:
		return t.fresh(f, k)
	case k.kept.no == 0:
		t.count(f, k, len(f.Events)+f.More)
		return nil
	}
	a, err := t.alert(k.kept.no)
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

// parted is the name of what of a finding happened after its alert was closed.
func parted(name string, no int64) string { return name + "/" + idOf(no) }

// part parts a finding at the moment its alert was closed: what happened since is
// a finding of its own, with a name of its own, so that it opens another alert and
// a replay parts it the same way. It stays parted when the alert is opened again.
// The value and fields are those of the whole, which the alert did not have when it
// was closed: they go with what happened since, and what was before has none.
func (t *taking) part(f *detect.Finding, a *target) (before, after *detect.Finding, err error) {
	next := *f
	next.Name = parted(f.Name, a.no)
	closed := a.closed
	k, err := t.finding(next.Name)
	switch {
	case err != nil:
		return nil, nil, err
	case k.is:
		if since := sqldb.Time(k.kept.since); a.open || !closed.Before(since) {
			closed = since.Add(-1)
		}
	case a.open:
		return f, nil, nil
	}
	if _, until := span(f); !until.After(closed) {
		return f, nil, nil
	}
	had, err := t.had(a.no, f)
	if err != nil {
		return nil, nil, err
	}
	before, after = partAt(f, next, closed, had)
	if before != nil && before != f {
		before.Fields = nil
	}
	return before, after, nil
}

// partAt parts a finding at a moment into what was before and what is next, which has
// the name of that already. Events that an alert had before are no news.
func partAt(f *detect.Finding, next detect.Finding, closed time.Time, had map[string]bool) (before, after *detect.Finding) {
	was := *f
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
		return f, nil
	case len(was.Events) == 0 && f.Start.After(closed):
		next.More = f.More
		return nil, &next
	}
	was.End, next.Start = closed, next.Events[0].Time
	return &was, &next
}

// fresh takes a finding for the first time.
func (t *taking) fresh(f *detect.Finding, k *known) error {
	since, until := span(f)
	key := groupKey(f.Group)
	s, err := t.suppressed(f, key, until)
	if err != nil {
		return err
	}
	k.is, k.kept.since, k.kept.until, k.kept.suppression = true, sqldb.Micros(since), sqldb.Micros(until), s
	if s != 0 {
		t.count(f, k, len(f.Events)+f.More)
		return nil
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
	k.kept.no = a.no
	a.findings++
	return t.add(a, f, k)
}

// joinable finds the open alert that a finding belongs to; nil for none.
func (t *taking) joinable(f *detect.Finding, key string, since, until time.Time) (*target, error) {
	if err := t.write(); err != nil {
		return nil, err
	}
	window := t.d.Window
	list, err := sqldb.Values[int64](t.ctx, t.tx, `SELECT no FROM alerts WHERE org = ? AND group_key = ? AND rule = ? AND state <> ? AND last_seen >= ? AND first_seen <= ? ORDER BY no DESC LIMIT 1`,
		t.org, key, f.Rule.ID, Closed, sqldb.Micros(since.Add(-window)), sqldb.Micros(until.Add(window)))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return t.alert(list[0])
}

// open makes a new alert of a finding.
func (t *taking) open(f *detect.Finding, key string) (*target, error) {
	a, err := t.opened(f, key)
	if err != nil {
		return nil, err
	}
	s := sum{fields: encode(a.Fields), value: a.Value, exact: true}
	t.alerts[a.No] = &target{no: a.No, level: a.Rule.Level, open: true, sum: s, stored: s}
	return t.alerts[a.No], nil
}

func (t *taking) opened(f *detect.Finding, key string) (*Alert, error) {
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
func (t *taking) add(a *target, f *detect.Finding, k *known) error {
	fresh, over, err := t.keep(a, f, k.kept.over)
	if err != nil {
		return err
	}
	k.kept.more, k.kept.over = max(k.kept.more, f.More), k.kept.over || over
	t.count(f, k, max(k.kept.events+fresh, len(f.Events)+f.More))
	a.most, a.more, a.over = max(a.most, k.kept.events), max(a.more, k.kept.more), a.over || k.kept.over
	since, until := span(f)
	a.sum.first, a.sum.last = sqldb.Micros(earlier(sqldb.Time(a.sum.first), since)), sqldb.Micros(later(sqldb.Time(a.sum.last), until))
	if err := t.total(a); err != nil {
		return err
	}
	if rank(f.Rule.Level) > rank(a.level) {
		if err := t.raise(a, f); err != nil {
			return err
		}
	}
	if f.Fields != nil && (a.sum.fields == "null" || f.Value >= a.sum.value) {
		a.sum.fields, a.sum.value = encode(f.Fields), f.Value
	}
	return nil
}

// raise makes an alert as grave as a finding says.
func (t *taking) raise(a *target, f *detect.Finding) error {
	if err := t.write(); err != nil {
		return err
	}
	all, err := get(t.ctx, t.tx, t.org, a.no)
	if err != nil {
		return err
	}
	all.Rule, a.level = f.Rule, f.Rule.Level
	all.weigh()
	if err := all.rate(t.ctx, t.tx); err != nil {
		return err
	}
	return all.log(t.ctx, t.tx, Change{At: t.at, Account: audit.System, Actor: "Binnacle", Act: "raised", Value: all.Severity})
}

// keep keeps the ids of events of an alert. It returns how many were not known,
// and whether there was no room for some; full says that the finding had that
// before.
func (t *taking) keep(a *target, f *detect.Finding, full bool) (fresh int, over bool, err error) {
	if len(f.Events) == 0 {
		return 0, false, nil
	}
	if err := t.countEvents(a); err != nil {
		return 0, false, err
	}
	if a.events >= mostKept && full {
		return 0, true, nil
	}
	seen := map[string]bool{}
	if a.events+len(f.Events) > mostKept { // not all of them may have room
		if seen, err = t.had(a.no, f); err != nil {
			return 0, false, err
		}
	}
	rows := sqldb.Rows{Table: "alert_events", Columns: []string{"org", "no", "event", "finding", "at", "source"}, Conflict: `ON CONFLICT (org, no, event) DO NOTHING`}
	for _, e := range f.Events {
		if seen[e.ID] {
			continue
		}
		seen[e.ID] = true
		if a.events+len(rows.Values) >= mostKept {
			over = true
			break
		}
		rows.Values = append(rows.Values, []any{t.org, a.no, e.ID, f.Name, sqldb.Micros(e.Time), e.Source})
	}
	n, err := t.tx.InsertNew(t.ctx, rows)
	a.events += int(n)
	return int(n), over, err
}

// countEvents finds out how many events of an alert are kept by their ids.
func (t *taking) countEvents(a *target) error {
	if a.events >= 0 {
		return nil
	}
	return t.tx.QueryRow(t.ctx, `SELECT count(*) FROM alert_events WHERE org = ? AND no = ?`, t.org, a.no).Scan(&a.events)
}

// had are the ids of events of a finding that an alert has.
func (t *taking) had(no int64, f *detect.Finding) (map[string]bool, error) {
	out := map[string]bool{}
	if len(f.Events) == 0 {
		return out, nil
	}
	ids := make([]string, 0, len(f.Events))
	for _, e := range f.Events {
		ids = append(ids, e.ID)
	}
	cond, args := sqldb.Among(t.tx.Dialect(), "event", rounded(ids))
	list, err := sqldb.Values[string](t.ctx, t.tx, `SELECT event FROM alert_events WHERE org = ? AND no = ? AND `+cond, append([]any{t.org, no}, args...)...)
	for _, id := range list {
		out[id] = true
	}
	return out, err
}

// count notes when the events of a finding were, and how many there are.
func (t *taking) count(f *detect.Finding, k *known, events int) {
	since, until := span(f)
	if k.kept.since == 0 || sqldb.Micros(since) < k.kept.since {
		k.kept.since = sqldb.Micros(since)
	}
	k.kept.until, k.kept.events = max(k.kept.until, sqldb.Micros(until)), max(k.kept.events, events)
	if !k.changed {
		k.changed = true
		t.changed = append(t.changed, k)
	}
}

// total adds up the events of an alert. Findings may share events: the number is
// exact where all of them are kept, or there is one finding that knows its own.
func (t *taking) total(a *target) error {
	if err := t.countEvents(a); err != nil {
		return err
	}
	if a.more == 0 && !a.over {
		a.sum.events, a.sum.exact = a.events, true
		return nil
	}
	a.sum.events, a.sum.exact = max(a.events, a.most), a.findings == 1 && !a.over
	return nil
}
