package sigma

import (
	"fmt"
	"strconv"

	"github.com/binnaclehq/binnacle/sigma/internal/literal"
)

// compiler collects what rules ask for. Predicates that are alike are one.
type compiler struct {
	logics     []logic
	called     map[string]string // the names of the rule at hand
	fieldIDs   map[string]uint32
	fields     []fieldPlan
	predicates map[string]logic
	costs      []uint32 // by predicate: how often it may be found, roughly
	checks     []check
	checkCosts []uint32
	keywords   bool     // a rule asks for any value of the event
	filterable bool     // those rules all ask for a text
	filter     []string // parts of these texts
	weights    literal.Weights

	expressions map[Regex]*expression
}

// fieldPlan is a field while rules are added.
type fieldPlan struct {
	field
	literals []literal.Literal
}

func newCompiler() *compiler {
	c := &compiler{fieldIDs: map[string]uint32{}, predicates: map[string]logic{}, weights: literal.Weights{}, expressions: map[Regex]*expression{}, filterable: true}
	c.field("")
	return c
}

func (c *compiler) field(name string) uint32 {
	id, ok := c.fieldIDs[name]
	if !ok {
		id = uint32(len(c.fields))
		c.fieldIDs[name] = id
		c.fields = append(c.fields, fieldPlan{field: field{name: name, present: none}})
	}
	return id
}

// add takes in a rule whose fields are called otherwise, or says why it cannot be
// honoured.
func (c *compiler) add(rule *Rule, names map[string]string) error {
	c.called = names
	if len(rule.Detection.Conditions) == 0 {
		return Problem{Pos: rule.Pos, Code: "condition", Message: fmt.Sprintf("the rule %q has no condition", rule.Title), Fix: "write one"}
	}
	searches := map[string]logic{}
	for _, s := range rule.Detection.Searches {
		l, err := c.node(rule, s.Body)
		if err != nil {
			return err
		}
		searches[s.Name] = l
	}
	var ways []logic
	for _, condition := range rule.Detection.Conditions {
		l, err := conditionLogic(condition.Expr, searches)
		if err != nil {
			return Problem{Pos: Pos{rule.File, condition.Line}, Code: "condition", Message: err.Error(), Fix: "name one of the searches"}
		}
		ways = append(ways, l)
	}
	c.logics = append(c.logics, joined(opOr, ways))
	return nil
}

func conditionLogic(e Expr, searches map[string]logic) (logic, error) {
	switch e := e.(type) {
	case And:
		return conditionLogics(opAnd, e, searches)
	case Or:
		return conditionLogics(opOr, e, searches)
	case Not:
		l, err := conditionLogic(e.Of, searches)
		return l.negated(), err
	case Ref:
		l, ok := searches[string(e)]
		if !ok {
			return logic{}, fmt.Errorf("the condition asks for %q, which is no search", string(e))
		}
		return l, nil
	}
	return logic{}, fmt.Errorf("the condition has a part of the unknown kind %T", e)
}

func conditionLogics(op op, parts []Expr, searches map[string]logic) (logic, error) {
	var kids []logic
	for _, p := range parts {
		l, err := conditionLogic(p, searches)
		if err != nil {
			return logic{}, err
		}
		kids = append(kids, l)
	}
	return joined(op, kids), nil
}

func (c *compiler) node(rule *Rule, n Node) (logic, error) {
	switch n := n.(type) {
	case *Group:
		var kids []logic
		for _, child := range n.Nodes {
			l, err := c.node(rule, child)
			if err != nil {
				return logic{}, err
			}
			kids = append(kids, l)
		}
		return joined(either(n.Any), kids), nil
	case *Item:
		l, err := c.item(n)
		if err != nil {
			return logic{}, Problem{Pos: Pos{rule.File, n.Line}, Code: "value", Message: fmt.Sprintf("the rule %q cannot be matched: %s", rule.Title, err)}
		}
		return l, nil
	}
	return logic{}, fmt.Errorf("a search has a part of the unknown kind %T", n)
}

func either(any bool) op {
	if any {
		return opOr
	}
	return opAnd
}

func (c *compiler) item(item *Item) (logic, error) {
	field := c.field(called(item.Field, c.called))
	c.keywords = c.keywords || field == 0
	var kids []logic
	for _, v := range item.Values {
		l, err := c.value(field, v)
		if err != nil {
			return logic{}, err
		}
		kids = append(kids, l)
	}
	l := joined(either(!item.All), kids)
	if item.Not {
		return l.negated(), nil
	}
	return l, nil
}

// value is the predicate of a field and a value.
func (c *compiler) value(field uint32, v Value) (logic, error) {
	switch v := v.(type) {
	case Any:
		var kids []logic
		for _, one := range v {
			l, err := c.value(field, one)
			if err != nil {
				return logic{}, err
			}
			kids = append(kids, l)
		}
		return joined(opOr, kids), nil
	case Null:
		c.filterable = c.filterable && field != 0
		return logic{op: opNull, arg: field}, nil
	case Exists:
		c.filterable = c.filterable && field != 0
		return logic{op: opPresent, arg: field, not: !bool(v)}, nil
	case FieldRef:
		v.Field = called(v.Field, c.called)
		return c.shared(field, v)
	case String:
		if v.Has(Placeholder) {
			return logic{}, fmt.Errorf("the placeholder in %q is not replaced: give a pipeline that does", v)
		}
	}
	return c.shared(field, v)
}

// shared is the predicate of a field and a value, which other rules may have too.
func (c *compiler) shared(field uint32, v Value) (logic, error) {
	key := predicateKey(field, v)
	if l, ok := c.predicates[key]; ok {
		return l, nil
	}
	l, err := c.predicate(field, v)
	if err == nil {
		c.predicates[key] = l
	}
	return l, err
}

// predicateKey is alike for values that are met by the same texts.
func predicateKey(field uint32, v Value) string {
	prefix := strconv.Itoa(int(field))
	switch v := v.(type) {
	case String:
		if v.Cased {
			return prefix + "c" + v.String()
		}
		return prefix + "s" + literal.FoldString(v.String())
	case Number:
		return prefix + "n" + strconv.FormatFloat(v.Value, 'g', -1, 64)
	}
	return fmt.Sprintf("%s%T%#v", prefix, v, v)
}

func (c *compiler) predicate(field uint32, v Value) (logic, error) {
	switch v := v.(type) {
	case String:
		n, sure := shape(v)
		c.filterNeedle(field, n)
		if sure {
			return logic{op: opHas, arg: c.literal(field, []needle{n})}, nil
		}
		return c.checked(field, v, []needle{n}), nil
	case Bool:
		n := needle{literal.Whole, strconv.FormatBool(bool(v))}
		c.filterNeedle(field, n)
		return logic{op: opHas, arg: c.literal(field, []needle{n})}, nil
	case Number:
		return logic{op: opHas, arg: c.number(field, v.Value)}, nil
	case Regex:
		return c.regex(field, v)
	case CIDR:
		v.Prefix = v.Masked()
		return c.checked(field, v, nil), nil
	case Compare:
		return c.checked(field, v, nil), nil
	case TimePart:
		return c.checked(field, v, nil), nil
	case FieldRef:
		other := c.field(v.Field)
		c.fields[other].keep = true
		return c.checked(field, reference{v, other}, nil), nil
	}
	return logic{}, fmt.Errorf("the value %v is of the unknown kind %T", v, v)
}

func (c *compiler) regex(field uint32, v Regex) (logic, error) {
	x := c.expressions[v]
	if x == nil {
		matcher, err := v.Compile()
		if err != nil {
			return logic{}, err
		}
		x = newExpression(matcher)
		c.expressions[v] = x
	}
	var needles []needle
	for _, text := range x.needles() {
		needles = append(needles, needle{literal.Inside, text})
		c.filterNeedle(field, needle{literal.Inside, text})
	}
	return c.checked(field, x, needles), nil
}

// filterNeedle lets keywords be looked for in the line first, as long as all
// of them can.
func (c *compiler) filterNeedle(field uint32, n needle) {
	if field != 0 {
		return
	}
	text := literal.FilterText(n.text)
	c.filterable = c.filterable && text != ""
	c.filter = append(c.filter, text)
}

// checked is a predicate that is checked once one of its needles was found, or
// always when there is none.
func (c *compiler) checked(field uint32, by checker, needles []needle) logic {
	c.fields[field].keep = true
	check := check{checker: by, field: field, needle: none}
	cost := presenceCost
	if len(needles) > 0 && needles[0].text != "" {
		check.needle = c.literal(field, needles)
		cost = c.costs[check.needle]
	} else {
		c.present(field)
		c.filterable = c.filterable && field != 0
	}
	c.checks = append(c.checks, check)
	c.checkCosts = append(c.checkCosts, cost)
	return logic{op: opCheck, arg: uint32(len(c.checks) - 1)}
}

// Costs are how often a predicate is found, in no unit: the rule of thumb that
// chooses which predicate of a rule is its witness.
const (
	presenceCost uint32 = 200
	numberCost   uint32 = 40
)

func literalCost(n needle) uint32 {
	switch size := len(n.text); {
	case size < 3:
		return 60
	case size < 5:
		return 20
	case size < 8:
		return 6
	default:
		return 2
	}
}

func (c *compiler) newPredicate(cost uint32) uint32 {
	c.costs = append(c.costs, cost)
	return uint32(len(c.costs) - 1)
}

func (c *compiler) literal(field uint32, needles []needle) uint32 {
	var cost uint32
	for _, n := range needles {
		cost += literalCost(n)
	}
	id := c.newPredicate(cost)
	for _, n := range needles {
		c.weights.Count(n.text)
		c.fields[field].literals = append(c.fields[field].literals, literal.Literal{Kind: n.kind, Text: n.text, ID: id})
	}
	return id
}

func (c *compiler) number(field uint32, number float64) uint32 {
	id := c.newPredicate(numberCost)
	f := &c.fields[field]
	if f.numbers == nil {
		f.numbers = map[float64][]uint32{}
	}
	f.numbers[number] = append(f.numbers[number], id)
	c.filterable = c.filterable && field != 0
	return id
}

// present is the predicate that a field is there.
func (c *compiler) present(field uint32) uint32 {
	f := &c.fields[field]
	if f.present == none {
		f.present = c.newPredicate(presenceCost)
	}
	return f.present
}

// engine makes an Engine of the rules that were taken in, whose texts are among others.
func (c *compiler) engine(texts *literal.Texts) *Engine {
	e := &Engine{texts: texts, expressions: c.expressions}
	code := coder{shared: map[string]uint32{}}
	waiting := map[uint32][]uint32{}
	for rule, l := range c.logics {
		code.add(c.ordered(l))
		needed, cost := c.needed(l)
		if cost == never {
			e.always = append(e.always, uint32(rule))
			continue
		}
		for _, predicate := range needed {
			if w := waiting[predicate]; len(w) == 0 || w[len(w)-1] != uint32(rule) {
				waiting[predicate] = append(w, uint32(rule))
			}
		}
	}
	e.code, e.starts = code.code()
	e.checks, e.always = exact(c.checks), exact(e.always)
	e.witness = newWitnesses(waiting, len(c.costs))
	sets := texts.Builder(c.weights)
	defer sets.Done()
	for _, f := range c.fields {
		f.set = sets.Build(f.literals)
		e.fields = append(e.fields, f.field)
	}
	e.fields = exact(e.fields)
	e.names = newNames(c.names())
	e.keywords = c.keywords
	if c.filterable && len(c.filter) > 0 {
		e.filter = sets.Filter(c.filter)
	}
	return e
}

// names are the fields by their numbers.
func (c *compiler) names() []string {
	names := make([]string, len(c.fields))
	for i, f := range c.fields {
		names[i] = f.name
	}
	return names
}
