package live

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// TestCanary: every built-in rule is proven by its own examples, sent through the
// door that all events come in by, and none of it is told.
func TestCanary(t *testing.T) {
	sqldbtest.Run(t, Migrations(), func(t *testing.T, db *sqldb.DB) {
		told := 0
		e := New(Config{DB: db, Store: engine(t), Builtin: content.Detections, Root: "detections", Sink: func(_ context.Context, list []detect.Finding) error { told += len(list); return nil }})
		in, err := ingest.Open(t.Context(), ingest.Config{Dir: t.TempDir(), Store: e.Store, Stages: []ingest.Stage{e}, Formats: all.Formats()})
		if err != nil {
			t.Fatal(err)
		}
		n, without, err := e.Sting(t.Context(), "acme", in)
		if err != nil {
			t.Fatal(err)
		}
		if n < 60 || len(without) > 0 {
			t.Errorf("canaries of %d rules were sent; there are none for %v", n, without)
		}
		if again, _, err := e.Sting(t.Context(), "acme", in); err != nil || again != n {
			t.Errorf("canaries of %d rules were sent again: %v", again, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := in.Close(ctx); err != nil {
			t.Fatal(err)
		}
		proven, err := e.Proven(t.Context(), "acme", time.Now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		var not []string
		rules, err := e.Ruleset(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		for key, p := range proven {
			if !p.Passed {
				not = append(not, rules.Entry(key).Told.Title)
			}
		}
		slices.Sort(not)
		if len(not) > 0 || len(proven) != n {
			t.Errorf("%d of %d are not proven:\n%s", len(not), n, strings.Join(not, "\n"))
		}
		times := map[string]int{}
		err = Proofs(t.Context(), db, "acme", time.Time{}, time.Now(), func(p Proof) error {
			if p.Passed {
				times[p.Rule]++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for key, n := range times {
			if n < 2 {
				t.Errorf("%s was proven once by two canaries", rules.Entry(key).Told.Title)
			}
		}
		if told > 0 {
			t.Errorf("canaries made %d findings", told)
		}
	})
}

// TestCanaryOfOthers: an event that only says it is a canary is looked at like
// any other, by rules and for indicators, and proves nothing.
func TestCanaryOfOthers(t *testing.T) {
	w := newWorld(t, nil)
	w.bad = []Indicator{{Source: "feed", Type: IP, Value: "198.51.100.7"}}
	claims := func(source string) event.Event {
		ev := stopTrail(w.now, "eve")
		ev.Source, ev.Line = source, append([]byte(`{"binnacle.canary":"x",`), ev.Line[1:]...)
		return ev
	}
	w.look(claims(CanarySource))
	want(t, w.titles())
	ev := []event.Event{claims("aws")}
	w.look(ev...)
	if len(ev[0].Rules) < 2 || len(w.told) < 2 {
		t.Errorf("a claim to be a canary hid an event: rules %q, told %q", ev[0].Rules, w.titles())
	}
}
