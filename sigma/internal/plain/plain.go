// Package plain says whether an event is what a rule looks for, as simply as
// it can be said. It is slow, and the measure of the engine that is not.
package plain

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"github.com/binnaclehq/binnacle/sigma"
)

// Match reports whether an event, decoded from JSON with UseNumber, is what a
// rule looks for. The error is of a rule that cannot be run: one with
// placeholders left.
func Match(rule *sigma.Rule, event map[string]any) (matched bool, err error) {
	if names := rule.Placeholders(); len(names) > 0 {
		return false, fmt.Errorf("the placeholders %s have no values", strings.Join(names, ", "))
	}
	e := evaluator{event: event, searches: map[sigma.Ref]sigma.Node{}}
	for _, s := range rule.Detection.Searches {
		e.searches[sigma.Ref(s.Name)] = s.Body
	}
	for _, c := range rule.Detection.Conditions {
		matched = matched || e.expr(c.Expr)
	}
	return matched && e.err == nil, e.err
}

type evaluator struct {
	event    map[string]any
	searches map[sigma.Ref]sigma.Node
	err      error
}

// expr looks at all parts of an expression, so that no error is missed.
func (e *evaluator) expr(x sigma.Expr) bool {
	switch x := x.(type) {
	case sigma.And:
		all := true
		for _, part := range x {
			all = e.expr(part) && all
		}
		return all
	case sigma.Or:
		one := false
		for _, part := range x {
			one = e.expr(part) || one
		}
		return one
	case sigma.Not:
		return !e.expr(x.Of)
	case sigma.Ref:
		body, ok := e.searches[x]
		if !ok {
			e.err = fmt.Errorf("there is no search %q", x)
			return false
		}
		return e.node(body)
	}
	e.err = fmt.Errorf("there is no logic of type %T", x)
	return false
}

func (e *evaluator) node(n sigma.Node) bool {
	switch n := n.(type) {
	case *sigma.Group:
		all, one := true, false
		for _, part := range n.Nodes {
			held := e.node(part)
			all, one = all && held, one || held
		}
		if n.Any {
			return one
		}
		return all
	case *sigma.Item:
		return e.item(n) != n.Not
	}
	e.err = fmt.Errorf("there is no part of a search of type %T", n)
	return false
}

func (e *evaluator) item(item *sigma.Item) bool {
	var found []any
	var there bool
	if item.Field == "" {
		found, there = everything(e.event, nil), true
	} else {
		found, there = lookup(e.event, item.Field)
	}
	all, one := true, false
	for _, v := range item.Values {
		held := e.value(v, found, there)
		all, one = all && held, one || held
	}
	if item.All {
		return all
	}
	return one
}

// lookup returns what a field holds, and whether it is there.
func lookup(event map[string]any, field string) ([]any, bool) {
	if v, ok := event[field]; ok {
		return members(v, nil), true
	}
	if !strings.Contains(field, ".") {
		return nil, false
	}
	return follow(event, strings.Split(field, "."))
}

// follow goes down a path, into each member of a list on the way.
func follow(v any, path []string) ([]any, bool) {
	if len(path) == 0 {
		return members(v, nil), true
	}
	var found []any
	there := false
	switch v := v.(type) {
	case map[string]any:
		if next, ok := v[path[0]]; ok {
			return follow(next, path[1:])
		}
	case []any:
		for _, member := range v {
			more, ok := follow(member, path)
			found, there = append(found, more...), there || ok
		}
	}
	return found, there
}

// members are the values in a list, and in lists in it; else the value alone.
func members(v any, into []any) []any {
	list, ok := v.([]any)
	if !ok {
		return append(into, v)
	}
	for _, member := range list {
		into = members(member, into)
	}
	return into
}

// everything is each value of an event, however deep.
func everything(v any, into []any) []any {
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			into = everything(member, into)
		}
	case []any:
		for _, member := range v {
			into = everything(member, into)
		}
	default:
		into = append(into, v)
	}
	return into
}

// value reports whether one of the values that were found is as v says.
func (e *evaluator) value(v sigma.Value, found []any, there bool) bool {
	switch v := v.(type) {
	case sigma.Any:
		one := false
		for _, x := range v {
			one = e.value(x, found, there) || one
		}
		return one
	case sigma.Exists:
		return there == bool(v)
	case sigma.Null:
		if !there {
			return true
		}
	}
	one := false
	for _, f := range found {
		one = e.single(v, f) || one
	}
	return one
}

func (e *evaluator) single(v sigma.Value, found any) bool {
	if _, ok := v.(sigma.Null); ok {
		return found == nil
	}
	text, ok := textOf(found)
	if !ok {
		return false
	}
	switch v := v.(type) {
	case sigma.String:
		return matchParts(v.Parts, []rune(text), v.Cased)
	case sigma.Number:
		n, ok := sigma.ParseNumber(text)
		return ok && n == v.Value
	case sigma.Bool:
		return strings.EqualFold(text, strconv.FormatBool(bool(v)))
	case sigma.Regex:
		m, err := v.Compile()
		if err != nil {
			e.err = err
			return false
		}
		return m.Match(text)
	case sigma.CIDR:
		addr, err := netip.ParseAddr(text)
		return err == nil && v.Contains(addr.Unmap().WithZone(""))
	case sigma.Compare:
		n, ok := sigma.ParseNumber(text)
		return ok && v.Op.Holds(n, v.Value)
	case sigma.FieldRef:
		return e.reference(v, text)
	case sigma.TimePart:
		t, ok := sigma.ParseTime(text)
		return ok && v.Holds(t)
	}
	e.err = fmt.Errorf("there is no value of type %T", v)
	return false
}

// textOf is the text of a value. null, mappings and lists have none.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// matchParts tries all ways to spread a text over the parts of a string.
func matchParts(parts []sigma.Part, text []rune, cased bool) bool {
	if len(parts) == 0 {
		return len(text) == 0
	}
	part, rest := parts[0], parts[1:]
	switch part.Kind {
	case sigma.Star:
		for i := range len(text) + 1 {
			if matchParts(rest, text[i:], cased) {
				return true
			}
		}
		return false
	case sigma.Question:
		return len(text) > 0 && matchParts(rest, text[1:], cased)
	}
	want := []rune(part.Text)
	if len(text) < len(want) || !same(want, text[:len(want)], cased) {
		return false
	}
	return matchParts(rest, text[len(want):], cased)
}

// same compares two texts of one length.
func same(a, b []rune, cased bool) bool {
	for i := range a {
		if a[i] != b[i] && (cased || !sameLetter(a[i], b[i])) {
			return false
		}
	}
	return true
}

// sameLetter reports whether two characters are cases of one letter.
func sameLetter(a, b rune) bool {
	for r := unicode.SimpleFold(a); r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return false
}

// reference compares a text with another field of the event.
func (e *evaluator) reference(ref sigma.FieldRef, text string) bool {
	others, _ := lookup(e.event, ref.Field)
	for _, other := range others {
		if want, ok := textOf(other); ok && stands(ref, []rune(want), []rune(text)) {
			return true
		}
	}
	return false
}

func stands(ref sigma.FieldRef, want, text []rune) bool {
	for from := 0; from+len(want) <= len(text); from++ {
		begins, ends := from == 0, from+len(want) == len(text)
		switch {
		case ref.At == sigma.Whole && !(begins && ends),
			ref.At == sigma.Start && !begins,
			ref.At == sigma.End && !ends:
			continue
		}
		if same(want, text[from:from+len(want)], ref.Cased) {
			return true
		}
	}
	return false
}
