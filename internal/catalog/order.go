package catalog

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// sortKey is an entity's place in a list.
type sortKey struct {
	id  int64
	key any // string or int64
}

func (a sortKey) compare(b sortKey) int {
	byKey := 0
	switch x := a.key.(type) {
	case string:
		byKey = strings.Compare(x, b.key.(string))
	case int64:
		byKey = cmp.Compare(x, b.key.(int64))
	}
	return cmp.Or(byKey, cmp.Compare(a.id, b.id))
}

// gatherChunk is how many ids one statement carries.
const gatherChunk = 5000

// order gives what a listing found in the order it asks for. A small set is
// fetched and sorted; for a large one the index of the order is walked and each
// id looked up in the set. A walk that meets too few, because what is found
// stands far from where it began, ends and the set is fetched after all.
type order struct {
	*listing
	everything int  // entities of the kinds, for guessing how far to walk; 0: not asked yet
	gathers    bool // fetches and sorts
	walked     int
}

func (l *listing) ordered() *order { return &order{listing: l} }

// next returns the first n keys after a place; fewer only at the end.
func (o *order) next(ctx context.Context, q sqldb.Querier, after *cursor, n int) ([]sortKey, error) {
	switch {
	case len(o.kinds) == 0 || o.found != nil && o.size == 0:
		return nil, nil
	case o.sort.column == "e.id":
		return o.byID(o.found, int64(0), after, n), nil
	case o.sort.column == "e.kind":
		return o.byKind(ctx, q, after, n)
	case o.found == nil:
		return o.walk(ctx, q, after, n)
	}
	if o.everything == 0 {
		var page Page
		if err := o.counted(ctx, q, &page); err != nil {
			return nil, err
		}
		o.everything = max(page.Total, o.size)
		o.gathers = o.size <= o.c.sizes.gather && 5*o.size <= o.far(n) // fetching a key by its id takes as long as five of a walk
	}
	if o.gathers {
		return o.gather(ctx, q, after, n)
	}
	return o.sift(ctx, q, after, n)
}

// far guesses how many keys a walk sees before it has met n.
func (o *order) far(n int) int { return n*o.everything/o.size*5/4 + 10 }

// byID takes from a set what follows a place in the order of ids. The key is
// the id itself, or one that all in the set share.
func (o *order) byID(set idSet, key any, after *cursor, n int) []sortKey {
	from := int64(-1)
	if o.sort.desc {
		from = int64(len(set)) * 64
	}
	if after != nil {
		from = after.ID
	}
	var out []sortKey
	for _, id := range set.from(from, n, o.sort.desc) {
		k := sortKey{id, key}
		if o.sort.column == "e.id" {
			k.key = id
		}
		out = append(out, k)
	}
	return out
}

func (o *order) byKind(ctx context.Context, q sqldb.Querier, after *cursor, n int) ([]sortKey, error) {
	kinds := slices.Sorted(slices.Values(o.kinds))
	if o.sort.desc {
		slices.Reverse(kinds)
	}
	var out []sortKey
	for _, kind := range kinds {
		at := after
		if after != nil {
			switch c := strings.Compare(kind, after.Key.(string)); {
			case c != 0 && (c < 0) != o.sort.desc:
				continue
			case c != 0:
				at = nil
			}
		}
		set, err := posted(ctx, q, o.caller.Org, []string{kind}, facetIn{key: namespaceKey, values: nil})
		if err != nil {
			return nil, err
		}
		if o.found != nil {
			set.and(o.found)
		}
		if out = append(out, o.byID(set, kind, at, n-len(out))...); len(out) == n {
			break
		}
	}
	return out, nil
}

// terms returns the comparison and the direction of the order.
func (o *order) terms() (op, dir string) {
	if o.sort.desc {
		return "<", " DESC"
	}
	return ">", ""
}

// walk reads keys of all entities of the kinds from the indexes of the order.
func (o *order) walk(ctx context.Context, q sqldb.Querier, after *cursor, n int) ([]sortKey, error) {
	op, dir := o.terms()
	from, id, where := `entities e`, `e.id`, `e.org = ? AND e.kind = ? AND e.deleted = 0`
	if o.sort.facet != "" {
		from, id, where = `facets s`, `s.id`, `s.org = ? AND s.kind = ? AND s.key = ? AND s.ord IS NOT NULL`
	}
	if after != nil {
		where += ` AND (` + o.sort.column + `, ` + id + `) ` + op + ` (?, ?)`
	}
	one := `SELECT ` + id + ` AS id, ` + o.sort.column + ` AS k FROM ` + from + ` WHERE ` + where + ` ORDER BY ` + o.sort.column + dir + `, ` + id + dir + ` LIMIT ?`
	var args []any
	for _, kind := range o.kinds {
		args = append(args, o.caller.Org, kind)
		if o.sort.facet != "" {
			args = append(args, o.sort.facet)
		}
		if after != nil {
			args = append(args, after.Key, after.ID)
		}
		args = append(args, n)
	}
	if len(o.kinds) > 1 {
		each := strings.Repeat(` UNION ALL SELECT * FROM (`+one+`) x`, len(o.kinds))
		one, args = `SELECT id, k FROM (`+strings.TrimPrefix(each, ` UNION ALL `)+`) u ORDER BY k`+dir+`, id`+dir+` LIMIT ?`, append(args, n)
	}
	return keysOfRows(ctx, q, one, args...)
}

// sift walks and keeps what was found.
func (o *order) sift(ctx context.Context, q sqldb.Querier, after *cursor, n int) ([]sortKey, error) {
	var out []sortKey
	for {
		if o.walked > 4*o.size {
			o.gathers = true
			rest, err := o.gather(ctx, q, after, n-len(out))
			return append(out, rest...), err
		}
		most := min(o.far(n-len(out)), o.c.sizes.walk)
		keys, err := o.walk(ctx, q, after, most)
		if err != nil {
			return nil, err
		}
		o.walked += len(keys)
		for _, k := range keys {
			if o.found.has(k.id) {
				if out = append(out, k); len(out) == n {
					return out, nil
				}
			}
		}
		if len(keys) < most {
			return out, nil
		}
		last := keys[len(keys)-1]
		after = &cursor{Key: last.key, ID: last.id}
	}
}

// gather fetches the keys of all that was found and sorts them. The common
// table keeps the planner from walking an index instead.
func (o *order) gather(ctx context.Context, q sqldb.Querier, after *cursor, n int) ([]sortKey, error) {
	op, dir := o.terms()
	keys, first := `SELECT e.id, `+o.sort.column+` AS k FROM entities e`+o.byKeys(q)+` WHERE e.deleted = 0 AND `, []any{}
	column := `e.id`
	if o.sort.facet != "" {
		keys, first, column = `SELECT s.id, s.ord AS k FROM facets s WHERE s.key = ? AND s.ord IS NOT NULL AND `, []any{o.sort.facet}, `s.id`
	}
	tail, last := ``, []any{}
	if after != nil {
		tail, last = ` WHERE (k, id) `+op+` (?, ?)`, []any{after.Key, after.ID}
	}
	var out []sortKey
	chunks := 0
	for part := range slices.Chunk(o.found.from(-1, o.size, false), gatherChunk) {
		among, ids := sqldb.Among(q.Dialect(), column, part)
		some, err := keysOfRows(ctx, q, `WITH x AS MATERIALIZED (`+keys+among+`) SELECT id, k FROM x`+tail+` ORDER BY k`+dir+`, id`+dir+` LIMIT ?`,
			slices.Concat(first, ids, last, []any{n})...)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
		chunks++
	}
	if chunks > 1 {
		slices.SortFunc(out, func(a, b sortKey) int {
			if o.sort.desc {
				a, b = b, a
			}
			return a.compare(b)
		})
	}
	return out[:min(n, len(out))], nil
}

// byKeys has SQLite read the keys from their index: it would rather go by the
// id to the row, which lies beside its document.
func (o *order) byKeys(q sqldb.Querier) string {
	if q.Dialect() == sqldb.SQLite {
		return ` INDEXED BY entities_keys`
	}
	return ``
}

func keysOfRows(ctx context.Context, q sqldb.Querier, query string, args ...any) ([]sortKey, error) {
	var k sortKey
	to := []any{&k.id, &k.key}
	return sqldb.All(ctx, q, func(r sqldb.Row) (sortKey, error) {
		err := r.Scan(to...)
		return k, err
	}, query, args...)
}
