package catalog

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

var rawType = reflect.TypeFor[json.RawMessage]()

// fieldsOf reads the fields of a struct, in their order.
func fieldsOf(t reflect.Type, path string) []Field {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var fields []Field
	for i := range t.NumField() {
		sf := t.Field(i)
		if sf.Anonymous {
			fields = append(fields, fieldsOf(sf.Type, path)...)
			continue
		}
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			panic(fmt.Sprintf("%s.%s: a field of a kind needs a json name", t, sf.Name))
		}
		fields = append(fields, fieldOf(sf, path+"."+name, name))
	}
	return fields
}

func fieldOf(sf reflect.StructField, path, name string) Field {
	tag := sf.Tag
	f := Field{
		Path: path, Name: name,
		Label: lang.T(tag.Get("en"), tag.Get("es")), Help: lang.T(tag.Get("help"), tag.Get("ayuda")),
		Required: tag.Get("req") == "1", Filter: tag.Get("filter") == "1", Search: tag.Get("search") == "1",
		ReadOnly: tag.Get("ro") == "1", Scaled: tag.Get("scaled") == "1", Example: tag.Get("example"), Due: parseDue(path, tag.Get("due")),
		Column: number(tag.Get("col")), Min: bound(tag.Get("min")), Max: bound(tag.Get("max")),
	}
	f.Ejemplo = tag.Get("ejemplo")
	if f.Label.En == "" || f.Label.Es == "" {
		panic(fmt.Sprintf("%s: a field needs labels in both languages (en, es)", path))
	}
	f.setType(sf.Type, FieldType(tag.Get("type")))
	leaf := &f
	if f.Type == List {
		leaf = f.Item
	}
	leaf.setChoices(tag)
	if f.Type == List {
		f.Enum, f.Suggest, f.Refs, f.Relation, f.Inverse = leaf.Enum, leaf.Suggest, leaf.Refs, leaf.Relation, leaf.Inverse
	}
	return f
}

func (f *Field) setType(t reflect.Type, given FieldType) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == rawType || t.Kind() == reflect.Interface:
		f.Type = Any
	case t.Kind() == reflect.String:
		f.Type = String
	case t.Kind() == reflect.Bool:
		f.Type = Bool
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		f.Type = Int
	case t.Kind() == reflect.Float64:
		f.Type = Number
	case t.Kind() == reflect.Map:
		f.Type = Map
	case t.Kind() == reflect.Struct:
		f.Type, f.Fields = Object, fieldsOf(t, f.Path)
	case t.Kind() == reflect.Slice:
		f.Type, f.Item = List, &Field{Path: f.Path + "[]", Label: f.Label, Help: f.Help}
		f.Item.setType(t.Elem(), given)
		return
	default:
		panic(fmt.Sprintf("%s: a field cannot be a %s", f.Path, t))
	}
	if given != "" {
		f.Type = given
	}
}

func (f *Field) setChoices(tag reflect.StructTag) {
	if s := tag.Get("ref"); s != "" {
		f.Type, f.Refs = Reference, strings.Split(s, ",")
		var ok bool
		if f.Relation, f.Inverse, ok = strings.Cut(tag.Get("rel"), ","); !ok {
			panic(f.Path + `: a reference needs rel:"relation,inverse"`)
		}
	}
	for _, s := range split(tag.Get("enum"), ";") {
		f.Enum = append(f.Enum, parseEnum(s))
	}
	for _, s := range split(tag.Get("suggest"), ",") {
		f.Suggest = true
		f.Enum = append(f.Enum, parseEnum(s))
	}
}

// parseEnum reads value[:state][=English|Español].
func parseEnum(s string) Enum {
	value, labels, ok := strings.Cut(s, "=")
	value, state, _ := strings.Cut(value, ":")
	en, es, _ := strings.Cut(labels, "|")
	if !ok {
		en, es = value, value
	}
	return Enum{Value: value, State: state, Label: lang.T(en, es)}
}

func split(s, sep string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, sep)
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func bound(s string) *float64 {
	if s == "" {
		return nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(err)
	}
	return &v
}

// envelope is the shape of metadata, read the same way as a spec.
type envelope struct {
	Name        string            `json:"name" en:"Name" es:"Nombre" req:"1" help:"Short and lasting: letters, digits, - _ and ." ayuda:"Corto y duradero: letras, cifras, - _ y ."`
	Namespace   string            `json:"namespace" en:"Namespace" es:"Espacio" help:"Left empty for the default one." ayuda:"Vacío para el predeterminado."`
	Title       string            `json:"title" en:"Title" es:"Título" help:"What people call it." ayuda:"Cómo lo llama la gente."`
	Description string            `json:"description" en:"Description" es:"Descripción" type:"markdown" help:"One or two sentences; Markdown." ayuda:"Una o dos frases; Markdown."`
	Owner       string            `json:"owner" en:"Owner" es:"Responsable" ref:"group,user" rel:"ownedBy,ownerOf" help:"The group or person who answers for it." ayuda:"El grupo o la persona que responde de ello."`
	Tags        []string          `json:"tags" en:"Tags" es:"Etiquetas" help:"Words to find it by." ayuda:"Palabras para encontrarlo."`
	Labels      map[string]string `json:"labels" en:"Labels" es:"Rótulos" help:"key=value pairs that filters and files use." ayuda:"Pares clave=valor que usan filtros y ficheros."`
	Annotations map[string]string `json:"annotations" en:"Annotations" es:"Anotaciones" help:"What other tools attached to it." ayuda:"Lo que otras herramientas le anotaron."`
	Links       []link            `json:"links" en:"Links" es:"Enlaces"`
}

type link struct {
	URL   string `json:"url" en:"Address" es:"Dirección" type:"url" req:"1"`
	Title string `json:"title" en:"Title" es:"Título"`
	Icon  string `json:"icon" en:"Icon" es:"Icono"`
	Type  string `json:"type" en:"Type" es:"Tipo"`
}

// MetadataFields returns the fields every kind shares, with paths from
// "metadata.name" on.
func MetadataFields() []Field { return fieldsOf(reflect.TypeFor[envelope](), "metadata") }

// ownerOf returns the reference of who answers for e: metadata.owner, or the
// field spec.owner that Backstage's kinds have.
func ownerOf(e *entity.Entity) string {
	if e.Metadata.Owner != "" {
		return e.Metadata.Owner
	}
	var s struct {
		Owner string `json:"owner"`
	}
	if json.Unmarshal(e.Spec, &s) != nil {
		return ""
	}
	return s.Owner
}
