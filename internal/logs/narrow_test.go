package logs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/testenv"
	"github.com/binnaclehq/binnacle/sigma"
)

// opened is an embedded store with lines of one organisation, one a second.
func opened(t testing.TB, lines [][]byte) *Embedded {
	t.Helper()
	s, err := OpenEmbedded(Options{Folder: filepath.Join(t.TempDir(), "events"), Tenants: TenantMap{"one": 1}, FreeBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	first := time.Now().Add(-24 * time.Hour).Truncate(time.Hour)
	events := make([]event.Event, len(lines))
	for i, line := range lines {
		events[i] = event.Event{ID: fmt.Sprint(i), Time: first.Add(time.Duration(i) * time.Second), Line: line}
	}
	if err := s.Add(t.Context(), "one", events); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// found are the ids of events that a filter finds.
func found(t testing.TB, s *Embedded, filter string) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	_, err := s.Rows(t.Context(), Query{Org: "one", Text: filter + " | fields _time, " + event.FieldID}, func(r Row) error {
		ids[r.Get(event.FieldID)] = true
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	return ids
}

// TestNarrowMissesNothing runs rules of chance over events of chance: what a rule
// matches is among what its filter finds.
func TestNarrowMissesNothing(t *testing.T) {
	c := chance{rand.New(rand.NewPCG(3, 4))}
	var lines [][]byte
	for range 400 {
		lines = append(lines, c.object(4))
	}
	s := opened(t, lines)
	said, spared := 0, 0
	for range 400 {
		rule := c.rule()
		item := rule.Detection.Searches[0].Body.(*sigma.Item)
		item.All = c.IntN(4) == 0
		if c.IntN(4) == 0 {
			item.Values = append(item.Values, pick[sigma.Value](c, sigma.Compare{Op: sigma.Greater, Value: 3}, sigma.Any{sigma.PlainString("y"), sigma.PlainString("1")},
				sigma.String{Parts: []sigma.Part{{Text: "x"}, {Kind: sigma.Question}, {Text: "X"}}}, sigma.String{Parts: []sigma.Part{{Text: "X"}}, Cased: true}))
		}
		engine, err := sigma.Compile([]*sigma.Rule{rule})
		if err != nil {
			t.Fatal(err)
		}
		filter := Narrow(rule, nil)
		if filter != everything {
			said++
		}
		ids := found(t, s, filter)
		spared += len(lines) - len(ids)
		m := engine.Scanner()
		for i, line := range lines {
			if list, err := m.Match(line); err != nil || len(list) > 0 && !ids[fmt.Sprint(i)] {
				t.Fatalf("field %q values %v all %v matches %s, which %s does not find: %v", item.Field, item.Values, item.All, line, filter, err)
			}
		}
	}
	if said < 100 || spared < 10_000 {
		t.Errorf("only %d filters say something, %d events are spared", said, spared)
	}
}

// TestNarrowSigmaHQ does the same with rules that people wrote and real events.
func TestNarrowSigmaHQ(t *testing.T) {
	c, err := sigma.Load(testenv.Data(t, "sigma", "sigmahq-rules.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	lines := testenv.Windows(t)[:4000]
	s := opened(t, lines)
	engine, err := sigma.Compile(c.Rules, sigma.Skip(new([]sigma.Problem)))
	if err != nil {
		t.Fatal(err)
	}
	matched := map[*sigma.Rule][]string{}
	m := engine.Scanner()
	for i, line := range lines {
		list, err := m.Match(line)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			matched[r] = append(matched[r], fmt.Sprint(i))
		}
	}
	everywhere, tried, extra := 0, 0, 0
	for n, rule := range engine.Rules() {
		filter := Narrow(rule, nil)
		if err := s.Check(filter); err != nil {
			t.Fatalf("%s: %s: %v", rule.Title, filter, err)
		}
		if filter == everything {
			everywhere++
		}
		if matched[rule] == nil && n%20 != 0 || filter == everything {
			continue
		}
		tried++
		ids := found(t, s, filter)
		extra += len(ids) - len(matched[rule])
		for _, id := range matched[rule] {
			if !ids[id] {
				t.Errorf("%s matches event %s, which %s does not find", rule.Title, id, filter)
			}
		}
	}
	t.Logf("%d of %d rules can say nothing; of %d rules tried the filters find %d events too many", everywhere, len(c.Rules), tried, extra)
	if everywhere > len(c.Rules)/10 || tried < 100 {
		t.Errorf("%d of %d rules can say nothing", everywhere, len(c.Rules))
	}
}

func TestNarrowRoutes(t *testing.T) {
	s := opened(t, [][]byte{[]byte(`{"Channel":"Security","EventID":4688,"NewProcessName":"C:\\x\\cmd.exe"}`), []byte(`{"Channel":"System","EventID":4688,"NewProcessName":"cmd.exe"}`),
		[]byte(`{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"cmd.exe"}`), []byte(`{"Channel":["security"],"EventID":"4688","NewProcessName":["a","CMD.EXE"]}`)})
	rule := func(field string) *sigma.Rule {
		c := sigma.Parse("r.yml", []byte("title: t\nlogsource: {product: windows}\ndetection:\n  s:\n    "+field+"|endswith: cmd.exe\n  condition: s\n"))
		if len(c.Problems) > 0 {
			t.Fatal(c.Problems)
		}
		return c.Rules[0]
	}
	filter := Narrow(rule("Image"), []sigma.Route{
		{When: []sigma.Test{{Field: "Channel", Values: []string{"security"}}, {Field: "EventID", Values: []string{"4688"}}}, Rule: rule("NewProcessName")},
		{When: []sigma.Test{{Field: "Channel", Values: []string{"*sysmon*"}}}, Rule: rule("Image")}})
	if ids := found(t, s, filter); len(ids) != 3 || ids["1"] {
		t.Errorf("%s finds %v", filter, ids)
	}
	image := rule("Image")
	if named := Narrow(image, []sigma.Route{
		{When: []sigma.Test{{Field: "Channel", Values: []string{"security"}}, {Field: "EventID", Values: []string{"4688"}}}, Rule: image, Names: map[string]string{"Image": "NewProcessName"}},
		{When: []sigma.Test{{Field: "Channel", Values: []string{"*sysmon*"}}}, Rule: image}}); named != filter {
		t.Errorf("with names of fields it is %s, want %s", named, filter)
	}
}

func TestTranslate(t *testing.T) {
	s := opened(t, [][]byte{
		[]byte(`{"message":"Accepted password for Root","user.name":"root","source.ip":"10.0.0.7","path":"C:\\Windows\\System32"}`),
		[]byte(`{"message":"nothing","Image":"C:\\Tools\\Mimikatz.exe","user.name":"alice","args":["-ENC","x"]}`),
		[]byte(`{"message":"GET https://example.com/a?b=c","status":404,"user.name":"bob"}`),
		[]byte(`{"message":"root-cause analysis","user.name":"carol"}`),
	})
	f := func(text string, want ...string) {
		t.Helper()
		for _, translate := range []func(context.Context, Store, Query) (Query, error){Translate, Written} {
			q, err := translate(t.Context(), s, Query{Org: "one", Text: text})
			if err != nil {
				t.Errorf("%s: %v", text, err)
				return
			}
			var ids []string
			for id := range found(t, s, q.Text) {
				ids = append(ids, id)
			}
			slices.Sort(ids)
			if !slices.Equal(ids, want) {
				t.Errorf("%s finds %v, want %v: %.300s", text, ids, want, q.Text)
			}
		}
	}
	f("", "0", "1", "2", "3")
	f("*", "0", "1", "2", "3")
	f("mimikatz", "1")
	f("MIMIKATZ", "1")
	f("mimik")
	f("mimik*", "1")
	f("*katz*", "1")
	f("*katz", "1")
	f("*imikat")
	f("root", "0", "3")
	f("root -password", "3")
	f("root not password", "3")
	f("root !password", "3")
	f(`"password for root"`, "0")
	f(`'password for root'`, "0")
	f("-ENC", "0", "2", "3")
	f(`"-enc"`, "1")
	f("404", "2")
	f("10.0.0.7", "0")
	f("root or bob", "0", "2", "3")
	f("(root or bob) -analysis", "0", "2")
	f("user.name:ROOT", "0")
	f("user.name:*o*", "0", "2", "3")
	f(`user.name:"bob" get`, "2")
	f("-user.name:bob", "0", "1", "3")
	f("user.name:=root", "0")
	f("user.name:=ROOT")
	f(`user.name:~"^(bob|carol)$"`, "2", "3")
	f("user.name:in(bob, carol) get", "2")
	f("user.name:(bob or carol)", "2", "3")
	f("user.name:!bob", "0", "1", "3")
	f("status:>400", "2")
	f("status:range[400, 500)", "2")
	f("status:*", "2")
	f(`C:\Windows`, "0")
	f(`C:\tools`, "1")
	f("https://example.com", "2")
	f("_time:2d root", "0", "3")
	f("_time:[2001-01-01, 2002-01-01) root")
	f(`i("ACCEPTED")`, "0")
	f("b=c", "2")
	for _, bad := range []string{"a:b and (c", "x | stats nothing()", ")", "[", "]", "a}", ":"} {
		if _, err := Translate(t.Context(), s, Query{Org: "one", Text: bad}); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	q, err := Translate(t.Context(), s, Query{Org: "one", Text: "root | stats count() hits"})
	if err != nil || !strings.HasSuffix(q.Text, "| stats count() hits") {
		t.Errorf("%v: %s", err, q.Text)
	}
}

func FuzzTranslate(f *testing.F) {
	for _, s := range []string{"a", `a:"b c" -d*`, "(a or b) | stats count()", `x:in(1,2)`, `C:\x ::1 "`, "_time:[a,b) {c=\"d\"}", "*a*b*", "é:'ü"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tr := translation{text: text}
		tr.translate(nil)
		once := tr.translate([]string{"_msg", "x y"})
		if once == "" {
			t.Fatal("nothing came of it")
		}
	})
}

// FuzzQuestion asks whatever comes. What the engine cannot read or run is a
// fault, and ends neither the program nor the next question.
func FuzzQuestion(f *testing.F) {
	for _, s := range []string{"*", "a:=b | stats by (a) count() n", ".", `x:~"(" or y`, "* | sort by (_time) | limit 1", "a:in(* | fields a)", "* | facets 2", "options(concurrency=1) a", "* | extract \"<x>b\" from a", "_time:1h | top 3 by (a)",
		"options(concurrency=1) * | stats by (a) count() n | sort by (n)", "* | stream_context before 2 after 1", "* | unpack_json | stats by (a) count(b), max(_time), quantile(0.5, n) q", "* | running_stats sum(n) s | total_stats count() t",
		"* | stats by (_time:1h offset 1m, a) histogram(n) h, row_max(n, a) r, uniq_values(a) limit 2 u, json_values(a) j", "* | split \",\" from n as m | unroll by (m)", "* | blocks_count b", "* | block_stats", "* | query_stats", "* | top 2 by (a) rank as r | last 1 by (a) partition by (r)",
		"* | replace_regexp (\"(.)\", \"$1$1\") at a | collapse_nums | decolorize a | len(a) as l | hash(a) h | pack_json as p | unpack_logfmt from p | unpack_syslog from p | unpack_words from p", "* | union (a:b) | uniq by (a) with hits | field_values a | sample 1 | generate_sequence 3",
		"* | sort by (a, n desc) partition by (a) rank as x limit 1 | time_add 1h at _time | set_stream_fields a", "domain:in.example.com", "a:contains_all(b, c) or a:seq(b, c) a:len_range(1, 2) a:eq_field(n) a:pattern_match(\"<N>\") a:value_type(dict) _time:day_range[1:00, 2:00] _time:week_range[Mon, Tue]",
		"* | join by (a) (b)", "* | unpack_json | format \"<a>\"", "a:range(1,2] !b", "* | math a+1 as c"} {
		f.Add(s)
	}
	s := opened(f, [][]byte{[]byte(`{"a":"b","message":"said","n":1}`), []byte(`{"a":"c","n":[1,2]}`)})
	f.Fuzz(func(t *testing.T, text string) {
		var known *fault.Error
		n := 0
		_, err := s.Rows(t.Context(), Query{Org: "one", Text: text, Limit: 5}, func(Row) error { n++; return nil })
		if err != nil && !errors.As(err, &known) || n > 5 {
			t.Errorf("%q: %d rows, %v", text, n, err)
		}
		if _, _, err := s.Fields(t.Context(), Query{Org: "one", Text: text}); err != nil && !errors.As(err, &known) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
