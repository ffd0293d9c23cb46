package hunt

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/web"
)

// page is the page of events.
type page struct {
	web.Shell
	Query   string
	And     string
	Keep    []web.Crumb // parameters the form keeps: name and value
	Periods []choice
	Between bool // the stretch is between two moments
	From    string
	To      string
	Zone    string
	Chips   []chip
	Saved   []savedHunt
	SavedN  int
	Save    string // address of the form for a new saved hunt; "" when the reader may not
	Detect  string
	Measure string
	Rule    bool // the query is a Sigma rule

	NoStore bool
	Problem string // what is wrong with the question
	Lines   []string
	Hint    string
	Slow    string // address of the results, while they are under way
	Waiting string // address of the page that waits for them, without script
	Late    bool   // the answer took too long
	Results *results

	Cases   []choice // open ones, that events can be added to
	NewCase string   // address of the form for another; "" when the reader may not
	Export  []choice
	Columns []choice // of the menu
	Fields  int
	Hidden  []web.Crumb // every parameter of the address from the first page on: name and value
}

type choice struct {
	Value, Label, Href string
	Count              int64
	On                 bool
}

type chip struct {
	Field, Value string
	Not          bool
	Href         string // without it
}

// asking is a page under way.
type asking struct {
	*service
	c     *web.Ctx
	state state
	span  span
	zone  *time.Location
	now   time.Time
}

// prepare reads the address.
func (s *service) prepare(c *web.Ctx) (*asking, *page, error) {
	a := &asking{service: s, c: c, zone: c.Zone()}
	var err, bad error
	a.state, bad = readState(c)
	a.now = a.state.now(c.Now)
	if bad == nil {
		a.span, bad = a.stretch(c.R.Context())
	}
	p := a.frame()
	if bad != nil {
		a.refused(p, bad)
	}
	if p.Saved, p.SavedN, err = saved(c); err != nil {
		return nil, nil, err
	}
	return a, p, nil
}

// stretch is the stretch of time that is looked at, closed at both ends.
func (a *asking) stretch(ctx context.Context) (span, error) {
	s, err := spanOf(a.state.Last, a.state.From, a.state.To, a.now, a.zone)
	if err != nil {
		return s, err
	}
	if s.To.IsZero() {
		s.To = a.now
	}
	if s.From.IsZero() {
		s.From = s.To.Add(-24 * time.Hour)
		if a.Store != nil {
			if u, err := a.Store.Usage(ctx); err == nil && !u.Oldest.IsZero() && u.Oldest.Before(s.To) {
				s.From = u.Oldest
			}
		}
	}
	return s.begin(a.zone), nil
}

// frame is what stands around the results.
func (a *asking) frame() *page {
	c := a.c
	p := &page{Query: a.state.Query, And: a.state.And, Between: a.state.From != "" || a.state.To != "", Zone: a.zone.String(), Rule: isRule(a.state.Query), NoStore: a.Store == nil}
	p.Title = c.T("hunt.title")
	for _, last := range periods {
		on := !p.Between && (a.state.Last == last || a.state.Last == "" && last == defaultLast)
		p.Periods = append(p.Periods, choice{Value: last, Label: c.T("hunt.last." + last), On: on})
	}
	if l := a.state.Last; l != "" && !p.Between && !slices.Contains(periods, l) {
		p.Periods = append(p.Periods, choice{Value: l, Label: c.T("hunt.last", l), On: true})
	}
	if !a.span.From.IsZero() {
		p.From, p.To = a.span.From.In(a.zone).Format("2006-01-02T15:04:05"), a.span.To.In(a.zone).Format("2006-01-02T15:04:05")
	}
	for _, name := range a.state.Columns {
		p.Keep = append(p.Keep, web.Crumb{Href: "cols", Label: name})
	}
	for _, kept := range [][2]string{{"by", a.state.By}, {"facet", a.state.Facet}} {
		if kept[1] != "" {
			p.Keep = append(p.Keep, web.Crumb{Href: kept[0], Label: kept[1]})
		}
	}
	asked := a.state.asking()
	if r := read(asked); !r.or {
		for _, t := range r.terms {
			p.Chips = append(p.Chips, chip{Field: called(t.Field), Value: t.Value, Not: t.Not, Href: a.state.ask(without(asked, t)).href("/events")})
		}
	}
	for name, values := range a.state.afresh().values() {
		for _, v := range values {
			p.Hidden = append(p.Hidden, web.Crumb{Href: name, Label: v})
		}
	}
	slices.SortFunc(p.Hidden, func(a, b web.Crumb) int { return strings.Compare(a.Href+"\x00"+a.Label, b.Href+"\x00"+b.Label) })
	a.offer(p)
	return p
}

// offer says what can be made of the question.
func (a *asking) offer(p *page) {
	if a.state.Query == "" {
		return
	}
	kinds := a.c.Catalog().Kinds()
	if k := kinds.Get(KindHunt); k != nil && a.c.CanKind(auth.Write, k) {
		p.Save = a.state.afresh().href("/events/make/hunt")
	}
	if k := kinds.Get("Detection"); k != nil && a.c.CanKind(auth.Write, k) && (p.Rule || read(a.state.Query).sayable()) {
		p.Detect = a.state.afresh().href("/events/make/detection")
	}
	if k := kinds.Get("Measure"); k != nil && a.c.CanKind(auth.Write, k) && !p.Rule {
		p.Measure = a.state.afresh().href("/events/make/measure")
	}
}

// refused shows what is wrong with a question above what can be done.
func (a *asking) refused(p *page, err error) {
	p.Status = fault.KindOf(err).Status()
	p.Problem, p.Hint = a.c.Say(err), a.c.HintOf(err)
	for _, x := range fault.ProblemsOf(err) {
		line := a.c.Problem(x)
		if x.Line > 0 {
			line = a.c.T("hunt.line", x.Line, line)
		}
		if line != p.Problem {
			p.Lines = append(p.Lines, line)
		}
	}
}

// show is the page. An answer that takes long comes after it.
func (s *service) show(c *web.Ctx) (any, error) {
	a, p, err := s.prepare(c)
	if err != nil || p.Problem != "" || p.NoStore {
		return p, err
	}
	limit := s.Patience
	if a.state.Wait {
		limit = min(s.Longest, wholePage)
	}
	err = a.answer(p, limit)
	if errors.Is(err, context.DeadlineExceeded) && !a.state.Wait && c.R.Context().Err() == nil {
		waiting := a.state
		p.Slow = waiting.href("/events/results")
		waiting.Wait = true
		p.Waiting = waiting.href("/events")
		return p, nil
	}
	return p, a.settle(p, err)
}

// results is the part of the page that takes long.
func (s *service) results(c *web.Ctx) (any, error) {
	a, p, err := s.prepare(c)
	if err != nil {
		return nil, err
	}
	if p.Fragment = "hunt-answer"; p.Problem != "" || p.NoStore {
		p.Status = 0 // htmx takes in what is no error
		return p, nil
	}
	err = a.settle(p, a.answer(p, s.Longest))
	if p.Status != 0 && c.HTMX() {
		p.Status = 0
	}
	return p, err
}

// settle tells what kept an answer from coming where the reader can do something
// about it.
func (a *asking) settle(p *page, err error) error {
	switch {
	case err == nil:
		return nil
	case a.c.R.Context().Err() != nil:
		return err // nobody waits for it
	case errors.Is(err, context.DeadlineExceeded):
		p.Late = true
		return nil
	case fault.KindOf(err) == fault.Internal || fault.KindOf(err) == fault.Forbidden:
		return err
	}
	a.refused(p, err)
	return nil
}

// answer asks, and puts what is found on the page.
func (a *asking) answer(p *page, limit time.Duration) error {
	leave, err := a.gate.enter(a.c.Caller.Org)
	if err != nil {
		return err
	}
	defer leave()
	ctx, stop := within(a.c, limit)
	defer stop()
	q, err := a.question(ctx)
	var got *answer
	if err == nil {
		got, err = ask(ctx, a.Store, q)
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // whatever the engine made of it
	}
	if err != nil {
		return err
	}
	anything := true
	if got.Total == 0 {
		none, _, err := found(ctx, a.Store, logs.Query{Org: q.org, Limit: 1})
		anything = err != nil || len(none) > 0
	}
	return a.draw(p, q, got, anything)
}

// question is what the store is asked.
func (a *asking) question(ctx context.Context) (question, error) {
	q := question{org: a.c.Caller.Org, span: a.span, step: a.span.step(), by: a.state.By, facet: a.state.Facet, offset: a.state.Offset}
	var err error
	if isRule(a.state.Query) {
		if q.rule, err = paste(a.state.Query); err != nil {
			return q, err
		}
	}
	asked := logs.Query{Org: q.org, Text: a.state.asking(), From: q.span.From, To: q.span.To, Partial: true}
	if asked, err = logs.Translate(ctx, a.Store, asked); err != nil {
		return q, unread(err)
	}
	if q.text = asked.Text; q.rule != nil {
		q.text = q.rule.narrow(q.text)
	}
	return q, nil
}

// unread is what is told of a question that the engine cannot read.
func unread(err error) error {
	if !fault.Is(err, fault.Invalid) {
		return err
	}
	told := fault.New(fault.Invalid, "the question cannot be read").Coded("hunt.question").WithHint("compare it with LogsQL; a text with spaces or signs goes between quotes")
	for _, p := range fault.ProblemsOf(err) {
		told = told.With(fault.Problem{Line: p.Line, Column: p.Column, Code: "hunt-question", Msg: p.Msg, Args: []string{p.Msg}})
	}
	return told
}

// called is what people call a field.
func called(field string) string {
	if field == "_msg" {
		return event.Message
	}
	return field
}
