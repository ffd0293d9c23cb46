package catalog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
)

const shelf = `
apiVersion: binnacle.dev/v1
kind: Part
metadata: {name: alpha, title: "Ágora", tags: [go, web], labels: {env: prod, team: x}, owner: group:core}
spec: {type: service, tier: 1, stage: live, notes: "The CheckoutService talks to ledger."}
---
apiVersion: binnacle.dev/v1
kind: Part
metadata: {name: beta, title: beta, tags: [go], labels: {env: dev}}
spec: {type: service, tier: 2, stage: plan, notes: "checkout of books"}
---
apiVersion: binnacle.dev/v1
kind: Part
metadata: {name: gamma, title: Zeta, labels: {env: prod}}
spec: {type: library, tier: 3, stage: end}
---
apiVersion: binnacle.dev/v1
kind: Part
metadata: {name: delta, description: "Café con leche 100% 'quoted'"}
spec: {type: website}
`

func TestList(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, shelf)
		f := func(q catalog.Query, want string) {
			t.Helper()
			if got := w.list(q); got != want {
				t.Errorf("%+v: got %q, want %q", q, got, want)
			}
		}
		f(catalog.Query{}, "alpha beta delta gamma")
		f(catalog.Query{Desc: true}, "gamma delta beta alpha")
		f(catalog.Query{Sort: "title"}, "alpha beta delta gamma")
		f(catalog.Query{Kinds: []string{"parts"}, Sort: "spec.tier"}, "delta alpha beta gamma")
		f(catalog.Query{Kinds: []string{"pt"}, Sort: "spec.stage", Desc: true}, "gamma alpha beta delta")
		f(catalog.Query{Sort: "updated"}, "alpha beta gamma delta")
		f(catalog.Query{Labels: "env=prod"}, "alpha gamma")
		f(catalog.Query{Labels: "env in (prod, dev),!team"}, "beta gamma")
		f(catalog.Query{Labels: "env!=prod"}, "beta delta")
		f(catalog.Query{Labels: "env notin (prod)"}, "beta delta")
		f(catalog.Query{Labels: "team"}, "alpha")
		f(catalog.Query{Tags: []string{"go", "web"}}, "alpha")
		f(catalog.Query{Owner: "core"}, "alpha")
		f(catalog.Query{Owner: "group:core"}, "alpha")
		f(catalog.Query{Kinds: []string{"Part"}, Fields: map[string][]string{"spec.type": {"service", "library"}}}, "alpha beta gamma")
		f(catalog.Query{Kinds: []string{"Part"}, Fields: map[string][]string{"spec.type": {"service"}, "spec.stage": {"plan"}}}, "beta")
		f(catalog.Query{Kinds: []string{"Part"}, Fields: map[string][]string{"spec.stage": {""}}}, "delta")
		f(catalog.Query{CEL: `spec.tier == 1`}, "alpha")
		f(catalog.Query{CEL: `kind == "Part" && spec.tier >= 2 && !has(metadata.owner)`}, "beta gamma")
		f(catalog.Query{CEL: `has(metadata.labels) && metadata.labels["env"] == "prod" && spec.type.startsWith("lib")`}, "gamma")
		f(catalog.Query{CEL: `metadata.name in ["delta", "beta"]`}, "beta delta")
		f(catalog.Query{Text: "checkout"}, "alpha beta")
		f(catalog.Query{Text: "CHECKOUT ledg"}, "alpha")
		f(catalog.Query{Text: "cafe"}, "delta")
		f(catalog.Query{Text: "agora"}, "alpha")
		f(catalog.Query{Text: `"' OR 1=1 --`}, "")
		f(catalog.Query{Text: "100%"}, "delta")
	})
}

func TestListPages(t *testing.T) {
	each(t, func(w *world) {
		var yaml strings.Builder
		var want []string
		for i := range 25 {
			yaml.WriteString(partYAML(fmt.Sprintf("p%02d", i), fmt.Sprintf("{type: service, tier: %d}", 1+i%3)))
			want = append(want, fmt.Sprintf("p%02d", i))
		}
		w.apply(file, yaml.String())
		for _, q := range []catalog.Query{{Limit: 7}, {Limit: 7, CEL: "spec.tier < 4"}, {Limit: 1}, {Limit: 7, Sort: "updated"}} {
			var got []string
			for {
				page, err := w.c.List(w.ctx, ana, q)
				if err != nil {
					t.Fatal(err)
				}
				if q.CEL == "" && page.Total != 25 {
					t.Errorf("total %d, want 25", page.Total)
				}
				for _, e := range page.Items {
					got = append(got, e.Metadata.Name)
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%+v: %s", q, d)
			}
		}
		byTier := catalog.Query{Kinds: []string{"Part"}, Sort: "spec.tier", Limit: 10}
		page, err := w.c.List(w.ctx, ana, byTier)
		if err != nil {
			t.Fatal(err)
		}
		byTier.Cursor = page.Next
		if got := w.list(byTier); !strings.HasPrefix(got, "p04 p07") {
			t.Errorf("second page by tier: %s", got)
		}
	})
}

// Every way to narrow a list meets every way to sort it, page after page.
func TestListNarrowedAndSorted(t *testing.T) {
	each(t, func(w *world) {
		var yaml strings.Builder
		for i := range 30 {
			fmt.Fprintf(&yaml, "%s{name: p%02d, title: T%02d, tags: [t%d], labels: {l: x%d}, owner: group:g%d}\nspec: {type: ty%d, tier: %d, notes: word%d}\n---\n", head, i, 99-i, i%3, i%3, i%3, i%3, 1+i%4, i%3)
		}
		w.apply(file, yaml.String())
		for _, narrow := range []catalog.Query{{}, {Tags: []string{"t1"}}, {Labels: "l=x1"}, {Owner: "g1"}, {Fields: map[string][]string{"spec.type": {"ty1"}}},
			{CEL: `spec.type == "ty1"`}, {Text: "word1"}, {Text: "word1", Labels: "l=x1"}, {Tags: []string{"t1"}, CEL: "spec.tier > 0"}} {
			want := 10
			if narrow.Tags == nil && narrow.Labels == "" && narrow.Owner == "" && narrow.Fields == nil && narrow.CEL == "" && narrow.Text == "" {
				want = 30
			}
			for _, sort := range []string{"", "name", "title", "updated", "created", "kind", "owner", "spec.tier", "spec.stage", "spec.type", "status.steps"} {
				for _, desc := range []bool{false, true} {
					q := narrow
					q.Kinds, q.Sort, q.Desc, q.Limit = []string{"Part"}, sort, desc, 4
					seen := map[string]bool{}
					for {
						page, err := w.c.List(w.ctx, ana, q)
						if err != nil {
							t.Fatalf("%+v: %v", q, err)
						}
						for _, e := range page.Items {
							if seen[e.Metadata.Name] {
								t.Fatalf("%+v: %s twice", q, e.Metadata.Name)
							}
							seen[e.Metadata.Name] = true
						}
						if q.Cursor = page.Next; q.Cursor == "" {
							break
						}
					}
					if len(seen) != want {
						t.Errorf("%+v: %d entities, want %d", q, len(seen), want)
					}
				}
			}
		}
	})
}

func TestBadQueries(t *testing.T) {
	each(t, func(w *world) {
		f := func(q catalog.Query, part string) {
			t.Helper()
			_, err := w.c.List(w.ctx, ana, q)
			wantErr(t, err, fault.Invalid, part)
		}
		f(catalog.Query{Limit: 100000}, "limit")
		f(catalog.Query{Labels: "a=b=c"}, "selector")
		f(catalog.Query{Sort: "spec.nope", Kinds: []string{"Part"}}, "sort")
		f(catalog.Query{CEL: "spec.tier ="}, "filter")
		f(catalog.Query{CEL: "speck.tier == 1"}, "metadata, spec and status")
		f(catalog.Query{CEL: "1 + 1"}, "true or false")
		f(catalog.Query{Cursor: "nonsense"}, "cursor")
		f(catalog.Query{Kinds: []string{"Part"}, Fields: map[string][]string{"spec.notes": {"x"}}}, "filter by")
		_, err := w.c.List(w.ctx, ana, catalog.Query{Kinds: []string{"Prat"}})
		wantErr(t, err, fault.NotFound, `did you mean "Part"`)
	})
}

func TestFacets(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, shelf)
		f := func(q catalog.Query, path, want string) {
			t.Helper()
			got, err := w.c.Facets(w.ctx, ana, q, path, 10)
			if err != nil || fmt.Sprint(got) != want {
				t.Errorf("%s: got %v, %v; want %s", path, got, err, want)
			}
		}
		parts := catalog.Query{Kinds: []string{"Part"}}
		f(parts, "spec.type", "[{service 2} {library 1} {website 1}]")
		f(parts, "metadata.tags", "[{go 2} {web 1}]")
		f(parts, "kind", "[{part 4}]")
		f(parts, "metadata.owner", "[{group:default/core 1}]")
		f(catalog.Query{Kinds: []string{"Part"}, Labels: "env=prod"}, "spec.type", "[{library 1} {service 1}]")
		_, err := w.c.Facets(w.ctx, ana, parts, "spec.nothing", 10)
		wantErr(t, err, fault.Invalid, "no counts by spec.nothing")
	})
}

func TestSearchRanks(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, shelf+"---\n"+partYAML("checkout", "{type: service}"))
		hits, err := w.c.Search(w.ctx, ana, "checkout", nil, 10)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range hits {
			got = append(got, h.Ref)
		}
		if len(got) != 3 || got[0] != "part:default/checkout" {
			t.Errorf("got %v, want the exact name first of 3", got)
		}
		w.apply(file, partYAML("markup", `{type: service, notes: "<p><a href='https://x.example' target='_blank'>pigeon</a> &amp; co</p>"}`))
		if hits, _ = w.c.Search(w.ctx, ana, "blank", nil, 10); len(hits) != 0 {
			t.Errorf("a tag is found: %+v", hits)
		}
		if hits, _ = w.c.Search(w.ctx, ana, "pigeon", nil, 10); len(hits) != 1 || strings.Contains(hits[0].Snippet, "<") {
			t.Errorf("got %+v", hits)
		}
		hits, _ = w.c.Search(w.ctx, ana, "ledger", nil, 10)
		if len(hits) != 1 || !strings.Contains(hits[0].Snippet, "\x02ledger.\x03") {
			t.Errorf("got %+v", hits)
		}
		if err := w.c.Rebuild(w.ctx); err != nil {
			t.Fatal(err)
		}
		if hits, _ = w.c.Search(w.ctx, ana, "checkout", []string{"Part"}, 10); len(hits) != 3 {
			t.Errorf("after a rebuild: %d hits", len(hits))
		}
	})
}
