package pipeline_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
)

const mapping = `
name: m
transformations:
  - id: map
    type: field_name_mapping
    mapping: {user: [u1, u2], ip: source.ip, n: bytes}
    rule_conditions:
      - {type: logsource, product: windows}
  - id: mark
    type: set_custom_attribute
    attribute: seen
    value: true
    rule_conditions: [{type: is_sigma_correlation_rule}]
`

func mustRead(t testing.TB, text string) *pipeline.Pipeline {
	t.Helper()
	p, problems := pipeline.Read("p.yml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

func TestCorrelation(t *testing.T) {
	p := mustRead(t, mapping)
	windows := []*sigma.Rule{{Logsource: sigma.Logsource{Product: "linux"}}, {Logsource: sigma.Logsource{Product: "windows"}}}
	c := &sigma.Correlation{
		GroupBy:   []string{"user", "host", "ip"},
		Aliases:   map[string]map[string]string{"ip": {"a": "ip", "b": "other"}},
		Condition: sigma.CorrelationCondition{Fields: []string{"n", "ip"}},
	}
	got, err := p.ApplyCorrelation(c, windows)
	if err != nil {
		t.Fatal(err)
	}
	want := &sigma.Correlation{
		GroupBy:   []string{"u1", "u2", "host", "ip"},
		Aliases:   map[string]map[string]string{"ip": {"a": "source.ip", "b": "other"}},
		Condition: sigma.CorrelationCondition{Fields: []string{"bytes", "ip"}},
		Custom:    map[string]any{"seen": true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if c.Aliases["ip"]["a"] != "ip" || c.Condition.Fields[0] != "n" || c.Custom != nil {
		t.Errorf("the correlation itself was changed: %+v", c)
	}
	if got, err := p.ApplyCorrelation(c, windows[:1]); err != nil || got.GroupBy[0] != "user" {
		t.Errorf("a correlation of other logs was changed: %+v, %v", got, err)
	}
	c.Condition.Fields = []string{"user"}
	if _, err := p.ApplyCorrelation(c, windows); err == nil || !strings.Contains(err.Error(), "the condition of a correlation needs one field, and user becomes 2 (u1, u2)") {
		t.Errorf("got %v", err)
	}
	c.Condition.Fields, c.Aliases["ip"]["a"] = nil, "user"
	if _, err := p.ApplyCorrelation(c, windows); err == nil || !strings.Contains(err.Error(), "the alias ip of a correlation needs one field") {
		t.Errorf("got %v", err)
	}
}

// TestCorrelationFollows shows that a correlation sees its rules as they are at
// each step.
func TestCorrelationFollows(t *testing.T) {
	p := mustRead(t, `
transformations:
  - {type: field_name_suffix, suffix: .1, rule_conditions: [{type: logsource, category: c}]}
  - type: nest
    rule_conditions: [{type: logsource, category: c}]
    items:
      - {type: change_logsource, product: p}
      - {type: field_name_suffix, suffix: .2, rule_conditions: [{type: logsource, category: c}]}
      - {type: field_name_suffix, suffix: .in, rule_conditions: [{type: is_sigma_rule}]}
  - {type: field_name_suffix, suffix: .3, rule_conditions: [{type: logsource, category: c}]}
  - {type: field_name_suffix, suffix: .4, rule_conditions: [{type: logsource, product: p}]}
`)
	got, err := p.ApplyCorrelation(&sigma.Correlation{GroupBy: []string{"f"}}, []*sigma.Rule{{Logsource: sigma.Logsource{Category: "c"}}})
	if err != nil || got.GroupBy[0] != "f.1.4" {
		t.Errorf("got %v, %v, want f.1.4", got, err)
	}
}

func TestFailure(t *testing.T) {
	p := mustRead(t, "transformations:\n\n  - type: rule_failure\n    message: not this")
	_, err := p.Apply(&sigma.Rule{Pos: sigma.Pos{File: "r.yml", Line: 7}})
	var f *pipeline.Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %T", err)
	}
	want := pipeline.Failure{Rule: sigma.Pos{File: "r.yml", Line: 7}, Step: sigma.Pos{File: "p.yml", Line: 3}, Type: "rule_failure", Reason: "not this"}
	if *f != want {
		t.Errorf("got %+v", *f)
	}
}

// TestTooLarge shows that steps which double a rule end in an error.
func TestTooLarge(t *testing.T) {
	for _, step := range []string{
		"  - {type: field_name_mapping, mapping: {a: [a, a]}}\n",
		"  - {type: map_string, mapping: {x: [x, x]}}\n",
		"  - {type: value_placeholders}\n",
	} {
		p := mustRead(t, "vars: {u: ["+strings.Repeat("1,", 400)+"]}\ntransformations:\n"+strings.Repeat(step, 40))
		_, err := p.Apply(parse(t, "sel: {a|expand: [x, '%u%%u%']}"))
		if err == nil || !strings.Contains(err.Error(), "more than 100000 values") {
			t.Errorf("%sgot %v", step, err)
		}
	}
}

func TestFetch(t *testing.T) {
	const head = "transformations:\n  - type: "
	for _, test := range []struct{ pipeline, data, want string }{
		{"file_placeholders\n    path: a/b", " x \n\ny*\r\n", "file a/b: x y*"},
		{"file_placeholders\n    path: p\n    filter: ^x", "x\ny\nzx", "file p: x"},
		{"file_placeholders\n    path: p\n    format: csv\n    csv_column: b", "a,b\n1,x\n2,\"y z\"\n3", "file p: x y z"},
		{"file_placeholders\n    path: p\n    format: csv\n    csv_column: 1", "a,b\n1,x\n2,y", "file p: x y"},
		{"file_placeholders\n    path: p\n    format: csv\n    csv_column: 0\n    csv_has_header: false", "a,b\n1,x", "file p: a 1"},
		{"file_placeholders\n    path: p\n    format: csv\n    csv_column: c", "a,b\n1,x", `the data has no column "c"`},
		{"http_placeholders\n    url: https://h/l\n    method: post\n    headers: {A: b}\n    format: json\n    jq_expression: .items[].name", `{"items":[{"name":"x"},{"name":12},{"other":1}]}`, "http POST https://h/l map[A:b]: x 12"},
		{"http_placeholders\n    url: u\n    format: json\n    jq_expression: .items", `{"items":["x"]}`, "lead it to single values"},
		{"http_placeholders\n    url: u\n    format: json\n    jq_expression: '.[\"a b\"][-1]'", `{"a b":["x", "y"]}`, "http GET u map[]: y"},
		{"http_placeholders\n    url: u\n    max_body_size: 3", "long", "no more than 3 are taken"},
		{"command_placeholders\n    cmd: [ls, -l]\n    format: yaml\n    jq_expression: .[]", "[x, y]", "command [ls -l]: x y"},
		{"command_placeholders\n    cmd: ls | wc\n    timeout: 5", "x", "command ls | wc: x"},
		{"file_placeholders\n    path: missing", "", "its source cannot be read: no such thing"},
		{"file_placeholders\n    path: p", "", "the source of the placeholder u has no values"},
		{"file_placeholders\n    path: p\n    format: json\n    jq_expression: '.a | length'", "{}", "is more than a path"},
		{"file_placeholders\n    path: p\n    format: json", "{}", `needs "jq_expression"`},
		{"file_placeholders\n    path: p\n    format: jsn", "{}", `did you mean "json"?`},
		{"file_placeholders\n    path: p\n    filter: '('", "x", "is no regular expression"},
	} {
		asked := 0
		got := ""
		p, problems := pipeline.Options{Fetch: func(s pipeline.Source) ([]byte, error) {
			asked++
			got = strings.Join(strings.Fields(fmt.Sprintln(s.Kind, s.Path, s.Method, s.URL, s.Shell)), " ")
			switch {
			case s.Kind == "http":
				got += fmt.Sprint(" ", s.Headers)
			case s.Command != nil:
				got += fmt.Sprint(" ", s.Command)
			}
			if s.Path == "missing" {
				return nil, errors.New("no such thing")
			}
			return []byte(test.data), nil
		}}.Read("p.yml", []byte(head+test.pipeline))
		if len(problems) > 0 {
			if !strings.Contains(problems[0].Error(), test.want) {
				t.Errorf("%s: got %v, want %s", test.pipeline, problems, test.want)
			}
			continue
		}
		rule := parse(t, "sel: {f|expand: '%u%'}")
		out, err := p.Apply(rule)
		if err != nil {
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: got %v, want %s", test.pipeline, err, test.want)
			}
			continue
		}
		got += ":"
		for _, v := range out.Detection.Searches[0].Body.(*sigma.Group).Nodes[0].(*sigma.Item).Values {
			got += " " + v.(sigma.String).String()
		}
		if got != test.want {
			t.Errorf("%s: got %s, want %s", test.pipeline, got, test.want)
		}
		if p.Apply(rule); asked != 1 {
			t.Errorf("%s: the source was asked %d times", test.pipeline, asked)
		}
	}
}

func TestRename(t *testing.T) {
	rule := parse(t, "sel: {a: 1, b|fieldref: a}")
	renamed := pipeline.Rename(rule, map[string]string{"a": "x"})
	if got, want := show(renamed), "sel: (x=1 and b=$x)\nif sel"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := show(rule), "sel: (a=1 and b=$a)\nif sel"; got != want {
		t.Errorf("the rule itself was changed: %s", got)
	}
}

// FuzzPipeline reads anything as a pipeline, and applies what is one.
func FuzzPipeline(f *testing.F) {
	f.Add([]byte(mapping))
	files, _ := filepath.Glob("testdata/*.yml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if step, ok := strings.CutPrefix(strings.TrimSpace(line), "- {"); ok {
				f.Add([]byte("transformations:\n- {" + step))
			}
		}
	}
	f.Add([]byte("transformations: &a\n- {type: nest, items: *a}"))
	rule := parse(f, "sel: {a|expand: 'x*%u%', Hashes: 'MD5=a', b|fieldref: c, d|windash: ' -x'}\nkw: [evil]\ncondition: 1 of * and not kw")
	before := show(rule)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, problems := pipeline.Read("p.yml", data)
		if (p == nil) != (len(problems) > 0) {
			t.Fatalf("a pipeline and problems, or neither: %v", problems)
		}
		if p == nil {
			return
		}
		p.Apply(rule)
		p.ApplyCorrelation(&sigma.Correlation{GroupBy: []string{"a"}, Condition: sigma.CorrelationCondition{Fields: []string{"b"}}}, []*sigma.Rule{rule})
		if after := show(rule); after != before {
			t.Fatalf("the rule itself was changed:\n%s", after)
		}
	})
}
