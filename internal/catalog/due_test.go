package catalog_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// promise is a kind with dates of every sort.
type promise struct {
	By     string   `json:"by,omitempty" en:"By" es:"Antes del" type:"date" due:"Promise|Promesa"`
	Meets  string   `json:"meets,omitempty" en:"Meets" es:"Se reúne" type:"datetime" due:"meet:Meeting|Reunión"`
	Stones []stone  `json:"stones,omitempty" en:"Stones" es:"Hitos"`
	Made   string   `json:"made,omitempty" en:"Made" es:"Hecha" type:"date"`
	Kept   bool     `json:"kept,omitempty" en:"Kept" es:"Cumplida"`
	To     string   `json:"to,omitempty" en:"To" es:"A" ref:"user,group" rel:"promisedTo,promises"`
	Tags   []string `json:"tags,omitempty" en:"Tags" es:"Marcas"`
}

type stone struct {
	Name string `json:"name" en:"Name" es:"Nombre"`
	On   string `json:"on" en:"On" es:"El" type:"date" due:"end:Stone|Hito"`
}

func promiseKinds() *catalog.Kinds {
	kind := catalog.Of[promise](catalog.Kind{Name: "Promise", Plural: "promises", Room: auth.Strategy, Title: lang.T("Promise", "Promesa"), Titles: lang.T("Promises", "Promesas"),
		Closed: func(e *entity.Entity) bool {
			var s promise
			return json.Unmarshal(e.Spec, &s) == nil && s.Kept
		},
		Answers: func(e *entity.Entity) string {
			var s promise
			_ = json.Unmarshal(e.Spec, &s)
			return s.To
		}}, nil)
	person := catalog.Of[birthday](catalog.Kind{Name: "User", Plural: "users", Room: auth.People, Personal: true, Title: lang.T("Person", "Persona"), Titles: lang.T("People", "Personas")}, nil)
	return catalog.NewKinds(kind, person)
}

type birthday struct {
	Review string `json:"review,omitempty" en:"Review" es:"Evaluación" type:"date" due:"decide:Review|Evaluación"`
}

func eachPromise(t *testing.T, f func(w *world)) {
	sqldbtest.Run(t, catalogtest.Migrations(), func(t *testing.T, db *sqldb.DB) {
		w := newWorld(t, db)
		w.c = catalog.New(db, promiseKinds(), catalog.WithClock(w.c.Now))
		f(w)
	})
}

// due writes what falls due as one text.
func (w *world) due(caller catalog.Caller, q catalog.DueQuery) string {
	w.Helper()
	list, err := w.c.Due(w.ctx, caller, q)
	if err != nil {
		w.Fatalf("due %+v: %v", q, err)
	}
	var out []string
	for _, d := range list {
		out = append(out, fmt.Sprintf("%s %s %s%s", d.Day(time.UTC).Format(time.DateOnly), d.What.Label.En, d.Title, map[bool]string{true: " " + d.At.Format("15:04")}[d.Timed]))
	}
	return strings.Join(out, "\n")
}

func day(s string, zone *time.Location) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, s, zone)
	if err != nil {
		panic(err)
	}
	return t
}

func TestDue(t *testing.T) {
	eachPromise(t, func(w *world) {
		w.apply(file, thing("Promise", "a", `{by: "2024-03-31", made: "2024-01-01"}`)+thing("Promise", "b", `{meets: "2024-03-30T23:30:00-02:00", to: user:ben}`)+
			thing("Promise", "c", `{stones: [{name: x, on: "2024-02-29"}, {name: y, on: "2024-04-01"}]}`)+thing("Promise", "d", `{by: "2024-03-01", kept: true}`)+thing("Promise", "e", `{}`))
		all := "2024-02-29 Stone c\n2024-03-31 Promise a\n2024-03-31 Meeting b 01:30\n2024-04-01 Stone c"
		if got := w.due(ana, catalog.DueQuery{}); got != all {
			t.Errorf("all:\n%s\nwant\n%s", got, all)
		}
		f := func(what string, q catalog.DueQuery, want string) {
			t.Helper()
			if got := w.due(ana, q); got != want {
				t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
			}
		}
		madrid, err := time.LoadLocation("Europe/Madrid")
		if err != nil {
			t.Fatal(err)
		}
		west := time.FixedZone("west", -9*3600)
		f("a day", catalog.DueQuery{From: day("2024-03-31", time.UTC), To: day("2024-04-01", time.UTC)}, "2024-03-31 Promise a\n2024-03-31 Meeting b 01:30")
		f("the same in Madrid, where the clock changes", catalog.DueQuery{From: day("2024-03-31", madrid), To: day("2024-04-01", madrid)}, "2024-03-31 Promise a\n2024-03-31 Meeting b 01:30")
		f("far in the west the meeting is a day before, and the whole day the same", catalog.DueQuery{From: day("2024-03-31", west), To: day("2024-04-01", west)}, "2024-03-31 Promise a")
		f("the day before there", catalog.DueQuery{From: day("2024-03-30", west), To: day("2024-03-31", west)}, "2024-03-31 Meeting b 01:30")
		f("the leap day is within its month", catalog.DueQuery{From: day("2024-02-29", time.UTC), To: day("2024-03-01", time.UTC)}, "2024-02-29 Stone c")
		f("who has to see to it", catalog.DueQuery{Who: []string{"user:default/ben"}}, "2024-03-31 Meeting b 01:30")
		f("the first", catalog.DueQuery{Limit: 1}, "2024-02-29 Stone c")
		f("of a kind without dates", catalog.DueQuery{Kinds: []string{"Group"}}, "")

		// What is done is not due, and is again when it is not done.
		w.apply(file, thing("Promise", "a", `{by: "2024-03-31", kept: true}`))
		f("kept", catalog.DueQuery{From: day("2024-03-31", time.UTC), To: day("2024-04-01", time.UTC)}, "2024-03-31 Meeting b 01:30")
		w.apply(file, thing("Promise", "a", `{by: "2024-05-31"}`))
		f("moved", catalog.DueQuery{From: day("2024-05-01", time.UTC)}, "2024-05-31 Promise a")
		if _, err := w.c.Delete(w.ctx, ana, w.ref("promise:c"), 0); err != nil {
			t.Fatal(err)
		}
		f("deleted", catalog.DueQuery{To: day("2024-05-01", time.UTC)}, "2024-03-31 Meeting b 01:30")
		if got := w.due(as(auth.RoleOwner, "other", "Eve", "form"), catalog.DueQuery{}); got != "" {
			t.Errorf("another organisation sees %q", got)
		}
		if got := w.due(as(auth.RoleIngest, "acme", "Machine", "api"), catalog.DueQuery{}); got != "" {
			t.Errorf("a machine that reads nothing sees %q", got)
		}
	})
}

// A date about a person is for that person alone.
func TestDueOfPeople(t *testing.T) {
	eachPromise(t, func(w *world) {
		w.apply(file, thing("User", "ben", `{review: "2024-03-31"}`)+thing("User", "eve", `{review: "2024-03-30"}`))
		if got := w.due(ana, catalog.DueQuery{}); got != "" {
			t.Errorf("an owner sees %q", got)
		}
		ben := as(auth.RoleMember, "acme", "Ben", "form")
		ben.UserRef = "user:default/ben"
		if got, want := w.due(ben, catalog.DueQuery{}), "2024-03-31 Review ben"; got != want {
			t.Errorf("ben sees %q, want %q", got, want)
		}
	})
}

// An installation made before the dates were kept gets them when it starts, and
// once.
func TestDueIsFilled(t *testing.T) {
	eachPromise(t, func(w *world) {
		w.apply(file, thing("Promise", "a", `{by: "2024-03-31"}`)+thing("Promise", "d", `{by: "2024-03-01", kept: true}`))
		w.apply(as(auth.RoleOwner, "other", "Eve", "form"), thing("Promise", "z", `{by: "2024-03-31"}`))
		empty := func(where string) {
			if _, err := w.db.Exec(w.ctx, `DELETE FROM due `+where); err != nil {
				t.Fatal(err)
			}
		}
		refresh := func(what, want string) {
			t.Helper()
			if err := w.c.Refresh(w.ctx); err != nil {
				t.Fatal(err)
			}
			if got := w.due(ana, catalog.DueQuery{}); got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		empty("")
		refresh("started the first time", "2024-03-31 Promise a")
		empty("WHERE org = 'acme'")
		refresh("started again, nothing is made anew", "")
		if err := w.c.Rebuild(w.ctx); err != nil {
			t.Fatal(err)
		}
		refresh("rebuilt", "2024-03-31 Promise a")
		var rows []string
		list, err := w.c.Due(w.ctx, as(auth.RoleOwner, "other", "Eve", "form"), catalog.DueQuery{})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			rows = append(rows, d.Ref)
		}
		if diff := cmp.Diff([]string{"promise:default/z"}, rows); diff != "" {
			t.Errorf("of the other organisation: %s", diff)
		}
	})
}

func TestDueTag(t *testing.T) {
	f := func(spec any, want string) {
		t.Helper()
		defer func() {
			if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
				t.Errorf("the panic is %s, want %s", got, want)
			}
		}()
		switch spec.(type) {
		case int:
			catalog.Of[struct {
				A string `json:"a" en:"A" es:"A" due:"Review"`
			}](catalog.Kind{}, nil)
		default:
			catalog.Of[struct {
				A string `json:"a" en:"A" es:"A" due:"decide:|Revisión"`
			}](catalog.Kind{}, nil)
		}
	}
	f(1, "in both languages")
	f("", "in both languages")
}
