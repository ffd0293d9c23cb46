package catalog

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// The table postings says which entities have a value: for each organisation,
// key, value and kind the ids in order, cut into rows of at most sizes.rowIDs. What
// meets several conditions is then found, and counted, by joining sets of ids
// in memory, whatever the database.
//
// A row holds the ids from its first to before the first of the next row; the
// first row of a value begins at 0.

// The keys of what every entity has beside its facets. Each has exactly one
// namespace, so all values of it together are all entities of a kind.
const (
	ownerKey     = "metadata.owner"
	namespaceKey = "metadata.namespace"
)

// posting is a value that entities have.
type posting struct{ key, value, kind string }

// postingRow is one row of the table.
type postingRow struct {
	first int64
	ids   []int64
	gone  bool // none is left
}

// lockWrites makes the writers of entities wait for each other from here on:
// two that change the ids of one value would lose one of the changes. SQLite
// has one writer.
func lockWrites(ctx context.Context, tx *sqldb.Tx) error {
	if tx.Dialect() == sqldb.SQLite {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE ids SET next = next WHERE name = 'entities'`)
	return err
}

// repost brings the rows from what entities had to what they have.
type repost struct {
	ctx   context.Context
	tx    *sqldb.Tx
	org   string
	most  int                       // ids of a row
	delta map[posting]map[int64]int // +1 has it now, -1 had it, 0 both
}

func (r *repost) note(p posting, id int64, by int) {
	ids := r.delta[p]
	if ids == nil {
		ids = map[int64]int{}
		r.delta[p] = ids
	}
	ids[id] += by
}

// had notes what the tables say of entities before they change.
func (r *repost) had(ids []any) error {
	for part := range slices.Chunk(ids, 5000) {
		in := sqldb.In(len(part))
		rows, err := r.tx.Query(r.ctx, `SELECT f.id, f.key, f.value, f.kind FROM facets f WHERE f.id IN `+in+`
			UNION SELECT e.id, '`+namespaceKey+`', e.ns, e.kind FROM entities e WHERE e.deleted = 0 AND e.id IN `+in+`
			UNION SELECT e.id, '`+ownerKey+`', e.owner, e.kind FROM entities e WHERE e.deleted = 0 AND e.owner <> '' AND e.id IN `+in, slices.Concat(part, part, part)...)
		if err != nil {
			return err
		}
		for rows.Next() {
			var id int64
			var p posting
			if err := rows.Scan(&id, &p.key, &p.value, &p.kind); err != nil {
				rows.Close()
				return err
			}
			r.note(p, id, -1)
		}
		if err := rows.Close(); err != nil {
			return err
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// touched is a value with the ids that join and leave it, in order.
type touched struct {
	posting
	in, out []int64
}

func (t *touched) lo() int64 { return min(head(t.in), head(t.out)) }

func head(ids []int64) int64 {
	if len(ids) == 0 {
		return 1<<63 - 1
	}
	return ids[0]
}

func (t *touched) hi() int64 {
	var hi int64
	for _, ids := range [][]int64{t.in, t.out} {
		if len(ids) > 0 {
			hi = max(hi, ids[len(ids)-1])
		}
	}
	return hi
}

// changed lists the values with ids to add or remove, in their order.
func (r *repost) changed() []touched {
	var out []touched
	for p, ids := range r.delta {
		t := touched{posting: p}
		for id, by := range ids {
			switch {
			case by > 0:
				t.in = append(t.in, id)
			case by < 0:
				t.out = append(t.out, id)
			}
		}
		if len(t.in)+len(t.out) > 0 {
			slices.Sort(t.in)
			slices.Sort(t.out)
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b touched) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.value, b.value), cmp.Compare(a.kind, b.kind))
	})
	return out
}

// write brings the table up to date.
func (r *repost) write() error {
	for part := range slices.Chunk(r.changed(), 1000) {
		rows, err := r.read(part)
		if err != nil {
			return err
		}
		var save [][]any
		for i := range part {
			t := &part[i]
			for _, row := range t.apply(rows[t.posting], r.most) {
				if !row.gone {
					save = append(save, []any{r.org, t.key, t.value, t.kind, row.first, appendIDs([]byte{}, row.first, row.ids)})
					continue
				}
				if _, err := r.tx.Exec(r.ctx, `DELETE FROM postings WHERE org = ? AND key = ? AND value = ? AND kind = ? AND first = ?`, r.org, t.key, t.value, t.kind, row.first); err != nil {
					return err
				}
			}
		}
		if err := savePostings(r.ctx, r.tx, save); err != nil {
			return err
		}
	}
	return nil
}

func savePostings(ctx context.Context, tx *sqldb.Tx, rows [][]any) error {
	return tx.Insert(ctx, sqldb.Rows{Table: "postings", Columns: []string{"org", "key", "value", "kind", "first", "ids"}, Values: rows,
		Conflict: `ON CONFLICT (org, key, value, kind, first) DO UPDATE SET ids = excluded.ids`})
}

// read fetches the rows that the ids of the values fall into.
func (r *repost) read(part []touched) (map[posting][]postingRow, error) {
	one, rest := `(CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT))`, `,(?,?,?,?,?)`
	collate := ""
	if r.tx.Dialect() == sqldb.Postgres {
		collate = ` COLLATE "C"`
	}
	values := one
	args := make([]any, 0, 5*len(part)+2)
	for i, t := range part {
		if i > 0 {
			values += rest
		}
		args = append(args, t.key, t.value, t.kind, t.lo(), t.hi())
	}
	rows, err := r.tx.Query(r.ctx, `WITH t(k, v, kd, lo, hi) AS (VALUES `+values+`)
		SELECT p.key, p.value, p.kind, p.first, p.ids FROM t CROSS JOIN postings p
		WHERE p.org = ? AND p.key = t.k`+collate+` AND p.value = t.v`+collate+` AND p.kind = t.kd`+collate+` AND p.first <= t.hi
		AND p.first >= COALESCE((SELECT max(x.first) FROM postings x WHERE x.org = ? AND x.key = t.k`+collate+` AND x.value = t.v`+collate+` AND x.kind = t.kd`+collate+` AND x.first <= t.lo), 0)
		ORDER BY p.key, p.value, p.kind, p.first`, append(args, r.org, r.org)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[posting][]postingRow{}
	for rows.Next() {
		var p posting
		var row postingRow
		var data []byte
		if err := rows.Scan(&p.key, &p.value, &p.kind, &row.first, &data); err != nil {
			return nil, err
		}
		if err := eachID(data, row.first, func(id int64) { row.ids = append(row.ids, id) }); err != nil {
			return nil, err
		}
		out[p] = append(out[p], row)
	}
	return out, rows.Err()
}

// apply returns the rows that change when the value's ids join and leave.
func (t *touched) apply(rows []postingRow, most int) []postingRow {
	if len(rows) == 0 {
		rows = []postingRow{{}}
	}
	in, out := t.in, t.out
	var changed []postingRow
	for i, row := range rows {
		before := int64(1<<63 - 1)
		if i+1 < len(rows) {
			before = rows[i+1].first
		}
		var join, leave []int64
		join, in = cutBefore(in, before)
		leave, out = cutBefore(out, before)
		if len(join)+len(leave) > 0 {
			changed = append(changed, row.edit(join, leave, most)...)
		}
	}
	return changed
}

func cutBefore(ids []int64, before int64) (head, tail []int64) {
	i, _ := slices.BinarySearch(ids, before)
	return ids[:i], ids[i:]
}

// edit returns the rows that replace a row. One that grows at its end is filled
// before the next begins; one that grows inside is cut into equal parts.
func (row postingRow) edit(join, leave []int64, most int) []postingRow {
	size := most
	if len(join) > 0 && len(row.ids) > 0 && join[0] < row.ids[len(row.ids)-1] {
		n := len(row.ids) + len(join)
		parts := (n + most - 1) / most
		size = (n + parts - 1) / parts
	}
	ids := slices.DeleteFunc(slices.Concat(row.ids, join), func(id int64) bool {
		_, found := slices.BinarySearch(leave, id)
		return found
	})
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 0 {
		return []postingRow{{first: row.first, gone: true}}
	}
	var out []postingRow
	for part := range slices.Chunk(ids, size) {
		first := part[0]
		if len(out) == 0 {
			first = row.first
		}
		out = append(out, postingRow{first: first, ids: part})
	}
	return out
}

// fillPostings makes the table from facets and entities that were stored before
// there was one. The index facets_value must still be there.
func fillPostings(ctx context.Context, tx *sqldb.Tx) error {
	f := &filler{ctx: ctx, tx: tx}
	const page = 200_000
	for n := page; n == page; {
		var err error
		n, err = f.fill(`SELECT org, key, value, kind, id FROM facets WHERE (org, key, value, kind, id) > (?, ?, ?, ?, ?) ORDER BY org, key, value, kind, id LIMIT ?`,
			f.org, f.at.key, f.at.value, f.at.kind, f.last, page)
		if err != nil {
			return err
		}
	}
	for key, column := range map[string]string{namespaceKey: "ns", ownerKey: "owner"} {
		if _, err := f.fill(`SELECT org, '` + key + `', ` + column + `, kind, id FROM entities WHERE deleted = 0 AND ` + column + ` <> '' ORDER BY 1, 3, 4, 5`); err != nil {
			return err
		}
	}
	f.cut()
	return savePostings(ctx, tx, f.rows)
}

// filler writes postings from ids that come in their order.
type filler struct {
	ctx   context.Context
	tx    *sqldb.Tx
	org   string
	at    posting
	first int64
	ids   []int64
	last  int64
	rows  [][]any
}

// fill adds what a query gives and returns how much that was. What is complete
// is written after the query ends, since PostgreSQL does one thing at a time.
func (f *filler) fill(query string, args ...any) (int, error) {
	rows, err := f.tx.Query(f.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var org string
		var p posting
		var id int64
		if err := rows.Scan(&org, &p.key, &p.value, &p.kind, &id); err != nil {
			return 0, err
		}
		f.add(org, p, id)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	rows.Close()
	err = savePostings(f.ctx, f.tx, f.rows)
	f.rows = nil
	return n, err
}

func (f *filler) add(org string, p posting, id int64) {
	switch {
	case org != f.org || p != f.at:
		f.cut()
		f.org, f.at, f.first = org, p, 0
	case id == f.last:
		return
	case len(f.ids) == usual.rowIDs:
		f.cut()
		f.first = id
	}
	f.ids, f.last = append(f.ids, id), id
}

// cut ends a row.
func (f *filler) cut() {
	if len(f.ids) > 0 {
		f.rows = append(f.rows, []any{f.org, f.at.key, f.at.value, f.at.kind, f.first, appendIDs(nil, f.first, f.ids)})
		f.ids = f.ids[:0]
	}
}

// posted returns the entities of some kinds that have one of the values under a
// key, or any value when values is nil.
func posted(ctx context.Context, q sqldb.Querier, org string, kinds []string, f facetIn) (idSet, error) {
	set := idSet{}
	return set, eachPosting(ctx, q, org, kinds, f, 0, func(_ posting, first int64, ids []byte) error {
		return eachID(ids, first, set.add)
	})
}

// eachPosting calls visit with the rows of some values, of any value when
// f.values is nil; at most limit rows, 0 being all.
func eachPosting(ctx context.Context, q sqldb.Querier, org string, kinds []string, f facetIn, limit int, visit func(p posting, first int64, ids []byte) error) error {
	if len(kinds) == 0 {
		return nil
	}
	query, args := `SELECT value, kind, first, ids FROM postings WHERE org = ? AND key = ?`, []any{org, f.key}
	if f.values != nil {
		query += ` AND value IN ` + sqldb.In(len(f.values))
		args = append(args, anys(f.values)...)
	}
	query += ` AND kind IN ` + sqldb.In(len(kinds))
	args = append(args, anys(kinds)...)
	if limit > 0 {
		query += ` LIMIT ?`
		args = append(args, limit)
	}
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	p := posting{key: f.key}
	for rows.Next() {
		var first int64
		var ids sql.RawBytes
		if err := rows.Scan(&p.value, &p.kind, &first, &ids); err != nil {
			return err
		}
		if err := visit(p, first, ids); err != nil {
			return err
		}
	}
	return rows.Err()
}
