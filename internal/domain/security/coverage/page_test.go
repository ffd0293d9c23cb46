package coverage

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/linux"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
	"github.com/binnaclehq/binnacle/sigma"
)

// arrivals is a store that only knows which formats came in.
type arrivals struct {
	logs.Store
	formats []string
	err     error
	asked   []logs.Query
}

func (a *arrivals) Values(_ context.Context, q logs.Query, field string, _ int) ([]logs.Value, logs.Outcome, error) {
	a.asked = append(a.asked, q)
	var out []logs.Value
	for _, f := range a.formats {
		out = append(out, logs.Value{Text: f, Hits: 1})
	}
	return out, logs.Outcome{}, a.err
}

func clock() time.Time { return webtest.Now }

// rule is a rule of a technique, with examples that pass or do not; "" for none.
func rule(fsys fstest.MapFS, name, tag, example string) {
	fsys["rules/"+name+"/rule.yml"] = &fstest.MapFile{Data: []byte("title: Rule " + name + "\nid: " + name + "\nstatus: stable\ntags: [" + tag + "]\nlogsource: {product: aws, service: cloudtrail}\n" +
		"detection:\n  a: {eventName: " + name + "}\n  condition: a\nlevel: high\n")}
	if example != "" {
		fsys["rules/"+name+"/hits.jsonl"] = &fstest.MapFile{Data: []byte(example + "\n")}
		fsys["rules/"+name+"/misses.jsonl"] = &fstest.MapFile{Data: []byte(`{"eventName":"other"}` + "\n")}
	}
}

func small() *live.Engine {
	fsys := fstest.MapFS{}
	rule(fsys, "good", "attack.t1078.004", `{"eventName":"good"}`)
	rule(fsys, "wrong", "attack.t1190", `{"eventName":"elsewhere"}`)
	rule(fsys, "bare", "attack.t1110", "")
	return live.New(live.Config{Builtin: fsys, Root: "rules", Now: clock})
}

func house(t *testing.T, cfg Config) *webtest.House {
	t.Helper()
	cfg.Now = clock
	return webtest.New(t, Module(cfg))
}

func get(t *testing.T, h *webtest.House, path string, status int) (text, body string) {
	t.Helper()
	for _, code := range []lang.Code{lang.Spanish, lang.English} {
		w := h.Get(path, "auditor", code)
		if body = w.Body.String(); w.Code != status {
			t.Fatalf("GET %s in %s: %d, want %d\n%s", path, code, w.Code, status, webtest.MainText(body))
		}
		for _, p := range webtest.Faults(body) {
			t.Errorf("GET %s in %s: %s", path, code, p)
		}
	}
	return webtest.MainText(body), body
}

func TestCatalogue(t *testing.T) {
	c := Enterprise()
	if len(c.Tactics) != 15 || len(c.Techniques) < 690 || !strings.Contains(c.Notice, "The MITRE Corporation") {
		t.Fatalf("%d tactics, %d techniques, notice %q", len(c.Tactics), len(c.Techniques), c.Notice)
	}
	short := map[string]bool{}
	for _, ta := range c.Tactics {
		short[ta.Short] = true
	}
	withLogs := 0
	for _, x := range c.Techniques {
		if len(x.Tactics) == 0 || len(x.Platforms) == 0 || x.Name == "" || c.Get(whole(x.ID)) == nil {
			t.Errorf("%s: %+v", x.ID, x)
		}
		for _, ta := range x.Tactics {
			if !short[ta] {
				t.Errorf("%s has the tactic %s", x.ID, ta)
			}
		}
		if len(x.Logs) > 0 {
			withLogs++
		}
	}
	if withLogs < 600 {
		t.Errorf("only %d techniques say which logs show them", withLogs)
	}
	for i := range sources {
		n := 0
		for _, x := range c.Techniques {
			if sources[i].looksAt(x) {
				n++
			}
		}
		if n == 0 {
			t.Errorf("no technique is shown by %s", sources[i].ID)
		}
	}
}

// The tags of the rules that come with the program are of this catalogue.
func TestRulesHaveKnownTags(t *testing.T) {
	c, err := sigma.LoadFS(content.Detections, "detections")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range c.Rules {
		for _, id := range tagged(r.Tags) {
			n++
			if Enterprise().Get(id) == nil {
				t.Errorf("%s is tagged %s", r.File, id)
			}
		}
		for _, tag := range r.Tags {
			if short, is := strings.CutPrefix(tag, "attack."); is && !techniqueTag.MatchString(tag) {
				found := false
				for _, ta := range Enterprise().Tactics {
					found = found || ta.Short == short
				}
				if !found && !strings.HasPrefix(short, "g") && !strings.HasPrefix(short, "s0") {
					t.Errorf("%s is tagged %s", r.File, tag)
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d tags were found", n)
	}
}

func TestStates(t *testing.T) {
	store := &arrivals{formats: []string{"cloudtrail", "linux"}}
	s := &service{Config: Config{Engine: small(), Store: store, Now: clock}}
	o, err := s.overall(t.Context(), "default", webtest.Now)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]State{"T1078": Tested, "T1078.004": Tested, "T1078.001": LogsOnly, "T1190": Untested, "T1110": Untested, "T1059": LogsOnly, "T1059.004": LogsOnly, "T1053": NoLogs, "T1055": NoLogs} {
		if got := o.by[id].State; got != want {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
	if !o.by["T1190"].Failed || o.by["T1110"].Failed {
		t.Error("what failed and what did not is mixed up")
	}
	if o.by["T1583"].Scope || !o.by["T1053"].Scope || o.by["T1547"].Scope != true {
		t.Errorf("scope: T1583 %v, T1053 %v, T1547 %v", o.by["T1583"].Scope, o.by["T1053"].Scope, o.by["T1547"].Scope)
	}
	// Long after, the same tests count no more.
	if o, err = s.overall(t.Context(), "default", webtest.Now.Add(testedFor+24*time.Hour)); err != nil || o.by["T1078"].State != Before {
		t.Errorf("after 91 days T1078 is %s, %v", o.by["T1078"].State, err)
	}
	if len(store.asked) != 1 || store.asked[0].Org != "default" {
		t.Errorf("the store was asked %+v", store.asked)
	}
}

func TestPage(t *testing.T) {
	h := house(t, Config{Engine: small(), Store: &arrivals{formats: []string{"cloudtrail", "linux"}}})
	got, body := get(t, h, "/attack", 200)
	h.Wants(got, "1 of", "techniques have a detection that passed a test", "1 tested in 90 days", "2 not tested", "In scope are those of platforms whose logs come in (IaaS, Linux)", "AWS CloudTrail, Linux system log",
		"ATT&CK Enterprise 19", "Initial Access", "Defense Impairment", "Valid Accounts", "the last test failed", "ATT&CK is a work of The MITRE Corporation", "Worth closing next", "its last test failed", "a rule that passes its test", "could show it")
	h.Wants(body, `class="tech lv4" href="/attack/T1078"`, `class="tech lv2 tech-fail" href="/attack/T1190"`)
	h.Lacks(got, "Acquire Infrastructure")

	got, _ = get(t, h, "/attack?q=valid", 200)
	h.Wants(got, "techniques", "Valid Accounts")
	h.Lacks(got, "T1053")
	got, _ = get(t, h, "/attack?q=T1583", 200)
	h.Wants(got, "Acquire Infrastructure")
	got, _ = get(t, h, "/attack?src=okta&state=tested", 200)
	h.Wants(got, "Valid Accounts")
	got, _ = get(t, h, "/attack?on=Containers&q=nonsense", 200)
	h.Wants(got, "No technique is shown")
	get(t, h, "/attack?gap=1&all=1&on=PRE", 200)
}

func TestNothingComesIn(t *testing.T) {
	got, _ := get(t, house(t, Config{}), "/attack", 200)
	if !strings.Contains(got, "No detection runs here.") || !strings.Contains(got, "No events came in the last 7 days.") {
		t.Error(got)
	}
	got, _ = get(t, house(t, Config{Engine: small(), Store: &arrivals{err: errors.New("down")}}), "/attack", 200)
	if !strings.Contains(got, "It is not known what comes in") {
		t.Error(got)
	}
}

// Every format of the program is of a source, or is one that says nothing of where
// it comes from.
func TestSourcesKnowTheFormats(t *testing.T) {
	formats := linux.Formats()
	for _, f := range all.Formats() {
		formats = append(formats, f.Name)
	}
	for _, f := range formats {
		general := slices.Contains([]string{"auto", "json", "text", "cef", "leef", "keyvalue", "filebeat", "gelf"}, f)
		if known := slices.ContainsFunc(sources, func(s source) bool { return slices.Contains(s.Formats, f) }); known == general {
			t.Errorf("%s is of a source: %v", f, known)
		}
	}
	s := &service{Config: Config{Engine: small(), Store: &arrivals{formats: []string{"sshd"}}, Now: clock}}
	if o, err := s.overall(t.Context(), "default", webtest.Now); err != nil || len(o.Sources) != 1 || o.Sources[0].ID != "linux" {
		t.Errorf("with events of sshd: %+v, %v", o.Sources, err)
	}
}

// Which logs of Linux rules are for.
func TestLinuxSources(t *testing.T) {
	for _, c := range []struct {
		of   sigma.Logsource
		want []string
	}{
		{sigma.Logsource{Product: "linux"}, []string{"linux", "auditd"}},
		{sigma.Logsource{Product: "linux", Service: "sshd"}, []string{"linux"}},
		{sigma.Logsource{Product: "linux", Service: "auditd"}, []string{"auditd"}},
		{sigma.Logsource{Product: "linux", Category: "process_creation"}, []string{"auditd"}},
	} {
		var got []string
		for i := range sources {
			if sources[i].of(c.of) {
				got = append(got, sources[i].ID)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.of, got, c.want)
		}
	}
}

// A rule that passes its test finds nothing while its logs do not come in, and
// the pages say so.
func TestBlind(t *testing.T) {
	for _, c := range []struct {
		name  string
		store *arrivals
		blind bool
	}{
		{"its logs come in", &arrivals{formats: []string{"linux", "cloudtrail"}}, false},
		{"others come in", &arrivals{formats: []string{"linux"}}, true},
		{"nothing comes in", &arrivals{}, true},
		{"it is not known", &arrivals{err: errors.New("down")}, false},
	} {
		s := &service{Config: Config{Engine: small(), Store: c.store, Now: clock}}
		o, err := s.overall(t.Context(), "default", webtest.Now)
		if err != nil {
			t.Fatal(err)
		}
		if x := o.by["T1078"]; x.Blind != c.blind || x.State != Tested || x.row()["blind"] != c.blind {
			t.Errorf("%s: T1078 is %s, blind %v", c.name, x.State, x.Blind)
		}
		if o.by["T1053"].Blind {
			t.Errorf("%s: no rule looks for T1053", c.name)
		}
		if _, _, n := o.counts(); n > 0 != c.blind {
			t.Errorf("%s: %d are blind", c.name, n)
		}
	}
	other := fstest.MapFS{}
	rule(other, "x", "attack.t1110", `{"eventName":"x"}`)
	other["rules/x/rule.yml"].Data = []byte(strings.Replace(string(other["rules/x/rule.yml"].Data), "{product: aws, service: cloudtrail}", "{product: unheard}", 1))
	s := &service{Config: Config{Engine: live.New(live.Config{Builtin: other, Root: "rules", Now: clock}), Store: &arrivals{}, Now: clock}}
	if o, err := s.overall(t.Context(), "default", webtest.Now); err != nil || len(o.by["T1110"].Rules) != 1 || o.by["T1110"].Blind {
		t.Errorf("a rule for logs that are not known here: %+v, %v", o.by["T1110"], err)
	}

	// A correlation looks at what its rules look at.
	burst := fstest.MapFS{}
	rule(burst, "x", "attack.t1110", `{"eventName":"x"}`)
	burst["rules/x/rule.yml"].Data = append(burst["rules/x/rule.yml"].Data, []byte("---\ntitle: Many\nid: many\nstatus: stable\ntags: [attack.t1530]\ncorrelation: {type: event_count, rules: [x], group-by: [user], timespan: 1h, condition: {gte: 3}}\nlevel: high\n")...)
	for _, c := range []struct {
		format string
		blind  bool
	}{{"linux", true}, {"cloudtrail", false}} {
		s := &service{Config: Config{Engine: live.New(live.Config{Builtin: burst, Root: "rules", Now: clock}), Store: &arrivals{formats: []string{c.format}}, Now: clock}}
		if o, err := s.overall(t.Context(), "default", webtest.Now); err != nil || len(o.by["T1530"].Rules) != 1 || o.by["T1530"].Blind != c.blind {
			t.Errorf("a correlation, with events of %s: %+v, %v", c.format, o.by["T1530"], err)
		}
	}

	h := house(t, Config{Engine: small(), Store: &arrivals{formats: []string{"linux"}}})
	got, body := get(t, h, "/attack", 200)
	h.Wants(got, "For one of them nothing comes in that its detections could find it in.", "no logs come in for its detections")
	h.Wants(body, `href="/attack?state=blind"`)
	empty, _ := get(t, house(t, Config{Engine: small(), Store: &arrivals{}}), "/attack", 200)
	h.Wants(empty, "Worth closing next", "logs: AWS CloudTrail", "To the sources")
	got, _ = get(t, h, "/attack?state=blind", 200)
	h.Wants(got, "Valid Accounts")
	h.Lacks(got, "T1053")
	got, _ = get(t, h, "/attack/T1078", 200)
	h.Wants(got, "Its detections look at logs that did not come in for 7 days: AWS CloudTrail. They can find nothing.")
	got, _ = get(t, h, "/attack/T1053", 200)
	h.Lacks(got, "They can find nothing")
}

func TestTechnique(t *testing.T) {
	h := house(t, Config{Engine: small(), Store: &arrivals{formats: []string{"cloudtrail"}}})
	got, body := get(t, h, "/attack/T1078", 200)
	h.Wants(got, "T1078 Valid Accounts", "tested in 90 days", "Rule good", "Examples", "T1078.004", "Cloud Accounts", "AWS CloudTrail", "never")
	h.Wants(body, "https://attack.mitre.org/techniques/T1078/", "q=binnacle.rules%3A%22good%22")
	got, _ = get(t, h, "/attack/T1190", 200)
	h.Wants(got, "not tested", "rules/wrong/hits.jsonl:1: no rule matches it")
	get(t, h, "/attack/T1078.004", 200)
	get(t, h, "/attack/t1078", 200)
	get(t, h, "/attack/T9999", 404)
	get(t, h, "/attack/nothing", 404)
}

func TestLayer(t *testing.T) {
	h := house(t, Config{Engine: small()})
	w := h.Get("/attack/layer", "owner", lang.English)
	var layer struct {
		Domain     string
		Techniques []struct {
			ID    string `json:"techniqueID"`
			Score int
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &layer); err != nil || layer.Domain != "enterprise-attack" {
		t.Fatalf("%v: %s", err, w.Body)
	}
	scores := map[string]int{}
	for _, x := range layer.Techniques {
		scores[x.ID] = x.Score
	}
	if len(scores) != 4 || scores["T1078.004"] != 1 || scores["T1078"] != 0 || scores["T1190"] != 1 {
		t.Errorf("scores %v", scores)
	}
}

// A measure can stand on the table, and the page shows it.
func TestMeasure(t *testing.T) {
	h := house(t, Config{Engine: small(), Store: &arrivals{formats: []string{"cloudtrail"}}})
	h.Apply("apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: tested, title: Techniques that are tested}\nspec: {room: security, direction: up, records: {from: techniques, where: row.scope && row.rules > 0, expect: row.tested, value: share}}\n")
	h.Settle()
	got, _ := get(t, h, "/measures/default/tested", 200)
	h.Wants(got, "33")
	got, _ = get(t, h, "/attack", 200)
	h.Wants(got, "What stands on it: Techniques that are tested")
}

// A canary that was found proves a rule without examples; one that was not found
// after it is a failure, unless it was sent a moment ago.
func TestProofs(t *testing.T) {
	db := sqldbtest.SQLite(t, live.Migrations())
	fsys := fstest.MapFS{}
	for _, name := range []string{"found", "lost", "sent", "old"} {
		rule(fsys, name, "attack.t1110", "")
	}
	s := &service{Config: Config{Engine: live.New(live.Config{DB: db, Builtin: fsys, Root: "rules", Now: clock}), Now: clock}}
	for _, p := range []struct {
		rule   string
		ago    time.Duration
		passed int
	}{{"found", 100 * time.Hour, 0}, {"found", 10 * time.Hour, 1}, {"lost", 50 * time.Hour, 1}, {"lost", 5 * time.Hour, 0}, {"sent", 50 * time.Hour, 1}, {"sent", time.Minute, 0}, {"old", 100 * 24 * time.Hour, 1}} {
		if _, err := db.Exec(t.Context(), `INSERT INTO rule_proofs (org, rule, at, passed, detail) VALUES (?, ?, ?, ?, ?)`, "default", p.rule, sqldb.Micros(webtest.Now.Add(-p.ago)), p.passed, ""); err != nil {
			t.Fatal(err)
		}
	}
	rules, err := s.rules(t.Context(), "default", &overall{At: webtest.Now}, time.Now().Add(time.Hour))
	if err != nil || len(rules) != 4 {
		t.Fatalf("%d rules, %v", len(rules), err)
	}
	for _, r := range rules {
		got := []bool{r.tested(webtest.Now.Add(-testedFor)), r.tested(time.Time{}), r.failed() != nil}
		want := map[string][]bool{"found": {true, true, false}, "lost": {true, true, true}, "sent": {true, true, false}, "old": {false, true, false}}[r.Entry.Key]
		if !slices.Equal(got, want) {
			t.Errorf("%s: tested lately, ever, failed: %v, want %v", r.Entry.Key, got, want)
		}
	}
}

// The rules that come with the program, as a server has them, in time.
func TestBuiltin(t *testing.T) {
	s := &service{Config: Config{Engine: live.New(live.Config{Builtin: content.Detections, Root: "detections", Now: clock, Choices: nil}), Store: &arrivals{formats: []string{"cloudtrail", "github", "linux", "auditd", "kubernetes", "okta"}}, Now: clock}}
	o, err := s.overallBy(t.Context(), "default", webtest.Now, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if n, _, _ := o.counts(); o.Trying == 0 || n[Tested] > 0 && o.Trying < 20 {
		t.Errorf("an answer that does not wait says that %d rules are being tried: %v", o.Trying, n)
	}
	for _, x := range o.worth(1000) {
		if x.Trying && !x.Failed {
			t.Errorf("%s is worth closing while its examples are being tried", x.ID)
		}
	}
	begun := time.Now()
	if o, err = s.overall(t.Context(), "default", webtest.Now); err != nil || o.Trying > 0 {
		t.Fatal(o.Trying, err)
	}
	n, all, _ := o.counts()
	t.Logf("%v of %d in %v", n, all, time.Since(begun))
	if n[Tested] < 40 || n[Untested] > 0 {
		t.Errorf("%v", n)
	}
	if o, err = s.overallBy(t.Context(), "default", webtest.Now, time.Now()); err != nil || o.Trying > 0 {
		t.Errorf("the second time %d rules are tried again: %v", o.Trying, err)
	}
}
