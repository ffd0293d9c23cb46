package sigma

import (
	"maps"
	"slices"
)

// Clone returns a copy that shares nothing that can be changed but values, which
// are never changed but replaced.
func (r *Rule) Clone() *Rule {
	c := *r
	c.References, c.Fields = slices.Clone(r.References), slices.Clone(r.Fields)
	c.FalsePositives, c.Tags = slices.Clone(r.FalsePositives), slices.Clone(r.Tags)
	c.Scope, c.Related = slices.Clone(r.Scope), slices.Clone(r.Related)
	c.Logsource.Custom, c.Custom = maps.Clone(r.Logsource.Custom), maps.Clone(r.Custom)
	c.Detection = r.Detection.clone()
	return &c
}

func (d Detection) clone() Detection {
	c := Detection{Conditions: slices.Clone(d.Conditions)}
	for _, s := range d.Searches {
		c.Searches = append(c.Searches, &Search{Name: s.Name, Line: s.Line, Body: cloneNode(s.Body), Filter: s.Filter})
	}
	return c
}

func cloneNode(n Node) Node {
	switch n := n.(type) {
	case *Group:
		c := &Group{Any: n.Any}
		for _, child := range n.Nodes {
			c.Nodes = append(c.Nodes, cloneNode(child))
		}
		return c
	case *Item:
		c := *n
		c.Modifiers, c.Values = slices.Clone(n.Modifiers), slices.Clone(n.Values)
		return &c
	}
	return nil
}
