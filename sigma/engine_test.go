package sigma_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/testdata"
	"github.com/binnaclehq/binnacle/sigma/route"
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
	for s := bufio.NewScanner(strings.NewReader(testdata.Text(t, "sigma", name))); s.Scan(); {
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
	got, want := matches(t, engine.Scanner(), testdata.Windows(t)), expected(t, "windows-12k-expected-all.tsv.gz")
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
	table, problems := route.ReadTHOR("thor.yml", testdata.THOR(t))
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
	lines, want := testdata.Windows(t), expected(t, "windows-12k-expected-routed.tsv")
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
	got := matches(t, router(t, corpus(t, "rules"), true).Scanner(), testdata.Windows(t))
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFindings(t *testing.T) {
	s := scanner(t, `
title: t
detection:
  selection:
    Image|endswith: '\cmd.exe'
    a.b|contains: [one, two]
    Id|gte: 5
    Gone: null
  words: [mimi, '*katz*']
  filter: {Image|contains: powershell}
  condition: selection and words and not filter
`)
	matches, err := s.Match([]byte(`{"Image": "C:\\CMD.exe", "Id": 7, "a": [{"b": ["other", "Two", "ONE"]}], "x": {"y": [1, {"z": "Mimikatz"}]}}`))
	if err != nil || len(matches) != 1 {
		t.Fatalf("%d matches, %v", len(matches), err)
	}
	want := []sigma.Finding{
		{Search: "selection", Field: "Image", Text: `C:\CMD.exe`},
		{Search: "selection", Field: "a.b", Text: "Two"},
		{Search: "selection", Field: "a.b", Text: "ONE"},
		{Search: "selection", Field: "Id", Text: "7"},
		{Search: "words", Field: "x.y.z", Text: "Mimikatz"},
	}
	if diff := cmp.Diff(want, s.Findings(0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Of a route the fields are named as the event does.
func TestFindingsRouted(t *testing.T) {
	scanner := router(t, corpus(t, "rules"), true).Scanner()
	matches, err := scanner.Match(testdata.Windows(t)[7411])
	if err != nil || len(matches) != 1 {
		t.Fatalf("%d matches, %v", len(matches), err)
	}
	want := []sigma.Finding{{Search: "selection_other_img", Field: "NewProcessName", Text: `C:\Windows\System32\whoami.exe`}}
	if diff := cmp.Diff(want, scanner.Findings(0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Events whose lists meet ever other tests do not make ever more engines, and
// match what they should.
func TestManyClasses(t *testing.T) {
	var routed []sigma.Routed
	for id := range 14 {
		rule := sigma.Parse("rule.yml", []byte(fmt.Sprintf("title: of %d\ndetection:\n  sel: {F: x}\n  condition: sel\n", id))).Rules[0]
		when := []sigma.Test{{Field: "log.id", Values: []string{fmt.Sprint(id)}}}
		routed = append(routed, sigma.Routed{Rule: rule, Routes: []sigma.Route{{When: when, Rule: rule}, {When: append(when, sigma.Test{Field: "F"}), Rule: rule}}})
	}
	router, err := sigma.NewRouter(routed)
	if err != nil {
		t.Fatal(err)
	}
	s := router.Scanner()
	for set := range 1 << len(routed) {
		var ids, want []string
		for id, r := range routed {
			if set>>id&1 != 0 {
				ids, want = append(ids, fmt.Sprint(id)), append(want, r.Rule.Title)
			}
		}
		if got := titles(t, s, `{"log": {"id": [`+strings.Join(ids, ",")+`]}, "F": "x"}`); !slices.Equal(got, want) {
			t.Fatalf("the ids %v: got %v, want %v", ids, got, want)
		}
	}
}

// titles are those of the rules that an event matches.
func titles(t *testing.T, s *sigma.Scanner, event string) (list []string) {
	t.Helper()
	rules, err := s.Match([]byte(event))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		list = append(list, r.Title)
	}
	return list
}

// Lists of more values than a word of code can say, of which rules share parts.
func TestLongLists(t *testing.T) {
	list := func(from, to int) string {
		var values []string
		for i := from; i < to; i++ {
			values = append(values, fmt.Sprintf("value-%d-", i))
		}
		return strings.Join(values, ", ")
	}
	rule := func(title, values, condition string) string {
		return fmt.Sprintf("title: %s\ndetection:\n  a: {F|startswith: [%s]}\n  b: {G: x}\n  condition: %s\n", title, values, condition)
	}
	s := scanner(t, strings.Join([]string{
		rule("all", list(0, 700), "a"),
		rule("some", list(100, 400), "a and b"),
		rule("others", "other, "+list(100, 400), "a"),
		rule("none", list(0, 700), "b and not a"),
		rule("backwards", "value-6-, value-5-, value-4-, value-3-", "b and not a"),
	}, "---\n"))
	f := func(event string, want ...string) {
		t.Helper()
		if got := titles(t, s, event); !slices.Equal(got, want) {
			t.Errorf("%s matches %v, want %v", event, got, want)
		}
	}
	f(`{"F": "value"}`)
	f(`{"F": "other"}`, "others")
	f(`{"F": "value", "G": "x"}`, "none", "backwards")
	for i := range 700 {
		event := fmt.Sprintf(`{"F": "value-%d-x", "G": "x"}`, i)
		switch {
		case i >= 3 && i <= 6:
			f(event, "all")
		case i < 100 || i >= 400:
			f(event, "all", "backwards")
		default:
			f(event, "all", "some", "others", "backwards")
		}
	}
	f(`{"F": ["value-699-", "value-255-"]}`, "all", "others")
}

// Texts that are longer than a literal may be are compared to their end, wherever
// among its characters a literal ends.
func TestLongTexts(t *testing.T) {
	for _, unit := range []string{"x", "ä", "\u212a", "😀"} {
		var b strings.Builder
		for i := 0; b.Len() < 66_000; i++ {
			fmt.Fprintf(&b, "%s%04d", strings.Repeat(unit, 3), i)
		}
		for before := range 3*len(unit) + 4 {
			text := strings.Repeat("a", before) + b.String()
			last := text[:len(text)-1] // of the text but its last character
			s := scanner(t, strings.ReplaceAll(`title: whole
detection: {a: {F: TEXT}, condition: a}
---
title: prefix
detection: {a: {F|startswith: TEXT}, condition: a}
---
title: suffix
detection: {a: {F|endswith: TEXT}, condition: a}
---
title: inside
detection: {a: {F|contains: TEXT}, condition: a}
`, "TEXT", text))
			for event, want := range map[string]int{
				text: 4, strings.ToLower(text): 4, text + "-": 2, "-" + text: 2, "-" + text + "-": 1, last: 0, last + "-": 0, "-" + text[1:]: 0,
			} {
				if got, err := s.Match([]byte(`{"F": "` + event + `"}`)); err != nil || len(got) != want {
					t.Errorf("%.10q and more matches %d rules of %.10q, want %d: %v", event, len(got), text, want, err)
				}
			}
		}
	}
}

// What cannot be honoured is refused by file, line and reason.
func TestCompileRefuses(t *testing.T) {
	c := sigma.Parse("folder/rule.yml", []byte("title: admins\ndetection:\n  sel:\n    User|expand: '%admins%'\n  condition: sel\n---\ntitle: fine\ndetection:\n  sel:\n    User: x\n  condition: sel\n"))
	if len(c.Rules) != 2 {
		t.Fatal(c.Problems)
	}
	const want = `folder/rule.yml:4: the rule "admins" cannot be matched: the placeholder in "%admins%" is not replaced: give a pipeline that does`
	if _, err := sigma.Compile(c.Rules); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := sigma.NewRouter([]sigma.Routed{{Rule: c.Rules[0], Routes: []sigma.Route{{Rule: c.Rules[0]}}}}); err == nil || err.Error() != want {
		t.Errorf("routed: got %v, want %s", err, want)
	}
	var refused []sigma.Problem
	engine, err := sigma.Compile(c.Rules, sigma.Skip(&refused))
	if err != nil || len(refused) != 1 || refused[0].Error() != want {
		t.Fatalf("refused %v, %v", refused, err)
	}
	if got, err := engine.Scanner().Match([]byte(`{"User": "X"}`)); err != nil || len(got) != 1 || got[0].Title != "fine" {
		t.Errorf("the other rule: %v, %v", got, err)
	}
}

// No event costs another one anything, whatever it holds.
func TestExtraordinaryEvents(t *testing.T) {
	s := scanner(t, `
title: t
detection:
  selection:
    F|contains: needle
    G|re: 'x+y'
  words: [mimikatz]
  condition: selection or words
`)
	big := strings.Repeat("a", 10<<20)
	var many strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&many, `"field %d": "%d",`, i, i)
	}
	for _, test := range []struct {
		name, line string
		matches    int
		wrong      string
	}{
		{"a text of 10 MB", `{"F": "` + big + `Needle", "G": "xxy"}`, 1, ""},
		{"a text of 10 MB in vain", `{"F": "` + big + `", "G": "` + big + `"}`, 0, ""},
		{"5,000 fields", `{` + many.String() + `"F": "needle", "G": "xy"}`, 1, ""},
		{"a deep event", strings.Repeat(`{"a":`, 100) + `"mimikatz"` + strings.Repeat(`}`, 100), 1, ""},
		{"too deep an event", strings.Repeat(`{"a":[`, 100000), 0, "values of the event are nested more than 300 deep"},
		{"a list", `[{"F": "needle"}]`, 0, "the event is no JSON object"},
		{"an empty line", ``, 0, "the event is no JSON"},
		{"half an event", `{"F": "needle", "G": "x`, 0, "the event is no JSON"},
		{"bytes that are no text", "{\"F\": \"\xff\xfe needle\", \"G\": \"\x80xy\"}", 1, ""},
		{"binary", "\x00\x01\xff{}", 0, "the event is no JSON"},
		{"a long word that is no JSON", strings.Repeat(`[`, 290) + "t" + big, 0, "the event is no JSON"},
		{"a long line with all words", `{"F": "` + strings.Repeat(`\\\"t`, 1<<14) + `needle", "a": [true, false, null, -1.5e3], "G": "xy"}`, 1, ""},
		{"an event as any other", `{"F": "a needle", "G": "xxxy"}`, 1, ""},
	} {
		start := time.Now()
		got, err := s.Match([]byte(test.line))
		if len(got) != test.matches || (err == nil) != (test.wrong == "") || err != nil && !strings.HasPrefix(err.Error(), test.wrong) {
			t.Errorf("%s: %d matches, %.200v, want %d, %q", test.name, len(got), err, test.matches, test.wrong)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s took %s", test.name, took)
		}
	}
}

// A keyword is found wherever it stands in a long line, however its letters are written.
func TestKeywordsInLongLines(t *testing.T) {
	s := scanner(t, "title: t\ndetection:\n  words: [mimikatz]\n  condition: words\n")
	for word, matches := range map[string]int{"mimikatz": 1, `\u006dimikatz`: 1, `mimi\u004Batz`: 1, "mimi\u212aatz": 1, `\\u006dimikatz`: 0, `mimi\\ukatz`: 0} {
		for before := range 140 {
			line := `{"F": "` + strings.Repeat("x", before) + word + strings.Repeat("y", 200) + `"}`
			if got, err := s.Match([]byte(line)); err != nil || len(got) != matches {
				t.Fatalf("%s after %d characters: %d matches, %v, want %d", word, before, len(got), err, matches)
			}
		}
	}
}

// An event that matches nothing allocates nothing.
func TestAllocatesNothing(t *testing.T) {
	lines := testdata.Windows(t)
	for name, s := range map[string]*sigma.Scanner{"routed": router(t, corpus(t, "rules"), false).Scanner(), "unrouted": scanner(t, "title: t\ndetection:\n  a: {Image|re: 'x.*y', EventID: 1}\n  w: [mimikatz]\n  condition: a or w\n")} {
		matched := matches(t, s, lines[:2000])
		if len(matched) == 0 && name == "routed" {
			t.Fatal("nothing matches")
		}
		for _, line := range lines[:2000] {
			if rules, err := s.Match(line); err != nil || len(rules) > 0 {
				continue
			}
			if n := testing.AllocsPerRun(5, func() { s.Match(line) }); n > 0 {
				t.Fatalf("%s: %v allocations for %s", name, n, line)
			}
		}
	}
}

func FuzzEvent(f *testing.F) {
	s := scanner(f, `
title: t
detection:
  selection:
    F|contains: needle
    a.b|startswith: x
    G|re: '(?i)x+y'
    H|fieldref: G
  none: {I: null}
  words: [mimikatz, '*kat?z']
  condition: selection or words or not none
`)
	other := scanner(f, "title: t\ndetection:\n  a: {F: needle}\n  condition: a\n")
	for _, line := range []string{"{\"F\":\"\xe2\x82needle\xc3\"}", `{"x":[{"":"mimikatz"},"k\u00c4t","KAT\u212a"],".y":{"z":"mimikatz"}}`, `{"F":"needle","a":{"b":["x",1,null]},"G":"XY","H":"xy"}`, `{"a.b":true,"I":{}}`, `[]`, `{"\u0046":"\u004deedle"}`, "{\"F\":\"\xff\"}", `{"F":"a","F":"needle"}`} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		given := bytes.Clone(line)
		got, err := s.Match(line)
		if !bytes.Equal(line, given) {
			t.Fatalf("the line was changed from %q to %q", given, line)
		}
		first := len(got)
		for i := range got {
			if diff := cmp.Diff(s.PlainFindings(i), s.Findings(i)); diff != "" {
				t.Fatalf("found in %q (-plainly +got): %s", line, diff)
			}
		}
		if again, errAgain := s.Match(line); len(again) != first || (err == nil) != (errAgain == nil) {
			t.Fatalf("%q: %d matches, %v, then %d, %v", line, first, err, len(again), errAgain)
		}
		if got, err := other.Match([]byte(`{"F":"needle"}`)); err != nil || len(got) != 1 {
			t.Fatalf("after %q another event matches %d, %v", line, len(got), err)
		}
	})
}
