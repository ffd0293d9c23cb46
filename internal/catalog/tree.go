package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/entity"
)

// treeOf returns an entity as the JSON tree that merges and diffs work on, its
// server-set fields left out. A nil entity is an empty tree.
func treeOf(e *entity.Entity) (map[string]any, error) {
	if e == nil {
		return map[string]any{}, nil
	}
	data, err := json.Marshal(Clean(e))
	if err != nil {
		return nil, err
	}
	return decodeTree(data)
}

// wholeTree is treeOf with the status, which only lists look at.
func wholeTree(e *entity.Entity) (map[string]any, error) {
	tree, err := treeOf(e)
	if err != nil || e == nil || len(e.Status) == 0 {
		return tree, err
	}
	tree["status"], err = decodeTree(e.Status)
	return tree, err
}

func decodeTree(data []byte) (map[string]any, error) {
	tree := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	err := d.Decode(&tree)
	return tree, err
}

func entityOf(tree map[string]any) (*entity.Entity, error) {
	data, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	var e entity.Entity
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	return &e, nil
}

// same reports whether two JSON values are equal; numbers by their text.
func same(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && maps.EqualFunc(x, y, same)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, same)
	case json.Number:
		y, ok := b.(json.Number)
		return ok && sameNumber(x, y)
	}
	return a == b
}

func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	x, errX := a.Float64()
	y, errY := b.Float64()
	return errX == nil && errY == nil && x == y
}

// clash is a field that two hands changed to different values.
type clash struct {
	path         string
	mine, theirs any
}

// merge returns theirs with what changed from base to mine; lists are taken
// whole. Where both changed the same field differently it keeps mine and
// reports a clash.
func merge(base, mine, theirs map[string]any, path string) (map[string]any, []clash) {
	out := map[string]any{}
	var clashes []clash
	for _, key := range keysOf(base, mine, theirs) {
		at := join(path, key)
		b, m, t := base[key], mine[key], theirs[key]
		mo, mIs := m.(map[string]any)
		to, tIs := t.(map[string]any)
		if mIs && tIs {
			bo, _ := b.(map[string]any)
			v, cs := merge(bo, mo, to, at)
			out[key], clashes = v, append(clashes, cs...)
			continue
		}
		v := t
		if !same(m, b) {
			v = m
			if !same(t, b) && !same(t, m) {
				clashes = append(clashes, clash{at, m, t})
			}
		}
		if v != nil {
			out[key] = v
		}
	}
	return out, clashes
}

func keysOf(trees ...map[string]any) []string {
	set := map[string]bool{}
	for _, t := range trees {
		for k := range t {
			set[k] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// join adds a key to a path; one that is not a plain word is quoted, as in
// metadata.annotations["a.b/c"].
func join(path, key string) string {
	switch {
	case strings.ContainsAny(key, `.[]"/ `):
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}

// Diff returns what changed from a to b, field by field in the order of their
// paths. A nil entity is one without fields.
func Diff(a, b *entity.Entity) []FieldChange {
	x, errX := treeOf(a)
	y, errY := treeOf(b)
	if errX != nil || errY != nil {
		return nil
	}
	return diff(x, y, "")
}

func diff(a, b map[string]any, path string) []FieldChange {
	var out []FieldChange
	for _, key := range keysOf(a, b) {
		out = append(out, diffValue(a[key], b[key], join(path, key))...)
	}
	return out
}

func diffValue(a, b any, path string) []FieldChange {
	if same(a, b) {
		return nil
	}
	x, xIs := a.(map[string]any)
	y, yIs := b.(map[string]any)
	if (xIs || a == nil) && (yIs || b == nil) && len(x)+len(y) > 0 {
		return diff(x, y, path)
	}
	if x, y, ok := objectLists(a, b); ok {
		var out []FieldChange
		for i := range max(len(x), len(y)) {
			out = append(out, diffValue(at(x, i), at(y, i), fmt.Sprintf("%s[%d]", path, i))...)
		}
		return out
	}
	return []FieldChange{{Path: path, Before: raw(a), After: raw(b)}}
}

// objectLists reports whether a and b are both lists whose items are objects.
func objectLists(a, b any) (x, y []any, ok bool) {
	x, xIs := a.([]any)
	y, yIs := b.([]any)
	if !xIs || !yIs || len(x) == 0 || len(y) == 0 {
		return nil, nil, false
	}
	isObject := func(v any) bool { _, ok := v.(map[string]any); return ok }
	return x, y, isObject(x[0]) && isObject(y[0])
}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

func raw(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return data
}

// mergePatch applies an RFC 7396 merge patch.
func mergePatch(target map[string]any, patch map[string]any) map[string]any {
	out := maps.Clone(target)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range patch {
		sub, isObject := v.(map[string]any)
		switch {
		case v == nil:
			delete(out, k)
		case isObject:
			old, _ := out[k].(map[string]any)
			out[k] = mergePatch(old, sub)
		default:
			out[k] = v
		}
	}
	return out
}

// Get returns the value of the field in e: a string, json.Number, bool, []any,
// map[string]any, or nil where it is not set.
func (f *Field) Get(e *entity.Entity) any {
	tree, err := wholeTree(e)
	if err != nil {
		return nil
	}
	return lookup(tree, f.Path)
}

func lookup(tree map[string]any, path string) any {
	var v any = tree
	for _, key := range strings.Split(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}
