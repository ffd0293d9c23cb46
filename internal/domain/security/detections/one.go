package detections

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

// onePage is one rule.
type onePage struct {
	web.Shell
	Row                                                 ruleRow
	Key, Act, About, Text, Author, Date, Modified, File string
	Tags, FalsePositives, References                    []string
	Under                                               []thing // rules it is over
	Tests                                               *detect.Tested
	Failures                                            []string
	Chart                                               template.HTML
	Events                                              []firedRow
	Problems                                            []problemRow
	Entity, History                                     string // addresses; "" for none
	Exceptions                                          []exceptionRow
	Filters                                             []string
	Group, Window                                       string
	CanWrite, CanLook                                   bool
	Form                                                tuneForm
}

type thing struct{ Href, Title string }

type firedRow struct {
	Group string
	Level string
	State string
	At    time.Time
}

type exceptionRow struct {
	live.Exception
	Who   string    // what people call who decided it
	Last  time.Time // the day on which it counts last; zero: for good
	Ended bool
}

// tuneForm is what is asked for when a rule is tuned.
type tuneForm struct {
	State, Level                                []option
	Title, When, Until, Reason, Filter, Problem string
	Rev                                         int64 // of the tuning that the page shows; 0: it is not tuned
}

const shownFired = 20

func (p *pages) entry(c *web.Ctx) (*live.Entry, *live.Ruleset, error) {
	rules, err := p.Engine.Ruleset(c.R.Context(), c.Caller.Org)
	if err != nil {
		return nil, nil, err
	}
	e := rules.Entry(c.R.PathValue("id"))
	if e == nil {
		return nil, nil, fault.New(fault.NotFound, "there is no rule %q", c.R.PathValue("id")).Coded("detections.no-such").WithHint("look for it on /detections")
	}
	return e, rules, nil
}

func (p *pages) one(c *web.Ctx) (any, error) {
	e, rules, err := p.entry(c)
	if err != nil {
		return nil, err
	}
	return p.onePage(c, e, rules)
}

func (p *pages) onePage(c *web.Ctx, e *live.Entry, rules *live.Ruleset) (*onePage, error) {
	t, err := p.table(c)
	if err != nil {
		return nil, err
	}
	row, err := t.row(e)
	if err != nil {
		return nil, err
	}
	h := e.Head()
	v := &onePage{Row: row, Key: e.Key, Act: actOf(e.Key), About: h.Description, Author: h.Author, Date: h.Date, Modified: h.Modified, File: h.Pos.String(),
		Tags: h.Tags, FalsePositives: h.FalsePositives, References: h.References, Group: strings.Join(e.Group, ", "), Window: windowText(e.Window), CanWrite: mayWrite(c), CanLook: p.Engine.Store != nil}
	v.Title = h.Title
	if x := e.Correlation; x != nil {
		v.Group, v.Window = cmp.Or(strings.Join(x.GroupBy, ", "), "–"), x.Timespan.String()
		if x.Timespan%time.Minute == 0 {
			v.Window = windowText(x.Timespan)
		}
	}
	v.Crumbs = []web.Crumb{{Href: "/detections", Label: c.T("detections.title")}}
	v.tuning(c, e)
	if err := p.told(c, v); err != nil {
		return nil, err
	}
	if v.Tests, err = p.Engine.Tested(e.Document); err != nil {
		return nil, err
	}
	if v.Tests != nil {
		for _, f := range v.Tests.Failures {
			v.Failures = append(v.Failures, f.String())
		}
	}
	v.Text = p.Engine.Text(c.R.Context(), c.Caller.Org, e.Key)
	v.under(e, rules)
	for _, x := range rules.Problems {
		if x.Pos == h.Pos || e.Tuning != nil && x.File == e.Tuning.Ref {
			v.Problems = append(v.Problems, problemRow{placeOf(x.Problem), x.Message, x.Fix, originOf(c, x.Origin)})
		}
	}
	return v, nil
}

func windowText(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

func (v *onePage) under(e *live.Entry, rules *live.Ruleset) {
	if e.Correlation == nil {
		return
	}
	rules.Entries(func(x *live.Entry) {
		h := x.Head()
		if slices.Contains(e.Correlation.Rules, x.Key) || h.Name != "" && slices.Contains(e.Correlation.Rules, h.Name) {
			v.Under = append(v.Under, thing{hrefOf(x.Key), h.Title})
		}
	})
}

// tuning says how a rule is run.
func (v *onePage) tuning(c *web.Ctx, e *live.Entry) {
	state, level := "", ""
	if t := e.Tuning; t != nil {
		v.Entity = c.App.HrefOf(t.Ref)
		v.History = v.Entity + "/history"
		v.Filters = t.Filters
		state, level = t.State, t.Level
		v.Form.Rev = t.Revision
		for _, x := range t.Exceptions {
			v.Exceptions = append(v.Exceptions, exceptionRow{x, called(c, x.By), lastDay(x.Until), !x.Until.IsZero() && !c.Now.Before(x.Until)})
		}
	}
	for _, s := range []string{"", "on", "off"} {
		v.Form.State = append(v.Form.State, option{s, c.T("detections.tune.state." + cmp.Or(s, "default")), s == state})
	}
	v.Form.Level = []option{{"", c.T("detections.tune.level.default", levelName(c, cmp.Or(e.Head().Level, "medium"))), level == ""}}
	for _, l := range []string{"informational", "low", "medium", "high", "critical"} {
		v.Form.Level = append(v.Form.Level, option{l, levelName(c, l), l == level})
	}
}

// called is what people call whoever did something.
func called(c *web.Ctx, by string) string {
	return c.App.Claims.Called(c.R.Context(), c.Caller, by)
}

// told shows what the rule found over the last days.
func (p *pages) told(c *web.Ctx, v *onePage) error {
	list, err := p.Engine.Fired(c.R.Context(), c.Caller.Org, v.Key, c.Now.Add(-looked), c.Now.Add(24*time.Hour))
	if err != nil {
		return err
	}
	days := map[string]float64{}
	for _, f := range list {
		days[dayOf(c, f.End)]++
	}
	for _, f := range slices.Backward(list) {
		if len(v.Events) < shownFired {
			v.Events = append(v.Events, firedRow{strings.ReplaceAll(f.Group, `"`, ""), levelName(c, f.Level), levelState(f.Level), f.End})
		}
	}
	if len(list) > 0 {
		v.Chart = byDay(c, c.T("detections.chart", len(list), v.Title), c.Now.Add(-looked), c.Now, days)
	}
	return nil
}

// byDay draws a number for each day where the reader lives.
func byDay(c *web.Ctx, name string, from, to time.Time, days map[string]float64) template.HTML {
	bars := chart.Bars{Name: name, Height: 130, Whole: true, Words: c.App.ChartWords(c), XName: c.T("detections.day")}
	var y []*float64
	first := from.In(c.Zone())
	for i := 0; ; i++ {
		d := time.Date(first.Year(), first.Month(), first.Day()+i, 0, 0, 0, 0, c.Zone())
		if !d.Before(to) {
			break
		}
		n := days[d.Format(time.DateOnly)]
		bars.X, y = append(bars.X, lang.Date(c.Lang, d, to.In(c.Zone()))), append(y, &n)
	}
	bars.Series = []chart.Series{{Name: c.T("detections.findings"), Y: web.Numbers(y), Class: "1"}}
	return bars.HTML()
}

// changed is the tuning that a form asks for, as it would be written.
type changed struct {
	entity *entity.Entity
	isNew  bool
	spec   Detection
}

var notInName = regexp.MustCompile(`[^a-z0-9-]+`)

// changedBy reads the form of a rule over what is decided about it now.
func (p *pages) changedBy(c *web.Ctx, e *live.Entry, form func(string) string) (*changed, error) {
	x := &changed{}
	if e.Tuning != nil {
		ref, err := entity.ParseRef(e.Tuning.Ref, KindDetection, "")
		if err != nil {
			return nil, err
		}
		if x.entity, err = c.Catalog().Get(c.R.Context(), c.Caller, ref); err != nil {
			return nil, err
		}
		if x.spec, err = catalog.Spec[Detection](x.entity); err != nil {
			return nil, err
		}
	} else {
		name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(e.Key), "-"), "-")
		x.isNew = true
		x.entity = &entity.Entity{APIVersion: entity.APIVersion, Kind: KindDetection, Metadata: entity.Metadata{Name: name[:min(len(name), 63)], Title: e.Head().Title}}
		x.spec.Of = e.Key
	}
	if rev := form("rev"); rev != "" && rev != revision(x.entity) {
		return nil, fault.New(fault.Conflict, "the rule was tuned meanwhile").Coded("detections.meanwhile").WithHint("look at how it is tuned now, and save again")
	}
	x.spec.State, x.spec.Level = form("state"), form("level")
	if form("when") != "" || form("title") != "" {
		x.spec.Exceptions = append(x.spec.Exceptions, Exception{Title: form("title"), When: form("when"), Until: form("until"), Reason: form("reason"), By: c.Caller.Identity()})
	}
	if f := form("filter"); f != "" {
		x.spec.Filters = append(x.spec.Filters, f)
	}
	if drop, err := strconv.Atoi(form("drop")); err == nil && drop >= 0 && drop < len(x.spec.Exceptions) {
		x.spec.Exceptions = slices.Delete(x.spec.Exceptions, drop, drop+1)
	}
	err := catalog.SetSpec(x.entity, x.spec)
	return x, err
}

// revision is how a form names the state of a tuning that it was made for.
func revision(e *entity.Entity) string { return cmp.Or(e.Metadata.ResourceVersion, "0") }

// valid says what is wrong with what a form asks for.
func (x *changed) valid(c *web.Ctx) error {
	if _, _, problems := c.Catalog().Validate(x.entity); len(problems) > 0 {
		return fault.Bad("the detection cannot be kept so", problems...).Coded("detections.invalid")
	}
	return nil
}

// tune keeps what the form asks for.
func (p *pages) tune(c *web.Ctx) (any, error) {
	e, rules, err := p.entry(c)
	if err != nil {
		return nil, err
	}
	x, err := p.changedBy(c, e, c.Form)
	if err == nil {
		err = x.save(c.R.Context(), c)
	}
	if err != nil {
		return p.again(c, e, rules, err)
	}
	if err := p.Engine.Refresh(c.R.Context(), true); err != nil {
		return nil, err
	}
	return web.Redirect{To: hrefOf(e.Key), Toast: &web.Toast{Key: "detections.saved", Args: []string{e.Head().Title}}}, nil
}

func (x *changed) save(ctx context.Context, c *web.Ctx) error {
	if x.isNew {
		_, err := c.Catalog().Create(ctx, c.Caller, x.entity)
		return err
	}
	_, err := c.Catalog().Update(ctx, c.Caller, x.entity, catalog.UpdateOptions{})
	return err
}

// again shows the page with what was wrong with the form.
func (p *pages) again(c *web.Ctx, e *live.Entry, rules *live.Ruleset, failure error) (any, error) {
	if kind := fault.KindOf(failure); kind != fault.Invalid && kind != fault.Conflict {
		return nil, failure
	}
	v, err := p.onePage(c, e, rules)
	if err != nil {
		return nil, err
	}
	v.Status, v.Template = fault.Invalid.Status(), "detections-one.html"
	f := &v.Form
	f.Title, f.When, f.Until, f.Reason, f.Filter = c.Form("title"), c.Form("when"), c.Form("until"), c.Form("reason"), c.Form("filter")
	var said []string
	for _, x := range fault.ProblemsOf(failure) {
		said = append(said, labelOf(c, x.Field)+strings.TrimSpace(c.Problem(x)+" "+c.ProblemHint(x)))
	}
	f.Problem = cmp.Or(strings.Join(said, "; "), strings.TrimSpace(c.Say(failure)+" "+c.HintOf(failure)))
	return v, nil
}

// labelOf is what the form calls a field, before what is said of it; "" when it has
// no such input.
func labelOf(c *web.Ctx, field string) string {
	for name, key := range map[string]string{"].title": "exception.title", "].when": "exception.when", "].until": "exception.until", "].reason": "exception.reason"} {
		if strings.HasPrefix(field, "spec.exceptions[") && strings.HasSuffix(field, name) {
			return c.T("detections."+key) + ": "
		}
	}
	if strings.HasPrefix(field, "spec.filters[") {
		return c.T("detections.filter") + ": "
	}
	return ""
}

// formFields are what a preview keeps, so that it can be saved as it was asked.
var formFields = []string{"rev", "state", "level", "title", "when", "until", "reason", "filter", "drop"}

// preview looks what the rule would have found in the last days as the form has
// it, beside what it finds as it is.
func (p *pages) preview(c *web.Ctx) (any, error) {
	e, rules, err := p.entry(c)
	if err != nil {
		return nil, err
	}
	x, err := p.changedBy(c, e, c.Form)
	if err == nil {
		err = x.valid(c)
	}
	if err != nil {
		return p.again(c, e, rules, err)
	}
	zone, err := auth.Zone(c.R.Context(), c.Catalog().DB(), c.Caller.Org)
	if err != nil {
		return nil, err
	}
	t, err := tuningOf(x.entity, zone)
	if err != nil {
		return nil, err
	}
	if e.Tuning == nil {
		t.Ref = "detection:preview"
	}
	j := &live.Job{Org: c.Caller.Org, By: c.Caller.Identity(), Kind: "preview", Title: e.Head().Title, Rule: e.Key, From: c.Now.Add(-looked), To: c.Now, Form: map[string]string{}}
	for _, name := range formFields {
		j.Form[name] = c.Form(name)
	}
	q := live.Question{Org: j.Org, From: j.From, To: j.To, Keys: []string{e.Key}}
	p.Jobs.Start(j, c.Now, func(ctx context.Context, progress func(live.Progress)) (*live.Answer, *live.Answer, int, error) {
		half := func(base int) func(live.Progress) {
			return func(s live.Progress) { s.Done, s.Total = s.Done+base*s.Total, 2*s.Total; progress(s) }
		}
		now, err := p.Engine.Past(ctx, q, half(0))
		if err != nil {
			return nil, nil, -1, err
		}
		as := q
		as.Tuning = &t
		then, err := p.Engine.Past(ctx, as, half(1))
		return now, then, -1, err
	})
	return web.Redirect{To: jobHref(j)}, nil
}

func jobHref(j *live.Job) string { return "/detections/past/" + j.ID }

// canary sends the canaries of the organisation.
func (p *pages) canary(c *web.Ctx) (any, error) {
	if p.Door == nil {
		return nil, fault.New(fault.Unavailable, "nothing takes events in here").Coded("detections.no-door")
	}
	n, _, err := p.Engine.Sting(c.R.Context(), c.Caller.Org, p.Door)
	if err != nil {
		return nil, err
	}
	return web.Redirect{To: "/detections", Toast: &web.Toast{Key: "detections.canary.sent", Args: []string{c.Num(n)}}}, nil
}
