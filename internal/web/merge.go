package web

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// joinTrees is a three-way merge: what mine and theirs changed against base,
// together. Where both changed the same value mine stays, unless its path is
// among those that keep theirs. Paths are written as catalog writes them in
// the problems of a conflict.
func joinTrees(base, mine, theirs map[string]any, path string, keepTheirs map[string]bool) map[string]any {
	out := map[string]any{}
	keys := map[string]bool{}
	for _, t := range []map[string]any{base, mine, theirs} {
		for k := range t {
			keys[k] = true
		}
	}
	for key := range keys {
		if v := joinValue(base[key], mine[key], theirs[key], joinPath(path, key), keepTheirs); v != nil {
			out[key] = v
		}
	}
	return out
}

func joinValue(base, mine, theirs any, path string, keepTheirs map[string]bool) any {
	m, mIs := mine.(map[string]any)
	t, tIs := theirs.(map[string]any)
	if mIs && tIs {
		b, _ := base.(map[string]any)
		return joinTrees(b, m, t, path, keepTheirs)
	}
	mineChanged, theirsChanged := !sameValue(mine, base), !sameValue(theirs, base)
	if !mineChanged || theirsChanged && keepTheirs[path] {
		return theirs
	}
	return mine
}

func sameValue(a, b any) bool {
	x, y := a, b
	if n, ok := a.(json.Number); ok {
		x = n.String()
	}
	if n, ok := b.(json.Number); ok {
		y = n.String()
	}
	return reflect.DeepEqual(x, y)
}

func joinPath(path, key string) string {
	switch {
	case strings.ContainsAny(key, `.[]"/ `):
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}

// digAny is dig for paths with quoted keys, as metadata.labels["a.b/c"].
func digAny(tree map[string]any, path string) any {
	before, rest, quoted := strings.Cut(path, `["`)
	if !quoted {
		return dig(tree, path)
	}
	key, after, _ := strings.Cut(rest, `"]`)
	m, ok := dig(tree, before).(map[string]any)
	if !ok {
		return nil
	}
	if after = strings.TrimPrefix(after, "."); after == "" {
		return m[key]
	}
	sub, _ := m[key].(map[string]any)
	return digAny(sub, after)
}
