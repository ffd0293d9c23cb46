package pipeline_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/plain"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
)

// example is one case of a file in testdata: a pipeline, a rule, and what
// becomes of it.
type example struct {
	Name     string
	Pipeline yaml.Node
	Second   yaml.Node // a second pipeline, joined to the first
	Rule     string    // lines of detection, or a whole document when it has a title
	Want     string    // the detection, as show writes it
	Fields   string    // the list of fields
	Error    string    // part of the problem or the failure
	Hits     []map[string]any
	Misses   []map[string]any
}

func TestExamples(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.yml")
	if len(files) == 0 {
		t.Fatal("no examples")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var examples []example
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		if err := dec.Decode(&examples); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, e := range examples {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".yml")+"/"+e.Name, func(t *testing.T) { e.run(t) })
		}
	}
}

func (e *example) run(t *testing.T) {
	rule, err := e.rewrite(t)
	if e.Error != "" {
		if err == nil || !strings.Contains(err.Error(), e.Error) {
			t.Errorf("got %v\nwant an error with %q", err, e.Error)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := show(rule); e.Want != "" && got != strings.TrimSpace(e.Want) {
		t.Errorf("got\n%s\nwant\n%s", got, e.Want)
	}
	if got := strings.Join(rule.Fields, " "); e.Fields != "" && got != e.Fields {
		t.Errorf("fields: got %s, want %s", got, e.Fields)
	}
	for i, event := range append(e.Hits, e.Misses...) {
		hit, err := plain.Match(rule, asJSON(t, event))
		if err != nil || hit != (i < len(e.Hits)) {
			t.Errorf("event %v: match is %v, %v", event, hit, err)
		}
	}
	if e.Want+e.Fields == "" && e.Hits == nil && e.Misses == nil {
		t.Error("the example wants nothing")
	}
}

// asJSON gives an event the types that JSON would give it.
func asJSON(t testing.TB, event map[string]any) map[string]any {
	t.Helper()
	data, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (e *example) rewrite(t *testing.T) (*sigma.Rule, error) {
	p, problems := read(t, &e.Pipeline)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	if e.Second.Kind != 0 {
		second, problems := read(t, &e.Second)
		if len(problems) > 0 {
			return nil, problems[0]
		}
		p = pipeline.Join(p, second)
	}
	rule := parse(t, e.Rule)
	before := show(rule)
	out, err := p.Apply(rule)
	if after := show(rule); after != before {
		t.Errorf("the rule itself was changed:\n%s\nwas\n%s", after, before)
	}
	return out, err
}

func read(t *testing.T, n *yaml.Node) (*pipeline.Pipeline, []sigma.Problem) {
	t.Helper()
	if n.Kind == yaml.SequenceNode { // of transformations alone
		n = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: "transformations"}, n}}
	}
	data, err := yaml.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Read("p.yml", data)
}

func parse(t testing.TB, text string) *sigma.Rule {
	t.Helper()
	if !strings.Contains(text, "title:") {
		text = "title: t\nlogsource: {category: process_creation, product: windows}\ndetection:\n  " +
			strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
		if !strings.Contains(text, "condition:") {
			text += "\n  condition: sel"
		}
	}
	c := sigma.Parse("r.yml", []byte(text))
	if len(c.Problems) > 0 || len(c.Rules) != 1 {
		t.Fatalf("%v in\n%s", c.Problems, text)
	}
	return c.Rules[0]
}

// show writes the detection of a rule: a line for each search, in the order of
// their names, and one for each condition.
func show(rule *sigma.Rule) string {
	var lines []string
	for _, s := range rule.Detection.Searches {
		lines = append(lines, s.Name+": "+showNode(s.Body))
	}
	sort.Strings(lines)
	for _, c := range rule.Detection.Conditions {
		lines = append(lines, "if "+showExpr(c.Expr))
	}
	return strings.Join(lines, "\n")
}

func showNode(n sigma.Node) string {
	switch n := n.(type) {
	case *sigma.Group:
		var parts []string
		for _, child := range n.Nodes {
			parts = append(parts, showNode(child))
		}
		if n.Any {
			return "(" + strings.Join(parts, " or ") + ")"
		}
		return "(" + strings.Join(parts, " and ") + ")"
	case *sigma.Item:
		equals, between := "=", " | "
		if n.Not {
			equals = "!="
		}
		if n.All {
			between = " & "
		}
		return n.Field + equals + showValues(n.Values, between)
	}
	return fmt.Sprintf("%T", n)
}

func showValues(values []sigma.Value, between string) string {
	var parts []string
	for _, v := range values {
		parts = append(parts, showValue(v))
	}
	return strings.Join(parts, between)
}

func showValue(v sigma.Value) string {
	switch v := v.(type) {
	case sigma.String:
		if v.Cased {
			return "'" + v.String() + "'cased"
		}
		return "'" + v.String() + "'"
	case sigma.Number:
		return v.Text
	case sigma.Null:
		return "null"
	case sigma.Any:
		return "{" + showValues(v, " | ") + "}"
	case sigma.Regex:
		return "/" + v.Source() + "/"
	case sigma.FieldRef:
		return "$" + v.Field + string(v.At)
	}
	return fmt.Sprint(v)
}

func showExpr(e sigma.Expr) string {
	join := func(parts []sigma.Expr, by string) string {
		var texts []string
		for _, part := range parts {
			texts = append(texts, showExpr(part))
		}
		return "(" + strings.Join(texts, by) + ")"
	}
	switch e := e.(type) {
	case sigma.And:
		return join(e, " and ")
	case sigma.Or:
		return join(e, " or ")
	case sigma.Not:
		return "not " + showExpr(e.Of)
	case sigma.Ref:
		return string(e)
	}
	return fmt.Sprint(e)
}
