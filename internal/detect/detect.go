// Package detect runs Sigma rules over files of events, without a server.
package detect

import (
	"fmt"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/correlate"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
	"github.com/binnaclehq/binnacle/sigma/route"
)

// Rules are rules and correlations that are ready to run. They do not change,
// and any number of runs may share them.
type Rules struct {
	// Problems are why some are not among them.
	Problems []sigma.Problem
	// Unrouted are rules of logs that the table does not know: they can match
	// nothing.
	Unrouted []*sigma.Rule

	scanner func() *sigma.Scanner
	ready   []*sigma.Rule
	forms   map[*sigma.Rule]*form
	set     *correlate.Set
	follows bool // there are correlations
}

// form is how the fields of a rule are called in events.
type form struct {
	fields  []string            // that it reads, each once
	renamed map[string][]string // name in the rule: names in events, where they are others
}

// Prepare makes what was loaded ready. Pipelines are applied to every rule, in
// their order. A table says of which events a rule is; without one each rule is
// for every event.
func Prepare(c *sigma.Collection, pipelines []*pipeline.Pipeline, table *route.Table) (*Rules, error) {
	r := &Rules{Problems: c.Problems, forms: map[*sigma.Rule]*form{}}
	var routed []sigma.Routed
	for _, original := range c.Rules {
		rule, err := piped(original, pipelines)
		var routes []sigma.Route
		if err == nil && table != nil {
			routes, err = table.For(rule)
		}
		if err != nil {
			r.Problems = append(r.Problems, sigma.Problem{Pos: original.Pos, Code: "route", Message: fmt.Sprintf("the rule %q cannot be run: %v", original.Title, err), Fix: "give routes or a pipeline for its logs, or run it on all events"})
			continue
		}
		if table != nil && len(routes) == 0 {
			r.Unrouted = append(r.Unrouted, rule)
			continue
		}
		routed = append(routed, sigma.Routed{Rule: rule, Routes: routes})
		r.forms[rule] = formOf(rule, routes)
	}
	if err := r.compile(routed, table != nil); err != nil {
		return nil, err
	}
	r.correlations(c)
	return r, nil
}

func piped(rule *sigma.Rule, pipelines []*pipeline.Pipeline) (*sigma.Rule, error) {
	for _, p := range pipelines {
		var err error
		if rule, err = p.Apply(rule); err != nil {
			return nil, err
		}
	}
	return rule, nil
}

func (r *Rules) compile(routed []sigma.Routed, routing bool) error {
	skip := sigma.Skip(&r.Problems)
	if routing {
		router, err := sigma.NewRouter(routed, skip)
		if err != nil {
			return err
		}
		r.scanner, r.ready = router.Scanner, router.Rules()
		return nil
	}
	rules := make([]*sigma.Rule, len(routed))
	for i, x := range routed {
		rules[i] = x.Rule
	}
	engine, err := sigma.Compile(rules, skip)
	if err != nil {
		return err
	}
	r.scanner, r.ready = engine.Scanner, engine.Rules()
	return nil
}

func (r *Rules) correlations(c *sigma.Collection) {
	set, problems := correlate.Compile(r.ready, c.Correlations)
	r.Problems = append(r.Problems, problems...)
	r.set, r.follows = set, len(c.Correlations) > len(problems)
}

// Len is how many rules run.
func (r *Rules) Len() int { return len(r.ready) }

// formOf finds the fields that a rule reads, as its routes call them.
func formOf(rule *sigma.Rule, routes []sigma.Route) *form {
	f := &form{renamed: map[string][]string{}}
	own := fieldsOf(rule)
	seen := map[string]bool{}
	add := func(fields []string) {
		for _, name := range fields {
			if name != "" && !seen[name] {
				seen[name] = true
				f.fields = append(f.fields, name)
			}
		}
	}
	if len(routes) == 0 {
		add(own)
	}
	for _, way := range routes {
		there := fieldsOf(way.Rule)
		add(there)
		for i := range min(len(own), len(there)) { // a rule that was only renamed has its fields in their places
			if len(own) == len(there) && own[i] != there[i] {
				f.renamed[own[i]] = append(f.renamed[own[i]], there[i])
			}
		}
	}
	return f
}

// fieldsOf lists the fields of a rule's items in their order, also repeatedly.
func fieldsOf(rule *sigma.Rule) []string {
	var out []string
	var walk func(sigma.Node)
	walk = func(n sigma.Node) {
		switch n := n.(type) {
		case *sigma.Group:
			for _, child := range n.Nodes {
				walk(child)
			}
		case *sigma.Item:
			out = append(out, n.Field)
		}
	}
	for _, s := range rule.Detection.Searches {
		walk(s.Body)
	}
	return out
}
