package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
)

func humans(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "---\napiVersion: binnacle.dev/v1\nkind: User\nmetadata: {name: %s}\nspec: {email: %s@acme.example}\n", n, n)
	}
	return b.String()
}

type manyLook struct {
	Count   int
	More    bool
	Refs    []string
	Queries []string
}

// looks returns the looks at several that were logged, the oldest first, and
// forgets them.
func (w *world) looks() []manyLook {
	w.Helper()
	records, _, err := audit.New(w.db).Search(w.ctx, "acme", audit.Query{Action: audit.LookMany})
	if err != nil {
		w.Fatal(err)
	}
	var out []manyLook
	for _, r := range records[:len(records)-w.lookedAt] {
		var l manyLook
		if err := json.Unmarshal(r.Detail, &l); err != nil || r.Target != "people" {
			w.Fatalf("%+v: %v", r, err)
		}
		out = append([]manyLook{l}, out...)
	}
	w.lookedAt = len(records)
	return out
}

// TestManyLooks: what shows several people at once is one look, with whom it
// showed and what was asked; what shows nobody else is none.
func TestManyLooks(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, humans("ana", "bea", "carl")+"---\n"+partYAML("a", "{type: service}"))
		self := ana
		self.UserRef = "user:default/ana"
		list := func(ctx context.Context, q catalog.Query) {
			w.Helper()
			if _, err := w.c.List(ctx, self, q); err != nil {
				w.Fatal(err)
			}
		}
		want := func(what string, want ...manyLook) {
			w.Helper()
			if diff := cmp.Diff(want, w.looks()); diff != "" {
				w.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		both := []string{"user:default/bea", "user:default/carl"}
		list(w.ctx, catalog.Query{Kinds: []string{"User"}})
		want("a list", manyLook{Count: 2, Refs: both, Queries: []string{"kind=User"}})
		list(w.ctx, catalog.Query{})
		want("a list of every kind", manyLook{Count: 2, Refs: both, Queries: []string{"all"}})
		list(w.ctx, catalog.Query{Kinds: []string{"Part"}})
		list(w.ctx, catalog.Query{Text: "ana"})
		want("parts, and oneself")
		if _, err := w.c.Search(w.ctx, self, "bea", nil, 5); err != nil {
			w.Fatal(err)
		}
		want("a search", manyLook{Count: 1, Refs: both[:1], Queries: []string{"text=bea"}})
		if err := w.c.Each(w.ctx, self, catalog.Query{Kinds: []string{"User"}, CEL: "metadata.name != 'bea'"}, func(*entity.Entity) error { return nil }); err != nil {
			w.Fatal(err)
		}
		want("an export", manyLook{Count: 1, Refs: both[1:], Queries: []string{"kind=User, filter=metadata.name != 'bea'"}})
		list(catalog.NamesOnly(w.ctx), catalog.Query{Kinds: []string{"User"}})
		want("names only")
		if _, err := w.c.List(w.ctx, catalog.Caller{Principal: auth.Local("acme", "root", "cli")}, catalog.Query{}); err != nil {
			w.Fatal(err)
		}
		want("who holds the folder")

		ctx, gathered := w.c.GatherLooks(w.ctx)
		list(ctx, catalog.Query{Kinds: []string{"User"}, Limit: 2})
		list(ctx, catalog.Query{Kinds: []string{"User"}, Text: "carl"})
		list(ctx, catalog.Query{Kinds: []string{"User"}})
		want("not yet")
		if err := gathered.Flush(ctx); err != nil {
			w.Fatal(err)
		}
		if err := gathered.Flush(ctx); err != nil {
			w.Fatal(err)
		}
		want("a page of several queries", manyLook{Count: 2, Refs: both, Queries: []string{"kind=User", "kind=User, text=carl"}})

		ctx, stop := context.WithCancel(w.ctx)
		err := w.c.Each(ctx, self, catalog.Query{Kinds: []string{"User"}}, func(*entity.Entity) error { stop(); return ctx.Err() })
		if err == nil {
			w.Fatal("it did not end")
		}
		want("an export that was broken off", manyLook{Count: 2, Refs: both, Queries: []string{"kind=User"}})
	})
}

// TestManyManyLooks: beyond what a record names it counts.
func TestManyManyLooks(t *testing.T) {
	each(t, func(w *world) {
		var names []string
		for i := range 1200 {
			names = append(names, fmt.Sprintf("person-with-a-long-name-%04d", i))
		}
		w.apply(file, humans(names...))
		n := 0
		if err := w.c.Each(w.ctx, ana, catalog.Query{Kinds: []string{"User"}}, func(*entity.Entity) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		looks := w.looks()
		if len(looks) != 1 || looks[0].Count != n || !looks[0].More || len(looks[0].Refs) < 200 || len(looks[0].Refs) > 300 {
			t.Fatalf("%d people in %d looks: %.200v", n, len(looks), looks)
		}
		log := audit.New(w.db)
		for ref, perhaps := range map[string]bool{looks[0].Refs[0]: false, "user:default/" + names[len(names)-1]: true} {
			got, more, err := log.Looks(w.ctx, "acme", ref, 10)
			if err != nil || more || len(got) != 1 || got[0].Perhaps != perhaps || got[0].Shown != n || got[0].Detail != nil {
				t.Errorf("what %s sees: %+v, %v", ref, got, err)
			}
		}
	})
}
