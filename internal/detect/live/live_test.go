package live

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// memory is a store that keeps events in memory. It knows two questions: every
// event, and those that some rules matched.
type memory struct {
	logs.Store
	mu     sync.Mutex
	events map[string]event.Event
}

func (m *memory) Add(_ context.Context, org string, events []event.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.events == nil {
		m.events = map[string]event.Event{}
	}
	for _, ev := range events {
		ev.Line, ev.Rules = slices.Clone(ev.Line), slices.Clone(ev.Rules)
		m.events[org+"/"+ev.ID] = ev
	}
	return nil
}

func (m *memory) Usage(context.Context) (u logs.Usage, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ev := range m.events {
		if u.Oldest.IsZero() || ev.Time.Before(u.Oldest) {
			u.Oldest = ev.Time
		}
	}
	return u, nil
}

func (m *memory) Rows(_ context.Context, q logs.Query, row func(logs.Row) error) (logs.Outcome, error) {
	m.mu.Lock()
	var list []event.Event
	for key, ev := range m.events {
		asked := q.Text == "*" || len(ev.Rules) > 0
		if strings.HasPrefix(key, q.Org+"/") && asked && !ev.Time.Before(q.From) && ev.Time.Before(q.To) {
			list = append(list, ev)
		}
	}
	m.mu.Unlock()
	slices.SortFunc(list, func(a, b event.Event) int { return cmp.Or(b.Time.Compare(a.Time), strings.Compare(a.ID, b.ID)) })
	for _, ev := range list {
		if err := row(rowOf(ev)); err != nil {
			return logs.Outcome{}, err
		}
	}
	return logs.Outcome{Rows: int64(len(list))}, nil
}

// rowOf is an event as the engine gives it back: flat, and all of it texts.
func rowOf(ev event.Event) logs.Row {
	r := logs.Row{Time: ev.Time, Fields: []logs.Field{{Name: event.FieldID, Value: ev.ID}, {Name: event.FieldSource, Value: ev.Source}, {Name: event.FieldRules, Value: strings.Join(ev.Rules, " ")}}}
	dec := json.NewDecoder(bytes.NewReader(ev.Line))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		panic(err)
	}
	flatten("", v, &r.Fields)
	return r
}

func flatten(name string, v any, to *[]logs.Field) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			inner := key
			if name != "" {
				inner = name + "." + key
			}
			flatten(inner, v[key], to)
		}
	case nil:
	case []any:
		data, _ := json.Marshal(v)
		*to = append(*to, logs.Field{Name: name, Value: string(data)})
	default:
		*to = append(*to, logs.Field{Name: name, Value: fmt.Sprint(v)})
	}
}

// world is an engine with a clock that is set by hand.
type world struct {
	*Engine
	t       testing.TB
	builtin fs.FS // nil: those that ship
	store   *memory
	now     time.Time
	choices Choices
	bad     []Indicator
	fail    error // of the sink
	told    map[string]detect.Finding
	calls   int
}

func newWorld(t testing.TB, db *sqldb.DB, sets ...Set) *world {
	w := &world{t: t, store: &memory{}, now: time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC), told: map[string]detect.Finding{}}
	w.start(db, sets...)
	return w
}

// start makes an engine that knows what is in the database and the store.
func (w *world) start(db *sqldb.DB, sets ...Set) {
	builtin := w.builtin
	if builtin == nil {
		builtin = content.Detections
	}
	w.Engine = New(Config{DB: db, Store: w.store, Builtin: builtin, Root: "detections", Sets: sets, Now: func() time.Time { return w.now },
		Choices:    func(context.Context, string) (Choices, error) { return w.choices, nil },
		Indicators: func(_ context.Context, _ string, yield func(Indicator) error) error { return w.yield(yield) },
		Sink: func(_ context.Context, list []detect.Finding) error {
			if w.fail != nil {
				return w.fail
			}
			w.calls++
			for _, f := range list {
				w.told[f.Name] = f
			}
			return nil
		}})
}

func (w *world) yield(f func(Indicator) error) error {
	for _, i := range w.bad {
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// look has events come in, and stores them. The memory of their lines is then used for
// something else.
func (w *world) look(events ...event.Event) {
	w.t.Helper()
	came := slices.Clone(events)
	for i := range came {
		came[i].Line = slices.Clone(came[i].Line)
	}
	if err := w.Look(w.t.Context(), "acme", came); err != nil {
		w.t.Fatal(err)
	}
	for i := range came {
		events[i].Rules = came[i].Rules
		copy(came[i].Line, bytes.Repeat([]byte("!"), len(came[i].Line)))
	}
	if err := w.store.Add(w.t.Context(), "acme", events); err != nil {
		w.t.Fatal(err)
	}
}

// later moves the clock on, second by second as Run does.
func (w *world) later(d time.Duration) {
	w.t.Helper()
	for range int(d / time.Second) {
		w.now = w.now.Add(time.Second)
		if err := w.advance(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.repair(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// titles are what was told, sorted.
func (w *world) titles() []string {
	var out []string
	for _, f := range w.told {
		out = append(out, f.Rule.Title)
	}
	slices.Sort(out)
	return out
}

func want(t testing.TB, got []string, want ...string) {
	t.Helper()
	if d := diff.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("want (-) and got (+):\n%s", d)
	}
}

var number int

// sshFailure is a refused sign-in.
func sshFailure(at time.Time, from string) event.Event {
	number++
	return event.Event{ID: fmt.Sprint("ssh-", number), Time: at, Source: "web", Line: fmt.Appendf(nil,
		`{"@timestamp":%q,"host":{"name":"web-1"},"process":{"name":"sshd","pid":%d},"user":{"name":"root"},"source":{"ip":%q,"port":29886},"message":"Failed password for root from %s port 29886 ssh2"}`, at.Format(time.RFC3339Nano), number, from, from)}
}

const bruteForce = "Many SSH sign-ins refused from one address"

// TestPrompt: a correlation is told by the Look whose event completes it, once.
func TestPrompt(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 9 {
		w.look(sshFailure(w.now.Add(time.Duration(i)*time.Second), "198.51.100.23"))
	}
	w.now = w.now.Add(9 * time.Second)
	want(t, w.titles())
	w.look(sshFailure(w.now, "198.51.100.23"))
	want(t, w.titles(), bruteForce)
	for _, f := range w.told {
		if f.Value != 10 || len(f.Events) != 10 || f.Events[9].Source != "web" || f.Events[9].Time != w.now || groupText(f.Group) != `"source.ip"="198.51.100.23"` || f.Late {
			t.Errorf("got %+v", f)
		}
	}
	w.look(sshFailure(w.now.Add(time.Second), "198.51.100.23"))
	w.later(time.Minute)
	want(t, w.titles(), bruteForce)
}

// fetched is an object of 400 MB that somebody fetched from a bucket.
func fetched(at time.Time) event.Event {
	number++
	return event.Event{ID: fmt.Sprint("s3-", number), Time: at, Source: "aws", Line: fmt.Appendf(nil,
		`{"@timestamp":%q,"eventVersion":"1.09","eventSource":"s3.amazonaws.com","eventName":"GetObject","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/ci"},"additionalEventData":{"bytesTransferredOut":400000000},"awsRegion":"eu-west-1"}`, at.Format(time.RFC3339Nano))}
}

// TestBegins: a correlation of more events than a finding names begins with the
// first that counts, not with its window.
func TestBegins(t *testing.T) {
	w := newWorld(t, nil)
	began := w.now
	for i := range 60 {
		w.now = began.Add(time.Duration(i) * 10 * time.Second)
		w.look(fetched(w.now))
	}
	want(t, w.titles(), "Much data is fetched from S3 by one identity")
	for _, f := range w.told {
		if len(f.Events) != mostSeen || f.More != 1 || !f.Start.Equal(began) {
			t.Errorf("%d events and %d more begin at %s, not at %s", len(f.Events), f.More, f.Start, began)
		}
	}
}

// TestRulesOfEvents: events say which rules they matched, also those that only
// feed a correlation.
func TestRulesOfEvents(t *testing.T) {
	w := newWorld(t, nil)
	ev := []event.Event{sshFailure(w.now, "198.51.100.23"), {ID: "x", Line: []byte(`{"message":"nothing"}`), Rules: []string{"old"}}}
	w.look(ev...)
	if !slices.Contains(ev[0].Rules, "e39a03c4-042e-4995-a18e-0fcb1038bece") || len(ev[1].Rules) != 0 {
		t.Errorf("got %q and %q", ev[0].Rules, ev[1].Rules)
	}
	if w.calls != 0 {
		t.Errorf("the sink was called %d times for nothing", w.calls)
	}
}

func stopTrail(at time.Time, user string) event.Event {
	number++
	return event.Event{ID: fmt.Sprint("aws-", number), Time: at, Source: "aws", Line: fmt.Appendf(nil,
		`{"@timestamp":%q,"eventVersion":"1.09","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","userIdentity":{"type":"IAMUser","userName":%q},"sourceIPAddress":"198.51.100.7","awsRegion":"eu-west-1","recipientAccountId":"123456789012"}`, at.Format(time.RFC3339Nano), user)}
}

// TestGrouping: one rule, one group and one window are one finding; a replay
// changes nothing, and a batch that is held back is told once it can be.
func TestGrouping(t *testing.T) {
	w := newWorld(t, nil)
	first := stopTrail(w.now, "eve")
	w.look(first, stopTrail(w.now.Add(time.Minute), "eve"))
	n := len(w.told)
	if n == 0 {
		t.Fatal("nothing was told")
	}
	names := slices.Sorted(maps.Keys(w.told))
	w.look(first)
	if d := diff.Diff(names, slices.Sorted(maps.Keys(w.told))); d != "" {
		t.Errorf("a replay told more:\n%s", d)
	}
	w.look(stopTrail(w.now, "mallory"))
	if len(w.told) != 2*n {
		t.Errorf("another user makes %d findings of %d", len(w.told), n)
	}
	w.look(stopTrail(w.now.Add(time.Hour), "eve"))
	if len(w.told) != 3*n {
		t.Errorf("another hour makes %d findings", len(w.told))
	}
	w.fail = fmt.Errorf("the database is away")
	late := []event.Event{stopTrail(w.now.Add(5*time.Hour), "eve")}
	if err := w.Look(t.Context(), "acme", late); err == nil {
		t.Fatal("a batch passed although the sink failed")
	}
	w.fail = nil
	w.look(late...)
	if len(w.told) != 4*n {
		t.Errorf("after a failure there are %d findings", len(w.told))
	}
}

// TestAbout: a finding says what its event happened to, though the rule does not
// look at it.
func TestAbout(t *testing.T) {
	w := newWorld(t, nil)
	ev := stopTrail(w.now, "ana")
	ev.Line = bytes.Replace(ev.Line, []byte("{"), []byte(`{"github":{"repository":"kestrane/payments"},"orchestrator.resource.name":"payments","service.name":"-",`), 1)
	w.look(ev)
	if len(w.told) == 0 {
		t.Fatal("nothing was told")
	}
	for _, f := range w.told {
		want := []detect.GroupField{{Name: "orchestrator.resource.name", Value: "payments"}, {Name: "github.repository", Value: "kestrane/payments"}}
		if d := diff.Diff(want, f.About); d != "" {
			t.Errorf("want (-) and got (+):\n%s", d)
		}
		if f.Fields["github.repository"] != nil {
			t.Errorf("the rule found %v", f.Fields)
		}
	}
}

// TestHeldBack: a correlation that the sink did not take is told with the next.
func TestHeldBack(t *testing.T) {
	w := newWorld(t, nil)
	var list []event.Event
	for i := range 10 {
		list = append(list, sshFailure(w.now.Add(time.Duration(i)*time.Second), "198.51.100.23"))
	}
	w.now = w.now.Add(10 * time.Second)
	w.fail = fmt.Errorf("the database is away")
	if err := w.Look(t.Context(), "acme", list); err == nil {
		t.Fatal("a batch passed although the sink failed")
	}
	w.fail = nil
	w.look(list...)
	want(t, w.titles(), bruteForce)
}

// TestHeldBackByTables: a correlation that held while the database was away is
// told when it is back, though its events are looked at a second time.
func TestHeldBackByTables(t *testing.T) {
	sqldbtest.Run(t, Migrations(), func(t *testing.T, db *sqldb.DB) {
		w := newWorld(t, db)
		move := func(from, to string) {
			t.Helper()
			if _, err := db.Exec(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
				t.Fatal(err)
			}
		}
		var list []event.Event
		for i := range 10 {
			list = append(list, sshFailure(w.now.Add(time.Duration(i)*time.Second), "198.51.100.23"))
		}
		w.look(list[:9]...)
		w.now = w.now.Add(10 * time.Second)
		move("detection_told", "gone")
		if err := w.Look(t.Context(), "acme", list[9:]); err == nil {
			t.Fatal("a batch passed although the database was away")
		}
		move("gone", "detection_told")
		w.look(list[9:]...)
		want(t, w.titles(), bruteForce)
		w.later(time.Minute)
		want(t, w.titles(), bruteForce)
	})
}

// TestLate: events count at their own time, whether they are seconds late or
// hours.
func TestLate(t *testing.T) {
	for _, late := range []time.Duration{20 * time.Second, 3 * time.Hour} {
		w := newWorld(t, nil)
		began := w.now
		for i := range 9 {
			w.look(sshFailure(w.now.Add(time.Duration(i)*time.Second), "198.51.100.23"))
		}
		w.now = w.now.Add(9 * time.Second)
		w.later(late)
		w.look(sshFailure(w.now, "203.0.113.9")) // time goes on for others
		want(t, w.titles())
		w.look(sshFailure(began.Add(4*time.Second), "198.51.100.23"))
		w.later(40 * time.Second)
		want(t, w.titles(), bruteForce)
		w.later(40 * time.Second)
		want(t, w.titles(), bruteForce)
	}
}

// TestKeepsCopies: the memory of a line that came late is used for something else before
// it is counted, and before it is in the store.
func TestKeepsCopies(t *testing.T) {
	w := newWorld(t, nil)
	began := w.now
	for i := range 9 {
		w.look(sshFailure(w.now.Add(time.Duration(i)*time.Second), "198.51.100.23"))
	}
	w.now = w.now.Add(9 * time.Second)
	w.later(3 * time.Hour)
	w.look(sshFailure(w.now, "203.0.113.9"))
	last := sshFailure(began.Add(4*time.Second), "198.51.100.23")
	if err := w.Look(t.Context(), "acme", []event.Event{last}); err != nil {
		t.Fatal(err)
	}
	copy(last.Line, bytes.Repeat([]byte("!"), len(last.Line)))
	w.later(40 * time.Second)
	want(t, w.titles(), bruteForce)
}

// attack is a stream in which groups hold again and again, with pauses.
func attack(r *rand.Rand, from time.Time, n int, pace time.Duration) []event.Event {
	var out []event.Event
	at := from
	for range n {
		switch r.IntN(60) {
		case 0:
			at = at.Add(time.Duration(r.IntN(900)) * time.Second)
		default:
			at = at.Add(time.Duration(r.Int64N(int64(pace)/1e6)) * time.Millisecond)
		}
		if r.IntN(30) == 0 {
			out = append(out, stopTrail(at, fmt.Sprint("user-", r.IntN(3))))
		} else {
			out = append(out, sshFailure(at, fmt.Sprint("198.51.100.", r.IntN(3))))
		}
	}
	return out
}

func (w *world) stream(list []event.Event) {
	w.t.Helper()
	for _, ev := range list {
		for w.now.Add(time.Second).Before(ev.Time) {
			w.later(time.Second)
		}
		w.now = ev.Time
		w.look(ev)
	}
}

func (w *world) names() []string { return slices.Sorted(maps.Keys(w.told)) }

// TestRestart: a run that is cut anywhere tells exactly what an unbroken one tells.
func TestRestart(t *testing.T) {
	sqldbtest.Run(t, Migrations(), func(t *testing.T, db *sqldb.DB) {
		r := rand.New(rand.NewPCG(7, 1))
		// Two rules alone, so that no more than five minutes are read again of an
		// attack that goes on for hours.
		few := fstest.MapFS{}
		for _, name := range []string{"detections/ssh-brute-force/rule.yml", "detections/aws-cloudtrail-stopped/rule.yml"} {
			data, err := fs.ReadFile(content.Detections, name)
			if err != nil {
				t.Fatal(err)
			}
			few[name] = &fstest.MapFile{Data: data}
		}
		list := attack(r, time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC), 800, 16*time.Second)
		whole := newWorld(t, nil)
		whole.builtin = few
		whole.start(nil)
		whole.stream(list)
		whole.later(time.Minute)
		if len(whole.told) < 10 {
			t.Fatalf("the stream tells only %d findings", len(whole.told))
		}
		for range 3 {
			if _, err := db.Exec(t.Context(), `DELETE FROM detection_told`); err != nil {
				t.Fatal(err)
			}
			cut := newWorld(t, db)
			cut.builtin = few
			cut.start(db)
			at := 1 + r.IntN(len(list)-1)
			cut.stream(list[:at])
			cut.start(db)
			cut.stream(list[at:])
			cut.later(time.Minute)
			if d := diff.Diff(whole.names(), cut.names()); d != "" {
				t.Errorf("cut at %d, an unbroken run (-) and this one (+) tell:\n%s", at, d)
			}
		}
	})
}

// TestPast: a look into the past finds what the stream found.
func TestPast(t *testing.T) {
	list := attack(rand.New(rand.NewPCG(3, 1)), time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC), 500, 20*time.Second)
	w := newWorld(t, nil)
	w.stream(list)
	w.later(time.Minute)
	again := newWorld(t, nil)
	again.store, again.now = w.store, w.now
	again.start(nil)
	steps := 0
	a, err := again.Past(t.Context(), Question{Org: "acme", From: list[0].Time, To: w.now}, func(p Progress) { steps++ })
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range a.Findings {
		names = append(names, f.Name)
		if !f.Late {
			t.Errorf("%s is not marked as found late", f.Name)
		}
	}
	slices.Sort(names)
	if d := diff.Diff(w.names(), names); d != "" {
		t.Errorf("the stream (-) and the past (+):\n%s", d)
	}
	matched := map[string][]string{}
	for _, ev := range w.store.events {
		for _, key := range ev.Rules {
			matched[key] = append(matched[key], ev.ID)
		}
	}
	for key, ids := range matched {
		var got []string
		for _, h := range a.Matched[key] {
			got = append(got, h.ID)
		}
		slices.Sort(ids)
		slices.Sort(got)
		if d := diff.Diff(ids, got); d != "" {
			t.Errorf("rule %s:\n%s", key, d)
		}
	}
	if steps == 0 || a.Events != int64(len(list)) {
		t.Errorf("%d steps over %d events", steps, a.Events)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := again.Past(ctx, Question{Org: "acme", From: list[0].Time, To: w.now}, nil); err == nil {
		t.Error("a look that was given up goes on")
	}
}
