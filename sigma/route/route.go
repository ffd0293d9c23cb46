// Package route says which events a rule is of: which logsource (category,
// product, service) is which conditions on an event's fields, and how the
// fields of the rule are called there.
//
// A Table is a list of entries. An entry is for a rule when what it says of
// category, product and service is what the rule says; what the entry does not
// say is free. An entry that says no more than a product is only for rules that
// say no more than it, since what a category is not known to be must not be
// looked for everywhere. All entries that are for a rule are routes of it.
//
// Ready returns the table that comes with the library, Read reads another, also
// SigmaHQ's tests/thor.yml.
package route

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
)

// Table says which events rules are of. It may be used by many at once.
type Table struct {
	Entries []Entry
	Named   bool // rules without an entry are for events that name their logsource
}

// Entry is which events one logsource is.
type Entry struct {
	Source   sigma.Logsource
	When     []sigma.Test
	Fields   map[string]string // how fields of a rule are called in these events
	Pipeline *pipeline.Pipeline
	Line     int
}

// For returns the routes of a rule. There is none when the table does not know
// the rule's logs: the rule can then match nothing, which the caller must tell
// its user. An entry whose pipeline refuses the rule is no route of it; the
// error says why when no other is left.
func (t *Table) For(rule *sigma.Rule) ([]sigma.Route, error) {
	var routes []sigma.Route
	var refused []error
	for _, entry := range t.Entries {
		if !entry.is(rule.Logsource) {
			continue
		}
		r, err := entry.route(rule)
		if err != nil {
			refused = append(refused, fmt.Errorf("the route of line %d: %w", entry.Line, err))
			continue
		}
		routes = append(routes, r)
	}
	if routes == nil && refused == nil && t.Named {
		return named(rule), nil
	}
	if routes == nil {
		return nil, errors.Join(refused...)
	}
	return routes, nil
}

// named returns the route of events that say their logsource themselves.
func named(rule *sigma.Rule) []sigma.Route {
	var when []sigma.Test
	for _, part := range []struct{ field, value string }{
		{"logsource.category", rule.Logsource.Category},
		{"logsource.product", rule.Logsource.Product},
		{"logsource.service", rule.Logsource.Service},
	} {
		if part.value != "" {
			when = append(when, sigma.Test{Field: part.field, Values: []string{part.value}})
		}
	}
	if when == nil {
		return nil
	}
	return []sigma.Route{{When: when, Rule: rule}}
}

// Names returns what the events of a rule's routes call a field that the rule, or
// a correlation over it, calls otherwise; nil when none does.
func (t *Table) Names(rule *sigma.Rule, field string) []string {
	item := &sigma.Item{Field: field, Values: []sigma.Value{sigma.Exists(true)}}
	const search = "field"
	probe := rule.Clone()
	probe.Detection = sigma.Detection{Searches: []*sigma.Search{{Name: search, Body: item}}, Conditions: []sigma.Condition{{Text: search, Expr: sigma.Ref(search)}}}
	routes, err := t.For(probe)
	if err != nil {
		return nil
	}
	var out []string
	for _, r := range routes {
		for _, s := range r.Rule.Detection.Searches {
			if s.Name == search {
				out = append(out, fieldsOf(s.Body, r.Names)...)
			}
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(name string) bool { return name == field })
}

func fieldsOf(n sigma.Node, names map[string]string) []string {
	switch n := n.(type) {
	case *sigma.Group:
		var out []string
		for _, child := range n.Nodes {
			out = append(out, fieldsOf(child, names)...)
		}
		return out
	case *sigma.Item:
		return []string{cmp.Or(names[n.Field], n.Field)}
	}
	return nil
}

func (e *Entry) is(of sigma.Logsource) bool {
	if e.Source.Category == "" && e.Source.Service == "" && (of.Category != "" || of.Service != "") {
		return false
	}
	return free(e.Source.Category, of.Category) && free(e.Source.Product, of.Product) && free(e.Source.Service, of.Service)
}

func free(says, is string) bool { return says == "" || says == is }

// route is the way to a rule. Where names are all that is different, the rule is
// left as it is: one is enough for all routes.
func (e *Entry) route(rule *sigma.Rule) (sigma.Route, error) {
	r := sigma.Route{When: e.When, Rule: rule, Names: e.Fields}
	if e.Pipeline == nil && !namesKeywords(e.Fields) {
		return r, nil
	}
	if len(e.Fields) > 0 {
		r.Rule, r.Names = pipeline.Rename(rule, e.Fields), nil
	}
	if e.Pipeline == nil {
		return r, nil
	}
	rewritten, err := e.Pipeline.Apply(r.Rule)
	if err != nil {
		return r, err
	}
	if names, only := namesOnly(rule, rewritten); only {
		return sigma.Route{When: e.When, Rule: rule, Names: names}, nil
	}
	return sigma.Route{When: e.When, Rule: rewritten}, nil
}

// namesKeywords reports whether keywords get a name, or a field loses its own, so
// that values must change too.
func namesKeywords(names map[string]string) bool {
	for field, name := range names {
		if field == "" || name == "" {
			return true
		}
	}
	return false
}

// unique drops entries that say what an earlier one says.
func unique(entries []Entry) []Entry {
	seen := map[string]bool{}
	var kept []Entry
	for _, e := range entries {
		what := fmt.Sprintf("%q %q %q", []string{e.Source.Category, e.Source.Product, e.Source.Service}, e.When, e.Fields)
		if !seen[what] {
			seen[what] = true
			kept = append(kept, e)
		}
	}
	return kept
}

// byField sorts tests so that files of maps give the same table each time.
func byField(a, b sigma.Test) int { return cmp.Compare(a.Field, b.Field) }
