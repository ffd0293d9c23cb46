package coverage

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/sigma/navigator"
)

// page is the matrix.
type page struct {
	web.Shell
	Lede      string
	Finding   string
	Parts     []share
	PartsName string
	Claims    []claimLine
	Measure   string // address of the form for a measure of it; "" when the reader may not
	Query     string
	Platforms []choice
	Sources   []choice
	States    []choice
	Gaps, All bool
	Filtered  bool
	Count     string
	Version   string
	Notice    string
	Tactics   []tactic
	Worth     []worthLine
	NoRules   bool
	NoLogs    bool
	LogsLost  bool
	Arriving  []string
	Failing   int
	Blind     string // that rules look for techniques and nothing comes in for them
	Trying    string // that the examples of rules are being tried
	Here      string // this page, to look again
}

type choice struct {
	Value, Label string
	On           bool
}

type share struct {
	Class, Swatch, Label string
	N                    int
}

// claimLine is a claim or measure that stands on this coverage.
type claimLine struct{ Title, Href string }

type tactic struct {
	Name, Short string
	Count       string
	Cells       []cell
}

type cell struct {
	ID, Name, Href, Tip string
	Level, N, Fired     int
	Failed, Blind       bool
}

type worthLine struct {
	ID, Name, Href string
	State, Word    string
	Why, Missing   string
	Next, NextHref string
	Cases          []openCase
}

// mostWorth is how many techniques are listed as worth closing next.
const mostWorth = 8

// stateBlind is the filter for techniques that are Blind, whatever their State.
const stateBlind = "blind"

// states in the order in which they are shown.
var states = []State{Tested, Before, Untested, LogsOnly, NoLogs}

func (s *service) show(c *web.Ctx) (any, error) {
	o, err := s.soon(c.R.Context(), c.Caller.Org, c.Now)
	if err != nil {
		return nil, err
	}
	if err := o.cases(c); err != nil {
		return nil, err
	}
	p := &page{Query: c.Param("q"), Gaps: c.Param("gap") != "", All: c.Param("all") != "", Version: Enterprise().Version, Notice: Enterprise().Notice, NoRules: o.NoEngine, NoLogs: len(o.Sources) == 0 && o.LogsErr == nil, LogsLost: o.LogsErr != nil}
	p.Title = c.T("coverage.title")
	if o.Trying > 0 {
		p.Here = c.R.URL.RequestURI()
		p.Trying = c.T("coverage.trying", o.Trying)
	}
	p.sum(c, o)
	p.filters(c, o)
	p.matrix(c, o)
	p.closing(c, o)
	if p.Claims, err = standingOn(c); err != nil {
		return nil, err
	}
	if k := c.Catalog().Kinds().Get("Measure"); k != nil && c.CanKind(auth.Write, k) {
		p.Measure = "/measures/new?" + url.Values{"metadata.title": {c.T("coverage.measure")}, "spec.room": {auth.Security}, "spec.direction": {"up"}, "spec.unit": {"%"}, "spec.records.from": {"techniques"},
			"spec.records.where": {"row.scope"}, "spec.records.expect": {"row.tested"}, "spec.records.value": {"share"}}.Encode()
	}
	return p, nil
}

// sum writes the figures at the top.
func (p *page) sum(c *web.Ctx, o *overall) {
	n, all, blind := o.counts()
	p.Lede = c.T("coverage.lede", all)
	if len(o.Platforms) > 0 {
		p.Lede += " " + c.T("coverage.lede.scope", strings.Join(o.Platforms, ", "))
	}
	p.Finding = c.T("coverage.finding", c.Num(n[Tested]), c.Num(all))
	if blind > 0 {
		p.Blind = c.T("coverage.blind.n", blind)
	}
	var words []string
	for _, st := range states {
		label := c.T("coverage.n."+string(st), n[st])
		level := levels[st]
		class := []string{"q0", "q1", "q2", "q3", "q5"}[level]
		p.Parts = append(p.Parts, share{Class: class, Swatch: []string{"lv0", "lv1", "lv2", "lv3", "lv4"}[level], Label: label, N: n[st]})
		words = append(words, label)
	}
	p.PartsName = strings.Join(words, ", ")
	for _, src := range o.Sources {
		p.Arriving = append(p.Arriving, c.In(src.Title))
	}
	for _, x := range o.Techniques {
		if x.Failed {
			p.Failing++
		}
	}
}

// filters says what can be filtered by.
func (p *page) filters(c *web.Ctx, o *overall) {
	on, src, state := c.Param("on"), c.Param("src"), c.Param("state")
	for _, name := range Enterprise().platforms() {
		p.Platforms = append(p.Platforms, choice{name, platformName(c, name), name == on})
	}
	for _, s := range sources {
		p.Sources = append(p.Sources, choice{s.ID, c.In(s.Title), s.ID == src})
	}
	for _, st := range states {
		p.States = append(p.States, choice{string(st), c.T("coverage.state." + string(st)), string(st) == state})
	}
	p.States = append(p.States, choice{stateBlind, c.T("coverage.state.blind"), state == stateBlind})
	p.Filtered = p.Query != "" || on != "" || src != "" || state != "" || p.Gaps || p.All
}

func platformName(c *web.Ctx, name string) string {
	if name == "PRE" {
		return c.T("coverage.pre")
	}
	return name
}

// wanted reports whether the filter shows a technique.
func (p *page) wanted(c *web.Ctx, o *overall, x *standing) bool {
	if on := c.Param("on"); on != "" && !slices.Contains(x.Platforms, on) {
		return false
	}
	if s := sourceOf(c.Param("src")); s != nil && !s.looksAt(x.Technique) && !slices.ContainsFunc(x.Rules, func(r *ruleStanding) bool { return r.of(s) }) {
		return false
	}
	if state := c.Param("state"); state == stateBlind && !x.Blind || state != "" && state != stateBlind && string(x.State) != state {
		return false
	}
	if p.Gaps && (len(x.Cases) == 0 || x.State == Tested) {
		return false
	}
	if p.Query == "" {
		return p.All || x.Scope || c.Param("on") != ""
	}
	for _, word := range strings.Fields(strings.ToLower(p.Query)) {
		text := strings.ToLower(x.ID + " " + x.Name)
		for _, part := range o.Parts[x.ID] {
			text += " " + strings.ToLower(part.ID+" "+part.Name)
		}
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// matrix draws the cells by tactic.
func (p *page) matrix(c *web.Ctx, o *overall) {
	shown := map[string]bool{}
	for _, t := range Enterprise().Tactics {
		v := tactic{Name: t.Name, Short: t.Short}
		tested := 0
		for _, x := range o.Techniques {
			if !slices.Contains(x.Tactics, t.Short) || !p.wanted(c, o, x) {
				continue
			}
			shown[x.ID] = true
			if x.State == Tested {
				tested++
			}
			v.Cells = append(v.Cells, cell{ID: x.ID, Name: x.Name, Href: "/attack/" + x.ID, Tip: tip(c, x), Level: levels[x.State], N: len(x.Rules), Fired: x.Fired, Failed: x.Failed, Blind: x.Blind})
		}
		if len(v.Cells) == 0 {
			continue
		}
		slices.SortStableFunc(v.Cells, func(a, b cell) int { return b.Level - a.Level })
		v.Count = c.T("coverage.of", c.Num(tested), c.Num(len(v.Cells)))
		p.Tactics = append(p.Tactics, v)
	}
	p.Count = c.T("coverage.shown", len(shown))
}

// tip says what a cell shows in words.
func tip(c *web.Ctx, x *standing) string {
	text := x.ID + " " + x.Name + ": " + c.T("coverage.state."+string(x.State))
	if len(x.Rules) > 0 {
		text += ", " + c.T("coverage.rules", len(x.Rules))
	}
	if x.Fired > 0 {
		text += ", " + c.T("coverage.fired", x.Fired)
	}
	if x.Failed {
		text += "; " + c.T("coverage.failed")
	}
	if x.Blind {
		text += "; " + c.T("coverage.blind")
	}
	return text
}

// closing lists what is worth closing next.
func (p *page) closing(c *web.Ctx, o *overall) {
	for _, x := range o.worth(mostWorth) {
		l := worthLine{ID: x.ID, Name: x.Name, Href: "/attack/" + x.ID, State: stateClass(x), Word: c.T("coverage.state." + string(x.State)), Cases: x.Cases}
		var names []string
		for _, s := range x.Sources {
			names = append(names, c.In(s.Title))
		}
		switch {
		case len(x.Cases) > 0:
		case x.Fired > 0:
			l.Why = c.T("coverage.why.fired", x.Fired)
		case x.Failed:
			l.Why = c.T("coverage.why.failed")
		case x.Blind:
			l.Why = c.T("coverage.blind")
		default:
			l.Why = c.T("coverage.why.logs", strings.Join(names, ", "))
		}
		switch {
		case x.Failed:
			l.Missing, l.Next, l.NextHref = c.T("coverage.missing.pass"), c.T("coverage.next.look"), l.Href
		case x.Blind:
			l.Missing, l.Next, l.NextHref = c.T("coverage.missing.logs", strings.Join(lookedAt(c, x.Rules), ", ")), c.T("coverage.nologs.sources"), "/sources"
		case len(x.Rules) > 0:
			l.Missing, l.Next, l.NextHref = c.T("coverage.missing.test"), c.T("coverage.next.look"), l.Href
		default:
			l.Missing = c.T("coverage.missing.rule")
			if k := c.Catalog().Kinds().Get("Detection"); k != nil && c.CanKind(auth.Write, k) {
				l.Next, l.NextHref = c.T("coverage.next.detection"), newDetection(c, x)
			}
		}
		p.Worth = append(p.Worth, l)
	}
}

// lookedAt are the log sources that rules are for.
func lookedAt(c *web.Ctx, rules []*ruleStanding) (names []string) {
	for _, s := range sources {
		if slices.ContainsFunc(rules, func(r *ruleStanding) bool { return r.of(&s) }) {
			names = append(names, c.In(s.Title))
		}
	}
	return names
}

func stateClass(x *standing) string {
	switch {
	case x.Failed:
		return "bad"
	case x.Blind:
		return "warn"
	case x.State == Tested:
		return "ok"
	case x.State == Untested || x.State == Before:
		return "warn"
	}
	return "idle"
}

// newDetection is the address of the form for a detection of a technique.
func newDetection(c *web.Ctx, x *standing) string {
	product := ""
	if len(x.Sources) > 0 && len(x.Sources[0].Products) > 0 {
		product, _, _ = strings.Cut(x.Sources[0].Products[0], "/")
	}
	if product == "" {
		product = "any"
	}
	rule := "title: " + x.Name + "\nstatus: experimental\ntags:\n    - attack." + x.Tactics[0] + "\n    - attack." + strings.ToLower(x.ID) +
		"\nlogsource:\n    product: " + product + "\ndetection:\n    selection:\n        event.action: \"\"\n    condition: selection\nlevel: medium\n"
	return "/detections/new?" + url.Values{"spec.rule": {rule}}.Encode()
}

// cases finds the open cases that name techniques in their tags.
func (o *overall) cases(c *web.Ctx) error {
	k := c.Catalog().Kinds().Get("Case")
	if k == nil || !c.CanKind(auth.Read, k) {
		return nil
	}
	return c.Catalog().Each(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{k.Name}}, func(e *entity.Entity) error {
		if k.Closed != nil && k.Closed(e) {
			return nil
		}
		for _, id := range tagged(e.Metadata.Tags) {
			if x := o.by[whole(id)]; x != nil {
				one := openCase{e.DisplayTitle(), c.Href(e.Ref())}
				if !slices.Contains(x.Cases, one) {
					x.Cases = append(x.Cases, one)
				}
			}
		}
		return nil
	})
}

// standingOn finds the claims and measures that stand on the table of techniques.
func standingOn(c *web.Ctx) ([]claimLine, error) {
	var out []claimLine
	for _, name := range []string{"Claim", "Measure"} {
		k := c.Catalog().Kinds().Get(name)
		if k == nil || !c.CanKind(auth.Read, k) {
			continue
		}
		err := c.Catalog().Each(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{name}}, func(e *entity.Entity) error {
			var s struct {
				Records *struct{ From string }
				Tests   []struct {
					Records *struct{ From string }
				}
			}
			if json.Unmarshal(e.Spec, &s) != nil {
				return nil // of another version
			}
			on := s.Records != nil && s.Records.From == "techniques"
			for _, t := range s.Tests {
				on = on || t.Records != nil && t.Records.From == "techniques"
			}
			if on && len(out) < 6 {
				out = append(out, claimLine{e.DisplayTitle(), c.Href(e.Ref())})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// layer writes what the rules that are on look for as a layer of the ATT&CK
// Navigator.
func (s *service) layer(c *web.Ctx) (any, error) {
	o, err := s.overall(c.R.Context(), c.Caller.Org, c.Now)
	if err != nil {
		return nil, err
	}
	var list []navigator.Technique
	for _, t := range Enterprise().Techniques {
		x := o.by[t.ID]
		if len(x.Rules) == 0 || whole(t.ID) == t.ID && !slices.ContainsFunc(x.Rules, func(r *ruleStanding) bool { return slices.Contains(tagged(r.Entry.Told.Tags), t.ID) }) {
			continue // what its parts have is theirs
		}
		n := navigator.Technique{ID: t.ID}
		for _, r := range x.Rules {
			if slices.Contains(tagged(r.Entry.Told.Tags), t.ID) {
				n.Rules = append(n.Rules, r.Entry.Told.Title)
			}
		}
		list = append(list, n)
	}
	data, err := navigator.Layer(c.Caller.OrgTitle, list)
	if err != nil {
		return nil, err
	}
	return web.File{Name: "attack-" + c.Now.UTC().Format(time.DateOnly) + ".json", Type: "application/json", Data: data}, nil
}

// techniqueView is one technique.
type techniqueView struct {
	web.Shell
	ID        string
	State     string
	Word      string
	Link      string // MITRE's page
	Tactics   []string
	Platforms []string
	Sources   []choice // that come in
	Blind     string
	Missing   []string // log sources that MITRE looks at and that do not come in
	Rules     []ruleLine
	Parts     []cell
	Above     *cell
	Fired     string
	Last      time.Time
	Cases     []openCase
	Make      string
	Hunt      string
	Notice    string
}

type ruleLine struct {
	Title, Href, Level, Origin string
	Techniques                 []string
	Checks                     []checkLine
	Fired                      int
	Last                       time.Time
	Hunt                       string
}

type checkLine struct {
	State, Text, Detail string
	At                  time.Time
}

var techniqueID = techniqueTag

func (s *service) technique(c *web.Ctx) (any, error) {
	id := strings.ToUpper(c.R.PathValue("id"))
	t := Enterprise().Get(id)
	if t == nil || !techniqueID.MatchString(id) {
		return nil, fault.New(fault.NotFound, "ATT&CK %s has no technique %s", Enterprise().Version, id).Coded("coverage.no-technique")
	}
	o, err := s.overall(c.R.Context(), c.Caller.Org, c.Now)
	if err != nil {
		return nil, err
	}
	if err := o.cases(c); err != nil {
		return nil, err
	}
	x := o.by[id]
	v := &techniqueView{ID: id, State: stateClass(x), Word: c.T("coverage.state." + string(x.State)), Last: x.Last, Cases: x.Cases, Notice: Enterprise().Notice,
		Link: "https://attack.mitre.org/techniques/" + strings.ReplaceAll(id, ".", "/") + "/"}
	v.Title, v.Short = id+" "+t.Name, id
	v.Crumbs = []web.Crumb{{Href: "/attack", Label: c.T("coverage.title")}}
	if w := whole(id); w != id {
		v.Crumbs = append(v.Crumbs, web.Crumb{Href: "/attack/" + w, Label: w})
	}
	for _, ta := range Enterprise().Tactics {
		if slices.Contains(t.Tactics, ta.Short) {
			v.Tactics = append(v.Tactics, ta.Name)
		}
	}
	for _, p := range t.Platforms {
		v.Platforms = append(v.Platforms, platformName(c, p))
	}
	if x.Fired > 0 {
		v.Fired = c.T("coverage.fired", x.Fired)
	}
	if x.Blind {
		v.Blind = c.T("coverage.blind.text", strings.Join(lookedAt(c, x.Rules), ", "))
	}
	v.logs(c, x)
	for _, r := range x.Rules {
		v.Rules = append(v.Rules, s.line(c, o, r))
	}
	for _, part := range o.Parts[id] {
		v.Parts = append(v.Parts, cell{ID: part.ID, Name: part.Name, Href: "/attack/" + part.ID, Tip: tip(c, part), Level: levels[part.State], N: len(part.Rules), Failed: part.Failed, Blind: part.Blind})
	}
	if k := c.Catalog().Kinds().Get("Detection"); k != nil && c.CanKind(auth.Write, k) {
		v.Make = newDetection(c, x)
	}
	return v, nil
}

// logs says which logs could show a technique, and which of them come in.
func (v *techniqueView) logs(c *web.Ctx, x *standing) {
	for _, s := range x.Sources {
		var terms []string
		for _, f := range s.Formats {
			terms = append(terms, logs.Is(event.FieldFormat, f))
		}
		v.Sources = append(v.Sources, choice{Value: "/events?" + url.Values{"last": {"7d"}, "q": {strings.Join(terms, " or ")}}.Encode(), Label: c.In(s.Title)})
	}
	for _, name := range x.Logs {
		if !slices.ContainsFunc(x.Sources, func(s *source) bool {
			return slices.ContainsFunc(s.Names, func(begin string) bool { return strings.HasPrefix(name, begin) })
		}) {
			v.Missing = append(v.Missing, name)
		}
	}
}

func (s *service) line(c *web.Ctx, o *overall, r *ruleStanding) ruleLine {
	l := ruleLine{Title: r.Entry.Told.Title, Level: r.Entry.Told.Level, Origin: r.Entry.Origin, Fired: r.Fired, Last: r.Last, Techniques: tagged(r.Entry.Told.Tags),
		Hunt: "/events?" + url.Values{"last": {"30d"}, "q": {`binnacle.rules:"` + r.Entry.Key + `"`}}.Encode()}
	if s.Detection != nil {
		l.Href = s.Detection(c, r.Entry)
	}
	for _, k := range r.Checks {
		key := "coverage.check.examples"
		if k.Canary {
			key = "coverage.check.canary"
		}
		line := checkLine{State: "ok", Text: c.T(key), At: k.At}
		if !k.Passed {
			line.State = "bad"
			if line.Detail = k.Detail; k.Canary {
				line.Detail = c.T("coverage.check.lost")
			}
		} else if k.At.Before(o.At.Add(-testedFor)) {
			line.State = "warn"
		}
		l.Checks = append(l.Checks, line)
	}
	return l
}
