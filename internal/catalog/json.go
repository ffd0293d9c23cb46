package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// parseJSON reads JSON values one after the other, as the nodes that YAML is
// read as, each with its place in the file.
func parseJSON(file string, data []byte) ([]*tree, []fault.Problem) {
	var out []*tree
	dec := json.NewDecoder(bytes.NewReader(data))
	at := place{data: data, line: 1}
	for {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		end := min(int(dec.InputOffset()), len(data))
		if err != nil {
			at.move(end)
			return out, []fault.Problem{{File: file, Line: at.line, Code: "syntax", Msg: "not JSON: " + err.Error(), Args: []string{err.Error()}}}
		}
		at.move(end - len(raw))
		root := nodeOf(raw, at)
		if root.Kind == yaml.SequenceNode {
			for _, item := range root.Content {
				out = append(out, newTree(file, item))
			}
		} else {
			out = append(out, newTree(file, root))
		}
	}
}

// place is an offset in a file, with its line.
type place struct {
	data          []byte
	offset, start int // start is where the line begins
	line          int // from 1
}

// move goes forward to an offset.
func (p *place) move(to int) {
	passed := p.data[p.offset:to]
	p.line += bytes.Count(passed, []byte("\n"))
	if i := bytes.LastIndexByte(passed, '\n'); i >= 0 {
		p.start = p.offset + i + 1
	}
	p.offset = to
}

// jsonNodes turns one valid JSON value into nodes.
type jsonNodes struct {
	dec  *json.Decoder
	at   place
	from int // where the value begins in the file
}

func nodeOf(raw []byte, at place) *yaml.Node {
	r := jsonNodes{dec: json.NewDecoder(bytes.NewReader(raw)), at: at, from: at.offset}
	r.dec.UseNumber()
	return r.next()
}

// next reads the next value. The text is known to be valid, so a token is
// always there.
func (r *jsonNodes) next() *yaml.Node {
	tok, _ := r.dec.Token()
	end := r.from + int(r.dec.InputOffset())
	n := &yaml.Node{Kind: yaml.ScalarNode}
	switch v := tok.(type) {
	case json.Delim:
		r.begins(n, end-1)
		return r.collection(n, v)
	case string:
		n.Tag, n.Value = "!!str", v
		r.begins(n, r.quote(end))
	case json.Number:
		n.Tag, n.Value = "!!int", v.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
		r.begins(n, end-len(n.Value))
	case bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(v)
		r.begins(n, end-len(n.Value))
	default:
		n.Tag, n.Value = "!!null", "null"
		r.begins(n, end-len(n.Value))
	}
	return n
}

// quote returns where the text that ends at end begins: after the token before
// it there are only spaces, a comma or a colon.
func (r *jsonNodes) quote(end int) int {
	if i := bytes.IndexByte(r.at.data[r.at.offset:end], '"'); i >= 0 {
		return r.at.offset + i
	}
	return end
}

// begins notes the place of a node and goes on to it.
func (r *jsonNodes) begins(n *yaml.Node, offset int) {
	r.at.move(max(offset, r.at.offset))
	n.Line, n.Column = r.at.line, r.at.offset-r.at.start+1
	r.at.move(r.from + int(r.dec.InputOffset()))
}

func (r *jsonNodes) collection(n *yaml.Node, open json.Delim) *yaml.Node {
	n.Kind, n.Tag = yaml.MappingNode, "!!map"
	if open == '[' {
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
	}
	for r.dec.More() {
		n.Content = append(n.Content, r.next()) // in an object: a key, then its value
	}
	r.dec.Token()
	r.at.move(r.from + int(r.dec.InputOffset()))
	return n
}
