package claim

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

type thing struct {
	Type  string  `json:"type,omitempty" en:"Type" es:"Tipo"`
	Cost  float64 `json:"cost,omitempty" en:"Cost" es:"Coste"`
	Seen  string  `json:"seen,omitempty" en:"Seen" es:"Visto" type:"date"`
	Goal  string  `json:"goal,omitempty" en:"Goal" es:"Meta" ref:"measure" rel:"measuredBy,measures"`
	Leans string  `json:"leans,omitempty" en:"Leans" es:"Apoyo" ref:"*" rel:"leansOn,holdsUp"`
	Group string  `json:"group,omitempty" en:"Group" es:"Grupo" ref:"thing" rel:"memberOf,hasMember"`
}

// world is a catalog with an engine whose clock the test turns.
type world struct {
	testing.TB
	db      *sqldb.DB
	catalog *catalog.Catalog
	engine  *Engine
	clock   time.Time
	watch   feed.Watch
	cursor  int64
}

const org = "acme"

func newWorld(t testing.TB, db *sqldb.DB, change func(*Config)) *world {
	t.Helper()
	w := &world{TB: t, db: db, clock: noon}
	now := func() time.Time { w.clock = w.clock.Add(time.Millisecond); return w.clock }
	thing := catalog.Of[thing](catalog.Kind{Name: "Thing", Plural: "things", Room: auth.Operations, Title: lang.T("Thing", "Cosa"), Titles: lang.T("Things", "Cosas")}, nil)
	goal := catalog.Stated[Status](catalog.Of[struct {
		Measure string `json:"measure" en:"Measure" es:"Medida" ref:"measure" rel:"measuredBy,measures"`
	}](catalog.Kind{Name: "Goal", Plural: "goals", Room: auth.Strategy, Title: lang.T("Goal", "Meta"), Titles: lang.T("Goals", "Metas")}, nil))
	w.catalog = catalog.New(db, catalog.NewKinds(append(Kinds(), thing, goal)...), catalog.WithClock(now))
	cfg := Config{DB: db, Catalog: w.catalog, Feed: feed.New(db), Now: now, Client: http.DefaultClient, Keys: plainKeys{},
		Bearers: []Bearer{{Kind: "Goal", Claim: func(e *entity.Entity, _ Find) (Definition, error) {
			s, err := catalog.Spec[struct {
				Measure string `json:"measure"`
			}](e)
			return Definition{Room: auth.Strategy, Probes: []Probe{{Test: Test{Name: "value", Measure: &Measured{Measure: s.Measure}}}},
				Judge: func(v float64, _ time.Time) (Zone, []Step) {
					if v >= 50 {
						return OK, nil
					}
					return Bad, nil
				}}, err
		}}}}
	if change != nil {
		change(&cfg)
	}
	w.engine = New(cfg)
	w.watch = w.engine.Watches()[0]
	return w
}

type plainKeys struct{}

func (plainKeys) Seal(_ context.Context, secret []byte, _ string) (string, error) {
	return hex.EncodeToString(secret), nil
}

func (plainKeys) Open(_ context.Context, sealed, _ string) ([]byte, error) {
	return hex.DecodeString(sealed)
}

func (w *world) as(name string, role auth.Role) catalog.Caller {
	return catalog.Caller{Principal: auth.Principal{Account: name, Name: name, Org: org, Role: role, UserRef: "user:default/" + name, Via: "web"}, Manager: "form"}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// apply writes YAML as the owner and works until nothing is due.
func (w *world) apply(text string) {
	w.Helper()
	w.must(w.tryApply(w.as("ana", auth.RoleOwner), text))
	w.settle()
}

func (w *world) tryApply(caller catalog.Caller, text string) error {
	docs, err := w.catalog.Decode("t.yaml", []byte(text))
	if err != nil {
		return err
	}
	_, err = w.catalog.Apply(w.Context(), caller, docs, catalog.ApplyOptions{})
	return err
}

// settle lets the watch take in the feed and runs what is due.
func (w *world) settle() {
	w.Helper()
	f := feed.New(w.db)
	for {
		batch, next, err := f.Page(w.Context(), w.cursor, 500, w.watch.Types...)
		w.must(err)
		if len(batch) > 0 {
			w.must(w.db.Tx(w.Context(), func(tx *sqldb.Tx) error { return w.watch.Handle(w.Context(), tx, batch) }))
		}
		n, err := w.engine.Drain(w.Context())
		w.must(err)
		if w.cursor == next && n == 0 {
			return
		}
		w.cursor = next
	}
}

func (w *world) view(ref string) *View {
	w.Helper()
	r, err := entity.ParseRef(ref, "claim", "")
	w.must(err)
	v, err := w.engine.Get(w.Context(), w.as("ana", auth.RoleOwner), r)
	w.must(err)
	return v
}

func (w *world) state(ref string, want State) *View {
	w.Helper()
	v := w.view(ref)
	if v.State != want {
		w.Errorf("%s is %s (%s), want %s", ref, v.State, v.Why.En, want)
	}
	return v
}

func run(t *testing.T, change func(*Config), f func(*world)) {
	steps := append(append(append(feed.Migrations(), audit.Migrations()...), catalog.Migrations()...), Migrations()...)
	sqldbtest.Run(t, steps, func(t *testing.T, db *sqldb.DB) { f(newWorld(t, db, change)) })
}

const described = `apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: described, title: Every service is described, owner: "user:ana"}
spec:
  room: operations
  tests:
  - name: all
    title: Services without a description
    records: {from: thing, where: spec.type == "service", expect: has(metadata.description)}
`

func aThing(name, more string) string {
	return fmt.Sprintf("---\napiVersion: binnacle.dev/v1\nkind: Thing\nmetadata: {name: %s%s}\nspec: {type: service}\n", name, more)
}

// TestLife follows one claim: nobody to ask, then met, contradicted by an edit,
// met again, and stale when nobody runs it any more.
func TestLife(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(described)
		v := w.state("described", Unsupported)
		if got := v.Evidence[0]; got.Health != Missing || got.Last == nil || got.Last.Verdict != NoData || got.Last.N != 0 {
			w.Errorf("with nobody to ask the evidence is %+v", got)
		}
		w.apply(aThing("a", ", description: x") + aThing("b", ", description: y"))
		w.state("described", Supported)
		w.apply(aThing("c", ""))
		v = w.state("described", Contradicted)
		if last := v.Evidence[0].Last; last.N != 3 || last.Exceptions != 1 || last.Why != "change" {
			w.Errorf("the run found %d of %d, because of %s", last.Exceptions, last.N, last.Why)
		}
		if want := "Services without a description: 1 of 3 does not meet it."; v.Why.En != want {
			w.Errorf("why: %q, want %q", v.Why.En, want)
		}
		since := v.Since
		_, a, _, err := w.engine.RunOf(w.Context(), w.as("ana", auth.RoleOwner), v.Entity.Ref(), v.Evidence[0].Last.Seq)
		w.must(err)
		if diff := cmp.Diff([]Item{{Key: "thing:default/c", Title: "c"}}, a.Exceptions); diff != "" {
			w.Errorf("exceptions (-want +got):\n%s", diff)
		}
		w.apply(aThing("d", ""))
		if v := w.state("described", Contradicted); !v.Since.Equal(since) {
			w.Errorf("another exception moved since from %s to %s", since, v.Since)
		}
		w.apply(aThing("c", ", description: z") + aThing("d", ", description: z"))
		w.state("described", Supported)

		status, err := w.catalog.Get(w.Context(), w.as("ana", auth.RoleOwner), v.Entity.Ref())
		w.must(err)
		if !strings.Contains(string(status.Status), `"state":"supported"`) {
			w.Errorf("the list shows %s", status.Status)
		}
		w.clock = w.clock.Add(47 * time.Hour)
		w.state("described", Supported)
		w.clock = w.clock.Add(2 * time.Hour)
		if v := w.state("described", Weak); v.Health() != Stale {
			w.Errorf("health %s, want stale", v.Health())
		}
		w.settle()
		w.state("described", Supported)

		turns, err := w.engine.Turns(w.Context(), w.as("ana", auth.RoleOwner), "", time.Time{}, 100)
		w.must(err)
		var got []string
		for _, x := range turns {
			got = append(got, string(x.State))
		}
		want := []string{"supported", "contradicted", "supported", "unsupported"}
		if diff := cmp.Diff(want, got); diff != "" {
			w.Errorf("turns, newest first (-want +got):\n%s", diff)
		}
	})
}

// TestChangeThatChangesNothing: an edit of what a test does not look at makes no
// run.
func TestChangeThatChangesNothing(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(described + aThing("a", ", description: x"))
		before := w.view("described").Evidence[0].Last.Seq
		w.apply(aThing("a", ", description: other"))
		if got := w.view("described").Evidence[0].Last.Seq; got != before {
			w.Errorf("run %d was written though nothing new was found", got)
		}
	})
}

func TestMeasuresAndFormulas(t *testing.T) {
	run(t, nil, func(w *world) {
		m := func(name, rest string) string {
			return "---\napiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: " + name + "}\nspec: {room: operations, direction: up, " + rest + "}\n"
		}
		w.apply(m("cost", `records: {from: thing, value: "sum(spec.cost)"}`) + m("all", `records: {from: thing, value: count}`) +
			m("services", `records: {from: thing, where: "spec.type == 'service'", value: count}`) +
			m("share", `target: 60, limit: 50, unit: "%", formula: {value: "some / whole * 100.0", of: [{name: some, measure: services}, {name: whole, measure: all}]}`) +
			"---\napiVersion: binnacle.dev/v1\nkind: Goal\nmetadata: {name: g}\nspec: {measure: share}\n")
		w.state("measure:cost", Unsupported)
		w.state("measure:share", Unsupported)
		w.state("goal:g", Unsupported)
		w.apply(`---
apiVersion: binnacle.dev/v1
kind: Thing
metadata: {name: a}
spec: {type: service, cost: 1}
---
apiVersion: binnacle.dev/v1
kind: Thing
metadata: {name: b}
spec: {type: library, cost: 3}
`)
		v := w.state("measure:cost", Supported)
		_, a, _, err := w.engine.RunOf(w.Context(), w.as("ana", auth.RoleOwner), v.Entity.Ref(), v.Evidence[0].Last.Seq)
		w.must(err)
		if got := a.Steps[len(a.Steps)-1].Text().En; got != "4 = 1 + 3" {
			w.Errorf("the derivation ends with %q", got)
		}
		share := w.state("measure:share", Supported)
		if *share.Value != 50 || share.Zone != Warn {
			w.Errorf("share %v %s", *share.Value, share.Zone)
		}
		w.state("goal:g", Supported)
		w.apply("---\napiVersion: binnacle.dev/v1\nkind: Thing\nmetadata: {name: c}\nspec: {type: library, cost: 2}\n")
		if v := w.state("goal:g", Contradicted); v.Evidence[0].Last.Zone != Bad {
			w.Errorf("the goal reads %s", v.Evidence[0].Last.Zone)
		}
		points, err := w.engine.History(w.Context(), w.as("ana", auth.RoleOwner), share.Entity.Ref(), "", noon, w.clock)
		w.must(err)
		var values []string
		for _, p := range points {
			if p.Value != nil {
				values = append(values, Figure(*p.Value))
			}
		}
		if len(values) < 2 || values[0] != "50" || !strings.HasPrefix(values[len(values)-1], "33.3") {
			w.Errorf("history %v", values)
		}
	})
}

func TestTypedAndAttested(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply("apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: mood, owner: \"user:ana\"}\nspec: {room: people, direction: up, target: 7, typed: {goodFor: 30d}}\n" +
			"---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: pentest, owner: \"user:leila\"}\nspec: {room: security, tests: [{name: report, attest: {goodFor: 90d}}]}\n")
		w.state("measure:mood", Unsupported)
		mood, pentest := entity.NewRef("measure", "", "mood"), entity.NewRef("claim", "", "pentest")
		if _, err := w.engine.Say(w.Context(), w.as("max", auth.RoleMember), mood, Word{Value: 8}); !fault.Is(err, fault.Forbidden) {
			w.Errorf("a member who does not answer for it typed a number of the people room: %v", err)
		}
		_, err := w.engine.Say(w.Context(), w.as("ana", auth.RoleOwner), mood, Word{Value: 8, Note: "asked around"})
		w.must(err)
		if v := w.state("measure:mood", Weak); !v.Asserted || *v.Value != 8 || v.Evidence[0].Last.By != "user:default/ana" {
			w.Errorf("the typed number is %+v", v.Evidence[0].Last)
		} else if due, err := w.engine.Due(w.Context(), org, v.UID); err != nil || len(due) != 0 {
			w.Errorf("what only a person can say is due by a schedule: %v, %v", due, err)
		}
		_, err = w.engine.Say(w.Context(), w.as("max", auth.RoleCISO), pentest, Word{Holds: true})
		w.must(err)
		w.state("pentest", Weak)
		_, err = w.engine.Say(w.Context(), w.as("leila", auth.RoleMember), pentest, Word{Holds: true})
		w.must(err)
		w.state("pentest", Supported)
		w.clock = w.clock.Add(91 * 24 * time.Hour)
		w.settle()
		w.state("pentest", Weak)
		w.state("measure:mood", Weak)
		if _, err := w.engine.Say(w.Context(), w.as("leila", auth.RoleMember), pentest, Word{Holds: false}); !fault.Is(err, fault.Invalid) {
			w.Errorf("a no without a word why was taken: %v", err)
		}
		_, err = w.engine.Say(w.Context(), w.as("leila", auth.RoleMember), pentest, Word{Holds: false, Note: "the tester never came"})
		w.must(err)
		if why := w.state("pentest", Contradicted).Why.En; why != "leila says that it does not hold." {
			w.Errorf("why: %q", why)
		}
		if _, err := w.engine.Say(w.Context(), w.as("leila", auth.RoleMember), pentest, Word{Holds: true, AsOf: w.clock.Add(time.Hour)}); !fault.Is(err, fault.Invalid) {
			w.Errorf("a word about the future was taken: %v", err)
		}
		if _, err := w.engine.Test(w.Context(), w.as("ana", auth.RoleOwner), pentest, ""); !fault.Is(err, fault.Invalid) {
			w.Errorf("an attestation was run: %v", err)
		}
	})
}

func TestExceptions(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(described + aThing("a", ", description: x") + aThing("old", ""))
		w.state("described", Contradicted)
		ex := func(state, more string) string {
			return "apiVersion: binnacle.dev/v1\nkind: Exception\nmetadata: {name: old}\nspec: {claim: \"claim:described\", items: [\"thing:default/old\"], reason: ends in March, until: \"2026-03-31\", state: " + state + more + "}\n"
		}
		max, leila, eve := w.as("max", auth.RoleLead), w.as("leila", auth.RoleLead), w.as("eve", auth.RoleMember)
		if err := w.tryApply(max, ex("approved", "")); !fault.Is(err, fault.Invalid) {
			w.Errorf("an exception began approved: %v", err)
		}
		w.must(w.tryApply(max, ex("requested", "")))
		w.must(w.tryApply(max, strings.Replace(ex("requested", ", requestedBy: \"user:default/leila\""), "name: old", "name: forged", 1)))
		forged, err := w.catalog.Get(w.Context(), max, entity.NewRef("exception", "", "forged"))
		w.must(err)
		if !strings.Contains(string(forged.Spec), `"requestedBy":"user:default/max"`) {
			w.Errorf("somebody asks in another's name: %s", forged.Spec)
		}
		w.settle()
		w.state("described", Contradicted)
		if err := w.tryApply(max, ex("approved", "")); !fault.Is(err, fault.Forbidden) {
			w.Errorf("who asks approved it: %v", err)
		}
		auditor := w.as("aud", auth.RoleAuditor)
		if err := w.tryApply(auditor, ex("approved", "")); !fault.Is(err, fault.Forbidden) {
			w.Errorf("an auditor approved it: %v", err)
		}
		w.must(w.tryApply(leila, ex("approved", "")))
		w.settle()
		v := w.state("described", Supported)
		if last := v.Evidence[0].Last; last.Verdict != Fail || last.Excused != 1 || last.ExcusedBy != "exception:default/old" {
			w.Errorf("beside the exception the raw verdict is %s, excused %d by %q", last.Verdict, last.Excused, last.ExcusedBy)
		}
		e, err := w.catalog.Get(w.Context(), max, entity.NewRef("exception", "", "old"))
		w.must(err)
		s, err := catalog.Spec[ExceptionSpec](e)
		w.must(err)
		if s.RequestedBy != "user:default/max" || s.DecidedBy != "user:default/leila" || s.DecidedAt == "" {
			w.Errorf("requested by %s, decided by %s at %q", s.RequestedBy, s.DecidedBy, s.DecidedAt)
		}
		w.must(w.tryApply(eve, aThing("new", "")))
		w.settle()
		w.state("described", Contradicted)
		w.apply(aThing("new", ", description: x"))
		w.state("described", Supported)
		w.clock = time.Date(2026, 3, 31, 23, 0, 0, 0, time.UTC)
		w.settle()
		w.state("described", Supported)
		w.clock = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		w.state("described", Contradicted)
		w.settle()
		w.state("described", Contradicted)
		if err := w.tryApply(max, strings.Replace(ex("approved", ""), "2026-03-31", "2026-09-30", 1)); !fault.Is(err, fault.Invalid) {
			w.Errorf("an approval was stretched: %v", err)
		}
		w.must(w.tryApply(max, strings.Replace(ex("requested", ""), "2026-03-31", "2026-09-30", 1)))
		w.settle()
		w.state("described", Contradicted)
	})
}

func TestDoubtInTheStore(t *testing.T) {
	run(t, nil, func(w *world) {
		c := func(name, leans string) string {
			return "---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: " + name + "}\nspec: {room: operations, subject: \"thing:s-" + name + "\", leansOn: [" + leans + "], tests: [{name: t, records: {from: thing, where: \"metadata.name.startsWith('" + name + "')\", expect: has(metadata.description)}}]}\n"
		}
		w.apply(c("a", `"claim:b"`) + c("b", `"thing:x-bridge"`) + c("c", `"claim:a"`) + c("d", "") +
			aThing("a1", ", description: x") + aThing("b1", ", description: x") + aThing("c1", ", description: x") + aThing("d1", ", description: x") +
			"---\napiVersion: binnacle.dev/v1\nkind: Thing\nmetadata: {name: x-bridge}\nspec: {leans: \"thing:s-d\"}\n---\napiVersion: binnacle.dev/v1\nkind: Thing\nmetadata: {name: s-d}\nspec: {}\n")
		for _, name := range []string{"a", "b", "c", "d"} {
			w.state(name, Supported)
		}
		w.apply(aThing("d2", ""))
		w.state("d", Contradicted)
		for _, name := range []string{"a", "b", "c"} {
			if v := w.state(name, Weak); len(v.Doubts) != 1 || v.Doubts[0].Ref != "claim:default/d" || v.Own != Supported {
				w.Errorf("%s: doubts %+v, own %s", name, v.Doubts, v.Own)
			}
		}
		w.apply(aThing("d2", ", description: x"))
		for _, name := range []string{"a", "b", "c", "d"} {
			w.state(name, Supported)
		}
	})
}

func TestNumberFromElsewhere(t *testing.T) {
	answer, status := `{"data":{"up":"99.2"},"at":1772323200}`, 200
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(status)
		fmt.Fprint(rw, answer)
	}))
	defer server.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "n.json"), []byte(`{"n": 7}`), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, func(c *Config) { c.Files = dir }, func(w *world) {
		answer, status = `{"data":{"up":"99.2"},"at":1772323200}`, 200
		w.apply("apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: up}\nspec: {room: operations, direction: up, target: 99, maxAge: 48h, number: {url: \"" + server.URL + "/x\", path: data.up, asOf: at}}\n" +
			"---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: seven}\nspec: {room: operations, tests: [{name: n, must: \"= 7\", number: {file: n.json, path: n}}]}\n")
		v := w.state("measure:up", Supported)
		if *v.Value != 99.2 || !v.AsOf.Equal(time.Unix(1772323200, 0)) {
			w.Errorf("%v as of %s", *v.Value, v.AsOf)
		}
		w.state("seven", Supported)
		test := func(want string) {
			w.Helper()
			runs, err := w.engine.Test(w.Context(), w.as("aud", auth.RoleAuditor), v.Entity.Ref(), "")
			w.must(err)
			if runs[0].Verdict != Failed || !strings.Contains(runs[0].Reason, want) {
				w.Errorf("%s %q, want %q", runs[0].Verdict, runs[0].Reason, want)
			}
			w.state("measure:up", Unsupported)
		}
		status = 500
		test("500")
		status, answer = 200, `{"data":{}}`
		test(`no "up"`)
		answer = `<html>`
		test("did not answer JSON")
		answer = `{"data":{"up":true},"at":1}`
		test("not a number")
		answer = `{"data":{"up":99.5},"at":1600000000}`
		_, err := w.engine.Test(w.Context(), w.as("ana", auth.RoleOwner), v.Entity.Ref(), "")
		w.must(err)
		if v := w.state("measure:up", Weak); v.Health() != Stale {
			w.Errorf("an old number is %s", v.Health())
		}
	})
}

// TestReplay asks again about a moment of the past: the claim, the records and
// the numbers of then.
func TestReplay(t *testing.T) {
	run(t, nil, func(w *world) {
		ana := w.as("ana", auth.RoleOwner)
		w.apply(described + aThing("a", ", description: x") + aThing("b", ""))
		w.apply("apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: n}\nspec: {room: operations, direction: up, records: {from: thing, value: count}}\n---\napiVersion: binnacle.dev/v1\nkind: Goal\nmetadata: {name: g}\nspec: {measure: n}\n")
		then := w.clock
		recorded := w.view("described").Evidence[0].Last
		w.clock = w.clock.Add(90 * 24 * time.Hour)
		w.apply(aThing("b", ", description: x") + aThing("c", ", description: x"))
		w.apply(strings.Replace(described, "Every service is described", "Another statement", 1))
		w.apply(strings.Replace(described, "expect: has(metadata.description)", `expect: "metadata.name != 'zzz'"`, 1))
		_, err := w.catalog.Delete(w.Context(), ana, entity.NewRef("thing", "", "a"), 0)
		w.must(err)
		w.settle()
		w.state("described", Supported)

		for _, at := range []time.Time{then, then.Add(24 * time.Hour)} {
			got, err := w.engine.Replay(w.Context(), ana, entity.NewRef("claim", "", "described"), at)
			w.must(err)
			if len(got) != 1 || !got[0].Same || got[0].Run.Verdict != Fail || got[0].Run.N != 2 || got[0].Recorded.Seq != recorded.Seq {
				w.Errorf("as of %s: %+v", at, got[0].Run)
			}
		}
		goal, err := w.engine.Replay(w.Context(), ana, entity.NewRef("goal", "", "g"), then)
		w.must(err)
		if !goal[0].Same || *goal[0].Run.Value != 2 {
			w.Errorf("the goal as of then: %+v, recorded %+v", goal[0].Run, goal[0].Recorded)
		}
		if _, err := w.engine.Replay(w.Context(), ana, entity.NewRef("claim", "", "described"), noon.Add(-time.Hour)); !fault.Is(err, fault.NotFound) {
			w.Errorf("before it was there: %v", err)
		}
		if _, err := w.engine.Replay(w.Context(), ana, entity.NewRef("claim", "", "described"), w.clock.Add(time.Hour)); !fault.Is(err, fault.Invalid) {
			w.Errorf("in the future: %v", err)
		}
	})
}

// TestVerify: a chain holds, and does not once a row was changed behind the
// program's back.
func TestVerify(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(described + aThing("a", ", description: x"))
		w.apply(aThing("b", ""))
		v, err := w.engine.Verify(w.Context(), org, "")
		w.must(err)
		if len(v.Broken) > 0 || v.Runs < 2 || v.Documents < 2 {
			w.Fatalf("%+v", v)
		}
		if _, err := w.db.Exec(w.Context(), `UPDATE claim_runs SET verdict = 'pass'`); err == nil {
			w.Fatal("a run was changed")
		}
		if w.db.Dialect() == sqldb.SQLite {
			_, err = w.db.Exec(w.Context(), `DROP TRIGGER claim_runs_no_update`)
		} else {
			_, err = w.db.Exec(w.Context(), `ALTER TABLE claim_runs DISABLE TRIGGER claim_runs_no_change`)
		}
		w.must(err)
		broken := func(query string, want string) {
			w.Helper()
			_, err := w.db.Exec(w.Context(), query)
			w.must(err)
			v, err := w.engine.Verify(w.Context(), org, "")
			w.must(err)
			if len(v.Broken) == 0 || !strings.Contains(v.Broken[0].What, want) {
				w.Errorf("after %s: %+v, want %q", query, v.Broken, want)
			}
		}
		var head int64
		w.must(w.db.QueryRow(w.Context(), `SELECT seq FROM claim_heads`).Scan(&head))
		broken(`DELETE FROM claim_heads`, "has no end")
		_, err = w.db.Exec(w.Context(), `INSERT INTO claim_heads (org, claim, seq, hash) SELECT org, claim, seq, hash FROM claim_runs WHERE seq = ?`, head)
		w.must(err)
		broken(`UPDATE claim_runs SET exceptions = exceptions + 1 WHERE seq = 1`, "was changed")
		_, err = w.db.Exec(w.Context(), `UPDATE claim_runs SET exceptions = exceptions - 1 WHERE seq = 1`)
		w.must(err)
		broken(`UPDATE claim_results SET doc = doc || ' ' WHERE kind = 'answer'`, "document")
	})
}

// TestBearerOfOthers: a claim may follow from others beside the entity, make a
// status of its own of its state, and take words that entities carry. A closed
// one is judged as of its close.
func TestBearerOfOthers(t *testing.T) {
	type weighed struct {
		Status
		Unit string `json:"unit,omitempty" en:"Unit" es:"Unidad"`
	}
	stamp := func(e *entity.Entity) time.Time { return noon.Add(time.Hour) }
	steps := append(append(append(feed.Migrations(), audit.Migrations()...), catalog.Migrations()...), Migrations()...)
	sqldbtest.Run(t, steps, func(t *testing.T, db *sqldb.DB) {
		w := newWorld(t, db, nil)
		scale := catalog.Stated[weighed](catalog.Of[thing](catalog.Kind{Name: "Scale", Plural: "scales", Room: auth.Operations, Title: lang.T("Scale", "Balanza"), Titles: lang.T("Scales", "Balanzas")}, nil))
		paper := catalog.Of[thing](catalog.Kind{Name: "Paper", Plural: "papers", Room: auth.Operations, Title: lang.T("Paper", "Papel"), Titles: lang.T("Papers", "Papeles")}, nil)
		now := func() time.Time { w.clock = w.clock.Add(time.Millisecond); return w.clock }
		w.catalog = catalog.New(db, catalog.NewKinds(append(append(Kinds(), w.catalog.Kinds().Get("Thing")), scale, paper)...), catalog.WithClock(now))
		find := func(e *entity.Entity, find Find) (unit string, closed bool, err error) {
			x, err := find(entity.NewRef("thing", "", "kilo"))
			if fault.Is(err, fault.NotFound) {
				return "", false, nil
			}
			if err != nil {
				return "", false, err
			}
			s, err := catalog.Spec[thing](x)
			return s.Type, s.Cost > 0, err
		}
		var logged bytes.Buffer
		w.engine = New(Config{DB: db, Catalog: w.catalog, Feed: feed.New(db), Now: now, Log: slog.New(slog.NewTextHandler(&logged, nil)),
			Bearers: []Bearer{{Kind: "Scale", Claim: func(e *entity.Entity, f Find) (Definition, error) {
				unit, closed, err := find(e, f)
				return Definition{Room: auth.Operations, Scale: Scale{Unit: unit}, Closed: closed, ClosedAt: noon.Add(20 * time.Hour), Probes: []Probe{{Test: Test{Name: ValueTest}, Typed: &Typed{GoodFor: "24h"}}},
					Judge: func(v float64, _ time.Time) (Zone, []Step) {
						return Warn, []Step{{Do: "terms", Args: []string{"judged", unit}}}
					}}, err
			}, Status: func(s *Stating) (any, error) {
				if len(s.Evidence) != 1 || s.Org != org {
					t.Errorf("a status is made of %+v", s)
				}
				unit, _, err := find(s.Entity, func(r entity.Ref) (*entity.Entity, error) {
					return s.Catalog.Get(s.Context, catalog.Program(s.Org, "t"), r)
				})
				if s.Entity.Metadata.Name == "bad" && s.Evidence[0].Last != nil {
					return nil, fault.New(fault.Invalid, "the scale is broken")
				}
				return weighed{s.Status, unit}, err
			}}},
			Words: []Words{{Kind: "Paper", Word: func(e *entity.Entity) (entity.Ref, Word, string, bool) {
				s, err := catalog.Spec[thing](e)
				return entity.NewRef("scale", "", s.Type), Word{Value: s.Cost, Note: "read", AsOf: stamp(e)}, "user:default/leila", err == nil && s.Cost > 0
			}}}})
		w.watch, w.clock = w.engine.Watches()[0], noon.Add(2*time.Hour)
		item := func(kind, name, spec string) string {
			return "---\napiVersion: binnacle.dev/v1\nkind: " + kind + "\nmetadata: {name: " + name + "}\nspec: {" + spec + "}\n"
		}
		w.apply(item("Thing", "kilo", "type: kg") + item("Scale", "s", "") + item("Paper", "p", "type: s, cost: 7") + item("Paper", "nothing", "type: s") + item("Paper", "lost", "type: gone, cost: 1"))
		v := w.state("scale:s", Weak)
		if *v.Value != 7 || v.Zone != Warn || v.Scale.Unit != "kg" || v.Evidence[0].Last.By != "user:default/leila" || v.Evidence[0].Last.Note != "read" || !v.AsOf.Equal(noon.Add(time.Hour)) {
			t.Errorf("the claim is %+v", v.Evidence[0].Last)
		}
		if got := string(w.get("scale:s").Status); !strings.Contains(got, `"state":"weak"`) || !strings.Contains(got, `"unit":"kg"`) {
			t.Errorf("its status is %s", got)
		}
		_, a, _, err := w.engine.RunOf(w.Context(), w.as("ana", auth.RoleOwner), v.Entity.Ref(), v.Evidence[0].Last.Seq)
		w.must(err)
		if last := a.Steps[len(a.Steps)-1].Text().En; last != "judged = kg" {
			t.Errorf("the derivation ends with %q", last)
		}
		// What can be no word is named in the log, and keeps no other from being kept.
		logged.Reset()
		w.apply(item("Scale", "bad", "") + item("Scale", "other", ""))
		w.apply(item("Paper", "q", "type: bad, cost: 3") + item("Paper", "r", "type: other, cost: 4"))
		if v := w.view("scale:other"); v.Value == nil || *v.Value != 4 || !strings.Contains(logged.String(), "entity=paper:default/q") || strings.Contains(logged.String(), "paper:default/r") {
			t.Errorf("the other word is %v, the log says %s", v.Value, logged.String())
		}
		w.cursor = 0
		w.settle()
		if got := w.view("scale:s").Evidence[0].Last.Seq; got != v.Evidence[0].Last.Seq {
			t.Errorf("the same paper read again wrote run %d", got)
		}
		w.must(w.db.Tx(w.Context(), func(tx *sqldb.Tx) error { return w.engine.Hear(w.Context(), tx, org, w.get("paper:p")) }))
		if got := w.view("scale:s").Evidence[0].Last.Seq; got != v.Evidence[0].Last.Seq {
			t.Errorf("the same paper heard again wrote run %d", got)
		}
		w.apply(item("Thing", "kilo", "type: kg, cost: 1"))
		w.clock = noon.Add(100 * time.Hour)
		if v := w.view("scale:s"); !v.Closed || v.Health() != Live {
			t.Errorf("closed: %v, with evidence that is %s: it was live at the close", v.Closed, v.Health())
		}
	})
}

// TestClaimsAboutClaims: the table of claims is asked, not the kind of the same
// name, and again a while after one of them turned.
func TestClaimsAboutClaims(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(described + "---\napiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: doubtful}\nspec: {room: operations, direction: down, target: 0, records: {from: claims, where: row.state == \"contradicted\" && row.kind == \"claim\", value: count}}\n" + aThing("a", ", description: x"))
		w.clock = w.clock.Add(2 * time.Minute)
		w.settle()
		w.state("measure:doubtful", Supported)
		w.apply(aThing("b", ""))
		w.state("described", Contradicted)
		w.clock = w.clock.Add(2 * time.Minute)
		w.settle()
		if v := w.state("measure:doubtful", Contradicted); *v.Value != 1 {
			w.Errorf("%v claims are contradicted", *v.Value)
		}
	})
}

func (w *world) get(ref string) *entity.Entity {
	w.Helper()
	r, err := entity.ParseRef(ref, "", "")
	w.must(err)
	e, err := w.catalog.Get(w.Context(), w.as("ana", auth.RoleOwner), r)
	w.must(err)
	return e
}

// TestEditedTests: a word stands only for the statement it was given for, a typed
// number is read anew by a new target, and what a removed test found counts no
// more.
func TestEditedTests(t *testing.T) {
	run(t, nil, func(w *world) {
		claim := func(statement, more string) string {
			return "apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: c, owner: \"user:ana\"}\nspec: {room: operations, tests: [{name: word, title: T, attest: {statement: " + statement + ", goodFor: 30d}}" + more + "]}\n"
		}
		w.apply(claim("we test", "") + "---\napiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: m}\nspec: {room: operations, direction: up, target: 5, typed: {goodFor: 30d}}\n")
		ana := w.as("ana", auth.RoleOwner)
		_, err := w.engine.Say(w.Context(), ana, entity.NewRef("claim", "", "c"), Word{Holds: true})
		w.must(err)
		_, err = w.engine.Say(w.Context(), ana, entity.NewRef("measure", "", "m"), Word{Value: 7, Note: "counted"})
		w.must(err)
		w.settle()
		w.state("c", Supported)
		w.apply(strings.Replace(claim("we test", ""), "title: T", "title: Another", 1))
		w.state("c", Supported)
		w.apply(claim("we test twice", ""))
		w.state("c", Unsupported)
		w.apply(claim("we test", ", {name: bad, records: {from: thing, expect: \"false\"}}") + aThing("a", ""))
		w.state("c", Contradicted)
		w.apply(claim("we test", ""))
		w.state("c", Supported)

		v := w.state("measure:m", Weak)
		if v.Zone != OK {
			w.Errorf("7 against 5 reads %s", v.Zone)
		}
		until := v.Evidence[0].Last.Until
		w.apply("apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: m}\nspec: {room: operations, direction: up, target: 9, typed: {goodFor: 30d}}\n")
		v = w.state("measure:m", Contradicted)
		if last := v.Evidence[0].Last; *v.Value != 7 || last.By != "user:default/ana" || last.Note != "counted" || !last.Until.Equal(until) {
			w.Errorf("the number was not carried over: %+v", last)
		}
		_, err = w.engine.Say(w.Context(), ana, entity.NewRef("measure", "", "m"), Word{Value: 10})
		w.must(err)
		if v := w.state("measure:m", Weak); *v.Value != 10 {
			w.Errorf("a later word does not count: %v", *v.Value)
		}
		report, err := w.engine.Verify(w.Context(), org, "")
		w.must(err)
		if len(report.Broken) > 0 {
			w.Errorf("%+v", report.Broken)
		}
	})
}
