package claim

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// guardTests refuses tests that ask what is not there: a kind or table nobody
// has, a field it does not have, a language no engine speaks. It is asked when
// the spec changes, so that what was right when it was written stays.
func (e *Engine) guardTests(g *catalog.Guarded) error {
	if g.After == nil || g.Before != nil && bytes.Equal(g.Before.Spec, g.After.Spec) {
		return nil
	}
	d, err := e.define(g.After, findIn(g))
	if err != nil {
		return err
	}
	if err := e.guardSecrets(g, &d); err != nil {
		return err
	}
	var problems []fault.Problem
	for i := range d.Probes {
		at := fmt.Sprintf("spec.tests[%d]", i)
		if g.After.Kind == auth.KindMeasure {
			at = "spec"
		}
		problems = append(problems, e.checkProbe(g.Caller, at, &d.Probes[i])...)
	}
	if len(problems) == 0 {
		return nil
	}
	for i := range problems {
		problems[i].Ref = g.After.Ref().Short()
	}
	return fault.New(fault.Invalid, "%s asks what is not there", g.After.Ref().Short()).Coded("claim.asks").With(problems...)
}

// lent is a secret and the address it is sent to.
type lent struct{ secret, url string }

func (d *Definition) lent() map[lent]bool {
	out := map[lent]bool{}
	for i := range d.Probes {
		if n := d.Probes[i].Number; n != nil && n.Secret != "" {
			out[lent{n.Secret, n.URL}] = true
		}
	}
	return out
}

// findIn finds what stands in the transaction of a change.
func findIn(g *catalog.Guarded) Find {
	return func(ref entity.Ref) (*entity.Entity, error) {
		x, _, err := g.Find(ref)
		return x, err
	}
}

// guardSecrets has a stored secret sent to another address than before only by
// who may set secrets: anybody else could have it sent to themselves.
func (e *Engine) guardSecrets(g *catalog.Guarded, d *Definition) error {
	after := d.lent()
	if len(after) == 0 {
		return nil
	}
	before := map[lent]bool{}
	if g.Before != nil {
		if was, err := e.define(g.Before, findIn(g)); err == nil {
			before = was.lent()
		}
	}
	for x := range after {
		if !before[x] && g.Caller.Can(auth.Admin, auth.Resource{Kind: auth.KindSettings}) != nil {
			return fault.New(fault.Forbidden, "only who may set secrets decides where the secret %s is sent", x.secret).Coded("claim.secret-lent").
				WithHint("have somebody who may set secrets write the address and the secret; the rest you can edit yourself")
		}
	}
	return nil
}

func (e *Engine) checkProbe(caller catalog.Caller, at string, p *Probe) []fault.Problem {
	switch {
	case p.Records != nil:
		return e.checkRecords(caller, at+".records", p.Records)
	case p.Query != nil:
		return e.checkQuery(caller, at+".query", p.Query)
	}
	return nil
}

// exprAt is an expression and the field it stands in.
type exprAt struct{ field, text string }

func (e *Engine) checkRecords(caller catalog.Caller, at string, r *Records) []fault.Problem {
	out := e.checkSource(caller, at, r)
	for field, text := range map[string]string{"where": r.Where, "expect": r.Expect, "value": r.Value} {
		if moreRows.MatchString(text) {
			out = append(out, problem(at+"."+field, "records-rows", "rows are of questions to an engine; a record has no more than itself"))
		}
	}
	return out
}

// moreRows is the variable rows, and not the field of another.
var moreRows = regexp.MustCompile(`(^|[^.\w"])rows\b`)

// checkSource finds what a population of what is kept here, and expressions over
// its members, name that is not there.
func (e *Engine) checkSource(caller catalog.Caller, at string, r *Records, more ...exprAt) []fault.Problem {
	k, t := e.catalog.Kinds().Get(r.From), e.tables[lower(r.From)]
	if k == nil && t == nil {
		p := problem(at+".from", "unknown-source", "there is no kind or table %q", r.From)
		if near := catalog.Nearest(lower(r.From), e.sourceNames()); near != "" {
			p.Hint = fmt.Sprintf("did you mean %q?", near)
		} else {
			p.Hint = "binnacle explain lists the kinds; the tables are " + strings.Join(sortedKeys(e.tables), ", ")
		}
		return []fault.Problem{p}
	}
	if t == nil && caller.Can(auth.Read, k.Resource()) != nil {
		// Its answers would tell of records that are kept from its author.
		return []fault.Problem{problem(at+".from", "source-refused", "you may not read %s", k.Plural)}
	}
	var out []fault.Problem
	v, _ := parseValue(r.Value)
	for _, x := range append([]exprAt{{"where", r.Where}, {"expect", r.Expect}, {"value", v.expr}}, more...) {
		if strings.TrimSpace(x.text) == "" {
			continue
		}
		checked, iss := expressions.env.Compile(x.text)
		if iss.Err() != nil {
			continue // the kind's own check says so
		}
		for _, p := range e.fieldsOf(checked, k, t) {
			p.Field = at + "." + x.field
			out = append(out, p)
		}
	}
	return out
}

// sourceNames lists what records may be taken from.
func (e *Engine) sourceNames() []string {
	names := sortedKeys(e.tables)
	for _, k := range e.catalog.Kinds().All() {
		names = append(names, lower(k.Name), k.Plural)
	}
	return names
}

// fieldsOf returns what is wrong with the fields an expression over a kind or a
// table names.
func (e *Engine) fieldsOf(checked *cel.Ast, k *catalog.Kind, t *Table) []fault.Problem {
	if t != nil {
		return t.check(checked)
	}
	out := placed(catalog.CheckFields(checked, k))
	if named := fieldsUnder(checked, "row"); len(named) > 0 {
		out = append(out, problem("", "row-of-kind", "row is of tables; a %s has metadata and spec", k.Name))
	}
	return append(out, e.checkLinks(checked, k)...)
}

// checkLinks returns what is wrong with the relations an expression looks along.
func (e *Engine) checkLinks(checked *cel.Ast, k *catalog.Kind) []fault.Problem {
	return unknown(checked, "links", sortedKeys(e.catalog.Kinds().Relations(k)), func(name string) fault.Problem {
		p := problem("", "relation", "a %s has no relation %s", k.Name, name)
		p.Hint = "its relations are "
		return p
	})
}

// unknown returns what is wrong with the names that an expression reads under a
// root, beside those that there are.
func unknown(checked *cel.Ast, root string, known []string, wrong func(name string) fault.Problem) []fault.Problem {
	var out []fault.Problem
	for _, name := range fieldsUnder(checked, root) {
		if slices.Contains(known, name) {
			continue
		}
		p := wrong(name)
		p.Hint += strings.Join(known, ", ")
		if near := catalog.Nearest(name, known); near != "" {
			p.Hint = fmt.Sprintf("did you mean %q?", near)
		}
		out = append(out, p)
	}
	return out
}

// placed gives problems that stand in one expression their place in it.
func placed(err error) []fault.Problem {
	var out []fault.Problem
	for _, p := range fault.ProblemsOf(err) {
		if p.Line > 0 {
			p.Msg = fmt.Sprintf("at %d:%d: %s", p.Line, p.Column, p.Msg)
			p.Line, p.Column = 0, 0
		}
		out = append(out, p)
	}
	return out
}

func (t *Table) check(checked *cel.Ast) []fault.Problem {
	var known []string
	for _, f := range t.Fields {
		known = append(known, f.Name)
	}
	out := unknown(checked, "row", known, func(name string) fault.Problem {
		p := problem("", "column", "the table %s has no field %s", t.Name, name)
		p.Hint = "its fields are "
		return p
	})
	for _, root := range []string{"metadata", "spec", "links"} {
		if len(fieldsUnder(checked, root)) > 0 {
			out = append(out, problem("", "table-of-rows", "%s is of kinds; the table %s has row", root, t.Name))
		}
	}
	return out
}

// fieldsUnder lists the fields of a variable that an expression names, each once.
func fieldsUnder(checked *cel.Ast, variable string) []string {
	var out []string
	is := func(e ast.Expr) bool { return e.Kind() == ast.IdentKind && e.AsIdent() == variable }
	ast.PostOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		name := ""
		switch e.Kind() {
		case ast.SelectKind:
			if s := e.AsSelect(); is(s.Operand()) {
				name = s.FieldName()
			}
		case ast.CallKind:
			if c := e.AsCall(); len(c.Args()) == 2 && is(c.Args()[0]) && c.Args()[1].Kind() == ast.LiteralKind {
				name, _ = c.Args()[1].AsLiteral().Value().(string)
			}
		}
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}))
	return out
}
