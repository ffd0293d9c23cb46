package hunt

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// slow is a store that can be made slow, broken or partial.
type slow struct {
	logs.Store
	mu      sync.Mutex
	delay   time.Duration
	fail    error
	partial bool
	mute    bool // it does not say what it looked at
	asked   []logs.Query
	ended   int // questions whose asker went away
}

// wait counts a question, and lets it wait.
func (s *slow) wait(ctx context.Context, q logs.Query) error {
	s.mu.Lock()
	s.asked = append(s.asked, q)
	delay, fail := s.delay, s.fail
	s.mu.Unlock()
	select {
	case <-time.After(delay):
		return fail
	case <-ctx.Done():
		s.mu.Lock()
		s.ended++
		s.mu.Unlock()
		return ctx.Err()
	}
}

func (s *slow) told(o logs.Outcome) logs.Outcome {
	o.Partial = o.Partial || s.partial
	if s.mute {
		o.Read, o.Bytes = 0, 0
	}
	return o
}

func (s *slow) Rows(ctx context.Context, q logs.Query, row func(logs.Row) error) (logs.Outcome, error) {
	if err := s.wait(ctx, q); err != nil {
		return logs.Outcome{}, err
	}
	o, err := s.Store.Rows(ctx, q, row)
	return s.told(o), err
}

func (s *slow) Hits(ctx context.Context, q logs.Query, step time.Duration, by string, limit int) ([]logs.Series, logs.Outcome, error) {
	if err := s.wait(ctx, q); err != nil {
		return nil, logs.Outcome{}, err
	}
	list, o, err := s.Store.Hits(ctx, q, step, by, limit)
	return list, s.told(o), err
}

func (s *slow) Facets(ctx context.Context, q logs.Query, values int) ([]logs.Facet, logs.Outcome, error) {
	if err := s.wait(ctx, q); err != nil {
		return nil, logs.Outcome{}, err
	}
	return s.Store.Facets(ctx, q, values)
}

func (s *slow) Fields(ctx context.Context, q logs.Query) ([]logs.Value, logs.Outcome, error) {
	if err := s.wait(ctx, q); err != nil {
		return nil, logs.Outcome{}, err
	}
	return s.Store.Fields(ctx, q)
}

func (s *slow) Values(ctx context.Context, q logs.Query, field string, limit int) ([]logs.Value, logs.Outcome, error) {
	if err := s.wait(ctx, q); err != nil {
		return nil, logs.Outcome{}, err
	}
	return s.Store.Values(ctx, q, field, limit)
}

// store is an event engine of the test's own, with events by organisation.
func store(t *testing.T, events map[string][]event.Event) *slow {
	t.Helper()
	tenants := logs.TenantMap{"default": 1, "other": 2}
	e, err := logs.OpenEmbedded(logs.Options{Folder: filepath.Join(t.TempDir(), "events"), Tenants: tenants, FreeBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	for org, list := range events {
		if err := e.Add(t.Context(), org, list); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &slow{Store: e}
}

// said is an event of names and values in turn.
func said(id string, at time.Time, source string, pairs ...string) event.Event {
	line := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		line[pairs[i]] = pairs[i+1]
	}
	data, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	return event.Event{ID: id, Time: at, Seen: at, Source: source, Format: "cloudtrail", Line: data}
}

// cloud is a day of a cloud account: a key is used by its runners, and in the
// night from elsewhere.
func cloud(now time.Time) []event.Event {
	var out []event.Event
	add := func(ago time.Duration, id, action, from, outcome string) *event.Event {
		out = append(out, said(id, now.Add(-ago), "cloud", "message", action+" by svc-deploy", event.Action, action, event.User, "svc-deploy", event.SourceIP, from, event.Outcome, outcome, event.Host, "eu-south-2",
			"requestParameters.bucketName", "builds", "eventVersion", "1.09", "eventSource", "s3.amazonaws.com", "eventName", action, "odd <name>", `<b>"x"</b>`))
		return &out[len(out)-1]
	}
	add(10*time.Minute, "e-1", "DeleteAccessKey", "198.51.100.9", "success")
	e := add(6*time.Hour, "e-2", "GetSecretValue", "203.0.113.77", "failure")
	e.Rules, e.Seen = []string{"r-1", "r-2"}, now.Add(-5*time.Hour)
	add(6*time.Hour+time.Minute, "e-3", "GetSecretValue", "203.0.113.77", "failure")
	for i := range 60 {
		add(8*time.Hour+time.Duration(i)*10*time.Minute, fmt.Sprintf("w-%d", i), "PutImage", "10.40.8.14", "success")
	}
	return out
}

// lineOf is what a Sigma rule is tried on.
func lineOf(e event.Event) []byte { return []byte(strings.TrimSpace(string(e.Line))) }

// set makes the store slow, and forgets what was asked.
func (s *slow) set(delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay, s.asked, s.ended = delay, nil, 0
}

// count is how many questions were asked, and whose asker went away.
func (s *slow) count() (asked, ended int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked), s.ended
}
