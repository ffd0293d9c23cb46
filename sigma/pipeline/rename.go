package pipeline

import "github.com/binnaclehq/binnacle/sigma"

// Rename returns a copy of a rule whose fields are called as names says, where
// it says. It is the shortest pipeline: one mapping, one name to one.
func Rename(rule *sigma.Rule, names map[string]string) *sigma.Rule {
	rule = rule.Clone()
	if len(names) == 0 {
		return rule
	}
	to := func(field string) []string {
		if name, ok := names[field]; ok {
			return []string{name}
		}
		return []string{field}
	}
	renameAll(rule, to)
	return rule
}

// renameAll gives every field of a rule its new names: those of searches, those
// that values refer to, and those that the rule wants shown.
func renameAll(rule *sigma.Rule, to func(string) []string) {
	for _, search := range rule.Detection.Searches {
		search.Body = renameNode(search.Body, to)
	}
	rule.Fields = renameList(rule.Fields, to)
}

func renameList(fields []string, to func(string) []string) []string {
	var out []string
	for _, field := range fields {
		out = append(out, to(field)...)
	}
	return out
}

func renameNode(n sigma.Node, to func(string) []string) sigma.Node {
	switch n := n.(type) {
	case *sigma.Group:
		for i, child := range n.Nodes {
			n.Nodes[i] = renameNode(child, to)
		}
		return n
	case *sigma.Item:
		return renameItem(n, to)
	}
	return n
}

// renameItem gives an item its names. Several names are several items of which
// one is enough; of an item that is turned round, none may be met.
func renameItem(item *sigma.Item, to func(string) []string) sigma.Node {
	item.Values = renameRefs(item.Values, to)
	if item.Field == "" {
		return item
	}
	names := to(item.Field)
	if len(names) == 1 {
		item.Field = names[0]
		return item
	}
	group := &sigma.Group{Any: !item.Not}
	for _, name := range names {
		one := *item
		one.Field = name
		group.Nodes = append(group.Nodes, &one)
	}
	return group
}

// renameRefs renames the fields that values refer to. One that gets several
// names becomes one value for each.
func renameRefs(values []sigma.Value, to func(string) []string) []sigma.Value {
	var out []sigma.Value
	for _, value := range values {
		out = append(out, renameRef(value, to)...)
	}
	return out
}

func renameRef(value sigma.Value, to func(string) []string) []sigma.Value {
	switch value := value.(type) {
	case sigma.FieldRef:
		var out []sigma.Value
		for _, name := range to(value.Field) {
			value.Field = name
			out = append(out, value)
		}
		return out
	case sigma.Any:
		return []sigma.Value{sigma.Any(renameRefs(value, to))}
	}
	return []sigma.Value{value}
}
