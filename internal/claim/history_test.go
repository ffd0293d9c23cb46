package claim

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// TestSeries: what is too old, has run out or had no answer is a gap, and what is
// good stands until then.
func TestSeries(t *testing.T) {
	day := 24 * time.Hour
	at := func(n int) time.Time { return noon.Add(time.Duration(n) * day) }
	num := func(v float64) *float64 { return &v }
	points := []Point{
		{AsOf: at(-5), Value: num(1), N: -1},
		{AsOf: at(1), Value: num(2), N: -1},
		{AsOf: at(4), N: 3, Exceptions: 2, Verdict: Fail},
		{AsOf: at(5), N: 0, Verdict: NoData},
		{AsOf: at(7), Value: num(7), N: -1, Until: at(8)},
	}
	f := func(hold time.Duration, want ...string) {
		t.Helper()
		var got []string
		for _, v := range Series(points, noon, at(9), 10, hold) {
			if v == nil {
				got = append(got, "-")
			} else {
				got = append(got, Figure(*v))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("held for %s (-want +got):\n%s", hold, diff)
		}
	}
	f(2*day, "-", "2", "2", "-", "2", "-", "-", "7", "-", "-")
	f(0, "1", "2", "2", "2", "2", "-", "-", "7", "-", "-")
	if got := Series(nil, noon, at(1), 3, 0); got[0] != nil || len(got) != 3 {
		t.Errorf("without points: %v", got)
	}
	if got := Series(points, noon, at(1), 1, 0); len(got) != 1 || *got[0] != 2 {
		t.Errorf("one point is the last: %v", got)
	}
}

// TestTrends: many are read at once, those of other organisations never.
func TestTrends(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply("apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: n}\nspec: {room: operations, direction: up, target: 2, records: {from: thing, value: count}}\n" + aThing("a", ""))
		w.apply(aThing("b", "") + aThing("c", ""))
		by, err := w.engine.Trends(w.Context(), w.as("ana", auth.RoleOwner), []string{"measure:default/n", "measure:default/none", "thing:default/a"})
		w.must(err)
		if len(by) != 1 || by["measure:default/n"].Last == nil || *by["measure:default/n"].Last != 3 || *by["measure:default/n"].Target != 2 {
			w.Errorf("%+v", by["measure:default/n"])
		}
		stranger := w.as("eve", auth.RoleOwner)
		stranger.Org = "rival"
		by, err = w.engine.Trends(w.Context(), stranger, []string{"measure:default/n"})
		w.must(err)
		if len(by) != 0 {
			w.Errorf("another organisation reads %v", by)
		}
	})
}

// TestLeans: both ends of the lines doubt travels along are found, and the claims
// about a thing are not what it leans on.
func TestLeans(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(described + aThing("a", "") + "---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: top}\nspec: {room: operations, subject: \"thing:a\", leansOn: [\"claim:described\"], tests: [{name: t, records: {from: thing, value: count}, must: \">= 0\"}]}\n")
		names := func(list []Leaning) (out []string) {
			for _, l := range list {
				out = append(out, l.Entity.Ref().Short()+" "+string(l.State))
			}
			return out
		}
		f := func(ref entity.Ref, on, of []string) {
			w.Helper()
			x, err := w.catalog.Get(w.Context(), w.as("ana", auth.RoleOwner), ref)
			w.must(err)
			gotOn, gotOf, err := w.engine.Leans(w.Context(), w.as("ana", auth.RoleOwner), x)
			w.must(err)
			if diff := cmp.Diff([][]string{on, of}, [][]string{names(gotOn), names(gotOf)}); diff != "" {
				w.Errorf("%s (-want +got):\n%s", ref, diff)
			}
		}
		f(entity.NewRef("claim", "", "top"), []string{"claim:described contradicted"}, []string{"thing:a contradicted"})
		f(entity.NewRef("claim", "", "described"), nil, []string{"claim:top weak"})
		f(entity.NewRef("thing", "", "a"), nil, nil)
	})
}

// TestMeasureAsTest: a test that names a measure and no bound reads it as the
// measure itself does; where that has no target nothing is proved.
func TestMeasureAsTest(t *testing.T) {
	run(t, nil, func(w *world) {
		m := func(name, target string) string {
			return "---\napiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: " + name + "}\nspec: {room: operations, direction: up, " + target + "records: {from: thing, value: count}}\n"
		}
		c := func(name string) string {
			return "---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: " + name + "}\nspec: {room: operations, tests: [{name: t, measure: {measure: " + name + "}}]}\n"
		}
		w.apply(m("high", "target: 9, ") + m("low", "target: 1, ") + m("watched", "") + c("high") + c("low") + c("watched") + aThing("a", ""))
		w.state("high", Contradicted)
		w.state("low", Supported)
		if v := w.state("watched", Unsupported); v.Evidence[0].Last.Reason == "" {
			w.Errorf("it does not say why: %+v", v.Evidence[0].Last)
		}
	})
}
