package web

import (
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Value is a value of a field, ready for the template "value".
type Value struct {
	As      string // which form it takes; see that template
	Text    string
	Href    string
	State   string
	Missing bool // a reference to nothing
	Number  bool
	HTML    template.HTML
	Time    time.Time
	Items   []Value
	Fields  []FieldValue
	Head    []string
	Rows    [][]Value
}

// FieldValue is a value with the label of its field.
type FieldValue struct {
	Path, Label, Help string
	Value             Value
}

// Empty reports whether there is nothing to show.
func (v Value) Empty() bool { return v.As == "" || v.As == "none" }

var none = Value{As: "none"}

// reader turns stored values into shown ones.
type reader struct {
	app    *App
	lang   lang.Code
	ns     string                 // of the entity that holds the value
	titles map[string]string      // title of each reference that exists; nil: not known
	of     *entity.Entity         // that holds the value; nil: not known
	scales map[string]claim.Scale // of numbers under claims, by identity
}

// value shows v, the value of a field.
func (r reader) value(f *catalog.Field, v any) Value {
	if v == nil {
		return none
	}
	switch f.Type {
	case catalog.List:
		return r.list(f, v)
	case catalog.Object:
		return r.object(f, v)
	case catalog.Map:
		return r.pairs(v)
	case catalog.Any:
		return Value{As: "json", Text: pretty(v)}
	case catalog.Bool:
		return r.boolean(v)
	case catalog.Int, catalog.Number:
		if text, ok := r.figure(f, v); ok {
			return Value{As: "text", Text: text, Number: true}
		}
		return Value{As: "text", Text: writer{r.app, r.lang}.num(v), Number: true}
	}
	return r.scalar(f, fmt.Sprint(v))
}

func (r reader) boolean(v any) Value {
	if b, ok := v.(bool); ok && b {
		return Value{As: "yes"}
	}
	return none
}

func (r reader) scalar(f *catalog.Field, s string) Value {
	if s == "" {
		return none
	}
	switch f.Type {
	case catalog.Reference:
		return r.ref(s, f.Refs)
	case catalog.Markdown:
		return Value{As: "html", HTML: Markdown(s), Text: s}
	case catalog.LongText:
		return Value{As: "long", Text: s}
	case catalog.URL:
		return link(s, "")
	case catalog.Email:
		return Value{As: "link", Text: s, Href: "mailto:" + s}
	case catalog.Date:
		if t, err := time.Parse(time.DateOnly, s); err == nil {
			return Value{As: "date", Time: t, Text: s}
		}
	case catalog.Moment:
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			return Value{As: "moment", Time: t.UTC(), Text: s}
		}
	}
	if _, ok := whoIn(f, s); ok {
		return r.ref(s, []string{"user"})
	}
	if e := f.EnumFor(s); e != nil {
		if e.State != "" {
			return Value{As: "state", State: e.State, Text: e.Label.In(r.lang)}
		}
		return Value{As: "text", Text: e.Label.In(r.lang)}
	}
	return Value{As: "text", Text: f.Written(s)}
}

// link shows an address by its host and path when it has no title.
func link(href, title string) Value {
	u, err := url.Parse(href)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "mailto" {
		return Value{As: "text", Text: href}
	}
	if title == "" {
		title = strings.TrimSuffix(strings.TrimPrefix(u.Host+u.Path, "www."), "/")
		if u.Scheme == "mailto" {
			title = u.Opaque
		}
	}
	return Value{As: "link", Text: title, Href: href}
}

// ref shows a reference by the title of what it names.
func (r reader) ref(s string, kinds []string) Value {
	kind := ""
	if len(kinds) > 0 {
		kind = kinds[0]
	}
	ref, err := entity.ParseRef(s, kind, r.ns)
	if err != nil {
		return Value{As: "text", Text: s}
	}
	v := Value{As: "ref", Text: ref.Name, Href: r.app.Href(ref)}
	if v.Href == "" {
		v.Text = s
		return v
	}
	if r.titles == nil {
		return v
	}
	title, ok := r.titles[ref.String()]
	if !ok {
		v.Missing, v.Text = true, ref.Name
		return v
	}
	v.Text = title
	if k := r.app.Catalog.Kinds().Get(ref.Kind); k != nil && k.Personal {
		v.As = "person"
	}
	return v
}

func (r reader) list(f *catalog.Field, v any) Value {
	items, ok := v.([]any)
	if !ok || len(items) == 0 {
		return none
	}
	switch f.Item.Type {
	case catalog.Object:
		return r.table(f, items)
	case catalog.List, catalog.Map, catalog.Any:
		return Value{As: "json", Text: pretty(v)}
	}
	out := Value{As: "list"}
	for _, it := range items {
		x := r.value(f.Item, it)
		if x.As == "text" && f.Item.Type == catalog.String {
			x.As = "tag"
		}
		if x.As == "html" || x.As == "long" || len(x.Text) > 60 {
			out.As = "lines"
		}
		out.Items = append(out.Items, x)
	}
	return out
}

// table shows a list of objects; a column that is empty in every row is left
// out.
func (r reader) table(f *catalog.Field, items []any) Value {
	var cols []*catalog.Field
	for i := range f.Item.Fields {
		sub := &f.Item.Fields[i]
		if slices.ContainsFunc(items, func(it any) bool { return member(it, sub.Name) != nil }) {
			cols = append(cols, sub)
		}
	}
	out := Value{As: "table", Text: f.Label.In(r.lang)}
	for _, c := range cols {
		out.Head = append(out.Head, c.Label.In(r.lang))
	}
	for _, it := range items {
		row := make([]Value, len(cols))
		for i, c := range cols {
			row[i] = r.value(c, member(it, c.Name))
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func member(v any, name string) any {
	m, _ := v.(map[string]any)
	return m[name]
}

func (r reader) object(f *catalog.Field, v any) Value {
	out := Value{As: "pairs"}
	for i := range f.Fields {
		sub := &f.Fields[i]
		if x := r.value(sub, member(v, sub.Name)); !x.Empty() {
			out.Fields = append(out.Fields, FieldValue{sub.Path, sub.Label.In(r.lang), sub.Help.In(r.lang), x})
		}
	}
	if len(out.Fields) == 0 {
		return none
	}
	return out
}

func (r reader) pairs(v any) Value {
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		return none
	}
	out := Value{As: "pairs"}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out.Fields = append(out.Fields, FieldValue{Path: k, Label: k, Value: Value{As: "text", Text: fmt.Sprint(m[k])}})
	}
	return out
}

func pretty(v any) string {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

// whoIn is the person in a field that the program fills in: who asked, wrote or
// decided. It names one where the account is linked to a person of the catalog.
func whoIn(f *catalog.Field, s string) (entity.Ref, bool) {
	if !f.ReadOnly || f.Type != catalog.String || !strings.HasPrefix(s, "user:") {
		return entity.Ref{}, false
	}
	ref, err := entity.ParseRef(s, "user", "")
	return ref, err == nil
}

// refsIn collects the references that the fields of e hold, in full form.
func refsIn(fields []catalog.Field, e *entity.Entity, add func(entity.Ref)) {
	for i := range fields {
		f := &fields[i]
		switch {
		case f.Type == catalog.Reference, f.Type == catalog.List && f.Item.Type == catalog.Reference, f.Type == catalog.List && f.Item.Type == catalog.Object:
			collectRefs(f, f.Get(e), e.Metadata.Namespace, add)
		case f.Type == catalog.Object:
			refsIn(f.Fields, e, add)
		case f.ReadOnly && f.Type == catalog.String:
			collectRefs(f, f.Get(e), e.Metadata.Namespace, add)
		}
	}
}

func collectRefs(f *catalog.Field, v any, ns string, add func(entity.Ref)) {
	switch x := v.(type) {
	case string:
		if f.Type == catalog.Reference && x != "" && len(f.Refs) > 0 {
			if ref, err := entity.ParseRef(x, f.Refs[0], ns); err == nil {
				add(ref)
			}
		}
		if ref, ok := whoIn(f, x); ok {
			add(ref)
		}
	case []any:
		for _, it := range x {
			collectRefs(f.Item, it, ns, add)
		}
	case map[string]any:
		for i := range f.Fields {
			collectRefs(&f.Fields[i], x[f.Fields[i].Name], ns, add)
		}
	}
}

// plain writes a stored value as one line of text, for changes and exports.
func plain(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case []any:
		parts := make([]string, len(x))
		for i, it := range x {
			parts[i] = plain(it)
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		data, _ := json.Marshal(x)
		return string(data)
	}
	return fmt.Sprint(v)
}
