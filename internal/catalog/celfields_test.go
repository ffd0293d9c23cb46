package catalog_test

import (
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// A filter that names a field no kind has is refused, and the nearest proposed.
func TestFiltersKnowTheirFields(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, partYAML("a", "{type: service, tier: 1, dependsOn: [b], steps: [{name: paint}]}")+
			"apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: g, labels: {any/thing: x}}\nspec: {cost: 3, odd: {deep: 1}}\n")
		right := func(cel, want string, kinds ...string) {
			t.Helper()
			if got := w.list(catalog.Query{CEL: cel, Kinds: kinds}); got != want {
				t.Errorf("%s of %v: %q, want %q", cel, kinds, got, want)
			}
		}
		wrong := func(cel, want string, kinds ...string) {
			t.Helper()
			_, err := w.c.List(w.ctx, ana, catalog.Query{CEL: cel, Kinds: kinds})
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s of %v: %v, want %q", cel, kinds, err, want)
			}
		}
		right(`spec.tier == 1`, "a", "Part")
		right(`has(spec.since)`, "", "Part")
		right(`!has(spec.since) && !has(metadata.owner)`, "a", "Part")
		right(`spec.tier == 1`, "a")
		right(`has(spec.tier) && spec.tier < 2 && metadata.updated != ""`, "a")
		right(`spec.steps.exists(s, s.name == "paint")`, "a", "Part")
		right(`spec.steps[0].name == "paint"`, "a", "Part")
		right(`"b" in spec.dependsOn`, "a", "Part")
		right(`metadata.labels["any/thing"] == "x"`, "g")
		right(`metadata.labels.whatever == "x"`, "", "Part")
		right(`metadata.annotations.whatever == "x"`, "")
		right(`has(metadata.labels) && metadata.labels.exists(l, l == "any/thing")`, "g")
		right(`status.steps == 1`, "a", "Part")
		right(`spec.share > 1`, "", "Part")
		right(`spec == {}`, "", "Part")
		right(`spec[kind] == 1`, "", "Part")
		right(`kind == "Part" && spec.tier == 1`, "a")

		wrong(`spec.teir == 1`, `1:1: filter: Part has no field spec.teir; did you mean "spec.tier"?`, "Part")
		wrong(`has(spec.teir)`, `did you mean "spec.tier"?`, "Part")
		wrong(`spec.type == "service" && spec.teir == 1`, `1:27: filter`, "Part")
		wrong(`spec.teir == 1`, `nothing that is asked for has a field spec.teir; did you mean "spec.tier"?`)
		wrong(`spec.tier == 1`, `Group has no field spec.tier`, "Group")
		wrong(`metadata.nmae == "a"`, `did you mean "metadata.name"?`)
		wrong(`spec.steps.exists(s, s.nam == "x")`, `Part has no field spec.steps[].nam; did you mean "spec.steps[].name"?`, "Part")
		wrong(`spec.tier.deep == 1`, "Part has no field spec.tier.deep", "Part")
		wrong(`status.stpes == 1`, `did you mean "status.steps"?`, "Part")
		wrong(`spec["teir"] == 1`, "Part has no field", "Part")

		// What is compared must be of the field's type.
		wrong(`spec.tier == "one"`, `spec.tier is a whole number and cannot be compared with "one"`, "Part")
		wrong(`spec.type == 1`, `spec.type is a text and cannot be compared with 1`)
		wrong(`spec.dependsOn == "b"`, `write "b" in spec.dependsOn`, "Part")
		wrong(`spec.stage == "liv"`, `spec.stage is never "liv"; it is one of plan, live, end; did you mean "live"?`, "Part")
		right(`spec.type == "any"`, "", "Part")

		// A kind that keeps unknown fields has them, when they are meant.
		right(`has(spec.cost) && spec.cost == 3`, "g", "Group")
		right(`spec["cost"] == 3`, "g", "Group")
		right(`has(spec.odd.deep) && spec.odd.deep == 1`, "g", "Group")
		wrong(`spec.cost == 3`, "has(spec.cost) && …", "Group")
		wrong(`has(spec.parnet)`, `did you mean "spec.parent"?`, "Group")

		if _, err := w.c.Filter(`spec.teir == 1`); !fault.Is(err, fault.Invalid) {
			t.Errorf("a filter alone: %v", err)
		}
	})
}
