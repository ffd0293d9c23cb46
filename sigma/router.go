package sigma

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/binnaclehq/binnacle/sigma/internal/literal"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// Routed is a rule and its routes.
type Routed struct {
	Rule   *Rule
	Routes []Route
}

// Router decides by an event which rules are for it, and runs it through an
// Engine of these alone. Events that the same routes are for are of one class;
// the engine of a class is compiled when its first event comes. A Router may be
// used by many at once, each with a Scanner of its own, which asks the others
// for nothing once it knows a class.
type Router struct {
	rules  []*Rule
	routes []routePlan
	as     []*Rule // by route: its rule; nil when each has the one it stands for
	ways   []way
	tests  []routeTest
	names  *names // of all fields that any rule or route asks for
	fields map[string]int32
	asked  []bool // by field: a route asks for it
	texts  literal.Texts

	mu      sync.Mutex
	byTests map[string]*class // which tests hold
	byWay   map[string]*class // which ways are open
	every   class             // all routes
}

// routePlan is a Route by numbers.
type routePlan struct{ rule, way uint32 }

// way is what many routes have in common: their tests and what fields are called,
// those of all of their rules.
type way struct {
	tests []int
	names map[string]string
}

// routeTest is a Test by the number of its field.
type routeTest struct {
	field  int32
	values []String // none: it is enough that the field is there
}

// class is the engine of some routes.
type class struct {
	once   sync.Once
	failed error    // why it has none
	routes []uint32 // by rule of the engine
	engine *Engine
	local  []int32 // by field of the router: the field of the engine, or -1
	open   []bool  // by rule of the engine: it counts; nil when all do
}

// NewRouter makes a Router. It reads the rules again when their first event comes: they
// must not be changed. Rules that cannot be honoured are an error, as in Compile. A rule
// without routes is for no event.
func NewRouter(rules []Routed, opts ...Option) (*Router, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	r := &Router{byTests: map[string]*class{}, byWay: map[string]*class{}}
	trial := newCompiler()
	b := routeBuilder{router: r, fields: trial, tests: map[string]int{}, ways: map[string][]uint32{}}
	var refused []error
	for _, routed := range rules {
		if err := trial.addRoutes(routed); err != nil {
			problem := refusedRule(routed.Rule, err)
			refused = append(refused, problem)
			if o.refused != nil {
				*o.refused = append(*o.refused, problem)
			}
			continue
		}
		b.add(routed)
	}
	if o.refused == nil && len(refused) > 0 {
		return nil, errors.Join(refused...)
	}
	b.finish()
	return r, nil
}

func (c *compiler) addRoutes(routed Routed) error {
	for _, route := range routed.Routes {
		if err := c.add(route.Rule, route.Names); err != nil {
			return err
		}
	}
	return nil
}

// routeBuilder gives the fields and tests of routes numbers.
type routeBuilder struct {
	router *Router
	fields *compiler
	tests  map[string]int
	ways   map[string][]uint32 // by their tests
	other  bool                // a route has another rule than the one it stands for
}

func (b *routeBuilder) add(routed Routed) {
	r := b.router
	for _, route := range routed.Routes {
		b.other = b.other || route.Rule != routed.Rule
		r.routes = append(r.routes, routePlan{uint32(len(r.rules)), b.way(route)})
		r.as = append(r.as, route.Rule)
	}
	r.rules = append(r.rules, routed.Rule)
}

// way is the number of what a route has in common with others.
func (b *routeBuilder) way(route Route) uint32 {
	var tests []int
	var key []byte
	for _, test := range route.When {
		id := b.test(test)
		tests, key = append(tests, id), binary.AppendUvarint(key, uint64(id))
	}
	names := namesOf(route)
	for _, id := range b.ways[string(key)] {
		if b.router.ways[id].takes(names) {
			return id
		}
	}
	id := uint32(len(b.router.ways))
	b.router.ways = append(b.router.ways, way{tests, names})
	b.ways[string(key)] = append(b.ways[string(key)], id)
	return id
}

// namesOf is what each field of a route's rule is called.
func namesOf(route Route) map[string]string {
	names := map[string]string{}
	for item := range route.Rule.Detection.Items() {
		names[item.Field] = called(item.Field, route.Names)
		for _, v := range item.Values {
			for _, v := range flat(v) {
				if ref, ok := v.(FieldRef); ok {
					names[ref.Field] = called(ref.Field, route.Names)
				}
			}
		}
	}
	return names
}

// changed are the names of fields that do not keep theirs; nil when all do.
func changed(names map[string]string) map[string]string {
	var changed map[string]string
	for field, name := range names {
		if field != name {
			if changed == nil {
				changed = map[string]string{}
			}
			changed[field] = name
		}
	}
	return changed
}

// takes adds names, unless a field is called otherwise already.
func (w *way) takes(names map[string]string) bool {
	for field, name := range names {
		if known, ok := w.names[field]; ok && known != name {
			return false
		}
	}
	maps.Copy(w.names, names)
	return true
}

func (b *routeBuilder) test(test Test) int {
	key := test.Field + "\x00" + literal.FoldString(strings.Join(test.Values, "\x00"))
	id, ok := b.tests[key]
	if !ok {
		id = len(b.router.tests)
		b.tests[key] = id
		t := routeTest{field: int32(b.fields.field(test.Field))}
		for _, v := range test.Values {
			t.values = append(t.values, starred(v))
		}
		b.router.tests = append(b.router.tests, t)
	}
	return id
}

// starred is a text in which only * is a wildcard.
func starred(text string) String {
	var parts []String
	for i, part := range strings.Split(text, "*") {
		if i > 0 {
			parts = append(parts, String{Parts: []Part{{Kind: Star}}})
		}
		parts = append(parts, PlainString(part))
	}
	return Concat(parts...)
}

// finish makes the table of all names, and leaves nothing to spare.
func (b *routeBuilder) finish() {
	r := b.router
	r.rules, r.routes, r.as = exact(r.rules), exact(r.routes), exact(r.as)
	if !b.other {
		r.as = nil
	}
	for i, w := range r.ways {
		r.ways[i].names = changed(w.names)
	}
	names := b.fields.names()
	r.names, r.fields, r.asked = newNames(names), map[string]int32{}, make([]bool, len(names))
	for id, name := range names {
		r.fields[name] = int32(id)
	}
	for _, t := range r.tests {
		r.asked[t.field] = true
	}
}

// meets reports whether a value, or one of a list, is as the test says.
func (t *routeTest) meets(v []byte) bool {
	if len(t.values) == 0 {
		return true
	}
	text := string(v)
	switch v[0] {
	case '[':
		c := jsonline.Within(v)
		for v, ok := c.Element(); ok; v, ok = c.Element() {
			if t.meets(v) {
				return true
			}
		}
		return false
	case '"':
		text = string(jsonline.Unescape(nil, v[1:len(v)-1]))
	case '{', 'n':
		return false
	}
	return slices.ContainsFunc(t.values, func(s String) bool { return s.holds(text, nil) })
}

// Rules are the rules of the router, in the order they were given.
func (r *Router) Rules() []*Rule { return r.rules }

// Scanner makes a Scanner.
func (r *Router) Scanner() *Scanner {
	return &Scanner{router: r, classes: map[string]*class{}}
}

const (
	maxClassKey = 1 << 10 // bytes of the routing fields that are worth keeping
	maxClasses  = 1 << 12 // that are kept at hand
	maxEngines  = 1 << 9  // beyond these, the rules of all routes are run
)

// class is the class of the event at hand, by the texts of its routing fields.
func (s *Scanner) class() *class {
	s.routing, s.key = s.routing[:0], s.key[:0]
	for _, m := range s.event.members {
		if !s.router.asked[m.field] {
			continue
		}
		s.routing = append(s.routing, m)
		from := len(s.key)
		s.key = append(s.key, 0, 0, 0, 0, byte(m.field), byte(m.field>>8), byte(m.field>>16))
		s.key = append(s.key, m.value...)
		binary.LittleEndian.PutUint32(s.key[from:], uint32(len(s.key)-from))
	}
	if c, ok := s.classes[string(s.key)]; ok {
		return c
	}
	c := s.router.classOf(s.routing)
	if len(s.key) <= maxClassKey && c.open == nil {
		if len(s.classes) >= maxClasses {
			clear(s.classes)
		}
		s.classes[string(s.key)] = c
	}
	return c
}

// classOf works out which routes an event takes.
func (r *Router) classOf(members []member) *class {
	held := make([]byte, len(r.tests))
	for i := range r.tests {
		t := &r.tests[i]
		if slices.ContainsFunc(members, func(m member) bool { return m.field == t.field && t.meets(m.value) }) {
			held[i] = 1
		}
	}
	c := r.classWhere(held)
	if c == nil {
		return r.without(held)
	}
	c.once.Do(func() { r.compile(c) })
	return c
}

// classWhere is the class of the events that meet the same tests, nil when there
// are too many: an event with a list of all ids would make ever new ones.
func (r *Router) classWhere(held []byte) *class {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.byTests[string(held)]; ok {
		return c
	}
	if len(r.byTests) >= maxClasses || len(r.byWay) >= maxEngines {
		return nil
	}
	open := r.open(held)
	c, ok := r.byWay[string(open)]
	if !ok {
		c = &class{}
		for i, route := range r.routes {
			if open[route.way] != 0 {
				c.routes = append(c.routes, uint32(i))
			}
		}
		c.routes = exact(c.routes)
		r.byWay[string(open)] = c
	}
	r.byTests[string(held)] = c
	return c
}

// open says of each way whether all of its tests hold.
func (r *Router) open(held []byte) []byte {
	open := make([]byte, len(r.ways))
	for i, w := range r.ways {
		if !slices.ContainsFunc(w.tests, func(t int) bool { return held[t] == 0 }) {
			open[i] = 1
		}
	}
	return open
}

// without is the engine of all routes, of which only those count that are open.
func (r *Router) without(held []byte) *class {
	every := &r.every
	every.once.Do(func() {
		for i := range r.routes {
			every.routes = append(every.routes, uint32(i))
		}
		r.compile(every)
	})
	c := &class{failed: every.failed, engine: every.engine, routes: every.routes, local: every.local, open: make([]bool, len(r.routes))}
	open := r.open(held)
	for i, route := range r.routes {
		c.open[i] = open[route.way] != 0
	}
	return c
}

// reading is the rule of a route.
func (r *Router) reading(route uint32) reading {
	plan := r.routes[route]
	read := reading{r.rules[plan.rule], r.ways[plan.way].names}
	if r.as != nil {
		read.rule = r.as[route]
	}
	return read
}

// compile makes the engine of a class. Its rules were tried when the router was made.
func (r *Router) compile(c *class) {
	compiler := newCompiler()
	for _, i := range c.routes {
		read := r.reading(i)
		if err := compiler.add(read.rule, read.names); err != nil {
			c.failed = fmt.Errorf("a rule was changed after its router was made: %w", err) // it was taken when it was tried
			return
		}
	}
	c.engine = compiler.engine(&r.texts)
	c.local = make([]int32, r.names.count)
	for i := range c.local {
		c.local[i] = -1
	}
	for id, f := range c.engine.fields {
		c.local[r.fields[f.name]] = int32(id)
	}
}

// exact is a slice without room to spare.
func exact[T any](s []T) []T { return append([]T(nil), s...) }
