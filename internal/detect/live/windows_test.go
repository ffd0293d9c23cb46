package live

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

// engine is the embedded event engine.
func engine(t testing.TB) *logs.Embedded {
	t.Helper()
	s, err := logs.OpenEmbedded(logs.Options{Folder: filepath.Join(t.TempDir(), "events"), Tenants: logs.TenantMap{"acme": 1}, FreeBytes: 1, Keep: 30 * 365 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// windowsEvents are 11,838 real events, each with its number as id.
func windowsEvents(t testing.TB) []event.Event {
	t.Helper()
	var out []event.Event
	began := time.Now().UTC().Add(-12 * time.Hour)
	for n, line := range testenv.Windows(t) {
		out = append(out, event.Event{ID: fmt.Sprint(n), Time: began.Add(time.Duration(n) * time.Second), Source: "windows", Line: line})
	}
	return out
}

func expectedMatches(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile(testenv.Data(t, "sigma", "windows-12k-expected-routed.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	// Those of the file, and processes that only Security saw being created, which
	// the ready routes know under its names.
	lines := append(strings.Split(strings.TrimSpace(string(data)), "\n"),
		"7411\t502b42de-4306-40b4-9596-6f590c81f073", "11780\t15619216-e993-4721-b590-4c520615a67d", "11780\t9bd04a79-dabe-4f1f-a5ff-92430265c96b")
	slices.Sort(lines)
	return lines
}

// TestSigmaHQ: the rules of SigmaHQ as they are find in the stream what two other
// engines find, and in the past what they find in the stream.
func TestSigmaHQ(t *testing.T) {
	events, expected := windowsEvents(t), expectedMatches(t)
	e := New(Config{Store: engine(t), Builtin: content.Detections, Root: "detections", Sets: []Set{ParseSet(testenv.Data(t, "sigma", "sigmahq-rules.tar.gz") + "?on")}})
	var got []string
	isBuiltin := map[string]bool{}
	lib, err := e.Library()
	if err != nil {
		t.Fatal(err)
	}
	if len(lib.Documents) < 3780 {
		t.Fatalf("only %d rules are there; %v", len(lib.Documents), lib.Problems)
	}
	for _, d := range lib.Documents {
		isBuiltin[d.Key] = d.Origin == Builtin || !strings.Contains(d.Head().File, "rules/")
	}
	line := func(id, rule string) string { return id + "\t" + rule }
	for part := range slices.Chunk(events, 500) {
		if err := e.Look(t.Context(), "acme", part); err != nil {
			t.Fatal(err)
		}
		for _, ev := range part {
			for _, key := range ev.Rules {
				if !isBuiltin[key] {
					got = append(got, line(ev.ID, key))
				}
			}
		}
		if err := e.Store.Add(t.Context(), "acme", part); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(got)
	if d := diff.Diff(expected, got); d != "" {
		t.Fatalf("the expected matches (-) and those of the stream (+):\n%s", d)
	}
	if err := e.Store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, err := e.Past(t.Context(), Question{Org: "acme", From: events[0].Time, To: events[len(events)-1].Time.Add(time.Second)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var past []string
	for key, hits := range a.Matched {
		for _, h := range hits {
			if !isBuiltin[key] {
				past = append(past, line(h.ID, key))
			}
		}
	}
	slices.Sort(past)
	if d := diff.Diff(expected, past); d != "" {
		t.Errorf("the expected matches (-) and those of the past (+):\n%s", d)
	}
	if a.Events != int64(len(events)) || a.Partial {
		t.Errorf("%d events were looked at", a.Events)
	}
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t testing.TB, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

func away(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkLook is the stage with SigmaHQ's rules over real events.
func BenchmarkLook(b *testing.B) {
	events := windowsEvents(b)
	e := New(Config{Builtin: content.Detections, Root: "detections", Sets: []Set{ParseSet(testenv.Data(b, "sigma", "sigmahq-rules.tar.gz") + "?on")}})
	look := func() {
		for part := range slices.Chunk(events, 500) {
			if err := e.Look(b.Context(), "acme", part); err != nil {
				b.Fatal(err)
			}
		}
	}
	look()
	for b.Loop() {
		look()
	}
	b.ReportMetric(float64(len(events)*b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkFound is what becomes of matches, of which there is one in each event.
func BenchmarkFound(b *testing.B) {
	rule := "title: t\nid: 5ffb3b0c-6bd1-4f8d-a1e0-5b6b1f6f3c11\nlogsource: {product: windows}\nlevel: high\ndetection:\n  sel: {EventID: 4688}\n  condition: sel\n"
	e := New(Config{Builtin: fstest.MapFS{"detections/r/rule.yml": {Data: []byte(rule)}}, Root: "detections"})
	var events []event.Event
	for i := range 500 {
		line := fmt.Sprintf(`{"@timestamp":"2026-03-10T09:00:00Z","EventID":4688,"Channel":"Security","Provider_Name":"x","Computer":"pc-%d","TargetUserName":"leila","NewProcessName":"C:\\Windows\\cmd.exe","event.code":"4688","log.channel":"Security"}`, i%10)
		events = append(events, event.Event{ID: fmt.Sprint("e", i), Time: time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC), Source: "windows", Line: []byte(line)})
	}
	e.Sink = func(_ context.Context, found []detect.Finding) error {
		if len(found) != 10 {
			return fmt.Errorf("%d findings", len(found))
		}
		return nil
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Look(b.Context(), "acme", events); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(len(events)*b.N), "µs/event")
}
