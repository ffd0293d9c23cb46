package sigma

import (
	"errors"
	"fmt"

	"github.com/binnaclehq/binnacle/sigma/internal/literal"
)

// Engine is many rules as one matcher. It never changes and may be used by many
// at once, each with a Scanner of its own.
type Engine struct {
	rules    []*Rule  // nil in a Router, which knows them
	starts   []uint32 // of the code of each rule, and the end of the last
	code     []uint32
	fields   []field
	texts    *literal.Texts // of the fields' literals
	names    *names
	witness  witnesses
	always   []uint32 // rules that need no predicate
	checks   []check
	filter   *literal.Filter // of keywords; nil when each line must be looked at
	keywords bool

	expressions map[Regex]*expression // of its rules
}

// check is a predicate that is decided by looking at the values of its field.
type check struct {
	checker checker
	field   uint32
	needle  uint32 // the predicate that must have been found first, or none
}

// Option changes how rules are compiled.
type Option func(*options)

type options struct{ refused *[]Problem }

// Skip lets the other rules be compiled when one cannot be honoured; what is
// refused, and why, is added to the list.
func Skip(refused *[]Problem) Option {
	return func(o *options) { o.refused = refused }
}

// Compile makes an Engine. A rule that cannot be honoured, as one with a
// placeholder that nothing has replaced, is an error that names its file, its
// line and the reason, a Problem; all of them are joined.
func Compile(rules []*Rule, opts ...Option) (*Engine, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	c := newCompiler()
	var taken []*Rule
	var refused []error
	for _, rule := range rules {
		if err := c.add(rule, nil); err != nil {
			problem := refusedRule(rule, err)
			refused = append(refused, problem)
			if o.refused != nil {
				*o.refused = append(*o.refused, problem)
			}
			continue
		}
		taken = append(taken, rule)
	}
	if o.refused == nil && len(refused) > 0 {
		return nil, errors.Join(refused...)
	}
	e := c.engine(new(literal.Texts))
	e.rules = taken
	return e, nil
}

// refusedRule gives an error its place.
func refusedRule(rule *Rule, err error) Problem {
	var problem Problem
	if errors.As(err, &problem) {
		return problem
	}
	return Problem{Pos: rule.Pos, Code: "rule", Message: fmt.Sprintf("the rule %q cannot be matched: %s", rule.Title, err)}
}

// Rules are the rules of the engine, in the order they were given.
func (e *Engine) Rules() []*Rule { return e.rules }
