package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/entity"
)

// schema is a JSON Schema (2020-12).
type schema map[string]any

// schemas collects the named schemas that others refer to.
type schemas map[string]any

// namedSchema is the schema of a Go type.
type namedSchema struct {
	of reflect.Type
	schema
}

// MarshalJSON writes the schema alone.
func (n namedSchema) MarshalJSON() ([]byte, error) { return json.Marshal(n.schema) }

const refPrefix = "#/components/schemas/"

func ref(name string) schema { return schema{"$ref": refPrefix + name} }

func listOf(item schema) schema { return schema{"type": "array", "items": item} }

// of returns the schema of a Go type as encoding/json writes it. A struct is
// named and referred to. Fields are documented by their tags doc and enum
// ("a,b"); those with omitempty need not be there.
func (s schemas) of(t reflect.Type) schema {
	switch t {
	case reflect.TypeFor[time.Time]():
		return schema{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return schema{}
	case reflect.TypeFor[entity.Entity]():
		return ref("Entity")
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Struct:
		return s.named(t)
	case reflect.Slice:
		return listOf(s.of(t.Elem()))
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Float64:
		return schema{"type": "number"}
	case reflect.Interface:
		return schema{}
	}
	return schema{"type": "integer"}
}

// typed is of for the type of a value.
func (s schemas) typed(v any) schema { return s.of(reflect.TypeOf(v)) }

func (s schemas) named(t reflect.Type) schema {
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	known, there := s[name].(namedSchema)
	if there && known.of != t {
		panic(fmt.Sprintf("api: %s and %s would both be the schema %s", known.of, t, name))
	}
	if !there {
		s[name] = namedSchema{of: t} // breaks the circle of a type that holds itself
		s[name] = namedSchema{t, s.object(t)}
	}
	return ref(name)
}

func (s schemas) object(t reflect.Type) schema {
	properties, required := map[string]any{}, []string{}
	s.fields(t, properties, &required)
	out := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func (s schemas) fields(t reflect.Type, properties map[string]any, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.fields(f.Type, properties, required)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = f.Name
		}
		p := maps.Clone(s.of(f.Type))
		if doc := f.Tag.Get("doc"); doc != "" {
			p["description"] = doc
		}
		if enum := f.Tag.Get("enum"); enum != "" {
			p["enum"] = strings.Split(enum, ",")
		}
		bound(p, f.Tag.Get("min"), "min")
		bound(p, f.Tag.Get("max"), "max")
		properties[name] = p
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			*required = append(*required, name)
		}
	}
	slices.Sort(*required)
}

// bound sets the least or largest value, length or number of items, by type.
func bound(p map[string]any, value, end string) {
	n, err := strconv.Atoi(value)
	if err != nil {
		return
	}
	p[end+map[any]string{"string": "Length", "array": "Items", "integer": "imum"}[p["type"]]] = n
}
