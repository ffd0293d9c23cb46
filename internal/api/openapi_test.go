package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/net/html"
)

// contract checks answers against what the description promises.
type contract struct {
	mux     *http.ServeMux
	ops     map[string]*operation
	schemas *jsonschema.Compiler
	done    map[string]*jsonschema.Schema
}

const specURL = "http://binnacle.test/openapi.json"

func newContract(t testing.TB, a *API) *contract {
	t.Helper()
	data, err := a.OpenAPI()
	check(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	check(t, err)
	c := &contract{mux: http.NewServeMux(), ops: map[string]*operation{}, schemas: jsonschema.NewCompiler(), done: map[string]*jsonschema.Schema{}}
	c.schemas.DefaultDraft(jsonschema.Draft2020)
	c.schemas.AssertFormat()
	check(t, c.schemas.AddResource(specURL, doc))
	for i := range a.ops {
		op := &a.ops[i]
		pattern := op.method + " " + Prefix + op.path
		c.mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
		c.ops[pattern] = op
	}
	return c
}

// at compiles the schema at a JSON pointer of the description.
func (c *contract) at(t testing.TB, keys ...string) *jsonschema.Schema {
	t.Helper()
	pointer := "#"
	for _, k := range keys {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(k)
	}
	if s := c.done[pointer]; s != nil {
		return s
	}
	s, err := c.schemas.Compile(specURL + pointer)
	if err != nil {
		t.Fatalf("schema %s: %v", pointer, err)
	}
	c.done[pointer] = s
	return s
}

// check fails when an answer is not the one described.
func (c *contract) check(t testing.TB, r *http.Request, w reply) {
	t.Helper()
	kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	if w.Code >= 400 {
		if kind != problemType {
			t.Errorf("%s %s: %d is %q, not problem+json", r.Method, r.URL, w.Code, kind)
			return
		}
		c.validate(t, r, w, c.at(t, "components", "schemas", "ProblemDetails"))
		return
	}
	_, pattern := c.mux.Handler(r)
	op := c.ops[pattern]
	if op == nil || r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return
	}
	i := slices.IndexFunc(op.answers, func(a answer) bool { return a.status == w.Code })
	if i < 0 {
		t.Errorf("%s %s: status %d is not described", r.Method, r.URL, w.Code)
		return
	}
	if a := op.answers[i]; len(a.types) > 0 && !slices.Contains(a.types, kind) && op.id != "export" && op.id != "downloadAttachment" {
		t.Errorf("%s %s: type %q is not described", r.Method, r.URL, kind)
	}
	if kind == jsonType && op.id != "export" && w.Code != http.StatusNotModified {
		c.validate(t, r, w, c.at(t, "paths", op.path, strings.ToLower(op.method), "responses", strconv.Itoa(w.Code), "content", kind, "schema"))
	}
}

func (c *contract) validate(t testing.TB, r *http.Request, w reply, s *jsonschema.Schema) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL, err)
		return
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%s %s: the answer does not fit its description: %v\n%s", r.Method, r.URL, err, w.Body)
	}
}

func TestOpenAPIIsValid(t *testing.T) {
	h := onSQLite(t)
	text, err := os.ReadFile("testdata/openapi-3.1.json")
	check(t, err)
	meta, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	check(t, err)
	c := jsonschema.NewCompiler()
	check(t, c.AddResource("oas", meta))
	s, err := c.Compile("oas")
	check(t, err)
	for _, path := range []string{"/api/v1/openapi.json", "/api/v1/openapi.yaml"} {
		r := h.want(200, h.do("", "GET", path, ""))
		data := r.Body.Bytes()
		if strings.HasSuffix(path, "yaml") {
			data, err = jsonOf(data)
			check(t, err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		check(t, err)
		if err := s.Validate(doc); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	h.want(304, h.do("", "GET", "/api/v1/openapi.json", "", "If-None-Match", h.do("", "GET", "/api/v1/openapi.json", "").Header().Get("ETag")))
}

func TestEverySchemaCompiles(t *testing.T) {
	h := onSQLite(t)
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters  []struct{ Name string }
			RequestBody struct{ Content map[string]any }
			Responses   map[string]struct{ Content map[string]any }
		}
		Components struct{ Schemas map[string]any }
	}
	data, err := h.api.OpenAPI()
	check(t, err)
	check(t, json.Unmarshal(data, &doc))
	n := 0
	for name := range doc.Components.Schemas {
		h.contract.at(t, "components", "schemas", name)
		n++
	}
	for path, item := range doc.Paths {
		for method, op := range item {
			for i := range op.Parameters {
				h.contract.at(t, "paths", path, method, "parameters", strconv.Itoa(i), "schema")
				n++
			}
			for mediaType := range op.RequestBody.Content {
				h.contract.at(t, "paths", path, method, "requestBody", "content", mediaType, "schema")
			}
			for status, r := range op.Responses {
				for mediaType := range r.Content {
					h.contract.at(t, "paths", path, method, "responses", status, "content", mediaType, "schema")
					n++
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d schemas were looked at", n)
	}
	for _, k := range h.api.Catalog.Kinds().All() {
		for _, e := range examples(k) {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(e.(json.RawMessage)))
			check(t, err)
			if err := h.contract.at(t, "components", "schemas", k.Name+"Entity").Validate(v); err != nil {
				t.Errorf("example of %s: %v", k.Name, err)
			}
		}
	}
}

// What is answered and what is described are the same.
func TestRoutesAreDescribed(t *testing.T) {
	h := onSQLite(t)
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	data, err := h.api.OpenAPI()
	check(t, err)
	check(t, json.Unmarshal(data, &doc))
	var described, answered []string
	for path, item := range doc.Paths {
		for method := range item {
			described = append(described, strings.ToUpper(method)+" "+Prefix+path)
		}
	}
	for _, r := range h.api.Routes() {
		if r.Pattern != "/api" {
			answered = append(answered, r.Method+" "+r.Pattern)
		}
	}
	slices.Sort(described)
	slices.Sort(answered)
	if diff := cmp.Diff(answered, described); diff != "" {
		t.Errorf("routes and description differ: %s", diff)
	}
}

func TestPage(t *testing.T) {
	h := onSQLite(t)
	for code, title := range map[string]string{"en": "The API", "es": "La API"} {
		r := h.do("", "GET", "/api", "", "Accept-Language", code)
		if r.Code != 200 {
			t.Fatalf("status %d", r.Code)
		}
		text := r.Body.String()
		if !strings.Contains(text, "<h1>"+title+"</h1>") || !strings.Contains(text, `lang="`+code+`"`) {
			t.Errorf("%s: no title", code)
		}
		for _, op := range h.api.ops {
			if !strings.Contains(text, `<details id="`+op.id+`" `) {
				t.Errorf("%s is not on the page", op.id)
			}
		}
		if strings.Contains(text, "<script") || strings.Contains(text, "style=") {
			t.Error("the page has a script or inline style")
		}
		if strings.Contains(text, `></h2>`) {
			t.Error("a heading is empty")
		}
		checkIDs(t, text)
	}
}

func checkIDs(t *testing.T, text string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(text))
	check(t, err)
	seen := map[string]bool{}
	for n := range doc.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "id" && seen[a.Val] {
				t.Errorf("the id %q is there twice", a.Val)
			}
			if a.Key == "id" {
				seen[a.Val] = true
			}
		}
	}
}
