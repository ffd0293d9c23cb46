package observe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Counts says what reports did to a table.
type Counts struct {
	Table     string `json:"table"`
	Created   int    `json:"created"`
	Updated   int    `json:"updated"`
	Unchanged int    `json:"unchanged"`
	Gone      int    `json:"gone,omitempty"`
}

// Changed reports whether anything is otherwise than before.
func (c Counts) Changed() bool { return c.Created+c.Updated+c.Gone > 0 }

// chunk is how many rows are compared at a time.
const chunk = 500

// Put takes what was reported at a moment into the table. Two rows with one key
// are an error: which of them holds is for the caller to say.
func (t *Table) Put(ctx context.Context, tx *sqldb.Tx, org string, at time.Time, rows []Row) (Counts, error) {
	counts := Counts{Table: t.Name}
	seen := map[string]bool{}
	for part := range slices.Chunk(rows, chunk) {
		reports := map[string][]any{}
		for _, r := range part {
			key := t.KeyOf(r)
			if seen[key] || key == "" {
				return counts, fmt.Errorf("table %s: the key %q is given twice, or empty", t.Name, key)
			}
			seen[key] = true
			cells, err := t.cells(r)
			if err != nil {
				return counts, err
			}
			reports[key] = cells
		}
		if err := t.put(ctx, tx, org, at, reports, &counts); err != nil {
			return counts, fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return counts, nil
}

// put takes one part of the reports in; nil cells say that the row is gone.
func (t *Table) put(ctx context.Context, tx *sqldb.Tx, org string, at time.Time, reports map[string][]any, counts *Counts) error {
	var keys []any
	for key := range reports {
		keys = append(keys, key)
	}
	known, err := t.stretches(ctx, tx, org, ` AND key IN `+sqldb.In(len(keys)), keys...)
	if err != nil {
		return err
	}
	w := writing{t: t, ctx: ctx, tx: tx, org: org}
	when := sqldb.Micros(at)
	for key, cells := range reports {
		before := known[key]
		after := gone(before, when)
		if cells != nil {
			after = report(before, when, cells)
		}
		switch {
		case len(before) == 0:
			counts.Created++
		case sameButSeen(before, after):
			counts.Unchanged++
		case cells == nil:
			counts.Gone++
		default:
			counts.Updated++
		}
		w.change(key, before, after)
	}
	return w.flush()
}

func sameButSeen(a, b []stretch) bool {
	return slices.EqualFunc(a, b, func(x, y stretch) bool { return x.since == y.since && x.until == y.until && x.says(y.cells) })
}

// PutAll is Put of a whole source: rows of it, by the value of the first column
// of the key, that are not among the reports are gone.
func (t *Table) PutAll(ctx context.Context, tx *sqldb.Tx, org string, at time.Time, source string, rows []Row) (Counts, error) {
	counts, err := t.Put(ctx, tx, org, at, rows)
	if err != nil {
		return counts, err
	}
	given := map[string]bool{}
	for _, r := range rows {
		given[t.KeyOf(r)] = true
	}
	var missing []string
	err = t.Scan(ctx, tx, org, at, func(key, _ string, r Row) error {
		if !given[key] && r.Text(t.Key[0]) == source {
			missing = append(missing, key)
		}
		return nil
	})
	if err != nil {
		return counts, err
	}
	for part := range slices.Chunk(missing, chunk) {
		reports := map[string][]any{}
		for _, key := range part {
			reports[key] = nil
		}
		if err := t.put(ctx, tx, org, at, reports, &counts); err != nil {
			return counts, fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return counts, nil
}

// writing gathers statements.
type writing struct {
	t   *Table
	ctx context.Context
	tx  *sqldb.Tx
	org string

	fresh     [][]any
	confirmed map[int64][]any // seen to keys of open stretches
	err       error
}

func (w *writing) exec(query string, args ...any) {
	if w.err == nil {
		_, w.err = w.tx.Exec(w.ctx, query, args...)
	}
}

// change writes how the stretches of a row differ.
func (w *writing) change(key string, before, after []stretch) {
	if sameButSeen(before, after) {
		for i, s := range after {
			if s.seen != before[i].seen {
				w.confirm(key, s)
			}
		}
		return
	}
	find := func(list []stretch, s stretch) bool {
		return slices.ContainsFunc(list, func(o stretch) bool {
			return o.since == s.since && o.until == s.until && o.seen == s.seen && o.says(s.cells)
		})
	}
	for _, s := range before {
		if !find(after, s) {
			w.exec(`DELETE FROM `+w.t.sql()+` WHERE org = ? AND key = ? AND since = ?`, w.org, key, s.since)
		}
	}
	for _, s := range after {
		if !find(before, s) {
			w.fresh = append(w.fresh, append([]any{w.org, key, s.since, s.until, s.seen}, s.cells...))
		}
	}
}

// confirm notes that a stretch was said again.
func (w *writing) confirm(key string, s stretch) {
	if s.until != forever {
		w.exec(`UPDATE `+w.t.sql()+` SET seen = ? WHERE org = ? AND key = ? AND since = ?`, s.seen, w.org, key, s.since)
		return
	}
	if w.confirmed == nil {
		w.confirmed = map[int64][]any{}
	}
	w.confirmed[s.seen] = append(w.confirmed[s.seen], key)
}

const maxArgs = 20_000 // arguments of one statement, below either database's limit

func (w *writing) flush() error {
	for seen, keys := range w.confirmed {
		w.exec(`UPDATE `+w.t.sql()+` SET seen = ? WHERE org = ? AND until = ? AND key IN `+sqldb.In(len(keys)), append([]any{seen, w.org, int64(forever)}, keys...)...)
	}
	width := 5 + len(w.t.Columns)
	for part := range slices.Chunk(w.fresh, maxArgs/width) {
		var args []any
		for _, r := range part {
			args = append(args, r...)
		}
		values := strings.TrimSuffix(strings.Repeat(sqldb.In(width)+",", len(part)), ",")
		w.exec(`INSERT INTO `+w.t.sql()+` (org, key, since, until, seen, `+w.t.columns()+`) VALUES `+values, args...)
	}
	return w.err
}

// stretches reads the stretches of rows by key, each in order.
func (t *Table) stretches(ctx context.Context, q sqldb.Querier, org, where string, args ...any) (map[string][]stretch, error) {
	out := map[string][]stretch{}
	err := t.read(ctx, q, `WHERE org = ?`+where+` ORDER BY key, since`, append([]any{org}, args...), func(key string, s stretch) error {
		out[key] = append(out[key], s)
		return nil
	})
	return out, err
}

func (t *Table) read(ctx context.Context, q sqldb.Querier, where string, args []any, yield func(string, stretch) error) error {
	return sqldb.Each(ctx, q, func(r sqldb.Row) error {
		var key string
		s := stretch{cells: make([]any, len(t.Columns))}
		to := []any{&key, &s.since, &s.until, &s.seen}
		for i := range s.cells {
			to = append(to, &s.cells[i])
		}
		if err := r.Scan(to...); err != nil {
			return err
		}
		for i, v := range s.cells {
			if b, ok := v.([]byte); ok {
				s.cells[i] = string(b)
			}
		}
		return yield(key, s)
	}, `SELECT key, since, until, seen, `+t.columns()+` FROM `+t.sql()+` `+where, args...)
}

// Scan yields the rows of an organisation as they were known at a moment, by
// key in order, each with what it is about.
func (t *Table) Scan(ctx context.Context, q sqldb.Querier, org string, at time.Time, yield func(key, label string, r Row) error) error {
	when := sqldb.Micros(at)
	return t.read(ctx, q, `WHERE org = ? AND until > ? AND since <= ? ORDER BY key`, []any{org, when, when}, func(key string, s stretch) error {
		r := t.row(s.cells)
		return yield(key, r.Text(t.Label), r)
	})
}

// Past is what a row said for a time. Until is zero when no report has said
// otherwise.
type Past struct {
	Since, Until time.Time
	Row          Row
}

// History returns what a row said, the oldest first.
func (t *Table) History(ctx context.Context, q sqldb.Querier, org, key string) ([]Past, error) {
	known, err := t.stretches(ctx, q, org, ` AND key = ?`, key)
	if err != nil {
		return nil, err
	}
	var out []Past
	for _, s := range known[key] {
		p := Past{Since: sqldb.Time(s.since), Row: t.row(s.cells)}
		if s.until != forever {
			p.Until = sqldb.Time(s.until)
		}
		out = append(out, p)
	}
	return out, nil
}

// Seen returns when the table was last reported to, by the value of the first
// column of the key: its sources.
func (t *Table) Seen(ctx context.Context, q sqldb.Querier, org string) (map[string]time.Time, error) {
	source := t.Key[0]
	out := map[string]time.Time{}
	return out, sqldb.Each(ctx, q, func(r sqldb.Row) error {
		var name string
		var n int64
		if err := r.Scan(&name, &n); err != nil {
			return err
		}
		out[name] = sqldb.Time(n)
		return nil
	}, `SELECT `+source+`, MAX(seen) FROM `+t.sql()+` WHERE org = ? GROUP BY `+source, org)
}
