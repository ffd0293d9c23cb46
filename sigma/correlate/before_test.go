package correlate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/correlate"
)

// TestBefore: a run that begins in the middle of what goes on tells what the whole
// one tells from there on, when it is asked what was told before.
func TestBefore(t *testing.T) {
	rules := sigma.Parse("rules.yml", []byte(`title: r
name: r
logsource: {product: linux}
detection: {a: {x: 1}, condition: a}
---
title: c
name: c
correlation:
  type: event_count
  rules: [r]
  group-by: [who]
  timespan: 1m
  condition: {gte: 2}
`))
	set, problems := correlate.Compile(rules.Rules, rules.Correlations)
	if len(rules.Problems)+len(problems) > 0 {
		t.Fatal(rules.Problems, problems)
	}
	began := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	run := func(from, to int, before func(*sigma.Correlation, []correlate.Field, time.Time) (time.Time, bool)) (ends []time.Time, names []string) {
		c := correlate.New(set, correlate.Options{Before: before})
		var hits []correlate.Hit
		for i := from; i < to; i++ {
			hits = append(hits, c.Add(correlate.Match{Rule: "r", Time: began.Add(time.Duration(i) * 7 * time.Second), ID: fmt.Sprint(i), Field: func(string) (string, bool) { return "eve", true }})...)
		}
		for _, h := range append(hits, c.Finish()...) {
			ends, names = append(ends, h.End), append(names, h.Name)
		}
		return ends, names
	}
	ends, whole := run(0, 100, nil)
	if len(whole) < 8 {
		t.Fatalf("only %d hits", len(whole))
	}
	const middle = 31
	start := began.Add(middle * 7 * time.Second)
	var told int
	for told < len(ends) && ends[told].Before(start) {
		told++
	}
	_, alone := run(middle, 100, nil)
	if cmp.Equal(whole[told:], alone) {
		t.Fatal("without what was told before it is the same: the test shows nothing")
	}
	_, after := run(middle, 100, func(_ *sigma.Correlation, group []correlate.Field, at time.Time) (time.Time, bool) {
		if len(group) != 1 || group[0].Value != "eve" {
			t.Errorf("asked of the group %v", group)
		}
		for i := len(ends) - 1; i >= 0; i-- {
			if ends[i].Before(at) {
				return ends[i], true
			}
		}
		return time.Time{}, false
	})
	if diff := cmp.Diff(whole[told:], after); diff != "" {
		t.Errorf("the whole (-) and the half (+) tell:\n%s", diff)
	}
}
