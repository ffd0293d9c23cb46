package app_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

// signIns stores an event for each name at a moment, which came late.
func (h *house) signIns(at time.Time, late time.Duration, mfa string, names ...string) {
	h.Helper()
	var list []event.Event
	for _, n := range names {
		list = append(list, event.Event{ID: fmt.Sprint(n, at.UnixNano()), Time: at, Seen: at.Add(late), Source: "idp", Format: "json",
			Line: fmt.Appendf(nil, `{"message":"sign-in","event.action":"sign_in","user.name":%q,"mfa":%q}`, n, mfa)})
	}
	h.must(h.app.Logs.Add(h.Context(), auth.HomeID, list))
	h.must(h.app.Logs.Flush(h.Context()))
}

const secondFactor = `apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: second-factor, title: Everybody signs in with a second factor}
spec:
  room: security
  tests:
    - name: used
      query:
        language: logsql
        text: 'event.action:=sign_in | stats by (user.name) count() all, count() if (mfa:=yes) with'
        key: [user.name]
        expect: row.with == row.all
`

// TestClaimOverEvents: the pages of a claim over events show its question, who is
// asked and who fails, each with the events behind it, and ask it again as of a
// past moment.
func TestClaimOverEvents(t *testing.T) {
	eachDatabase(t, func(t *testing.T, cfg app.Config) {
		w := newWorld(t, cfg)
		now := time.Now().UTC()
		w.signIns(now.Add(-time.Hour), 0, "yes", "ana", "ben o'neil", "eve")
		w.signIns(now.Add(-2*time.Hour), 0, "no", "ben o'neil")
		w.signIns(now.Add(-30*time.Hour), 0, "no", "eve")
		w.signIns(now.Add(-time.Hour), 2*time.Hour, "no", "ana")
		w.apply(w.as(), secondFactor)
		w.settle()
		v, err := w.app.Claims.Get(w.Context(), w.as(), entity.NewRef("claim", "", "second-factor"))
		w.must(err)
		last := v.Evidence[0].Last
		if last.N != 3 || last.Exceptions != 1 || last.Verdict != "fail" {
			t.Fatalf("it says %s: %d of %d, %s", last.Verdict, last.Exceptions, last.N, last.Reason)
		}
		path := web.RecordPath("claims", entity.NewRef("claim", "", "second-factor"))
		page := w.page(path)
		for _, want := range []string{"count() if (mfa:=yes) with", "row.with == row.all", "user.name", "ben o&#39;neil"} {
			if !strings.Contains(page, want) {
				t.Errorf("the claim's page does not show %q", want)
			}
		}
		links := eventLinks(t, page)
		if len(links) < 2 {
			t.Fatalf("the claim's page leads to events %d times", len(links))
		}
		for _, l := range links {
			from, err1 := time.Parse(time.RFC3339, l.Get("from"))
			to, err2 := time.Parse(time.RFC3339, l.Get("to"))
			if err1 != nil || err2 != nil || to.Sub(from) != 24*time.Hour || to.Before(last.AsOf.Truncate(time.Second)) {
				t.Errorf("it looks from %s to %s", l.Get("from"), l.Get("to"))
			}
			if err := w.app.Logs.Check(l.Get("q")); err != nil || !strings.Contains(l.Get("q"), "event.action:=sign_in") || strings.Contains(l.Get("q"), "|") {
				t.Errorf("the question for events is %q: %v", l.Get("q"), err)
			}
		}
		events := w.page("/events?" + links[0].Encode())
		if !strings.Contains(events, "ben o&#39;neil") || strings.Contains(events, ">eve<") {
			t.Errorf("the page of events shows something else than what is behind the exception, for %s", links[0].Encode())
		}
		run := fmt.Sprintf("%s/runs/%d", path, last.Seq)
		if got := len(eventLinks(t, w.page(run))); got < 2 {
			t.Errorf("the run's page leads to events %d times", got)
		}
		if got := len(eventLinks(t, w.page(run+"/members"))); got != 3 {
			t.Errorf("the members' page leads to events %d times", got)
		}
		for _, p := range []string{path, path + "/runs", path + "/replay", run, run + "/members", run + "/members?only=exceptions"} {
			if w.read(p) == 0 {
				t.Errorf("%s was not read", p)
			}
		}
		w.signIns(now.Add(-time.Hour), 3*time.Hour, "no", "late")
		replay := w.page(path + "/replay?asOf=" + url.QueryEscape(last.At.Format(time.RFC3339Nano)))
		if texts := pageTexts(t); !strings.Contains(replay, texts.Get(lang.English, "claims.replay.same")) {
			t.Error("the page does not say that a replay gives the same")
		}
		again, err := w.app.Claims.Replay(w.Context(), w.as(), entity.NewRef("claim", "", "second-factor"), last.At)
		w.must(err)
		if !again[0].Same || again[0].Run.Exceptions != 1 {
			t.Errorf("the replay says %+v", again[0].Run)
		}
	})
}

// TestPopulation: the pages of a claim say of whom its number is, and not of all
// that there are when it is of some.
func TestPopulation(t *testing.T) {
	w := newWorld(t, app.Config{})
	w.apply(w.as(), `apiVersion: binnacle.dev/v1
kind: Component
metadata: {name: one, title: The first}
spec: {type: service, lifecycle: production, owner: group:x, tier: 1}
---
apiVersion: binnacle.dev/v1
kind: Component
metadata: {name: two}
spec: {type: service, lifecycle: production, owner: group:x, tier: 3}
---
apiVersion: binnacle.dev/v1
kind: Component
metadata: {name: three}
spec: {type: service, lifecycle: production, owner: group:x, tier: 4}
---
apiVersion: binnacle.dev/v1
kind: Measure
metadata: {name: tiers}
spec: {room: operations, direction: down, target: 5, records: {from: component, where: spec.tier < 4, value: sum(spec.tier)}}
---
apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: owned}
spec: {room: operations, tests: [{name: owned, records: {from: component, where: spec.tier < 4, expect: has(spec.owner)}}]}
---
apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: looked-for}
spec: {room: security, tests: [{name: rows, records: {from: techniques, where: 'row.id == "T1078"', expect: row.rules > 1000}}]}
`)
	w.settle()
	for _, path := range []string{"", "/runs/1", "/runs/1/members"} { // rows of a table have pages too
		if !strings.Contains(w.page("/claims/default/looked-for"+path), `href="/attack/T1078"`) {
			t.Errorf("nothing at %q leads to the technique", path)
		}
	}
	for path, words := range map[string]string{"/measures/default/tiers": "2 of 3 make the number", "/claims/default/owned": "2 of 2 meet it"} {
		if page := w.page(path); !strings.Contains(page, `<dt>Population</dt><dd><a href="`+path+`/runs/1/members">2</a></dd>`) {
			t.Errorf("%s does not say of whom it is", path)
		}
		if run := w.page(path + "/runs/1"); !strings.Contains(run, words) || !strings.Contains(run, "All 2 asked") {
			t.Errorf("the run of %s does not say that %s", path, words)
		}
		if list := w.page(path + "/runs/1/members"); !strings.Contains(list, words) || strings.Contains(list, "not kept by name") || !strings.Contains(list, "The first") {
			t.Errorf("the population of %s does not say that %s, or lacks some", path, words)
		}
	}
}

var eventLink = regexp.MustCompile(`href="(/events\?[^"]*)"`)

func eventLinks(t *testing.T, page string) (out []url.Values) {
	t.Helper()
	for _, m := range eventLink.FindAllStringSubmatch(page, -1) {
		u, err := url.Parse(html.UnescapeString(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, u.Query())
	}
	return out
}

// TestMeasureOfAQuestion: a page hands a question over to the form of a new
// measure, and what is sent from it is a measure.
func TestMeasureOfAQuestion(t *testing.T) {
	w := newWorld(t, app.Config{})
	w.signIns(time.Now().Add(-time.Hour), 0, "no", "ana", "ben")
	given := url.Values{"metadata.title": {"Sign-ins without a second factor"}, "spec.room": {"security"}, "spec.direction": {"down"},
		"spec.query.language": {"logsql"}, "spec.query.text": {"event.action:=sign_in mfa:=no | stats count() n"}, "spec.query.window": {"7d"}}
	got := w.send(w.owner, "POST", w.form("/measures/new?"+given.Encode(), "/measures/new"))
	if got.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	w.settle()
	v, err := w.app.Claims.Get(w.Context(), w.as(), entity.NewRef("measure", "", "sign-ins-without-a-second-factor"))
	w.must(err)
	if r := v.Evidence[0].Last; r == nil || r.Value == nil || *r.Value != 2 {
		t.Errorf("it was measured as %+v", r)
	}
	bad := w.form("/measures/new?"+given.Encode(), "/measures/new", "spec.query.text", "a:(", "metadata.name", "other")
	if got := w.send(w.owner, "POST", bad); got.Code != http.StatusUnprocessableEntity || !strings.Contains(got.Body.String(), "the query cannot be read") {
		t.Errorf("a question that cannot be read: %d", got.Code)
	}
}
