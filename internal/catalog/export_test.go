package catalog

import (
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
