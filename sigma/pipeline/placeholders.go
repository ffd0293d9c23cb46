package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// maxCombinations bounds what the placeholders of one value can become.
const maxCombinations = 100_000

// filling returns what may stand for a placeholder.
type filling func(r *run, name string) ([]sigma.String, error)

// placeholders is the action of transformations that fill placeholders. Those
// that include or exclude do not name are left to later transformations.
func placeholders(m *strict.Map, fill filling) action {
	handles := handled(m)
	return eachValue(func(r *run, _ string, v sigma.Value) ([]sigma.Value, bool, error) {
		s, ok := v.(sigma.String)
		if !ok || !slices.ContainsFunc(s.Parts, func(p sigma.Part) bool { return p.Kind == sigma.Placeholder && handles(p.Text) }) {
			return nil, false, nil
		}
		filled, err := r.fill(s, handles, fill)
		return filled, true, err
	})
}

// handled reads which placeholders a transformation is for.
func handled(m *strict.Map) func(string) bool {
	include, exclude := m.Texts("include"), m.Texts("exclude")
	if m.Has("include") && m.Has("exclude") {
		m.Report(m.LineOf("exclude"), "\"include\" and \"exclude\" cannot both be given; keep one")
	}
	return func(name string) bool {
		if m.Has("include") {
			return slices.Contains(include, name)
		}
		return !slices.Contains(exclude, name)
	}
}

// fill returns all that a string can become.
func (r *run) fill(s sigma.String, handles func(string) bool, fill filling) ([]sigma.Value, error) {
	all := []sigma.String{{}}
	for _, part := range s.Parts {
		choices := []sigma.String{{Parts: []sigma.Part{part}}}
		if part.Kind == sigma.Placeholder && handles(part.Text) {
			var err error
			if choices, err = fill(r, part.Text); err != nil {
				return nil, err
			}
		}
		if len(all)*len(choices) > maxCombinations {
			return nil, fmt.Errorf("the placeholders of one value become more than %d values: use shorter lists", maxCombinations)
		}
		var longer []sigma.String
		for _, start := range all {
			for _, choice := range choices {
				longer = append(longer, sigma.Concat(start, choice))
			}
		}
		all = longer
	}
	out := make([]sigma.Value, len(all))
	for i, filled := range all {
		filled.Cased = s.Cased
		out[i] = filled
	}
	return out, nil
}

func wildcardPlaceholders(_ *reader, m *strict.Map) action {
	return placeholders(m, func(*run, string) ([]sigma.String, error) { return []sigma.String{wildcard('*')}, nil })
}

func valuePlaceholders(_ *reader, m *strict.Map) action {
	return placeholders(m, func(r *run, name string) ([]sigma.String, error) {
		values, ok := r.vars[name]
		switch {
		case !ok:
			return nil, fmt.Errorf("there is no variable for the placeholder %s%s: add it to vars", name, strict.Near(name, sortedKeys(r.vars)))
		case len(values) == 0:
			return nil, fmt.Errorf("the variable %s has no values: give one", name)
		}
		return values, nil
	})
}

// queryPlaceholders refuses the rules it is for: what it would put in is part of
// a query.
func queryPlaceholders(_ *reader, m *strict.Map) action {
	m.Text("expression")
	m.Sub("mapping").Free()
	handles := handled(m)
	return eachString(func(s sigma.String) ([]sigma.Value, bool, error) {
		for _, p := range s.Parts {
			if p.Kind == sigma.Placeholder && handles(p.Text) {
				return nil, false, errors.New("the placeholder " + p.Text + " would become part of a query, and an engine has none: fill it by value_placeholders or file_placeholders")
			}
		}
		return nil, false, nil
	})
}

// readVars reads the variables of a pipeline: a text or number, or a list.
func readVars(m *strict.Map) map[string][]sigma.String {
	vars := map[string][]sigma.String{}
	sub := m.Sub("vars")
	if sub == nil {
		return vars
	}
	for _, name := range sub.Keys() {
		nodes := []*yaml.Node{sub.Node(name)}
		if nodes[0].Kind == yaml.SequenceNode {
			nodes = nodes[0].Content
		}
		vars[name] = []sigma.String{}
		for _, n := range nodes {
			if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || n.ShortTag() == "!!bool" {
				m.Report(n.Line, "the variable %q must be texts or numbers; quote it when it is meant as a text", name)
				continue
			}
			vars[name] = append(vars[name], sigma.ParseString(n.Value))
		}
	}
	return vars
}

// texts makes values of texts that a source returned.
func texts(lines []string) []sigma.String {
	out := make([]sigma.String, len(lines))
	for i, line := range lines {
		out[i] = sigma.ParseString(strings.TrimSuffix(line, "\r"))
	}
	return out
}
