package correlate

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/sigma"
)

// Set is correlations that are ready to run. It does not change, and any number
// of Correlators may share it.
type Set struct {
	specs  []*spec // a correlation comes after those it is over
	byRule map[string][]feed
	alone  map[string]bool // rules, by id and name, that are told on their own
}

// refusal is why a correlation cannot be honoured, and what helps.
type refusal struct {
	message, fix string
	isCondition  bool // the place is the condition
}

func (r *refusal) Error() string { return r.message + ": " + r.fix }

func refuse(fix, format string, args ...any) *refusal {
	return &refusal{message: fmt.Sprintf(format, args...), fix: fix}
}

// feed says that a match is one of a correlation's.
type feed struct {
	spec   int32
	source int32
}

// kind is what a window holds.
type kind uint8

const (
	countEvents kind = iota
	countValues
	shareOfValue
	anyOrder
	inOrder
	sum
	mean
	percentile
)

// decision is when a condition is decided.
type decision uint8

const (
	atMatch  decision = iota // at each match: later ones cannot undo it, or need not
	whenFull                 // when less or nothing is asked for: once a whole timespan is known
	atPeak                   // when more would undo it: when no more can come into the window
)

// spec is a correlation that is ready to run.
type spec struct {
	rule     *sigma.Correlation
	identity string // its id, else name, else title
	index    int32
	span     int64
	kind     kind
	decide   decision
	bounds   bounds
	percent  float64
	logic    *logic
	ways     []way // of inOrder
	sources  []source
	fields   []string // that are compared, as the rule names them
	carry    []string // fields that parents need and it is not grouped by
	parents  []feed
	tells    bool // its hits are given out
	family   int  // the same for all that are linked by chains
}

// source is a rule of a correlation and what its fields are called there.
type source struct {
	names                  []string // its id and name
	groupBy, fields, carry []string
	child                  *spec // when it is a correlation
}

// longestSpan keeps sums of times within 64 bits.
const longestSpan = 100 * 365 * 24 * time.Hour

// Compile makes correlations ready to run over the matches of rules, and
// reports those that it refuses. A correlation over a refused one is refused
// as well. A rule may be given several times, as pipelines rewrite it for
// several sources: it is the same when id, name and place are.
func Compile(rules []*sigma.Rule, correlations []*sigma.Correlation) (*Set, []sigma.Problem) {
	c := &compiler{
		names: map[string][]*node{},
		set:   &Set{byRule: map[string][]feed{}, alone: map[string]bool{}},
	}
	type origin struct {
		sigma.Pos
		id, name string
	}
	seen := map[origin]bool{}
	for _, r := range rules {
		if from := (origin{r.Pos, r.ID, r.Name}); !seen[from] {
			seen[from] = true
			c.declare(&node{pos: r.Pos}, r.ID, r.Name)
		}
	}
	nodes := make([]*node, len(correlations))
	for i, r := range correlations {
		nodes[i] = &node{pos: r.Pos, correlation: r}
		c.declare(nodes[i], r.ID, r.Name)
	}
	for _, n := range nodes {
		c.visit(n)
	}
	c.finish()
	return c.set, c.problems
}

// Alone reports whether matches of a rule, by id or name, are to be told on
// their own: when no correlation is over it, or one that says "generate".
func (s *Set) Alone(rule string) bool {
	alone, isPart := s.alone[rule]
	return alone || !isPart
}

// Len returns the number of correlations.
func (s *Set) Len() int { return len(s.specs) }

// Rules returns the ids and names of the rules whose matches are wanted.
func (s *Set) Rules() []string {
	var out []string
	for rule := range s.byRule {
		out = append(out, rule)
	}
	slices.Sort(out)
	return out
}

// compiler orders correlations so that children come first.
type compiler struct {
	names    map[string][]*node
	set      *Set
	problems []sigma.Problem
}

// node is a rule or a correlation.
type node struct {
	pos         sigma.Pos
	correlation *sigma.Correlation
	names       []string
	spec        *spec // once compiled
	isVisited   bool
	isOpen      bool // while its children are visited
}

func (c *compiler) declare(n *node, names ...string) {
	for _, name := range names {
		if name != "" && !slices.Contains(n.names, name) {
			n.names = append(n.names, name)
			c.names[name] = append(c.names[name], n)
		}
	}
}

func (n *node) identity() string {
	switch {
	case len(n.names) > 0:
		return n.names[0]
	case n.correlation != nil:
		return n.correlation.Title
	}
	return ""
}

func (c *compiler) visit(n *node) {
	if n.isVisited {
		return
	}
	n.isVisited, n.isOpen = true, true
	spec, err := c.compile(n)
	n.isOpen = false
	if err != nil {
		c.problems = append(c.problems, problem(n.correlation, err))
		return
	}
	spec.index = int32(len(c.set.specs))
	c.set.specs = append(c.set.specs, spec)
	n.spec = spec
}

func problem(r *sigma.Correlation, why *refusal) sigma.Problem {
	p := sigma.Problem{Pos: r.Pos, Code: "correlation", Message: why.message, Fix: why.fix}
	if why.isCondition && r.Condition.Line > 0 {
		p.Line = r.Condition.Line
	}
	return p
}

// find returns what a reference is to.
func (c *compiler) find(ref string) (*node, *refusal) {
	found := c.names[ref]
	switch {
	case len(found) == 0:
		return nil, refuse("load that rule too, or correct the id or name", "the correlation is of the rule %q, which is not loaded", ref)
	case len(found) > 1:
		places := []string{}
		for _, n := range found {
			places = append(places, fmt.Sprintf("%s:%d", n.pos.File, n.pos.Line))
		}
		return nil, refuse("give each its own id and name", "the correlation is of the rule %q, which is several: %s", ref, strings.Join(places, ", "))
	}
	return found[0], nil
}

func (c *compiler) compile(n *node) (*spec, *refusal) {
	r := n.correlation
	s := &spec{rule: r, identity: n.identity(), span: int64(r.Timespan)}
	if s.identity == "" {
		return nil, refuse("add an id", "the correlation has neither id, name nor title to tell its hits by")
	}
	for _, other := range c.set.specs {
		if other.identity == s.identity {
			return nil, refuse("give each its own id", "the correlation is called %q as the one at %s:%d", s.identity, other.rule.File, other.rule.Line)
		}
	}
	if r.Timespan <= 0 || r.Timespan > longestSpan {
		return nil, refuse("write more than nothing and at most 100 years", "the timespan is %v", r.Timespan)
	}
	nodes, err := c.sources(r)
	if err != nil {
		return nil, err
	}
	if err := s.name(c, nodes); err != nil {
		return nil, err
	}
	if err := s.condition(nodes); err != nil {
		err.isCondition = true
		return nil, err
	}
	return s, nil
}

// sources returns the rules a correlation is over.
func (c *compiler) sources(r *sigma.Correlation) ([]*node, *refusal) {
	refs := r.Rules
	if len(refs) == 0 {
		refs = sigma.Refs(r.Condition.Expr)
	}
	if len(refs) == 0 {
		return nil, refuse("add rules with ids or names", "the correlation names no rules")
	}
	var out []*node
	for _, ref := range refs {
		n, err := c.find(ref)
		if err != nil {
			return nil, err
		}
		if slices.Contains(out, n) {
			return nil, refuse("take one away", "the correlation names the rule %q twice", ref)
		}
		if n.correlation != nil {
			if n.isOpen {
				return nil, refuse("take it away", "the correlation is of itself, by %q", ref)
			}
			if c.visit(n); n.spec == nil {
				return nil, refuse("see the other problem", "the correlation is of %q, which is refused", ref)
			}
		}
		out = append(out, n)
	}
	return out, nil
}

// name finds what the fields are called in each of the rules.
func (s *spec) name(c *compiler, nodes []*node) *refusal {
	r := s.rule
	for _, alias := range slices.Sorted(maps.Keys(r.Aliases)) {
		for _, ref := range slices.Sorted(maps.Keys(r.Aliases[alias])) {
			n, err := c.find(ref)
			if err != nil || !slices.Contains(nodes, n) {
				return refuse("name one of its rules", "the alias %q is for the rule %q, which is none of the correlation's", alias, ref)
			}
		}
	}
	s.fields = r.Condition.Fields
	for _, n := range nodes {
		src := source{names: n.names, child: n.spec}
		for _, name := range r.GroupBy {
			src.groupBy = append(src.groupBy, s.called(name, n.names))
		}
		for _, name := range s.fields {
			src.fields = append(src.fields, s.called(name, n.names))
		}
		s.sources = append(s.sources, src)
	}
	return nil
}

// called returns what a field or alias is called in a rule. A rule that the
// alias does not mention has the field under the name of the alias.
func (s *spec) called(name string, rule []string) string {
	for _, ref := range rule {
		if field, ok := s.rule.Aliases[name][ref]; ok {
			return field
		}
	}
	return name
}

var kinds = map[sigma.CorrelationType]kind{
	sigma.EventCount: countEvents, sigma.ValueCount: countValues,
	sigma.Temporal: anyOrder, sigma.TemporalOrdered: inOrder,
	sigma.ValueSum: sum, sigma.ValueAvg: mean, sigma.ValuePercentile: percentile, sigma.ValueMedian: percentile,
}

func (s *spec) isTemporal() bool { return s.kind == anyOrder || s.kind == inOrder }

// condition decides what is compared, and when.
func (s *spec) condition(nodes []*node) *refusal {
	r := s.rule
	k, isKnown := kinds[r.Type]
	if !isKnown {
		return refuse("use one that the specification knows", "there is no correlation of type %q", r.Type)
	}
	s.kind, s.percent = k, r.Condition.Percentile
	switch {
	case r.Type == sigma.ValueMedian:
		s.percent = 50
	case r.Condition.Share && k == percentile:
		s.kind = shareOfValue
	case k == percentile && !(s.percent >= 0 && s.percent <= 100):
		return refuse("write one from 0 to 100", "the percentile is %v", s.percent)
	}
	if err := s.checkFields(); err != nil {
		return err
	}
	if r.Condition.Expr != nil {
		return s.setLogic(nodes)
	}
	return s.setBounds()
}

func (s *spec) checkFields() *refusal {
	n := len(s.fields)
	switch s.kind {
	case countEvents, anyOrder, inOrder:
		if n > 0 {
			return refuse("use value_count to count values, or take the field away", "a correlation of type %s compares no field", s.rule.Type)
		}
	case countValues:
		if n == 0 {
			return refuse("add field", "the condition says no field to count the values of")
		}
	default:
		if n != 1 {
			return refuse("name one", "the condition has %d fields, and how several make one value is not defined for %s", n, s.rule.Type)
		}
	}
	return nil
}

func (s *spec) setBounds() *refusal {
	from := s.rule.Condition.Bounds
	if len(from) == 0 {
		if !s.isTemporal() {
			return refuse("add gt, gte, lt, lte, eq or neq", "the condition compares with nothing")
		}
		from = []sigma.Bound{{Op: sigma.GreaterOrEqual, Value: float64(len(s.sources))}}
	}
	b, err := newBounds(from)
	if err != nil {
		return err
	}
	lowest, highest := math.Inf(-1), math.Inf(1)
	switch s.kind {
	case countEvents, countValues:
		lowest = 0
		b.whole(highest)
	case anyOrder, inOrder:
		lowest, highest = 0, float64(len(s.sources))
		b.whole(highest)
	case shareOfValue:
		lowest, highest = math.SmallestNonzeroFloat64, 100
	}
	if b.isEmptyWithin(lowest, highest) {
		return s.cannotHold(highest)
	}
	s.bounds, s.decide = b, decide(s.kind, b)
	if s.kind == inOrder {
		s.ways = []way{{order: all(len(s.sources))}}
	}
	return nil
}

func (s *spec) cannotHold(highest float64) *refusal {
	switch {
	case s.kind == shareOfValue:
		return refuse("say which percentile is meant, or ask for a share",
			"the condition can never hold: without a percentile it is about the share of a value, from 0 to 100")
	case s.isTemporal():
		return refuse("ask for as many or fewer", "the condition can never hold: there are %v rules", highest)
	}
	return refuse("ask for a value that there can be", "the condition can never hold")
}

func decide(k kind, b bounds) decision {
	switch {
	case k == mean || k == percentile || k == shareOfValue:
		return atMatch
	case !hasHi(b.hi) && len(b.but) == 0:
		return atMatch
	case !hasLo(b.lo) && len(b.but) == 0:
		return whenFull
	}
	return atPeak
}

func (s *spec) setLogic(nodes []*node) *refusal {
	if !s.isTemporal() {
		return refuse("write bounds, as {gte: 10}", "only temporal and temporal_ordered have conditions of rules, not %s", s.rule.Type)
	}
	if len(s.rule.Condition.Bounds) > 0 {
		return refuse("keep one of both", "the condition is both of rules and of numbers")
	}
	used := map[int]bool{}
	l, err := newLogic(s.rule.Condition.Expr, false, func(ref string) (int, *refusal) {
		i := slices.IndexFunc(nodes, func(n *node) bool { return slices.Contains(n.names, ref) })
		if i < 0 {
			return 0, refuse("add it to rules, or take it out", "the condition names %q, which is none of the rules", ref)
		}
		used[i] = true
		return i, nil
	})
	if err != nil {
		return err
	}
	for i, n := range nodes {
		if !used[i] {
			return refuse("name it in the condition, or take it out of rules", "the condition does not say of %q whether it must match", n.identity())
		}
	}
	s.logic = l
	switch met, not := l.uses(); {
	case !not:
		s.decide = atMatch
	case !met:
		s.decide = whenFull
	default:
		s.decide = atPeak
	}
	if s.kind == inOrder {
		s.ways, err = l.ways()
	}
	return err
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// within compares a value with the bounds.
func (s *spec) within(x float64) (reading, bool) { return reading{value: x}, s.bounds.accept(x) }

// finish links children and parents, once all are there.
func (c *compiler) finish() {
	specs := c.set.specs
	for i := len(specs) - 1; i >= 0; i-- {
		s := specs[i]
		s.carries()
		for j := range s.sources {
			if child := s.sources[j].child; child != nil {
				child.parents = append(child.parents, feed{s.index, int32(j)})
				child.need(s.sources[j])
			}
		}
	}
	for i, s := range specs {
		s.family = i
		s.tells = len(s.parents) == 0
		for _, p := range s.parents {
			s.tells = s.tells || specs[p.spec].rule.Generate
		}
	}
	for _, s := range specs {
		for j, src := range s.sources {
			if src.child != nil {
				c.set.join(s.family, src.child.family)
				continue
			}
			for _, name := range src.names {
				c.set.byRule[name] = append(c.set.byRule[name], feed{s.index, int32(j)})
				c.set.alone[name] = c.set.alone[name] || s.rule.Generate
			}
		}
	}
}

// join makes two families one.
func (s *Set) join(a, b int) {
	for _, spec := range s.specs {
		if spec.family == b {
			spec.family = a
		}
	}
}

// need notes what a parent reads of the hits.
func (s *spec) need(of source) {
	for _, name := range slices.Concat(of.groupBy, of.fields, of.carry) {
		if !slices.Contains(s.rule.GroupBy, name) && !slices.Contains(s.carry, name) {
			s.carry = append(s.carry, name)
		}
	}
}

// carries says what the fields for the parents are called in each rule. The
// parents are done: they come later in the set, and are finished first.
func (s *spec) carries() {
	for i := range s.sources {
		for _, name := range s.carry {
			s.sources[i].carry = append(s.sources[i].carry, s.called(name, s.sources[i].names))
		}
	}
}
