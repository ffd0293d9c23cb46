package sigma_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/testdata"
	"github.com/binnaclehq/binnacle/sigma/route"
	"github.com/google/go-cmp/cmp"
)

// scanner compiles the rules of a YAML text.
func scanner(t testing.TB, yaml string) *sigma.Scanner {
	t.Helper()
	c := sigma.Parse("rule.yml", []byte(yaml))
	if len(c.Problems) > 0 || len(c.Rules) == 0 {
		t.Fatalf("%d rules were read: %v\n%s", len(c.Rules), c.Problems, yaml)
	}
	engine, err := sigma.Compile(c.Rules)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Scanner()
}

func TestSemantics(t *testing.T) {
	var checks []struct {
		Name, Rule string
		Event      json.RawMessage
		Want       int
	}
	testdata.JSON(t, &checks, "sigma", "semantics-public.json")
	if len(checks) == 0 {
		t.Fatal("no checks")
	}
	for _, check := range checks {
		got, err := scanner(t, check.Rule).Match(check.Event)
		if err != nil || len(got) != check.Want {
			t.Errorf("%s: %d matches, %v, want %d\n%s\n%s", check.Name, len(got), err, check.Want, check.Rule, check.Event)
		}
	}
}

func TestRegression(t *testing.T) {
	rules := corpus(t, "")
	engine, err := sigma.Compile(rules, sigma.Skip(new([]sigma.Problem)))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Case   string
		IDs    []string
		Want   *int `json:"match_count"`
		Events []map[string]any
	}
	testdata.JSON(t, &cases, "sigma", "regression-public.json.gz")
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	scanner := engine.Scanner()
	for _, c := range cases {
		want, got := 1, map[string]int{}
		if c.Want != nil {
			want = *c.Want
		}
		for _, event := range c.Events {
			stripped := map[string]any{}
			for name, v := range event {
				stripped[strings.ReplaceAll(name, " ", "")] = v
			}
			line, err := json.Marshal(stripped)
			if err != nil {
				t.Fatal(err)
			}
			matches, err := scanner.Match(line)
			if err != nil {
				t.Fatal(err)
			}
			for _, rule := range matches {
				got[rule.ID]++
			}
		}
		for _, id := range c.IDs {
			if got[id] < want {
				t.Errorf("%s: the rule %s matches %d events, want %d", c.Case, id, got[id], want)
			}
		}
	}
}

// corpus is the rules of SigmaHQ whose files are below a folder.
func corpus(t testing.TB, folder string) []*sigma.Rule {
	t.Helper()
	c, err := sigma.Load(testdata.Path(t, "sigma", "sigmahq-rules.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var rules []*sigma.Rule
	for _, rule := range c.Rules {
		if folder == "" || strings.Contains(rule.File, "/"+folder+"/") || strings.HasPrefix(rule.File, folder+"/") {
			rules = append(rules, rule)
		}
	}
	return rules
}

// unzipped is a file of the data.
func unzipped(t testing.TB, elem ...string) []byte {
	t.Helper()
	f, err := os.Open(testdata.Path(t, elem...))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(elem[len(elem)-1], ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// windows is the real events, one a line.
func windows(t testing.TB) [][]byte {
	t.Helper()
	lines := bytes.Split(bytes.TrimSpace(unzipped(t, "events", "windows-12k.ndjson.gz")), []byte("\n"))
	if len(lines) != 11838 {
		t.Fatalf("%d events, want 11838", len(lines))
	}
	return lines
}

// matches are those of all events, as the expected files say them.
func matches(t testing.TB, s *sigma.Scanner, lines [][]byte) []string {
	t.Helper()
	var all []string
	for i, line := range lines {
		rules, err := s.Match(line)
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		var ids []string
		for _, rule := range rules {
			ids = append(ids, fmt.Sprintf("%d\t%s", i, rule.ID))
		}
		slices.Sort(ids)
		all = append(all, ids...)
	}
	return all
}

// expected is a file of matches: the rules of an event are sorted, the events
// stay in their order.
func expected(t testing.TB, name string) []string {
	t.Helper()
	byEvent := map[string][]string{}
	var order []string
	for s := bufio.NewScanner(bytes.NewReader(unzipped(t, "sigma", name))); s.Scan(); {
		event, _, _ := strings.Cut(s.Text(), "\t")
		if byEvent[event] == nil {
			order = append(order, event)
		}
		byEvent[event] = append(byEvent[event], s.Text())
	}
	var all []string
	for _, event := range order {
		all = append(all, slices.Sorted(slices.Values(byEvent[event]))...)
	}
	return all
}

func TestWindowsUnrouted(t *testing.T) {
	engine, err := sigma.Compile(corpus(t, "rules"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(engine.Rules()); n != 3141 {
		t.Fatalf("%d rules, want 3141", n)
	}
	got, want := matches(t, engine.Scanner(), windows(t)), expected(t, "windows-12k-expected-all.tsv.gz")
	if len(want) != 18185 {
		t.Fatalf("%d matches are expected, want 18185", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%d matches, want %d (-want +got):\n%s", len(got), len(want), diff)
	}
}

// router sends the rules by SigmaHQ's own table, with or without its names of
// fields.
func router(t testing.TB, rules []*sigma.Rule, names bool) *sigma.Router {
	t.Helper()
	table, problems := route.ReadTHOR("thor.yml", thor(t))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for i := range table.Entries {
		if !names {
			table.Entries[i].Fields = nil
		}
	}
	var routed []sigma.Routed
	for _, rule := range rules {
		routes, err := table.For(rule)
		if err != nil {
			t.Fatal(err)
		}
		routed = append(routed, sigma.Routed{Rule: rule, Routes: routes})
	}
	r, err := sigma.NewRouter(routed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The engines that the file comes from do not follow the table's names of
// fields.
func TestWindowsRouted(t *testing.T) {
	router := router(t, corpus(t, "rules"), false)
	lines, want := windows(t), expected(t, "windows-12k-expected-routed.tsv")
	if len(want) != 115 {
		t.Fatalf("%d matches are expected, want 115", len(want))
	}
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() {
			if diff := cmp.Diff(want, matches(t, router.Scanner(), lines)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	wait.Wait()
}

// With the names, processes that only Security saw being created are found too:
// a service that echoes into a pipe, as Meterpreter's getsystem does, and whoami.
func TestWindowsRoutedWithNames(t *testing.T) {
	want := append(expected(t, "windows-12k-expected-routed.tsv"),
		"7411\t502b42de-4306-40b4-9596-6f590c81f073",
		"11780\t15619216-e993-4721-b590-4c520615a67d",
		"11780\t9bd04a79-dabe-4f1f-a5ff-92430265c96b")
	got := matches(t, router(t, corpus(t, "rules"), true).Scanner(), windows(t))
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// thor is SigmaHQ's tests/thor.yml.
func thor(t testing.TB) []byte {
	t.Helper()
	archive := tar.NewReader(bytes.NewReader(unzipped(t, "sigma", "sigmahq-rules.tar.gz")))
	for {
		header, err := archive.Next()
		if err != nil {
			t.Fatalf("tests/thor.yml: %v", err)
		}
		if strings.HasSuffix(header.Name, "tests/thor.yml") {
			data, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
	}
}
