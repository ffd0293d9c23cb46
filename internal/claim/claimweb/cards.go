package claimweb

import (
	"html/template"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

// claimCards are those on the record of what bears a claim.
func claimCards(kinds []string) []web.Card {
	return []web.Card{
		{ID: "claim-state", Kinds: kinds, Slot: web.Head, Order: 10, Template: "head.html", Load: loadHead, Replaces: []string{"status.state"}},
		{ID: "claim-acts", Kinds: kinds, Slot: web.Actions, Order: 10, Template: "acts.html", Load: loadActs},
		{ID: "claim", Kinds: kinds, Slot: web.Main, Order: 10, Title: "claims.evidence", Template: "claim.html", Load: loadClaim,
			Replaces: []string{"status.value", "status.zone", "status.since"}},
		{ID: "claim-trend", Kinds: kinds, Slot: web.Main, Order: 20, Title: "claims.trend", Template: "trend.html", Load: loadTrend},
		{ID: "claim-tests", Kinds: kinds, Slot: web.Main, Order: 30, Title: "claims.tests", Template: "tests.html", Flush: true, Load: loadTests,
			Replaces: []string{"spec.tests", "spec.records", "spec.number", "spec.formula", "spec.typed", "spec.query", "spec.every", "spec.maxAge"}},
		{ID: "claim-failing", Kinds: kinds, Slot: web.Main, Order: 35, Title: "claims.failing", Template: "failing.html", Flush: true, Load: loadFailing},
		{ID: "claim-exceptions", Kinds: kinds, Slot: web.Main, Order: 37, Title: "claims.exceptions", Template: "exceptions.html", Flush: true, Load: loadExceptions},
		{ID: "claim-turns", Kinds: kinds, Slot: web.Side, Order: 30, Title: "claims.turns", Template: "turns.html", Load: loadTurns},
		{ID: "runs", Kinds: kinds, Slot: web.Tab, Order: 10, Title: "claims.runs", Template: "runs.html", Flush: true, Load: loadRuns},
		{ID: "replay", Kinds: kinds, Slot: web.Tab, Order: 20, Title: "claims.replay", Template: "replay.html", Load: loadReplay},
	}
}

func viewOf(c *web.Ctx, e *entity.Entity) (*claim.View, error) {
	views, err := c.App.Claims.ViewsOf(c.R.Context(), c.Caller, []*entity.Entity{e})
	if err != nil {
		return nil, err
	}
	if len(views) == 0 {
		return nil, fault.New(fault.NotFound, "a %s bears no claim", e.Kind).Coded("claim.none")
	}
	return views[0], nil
}

func loadHead(c *web.Ctx, e *entity.Entity) (any, error) { return viewOf(c, e) }

// acts are the buttons of a claim.
type acts struct {
	Path   string
	Test   bool // something can be run
	Attest string
	Type   string
}

func loadActs(c *web.Ctx, e *entity.Entity) (any, error) {
	v, err := viewOf(c, e)
	if err != nil {
		return nil, err
	}
	out := acts{Path: c.Href(e.Ref())}
	may := c.App.Claims.MayAnswer(c.R.Context(), c.Caller, v) == nil
	for _, ev := range v.Evidence {
		switch {
		case ev.Probe.Asked():
			out.Test = c.App.Claims.MayTest(c.Caller, v) == nil
		case may && ev.Probe.Attest != nil:
			out.Attest = wordPath(c, e, ev.Probe.Name)
		case may && ev.Probe.Typed != nil:
			out.Type = wordPath(c, e, ev.Probe.Name)
		}
	}
	return out, nil
}

func wordPath(c *web.Ctx, e *entity.Entity, test string) string {
	return c.Href(e.Ref()) + "/word?test=" + url.QueryEscape(test)
}

// standing is the state of a claim and what gives it.
type standing struct {
	*claim.View
	Lines   []line
	Drawers []drawer
	Reading string // the present number
	Target  string
	Asked   int    // members behind it
	Members string // their address; "" where nobody is asked
}

// drawer is a run that opens beside the page.
type drawer struct {
	ID, Src, Title string
	Health         claim.Health
}

func loadClaim(c *web.Ctx, e *entity.Entity) (any, error) {
	v, err := viewOf(c, e)
	if err != nil {
		return nil, err
	}
	out := standing{View: v}
	for i := range v.Evidence {
		ev := &v.Evidence[i]
		l := lineOf(c, v, ev, true)
		l.First = len(out.Drawers) == 0 && l.Drawer != ""
		out.Lines = append(out.Lines, l)
		if ev.Last != nil {
			out.Drawers = append(out.Drawers, drawer{l.Drawer, l.Href, ev.Probe.Label(), ev.Health})
		}
		if ev.Last != nil && ev.Probe.Attest == nil && len(v.Evidence) == 1 {
			out.Reading, out.Target = figure(c, ev.Probe, ev.Scale, ev.Last), claimed(c, ev.Probe, ev.Scale)
			if err := out.population(c, ev); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// population says of whom the present number is.
func (s *standing) population(c *web.Ctx, ev *claim.Evidence) error {
	r, ref := ev.Last, s.Entity.Ref()
	if r.N < 0 || r.Verdict == claim.Failed {
		return nil
	}
	s.Asked, s.Members = r.N, runPath(c, ref, r.Seq)+"/members"
	if asks := ev.Probe.Asks(); asks == nil || asks.Expect != "" {
		return nil
	}
	_, a, question, err := c.App.Claims.RunOf(c.R.Context(), c.Caller, ref, r.Seq)
	if err == nil {
		s.Asked = populationOf(question, r, a).Asked
	}
	return err
}

// trend is a number over time.
type trend struct {
	Counts  bool // it is drawn how many do not meet the test
	Chart   template.HTML
	Windows []window
}

type window struct {
	Label, Href string
	On          bool
}

// spans are the times a chart may show: how far back, and in how many points.
var spans = []struct {
	name, key string
	days, n   int
}{{"", "claims.window.12w", 84, 85}, {"1y", "claims.window.1y", 365, 74}}

func loadTrend(c *web.Ctx, e *entity.Entity) (any, error) {
	v, err := viewOf(c, e)
	if err != nil {
		return nil, err
	}
	ev := charted(v)
	if ev == nil {
		return nil, nil
	}
	shown := spans[0]
	out := trend{}
	for _, s := range spans {
		on := s.name == c.Param("window")
		if on {
			shown = s
		}
		href := c.Href(e.Ref())
		if s.name != "" {
			href += "?window=" + s.name
		}
		out.Windows = append(out.Windows, window{c.T(s.key), href, on})
	}
	to := c.Here()
	from := to.AddDate(0, 0, -shown.days)
	by, err := c.App.Claims.Histories(c.R.Context(), c.Caller.Org, []*entity.Entity{e}, ev.Probe.Name, from.AddDate(0, -1, 0), to, to.Sub(from)/time.Duration(shown.n-1))
	if err != nil {
		return nil, err
	}
	out.Counts = counts(ev)
	out.Chart = drawTrend(c, v, ev, claim.Series(by[e.Metadata.UID], from, to, shown.n, ev.Probe.MaxAge()), from, to)
	return out, nil
}

// charted is the evidence whose history is drawn: the first with a number, else
// the first whose exceptions are counted; nil when there is neither.
func charted(v *claim.View) *claim.Evidence {
	var counted *claim.Evidence
	for i := range v.Evidence {
		ev := &v.Evidence[i]
		switch {
		case ev.Probe.Attest != nil:
		case ev.Probe.Asks() == nil || ev.Probe.Asks().Value != "":
			return ev
		case counted == nil:
			counted = ev
		}
	}
	return counted
}

// counts reports whether what is drawn of a test is how many do not meet it.
func counts(ev *claim.Evidence) bool { r := ev.Probe.Asks(); return r != nil && r.Value == "" }

func drawTrend(c *web.Ctx, v *claim.View, ev *claim.Evidence, y []*float64, from, to time.Time) template.HTML {
	scale, name := ev.Scale, ev.Probe.Label()
	if counts(ev) {
		scale = claim.Scale{}
	}
	format := func(x float64) string { return scale.Write(x, c.Lang) }
	axis := scale
	axis.Decimals = max(axis.Decimals, 0)
	line := chart.Line{Name: c.T("claims.trend.of", name, lang.Date(c.Lang, from, to), lang.Date(c.Lang, to, to)), Height: 180, Words: c.App.ChartWords(c), Exact: format,
		Format: func(x float64) string { return tick(axis, x, c.Lang) }, XName: c.T("chart.when")}
	for i := range y {
		line.X = append(line.X, lang.Date(c.Lang, from.Add(to.Sub(from)/time.Duration(len(y)-1)*time.Duration(i)), to))
	}
	s := chart.Series{Name: name, Y: web.Numbers(y), Class: "1", Area: true}
	if ev.Last != nil && ev.Last.Zone == claim.Bad {
		s.Class = "bad"
	}
	line.Series = []chart.Series{s}
	if counts(ev) {
		s.Name = c.T("claims.trend.exceptions")
		line.Series[0].Name, line.Min, line.Whole = s.Name, 0, true
	}
	marks(c, &line, scale)
	if scale.Target != nil {
		line.Target = &chart.Target{V: *scale.Target, Label: c.T("claims.trend.target", format(*scale.Target)), Below: scale.Direction != claim.Down && scale.Limit == nil}
	}
	return line.HTML()
}

// marks draws the other lines that a number is held against.
func marks(c *web.Ctx, l *chart.Line, s claim.Scale) {
	flat := func(v *float64, key string) {
		if v == nil {
			return
		}
		y := make([]float64, len(l.X))
		for i := range y {
			y[i] = *v
		}
		l.Series = append(l.Series, chart.Series{Y: y, Class: "ink", Dash: true, Label: c.T(key, s.Write(*v, c.Lang))})
	}
	if s.Direction == claim.Band {
		flat(s.Low, "claims.trend.low")
		if s.High != nil && (s.Low == nil || *s.Low != *s.High) {
			flat(s.High, "claims.trend.high")
		}
		return
	}
	flat(s.Limit, "claims.trend.limit")
}

// tick writes a number of an axis: with more decimals than the scale where the
// steps are finer.
func tick(s claim.Scale, v float64, l lang.Code) string {
	for d := s.Decimals; d < 6; d++ {
		p := math.Pow(10, float64(d))
		if math.Abs(math.Round(v*p)/p-v) < 1e-9*math.Max(1, math.Abs(v)) {
			s.Decimals = d
			break
		}
	}
	return s.Write(v, l)
}

// testRow is a test with its last run.
type testRow struct {
	Name, Form string
	Asks       []ask
	Every      string
	GoodFor    string
	Last       *claim.Run
	Href       string
	Value      string
	Claimed    string
	Next       time.Time
}

// ask is one line of what a test asks.
type ask struct{ Label, Text string }

func loadTests(c *web.Ctx, e *entity.Entity) (any, error) {
	v, err := viewOf(c, e)
	if err != nil || len(v.Evidence) == 0 {
		return nil, err
	}
	due, err := c.App.Claims.Due(c.R.Context(), c.Caller.Org, v.UID)
	if err != nil {
		return nil, err
	}
	var out []testRow
	for i := range v.Evidence {
		ev := &v.Evidence[i]
		r := testRow{Name: ev.Probe.Label(), Form: c.T("claims.form." + ev.Probe.Form()), Asks: asks(c, ev.Probe), Last: ev.Last, Claimed: claimed(c, ev.Probe, ev.Scale), Next: due[ev.Probe.Name]}
		if d := ev.Probe.Every(); d > 0 {
			r.Every = span(c, d)
		}
		if d := ev.Probe.MaxAge(); d > 0 {
			r.GoodFor = span(c, d)
		}
		if ev.Last != nil {
			r.Href, r.Value = runPath(c, e.Ref(), ev.Last.Seq), found(c, ev.Probe, ev.Scale, ev.Last)
		}
		out = append(out, r)
	}
	return out, nil
}

// asks writes out what a probe asks.
func asks(c *web.Ctx, p *claim.Probe) []ask {
	var out []ask
	add := func(key, text string) {
		if text != "" {
			out = append(out, ask{c.T("claims.ask." + key), text})
		}
	}
	switch {
	case p.Records != nil:
		add("from", p.Records.From)
		add("where", p.Records.Where)
		add("expect", p.Records.Expect)
		add("value", p.Records.Value)
		add("allow", p.Records.Allow)
	case p.Attest != nil:
		add("statement", p.Attest.Statement)
		add("by", strings.Join(p.Attest.By, ", "))
	case p.Number != nil:
		add("url", p.Number.URL)
		add("file", p.Number.File)
		add("path", p.Number.Path)
		add("secret", p.Number.Secret)
	case p.Measure != nil:
		add("measure", p.Measure.Measure)
	case p.Formula != nil:
		add("formula", p.Formula.Value)
		for _, in := range p.Formula.Of {
			out = append(out, ask{in.Name, in.Measure})
		}
	case p.Query != nil:
		asksQuery(p.Query, add)
	}
	add("must", p.Must)
	return out
}

// asksQuery writes out what an engine is asked.
func asksQuery(q *claim.Query, add func(key, text string)) {
	add("query", q.Text)
	add("language", q.Language)
	add("window", q.Window)
	add("key", strings.Join(q.Key, ", "))
	if p := q.Population; p != nil {
		add("population", p.Text)
		add("population.window", p.Window)
		add("from", p.From)
		add("where", p.Where)
		add("match", p.Match)
	}
	add("expect", q.Expect)
	add("value", q.Value)
	add("allow", q.Allow)
}

// failing is what the last runs found that does not hold.
type failing struct {
	Test, Href string
	Seq        int64
	N, Total   int
	Items      []member
	More       int
	Events     string // address of what is behind it; "" for none
}

// shownItems is how many exceptions of a test stand on the record.
const shownItems = 10

func loadFailing(c *web.Ctx, e *entity.Entity) (any, error) {
	v, err := viewOf(c, e)
	if err != nil {
		return nil, err
	}
	var out []failing
	for i := range v.Evidence {
		ev := &v.Evidence[i]
		if ev.Last == nil || ev.Last.Exceptions == 0 {
			continue
		}
		r, a, _, err := c.App.Claims.RunOf(c.R.Context(), c.Caller, e.Ref(), ev.Last.Seq)
		if err != nil {
			return nil, err
		}
		all, err := itemsOf(c, e, ev.Probe, r, a, true)
		if err != nil {
			return nil, err
		}
		f := failing{Test: ev.Probe.Label(), Href: runPath(c, e.Ref(), r.Seq) + "/members", Seq: r.Seq, N: r.Exceptions, Total: r.N, Items: all[:min(len(all), shownItems)]}
		f.More, f.Events = r.Exceptions-len(f.Items), eventsPath(c, ev.Probe, r, "")
		out = append(out, f)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// excuses are the exceptions about a claim.
type excuses struct {
	List []excuse
	New  string
}

// excuse is an exception with what the reader may do about it.
type excuse struct {
	web.Thing
	claim.ExceptionSpec
	Asker    string // what people call who asked
	Decider  string // and who decided; "" when nobody did
	Label    string
	Class    string
	End      time.Time // of its last day
	RanOut   bool
	Decide   string // address of the form; "" when nothing is to be decided here
	WhyNot   string // why the reader cannot decide
	Verdict  claim.Verdict
	Verdicts bool // Verdict is known
}

func loadExceptions(c *web.Ctx, e *entity.Entity) (any, error) {
	v, err := viewOf(c, e)
	if err != nil {
		return nil, err
	}
	list, err := exceptionsOf(c, e.Ref())
	if err != nil {
		return nil, err
	}
	out := excuses{}
	for _, x := range list {
		ex, err := excuseOf(c, x, v)
		if err != nil {
			return nil, err
		}
		out.List = append(out.List, ex)
	}
	if c.CanKind(auth.Write, exceptionKind(c)) {
		out.New = requestPath(e.Ref(), "", "")
	}
	if len(out.List) == 0 {
		return nil, nil
	}
	return out, nil
}

func exceptionKind(c *web.Ctx) *catalog.Kind { return c.Catalog().Kinds().Get(auth.KindException) }

// maxExceptions is how many exceptions about one claim are read.
const maxExceptions = 500

func exceptionsOf(c *web.Ctx, ref entity.Ref) ([]*entity.Entity, error) {
	page, err := c.Catalog().List(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{auth.KindException}, Fields: map[string][]string{"spec.claim": {ref.String()}},
		Sort: "updated", Desc: true, Limit: maxExceptions, NoTotal: true})
	if err != nil {
		return nil, err
	}
	return page.Items, nil
}

func excuseOf(c *web.Ctx, x *entity.Entity, v *claim.View) (excuse, error) {
	s, err := catalog.Spec[claim.ExceptionSpec](x)
	if err != nil {
		return excuse{}, err
	}
	out := excuse{Thing: c.Thing(x), ExceptionSpec: s, Class: "idle", Label: s.State}
	out.Asker = called(c, s.RequestedBy)
	out.Decider = called(c, s.DecidedBy)
	if f := exceptionKind(c).Field("spec.state").EnumFor(s.State); f != nil {
		out.Class, out.Label = f.State, c.In(f.Label)
	}
	end, holds := s.Holds(c.Now)
	out.End, out.RanOut = web.Day(end.AddDate(0, 0, -1)), s.State == "approved" && !holds
	if out.RanOut {
		out.Class, out.Label = "idle", c.T("claims.exception.ranout")
	}
	if s.State == "requested" {
		out.Decide, out.WhyNot = deciderOf(c, x, v)
	}
	if v != nil {
		for _, ev := range v.Evidence {
			if ev.Last != nil && (s.Test == "" || s.Test == ev.Probe.Name) {
				out.Verdict, out.Verdicts = ev.Last.Verdict, true
				break
			}
		}
	}
	return out, nil
}

// deciderOf returns where the reader decides on a request, or why they cannot.
func deciderOf(c *web.Ctx, x *entity.Entity, v *claim.View) (path, whyNot string) {
	s, err := catalog.Spec[claim.ExceptionSpec](x)
	if err != nil {
		return "", ""
	}
	if s.RequestedBy == c.Caller.Identity() {
		return "", c.T("claims.decide.own")
	}
	if v == nil {
		return "", ""
	}
	if err := c.App.Claims.MayWrite(c.Caller, v); err != nil {
		return "", c.T("claims.decide.role")
	}
	return c.Href(x.Ref()) + "/decide", ""
}

// requestPath is the form that asks for an exception, filled in.
func requestPath(ref entity.Ref, test, item string) string {
	q := url.Values{"spec.claim": {ref.Short()}, "spec.state": {"requested"}}
	if test != "" {
		q.Set("spec.test", test)
	}
	if item != "" {
		q.Set("spec.items", item)
	}
	return "/exceptions/new?" + q.Encode()
}

// shownTurns is how many turns stand on the record.
const shownTurns = 12

func loadTurns(c *web.Ctx, e *entity.Entity) (any, error) {
	turns, err := c.App.Claims.Turns(c.R.Context(), c.Caller, e.Metadata.UID, time.Time{}, shownTurns)
	if err != nil || len(turns) == 0 {
		return nil, err
	}
	scale := c.App.Claims.Scales(c.R.Context(), c.Caller.Org, e)[e.Metadata.UID]
	type turn struct {
		claim.Turn
		Figure  string
		Reading bool // not the state turned but the reading of the number
	}
	var out []turn
	for _, t := range turns {
		x := turn{Turn: t, Reading: t.Was == t.State && t.Zone != ""}
		if t.Value != nil {
			x.Figure = scale.Write(*t.Value, c.Lang)
		}
		out = append(out, x)
	}
	return out, nil
}

// doubtful counts the claims that are contradicted or disputed.
func doubtful(c *web.Ctx) (web.Count, error) {
	by, err := c.App.Claims.Tally(c.R.Context(), c.Caller, auth.KindClaim)
	if err != nil {
		return web.Count{}, err
	}
	if n := by[claim.Contradicted] + by[claim.Disputed]; n > 0 {
		return web.Count{N: n, State: "bad"}, nil
	}
	total := 0
	for _, n := range by {
		total += n
	}
	return web.Count{N: total}, nil
}

// undecided counts the exceptions that wait for somebody.
func undecided(c *web.Ctx) (web.Count, error) {
	page, err := c.Catalog().List(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{auth.KindException}, Fields: map[string][]string{"spec.state": {"requested"}}, Limit: 1})
	if err != nil || page.Total == 0 {
		return web.Count{}, err
	}
	return web.Count{N: page.Total, State: "warn"}, nil
}
