package sigma_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/plain"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
)

// listed gives searches of a rule lists of some of these values.
func (c chance) listed(rule *sigma.Rule, values []sigma.Value) *sigma.Rule {
	for _, s := range rule.Detection.Searches {
		if c.IntN(2) == 0 {
			continue
		}
		n := c.IntN(len(values))
		from := c.IntN(len(values) - n)
		list := slices.Clone(values[from : from+n+1])
		c.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		item := &sigma.Item{Field: pick(c, "F", "G", ""), Values: list, Not: c.IntN(3) == 0, All: c.IntN(6) == 0}
		s.Body = &sigma.Group{Any: c.IntN(2) == 0, Nodes: []sigma.Node{item, s.Body}}
	}
	return rule
}

// TestRouterTogether has several scanners open the classes of one router at once. Its
// routes name fields, some have rules of their own, and events meet several.
func TestRouterTogether(t *testing.T) {
	c := chance{rand.New(rand.NewPCG(2026, 29))}
	var decided, hits atomic.Int64
	for range 60 {
		star := sigma.String{Parts: []sigma.Part{{Kind: sigma.Star}}}
		var values []sigma.Value
		for i := range 2 + c.IntN(80) {
			text := sigma.PlainString(fmt.Sprintf("v%d-", i) + c.words(1))
			values = append(values, pick(c, text, sigma.Concat(text, star), sigma.Concat(star, text), sigma.Concat(star, text, star)))
		}
		tests := 1 + c.IntN(9)
		var routed []sigma.Routed
		for id := range 1 + c.IntN(20) {
			x := sigma.Routed{Rule: c.listed(c.rule(id), values)}
			for range c.IntN(4) {
				names := map[string]string{}
				for range c.IntN(5) {
					names[pick(c, "F", "G", "a", "a.b", "b")] = pick(c, "F", "G", "a", "b.c", "c", "other")
				}
				of := x.Rule
				if c.IntN(4) == 0 {
					of = c.listed(c.rule(id), values)
				}
				x.Routes = append(x.Routes, sigma.Route{When: []sigma.Test{{Field: "T", Values: []string{fmt.Sprint("t", c.IntN(tests))}}}, Rule: of, Names: names})
			}
			routed = append(routed, x)
		}
		router, err := sigma.NewRouter(routed)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 4 {
			c := chance{rand.New(rand.NewPCG(c.Uint64(), 1))}
			all.Go(func() {
				s := router.Scanner()
				for range 6 {
					event, held := c.event(3), []any{"none"}
					for i := range tests {
						if c.IntN(tests) < 2 {
							held = append(held, fmt.Sprint("t", i))
						}
					}
					event["T"] = held
					event[pick(c, "F", "G", "other", "b")] = strings.TrimSuffix(pick(c, "", "x")+values[c.IntN(len(values))].(sigma.String).Parts[0].Text+pick(c, "", "y"), "*")
					line, _ := json.Marshal(event)
					got, err := s.Match(line)
					if err != nil {
						t.Error(err)
						return
					}
					for _, x := range routed {
						want := plainlyRouted(x, event, held)
						if decided.Add(1); want {
							hits.Add(1)
						}
						if slices.Contains(got, x.Rule) != want {
							t.Errorf("want %v: %s\n%s", want, line, described(x.Rule))
							return
						}
					}
				}
			})
		}
		if all.Wait(); t.Failed() {
			return
		}
	}
	if decided.Load() < 10_000 || hits.Load() < decided.Load()/20 {
		t.Errorf("%d of %d decisions are hits: the test tests nothing", hits.Load(), decided.Load())
	}
}

// plainlyRouted reports whether a rule matches by one of its routes whose test is held.
func plainlyRouted(x sigma.Routed, event map[string]any, held []any) bool {
	for _, r := range x.Routes {
		if !slices.Contains(held, any(r.When[0].Values[0])) {
			continue
		}
		if is, err := plain.Match(pipeline.Rename(r.Rule, r.Names), event); err == nil && is {
			return true
		}
	}
	return false
}

// TestChangedRule: who changes a rule of a router is told so at each event.
func TestChangedRule(t *testing.T) {
	rule := sigma.Parse("r.yml", []byte("title: t\ndetection:\n  s: {F: x}\n  condition: s\n")).Rules[0]
	router, err := sigma.NewRouter([]sigma.Routed{{Rule: rule, Routes: []sigma.Route{{Rule: rule}}}})
	if err != nil {
		t.Fatal(err)
	}
	rule.Detection.Searches[0].Name = "other"
	for range 2 {
		if got, err := router.Scanner().Match([]byte(`{"F":"x"}`)); err == nil || !strings.Contains(err.Error(), "changed") {
			t.Errorf("%d rules match, %v", len(got), err)
		}
	}
}
