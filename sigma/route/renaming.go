package route

import (
	"maps"
	"reflect"

	"github.com/binnaclehq/binnacle/sigma"
)

// namesOnly reports whether a rule was rewritten to nothing but other names of its
// fields, and which. The copy need not be kept then. What matches nothing (modifiers
// that are done, the list of fields to show) is not looked at.
func namesOnly(rule, rewritten *sigma.Rule) (map[string]string, bool) {
	a, b := *rule, *rewritten
	a.Detection, a.Fields, b.Detection, b.Fields = sigma.Detection{}, nil, sigma.Detection{}, nil
	if !reflect.DeepEqual(a, b) || !reflect.DeepEqual(rule.Detection.Conditions, rewritten.Detection.Conditions) {
		return nil, false
	}
	n := renaming{}
	before, after := rule.Detection.Searches, rewritten.Detection.Searches
	only := len(before) == len(after)
	for i := 0; only && i < len(before); i++ {
		only = before[i].Name == after[i].Name && n.node(before[i].Body, after[i].Body)
	}
	maps.DeleteFunc(n, func(before, after string) bool { return before == after })
	if len(n) == 0 {
		return nil, only
	}
	return n, only
}

// renaming is the names that fields have got.
type renaming map[string]string

func (n renaming) node(before, after sigma.Node) bool {
	switch before := before.(type) {
	case *sigma.Group:
		after, ok := after.(*sigma.Group)
		ok = ok && before.Any == after.Any && len(before.Nodes) == len(after.Nodes)
		for i := 0; ok && i < len(before.Nodes); i++ {
			ok = n.node(before.Nodes[i], after.Nodes[i])
		}
		return ok
	case *sigma.Item:
		after, ok := after.(*sigma.Item)
		return ok && before.All == after.All && before.Not == after.Not && n.field(before.Field, after.Field) && n.values(before.Values, after.Values)
	}
	return false
}

// field notes a name. A field that has two is not only renamed, nor are keywords that
// have one.
func (n renaming) field(before, after string) bool {
	if before == "" || after == "" {
		return before == after
	}
	if known, ok := n[before]; ok {
		return known == after
	}
	n[before] = after
	return true
}

func (n renaming) values(before, after []sigma.Value) bool {
	ok := len(before) == len(after)
	for i := 0; ok && i < len(before); i++ {
		ok = n.value(before[i], after[i])
	}
	return ok
}

func (n renaming) value(before, after sigma.Value) bool {
	switch before := before.(type) {
	case sigma.FieldRef:
		after, ok := after.(sigma.FieldRef)
		ok = ok && n.field(before.Field, after.Field)
		before.Field = after.Field
		return ok && before == after
	case sigma.Any:
		after, ok := after.(sigma.Any)
		return ok && n.values(before, after)
	}
	return reflect.DeepEqual(before, after)
}
