package live

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/correlate"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
	"github.com/binnaclehq/binnacle/sigma/route"
)

// DefaultWindow is how long what one rule finds of one group is one finding.
const DefaultWindow = time.Hour

// Ruleset is the rules that an organisation runs, ready to run. It does not
// change, and is shared by organisations that decided the same.
type Ruleset struct {
	Problems []Problem
	Unrouted []string // keys of rules of logs that no route knows: they match nothing

	entries map[string]*Entry // by key
	rules   *detect.Rules
	full    *correlate.Set
	prompt  *correlate.Set  // of the correlations that are decided at once
	follow  map[string]bool // rules that correlations are over
	reach   time.Duration   // how far back a correlation looks, with those under it
	spans   map[string]time.Duration
	scans   sync.Pool
	mu      sync.Mutex // of who adds to what rules are called
}

// Entry is how one rule or correlation runs.
type Entry struct {
	*Document
	Told      detect.Told
	On        bool // it runs and tells
	Feeding   bool // it runs for a correlation alone
	Group     []string
	Window    time.Duration
	Tuning    *Tuning // nil: it runs as it comes
	matchable *sigma.Rule
	called    atomic.Pointer[map[string][]string] // what its events call fields, of those that were asked for; never changed
}

// Entry returns how a rule runs; nil when there is none of this key.
func (r *Ruleset) Entry(key string) *Entry { return r.entries[key] }

// Entries calls f with every rule there is, in the order of the library, those of
// the organisation's own first.
func (r *Ruleset) Entries(f func(*Entry)) {
	list := make([]*Entry, 0, len(r.entries))
	for _, e := range r.entries {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *Entry) int {
		own := func(e *Entry) int {
			if e.Origin == Own {
				return 0
			}
			return 1
		}
		x, y := a.Head(), b.Head()
		return cmp.Or(cmp.Compare(own(a), own(b)), cmp.Compare(x.Title, y.Title), cmp.Compare(a.Key, b.Key))
	})
	for _, e := range list {
		f(e)
	}
}

// Len is how many rules and correlations run.
func (r *Ruleset) Len() int { return r.rules.Len() + r.full.Len() }

// assembly puts a Ruleset together.
type assembly struct {
	lib     *Library
	choices Choices
	now     time.Time
	out     *Ruleset
	docs    []*Document
	by      map[string]*Document
	tunings map[string]*Tuning // by key
	only    map[string]bool    // not nil: the rules to run, whatever the choices
}

// assemble makes the rules of an organisation ready.
func assemble(lib *Library, choices Choices, by *pipeline.Pipeline, now time.Time, only map[string]bool) (*Ruleset, error) {
	table, err := route.Ready()
	if err != nil {
		return nil, err
	}
	a := &assembly{lib: lib, choices: choices, now: now, only: only, by: map[string]*Document{}, tunings: map[string]*Tuning{},
		out: &Ruleset{Problems: slices.Clone(lib.Problems), entries: map[string]*Entry{}, follow: map[string]bool{}, spans: map[string]time.Duration{}}}
	a.gather()
	a.decide()
	c := a.collection()
	if a.out.rules, err = detect.Prepare(c, by, table); err != nil {
		return nil, err
	}
	a.problems(a.out.rules.Problems)
	for _, r := range a.out.rules.Unrouted {
		a.out.Unrouted = append(a.out.Unrouted, r.ID)
	}
	a.out.ready()
	return a.out, nil
}

// gather brings rules of one's own and those of the library together.
func (a *assembly) gather() {
	for i := range a.choices.Tunings {
		t := &a.choices.Tunings[i]
		if t.Rule == "" {
			continue
		}
		docs, problems := CheckRule(t.Rule)
		for _, p := range problems {
			p.File = t.Ref
			a.out.Problems = append(a.out.Problems, Problem{Own, p})
		}
		for _, d := range docs {
			if d.Rule != nil {
				d.Rule.File, d.Rule.ID = t.Ref, d.Key
			} else {
				d.Correlation.File, d.Correlation.ID = t.Ref, d.Key
			}
			if a.add(d) {
				a.tunings[d.Key] = t
			}
		}
	}
	for _, d := range a.lib.Documents {
		a.add(d)
	}
	for i := range a.choices.Tunings {
		t := &a.choices.Tunings[i]
		if t.Of == "" {
			continue
		}
		if d := a.by[t.Of]; d != nil {
			a.tunings[d.Key] = t
		} else {
			a.out.Problems = append(a.out.Problems, Problem{Own, sigma.Problem{Pos: sigma.Pos{File: t.Ref}, Code: "unknown-rule", Message: "there is no rule " + t.Of + " to tune", Fix: "correct the id, or give the server the rules it is of"}})
		}
	}
	a.marks()
}

func (a *assembly) add(d *Document) bool {
	h := d.Head()
	if was := a.by[d.Key]; was != nil || h.Name != "" && a.by[h.Name] != nil {
		a.out.Problems = append(a.out.Problems, Problem{d.Origin, sigma.Problem{Pos: h.Pos, Code: "duplicate-id", Message: "another rule has the id or name of " + h.Title, Fix: "give it another"}})
		return false
	}
	a.by[d.Key] = d
	if h.Name != "" {
		a.by[h.Name] = d
	}
	a.docs = append(a.docs, d)
	return true
}

// marks finds rules of one's own that only feed correlations of one's own.
func (a *assembly) marks() {
	for i, d := range a.docs {
		if d.Origin != Own || d.Correlation == nil || d.Correlation.Generate {
			continue
		}
		for _, ref := range d.Correlation.Rules {
			if under := a.by[ref]; under != nil && under.Origin == Own {
				under.under = true
			}
		}
		a.docs[i] = d
	}
}

// decide says of each rule whether it runs and tells.
func (a *assembly) decide() {
	for _, d := range a.docs {
		e := &Entry{Document: d, Tuning: a.tunings[d.Key], Window: DefaultWindow}
		e.On = a.on(d, e.Tuning)
		h := d.Head()
		e.Told = detect.Told{ID: d.Key, Title: h.Title, Description: h.Description, Level: cmp.Or(h.Level, "medium"), Tags: h.Tags, FalsePositives: h.FalsePositives, References: h.References, Author: h.Author, Kind: "rule", Origin: d.Origin}
		if d.Correlation != nil {
			e.Told.Kind = "correlation"
		}
		if t := e.Tuning; t != nil {
			e.Told.Detection, e.Told.Revision = t.Ref, t.Revision
			e.Told.Level = cmp.Or(t.Level, e.Told.Level)
			e.Group = t.Group
			e.Window = cmp.Or(t.Window, e.Window)
		}
		a.out.entries[d.Key] = e
	}
	for _, e := range a.out.entries {
		if e.On && e.Correlation != nil {
			a.feed(e.Correlation, 0)
		}
	}
}

func (a *assembly) on(d *Document, t *Tuning) bool {
	switch {
	case a.only != nil:
		return a.only[d.Key]
	case t != nil && t.State == "on":
		return true
	case t != nil && t.State == "off":
		return false
	case d.Origin == Builtin || d.Origin == Own:
		return true
	}
	for _, s := range a.lib.sets {
		if s.Name == d.Origin && s.On {
			return true
		}
	}
	return slices.ContainsFunc(a.choices.Switches, func(s Switch) bool { return s.selects(d) })
}

// deepest is how many correlations may stand over one another.
const deepest = 16

// feed has the rules of a correlation run.
func (a *assembly) feed(c *sigma.Correlation, depth int) {
	for _, ref := range c.Rules {
		d := a.by[ref]
		if d == nil || depth > deepest {
			continue
		}
		a.out.entries[d.Key].Feeding = true
		if d.Correlation != nil {
			a.feed(d.Correlation, depth+1)
		}
	}
}

// collection is the rules that run, with the filters on them.
func (a *assembly) collection() *sigma.Collection {
	c := &sigma.Collection{}
	filters := a.filters()
	filtered := map[string]bool{}
	for _, f := range filters {
		for _, key := range f.Rules {
			filtered[key] = true
		}
	}
	for _, d := range a.docs {
		e := a.out.entries[d.Key]
		switch {
		case !e.On && !e.Feeding:
		case d.Correlation != nil:
			c.Correlations = append(c.Correlations, d.Correlation)
		case filtered[d.Key]:
			c.Rules = append(c.Rules, d.Rule.Clone())
		default:
			c.Rules = append(c.Rules, d.Rule)
		}
	}
	c.Filters = filters
	c.Link()
	return c
}

// filters are the filters and the exceptions that still count, each for the rules
// that run of those it is for.
func (a *assembly) filters() []*sigma.Filter {
	var out []*sigma.Filter
	done := map[*Tuning]bool{}
	for _, d := range a.docs {
		t := a.tunings[d.Key]
		if t == nil || done[t] {
			continue
		}
		done[t] = true
		rules := a.leaves(t)
		if len(rules) == 0 {
			continue
		}
		for _, text := range t.Filters {
			list, problems := readFilter(t.Ref, text)
			a.problems(problems)
			for _, f := range list {
				f.ID, f.Name, f.AnyRule, f.Rules, f.Logsource = "", "", false, rules, sigma.Logsource{}
				out = append(out, f)
			}
		}
		for _, x := range t.Exceptions {
			if x.ended(a.now) {
				continue
			}
			f, problems := x.filter(t.Ref, rules)
			a.problems(problems)
			if f != nil {
				out = append(out, f)
			}
		}
	}
	return out
}

// leaves are the rules a tuning takes events away from: its own, and those under
// a correlation.
func (a *assembly) leaves(t *Tuning) []string {
	var out []string
	var walk func(d *Document, depth int)
	walk = func(d *Document, depth int) {
		if d.Rule != nil {
			if e := a.out.entries[d.Key]; (e.On || e.Feeding) && !slices.Contains(out, d.Key) {
				out = append(out, d.Key)
			}
			return
		}
		for _, ref := range d.Correlation.Rules {
			if under := a.by[ref]; under != nil && depth < deepest {
				walk(under, depth+1)
			}
		}
	}
	for _, d := range a.docs {
		if a.tunings[d.Key] == t {
			walk(d, 0)
		}
	}
	return out
}

func (a *assembly) problems(list []sigma.Problem) {
	for _, p := range list {
		origin := Own
		for _, d := range a.docs {
			if d.Head().File == p.File {
				origin = d.Origin
				break
			}
		}
		a.out.Problems = append(a.out.Problems, Problem{origin, p})
	}
}

// ready finds what matches need to know.
func (r *Ruleset) ready() {
	for _, rule := range r.rules.Ready() {
		if e := r.entries[rule.ID]; e != nil {
			e.matchable = rule
		}
	}
	list := r.rules.Correlations()
	r.full, _ = correlate.Compile(r.rules.Ready(), list) // Prepare told what it refuses
	r.prompt, _ = correlate.Compile(r.rules.Ready(), promptly(list))
	for _, ref := range r.full.Rules() {
		r.follow[ref] = true
	}
	by := map[string]*sigma.Correlation{}
	for _, c := range list {
		by[c.ID] = c
		if c.Name != "" {
			by[c.Name] = c
		}
	}
	for _, c := range list {
		r.spans[c.ID] = c.Timespan
		r.reach = max(r.reach, reachOf(by, c, 0))
	}
}

func reachOf(by map[string]*sigma.Correlation, c *sigma.Correlation, depth int) time.Duration {
	under := time.Duration(0)
	for _, ref := range c.Rules {
		if child := by[ref]; child != nil && depth < deepest {
			under = max(under, reachOf(by, child, depth+1))
		}
	}
	return c.Timespan + under
}

// promptly are the correlations that no later event can undo, over nothing that
// one could: they are told at once.
func promptly(list []*sigma.Correlation) []*sigma.Correlation {
	waits := map[string]bool{}
	for _, c := range list {
		if !monotone(c) {
			waits[c.ID], waits[c.Name] = true, true
		}
	}
	delete(waits, "")
	for range list { // once for each that may stand over another
		for _, c := range list {
			if slices.ContainsFunc(c.Rules, func(ref string) bool { return waits[ref] }) {
				waits[c.ID], waits[cmp.Or(c.Name, c.ID)] = true, true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(c *sigma.Correlation) bool { return waits[c.ID] })
}

// monotone reports whether a condition that holds goes on holding when more
// comes, or is decided at each match anyway.
func monotone(c *sigma.Correlation) bool {
	switch c.Type {
	case sigma.ValueAvg, sigma.ValueMedian, sigma.ValuePercentile:
		return true
	}
	for _, b := range c.Condition.Bounds {
		if b.Op != sigma.Greater && b.Op != sigma.GreaterOrEqual {
			return false
		}
	}
	return !negates(c.Condition.Expr)
}

func negates(e sigma.Expr) bool {
	switch e := e.(type) {
	case sigma.Not:
		return true
	case sigma.And:
		return slices.ContainsFunc(e, negates)
	case sigma.Or:
		return slices.ContainsFunc(e, negates)
	}
	return false
}

// names is what the events of a rule call a field, besides its name.
func (r *Ruleset) names(e *Entry, field string) []string {
	if e == nil || e.matchable == nil {
		return nil
	}
	if known := e.called.Load(); known != nil {
		if list, ok := (*known)[field]; ok {
			return list
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	more := map[string][]string{field: r.rules.Names(e.matchable, field)}
	if known := e.called.Load(); known != nil {
		maps.Copy(more, *known)
	}
	e.called.Store(&more)
	return more[field]
}

// fieldsOf reads the fields of an event that a rule matched, by the names the
// rule has for them.
func (r *Ruleset) fieldsOf(e *Entry, event *fastjson.Value) func(string) (string, bool) {
	of := correlate.JSON(event)
	return func(name string) (string, bool) {
		if v, ok := of(name); ok {
			return v, true
		}
		for _, other := range r.names(e, name) {
			if v, ok := of(other); ok {
				return v, true
			}
		}
		return "", false
	}
}

// scan is what one goroutine at a time needs to look at events.
type scan struct {
	s      *sigma.Scanner
	parser fastjson.Parser
}

func (r *Ruleset) scan() *scan {
	if s, ok := r.scans.Get().(*scan); ok {
		return s
	}
	return &scan{s: r.rules.Scanner()}
}
