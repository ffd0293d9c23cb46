package live

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Migrations makes the tables of this package: what was told, when detection was
// off, and which rules were proven.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "detect/live/001", SQL: `
CREATE TABLE detection_told (org TEXT NOT NULL, name TEXT NOT NULL, rule TEXT NOT NULL, kind TEXT NOT NULL, grp TEXT NOT NULL, level TEXT NOT NULL,
	started BIGINT NOT NULL, ended BIGINT NOT NULL, told BIGINT NOT NULL, PRIMARY KEY (org, name))
;;
CREATE INDEX detection_told_rule ON detection_told (org, rule, ended)
;;
CREATE INDEX detection_told_ended ON detection_told (org, ended)
;;
CREATE TABLE detection_gaps (org TEXT NOT NULL, id TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
	since BIGINT NOT NULL, until BIGINT NOT NULL, events BIGINT NOT NULL, rerun BIGINT NOT NULL, rerun_by TEXT NOT NULL, found BIGINT NOT NULL, PRIMARY KEY (org, id))
;;
CREATE INDEX detection_gaps_until ON detection_gaps (org, until)
;;
CREATE TABLE detection_alive (id BIGINT PRIMARY KEY, at BIGINT NOT NULL)
;;
CREATE TABLE rule_proofs (org TEXT NOT NULL, rule TEXT NOT NULL, at BIGINT NOT NULL, passed BIGINT NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (org, rule, at))`}}
}

// tables are what detection keeps. Without a database what was told is kept in
// memory and the rest is not kept.
type tables struct {
	db *sqldb.DB
	mu sync.Mutex
	of map[string]Fired // by organisation and name; without a database
}

// Fired is a finding that was told.
type Fired struct {
	Name, Rule, Kind, Group, Level string
	Start, End                     time.Time // of the events
	At                             time.Time // when it was told last
}

// tell keeps what was told. A finding that comes again keeps its name and grows.
func (t *tables) tell(ctx context.Context, list []detect.Finding, at time.Time) error {
	if t.db == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.of == nil {
			t.of = map[string]Fired{}
		}
		for _, f := range list {
			t.of[f.Org+unit+f.Name] = Fired{f.Name, f.Rule.ID, f.Rule.Kind, groupText(f.Group), f.Rule.Level, f.Start, f.End, at}
		}
		return nil
	}
	rows := toldRows(list, at)
	return t.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := tx.Insert(ctx, rows); err != nil {
			return fmt.Errorf("keeping what was told: %w", err)
		}
		return nil
	})
}

// toldRows are the rows of what was told, one for each finding, however often it is
// in the list.
func toldRows(list []detect.Finding, at time.Time) sqldb.Rows {
	rows := sqldb.Rows{Table: "detection_told", Columns: []string{"org", "name", "rule", "kind", "grp", "level", "started", "ended", "told"},
		Conflict: `ON CONFLICT (org, name) DO UPDATE SET level = excluded.level, told = excluded.told,
	started = CASE WHEN excluded.started < detection_told.started THEN excluded.started ELSE detection_told.started END,
	ended = CASE WHEN excluded.ended > detection_told.ended THEN excluded.ended ELSE detection_told.ended END`}
	of := map[string]int{}
	for _, f := range list {
		start, end := f.Start.UnixNano(), f.End.UnixNano()
		key := f.Org + unit + f.Name
		if i, again := of[key]; again {
			row := rows.Values[i]
			row[5], row[6], row[7] = f.Rule.Level, min(row[6].(int64), start), max(row[7].(int64), end)
			continue
		}
		of[key] = len(rows.Values)
		rows.Values = append(rows.Values, []any{f.Org, f.Name, f.Rule.ID, f.Rule.Kind, clean(groupText(f.Group)), f.Rule.Level, start, end, sqldb.Micros(at)})
	}
	return rows
}

// clean is a text as both databases hold it.
func clean(text string) string {
	return string(slices.DeleteFunc([]rune(text), func(r rune) bool { return r == 0 }))
}

// toldOf returns what was told of a rule and group, with its window's end in a
// time, both ends included.
func (t *tables) toldOf(ctx context.Context, org, rule, group string, from, to time.Time) ([]Fired, error) {
	list, err := t.fired(ctx, org, from, to, rule)
	return slices.DeleteFunc(list, func(f Fired) bool { return f.Rule != rule || f.Group != clean(group) || f.Kind != "correlation" }), err
}

// toldBetween is when correlations were told, by rule and group.
func (t *tables) toldBetween(ctx context.Context, org string, from, to time.Time) (before, error) {
	list, err := t.fired(ctx, org, from, to, "")
	out := before{}
	for _, f := range list {
		if f.Kind == "correlation" {
			key := f.Rule + unit + f.Group
			out[key] = append(out[key], f.End)
		}
	}
	return out, err
}

// fired returns what was told of a rule ("" for all) whose window ended in a time,
// the oldest first.
func (t *tables) fired(ctx context.Context, org string, from, to time.Time, rule string) ([]Fired, error) {
	if t.db == nil {
		return t.firedHere(org, from, to, rule), nil
	}
	query, args := `SELECT name, rule, kind, grp, level, started, ended, told FROM detection_told WHERE org = ? AND ended >= ? AND ended <= ?`, []any{org, from.UnixNano(), to.UnixNano()}
	if rule != "" {
		query, args = query+` AND rule = ?`, append(args, rule)
	}
	rows, err := t.db.Query(ctx, query+` ORDER BY ended, name`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Fired
	for rows.Next() {
		var f Fired
		var start, end, at int64
		if err := rows.Scan(&f.Name, &f.Rule, &f.Kind, &f.Group, &f.Level, &start, &end, &at); err != nil {
			return nil, err
		}
		f.Start, f.End, f.At = time.Unix(0, start).UTC(), time.Unix(0, end).UTC(), sqldb.Time(at)
		out = append(out, f)
	}
	return out, rows.Err()
}

func (t *tables) firedHere(org string, from, to time.Time, rule string) []Fired {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Fired
	for key, f := range t.of {
		if key == org+unit+f.Name && !f.End.Before(from) && !f.End.After(to) && (rule == "" || f.Rule == rule) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Fired) int { return cmp.Or(a.End.Compare(b.End), cmp.Compare(a.Name, b.Name)) })
	return out
}

// Fired returns what was told between two times, of one rule or, for "", of all,
// the oldest first.
func (e *Engine) Fired(ctx context.Context, org, rule string, from, to time.Time) ([]Fired, error) {
	return e.tables.fired(ctx, org, from, to, rule)
}

// Tally is how often a rule told something, and when last.
type Tally struct {
	N    int
	Last time.Time
}

// Tallies counts what was told since a time, by rule, and says when each told
// something last, ever.
func (e *Engine) Tallies(ctx context.Context, org string, since time.Time) (map[string]Tally, error) {
	out := map[string]Tally{}
	if e.DB == nil {
		for _, f := range e.tables.firedHere(org, since, e.Now().AddDate(1, 0, 0), "") {
			t := out[f.Rule]
			out[f.Rule] = Tally{t.N + 1, f.End}
		}
		return out, nil
	}
	rows, err := e.DB.Query(ctx, `SELECT rule, SUM(CASE WHEN ended >= ? THEN 1 ELSE 0 END), MAX(ended) FROM detection_told WHERE org = ? GROUP BY rule`, since.UnixNano(), org)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var rule string
		var t Tally
		var last int64
		if err := rows.Scan(&rule, &t.N, &last); err != nil {
			return nil, err
		}
		t.Last = time.Unix(0, last).UTC()
		out[rule] = t
	}
	return out, rows.Err()
}

// keepTold is how long it is known what was told.
const keepTold = 400 * 24 * time.Hour

// Sweep lets go of what is older than anybody asks for.
func (e *Engine) Sweep(ctx context.Context) error {
	if e.DB == nil {
		return nil
	}
	until := e.Now().Add(-keepTold)
	_, err := e.DB.Exec(ctx, `DELETE FROM detection_told WHERE ended < ?`, until.UnixNano())
	if err == nil {
		_, err = e.DB.Exec(ctx, `DELETE FROM rule_proofs WHERE at < ?`, sqldb.Micros(until))
	}
	return err
}

// Reasons of gaps.
const (
	Stopped  = "stopped"  // no server ran
	Unread   = "unread"   // a rule set could not be read
	Failed   = "failed"   // events could not be looked at
	Disabled = "disabled" // the rule was off
)

// Gap is a time in which detection, or one rule, was off or failed.
type Gap struct {
	ID     string
	Rule   string // key; the name of a set; "" is all
	Reason string
	Detail string
	Since  time.Time
	Until  time.Time // zero: it goes on
	Events int64     // that are known not to have been looked at
	Rerun  time.Time // zero: not yet
	By     string    // who had it run again
	Found  int64     // findings of that
}

// Waits reports whether a gap is over and nobody looked at it since.
func (g Gap) Waits() bool { return !g.Until.IsZero() && g.Rerun.IsZero() }

const gapColumns = `id, rule, reason, detail, since, until, events, rerun, rerun_by, found`

func scanGap(rows interface{ Scan(...any) error }) (Gap, error) {
	var g Gap
	var since, until, rerun int64
	err := rows.Scan(&g.ID, &g.Rule, &g.Reason, &g.Detail, &since, &until, &g.Events, &rerun, &g.By, &g.Found)
	g.Since, g.Until, g.Rerun = sqldb.Time(since), sqldb.Time(until), sqldb.Time(rerun)
	return g, err
}

// Gaps returns the gaps of an organisation, the newest first.
func (e *Engine) Gaps(ctx context.Context, org string) ([]Gap, error) {
	return e.tables.gaps(ctx, org, 500)
}

func (t *tables) gaps(ctx context.Context, org string, limit int) ([]Gap, error) {
	if t.db == nil {
		return nil, nil
	}
	rows, err := t.db.Query(ctx, `SELECT `+gapColumns+` FROM detection_gaps WHERE org = ? ORDER BY since DESC, id LIMIT ?`, org, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Gap
	for rows.Next() {
		g, err := scanGap(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, rows.Err()
}

// Gap returns one gap; a zero one when there is none of this id.
func (e *Engine) Gap(ctx context.Context, org, id string) (Gap, error) {
	if e.DB == nil {
		return Gap{}, nil
	}
	g, err := scanGap(e.DB.QueryRow(ctx, `SELECT `+gapColumns+` FROM detection_gaps WHERE org = ? AND id = ?`, org, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Gap{}, nil
	}
	return g, err
}

// open notes that a gap began; one that goes on stays as it is.
func (t *tables) open(ctx context.Context, org string, g Gap) error {
	if t.db == nil {
		return nil
	}
	if g.ID == "" {
		g.ID = nameOf(g.Reason, g.Rule, nil, g.Since)
	}
	_, err := t.db.Exec(ctx, `INSERT INTO detection_gaps (org, `+gapColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, '', 0)
ON CONFLICT (org, id) DO UPDATE SET until = CASE WHEN excluded.until > detection_gaps.until THEN excluded.until ELSE detection_gaps.until END, events = detection_gaps.events + excluded.events, rerun = 0`,
		org, g.ID, g.Rule, g.Reason, g.Detail, sqldb.Micros(g.Since), sqldb.Micros(g.Until), g.Events)
	return err
}

// opened returns the gaps of a reason that go on, by rule.
func (t *tables) opened(ctx context.Context, org, reason string) (map[string]Gap, error) {
	out := map[string]Gap{}
	if t.db == nil {
		return out, nil
	}
	rows, err := t.db.Query(ctx, `SELECT `+gapColumns+` FROM detection_gaps WHERE org = ? AND until = 0 AND reason = ?`, org, reason)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		g, err := scanGap(rows)
		if err != nil {
			return nil, err
		}
		out[g.Rule] = g
	}
	return out, rows.Err()
}

func (t *tables) close(ctx context.Context, org, id string, at time.Time) error {
	_, err := t.db.Exec(ctx, `UPDATE detection_gaps SET until = ? WHERE org = ? AND id = ? AND until = 0`, sqldb.Micros(at), org, id)
	return err
}

func (t *tables) rerun(ctx context.Context, org, id, by string, found int, at time.Time) error {
	_, err := t.db.Exec(ctx, `UPDATE detection_gaps SET rerun = ?, rerun_by = ?, found = ? WHERE org = ? AND id = ?`, sqldb.Micros(at), by, found, org, id)
	return err
}

// noteSwitched opens gaps of rules that were turned off, and closes those of rules
// that are on again.
func (e *Engine) noteSwitched(ctx context.Context, org string, now *Ruleset) error {
	if e.DB == nil {
		return nil
	}
	open, err := e.tables.opened(ctx, org, Disabled)
	if err != nil {
		return err
	}
	for key, entry := range now.entries {
		off := !entry.On && entry.Tuning != nil && entry.Tuning.State == "off"
		gap, isOpen := open[key]
		switch {
		case off && !isOpen:
			err = e.tables.open(ctx, org, Gap{Rule: key, Reason: Disabled, Since: e.Now()})
		case isOpen && entry.On:
			err = e.tables.close(ctx, org, gap.ID, e.Now())
		}
		if err != nil {
			return err
		}
	}
	lib, err := e.Library()
	if err != nil {
		return err
	}
	for key, gap := range open {
		if now.entries[key] == nil && len(lib.Failed) == 0 { // there is no such rule any more
			if err := e.tables.close(ctx, org, gap.ID, e.Now()); err != nil {
				return err
			}
		}
	}
	return e.noteSets(ctx, org, lib)
}

// noteSets opens gaps of rule sets that cannot be read, and closes those of sets
// that can again.
func (e *Engine) noteSets(ctx context.Context, org string, l *Library) error {
	if e.DB == nil {
		return nil
	}
	open, err := e.tables.opened(ctx, org, Unread)
	if err != nil {
		return err
	}
	for _, s := range l.sets {
		why, failed := l.Failed[s.Name]
		gap, isOpen := open[s.Name]
		switch {
		case failed && !isOpen:
			err = e.tables.open(ctx, org, Gap{Rule: s.Name, Reason: Unread, Detail: why, Since: e.Now()})
		case !failed && isOpen:
			err = e.tables.close(ctx, org, gap.ID, e.Now())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// noteFailed notes a gap of events that could not be looked at, one an hour of
// their time.
func (e *Engine) noteFailed(ctx context.Context, org string, at []time.Time) error {
	hours := map[time.Time]int64{}
	for _, t := range at {
		hours[t.UTC().Truncate(time.Hour)]++
	}
	for hour, n := range hours {
		if err := e.tables.open(ctx, org, Gap{ID: nameOf(Failed, "", nil, hour), Reason: Failed, Since: hour, Until: hour.Add(time.Hour), Events: n}); err != nil {
			return err
		}
	}
	return nil
}

// longestRest is how long a server may take to start again without a gap.
const longestRest = 2 * time.Minute

// awake notes a gap for every organisation that detection has worked for, when no
// server ran for a while.
func (t *tables) awake(ctx context.Context, now time.Time) error {
	if t.db == nil {
		return nil
	}
	var last int64
	err := t.db.QueryRow(ctx, `SELECT at FROM detection_alive WHERE id = 1`).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return t.alive(ctx, now)
	}
	if err != nil {
		return err
	}
	if since := sqldb.Time(last); now.Sub(since) > longestRest {
		orgs, err := t.organisations(ctx)
		if err != nil {
			return err
		}
		for _, org := range orgs {
			if err := t.open(ctx, org, Gap{Reason: Stopped, Since: since, Until: now}); err != nil {
				return err
			}
		}
	}
	return t.alive(ctx, now)
}

// organisations are those that detection has worked for: something was told of
// them, or their rules were tried.
func (t *tables) organisations(ctx context.Context) ([]string, error) {
	rows, err := t.db.Query(ctx, `SELECT org FROM detection_told UNION SELECT org FROM detection_gaps UNION SELECT org FROM rule_proofs ORDER BY org`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var org string
		if err := rows.Scan(&org); err != nil {
			return nil, err
		}
		out = append(out, org)
	}
	return out, rows.Err()
}

func (t *tables) alive(ctx context.Context, now time.Time) error {
	if t.db == nil {
		return nil
	}
	_, err := t.db.Exec(ctx, `INSERT INTO detection_alive (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at`, sqldb.Micros(now))
	return err
}

// Proof is the outcome of one canary.
type Proof struct {
	Rule   string
	At     time.Time
	Passed bool
	Detail string
}

func (t *tables) prove(ctx context.Context, org string, p Proof) error {
	if t.db == nil {
		return nil
	}
	passed := 0
	if p.Passed {
		passed = 1
	}
	_, err := t.db.Exec(ctx, `INSERT INTO rule_proofs (org, rule, at, passed, detail) VALUES (?, ?, ?, ?, ?) ON CONFLICT (org, rule, at) DO UPDATE SET passed = excluded.passed, detail = excluded.detail`,
		org, p.Rule, sqldb.Micros(p.At), passed, clean(p.Detail))
	return err
}

// Proofs calls yield with the outcome of every canary of an organisation between
// two times, by rule and time.
func Proofs(ctx context.Context, q sqldb.Querier, org string, from, to time.Time, yield func(Proof) error) error {
	rows, err := q.Query(ctx, `SELECT rule, at, passed, detail FROM rule_proofs WHERE org = ? AND at >= ? AND at <= ? ORDER BY rule, at`, org, sqldb.Micros(from), sqldb.Micros(to))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var p Proof
		var at, passed int64
		if err := rows.Scan(&p.Rule, &at, &passed, &p.Detail); err != nil {
			return err
		}
		p.At, p.Passed = sqldb.Time(at), passed != 0
		if err := yield(p); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Proven returns the newest proof of each rule since a time.
func (e *Engine) Proven(ctx context.Context, org string, since time.Time) (map[string]Proof, error) {
	out := map[string]Proof{}
	if e.DB == nil {
		return out, nil
	}
	err := Proofs(ctx, e.DB, org, since, e.Now().Add(time.Hour), func(p Proof) error {
		was, known := out[p.Rule]
		if !known || p.Over(was) {
			out[p.Rule] = p
		}
		return nil
	})
	return out, err
}

// Over reports whether a proof counts instead of an earlier one. That a canary was
// found says more than that one was sent a moment ago.
func (p Proof) Over(earlier Proof) bool {
	return p.Passed || !earlier.Passed || p.At.Sub(earlier.At) > time.Hour
}

// GapsAt calls yield with the gaps of an organisation that began before a moment,
// the oldest first.
func GapsAt(ctx context.Context, q sqldb.Querier, org string, at time.Time, yield func(Gap) error) error {
	rows, err := q.Query(ctx, `SELECT `+gapColumns+` FROM detection_gaps WHERE org = ? AND since <= ? ORDER BY since, id`, org, sqldb.Micros(at))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		g, err := scanGap(rows)
		if err != nil {
			return err
		}
		if err := yield(g); err != nil {
			return err
		}
	}
	return rows.Err()
}
