package sample

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func traffic(t testing.TB, now, file string) *Organisation {
	t.Helper()
	o, err := Load(fstest.MapFS{"security/a.traffic": {Data: []byte(file)}}, local(t, now))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestTrafficIsTheSameWheneverItIsMade(t *testing.T) {
	o, err := Load(Shipped(), local(t, "2026-11-28 12:00"))
	if err != nil {
		t.Fatal(err)
	}
	from, to := local(t, "2026-11-20 00:00"), local(t, "2026-11-24 00:00")
	all := slices.Collect(o.Sent(from, to))
	var parts []Sent
	for at := from; at.Before(to); at = at.Add(5 * time.Hour) {
		parts = append(parts, slices.Collect(o.Sent(at, earlier(at.Add(5*time.Hour), to)))...)
	}
	if diff := cmp.Diff(all, parts); diff != "" {
		t.Error("a span in parts is another than the whole: " + diff)
	}
	if len(all) < 200 {
		t.Errorf("four days hold %d lines, which is no traffic", len(all))
	}
	if !slices.IsSortedFunc(all, func(a, b Sent) int { return a.At.Compare(b.At) }) {
		t.Error("lines are out of order")
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func TestShippedTrafficIsWellFormed(t *testing.T) {
	o, err := Load(Shipped(), local(t, "2026-11-28 12:00"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for s := range o.Sent(o.Now.AddDate(-1, 0, 0), o.Now) {
		n++
		if strings.Contains(s.Line, "${") {
			t.Fatalf("%s: a place was not filled: %s", s.Source, s.Line)
		}
		if s.Way == "json" && !json.Valid([]byte(s.Line)) {
			t.Fatalf("%s: no JSON: %s", s.Source, s.Line)
		}
		if s.Way != "json" && s.Way != "syslog" || s.Way == "syslog" && s.Host == "" {
			t.Fatalf("%s: nobody can send this: %+v", s.Source, s)
		}
	}
	t.Logf("%d lines in a year", n)
	if n < 15_000 || n > 60_000 {
		t.Errorf("a year has %d lines: the demo would be empty, or slow to start", n)
	}
}

func TestTrafficGroupsKeepTheirWords(t *testing.T) {
	o := traffic(t, "2026-09-22 12:00", `
words: {who: [a, b, c, d], ip: ["10.0.0.${n 1 200}"]}
streams:
  - source: x
    way: json
    perDay: 20
    hours: always
    groups: [{say: ["${who} ${ip}", "${who} ${ip}"]}]
`)
	lines := slices.Collect(o.Sent(local(t, "2026-09-21 00:00"), local(t, "2026-09-22 00:00")))
	if len(lines) != 40 {
		t.Fatalf("got %d lines, want 40", len(lines))
	}
	count := map[string]int{}
	for _, s := range lines {
		count[s.Line]++
	}
	for line, n := range count {
		if n%2 != 0 {
			t.Errorf("%q was said %d times: the lines of a group have different words", line, n)
		}
	}
}

// TestTrafficFiled: what is of long ago stands in files: syslog with its moment
// and its host, everything else as it is, and no script.
func TestTrafficFiled(t *testing.T) {
	o := traffic(t, "2026-09-22 12:00", `
streams:
  - {source: a, way: syslog, host: h, perDay: 5, hours: always, groups: [{say: ["sshd[1]: x"]}]}
  - {source: b, way: json, format: zeek, perDay: 5, hours: always, groups: [{say: ["{}"]}]}
scripts:
  - {at: "{{moment -1 09:30}}", source: c, way: json, say: [once]}
`)
	said := map[string]int{}
	for _, s := range o.Filed(local(t, "2026-09-21 00:00"), local(t, "2026-09-22 00:00")) {
		said[s.Source]++
		if s.Source == "a" && (s.Way != "json" || s.Format != "auto" || s.Line != s.At.Format("2006-01-02T15:04:05.000000-07:00")+" h sshd[1]: x") ||
			s.Source == "b" && (s.Way != "json" || s.Format != "zeek" || s.Line != "{}") {
			t.Errorf("%+v", s)
		}
	}
	if said["a"] == 0 || said["b"] == 0 || said["c"] > 0 {
		t.Errorf("lines of %v", said)
	}
}

func TestTrafficScripts(t *testing.T) {
	o := traffic(t, "2026-09-22 12:00", `
scripts:
  - {at: "{{moment -3 09:30}}", source: x, way: syslog, host: h, times: 3, over: 2m, words: {w: [q]}, say: ["${w} ${nth} ${at}"]}
`)
	var got []string
	for s := range o.Sent(local(t, "2026-09-01 00:00"), o.Now) {
		got = append(got, s.Line)
	}
	want := []string{"q 1 2026-09-19T07:30:00Z", "q 2 2026-09-19T07:31:00Z", "q 3 2026-09-19T07:32:00Z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTrafficFilesAreChecked(t *testing.T) {
	f := func(file, want string) {
		t.Helper()
		_, err := Load(fstest.MapFS{"security/a.traffic": {Data: []byte(file)}}, time.Now())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f("streams: [{sauce: x}]", "sauce")
	f("scripts: [{source: x, say: [y]}]", "scripts[0].at")
}
