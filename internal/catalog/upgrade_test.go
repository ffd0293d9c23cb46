package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// before are the migrations of a database that has no index of values yet.
func before() []sqldb.Migration {
	return slices.DeleteFunc(catalogtest.Migrations(), func(m sqldb.Migration) bool { return m.Name == "catalog/postings" })
}

// A database from before the index of values is migrated forward: what is
// derived is made from the documents, and a start that is cut off leaves the rest
// to the next.
func TestUpgrade(t *testing.T) {
	sqldbtest.Run(t, before(), func(t *testing.T, db *sqldb.DB) {
		ctx := context.Background()
		for i := 1; i <= 5; i++ {
			doc := fmt.Sprintf(`{"apiVersion":"binnacle.dev/v1","kind":"Part","metadata":{"name":"p%d","tags":["old"],"owner":"group:core"},"spec":{"type":"service","tier":%d,"notes":"pigeon","dependsOn":["p1"]}}`, i, 1+i%4)
			for _, stmt := range []string{
				`INSERT INTO entities (id, uid, org, kind, ref, ns, name, title, owner, rev, created, updated, deleted, doc) VALUES (#, 'u#', 'acme', 'part', 'part:default/p#', 'default', 'p#', '', 'group:default/core', 1, 1, 1, 0, 'DOC')`,
				`INSERT INTO facets (id, org, kind, key, value) VALUES (#, 'acme', 'part', 'metadata.tags', 'stale')`,
				`UPDATE ids SET next = # + 1`,
			} {
				if _, err := db.Exec(ctx, strings.NewReplacer("#", fmt.Sprint(i), "DOC", doc).Replace(stmt)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := db.Exec(ctx, `INSERT INTO counts (org, kind, n) VALUES ('acme', 'part', 5)`); err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(ctx, catalogtest.Migrations()); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, db)
		stopped, stop := context.WithCancel(ctx)
		stop()
		if err := w.c.Upgrade(stopped, func() {}); err == nil {
			t.Fatal("an upgrade that was stopped says that it ended")
		}
		begun := 0
		for range 2 {
			if err := w.c.Upgrade(ctx, func() { begun++ }); err != nil || begun != 1 {
				t.Fatalf("%v, begun %d times; want once", err, begun)
			}
			for _, q := range []catalog.Query{{}, {Tags: []string{"old"}}, {Owner: "core"}, {Text: "pig"}, {Kinds: []string{"Part"}, Sort: "spec.tier", Namespace: "default"}} {
				if got := len(strings.Fields(w.list(q))); got != 5 {
					t.Errorf("%+v: %d entities, want 5", q, got)
				}
			}
			if got := w.list(catalog.Query{Tags: []string{"stale"}}); got != "" {
				t.Errorf("found %s by what the old index said", got)
			}
			relations, err := w.c.Relations(ctx, ana, w.ref("part:p1"))
			if err != nil || len(relations) != 7 {
				t.Errorf("got %d relations, %v; want the owner, itself twice and four parts", len(relations), err)
			}
			// The second look is at what a change, not the upgrade, has written.
			w.apply(file, partYAML("p9", "{type: service}"))
			if _, err := w.c.Delete(ctx, ana, w.ref("part:p9"), 0); err != nil {
				t.Fatal(err)
			}
		}
	})
}
