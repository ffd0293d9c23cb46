package claim

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// happened is an event of the engine that tests ask.
type happened struct {
	at, seen time.Time
	fields   Row
}

// teller is an engine whose questions are "by FIELD…", one row a value with n and
// the last moment, "count", "raw", and "count FIELD" of those that have one.
type teller struct {
	mu     sync.Mutex
	events []happened
	asked  int
	known  time.Time
	kept   time.Time
	err    error
}

func (e *teller) tell(at time.Time, late time.Duration, pairs ...string) {
	f := Row{}
	for i := 0; i < len(pairs); i += 2 {
		f[pairs[i]] = pairs[i+1]
	}
	e.events = append(e.events, happened{at, at.Add(late), f})
}

func (e *teller) rows(_ context.Context, _ string, q Question) ([]Row, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	if e.err != nil {
		return nil, e.err
	}
	words := strings.Fields(q.Text)
	var found []happened
	for _, x := range e.events {
		if x.at.Before(q.From) || !x.at.Before(q.To) || x.seen.After(q.To) || words[0] == "count" && len(words) > 1 && x.fields[words[1]] == "" {
			continue
		}
		found = append(found, x)
	}
	switch words[0] {
	case "count":
		return []Row{{"n": strconv.Itoa(len(found))}}, nil
	case "raw":
		var out []Row
		for _, x := range found {
			out = append(out, x.fields)
		}
		return out, nil
	}
	by := map[string]Row{}
	for _, x := range found {
		row := Row{}
		for _, f := range words[1:] {
			row[f] = x.fields[f]
		}
		key := fmt.Sprint(row)
		if by[key] != nil {
			row = by[key]
		}
		n, _ := strconv.Atoi(row["n"])
		row["n"], row["last"] = strconv.Itoa(n+1), x.at.Format(time.RFC3339Nano)
		by[key] = row
	}
	var out []Row
	for _, r := range by {
		out = append(out, r)
	}
	return out, nil
}

func (e *teller) language() Language {
	l := Language{Name: "logsql", Rows: e.rows, All: "count", Read: auth.Resource{Room: auth.Security},
		Check: func(text string) error {
			if text == "|" {
				return errors.New("is no query")
			}
			return nil
		},
		Known: func(context.Context, string) (time.Time, error) {
			if e.known.IsZero() {
				return time.Now().AddDate(100, 0, 0), nil
			}
			return e.known, nil
		},
		Kept: func(context.Context, string) (time.Time, error) { return e.kept, nil },
		Narrow: func(text string, fields []FieldValue) string {
			for _, f := range fields {
				text += " " + f.Name + "=" + f.Value
			}
			return text
		}}
	return l
}

// told runs a test on both databases over an engine.
func told(t *testing.T, f func(w *world, e *teller)) {
	var e *teller
	run(t, func(c *Config) { e = &teller{}; c.Languages = []Language{e.language()} }, func(w *world) { f(w, e) })
}

func (w *world) query(text string) {
	w.Helper()
	w.apply("apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: c}\nspec: {room: security, tests: [{name: t, " + text + "}]}\n")
}

// answer is the last run of the test of query, in short.
type shortly struct {
	Verdict    Verdict
	N          int
	Value      string
	Exceptions string
}

func (w *world) answer() (shortly, *Run) {
	w.Helper()
	r := w.view("c").Evidence[0].Last
	if r == nil {
		w.Fatal("it was not run")
	}
	_, a, _, err := w.engine.RunOf(w.Context(), w.as("ana", auth.RoleOwner), entity.NewRef("Claim", "", "c"), r.Seq)
	w.must(err)
	out := shortly{Verdict: r.Verdict, N: r.N}
	if r.Value != nil {
		out.Value = Figure(*r.Value)
	}
	for _, x := range a.Exceptions {
		out.Exceptions += " " + x.Key
	}
	out.Exceptions = strings.TrimSpace(out.Exceptions)
	return out, r
}

func things(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "---\napiVersion: binnacle.dev/v1\nkind: Thing\nmetadata: {name: %s}\nspec: {type: service, cost: 2}\n", n)
	}
	return b.String()
}

// TestQuery: what a question to an engine says of its members, of those of a
// second question, and of what is kept here.
func TestQuery(t *testing.T) {
	told(t, func(w *world, e *teller) {
		w.apply(things("alpha", "beta", "gamma"))
		hour := func(h int) time.Time { return noon.Add(time.Duration(h) * time.Hour) }
		e.tell(hour(-1), 0, "host", "ALPHA", "user", "ana", "mfa", "yes")
		e.tell(hour(-2), 0, "host", "alpha", "user", "ben", "mfa", "no")
		e.tell(hour(-3), 0, "host", "beta", "user", "ana", "mfa", "yes")
		e.tell(hour(-30), 0, "host", "gamma", "user", "eve", "mfa", "no")
		e.tell(hour(-26), 30*time.Hour, "host", "late", "user", "late", "mfa", "no") // came after noon
		e.tell(hour(3), -4*time.Hour, "host", "ahead", "user", "ahead", "mfa", "no") // its clock is ahead
		for _, c := range []struct {
			name, test string
			want       shortly
		}{
			{"rows are the members", `query: {language: logsql, text: by user mfa, key: [user], expect: 'rows.all(r, r.mfa == "yes")'}`, shortly{Fail, 2, "", "ben"}},
			{"as many as a key has", `query: {language: logsql, text: by host user, key: [host, user], expect: row.n > 1}`, shortly{Fail, 3, "", "ALPHA / ana alpha / ben beta / ana"}},
			{"a longer window", `query: {language: logsql, text: by user mfa, window: 48h, key: [user], expect: 'rows.all(r, r.mfa == "yes")', value: share}, must: '> 90'`, shortly{Fail, 3, "33.33333333333333", "ben eve"}},
			{"an allowance", `query: {language: logsql, text: by user mfa, key: [user], expect: 'row.mfa == "yes"', allow: 50%}`, shortly{Pass, 2, "", "ben"}},
			{"silence", `query: {language: logsql, text: by host, key: [host], population: {from: thing}, expect: rows.size() > 0}`, shortly{Fail, 3, "", "thing:default/gamma"}},
			{"the members in part", `query: {language: logsql, text: by host, key: [host], population: {from: thing, where: 'metadata.name != "gamma"'}, expect: rows.size() > 0, value: share}, must: '= 100'`, shortly{Pass, 2, "100", ""}},
			{"by another name", `query: {language: logsql, text: by host, key: [host], population: {from: thing, match: '["none", "BETA"]'}, expect: rows.size() == 1, value: exceptions}, must: '= 0'`, shortly{Pass, 3, "0", ""}},
			{"several rows of one", `query: {language: logsql, text: by host user, key: [host, user], population: {from: thing}, value: max(rows.size())}, must: '= 2'`, shortly{Pass, 3, "2", ""}},
			{"a second question", `query: {language: logsql, text: by host, key: [host], population: {text: by host, window: 7d}, expect: rows.size() > 0}`, shortly{Fail, 4, "", "gamma"}},
			{"a second question about a table", `query: {language: logsql, text: by host, key: [host], population: {from: claims}, expect: rows.size() == 0}`, shortly{Pass, 1, "", ""}},
			{"a number", `query: {language: logsql, text: count}, must: '= 3'`, shortly{Pass, -1, "3", ""}},
			{"none of it", `query: {language: logsql, text: count nothing}, must: '= 0'`, shortly{Pass, -1, "0", ""}},
			{"nothing at all is no data", `query: {language: logsql, text: count nothing, window: 30m}, must: '= 0'`, shortly{NoData, 0, "", ""}},
			{"nobody is no data", `query: {language: logsql, text: by user, window: 30m, key: [user], expect: row.n > 0}`, shortly{NoData, 0, "", ""}},
			{"nobody is no data, of what is kept", `query: {language: logsql, text: by host, key: [host], population: {from: thing, where: 'spec.type == "none"'}, expect: rows.size() > 0}`, shortly{NoData, 0, "", ""}},
			{"a number of nobody", `query: {language: logsql, text: by user, window: 30m, key: [user], value: sum(row.n)}, must: '= 0'`, shortly{NoData, 0, "0", ""}},
			{"rows without a key's field are somebody's", `query: {language: logsql, text: by nothing, key: [nothing], expect: row.n == 1}`, shortly{Fail, 1, "", "–"}},
			{"many rows are no number", `query: {language: logsql, text: by user}, must: '= 0'`, shortly{Failed, -1, "", ""}},
			{"a field that is not there", `query: {language: logsql, text: count, value: m}, must: '= 0'`, shortly{NoData, -1, "", ""}},
		} {
			w.query(c.test)
			got, r := w.answer()
			if diff := cmp.Diff(c.want, got); diff != "" {
				w.Errorf("%s (-want +got):\n%s%s", c.name, diff, r.Reason)
			}
		}
	})
}

// TestQueryAsOf: what comes later is not seen, whenever it happened; a replay
// gives what was given, on a leap day too, and says so when what it asks about is
// not kept any more.
func TestQueryAsOf(t *testing.T) {
	told(t, func(w *world, e *teller) {
		madrid := time.FixedZone("CET", 3600)
		w.clock = time.Date(2028, 2, 29, 0, 30, 0, 0, madrid)
		leap := w.clock
		e.tell(leap.Add(-30*time.Minute), 0, "host", "alpha")
		e.tell(leap.Add(-24*time.Hour+time.Minute), 0, "host", "beta")
		e.tell(leap.Add(-24*time.Hour-time.Minute), 0, "host", "old")
		w.apply(things("alpha", "beta"))
		w.query(`query: {language: logsql, text: by host, window: 48h, key: [host], population: {from: thing}, expect: rows.size() > 0}`)
		got, r := w.answer()
		if want := (shortly{Pass, 2, "", ""}); got != want || !r.AsOf.Equal(r.AsOf.UTC()) {
			w.Fatalf("got %v, want %v", got, want)
		}
		first := r.At
		e.tell(leap.Add(-time.Hour), 2*time.Hour, "host", "gamma") // late
		w.apply(things("gamma"))
		w.clock = w.clock.Add(24*time.Hour + 10*time.Minute)
		w.settle()
		if got, _ := w.answer(); got != (shortly{Fail, 3, "", "thing:default/beta"}) {
			w.Errorf("a day later: %v", got)
		}
		rep, err := w.engine.Replay(w.Context(), w.as("ana", auth.RoleOwner), entity.NewRef("Claim", "", "c"), first)
		w.must(err)
		if len(rep) != 1 || !rep[0].Same || rep[0].Run.Verdict != Pass || rep[0].Run.N != 2 {
			w.Errorf("the replay says %+v", rep[0].Run)
		}
		e.kept = leap
		if rep, err = w.engine.Replay(w.Context(), w.as("ana", auth.RoleOwner), entity.NewRef("Claim", "", "c"), first); err != nil {
			w.Fatal(err)
		}
		if x := rep[0]; x.Same || x.Run.Verdict != Failed || !strings.Contains(x.Run.Reason, "not kept any more") {
			w.Errorf("of what is gone the replay says %v %q", x.Run.Verdict, x.Run.Reason)
		}
	})
}

// TestQueryKnown: an answer is as old as what it could know, and grows stale with
// an engine that lags.
func TestQueryKnown(t *testing.T) {
	told(t, func(w *world, e *teller) {
		e.known = noon.Add(-time.Hour)
		e.tell(noon.Add(-2*time.Hour), 0, "user", "ana")
		e.tell(noon.Add(-time.Minute), 0, "user", "ben")
		w.query(`maxAge: 30m, query: {language: logsql, text: by user, key: [user], expect: row.n > 0}`)
		got, r := w.answer()
		if got.N != 1 || !r.AsOf.Equal(e.known) {
			w.Errorf("%v as of %v", got, r.AsOf)
		}
		if v := w.view("c"); v.Evidence[0].Health != Stale || v.State != Weak {
			w.Errorf("it is %s, %s", v.Evidence[0].Health, v.State)
		}
	})
}

// TestQueryOnce: equal questions of one round are asked once.
func TestQueryOnce(t *testing.T) {
	told(t, func(w *world, e *teller) {
		e.tell(noon.Add(-time.Minute), 0, "user", "ana")
		var b strings.Builder
		for i := range 40 {
			fmt.Fprintf(&b, "---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: c%d}\nspec: {room: security, tests: [{name: t, query: {language: logsql, text: by user, key: [user], expect: row.n > 0}}]}\n", i)
		}
		w.apply(b.String())
		if e.asked == 0 || e.asked > 4 {
			w.Errorf("it was asked %d times", e.asked)
		}
		for _, v := range w.views() {
			if v.State != Supported {
				w.Errorf("%s is %s", v.Ref, v.State)
			}
		}
	})
}

func (w *world) views() []*View {
	w.Helper()
	var list []*entity.Entity
	w.must(w.catalog.Each(w.Context(), w.as("ana", auth.RoleOwner), catalog.Query{Kinds: []string{auth.KindClaim}}, func(x *entity.Entity) error { list = append(list, x); return nil }))
	if len(list) < 40 {
		w.Fatalf("%d claims", len(list))
	}
	out, err := w.engine.ViewsOf(w.Context(), w.as("ana", auth.RoleOwner), list)
	w.must(err)
	return out
}

// TestQueryAbsent: a program without the engine leaves the test to one that has
// it, and keeps the answers of that one.
func TestQueryAbsent(t *testing.T) {
	told(t, func(w *world, e *teller) {
		e.tell(noon.Add(-time.Minute), 0, "user", "ana")
		w.query(`query: {language: logsql, text: by user, key: [user], expect: row.n > 0}`)
		_, before := w.answer()
		there := w.engine.languages["logsql"]
		away := there
		away.Rows = nil
		w.engine.languages["logsql"] = away
		w.query(`query: {language: logsql, text: by user, key: [user], expect: row.n > 1}`)
		if _, r := w.answer(); r.Seq != before.Seq {
			w.Errorf("it was run: %+v", r)
		}
		ref := entity.NewRef("Claim", "", "c")
		if _, err := w.engine.Test(w.Context(), w.as("ana", auth.RoleOwner), ref, ""); !fault.Is(err, fault.Unavailable) {
			w.Errorf("asked for, it says %v", err)
		}
		if rep, err := w.engine.Replay(w.Context(), w.as("ana", auth.RoleOwner), ref, w.clock); err != nil || rep[0].Run.Verdict != Failed {
			w.Errorf("replayed, it says %+v, %v", rep, err)
		}
		w.engine.languages["logsql"] = there
		w.clock = w.clock.Add(putOff)
		w.settle()
		if got, _ := w.answer(); got.Verdict != Fail {
			w.Errorf("with the engine again: %v", got)
		}
	})
}

// TestQueryRefused: what a query asks that is not there, or that its author may
// not read, is an error when it is written.
func TestQueryRefused(t *testing.T) {
	told(t, func(w *world, _ *teller) {
		claim := func(test string) string {
			return "apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: c}\nspec: {room: operations, tests: [{name: t, " + test + "}]}\n"
		}
		for _, c := range []struct{ test, want string }{
			{`query: {language: logsql, text: by a}`, "spec.tests[0].query.key: is required"},
			{`query: {language: logsql, text: by a, expect: 'true'}`, "spec.tests[0].query.expect: needs a key"},
			{`query: {language: logsql, text: by a, key: [a]}`, "spec.tests[0].query.expect: is required"},
			{`query: {language: logsql, text: by a, key: [a], expect: 'spec.type == "x"'}`, "spec is of what is kept here"},
			{`query: {language: logsql, text: by a, key: [a], expect: 'row.'}`, "spec.tests[0].query.expect"},
			{`query: {language: logsql, text: by a, key: [a], expect: 'true', population: {text: b, from: thing}}`, "give one of text and from"},
			{`query: {language: logsql, text: by a, key: [a], expect: 'true', population: {text: "|"}}`, "spec.tests[0].query.population.text: is no query"},
			{`query: {language: logsql, text: by a, key: [a], expect: 'true', population: {from: thin}}`, `spec.tests[0].query.population.from: there is no kind or table "thin"`},
			{`query: {language: logsql, text: by a, key: [a], expect: 'spec.typ == "x"', population: {from: thing}}`, "spec.tests[0].query.expect: at 1:1: Thing has no field spec.typ"},
			{`query: {language: logsql, text: by a, key: [a], expect: 'true', population: {from: thing, where: 'spec.typ == "x"'}}`, "spec.tests[0].query.population.where: at 1:1: Thing has no field spec.typ"},
			{`query: {language: logsql, text: by a, key: [a], expect: 'true', population: {from: thing, match: 'spec.typ'}}`, "spec.tests[0].query.population.match: at 1:1: Thing has no field spec.typ"},
			{`query: {language: logsql, text: by a, key: [a], expect: 'true', population: {from: thing, match: '1'}}`, "gives a int"},
			{`query: {language: logsql, text: by a, window: a day, key: [a], expect: 'true'}`, "spec.tests[0].query.window"},
			{`records: {from: thing, expect: rows.size() == 0}`, "spec.tests[0].records.expect: rows are of questions"},
		} {
			if err := w.tryApply(w.as("ana", auth.RoleOwner), claim(c.test)); err == nil || !strings.Contains(err.Error()+fmt.Sprintf("%+v", fault.ProblemsOf(err)), c.want) {
				w.Errorf("%s: %v\nwant %q", c.test, err, c.want)
			}
		}
		narrow := w.as("bot", auth.RoleOwner)
		narrow.Token, narrow.Scopes = "t", []auth.Scope{"read:operations"}
		if got := w.engine.checkQuery(narrow, "spec", &Query{Language: "logsql", Text: "by a", Key: []string{"a"}, Expect: "true"}); len(got) != 1 || got[0].Code != "query-refused" {
			w.Errorf("who may not read events: %v", got)
		}
		if got := w.engine.MayReadMembers(narrow, &Probe{Test: Test{Query: &Query{Language: "logsql"}}}); got == nil {
			w.Error("who may not read events may read who is found by them")
		}
	})
}

// TestLook: what is behind an answer can be looked at.
func TestLook(t *testing.T) {
	told(t, func(w *world, _ *teller) {
		r := &Run{AsOf: noon}
		p := func(q Query) *Probe { q.Language = "logsql"; return &Probe{Test: Test{Query: &q}} }
		f := func(q Query, member string, want Look, ok bool) {
			t.Helper()
			want.Language = "logsql"
			if !ok {
				want = Look{}
			}
			got, is := w.engine.Look(p(q), r, member)
			if diff := cmp.Diff(want, got); diff != "" || is != ok {
				t.Errorf("%v %q: %v\n%s", q, member, is, diff)
			}
		}
		day := noon.Add(-24 * time.Hour)
		f(Query{Text: "by a"}, "", Look{Text: "by a", From: day, To: noon}, true)
		f(Query{Text: "by a", Key: []string{"a"}}, "x / y", Look{Text: "by a a=x / y", From: day, To: noon}, true)
		f(Query{Text: "by a", Key: []string{"a", "b"}}, "x / –", Look{Text: "by a a=x b=", From: day, To: noon}, true)
		f(Query{Text: "by a", Key: []string{"a", "b"}}, "x / y / z", Look{}, false)
		f(Query{Text: "by a", Key: []string{"a"}, Population: &Population{Text: "all", Window: "2h"}}, "x", Look{Text: "by a a=x", From: day, To: noon}, true)
		f(Query{Text: "by a", Key: []string{"a"}, Population: &Population{From: "thing"}}, "thing:default/x", Look{}, false)
	})
}

func TestFigureOf(t *testing.T) {
	f := func(s string, want bool) {
		t.Helper()
		if _, got := figureOf(s); got != want {
			t.Errorf("figureOf(%q) = %v", s, got)
		}
	}
	for _, s := range []string{"0", "7", "-3", "1.5", "1234567"} {
		f(s, true)
	}
	for _, s := range []string{"", "-", "007", "1.10", "12e4", "0x1f", "NaN", "Inf", "10.0.0.1", " 1", "1 ", "12345678901234567890"} {
		f(s, false)
	}
}
