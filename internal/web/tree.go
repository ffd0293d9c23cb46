package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/entity"
)

// treeOf returns an entity as the JSON tree that fields are read from.
// Numbers stay as they are written.
func treeOf(e *entity.Entity) (map[string]any, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return decodeTree(data)
}

func decodeTree(data []byte) (map[string]any, error) {
	var tree map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	return tree, nil
}

func entityOf(tree map[string]any) (*entity.Entity, error) {
	data, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	var e entity.Entity
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("entity: %w", err)
	}
	return &e, nil
}

// dig returns the value at a path such as "spec.owner"; nil when it is not
// there.
func dig(tree map[string]any, path string) any {
	var v any = tree
	for key := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

// put sets the value at a path, making the objects on the way; nil takes it
// out, and with it what is then empty.
func put(tree map[string]any, path string, v any) {
	key, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		if v == nil {
			delete(tree, key)
		} else {
			tree[key] = v
		}
		return
	}
	sub, ok := tree[key].(map[string]any)
	if !ok {
		if v == nil {
			return
		}
		sub = map[string]any{}
		tree[key] = sub
	}
	put(sub, rest, v)
	if len(sub) == 0 {
		delete(tree, key)
	}
}

// revisionOf is the number of the revision that was read.
func revisionOf(e *entity.Entity) int64 {
	n, _ := strconv.ParseInt(e.Metadata.ResourceVersion, 10, 64)
	return n
}

// titleOf is what an entity is called: its title, for a person the name in its
// profile, or its name.
func titleOf(e *entity.Entity) string {
	if e.Metadata.Title == "" {
		var s struct {
			Profile struct{ DisplayName string }
		}
		if json.Unmarshal(e.Spec, &s) == nil && strings.TrimSpace(s.Profile.DisplayName) != "" {
			return strings.TrimSpace(s.Profile.DisplayName)
		}
	}
	return e.DisplayTitle()
}
