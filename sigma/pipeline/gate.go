package pipeline

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// gate joins conditions of one kind. Without any it is open.
type gate[C any] struct {
	conditions []C
	any, not   bool
	expr       expr // instead of any and not; its names are indices of conditions
}

func (g *gate[C]) open(holds func(C) bool) bool {
	if len(g.conditions) == 0 {
		return true
	}
	return g.joined(holds) != g.not
}

func (g *gate[C]) joined(holds func(C) bool) bool {
	switch {
	case g.expr != nil:
		return g.expr(func(i int) bool { return holds(g.conditions[i]) })
	case g.any:
		return slices.ContainsFunc(g.conditions, holds)
	}
	return !slices.ContainsFunc(g.conditions, func(c C) bool { return !holds(c) })
}

// readGate reads the conditions of a transformation whose keys begin with a
// prefix: rule, detection_item or field_name.
func readGate[C any](r *reader, m *strict.Map, prefix string, known map[string]func(*reader, *strict.Map) C) gate[C] {
	key, op, not, expression := prefix+"_conditions", prefix+"_cond_op", prefix+"_cond_not", prefix+"_cond_expr"
	var g gate[C]
	names, nodes := conditionNodes(m, key)
	for _, n := range nodes {
		g.conditions = append(g.conditions, readCondition(r, n, prefix, known))
	}
	g.not = m.Bool(not, false)
	g.any = m.OneOf(op, "and", "or") == "or"
	text := m.Text(expression)
	switch {
	case text != "" && m.Has(op):
		m.Report(m.LineOf(op), "%q says what %q says; keep one of them", op, expression)
	case text != "" && names == nil:
		m.Report(m.LineOf(expression), "%q needs %q as a map of names to conditions", expression, key)
	case text != "":
		var err error
		if g.expr, err = parseExpr(text, names); err != nil {
			m.Report(m.LineOf(expression), "%q: %v", expression, err)
		}
	case len(nodes) == 0 && (m.Has(op) || m.Has(not)):
		m.Report(m.Line, "there are no %s to join or turn round", key)
	}
	return g
}

// conditionNodes returns the conditions under a key, and their names when they
// have some.
func conditionNodes(m *strict.Map, key string) (names []string, nodes []*yaml.Node) {
	n := m.Node(key)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, m.List(key)
	}
	sub := m.Sub(key)
	for _, name := range sub.Keys() {
		names = append(names, name)
		nodes = append(nodes, sub.Node(name))
	}
	return names, nodes
}

func readCondition[C any](r *reader, n *yaml.Node, prefix string, known map[string]func(*reader, *strict.Map) C) (c C) {
	m := r.Map(n, "a condition")
	if m == nil {
		return c
	}
	kind := m.Text("type")
	read, ok := known[kind]
	if !ok {
		m.Report(m.LineOf("type"), "there is no condition %q among %s_conditions%s", kind, prefix, strict.Near(kind, sortedKeys(known)))
		return c
	}
	c = read(r, m)
	m.Done()
	return c
}

// expr is logic over conditions by their index.
type expr func(holds func(int) bool) bool

var exprWord = regexp.MustCompile(`[()]|[^\s()]+`)

// parseExpr reads and, or, not and parentheses over names. Every name must be
// used, since a condition without effect is a mistake.
func parseExpr(text string, names []string) (expr, error) {
	p := &exprParser{words: exprWord.FindAllString(text, -1), names: names, used: map[string]bool{}}
	if len(p.words) > 1000 {
		return nil, errors.New("the expression is too long; use fewer conditions")
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if len(p.words) > 0 {
		return nil, fmt.Errorf("%q is not expected here; join by and or or", p.words[0])
	}
	for _, name := range names {
		if !p.used[name] {
			return nil, fmt.Errorf("it does not use the condition %q; use it or take it away", name)
		}
	}
	return e, nil
}

type exprParser struct {
	words []string
	names []string
	used  map[string]bool
}

func (p *exprParser) take(word string) bool {
	if len(p.words) > 0 && strings.EqualFold(p.words[0], word) {
		p.words = p.words[1:]
		return true
	}
	return false
}

func (p *exprParser) or() (expr, error) {
	left, err := p.and()
	for err == nil && p.take("or") {
		var right expr
		a := left
		right, err = p.and()
		left = func(h func(int) bool) bool { return a(h) || right(h) }
	}
	return left, err
}

func (p *exprParser) and() (expr, error) {
	left, err := p.not()
	for err == nil && p.take("and") {
		var right expr
		a := left
		right, err = p.not()
		left = func(h func(int) bool) bool { return a(h) && right(h) }
	}
	return left, err
}

func (p *exprParser) not() (expr, error) {
	if p.take("not") {
		of, err := p.not()
		return func(h func(int) bool) bool { return !of(h) }, err
	}
	if p.take("(") {
		e, err := p.or()
		if err == nil && !p.take(")") {
			err = errors.New("a closing parenthesis is missing")
		}
		return e, err
	}
	return p.name()
}

func (p *exprParser) name() (expr, error) {
	if len(p.words) == 0 {
		return nil, errors.New("it ends where the name of a condition is expected")
	}
	name := p.words[0]
	i := slices.Index(p.names, name)
	if i < 0 {
		return nil, fmt.Errorf("there is no condition %q%s", name, strict.Near(name, p.names))
	}
	p.words = p.words[1:]
	p.used[name] = true
	return func(h func(int) bool) bool { return h(i) }, nil
}
