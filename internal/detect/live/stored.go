package live

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/sigma/route"
)

// mostNamed is how many rules are asked for by name; more are sorted out here.
const mostNamed = 20

// storedMatches reads what rules of correlations matched between two times.
func (e *Engine) storedMatches(ctx context.Context, org string, rules *Ruleset, from, to time.Time) ([]followed, error) {
	if e.Store == nil {
		return nil, nil
	}
	text := event.FieldRules + ":*"
	if n := len(rules.follow); n <= mostNamed {
		var parts []string
		for key := range rules.follow {
			parts = append(parts, logs.Has(event.FieldRules, key))
		}
		slices.Sort(parts)
		text = strings.Join(parts, " or ")
	}
	var out []followed
	_, err := e.Store.Rows(ctx, logs.Query{Org: org, Text: text, From: from, To: to}, func(row logs.Row) error {
		ev := logs.Event(row)
		for _, key := range ev.Rules {
			if rules.follow[key] {
				out = append(out, followed{rule: key, id: seenID(&ev), at: ev.Time, line: ev.Line})
			}
		}
		return nil
	})
	return out, err
}

// Question is what is looked for in the past.
type Question struct {
	Org      string
	From, To time.Time
	// Keys are the rules that are run, whether they are on or not; none is all
	// that are on.
	Keys []string
	// Tuning takes the place of the organisation's for its rule: what it would do
	// before it is saved. Without Keys the rules of its own text are run.
	Tuning     *Tuning
	Indicators bool // the indicators are looked for, and no rule
	Limit      int  // findings at most; 0: all
	Hits       int  // events named of each rule at most; 0: mostHits
}

// Progress is how far a look into the past has come.
type Progress struct {
	Done, Total int // stretches of time
	Events      int64
	Matches     int64
}

// Answer is what was found in the past.
type Answer struct {
	Events   int64            // that were looked at
	Matches  int64            // of rules and indicators, not of correlations
	Matched  map[string][]Hit // by key of the rule: the events that matched, in order of time
	Cut      time.Time        // not zero: from then on more events matched than are named
	Findings []detect.Finding // in order of time
	Limited  bool             // there are more findings
	Partial  bool             // some of the store did not answer
	Problems []Problem        // of the rules that were asked for
}

// Hit is an event that matched.
type Hit struct {
	detect.Seen
	Fields map[string]any
}

// mostHits is how many events of a rule an answer names when nobody says.
const mostHits = 100_000

// Past looks for rules or indicators in stored events. What it finds is what the
// stream would have found. It ends early when ctx does.
func (e *Engine) Past(ctx context.Context, q Question, progress func(Progress)) (*Answer, error) {
	if e.Store == nil {
		return nil, fault.New(fault.Unavailable, "no event is stored here").Coded("detections.no-store").WithHint("serve with the event engine on")
	}
	if !q.From.Before(q.To) {
		return nil, fault.New(fault.Invalid, "the time is empty").Coded("detections.no-time").WithHint("give a beginning before the end")
	}
	if u, err := e.Store.Usage(ctx); err == nil && q.From.Before(u.Oldest) { // before that there is nothing to look at
		q.From = u.Oldest
		if q.To.Before(q.From) {
			q.From = q.To
		}
	}
	p, err := e.past(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := p.run(ctx, progress); err != nil {
		return nil, err
	}
	return p.answer, nil
}

// past is one look into the past.
type past struct {
	e          *Engine
	q          Question
	org        *organisation
	rules      *Ruleset
	indicators *indicators
	told       before
	narrow     string // what every event meets that a rule matches
	answer     *Answer
	followed   []followed
	by         map[string]int // finding of a name
	state      Progress
}

func (e *Engine) past(ctx context.Context, q Question) (*past, error) {
	o, err := e.org(ctx, q.Org)
	if err != nil {
		return nil, err
	}
	p := &past{e: e, narrow: "*", q: q, org: &organisation{name: q.Org}, answer: &Answer{Matched: map[string][]Hit{}}, by: map[string]int{}}
	if q.Indicators {
		p.indicators = o.indicators.Load()
		p.rules, err = assemble(&Library{by: map[string]*Document{}}, Choices{}, nil, e.Now(), map[string]bool{})
		return p, err
	}
	if p.rules, err = e.asked(ctx, q); err != nil {
		return nil, err
	}
	if p.rules.Len() == 0 {
		var first string
		if len(p.rules.Problems) > 0 {
			first = p.rules.Problems[0].Error()
		}
		return nil, fault.New(fault.Invalid, "there is no rule to run: %s", cmp.Or(first, "none of this id")).Coded("detections.no-rule")
	}
	if p.narrow, err = p.rules.narrow(); err != nil {
		return nil, err
	}
	p.told, err = e.tables.toldBetween(ctx, q.Org, q.From.Add(-2*p.rules.reach), q.To)
	return p, err
}

// narrow is a question that every event meets which one of the rules matches, and
// as few others as can be said.
func (r *Ruleset) narrow() (string, error) {
	if r.rules.Len() > mostNamed {
		return "*", nil
	}
	table, err := route.Ready()
	if err != nil {
		return "", err
	}
	var parts []string
	for _, rule := range r.rules.Ready() {
		routes, err := table.For(rule)
		if err != nil {
			return "", err
		}
		text := logs.Narrow(rule, routes)
		if text == "*" {
			return "*", nil
		}
		parts = append(parts, "("+text+")")
	}
	if len(parts) == 0 {
		return "*", nil
	}
	return strings.Join(parts, " or "), nil
}

// asked makes the rules of a question ready.
func (e *Engine) asked(ctx context.Context, q Question) (*Ruleset, error) {
	lib, err := e.Library()
	if err != nil {
		return nil, err
	}
	choices, err := e.ChoicesOf(ctx, q.Org)
	if err != nil {
		return nil, err
	}
	keys := slices.Clone(q.Keys)
	if t := q.Tuning; t != nil {
		choices.Tunings = slices.DeleteFunc(slices.Clone(choices.Tunings), func(o Tuning) bool {
			return o.Ref == t.Ref || t.Of != "" && o.Of == t.Of
		})
		choices.Tunings = append(choices.Tunings, *t)
		if t.Rule != "" && len(keys) == 0 {
			docs, _ := CheckRule(t.Rule) // assemble tells what is wrong
			for _, d := range docs {
				keys = append(keys, d.Key)
			}
		}
	}
	if len(keys) == 0 {
		return assemble(lib, choices, e.Pipeline, e.Now(), nil)
	}
	only := map[string]bool{}
	for _, k := range keys {
		only[k] = true
		if d := lib.Document(k); d != nil {
			only[d.Key] = true
		}
	}
	return assemble(lib, choices, e.Pipeline, e.Now(), only)
}

// steps are the stretches of time that are read one after the other, the oldest
// first.
func (q Question) steps() []time.Time {
	step := min(max(q.To.Sub(q.From)/96, 15*time.Minute), 24*time.Hour)
	var out []time.Time
	for t := q.From; t.Before(q.To); t = t.Add(step) {
		out = append(out, t)
	}
	return append(out, q.To)
}

func (p *past) run(ctx context.Context, progress func(Progress)) error {
	// What began before the time counts for correlations that held in it.
	if p.rules.reach > 0 {
		before := batch{org: p.org, rules: p.rules, late: true}
		if err := p.read(ctx, &before, p.q.From.Add(-p.rules.reach), p.q.From); err != nil {
			return err
		}
		p.followed = append(p.followed, before.followed...)
		p.answer.Matches, p.answer.Matched, p.answer.Events, p.answer.Cut = 0, map[string][]Hit{}, 0, time.Time{}
	}
	steps := p.q.steps()
	p.state.Total = len(steps) - 1
	for i := range p.state.Total {
		b := batch{org: p.org, rules: p.rules, indicators: p.indicators, late: true}
		if err := p.read(ctx, &b, steps[i], steps[i+1]); err != nil {
			return err
		}
		p.followed = append(p.followed, b.followed...)
		for _, f := range b.finish() {
			p.keep(f)
		}
		p.state.Done, p.state.Events, p.state.Matches = i+1, p.answer.Events, p.answer.Matches
		if progress != nil {
			progress(p.state)
		}
	}
	return p.end(ctx)
}

// read looks at the events of a stretch of time.
func (p *past) read(ctx context.Context, b *batch, from, to time.Time) error {
	s := p.rules.scan()
	defer func() { p.rules.scans.Put(s) }()
	out, err := p.e.Store.Rows(ctx, logs.Query{Org: p.q.Org, Text: p.narrow, From: from, To: to, Partial: true}, func(row logs.Row) error {
		ev := logs.Event(row)
		p.answer.Events++
		if !b.one(s, &ev) {
			s = p.rules.scan()
		}
		for _, key := range ev.Rules {
			p.answer.Matches++
			switch list := p.answer.Matched[key]; {
			case len(list) < cmp.Or(p.q.Hits, mostHits):
				p.answer.Matched[key] = append(list, Hit{Seen: detect.Seen{ID: ev.ID, Time: ev.Time, Source: ev.Source}})
			case p.answer.Cut.IsZero(): // stretches come in order, what is in one does not
				p.answer.Cut = from
			}
		}
		return ctx.Err()
	})
	p.answer.Partial = p.answer.Partial || out.Partial
	return err
}

// keep takes a finding in. One that goes on over two stretches stays one.
func (p *past) keep(f detect.Finding) {
	i, known := p.by[f.Name]
	if !known {
		if p.q.Limit > 0 && len(p.answer.Findings) >= p.q.Limit {
			p.answer.Limited = true
			return
		}
		p.by[f.Name] = len(p.answer.Findings)
		p.answer.Findings = append(p.answer.Findings, f)
		return
	}
	was := &p.answer.Findings[i]
	was.More += f.More
	was.Events = append(was.Events, f.Events...)
	if n := len(was.Events) - mostSeen; n > 0 {
		was.More, was.Events = was.More+n, slices.Clone(was.Events[n:])
	}
	if f.Start.Before(was.Start) {
		was.Start = f.Start
	}
	if f.End.After(was.End) {
		was.End = f.End
	}
}

// end runs correlations over what matched, and puts all in order.
func (p *past) end(ctx context.Context) error {
	for _, list := range p.answer.Matched {
		slices.SortFunc(list, func(a, b Hit) int { return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID)) })
	}
	p.answer.Problems = p.rules.Problems
	for _, h := range p.rules.replay(p.followed, p.told, p.q.To.Before(p.e.Now().Add(-p.rules.reach))) {
		e := p.rules.entries[h.Correlation.ID]
		if e == nil || !e.On || e.under || h.End.Before(p.q.From) {
			continue
		}
		f := findingOf(p.q.Org, e, h)
		f.Late = true
		name, isTold, err := p.e.knownAs(ctx, p.org, f, h.Correlation.Timespan)
		if err != nil {
			return err
		}
		if isTold {
			f.Name = name
		}
		p.keep(f)
	}
	slices.SortStableFunc(p.answer.Findings, func(a, b detect.Finding) int {
		return cmp.Or(a.End.Compare(b.End), strings.Compare(a.Name, b.Name))
	})
	return nil
}

// Tell hands findings of the past to those who work on alerts.
func (e *Engine) Tell(ctx context.Context, org string, list []detect.Finding) error {
	o, err := e.org(ctx, org)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(list, 500) {
		if err := e.deliver(ctx, o, slices.Clone(part)); err != nil {
			return err
		}
	}
	return nil
}

// Rerun looks again at the time of a gap, and tells what it finds.
func (e *Engine) Rerun(ctx context.Context, org, id, by string, progress func(Progress)) (*Answer, error) {
	g, err := e.Gap(ctx, org, id)
	if err != nil {
		return nil, err
	}
	if g.ID == "" {
		return nil, fault.New(fault.NotFound, "there is no such gap").Coded("detections.no-gap")
	}
	q := Question{Org: org, From: g.Since, To: g.Until}
	if g.Until.IsZero() {
		q.To = e.Now()
	}
	switch g.Reason {
	case Disabled:
		q.Keys = []string{g.Rule}
	case Unread:
		rules, err := e.Ruleset(ctx, org)
		if err != nil {
			return nil, err
		}
		rules.Entries(func(x *Entry) {
			if x.Origin == g.Rule && x.On {
				q.Keys = append(q.Keys, x.Key)
			}
		})
	}
	a, err := e.Past(ctx, q, progress)
	if err != nil {
		return nil, err
	}
	if err := e.Tell(ctx, org, a.Findings); err != nil {
		return nil, err
	}
	return a, e.tables.rerun(ctx, org, id, by, len(a.Findings), e.Now())
}
