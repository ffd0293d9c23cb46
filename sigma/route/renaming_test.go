package route

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/sigma"
)

func TestNamesOnly(t *testing.T) {
	rule := func(searches string) *sigma.Rule {
		c := sigma.Parse("r.yml", []byte("title: t\ndetection:\n  s: "+searches+"\n  condition: s\n"))
		if len(c.Problems) > 0 {
			t.Fatal(c.Problems)
		}
		return c.Rules[0]
	}
	const all = "{a|contains: [1, x], b|fieldref: a, c|re: x, d|windash: -y, e: null}"
	for _, test := range []struct {
		before, after string
		names         map[string]string
		only          bool
	}{
		{all, all, nil, true},
		{all, "{k|contains: [1, x], b|fieldref: k, c|re: x, m|windash: -y, e: null}", map[string]string{"a": "k", "d": "m"}, true},
		{all, "{k|contains: [1, x], b|fieldref: a, c|re: x, d|windash: -y, e: null}", nil, false},
		{all, "{a|contains: [1, x], b|fieldref|startswith: a, c|re: x, d|windash: -y, e: null}", nil, false},
		{"{a: 1, b: 2}", "{b: 1, a: 2}", map[string]string{"a": "b", "b": "a"}, true},
		{"{a: 1, b: 2}", "{c: 1, c|contains|all: 2}", nil, false},
		{"{a: [1, 2]}", "{a: [1, 2, 3]}", nil, false},
		{"{a: [1, 2, 3]}", "{a: [1, 2]}", nil, false},
		{"{a: [1, 2]}", "{a|all: [1, 2]}", nil, false},
		{"{a: 1}", "{a|neq: 1}", nil, false},
		{"{a: 1}", "{a: 1, b: 1}", nil, false},
		{"{a: 1}", "[{a: 1}, {b: 1}]", nil, false},
		{"[{a: 1}, {b: 1}]", "{a: 1, b: 1}", nil, false},
		{"{a|windash: -y}", "{a: -y}", nil, false},
		{"[word]", "[word]", nil, true},
		{"[word]", "{a: '*word*'}", nil, false},
		{"{a: '*word*'}", "[word]", nil, false},
	} {
		names, only := namesOnly(rule(test.before), rule(test.after))
		if only != test.only || only && !cmp.Equal(names, test.names) {
			t.Errorf("%s to %s: only names %v, %v", test.before, test.after, only, names)
		}
	}
	for what, change := range map[string]func(*sigma.Rule){
		"another logsource": func(r *sigma.Rule) { r.Logsource.Product = "windows" },
		"another condition": func(r *sigma.Rule) { r.Detection.Conditions[0].Expr = sigma.Not{Of: sigma.Ref("s")} },
		"a search more":     func(r *sigma.Rule) { r.Detection.Searches = append(r.Detection.Searches, r.Detection.Searches[0]) },
		"an attribute more": func(r *sigma.Rule) { r.Custom = map[string]any{"x": 1} },
		"a search's name":   func(r *sigma.Rule) { r.Detection.Searches[0].Name = "t" },
		"no body":           func(r *sigma.Rule) { r.Detection.Searches[0].Body = nil },
	} {
		after := rule("{a: 1}")
		change(after)
		if _, only := namesOnly(rule("{a: 1}"), after); only {
			t.Errorf("%s is taken for other names only", what)
		}
	}
}
