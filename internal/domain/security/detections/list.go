package detections

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/sigma"
)

// ready lets a page answer only where there is an engine.
func (p *pages) ready(handle func(*web.Ctx) (any, error)) func(*web.Ctx) (any, error) {
	return func(c *web.Ctx) (any, error) {
		if p.Engine == nil {
			return nil, fault.New(fault.Unavailable, "detection does not run here").Coded("detections.off").WithHint("open the pages of a running server")
		}
		return handle(c)
	}
}

// looked is how long back pages look.
const looked = 30 * 24 * time.Hour

// waiting counts what needs a person: rules that cannot be run, exceptions that
// ran out, gaps that nobody looked at again.
func (p *pages) waiting(c *web.Ctx) (web.Count, error) {
	if p.Engine == nil {
		return web.Count{}, nil
	}
	rules := p.Engine.Loaded(c.Caller.Org)
	if rules == nil {
		return web.Count{}, nil
	}
	gaps, err := p.openGaps(c)
	return web.Count{N: len(ownProblems(rules)) + len(ended(rules, c.Now)) + gaps, State: "warn"}, err
}

// openGaps counts the gaps that nobody looked at again.
func (p *pages) openGaps(c *web.Ctx) (n int, err error) {
	gaps, err := p.Engine.Gaps(c.R.Context(), c.Caller.Org)
	for _, g := range gaps {
		if g.Waits() {
			n++
		}
	}
	return n, err
}

// ownProblems are the problems of rules that the organisation wrote or tuned: what
// is wrong with those of others is not its to correct.
func ownProblems(rules *live.Ruleset) []live.Problem {
	return slices.DeleteFunc(slices.Clone(rules.Problems), func(x live.Problem) bool { return x.Origin != live.Own })
}

// endedRow is an exception that ran out.
type endedRow struct {
	Href, Rule, Title string
	Last              time.Time // the day on which it counted last
}

func ended(rules *live.Ruleset, now time.Time) []endedRow {
	var out []endedRow
	seen := map[*live.Tuning]bool{}
	rules.Entries(func(e *live.Entry) {
		if e.Tuning == nil || seen[e.Tuning] {
			return
		}
		seen[e.Tuning] = true
		for _, x := range e.Tuning.Exceptions {
			if !x.Until.IsZero() && !now.Before(x.Until) {
				out = append(out, endedRow{hrefOf(e.Key), e.Head().Title, x.Title, lastDay(x.Until)})
			}
		}
	})
	return out
}

// listPage is all rules there are.
type listPage struct {
	web.Shell
	Query                          string
	States, Levels, Tactics, Shows []option
	Rows                           []ruleRow
	Total                          int
	Feeding                        int    // rules that only feed correlations and are not shown
	FeedingHref                    string // where they are
	Prev, Next                     string
	Figures                        []figure
	Problems                       []problemRow
	MoreProblems                   int
	Failed                         []failedSet
	Ended                          []endedRow
	Gaps                           int
	CanWrite, Canary, Filtered     bool
}

type option struct {
	Value, Label string
	On           bool
}

type figure struct {
	Label, Href string
	N           int
	State       string
}

type ruleRow struct {
	Href, Title, Origin, Level, LevelState, Tactics string
	On, Feeding, Tuned                              bool
	HasTests, TestsFail, Testing                    bool
	Hits, Misses, Fired                             int
	Last, Proven                                    time.Time
}

type problemRow struct{ Where, What, Fix, Origin string }

type failedSet struct{ Name, Why string }

const (
	perPage      = 100
	mostProblems = 50
)

// table makes the rows of the list.
type table struct {
	p       *pages
	c       *web.Ctx
	tallies map[string]live.Tally
	proofs  map[string]live.Proof
	until   time.Time // by when the examples of rules are run for the page
}

// patience is how long a page waits for examples.
const patience = 500 * time.Millisecond

func (p *pages) table(c *web.Ctx) (*table, error) {
	ctx, org, since := c.R.Context(), c.Caller.Org, c.Now.Add(-looked)
	tallies, err := p.Engine.Tallies(ctx, org, since)
	if err != nil {
		return nil, err
	}
	proofs, err := p.Engine.Proven(ctx, org, since)
	return &table{p, c, tallies, proofs, time.Now().Add(patience)}, err
}

func (t *table) row(e *live.Entry) (ruleRow, error) {
	h, tally := e.Head(), t.tallies[e.Key]
	row := ruleRow{Href: hrefOf(e.Key), Title: h.Title, Origin: originOf(t.c, e.Origin), Level: levelName(t.c, e.Told.Level), LevelState: levelState(e.Told.Level),
		Tactics: strings.Join(tactics(h.Tags), ", "), On: e.On, Feeding: e.Feeds(), Tuned: e.Tuning != nil && e.Tuning.Of != "", Fired: tally.N, Last: tally.Last}
	if x, ok := t.proofs[e.Key]; ok && x.Passed {
		row.Proven = x.At
	}
	tested, known, err := t.p.Engine.TestedBy(t.until, e.Document)
	row.Testing = !known
	if tested != nil {
		row.HasTests, row.Hits, row.Misses, row.TestsFail = true, tested.Hits, tested.Misses, len(tested.Failures) > 0
	}
	return row, err
}

// actOf is where forms about a rule go to.
func actOf(key string) string { return "/detections/rule/" + url.PathEscape(key) }

// Href is the address of a rule's page.
func Href(key string) string { return hrefOf(key) }

func hrefOf(key string) string { return "/detections/" + url.PathEscape(key) }

func originOf(c *web.Ctx, origin string) string {
	switch origin {
	case live.Builtin, live.Own:
		return c.T("detections.origin." + origin)
	}
	return origin
}

func levelName(c *web.Ctx, level string) string { return c.T("detections.level." + level) }

func levelState(level string) string {
	switch level {
	case "critical", "high":
		return "bad"
	case "medium":
		return "warn"
	case "low":
		return "info"
	}
	return "idle"
}

// knownTactics are the tactics of ATT&CK as rules are tagged with them, in the
// order of an attack.
var knownTactics = []string{"reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation", "stealth", "defense-impairment", "defense-evasion", "credential-access", "discovery", "lateral-movement", "collection", "command-and-control", "exfiltration", "impact"}

func tactics(tags []string) []string {
	var out []string
	for _, t := range tags {
		name, is := strings.CutPrefix(strings.ReplaceAll(t, "_", "-"), "attack.")
		if is && slices.Contains(knownTactics, name) {
			out = append(out, tacticName(name))
		}
	}
	return out
}

// tacticName is a tactic as ATT&CK writes it.
func tacticName(tag string) string {
	words := strings.Split(tag, "-")
	for i, w := range words {
		if w != "and" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, " ")
}

// selection is what of the list is shown.
// Left alone, show is the rules that tell of what they find: those that only feed
// correlations are many, and nobody is told of them.
type selection struct{ text, state, level, tactic, show string }

func selectionOf(c *web.Ctx) selection {
	return selection{strings.ToLower(c.Param("q")), c.Param("state"), c.Param("level"), c.Param("tactic"), c.Param("show")}
}

func (s selection) takes(e *live.Entry, row ruleRow) bool {
	h := e.Head()
	if s.text != "" && !strings.Contains(strings.ToLower(h.Title+" "+h.Description+" "+e.Key+" "+strings.Join(h.Tags, " ")), s.text) {
		return false
	}
	if s.state != "" && row.On != (s.state == "on") || s.level != "" && e.Told.Level != s.level || s.tactic != "" && !slices.Contains(tactics(h.Tags), tacticName(s.tactic)) {
		return false
	}
	switch s.show {
	case "":
		return !row.Feeding
	case "feeds":
		return row.Feeding
	case "fired":
		return row.Fired > 0
	case "quiet":
		return row.Fired == 0 && row.On
	case "tuned":
		return row.Tuned
	case "own":
		return e.Origin == live.Own
	case "untested":
		return !row.HasTests && !row.Testing && row.On
	case "proven":
		return !row.Proven.IsZero()
	case "unproven":
		return row.Proven.IsZero() && row.On && !row.Feeding
	}
	return true
}

func (p *pages) list(c *web.Ctx) (any, error) {
	rules, err := p.Engine.Ruleset(c.R.Context(), c.Caller.Org)
	if err != nil {
		return nil, err
	}
	v := &listPage{Query: c.Param("q"), CanWrite: mayWrite(c), Canary: p.Door != nil, Filtered: c.R.URL.RawQuery != ""}
	v.Title, v.Fragment = c.T("detections.title"), "detections-rows"
	if err := p.fill(c, v, rules); err != nil {
		return nil, err
	}
	v.choices(c)
	v.Ended = ended(rules, c.Now)
	v.problems(c, rules)
	lib, err := p.Engine.Library()
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(lib.Failed)) {
		v.Failed = append(v.Failed, failedSet{name, lib.Failed[name]})
	}
	v.Gaps, err = p.openGaps(c)
	return v, err
}

func resource() auth.Resource { return auth.Resource{Room: auth.Security} }

func mayWrite(c *web.Ctx) bool { return c.Can(auth.Write, resource()) }

func (p *pages) fill(c *web.Ctx, v *listPage, rules *live.Ruleset) error {
	t, err := p.table(c)
	if err != nil {
		return err
	}
	s, skip := selectionOf(c), max(0, c.IntParam("skip", 0))
	var on, fired, proven, tuned int
	rules.Entries(func(e *live.Entry) {
		if err != nil {
			return
		}
		var row ruleRow
		if row, err = t.row(e); err != nil {
			return
		}
		count(&on, row.On)
		count(&fired, row.Fired > 0)
		count(&proven, !row.Proven.IsZero())
		count(&tuned, row.Tuned)
		if !s.takes(e, row) {
			all := s
			all.show = "all"
			if s.show == "" && row.Feeding && all.takes(e, row) {
				v.Feeding++
			}
			return
		}
		if v.Total++; v.Total > skip && len(v.Rows) < perPage {
			v.Rows = append(v.Rows, row)
		}
	})
	v.Figures = []figure{{c.T("detections.f.on"), with(c, "state", "on"), on, ""}, {c.T("detections.f.fired"), with(c, "show", "fired"), fired, ""},
		{c.T("detections.f.proven"), with(c, "show", "proven"), proven, ""}, {c.T("detections.f.tuned"), with(c, "show", "tuned"), tuned, ""}}
	v.FeedingHref = with(c, "show", "feeds")
	if skip > 0 {
		v.Prev = with(c, "skip", strconv.Itoa(max(0, skip-perPage)))
	}
	if skip+len(v.Rows) < v.Total {
		v.Next = with(c, "skip", strconv.Itoa(skip+perPage))
	}
	return err
}

func count(n *int, is bool) {
	if is {
		*n++
	}
}

// with is the address of the list with one parameter changed.
func with(c *web.Ctx, name, value string) string {
	q := c.R.URL.Query()
	if name != "skip" {
		q.Del("skip")
	}
	q.Set(name, value)
	return "/detections?" + q.Encode()
}

func (v *listPage) choices(c *web.Ctx) {
	add := func(list *[]option, param, prefix string, values ...string) {
		for _, value := range values {
			*list = append(*list, option{value, c.T(prefix + value), c.Param(param) == value})
		}
	}
	add(&v.States, "state", "detections.state.", "on", "off")
	add(&v.Levels, "level", "detections.level.", "critical", "high", "medium", "low", "informational")
	add(&v.Shows, "show", "detections.show.", "all", "feeds", "fired", "quiet", "tuned", "own", "untested", "proven", "unproven")
	for _, t := range knownTactics {
		v.Tactics = append(v.Tactics, option{t, tacticName(t), c.Param("tactic") == t})
	}
}

func (v *listPage) problems(c *web.Ctx, rules *live.Ruleset) {
	for _, x := range rules.Problems {
		if len(v.Problems) == mostProblems {
			v.MoreProblems++
			continue
		}
		v.Problems = append(v.Problems, problemRow{placeOf(x.Problem), x.Message, x.Fix, originOf(c, x.Origin)})
	}
}

func placeOf(x sigma.Problem) string { return x.Pos.String() }
