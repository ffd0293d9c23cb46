package pipeline

import (
	"errors"
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
}

// action is what a transformation does to the rule of a run.
type action func(*run, *step) error

// run is a rule on its way through a pipeline. Either rule is set or
// correlation.
type run struct {
	rule        *sigma.Rule
	correlation *sigma.Correlation
	rules       []*sigma.Rule // of the correlation
	vars        map[string][]sigma.String

	state   map[string]any
	applied set                 // ids of steps
	marks   map[*sigma.Item]set // ids of steps that changed an item
	fields  map[string]set      // ids of steps that led to the name of a field
	mapped  map[string]bool     // names of fields before and after a mapping
	added   int                 // searches added
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
		if err := r.step(s); err != nil {
			var inner *Failure // of a nested step
			if errors.As(err, &inner) {
				return inner
			}
			return &Failure{Step: s.Pos, ID: s.id, Type: s.kind, Reason: err.Error()}
		}
	}
	return nil
}

func (r *run) step(s *step) error {
	meant := s.rules.open(func(c ruleCondition) bool { return c(r) })
	if r.failed != nil || !meant {
		return r.failed
	}
	if err := s.do(r, s); err != nil {
		return err
	}
	if s.id != "" {
		r.applied[s.id] = true
	}
	return r.failed
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
	node, changed, err := change(item)
	if err != nil || !changed {
		return item, err
	}
	r.mark(s, item, node)
	return node, nil
}

// mark notes on all that became of an item what it went through.
func (r *run) mark(s *step, from *sigma.Item, node sigma.Node) {
	switch node := node.(type) {
	case *sigma.Group:
		for _, child := range node.Nodes {
			r.mark(s, from, child)
		}
	case *sigma.Item:
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
