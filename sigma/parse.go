package sigma

import (
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// header is what all documents have in common, read into the fields of one.
type header struct {
	texts  map[string]*string
	lists  map[string]*[]string
	custom *map[string]any
}

// read takes a key that the header knows, or that nobody does.
func (h header) read(r *reader, p pair) {
	if text, ok := h.texts[p.key]; ok {
		*text = r.text(p)
		return
	}
	if list, ok := h.lists[p.key]; ok {
		*list = r.texts(p)
		return
	}
	if *h.custom == nil {
		*h.custom = map[string]any{}
	}
	(*h.custom)[p.key] = r.any(p.val, 0)
}

// rule reads a document that is a rule.
func (r *reader) rule(n *yaml.Node) *Rule {
	rule := &Rule{Pos: r.pos(n)}
	head := header{
		texts: map[string]*string{
			"id": &rule.ID, "name": &rule.Name, "title": &rule.Title, "taxonomy": &rule.Taxonomy,
			"status": &rule.Status, "level": &rule.Level, "description": &rule.Description, "license": &rule.License,
			"author": &rule.Author, "date": &rule.Date, "modified": &rule.Modified,
		},
		lists: map[string]*[]string{
			"references": &rule.References, "fields": &rule.Fields, "falsepositives": &rule.FalsePositives,
			"tags": &rule.Tags, "scope": &rule.Scope,
		},
		custom: &rule.Custom,
	}
	found := false
	for _, p := range r.pairs(n, "a rule") {
		switch p.key {
		case "related":
			rule.Related = r.related(p)
		case "logsource":
			rule.Logsource = r.logsource(p)
		case "detection":
			found = true
			rule.Detection = r.detection(p)
		default:
			head.read(r, p)
		}
	}
	if !found {
		r.noDetection(n)
	}
	return rule
}

// noDetection refuses a document that is none of the three kinds. A key that
// was likely meant to make it one is named.
func (r *reader) noDetection(n *yaml.Node) {
	for _, p := range r.mapping(n, 0) {
		if kind := strict.Nearest(p.key, []string{"detection", "correlation", "filter"}); kind != "" {
			r.refusef(p.node, "no-detection", "write "+kind, "the document has no detection, but the key %q", clip(p.key))
			return
		}
	}
	r.refusef(n, "no-detection", "add detection with a search and a condition; a correlation has the key correlation, a filter the key filter", "the document has no detection")
}

func (r *reader) related(p pair) []Related {
	if p.val.Kind != yaml.SequenceNode {
		r.refusef(p.val, "type", "write a list of id and type", "related must be a list, and is %s", nodeKind(p.val))
		return nil
	}
	var out []Related
	for _, c := range p.val.Content {
		var rel Related
		for _, q := range r.pairs(c, "a member of related") {
			switch q.key {
			case "id":
				rel.ID = r.text(q)
			case "type":
				rel.Type = r.text(q)
			default:
				r.refusef(q.node, "unknown-key", "write id and type", "related has no key %q", clip(q.key))
			}
		}
		out = append(out, rel)
	}
	return out
}

func (r *reader) logsource(p pair) Logsource {
	var l Logsource
	for _, q := range r.pairs(p.val, "logsource") {
		switch q.key {
		case "category":
			l.Category = r.text(q)
		case "product":
			l.Product = r.text(q)
		case "service":
			l.Service = r.text(q)
		case "definition":
			l.Definition = r.text(q)
		default:
			if l.Custom == nil {
				l.Custom = map[string]string{}
			}
			l.Custom[q.key] = strings.Join(r.texts(q), ", ")
		}
	}
	return l
}

func (r *reader) detection(p pair) Detection {
	return r.searches(p, r.pairs(p.val, p.key))
}

// searches reads searches and the conditions over them.
func (r *reader) searches(in pair, pairs []pair) Detection {
	var d Detection
	var condition *pair
	var names []string
	for i, p := range pairs {
		switch p.key {
		case "condition":
			condition = &pairs[i]
		case "timeframe":
			r.refusef(p.node, "timeframe", "write a correlation rule with a timespan", "a timeframe is of the old form of aggregations")
		default:
			names = append(names, p.key)
			if body := r.body(p.val, 0); body != nil {
				d.Searches = append(d.Searches, &Search{Name: p.key, Line: p.node.Line, Body: body})
			}
		}
	}
	if condition == nil {
		r.noCondition(in, pairs, names)
		return d
	}
	d.Conditions = r.conditions(*condition, names)
	return d
}

// noCondition refuses searches without a condition. A key that was likely meant to
// be it is named.
func (r *reader) noCondition(in pair, pairs []pair, names []string) {
	for _, p := range pairs {
		if strict.Nearest(p.key, []string{"condition"}) != "" {
			r.refusef(p.node, "no-condition", "write condition", "%s has no condition, but the key %q", in.key, clip(p.key))
			return
		}
	}
	fix := "add condition, as: condition: " + strings.Join(names, " and ")
	if len(names) == 0 {
		fix = "add a search, and condition with its name"
	}
	r.refusef(in.node, "no-condition", fix, "%s has no condition", in.key)
}

func (r *reader) conditions(p pair, names []string) []Condition {
	nodes := []*yaml.Node{p.val}
	if p.val.Kind == yaml.SequenceNode {
		nodes = p.val.Content
		if len(nodes) == 0 {
			r.refusef(p.node, "condition", "name a search", "the list of conditions is empty")
		}
	}
	var out []Condition
	for _, n := range nodes {
		n = r.follow(n)
		if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
			r.refusef(n, "type", "write it as text", "a condition is %s", nodeKind(n))
			continue
		}
		expr, err := parseCondition(n.Value, names)
		if err != nil {
			r.refuse(n, err)
			continue
		}
		out = append(out, Condition{Text: n.Value, Line: n.Line, Expr: expr})
	}
	return out
}

// body reads a search, or a part of one: a mapping of which all must hold, a
// list of which one must, or keywords.
func (r *reader) body(n *yaml.Node, depth int) Node {
	n = r.follow(n)
	switch {
	case depth > maxDepth:
		r.refusef(n, "too-deep", "write it flatter", "the search is nested more than %d deep", maxDepth)
		return nil
	case n.Kind == yaml.MappingNode:
		return r.fields(n)
	case n.Kind == yaml.SequenceNode:
		return r.alternatives(n, depth)
	}
	return r.keywords(n, []*yaml.Node{n})
}

func (r *reader) fields(n *yaml.Node) Node {
	group := &Group{}
	pairs := r.mapping(n, 0)
	if len(pairs) == 0 {
		r.refusef(n, "empty", "write fields with their values", "the search is empty")
	}
	for _, p := range pairs {
		if item := r.item(p); item != nil {
			group.Nodes = append(group.Nodes, item)
		}
	}
	return group
}

// alternatives reads a list. Its plain members are one item of keywords.
func (r *reader) alternatives(n *yaml.Node, depth int) Node {
	if len(n.Content) == 0 {
		r.refusef(n, "empty", "write what is looked for", "the search is empty")
		return nil
	}
	group := &Group{Any: true}
	var words []*yaml.Node
	for _, c := range n.Content {
		c = r.follow(c)
		if c.Kind == yaml.ScalarNode {
			words = append(words, c)
			continue
		}
		if node := r.body(c, depth+1); node != nil {
			group.Nodes = append(group.Nodes, node)
		}
	}
	if len(words) == 0 {
		return group
	}
	item := r.keywords(n, words)
	if item == nil || len(group.Nodes) == 0 {
		return item
	}
	group.Nodes = append([]Node{item}, group.Nodes...)
	return group
}

func (r *reader) keywords(at *yaml.Node, nodes []*yaml.Node) Node {
	item := &Item{Line: at.Line}
	r.values(item, nodes)
	return item
}

// item reads a field, its modifiers and its values.
func (r *reader) item(p pair) *Item {
	parts := strings.Split(p.key, "|")
	item := &Item{Field: parts[0], Line: p.node.Line}
	if len(parts) > 1 {
		item.Modifiers = parts[1:]
	}
	if p.node.ShortTag() == "!!null" {
		item.Field = ""
	}
	if err := checkModifiers(item.Modifiers); err != nil {
		r.refuse(p.node, err)
		return nil
	}
	nodes := []*yaml.Node{p.val}
	if p.val.Kind == yaml.SequenceNode {
		nodes = p.val.Content
	}
	if len(nodes) == 0 {
		r.refusef(p.node, "empty", "write a value; null is met by a field that is not there", "the field %q has an empty list", clip(item.Field))
		return nil
	}
	r.values(item, nodes)
	return item
}

// values reads the values of an item and applies its modifiers to them.
func (r *reader) values(item *Item, nodes []*yaml.Node) {
	for _, name := range item.Modifiers {
		item.All = item.All || name == "all"
		item.Not = item.Not || name == "neq"
	}
	total := 0
	for _, n := range nodes {
		n = r.follow(n)
		if n.Kind != yaml.ScalarNode {
			r.refusef(n, "type", "write a text, a number, true, false or null", "the value of %q is %s", clip(item.Field), nodeKind(n))
			continue
		}
		v, err := value(n, item)
		if err != nil {
			r.refuse(n, err)
			continue
		}
		if total += size(v); total > maxValues {
			r.refusef(n, "too-many-values", "split the list", "the values of %q are more than %d under their modifiers", clip(item.Field), maxValues)
			return
		}
		item.Values = append(item.Values, v)
	}
}

// value is a scalar after the modifiers of its item.
func value(n *yaml.Node, item *Item) (Value, *refusal) {
	o := operand{raw: n.Value, fresh: true}
	var err *refusal
	if o.value, err = scalar(n); err != nil {
		return nil, err
	}
	if both, ok := o.value.(Any); ok {
		o.value = choose(both, item.Modifiers)
	}
	if o.value, err = modify(item.Modifiers, o); err != nil || item.Field != "" {
		return o.value, err
	}
	return keyword(item.Modifiers, o)
}

// scalar is a value as YAML understands it. A number that is not written in
// decimal digits may stand in events as it is written, so that it is both.
func scalar(n *yaml.Node) (Value, *refusal) {
	switch n.ShortTag() {
	case "!!null":
		return Null{}, nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return ParseString(n.Value), nil
		}
		return Bool(b), nil
	case "!!int", "!!float":
		return number(n), nil
	case "!!str", "!!timestamp":
		return ParseString(n.Value), nil
	}
	return nil, refuse("type", "write a text, a number, true, false or null", "a value has the tag %s", n.ShortTag())
}

// choose takes one reading of a number that has two: the number for modifiers
// of numbers, else the text. Without such modifiers it keeps both.
func choose(both Any, names []string) Value {
	for _, name := range names {
		switch name {
		case "all", "neq":
		case "lt", "lte", "gt", "gte", "minute", "hour", "day", "week", "month", "year":
			return both[0]
		default:
			return both[1]
		}
	}
	return both
}

// maxExact is the greatest whole number up to which all are told apart.
const maxExact = 1 << 53

func number(n *yaml.Node) Value {
	if f, ok := ParseNumber(n.Value); ok && !legacyOctal(n.Value) {
		if math.Abs(f) >= maxExact && f == math.Trunc(f) {
			return ParseString(n.Value)
		}
		return Number{Text: n.Value, Value: f}
	}
	var f float64
	if err := n.Decode(&f); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return ParseString(n.Value)
	}
	return Any{Number{Text: strconv.FormatFloat(f, 'f', -1, 64), Value: f}, ParseString(n.Value)}
}

func legacyOctal(text string) bool {
	text = strings.TrimLeft(text, "+-")
	return len(text) > 1 && text[0] == '0' && !strings.ContainsAny(text, ".eE")
}
