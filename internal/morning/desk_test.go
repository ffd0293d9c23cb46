package morning_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// noon is a Tuesday.
var noon = time.Date(2026, 9, 22, 12, 0, 0, 0, time.UTC)

type service struct {
	State  string `json:"state,omitempty" en:"State" es:"Estado"`
	Review string `json:"review,omitempty" en:"Review" es:"Revisión" type:"date" due:"decide:Review|Revisión"`
	Ends   string `json:"ends,omitempty" en:"Ends" es:"Termina" type:"date" due:"expire:End of life|Fin de vida"`
}

type team struct {
	Parent string `json:"parent,omitempty" en:"Parent" es:"Superior" ref:"group" rel:"childOf,parentOf"`
	Leader string `json:"leader,omitempty" en:"Leader" es:"Dirige" ref:"user" rel:"ledBy,leaderOf"`
}

type human struct {
	MemberOf []string `json:"memberOf,omitempty" en:"Groups" es:"Grupos" ref:"group" rel:"memberOf,hasMember"`
}

// world is a desk over a catalog and claims whose clock the test turns.
type world struct {
	*testing.T
	db      *sqldb.DB
	catalog *catalog.Catalog
	claims  *claim.Engine
	feed    *feed.Feed
	desk    *morning.Desk
	clock   time.Time
	cursor  int64
}

var errDisk = errors.New("the disk is on fire")

func run(t *testing.T, change func(*morning.Config), f func(*world)) {
	var steps []sqldb.Migration
	for _, m := range [][]sqldb.Migration{feed.Migrations(), audit.Migrations(), auth.Migrations(), catalog.Migrations(), claim.Migrations(), morning.Migrations()} {
		steps = append(steps, m...)
	}
	sqldbtest.Run(t, steps, func(t *testing.T, db *sqldb.DB) {
		w := &world{T: t, db: db, clock: noon.AddDate(0, 0, -60)}
		now := func() time.Time { w.clock = w.clock.Add(time.Millisecond); return w.clock }
		k := func(name, plural, room string) catalog.Kind {
			return catalog.Kind{Name: name, Plural: plural, Room: room, Title: lang.T(name, name), Titles: lang.T(name+"s", name+"s")}
		}
		person := k("User", "users", auth.People)
		person.Personal = true
		kinds := append(claim.Kinds(), catalog.Of[service](k("Service", "services", auth.Operations), nil), catalog.Of[team](k("Group", "groups", auth.People), nil), catalog.Of[human](person, nil))
		w.catalog = catalog.New(db, catalog.NewKinds(kinds...), catalog.WithClock(now))
		w.feed = feed.New(db)
		w.claims = claim.New(claim.Config{DB: db, Catalog: w.catalog, Feed: w.feed, Now: now})
		cfg := morning.Config{DB: db, Catalog: w.catalog, Claims: w.claims, Feed: w.feed, Now: now}
		if change != nil {
			change(&cfg)
		}
		w.desk = morning.New(cfg)
		if _, err := db.Exec(context.Background(), `INSERT INTO auth_orgs (id, title, home, created, zone) VALUES ('acme', 'Acme', 1, 0, 'Europe/Madrid')`); err != nil {
			t.Fatal(err)
		}
		f(w)
	})
}

func as(name string, role auth.Role) catalog.Caller {
	return catalog.Caller{Principal: auth.Principal{Account: name, Name: name, Org: "acme", OrgTitle: "Acme", Role: role, UserRef: "user:default/" + name, Via: "web"}, Manager: "form"}
}

var (
	ana = as("ana", auth.RoleCTO)
	max = as("max", auth.RoleMember)
	lea = as("lea", auth.RoleLead)
	ira = as("ira", auth.RoleAuditor)
)

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) apply(caller catalog.Caller, text string) {
	w.Helper()
	docs, err := w.catalog.Decode("t.yaml", []byte(text))
	w.must(err)
	_, err = w.catalog.Apply(w.Context(), caller, docs, catalog.ApplyOptions{})
	w.must(err)
	w.settle()
}

func (w *world) settle() {
	w.Helper()
	watch := w.claims.Watches()[0]
	for {
		batch, next, err := w.feed.Page(w.Context(), w.cursor, 500, watch.Types...)
		w.must(err)
		if len(batch) > 0 {
			w.must(w.db.Tx(w.Context(), func(tx *sqldb.Tx) error { return watch.Handle(w.Context(), tx, batch) }))
		}
		n, err := w.claims.Drain(w.Context())
		w.must(err)
		if w.cursor == next && n == 0 {
			return
		}
		w.cursor = next
	}
}

func (w *world) today(caller catalog.Caller, o morning.Options) *morning.Today {
	w.Helper()
	t, err := w.desk.Today(w.Context(), caller, o)
	w.must(err)
	return t
}

const crew = `apiVersion: binnacle.dev/v1
kind: Group
metadata: {name: tech, title: Technology}
spec: {leader: lea}
---
apiVersion: binnacle.dev/v1
kind: Group
metadata: {name: pay, title: Payments}
spec: {parent: tech}
---
apiVersion: binnacle.dev/v1
kind: Group
metadata: {name: ops, title: Operations}
spec: {}
---
apiVersion: binnacle.dev/v1
kind: User
metadata: {name: max, title: Max Roth}
spec: {memberOf: [pay]}
---
apiVersion: binnacle.dev/v1
kind: User
metadata: {name: lea, title: Lea Ott}
spec: {}
`

func thing(name, spec string) string {
	return "---\napiVersion: binnacle.dev/v1\nkind: Service\nmetadata: {name: " + name + ", owner: \"group:pay\"}\nspec: {" + spec + "}\n"
}

func claimOf(name, owner, state string) string {
	return "---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: " + name + ", title: \"Claim " + name + "\", owner: \"" + owner + "\"}\nspec: {room: operations, tests: [{name: all, title: Services, records: {from: service, expect: 'spec.state != \"" + state + "\"'}}]}\n"
}

func titles[T any](list []T, title func(T) string) string {
	var out []string
	for _, x := range list {
		out = append(out, title(x))
	}
	return strings.Join(out, ", ")
}

func TestVisits(t *testing.T) {
	run(t, nil, func(w *world) {
		visit := func(want time.Time) {
			w.Helper()
			got, err := w.desk.Visit(w.Context(), ana, "today")
			w.must(err)
			if d := got.Sub(want); d < -time.Second || d > time.Second || got.IsZero() != want.IsZero() {
				w.Errorf("at %s the reader left at %s, want %s", w.clock, got, want)
			}
			again, err := w.desk.Since(w.Context(), ana, "today")
			w.must(err)
			if !again.Equal(got) {
				w.Errorf("asked without a look: %s, want %s", again, got)
			}
		}
		at := func(days int, clock string) time.Time {
			d, err := time.Parse("15:04", clock)
			w.must(err)
			w.clock = time.Date(2026, 9, 21+days, d.Hour(), d.Minute(), 0, 0, time.UTC)
			return w.clock
		}
		at(0, "09:00")
		visit(time.Time{})
		at(0, "09:20")
		visit(time.Time{}) // still the first visit
		left := at(0, "09:40")
		visit(time.Time{})
		at(1, "08:00")
		visit(left)
		at(1, "08:10")
		visit(left) // loading the page again takes nothing away
		left = at(1, "08:25")
		visit(w.clock.Add(-22*time.Hour - 45*time.Minute))
		at(1, "08:56")
		visit(left)
		if got, err := w.desk.Visit(w.Context(), max, "today"); err != nil || !got.IsZero() {
			w.Errorf("another reader: %v, %v", got, err)
		}
		system := catalog.Caller{Principal: auth.Local("acme", "console", "cli")}
		for range 2 {
			if got, err := w.desk.Visit(w.Context(), system, "today"); err != nil || !got.IsZero() {
				w.Errorf("whoever holds the folder: %v, %v", got, err)
			}
		}
	})
}

func TestMine(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(ana, crew)
		seen := map[string]string{}
		w.desk = morning.New(morning.Config{DB: w.db, Catalog: w.catalog, Claims: w.claims, Feed: w.feed, Waiters: []morning.Waiter{{ID: "spy", Find: func(l *morning.Look) ([]morning.Item, error) {
			seen[l.Caller.Name] = strings.Join(l.Mine, " ")
			return nil, nil
		}}}})
		for _, who := range []catalog.Caller{ana, max, lea} {
			_, err := w.desk.Inbox(w.Context(), who)
			w.must(err)
		}
		want := map[string]string{"ana": "user:default/ana", "max": "user:default/max group:default/pay", "lea": "user:default/lea group:default/pay group:default/tech"}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("whose they are (-want +got):\n%s", diff)
		}
	})
}

func TestWhatWaits(t *testing.T) {
	run(t, nil, func(w *world) {
		w.clock = noon
		w.apply(ana, crew+thing("a", `state: bad, review: 2026-09-29, ends: 2026-09-20`)+thing("b", `state: bad, review: 2026-09-10`)+thing("c", `state: bad, review: 2026-10-30, ends: 2026-09-23`)+claimOf("x", "user:ana", "bad")+
			"---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: word, title: We are tested, owner: \"group:pay\"}\nspec: {room: operations, tests: [{name: report, title: Report, attest: {goodFor: 30d}}]}\n")
		ask := func(who catalog.Caller) {
			w.Helper()
			w.apply(who, "apiVersion: binnacle.dev/v1\nkind: Exception\nmetadata: {name: e-"+who.Name+", title: Exception of "+who.Name+"}\nspec: {claim: \"claim:x\", reason: Later., until: \"2026-12-31\", state: requested}\n")
		}
		ask(max)
		ask(ana)
		inbox := func(who catalog.Caller) string {
			w.Helper()
			b, err := w.desk.Inbox(w.Context(), who)
			w.must(err)
			var out []string
			for _, it := range b.Items() {
				line := it.Waiter + ": " + it.Title
				if !it.Due.IsZero() {
					line += " " + it.Due.Format(time.DateOnly)
				}
				if it.Late {
					line += " late"
				}
				out = append(out, line)
			}
			n, late, err := w.desk.Count(w.Context(), who)
			w.must(err)
			if n != b.Total || late != b.Late || n != len(out) {
				w.Errorf("of %s the badge counts %d, %d late; the inbox holds %d, %d late", who.Name, n, late, b.Total, b.Late)
			}
			return strings.Join(out, "\n")
		}
		f := func(who catalog.Caller, want ...string) {
			t.Helper()
			if diff := cmp.Diff(strings.Join(want, "\n"), inbox(who)); diff != "" {
				t.Errorf("what waits for %s (-want +got):\n%s", who.Name, diff)
			}
		}
		f(ana, "exceptions: Exception of max")
		f(max, "exceptions: Exception of ana", "dates: b 2026-09-10 late", "dates: c 2026-09-23", "dates: a 2026-09-29", "words: We are tested")
		f(ira)
		f(as("mia", auth.RoleIngest))

		// In one step, by who may, and once.
		item := "exceptions~exception:default/e-max"
		_, _, err := w.desk.Act(w.Context(), max, item, "approve")
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("one's own exception: %v", err)
		}
		if _, _, err := w.desk.Act(w.Context(), ana, item, "burn"); !fault.Is(err, fault.NotFound) {
			t.Errorf("an act that is none: %v", err)
		}
		said, title, err := w.desk.Act(w.Context(), ana, item, "approve")
		w.must(err)
		if got := morning.Said(said, title).En; got != "“Exception of max” is approved" {
			t.Errorf("said %q", got)
		}
		if _, _, err := w.desk.Act(w.Context(), ana, item, "approve"); !fault.Is(err, fault.NotFound) {
			t.Errorf("approved twice: %v", err)
		}
		f(ana)
		_, _, err = w.desk.Act(w.Context(), max, "words~claim:default/word~report", "attest")
		w.must(err)
		b, err := w.desk.Inbox(w.Context(), max)
		w.must(err)
		var did []string
		for _, p := range b.Piles {
			for _, x := range p.Did {
				did = append(did, x.What.En+" "+x.Title)
			}
		}
		if diff := cmp.Diff([]string{"Attested We are tested"}, did); diff != "" {
			t.Errorf("done today (-want +got):\n%s", diff)
		}
		b, err = w.desk.Inbox(w.Context(), ana)
		w.must(err)
		if len(b.Piles) != 1 || len(b.Piles[0].Did) != 1 || b.Piles[0].Did[0].What.En != "Approved" {
			t.Errorf("what ana did today: %+v", b.Piles)
		}
	})
}

// TestToday goes through a week of one organisation.
func TestToday(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(ana, crew+thing("a", "state: fine")+claimOf("pay", "group:pay", "bad")+claimOf("ops", "group:ops", "worse")+claimOf("old", "group:ops", "fine"))
		w.clock = time.Date(2026, 9, 21, 16, 40, 0, 0, time.UTC)
		w.settle()
		empty := w.today(ana, morning.Options{Visit: true})
		if !empty.First || empty.Headline(lang.English) != "In the last seven days nothing changed. Nothing waits for you." {
			t.Errorf("a first look: %q", empty.Headline(lang.English))
		}
		if got := titles(empty.Red, func(r morning.Red) string { return r.Title }); got != "Claim old" {
			t.Errorf("red: %s", got)
		}
		w.clock = time.Date(2026, 9, 22, 6, 0, 0, 0, time.UTC)
		w.apply(ana, thing("a", "state: bad"))
		w.apply(ana, thing("b", "state: worse"))
		w.clock = time.Date(2026, 9, 22, 7, 0, 0, 0, time.UTC)
		w.settle()
		now := w.today(ana, morning.Options{Visit: true})
		want := "Since you left yesterday at 18:40, three claims changed state. Nothing waits for you."
		if got := now.Headline(lang.English); got != want { // in the zone of the organisation
			t.Errorf("headline %q, want %q", got, want)
		}
		if got, want := now.Headline(lang.Spanish), "Desde que te fuiste ayer a las 18:40, tres afirmaciones cambiaron de estado. Nada te espera."; got != want {
			t.Errorf("headline %q, want %q", got, want)
		}
		changed := titles(now.Changed, func(x morning.Line) string { return x.Title + " " + x.Was.En + "→" + x.Is.En + " " + x.State })
		if want := "Claim ops supported→contradicted bad, Claim pay supported→contradicted bad, Claim old contradicted→supported ok"; changed != want {
			t.Errorf("changed: %s, want %s", changed, want)
		}
		if r := now.Red[0]; r.Why.En != "Services: 1 of 2 does not meet it." || now.Name(r.Owner) == r.Owner {
			t.Errorf("red, with why and whose: %+v", r)
		}
		own := w.today(max, morning.Options{Since: w.clock.AddDate(0, 0, -1)})
		if own.Red[0].Title != "Claim pay" || !own.Red[0].Mine || own.Changed[0].Title != "Claim pay" {
			t.Errorf("a member sees first %s and %s, want what is of their team", own.Red[0].Title, own.Changed[0].Title)
		}
		strips := titles(now.Strips, func(s morning.Strip) string { return s.ID + ": " + s.Standing(lang.English) })
		if want := "operations: 1 supported, 2 contradicted"; strips != want {
			t.Errorf("rooms: %s, want %s", strips, want)
		}
		for _, text := range []string{now.Text(lang.English), now.Text(lang.Spanish)} {
			if !strings.Contains(text, "Claim ops") || !strings.HasPrefix(text, "Acme, ") || strings.Contains(text, "%!") {
				t.Errorf("the brief is\n%s", text)
			}
		}
		if data, err := json.Marshal(now.Report(lang.English)); err != nil || !strings.Contains(string(data), `"red":[{"ref":"claim:default/`) {
			t.Errorf("the report is %s, %v", data, err)
		}
		head, sections, err := w.desk.Digest(w.Context(), max, noon.AddDate(0, 0, -7), lang.Spanish)
		w.must(err)
		if !strings.HasPrefix(head, "Desde el 15 sept a las 14:00, tres afirmaciones") || len(sections) < 2 || sections[0].Title != "En rojo" {
			t.Errorf("digest %q, %+v", head, sections)
		}
		if after, err := w.desk.Since(w.Context(), max, morning.Page); err != nil || !after.IsZero() {
			t.Errorf("a digest counts as a look: %v, %v", after, err)
		}
	})
}

// TestInstruments: what is stale is never green, a typed number says whose word it
// is, and a trend is only told where there was a number.
func TestInstruments(t *testing.T) {
	run(t, nil, func(w *world) {
		m := func(name, rest string) string {
			return "---\napiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: " + name + ", title: " + name + ", owner: \"user:ana\"}\nspec: {room: people, " + rest + "}\n"
		}
		begin := noon.AddDate(0, 0, -60)
		w.clock = begin
		w.apply(ana, m("up", `unit: "%", decimals: 1, direction: up, target: 90, pinned: 1, typed: {goodFor: 20d}`)+m("down", `direction: down, target: 3, pinned: 2, typed: {goodFor: 400d}`)+
			m("band", `direction: band, low: 10, high: 20, limit: 5, pinned: 3, typed: {goodFor: 400d}`)+m("none", `direction: up, target: 1, pinned: 4, typed: {goodFor: 20d}`)+m("count", `direction: up, target: 1, pinned: 5, records: {from: user, value: count}`)+"---\n"+crew)
		say := func(daysAgo int, name string, value float64) {
			w.Helper()
			w.clock = noon.AddDate(0, 0, -daysAgo)
			_, err := w.claims.Say(w.Context(), ana, entity.NewRef("measure", "", name), claim.Word{Value: value})
			w.must(err)
		}
		say(45, "up", 80)
		say(40, "up", 80.26)
		say(30, "down", 2)
		say(30, "band", 25)
		say(10, "up", 91.24)
		say(5, "down", 9)
		say(5, "band", 21)
		w.clock = noon
		w.settle()
		text := func() string {
			w.Helper()
			t := w.today(ana, morning.Options{})
			var out []string
			for _, x := range t.Strips[0].Instruments {
				tr := x.Trend()
				out = append(out, fmt.Sprintf("%s %s [%s %s] %s; %s %s %s", x.Title, x.Written(lang.English), x.State, x.Word.En, x.TargetText(lang.English), x.TrendText(lang.English, t.Now), tr.Dir, tr.Good))
			}
			return strings.ReplaceAll(strings.Join(out, "\n"), "\u00a0", " ")
		}
		want := strings.Join([]string{
			"up 91.2% [idle weak] target 90.0%; up 11.0 points in 4 weeks up good",
			"down 9 [bad off track] at most 3; up 7 in 4 weeks up poor",
			"band 21 [warn at risk] from 10 to 20; down 4 in 4 weeks down good",
			"none – [no no data] target 1;   ",
			"count 2 [ok on target] target 1; no number 4 weeks ago  ",
		}, "\n")
		if diff := cmp.Diff(want, text()); diff != "" {
			t.Errorf("instruments (-want +got):\n%s", diff)
		}
		w.clock = noon.AddDate(0, 0, 15) // the word on up has run out, and nothing has run since
		if got := strings.Split(text(), "\n"); got[0] != "up 91.2% [idle stale] target 90.0%; 24 days old  " || !strings.HasPrefix(got[4], "count 2 [idle stale]") {
			t.Errorf("two weeks later:\n%s", strings.Join(got, "\n"))
		}
		d := w.today(ana, morning.Options{}).Doubted
		if got, want := d.Sum(lang.English), "1 without evidence, 2 stale, 1 somebody's word"; got != want {
			t.Errorf("not to be trusted: %s, want %s", got, want)
		}
	})
}

// TestAgenda: dates stand on their day in the zone of the organisation, and what
// runs out too.
func TestAgenda(t *testing.T) {
	run(t, nil, func(w *world) {
		w.clock = time.Date(2026, 9, 21, 22, 30, 0, 0, time.UTC) // the 22nd in Madrid
		w.apply(ana, thing("a", `review: 2026-09-22`)+thing("b", `ends: 2026-10-05`)+thing("c", `review: 2026-10-06`)+
			"---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: word, title: We are tested, owner: \"user:ana\"}\nspec: {room: operations, tests: [{name: report, attest: {goodFor: 3d}}]}\n")
		_, err := w.claims.Say(w.Context(), ana, entity.NewRef("claim", "", "word"), claim.Word{Holds: true})
		w.must(err)
		got := w.today(ana, morning.Options{})
		var out []string
		for _, d := range got.Days {
			for _, x := range d.Items {
				out = append(out, d.Date.Format("02 Jan ")+x.What.En+" "+x.Title+" "+x.How)
			}
		}
		want := []string{"22 Sep Review a decide", "25 Sep A word runs out We are tested expire", "05 Oct End of life b expire"}
		if diff := cmp.Diff(want, out); diff != "" || len(got.Days) != 14 {
			t.Errorf("%d days (-want +got):\n%s", len(got.Days), diff)
		}
	})
}

// TestAuditor sees evidence and exceptions first.
func TestAuditor(t *testing.T) {
	run(t, nil, func(w *world) {
		w.clock = noon
		w.apply(ana, crew+thing("a", "state: bad")+claimOf("x", "user:ana", "bad"))
		w.apply(max, "apiVersion: binnacle.dev/v1\nkind: Exception\nmetadata: {name: e, title: For now}\nspec: {claim: \"claim:x\", reason: Later., until: \"2026-12-31\", state: requested}\n")
		got := w.today(ira, morning.Options{})
		if !got.Evidence || len(got.Exceptions) != 1 || got.Exceptions[0].Word.En != "asked for" || got.Sections(lang.English)[0].Title != "Exceptions" {
			t.Errorf("an auditor sees %+v", got.Exceptions)
		}
		if strips := w.today(as("cleo", auth.RoleCISO), morning.Options{}); strips.Evidence {
			t.Error("a security officer looks as an auditor does")
		}
	})
}

// TestExceptionsHold until their last day ends in UTC, wherever the reader is.
func TestExceptionsHold(t *testing.T) {
	run(t, nil, func(w *world) {
		w.clock = noon
		w.apply(ana, crew+thing("a", "state: bad")+claimOf("x", "user:ana", "bad"))
		w.apply(max, "apiVersion: binnacle.dev/v1\nkind: Exception\nmetadata: {name: e}\nspec: {claim: \"claim:x\", reason: Later., until: \"2026-12-30\", state: requested}\n")
		w.apply(ana, "apiVersion: binnacle.dev/v1\nkind: Exception\nmetadata: {name: e}\nspec: {claim: \"claim:x\", reason: Later., until: \"2026-12-30\", state: approved}\n")
		for _, c := range []struct {
			zone, at string
			want     int
		}{
			{"Europe/Madrid", "2026-12-31T00:30:00+01:00", 1}, {"Europe/Madrid", "2026-12-31T01:30:00+01:00", 0},
			{"America/Bogota", "2026-12-30T18:30:00-05:00", 1}, {"America/Bogota", "2026-12-30T19:30:00-05:00", 0},
		} {
			_, err := w.db.Exec(w.Context(), `UPDATE auth_orgs SET zone = ?`, c.zone)
			w.must(err)
			w.clock, err = time.Parse(time.RFC3339, c.at)
			w.must(err)
			if got := w.today(ira, morning.Options{}).Exceptions; len(got) != c.want {
				t.Errorf("at %s in %s: %+v, want %d", c.at, c.zone, got, c.want)
			}
		}
	})
}

// TestNews tells of changes of fields and of entries, net and once.
func TestNews(t *testing.T) {
	change := func(c *morning.Config) {
		c.News = []morning.News{
			{Kind: "Service", Path: "spec.state", Tell: func(_ *morning.Look, ev morning.Event) *morning.Line {
				now, _ := catalog.Spec[service](ev.After)
				line := &morning.Line{State: "info", Is: lang.T(now.State, now.State)}
				if ev.Before != nil {
					was, _ := catalog.Spec[service](ev.Before)
					if was.State == now.State {
						return nil
					}
					line.Was = lang.T(was.State, was.State)
				}
				return line
			}, Many: func(n string) *morning.Line {
				return &morning.Line{State: "info", Head: lang.T(n+" services", "")}
			}},
			{Types: []string{"forecast.unlikely"}, Tell: func(_ *morning.Look, ev morning.Event) *morning.Line {
				return &morning.Line{Title: ev.Entry.Ref, State: "bad", Is: lang.T("unlikely", "improbable")}
			}},
		}
	}
	run(t, change, func(w *world) {
		w.clock = noon.AddDate(0, 0, -1)
		w.apply(ana, thing("a", "state: trial")+thing("b", "state: trial")+thing("c", "state: trial"))
		since := w.clock
		w.clock = noon
		news := func(who catalog.Caller) string {
			w.Helper()
			log, err := w.desk.Changes(w.Context(), who, since)
			w.must(err)
			return titles(log.Lines, func(x morning.Line) string { return x.Head.En + x.Title + " " + x.Was.En + "→" + x.Is.En })
		}
		w.apply(ana, thing("a", "state: adopt"))
		w.apply(ana, thing("b", "state: hold"))
		w.apply(ana, thing("b", "state: trial"))
		w.apply(ana, thing("c", "state: trial, review: 2027-01-01"))
		if got, want := news(ana), "a trial→adopt"; got != want {
			t.Errorf("news: %s, want %s", got, want)
		}
		w.must(w.db.Tx(w.Context(), func(tx *sqldb.Tx) error {
			return feed.Append(w.Context(), tx, &feed.Entry{Org: "acme", At: w.clock, Type: "forecast.unlikely", Ref: "service:default/a", UID: "u1"}, &feed.Entry{Org: "acme", At: w.clock, Type: "forecast.unlikely", Ref: "service:default/a", UID: "u1"},
				&feed.Entry{Org: "rival", At: w.clock, Type: "forecast.unlikely", Ref: "service:default/z", UID: "u2"})
		}))
		if got, want := news(ana), "service:default/a →unlikely, a trial→adopt"; got != want {
			t.Errorf("news: %s, want %s", got, want)
		}
		if got := news(as("m", auth.RoleIngest)); got != "" {
			t.Errorf("a machine reads %s", got)
		}
		var many strings.Builder
		for i := range 9 {
			many.WriteString(thing(fmt.Sprintf("n%d", i), "state: new"))
		}
		w.apply(ana, many.String())
		if got, want := news(ana), "9 services →, service:default/a →unlikely, a trial→adopt"; got != want {
			t.Errorf("news: %s, want %s", got, want)
		}
		for i := range 200 {
			many.WriteString(thing(fmt.Sprintf("o%d", i), "state: new"))
		}
		w.apply(ana, many.String())
		if got, want := news(ana), "200+ services →, service:default/a →unlikely, a trial→adopt"; got != want {
			t.Errorf("news: %s, want %s", got, want)
		}
		_, err := w.catalog.Delete(w.Context(), ana, entity.NewRef("service", "", "a"), 0)
		w.must(err)
		if got := news(ana); strings.Contains(got, "adopt") {
			t.Errorf("what was deleted is told: %s", got)
		}
	})
}

// TestOnePartFails leaves the others standing.
func TestOnePartFails(t *testing.T) {
	change := func(c *morning.Config) {
		c.Waiters = []morning.Waiter{{ID: "bad", Title: lang.T("Bad", "Mal"), Find: func(*morning.Look) ([]morning.Item, error) { return nil, errDisk }}}
	}
	run(t, change, func(w *world) {
		w.clock = noon
		w.apply(ana, thing("a", "state: bad")+claimOf("x", "user:ana", "bad"))
		got := w.today(ana, morning.Options{})
		if len(got.Red) != 1 || got.Failed["red"] || len(got.Inbox.Piles) != 1 || !got.Inbox.Piles[0].Failed {
			t.Errorf("with a waiter that fails: red %d, failed %v, piles %+v", len(got.Red), got.Failed, got.Inbox.Piles)
		}
		if _, err := w.db.Exec(w.Context(), `DROP TABLE due`); err != nil {
			t.Fatal(err)
		}
		got = w.today(ana, morning.Options{})
		if !got.Failed["days"] || got.Failed["red"] || len(got.Red) != 1 || !strings.Contains(got.Text(lang.English), "could not be found out") {
			t.Errorf("without the dates: failed %v\n%s", got.Failed, got.Text(lang.English))
		}
	})
}
