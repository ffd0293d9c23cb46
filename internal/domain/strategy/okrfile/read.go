package okrfile

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parser reads one file.
type parser struct {
	file     string
	opt      Options
	form     form
	head     []string
	place    map[string]int // columns by field
	dates    string         // "dmy", "mdy" or ""
	decimals string         // ".", "," or ""
	problems problems
}

// cell is a value with its place in the file.
type cell struct {
	text         string
	line, column int
	field        string // the head of its column
}

// row is one record with where it stands.
type row struct {
	values []string
	line   int
	column []int
}

func (p *parser) report(c cell, code string, args ...string) {
	if len(p.problems) > maxProblems {
		return
	}
	problem := newProblem(p.file, c.line, code, args...)
	if len(p.problems) == maxProblems {
		problem = newProblem(p.file, c.line, "gave-up", strconv.Itoa(maxProblems))
	}
	problem.Column, problem.Field = c.column, c.field
	p.problems = append(p.problems, problem)
}

func (p *parser) read(data []byte) []Goal {
	rows, ok := p.rows(data)
	if !ok || !p.header(rows[0]) {
		return nil
	}
	rows = slices.DeleteFunc(rows[1:], row.empty)
	p.habits(rows)
	return p.form.goals(p, rows)
}

// rows splits the file. It is false when there is nothing to be read.
func (p *parser) rows(data []byte) ([]row, bool) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) > MaxBytes:
		p.report(cell{}, "too-large", fmt.Sprintf("%d MB", MaxBytes>>20))
		return nil, false
	case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0:
		p.report(cell{}, "not-utf8")
		return nil, false
	}
	in := csv.NewReader(bytes.NewReader(data))
	in.Comma, in.FieldsPerRecord = delimiter(data), -1
	var rows []row
	for len(rows) <= MaxGoals+1 {
		values, err := in.Read()
		var broken *csv.ParseError
		switch {
		case err == io.EOF && len(rows) == 0:
			p.report(cell{}, "empty")
			return nil, false
		case err == io.EOF:
			return rows, true
		case errors.As(err, &broken):
			p.report(cell{line: broken.Line, column: broken.Column}, "quote")
			return rows, len(rows) > 0
		case err != nil:
			p.report(cell{}, "unreadable", err.Error())
			return nil, false
		}
		r := row{values: values}
		for i := range values {
			line, column := in.FieldPos(i)
			r.line = cmp.Or(r.line, line)
			r.column = append(r.column, column)
		}
		rows = append(rows, r)
	}
	p.report(cell{}, "too-many", strconv.Itoa(MaxGoals))
	return nil, false
}

// empty reports whether a row holds nothing, as spreadsheets leave them at the
// end.
func (r row) empty() bool {
	return !slices.ContainsFunc(r.values, func(s string) bool { return strings.TrimSpace(s) != "" })
}

// delimiter returns what separates the header's columns: a comma, or what a
// spreadsheet in another country writes.
func delimiter(data []byte) rune {
	line, _, _ := bytes.Cut(bytes.TrimLeft(data, "\r\n"), []byte("\n"))
	best, most := ',', 0
	for _, r := range ",;\t" {
		if n := bytes.Count(line, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// fold makes the heads of columns comparable: "Start value*", "start_value" and
// "StartValue" are one.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// squeeze makes words comparable.
func squeeze(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// header finds which form the file has, and its columns.
func (p *parser) header(r row) bool {
	at := map[string]int{}
	for i, h := range slices.Backward(r.values) {
		at[fold(h)] = i
	}
	p.head = r.values
	for _, f := range forms() {
		place := map[string]int{}
		for _, x := range f.fields {
			if i, ok := at[fold(x.head)]; ok {
				place[x.name] = i
			}
		}
		if slices.ContainsFunc(f.marks, func(m string) bool { _, ok := place[m]; return !ok }) {
			continue
		}
		p.form, p.place = f, place
		for _, x := range f.fields {
			if _, ok := place[x.name]; x.need && !ok {
				p.report(cell{line: r.line}, "column", x.head)
				return false
			}
		}
		return true
	}
	p.report(cell{line: r.line}, "header")
	return false
}

// cell returns the value of a field; an empty one when the file does not have
// it.
func (p *parser) cell(r row, name string) cell {
	i, ok := p.place[name]
	if !ok || i >= len(r.values) {
		return cell{line: r.line}
	}
	return cell{text: strings.TrimSpace(strings.ReplaceAll(r.values[i], "\r\n", "\n")), line: r.line, column: r.column[i], field: strings.TrimSpace(p.head[i])}
}

// text returns the value of a field on one line.
func (p *parser) text(r row, name string) string {
	return strings.Join(strings.Fields(p.cell(r, name).text), " ")
}

// whole refuses a row whose columns do not fit the header, or with a value
// that is too long.
func (p *parser) whole(r row) bool {
	if len(r.values) != len(p.head) {
		p.report(cell{line: r.line}, "columns", strconv.Itoa(len(r.values)), strconv.Itoa(len(p.head)))
		return false
	}
	for i, s := range r.values {
		if len(s) > MaxText {
			p.report(cell{line: r.line, column: r.column[i], field: strings.TrimSpace(p.head[i])}, "too-long", strconv.Itoa(MaxText))
			return false
		}
	}
	return true
}

// need returns the value of a field, and reports that it is empty.
func (p *parser) need(r row, name string) (string, bool) {
	s := p.text(r, name)
	if s == "" {
		p.report(p.cell(r, name), "required", p.headOf(name))
	}
	return s, s != ""
}

func (p *parser) headOf(name string) string {
	if i, ok := p.place[name]; ok {
		return strings.TrimSpace(p.head[i])
	}
	return name
}

// split cuts a list at commas, semicolons or bars.
func split(s string) []string {
	var list []string
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(",;|", r) }) {
		if part = strings.Join(strings.Fields(part), " "); part != "" && !slices.Contains(list, part) {
			list = append(list, part)
		}
	}
	return list
}

// common reads what rows of every form have: days, owner and labels.
func (p *parser) common(r row) (Goal, bool) {
	g := Goal{Parent: -1, Line: r.line, Owner: p.text(r, "owner"), Labels: split(p.cell(r, "labels").text), Description: p.cell(r, "description").text}
	var ok1, ok2 bool
	g.From, ok1 = p.day(p.cell(r, "from"))
	g.To, ok2 = p.day(p.cell(r, "to"))
	if ok1 && ok2 && !g.From.IsZero() && !g.To.IsZero() && g.To.Before(g.From) {
		p.report(p.cell(r, "to"), "days", p.text(r, "to"))
		return g, false
	}
	return g, ok1 && ok2
}

// appfire reads the tree that the order gives.
func (p *parser) appfire(rows []row) []Goal {
	var goals []Goal
	at := map[string]int{}
	refused := map[string]bool{}
	for _, r := range rows {
		order, ok := p.order(r)
		if !ok {
			continue
		}
		if _, twice := at[order]; twice || refused[order] {
			p.report(p.cell(r, "order"), "order-twice", order)
			continue
		}
		g, ok := p.appfireRow(r, order, at, refused, goals)
		if !ok {
			refused[order] = true
			continue
		}
		at[order] = len(goals)
		goals = append(goals, g)
	}
	return goals
}

// order reads "1.2.1": a tree of numbers from 1.
func (p *parser) order(r row) (string, bool) {
	if !p.whole(r) {
		return "", false
	}
	text, ok := p.need(r, "order")
	if !ok {
		return "", false
	}
	parts := strings.Split(strings.TrimSuffix(text, "."), ".")
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 || n > 1_000_000 || len(parts) > MaxDepth {
			p.report(p.cell(r, "order"), "order", text)
			return "", false
		}
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, "."), true
}

func (p *parser) appfireRow(r row, order string, at map[string]int, refused map[string]bool, goals []Goal) (Goal, bool) {
	g, ok := p.common(r)
	g.Order, g.Status, g.Period, g.Level, g.Teams = order, p.text(r, "status"), p.text(r, "period"), p.text(r, "level"), split(p.cell(r, "teams").text)
	var titled bool
	if g.Title, titled = p.need(r, "summary"); !titled || !ok {
		return g, false
	}
	if g.Kind, ok = p.kind(r, "type"); !ok {
		return g, false
	}
	if i := strings.LastIndexByte(order, '.'); i >= 0 {
		above, there := at[order[:i]]
		switch {
		case refused[order[:i]]:
			p.report(p.cell(r, "order"), "above-refused", order, order[:i])
			return g, false
		case !there:
			p.report(p.cell(r, "order"), "above", order, order[:i])
			return g, false
		case g.Kind == KeyResult && goals[above].Kind == KeyResult:
			p.report(p.cell(r, "type"), "below-result", order, order[:i])
			return g, false
		}
		g.Parent = above
	} else if g.Kind == KeyResult {
		p.report(p.cell(r, "order"), "result-alone", order)
		return g, false
	}
	if g.Kind == Objective {
		g.State = stateOf(g.Status)
	}
	return g, p.numbers(r, &g)
}

// kindWords are what objectives and key results are called.
var kindWords = map[string]Kind{"objective": Objective, "objetivo": Objective, "goal": Objective, "o": Objective,
	"keyresult": KeyResult, "kr": KeyResult, "resultadoclave": KeyResult, "milestone": KeyResult}

func (p *parser) kind(r row, name string) (Kind, bool) {
	text, ok := p.need(r, name)
	if !ok {
		return "", false
	}
	k, ok := kindWords[fold(text)]
	if !ok {
		p.report(p.cell(r, name), "type", text)
	}
	return k, ok
}

// numbers reads the weight, and the values of a key result with their unit.
func (p *parser) numbers(r row, g *Goal) bool {
	weight, _, ok := p.number(p.cell(r, "weight"))
	if !ok {
		return false
	}
	if weight != nil && (*weight < 0.01 || *weight > 100) {
		p.report(p.cell(r, "weight"), "weight", p.text(r, "weight"))
		return false
	}
	g.Weight = weight
	if g.Kind == Objective {
		return true
	}
	for name, to := range map[string]**float64{"start": &g.Start, "current": &g.Current, "target": &g.Target} {
		v, _, good := p.number(p.cell(r, name))
		*to, ok = v, ok && good
	}
	for _, name := range []string{"target", "start", "current"} {
		if _, unit, good := p.numberQuietly(p.cell(r, name).text); good && g.Unit == "" {
			g.Unit = unit
		}
	}
	if ok && (g.Start == nil) != (g.Target == nil) {
		name := "start"
		if g.Start != nil {
			name = "target"
		}
		p.report(p.cell(r, name), "required", p.headOf(name))
		return false
	}
	if ok && g.Start != nil && *g.Start == *g.Target {
		p.report(p.cell(r, "target"), "same", p.text(r, "target"))
		return false
	}
	return ok
}

// betterworks reads goals with the milestones below them. A goal without one is
// itself what is counted.
func (p *parser) betterworks(rows []row) []Goal {
	var goals []Goal
	var progress *Goal // of the goal above, until a milestone comes
	last := -1
	flush := func() {
		if progress != nil {
			progress.Order = goals[last].Order + ".1"
			goals = append(goals, *progress)
			progress = nil
		}
	}
	objectives, results := 0, 0
	for _, r := range rows {
		if !p.whole(r) {
			continue
		}
		kind, ok := p.kind(r, "type")
		if !ok {
			continue
		}
		g, ok := p.betterworksRow(r, kind)
		switch {
		case kind == Objective:
			flush()
			if last = -1; !ok {
				continue
			}
			objectives, results = objectives+1, 0
			g.Order, last = strconv.Itoa(objectives), len(goals)
			own := g
			own.Kind, own.Parent, own.State = KeyResult, last, ""
			g.Start, g.Current, g.Target, g.Unit = nil, nil, nil, ""
			goals = append(goals, g)
			progress = &own
		case ok && last < 0:
			p.report(cell{line: r.line}, "milestone-alone", g.Title)
		case ok:
			progress, results = nil, results+1
			g.Order, g.Parent = goals[last].Order+"."+strconv.Itoa(results), last
			goals = append(goals, g)
		}
	}
	flush()
	return goals
}

func (p *parser) betterworksRow(r row, kind Kind) (Goal, bool) {
	g, ok := p.common(r)
	var titled bool
	g.Title, titled = p.need(r, "name")
	g.Kind, g.State = kind, Active
	if kind == KeyResult {
		g.State = ""
	}
	current, _, good := p.number(p.cell(r, "current"))
	zero, all := 0.0, 100.0
	g.Start, g.Target, g.Current, g.Unit = &zero, &all, current, "%"
	return g, ok && titled && good
}

// xto10x reads metrics, each with the objective it is of.
func (p *parser) xto10x(rows []row) []Goal {
	var goals []Goal
	at, results := map[string]int{}, map[int]int{}
	objectives := 0
	for _, r := range rows {
		if !p.whole(r) {
			continue
		}
		o, ok := p.common(r)
		title, titled := p.need(r, "objective")
		if !ok || !titled {
			continue
		}
		key := strings.Join([]string{squeeze(title), o.From.String(), o.To.String()}, "\x00")
		above, there := at[key]
		if !there {
			objectives++
			above, at[key] = len(goals), len(goals)
			o.Kind, o.State, o.Title, o.Order = Objective, Active, title, strconv.Itoa(objectives)
			goals = append(goals, o)
		}
		metric := p.text(r, "metric")
		if metric == "" {
			continue
		}
		g := Goal{Kind: KeyResult, Parent: above, Title: metric, Owner: o.Owner, From: o.From, To: o.To, Line: r.line}
		if !p.metric(r, &g) {
			continue
		}
		results[above]++
		g.Order = goals[above].Order + "." + strconv.Itoa(results[above])
		goals = append(goals, g)
	}
	return goals
}

// metric reads the numbers of a metric; one that is done or not has none.
func (p *parser) metric(r row, g *Goal) bool {
	switch kind := fold(p.text(r, "kind")); {
	case slices.Contains([]string{"boolean", "milestone", "yesno", "binary", "task"}, kind):
		g.Milestone = true
		return true
	case strings.HasPrefix(kind, "percent") || kind == "porcentaje":
		g.Unit = "%"
	}
	return p.numbers(r, g)
}
