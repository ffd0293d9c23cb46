package sigma

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// correlation reads a document that is a correlation.
func (r *reader) correlation(n *yaml.Node) *Correlation {
	c := &Correlation{Pos: r.pos(n)}
	head := header{
		texts: map[string]*string{
			"id": &c.ID, "name": &c.Name, "title": &c.Title, "taxonomy": &c.Taxonomy,
			"status": &c.Status, "level": &c.Level, "description": &c.Description, "license": &c.License,
			"author": &c.Author, "date": &c.Date, "modified": &c.Modified,
		},
		lists: map[string]*[]string{
			"references": &c.References, "falsepositives": &c.FalsePositives, "tags": &c.Tags,
		},
		custom: &c.Custom,
	}
	for _, p := range r.pairs(n, "a correlation") {
		switch p.key {
		case "correlation":
			r.correlationBody(c, p)
		case "generate":
			c.Generate = r.truth(p)
		default:
			head.read(r, p)
		}
	}
	return c
}

func (r *reader) truth(p pair) bool {
	var b bool
	if p.val.Kind != yaml.ScalarNode || p.val.ShortTag() != "!!bool" || p.val.Decode(&b) != nil {
		r.refusef(p.val, "type", "write true or false", "%s is %s", p.key, nodeKind(p.val))
	}
	return b
}

func (r *reader) correlationBody(c *Correlation, in pair) {
	var condition *pair
	seen := map[string]bool{}
	pairs := r.pairs(in.val, "correlation")
	for i, p := range pairs {
		seen[p.key] = true
		switch p.key {
		case "type":
			c.Type = r.correlationType(p)
		case "rules":
			c.Rules = r.names(p)
		case "group-by":
			c.GroupBy = r.names(p)
		case "timespan":
			c.Timespan = r.timespan(p)
		case "aliases":
			c.Aliases = r.aliases(p)
		case "generate":
			c.Generate = r.truth(p)
		case "condition":
			condition = &pairs[i]
		default:
			r.refusef(p.node, "unknown-key", "write type, rules, group-by, timespan, aliases, condition or generate", "a correlation has no key %q", clip(p.key))
		}
	}
	for _, key := range []string{"type", "timespan"} {
		if !seen[key] {
			r.refusef(in.node, "correlation", "add "+key, "the correlation has no %s", key)
		}
	}
	r.correlationCondition(c, in, condition)
}

var correlationTypes = []CorrelationType{
	EventCount, ValueCount, Temporal, TemporalOrdered, ValueSum, ValueAvg, ValuePercentile, ValueMedian,
}

func (r *reader) correlationType(p pair) CorrelationType {
	text := r.text(p)
	var names []string
	for _, t := range correlationTypes {
		if string(t) == text {
			return t
		}
		names = append(names, string(t))
	}
	fix := "use one of " + strings.Join(names, ", ")
	if near := strict.Nearest(text, names); near != "" {
		fix = "write " + near
	}
	r.refusef(p.val, "correlation", fix, "there is no correlation of type %q", clip(text))
	return ""
}

// names is a list of different names.
func (r *reader) names(p pair) []string {
	var out []string
	seen := map[string]bool{}
	for _, name := range r.texts(p) {
		switch {
		case name == "":
			r.refusef(p.node, "correlation", "take it away", "%s has an empty name", p.key)
		case seen[name]:
			r.refusef(p.node, "correlation", "take it away", "%s names %q twice", p.key, clip(name))
		}
		seen[name] = true
		out = append(out, name)
	}
	return out
}

var timespan = regexp.MustCompile(`^([0-9]{1,9})([smhdwMy])$`)

// units of time; a month and a year have their mean length.
var units = map[string]time.Duration{
	"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	"w": 7 * 24 * time.Hour, "M": 2629746 * time.Second, "y": 31556952 * time.Second,
}

func (r *reader) timespan(p pair) time.Duration {
	text := r.text(p)
	m := timespan.FindStringSubmatch(text)
	if m == nil {
		r.refusef(p.val, "timespan", "write a number and s, m, h or d, as 90m", "%q is no timespan", clip(text))
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	unit := units[m[2]]
	if n == 0 || time.Duration(n) > math.MaxInt64/unit {
		r.refusef(p.val, "timespan", "write one from 1s to 100y", "the timespan %q is out of bounds", text)
		return 0
	}
	return time.Duration(n) * unit
}

func (r *reader) aliases(p pair) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, alias := range r.pairs(p.val, "aliases") {
		fields := map[string]string{}
		for _, rule := range r.pairs(alias.val, "an alias") {
			field := r.text(rule)
			if field == "" {
				r.refusef(rule.val, "correlation", "name a field", "the alias %q has no field for %q", clip(alias.key), clip(rule.key))
			}
			fields[rule.key] = field
		}
		out[alias.key] = fields
	}
	return out
}

// ofValues are the types that look at a field.
func (t CorrelationType) ofValues() bool {
	switch t {
	case ValueCount, ValueSum, ValueAvg, ValuePercentile, ValueMedian:
		return true
	}
	return false
}

func (t CorrelationType) temporal() bool { return t == Temporal || t == TemporalOrdered }

func (r *reader) correlationCondition(c *Correlation, in pair, p *pair) {
	switch {
	case p == nil:
		if !c.Type.temporal() && c.Type != "" {
			r.refusef(in.node, "correlation", "add one, as: condition: {gte: 10}", "a correlation of type %s needs a condition", c.Type)
		}
	case p.val.Kind == yaml.ScalarNode && p.val.ShortTag() != "!!null":
		r.wordCondition(c, *p)
	default:
		r.boundCondition(c, *p)
	}
	if len(c.Rules) == 0 && c.Condition.Expr == nil {
		r.refusef(in.node, "correlation", "add rules with ids or names", "the correlation names no rules")
	}
	if c.Type.ofValues() && p != nil && len(c.Condition.Fields) == 0 {
		r.refusef(p.node, "correlation", "add field", "the condition of a correlation of type %s has no field", c.Type)
	}
	if c.Type != ValueCount && len(c.Condition.Fields) > 1 {
		r.refusef(p.node, "correlation", "name one field", "only value_count takes several fields")
	}
}

// wordCondition is "a and not b" over the rules of a temporal correlation.
func (r *reader) wordCondition(c *Correlation, p pair) {
	text := r.text(p)
	c.Condition.Text, c.Condition.Line = text, p.val.Line
	if !c.Type.temporal() {
		if c.Type != "" {
			r.refusef(p.val, "correlation", "write bounds, as {gte: 10}", "a condition in words is of temporal correlations, not of %s", c.Type)
		}
		return
	}
	parser := &conditionParser{searches: c.Rules, anyName: len(c.Rules) == 0}
	expr, err := parser.parse(text)
	if err != nil {
		r.refuse(p.val, err)
		return
	}
	c.Condition.Expr = expr
	named := Refs(expr)
	for _, rule := range c.Rules {
		if !slices.Contains(named, rule) {
			r.refusef(p.val, "correlation", "name it in the condition, or take it out of rules", "the condition does not say of %q whether it must match", clip(rule))
		}
	}
	if len(c.Rules) == 0 {
		c.Rules = named
	}
}

func (r *reader) boundCondition(c *Correlation, p pair) {
	c.Condition.Line = p.node.Line
	for _, q := range r.pairs(p.val, "the condition of a correlation") {
		switch op := Op(q.key); op {
		case Less, LessOrEqual, Greater, GreaterOrEqual, Equal, NotEqual:
			if n, ok := r.figure(q); ok {
				c.Condition.Bounds = append(c.Condition.Bounds, Bound{op, n})
			}
		default:
			r.conditionKey(c, q)
		}
	}
	if len(c.Condition.Bounds) == 0 {
		r.refusef(p.node, "correlation", "add gt, gte, lt, lte, eq or neq", "the condition says no figure")
	}
	if c.Type == ValuePercentile && c.Condition.Percentile == 0 {
		c.Condition.Percentile, c.Condition.Share = 50, true
	}
}

func (r *reader) conditionKey(c *Correlation, q pair) {
	switch q.key {
	case "field":
		c.Condition.Fields = r.names(q)
	case "percentile":
		n, ok := r.figure(q)
		if ok && (n < 0 || n > 100) {
			r.refusef(q.val, "correlation", "write a number from 0 to 100", "%g is no percentile", n)
		}
		if c.Type != ValuePercentile {
			r.refusef(q.node, "correlation", "use the type value_percentile", "a correlation of type %s has no percentile", c.Type)
		}
		c.Condition.Percentile = n
	default:
		r.refusef(q.node, "unknown-key", "write gt, gte, lt, lte, eq, neq or field", "the condition of a correlation has no key %q", clip(q.key))
	}
}

func (r *reader) figure(p pair) (float64, bool) {
	n, ok := ParseNumber(r.text(p))
	if !ok {
		r.refusef(p.val, "type", "write a number", "%s is %s", p.key, nodeKind(p.val))
	}
	return n, ok
}
