package objectives_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/objectives"
	"github.com/binnaclehq/binnacle/internal/fault"
)

func TestExamples(t *testing.T) {
	run(t, func(w *world) {
		w.clock = time.Date(2026, 9, 20, 9, 0, 0, 0, time.UTC)
		for _, k := range objectives.Module().Kinds {
			for _, text := range k.Examples {
				w.apply(text)
			}
			for _, bad := range k.Invalid {
				if err := w.tryApply(w.owner(), bad.YAML); err == nil || !strings.Contains(err.Error(), bad.Want) {
					t.Errorf("%s: got %v, want %q for\n%s", k.Name, err, bad.Want, bad.YAML)
				}
			}
		}
		if got := w.kr("second-acquirer"); got.Progress == nil || *got.Progress != 0.3 || got.Confidence == nil || *got.Confidence != 6 {
			t.Errorf("the examples give the status %+v", got)
		}
	})
}

// TestTypedLife follows a key result whose number people type: no evidence,
// a word, off track as the days pass, and stale.
func TestTypedLife(t *testing.T) {
	run(t, func(w *world) {
		w.apply(quarter + typedKR("kr", ", goodFor: 14d"))
		if got := w.kr("kr"); got.Standing != "no-evidence" || got.Trust != "none" || got.Progress != nil || got.State != "unsupported" || got.Cycle != "q3" {
			t.Errorf("before the first check-in: %+v", got)
		}
		if got := w.objective("pay"); got.Standing != "no-evidence" || *got.Score != 0 || got.KeyResults != 1 {
			t.Errorf("its objective: %+v", got)
		}
		w.apply(aCheckIn("c1", "kr", "value: 50, confidence: 8, note: halfway"))
		got := w.kr("kr")
		if got.Standing != "on-track-unproven" || got.Trust != "word" || *got.Progress != 0.5 || *got.Pace != 0 || *got.Confidence != 8 || got.State != "weak" {
			t.Errorf("after a check-in: %+v", got)
		}
		run := w.lastRun("kr")
		if !run.Asserted || run.By != "user:default/ana" || run.Note != "halfway" || !run.Until.Equal(run.AsOf.AddDate(0, 0, 14)) {
			t.Errorf("the run is %+v", run)
		}
		if o := w.objective("pay"); o.Standing != "on-track-unproven" || *o.Score != 0.5 {
			t.Errorf("the objective is %+v", o)
		}
		if c := status[objectives.CycleStatus](w, "cycle:q3"); c.Score == nil || *c.Score != 0.5 || c.Objectives != 1 {
			t.Errorf("the cycle is %+v", c)
		}
		w.wait(12)
		if got := w.kr("kr"); got.Standing != "at-risk" || got.Trust != "word" {
			t.Errorf("twelve days later: %+v", got)
		}
		w.apply(aCheckIn("c2", "kr", "value: 100"))
		if got := w.kr("kr"); got.Standing != "met-unproven" || *got.Confidence != 8 {
			t.Errorf("met: %+v", got)
		}
		w.wait(15)
		if got := w.kr("kr"); got.Standing != "at-risk" || got.Trust != "stale" {
			t.Errorf("a number that ran out is shown as %+v", got)
		}
	})
}

func (w *world) lastRun(name string) *claim.Run {
	w.Helper()
	v, err := w.claims.Get(w.Context(), w.owner(), w.ref(name))
	w.must(err)
	if len(v.Evidence) != 1 || v.Evidence[0].Last == nil {
		w.Fatalf("%s has the evidence %+v", name, v.Evidence)
	}
	return v.Evidence[0].Last
}

// TestMeasured: a key result of a measure is green on live evidence, moves when
// the measure does, and takes no typed number.
func TestMeasured(t *testing.T) {
	run(t, func(w *world) {
		w.apply(quarter + aMeasure("m", `records: {from: vision, value: "count"}`) + "---\napiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: kr, title: Visions}\nspec: {objective: pay, kind: metric, start: 0, target: 4, measure: m}\n")
		if got := w.kr("kr"); got.Standing != "no-evidence" {
			t.Errorf("of nothing: %+v", got)
		}
		vision := func(name string) string {
			return "---\napiVersion: binnacle.dev/v1\nkind: Vision\nmetadata: {name: " + name + "}\n"
		}
		w.apply(vision("a") + vision("b"))
		got := w.kr("kr")
		if got.Standing != "on-track" || got.Trust != "live" || *got.Progress != 0.5 || got.State != "supported" || *got.Value != 2 {
			t.Errorf("on live evidence: %+v", got)
		}
		w.wait(1)
		w.clock = w.clock.Add(time.Hour)
		w.wait(13)
		got = w.kr("kr")
		if got.Standing != "at-risk" || got.Zone != "warn" || got.State != "supported" {
			t.Errorf("two weeks later: %+v", got)
		}
		w.wait(20)
		if got := w.kr("kr"); got.Standing != "off-track" || got.State != "contradicted" {
			t.Errorf("late: %+v", got)
		}
		w.apply(vision("c") + vision("d"))
		if got := w.kr("kr"); got.Standing != "met" || got.State != "supported" {
			t.Errorf("met: %+v", got)
		}
		if err := w.tryApply(w.owner(), aCheckIn("c", "kr", "value: 9")); !fault.Is(err, fault.Invalid) {
			t.Errorf("a number was typed over a measure: %v", err)
		}
		w.apply(aCheckIn("c", "kr", "confidence: 3"))
		if got := w.kr("kr"); *got.Confidence != 3 || got.Standing != "met" {
			t.Errorf("confidence moved the standing: %+v", got)
		}
		_, a, _, err := w.claims.RunOf(w.Context(), w.owner(), w.ref("kr"), w.lastRun("kr").Seq)
		w.must(err)
		var lines []string
		for _, s := range a.Steps {
			lines = append(lines, s.Text().En)
		}
		if text := strings.Join(lines, "\n"); !strings.Contains(text, "(4 − 0) / (4 − 0) = 1") || !strings.Contains(text, "1 of the way, 0.87 expected today") {
			t.Errorf("the derivation is\n%s", text)
		}
	})
}

// TestReplay: a run of a key result asked again gives what it gave, though its
// cycle was changed since.
func TestReplay(t *testing.T) {
	run(t, func(w *world) {
		w.apply(quarter + aMeasure("m", `typed: {goodFor: 30d}`) + "---\napiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: kr, title: X}\nspec: {objective: pay, kind: metric, start: 0, target: 4, measure: m}\n")
		_, err := w.claims.Say(w.Context(), w.owner(), w.ref("measure:m"), claim.Word{Value: 2})
		w.must(err)
		w.settle()
		then := w.clock
		w.clock = w.clock.Add(time.Hour)
		w.patch("cycle:q3", `{"spec":{"end":"2026-12-31"}}`)
		out, err := w.claims.Replay(w.Context(), w.owner(), w.ref("kr"), then.Add(time.Minute))
		w.must(err)
		if len(out) != 1 || !out[0].Same {
			t.Errorf("replayed: %+v", out)
		}
	})
}

// TestWordsAreKeptOnce: the same check-in taken in again makes no second run.
func TestWordsAreKeptOnce(t *testing.T) {
	run(t, func(w *world) {
		w.apply(quarter + typedKR("kr", "") + aCheckIn("c1", "kr", "value: 5"))
		before := w.lastRun("kr").Seq
		clear(w.cursors)
		w.settle()
		if got := w.lastRun("kr").Seq; got != before {
			t.Errorf("the feed read again wrote run %d after %d", got, before)
		}
		w.apply(aCheckIn("old", "kr", `value: 3, at: "2026-08-01T10:00:00Z"`))
		if got := w.lastRun("kr"); *got.Value != 5 {
			t.Errorf("a late word about the past is the present number: %+v", got)
		}
		if got := w.kr("kr"); *got.Value != 5 {
			t.Errorf("status %+v", got)
		}
	})
}

func TestCheckInsAreWrittenOnce(t *testing.T) {
	run(t, func(w *world) {
		w.apply(quarter + typedKR("kr", "") + aCheckIn("c1", "kr", "value: 5, author: somebody else"))
		s, err := catalog.Spec[objectives.CheckIn](w.get("checkin:c1"))
		w.must(err)
		if s.Author != "user:default/ana" || s.At != "2026-08-15T09:00:00Z" {
			t.Errorf("the check-in is by %s at %s", s.Author, s.At)
		}
		if err := w.tryApply(w.owner(), aCheckIn("c1", "kr", "value: 6, author: somebody else")); !fault.Is(err, fault.Conflict) {
			t.Errorf("it was changed: %v", err)
		}
		w.must(w.tryApply(w.owner(), aCheckIn("c1", "kr", "value: 5, author: somebody else")))
		if _, err := w.catalog.Delete(w.Context(), w.owner(), w.ref("checkin:c1"), 0); !fault.Is(err, fault.Conflict) {
			t.Errorf("it was deleted: %v", err)
		}
		if _, err := w.catalog.Rename(w.Context(), w.owner(), w.ref("checkin:c1"), "c2"); !fault.Is(err, fault.Conflict) {
			t.Errorf("it was renamed: %v", err)
		}
		_, err = w.catalog.Rename(w.Context(), w.owner(), w.ref("kr"), "other")
		w.must(err)
		s, err = catalog.Spec[objectives.CheckIn](w.get("checkin:c1"))
		w.must(err)
		if s.KeyResult != "other" || s.Author != "user:default/ana" {
			t.Errorf("after a rename of its key result it is %+v", s)
		}
		if err := w.tryApply(w.as("max", auth.RoleAuditor), aCheckIn("c3", "other", "note: x")); !fault.Is(err, fault.Forbidden) {
			t.Errorf("an auditor checked in: %v", err)
		}
		w.must(w.tryApply(w.as("tomasz", auth.RoleCISO), aCheckIn("c4", "other", "note: x")))
		if err := w.tryApply(w.as("tomasz", auth.RoleCISO), typedKR("mine", "")); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a security officer wrote a key result: %v", err)
		}
	})
}

func TestStepsAndMilestones(t *testing.T) {
	run(t, func(w *world) {
		w.apply(quarter + "---\napiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: ms}\nspec: {objective: pay, kind: milestone, milestones: [a, b, c, d]}\n")
		for value, ok := range map[string]bool{"2": true, "5": false, "-1": false, "1.5": false} {
			if err := w.tryApply(w.owner(), aCheckIn("c"+strings.NewReplacer("-", "m", ".", "p").Replace(value), "ms", "value: "+value)); (err == nil) != ok {
				t.Errorf("%s of 4 milestones: %v", value, err)
			}
		}
		w.settle()
		if got := w.kr("ms"); *got.Progress != 0.5 {
			t.Errorf("two of four: %+v", got)
		}
	})
}

// TestClosing: a cycle that is closed keeps its scores; opened again it is
// tested again.
func TestClosing(t *testing.T) {
	run(t, func(w *world) {
		w.apply(quarter + typedKR("kr", "") + typedKR("none", "") + aCheckIn("c1", "kr", "value: 80"))
		w.patch("cycle:q3", `{"spec":{"state":"closed"}}`)
		s, err := catalog.Spec[objectives.KeyResult](w.get("kr"))
		w.must(err)
		if s.Final == nil || s.Final.Score != 0.8 || s.Final.Standing != "at-risk" || s.Final.Trust != "word" || s.Final.At == "" || *s.Final.Value != 80 {
			t.Fatalf("the key result keeps %+v", s.Final)
		}
		if s, err := catalog.Spec[objectives.KeyResult](w.get("none")); err != nil || s.Final == nil || s.Final.Score != 0 || s.Final.Standing != "no-evidence" || s.Final.Value != nil {
			t.Errorf("one without evidence keeps %+v, %v", s.Final, err)
		}
		if got := w.objective("pay"); math.Abs(*got.Score-0.4) > 1e-9 {
			t.Errorf("the objective scores %+v", got)
		}
		if _, err := w.catalog.Patch(w.Context(), w.owner(), w.ref("kr"), []byte(`{"spec":{"target":10}}`), catalog.UpdateOptions{}); !fault.Is(err, fault.Conflict) {
			t.Errorf("a scored key result was changed: %v", err)
		}
		if err := w.tryApply(w.owner(), aCheckIn("c2", "kr", "value: 100")); !fault.Is(err, fault.Conflict) {
			t.Errorf("a check-in on a closed cycle: %v", err)
		}
		w.wait(60)
		got := w.kr("kr")
		if *got.Progress != 0.8 || got.Standing != "at-risk" || got.State != "weak" {
			t.Errorf("two months later: %+v", got)
		}
		v, err := w.claims.Get(w.Context(), w.owner(), w.ref("kr"))
		w.must(err)
		if !v.Closed || v.Health() != claim.Live {
			t.Errorf("its claim is %+v, health %s: it is judged as of the close", v.Closed, v.Health())
		}
		_, err = w.catalog.Rename(w.Context(), w.owner(), w.ref("objective:pay"), "paying")
		w.must(err)
		w.settle()
		w.patch("cycle:q3", `{"spec":{"state":"review"}}`)
		if s, err := catalog.Spec[objectives.KeyResult](w.get("kr")); err != nil || s.Final != nil {
			t.Errorf("opened again it keeps %+v, %v", s.Final, err)
		}
		if got := w.kr("kr"); got.Trust != "stale" {
			t.Errorf("opened again: %+v", got)
		}
	})
}

func TestScoresAreSetByTheProgram(t *testing.T) {
	run(t, func(w *world) {
		w.apply(quarter)
		final := `, final: {score: 1, standing: met, trust: live, at: "2026-08-01T00:00:00Z"}`
		if err := w.tryApply(w.owner(), typedKR("kr", final)); !fault.Is(err, fault.Invalid) {
			t.Errorf("a score in an open cycle: %v", err)
		}
	})
}

// TestChangesTravel: what is changed in a cycle or an objective reaches the key
// results, and what is changed in a key result the scores above.
func TestChangesTravel(t *testing.T) {
	run(t, func(w *world) {
		w.apply(quarter + typedKR("a", "") + typedKR("b", ", weight: 3") + aCheckIn("c1", "a", "value: 100") + aCheckIn("c2", "b", "value: 20"))
		if got := *w.objective("pay").Score; got != 0.4 {
			t.Errorf("(1·1 + 3·0.2) / 4 is %v", got)
		}
		w.patch("b", `{"spec":{"weight":null}}`)
		if got := *w.objective("pay").Score; got != 0.6 {
			t.Errorf("without a weight the mean is %v", got)
		}
		pace := *w.kr("b").Pace
		w.patch("cycle:q3", `{"spec":{"end":"2027-06-30"}}`)
		if got := *w.kr("b").Pace; got <= pace {
			t.Errorf("a longer cycle leaves the pace at %v", got)
		}
		w.patch("objective:pay", `{"spec":{"state":"draft"}}`)
		if c := status[objectives.CycleStatus](w, "cycle:q3"); c.Score != nil || c.Objectives != 0 {
			t.Errorf("a draft counts: %+v", c)
		}
		_, err := w.catalog.Delete(w.Context(), w.owner(), w.ref("b"), 0)
		w.must(err)
		w.settle()
		if got := *w.objective("pay").Score; got != 1 {
			t.Errorf("without the deleted one the mean is %v", got)
		}
	})
}

// TestLists: the standings can be filtered and sorted.
func TestLists(t *testing.T) {
	run(t, func(w *world) {
		w.apply(quarter + typedKR("a", "") + typedKR("b", "") + typedKR("c", "") + aCheckIn("c1", "a", "value: 100") + aCheckIn("c2", "b", "value: 20"))
		page, err := w.catalog.List(w.Context(), w.owner(), catalog.Query{Kinds: []string{"KeyResult"}, Fields: map[string][]string{"status.standing": {"off-track", "no-evidence"}}, Sort: "status.standing"})
		w.must(err)
		var names []string
		for _, e := range page.Items {
			names = append(names, e.Metadata.Name)
		}
		if strings.Join(names, " ") != "b c" {
			t.Errorf("off track and without evidence: %v", names)
		}
		page, err = w.catalog.List(w.Context(), w.owner(), catalog.Query{Kinds: []string{"KeyResult"}, Sort: "status.progress", Desc: true, Refs: []string{"keyresult:default/a", "keyresult:default/b"}})
		w.must(err)
		if len(page.Items) != 2 || page.Items[0].Metadata.Name != "a" {
			t.Errorf("by progress: %v", page.Items)
		}
	})
}

func TestCheckInsOfTheFuture(t *testing.T) {
	run(t, func(w *world) {
		w.apply(quarter + typedKR("kr", ""))
		if err := w.tryApply(w.owner(), aCheckIn("c", "kr", `note: x, at: "2926-01-01T00:00:00Z"`)); !fault.Is(err, fault.Invalid) {
			t.Errorf("a check-in about the future: %v", err)
		}
	})
}
