package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// Limits of one file.
const (
	MaxFile    = 64 << 20 // bytes
	maxNodes   = 200_000  // values in one document, aliases counted each time
	maxDepth   = 64
	maxText    = 1 << 20 // bytes of one string
	maxReports = 100     // problems listed for one file
)

// Decode reads entities from YAML (any number of documents), from a JSON
// object or array, or from JSON objects one after the other (NDJSON). Fields,
// types, references and the kind's own rules are checked. The error is
// fault.Invalid and lists each problem with its file, line and field; documents
// without a problem are returned beside it.
func (c *Catalog) Decode(file string, data []byte) ([]Document, error) {
	return c.kinds.Decode(file, data)
}

// Decode is Catalog.Decode; it needs no database.
func (ks *Kinds) Decode(file string, data []byte) ([]Document, error) {
	if len(data) > MaxFile {
		return nil, fault.New(fault.TooLarge, "%s has %d bytes; a file may have %d", file, len(data), MaxFile).Coded("file-too-large").WithHint("split it into several files")
	}
	nodes, problems := parse(file, bytes.TrimPrefix(data, []byte("\ufeff")))
	var docs []Document
	for _, n := range nodes {
		d, ps := ks.document(file, n)
		problems = append(problems, ps...)
		if len(ps) == 0 {
			docs = append(docs, *d)
		}
	}
	if len(problems) == 0 {
		return docs, nil
	}
	return docs, wrongIn(file, len(problems)).With(problems[:min(len(problems), maxReports)]...)
}

func wrongIn(file string, problems int) *fault.Error {
	if file == "" {
		return fault.New(fault.Invalid, "the input has %d problem(s)", problems).Coded("input-problems")
	}
	return fault.New(fault.Invalid, "%[2]s has %[1]d problem(s)", problems, file).Coded("file-problems")
}

func orStdin(file string) string {
	if file == "" {
		return "the input"
	}
	return file
}

// tree is a document as plain JSON values with the place of each.
type tree struct {
	value    any
	line     int
	lines    map[string][2]int
	problems []fault.Problem
	nodes    int
}

// parse splits a file into documents. What follows a syntax error is lost,
// since nobody can say where it would begin.
func parse(file string, data []byte) ([]*tree, []fault.Problem) {
	if s := bytes.TrimLeft(data, " \t\r\n"); len(s) > 0 && (s[0] == '{' || s[0] == '[') && json.Valid(firstJSON(s)) {
		return parseJSON(file, data)
	}
	var out []*tree
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, []fault.Problem{yamlProblem(file, err)}
		}
		if len(n.Content) == 0 || n.Content[0].Tag == "!!null" {
			continue
		}
		root := n.Content[0]
		if root.Kind == yaml.SequenceNode {
			for _, item := range root.Content {
				out = append(out, newTree(file, item))
			}
			continue
		}
		out = append(out, newTree(file, root))
	}
}

// firstJSON returns the first JSON value of data, or nil.
func firstJSON(data []byte) []byte {
	var raw json.RawMessage
	if json.NewDecoder(bytes.NewReader(data)).Decode(&raw) != nil {
		return nil
	}
	return raw
}

var yamlLine = regexp.MustCompile(`line (\d+):? ?`)

// parserErrors are those whose line the library counts from 0.
var parserErrors = regexp.MustCompile(`^did not find expected (<|node content|'-'|key|',' or)`)

func yamlProblem(file string, err error) fault.Problem {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = strings.Replace(msg, m[0], "", 1)
		if parserErrors.MatchString(msg) {
			line++
		}
	}
	p := fault.Problem{File: file, Line: line, Code: "syntax", Msg: "not YAML: " + msg, Args: []string{msg}}
	if strings.Contains(msg, "tab") || strings.Contains(msg, "cannot start any token") {
		p.Hint = "indent with spaces, not tabs"
	}
	return p
}

func newTree(file string, n *yaml.Node) *tree {
	t := &tree{line: n.Line, lines: map[string][2]int{}}
	t.value = t.build(n, "", 0)
	for i := range t.problems {
		t.problems[i].File = file
	}
	return t
}

func (t *tree) problem(n *yaml.Node, path, code, format string, args ...any) {
	p := problem(code, format, args...)
	p.Line, p.Column, p.Field = n.Line, n.Column, path
	t.problems = append(t.problems, *p)
}

// build turns a YAML node into JSON values: map[string]any, []any, string,
// json.Number, bool or nil. Dates stay the text they were written as.
func (t *tree) build(n *yaml.Node, path string, depth int) any {
	if t.nodes++; t.nodes > maxNodes || depth > maxDepth {
		if t.nodes <= maxNodes+1 || depth == maxDepth+1 {
			t.problem(n, path, "document-size", "a document may have %d values, %d deep", maxNodes, maxDepth)
		}
		t.nodes = maxNodes + 2
		return nil
	}
	t.lines[path] = [2]int{n.Line, n.Column}
	switch n.Kind {
	case yaml.AliasNode:
		return t.build(n.Alias, path, depth+1)
	case yaml.MappingNode:
		return t.mapping(n, path, depth)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for i, item := range n.Content {
			list = append(list, t.build(item, fmt.Sprintf("%s[%d]", path, i), depth+1))
		}
		return list
	}
	return t.scalar(n, path)
}

func (t *tree) mapping(n *yaml.Node, path string, depth int) any {
	m, given := map[string]any{}, map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Tag == "!!merge" {
			merged, _ := t.build(v, path, depth+1).(map[string]any)
			for key, val := range merged {
				if _, own := m[key]; !own {
					m[key] = val
				}
			}
			continue
		}
		at := join(path, k.Value)
		if k.Kind != yaml.ScalarNode {
			t.problem(k, path, "plain-key", "a key must be a plain word")
			continue
		}
		if given[k.Value] {
			t.problem(k, at, "duplicate", "%q is given twice", k.Value)
		}
		given[k.Value] = true
		m[k.Value] = t.build(v, at, depth+1)
		if v.Kind != yaml.ScalarNode {
			t.lines[at] = [2]int{k.Line, k.Column}
		}
	}
	return m
}

func (t *tree) scalar(n *yaml.Node, path string) any {
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		return t.number(n, path)
	}
	if len(n.Value) > maxText {
		t.problem(n, path, "text-size", "a text may have %d bytes; this one has %d", maxText, len(n.Value))
		return ""
	}
	if strings.ContainsRune(n.Value, 0) {
		t.problem(n, path, "nul", "a text may not hold a NUL character")
		return ""
	}
	return n.Value
}

func (t *tree) number(n *yaml.Node, path string) any {
	if json.Valid([]byte(n.Value)) {
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil && !math.IsInf(f, 0) {
			return json.Number(n.Value)
		}
	}
	var i int64
	var f float64
	if n.Decode(&i) == nil {
		return json.Number(strconv.FormatInt(i, 10))
	}
	if n.Decode(&f) == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
		return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
	}
	t.problem(n, path, "number", "%s is not a number that can be kept", n.Value)
	return nil
}

// document checks one tree and makes the entity of it.
func (ks *Kinds) document(file string, t *tree) (*Document, []fault.Problem) {
	v := &validation{kinds: ks, file: file, lines: t.lines, line: t.line, problems: t.problems}
	root, ok := t.value.(map[string]any)
	if !ok {
		v.add("", "object", "an entity is an object with apiVersion, kind, metadata and spec")
		return nil, v.problems
	}
	e := v.entity(root)
	for i := range v.problems {
		v.problems[i].Ref = v.ref
	}
	return &Document{Entity: e, File: file, Line: t.line, Warnings: v.warnings, lines: t.lines}, v.problems
}

// Validate checks an entity that did not come from a file.
func (c *Catalog) Validate(e *entity.Entity) (*entity.Entity, []Warning, []fault.Problem) {
	data, err := json.Marshal(Clean(e))
	if err != nil {
		return nil, nil, []fault.Problem{{Field: "spec", Code: "syntax", Msg: "not JSON: " + err.Error(), Args: []string{err.Error()}}}
	}
	root, err := decodeTree(data)
	if err != nil {
		return nil, nil, []fault.Problem{{Code: "syntax", Msg: "not JSON: " + err.Error(), Args: []string{err.Error()}}}
	}
	return c.kinds.validateTree(root)
}

func (ks *Kinds) validateTree(root map[string]any) (*entity.Entity, []Warning, []fault.Problem) {
	v := &validation{kinds: ks}
	if v.limits(root, "", 0); len(v.problems) > 0 {
		return nil, nil, v.problems
	}
	e := v.entity(root)
	return e, v.warnings, v.problems
}
