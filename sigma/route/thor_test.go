package route_test

import (
	"cmp"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/route"
)

const small = `
title: small
logsources:
  created_by_sysmon:
    category: process_creation
    product: windows
    conditions: {EventID: 1}
    rewrite: {product: windows, service: sysmon}
  created_by_security:
    category: process_creation
    product: windows
    conditions: {EventID: [4688, 4696]}
    rewrite: {product: windows, service: security}
    fieldmappings: {Image: NewProcessName}
  sysmon:
    product: windows
    service: sysmon
    sources: ["WinEventLog:Microsoft-Windows-Sysmon/Operational", "WinEventLog:Forwarded"]
  security:
    product: windows
    service: security
    sources: ["WinEventLog:Security"]
    fieldmappings: {User: SubjectUserName, NewProcessName: ProcName}
  auth:
    product: linux
    service: auth
    sources: ["File:/var/log/auth.log", "WinEventLog:Syslog"]
`

func TestTHOR(t *testing.T) {
	table := read(t, small)
	const (
		sysmon   = "Channel=Microsoft-Windows-Sysmon/Operational|Forwarded"
		security = "Channel=Security"
	)
	for _, test := range []struct {
		of   sigma.Logsource
		want []string
	}{
		{sigma.Logsource{Product: "windows", Category: "process_creation"}, []string{
			"EventID=1 " + sysmon + " -> Image User", "EventID=4688|4696 " + security + " -> ProcName SubjectUserName"}},
		{sigma.Logsource{Product: "windows", Category: "process_creation", Service: "sysmon"}, []string{
			"EventID=1 " + sysmon + " -> Image User", "EventID=4688|4696 " + security + " -> ProcName SubjectUserName", sysmon + " -> Image User"}},
		{sigma.Logsource{Product: "windows", Service: "security"}, []string{security + " -> Image SubjectUserName"}},
		{sigma.Logsource{Product: "windows"}, []string{"Channel -> Image User"}},
		{sigma.Logsource{Product: "linux", Service: "auth"}, []string{"Channel=Syslog -> Image User", "log.file.path=/var/log/auth.log -> Image User"}},
		{sigma.Logsource{Product: "windows", Category: "file_access"}, nil},
		{sigma.Logsource{Category: "process_creation"}, nil},
		{sigma.Logsource{Product: "macos", Category: "process_creation"}, nil},
		{sigma.Logsource{}, nil},
	} {
		rule := ruleOf(test.of, "Image", "User")
		if got := routes(t, table, rule); strings.Join(got, "\n") != strings.Join(test.want, "\n") {
			t.Errorf("%+v:\n got %s\nwant %s", test.of, strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
		}
	}
}

func TestTHORProblems(t *testing.T) {
	for _, test := range []struct{ file, want string }{
		{"", "x.yml: the file is empty"},
		{"title: x", `x.yml:1: a list of logsources needs "logsources"`},
		{"logsources:\n  a:\n    product: p\n    service: s\n    rewrite: {product: p, service: s}", `x.yml:3: the logsource "a" is rewritten to itself`},
		{"logsources:\n  a:\n    product: p\n    rewrite: {product: q}", `x.yml:3: "a" is rewritten to a logsource that the file lacks`},
		{"logsources:\n  a:\n    conditions: {EventID: 1}", `x.yml:3: "a" says of no logs`},
		{"logsources:\n  a:\n    product: p\n    source: [x]", `x.yml:4: "a" does not know "source"; did you mean "sources"?`},
		{"logsources:\n  a:\n    product: p\n    sources: [Files:x]", `x.yml:4: the source "Files:x" is of no known kind`},
		{"logsources: &a\n  b: *a", "contains itself"},
	} {
		_, got := route.ReadTHOR("x.yml", []byte(test.file))
		if len(got) == 0 || !strings.Contains(got[0].Error(), test.want) {
			t.Errorf("%s\n got %v\nwant %s", test.file, got, test.want)
		}
	}
}

func read(t testing.TB, file string) *route.Table {
	t.Helper()
	table, problems := route.ReadTHOR("x.yml", []byte(file))
	if problems != nil {
		t.Fatal(problems)
	}
	return table
}

// ruleOf is a rule that looks at the given fields.
func ruleOf(of sigma.Logsource, fields ...string) *sigma.Rule {
	group := &sigma.Group{}
	for _, field := range fields {
		group.Nodes = append(group.Nodes, &sigma.Item{Field: field, Values: []sigma.Value{sigma.Null{}}})
	}
	return &sigma.Rule{Logsource: of, Detection: sigma.Detection{Searches: []*sigma.Search{{Name: "s", Body: group}}}}
}

// routes writes the routes of a rule as tests, an arrow and the names of its
// fields.
func routes(t testing.TB, table *route.Table, rule *sigma.Rule) []string {
	t.Helper()
	all, err := table.For(rule)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range all {
		var words []string
		for _, test := range r.When {
			word := test.Field
			if len(test.Values) > 0 {
				word += "=" + strings.Join(test.Values, "|")
			}
			words = append(words, word)
		}
		words = append(words, "->")
		for _, node := range r.Rule.Detection.Searches[0].Body.(*sigma.Group).Nodes {
			if item, ok := node.(*sigma.Item); ok {
				words = append(words, cmp.Or(r.Names[item.Field], item.Field))
			}
		}
		out = append(out, strings.Join(words, " "))
	}
	return out
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("logsources: &a\n  b: {product: p, rewrite: *a}"))
	f.Add([]byte("named: true\nforms: [{product: p, pipeline: winlogbeat, fields: {a: b}}]\nroutes: [{source: {product: p}, when: {a: [1, x*]}, fields: {a: c}, pipeline: sysmon}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, _ := route.Read("x.yml", data)
		for i, e := range table.Entries {
			if i == 20 {
				break
			}
			table.For(ruleOf(e.Source, "a"))
		}
	})
}
