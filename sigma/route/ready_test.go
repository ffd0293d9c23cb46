package route_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/testdata"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
	"github.com/binnaclehq/binnacle/sigma/route"
)

func ready(t testing.TB) *route.Table {
	t.Helper()
	table, err := route.Ready()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestRead(t *testing.T) {
	const file = `
named: true
forms:
  - {product: p, pipeline: winlogbeat, fields: {A: b.a}}
routes:
  - {source: {product: p, service: s}, when: {A: x, B: [1, 2]}, fields: {Image: exe}}
  - {source: {category: c}, when: {A: []}}
  - {source: {category: c}, when: {C: []}}
`
	table, problems := route.Read("x.yml", []byte(file))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, test := range []struct {
		of   sigma.Logsource
		want []string
	}{
		{sigma.Logsource{Product: "p", Service: "s"}, []string{"A=x B=1|2 -> exe User", "b.a=x B=1|2 -> exe User"}},
		{sigma.Logsource{Product: "q", Category: "c"}, []string{"A -> Image User", "C -> Image User", "b.a -> Image User"}},
		{sigma.Logsource{Product: "q", Service: "z"}, []string{"logsource.product=q logsource.service=z -> Image User"}},
		{sigma.Logsource{Category: "d"}, []string{"logsource.category=d -> Image User"}},
		{sigma.Logsource{}, nil},
	} {
		if diff := cmp.Diff(test.want, routes(t, table, ruleOf(test.of, "Image", "User"))); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.of, diff)
		}
	}
}

func TestReadProblems(t *testing.T) {
	const start = "routes:\n  - "
	for _, test := range []struct{ file, want string }{
		{"route: []", `x.yml:1: a table of routes needs "routes"`},
		{start + "{source: {product: p}}", `x.yml:2: a route needs "when"`},
		{start + "{source: {product: p}, when: {}}", "so that the rules are for every event"},
		{start + "{source: {}, when: {a: b}}", "the route is of no logs"},
		{start + "{source: {produkt: p}, when: {a: b}}", `"source" does not know "produkt"; did you mean "product"?`},
		{start + "{source: {product: p}, when: {a: b}, pipeline: sysmn}", `did you mean "sysmon"?`},
		{start + "{source: {product: p}, when: {a: b}, field: {}}", `a route does not know "field"; did you mean "fields"?`},
		{"logsources: []", "must be a map of names to values"},
	} {
		_, got := route.Read("x.yml", []byte(test.file))
		if len(got) == 0 || !slices.ContainsFunc(got, func(p sigma.Problem) bool { return strings.Contains(p.Error(), test.want) }) {
			t.Errorf("%s\n got %v\nwant %s", test.file, got, test.want)
		}
	}
}

// TestReadyRefused shows that a route whose pipeline refuses the rule is left
// out, and that the reason is told when there is no other.
func TestReadyRefused(t *testing.T) {
	rule := ruleOf(sigma.Logsource{Product: "linux", Category: "process_creation"}, "ParentImage")
	for _, r := range routes(t, ready(t), rule) {
		if strings.Contains(r, "syscall") {
			t.Errorf("the audit daemon writes no ParentImage, got %s", r)
		}
	}
	table, problems := route.Read("x.yml", []byte("routes: [{source: {product: linux}, when: {a: b}}, {source: {product: linux, category: process_creation}, when: {a: b}, pipeline: auditd}]"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if _, err := table.For(rule); err == nil || !strings.Contains(err.Error(), "the route of line 1: a rule: auditd.yml:") {
		t.Errorf("got %v", err)
	}
}

// TestReadyKnows counts the rules of SigmaHQ that only events which name their
// logsource can meet.
func TestReadyKnows(t *testing.T) {
	table := ready(t)
	unknown := map[string]int{}
	for _, rule := range corpus(t) {
		all, err := table.For(rule)
		if err != nil || len(all) == 0 {
			t.Errorf("%s: %d routes, %v", rule.File, len(all), err)
			continue
		}
		if strings.HasPrefix(all[0].When[0].Field, "logsource.") {
			l := rule.Logsource
			unknown[strings.Trim(l.Category+"/"+l.Product+"/"+l.Service, "/")]++
		}
	}
	want := map[string]int{
		"appliance/paloalto/globalprotect": 1, "fortios/sslvpnd": 1, "qualys": 2, "netflow": 1, "firewall": 2, "database": 1,
		"cisco/aaa": 13, "cisco/bgp": 1, "cisco/duo": 1, "cisco/ldp": 1, "cisco/syslog": 1, "huawei/bgp": 1, "juniper/bgp": 1,
		"application/django": 1, "application/jvm": 5, "application/nodejs": 1, "application/python": 1,
		"application/ruby_on_rails": 1, "application/spring": 2, "application/sql": 1, "application/velocity": 1,
		"file_access/windows": 13, "file_rename/windows": 2,
	}
	if diff := cmp.Diff(want, unknown); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReadyNames shows that a route with names is what its entry makes of the rule,
// and that most keep the rule itself.
func TestReadyNames(t *testing.T) {
	kept, all := 0, 0
	rules := corpus(t)
	for _, e := range ready(t).Entries {
		table := route.Table{Entries: []route.Entry{e}}
		for _, rule := range rules {
			routes, err := table.For(rule)
			if err != nil || len(routes) == 0 {
				continue
			}
			want := pipeline.Rename(rule, e.Fields)
			if e.Pipeline != nil {
				if want, err = e.Pipeline.Apply(want); err != nil {
					t.Fatal(err)
				}
			}
			got := pipeline.Rename(routes[0].Rule, routes[0].Names)
			if !reflect.DeepEqual(want.Detection, got.Detection) {
				t.Fatalf("%s, by the route of line %d, is rewritten otherwise: names %v", rule.File, e.Line, routes[0].Names)
			}
			if all++; routes[0].Rule == rule {
				kept++
			}
		}
	}
	if all < 6000 || 4*kept < 3*all {
		t.Errorf("%d of %d routes keep the rule", kept, all)
	}
}

// TestMoreThanNames shows that what a pipeline does beside renaming is not lost.
func TestMoreThanNames(t *testing.T) {
	table, problems := route.Read("x.yml", []byte("routes: [{source: {product: linux, category: process_creation}, when: {a: b}, pipeline: auditd}]"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	rule := sigma.Parse("r.yml", []byte("title: t\nlogsource: {product: linux, category: process_creation}\ndetection:\n  s: {CommandLine|contains: rm}\n  condition: s\n")).Rules[0]
	routes, err := table.For(rule)
	if err != nil || len(routes) != 1 {
		t.Fatal(len(routes), err)
	}
	want := pipeline.Rename(rule, nil)
	if routes[0].Rule == rule || cmp.Equal(want.Detection, routes[0].Rule.Detection) {
		t.Errorf("the pipeline's rule was lost: %v", routes[0].Names)
	}
}

// TestNamesOfKeywords shows that keywords which get a name, and fields that lose theirs,
// are rewritten.
func TestNamesOfKeywords(t *testing.T) {
	rule := sigma.Parse("r.yml", []byte("title: t\nlogsource: {product: linux}\ndetection:\n  k: [rm]\n  s: {F: x}\n  condition: k or s\n")).Rules[0]
	for _, fields := range []map[string]string{{"": "message"}, {"F": ""}, {"F": "G", "": "message"}} {
		table := route.Table{Entries: []route.Entry{{Source: sigma.Logsource{Product: "linux"}, Fields: fields}}}
		routes, err := table.For(rule)
		if err != nil || len(routes) != 1 {
			t.Fatal(routes, err)
		}
		if want := pipeline.Rename(rule, fields); !cmp.Equal(want.Detection, routes[0].Rule.Detection) || routes[0].Names != nil {
			t.Errorf("%v: the rule became %+v with names %v", fields, routes[0].Rule.Detection, routes[0].Names)
		}
	}
}

// TestLargeRule shows that the size of a rule keeps no field from another name.
func TestLargeRule(t *testing.T) {
	var values []sigma.Value
	for i := range 60_000 {
		values = append(values, sigma.PlainString(strconv.Itoa(i)))
	}
	rule := sigma.Parse("r.yml", []byte("title: t\nlogsource: {product: windows, category: process_creation}\ndetection:\n  a: {Image: x}\n  b: {Image: y}\n  condition: a or b\n")).Rules[0]
	for item := range rule.Detection.Items() {
		item.Values = values
	}
	routes, err := ready(t).For(rule)
	if err != nil || len(routes) < 2 {
		t.Fatal(len(routes), err)
	}
}

// TestReadyIsTHOR shows that the ready table finds in real events of Windows
// what SigmaHQ's finds.
func TestReadyIsTHOR(t *testing.T) {
	rules := corpus(t)
	table, problems := route.Read("thor.yml", testdata.THOR(t))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	lines := testdata.Windows(t)
	want, got := found(t, table, rules, lines), found(t, ready(t), rules, lines)
	if len(want) < 115 {
		t.Fatalf("%d matches", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReadyCloudTrail shows that no record of CloudTrail is left out: what the
// rules find in all events they find by their routes too.
func TestReadyCloudTrail(t *testing.T) {
	var rules []*sigma.Rule
	for _, rule := range corpus(t) {
		if rule.Logsource.Service == "cloudtrail" {
			rules = append(rules, rule)
		}
	}
	var lines [][]byte
	files, _ := filepath.Glob(filepath.Join(testdata.Path(t, "cloudtrail"), "*.json"))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var trail struct{ Records []json.RawMessage }
		if err := json.Unmarshal(data, &trail); err != nil {
			t.Fatal(err)
		}
		for _, record := range trail.Records {
			lines = append(lines, record)
		}
	}
	engine, err := sigma.Compile(rules)
	if err != nil {
		t.Fatal(err)
	}
	want := scan(t, engine.Scanner(), lines)
	if len(want) < 10 {
		t.Fatalf("%d matches in %d records", len(want), len(lines))
	}
	if diff := cmp.Diff(want, found(t, ready(t), rules, lines)); diff != "" {
		t.Errorf("%d records (-want +got):\n%s", len(lines), diff)
	}
}

// TestReadyRegression runs SigmaHQ's own cases by the routes of their rules.
func TestReadyRegression(t *testing.T) {
	var cases []struct {
		Case   string
		IDs    []string
		Events []json.RawMessage
	}
	testdata.JSON(t, &cases, "sigma", "regression-public.json.gz")
	if len(cases) != 139 {
		t.Fatalf("%d cases, want 139", len(cases))
	}
	rules := map[string]*sigma.Rule{}
	for _, rule := range corpus(t) {
		rules[rule.ID] = rule
	}
	table := ready(t)
	for _, c := range cases {
		var lines [][]byte
		for _, event := range c.Events {
			lines = append(lines, event)
		}
		for _, id := range c.IDs {
			if rules[id] == nil {
				t.Errorf("%s: no rule %s", c.Case, id)
			} else if len(found(t, table, []*sigma.Rule{rules[id]}, lines)) == 0 {
				t.Errorf("%s: the rule does not find its events", c.Case)
			}
		}
	}
}

// corpus is SigmaHQ's rules, without those whose placeholders wait for values.
func corpus(t testing.TB) []*sigma.Rule {
	t.Helper()
	c, err := sigma.Load(testdata.Path(t, "sigma", "sigmahq-rules.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Rules) < 3000 {
		t.Fatalf("%d rules", len(c.Rules))
	}
	return slices.DeleteFunc(c.Rules, expands)
}

// expands reports whether a rule has placeholders that nothing fills.
func expands(rule *sigma.Rule) bool {
	p, problems := pipeline.Read("p.yml", []byte("transformations: [{type: value_placeholders}]"))
	if problems != nil {
		panic(problems)
	}
	_, err := p.Apply(rule)
	return err != nil
}

// found runs events through rules by their routes.
func found(t testing.TB, table *route.Table, rules []*sigma.Rule, lines [][]byte) []string {
	t.Helper()
	var routed []sigma.Routed
	for _, rule := range rules {
		all, err := table.For(rule)
		if err != nil {
			t.Fatal(err)
		}
		routed = append(routed, sigma.Routed{Rule: rule, Routes: all})
	}
	router, err := sigma.NewRouter(routed)
	if err != nil {
		t.Fatal(err)
	}
	return scan(t, router.Scanner(), lines)
}

func scan(t testing.TB, s *sigma.Scanner, lines [][]byte) []string {
	t.Helper()
	var out []string
	for i, line := range lines {
		rules, err := s.Match(line)
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		for _, rule := range rules {
			out = append(out, fmt.Sprintf("%d\t%s", i, rule.ID))
		}
	}
	slices.Sort(out)
	return out
}

// TestReadyEvents shows rules of many sources finding events as these are.
func TestReadyEvents(t *testing.T) {
	for _, test := range []struct{ source, detection, hit, miss string }{
		{"{product: windows, category: process_creation}", `{Image|endswith: \a.exe}`,
			`{"Channel":"Security","EventID":"4688","NewProcessName":"C:\\a.exe"}`, `{"Channel":"Security","EventID":4689,"NewProcessName":"C:\\a.exe"}`},
		{"{product: windows, category: process_creation}", `{Image|endswith: \a.exe}`,
			`{"winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","event_id":1},"process":{"executable":"c:\\A.exe"}}`, `{"winlog":{"channel":"Security","event_id":1},"process":{"executable":"c:\\A.exe"}}`},
		{"{product: windows, category: registry_add}", `{TargetObject|contains: x}`,
			`{"Channel":"microsoft-windows-sysmon/operational","EventID":12,"EventType":"CreateKey","TargetObject":"x"}`, `{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":12,"EventType":"DeleteKey","TargetObject":"x"}`},
		{"{category: antivirus}", `{Signature|contains: PWS, Filename|contains: temp}`,
			`{"Channel":"Microsoft-Windows-Windows Defender/Operational","EventID":1116,"ThreatName":"PWS:Win32","Path":"c:\\temp\\x"}`, `{"Channel":"Application","EventID":1116,"ThreatName":"PWS:Win32","Path":"c:\\temp\\x"}`},
		{"{product: windows}", `[mimikatz]`, `{"Channel":"Any","x":"Mimikatz"}`, `{"x":"mimikatz"}`},
		{"{product: linux, category: process_creation}", `{Image|endswith: /nc}`,
			`{"Channel":"Linux-Sysmon/Operational","EventID":1,"Image":"/bin/nc"}`, `{"Channel":"Linux-Sysmon/Operational","EventID":5,"Image":"/bin/nc"}`},
		{"{product: linux, category: process_creation}", `{CommandLine|contains: shadow}`,
			`{"type":"SYSCALL","syscall":"59","exe":"/bin/cat","proctitle":"cat /etc/shadow"}`, `{"type":"SYSCALL","syscall":"1","exe":"/bin/cat","proctitle":"cat /etc/shadow"}`},
		{"{product: linux, service: auditd}", `{type: EXECVE, a0: wget}`, `{"type":"EXECVE","a0":"wget"}`, `{"type":"other","a0":"wget"}`},
		{"{product: linux, service: sshd}", `[Failed to generate curve25519 keys]`,
			`{"SYSLOG_IDENTIFIER":"sshd","MESSAGE":"error: Failed to generate curve25519 keys"}`, `{"SYSLOG_IDENTIFIER":"cron","MESSAGE":"Failed to generate curve25519 keys"}`},
		{"{product: linux, service: auth}", `[failure]`, `{"log":{"file":{"path":"/var/log/auth.log.1"}},"message":"failure"}`, `{"log":{"file":{"path":"/var/log/other"}},"message":"failure"}`},
		{"{product: aws, service: cloudtrail}", `{eventName: CreateUser}`,
			`{"eventVersion":"1.08","eventSource":"iam.amazonaws.com","eventName":"CreateUser"}`, `{"eventSource":"iam.amazonaws.com","eventName":"CreateUser"}`},
		{"{product: aws, service: cloudtrail}", `{eventName: CreateUser}`,
			`{"class_uid":6003,"metadata":{"product":{"name":"CloudTrail"}},"api":{"operation":"CreateUser"}}`, `{"class_uid":6003,"api":{"operation":"CreateUser"}}`},
		{"{category: application, product: kubernetes, service: audit}", `{verb: delete, objectRef.resource: events}`,
			`{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"delete","objectRef":{"resource":"events"}}`, `{"kind":"Event","apiVersion":"v1","verb":"delete","objectRef":{"resource":"events"}}`},
		{"{product: gcp, service: gcp.audit}", `{gcp.audit.method_name: SetIamPolicy}`,
			`{"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","methodName":"SetIamPolicy"}}`, `{"protoPayload":{"methodName":"SetIamPolicy"}}`},
		{"{product: azure, service: signinlogs}", `{ResultType: 50126}`, `{"category":"SignInLogs","ResultType":"50126"}`, `{"category":"AuditLogs","ResultType":"50126"}`},
		{"{product: okta, service: okta}", `{eventType: user.mfa.factor.deactivate}`, `{"eventType":"user.mfa.factor.deactivate","legacyEventType":null}`, `{"eventType":"AwsApiCall"}`},
		{"{product: github, service: audit}", `{action: repo.destroy}`, `{"action":"repo.destroy","actor":"a","_document_id":"x"}`, `{"action":"destroy"}`},
		{"{product: zeek, service: smb_files}", `{name|endswith: .evil}`, `{"_path":"smb_files","name":"a.evil"}`, `{"_path":"files","name":"a.evil"}`},
		{"{category: dns}", `{query|contains: evil, record_type: TXT}`, `{"event_type":"dns","flow_id":1,"dns":{"rrname":"evil.example","rrtype":"TXT"}}`, `{"event_type":"tls","dns":{"rrname":"evil.example","rrtype":"TXT"}}`},
		{"{category: dns}", `{query|contains: evil, record_type: TXT}`, `{"_path":"dns","query":"evil.example","qtype_name":"TXT"}`, `{"_path":"dns","query":"evil.example","qtype_name":"A"}`},
		{"{category: proxy}", `{c-useragent|startswith: curl, cs-method: GET}`, `{"_path":"http","user_agent":"curl/8","method":"GET"}`, `{"_path":"http","user_agent":"x","method":"GET"}`},
		{"{category: webserver}", `{cs-uri-query|contains: passwd}`, `{"cs-method":"GET","cs-uri-query":"/etc/passwd"}`, `{"cs-uri-query":"/etc/passwd"}`},
		{"{category: application, product: opencanary}", `{logtype: 2000}`, `{"logtype":2000,"node_id":"n"}`, `{"logtype":2000}`},
		{"{category: file_access, product: windows}", `{a: b}`, `{"logsource":{"category":"file_access","product":"windows"},"a":"b"}`, `{"logsource":{"category":"file_access"},"a":"b"}`},
	} {
		c := sigma.Parse("r.yml", []byte("title: t\nlogsource: "+test.source+"\ndetection: {sel: "+test.detection+", condition: sel}"))
		if len(c.Problems) > 0 {
			t.Fatal(c.Problems)
		}
		if got := found(t, ready(t), c.Rules, [][]byte{[]byte(test.hit), []byte(test.miss)}); len(got) != 1 || !strings.HasPrefix(got[0], "0\t") {
			t.Errorf("%s %s: got %q, want the first event alone", test.source, test.detection, got)
		}
	}
}
