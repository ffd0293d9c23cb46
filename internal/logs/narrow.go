package logs

import (
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
)

// everything is the filter that every event meets.
const everything = "*"

// Narrow returns a filter that every event meets which a rule matches, and as
// few others as LogsQL can say. What it finds is looked at with the rule's
// matcher. It is "*" when nothing can be said. Routes say which events are for the
// rule, and how their fields are called; without them every event is.
//
// What is left out: nulls and fields that are not there, keywords, comparisons
// with other fields and with parts of times, and all that a rule excludes.
func Narrow(rule *sigma.Rule, routes []sigma.Route) string {
	if len(routes) == 0 {
		return narrow(rule)
	}
	var any []string
	for _, r := range routes {
		var all []string
		for _, t := range r.When {
			all = append(all, narrowTest(t))
		}
		rule := r.Rule
		if r.Names != nil {
			rule = pipeline.Rename(rule, r.Names)
		}
		all = append(all, narrow(rule))
		any = append(any, and(all))
	}
	return or(any)
}

func narrow(rule *sigma.Rule) string {
	searches := map[string]sigma.Node{}
	for _, s := range rule.Detection.Searches {
		searches[s.Name] = s.Body
	}
	var any []string
	for _, c := range rule.Detection.Conditions {
		any = append(any, narrowExpr(c.Expr, searches))
	}
	return or(any)
}

// narrowTest is a test of a route as an item of a rule.
func narrowTest(t sigma.Test) string {
	item := &sigma.Item{Field: t.Field}
	for _, v := range t.Values {
		var s sigma.String
		for i, text := range strings.Split(v, "*") {
			if i > 0 {
				s.Parts = append(s.Parts, sigma.Part{Kind: sigma.Star})
			}
			if text != "" {
				s.Parts = append(s.Parts, sigma.Part{Text: text})
			}
		}
		item.Values = append(item.Values, s)
	}
	if len(item.Values) == 0 {
		return everything
	}
	return narrowItem(item)
}

func narrowExpr(e sigma.Expr, searches map[string]sigma.Node) string {
	switch e := e.(type) {
	case sigma.And:
		return and(each(e, func(e sigma.Expr) string { return narrowExpr(e, searches) }))
	case sigma.Or:
		return or(each(e, func(e sigma.Expr) string { return narrowExpr(e, searches) }))
	case sigma.Ref:
		return narrowNode(searches[string(e)])
	}
	return everything // what is excluded would have to be said exactly
}

func narrowNode(n sigma.Node) string {
	switch n := n.(type) {
	case *sigma.Group:
		parts := each(n.Nodes, narrowNode)
		if n.Any {
			return or(parts)
		}
		return and(parts)
	case *sigma.Item:
		return narrowItem(n)
	}
	return everything
}

func each[T any](list []T, f func(T) string) (out []string) {
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

func and(parts []string) string {
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == everything })
	switch len(parts) {
	case 0:
		return everything
	case 1:
		return parts[0]
	}
	return "(" + strings.Join(parts, " ") + ")"
}

// or is everything when one part is, and nothing without parts.
func or(parts []string) string {
	switch {
	case len(parts) == 0:
		return "!" + everything
	case slices.Contains(parts, everything):
		return everything
	case len(parts) == 1:
		return parts[0]
	}
	return "(" + strings.Join(parts, " or ") + ")"
}

// narrowItem is a filter for one line of a search.
func narrowItem(item *sigma.Item) string {
	if item.Not || item.Field == "" {
		return everything
	}
	if item.All {
		return and(each(item.Values, func(v sigma.Value) string { return narrowValues(item.Field, v) }))
	}
	return narrowValues(item.Field, item.Values...)
}

// narrowValues is a filter for a field that is one of several values.
func narrowValues(field string, values ...sigma.Value) string {
	if len(values) == 0 {
		return everything
	}
	var patterns, filters []string
	name := Quote(column(field))
	add := func(v sigma.Value) bool {
		switch v := v.(type) {
		case sigma.String:
			p, ok := pattern(v)
			patterns = append(patterns, p)
			return ok
		case sigma.Number:
			patterns = append(patterns, numberPattern(v))
		case sigma.Bool:
			patterns = append(patterns, "(?i:^"+strconv.FormatBool(bool(v))+"$)")
		case sigma.Regex:
			m, err := v.Compile()
			if err != nil || m.Plain == nil || m.Plain.MatchString("") {
				return false
			}
			filters = append(filters, name+":~"+Quote(m.Plain.String()))
		case sigma.CIDR:
			if v.Addr().Is4() {
				filters = append(filters, name+":ipv4_range("+Quote(v.String())+")", name+":~"+Quote(":"))
			} else {
				filters = append(filters, name+":*")
			}
		case sigma.Compare:
			filters = append(filters, name+":*")
		default:
			return false
		}
		return true
	}
	for _, v := range values {
		for _, v := range alternatives(v) {
			if !add(v) {
				return everything
			}
		}
	}
	if len(patterns) > 0 {
		filters = append(filters, name+":~"+Quote("(?s)"+strings.Join(patterns, "|")))
	}
	return or(append(filters, elsewhere(field)...))
}

// alternatives are the values that a value is one of.
func alternatives(v sigma.Value) (out []sigma.Value) {
	if list, ok := v.(sigma.Any); ok {
		for _, v := range list {
			out = append(out, alternatives(v)...)
		}
		return out
	}
	return []sigma.Value{v}
}

// elsewhere are filters for events that may have a field within JSON: in a list
// of its own, within a list or an object that a part of its name leads to, or
// aside.
func elsewhere(field string) []string {
	out := []string{Quote(column(field)) + `:="["*`, event.FieldRest + ":*"}
	for i, c := range field {
		if c == '.' {
			name := Quote(column(field[:i]))
			out = append(out, name+`:="["*`, name+`:="{"*`)
		}
	}
	return out
}

// pattern is a text with wildcards as a regular expression. It is not ok when an
// empty text meets it, which the engine does not keep.
func pattern(s sigma.String) (expr string, ok bool) {
	parts := s.Parts
	from, to := "^", "$"
	for len(parts) > 0 && parts[0].Kind == sigma.Star {
		parts, from = parts[1:], ""
	}
	for len(parts) > 0 && parts[len(parts)-1].Kind == sigma.Star {
		parts, to = parts[:len(parts)-1], ""
	}
	if len(parts) == 0 {
		return "", false
	}
	var b strings.Builder
	for _, p := range parts {
		switch p.Kind {
		case sigma.Text:
			b.WriteString(regexp.QuoteMeta(p.Text))
		case sigma.Star:
			b.WriteString(".*")
		case sigma.Question:
			b.WriteString(".")
		default:
			return "", false
		}
	}
	flag := "(?i:"
	if s.Cased {
		flag = "(?:"
	}
	expr = flag + from + b.String() + to + ")"
	_, err := syntax.Parse(expr, syntax.Perl)
	return expr, err == nil
}

// numberPattern finds the texts that may be a number: its digits, and whatever
// has a fraction or an exponent.
func numberPattern(n sigma.Number) string {
	if n.Value != math.Trunc(n.Value) || math.Abs(n.Value) >= 1e15 {
		return `^[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?$`
	}
	return `^[-+]?(?:0*` + strconv.FormatFloat(math.Abs(n.Value), 'f', 0, 64) + `|[0-9]*\.[0-9]*(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$`
}
