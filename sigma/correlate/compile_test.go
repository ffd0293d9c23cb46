package correlate

import (
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/sigma"
)

// What cannot be honoured is refused with place and reason.
func TestRefused(t *testing.T) {
	ok := func() *sigma.Correlation {
		return &sigma.Correlation{Pos: sigma.Pos{File: "k.yml", Line: 3}, ID: "k", Title: "Many", Type: sigma.EventCount, Rules: []string{"a"},
			Timespan: time.Minute, Condition: gte(2)}
	}
	ref := func(x string) sigma.Expr { return sigma.Ref(x) }
	tests := []struct {
		change func(*sigma.Correlation)
		want   string
	}{
		{func(r *sigma.Correlation) { r.Rules = []string{"a", "nobody"} }, `the rule "nobody", which is not loaded`},
		{func(r *sigma.Correlation) { r.Rules = []string{"twin"} }, `the rule "twin", which is several: r.yml:1, r.yml:2`},
		{func(r *sigma.Correlation) { r.Rules = []string{"a", "id-of-a"} }, `names the rule "id-of-a" twice`},
		{func(r *sigma.Correlation) { r.Rules = nil }, `names no rules`},
		{func(r *sigma.Correlation) { r.Rules = []string{"k"} }, `is of itself, by "k"`},
		{func(r *sigma.Correlation) { r.ID, r.Title = "", "" }, `neither id, name nor title`},
		{func(r *sigma.Correlation) { r.ID = "twice" }, ``},
		{func(r *sigma.Correlation) { r.Timespan = 0 }, `the timespan is 0s: write more than nothing`},
		{func(r *sigma.Correlation) { r.Type = "value_max" }, `there is no correlation of type "value_max"`},
		{func(r *sigma.Correlation) { r.Condition = gte(2, "x") }, `compares no field`},
		{func(r *sigma.Correlation) { r.Type = sigma.ValueCount }, `says no field to count the values of`},
		{func(r *sigma.Correlation) { r.Type, r.Condition = sigma.ValueSum, gte(2, "x", "y") }, `has 2 fields`},
		{func(r *sigma.Correlation) { r.Condition.Bounds = nil }, `the condition compares with nothing`},
		{func(r *sigma.Correlation) { r.Condition = only(sigma.Less, 0) }, `can never hold`},
		{func(r *sigma.Correlation) { r.Condition = only(sigma.Equal, 2.5) }, `can never hold`},
		{func(r *sigma.Correlation) { r.Condition.Bounds = append(r.Condition.Bounds, bound(sigma.Less, 2)) }, `can never hold`},
		{func(r *sigma.Correlation) { r.Condition = only("about", 2) }, `the unknown comparison "about"`},
		{func(r *sigma.Correlation) { r.Type = sigma.Temporal }, `can never hold: there are 1 rules`},
		{func(r *sigma.Correlation) {
			r.Type, r.Condition = sigma.ValuePercentile, only(sigma.Greater, 500, "ms")
			r.Condition.Share = true
		}, `say which percentile is meant`},
		{func(r *sigma.Correlation) {
			r.Type, r.Condition = sigma.ValuePercentile, only(sigma.Greater, 500, "ms")
			r.Condition.Percentile = 101
		}, `the percentile is 101`},
		{func(r *sigma.Correlation) { r.Condition = sigma.CorrelationCondition{Expr: ref("a")} }, `only temporal and temporal_ordered`},
		{func(r *sigma.Correlation) {
			r.Type, r.Condition = sigma.Temporal, sigma.CorrelationCondition{Expr: ref("b")}
		}, `the condition names "b", which is none of the rules`},
		{func(r *sigma.Correlation) {
			r.Type, r.Rules, r.Condition = sigma.Temporal, []string{"a", "b"}, sigma.CorrelationCondition{Expr: ref("b")}
		}, `does not say of "id-of-a" whether it must match`},
		{func(r *sigma.Correlation) { r.Aliases = map[string]map[string]string{"x": {"b": "y"}} }, `the alias "x" is for the rule "b", which is none`},
		{func(r *sigma.Correlation) { r.Aliases = map[string]map[string]string{"x": {"q": "y"}} }, `the alias "x" is for the rule "q", which is none`},
		{func(r *sigma.Correlation) { r.Rules = []string{"bad"} }, `is of "bad", which is refused`},
	}
	rules := append(named("a", "b"), &sigma.Rule{Pos: sigma.Pos{File: "r.yml", Line: 1}, ID: "twin"},
		&sigma.Rule{Pos: sigma.Pos{File: "r.yml", Line: 2}, Name: "twin"})
	for _, test := range tests {
		r := ok()
		test.change(r)
		bad := ok()
		bad.ID, bad.Line, bad.Rules = "bad", 9, []string{"gone"}
		set, problems := Compile(rules, []*sigma.Correlation{r, bad})
		got := ""
		for _, p := range problems {
			if p.Line == 3 {
				got = p.Error()
			}
		}
		if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
			t.Errorf("got %q\nwant %q", got, test.want)
		}
		if got != "" && !strings.HasPrefix(got, "k.yml:3: ") {
			t.Errorf("%q does not say where", got)
		}
		if set.Len() != 2-len(problems) {
			t.Errorf("%d correlations and %d problems", set.Len(), len(problems))
		}
	}
}

func TestCircle(t *testing.T) {
	a := &sigma.Correlation{ID: "x", Type: sigma.EventCount, Rules: []string{"y"}, Timespan: time.Minute, Condition: gte(2)}
	b := &sigma.Correlation{ID: "y", Type: sigma.EventCount, Rules: []string{"x"}, Timespan: time.Minute, Condition: gte(2)}
	set, problems := Compile(nil, []*sigma.Correlation{a, b})
	if set.Len() != 0 || len(problems) != 2 || !strings.Contains(problems[0].Message, "of itself") || !strings.Contains(problems[1].Message, "refused") {
		t.Errorf("%d correlations, %v", set.Len(), problems)
	}
}

func TestSameIdentity(t *testing.T) {
	r := &sigma.Correlation{Pos: sigma.Pos{File: "k.yml", Line: 1}, Title: "x", Type: sigma.EventCount, Rules: []string{"a"}, Timespan: time.Minute, Condition: gte(2)}
	again := *r
	_, problems := Compile(named("a"), []*sigma.Correlation{r, &again})
	if len(problems) != 1 || !strings.Contains(problems[0].Message, `called "x" as the one at k.yml:1`) {
		t.Error(problems)
	}
}

// A rule that pipelines rewrote for two sources is one rule.
func TestRewrittenRules(t *testing.T) {
	rules := []*sigma.Rule{{Pos: sigma.Pos{File: "a.yml", Line: 1}, ID: "a"}, {Pos: sigma.Pos{File: "a.yml", Line: 1}, ID: "a"}}
	r := &sigma.Correlation{ID: "k", Type: sigma.EventCount, Rules: []string{"a"}, Timespan: time.Minute, Condition: gte(2)}
	if _, problems := Compile(rules, []*sigma.Correlation{r}); len(problems) > 0 {
		t.Error(problems)
	}
}

// How bounds are read: what may be accepted, and when it is decided.
func TestBounds(t *testing.T) {
	type list []sigma.Bound
	tests := []struct {
		in      list
		decide  decision
		accepts string // of the counts 0 to 5
	}{
		{list{bound(sigma.Greater, 2)}, atMatch, "345"},
		{list{bound(sigma.GreaterOrEqual, 2.5)}, atMatch, "345"},
		{list{bound(sigma.GreaterOrEqual, 0)}, atMatch, "12345"},
		{list{bound(sigma.NotEqual, 0)}, atMatch, "12345"},
		{list{bound(sigma.NotEqual, 1)}, atMatch, "2345"},
		{list{bound(sigma.Greater, 2), bound(sigma.NotEqual, 3)}, atMatch, "45"},
		{list{bound(sigma.Less, 2)}, whenFull, "01"},
		{list{bound(sigma.LessOrEqual, 2.5)}, whenFull, "012"},
		{list{bound(sigma.Equal, 0)}, whenFull, "0"},
		{list{bound(sigma.GreaterOrEqual, 0), bound(sigma.Less, 3)}, whenFull, "012"},
		{list{bound(sigma.LessOrEqual, 3), bound(sigma.NotEqual, 3)}, whenFull, "012"},
		{list{bound(sigma.LessOrEqual, 3), bound(sigma.NotEqual, 2)}, atPeak, "13"},
		{list{bound(sigma.Equal, 3)}, atPeak, "3"},
		{list{bound(sigma.NotEqual, 3)}, atPeak, "1245"},
		{list{bound(sigma.GreaterOrEqual, 2), bound(sigma.LessOrEqual, 4)}, atPeak, "234"},
	}
	for _, test := range tests {
		s := &spec{rule: &sigma.Correlation{Type: sigma.EventCount, Condition: sigma.CorrelationCondition{Bounds: test.in}}}
		if err := s.setBounds(); err != nil {
			t.Errorf("%v: %v", test.in, err)
			continue
		}
		got := ""
		for n := range 6 {
			if _, ok := s.within(float64(n)); ok {
				got += string(rune('0' + n))
			}
		}
		if got != test.accepts || s.decide != test.decide {
			t.Errorf("%v accepts %q, decided %d; want %q, %d", test.in, got, s.decide, test.accepts, test.decide)
		}
	}
}
