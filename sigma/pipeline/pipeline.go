package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/binnaclehq/binnacle/sigma"
)

// Pipeline is a list of transformations. It may be used by many at once.
type Pipeline struct {
	Name     string
	File     string
	Priority int      // of several pipelines, the lowest is applied first
	Backends []string // allowed_backends: what the file says, of no effect here
	vars     map[string][]sigma.String
	steps    []*step
}

// Join makes one pipeline of several, in the order of their priorities; those
// of one priority stay in the order they are given in. State and names of what
// was applied go over from one to the next. Of variables with one name the last
// counts.
func Join(pipelines ...*Pipeline) *Pipeline {
	sorted := slices.Clone(pipelines)
	slices.SortStableFunc(sorted, func(a, b *Pipeline) int { return cmp.Compare(a.Priority, b.Priority) })
	all := &Pipeline{vars: map[string][]sigma.String{}}
	for i, p := range sorted {
		if i > 0 {
			all.Name += ", "
		}
		all.Name += p.Name
		maps.Copy(all.vars, p.vars)
		all.steps = append(all.steps, p.steps...)
	}
	return all
}

// Apply returns a rewritten copy of a rule, or a *Failure that says why the
// rule cannot be rewritten.
func (p *Pipeline) Apply(rule *sigma.Rule) (*sigma.Rule, error) {
	r := p.run()
	r.rule = rule.Clone()
	if f := r.steps(p.steps); f != nil {
		f.Rule = rule.Pos
		return nil, f
	}
	return r.rule, nil
}

// ApplyCorrelation returns a rewritten copy of a correlation of the given
// rules, as they were before they were rewritten themselves.
func (p *Pipeline) ApplyCorrelation(of *sigma.Correlation, rules []*sigma.Rule) (*sigma.Correlation, error) {
	r := p.run()
	r.correlation = cloneCorrelation(of)
	for _, rule := range rules {
		follows := p.run()
		follows.rule = rule.Clone()
		r.of = append(r.of, follows)
	}
	if f := r.steps(p.steps); f != nil {
		f.Rule = of.Pos
		return nil, f
	}
	return r.correlation, nil
}

func cloneCorrelation(of *sigma.Correlation) *sigma.Correlation {
	c := *of
	c.GroupBy = slices.Clone(of.GroupBy)
	c.Condition.Fields = slices.Clone(of.Condition.Fields)
	c.Custom = maps.Clone(of.Custom)
	c.Aliases = maps.Clone(of.Aliases)
	for alias, fields := range c.Aliases {
		c.Aliases[alias] = maps.Clone(fields)
	}
	return &c
}

// Failure is why a rule cannot be rewritten.
type Failure struct {
	Rule   sigma.Pos
	Step   sigma.Pos // in the pipeline
	ID     string    // of the transformation
	Type   string
	Reason string // with what to do about it
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%s: %s: transformation %s: %s", place(f.Rule), place(f.Step), label(f.ID, f.Type), f.Reason)
}

func place(p sigma.Pos) string {
	if p.Line == 0 {
		return cmp.Or(p.File, "a rule")
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

func label(id, kind string) string {
	if id == "" {
		return kind
	}
	return fmt.Sprintf("%q (%s)", id, kind)
}
