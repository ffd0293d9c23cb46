package strategy

import (
	"cmp"
	"context"
	"encoding/json"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/forecast"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/chart"
	"github.com/binnaclehq/binnacle/internal/web/static"
)

func roadmapPage() web.PageDef {
	return web.PageDef{ID: "roadmap", Pattern: "/roadmap", Verb: auth.Read, Template: "roadmap.html", Handle: showRoadmap}
}

// The views of the roadmap.
const (
	viewTimeline = "timeline"
	viewCapacity = "capacity"
	viewRanking  = "ranking"
)

// roadmapView is the roadmap in one of its views.
type roadmapView struct {
	web.Shell
	View     string
	Tabs     []choice
	Lede     string
	Empty    bool
	CanWrite bool
	Notices  []string

	Query          string // words of the filter
	Teams, States  []choice
	Count          string
	Filtered, None bool

	Chart    template.HTML
	Critical bool // something is on the critical path
	Lanes    []laneList

	Capacity *capacityView
	Ranking  *rankingView
}

// laneList is the initiatives of one lane.
type laneList struct {
	ID, Title, Sub string
	Numbered       bool
	Items          []laneItem
}

// laneItem is an initiative in a list.
type laneItem struct {
	ID, Title, Href string
	State, Word     string
	When, Text      string
	Tags            []string
	N               int
}

// roadmapping is a page of the roadmap under way.
type roadmapping struct {
	c       *web.Ctx
	p       *plan
	record  Record
	page    *roadmapView
	names   map[string]string     // what groups, objectives and initiatives are called
	parents map[string]entity.Ref // the objective of a key result
	shown   []*initiative         // by the filter
	marks   map[*initiative]position
}

func showRoadmap(c *web.Ctx) (any, error) {
	p, record, err := foreseen(c.R.Context(), c.Catalog(), c.Caller)
	if err != nil {
		return nil, err
	}
	r := &roadmapping{c: c, p: p, record: record, marks: map[*initiative]position{}, page: &roadmapView{View: cmp.Or(c.Param("view"), viewTimeline), CanWrite: c.Can(auth.Write, auth.Resource{Room: Room, Kind: "Initiative"})}}
	r.page.Title = c.T("strategy.roadmap")
	if !slices.Contains([]string{viewTimeline, viewCapacity, viewRanking}, r.page.View) {
		return nil, fault.New(fault.NotFound, "the roadmap has no view %q", r.page.View).Coded("roadmap.no-view").WithHint("there is timeline, capacity and ranking")
	}
	if r.page.Empty = len(p.initiatives) == 0; r.page.Empty {
		return r.page, nil
	}
	for _, in := range p.initiatives {
		r.marks[in] = p.stands(in)
	}
	if err := r.name(); err != nil {
		return nil, err
	}
	r.tabs()
	r.filter()
	r.notices()
	switch r.page.View {
	case viewCapacity:
		r.capacity()
	case viewRanking:
		return r.page, r.ranking()
	default:
		r.timeline()
		r.lists()
	}
	return r.page, nil
}

// name finds what is called how, and which objective a key result belongs to.
func (r *roadmapping) name() (err error) {
	refs := r.p.teamRefs()
	for _, in := range r.p.initiatives {
		refs = append(append(append(refs, in.Ref()), in.serves...), refsOf(in.Entity, "group", in.Spec.Teams)...)
	}
	if r.parents, err = servedObjectives(r.c, refs); err != nil {
		return err
	}
	for _, o := range r.parents {
		refs = append(refs, o)
	}
	r.names, err = r.c.Catalog().Titles(r.c.R.Context(), r.c.Caller, refs)
	return err
}

// servedObjectives returns the objective of each key result among references, where
// the program knows key results.
func servedObjectives(c *web.Ctx, refs []entity.Ref) (map[string]entity.Ref, error) {
	out := map[string]entity.Ref{}
	for _, ref := range refs {
		if _, done := out[ref.String()]; done || ref.Kind != "keyresult" || c.Catalog().Kinds().Get(ref.Kind) == nil {
			continue
		}
		o, err := objectiveOf(c.R.Context(), c, ref)
		if err != nil {
			return nil, err
		}
		if !o.IsZero() {
			out[ref.String()] = o
		}
	}
	return out, nil
}

func objectiveOf(ctx context.Context, c *web.Ctx, ref entity.Ref) (entity.Ref, error) {
	e, err := c.Catalog().Get(ctx, c.Caller, ref)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) {
		return entity.Ref{}, nil
	}
	if err != nil {
		return entity.Ref{}, err
	}
	var spec struct {
		Objective string `json:"objective"`
	}
	if json.Unmarshal(e.Spec, &spec) != nil || spec.Objective == "" {
		return entity.Ref{}, nil
	}
	o, err := entity.ParseRef(spec.Objective, "objective", e.Metadata.Namespace)
	if err != nil {
		return entity.Ref{}, nil // a reference that cannot be read leads nowhere
	}
	return o, nil
}

// nameIn returns what a reference is called; of one that is not there, its own
// name.
func nameIn(names map[string]string, ref string) string {
	if name := names[ref]; name != "" {
		return name
	}
	if parsed, err := entity.ParseRef(ref, "", ""); err == nil {
		return parsed.Name
	}
	return ref
}

func splitWords(s string) []string { return strings.Fields(s) }

// at returns the address of the page with some parameters changed; an empty
// value leaves one out.
func (r *roadmapping) at(pairs ...string) string {
	q := r.c.R.URL.Query()
	for i := 0; i+1 < len(pairs); i += 2 {
		if q.Del(pairs[i]); pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return addressOf("/roadmap", q)
}

func addressOf(path string, q url.Values) string {
	if enc := q.Encode(); enc != "" {
		return path + "?" + enc
	}
	return path
}

func (r *roadmapping) tabs() {
	for _, view := range []string{viewTimeline, viewCapacity, viewRanking} {
		value := view
		if view == viewTimeline {
			value = ""
		}
		r.page.Tabs = append(r.page.Tabs, choice{view, r.c.T("strategy.roadmap.view." + view), r.at("view", value, "method", ""), view == r.page.View})
	}
}

// The states one can filter by, beside all.
var roadmapStates = []string{"attention", "active", "planned", "done"}

// filter keeps the initiatives that the address asks for.
func (r *roadmapping) filter() {
	p, team, state := r.page, r.c.Param("team"), r.c.Param("state")
	p.Query = r.c.Param("q")
	p.Filtered = p.Query != "" || team != "" || state != ""
	seen := map[string]bool{}
	for _, ref := range r.p.teamRefs() {
		if name := ref.String(); !seen[name] {
			seen[name] = true
			p.Teams = append(p.Teams, choice{Value: name, Label: nameIn(r.names, name), On: name == team})
		}
	}
	slices.SortFunc(p.Teams, func(a, b choice) int { return strings.Compare(a.Label, b.Label) })
	for _, s := range roadmapStates {
		p.States = append(p.States, choice{Value: s, Label: r.c.T("strategy.roadmap.state." + s), On: s == state})
	}
	for _, in := range r.p.initiatives {
		if r.wanted(in, team, state) {
			r.shown = append(r.shown, in)
		}
	}
	p.None = len(r.shown) == 0
	p.Count = r.c.T("strategy.roadmap.count", len(r.shown))
	dated, on := 0, 0
	for _, in := range r.p.initiatives {
		if m := r.marks[in]; !in.aim().IsZero() && m != standDone && m != standStopped && m != standIdea {
			dated++
			if m == standOn {
				on++
			}
		}
	}
	p.Lede = r.c.T("strategy.roadmap.lede")
	if dated > 0 {
		p.Lede += " " + r.c.T("strategy.roadmap.ondate", on, dated)
	}
}

func (r *roadmapping) wanted(in *initiative, team, state string) bool {
	if team != "" {
		if _, works := in.parts()[team]; !works {
			return false
		}
	}
	switch state {
	case "attention":
		if r.marks[in].Rank < 2 {
			return false
		}
	case "active", "planned", "done":
		if in.Spec.State != state {
			return false
		}
	}
	text := strings.ToLower(strings.Join([]string{in.DisplayTitle(), in.Metadata.Name, in.Spec.Learn, in.Spec.Waits}, " "))
	for _, ref := range in.serves {
		text += " " + strings.ToLower(nameIn(r.names, ref.String()))
	}
	for _, word := range strings.Fields(strings.ToLower(r.page.Query)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// staleAfter is how old the work items may be before the page says so.
const staleAfter = 7 * 24 * time.Hour

func (r *roadmapping) notices() {
	b := r.p.backlog
	if len(b.items) == 0 {
		r.page.Notices = append(r.page.Notices, r.c.T("strategy.roadmap.nowork"))
	}
	for _, source := range slices.Sorted(maps.Keys(b.told)) {
		if r.c.Now.Sub(b.told[source]) > staleAfter {
			r.page.Notices = append(r.page.Notices, r.c.T("strategy.roadmap.stale", source, r.date(b.told[source])))
		}
	}
	for _, in := range r.p.initiatives {
		if in.outlook.Why == "cycle" {
			r.page.Notices = append(r.page.Notices, r.p.why(r.c, in, r.names))
			break
		}
	}
}

func (r *roadmapping) date(t time.Time) string { return lang.Date(r.c.Lang, t, r.today()) }

// today is the day it is where the reader lives.
func (r *roadmapping) today() time.Time { return forecast.Day(r.c.Here()) }

func (r *roadmapping) percent(p float64) string { return lang.Percent(r.c.Lang, p, 0) }

// timeline draws what is shown by the objective it serves.
func (r *roadmapping) timeline() {
	if len(r.shown) == 0 {
		return
	}
	g := chart.Gantt{Name: r.c.T("strategy.roadmap.chart", len(r.shown)), Corner: r.c.T("strategy.roadmap.objective"),
		Later: chart.Horizon{Name: r.c.T("strategy.lane.later"), Note: r.c.T("strategy.lane.later.note")},
		Words: chart.GanttWords{Critical: r.c.T("strategy.critical"), Likely: r.c.T("strategy.roadmap.key.likely"), Icon: static.IconURL}}
	r.scale(&g)
	today := r.today()
	g.Today = &chart.DayMark{At: today, Text: r.date(today), Tip: r.c.T("strategy.today")}
	for _, m := range r.p.milestones {
		day := dayOfText(m.Spec.Date)
		g.Events = append(g.Events, chart.DayMark{At: day, Text: m.DisplayTitle(), Tip: m.DisplayTitle() + ", " + r.date(day)})
	}
	for _, b := range r.p.blackouts {
		span := b.Spec.span()
		g.Bands = append(g.Bands, chart.DayBand{From: span.From, To: span.To, Tip: b.DisplayTitle()})
	}
	g.Lanes = r.lanes()
	r.page.Chart = g.HTML()
}

// scale chooses the months that are drawn: all that the bars touch, from half a
// year ago to a year ahead.
func (r *roadmapping) scale(g *chart.Gantt) {
	today := r.today()
	from, to := today.AddDate(0, -1, 0), today.AddDate(0, 3, 0)
	for _, in := range r.shown {
		end := r.p.ends(in)
		if end.IsZero() {
			continue
		}
		for _, day := range []time.Time{end, in.outlook.Date(forecast.Levels[2])} {
			if day.After(to) {
				to = day
			}
		}
		if begin := r.p.begins(in); begin.Before(from) {
			from = begin
		}
	}
	for _, m := range r.p.milestones {
		if day := dayOfText(m.Spec.Date); day.After(to) && day.Before(today.AddDate(0, 6, 0)) {
			to = day
		}
	}
	if least := today.AddDate(0, -6, 0); from.Before(least) {
		from = least
	}
	if most := today.AddDate(1, 0, 0); to.After(most) {
		to = most
	}
	g.From, g.To = forecast.Month(from), forecast.Month(to).AddDate(0, 1, 0)
	for m := g.From; m.Before(g.To); m = m.AddDate(0, 1, 0) {
		g.Ticks = append(g.Ticks, chart.DayMark{At: m, Text: monthName(r.c.Lang, m, r.c.Now)})
	}
	quarter := forecast.Month(today).AddDate(0, 3-int(today.Month()-1)%3, 0)
	if quarter.Before(g.To) {
		g.Horizons = []chart.Horizon{
			{From: g.From, To: quarter, Name: r.c.T("strategy.lane.now"), Note: r.c.T("strategy.lane.now.note", r.date(quarter.AddDate(0, 0, -1)))},
			{From: quarter, To: g.To, Name: r.c.T("strategy.lane.next"), Note: r.c.T("strategy.lane.next.note")},
		}
		return
	}
	g.Horizons = []chart.Horizon{{From: g.From, To: g.To, Name: r.c.T("strategy.lane.now"), Note: r.c.T("strategy.lane.now.note", r.date(g.To.AddDate(0, 0, -1)))}}
}

// monthName writes a month short, with its year when that is another.
func monthName(code lang.Code, m, now time.Time) string {
	_, name, _ := strings.Cut(lang.Date(code, m, now), " ")
	return name
}

// lanes puts the initiatives below the objective that each serves first.
func (r *roadmapping) lanes() []chart.Lane {
	type lane struct {
		chart.Lane
		tags map[string]bool
	}
	by, order := map[string]*lane{}, []string{}
	for _, in := range r.shown {
		key := ""
		if len(in.serves) > 0 {
			key = in.serves[0].String()
			if o, ok := r.parents[key]; ok {
				key = o.String()
			}
		}
		l := by[key]
		if l == nil {
			l = &lane{tags: map[string]bool{}}
			l.Title = r.c.T("strategy.roadmap.noobjective")
			if key != "" {
				l.Title, l.Href = nameIn(r.names, key), r.c.App.HrefOf(key)
			}
			by[key] = l
			order = append(order, key)
		}
		for _, ref := range in.serves {
			if s := ref.String(); s != key && !l.tags[s] {
				l.tags[s] = true
				l.Tags = append(l.Tags, chart.LaneTag{Text: nameIn(r.names, s), Href: r.c.App.HrefOf(s), Tip: nameIn(r.names, s)})
			}
		}
		l.Bars = append(l.Bars, r.bar(in))
	}
	slices.SortStableFunc(order, func(a, b string) int {
		if (a == "") != (b == "") {
			return strings.Compare(b, a) // what serves nothing comes last
		}
		return strings.Compare(nameIn(r.names, a), nameIn(r.names, b))
	})
	var lanes []chart.Lane
	for _, key := range order {
		lanes = append(lanes, by[key].Lane)
	}
	return lanes
}

func (r *roadmapping) bar(in *initiative) chart.GanttBar {
	mark := r.marks[in]
	b := chart.GanttBar{ID: in.Ref().String(), Title: in.DisplayTitle(), Href: r.c.Href(in.Ref()), Word: r.c.T(mark.Key), State: mark.State, Kind: in.Spec.Lane, Done: in.share(), Critical: critical(in)}
	r.page.Critical = r.page.Critical || b.Critical
	if b.To = r.p.ends(in); !b.To.IsZero() {
		b.From = r.p.begins(in)
		if b.From.After(b.To) {
			b.From = b.To
		}
		if in.Spec.State != InitiativeDone {
			b.Likely = in.outlook.Date(forecast.Levels[2])
		}
	}
	for _, ref := range in.after {
		b.After = append(b.After, ref.String())
	}
	tip := []string{b.Title, b.Word}
	if teams := r.teams(in); teams != "" {
		tip = append(tip, teams)
	}
	if !b.To.IsZero() {
		tip = append(tip, r.c.T("strategy.roadmap.tip.dates", r.date(b.From), r.date(b.To)))
	}
	if !b.Likely.IsZero() {
		tip = append(tip, r.c.T("strategy.roadmap.tip.likely", r.date(b.Likely)))
	}
	tip = append(tip, r.c.T("strategy.roadmap.tip.done", r.percent(b.Done)))
	b.Tip = strings.Join(tip, ". ")
	return b
}

// critical reports whether an initiative is more often than not on a chain that
// ends last: a slip of it moves the end of what depends on each other.
func critical(in *initiative) bool { return in.outlook.Known() && in.outlook.Critical >= 0.5 }

func (r *roadmapping) teams(in *initiative) string {
	var names []string
	for _, team := range in.teams {
		names = append(names, nameIn(r.names, team))
	}
	return strings.Join(names, ", ")
}

// shownDone is how long what is done stays in the list.
const shownDone = 30 * 24 * time.Hour

func (r *roadmapping) lists() {
	for _, lane := range []string{LaneNow, LaneNext, LaneLater} {
		var list []*initiative
		for _, in := range r.shown {
			old := in.Spec.State == InitiativeDone && r.c.Now.Sub(dayOfText(in.Spec.End)) > shownDone
			if in.Spec.Lane == lane && !old && in.Spec.State != InitiativeStopped {
				list = append(list, in)
			}
		}
		if lane != LaneLater { // what needs somebody comes first
			slices.SortStableFunc(list, func(a, b *initiative) int { return r.marks[b].Rank - r.marks[a].Rank })
		}
		l := laneList{ID: lane, Title: r.c.T("strategy.lane." + lane), Numbered: lane == LaneLater, Sub: r.c.T("strategy.roadmap.items", len(list))}
		for i, in := range list {
			l.Items = append(l.Items, r.item(in, i+1))
		}
		r.page.Lanes = append(r.page.Lanes, l)
	}
}

// anchor is the ID of an initiative's place in the lists.
func anchor(ref entity.Ref) string {
	if ref.Namespace == entity.DefaultNamespace {
		return "i-" + ref.Name
	}
	return "i-" + ref.Namespace + "-" + ref.Name
}

func (r *roadmapping) item(in *initiative, n int) laneItem {
	mark := r.marks[in]
	it := laneItem{ID: anchor(in.Ref()), Title: in.DisplayTitle(), Href: r.c.Href(in.Ref()), State: mark.State, Word: r.c.T(mark.Key), N: n}
	var text []string
	if teams := r.teams(in); teams != "" {
		text = append(text, teams)
	}
	switch {
	case in.Spec.Lane == LaneLater && in.Spec.Learn != "":
		text = []string{r.c.T("strategy.roadmap.learn", in.Spec.Learn)}
	case in.Spec.Waits != "":
		text = append(text, r.c.T("strategy.roadmap.waits", in.Spec.Waits))
	case mark == standWaiting:
		d := r.p.blocked(in)
		text = append(text, r.c.T("strategy.roadmap.blocked", cmp.Or(d.Spec.Blocked, d.DisplayTitle())))
	case in.Spec.State == InitiativeDone:
		text = append(text, r.c.T("strategy.roadmap.ended", r.date(dayOfText(in.Spec.End))))
	case in.chance() >= 0:
		text = append(text, r.c.T("strategy.roadmap.chance", r.percent(in.chance()), r.date(in.aim())))
	case in.outlook.Known():
		if day := in.outlook.Date(forecast.Levels[2]); !day.IsZero() {
			text = append(text, r.c.T("strategy.roadmap.likely", r.date(day)))
		}
	case in.outlook.Why != "" && in.Spec.Lane != LaneLater:
		text = append(text, r.p.why(r.c, in, r.names))
	}
	if share := in.share(); share > 0 && share < 1 {
		text = append(text, r.c.T("strategy.roadmap.tip.done", r.percent(share)))
	}
	it.Text = sentences(text)
	if day := r.p.ends(in); !day.IsZero() {
		it.When = r.date(day)
	}
	for _, ref := range in.serves {
		it.Tags = append(it.Tags, nameIn(r.names, ref.String()))
	}
	return it
}

// sentences joins texts to sentences.
func sentences(texts []string) string {
	var b strings.Builder
	for _, t := range texts {
		if t = strings.TrimSpace(t); t == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t)
		if !strings.ContainsRune(".?!", rune(t[len(t)-1])) {
			b.WriteByte('.')
		}
	}
	return b.String()
}
