package alerts

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// fetched is an event as the store gives it.
type fetched struct {
	id     string
	time   time.Time
	source string
	fields []logs.Field // by name
}

// noStore is the answer where events are asked for and there are none.
func noStore() error {
	return fault.New(fault.Unavailable, "there is no event engine here").Coded("case.no-store").WithHint("start the server with events turned on")
}

// fetch reads events by their ids, from a moment to another with a day around
// them: clocks are wrong, and an id is found whatever its time.
func (d *Desk) fetch(ctx context.Context, org string, ids []string, from, to time.Time) ([]fetched, error) {
	if d.Logs == nil {
		return nil, noStore()
	}
	var out []fetched
	for part := range slices.Chunk(ids, 100) {
		var any []string
		for _, id := range part {
			any = append(any, logs.Is(event.FieldID, id))
		}
		q := logs.Query{Org: org, Text: strings.Join(any, " or "), Limit: len(part)}
		if !from.IsZero() && !to.IsZero() {
			q.From, q.To = from.Add(-24*time.Hour), to.Add(24*time.Hour)
		}
		_, err := d.Logs.Rows(ctx, q, func(r logs.Row) error {
			f := fetched{id: r.Get(event.FieldID), time: r.Time, source: r.Get(event.FieldSource), fields: slices.Clone(r.Fields)}
			slices.SortFunc(f.fields, func(a, b logs.Field) int { return strings.Compare(a.Name, b.Name) })
			out = append(out, f)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// line is an event as one JSON object with its fields by name: what is pinned.
func (f fetched) line() string {
	doc := map[string]string{}
	for _, x := range f.fields {
		doc[x.Name] = x.Value
	}
	data, _ := json.Marshal(doc) // of texts
	return string(data)
}

// PinEvents keeps events of the store with a case, found by their ids.
func (d *Desk) PinEvents(ctx context.Context, caller catalog.Caller, name, note string, ids []string, from, to time.Time) (int, error) {
	list, err := d.fetch(ctx, caller.Org, ids, from, to)
	if err != nil {
		return 0, err
	}
	if len(list) == 0 {
		return 0, fault.New(fault.NotFound, "the store has none of these events any more").Coded("case.gone")
	}
	var pins []*Pinned
	for _, f := range list {
		pins = append(pins, &Pinned{Event: f.id, Time: f.time, Source: f.source, Line: f.line()})
	}
	return d.Pin(ctx, caller, name, note, pins)
}

// elsewhere is where an indicator was seen beside a case.
type elsewhere struct {
	N           int64
	First, Last time.Time
}

// lookback is how far back indicators are looked for.
const lookback = 90 * 24 * time.Hour

// question is the LogsQL that finds an indicator.
func (i Indicator) question() string {
	parts := []string{logs.Has("_msg", i.Value)}
	for _, f := range indicatorFields[i.Type] {
		parts = append(parts, logs.Is(f, i.Value))
	}
	return "(" + strings.Join(parts, " or ") + ")"
}

// seenElsewhere counts the events with an indicator in 90 days, outside of the
// time of the case.
func (d *Desk) seenElsewhere(ctx context.Context, org string, i Indicator, began, now time.Time) (elsewhere, error) {
	var out elsewhere
	if d.Logs == nil {
		return out, noStore()
	}
	q := logs.Query{Org: org, Text: i.question() + " | stats count() n, min(_time) first, max(_time) last", From: now.Add(-lookback), To: began}
	_, err := d.Logs.Rows(ctx, q, func(r logs.Row) error {
		out.N, _ = strconv.ParseInt(r.Get("n"), 10, 64)
		out.First, _ = time.Parse(time.RFC3339Nano, r.Get("first"))
		out.Last, _ = time.Parse(time.RFC3339Nano, r.Get("last"))
		return nil
	})
	return out, err
}
