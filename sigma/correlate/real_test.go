package correlate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/testdata"
)

// Rules of SigmaHQ that match some of the real events.
var realRules = []string{"6d844f0f-1c18-41af-8f19-33e7654edfc3", "f4bbd493-b796-416e-bbf2-121235348529", "9705a6a1-6db6-4a16-a987-15b7151e299b",
	"db809f10-56ce-4420-8c86-d6a7d793c79c", "a1a144b7-5c9b-4853-a559-2172be8d4a03"}

// TestRealEvents runs correlations over what SigmaHQ's rules match in real
// Windows events, in the order of their file, which is not that of time.
func TestRealEvents(t *testing.T) {
	events := realMatches(t)
	all := func(r sigma.Correlation) *sigma.Correlation {
		if r.Rules == nil {
			r.Rules = realRules
		}
		return &r
	}
	exact := only(sigma.Equal, 2)
	corr := []*sigma.Correlation{
		all(sigma.Correlation{Name: "count", Type: sigma.EventCount, GroupBy: []string{"Hostname"}, Timespan: 10 * time.Second, Condition: gte(5)}),
		all(sigma.Correlation{Name: "values", Type: sigma.ValueCount, GroupBy: []string{"Hostname"}, Timespan: time.Minute, Condition: gte(4, "EventID", "Image")}),
		all(sigma.Correlation{Name: "two", Type: sigma.Temporal, GroupBy: []string{"Hostname"}, Timespan: time.Minute, Condition: gte(2)}),
		all(sigma.Correlation{Name: "ordered", Type: sigma.TemporalOrdered, GroupBy: []string{"Hostname"}, Timespan: time.Minute, Condition: gte(3)}),
		all(sigma.Correlation{Name: "pairs", Type: sigma.EventCount, GroupBy: []string{"Hostname", "EventID"}, Timespan: time.Second, Condition: exact}),
		all(sigma.Correlation{Name: "middle", Type: sigma.ValueMedian, GroupBy: []string{"Hostname"}, Timespan: time.Minute, Condition: gte(4000, "EventID")}),
		all(sigma.Correlation{Name: "over", Type: sigma.Temporal, Rules: []string{"count", "pairs"}, GroupBy: []string{"Hostname"}, Timespan: 5 * time.Minute}),
	}
	rules := []*sigma.Rule{}
	for _, id := range realRules {
		rules = append(rules, &sigma.Rule{ID: id})
	}
	w := world{finish: true}
	got := sorted1(asRef(w.run(t, mustCompile(t, rules, corr...), Options{Lateness: Unbounded, MaxEvents: 10_000}, events, newRand())))
	want := sorted1(reference(corr, events, Spaced, true))
	if d := cmp.Diff(want, got, cmp.AllowUnexported(refHit{})); d != "" {
		t.Errorf("hits (-want +got):\n%s", d)
	}
	told := map[string]int{}
	for _, h := range got {
		told[h.rule]++
	}
	if len(events) < 1000 || told["over"] == 0 || told["ordered"] == 0 || told["values"] == 0 {
		t.Errorf("%d matches give %v", len(events), told)
	}
	t.Log(len(events), "matches give", told)
}

func realMatches(t *testing.T) []refEvent {
	t.Helper()
	wanted := map[int][]string{}
	for l := range strings.Lines(testdata.Text(t, "sigma", "windows-12k-expected-all.tsv.gz")) {
		n, rule, _ := strings.Cut(l, "\t")
		i, err := strconv.Atoi(n)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range realRules {
			if id == strings.TrimSpace(rule) {
				wanted[i] = append(wanted[i], id)
			}
		}
	}
	var out []refEvent
	for i, l := range testdata.Windows(t) {
		if len(wanted[i]) == 0 {
			continue
		}
		var raw map[string]any
		d := json.NewDecoder(bytes.NewReader(l))
		d.UseNumber()
		if err := d.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		said := raw["@timestamp"]
		if said == nil {
			said = raw["TimeCreated"]
		}
		text := strings.TrimSuffix(strings.Replace(fmt.Sprint(said), " ", "T", 1), "Z") + "Z"
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]string{}
		for name, v := range raw {
			fields[name] = fmt.Sprint(v)
		}
		for _, id := range wanted[i] {
			out = append(out, refEvent{rule: id, at: when.UnixNano(), id: fmt.Sprint(i), fields: fields})
		}
	}
	return out
}
