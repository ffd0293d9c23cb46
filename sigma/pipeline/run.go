package pipeline

import (
	"errors"
	"fmt"
	"maps"

	"github.com/binnaclehq/binnacle/sigma"
)

// step is one transformation of a pipeline and what it is for.
type step struct {
	sigma.Pos
	id, kind string
	rules    gate[ruleCondition]
	items    gate[itemCondition]
	fields   gate[fieldCondition]
	do       action
	inner    []*step // of nest, instead of do
}

// action is what a transformation does to the rule of a run.
type action func(*run, *step) error

// run is a rule on its way through a pipeline. Either rule is set or
// correlation.
type run struct {
	rule        *sigma.Rule
	correlation *sigma.Correlation
	of          []*run // the rules of the correlation, as far on their way as it is
	vars        map[string][]sigma.String

	state   map[string]any
	applied set                 // ids of steps
	marks   map[*sigma.Item]set // ids of steps that changed an item
	fields  map[string]set      // ids of steps that led to the name of a field
	mapped  map[string]bool     // names of fields before and after a mapping
	added   int                 // searches added
	grown   int                 // by how many values the rule grew in the step at hand
	failed  error               // by a condition
}

type set map[string]bool

func (p *Pipeline) run() *run {
	return &run{
		vars: p.vars, state: map[string]any{}, applied: set{}, marks: map[*sigma.Item]set{},
		fields: map[string]set{}, mapped: map[string]bool{},
	}
}

func (r *run) steps(steps []*step) *Failure {
	for _, s := range steps {
		if f := r.step(s); f != nil {
			return f
		}
	}
	return nil
}

// step takes the rule through a step. The rules of a correlation follow it, so
// that conditions on them see them as they are at that point. What a step
// refuses of them is told when they are rewritten themselves.
func (r *run) step(s *step) *Failure {
	meant := r.meansRule(s)
	if r.failed != nil {
		return s.failure(r.failed)
	}
	if s.inner != nil {
		return r.nested(s, meant)
	}
	if meant {
		if err := r.do(s); err != nil {
			return s.failure(err)
		}
	}
	for _, of := range r.of {
		of.step(s)
		of.failed = nil
	}
	return nil
}

func (r *run) do(s *step) error {
	if err := s.do(r, s); err != nil {
		return err
	}
	r.done(s)
	return r.failed
}

func (r *run) done(s *step) {
	if s.id != "" {
		r.applied[s.id] = true
	}
}

// nested takes the rule, when the step is for it, and those of its correlation
// that the step is for through the steps within. These see it as applied.
func (r *run) nested(s *step, meant bool) *Failure {
	all := r.of
	defer func() { r.of = all }()
	r.of = nil
	for _, of := range all {
		if of.meansRule(s) {
			r.of = append(r.of, of)
		}
	}
	for _, of := range r.of {
		of.done(s)
	}
	if meant {
		r.done(s)
		return r.steps(s.inner)
	}
	for _, of := range r.of {
		of.steps(s.inner)
		of.failed = nil
	}
	return nil
}

func (r *run) meansRule(s *step) bool {
	return s.rules.open(func(c ruleCondition) bool { return c(r) })
}

func (s *step) failure(err error) *Failure {
	return &Failure{Step: s.Pos, ID: s.id, Type: s.kind, Reason: err.Error()}
}

// meansItem reports whether a step is for an item: for its values and for its
// field or one that its values refer to.
func (r *run) meansItem(s *step, item *sigma.Item) bool {
	return s.items.open(func(c itemCondition) bool { return c(r, item) }) &&
		s.fields.open(func(c fieldCondition) bool {
			if c.item != nil {
				return c.item(r, item)
			}
			return c.name(r, item.Field) || anyRef(item.Values, func(field string) bool { return c.name(r, field) })
		})
}

func (r *run) meansField(s *step, field string) bool {
	return s.fields.open(func(c fieldCondition) bool { return c.name(r, field) })
}

func anyRef(values []sigma.Value, is func(string) bool) bool {
	for _, v := range values {
		switch v := v.(type) {
		case sigma.FieldRef:
			if is(v.Field) {
				return true
			}
		case sigma.Any:
			if anyRef(v, is) {
				return true
			}
		}
	}
	return false
}

// change is what becomes of an item: another node, or nil when it is taken
// away. It is false when it stays as it is.
type change func(*sigma.Item) (node sigma.Node, changed bool, err error)

// eachItem changes the items of the rule that a step is for. What is left empty
// is taken out of the conditions.
func (r *run) eachItem(s *step, change change) error {
	if r.rule == nil {
		return nil
	}
	r.grown = 0
	gone := map[string]bool{}
	kept := r.rule.Detection.Searches[:0:0]
	for _, search := range r.rule.Detection.Searches {
		body, err := r.walk(s, search.Body, change)
		if err != nil {
			return err
		}
		if body == nil {
			gone[search.Name] = true
			continue
		}
		search.Body = body
		kept = append(kept, search)
	}
	r.rule.Detection.Searches = kept
	return r.takeOut(gone)
}

func (r *run) walk(s *step, node sigma.Node, change change) (sigma.Node, error) {
	switch node := node.(type) {
	case *sigma.Group:
		return r.walkGroup(s, node, change)
	case *sigma.Item:
		return r.walkItem(s, node, change)
	}
	return node, nil
}

func (r *run) walkGroup(s *step, group *sigma.Group, change change) (sigma.Node, error) {
	var kept []sigma.Node
	for _, child := range group.Nodes {
		node, err := r.walk(s, child, change)
		if err != nil {
			return nil, err
		}
		if node != nil {
			kept = append(kept, node)
		}
	}
	if kept == nil && group.Nodes != nil {
		return nil, nil
	}
	group.Nodes = kept
	return group, nil
}

func (r *run) walkItem(s *step, item *sigma.Item, change change) (sigma.Node, error) {
	if !r.meansItem(s, item) || r.failed != nil {
		return item, r.failed
	}
	was := 1 + len(item.Values)
	node, changed, err := change(item)
	if err != nil || !changed {
		return item, err
	}
	r.grown -= was // what stays as large does not count
	r.mark(s, item, node)
	if r.grown > maxValues {
		return nil, errTooLarge
	}
	return node, nil
}

// maxValues is by how many values a step may make a rule grow.
const maxValues = 100_000

var errTooLarge = fmt.Errorf("the rule grows by more than %d values: map to fewer", maxValues)

// mark notes on all that became of an item what it went through.
func (r *run) mark(s *step, from *sigma.Item, node sigma.Node) {
	switch node := node.(type) {
	case *sigma.Group:
		for _, child := range node.Nodes {
			r.mark(s, from, child)
		}
	case *sigma.Item:
		r.grown += 1 + len(node.Values)
		marks := maps.Clone(r.marks[from])
		if marks == nil {
			marks = set{}
		}
		if s.id != "" {
			marks[s.id] = true
		}
		r.marks[node] = marks
	}
}

// takeOut takes searches that are gone out of the conditions.
func (r *run) takeOut(gone map[string]bool) error {
	if len(gone) == 0 {
		return nil
	}
	var kept []sigma.Condition
	for _, condition := range r.rule.Detection.Conditions {
		if condition.Expr = without(condition.Expr, gone); condition.Expr != nil {
			kept = append(kept, condition)
		}
	}
	if kept == nil {
		return errors.New("it takes away all that the rule looks for: narrow its conditions")
	}
	r.rule.Detection.Conditions = kept
	return nil
}

// without is an expression without the searches that are gone, or nil when
// nothing is left of it.
func without(e sigma.Expr, gone map[string]bool) sigma.Expr {
	switch e := e.(type) {
	case sigma.Ref:
		if gone[string(e)] {
			return nil
		}
	case sigma.Not:
		of := without(e.Of, gone)
		if of == nil {
			return nil
		}
		return sigma.Not{Of: of}
	case sigma.And:
		if parts := withoutAll(e, gone); parts != nil || len(e) == 0 {
			return sigma.And(parts)
		}
		return nil
	case sigma.Or:
		if parts := withoutAll(e, gone); parts != nil || len(e) == 0 {
			return sigma.Or(parts)
		}
		return nil
	}
	return e
}

func withoutAll(parts []sigma.Expr, gone map[string]bool) []sigma.Expr {
	var kept []sigma.Expr
	for _, part := range parts {
		if part = without(part, gone); part != nil {
			kept = append(kept, part)
		}
	}
	return kept
}
