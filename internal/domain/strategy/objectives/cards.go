package objectives

import (
	"cmp"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

func cards() []web.Card {
	kr, o := []string{"KeyResult"}, []string{"Objective"}
	return []web.Card{
		{ID: "kr-head", Kinds: kr, Slot: web.Head, Template: "okr-head.html", Load: loadResultHead, Replaces: []string{"status.standing", "status.trust", "status.state", "status.zone", "status.since", "status.cycle"}},
		{ID: "kr-actions", Kinds: kr, Slot: web.Actions, Template: "okr-actions.html", Load: loadResultActions},
		{ID: "kr-progress", Kinds: kr, Slot: web.Main, Order: 40, Title: "okr.card.progress", Template: "okr-progress.html", Load: loadProgress,
			Replaces: []string{"status.progress", "status.pace", "status.value", "spec.start", "spec.target", "spec.final", "spec.unit", "spec.decimals", "spec.direction", "spec.low", "spec.high", "spec.steps", "spec.milestones"}},
		{ID: "kr-values", Kinds: kr, Slot: web.Main, Order: 50, Title: "okr.card.values", Template: "okr-values.html", Load: loadValues},
		{ID: "kr-checkins", Kinds: kr, Slot: web.Main, Order: 60, Title: "okr.card.checkins", Template: "okr-checkins.html", Load: loadCheckIns, Flush: true, Replaces: []string{"status.confidence", "status.checkedIn"}},
		{ID: "kr-way", Kinds: kr, Slot: web.Side, Order: 60, Title: "okr.card.way", Template: "okr-way.html", Load: loadResultWay, Flush: true,
			Replaces: []string{"relations", "neighbours", "spec.objective", "spec.measure", "spec.continues"}},
		{ID: "kr-blockers", Kinds: kr, Slot: web.Side, Order: 50, Title: "okr.card.blockers", Template: "okr-blockers.html", Load: loadBlockers, Flush: true},
		{ID: "o-head", Kinds: o, Slot: web.Head, Template: "okr-head.html", Load: loadObjectiveHead, Replaces: []string{"status.standing", "status.score", "status.keyResults", "spec.state"}},
		{ID: "o-actions", Kinds: o, Slot: web.Actions, Template: "okr-actions.html", Load: loadObjectiveActions},
		{ID: "o-results", Kinds: o, Slot: web.Main, Order: 40, Title: "okr.card.results", Template: "okr-results.html", Load: loadResults, Flush: true},
		{ID: "o-score", Kinds: o, Slot: web.Main, Order: 50, Title: "okr.card.score", Template: "okr-score.html", Load: loadScore},
		{ID: "o-way", Kinds: o, Slot: web.Side, Order: 50, Title: "okr.card.way", Template: "okr-way.html", Load: loadWay, Flush: true, Replaces: []string{"relations", "spec.cycle", "spec.parent", "spec.pillar", "spec.continues"}},
		{ID: "c-head", Kinds: []string{"Cycle"}, Slot: web.Head, Template: "okr-cyclehead.html", Load: loadCycleHead, Replaces: []string{"spec.state", "status.score", "status.objectives"}},
		{ID: "c-actions", Kinds: []string{"Cycle"}, Slot: web.Actions, Template: "okr-actions.html", Load: loadCycleActions},
		{ID: "c-goals", Kinds: []string{"Cycle"}, Slot: web.Main, Order: 40, Title: "okr.card.goals", Template: "okr-goals.html", Load: loadCycleGoals, Flush: true},
		{ID: "p-goals", Kinds: []string{"Pillar"}, Slot: web.Main, Order: 40, Title: "okr.card.goals", Template: "okr-goals.html", Load: loadPillarGoals, Flush: true},
	}
}

// resultOf reads the key result that a card is about, with what is above it.
func resultFor(c *web.Ctx, e *entity.Entity) (*result, *cycle, error) {
	kr := &result{Entity: e}
	var err error
	if kr.KeyResult, err = catalog.Spec[KeyResult](e); err != nil {
		return nil, nil, err
	}
	if kr.status, err = statusOf[KeyResultStatus](e); err != nil {
		return nil, nil, err
	}
	above, o, in, err := up(e, &kr.KeyResult, func(ref entity.Ref) (*entity.Entity, error) { return c.Catalog().Get(c.R.Context(), c.Caller, ref) })
	if err != nil {
		return nil, nil, err
	}
	if above != nil {
		kr.of = &objective{Entity: above, Objective: o}
	}
	x, err := cycleFrom(in)
	return kr, x, err
}

// cycleFrom reads a cycle; nil for none.
func cycleFrom(e *entity.Entity) (*cycle, error) {
	if e == nil {
		return nil, nil
	}
	x := &cycle{Entity: e}
	var err error
	if x.Cycle, err = catalog.Spec[Cycle](e); err != nil {
		return nil, err
	}
	if x.span, err = spanOf(e); err != nil {
		return nil, err
	}
	x.status, err = statusOf[CycleStatus](e)
	return x, err
}

// sight is a key result as the cards of its page share it.
type sight struct {
	lens   *lens
	result *result
	cycle  *cycle
}

// lensOn looks at one key result.
func lensOn(c *web.Ctx, e *entity.Entity) (*lens, *result, *cycle, error) {
	s, err := web.Shared(c, "okr/"+e.Metadata.UID, func() (sight, error) {
		kr, x, err := resultFor(c, e)
		if err != nil {
			return sight{}, err
		}
		var span *okr.Span
		if x != nil {
			span = x.span
		}
		l, err := look(c, []*result{kr}, map[entity.Ref]*okr.Span{kr.Ref(): span}, since(c, span))
		return sight{l, kr, x}, err
	})
	return s.lens, s.result, s.cycle, err
}

// goalHead is the badge beside the title.
type goalHead struct {
	State, Word, Note string
	Score             string
	Outcome           string
	OutcomeState      string
}

func loadResultHead(c *web.Ctx, e *entity.Entity) (any, error) {
	l, kr, _, err := lensOn(c, e)
	if err != nil {
		return nil, err
	}
	line := l.line(kr)
	return goalHead{State: line.State, Word: line.Word, Note: line.Note}, nil
}

// button is an action at the right of a title.
type button struct{ Href, Label, Icon string }

func loadResultActions(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := catalog.Spec[KeyResult](e)
	if err != nil || s.Final != nil || !c.Can(auth.Write, mayWrite(auth.KindCheckIn)) {
		return nil, err
	}
	return []button{{checkInAddress(e.Ref()), c.T("okr.checkin.do"), "comment"}}, nil
}

// progressCard shows how far a key result has come, and how that is reckoned.
type progressCard struct {
	Line     krLine
	Progress string // the derivation
	Pace     string
	Span     string // the days of the cycle
	Steps    []stepLine
	Scored   string
}

type stepLine struct {
	Text string
	Done bool
}

func loadProgress(c *web.Ctx, e *entity.Entity) (any, error) {
	l, kr, x, err := lensOn(c, e)
	if err != nil {
		return nil, err
	}
	r := l.reading(kr)
	p := progressCard{Line: l.line(kr).bare(), Progress: progressText(c, &kr.KeyResult, &r)}
	if r.Pace != nil {
		p.Pace = c.T("okr.derive.pace", signed(c, *r.Pace), lang.Float(c.Lang, *r.Progress, 2), lang.Float(c.Lang, *r.Expected, 2))
	}
	if x != nil && x.span != nil && kr.Final == nil {
		h := headOf(c, x)
		p.Span = h.Text
	}
	value := -1.0
	if r.Value != nil {
		value = *r.Value
	}
	if kr.Steps != nil {
		for i, text := range []string{kr.Steps.Commit, kr.Steps.Target, kr.Steps.Stretch} {
			p.Steps = append(p.Steps, stepLine{c.T("okr.step."+[]string{"commit", "target", "stretch"}[i]) + ": " + text, value > float64(i)})
		}
	}
	for i, text := range kr.Milestones {
		p.Steps = append(p.Steps, stepLine{text, value > float64(i)})
	}
	if f := kr.Final; f != nil {
		at, _ := time.Parse(time.RFC3339, f.At) // a moment, by the schema
		p.Scored = c.T("okr.scored", lang.Float(c.Lang, f.Score, 2), lang.Date(c.Lang, at.In(c.Zone()), c.Here()), c.T("okr.trust."+f.Trust))
	}
	return p, nil
}

// signed writes a number with its sign.
func signed(c *web.Ctx, v float64) string {
	text := lang.Float(c.Lang, v, 2)
	if v > 0 {
		return "+" + text
	}
	return strings.Replace(text, "-", "−", 1)
}

// progressText writes how a progress comes about: "0.94 = (62 − 94) / (60 − 94)".
func progressText(c *web.Ctx, s *KeyResult, r *reading) string {
	if r.Progress == nil || r.Value == nil {
		return ""
	}
	p, num := lang.Float(c.Lang, *r.Progress, 2), func(v float64) string { return lang.Float(c.Lang, v, -1) }
	switch g := s.Goal(); {
	case g.Kind == okr.Ordinal && *r.Value < 1:
		return c.T("okr.derive.nostep", p)
	case g.Kind == okr.Ordinal:
		return c.T("okr.derive.step", p, writeValue(c, s, *r.Value))
	case g.Kind == okr.Milestone:
		return c.T("okr.derive.milestones", p, int(*r.Value), g.Milestones)
	case s.keeps() && g.Outside(*r.Value) == 0:
		return c.T("okr.derive.inside", p, num(*r.Value), bandText(c, s))
	case s.keeps() && *r.Progress == 0:
		return c.T("okr.derive.far", p, num(g.Outside(*r.Value)))
	case s.keeps():
		return c.T("okr.derive.outside", p, num(g.Outside(*r.Value)), num(g.Reach()))
	default:
		text := c.T("okr.derive.metric", p, num(*r.Value), num(g.Start), num(g.Target))
		if raw := (*r.Value - g.Start) / (g.Target - g.Start); raw < 0 || raw > 1 {
			text += " " + c.T("okr.derive.clamped")
		}
		return text
	}
}

// valuesCard draws the values, and where they will be at the close.
type valuesCard struct {
	Chart    template.HTML
	Forecast string
	Miss     string
	Basis    string
	Few      string
	Windows  []choice
}

func loadValues(c *web.Ctx, e *entity.Entity) (any, error) {
	l, kr, x, err := lensOn(c, e)
	if err != nil {
		return nil, err
	}
	points := l.points[e.Metadata.UID]
	card := &valuesCard{}
	for _, w := range windows {
		label := c.T("okr.filter.cycle")
		if w.days > 0 {
			label = c.T("okr.filter.days", w.days)
		}
		card.Windows = append(card.Windows, choice{Label: label, Href: address(c.Href(e.Ref()), "window", w.name), On: c.Param("window") == w.name})
	}
	var f okr.Forecast
	ok := false
	if x != nil && x.span != nil && kr.Final == nil && c.Now.Before(x.span.End()) {
		if f, ok = okr.AtClose(kr.Goal(), points, x.span.End()); ok {
			card.Forecast = c.T("okr.forecast", writeNumber(c, &kr.KeyResult, f.Value), percent(f.Progress))
			card.Miss = c.T("okr.forecast.miss", lang.Percent(c.Lang, f.Miss, 0))
			card.Basis = c.T("okr.forecast.basis", f.Points, signedUnit(c, &kr.KeyResult, f.Slope*7), f.Short, f.Lines)
		} else {
			card.Few = c.T("okr.forecast.few", len(points), okr.ForecastLeast)
		}
	}
	if len(points) == 0 && card.Few == "" {
		return nil, nil
	}
	card.Chart = l.chart(kr, x, points, f, ok)
	return card, nil
}

// writeNumber writes a value that need not be one that a step can have.
func writeNumber(c *web.Ctx, s *KeyResult, v float64) string {
	scale := s.scale()
	if s.Kind != string(okr.Metric) {
		scale.Decimals = 0 // steps and milestones; a forecast may lie between two
		if v != math.Trunc(v) {
			scale.Decimals = 1
		}
	}
	return scale.Write(v, c.Lang)
}

func signedUnit(c *web.Ctx, s *KeyResult, v float64) string {
	scale := s.scale()
	scale.Decimals++
	text := scale.Write(v, c.Lang)
	if v > 0 {
		return "+" + text
	}
	return strings.Replace(text, "-", "−", 1)
}

// dayOf is the day of a moment where the reader lives, at midnight in UTC, where
// all days are as long.
func (l *lens) dayOf(t time.Time) time.Time {
	year, month, day := t.In(l.c.Zone()).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// chart draws a value for each day of the window, and on to the close.
func (l *lens) chart(kr *result, x *cycle, points []okr.Point, f okr.Forecast, forecast bool) template.HTML {
	if len(points) == 0 {
		return ""
	}
	c := l.c
	first, today := l.dayOf(points[0].At), l.dayOf(c.Now)
	last := today
	if forecast {
		last = x.span.Last
	}
	days := min(int(last.Sub(first).Hours()/24)+1, 800)
	values, ahead := make([]float64, days), make([]float64, days)
	line := chart.Line{Name: c.T("okr.chart.name", len(points), kr.DisplayTitle()), Height: 190, XName: c.T("okr.chart.day"), Words: c.App.ChartWords(c)}
	for i := range days {
		values[i], ahead[i] = nan, nan
		line.X = append(line.X, lang.Date(c.Lang, first.AddDate(0, 0, i), today))
	}
	lastDay := 0
	for _, p := range points {
		if i := int(l.dayOf(p.At).Sub(first).Hours() / 24); i >= 0 && i < days {
			values[i], lastDay = p.V, i
		}
	}
	fillGaps(values, lastDay)
	line.Series = []chart.Series{{Name: c.T("okr.chart.value"), Class: "1", Y: values, Area: true}}
	if forecast {
		from := points[len(points)-1]
		for i := lastDay; i < days; i++ {
			ahead[i] = from.V + (f.Value-from.V)*float64(i-lastDay)/float64(max(days-1-lastDay, 1))
		}
		line.Series = append(line.Series, chart.Series{Name: c.T("okr.chart.forecast"), Class: "1", Y: ahead, Dash: true})
		line.Legend = true
	}
	scale := kr.scale()
	if t := cmp.Or(scale.Target, scale.Low, scale.High); t != nil {
		line.Target = &chart.Target{V: *t, Label: c.T("okr.chart.target", scale.Write(*t, c.Lang))}
	}
	line.Format = func(v float64) string { return lang.Float(c.Lang, v, -1) }
	line.Exact = func(v float64) string { return writeNumber(c, &kr.KeyResult, v) }
	return line.HTML()
}

// fillGaps draws a number on until there is another: it holds for the days
// between.
func fillGaps(values []float64, last int) {
	for i := 1; i <= last; i++ {
		if values[i] != values[i] {
			values[i] = values[i-1]
		}
	}
}

// checkInLine is a check-in on the timeline of its key result.
type checkInLine struct {
	At         time.Time
	Who, Href  string
	Value      string
	Confidence string
	Note       string
}

type checkInsCard struct {
	Lines []checkInLine
	More  string
}

// shownCheckIns is how many check-ins the timeline shows.
const shownCheckIns = 12

func loadCheckIns(c *web.Ctx, e *entity.Entity) (any, error) {
	l, kr, _, err := lensOn(c, e)
	if err != nil {
		return nil, err
	}
	list := l.checks[e.Ref()]
	if len(list) == 0 {
		return nil, nil
	}
	card := checkInsCard{}
	for _, x := range list[:min(len(list), shownCheckIns)] {
		line := checkInLine{At: x.when(), Who: l.who(x.Author), Href: c.Href(x.Ref()), Note: x.Note}
		if x.Value != nil {
			line.Value = l.write(kr, *x.Value)
		}
		if x.Confidence != nil {
			line.Confidence = c.T("okr.confidence.of", *x.Confidence)
		}
		card.Lines = append(card.Lines, line)
	}
	if len(list) > shownCheckIns {
		card.More = address("/check-ins", "spec.keyResult", e.Ref().String(), "sort", "-spec.at")
	}
	return card, nil
}

func loadBlockers(c *web.Ctx, e *entity.Entity) (any, error) {
	l, _, _, err := lensOn(c, e)
	if err != nil {
		return nil, err
	}
	var out []blockerLine
	for _, b := range l.blockers[e.Ref()] {
		out = append(out, l.blocker(b, false))
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// aim is an objective as the cards of its page share it.
type aim struct {
	lens      *lens
	objective *objective
}

// objectiveFor reads the objective that a card is about, with its key results.
func objectiveFor(c *web.Ctx, e *entity.Entity) (*lens, *objective, error) {
	a, err := web.Shared(c, "okr/"+e.Metadata.UID, func() (aim, error) {
		l, o, err := readObjective(c, e)
		return aim{l, o}, err
	})
	return a.lens, a.objective, err
}

func readObjective(c *web.Ctx, e *entity.Entity) (*lens, *objective, error) {
	o := &objective{Entity: e}
	var err error
	if o.Objective, err = catalog.Spec[Objective](e); err != nil {
		return nil, nil, err
	}
	if o.status, err = statusOf[ObjectiveStatus](e); err != nil {
		return nil, nil, err
	}
	spans := map[entity.Ref]*okr.Span{}
	span, err := o.span(c)
	if err != nil {
		return nil, nil, err
	}
	err = c.Catalog().Each(c.R.Context(), c.Caller, within("KeyResult", "spec.objective", e.Ref()), func(x *entity.Entity) (err error) {
		kr := &result{Entity: x, of: o}
		if kr.KeyResult, err = catalog.Spec[KeyResult](x); err != nil {
			return err
		}
		kr.status, err = statusOf[KeyResultStatus](x)
		o.Results, spans[x.Ref()] = append(o.Results, kr), span
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	l, err := look(c, o.Results, spans, since(c, span))
	return l, o, err
}

// span are the days of the cycle of an objective; nil where there is none.
func (o *objective) span(c *web.Ctx) (*okr.Span, error) {
	ref, err := entity.ParseRef(o.Cycle, "cycle", o.Metadata.Namespace)
	if err != nil {
		return nil, nil
	}
	e, err := c.Find(ref)
	if err != nil || e == nil {
		return nil, err
	}
	return spanOf(e)
}

func loadObjectiveHead(c *web.Ctx, e *entity.Entity) (any, error) {
	l, o, err := objectiveFor(c, e)
	if err != nil {
		return nil, err
	}
	b, err := l.block(o)
	h := goalHead{State: b.State, Word: b.Word, Score: b.Score, Outcome: b.Outcome, OutcomeState: b.OutcomeState}
	if len(o.Results) == 0 {
		h.Note = c.T("okr.note.empty")
	}
	return h, err
}

func loadObjectiveActions(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := catalog.Spec[Objective](e)
	if err != nil || !c.Can(auth.Write, mayWrite("KeyResult")) || s.State != Active && s.State != Draft {
		return nil, err
	}
	return []button{{address("/key-results/new", "spec.objective", shortOf(e.Ref())), c.T("okr.result.new"), "plus"}}, nil
}

func loadResults(c *web.Ctx, e *entity.Entity) (any, error) {
	l, o, err := objectiveFor(c, e)
	if err != nil || len(o.Results) == 0 {
		return nil, err
	}
	b, err := l.block(o)
	return b.Lines, err
}

// scoreCard shows how the score of an objective comes about.
type scoreCard struct {
	Derived string
	Rows    []scoreRow
}

type scoreRow struct {
	Title, Href, Weight, Progress, Term string
	Note                                string
}

func loadScore(c *web.Ctx, e *entity.Entity) (any, error) {
	l, o, err := objectiveFor(c, e)
	if err != nil || len(o.Results) == 0 {
		return nil, err
	}
	var parts []okr.Part
	card := scoreCard{}
	for _, kr := range o.Results {
		r := l.reading(kr)
		p := okr.Part{Weight: kr.Weight, Progress: r.Progress}
		parts = append(parts, p)
		row := scoreRow{Title: kr.DisplayTitle(), Href: c.Href(kr.Ref()), Weight: lang.Float(c.Lang, p.W(), -1), Progress: lang.Float(c.Lang, p.P(), 2), Term: lang.Float(c.Lang, p.W()*p.P(), 2)}
		if r.Progress == nil {
			row.Note = c.T("okr.score.unknown")
		}
		card.Rows = append(card.Rows, row)
	}
	if score := okr.Score(parts); score != nil {
		card.Derived = derivation(c, parts, *score)
	}
	return card, nil
}

// wayCard shows what an objective leads to, and what leads to it.
type wayCard struct{ Groups []wayGroup }

type wayGroup struct {
	Label  string
	Things []web.Thing
}

// relation is a group of what a goal is related to: the key of its label and
// the name of the relation.
type relation struct{ key, name string }

func loadWay(c *web.Ctx, e *entity.Entity) (any, error) {
	return way(c, e, []relation{{"okr.cycle", "within"}, {"okr.way.up", "alignsTo"}, {"okr.way.pillar", "under"}, {"okr.way.down", "alignedBy"}, {"okr.work", "servedBy"}, {"okr.way.before", "continues"}, {"okr.way.after", "continuedBy"}, {"okr.card.blockers", "blockedBy"}})
}

func loadResultWay(c *web.Ctx, e *entity.Entity) (any, error) {
	return way(c, e, []relation{{"okr.way.objective", "resultOf"}, {"okr.way.measure", "measuredBy"}, {"okr.way.down", "alignedBy"}, {"okr.work", "servedBy"}, {"okr.way.before", "continues"}, {"okr.way.after", "continuedBy"}})
}

func way(c *web.Ctx, e *entity.Entity, relations []relation) (any, error) {
	card := wayCard{}
	for _, g := range relations {
		things, err := c.Related(e.Ref(), g.name)
		if err != nil {
			return nil, err
		}
		if len(things) > 0 {
			card.Groups = append(card.Groups, wayGroup{c.T(g.key), things})
		}
	}
	if len(card.Groups) == 0 {
		return nil, nil
	}
	return card, nil
}

func loadCycleHead(c *web.Ctx, e *entity.Entity) (any, error) {
	x, err := cycleFrom(e)
	if err != nil {
		return nil, err
	}
	return headOf(c, x), nil
}

func loadCycleActions(c *web.Ctx, e *entity.Entity) (any, error) {
	x, err := cycleFrom(e)
	if err != nil {
		return nil, err
	}
	out := []button{{address("/objectives", "cycle", shortOf(e.Ref())), c.T("okr.title"), "target"}}
	if !c.Can(auth.Write, mayWrite("Cycle")) || x.status.Objectives == 0 {
		return out, nil
	}
	if x.State == Closed {
		return append(out, button{address("/objectives/carry", "cycle", shortOf(e.Ref())), c.T("okr.carry.do"), "arrow"}), nil
	}
	return append(out, button{address("/objectives/close", "cycle", shortOf(e.Ref())), c.T("okr.close.do"), "check"}), nil
}

// goalRow is an objective in a list.
type goalRow struct {
	Thing       web.Thing
	State, Word string
	Score       string
	Results     int
	Cycle       string
}

func loadCycleGoals(c *web.Ctx, e *entity.Entity) (any, error) {
	return goalRows(c, within("Objective", "spec.cycle", e.Ref()), false)
}

func loadPillarGoals(c *web.Ctx, e *entity.Entity) (any, error) {
	return goalRows(c, within("Objective", "spec.pillar", e.Ref()), true)
}

// cycleTitles names the cycles of some goals as people do.
func cycleTitles(c *web.Ctx, rows []goalRow) error {
	var refs []entity.Ref
	for _, r := range rows {
		if ref, err := entity.ParseRef(r.Cycle, "cycle", r.Thing.Ref.Namespace); err == nil {
			refs = append(refs, ref)
		}
	}
	titles, err := c.Catalog().Titles(c.R.Context(), c.Caller, refs)
	for i := range rows {
		if ref, err := entity.ParseRef(rows[i].Cycle, "cycle", rows[i].Thing.Ref.Namespace); err == nil {
			rows[i].Cycle = cmp.Or(titles[ref.String()], rows[i].Cycle)
		}
	}
	return err
}

func goalRows(c *web.Ctx, q catalog.Query, withCycle bool) (any, error) {
	var rows []goalRow
	rank := map[string]int{}
	err := c.Catalog().Each(c.R.Context(), c.Caller, q, func(e *entity.Entity) error {
		s, err := catalog.Spec[Objective](e)
		if err != nil {
			return err
		}
		status, err := statusOf[ObjectiveStatus](e)
		w := cmp.Or(status.Standing, string(okr.Unknown))
		st := standingOf(w)
		row := goalRow{Thing: c.Thing(e), State: stateClass(st, w == string(st)), Word: word(c, st), Results: status.KeyResults}
		if status.Score != nil {
			row.Score = lang.Float(c.Lang, *status.Score, 2)
		}
		if withCycle {
			row.Cycle = s.Cycle
		}
		rank[e.Ref().String()] = slices.Index(okr.Standings, st)
		rows = append(rows, row)
		return err
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	slices.SortStableFunc(rows, func(a, b goalRow) int { return rank[a.Thing.Ref.String()] - rank[b.Thing.Ref.String()] })
	return rows, cycleTitles(c, rows)
}
