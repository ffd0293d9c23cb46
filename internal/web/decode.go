package web

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// decoder reads the fields of a kind from a form that was sent. A field the
// form does not hold keeps the value it had.
type decoder struct {
	form     url.Values
	problems []fault.Problem
}

// into sets what the form says in a tree.
func (d *decoder) into(tree map[string]any, fields []catalog.Field) {
	for i := range fields {
		f := &fields[i]
		if f.ReadOnly || !d.asked(f.Path) {
			continue
		}
		old := dig(tree, f.Path)
		put(tree, f.Path, d.value(f, f.Path, old))
	}
}

// asked reports whether the form had an input of that name. Checkboxes and
// lists say so by a marker, because they may be sent empty.
func (d *decoder) asked(name string) bool {
	return slices.Contains(d.form["fields"], name)
}

// value returns what the form says for a field; nil for nothing.
func (d *decoder) value(f *catalog.Field, name string, old any) any {
	switch f.Type {
	case catalog.List:
		return d.list(f, name, old)
	case catalog.Object:
		return d.object(f, name, old)
	case catalog.Map:
		return d.pairs(name)
	case catalog.Any:
		return d.json(name, old)
	case catalog.Bool:
		return d.boolean(name, old)
	}
	return d.scalar(f, d.form.Get(name), old)
}

// boolean leaves out what was neither set nor said.
func (d *decoder) boolean(name string, old any) any {
	if d.form.Get(name) != "" {
		return true
	}
	if old == false {
		return false
	}
	return nil
}

func (d *decoder) scalar(f *catalog.Field, s string, old any) any {
	s = unixLines(s)
	if o, ok := old.(string); ok && sameText(o, s) {
		return o
	}
	if f.Type != catalog.Markdown && f.Type != catalog.LongText {
		s = strings.TrimSpace(s)
	}
	if strings.TrimSpace(s) == "" {
		return nil
	}
	if f.Type == catalog.Int || f.Type == catalog.Number {
		return number(s, old)
	}
	return s
}

// unixLines undoes the line ends that browsers send.
func unixLines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// sameText reports whether only what a browser loses is different: line ends,
// and spaces at the ends.
func sameText(a, b string) bool {
	return strings.TrimSpace(unixLines(a)) == strings.TrimSpace(unixLines(b))
}

// number reads a number with either decimal sign; other text stays text, for
// the schema to refuse and the form to show again.
func number(s string, old any) any {
	if strings.Count(s, ",") == 1 && !strings.Contains(s, ".") {
		s = strings.Replace(s, ",", ".", 1)
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !json.Valid([]byte(s)) {
		return s
	}
	if o, ok := old.(json.Number); ok {
		if was, err := o.Float64(); err == nil && was == v {
			return o
		}
	}
	return json.Number(s)
}

func (d *decoder) list(f *catalog.Field, name string, old any) any {
	was, _ := old.([]any)
	var out []any
	switch item := f.Item; {
	case item.Type == catalog.Object:
		out = d.objects(item, name, was)
	case item.Type == catalog.List || item.Type == catalog.Map || item.Type == catalog.Any:
		return d.json(name, old)
	default:
		for i, s := range d.words(name, item) {
			var o any
			if i < len(was) {
				o = was[i]
			}
			if v := d.scalar(item, s, o); v != nil {
				out = append(out, v)
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// words are the values of a list of scalars: words between commas, lines, or
// boxes that are ticked.
func (d *decoder) words(name string, item *catalog.Field) []string {
	switch {
	case d.form.Has(name + "~lines"):
		return strings.Split(unixLines(d.form.Get(name+"~lines")), "\n")
	case len(item.Enum) > 0 && !item.Suggest:
		return d.form[name]
	}
	return strings.Split(d.form.Get(name), ",")
}

// places are the numbers of the rows under a name, in order.
func (d *decoder) places(name string) []int {
	var out []int
	for key := range d.form {
		rest, ok := strings.CutPrefix(key, name+".")
		if !ok {
			continue
		}
		first, _, _ := strings.Cut(rest, ".")
		if n, err := strconv.Atoi(first); err == nil && n >= 0 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// objects reads the rows of a list. Fields a row does not show keep the value
// of the row that was there.
func (d *decoder) objects(item *catalog.Field, name string, was []any) []any {
	var out []any
	for _, i := range d.places(name) {
		at := name + "." + strconv.Itoa(i)
		from := i
		if n, err := strconv.Atoi(d.form.Get(at + "~was")); err == nil {
			from = n
		}
		var old any
		if from >= 0 && from < len(was) && d.form.Has(at+"~was") {
			old = was[from]
		}
		if v := d.object(item, at, old); v != nil {
			out = append(out, v)
		}
	}
	return out
}

// object reads the fields of an object; nil when all are empty.
func (d *decoder) object(f *catalog.Field, name string, old any) any {
	out := map[string]any{}
	if m, ok := old.(map[string]any); ok {
		for k, v := range m {
			out[k] = v
		}
	}
	for i := range f.Fields {
		sub := &f.Fields[i]
		if sub.ReadOnly {
			continue
		}
		if v := d.value(sub, name+"."+sub.Name, out[sub.Name]); v != nil {
			out[sub.Name] = v
		} else {
			delete(out, sub.Name)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (d *decoder) pairs(name string) any {
	out := map[string]any{}
	for _, i := range d.places(name) {
		at := name + "." + strconv.Itoa(i)
		key := strings.TrimSpace(d.form.Get(at + ".key"))
		if key == "" {
			if strings.TrimSpace(d.form.Get(at+".value")) != "" {
				d.problems = append(d.problems, fault.Problem{Field: at + ".key", Code: "required", Msg: "is required"})
			}
			continue
		}
		out[key] = d.form.Get(at + ".value")
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (d *decoder) json(name string, old any) any {
	s := strings.TrimSpace(unixLines(d.form.Get(name)))
	if s == "" {
		return nil
	}
	if s == strings.TrimSpace(jsonText(old)) {
		return old
	}
	var v any
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil || dec.More() {
		msg := "it ends too late"
		if err != nil {
			msg = err.Error()
		}
		d.problems = append(d.problems, fault.Problem{Field: name, Code: "syntax", Msg: "not JSON: " + msg, Args: []string{msg}})
		return badJSON(s)
	}
	return v
}
