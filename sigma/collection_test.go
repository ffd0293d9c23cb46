package sigma

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/sigma/internal/testdata"
)

// loaded reads documents that must all load.
func loaded(t *testing.T, text string) *Collection {
	t.Helper()
	c := Parse("test.yml", []byte(text))
	for _, p := range c.Problems {
		t.Error(p)
	}
	return c
}

func TestRule(t *testing.T) {
	c := loaded(t, `
title: Whoami
id: 929a690e-bef0-4204-a928-ef5e620d6fcc
name: whoami
related:
  - {id: 08fbc97d-0a2f-491c-ae21-8ffcfd3174e9, type: derived}
taxonomy: ecs
status: test
description: Detects whoami
license: MIT
references: [a, b]
author: Me
date: 2024-01-02
modified: 2024-02-03
tags: [attack.t1033]
scope: [server]
logsource: {category: process_creation, product: windows, service: s, definition: d, level: 3}
detection:
  sel: {F: a}
  condition: sel
fields: [F]
falsepositives: Admins
level: high
regression_tests_path: some/where
mine: {list: [1, two, 1.5, true, null, .nan, 2024-01-02, 18446744073709551615, !!binary aGk=], 5: {}}
`)
	want := &Rule{
		Pos: Pos{"test.yml", 2}, ID: "929a690e-bef0-4204-a928-ef5e620d6fcc", Name: "whoami", Title: "Whoami", Taxonomy: "ecs",
		Status: "test", Level: "high", Description: "Detects whoami", License: "MIT", Author: "Me",
		Date: "2024-01-02", Modified: "2024-02-03", References: []string{"a", "b"}, Fields: []string{"F"},
		FalsePositives: []string{"Admins"}, Tags: []string{"attack.t1033"}, Scope: []string{"server"},
		Related: []Related{{"08fbc97d-0a2f-491c-ae21-8ffcfd3174e9", "derived"}},
		Logsource: Logsource{Category: "process_creation", Product: "windows", Service: "s", Definition: "d",
			Custom: map[string]string{"level": "3"}},
		Detection: Detection{
			Searches: []*Search{{Name: "sel", Line: 19, Body: &Group{Nodes: []Node{
				&Item{Field: "F", Values: []Value{PlainString("a")}, Line: 19}}}}},
			Conditions: []Condition{{Text: "sel", Line: 20, Expr: Ref("sel")}},
		},
		Custom: map[string]any{"regression_tests_path": "some/where", "mine": map[string]any{
			"list": []any{1, "two", 1.5, true, nil, ".nan", "2024-01-02", "18446744073709551615", "aGk="}, "5": map[string]any{}}},
	}
	if diff := cmp.Diff(want, c.Rules[0]); diff != "" {
		t.Error(diff)
	}
	if c.Rule("whoami") != c.Rules[0] || c.Rule("929a690e-bef0-4204-a928-ef5e620d6fcc") != c.Rules[0] || c.Rule("") != nil {
		t.Error("the rule is not found by its names")
	}
}

const someRules = `
name: a
detection: {sel: {F: a}, condition: sel}
---
name: b
detection: {sel: {F: b}, condition: sel}
---
name: c
detection: {sel: {F: c}, condition: sel}
---
`

func TestCorrelation(t *testing.T) {
	c := loaded(t, someRules+`
title: Full
id: 0e95725d-7320-415d-80f7-004da920fc11
name: full
level: high
tags: [attack.t1110]
correlation:
  type: value_count
  rules: [a, b]
  group-by: [user, host]
  timespan: 90m
  aliases:
    user: {a: SourceUser, b: TargetUser}
  condition: {field: [x, y], gt: 100, lte: 200}
generate: true
---
correlation: {type: temporal, timespan: 2d, condition: a and not (b or c)}
---
correlation: {type: value_percentile, rules: full, timespan: 1w, condition: {field: x, lte: 1.5}}
---
correlation: {type: value_percentile, rules: full, timespan: 1s, condition: {field: x, lte: 1, percentile: 95}}
---
correlation: {type: temporal_ordered, rules: [b, a], group-by: user, timespan: 5m}
`)
	var got strings.Builder
	for _, r := range c.Correlations {
		fmt.Fprintf(&got, "%s %v by %v in %v, %v %g %v", r.Type, r.Rules, r.GroupBy, r.Timespan, r.Condition.Fields, r.Condition.Percentile, r.Condition.Bounds)
		if r.Condition.Expr != nil {
			fmt.Fprintf(&got, " %s", showExpr(r.Condition.Expr))
		}
		fmt.Fprintln(&got)
	}
	want := `value_count [a b] by [user host] in 1h30m0s, [x y] 0 [{gt 100} {lte 200}]
temporal [a b c] by [] in 48h0m0s, [] 0 [] (a and not (b or c))
value_percentile [full] by [] in 168h0m0s, [x] 50 [{lte 1.5}]
value_percentile [full] by [] in 1s, [x] 95 [{lte 1}]
temporal_ordered [b a] by [user] in 5m0s, [] 0 []
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
	full := c.Correlation("full")
	if full == nil || full != c.Correlation("0e95725d-7320-415d-80f7-004da920fc11") {
		t.Fatal("the correlation is not found by its names")
	}
	if !full.Generate || full.Level != "high" || full.Tags[0] != "attack.t1110" || full.Aliases["user"]["b"] != "TargetUser" {
		t.Errorf("%+v", full)
	}
}

func TestBound(t *testing.T) {
	for op, want := range map[Op]string{Less: "100", LessOrEqual: "110", Greater: "001", GreaterOrEqual: "011", Equal: "010", NotEqual: "101"} {
		got := ""
		for _, figure := range []float64{1, 2, 3} {
			if (Bound{op, 2}).Holds(figure) {
				got += "1"
			} else {
				got += "0"
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", op, got, want)
		}
	}
}

// A correlation whose rule was refused is refused too, and so is the one of it.
func TestCorrelationOfRefused(t *testing.T) {
	c := Parse("test.yml", []byte(`
name: broken
detection: {sel: {F|nonsense: a}, condition: sel}
---
name: one
correlation: {type: event_count, rules: broken, timespan: 1m, condition: {gte: 5}}
---
name: two
correlation: {type: event_count, rules: one, timespan: 1m, condition: {gte: 5}}
`))
	var lines []int
	for _, p := range c.Problems {
		lines = append(lines, p.Line)
	}
	if diff := cmp.Diff([]int{3, 5, 8}, lines); diff != "" || len(c.Correlations) != 0 {
		t.Errorf("%v\n%v", diff, c.Problems)
	}
}

func TestFilter(t *testing.T) {
	rules := `
name: a
logsource: {product: windows, category: process_creation}
detection: {sel: {F: a}, condition: [1 of them, not sel]}
---
name: b
id: bbb
logsource: {product: Windows}
detection: {sel: {F: b}, condition: sel}
---
name: c
logsource: {product: linux}
detection: {sel: {F: c}, condition: sel}
---
`
	f := func(filter, a, b, c string) {
		t.Helper()
		var got []string
		for _, r := range loaded(t, rules+filter).Rules {
			var conditions []string
			for _, x := range r.Detection.Conditions {
				conditions = append(conditions, showExpr(x.Expr))
			}
			got = append(got, strings.Join(conditions, "; "))
		}
		if diff := cmp.Diff([]string{a, b, c}, got); diff != "" {
			t.Errorf("%s\n%s", filter, diff)
		}
	}
	f(`{logsource: {product: windows}, filter: {rules: any, x: {F: 1}, condition: x}}`,
		"(sel and not _filter_1_x); (not sel and not _filter_1_x)", "(sel and not _filter_1_x)", "sel")
	f(`{logsource: {product: windows}, filter: {rules: All, x: {F: 1}, condition: x}}`,
		"(sel and not _filter_1_x); (not sel and not _filter_1_x)", "(sel and not _filter_1_x)", "sel")
	f(`{logsource: {product: windows}, filter: {rules: [], x: {F: 1}, condition: not x}}`,
		"(sel and not _filter_1_x); (not sel and not _filter_1_x)", "(sel and not _filter_1_x)", "sel")
	f(`{logsource: {product: windows, category: process_creation}, filter: {rules: any, x: {F: 1}, y: {F: 2}, condition: all of them}}`,
		"(sel and not (_filter_1_x and _filter_1_y)); (not sel and not (_filter_1_x and _filter_1_y))", "sel", "sel")
	f(`{logsource: {}, filter: {rules: [bbb, c], x: {F: 1}, condition: x}}`,
		"sel; not sel", "(sel and not _filter_1_x)", "(sel and not _filter_1_x)")
	f(`{logsource: {product: linux}, filter: {rules: c, x: {F: 1}, condition: x}}
---
{logsource: {product: linux}, filter: {rules: c, x: {F: 2}, y: {F: 3}, condition: x or y}}`,
		"sel; not sel", "sel", "((sel and not _filter_1_x) and not (_filter_2_x or _filter_2_y))")

	// What is kept, and what is taken away.
	kept := func(condition, want string) {
		t.Helper()
		f(`{logsource: {}, filter: {rules: c, x: {F: 1}, y: {F: 2}, condition: `+condition+`}}`, "sel; not sel", "sel", "(sel and "+want+")")
	}
	kept("not x and not y", "(not _filter_1_x and not _filter_1_y)")
	kept("not 1 of them", "not (_filter_1_x or _filter_1_y)")
	kept("x and not y", "not (_filter_1_x and not _filter_1_y)")
	kept("not not x", "not not not _filter_1_x")
}

// A filter of no name is of no rule, not of those without one.
func TestFilterOfNothing(t *testing.T) {
	c := Parse("test.yml", []byte(goodRule+"---\n{logsource: {}, filter: {rules: ['', x], s: {F: 1}, condition: s}}\n"))
	if got := showExpr(c.Rules[0].Detection.Conditions[0].Expr); got != "sel" || len(c.Problems) != 2 {
		t.Errorf("%s, %v", got, c.Problems)
	}
}

// Rules do not share the searches of a filter: a pipeline changes each alone.
func TestFilterIsCopied(t *testing.T) {
	c := loaded(t, someRules+`{logsource: {}, filter: {rules: any, x: {F: 1}, condition: x}}`)
	a, b := c.Rules[0].Detection.Searches[1], c.Rules[1].Detection.Searches[1]
	a.Body.(*Group).Nodes[0].(*Item).Field = "changed"
	if got := b.Body.(*Group).Nodes[0].(*Item).Field; got != "F" {
		t.Errorf("the search of another rule has the field %q", got)
	}
}

func TestActions(t *testing.T) {
	c := loaded(t, `
action: global
title: All
level: high
detection: {sel: {F: a}, condition: sel}
---
name: one
logsource: {product: windows}
---
action: repeat
name: two
detection: {sel: {G: b}}
---
action: reset
---
name: three
detection: {other: {F: c}, condition: other}
`)
	var got []string
	for _, r := range c.Rules {
		got = append(got, fmt.Sprint(r.Name, r.Title, r.Level, r.Logsource.Product, " ", show(r.Detection.Searches[0].Body)))
	}
	want := []string{`oneAllhighwindows all(F:"a")`, `twoAllhighwindows all(F:"a" G:"b")`, `three all(F:"c")`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Lines count through the file, whatever stands between the documents.
func TestLines(t *testing.T) {
	c := Parse("test.yml", []byte("%YAML 1.1\n---\n# nothing\n---\nname: a\ndetection: {s: {F: a}, condition: s}\n...\n\n--- # again\nname: b\ndetection: {s: {F: a}, condition: t}\n---\r\nname: c\r\ndetection: {s: {F: '---'}, condition: u}\r\n...\ndetection: {s: {F: a}, condition: v}\n"))
	var got []string
	for _, p := range c.Problems {
		got = append(got, p.Pos.String())
	}
	if diff := cmp.Diff([]string{"test.yml:11", "test.yml:14", "test.yml:16"}, got); diff != "" || len(c.Rules) != 1 {
		t.Errorf("%v %d %v", diff, len(c.Rules), c.Problems)
	}
}

func TestAnchors(t *testing.T) {
	c := loaded(t, `
detection:
  one: &one {F: &list [a, b]}
  two: {<<: *one, G: *list}
  three: {<<: *one, F: c}
  condition: 1 of them
`)
	var got []string
	for _, s := range c.Rules[0].Detection.Searches {
		got = append(got, show(s.Body))
	}
	want := []string{`all(F:"a" | "b")`, `all(G:"a" | "b" F:"a" | "b")`, `all(F:"c")`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is too big is refused soon, and with a reason.
func TestLimits(t *testing.T) {
	f := func(name, text, code string) {
		t.Helper()
		start := time.Now()
		c := Parse("test.yml", []byte(text))
		if len(c.Problems) == 0 || c.Problems[0].Code != code || len(c.Rules) > 0 {
			t.Errorf("%s: %d rules, problems %v, want %s", name, len(c.Rules), c.Problems, code)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	rule := func(search, condition string) string {
		return "detection:\n  sel: " + search + "\n  condition: " + condition + "\n"
	}
	f("size", strings.Repeat(" ", maxFile+1), "too-big")
	f("documents", strings.Repeat("---\na\n", maxDocuments+1), "too-big")
	f("depth", rule(strings.Repeat("[", 1000)+strings.Repeat("]", 1000), "sel"), "too-deep")
	f("brackets", rule("{F: a}", strings.Repeat("(", 101)+"sel"+strings.Repeat(")", 101)), "condition")
	f("not", rule("{F: a}", strings.Repeat("not ", 101)+"sel"), "condition")
	f("condition", rule("{F: a}", "sel"+strings.Repeat(" or sel", 20000)), "condition")
	f("modifiers", rule("{F"+strings.Repeat("|contains", 17)+": a}", "sel"), "modifier")
	f("regex", rule("{F|re: '"+strings.Repeat("a", maxRegex+1)+"'}", "sel"), "regex")
	f("windash of windash", rule("{F|windash|windash: '-aa -bb -cc -dd -ee'}", "sel"), "too-many-values")
	f("windash", rule("{F|windash|base64offset: ["+strings.Repeat("'-aa -bb -cc -dd -ee', ", 11)+"]}", "sel"), "too-many-values")
	var laughs strings.Builder
	laughs.WriteString("detection:\n  a0: &a0 [x, x]\n")
	for i := 1; i < 22; i++ {
		fmt.Fprintf(&laughs, "  a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	laughs.WriteString("  condition: a0\n")
	f("laughs", laughs.String(), "too-big")
	f("alias of itself", "detection: &d\n  sel: *d\n  condition: sel\n", "type")
}

const goodRule = "detection: {sel: {F: a}, condition: sel}\n"

// The same files load from a folder, from archives and from a file system, and
// problems name them.
func TestLoad(t *testing.T) {
	files := map[string]string{
		"a/one.yml": goodRule, "a/b/two.yaml": goodRule, "a/broken.yml": "detection: {}\n",
		"a/readme.md": "no rule", "a/.hidden.yml": "no rule", "a/dir.yml/three.YML": goodRule,
	}
	dir := t.TempDir()
	memory := fstest.MapFS{}
	var tarred, zipped bytes.Buffer
	tw, zw := tar.NewWriter(&tarred), zip.NewWriter(&zipped)
	for name, text := range files {
		path := filepath.Join(dir, "rules", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, path, []byte(text))
		memory[name] = &fstest.MapFile{Data: []byte(text)}
		if err := tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(text)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		w, err := zw.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if tw.Close() != nil || zw.Close() != nil {
		t.Fatal("closing the archives")
	}
	var compressed bytes.Buffer
	gz := gzip.NewWriter(&compressed)
	if _, err := gz.Write(tarred.Bytes()); err != nil || gz.Close() != nil {
		t.Fatal("compressing the archive")
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("rules.tar"), tarred.Bytes())
	write(t, at("rules.tgz"), compressed.Bytes())
	write(t, at("rules.tar.gz"), compressed.Bytes())
	write(t, at("rules.zip"), zipped.Bytes())

	check := func(c *Collection, err error, broken string) {
		t.Helper()
		if err != nil {
			t.Error(err)
			return
		}
		if len(c.Rules) != 3 || len(c.Problems) != 1 || c.Problems[0].File != broken {
			t.Errorf("%d rules, problems %v, want one of %s", len(c.Rules), c.Problems, broken)
		}
	}
	c, err := Load(at("rules"))
	check(c, err, filepath.Join(dir, "rules", "a", "broken.yml"))
	for _, name := range []string{"rules.tar", "rules.tgz", "rules.tar.gz", "rules.zip"} {
		c, err := Load(at(name))
		check(c, err, at(name)+"!a/broken.yml")
	}
	c, err = LoadFS(memory, ".")
	check(c, err, "a/broken.yml")
	c, err = Load(filepath.Join(dir, "rules", "a", "one.yml"), filepath.Join(dir, "rules", "a", "b"))
	if err != nil || len(c.Rules) != 2 {
		t.Errorf("%v, %v", c, err)
	}

	write(t, at("bad.zip"), []byte("no archive"))
	write(t, at("bad.tgz"), []byte("no archive"))
	write(t, at("cut.tar.gz"), compressed.Bytes()[:compressed.Len()/2])
	for _, name := range []string{"missing", "bad.zip", "bad.tgz", "cut.tar.gz"} {
		if _, err := Load(at(name)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// What is no rule among the files is named, but nothing is wrong with it.
func TestSkipped(t *testing.T) {
	c := loaded(t, "name: sysmon\npriority: 10\ntransformations: []\n---\ntitle: THOR\nlogsources: {}\n---\nid: x\n---\n"+goodRule)
	var lines []int
	for _, p := range c.Skipped {
		lines = append(lines, p.Line)
	}
	if diff := cmp.Diff([]int{1, 5, 8}, lines); diff != "" || len(c.Rules) != 1 {
		t.Error(diff)
	}
	if c := Parse("test.yml", []byte("id: x\ndetections: {sel: a}\n")); len(c.Skipped) > 0 || len(c.Problems) != 1 {
		t.Errorf("a misspelt rule is skipped: %v, %v", c.Skipped, c.Problems)
	}
}

// The specification's own examples load. The correlations and filters among
// them name rules that are nowhere.
func TestSpecification(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata.Path(t, "sigma", "spec", "tests", "schema"), "*", "*.yml"))
	if err != nil || len(files) != 12 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c := &Collection{}
		c.Add(file, data)
		if len(c.Problems)+len(c.Skipped) > 0 || len(c.Rules)+len(c.Correlations)+len(c.Filters) != 1 {
			t.Errorf("%s: %v", file, c.Problems)
		}
	}
}

// wide is a text in UTF-16 with its mark, as some editors of Windows save it.
func wide(text string, order binary.AppendByteOrder) []byte {
	var out []byte
	for _, unit := range append([]uint16{0xfeff}, utf16.Encode([]rune(text))...) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

// However a file is written, each of its documents is read or refused.
func TestEncodings(t *testing.T) {
	const two = "name: a\ndetection: {sel: {F: ñ😀}, condition: sel}\n---\nname: b\ndetection: {sel: {F: b}, condition: sel}\n"
	for name, data := range map[string][]byte{
		"UTF-8 with a mark":       []byte("\ufeff" + two),
		"a mark before the line":  []byte("\ufeff---\n" + two),
		"lines of Windows":        []byte(strings.ReplaceAll(two, "\n", "\r\n")),
		"UTF-16":                  wide(two, binary.LittleEndian),
		"UTF-16, the other order": wide(strings.ReplaceAll(two, "\n", "\r\n"), binary.BigEndian),
	} {
		c := Parse("test.yml", data)
		if len(c.Problems) > 0 || len(c.Rules) != 2 || c.Rules[1].Pos.Line != 4 && name != "a mark before the line" {
			t.Errorf("%s: %d rules, %v", name, len(c.Rules), c.Problems)
		}
	}
	for name, x := range map[string]struct{ text, want string }{
		"lines of old Macs": {strings.ReplaceAll(two, "\n", "\r"), "test.yml:1: the document holds another one: end lines with LF or CRLF, so that the line --- is seen"},
		"Latin-1":           {"name: a\ndescription: caf\xe9\ndetection: {sel: {F: a}, condition: sel}\n", "test.yml:2: the document is not in UTF-8: the byte 0xe9 is none of its: save the file as UTF-8"},
		"in the second":     {two + "description: caf\xe9\n", "test.yml:6: the document is not in UTF-8: the byte 0xe9 is none of its: save the file as UTF-8"},
	} {
		c := Parse("test.yml", []byte(x.text))
		if len(c.Problems) != 1 || c.Problems[0].Error() != x.want {
			t.Errorf("%s: %v", name, c.Problems)
		}
	}
}
