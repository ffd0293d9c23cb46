package catalog

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// limits checks what no file could hold: a tree that comes from a form or a
// patch has not been through Decode.
func (v *validation) limits(value any, path string, depth int) {
	if depth > maxDepth {
		v.add(path, "document-depth", "a document may be %d values deep", maxDepth)
		return
	}
	switch x := value.(type) {
	case string:
		switch {
		case len(x) > maxText:
			v.add(path, "text-size", "a text may have %d bytes; this one has %d", maxText, len(x))
		case strings.ContainsRune(x, 0):
			v.add(path, "nul", "a text may not hold a NUL character")
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(x)) {
			if strings.ContainsRune(key, 0) {
				v.add(path, "nul", "a key may not hold a NUL character")
				return
			}
			v.limits(x[key], join(path, key), depth+1)
		}
	case []any:
		for i, item := range x {
			v.limits(item, path+"["+strconv.Itoa(i)+"]", depth+1)
		}
	}
}
