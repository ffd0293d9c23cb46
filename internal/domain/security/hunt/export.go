package hunt

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/web"
)

// longestExport is how long a file may take to be written.
const longestExport = 10 * time.Minute

// export writes what is found as a file, the newest first, up to exportRows.
func (s *service) export(c *web.Ctx) (any, error) {
	if s.Store == nil {
		return nil, fault.New(fault.Unavailable, "no events are kept here").Coded("hunt.no-store")
	}
	a := &asking{service: s, c: c, zone: c.Zone()}
	var err error
	if a.state, err = readState(c); err != nil {
		return nil, err
	}
	a.now = a.state.now(c.Now)
	if a.span, err = a.stretch(c.R.Context()); err != nil {
		return nil, err
	}
	q, err := a.question(c.R.Context())
	if err != nil {
		return nil, err
	}
	q.offset = 0
	leave, err := s.gate.enter(c.Caller.Org)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("events-%s", a.span.To.UTC().Format("20060102T150405Z"))
	switch c.Param("as") {
	case "jsonl", "":
		return web.File{Name: name + ".jsonl", Type: "application/x-ndjson", Write: func(w http.ResponseWriter) error {
			defer leave()
			return a.write(w, q, jsonLines(w))
		}}, nil
	case "csv":
		return web.File{Name: name + ".csv", Type: "text/csv; charset=utf-8", Write: func(w http.ResponseWriter) error {
			defer leave()
			return a.writeTable(w, q)
		}}, nil
	}
	leave()
	return nil, fault.New(fault.Invalid, "there is no format %q", c.Param("as")).Coded("hunt.format").WithHint("use jsonl or csv")
}

// exportColumns are those of a table that is written: nobody sees yet which
// would fit.
func (a *asking) exportColumns() []string {
	if len(a.state.Columns) > 0 {
		return a.state.Columns
	}
	return append(slices.DeleteFunc(slices.Clone(fitting), func(name string) bool { return name == what }), event.Action, "_msg")
}

// limitTrailer says behind a file whether there was more to be had: more rows than
// a file may have, more events than a rule may be tried on, or some that a part of
// the store did not tell of.
const limitTrailer = "Binnacle-Limited"

func (a *asking) write(w http.ResponseWriter, q question, row func(logs.Row) error) error {
	ctx, stop := context.WithTimeout(a.c.R.Context(), longestExport)
	defer stop()
	w.Header().Set("Trailer", limitTrailer)
	n := 0
	limited := func(r logs.Row) error {
		if n++; n > exportRows {
			return logs.ErrStop
		}
		return row(r)
	}
	var err error
	got := &answer{}
	if q.rule != nil {
		err = q.rule.matches(ctx, a.Store, q, got, limited)
	} else {
		got.Outcome, err = a.Store.Rows(ctx, q.store(exportRows+1, 0), limited)
	}
	w.Header().Set(limitTrailer, fmt.Sprint(n > exportRows || got.Cut || got.Outcome.Partial))
	return err
}

// writeTable writes what is found as CSV.
func (a *asking) writeTable(w http.ResponseWriter, q question) error {
	out, columns := csv.NewWriter(w), a.exportColumns()
	head := []string{"_time"}
	for _, name := range columns {
		head = append(head, web.Harmless(name))
	}
	if err := out.Write(head); err != nil {
		return err
	}
	err := a.write(w, q, func(r logs.Row) error {
		record := []string{stamp(r.Time)}
		for _, name := range columns {
			record = append(record, web.Harmless(r.Get(name)))
		}
		return out.Write(record)
	})
	out.Flush()
	return cmp.Or(err, out.Error())
}

// jsonLines writes the line of each event, with its time, source and id.
func jsonLines(w http.ResponseWriter) func(logs.Row) error {
	return func(r logs.Row) error {
		e := logs.Event(r)
		head := map[string]any{"_time": stamp(r.Time)}
		for name, value := range map[string]string{event.FieldID: e.ID, event.FieldSource: e.Source, event.FieldFormat: e.Format} {
			if value != "" {
				head[name] = value
			}
		}
		if len(e.Rules) > 0 {
			head[event.FieldRules] = e.Rules
		}
		data, err := json.Marshal(head)
		if err != nil {
			return err
		}
		if body := e.Line; len(body) > 2 {
			data = append(append(data[:len(data)-1], ','), body[1:]...)
		}
		_, err = w.Write(append(data, '\n'))
		return err
	}
}
