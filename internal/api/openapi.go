package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/door"
)

// document is the OpenAPI description, written out.
type document struct {
	json, yaml []byte
	hash       string
}

// openAPI makes the description from the table of operations and the kinds.
func (a *API) openAPI() (document, error) {
	data, err := json.MarshalIndent(a.tree(), "", " ")
	if err != nil {
		return document{}, err
	}
	y, err := yamlOf(data)
	if err != nil {
		return document{}, err
	}
	sum := sha256.Sum256(data)
	return document{append(data, '\n'), y, hex.EncodeToString(sum[:])[:16]}, nil
}

func (a *API) tree() map[string]any {
	return map[string]any{
		"openapi":           "3.1.0",
		"jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
		"info": map[string]any{
			"title": "Binnacle", "version": a.Version, "summary": "The operating system of a technology organisation.",
			"description": "Everything the web can do. Failures are problem+json (RFC 9457). Answers are JSON; with Accept: application/yaml, YAML. Parameters and fields that an operation does not have are errors.",
			"license":     map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":    []any{map[string]any{"url": Prefix}},
		"security":   []any{map[string]any{"token": []string{}}, map[string]any{"session": []string{}}},
		"tags":       a.tags(),
		"paths":      a.paths(),
		"components": a.components(),
	}
}

func (a *API) tags() []any {
	var out []any
	done := map[string]bool{}
	for _, op := range a.ops {
		if done[op.tag] {
			continue
		}
		done[op.tag] = true
		tag := map[string]any{"name": op.tag}
		if k := a.Catalog.Kinds().Get(op.tag); k != nil {
			tag["description"] = k.Doc.In("en")
		}
		out = append(out, tag)
	}
	return out
}

func (a *API) paths() map[string]any {
	paths := map[string]any{}
	for i := range a.ops {
		op := &a.ops[i]
		item, ok := paths[op.path].(map[string]any)
		if !ok {
			item = map[string]any{}
			paths[op.path] = item
		}
		item[strings.ToLower(op.method)] = op.describe()
	}
	return paths
}

// describe returns the Operation Object.
func (op *operation) describe() map[string]any {
	d := map[string]any{"operationId": op.id, "summary": op.summary, "tags": []string{op.tag}, "responses": op.responses()}
	if op.doc != "" {
		d["description"] = op.doc
	}
	if op.verb == auth.Public {
		d["security"] = []any{}
	} else {
		d["x-binnacle-verb"] = string(op.verb)
	}
	if ps := op.parameters(); len(ps) > 0 {
		d["parameters"] = ps
	}
	if op.body != nil {
		d["requestBody"] = map[string]any{"description": op.body.doc, "required": !op.body.optional, "content": content(op.body.types, op.body.schema)}
	}
	return d
}

func (op *operation) parameters() []any {
	var out []any
	add := func(in string, params []param) {
		for _, p := range params {
			out = append(out, p.describe(in))
		}
	}
	add("path", op.pathParams())
	add("query", op.query)
	add("header", op.header)
	return out
}

func (p param) describe(in string) map[string]any {
	s := p.schema
	if p.many {
		s = listOf(p.schema)
	}
	d := map[string]any{"name": p.name, "in": in, "description": p.doc, "schema": s}
	if p.required {
		d["required"] = true
	}
	if p.many {
		d["style"], d["explode"] = "form", true
	}
	return d
}

func content(types []string, s schema) map[string]any {
	out := map[string]any{}
	for _, t := range types {
		switch t {
		case csvType, xlsxType, ndjsonType, formType, rawType, zipType, tarType:
			out[t] = mediaSchema(t)
		default:
			out[t] = map[string]any{"schema": s}
		}
	}
	return out
}

// mediaSchema describes formats that are not one JSON value.
func mediaSchema(t string) map[string]any {
	switch t {
	case csvType, ndjsonType:
		return map[string]any{"schema": schema{"type": "string"}}
	case formType:
		return map[string]any{"schema": schema{"type": "object", "properties": schema{"file": listOf(schema{"type": "string", "contentMediaType": rawType})}}}
	}
	return map[string]any{"schema": schema{"type": "string", "contentMediaType": t}}
}

func (op *operation) responses() map[string]any {
	out := map[string]any{"4XX": map[string]any{"$ref": "#/components/responses/Problem"}, "5XX": map[string]any{"$ref": "#/components/responses/Problem"}}
	for _, a := range op.answers {
		r := map[string]any{"description": a.doc}
		if len(a.types) > 0 {
			r["content"] = content(a.types, a.schema)
		}
		if len(a.headers) > 0 {
			headers := map[string]any{}
			for _, h := range a.headers {
				headers[h.name] = map[string]any{"description": h.doc, "schema": h.schema}
			}
			r["headers"] = headers
		}
		out[strconv.Itoa(a.status)] = r
	}
	return out
}

func (a *API) components() map[string]any {
	return map[string]any{
		"schemas": a.allSchemas(),
		"responses": map[string]any{"Problem": map[string]any{
			"description": "It did not work.", "content": map[string]any{problemType: map[string]any{"schema": ref("ProblemDetails")}},
			"headers": map[string]any{"X-Request-Id": map[string]any{"description": "The request, as the server's log has it.", "schema": schema{"type": "string"}}},
		}},
		"securitySchemes": map[string]any{
			"token":   map[string]any{"type": "http", "scheme": "bearer", "description": "A token, as bnc_…; its scopes narrow what its owner may do."},
			"session": map[string]any{"type": "apiKey", "in": "cookie", "name": (&door.Door{}).CookieName(), "description": "The session of a browser; with HTTPS its name begins with __Host-."},
		},
	}
}

// allSchemas are those of the program's own types and of the kinds.
func (a *API) allSchemas() map[string]any {
	all := map[string]any{}
	for name, s := range a.schemas {
		all[name] = s
	}
	var kinds []schema
	for _, k := range a.Catalog.Kinds().All() {
		maps.Copy(all, a.kindSchemas(k))
		kinds = append(kinds, kindSchema(k))
	}
	all["Entity"] = schema{"description": "An entity of any kind.", "type": "object"}
	if len(kinds) > 0 {
		all["Entity"].(schema)["anyOf"] = kinds
	}
	return all
}

// kindSchemas are a kind's entity, its list, and what a change of it answers.
func (a *API) kindSchemas(k *catalog.Kind) map[string]any {
	name := k.Name + "Entity"
	own := maps.Clone(k.Schema())
	delete(own, "$schema")
	delete(own, "$id")
	own["examples"] = examples(k)
	item := ref(name)
	change := maps.Clone(a.schemas["Written"].(namedSchema).schema)
	change["properties"] = maps.Clone(change["properties"].(map[string]any))
	change["properties"].(map[string]any)["entity"] = item
	return map[string]any{
		name: own,
		name + "List": schema{"type": "object", "required": []string{"items"}, "properties": schema{
			"items": listOf(item), "next": schema{"type": "string"}, "total": schema{"type": "integer"}, "totalAtLeast": schema{"type": "boolean"},
		}},
		name + "Written": change,
	}
}

// examples are the kind's YAML examples as JSON.
func examples(k *catalog.Kind) []any {
	out := []any{}
	for _, e := range k.Examples {
		data, err := jsonOf([]byte(e))
		if err != nil {
			continue // more than one document: shown on the reference page only
		}
		out = append(out, json.RawMessage(data))
	}
	return out
}

// OpenAPI returns the description as JSON.
func (a *API) OpenAPI() ([]byte, error) {
	d, err := a.spec()
	return d.json, err
}
