package claimlogs_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/claim/claimlogs"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
)

func open(t *testing.T, o logs.Options) logs.Store {
	t.Helper()
	o.Folder, o.Tenants, o.FreeBytes = t.TempDir(), logs.TenantMap{"acme": 1, "rival": 2}, 1
	s, err := logs.OpenEmbedded(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func ask(t *testing.T, l claim.Language, q claim.Question) []claim.Row {
	t.Helper()
	q.Limit = cmp.Or(q.Limit, 100)
	rows, err := l.Rows(t.Context(), "acme", q)
	if err != nil {
		t.Fatalf("%s: %v", q.Text, err)
	}
	slices.SortFunc(rows, func(a, b claim.Row) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return rows
}

// TestRows: a question sees what happened in its window and had come by then, of
// its organisation alone, on a leap day and in whatever zone a sender is.
func TestRows(t *testing.T) {
	s := open(t, logs.Options{})
	l := claimlogs.Language(claimlogs.Config{Store: s})
	zone := time.FixedZone("", 5*3600+45*60)
	leap := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	add := func(org, user string, at time.Time, late time.Duration) {
		t.Helper()
		e := event.Event{ID: user, Time: at, Seen: at.Add(late), Source: "s", Format: "json", Line: fmt.Appendf(nil, `{"message":"in","user":{"name":%q},"n":7}`, user)}
		if err := errors.Join(s.Add(t.Context(), org, []event.Event{e}), s.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	add("acme", "first", leap.Add(-24*time.Hour), 0)                          // the first moment that counts
	add("acme", "before", leap.Add(-24*time.Hour-time.Nanosecond), 0)         // and the last that does not
	add("acme", "last", leap.Add(-time.Nanosecond).In(zone), time.Nanosecond) // came at that very moment
	add("acme", "at", leap, 0)
	add("acme", "late", leap.Add(-time.Hour), time.Hour+time.Nanosecond)
	add("acme", "ahead", leap.Add(time.Hour), -2*time.Hour)
	add("rival", "other", leap.Add(-time.Hour), 0)

	users := func(at time.Time) (out []string) {
		for _, r := range ask(t, l, claim.Question{Text: "* | stats by (user.name) count() n", From: at.Add(-24 * time.Hour), To: at}) {
			out = append(out, r["user.name"])
		}
		return out
	}
	if diff := gocmp.Diff([]string{"first", "last"}, users(leap)); diff != "" {
		t.Error(diff)
	}
	if diff := gocmp.Diff([]string{"at", "last", "late"}, users(leap.Add(time.Minute))); diff != "" {
		t.Error(diff)
	}
	got := ask(t, l, claim.Question{Text: "user.name:=last | fields _time, user.name, n, none", From: leap.Add(-time.Hour), To: leap})
	if diff := gocmp.Diff([]claim.Row{{"_time": "2024-02-29T11:59:59.999999999Z", "user.name": "last", "n": "7"}}, got); diff != "" {
		t.Error(diff)
	}
	if got := ask(t, l, claim.Question{Text: "*", From: leap.Add(-48 * time.Hour), To: leap.Add(48 * time.Hour), Limit: 3}); len(got) != 4 {
		t.Errorf("%d rows: one more than the limit says that there are too many", len(got))
	}
	all := ask(t, l, claim.Question{Text: l.All, From: leap, To: leap.Add(time.Second)})
	if diff := gocmp.Diff([]claim.Row{{"events": "1"}}, all); diff != "" {
		t.Error(diff)
	}
	if none := ask(t, l, claim.Question{Text: l.All, From: leap.Add(-1000 * time.Hour), To: leap.Add(-900 * time.Hour)}); len(none) > 1 || len(none) == 1 && none[0]["events"] != "0" {
		t.Errorf("of nothing it says %v", none)
	}
}

// TestCanaries: what was sent to try the rules did not happen, and is seen only by
// a question that is about it.
func TestCanaries(t *testing.T) {
	s := open(t, logs.Options{})
	l := claimlogs.Language(claimlogs.Config{Store: s})
	at := time.Date(2026, 2, 27, 12, 0, 0, 0, time.UTC)
	for _, source := range []string{"aws", event.CanarySource, "canaries"} {
		e := event.Event{ID: source, Time: at, Seen: at, Source: source, Format: "json", Line: []byte(`{"message":"StopLogging"}`)}
		if err := errors.Join(s.Add(t.Context(), "acme", []event.Event{e}), s.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]int{"StopLogging": 2, "*": 2, "binnacle.source:=canary": 1, "_msg:in(StopLogging | fields _msg)": 2} {
		if got := ask(t, l, claim.Question{Text: text, From: at.Add(-time.Hour), To: at.Add(time.Hour)}); len(got) != want {
			t.Errorf("%s: %d rows, want %d", text, len(got), want)
		}
	}
}

// TestKept: what is removed by its age is known, by whole days.
func TestKept(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 1, 0, 0, time.UTC)
	for keep, want := range map[time.Duration]time.Time{30 * 24 * time.Hour: time.Date(2026, 1, 29, 0, 0, 0, 0, time.UTC), 36 * time.Hour: time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC)} {
		l := claimlogs.Language(claimlogs.Config{Store: open(t, logs.Options{Keep: keep}), Now: func() time.Time { return now }})
		if got, err := l.Kept(t.Context(), "acme"); err != nil || !got.Equal(want) {
			t.Errorf("kept for %s: since %s, %v; want %s", keep, got, err, want)
		}
		if got, err := l.Known(t.Context(), "acme"); err != nil || !got.Equal(now.Add(-time.Minute)) {
			t.Errorf("known until %s, %v", got, err)
		}
	}
}

// TestKnown: an event that waits in the spool holds back what is known, and what came
// before it is found, however short ago it was stored.
func TestKnown(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	store := open(t, logs.Options{})
	for waits, want := range map[time.Time]time.Time{{}: now.Add(-time.Minute), now: now.Add(-time.Minute), now.Add(-time.Hour): now.Add(-time.Hour)} {
		l := claimlogs.Language(claimlogs.Config{Store: store, Known: func() time.Time { return waits }, Now: func() time.Time { return now }})
		if got, err := l.Known(t.Context(), "acme"); err != nil || !got.Equal(want) {
			t.Errorf("with one that waits since %s it is known until %s, %v", waits, got, err)
		}
	}
	came := now.Add(-time.Hour)
	if err := store.Add(t.Context(), "acme", []event.Event{{ID: "a", Time: came.Add(-time.Second), Source: "s", Line: []byte(`{"a":"b"}`)}}); err != nil {
		t.Fatal(err)
	}
	l := claimlogs.Language(claimlogs.Config{Store: store, Known: func() time.Time { return came }, Now: func() time.Time { return now }})
	to, err := l.Known(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := l.Rows(t.Context(), "acme", claim.Question{Text: "a:b | fields a", From: to.Add(-time.Minute), To: to, Limit: 10}); err != nil || len(rows) != 1 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestCheck(t *testing.T) {
	l := claimlogs.Language(claimlogs.Config{Store: open(t, logs.Options{})})
	for text, ok := range map[string]bool{"*": true, "a | stats by (b) count() n": true, "a:(": false, "a | stats by": false, "_time:1h a": false} {
		if err := l.Check(text); (err == nil) != ok || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"a or b | stats by (x) count() n", `{binnacle.source="a|b"} x`, "*"} {
		if narrow := l.Narrow(text, []claim.FieldValue{{Name: "user.name", Value: `o"neil | \x`}, {Name: "odd name", Value: ""}}); l.Check(narrow) != nil {
			t.Errorf("%s became %s: %v", text, narrow, l.Check(narrow))
		}
	}
}
