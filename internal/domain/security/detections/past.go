package detections

import (
	"cmp"
	"context"
	"errors"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/web"
)

// pastPage is where rules are looked for in what is stored.
type pastPage struct {
	web.Shell
	Text, Rule, From, To string
	Problems             []string
	Jobs                 []jobRow
	CanWrite, HasStore   bool
}

type jobRow struct {
	Href, Title, Kind, By string
	Started               time.Time
	State, Label          string
}

func (p *pages) past(c *web.Ctx) (any, error) {
	v := p.pastPage(c)
	v.Text, v.Rule = c.Param("text"), c.Param("rule")
	return v, nil
}

func (p *pages) pastPage(c *web.Ctx) *pastPage {
	v := &pastPage{From: dayOf(c, c.Now.Add(-looked)), To: dayOf(c, c.Now), CanWrite: mayWrite(c), HasStore: p.Engine.Store != nil}
	v.Title = c.T("detections.past")
	for _, j := range p.Jobs.Of(c.Caller.Org) {
		row := jobRow{Href: jobHref(j), Title: j.Title, Kind: c.T("detections.job." + j.Kind), By: called(c, j.By), Started: j.Started}
		row.State, row.Label = jobState(c, j.Standing())
		v.Jobs = append(v.Jobs, row)
	}
	return v
}

func jobState(c *web.Ctx, s live.Standing) (state, label string) {
	switch {
	case s.Running:
		return "run", c.T("detections.job.running")
	case errors.Is(s.Err, context.Canceled):
		return "idle", c.T("detections.job.canceled")
	case s.Err != nil:
		return "bad", c.T("detections.job.failed")
	}
	return "ok", c.T("detections.job.done", len(s.Answer.Findings))
}

// dayOf is the day of a moment where the reader lives, as forms hold days.
func dayOf(c *web.Ctx, t time.Time) string { return t.In(c.Zone()).Format(time.DateOnly) }

// days reads the first and last day of a form; the last belongs to it. Days begin
// where the reader lives.
func days(c *web.Ctx) (from, to time.Time, err error) {
	if from, err = time.ParseInLocation(time.DateOnly, c.Form("from"), c.Zone()); err == nil {
		to, err = time.ParseInLocation(time.DateOnly, c.Form("to"), c.Zone())
	}
	if to = to.AddDate(0, 0, 1); to.After(c.Now) {
		to = c.Now
	}
	if err != nil || !from.Before(to) {
		return from, to, fault.New(fault.Invalid, "the time is empty").Coded("detections.no-time").WithHint("give a first and a last day")
	}
	return from, to, nil
}

// start has a rule that was pasted or named looked for.
func (p *pages) start(c *web.Ctx) (any, error) {
	text, rule := c.Form("text"), c.Form("rule")
	from, to, err := days(c)
	if err != nil {
		return p.refused(c, []string{c.Say(err)})
	}
	q := live.Question{Org: c.Caller.Org, From: from, To: to, Limit: mostFindings}
	j := &live.Job{Org: c.Caller.Org, By: c.Caller.Identity(), Kind: "hunt", From: from, To: to, Text: text}
	switch {
	case text != "":
		docs, problems := live.CheckRule(text)
		if len(problems) > 0 {
			var said []string
			for _, x := range inText("rule", "rule", problems) {
				said = append(said, strings.TrimSpace(x.Msg+"; "+x.Hint))
			}
			return p.refused(c, said)
		}
		j.Title = docs[len(docs)-1].Head().Title
		q.Tuning = &live.Tuning{Ref: pasted, Rule: text, State: "on"}
	case rule != "":
		rules, err := p.Engine.Ruleset(c.R.Context(), c.Caller.Org)
		if err != nil {
			return nil, err
		}
		e := rules.Entry(rule)
		if e == nil {
			return p.refused(c, []string{c.T("detections.past.norule", rule)})
		}
		j.Title, j.Rule, q.Keys = e.Head().Title, e.Key, []string{e.Key}
	default:
		j.Title = c.T("detections.past.all")
	}
	p.Jobs.Start(j, c.Now, p.look(q))
	return web.Redirect{To: jobHref(j)}, nil
}

const (
	// pasted is the reference of a rule that was pasted and is not kept.
	pasted = "detection:pasted"
	// mostFindings of one look into the past are kept.
	mostFindings = 5000
)

func (p *pages) look(q live.Question) func(context.Context, func(live.Progress)) (*live.Answer, *live.Answer, int, error) {
	return func(ctx context.Context, progress func(live.Progress)) (*live.Answer, *live.Answer, int, error) {
		a, err := p.Engine.Past(ctx, q, progress)
		return nil, a, -1, err
	}
}

// refused shows the form again with what is wrong.
func (p *pages) refused(c *web.Ctx, problems []string) (any, error) {
	v := p.pastPage(c)
	v.Text, v.Rule, v.From, v.To, v.Problems = c.Form("text"), c.Form("rule"), c.Form("from"), c.Form("to"), problems
	v.Status, v.Template = fault.Invalid.Status(), "detections-past.html"
	return v, nil
}

// jobPage is how a look into the past stands, and what it found.
type jobPage struct {
	web.Shell
	Job              *live.Job
	Path             string
	From, To         time.Time // the days looked at; the last belongs to it
	State, Label     string
	Running          bool
	Done, Total      int
	Looked, Matches  string
	Problem          string
	Findings         []findingRow
	More             int
	Limited, Partial bool
	Chart            template.HTML
	Rule             string // address
	Preview          *previewView
	CanTell, CanSave bool
	Told             int
	WasTold          bool
	CanWrite         bool
	Hits             []hitRow
	MoreHits         int
	Cut              string // that not all that matched is listed; "" when it is
}

type findingRow struct {
	Title, Level, State, Group string
	Start, End                 time.Time
	Events                     int
}

type hitRow struct {
	ID, Source string
	Time       time.Time
}

// Href is where the event is looked at.
func (h hitRow) Href() string {
	around := func(d time.Duration) string { return h.Time.Add(d).UTC().Format(time.RFC3339) }
	return "/events?" + url.Values{"q": {logs.Is(event.FieldID, h.ID)}, "from": {around(-time.Minute)}, "to": {around(time.Minute)}}.Encode()
}

// previewView is what a rule would find beside what it finds.
type previewView struct {
	NowEvents, ThenEvents     int
	NowFindings, ThenFindings int
	Gone, New                 []hitRow
	MoreGone, MoreNew         int
	Form                      map[string]string
	Path, Act                 string
}

const shownHits = 100

func (p *pages) job(c *web.Ctx) (any, error) {
	j := p.Jobs.Get(c.Caller.Org, c.R.PathValue("job"))
	if j == nil {
		return nil, fault.New(fault.NotFound, "there is no such look into the past").Coded("detections.no-job").WithHint("start it again: they are forgotten when the server ends")
	}
	s := j.Standing()
	v := &jobPage{Job: j, Path: jobHref(j), Running: s.Running, Done: s.Done, Total: max(s.Total, 1), Looked: c.Num(int(s.Events)), Matches: c.Num(int(s.Matches)), CanWrite: mayWrite(c), Told: s.Told, WasTold: s.Told >= 0}
	v.Title, v.Fragment = j.Title, "detections-job"
	v.Crumbs = []web.Crumb{{Href: "/detections/past", Label: c.T("detections.past")}}
	v.From, v.To = j.From.In(c.Zone()), lastDay(j.To.In(c.Zone()))
	v.State, v.Label = jobState(c, s)
	if j.Rule != "" {
		v.Rule = hrefOf(j.Rule)
	}
	switch {
	case s.Running:
	case s.Err != nil && !errors.Is(s.Err, context.Canceled):
		v.Problem = c.Say(s.Err)
	case s.Answer != nil:
		v.found(c, s)
	}
	return v, nil
}

func (v *jobPage) found(c *web.Ctx, s live.Standing) {
	a := s.Answer
	v.Looked, v.Matches, v.Limited, v.Partial = c.Num(int(a.Events)), c.Num(int(a.Matches)), a.Limited, a.Partial
	perDay := map[string]float64{}
	for _, f := range a.Findings {
		perDay[dayOf(c, f.End)]++
		if len(v.Findings) == shownHits {
			v.More++
			continue
		}
		var group []string
		for _, g := range f.Group {
			group = append(group, g.Name+"="+g.Value)
		}
		v.Findings = append(v.Findings, findingRow{f.Rule.Title, levelName(c, f.Rule.Level), levelState(f.Rule.Level), strings.Join(group, ", "), f.Start, f.End, len(f.Events) + f.More})
	}
	if len(a.Findings) > 0 {
		v.Chart = byDay(c, c.T("detections.chart", len(a.Findings), v.Title), v.Job.From, v.Job.To, perDay)
	}
	v.Hits, v.MoreHits = shown(hitsOf(a, v.Job.Rule))
	v.CanTell = v.CanWrite && len(a.Findings) > 0 && v.Job.Kind != "preview" && v.Job.Kind != "gap" && !v.WasTold
	v.CanSave = v.CanWrite && v.Job.Text != "" && v.Job.Kind == "hunt"
	if v.Job.Kind == "preview" && s.Now != nil {
		v.preview(c, s)
	} else if !a.Cut.IsZero() {
		v.Cut = c.T("detections.job.cut", lang.DateTime(c.Lang, a.Cut.In(c.Zone())))
	}
}

// hitsOf are the events that matched, of one rule or of all, in order of time.
func hitsOf(a *live.Answer, rule string) []hitRow {
	var out []hitRow
	seen := map[string]bool{}
	for key, list := range a.Matched {
		if _, own := a.Matched[rule]; own && key != rule {
			continue
		}
		for _, h := range list {
			if !seen[h.ID] {
				seen[h.ID] = true
				out = append(out, hitRow{h.ID, h.Source, h.Time})
			}
		}
	}
	slices.SortFunc(out, func(a, b hitRow) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
	return out
}

func shown(list []hitRow) ([]hitRow, int) {
	n := min(len(list), shownHits)
	return list[:n], len(list) - n
}

func (v *jobPage) preview(c *web.Ctx, s live.Standing) {
	now, then := hitsOf(s.Now, v.Job.Rule), hitsOf(s.Answer, v.Job.Rule)
	if cut := cutOf(s); !cut.IsZero() {
		now, then = until(now, cut), until(then, cut)
		v.Cut = c.T("detections.preview.cut", lang.DateTime(c.Lang, cut.In(c.Zone())))
	}
	x := &previewView{NowEvents: len(now), ThenEvents: len(then), NowFindings: len(s.Now.Findings), ThenFindings: len(s.Answer.Findings), Form: v.Job.Form, Path: hrefOf(v.Job.Rule), Act: actOf(v.Job.Rule)}
	if v.Job.Form["state"] == "off" {
		then, x.ThenEvents, x.ThenFindings = nil, 0, 0
	}
	x.Gone, x.MoreGone = shown(without(now, then))
	x.New, x.MoreNew = shown(without(then, now))
	v.Preview = x
}

// cutOf is from when on one of the answers of a preview does not name all events;
// zero: both name all.
func cutOf(s live.Standing) time.Time {
	a, b := s.Now.Cut, s.Answer.Cut
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// until is what of a list was before a time.
func until(list []hitRow, at time.Time) []hitRow {
	return slices.DeleteFunc(list, func(h hitRow) bool { return !h.Time.Before(at) })
}

// without is what of a list another does not have.
func without(list, other []hitRow) []hitRow {
	has := map[string]bool{}
	for _, h := range other {
		has[h.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(h hitRow) bool { return has[h.ID] })
}

func (p *pages) cancel(c *web.Ctx) (any, error) {
	if j := p.Jobs.Get(c.Caller.Org, c.R.PathValue("job")); j != nil {
		j.Cancel()
	}
	return web.Redirect{To: "/detections/past"}, nil
}

// tell makes alerts of what was found.
func (p *pages) tell(c *web.Ctx) (any, error) {
	j := p.Jobs.Get(c.Caller.Org, c.R.PathValue("job"))
	if j == nil {
		return nil, fault.New(fault.NotFound, "there is no such look into the past").Coded("detections.no-job")
	}
	s := j.Standing()
	if s.Answer == nil || j.Kind == "preview" {
		return web.Redirect{To: jobHref(j)}, nil
	}
	if err := p.Engine.Tell(c.R.Context(), c.Caller.Org, s.Answer.Findings); err != nil {
		return nil, err
	}
	j.MarkTold(len(s.Answer.Findings))
	return web.Redirect{To: jobHref(j), Toast: &web.Toast{Key: "detections.told", Args: []string{c.Num(len(s.Answer.Findings))}}}, nil
}

// keep makes a detection of a rule that was pasted.
func (p *pages) keep(c *web.Ctx) (any, error) {
	j := p.Jobs.Get(c.Caller.Org, c.R.PathValue("job"))
	if j == nil || j.Text == "" {
		return nil, fault.New(fault.NotFound, "there is no rule to keep").Coded("detections.no-job")
	}
	name := cmp.Or(strings.Trim(notInName.ReplaceAllString(strings.ToLower(j.Title), "-"), "-"), "rule")
	name = strings.Trim(name[:min(len(name), 63)], "-")
	e := &entity.Entity{APIVersion: entity.APIVersion, Kind: KindDetection, Metadata: entity.Metadata{Name: name, Title: j.Title}}
	if err := catalog.SetSpec(e, Detection{Rule: j.Text}); err != nil {
		return nil, err
	}
	ch, err := c.Catalog().Create(c.R.Context(), c.Caller, e)
	if err != nil {
		return nil, err
	}
	if err := p.Engine.Refresh(c.R.Context(), true); err != nil {
		return nil, err
	}
	return web.Redirect{To: c.App.HrefOf(ch.Ref), Toast: &web.Toast{Key: "detections.saved", Args: []string{j.Title}}}, nil
}

// gapsPage is when detection was off.
type gapsPage struct {
	web.Shell
	Rows     []gapRow
	CanWrite bool
	HasStore bool
}

type gapRow struct {
	live.Gap
	Href, Rule, Why string
	Open            bool
}

func (p *pages) gaps(c *web.Ctx) (any, error) {
	list, err := p.Engine.Gaps(c.R.Context(), c.Caller.Org)
	if err != nil {
		return nil, err
	}
	v := &gapsPage{CanWrite: mayWrite(c), HasStore: p.Engine.Store != nil}
	v.Title = c.T("detections.gaps")
	v.Crumbs = []web.Crumb{{Href: "/detections", Label: c.T("detections.title")}}
	rules, err := p.Engine.Ruleset(c.R.Context(), c.Caller.Org)
	if err != nil {
		return nil, err
	}
	for _, g := range list {
		v.Rows = append(v.Rows, gapRowOf(c, g, rules))
	}
	return v, nil
}

func gapRowOf(c *web.Ctx, g live.Gap, rules *live.Ruleset) gapRow {
	row := gapRow{Gap: g, Rule: cmp.Or(g.Rule, c.T("detections.gap.all")), Why: c.T("detections.gap." + g.Reason), Open: g.Until.IsZero()}
	if e := rules.Entry(g.Rule); e != nil {
		row.Rule, row.Href = e.Head().Title, hrefOf(e.Key)
	}
	row.By = called(c, g.By)
	return row
}

// rerun looks again at the time of a gap.
func (p *pages) rerun(c *web.Ctx) (any, error) {
	g, err := p.Engine.Gap(c.R.Context(), c.Caller.Org, c.R.PathValue("gap"))
	if err != nil {
		return nil, err
	}
	if g.ID == "" {
		return nil, fault.New(fault.NotFound, "there is no such gap").Coded("detections.no-gap")
	}
	rules, err := p.Engine.Ruleset(c.R.Context(), c.Caller.Org)
	if err != nil {
		return nil, err
	}
	row := gapRowOf(c, g, rules)
	j := &live.Job{Org: c.Caller.Org, By: c.Caller.Identity(), Kind: "gap", Title: c.T("detections.gap.again", row.Rule), From: g.Since, To: cmp.Or(g.Until, c.Now)}
	p.Jobs.Start(j, c.Now, func(ctx context.Context, progress func(live.Progress)) (*live.Answer, *live.Answer, int, error) {
		a, err := p.Engine.Rerun(ctx, j.Org, g.ID, j.By, progress)
		if err != nil {
			return nil, nil, -1, err
		}
		return nil, a, len(a.Findings), nil
	})
	return web.Redirect{To: jobHref(j)}, nil
}
