package app_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/sample"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// sampleDay is the day on which the tests look at the sample organisation.
var sampleDay = time.Date(2026, 9, 22, 9, 30, 0, 0, time.UTC)

// organisation is the sample organisation as seen from a moment.
func organisation(t testing.TB, now time.Time) *sample.Organisation {
	t.Helper()
	o, err := sample.Load(sample.Shipped(), now)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// live is the sample organisation with its two years behind it.
type live struct {
	testing.TB
	*app.App
	now time.Time
}

func openSample(t testing.TB, now time.Time, dir string) *live {
	t.Helper()
	a, err := app.OpenSample(t.Context(), app.Config{Data: dir, Now: func() time.Time { return now }}, organisation(t, now), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return &live{t, a, now}
}

func (l *live) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// local is whoever holds the data folder.
func (l *live) local() catalog.Caller {
	return catalog.Caller{Principal: auth.Local(auth.HomeID, "Kestrane", "cli"), Manager: "test"}
}

// as is somebody of the organisation.
func (l *live) as(who string, role auth.Role) catalog.Caller {
	l.Helper()
	members, err := l.Auth.Members(l.Context(), l.local().Principal)
	l.must(err)
	for _, m := range members {
		if strings.HasPrefix(m.Email, who+"@") {
			if m.Role != role {
				l.Errorf("%s is %s, want %s", who, m.Role, role)
			}
			p := l.local().Principal
			p.Account, p.Name, p.Role, p.UserRef, p.Via = m.Account, m.Name, m.Role, m.UserRef, "web"
			return catalog.Caller{Principal: p, Manager: "form"}
		}
	}
	l.Fatalf("%s is no member", who)
	return catalog.Caller{}
}

func (l *live) number(query string, args ...any) (n int64) {
	l.Helper()
	l.must(l.DB.QueryRow(l.Context(), query, args...).Scan(&n))
	return n
}

// whole: the chains of runs and the audit log hold, everything that happened was
// taken in, and nothing is dated later than now or before it all began.
func (l *live) whole() {
	l.Helper()
	v, err := l.Claims.Verify(l.Context(), auth.HomeID, "")
	l.must(err)
	if len(v.Broken) > 0 || v.Runs < 2000 {
		l.Errorf("the chains: %d runs, broken %+v", v.Runs, v.Broken)
	}
	report, err := l.Audit.Verify(l.Context(), auth.HomeID)
	if l.must(err); report.Count < 800 || !report.OK {
		l.Errorf("the audit log: %+v", report)
	}
	begin, end := sqldb.Micros(l.now.AddDate(0, 0, -735)), sqldb.Micros(l.now)
	for _, column := range []string{"feed.at", "audit.at", "revisions.at", "entities.updated", "claim_runs.at", "claim_turns.at", "comments.created", "attachments.created", "strategy_forecasts.at", "notifications.at"} {
		table, name, _ := strings.Cut(column, ".")
		if n := l.number(`SELECT count(*) FROM `+table+` WHERE `+name+` < ? OR `+name+` > ?`, begin, end+1e6); n > 0 {
			l.Errorf("%d rows of %s are dated before the beginning or after now", n, column)
		}
	}
	if n := l.number(`SELECT count(*) FROM claim_due WHERE due <= ?`, end); n > 0 {
		l.Errorf("%d tests are due", n)
	}
	head, err := l.Feed.Head(l.Context())
	l.must(err)
	cursors, err := l.Feed.Status(l.Context())
	l.must(err)
	for _, c := range cursors {
		if c.Lag > 0 {
			l.Errorf("the watch %s has %d entries of %d before it", c.Name, c.Lag, head)
		}
	}
}

// TestSample: the sample organisation has lived two years by the rules of the
// program, and what it says of the past can be found out again.
func TestSample(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	l := openSample(t, sampleDay, dir)
	l.whole()
	l.replayed()
	l.scored()
	l.told()
	l.attacked()
	runs := l.number(`SELECT count(*) FROM claim_runs`)
	l.must(l.Close())
	again := openSample(t, sampleDay, dir)
	if n := again.number(`SELECT count(*) FROM claim_runs`); n != runs {
		t.Errorf("opened again, it has %d runs, want %d", n, runs)
	}
}

// replayed: tests that are asked again about a past day say what was recorded.
func (l *live) replayed() {
	l.Helper()
	asked := 0
	l.must(l.Catalog.Each(l.Context(), l.local(), catalog.Query{Kinds: []string{"Claim", "Measure"}}, func(e *entity.Entity) error {
		for _, back := range []int{500, 120, 40, 3} {
			list, err := l.Claims.Replay(l.Context(), l.local(), e.Ref(), l.now.AddDate(0, 0, -back))
			if fault.Is(err, fault.NotFound) {
				continue // it was not claimed yet
			}
			if err != nil {
				return err
			}
			for _, r := range list {
				if r.Recorded == nil || r.Run == nil {
					continue // not tested yet, or the word of somebody
				}
				if asked++; !r.Same {
					l.Errorf("%s, %s, %d days ago: recorded %s, now %s", e.Ref().Short(), r.Test, back, r.Recorded.Verdict, r.Run.Verdict)
				}
			}
		}
		return nil
	}))
	if asked < 60 {
		l.Errorf("only %d tests were asked about the past", asked)
	}
}

// scored: key results of closed quarters have the score that the program made of
// their numbers, which is the one in the files, and forecasts of what is done
// were held against it.
func (l *live) scored() {
	l.Helper()
	type result struct {
		Final *struct {
			Score    *float64 `json:"score"`
			Value    float64  `json:"value"`
			Standing string   `json:"standing"`
			At       string   `json:"at"`
		} `json:"final"`
	}
	n := 0
	for _, f := range organisation(l, l.now).Of("strategy") {
		docs, err := l.Catalog.Decode(f.Name, f.Data)
		l.must(err)
		for _, d := range docs {
			if d.Entity.Kind != "KeyResult" {
				continue
			}
			want, err := catalog.Spec[result](d.Entity)
			l.must(err)
			kept, err := l.Catalog.Get(l.Context(), l.local(), d.Entity.Ref())
			l.must(err)
			got, err := catalog.Spec[result](kept)
			l.must(err)
			if want.Final == nil || got.Final == nil {
				if want.Final != got.Final {
					l.Errorf("%s: final is %v, want %v", d.Entity.Ref().Short(), got.Final, want.Final)
				}
				continue
			}
			if n++; math.Abs(*got.Final.Score-*want.Final.Score) > 0.005 || got.Final.Value != want.Final.Value || got.Final.Standing != want.Final.Standing || got.Final.At != want.Final.At {
				l.Errorf("%s: scored %v %+v, want %v %+v", d.Entity.Ref().Short(), *got.Final.Score, *got.Final, *want.Final.Score, *want.Final)
			}
		}
	}
	if n < 6 {
		l.Errorf("only %d key results are scored", n)
	}
	record, err := strategy.Calibration(l.Context(), l.Catalog, l.local())
	l.must(err)
	if record.Things == 0 {
		l.Errorf("no forecast was held against what happened: %+v", record)
	}
}

// told: the page Today is full for those as whom one looks around.
func (l *live) told() {
	l.Helper()
	today := func(who string, role auth.Role) *morning.Today {
		t, err := l.Morning.Today(l.Context(), l.as(who, role), morning.Options{})
		l.must(err)
		if len(t.Failed) > 0 {
			l.Errorf("Today of %s: %v failed", who, t.Failed)
		}
		return t
	}
	boss := today("ines.valcarcel", auth.RoleOwner)
	if boss.Inbox.Total < 5 || len(boss.Red) < 5 || len(boss.Changed) < 2 || boss.First || len(boss.Strips) < 7 {
		l.Errorf("Today of the CTO: %d wait, %d red, %d changed, %d rooms, first %v", boss.Inbox.Total, len(boss.Red), len(boss.Changed), len(boss.Strips), boss.First)
	}
	for _, s := range boss.Strips {
		if len(s.Instruments) < 2 {
			l.Errorf("the strip of %s has %d instruments", s.Room, len(s.Instruments))
		}
	}
	ahead := 0
	for _, d := range boss.Days {
		ahead += len(d.Items)
	}
	if ahead < 5 {
		l.Errorf("%d things are ahead", ahead)
	}
	if lead := today("marta.quiroga", auth.RoleLead); lead.Inbox.Total == 0 || len(lead.Red) == 0 {
		l.Errorf("Today of a lead: %d wait, %d red", lead.Inbox.Total, len(lead.Red))
	}
	if auditor := today("joana.prats", auth.RoleAuditor); len(auditor.Red) == 0 {
		l.Error("Today of the auditor shows nothing red")
	}
	if n := l.number(`SELECT count(*) FROM notifications`); n == 0 {
		l.Error("nobody was told of anything")
	}
}

// TestSampleOnOtherDays: it is as whole on the last day of February, in the
// night in which the clocks go back, at the end of a year, and early on a
// Monday. The days are past: no event of next year is taken in.
func TestSampleOnOtherDays(t *testing.T) {
	for _, text := range []string{"2024-02-29T22:59:59Z", "2025-10-26T00:30:00Z", "2025-12-31T23:30:00Z", "2026-03-29T22:01:00Z"} {
		t.Run(text, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, text)
			if err != nil {
				t.Fatal(err)
			}
			l := openSample(t, now, filepath.Join(t.TempDir(), "data"))
			l.whole()
			l.scored()
			l.told()
			l.attacked()
		})
	}
}

// TestSampleOnAnyDay: what happened can be put in order on any day, and nobody
// acts before they were invited.
func TestSampleOnAnyDay(t *testing.T) {
	kinds := app.Kinds()
	for day := sampleDay.AddDate(-1, 0, 0); day.Before(sampleDay.AddDate(3, 0, 0)); day = day.Add(29*24*time.Hour + 5*time.Hour + 17*time.Minute) {
		o := organisation(t, day)
		events, err := o.Timeline(kinds)
		if err != nil {
			t.Fatalf("on %s: %v", day, err)
		}
		if len(events) < 700 {
			t.Errorf("on %s: %d events", day, len(events))
		}
		invited := []string{""}
		for i, e := range events {
			if i > 0 && e.At.Before(events[i-1].At) || e.At.After(day) || e.At.Before(o.Founded()) {
				t.Errorf("on %s: %s is at %s", day, e.What(), e.At)
			}
			if e.Step != nil {
				for _, g := range e.Step.Invites {
					invited = append(invited, g.Who)
				}
			}
			if !slices.Contains(invited, e.By) {
				t.Errorf("on %s: %s is by %s, who was not invited", day, e.What(), e.By)
			}
		}
	}
}

// TestSampleInterrupted: what was filled in part is not shown as if it were
// whole.
func TestSampleInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	cfg := app.Config{Data: filepath.Join(t.TempDir(), "data"), Now: func() time.Time { return sampleDay }}
	_, err := app.OpenSample(ctx, cfg, organisation(t, sampleDay), func(done, total int) {
		if done > 100 {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted, it ends with %v", err)
	}
	_, err = app.OpenSample(t.Context(), cfg, organisation(t, sampleDay), nil)
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("opened again: %v", err)
	}
}

// TestTimeline: what an entity was at each moment follows from what the files
// say and from what the steps say it was before.
func TestTimeline(t *testing.T) {
	files := fstest.MapFS{
		"a.yaml": {Data: []byte(`apiVersion: binnacle.dev/v1
kind: Technology
metadata: {name: go}
spec: {segment: Tools, entries: [{edition: "2026-03", ring: Trial}, {edition: "2026-06", ring: Adopt}]}
---
apiVersion: binnacle.dev/v1
kind: Technology
metadata: {name: rust}
spec: {segment: Tools, entries: [{edition: "2026-06", ring: Assess}]}
---
apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: c, title: C}
spec: {room: operations, tests: [{name: t, every: 24h, records: {from: component, expect: has(spec.owner)}}]}
---
apiVersion: binnacle.dev/v1
kind: Exception
metadata: {name: x}
spec: {claim: "claim:c", items: ["component:a"], reason: Soon., until: "{{day 20}}", state: requested}
`)},
		"a.story": {Data: []byte(`- {at: "{{moment -20 09:00}}", by: ana, changes: "technology:*", adds: {list: entries, field: edition, is: "2026-06"}, why: June}
- {at: "{{moment -110 09:00}}", by: ana, changes: "technology:*", adds: {list: entries, field: edition, is: "2026-03"}, why: March}
- {at: "{{moment -30 09:00}}", by: ana, changes: "claim:*", had: {every: 25d}}
- {at: "{{moment -10 09:00}}", by: ana, creates: [exception:x]}
- {at: "{{moment -9 09:00}}", by: ben, changes: exception:x, was: {spec: {state: requested}}, now: {spec: {state: approved}}}
`)},
	}
	told := func(files fstest.MapFS) (out []string, err error) {
		o, err := sample.Load(files, sampleDay)
		if err != nil {
			return nil, err
		}
		events, err := o.Timeline(app.Kinds())
		for _, e := range events {
			for _, d := range e.Docs {
				out = append(out, fmt.Sprintf("%s %s %s %s", e.At.Format(time.DateOnly), e.By, d.Entity.Metadata.Name, d.Entity.Spec))
			}
		}
		return out, err
	}
	got, err := told(files)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(every string) string {
		return ` c {"room":"operations","tests":[{"every":"` + every + `","name":"t","records":{"expect":"has(spec.owner)","from":"component"}}]}`
	}
	exception := func(state string) string {
		return ` x {"claim":"claim:c","items":["component:a"],"reason":"Soon.","state":"` + state + `","until":"2026-10-12"}`
	}
	want := []string{
		"2024-09-21 " + claim("25d"),
		`2026-06-04 ana go {"entries":[{"edition":"2026-03","ring":"Trial"}],"segment":"Tools"}`,
		"2026-08-23 ana" + claim("24h"),
		`2026-09-02 ana go {"entries":[{"edition":"2026-03","ring":"Trial"},{"edition":"2026-06","ring":"Adopt"}],"segment":"Tools"}`,
		`2026-09-02 ana rust {"entries":[{"edition":"2026-06","ring":"Assess"}],"segment":"Tools"}`,
		"2026-09-12 ana" + exception("requested"),
		"2026-09-13 ben" + exception("approved"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wrong := func(step, want string) {
		t.Helper()
		more := maps.Clone(files)
		more["b.story"] = &fstest.MapFile{Data: []byte("- " + step + "\n")}
		if _, err := told(more); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", step, err, want)
		}
	}
	wrong(`{at: "{{moment -1 09:00}}", creates: [claim:d]}`, "nothing in the files is called claim:d")
	wrong(`{at: "{{moment -1 09:00}}", changes: claim:d, was: {spec: {}}}`, "nothing in the files is called claim:d")
	wrong(`{at: "{{moment -1 09:00}}", creates: ["exception:*"]}`, "a second time")
	wrong(`{at: "{{moment -30 09:00}}", creates: [technology:rust]}`, "twice")
	wrong(`{at: "{{moment -11 09:00}}", changes: exception:x, was: {spec: {reason: Later.}}}`, "before it is created")
	wrong(`{checks-in: nothing, by: ana, last: -1, clock: "09:00", values: [1]}`, "no key result nothing")
}
