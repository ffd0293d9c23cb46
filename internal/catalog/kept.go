package catalog

import (
	"maps"
	"slices"
)

// KeptAnnotation holds what a file of an open kind says outside the fields that
// Binnacle knows: keys beside apiVersion, kind, metadata and spec, keys of
// metadata, and keys of its links. Its value is a JSON object:
//
//	{"root": {key: value}, "metadata": {key: value}, "links": {address: {key: value}}}
//
// YAML is written with them in their places, so that a file comes back as it
// was; in JSON the annotation stands. Unknown fields of spec stay in spec.
const KeptAnnotation = "binnacle.dev/kept"

// kept is the value of KeptAnnotation.
type kept struct {
	Root     map[string]any            `json:"root,omitempty"`
	Metadata map[string]any            `json:"metadata,omitempty"`
	Links    map[string]map[string]any `json:"links,omitempty"`
}

// keptIn reads the annotation in metadata; false when there is none, or it is
// not of its form.
func keptIn(meta map[string]any) (kept, bool) {
	annotations, _ := meta["annotations"].(map[string]any)
	text, ok := annotations[KeptAnnotation].(string)
	if !ok {
		return kept{}, false
	}
	tree, err := decodeTree([]byte(text))
	if err != nil {
		return kept{}, false
	}
	k := kept{Links: map[string]map[string]any{}}
	k.Root, _ = tree["root"].(map[string]any)
	k.Metadata, _ = tree["metadata"].(map[string]any)
	links, _ := tree["links"].(map[string]any)
	for address, v := range links {
		if m, ok := v.(map[string]any); ok {
			k.Links[address] = m
		}
	}
	return k, true
}

// keep moves what is unknown in a document into the annotation, over what that
// holds already, and tells of each key.
func (v *validation) keep(root, meta map[string]any) {
	found := kept{
		Root:     v.odd(root, append(slices.Clone(rootKeys), "relations"), ""),
		Metadata: v.odd(meta, append(names(metaFields), serverKeys...), "metadata"),
		Links:    v.oddLinks(meta),
	}
	annotations, ok := meta["annotations"].(map[string]any)
	if len(found.Root)+len(found.Metadata)+len(found.Links) == 0 || meta == nil || !ok && meta["annotations"] != nil {
		return
	}
	before, _ := keptIn(meta)
	all := kept{Root: union(before.Root, found.Root), Metadata: union(before.Metadata, found.Metadata), Links: union(before.Links, found.Links)}
	meta["annotations"] = union(annotations, map[string]any{KeptAnnotation: string(raw(all))})
}

func union[V any](a, b map[string]V) map[string]V {
	out := map[string]V{}
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

// odd returns the keys of an object that are not known, and tells of them.
func (v *validation) odd(m map[string]any, known []string, path string) map[string]any {
	out := map[string]any{}
	for key, val := range m {
		if !slices.Contains(known, key) {
			out[key] = val
		}
	}
	for _, key := range slices.Sorted(maps.Keys(out)) {
		v.noteKept(join(path, key), key, known)
	}
	return out
}

// noteKept tells that a field is not known and kept.
func (v *validation) noteKept(path, key string, known []string) {
	w := v.warn(path, "kept", "not a field of %s; kept as it is", v.kind.Name)
	w.Note = true
	if near := nearest(key, known); near != "" {
		w.Hint = didYouMean(near)
	}
}

func (v *validation) oddLinks(meta map[string]any) map[string]map[string]any {
	out := map[string]map[string]any{}
	links, _ := meta["links"].([]any)
	for _, item := range links {
		link, _ := item.(map[string]any)
		address, _ := link["url"].(string)
		if found := v.odd(link, linkKeys, "metadata.links"); len(found) > 0 && address != "" {
			out[address] = found
		}
	}
	return out
}

var linkKeys = names(metaField("links").Item.Fields)

func metaField(name string) *Field {
	return &metaFields[slices.IndexFunc(metaFields, func(f Field) bool { return f.Name == name })]
}

// unkeep puts what KeptAnnotation holds back into its places in a tree, over
// nothing that is there.
func unkeep(tree map[string]any) {
	meta, _ := tree["metadata"].(map[string]any)
	k, ok := keptIn(meta)
	if !ok {
		return
	}
	annotations := meta["annotations"].(map[string]any)
	if delete(annotations, KeptAnnotation); len(annotations) == 0 {
		delete(meta, "annotations")
	}
	fill(tree, k.Root, rootKeys)
	fill(meta, k.Metadata, append(names(metaFields), serverKeys...))
	links, _ := meta["links"].([]any)
	for _, item := range links {
		if link, ok := item.(map[string]any); ok {
			address, _ := link["url"].(string)
			fill(link, k.Links[address], linkKeys)
		}
	}
}

// fill adds keys to an object, but none of those that are known.
func fill(to, from map[string]any, known []string) {
	for key, val := range from {
		if !slices.Contains(known, key) {
			to[key] = val
		}
	}
}
