package strategy

import (
	"cmp"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/workfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/forecast"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

func initiativeCards() []web.Card {
	of := []string{"Initiative"}
	return []web.Card{
		{ID: "initiative-head", Kinds: of, Slot: web.Head, Template: "initiative-head.html", Load: loadInitiativeHead, Replaces: []string{"spec.lane", "spec.state"}},
		{ID: "initiative-actions", Kinds: []string{"Initiative", "Milestone", "Dependency", "TeamCapacity", "Blackout"}, Slot: web.Actions, Template: "initiative-actions.html", Load: loadOnRoadmap},
		{ID: "initiative-forecast", Kinds: of, Slot: web.Main, Order: 40, Title: "strategy.forecast", Template: "initiative-forecast.html", Load: loadForecast, Replaces: []string{"spec.wantBy"}},
		{ID: "initiative-work", Kinds: of, Slot: web.Main, Order: 50, Title: "strategy.work", Template: "initiative-work.html", Load: loadWork, Flush: true, Replaces: []string{"spec.work", "spec.size", "spec.brokenDown"}},
		{ID: "initiative-dependencies", Kinds: of, Slot: web.Side, Order: 60, Title: "strategy.dependencies", Template: "initiative-dependencies.html", Load: loadDependencies, Flush: true, Replaces: []string{"spec.dependsOn"}},
		{ID: "milestone-needs", Kinds: []string{"Milestone"}, Slot: web.Main, Order: 40, Title: "strategy.milestone.needs", Template: "milestone-needs.html", Load: loadNeeds, Flush: true, Replaces: []string{"spec.marks"}},
	}
}

// seen is one initiative of a plan as a page shows it.
type seen struct {
	*roadmapping
	in *initiative
}

// seeingAll reads the roadmap once for all cards of a page.
func seeingAll(c *web.Ctx) (*roadmapping, error) {
	return web.Shared(c, "strategy.roadmap", func() (*roadmapping, error) {
		p, record, err := foreseen(c.R.Context(), c.Catalog(), c.Caller)
		if err != nil {
			return nil, err
		}
		r := &roadmapping{c: c, p: p, record: record, marks: map[*initiative]position{}, page: &roadmapView{}}
		for _, in := range p.initiatives {
			r.marks[in] = p.stands(in)
		}
		return r, r.name()
	})
}

// seeing finds an initiative in the roadmap; nil when it is not there.
func seeing(c *web.Ctx, e *entity.Entity) (*seen, error) {
	r, err := seeingAll(c)
	if err != nil {
		return nil, err
	}
	in := r.p.by[e.Ref()]
	if in == nil {
		return nil, nil // deleted, or an old revision of something renamed
	}
	return &seen{r, in}, nil
}

type initiativeHead struct {
	Lane, State, Word string
	Chance            string
}

func loadInitiativeHead(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := seeing(c, e)
	if s == nil || err != nil {
		return nil, err
	}
	mark := s.marks[s.in]
	h := initiativeHead{Lane: c.T("strategy.lane." + s.in.Spec.Lane), State: mark.State, Word: c.T(mark.Key)}
	if s.in.chance() >= 0 && s.in.Spec.State != InitiativeDone {
		h.Chance = c.T("strategy.roadmap.chance", s.percent(s.in.chance()), s.date(s.in.aim()))
	}
	return h, nil
}

func loadOnRoadmap(_ *web.Ctx, e *entity.Entity) (any, error) {
	switch e.Kind {
	case "TeamCapacity":
		return "/roadmap?view=capacity", nil
	case "Initiative":
		return "/roadmap#" + anchor(e.Ref()), nil
	}
	return "/roadmap", nil
}

// forecastCard is when an initiative will be done, and from what that follows.
type forecastCard struct {
	Why    string // why there is no forecast
	Claim  string
	Mark   string // state of the claim
	Word   string
	Basis  []basis
	Dates  []levelDate
	Chart  template.HTML
	Steps  []string
	Record string // how good earlier forecasts were
	Past   template.HTML
}

// basis is one line of evidence below the forecast.
type basis struct{ Health, Name, Value, Meta string }

type levelDate struct{ Chance, Date string }

func loadForecast(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := seeing(c, e)
	if s == nil || err != nil {
		return nil, err
	}
	card := &forecastCard{Record: s.recordText()}
	o := s.in.outlook
	if !o.Known() {
		card.Why = s.p.why(c, s.in, s.names)
		if s.in.Spec.State == InitiativeDone {
			card.Why = c.T("strategy.roadmap.ended", s.date(dayOfText(s.in.Spec.End)))
		}
		return card, s.past(card)
	}
	mark := s.marks[s.in]
	card.Mark, card.Word = mark.State, c.T(mark.Key)
	card.Claim = s.claim()
	card.Basis, card.Dates, card.Steps = s.basis(), s.dates(), s.steps()
	card.Chart = s.chart()
	return card, s.past(card)
}

// claim says the forecast in a sentence.
func (s *seen) claim() string {
	if p := s.in.chance(); p >= 0 {
		return s.c.T("strategy.forecast.claim.by", s.percent(p), s.date(s.in.aim()))
	}
	if day := s.in.outlook.Date(forecast.Levels[2]); !day.IsZero() {
		return s.c.T("strategy.forecast.claim.likely", s.date(day))
	}
	return s.c.T("strategy.forecast.claim.far")
}

// basis lists what the forecast hangs on.
func (s *seen) basis() []basis {
	o := s.in.outlook
	health := func(seen time.Time) string {
		if s.c.Now.Sub(seen) > staleAfter {
			return "stale"
		}
		return "live"
	}
	out := []basis{{health(s.p.backlog.seen), s.c.T("strategy.forecast.items"), s.c.T("strategy.forecast.items.left", s.decimal(o.Remaining)), s.c.T("strategy.forecast.asof", s.date(o.AsOf))}}
	for _, t := range o.Teams {
		state, meta := health(s.p.backlog.seenOf(t.Team)), s.c.T("strategy.forecast.days", t.Days, s.date(t.From), s.date(t.To))
		if t.Thin {
			state, meta = "stale", meta+", "+s.c.T("strategy.forecast.thin")
		}
		out = append(out, basis{state, s.c.T("strategy.forecast.pace", s.teamName(t.Team)), s.c.T("strategy.forecast.perday", s.perDay(t)), meta})
	}
	return out
}

func (s *seen) decimal(v float64) string {
	if v == math.Trunc(v) {
		return lang.Int(s.c.Lang, int64(v))
	}
	return lang.Float(s.c.Lang, v, 1)
}

func (s *seen) perDay(t Pace) string {
	return lang.Float(s.c.Lang, float64(t.Finished)/math.Max(1, float64(t.Days)), 2)
}

func (s *seen) dates() []levelDate {
	var out []levelDate
	for _, level := range forecast.Levels {
		text := s.c.T("strategy.forecast.nodate")
		if day := s.in.outlook.Date(level); !day.IsZero() {
			text = s.date(day)
		}
		out = append(out, levelDate{s.percent(level), text})
	}
	return out
}

// steps is the derivation, step by step.
func (s *seen) steps() []string {
	o, c := s.in.outlook, s.c
	out := []string{c.T("strategy.step.items", o.Done, o.Open)}
	if z := s.in.Spec.Size; z != nil && !s.in.Spec.BrokenDown {
		out = append(out, c.T("strategy.step.size", z.Low, z.Likely, z.High, s.decimal(o.Remaining)))
	}
	for _, t := range o.Teams {
		out = append(out, c.T("strategy.step.pace", s.teamName(t.Team), t.Finished, t.Days, s.perDay(t)))
		if t.Ahead > 0 {
			out = append(out, c.T("strategy.step.ahead", s.decimal(t.Ahead)))
		}
	}
	if len(s.p.blackouts) > 0 {
		out = append(out, c.T("strategy.step.off"))
	}
	switch {
	case o.Simulated:
		out = append(out, c.T("strategy.step.simulated", forecast.Runs, strconv.FormatUint(o.Seed, 16)))
		if o.Critical > 0 {
			out = append(out, c.T("strategy.step.critical", s.percent(o.Critical)))
		}
	default:
		out = append(out, c.T("strategy.step.exact"))
		if len(o.Teams) > 1 {
			out = append(out, c.T("strategy.step.joint"))
		}
	}
	if o.Thin() {
		out = append(out, c.T("strategy.step.thin", forecast.Thin, forecast.Resamples))
	}
	if o.Widen > 1 {
		out = append(out, c.T("strategy.step.widened", lang.Float(c.Lang, o.Widen, 2)))
	}
	return append(out, c.T("strategy.step.rule", forecastRule, o.Hash[:min(12, len(o.Hash))]))
}

// points is how many days a chart of a distribution shows.
const points = 60

// chart draws how the chance grows day by day.
func (s *seen) chart() template.HTML {
	o := s.in.outlook
	d := o.Widened()
	last, ok := d.Day(0.99)
	if !ok {
		last = d.Last()
	}
	if aim := s.in.aim(); !aim.IsZero() {
		last = max(last, min(daysBetween(o.AsOf, aim)+1, 2*last+30))
	}
	if last < 2 {
		return ""
	}
	step := max(1, (last+points-1)/points)
	l := chart.Line{Name: s.c.T("strategy.forecast.chart", s.percent(d.By(last)), s.date(o.AsOf.AddDate(0, 0, last))), Height: 170, Min: 0, Max: 1, YTicks: []float64{0, 0.25, 0.5, 0.75, 1}, Format: s.percent,
		XName: s.c.T("strategy.forecast.day"), Target: &chart.Target{V: forecast.Levels[2], Label: s.percent(forecast.Levels[2])}, Words: s.c.App.ChartWords(s.c)}
	series := chart.Series{Name: s.c.T("strategy.forecast.chance"), Class: "1", Area: true, Dash: true}
	for day := 0; day <= last+step-1; day += step {
		l.X = append(l.X, s.date(o.AsOf.AddDate(0, 0, day)))
		series.Y = append(series.Y, d.By(day))
	}
	l.Series = []chart.Series{series}
	if aim := s.in.aim(); !aim.IsZero() {
		if at := daysBetween(o.AsOf, aim); at >= 0 && at <= last {
			l.Marks = append(l.Marks, chart.Mark{At: float64(at) / float64(step), Label: s.c.T("strategy.forecast.wanted", s.date(aim)), End: at > last/2})
		}
	}
	return l.HTML()
}

// recordText says how good earlier forecasts were.
func (s *seen) recordText() string {
	r := s.record
	if r.Things == 0 {
		return s.c.T("strategy.record.none")
	}
	text := s.c.T("strategy.record", s.percent(forecast.Levels[2]), s.percent(r.Shown[2]), r.Things)
	if r.Wanted > 0 {
		text += " " + s.c.T("strategy.record.brier", lang.Float(s.c.Lang, r.Brier, 2))
	}
	if r.Things < forecast.EnoughThings {
		text += " " + s.c.T("strategy.record.few", forecast.EnoughThings)
	}
	return text
}

// past draws how the chance of the wanted day went from forecast to forecast.
func (s *seen) past(card *forecastCard) error {
	all, err := Forecasts(s.c.R.Context(), s.c.Catalog(), s.c.Caller, s.in.Metadata.UID)
	if err != nil {
		return err
	}
	slices.Reverse(all)
	l := chart.Line{Height: 110, Min: 0, Max: 1, YTicks: []float64{0, 0.5, 1}, Format: s.percent, XName: s.c.T("strategy.forecast.day"), Target: &chart.Target{V: unlikely, Below: true}, Words: s.c.App.ChartWords(s.c)}
	series := chart.Series{Name: s.c.T("strategy.forecast.chance"), Class: "1"}
	for _, m := range all[max(0, len(all)-points):] {
		if m.Chance >= 0 {
			l.X, series.Y = append(l.X, s.date(m.AsOf)), append(series.Y, m.Chance)
		}
	}
	if len(series.Y) > 1 {
		l.Name, l.Series = s.c.T("strategy.forecast.past", s.percent(series.Y[0]), s.percent(series.Y[len(series.Y)-1])), []chart.Series{series}
		l.Caption = l.Name
		card.Past = l.HTML()
	}
	return nil
}

// workCard is the work items of an initiative.
type workCard struct {
	Share      float64
	Percent    string
	Done, Open int
	Size       string
	Rows       []workRow
	More       int
	Lines      []string // how they are picked
}

type workRow struct {
	State, Word          string
	ID, Name, Href, Team string
	When                 string
}

// shownItems is how many work items a page lists.
const shownItems = 30

func loadWork(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := seeing(c, e)
	if s == nil || err != nil {
		return nil, err
	}
	in := s.in
	if len(in.items) == 0 && in.Spec.Size == nil && len(in.Spec.Work) == 0 {
		return nil, nil
	}
	card := &workCard{Share: in.share(), Percent: s.percent(in.share()), Done: sum(in.done), Open: sum(in.open)}
	if z := in.Spec.Size; z != nil {
		card.Size = c.T("strategy.work.size", z.Low, z.Likely, z.High)
		if in.Spec.BrokenDown {
			card.Size = c.T("strategy.work.brokendown")
		}
	}
	for _, w := range in.Spec.Work {
		source := cmp.Or(w.Source, c.T("strategy.work.anysource"))
		if w.Parent != "" {
			card.Lines = append(card.Lines, c.T("strategy.work.below", w.Parent, source))
		}
		if w.Tag != "" {
			card.Lines = append(card.Lines, c.T("strategy.work.tagged", w.Tag, source))
		}
	}
	items := slices.Clone(in.items)
	slices.SortStableFunc(items, func(a, b *item) int {
		return cmp.Or(cmp.Compare(itemOrder(a), itemOrder(b)), b.closed.Compare(a.closed), strings.Compare(a.key, b.key))
	})
	for _, it := range items[:min(len(items), shownItems)] {
		card.Rows = append(card.Rows, s.workRow(it))
	}
	card.More = max(0, len(items)-shownItems)
	return card, nil
}

// itemOrder puts what is open before what is done, and what was dropped last.
func itemOrder(it *item) int {
	return slices.Index([]workfile.Category{workfile.Open, workfile.Done, workfile.Removed}, it.category)
}

func (s *seen) workRow(it *item) workRow {
	row := workRow{ID: it.id, Name: it.name, Href: webAddress(it.url), State: "idle", Word: s.c.T("strategy.item." + string(it.category))}
	if it.team != "" {
		row.Team = nameIn(s.names, it.team)
	}
	if it.category == workfile.Done {
		row.State = "ok"
		if !it.closed.IsZero() {
			row.When = s.date(it.closed)
		}
	}
	if it.size > 1 && it.category == workfile.Open {
		row.Name += " " + s.c.T("strategy.item.size", it.size)
	}
	return row
}

// dependencyCard is what an initiative waits for and what waits for it.
type dependencyCard struct {
	Waits, Holds []dependencyLine
}

type dependencyLine struct {
	Title, Href string
	State, Word string
	Text        string
	When        string
}

func loadDependencies(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := seeing(c, e)
	if s == nil || err != nil {
		return nil, err
	}
	card := &dependencyCard{}
	stated := map[entity.Ref]bool{}
	kind := c.Catalog().Kinds().Get("dependency")
	for _, d := range s.p.dependencies {
		if d.from != e.Ref() && d.to != e.Ref() {
			continue
		}
		line := dependencyLine{Title: d.DisplayTitle(), Href: c.Href(d.Ref()), Text: sentences([]string{d.Spec.What, d.Spec.Blocked}), State: "idle", Word: c.Label(kind, "spec.state", d.Spec.State)}
		if en := kind.Field("spec.state").EnumFor(d.Spec.State); en != nil {
			line.State = en.State
		}
		if day := dayOfText(d.Spec.By); !day.IsZero() {
			line.When = s.date(day)
		}
		if d.from == e.Ref() {
			card.Waits = append(card.Waits, line)
			stated[d.to] = true
		} else {
			card.Holds = append(card.Holds, line)
			stated[d.from] = true
		}
	}
	for _, ref := range s.in.after {
		if o := s.p.by[ref]; o != nil && !stated[ref] {
			card.Waits = append(card.Waits, s.dependencyLine(o))
		}
	}
	for _, o := range s.p.initiatives {
		if slices.Contains(o.after, e.Ref()) && !stated[o.Ref()] {
			card.Holds = append(card.Holds, s.dependencyLine(o))
		}
	}
	if len(card.Waits)+len(card.Holds) == 0 {
		return nil, nil
	}
	return card, nil
}

func (s *seen) dependencyLine(o *initiative) dependencyLine {
	mark := s.marks[o]
	line := dependencyLine{Title: o.DisplayTitle(), Href: s.c.Href(o.Ref()), State: mark.State, Word: s.c.T(mark.Key)}
	if day := s.p.ends(o); !day.IsZero() {
		line.When = s.date(day)
	}
	return line
}

// loadNeeds lists what a milestone needs, with the chance of each to be done by
// then.
func loadNeeds(c *web.Ctx, e *entity.Entity) (any, error) {
	m, err := catalog.Spec[Milestone](e)
	if err != nil || len(m.Marks) == 0 {
		return nil, err
	}
	r, err := seeingAll(c)
	if err != nil {
		return nil, err
	}
	var out []dependencyLine
	for _, ref := range refsOf(e, "initiative", m.Marks) {
		in := r.p.by[ref]
		if in == nil {
			continue
		}
		line := (&seen{r, in}).dependencyLine(in)
		switch day := dayOfText(m.Date); {
		case in.Spec.State == InitiativeDone:
		case in.outlook.Known():
			line.Text = c.T("strategy.roadmap.chance", r.percent(in.outlook.By(day)), r.date(day))
		default:
			line.Text = r.p.why(c, in, r.names)
		}
		out = append(out, line)
	}
	return out, nil
}
