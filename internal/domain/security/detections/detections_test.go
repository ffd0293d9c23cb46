package detections

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/domain/people"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

func TestExamples(t *testing.T) {
	catalogtest.Examples(t, catalog.NewKinds(append(Module(Config{}).Kinds, people.Module().Kinds...)...))
}

// house is an installation with detection over a store of events.
type house struct {
	*webtest.House
	engine *live.Engine
	jobs   *live.Jobs
	told   []detect.Finding
}

func newHouse(t *testing.T) *house {
	t.Helper()
	store, err := logs.OpenEmbedded(logs.Options{Folder: t.TempDir(), Tenants: logs.TenantMap{"default": 1}, FreeBytes: 1, Keep: 10 * 365 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{}
	jobs := live.NewJobs()
	h.jobs = jobs
	t.Cleanup(func() { jobs.Stop(); store.Close() })
	// The engine and the pages need each other's house: what is given to the
	// engine is filled in once the house stands.
	cfg := live.Config{Store: store, Builtin: content.Detections, Root: "detections", Now: func() time.Time { return h.Time },
		Choices: func(ctx context.Context, org string) (live.Choices, error) { return Choices(h.Catalog)(ctx, org) },
		Indicators: func(ctx context.Context, org string, f func(live.Indicator) error) error {
			return Indicators(h.DB, func() time.Time { return h.Time })(ctx, org, f)
		},
		Sink: func(_ context.Context, list []detect.Finding) error { h.told = append(h.told, list...); return nil }}
	h.engine = live.New(cfg)
	h.House = webtest.New(t, Module(Config{Engine: h.engine, Jobs: jobs}), people.Module())
	h.engine.UseDB(h.DB)
	return h
}

// come has events come in.
func (h *house) come(events ...event.Event) {
	h.Helper()
	ctx := context.Background()
	if err := h.engine.Refresh(ctx, true); err != nil {
		h.Fatal(err)
	}
	err := h.engine.Look(ctx, "default", events)
	if err == nil {
		err = h.engine.Store.Add(ctx, "default", events)
	}
	if err == nil {
		err = h.engine.Store.Flush(ctx)
	}
	if err != nil {
		h.Fatal(err)
	}
}

func stopLogging(id string, at time.Time, user string) event.Event {
	return event.Event{ID: id, Time: at, Source: "aws", Line: []byte(`{"eventVersion":"1.09","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","userIdentity":{"type":"IAMUser","userName":"` + user + `"},"sourceIPAddress":"198.51.100.7"}`)}
}

// ended waits for a look into the past and returns its page.
func (h *house) ended(w *httptest.ResponseRecorder) string {
	h.Helper()
	path := w.Header().Get("Location")
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(path, "/detections/past/") {
		h.Fatalf("the form is answered with %d and leads to %q\n%s", w.Code, path, webtest.MainText(w.Body.String()))
	}
	for range 200 {
		if text := h.Main(path); !strings.Contains(text, "Running") {
			return text
		}
		time.Sleep(20 * time.Millisecond)
	}
	h.Fatal("it does not end")
	return ""
}

const stopped = "aws-cloudtrail-stopped"

func (h *house) idOf(title string) string {
	h.Helper()
	lib, err := h.engine.Library()
	if err != nil {
		h.Fatal(err)
	}
	for _, d := range lib.Documents {
		if strings.Contains(d.Head().File, title+"/") {
			return d.Key
		}
	}
	h.Fatalf("there is no rule in %s", title)
	return ""
}

func TestList(t *testing.T) {
	h := newHouse(t)
	h.come(stopLogging("e1", h.Time.Add(-time.Hour), "ana"))
	text := h.Main("/detections")
	h.Wants(text, "Rules that run", "Found something in 30 days 1", "Built in", "hits,")
	h.Wants(h.Main("/detections?show=fired"), "1 rule")
	h.Wants(text, "rules only feed correlations and are not listed.")
	h.Lacks(text, "Feeds a correlation")
	feeds := h.Main("/detections?show=feeds")
	h.Wants(feeds, "Feeds a correlation")
	h.Lacks(feeds, "are not listed")
	h.Wants(h.Main("/detections?show=all"), "Feeds a correlation")
	h.Wants(h.Main("/detections?q=zzz"), "No rule is like that")
	h.Wants(h.Main("/detections?tactic=credential-access&level=high"), "Credential Access")
	if w := h.Get("/detections", "auditor", lang.Spanish); w.Code != 200 || !strings.Contains(w.Body.String(), "Incluida") {
		t.Errorf("an auditor reads the list with %d", w.Code)
	}
	h.Lacks(h.Main("/detections"), "Prove the rules")
	h.Wants(h.Main("/detections/"+h.idOf("ssh-brute-force")), "SSH sign-in refused")
	lib, err := h.engine.Library()
	if err != nil {
		t.Fatal(err)
	}
	h.Wants(h.Main(hrefOf(lib.Document("ssh_brute_force").Key)), "Many SSH sign-ins refused", "Grouped by source.ip Window 5m", "It counts what these rules match: SSH sign-in refused")
}

// TestTune: an exception takes events away once it is saved, and its preview says
// which before.
func TestTune(t *testing.T) {
	h := newHouse(t)
	h.come(stopLogging("e1", h.Time.Add(-2*time.Hour), "ana"), stopLogging("e2", h.Time.Add(-time.Hour), "eve"))
	id := h.idOf(stopped)
	path := hrefOf(id)
	h.Wants(h.Main(path), "Critical", "StopLogging", "What it would find", "Findings in 30 days", "Moving to a trail")
	form := url.Values{"title": {"The migration"}, "when": {"userIdentity.userName: ana"}, "until": {"2026-12-31"}, "reason": {"Trails move"}, "level": {"high"}}
	h.Wants(h.ended(h.Post(actOf(id)+"/preview", "owner", form)), "What would change", "Events 2 1", "No longer found e1", "Newly found Nothing.")
	if row := (hitRow{ID: "e1", Time: h.Time.Add(-2 * time.Hour)}); !strings.Contains(h.Get("/detections/past/"+h.jobs.Of("default")[0].ID, "owner", lang.English).Body.String(), `<a href="`+html.EscapeString(row.Href())+`">`) {
		t.Error("an event that matches leads nowhere")
	}
	w := h.Post(actOf(id)+"/tune", "owner", form)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("saving is answered with %d: %s", w.Code, webtest.MainText(w.Body.String()))
	}
	h.Wants(h.Main(path), "High", "The migration", "Counts", "Trails move", "31 Dec", "How it was tuned")
	h.told = nil
	h.come(stopLogging("e3", h.Time, "ana"), stopLogging("e4", h.Time, "eve"))
	if len(h.told) != 1 || h.told[0].Rule.Level != "high" || h.told[0].Events[0].ID != "e4" || h.told[0].Rule.Detection == "" {
		t.Errorf("told %+v", h.told)
	}
	h.Time = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	h.told = nil
	if err := h.engine.Refresh(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := h.engine.Look(t.Context(), "default", []event.Event{stopLogging("e5", h.Time, "ana")}); err != nil {
		t.Fatal(err)
	}
	if len(h.told) != 1 {
		t.Errorf("an exception that ran out still counts")
	}
	h.Wants(h.Main("/detections"), "1 exception has run out.", "The migration, 31 Dec")
	bad := h.Post(actOf(id)+"/tune", "owner", url.Values{"title": {"x"}, "when": {"a|nope: 1"}, "reason": {"y"}})
	if bad.Code != 422 && bad.Code != 400 {
		t.Errorf("a wrong exception is answered with %d", bad.Code)
	}
	h.Wants(webtest.MainText(bad.Body.String()), "Events it does not look at: ", "nope")
	bad = h.Post(actOf(id)+"/tune", "owner", url.Values{"when": {"a: 1"}, "reason": {"y"}})
	h.Wants(webtest.MainText(bad.Body.String()), "What: is required")
}

// A page of an hour ago does not undo what another decided since, nor removes
// another exception than the one it shows.
func TestTunedMeanwhile(t *testing.T) {
	h := newHouse(t)
	id := h.idOf(stopped)
	exception := func(title, rev string) url.Values {
		return url.Values{"rev": {rev}, "title": {title}, "when": {"userIdentity.userName: ana"}, "reason": {"Trails move"}}
	}
	saved := func(form url.Values) {
		t.Helper()
		if w := h.Post(actOf(id)+"/tune", "owner", form); w.Code != http.StatusSeeOther {
			t.Fatalf("saving is answered with %d: %s", w.Code, webtest.MainText(w.Body.String()))
		}
	}
	refused := func(what string, form url.Values) {
		t.Helper()
		w := h.Post(actOf(id)+what, "owner", form)
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%v is answered with %d", form, w.Code)
		}
		h.Wants(webtest.MainText(w.Body.String()), "The rule was tuned meanwhile. Look at how it is tuned now, and save again.")
	}
	untuned := exception("From a page that knew no tuning", "0")
	saved(exception("The migration", "0"))
	refused("/tune", untuned)
	refused("/preview", untuned)
	saved(exception("The second migration", "1"))
	refused("/tune", url.Values{"rev": {"1"}, "drop": {"0"}})
	text := h.Main(hrefOf(id))
	h.Wants(text, "The migration", "The second migration")
	h.Lacks(text, "From a page")
	saved(url.Values{"rev": {"2"}, "drop": {"0"}})
	h.Lacks(h.Main(hrefOf(id)), "The migration")
}

// Who decided an exception is called by name.
func TestDecidedBy(t *testing.T) {
	h := newHouse(t)
	id := h.idOf(stopped)
	h.Apply("apiVersion: binnacle.dev/v1\nkind: User\nmetadata: {name: marta}\nspec: {profile: {displayName: Marta Quiroga}}\n---\napiVersion: binnacle.dev/v1\nkind: Detection\nmetadata: {name: trail}\nspec:\n  of: " + id + "\n  exceptions:\n    - {title: The migration, when: 'a: 1', reason: Trails move, by: user:marta}\n    - {title: The next, when: 'a: 2', reason: Trails move, by: user:gone}\n")
	if err := h.engine.Refresh(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	text := h.Main(hrefOf(id))
	h.Wants(text, "Marta Quiroga", "gone")
	h.Lacks(text, "user:")
}

// TestGap: a rule that was off leaves a gap; looking at it again finds what was
// missed, once.
// TestComparedUntil: a preview compares only what both sides name in full.
func TestComparedUntil(t *testing.T) {
	h := newHouse(t)
	at := func(hours int) time.Time { return h.Time.Add(time.Duration(hours) * time.Hour) }
	hits := func(hours ...int) map[string][]live.Hit {
		var out []live.Hit
		for _, n := range hours {
			out = append(out, live.Hit{Seen: detect.Seen{ID: at(n).Format("e15"), Time: at(n)}})
		}
		return map[string][]live.Hit{"r": out}
	}
	now, then := &live.Answer{Matched: hits(1, 2, 3), Cut: at(4)}, &live.Answer{Matched: hits(1, 3, 5, 6)}
	j := h.jobs.Start(&live.Job{Org: "default", Title: "A rule", Kind: "preview", Rule: "r"}, h.Time, func(context.Context, func(live.Progress)) (*live.Answer, *live.Answer, int, error) {
		return now, then, -1, nil
	})
	for j.Standing().Running {
		time.Sleep(time.Millisecond)
	}
	h.Wants(h.Main(jobHref(j)), "The events are compared up to", at(4).Format("15:04:05"), "Events 3 2", "No longer found "+at(2).Format("e15"), "Newly found Nothing.")
}

// TestLastDay: an exception counts until the day is over where the organisation
// is, also on the days when the clocks change.
func TestLastDay(t *testing.T) {
	f := func(zone, day, want string) {
		t.Helper()
		where, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		end := endOf(day, where)
		if got := end.UTC().Format("2006-01-02T15:04"); got != want || lastDay(end).Format(time.DateOnly) != day {
			t.Errorf("%s ends in %s at %s, want %s; its last day is %s", day, zone, got, want, lastDay(end))
		}
	}
	f("UTC", "2026-12-31", "2027-01-01T00:00")
	f("Europe/Madrid", "2026-12-31", "2026-12-31T23:00")
	f("Europe/Madrid", "2026-03-29", "2026-03-29T22:00")
	f("Europe/Madrid", "2026-10-25", "2026-10-25T23:00")
	f("America/Los_Angeles", "2028-02-29", "2028-03-01T08:00")
	if end := endOf("", time.UTC); !end.IsZero() || !lastDay(end).IsZero() {
		t.Error("an exception for good ends")
	}

	h := newHouse(t)
	if _, err := h.DB.Exec(t.Context(), `INSERT INTO auth_orgs (id, title, home, created, zone) VALUES ('default', 'Kestrane', 1, 0, 'America/Los_Angeles')`); err != nil {
		t.Fatal(err)
	}
	path := actOf(h.idOf(stopped)) + "/tune"
	if w := h.Post(path, "owner", url.Values{"title": {"The migration"}, "when": {"userIdentity.userName: ana"}, "until": {"2026-12-31"}, "reason": {"x"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("saving is answered with %d", w.Code)
	}
	c, err := Choices(h.Catalog)(t.Context(), "default")
	if err != nil || len(c.Tunings) != 1 || !c.Tunings[0].Exceptions[0].Until.Equal(time.Date(2027, 1, 1, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("%v: %+v", err, c)
	}
}

func TestGap(t *testing.T) {
	h := newHouse(t)
	h.Wants(h.Main("/detections/gaps"), "No gap")
	id := h.idOf(stopped)
	path := hrefOf(id)
	h.Wants(h.Main(path), "Critical")
	h.Post(actOf(id)+"/tune", "owner", url.Values{"state": {"off"}})
	h.Time = h.Time.Add(time.Hour)
	h.come(stopLogging("e1", h.Time, "ana"))
	if len(h.told) != 0 {
		t.Fatalf("a rule that is off told %+v", h.told)
	}
	h.Time = h.Time.Add(time.Hour)
	h.Post(actOf(id)+"/tune", "owner", url.Values{"state": {"on"}})
	h.Wants(h.Main("/detections"), "1 gap in detection has not been looked at again.")
	gaps, err := h.engine.Gaps(t.Context(), "default")
	if err != nil || len(gaps) != 1 {
		t.Fatalf("gaps %+v: %v", gaps, err)
	}
	h.Wants(h.ended(h.Post("/detections/gaps/"+gaps[0].ID+"/rerun", "owner", nil)), "1 finding is an alert", "Gap of CloudTrail is stopped or deleted")
	if body := h.Get("/detections/past", "owner", lang.English).Body.String(); !strings.Contains(body, `<span class="feed-mark">`) {
		t.Error("a look into the past has no mark: its parts stand beside each other and no phone is wide enough")
	}
	if len(h.told) != 1 || !h.told[0].Late {
		t.Errorf("told %+v", h.told)
	}
	h.Wants(h.Main("/detections/gaps"), "It was turned off", "1 finding")
	h.Lacks(h.Main("/detections"), "has not been looked at again")
}

const pastedRule = `title: CloudTrail by Eve
logsource: {product: aws, service: cloudtrail}
detection:
  selection:
    userIdentity.userName: eve
  condition: selection
level: low
`

// TestPast: a rule that is pasted finds what is stored, becomes alerts when that is
// asked for, and a detection.
func TestPast(t *testing.T) {
	h := newHouse(t)
	h.come(stopLogging("e1", h.Time.Add(-48*time.Hour), "eve"), stopLogging("e2", h.Time.Add(-time.Hour), "ana"))
	h.told = nil
	h.Wants(h.Main("/detections/past"), "Which rule", "None since the server started.")
	days := url.Values{"from": {h.Time.AddDate(0, 0, -5).Format(time.DateOnly)}, "to": {h.Time.Format(time.DateOnly)}}
	form := url.Values{"text": {pastedRule}, "from": days["from"], "to": days["to"]}
	w := h.Post("/detections/past/run/start", "owner", form)
	h.Wants(h.ended(w), "CloudTrail by Eve", "1 events looked at, 1 matches", "e1", "Make alerts of them", "Keep as a detection")
	job := w.Header().Get("Location")
	h.Post(job+"/tell", "owner", nil)
	if len(h.told) != 1 || h.told[0].Rule.Title != "CloudTrail by Eve" || !h.told[0].Late {
		t.Errorf("told %+v", h.told)
	}
	if w := h.Post(job+"/keep", "owner", nil); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/detections/default/cloudtrail-by-eve" {
		t.Errorf("keeping is answered with %d and leads to %s", w.Code, w.Header().Get("Location"))
	}
	h.Wants(h.Main("/detections?show=own"), "CloudTrail by Eve", "Our own")
	bad := h.Post("/detections/past/run/start", "owner", url.Values{"text": {"title: x\ndetection: {}"}, "from": days["from"], "to": days["to"]})
	h.Wants(webtest.MainText(bad.Body.String()), "The rule cannot be run.")
	empty := h.Post("/detections/past/run/start", "owner", url.Values{"text": {pastedRule}, "from": days["to"], "to": days["from"]})
	h.Wants(webtest.MainText(empty.Body.String()), "The time is empty.")
}

// Days begin, and times are shown, where the reader lives.
func TestDaysOfTheReader(t *testing.T) {
	h := newHouse(t)
	h.come(stopLogging("e1", time.Date(2026, 9, 20, 14, 30, 0, 0, time.UTC), "eve"), stopLogging("e2", time.Date(2026, 9, 20, 15, 30, 0, 0, time.UTC), "eve"))
	f := func(zone, day, shown, at, hit, other string) {
		t.Helper()
		z, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		h.App.Zone = func(context.Context, auth.Principal) (*time.Location, error) { return z, nil }
		text := h.ended(h.Post("/detections/past/run/start", "owner", url.Values{"text": {pastedRule}, "from": {day}, "to": {day}}))
		h.Wants(text, shown+" – "+shown, "1 events looked at, 1 matches", hit, at)
		h.Lacks(text, other, "UTC")
		h.Wants(h.Main("/detections/"+h.idOf(stopped)), at)
	}
	f("Asia/Tokyo", "2026-09-20", "20 Sep", "20 Sep 2026 23:30:00 JST", "e1", "e2")
	f("Asia/Tokyo", "2026-09-21", "21 Sep", "21 Sep 2026 00:30:00 JST", "e2", "e1")
}

const bundleText = `{"type":"bundle","id":"bundle--1","objects":[
{"type":"identity","id":"identity--1","name":"CERT Kestrane"},
{"type":"indicator","id":"indicator--1","created_by_ref":"identity--1","name":"Command server","pattern_type":"stix","pattern":"[ipv4-addr:value = '198.51.100.7'] OR [domain-name:value = 'Evil.Example.']","confidence":90,"indicator_types":["malicious-activity"]},
{"type":"indicator","id":"indicator--2","pattern_type":"stix","pattern":"[file:hashes.'SHA-256' = 'E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855' OR file:name = 'C:\\\\x\\\\dropper.exe']","valid_until":"2026-12-31T00:00:00Z"},
{"type":"indicator","id":"indicator--3","pattern_type":"stix","pattern":"[ipv4-addr:value = '192.0.2.1' AND domain-name:value = 'a.example']"},
{"type":"indicator","id":"indicator--4","pattern_type":"sigma","pattern":"title: x"}]}`

// TestIndicators: what was imported is found as it comes in and in the past, and
// what cannot be read is told.
func TestIndicators(t *testing.T) {
	h := newHouse(t)
	h.Wants(h.Main("/indicators"), "No indicator yet", "binnacle import indicators")
	h.Wants(h.Get("/indicators", "owner", lang.English).Body.String(), `href="/import?format=indicators"`) // else the catalog reads them
	csv := "# a list\nvalue,type,tags,valid_until\n10.9.0.0/16,cidr,scanner|noise,2027-01-01\nnot an address,ip,,\nhttp://bad.example/x?y=1,,,\nD41D8CD98F00B204E9800998ECF8427E,md5,,\nwho@phish.example,,,\n"
	report, err := indicatorImporter().Import(t.Context(), h.Catalog, h.Caller(), []catalog.File{{Name: "b.json", Data: []byte(bundleText)}, {Name: "l.csv", Data: []byte(csv)}}, catalog.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Rows[0].Created != 8 || len(report.Problems) != 3 {
		t.Errorf("got %+v and %+v", report.Rows, report.Problems)
	}
	again, err := indicatorImporter().Import(t.Context(), h.Catalog, h.Caller(), []catalog.File{{Name: "b.json", Data: []byte(bundleText)}, {Name: "l.csv", Data: []byte(csv)}}, catalog.ImportOptions{})
	if err != nil || again.Rows[0].Changed() {
		t.Errorf("a second import changes %+v: %v", again.Rows, err)
	}
	at := h.Time.Add(-time.Hour)
	line := func(id, json string) event.Event { return event.Event{ID: id, Time: at, Line: []byte(json)} }
	events := []event.Event{
		line("ip", `{"source":{"ip":"198.51.100.7"}}`), line("net", `{"destination.ip":"::ffff:10.9.1.2"}`), line("domain", `{"dns":{"question":{"name":"cdn.evil.example"}}}`),
		line("hash", `{"Hashes":"MD5=d41d8cd98f00b204e9800998ecf8427e,IMPHASH=0"}`), line("sha", `{"x":["a",{"y":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]}`),
		line("url", `{"url":{"original":"HTTP://Bad.example/x?y=1#z"}}`), line("file", `{"Image":"D:\\y\\DROPPER.exe"}`), line("mail", `{"email":{"from":"Who@phish.example"}}`),
		line("none", `{"source.ip":"198.51.100.8","name":"notevil.example.org","h":"d41d8cd98f00b204e9800998ecf8427"}`)}
	h.come(events...)
	for _, ev := range events {
		if found := len(ev.Rules) == 1 && strings.HasPrefix(ev.Rules[0], "ioc-"); found == (ev.ID == "none") {
			t.Errorf("%s: %q", ev.ID, ev.Rules)
		}
	}
	if len(h.told) != 8 || h.told[0].Rule.Kind != "indicator" || h.told[0].Rule.Level != "high" || h.told[0].Rule.Origin != "CERT Kestrane" {
		t.Errorf("told %d: %+v", len(h.told), h.told)
	}
	h.Wants(h.Main("/indicators?q=evil"), "evil.example", "Command server", "CERT Kestrane", "Seen in 30 days")
	days := url.Values{"from": {h.Time.AddDate(0, 0, -2).Format(time.DateOnly)}, "to": {h.Time.Format(time.DateOnly)}}
	h.Wants(h.ended(h.Post("/indicators/hunt", "owner", days)), "9 events looked at, 8 matches")
	if _, err := indicatorImporter().Import(t.Context(), h.Catalog, h.Caller(), []catalog.File{{Name: "x.csv", Data: []byte("value\n")}}, catalog.ImportOptions{}); err == nil {
		t.Error("an empty file is no failure")
	}
}
