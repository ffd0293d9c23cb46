package hunt

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
)

const (
	pageRows   = 50     // events on a page
	deepestRow = 10_000 // that paging reaches
	facetSize  = 5      // values of a field
	oneFacet   = 40     // values of the field that is looked at
	splits     = 5      // parts of the picture over time, beside the rest
	exportRows = 100_000
)

// question is what a page asks.
type question struct {
	org    string
	text   string  // LogsQL
	rule   *pasted // a Sigma rule that what text finds must match; nil for none
	span   span
	step   time.Duration // of the picture over time
	by     string        // field that the picture over time is split by
	facet  string        // field that is looked at
	offset int
}

func (q question) store(limit, offset int) logs.Query {
	return logs.Query{Org: q.org, Text: q.text, From: q.span.From, To: q.span.To, Limit: limit, Offset: offset, Partial: true}
}

// answer is what was found.
type answer struct {
	Rows    []logs.Row
	More    bool // there are older ones
	Series  []logs.Series
	Facets  []logs.Facet
	Facet   *logs.Facet // the field that is looked at
	Fields  []logs.Value
	Total   int64 // that are found; -1: nobody counted
	Outcome logs.Outcome
	Piped   bool  // the rows are what pipes made of events
	Tried   int64 // events that a rule was tried on
	Cut     bool  // there were more than a rule may be tried on
	Without []part
}

// part is a part of an answer that could not be had.
type part struct {
	Key string // of the text that names it
	Err error
}

// ask answers a question. Rows and counts must come; the rest may fail.
func ask(ctx context.Context, store logs.Store, q question) (*answer, error) {
	if q.rule != nil {
		return q.rule.ask(ctx, store, q)
	}
	a := &answer{Total: -1, Piped: read(q.text).pipe >= 0}
	var rows, counts error
	var group sync.WaitGroup
	var mu sync.Mutex
	soft := func(key string, do func() error) {
		group.Go(func() {
			if err := do(); err != nil {
				mu.Lock()
				a.Without = append(a.Without, part{key, err})
				mu.Unlock()
			}
		})
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var read, counted logs.Outcome
	group.Go(func() {
		if a.Rows, read, rows = found(ctx, store, q.store(pageRows+1, q.offset)); rows != nil {
			stop()
		}
	})
	if !a.Piped {
		group.Go(func() {
			if a.Series, counted, counts = store.Hits(ctx, q.store(0, 0), q.step, q.by, splits); counts != nil {
				stop()
			}
		})
		soft("hunt.without.facets", func() (err error) { a.Facets, _, err = store.Facets(ctx, q.store(0, 0), facetSize); return err })
		soft("hunt.without.fields", func() (err error) { a.Fields, _, err = store.Fields(ctx, q.store(0, 0)); return err })
		if q.facet != "" {
			soft("hunt.without.facet", func() error {
				values, _, err := store.Values(ctx, q.store(0, 0), q.facet, oneFacet)
				a.Facet = &logs.Facet{Field: q.facet, Values: values}
				return err
			})
		}
	}
	group.Wait()
	if err := firstCause(rows, counts); err != nil {
		return nil, err
	}
	a.Outcome = read
	if !a.Piped {
		a.Outcome = together(read, counted)
		a.Total = 0
		for _, s := range a.Series {
			a.Total += s.Total
		}
	}
	a.cut()
	return a, nil
}

// cut takes off the row that only showed that there are more.
func (a *answer) cut() {
	if len(a.Rows) > pageRows {
		a.Rows, a.More = a.Rows[:pageRows], true
	}
}

// firstCause returns the error that made the others: stopping one part stops
// the rest.
func firstCause(errs ...error) error {
	slices.SortStableFunc(errs, func(a, b error) int { return cmp.Compare(echo(a), echo(b)) })
	return errs[0]
}

func echo(err error) int {
	switch {
	case err == nil:
		return 2
	case errors.Is(err, context.Canceled):
		return 1
	}
	return 0
}

// together is how rows and their counts came about: counting looks at every event
// once, which finding the newest need not.
func together(rows, counts logs.Outcome) logs.Outcome {
	return logs.Outcome{Rows: rows.Rows, Read: counts.Read, Bytes: counts.Bytes, Took: max(rows.Took, counts.Took), Partial: rows.Partial || counts.Partial, Limited: rows.Limited}
}

// found gathers rows.
func found(ctx context.Context, store logs.Store, q logs.Query) ([]logs.Row, logs.Outcome, error) {
	var rows []logs.Row
	out, err := store.Rows(ctx, q, func(r logs.Row) error {
		rows = append(rows, r)
		return nil
	})
	return rows, out, err
}

// inner reports whether a field is the engine's or the program's own, and says
// nothing of the event.
func inner(field string) bool {
	switch field {
	case "_time", event.FieldSeen, event.FieldID:
		return true
	}
	return event.Inner(field) || strings.HasPrefix(field, "binnacle.") && field != event.FieldSource && field != event.FieldRules
}

// gate lets an organisation ask so many questions at a time.
type gate struct {
	mu    sync.Mutex
	under map[string]int
}

// atOnce is how many questions of an organisation are answered at a time.
const atOnce = 6

// enter returns what ends a question, or a refusal.
func (g *gate) enter(org string) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.under[org] >= atOnce {
		return nil, &fault.Error{Kind: fault.RateLimited, Code: "hunt.busy", Args: []any{atOnce}, Msg: "your organisation asks as many questions as it may at a time", RetryAfter: 5 * time.Second,
			Hint: "wait until one is answered, or cancel one"}
	}
	if g.under == nil {
		g.under = map[string]int{}
	}
	g.under[org]++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.under[org]--; g.under[org] == 0 {
			delete(g.under, org)
		}
	}, nil
}
