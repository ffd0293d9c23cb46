package plain

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/testdata"
)

func TestSemantics(t *testing.T) {
	var checks []struct {
		Name, Rule string
		Event      map[string]any
		Want       int
	}
	testdata.JSON(t, &checks, "sigma", "semantics-public.json")
	if len(checks) == 0 {
		t.Fatal("no checks")
	}
	for _, check := range checks {
		c := sigma.Parse(check.Name, []byte(check.Rule))
		if len(c.Rules) != 1 {
			t.Errorf("%s: not loaded: %v", check.Name, c.Problems)
			continue
		}
		got, err := Match(c.Rules[0], check.Event)
		if err != nil || got != (check.Want == 1) {
			t.Errorf("%s: %v, %v, want %d\n%s\n%v", check.Name, got, err, check.Want, check.Rule, check.Event)
		}
	}
}

func TestRegression(t *testing.T) {
	rules, err := sigma.Load(testdata.Path(t, "sigma", "sigmahq-rules.tar.gz"))
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
	for _, c := range cases {
		for _, id := range c.IDs {
			rule := rules.Rule(id)
			if rule == nil {
				t.Errorf("%s: no rule %s", c.Case, id)
				continue
			}
			want, got := 1, 0
			if c.Want != nil {
				want = *c.Want
			}
			for _, event := range c.Events {
				if ok, err := Match(rule, withoutSpaces(event)); err != nil {
					t.Errorf("%s: %v", c.Case, err)
				} else if ok {
					got++
				}
			}
			if got < want {
				t.Errorf("%s: %d matches, want %d", c.Case, got, want)
			}
		}
	}
}

// withoutSpaces takes the spaces from the names of fields, as the
// specification asks of events of Windows.
func withoutSpaces(event map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range event {
		out[strings.ReplaceAll(name, " ", "")] = v
	}
	return out
}

// The table reads: a search in YAML's flow form, an event, and whether it is
// met.
func TestValues(t *testing.T) {
	f := func(search, event string, want bool) {
		t.Helper()
		c := sigma.Parse("rule", []byte("detection:\n  sel: "+search+"\n  condition: sel\n"))
		if len(c.Rules) != 1 {
			t.Errorf("%s: %v", search, c.Problems)
			return
		}
		d := json.NewDecoder(strings.NewReader(event))
		d.UseNumber()
		var e map[string]any
		if err := d.Decode(&e); err != nil {
			t.Fatalf("%s: %v", event, err)
		}
		got, err := Match(c.Rules[0], e)
		if err != nil || got != want {
			t.Errorf("%s on %s: %v, %v, want %v", search, event, got, err, want)
		}
	}

	// Texts.
	f(`{F: abc}`, `{"F": "ABC"}`, true)
	f(`{F: 'K'}`, `{"F": "\u212a"}`, true)
	f(`{F: 'a\*'}`, `{"F": "a*"}`, true)
	f(`{F: 'a\*'}`, `{"F": "ab"}`, false)
	f(`{F: 'a\?'}`, `{"F": "a?"}`, true)
	f(`{F: 'a\\*'}`, `{"F": "a\\x"}`, true)
	f(`{F: '\\\\server'}`, `{"F": "\\\\server"}`, true)
	f(`{F: '\\\server'}`, `{"F": "\\\\server"}`, true)
	f(`{F: 'a\\b'}`, `{"F": "a\\b"}`, true)
	f(`{F: 'a\b'}`, `{"F": "a\\b"}`, true)
	f(`{F: 'a?c'}`, `{"F": "aäc"}`, true)
	f(`{F: 'a?c'}`, `{"F": "a\nc"}`, true)
	f(`{F: '*'}`, `{"F": ""}`, true)
	f(`{F: '*'}`, `{"G": ""}`, false)
	f(`{F|endswith: 'a?'}`, `{"F": "xxab"}`, true)
	f(`{F|endswith: 'a?'}`, `{"F": "xxabc"}`, false)
	f(`{F|startswith|cased: Ab}`, `{"F": "Abc"}`, true)
	f(`{F|cased|startswith: Ab}`, `{"F": "abc"}`, false)

	// Numbers, truth and nothing.
	f(`{F: 1}`, `{"F": 1.0}`, true)
	f(`{F: 1}`, `{"F": "1.0"}`, true)
	f(`{F: '1'}`, `{"F": 1}`, true)
	f(`{F: '1'}`, `{"F": 1.0}`, false)
	f(`{F: 0x10}`, `{"F": 16}`, true)
	f(`{F: 0x10}`, `{"F": "0x10"}`, true)
	f(`{F|gte: 0x10}`, `{"F": 17}`, true)
	f(`{F|contains: 0x10}`, `{"F": "a0x10b"}`, true)
	f(`{F: 12345678901234567890}`, `{"F": 12345678901234567890}`, true)
	f(`{F: 12345678901234567890}`, `{"F": 12345678901234567891}`, false)
	f(`{F: true}`, `{"F": "True"}`, true)
	f(`{F: null}`, `{"F": [1, null]}`, true)
	f(`{F: null}`, `{"F": []}`, false)
	f(`{F: null}`, `{"F": {}}`, false)
	f(`{F|exists: true}`, `{"F": null}`, true)
	f(`{F|exists: true}`, `{"F": ""}`, true)
	f(`{F|exists: true}`, `{}`, false)
	f(`{F|neq: a}`, `{"F": "b"}`, true)
	f(`{F|neq: a}`, `{"F": "A"}`, false)
	f(`{F|neq: [a, b]}`, `{"F": "b"}`, false)
	f(`{F|neq: a}`, `{}`, true)
	f(`{F|neq: 5}`, `{"F": 5.0}`, false)
	f(`{F|contains|neq: a}`, `{"F": "xay"}`, false)
	f(`{F|gt: 1.5}`, `{"F": "2"}`, true)
	f(`{F|lt: 0}`, `{"F": -1}`, true)
	f(`{F|lt: 5}`, `{"F": "x"}`, false)

	// Fields.
	f(`{a.b: x}`, `{"a": {"b": "x"}}`, true)
	f(`{a.b: x}`, `{"a.b": "x"}`, true)
	f(`{a.b: x}`, `{"a.b": "y", "a": {"b": "x"}}`, false)
	f(`{a.b: x}`, `{"a": [{"b": "y"}, {"b": ["z", "x"]}]}`, true)
	f(`{F: x}`, `{"F": [["x"]]}`, true)
	f(`{F|contains|all: [a, b]}`, `{"F": ["a", "b"]}`, true)
	f(`{F: x}`, `{"F": {"x": "x"}}`, false)
	f(`{a.b|exists: false}`, `{"a": {}}`, true)

	// Regular expressions.
	f(`{F|re: 'a.c'}`, `{"F": "a\nc"}`, false)
	f(`{F|re|m: '^b$'}`, `{"F": "a\nb\nc"}`, true)
	f(`{F|re: '^b$'}`, `{"F": "a\nb\nc"}`, false)
	f(`{F|re|i: 'ABC'}`, `{"F": "xabcx"}`, true)
	f(`{F|re: '^46'}`, `{"F": 4624}`, true)
	f(`{F|re|startswith: 'a|b'}`, `{"F": "cb"}`, false)
	f(`{F|re|endswith: 'a|b'}`, `{"F": "cb"}`, true)
	f(`{F|re: '(?<!x)y'}`, `{"F": "xy"}`, false)
	f(`{F|re: '(?<!x)y'}`, `{"F": "zy"}`, true)
	f(`{F|re: '^(?=.*a)(?=.*b)[^]c]+$'}`, `{"F": "bza"}`, true)
	f(`{F|re: '^(?=.*a)(?=.*b)[^]c]+$'}`, `{"F": "bz"}`, false)
	f(`{F|re: '(?<=a(?!b))c|(?<=^|;)z'}`, `{"F": "ac"}`, true)
	f(`{F|re: '(?<=^|;)z'}`, `{"F": "a;z"}`, true)
	f(`{F|re: '(?<=^|;)z'}`, `{"F": "az"}`, false)
	f(`{F|re|i: '(?<=Ä)b'}`, `{"F": "äB"}`, true)
	f(`{F|re: '(?i)(?<=Ä)b'}`, `{"F": "äB"}`, true)
	f(`{F|re: '(?ms)^b.(?=^c)'}`, `{"F": "a\nb\nc"}`, true)
	f(`{F|re: '^b(?=.^c)'}`, `{"F": "a\nb\nc"}`, false)
	f(`{F|re: '(?<word>a)(?!b)'}`, `{"F": "ac"}`, true)
	f(`{F|re: '\(?a(?!b)'}`, `{"F": "ac"}`, true)

	// Encodings.
	f(`{F|base64|contains: foo}`, `{"F": "xxZm9vxx"}`, true)
	f(`{F|base64offset|contains: foobar}`, `{"F": "eGZvb2Jhcg=="}`, true)
	f(`{F|base64offset|contains: foobar}`, `{"F": "eHhmb29iYXJ4"}`, true)
	f(`{F|base64offset|contains: foobar}`, `{"F": "Zm9vYmFy"}`, true)
	f(`{F|utf16be|base64: cmd}`, `{"F": "AGMAbQBk"}`, true)
	f(`{F|wide|base64offset|contains: 'é1'}`, `{"F": "6QAxAA=="}`, true)

	// Dashes.
	for _, dash := range []string{"-", "/", "–", "—", "―"} {
		f(`{F|contains|windash: ' -f '}`, `{"F": "x `+dash+`f y"}`, true)
		f(`{F|windash|contains: ' /f '}`, `{"F": "x `+dash+`f y"}`, true)
		f(`{F|windash|startswith: '—f-g'}`, `{"F": "`+dash+`f-g y"}`, true)
	}
	f(`{F|windash: '-param-name'}`, `{"F": "/param/name"}`, false)

	// Networks.
	f(`{F|cidr: 10.0.0.0/8}`, `{"F": "10.1.2.3"}`, true)
	f(`{F|cidr: 10.0.0.0/8}`, `{"F": "::ffff:10.1.2.3"}`, true)
	f(`{F|cidr: '::ffff:10.0.0.0/104'}`, `{"F": "10.1.2.3"}`, true)
	f(`{F|cidr: 'fe80::/10'}`, `{"F": "fe80::1%eth0"}`, true)
	f(`{F|cidr: 10.0.0.0/8}`, `{"F": "11.0.0.1"}`, false)
	f(`{F|cidr: [10.0.0.1, '2001:db8::/32']}`, `{"F": "2001:DB8::1"}`, true)

	// Times.
	f(`{F|hour|gte: 18}`, `{"F": "2026-01-02T19:00:00+05:00"}`, true)
	f(`{F|hour: 19}`, `{"F": "2026-01-02 19:00:00.123"}`, true)
	f(`{F|week: 53}`, `{"F": "2021-01-01"}`, true)
	f(`{F|day|neq: 2}`, `{"F": "2026-01-02T03:04:05Z"}`, false)
	f(`{F|day: 2}`, `{"F": "yesterday"}`, false)

	// Other fields.
	f(`{F|fieldref|endswith: G}`, `{"F": "xab", "G": "AB"}`, true)
	f(`{F|startswith|fieldref: G}`, `{"F": "abx", "G": "ab"}`, true)
	f(`{F|fieldref|contains: G}`, `{"F": "xabx", "G": "ab"}`, true)
	f(`{F|fieldref|cased: G}`, `{"F": "a", "G": "A"}`, false)
	f(`{F|fieldref|neq: G}`, `{"F": "a", "G": "b"}`, true)
	f(`{F|fieldref: G.H}`, `{"F": 5, "G": {"H": ["4", "5"]}}`, true)
	f(`{F|fieldref: G}`, `{"F": null, "G": null}`, false)

	// Keywords.
	f(`[evil]`, `{"a": {"b": [{"c": "xEVILx"}]}}`, true)
	f(`[evil]`, `{"evil": "x"}`, false)
	f(`evil`, `{"a": "evil"}`, true)
	f(`[4104, 'x']`, `{"a": 41045}`, true)
	f(`{'|all': [one, two]}`, `{"a": "one", "b": "two"}`, true)
	f(`{'|re': '^one$'}`, `{"a": "one"}`, true)
	f(`{'|cidr': 10.0.0.0/8}`, `{"a": "10.0.0.1"}`, true)
	f(`{'|cased': One}`, `{"a": "a one"}`, false)
	f(`[word, {F: a}]`, `{"F": "a"}`, true)
	f(`[word, {F: a}]`, `{"G": "a word"}`, true)
	f(`[{F: a, G: b}, {F: c}]`, `{"F": "a", "G": "x"}`, false)

	// Placeholders.
	f(`{F|expand: '\%a\%'}`, `{"F": "%a%"}`, true)
	f(`{F: '\%a\%'}`, `{"F": "%a%"}`, false)
}

// A rule with placeholders is not run.
func TestPlaceholder(t *testing.T) {
	c := sigma.Parse("rule", []byte("detection:\n  sel:\n    F|expand: '%users%'\n  condition: sel\n"))
	if len(c.Rules) != 1 {
		t.Fatal(c.Problems)
	}
	if _, err := Match(c.Rules[0], map[string]any{}); err == nil {
		t.Error("no error")
	}
}

// One condition of a list is enough.
func TestConditions(t *testing.T) {
	c := sigma.Parse("rule", []byte("detection:\n  a: {F: a}\n  b: {F: b}\n  condition: [a, b]\n"))
	for value, want := range map[string]bool{"a": true, "b": true, "c": false} {
		if got, err := Match(c.Rules[0], map[string]any{"F": value}); got != want || err != nil {
			t.Errorf("%s: %v, %v", value, got, err)
		}
	}
}

// Two engines of others agree on what matches in 11,838 real events. Each of
// their matches is one, and of every 1,000th event there are no others.
func TestWindows(t *testing.T) {
	loaded, err := sigma.Load(testdata.Path(t, "sigma", "sigmahq-rules.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var rules []*sigma.Rule
	for _, r := range loaded.Rules {
		if strings.Contains(r.File, "/rules/") && len(r.Placeholders()) == 0 {
			rules = append(rules, r)
		}
	}
	if len(rules) != 3141 {
		t.Fatalf("%d rules", len(rules))
	}
	want := map[int][]string{}
	for line := range strings.Lines(testdata.Text(t, "sigma", "windows-12k-expected-all.tsv.gz")) {
		number, id, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		want[n] = append(want[n], id)
	}
	number := 0
	for line := range strings.Lines(testdata.Text(t, "events", "windows-12k.ndjson.gz")) {
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		var event map[string]any
		if err := d.Decode(&event); err != nil {
			t.Fatalf("event %d: %v", number, err)
		}
		candidates := rules
		if number%1000 != 0 {
			candidates = nil
			for _, id := range want[number] {
				candidates = append(candidates, loaded.Rule(id))
			}
		}
		var got []string
		for _, r := range candidates {
			if ok, err := Match(r, event); err != nil {
				t.Error(err)
			} else if ok {
				got = append(got, r.ID)
			}
		}
		slices.Sort(got)
		slices.Sort(want[number])
		if !slices.Equal(got, want[number]) {
			t.Errorf("event %d: got %v, want %v", number, got, want[number])
		}
		number++
	}
	if number != 11838 {
		t.Errorf("%d events", number)
	}
}
