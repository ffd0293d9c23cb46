package alerts_test

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/domain/operations"
	"github.com/binnaclehq/binnacle/internal/domain/people"
	"github.com/binnaclehq/binnacle/internal/domain/review"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

func house(t *testing.T) (*webtest.House, *alerts.Desk) {
	t.Helper()
	cfg := alerts.Config{Playbooks: playbooks(t)}
	h := webtest.New(t, alerts.Module(cfg), operations.Module(), people.Module(), review.Module())
	return h, alerts.NewDesk(h.Catalog, cfg)
}

// busy is a house with alerts of all sorts.
func busy(t *testing.T) (*webtest.House, *alerts.Desk) {
	t.Helper()
	h, d := house(t)
	h.Apply(catalogue)
	h.Time = webtest.Now.Add(-20 * time.Minute)
	at := h.Time
	a := found("r1", "payments-7d9f5c-x2x1", at.Add(-2*time.Minute), "e1", "e2", "e3")
	b := found("r2", "edge-7", at, "e4")
	b.Rule.Level, b.Rule.Title = "medium", "Console login without second factor"
	if err := d.Take(ctx, []detect.Finding{a, b, found("r1", "web-2", at, "e5")}); err != nil {
		t.Fatal(err)
	}
	h.Time = webtest.Now
	return h, d
}

func TestListPage(t *testing.T) {
	h, _ := house(t)
	h.Wants(h.Main("/alerts"), "No alert is open.", "No alert yet")
	h, _ = busy(t)
	text := h.Main("/alerts")
	h.Wants(text, "2 high alerts wait for somebody, the oldest since 20 min", "AL-1", "Payments", "Critical", "3 alerts")
	h.Lacks(h.Main("/alerts?level=high"), "AL-2")
	h.Wants(h.Main("/alerts?q=edge"), "Console login", "1 alert")
	h.Wants(h.Main("/alerts?asset=component%3Adefault%2Fpayments"), "AL-1", "1 alert")
	h.Wants(h.Main("/alerts?assignee=me"), "No alert fits")
	h.Wants(h.Main("/alerts?host=edge-7"), "Host edge-7", "AL-2", "1 alert")
	if body := h.Get("/alerts?host=edge-7", "owner", lang.English).Body.String(); !strings.Contains(body, `<input type="hidden" name="host" value="edge-7">`) {
		t.Error("another filter would drop the host")
	}
	h.Wants(h.Main("/alerts?from=yesterday"), "That is no day")
	form := url.Values{"no": {"AL-1", "AL-2"}, "act": {"close"}, "disposition": {"benign"}, "reason": {"A test."}, "next": {"/alerts?state=all"}}
	if w := h.Post("/alerts/bulk", "auditor", form); w.Code != 403 {
		t.Errorf("an auditor closed alerts: %d", w.Code)
	}
	if w := h.Post("/alerts/bulk", "owner", form); w.Code != 303 || w.Header().Get("Location") != "/alerts?state=all" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	h.Wants(h.Main("/alerts"), "1 alert", "AL-3")
	h.Wants(h.Main("/alerts?state=closed"), "2 alerts", "Benign")
	if w := h.Post("/alerts/bulk", "owner", url.Values{"no": {"AL-3"}, "act": {"close"}, "disposition": {"true"}}); w.Code != 422 {
		t.Errorf("an alert was closed without a reason: %d", w.Code)
	}
	if w := h.Post("/alerts/AL-3/suppress", "owner", url.Values{"until": {"2026-10-01"}, "reason": {"Known."}, "what": {"group"}}); w.Code != 303 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	h.Wants(h.Main("/alerts"), "Suppressed", "Known.")
	if w := h.Post("/alerts/suppressions/1/end", "owner", nil); w.Code != 303 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	h.Lacks(h.Main("/alerts"), "Known.")
}

func TestAlertPage(t *testing.T) {
	h, _ := busy(t)
	text := h.Main("/alerts/AL-1")
	h.Wants(text, "A shell is connected to a far host", "3 events between", "payments-7d9f5c-x2x1", "bash -i", "Cut the host off", "Keep its memory", "payments is of tier 1", "Leila Haddad", "T1059.004", "This rule: 2 alerts in 90 days", "waits")
	if w := h.Get("/alerts/AL-99", "owner", lang.English); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
	if w := h.Get("/alerts/nonsense", "owner", lang.English); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
	h.Lacks(webtest.MainText(h.Get("/alerts/AL-1", "auditor", lang.English).Body.String()), "Close with reason")
	post := func(path string, form url.Values) {
		t.Helper()
		if w := h.Post(path, "owner", form); w.Code != 303 {
			t.Errorf("%s: %d %s", path, w.Code, webtest.MainText(w.Body.String()))
		}
	}
	post("/alerts/AL-1/answer", url.Values{"question": {"Cut the host off"}, "answer": {"Done at 9:20."}})
	post("/alerts/AL-1/act", url.Values{"act": {"comment"}, "reason": {"The <b>host</b> is off."}})
	h.Wants(h.Main("/alerts/AL-1"), "Commented", "Inés Valcárcel: The <b>host</b> is off.")
	post("/alerts/AL-1/act", url.Values{"act": {"take"}})
	post("/alerts/AL-1/act", url.Values{"act": {"start"}})
	h.Wants(h.Main("/alerts/AL-1"), "Done at 9:20.", "In work", "Inés Valcárcel", "after 20 min")
	post("/alerts/AL-1/act", url.Values{"act": {"move"}, "case": {"new"}})
	h.Wants(h.Main("/alerts/AL-1"), "In case C-1")
	post("/alerts/AL-1/act", url.Values{"act": {"close"}, "disposition": {"true"}, "reason": {"Somebody came in."}})
	h.Wants(h.Main("/alerts/AL-1"), "True", "Somebody came in.", "Open again")
}

// An alert leads to its rule and its techniques, and asks for a reason before it
// is sent.
func TestAlertLeads(t *testing.T) {
	cfg := alerts.Config{Playbooks: playbooks(t), Rule: func(_ context.Context, _, id string) string {
		if id == "r1" {
			return "title: A shell is connected to a far host"
		}
		return ""
	}}
	h := webtest.New(t, alerts.Module(cfg), operations.Module(), people.Module(), review.Module())
	if err := alerts.NewDesk(h.Catalog, cfg).Take(ctx, []detect.Finding{found("r1", "web-1", h.Time, "e1"), found("gone", "web-2", h.Time, "e2")}); err != nil {
		t.Fatal(err)
	}
	body := h.Get("/alerts/AL-1", "owner", lang.English).Body.String()
	h.Wants(body, `href="/detections/r1"`, `href="/attack/T1059.004"`, `id="close-why" name="reason" maxlength="500" autocomplete="off" required`)
	h.Lacks(h.Get("/alerts/AL-2", "owner", lang.English).Body.String(), `href="/detections/gone"`)
	h.Lacks(h.Get("/alerts", "owner", lang.English).Body.String(), `autocomplete="off" required`) // the form has other buttons
}

func TestCasePage(t *testing.T) {
	h, d := busy(t)
	h.Page("/cases/open?alerts=AL-1")
	w := h.Post("/cases/open", "owner", url.Values{"alerts": {"AL-1, AL-2"}, "title": {"A shell on payments"}, "severity": {"high"}, "playbook": {"malware"}, "description": {"Somebody came in."}})
	if w.Code != 303 || w.Header().Get("Location") != "/cases/default/C-1" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := h.Post("/cases/open", "owner", url.Values{"severity": {"high"}}); w.Code != 422 || !strings.Contains(w.Body.String(), "A case needs a title.") {
		t.Errorf("%d", w.Code)
	}
	text := h.Main("/cases/default/C-1")
	h.Wants(text, "A shell on payments", "Detected", "2 min after the first event", "limit 1 h", "AL-1 fires.", "Payments", "Not known yet", "0 of", "Cut the hosts off the network", "Kept events: 0. All are as they were written.", "Every affected asset has a verdict")
	post := func(what string, form url.Values) {
		t.Helper()
		if w := h.Post("/cases/default/C-1/"+what, "owner", form); w.Code != 303 {
			t.Errorf("%s: %d %s", what, w.Code, webtest.MainText(w.Body.String()))
		}
	}
	post("entry", url.Values{"text": {"He **came in** by the kiosk."}, "side": {"them"}, "happened": {"2026-09-22T09:00"}})
	post("entry", url.Values{"text": {"By payments."}, "side": {"them"}, "corrects": {"#5"}})
	post("scope", url.Values{"n": {"0"}, "verdict": {"compromised"}})
	post("scope", url.Values{"asset": {"The old laptop"}, "what": {"stolen"}})
	post("phase", url.Values{"phase": {"contained"}, "note": {"Cut off."}})
	post("task", url.Values{"task": {"task:default/c-1-malware-1"}, "done": {"1"}})
	if _, err := d.Pin(ctx, h.Caller(), "C-1", "", []*alerts.Pinned{{Event: "e1", Time: webtest.Now, Source: "linux", Line: `{"source.ip":"203.0.113.77","message":"from 198.51.100.7"}`}}); err != nil {
		t.Fatal(err)
	}
	post("indicator", url.Values{"type": {"address"}, "value": {"203.0.113.77"}})
	text = h.Main("/cases/default/C-1")
	h.Wants(text, "came in by the kiosk", "corrected by", "Compromised", "The old laptop", "Cut off.", "1 of 10 done", "203.0.113.77", "198.51.100.7", "Kept events: 1.")
	h.Lacks(h.Main("/cases/default/C-1?side=us"), "came in by the kiosk")
	h.Wants(h.Main("/cases/default/C-1/report"), "Report of C-1", "Chain of custody", "By payments.")
	if w := h.Get("/cases/default/C-1/report?format=md", "owner", lang.Spanish); !strings.HasPrefix(w.Body.String(), "# C-1: A shell on payments") || !strings.Contains(w.Body.String(), "## Cronología") {
		t.Errorf("%s", w.Body)
	}
	w = h.Post("/cases/default/C-1/close", "owner", url.Values{"lesson": {"Learned."}})
	if w.Code != 422 {
		t.Errorf("a case was closed: %d", w.Code)
	}
	h.Wants(webtest.MainText(w.Body.String()), "cannot be closed yet", "open tasks")
	post("closealerts", url.Values{"disposition": {"true"}, "reason": {"It was one."}})
	post("split", url.Values{"no": {"AL-2"}, "title": {"The kiosk"}})
	post("merge", url.Values{"into": {"C-2"}, "reason": {"After all."}})
	h.Wants(h.Main("/cases/default/C-1"), "Merged into C-2")
	h.Wants(h.Main("/cases/default/C-2"), "from C-1 #")
	h.Page("/cases")
	h.Wants(h.Main("/components/default/payments"), "Alerts and cases", "The kiosk")
	if w := h.Post("/cases/default/C-2/pin", "owner", url.Values{"event": {"e9"}}); w.Code != 503 {
		t.Errorf("an event was pinned without a store: %d", w.Code)
	}
	if w := h.Post("/cases/default/C-2/entry", "auditor", url.Values{"text": {"x"}}); w.Code != 403 {
		t.Errorf("an auditor wrote: %d", w.Code)
	}
	h.Page("/cases/default/C-2?elsewhere=1")
}

// Events that one act kept are one entry of the timeline, and the rest of many is
// folded away.
func TestManyPins(t *testing.T) {
	h, d := busy(t)
	name, err := d.OpenCase(ctx, h.Caller(), alerts.Opening{Alerts: []int64{1}})
	if err != nil {
		t.Fatal(err)
	}
	pin := func(source string, n int) {
		t.Helper()
		var list []*alerts.Pinned
		for i := range n {
			list = append(list, &alerts.Pinned{Event: source + "-" + strconv.Itoa(i), Time: webtest.Now.Add(time.Duration(i-60) * time.Minute), Source: source, Line: `{"n":"` + strconv.Itoa(i) + `"}`})
		}
		if _, err := d.Pin(ctx, h.Caller(), name, "What it did.", list); err != nil {
			t.Fatal(err)
		}
	}
	pin("linux", 12)
	h.Time = h.Time.Add(time.Minute)
	pin("okta", 1)
	body := h.Get("/cases/default/"+name, "owner", lang.English).Body.String()
	text := webtest.MainText(body)
	h.Wants(text, "12 events of linux kept", "Event of okta kept: okta-0", "Kept events: 13.", "Show the other 3 kept events")
	h.Lacks(text, "Event of linux kept")
	h.Wants(h.Main("/cases/default/"+name+"/report"), "–#14, Inés Valcárcel) 12 events of linux kept", "linux-0", "linux-11")
	for _, one := range []string{`<li class="tl tl-them"`, "What it did."} {
		if n := strings.Count(body, one); n != 2 {
			t.Errorf("%q is on the page %d times, want 2", one, n)
		}
	}
	for no := 1; no <= 15; no++ {
		if n := strings.Count(body, `id="entry-`+strconv.Itoa(no)+`"`); n > 1 || n == 0 && strings.Contains(body, "#"+strconv.Itoa(no)+" ") {
			t.Errorf("entry %d is at %d places", no, n)
		}
	}
}

// Times are in the reader's zone: their own, else that of the organisation.
func TestReadersZone(t *testing.T) {
	h, d := busy(t)
	name, err := d.OpenCase(ctx, h.Caller(), alerts.Opening{Alerts: []int64{1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pin(ctx, h.Caller(), name, "", []*alerts.Pinned{{Event: "e1", Time: webtest.Now, Source: "linux", Line: `{}`}}); err != nil {
		t.Fatal(err)
	}
	var own *time.Location
	h.App.Zone = func(context.Context, auth.Principal) (*time.Location, error) { return own, nil }
	for _, x := range []struct{ zone, own, want string }{{"", "", "UTC"}, {"Europe/Madrid", "", "CEST"}, {"Europe/Madrid", "Asia/Tokyo", "JST"}} {
		own = nil
		if x.own != "" {
			if own, err = time.LoadLocation(x.own); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := h.DB.Exec(ctx, `DELETE FROM auth_orgs`); err != nil {
			t.Fatal(err)
		}
		if _, err := h.DB.Exec(ctx, `INSERT INTO auth_orgs (id, title, home, created, zone) VALUES ('default', 'Kestrane', 1, 0, ?)`, x.zone); err != nil {
			t.Fatal(err)
		}
		for _, page := range []string{"/alerts/AL-1", "/cases/default/" + name} {
			text := h.Main(page)
			h.Wants(text, x.want)
			for _, other := range []string{"UTC", "CEST", "JST"} {
				if other != x.want && strings.Contains(text, ":00 "+other) {
					t.Errorf("%s for %s, %s: a time is in %s", page, x.zone, x.own, other)
				}
			}
		}
	}
}

// TestReportIsWhole: the report of a case leaves no alert out.
func TestReportIsWhole(t *testing.T) {
	h, d := house(t)
	const many = 1002 // more than are read at a time
	var list []detect.Finding
	for i := range many {
		list = append(list, found("r1", fmt.Sprint("web-", i), webtest.Now, fmt.Sprint("e", i)))
	}
	if err := d.Take(ctx, list); err != nil {
		t.Fatal(err)
	}
	name, err := d.OpenCase(ctx, h.Caller(), alerts.Opening{Title: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.DB.Exec(ctx, `UPDATE alerts SET case_name = ?`, name); err != nil {
		t.Fatal(err)
	}
	body := h.Get("/cases/default/"+name+"/report?format=md", "owner", lang.English).Body.String()
	if got := strings.Count(body, "| AL-"); got != many {
		t.Errorf("%d of %d alerts are in the report", got, many)
	}
}

// What waits and what happened is on the pages of the morning.
func TestMorning(t *testing.T) {
	h, d := busy(t)
	h.Who["ciso"] = auth.Principal{Account: "a3", Name: "Leila Haddad", Org: "default", OrgTitle: "Kestrane", Home: true, Role: auth.RoleCISO, UserRef: "user:default/leila", Via: "web"}
	h.Who["lead"] = auth.Principal{Account: "a4", Name: "Ben", Org: "default", Role: auth.RoleLead, UserRef: "user:default/ben", Via: "web"}
	inbox := func(who string) string {
		t.Helper()
		return webtest.MainText(h.Get("/inbox", who, lang.English).Body.String())
	}
	h.Wants(inbox("ciso"), "(AL-1)", "(AL-3)", "Nobody has acknowledged it.", "Take")
	h.Lacks(inbox("ciso"), "(AL-2)") // of medium severity
	h.Lacks(inbox("lead"), "AL-1")
	h.Lacks(inbox("owner"), "AL-1")
	h.Apply("apiVersion: binnacle.dev/v1\nkind: OnCall\nmetadata: {name: security}\nspec: {people: [\"user:leila\"], every: 1w, start: \"2026-09-21\", handOver: \"09:00\", zone: UTC, from: high}\n")
	h.Wants(inbox("ciso"), "you are on call")
	h.Wants(h.Main("/oncalls/default/security"), "Who is on call", "Leila Haddad", "now")
	if w := h.Post("/inbox/act", "ciso", url.Values{"item": {"alerts~~AL-1"}, "act": {"take"}}); w.Code != 303 {
		t.Errorf("%d %s", w.Code, webtest.MainText(w.Body.String()))
	}
	h.Wants(inbox("ciso"), "It is yours.")
	name, err := d.OpenCase(ctx, catalog.Caller{Principal: h.Who["ciso"], Manager: "test"}, alerts.Opening{Alerts: []int64{1}})
	if err != nil {
		t.Fatal(err)
	}
	h.Lacks(inbox("ciso"), name)
	h.Time = h.Time.Add(3 * time.Hour)
	h.Wants(inbox("ciso"), name+": A shell", "It should be contained by now.")
	h.Wants(h.Main("/cases/default/"+name), "limit 30 min")
	h.Apply("apiVersion: binnacle.dev/v1\nkind: ResponseTarget\nmetadata: {name: calm}\nspec: {severity: critical, contained: 4h}\n")
	h.Lacks(inbox("ciso"), name)
	h.Wants(h.Main("/cases/default/"+name), "limit 4 h")
	if _, err := d.Do(ctx, catalog.Caller{Principal: h.Who["ciso"], Manager: "test"}, []int64{3}, alerts.Act{Do: alerts.Close, Disposition: alerts.Benign, Reason: "Planned."}); err != nil {
		t.Fatal(err)
	}
	h.Wants(inbox("ciso"), "Closed")
	text := webtest.MainText(h.Get("/today/changes?since=week", "ciso", lang.English).Body.String())
	h.Wants(text, "AL-1: A shell is connected to a far host", "C-1: A shell", "benign")
}

// Of two people with the same page of a case, the second does not move the time
// at which the first reached a phase, nor what was closed meanwhile.
func TestCaseMeanwhile(t *testing.T) {
	h, d := busy(t)
	name, err := d.OpenCase(ctx, h.Caller(), alerts.Opening{Title: "A shell", Severity: "high", Alerts: []int64{1}})
	if err != nil {
		t.Fatal(err)
	}
	path := "/cases/default/" + name
	h.Wants(h.Get(path, "owner", lang.English).Body.String(), `name="was" value="acknowledged"`, `<option value="contained" selected>`, `name="of" value="component:default/payments"`)
	post := func(what string, code int, pairs ...string) {
		t.Helper()
		form := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		if w := h.Post(path+what, "owner", form); w.Code != code {
			t.Errorf("%s %v: %d %s", what, pairs, w.Code, webtest.MainText(w.Body.String()))
		}
	}
	contained := func() string {
		t.Helper()
		e, err := h.Catalog.Get(ctx, h.Caller(), entity.NewRef("case", "", name))
		if err != nil {
			t.Fatal(err)
		}
		s, err := catalog.Spec[alerts.Case](e)
		if err != nil {
			t.Fatal(err)
		}
		return s.ContainedAt
	}
	post("/phase", 303, "was", "acknowledged", "phase", "contained")
	at := contained()
	h.Time = h.Time.Add(time.Hour)
	post("/phase", 409, "was", "acknowledged", "phase", "contained")
	post("/phase", 409, "was", "contained", "phase", "contained")
	if got := contained(); got != at || at == "" {
		t.Errorf("it was contained at %s, and is at %s", at, got)
	}
	post("/phase", 303, "was", "contained", "phase", "recovered")
	h.Wants(h.Get(path, "owner", lang.English).Body.String(), `<option value="recovered" selected>`)
	post("/phase", 409, "was", "contained", "phase", "removed")
	post("/close", 409, "was", "contained", "step", "close")
	post("/scope", 409, "n", "0", "of", "component:default/another", "verdict", "safe")
	post("/scope", 303, "n", "0", "of", "component:default/payments", "verdict", "safe")
}
