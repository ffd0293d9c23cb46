package live

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
	"github.com/binnaclehq/binnacle/sigma"
)

// TestTables: what was told, gaps and proofs are kept, in both databases.
func TestTables(t *testing.T) {
	sqldbtest.Run(t, Migrations(), func(t *testing.T, db *sqldb.DB) {
		w := newWorld(t, db)
		ctx, now := t.Context(), w.now
		f := detect.Finding{Org: "acme", Name: "n", Rule: detect.Told{ID: "r", Kind: "rule", Level: "low"}, Group: []detect.GroupField{{Name: "user.name", Value: "a\x00b"}}, Start: now, End: now}
		again := f
		again.Start, again.End, again.Rule.Level = now.Add(-time.Hour), now.Add(-time.Minute), "high"
		for _, list := range [][]detect.Finding{{f}, {again, {Org: "other", Name: "n", Rule: f.Rule, Start: now, End: now}}} {
			if err := w.tables.tell(ctx, list, now); err != nil {
				t.Fatal(err)
			}
		}
		list, err := w.Fired(ctx, "acme", "r", now.Add(-time.Hour), now)
		if err != nil || len(list) != 1 || !list[0].Start.Equal(again.Start) || !list[0].End.Equal(now) || list[0].Level != "high" {
			t.Errorf("told %+v: %v", list, err)
		}
		f.Org, again.Org = "twice", "twice" // in one list
		last := again
		last.Start = now.Add(-time.Minute)
		if err := w.tables.tell(ctx, []detect.Finding{again, f, last}, now); err != nil {
			t.Fatal(err)
		}
		if twice, err := w.Fired(ctx, "twice", "r", now.Add(-time.Hour), now); err != nil || diff.Diff(list, twice) != "" {
			t.Errorf("told twice %+v: %v", twice, err)
		}
		tallies, err := w.Tallies(ctx, "acme", now.Add(time.Second))
		if err != nil || tallies["r"].N != 0 || !tallies["r"].Last.Equal(now) {
			t.Errorf("tallies %+v: %v", tallies, err)
		}
		for _, passed := range []bool{false, true} {
			w.now = w.now.Add(time.Second)
			if err := w.tables.prove(ctx, "acme", Proof{Rule: "r", At: w.now, Passed: passed}); err != nil {
				t.Fatal(err)
			}
		}
		if proven, err := w.Proven(ctx, "acme", now); err != nil || !proven["r"].Passed {
			t.Errorf("proven %+v: %v", proven, err)
		}
		w.now = now.AddDate(2, 0, 0)
		if err := w.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if list, _ := w.Fired(ctx, "acme", "", now.Add(-time.Hour), now); len(list) != 0 {
			t.Errorf("after two years there is %+v", list)
		}
	})
}

// TestGapOfRest: a server that did not run for a while leaves a gap, one that only
// starts again does not.
func TestGapOfRest(t *testing.T) {
	sqldbtest.Run(t, Migrations(), func(t *testing.T, db *sqldb.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		gaps := func() []Gap {
			list, err := w.Gaps(ctx, "acme")
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		w.look(stopTrail(w.now, "eve"))
		if err := w.tables.prove(ctx, "quiet", Proof{Rule: "r", At: w.now}); err != nil {
			t.Fatal(err)
		}
		for _, rest := range []time.Duration{0, time.Minute, time.Hour} {
			w.now = w.now.Add(rest)
			if err := w.tables.awake(ctx, w.now); err != nil {
				t.Fatal(err)
			}
			if got, want := len(gaps()), rest == time.Hour; (got == 1) != want {
				t.Errorf("after %s there are %d gaps", rest, got)
			}
		}
		if list, err := w.Gaps(ctx, "quiet"); err != nil || len(list) != 1 {
			t.Errorf("an organisation of which nothing was told has the gaps %v: %v", list, err)
		}
		g := gaps()[0]
		if g.Reason != Stopped || !g.Until.Equal(w.now) || g.Until.Sub(g.Since) != time.Hour || !g.Waits() {
			t.Errorf("got %+v", g)
		}
		// What the store has of that time was not looked at; looking again tells it.
		missed := stopTrail(g.Since.Add(10*time.Minute), "mallory")
		if err := w.store.Add(ctx, "acme", []event.Event{missed}); err != nil {
			t.Fatal(err)
		}
		told := len(w.told)
		for range 2 {
			if _, err := w.Rerun(ctx, "acme", g.ID, "user:ana", nil); err != nil {
				t.Fatal(err)
			}
			if len(w.told) != told+1 {
				t.Errorf("looking again makes %d findings of %d", len(w.told), told)
			}
		}
		if g, err := w.Gap(ctx, "acme", g.ID); err != nil || g.Waits() || g.Found != 1 || g.By != "user:ana" {
			t.Errorf("got %+v: %v", g, err)
		}
		if _, err := w.Rerun(ctx, "acme", "none", "", nil); err == nil {
			t.Error("a gap that is not there can be looked at")
		}
	})
}

// TestFailed: what is no event leaves a gap that counts it, and harms no other.
func TestFailed(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t, Migrations()))
	deep := strings.Repeat(`{"a":`, 400) + "1" + strings.Repeat("}", 400)
	list := []event.Event{{ID: "1", Time: w.now, Line: []byte(`{"a":`)}, {ID: "2", Time: w.now, Line: []byte(deep)}, {ID: "3", Time: w.now, Line: []byte(`[]`)}, stopTrail(w.now, "eve")}
	if err := w.Look(t.Context(), "acme", list); err != nil {
		t.Fatal(err)
	}
	gaps, err := w.Gaps(t.Context(), "acme")
	if err != nil || len(gaps) != 1 || gaps[0].Reason != Failed || gaps[0].Events != 3 || w.Counts().Failed != 3 {
		t.Errorf("got %+v: %v", gaps, err)
	}
	if len(w.told) != 1 {
		t.Errorf("the event beside them told %d findings", len(w.told))
	}
}

// TestChoices: tuning, switches and rules of one's own.
func TestChoices(t *testing.T) {
	w := newWorld(t, nil)
	const stop = "aws-cloudtrail-stopped"
	lib, err := w.Library()
	if err != nil {
		t.Fatal(err)
	}
	var id string
	for _, d := range lib.Documents {
		if strings.Contains(d.Head().File, stop) {
			id = d.Key
		}
	}
	tells := func(want int, c Choices) {
		t.Helper()
		w.choices, w.told = c, map[string]detect.Finding{}
		if err := w.Refresh(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		w.look(stopTrail(w.now, "eve"), stopTrail(w.now, "ana"))
		if len(w.told) != want {
			rules, _ := w.Ruleset(t.Context(), "acme")
			t.Errorf("%d findings, want %d: %v", len(w.told), want, rules.Problems)
		}
	}
	tells(2, Choices{})
	tells(0, Choices{Tunings: []Tuning{{Ref: "d", Of: id, State: "off"}}})
	tells(1, Choices{Tunings: []Tuning{{Ref: "d", Of: id, Exceptions: []Exception{{When: "userIdentity.userName: ana"}}}}})
	tells(2, Choices{Tunings: []Tuning{{Ref: "d", Of: id, Exceptions: []Exception{{When: "userIdentity.userName: ana", Until: w.now}}}}})
	tells(1, Choices{Tunings: []Tuning{{Ref: "d", Of: id, Group: []string{"eventSource"}}}})
	tells(1, Choices{Tunings: []Tuning{{Ref: "d", Of: id, Filters: []string{"title: x\nlogsource: {product: aws}\nfilter:\n  rules: any\n  selection: {userIdentity.userName: eve}\n  condition: selection\n"}}}})
	tells(4, Choices{Tunings: []Tuning{{Ref: "d", Rule: "title: mine\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  a: {eventName: StopLogging}\n  condition: a\n"}}})
	tells(2, Choices{Tunings: []Tuning{{Ref: "d", Of: "nobody", State: "off"}, {Ref: "e", Rule: "title: bad"}}})
	rules, err := w.Ruleset(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	var own int
	for _, p := range rules.Problems {
		if p.Origin == Own && (p.File == "d" || p.File == "e") {
			own++
		}
	}
	if own < 2 {
		t.Errorf("the problems are %v", rules.Problems)
	}
	// An exception of a correlation takes events from what it counts.
	w.choices = Choices{Tunings: []Tuning{{Ref: "d", Of: "ssh_brute_force", Exceptions: []Exception{{When: "source.ip: 198.51.100.23"}}}}}
	w.told = map[string]detect.Finding{}
	if err := w.Refresh(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	var list []event.Event
	for i := range 12 {
		list = append(list, sshFailure(w.now.Add(time.Duration(i)*time.Second), "198.51.100.23"), sshFailure(w.now.Add(time.Duration(i)*time.Second), "198.51.100.24"))
	}
	w.now = w.now.Add(12 * time.Second)
	w.look(list...)
	if len(w.told) != 1 || !slices.Contains(w.titles(), bruteForce) {
		t.Errorf("told %v", w.titles())
	}
}

// TestSwitch: rules of a set run when a switch selects them.
func TestSwitch(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "high.yml", "title: h\nid: h\nstatus: stable\nlevel: high\nlogsource: {product: linux}\ndetection: {a: {x: 1}, condition: a}\ntags: [attack.execution]\n")
	write(t, dir, "low.yml", "title: l\nid: l\nstatus: test\nlevel: low\nlogsource: {product: windows}\ndetection: {a: {x: 1}, condition: a}\n")
	write(t, dir, "bad.yml", "title: b\nlogsource: {product: linux}\ndetection: {a: {x|nope: 1}, condition: a}\n")
	for _, c := range []struct {
		on     bool
		of     Switch
		h, low bool
	}{{h: true, of: Switch{Levels: []string{"high"}}}, {low: true, of: Switch{Products: []string{"Windows"}}}, {h: true, low: true, on: true, of: Switch{Source: "none"}}, {of: Switch{Source: "none"}},
		{h: true, of: Switch{Tags: []string{"attack.execution"}}}, {low: true, of: Switch{Statuses: []string{"test"}}}, {h: true, low: true, of: Switch{}}} {
		e := New(Config{Builtin: content.Detections, Root: "detections", Sets: []Set{{Name: "set", Path: dir, On: c.on}}, Choices: func(_ context.Context, _ string) (Choices, error) { return Choices{Switches: []Switch{c.of}}, nil }})
		r, err := e.Ruleset(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		if r.Entry("h").On != c.h || r.Entry("l").On != c.low {
			t.Errorf("%+v: high %v and low %v", c.of, r.Entry("h").On, r.Entry("l").On)
		}
		if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Origin == "set" && strings.HasSuffix(p.File, "bad.yml") && p.Line == 3 }) {
			t.Errorf("the rule that cannot be honoured is not told: %v", r.Problems)
		}
	}
}

// TestReread: a set whose files change is read again; one that is gone leaves a gap
// until it is back.
func TestReread(t *testing.T) {
	dir := t.TempDir() + "/set"
	mkdir(t, dir)
	rule := func(x string) string {
		return "title: a\nid: a\nlogsource: {product: aws, service: cloudtrail}\ndetection: {a: {eventName: " + x + "}, condition: a}\n"
	}
	write(t, dir, "a.yml", rule("Nothing"))
	db := sqldbtest.SQLite(t, Migrations())
	w := newWorld(t, db, Set{Name: "set", Path: dir, On: true})
	has := func(want bool) {
		t.Helper()
		ev := []event.Event{stopTrail(w.now, "eve")}
		w.look(ev...)
		if slices.Contains(ev[0].Rules, "a") != want {
			t.Errorf("rules %q", ev[0].Rules)
		}
	}
	has(false)
	write(t, dir, "a.yml", rule("StopLogging"))
	if err := w.reread(t.Context()); err != nil {
		t.Fatal(err)
	}
	has(true)
	away(t, dir, dir+"-away")
	if err := w.reread(t.Context()); err != nil {
		t.Fatal(err)
	}
	has(false)
	w.now = w.now.Add(time.Hour)
	away(t, dir+"-away", dir)
	if err := w.reread(t.Context()); err != nil {
		t.Fatal(err)
	}
	has(true)
	gaps, err := w.Gaps(t.Context(), "acme")
	if err != nil || len(gaps) != 1 || gaps[0].Reason != Unread || gaps[0].Until.Sub(gaps[0].Since) != time.Hour {
		t.Errorf("gaps %+v: %v", gaps, err)
	}
}

// TestGapOfGone: a rule that is off and then deleted is off no longer.
func TestGapOfGone(t *testing.T) {
	sqldbtest.Run(t, Migrations(), func(t *testing.T, db *sqldb.DB) {
		w := newWorld(t, db)
		f := func(want int, tunings ...Tuning) {
			t.Helper()
			w.choices = Choices{Tunings: tunings}
			if _, err := w.Ruleset(t.Context(), "acme"); err != nil {
				t.Fatal(err)
			}
			if err := w.Refresh(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			if open, err := w.tables.opened(t.Context(), "acme", Disabled); err != nil || len(open) != want {
				t.Errorf("%v are off: %v; want %d", open, err, want)
			}
		}
		f(1, Tuning{Ref: "d", State: "off", Rule: "title: mine\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  a: {eventName: StopLogging}\n  condition: a\n"})
		f(0)
	})
}

// TestKeyOf: the id of a rule is its key only where every database and page can
// take it.
func TestKeyOf(t *testing.T) {
	f := func(id, name string, isKey bool) {
		t.Helper()
		got := keyOf(id, name, Own, sigma.Pos{File: "rule"}, "title")
		if kept := got == id || got == name; kept != isKey || strings.ContainsAny(got, "\x00 \u00a0") || len(got) > longestKey {
			t.Errorf("the key of %q and %q is %q", id, name, got)
		}
	}
	f("052224b6-ff89-4f7c-ba1d-0db062d1e083", "", true)
	f("", "ssh_failures", true)
	f("", "", false)
	f("two words", "", false)
	f("no\u00a0break", "", false)
	f("nul\x00", "", false)
	f(strings.Repeat("x", longestKey), "", true)
	f(strings.Repeat("x", longestKey+1), "", false)
}

// TestPreviewOfOne: what a tuned rule would find is compared with what it finds,
// and not with what the rules beside it in the same text do.
func TestPreviewOfOne(t *testing.T) {
	const text = `title: One
id: one
logsource: {product: aws, service: cloudtrail}
detection: {sel: {userIdentity.userName: eve}, condition: sel}
---
title: Two
id: two
logsource: {product: aws, service: cloudtrail}
detection: {sel: {eventName: StopLogging}, condition: sel}
`
	w := newWorld(t, nil)
	tuning := Tuning{Ref: "detection:both", Rule: text}
	w.choices.Tunings = []Tuning{tuning}
	w.look(stopTrail(w.now, "eve"), stopTrail(w.now, "ana"))
	q := Question{Org: "acme", From: w.now.Add(-time.Hour), To: w.now.Add(time.Hour), Keys: []string{"one"}}
	now, err := w.Past(t.Context(), q, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Tuning = &tuning
	then, err := w.Past(t.Context(), q, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(now.Matched["one"]) != 1 || len(then.Matched) != 1 || len(then.Findings) != len(now.Findings) {
		t.Errorf("as it is %v and %d findings, as the form has it %v and %d", now.Matched, len(now.Findings), then.Matched, len(then.Findings))
	}
}

// TestCut: where not all events that matched are named, it is known from when on.
func TestCut(t *testing.T) {
	w := newWorld(t, nil)
	start := w.now
	for i := range 6 {
		w.look(stopTrail(start.Add(time.Duration(i)*time.Hour), "eve"))
	}
	q := Question{Org: "acme", From: start, To: start.Add(96 * 15 * time.Minute)}
	for most, want := range map[int]time.Time{0: {}, 6: {}, 3: start.Add(3 * time.Hour)} {
		q.Hits = most
		a, err := w.Past(t.Context(), q, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !a.Cut.Equal(want) {
			t.Errorf("of %d named it is cut at %s, want %s", most, a.Cut, want)
		}
	}
}

// TestPastOfAges: a time that began long before anything was stored is looked at
// from where there is something on.
func TestPastOfAges(t *testing.T) {
	w := newWorld(t, nil)
	w.look(stopTrail(w.now, "eve"), stopTrail(w.now.Add(time.Hour), "eve"))
	f := func(from, to time.Time, most int, events int64) {
		t.Helper()
		steps := 0
		a, err := w.Past(t.Context(), Question{Org: "acme", From: from, To: to}, func(p Progress) { steps = p.Total })
		if err != nil {
			t.Fatal(err)
		}
		if steps > most || a.Events != events {
			t.Errorf("from %s to %s: %d steps over %d events, want %d over %d", from, to, steps, a.Events, most, events)
		}
	}
	f(time.Time{}, w.now.Add(2*time.Hour), 96, 2)
	f(time.Time{}, w.now.Add(-time.Hour), 0, 0)
	f(w.now.Add(time.Minute), w.now.Add(2*time.Hour), 96, 1)
}

// TestJobPanics: a job that breaks has failed, and the next one has its place.
func TestJobPanics(t *testing.T) {
	jobs := NewJobs()
	t.Cleanup(jobs.Stop)
	for range 2 * atOnce {
		j := jobs.Start(&Job{Org: "acme"}, time.Now(), func(context.Context, func(Progress)) (*Answer, *Answer, int, error) { panic("a mistake") })
		for j.Standing().Running {
			time.Sleep(time.Millisecond)
		}
		if s := j.Standing(); s.Err == nil || !strings.Contains(s.Err.Error(), "a mistake") {
			t.Errorf("it stands at %+v", s)
		}
	}
}
