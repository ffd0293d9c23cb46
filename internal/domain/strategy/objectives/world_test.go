package objectives_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/objectives"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// world is a catalog of the goals with an engine of claims, whose clock the
// test turns.
type world struct {
	*testing.T
	db      *sqldb.DB
	catalog *catalog.Catalog
	claims  *claim.Engine
	watches []feed.Watch
	cursors []int64
	clock   time.Time
}

const org = "default"

// start is the 46th day of the quarter of the tests: half of it is over.
var start = time.Date(2026, 8, 15, 9, 0, 0, 0, time.UTC)

func migrations() []sqldb.Migration {
	var all []sqldb.Migration
	for _, m := range [][]sqldb.Migration{feed.Migrations(), audit.Migrations(), catalog.Migrations(), claim.Migrations()} {
		all = append(all, m...)
	}
	return all
}

func newWorld(t *testing.T, db *sqldb.DB) *world {
	t.Helper()
	w := &world{T: t, db: db, clock: start}
	now := func() time.Time { return w.clock }
	m := objectives.Module()
	w.catalog = catalog.New(db, catalog.NewKinds(append(claim.Kinds(), m.Kinds...)...), catalog.WithClock(now))
	w.claims = claim.New(claim.Config{DB: db, Catalog: w.catalog, Feed: feed.New(db), Bearers: m.Bearers, Words: m.Words, Now: now})
	w.watches = append(w.claims.Watches(), m.Watches(w.catalog)...)
	w.cursors = make([]int64, len(w.watches))
	return w
}

// run runs a test on both databases.
func run(t *testing.T, f func(*world)) {
	sqldbtest.Run(t, migrations(), func(t *testing.T, db *sqldb.DB) { f(newWorld(t, db)) })
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) as(name string, role auth.Role) catalog.Caller {
	return catalog.Caller{Principal: auth.Principal{Account: name, Name: name, Org: org, Role: role, UserRef: "user:default/" + name, Via: "web"}, Manager: "form"}
}

func (w *world) owner() catalog.Caller { return w.as("ana", auth.RoleOwner) }

func (w *world) tryApply(caller catalog.Caller, text string) error {
	docs, err := w.catalog.Decode("t.yaml", []byte(text))
	if err != nil {
		return err
	}
	_, err = w.catalog.Apply(w.Context(), caller, docs, catalog.ApplyOptions{})
	return err
}

// apply writes YAML as the owner and works until nothing is due.
func (w *world) apply(text string) {
	w.Helper()
	w.must(w.tryApply(w.owner(), text))
	w.settle()
}

// settle lets the watches take in the feed and runs what is due.
func (w *world) settle() {
	w.Helper()
	f := feed.New(w.db)
	for quiet := false; !quiet; {
		quiet = true
		for i, watch := range w.watches {
			batch, next, err := f.Page(w.Context(), w.cursors[i], 500, watch.Types...)
			w.must(err)
			if len(batch) > 0 {
				w.must(w.db.Tx(w.Context(), func(tx *sqldb.Tx) error { return watch.Handle(w.Context(), tx, batch) }))
			}
			quiet = quiet && next == w.cursors[i]
			w.cursors[i] = next
		}
		n, err := w.claims.Drain(w.Context())
		w.must(err)
		quiet = quiet && n == 0
	}
}

func (w *world) ref(text string) entity.Ref {
	w.Helper()
	r, err := entity.ParseRef(text, "keyresult", "")
	w.must(err)
	return r
}

func (w *world) get(text string) *entity.Entity {
	w.Helper()
	e, err := w.catalog.Get(w.Context(), w.owner(), w.ref(text))
	w.must(err)
	return e
}

func status[T any](w *world, ref string) T {
	w.Helper()
	var s T
	e := w.get(ref)
	if len(e.Status) > 0 {
		w.must(json.Unmarshal(e.Status, &s))
	}
	return s
}

func (w *world) kr(name string) objectives.KeyResultStatus {
	w.Helper()
	return status[objectives.KeyResultStatus](w, name)
}

func (w *world) objective(name string) objectives.ObjectiveStatus {
	w.Helper()
	return status[objectives.ObjectiveStatus](w, "objective:"+name)
}

// patch edits an entity as a form does, and works until nothing is due.
func (w *world) patch(ref, merge string) {
	w.Helper()
	_, err := w.catalog.Patch(w.Context(), w.owner(), w.ref(ref), json.RawMessage(merge), catalog.UpdateOptions{})
	w.must(err)
	w.settle()
}

// wait lets days pass, and the hourly schedule run.
func (w *world) wait(days int) {
	w.Helper()
	w.clock = w.clock.AddDate(0, 0, days)
	w.must(objectives.Module().Schedules(w.catalog)[0].Run(w.Context()))
	w.settle()
}

// quarter is a cycle of 92 days with one objective.
const quarter = `apiVersion: binnacle.dev/v1
kind: Cycle
metadata: {name: q3, title: Q3 2026}
spec: {start: "2026-07-01", end: "2026-09-30", state: active, timeZone: Europe/Madrid}
---
apiVersion: binnacle.dev/v1
kind: Objective
metadata: {name: pay, title: Every payment works the first time, owner: "user:ana"}
spec: {cycle: q3, state: active}
`

// typedKR is a key result from 0 to 100 whose number people type.
func typedKR(name, more string) string {
	return "---\napiVersion: binnacle.dev/v1\nkind: KeyResult\nmetadata: {name: " + name + ", title: " + name + "}\nspec: {objective: pay, kind: metric, start: 0, target: 100" + more + "}\n"
}

func aCheckIn(name, kr, more string) string {
	return "---\napiVersion: binnacle.dev/v1\nkind: CheckIn\nmetadata: {name: " + name + "}\nspec: {keyResult: " + kr + ", " + more + "}\n"
}

// aMeasure is a measure of how many measures there are, and one of a key result.
func aMeasure(name, spec string) string {
	return "---\napiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: " + name + ", title: " + name + "}\nspec: {room: strategy, direction: up, " + spec + "}\n"
}
