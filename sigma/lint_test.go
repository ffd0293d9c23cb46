package sigma

import (
	"fmt"
	"strings"
	"testing"
)

const cleanRule = `title: Clean
id: 929a690e-bef0-4204-a928-ef5e620d6fcc
status: test
level: high
date: 2024-01-02
modified: 2024-02-03
related: [{id: 08fbc97d-0a2f-491c-ae21-8ffcfd3174e9, type: derived}]
tags: [attack.t1059.001, attack.t1059, attack.execution, attack.g0016, attack.ds0009, car.2016-04-005, cve.2021-44228, d3fend.d3-am, d3fend.d3f-WindowsNtOpenFile, detection.dfir, stp.3k, tlp.amber-strict]
logsource: {category: process_creation, product: windows, service: firewall-as}
detection:
  selection:
    F|contains|all: [a, b]
    G: null
  condition: selection
falsepositives: [Unlikely]
`

// Each line changes the clean rule: what is replaced, by what, and the codes of
// what Check then says.
func TestCheck(t *testing.T) {
	f := func(old, new string, want ...string) {
		t.Helper()
		text := strings.Replace(cleanRule, old, new, 1)
		if old != "" && text == cleanRule {
			t.Fatalf("the clean rule has no %q", old)
		}
		rule := loaded(t, text).Rules[0]
		var got []string
		for _, p := range Check(rule) {
			got = append(got, p.Code)
			if p.Fix == "" || p.Line == 0 {
				t.Errorf("no fix or place: %+v", p)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", new, Check(rule), want)
		}
	}
	f("", "")
	f("title: Clean", "", "title")
	f("Clean", strings.Repeat("ä", 257), "title")
	f("Clean", strings.Repeat("ä", 256))
	f("id: 929a690e-bef0-4204-a928-ef5e620d6fcc", "", "id")
	f("929a690e-bef0-4204-a928-ef5e620d6fcc", "my-rule", "id")
	f("status: test", "status: testing", "status")
	f("status: test", "")
	f("status: test", "statsu: test\nreference: a\nowner: me\nversion: 2\ntype: x", "key", "key")
	f("level: high", "", "level")
	f("level: high", "level: higher", "level")
	f("2024-01-02", "2024/01/02", "date")
	f("2024-01-02", "2024-02-30", "date")
	f("2024-02-03", "2023-02-03", "date")
	f("type: derived", "type: child", "related")
	f("08fbc97d-0a2f-491c-ae21-8ffcfd3174e9", "x", "related")
	f("08fbc97d-0a2f-491c-ae21-8ffcfd3174e9", "929a690e-bef0-4204-a928-ef5e620d6fcc", "related")
	f("attack.t1059.001", "attack.t105", "tag")
	f("attack.t1059.001", "attack.T1059.001", "tag")
	f("attack.t1059.001", "attack.command_and_control", "tag")
	f("attack.t1059.001", "attack.fun", "tag")
	f("attack.t1059.001", "attack.t1059", "tag")
	f("attack.t1059.001", "mitre.t1059", "tag")
	f("attack.t1059.001", "execution", "tag")
	f("cve.2021-44228", "cve.44228", "tag")
	f("tlp.amber-strict", "tlp.blue", "tag")
	f("product: windows", "product: Windows", "logsource")
	f("process_creation", "Process Creation", "logsource")
	f("logsource: {category: process_creation, product: windows, service: firewall-as}", "", "logsource")
	f("condition: selection", "other: {F: a}\n  condition: selection", "unused-search")
	f("condition: selection", "other: {F: a}\n  condition: all of them", "all-of-them")
	f("[a, b]", "a", "single-all")
	f("[a, b]", "[a, A]", "duplicate-value")
	f("F|contains|all: [a, b]", "F|contains: ['', x]", "only-wildcard")
	f("G: null", "G: [null, '']", "null-in-list")
	f("G: null", "' G': a", "field")
	f("G: null", "G: '%Servers%'", "placeholder")
	f("G: null", "G|expand: '%Servers%'")
	f("[Unlikely]", "['']", "falsepositives")
}

// Each line is a correlation or filter beside a rule named a, and the codes of
// what Check says of it.
func TestCheckOthers(t *testing.T) {
	f := func(document string, want ...string) {
		t.Helper()
		c := loaded(t, strings.Replace(cleanRule, "title: Clean", "title: Clean\nname: a", 1)+"---\n"+document)
		var got []string
		for _, p := range c.Check() {
			got = append(got, p.Code)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", document, c.Check(), want)
		}
	}
	const head = "{title: T, id: 0e95725d-7320-415d-80f7-004da920fc11, "
	f(head + "correlation: {type: event_count, rules: a, group-by: u, timespan: 1m, aliases: {u: {a: User}}, condition: {gt: 1, lt: 3}}}")
	f("{correlation: {type: event_count, rules: a, timespan: 1m, condition: {gt: 1}}}", "title", "id", "group-by")
	f(head+"level: bad, status: bad, tags: [bad], date: bad, correlation: {type: temporal, rules: a, group-by: u, timespan: 1m}}", "status", "level", "date", "tag")
	f(head+"correlation: {type: temporal, rules: a, group-by: u, timespan: 1m, aliases: {v: {a: A, b: B}}}}", "alias", "alias")
	for _, bounds := range []string{"gt: 3, lt: 3", "gte: 4, lte: 3", "eq: 5, lt: 5", "gt: 3, lte: 3"} {
		f(head+"correlation: {type: event_count, rules: a, group-by: u, timespan: 1m, condition: {"+bounds+"}}}", "range")
	}
	f(head + "correlation: {type: event_count, rules: a, group-by: u, timespan: 1m, condition: {gte: 3, lte: 3}}}")
	f(head + "logsource: {product: windows}, filter: {rules: a, s: {F: x}, condition: s}}")
	f("{logsource: {product: windows}, date: bad, filter: {rules: a, s: {F|all: x}, t: {F: x}, condition: s}}", "title", "id", "date", "unused-search", "single-all")
	f(head+"logsource: {}, filter: {rules: any, s: {F: x}, condition: s}}", "logsource")
}
