package sigma

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Filter takes matches away from rules: an event that it describes is no match
// of theirs. Of its Detection all conditions apply; one of nothing but
// negations ("not selection") says what stays a match, any other ("selection")
// what does not.
type Filter struct {
	Pos
	ID, Name, Title        string
	Taxonomy               string
	Status, Description    string
	Author, Date, Modified string
	References             []string
	Logsource              Logsource
	AnyRule                bool     // every rule of the Logsource
	Rules                  []string // ids or names
	Detection              Detection
	Custom                 map[string]any
}

// filter reads a document that is a filter.
func (r *reader) filter(n *yaml.Node) *Filter {
	f := &Filter{Pos: r.pos(n)}
	head := header{
		texts: map[string]*string{
			"id": &f.ID, "name": &f.Name, "title": &f.Title, "taxonomy": &f.Taxonomy, "status": &f.Status,
			"description": &f.Description, "author": &f.Author, "date": &f.Date, "modified": &f.Modified,
		},
		lists:  map[string]*[]string{"references": &f.References},
		custom: &f.Custom,
	}
	found := false
	for _, p := range r.pairs(n, "a filter") {
		switch p.key {
		case "logsource":
			found = true
			f.Logsource = r.logsource(p)
		case "filter":
			r.filterBody(f, p)
		default:
			head.read(r, p)
		}
	}
	if !found {
		r.refusef(n, "filter", "add logsource with a category, product or service", "the filter has no logsource")
	}
	return f
}

func (r *reader) filterBody(f *Filter, in pair) {
	var searches []pair
	named := false
	for _, p := range r.pairs(in.val, "filter") {
		if p.key != "rules" {
			searches = append(searches, p)
			continue
		}
		named = true
		f.Rules = r.texts(p)
		// No rules, or one of the words any and all, are all of the logsource.
		if len(f.Rules) == 0 || len(f.Rules) == 1 && (strings.EqualFold(f.Rules[0], "any") || strings.EqualFold(f.Rules[0], "all")) {
			f.Rules, f.AnyRule = nil, true
		}
	}
	if !named {
		r.refusef(in.node, "filter", "add rules with ids or names, or any", "the filter does not say for which rules it is")
	}
	f.Detection = r.searches(in, searches)
}

// For reports whether a filter is for a rule, and if not, why although it
// names it.
func (f *Filter) For(rule *Rule) (is bool, why string) {
	named := f.AnyRule
	for _, ref := range f.Rules {
		named = named || ref != "" && (ref == rule.ID || ref == rule.Name)
	}
	switch {
	case !named:
		return false, ""
	case !f.Logsource.Covers(rule.Logsource):
		return false, "their logsources differ"
	}
	return true, ""
}

// Covers reports whether logs of another logsource are of this one: what it
// says is the same there.
func (l Logsource) Covers(other Logsource) bool {
	same := func(mine, theirs string) bool { return mine == "" || strings.EqualFold(mine, theirs) }
	return same(l.Category, other.Category) && same(l.Product, other.Product) && same(l.Service, other.Service)
}

// apply takes what the filter describes away from a rule. Its searches get
// names of their own, which patterns of the rule do not mean. The number tells
// the filters of a rule apart.
func (f *Filter) apply(rule *Rule, number int) {
	prefix := "_filter_" + strconv.Itoa(number) + "_"
	for _, s := range f.Detection.Searches {
		rule.Detection.Searches = append(rule.Detection.Searches,
			&Search{Name: prefix + s.Name, Line: s.Line, Body: cloneNode(s.Body), Filter: true})
	}
	var kept And
	for _, c := range f.Detection.Conditions {
		expr := rename(c.Expr, prefix)
		if !keeps(expr) {
			expr = Not{expr}
		}
		kept = append(kept, expr)
	}
	for i, c := range rule.Detection.Conditions {
		rule.Detection.Conditions[i].Expr = append(And{c.Expr}, kept...)
	}
}

// keeps reports whether the condition of a filter says what stays a match, not
// what is taken away. The specification writes the latter ("selection"), other
// tools the former ("not selection"); what has nothing but negations is such.
func keeps(e Expr) bool {
	all := func(parts []Expr) bool {
		return !slices.ContainsFunc(parts, func(part Expr) bool { return !keeps(part) })
	}
	switch e := e.(type) {
	case And:
		return all(e)
	case Or:
		return all(e)
	case Not:
		return !keeps(e.Of)
	}
	return false
}

// rename puts a prefix before the names in an expression.
func rename(e Expr, prefix string) Expr {
	list := func(parts []Expr) []Expr {
		out := make([]Expr, len(parts))
		for i, part := range parts {
			out[i] = rename(part, prefix)
		}
		return out
	}
	switch e := e.(type) {
	case And:
		return And(list(e))
	case Or:
		return Or(list(e))
	case Not:
		return Not{rename(e.Of, prefix)}
	case Ref:
		return Ref(prefix) + e
	}
	return e
}
