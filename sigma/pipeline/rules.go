package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// addCondition asks for more than the rule does. With template the words
// $category, $product and $service stand for those of the rule.
func addCondition(r *reader, m *strict.Map) action {
	m.Need("conditions")
	name := m.Text("name")
	template, negated := m.Bool("template", false), m.Bool("negated", false)
	m.Sub("conditions").Free()
	n := m.Node("conditions")
	if n == nil {
		return nothing
	}
	body, problems := sigma.ParseSearch(r.file, n)
	r.parsed = append(r.parsed, problems...)
	if len(problems) > 0 {
		return nothing
	}
	return func(r *run, s *step) error {
		if r.rule == nil {
			return nil
		}
		return r.addSearch(s, body, name, template, negated)
	}
}

func nothing(*run, *step) error { return nil }

func (r *run) addSearch(s *step, body sigma.Node, name string, template, negated bool) error {
	taken := func(name string) bool {
		return slices.ContainsFunc(r.rule.Detection.Searches, func(s *sigma.Search) bool { return s.Name == name })
	}
	if name == "" {
		for name == "" || taken(name) {
			r.added++
			name = fmt.Sprintf("_cond_%d", r.added)
		}
	} else if taken(name) {
		return fmt.Errorf("the rule has a search %s already: give another name, or none", name)
	}
	alone := sigma.Rule{Detection: sigma.Detection{Searches: []*sigma.Search{{Name: name, Line: s.Line, Body: body}}}}
	search := alone.Clone().Detection.Searches[0]
	if template {
		fillTemplate(search.Body, r.rule.Logsource)
	}
	r.mark(s, nil, search.Body)
	r.rule.Detection.Searches = append(r.rule.Detection.Searches, search)
	for i, c := range r.rule.Detection.Conditions {
		var added sigma.Expr = sigma.Ref(name)
		if negated {
			added = sigma.Not{Of: added}
		}
		r.rule.Detection.Conditions[i].Expr = sigma.And{added, c.Expr}
	}
	return nil
}

func fillTemplate(node sigma.Node, of sigma.Logsource) {
	words := strings.NewReplacer("${category}", of.Category, "${product}", of.Product, "${service}", of.Service,
		"$category", of.Category, "$product", of.Product, "$service", of.Service)
	eachItemIn(node, func(item *sigma.Item) {
		for i, v := range item.Values {
			if s, ok := v.(sigma.String); ok {
				item.Values[i] = eachText(s, words.Replace)
			}
		}
	})
}

func eachItemIn(node sigma.Node, do func(*sigma.Item)) {
	switch node := node.(type) {
	case *sigma.Group:
		for _, child := range node.Nodes {
			eachItemIn(child, do)
		}
	case *sigma.Item:
		do(node)
	}
}

// changeLogsource gives a rule another logsource, whole: what is not given is
// then empty.
func changeLogsource(_ *reader, m *strict.Map) action {
	to := sigma.Logsource{Category: m.Text("category"), Product: m.Text("product"), Service: m.Text("service")}
	if to.Category+to.Product+to.Service == "" {
		m.Report(m.Line, "change_logsource needs a category, product or service")
	}
	return func(r *run, _ *step) error {
		if r.rule != nil {
			r.rule.Logsource = to
		}
		return nil
	}
}

// changeFields is the action of transformations of a rule's list of fields.
func changeFields(change func([]string) []string) action {
	return func(r *run, _ *step) error {
		if r.rule != nil {
			r.rule.Fields = change(r.rule.Fields)
		}
		return nil
	}
}

func addField(_ *reader, m *strict.Map) action {
	m.Need("field")
	add := m.Texts("field")
	return changeFields(func(fields []string) []string { return append(fields, add...) })
}

func removeField(_ *reader, m *strict.Map) action {
	m.Need("field")
	remove := m.Texts("field")
	return changeFields(func(fields []string) []string {
		return slices.DeleteFunc(fields, func(f string) bool { return slices.Contains(remove, f) })
	})
}

func setField(_ *reader, m *strict.Map) action {
	m.Need("fields")
	set := m.Texts("fields")
	return changeFields(func([]string) []string { return slices.Clone(set) })
}

func setState(_ *reader, m *strict.Map) action {
	m.Need("key", "val")
	key, val := m.Text("key"), m.Any("val")
	return func(r *run, _ *step) error {
		r.state[key] = val
		return nil
	}
}

func setCustomAttribute(_ *reader, m *strict.Map) action {
	m.Need("attribute", "value")
	name, value := m.Text("attribute"), m.Any("value")
	return func(r *run, _ *step) error {
		custom := &map[string]any{}
		if r.rule != nil {
			custom = &r.rule.Custom
		} else {
			custom = &r.correlation.Custom
		}
		*custom = maps.Clone(*custom)
		if *custom == nil {
			*custom = map[string]any{}
		}
		(*custom)[name] = value
		return nil
	}
}

func ruleFailure(_ *reader, m *strict.Map) action {
	m.Need("message")
	message := m.Text("message")
	return func(*run, *step) error { return errors.New(message) }
}

func itemFailure(_ *reader, m *strict.Map) action {
	m.Need("message")
	message := m.Text("message")
	return func(r *run, s *step) error {
		return r.eachItem(s, func(item *sigma.Item) (sigma.Node, bool, error) {
			return item, false, fmt.Errorf("%s (line %d, field %s)", message, item.Line, item.Field)
		})
	}
}

// strictMapping refuses rules with fields that no mapping knew.
func strictMapping(*reader, *strict.Map) action {
	return func(r *run, _ *step) error {
		if r.rule == nil {
			return nil
		}
		unknown := map[string]bool{}
		for _, search := range r.rule.Detection.Searches {
			eachItemIn(search.Body, func(item *sigma.Item) {
				if item.Field != "" && !r.mapped[item.Field] {
					unknown[item.Field] = true
				}
			})
		}
		if len(unknown) == 0 {
			return nil
		}
		return fmt.Errorf("no mapping knows %s: add them to one", strings.Join(sortedKeys(unknown), ", "))
	}
}

// nest reads a list of transformations that are applied as one.
func nest(r *reader, m *strict.Map) []*step {
	m.Need("items")
	if r.depth++; r.depth > 8 {
		m.Report(m.Line, "transformations are nested more than 8 deep; flatten them")
		return []*step{}
	}
	defer func() { r.depth-- }()
	return append([]*step{}, r.steps(m, "items")...)
}
