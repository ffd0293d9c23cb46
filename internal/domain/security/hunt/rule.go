package hunt

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/route"
)

// pasted is a Sigma rule that was put into the query bar.
type pasted struct {
	rules    []*sigma.Rule
	scanners []*sigma.Scanner
	filter   string // LogsQL that every event meets which a rule matches
	counted  int    // correlations beside the rules, which are not looked for
	unrouted int    // rules of logs that no route knows: they are tried on every event
}

// mostTried is how many events a pasted rule is tried on.
const mostTried = 500_000

// pastedName is what problems call a pasted rule.
const pastedName = "rule"

// isRule reports whether a query is a Sigma rule: YAML with a detection.
func isRule(text string) bool {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "detection:") || strings.HasPrefix(line, "correlation:") {
			return true
		}
	}
	return false
}

// paste reads a Sigma rule. What cannot be honoured is refused with its line.
func paste(text string) (*pasted, error) {
	c := sigma.Parse(pastedName, []byte(text))
	problems := c.Problems
	if len(problems) == 0 && len(c.Rules) == 0 {
		problems = append(problems, sigma.Problem{Message: "there is no rule in it that looks at single events", Fix: "paste the rules that the correlation names"})
	}
	p := &pasted{rules: c.Rules, counted: len(c.Correlations)}
	if len(problems) == 0 {
		if err := p.compile(&problems); err != nil {
			return nil, err
		}
	}
	if len(problems) == 0 {
		return p, nil
	}
	bad := fault.New(fault.Invalid, "this Sigma rule cannot be looked for").Coded("hunt.rule")
	for _, x := range problems {
		msg := x.Message
		if x.Fix != "" {
			msg += ": " + x.Fix
		}
		bad = bad.With(fault.Problem{Line: x.Line, Code: "hunt-rule", Msg: msg, Args: []string{msg}})
	}
	return nil, bad
}

// table says of which events rules are, as in the stream.
var table = sync.OnceValues(route.Ready)

// compile makes the rules ready, each for the events that its routes say.
func (p *pasted) compile(problems *[]sigma.Problem) error {
	routes, err := table()
	if err != nil {
		return err
	}
	var routed []sigma.Routed
	var open []*sigma.Rule
	var filters []string
	for _, r := range p.rules {
		ways, err := routes.For(r)
		if err != nil {
			*problems = append(*problems, sigma.Problem{Pos: r.Pos, Message: err.Error()})
			return nil
		}
		filters = append(filters, "("+logs.Narrow(r, ways)+")")
		if len(ways) > 0 {
			routed = append(routed, sigma.Routed{Rule: r, Routes: ways})
		} else {
			open = append(open, r)
		}
	}
	p.filter, p.unrouted = strings.Join(filters, " or "), len(open)
	if len(routed) > 0 {
		router, err := sigma.NewRouter(routed, sigma.Skip(problems))
		if err != nil {
			return err
		}
		p.scanners = append(p.scanners, router.Scanner())
	}
	if len(open) > 0 {
		engine, err := sigma.Compile(open, sigma.Skip(problems))
		if err != nil {
			return err
		}
		p.scanners = append(p.scanners, engine.Scanner())
	}
	return nil
}

// match reports whether one of the rules matches an event.
func (p *pasted) match(line []byte) (bool, error) {
	for _, s := range p.scanners {
		if hits, err := s.Match(line); err != nil || len(hits) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// narrow is a question that finds every event the rule can match, and few others.
func (p *pasted) narrow(and string) string {
	if and == "" {
		return p.filter
	}
	return "(" + p.filter + ") (" + and + ")"
}

// ask tries the rule on what the question finds, and counts what it matches.
func (p *pasted) ask(ctx context.Context, store logs.Store, q question) (*answer, error) {
	a := &answer{}
	t := newTally(q)
	err := p.matches(ctx, store, q, a, func(r logs.Row) error {
		if t.add(r); t.n > int64(q.offset) && len(a.Rows) <= pageRows {
			a.Rows = append(a.Rows, r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.Total = t.n
	a.Series, a.Facets, a.Fields = t.series(), t.facets(facetSize), t.fields()
	if q.facet != "" {
		a.Facet = &logs.Facet{Field: q.facet, Values: t.values(q.facet, oneFacet)}
	}
	a.cut()
	return a, nil
}

// matches calls row with every event that the rule matches, the newest first.
func (p *pasted) matches(ctx context.Context, store logs.Store, q question, a *answer, row func(logs.Row) error) error {
	var err error
	a.Outcome, err = store.Rows(ctx, q.store(0, 0), func(r logs.Row) error {
		if a.Tried++; a.Tried > mostTried {
			a.Tried, a.Cut = mostTried, true
			return logs.ErrStop
		}
		hit, err := p.match(logs.Event(r).Line)
		if err != nil {
			return fmt.Errorf("event %s: %w", r.Get(event.FieldID), err)
		}
		if !hit {
			return nil
		}
		return row(r)
	})
	return err
}

// tally counts events as the engine does.
type tally struct {
	q     question
	n     int64
	by    map[string]map[int64]int64  // of the field of the split, by step
	seen  map[string]map[string]int64 // by field and value
	field map[string]int64
}

// mostValues is how many values of a field a tally tells apart.
const mostValues = 1000

func newTally(q question) *tally {
	return &tally{q: q, by: map[string]map[int64]int64{}, seen: map[string]map[string]int64{}, field: map[string]int64{}}
}

func (t *tally) add(r logs.Row) {
	t.n++
	value := ""
	if t.q.by != "" {
		value = r.Get(t.q.by)
	}
	if t.by[value] == nil {
		t.by[value] = map[int64]int64{}
	}
	t.by[value][int64(r.Time.Sub(t.q.span.From)/t.q.step)]++
	for _, f := range r.Fields {
		t.field[f.Name]++
		values := t.seen[f.Name]
		if values == nil {
			values = map[string]int64{}
			t.seen[f.Name] = values
		}
		if _, there := values[f.Value]; there || len(values) < mostValues {
			values[f.Value]++
		}
	}
}

func (t *tally) series() []logs.Series {
	var list []logs.Series
	rest := map[int64]int64{}
	for _, v := range most(t.totals(), 0) {
		if len(list) >= splits || v.Text == "" && t.q.by != "" {
			for i, n := range t.by[v.Text] {
				rest[i] += n
			}
			continue
		}
		list = append(list, t.one(v.Text, t.by[v.Text]))
	}
	if len(rest) > 0 {
		list = append(list, t.one("", rest))
	}
	return list
}

func (t *tally) totals() map[string]int64 {
	out := map[string]int64{}
	for value, counts := range t.by {
		for _, n := range counts {
			out[value] += n
		}
	}
	return out
}

func (t *tally) one(value string, counts map[int64]int64) logs.Series {
	s := logs.Series{Value: value}
	for _, i := range slices.Sorted(maps.Keys(counts)) {
		s.Start, s.Counts = append(s.Start, t.q.span.From.Add(time.Duration(i)*t.q.step)), append(s.Counts, counts[i])
		s.Total += counts[i]
	}
	return s
}

func (t *tally) values(field string, limit int) []logs.Value { return most(t.seen[field], limit) }

// facets leaves out fields whose values are all different: they tell nothing.
func (t *tally) facets(limit int) []logs.Facet {
	var out []logs.Facet
	for _, f := range t.fields() {
		if n := len(t.seen[f.Text]); n < mostValues && (int64(n) < f.Hits || n == 1) {
			out = append(out, logs.Facet{Field: f.Text, Values: t.values(f.Text, limit)})
		}
	}
	return out
}

func (t *tally) fields() []logs.Value { return most(t.field, 0) }

// most returns the most frequent first; limit 0 is all.
func most(counts map[string]int64, limit int) []logs.Value {
	out := make([]logs.Value, 0, len(counts))
	for text, n := range counts {
		out = append(out, logs.Value{Text: text, Hits: n})
	}
	sort.Slice(out, func(i, j int) bool {
		return out[i].Hits > out[j].Hits || out[i].Hits == out[j].Hits && out[i].Text < out[j].Text
	})
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out
}
