package claim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
)

func measure(name, more string) string {
	return "---\napiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: " + name + ", owner: \"user:ana\"}\nspec: {room: people, direction: up, " + more + "}\n"
}

// TestShifts: what turned and turned back is no news, what is new and stayed is.
func TestShifts(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(described + aThing("a", ", description: x"))
		since := w.clock
		shifts := func() string {
			w.Helper()
			list, err := w.engine.Shifts(w.Context(), w.as("ana", auth.RoleOwner), since)
			w.must(err)
			var out []string
			for _, x := range list {
				out = append(out, fmt.Sprintf("%s %s→%s after %d", x.Title, x.Was, x.State, x.Turns))
			}
			return strings.Join(out, "\n")
		}
		if got := shifts(); got != "" {
			t.Errorf("nothing happened, and the news is %q", got)
		}
		w.clock = w.clock.Add(time.Hour)
		w.apply(aThing("b", ""))
		if got, want := shifts(), "Every service is described supported→contradicted after 1"; got != want {
			t.Errorf("news %q, want %q", got, want)
		}
		w.apply(aThing("b", ", description: y"))
		if got := shifts(); got != "" {
			t.Errorf("it turned back, and the news is %q", got)
		}
		w.apply(aThing("b", ""))
		if got, want := shifts(), "Every service is described supported→contradicted after 3"; got != want {
			t.Errorf("news %q, want %q", got, want)
		}
		w.apply(measure("mood", "target: 7, limit: 5, typed: {goodFor: 30d}"))
		if got, want := shifts(), "mood →unsupported after 1\nEvery service is described supported→contradicted after 3"; got != want {
			t.Errorf("news %q, want %q", got, want)
		}
		since = w.clock
		_, err := w.engine.Say(w.Context(), w.as("ana", auth.RoleOwner), entity.NewRef("measure", "", "mood"), Word{Value: 6})
		w.must(err)
		since = w.clock
		_, err = w.engine.Say(w.Context(), w.as("ana", auth.RoleOwner), entity.NewRef("measure", "", "mood"), Word{Value: 8})
		w.must(err)
		list, err := w.engine.Shifts(w.Context(), w.as("ana", auth.RoleOwner), since)
		w.must(err)
		if len(list) != 1 || list[0].Was != Weak || list[0].State != Weak || list[0].WasZone != Warn || list[0].Zone != OK {
			t.Errorf("another reading of the same state: %+v", list)
		}
		if got, err := w.engine.Shifts(w.Context(), w.as("m", auth.RoleIngest), since); err != nil || len(got) != 0 {
			t.Errorf("a machine reads %v, %v", got, err)
		}
	})
}

// TestMarks: a mark is the number that held at a moment, and not one that had
// gone stale by then, nor one that came later.
func TestMarks(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(measure("mood", "target: 7, pinned: 2, typed: {goodFor: 10d}") + measure("other", "pinned: 1, typed: {goodFor: 30d}") + measure("hidden", "typed: {goodFor: 30d}"))
		begin := w.clock
		say := func(days int, value float64) {
			w.Helper()
			w.clock = begin.AddDate(0, 0, days)
			_, err := w.engine.Say(w.Context(), w.as("ana", auth.RoleOwner), entity.NewRef("measure", "", "mood"), Word{Value: value})
			w.must(err)
		}
		say(0, 5)
		say(7, 6)
		say(30, 8)
		views, err := w.engine.Pinned(w.Context(), w.as("ana", auth.RoleOwner))
		w.must(err)
		var names []string
		for _, v := range views {
			names = append(names, v.Statement)
		}
		if diff := cmp.Diff([]string{"other", "mood"}, names); diff != "" {
			t.Fatalf("instruments, by their place (-want +got):\n%s", diff)
		}
		var at []time.Time
		for _, days := range []int{-1, 1, 8, 16, 18, 31} {
			at = append(at, begin.AddDate(0, 0, days))
		}
		marks, err := w.engine.Marks(w.Context(), org, views, at)
		w.must(err)
		text := func(uid string) string {
			var out []string
			for _, v := range marks[uid] {
				if v == nil {
					out = append(out, "–")
				} else {
					out = append(out, fmt.Sprint(*v))
				}
			}
			return strings.Join(out, " ")
		}
		if got, want := text(views[1].UID), "– 5 6 6 – 8"; got != want {
			t.Errorf("marks %s, want %s", got, want)
		}
		if got, want := text(views[0].UID), "– – – – – –"; got != want {
			t.Errorf("marks of a measure without a number: %s, want %s", got, want)
		}
	})
}

// TestWanted: a person is asked for the words they answer for, when none was
// given or it runs out.
func TestWanted(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(measure("mood", "typed: {goodFor: 10d}") + `---
apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: pentest, title: Somebody tests us, owner: "group:security"}
spec:
  room: security
  tests:
  - {name: report, attest: {by: ["user:ana"], goodFor: 30d}}
  - {name: fixed, attest: {goodFor: 30d}}
`)
		wanted := func(mine ...string) string {
			w.Helper()
			list, err := w.engine.Wanted(w.Context(), w.as("ana", auth.RoleOwner), mine, w.clock.AddDate(0, 0, 7))
			w.must(err)
			var out []string
			for _, a := range list {
				out = append(out, fmt.Sprintf("%s/%s %s", a.View.Statement, a.Evidence.Probe.Name, a.Evidence.Health))
			}
			return strings.Join(out, "\n")
		}
		f := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
			}
		}
		f("of nobody", wanted(), "")
		f("of ana", wanted("user:default/ana"), "Somebody tests us/report missing\nmood/value missing")
		f("of the group", wanted("group:default/security"), "Somebody tests us/report missing\nSomebody tests us/fixed missing")
		say := func(ref entity.Ref, word Word) {
			w.Helper()
			_, err := w.engine.Say(w.Context(), w.as("ana", auth.RoleOwner), ref, word)
			w.must(err)
		}
		say(entity.NewRef("measure", "", "mood"), Word{Value: 3})
		say(entity.NewRef("claim", "", "pentest"), Word{Test: "report", Holds: true})
		f("all given", wanted("user:default/ana"), "")
		w.clock = w.clock.AddDate(0, 0, 4)
		f("one runs out within the week", wanted("user:default/ana"), "mood/value live")
		w.clock = w.clock.AddDate(0, 0, 24)
		f("one has run out, one will", wanted("user:default/ana"), "mood/value stale\nSomebody tests us/report live")
		ends, err := w.engine.Endings(w.Context(), w.as("ana", auth.RoleOwner), w.clock, w.clock.AddDate(0, 0, 14))
		w.must(err)
		if len(ends) != 1 || ends[0].Test != "report" || ends[0].By != "user:default/ana" {
			t.Errorf("what runs out: %+v", ends)
		}
	})
}

// TestGlances: a row is as good as the view it stands for, also when nothing has
// run since it grew old.
func TestGlances(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(described + aThing("a", ", description: x") + measure("mood", "target: 7, typed: {goodFor: 30d}") + "---\napiVersion: binnacle.dev/v1\nkind: Goal\nmetadata: {name: g}\nspec: {measure: mood}\n")
		glances := func() string {
			w.Helper()
			list, err := w.engine.Glances(w.Context(), w.as("ana", auth.RoleOwner))
			w.must(err)
			var out []string
			for _, g := range list {
				out = append(out, g.Title+" "+string(g.State))
			}
			return strings.Join(out, ", ")
		}
		if got, want := glances(), "Every service is described supported, g unsupported, mood unsupported"; got != want {
			t.Errorf("glances: %s, want %s", got, want)
		}
		w.clock = w.clock.Add(72 * time.Hour)
		if got, want := glances(), "Every service is described weak, g unsupported, mood unsupported"; got != want {
			t.Errorf("three days later, nothing has run: %s, want %s", got, want)
		}
	})
}
