package strategy_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

const roadmapYAML = `
apiVersion: binnacle.dev/v1
kind: Initiative
metadata: {name: tokens, title: Network tokens and retry}
spec: {lane: now, state: done, rank: 1, serves: [objective:pay], teams: [payments], work: [{parent: T}], start: "2026-07-20", end: "2026-09-18", wantBy: "2026-09-30"}
---
apiVersion: binnacle.dev/v1
kind: Initiative
metadata: {name: acquirer, title: Second acquirer live}
spec: {lane: now, state: active, rank: 2, serves: [objective:pay, keyresult:pay-1], teams: [payments], work: [{parent: A}], start: "2026-09-07", wantBy: "2026-10-22", dependsOn: [tokens], worth: {perMonth: 5000, days: 9}}
---
apiVersion: binnacle.dev/v1
kind: Initiative
metadata: {name: cells, title: Payment cells apart}
spec: {lane: next, state: planned, rank: 1, serves: [objective:pay], teams: [payments], size: {low: 5, likely: 8, high: 20}, wantBy: "2026-10-25", dependsOn: [acquirer], worth: {perMonth: 2000, days: 9}}
---
apiVersion: binnacle.dev/v1
kind: Initiative
metadata: {name: collectors, title: Collectors for 80 controls}
spec: {lane: now, state: active, rank: 1, serves: [objective:trust], teams: [security], work: [{parent: C, source: other}], wantBy: "2026-12-31", waits: "decision 0067", worth: {reach: 80, impact: 1, confidence: 0.8, effort: 2}}
---
apiVersion: binnacle.dev/v1
kind: Initiative
metadata: {name: account, title: Pay from account}
spec: {lane: later, state: planned, rank: 1, serves: [objective:pay], learn: "Do travellers trust it at a kiosk?"}
---
apiVersion: binnacle.dev/v1
kind: Initiative
metadata: {name: loose, title: Builds under 5 minutes}
spec: {lane: next, state: planned, teams: [platform], size: {low: 1, likely: 2, high: 3}}
---
apiVersion: binnacle.dev/v1
kind: Milestone
metadata: {name: audit, title: ISO audit}
spec: {date: "2026-10-19", marks: [collectors]}
---
apiVersion: binnacle.dev/v1
kind: Dependency
metadata: {name: files, title: Settlement files}
spec: {from: cells, to: acquirer, what: Settlement files of the second acquirer, neededBy: "2026-11-16", state: committed}
---
apiVersion: binnacle.dev/v1
kind: Blackout
metadata: {name: freeze, title: Change freeze}
spec: {from: "2026-12-14", to: "2027-01-06"}
---
apiVersion: binnacle.dev/v1
kind: TeamCapacity
metadata: {name: payments}
spec: {team: payments, months: [{month: 2026-08, people: 6, absence: 0.1, focus: 0.7}, {month: 2026-11, people: 2, focus: 0.5}]}
`

// roadmapHouse is a house with a roadmap and the work it hangs on.
func roadmapHouse(t *testing.T) *webtest.House {
	t.Helper()
	h := newHouse(t)
	h.Apply(roadmapYAML)
	load := func(args map[string]string, file string) {
		if _, err := importer(t, "work").Import(ctx, h.Catalog, h.Caller(), []catalog.File{text("w.csv", file)}, catalog.ImportOptions{Args: args}); err != nil {
			t.Fatal(err)
		}
	}
	load(map[string]string{"team": "payments"}, worked("2026-09-21", month, map[string]int{"A": 28}))
	rnd := rand.New(rand.NewPCG(3, 4))
	var steady []int
	for range 60 {
		steady = append(steady, rnd.IntN(3))
	}
	load(map[string]string{"team": "security", "source": "other"}, worked("2026-09-21", steady, map[string]int{"C": 40}))
	return h
}

func remember(t *testing.T, h *webtest.House) {
	t.Helper()
	err := h.Catalog.DB().Tx(ctx, func(tx *sqldb.Tx) error { _, err := strategy.Forecast(ctx, h.Catalog, tx, "default"); return err })
	if err != nil {
		t.Fatal(err)
	}
}

// The page says the same whether forecasts were kept or are computed for it.
func TestRoadmapPage(t *testing.T) {
	h := roadmapHouse(t)
	var pages []string
	for range 2 {
		page, text := h.Page("/roadmap"), h.Main("/roadmap")
		h.Wants(text, "Roadmap", "Timeline", "6 initiatives", "0 of 3 with a date are likely to meet it.", "Now to 30 Sep, dated to the day", "Later order only", "22 Sep", "ISO audit", "pay", "trust", "Without an objective",
			"Second acquirer live", "66% likely by 22 Oct", "Payment cells apart", "What we must learn: Do travellers trust it at a kiosk?", "Waits for decision 0067", "Ended on 18 Sep", "Nothing is known of what platform finished, so there is no forecast.", "critical path")
		h.Wants(page, `class="gantt"`, `class="g-bar g-now g-ok"`, `g-warn`, `class="g-dep`, `class="g-likely`, `class="g-freeze"`, `g-someday`, `href="/initiatives/default/acquirer"`, `g-critical`)
		if n := strings.Count(page, `class="g-bar`); n != 6 {
			t.Errorf("%d bars drawn", n)
		}
		pages = append(pages, text)
		remember(t, h)
	}
	if pages[0] != pages[1] {
		t.Errorf("computed:\n%s\nkept:\n%s", pages[0], pages[1])
	}
}

func TestRoadmapFilter(t *testing.T) {
	h := roadmapHouse(t)
	for query, want := range map[string]string{
		"q=acquirer": "1 initiative", "q=PAY": "4 initiatives", "team=group:default/payments": "3 initiatives", "state=done": "1 initiative", "state=attention": "3 initiatives", "state=active&q=second": "1 initiative",
	} {
		h.Wants(h.Main("/roadmap?"+query), want+" ")
	}
	h.Wants(h.Main("/roadmap?q=nothing"), "No initiative matches the filter", "Clear the filter")
	h.Wants(h.Main("/roadmap?view=ranking&q=nothing"), "No initiative has the inputs")
	for _, path := range []string{"/roadmap?view=map", "/roadmap?view=ranking&method=dice"} {
		if w := h.Get(path, "owner", lang.English); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := h.Get("/roadmap", "auditor", lang.English); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "/initiatives/new") {
		t.Errorf("an auditor reads the roadmap with %d, or may write", w.Code)
	}
}

func TestCapacityView(t *testing.T) {
	h := roadmapHouse(t)
	page, text := h.Page("/roadmap?view=capacity"), h.Main("/roadmap?view=capacity")
	h.Wants(text, "People and work", "payments", "security people as they were", "platform pace not known", "Sep", "Feb 2027", "security cannot do all of it in Dec. The first that does not fit: Collectors for 80 controls")
	h.Wants(page, `class="gap-`, `class="q`)
	h.Wants(h.Main("/roadmap?view=capacity&team=group:default/payments"), "Everything with dates fits.")
}

// What is late is not asked for in a day: it is spread to the day it is likely.
func TestCapacityOfLate(t *testing.T) {
	h := roadmapHouse(t)
	h.Apply("apiVersion: binnacle.dev/v1\nkind: Initiative\nmetadata: {name: late}\nspec: {lane: now, state: active, rank: 1, teams: [security], size: {low: 20, likely: 20, high: 20}, wantBy: \"2026-09-01\"}\n")
	text := h.Main("/roadmap?view=capacity")
	h.Wants(text, "security")
	h.Lacks(text, "security cannot do all of it in Sep", "In no month")
}

func TestRankingView(t *testing.T) {
	h := roadmapHouse(t)
	text := h.Main("/roadmap?view=ranking")
	h.Wants(text, "CD3", "Cost of delay", "1 Second acquirer live 5,000 9 25.9", "2 Payment cells apart 2,000 9 7.4", "Every place holds.", "Not ranked", "Pay from account")
	h.Lacks(text, "Network tokens")
	h.Apply(strings.ReplaceAll(strings.Split(roadmapYAML, "---")[2], "perMonth: 2000, days: 9", "perMonth: 22000, days: 9"))
	text = h.Main("/roadmap?view=ranking&method=cd3")
	h.Wants(text, "1 Second acquirer live 5,000 9 100", "2 Payment cells apart 22,000 9 81.5")
	h.Wants(h.Main("/roadmap?view=ranking&method=rice"), "1 Collectors for 80 controls 80 1 0.8 2 32")
}

func TestEmptyRoadmap(t *testing.T) {
	h := newHouse(t)
	h.Wants(h.Main("/roadmap"), "There is no roadmap yet", "binnacle import work ./work.csv", "Write an initiative")
	h.Apply(roadmapYAML)
	h.Wants(h.Main("/roadmap"), "No work items have been brought in", "No forecast")
	h.Wants(h.Main("/roadmap?view=capacity"), "pace not known", "Everything with dates fits.")
	h.Main("/roadmap?view=ranking")
	h.Wants(h.Main("/initiatives/default/acquirer"), "Nobody has said how much work it is", "No work item meets this.", "No initiative with a forecast has been finished yet")
}

func TestInitiativePages(t *testing.T) {
	h := roadmapHouse(t)
	remember(t, h)
	page, text := h.Page("/initiatives/default/acquirer"), h.Main("/initiatives/default/acquirer")
	h.Wants(text, "Second acquirer live", "Now", "At risk", "66% likely to be done by 22 Oct", "Work items 28 left as of 22 Sep", "Pace of payments 1.03 a day 31 days, 22 Aug to 21 Sep",
		"50% likely by 19 Oct", "70% likely by 23 Oct", "85% likely by 27 Oct", "95% likely by 2 Nov", "How this is computed", "payments finished 32 items on 31 days: 1.03 a day.", "without dice", "Rule throughput-1",
		"0% 0 done, 28 open.", "Everything below A (any source).", "It waits for", "Network tokens and retry", "These wait for it", "Settlement files Committed", "No initiative with a forecast has been finished yet")
	h.Wants(page, `href="/roadmap#i-acquirer"`, `class="ev" data-health="live"`, `<figure class="chart"`)
	text = h.Main("/initiatives/default/cells")
	h.Wants(text, "Unlikely", "played forward 4,000 times", "The estimate is 5 to 20 in all, 8 likely.", "It has 28 items of other initiatives to do first.", "on the chain that ended last", "Days off are neither learned from")
	h.Wants(h.Main("/initiatives/default/account"), "It is for later: an order, and no date.")
	h.Wants(h.Main("/initiatives/default/tokens"), "Ended on 18 Sep", "Done")
	h.Wants(h.Main("/initiatives/default/collectors"), "Waiting", "Collectors for 80 controls")
	h.Wants(h.Main("/milestones/default/audit"), "What it needs", "Collectors for 80 controls Waiting", "likely by 19 Oct")
	for _, path := range []string{"/milestones/default/audit", "/dependencies/default/files", "/team-capacities/default/payments", "/blackouts/default/freeze", "/initiatives/new", "/initiatives/default/acquirer/edit", "/initiatives"} {
		h.Page(path)
	}
	h.Wants(h.Page("/team-capacities/default/payments"), `href="/roadmap?view=capacity"`)
}

func TestRoadmapExport(t *testing.T) {
	h := roadmapHouse(t)
	get := func(as string) string {
		w := h.Get("/export/roadmap?as="+as, "owner", lang.English)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", as, w.Code, w.Body)
		}
		return w.Body.String()
	}
	csv := get("csv")
	h.Wants(csv, "name,namespace,title,lane,rank,state", "acquirer,default,Second acquirer live,now,2,active,payments,objective:pay keyresult:pay-1,tokens,2026-09-07,,2026-10-22,,0,28,28.0,2026-09-22,2026-10-19,2026-10-23,2026-10-27,2026-11-02,0.664,\n")
	if lines := strings.Count(csv, "\n"); lines != 7 {
		t.Errorf("%d lines:\n%s", lines, csv)
	}
	h.Wants(get("mermaid"), "gantt\n    title Roadmap\n    dateFormat YYYY-MM-DD\n", "    section pay\n    Network tokens and retry :done, i_default_tokens, 2026-07-20, 2026-09-19\n", "Second acquirer live :active", "    ISO audit :milestone, m_default_audit, 2026-10-19, 0d\n", "%% no dates: Pay from account", "    Change freeze :b_default_freeze, 2026-12-14, 2027-01-07\n")
	if w := h.Get("/export/roadmap?as=pdf", "owner", lang.English); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("pdf: %d", w.Code)
	}
}

// A part that cannot be read says so, and shows nothing of the inside.
func TestRoadmapFails(t *testing.T) {
	h := roadmapHouse(t)
	if _, err := h.Catalog.DB().Exec(t.Context(), `DROP TABLE observed_work`); err != nil {
		t.Fatal(err)
	}
	if w := h.Get("/roadmap", "owner", lang.English); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "observed_work") {
		t.Errorf("the roadmap answers %d:\n%s", w.Code, w.Body)
	}
	if n := strings.Count(h.Page("/initiatives/default/acquirer"), "This card could not be shown"); n < 3 {
		t.Errorf("%d cards say that they failed", n)
	}
}

// A big roadmap still answers quickly enough to be looked at.
func BenchmarkRoadmap(b *testing.B) {
	h := webtest.New(b, strategy.Module())
	var yaml strings.Builder
	for i := range 60 {
		fmt.Fprintf(&yaml, "apiVersion: binnacle.dev/v1\nkind: Initiative\nmetadata: {name: i%d}\nspec: {lane: now, state: active, rank: %d, teams: [t%d], size: {low: 4, likely: 8, high: 20}}\n---\n", i, i+1, i%6)
	}
	h.Apply(yaml.String())
	for team := range 6 {
		args := map[string]string{"team": fmt.Sprintf("t%d", team), "source": fmt.Sprintf("s%d", team)}
		if _, err := importer(b, "work").Import(ctx, h.Catalog, h.Caller(), []catalog.File{text("w.csv", worked("2026-09-21", month, nil))}, catalog.ImportOptions{Args: args}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if w := h.Get("/roadmap", "owner", lang.English); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
