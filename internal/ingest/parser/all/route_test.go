package all_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/ingest/eventfile"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/testenv"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/route"
)

// sent is an event of a detection as its sender writes it: text logs as lines
// with a header, requests as lines of an access log, everything else as it is.
func sent(t *testing.T, line []byte) string {
	t.Helper()
	var e struct {
		Timestamp any `json:"@timestamp"`
		Host      struct{ Name string }
		Process   struct {
			Name string
			PID  int
		}
		Message  string
		ClientIP string `json:"c-ip"`
		Method   string `json:"cs-method"`
		Stem     string `json:"cs-uri-stem"`
		Query    string `json:"cs-uri-query"`
		Version  string `json:"cs-version"`
		Status   int    `json:"sc-status"`
		Bytes    int    `json:"sc-bytes"`
		Agent    string `json:"cs-user-agent"`
		Referer  string `json:"cs-referer"`
		VHost    string `json:"cs-host"`
	}
	if json.Unmarshal(line, &e) != nil { // of another shape
		return string(line)
	}
	stamp, _ := e.Timestamp.(string)
	at, err := time.Parse(time.RFC3339, stamp)
	switch {
	case err != nil:
		return string(line)
	case e.Method != "":
		uri := e.Stem
		if e.Query != "-" && e.Query != "" {
			uri += "?" + e.Query
		}
		quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
		return fmt.Sprintf(`%s %s - - [%s] "%s %s %s" %d %d "%s" "%s"`, e.VHost, e.ClientIP, at.Format("02/Jan/2006:15:04:05 -0700"), e.Method, quote.Replace(uri), e.Version, e.Status, e.Bytes, quote.Replace(e.Referer), quote.Replace(e.Agent))
	case e.Message != "" && e.Process.Name != "" && e.Host.Name != "":
		return fmt.Sprintf("%s %s %s[%d]: %s", at.Format(time.Stamp), e.Host.Name, e.Process.Name, e.Process.PID, e.Message)
	}
	return string(line)
}

// read reads what was sent, as a source of the format "auto" does. The time of
// an event, which is beside the line, is put into it for the correlations.
func read(t *testing.T, record string, formats map[string]int) []byte {
	t.Helper()
	auto, _ := all.Get("auto")
	var out parser.Out
	if err := auto.Parse([]byte(record), &parser.Env{Now: time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)}, &out); err != nil {
		t.Fatalf("%s: %v", record, err)
	}
	if out.Time.IsZero() {
		t.Fatalf("%s, read as %s, has no time", record, out.Format)
	}
	formats[out.Format]++
	if !bytes.HasPrefix(out.Line, []byte(`{"@timestamp"`)) && !strings.HasPrefix(record, "{") {
		return append(fmt.Appendf(nil, `{"@timestamp":%q,`, out.Time.Format(time.RFC3339Nano)), out.Line[1:]...)
	}
	return out.Line
}

// The built-in detections find what their senders wrote, once it is read by the
// parsers and by nothing else, and leave alone what is near.
func TestDetectionsFindWhatWasParsed(t *testing.T) {
	c, err := sigma.LoadFS(content.Detections, "detections")
	if err != nil {
		t.Fatal(err)
	}
	table, err := route.Ready()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := detect.Prepare(c, nil, table)
	if err != nil {
		t.Fatal(err)
	}
	folders, err := content.Detections.ReadDir("detections")
	if err != nil {
		t.Fatal(err)
	}
	formats := map[string]int{}
	for _, d := range folders {
		if !d.IsDir() {
			continue
		}
		for _, file := range []string{detect.HitsFile, detect.MissesFile} {
			data, err := content.Detections.ReadFile(path.Join("detections", d.Name(), file))
			if err != nil {
				t.Fatal(err)
			}
			var lines []byte
			for line := range bytes.Lines(data) {
				if line = bytes.TrimSpace(line); len(line) > 0 {
					lines = append(append(lines, read(t, sent(t, line), formats)...), '\n')
				}
			}
			found := run(t, rules, lines)
			if got := ours(c, d.Name(), found); got != (file == detect.HitsFile) {
				t.Errorf("%s/%s: found %v, want %v; the first line is %s", d.Name(), file, got, !got, bytes.SplitN(lines, []byte("\n"), 2)[0])
			}
		}
	}
	for _, want := range []string{"sshd", "sudo", "accounts", "weblog", "cloudtrail", "github", "kubernetes", "okta", "windows", "suricata", "zeek"} {
		if formats[want] == 0 {
			t.Errorf("no event was read as %s: %v", want, formats)
		}
	}
}

func run(t *testing.T, rules *detect.Rules, lines []byte) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	_, err := rules.Run(t.Context(), []detect.Input{{Name: "events", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(lines)), nil }}},
		detect.Sink{Match: func(m detect.Match) error { found[m.RuleID] = true; return nil }, Bad: func(file string, p eventfile.Problem) { t.Errorf("%s:%d: %s", file, p.Line, p.Why) }})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// ours reports whether what a folder tells was found: of a correlation it is the
// correlation.
func ours(c *sigma.Collection, folder string, found map[string]bool) bool {
	correlated, told := false, false
	for _, r := range c.Correlations {
		if path.Base(path.Dir(r.File)) == folder {
			correlated, told = true, told || found[r.ID]
		}
	}
	if correlated {
		return told
	}
	for _, r := range c.Rules {
		if path.Base(path.Dir(r.File)) == folder && found[r.ID] {
			return true
		}
	}
	return false
}

// The events of Windows match the same rules after the parser as before it.
func TestParsedWindowsMatchTheSame(t *testing.T) {
	table, err := route.Ready()
	if err != nil {
		t.Fatal(err)
	}
	c, err := sigma.Load(testenv.Data(t, "sigma", "sigmahq-rules.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var routed []sigma.Routed
	for _, rule := range c.Rules {
		if !strings.Contains("/"+rule.File, "/rules/") {
			continue
		}
		if routes, err := table.For(rule); err == nil && len(routes) > 0 {
			routed = append(routed, sigma.Routed{Rule: rule, Routes: routes})
		}
	}
	var refused []sigma.Problem
	router, err := sigma.NewRouter(routed, sigma.Skip(&refused))
	if err != nil {
		t.Fatal(err)
	}
	scanner, auto := router.Scanner(), parser.Format{}
	auto, _ = all.Get("auto")
	var raw, parsed []string
	number, ids := 0, map[string]int{}
	for _, line := range testenv.Windows(t) {
		var out parser.Out
		if err := auto.Parse(line, &parser.Env{}, &out); err != nil || out.Time.IsZero() || out.Host == "" || out.Format != "windows" {
			t.Fatalf("event %d: %v, time %v, host %q, format %s", number, err, out.Time, out.Host, out.Format)
		}
		if out.ID != "" {
			ids[out.ID]++
			if ids[out.ID] > 1 {
				t.Errorf("two events have the id %s", out.ID)
			}
		}
		raw = append(raw, matches(t, scanner, number, line)...)
		parsed = append(parsed, matches(t, scanner, number, out.Line)...)
		number++
	}
	if diff := cmp.Diff(raw, parsed); diff != "" {
		t.Error(diff)
	}
	expected, err := os.ReadFile(testenv.Data(t, "sigma", "windows-12k-expected-routed.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(expected)) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(parsed, line) {
			t.Errorf("%s is not found", line)
		}
	}
	if number != 11838 || len(raw) < 115 {
		t.Errorf("%d events, %d matches", number, len(raw))
	}
}

func matches(t *testing.T, s *sigma.Scanner, number int, line []byte) []string {
	t.Helper()
	found, err := s.Match(line)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, rule := range found {
		out = append(out, fmt.Sprintf("%d\t%s", number, rule.ID))
	}
	slices.Sort(out)
	return out
}

// BenchmarkWindows reads real events of Windows, of which each has 2.3 KB.
func BenchmarkWindows(b *testing.B) {
	lines := testenv.Windows(b)
	for _, name := range []string{"json", "windows", "auto"} {
		b.Run(name, func(b *testing.B) {
			f, _ := all.Get(name)
			env, out, n := &parser.Env{}, parser.Out{}, 0
			b.SetBytes(int64(len(bytes.Join(lines, nil)) / len(lines)))
			b.ReportAllocs()
			for b.Loop() {
				out = parser.Out{Line: out.Line[:0]}
				if err := f.Parse(lines[n%len(lines)], env, &out); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}
