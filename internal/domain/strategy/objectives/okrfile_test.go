package objectives_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/objectives"
	"github.com/binnaclehq/binnacle/internal/fault"
)

const appfire = "Order,Type,Summary,Status,Period,Owner,Weight,OKR type,Labels,Teams,Expected start date,Expected end date,Start value,Current value,Target value,Description\n" +
	"1,Objective,Every payment works,On track,Q3 2026,Nobody Known,,Team,\"pay, trust\",Payments,,,,,,Why\n" +
	"1.1,Key Result,First attempt,At risk,Q3 2026,,2,,,,,,92.4%,93.8%,96%,\n" +
	"1.2,Key Result,Refusals,On track,Q3 2026,,,,,,,,1200,1100.5,900,\n" +
	"1.2.1,Objective,Fewer refusals,Draft,Q3 2026,,,,,,,,,,,\n" +
	"2,Objective,Trust,Completed,H2 2026,,0.5,Company,,,,,,,,\n" +
	"2.1,Key Result,No values,,H2 2026,,,,,,,,,,,\n" +
	"3,Objective,When?,,Soon,,,,,,,,,,,\n" +
	"3.1,Key Result,Below it,,Soon,,,,,,,,1,2,3,\n" +
	"4,Objective,Every payment works,On track,Q3 2026,,,,,,,,,,,\n"

func (w *world) load(text string, args map[string]string) *catalog.ImportReport {
	w.Helper()
	report, err := objectives.Module().Importers[0].Import(w.Context(), w.catalog, w.owner(), []catalog.File{{Name: "okr.csv", Data: []byte(text)}}, catalog.ImportOptions{Args: args})
	w.must(err)
	w.settle()
	return report
}

func (w *world) export(args map[string]string) string {
	w.Helper()
	files, err := objectives.Module().Exporters[0].Export(w.Context(), w.catalog, w.owner(), catalog.ExportOptions{Args: args})
	w.must(err)
	return string(files[0].Data)
}

func ops(r *catalog.ImportReport) map[catalog.Op]int {
	n := map[catalog.Op]int{}
	for _, ch := range r.Changes {
		n[ch.Op]++
	}
	return n
}

func TestImport(t *testing.T) {
	run(t, func(w *world) {
		report := w.load(appfire, map[string]string{"date": "2026-08-10"})
		var got []string
		for _, p := range report.Problems {
			got = append(got, fmt.Sprintf("%s %d", p.Code, p.Line))
		}
		if diff := cmp.Diff([]string{"goal.owner 2", "goal.values 7", "goal.period 8", "goal.below 9", "goal.twice 10"}, got); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[catalog.Op]int{catalog.Created: 9}, ops(report)); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		c, err := catalog.Spec[objectives.Cycle](w.get("cycle:q3-2026"))
		w.must(err)
		if c.Start != "2026-07-01" || c.End != "2026-09-30" || c.State != "active" {
			t.Errorf("the cycle is %+v", c)
		}
		kr := w.kr("q3-2026-first-attempt")
		if *kr.Value != 93.8 || kr.Trust != "word" || !strings.HasPrefix(kr.CheckedIn, "2026-08-10") {
			t.Errorf("the key result is %+v", kr)
		}
		if run := w.lastRun("q3-2026-first-attempt"); run.AsOf.Format(time.DateOnly) != "2026-08-10" || !run.Asserted || run.Note != "okr.csv" {
			t.Errorf("its number is %+v", run)
		}
		s, err := catalog.Spec[objectives.KeyResult](w.get("q3-2026-first-attempt"))
		w.must(err)
		if s.Unit != "%" || *s.Weight != 2 {
			t.Errorf("its spec is %+v", s)
		}
		o := w.get("objective:q3-2026-every-payment-works")
		if strings.Join(o.Metadata.Tags, " ") != "pay trust" || o.Metadata.Description != "Why" || o.Metadata.Annotations["binnacle.dev/okr-teams"] != "Payments" {
			t.Errorf("the objective is %+v", o.Metadata)
		}
		below, err := catalog.Spec[objectives.Objective](w.get("objective:q3-2026-fewer-refusals"))
		w.must(err)
		if below.Parent != "keyresult:q3-2026-refusals" || below.State != "draft" {
			t.Errorf("the objective below a key result is %+v", below)
		}
		trust, err := catalog.Spec[objectives.Objective](w.get("objective:h2-2026-trust"))
		w.must(err)
		if trust.State != "closed-achieved" || trust.Level != "organisation" || *trust.Weight != 0.5 {
			t.Errorf("%+v", trust)
		}

		again := w.load(appfire, map[string]string{"date": "2026-08-10"})
		if diff := cmp.Diff(map[catalog.Op]int{catalog.Unchanged: 5}, ops(again)); diff != "" {
			t.Errorf("imported again (-want +got):\n%s", diff)
		}
		moved := w.load(strings.Replace(appfire, "93.8%", "94%", 1), map[string]string{"date": "2026-08-14"})
		if diff := cmp.Diff(map[catalog.Op]int{catalog.Unchanged: 5, catalog.Created: 1}, ops(moved)); diff != "" {
			t.Errorf("with a new value (-want +got):\n%s", diff)
		}
		if got := *w.kr("q3-2026-first-attempt").Value; got != 94 {
			t.Errorf("the value is %v", got)
		}
	})
}

// TestRoundTrip: what is exported and imported again changes nothing, whoever
// wrote it.
func TestRoundTrip(t *testing.T) {
	run(t, func(w *world) {
		w.apply(quarter + typedKR("a", `, unit: "%", weight: 2, direction: up`) + typedKR("b", ", unit: per 100 km") + aCheckIn("c1", "a", "value: 12.5") + aCheckIn("c2", "b", "value: 1.234") +
			"---\napiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: band, title: Band}\nspec: {objective: pay, kind: metric, direction: keep, low: 1, high: 2}\n" +
			"---\napiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: ms, title: Milestones}\nspec: {objective: pay, kind: milestone, milestones: [x, y]}\n" + aCheckIn("c3", "ms", "value: 1") +
			"---\napiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: steps, title: Steps}\nspec: {objective: pay, kind: ordinal, steps: {commit: a, target: b, stretch: c}}\n" +
			"---\napiVersion: binnacle.dev/v1\nkind: Objective\nmetadata: {name: below, title: '  Below   it ', description: \"Text \\n\", tags: [b, a], owner: pay-team}\nspec: {cycle: \"cycle:default/q3\", state: draft, level: team, parent: \"keyresult:a\"}\n" +
			"---\napiVersion: binnacle.dev/v1\nkind: Objective\nmetadata: {name: round, title: Round}\nspec: {cycle: q3, state: active, parent: about}\n" +
			"---\napiVersion: binnacle.dev/v1\nkind: Objective\nmetadata: {name: about, title: About}\nspec: {cycle: q3, state: active, parent: round}\n")
		text := w.export(nil)
		if !strings.Contains(text, "1.1,Key Result,a,\"On track, not proven\",Q3 2026,,2,") && !strings.Contains(text, "Key Result,a,") {
			t.Errorf("exported\n%s", text)
		}
		w.clock = w.clock.Add(24 * time.Hour)
		report := w.load(text, nil)
		if len(report.Problems) > 0 {
			t.Errorf("problems %v\n%s", report.Problems, text)
		}
		for _, ch := range report.Changes {
			if ch.Op != catalog.Unchanged {
				t.Errorf("%s is %s: %v", ch.Ref, ch.Op, ch.Fields)
			}
		}
		if again := w.export(nil); again != text {
			t.Errorf("exported again (-first +second):\n%s", cmp.Diff(text, again))
		}
		w.load(appfire, nil)
		text = w.export(nil)
		for _, ch := range w.load(text, nil).Changes {
			if ch.Op != catalog.Unchanged {
				t.Errorf("%s, which was imported before, is %s: %v", ch.Ref, ch.Op, ch.Fields)
			}
		}
		w.patch("cycle:q3", `{"spec":{"state":"closed"}}`)
		report = w.load(w.export(map[string]string{"cycle": "q3"}), nil)
		if !strings.Contains(report.Summary, "7 scored in a closed cycle and left") {
			t.Errorf("of a closed cycle: %s", report.Summary)
		}
	})
}

// TestPresentNumber: the number that a key result has makes no check-in,
// however it came to it, and any other does.
func TestPresentNumber(t *testing.T) {
	run(t, func(w *world) {
		w.apply(quarter + typedKR("a", ""))
		w.must(w.tryApply(w.owner(), aCheckIn("c1", "a", "value: 12")))
		if text := w.export(nil); !strings.Contains(text, ",0,12,100,") {
			t.Errorf("a check-in that no watch has come to is not exported:\n%s", text)
		}
		w.settle()
		w.clock = w.clock.Add(time.Hour)
		_, err := w.claims.Say(w.Context(), w.owner(), w.ref("a"), claim.Word{Value: 13, Note: "Counted by hand", AsOf: w.clock})
		w.must(err)
		w.settle()
		text := w.export(nil)
		w.clock = w.clock.Add(24 * time.Hour)
		for _, tt := range []struct {
			current string
			made    int
		}{{"13", 0}, {"12", 1}, {"13", 1}, {"13", 0}} {
			report := w.load(strings.Replace(text, ",0,13,100,", ",0,"+tt.current+",100,", 1), nil)
			if n := ops(report)[catalog.Created]; n != tt.made {
				t.Errorf("with %s: %d made, want %d", tt.current, n, tt.made)
			}
			w.clock = w.clock.Add(24 * time.Hour)
		}
		if run := w.lastRun("a"); *run.Value != 13 || run.Note != "okr.csv" {
			t.Errorf("its number is %+v", run)
		}
	})
}

func TestPeriods(t *testing.T) {
	run(t, func(w *world) {
		rows := ""
		for i, p := range []string{"Q1 2026", "2026-Q2", "T3 2026", "S1 2026", "H2-2026", "2027", "FY 2028"} {
			rows += fmt.Sprintf("%d,Objective,o%d,,%s,,\n", i+1, i, p)
		}
		rows += "8,Objective,o8,,,01/10/2026,31/12/2026\n9,Objective,o9,,Sprint 7,2026-08-03,2026-08-16\n10,Objective,o10,,Q5 2026,,\n"
		report := w.load("Order,Type,Summary,Status,Period,Expected start date,Expected end date\n"+rows, nil)
		if len(report.Problems) != 1 || report.Problems[0].Line != 11 {
			t.Errorf("problems %v", report.Problems)
		}
		got := map[string]string{}
		page, err := w.catalog.List(w.Context(), w.owner(), catalog.Query{Kinds: []string{"Cycle"}})
		w.must(err)
		for _, e := range page.Items {
			s, err := catalog.Spec[objectives.Cycle](e)
			w.must(err)
			got[e.DisplayTitle()] = s.Start + " " + s.End + " " + s.State
		}
		want := map[string]string{"Q1 2026": "2026-01-01 2026-03-31 review", "2026-Q2": "2026-04-01 2026-06-30 review", "T3 2026": "2026-07-01 2026-09-30 active", "S1 2026": "2026-01-01 2026-06-30 review",
			"H2-2026": "2026-07-01 2026-12-31 active", "2027": "2027-01-01 2027-12-31 planning", "FY 2028": "2028-01-01 2028-12-31 planning", "Q4 2026": "2026-10-01 2026-12-31 planning", "Sprint 7": "2026-08-03 2026-08-16 active"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("cycles (-want +got):\n%s", diff)
		}
	})
}

func TestImportRefuses(t *testing.T) {
	run(t, func(w *world) {
		in := objectives.Module().Importers[0]
		for _, args := range []map[string]string{{"date": "soon"}, {"date": "2999-01-01"}, {"colour": "red"}} {
			if _, err := in.Import(w.Context(), w.catalog, w.owner(), nil, catalog.ImportOptions{Args: args}); !fault.Is(err, fault.Invalid) {
				t.Errorf("%v: %v", args, err)
			}
		}
		if _, err := in.Import(w.Context(), w.catalog, w.as("max", "auditor"), nil, catalog.ImportOptions{}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("an auditor imported: %v", err)
		}
		if _, err := objectives.Module().Exporters[0].Export(w.Context(), w.catalog, w.owner(), catalog.ExportOptions{Args: map[string]string{"cycle": "none"}}); !fault.Is(err, fault.NotFound) {
			t.Errorf("a cycle that is not there was exported: %v", err)
		}
		report := w.load("Order,Type,Summary\n1,Objective,a\n", map[string]string{"cycle": "none"})
		if len(report.Problems) != 1 || report.Problems[0].Code != "goal.cycle" {
			t.Errorf("%v", report.Problems)
		}
	})
}
