package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types/ref"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// mention is a field that a filter names.
type mention struct {
	steps        []celStep
	line, column int
	against      ref.Val // what it is compared with, when that is a literal
}

// celStep is one step from an object to what is in it: spec, tier, or with each
// set the items of a list.
type celStep struct {
	name   string
	quoted bool // written ["name"]
	each   bool
}

// path writes steps as the paths of fields are written.
func path(steps []celStep) string {
	var b strings.Builder
	for i, s := range steps {
		switch {
		case s.each:
			b.WriteString("[]")
		case s.quoted:
			fmt.Fprintf(&b, "[%q]", s.name)
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.name)
		}
	}
	return b.String()
}

// mentions finds the fields that an expression names.
type mentions struct {
	info  *ast.SourceInfo
	scope map[string][]celStep // what the variables of exists, all, map and filter run over
	found []mention
	asked []string // paths that has() asks for
}

func mentionsIn(e ast.Expr, info *ast.SourceInfo) *mentions {
	m := &mentions{info: info, scope: map[string][]celStep{}}
	m.visit(e)
	return m
}

func (m *mentions) visit(e ast.Expr) {
	if steps := m.place(e); len(steps) > 1 {
		m.add(e, steps, nil)
		return
	}
	switch e.Kind() {
	case ast.SelectKind:
		m.visit(e.AsSelect().Operand())
	case ast.CallKind:
		m.call(e)
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			m.visit(item)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			m.visit(entry.AsMapEntry().Value())
		}
	case ast.ComprehensionKind:
		m.comprehension(e.AsComprehension())
	}
}

func (m *mentions) add(e ast.Expr, steps []celStep, against ref.Val) {
	at := m.info.GetStartLocation(first(e).ID())
	m.found = append(m.found, mention{steps, at.Line(), at.Column() + 1, against})
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
		m.asked = append(m.asked, path(steps))
	}
}

// first returns the word that a field's path begins with.
func first(e ast.Expr) ast.Expr {
	switch e.Kind() {
	case ast.SelectKind:
		return first(e.AsSelect().Operand())
	case ast.CallKind:
		return first(e.AsCall().Args()[0])
	}
	return e
}

// compared are the operators whose sides must be of one type.
var compared = []string{operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals}

func (m *mentions) call(e ast.Expr) {
	call := e.AsCall()
	args := call.Args()
	if slices.Contains(compared, call.FunctionName()) {
		for i, side := range args {
			if steps, other := m.place(side), args[1-i]; len(steps) > 1 && other.Kind() == ast.LiteralKind {
				m.add(side, steps, other.AsLiteral())
				return
			}
		}
	}
	if call.IsMemberFunction() {
		m.visit(call.Target())
	}
	for _, arg := range args {
		m.visit(arg)
	}
}

func (m *mentions) comprehension(c ast.ComprehensionExpr) {
	m.visit(c.IterRange())
	before, shadowed := m.scope[c.IterVar()]
	m.scope[c.IterVar()] = nil
	if steps := m.place(c.IterRange()); len(steps) > 1 && !c.HasIterVar2() {
		m.scope[c.IterVar()] = append(slices.Clone(steps), celStep{each: true})
	}
	for _, e := range []ast.Expr{c.LoopCondition(), c.LoopStep(), c.Result()} {
		m.visit(e)
	}
	if delete(m.scope, c.IterVar()); shadowed {
		m.scope[c.IterVar()] = before
	}
}

// place returns the steps to the field that an expression is; nil when it is
// none, or one that only the entity tells, as spec[kind].
func (m *mentions) place(e ast.Expr) []celStep {
	switch e.Kind() {
	case ast.IdentKind:
		name := e.AsIdent()
		if steps, ok := m.scope[name]; ok {
			return slices.Clone(steps)
		}
		if name == "spec" || name == "metadata" || name == "status" {
			return []celStep{{name: name}}
		}
	case ast.SelectKind:
		s := e.AsSelect()
		if base := m.place(s.Operand()); base != nil {
			return append(base, celStep{name: s.FieldName()})
		}
	case ast.CallKind:
		c := e.AsCall()
		if c.FunctionName() != operators.Index || c.Args()[1].Kind() != ast.LiteralKind {
			return nil
		}
		base := m.place(c.Args()[0])
		switch key := c.Args()[1].AsLiteral().Value().(type) {
		case string:
			if base != nil {
				return append(base, celStep{name: key, quoted: true})
			}
		case int64, uint64:
			if base != nil {
				return append(base, celStep{each: true})
			}
		}
	}
	return nil
}

// check returns what is wrong with the fields a filter names, when entities of
// these kinds are asked for: a field is right when one of the kinds has it.
func (m *mentions) check(kinds []*Kind) error {
	var problems []fault.Problem
	for _, f := range m.found {
		p := m.wrong(f, kinds)
		if p == nil {
			continue
		}
		p.Field, p.Line, p.Column = "filter", f.line, f.column
		if !slices.ContainsFunc(problems, func(o fault.Problem) bool { return o.Msg == p.Msg }) {
			problems = append(problems, *p)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return fault.Bad("the filter cannot be read", problems...).Coded("filter")
}

// wrong returns what is wrong with a mention, or nil.
func (m *mentions) wrong(f mention, kinds []*Kind) *fault.Problem {
	var first *fault.Problem
	var names []string
	for _, k := range kinds {
		field, near, ok := k.find(f.steps, m.askedFor(f.steps))
		var p *fault.Problem
		switch {
		case !ok:
			names = append(names, near...)
			p = k.lacks(f.steps)
		case field != nil && f.against != nil:
			p = field.misfit(path(f.steps), f.against.Value())
		}
		if p == nil {
			return nil
		}
		if first == nil || first.Code == "cel-field" {
			first = p
		}
	}
	if first == nil || first.Code != "cel-field" {
		return first
	}
	if len(kinds) > 1 {
		first = problem("cel-nowhere", "nothing that is asked for has a field %s", path(f.steps))
	}
	last := f.steps[len(f.steps)-1].name
	if near := nearest(last, names); near != "" && near != last {
		first.Hint = fmt.Sprintf("did you mean %q?", path(append(slices.Clone(f.steps[:len(f.steps)-1]), celStep{name: near})))
	}
	return first
}

func problem(code, format string, args ...any) *fault.Problem {
	p := &fault.Problem{Code: code, Msg: fmt.Sprintf(format, args...)}
	for _, a := range args {
		p.Args = append(p.Args, fmt.Sprint(a))
	}
	return p
}

func (k *Kind) lacks(steps []celStep) *fault.Problem {
	p := problem("cel-field", "%s has no field %s", k.Name, path(steps))
	if k.Open && steps[0].name == "spec" {
		p.Hint = fmt.Sprintf("a field that %s keeps without knowing it is asked for with has(%[2]s) && …, or written spec[%[3]q]", k.Name, path(steps), steps[len(steps)-1].name)
	}
	return p
}

// askedFor reports whether has() asks for the field or for what it is in.
func (m *mentions) askedFor(steps []celStep) bool {
	for i := 2; i <= len(steps); i++ {
		if slices.Contains(m.asked, path(steps[:i])) {
			return true
		}
	}
	return false
}

// find returns the field that steps lead to; nil with true where anything may
// be, as in labels. When there is none it returns the names there are instead.
//
// A kind that keeps fields it does not know may have any in its spec. They are
// taken for meant when the filter asks for them with has() or in quotes and
// they are not nearly one of its own.
func (k *Kind) find(steps []celStep, asked bool) (f *Field, near []string, ok bool) {
	fields := k.roots(steps[0].name)
	if fields == nil {
		return nil, nil, true
	}
	open := k.Open && steps[0].name == "spec"
	for i, s := range steps[1:] {
		if s.each {
			if f == nil || f.Type != List {
				return nil, nil, f == nil
			}
			f = f.Item
		} else {
			at := slices.IndexFunc(fields, func(c Field) bool { return c.Name == s.name })
			if at < 0 {
				known := names(fields)
				free := open && (s.quoted || asked && (i < len(steps)-2 || nearest(s.name, known) == ""))
				return nil, known, free
			}
			f = &fields[at]
		}
		switch f.Type {
		case Map, Any:
			return nil, nil, true
		case Object:
			fields = f.Fields
		default:
			fields = []Field{}
		}
	}
	return f, nil, true
}

// roots returns the fields of metadata, spec or status; nil where anything may
// be.
func (k *Kind) roots(name string) []Field {
	switch name {
	case "metadata":
		return celMetadata
	case "spec":
		return append([]Field{}, k.Fields...)
	}
	if k.derive != nil && len(k.Status) == 0 {
		return nil
	}
	return append([]Field{}, k.Status...)
}

// celMetadata is what metadata holds, with what the server sets.
var celMetadata = append(MetadataFields(),
	Field{Name: "uid", Type: String}, Field{Name: "resourceVersion", Type: String}, Field{Name: "created", Type: Moment}, Field{Name: "updated", Type: Moment})

// misfit returns what is wrong with comparing the field with a literal.
func (f *Field) misfit(path string, literal any) *fault.Problem {
	var fits bool
	want := typeNames[f.Type]
	switch literal.(type) {
	case string:
		fits = want == ""
	case bool:
		fits = f.Type == Bool
	case int64, uint64, float64:
		fits = f.Type == Int || f.Type == Number
	default:
		return nil // null, and what is no literal of a field
	}
	if !fits {
		if want == "" {
			want = "a text"
		}
		p := problem("cel-type", "%s is %s and cannot be compared with %s", path, want, written(literal))
		if f.Type == List {
			p.Hint = fmt.Sprintf("write %s in %s", written(literal), path)
		}
		return p
	}
	s, isText := literal.(string)
	if !isText || len(f.Enum) == 0 || f.Suggest || f.EnumFor(s) != nil {
		return nil
	}
	var values []string
	for _, e := range f.Enum {
		values = append(values, e.Value)
	}
	p := problem("cel-enum", "%s is never %q; it is one of %s", path, s, strings.Join(values, ", "))
	if near := nearest(s, values); near != "" {
		p.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return p
}

func written(literal any) string {
	if s, ok := literal.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprint(literal)
}
