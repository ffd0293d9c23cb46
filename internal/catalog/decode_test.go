package catalog_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

func problems(err error) string {
	var out []string
	for _, p := range fault.ProblemsOf(err) {
		out = append(out, p.String())
	}
	return strings.Join(out, "\n")
}

func TestDecodeNamesThePlace(t *testing.T) {
	ks := testKinds()
	f := func(name, in, want string) {
		t.Helper()
		_, err := ks.Decode("f.yaml", []byte(in))
		if d := cmp.Diff(want, problems(err)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	const ok = "apiVersion: binnacle.dev/v1\nkind: Part\nmetadata:\n  name: a\n"
	f("good", ok+"spec: {type: service}", "")
	f("unknown field", ok+"spec:\n  type: x\n  teir: 1\n", `f.yaml:7:9: part:a: spec.teir: there is no field "teir" here; did you mean "tier"?`)
	f("unknown at root", ok+"specs: {}\nspec: {type: x}\n", `f.yaml:5:1: part:a: specs: there is no field "specs" here; did you mean "spec"?`)
	f("unknown kind", strings.Replace(ok, "Part", "Prt", 1), `f.yaml:2:7: prt:a: kind: there is no kind "Prt"; did you mean "Part"?`)
	f("kind in lower case", strings.Replace(ok, "Part", "part", 1), `f.yaml:2:7: part:a: kind: there is no kind "part"; did you mean "Part"?`)
	f("version", strings.Replace(ok, "dev/v1", "dev/v9", 1)+"spec: {type: x}", `f.yaml:1:13: part:a: apiVersion: must be binnacle.dev/v1 for a Part; it is "binnacle.dev/v9"`)
	f("required", ok+"spec: {}", `f.yaml:5:1: part:a: spec.type: is required`)
	f("no metadata", "apiVersion: binnacle.dev/v1\nkind: Part\n", "f.yaml:1: metadata: is required, with at least a name\nf.yaml:1: spec.type: is required")
	f("type", ok+"spec: {type: x, tier: high}", `f.yaml:5:23: part:a: spec.tier: must be a whole number, not the text "high"`)
	f("number for text", ok+"spec: {type: 1.10}", `f.yaml:5:14: part:a: spec.type: must be a text, not the number 1.10; write it in quotes: "1.10"`)
	f("range", ok+"spec: {type: x, tier: 9}", `f.yaml:5:23: part:a: spec.tier: must be at most 4`)
	f("enum", ok+"spec: {type: x, stage: plam}", `f.yaml:5:24: part:a: spec.stage: "plam" is not one of plan, live, end; did you mean "plan"?`)
	f("date", ok+"spec: {type: x, since: 2023-02-29}", `f.yaml:5:24: part:a: spec.since: "2023-02-29" is not a day: write it as 2026-02-28`)
	f("leap day", ok+"spec: {type: x, since: 2024-02-29}", "")
	f("reference", ok+"spec: {type: x, dependsOn: ['a b']}", `f.yaml:5:29: part:a: spec.dependsOn[0]: "a b" is not a reference: write [kind:][namespace/]name, as part:name`)
	f("reference kind", ok+"spec: {type: x, owner: 'part:b'}", `f.yaml:5:24: part:a: spec.owner: "part:b" points at a part; it must be a group or user`)
	f("in a list of objects", ok+"spec:\n  type: x\n  steps:\n    - name: ok\n    - by: me\n", `f.yaml:9:7: part:a: spec.steps[1].name: is required`)
	f("check", ok+"spec: {type: library, tier: 1}", `f.yaml:5:29: part:a: spec.tier: a library has no tier 1`)
	f("duplicate", ok+"spec: {type: x, type: y}", `f.yaml:5:17: part:a: spec.type: "type" is given twice`)
	f("name", strings.Replace(ok, "name: a", "name: a b", 1)+"spec: {type: x}", `f.yaml:4:9: part:a b: metadata.name: "a b" cannot be a name: use 1 to 128 letters, digits, - _ and ., beginning and ending with a letter or digit`)
	f("second document", ok+"spec: {type: x}\n---\n"+ok+"spec: {type: []}", `f.yaml:11:8: part:a: spec.type: is required`)
	f("syntax", ok+"spec: {type: x", `f.yaml:5: not YAML: did not find expected ',' or '}'`)
	f("not an entity", "just text", "f.yaml:1:1: an entity is an object with apiVersion, kind, metadata and spec")
	f("JSON", `{"apiVersion":"binnacle.dev/v1","kind":"Part",`+"\n"+`"metadata":{"name":"a"},"spec":{"type":"x","tier":"1"}}`, `f.yaml:2:51: part:a: spec.tier: must be a whole number, not the text "1"`)
	f("NDJSON", `{"apiVersion":"binnacle.dev/v1","kind":"Part","metadata":{"name":"a"},"spec":{"type":"x"}}`+"\n"+`{"kind":"Part"}`,
		"f.yaml:2: apiVersion: must be binnacle.dev/v1 for a Part\nf.yaml:2: metadata: is required, with at least a name\nf.yaml:2: spec.type: is required")
	f("NUL", ok+"spec: {type: \"x\\0\"}", "f.yaml:5:14: part:a: spec.type: a text may not hold a NUL character\nf.yaml:5:14: part:a: spec.type: is required")
	f("empty", "", "")
	f("only comments", "# nothing\n---\n---\n", "")
}

func TestDecodeKeepsGoodDocuments(t *testing.T) {
	docs, err := testKinds().Decode("f", []byte(partYAML("a", "{type: x}")+partYAML("b", "{}")+partYAML("c", "{type: x}")))
	if len(docs) != 2 || err == nil {
		t.Errorf("got %d documents and %v; want 2 and an error", len(docs), err)
	}
}

func TestOpenKindsKeepUnknownFields(t *testing.T) {
	in := "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: core\n  annotations:\n    acme.example/x: other\nspec:\n  parent: top\n  profile:\n    displayName: Core\n"
	docs, err := testKinds().Decode("f.yaml", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if ws := docs[0].Warnings; len(ws) != 1 || ws[0].Field != "spec.profile" || ws[0].Line != 9 {
		t.Errorf("warnings %+v", ws)
	}
	var out strings.Builder
	if err := testKinds().EncodeYAML(&out, docs[0].Entity); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(in, out.String()); d != "" {
		t.Error(d)
	}
}

func TestBombsAreRefused(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	for _, in := range []string{bomb, deep, strings.Repeat("a: {", 3000), "a: &a\n  b: *a\n"} {
		if _, err := testKinds().Decode("f", []byte(in)); err == nil {
			t.Errorf("%.40q… was accepted", in)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{shelf, partYAML("a", "{type: x}"), `{"kind":"Part"}`, "a: &a [*a]", "- {}\n- 1", "<<: {a: b}", "\xff", "? [a]: b"} {
		f.Add(s)
	}
	ks := testKinds()
	f.Fuzz(func(t *testing.T, in string) {
		docs, err := ks.Decode("f", []byte(in))
		if err != nil && !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.TooLarge) {
			t.Errorf("unexpected error %v", err)
		}
		for _, d := range docs {
			var out strings.Builder
			if err := ks.EncodeYAML(&out, d.Entity); err != nil {
				t.Fatal(err)
			}
			again, err := ks.Decode("f", []byte(out.String()))
			if err != nil || len(again) != 1 {
				t.Fatalf("what was read and written is not read again: %v\n%s", err, out.String())
			}
			if ch := catalog.Diff(d.Entity, again[0].Entity); len(ch) != 0 {
				t.Errorf("changed by a round: %+v", ch)
			}
		}
	})
}

// TestSchemaAgrees checks that the JSON Schema accepts what Decode accepts and
// refuses what it refuses, as far as a schema can say it.
func TestSchemaAgrees(t *testing.T) {
	ks := testKinds()
	data, err := json.Marshal(ks.Get("Part").Schema())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("part.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("part.json")
	if err != nil {
		t.Fatal(err)
	}
	for spec, want := range map[string]bool{
		`{"type":"x"}`: true, `{"type":"x","tier":3,"dependsOn":["a"],"steps":[{"name":"n"}]}`: true,
		`{}`: false, `{"type":"x","teir":1}`: false, `{"type":"x","tier":7}`: false, `{"type":"x","stage":"nope"}`: false, `{"type":"x","steps":[{}]}`: false,
	} {
		in := `{"apiVersion":"binnacle.dev/v1","kind":"Part","metadata":{"name":"a"},"spec":` + spec + `}`
		v, _ := jsonschema.UnmarshalJSON(strings.NewReader(in))
		_, err := ks.Decode("f", []byte(in))
		if got := schema.Validate(v) == nil; got != want || (err == nil) != want {
			t.Errorf("%s: schema %v, decode %v, want %v", spec, got, err == nil, want)
		}
	}
}

// TestMergeProperties: what one side leaves alone the other decides, and equal
// sides never clash.
func TestMergeProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	make := func() *entity.Entity {
		e := &entity.Entity{APIVersion: entity.APIVersion, Kind: "Part", Metadata: entity.Metadata{Name: "a", Labels: map[string]string{}}}
		for _, k := range []string{"x", "y", "z"} {
			if rng.IntN(2) == 0 {
				e.Metadata.Labels[k] = fmt.Sprint(rng.IntN(3))
			}
		}
		e.Spec = []byte(fmt.Sprintf(`{"type":"t%d","tier":%d}`, rng.IntN(2), 1+rng.IntN(3)))
		return e
	}
	for range 500 {
		base, other := make(), make()
		if got := catalog.Merge(base, base, other); catalog.Diff(got.Entity, other) != nil || len(got.Clashes) != 0 {
			t.Fatalf("mine unchanged: got %+v", got)
		}
		if got := catalog.Merge(base, other, base); catalog.Diff(got.Entity, other) != nil || len(got.Clashes) != 0 {
			t.Fatalf("theirs unchanged: got %+v", got)
		}
		if got := catalog.Merge(base, other, other); catalog.Diff(got.Entity, other) != nil || len(got.Clashes) != 0 {
			t.Fatalf("both the same: got %+v", got)
		}
		a, b := make(), make()
		x, y := catalog.Merge(base, a, b), catalog.Merge(base, b, a)
		if d := cmp.Diff(x.Clashes, y.Clashes); d != "" {
			t.Fatalf("clashes depend on the side: %s", d)
		}
	}
}
