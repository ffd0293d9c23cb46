package hunt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

// house is an installation whose organisation "default" has a day of events.
func house(t *testing.T, cfg Config) (*webtest.House, *slow) {
	t.Helper()
	m, _ := cfg.Store.(*slow)
	if m == nil {
		m = store(t, map[string][]event.Event{"default": cloud(webtest.Now), "other": {said("secret", webtest.Now.Add(-time.Minute), "x", "message", "of somebody else")}})
		cfg.Store = m
	}
	return webtest.New(t, Module(cfg)), m
}

// get returns a page that is sound in both languages, in English.
func get(t *testing.T, h *webtest.House, path, who string, status int) string {
	t.Helper()
	body := ""
	for _, code := range []lang.Code{lang.Spanish, lang.English} {
		w := h.Get(path, who, code)
		if body = w.Body.String(); w.Code != status {
			t.Fatalf("GET %s as %s in %s: %d, want %d\n%s", path, who, code, w.Code, status, webtest.MainText(body))
		}
		for _, p := range webtest.Faults(body) {
			t.Errorf("GET %s as %s in %s: %s", path, who, code, p)
		}
	}
	return body
}

func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return "/events?" + q.Encode()
}

func TestPage(t *testing.T) {
	h, _ := house(t, Config{})
	body := get(t, h, "/events", "owner", 200)
	got := webtest.MainText(body)
	h.Wants(got, "63 events in", "ms; looked at ", "1 to 50 of 63", "Time What Source Host User From Outcome", "GetSecretValue", "failure", "svc-deploy", "Older", "Fields", "requestParameters.bucketName")
	h.Lacks(got, "of somebody else", "Newer")
	h.Wants(body, `data-brush="/events?from=FROM&amp;to=TO"`, "event.action%3A%3D%22PutImage%22", "-event.action%3A%3D%22PutImage%22", `aria-label="63 events from 21 Sep 09:30 to 22 Sep 09:30 in steps of 15 minutes"`)

	older := get(t, h, query("offset", "50", "at", "1790069400000"), "owner", 200)
	h.Wants(webtest.MainText(older), "51 to 63 of 63", "Newer")
	h.Lacks(webtest.MainText(older), "Older")
}

// What is found is one number and what is looked at for it another, also of other
// times, which a cluster does not say.
func TestWhatWasLookedAt(t *testing.T) {
	h, m := house(t, Config{})
	f := func(want, lacks string) {
		t.Helper()
		got := webtest.MainText(get(t, h, query("q", "AssumeRole", "last", "1h"), "owner", 200))
		h.Wants(got, want)
		h.Lacks(got, lacks)
	}
	f("0 events in", " of ")
	h.Wants(webtest.MainText(get(t, h, "/events", "owner", 200)), "; looked at 63, read ")
	m.mute = true
	f("0 events in", "looked at")
	h.Wants(webtest.MainText(get(t, h, query("q", "* | stats count() n"), "owner", 200)), "1 row in")
}

func TestPageAsksForItsOwnOrganisationAlone(t *testing.T) {
	h, m := house(t, Config{})
	get(t, h, query("q", "somebody", "last", "30d"), "owner", 200)
	get(t, h, query("q", "*", "facet", "user.name", "by", "event.outcome"), "auditor", 200)
	if len(m.asked) < 10 {
		t.Fatalf("only %d questions were asked", len(m.asked))
	}
	for _, q := range m.asked {
		if q.Org != "default" {
			t.Errorf("the question %+v is asked of another organisation", q)
		}
	}
}

func TestFilters(t *testing.T) {
	h, _ := house(t, Config{})
	got := webtest.MainText(get(t, h, query("q", `event.outcome:="failure" -source.ip:="10.40.8.14"`, "last", "7d", "cols", "source.ip", "by", "event.action"), "owner", 200))
	h.Wants(got, "2 of ", "event.outcome failure", "not source.ip 10.40.8.14", "Time From", "203.0.113.77", "GetSecretValue")
	h.Lacks(got, "DeleteAccessKey")
	// A hunt whose facets exclude what was only asked for before.
	body := get(t, h, query("q", `event.action:="PutImage"`), "owner", 200)
	h.Wants(body, "/events?q=-event.action%3A%3D%22PutImage%22")
}

// What pipes make of events is a table of its own.
func TestPipes(t *testing.T) {
	h, _ := house(t, Config{})
	body := get(t, h, query("q", "* | stats by (event.action) count() n | sort by (n) desc"), "owner", 200)
	got := webtest.MainText(body)
	h.Wants(got, "3 rows in", "Result", "n Action 60 PutImage")
	h.Lacks(got, "Events over time", "Fields", "Time n")
	h.Lacks(body, "data-more")
}

func TestNothingFound(t *testing.T) {
	h, _ := house(t, Config{})
	body := get(t, h, query("q", "nowhere"), "owner", 200)
	h.Wants(webtest.MainText(body), "No event was found", "Last 7 days", "Last 30 days")
	h.Wants(body, `href="/events?last=7d&amp;q=nowhere"`)
}

func TestNoEventYet(t *testing.T) {
	h, _ := house(t, Config{Store: store(t, nil)})
	body := get(t, h, "/events", "owner", 200)
	h.Wants(webtest.MainText(body), "No event has come yet", "curl -H", "omfwd", "To the sources")
	h.Wants(body, `href="/sources"`)
}

func TestNoStore(t *testing.T) {
	h := webtest.New(t, Module(Config{}))
	h.Wants(webtest.MainText(get(t, h, "/events", "owner", 200)), "No events are kept here")
	get(t, h, "/events/event?id=x", "owner", http.StatusServiceUnavailable)
	get(t, h, "/events/export", "owner", http.StatusServiceUnavailable)
}

func TestBadTimes(t *testing.T) {
	h, _ := house(t, Config{})
	h.Wants(webtest.MainText(get(t, h, query("q", "x", "last", "soon"), "owner", 422)), "“soon” is no time", "2026-09-22T03:00")
	h.Wants(webtest.MainText(get(t, h, query("from", "2026-09-22", "to", "2026-09-21"), "owner", 422)), "ends before it begins")
	h.Wants(webtest.MainText(get(t, h, query("q", strings.Repeat("x", longestQuery+1)), "owner", 413)), "32,768 characters")
}

func TestWrongQuestions(t *testing.T) {
	h, _ := house(t, Config{})
	got := webtest.MainText(get(t, h, query("q", "user.name:=(a"), "owner", 422))
	h.Wants(got, "The question cannot be read.", "line 1:", "between quotes")
	part := fragment(h, "/events/results?"+url.Values{"q": {"user.name:=(a"}}.Encode(), context.Background())
	if part.Code != 200 || !strings.Contains(part.Body.String(), "The question cannot be read.") {
		t.Errorf("htmx gets %d %s", part.Code, part.Body)
	}
}

func TestPartialAnswersSaySo(t *testing.T) {
	h, m := house(t, Config{})
	m.partial = true
	h.Wants(webtest.MainText(get(t, h, "/events", "owner", 200)), "This is not all.", "A node of the event store does not answer")
}

const rule = `title: Secrets from elsewhere
logsource: {product: aws, service: cloudtrail}
detection:
  a: {eventName: GetSecretValue}
  b: {source.ip|cidr: 10.0.0.0/8}
  condition: a and not b
level: high
`

func TestSigmaRule(t *testing.T) {
	h, _ := house(t, Config{})
	body := get(t, h, query("q", rule), "owner", 200)
	got := webtest.MainText(body)
	h.Wants(got, "A Sigma rule, tried on 2 events", "1 to 2 of 2", "203.0.113.77")
	h.Lacks(got, "PutImage", "DeleteAccessKey")
	h.Wants(body, "and=event.outcome%3A%3D%22failure%22")
	got = webtest.MainText(get(t, h, query("q", rule, "and", `event.outcome:="failure" "builds" -event.host:x`), "owner", 200))
	h.Wants(got, "tried on 2 events", "1 to 2 of 2", "event.outcome failure", "not event.host x")
	h.Wants(webtest.MainText(get(t, h, query("q", rule, "and", `-event.outcome:="failure"`), "owner", 200)), "tried on 0 events", "No event was found")
	bad := strings.Replace(rule, "cidr", "cyder", 1)
	got = webtest.MainText(get(t, h, query("q", bad), "owner", 422))
	h.Wants(got, "This Sigma rule cannot be looked for.", "line 5:", "cyder")
}

func TestSlowAnswers(t *testing.T) {
	h, m := house(t, Config{Patience: 20 * time.Millisecond, Longest: time.Minute})
	m.delay = 60 * time.Millisecond
	body := get(t, h, query("q", "svc"), "owner", 200)
	h.Wants(body, `hx-get="/events/results?q=svc"`, `href="/events?q=svc&amp;wait=1"`, `data-cancel="answer"`)
	h.Lacks(webtest.MainText(body), "1 to 50")
	h.Wants(webtest.MainText(get(t, h, query("q", "svc", "wait", "1"), "owner", 200)), "1 to 50 of 63")
	part := fragment(h, "/events/results?q=svc", context.Background())
	if part.Code != 200 || !strings.HasPrefix(part.Body.String(), `<div id="answer">`) || !strings.Contains(part.Body.String(), "1 to 50 of 63") {
		t.Errorf("the results come as %d\n%s", part.Code, part.Body)
	}
	h, m = house(t, Config{Patience: 20 * time.Millisecond, Longest: 200 * time.Millisecond})
	m.delay = time.Minute
	h.Wants(webtest.MainText(get(t, h, query("q", "svc", "wait", "1"), "owner", 200)), "The answer took too long.")
	h.Wants(fragment(h, "/events/results?q=svc", context.Background()).Body.String(), "The answer took too long.")
}

// fragment asks as htmx does.
func fragment(h *webtest.House, path string, ctx context.Context) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, "GET", path, nil)
	r.Header.Set("HX-Request", "true")
	r.Header.Set("Cookie", "binnacle_session=owner; binnacle_lang=en")
	w := httptest.NewRecorder()
	h.Handler.ServeHTTP(w, r)
	return w
}

// Who goes away stops the question.
func TestCancelEndsTheQuestion(t *testing.T) {
	h, m := house(t, Config{Longest: time.Minute})
	m.delay = time.Minute
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer stop()
		for asked := 0; asked == 0; asked, _ = m.count() {
			time.Sleep(time.Millisecond)
		}
	}()
	begun := time.Now()
	fragment(h, "/events/results?q=svc", ctx)
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("the question went on for %v", took)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended == 0 || m.ended != len(m.asked) {
		t.Errorf("%d of %d questions ended", m.ended, len(m.asked))
	}
}

func TestGate(t *testing.T) {
	g := &gate{}
	var leave []func()
	for range atOnce {
		l, err := g.enter("a")
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	if _, err := g.enter("a"); err == nil {
		t.Error("there is room for one more")
	}
	if _, err := g.enter("b"); err != nil {
		t.Errorf("another organisation is held up: %v", err)
	}
	leave[0]()
	if _, err := g.enter("a"); err != nil {
		t.Errorf("after one has left: %v", err)
	}
}

func TestFailures(t *testing.T) {
	h, m := house(t, Config{})
	m.fail = errors.New("disk on fire at /secret/path")
	body := h.Get("/events", "owner", lang.English)
	if body.Code != 500 || strings.Contains(body.Body.String(), "secret") {
		t.Errorf("%d %s", body.Code, webtest.MainText(body.Body.String()))
	}
}

func TestEvent(t *testing.T) {
	rules := func(_ *web.Ctx, ids []string) (map[string]Rule, error) {
		return map[string]Rule{"r-1": {Title: "Secrets read", Href: "/detections/default/r-1", Level: "high"}}, nil
	}
	h, _ := house(t, Config{Rules: rules})
	path := "/events/event?" + url.Values{"id": {"e-2"}, "t": {stamp(webtest.Now.Add(-6 * time.Hour))}}.Encode()
	body := get(t, h, path, "auditor", 200)
	h.Wants(webtest.MainText(body), "Event of 22 Sep 2026 03:30:00 UTC", "1h0m0s after it happened", "Secrets read", "r-2", "event.action", "requestParameters", `<b>"x"</b>`, "Same actor, 5 min around", "Same address", "Same host", "Copy")
	h.Wants(body, `href="/detections/default/r-1"`, `&lt;b&gt;&#34;x&#34;&lt;/b&gt;</a>`, "from=2026-09-22T03%3A25%3A00Z", `q=user.name%3A%3D%22svc-deploy%22`)
	get(t, h, "/events/event?id=none", "owner", 404)
	get(t, h, "/events/event?t=x", "owner", 422)
	get(t, h, "/events/event?id=secret", "owner", 404) // of another organisation
}

func TestExport(t *testing.T) {
	h, m := house(t, Config{})
	w := h.Get("/events/export?q=GetSecretValue&as=jsonl", "auditor", lang.English)
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	if w.Code != 200 || len(lines) != 2 || w.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d %s\n%s", w.Code, w.Header(), w.Body)
	}
	for _, line := range lines {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil || m["event.action"] != "GetSecretValue" || m["_time"] == "" || m["event.id"] == "" {
			t.Errorf("%v: %s", err, line)
		}
	}
	w = h.Get("/events/export?q=GetSecretValue&as=csv&cols=event.action&cols=source.ip", "owner", lang.English)
	if want := "_time,event.action,source.ip\n2026-09-22T03:30:00Z,GetSecretValue,203.0.113.77\n"; !strings.HasPrefix(w.Body.String(), want) {
		t.Errorf("got %s", w.Body)
	}
	w = h.Get("/events/export?"+url.Values{"q": {rule}, "as": {"jsonl"}}.Encode(), "owner", lang.English)
	if n := strings.Count(w.Body.String(), "\n"); n != 2 {
		t.Errorf("the rule's file has %d lines", n)
	}
	get(t, h, "/events/export?as=exe", "owner", 422)
	if w = h.Get("/events/export?as=csv&cols=%3DHYPERLINK(1)&cols=event.action", "owner", lang.English); !strings.HasPrefix(w.Body.String(), "_time,'=HYPERLINK(1),event.action\n") {
		t.Errorf("a column that a spreadsheet calculates: %s", w.Body)
	}
	limited := func(who string) string {
		return h.Get("/events/export?"+url.Values{"q": {who}}.Encode(), "owner", lang.English).Result().Trailer.Get(limitTrailer)
	}
	for _, q := range []string{"GetSecretValue", rule} {
		m.partial = false
		if got := limited(q); got != "false" {
			t.Errorf("a whole file says limited: %s", got)
		}
		m.partial = true
		if got := limited(q); got != "true" {
			t.Errorf("a file without what a node has says limited: %s", got)
		}
	}
}

func TestSavedHunts(t *testing.T) {
	h, _ := house(t, Config{})
	h.Apply("apiVersion: binnacle.dev/v1\nkind: Hunt\nmetadata: {name: keys, title: Keys outside}\nspec: {query: 'event.action:=GetSecretValue', last: 7d, columns: [source.ip]}\n")
	body := get(t, h, "/events", "owner", 200)
	h.Wants(body, `href="/events?cols=source.ip&amp;last=7d&amp;q=event.action%3A%3DGetSecretValue"`, "Keys outside")
	h.Wants(get(t, h, "/hunts/default/keys", "owner", 200), `href="/events?cols=source.ip&amp;last=7d&amp;q=event.action%3A%3DGetSecretValue"`, "Run the hunt")
	w := h.Get("/events/make/hunt?q=a&cols=b&cols=c&by=d", "owner", lang.English)
	if got := w.Header().Get("Location"); w.Code != 303 || got != "/hunts/new?spec.by=d&spec.columns=b&spec.columns=c&spec.last=24h&spec.query=a" {
		t.Errorf("%d to %s", w.Code, got)
	}
	h.Wants(get(t, h, w.Header().Get("Location"), "owner", 200), `value="24h"`, ">\na</textarea>")
	h.Wants(h.Get("/events/make/measure?q=event.action:x", "owner", lang.English).Header().Get("Location"), "+%7C+stats+count%28%29+as+events")
	h.Wants(h.Get("/events/make/detection?"+url.Values{"q": {`event.action:="PutImage" -user.name:="y"`}}.Encode(), "owner", lang.English).Header().Get("Location"), "/detections/new?spec.rule=title", "service%3A+cloudtrail")
	h.Wants(h.Get("/events/make/detection?"+url.Values{"q": {`event.action:x | stats count() n`}}.Encode(), "owner", lang.English).Header().Get("Location"), "/detections/new?spec.rule=%23+This+part+of+the+question+is+not+in+the+rule+yet", "stats+count")
	long := rule + "description: " + strings.Repeat("long ", 1000) + "\n"
	if got := h.Get("/events/make/detection?"+url.Values{"q": {long}}.Encode(), "owner", lang.English); got.Code != 303 || !strings.HasPrefix(got.Header().Get("Location"), "/detections/new?spec.rule=title") {
		t.Errorf("a long rule leads with %d to %.60s", got.Code, got.Header().Get("Location"))
	}
	get(t, h, "/events/make/coffee", "owner", 404)
}

// What a measure asks, as it stands, counts what the hunt finds, also where this
// has words alone in any case.
func TestMeasureCountsTheSame(t *testing.T) {
	h, m := house(t, Config{})
	for q, want := range map[string]string{"getsecretvalue": "2", "FAILURE svc-deploy": "2", "event.action:putimage": "60", `"deleteaccesskey by" -failure`: "1", "PutIm* or Delete*": "61"} {
		to, err := url.Parse(h.Get("/events/make/measure?"+url.Values{"q": {q}}.Encode(), "owner", lang.English).Header().Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		text := to.Query().Get("spec.query.text")
		var got string
		_, err = m.Rows(t.Context(), logs.Query{Org: "default", Text: text, From: webtest.Now.Add(-24 * time.Hour), To: webtest.Now}, func(r logs.Row) error {
			got = r.Get("events")
			return nil
		})
		if err != nil || got != want {
			t.Errorf("%s: %s counts %s, want %s: %v", q, text, got, want, err)
		}
		if strings.Contains(text, "gEt") || len(text) > 2000 {
			t.Errorf("%s becomes %d letters that nobody reads: %.300s", q, len(text), text)
		}
	}
	wide := event.Event{ID: "wide", Time: webtest.Now.Add(-time.Minute), Source: "x", Line: []byte(`{"message":"x"`)}
	for i := range 1200 {
		wide.Line = fmt.Appendf(wide.Line, `,"a_long_name_of_field_number_%d":"x"`, i)
	}
	wide.Line = append(wide.Line, '}')
	if err := m.Add(t.Context(), "default", []event.Event{wide}); err != nil {
		t.Fatal(err)
	}
	if err := m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.Wants(webtest.MainText(get(t, h, "/events/make/measure?q=x", "owner", http.StatusRequestEntityTooLarge)), "Say in which field to look")
}

func TestExamples(t *testing.T) {
	catalogtest.Examples(t, catalog.NewKinds(huntKind()))
}

func FuzzReadable(f *testing.F) {
	f.Add(`{"a":"b","c":{"d":[1,{"<e>":"f: g"}]}}`)
	f.Add(`{"a`)
	f.Fuzz(func(t *testing.T, line string) {
		if got := string(readable([]byte(line))); strings.Contains(strings.NewReplacer("<b>", "", "</b>", "").Replace(got), "<") {
			t.Fatalf("%q is written as %q", line, got)
		}
	})
}
