package alerts

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

func onAlerts(*http.Request) (auth.Resource, error) { return Resource, nil }

func (p pages) alertPages() []web.PageDef {
	page := func(d web.PageDef) web.PageDef {
		d.Room, d.Resource = auth.Security, onAlerts
		d.Nav = cmp.Or(d.Nav, "alerts")
		return d
	}
	return []web.PageDef{
		page(web.PageDef{ID: "alerts", Pattern: "/alerts", Verb: auth.Read, Template: "alerts-list.html", Handle: p.list}),
		page(web.PageDef{ID: "alerts.bulk", Method: "POST", Pattern: "/alerts/bulk", Verb: auth.Write, Handle: p.bulk}),
		page(web.PageDef{ID: "alert", Pattern: "/alerts/{no}", Verb: auth.Read, Template: "alerts-alert.html", Handle: p.alert}),
		page(web.PageDef{ID: "alert.act", Method: "POST", Pattern: "/alerts/{no}/act", Verb: auth.Write, Handle: p.actOne}),
		page(web.PageDef{ID: "alert.answer", Method: "POST", Pattern: "/alerts/{no}/answer", Verb: auth.Write, Handle: p.answerOne}),
		page(web.PageDef{ID: "alert.suppress", Method: "POST", Pattern: "/alerts/{no}/suppress", Verb: auth.Write, Handle: p.suppressOne}),
		page(web.PageDef{ID: "alert.pin", Method: "POST", Pattern: "/alerts/{no}/pin", Verb: auth.Write, Handle: p.pinAlert}),
		page(web.PageDef{ID: "alerts.unsuppress", Method: "POST", Pattern: "/alerts/suppressions/{no}/end", Verb: auth.Write, Handle: p.endSuppression}),
	}
}

// waiting is how many alerts nobody has acknowledged.
func (p pages) waiting(c *web.Ctx) (web.Count, error) {
	list, err := p.desk(c).Open(c.R.Context(), c.Caller.Org)
	if err != nil {
		return web.Count{}, err
	}
	var out web.Count
	for _, t := range list {
		if t.State != New || rank(t.Severity) < rank("medium") {
			continue
		}
		out.N += t.N
		if rank(t.Severity) >= rank("high") {
			out.State = "bad"
		} else if out.State == "" {
			out.State = "warn"
		}
	}
	return out, nil
}

// listView is the list of alerts.
type listView struct {
	web.Shell
	Lede     string
	Filter   filterView
	Rows     []row
	Count    string
	Prev     string
	Next     string
	First    bool // there has never been one
	CanWrite bool
	Here     string // this page, to come back to
	Chips    []chip
	Clear    string
	Bulk     bulkView
	Problem  string
	Muted    []muted
}

type filterView struct {
	Text, From, To                                string
	States, Levels, Rules, Assets, People, Orders []option
}

type option struct {
	Value, Label string
	On           bool
	N            int
}

// chip is a filter that has no field of its own: Name and Param are what the
// address holds of it, which the other filters keep.
type chip struct{ Label, Value, Href, Name, Param string }

type row struct {
	ID, Href, Title, Group                     string
	Severity, SeverityState, State, StateLabel string
	Risk                                       int
	Asset                                      web.Thing
	HasAsset                                   bool
	Assignee                                   string
	Events                                     string
	Created, Last                              time.Time
	Case                                       string
	CaseHref                                   string
	Late                                       bool
}

// bulkView is what can be done with chosen alerts.
type bulkView struct {
	Dispositions []option
	Cases        []option
}

// muted is a suppression that holds.
type muted struct {
	*Suppression
	Group string
	Until time.Time
}

const pageSize = 50

func (p pages) list(c *web.Ctx) (any, error) {
	v := &listView{Here: c.R.URL.RequestURI(), Clear: "/alerts", CanWrite: c.Can(auth.Write, Resource)}
	v.Title, v.Fragment = c.T("alerts.title"), "alerts-rows"
	d, ctx := p.desk(c), c.R.Context()
	f, err := filterOf(c)
	if fault.Is(err, fault.Invalid) {
		v.Problem = c.Say(err)
	} else if err != nil {
		return nil, err
	}
	list, total, err := d.List(ctx, c.Caller, f)
	if err != nil {
		return nil, err
	}
	if v.Rows, err = rowsOf(c, list); err != nil {
		return nil, err
	}
	v.Count = c.T("alerts.count", total)
	v.paging(c, f, total)
	open, err := d.Open(ctx, c.Caller.Org)
	if err != nil {
		return nil, err
	}
	v.Lede = ledeOf(c, open)
	v.First = total == 0 && len(open) == 0 && !filtered(c)
	if err := v.choices(c, d, f); err != nil {
		return nil, err
	}
	held, err := d.Suppressions(ctx, c.Caller.Org)
	if err != nil {
		return nil, err
	}
	for _, s := range held {
		if s.Holds(c.Now) {
			v.Muted = append(v.Muted, muted{s, groupText(c, s.Group), s.Until.In(c.Zone())})
		}
	}
	return v, p.bulkChoices(c, v)
}

// filterNames are the parameters of the address that select alerts.
var filterNames = []string{"q", "state", "level", "rule", "asset", "host", "assignee", "case", "group", "from", "to"}

func filtered(c *web.Ctx) bool {
	return slices.ContainsFunc(filterNames, func(n string) bool { return c.Param(n) != "" })
}

// filterOf reads the filter in the address. What is open is shown when it does
// not say which states.
func filterOf(c *web.Ctx) (Filter, error) {
	f := Filter{Rule: c.Param("rule"), Asset: c.Param("asset"), Host: c.Param("host"), Case: c.Param("case"), GroupKey: c.Param("group"), Text: c.Param("q"), Sort: c.Param("sort"), Limit: pageSize, Offset: max(0, c.IntParam("skip", 0))}
	switch state := c.Param("state"); state {
	case "", "open":
		f.States = []State{New, Acknowledged, InWork}
	case "all":
	default:
		f.States = []State{State(state)}
	}
	if level := c.Param("level"); level != "" {
		f.Levels = atLeast(level)
	}
	switch who := c.Param("assignee"); who {
	case "":
	case "me":
		f.Assignee = []string{c.Caller.Identity()}
	default:
		f.Assignee = []string{who}
	}
	var err error
	if f.From, err = day(c, c.Param("from"), "from"); err != nil {
		return f, err
	}
	if f.To, err = day(c, c.Param("to"), "to"); err == nil && !f.To.IsZero() {
		f.To = f.To.AddDate(0, 0, 1)
	}
	return f, err
}

// day reads a day, which begins where the reader lives; zero for none.
func day(c *web.Ctx, s, field string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, c.Zone())
	if err != nil {
		return t, fault.Bad(s+" is no day", fault.Problem{Field: field, Code: "date", Msg: "is not a day", Args: []string{s}}).Coded("alerts.day").WithHint("write it as 2026-09-22")
	}
	return t, nil
}

// with is the address of the list with some parameters changed.
func with(c *web.Ctx, pairs ...string) string {
	q := url.Values{}
	for k, v := range c.R.URL.Query() {
		q[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if q.Del(pairs[i]); pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if enc := q.Encode(); enc != "" {
		return "/alerts?" + enc
	}
	return "/alerts"
}

func (v *listView) paging(c *web.Ctx, f Filter, total int) {
	if f.Offset > 0 {
		prev := ""
		if f.Offset > pageSize {
			prev = strconv.Itoa(f.Offset - pageSize)
		}
		v.Prev = with(c, "skip", prev)
	}
	if f.Offset+len(v.Rows) < total {
		v.Next = with(c, "skip", strconv.Itoa(f.Offset+pageSize))
	}
}

// ledeOf says what needs a person.
func ledeOf(c *web.Ctx, open []Tally) string {
	var all, fresh, grave int
	var oldest time.Time
	for _, t := range open {
		all += t.N
		if t.State != New {
			continue
		}
		fresh += t.N
		if rank(t.Severity) >= rank("high") {
			grave += t.N
			oldest = earlier(oldest, t.Oldest)
		}
	}
	switch {
	case all == 0:
		return c.T("alerts.lede.none")
	case grave > 0:
		return c.T("alerts.lede.grave", grave, lang.Ago(c.Lang, oldest.In(c.Zone()), c.Here())) + " " + c.T("alerts.lede.open", all)
	case fresh > 0:
		return c.T("alerts.lede.fresh", fresh) + " " + c.T("alerts.lede.open", all)
	}
	return c.T("alerts.lede.seen", all)
}

// choices fills the filter bar and the chips.
func (v *listView) choices(c *web.Ctx, d *Desk, f Filter) error {
	fv := filterView{Text: c.Param("q"), From: c.Param("from"), To: c.Param("to")}
	state := cmp.Or(c.Param("state"), "open")
	for _, s := range []string{"open", string(New), string(Acknowledged), string(InWork), string(Closed), "all"} {
		fv.States = append(fv.States, option{Value: s, Label: c.T("alerts.state." + s), On: s == state})
	}
	for _, l := range slices.Backward(Levels[1:]) {
		fv.Levels = append(fv.Levels, option{Value: l, Label: c.T("alerts.level.from", c.T("alerts.level."+l)), On: l == c.Param("level")})
	}
	for _, o := range []string{"", "risk", "seen", "oldest"} {
		fv.Orders = append(fv.Orders, option{Value: o, Label: c.T("alerts.sort." + cmp.Or(o, "new")), On: o == c.Param("sort")})
	}
	for _, x := range []struct {
		column string
		to     *[]option
	}{{"rule", &fv.Rules}, {"asset", &fv.Assets}, {"assignee", &fv.People}} {
		list, err := d.choices(c.R.Context(), c.Caller.Org, x.column, c.Now)
		if err != nil {
			return err
		}
		on := c.Param(x.column)
		for _, ch := range list {
			*x.to = append(*x.to, option{Value: ch.Value, Label: ch.Label, N: ch.N, On: ch.Value == on})
		}
		if on != "" && on != "me" && on != NoOne && !slices.ContainsFunc(list, func(ch Choice) bool { return ch.Value == on }) {
			*x.to = append(*x.to, option{Value: on, Label: on, On: true})
		}
	}
	names, err := titles(c, append(values(fv.Assets), values(fv.People)...))
	if err != nil {
		return err
	}
	for _, list := range [][]option{fv.Assets, fv.People} {
		for i := range list {
			list[i].Label = nameOf(names, list[i].Value)
		}
	}
	me := []option{{Value: "me", Label: c.T("alerts.assignee.me"), On: c.Param("assignee") == "me"}, {Value: NoOne, Label: c.T("alerts.assignee.none"), On: c.Param("assignee") == NoOne}}
	fv.People = append(me, fv.People...)
	v.Filter = fv
	for _, x := range []struct{ name, value string }{{"case", f.Case}, {"host", f.Host}, {"group", f.GroupKey}} {
		if x.value != "" {
			shown := x.value
			if x.name == "group" && len(v.Rows) > 0 {
				shown = v.Rows[0].Group
			}
			v.Chips = append(v.Chips, chip{c.T("alerts.chip." + x.name), shown, with(c, x.name, ""), x.name, x.value})
		}
	}
	return nil
}

func values(list []option) []string {
	var out []string
	for _, o := range list {
		out = append(out, o.Value)
	}
	return out
}

// titles are what references name, by reference.
func titles(c *web.Ctx, texts []string) (map[string]string, error) {
	var refs []entity.Ref
	for _, t := range texts {
		if ref, err := entity.ParseRef(t, "", ""); err == nil {
			refs = append(refs, ref)
		}
	}
	return c.Catalog().Titles(c.R.Context(), c.Caller, refs)
}

// nameOf writes what a reference names for people.
func nameOf(names map[string]string, text string) string {
	if title := names[text]; title != "" {
		return title
	}
	if ref, err := entity.ParseRef(text, "", ""); err == nil {
		return ref.Name
	}
	return text
}

// levelState is how a severity is marked.
func levelState(level string) string {
	switch level {
	case "critical", "high":
		return "bad"
	case "medium":
		return "warn"
	}
	return "idle"
}

// stateMark is how a state is marked.
func stateMark(s State, d Disposition) string {
	switch {
	case s == New:
		return "warn"
	case s == Acknowledged:
		return "info"
	case s == InWork:
		return "run"
	}
	return verdictMark(d)
}

// verdictMark is how what an alert was looks.
func verdictMark(d Disposition) string {
	return map[Disposition]string{True: "bad", False: "idle", Benign: "ok"}[d]
}

func stateLabel(c *web.Ctx, a *Alert) string {
	if a.State == Closed {
		return c.T("alerts.disposition." + string(a.Disposition))
	}
	return c.T("alerts.state." + string(a.State))
}

func rowsOf(c *web.Ctx, list []*Alert) ([]row, error) {
	var ask []string
	var assets []web.Written
	for _, a := range list {
		ask = append(ask, a.Assignee)
		assets = append(assets, web.Written{In: &entity.Entity{}, Text: cmp.Or(a.Asset, "component:none")})
	}
	names, err := titles(c, ask)
	if err != nil {
		return nil, err
	}
	things, err := c.Named(assets)
	if err != nil {
		return nil, err
	}
	var out []row
	for i, a := range list {
		r := row{ID: a.ID(), Href: a.Path(), Title: a.Rule.Title, Group: groupText(c, a.Group), Severity: c.T("alerts.level." + a.Severity), SeverityState: levelState(a.Severity),
			State: stateMark(a.State, a.Disposition), StateLabel: stateLabel(c, a), Risk: a.Risk, Asset: things[i], HasAsset: a.Asset != "", Events: eventsText(c, a), Created: a.Created.In(c.Zone()), Last: a.LastSeen.In(c.Zone()),
			Case: a.Case, Late: a.Late}
		if a.Assignee != "" {
			r.Assignee = nameOf(names, a.Assignee)
		}
		if a.Case != "" {
			r.CaseHref = casePath(a.Case)
		}
		out = append(out, r)
	}
	return out, nil
}

// eventsText writes how many events an alert has.
func eventsText(c *web.Ctx, a *Alert) string {
	if a.Exact {
		return c.Num(a.Events)
	}
	return c.T("alerts.atleast", a.Events)
}

// namedFields are fields that people call otherwise.
var namedFields = []string{event.Host, event.User, event.SourceIP, event.ServiceName, event.CloudAcct}

// groupText writes what an alert is about.
func groupText(c *web.Ctx, group []detect.GroupField) string {
	var parts []string
	for _, g := range group {
		label := g.Name
		if slices.Contains(namedFields, g.Name) {
			label = c.T("alerts.field." + g.Name)
		}
		parts = append(parts, label+" "+g.Value)
	}
	return strings.Join(parts, ", ")
}

func (p pages) bulkChoices(c *web.Ctx, v *listView) error {
	if !v.CanWrite {
		return nil
	}
	v.Bulk.Dispositions = dispositions(c)
	var err error
	v.Bulk.Cases, err = openCases(c)
	return err
}

func dispositions(c *web.Ctx) []option {
	var out []option
	for _, d := range Dispositions {
		out = append(out, option{Value: string(d), Label: c.T("alerts.disposition." + string(d))})
	}
	return out
}

// bulk does something with the chosen alerts.
func (p pages) bulk(c *web.Ctx) (any, error) {
	back := c.Next("/alerts")
	if len(c.R.PostForm["no"]) == 0 {
		return web.Redirect{To: back, Toast: &web.Toast{Key: "alerts.toast.none"}}, nil
	}
	nos, err := ParseIDs(c.R.PostForm["no"])
	if err != nil {
		return nil, err
	}
	act, err := p.actOf(c, nos)
	if err != nil {
		return nil, err
	}
	done, err := p.desk(c).Do(c.R.Context(), c.Caller, nos, act)
	if err != nil {
		return nil, err
	}
	if act.Do == Move && c.Form("case") == newCase {
		back = casePath(act.To)
	}
	return web.Redirect{To: back, Toast: &web.Toast{Key: "alerts.toast." + string(act.Do), Args: []string{strconv.Itoa(len(done))}}}, nil
}

// actOf reads from a form what is to be done with alerts.
func (p pages) actOf(c *web.Ctx, nos []int64) (Act, error) {
	act := Act{Do: Verb(c.Form("act")), To: c.Form("to"), Disposition: Disposition(c.Form("disposition")), Reason: c.Form("reason")}
	if act.Do != Move {
		return act, nil
	}
	act.To = c.Form("case")
	if act.To == newCase {
		name, err := p.openFor(c, nos)
		act.To = name
		return act, err
	}
	return act, nil
}
