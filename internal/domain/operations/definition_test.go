package operations

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDefinition(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want definition
	}{
		"openapi": {
			"openapi: 3.0.1\ninfo: {title: T, version: 2}\nservers: [{url: 'https://a'}, {description: none}]\npaths: {/b: {put: {}, summary: x}, /a: {post: {summary: Make}, get: {operationId: list}}}",
			definition{Format: "OpenAPI 3.0.1", Title: "T", Version: "2", Servers: []string{"https://a"}, Operations: []operation{{"GET", "/a", "list"}, {"POST", "/a", "Make"}, {"PUT", "/b", ""}}},
		},
		"openapi in JSON": {`{"openapi":"3.1.0","info":{"title":"J","version":"1"},"paths":{}}`, definition{Format: "OpenAPI 3.1.0", Title: "J", Version: "1"}},
		"swagger":         {"swagger: '2.0'\ninfo: {title: S, version: v1}\nhost: h.example\nbasePath: /v1\n", definition{Format: "Swagger 2.0", Title: "S", Version: "v1", Servers: []string{"h.example/v1"}}},
		"asyncapi 2": {"asyncapi: 2.6.0\ninfo: {title: A, version: '1'}\nservers: {main: {url: 'mqtt://m'}}\nchannels: {lights: {description: Lamps}}\n",
			definition{Format: "AsyncAPI 2.6.0", Title: "A", Version: "1", Servers: []string{"mqtt://m"}, Operations: []operation{{"", "lights", "Lamps"}}}},
		"graphql":            {"type Query { a: Int }", definition{}},
		"not a document":     {"openapi: [", definition{}},
		"odd types inside":   {"openapi: 3.0.0\ninfo: none\npaths: 7\n", definition{}},
		"nothing but spaces": {"  \n", definition{}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.want.Text = tc.text
			got := definition{Text: tc.text}
			got.read()
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzDefinition(f *testing.F) {
	f.Add("openapi: 3.0.0\npaths: {/a: {get: {summary: x}}}")
	f.Add("asyncapi: 3.0.0\nservers: {a: {host: b}}\nchannels: {c: 1}")
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		d := definition{Text: text}
		d.read()
		if d.Format == "" && (d.Title != "" || len(d.Operations) > 0) {
			t.Errorf("a text of no format gave %+v", d)
		}
		if len(d.Operations) > maxOperations {
			t.Errorf("%d operations", len(d.Operations))
		}
	})
}

func TestGlobPattern(t *testing.T) {
	for _, tc := range []struct {
		glob, name string
		want       bool
	}{
		{"a/*.yaml", "a/b.yaml", true}, {"a/*.yaml", "a/b/c.yaml", false}, {"a/**/catalog-info.yaml", "a/catalog-info.yaml", true},
		{"a/**/catalog-info.yaml", "a/b/c/catalog-info.yaml", true}, {"a/**", "a/b/c", true}, {"a.b/*", "aXb/c", false},
	} {
		if got := globPattern(tc.glob).MatchString(tc.name); got != tc.want {
			t.Errorf("%s on %s: %v", tc.glob, tc.name, got)
		}
	}
}
