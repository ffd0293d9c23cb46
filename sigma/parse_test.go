package sigma

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		g, w := "", ""
		if i < len(gotLines) {
			g = gotLines[i]
		}
		if i < len(wantLines) {
			w = wantLines[i]
		}
		if g != w {
			t.Errorf("%s:%d:\n got %s\nwant %s", path, i+1, g, w)
		}
	}
	t.Log("write it anew with -update when the change is meant")
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestProblems(t *testing.T) {
	c := Parse("problems.yml", readFile(t, "problems.yml"))
	var b strings.Builder
	for _, p := range c.Problems {
		if p.Fix == "" || p.Line == 0 {
			t.Errorf("no fix or place: %v", p)
		}
		fmt.Fprintf(&b, "%s [%s]\n", p.Error(), p.Code)
	}
	golden(t, "problems.want", b.String())
	for _, r := range c.Rules {
		if r.Title != "good" && r.Name != "one" {
			t.Errorf("%s: %q loaded", r.Pos, r.Title)
		}
	}
	if len(c.Rules) != 4 || len(c.Correlations) != 0 {
		t.Errorf("%d rules, %d correlations", len(c.Rules), len(c.Correlations))
	}
}

// show writes a node as the tests read it.
func show(n Node) string {
	switch n := n.(type) {
	case *Group:
		var parts []string
		for _, part := range n.Nodes {
			parts = append(parts, show(part))
		}
		if n.Any {
			return "any(" + strings.Join(parts, " ") + ")"
		}
		return "all(" + strings.Join(parts, " ") + ")"
	case *Item:
		var values []string
		for _, v := range n.Values {
			values = append(values, showValue(v))
		}
		join := " | "
		if n.All {
			join = " & "
		}
		s := n.Field + ":" + strings.Join(values, join)
		if n.Not {
			s = "!" + s
		}
		return s
	}
	return fmt.Sprintf("%v", n)
}

func showValue(v Value) string {
	switch v := v.(type) {
	case String:
		s := fmt.Sprintf("%q", v.String())
		if v.Cased {
			s += "c"
		}
		if v.Has(Placeholder) {
			s = "expand " + s
		}
		return s
	case Number:
		return fmt.Sprintf("%s=%g", v.Text, v.Value)
	case Null:
		return "null"
	case Regex:
		return "/" + v.Source() + "/"
	case Compare:
		return fmt.Sprintf("%s %g", v.Op, v.Value)
	case FieldRef:
		s := fmt.Sprintf("$%s", v.Field)
		if v.At != Whole {
			s += "@" + string(v.At)
		}
		if v.Cased {
			s += "c"
		}
		return s
	case Exists:
		return fmt.Sprintf("exists %t", bool(v))
	case TimePart:
		return fmt.Sprintf("%s %s %d", v.Part, v.Op, v.Value)
	case Any:
		var values []string
		for _, x := range v {
			values = append(values, showValue(x))
		}
		return "{" + strings.Join(values, " ") + "}"
	}
	return fmt.Sprint(v)
}

// Each line of values.txt is a search in YAML's flow form, and what it becomes.
func TestValues(t *testing.T) {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(string(readFile(t, "values.txt"))), "\n") {
		search, _, _ := strings.Cut(line, " => ")
		if search == "" || search[0] == '#' {
			b.WriteString(line + "\n")
			continue
		}
		c := Parse("values.txt", []byte("detection:\n  sel: "+search+"\n  condition: sel\n"))
		if len(c.Rules) != 1 {
			t.Errorf("values.txt:%d: %v", i+1, c.Problems)
			continue
		}
		fmt.Fprintf(&b, "%s => %s\n", search, show(c.Rules[0].Detection.Searches[0].Body))
	}
	golden(t, "values.txt", b.String())
}

// A string reads back as it was.
func TestStringRoundTrip(t *testing.T) {
	for _, text := range []string{"", "a", `\`, `\\`, `\\\`, `\\\\`, `a\*`, `\\*`, `\\\*`, `\a`, `\\a`, "*", "**", "?*?", `C:\*\a`, `\\\\srv\\*`, `a\`, `%x%`, "*\\", `\?\*`} {
		s := ParseString(text)
		again := ParseString(s.String())
		if fmt.Sprint(s) != fmt.Sprint(again) {
			t.Errorf("%q is written %q, which reads %q", text, s.String(), again.String())
		}
		if fmt.Sprintf("%#v", s) != fmt.Sprintf("%#v", again) {
			t.Errorf("%q: %#v, then %#v", text, s, again)
		}
	}
}

func showExpr(e Expr) string {
	list := func(word string, parts []Expr) string {
		var s []string
		for _, part := range parts {
			s = append(s, showExpr(part))
		}
		return "(" + strings.Join(s, " "+word+" ") + ")"
	}
	switch e := e.(type) {
	case And:
		return list("and", e)
	case Or:
		return list("or", e)
	case Not:
		return "not " + showExpr(e.Of)
	case Ref:
		return string(e)
	}
	return fmt.Sprint(e)
}

func TestCondition(t *testing.T) {
	searches := []string{"a", "sel_1", "sel_2", "filter_x", "_h1", "_h2", "all", "x.y", "1"}
	f := func(text, want string) {
		t.Helper()
		e, err := ParseCondition(text, searches)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		if got := showExpr(e); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	f("a", "a")
	f("not a and sel_1 or sel_2", "((not a and sel_1) or sel_2)")
	f("a or sel_1 and not sel_2", "(a or (sel_1 and not sel_2))")
	f("not (a or sel_1)", "not (a or sel_1)")
	f("not not a", "not not a")
	f("((a))", "a")
	f("a and(sel_1)or(sel_2)", "((a and sel_1) or sel_2)")
	f("a\n  and sel_1", "(a and sel_1)")
	f("1 of sel*", "(sel_1 or sel_2)")
	f("any of sel_*", "(sel_1 or sel_2)")
	f("all of sel_*", "(sel_1 and sel_2)")
	f("1 of *_x", "filter_x")
	f("1 of *e*_*", "(sel_1 or sel_2 or filter_x)")
	f("1 of sel_1", "sel_1")
	f("all of them", "(a and sel_1 and sel_2 and filter_x and all and x.y and 1)")
	f("1 of _h*", "(_h1 or _h2)")
	f("not 1 of sel* and a", "(not (sel_1 or sel_2) and a)")
	f("all and a", "(all and a)")
	f("x.y and 1", "(x.y and 1)")
}
