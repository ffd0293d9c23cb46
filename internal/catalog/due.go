package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Deadline is what a field says that is tagged due: that somebody has to do
// something by the date in it, and what.
type Deadline struct {
	How   string    // one of the Hows; "" for something to do
	Label lang.Text // "Review", "Exception ends"
}

// The ways a date matters, beside something that is to be done by then.
const (
	Decide = "decide" // somebody has to decide by then
	Expire = "expire" // something holds only until then
	Ends   = "end"    // a time of work ends
	Meet   = "meet"   // people come together
)

// Hows lists them.
var Hows = []string{Decide, Expire, Ends, Meet}

// parseDue reads [how:]English|Español.
func parseDue(path, s string) *Deadline {
	if s == "" {
		return nil
	}
	d := &Deadline{}
	if how, rest, ok := strings.Cut(s, ":"); ok && slices.Contains(Hows, how) {
		d.How, s = how, rest
	}
	en, es, ok := strings.Cut(s, "|")
	if !ok || en == "" || es == "" {
		panic(fmt.Sprintf(`%s: due:"English|Español" says in both languages what is due`, path))
	}
	d.Label = lang.T(en, es)
	return d
}

// Due is a date of an entity by which somebody has to do something, while the
// entity is open.
type Due struct {
	Ref   string    `json:"ref"`
	UID   string    `json:"uid"`
	Kind  string    `json:"kind"`
	Title string    `json:"title"`
	Owner string    `json:"owner,omitempty"` // a full reference
	Who   string    `json:"who,omitempty"`   // who has to see to it: a full reference
	Path  string    `json:"path"`            // of the field, as "spec.reviewBy"
	What  Deadline  `json:"-"`
	At    time.Time `json:"at"`    // the moment; of a whole day, its beginning in UTC
	Timed bool      `json:"timed"` // At is a moment, and not a whole day
}

// Day returns the day a date is on in a zone, at midnight there. A whole day is
// that day everywhere.
func (d Due) Day(zone *time.Location) time.Time {
	at := d.At.UTC()
	if d.Timed {
		at = d.At.In(zone)
	}
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, zone)
}

// DueQuery asks for what falls due. Empty fields do not narrow.
type DueQuery struct {
	// From and To are midnights of the zone they are in: a whole day counts by its
	// date there, a moment by itself. To is not included. The zero From is the
	// beginning of time.
	From, To time.Time
	Who      []string // full references
	Kinds    []string // names of kinds
	UIDs     []string
	Limit    int // 0: 1000
}

// mostDue is how many dates one query returns.
const mostDue = 1000

// Due returns the dates in a time that the caller may know of, in their order.
// What is about other people is left out.
func (c *Catalog) Due(ctx context.Context, caller Caller, q DueQuery) ([]Due, error) {
	kinds := c.dueKinds(caller, q.Kinds)
	if len(kinds) == 0 {
		return nil, nil
	}
	where, args := []string{`d.org = ?`}, []any{caller.Org}
	in := func(column string, values []string) {
		where, args = append(where, column+` IN `+sqldb.In(len(values))), append(args, sqldb.Args(values)...)
	}
	in(`d.kind`, kinds)
	if len(q.Who) > 0 {
		in(`d.who`, q.Who)
	}
	if len(q.UIDs) > 0 {
		in(`e.uid`, q.UIDs)
	}
	bound := func(op string, t time.Time) {
		if !t.IsZero() {
			where = append(where, `d.at `+op+` CASE WHEN d.timed = 1 THEN CAST(? AS BIGINT) ELSE CAST(? AS BIGINT) END`)
			args = append(args, sqldb.Micros(t), sqldb.Micros(dayOf(t)))
		}
	}
	bound(`>=`, q.From)
	bound(`<`, q.To)
	// A bound that the index can use, as wide as time zones are.
	if !q.To.IsZero() {
		where, args = append(where, `d.at < ?`), append(args, sqldb.Micros(q.To.Add(36*time.Hour)))
	}
	limit := q.Limit
	if limit <= 0 || limit > mostDue {
		limit = mostDue
	}
	var out []Due
	err := sqldb.Each(ctx, c.q(), func(r sqldb.Row) error {
		d, err := c.scanDue(r)
		if err != nil {
			return err
		}
		if k := c.kinds.Get(d.Kind); k == nil || k.Personal && (caller.UserRef == "" || d.Ref != caller.UserRef && d.Who != caller.UserRef) {
			return nil
		}
		out = append(out, d)
		return nil
	}, `SELECT d.path, d.at, d.timed, d.who, e.uid, e.owner, e.doc FROM due d JOIN entities e ON e.id = d.id WHERE `+strings.Join(where, ` AND `)+
		` ORDER BY d.at, e.ref, d.path LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("what falls due: %w", err)
	}
	return out, nil
}

// dayOf is the date of a moment in its zone, as whole days are kept.
func dayOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

func (c *Catalog) scanDue(s sqldb.Row) (Due, error) {
	var d Due
	var at int64
	var timed int
	var doc []byte
	if err := s.Scan(&d.Path, &at, &timed, &d.Who, &d.UID, &d.Owner, &doc); err != nil {
		return d, err
	}
	var e entity.Entity
	if err := json.Unmarshal(doc, &e); err != nil {
		return d, fmt.Errorf("stored document of %s: %w", d.UID, err)
	}
	d.At, d.Timed, d.Ref, d.Kind, d.Title = sqldb.Time(at), timed != 0, e.Ref().String(), e.Kind, e.DisplayTitle()
	if k := c.kinds.Get(e.Kind); k != nil {
		d.Kind = k.Name
		if f := k.Field(d.Path); f != nil && f.Due != nil {
			d.What = *f.Due
		}
	}
	return d, nil
}

// dueKinds lists the kinds with dates that the caller may read, in lower case.
func (c *Catalog) dueKinds(caller Caller, only []string) []string {
	var out []string
	readable := c.readable(caller)
	for _, k := range c.kinds.All() {
		if k.hasDue() && slices.Contains(readable, lower(k.Name)) && (len(only) == 0 || slices.Contains(only, k.Name)) {
			out = append(out, lower(k.Name))
		}
	}
	return out
}

func (k *Kind) hasDue() bool { return len(k.deadlines()) > 0 }

// deadlines lists the fields that are tagged due, those of lists' items too.
func (k *Kind) deadlines() []*Field {
	var out []*Field
	var visit func([]Field)
	visit = func(fields []Field) {
		for i := range fields {
			f := &fields[i]
			if f.Due != nil {
				out = append(out, f)
			}
			visit(f.Fields)
			if f.Item != nil {
				visit(f.Item.Fields)
			}
		}
	}
	visit(k.Fields)
	visit(k.Status)
	return out
}

// dueDate is one row of the table due.
type dueDate struct {
	path  string
	at    time.Time
	timed bool
}

// dates returns what falls due of an entity; nothing once it is closed.
func (k *Kind) dates(e *entity.Entity) []dueDate {
	if !k.hasDue() || k.Closed != nil && k.Closed(e) {
		return nil
	}
	tree, err := wholeTree(e)
	if err != nil {
		return nil
	}
	var out []dueDate
	for _, f := range k.deadlines() {
		for _, v := range under(tree, strings.Split(f.Path, ".")) {
			if d, ok := f.dueDate(v); ok {
				out = append(out, d)
			}
		}
	}
	return out
}

// under returns the values at a path; a step that ends in [] goes into each item
// of a list.
func under(v any, path []string) []any {
	if len(path) == 0 {
		return []any{v}
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	name, each := strings.CutSuffix(path[0], "[]")
	if !each {
		return under(m[name], path[1:])
	}
	items, _ := m[name].([]any)
	var out []any
	for _, item := range items {
		out = append(out, under(item, path[1:])...)
	}
	return out
}

func (f *Field) dueDate(v any) (dueDate, bool) {
	text, _ := v.(string)
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return dueDate{f.Path, day, false}, true
	}
	at, err := time.Parse(time.RFC3339, text)
	return dueDate{f.Path, at.UTC().Truncate(time.Microsecond), true}, err == nil
}

// whoseDue returns who has to see to what falls due of an entity.
func (k *Kind) whoseDue(e *entity.Entity) string {
	if k.Answers != nil {
		if ref, err := entity.ParseRef(k.Answers(e), "group", e.Metadata.Namespace); err == nil {
			return ref.String()
		}
	}
	return ownerRef(e)
}

// dues writes what falls due of the entities that changed.
func (w *writer) dues(changes []*change) {
	w.drop("due", "id", ids(changes, func(ch *change) bool { return ch.old != nil && ch.kind.hasDue() }))
	var rows [][]any
	for _, ch := range changes {
		if ch.op != Deleted {
			rows = append(rows, w.dueRows(ch.kind, ch.after, ch.id)...)
		}
	}
	w.insertDues(rows)
}

func (w *writer) insertDues(rows [][]any) {
	w.insert(sqldb.Rows{Table: "due", Columns: []string{"id", "org", "kind", "path", "at", "timed", "who"}, Values: rows})
}

func (w *writer) dueRows(k *Kind, e *entity.Entity, id int64) [][]any {
	var rows [][]any
	for _, d := range k.dates(e) {
		timed := 0
		if d.timed {
			timed = 1
		}
		rows = append(rows, []any{id, w.org, lower(k.Name), d.path, sqldb.Micros(d.at), timed, k.whoseDue(e)})
	}
	return rows
}

// dueVersion is another number when a kind has other dates than before. Like a
// status, what falls due is made anew when Reckoned is raised.
func (k *Kind) dueVersion() int {
	if !k.hasDue() {
		return 0
	}
	h := fnv.New32a()
	fmt.Fprint(h, k.Reckoned)
	for _, f := range k.deadlines() {
		fmt.Fprint(h, "\n", f.Path)
	}
	return int(h.Sum32())
}

// refreshDue makes the dates of a kind anew, for an installation that was made
// before they were kept.
func (c *Catalog) refreshDue(ctx context.Context, k *Kind) error {
	return c.writing(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM due WHERE kind = ?`, lower(k.Name)); err != nil {
			return err
		}
		orgs, err := c.orgsWith(ctx, tx, k)
		if err != nil {
			return err
		}
		for _, org := range orgs {
			if err := c.refreshDueIn(ctx, tx, org, k); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO reckoned (kind, version) VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET version = excluded.version`, dueKey(k), k.dueVersion())
		return err
	})
}

func dueKey(k *Kind) string { return "due:" + k.Name }

func (c *Catalog) refreshDueIn(ctx context.Context, tx *sqldb.Tx, org string, k *Kind) error {
	w := &writer{ctx: ctx, tx: tx, org: org}
	var found [][]any
	err := sqldb.Each(ctx, tx, func(s sqldb.Row) error {
		r, err := scanRow(s)
		if err != nil {
			return err
		}
		e, err := r.entity()
		if err != nil {
			return err
		}
		found = append(found, w.dueRows(k, e, r.id)...)
		return nil
	}, `SELECT `+rowColumns+` FROM entities e WHERE e.org = ? AND e.kind = ? AND e.deleted = 0`, org, lower(k.Name))
	if err != nil {
		return err
	}
	w.insertDues(found)
	return w.err
}
