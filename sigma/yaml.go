package sigma

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	maxFile      = 16 << 20
	maxDocuments = 20000
	maxDepth     = 24
	maxNodes     = 200000 // of one document, aliases written out
)

// reader reads the YAML of one document and collects what is wrong with it.
type reader struct {
	file     string
	nodes    int
	problems []Problem
}

// pair is a key of a mapping and its value.
type pair struct {
	key       string
	node, val *yaml.Node
}

func (r *reader) refuse(n *yaml.Node, why *refusal) {
	r.problems = append(r.problems, Problem{Pos: r.pos(n), Code: why.code, Message: why.message, Fix: why.fix})
}

func (r *reader) refusef(n *yaml.Node, code, fix, format string, args ...any) {
	r.refuse(n, refuse(code, fix, format, args...))
}

func (r *reader) pos(n *yaml.Node) Pos {
	if n == nil {
		return Pos{File: r.file}
	}
	return Pos{File: r.file, Line: n.Line}
}

// documents splits a file where a line begins with ---, or with ... . Such a
// line cannot be within a document, so that one that is not YAML takes no other
// with it.
func documents(data []byte) (docs [][]byte, lines []int) {
	start, line, first := 0, 0, 0
	cut := func(end int) {
		if !isPreamble(data[start:end]) {
			docs, lines = append(docs, data[start:end]), append(lines, first)
		}
		start, first = end, line
	}
	for at := 0; at < len(data); {
		end := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if isMarker(data[at:end], "---") || isMarker(data[at:end], "...") {
			cut(at)
		}
		if isMarker(data[at:end], "...") {
			start, first = end, line+1
		}
		line++
		at = end
	}
	cut(len(data))
	return docs, lines
}

// isPreamble reports whether a text has nothing but comments and directives.
func isPreamble(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' && line[0] != '%' {
			return false
		}
	}
	return true
}

func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || strings.IndexByte(" \t\r\n", rest[0]) >= 0)
}

// notUTF8 is where a text stops to be UTF-8; -1 when it does not.
func notUTF8(text []byte) int {
	for at := 0; at < len(text); {
		c, size := utf8.DecodeRune(text[at:])
		if c == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// decoded is a file as UTF-8: one that begins with the byte order mark of UTF-16 is
// turned into it, and other marks are taken away.
func decoded(data []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return bytes.TrimPrefix(data, []byte("\ufeff"))
	}
	data = data[2:]
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// decode reads one document that begins after so many lines. A document of
// nothing is nil.
func (r *reader) decode(data []byte, lines int) (node *yaml.Node) {
	defer func() {
		if p := recover(); p != nil {
			node = nil
			r.refusef(&yaml.Node{Line: lines + 1}, "yaml", "write it as YAML", "the document cannot be read: %v", p)
		}
	}()
	if at := notUTF8(data); at >= 0 {
		line := lines + 1 + bytes.Count(data[:at], []byte("\n"))
		r.refusef(&yaml.Node{Line: line}, "encoding", "save the file as UTF-8", "the document is not in UTF-8: the byte 0x%02x is none of its", data[at])
		return nil
	}
	var doc yaml.Node
	in := yaml.NewDecoder(bytes.NewReader(data))
	err := in.Decode(&doc)
	if err == io.EOF {
		return nil
	}
	if err != nil {
		message, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
		if m := yamlLine.FindStringSubmatch(message); m != nil {
			line, _ = strconv.Atoi(m[1])
			message = strings.Replace(message, m[0], "", 1)
		}
		r.refusef(&yaml.Node{Line: lines + line}, "yaml", "correct the YAML; quote texts with single quotes", "the document is no YAML: %s", message)
		return nil
	}
	if in.Decode(new(yaml.Node)) != io.EOF {
		r.refusef(&yaml.Node{Line: lines + 1}, "yaml", "end lines with LF or CRLF, so that the line --- is seen", "the document holds another one")
		return nil
	}
	if len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null" {
		return nil
	}
	if !shift(&doc, lines, 0) {
		r.refusef(doc.Content[0], "too-deep", "write it flatter", "the document is nested more than %d deep", maxDepth)
		return nil
	}
	return doc.Content[0]
}

// shift moves the lines of a document; it is false when it is too deep.
func shift(n *yaml.Node, lines, depth int) bool {
	if depth > maxDepth {
		return false
	}
	n.Line += lines
	for _, c := range n.Content {
		if !shift(c, lines, depth+1) {
			return false
		}
	}
	return true
}

// follow is the node that an alias stands for.
func (r *reader) follow(n *yaml.Node) *yaml.Node {
	for range maxDepth {
		if n.Kind != yaml.AliasNode {
			break
		}
		n = n.Alias
	}
	if r.nodes++; r.nodes == maxNodes {
		r.refusef(n, "too-big", "split it", "the document has more than %d values", maxNodes)
	}
	if r.nodes >= maxNodes {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line}
	}
	return n
}

// pairs are the keys of a mapping in their order, those of << among them. A
// key that is written twice is refused: one of both would be lost.
func (r *reader) pairs(n *yaml.Node, what string) []pair {
	n = r.follow(n)
	if n.Kind != yaml.MappingNode {
		r.refusef(n, "type", "write keys with values below it", "%s must be a mapping, and is %s", what, nodeKind(n))
		return nil
	}
	return r.mapping(n, 0)
}

func (r *reader) mapping(n *yaml.Node, depth int) []pair {
	var out, merged []pair
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := r.follow(n.Content[i]), r.follow(n.Content[i+1])
		switch {
		case key.Kind != yaml.ScalarNode:
			r.refusef(key, "type", "write a name", "a key is %s", nodeKind(key))
		case key.ShortTag() == "!!merge":
			merged = append(merged, r.merged(val, depth+1)...)
		case lines[key.Value] > 0:
			r.refusef(key, "duplicate-key", "write its values as one list, or put them into searches of their own", "the key %q was already written in line %d", clip(key.Value), lines[key.Value])
		default:
			lines[key.Value] = max(key.Line, 1)
			out = append(out, pair{key.Value, key, val})
		}
	}
	for _, p := range merged {
		if lines[p.key] == 0 {
			lines[p.key] = max(p.node.Line, 1)
			out = append(out, p)
		}
	}
	return out
}

func (r *reader) merged(n *yaml.Node, depth int) []pair {
	switch {
	case depth > maxDepth:
	case n.Kind == yaml.MappingNode:
		return r.mapping(n, depth)
	case n.Kind == yaml.SequenceNode:
		var out []pair
		for _, c := range n.Content {
			out = append(out, r.merged(r.follow(c), depth+1)...)
		}
		return out
	}
	r.refusef(n, "type", "name a mapping with * after <<", "<< takes over mappings, and this is %s", nodeKind(n))
	return nil
}

// text is a scalar as it is written.
func (r *reader) text(p pair) string {
	n := r.follow(p.val)
	switch {
	case n.Kind != yaml.ScalarNode:
		r.refusef(n, "type", "write one text", "%s must be a text, and is %s", p.key, nodeKind(n))
		return ""
	case n.ShortTag() == "!!null":
		return ""
	}
	return n.Value
}

// texts is a list of texts; a single one is a list of one.
func (r *reader) texts(p pair) []string {
	n := r.follow(p.val)
	if n.Kind != yaml.SequenceNode {
		if text := r.text(p); text != "" {
			return []string{text}
		}
		return nil
	}
	var out []string
	for _, c := range n.Content {
		c = r.follow(c)
		if c.Kind != yaml.ScalarNode {
			r.refusef(c, "type", "write a list of texts", "%s has %s where a text should stand", p.key, nodeKind(c))
			continue
		}
		out = append(out, c.Value)
	}
	return out
}

// any is a value of an attribute that the specification does not know, as JSON
// has it: nil, bool, int, float64, string, []any or map[string]any.
func (r *reader) any(n *yaml.Node, depth int) any {
	n = r.follow(n)
	switch {
	case depth > maxDepth:
		r.refusef(n, "too-deep", "write it flatter", "the value is nested more than %d deep", maxDepth)
		return nil
	case n.Kind == yaml.MappingNode:
		out := map[string]any{}
		for _, p := range r.mapping(n, depth) {
			out[p.key] = r.any(p.val, depth+1)
		}
		return out
	case n.Kind == yaml.SequenceNode:
		out := []any{}
		for _, c := range n.Content {
			out = append(out, r.any(c, depth+1))
		}
		return out
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return n.Value
	}
	switch v := v.(type) {
	case nil, bool, int:
		return v
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
	}
	return n.Value
}

func nodeKind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "a truth value"
	}
	return fmt.Sprintf("the text %q", clip(n.Value))
}
