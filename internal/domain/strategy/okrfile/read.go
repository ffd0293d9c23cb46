package okrfile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/domain/strategy/sheet"
)

// parser reads one file.
type parser struct {
	sheet.Sheet
	opt      Options
	form     form
	dates    sheet.Order // of dates that do not tell; "" when nothing does
	decimals string      // ".", "," or ""
}

func (p *parser) read(data []byte) []Goal {
	rows, ok := p.Read(data)
	if !ok || !p.header() {
		return nil
	}
	p.habits(rows)
	return p.form.goals(p, rows)
}

// squeeze makes words comparable.
func squeeze(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// header finds which form the file has, and its columns.
func (p *parser) header() bool {
	heads, line := p.Columns(), sheet.Cell{Line: p.Head.Line()}
	for _, f := range forms() {
		place := map[string][]int{}
		for _, x := range f.fields {
			if at, ok := heads[sheet.Fold(x.head)]; ok {
				place[x.name] = at
			}
		}
		if slices.ContainsFunc(f.marks, func(m string) bool { _, ok := place[m]; return !ok }) {
			continue
		}
		p.form, p.Place = f, place
		for _, x := range f.fields {
			if _, ok := place[x.name]; x.need && !ok {
				p.Report(line, "column", x.head)
				return false
			}
		}
		return true
	}
	p.Report(line, "header")
	return false
}

// text returns the value of a field on one line.
func (p *parser) text(r sheet.Row, name string) string {
	return strings.Join(strings.Fields(p.Cell(r, name).Text), " ")
}

// whole refuses a row whose columns do not fit the header, or with a value
// that is too long.
func (p *parser) whole(r sheet.Row) bool {
	if !p.Fits(r) {
		return false
	}
	for i, s := range r.Values {
		if len(s) > MaxText {
			p.Report(p.CellAt(r, i), "too-long", strconv.Itoa(MaxText))
			return false
		}
	}
	return true
}

// need returns the value of a field, and reports that it is empty.
func (p *parser) need(r sheet.Row, name string) (string, bool) {
	s := p.text(r, name)
	if s == "" {
		p.Report(p.Cell(r, name), "required", p.headOf(name))
	}
	return s, s != ""
}

func (p *parser) headOf(name string) string {
	if at := p.Place[name]; len(at) > 0 {
		return strings.TrimSpace(p.Head.Values[at[0]])
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
func (p *parser) common(r sheet.Row) (Goal, bool) {
	g := Goal{Parent: -1, Line: r.Line(), Owner: p.text(r, "owner"), Labels: split(p.Cell(r, "labels").Text), Description: p.Cell(r, "description").Text}
	var ok1, ok2 bool
	g.From, ok1 = p.day(p.Cell(r, "from"))
	g.To, ok2 = p.day(p.Cell(r, "to"))
	if ok1 && ok2 && !g.From.IsZero() && !g.To.IsZero() && g.To.Before(g.From) {
		p.Report(p.Cell(r, "to"), "days", p.text(r, "to"))
		return g, false
	}
	return g, ok1 && ok2
}

// appfire reads the tree that the order gives.
func (p *parser) appfire(rows []sheet.Row) []Goal {
	var goals []Goal
	at := map[string]int{}
	refused := map[string]bool{}
	for _, r := range rows {
		order, ok := p.order(r)
		if !ok {
			continue
		}
		if _, twice := at[order]; twice || refused[order] {
			p.Report(p.Cell(r, "order"), "order-twice", order)
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
func (p *parser) order(r sheet.Row) (string, bool) {
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
			p.Report(p.Cell(r, "order"), "order", text)
			return "", false
		}
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, "."), true
}

func (p *parser) appfireRow(r sheet.Row, order string, at map[string]int, refused map[string]bool, goals []Goal) (Goal, bool) {
	g, ok := p.common(r)
	g.Order, g.Status, g.Period, g.Level, g.Teams = order, p.text(r, "status"), p.text(r, "period"), p.text(r, "level"), split(p.Cell(r, "teams").Text)
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
			p.Report(p.Cell(r, "order"), "above-refused", order, order[:i])
			return g, false
		case !there:
			p.Report(p.Cell(r, "order"), "above", order, order[:i])
			return g, false
		case g.Kind == KeyResult && goals[above].Kind == KeyResult:
			p.Report(p.Cell(r, "type"), "below-result", order, order[:i])
			return g, false
		}
		g.Parent = above
	} else if g.Kind == KeyResult {
		p.Report(p.Cell(r, "order"), "result-alone", order)
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

func (p *parser) kind(r sheet.Row, name string) (Kind, bool) {
	text, ok := p.need(r, name)
	if !ok {
		return "", false
	}
	k, ok := kindWords[sheet.Fold(text)]
	if !ok {
		p.Report(p.Cell(r, name), "type", text)
	}
	return k, ok
}

// numbers reads the weight, and the values of a key result with their unit.
func (p *parser) numbers(r sheet.Row, g *Goal) bool {
	weight, _, ok := p.number(p.Cell(r, "weight"))
	if !ok {
		return false
	}
	if weight != nil && (*weight < 0.01 || *weight > 100) {
		p.Report(p.Cell(r, "weight"), "weight", p.text(r, "weight"))
		return false
	}
	g.Weight = weight
	if g.Kind == Objective {
		return true
	}
	for name, to := range map[string]**float64{"start": &g.Start, "current": &g.Current, "target": &g.Target} {
		v, _, good := p.number(p.Cell(r, name))
		*to, ok = v, ok && good
	}
	for _, name := range []string{"target", "start", "current"} {
		if _, unit, good := p.numberQuietly(p.Cell(r, name).Text); good && g.Unit == "" {
			g.Unit = unit
		}
	}
	if ok && (g.Start == nil) != (g.Target == nil) {
		name := "start"
		if g.Start != nil {
			name = "target"
		}
		p.Report(p.Cell(r, name), "required", p.headOf(name))
		return false
	}
	if ok && g.Start != nil && *g.Start == *g.Target {
		p.Report(p.Cell(r, "target"), "same", p.text(r, "target"))
		return false
	}
	return ok
}

// betterworks reads goals with the milestones below them. A goal without one is
// itself what is counted.
func (p *parser) betterworks(rows []sheet.Row) []Goal {
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
			p.Report(sheet.Cell{Line: r.Line()}, "milestone-alone", g.Title)
		case ok:
			progress, results = nil, results+1
			g.Order, g.Parent = goals[last].Order+"."+strconv.Itoa(results), last
			goals = append(goals, g)
		}
	}
	flush()
	return goals
}

func (p *parser) betterworksRow(r sheet.Row, kind Kind) (Goal, bool) {
	g, ok := p.common(r)
	var titled bool
	g.Title, titled = p.need(r, "name")
	g.Kind, g.State = kind, Active
	if kind == KeyResult {
		g.State = ""
	}
	current, _, good := p.number(p.Cell(r, "current"))
	zero, all := 0.0, 100.0
	g.Start, g.Target, g.Current, g.Unit = &zero, &all, current, "%"
	return g, ok && titled && good
}

// xto10x reads metrics, each with the objective it is of.
func (p *parser) xto10x(rows []sheet.Row) []Goal {
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
		g := Goal{Kind: KeyResult, Parent: above, Title: metric, Owner: o.Owner, From: o.From, To: o.To, Line: r.Line()}
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
func (p *parser) metric(r sheet.Row, g *Goal) bool {
	switch kind := sheet.Fold(p.text(r, "kind")); {
	case slices.Contains([]string{"boolean", "milestone", "yesno", "binary", "task"}, kind):
		g.Milestone = true
		return true
	case strings.HasPrefix(kind, "percent") || kind == "porcentaje":
		g.Unit = "%"
	}
	return p.numbers(r, g)
}
