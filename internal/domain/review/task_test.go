package review_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/people"
	"github.com/binnaclehq/binnacle/internal/domain/review"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

var ctx = context.Background()

// crew are the people of the tests: marta leads payments, ben is in it, eve is
// not.
const crew = `apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments, title: Payments}
spec: {type: team, leader: marta, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: marta, title: Marta Quiroga}
spec: {memberOf: []}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: ben, title: Ben Okafor}
spec: {memberOf: [payments]}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: eve, title: Eve Lind}
spec: {memberOf: []}
`

// newHouse is a house with the crew, who may sign in by their names.
func newHouse(t *testing.T) *webtest.House {
	t.Helper()
	h := webtest.New(t, people.Module(), review.Module())
	for name, role := range map[string]auth.Role{"marta": auth.RoleMember, "ben": auth.RoleMember, "eve": auth.RoleMember, "ines": auth.RoleCTO, "leo": auth.RoleLead} {
		h.Who[name] = auth.Principal{Account: "acc-" + name, Name: name, Org: "default", OrgTitle: "Kestrane", Role: role, UserRef: "user:default/" + name, Via: "web"}
	}
	h.Apply(crew)
	h.Settle()
	return h
}

func as(h *webtest.House, who string) catalog.Caller {
	return catalog.Caller{Principal: h.Who[who], Manager: "form"}
}

func task(name, spec string) string {
	return "---\napiVersion: binnacle.dev/v1\nkind: Task\nmetadata: {name: " + name + ", title: " + strings.ToUpper(name) + "}\nspec: {" + spec + "}\n"
}

func tryApply(h *webtest.House, who, yaml string) error {
	docs, err := h.Catalog.Decode("t.yaml", []byte(yaml))
	if err == nil {
		_, err = h.Catalog.Apply(ctx, as(h, who), docs, catalog.ApplyOptions{})
	}
	return err
}

func patch(h *webtest.House, who, name, spec string) error {
	_, err := h.Catalog.Patch(ctx, as(h, who), entity.NewRef("task", "", name), []byte(`{"spec":{`+spec+`}}`), catalog.UpdateOptions{})
	return err
}

func spec(t *testing.T, h *webtest.House, name string) review.Task {
	t.Helper()
	e, err := h.Catalog.Get(ctx, h.Caller(), entity.NewRef("task", "", name))
	if err != nil {
		t.Fatal(err)
	}
	s, err := catalog.Spec[review.Task](e)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// names lists the tasks there are, with their days and states.
func names(t *testing.T, h *webtest.House) string {
	t.Helper()
	var out []string
	err := h.Catalog.Each(ctx, h.Caller(), catalog.Query{Kinds: []string{"Task"}}, func(e *entity.Entity) error {
		s, err := catalog.Spec[review.Task](e)
		out = append(out, fmt.Sprintf("%s %s %s", e.Metadata.Name, s.Due, s.State))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "\n")
}

func wantFault(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("%s: %v, want %v", what, err, kind)
	}
}

func TestWhoMayComplete(t *testing.T) {
	h := newHouse(t)
	h.Apply(task("team", "assignee: group:payments, due: 2026-09-30, state: open") + task("mine", "assignee: user:ben, state: open") + task("free", "state: open") + task("proved", "assignee: user:ben, needsEvidence: true, state: open"))
	f := func(who, name string, ok bool) {
		t.Helper()
		err := patch(h, who, name, `"state":"done"`)
		if ok && err != nil {
			t.Errorf("%s completes %s: %v", who, name, err)
		} else if !ok {
			wantFault(t, who+" completes "+name, err, fault.Forbidden)
		}
		if ok && err == nil {
			got := spec(t, h, name)
			if want := h.Who[who].UserRef; got.DoneBy != want || got.DoneAt != "2026-09-22T09:30:00Z" || got.DoneOn != "2026-09-22" {
				t.Errorf("%s was completed by %s at %s on %s, want %s", name, got.DoneBy, got.DoneAt, got.DoneOn, want)
			}
			if err := patch(h, who, name, `"state":"open"`); err != nil {
				t.Errorf("%s opens %s again: %v", who, name, err)
			}
			if got := spec(t, h, name); got.DoneBy != "" || got.DoneOn != "" {
				t.Errorf("opened again, %s is still done by %q", name, got.DoneBy)
			}
		}
	}
	f("eve", "team", false)
	f("eve", "mine", false)
	f("marta", "mine", false)
	f("auditor", "free", false)
	f("ben", "team", true)   // in the group, as he says
	f("marta", "team", true) // leads it, as the group says
	f("eve", "free", true)
	f("leo", "mine", true) // a lead may delete tasks
	f("ines", "team", true)

	wantFault(t, "without evidence", patch(h, "ben", "proved", `"state":"done"`), fault.Invalid)
	wantFault(t, "with something that is no digest", patch(h, "ben", "proved", `"state":"done","evidence":"photo.jpg"`), fault.Invalid)
	if err := patch(h, "ben", "proved", `"state":"done","evidence":"`+strings.Repeat("ab", 32)+`"`); err != nil {
		t.Error(err)
	}
	// Nobody says for others who did it.
	if err := patch(h, "ben", "proved", `"doneBy":"user:default/eve","doneOn":"2020-01-01"`); err != nil {
		t.Error(err)
	}
	if got := spec(t, h, "proved"); got.DoneBy != "user:default/ben" || got.DoneOn != "2026-09-22" {
		t.Errorf("the record of a completion was changed: %s on %s", got.DoneBy, got.DoneOn)
	}
}

// TestWhoMayAsk: who is asked cannot be changed by just anybody, so that nobody
// completes a task by taking it first.
func TestWhoMayAsk(t *testing.T) {
	h := newHouse(t)
	if err := tryApply(h, "marta", task("a", "assignee: user:ben, due: 2026-09-30, state: open, requestedBy: user:default/ines")); err != nil {
		t.Fatal(err)
	}
	if got := spec(t, h, "a").RequestedBy; got != "user:default/marta" {
		t.Errorf("asked by %q, want by who made it", got)
	}
	wantFault(t, "eve takes it", patch(h, "eve", "a", `"assignee":"user:eve"`), fault.Forbidden)
	wantFault(t, "eve moves it", patch(h, "eve", "a", `"due":"2027-01-01"`), fault.Forbidden)
	wantFault(t, "eve frees it", patch(h, "eve", "a", `"assignee":null`), fault.Forbidden)
	wantFault(t, "eve drops it", patch(h, "eve", "a", `"state":"dropped"`), fault.Forbidden)
	if err := patch(h, "eve", "a", `"note":"I could help"`); err != nil {
		t.Errorf("eve leaves a note: %v", err)
	}
	for who, change := range map[string]string{"marta": `"due":"2026-10-01"`, "ben": `"due":"2026-10-02"`, "leo": `"due":"2026-10-03"`} {
		if err := patch(h, who, "a", change); err != nil {
			t.Errorf("%s moves it: %v", who, err)
		}
	}
}

// TestSeries: a task that comes back opens its next one when it is completed,
// once, whatever is read again.
func TestSeries(t *testing.T) {
	h := newHouse(t)
	if err := tryApply(h, "marta", task("check", `about: "group:payments", assignee: group:payments, due: 2026-08-31, every: monthly, needsEvidence: true, state: open`)); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	complete := func(name string) {
		t.Helper()
		if err := patch(h, "ben", name, `"state":"done","note":"looked at all","evidence":"`+strings.Repeat("0f", 32)+`"`); err != nil {
			t.Fatal(err)
		}
		h.Settle()
	}
	complete("check") // three weeks late
	if diff := cmp.Diff("check 2026-08-31 done\ncheck-2026-09-30 2026-09-30 open", names(t, h)); diff != "" {
		t.Fatalf("after the first (-want +got):\n%s", diff)
	}
	next := spec(t, h, "check-2026-09-30")
	want := review.Task{About: "group:payments", Assignee: "group:payments", Due: "2026-09-30", Every: "monthly", NeedsEvidence: true, State: "open", RequestedBy: "user:default/marta",
		Series: &review.Series{Root: "check", First: "2026-08-31", Number: 1}}
	if diff := cmp.Diff(want, next); diff != "" {
		t.Errorf("the next task (-want +got):\n%s", diff)
	}
	h.Time = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC) // two times were missed
	complete("check-2026-09-30")
	if got := spec(t, h, "check-2026-12-31"); got.Series.Missed != 2 || got.Series.Number != 4 {
		t.Errorf("the series is %+v, want number 4 after 2 missed", got.Series)
	}
	before := names(t, h)
	h.Replay()
	if got := names(t, h); got != before {
		t.Errorf("read again, the tasks are\n%s\nand were\n%s", got, before)
	}
	complete("check-2026-12-31")
	h.Replay()
	if got := spec(t, h, "check-2026-12-31"); got.State != "done" {
		t.Errorf("read again, a completed task is %s", got.State)
	}
	if n := count(t, h, `SELECT count(*) FROM task_completions`); n != 3 {
		t.Errorf("%d completions are kept, want 3", n)
	}
	for _, statement := range []string{`UPDATE task_completions SET note = 'x'`, `DELETE FROM task_completions`} {
		if _, err := h.DB.Exec(ctx, statement); err == nil {
			t.Errorf("%s was carried out", statement)
		}
	}
	// Another day begins the series anew.
	if err := patch(h, "marta", "check-2027-01-31", `"due":"2027-02-15"`); err != nil {
		t.Fatal(err)
	}
	h.Time = time.Date(2027, 2, 10, 9, 0, 0, 0, time.UTC)
	complete("check-2027-01-31")
	if got := spec(t, h, "check-2027-03-15"); got.Series.Root != "check" || got.Series.Number != 1 {
		t.Errorf("after another day was set the series is %+v", got.Series)
	}
	h.Wants(h.Main("/tasks/default/check"), "Completions", "22 days late", "Ben Okafor", "looked at all", "on time")
}

func count(t *testing.T, h *webtest.House, query string) (n int) {
	t.Helper()
	if err := h.DB.QueryRow(ctx, query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCompletedOnTime: a claim can be made of it, and asked again about a past
// day it gives what it gave.
func TestCompletedOnTime(t *testing.T) {
	h := newHouse(t)
	h.Apply(task("tour", `due: 2026-09-25, every: weekly, state: open`) + task("once", `due: 2026-09-24, state: open`) + task("dropped", `due: 2026-09-01, state: dropped`) + `---
apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: tours, title: Every tour was done on time}
spec:
  room: operations
  tests: [{name: all, records: {from: completions, where: row.series == "tour", expect: row.onTime}}]
`)
	h.Settle()
	ref := entity.NewRef("claim", "", "tours")
	state := func(want claim.State, n int) {
		t.Helper()
		h.Settle()
		v, err := h.Claims.Get(ctx, h.Caller(), ref)
		if err != nil {
			t.Fatal(err)
		}
		if v.State != want || v.Evidence[0].Last.N != n {
			t.Errorf("on %s the claim is %s over %d, want %s over %d: %s", h.Time.Format(time.DateOnly), v.State, v.Evidence[0].Last.N, want, n, v.Why.En)
		}
	}
	state(claim.Unsupported, 0)
	h.Time = time.Date(2026, 9, 25, 20, 0, 0, 0, time.UTC)
	if err := patch(h, "ben", "tour", `"state":"done"`); err != nil {
		t.Fatal(err)
	}
	state(claim.Supported, 1)
	h.Time = time.Date(2026, 10, 3, 8, 0, 0, 0, time.UTC) // the one of 2 October is not done
	state(claim.Contradicted, 2)
	if err := patch(h, "ben", "tour-2026-10-02", `"state":"done"`); err != nil {
		t.Fatal(err)
	}
	state(claim.Contradicted, 2)
	past, err := h.Claims.Replay(ctx, h.Caller(), ref, time.Date(2026, 9, 26, 12, 0, 0, 0, time.UTC))
	if err != nil || len(past) != 1 || past[0].Run.Verdict != claim.Pass || !past[0].Same {
		t.Errorf("asked about 26 September: %+v, %v", past, err)
	}
}

func TestCompletePage(t *testing.T) {
	h := newHouse(t)
	h.Apply(task("team", "about: \"group:payments\", assignee: group:payments, due: 2026-09-20, needsEvidence: true, state: open") + task("easy", "state: open"))
	page := h.Page("/tasks/default/team/complete")
	h.Wants(page, `name="note"`, `name="evidence"`, "required")
	h.Wants(h.Main("/tasks/default/team"), "Complete")
	h.Wants(h.Main("/groups/default/payments"), "Tasks", "TEAM", "20 Sep", "Overdue")
	send := func(who, path string, form url.Values) (int, string) {
		w := h.Post(path, who, form)
		return w.Code, w.Body.String() + w.Header().Get("Location")
	}
	if code, body := send("ben", "/tasks/default/team/complete", url.Values{"note": {"all fine"}}); code != 422 || !strings.Contains(body, "all fine") || !strings.Contains(body, "aria-invalid") {
		t.Errorf("without evidence: %d\n%s", code, webtest.MainText(body))
	}
	if code, _ := send("eve", "/tasks/default/team/complete", url.Values{"evidence": {strings.Repeat("ab", 32)}}); code != 403 {
		t.Errorf("by somebody else: %d", code)
	}
	if code, to := send("ben", "/tasks/default/team/complete", url.Values{"evidence": {strings.Repeat("ab", 32)}, "note": {"all fine"}}); code != 303 || !strings.HasSuffix(to, "/tasks/default/team") {
		t.Errorf("completed: %d %s", code, to)
	}
	h.Settle()
	h.Wants(h.Main("/tasks/default/team"), "Done", "all fine", "2 days late", "abababababab…")
	h.Wants(h.Main("/tasks/default/team/complete"), "not open any more")
	if code, _ := send("ben", "/tasks/default/team/complete", nil); code != 409 {
		t.Errorf("completed twice: %d", code)
	}
	if w := h.Get("/tasks/default/easy/complete", "auditor", lang.English); w.Code != 403 {
		t.Errorf("an auditor sees the form: %d", w.Code)
	}
}
