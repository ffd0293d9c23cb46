package correlate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/sigma"
)

func bound(op sigma.Op, x float64) sigma.Bound { return sigma.Bound{Op: op, Value: x} }

func gte(x float64, fields ...string) sigma.CorrelationCondition {
	return sigma.CorrelationCondition{Fields: fields, Bounds: []sigma.Bound{bound(sigma.GreaterOrEqual, x)}}
}

func only(op sigma.Op, x float64, fields ...string) sigma.CorrelationCondition {
	return sigma.CorrelationCondition{Fields: fields, Bounds: []sigma.Bound{bound(op, x)}}
}

func named(names ...string) (out []*sigma.Rule) {
	for _, name := range names {
		out = append(out, &sigma.Rule{Name: name, ID: "id-of-" + name})
	}
	return out
}

// stream reads matches, one a line: seconds, rule, event id, fields as k=v.
func stream(t *testing.T, text string) (out []refEvent) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		words := strings.Fields(line)
		d, err := time.ParseDuration(words[0])
		if err != nil {
			t.Fatal(err)
		}
		e := refEvent{at: int64(d), rule: words[1], id: words[2], fields: map[string]string{}}
		for _, w := range words[3:] {
			k, v, _ := strings.Cut(w, "=")
			e.fields[k] = v
		}
		out = append(out, e)
	}
	return out
}

// line is a hit as a test writes it.
func line(h Hit) string {
	group := []string{}
	for _, f := range h.Group {
		if f.IsMissing {
			group = append(group, f.Name+"?")
			continue
		}
		group = append(group, f.Name+"="+f.Value)
	}
	out := fmt.Sprintf("%s %s [%s] %v at %v: %s", h.Correlation.Name, h.Correlation.Type, strings.Join(group, " "), h.Value,
		time.Duration(h.End.UnixNano()), strings.Join(h.Events, " "))
	if h.Of != "" {
		out += " of " + h.Of
	}
	if h.More > 0 {
		out += fmt.Sprintf(" and %d more", h.More)
	}
	return strings.TrimSpace(out)
}

func mustCompile(t testing.TB, rules []*sigma.Rule, correlations ...*sigma.Correlation) *Set {
	t.Helper()
	set, problems := Compile(rules, correlations)
	for _, p := range problems {
		t.Fatal(p)
	}
	return set
}

// The examples of the specification, and what each type means at its edges.
func TestTypes(t *testing.T) {
	aliases := map[string]map[string]string{
		"internal_ip": {"internal_error": "destination.ip", "new_network_connection": "source.ip"},
		"remote_ip":   {"internal_error": "source.ip", "new_network_connection": "destination.ip"},
	}
	tests := []struct {
		name string
		corr sigma.Correlation
		in   string
		want string
	}{
		{"many failed logins on a host", sigma.Correlation{Type: sigma.EventCount, Rules: []string{"failed"}, GroupBy: []string{"ComputerName"},
			Timespan: time.Hour, Condition: gte(3)}, `
			1m  failed e1 ComputerName=a
			2m  failed e2 ComputerName=b
			30m failed e3 ComputerName=a
			61m failed e4 ComputerName=a
			62m failed e5 ComputerName=b
			63m failed e6 ComputerName=a`, `
			k event_count [ComputerName=a] 3 at 1h1m0s: e1 e3 e4`},
		{"the window slides over the full hour, and its ends belong to it", sigma.Correlation{Type: sigma.EventCount, Rules: []string{"failed"},
			Timespan: 10 * time.Second, Condition: gte(3)}, `
			0s  failed e1
			9s  failed e2
			10s failed e3
			21s failed e4
			31s failed e5
			31.000000001s failed e6`, `
			k event_count [] 3 at 10s: e1 e2 e3`},
		{"failed logons with different accounts", sigma.Correlation{Type: sigma.ValueCount, Rules: []string{"failed"},
			GroupBy: []string{"ComputerName", "WorkstationName"}, Timespan: 24 * time.Hour, Condition: gte(3, "User")}, `
			1h failed e1 ComputerName=c WorkstationName=w User=x
			2h failed e2 ComputerName=c WorkstationName=w User=x
			3h failed e3 ComputerName=c WorkstationName=w User=y
			4h failed e4 ComputerName=c WorkstationName=v User=z
			5h failed e5 ComputerName=c WorkstationName=w
			6h failed e6 ComputerName=c WorkstationName=w User=z`, `
			k value_count [ComputerName=c WorkstationName=w] 3 at 6h0m0s: e2 e3 e6`},
		{"several fields are one value, and do not run together", sigma.Correlation{Type: sigma.ValueCount, Rules: []string{"a"},
			Timespan: time.Hour, Condition: gte(3, "x", "y")}, `
			1s a e1 x=1 y=23
			2s a e2 x=12 y=3
			3s a e3 x=1 y=23
			4s a e4 x=1 y=3`, `
			k value_count [] 3 at 4s: e2 e3 e4`},
		{"reconnaissance in any order", sigma.Correlation{Type: sigma.Temporal, Rules: []string{"recon_cmd_a", "recon_cmd_b", "recon_cmd_c"},
			GroupBy: []string{"ComputerName", "User"}, Timespan: 5 * time.Minute}, `
			1m recon_cmd_c e1 ComputerName=c User=u
			2m recon_cmd_a e2 ComputerName=c User=u
			3m recon_cmd_b e3 ComputerName=c User=v
			5m recon_cmd_a e4 ComputerName=c User=u
			6m recon_cmd_b e5 ComputerName=c User=u
			20m recon_cmd_a e6 ComputerName=c User=u
			21m recon_cmd_b e7 ComputerName=c User=u
			26m recon_cmd_c e8 ComputerName=c User=u`, `
			k temporal [ComputerName=c User=u] 3 at 6m0s: e1 e4 e5`},
		{"two of three rules", sigma.Correlation{Type: sigma.Temporal, Rules: []string{"a", "b", "c"}, Timespan: time.Minute, Condition: gte(2)}, `
			1s a e1
			2s a e2
			3s c e3`, `
			k temporal [] 2 at 3s: e2 e3`},
		{"in order", sigma.Correlation{Type: sigma.TemporalOrdered, Rules: []string{"a", "b", "c"}, Timespan: 10 * time.Second}, `
			1s c e1
			2s b e2
			3s a e3
			4s b e4
			5s a e5
			14s c e6
			14.5s b e7
			15s c e8`, `
			k temporal_ordered [] 3 at 15s: e5 e7 e8`}, // a at 3s is over at 13s
		{"two in order at the same time, not one event twice", sigma.Correlation{Type: sigma.TemporalOrdered, Rules: []string{"a", "b"},
			Timespan: 10 * time.Second}, `
			1s  a e1
			1s  b e1
			30s b e2
			30s a e3`, `
			k temporal_ordered [] 2 at 30s: e3 e2`},
		{"some of the rules in order", sigma.Correlation{Type: sigma.TemporalOrdered, Rules: []string{"a", "b", "c"}, Timespan: time.Minute,
			Condition: gte(2)}, `
			1s b e1
			2s a e2
			3s c e3`, `
			k temporal_ordered [] 2 at 3s: e2 e3`},
		{"possible exfiltration", sigma.Correlation{Type: sigma.ValueSum, Rules: []string{"website_access"}, GroupBy: []string{"SourceIP", "User"},
			Timespan: time.Hour, Condition: only(sigma.Greater, 1000000, "bytes_sent")}, `
			1m website_access e1 SourceIP=1.1.1.1 User=u bytes_sent=600000
			2m website_access e2 SourceIP=1.1.1.1 User=u bytes_sent=400000
			3m website_access e3 SourceIP=1.1.1.1 User=u bytes_sent=-
			4m website_access e4 SourceIP=1.1.1.1 User=u bytes_sent=0.5`, `
			k value_sum [SourceIP=1.1.1.1 User=u] 1.0000005e+06 at 4m0s: e1 e2 e4`},
		{"average traffic", sigma.Correlation{Type: sigma.ValueAvg, Rules: []string{"rule_a_id"}, GroupBy: []string{"SourceIP", "User"},
			Timespan: 24 * time.Hour, Condition: only(sigma.Greater, 500, "BytesOut")}, `
			1h rule_a_id e1 SourceIP=1.1.1.1 User=u BytesOut=400
			2h rule_a_id e2 SourceIP=1.1.1.1 User=u BytesOut=600
			3h rule_a_id e3 SourceIP=1.1.1.1 User=u BytesOut=503`, `
			k value_avg [SourceIP=1.1.1.1 User=u] 501 at 3h0m0s: e1 e2 e3`},
		{"95th percentile, between two numbers", sigma.Correlation{Type: sigma.ValuePercentile, Rules: []string{"a"}, Timespan: time.Hour,
			Condition: sigma.CorrelationCondition{Fields: []string{"ms"}, Percentile: 95, Bounds: []sigma.Bound{bound(sigma.Greater, 28)}}}, `
			1s a e1 ms=10
			2s a e2 ms=20
			3s a e3 ms=30`, `
			k value_percentile [] 29 at 3s: e1 e2 e3`},
		{"median of an even number", sigma.Correlation{Type: sigma.ValueMedian, Rules: []string{"a"}, Timespan: time.Hour,
			Condition: only(sigma.Equal, 15, "ms")}, `
			1s a e1 ms=10
			2s a e2 ms=20
			3s a e3 ms=30`, `
			k value_median [] 15 at 2s: e1 e2`},
		{"a rare process", sigma.Correlation{Type: sigma.ValuePercentile, Rules: []string{"process_creation"}, GroupBy: []string{"ComputerName"},
			Timespan: 24 * time.Hour, Condition: sigma.CorrelationCondition{Fields: []string{"image"}, Share: true,
				Bounds: []sigma.Bound{bound(sigma.LessOrEqual, 25)}}}, `
			1h process_creation e1 ComputerName=c image=cmd
			2h process_creation e2 ComputerName=c image=cmd
			3h process_creation e3 ComputerName=c image=cmd
			4h process_creation e4 ComputerName=c image=mimikatz`, `
			k value_percentile [ComputerName=c] 25 at 4h0m0s: e1 e2 e3 e4 of mimikatz`},
		{"aliases", sigma.Correlation{Type: sigma.Temporal, Rules: []string{"internal_error", "new_network_connection"},
			GroupBy: []string{"internal_ip", "remote_ip"}, Aliases: aliases, Timespan: 10 * time.Second}, `
			1s internal_error e1 destination.ip=10.0.0.1 source.ip=8.8.8.8
			2s new_network_connection e2 destination.ip=10.0.0.1 source.ip=8.8.8.8
			3s new_network_connection e3 destination.ip=8.8.8.8 source.ip=10.0.0.1`, `
			k temporal [internal_ip=10.0.0.1 remote_ip=8.8.8.8] 2 at 3s: e1 e3`},
		{"an event counts once though two rules match it", sigma.Correlation{Type: sigma.EventCount, Rules: []string{"a", "b"}, Timespan: time.Minute,
			Condition: gte(2)}, `
			1s a e1
			1s b e1
			2s a e2`, `
			k event_count [] 2 at 2s: e1 e2`},
		{"a missing field is a value, all missing are none", sigma.Correlation{Type: sigma.EventCount, Rules: []string{"a"},
			GroupBy: []string{"x", "y"}, Timespan: time.Minute, Condition: gte(2)}, `
			1s a e1 x=1
			2s a e2 x=1
			3s a e3
			4s a e4
			5s a e5 x=1 y=
			6s a e6 x=1 y=`, `
			k event_count [x=1 y?] 2 at 2s: e1 e2
			k event_count [x=1 y=] 2 at 6s: e5 e6`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			corr := test.corr
			corr.Name = "k"
			check(t, mustCompile(t, named(corr.Rules...), &corr), Options{}, test.in, test.want)
		})
	}
}

func check(t *testing.T, set *Set, o Options, in, want string) {
	t.Helper()
	c := New(set, o)
	var got []string
	for _, e := range stream(t, in) {
		for _, h := range c.Add(e.match()) {
			got = append(got, line(h))
		}
	}
	for _, h := range c.Finish() {
		got = append(got, line(h))
	}
	if d := cmp.Diff(lines(want), got); d != "" {
		t.Errorf("hits (-want +got):\n%s", d)
	}
}

func lines(text string) (out []string) {
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// When each kind of condition is decided.
func TestConditions(t *testing.T) {
	burst := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%ds a e%d\n", i+1, i+1)
		}
		return b.String()
	}
	and := func(x ...sigma.Expr) sigma.Expr { return sigma.And(x) }
	not := func(x sigma.Expr) sigma.Expr { return sigma.Not{Of: x} }
	logic := func(e sigma.Expr) sigma.CorrelationCondition { return sigma.CorrelationCondition{Expr: e} }
	count := func(b ...sigma.Bound) sigma.Correlation {
		return sigma.Correlation{Type: sigma.EventCount, Rules: []string{"a"}, Condition: sigma.CorrelationCondition{Bounds: b}}
	}
	temporal := func(e sigma.Expr) sigma.Correlation {
		return sigma.Correlation{Type: sigma.Temporal, Condition: logic(e)}
	}
	ordered := func(e sigma.Expr) sigma.Correlation {
		return sigma.Correlation{Type: sigma.TemporalOrdered, Condition: logic(e)}
	}
	tests := []struct {
		name string
		corr sigma.Correlation // the timespan is a minute
		in   string
		want string
	}{
		{"eq is not met on the way", count(bound(sigma.Equal, 3)), burst(5), ``},
		{"eq is met at the peak", count(bound(sigma.Equal, 3)), burst(3), `k event_count [] 3 at 1m1s: e1 e2 e3`},
		{"a range above", count(bound(sigma.Greater, 1), bound(sigma.LessOrEqual, 3)), burst(4), ``},
		{"a range within", count(bound(sigma.Greater, 1), bound(sigma.LessOrEqual, 3)), burst(2), `k event_count [] 2 at 1m1s: e1 e2`},
		{"neq", count(bound(sigma.NotEqual, 3)), burst(3), ``},
		{"neq of less", count(bound(sigma.NotEqual, 3)), burst(2), `k event_count [] 2 at 1m1s: e1 e2`},
		{"neq of 0 is any", count(bound(sigma.NotEqual, 0)), burst(1), `k event_count [] 1 at 1s: e1`},
		{"too few", count(bound(sigma.Less, 3)), burst(2), `k event_count [] 2 at 1m1s: e1 e2`},
		{"not too few", count(bound(sigma.Less, 3)), burst(3), ``},
		{"too few after enough", count(bound(sigma.Less, 2)), `
			0s a e1
			30s a e2
			60s a e3
			100s a e4
			200s a e5`, `
			k event_count [] 1 at 1m30.000000001s: e3
			k event_count [] 0 at 2m40.000000001s:
			k event_count [] 1 at 4m20s: e5`},
		{"silence", count(bound(sigma.Equal, 0)), `
			0s a e1
			30s a e2
			200s a e3`, `
			k event_count [] 0 at 1m30.000000001s:`},
		{"and not: a lone pair", temporal(and(sigma.Ref("a"), sigma.Ref("b"), not(sigma.Ref("c")))), `
			1s a e1
			5s b e2`, `k temporal [] 2 at 1m1s: e1 e2`},
		{"and not: after", temporal(and(sigma.Ref("a"), sigma.Ref("b"), not(sigma.Ref("c")))), `
			1s a e1
			5s b e2
			50s c e3`, ``},
		{"and not: before", temporal(and(sigma.Ref("a"), sigma.Ref("b"), not(sigma.Ref("c")))), `
			1s c e1
			50s a e2
			55s b e3`, ``},
		{"and not: long before", temporal(and(sigma.Ref("a"), sigma.Ref("b"), not(sigma.Ref("c")))), `
			1s c e1
			50s a e2
			65s b e3`, `k temporal [] 2 at 1m50s: e2 e3`},
		{"or", temporal(sigma.Or{sigma.Ref("a"), sigma.Ref("b")}), `
			1s b e1`, `k temporal [] 1 at 1s: e1`},
		{"not alone is silence", temporal(not(sigma.Ref("a"))), `
			1s a e1`, ``},
		{"not alone, while the stream goes on", sigma.Correlation{Type: sigma.Temporal, GroupBy: []string{"host"}, Condition: logic(not(sigma.Ref("a")))}, `
			1s a e1 host=x
			9m a e2 host=y`, `k temporal [host=x] 0 at 1m1.000000001s:`},
		{"in order and not", ordered(and(sigma.Ref("a"), sigma.Ref("b"), not(sigma.Ref("c")))), `
			1s b e1
			2s a e2
			3s b e3`, `k temporal_ordered [] 2 at 1m2s: e2 e3`},
		{"in order and not, after", ordered(and(sigma.Ref("a"), sigma.Ref("b"), not(sigma.Ref("c")))), `
			1s b e1
			2s a e2
			3s b e3
			61s c e4`, ``},
		{"in order, one of two", ordered(and(sigma.Or{sigma.Ref("a"), sigma.Ref("b")}, sigma.Ref("c"))), `
			1s c e1
			2s b e2
			3s c e3`, `k temporal_ordered [] 2 at 3s: e2 e3`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			corr := test.corr
			corr.Name, corr.Timespan = "k", time.Minute
			check(t, mustCompile(t, named("a", "b", "c"), &corr), Options{}, test.in, test.want)
		})
	}
}

func attack() (*sigma.Correlation, *sigma.Correlation) {
	many := &sigma.Correlation{Name: "multiple_failed_login", ID: "a8418a5a", Type: sigma.EventCount, Rules: []string{"failed_login"},
		GroupBy: []string{"User"}, Timespan: 10 * time.Minute, Condition: gte(3)}
	over := &sigma.Correlation{ID: "b180ead8", Title: "Failed, then successful", Type: sigma.TemporalOrdered,
		Rules: []string{"multiple_failed_login", "successful_login"}, GroupBy: []string{"User"}, Timespan: 10 * time.Minute}
	return many, over
}

// The specification's chain, with the parent before the child in the file.
func TestChain(t *testing.T) {
	many, over := attack()
	in := `
		1m failed_login e1 User=u
		2m failed_login e2 User=u
		3m failed_login e3 User=u
		4m successful_login e4 User=v
		9m failed_login e5 User=u
		10m failed_login e6 User=u
		19m30s successful_login e7 User=u`
	// The child holds last at 10m: it goes on holding though only told at 3m.
	want := ` temporal_ordered [User=u] 2 at 19m30s: e1 e2 e3 e5 e6 e7`
	check(t, mustCompile(t, named("failed_login", "successful_login"), over, many), Options{}, in, want)
	over.Generate = true
	check(t, mustCompile(t, named("failed_login", "successful_login"), over, many), Options{}, in, `
		multiple_failed_login event_count [User=u] 3 at 3m0s: e1 e2 e3
		`+want)
}

// A parent's group that the child does not have comes from the child's events.
func TestChainFieldOfEvents(t *testing.T) {
	many, over := attack()
	many.GroupBy = []string{"ComputerName"}
	check(t, mustCompile(t, named("failed_login", "successful_login"), over, many), Options{}, `
		1m failed_login e1 ComputerName=c User=u
		2m failed_login e2 ComputerName=c User=v
		3m failed_login e3 ComputerName=c User=w
		4m successful_login e4 User=x
		5m successful_login e5 User=v`, `
		temporal_ordered [User=v] 2 at 5m0s: e1 e2 e3 e5`)
}

// A hit that one correlation counts once stands for all its events' fields
// further up.
func TestChainFieldsGoUp(t *testing.T) {
	host := &sigma.Correlation{Name: "host", Type: sigma.EventCount, Rules: []string{"failed"}, GroupBy: []string{"host"}, Timespan: time.Minute, Condition: gte(2)}
	any := &sigma.Correlation{Name: "any", Type: sigma.EventCount, Rules: []string{"host"}, Timespan: time.Minute, Condition: gte(1)}
	user := &sigma.Correlation{Name: "user", Type: sigma.Temporal, Rules: []string{"any", "success"}, GroupBy: []string{"user"}, Timespan: time.Minute}
	check(t, mustCompile(t, named("failed", "success"), user, any, host), Options{}, `
		1s failed e1 host=h user=u
		2s failed e2 host=h user=v
		3s success e3 user=u
		4s success e4 user=v`, `
		user temporal [user=u] 2 at 3s: e1 e2 e3
		user temporal [user=v] 2 at 4s: e1 e2 e4`)
}

// A correlation of told hits counts each attack once.
func TestChainCountsTold(t *testing.T) {
	many, over := attack()
	*over = sigma.Correlation{Name: "wide", Type: sigma.ValueCount, Rules: []string{"a8418a5a"}, Timespan: time.Hour, Condition: gte(2, "User")}
	check(t, mustCompile(t, named("failed_login"), over, many), Options{}, `
		1m failed_login e1 User=u
		2m failed_login e2 User=u
		3m failed_login e3 User=u
		4m failed_login e4 User=u
		5m failed_login e5 User=v
		6m failed_login e6 User=v
		7m failed_login e7 User=v`, `
		wide value_count [] 2 at 7m0s: e1 e2 e3 e5 e6 e7`)
}

func TestAlone(t *testing.T) {
	many, over := attack()
	set := mustCompile(t, named("failed_login", "successful_login", "other"), over, many)
	for rule, want := range map[string]bool{"failed_login": false, "id-of-failed_login": false, "successful_login": false, "other": true} {
		if got := set.Alone(rule); got != want {
			t.Errorf("Alone(%q) = %v", rule, got)
		}
	}
	many.Generate = true
	if !mustCompile(t, named("failed_login", "successful_login"), over, many).Alone("failed_login") {
		t.Error("generate does not tell the rule")
	}
}

func TestRepeat(t *testing.T) {
	corr := &sigma.Correlation{Name: "k", Type: sigma.EventCount, Rules: []string{"a"}, Timespan: 10 * time.Second, Condition: gte(2)}
	set := mustCompile(t, named("a"), corr)
	in := `
		1s a e1
		2s a e2
		3s a e3
		4s a e4
		12s a e5
		12.000000001s a e6`
	check(t, set, Options{}, in, `
		k event_count [] 2 at 2s: e1 e2
		k event_count [] 4 at 12.000000001s: e3 e4 e5 e6`)
	check(t, set, Options{Repeat: Always}, in, `
		k event_count [] 2 at 2s: e1 e2
		k event_count [] 3 at 3s: e1 e2 e3
		k event_count [] 4 at 4s: e1 e2 e3 e4
		k event_count [] 4 at 12s: e2 e3 e4 e5
		k event_count [] 4 at 12.000000001s: e3 e4 e5 e6`)
	check(t, set, Options{Repeat: Reset}, in, `
		k event_count [] 2 at 2s: e1 e2
		k event_count [] 2 at 4s: e3 e4
		k event_count [] 2 at 12.000000001s: e5 e6`)
}
