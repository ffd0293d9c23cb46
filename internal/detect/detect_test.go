package detect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/ingest/eventfile"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/route"
)

const failed = `title: Failed sign-in
id: 11111111-1111-4111-8111-111111111111
level: low
tags: [attack.t1110]
logsource: {product: linux, service: sshd}
detection:
  sel: {outcome: failure, user.name|endswith: n}
  condition: sel
`

const many = failed + `---
title: Many of one user
id: 22222222-2222-4222-8222-222222222222
level: high
correlation:
  type: event_count
  rules: [11111111-1111-4111-8111-111111111111]
  group-by: [user.name]
  timespan: 1m
  condition: {gte: 3}
`

func prepared(t *testing.T, rules string, table *route.Table) *detect.Rules {
	t.Helper()
	r, err := detect.Prepare(sigma.Parse("rules.yml", []byte(rules)), nil, table)
	if err != nil || len(r.Problems) > 0 {
		t.Fatal(err, r.Problems)
	}
	return r
}

func input(name, text string) detect.Input {
	return detect.Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

// run returns what was found, a line each.
func run(t *testing.T, r *detect.Rules, inputs ...detect.Input) (string, detect.Stats) {
	t.Helper()
	var out []string
	stats, err := r.Run(t.Context(), inputs, detect.Sink{
		Match: func(m detect.Match) error {
			line := fmt.Sprintf("%d %s:%d %s %s %v", m.Event, m.File, m.Line, m.Title, m.Level, m.Fields)
			if c := m.Correlation; c != nil {
				line += fmt.Sprintf(" %s to %s: %v of %v", c.Start.Format("15:04:05"), c.End.Format("15:04:05"), c.Value, c.Events)
			}
			out = append(out, line)
			return nil
		},
		Bad: func(file string, p eventfile.Problem) {
			out = append(out, fmt.Sprintf("%s:%d ! %s", file, p.Line, p.Why))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "\n"), stats
}

func attempt(second int, user, outcome string) string {
	return fmt.Sprintf(`{"@timestamp":"2026-11-28T10:00:%02dZ","user":{"name":%q},"outcome":%q,"n":%d}`+"\n", second, user, outcome, second)
}

func TestRun(t *testing.T) {
	a := attempt(1, "Ann", "failure") + "nonsense\n" + attempt(2, "ben", "success") + "{\"broken\":}\n"
	b := attempt(3, "ben", "failure")
	got, stats := run(t, prepared(t, failed, nil), input("a", a), input("b", b))
	want := "a:2 ! it is no JSON object\na:4 ! "
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s", got)
	}
	for _, line := range []string{"0 a:1 Failed sign-in low map[outcome:failure user.name:Ann]", "3 b:1 Failed sign-in low map[outcome:failure user.name:ben]"} {
		if !strings.Contains(got, line) {
			t.Errorf("there is no %q in\n%s", line, got)
		}
	}
	if diff := cmp.Diff(detect.Stats{Events: 4, Matches: 2, Bad: 2}, stats); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Places without an event are told in the order of the file, whoever finds them.
func TestBadInOrder(t *testing.T) {
	got, _ := run(t, prepared(t, failed, nil), input("a", "{\"broken\":}\nnonsense\n{\"broken\":}\n"))
	var lines []string
	for line := range strings.Lines(got) {
		at, _, _ := strings.Cut(line, " ")
		lines = append(lines, at)
	}
	if diff := cmp.Diff([]string{"a:1", "a:2", "a:3"}, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A correlation counts at the times of events, wherever they stand, and its rule
// is not told on its own.
func TestCorrelation(t *testing.T) {
	a := attempt(30, "ben", "failure") + attempt(59, "ann", "failure")
	b := attempt(10, "ben", "failure") + attempt(20, "ben", "failure") + `{"user":{"name":"ben"},"outcome":"failure"}` + "\n"
	got, stats := run(t, prepared(t, many, nil), input("a", a), input("b", b))
	if want := "0 a:1 Many of one user high map[user.name:ben] 09:59:30 to 10:00:30: 3 of [2 3 0]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if stats.Matches != 1 || stats.Lost != 1 {
		t.Errorf("got %+v", stats)
	}
}

// A correlation about silence is of no event.
func TestSilence(t *testing.T) {
	rules := strings.NewReplacer("{gte: 3}", "{lte: 0}", "1m", "10s").Replace(many)
	got, _ := run(t, prepared(t, rules, nil), input("a", attempt(1, "ben", "success")+attempt(2, "ben", "failure")+attempt(50, "ben", "failure")))
	if want := "-1 :0 Many of one user high map[user.name:ben]"; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, ": 0 of []") {
		t.Errorf("got  %s\nwant %s … 0 of []", got, want)
	}
}

func TestRoutes(t *testing.T) {
	table := &route.Table{Entries: []route.Entry{{Source: sigma.Logsource{Product: "linux", Service: "sshd"}, When: []sigma.Test{{Field: "app", Values: []string{"sshd"}}}, Fields: map[string]string{"user.name": "who"}}}}
	r := prepared(t, many+"---\n"+strings.NewReplacer("1111", "3333", "sshd", "cron", "Failed sign-in", "Elsewhere").Replace(failed), table)
	if len(r.Unrouted) != 1 || r.Unrouted[0].Title != "Elsewhere" || r.Len() != 1 {
		t.Errorf("%d rules run, not %v", r.Len(), r.Unrouted)
	}
	line := func(app string, n int) string {
		return fmt.Sprintf(`{"ts":%d,"app":%q,"who":"ben","outcome":"failure"}`+"\n", 1700000000+n, app)
	}
	got, stats := run(t, r, input("a", line("sshd", 0)+line("su", 1)+line("sshd", 2)+line("sshd", 3)))
	if stats.Unknown != 1 {
		t.Errorf("%d events are of no log that is known, want 1", stats.Unknown)
	}
	if want := "3 a:4 Many of one user high map[user.name:ben] 22:12:23 to 22:13:23: 3 of [0 2 3]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Whatever ends a run early leaves nobody waiting.
func TestRunEnds(t *testing.T) {
	r := prepared(t, failed, nil)
	large := strings.Repeat(attempt(1, "ann", "failure"), 200_000)
	stop := errors.New("stop")
	n := 0
	_, err := r.Run(t.Context(), []detect.Input{input("a", large)}, detect.Sink{Match: func(detect.Match) error {
		if n++; n == 10 {
			return stop
		}
		return nil
	}, Bad: func(string, eventfile.Problem) {}})
	if err != stop || n != 10 {
		t.Errorf("%v after %d", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = r.Run(ctx, []detect.Input{input("a", large)}, detect.Sink{Match: func(detect.Match) error { cancel(); return nil }, Bad: func(string, eventfile.Problem) {}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	missing := errors.New("no such file")
	_, err = r.Run(t.Context(), []detect.Input{input("a", attempt(1, "ann", "failure")), {Name: "b", Open: func() (io.ReadCloser, error) { return nil, missing }}}, detect.Sink{Match: func(detect.Match) error { return nil }, Bad: func(string, eventfile.Problem) {}})
	if err != missing {
		t.Errorf("a missing file: %v", err)
	}
}

func TestExamples(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	fsys := fstest.MapFS{
		"good/rule.yml":           file(failed),
		"good/hits.jsonl":         file(attempt(1, "ann", "failure") + attempt(2, "ben", "failure")),
		"good/misses.jsonl":       file(attempt(1, "ann", "success")),
		"bad/rule.yml":            file(failed),
		"bad/hits.jsonl":          file(attempt(1, "ann", "success") + "x\n"),
		"bad/misses.jsonl":        file(attempt(1, "ann", "success") + attempt(1, "ann", "failure")),
		"correlated/rule.yml":     file(many),
		"correlated/hits.jsonl":   file(attempt(1, "ann", "failure") + attempt(2, "ann", "failure") + attempt(2, "ben", "success") + attempt(3, "ann", "failure")),
		"correlated/misses.jsonl": file(attempt(1, "ann", "failure") + attempt(2, "ann", "failure")),
		"few/rule.yml":            file(many),
		"few/hits.jsonl":          file(attempt(1, "ann", "failure") + attempt(2, "ann", "failure")),
		"alone/hits.jsonl":        file(attempt(1, "ann", "failure")),
		"empty/rule.yml":          file(failed),
		"empty/hits.jsonl":        file(""),
		"broken/rule.yml":         file("title: x\ndetection: {}\n"),
		"broken/hits.jsonl":       file(attempt(1, "ann", "failure")),
		"none/rule.yml":           file(failed),
		"one-line/rule.yml":       file(failed),
		"one-line/hits.jsonl":     file("[" + strings.TrimSpace(attempt(1, "ann", "failure")) + "," + strings.TrimSpace(attempt(2, "ann", "success")) + "]"),
		"silent/rule.yml":         file(strings.NewReplacer("{gte: 3}", "{lte: 0}", "1m", "10s").Replace(many)),
		"silent/hits.jsonl":       file(attempt(1, "ann", "failure") + attempt(50, "ann", "failure")),
		"silent/misses.jsonl":     file(attempt(1, "ann", "failure") + attempt(50, "ann", "failure")),
	}
	tested, err := detect.Examples(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range tested {
		got = append(got, fmt.Sprintf("%s: %d rules, %d hits, %d misses", x.Dir, x.Rules, x.Hits, x.Misses))
		for _, f := range x.Failures {
			if x.Dir != "broken" {
				got = append(got, "  "+f.String())
			}
		}
	}
	want := []string{
		"alone: 0 rules, 0 hits, 0 misses", "  alone: there are examples but no rule",
		"bad: 1 rules, 1 hits, 2 misses", "  bad/hits.jsonl:2: it is no JSON object", "  bad/hits.jsonl:1: no rule matches it", "  bad/misses.jsonl:2: it matches Failed sign-in",
		"broken: 0 rules, 0 hits, 0 misses",
		"correlated: 2 rules, 4 hits, 2 misses",
		"empty: 1 rules, 0 hits, 0 misses", "  empty/hits.jsonl: there is no event that must match",
		"few: 2 rules, 2 hits, 0 misses", "  few/hits.jsonl:2: no correlation holds over these 2 events",
		"good: 1 rules, 2 hits, 1 misses",
		"one-line: 1 rules, 2 hits, 0 misses", "  one-line/hits.jsonl:1: no rule matches it",
		"silent: 2 rules, 2 hits, 2 misses", "  silent/misses.jsonl:2: Many of one user holds after these 2 events",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, x := range tested {
		if near := map[string]int64{"correlated": 2, "silent": 2}[x.Dir]; x.Near != near {
			t.Errorf("%s: %d matches near, want %d", x.Dir, x.Near, near)
		}
	}
	lost, err := detect.Examples(fstest.MapFS{"lost/rule.yml": file(many), "lost/hits.jsonl": file(`{"user":{"name":"ann"},"outcome":"failure"}`)}, ".")
	if err != nil || len(lost) != 1 || len(lost[0].Failures) != 1 || !strings.Contains(lost[0].Failures[0].Why, "1 matches of these 1 events could not be counted") {
		t.Errorf("an event without a time: %v %v", lost, err)
	}
}
