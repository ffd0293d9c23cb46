package catalog

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// The table postings says which entities have a value or a word: for each
// organisation, key, value and kind the ids in order, cut into rows of at most
// sizes.rowIDs. What meets several conditions is then found, and counted, by
// joining sets of ids in memory, whatever the database.
//
// A row holds the ids from its first to before the first of the next row. The
// first that is made for a value begins at 0; when it is empty it goes like any
// other.

// The keys of what entities have beside their facets: the names of their
// labels, their owner, their namespace, the words of their title and name, and
// their other words. Each has exactly one namespace, so all values of it together
// are all entities of a kind.
const (
	labelsKey    = "metadata.labels"
	ownerKey     = "metadata.owner"
	namespaceKey = "metadata.namespace"
	titleKey     = "title word"
	wordKey      = "word"
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
// two that change the ids of one value would lose one of the changes. It is taken
// before anything is read, so that nobody changes under a writer what it
// compares, and before any other lock, so that no two wait for each other.
// SQLite has one writer.
func lockWrites(ctx context.Context, tx *sqldb.Tx) error {
	if tx.Dialect() == sqldb.SQLite {
		return nil
	}
	var next int64
	return tx.QueryRow(ctx, `SELECT next FROM ids WHERE name = 'entities' FOR UPDATE`).Scan(&next)
}

// repost brings the rows from what entities had to what they have.
type repost struct {
	ctx   context.Context
	tx    *sqldb.Tx
	org   string
	most  int // ids of a row
	noted map[posting]*touched
}

func (r *repost) at(p posting) *touched {
	t := r.noted[p]
	if t == nil {
		t = &touched{posting: p}
		r.noted[p] = t
	}
	return t
}

// has notes what an entity has after the change.
func (r *repost) has(p posting, id int64) {
	t := r.at(p)
	t.in = append(t.in, id)
}

// hadValues notes what the tables say of entities before they change.
func (r *repost) hadValues(ids []int64) error {
	for part := range slices.Chunk(ids, 5000) {
		d := r.tx.Dialect()
		facets, args := sqldb.Among(d, "f.id", part)
		entities, _ := sqldb.Among(d, "e.id", part)
		err := r.gone(`SELECT f.id, f.key, f.value, f.kind FROM facets f WHERE `+facets+`
			UNION ALL SELECT e.id, '`+namespaceKey+`', e.ns, e.kind FROM entities e WHERE e.deleted = 0 AND `+entities+`
			UNION ALL SELECT e.id, '`+ownerKey+`', e.owner, e.kind FROM entities e WHERE e.deleted = 0 AND e.owner <> '' AND `+entities, slices.Concat(args, args, args), false)
		if err != nil {
			return err
		}
	}
	return nil
}

// hadWords notes the words of entities before they change.
func (r *repost) hadWords(ids []int64) error {
	for part := range slices.Chunk(ids, 5000) {
		entities, args := sqldb.Among(r.tx.Dialect(), "e.id", part)
		err := r.gone(`SELECT s.id, '`+titleKey+`', s.title, e.kind FROM search s JOIN entities e ON e.id = s.id WHERE `+entities+`
			UNION ALL SELECT s.id, '`+wordKey+`', s.body, e.kind FROM search s JOIN entities e ON e.id = s.id WHERE `+entities, slices.Concat(args, args), true)
		if err != nil {
			return err
		}
	}
	return nil
}

// gone notes the values, or each of their words, as left.
func (r *repost) gone(query string, args []any, words bool) error {
	var id int64
	var p posting
	to := []any{&id, &p.key, &p.value, &p.kind}
	return sqldb.Each(r.ctx, r.tx, func(s sqldb.Row) error {
		if err := s.Scan(to...); err != nil {
			return err
		}
		values := []string{p.value}
		if words {
			values = strings.Fields(p.value)
		}
		for _, p.value = range values {
			t := r.at(p)
			t.out = append(t.out, id)
		}
		if name, ok := strings.CutPrefix(p.key, labelsKey+"."); ok {
			t := r.at(posting{labelsKey, name, p.kind})
			t.out = append(t.out, id)
		}
		return nil
	}, query, args...)
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
	out := make([]touched, 0, len(r.noted))
	for _, t := range r.noted {
		slices.Sort(t.in)
		slices.Sort(t.out)
		in := missing(t.in, t.out)
		t.in, t.out = in, missing(t.out, t.in)
		if len(t.in)+len(t.out) > 0 {
			out = append(out, *t)
		}
	}
	slices.SortFunc(out, func(a, b touched) int {
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.value, b.value), strings.Compare(a.kind, b.kind))
	})
	return out
}

// missing returns those of a that are not in b; both are in order.
func missing(a, b []int64) []int64 {
	if len(b) == 0 {
		return a
	}
	var out []int64
	for _, id := range a {
		if _, found := slices.BinarySearch(b, id); !found {
			out = append(out, id)
		}
	}
	return out
}

// write brings the table up to date.
func (r *repost) write() error {
	changed := r.changed()
	clear(r.noted)
	for part := range slices.Chunk(changed, 1000) {
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
	keys, values, kinds, los, his := []string{}, []string{}, []string{}, []int64{}, []int64{}
	flat := make([]any, 0, 5*len(part))
	for _, t := range part {
		lo, hi := t.lo(), t.hi()
		keys, values, kinds, los, his = append(keys, t.key), append(values, t.value), append(kinds, t.kind), append(los, lo), append(his, hi)
		flat = append(flat, t.key, t.value, t.kind, lo, hi)
	}
	asked, collate, args := `(VALUES (?,?,?,?,?)`+strings.Repeat(`,(?,?,?,?,?)`, len(part)-1)+`)`, ``, flat
	if r.tx.Dialect() == sqldb.Postgres {
		asked, collate, args = `(SELECT * FROM unnest(?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[]))`, ` COLLATE "C"`, []any{keys, values, kinds, los, his}
	}
	same := func(p string) string {
		return p + `.org = ? AND ` + p + `.key = t.k` + collate + ` AND ` + p + `.value = t.v` + collate + ` AND ` + p + `.kind = t.kd` + collate
	}
	out := map[posting][]postingRow{}
	var p posting
	var first int64
	var data []byte
	to := []any{&p.key, &p.value, &p.kind, &first, &data}
	return out, sqldb.Each(r.ctx, r.tx, func(s sqldb.Row) error {
		if err := s.Scan(to...); err != nil {
			return err
		}
		row := postingRow{first: first}
		if err := eachID(data, first, func(id int64) { row.ids = append(row.ids, id) }); err != nil {
			return err
		}
		out[p] = append(out[p], row)
		return nil
	}, `WITH t(k, v, kd, lo, hi) AS `+asked+`
		SELECT p.key, p.value, p.kind, p.first, p.ids FROM t CROSS JOIN postings p
		WHERE `+same("p")+` AND p.first <= t.hi AND p.first >= COALESCE((SELECT max(x.first) FROM postings x WHERE `+same("x")+` AND x.first <= t.lo), 0)
		ORDER BY p.key, p.value, p.kind, p.first`, append(args, r.org, r.org)...)
}

// apply returns the rows that change when the value's ids join and leave.
func (t *touched) apply(rows []postingRow, most int) []postingRow {
	if len(rows) == 0 || rows[0].first > t.lo() {
		rows = slices.Insert(rows, 0, postingRow{})
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

// posted returns the entities of some kinds that have one of the values under a
// key, or any value when values is nil.
func posted(ctx context.Context, q sqldb.Querier, org string, kinds []string, f facetIn) (idSet, error) {
	if name, ok := strings.CutPrefix(f.key, labelsKey+"."); ok && f.values == nil {
		f = facetIn{key: labelsKey, values: []string{name}}
	}
	set := idSet{}
	_, err := eachPosting(ctx, q, org, kinds, f, 0, func(_ posting, first int64, ids []byte) error { return set.addAll(ids, first) })
	return set, err
}

// eachPosting calls visit with the rows of some values, of any value when
// f.values is nil; of at most limit rows, 0 being all. It returns how many there
// were.
func eachPosting(ctx context.Context, q sqldb.Querier, org string, kinds []string, f facetIn, limit int, visit func(p posting, first int64, ids []byte) error) (int, error) {
	query, args := `SELECT value, kind, first, ids FROM postings WHERE org = ? AND key = ?`, []any{org, f.key}
	if f.values != nil {
		query += ` AND value IN ` + sqldb.In(len(f.values))
		args = append(args, sqldb.Args(f.values)...)
	}
	if f.beginning != "" {
		query += ` AND value >= ? AND value < ?`
		args = append(args, f.beginning, f.beginning+"\U0010FFFF")
	}
	if len(kinds) == 0 {
		return 0, nil
	}
	query += ` AND kind IN ` + sqldb.In(len(kinds))
	args = append(args, sqldb.Args(kinds)...)
	if limit > 0 {
		query += ` LIMIT ?`
		args = append(args, limit)
	}
	p, n := posting{key: f.key}, 0
	var first int64
	var ids sql.RawBytes
	to := []any{&p.value, &p.kind, &first, &ids}
	err := sqldb.Each(ctx, q, func(r sqldb.Row) error {
		n++
		if err := r.Scan(to...); err != nil {
			return err
		}
		return visit(p, first, ids)
	}, query, args...)
	return n, err
}
