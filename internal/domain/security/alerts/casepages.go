package alerts

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

func onCases(*http.Request) (auth.Resource, error) { return caseResource, nil }

func (p pages) casePages() []web.PageDef {
	post := func(what string, handle func(*web.Ctx, string) (any, error)) web.PageDef {
		return web.PageDef{ID: "case." + what, Nav: "cases", Room: auth.Security, Resource: onCases, Method: "POST", Pattern: "/cases/{namespace}/{name}/" + what, Verb: auth.Write,
			Handle: func(c *web.Ctx) (any, error) { return handle(c, c.R.PathValue("name")) }}
	}
	return []web.PageDef{
		{ID: "case.opening", Nav: "cases", Room: auth.Security, Resource: onCases, Pattern: "/cases/open", Verb: auth.Write, Template: "alerts-case-open.html", Handle: p.opening},
		{ID: "case.open", Nav: "cases", Room: auth.Security, Resource: onCases, Method: "POST", Pattern: "/cases/open", Verb: auth.Write, Template: "alerts-case-open.html", Handle: p.openNew},
		{ID: "case.report", Nav: "cases", Room: auth.Security, Resource: onCases, Pattern: "/cases/{namespace}/{name}/report", Verb: auth.Read, Template: "alerts-case-report.html", Handle: p.report},
		post("entry", p.entry), post("phase", p.phase), post("task", p.task), post("pin", p.pinHere), post("indicator", p.indicator), post("scope", p.scope),
		post("plan", p.plan), post("merge", p.merge), post("split", p.split), post("close", p.closeCase), post("closealerts", p.closeAlerts),
	}
}

// openingView is the form of a new case.
type openingView struct {
	web.Shell
	Name, Description, Lead, Alerts string
	Severities, Books               []option
	Chosen                          []row
	Problem                         string
}

func (p pages) opening(c *web.Ctx) (any, error) { return p.openingView(c, c.Param, nil) }

func (p pages) openingView(c *web.Ctx, field func(string) string, failure error) (any, error) {
	v := &openingView{Name: field("title"), Description: field("description"), Lead: field("lead"), Alerts: field("alerts")}
	v.Title, v.Crumbs = c.T("case.new"), []web.Crumb{{Href: "/cases", Label: c.T("case.nav")}}
	if failure != nil {
		v.Problem, v.Status = c.Say(failure), http.StatusUnprocessableEntity
	}
	var tags []string
	severity := field("severity")
	for _, no := range alertNumbers(v.Alerts) {
		a, err := p.desk(c).Get(c.R.Context(), c.Caller, no)
		if err != nil {
			continue
		}
		tags = append(tags, a.Rule.Tags...)
		rows, err := rowsOf(c, []*Alert{a})
		if err != nil {
			return nil, err
		}
		v.Chosen, v.Name = append(v.Chosen, rows...), cmp.Or(v.Name, a.Rule.Title)
		severity = cmp.Or(severity, Levels[max(1, rank(a.Severity))])
	}
	for _, l := range slices.Backward(Levels[1:]) {
		v.Severities = append(v.Severities, option{Value: l, Label: c.T("alerts.level." + l), On: l == cmp.Or(severity, "high")})
	}
	book := cmp.Or(field("playbook"), suggest(p.Playbooks, tags))
	for _, b := range p.Playbooks {
		v.Books = append(v.Books, option{Value: b.Name, Label: b.Title.In(c.Lang), On: b.Name == book})
	}
	return v, nil
}

// alertNumbers reads numbers of alerts that stand in one text.
func alertNumbers(text string) []int64 {
	var out []int64
	for _, s := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if no, err := ParseID(s); err == nil {
			out = append(out, no)
		}
	}
	return out
}

func (p pages) openNew(c *web.Ctx) (any, error) {
	o := Opening{Title: c.Form("title"), Description: c.Form("description"), Severity: c.Form("severity"), Playbook: c.Form("playbook"), Lead: c.Form("lead"), Alerts: alertNumbers(c.Form("alerts")), Lang: c.Lang}
	var err error
	if o.Title == "" {
		err = fault.Bad("a case needs a title", fault.Problem{Field: "title", Code: "required", Msg: "is required"}).Coded("case.title")
	}
	name := ""
	if err == nil {
		name, err = p.desk(c).OpenCase(c.R.Context(), c.Caller, o)
	}
	if fault.Is(err, fault.Invalid) {
		return p.openingView(c, c.Form, err)
	}
	if err != nil {
		return nil, err
	}
	return web.Redirect{To: casePath(name), Toast: &web.Toast{Key: "case.toast.open", Args: []string{name}}}, nil
}

// openFor opens a case for chosen alerts, with the playbook that fits.
func (p pages) openFor(c *web.Ctx, nos []int64) (string, error) {
	return p.desk(c).OpenFor(c.R.Context(), c.Caller, Opening{Alerts: nos, Lang: c.Lang})
}

// there is the answer to an act on a case.
func there(name, toast string, err error, args ...string) (any, error) {
	if err != nil {
		return nil, err
	}
	return web.Redirect{To: casePath(name), Toast: &web.Toast{Key: "case.toast." + toast, Args: args}}, nil
}

// when reads a moment of a form, in the zone of the reader.
func when(c *web.Ctx, field string) (time.Time, error) {
	text := c.Form(field)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, c.Zone()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fault.Bad(text+" is no moment", fault.Problem{Field: field, Code: "moment", Msg: "is not a moment"}).Coded("case.moment")
}

func (p pages) entry(c *web.Ctx, name string) (any, error) {
	at, err := when(c, "happened")
	if err == nil {
		err = p.desk(c).Note(c.R.Context(), c.Caller, name, Side(cmp.Or(c.Form("side"), string(Us))), c.Form("text"), at, number(c.Form("corrects")))
	}
	return there(name, "entry", err)
}

func (p pages) phase(c *web.Ctx, name string) (any, error) {
	at, err := when(c, "at")
	phase := c.Form("phase")
	if err == nil {
		err = p.desk(c).reach(c.R.Context(), c.Caller, name, c.Form("was"), phase, at, c.Form("note"), nil)
	}
	return there(name, "phase", err)
}

func (p pages) closeCase(c *web.Ctx, name string) (any, error) {
	also := map[string]any{}
	for _, f := range []string{"lesson", "noActions", "report"} {
		if v := c.Form(f); v != "" {
			also[f] = v
		}
	}
	var err error
	if c.Form("step") == "save" {
		err = p.desk(c).set(c.R.Context(), c.Caller, name, also)
		return there(name, "saved", err)
	}
	err = p.desk(c).reach(c.R.Context(), c.Caller, name, c.Form("was"), closed, time.Time{}, c.Form("note"), also)
	return there(name, "closed", err)
}

func (p pages) closeAlerts(c *web.Ctx, name string) (any, error) {
	n, err := p.desk(c).CloseAlerts(c.R.Context(), c.Caller, name, Disposition(c.Form("disposition")), c.Form("reason"))
	return there(name, "alerts", err, strconv.Itoa(n))
}

func (p pages) task(c *web.Ctx, name string) (any, error) {
	ref, err := entity.ParseRef(c.Form("task"), "task", "")
	if err != nil {
		return nil, fault.New(fault.Invalid, "%q names no task", c.Form("task")).Coded("case.task")
	}
	done := c.Form("done") != ""
	err = p.desk(c).SetTask(c.R.Context(), c.Caller, name, ref, done)
	toast := "task.open"
	if done {
		toast = "task.done"
	}
	return there(name, toast, err)
}

// pinHere keeps events of the store with a case, by their ids.
func (p pages) pinHere(c *web.Ctx, name string) (any, error) {
	var ids []string
	for _, id := range c.R.PostForm["event"] {
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, fault.New(fault.Invalid, "no event is named").Coded("case.no-event")
	}
	from, _ := time.Parse(time.RFC3339, c.Form("from"))
	to, _ := time.Parse(time.RFC3339, c.Form("to"))
	n, err := p.desk(c).PinEvents(c.R.Context(), c.Caller, name, c.Form("note"), ids, from, to)
	return there(name, "pin", err, strconv.Itoa(n))
}

// mostPinned is how many events of an alert are pinned in one go.
const mostPinned = 100

// pinAlert keeps the events of an alert with its case.
func (p pages) pinAlert(c *web.Ctx) (any, error) {
	no, back, err := p.one(c)
	if err != nil {
		return nil, err
	}
	d := p.desk(c)
	a, err := d.Get(c.R.Context(), c.Caller, no)
	if err == nil && a.Case == "" {
		err = fault.New(fault.Invalid, "%s is in no case", a.ID()).Coded("alerts.no-case")
	}
	if err != nil {
		return nil, err
	}
	list, err := events(c.R.Context(), c.Catalog().DB(), c.Caller.Org, no)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, s := range list[:min(len(list), mostPinned)] {
		ids = append(ids, s.ID)
	}
	n, err := d.PinEvents(c.R.Context(), c.Caller, a.Case, a.ID(), ids, a.FirstSeen, a.LastSeen)
	if err != nil {
		return nil, err
	}
	return web.Redirect{To: back, Toast: &web.Toast{Key: "case.toast.pin", Args: []string{strconv.Itoa(n)}}}, nil
}

func (p pages) indicator(c *web.Ctx, name string) (any, error) {
	i := Indicator{Type: c.Form("type"), Value: c.Form("value"), Note: c.Form("note")}
	err := p.desk(c).act(c.R.Context(), c.Caller, name, func(w *casework) error {
		if i.Value == "" {
			return fault.Bad("an indicator needs a value", fault.Problem{Field: "value", Code: "required", Msg: "is required"}).Coded("case.indicator")
		}
		if !w.spec.point(i) {
			return nil
		}
		return w.patch(map[string]any{"indicators": w.spec.Indicators})
	})
	return there(name, "indicator", err)
}

// scope sets the verdict about something that is affected, or adds it.
func (p pages) scope(c *web.Ctx, name string) (any, error) {
	err := p.desk(c).act(c.R.Context(), c.Caller, name, func(w *casework) error {
		verdict := cmp.Or(c.Form("verdict"), "open")
		if asset := c.Form("asset"); asset != "" {
			w.spec.Affected = append(w.spec.Affected, Affected{Asset: asset, What: c.Form("what"), Verdict: verdict})
			return w.patch(map[string]any{"affected": w.spec.Affected})
		}
		n, err := strconv.Atoi(c.Form("n"))
		if err != nil || n < 0 || n >= len(w.spec.Affected) {
			return fault.New(fault.Invalid, "the case has no such asset").Coded("case.asset")
		}
		if of := c.Form("of"); of != "" && of != w.spec.Affected[n].Asset {
			return fault.New(fault.Conflict, "the scope of %s is another by now", name).Coded("case.rescoped").WithHint("look at it, and say the verdict again")
		}
		if w.spec.Affected[n].Verdict == verdict {
			return nil
		}
		w.spec.Affected[n].Verdict = verdict
		if err := w.patch(map[string]any{"affected": w.spec.Affected}); err != nil {
			return err
		}
		said := w.by(Us, "verdict", assetName(w.spec.Affected[n].Asset))
		said.About = verdict
		return w.say(said)
	})
	return there(name, "saved", err)
}

func (p pages) plan(c *web.Ctx, name string) (any, error) {
	return there(name, "plan", p.desk(c).Plan(c.R.Context(), c.Caller, name, c.Form("playbook"), c.Lang))
}

func (p pages) merge(c *web.Ctx, name string) (any, error) {
	into := c.Form("into")
	err := p.desk(c).Merge(c.R.Context(), c.Caller, name, into, c.Form("reason"))
	return there(into, "merge", err, name, into)
}

func (p pages) split(c *web.Ctx, name string) (any, error) {
	var nos []int64
	for _, text := range c.R.PostForm["no"] {
		no, err := ParseID(text)
		if err != nil {
			return nil, err
		}
		nos = append(nos, no)
	}
	to, err := p.desk(c).Split(c.R.Context(), c.Caller, name, c.Form("title"), nos, c.R.PostForm["event"])
	return there(to, "split", err, to)
}

func longDay(c *web.Ctx, t time.Time) string { return lang.LongDate(c.Lang, t, c.Here()) }

func shortDay(c *web.Ctx, t time.Time) string { return lang.Date(c.Lang, t, c.Here()) }

func shortMoment(c *web.Ctx, t time.Time) string {
	return lang.Ago(c.Lang, t.In(c.Zone()), c.Here())
}
