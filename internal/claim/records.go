package claim

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/cel-go/common/types"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// recordsRule names how record queries are computed. It changes when the same
// records would give another answer.
const recordsRule = "records/1"

// member is one record that is asked.
type member struct {
	key, title string
	vars       map[string]any
}

// session answers tests of one organisation about one moment, reading each
// population once.
type session struct {
	e    *Engine
	ctx  context.Context
	q    sqldb.Querier
	org  string
	at   Moment
	seq  int64 // the last entry of the feed that is seen
	kept map[string][]member

	round   *round     // of engines
	excused []excusing // nil: not read yet
	linked  linked     // nil: not read yet
	before  *Run       // the last run of the test at hand; nil: none
}

func (e *Engine) session(ctx context.Context, q sqldb.Querier, org string, at Moment) *session {
	return &session{e: e, ctx: ctx, q: q, org: org, at: at, kept: map[string][]member{}, round: e.round(org)}
}

// PageOf is the address of the page of a row of the table that a probe asks; "" for
// none.
func (e *Engine) PageOf(p *Probe, key string) string {
	asks := p.Asks()
	if asks == nil {
		return ""
	}
	t := e.tables[lower(asks.From)]
	if t == nil || t.Page == "" {
		return ""
	}
	return t.Page + url.PathEscape(key)
}

// source returns the name of a population: of a table, or of a kind in lower
// case. The table claims goes before the plural of the kind.
func (e *Engine) source(from string) string {
	if e.tables[lower(from)] != nil {
		return lower(from)
	}
	if k := e.catalog.Kinds().Get(from); k != nil {
		return strings.ToLower(k.Name)
	}
	return strings.ToLower(from)
}

// members reads a population.
func (s *session) members(from string) ([]member, error) {
	name := s.e.source(from)
	if list, ok := s.kept[name]; ok {
		return list, nil
	}
	list, err := s.read(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	s.kept[name] = list
	return list, nil
}

func (s *session) read(name string) (list []member, err error) {
	if t := s.e.tables[name]; t != nil {
		err = t.Scan(s.ctx, s.q, s.org, s.at, func(key, title string, row map[string]any) error {
			list = append(list, member{key, title, s.vars(map[string]any{"row": row})})
			return nil
		})
		return list, err
	}
	if s.e.catalog.Kinds().Get(name) == nil {
		return nil, fault.New(fault.Invalid, "there is no kind or table %q", name).Coded("claim.source")
	}
	err = s.e.catalog.Scan(s.ctx, s.q, s.org, name, s.at.Feed, func(e *entity.Entity) error {
		list = append(list, member{e.Ref().String(), e.DisplayTitle(), s.vars(catalog.Vars(e))})
		return nil
	})
	return list, err
}

// vars completes what an expression sees of a member.
func (s *session) vars(vars map[string]any) map[string]any {
	for _, name := range []string{"metadata", "spec", "row"} {
		if vars[name] == nil {
			vars[name] = map[string]any{}
		}
	}
	if vars["rows"] == nil {
		vars["rows"] = []any{}
	}
	if vars["kind"] == nil {
		vars["kind"] = ""
	}
	delete(vars, "status") // what follows from claims is no ground for one
	vars["now"] = types.Timestamp{Time: s.at.At.UTC()}
	return vars
}

// records answers a record query. Members for which Where gives no answer are
// not asked, unless it is too much work to find out, which fails the test; those
// for which Expect gives none are exceptions.
func (s *session) records(r *Records) (*Answer, error) {
	all, err := s.members(r.From)
	if err != nil {
		return nil, err
	}
	a := &Answer{Rule: recordsRule, Steps: []Step{step("from", len(all), s.e.source(r.From))}}
	if r.usesLinks() {
		if err := s.link(r.From, all); err != nil {
			return nil, err
		}
	}
	asked, err := s.where(r, all)
	if err != nil {
		return nil, err
	}
	if r.Where != "" {
		a.Steps = append(a.Steps, step("where", len(asked), squeeze(r.Where)))
	}
	return a, s.ask(r, asked, len(all), a)
}

// ask asks the members of a population, out of all there are, and makes the
// number of them.
func (s *session) ask(r *Records, asked []member, all int, a *Answer) error {
	a.N = len(asked)
	for _, m := range asked {
		a.Population = append(a.Population, m.key)
	}
	if err := s.expect(r, asked, a); err != nil {
		return err
	}
	if err := s.value(r, asked, a); err != nil {
		return err
	}
	if r.Expect == "" {
		// What is counted are some of the records; none of them is an answer,
		// while no records at all is none.
		a.N = all
	}
	if a.N == 0 {
		a.Steps = append(a.Steps, step("empty"))
	}
	return nil
}

func (s *session) where(r *Records, all []member) ([]member, error) {
	p, err := expressions.boolean(r.Where)
	if err != nil || p == nil {
		return all, err
	}
	var out []member
	for _, m := range all {
		ok, err := holds(s.ctx, p, m.vars)
		if cutShort(err) && s.ctx.Err() == nil {
			return nil, fault.New(fault.Invalid, "where of %s: %v", m.key, err).Coded("claim.where-long").WithHint("ask something simpler")
		}
		if ok {
			out = append(out, m)
		}
	}
	return out, s.ctx.Err()
}

func (s *session) expect(r *Records, asked []member, a *Answer) error {
	p, err := expressions.boolean(r.Expect)
	if err != nil || p == nil {
		return err
	}
	for _, m := range asked {
		ok, err := holds(s.ctx, p, m.vars)
		if ok {
			continue
		}
		x := Item{Key: m.key, Title: m.title}
		if err != nil {
			x.Note = err.Error()
		}
		a.Exceptions = append(a.Exceptions, x)
	}
	a.Steps = append(a.Steps, step("expect", a.N-len(a.Exceptions), a.N, squeeze(r.Expect)))
	return s.ctx.Err()
}

func (s *session) value(r *Records, asked []member, a *Answer) error {
	v, err := parseValue(r.Value)
	if err != nil {
		return err
	}
	set := func(x float64, how Step) { a.Value, a.Steps = &x, append(a.Steps, how) }
	switch v.op {
	case "":
	case "count":
		set(float64(len(asked)), step("count", len(asked)))
	case "exceptions":
		set(float64(len(a.Exceptions)), step("exceptions", len(a.Exceptions)))
	case "share":
		if a.N > 0 {
			met := a.N - len(a.Exceptions)
			x := float64(met) / float64(a.N) * 100
			set(x, step("share", met, a.N, x))
		}
	default:
		return s.aggregate(v, asked, a)
	}
	return nil
}

// aggregate makes a number of an expression over the members.
func (s *session) aggregate(v aggregate, asked []member, a *Answer) error {
	p, err := expressions.value(v.expr)
	if err != nil {
		return err
	}
	var values []float64
	texts := map[string]bool{}
	for _, m := range asked {
		out, _, err := p.ContextEval(s.ctx, m.vars)
		if err != nil {
			return fault.New(fault.Invalid, "%s of %s: %v", squeeze(v.expr), m.key, err).Coded("claim.value-failed").WithHint("leave out those without it with where: has(…)")
		}
		if v.op == "distinct" {
			texts[fmt.Sprint(out.Value())] = true
			continue
		}
		x, err := number(out)
		if err != nil {
			return fault.New(fault.Invalid, "%s of %s %v", squeeze(v.expr), m.key, err).Coded("claim.value-number")
		}
		values = append(values, x)
		a.Terms = append(a.Terms, Item{Key: m.key, Title: m.title, Value: &x})
	}
	x, ok := v.of(values)
	if v.op == "distinct" {
		x, ok = float64(len(texts)), true
	}
	if ok {
		a.Value = &x
		a.Steps = append(a.Steps, v.steps(values, x, len(asked))...)
	}
	return nil
}

// shownTerms is how many terms of a sum are written out in its derivation.
const shownTerms = 40

func (v aggregate) steps(values []float64, x float64, n int) []Step {
	if v.op != "sum" || len(values) == 0 {
		return []Step{step("aggregate", v.op, n, squeeze(v.expr), x)}
	}
	var terms []string
	for _, t := range values[:min(len(values), shownTerms)] {
		terms = append(terms, Figure(t))
	}
	if rest := values[min(len(values), shownTerms):]; len(rest) > 0 {
		terms = append(terms, fmt.Sprintf("%s (%d)", Figure(sum(rest)), len(rest)))
	}
	return []Step{step("aggregate", v.op, n, squeeze(v.expr), x), step("terms", x, strings.Join(terms, " + "))}
}

// squeeze writes an expression on one line.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// read is judge for any probe: a test that names a measure and does not say what
// it must be takes over how the measure itself reads its number.
func (d *Definition) read(p *Probe, a *Answer, own Zone, at Moment) (Verdict, Zone) {
	if p.Measure == nil || p.Must != "" || d.Judge != nil || d.Scale.Direction != "" {
		return d.judge(p, a, at)
	}
	if a.Value == nil || own == "" {
		return NoData, ""
	}
	a.Steps = append(a.Steps, step("reading", string(own)))
	return own.verdict(), own
}

// judge reads an answer as a verdict. An answer about nobody is no data; so is
// a missing number that something is said about.
func (d *Definition) judge(p *Probe, a *Answer, at Moment) (v Verdict, z Zone) {
	if a.N == 0 {
		return NoData, ""
	}
	v = Pass
	if r := p.Asks(); r != nil && r.Expect != "" && r.Value == "" {
		allow, _ := parseAllow(r.Allow)
		a.Steps = append(a.Steps, step("allow", len(a.Exceptions), cmp.Or(r.Allow, "0")))
		if !allow.covers(len(a.Exceptions), a.N) {
			return Fail, Bad
		}
		return Pass, OK
	}
	if a.Value == nil {
		return NoData, ""
	}
	if p.Must != "" {
		m, _ := parseMust(p.Must)
		a.Steps = append(a.Steps, step("must", Figure(*a.Value), p.Must))
		if !m.met(*a.Value) {
			return Fail, Bad
		}
		return Pass, OK
	}
	z, steps := d.zone(*a.Value, at.At)
	a.Steps = append(a.Steps, steps...)
	return z.verdict(), z
}

// steps says what a number was held against.
func (s Scale) steps(v float64) []Step {
	var out []Step
	switch {
	case s.Direction == Band:
		out = append(out, step("band", v, orDash(s.Low), orDash(s.High)))
	case s.Target != nil:
		out = append(out, step("target", v, *s.Target))
	}
	if s.Limit != nil {
		out = append(out, step("limit", *s.Limit))
	}
	return out
}

func orDash(v *float64) string {
	if v == nil {
		return "–"
	}
	return Figure(*v)
}
