package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// dropItem takes an item away.
func dropItem(*reader, *strict.Map) action {
	return func(r *run, s *step) error {
		return r.eachItem(s, func(*sigma.Item) (sigma.Node, bool, error) { return nil, true, nil })
	}
}

// hashLengths are the algorithms of hashes that are written without one.
var hashLengths = map[int]string{32: "MD5", 40: "SHA1", 64: "SHA256", 128: "SHA512"}

// hashesFields splits values like SHA1=… or MD5|…, or a hash alone, into fields
// of their algorithms. The field "keyword" is all of the event.
type hashesFields struct {
	algorithms []string
	prefix     string
	bare       bool // the field is the prefix alone
	fields     []string
}

func readHashesFields(_ *reader, m *strict.Map) action {
	m.Need("valid_hash_algos")
	h := hashesFields{algorithms: m.Texts("valid_hash_algos"), prefix: m.Text("field_prefix"), bare: m.Bool("drop_algo_prefix", false)}
	h.fields = []string{"Hashes", "Hash"}
	if m.Has("field_to_parse") {
		h.fields = m.Texts("field_to_parse")
	}
	if h.bare && h.prefix == "" {
		m.Report(m.LineOf("drop_algo_prefix"), "without the algorithm and \"field_prefix\" the fields have no name; give a \"field_prefix\"")
	}
	return func(r *run, s *step) error { return r.eachItem(s, h.split) }
}

func (h *hashesFields) split(item *sigma.Item) (sigma.Node, bool, error) {
	if !slices.Contains(h.fields, item.Field) || slices.ContainsFunc(item.Values, notString) {
		return item, false, nil
	}
	by := map[string]*sigma.Item{}
	group := &sigma.Group{Any: !item.All && !item.Not || item.All && item.Not}
	add := func(field string, v sigma.Value) {
		if by[field] == nil {
			by[field] = &sigma.Item{Field: field, All: item.All, Not: item.Not, Line: item.Line}
			group.Nodes = append(group.Nodes, by[field])
		}
		by[field].Values = append(by[field].Values, v)
	}
	found := false
	for _, v := range item.Values {
		algorithm, hash := h.parse(write(v.(sigma.String), apart))
		if algorithm == "" {
			add(item.Field, v)
			continue
		}
		found = true
		if name := h.name(algorithm); name == "keyword" {
			add("", sigma.Concat(wildcard('*'), read(hash), wildcard('*')))
		} else {
			add(name, read(hash))
		}
	}
	if !found {
		return nil, false, fmt.Errorf("no value of %s is a hash of %s: name its algorithm in valid_hash_algos", item.Field, strings.Join(h.algorithms, ", "))
	}
	if len(group.Nodes) == 1 {
		return group.Nodes[0], true, nil
	}
	return group, true, nil
}

func notString(v sigma.Value) bool { _, ok := v.(sigma.String); return !ok }

func (h *hashesFields) parse(text string) (algorithm, hash string) {
	separator := "="
	if strings.Contains(text, "|") {
		separator = "|"
	}
	parts := strings.Split(text, separator)
	if len(parts) == 2 {
		algorithm, hash = strings.ToUpper(strings.TrimLeft(parts[0], "*")), strings.Trim(parts[1], "*?")
	} else {
		hash = strings.Trim(parts[0], "*?")
		algorithm = hashLengths[len(hash)]
	}
	if !slices.Contains(h.algorithms, algorithm) {
		return "", ""
	}
	return algorithm, hash
}

func (h *hashesFields) name(algorithm string) string {
	if h.bare {
		return h.prefix
	}
	return h.prefix + algorithm
}

// extractFields splits a text into fields by the named groups of an expression
// that must match from its first character. A group that took nothing asks for
// nothing.
type extractFields struct {
	re            *regexp.Regexp
	prefix        string
	keepUnmatched bool
}

func readExtractFields(_ *reader, m *strict.Map) action {
	m.Need("regex")
	e := extractFields{prefix: m.Text("field_prefix"), keepUnmatched: m.Bool("preserve_unmatched", false)}
	e.re = goRegex(m, "regex")
	names := slices.DeleteFunc(slices.Clone(e.re.SubexpNames()), func(name string) bool { return name == "" })
	if len(names) == 0 {
		m.Report(m.LineOf("regex"), "the expression has no named group; write (?P<name>…) around what is to be taken")
	}
	if e.prefix != "" {
		e.prefix += "."
	}
	return func(r *run, s *step) error { return r.eachItem(s, e.split) }
}

func (e *extractFields) split(item *sigma.Item) (sigma.Node, bool, error) {
	if slices.ContainsFunc(item.Values, notString) {
		return item, false, nil
	}
	group := &sigma.Group{Any: !item.All}
	for _, v := range item.Values {
		if part := e.value(item, v.(sigma.String)); part != nil {
			group.Nodes = append(group.Nodes, part)
		}
	}
	switch {
	case len(group.Nodes) == 0:
		return item, false, nil
	case item.Not:
		return nil, false, fmt.Errorf("%s is turned round by neq, and cannot be so over several fields: write the rule with not", item.Field)
	case len(group.Nodes) == 1:
		return group.Nodes[0], true, nil
	}
	return group, true, nil
}

func (e *extractFields) value(item *sigma.Item, s sigma.String) sigma.Node {
	text := write(s, apart)
	at := e.re.FindStringSubmatchIndex(text)
	if at == nil || at[0] != 0 {
		if e.keepUnmatched {
			return &sigma.Item{Field: item.Field, Values: one(s), Line: item.Line}
		}
		return nil
	}
	group := &sigma.Group{}
	for i, name := range e.re.SubexpNames() {
		if name == "" || at[2*i] == at[2*i+1] {
			continue
		}
		v := typed(text[at[2*i]:at[2*i+1]])
		group.Nodes = append(group.Nodes, &sigma.Item{Field: e.prefix + name, Values: one(v), Line: item.Line})
	}
	if len(group.Nodes) == 0 {
		return nil
	}
	return group
}

// typed reads what a group took: nothing, a number, or a text. Digits behind a
// zero are a text, since the zero means something.
func typed(text string) sigma.Value {
	if lower := strings.ToLower(text); lower == "null" || lower == "none" {
		return sigma.Null{}
	}
	if text == "0" || !strings.HasPrefix(text, "0") {
		if f, ok := sigma.ParseNumber(text); ok {
			return sigma.Number{Text: strconv.FormatFloat(f, 'f', -1, 64), Value: f}
		}
	}
	return read(text)
}
