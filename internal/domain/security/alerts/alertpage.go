package alerts

import (
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

// alertView is the page of an alert.
type alertView struct {
	web.Shell
	*Alert
	Path, Lede                              string
	Level, LevelState, StateWord, StateMark string
	RuleText                                []ruleLine
	RuleHref                                string
	Sample                                  []ruleLine
	SampleName                              string
	Fields                                  []pair
	Record                                  string // how often the rule was right
	EventsHref                              string
	EventsText                              string
	Chart                                   template.HTML
	Seen                                    []seenLine
	SeenMore                                int
	Questions                               []question
	Facts                                   []fact
	Reasons                                 []reasonLine
	Claims                                  []claimLine
	Related, Like                           []row
	RelatedHref, LikeHref                   string
	History                                 []step
	CanWrite, Mine                          bool
	Dispositions, Cases                     []option
	CaseHref                                string
	Tomorrow, Far                           string
	HasStore                                bool
}

// ruleLine is a line of a rule or of an event; Hit says that it is why it fired.
type ruleLine struct {
	Text string
	Hit  bool
}

type pair struct{ Name, Value string }

type seenLine struct {
	ID, Source, Href string
	At               time.Time
}

type question struct {
	Text   string
	Answer *Answer
}

type fact struct {
	Label string
	Text  string
	At    time.Time
	After string
	Who   string
	Thing *web.Thing
	State string
	Links []link
}

type link struct{ Text, Href string }

type reasonLine struct {
	Points string
	Text   string
}

type claimLine struct{ Title, Href, State, Word string }

type step struct {
	Text, Who, Note string
	At              time.Time
}

// mostSeen is how many events are listed, and fewest how many are drawn.
const (
	mostSeen = 10
	fewest   = 5
)

func (p pages) alert(c *web.Ctx) (any, error) {
	no, err := ParseID(c.R.PathValue("no"))
	if err != nil {
		return nil, fault.New(fault.NotFound, "there is no alert %s", c.R.PathValue("no")).Coded("alerts.none")
	}
	d := p.desk(c)
	a, err := d.Get(c.R.Context(), c.Caller, no)
	if err != nil {
		return nil, err
	}
	v := &alertView{Alert: a, Path: a.Path(), Level: c.T("alerts.level." + a.Severity), LevelState: levelState(a.Severity), StateWord: stateLabel(c, a), StateMark: stateMark(a.State, a.Disposition),
		CanWrite: c.Can(auth.Write, Resource), Mine: a.Assignee != "" && a.Assignee == c.Caller.Identity(), HasStore: p.Logs != nil}
	v.Title, v.Short = a.Rule.Title, a.ID()
	v.Crumbs = []web.Crumb{{Href: "/alerts", Label: c.T("alerts.title")}}
	v.Lede = ledeOfAlert(c, a)
	v.EventsHref, v.EventsText = eventsHref(a), eventsText(c, a)
	if a.Case != "" {
		v.CaseHref = casePath(a.Case)
	}
	today := c.Here()
	v.Tomorrow, v.Far = today.AddDate(0, 0, 1).Format(time.DateOnly), today.AddDate(0, 0, 7).Format(time.DateOnly)
	for _, fill := range []func(*web.Ctx, *Desk) error{v.why, v.seen, v.asked, v.facts, v.claims, v.related, v.history} {
		if err := fill(c, d); err != nil {
			return nil, err
		}
	}
	if v.CanWrite {
		v.Dispositions = dispositions(c)
		if v.Cases, err = openCases(c); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// ledeOfAlert says what was found in a sentence or two.
func ledeOfAlert(c *web.Ctx, a *Alert) string {
	about := groupText(c, a.Group)
	if about == "" {
		about = c.T("alerts.somewhere")
	}
	var out string
	switch n := eventsText(c, a); {
	case a.Events <= 1:
		out = c.T("alerts.lede.one", about, moment(c, a.FirstSeen))
	default:
		out = c.T("alerts.lede.many", n, about, moment(c, a.FirstSeen), moment(c, a.LastSeen))
	}
	if text, _, _ := strings.Cut(a.Rule.Description, "What to do:"); strings.TrimSpace(text) != "" {
		out += " " + strings.Join(strings.Fields(text), " ")
	}
	return out
}

// moment writes a moment in full, in the reader's zone.
func moment(c *web.Ctx, t time.Time) string { return lang.DateTime(c.Lang, t.In(c.Zone())) }

// eventsHref is the hunt for the events of an alert.
func eventsHref(a *Alert) string {
	var parts []string
	if a.Rule.Kind != "correlation" {
		parts = append(parts, logs.Has(event.FieldRules, a.Rule.ID))
	}
	for _, g := range a.Group {
		parts = append(parts, logs.Is(g.Name, g.Value))
	}
	q := url.Values{"q": {strings.Join(parts, " ")}, "from": {a.FirstSeen.Add(-time.Minute).UTC().Format(time.RFC3339)}, "to": {a.LastSeen.Add(time.Minute).UTC().Format(time.RFC3339)}}
	return "/events?" + q.Encode()
}

func eventHref(s detect.Seen) string {
	q := url.Values{"q": {logs.Is(event.FieldID, s.ID)}, "from": {s.Time.Add(-time.Minute).UTC().Format(time.RFC3339)}, "to": {s.Time.Add(time.Minute).UTC().Format(time.RFC3339)}}
	return "/events?" + q.Encode()
}

const mostRuleLines = 60

// why shows the rule and what it found, with what they have in common marked.
func (v *alertView) why(c *web.Ctx, d *Desk) error {
	a := v.Alert
	if a.Rule.Detection != "" {
		v.RuleHref = c.App.HrefOf(a.Rule.Detection)
	}
	if d.Config.Rule != nil {
		text := strings.TrimSpace(d.Config.Rule(c.R.Context(), c.Caller.Org, a.Rule.ID))
		if text != "" {
			v.RuleHref = "/detections/" + url.PathEscape(a.Rule.ID)
		}
		for i, line := range strings.Split(text, "\n") {
			if text == "" || i == mostRuleLines {
				break
			}
			name, _, _ := strings.Cut(strings.TrimLeft(strings.TrimSpace(line), "- "), ":")
			name, _, _ = strings.Cut(strings.Trim(name, `'"`), "|")
			_, hit := a.Fields[name]
			v.RuleText = append(v.RuleText, ruleLine{line, hit})
		}
	}
	names := []string{}
	for name := range a.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		v.Fields = append(v.Fields, pair{name, strings.Join(texts(a.Fields[name]), ", ")})
	}
	return v.record(c, d)
}

// record says how often the rule was right in 90 days.
func (v *alertView) record(c *web.Ctx, d *Desk) error {
	counts := map[Disposition]int{}
	all := 0
	err := sqldb.Each(c.R.Context(), d.catalog.DB(), func(r sqldb.Row) error {
		var is Disposition
		var n int
		err := r.Scan(&is, &n)
		counts[is] += n
		all += n
		return err
	}, `SELECT disposition, count(*) FROM alerts WHERE org = ? AND rule = ? AND created >= ? GROUP BY disposition`, c.Caller.Org, v.Rule.ID, sqldb.Micros(c.Now.AddDate(0, 0, -90)))
	v.Record = c.T("alerts.record", all, counts[True], counts[False], counts[Benign])
	return err
}

// seen lists the events, and draws when they were.
func (v *alertView) seen(c *web.Ctx, d *Desk) error {
	list, err := events(c.R.Context(), d.catalog.DB(), c.Caller.Org, v.No)
	if err != nil {
		return err
	}
	for i, s := range list {
		if i == mostSeen {
			break
		}
		v.Seen = append(v.Seen, seenLine{s.ID, s.Source, eventHref(s), s.Time.In(c.Zone())})
	}
	v.SeenMore = v.Events - len(v.Seen)
	if len(list) >= fewest {
		v.Chart = histogram(c, list)
	}
	if len(list) > 0 && d.Logs != nil {
		v.sample(c, d, list[0])
	}
	return nil
}

// sample shows the first event as the store has it. When the store has it no
// more, or does not answer, the page stands without it.
func (v *alertView) sample(c *web.Ctx, d *Desk, s detect.Seen) {
	rows, err := d.fetch(c.R.Context(), c.Caller.Org, []string{s.ID}, s.Time, s.Time)
	if err != nil || len(rows) == 0 {
		if err != nil {
			c.App.Log.WarnContext(c.R.Context(), "the event of an alert cannot be read", "alert", v.ID(), "error", err)
		}
		return
	}
	v.SampleName = c.T("alerts.sample", moment(c, s.Time))
	for _, f := range rows[0].fields {
		if event.Inner(f.Name) {
			continue
		}
		_, hit := v.Alert.Fields[f.Name]
		v.Sample = append(v.Sample, ruleLine{f.Name + ": " + f.Value, hit})
	}
}

// steps are the lengths of a bar of a histogram.
var steps = []time.Duration{time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}

// startOf is the start of the bar that a moment is in, counted on the clock of its
// zone: days begin at its midnight.
func startOf(t time.Time, length time.Duration) time.Time {
	_, offset := t.Zone()
	east := time.Duration(offset) * time.Second
	return t.Add(east).Truncate(length).Add(-east)
}

// histogram draws when events were.
func histogram(c *web.Ctx, list []detect.Seen) template.HTML {
	first, last := list[0].Time, list[len(list)-1].Time
	length := steps[len(steps)-1]
	for _, s := range steps {
		if last.Sub(first) <= 48*s {
			length = s
			break
		}
	}
	from := startOf(first.In(c.Zone()), length)
	n := int(last.Sub(from)/length) + 1
	y, x := make([]float64, n), make([]string, n)
	layout := "15:04"
	switch {
	case length < time.Minute:
		layout = "15:04:05"
	case length >= 24*time.Hour:
		layout = "2 Jan"
	}
	for i := range x {
		at := from.Add(time.Duration(i) * length)
		if x[i] = at.Format(layout); layout == "2 Jan" {
			x[i] = lang.Date(c.Lang, at, c.Here())
		}
	}
	for _, s := range list {
		y[int(s.Time.Sub(from)/length)]++
	}
	return chart.Bars{Name: c.T("alerts.chart", len(list), moment(c, first), moment(c, last)), Height: 110, Whole: true, X: x, Edge: true, XName: c.T("alerts.chart.x"),
		Series: []chart.Series{{Name: c.T("alerts.c.events"), Class: "bad", Y: y}}, Words: c.App.ChartWords(c)}.HTML()
}

// questionsOf are what a rule says is to be done, step by step.
func questionsOf(description string) []string {
	_, text, ok := strings.Cut(description, "What to do:")
	if !ok {
		return nil
	}
	var out []string
	for _, part := range strings.FieldsFunc(strings.Join(strings.Fields(text), " "), func(r rune) bool { return r == ';' }) {
		for _, s := range strings.SplitAfter(part, ". ") {
			if s = strings.TrimRight(strings.TrimSpace(s), "."); s != "" {
				first, size := utf8.DecodeRuneInString(s)
				out = append(out, string(unicode.ToUpper(first))+s[size:])
			}
		}
	}
	return out
}

func (v *alertView) asked(c *web.Ctx, d *Desk) error {
	known, err := answers(c.R.Context(), d.catalog.DB(), c.Caller.Org, v.No)
	if err != nil {
		return err
	}
	add := func(text string) {
		q := question{Text: text}
		if a, ok := known[text]; ok {
			a.At = a.At.In(c.Zone())
			q.Answer = &a
		}
		v.Questions = append(v.Questions, q)
	}
	for _, text := range questionsOf(v.Rule.Description) {
		add(text)
		delete(known, text)
	}
	if len(v.Rule.FalsePositives) > 0 {
		text := c.T("alerts.expected", strings.Join(v.Rule.FalsePositives, "; "))
		add(text)
	}
	return nil
}

func (v *alertView) facts(c *web.Ctx, _ *Desk) error {
	a := v.Alert
	add := func(key string, f fact) {
		f.Label = c.T("alerts.fact." + key)
		if !f.At.IsZero() {
			f.At = f.At.In(c.Zone())
		}
		v.Facts = append(v.Facts, f)
	}
	names, err := titles(c, append([]string{a.Assignee}, a.People...))
	if err != nil {
		return err
	}
	add("opened", fact{At: a.Created})
	if a.Acknowledged.IsZero() {
		add("acknowledged", fact{State: "warn", Text: c.T("alerts.fact.waits", lang.Ago(c.Lang, a.Created.In(c.Zone()), c.Here()))})
	} else {
		add("acknowledged", fact{At: a.Acknowledged, After: after(c, a.Acknowledged.Sub(a.Created))})
	}
	if a.Assignee != "" {
		add("assignee", fact{Who: nameOf(names, a.Assignee)})
	}
	if !a.Open() {
		add("verdict", fact{State: verdictMark(a.Disposition), Text: c.T("alerts.disposition." + string(a.Disposition))})
		add("closed", fact{At: a.Closed, After: after(c, a.Closed.Sub(a.Created))})
		add("reason", fact{Text: a.Reason})
	}
	for _, g := range a.Group {
		label := g.Name
		if slices.Contains(namedFields, g.Name) {
			label = c.T("alerts.fact.field." + g.Name)
		}
		v.Facts = append(v.Facts, fact{Label: label, Links: []link{{g.Value, "/events?" + url.Values{"q": {logs.Is(g.Name, g.Value)}}.Encode()}}})
	}
	if err := v.assetFacts(c, add); err != nil {
		return err
	}
	for _, p := range a.People {
		add("person", fact{Links: []link{{nameOf(names, p), c.App.HrefOf(p)}}})
	}
	var techs []link
	for _, t := range techniques([]*Alert{a}) {
		id := strings.ToUpper(t)
		techs = append(techs, link{id, "/attack/" + id})
	}
	if len(techs) > 0 {
		add("techniques", fact{Links: techs})
	}
	add("rule", fact{Text: strings.TrimSpace(c.T("alerts.kind."+cmp.Or(a.Rule.Kind, "rule")) + ", " + originOf(c, a.Rule))})
	if a.Late {
		add("late", fact{Text: c.T("alerts.late")})
	}
	for _, r := range a.Reasons {
		v.Reasons = append(v.Reasons, reasonLine{r.points(), reasonText(c, r)})
	}
	return nil
}

// originOf is where a rule comes from: the program, the organisation, or a rule
// set by its name.
func originOf(c *web.Ctx, r detect.Told) string {
	switch r.Origin {
	case live.Builtin:
		return c.T("alerts.origin.builtin")
	case "", live.Own:
		return c.T("alerts.origin.own")
	}
	return r.Origin
}

// assetFacts are what was hit and who answers for it.
func (v *alertView) assetFacts(c *web.Ctx, add func(string, fact)) error {
	if v.Asset == "" {
		return nil
	}
	ref, err := entity.ParseRef(v.Asset, "", "")
	if err != nil {
		return nil
	}
	e, err := c.Find(ref)
	if err != nil {
		return err
	}
	if e == nil {
		add("asset", fact{Text: ref.Name})
		return nil
	}
	t := c.Thing(e)
	add("asset", fact{Thing: &t})
	if v.Tier > 0 {
		add("tier", fact{Text: c.T("alerts.tier", v.Tier)})
	}
	var s struct {
		Owner string `json:"owner"`
	}
	if decode(string(e.Spec), &s) != nil {
		return nil
	}
	if owner := cmp.Or(s.Owner, e.Metadata.Owner); owner != "" {
		things, err := c.Named([]web.Written{{In: e, Text: owner, Kind: "group"}})
		if err != nil {
			return err
		}
		add("owner", fact{Thing: &things[0]})
	}
	return nil
}

func (r Reason) points() string {
	if r.Points > 0 {
		return fmt.Sprintf("+%d", r.Points)
	}
	return strings.ReplaceAll(strconv.Itoa(r.Points), "-", "−")
}

func reasonText(c *web.Ctx, r Reason) string {
	args := make([]any, len(r.Args))
	for i, s := range r.Args {
		args[i] = s
	}
	if r.Code == "level" && len(r.Args) > 0 {
		args[0] = strings.ToLower(c.T("alerts.level." + r.Args[0]))
	}
	return c.T("alerts.reason."+r.Code, args...)
}

// claims are the claims about what was hit, the worst first.
func (v *alertView) claims(c *web.Ctx, _ *Desk) error {
	ref, err := entity.ParseRef(v.Asset, "", "")
	if v.Asset == "" || err != nil || c.App.Claims == nil {
		return nil
	}
	rels, err := c.Relations(ref)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	glances, err := c.App.Claims.Glances(c.R.Context(), c.Caller)
	if err != nil {
		return err
	}
	slices.SortStableFunc(glances, claim.Glance.Compare)
	for _, g := range glances {
		if len(v.Claims) < 8 && (g.Ref == v.Asset || slices.ContainsFunc(rels, func(r catalog.Relation) bool { return r.Ref == g.Ref })) {
			v.Claims = append(v.Claims, claimLine{g.Title, c.App.HrefOf(g.Ref), g.State.Class(), c.In(g.State.Word())})
		}
	}
	return nil
}

const mostRelated = 6

// related are the alerts of the same group and asset, and those of the same rule.
func (v *alertView) related(c *web.Ctx, d *Desk) error {
	list, err := query(c.R.Context(), d.catalog.DB(), `org = ? AND no <> ? AND (group_key = ? OR asset <> '' AND asset = ?) ORDER BY no DESC LIMIT ?`, c.Caller.Org, v.No, v.GroupKey, v.Asset, mostRelated)
	if err == nil {
		v.Related, err = rowsOf(c, list)
	}
	if err != nil {
		return err
	}
	v.RelatedHref = "/alerts?" + url.Values{"state": {"all"}, "group": {v.GroupKey}}.Encode()
	if v.Asset != "" {
		v.RelatedHref = "/alerts?" + url.Values{"state": {"all"}, "asset": {v.Asset}}.Encode()
	}
	list, _, err = d.List(c.R.Context(), c.Caller, Filter{Rule: v.Rule.ID, Not: v.No, Limit: mostRelated})
	if err == nil {
		v.Like, err = rowsOf(c, list)
	}
	v.LikeHref = "/alerts?" + url.Values{"state": {"all"}, "rule": {v.Rule.ID}}.Encode()
	return err
}

func (v *alertView) history(c *web.Ctx, d *Desk) error {
	list, err := d.Changes(c.R.Context(), c.Caller, v.No)
	if err != nil {
		return err
	}
	var ask []string
	for _, x := range list {
		ask = append(ask, x.Value)
	}
	names, err := titles(c, ask)
	for _, x := range slices.Backward(list) {
		value := x.Value
		switch x.Act {
		case "closed":
			value = strings.ToLower(c.T("alerts.disposition." + value))
		case "raised":
			value = strings.ToLower(c.T("alerts.level." + value))
		case "assigned", "acknowledged", "started", "paged":
			value = nameOf(names, value)
		}
		key := "alerts.change." + x.Act
		if x.Act == "moved" && value == "" {
			key = "alerts.change.out"
		}
		v.History = append(v.History, step{Text: c.T(key, value), Who: x.Actor, Note: x.Note, At: x.At.In(c.Zone())})
	}
	return err
}

// after writes how long something took.
func after(c *web.Ctx, d time.Duration) string { return c.T("alerts.after", length(c, d)) }

// length writes a length of time in its two largest units.
func length(c *web.Ctx, d time.Duration) string {
	d = d.Round(time.Second)
	if d >= time.Minute {
		d = d.Truncate(time.Minute)
	}
	days, hours, minutes := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60
	switch {
	case days > 0 && hours > 0:
		return c.T("alerts.length.dh", days, hours)
	case days > 0:
		return c.T("alerts.length.d", days)
	case hours > 0 && minutes > 0:
		return c.T("alerts.length.hm", hours, minutes)
	case hours > 0:
		return c.T("alerts.length.h", hours)
	case minutes > 0:
		return c.T("alerts.length.m", minutes)
	}
	return c.T("alerts.length.s", int(d/time.Second))
}

func (p pages) one(c *web.Ctx) (int64, string, error) {
	no, err := ParseID(c.R.PathValue("no"))
	return no, "/alerts/" + idOf(no), err
}

func (p pages) actOne(c *web.Ctx) (any, error) {
	no, back, err := p.one(c)
	if err != nil {
		return nil, err
	}
	act, err := p.actOf(c, []int64{no})
	if err != nil {
		return nil, err
	}
	done, err := p.desk(c).Do(c.R.Context(), c.Caller, []int64{no}, act)
	if err != nil {
		return nil, err
	}
	if act.Do == Move && c.Form("case") == newCase {
		back = casePath(act.To)
	}
	return web.Redirect{To: c.Next(back), Toast: &web.Toast{Key: "alerts.toast." + string(act.Do), Args: []string{strconv.Itoa(len(done))}}}, nil
}

func (p pages) answerOne(c *web.Ctx) (any, error) {
	no, back, err := p.one(c)
	if err == nil {
		err = p.desk(c).Answer(c.R.Context(), c.Caller, no, c.Form("question"), c.Form("answer"))
	}
	if err != nil {
		return nil, err
	}
	return web.Redirect{To: back + "#h-ask", Toast: &web.Toast{Key: "alerts.toast.answer"}}, nil
}

func (p pages) suppressOne(c *web.Ctx) (any, error) {
	no, back, err := p.one(c)
	if err != nil {
		return nil, err
	}
	until, err := day(c, c.Form("until"), "until")
	if err == nil {
		_, err = p.desk(c).Suppress(c.R.Context(), c.Caller, no, c.Form("what") == "rule", until, c.Form("reason"))
	}
	if err != nil {
		return nil, err
	}
	return web.Redirect{To: back, Toast: &web.Toast{Key: "alerts.toast.suppress", Args: []string{c.Form("until")}}}, nil
}

func (p pages) endSuppression(c *web.Ctx) (any, error) {
	no, err := strconv.ParseInt(c.R.PathValue("no"), 10, 64)
	if err == nil {
		_, err = p.desk(c).EndSuppression(c.R.Context(), c.Caller, no)
	}
	if err != nil {
		return nil, err
	}
	return web.Redirect{To: "/alerts", Toast: &web.Toast{Key: "alerts.toast.unsuppress"}}, nil
}
