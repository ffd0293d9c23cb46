package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/entity"
)

// Merged is the result of Merge, for tests of the merge alone.
type Merged struct {
	Entity  *entity.Entity
	Clashes []string
}

// Merge runs the three-way merge on entities.
func Merge(base, mine, theirs *entity.Entity) Merged {
	b, _ := treeOf(base)
	m, _ := treeOf(mine)
	t, _ := treeOf(theirs)
	tree, clashes := merge(b, m, t, "")
	e, _ := entityOf(tree)
	out := Merged{Entity: e}
	for _, c := range clashes {
		out.Clashes = append(out.Clashes, c.path)
	}
	return out
}

// Small makes a catalog take the ways of a large one over a few entities.
func Small() Option {
	return func(c *Catalog) { c.sizes = sizes{rowIDs: 3, gather: 4, walk: 7, few: 10, values: 1000, words: 1000} }
}

// Fold is how titles sort.
func Fold(s string) string { return fold(s) }

// OwnerOf is the owner an entity is listed under.
func OwnerOf(e *entity.Entity) string { return ownerRef(e) }

// HasFacet reports whether e is listed under one of the values of a key; under
// any value when values is nil.
func (c *Catalog) HasFacet(e *entity.Entity, key string, values []string) bool {
	return slices.ContainsFunc(c.facetsOf(e), func(f facet) bool {
		return f.key == key && (values == nil || slices.Contains(values, f.value))
	})
}

// Values are what e is listed under by a key.
func (c *Catalog) Values(e *entity.Entity, key string) []string {
	var out []string
	for _, f := range c.facetsOf(e) {
		if f.key == key {
			out = append(out, f.value)
		}
	}
	return out
}

// Ord is the text that sorts e by a column.
func (c *Catalog) Ord(e *entity.Entity, key string) string {
	for _, f := range c.facetsOf(e) {
		if f.key == key && f.ord != nil {
			return *f.ord
		}
	}
	return ""
}

func (c *Catalog) facetsOf(e *entity.Entity) []facet {
	ch := change{kind: c.kinds.Get(e.Kind), after: e}
	if err := ch.derive(); err != nil {
		panic(err)
	}
	return ch.facets
}

// HasWords reports whether the texts of e have words that begin as those given.
func (c *Catalog) HasWords(e *entity.Entity, text string) bool {
	title, body := c.kinds.Get(e.Kind).texts(e)
	in := append(words(title), words(body)...)
	for _, w := range words(text) {
		if !slices.ContainsFunc(in, func(t string) bool { return strings.HasPrefix(t, w) }) {
			return false
		}
	}
	return true
}

// CheckIndex compares the index of values, and the tables of facets and words,
// with what the documents of the live entities say.
func (c *Catalog) CheckIndex(ctx context.Context) error {
	want, facets, words, err := c.documents(ctx)
	if err != nil {
		return err
	}
	got, err := c.index(ctx)
	if err != nil {
		return err
	}
	for _, err := range []error{differ("postings", got, want), c.differs(ctx, `SELECT id, key, value FROM facets`, facets), c.differs(ctx, `SELECT id, title, body FROM search`, words)} {
		if err != nil {
			return err
		}
	}
	return nil
}

func differ(what string, got, want map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] != want[key] {
			return fmt.Errorf("%s: %q: got %s, want %s", what, key, got[key], want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			return fmt.Errorf("%s: %q: got %s, want nothing", what, key, got[key])
		}
	}
	return nil
}

// differs compares the rows of an id and two texts with those wanted.
func (c *Catalog) differs(ctx context.Context, query string, want map[string]string) error {
	rows, err := c.db.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	got := map[string]string{}
	for rows.Next() {
		var id int64
		var a, b string
		if err := rows.Scan(&id, &a, &b); err != nil {
			return err
		}
		got[fmt.Sprintf("%d %s=%s", id, a, b)] = "a row"
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return differ(query, got, want)
}

// documents returns what the tables must hold: the ids of each organisation's
// values, and the rows of facets and of words.
func (c *Catalog) documents(ctx context.Context) (postings, facets, words map[string]string, err error) {
	rows, err := c.db.Query(ctx, `SELECT `+rowColumns+`, e.org FROM entities e WHERE e.deleted = 0 ORDER BY e.id`)
	if err != nil {
		return nil, nil, nil, err
	}
	defer rows.Close()
	postings, facets, words = map[string]string{}, map[string]string{}, map[string]string{}
	for rows.Next() {
		var org string
		r, err := scanRow(rows, &org)
		if err != nil {
			return nil, nil, nil, err
		}
		e, err := r.entity()
		if err != nil {
			return nil, nil, nil, err
		}
		ch := change{kind: c.kinds.Get(e.Kind), after: e}
		if err := ch.derive(); err != nil {
			return nil, nil, nil, err
		}
		has := func(key, value string) {
			postings[fmt.Sprintf("%s %s %s=%s", org, lower(e.Kind), key, value)] += fmt.Sprint(r.id, " ")
		}
		labels := map[string]bool{}
		for _, f := range ch.facets {
			has(f.key, f.value)
			facets[fmt.Sprintf("%d %s=%s", r.id, f.key, f.value)] = "a row"
			if name, ok := strings.CutPrefix(f.key, "metadata.labels."); ok && !labels[name] {
				labels[name] = true
				has("metadata.labels", name)
			}
		}
		has("metadata.namespace", e.Ref().Namespace)
		if owner := ownerRef(e); owner != "" {
			has("metadata.owner", owner)
		}
		for _, w := range ch.title {
			has("title word", w)
		}
		for _, w := range ch.body {
			has("word", w)
		}
		words[fmt.Sprintf("%d %s=%s", r.id, strings.Join(ch.title, " "), strings.Join(ch.body, " "))] = "a row"
	}
	return postings, facets, words, rows.Err()
}

// index reads all rows of postings, which must follow each other: a row's ids
// lie from its first on and before the first of the next.
func (c *Catalog) index(ctx context.Context) (map[string]string, error) {
	rows, err := c.db.Query(ctx, `SELECT org, kind, key, value, first, ids FROM postings ORDER BY org, kind, key, value, first`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out, last := map[string]string{}, map[string]int64{}
	for rows.Next() {
		var org, kind, key, value string
		var first int64
		var data []byte
		if err := rows.Scan(&org, &kind, &key, &value, &first, &data); err != nil {
			return nil, err
		}
		at := fmt.Sprintf("%s %s %s=%s", org, kind, key, value)
		before, again := last[at]
		if again && first <= before {
			return nil, fmt.Errorf("postings: %q: a row begins at %d after %d", at, first, before)
		}
		n := 0
		err := eachID(data, first, func(id int64) {
			if n++; n > 1 && id <= last[at] {
				at += " out of order"
			}
			out[at] += fmt.Sprint(id, " ")
			last[at] = id
		})
		if err != nil || n == 0 || n > c.sizes.rowIDs {
			return nil, fmt.Errorf("postings: %q: a row of %d, %v", at, n, err)
		}
	}
	return out, rows.Err()
}
