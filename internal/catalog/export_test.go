package catalog

import "github.com/binnaclehq/binnacle/internal/entity"

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
