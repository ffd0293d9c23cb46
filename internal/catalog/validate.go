package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/mail"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// validation checks one document and collects everything wrong with it.
type validation struct {
	kinds    *Kinds
	kind     *Kind
	ns       string
	file     string
	line     int
	ref      string
	lines    map[string][2]int
	problems []fault.Problem
	warnings []Warning
}

func (v *validation) place(path string) (line, column int) {
	for {
		if at, ok := v.lines[path]; ok {
			return at[0], at[1]
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			return v.line, 0
		}
		path = path[:i]
	}
}

func (v *validation) add(path, code, format string, args ...any) *fault.Problem {
	line, col := v.place(path)
	p := fault.Problem{File: v.file, Line: line, Column: col, Ref: v.ref, Field: path, Code: code, Msg: fmt.Sprintf(format, args...)}
	for _, a := range args {
		p.Args = append(p.Args, fmt.Sprint(a))
	}
	v.problems = append(v.problems, p)
	return &v.problems[len(v.problems)-1]
}

func (v *validation) warn(path, code, format string, args ...any) *Warning {
	line, _ := v.place(path)
	w := Warning{File: v.file, Line: line, Ref: v.ref, Field: path, Code: code, Msg: fmt.Sprintf(format, args...)}
	for _, a := range args {
		w.Args = append(w.Args, fmt.Sprint(a))
	}
	v.warnings = append(v.warnings, w)
	return &v.warnings[len(v.warnings)-1]
}

func didYouMean(near string) string { return fmt.Sprintf("did you mean %q?", near) }

var (
	rootKeys   = []string{"apiVersion", "kind", "metadata", "spec", "status"}
	serverKeys = []string{"uid", "resourceVersion", "created", "updated", "etag", "generation"}
	metaFields = MetadataFields()
)

// entity checks the whole document and returns it as an entity; nil when its
// kind is unknown. The result holds only what fits the kind.
func (v *validation) entity(root map[string]any) *entity.Entity {
	kind, _ := root["kind"].(string)
	version, _ := root["apiVersion"].(string)
	meta, _ := root["metadata"].(map[string]any)
	if name, ok := meta["name"].(string); ok && kind != "" {
		ns, _ := meta["namespace"].(string)
		v.ref = entity.NewRef(kind, ns, name).Short()
	}
	if !v.setKind(kind, version) {
		return nil
	}
	if v.kind.Open {
		v.keep(root, meta)
	} else {
		v.unknown(root, rootKeys, "", false)
	}
	v.metadata(root["metadata"])
	v.ns, _ = meta["namespace"].(string)
	before := len(v.problems)
	spec := v.object(orEmpty(root["spec"]), v.kind.Fields, "spec", v.kind.Open)
	e, err := entityOf(map[string]any{"apiVersion": v.kind.Versions[0], "kind": v.kind.Name, "metadata": v.cleanMeta(meta), "spec": spec})
	if err != nil {
		v.add("spec", "syntax", "cannot be kept: %v", err)
		return nil
	}
	if slices.Contains(v.kind.Versions, version) {
		e.APIVersion = version
	}
	if len(v.problems) == before {
		v.decodeSpec(e)
	}
	return e
}

func orEmpty(v any) any {
	if v == nil {
		return map[string]any{}
	}
	return v
}

func (v *validation) setKind(kind, version string) bool {
	if kind == "" {
		v.add("kind", "required", "is required")
		return false
	}
	k := v.kinds.Get(kind)
	if k == nil || k.Name != kind {
		p := v.add("kind", "unknown-kind", "there is no kind %q", kind)
		if near := nearest(kind, v.kinds.Names()); near != "" {
			p.Hint = didYouMean(near)
		}
		return false
	}
	v.kind = k
	if !slices.Contains(k.Versions, version) {
		p := v.add("apiVersion", "api-version", "must be %s for a %s", strings.Join(k.Versions, " or "), k.Name)
		if version != "" {
			p.Hint = fmt.Sprintf("it is %q", version)
		}
	}
	return true
}

// decodeSpec lets the struct and the kind's own check see a spec that fits the
// schema, and sets the derived status.
func (v *validation) decodeSpec(e *entity.Entity) {
	spec := reflect.New(v.kind.spec).Interface()
	if err := json.Unmarshal(e.Spec, spec); err != nil {
		v.add("spec", "unfit", "does not fit: %v", err)
		return
	}
	if v.kind.check != nil {
		for _, p := range v.kind.check(e, spec) {
			p.File, p.Ref = v.file, v.ref
			p.Line, p.Column = v.place(p.Field)
			v.problems = append(v.problems, p)
		}
	}
	if v.kind.derive != nil {
		if s := v.kind.derive(e, spec); s != nil {
			e.Status = raw(s)
		}
	}
}

func (v *validation) metadata(value any) {
	meta, ok := value.(map[string]any)
	if !ok {
		v.add("metadata", "metadata", "is required, with at least a name")
		return
	}
	known := append(names(metaFields), serverKeys...)
	if !v.kind.Open {
		v.unknown(meta, known, "metadata", false)
	}
	v.object(only(meta, names(metaFields)), metaFields, "metadata", true)
	for _, key := range []string{"name", "namespace"} {
		if s, ok := meta[key].(string); ok && s != "" && !entity.ValidName(s) {
			v.add("metadata."+key, "name", "%q cannot be a name: use 1 to 128 letters, digits, - _ and ., beginning and ending with a letter or digit", s)
		}
	}
}

// cleanMeta keeps what metadata may hold; the rest has been reported.
func (v *validation) cleanMeta(meta map[string]any) map[string]any {
	out := only(meta, names(metaFields))
	if out["namespace"] == entity.DefaultNamespace {
		delete(out, "namespace")
	}
	clean, _ := prune(out).(map[string]any)
	return clean
}

func names(fields []Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

func only(m map[string]any, keys []string) map[string]any {
	out := map[string]any{}
	for _, k := range keys {
		if val, ok := m[k]; ok {
			out[k] = val
		}
	}
	return out
}

// prune drops nulls, empty texts, lists and objects, so that "not given" has
// one form.
func prune(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, val := range x {
			if p := prune(val); p == nil {
				delete(x, k)
			} else {
				x[k] = p
			}
		}
		if len(x) == 0 {
			return nil
		}
	case []any:
		if len(x) == 0 {
			return nil
		}
	case string:
		if x == "" {
			return nil
		}
	}
	return v
}

// unknown tells of the keys of an object that are not known: where the kind is
// open they are kept, else each is an error.
func (v *validation) unknown(m map[string]any, known []string, path string, open bool) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		switch at := join(path, key); {
		case slices.Contains(known, key):
		case open:
			v.noteKept(at, key, known)
		default:
			p := v.add(at, "unknown-field", "there is no field %q here", key)
			if p.Hint = "the fields are " + strings.Join(known, ", "); nearest(key, known) != "" {
				p.Hint = didYouMean(nearest(key, known))
			}
		}
	}
}

// object checks a JSON object against fields and returns it pruned; unknown
// fields stay when open.
func (v *validation) object(value any, fields []Field, path string, open bool) any {
	m, ok := value.(map[string]any)
	if !ok {
		v.typeProblem(path, "an object", value)
		return nil
	}
	if path != "metadata" && !(open && strings.HasPrefix(path, "metadata.")) {
		v.unknown(m, names(fields), path, open)
	}
	out := maps.Clone(m)
	for i := range fields {
		f := &fields[i]
		at := join(path, f.Name)
		val := prune(m[f.Name])
		if val == nil {
			delete(out, f.Name)
			if f.Required {
				v.add(at, "required", "is required")
			}
			continue
		}
		out[f.Name] = v.value(val, f, at, open)
	}
	return out
}

var typeNames = map[FieldType]string{
	Int: "a whole number", Number: "a number", Bool: "true or false", List: "a list", Object: "an object",
	Map: "an object of texts",
}

func (v *validation) typeProblem(path, want string, got any) {
	p := v.add(path, "type", "must be %s, not %s", want, describe(got))
	switch n := got.(type) {
	case json.Number:
		p.Hint = fmt.Sprintf("write it in quotes: \"%s\"", n)
	case bool:
		p.Hint = fmt.Sprintf("write it in quotes: \"%t\"", n)
	}
	if want != "a text" {
		p.Hint = ""
	}
}

func describe(v any) string {
	switch x := v.(type) {
	case string:
		return fmt.Sprintf("the text %.40q", x)
	case json.Number:
		return "the number " + x.String()
	case bool:
		return fmt.Sprint(x)
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "nothing"
}

// value checks one value and returns it in the form it is kept.
func (v *validation) value(val any, f *Field, path string, open bool) any {
	switch f.Type {
	case Any:
		return val
	case Bool:
		if _, ok := val.(bool); !ok {
			v.typeProblem(path, typeNames[Bool], val)
		}
		return val
	case Int, Number:
		return v.numeric(val, f, path)
	case List:
		return v.list(val, f, path, open)
	case Object:
		return v.object(val, f.Fields, path, open)
	case Map:
		return v.stringMap(val, path)
	}
	s, ok := val.(string)
	if !ok {
		v.typeProblem(path, "a text", val)
		return val
	}
	return v.text(s, f, path)
}

func (v *validation) numeric(val any, f *Field, path string) any {
	n, ok := val.(json.Number)
	if _, err := n.Int64(); !ok || f.Type == Int && err != nil {
		v.typeProblem(path, typeNames[f.Type], val)
		return val
	}
	x, err := n.Float64()
	if err != nil {
		v.typeProblem(path, typeNames[f.Type], val)
		return val
	}
	if f.Min != nil && x < *f.Min {
		v.add(path, "min", "must be at least %v", *f.Min)
	}
	if f.Max != nil && x > *f.Max {
		v.add(path, "max", "must be at most %v", *f.Max)
	}
	return val
}

func (v *validation) list(val any, f *Field, path string, open bool) any {
	items, ok := val.([]any)
	if !ok {
		v.typeProblem(path, "a list", val)
		return val
	}
	out := make([]any, 0, len(items))
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item == nil {
			v.add(at, "empty-item", "is empty")
			continue
		}
		out = append(out, v.value(item, f.Item, at, open))
	}
	return out
}

func (v *validation) stringMap(val any, path string) any {
	m, ok := val.(map[string]any)
	if !ok {
		v.typeProblem(path, typeNames[Map], val)
		return val
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if strings.TrimSpace(key) == "" || len(key) > 253 {
			v.add(join(path, key), "key", "a key needs 1 to 253 characters")
		}
		if _, ok := m[key].(string); !ok && m[key] != nil {
			v.typeProblem(join(path, key), "a text", m[key])
		}
	}
	return val
}

func (v *validation) text(s string, f *Field, path string) any {
	if len(f.Enum) > 0 && !f.Suggest && f.EnumFor(s) == nil {
		v.enum(s, f, path)
		return s
	}
	switch f.Type {
	case Reference:
		return v.reference(s, f, path)
	case Date:
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			if t, err := time.Parse(time.RFC3339, s); err == nil {
				return t.Format(time.DateOnly)
			}
			v.add(path, "date", "%q is not a day: write it as 2026-02-28", s)
		}
	case Moment:
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			v.add(path, "datetime", "%q is not a moment: write it as 2026-02-28T09:30:00Z", s)
		}
	case URL:
		if !validURL(s) && !v.kind.Open {
			v.add(path, "url", "%q is not an address: it must begin with https://, http:// or mailto:", s)
		}
	case Email:
		if a, err := mail.ParseAddress(s); (err != nil || a.Address != s) && !v.kind.Open {
			v.add(path, "email", "%q is not an e-mail address", s)
		}
	}
	return s
}

var safeScheme = regexp.MustCompile(`^(https?|mailto|tel|ssh|git|slack|irc)$`)

// validURL reports whether s is an absolute address with a scheme that is safe
// to show as a link.
func validURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && safeScheme.MatchString(u.Scheme) && (u.Host != "" || u.Opaque != "" || u.Path != "")
}

func (v *validation) enum(s string, f *Field, path string) {
	var values []string
	for _, e := range f.Enum {
		values = append(values, e.Value)
	}
	p := v.add(path, "enum", "%q is not one of %s", s, strings.Join(values, ", "))
	if near := nearest(s, values); near != "" {
		p.Hint = didYouMean(near)
	}
}

// backstageRef is what Backstage takes for a reference: more than a name of ours
// can be, as an e-mail address.
var backstageRef = regexp.MustCompile(`^([^:/]+:)?([^:/]+/)?[^:/]+$`)

// reference checks a typed reference. In Backstage's files one to a kind the
// field does not expect, or to a name that cannot exist here, is kept with a
// warning.
func (v *validation) reference(s string, f *Field, path string) any {
	ref, err := v.resolve(s, f)
	if err != nil && v.kind.Open && backstageRef.MatchString(s) {
		v.warn(path, "odd-reference", "%q cannot be the name of a %s; kept as it is, without a relation", s, f.Refs[0])
		return s
	}
	if err != nil {
		v.add(path, "reference", "%q is not a reference: write [kind:][namespace/]name, as %s:%s", s, f.Refs[0], "name")
		return s
	}
	if f.Refs[0] != "*" && !slices.Contains(f.Refs, ref.Kind) {
		if v.kind.Open {
			v.warn(path, "odd-kind", "%q points at a %s; expected is %s", s, ref.Kind, strings.Join(f.Refs, " or "))
			return s
		}
		v.add(path, "reference-kind", "%q points at a %s; it must be a %s", s, ref.Kind, strings.Join(f.Refs, " or "))
	}
	return s
}

func (v *validation) resolve(s string, f *Field) (entity.Ref, error) {
	kind := f.Refs[0]
	if kind == "*" {
		kind = ""
	}
	return entity.ParseRef(s, kind, v.ns)
}
