package coverage

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/sigma"
)

// State is how well a technique is looked for.
type State string

// The states, the worst first.
const (
	NoLogs   State = "no-logs"  // nothing comes in that could show it
	LogsOnly State = "logs"     // events come in that could, and no rule looks at them
	Untested State = "untested" // a rule looks for it, and was never tried, or failed
	Before   State = "before"   // a rule passed a test, too long ago
	Tested   State = "tested"   // a rule passed a test not long ago
)

// levels are the classes that states are drawn with.
var levels = map[State]int{NoLogs: 0, LogsOnly: 1, Untested: 2, Before: 3, Tested: 4}

const (
	testedFor = 90 * 24 * time.Hour // how long a test counts, and what was seen
	provenFor = 400 * 24 * time.Hour
	logsFor   = 7 * 24 * time.Hour // how long ago events of a source came that still comes in
)

// check is a test of a rule.
type check struct {
	At     time.Time
	Passed bool
	Canary bool   // an event went the whole way; otherwise the examples beside the rule
	Detail string // why it failed
}

// ruleStanding is a rule that is on.
type ruleStanding struct {
	Entry  *live.Entry
	Logs   []sigma.Logsource // that it looks at: of a correlation, those of its rules
	Checks []check           // canaries, as proofs returns them, and the examples
	Fired  int               // findings in 90 days
	Last   time.Time
	Trying bool // its examples are being tried
}

// of reports whether a source has what the rule looks at.
func (r *ruleStanding) of(s *source) bool { return slices.ContainsFunc(r.Logs, s.of) }

// tested reports whether a test passed since a time.
func (r *ruleStanding) tested(since time.Time) bool {
	return slices.ContainsFunc(r.Checks, func(c check) bool { return c.Passed && !c.At.Before(since) })
}

// failed returns the newest test when it failed.
func (r *ruleStanding) failed() *check {
	var last *check
	for i := range r.Checks {
		if c := &r.Checks[i]; last == nil || c.At.After(last.At) || c.At.Equal(last.At) && !c.Passed {
			last = c
		}
	}
	if last == nil || last.Passed {
		return nil
	}
	return last
}

// standing is how well one technique is looked for, with its parts.
type standing struct {
	*Technique
	State   State
	Failed  bool // the last test of one of its rules failed
	Trying  bool // the examples of one of its rules are being tried, which may prove it
	Rules   []*ruleStanding
	Sources []*source // that come in and could show it
	Blind   bool      // rules look for it, and none of the logs they are for comes in
	Fired   int
	Last    time.Time
	Scope   bool
	Cases   []openCase
}

// openCase is a case that is not closed and names a technique.
type openCase struct{ Title, Href string }

// overall is how well all techniques are looked for.
type overall struct {
	At         time.Time
	Techniques []*standing // those that are no part of another
	Parts      map[string][]*standing
	Sources    []*source // that come in
	Platforms  []string  // whose logs come in
	NoEngine   bool
	Trying     int   // rules whose examples are being tried
	LogsErr    error // why it is not known what comes in

	by map[string]*standing
}

// service knows how well techniques are looked for.
type service struct {
	Config

	mu     sync.Mutex
	coming map[string]arriving // by organisation
}

type arriving struct {
	at      time.Time
	formats []string
}

// known is how long it is believed what comes in: each page of coverage asks, and
// the store reads a week of events to say.
const known = time.Minute

// patient is how long a page waits for examples of rules that were not tried yet.
const patient = 500 * time.Millisecond

// soon is overall for a page: it does not wait for the examples of all rules.
func (s *service) soon(ctx context.Context, org string, at time.Time) (*overall, error) {
	return s.overallBy(ctx, org, at, time.Now().Add(patient))
}

// overall finds how well all techniques are looked for, as of a moment.
func (s *service) overall(ctx context.Context, org string, at time.Time) (*overall, error) {
	return s.overallBy(ctx, org, at, time.Now().Add(time.Hour))
}

// overallBy is overall, which waits for examples that were not tried yet until a
// moment.
func (s *service) overallBy(ctx context.Context, org string, at, wait time.Time) (*overall, error) {
	o := &overall{At: at, Parts: map[string][]*standing{}, by: map[string]*standing{}, NoEngine: s.Engine == nil}
	o.arrive(s.formats(ctx, org))
	rules, err := s.rules(ctx, org, o, wait)
	if err != nil {
		return nil, err
	}
	for _, t := range Enterprise().Techniques {
		x := &standing{Technique: t}
		o.by[t.ID] = x
		if w := whole(t.ID); w != t.ID {
			o.Parts[w] = append(o.Parts[w], x)
		} else {
			o.Techniques = append(o.Techniques, x)
		}
	}
	for _, r := range rules {
		for _, id := range tagged(r.Entry.Told.Tags) {
			if x := o.by[id]; x != nil && !slices.Contains(x.Rules, r) {
				x.Rules = append(x.Rules, r)
			}
			if w := o.by[whole(id)]; w != nil && !slices.Contains(w.Rules, r) {
				w.Rules = append(w.Rules, r)
			}
		}
	}
	for _, x := range o.by {
		o.judge(x)
	}
	return o, nil
}

// arrive notes which sources come in.
func (o *overall) arrive(formats []string, err error) {
	o.LogsErr = err
	for i := range sources {
		s := &sources[i]
		if !slices.ContainsFunc(s.Formats, func(f string) bool { return slices.Contains(formats, f) }) {
			continue
		}
		o.Sources = append(o.Sources, s)
		for _, p := range s.Platforms {
			if !slices.Contains(o.Platforms, p) {
				o.Platforms = append(o.Platforms, p)
			}
		}
	}
}

// judge finds the state of a technique.
func (o *overall) judge(x *standing) {
	for _, s := range o.Sources {
		if s.looksAt(x.Technique) || slices.ContainsFunc(o.Parts[x.ID], func(part *standing) bool { return s.looksAt(part.Technique) }) || slices.ContainsFunc(x.Rules, func(r *ruleStanding) bool { return r.of(s) }) {
			x.Sources = append(x.Sources, s)
		}
	}
	x.State = NoLogs
	if len(x.Sources) > 0 {
		x.State = LogsOnly
	}
	for _, r := range x.Rules {
		state := Untested
		switch {
		case r.tested(o.At.Add(-testedFor)):
			state = Tested
		case r.tested(time.Time{}):
			state = Before
		}
		if levels[state] > levels[x.State] {
			x.State = state
		}
		x.Failed = x.Failed || r.failed() != nil
		x.Trying = x.Trying || r.Trying
		x.Fired += r.Fired
		if r.Last.After(x.Last) {
			x.Last = r.Last
		}
	}
	x.Trying = x.Trying && x.State != Tested
	x.Blind = o.blind(x.Rules)
	x.Scope = len(x.Rules) > 0 || len(o.Platforms) == 0 && !slices.Equal(x.Platforms, []string{"PRE"}) ||
		slices.ContainsFunc(x.Platforms, func(p string) bool { return slices.Contains(o.Platforms, p) })
}

// blind reports whether nothing comes in that rules could find something in. Of a
// rule that is for no log source that is known, nobody can say.
func (o *overall) blind(rules []*ruleStanding) (is bool) {
	if o.LogsErr != nil {
		return false
	}
	for _, r := range rules {
		switch {
		case slices.ContainsFunc(o.Sources, r.of), !slices.ContainsFunc(sources, func(s source) bool { return r.of(&s) }):
			return false
		}
		is = true
	}
	return is
}

// rules returns the rules that are on, with their tests and what they found.
func (s *service) rules(ctx context.Context, org string, o *overall, wait time.Time) ([]*ruleStanding, error) {
	if s.Engine == nil {
		return nil, nil
	}
	set, err := s.Engine.Ruleset(ctx, org)
	if err != nil {
		return nil, err
	}
	proofs, err := s.proofs(ctx, org, o.At)
	if err != nil {
		return nil, err
	}
	fired, err := s.fired(ctx, org, o.At)
	if err != nil {
		return nil, err
	}
	var out []*ruleStanding
	docs := map[string]*live.Document{} // by their keys and names
	set.Entries(func(e *live.Entry) {
		for _, name := range []string{e.Key, e.Head().Name} {
			if docs[name] == nil {
				docs[name] = e.Document
			}
		}
	})
	set.Entries(func(e *live.Entry) {
		if e.On {
			out = append(out, &ruleStanding{Entry: e, Logs: logsOf(e.Document, docs, 0), Checks: proofs[e.Key], Fired: fired[e.Key].N, Last: fired[e.Key].Last})
		}
	})
	for _, r := range out {
		c, ok, err := s.examples(r, wait)
		if err != nil {
			return nil, err
		}
		if ok {
			r.Checks = append(r.Checks, c)
		}
		if r.Trying {
			o.Trying++
		}
	}
	return out, nil
}

// deepest bounds how far correlations of correlations are followed.
const deepest = 8

// logsOf are the log sources that a rule looks at, or the rules of a correlation.
func logsOf(d *live.Document, docs map[string]*live.Document, depth int) (logs []sigma.Logsource) {
	if d.Correlation == nil {
		return []sigma.Logsource{d.Head().Logsource}
	}
	for _, ref := range d.Correlation.Rules {
		if of := docs[ref]; of != nil && depth < deepest {
			logs = append(logs, logsOf(of, docs, depth+1)...)
		}
	}
	return logs
}

// underWay is how long a canary may take that was not found yet.
const underWay = time.Hour

// proofs returns for each rule the newest canary that was found, and the newest of
// all when that was not.
func (s *service) proofs(ctx context.Context, org string, at time.Time) (map[string][]check, error) {
	out := map[string][]check{}
	if s.Engine.DB == nil {
		return out, nil
	}
	err := live.Proofs(ctx, s.Engine.DB, org, at.Add(-provenFor), at, func(p live.Proof) error {
		c := check{p.At, p.Passed, true, p.Detail}
		was := out[p.Rule]
		switch {
		case p.Passed:
			out[p.Rule] = []check{c}
		case at.Sub(p.At) < underWay:
		case len(was) > 0 && was[0].Passed:
			out[p.Rule] = []check{was[0], c}
		default:
			out[p.Rule] = []check{c}
		}
		return nil
	})
	return out, err
}

// fired counts what rules found in the 90 days before a moment.
func (s *service) fired(ctx context.Context, org string, at time.Time) (map[string]live.Tally, error) {
	if !at.Before(s.Now().Add(-time.Minute)) {
		return s.Engine.Tallies(ctx, org, at.Add(-testedFor))
	}
	list, err := s.Engine.Fired(ctx, org, "", at.Add(-testedFor), at)
	out := map[string]live.Tally{}
	for _, f := range list {
		out[f.Rule] = live.Tally{N: out[f.Rule].N + 1, Last: f.End}
	}
	return out, err
}

// examples is what the examples beside a rule show, as of now; false when there
// are none. Until wait, the answer waits for those that were not tried yet; after
// it, they are tried behind it, and the rule says so.
func (s *service) examples(r *ruleStanding, wait time.Time) (check, bool, error) {
	t, known, err := s.Engine.TestedBy(wait, r.Entry.Document)
	r.Trying = !known
	if err != nil || t == nil {
		return check{}, false, err
	}
	c := check{At: s.Now().UTC(), Passed: len(t.Failures) == 0}
	if !c.Passed {
		c.Detail = t.Failures[0].String()
	}
	return c, true, nil
}

// patience is how long it may take to find what comes in.
const patience = 5 * time.Second

// formats returns the formats of events that came in not long ago.
func (s *service) formats(ctx context.Context, org string) ([]string, error) {
	if s.Store == nil {
		return nil, nil
	}
	now := s.Now()
	s.mu.Lock()
	was, ok := s.coming[org]
	s.mu.Unlock()
	if ok && now.Sub(was.at) < known {
		return was.formats, nil
	}
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	values, _, err := s.Store.Values(ctx, logs.Query{Org: org, Text: "*", From: now.Add(-logsFor), To: now.Add(time.Hour), Partial: true}, event.FieldFormat, 100)
	a := arriving{at: now}
	for _, v := range values {
		a.formats = append(a.formats, v.Text)
	}
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.coming == nil {
			s.coming = map[string]arriving{}
		}
		s.coming[org] = a
	}
	return a.formats, err
}

// worth are techniques that are worth closing next, with the reason: what was
// seen and is not tested first, then what could be seen with what comes in.
func (o *overall) worth(limit int) []*standing {
	var out []*standing
	for _, x := range o.Techniques {
		if x.Trying && !x.Failed {
			continue // it may need nothing
		}
		if x.Scope && (x.State != Tested && (x.Fired > 0 || len(x.Cases) > 0 || x.State == LogsOnly) || x.Failed || x.Blind) {
			out = append(out, x)
		}
	}
	rank := func(x *standing) int {
		switch {
		case len(x.Cases) > 0:
			return 0
		case x.Fired > 0:
			return 1
		case x.Failed:
			return 2
		case !x.Blind:
			return 3
		}
		return 4
	}
	slices.SortStableFunc(out, func(a, b *standing) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Fired, a.Fired), cmp.Compare(len(b.Sources), len(a.Sources)), cmp.Compare(a.ID, b.ID))
	})
	return out[:min(len(out), limit)]
}

// counts says how many techniques in scope have each state, how many there are,
// and how many count as tested though nothing comes in for their rules.
func (o *overall) counts() (n map[State]int, all, blind int) {
	n = map[State]int{}
	for _, x := range o.Techniques {
		if x.Scope {
			n[x.State]++
			all++
			if x.State == Tested && x.Blind {
				blind++
			}
		}
	}
	return n, all, blind
}
