package correlate

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/testdata"
)

var (
	yamlBlock = regexp.MustCompile("(?s)```ya?ml\n(.*?)```")
	ruleRef   = regexp.MustCompile(`(?m)^ +- +([0-9a-z_-]+)`)
)

// Every correlation in the specification's text and tests is honoured.
func TestSpecification(t *testing.T) {
	spec := testdata.Path(t, "sigma", "spec")
	text, err := os.ReadFile(filepath.Join(spec, "specification", "sigma-correlation-rules-specification.md"))
	if err != nil {
		t.Fatal(err)
	}
	var examples []string
	for _, block := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
		examples = append(examples, strings.ReplaceAll(block[1], "id: —", ""))
	}
	files, err := filepath.Glob(filepath.Join(spec, "tests", "schema", "correlation", "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		examples = append(examples, string(b))
	}
	honoured := map[sigma.CorrelationType]int{}
	for _, example := range examples {
		if !strings.Contains(example, "correlation:") || !strings.Contains(example, "type:") {
			continue
		}
		if !strings.Contains(example, "title:") { // a part of one
			example = "title: Example\n" + example
		}
		c := &sigma.Collection{}
		c.Add("example.yml", []byte(example))
		for i, ref := range ruleRef.FindAllStringSubmatch(example, -1) {
			if !strings.Contains(example, "name: "+ref[1]) {
				c.Add("rule.yml", fmt.Appendf(nil, "title: t%d\nname: %s\nlogsource: {product: x}\ndetection: {s: {a: 1}, condition: s}\n", i, ref[1]))
			}
		}
		c.Link()
		set, problems := Compile(c.Rules, c.Correlations)
		for _, p := range append(c.Problems, problems...) {
			if p.Code != "duplicate-name" { // a reference that is made twice
				t.Errorf("%v in\n%s", p, example)
			}
		}
		for _, s := range set.specs {
			honoured[s.rule.Type]++
		}
	}
	for _, typ := range []sigma.CorrelationType{sigma.EventCount, sigma.ValueCount, sigma.Temporal, sigma.TemporalOrdered,
		sigma.ValueSum, sigma.ValueAvg, sigma.ValuePercentile} {
		if honoured[typ] < 2 {
			t.Errorf("%d examples of %s", honoured[typ], typ)
		}
	}
}

// What the words of a file become: names, ids, logic, ranges, shares.
func TestParsed(t *testing.T) {
	const rules = `
title: A
name: a
id: 11111111-1111-4111-8111-111111111111
logsource: {product: x}
detection: {s: {f: 1}, condition: s}
---
title: B
name: b
logsource: {product: x}
detection: {s: {f: 2}, condition: s}
---
`
	tests := []struct{ corr, want string }{
		{"type: temporal\n    condition: a and not b\n    timespan: 1w", "1w decide 2"},
		{"type: temporal\n    rules: [11111111-1111-4111-8111-111111111111, b]\n    timespan: 2d", "2d decide 0"},
		{"type: event_count\n    rules: a\n    timespan: 90m\n    condition: {gt: 1, lte: 5}", "90m decide 2"},
		{"type: event_count\n    rules: a\n    timespan: 5s\n    condition: {eq: 0}", "5s decide 1"},
		{"type: value_percentile\n    rules: a\n    timespan: 1h\n    condition: {field: f, lte: 1}", "1h share"},
		{"type: value_percentile\n    rules: a\n    timespan: 1h\n    condition: {field: f, lte: 1, percentile: 95}", "1h percentile 95"},
		{"type: value_median\n    rules: a\n    timespan: 1h\n    condition: {field: f, lte: 1}", "1h percentile 50"},
		{"type: value_percentile\n    rules: a\n    timespan: 1h\n    condition: {field: f, gte: 500}", "refused"},
		{"type: event_count\n    rules: a\n    timespan: 1h\n    condition: {field: f, gte: 500}", "refused"},
		{"type: event_count\n    rules: a\n    timespan: 1h\n    condition: {lt: 0}", "refused"},
	}
	spans := map[string]int64{"1w": 604800, "2d": 172800, "90m": 5400, "5s": 5, "1h": 3600}
	for _, test := range tests {
		c := sigma.Parse("k.yml", []byte(rules+"title: K\nname: k\ncorrelation:\n    "+test.corr+"\n"))
		set, problems := Compile(c.Rules, c.Correlations)
		for _, p := range c.Problems {
			t.Errorf("%s: %v", test.corr, p)
		}
		if test.want == "refused" {
			if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), "k.yml:19: ") || problems[0].Fix == "" {
				t.Errorf("%s: %v", test.corr, problems)
			}
			continue
		}
		if len(problems) > 0 || set.Len() != 1 {
			t.Errorf("%s: %v", test.corr, problems)
			continue
		}
		s := set.specs[0]
		got := fmt.Sprint("decide ", s.decide)
		switch s.kind {
		case shareOfValue:
			got = "share"
		case percentile:
			got = fmt.Sprint("percentile ", s.percent)
		}
		span, want, _ := strings.Cut(test.want, " ")
		if got != want || s.span != spans[span]*second {
			t.Errorf("%s: %s in %ds, want %s", test.corr, got, s.span/second, test.want)
		}
	}
}

// FuzzCorrelation runs whatever a file says without harm.
func FuzzCorrelation(f *testing.F) {
	const rules = "title: A\nname: a\nlogsource: {product: x}\ndetection: {s: {f: 1}, condition: s}\n---\n" +
		"title: B\nname: b\nlogsource: {product: x}\ndetection: {s: {f: 2}, condition: s}\n---\n"
	for _, body := range []string{
		"{type: event_count, rules: a, group-by: [user], timespan: 5s, condition: {gt: 1, lte: 5}}",
		"{type: value_count, rules: [a, b], group-by: [who], aliases: {who: {a: user, b: host}}, timespan: 1m, condition: {field: [n, m], neq: 2}}",
		"{type: temporal, timespan: 10s, condition: a and not b, generate: true}",
		"{type: temporal_ordered, rules: [b, a], group-by: host, timespan: 1h, condition: (a or b) and not b}",
		"{type: value_percentile, rules: a, timespan: 1w, condition: {field: n, percentile: 95, lt: 3}}",
		"{type: value_percentile, rules: b, timespan: 1w, condition: {field: n, lte: 10}}",
		"{type: value_sum, rules: b, timespan: 1d, condition: {field: n, lt: 10, neq: 3}}",
	} {
		f.Add("title: K\nname: k\ncorrelation: " + body + "\n---\ntitle: L\ncorrelation: {type: event_count, rules: k, group-by: user, timespan: 1m, condition: {gte: 1}}\n")
	}
	events := newWorld(rand.New(rand.NewPCG(7, 3))).events
	f.Fuzz(func(t *testing.T, text string) {
		c := sigma.Parse("k.yml", []byte(rules+text))
		set, problems := Compile(c.Rules, c.Correlations)
		if set.Len()+len(problems) != len(c.Correlations) {
			t.Fatalf("%d correlations became %d and %d problems", len(c.Correlations), set.Len(), len(problems))
		}
		run := New(set, Options{MaxGroups: 50, MaxEntries: 20})
		for _, e := range events {
			run.Add(e.match())
		}
		run.Finish()
	})
}
