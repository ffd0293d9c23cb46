package talk_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
	"github.com/binnaclehq/binnacle/internal/talk"
)

var update = flag.Bool("update", false, "write the golden files again")

// TestDigest reads what is sent, in both languages: testdata/digest.*.
func TestDigest(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		w.digests("ana", talk.Settings{Bell: talk.All, Mail: talk.None, Hook: talk.None, Digest: talk.Daily, Hour: 8, Weekday: time.Monday, Zone: "Europe/Madrid"})
		w.digests("leo", talk.Settings{Bell: talk.All, Mail: talk.None, Hook: talk.None, Digest: talk.Weekly, Hour: 18, Weekday: time.Tuesday, Zone: "America/Bogota"})
		w.must(w.auth.SetPreferences(ctx, w.who["leo"].Principal, map[string]string{"lang": "es"}))
		w.say("bea", talk.Draft{Body: "Is this right, @ana and @leo?"})
		w.say("aud", talk.Draft{Body: "The log says otherwise.", Kind: talk.Dispute})
		w.change("olga", w.shop, "one")
		w.later()
		w.say("bea", talk.Draft{Body: "And <b>another</b>."})
		billing := w.make("Part", "billing", "group:platform", `{}`)
		w.change("olga", billing, "two")
		w.follow()
		w.must(w.talk.Digests(ctx)) // nothing is due yet
		if n := len(w.mails()); n != 0 {
			t.Fatalf("%d digests before their time", n)
		}
		w.now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
		for range 2 {
			w.must(w.talk.Digests(ctx))
		}
		mails := w.mails()
		if len(mails) != 2 {
			t.Fatalf("got %d digests", len(mails))
		}
		for i, code := range []string{"en", "es"} {
			var m action.Message
			w.must(json.Unmarshal(mails[i].Payload, &m))
			golden(t, "digest."+code+".txt", "Subject: "+m.Subject+"\n\n"+m.Text)
			golden(t, "digest."+code+".html", m.HTML)
			if m.List != "digest" {
				t.Errorf("got the list %s", m.List)
			}
		}
		w.now = w.now.AddDate(0, 0, 1)
		w.must(w.talk.Digests(ctx))
		if n := len(w.mails()); n != 3 {
			t.Errorf("%d digests on the day after: what waits and what is red is said again until it is done", n)
		}
		_, err := w.talk.See(ctx, w.who["ana"].Principal, "", "", time.Time{})
		w.must(err)
		open, err := w.talk.OpenDisputes(ctx, w.db, auth.HomeID, w.shop.Metadata.UID)
		w.must(err)
		w.say("ana", talk.Draft{Body: "Fixed.", Kind: talk.Answer, Thread: open[w.shop.Metadata.UID][0].ID})
		w.now = w.now.AddDate(0, 0, 1)
		w.must(w.talk.Digests(ctx))
		if n := len(w.mails()); n != 3 {
			t.Errorf("%d digests: one with nothing in it was sent", n)
		}
	})
}

func (w *world) digests(who string, s talk.Settings) {
	w.Helper()
	w.must(w.talk.SetSettings(w.Context(), w.who[who].Principal, s))
	got, err := w.talk.Settings(w.Context(), w.who[who].Principal)
	if err != nil || got != s {
		w.Errorf("got %+v, %v", got, err)
	}
}

var commentID = regexp.MustCompile(`#comment-[a-z0-9]+`)

func golden(t *testing.T, name, got string) {
	t.Helper()
	got = commentID.ReplaceAllString(got, "#comment-ID")
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-file +program); read the difference, then run with -update:\n%s", file, d)
	}
}

// Sections of others stand under the same headings; one that fails is named.
func TestSections(t *testing.T) {
	line := func(title string) func(context.Context, talk.Reader) ([]talk.Line, error) {
		return func(_ context.Context, r talk.Reader) ([]talk.Line, error) {
			return []talk.Line{{Title: title, Says: []lang.Text{lang.T(r.Until.In(r.Zone).Format("15:04"), "")}}}, nil
		}
	}
	w := newWorld(t, sqldbtest.SQLite(t, tables), talk.Config{Sections: []talk.Section{
		{ID: "late", Part: talk.Red, Order: 300, Lines: line("late")}, {ID: "early", Part: talk.Red, Order: 50, Lines: line("early")},
		{ID: "breaks", Part: talk.Waits, Lines: func(context.Context, talk.Reader) ([]talk.Line, error) { return nil, errors.New("boom") }},
		{ID: "panics", Part: talk.Waits, Lines: func(context.Context, talk.Reader) ([]talk.Line, error) { panic("boom") }},
		{ID: "many", Part: talk.Changed, Lines: func(context.Context, talk.Reader) ([]talk.Line, error) {
			return slices.Repeat([]talk.Line{{Title: "again"}}, 30), nil
		}},
	}})
	w.digests("ana", talk.Settings{Bell: talk.All, Mail: talk.None, Hook: talk.None, Digest: talk.Daily, Hour: 8, Zone: "Asia/Kathmandu"})
	w.now = w.now.AddDate(0, 0, 1)
	w.must(w.talk.Digests(t.Context()))
	var m action.Message
	w.must(json.Unmarshal(w.mails()[0].Payload, &m))
	golden(t, "sections.txt", "Subject: "+m.Subject+"\n\n"+m.Text)
}

func TestDue(t *testing.T) {
	f := func(s talk.Settings, now, want string) {
		t.Helper()
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		got := s.Due(at)
		if text := got.Format(time.RFC3339); text != want {
			t.Errorf("%+v at %s: due %s, want %s", s, now, text, want)
		}
	}
	daily := func(hour int, zone string) talk.Settings {
		return talk.Settings{Digest: talk.Daily, Hour: hour, Zone: zone}
	}
	weekly := func(day time.Weekday, hour int, zone string) talk.Settings {
		return talk.Settings{Digest: talk.Weekly, Weekday: day, Hour: hour, Zone: zone}
	}
	f(daily(8, "UTC"), "2026-03-02T08:00:00Z", "2026-03-02T08:00:00Z")
	f(daily(8, "UTC"), "2026-03-02T07:59:59Z", "2026-03-01T08:00:00Z")
	f(daily(8, "Europe/Madrid"), "2026-03-28T12:00:00Z", "2026-03-28T07:00:00Z") // winter
	f(daily(8, "Europe/Madrid"), "2026-03-29T12:00:00Z", "2026-03-29T06:00:00Z") // summer begins
	f(daily(2, "Europe/Madrid"), "2026-03-29T12:00:00Z", "2026-03-29T01:00:00Z") // there is no 2:00: at 3:00
	f(daily(3, "Europe/Madrid"), "2026-03-29T12:00:00Z", "2026-03-29T01:00:00Z")
	f(daily(2, "Europe/Madrid"), "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z")  // 2:00 comes twice: the first
	f(daily(2, "Europe/Madrid"), "2026-10-25T01:30:00Z", "2026-10-25T00:00:00Z")  // and not again
	f(daily(0, "America/Havana"), "2026-03-08T12:00:00Z", "2026-03-08T05:00:00Z") // midnight is skipped
	f(daily(0, "Australia/Lord_Howe"), "2026-04-05T03:00:00Z", "2026-04-04T13:00:00Z")
	f(daily(2, "Australia/Lord_Howe"), "2026-10-04T03:00:00Z", "2026-10-03T15:30:00Z") // half an hour is skipped
	f(daily(9, "Asia/Kathmandu"), "2026-03-02T12:00:00Z", "2026-03-02T03:15:00Z")
	f(daily(23, "Pacific/Kiritimati"), "2026-03-02T12:00:00Z", "2026-03-02T09:00:00Z")
	f(weekly(time.Monday, 8, "UTC"), "2026-03-02T08:00:00Z", "2026-03-02T08:00:00Z")
	f(weekly(time.Monday, 8, "UTC"), "2026-03-02T07:00:00Z", "2026-02-23T08:00:00Z")
	f(weekly(time.Sunday, 20, "America/Bogota"), "2026-03-02T00:59:00Z", "2026-02-23T01:00:00Z")
	f(weekly(time.Sunday, 20, "America/Bogota"), "2026-03-02T01:00:00Z", "2026-03-02T01:00:00Z")
	f(talk.Settings{Digest: talk.Never, Zone: "UTC"}, "2026-03-02T08:00:00Z", "0001-01-01T00:00:00Z")
	f(daily(8, "Nowhere/Land"), "2026-03-02T08:00:00Z", "0001-01-01T00:00:00Z")
}

// A year of minutes: a daily digest is due 365 times, never twice a day.
func TestDueOnceADay(t *testing.T) {
	for _, zone := range []string{"Europe/Madrid", "Australia/Lord_Howe", "America/Havana", "Africa/Casablanca"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, hour := range []int{0, 1, 2, 3, 23} {
			s := talk.Settings{Digest: talk.Daily, Hour: hour, Zone: zone}
			days, last := map[string]int{}, time.Time{}
			for now := time.Date(2026, 1, 1, 0, 0, 0, 0, loc); now.Year() == 2026; now = now.Add(time.Hour) {
				due := s.Due(now)
				if due.Before(last) {
					t.Fatalf("%s at %d: due goes back from %s to %s", zone, hour, last, due)
				}
				if due.After(last) && due.In(loc).Year() == 2026 {
					days[due.In(loc).Format(time.DateOnly)]++
				}
				last = due
			}
			if len(days) != 365 {
				t.Errorf("%s at %d: %d days", zone, hour, len(days))
			}
			for day, n := range days {
				if n != 1 {
					t.Errorf("%s at %d: %d digests on %s", zone, hour, n, day)
				}
			}
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t, tables), talk.Config{})
	for name, spoil := range map[string]func(*talk.Settings){
		"bell": func(s *talk.Settings) { s.Bell = "loud" }, "mail": func(s *talk.Settings) { s.Mail = "" }, "hook": func(s *talk.Settings) { s.Hook = "x" }, "digest": func(s *talk.Settings) { s.Digest = "hourly" },
		"hour": func(s *talk.Settings) { s.Hour = 24 }, "weekday": func(s *talk.Settings) { s.Weekday = 7 }, "zone": func(s *talk.Settings) { s.Zone = "Local" },
	} {
		s := talk.DefaultSettings
		spoil(&s)
		err := w.talk.SetSettings(t.Context(), w.who["ana"].Principal, s)
		if !fault.Is(err, fault.Invalid) || fault.ProblemsOf(err)[0].Field != name {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
