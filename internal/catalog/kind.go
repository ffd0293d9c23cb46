package catalog

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Kind describes one kind of entity. The struct of its spec gives the fields;
// schema, form, list columns, detail, OpenAPI, explain, search and reference
// page are made from it.
type Kind struct {
	Name   string   // "Component", as in files
	Plural string   // "components", as in addresses and commands
	Short  []string // other names on the command line
	Room   string   // the room that holds it, as "strategy"; its key decides who may write
	Icon   string   // of the icon sheet, without "i-"

	Title, Titles lang.Text // what one and many are called
	Doc           lang.Text // one to three sentences: what it is for

	Versions []string // apiVersions accepted; the first is written. Default: entity.APIVersion
	Open     bool     // unknown spec fields are kept and warned of, as Backstage files need
	Personal bool     // about a person: looks by others go into the audit log
	Once     bool     // written once and never changed: another one puts right what was wrong
	Order    int      // place among the kinds of its room
	Reckoned int      // raised when the status, or what lists filter by, is computed otherwise than before: it is made anew (see Catalog.Refresh)

	Examples []string  // valid YAML, shown on the reference page and tested
	Invalid  []Invalid // wrong YAML and the error it gives, tested

	// Guard, when not nil, is asked in the transaction of every change before
	// it is written, for what the room alone does not decide.
	Guard func(*Guarded) error

	// Closed, when not nil, reports that nothing falls due of an entity any more,
	// as of a decision that another has superseded.
	Closed func(*entity.Entity) bool
	// Answers, when not nil, names who has to see to what falls due, by
	// reference. Without it, and where it names nobody, it is the owner.
	Answers func(*entity.Entity) string

	// Made by Of.
	Fields []Field
	Status []Field // of what is computed or stated
	spec   reflect.Type
	check  func(*entity.Entity, any) []fault.Problem
	derive func(*entity.Entity, any) any
	begin  func(*Look) reckoner // instead of derive: a status that follows from others too
	follow Follow
	stated bool // the status is written by SetStatus
}

// Invalid is a file that a kind refuses, and a part of the message it gets.
type Invalid struct{ YAML, Want string }

// FieldType is the type of a field, as forms and schemas need it.
type FieldType string

// The types. A List has an Item field, an Object has Fields, a Map goes from
// string to string, Any is JSON left as it is.
const (
	String    FieldType = "string"
	LongText  FieldType = "text"
	Markdown  FieldType = "markdown"
	Int       FieldType = "int"
	Number    FieldType = "number"
	Bool      FieldType = "bool"
	Date      FieldType = "date"     // 2006-01-02
	Moment    FieldType = "datetime" // RFC 3339
	URL       FieldType = "url"      // http, https or mailto
	Email     FieldType = "email"
	Reference FieldType = "ref" // [kind:][namespace/]name
	List      FieldType = "list"
	Object    FieldType = "object"
	Map       FieldType = "map"
	Any       FieldType = "any"
)

// Enum is one allowed value of a field. State, when set, is the class it is
// shown with: ok, warn, bad, info, idle.
type Enum struct {
	Value string
	State string
	Label lang.Text
}

// Field describes one field of a kind.
type Field struct {
	Path     string // from the entity's root, as "spec.owner"; of a list's item "spec.entries[].ring"
	Name     string // the JSON name
	Label    lang.Text
	Help     lang.Text
	Type     FieldType
	Item     *Field  // of a List
	Fields   []Field // of an Object
	Required bool
	Enum     []Enum   // the only values, unless Suggest
	Suggest  bool     // Enum only proposes
	Refs     []string // kinds a reference may point at, in lower case; the first is the default kind
	Relation string   // name of the relation from the holder, as "ownedBy"
	Inverse  string   // and from the other side, as "ownerOf"
	Column   int      // place among the list columns; 0: not one
	Filter   bool     // offered in the filter bar
	Search   bool     // its text is found by search
	ReadOnly bool     // shown, never asked for
	Scaled   bool     // a number on the scale of the claim that the entity bears: written with its unit and decimals
	Min, Max *float64 // of Int and Number
	Example  string
	Ejemplo  string    // the same in Spanish, where it is in words
	Due      *Deadline // somebody has to do something by the date in it; nil: it is only a date

	// Set by Folded; nil where each spelling is a value of its own.
	Fold func(string) string // values with one result are one value to filters and sorting
	Show func(string) string // how a value, or what Fold made of it, is written for people
}

// Of returns k with its fields read from the struct T, the shape of its spec.
// The tags of a field are
//
//	json:"name"                 its name; omitempty says nothing here
//	en:"Label" es:"Etiqueta"    its labels
//	help:"…" ayuda:"…"          one sentence on what belongs in it
//	type:"markdown"             when the Go type does not say it: text, markdown, date, datetime, url, email
//	req:"1"                     it must be given
//	enum:"a:ok=Yes|Sí;b=No|No"  its only values, with state and labels
//	suggest:"service,b:ok=Yes|Sí"  values proposed, written as those of enum; others allowed
//	ref:"group,user" rel:"ownedBy,ownerOf"  it points at these kinds
//	due:"Review|Revisión"       somebody has to do something by this date; with decide:, expire:, end: or meet: before it, how it matters
//	example:"…" ejemplo:"…"     what may stand in it; in Spanish only where it is in words
//	col:"2" filter:"1" search:"1" min:"0" max:"5" ro:"1" scaled:"1"
//
// check, when not nil, sees an entity whose spec already fits the schema and
// returns what is wrong beyond it. A struct that cannot be read panics: it is a
// mistake of the program, found by the first test.
func Of[T any](k Kind, check func(*entity.Entity, *T) []fault.Problem) *Kind {
	k.spec = reflect.TypeFor[T]()
	k.Fields = fieldsOf(k.spec, "spec")
	if check != nil {
		k.check = func(e *entity.Entity, spec any) []fault.Problem { return check(e, spec.(*T)) }
	}
	if len(k.Versions) == 0 {
		k.Versions = []string{entity.APIVersion}
	}
	return &k
}

// Spec decodes the spec of e into the struct of its kind.
func Spec[T any](e *entity.Entity) (T, error) {
	var v T
	if len(e.Spec) == 0 {
		return v, nil
	}
	err := json.Unmarshal(e.Spec, &v)
	if err != nil {
		err = fmt.Errorf("spec of %s: %w", e.Ref(), err)
	}
	return v, err
}

// Field returns the field at a path such as "spec.owner", or nil.
func (k *Kind) Field(path string) *Field {
	if f := findField(k.Fields, path); f != nil {
		return f
	}
	return findField(k.Status, path)
}

func findField(fields []Field, path string) *Field {
	for i := range fields {
		f := &fields[i]
		if f.Path == path {
			return f
		}
		if strings.HasPrefix(path, f.Path) {
			sub := f.Fields
			if f.Item != nil {
				sub = f.Item.Fields
				if f.Item.Path == path {
					return f.Item
				}
			}
			if got := findField(sub, path); got != nil {
				return got
			}
		}
	}
	return nil
}

// Columns returns the fields shown in lists, in order.
func (k *Kind) Columns() []Field {
	var cols []Field
	k.walk(func(f *Field) {
		if f.Column > 0 {
			cols = append(cols, *f)
		}
	})
	slices.SortStableFunc(cols, func(a, b Field) int { return a.Column - b.Column })
	return cols
}

// Filters returns the fields offered in the filter bar.
func (k *Kind) Filters() []Field {
	var out []Field
	k.walk(func(f *Field) {
		if f.Filter {
			out = append(out, *f)
		}
	})
	return out
}

// walk visits the fields of the spec, then those of the status.
func (k *Kind) walk(visit func(*Field)) {
	walk(k.Fields, visit)
	walk(k.Status, visit)
}

// walk visits the fields and those of objects, not the items of lists.
func walk(fields []Field, visit func(*Field)) {
	for i := range fields {
		visit(&fields[i])
		walk(fields[i].Fields, visit)
	}
}

// Folded says that values of a text field of k that fold makes equal are one
// value, whatever their spelling: filters take any spelling and count them
// together, and lists sort them by their place among the suggested values. show
// writes a value for people.
func Folded(k *Kind, path string, fold, show func(string) string) {
	f := k.Field(path)
	f.Fold, f.Show = fold, show
}

// EnumFor returns the entry of a value, or nil.
func (f *Field) EnumFor(value string) *Enum {
	for i := range f.Enum {
		if f.Enum[i].Value == value || f.Fold != nil && strings.EqualFold(f.Enum[i].Value, value) {
			return &f.Enum[i]
		}
	}
	return nil
}

// Key is the value that filters know a value by.
func (f *Field) Key(value string) string {
	if f.Fold == nil {
		return value
	}
	return f.Fold(value)
}

// Written is a value that is no entry of Enum, as people read it.
func (f *Field) Written(value string) string {
	if f.Show == nil {
		return value
	}
	return f.Show(value)
}

// Kinds is a set of kinds, found by any of their names.
type Kinds struct {
	list []*Kind
	by   map[string]*Kind
}

// NewKinds returns the set; two kinds with one name panic.
func NewKinds(list ...*Kind) *Kinds {
	ks := &Kinds{by: map[string]*Kind{}}
	for _, k := range list {
		ks.list = append(ks.list, k)
		names := map[string]bool{strings.ToLower(k.Name): true, strings.ToLower(k.Plural): true}
		for _, s := range k.Short {
			names[strings.ToLower(s)] = true
		}
		for n := range names {
			if ks.by[n] != nil {
				panic(fmt.Sprintf("kinds %s and %s are both called %q", ks.by[n].Name, k.Name, n))
			}
			ks.by[n] = k
		}
	}
	return ks
}

// All returns the kinds in the order they were given.
func (ks *Kinds) All() []*Kind { return ks.list }

// Get returns the kind called name (its name, plural or a short name, in any
// case), or nil.
func (ks *Kinds) Get(name string) *Kind { return ks.by[strings.ToLower(name)] }

// Find is Get with an error that proposes the nearest name.
func (ks *Kinds) Find(name string) (*Kind, error) {
	if k := ks.Get(name); k != nil {
		return k, nil
	}
	err := fault.New(fault.NotFound, "there is no kind %q", name).Coded("no-kind")
	if near := nearest(name, ks.Names()); near != "" {
		return nil, err.WithHint("did you mean %q?", near)
	}
	return nil, err.WithHint("the kinds are %s", strings.Join(ks.Names(), ", "))
}

// Names returns the names of the kinds.
func (ks *Kinds) Names() []string {
	names := make([]string, len(ks.list))
	for i, k := range ks.list {
		names[i] = k.Name
	}
	return names
}
