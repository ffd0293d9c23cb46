package api

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// aliases of media types.
var aliases = map[string]string{"text/yaml": yamlType, "application/x-yaml": yamlType, "text/x-yaml": yamlType, "application/ndjson": ndjsonType, "application/jsonl": ndjsonType, "text/json": jsonType}

func canonical(mediaType string) string {
	if t, ok := aliases[mediaType]; ok {
		return t
	}
	return mediaType
}

// accept returns which of the offered types the caller wants most; the first
// when it says nothing.
func (c *call) accept(offered []string) (string, error) {
	header := strings.Join(c.r.Header.Values("Accept"), ",")
	if strings.TrimSpace(header) == "" {
		return offered[0], nil
	}
	best, bestQ, bestExact := "", 0.0, 0
	for _, o := range offered {
		q, exact := quality(header, o)
		if q > bestQ || q == bestQ && q > 0 && exact > bestExact {
			best, bestQ, bestExact = o, q, exact
		}
	}
	if best == "" {
		err := withStatus(http.StatusNotAcceptable, "There is no such format of this; there is %s.", strings.Join(offered, ", "))
		return "", err
	}
	return best, nil
}

// quality returns how much a header wants a type, by the most exact range that
// names it (0: not at all), and how exact that was.
func quality(header, offered string) (q float64, exact int) {
	group, _, _ := strings.Cut(offered, "/")
	for part := range strings.SplitSeq(header, ",") {
		t, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		level := 0
		switch canonical(t) {
		case offered:
			level = 3
		case group + "/*":
			level = 2
		case "*/*":
			level = 1
		}
		if level <= exact {
			continue
		}
		exact, q = level, 1
		if s, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(s, 64); err != nil {
				q = 0
			}
		}
	}
	return q, exact
}

// checkType refuses a body in a format the operation does not take.
func (op *operation) checkType(r *http.Request) error {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return withStatus(http.StatusUnsupportedMediaType, "A body with Content-Encoding %q is not taken.", printable(enc, 40))
	}
	if op.body == nil {
		return nil
	}
	if r.ContentLength == 0 && op.body.optional {
		return nil
	}
	t := bodyType(r)
	if t == "" || slices.Contains(op.body.types, t) || slices.Contains(op.body.types, rawType) {
		return nil
	}
	err := withStatus(http.StatusUnsupportedMediaType, "A body of type %q is not taken here; %s is.", printable(t, 60), strings.Join(op.body.types, ", "))
	err.Hint = "set the header Content-Type"
	return err
}

// bodyType returns the media type of the body; "" when it is not said.
func bodyType(r *http.Request) string {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return ""
	}
	t, _, err := mime.ParseMediaType(header)
	if err != nil {
		return "?"
	}
	return canonical(t)
}

// send answers with v as JSON or, when the caller prefers it, YAML.
func (c *call) send(status int, v any) error {
	t, err := c.accept(objectTypes)
	if err != nil {
		return err
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if t == yamlType {
		if data, err = yamlOf(data); err != nil {
			return err
		}
	} else {
		data = append(data, '\n')
	}
	c.w.Header().Set("Vary", "Accept")
	return c.write(status, t, data)
}

func (c *call) write(status int, contentType string, data []byte) error {
	if err := c.looks.Flush(c.r.Context()); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", contentType)
	c.w.WriteHeader(status)
	_, err := c.w.Write(data)
	return err
}

// yamlOf writes JSON as YAML, keys in the same order.
func yamlOf(data []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	n, err := yamlNode(dec)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

// yamlNode reads the next JSON value as a YAML node.
func yamlNode(dec *json.Decoder) (*yaml.Node, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	scalar := func(tag, value string) *yaml.Node {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
	}
	switch v := tok.(type) {
	case json.Delim:
		return yamlCollection(dec, v)
	case string:
		return scalar("!!str", v), nil
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return scalar("!!float", v.String()), nil
		}
		return scalar("!!int", v.String()), nil
	case bool:
		return scalar("!!bool", strconv.FormatBool(v)), nil
	}
	return scalar("!!null", "null"), nil
}

func yamlCollection(dec *json.Decoder, open json.Delim) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if open == '[' {
		n = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	}
	for dec.More() {
		item, err := yamlNode(dec) // in a map: a key, then its value
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, item)
	}
	_, err := dec.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
