package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

const head = "apiVersion: binnacle.dev/v1\nkind: Part\nmetadata: "

func partYAML(name, spec string) string {
	return head + "{name: " + name + "}\nspec: " + spec + "\n---\n"
}

func TestApplyTwiceChangesNothing(t *testing.T) {
	each(t, func(w *world) {
		yaml := partYAML("a", "{type: service, tier: 1, dependsOn: [b], notes: hello}") + partYAML("b", "{type: library}")
		if got := ops(w.apply(file, yaml)); got != "part:default/a created, part:default/b created" {
			t.Errorf("first: %s", got)
		}
		if got := ops(w.apply(file, yaml)); got != "part:default/a unchanged, part:default/b unchanged" {
			t.Errorf("second: %s", got)
		}
		if e := w.get("part:a"); e.Metadata.ResourceVersion != "1" || string(e.Status) != `{"steps":0}` {
			t.Errorf("got revision %s, status %s", e.Metadata.ResourceVersion, e.Status)
		}
	})
}

func TestApplyIsAtomic(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, partYAML("a", "{type: service}"))
		if _, err := w.c.Update(w.ctx, ana, edited(w, "part:a", `{"spec":{"type":"library"}}`), catalog.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		_, err := w.c.Apply(w.ctx, file, w.docs(partYAML("new", "{type: service}")+partYAML("a", "{type: website}")), catalog.ApplyOptions{})
		wantErr(t, err, fault.Conflict, "--force")
		if _, err := w.c.Get(w.ctx, ana, w.ref("part:new")); !fault.Is(err, fault.NotFound) {
			t.Errorf("a refused apply left something behind: %v", err)
		}
	})
}

// edited returns the present state with a merge patch over its tree.
func edited(w *world, ref, patch string) *entity.Entity {
	w.Helper()
	e := w.get(ref)
	var spec, p map[string]any
	json.Unmarshal(e.Spec, &spec)
	var whole struct{ Spec map[string]any }
	json.Unmarshal([]byte(patch), &whole)
	p = whole.Spec
	for k, v := range p {
		if v == nil {
			delete(spec, k)
		} else {
			spec[k] = v
		}
	}
	e.Spec, _ = json.Marshal(spec)
	return e
}

func TestThreeWayMerge(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, partYAML("a", "{type: service, tier: 1, notes: from the file}"))
		// A form changes what the file does not touch later.
		if _, err := w.c.Update(w.ctx, ana, edited(w, "part:a", `{"spec":{"stage":"live","notes":"from the form"}}`), catalog.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		// The file says what it said before: nothing to do.
		if got := ops(w.apply(file, partYAML("a", "{type: service, tier: 1, notes: from the file}"))); got != "part:default/a unchanged" {
			t.Errorf("the same file again: %s", got)
		}
		// The file changes another field: both stay.
		w.apply(file, partYAML("a", "{type: service, tier: 2, notes: from the file}"))
		if got, want := string(w.get("part:a").Spec), `{"notes":"from the form","stage":"live","tier":2,"type":"service"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		// Now both changed notes.
		docs := w.docs(partYAML("a", "{type: service, tier: 2, notes: again}"))
		_, err := w.c.Apply(w.ctx, file, docs, catalog.ApplyOptions{})
		wantErr(t, err, fault.Conflict, "spec.notes")
		wantErr(t, err, fault.Conflict, `CI (apply) says "again"; Ana (form) set it to "from the form"`)
		if p := fault.ProblemsOf(err); len(p) != 1 || p[0].Line != 4 || p[0].File != "test.yaml" {
			t.Errorf("got %+v, want one problem on line 4 of test.yaml", p)
		}
		if _, err := w.c.Apply(w.ctx, file, docs, catalog.ApplyOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
		// What the file stops naming goes, what the form set stays.
		w.apply(file, partYAML("a", "{type: service}"))
		if got, want := string(w.get("part:a").Spec), `{"stage":"live","type":"service"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestFormOverAnOldRevision(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, partYAML("a", "{type: service, tier: 1}"))
		mine := edited(w, "part:a", `{"spec":{"stage":"plan"}}`)
		w.apply(file, partYAML("a", "{type: service, tier: 2}"))
		if _, err := w.c.Update(w.ctx, ana, mine, catalog.UpdateOptions{Base: 1, Strict: true}); !fault.Is(err, fault.Precondition) {
			t.Errorf("strict over an old revision: got %v", err)
		}
		ch, err := w.c.Update(w.ctx, ana, mine, catalog.UpdateOptions{Base: 1})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(ch.Entity.Spec), `{"stage":"plan","tier":2,"type":"service"}`; got != want || ch.Rev != 3 {
			t.Errorf("got %s at %d, want %s at 3", got, ch.Rev, want)
		}
		clash := edited(w, "part:a", `{"spec":{"tier":4}}`)
		_, err = w.c.Update(w.ctx, ana, clash, catalog.UpdateOptions{Base: 1})
		wantErr(t, err, fault.Conflict, "spec.tier: Ana (form) says 4; CI (apply) set it to 2")
	})
}

func TestDryRunWritesNothing(t *testing.T) {
	each(t, func(w *world) {
		res, err := w.c.Apply(w.ctx, file, w.docs(partYAML("a", "{type: service}")), catalog.ApplyOptions{DryRun: true})
		if err != nil || ops(res) != "part:default/a created" {
			t.Fatalf("got %v, %v", res, err)
		}
		if got := w.list(catalog.Query{}); got != "" {
			t.Errorf("a dry run left %q", got)
		}
	})
}

func TestPrune(t *testing.T) {
	each(t, func(w *world) {
		labelled := func(name, app string) string {
			return head + "{name: " + name + ", labels: {app: " + app + "}}\nspec: {type: service}\n---\n"
		}
		w.apply(file, labelled("a", "shop")+labelled("b", "shop")+labelled("c", "other"))
		w.apply(as(auth.RoleOwner, "acme", "Other", "other"), labelled("d", "shop"))
		res, err := w.c.Apply(w.ctx, file, w.docs(labelled("a", "shop")), catalog.ApplyOptions{Prune: "app=shop"})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := ops(res), "part:default/a unchanged, part:default/b deleted"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := w.list(catalog.Query{}); got != "a c d" {
			t.Errorf("left: %s", got)
		}
	})
}

func TestHistoryRestoreDelete(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, partYAML("a", "{type: service, tier: 1}"))
		caller := ana
		caller.Reason = "the audit asked"
		if _, err := w.c.Update(w.ctx, caller, edited(w, "part:a", `{"spec":{"tier":3}}`), catalog.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.c.Delete(w.ctx, ana, w.ref("part:a"), 1); !fault.Is(err, fault.Precondition) {
			t.Errorf("delete over an old revision: %v", err)
		}
		if _, err := w.c.Delete(w.ctx, ana, w.ref("part:a"), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := w.c.Get(w.ctx, ana, w.ref("part:a")); !fault.Is(err, fault.NotFound) {
			t.Errorf("after delete: %v", err)
		}
		if _, err := w.c.Restore(w.ctx, ana, w.ref("part:a"), 1); err != nil {
			t.Fatal(err)
		}
		revs, err := w.c.History(w.ctx, ana, w.ref("part:a"), 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range revs {
			got = append(got, fmt.Sprintf("%d %s %s %s %q", r.Rev, r.Op, r.Name, r.Manager, r.Reason))
		}
		want := []string{`4 restored Ana form ""`, `3 deleted Ana form ""`, `2 updated Ana form "the audit asked"`, `1 created CI apply ""`}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if d := catalog.Diff(revs[3].Entity, revs[2].Entity); len(d) != 1 || d[0].Path != "spec.tier" || string(d[0].Before) != "1" || string(d[0].After) != "3" {
			t.Errorf("got %+v", d)
		}
		if n, err := w.c.Count(w.ctx, ana, "part"); n != 1 || err != nil {
			t.Errorf("count %d, %v", n, err)
		}
	})
}

func TestDeleteAllOrNone(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, partYAML("a", "{type: service}")+partYAML("b", "{type: service}")+partYAML("c", "{type: service}")+"apiVersion: binnacle.dev/v1\nkind: User\nmetadata: {name: eva}\n")
		lead := as(auth.RoleCISO, "acme", "Sue", "form")
		refs := []entity.Ref{w.ref("part:a"), w.ref("part:gone"), w.ref("part:a"), w.ref("part:b"), w.ref("user:eva")}
		if _, err := w.c.DeleteAll(w.ctx, lead, refs); !fault.Is(err, fault.Forbidden) {
			t.Errorf("deleting a person by a ciso: %v", err)
		}
		if got := w.list(catalog.Query{}); got != "a b c eva" {
			t.Errorf("a refused deletion left %s", got)
		}
		if n, err := w.c.DeleteAll(w.ctx, ana, refs); n != 3 || err != nil {
			t.Errorf("got %d, %v; want 3: one is gone, one was named twice", n, err)
		}
		if got := w.list(catalog.Query{}); got != "c" {
			t.Errorf("left: %s", got)
		}
	})
}

func TestRenameKeepsRelations(t *testing.T) {
	each(t, func(w *world) {
		yaml := partYAML("a", "{type: service, dependsOn: [b, 'part:default/gone']}") + partYAML("b", "{type: library}")
		w.apply(file, yaml)
		if _, err := w.c.Rename(w.ctx, ana, w.ref("part:b"), "beta"); err != nil {
			t.Fatal(err)
		}
		rels, err := w.c.Relations(w.ctx, ana, w.ref("part:a"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rels {
			got = append(got, fmt.Sprint(r.Type, " ", r.Ref, " ", r.Exists))
		}
		if d := cmp.Diff([]string{"dependsOn part:default/beta true", "dependsOn part:default/gone false"}, got); d != "" {
			t.Error(d)
		}
		if e := w.get("part:b"); e.Metadata.Name != "beta" {
			t.Errorf("the former name leads to %s", e.Metadata.Name)
		}
		if s := string(w.get("part:a").Spec); !strings.Contains(s, `["beta",`) {
			t.Errorf("the holder still says %s", s)
		}
		// The file that names b in a reference applies as before; the one that is b is told of the new name.
		if got := ops(w.apply(file, partYAML("a", "{type: service, dependsOn: [b, 'part:default/gone']}"))); got != "part:default/a unchanged" {
			t.Errorf("got %s", got)
		}
		_, err = w.c.Apply(w.ctx, file, w.docs(yaml), catalog.ApplyOptions{})
		wantErr(t, err, fault.Conflict, "was renamed to part:default/beta by Ana")
		if hint := fault.HintOf(err); strings.Contains(hint, "force") {
			t.Errorf("force does not settle a former name, and the hint says %q", hint)
		}
		if ch, err := w.c.Rename(w.ctx, ana, w.ref("part:beta"), "beta"); err != nil || ch.Op != catalog.Unchanged {
			t.Errorf("a rename to the own name: %+v, %v", ch, err)
		}
		// A third entity may still use the old name in a reference.
		w.apply(file, partYAML("c", "{type: service, dependsOn: [b]}"))
		back, _ := w.c.Relations(w.ctx, ana, w.ref("part:beta"))
		if len(back) != 2 || back[1].Ref != "part:default/c" || back[1].Type != "dependencyOf" {
			t.Errorf("got %+v", back)
		}
		// Deleted and restored, it is found by the old name again.
		if _, err := w.c.Delete(w.ctx, ana, w.ref("part:beta"), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := w.c.Restore(w.ctx, ana, w.ref("part:beta"), 2); err != nil {
			t.Fatal(err)
		}
		if back, _ = w.c.Relations(w.ctx, ana, w.ref("part:beta")); len(back) != 2 {
			t.Errorf("after delete and restore: %+v", back)
		}
		if _, err := w.c.Rename(w.ctx, ana, w.ref("part:a"), "c"); !fault.Is(err, fault.Conflict) {
			t.Errorf("rename onto another: %v", err)
		}
	})
}

func TestDanglingReferenceIsFoundLater(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, partYAML("a", "{type: service, owner: 'group:core', steps: [{name: build, by: eva}]}"))
		d, err := w.c.Dangling(w.ctx, ana, 10)
		if err != nil || len(d) != 2 || d[0].Ref != "group:default/core" || d[1].Ref != "user:default/eva" {
			t.Fatalf("got %+v, %v", d, err)
		}
		w.apply(file, "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: core, title: Core}\nspec: {type: team, parent: top}\n")
		rels, _ := w.c.Relations(w.ctx, ana, w.ref("group:core"))
		var got []string
		for _, r := range rels {
			got = append(got, fmt.Sprint(r.Out, " ", r.Type, " ", r.Ref, " ", r.Exists))
		}
		if d := cmp.Diff([]string{"true childOf group:default/top false", "false ownerOf part:default/a true"}, got); d != "" {
			t.Error(d)
		}
		g, err := w.c.Neighbourhood(w.ctx, ana, w.ref("group:core"), 2, 3)
		if err != nil || len(g.Nodes) != 3 || g.More != 1 || g.Nodes[0].Title != "Core" {
			t.Errorf("got %+v, %v", g, err)
		}
	})
}

func TestOrganisationsAreApart(t *testing.T) {
	each(t, func(w *world) {
		other := as(auth.RoleOwner, "rival", "Rex", "apply")
		w.apply(file, partYAML("a", "{type: service, notes: secretword}"))
		w.apply(other, partYAML("a", "{type: library, notes: secretword}")+partYAML("z", "{type: service, dependsOn: [a]}"))
		if got := w.list(catalog.Query{Text: "secretword"}); got != "a" {
			t.Errorf("got %s", got)
		}
		hits, err := w.c.Search(w.ctx, other, "secretword", nil, 10)
		if err != nil || len(hits) != 1 {
			t.Errorf("got %v, %v", hits, err)
		}
		if rels, _ := w.c.Relations(w.ctx, ana, w.ref("part:a")); len(rels) != 0 {
			t.Errorf("a relation crosses: %+v", rels)
		}
		if _, err := w.c.Get(w.ctx, ana, w.ref("part:z")); !fault.Is(err, fault.NotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRolesHold(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, partYAML("a", "{type: service}"))
		auditor := as(auth.RoleAuditor, "acme", "Audra", "form")
		calls := map[string]func(catalog.Caller) error{
			"apply": func(c catalog.Caller) error {
				_, err := w.c.Apply(w.ctx, c, w.docs(partYAML("x", "{type: service}")), catalog.ApplyOptions{})
				return err
			},
			"create": func(c catalog.Caller) error {
				_, err := w.c.Create(w.ctx, c, w.docs(partYAML("x", "{type: service}"))[0].Entity)
				return err
			},
			"update": func(c catalog.Caller) error {
				_, err := w.c.Update(w.ctx, c, edited(w, "part:a", `{"spec":{"tier":2}}`), catalog.UpdateOptions{})
				return err
			},
			"patch": func(c catalog.Caller) error {
				_, err := w.c.Patch(w.ctx, c, w.ref("part:a"), []byte(`{"spec":{"tier":2}}`), catalog.UpdateOptions{})
				return err
			},
			"delete":  func(c catalog.Caller) error { _, err := w.c.Delete(w.ctx, c, w.ref("part:a"), 0); return err },
			"rename":  func(c catalog.Caller) error { _, err := w.c.Rename(w.ctx, c, w.ref("part:a"), "b"); return err },
			"restore": func(c catalog.Caller) error { _, err := w.c.Restore(w.ctx, c, w.ref("part:a"), 1); return err },
		}
		for name, call := range calls {
			if err := call(auditor); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s by an auditor: got %v, want forbidden", name, err)
			}
			if err := call(catalog.Caller{}); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%s by nobody: got %v, want unauthenticated", name, err)
			}
		}
		if _, err := w.c.Get(w.ctx, auditor, w.ref("part:a")); err != nil {
			t.Errorf("an auditor reads: %v", err)
		}
		ingest := as(auth.RoleIngest, "acme", "Box", "api")
		if page, err := w.c.List(w.ctx, ingest, catalog.Query{}); err != nil || len(page.Items) != 0 {
			t.Errorf("ingest lists %v, %v", page, err)
		}
		if hits, err := w.c.Search(w.ctx, ingest, "a", nil, 5); err != nil || len(hits) != 0 {
			t.Errorf("ingest finds %v, %v", hits, err)
		}
	})
}

// TestImportAsksFirst: a file of somebody who may not write is not even read.
func TestImportAsksFirst(t *testing.T) {
	read := 0
	im := catalog.Importer{Name: "x", Room: auth.Strategy, Read: func(context.Context, *catalog.Catalog, catalog.Caller, []catalog.File, catalog.ImportOptions) (*catalog.ImportReport, error) {
		read++
		return &catalog.ImportReport{}, nil
	}}
	wide := im
	wide.Wide = true
	for _, c := range []struct {
		im   catalog.Importer
		role auth.Role
		want fault.Kind
	}{
		{im, auth.RoleAuditor, fault.Forbidden}, {im, auth.RoleCISO, fault.Forbidden}, {im, "", fault.Unauthenticated},
		{wide, auth.RoleAuditor, fault.Forbidden}, {wide, auth.RoleIngest, fault.Forbidden},
	} {
		if _, err := c.im.Import(t.Context(), nil, as(c.role, "acme", "X", "x"), nil, catalog.ImportOptions{}); !fault.Is(err, c.want) {
			t.Errorf("%s, wide %t: %v", c.role, c.im.Wide, err)
		}
	}
	if read != 0 {
		t.Errorf("the files were read %d times", read)
	}
	for _, im := range []catalog.Importer{im, wide} {
		if _, err := im.Import(t.Context(), nil, as(auth.RoleMember, "acme", "X", "x"), nil, catalog.ImportOptions{}); err != nil {
			t.Error(err)
		}
	}
	if _, err := wide.Import(t.Context(), nil, as(auth.RoleCISO, "acme", "X", "x"), nil, catalog.ImportOptions{}); err != nil || read != 3 {
		t.Errorf("who may write elsewhere, by a format of several rooms: %v, read %d times", err, read)
	}
}

func TestLooksAtPeopleAreLogged(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, "apiVersion: binnacle.dev/v1\nkind: User\nmetadata: {name: eva}\nspec: {email: eva@acme.example}\n")
		self := ana
		self.UserRef = "user:default/eva"
		for _, caller := range []catalog.Caller{self, ana} {
			if _, err := w.c.Get(w.ctx, caller, w.ref("user:eva")); err != nil {
				t.Fatal(err)
			}
		}
		var n int
		if err := w.db.QueryRow(w.ctx, `SELECT count(*) FROM audit WHERE action = 'personal.read' AND target = 'user:default/eva'`).Scan(&n); err != nil || n != 1 {
			t.Errorf("got %d looks (%v), want 1: one's own is not logged", n, err)
		}
	})
}

func TestConcurrentAppliesOfOneThing(t *testing.T) {
	each(t, func(w *world) {
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				docs, _ := w.c.Decode("x", []byte(partYAML("a", "{type: service}")+partYAML(fmt.Sprintf("own-%d", i), "{type: service, dependsOn: [a]}")))
				_, errs[i] = w.c.Apply(w.ctx, file, docs, catalog.ApplyOptions{})
			})
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		if got := w.list(catalog.Query{}); got != "a own-0 own-1 own-2 own-3 own-4 own-5 own-6 own-7" {
			t.Errorf("got %s", got)
		}
		if rels, _ := w.c.Relations(w.ctx, ana, w.ref("part:a")); len(rels) != 8 {
			t.Errorf("got %d relations, want 8", len(rels))
		}
	})
}

// A document made from a revision is merged over it: what its maker saw of
// other hands is no clash, what came after is.
func TestDocumentMadeFromRevision(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, partYAML("a", "{type: service, tier: 1}"))
		if _, err := w.c.Update(w.ctx, ana, edited(w, "part:a", `{"spec":{"tier":2}}`), catalog.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		made := func(tier int) []catalog.Document {
			return []catalog.Document{{Entity: edited(w, "part:a", fmt.Sprintf(`{"spec":{"tier":%d}}`, tier)), Base: 2}}
		}
		if _, err := w.c.Apply(w.ctx, file, made(3), catalog.ApplyOptions{}); err != nil {
			t.Errorf("over the revision it was made from: %v", err)
		}
		_, err := w.c.Apply(w.ctx, file, made(4), catalog.ApplyOptions{})
		wantErr(t, err, fault.Conflict, "spec.tier")
	})
}

func TestDerivedFieldsInLists(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, partYAML("a", "{type: service, steps: [{name: x}, {name: y}]}")+partYAML("b", "{type: service}")+partYAML("c", "{type: service, steps: [{name: x}]}"))
		k := w.c.Kinds().Get("Part")
		names := func(q catalog.Query) (out []string) {
			q.Kinds = []string{"Part"}
			page, err := w.c.List(w.ctx, ana, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Items {
				out = append(out, e.Metadata.Name+fmt.Sprint(k.Field("status.steps").Get(e)))
			}
			return out
		}
		if diff := cmp.Diff([]string{"a2", "c1", "b0"}, names(catalog.Query{Sort: "status.steps", Desc: true})); diff != "" {
			t.Errorf("sorted (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"c1"}, names(catalog.Query{Fields: map[string][]string{"status.steps": {"1"}}})); diff != "" {
			t.Errorf("filtered (-want +got):\n%s", diff)
		}
	})
}
