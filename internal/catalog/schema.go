package catalog

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Schema returns the JSON Schema (2020-12) of an entity of this kind, as a file
// may hold it.
func (k *Kind) Schema() map[string]any {
	version := map[string]any{"const": k.Versions[0]}
	if len(k.Versions) > 1 {
		version = map[string]any{"enum": k.Versions}
	}
	meta := objectSchema(metaFields, k.Open)
	for _, key := range []string{"name", "namespace"} {
		meta["properties"].(map[string]any)[key].(map[string]any)["pattern"] = entity.NamePattern
	}
	for _, key := range serverKeys {
		meta["properties"].(map[string]any)[key] = map[string]any{"readOnly": true}
	}
	spec, required := objectSchema(k.Fields, k.Open), []string{"apiVersion", "kind", "metadata"}
	if spec["required"] != nil {
		required = append(required, "spec")
	}
	return map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"$id":     "https://binnacle.dev/schema/v1/" + lower(k.Name) + ".json",
		"title":   k.Title.En, "description": k.Doc.En, "type": "object",
		"required":             required,
		"additionalProperties": k.Open,
		"properties": map[string]any{
			"apiVersion": version, "kind": map[string]any{"const": k.Name}, "metadata": meta,
			"spec":   spec,
			"status": map[string]any{"type": "object", "readOnly": true, "description": "What the program derived; ignored in files."},
		},
	}
}

func objectSchema(fields []Field, open bool) map[string]any {
	props, required := map[string]any{}, []string{}
	for i := range fields {
		props[fields[i].Name] = fields[i].schema(open)
		if !fields[i].Required {
			continue
		}
		required = append(required, fields[i].Name)
		if p := props[fields[i].Name].(map[string]any); p["type"] == "string" && p["enum"] == nil {
			p["minLength"] = 1
		}
	}
	s := map[string]any{"type": "object", "properties": props, "additionalProperties": open}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

const refPattern = `^([A-Za-z0-9_.-]+:)?([A-Za-z0-9_.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$`

func (f *Field) schema(open bool) map[string]any {
	s := f.typeSchema(open)
	if f.Label.En != "" {
		s["title"] = f.Label.En
	}
	if f.Help.En != "" {
		s["description"] = f.Help.En
	}
	if len(f.Enum) > 0 && f.Type != List {
		values := make([]string, len(f.Enum))
		for i, e := range f.Enum {
			values[i] = e.Value
		}
		if f.Suggest {
			s["examples"] = values
		} else {
			s["enum"] = values
		}
	}
	if f.Min != nil {
		s["minimum"] = *f.Min
	}
	if f.Max != nil {
		s["maximum"] = *f.Max
	}
	return s
}

func (f *Field) typeSchema(open bool) map[string]any {
	switch f.Type {
	case Int:
		return map[string]any{"type": "integer"}
	case Number:
		return map[string]any{"type": "number"}
	case Bool:
		return map[string]any{"type": "boolean"}
	case List:
		return map[string]any{"type": "array", "items": f.Item.schema(open)}
	case Object:
		return objectSchema(f.Fields, open)
	case Map:
		return map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}}
	case Any:
		return map[string]any{}
	case Date:
		return map[string]any{"type": "string", "format": "date"}
	case Moment:
		return map[string]any{"type": "string", "format": "date-time"}
	}
	s := map[string]any{"type": "string"}
	switch {
	case f.Type == Reference:
		s["x-binnacle-kinds"], s["x-binnacle-relation"] = f.Refs, f.Relation
		if !open {
			s["pattern"] = refPattern
		}
	case open: // what an open kind keeps as it is, its schema must not refuse
	case f.Type == URL:
		s["format"] = "uri"
	case f.Type == Email:
		s["format"] = "email"
	}
	return s
}

// Explain describes a kind or one of its fields for a terminal; path is "" or
// as "spec.owner". Unknown paths get the nearest one proposed.
func (k *Kind) Explain(path string, code lang.Code) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "KIND:     %s\nVERSION:  %s\n", k.Name, strings.Join(k.Versions, ", "))
	if path == "" {
		fmt.Fprintf(&b, "ROOM:     %s\nNAMES:    %s\n\n%s\n\nFIELDS\n", k.Room, strings.Join(append([]string{k.Plural}, k.Short...), ", "), k.Doc.In(code))
		explainFields(&b, []Field{{Name: "metadata", Type: Object, Fields: metaFields, Required: true}}, code, 1)
		explainFields(&b, []Field{{Name: "spec", Type: Object, Fields: k.Fields}}, code, 1)
		return b.String(), nil
	}
	f := k.Field(path)
	if f == nil {
		f = findField(metaFields, path)
	}
	if f == nil {
		return "", k.noField(path)
	}
	fmt.Fprintf(&b, "FIELD:    %s\nTYPE:     %s\nLABEL:    %s\n", f.Path, f.typeName(), f.Label.In(code))
	if help := f.Help.In(code); help != "" {
		fmt.Fprintf(&b, "\n%s\n", help)
	}
	explainEnum(&b, f, code)
	fields := f.Fields
	if f.Item != nil {
		fields = f.Item.Fields
	}
	if len(fields) > 0 {
		b.WriteString("\nFIELDS\n")
		explainFields(&b, fields, code, 1)
	}
	return b.String(), nil
}

func (k *Kind) noField(path string) error {
	var all []string
	walk(k.Fields, func(f *Field) { all = append(all, f.Path) })
	for _, f := range metaFields {
		all = append(all, f.Path)
	}
	err := fault.New(fault.NotFound, "%s has no field %s", k.Name, path).Coded("no-field")
	if near := nearest(path, all); near != "" {
		return err.WithHint("did you mean %q?", near)
	}
	return err.WithHint("binnacle explain %s lists the fields", lower(k.Name))
}

func explainEnum(b *strings.Builder, f *Field, code lang.Code) {
	if len(f.Enum) == 0 {
		return
	}
	b.WriteString("\nVALUES\n")
	for _, e := range f.Enum {
		label := ""
		if l := e.Label.In(code); l != e.Value {
			label = "  " + l
		}
		fmt.Fprintf(b, "  %s%s\n", e.Value, label)
	}
}

func (f *Field) typeName() string {
	name := string(f.Type)
	switch f.Type {
	case List:
		name = "[]" + f.Item.typeName()
	case Reference:
		name = "ref(" + strings.Join(f.Refs, "|") + ")"
	}
	if f.Required {
		name += " (required)"
	}
	return name
}

func explainFields(b *strings.Builder, fields []Field, code lang.Code, depth int) {
	for i := range fields {
		f := &fields[i]
		name := strings.Repeat("  ", depth) + f.Name
		help := f.Help.In(code)
		if help == "" {
			help = f.Label.In(code)
		}
		pad := strings.Repeat(" ", max(1, 28-utf8.RuneCountInString(name)))
		fmt.Fprintf(b, "%s%s<%s>  %s\n", name, pad, f.typeName(), help)
		if f.Item != nil {
			explainFields(b, f.Item.Fields, code, depth+1)
		}
		explainFields(b, f.Fields, code, depth+1)
	}
}
