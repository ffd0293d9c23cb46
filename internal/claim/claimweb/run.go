package claimweb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

// opened is a thing that bears a claim, and the claim.
type opened struct {
	entity *entity.Entity
	view   *claim.View
}

// open reads the thing in the address. A name that was changed leads to the
// present one.
func open(c *web.Ctx, k *catalog.Kind) (opened, any, error) {
	ref := c.Ref(k)
	e, err := c.Catalog().Get(c.R.Context(), c.Caller, ref)
	if err != nil {
		return opened{}, nil, err
	}
	if e.Ref() != ref && c.R.Method == http.MethodGet {
		rest := c.R.URL.Path[len(c.Href(ref)):]
		return opened{}, web.Redirect{To: c.Href(e.Ref()) + rest + query(c.R.URL)}, nil
	}
	v, err := viewOf(c, e)
	return opened{e, v}, nil, err
}

func query(u *url.URL) string {
	if u.RawQuery == "" {
		return ""
	}
	return "?" + u.RawQuery
}

// crumbs lead from the list of the kind to the thing.
func (o *opened) crumbs(c *web.Ctx, k *catalog.Kind) []web.Crumb {
	return []web.Crumb{{Href: "/" + k.Plural, Label: c.In(k.Titles)}, {Href: c.Href(o.entity.Ref()), Label: o.entity.DisplayTitle()}}
}

// evidenceOf returns the evidence of a test; nil for one that is no more.
func (o *opened) evidenceOf(test string) *claim.Evidence {
	for i := range o.view.Evidence {
		if o.view.Evidence[i].Probe.Name == test {
			return &o.view.Evidence[i]
		}
	}
	return nil
}

// runPage is one run: what was asked, what came back and where it stands in the
// chain.
type runPage struct {
	web.Shell
	Run     *claim.Run
	Path    string
	Test    string
	By      string       // what people call who ran it or gave it
	Gone    bool         // the claim has no such test any more
	Health  claim.Health // of the evidence, when this is the last run; "" else
	Value   string
	Claimed string
	Until   time.Time // from when on it is stale
	Steps   []string
	Rule    string
	Asks    []ask  // the question, written out
	Asked   string // and as its hash stands for it
	Cut     bool   // the answer was longer than what is kept
	Items   []member
	More    int
	Of      int    // members asked
	Words   string // what became of them
	Members string // address of the population
	Events  string // and of the events behind it; "" for none
	Spark   template.HTML
	Custody custody
	Also    []leaning
	Replay  string
	Prev    string // address of the run before in the chain
	Next    string
}

// custody is the place of a run in the chain, as it was checked just now.
type custody struct {
	Whole  bool
	Faults []string
}

// runOf reads the run in the address.
func runOf(c *web.Ctx, o *opened) (*claim.Run, *claim.Answer, json.RawMessage, error) {
	seq, err := strconv.ParseInt(c.R.PathValue("seq"), 10, 64)
	if err != nil || seq < 1 {
		return nil, nil, nil, fault.New(fault.NotFound, "%q is no number of a run", c.R.PathValue("seq")).Coded("claim.run-number")
	}
	return c.App.Claims.RunOf(c.R.Context(), c.Caller, o.entity.Ref(), seq)
}

func showRun(c *web.Ctx, k *catalog.Kind) (any, error) {
	o, moved, err := open(c, k)
	if err != nil || moved != nil {
		return moved, err
	}
	r, a, question, err := runOf(c, &o)
	if err != nil {
		return nil, err
	}
	p := &runPage{Run: r, Path: c.Href(o.entity.Ref()), Test: r.Test, Rule: a.Rule, Cut: len(a.Population) == claim.MaxKept || len(a.Exceptions) == claim.MaxKept}
	of := populationOf(question, r, a)
	p.Of, p.Words = of.Asked, of.words(c, r.Exceptions)
	p.Fragment, p.Members = "run", runPath(c, o.entity.Ref(), r.Seq)+"/members"
	p.Replay = p.Path + "/replay?asOf=" + url.QueryEscape(r.At.Format(time.RFC3339Nano))
	if ev := o.evidenceOf(r.Test); ev == nil {
		p.Gone = true
		p.Value = figure(c, &claim.Probe{}, claim.Scale{Decimals: -1}, r)
	} else if err := p.fill(c, &o, ev, a); err != nil {
		return nil, err
	}
	p.By = called(c, r.By)
	p.Title, p.Crumbs, p.Short = p.Test, o.crumbs(c, k), c.T("claims.run.n", r.Seq)
	for _, s := range a.Steps {
		p.Steps = append(p.Steps, c.In(s.Text()))
	}
	p.Asks, p.Asked = asksOf(c, question), indented(question)
	return p, p.chain(c, &o)
}

// fill shows a run as evidence of a test that is there.
func (p *runPage) fill(c *web.Ctx, o *opened, ev *claim.Evidence, a *claim.Answer) error {
	r := p.Run
	p.Test, p.Value, p.Claimed = ev.Probe.Label(), figure(c, ev.Probe, ev.Scale, r), claimed(c, ev.Probe, ev.Scale)
	if ev.Last != nil && ev.Last.Seq == r.Seq {
		p.Health = ev.Health
	}
	if d := ev.Probe.MaxAge(); d > 0 {
		p.Until = r.AsOf.Add(d)
	}
	if !r.Until.IsZero() && (p.Until.IsZero() || r.Until.Before(p.Until)) {
		p.Until = r.Until
	}
	items, err := itemsOf(c, o.entity, ev.Probe, r, a, true)
	if err != nil {
		return err
	}
	p.Events = eventsPath(c, ev.Probe, r, "")
	p.Items = items[:min(len(items), shownItems)]
	p.More = r.Exceptions - len(p.Items)
	from, to := r.AsOf.AddDate(0, 0, -90), r.AsOf
	by, err := c.App.Claims.Histories(c.R.Context(), c.Caller.Org, []*entity.Entity{o.entity}, r.Test, from, to, to.Sub(from)/30)
	if err != nil {
		return err
	}
	s := chart.Spark{Y: web.Numbers(claim.Series(by[o.entity.Metadata.UID], from, to, 31, ev.Probe.MaxAge())), Target: ev.Scale.Target}
	if r.Zone == claim.Bad {
		s.State = "bad"
	}
	p.Spark = s.HTML()
	return nil
}

// chain checks the run against the one before, and finds its neighbours and what
// else it supports.
func (p *runPage) chain(c *web.Ctx, o *opened) error {
	faults, last, err := c.App.Claims.Check(c.R.Context(), c.Caller.Org, p.Run)
	if err != nil {
		return err
	}
	p.Custody = custody{len(faults) == 0, faults}
	if p.Run.Seq > 1 {
		p.Prev = runPath(c, o.entity.Ref(), p.Run.Seq-1)
	}
	if p.Run.Seq < last {
		p.Next = runPath(c, o.entity.Ref(), p.Run.Seq+1)
	}
	list, err := loadLeans(c, o.entity, true)
	if l, ok := list.([]leaning); ok {
		p.Also = l
	}
	return err
}

// asksOf writes out what a stored question asked.
func asksOf(c *web.Ctx, question json.RawMessage) []ask {
	var q struct {
		Test *claim.Probe `json:"test"`
	}
	if json.Unmarshal(question, &q) != nil || q.Test == nil {
		return nil
	}
	return asks(c, q.Test)
}

// indented writes a stored document to be read.
func indented(doc json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, doc, "", "  ") != nil {
		return string(doc)
	}
	return b.String()
}

// runsTab is the list of the runs of a claim.
type runsTab struct {
	Path  string
	Test  string
	Tests []choice
	Rows  []runRow
	Next  string
	First string
	Total int64
}

type choice struct {
	Label, Href string
	On          bool
}

type runRow struct {
	*claim.Run
	Name, Value, Href string
	By                string // what people call who ran it or gave it
}

// runsPageSize is how many runs stand on a page.
const runsPageSize = 50

func loadRuns(c *web.Ctx, e *entity.Entity) (any, error) {
	v, err := viewOf(c, e)
	if err != nil {
		return nil, err
	}
	out := &runsTab{Path: c.Href(e.Ref()) + "/runs", Test: c.Param("test")}
	before := int64(max(c.IntParam("before", 0), 0))
	runs, err := c.App.Claims.Runs(c.R.Context(), c.Caller, e.Ref(), out.Test, before, runsPageSize+1)
	if err != nil {
		return nil, err
	}
	at := func(q url.Values) string {
		if out.Test != "" {
			q.Set("test", out.Test)
		}
		if enc := q.Encode(); enc != "" {
			return out.Path + "?" + enc
		}
		return out.Path
	}
	if len(runs) > runsPageSize {
		runs = runs[:runsPageSize]
		out.Next = at(url.Values{"before": {fmt.Sprint(runs[runsPageSize-1].Seq)}})
	}
	if before > 0 {
		out.First = at(url.Values{})
	}
	o := opened{e, v}
	for _, r := range runs {
		row := runRow{Run: r, Name: r.Test, Href: runPath(c, e.Ref(), r.Seq)}
		if ev := o.evidenceOf(r.Test); ev != nil {
			row.Name, row.Value = ev.Probe.Label(), found(c, ev.Probe, ev.Scale, r)
		} else {
			row.Value = found(c, &claim.Probe{}, claim.Scale{Decimals: -1}, r)
		}
		row.By = called(c, r.By)
		out.Rows = append(out.Rows, row)
	}
	if len(v.Evidence) > 1 {
		out.Tests = append(out.Tests, choice{c.T("claims.runs.all"), out.Path, out.Test == ""})
		for _, ev := range v.Evidence {
			out.Tests = append(out.Tests, choice{ev.Probe.Label(), out.Path + "?test=" + url.QueryEscape(ev.Probe.Name), out.Test == ev.Probe.Name})
		}
	}
	return out, nil
}

// testNow runs the tests of a claim and says what came out.
func testNow(c *web.Ctx, k *catalog.Kind) (any, error) {
	runs, err := c.App.Claims.Test(c.R.Context(), c.Caller, c.Ref(k), c.Form("test"))
	if err != nil {
		return nil, err
	}
	worst := claim.Pass
	for _, r := range runs {
		if rank(r.Verdict) > rank(worst) {
			worst = r.Verdict
		}
	}
	return web.Redirect{To: c.Next(c.Href(c.Ref(k))), Toast: &web.Toast{Key: "claims.tested." + string(worst), Args: []string{fmt.Sprint(len(runs))}}}, nil
}

// rank orders verdicts from good to bad.
func rank(v claim.Verdict) int {
	return map[claim.Verdict]int{claim.Pass: 0, claim.NoData: 1, claim.Failed: 2, claim.Fail: 3}[v]
}
