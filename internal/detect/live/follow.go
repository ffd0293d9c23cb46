package live

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/correlate"
)

const (
	// slack is how far out of order the prompt correlator takes matches to be of
	// now.
	slack = time.Minute
	// fresh is how long matches are remembered that the store may not show yet.
	fresh = 2 * time.Minute
	// mostFresh of them are remembered.
	mostFresh = 20_000
	// mostKnown is how many matches are known not to be counted twice.
	mostKnown = 50_000
)

// following is the correlations of an organisation.
type following struct {
	rules   *Ruleset
	prompt  *correlate.Correlator
	settled *correlate.Correlator
	newest  time.Time // of what the prompt one took
	water   time.Time // it decided all before
	late    []followed
	isLate  bool // the settled one refused the last match
	recent  []arrived
	known   known
	parser  fastjson.Parser
	before  before
}

type arrived struct {
	followed
	came time.Time
}

// known remembers matches in two generations.
type known struct{ now, before map[string]bool }

// add reports whether a match is new.
func (k *known) add(m followed) bool {
	key := m.rule + unit + m.id
	if k.now[key] || k.before[key] {
		return false
	}
	if k.now == nil || len(k.now) >= mostKnown {
		k.now, k.before = map[string]bool{}, k.now
	}
	k.now[key] = true
	return true
}

// before is when groups were told last, for a run that begins in the middle.
type before map[string][]time.Time // ends of what was told, ascending

func groupKey(rule string, group []detect.GroupField) string { return rule + unit + groupText(group) }

func (b before) last(c *sigma.Correlation, group []correlate.Field, at time.Time) (time.Time, bool) {
	list := b[groupKey(c.ID, groupFields(group))]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Before(at) {
			return list[i], true
		}
	}
	return time.Time{}, false
}

func groupFields(group []correlate.Field) []detect.GroupField {
	var out []detect.GroupField
	for _, g := range group {
		if !g.IsMissing {
			out = append(out, detect.GroupField{Name: g.Name, Value: g.Value})
		}
	}
	return out
}

// hit is a correlation that held, and for how long it looks.
type hit struct{ correlate.Hit }

// newFollowing returns correlators that remember nothing.
func (e *Engine) newFollowing(rules *Ruleset, told before) *following {
	f := &following{rules: rules, before: told}
	o := correlate.Options{MaxEvents: mostSeen, Before: told.last}
	f.prompt = correlate.New(rules.prompt, o)
	o.Lateness = Lateness
	o.Lost = func(l correlate.Loss) { f.isLate = f.isLate || l.Reason == correlate.Late }
	f.settled = correlate.New(rules.full, o)
	return f
}

// follow builds the correlators of an organisation from the store, when its rules
// are others than before.
func (e *Engine) follow(ctx context.Context, o *organisation, rules *Ruleset) error {
	if rules.full.Len() == 0 {
		o.mu.Lock()
		o.follow = nil
		o.mu.Unlock()
		return nil
	}
	now := e.Now()
	from := now.Add(-rules.reach - Lateness - slack)
	told, err := e.tables.toldBetween(ctx, o.name, from.Add(-rules.reach), now.Add(slack))
	if err != nil {
		return err
	}
	matches, err := e.storedMatches(ctx, o.name, rules, from, now.Add(slack))
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var recent []arrived
	if o.follow != nil {
		recent = o.follow.recent
		for _, m := range recent {
			if rules.follow[m.rule] {
				matches = append(matches, m.followed)
			}
		}
	}
	f := e.newFollowing(rules, told)
	// Windows that end before began before what was read.
	whole := from.Add(rules.reach)
	hits := slices.DeleteFunc(f.add(matches, now), func(h hit) bool { return h.End.Before(whole) })
	f.recent = recent
	o.follow = f
	return e.held(ctx, o, hits, true)
}

// correlate has correlations follow matches, and keeps what they tell.
func (e *Engine) correlate(ctx context.Context, o *organisation, rules *Ruleset, list []followed) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.follow
	if f == nil {
		return nil
	}
	now := e.Now()
	hits := f.add(list, now)
	for _, m := range list {
		f.recent = append(f.recent, arrived{m, now})
	}
	f.forget(now)
	return e.held(ctx, o, hits, false)
}

// forget lets matches go that the store shows by now.
func (f *following) forget(now time.Time) {
	n, _ := slices.BinarySearchFunc(f.recent, now.Add(-fresh), func(a arrived, t time.Time) int { return a.came.Compare(t) })
	n = max(n, len(f.recent)-mostFresh)
	f.recent = slices.Delete(f.recent, 0, n)
}

// add takes matches, and returns what holds.
func (f *following) add(list []followed, now time.Time) []hit {
	list = slices.Clone(list)
	slices.SortStableFunc(list, byTime)
	var hits []hit
	for _, m := range list {
		if !f.known.add(m) {
			continue
		}
		of, ok := f.fields(m)
		if !ok {
			continue
		}
		f.isLate = false
		hits = append(hits, asHits(f.settled.Add(correlate.Match{Rule: m.rule, Time: m.at, ID: m.id, Field: of}))...)
		if f.isLate {
			f.late = append(f.late, m)
		}
		if at, ok := f.promptTime(m.at, now); ok {
			hits = append(hits, asHits(f.prompt.Add(correlate.Match{Rule: m.rule, Time: at, ID: m.id, Field: of}))...)
		}
	}
	f.water = f.newest.Add(time.Nanosecond)
	return append(hits, asHits(f.prompt.Flush())...)
}

// promptTime is when the prompt correlator takes a match to be; false when it is
// too far out of order.
func (f *following) promptTime(at, now time.Time) (time.Time, bool) {
	if at.After(now.Add(slack)) || at.Before(f.newest.Add(-slack)) {
		return at, false
	}
	if at.Before(f.water) {
		at = f.water
	}
	f.newest = at
	return at, true
}

func byTime(a, b followed) int {
	return cmp.Or(a.at.Compare(b.at), strings.Compare(a.id, b.id), strings.Compare(a.rule, b.rule))
}

func asHits(list []correlate.Hit) []hit {
	var out []hit
	for _, h := range list {
		out = append(out, hit{h})
	}
	return out
}

// fields reads the fields of a match until the next is read.
func (f *following) fields(m followed) (func(string) (string, bool), bool) {
	v, err := f.parser.ParseBytes(m.line)
	if err != nil {
		return nil, false // it matched, so that it is JSON
	}
	return f.rules.fieldsOf(f.rules.entries[m.rule], v), true
}

// advance tells correlators what time it is.
func (e *Engine) advance(ctx context.Context) error {
	return e.each(func(o *organisation) error {
		o.mu.Lock()
		f := o.follow
		if f == nil {
			o.mu.Unlock()
			return e.deliver(ctx, o, nil)
		}
		f.forget(e.Now())
		err := e.held(ctx, o, asHits(f.settled.Advance(e.Now())), false)
		o.mu.Unlock()
		if err != nil {
			return err
		}
		return e.deliver(ctx, o, nil)
	})
}

// repair counts what came too late: the matches around it are read from the store
// and correlated once more.
func (e *Engine) repair(ctx context.Context) error {
	return e.each(func(o *organisation) error {
		o.mu.Lock()
		if o.follow == nil || len(o.follow.late) == 0 {
			o.mu.Unlock()
			return nil
		}
		rules, late := o.follow.rules, o.follow.late
		o.follow.late = nil
		recent := make([]followed, 0, len(o.follow.recent))
		for _, m := range o.follow.recent {
			recent = append(recent, m.followed)
		}
		o.mu.Unlock()
		slices.SortStableFunc(late, byTime)
		for _, part := range clusters(late, 2*rules.reach) {
			if err := e.again(ctx, o, rules, part, recent); err != nil {
				o.mu.Lock()
				if o.follow != nil {
					o.follow.late = append(o.follow.late, part...)
				}
				o.mu.Unlock()
				return err
			}
		}
		return e.deliver(ctx, o, nil)
	})
}

// clusters parts matches, in order of time, where there is more than a distance
// between two.
func clusters(list []followed, distance time.Duration) [][]followed {
	var out [][]followed
	for i, m := range list {
		if i == 0 || m.at.Sub(list[i-1].at) > distance {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], m)
	}
	return out
}

// again correlates the matches around some that came late.
func (e *Engine) again(ctx context.Context, o *organisation, rules *Ruleset, late, recent []followed) error {
	from, to := late[0].at.Add(-rules.reach), late[len(late)-1].at.Add(rules.reach+time.Nanosecond)
	told, err := e.tables.toldBetween(ctx, o.name, from.Add(-rules.reach), to)
	if err != nil {
		return err
	}
	matches, err := e.storedMatches(ctx, o.name, rules, from, to)
	if err != nil {
		return err
	}
	for _, list := range [][]followed{recent, late} {
		for _, m := range list {
			if !m.at.Before(from) && m.at.Before(to) {
				matches = append(matches, m)
			}
		}
	}
	hits := rules.replay(matches, told, to.Before(e.Now().Add(-rules.reach)))
	hits = slices.DeleteFunc(hits, func(h hit) bool { return h.End.Before(late[0].at) })
	o.mu.Lock()
	defer o.mu.Unlock()
	return e.held(ctx, o, hits, true)
}

// replay correlates matches of a stretch of time on their own. What is told of it
// goes on from what was told before.
func (r *Ruleset) replay(matches []followed, told before, isOver bool) []hit {
	f := &following{rules: r}
	c := correlate.New(r.full, correlate.Options{MaxEvents: mostSeen, Before: told.last})
	matches = slices.Clone(matches)
	slices.SortStableFunc(matches, byTime)
	var hits []hit
	for _, m := range matches {
		if !f.known.add(m) || !r.follow[m.rule] {
			continue
		}
		if of, ok := f.fields(m); ok {
			hits = append(hits, asHits(c.Add(correlate.Match{Rule: m.rule, Time: m.at, ID: m.id, Field: of}))...)
		}
	}
	if isOver {
		return append(hits, asHits(c.Finish())...)
	}
	return append(hits, asHits(c.Flush())...)
}

// unnamed is a hit that is no finding yet.
type unnamed struct {
	hit
	isReplay bool
}

// held makes findings of hits, which the next delivery tells. A hit whose window
// overlaps one that was told of its group is that one. Of a replay, what was told
// as it is, is not told again. When it fails, what is left is made findings of the
// next time: a correlator tells a hit once. The caller holds the lock.
func (e *Engine) held(ctx context.Context, o *organisation, hits []hit, isReplay bool) error {
	for _, h := range hits {
		o.unnamed = append(o.unnamed, unnamed{h, isReplay})
	}
	for len(o.unnamed) > 0 {
		if err := e.name(ctx, o, o.unnamed[0]); err != nil {
			return err
		}
		o.unnamed = o.unnamed[1:]
	}
	o.unnamed = nil
	return nil
}

// name makes a finding of a hit under the name it has. The caller holds the lock.
func (e *Engine) name(ctx context.Context, o *organisation, h unnamed) error {
	entry := o.entryOf(h.hit)
	if entry == nil || !entry.On || entry.under {
		return nil
	}
	f := findingOf(o.name, entry, h.hit)
	name, isTold, err := e.knownAs(ctx, o, f, h.Correlation.Timespan)
	if err != nil || isTold && h.isReplay && name == f.Name {
		return err
	}
	if isTold {
		f.Name = name
	}
	o.pending = append(o.pending, f)
	return nil
}

func (o *organisation) entryOf(h hit) *Entry {
	if o.follow != nil {
		if e := o.follow.rules.entries[h.Correlation.ID]; e != nil {
			return e
		}
	}
	if r := o.rules.Load(); r != nil {
		return r.entries[h.Correlation.ID]
	}
	return nil
}

// findingOf is a hit as it is told.
func findingOf(org string, e *Entry, h hit) detect.Finding {
	group := groupFields(h.Group)
	f := detect.Finding{Org: org, Rule: e.Told, Group: group, Start: h.First.UTC(), End: h.End.UTC(), Value: h.Value, More: h.More, Fields: map[string]any{},
		Name: nameOf("correlation", e.Key, group, h.End.Truncate(time.Second))}
	for _, g := range group {
		f.Fields[g.Name] = g.Value
	}
	for _, id := range h.Events {
		e := seenOf(id)
		if !e.Time.IsZero() && e.Time.Before(f.Start) { // of a chain: what counts there is a hit, which is younger than its events
			f.Start = e.Time
		}
		f.Events = append(f.Events, e)
	}
	return f
}

// knownAs returns the name under which a hit was told already.
func (e *Engine) knownAs(ctx context.Context, o *organisation, f detect.Finding, span time.Duration) (string, bool, error) {
	near := span - min(2*time.Second, span/2)
	best, name := near+1, ""
	consider := func(other string, end time.Time) {
		if d := f.End.Sub(end).Abs(); d < best {
			best, name = d, other
		}
	}
	key := groupKey(f.Rule.ID, f.Group)
	for _, p := range o.pending {
		if p.Rule.Kind == f.Rule.Kind && groupKey(p.Rule.ID, p.Group) == key {
			consider(p.Name, p.End)
		}
	}
	told, err := e.tables.toldOf(ctx, o.name, f.Rule.ID, groupText(f.Group), f.End.Add(-near), f.End.Add(near))
	for _, t := range told {
		consider(t.Name, t.End)
	}
	return name, name != "", err
}

// Advance does at once what Run does each second: it tells correlators what time
// it is, hands over what was found, and counts what came late.
func (e *Engine) Advance(ctx context.Context) error {
	return errors.Join(e.advance(ctx), e.repair(ctx))
}
