package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// TestChangeWhileAsked: what changes between the question and the writing of its
// answer is asked again.
func TestChangeWhileAsked(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(described + aThing("a", ", description: x"))
		v := w.state("described", Supported)
		for _, why := range []string{"schedule", "request"} {
			jobs := []job{{org, v.UID, "all", why}}
			if why == "schedule" {
				_, err := w.db.Exec(w.Context(), `UPDATE claim_due SET due = 1`)
				w.must(err)
			}
			asked, err := w.engine.ask(w.Context(), org, jobs)
			w.must(err)
			w.must(w.tryApply(w.as("ana", auth.RoleOwner), aThing("a", "")))
			f := feed.New(w.db)
			batch, _, err := f.Page(w.Context(), w.cursor, 500, w.watch.Types...)
			w.must(err)
			w.must(w.db.Tx(w.Context(), func(tx *sqldb.Tx) error { return w.watch.Handle(w.Context(), tx, batch) }))
			w.must(w.db.Tx(w.Context(), func(tx *sqldb.Tx) error { return w.engine.write(w.Context(), tx, org, asked) }))
			_, err = w.engine.Drain(w.Context())
			w.must(err)
			w.state("described", Contradicted)
			w.apply(aThing("a", ", description: x"))
			w.state("described", Supported)
		}
	})
}

// TestOneThatCannotBeAsked: a test that breaks the program keeps no other from
// being carried out, and is tried again.
func TestOneThatCannotBeAsked(t *testing.T) {
	broken := true
	table := &Table{Name: "odd", Title: lang.T("Odd", "Raro"), Doc: lang.T("Odd.", "Raro."), Fields: []Column{{"n", lang.T("N", "N")}},
		Scan: func(_ context.Context, _ sqldb.Querier, _ string, _ Moment, yield Yield) error {
			if broken {
				return errors.New("broken")
			}
			return yield("a", "A", map[string]any{"n": 1})
		}}
	run(t, func(c *Config) { c.Tables = []*Table{table} }, func(w *world) {
		broken = true
		w.apply(described + "---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: odd}\nspec: {room: operations, tests: [{name: n, records: {from: odd, expect: row.n == 1}}]}\n" + aThing("a", ", description: x"))
		w.state("described", Supported)
		w.state("odd", Unsupported)
		broken = false
		w.clock = w.clock.Add(putOff + time.Minute)
		w.settle()
		w.state("odd", Supported)
	})
}

// TestSystemsThatMisbehave: whatever another system does is an answer, which
// tells nothing of the address beyond host and path; others are asked beside it.
func TestSystemsThatMisbehave(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/broken":
			rw.Header().Set("Content-Length", "100")
			fmt.Fprint(rw, `{"n":`)
		case "/gone":
			panic(http.ErrAbortHandler)
		case "/nul":
			fmt.Fprint(rw, `{"n": "a\u0000`+strings.Repeat("b", 10_000)+`"}`)
		default:
			fmt.Fprint(rw, `{"n": 1}`)
		}
	}))
	defer server.Close()
	run(t, nil, func(w *world) {
		measure := func(name, url string) string {
			return "---\napiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: " + name + "}\nspec: {room: operations, direction: up, target: 1, number: {url: \"" + url + "\", path: n}}\n"
		}
		text := measure("broken", server.URL+"/broken?token=hidden") + measure("gone", server.URL+"/gone?token=hidden") + measure("nul", server.URL+"/nul?token=hidden")
		for i := range atOnce + 5 {
			text += measure(fmt.Sprint("fine", i), server.URL+"/fine")
		}
		w.apply(text)
		for _, name := range []string{"broken", "gone", "nul"} {
			v := w.state("measure:"+name, Unsupported)
			last := v.Evidence[0].Last
			if last == nil || last.Verdict != Failed || last.Reason == "" || len(last.Reason) > 4*maxReason || strings.Contains(last.Reason, "hidden") || strings.Contains(last.Reason, "\x00") {
				w.Errorf("%s: %+v", name, last)
			}
		}
		for i := range atOnce + 5 {
			w.state(fmt.Sprint("measure:fine", i), Supported)
		}
	})
}

// TestClocks: a node whose clock is a little late says something later all the
// same, and a clock that was far ahead does not have the last word.
func TestClocks(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(described + aThing("a", ", description: x"))
		cfg := w.engine.cfg
		cfg.Now = func() time.Time { return w.clock.Add(-30 * time.Second) }
		late := New(cfg)
		w.must(w.tryApply(w.as("ana", auth.RoleOwner), aThing("a", "")))
		runs, err := late.Test(w.Context(), w.as("ana", auth.RoleOwner), entity.NewRef("claim", "", "described"), "")
		w.must(err)
		if runs[0].Verdict != Fail {
			w.Errorf("%+v", runs[0])
		}
		w.state("described", Contradicted)

		cfg.Now = func() time.Time { return w.clock.Add(1000 * time.Hour) }
		_, err = New(cfg).Test(w.Context(), w.as("ana", auth.RoleOwner), entity.NewRef("claim", "", "described"), "")
		w.must(err)
		w.apply(aThing("a", ", description: x"))
		w.state("described", Supported)
	})
}

// TestRenamedAndRestored: runs, exceptions and what leans on a claim follow it
// under another name; what is deleted has no state, and comes back with its runs.
func TestRenamedAndRestored(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(described + aThing("old", "") + "---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: above}\nspec: {room: operations, leansOn: [\"claim:described\"], tests: [{name: n, records: {from: thing, expect: \"true\"}}]}\n")
		w.state("above", Weak)
		ex := "apiVersion: binnacle.dev/v1\nkind: Exception\nmetadata: {name: old}\nspec: {claim: \"claim:described\", items: [\"thing:default/old\"], reason: ends in March, until: \"2026-03-31\", state: "
		max, leila := w.as("max", auth.RoleLead), w.as("leila", auth.RoleLead)
		w.must(w.tryApply(max, ex+"requested}\n"))
		w.must(w.tryApply(leila, ex+"approved}\n"))
		w.settle()
		before := w.state("described", Supported)
		for _, who := range []string{"ana", "leila"} {
			role := map[string]auth.Role{"ana": auth.RoleOwner, "leila": auth.RoleLead}[who]
			_, err := w.catalog.Rename(w.Context(), w.as(who, role), before.Entity.Ref(), "described-by-"+who)
			w.must(err)
			w.settle()
			v := w.state("described-by-"+who, Supported)
			if v.UID != before.UID || v.Evidence[0].Last.Seq < before.Evidence[0].Last.Seq {
				w.Errorf("after the name changed: %+v", v)
			}
			w.state("above", Supported)
			w.clock = w.clock.Add(25 * time.Hour)
			w.settle()
			before = w.state("described-by-"+who, Supported)
		}
		w.apply(aThing("new", ""))
		w.state("above", Weak)

		ana := w.as("ana", auth.RoleOwner)
		_, err := w.catalog.Delete(w.Context(), ana, before.Entity.Ref(), 0)
		w.must(err)
		w.settle()
		for _, table := range []string{"claim_states", "claim_due", "claim_sources"} {
			var n int
			w.must(w.db.QueryRow(w.Context(), `SELECT count(*) FROM `+table+` WHERE claim = ?`, before.UID).Scan(&n))
			if n > 0 {
				w.Errorf("%s has %d rows of what is deleted", table, n)
			}
		}
		w.state("above", Supported)
		_, err = w.catalog.Restore(w.Context(), ana, before.Entity.Ref(), 1)
		w.must(err)
		w.settle()
		v := w.state("described-by-leila", Contradicted)
		if v.Evidence[0].Last.Seq <= before.Evidence[0].Last.Seq {
			w.Errorf("its runs begin anew: %d", v.Evidence[0].Last.Seq)
		}
		w.state("above", Weak)
		report, err := w.engine.Verify(w.Context(), org, "")
		w.must(err)
		if len(report.Broken) > 0 {
			w.Errorf("%+v", report.Broken)
		}
	})
}

// TestAskedBeyondOnesRights: a test over records that its author may not read is
// refused, since its answers would tell of them.
func TestAskedBeyondOnesRights(t *testing.T) {
	run(t, nil, func(w *world) {
		narrow := w.as("bot", auth.RoleOwner)
		narrow.Token, narrow.Scopes = "t", []auth.Scope{"read:strategy"}
		if got := w.engine.checkRecords(narrow, "spec", &Records{From: "thing"}); len(got) != 1 || got[0].Code != "source-refused" {
			w.Errorf("got %+v", got)
		}
		if got := w.engine.checkRecords(w.as("max", auth.RoleLead), "spec", &Records{From: "thing"}); len(got) > 0 {
			w.Errorf("got %+v", got)
		}
	})
}

// TestTwoNodes: two nodes test, take words and change what is leant on at once;
// the chains hold, and every state is what its evidence gives.
func TestTwoNodes(t *testing.T) {
	run(t, nil, func(w *world) {
		var mu sync.Mutex
		clock := w.clock
		now := func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			clock = clock.Add(time.Millisecond)
			return clock
		}
		var text strings.Builder
		for i := range 6 {
			leans := ""
			if i > 0 {
				leans = fmt.Sprintf("leansOn: [\"claim:c%d\"], ", i-1)
			}
			fmt.Fprintf(&text, "---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: c%d, owner: \"user:ana\"}\nspec: {room: operations, %stests: [{name: word, attest: {goodFor: 30d}}, {name: all, records: {from: thing, expect: has(metadata.description)}}]}\n", i, leans)
		}
		w.apply(text.String() + aThing("a", ", description: x"))
		ana := w.as("ana", auth.RoleOwner)
		var wg sync.WaitGroup
		for node := range 2 {
			cfg := w.engine.cfg
			cfg.Now = now
			e := New(cfg)
			for worker := range 2 {
				wg.Go(func() {
					for i := range 8 {
						ref := entity.NewRef("claim", "", fmt.Sprint("c", (i+3*worker+node)%6))
						var err error
						if worker == 0 {
							_, err = e.Say(w.Context(), ana, ref, Word{Holds: i%2 == 0, Note: "so it is"})
						} else {
							_, err = e.Test(w.Context(), ana, ref, "")
						}
						if err != nil {
							t.Errorf("node %d: %v", node, err)
						}
					}
				})
			}
		}
		wg.Wait()
		w.clock = now()
		var before []string
		read := func() (out []string) {
			w.must(sqldb.Each(w.Context(), w.db, func(s sqldb.Row) error {
				var ref, own, state, doubts string
				err := s.Scan(&ref, &own, &state, &doubts)
				out = append(out, ref+" "+own+" "+state+" "+doubts)
				return err
			}, `SELECT ref, own, state, doubts FROM claim_states ORDER BY ref`))
			return out
		}
		before = read()
		var uids []string
		views, err := w.engine.Views(w.Context(), ana, Filter{})
		w.must(err)
		for _, v := range views {
			uids = append(uids, v.UID)
		}
		w.must(w.db.Tx(w.Context(), func(tx *sqldb.Tx) error { return w.engine.restate(w.Context(), tx, org, uids) }))
		if after := read(); strings.Join(before, "\n") != strings.Join(after, "\n") {
			w.Errorf("states were\n%s\nand are, computed anew,\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
		}
		report, err := w.engine.Verify(w.Context(), org, "")
		w.must(err)
		if len(report.Broken) > 0 {
			w.Errorf("%+v", report.Broken)
		}
	})
}

// TestTooMuchToAsk: who is asked must be found out of everybody. One for whom
// that takes too long is no reason to be green without them.
func TestTooMuchToAsk(t *testing.T) {
	run(t, nil, func(w *world) {
		const ten = "[0,1,2,3,4,5,6,7,8,9]"
		long := ten + ".all(a, " + ten + ".all(b, " + ten + ".all(c, " + ten + ".all(d, " + ten + ".all(e, a + b + c + d + e >= 0)))))"
		w.apply(strings.Replace(described, `spec.type == "service"`, `'metadata.name != "big" || `+long+`'`, 1) + aThing("a", ", description: x") + aThing("big", ""))
		v := w.state("described", Unsupported)
		if last := v.Evidence[0].Last; last == nil || last.Verdict != Failed || !strings.Contains(last.Reason, "thing:default/big") {
			w.Errorf("%+v", last)
		}
	})
}

// TestDoubtBeyondOnesRights: what is in doubt is not named to who may not read
// it; the doubt itself stays.
func TestDoubtBeyondOnesRights(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply("apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: m, owner: \"user:ana\"}\nspec: {room: operations, direction: up, target: 1, records: {from: thing, value: sum(60)}}\n---\napiVersion: binnacle.dev/v1\nkind: Goal\nmetadata: {name: g}\nspec: {measure: \"measure:m\"}\n" +
			"---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: hush, title: The merger holds}\nspec: {room: strategy, subject: \"goal:g\", tests: [{name: n, records: {from: thing, expect: \"false\"}}]}\n" + aThing("a", ""))
		narrow := w.as("ana", auth.RoleOwner)
		narrow.Token, narrow.Scopes = "t", []auth.Scope{"read:strategy"}
		goal := entity.NewRef("goal", "", "g")
		for name, c := range map[string]struct {
			caller catalog.Caller
			tells  bool
		}{"all": {w.as("ana", auth.RoleOwner), true}, "strategy alone": {narrow, false}} {
			v, err := w.engine.Get(w.Context(), c.caller, goal)
			w.must(err)
			on, of, err := w.engine.Leans(w.Context(), c.caller, v.Entity)
			w.must(err)
			told, err := json.Marshal([]any{v.Tell("en"), v.Tell("es"), on, of})
			w.must(err)
			if got := strings.Contains(string(told), "merger") || strings.Contains(string(told), "hush"); got != c.tells {
				t.Errorf("who reads %s is told %t of the claim: %s", name, got, told)
			}
			if v.State != Weak || !strings.Contains(v.Why.En, "leans on") {
				t.Errorf("who reads %s is told it is %s: %s", name, v.State, v.Why.En)
			}
		}
	})
}
