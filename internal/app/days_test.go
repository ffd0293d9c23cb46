package app_test

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/talk"
)

// TestReadersDays: the day it is, and those that a reader writes, are those where
// the reader lives: of attestations, replays and packs of evidence, of the axis of a
// trend, and of what is overdue.
func TestReadersDays(t *testing.T) {
	now := time.Date(2026, 9, 21, 23, 30, 0, 0, time.UTC)
	w := newWorld(t, app.Config{Now: func() time.Time { return now }})
	w.apply(w.as(), `apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: said, title: Somebody says so, owner: "user:owner"}
spec: {room: operations, tests: [{name: word, attest: {goodFor: 90d}}]}
---
apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: counted, title: Everything has an owner}
spec: {room: operations, tests: [{name: owned, records: {from: component, expect: has(spec.owner)}}]}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: thing}
spec: {type: service, lifecycle: production}
---
apiVersion: binnacle.dev/v1
kind: Task
metadata: {name: soon, title: Done soon}
spec: {state: open, due: "2026-09-21", about: "component:thing"}
`)
	w.settle()
	claim, path := entity.NewRef("claim", "", "said"), "/claims/default/said"
	for _, x := range []struct {
		zone, today, quarter string
		yesterday            time.Time // when the day before began
		late                 bool
	}{
		// in the order of their days: evidence is the latest
		{"UTC", "2026-09-21", "2026-06-21", time.Date(2026, 9, 20, 0, 0, 0, 0, time.UTC), false},
		{"America/Los_Angeles", "2026-09-21", "2026-06-21", time.Date(2026, 9, 20, 7, 0, 0, 0, time.UTC), false},
		{"Asia/Tokyo", "2026-09-22", "2026-06-22", time.Date(2026, 9, 20, 15, 0, 0, 0, time.UTC), true},
	} {
		settings := talk.DefaultSettings
		settings.Zone = x.zone
		w.must(w.app.Talk.SetSettings(w.Context(), w.owner.principal, settings))
		day := func(field, value string) string { return fmt.Sprintf(`name="%s" value="%s"`, field, value) }
		for page, want := range map[string][]string{
			"/evidence":      {day("from", x.quarter), day("to", x.today)},
			path + "/replay": {day("asOf", x.today)},
			path + "/word":   {`max="` + x.today + `" value="` + x.today + `"`},
		} {
			text := w.page(page)
			for _, s := range want {
				if !strings.Contains(text, s) {
					t.Errorf("in %s: %s has no %s", x.zone, page, s)
				}
			}
		}
		if late := strings.Contains(w.page("/components/default/thing"), `when is-bad`); late != x.late {
			t.Errorf("in %s a task is overdue: %v", x.zone, late)
		}

		axis := "to " + now.In(mustZone(t, x.zone)).Format("2 Jan")
		if !strings.Contains(w.page("/claims/default/counted"), axis) {
			t.Errorf("in %s the axis of a trend does not go %s", x.zone, axis)
		}

		before := x.yesterday.AddDate(0, 0, 1).Add(-time.Hour).In(mustZone(t, x.zone)).Format(time.DateOnly)
		if rec := w.send(w.owner, "POST", w.form(path+"/word", path+"/word", "asOf", before, "holds", "yes")); rec.Code != http.StatusSeeOther {
			t.Fatalf("in %s: %d %s", x.zone, rec.Code, said(rec))
		}
		runs, err := w.app.Claims.Get(w.Context(), w.as(), claim)
		w.must(err)
		if got := runs.Evidence[0].Last.AsOf; !got.Equal(x.yesterday) {
			t.Errorf("in %s what was said of %s is of %s, want %s", x.zone, before, got, x.yesterday)
		}
		rec := w.send(w.owner, "GET", request{path: "/evidence/pack?from=" + before + "&to=" + before})
		pack := struct{ From, To time.Time }{}
		w.must(readPack(rec.Body.Bytes(), &pack))
		if rec.Code != http.StatusOK || !pack.From.Equal(x.yesterday) || pack.To.Sub(pack.From) != 24*time.Hour {
			t.Errorf("in %s the evidence of %s is from %s to %s", x.zone, before, pack.From, pack.To)
		}
		if name := rec.Header().Get("Content-Disposition"); strings.Count(name, strings.ReplaceAll(before, "-", "")) != 2 {
			t.Errorf("in %s the evidence of %s is called %s", x.zone, before, name)
		}
		w.page(path + "/replay?asOf=" + before)
	}
}

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// readPack reads what a pack of evidence says of itself.
func readPack(data []byte, into any) error {
	z, err := zip.NewReader(strings.NewReader(string(data)), int64(len(data)))
	if err != nil {
		return err
	}
	f, err := z.Open("manifest.json")
	if err != nil {
		return err
	}
	defer f.Close()
	return json.NewDecoder(f).Decode(into)
}
