package catalog_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
)

const foreign = `apiVersion: backstage.io/v1alpha1
kind: Group
metadata:
  name: g
  annotations:
    a/b: c
  links:
    - url: https://example.com
      title: Here
      target: _blank
    - url: https://example.org
  descripton: misspelt
  warehouse: {rows: 12, ratio: 1.50, on: true, none: null, list: [a, 2], text: "007"}
spec:
  parent: h
  cost: 3
extra:
  - deep: {er: 1}
`

// What a foreign file says beyond what is known comes back as it was.
func TestForeignFieldsAreKept(t *testing.T) {
	each(t, func(w *world) {
		docs := w.docs(foreign)
		var told []string
		for _, n := range docs[0].Warnings {
			if !n.Note {
				t.Errorf("%s is a warning", n.Field)
			}
			told = append(told, n.Field+" "+n.Code+" "+n.Hint)
		}
		slices.Sort(told)
		want := []string{"extra kept ", `metadata.descripton kept did you mean "description"?`, "metadata.links.target kept ", "metadata.warehouse kept ", "spec.cost kept "}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		w.apply(file, foreign)
		var out bytes.Buffer
		if err := w.c.Kinds().EncodeYAML(&out, w.get("group:g")); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(asTree(t, foreign), asTree(t, out.String())); diff != "" {
			t.Errorf("it comes back otherwise (-want +got):\n%s", diff)
		}
		if got := ops(w.apply(file, out.String())); got != "group:default/g unchanged" {
			t.Errorf("what was exported again: %s", got)
		}
		// In JSON the annotation stands, and goes in again.
		e := w.get("group:g")
		if !strings.Contains(e.Metadata.Annotations[catalog.KeptAnnotation], `"ratio":1.50`) {
			t.Errorf("the annotation is %s", e.Metadata.Annotations[catalog.KeptAnnotation])
		}
		data, err := json.Marshal(catalog.Clean(e))
		if err != nil {
			t.Fatal(err)
		}
		if got := ops(w.apply(file, string(data))); got != "group:default/g unchanged" {
			t.Errorf("as JSON: %s", got)
		}
		// An edit in a form keeps it; taking the field out of the file takes it out.
		if _, err := w.c.Patch(w.ctx, ana, w.ref("group:g"), []byte(`{"metadata":{"title":"G"}}`), catalog.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		w.apply(file, strings.Replace(foreign, "  descripton: misspelt\n", "", 1))
		if e := w.get("group:g"); strings.Contains(e.Metadata.Annotations[catalog.KeptAnnotation], "misspelt") || e.Metadata.Title != "G" {
			t.Errorf("after it was taken out: %+v", e.Metadata)
		}
	})
}

func asTree(t testing.TB, text string) map[string]any {
	t.Helper()
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

// An annotation that somebody wrote cannot put anything over what is known.
func TestAKeptAnnotationByHand(t *testing.T) {
	kinds := testKinds()
	f := func(annotation, want string) {
		t.Helper()
		e := &entity.Entity{APIVersion: entity.APIVersion, Kind: "Group", Metadata: entity.Metadata{Name: "g", Annotations: map[string]string{catalog.KeptAnnotation: annotation}}}
		var out bytes.Buffer
		if err := kinds.EncodeYAML(&out, e); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimPrefix(out.String(), "apiVersion: binnacle.dev/v1\nkind: Group\nmetadata:\n  name: g\n"); got != want {
			t.Errorf("%s: got %q, want %q", annotation, got, want)
		}
	}
	f(`{"root":{"kind":"User","spec":{"a":1},"x":1},"metadata":{"name":"other","uid":"1","y":2}}`, "  y: 2\nx: 1\n")
	f(`{"root":3}`, "")
	f(`not JSON`, "  annotations:\n    binnacle.dev/kept: not JSON\n")
	f(`[]`, "  annotations:\n    binnacle.dev/kept: '[]'\n")
}

func TestKeptWithoutMetadata(t *testing.T) {
	for _, text := range []string{"apiVersion: backstage.io/v1alpha1\nkind: Group\nx: 1\n", "apiVersion: backstage.io/v1alpha1\nkind: Group\nx: 1\nmetadata: {name: g, annotations: [a]}\n"} {
		if _, err := testKinds().Decode("x.yaml", []byte(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

// A kind of our own refuses what it does not know.
func TestOwnKindsStayStrict(t *testing.T) {
	for _, text := range []string{head + "{name: a, titel: A}\nspec: {type: service}\n", head + "{name: a}\nspec: {type: service, teir: 1}\n", head + "{name: a}\nspec: {type: service}\nextra: 1\n"} {
		if _, err := testKinds().Decode("x.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "there is no field") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
