package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

type (
	ruleCondition  func(*run) bool
	itemCondition  func(*run, *sigma.Item) bool
	fieldCondition struct {
		name func(r *run, field string) bool
		item func(*run, *sigma.Item) bool // of items, when it is not by their names
	}
)

var ruleConditions = map[string]func(*reader, *strict.Map) ruleCondition{
	"logsource":                 logsourceCondition,
	"contains_detection_item":   containsItem,
	"contains_field":            containsField,
	"processing_item_applied":   appliedToRule,
	"processing_state":          func(r *reader, m *strict.Map) ruleCondition { return stateCondition(r, m) },
	"is_sigma_rule":             func(*reader, *strict.Map) ruleCondition { return func(r *run) bool { return r.rule != nil } },
	"is_sigma_correlation_rule": func(*reader, *strict.Map) ruleCondition { return func(r *run) bool { return r.correlation != nil } },
	"rule_attribute":            attributeCondition,
	"tag":                       tagCondition,
}

var itemConditions = map[string]func(*reader, *strict.Map) itemCondition{
	"match_string":            matchString,
	"match_value":             matchValue,
	"contains_wildcard":       containsWildcard,
	"is_null":                 isNull,
	"processing_item_applied": appliedToItem,
	"processing_state": func(r *reader, m *strict.Map) itemCondition {
		holds := stateCondition(r, m)
		return func(r *run, _ *sigma.Item) bool { return holds(r) }
	},
}

var fieldConditions = map[string]func(*reader, *strict.Map) fieldCondition{
	"include_fields": func(r *reader, m *strict.Map) fieldCondition { return fieldCondition{name: namesField(r, m)} },
	"exclude_fields": func(r *reader, m *strict.Map) fieldCondition {
		names := namesField(r, m)
		return fieldCondition{name: func(r *run, field string) bool { return !names(r, field) }}
	},
	"processing_item_applied": appliedToField,
	"processing_state": func(r *reader, m *strict.Map) fieldCondition {
		holds := stateCondition(r, m)
		return fieldCondition{name: func(r *run, _ string) bool { return holds(r) }}
	},
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func logsourceCondition(_ *reader, m *strict.Map) ruleCondition {
	want := sigma.Logsource{Category: m.Text("category"), Product: m.Text("product"), Service: m.Text("service")}
	if want.Category+want.Product+want.Service == "" {
		m.Report(m.Line, "the condition logsource needs a category, product or service")
	}
	is := func(l sigma.Logsource) bool {
		return (want.Category == "" || want.Category == l.Category) &&
			(want.Product == "" || want.Product == l.Product) && (want.Service == "" || want.Service == l.Service)
	}
	return func(r *run) bool {
		if r.rule != nil {
			return is(r.rule.Logsource)
		}
		return slices.ContainsFunc(r.of, func(of *run) bool { return is(of.rule.Logsource) })
	}
}

// hasItem reports whether a rule has an item that is so.
func (r *run) hasItem(is func(*sigma.Item) bool) bool {
	if r.rule == nil {
		return false
	}
	return slices.ContainsFunc(r.rule.Detection.Searches, func(s *sigma.Search) bool { return nodeHas(s.Body, is) })
}

func nodeHas(node sigma.Node, is func(*sigma.Item) bool) bool {
	switch node := node.(type) {
	case *sigma.Group:
		return slices.ContainsFunc(node.Nodes, func(n sigma.Node) bool { return nodeHas(n, is) })
	case *sigma.Item:
		return is(node)
	}
	return false
}

func containsField(_ *reader, m *strict.Map) ruleCondition {
	m.Need("field")
	field := m.Text("field")
	return func(r *run) bool {
		return r.hasItem(func(item *sigma.Item) bool { return item.Field == field })
	}
}

func containsItem(r *reader, m *strict.Map) ruleCondition {
	m.Need("field", "value")
	field, value := m.Text("field"), readValue(m, "value")
	return func(r *run) bool {
		return r.hasItem(func(item *sigma.Item) bool {
			return item.Field == field && slices.ContainsFunc(item.Values, func(v sigma.Value) bool { return equal(v, value) })
		})
	}
}

// readValue reads a scalar as a value of a rule.
func readValue(m *strict.Map, key string) sigma.Value {
	n := m.Node(key)
	if n == nil {
		return nil
	}
	v := valueOf(n)
	if v == nil {
		m.Report(n.Line, "%q must be a text, a number, true, false or null", key)
	}
	return v
}

func valueOf(n *yaml.Node) sigma.Value {
	if n.Kind != yaml.ScalarNode {
		return nil
	}
	switch n.ShortTag() {
	case "!!null":
		return sigma.Null{}
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return sigma.Bool(b)
		}
	case "!!int", "!!float":
		var f float64
		if n.Decode(&f) == nil {
			return sigma.Number{Text: n.Value, Value: f}
		}
	}
	return sigma.ParseString(n.Value)
}

// equal reports whether two values are one: texts with their wildcards and
// their case, numbers by what they count.
func equal(a, b sigma.Value) bool {
	switch a := a.(type) {
	case sigma.String:
		b, ok := b.(sigma.String)
		return ok && slices.Equal(a.Parts, b.Parts)
	case sigma.Number:
		b, ok := b.(sigma.Number)
		return ok && a.Value == b.Value
	case sigma.Bool:
		b, ok := b.(sigma.Bool)
		return ok && a == b
	case sigma.Null:
		_, ok := b.(sigma.Null)
		return ok
	}
	return false
}

func appliedToRule(_ *reader, m *strict.Map) ruleCondition {
	m.Need("processing_item_id")
	id := m.Text("processing_item_id")
	return func(r *run) bool { return r.applied[id] }
}

func appliedToItem(_ *reader, m *strict.Map) itemCondition {
	m.Need("processing_item_id")
	id := m.Text("processing_item_id")
	return func(r *run, item *sigma.Item) bool { return r.marks[item][id] }
}

func appliedToField(_ *reader, m *strict.Map) fieldCondition {
	m.Need("processing_item_id")
	id := m.Text("processing_item_id")
	return fieldCondition{
		name: func(r *run, field string) bool { return field != "" && r.fields[field][id] },
		item: func(r *run, item *sigma.Item) bool { return r.marks[item][id] },
	}
}

func stateCondition(_ *reader, m *strict.Map) func(*run) bool {
	m.Need("key", "val")
	key, want, op := m.Text("key"), m.Any("val"), m.OneOf("op", "eq", "ne", "gte", "gt", "lte", "lt")
	return func(r *run) bool {
		is, ok := r.state[key]
		if !ok {
			return false
		}
		holds, err := compare(is, want, op)
		if err != nil {
			r.failed = fmt.Errorf("the state %q: %w", key, err)
		}
		return holds
	}
}

// compare compares numbers by what they count and texts by their letters.
func compare(is, want any, op string) (bool, error) {
	a, aNumber := number(is)
	b, bNumber := number(want)
	if aNumber && bNumber {
		return ordered(cmp.Compare(a, b), op), nil
	}
	s, sText := is.(string)
	t, tText := want.(string)
	if sText && tText {
		return ordered(cmp.Compare(s, t), op), nil
	}
	switch op {
	case "eq":
		return is == want, nil
	case "ne":
		return is != want, nil
	}
	return false, fmt.Errorf("%v and %v have no order; compare them by eq or ne", is, want)
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func ordered(c int, op string) bool {
	switch op {
	case "eq":
		return c == 0
	case "ne":
		return c != 0
	case "gte":
		return c >= 0
	case "gt":
		return c > 0
	case "lte":
		return c <= 0
	}
	return c < 0
}

var (
	levels   = []string{"informational", "low", "medium", "high", "critical"}
	statuses = []string{"unsupported", "deprecated", "experimental", "test", "stable"}
)

// attributeCondition compares an attribute of a rule. Levels and statuses are
// compared by their rank, dates by the day.
func attributeCondition(_ *reader, m *strict.Map) ruleCondition {
	m.Need("attribute", "value")
	name, want := m.Text("attribute"), m.Any("value")
	op := m.OneOf("op", "eq", "ne", "gte", "gt", "lte", "lt", "in", "not_in")
	if _, whole := want.(map[string]any); whole {
		m.Report(m.LineOf("value"), "\"value\" must be a text or a number")
	}
	text := m.Text("value")
	return func(r *run) bool {
		is, ok := r.attribute(name)
		if !ok {
			return false
		}
		holds, err := compareAttribute(name, is, want, text, op)
		if err != nil {
			r.failed = fmt.Errorf("the attribute %s of the rule: %w", name, err)
		}
		return holds
	}
}

func compareAttribute(name string, is, want any, text, op string) (bool, error) {
	if list, ok := is.([]string); ok {
		return compareList(slices.Contains(list, text), op), nil
	}
	if op == "in" || op == "not_in" {
		return false, fmt.Errorf("it is no list; use eq or ne instead of %s", op)
	}
	switch name {
	case "level":
		return compareRank(levels, fmt.Sprint(is), text, op)
	case "status":
		return compareRank(statuses, fmt.Sprint(is), text, op)
	case "date", "modified":
		return ordered(cmp.Compare(day(fmt.Sprint(is)), day(text)), op), nil
	}
	if _, ok := is.(string); ok {
		if op != "eq" && op != "ne" {
			return false, fmt.Errorf("it is a text; use eq or ne instead of %s", op)
		}
		return ordered(cmp.Compare(is.(string), text), op), nil
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		want = f
	}
	return compare(is, want, op)
}

func compareList(in bool, op string) bool {
	switch op {
	case "in":
		return in
	case "not_in":
		return !in
	}
	return op == "ne" // a list is never one value, nor more or less than it
}

func compareRank(ranks []string, is, want, op string) (bool, error) {
	a, b := slices.Index(ranks, strings.ToLower(is)), slices.Index(ranks, strings.ToLower(want))
	if b < 0 {
		return false, fmt.Errorf("%q is none of %s", want, strings.Join(ranks, ", "))
	}
	return ordered(cmp.Compare(a, b), op), nil
}

// day writes dates of both forms, 2026/07/01 and 2026-07-01, as one.
func day(date string) string { return strings.ReplaceAll(date, "/", "-") }

// attribute returns what a rule says of itself; it is false when it says
// nothing.
func (r *run) attribute(name string) (any, bool) {
	var texts map[string]string
	var lists map[string][]string
	var custom map[string]any
	if c := r.correlation; c != nil {
		texts = map[string]string{
			"id": c.ID, "name": c.Name, "title": c.Title, "taxonomy": c.Taxonomy, "status": c.Status, "level": c.Level,
			"description": c.Description, "license": c.License, "author": c.Author, "date": c.Date, "modified": c.Modified,
		}
		lists = map[string][]string{"references": c.References, "falsepositives": c.FalsePositives, "tags": c.Tags}
		custom = c.Custom
	} else {
		c := r.rule
		texts = map[string]string{
			"id": c.ID, "name": c.Name, "title": c.Title, "taxonomy": c.Taxonomy, "status": c.Status, "level": c.Level,
			"description": c.Description, "license": c.License, "author": c.Author, "date": c.Date, "modified": c.Modified,
		}
		lists = map[string][]string{
			"references": c.References, "fields": c.Fields, "falsepositives": c.FalsePositives, "tags": c.Tags, "scope": c.Scope,
		}
		custom = c.Custom
	}
	if list, ok := lists[name]; ok {
		return list, true
	}
	if text, ok := texts[name]; ok {
		return text, text != ""
	}
	switch value := custom[name].(type) {
	case nil:
		return nil, false
	case []any:
		var list []string
		for _, v := range value {
			list = append(list, fmt.Sprint(v))
		}
		return list, true
	case map[string]any:
		r.failed = fmt.Errorf("the attribute %s of the rule is a map, which cannot be compared; ask for another", name)
		return nil, false
	default:
		return value, true
	}
}

func tagCondition(_ *reader, m *strict.Map) ruleCondition {
	m.Need("tag")
	tag := m.Text("tag")
	return func(r *run) bool {
		tags, _ := r.attribute("tags")
		list, _ := tags.([]string)
		return slices.ContainsFunc(list, func(t string) bool { return strings.EqualFold(t, tag) })
	}
}

// ofValues makes a condition of items of one on their values: cond says whether
// one of them is enough.
func ofValues(m *strict.Map, holds func(sigma.Value) bool) itemCondition {
	m.Need("cond")
	all := m.OneOf("cond", "any", "all") == "all"
	return func(_ *run, item *sigma.Item) bool {
		if all {
			return !slices.ContainsFunc(item.Values, func(v sigma.Value) bool { return !holds(v) })
		}
		return slices.ContainsFunc(item.Values, holds)
	}
}

func matchString(r *reader, m *strict.Map) itemCondition {
	m.Need("pattern")
	match := r.startsWith(m, "pattern", m.Text("pattern"))
	negate := m.Bool("negate", false)
	return ofValues(m, func(v sigma.Value) bool {
		s, ok := v.(sigma.String)
		return (ok && match(plain(s))) != negate
	})
}

// startsWith compiles an expression that must match from the first character.
func (r *reader) startsWith(m *strict.Map, key, pattern string) func(string) bool {
	compiled, err := sigma.Regex{Expr: `^(?:` + pattern + `)`}.Compile()
	if err == nil {
		_, err = sigma.Regex{Expr: pattern}.Compile()
	}
	if err != nil {
		m.Report(m.LineOf(key), "%q is no regular expression: %v", pattern, err)
		return func(string) bool { return false }
	}
	return compiled.Match
}

func matchValue(_ *reader, m *strict.Map) itemCondition {
	m.Need("value")
	want := readValue(m, "value")
	return ofValues(m, func(v sigma.Value) bool { return equal(v, want) })
}

func containsWildcard(_ *reader, m *strict.Map) itemCondition {
	return ofValues(m, func(v sigma.Value) bool {
		s, ok := v.(sigma.String)
		return ok && (s.Has(sigma.Star) || s.Has(sigma.Question))
	})
}

func isNull(_ *reader, m *strict.Map) itemCondition {
	return ofValues(m, func(v sigma.Value) bool { _, ok := v.(sigma.Null); return ok })
}

// namesField reads the fields of a condition, as names or as expressions.
func namesField(r *reader, m *strict.Map) func(*run, string) bool {
	m.Need("fields")
	fields := m.Texts("fields")
	if m.OneOf("mode", "plain", "re") == "plain" {
		return func(_ *run, field string) bool { return slices.Contains(fields, field) && field != "" }
	}
	var matches []func(string) bool
	for _, pattern := range fields {
		matches = append(matches, r.startsWith(m, "fields", pattern))
	}
	return func(_ *run, field string) bool {
		return field != "" && slices.ContainsFunc(matches, func(match func(string) bool) bool { return match(field) })
	}
}
