// Package detect runs Sigma rules over files of events, without a server.
package detect

import (
	"errors"
	"fmt"
	"strings"

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
	table   *route.Table // nil: every rule is for every event
	set     *correlate.Set
	follows bool // there are correlations

	followed []*sigma.Correlation
}

// Prepare makes what was loaded ready. A pipeline, when there is one, rewrites
// every rule and correlation. A table says of which events a rule is; without one
// each rule is for every event.
func Prepare(c *sigma.Collection, by *pipeline.Pipeline, table *route.Table) (*Rules, error) {
	r := &Rules{Problems: c.Problems, table: table}
	var routed []sigma.Routed
	for _, original := range c.Rules {
		rule, routes, err := ways(original, by, table)
		if err != nil {
			r.Problems = append(r.Problems, unready("rule", original.Title, original.Pos, err))
			continue
		}
		if table != nil && len(routes) == 0 {
			r.Unrouted = append(r.Unrouted, rule)
			continue
		}
		routed = append(routed, sigma.Routed{Rule: rule, Routes: routes})
	}
	if err := r.compile(routed, table != nil); err != nil {
		return nil, err
	}
	r.correlations(c, by)
	return r, nil
}

// unready says why a pipeline or the routes keep something from running. A
// pipeline says itself what helps.
func unready(what, title string, at sigma.Pos, err error) sigma.Problem {
	p := sigma.Problem{Pos: at, Code: "route", Fix: "give routes or a pipeline for its logs, or run it on all events"}
	if failure, ok := errors.AsType[*pipeline.Failure](err); ok {
		p.Code, p.Fix = "pipeline", ""
		own := *failure
		own.Rule = sigma.Pos{}
		err = errors.New(strings.TrimPrefix(own.Error(), "a rule: "))
	}
	p.Message = fmt.Sprintf("the %s %q cannot be run: %v", what, title, err)
	return p
}

// ways rewrites a rule, and finds its routes.
func ways(rule *sigma.Rule, by *pipeline.Pipeline, table *route.Table) (*sigma.Rule, []sigma.Route, error) {
	var err error
	if by != nil {
		if rule, err = by.Apply(rule); err != nil {
			return nil, nil, err
		}
	}
	if table == nil {
		return rule, nil, nil
	}
	routes, err := table.For(rule)
	return rule, routes, err
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

func (r *Rules) correlations(c *sigma.Collection, by *pipeline.Pipeline) {
	var list []*sigma.Correlation
	for _, x := range c.Correlations {
		if by == nil {
			list = append(list, x)
			continue
		}
		rewritten, err := by.ApplyCorrelation(x, c.Rules)
		if err != nil {
			r.Problems = append(r.Problems, unready("correlation", x.Title, x.Pos, err))
			continue
		}
		list = append(list, rewritten)
	}
	set, problems := correlate.Compile(r.ready, list)
	r.Problems = append(r.Problems, problems...)
	r.set, r.follows, r.followed = set, len(list) > len(problems), list
}

// Len is how many rules run.
func (r *Rules) Len() int { return len(r.ready) }

// Ready are the rules that run, as the pipeline rewrote them.
func (r *Rules) Ready() []*sigma.Rule { return r.ready }

// Scanner makes a scanner over the rules, for one goroutine.
func (r *Rules) Scanner() *sigma.Scanner { return r.scanner() }

// Correlations are what runs over the matches of the rules, as the pipeline
// rewrote them.
func (r *Rules) Correlations() []*sigma.Correlation { return r.followed }

// Names returns what events of a rule's routes call a field, besides its name.
func (r *Rules) Names(rule *sigma.Rule, field string) []string {
	if r.table == nil {
		return nil
	}
	return r.table.Names(rule, field)
}
