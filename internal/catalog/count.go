package catalog

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Count returns how many entities of a kind there are.
func (c *Catalog) Count(ctx context.Context, caller Caller, kind string) (int, error) {
	l, err := c.prepare(caller, Query{Kinds: []string{kind}})
	if err != nil {
		return 0, err
	}
	var page Page
	err = l.counted(ctx, c.q(), &page)
	return page.Total, err
}

// CountLimit is how many matches are looked at to count the values of a field
// that has very many, or under a CEL filter.
const CountLimit = 10000

// Facets returns the values under a path among what a query finds, the most
// frequent first: "kind", "metadata.tags", "metadata.owner",
// "metadata.labels.<key>" or the path of a filterable field. Where a path has
// very many values, and under a CEL filter, the counts are of the first
// CountLimit matches.
func (c *Catalog) Facets(ctx context.Context, caller Caller, q Query, path string, limit int) ([]FacetCount, error) {
	all, err := c.FacetsOf(ctx, caller, q, []string{path}, limit)
	return all[path], err
}

// FacetsOf is Facets of several paths, which looks for what the query finds
// once.
func (c *Catalog) FacetsOf(ctx context.Context, caller Caller, q Query, paths []string, limit int) (map[string][]FacetCount, error) {
	q.Sort, q.Cursor, q.Limit = "", "", MaxLimit
	l, err := c.prepare(caller, q)
	if err != nil || len(l.kinds) == 0 {
		return nil, err
	}
	counts := map[string]map[string]int{}
	for _, path := range paths {
		if !l.hasFacet(path) {
			return nil, badQuery("path", "query-path", "there are no counts by %s; use kind, metadata.owner, metadata.tags, metadata.labels.<key> or a field that filters", path)
		}
		counts[path] = map[string]int{}
	}
	err = c.view(ctx, func(tx *sqldb.Tx) error {
		if err := l.find(ctx, tx); err != nil {
			return err
		}
		if err := l.evaluate(ctx, tx); err != nil {
			return err
		}
		return l.tally(ctx, tx, counts)
	})
	if err != nil {
		return nil, err
	}
	out := map[string][]FacetCount{}
	for path, n := range counts {
		delete(n, "")
		out[path] = mostFrequent(n, limit)
	}
	return out, nil
}

func mostFrequent(counts map[string]int, limit int) []FacetCount {
	var out []FacetCount
	for value, n := range maps.All(counts) {
		if n > 0 {
			out = append(out, FacetCount{value, n})
		}
	}
	slices.SortFunc(out, func(a, b FacetCount) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Value, b.Value)) })
	return out[:min(limit, len(out))]
}

// evaluate narrows what was found to the first CountLimit that meet what no
// index knows.
func (l *listing) evaluate(ctx context.Context, q sqldb.Querier) error {
	if l.program == nil {
		return nil
	}
	set := idSet{}
	order := l.ordered()
	for scanned, met := 0, 0; scanned < scanLimit && met < CountLimit; scanned += MaxLimit {
		keys, err := order.next(ctx, q, l.after, MaxLimit)
		if err != nil {
			return err
		}
		rows, err := l.rows(ctx, q, keys)
		if err != nil {
			return err
		}
		for _, key := range keys {
			e, err := l.meets(ctx, rows[key.id])
			if err != nil {
				return err
			}
			if e != nil {
				set.add(key.id)
				met++
			}
		}
		if len(keys) < MaxLimit {
			break
		}
		last := keys[len(keys)-1]
		l.after = &cursor{Key: last.key, ID: last.id}
	}
	l.found, l.size = set, set.count()
	return nil
}

// tally counts the values under the paths among what was found: of few
// entities from their own values, else from the index of values.
func (l *listing) tally(ctx context.Context, q sqldb.Querier, counts map[string]map[string]int) error {
	few := map[string]map[string]int{}
	for path, n := range counts {
		if l.found != nil && l.size <= l.c.sizes.few && path != "kind" {
			few[path] = n
			continue
		}
		all, err := l.tallyAll(ctx, q, path, n)
		if err != nil {
			return err
		}
		if !all {
			clear(n)
			few[path] = n
		}
	}
	if len(few) == 0 {
		return nil
	}
	return l.tallyFirst(ctx, q, few)
}

// tallyAll counts from the index and reports whether it could be read to its
// end.
func (l *listing) tallyAll(ctx context.Context, q sqldb.Querier, path string, counts map[string]int) (bool, error) {
	f, most := facetIn{key: path}, l.c.sizes.values+1
	if path == "kind" {
		f.key, most = namespaceKey, 0
	}
	rows, err := eachPosting(ctx, q, l.caller.Org, l.kinds, f, most, func(p posting, first int64, ids []byte) error {
		if path == "kind" {
			p.value = p.kind
		}
		n, err := countIDs(ids, first, l.found)
		counts[p.value] += n
		return err
	})
	return most == 0 || rows < most, err
}

// tallyFirst counts the values of the first CountLimit that were found.
func (l *listing) tallyFirst(ctx context.Context, q sqldb.Querier, counts map[string]map[string]int) error {
	if l.found == nil {
		var err error
		if l.found, err = posted(ctx, q, l.caller.Org, l.kinds, facetIn{key: namespaceKey}); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(l.found.from(-1, CountLimit, false), gatherChunk) {
		among, args := sqldb.Among(q.Dialect(), "x.id", part)
		if len(counts) > 1 || counts[ownerKey] == nil {
			if err := tallyRows(ctx, q, `SELECT x.key, x.value FROM facets x WHERE `+among, args, counts); err != nil {
				return err
			}
		}
		if counts[ownerKey] != nil {
			if err := tallyRows(ctx, q, `SELECT '`+ownerKey+`', x.owner FROM entities x WHERE `+among, args, counts); err != nil {
				return err
			}
		}
	}
	return nil
}

// tallyRows counts rows of a key and a value.
func tallyRows(ctx context.Context, q sqldb.Querier, query string, args []any, counts map[string]map[string]int) error {
	var key, value string
	to := []any{&key, &value}
	return sqldb.Each(ctx, q, func(r sqldb.Row) error {
		if err := r.Scan(to...); err != nil {
			return err
		}
		if n := counts[key]; n != nil {
			n[value]++
		}
		return nil
	}, query, args...)
}
