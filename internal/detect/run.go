package detect

import (
	"cmp"
	"context"
	"io"
	"math"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/internal/ingest/eventfile"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/correlate"
	"github.com/binnaclehq/binnacle/sigma/route"
)

// Match is a rule that an event matched, or a correlation that held when it came.
type Match struct {
	Event  int64          `json:"event"` // its number, from 0 over all files; -1 of a correlation that is about silence
	File   string         `json:"file"`
	Line   int            `json:"line"`
	RuleID string         `json:"rule_id"`
	Title  string         `json:"title"`
	Level  string         `json:"level"`
	Tags   []string       `json:"tags"`
	Fields map[string]any `json:"fields"` // what the rule found: a text, or several, by the event's name of the field

	Correlation *Held `json:"correlation,omitempty"`
}

// Held is what a correlation counted.
type Held struct {
	Group  map[string]string `json:"group"`
	Start  time.Time         `json:"start"`
	End    time.Time         `json:"end"`
	Value  float64           `json:"value"`
	Events []int64           `json:"events"` // the newest of those that count
	More   int               `json:"more"`   // that count and are not in Events
}

// Stats are the numbers of a run.
type Stats struct {
	Events   int64 // that were looked at
	Matches  int64 // that were told, of correlations too
	Followed int64 // matches of rules, when there are correlations
	Unknown  int64 // events that no rule was for: no route knows their logs
	Bad      int64 // places that held no event
	Lost     int64 // matches that a correlation could not count: without a time, a group or a number
}

// Input is a file of events.
type Input struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Sink takes what a run finds, in the order of the events.
type Sink struct {
	Match func(Match) error
	Bad   func(file string, p eventfile.Problem)
}

// batchSize is how many bytes of events are looked at together.
const batchSize = 1 << 20

// batch is some events of one file on their way through the rules.
type batch struct {
	file   string
	first  int64 // number of its first event
	buf    []byte
	events []piece
	strays int64 // events that no rule was for
	bad    []eventfile.Problem
	found  []Match
	seen   []seen
	done   chan struct{}
}

type piece struct{ line, from, to int }

// seen is a match that correlations follow.
type seen struct {
	rule  *sigma.Rule
	event int64
	line  int
	of    fields
}

// Run looks at all events of the inputs with as many goroutines as there are
// processors.
func (r *Rules) Run(parent context.Context, inputs []Input, to Sink) (Stats, error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	todo, order := make(chan *batch, workers), make(chan *batch, 4*workers)
	for range workers {
		go func() {
			s := r.scanner()
			for b := range todo {
				r.look(s, b)
				close(b.done)
			}
		}()
	}
	var readErr error
	go func() {
		defer close(order)
		defer close(todo)
		f := &feeder{ctx: ctx, todo: todo, order: order}
		for _, in := range inputs {
			if readErr = f.file(in); readErr != nil {
				return
			}
		}
	}()
	stats, err := r.collect(order, to)
	cancel()
	for range order { // the reader ends
	}
	return stats, cmp.Or(err, parent.Err(), readErr)
}

// feeder cuts files into batches.
type feeder struct {
	ctx         context.Context
	todo, order chan *batch
	n           int64
	now         *batch
}

func (f *feeder) file(in Input) error {
	from, err := in.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	f.begin(in.Name)
	err = eventfile.Read(from, func(e eventfile.Event) error {
		at := len(f.now.buf)
		f.now.buf = append(f.now.buf, e.JSON...)
		f.now.events = append(f.now.events, piece{e.Line, at, len(f.now.buf)})
		f.n++
		if len(f.now.buf) < batchSize {
			return nil
		}
		err := f.send()
		f.begin(in.Name)
		return err
	}, func(p eventfile.Problem) { f.now.bad = append(f.now.bad, p) })
	if err != nil && f.ctx.Err() == nil {
		f.now.bad = append(f.now.bad, eventfile.Problem{Why: err.Error()})
		err = nil
	}
	return cmp.Or(err, f.send())
}

func (f *feeder) begin(name string) {
	f.now = &batch{file: name, first: f.n, done: make(chan struct{})}
}

func (f *feeder) send() error {
	for _, to := range []chan *batch{f.todo, f.order} {
		select {
		case to <- f.now:
		case <-f.ctx.Done():
			return f.ctx.Err()
		}
	}
	return nil
}

// look runs the events of a batch through the rules.
func (r *Rules) look(s *sigma.Scanner, b *batch) {
	for i, p := range b.events {
		data := b.buf[p.from:p.to]
		rules, err := s.Match(data)
		if err != nil {
			b.bad = append(b.bad, eventfile.Problem{Line: p.line, Why: err.Error()})
			continue
		}
		if !s.Routed() {
			b.strays++
		}
		for n, rule := range rules {
			if r.set.Alone(id(rule)) {
				b.found = append(b.found, match(b, rule, i, s.Findings(n)))
			}
			if r.follows && id(rule) != "" {
				e, err := fastjson.ParseBytes(data)
				if err != nil {
					continue // it matched, so that it is JSON
				}
				b.seen = append(b.seen, seen{rule, b.first + int64(i), p.line, correlate.JSON(e)})
			}
		}
	}
	b.buf = nil
}

func id(r *sigma.Rule) string { return cmp.Or(r.ID, r.Name) }

func match(b *batch, rule *sigma.Rule, i int, of []sigma.Finding) Match {
	return Match{Event: b.first + int64(i), File: b.file, Line: b.events[i].line, RuleID: rule.ID, Title: rule.Title, Level: rule.Level, Tags: append([]string{}, rule.Tags...), Fields: Found(of)}
}

// collect tells what was found, in the order of the batches.
func (r *Rules) collect(order chan *batch, to Sink) (Stats, error) {
	var stats Stats
	c := r.following(&stats)
	for b := range order {
		<-b.done
		stats.Events += int64(len(b.events))
		stats.Bad += int64(len(b.bad))
		stats.Unknown += b.strays
		stats.Followed += int64(len(b.seen))
		slices.SortStableFunc(b.bad, func(x, y eventfile.Problem) int { return cmp.Compare(place(x), place(y)) })
		for _, p := range b.bad {
			to.Bad(b.file, p)
		}
		for _, m := range b.found {
			stats.Matches++
			if err := to.Match(m); err != nil {
				return stats, err
			}
		}
		for _, x := range b.seen {
			c.add(r, b.file, x)
		}
	}
	return stats, c.finish(&stats, to)
}

// place is the line of a problem; what is of a whole file comes last.
func place(p eventfile.Problem) int {
	if p.Line == 0 {
		return math.MaxInt
	}
	return p.Line
}

// following is the correlations of a run. Files stand in any order, so that
// nothing is decided before the last is read.
type following struct {
	c      *correlate.Correlator
	places map[string]seenAt
	called map[asked][]string
}

// asked is a field of a rule.
type asked struct {
	rule *sigma.Rule
	name string
}

// names is what the events of a rule's routes call a field.
func (f *following) names(table *route.Table, rule *sigma.Rule, name string) []string {
	if table == nil {
		return nil
	}
	key := asked{rule, name}
	list, known := f.called[key]
	if !known {
		list = table.Names(rule, name)
		f.called[key] = list
	}
	return list
}

type seenAt struct {
	file string
	line int
}

func (r *Rules) following(stats *Stats) *following {
	return &following{places: map[string]seenAt{}, called: map[asked][]string{}, c: correlate.New(r.set, correlate.Options{Lateness: correlate.Unbounded, Lost: func(correlate.Loss) { stats.Lost++ }})}
}

func (f *following) add(r *Rules, file string, x seen) {
	number := strconv.FormatInt(x.event, 10)
	f.places[number] = seenAt{file, x.line}
	f.c.Add(correlate.Match{Rule: id(x.rule), Time: x.of.when(), ID: number, Field: func(name string) (string, bool) {
		if v, ok := x.of(name); ok {
			return v, true
		}
		for _, other := range f.names(r.table, x.rule, name) {
			if v, ok := x.of(other); ok {
				return v, true
			}
		}
		return "", false
	}})
}

func (f *following) finish(stats *Stats, to Sink) error {
	for _, h := range f.c.Finish() {
		stats.Matches++
		if err := to.Match(f.match(h)); err != nil {
			return err
		}
	}
	return nil
}

func (f *following) match(h correlate.Hit) Match {
	c := h.Correlation
	m := Match{Event: -1, RuleID: c.ID, Title: c.Title, Level: c.Level, Tags: append([]string{}, c.Tags...), Fields: map[string]any{},
		Correlation: &Held{Group: map[string]string{}, Start: h.Start.UTC(), End: h.End.UTC(), Value: h.Value, Events: []int64{}, More: h.More}}
	for _, g := range h.Group {
		if !g.IsMissing {
			m.Correlation.Group[g.Name], m.Fields[g.Name] = g.Value, g.Value
		}
	}
	for _, number := range h.Events {
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			continue
		}
		m.Correlation.Events = append(m.Correlation.Events, n)
		m.Event, m.File, m.Line = n, f.places[number].file, f.places[number].line
	}
	return m
}
