package claim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"
	"github.com/google/cel-go/interpreter"
)

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,60}$`)

// compiler compiles the CEL expressions of tests and keeps the programs.
//
// An expression sees one member of the population: kind, metadata and spec of
// an entity with links, what is at the other end of its relations, or row of an
// observation table or of a question, with rows, all that belong to the member;
// and now, the moment the answer is about. Beside CEL's own functions there are daysSince(text) and
// daysUntil(text), whole and parts of days between a day or moment and now.
type compiler struct {
	env  *cel.Env
	mu   sync.Mutex
	kept map[string]cel.Program
}

var expressions = newCompiler()

// maxCost bounds the work of one evaluation, in CEL's units.
const maxCost = 100_000

func newCompiler() *compiler {
	object := cel.MapType(cel.StringType, cel.DynType)
	env, err := cel.NewEnv(
		cel.Variable("kind", cel.StringType), cel.Variable("metadata", object), cel.Variable("spec", object),
		cel.Variable("row", object), cel.Variable("rows", cel.ListType(object)), cel.Variable("links", cel.MapType(cel.StringType, cel.ListType(cel.DynType))), cel.Variable("now", cel.TimestampType),
		cel.Function("daysSince", cel.Overload("days_since", []*cel.Type{cel.TimestampType, cel.StringType}, cel.DoubleType, cel.BinaryBinding(daysSince))),
		cel.Macros(append(cel.StandardMacros, dayMacros()...)...),
		ext.Strings(), ext.Math(), cel.CrossTypeNumericComparisons(true), cel.OptionalTypes())
	if err != nil {
		panic(err)
	}
	return &compiler{env: env, kept: map[string]cel.Program{}}
}

// dayMacros write daysSince(x) as daysSince(now, x), and daysUntil(x) as its
// negation, since a function of CEL does not see variables.
func dayMacros() []cel.Macro {
	return []cel.Macro{
		cel.GlobalMacro("daysSince", 1, func(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
			return f.NewCall("daysSince", f.NewIdent("now"), args[0]), nil
		}),
		cel.GlobalMacro("daysUntil", 1, func(f cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
			return f.NewCall("-_", f.NewCall("daysSince", f.NewIdent("now"), args[0])), nil
		}),
	}
}

func daysSince(now, text ref.Val) ref.Val {
	t, err := moment(string(text.(types.String)))
	if err != nil {
		return types.WrapErr(err)
	}
	return types.Double(now.(types.Timestamp).Sub(t).Hours() / 24)
}

// moment reads a day, taken as its beginning in UTC, or an RFC 3339 moment.
func moment(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%q is not a day or a moment", s)
	}
	return t, nil
}

// boolean compiles an expression that is true or false; nil for an empty one.
func (c *compiler) boolean(text string) (cel.Program, error) {
	return c.compile(text, "be true or false", func(t *cel.Type) bool { return t.IsExactType(cel.BoolType) })
}

// value compiles an expression that gives a number or, for distinct, a text.
func (c *compiler) value(text string) (cel.Program, error) {
	return c.compile(text, "give a number or a text", func(t *cel.Type) bool {
		return t.IsExactType(cel.IntType) || t.IsExactType(cel.DoubleType) || t.IsExactType(cel.UintType) || t.IsExactType(cel.StringType)
	})
}

func (c *compiler) compile(text, want string, fits func(*cel.Type) bool) (cel.Program, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if len(text) > 4096 {
		return nil, errors.New("is longer than 4096 characters")
	}
	key := want + "\x00" + text
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.kept[key]; p != nil {
		return p, nil
	}
	p, err := program(c.env, text, want, fits)
	if err != nil {
		return nil, err
	}
	if len(c.kept) > 5000 {
		clear(c.kept)
	}
	c.kept[key] = p
	return p, nil
}

func program(env *cel.Env, text, want string, fits func(*cel.Type) bool) (cel.Program, error) {
	checked, iss := env.Compile(text)
	if iss.Err() != nil {
		e := iss.Errors()[0]
		return nil, fmt.Errorf("at %d:%d: %s", e.Location.Line(), e.Location.Column()+1, e.Message)
	}
	if t := checked.OutputType(); !fits(t) && !t.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("gives a %s; it must %s", t, want)
	}
	return env.Program(checked, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(100))
}

// holds evaluates a boolean program; a nil one is true.
func holds(ctx context.Context, p cel.Program, vars map[string]any) (bool, error) {
	if p == nil {
		return true, nil
	}
	out, _, err := p.ContextEval(ctx, vars)
	if err != nil {
		return false, err
	}
	b, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("gives a %s, not true or false", out.Type().TypeName())
	}
	return b, nil
}

// cutShort reports whether an evaluation was ended before it had an answer,
// since it took too much work.
func cutShort(err error) bool {
	var cut interpreter.EvalCancelledError
	return errors.As(err, &cut)
}

// compileFormula compiles a formula over the names of its inputs, which are
// numbers with a fraction.
func compileFormula(f *Formula) (cel.Program, error) {
	opts := []cel.EnvOption{ext.Math(), cel.CrossTypeNumericComparisons(true)}
	for _, in := range f.Of {
		opts = append(opts, cel.Variable(in.Name, cel.DoubleType))
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		return nil, err
	}
	return program(env, f.Value, "give a number", func(t *cel.Type) bool { return t.IsExactType(cel.DoubleType) || t.IsExactType(cel.IntType) })
}

// number reads the result of a program as a finite number.
func number(v ref.Val) (float64, error) {
	var f float64
	switch x := v.Value().(type) {
	case int64:
		f = float64(x)
	case uint64:
		f = float64(x)
	case float64:
		f = x
	default:
		return 0, fmt.Errorf("gives a %s, not a number", v.Type().TypeName())
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, fmt.Errorf("gives %v, which is no number", f)
	}
	return f, nil
}

// aggregate says how a number is made of a population.
type aggregate struct {
	op   string // "", count, exceptions, share, sum, avg, min, max, median, p85, p95, p99, distinct
	expr string
}

var (
	valuePattern = regexp.MustCompile(`(?s)^\s*([a-z0-9]+)\s*(?:\((.*)\))?\s*$`)
	plainOps     = []string{"count", "exceptions", "share"}
	exprOps      = []string{"sum", "avg", "min", "max", "median", "p85", "p95", "p99", "distinct"}
)

// parseValue reads "share" or "sum(spec.cost)".
func parseValue(s string) (aggregate, error) {
	if s == "" {
		return aggregate{}, nil
	}
	m := valuePattern.FindStringSubmatch(s)
	switch {
	case m == nil:
	case slices.Contains(plainOps, m[1]) && m[2] == "":
		return aggregate{op: m[1]}, nil
	case slices.Contains(exprOps, m[1]) && strings.TrimSpace(m[2]) != "":
		return aggregate{op: m[1], expr: m[2]}, nil
	}
	return aggregate{}, fmt.Errorf("%q is not a value: write %s, or %s of an expression, as sum(spec.cost)", s, strings.Join(plainOps, ", "), strings.Join(exprOps, ", "))
}

// of makes the number of some values, in the order given; ok is false when
// there are none to make it of. A sum of nothing is 0.
//
// The median of an even number of values lies midway between the two in the
// middle. The percentiles are those of the nearest rank: the smallest value
// with at least that share of all values at or below it.
func (a aggregate) of(values []float64) (v float64, ok bool) {
	if len(values) == 0 {
		return 0, a.op == "sum"
	}
	switch a.op {
	case "sum":
		return sum(values), true
	case "avg":
		return sum(values) / float64(len(values)), true
	case "min":
		return slices.Min(values), true
	case "max":
		return slices.Max(values), true
	case "median":
		return median(values), true
	case "p85":
		return nearestRank(values, 0.85), true
	case "p95":
		return nearestRank(values, 0.95), true
	case "p99":
		return nearestRank(values, 0.99), true
	}
	return 0, false
}

// sum adds without losing small values to large ones (Neumaier).
func sum(values []float64) float64 {
	var s, lost float64
	for _, v := range values {
		t := s + v
		if math.Abs(s) >= math.Abs(v) {
			lost += (s - t) + v
		} else {
			lost += (v - t) + s
		}
		s = t
	}
	return s + lost
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func nearestRank(values []float64, p float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)]
}
