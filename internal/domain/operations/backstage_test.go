package operations_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/operations"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

func importFiles(t *testing.T, c *catalog.Catalog, opts catalog.ImportOptions, files ...catalog.File) *catalog.ImportReport {
	t.Helper()
	r, err := operations.Module().Importers[0].Import(ctx, c, owner, files, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func export(t *testing.T, c *catalog.Catalog, opts catalog.ExportOptions) []catalog.File {
	t.Helper()
	files, err := operations.Module().Exporters[0].Export(ctx, c, owner, opts)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// tree reads YAML documents as plain values, by kind and name.
func tree(t *testing.T, data []byte) map[string]any {
	t.Helper()
	out := map[string]any{}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var v map[string]any
		if err := dec.Decode(&v); err == io.EOF {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		meta := v["metadata"].(map[string]any)
		key, _ := json.Marshal([]any{v["kind"], meta["namespace"], meta["name"]})
		out[string(key)] = v
	}
}

// TestDemo: a file Backstage serves applies as it is and comes back with the
// same data, its unknown field included.
func TestDemo(t *testing.T) {
	data, err := os.ReadFile(testenv.Data(t, "backstage", "demo-catalog-info.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c := newCatalog(t)
	apply(t, c, string(data))
	got := export(t, c, catalog.ExportOptions{})
	if diff := cmp.Diff(tree(t, data), tree(t, got[0].Data)); diff != "" {
		t.Error(diff)
	}
}

const mixed = `apiVersion: backstage.io/v1beta1
kind: Component
metadata:
  name: artist-lookup
  namespace: music
  labels: {category: music}
  annotations: {"github.com/project-slug": acme/artist-lookup}
  tags: [java]
  links: [{url: "https://example.com/user", title: Users, icon: user, target: _blank}]
  costCentre: {id: 17, share: 0.50}
tooling: [a, {b: null}]
spec:
  type: service
  lifecycle: experimental
  owner: default/team-a
  definitionOfDone: {reviewed: true, score: 4.50, since: null}
  dependsOn: ["resource:default/artists-db"]
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: team-a}
spec: {type: team, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: guest}
spec: {profile: {displayName: Guest, email: not-an-address}, memberOf: []}
---
apiVersion: backstage.io/v1alpha1
kind: Location
metadata: {name: empty}
spec: {}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: petstore}
spec:
  type: openapi
  lifecycle: production
  owner: petstore@example.com
  definition:
    $text: ./petstore.yaml
`

func TestRoundTrip(t *testing.T) {
	c := newCatalog(t)
	importFiles(t, c, catalog.ImportOptions{}, catalog.File{Name: "catalog-info.yaml", Data: []byte(mixed)})
	got := export(t, c, catalog.ExportOptions{})
	if diff := cmp.Diff(tree(t, []byte(mixed)), tree(t, got[0].Data)); diff != "" {
		t.Error(diff)
	}
	again := importFiles(t, c, catalog.ImportOptions{}, got...)
	for _, ch := range again.Changes {
		if ch.Op != catalog.Unchanged {
			t.Errorf("%s %s: %v", ch.Ref, ch.Op, ch.Fields)
		}
	}
}

func TestExportForBackstage(t *testing.T) {
	c := newCatalog(t)
	apply(t, c, `
apiVersion: binnacle.dev/v1
kind: Component
metadata: {name: a, owner: group:t}
spec: {type: service, tier: 2}
---
apiVersion: binnacle.dev/v1
kind: Group
metadata: {name: t}
spec: {type: team}
---
apiVersion: binnacle.dev/v1
kind: User
metadata: {name: u}
`)
	files := export(t, c, catalog.ExportOptions{Format: "kinds"})
	got := map[string]string{}
	for _, f := range files {
		got[f.Name] = string(f.Data)
	}
	want := map[string]string{
		"components.yaml": "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: a\n  owner: group:t\nspec:\n  type: service\n  tier: 2\n  owner: group:t\n",
		"groups.yaml":     "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: t\nspec:\n  type: team\n  children: []\n",
		"users.yaml":      "apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata:\n  name: u\nspec:\n  memberOf: []\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	one := export(t, c, catalog.ExportOptions{Query: catalog.Query{Kinds: []string{"users", "component"}}})
	if s := string(one[0].Data); strings.Contains(s, "kind: Group") || !strings.Contains(s, "kind: User") || !strings.Contains(s, "kind: Component") {
		t.Errorf("asked for users and components, got\n%s", s)
	}
}

func TestImportFolder(t *testing.T) {
	file := func(name, data string) catalog.File { return catalog.File{Name: name, Data: []byte(data)} }
	const head = "apiVersion: backstage.io/v1alpha1\n"
	files := []catalog.File{
		file("cat/all.yaml", head+"kind: Location\nmetadata: {name: all}\nspec: {targets: [./apis/api.yaml, './teams/*.yaml', 'https://example.com/more.yaml', ./gone.yaml]}\n---\n"+
			head+"kind: Location\nmetadata: {name: maybe}\nspec: {target: ./gone.yaml, presence: optional}\n"),
		file("cat/apis/api.yaml", head+"kind: API\nmetadata: {name: p}\nspec: {type: openapi, definition: {$text: ./p.oas.yaml}}\n"),
		file("cat/apis/p.oas.yaml", "openapi: 3.1.0\ninfo: {title: P, version: '1'}\n"),
		file("cat/teams/a.yaml", head+"kind: Group\nmetadata: {name: a}\nspec: {type: team, children: []}\n"),
		file("cat/twice.yaml", head+"kind: Group\nmetadata: {name: a}\nspec: {type: team, children: []}\n---\n"+head+"kind: Component\nmetadata: {name: 'not a name'}\nspec: {type: service}\n"),
		file("cat/template.yaml", "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: t}\nspec: {type: service}\n"),
		file("k8s/deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n"),
	}
	t.Run("dry", func(t *testing.T) {
		c := newCatalog(t)
		r := importFiles(t, c, catalog.ImportOptions{DryRun: true}, files...)
		if n, _ := c.Count(ctx, owner, "API"); n != 0 || len(r.Changes) != 4 {
			t.Errorf("a dry run wrote %d and reports %d changes", n, len(r.Changes))
		}
	})
	c := newCatalog(t)
	r := importFiles(t, c, catalog.ImportOptions{Args: map[string]string{"embed": "true"}}, files...)
	var changes, problems, warnings []string
	for _, ch := range r.Changes {
		changes = append(changes, ch.Ref)
	}
	for _, p := range r.Problems {
		problems = append(problems, p.File+" "+p.Code)
	}
	for _, w := range r.Warnings {
		warnings = append(warnings, w.Msg)
	}
	check := func(name string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	check("changes", changes, []string{"location:default/all", "location:default/maybe", "api:default/p", "group:default/a"})
	check("problems", problems, []string{"cat/all.yaml target-missing", "cat/twice.yaml name", "cat/twice.yaml twice", "cat/template.yaml unknown-kind"})
	check("warnings", warnings, []string{"https://example.com/more.yaml is elsewhere and was not fetched", "./gone.yaml is optional and not among the files given"})
	check("summary", r.Summary, "4 entities in 5 files; 2 files without any; 1 target elsewhere, not fetched")
	api := tree(t, export(t, c, catalog.ExportOptions{Query: catalog.Query{Kinds: []string{"API"}}})[0].Data)
	for _, v := range api {
		check("definition", v.(map[string]any)["spec"].(map[string]any)["definition"], any("openapi: 3.1.0\ninfo: {title: P, version: '1'}\n"))
	}
}

func TestImportNothing(t *testing.T) {
	_, err := operations.Module().Importers[0].Import(ctx, newCatalog(t), owner, []catalog.File{{Name: "a.yaml", Data: []byte("a: 1\n")}}, catalog.ImportOptions{})
	if !fault.Is(err, fault.Invalid) || fault.HintOf(err) == "" {
		t.Errorf("%v", err)
	}
}
