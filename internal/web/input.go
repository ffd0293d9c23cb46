package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// input is a field of a form, ready for the template "input". Names of inputs
// are paths with the place in a list as a number: spec.endpoints.0.path.
type input struct {
	As       string // text, number, textarea, code, select, check, checks, tags, lines, rows, object, pairs
	Name, ID string
	Label    string
	Hint     string
	Error    string
	Value    string
	Type     string // of <input>
	List     string // id of its datalist
	Kinds    string // of the references it takes
	Example  string
	Required bool
	Checked  bool
	Wide     bool
	Step     string
	Min, Max string
	Options  []option
	Fields   []input // of an object
	Rows     []input // of a list: each an object of Fields
	Blank    *input  // a row that script adds
	Spare    *input  // an empty row where there is no script
	Bare     bool    // its label stands in the heading of its section
}

// DescribedBy names the elements that explain the input.
func (in input) DescribedBy() string {
	var ids []string
	if in.Hint != "" {
		ids = append(ids, in.ID+"-h")
	}
	if in.Error != "" {
		ids = append(ids, in.ID+"-e")
	}
	return strings.Join(ids, " ")
}

// place stands in names for the number of a row that script adds.
const place = "__i__"

// inputs makes the fields of a form.
type inputs struct {
	c        *Ctx
	problems map[string]fault.Problem // by the name of the input
	lists    []datalist
	empty    bool // the row being made is an empty one: what is in it needs no spare row
}

// datalist is what a field proposes: references of some kinds, or words.
type datalist struct {
	ID, Kinds string
	Options   []option
}

func inputID(name string) string { return "f-" + name }

// problemName turns the path of a problem into the name of an input.
func problemName(path string) string {
	return strings.NewReplacer("[", ".", "]", "").Replace(path)
}

func (ins *inputs) error(name string) string {
	p, ok := ins.problems[name]
	if !ok {
		return ""
	}
	text := ins.c.Problem(p)
	if hint := ins.c.ProblemHint(p); hint != "" {
		text += "; " + hint
	}
	return sentence(text)
}

// sentence gives a message its capital.
func sentence(s string) string {
	r := []rune(s)
	if len(r) == 0 {
		return s
	}
	return strings.ToUpper(string(r[0])) + string(r[1:])
}

// field makes the input of a field that holds v.
func (ins *inputs) field(f *catalog.Field, name string, v any) input {
	in := input{Name: name, ID: inputID(name), Label: ins.c.In(f.Label), Hint: ins.c.In(f.Help), Example: ins.c.In(lang.T(f.Example, f.Ejemplo)), Required: f.Required, Error: ins.error(name), As: "text", Type: "text"}
	switch f.Type {
	case catalog.List:
		ins.list(&in, f, v)
	case catalog.Object:
		in.As, in.Wide = "object", true
		in.Fields = ins.object(f, name, v)
	case catalog.Map:
		ins.pairs(&in, v)
	case catalog.Any:
		in.As, in.Wide, in.Value = "code", true, jsonText(v)
	case catalog.Bool:
		b, _ := v.(bool)
		in.As, in.Checked = "check", b
	default:
		ins.scalar(&in, f, v)
	}
	return in
}

func jsonText(v any) string {
	if v == nil {
		return ""
	}
	if s, ok := v.(badJSON); ok {
		return string(s)
	}
	return pretty(v)
}

// decimal writes a number with the decimal sign of the language; what is none
// stays as somebody wrote it.
func decimal(c lang.Code, s string) string {
	if _, err := strconv.ParseFloat(s, 64); err != nil || c != lang.Spanish {
		return s
	}
	return strings.Replace(s, ".", ",", 1)
}

func textOf(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

var inputTypes = map[catalog.FieldType]string{catalog.Date: "date", catalog.Email: "email", catalog.URL: "url"}

func (ins *inputs) scalar(in *input, f *catalog.Field, v any) {
	in.Value = textOf(v)
	switch f.Type {
	case catalog.Markdown, catalog.LongText:
		in.As, in.Wide = "textarea", true
	case catalog.Int:
		in.As, in.Step = "number", "1"
		in.Min, in.Max = bound(f.Min), bound(f.Max)
	case catalog.Number:
		in.As, in.Step = "number", "any"
		in.Min, in.Max = bound(f.Min), bound(f.Max)
		in.Value, in.Example = decimal(ins.c.Lang, in.Value), decimal(ins.c.Lang, in.Example)
	case catalog.Reference:
		in.List, in.Kinds = ins.refs(f.Refs)
	case catalog.Moment:
		in.Example = "2026-09-22T09:30:00Z"
	}
	if t := inputTypes[f.Type]; t != "" {
		in.Type = t
	}
	switch {
	case len(f.Enum) == 0:
	case f.Suggest:
		in.List = ins.words(f)
	default:
		in.As = "select"
		in.Options = ins.choices(f, []string{in.Value})
		if in.Value != "" && f.EnumFor(in.Value) == nil {
			in.Options = append(in.Options, option{Value: in.Value, Label: in.Value, On: true})
		}
	}
}

func bound(p *float64) string {
	if p == nil {
		return ""
	}
	return strconv.FormatFloat(*p, 'f', -1, 64)
}

func (ins *inputs) choices(f *catalog.Field, on []string) []option {
	var out []option
	for _, e := range f.Enum {
		out = append(out, option{Value: e.Value, Label: ins.c.In(e.Label), On: slices.Contains(on, e.Value)})
	}
	return out
}

// refs returns the datalist of references to some kinds, with the first ones
// in it; the rest comes as the reader types.
func (ins *inputs) refs(kinds []string) (id, names string) {
	if len(kinds) == 0 || kinds[0] == "*" {
		kinds = ins.c.Catalog().Kinds().Names()
		return ins.datalist("dl-any", strings.ToLower(strings.Join(kinds, ",")), nil)
	}
	var known []string
	for _, name := range kinds {
		if k := ins.c.Catalog().Kinds().Get(name); k != nil {
			known = append(known, k.Name)
		}
	}
	key := strings.ToLower(strings.Join(known, ","))
	return ins.datalist("dl-"+strings.ReplaceAll(key, ",", "-"), key, known)
}

func (ins *inputs) datalist(id, names string, kinds []string) (string, string) {
	if slices.ContainsFunc(ins.lists, func(d datalist) bool { return d.ID == id }) {
		return id, names
	}
	d := datalist{ID: id, Kinds: names}
	if len(kinds) > 0 {
		if options, err := ins.c.refOptions(kinds, ""); err == nil {
			d.Options = options
		}
	}
	ins.lists = append(ins.lists, d)
	return id, names
}

// words is the datalist of what a field suggests.
func (ins *inputs) words(f *catalog.Field) string {
	id := "dl-" + strings.NewReplacer(".", "-", "[]", "").Replace(f.Path)
	if !slices.ContainsFunc(ins.lists, func(d datalist) bool { return d.ID == id }) {
		ins.lists = append(ins.lists, datalist{ID: id, Options: ins.choices(f, nil)})
	}
	return id
}

func (ins *inputs) list(in *input, f *catalog.Field, v any) {
	items, _ := v.([]any)
	in.Wide = true
	item := f.Item
	switch {
	case item.Type == catalog.Object:
		in.As = "rows"
		in.Rows = ins.rows(f, in.Name, items)
		in.Blank = ins.emptyRow(item, in.Name+"."+place)
		if !ins.empty {
			in.Spare = ins.emptyRow(item, in.Name+"."+strconv.Itoa(len(items)))
		}
	case item.Type == catalog.List || item.Type == catalog.Map || item.Type == catalog.Any:
		in.As, in.Value = "code", jsonText(v)
	case len(item.Enum) > 0 && !item.Suggest:
		in.As, in.Options = "checks", ins.choices(item, texts(items))
	case ins.asTags(item, items):
		in.As, in.Value = "tags", strings.Join(texts(items), ", ")
		if item.Type == catalog.Reference {
			in.List, in.Kinds = ins.refs(item.Refs)
		} else if len(item.Enum) > 0 {
			in.List = ins.words(item)
		}
	default:
		in.As, in.Value = "lines", strings.Join(texts(items), "\n")
	}
	ins.itemErrors(in, len(items))
}

// emptyRow is a row without values.
func (ins *inputs) emptyRow(item *catalog.Field, at string) *input {
	before := ins.empty
	ins.empty = true
	defer func() { ins.empty = before }()
	return &input{As: "row", Name: at, Fields: ins.object(item, at, nil)}
}

// itemErrors moves what is wrong with single items to the one input they share.
func (ins *inputs) itemErrors(in *input, n int) {
	if in.As == "rows" {
		return
	}
	for i := range n {
		if e := ins.error(in.Name + "." + strconv.Itoa(i)); e != "" && in.Error == "" {
			in.Error = e
		}
	}
}

func texts(items []any) []string {
	out := make([]string, len(items))
	for i, it := range items {
		out[i] = textOf(it)
	}
	return out
}

// asTags reports whether a list can be one line of words between commas.
func (ins *inputs) asTags(item *catalog.Field, items []any) bool {
	if item.Type != catalog.String && item.Type != catalog.Reference {
		return false
	}
	return !slices.ContainsFunc(texts(items), func(s string) bool { return strings.ContainsAny(s, ",\n") })
}

func (ins *inputs) rows(f *catalog.Field, name string, items []any) []input {
	var out []input
	for i, it := range items {
		at := name + "." + strconv.Itoa(i)
		out = append(out, input{As: "row", Name: at, Error: ins.error(at), Fields: ins.object(f.Item, at, it)})
	}
	return out
}

func (ins *inputs) object(f *catalog.Field, name string, v any) []input {
	var out []input
	for i := range f.Fields {
		sub := &f.Fields[i]
		if !sub.ReadOnly {
			out = append(out, ins.field(sub, name+"."+sub.Name, member(v, sub.Name)))
		}
	}
	return out
}

func (ins *inputs) pairs(in *input, v any) {
	in.As, in.Wide = "pairs", true
	row := func(at, key, value string) input {
		return input{As: "row", Name: at, Fields: []input{
			{As: "text", Type: "text", Name: at + ".key", ID: inputID(at + ".key"), Label: ins.c.T("form.key"), Value: key},
			{As: "text", Type: "text", Name: at + ".value", ID: inputID(at + ".value"), Label: ins.c.T("form.value"), Value: value}}}
	}
	m, _ := v.(map[string]any)
	for i, key := range slices.Sorted(maps.Keys(m)) {
		in.Rows = append(in.Rows, row(in.Name+"."+strconv.Itoa(i), key, textOf(m[key])))
	}
	blank := row(in.Name+"."+place, "", "")
	in.Blank = &blank
	if !ins.empty {
		spare := row(in.Name+"."+strconv.Itoa(len(m)), "", "")
		in.Spare = &spare
	}
	for name := range ins.problems {
		if strings.HasPrefix(name, in.Name+".") && in.Error == "" {
			in.Error = ins.error(name)
		}
	}
}

// badJSON is text that a reader wrote and that is no JSON; it is shown again.
type badJSON string

// MarshalJSON writes the text as a string.
func (b badJSON) MarshalJSON() ([]byte, error) { return json.Marshal(string(b)) }
