package catalog

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/entity"
)

// EncodeYAML writes entities as YAML documents the way a person would: cleaned
// of what the server sets, fields in the order of their kind, long texts as
// blocks.
func (ks *Kinds) EncodeYAML(w io.Writer, es ...*entity.Entity) error {
	for i, e := range es {
		node, err := ks.yamlNode(e)
		if err != nil {
			return err
		}
		if i > 0 {
			if _, err := io.WriteString(w, "---\n"); err != nil {
				return err
			}
		}
		enc := yaml.NewEncoder(w)
		enc.SetIndent(2)
		if err := enc.Encode(node); err != nil {
			return fmt.Errorf("write %s as YAML: %w", e.Ref(), err)
		}
		if err := enc.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (ks *Kinds) yamlNode(e *entity.Entity) (*yaml.Node, error) {
	tree, err := treeOf(e)
	if err != nil {
		return nil, err
	}
	var fields []Field
	if k := ks.Get(e.Kind); k != nil {
		if fields = k.Fields; k.Open {
			unkeep(tree)
		}
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	put(root, "apiVersion", scalar(e.APIVersion))
	put(root, "kind", scalar(e.Kind))
	put(root, "metadata", orderedNode(tree["metadata"], metaFields))
	if tree["spec"] != nil {
		put(root, "spec", orderedNode(tree["spec"], fields))
	}
	for _, key := range keysOf(tree) {
		if !slices.Contains(rootKeys, key) {
			put(root, key, orderedNode(tree[key], nil))
		}
	}
	return root, nil
}

func put(m *yaml.Node, key string, v *yaml.Node) { m.Content = append(m.Content, scalar(key), v) }

func scalar(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strings.Contains(s, "\n") && !strings.Contains(s, "\r") {
		n.Style = yaml.LiteralStyle
	}
	return n
}

// orderedNode writes a JSON value with the keys of objects in the order of the
// fields, unknown ones after them by name.
func orderedNode(v any, fields []Field) *yaml.Node {
	switch x := v.(type) {
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode}
		done := map[string]bool{}
		for i := range fields {
			if val, ok := x[fields[i].Name]; ok {
				done[fields[i].Name] = true
				put(n, fields[i].Name, orderedNode(val, fields[i].inner()))
			}
		}
		for _, key := range keysOf(x) {
			if !done[key] {
				put(n, key, orderedNode(x[key], nil))
			}
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range x {
			n.Content = append(n.Content, orderedNode(item, fields))
		}
		return n
	case string:
		return scalar(x)
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(x.String(), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: x.String()}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(x)}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}

// inner returns the fields of an object or of a list's items.
func (f *Field) inner() []Field {
	if f.Item != nil {
		return f.Item.Fields
	}
	return f.Fields
}
