package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// eventQuestion is the body of a question that is too long for an address.
type eventQuestion struct {
	Query   string    `json:"query,omitempty" doc:"The question; every event when it is not given."`
	Exact   bool      `json:"exact,omitempty" doc:"The question is LogsQL as it stands; else words alone are looked for in all fields."`
	From    time.Time `json:"from,omitzero" doc:"Of events at or after this moment."`
	To      time.Time `json:"to,omitzero" doc:"Of events before this moment."`
	Limit   int64     `json:"limit,omitempty" doc:"Rows at most; 1000 when it is not given, all when it is -1."`
	Offset  int64     `json:"offset,omitempty" doc:"Rows that are passed over."`
	Partial bool      `json:"partial,omitempty" doc:"Take what the nodes of a cluster have that answer, when some do not."`
	As      string    `json:"as,omitempty" doc:"fields, event or stored."`
}

type eventSeries struct {
	Query   string       `json:"query" doc:"The question in LogsQL."`
	Step    float64      `json:"step" doc:"Seconds."`
	Series  []series     `json:"series" doc:"The most frequent values first; the rest has no value."`
	Outcome eventOutcome `json:"outcome"`
}

type series struct {
	Value  string  `json:"value,omitempty"`
	Total  int64   `json:"total"`
	Counts []int64 `json:"counts" doc:"Of the steps since start."`
	// Start is of the first step.
	Start time.Time `json:"start" doc:"When the first step begins."`
}

type eventFields struct {
	Query   string       `json:"query" doc:"The question in LogsQL."`
	Fields  []eventField `json:"fields"`
	Outcome eventOutcome `json:"outcome"`
}

type eventField struct {
	Field  string       `json:"field"`
	Hits   int64        `json:"hits,omitempty" doc:"How many events have the field, when values were not asked for."`
	Values []eventValue `json:"values,omitempty" doc:"The most frequent first."`
}

type eventValue struct {
	Value string `json:"value"`
	Hits  int64  `json:"hits"`
}

// eventOutcome says how an answer came about.
type eventOutcome struct {
	Query   string `json:"query,omitempty" doc:"The question in LogsQL."`
	Rows    int64  `json:"rows"`
	Read    int64  `json:"read,omitempty" doc:"Events that were looked at."`
	Bytes   int64  `json:"bytes,omitempty" doc:"That were read for it."`
	TookMS  int64  `json:"tookMs"`
	Limited bool   `json:"limited,omitempty" doc:"There are more rows than the limit."`
	Partial bool   `json:"partial,omitempty" doc:"Nodes of the cluster did not answer: there may be more."`
}

func outcomeOf(o logs.Outcome) eventOutcome {
	return eventOutcome{Rows: o.Rows, Read: o.Read, Bytes: o.Bytes, TookMS: o.Took.Milliseconds(), Limited: o.Limited, Partial: o.Partial}
}

// Ways to give a row.
const (
	asFields = "fields"
	asEvent  = "event"
	asStored = "stored"
)

// eventOps are those over what machines said.
func (a *API) eventOps(s schemas) []operation {
	if a.Logs == nil {
		return nil
	}
	security := resource{Room: auth.Security}
	asked := []param{
		text("query", "Words, field:value, or LogsQL; every event when it is not given."), flag("exact", "The question is LogsQL as it stands; else words alone are looked for in all fields."),
		moment("from", "Of events at or after this moment."), moment("to", "Of events before this moment."), flag("partial", "Take what the nodes of a cluster have that answer, when some do not."),
	}
	rows := []answer{{status: 200, doc: "Rows, the newest first unless the question sorts. The last line has the one member _outcome, or _problem when the answer broke off.", types: []string{ndjsonType}, schema: schema{"type": "object"}}}
	return tagged("events", []operation{
		{method: "GET", path: "/events", id: "listEvents", summary: "Find events, or what a question makes of them", verb: auth.Read, resource: security, stream: true,
			doc: "One JSON object a line. Fields are texts, as the store has them; as=event gives each event whole.",
			query: append(asked, number("limit", "Rows at most; without it 1000, all when it is -1.", -1, 1<<40), number("offset", "Rows that are passed over.", 0, 1<<40),
				choice("as", "fields (the usual one), event, or stored: fields with those from which the event can be put together again.", asFields, asEvent, asStored)),
			handle: (*call).listEvents, answers: rows},
		{method: "POST", path: "/events/query", id: "queryEvents", summary: "Find events by a long question", verb: auth.Read, resource: security, stream: true, maxBody: 4 << 20,
			doc: "The same as a body.", body: &body{types: []string{jsonType, yamlType}, schema: s.typed(eventQuestion{}), doc: "The question."}, handle: (*call).queryEvents, answers: rows},
		{method: "GET", path: "/events/hits", id: "countEvents", summary: "Count events over time", verb: auth.Read, resource: security, timeout: exportTimeout,
			query:  append(asked, text("step", "How long a step is, as 15m or 1h; about a hundredth of the time when it is not given."), text("field", "Count for each value of this field."), number("limit", "How many values; the rest is counted together.", 1, 1000)),
			handle: (*call).countEvents, answers: []answer{{status: 200, doc: "The counts.", types: objectTypes, schema: s.typed(eventSeries{})}}},
		{method: "GET", path: "/events/fields", id: "listEventFields", summary: "List the fields of events, and their values", verb: auth.Read, resource: security, timeout: exportTimeout,
			query:  append(asked, text("field", "The values of this field only."), number("values", "How many values of each field; none when it is not given.", 1, 10_000)),
			handle: (*call).listEventFields, answers: []answer{{status: 200, doc: "The fields by name, or one with its values.", types: objectTypes, schema: s.typed(eventFields{})}}},
	})
}

// question is the question that the parameters ask.
func (c *call) question() eventQuestion {
	return eventQuestion{Query: c.get("query"), Exact: c.flag("exact"), From: c.moment("from"), To: c.moment("to"), Limit: c.number("limit", 0), Offset: c.number("offset", 0), Partial: c.flag("partial"), As: c.get("as")}
}

// query is a question as the store reads it.
func (c *call) query(q eventQuestion) (logs.Query, error) {
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return logs.Query{}, badParam("to", "is a moment after from")
	}
	out := logs.Query{Org: c.caller.Org, Text: q.Query, From: q.From, To: q.To, Offset: int(q.Offset), Partial: q.Partial}
	if q.Limit >= 0 {
		out.Limit = int(q.Limit)
		if out.Limit == 0 {
			out.Limit = 1000
		}
	}
	if q.Exact {
		return out, c.Logs.Check(q.Query)
	}
	return logs.Translate(c.r.Context(), c.Logs, out)
}

func (c *call) listEvents() error { return c.sendEvents(c.question()) }

func (c *call) queryEvents() error {
	var q eventQuestion
	if err := c.into(&q); err != nil {
		return err
	}
	switch q.As {
	case "", asFields, asEvent, asStored:
	default:
		return badParam("as", "is fields, event or stored")
	}
	if q.Limit < -1 || q.Offset < 0 {
		return badParam("limit", "is a number of rows, or -1 for all")
	}
	return c.sendEvents(q)
}

func (c *call) sendEvents(asked eventQuestion) error {
	if _, err := c.accept([]string{ndjsonType}); err != nil {
		return err
	}
	q, err := c.query(asked)
	if err != nil {
		return err
	}
	out := rowWriter{call: c, as: asked.As}
	outcome, err := c.Logs.Rows(c.r.Context(), q, out.row)
	if err != nil && !out.begun {
		return err
	}
	if err != nil {
		return out.line(map[string]any{"_problem": ProblemOf(c.r, err)})
	}
	told := outcomeOf(outcome)
	told.Query = q.Text
	return out.line(map[string]any{"_outcome": told})
}

// rowWriter writes rows, one a line.
type rowWriter struct {
	*call
	as      string
	begun   bool
	buf     []byte
	flushed time.Time
}

func (w *rowWriter) begin() {
	if !w.begun {
		w.begun, w.flushed = true, time.Now()
		w.w.Header().Set("Content-Type", ndjsonType)
		w.w.WriteHeader(http.StatusOK)
	}
}

func (w *rowWriter) row(r logs.Row) error {
	w.begin()
	w.buf = w.buf[:0]
	if w.as == asEvent {
		w.buf = logs.AppendEvent(w.buf, logs.Event(r))
	} else {
		w.buf = r.AppendJSON(w.buf, w.as == asStored)
	}
	if _, err := w.w.Write(append(w.buf, '\n')); err != nil {
		return err
	}
	if time.Since(w.flushed) > time.Second {
		w.flushed = time.Now()
		if err := http.NewResponseController(w.w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
	}
	return nil
}

func (w *rowWriter) line(v any) error {
	w.begin()
	return json.NewEncoder(w.w).Encode(v)
}

func (c *call) countEvents() error {
	q, err := c.query(c.question())
	if err != nil {
		return err
	}
	step := time.Duration(0)
	if text := c.get("step"); text != "" {
		if step, err = time.ParseDuration(text); err != nil || step < time.Millisecond {
			return badParam("step", "is a time as 15m or 1h")
		}
	} else if step, err = c.usualStep(&q); err != nil {
		return err
	}
	list, outcome, err := c.Logs.Hits(c.r.Context(), q, step, c.get("field"), int(c.number("limit", 10)))
	if err != nil {
		return err
	}
	out := eventSeries{Query: q.Text, Step: step.Seconds(), Series: []series{}, Outcome: outcomeOf(outcome)}
	for _, s := range list {
		out.Series = append(out.Series, series{Value: s.Value, Total: s.Total, Counts: s.Counts, Start: s.Start[0]})
	}
	return c.send(http.StatusOK, out)
}

// usualStep is a step of which about a hundred are in the time that is asked
// about, which is set where it is open.
func (c *call) usualStep(q *logs.Query) (time.Duration, error) {
	if q.To.IsZero() {
		q.To = time.Now()
	}
	if q.From.IsZero() {
		q.From = q.To.Add(-24 * time.Hour)
	}
	if !q.From.Before(q.To) {
		return 0, fault.New(fault.Invalid, "The time ends before it begins.")
	}
	for _, step := range []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 12 * time.Hour} {
		if q.To.Sub(q.From)/step <= 120 {
			return step, nil
		}
	}
	return 24 * time.Hour, nil
}

func (c *call) listEventFields() error {
	q, err := c.query(c.question())
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	out := eventFields{Query: q.Text, Fields: []eventField{}}
	var outcome logs.Outcome
	values := int(c.number("values", 0))
	switch field := c.get("field"); {
	case field != "":
		var list []logs.Value
		list, outcome, err = c.Logs.Values(ctx, q, field, max(values, 100))
		out.Fields = []eventField{{Field: field, Values: eventValues(list)}}
	case values > 0:
		var list []logs.Facet
		list, outcome, err = c.Logs.Facets(ctx, q, values)
		for _, f := range list {
			out.Fields = append(out.Fields, eventField{Field: f.Field, Values: eventValues(f.Values)})
		}
	default:
		var list []logs.Value
		list, outcome, err = c.Logs.Fields(ctx, q)
		for _, v := range list {
			out.Fields = append(out.Fields, eventField{Field: v.Text, Hits: v.Hits})
		}
	}
	if err != nil {
		return err
	}
	out.Outcome = outcomeOf(outcome)
	return c.send(http.StatusOK, out)
}

func eventValues(list []logs.Value) []eventValue {
	out := []eventValue{}
	for _, v := range list {
		out = append(out, eventValue{v.Text, v.Hits})
	}
	return out
}
