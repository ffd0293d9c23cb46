package objectives_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/objectives"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

func TestBoard(t *testing.T) {
	h := newHouse(t)
	h.sample()
	page, text := h.Page("/objectives"), h.Main("/objectives")
	h.Wants(text, "Any journey in Iberia on one ticket", "Vision 2028", "Day 84 of 92", "Q2 2026", "Q4 2026 draft", "1 met, 1 not proven", "4 on track, 3 not proven", "2 at risk", "1 without evidence", "4 off track",
		"Every payment works the first time Off track", "score 0.37", "93.8% on 21 Sep, good until 21 Oct", "92.4% 93.8% 96.0%", "confidence 7 of 10",
		"People are sure, and the numbers say otherwise", "its evidence is stale", "ran out on 9 Sep", "not proven: the number is somebody's word", "1 blocker", "not begun not begun stretch", "3 of 4", "≥ 25%",
		"The kiosk sells a ticket to somebody with one free hand Draft", "It has no key result")
	h.Wants(page, `class="track track-bad" style="--now:39;--due:91" role="img" aria-label="39% of the way, 91% of the time"`, `data-health="stale"`, `title="0.37 = (1·0.72 &#43; 1·0.39 &#43; 1·0.00) / 3"`, `href="/objectives/check-in?kr=payments-first-attempt"`)
	// The worst objective comes first, and within it the worst key result.
	order := []string{"Every payment works", "Travellers find and book", "Trust that can be shown No evidence", "We ship small", "The kiosk sells"}
	for i := 1; i < len(order); i++ {
		if strings.Index(text, order[i-1]) > strings.Index(text, order[i]) {
			t.Errorf("%q comes after %q", order[i-1], order[i])
		}
	}
	// Green needs live evidence: of fifteen key results one has it.
	if n := strings.Count(page, `state-mark state-ok"`); n != 1 {
		t.Errorf("%d key results are green, want the one that is measured", n)
	}
}

func TestBoardFilters(t *testing.T) {
	h := newHouse(t)
	h.sample()
	text := h.Main("/objectives?standing=at-risk")
	h.Wants(text, "Deployments that fail", "The ISO audit in October", "3 objectives left out")
	h.Lacks(text, "Payments authorised", "Median lead time")
	text = h.Main("/objectives?pillar=flow&cycle=q3-2026&window=30d")
	h.Wants(text, "We ship small", "Clear the filter")
	h.Lacks(text, "Every payment")
	text = webtest.MainText(h.Get("/objectives?owner=me", "marta.quiroga", lang.English).Body.String())
	h.Wants(text, "Every payment works")
	h.Lacks(text, "We ship small")
	h.Wants(h.Main("/objectives?standing=met&pillar=trust"), "No objective fits the filter")

	text = h.Main("/objectives?cycle=q2-2026")
	h.Wants(text, "Closed", "scores are frozen", "Fewer payments are refused Off track Missed", "scored 0.38 at the close", "Carry over", "Refusals whose reason we know")
	h.Lacks(text, "Check in")
	h.Wants(h.Main("/objectives?cycle=q4-2026"), "Begins in 9 days", "No single acquirer can stop our sales Draft")
	if w := h.Get("/objectives?cycle=none", "owner", lang.English); w.Code != http.StatusNotFound {
		t.Errorf("a cycle that is not there answers %d", w.Code)
	}
	// What the kit's list knows leads to it, where its own filters work.
	if w := h.Get("/objectives?spec.state=draft", "owner", lang.English); w.Header().Get("Location") != "/objectives/list?spec.state=draft" {
		t.Errorf("a filter of the list leads to %q", w.Header().Get("Location"))
	}
	list := h.Page("/objectives/list?spec.state=draft")
	h.Wants(list, "No single acquirer", `action="/objectives/list"`, `href="/objectives/new"`)
	h.Lacks(webtest.MainText(list), "We ship small")
	h.Wants(h.Main("/key-results?status.standing=off-track&status.cycle=q3-2026&sort=status.progress"), "Bookings abandoned at the kiosk", "4 ")
}

func TestEmptyPages(t *testing.T) {
	h := newHouse(t)
	h.Wants(h.Main("/objectives"), "There are no objectives yet", "binnacle import okr ./okr.csv", "begin a cycle by hand")
	h.Wants(h.Main("/objectives/alignment"), "There are no objectives yet")
	h.Wants(h.Main("/objectives/check-in"), "You answer for no key result", "not linked to a person")
	h.apply("apiVersion: binnacle.dev/v1\nkind: Cycle\nmetadata: {name: q3, title: Q3 2026}\nspec: {start: \"2026-07-01\", end: \"2026-09-30\", state: active}\n")
	h.Wants(h.Page("/objectives"), "Q3 2026 has no objective yet", `href="/objectives/new?spec.cycle=q3&amp;spec.state=active"`)
	h.Wants(h.Main("/objectives/close?cycle=q3"), "Q3 2026 has no objective yet")
	h.apply("apiVersion: binnacle.dev/v1\nkind: Objective\nmetadata: {name: adrift, title: Adrift}\nspec: {cycle: q9, state: active}\n")
	h.Wants(h.Main("/objectives"), "1 objective names a cycle that is not there: Adrift")
	h.Wants(h.Main("/objectives/carry?cycle=q3"), "Q3 2026 has no objective yet")
	if w := h.Get("/objectives/close?cycle=q3", "auditor", lang.English); w.Code != http.StatusForbidden {
		t.Errorf("an auditor may close a cycle: %d", w.Code)
	}
}

func TestCheckInPage(t *testing.T) {
	h := newHouse(t)
	h.sample()
	own := webtest.MainText(h.Get("/objectives/check-in", "marta.quiroga", lang.English).Body.String())
	h.Wants(own, "Payments authorised at the first attempt", "It stands at 93.8%.", "Last time 7, on 21 Sep.", "commit: The contract is signed", "Resolved: The contract with the second acquirer is not signed", "Those of everybody")
	h.Lacks(own, "error budget", "Median lead time")
	all := h.Main("/objectives/check-in")
	h.Wants(all, "Median lead time of a change", "comes from the measure Decisions that wait to be taken")
	h.Lacks(all, "Refused payments")
	h.Page("/objectives/check-in?kr=payments-first-attempt")
	if w := h.Get("/objectives/check-in?kr=none", "owner", lang.English); w.Code != http.StatusNotFound {
		t.Errorf("a key result that is not there answers %d", w.Code)
	}

	w := h.post("/objectives/check-in", "marta.quiroga", url.Values{"kr": {"payments-first-attempt"}, "value": {"95,5"}, "confidence": {"6"}, "note": {"The bank came back."},
		"blocker": {"The acceptance test waits"}, "type": {"resource"}, "action": {"Iker frees a day"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/objectives/check-in" {
		t.Fatalf("the check-in answers %d to %q:\n%s", w.Code, w.Header().Get("Location"), webtest.MainText(w.Body.String()))
	}
	text := h.Main("/key-results/default/payments-first-attempt")
	h.Wants(text, "progress 0.86 = (95.5 − 92.4) / (96 − 92.4)", "pace −0.05 = progress 0.86 − 0.91 of the time", "marta.quiroga: 95.5%", "confidence 6 of 10", "The bank came back.", "The acceptance test waits", "Resource, marta.quiroga. Iker frees a day", "Typed by marta.quiroga")
	h.Lacks(text, "People are sure")
	var status objectives.KeyResultStatus
	h.status("keyresult:payments-first-attempt", &status)
	if *status.Value != 95.5 || status.Standing != "on-track-unproven" || *status.Confidence != 6 {
		t.Errorf("status %+v", status)
	}
	if n := h.runs("keyresult:payments-first-attempt"); n != 13 {
		t.Errorf("%d runs are kept, want the twelve before and one", n)
	}

	w = h.post("/objectives/check-in", "marta.quiroga", url.Values{"kr": {"payments-second-acquirer"}, "resolved": {"second-acquirer-contract"}, "value": {"1"}})
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d: %s", w.Code, webtest.MainText(w.Body.String()))
	}
	text = h.Main("/key-results/default/payments-second-acquirer")
	h.Wants(text, "progress 0.30: the step commit is reached", "reached commit: The contract is signed", "not reached target:")
	h.Lacks(text, "The contract with the second acquirer is not signed")

	// The form of somebody who may not write the key result itself.
	if w := h.post("/objectives/check-in", "tomasz.wierzba", url.Values{"kr": {"audit-prepared"}, "value": {"4"}}); w.Code != http.StatusSeeOther {
		t.Errorf("a security officer checks in with %d", w.Code)
	}
	if w := h.post("/objectives/check-in", "auditor", url.Values{"kr": {"audit-prepared"}, "value": {"4"}}); w.Code != http.StatusForbidden {
		t.Errorf("an auditor checks in with %d", w.Code)
	}
}

// What cannot be taken comes back in its form with what was typed.
func TestCheckInRefused(t *testing.T) {
	h := newHouse(t)
	h.sample()
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"nothing":         {url.Values{"kr": {"lead-time"}}, "says nothing"},
		"not a number":    {url.Values{"kr": {"lead-time"}, "value": {"fast"}, "note": {"kept <b>"}}, "“fast” is not a number"},
		"two numbers":     {url.Values{"kr": {"lead-time"}, "value": {"1,800"}}, "read in one way only"},
		"no such step":    {url.Values{"kr": {"audit-prepared"}, "value": {"9"}}, "must be a whole number from 0 to 4"},
		"of a measure":    {url.Values{"kr": {"decisions-settled"}, "value": {"9"}}, "cannot be typed"},
		"of a closed one": {url.Values{"kr": {"merge-wait"}, "value": {"9"}}, "closed"},
		"too sure":        {url.Values{"kr": {"lead-time"}, "confidence": {"11"}}, "at most 10"},
		"blocker of none": {url.Values{"kr": {"lead-time"}, "blocker": {"x"}, "type": {"weather"}}, "weather"},
	} {
		w := h.post("/objectives/check-in", "owner", c.form)
		body := webtest.MainText(w.Body.String())
		if w.Code < 400 || w.Code >= 500 || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d, want %q in\n%s", name, w.Code, c.want, body)
		}
		if note := c.form.Get("note"); note != "" && !strings.Contains(w.Body.String(), "kept &lt;b&gt;") {
			t.Errorf("%s: the note is lost", name)
		}
	}
	if n := h.runs("keyresult:lead-time"); n != 12 {
		t.Errorf("%d runs after refused forms, want 12", n)
	}
}

func (h *house) runs(ref string) int {
	h.Helper()
	r, err := entity.ParseRef(ref, "", "")
	if err != nil {
		h.Fatal(err)
	}
	list, err := h.App.Claims.Runs(h.Context(), h.Caller(), r, "", 0, 1000)
	if err != nil {
		h.Fatal(err)
	}
	return len(list)
}

func TestAlignmentPage(t *testing.T) {
	h := newHouse(t)
	h.sample()
	h.apply(`apiVersion: binnacle.dev/v1
kind: Objective
metadata: {name: alone, title: Alone in the cycle}
spec: {cycle: q3-2026, state: active, level: person}
---
apiVersion: binnacle.dev/v1
kind: Objective
metadata: {name: skips, title: Skips a level}
spec: {cycle: q3-2026, state: active, level: person, parent: trust-shown}
---
apiVersion: binnacle.dev/v1
kind: KeyResult
metadata: {name: twin, title: The same number again}
spec: {objective: skips, kind: metric, start: 9, target: 1, measure: decisions-waiting}
---
apiVersion: binnacle.dev/v1
kind: Objective
metadata: {name: lost, title: Leads nowhere}
spec: {cycle: q3-2026, state: draft, parent: gone}
`)
	text := h.Main("/objectives/alignment?cycle=q3-2026")
	h.Wants(text, "Goals of Q3 2026", "Any journey in Iberia", "Money that works the first time pillar", "Every payment works the first time Off track · score 0.37", "Payments authorised at the first attempt Off track · 39% of the way",
		"The kiosk sells a ticket to somebody with one free hand Draft",
		"Alone in the cycle leads to nothing: no parent and no pillar", "Alone in the cycle has no key result", "Skips a level skips a level above it: Trust that can be shown", "The same number again is read from the same number as Decisions that wait", "Leads nowhere leads to what is not there: gone")
	h.Wants(h.Main("/objectives/alignment?cycle=q4-2026"), "No single acquirer")
}

func TestObjectivePage(t *testing.T) {
	h := newHouse(t)
	h.sample()
	text := h.Main("/objectives/default/payments-first-time")
	h.Wants(text, "Off track", "score 0.37", "0.37 = (1·0.72 + 1·0.39 + 1·0.00) / 3", "The error budget of payments is kept 1 0.72 0.72", "What leads to what", "Cycle Q3 2026", "Continues Fewer payments are refused", "Goes on in No single acquirer", "New key result")
	h.Wants(h.Main("/objectives/default/payments-fewer-refusals"), "Missed", "What we learned", "Refusals are the banks' to change")
	text = h.Main("/key-results/default/payments-error-budget")
	h.Wants(text, "progress 0.72 = 1 − 7 / 25", "pace −0.28 = progress 0.72 − 1.00 of the time", "Probability to miss the target")
	h.Wants(h.Main("/key-results/default/booking-time"), "progress 0.94 = (62 − 94) / (60 − 94)", "From 12 values", "If it goes on so")
	h.Wants(h.Main("/key-results/default/booking-time?window=30d"), "A forecast takes 6 values of different days; there are 5.")
	h.Wants(h.Main("/key-results/default/merge-wait"), "Scored 0.93 on 2 Jul, when the cycle was closed. Evidence then: somebody's word.")
	h.Wants(h.Main("/key-results/default/decisions-settled"), "Measured by Decisions that wait to be taken")
	h.Wants(h.Page("/key-results/default/decisions-settled"), `aria-label="Decisions that wait to be taken: 1 value"`)
	h.Wants(h.Main("/cycles/default/q3-2026"), "Active", "Day 84 of 92", "Score and close", "Every payment works the first time")
	h.Wants(h.Main("/pillars/default/trust"), "Trust that can be shown No evidence, Q3 2026")
	h.Wants(h.Main("/visions/default/vision-2028"), "What we do not do", "Flights", "carried by")
	h.Wants(h.Main("/blockers/default/second-acquirer-contract"), "External", "Sign the offer or refuse it")
	page := h.Page("/check-ins/default/lead-time-2026-09-21")
	h.Wants(page, "1.8")
	h.Lacks(page, "/edit", "/delete")
}

// The days of the chart are those where the reader lives.
func TestChartInTheReadersZone(t *testing.T) {
	h := newHouse(t)
	h.sample()
	for name, first := range map[string]string{"UTC": "6 Jul", "Pacific/Kiritimati": "6 Jul", "Pacific/Pago_Pago": "5 Jul"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		h.App.Zone = func(context.Context, auth.Principal) (*time.Location, error) { return zone, nil }
		page := h.Page("/key-results/default/payments-first-attempt")
		if day := chartDay.FindStringSubmatch(page); day == nil || day[1] != first {
			t.Errorf("in %s the chart begins on %q, want %s", name, day, first)
		}
	}
}

var chartDay = regexp.MustCompile(`<th scope="row">(\d+ [A-Z][a-z][a-z])</th>`)

func TestScoreAndCarry(t *testing.T) {
	h := newHouse(t)
	h.sample()
	text := h.Main("/objectives/close?cycle=q3-2026")
	h.Wants(text, "Score Q3 2026", "The cycle is not over: Day 84 of 92", "11 key results have no live evidence", "Score of the cycle 0.63", "Payments authorised at the first attempt 93.8% 0.39 Commit somebody's word", "What did we learn?")
	h.Lacks(text, "The kiosk sells")

	w := h.post("/objectives/close", "owner", url.Values{"cycle": {"q3-2026"}, "outcome.payments-first-time": {objectives.Missed}, "lesson.payments-first-time": {"Sign first.\r\nThen plan."}, "outcome.small-and-fast": {objectives.Achieved}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/objectives?cycle=q3-2026" {
		t.Fatalf("closing answers %d", w.Code)
	}
	var kr objectives.KeyResult
	h.spec("keyresult:payments-first-attempt", &kr)
	if kr.Final == nil || kr.Final.Standing != "off-track" || kr.Final.Trust != "word" || *kr.Final.Value != 93.8 {
		t.Errorf("it is scored %+v", kr.Final)
	}
	var o objectives.Objective
	h.spec("objective:payments-first-time", &o)
	if o.State != objectives.Missed || o.Lesson != "Sign first.\nThen plan." {
		t.Errorf("the objective is %+v", o)
	}
	h.Wants(h.Main("/objectives?cycle=q3-2026"), "Closed", "Every payment works the first time Off track Missed score 0.37", "scored 0.39 at the close")

	text = h.Main("/objectives/carry?cycle=q3-2026")
	h.Wants(text, "Carry over from Q3 2026", "Q4 2026", "It goes on in a later cycle already.", "Deployments that fail starts at 9.6%")
	h.Lacks(text, "(is made)") // the cycle after it is there
	if w := h.post("/objectives/carry", "owner", url.Values{"cycle": {"q3-2026"}, "to": {"q4-2026"}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "Choose at least one") {
		t.Errorf("carrying nothing answers %d", w.Code)
	}
	form := url.Values{"cycle": {"q3-2026"}, "to": {"q4-2026"}, "objective": {"small-and-fast", "booking-in-a-minute", "kiosk-one-hand"}, "result": {"change-failures", "recovery-time", "kiosk-abandoned", "search-p95"}}
	for range 2 { // the second time nothing is made again
		if w := h.post("/objectives/carry", "owner", form); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/objectives?cycle=q4-2026" {
			t.Fatalf("carrying over answers %d:\n%s", w.Code, webtest.MainText(w.Body.String()))
		}
	}
	h.spec("objective:small-and-fast--q4-2026", &o)
	if o.Cycle != "q4-2026" || o.State != objectives.Draft || o.Continues != "small-and-fast" || o.Pillar != "flow" {
		t.Errorf("the successor is %+v", o)
	}
	kr = objectives.KeyResult{}
	h.spec("keyresult:change-failures--q4-2026", &kr)
	if *kr.Start != 9.6 || *kr.Target != 8 || kr.Final != nil || kr.Continues != "change-failures" || kr.Objective != "small-and-fast--q4-2026" {
		t.Errorf("the successor is %+v", kr)
	}
	kr = objectives.KeyResult{}
	h.spec("keyresult:recovery-time--q4-2026", &kr)
	if *kr.Start != 130 {
		t.Errorf("a key result that went beyond its target starts again at %v", *kr.Start)
	}
	o = objectives.Objective{}
	h.spec("objective:kiosk-one-hand--q4-2026", &o)
	if o.Parent != "keyresult:kiosk-abandoned--q4-2026" {
		t.Errorf("what led to a key result leads to %q", o.Parent)
	}
	page, err := h.Catalog.List(h.Context(), h.Caller(), catalog.Query{Kinds: []string{"Objective"}, Fields: map[string][]string{"spec.cycle": {"q4-2026"}}})
	if err != nil || len(page.Items) != 4 {
		t.Errorf("%d objectives in the next cycle, %v", len(page.Items), err)
	}
}

// A cycle after the last one is made when goals go there.
func TestCarryIntoANewCycle(t *testing.T) {
	h := newHouse(t)
	h.apply(quarter + typedKR("kr", ""))
	h.Wants(h.Main("/objectives/carry?cycle=q3"), "Q4 2026 (is made)")
	if w := h.post("/objectives/carry", "owner", url.Values{"cycle": {"q3"}, "to": {"+"}, "objective": {"pay"}, "result": {"kr"}}); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/objectives?cycle=q4-2026" {
		t.Fatalf("%d to %s", w.Code, w.Header().Get("Location"))
	}
	var c objectives.Cycle
	h.spec("cycle:q4-2026", &c)
	if c.Start != "2026-10-01" || c.End != "2026-12-31" || c.State != objectives.Planning || c.Follows != "q3" || c.TimeZone != "Europe/Madrid" {
		t.Errorf("the cycle is %+v", c)
	}
}

// A part that fails says so, and no page shows what is inside.
func TestFailing(t *testing.T) {
	h := newHouse(t)
	h.sample()
	if _, err := h.Catalog.DB().Exec(t.Context(), `DROP TABLE claim_runs`); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(h.Page("/key-results/default/lead-time"), "This card could not be shown"); n < 3 {
		t.Errorf("%d cards say that they failed, want 3", n)
	}
	w := h.Get("/objectives", "owner", lang.English)
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "claim_runs") {
		t.Errorf("the board answers %d:\n%s", w.Code, w.Body.String())
	}
}
