package alerts

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Filter selects alerts. Its zero value selects all.
type Filter struct {
	States   []State
	Levels   []string // severities
	Rule     string   // id
	Asset    string   // reference
	Host     string   // the name that events have of it
	Assignee []string // one of these; NoOne for those of nobody
	Case     string   // name
	GroupKey string
	Text     string    // words of the title, the rule or the group
	From, To time.Time // when it was opened; To does not belong to it
	Not      int64     // leaves this one out
	Sort     string    // "risk", "seen", else the newest first
	Limit    int       // 0: 50
	Offset   int
}

// NoOne stands for nobody among the assignees of a Filter.
const NoOne = "none"

var orders = map[string]string{"": "no DESC", "risk": "risk DESC, no DESC", "seen": "last_seen DESC, no DESC", "oldest": "no"}

// where is the condition of a filter.
func (f Filter) where(dialect sqldb.Dialect, org string) (string, []any) {
	conds, args := []string{"org = ?"}, []any{org}
	add := func(cond string, a ...any) { conds, args = append(conds, cond), append(args, a...) }
	in := func(column string, values []string) {
		if len(values) > 0 {
			add(column+" IN "+sqldb.In(len(values)), sqldb.Args(values)...)
		}
	}
	var states []string
	for _, s := range f.States {
		states = append(states, string(s))
	}
	in("state", states)
	in("severity", f.Levels)
	var who []string
	for _, a := range f.Assignee {
		if a == NoOne {
			a = ""
		}
		who = append(who, a)
	}
	in("assignee", who)
	for _, c := range []struct{ column, value string }{{"rule", f.Rule}, {"asset", f.Asset}, {"case_name", f.Case}, {"group_key", f.GroupKey}} {
		if c.value != "" {
			add(c.column+" = ?", c.value)
		}
	}
	if f.Host != "" {
		cond, a := onHost(dialect, f.Host)
		add(cond, a...)
	}
	for _, word := range strings.Fields(f.Text) {
		like := within(word)
		add(`(lower(title) LIKE ? ESCAPE '!' OR lower(grouped) LIKE ? ESCAPE '!' OR lower(asset) LIKE ? ESCAPE '!' OR 'al-' || no = ?)`, like, like, like, strings.ToLower(word))
	}
	if !f.From.IsZero() {
		add("created >= ?", sqldb.Micros(f.From))
	}
	if !f.To.IsZero() {
		add("created < ?", sqldb.Micros(f.To))
	}
	if f.Not != 0 {
		add("no <> ?", f.Not)
	}
	return strings.Join(conds, " AND "), args
}

// within is the pattern of a lowered text that has another in it.
func within(text string) string { return "%" + likeEscaper.Replace(strings.ToLower(text)) + "%" }

// hostsFound are the hosts among what a rule found: none, one, or a list.
var hostsFound = map[sqldb.Dialect]string{
	sqldb.SQLite:   `SELECT value AS host FROM json_each(fields, ?)`,
	sqldb.Postgres: `SELECT host FROM jsonb_array_elements_text(CASE jsonb_typeof(fields::jsonb -> ?) WHEN 'array' THEN fields::jsonb -> ? ELSE jsonb_build_array(fields::jsonb -> ?) END) AS found (host)`,
}

// onHost is the condition of an alert that is about a host or whose rule found
// it. Most alerts are passed over by their text, before anything is read in it.
func onHost(dialect sqldb.Dialect, host string) (cond string, args []any) {
	found := []any{`$."` + event.Host + `"`}
	if dialect == sqldb.Postgres {
		found = []any{event.Host, event.Host, event.Host}
	}
	args = append(args, within(encode(detect.GroupField{Name: event.Host, Value: host})), within(encode(host)))
	args = append(append(args, found...), strings.ToLower(host))
	return `(lower(grouped) LIKE ? ESCAPE '!' OR lower(fields) LIKE ? ESCAPE '!' AND EXISTS (SELECT 1 FROM (` + hostsFound[dialect] + `) AS hosts WHERE lower(host) = ?))`, args
}

var likeEscaper = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// List returns the alerts a filter selects, and how many there are in all.
func (d *Desk) List(ctx context.Context, caller catalog.Caller, f Filter) ([]*Alert, int, error) {
	if err := caller.Can(auth.Read, Resource); err != nil {
		return nil, 0, err
	}
	q := d.catalog.DB()
	where, args := f.where(q.Dialect(), caller.Org)
	var total int
	if err := q.QueryRow(ctx, `SELECT count(*) FROM alerts WHERE `+where, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("alerts: %w", err)
	}
	order, ok := orders[f.Sort]
	if !ok {
		order = orders[""]
	}
	limit := f.Limit
	if limit == 0 {
		limit = 50
	}
	list, err := query(ctx, q, where+` ORDER BY `+order+` LIMIT ? OFFSET ?`, append(args, limit, f.Offset)...)
	return list, total, err
}

// Get returns one alert.
func (d *Desk) Get(ctx context.Context, caller catalog.Caller, no int64) (*Alert, error) {
	if err := caller.Can(auth.Read, Resource); err != nil {
		return nil, err
	}
	return get(ctx, d.catalog.DB(), caller.Org, no)
}

// Changes returns what was done to an alert, the oldest first.
func (d *Desk) Changes(ctx context.Context, caller catalog.Caller, no int64) ([]Change, error) {
	if err := caller.Can(auth.Read, Resource); err != nil {
		return nil, err
	}
	return changes(ctx, d.catalog.DB(), caller.Org, no)
}

// Tally is how many alerts are in one state with one severity.
type Tally struct {
	State    State
	Severity string
	N        int
	Oldest   time.Time // when the oldest of them was opened
}

// Open counts the alerts that are not closed.
func (d *Desk) Open(ctx context.Context, org string) ([]Tally, error) {
	return tally(ctx, d.catalog.DB(), `org = ? AND state <> 'closed'`, org)
}

func tally(ctx context.Context, q sqldb.Querier, where string, args ...any) ([]Tally, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (t Tally, err error) {
		var oldest int64
		err = r.Scan(&t.State, &t.Severity, &t.N, &oldest)
		t.Oldest = sqldb.Time(oldest)
		return t, err
	}, `SELECT state, severity, count(*), min(created) FROM alerts WHERE `+where+` GROUP BY state, severity`, args...)
}

// Choice is a value that a filter of the list offers, with how many alerts have
// it.
type Choice struct {
	Value, Label string
	N            int
}

var choiceLabels = map[string]string{"rule": "max(title)", "asset": "asset", "assignee": "assignee"}

// choices counts the values of a column among the alerts of the last 90 days and
// those that are open.
func (d *Desk) choices(ctx context.Context, org, column string, now time.Time) ([]Choice, error) {
	return sqldb.All(ctx, d.catalog.DB(), func(r sqldb.Row) (c Choice, err error) {
		err = r.Scan(&c.Value, &c.Label, &c.N)
		return c, err
	}, `SELECT `+column+`, `+choiceLabels[column]+`, count(*) FROM alerts WHERE org = ? AND (created >= ? OR state <> 'closed') AND `+column+` <> '' GROUP BY `+column+` ORDER BY count(*) DESC, `+column+` LIMIT 50`,
		org, sqldb.Micros(now.AddDate(0, 0, -90)))
}
