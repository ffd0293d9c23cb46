package claim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/cel-go/cel"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// Query is a question in the language of an engine, over what happened in a
// window of time before a moment. Its rows are the members of the population, or
// what is known of members that come from elsewhere: from a second question, or
// from what is kept here. What is asked of each member is the same as of records.
//
// Without a key the question gives one row with a number. Events alone are then
// no population: the number is no data when nothing at all happened in the
// window, and otherwise stands alone.
type Query struct {
	Language   string      `json:"language" en:"Language" es:"Lenguaje" req:"1" help:"The language it is written in." ayuda:"El lenguaje en que está escrita." example:"logsql"`
	Text       string      `json:"text" en:"Text" es:"Texto" req:"1" type:"text" help:"The question. The window bounds its time: it names none itself." ayuda:"La pregunta. La ventana limita su tiempo: ella no nombra ninguno." example:"event.action:=\"ssh-login\" | stats by (user.name) count() logins"`
	Window     string      `json:"window,omitempty" en:"Window" es:"Ventana" help:"How far back it looks from the moment it is asked about: 24h, 30d. Left empty: 24h." ayuda:"Hasta cuándo mira atrás desde el momento sobre el que se pregunta: 24h, 30d. Vacío: 24h." example:"30d"`
	Key        []string    `json:"key,omitempty" en:"Key" es:"Clave" help:"The fields that tell its rows apart: each row, or each group of rows with the same, is a member. Left empty, the question gives one number." ayuda:"Los campos que distinguen sus filas: cada fila, o cada grupo de filas con los mismos, es un miembro. Vacío, la pregunta da un número." example:"user.name"`
	Population *Population `json:"population,omitempty" en:"Population" es:"Población" help:"Who is asked, where that is not the rows themselves: those without a row are asked too." ayuda:"A quién se pregunta, cuando no son las propias filas: también a los que no tienen fila."`
	Expect     string      `json:"expect,omitempty" en:"Expect" es:"Se espera" type:"text" help:"What must hold for each member: a CEL expression over row, its row, and rows, all rows of it. A field that is a number in figures is one." ayuda:"Lo que debe cumplirse en cada miembro: una expresión CEL sobre row, su fila, y rows, todas las suyas. Un campo escrito en cifras es un número." example:"row.without == 0"`
	Allow      string      `json:"allow,omitempty" en:"Exceptions allowed" es:"Excepciones permitidas" help:"How many may fail: 0, 3 or 5%. Left empty: none." ayuda:"Cuántos pueden fallar: 0, 3 o 5%. Vacío: ninguno." example:"0"`
	Value      string      `json:"value,omitempty" en:"Value" es:"Valor" help:"The number made of the members, as of records: count, exceptions, share, or max(row.skew). Without a key: the field that holds the number; left empty, the only one that does." ayuda:"El número que se forma de los miembros, como de los registros: count, exceptions, share, o max(row.skew). Sin clave: el campo que contiene el número; vacío, el único que lo hace." example:"share"`
}

// Population is who is asked where the rows of a question do not say: a second
// question in the same language, by the same key, or what is kept here.
type Population struct {
	Text   string `json:"text,omitempty" en:"Text" es:"Texto" type:"text" help:"A second question, whose rows are the members by the same key." ayuda:"Una segunda pregunta, cuyas filas son los miembros por la misma clave." example:"* | stats by (host.name) count() events"`
	Window string `json:"window,omitempty" en:"Window" es:"Ventana" help:"How far back the second question looks. Left empty: as the first." ayuda:"Hasta cuándo mira atrás la segunda pregunta. Vacío: como la primera." example:"30d"`
	From   string `json:"from,omitempty" en:"From" es:"De" help:"A kind, as component, or a table of observations." ayuda:"Una clase, como component, o una tabla de observaciones." example:"component"`
	Where  string `json:"where,omitempty" en:"Where" es:"Donde" type:"text" help:"Which of them: a CEL expression over each. Left empty: all." ayuda:"Cuáles de ellos: una expresión CEL sobre cada uno. Vacío: todos." example:"spec.tier == 1"`
	Match  string `json:"match,omitempty" en:"Match" es:"Coincide" type:"text" help:"The texts by which rows know a member, a CEL expression: a row is its own when a field of the key is one of them, in upper or lower case. Left empty: its name, or the key of a table." ayuda:"Los textos por los que las filas conocen a un miembro, una expresión CEL: una fila es suya cuando un campo de la clave es uno de ellos, en mayúsculas o minúsculas. Vacío: su nombre, o la clave de una tabla." example:"[metadata.name, spec.host]"`
}

// Language answers questions in the language of an engine, as LogsQL.
type Language struct {
	Name string
	// Read is what somebody must be able to read to see what it answers, and to
	// ask it.
	Read auth.Resource
	// Check returns what is wrong with a question; nil when nothing is.
	Check func(text string) error
	// Rows answers a question with rows, in any order, and with more than
	// Question.Limit when there are too many; nil: this program cannot ask the
	// engine, and tests wait for one that can.
	Rows func(ctx context.Context, org string, q Question) ([]Row, error)
	// Known returns the moment up to which everything that came can be found; nil:
	// the present.
	Known func(ctx context.Context, org string) (time.Time, error)
	// Kept returns the moment before which nothing is kept any more; nil, and the
	// zero time: everything is.
	Kept func(ctx context.Context, org string) (time.Time, error)
	// All is the question that has one row where anything happened at all, and
	// none or one that says 0 where nothing did; "" leaves it open.
	All string
	// Narrow returns the question for what a question was made of, of which some
	// fields have the values given; nil: there is none.
	Narrow func(text string, fields []FieldValue) string
}

// Question is what an engine is asked.
type Question struct {
	Text string
	// From and To bound what is looked at; To does not belong to it. What came
	// after To is not seen, whenever it happened, so that the same question gives
	// the same for ever.
	From, To time.Time
	Limit    int
}

// Row is a row of an answer: the values of its fields, those without one left
// out.
type Row map[string]string

// FieldValue is a field with the value that is looked for.
type FieldValue struct{ Name, Value string }

// The bounds of questions.
const (
	defaultWindow = 24 * time.Hour
	maxRows       = 100_000
	maxKeys       = 8
	maxFigure     = 24 // characters of a number
)

// keySep stands between the values of a key of several fields.
const keySep = " / "

// nobody is the value of a key's field that a row does not have.
const nobody = "–"

func (q *Query) window() time.Duration { return DurationOr(q.Window, defaultWindow) }

// second returns the second question and how far back it looks; "" for none.
func (q *Query) second() (text string, window time.Duration) {
	if q.Population == nil || q.Population.Text == "" {
		return "", 0
	}
	return q.Population.Text, DurationOr(q.Population.Window, q.window())
}

// from names what is kept here that is asked; "" for none.
func (q *Query) from() string {
	if q.Population == nil {
		return ""
	}
	return q.Population.From
}

// usesLinks reports whether the population is looked at along its relations.
func (q *Query) usesLinks() bool {
	return q.from() != "" && (relations.MatchString(q.Expect) || relations.MatchString(q.Value) || relations.MatchString(q.Population.Where) || relations.MatchString(q.Population.Match))
}

// key names the member that a row is of.
func (q *Query) key(r Row) string {
	values := make([]string, len(q.Key))
	for i, name := range q.Key {
		values[i] = cmp.Or(r[name], nobody)
	}
	return strings.Join(values, keySep)
}

// keyed is key the other way around; nil where it cannot be told.
func (q *Query) keyed(key string) []FieldValue {
	values := strings.Split(key, keySep)
	if len(q.Key) == 1 {
		values = []string{key}
	}
	if len(values) != len(q.Key) {
		return nil
	}
	out := make([]FieldValue, len(values))
	for i, v := range values {
		if v == nobody {
			v = ""
		}
		out[i] = FieldValue{q.Key[i], v}
	}
	return out
}

// check finds what is wrong with a query. valued says that its number is judged,
// so that it needs no expectation.
func (q *Query) check(at string, valued bool) []fault.Problem {
	out := checkDuration(at+".window", q.Window)
	if len(q.Key) == 0 {
		for name, set := range map[string]bool{"expect": q.Expect != "", "allow": q.Allow != "", "population": q.Population != nil} {
			if set {
				out = append(out, problem(at+"."+name, "query-key", "needs a key: the fields that tell the rows of the question apart"))
			}
		}
		if !valued {
			out = append(out, problem(at+".key", "required", "is required, or what its number must be"))
		}
		return out
	}
	if len(q.Key) > maxKeys {
		out = append(out, problem(at+".key", "query-keys", "has %d fields; %d are enough", len(q.Key), maxKeys))
	}
	asked := Records{Expect: q.Expect, Allow: q.Allow, Value: q.Value}
	if p := q.Population; p != nil {
		asked.Where = p.Where
		out = append(out, p.check(at+".population")...)
	}
	for _, p := range asked.check(at, valued) {
		if strings.HasSuffix(p.Field, ".where") {
			p.Field = at + ".population.where"
		}
		out = append(out, p)
	}
	return out
}

func (p *Population) check(at string) []fault.Problem {
	var out []fault.Problem
	if (p.Text == "") == (p.From == "") {
		out = append(out, problem(at, "one-population", "a population is a second question or what is kept here: give one of text and from"))
	}
	if p.From == "" && (p.Where != "" || p.Match != "") {
		out = append(out, problem(at+".from", "required", "is required for where and match"))
	}
	out = append(out, checkDuration(at+".window", p.Window)...)
	if _, err := expressions.texts(p.Match); err != nil {
		out = append(out, problem(at+".match", "cel", "%v", err))
	}
	return out
}

// texts compiles an expression that gives a text or a list of them.
func (c *compiler) texts(text string) (cel.Program, error) {
	return c.compile(text, "give a text or a list of texts", func(t *cel.Type) bool {
		return t.IsExactType(cel.StringType) || t.Kind() == cel.ListKind
	})
}

// answered are the rows that an engine gave to a query, about a moment.
type answered struct {
	language string
	asOf     time.Time
	rows     []Row
	second   []Row // of the second question
	nothing  bool  // nothing at all happened in the window, where that was asked
}

// round asks engines for the tests of one round: equal questions are asked once,
// and all about the same moment.
type round struct {
	e   *Engine
	org string

	memo memo[askedQuestion, []Row]
	when memo[string, time.Time]
	slot chan struct{}
}

type askedQuestion struct {
	language string
	Question
}

func (e *Engine) round(org string) *round {
	return &round{e: e, org: org, slot: make(chan struct{}, askedAtOnce)}
}

// askedAtOnce is how many questions an engine gets at the same time: it uses all
// processors for one.
const askedAtOnce = 2

// queryPatience is how long an engine may take for one question.
const queryPatience = time.Minute

// query asks what a query needs. At is the moment it is about; the zero time is
// the present, as far as everything that came by then can be found.
func (a *round) query(ctx context.Context, q *Query, at time.Time) (*answered, error) {
	l, ok := a.e.languages[q.Language]
	if !ok {
		return nil, fault.New(fault.Invalid, "there is no query language %q here", q.Language).Coded("claim.language")
	}
	if l.Rows == nil {
		return nil, l.away()
	}
	out := &answered{language: l.Name, asOf: at}
	var err error
	if at.IsZero() {
		if out.asOf, err = a.known(ctx, &l); err != nil {
			return nil, err
		}
	}
	if out.rows, err = a.rows(ctx, &l, q.Text, out.asOf, q.window()); err != nil {
		return nil, err
	}
	if text, window := q.second(); text != "" {
		if out.second, err = a.rows(ctx, &l, text, out.asOf, window); err != nil {
			return nil, err
		}
	}
	if len(q.Key) > 0 || l.All == "" {
		return out, nil
	}
	all, err := a.rows(ctx, &l, l.All, out.asOf, q.window())
	out.nothing = !slices.ContainsFunc(all, Row.says)
	return out, err
}

// says reports whether a row has anything but zeros in it.
func (r Row) says() bool {
	for _, v := range r {
		if v != "0" {
			return true
		}
	}
	return false
}

// away says that the engine is with another program.
func (l Language) away() error {
	return fault.New(fault.Unavailable, "what %s is asked about is with the server", l.Name).Coded("claim.query-absent").WithHint("start binnacle serve, or ask there")
}

// absent reports whether a probe asks an engine that only another program can
// ask.
func (e *Engine) absent(p *Probe) bool {
	if p == nil || p.Query == nil {
		return false
	}
	l, ok := e.languages[p.Query.Language]
	return ok && l.Rows == nil
}

// known returns up to when everything can be found, once in a round.
func (a *round) known(ctx context.Context, l *Language) (time.Time, error) {
	return a.when.get(l.Name, func() (time.Time, error) {
		now := a.e.now().UTC().Truncate(time.Microsecond)
		if l.Known == nil {
			return now, nil
		}
		t, err := l.Known(ctx, a.org)
		if t = t.UTC().Truncate(time.Microsecond); t.After(now) {
			t = now
		}
		return t, err
	})
}

// rows asks one question about the time before a moment.
func (a *round) rows(ctx context.Context, l *Language, text string, at time.Time, window time.Duration) ([]Row, error) {
	q := Question{Text: text, From: at.Add(-window), To: at, Limit: maxRows}
	return a.memo.get(askedQuestion{l.Name, q}, func() ([]Row, error) {
		select {
		case a.slot <- struct{}{}:
			defer func() { <-a.slot }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(ctx, queryPatience)
		defer cancel()
		if err := l.keeps(ctx, a.org, q.From); err != nil {
			return nil, err
		}
		rows, err := l.Rows(ctx, a.org, q)
		if err == nil && len(rows) > maxRows {
			err = fault.New(fault.Invalid, "the question has more than %d rows", maxRows).Coded("claim.query-rows").WithHint("make fewer of them, as with | stats by (user.name) count()")
		}
		return rows, err
	})
}

// keeps refuses to look at a time of which nothing is kept any more: an answer
// would be about less than it says.
func (l *Language) keeps(ctx context.Context, org string, from time.Time) error {
	if l.Kept == nil {
		return nil
	}
	kept, err := l.Kept(ctx, org)
	if err != nil || !from.Before(kept) {
		return err
	}
	return fault.New(fault.Unavailable, "the question looks back to %s, and what happened before %s is not kept any more", from.Format(time.DateOnly), kept.Format(time.DateOnly)).
		Coded("claim.query-gone").WithHint("ask about a shorter window or a later day, or keep events for longer")
}

// query answers a query test of the rows that an engine gave.
func (s *session) query(q *Query, got *answered) (*Answer, error) {
	a := &Answer{Rule: got.language + "/1", N: -1, Steps: []Step{step("queried", len(got.rows), got.language)}}
	if len(q.Key) == 0 {
		return a, q.number(got, a)
	}
	asked := &Records{From: q.from(), Expect: q.Expect, Allow: q.Allow, Value: q.Value}
	members, all, err := s.asked(q, got, a)
	if err != nil {
		return nil, err
	}
	return a, s.ask(asked, members, all, a)
}

// number reads the number of a question that gives one.
func (q *Query) number(got *answered, a *Answer) error {
	if got.nothing {
		a.N = 0
		a.Steps = append(a.Steps, step("nothing"))
		return nil
	}
	switch len(got.rows) {
	case 0:
		return nil
	case 1:
	default:
		return fault.New(fault.Invalid, "the question gives %d rows, and not one number", len(got.rows)).Coded("claim.query-number").WithHint("name in key the fields that tell them apart, or make one of them with | stats")
	}
	row := got.rows[0]
	name, err := q.numbered(row)
	if err != nil {
		return err
	}
	if row[name] == "" {
		return nil // of nothing there is no largest or mean
	}
	v, err := strconv.ParseFloat(row[name], 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return fault.New(fault.Invalid, "the field %s is %q, and no number", name, shortened(row[name])).Coded("claim.query-figure")
	}
	a.Value = &v
	a.Steps = append(a.Steps, step("figure", name, v))
	return nil
}

// numbered names the field of a row that holds the number; "" for none.
func (q *Query) numbered(row Row) (name string, err error) {
	if q.Value != "" {
		return q.Value, nil
	}
	for _, field := range sortedKeys(row) {
		if _, ok := figureOf(row[field]); !ok {
			continue
		}
		if name != "" {
			return "", fault.New(fault.Invalid, "the question gives more than one number: %s and %s", name, field).Coded("claim.query-numbers").WithHint("name the field in value")
		}
		name = field
	}
	return name, nil
}

// asked makes the members of a query, each with its rows. All is how many there
// are without a condition.
func (s *session) asked(q *Query, got *answered, a *Answer) (members []member, all int, err error) {
	if q.from() != "" {
		return s.keptMembers(q, got, a)
	}
	first := q.grouped(got.rows)
	list := got.rows
	if text, _ := q.second(); text != "" {
		list = got.second
		a.Steps = append(a.Steps, step("second", len(list), got.language))
	}
	of := q.grouped(list)
	for _, key := range sortedKeys(of) {
		vars := s.vars(map[string]any{"row": of[key][0], "rows": anyList(first[key])})
		members = append(members, member{key, "", vars})
	}
	return members, len(members), nil
}

// keptMembers makes the members of what is kept here, each with the rows that
// know it.
func (s *session) keptMembers(q *Query, got *answered, a *Answer) (members []member, all int, err error) {
	r := &Records{From: q.from(), Where: q.Population.Where}
	list, err := s.members(r.From)
	if err != nil {
		return nil, 0, err
	}
	if q.usesLinks() {
		if err := s.link(r.From, list); err != nil {
			return nil, 0, err
		}
	}
	chosen, err := s.where(r, list)
	if err != nil {
		return nil, 0, err
	}
	a.Steps = append(a.Steps, step("from", len(list), s.e.source(r.From)))
	if r.Where != "" {
		a.Steps = append(a.Steps, step("where", len(chosen), squeeze(r.Where)))
	}
	match, err := expressions.texts(q.Population.Match)
	if err != nil {
		return nil, 0, err
	}
	index := q.index(got.rows)
	for _, m := range chosen {
		names, err := s.names(match, m)
		if err != nil {
			return nil, 0, err
		}
		vars := maps.Clone(m.vars)
		vars["rows"] = anyList(index.of(names))
		members = append(members, member{m.key, m.title, vars})
	}
	return members, len(list), nil
}

// names returns by what rows know a member.
func (s *session) names(match cel.Program, m member) ([]string, error) {
	if match == nil {
		if meta, ok := m.vars["metadata"].(map[string]any); ok {
			if name, ok := meta["name"].(string); ok {
				return []string{name}, nil
			}
		}
		return []string{m.key}, nil
	}
	out, _, err := match.ContextEval(s.ctx, m.vars)
	if err != nil {
		return nil, fault.New(fault.Invalid, "match of %s: %v", m.key, err).Coded("claim.query-match").WithHint("ask first whether a field is there: has(…) ? … : []")
	}
	if name, ok := out.Value().(string); ok {
		return []string{name}, nil
	}
	native, err := out.ConvertToNative(reflect.TypeFor[[]string]())
	if err != nil {
		return nil, fault.New(fault.Invalid, "match of %s gives no list of texts: %v", m.key, err).Coded("claim.query-match-list")
	}
	return native.([]string), nil
}

// grouped groups rows by the member they are of, in an order that follows from
// what they hold.
func (q *Query) grouped(rows []Row) map[string][]map[string]any {
	sorted := slices.Clone(rows)
	slices.SortFunc(sorted, compareRows)
	out := map[string][]map[string]any{}
	for _, r := range sorted {
		key := q.key(r)
		out[key] = append(out[key], q.vars(r))
	}
	return out
}

// compareRows orders rows by their fields.
func compareRows(a, b Row) int {
	names := slices.Concat(sortedKeys(a), sortedKeys(b))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if c := strings.Compare(a[name], b[name]); c != 0 {
			return c
		}
	}
	return 0
}

// vars are the fields of a row as expressions see them: those of the key are
// texts, others numbers where they are written in figures.
func (q *Query) vars(r Row) map[string]any {
	out := make(map[string]any, len(r))
	for name, value := range r {
		out[name] = value
		if v, ok := figureOf(value); ok && !slices.Contains(q.Key, name) {
			out[name] = v
		}
	}
	return out
}

// figureOf reads a number that is written as Figure writes it: 007, 1.10 and
// 12e4 are texts, a version or a part of a name.
func figureOf(s string) (float64, bool) {
	if len(s) == 0 || len(s) > maxFigure || s[0] != '-' && (s[0] < '0' || s[0] > '9') {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && Figure(v) == s
}

// rowIndex finds rows by the values of the fields of their key.
type rowIndex map[string][]map[string]any

func (q *Query) index(rows []Row) rowIndex {
	sorted := slices.Clone(rows)
	slices.SortFunc(sorted, compareRows)
	out := rowIndex{}
	for _, r := range sorted {
		vars := q.vars(r)
		var known []string
		for _, field := range q.Key {
			if name := strings.ToLower(r[field]); name != "" && !slices.Contains(known, name) {
				known = append(known, name)
				out[name] = append(out[name], vars)
			}
		}
	}
	return out
}

// of returns the rows that know any of some names, each once.
func (x rowIndex) of(names []string) []map[string]any {
	var out []map[string]any
	for i, name := range names {
		for _, row := range x[strings.ToLower(name)] {
			if i == 0 || !slices.ContainsFunc(out, func(o map[string]any) bool { return maps.Equal(o, row) }) {
				out = append(out, row)
			}
		}
	}
	return out
}

func anyList(rows []map[string]any) []any {
	out := make([]any, len(rows))
	for i, r := range rows {
		out[i] = r
	}
	return out
}

// Look is a question that shows what is behind an answer.
type Look struct {
	Language string
	Text     string
	From, To time.Time
}

// Look returns the question for what a run of a query test looked at, or, of
// what it found, for what belongs to one member; false where there is none.
func (e *Engine) Look(p *Probe, r *Run, member string) (Look, bool) {
	q := p.Query
	if q == nil || e.languages[q.Language].Narrow == nil {
		return Look{}, false
	}
	var fields []FieldValue
	if member != "" {
		if q.from() != "" {
			return Look{}, false // it is a thing of its own
		}
		if fields = q.keyed(member); fields == nil {
			return Look{}, false
		}
	}
	return Look{q.Language, e.languages[q.Language].Narrow(q.Text, fields), r.AsOf.Add(-q.window()), r.AsOf}, true
}

// checkQuery finds what a query asks that is not there, or is kept from who
// writes it.
func (e *Engine) checkQuery(caller catalog.Caller, at string, q *Query) []fault.Problem {
	l, ok := e.languages[q.Language]
	if !ok {
		return []fault.Problem{e.unknownLanguage(at, q.Language)}
	}
	if l.Read != (auth.Resource{}) && caller.Can(auth.Read, l.Read) != nil {
		return []fault.Problem{problem(at+".language", "query-refused", "you may not read what %s is asked about", l.Name)}
	}
	var out []fault.Problem
	second, _ := q.second()
	for field, text := range map[string]string{"text": q.Text, "population.text": second} {
		if text == "" || l.Check == nil {
			continue
		}
		if err := l.Check(text); err != nil {
			out = append(out, misread(at+"."+field, err))
		}
	}
	return append(out, e.checkAsked(caller, at, q)...)
}

// misread is what is wrong with a question, and where.
func misread(field string, err error) fault.Problem {
	p := problem(field, "query-text", "%v", err)
	var f *fault.Error
	if errors.As(err, &f) {
		p.Hint = f.Hint
	}
	if list := fault.ProblemsOf(err); len(list) > 0 {
		in := list[0]
		if in.Line > 0 {
			p = problem(field, "query-text", "at %d:%d: %s", in.Line, in.Column, in.Msg)
			p.Args = []string{fmt.Sprintf("%d:%d: %s", in.Line, in.Column, in.Msg)}
		} else {
			p = problem(field, "query-text", "%s", in.Msg)
		}
		p.Hint = in.Hint
	}
	return p
}

// checkAsked finds what the expressions of a query name that is not there.
func (e *Engine) checkAsked(caller catalog.Caller, at string, q *Query) []fault.Problem {
	if len(q.Key) == 0 {
		return nil
	}
	if q.from() != "" {
		return e.checkKept(caller, at, q)
	}
	var out []fault.Problem
	v, _ := parseValue(q.Value)
	for _, x := range []exprAt{{"expect", q.Expect}, {"value", v.expr}} {
		checked, iss := expressions.env.Compile(x.text)
		if x.text == "" || iss.Err() != nil {
			continue // the kind's own check says so
		}
		for _, root := range []string{"metadata", "spec", "links"} {
			if len(fieldsUnder(checked, root)) > 0 {
				out = append(out, problem(at+"."+x.field, "query-of-rows", "%s is of what is kept here; the rows of a question have row and rows", root))
			}
		}
	}
	return out
}

// checkKept is checkAsked where the population is what is kept here.
func (e *Engine) checkKept(caller catalog.Caller, at string, q *Query) []fault.Problem {
	p := q.Population
	out := e.checkSource(caller, at+".population", &Records{From: p.From, Where: p.Where, Expect: q.Expect, Value: q.Value}, exprAt{"match", p.Match})
	for i, x := range out {
		for _, name := range []string{"expect", "value"} {
			if x.Field == at+".population."+name {
				out[i].Field = at + "." + name
			}
		}
	}
	return out
}

func (e *Engine) unknownLanguage(at, name string) fault.Problem {
	p := problem(at+".language", "unknown-language", "there is no query language %q here", name)
	p.Hint = "no engine is connected that has one"
	if names := sortedKeys(e.languages); len(names) > 0 {
		p.Hint = "the languages are " + strings.Join(names, ", ")
		if near := catalog.Nearest(name, names); near != "" {
			p.Hint = fmt.Sprintf("did you mean %q?", near)
		}
	}
	return p
}
