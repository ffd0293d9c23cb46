package alerts

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

func (p pages) caseCards() []web.Card {
	of := []string{CaseKind}
	return []web.Card{
		{ID: "case-head", Kinds: of, Slot: web.Head, Template: "alerts-case-head.html", Load: loadCaseHead,
			Replaces: []string{"spec.severity", "spec.phase", "neighbours", "tasks", "spec.detectedAt", "spec.acknowledgedAt", "spec.containedAt", "spec.removedAt", "spec.recoveredAt", "spec.closedAt", "spec.report", "spec.noActions"}},
		{ID: "case-actions", Kinds: of, Slot: web.Actions, Template: "alerts-case-actions.html", Load: p.loadCaseActions},
		{ID: "case-phases", Kinds: of, Slot: web.Band, Template: "alerts-case-phases.html", Load: loadPhases},
		{ID: "case-timeline", Kinds: of, Slot: web.Main, Order: 40, Title: "case.timeline", Template: "alerts-case-timeline.html", Load: p.loadTimeline, Flush: true},
		{ID: "case-alerts", Kinds: of, Slot: web.Main, Order: 50, Title: "alerts.title", Template: "alerts-case-alerts.html", Load: p.loadCaseAlerts, Flush: true},
		{ID: "case-events", Kinds: of, Slot: web.Main, Order: 60, Title: "case.custody", Template: "alerts-case-events.html", Load: p.loadCustody, Flush: true},
		{ID: "case-tasks", Kinds: of, Slot: web.Side, Order: 40, Title: "case.tasks", Template: "alerts-case-tasks.html", Load: p.loadTasks, Flush: true},
		{ID: "case-scope", Kinds: of, Slot: web.Side, Order: 50, Title: "case.scope", Template: "alerts-case-scope.html", Load: loadScope, Flush: true, Replaces: []string{"spec.affected"}},
		{ID: "case-indicators", Kinds: of, Slot: web.Side, Order: 60, Title: "case.indicators", Template: "alerts-case-indicators.html", Load: p.loadIndicators, Flush: true, Replaces: []string{"spec.indicators"}},
		{ID: "case-closing", Kinds: of, Slot: web.Side, Order: 70, Title: "case.closing", Template: "alerts-case-closing.html", Load: p.loadClosing, Flush: true},
		{ID: "oncall-turns", Kinds: []string{OnCallKind}, Slot: web.Main, Order: 50, Title: "oncall.turns", Template: "alerts-oncall.html", Load: loadTurns, Flush: true},
		{ID: "case-of", Slot: web.Side, Order: 260, Title: "case.of", Template: "alerts-case-of.html", Load: loadCasesOf, Flush: true},
	}
}

// spec reads the case of a page once.
func spec(e *entity.Entity) (Case, string, error) {
	s, err := catalog.Spec[Case](e)
	return s, e.Metadata.Name, err
}

func mayCase(c *web.Ctx) bool { return c.Can(auth.Write, caseResource) }

type caseHead struct{ Name, Severity, SeverityState, Phase, PhaseState, Into, IntoHref string }

func label(c *web.Ctx, path, value string) (text, state string) {
	k := c.Catalog().Kinds().Get(CaseKind)
	if f := k.Field(path); f != nil {
		if e := f.EnumFor(value); e != nil {
			return c.In(e.Label), e.State
		}
	}
	return value, "idle"
}

func loadCaseHead(c *web.Ctx, e *entity.Entity) (any, error) {
	s, name, err := spec(e)
	if err != nil {
		return nil, err
	}
	h := caseHead{Name: name}
	h.Severity, h.SeverityState = label(c, "spec.severity", s.Severity)
	h.Phase, h.PhaseState = label(c, "spec.phase", s.Phase)
	if ref, err := entity.ParseRef(s.MergedInto, "case", ""); s.MergedInto != "" && err == nil {
		h.Into, h.IntoHref = ref.Name, casePath(ref.Name)
	}
	return h, nil
}

type caseActions struct {
	Path   string
	Closed bool
	May    bool
	Others []option
	Books  []option
	Alerts []option
	Events []option
}

func (p pages) loadCaseActions(c *web.Ctx, e *entity.Entity) (any, error) {
	s, name, err := spec(e)
	if err != nil {
		return nil, err
	}
	v := caseActions{Path: casePath(name), Closed: s.Phase == closed, May: mayCase(c)}
	if !v.May {
		return v, nil
	}
	others, err := openCases(c)
	for _, o := range others {
		if o.Value != name {
			v.Others = append(v.Others, o)
		}
	}
	for _, b := range p.Playbooks {
		v.Books = append(v.Books, option{Value: b.Name, Label: b.Title.In(c.Lang)})
	}
	return v, err
}

// phaseView is one step of the progress of a case.
type phaseView struct {
	Word, Note string
	At         time.Time
	Clock      string // At in the reader's zone: the time of today, else the day
	Elapsed    string // of the step that is next
	Done, Now  bool
	Late       bool
	Icon       string
}

func loadPhases(c *web.Ctx, e *entity.Entity) (any, error) {
	s, _, err := spec(e)
	if err != nil || s.MergedInto != "" {
		return nil, err
	}
	list, err := phases(c, s)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Clock = clock(c, list[i].At.In(c.Zone()))
	}
	return list, nil
}

// clock writes a moment of today by its time, another by its day.
func clock(c *web.Ctx, t time.Time) string {
	if now := c.Now.In(t.Location()); now.YearDay() == t.YearDay() && now.Year() == t.Year() {
		return t.Format("15:04")
	}
	return shortDay(c, t)
}

func phases(c *web.Ctx, s Case) ([]phaseView, error) {
	limits, err := targetsAt(c.R.Context(), c.Catalog().DB(), c.Caller.Org, 0)
	if err != nil {
		return nil, err
	}
	start := s.When(detected)
	var out []phaseView
	nextSeen := false
	for _, p := range Phases {
		at, limit := s.When(p), limits[s.Severity][p]
		v := phaseView{Word: c.T("case.phase." + p), At: at, Icon: "s-idle"}
		switch {
		case p == detected:
			v.Done, v.Icon = true, "s-ok"
			if b := s.began(); b.Before(start) {
				v.Note = c.T("case.after.first", length(c, start.Sub(b)))
			}
		case !at.IsZero():
			v.Done, v.Icon, v.Late = true, "s-ok", at.Sub(start) > limit
			v.Note = c.T("case.after", length(c, at.Sub(start)), length(c, limit))
		case !nextSeen && s.Phase != closed:
			nextSeen = true
			v.Now, v.Icon, v.Elapsed = true, "s-run", length(c, c.Now.Sub(start))
			if left := start.Add(limit).Sub(c.Now); left > 0 {
				v.Note = c.T("case.left", length(c, limit), length(c, left))
			} else {
				v.Note, v.Late = c.T("case.over", length(c, limit), length(c, -left)), true
			}
		default:
			v.Note = c.T("case.limit", length(c, limit))
		}
		if v.Late {
			v.Icon = "s-warn"
		}
		out = append(out, v)
	}
	return out, nil
}

// timelineView is what happened, by days.
type timelineView struct {
	Path  string
	May   bool
	Days  []dayView
	N     int
	Zone  string
	Sides []link
	Side  string
	Now   string // for a moment of the form, in the zone
}

type dayView struct {
	Title   string
	Entries []entryView
}

type entryView struct {
	No                  int64
	Time                string
	At                  time.Time
	Written             string // when it was written, where that is much later
	Class, Icon         string
	Text                string // Markdown
	Said                string // by the program
	Href, Link          string
	Who, Hash           string
	Corrected, Corrects int64
	From                string
	Source              string      // of a pinned event
	Pin                 string      // start of the hash of a pinned event
	Pins                []entryView // of the same act and day, where it pinned several: the first of them is told by these
	Until               string      // when the last of Pins happened
	First, Last         int64       // numbers of the first and the last of Pins
}

var entryIcons = map[string]string{"opened": "shield", "note": "comment", "alert": "bell", "left": "logout", "pin": "lock", "phase": "check", "task": "check", "playbook": "list", "merged": "swap", "gone": "swap", "split": "swap", "splitfrom": "swap"}

func (p pages) loadTimeline(c *web.Ctx, e *entity.Entity) (any, error) {
	_, name, err := spec(e)
	if err != nil {
		return nil, err
	}
	list, err := p.desk(c).Timeline(c.R.Context(), c.Caller.Org, name)
	if err != nil {
		return nil, err
	}
	zone := c.Zone()
	v := &timelineView{Path: casePath(name), May: mayCase(c), N: len(list), Zone: zone.String(), Side: c.Param("side"), Now: c.Now.In(zone).Format("2006-01-02T15:04")}
	for _, side := range []string{"", "them", "us"} {
		href := casePath(name)
		if side != "" {
			href += "?side=" + side
		}
		v.Sides = append(v.Sides, link{c.T("case.side." + cmp.Or(side, "all")), href})
	}
	v.Days = daysOf(c, list, zone, v.Side)
	return v, nil
}

// daysOf orders entries by when what they tell of happened.
func daysOf(c *web.Ctx, list []*Entry, zone *time.Location, side string) []dayView {
	corrected := map[int64]int64{}
	for _, e := range list {
		if e.Corrects != 0 {
			corrected[e.Corrects] = e.No
		}
	}
	ordered := slices.Clone(list)
	slices.SortStableFunc(ordered, func(a, b *Entry) int { return cmp.Or(a.Happened.Compare(b.Happened), cmp.Compare(a.No, b.No)) })
	var out []dayView
	acts := map[pinAct]int{}
	for _, e := range ordered {
		if side != "" && string(e.Side) != side {
			continue
		}
		day := longDay(c, e.Happened.In(zone))
		if len(out) == 0 || out[len(out)-1].Title != day {
			out = append(out, dayView{Title: day})
		}
		v := viewOf(c, e, zone)
		v.Corrected = corrected[e.No]
		entries := &out[len(out)-1].Entries
		if e.Kind == "pin" {
			act := pinAct{day, e.At, e.Account, e.Actor, e.Side, v.Source}
			if i, ok := acts[act]; ok {
				(*entries)[i].fold(c, v)
				continue
			}
			acts[act] = len(*entries)
		}
		*entries = append(*entries, v)
	}
	return out
}

// pinAct is what the entries have in common that one act wrote when it kept
// several events of a source and of a day.
type pinAct struct {
	day            string
	at             time.Time
	account, actor string
	side           Side
	source         string
}

// fold takes another event of the same act into an entry.
func (v *entryView) fold(c *web.Ctx, next entryView) {
	if v.Pins == nil {
		first := *v
		v.Pins, v.First, v.Last, v.Link = []entryView{first}, v.No, v.No, ""
	}
	v.Pins, v.Until = append(v.Pins, next), next.Time
	v.First, v.Last = min(v.First, next.No), max(v.Last, next.No)
	v.Said = c.T("case.entry.pins", len(v.Pins), v.Source)
}

func viewOf(c *web.Ctx, e *Entry, zone *time.Location) entryView {
	v := entryView{No: e.No, Time: e.Happened.In(zone).Format("15:04"), At: e.Happened, Class: "tl-us", Icon: cmp.Or(entryIcons[e.Kind], "comment"), Who: e.Actor, Hash: short(e.Hash), Corrects: e.Corrects}
	switch e.Side {
	case Them:
		v.Class = "tl-them"
	case None:
		v.Class = ""
	}
	if e.At.Sub(e.Happened) > time.Hour {
		v.Written = c.T("case.written", lang.DateTime(c.Lang, e.At.In(zone)))
	}
	if e.Kind == "note" && e.Side == Them {
		v.Icon = "user"
	}
	var o origin
	if json.Unmarshal(e.Data, &o) == nil && o.Case != "" {
		v.From, v.Who = c.T("case.copied", o.Case, o.No), o.By
	}
	switch e.Kind {
	case "note":
		v.Text = e.Text
	case "alert", "left":
		v.Said, v.Link, v.Href = c.T("case.entry."+e.Kind, e.About), e.Text, "/alerts/"+e.About
	case "pin":
		var k custody
		_ = json.Unmarshal(e.Data, &k)
		v.Said, v.Link, v.Text, v.Pin, v.Source = c.T("case.entry.pin", k.Source), e.About, e.Text, short(k.SHA256), k.Source
		v.Href = "#events"
	case "phase":
		v.Said, v.Text = c.T("case.entry.phase", c.T("case.phase."+e.About)), e.Text
	case "task":
		v.Said = c.T("case.entry.task."+cmp.Or(e.About, "done"), e.Text)
	case "verdict":
		verdict, _ := label(c, "spec.affected[].verdict", e.About)
		v.Said, v.Icon = c.T("case.entry.verdict", e.Text, strings.ToLower(verdict)), "shield"
	case "playbook":
		v.Said = c.T("case.entry.playbook", e.Text)
	default:
		v.Said, v.Text = c.T("case.entry."+e.Kind, e.About), e.Text
		if casePattern.MatchString(e.About) {
			v.Link, v.Href = e.About, casePath(e.About)
		}
	}
	return v
}

func short(hash string) string { return hash[:min(len(hash), 12)] }

type caseAlerts struct {
	Path    string
	Rows    []row
	Open    int
	May     bool
	Options []option
}

func (p pages) loadCaseAlerts(c *web.Ctx, e *entity.Entity) (any, error) {
	_, name, err := spec(e)
	if err != nil {
		return nil, err
	}
	list, _, err := p.desk(c).List(c.R.Context(), c.Caller, Filter{Case: name, Limit: 200, Sort: "oldest"})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	v := caseAlerts{Path: casePath(name), May: mayCase(c), Options: dispositions(c)}
	v.Rows, err = rowsOf(c, list)
	for _, a := range list {
		if a.Open() {
			v.Open++
		}
	}
	return v, err
}

type custodyView struct {
	*Custody
	Head   string
	Why    string
	Events []eventView // the first
	Rest   []eventView // folded away
	N      int         // of both
	Path   string
	May    bool
	Store  bool
}

type eventView struct {
	*Pinned
	Short string
	Lines []ruleLine
}

func (p pages) loadCustody(c *web.Ctx, e *entity.Entity) (any, error) {
	_, name, err := spec(e)
	if err != nil {
		return nil, err
	}
	d := p.desk(c)
	k, err := d.Verify(c.R.Context(), c.Caller.Org, name)
	if err != nil || k.Entries == 0 {
		return nil, err
	}
	v := custodyView{Custody: k, Head: short(k.Head), Path: casePath(name), May: mayCase(c), Store: p.Logs != nil}
	if !k.OK {
		v.Why = c.T("case.broken."+k.Why, k.Broken)
	}
	list, err := d.Pinned(c.R.Context(), c.Caller.Org, name)
	for _, x := range list {
		x.Time, x.Pinned = x.Time.In(c.Zone()), x.Pinned.In(c.Zone())
		v.Events = append(v.Events, eventView{x, short(x.SHA256), pretty(x.Line)})
	}
	v.N = len(v.Events)
	if v.N > eventsShown+1 { // one more takes no more room than what opens it
		v.Events, v.Rest = v.Events[:eventsShown], v.Events[eventsShown:]
	}
	return v, err
}

// eventsShown is how many kept events are shown at once.
const eventsShown = 10

// pretty writes an event line by line.
func pretty(line string) []ruleLine {
	var doc map[string]any
	if json.Unmarshal([]byte(line), &doc) != nil {
		return []ruleLine{{Text: line}}
	}
	var out []ruleLine
	leaves("", doc, func(field, value string) { out = append(out, ruleLine{Text: field + ": " + value}) })
	slices.SortFunc(out, func(a, b ruleLine) int { return strings.Compare(a.Text, b.Text) })
	return out
}

type tasksView struct {
	Path       string
	May        bool
	Lines      []taskLine
	Done, Left int
	New        string
	Books      []option
}

type taskLine struct {
	Ref, Title, Href, When string
	Done, Late, Evidence   bool
	Action                 bool
}

func (p pages) loadTasks(c *web.Ctx, e *entity.Entity) (any, error) {
	s, name, err := spec(e)
	k := c.Catalog().Kinds().Get(auth.KindTask)
	if err != nil || k == nil || !c.CanKind(auth.Read, k) {
		return nil, err
	}
	list, err := p.desk(c).tasks(c.R.Context(), nil, c.Caller, e.Ref())
	if err != nil {
		return nil, err
	}
	v := tasksView{Path: casePath(name), May: mayCase(c) && c.CanKind(auth.Write, k) && s.Phase != closed, New: "/tasks/new?" + url.Values{"spec.state": {"open"}, "spec.about": {e.Ref().String()}}.Encode()}
	for _, b := range p.Playbooks {
		v.Books = append(v.Books, option{Value: b.Name, Label: b.Title.In(c.Lang), On: b.Name == s.Playbook})
	}
	for _, t := range list {
		line, err := lineOf(c, s, t)
		if err != nil {
			return nil, err
		}
		if line.Done {
			v.Done++
		} else {
			v.Left++
		}
		v.Lines = append(v.Lines, line)
	}
	return v, nil
}

func lineOf(c *web.Ctx, s Case, t *entity.Entity) (taskLine, error) {
	spec, err := catalog.Spec[struct {
		taskSpec
		NeedsEvidence bool `json:"needsEvidence"`
	}](t)
	if err != nil {
		return taskLine{}, err
	}
	line := taskLine{Ref: t.Ref().String(), Title: t.DisplayTitle(), Href: c.Href(t.Ref()), Done: spec.State != "open", Evidence: spec.NeedsEvidence, Action: isAction(s, t)}
	switch {
	case line.Done && spec.DoneBy != "":
		who := spec.DoneBy
		if ref, err := entity.ParseRef(who, "user", ""); err == nil {
			who = ref.Name
		}
		line.When = who
		if at, err := time.Parse(time.RFC3339, spec.DoneAt); err == nil {
			line.When += " " + shortMoment(c, at)
		}
	case !line.Done && spec.Due != "":
		if at, err := time.Parse(time.DateOnly, spec.Due); err == nil {
			line.When, line.Late = shortDay(c, at), spec.Due < c.Today()
		}
	}
	return line, nil
}

type scopeView struct {
	Path string
	May  bool
	Rows []scopeRow
}

type scopeRow struct {
	N              int
	Thing          *web.Thing
	Name, What     string
	Verdict, State string
	Options        []option
}

func loadScope(c *web.Ctx, e *entity.Entity) (any, error) {
	s, name, err := spec(e)
	if err != nil || len(s.Affected) == 0 && !mayCase(c) {
		return nil, err
	}
	v := scopeView{Path: casePath(name), May: mayCase(c) && s.Phase != closed}
	var ask []web.Written
	for _, a := range s.Affected {
		ask = append(ask, web.Written{In: e, Text: a.Asset})
	}
	things, err := c.Named(ask)
	if err != nil {
		return nil, err
	}
	f := c.Catalog().Kinds().Get(CaseKind).Field("spec.affected[].verdict")
	for i, a := range s.Affected {
		r := scopeRow{N: i, Name: a.Asset, What: a.What}
		if !things[i].Missing {
			r.Thing = &things[i]
		}
		for _, x := range f.Enum {
			if x.Value == a.Verdict {
				r.Verdict, r.State = c.In(x.Label), x.State
			}
			r.Options = append(r.Options, option{Value: x.Value, Label: c.In(x.Label), On: x.Value == a.Verdict})
		}
		v.Rows = append(v.Rows, r)
	}
	return v, nil
}

type indicatorsView struct {
	Path     string
	May      bool
	Rows     []indicatorRow
	Proposed []proposedRow
	Hunt     string
	Searched bool
	Store    bool
	Here     string
}

type indicatorRow struct {
	Type, Value, Note string
	Href              string
	Seen, SeenState   string
}

type proposedRow struct{ Type, Label, Value, Short string }

const mostProposed = 8

func (p pages) loadIndicators(c *web.Ctx, e *entity.Entity) (any, error) {
	s, name, err := spec(e)
	if err != nil {
		return nil, err
	}
	d := p.desk(c)
	v := indicatorsView{Path: casePath(name), May: mayCase(c) && s.Phase != closed, Searched: c.Param("elsewhere") != "", Store: p.Logs != nil, Here: casePath(name)}
	from := c.Now.Add(-lookback).UTC().Format(time.RFC3339)
	var all []string
	for _, i := range s.Indicators {
		text, _ := label(c, "spec.indicators[].type", i.Type)
		r := indicatorRow{Type: text, Value: i.Value, Note: i.Note, Href: "/events?" + url.Values{"q": {i.question()}, "from": {from}}.Encode()}
		all = append(all, i.question())
		if v.Searched && v.Store {
			seen, err := d.seenElsewhere(c.R.Context(), c.Caller.Org, i, s.began(), c.Now)
			switch {
			case err != nil:
				r.Seen, r.SeenState = c.T("case.elsewhere.failed"), "warn"
			case seen.N == 0:
				r.Seen, r.SeenState = c.T("case.elsewhere.no"), "ok"
			default:
				r.Seen, r.SeenState = c.T("case.elsewhere.yes", int(seen.N), moment(c, seen.Last)), "bad"
			}
		}
		v.Rows = append(v.Rows, r)
	}
	if len(all) > 0 {
		v.Hunt = "/events?" + url.Values{"q": {strings.Join(all, " or ")}, "from": {from}}.Encode()
	}
	list, err := d.Pinned(c.R.Context(), c.Caller.Org, name)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, x := range list {
		lines = append(lines, x.Line)
	}
	for _, i := range observables(lines) {
		if len(v.Proposed) < mostProposed && !slices.ContainsFunc(s.Indicators, func(x Indicator) bool { return x.Value == i.Value }) {
			text, _ := label(c, "spec.indicators[].type", i.Type)
			v.Proposed = append(v.Proposed, proposedRow{i.Type, text, i.Value, cut(i.Value, 32)})
		}
	}
	if len(v.Rows)+len(v.Proposed) == 0 && !v.May {
		return nil, nil
	}
	return v, nil
}

type closingView struct {
	Path       string
	Was        string // the phase that the page shows
	May        bool
	Checks     []check
	Ready      bool
	Closed     bool
	Phases     []option
	Reports    []option
	Lesson     string
	NoActions  string
	HasActions bool
	NewAction  string
	Now        string
}

type check struct {
	Text, More string
	Met        bool
}

func (p pages) loadClosing(c *web.Ctx, e *entity.Entity) (any, error) {
	s, name, err := spec(e)
	if err != nil || s.MergedInto != "" {
		return nil, err
	}
	d := p.desk(c)
	zone := c.Zone()
	v := closingView{Path: casePath(name), Was: s.Phase, May: mayCase(c), Closed: s.Phase == closed, Lesson: s.Lesson, NoActions: s.NoActions, HasActions: len(s.Actions) > 0, Now: c.Now.In(zone).Format("2006-01-02T15:04"), Ready: true}
	_, open, err := d.List(c.R.Context(), c.Caller, Filter{Case: name, States: []State{New, Acknowledged, InWork}, Limit: 1})
	if err != nil {
		return nil, err
	}
	tasks, err := d.tasks(c.R.Context(), nil, catalog.Program(c.Caller.Org, manager), e.Ref())
	if err != nil {
		return nil, err
	}
	for _, l := range s.conditions(open, openTasks(s, tasks)) {
		x := check{Text: c.T("case.check." + l.Code), Met: l.Met}
		if !l.Met {
			v.Ready = false
			if l.Code != "lesson" && l.Code != "actions" && l.Code != "report" {
				x.More = c.T("case.check.left", l.N)
			}
		}
		v.Checks = append(v.Checks, x)
	}
	f := c.Catalog().Kinds().Get(CaseKind).Field("spec.report")
	for _, x := range f.Enum {
		v.Reports = append(v.Reports, option{Value: x.Value, Label: c.In(x.Label), On: x.Value == s.Report})
	}
	for i, ph := range Phases[:5] {
		v.Phases = append(v.Phases, option{Value: ph, Label: c.T("case.phase." + ph), On: i == min(slices.Index(Phases, s.Phase)+1, 4)})
	}
	v.NewAction = "/tasks/new?" + url.Values{"spec.state": {"open"}, "spec.about": {e.Ref().String()}}.Encode()
	return v, nil
}

type turnView struct {
	Who, Mark string
	Word      string
	Turn
}

const turnsShown = 6

// loadTurns shows who is on call, and who comes next.
func loadTurns(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := catalog.Spec[OnCall](e)
	if err != nil {
		return nil, err
	}
	turns := s.Next(c.Now, turnsShown)
	var ask []string
	for _, t := range turns {
		ask = append(ask, t.Person)
	}
	names, err := titles(c, ask)
	var out []turnView
	for i, t := range turns {
		v := turnView{Who: nameOf(names, t.Person), Mark: "idle", Word: c.T("oncall.next"), Turn: t}
		if i == 0 {
			v.Mark, v.Word = "ok", c.T("oncall.now")
		}
		out = append(out, v)
	}
	return out, err
}

// loadCasesOf lists the cases and the open alerts of a thing, on its page.
func loadCasesOf(c *web.Ctx, e *entity.Entity) (any, error) {
	if !slices.Contains(assetKinds, strings.ToLower(e.Kind)) || !c.Can(auth.Read, Resource) {
		return nil, nil
	}
	list, err := query(c.R.Context(), c.Catalog().DB(), `org = ? AND asset = ? AND state <> 'closed' ORDER BY risk DESC, no DESC LIMIT 6`, c.Caller.Org, e.Ref().String())
	if err != nil {
		return nil, err
	}
	v := ofView{All: "/alerts?" + url.Values{"state": {"all"}, "asset": {e.Ref().String()}}.Encode()}
	if v.Alerts, err = rowsOf(c, list); err != nil {
		return nil, err
	}
	if v.Cases, err = c.Related(e.Ref(), "affectedByCase"); err != nil {
		return nil, err
	}
	if len(v.Alerts)+len(v.Cases) == 0 {
		return nil, nil
	}
	return v, nil
}

type ofView struct {
	All    string
	Alerts []row
	Cases  []web.Thing
}

// cut shortens a text to so many letters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// openCases are the cases that alerts can go into, the newest first.
func openCases(c *web.Ctx) ([]option, error) {
	k := c.Catalog().Kinds().Get(CaseKind)
	if k == nil || !c.CanKind(auth.Read, k) {
		return nil, nil
	}
	q := openCaseQuery()
	q.Sort, q.Desc, q.Limit, q.NoTotal = "created", true, 50, true
	page, err := c.Catalog().List(c.R.Context(), c.Caller, q)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []option
	for _, e := range page.Items {
		out = append(out, option{Value: e.Metadata.Name, Label: e.Metadata.Name + " " + e.DisplayTitle()})
	}
	return out, nil
}

// number reads a whole number of a form; 0 for none.
func number(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(text), "#"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
