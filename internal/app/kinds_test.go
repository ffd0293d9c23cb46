package app_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/static"
)

// eachKind runs f for every kind of the program, in one installation.
func eachKind(t *testing.T, cfg app.Config, f func(h *house, k *catalog.Kind)) {
	t.Helper()
	kinds := app.Kinds().All()
	if len(kinds) < 5 {
		t.Fatalf("the program has %d kinds", len(kinds))
	}
	h := open(t, cfg)
	for _, k := range kinds {
		t.Run(k.Name, func(t *testing.T) {
			of := *h
			of.TB = t
			f(&of, k)
		})
	}
}

// examples decodes the examples of a kind.
func (h *house) examples(k *catalog.Kind) []catalog.Document {
	h.Helper()
	var all []catalog.Document
	for _, yaml := range k.Examples {
		docs, err := h.app.Catalog.Decode("example.yaml", []byte(yaml))
		if err != nil {
			h.Fatalf("example of %s: %v\n%s", k.Name, err, yaml)
		}
		all = append(all, docs...)
	}
	return all
}

func TestKindsAreComplete(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	taken := map[string]string{}
	for _, k := range app.Kinds().All() {
		for _, name := range slices.Concat([]string{strings.ToLower(k.Name), k.Plural}, k.Short) {
			if other, ok := taken[name]; ok && other != k.Name {
				t.Errorf("%s and %s are both called %q", other, k.Name, name)
			}
			taken[name] = k.Name
		}
		if !kebab.MatchString(k.Plural) {
			t.Errorf("%s: the plural %q is not one for an address", k.Name, k.Plural)
		}
		if k.Room == auth.House && k.Guard == nil {
			t.Errorf("%s belongs to the house, where everybody writes, and has no guard", k.Name)
		}
		if !static.HasIcon("i-" + k.Icon) {
			t.Errorf("%s: there is no icon %q", k.Name, k.Icon)
		}
		if len(k.Examples) == 0 || len(k.Invalid) == 0 {
			t.Errorf("%s: %d examples and %d invalid ones; there must be one of each", k.Name, len(k.Examples), len(k.Invalid))
		}
		for what, text := range map[string]lang.Text{"title": k.Title, "titles": k.Titles, "doc": k.Doc} {
			if text.En == "" || text.Es == "" {
				t.Errorf("%s: the %s is not in both languages: %+v", k.Name, what, text)
			}
		}
	}
}

func TestKindsSpeakBothLanguages(t *testing.T) {
	var check func(kind string, fields []catalog.Field)
	n := 0
	check = func(kind string, fields []catalog.Field) {
		for i := range fields {
			f := &fields[i]
			n++
			if f.Label.En == "" || f.Label.Es == "" {
				t.Errorf("%s %s: label %+v", kind, f.Path, f.Label)
			}
			if (f.Help.En == "") != (f.Help.Es == "") {
				t.Errorf("%s %s: help %+v", kind, f.Path, f.Help)
			}
			for _, e := range f.Enum {
				if (e.Label.En == "") != (e.Label.Es == "") {
					t.Errorf("%s %s: value %s is labelled %+v", kind, f.Path, e.Value, e.Label)
				}
			}
			check(kind, f.Fields)
			if f.Item != nil {
				check(kind, f.Item.Fields)
			}
		}
	}
	check("metadata", catalog.MetadataFields())
	for _, k := range app.Kinds().All() {
		check(k.Name, k.Fields)
		check(k.Name, k.Status)
	}
	if n < 50 {
		t.Fatalf("only %d fields were looked at", n)
	}
}

// TestExamplesLive: an example is read, written back as it was, applied,
// listed, found, changed, shown in its history and brought back.
func TestExamplesLive(t *testing.T) { eachDatabase(t, examplesLive) }

func examplesLive(t *testing.T, cfg app.Config) {
	eachKind(t, cfg, func(h *house, k *catalog.Kind) {
		c, ctx := h.app.Catalog, h.Context()
		docs := h.examples(k)
		for _, d := range docs {
			again, err := c.Decode("again.yaml", []byte(h.yamlOf(d.Entity)))
			h.must(err)
			if diff := cmp.Diff(d.Entity, again[0].Entity); diff != "" {
				h.Errorf("%s written and read again (-first +second):\n%s", d.Entity.Ref(), diff)
			}
		}
		res, err := c.Apply(ctx, h.as(), docs, catalog.ApplyOptions{})
		h.must(err)
		if len(res.Warnings) > 0 {
			h.Errorf("the examples give warnings: %v", res.Warnings)
		}
		res, err = c.Apply(ctx, h.as(), docs, catalog.ApplyOptions{})
		h.must(err)
		for _, ch := range res.Changes {
			if ch.Op != catalog.Unchanged {
				h.Errorf("applied twice, %s is %s: %v", ch.Ref, ch.Op, ch.Fields)
			}
		}
		page, err := c.List(ctx, h.as(), catalog.Query{Kinds: []string{k.Name}})
		h.must(err)
		listed := map[entity.Ref]bool{}
		for _, e := range page.Items {
			listed[e.Ref()] = true
		}
		for _, d := range docs {
			if d.Entity.Kind != k.Name {
				continue
			}
			if !listed[d.Entity.Ref()] {
				h.Errorf("%s is not in the list", d.Entity.Ref())
			}
			h.live(d.Entity)
		}
	})
}

// live changes an entity, deletes it, and brings its first revision back.
func (h *house) live(want *entity.Entity) {
	h.Helper()
	c, ctx, ref := h.app.Catalog, h.Context(), want.Ref()
	changed, err := c.Get(ctx, h.as(), ref)
	h.must(err)
	changed.Metadata.Description = "Changed for the test, zyzzyva."
	if c.Kinds().Get(want.Kind).Once {
		h.once(changed)
		return
	}
	ch, err := c.Update(ctx, h.as(), changed, catalog.UpdateOptions{})
	h.must(err)
	if ch.Op != catalog.Updated || len(ch.Fields) == 0 || ch.Fields[0].Path != "metadata.description" {
		h.Errorf("%s: the change is %s %v", ref, ch.Op, ch.Fields)
	}
	if hits, err := c.Search(ctx, h.as(), "zyzzyva", []string{want.Kind}, 10); err != nil || !slices.ContainsFunc(hits, func(x catalog.Hit) bool { return x.Ref == ref.String() }) {
		h.Errorf("%s is not found by a word of its description: %v, %v", ref, hits, err)
	}
	_, err = c.Delete(ctx, h.as(), ref, 0)
	h.must(err)
	_, err = c.Restore(ctx, h.as(), ref, 1)
	h.must(err)
	got, err := c.Get(ctx, h.as(), ref)
	h.must(err)
	if diff := cmp.Diff(h.yamlOf(want), h.yamlOf(h.written(catalog.Clean(got)))); diff != "" {
		h.Errorf("%s brought back (-example +got):\n%s", ref, diff)
	}
	revs, err := c.History(ctx, h.as(), ref, 0, 10)
	h.must(err)
	var ops []catalog.Op
	for _, r := range revs {
		ops = append(ops, r.Op)
	}
	if diff := cmp.Diff([]catalog.Op{catalog.Restored, catalog.Deleted, catalog.Updated, catalog.Created}, ops); diff != "" {
		h.Errorf("history of %s:\n%s", ref, diff)
	}
}

// written returns an entity without the fields that the program sets.
func (h *house) written(e *entity.Entity) *entity.Entity {
	h.Helper()
	var spec map[string]any
	h.must(json.Unmarshal(e.Spec, &spec))
	for _, f := range h.app.Catalog.Kinds().Get(e.Kind).Fields {
		if f.ReadOnly {
			delete(spec, f.Name)
		}
	}
	out := e.Clone()
	h.must(catalog.SetSpec(out, spec))
	return out
}

// once tries to change and to delete what is written once.
func (h *house) once(changed *entity.Entity) {
	h.Helper()
	c, ctx := h.app.Catalog, h.Context()
	if _, err := c.Update(ctx, h.as(), changed, catalog.UpdateOptions{}); !fault.Is(err, fault.Conflict) {
		h.Errorf("%s is written once and was changed: %v", changed.Ref(), err)
	}
	person := h.as()
	person.Account = "a1"
	if _, err := c.Delete(ctx, person, changed.Ref(), 0); !fault.Is(err, fault.Conflict) {
		h.Errorf("%s is written once and was deleted: %v", changed.Ref(), err)
	}
}

func TestInvalidIsRefused(t *testing.T) {
	eachKind(t, app.Config{}, func(h *house, k *catalog.Kind) {
		for _, bad := range k.Invalid {
			docs, err := h.app.Catalog.Decode("invalid.yaml", []byte(bad.YAML))
			if err == nil {
				_, err = h.app.Catalog.Apply(h.Context(), h.as(), docs, catalog.ApplyOptions{})
			}
			if err == nil || bad.Want == "" || !strings.Contains(err.Error(), bad.Want) {
				h.Errorf("got the error %v, want one with %q, for\n%s", err, bad.Want, bad.YAML)
			}
		}
		if n := h.count(`SELECT count(*) FROM entities`); n != 0 {
			h.Errorf("%d entities were kept", n)
		}
	})
}

// TestSchemas: the published schema of a kind is one, takes its examples, and
// refuses another kind.
func TestSchemas(t *testing.T) {
	eachKind(t, app.Config{}, func(h *house, k *catalog.Kind) {
		data, err := json.Marshal(k.Schema())
		h.must(err)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		h.must(err)
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		h.must(c.AddResource("kind.json", doc))
		schema, err := c.Compile("kind.json")
		h.must(err)
		for _, d := range h.examples(k) {
			if d.Entity.Kind != k.Name {
				continue
			}
			if err := schema.Validate(h.tree(d.Entity)); err != nil {
				h.Errorf("the schema refuses the example %s: %v", d.Entity.Ref(), err)
			}
			other := d.Entity.Clone()
			other.Kind = "Nothing"
			if schema.Validate(h.tree(other)) == nil {
				h.Errorf("the schema takes another kind")
			}
		}
	})
}

// tree is an entity as the schema compiler reads JSON.
func (h *house) tree(e *entity.Entity) any {
	h.Helper()
	data, err := json.Marshal(e)
	h.must(err)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	h.must(err)
	return v
}

// TestSampleIsWhole: the sample organisation applies as one, and what it names
// is there but for the few mistakes it shows on purpose.
func TestSampleIsWhole(t *testing.T) {
	h := open(t, app.Config{})
	docs := h.sample()
	res, err := h.app.Catalog.Apply(t.Context(), h.as(), docs, catalog.ApplyOptions{})
	h.must(err)
	if len(res.Warnings) > 0 {
		t.Errorf("warnings: %v", res.Warnings)
	}
	found, err := h.app.Catalog.Dangling(t.Context(), h.as(), 100)
	h.must(err)
	var got []string
	for _, r := range found {
		if h.app.Catalog.Kinds().Get(r.Kind) != nil { // of a kind the program does not have nothing can be there
			got = append(got, r.Title+" "+r.Type+" "+r.Ref)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(danglingOnPurpose, got); diff != "" {
		t.Errorf("references to what is not there (-expected +got):\n%s", diff)
	}
	for _, k := range app.Kinds().All() {
		n, err := h.app.Catalog.Count(t.Context(), h.as(), k.Name)
		h.must(err)
		t.Logf("%4d %s", n, k.Plural)
	}
}

// danglingOnPurpose are the mistakes that the sample shows.
var danglingOnPurpose = []string{
	"component:default/loyalty-points ownedBy group:default/growth",
	"component:default/search-ranker dependsOn component:default/feature-store-v2",
	"group:default/kiosk-hardware childOf group:default/field-operations",
	"group:default/payments hasMember user:default/nils.aberg",
	"resource:default/sms-provider ownedBy group:default/growth",
	"user:default/rosa.mendez memberOf group:default/growth",
}
