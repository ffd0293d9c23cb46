package review_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/people"
	"github.com/binnaclehq/binnacle/internal/domain/review"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

// an organisation with something of everything.
const busy = `---
apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: leads, title: Every group has a lead, owner: "group:payments"}
spec: {room: operations, tests: [{name: lead, title: Groups without a lead, records: {from: group, expect: has(spec.leader)}}]}
---
apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: tested, title: Somebody tests us, owner: "user:marta"}
spec: {room: security, tests: [{name: report, title: The report, attest: {goodFor: 30d}}]}
---
apiVersion: binnacle.dev/v1
kind: Measure
metadata: {name: heads, title: People here, owner: "user:marta"}
spec: {room: people, unit: people, direction: up, target: 3, pinned: 1, records: {from: user, value: count}}
---
apiVersion: binnacle.dev/v1
kind: Measure
metadata: {name: mood, title: Mood, owner: "user:marta"}
spec: {room: people, decimals: 1, direction: up, target: 7, limit: 6, pinned: 2, typed: {goodFor: 10d}}
---
apiVersion: binnacle.dev/v1
kind: Task
metadata: {name: tour, title: Walk through the server room}
spec: {assignee: "user:marta", due: "2026-09-20", state: open}
---
apiVersion: binnacle.dev/v1
kind: Task
metadata: {name: far, title: Far away}
spec: {assignee: "user:marta", due: "2027-09-20", state: open}
---
apiVersion: binnacle.dev/v1
kind: Task
metadata: {name: soon, title: Sign the form}
spec: {assignee: "group:payments", due: "2026-09-25", needsEvidence: true, state: open}
`

func busyHouse(t *testing.T) *webtest.House {
	t.Helper()
	h := newHouse(t)
	h.Time = webtest.Now.AddDate(0, 0, -30)
	h.Apply(busy)
	h.Settle()
	if _, err := h.Claims.Say(ctx, as(h, "marta"), entity.NewRef("measure", "", "mood"), claim.Word{Value: 6.4}); err != nil {
		t.Fatal(err)
	}
	h.Time = webtest.Now.Add(-16 * time.Hour)
	h.Settle()
	h.Get("/", "marta", lang.English) // she looked in the evening before
	h.Time = webtest.Now.Add(-2 * time.Hour)
	h.Apply("apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: crew, title: Crew}\nspec: {type: team, children: []}\n")
	if err := tryApply(h, "ben", "apiVersion: binnacle.dev/v1\nkind: Exception\nmetadata: {name: later, title: The crew has no lead yet}\nspec: {claim: \"claim:leads\", reason: She starts in October., until: \"2026-10-31\", state: requested}\n"); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	h.Time = webtest.Now
	h.Settle()
	return h
}

// text is the main part of a page as somebody reads it, sound in both languages.
func text(t *testing.T, h *webtest.House, path, who string) string {
	t.Helper()
	body := ""
	for _, code := range []lang.Code{lang.Spanish, lang.English} {
		w := h.Get(path, who, code)
		if body = w.Body.String(); w.Code != http.StatusOK {
			t.Fatalf("GET %s as %s in %s: %d\n%s", path, who, code, w.Code, webtest.MainText(body))
		}
		for _, p := range webtest.Faults(body) {
			t.Errorf("GET %s as %s in %s: %s", path, who, code, p)
		}
	}
	return webtest.MainText(body)
}

func TestTodayFull(t *testing.T) {
	h := busyHouse(t)
	got := text(t, h, "/", "marta")
	h.Wants(got, "Tuesday 22 September", "Since you left yesterday at 17:30, one claim changed state. One decision waits for you. Four things are yours to do.",
		"Waiting for your decision", "The crew has no lead yet", "Ben Okafor", "She starts in October.", "Approve", "Refuse",
		"Yours to do", "Walk through the server room", "since 20 Sep", "Complete", "Sign the form", "It is assigned to Payments.",
		"Red now", "Every group has a lead", "Payments (yours). Groups without a lead: 1 of 2 does not meet it.",
		"Changed since you left yesterday at 17:30", "supported contradicted Payments",
		"Instruments", "Operations", "People", "2 claims", "People here", "3 people", "target 3 people", "Mood", "6.4", "Stale", "29 days old", "word of Marta Quiroga", "Security", "1 claim", "No measure is an instrument of this room.",
		"Next 14 days", "Task Sign the form", "Not to be trusted today", "1 without evidence, 1 stale", "Somebody tests us", "The report: nobody has attested it.", "As a brief", "WAITING FOR YOU")
	h.Lacks(got, "Far away", "Delivery")
	page := h.Get("/", "marta", lang.English).Body.String()
	h.Wants(page, `data-copy-from="brief"`, `aria-current="page">`, `<form class="feed-acts" method="post" action="/inbox/act">`, `value="exceptions~exception:default/later"`, `href="/tasks/default/soon/complete"`,
		`<i class="p-ok" style="--n:1">`, `class="day-item day-decide"`, `Inbox<span class="nav-count is-warn">5`)

	h.Wants(text(t, h, "/", "eve"), "In the last seven days one claim changed state. One decision waits for you.")
	got = text(t, h, "/", "auditor")
	h.Wants(got, "Exceptions", "The crew has no lead yet", "until 31 Oct", "Asked for", "Not to be trusted today")
	h.Lacks(got, "Waiting for your decision")
	if a, b := strings.Index(got, "Not to be trusted"), strings.Index(got, "Instruments"); a > b {
		t.Error("an auditor reads the evidence after the instruments")
	}
}

func TestTodayEmpty(t *testing.T) {
	h := webtest.New(t, people.Module(), review.Module())
	h.Wants(text(t, h, "/", "owner"), "First steps", "New claim", "Groups 0")
	h.Apply(crew)
	got := text(t, h, "/", "owner")
	h.Wants(got, "In the last seven days nothing changed. Nothing waits for you.", "No claims yet.", "Write a claim", "Nothing changed that is worth a line.", "Nothing falls due.")
	h.Lacks(got, "Instruments", "Not to be trusted")
	h.Wants(text(t, h, "/inbox", "owner"), "Nothing waits for you.", "linked to no person of the catalog")
	h.Wants(text(t, h, "/today/changes", "owner"), "Nothing changed that is worth a line.", "0 changes, net")
}

// A part that fails says so in its place, and the rest stands.
func TestTodayFailing(t *testing.T) {
	h := busyHouse(t)
	if _, err := h.DB.Exec(ctx, `DROP TABLE due`); err != nil {
		t.Fatal(err)
	}
	got := text(t, h, "/", "marta")
	h.Wants(got, "This could not be found out just now.", "Every group has a lead", "People here", "The crew has no lead yet")
	if _, err := h.DB.Exec(ctx, `DROP TABLE claim_turns`); err != nil {
		t.Fatal(err)
	}
	h.Wants(text(t, h, "/", "marta"), "it is not known what changed.")
	h.Wants(text(t, h, "/inbox", "marta"), "This could not be found out just now.", "Walk through the server room")
}

func TestInbox(t *testing.T) {
	h := busyHouse(t)
	h.Wants(text(t, h, "/inbox", "marta"), "5 things wait for you. 2 are overdue.", "Exceptions to decide on 1", "Tasks 2", "Your word is asked for 2", "It holds", "The typed number has run out.")
	send := func(who, item, act string) (int, string) {
		t.Helper()
		w := h.Post("/inbox/act", who, url.Values{"item": {item}, "act": {act}, "next": {"/inbox"}})
		return w.Code, w.Header().Get("Location")
	}
	if code, _ := send("ben", "exceptions~exception:default/later", "approve"); code != http.StatusNotFound {
		t.Errorf("who asked decides: %d", code)
	}
	if code, _ := send("eve", "tasks~task:default/tour", "complete"); code != http.StatusNotFound {
		t.Errorf("another's task: %d", code)
	}
	for item, act := range map[string]string{"exceptions~exception:default/later": "approve", "tasks~task:default/tour": "complete", "words~claim:default/tested~report": "attest"} {
		if code, to := send("marta", item, act); code != http.StatusSeeOther || to != "/inbox" {
			t.Errorf("%s %s: %d %s", act, item, code, to)
		}
	}
	h.Settle()
	got := text(t, h, "/inbox", "marta")
	h.Wants(got, "Done today 3", "Completed", "Approved", "Attested", "Sign the form")
	h.Lacks(got, "Approve ", "It holds")
}

func TestChanges(t *testing.T) {
	h := busyHouse(t)
	h.Wants(text(t, h, "/today/changes", "marta"), "1 change, net, since yesterday at 17:30.", "Tuesday 22 September", "Every group has a lead", "07:30")
	h.Wants(text(t, h, "/today/changes?since=month", "marta"), "30 days")
	h.Wants(text(t, h, "/today/changes?since=nonsense", "marta"), "Since you left")
}
