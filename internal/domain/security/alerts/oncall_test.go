package alerts_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

func rota(every, start, hand, zone string, people ...string) alerts.OnCall {
	return alerts.OnCall{People: people, Every: every, Start: start, HandOver: hand, Zone: zone, From: "high"}
}

func moment(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Turns end at the same time of day, also when the clocks change: in Madrid on
// 29 March 2026 at 02:00 to 03:00, and on 25 October 2026 at 03:00 back to 02:00.
func TestTurns(t *testing.T) {
	f := func(s alerts.OnCall, at, who, from, to string) {
		t.Helper()
		got, ok := s.At(moment(t, at))
		if !ok || got.Person != "user:default/"+who || !got.From.Equal(moment(t, from)) || !got.To.Equal(moment(t, to)) {
			t.Errorf("at %s: %v %+v", at, ok, got)
		}
	}
	week := rota("1w", "2026-03-23", "09:00", "Europe/Madrid", "a", "b", "user:c")
	f(week, "2026-03-23T09:00:00+01:00", "a", "2026-03-23T09:00:00+01:00", "2026-03-30T09:00:00+02:00") // 167 hours
	f(week, "2026-03-30T08:59:59+02:00", "a", "2026-03-23T09:00:00+01:00", "2026-03-30T09:00:00+02:00")
	f(week, "2026-03-30T09:00:00+02:00", "b", "2026-03-30T09:00:00+02:00", "2026-04-06T09:00:00+02:00")
	f(week, "2026-10-26T08:59:59+01:00", "a", "2026-10-19T09:00:00+02:00", "2026-10-26T09:00:00+01:00") // 169 hours
	f(week, "2026-10-26T09:00:00+01:00", "b", "2026-10-26T09:00:00+01:00", "2026-11-02T09:00:00+01:00")
	day := rota("1d", "2026-03-28", "09:00", "Europe/Madrid", "a", "b")
	f(day, "2026-03-29T08:30:00+02:00", "a", "2026-03-28T09:00:00+01:00", "2026-03-29T09:00:00+02:00") // 23 hours
	f(day, "2026-10-25T08:30:00+01:00", "a", "2026-10-24T09:00:00+02:00", "2026-10-25T09:00:00+01:00") // 25 hours
	// A hand-over within the hour that does not exist, and in the one that comes twice.
	night := rota("1d", "2026-03-28", "02:30", "Europe/Madrid", "a", "b")
	f(night, "2026-03-29T03:30:00+02:00", "b", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00")
	f(night, "2026-10-25T02:45:00+02:00", "b", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00")
	half := rota("12h", "2026-03-28", "08:00", "Europe/Madrid", "a", "b", "c")
	f(half, "2026-03-28T08:00:00+01:00", "a", "2026-03-28T08:00:00+01:00", "2026-03-28T20:00:00+01:00")
	f(half, "2026-03-29T07:00:00+02:00", "b", "2026-03-28T20:00:00+01:00", "2026-03-29T08:00:00+02:00") // 11 hours
	f(half, "2026-03-29T08:00:00+02:00", "c", "2026-03-29T08:00:00+02:00", "2026-03-29T20:00:00+02:00")
	late := rota("12h", "2026-01-01", "18:00", "Pacific/Auckland", "a", "b")
	f(late, "2026-01-02T06:00:00+13:00", "b", "2026-01-02T06:00:00+13:00", "2026-01-02T18:00:00+13:00")
	swapped := week
	swapped.Swaps = []alerts.Swap{{From: "2026-03-25T00:00:00Z", To: "2026-03-26T00:00:00Z", Person: "z"}}
	f(swapped, "2026-03-25T12:00:00Z", "z", "2026-03-25T00:00:00Z", "2026-03-26T00:00:00Z")
	f(swapped, "2026-03-26T00:00:00Z", "a", "2026-03-23T09:00:00+01:00", "2026-03-30T09:00:00+02:00")
	if _, ok := week.At(moment(t, "2026-03-23T08:59:59+01:00")); ok {
		t.Error("somebody is on call before the first turn")
	}
	var who []string
	for _, x := range swapped.Next(moment(t, "2026-03-24T00:00:00Z"), 4) {
		who = append(who, x.Person[len("user:default/"):]+" "+x.From.UTC().Format("02T15")+"-"+x.To.UTC().Format("02T15"))
	}
	if diff := cmp.Diff([]string{"a 23T08-25T00", "z 25T00-26T00", "a 26T00-30T07", "b 30T07-06T07"}, who); diff != "" {
		t.Error(diff)
	}
}

// Every moment of two years has exactly one turn, and turns follow one another
// without a gap.
func TestTurnsHaveNoGaps(t *testing.T) {
	for _, s := range []alerts.OnCall{rota("12h", "2026-01-01", "08:00", "Europe/Madrid", "a", "b", "c"), rota("1d", "2026-01-01", "02:30", "America/New_York", "a", "b"), rota("2w", "2026-01-01", "00:00", "Australia/Lord_Howe", "a", "b")} {
		at := moment(t, "2026-01-03T00:00:00Z")
		last, ok := s.At(at)
		for ; at.Before(moment(t, "2028-01-01T00:00:00Z")); at = at.Add(15 * time.Minute) {
			now, on := s.At(at)
			if !on || !ok || at.Before(now.From) || !at.Before(now.To) {
				t.Fatalf("%s %s at %v: %v %+v", s.Every, s.Zone, at, on, now)
			}
			if !now.From.Equal(last.From) && !now.From.Equal(last.To) {
				t.Fatalf("%s %s at %v: a gap after %+v: %+v", s.Every, s.Zone, at, last, now)
			}
			last = now
		}
	}
}

func TestOrder(t *testing.T) {
	s := rota("1d", "2026-09-21", "00:00", "UTC", "a", "b", "c")
	s.EscalateAfter, s.Lead = 15, "ines"
	want := []string{"user:default/b", "user:default/c", "user:default/a", "user:default/ines"}
	if diff := cmp.Diff(want, s.Order(now)); diff != "" {
		t.Error(diff)
	}
	for minutes, steps := range map[int]int{0: 1, 14: 1, 15: 2, 31: 3, 600: 41} {
		if got := s.Steps(now, now.Add(time.Duration(minutes)*time.Minute)); got != steps {
			t.Errorf("after %d minutes %d steps, want %d", minutes, got, steps)
		}
	}
}

func TestEscalation(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		d.config = alerts.Config{Mail: true, Base: "https://b.example", People: func(context.Context, sqldb.Querier, string) ([]auth.Person, error) {
			return []auth.Person{{Account: "1", Name: "Leila", Email: "leila@x.example", UserRef: "user:default/leila", Lang: "en"}, {Account: "acc-ines", Name: "Inés", Email: "ines@x.example", UserRef: "user:default/ines", Lang: "es"}}, nil
		}}
		d.Desk = alerts.NewDesk(d.catalog, d.config)
		d.apply(`apiVersion: binnacle.dev/v1
kind: OnCall
metadata: {name: security}
spec: {people: ["user:leila", "user:nobody"], every: 1w, start: "2026-09-21", handOver: "00:00", zone: UTC, from: high, escalateAfter: 15, lead: "user:ines"}
`)
		low := found("r0", "web-1", now, "e0")
		low.Rule.Level = "medium"
		late := found("r9", "web-1", now, "e9")
		late.Late = true
		d.take(found("r1", "web-1", now, "e1"), low, late)
		watch := alerts.Module(d.config).Watches(d.catalog)[0]
		told := func() {
			t.Helper()
			entries, _, err := feed.New(d.db).Page(ctx, 0, 1000, watch.Types...)
			if err == nil {
				err = d.db.Tx(ctx, func(tx *sqldb.Tx) error { return watch.Handle(ctx, tx, entries) })
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		paged := func(want ...string) {
			t.Helper()
			list, err := d.Changes(ctx, leila, 1)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range list {
				if c.Act == "paged" {
					got = append(got, c.Value[len("user:default/"):])
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		escalate := func(after time.Duration) {
			t.Helper()
			d.time = now.Add(after)
			for range 2 {
				if err := d.Escalate(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
		told()
		told()
		paged("leila")
		escalate(14 * time.Minute)
		paged("leila")
		escalate(16 * time.Minute)
		paged("leila", "nobody")
		escalate(50 * time.Minute)
		paged("leila", "nobody", "ines")
		escalate(10 * time.Hour)
		paged("leila", "nobody", "ines")
		acts, err := action.Acts(ctx, d.db, "default", action.Mail, "", 10)
		if err != nil || len(acts) != 2 {
			t.Fatalf("%v %+v", err, acts)
		}
		var m action.Message
		for _, a := range acts {
			if a.Target == "ines@x.example" {
				if err := json.Unmarshal(a.Payload, &m); err != nil {
					t.Fatal(err)
				}
			}
		}
		want := "AL-1: A shell is connected to a far host\n\nNadie la ha visto en 50 minutos.\n\nhost.name: web-1\nuser.name: leila\nRiesgo: 65/100\n\nhttps://b.example/alerts/AL-1\n"
		if m.Subject != "Alta: A shell is connected to a far host (AL-1)" || m.Text != want {
			t.Errorf("%+v", m)
		}
		if got := d.types("alert.paged"); len(got) != 3 {
			t.Errorf("%v", got)
		}
		// Whoever is given an alert is told, but not whoever takes one.
		d.do(leila, alerts.Act{Do: alerts.Assign, To: "ines"}, 1)
		d.do(as("ines", auth.RoleCISO), alerts.Act{Do: alerts.Take}, 2)
		told()
		told()
		if acts, _ := action.Acts(ctx, d.db, "default", action.Mail, "ines@x.example", 10); len(acts) != 2 {
			t.Errorf("%d mails to Inés", len(acts))
		}
	})
}

// What is acknowledged in time calls nobody else, and what nobody saw for a day
// calls nobody at all.
func TestNobodyIsCalledForNothing(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		d.apply("apiVersion: binnacle.dev/v1\nkind: OnCall\nmetadata: {name: s}\nspec: {people: [\"user:a\", \"user:b\"], every: 1d, start: \"2026-09-21\", handOver: \"00:00\", zone: UTC, from: high, escalateAfter: 15}\n")
		d.take(found("r1", "web-1", now, "e1"), found("r2", "web-1", now, "e1"))
		d.time = now.Add(5 * time.Minute)
		d.do(leila, alerts.Act{Do: alerts.Acknowledge}, 1)
		d.time = now.Add(25 * time.Hour)
		if err := d.Escalate(ctx); err != nil {
			t.Fatal(err)
		}
		if got := d.types("alert.paged"); len(got) != 0 {
			t.Errorf("%v", got)
		}
	})
}
