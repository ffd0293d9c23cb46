package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/ext"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// celFilters compiles filters over entities and keeps the last ones.
type celFilters struct {
	env  *cel.Env
	mu   sync.Mutex
	kept map[string]*celProgram
}

// celProgram is a compiled filter.
type celProgram struct {
	program    cel.Program
	equalities []facetIn // terms of the outermost "and" that an index can answer
	mentions   *mentions // the fields it names
}

// celCost bounds the work of one evaluation, in CEL's units.
const celCost = 100_000

// celLength is how many bytes a filter may have.
const celLength = 4096

func newCELFilters() *celFilters {
	env, err := cel.NewEnv(
		cel.Variable("apiVersion", cel.StringType), cel.Variable("kind", cel.StringType),
		cel.Variable("metadata", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("spec", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("status", cel.MapType(cel.StringType, cel.DynType)),
		ext.Strings(), cel.CrossTypeNumericComparisons(true))
	if err != nil {
		panic(err)
	}
	return &celFilters{env: env, kept: map[string]*celProgram{}}
}

func (f *celFilters) compile(text string) (*celProgram, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.kept[text]; p != nil {
		return p, nil
	}
	if len(text) > celLength {
		return nil, badQuery("filter", "filter-long", "a filter may have %d characters", celLength)
	}
	checked, iss := f.env.Compile(text)
	if iss.Err() != nil {
		return nil, badCEL(iss)
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, badQuery("filter", "filter-type", "it gives a %s; a filter must be true or false", t)
	}
	program, err := f.env.Program(checked, cel.CostLimit(celCost), cel.InterruptCheckFrequency(100))
	if err != nil {
		return nil, badQuery("filter", "cel", "%v", err)
	}
	tree := checked.NativeRep()
	p := &celProgram{program: program, mentions: mentionsIn(tree.Expr(), tree.SourceInfo())}
	p.take(tree.Expr())
	if len(f.kept) > 200 {
		clear(f.kept)
	}
	f.kept[text] = p
	return p, nil
}

// badCEL names the place of the first error in the expression.
func badCEL(iss *cel.Issues) error {
	e := iss.Errors()[0]
	p := fault.Problem{Field: "filter", Line: e.Location.Line(), Column: e.Location.Column() + 1, Code: "cel", Msg: e.Message, Args: []string{e.Message}}
	if strings.Contains(e.Message, "undeclared reference") {
		p.Hint = "a filter knows apiVersion, kind, metadata, spec and status, as in spec.tier == 1 && !has(metadata.owner)"
	}
	return fault.Bad("the filter cannot be read", p).Coded("filter")
}

// take collects what an index can answer from an expression. It only narrows:
// each row is still evaluated.
func (p *celProgram) take(e ast.Expr) {
	if e.Kind() != ast.CallKind {
		return
	}
	call := e.AsCall()
	switch call.FunctionName() {
	case operators.LogicalAnd:
		for _, arg := range call.Args() {
			p.take(arg)
		}
	case operators.Equals:
		a, b := call.Args()[0], call.Args()[1]
		if key, ok := selectPath(a); ok {
			p.equal(key, b)
		} else if key, ok := selectPath(b); ok {
			p.equal(key, a)
		}
	}
}

func (p *celProgram) equal(key string, literal ast.Expr) {
	if literal.Kind() != ast.LiteralKind {
		return
	}
	var value string
	switch v := literal.AsLiteral().Value().(type) {
	case string:
		value = v
	case int64:
		value = strconv.FormatInt(v, 10)
	case bool:
		value = strconv.FormatBool(v)
	}
	if value != "" && len(value) <= 200 {
		p.equalities = append(p.equalities, facetIn{key: key, values: []string{value}})
	}
}

// selectPath returns the path of spec.a.b or metadata.labels.x.
func selectPath(e ast.Expr) (string, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent(), e.AsIdent() == "spec" || e.AsIdent() == "metadata"
	case ast.SelectKind:
		s := e.AsSelect()
		base, ok := selectPath(s.Operand())
		return base + "." + s.FieldName(), ok && !s.IsTestOnly()
	case ast.CallKind:
		c := e.AsCall()
		if c.FunctionName() == operators.Index && c.Args()[1].Kind() == ast.LiteralKind {
			base, ok := selectPath(c.Args()[0])
			key, isText := c.Args()[1].AsLiteral().Value().(string)
			return base + "." + key, ok && isText
		}
	}
	return "", false
}

// matches evaluates the filter. A field that is not there makes it false, as
// does any other failure: has() asks whether one is.
func (p *celProgram) matches(ctx context.Context, vars map[string]any) bool {
	out, _, err := p.program.ContextEval(ctx, vars)
	if err != nil {
		return false
	}
	b, ok := out.Value().(bool)
	return ok && b
}

func celVars(e *entity.Entity) map[string]any {
	meta, _ := json.Marshal(e.Metadata)
	return map[string]any{"apiVersion": e.APIVersion, "kind": e.Kind, "metadata": plain(meta), "spec": plain(e.Spec), "status": plain(e.Status)}
}

// celVars is celVars of the entity, from the document as it is stored.
func (r row) celVars() map[string]any {
	tree := plain(r.doc)
	for _, key := range []string{"metadata", "spec", "status"} {
		if _, ok := tree[key].(map[string]any); !ok {
			tree[key] = map[string]any{}
		}
	}
	meta := tree["metadata"].(map[string]any)
	meta["uid"], meta["resourceVersion"] = r.uid, strconv.FormatInt(r.rev, 10)
	meta["created"], meta["updated"] = sqldb.Time(r.created).Format(time.RFC3339Nano), sqldb.Time(r.updated).Format(time.RFC3339Nano)
	return tree
}

// Vars returns what expressions see of an entity: apiVersion, kind, metadata,
// spec and status, with whole numbers as int64.
func Vars(e *entity.Entity) map[string]any { return celVars(e) }

// plain decodes a JSON object with whole numbers as int64, so that CEL's
// integers equal them.
func plain(data []byte) map[string]any {
	tree, err := decodeTree(data)
	if err != nil {
		return map[string]any{}
	}
	return numbers(tree).(map[string]any)
}

func numbers(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, val := range x {
			x[k] = numbers(val)
		}
	case []any:
		for i := range x {
			x[i] = numbers(x[i])
		}
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, err := x.Float64()
		if err != nil {
			return fmt.Sprint(x)
		}
		return f
	}
	return v
}

// Filter compiles a CEL expression over an entity's apiVersion, kind, metadata,
// spec and status, and returns the function that evaluates it. A field that no
// kind has is an error.
func (c *Catalog) Filter(expression string) (func(context.Context, *entity.Entity) bool, error) {
	p, err := c.filter.compile(expression)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, e *entity.Entity) bool { return p.matches(ctx, celVars(e)) }, p.mentions.check(c.kinds.All())
}
