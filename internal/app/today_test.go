package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// gauge is a measure of the test: what it is and what it was at the end of each
// week.
type gauge struct {
	room, name, title, owner, rest string
	weeks                          []float64
}

var gauges = []gauge{
	{"strategy", "first-attempt", "First-attempt payments", "group:payments", `unit: "%", decimals: 1, direction: up, target: 96, limit: 95, pinned: 1`, []float64{92.4, 92.5, 92.5, 92.9, 93, 93.1, 93.5, 93.6, 93.5, 93.7, 93.9, 93.8}},
	{"strategy", "spend", "Spend against plan", "user:ines.valcarcel", `unit: "%", decimals: 1, direction: band, low: -3, high: 3, pinned: 2`, []float64{.9, 1.1, 1, 1.4, 1.6, 1.8, 1.7, 1.9, 2.1, 2.2, 2.4, 2.4}},
	{"people", "time-to-hire", "Time to hire, median", "user:nadia.ferreira", `unit: days, direction: down, target: 45, limit: 50, pinned: 1`, []float64{52, 50, 49, 49, 47, 46, 44, 43, 43, 42, 41, 41}},
	{"delivery", "lead-time", "Change lead time, median", "group:platform", `unit: days, decimals: 1, direction: down, target: 1.5, limit: 2, pinned: 1`, []float64{2.9, 2.8, 2.6, 2.7, 2.5, 2.3, 2.2, 2.1, 2, 1.9, 1.9, 1.8}},
	{"delivery", "deployments", "Deployments a day", "group:platform", `decimals: 1, direction: up, target: 15, pinned: 2`, []float64{13.9, 14.2, 14, 14.8, 15.1, 15.6, 15.9, 16.5, 16.2, 16.9, 17.3, 17.6}},
	{"delivery", "fail-rate", "Change fail rate", "group:platform", `unit: "%", decimals: 1, direction: down, target: 8, limit: 10, pinned: 3`, []float64{13.1, 12.6, 12.2, 11.4, 11, 10.1, 9.8, 9.4, 9, 8.9, 9.2, 9.6}},
	{"delivery", "recovery", "Recovery time, median", "group:platform", `unit: min, direction: down, target: 45, pinned: 4`, []float64{71, 66, 64, 60, 55, 52, 50, 47, 44, 44, 41, 38}},
	{"operations", "budget", "Error budget left, payments", "group:payments", `unit: "%", direction: up, target: 25, limit: 20, pinned: 1`, []float64{78, 77, 75, 74, 72, 70, 69, 66, 64, 41, 29, 18}},
	{"operations", "cloud-cost", "Cloud cost this month", "group:platform", `unit: "€", direction: down, target: 198000, limit: 220000, pinned: 2`, []float64{186e3, 187e3, 191e3, 190e3, 193e3, 196e3, 195e3, 199e3, 203e3, 205e3, 209e3, 212e3}},
	{"security", "criticals", "Criticals older than 14 days", "group:security", `direction: down, target: 0, pinned: 1`, []float64{17, 15, 12, 11, 9, 8, 8, 6, 5, 5, 4, 3}},
	{"security", "acknowledge", "Time to acknowledge, median", "group:security", `unit: min, direction: down, target: 15, pinned: 2`, []float64{14, 12, 11, 11, 9, 8, 8, 7, 7, 6, 6, 6}},
	{"governance", "controls", "Controls with live evidence", "user:leila.haddad", `direction: up, target: 80, limit: 60, pinned: 1`, []float64{41, 44, 46, 50, math.NaN(), 57, 60, 63, 66, 67, 69, 70}},
}

const morningClaims = `---
apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: services-owned, title: "Every service in production says who answers for it", owner: "group:platform"}
spec: {room: operations, tests: [{name: owned, title: Services without an owner, records: {from: component, where: 'spec.type == "service"', expect: has(spec.owner)}}]}
---
apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: decisions-reviewed, title: "Every decision is looked at again in time", owner: "group:architects"}
spec: {room: strategy, tests: [{name: late, title: Decisions whose review is overdue, records: {from: decision, where: 'has(spec.reviewBy) && spec.status == "accepted"', expect: 'spec.reviewBy > "2030-01-01"'}}]}
---
apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: pentest, title: "An outside party tests us once a year", owner: "user:ines.valcarcel"}
spec: {room: security, tests: [{name: report, title: Report of the penetration test, attest: {goodFor: 52w}}]}
---
apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: restores, title: "Every backup restores", owner: "group:data"}
spec: {room: governance, leansOn: ["claim:decisions-reviewed"], tests: [{name: data, title: Resources that are described, records: {from: resource, expect: 'has(spec.type)'}}]}
---
apiVersion: binnacle.dev/v1
kind: Measure
metadata: {name: engagement, title: Engagement, owner: "user:ines.valcarcel"}
spec: {room: people, unit: of 10, decimals: 1, direction: up, target: 7.8, limit: 7, pinned: 2, typed: {goodFor: 30d}}
`

// history turns the clock of an engine of claims back by twelve weeks and lets it
// measure at the end of each.
func (h *house) history() {
	h.Helper()
	dir, end := h.TempDir(), time.Now()
	clock := end
	cfg := claim.Config{DB: h.app.DB, Catalog: h.app.Catalog, Feed: h.app.Feed, Files: dir, Now: func() time.Time { return clock }}
	for _, m := range app.Modules() {
		cfg.Tables, cfg.Bearers = append(cfg.Tables, m.Tables...), append(cfg.Bearers, m.Bearers...)
	}
	engine := claim.New(cfg)
	var yaml strings.Builder
	for _, g := range gauges {
		fmt.Fprintf(&yaml, "---\napiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: %s, title: %q, owner: %q}\nspec: {room: %s, %s, maxAge: 8d, number: {file: %s.json, path: v}}\n", g.name, g.title, g.owner, g.room, g.rest, g.name)
	}
	h.apply(h.as(), yaml.String()+morningClaims)
	var after int64
	ask := func() {
		h.Helper()
		for _, w := range engine.Watches() {
			batch, next, err := h.app.Feed.Page(h.Context(), after, 5000, w.Types...)
			h.must(err)
			if len(batch) > 0 {
				h.must(h.app.DB.Tx(h.Context(), func(tx *sqldb.Tx) error { return w.Handle(h.Context(), tx, batch) }))
			}
			after = next
		}
		_, err := engine.Drain(h.Context())
		h.must(err)
	}
	weeks := len(gauges[0].weeks)
	for i := range weeks {
		clock = end.AddDate(0, 0, -7*(weeks-1-i)).Add(-time.Minute)
		for _, g := range gauges {
			data, err := json.Marshal(map[string]any{"v": g.weeks[i]})
			if math.IsNaN(g.weeks[i]) {
				data, err = []byte(`{}`), nil
			}
			h.must(err)
			h.must(os.WriteFile(filepath.Join(dir, g.name+".json"), data, 0o600))
		}
		ask()
	}
	_, err := engine.Say(h.Context(), h.as(), entity.NewRef("measure", "", "engagement"), claim.Word{Value: 7.6, AsOf: end.AddDate(0, 0, -27)})
	h.must(err)
}

// takeIn lets the watches of the rooms take in what happened.
func (h *house) takeIn() {
	h.Helper()
	for _, m := range app.Modules() {
		if m.Watches == nil {
			continue
		}
		for _, w := range m.Watches(h.app.Catalog) {
			h.take(w)
		}
	}
}

func (h *house) take(w feed.Watch) {
	h.Helper()
	batch, err := h.app.Feed.Read(h.Context(), "", 0, 100_000, w.Types...)
	h.must(err)
	h.must(h.app.DB.Tx(h.Context(), func(tx *sqldb.Tx) error { return w.Handle(h.Context(), tx, batch) }))
}

// morning fills a house with a whole organisation, twelve weeks of numbers and
// things that wait for inés, its CTO.
func (w *world) morning() *actor {
	w.Helper()
	w.fill()
	w.history()
	day := func(n int) string { return time.Now().AddDate(0, 0, n).Format(time.DateOnly) }
	w.apply(w.as(), `---
apiVersion: binnacle.dev/v1
kind: Task
metadata: {name: access-review, title: "Review who may sign in to the payment systems"}
spec: {about: "system:payments", assignee: "user:ines.valcarcel", due: "`+day(-1)+`", every: quarterly, needsEvidence: true, state: open}
---
apiVersion: binnacle.dev/v1
kind: Task
metadata: {name: board-pack, title: "Read the board pack before it is frozen"}
spec: {assignee: "user:ines.valcarcel", due: "`+day(3)+`", state: open}
---
apiVersion: binnacle.dev/v1
kind: Task
metadata: {name: restore-test, title: "Restore test of the seat inventory"}
spec: {assignee: "group:data", due: "`+day(6)+`", every: monthly, state: open}
---
apiVersion: binnacle.dev/v1
kind: Decision
metadata: {name: 0099-second-acquirer, title: "Take on a second card acquirer", owner: "group:payments"}
spec: {status: proposed, deciders: ["user:ines.valcarcel"], reviewBy: "`+day(9)+`"}
`)
	id := w.join(auth.HomeID, "ines@acme.example", auth.RoleCTO)
	_, err := w.app.DB.Exec(w.Context(), `UPDATE auth_memberships SET user_ref = 'user:default/ines.valcarcel' WHERE account = ?`, id)
	w.must(err)
	lead := auth.Principal{Account: "hugo", Name: "Hugo Barbosa", Org: auth.HomeID, Role: auth.RoleLead, Via: "web"}
	w.apply(catalog.Caller{Principal: lead, Manager: "form"}, `apiVersion: binnacle.dev/v1
kind: Exception
metadata: {name: kiosk, title: "The old kiosk stays until it is switched off"}
spec: {claim: "claim:decisions-reviewed", reason: "212 of 640 kiosks are replaced.", until: "`+day(80)+`", state: requested}
`)
	return w.person("ines", "ines@acme.example")
}

// looked lets the owner look at the page Today, complete a task, and be reminded
// of what falls due.
func (w *world) looked() {
	w.Helper()
	w.page("/")
	w.apply(w.as(), "apiVersion: binnacle.dev/v1\nkind: Task\nmetadata: {name: today}\nspec: {due: "+time.Now().Format(time.DateOnly)+", every: weekly, state: done}\n")
	w.takeIn()
	_, err := w.app.DB.Exec(w.Context(), `INSERT INTO reminders (org, uid, path, day, days, at) VALUES ('default', 'u', 'spec.due', '2026-09-22', 0, 1)`)
	w.must(err)
}

// TestMorning is a CTO's morning in a browser: she reads what is red, decides,
// completes a task, and finds it done.
func TestMorning(t *testing.T) {
	w := newWorld(t, app.Config{})
	ines := w.morning()
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	b := person(t, newBrowser(t), server.URL)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.SetCookie, network.SetCookieParams{Name: "binnacle_session", Value: ines.cookie, Domain: at.Hostname(), Path: "/"})
		return err
	}))
	b.do(chromedp.EmulateViewport(1400, 2000))
	b.open("/")
	b.sees("Waiting for your decision", "Take on a second card acquirer", "Red now", "Every decision is looked at again in time", "Instruments", "93.8", "Next 14 days", "Not to be trusted today")
	b.shot("today-1400")
	b.theme("dark")
	b.open("/")
	b.shot("today-dark")
	b.theme("light")
	b.do(chromedp.EmulateViewport(390, 2400, chromedp.EmulateMobile))
	b.open("/")
	b.eventually("document.documentElement.scrollWidth <= innerWidth", true)
	b.shot("today-390")
	b.do(chromedp.EmulateViewport(1400, 1200))
	b.open("/inbox")
	b.sees("The old kiosk stays")
	b.shot("inbox-1400")
	b.do(on(`button[value=approve]`))
	b.at("/inbox")
	b.sees("is approved", "Done today")
	b.do(on(`button[value=accept]`))
	b.sees("is accepted")
	b.open("/tasks/default/access-review/complete")
	b.fill("#evidence", strings.Repeat("0f", 32))
	b.do(on("main form button"))
	b.at("/tasks/default/access-review")
	w.takeIn()
	b.open("/inbox")
	b.sees("Completed")
	b.shot("inbox-done-1400")
	b.open("/today/changes")
	b.sees("Take on a second card acquirer")
}

// theme lets the system prefer one.
func (b *tab) theme(name string) {
	b.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}); err != nil {
		b.Fatal(err)
	}
}

// TestClaimsAreShownInWords: a number has the unit of the measure it comes from,
// a change in a list is named after its place, and who may not see a page is led
// away from it.
func TestClaimsAreShownInWords(t *testing.T) {
	w := newWorld(t, app.Config{})
	both := func(goodFor string) string {
		return "apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: budget}\nspec: {room: operations, direction: up, unit: \"%\", decimals: 1, typed: {goodFor: 30d}}\n---\n" +
			"apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: kept}\nspec: {room: operations, tests: [{name: said, attest: {goodFor: 90d}}, {name: left, measure: {measure: budget}, must: \">= 25\", maxAge: " + goodFor + "}]}\n"
	}
	w.apply(w.as(), both("8d"))
	_, err := w.app.Claims.Say(w.Context(), catalog.Caller{Principal: w.owner.principal}, entity.NewRef("measure", "", "budget"), claim.Word{Value: 18})
	w.must(err)
	w.settle()
	// The number of a claim is that of the first test that gives one, whatever stands before it.
	w.apply(w.as(), "apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: second}\nspec: {room: operations, tests: [{name: first, records: {from: group, expect: has(metadata.owner)}}, {name: left, measure: {measure: budget}, must: \">= 25\", maxAge: 8d}]}\n")
	w.settle()
	if page := w.page("/claims"); strings.Count(page, ">18.0%<") < 2 || strings.Contains(page, ">18<") {
		t.Errorf("a claim whose first test gives no number:\n%s", page)
	}
	w.apply(w.as(), both("9d"))
	for path, want := range map[string]string{"/measures": ">18.0%<", "/claims": ">18.0%<", "/claims/default/kept": "Tests 2: "} {
		if page := w.page(path); !strings.Contains(page, want) {
			t.Errorf("%s does not say %q:\n%s", path, want, page)
		}
	}
	auditor := w.actors[slices.IndexFunc(w.actors, func(a *actor) bool { return a.name == string(auth.RoleAuditor) })]
	if refused := w.send(auditor, "GET", request{path: "/system"}); refused.Code != http.StatusForbidden || !strings.Contains(refused.Body.String(), `href="/">Go on`) {
		t.Errorf("a page one may not see: %d\n%s", refused.Code, refused.Body)
	}
}
