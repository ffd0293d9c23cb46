package hunt

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// memory is a store of rows in memory that understands words and terms alone.
type memory struct {
	logs.Store
	mu      sync.Mutex
	rows    map[string][]logs.Row // by organisation, the newest first
	delay   time.Duration
	fail    error
	partial bool
	asked   []logs.Query
	ended   int // questions whose asker went away
}

func (m *memory) find(ctx context.Context, q logs.Query) ([]logs.Row, error) {
	m.mu.Lock()
	m.asked = append(m.asked, q)
	m.mu.Unlock()
	select {
	case <-time.After(m.delay):
	case <-ctx.Done():
		m.mu.Lock()
		m.ended++
		m.mu.Unlock()
		return nil, ctx.Err()
	}
	if m.fail != nil {
		return nil, m.fail
	}
	var out []logs.Row
	text, _, _ := strings.Cut(q.Text, "|")
	for _, r := range m.rows[q.Org] {
		if (q.From.IsZero() || !r.Time.Before(q.From)) && (q.To.IsZero() || r.Time.Before(q.To)) && meets(r, text) {
			out = append(out, r)
		}
	}
	return out, nil
}

func meets(r logs.Row, text string) bool {
	at := read(text)
	for _, t := range at.terms {
		got := r.Get(t.Field)
		if is := t.Exact && got == t.Value || !t.Exact && strings.Contains(got, t.Value); is == t.Not {
			return false
		}
		text = strings.Replace(text, text[t.from:t.to], strings.Repeat(" ", t.to-t.from), 1)
	}
	for _, word := range strings.Fields(text) {
		found := word == "*"
		for _, f := range r.Fields {
			found = found || strings.Contains(strings.ToLower(f.Value), strings.ToLower(word))
		}
		if !found {
			return false
		}
	}
	return true
}

func (m *memory) outcome(n int) logs.Outcome {
	return logs.Outcome{Rows: int64(n), Read: 38_400_000, Bytes: 2_100_000_000, Took: 412 * time.Millisecond, Partial: m.partial}
}

func (m *memory) Rows(ctx context.Context, q logs.Query, row func(logs.Row) error) (logs.Outcome, error) {
	list, err := m.find(ctx, q)
	if err != nil {
		return logs.Outcome{}, err
	}
	list = list[min(q.Offset, len(list)):]
	for i, r := range list {
		if q.Limit > 0 && i == q.Limit {
			break
		}
		if err := row(r); err == logs.Stop {
			break
		} else if err != nil {
			return logs.Outcome{}, err
		}
	}
	return m.outcome(len(list)), nil
}

func (m *memory) tally(ctx context.Context, q logs.Query, step time.Duration, by string) (*tally, error) {
	list, err := m.find(ctx, q)
	if err != nil {
		return nil, err
	}
	t := newTally(question{span: span{From: q.From, To: q.To}, step: max(step, time.Second), by: by})
	for _, r := range list {
		t.add(r)
	}
	return t, nil
}

func (m *memory) Hits(ctx context.Context, q logs.Query, step time.Duration, by string, _ int) ([]logs.Series, logs.Outcome, error) {
	t, err := m.tally(ctx, q, step, by)
	if err != nil {
		return nil, logs.Outcome{}, err
	}
	return t.series(), m.outcome(0), nil
}

func (m *memory) Facets(ctx context.Context, q logs.Query, values int) ([]logs.Facet, logs.Outcome, error) {
	t, err := m.tally(ctx, q, 0, "")
	if err != nil {
		return nil, logs.Outcome{}, err
	}
	return t.facets(values), m.outcome(0), nil
}

func (m *memory) Fields(ctx context.Context, q logs.Query) ([]logs.Value, logs.Outcome, error) {
	t, err := m.tally(ctx, q, 0, "")
	if err != nil {
		return nil, logs.Outcome{}, err
	}
	return t.fields(), m.outcome(0), nil
}

func (m *memory) Values(ctx context.Context, q logs.Query, field string, limit int) ([]logs.Value, logs.Outcome, error) {
	t, err := m.tally(ctx, q, 0, "")
	if err != nil {
		return nil, logs.Outcome{}, err
	}
	return t.values(field, limit), m.outcome(0), nil
}

func (m *memory) Check(string) error { return nil }

func (m *memory) Usage(context.Context) (logs.Usage, error) { return logs.Usage{}, nil }

// row makes a row of names and values in turn.
func row(at time.Time, pairs ...string) logs.Row {
	r := logs.Row{Time: at, Fields: []logs.Field{{Name: "_time", Value: stamp(at)}}}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Fields = append(r.Fields, logs.Field{Name: pairs[i], Value: pairs[i+1]})
	}
	return r
}

// cloud is a day of a cloud account: a key is used by its runners, and in the
// night from elsewhere.
func cloud(now time.Time) []logs.Row {
	var out []logs.Row
	add := func(ago time.Duration, id, action, from, outcome string, more ...string) {
		out = append(out, row(now.Add(-ago), append([]string{event.FieldID, id, event.FieldSource, "cloud", event.FieldFormat, "cloudtrail", "_msg", action + " by svc-deploy", event.Action, action, event.User, "svc-deploy",
			event.SourceIP, from, event.Outcome, outcome, event.Host, "eu-south-2", "requestParameters.bucketName", "builds", "odd <name>", `<b>"x"</b>`}, more...)...))
	}
	add(10*time.Minute, "e-1", "DeleteAccessKey", "198.51.100.9", "success")
	add(6*time.Hour, "e-2", "GetSecretValue", "203.0.113.77", "failure", event.FieldRules, "r-1 r-2", event.FieldSeen, stamp(now.Add(-5*time.Hour)))
	add(6*time.Hour+time.Minute, "e-3", "GetSecretValue", "203.0.113.77", "failure")
	for i := range 60 {
		add(8*time.Hour+time.Duration(i)*10*time.Minute, "w-"+string(rune('a'+i%26))+string(rune('a'+i/26)), "PutImage", "10.40.8.14", "success")
	}
	return out
}
