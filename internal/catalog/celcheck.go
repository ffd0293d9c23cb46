package catalog

import "github.com/google/cel-go/cel"

// CheckFields returns what is wrong with the fields that a compiled expression
// names, when it is asked of entities of these kinds: a field none of them has,
// or a comparison that never holds.
func CheckFields(checked *cel.Ast, kinds ...*Kind) error {
	tree := checked.NativeRep()
	return mentionsIn(tree.Expr(), tree.SourceInfo()).check(kinds)
}
