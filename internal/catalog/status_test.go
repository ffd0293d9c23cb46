package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

type crate struct {
	Shelf  string `json:"shelf" en:"Shelf" es:"Estante" filter:"1"`
	Weight int    `json:"weight" en:"Weight" es:"Peso"`
}

type rackSpec struct {
	Hall  string `json:"hall" en:"Hall" es:"Sala" filter:"1"`
	Label string `json:"label" en:"Label" es:"Etiqueta"`
}

type load struct {
	Weight int `json:"weight" en:"Weight" es:"Peso" col:"1" filter:"1"`
}

type gauge struct {
	Unit string `json:"unit" en:"Unit" es:"Unidad"`
}

type reading struct {
	Value int `json:"value" en:"Value" es:"Valor" col:"1" filter:"1"`
}

func kindOf(name string) catalog.Kind {
	return catalog.Kind{Name: name, Plural: name + "s", Room: auth.Operations, Title: lang.T(name, name), Titles: lang.T(name+"s", name+"s")}
}

// storeKinds are a shelf whose status is the weight of its crates, a hall whose
// status is the weight of its shelves, and a gauge whose status is stated.
func storeKinds(reckoned int) *catalog.Kinds {
	sum := func(l *catalog.Look, q catalog.Query, weight func(*entity.Entity) (int, error)) (*load, error) {
		total := 0
		err := l.Each(q, func(e *entity.Entity) error {
			w, err := weight(e)
			total += w
			return err
		})
		if err != nil || total == 0 {
			return nil, err
		}
		return &load{Weight: total}, nil
	}
	field := func(path, value string) catalog.Query {
		return catalog.Query{Fields: map[string][]string{path: {value}}}
	}
	shelfKind := kindOf("Shelf")
	shelfKind.Reckoned = reckoned
	shelves := catalog.DerivedWith(catalog.Of[rackSpec](shelfKind, nil),
		catalog.Follow{Kinds: []string{"Crate"}, Of: func(e *entity.Entity) catalog.Query {
			c, _ := catalog.Spec[crate](e)
			return catalog.Query{Refs: []string{"shelf:default/" + c.Shelf}}
		}},
		func(l *catalog.Look) func(*entity.Entity, *rackSpec) (*load, error) {
			return func(e *entity.Entity, _ *rackSpec) (*load, error) {
				q := field("spec.shelf", e.Metadata.Name)
				q.Kinds = []string{"Crate"}
				return sum(l, q, func(e *entity.Entity) (int, error) {
					c, err := catalog.Spec[crate](e)
					return c.Weight, err
				})
			}
		})
	halls := catalog.DerivedWith(catalog.Of[gauge](kindOf("Hall"), nil),
		catalog.Follow{Kinds: []string{"Shelf"}, Of: func(*entity.Entity) catalog.Query { return catalog.Query{} }},
		func(l *catalog.Look) func(*entity.Entity, *gauge) (*load, error) {
			return func(e *entity.Entity, _ *gauge) (*load, error) {
				q := field("spec.hall", e.Metadata.Name)
				q.Kinds = []string{"Shelf"}
				return sum(l, q, func(e *entity.Entity) (int, error) {
					if len(e.Status) == 0 {
						return 0, nil
					}
					return catalogStatus(e)
				})
			}
		})
	return catalog.NewKinds(catalog.Of[crate](kindOf("Crate"), nil), shelves, halls, catalog.Stated[reading](catalog.Of[gauge](kindOf("Gauge"), nil)))
}

func catalogStatus(e *entity.Entity) (n int, err error) {
	_, err = fmt.Sscanf(string(e.Status), `{"weight":%d}`, &n)
	return n, err
}

func eachStore(t *testing.T, f func(w *world)) {
	sqldbtest.Run(t, catalogtest.Migrations(), func(t *testing.T, db *sqldb.DB) {
		w := newWorld(t, db)
		w.c = catalog.New(db, storeKinds(1), catalog.WithClock(w.c.Now))
		f(w)
		w.checkIndex()
	})
}

func thing(kind, name, spec string) string {
	return "apiVersion: binnacle.dev/v1\nkind: " + kind + "\nmetadata: {name: " + name + "}\nspec: " + spec + "\n---\n"
}

func (w *world) status(ref, want string) {
	w.Helper()
	if got := string(w.get(ref).Status); got != want {
		w.Errorf("status of %s is %s, want %s", ref, got, want)
	}
}

// A status follows what it is computed from, over two steps, whichever way that
// changed, and without a revision.
func TestStatusFollows(t *testing.T) {
	eachStore(t, func(w *world) {
		// The shelf stands before what it follows from.
		w.apply(file, thing("Hall", "north", "{}")+thing("Shelf", "s1", "{hall: north}")+thing("Crate", "a", "{shelf: s1, weight: 3}")+thing("Crate", "b", "{shelf: s1, weight: 4}"))
		w.status("shelf:s1", `{"weight":7}`)
		w.status("hall:north", `{"weight":7}`)
		if _, err := w.c.Patch(w.ctx, ana, w.ref("crate:a"), []byte(`{"spec":{"weight":5}}`), catalog.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		w.status("shelf:s1", `{"weight":9}`)
		w.status("hall:north", `{"weight":9}`)
		if e := w.get("shelf:s1"); e.Metadata.ResourceVersion != "1" {
			t.Errorf("a new status made revision %s", e.Metadata.ResourceVersion)
		}
		if got := w.list(catalog.Query{Kinds: []string{"Shelf"}, Fields: map[string][]string{"status.weight": {"9"}}}); got != "s1" {
			t.Errorf("by its new status: %q", got)
		}
		if got := w.list(catalog.Query{Kinds: []string{"Shelf"}, Fields: map[string][]string{"status.weight": {"7"}}}); got != "" {
			t.Errorf("by its old status: %q", got)
		}
		// To another shelf: both are computed again.
		w.apply(file, thing("Shelf", "s2", "{hall: north}"))
		if _, err := w.c.Patch(w.ctx, ana, w.ref("crate:a"), []byte(`{"spec":{"shelf":"s2"}}`), catalog.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		w.status("shelf:s1", `{"weight":4}`)
		w.status("shelf:s2", `{"weight":5}`)
		w.status("hall:north", `{"weight":9}`)
		ch, err := w.c.Delete(w.ctx, ana, w.ref("crate:a"), 0)
		if err != nil {
			t.Fatal(err)
		}
		w.status("shelf:s2", ``)
		w.status("hall:north", `{"weight":4}`)
		if _, err := w.c.Restore(w.ctx, ana, w.ref("crate:a"), ch.Rev-1); err != nil {
			t.Fatal(err)
		}
		w.status("hall:north", `{"weight":9}`)
		// An editor who read the shelf before its status changed is not in conflict.
		if _, err := w.c.Update(w.ctx, ana, edited(w, "shelf:s1", `{"spec":{"label":"upper"}}`), catalog.UpdateOptions{Base: 1, Strict: true}); err != nil {
			t.Error(err)
		}
		w.status("shelf:s1", `{"weight":4}`)
	})
}

// What changed together is followed to each status that it leads to.
func TestStatusesFollowTogether(t *testing.T) {
	eachStore(t, func(w *world) {
		w.apply(file, thing("Hall", "north", "{}")+thing("Shelf", "s1", "{hall: north}")+thing("Shelf", "s2", "{hall: north}"))
		w.apply(file, thing("Crate", "a", "{shelf: s1, weight: 3}")+thing("Crate", "b", "{shelf: s2, weight: 4}"))
		w.status("shelf:s1", `{"weight":3}`)
		w.status("shelf:s2", `{"weight":4}`)
		w.status("hall:north", `{"weight":7}`)
	})
}

func TestStatedStatuses(t *testing.T) {
	eachStore(t, func(w *world) {
		w.apply(file, thing("Gauge", "a", "{}")+thing("Gauge", "b", "{}")+thing("Shelf", "s1", "{}"))
		program := catalog.Program("acme", "measure")
		set := func(list ...catalog.Statement) error { return w.c.SetStatuses(w.ctx, program, list) }
		err := set(catalog.Statement{Ref: w.ref("gauge:a"), Status: reading{1}}, catalog.Statement{Ref: w.ref("gauge:gone"), Status: reading{2}}, catalog.Statement{Ref: w.ref("gauge:b"), Status: reading{3}})
		if err != nil {
			t.Fatal(err)
		}
		w.status("gauge:a", `{"value":1}`)
		w.status("gauge:b", `{"value":3}`)
		for range 2 { // the index is checked at the end
			if err := set(catalog.Statement{Ref: w.ref("gauge:b"), Status: reading{2}}, catalog.Statement{Ref: w.ref("gauge:b"), Status: reading{6}}); err != nil {
				t.Fatal(err)
			}
		}
		w.status("gauge:b", `{"value":6}`)
		if got := w.list(catalog.Query{Kinds: []string{"Gauge"}, Fields: map[string][]string{"status.value": {"1"}}}); got != "a" {
			t.Errorf("by its status: %q", got)
		}
		wantErr(t, set(catalog.Statement{Ref: w.ref("gauge:a"), Status: reading{4}}, catalog.Statement{Ref: w.ref("shelf:s1"), Status: reading{5}}), fault.Internal, "computed")
		w.status("gauge:a", `{"value":1}`)
	})
}

func TestDryRunFollowsNothing(t *testing.T) {
	eachStore(t, func(w *world) {
		w.apply(file, thing("Shelf", "s1", "{}")+thing("Crate", "a", "{shelf: s1, weight: 3}"))
		_, err := w.c.Patch(w.ctx, ana, w.ref("crate:a"), []byte(`{"spec":{"weight":5}}`), catalog.UpdateOptions{DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		w.status("shelf:s1", `{"weight":3}`)
	})
}

func TestStatedStatus(t *testing.T) {
	eachStore(t, func(w *world) {
		w.apply(file, thing("Gauge", "g", "{unit: m}"))
		program := catalog.Program("acme", "measure")
		set := func(v any, want catalog.Op) {
			t.Helper()
			ch, err := w.c.SetStatus(w.ctx, program, w.ref("gauge:g"), v)
			if err != nil {
				t.Fatal(err)
			}
			if ch.Op != want || ch.Rev != 1 {
				t.Errorf("got %s at revision %d, want %s at 1", ch.Op, ch.Rev, want)
			}
		}
		set(reading{5}, catalog.Restated)
		set(reading{5}, catalog.Unchanged)
		w.status("gauge:g", `{"value":5}`)
		// Edits and the file keep it.
		if _, err := w.c.Update(w.ctx, ana, edited(w, "gauge:g", `{"spec":{"unit":"km"}}`), catalog.UpdateOptions{Base: 1, Strict: true}); err != nil {
			t.Fatal(err)
		}
		w.status("gauge:g", `{"value":5}`)
		if got := ops(w.apply(file, thing("Gauge", "g", "{unit: m}"))); got != "gauge:default/g unchanged" {
			t.Errorf("the same file again: %s", got)
		}
		w.status("gauge:g", `{"value":5}`)
		if got := w.list(catalog.Query{Kinds: []string{"Gauge"}, Fields: map[string][]string{"status.value": {"5"}}}); got != "g" {
			t.Errorf("by its status: %q", got)
		}
		if ch, err := w.c.SetStatus(w.ctx, program, w.ref("gauge:g"), nil); err != nil || ch.Op != catalog.Restated {
			t.Errorf("taken away: %v, %v", ch, err)
		}
		w.status("gauge:g", ``)
		w.apply(file, thing("Shelf", "s1", "{}"))
		_, err := w.c.SetStatus(w.ctx, program, w.ref("shelf:s1"), reading{1})
		wantErr(t, err, fault.Internal, "computed")
		if _, err := w.c.SetStatus(w.ctx, as(auth.RoleAuditor, "acme", "Eva", "x"), w.ref("gauge:g"), reading{1}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("an auditor: %v", err)
		}
	})
}

// Statuses that an older version of the program computed are made anew once.
func TestRefresh(t *testing.T) {
	eachStore(t, func(w *world) {
		w.apply(file, thing("Shelf", "s1", "{hall: north}")+thing("Crate", "a", "{shelf: s1, weight: 3}"))
		if err := w.c.Refresh(w.ctx); err != nil {
			t.Fatal(err)
		}
		spoil := func() {
			if _, err := w.db.Exec(w.ctx, `UPDATE entities SET doc = REPLACE(doc, '"weight":3', '"weight":2') WHERE ref = 'shelf:default/s1'`); err != nil {
				t.Fatal(err)
			}
		}
		spoil()
		if err := w.c.Refresh(w.ctx); err != nil {
			t.Fatal(err)
		}
		w.status("shelf:s1", `{"weight":2}`)
		if _, err := w.db.Exec(w.ctx, `UPDATE facets SET value = 'old' WHERE key = 'spec.hall'`); err != nil {
			t.Fatal(err)
		}
		newer := catalog.New(w.db, storeKinds(2))
		for range 2 {
			if err := newer.Refresh(w.ctx); err != nil {
				t.Fatal(err)
			}
		}
		w.status("shelf:s1", `{"weight":3}`)
		if got := w.list(catalog.Query{Kinds: []string{"Shelf"}, Fields: map[string][]string{"spec.hall": {"north"}}}); got != "s1" {
			t.Errorf("lists find %q by what they filtered by otherwise", got)
		}
	})
}

// A watch writes in its own transaction: what it wrote is there when its cursor
// moved, and its input again changes nothing.
func TestWatchWritesThroughTheCatalog(t *testing.T) {
	eachStore(t, func(w *world) {
		f := feed.New(w.db, feed.WithPoll(10*time.Millisecond), feed.WithBackoff(time.Millisecond, time.Millisecond))
		ctx, stop := context.WithCancel(w.ctx)
		defer stop()
		fails := 1
		watch := feed.Watch{Name: "gauges", Types: []string{"entity.created"}, Handle: func(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
			c := w.c.In(tx)
			for _, entry := range batch {
				ref, err := entity.ParseRef(entry.Ref, "", "")
				if err != nil {
					return err
				}
				if ref.Kind != "crate" {
					continue
				}
				me := catalog.Program(entry.Org, "watch/gauges")
				crate, err := c.Get(ctx, me, ref)
				if err != nil {
					return err
				}
				gauge := &entity.Entity{APIVersion: entity.APIVersion, Kind: "Gauge", Metadata: entity.Metadata{Name: "of-" + crate.Metadata.Name}, Spec: []byte(`{"unit":"kg"}`)}
				if _, err := c.Apply(ctx, me, []catalog.Document{{Entity: gauge}}, catalog.ApplyOptions{}); err != nil {
					return err
				}
				if _, err := c.SetStatus(ctx, me, gauge.Ref(), reading{3}); err != nil {
					return err
				}
				if fails--; fails >= 0 {
					return errors.New("after it wrote")
				}
			}
			return nil
		}}
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx, []feed.Watch{watch}, nil) }()
		w.apply(file, thing("Crate", "a", "{}"))
		deadline := time.Now().Add(20 * time.Second)
		for {
			_, err := w.c.Get(w.ctx, ana, w.ref("gauge:of-a"))
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		w.status("gauge:of-a", `{"value":3}`)
		head := func() int64 {
			n, err := f.Head(w.ctx)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := head()
		if _, err := w.db.Exec(w.ctx, `UPDATE feed_cursors SET seq = 0 WHERE name = 'gauges'`); err != nil {
			t.Fatal(err)
		}
		for {
			var seq int64
			if err := w.db.QueryRow(w.ctx, `SELECT seq FROM feed_cursors WHERE name = 'gauges'`).Scan(&seq); err != nil {
				t.Fatal(err)
			}
			if seq > 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the watch does not start again")
			}
			w.apply(file, thing("Shelf", fmt.Sprint("wake-", time.Now().UnixNano()), "{}"))
			before++
			time.Sleep(20 * time.Millisecond)
		}
		if after := head(); after != before {
			t.Errorf("the same input again added %d entries to the feed", after-before)
		}
		if e := w.get("gauge:of-a"); e.Metadata.ResourceVersion != "1" {
			t.Errorf("the same input again made revision %s", e.Metadata.ResourceVersion)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Inside a transaction a call that fails, and a dry run, leave it as it was.
func TestInATransaction(t *testing.T) {
	eachStore(t, func(w *world) {
		w.apply(file, thing("Crate", "taken", "{}"))
		undone := errors.New("undone")
		err := w.db.Tx(w.ctx, func(tx *sqldb.Tx) error {
			c := w.c.In(tx)
			if _, err := c.Apply(w.ctx, file, w.docs(thing("Crate", "kept", "{}")), catalog.ApplyOptions{}); err != nil {
				return err
			}
			if _, err := c.Apply(w.ctx, file, w.docs(thing("Crate", "tried", "{}")), catalog.ApplyOptions{DryRun: true}); err != nil {
				return err
			}
			_, err := c.Create(w.ctx, file, &entity.Entity{APIVersion: entity.APIVersion, Kind: "Crate", Metadata: entity.Metadata{Name: "taken"}})
			wantErr(t, err, fault.Conflict, "taken")
			page, err := c.List(w.ctx, ana, catalog.Query{Kinds: []string{"Crate"}})
			if err != nil {
				return err
			}
			var names []string
			for _, e := range page.Items {
				names = append(names, e.Metadata.Name)
			}
			if diff := cmp.Diff([]string{"kept", "taken"}, names); diff != "" {
				t.Errorf("inside (-want +got):\n%s", diff)
			}
			if hits, err := c.Search(w.ctx, ana, "kept", nil, 5); err != nil || len(hits) != 1 {
				t.Errorf("search inside: %v, %v", hits, err)
			}
			if got := w.list(catalog.Query{Kinds: []string{"Crate"}}); got != "taken" {
				t.Errorf("outside: %q", got)
			}
			return undone
		})
		if !errors.Is(err, undone) {
			t.Fatal(err)
		}
		if got := w.list(catalog.Query{Kinds: []string{"Crate"}}); got != "taken" {
			t.Errorf("after the transaction was undone: %q", got)
		}
	})
}
