// Package strict reads YAML of known form. What a document has beyond that form
// is reported with its line and, when a known name is near, that name; nothing
// is passed over.
package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Problem is something in a document that cannot be taken as it is written.
type Problem struct {
	Line int // from 1; 0 is the document as a whole
	Text string
}

// Reader collects the problems of one document.
type Reader struct{ Problems []Problem }

// Report adds a problem at a line.
func (r *Reader) Report(line int, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{line, fmt.Sprintf(format, args...)})
}

// maxNodes bounds what aliases may grow a document to.
const maxNodes = 200_000

// Parse returns the map that a file of one document is, its aliases written
// out, or nil when it is none.
func (r *Reader) Parse(data []byte, what string) *Map {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			r.Report(0, "the file is empty; it must hold %s", what)
		} else {
			r.Report(0, "this is no YAML: %v", err)
		}
		return nil
	}
	if err := dec.Decode(&more); err == nil {
		r.Report(more.Line, "the file must hold one document; write each %s into a file of its own", what)
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.Report(0, "this is no YAML: %v", err)
		return nil
	}
	left := maxNodes
	root, err := expand(&doc, map[*yaml.Node]bool{}, &left)
	if err != nil {
		r.Report(0, "%v", err)
		return nil
	}
	if len(root.Content) == 0 {
		r.Report(0, "the file is empty; it must hold %s", what)
		return nil
	}
	return r.Map(root.Content[0], what)
}

// expand copies a node with its aliases written out.
func expand(n *yaml.Node, above map[*yaml.Node]bool, left *int) (*yaml.Node, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if above[n] {
		return nil, fmt.Errorf("line %d: the anchor %q contains itself", n.Line, n.Anchor)
	}
	if *left--; *left < 0 {
		return nil, fmt.Errorf("the aliases make the document too large; write out fewer of them")
	}
	above[n] = true
	defer delete(above, n)
	c := *n
	c.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		var err error
		if c.Content[i], err = expand(child, above, left); err != nil {
			return nil, err
		}
	}
	return &c, nil
}

// Map is a map whose keys are asked for one by one.
type Map struct {
	*Reader
	Line  int
	what  string
	keys  []*yaml.Node // in the order of the file
	value map[string]*yaml.Node
	asked []string
}

// Map takes a node as a map; what names it in problems. It returns nil when it
// is none. The key null, however written, is "".
func (r *Reader) Map(n *yaml.Node, what string) *Map {
	if n.Kind != yaml.MappingNode {
		r.Report(n.Line, "%s must be a map of names to values", what)
		return nil
	}
	m := &Map{Reader: r, Line: n.Line, what: what, value: map[string]*yaml.Node{}}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Tag == "!!null" {
			key.Value = ""
		}
		if key.Kind != yaml.ScalarNode {
			r.Report(key.Line, "a name in %s must be a plain text", what)
			continue
		}
		if _, twice := m.value[key.Value]; twice {
			r.Report(key.Line, "%q is there twice in %s; keep one", key.Value, what)
			continue
		}
		m.keys = append(m.keys, key)
		m.value[key.Value] = n.Content[i+1]
	}
	return m
}

// Keys returns the names of the map in the order of the file.
func (m *Map) Keys() []string {
	keys := make([]string, len(m.keys))
	for i, key := range m.keys {
		keys[i] = key.Value
	}
	return keys
}

// Node returns the value of a key, or nil when the map lacks it.
func (m *Map) Node(key string) *yaml.Node {
	m.asked = append(m.asked, key)
	return m.value[key]
}

// Has reports whether the map has a key.
func (m *Map) Has(key string) bool { return m.Node(key) != nil }

// Need reports a key that is not there.
func (m *Map) Need(keys ...string) bool {
	whole := true
	for _, key := range keys {
		if !m.Has(key) {
			m.Report(m.Line, "%s needs %q", m.what, key)
			whole = false
		}
	}
	return whole
}

// LineOf returns the line of a key's value, or the map's own.
func (m *Map) LineOf(key string) int {
	if n := m.value[key]; n != nil {
		return n.Line
	}
	return m.Line
}

// Text returns the text of a key; "" when the map lacks it.
func (m *Map) Text(key string) string {
	n := m.Node(key)
	if n == nil {
		return ""
	}
	return m.text(n, key)
}

func (m *Map) text(n *yaml.Node, key string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		m.Report(n.Line, "%q must be a text", key)
		return ""
	}
	return n.Value
}

// Texts returns the texts of a key that is a text or a list of them.
func (m *Map) Texts(key string) []string {
	n := m.Node(key)
	switch {
	case n == nil:
		return nil
	case n.Kind != yaml.SequenceNode:
		return []string{m.text(n, key)}
	}
	texts := make([]string, len(n.Content))
	for i, c := range n.Content {
		texts[i] = m.text(c, key)
	}
	return texts
}

// List returns the members of a key that is a list.
func (m *Map) List(key string) []*yaml.Node {
	n := m.Node(key)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		m.Report(n.Line, "%q must be a list", key)
		return nil
	}
	return n.Content
}

// Sub returns the map that a key holds, or nil when the map lacks it.
func (m *Map) Sub(key string) *Map {
	n := m.Node(key)
	if n == nil {
		return nil
	}
	return m.Map(n, fmt.Sprintf("%q", key))
}

// Bool returns the truth value of a key, or fallback when the map lacks it.
func (m *Map) Bool(key string, fallback bool) bool {
	n := m.Node(key)
	if n == nil {
		return fallback
	}
	b := fallback
	if n.Tag != "!!bool" || n.Decode(&b) != nil {
		m.Report(n.Line, "%q must be true or false", key)
	}
	return b
}

// Any returns the value of a key as YAML understands it.
func (m *Map) Any(key string) any {
	n := m.Node(key)
	if n == nil {
		return nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		m.Report(n.Line, "%q cannot be read: %v", key, err)
	}
	return v
}

// Int returns the whole number of a key, or fallback when the map lacks it.
func (m *Map) Int(key string, fallback int) int {
	n := m.Node(key)
	if n == nil {
		return fallback
	}
	i := fallback
	if n.Tag != "!!int" || n.Decode(&i) != nil {
		m.Report(n.Line, "%q must be a whole number", key)
	}
	return i
}

// OneOf returns the text of a key, which must be one of the given ones; the
// first is taken when the map lacks it.
func (m *Map) OneOf(key string, of ...string) string {
	n := m.Node(key)
	if n == nil {
		return of[0]
	}
	if !slices.Contains(of, n.Value) || n.Kind != yaml.ScalarNode {
		m.Report(n.Line, "%q must be one of %s%s", key, strings.Join(of, ", "), Near(n.Value, of))
		return of[0]
	}
	return n.Value
}

// Done reports the keys that nobody asked for.
func (m *Map) Done() {
	for _, key := range m.keys {
		if !slices.Contains(m.asked, key.Value) {
			m.Report(key.Line, "%s does not know %q%s", m.what, key.Value, Near(key.Value, m.asked))
		}
	}
}

// Near returns "; did you mean …?" when a known name is close to one, else "".
func Near(name string, known []string) string {
	if best := Nearest(name, known); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return ""
}

// Nearest returns the known name that a misspelt one was likely meant to be,
// or "".
func Nearest(name string, known []string) string {
	best, far := "", len(name)/2+1
	if len(name) > 200 {
		return ""
	}
	for _, k := range known {
		if d := distance(strings.ToLower(name), k); d < far {
			best, far = k, d
		}
	}
	return best
}

// distance counts the letters to change, add or take between two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Name says what the map is in problems, when that is known only after a look
// at it.
func (m *Map) Name(what string) { m.what = what }

// Free says that all keys of the map are known, as those of a map of names. It
// may be nil.
func (m *Map) Free() {
	if m != nil {
		m.asked = append(m.asked, m.Keys()...)
	}
}
