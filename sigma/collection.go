package sigma

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// Collection is what was loaded: rules, correlations and filters in the order
// of their files. Problems are of the documents that were refused, Skipped of
// those that are something else: pipelines, and other settings beside rules.
type Collection struct {
	Rules        []*Rule
	Correlations []*Correlation
	Filters      []*Filter
	Problems     []Problem
	Skipped      []Problem
}

// Parse reads the documents of one file and links them. The name is for
// problems.
func Parse(name string, data []byte) *Collection {
	c := &Collection{}
	c.Add(name, data)
	c.Link()
	return c
}

// Add reads the documents of a file. Documents that are refused keep no other
// from being read. Link comes after the last file.
func (c *Collection) Add(name string, data []byte) {
	if len(data) > maxFile {
		c.Problems = append(c.Problems, Problem{Pos{name, 0}, "too-big", fmt.Sprintf("the file has more than %d bytes", maxFile), "split it"})
		return
	}
	docs, lines := documents(decoded(data))
	if len(docs) > maxDocuments {
		c.Problems = append(c.Problems, Problem{Pos{name, 0}, "too-big", fmt.Sprintf("the file has more than %d documents", maxDocuments), "split it"})
		return
	}
	old := actions{}
	for i, doc := range docs {
		r := &reader{file: name}
		if n := r.decode(doc, lines[i]); n != nil {
			if n = old.apply(r, n); n != nil {
				c.document(r, n)
			}
		}
		c.Problems = append(c.Problems, r.problems...)
	}
}

// document reads what a document is, and keeps it when nothing is wrong.
func (c *Collection) document(r *reader, n *yaml.Node) {
	var keep func()
	switch {
	case n.Kind != yaml.MappingNode:
		r.refusef(n, "type", "write a mapping with detection, correlation or filter", "the document is %s", nodeKind(n))
	case key(n, "correlation") != nil:
		correlation := r.correlation(n)
		keep = func() { c.Correlations = append(c.Correlations, correlation) }
	case key(n, "filter") != nil:
		filter := r.filter(n)
		keep = func() { c.Filters = append(c.Filters, filter) }
	case isOther(n):
		c.Skipped = append(c.Skipped, Problem{r.pos(n), "not-a-rule", "the document is no rule, correlation or filter", "move it elsewhere if it should not be among rules"})
		return
	default:
		rule := r.rule(n)
		keep = func() { c.Rules = append(c.Rules, rule) }
	}
	if len(r.problems) == 0 {
		keep()
	}
}

// isOther reports whether a document does not mean to be a rule.
func isOther(n *yaml.Node) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if name := n.Content[i].Value; name == "logsource" || strings.HasPrefix(name, "detect") || strict.Nearest(name, []string{"correlation"}) != "" {
			return false
		}
	}
	return key(n, "title") == nil || key(n, "logsources") != nil || key(n, "transformations") != nil
}

// key is the value of a key of a mapping, nil when it is not there.
func key(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// actions are the older form of several rules in one file: global gives its
// keys to all documents that follow, reset takes them away, and repeat has the
// keys of the document before.
type actions struct{ global, before *yaml.Node }

func (a *actions) apply(r *reader, n *yaml.Node) *yaml.Node {
	action := key(n, "action")
	if action == nil {
		if n.Kind == yaml.MappingNode {
			n = overlay(a.global, n, 0)
			a.before = n
		}
		return n
	}
	n = without(n, "action")
	switch action.Value {
	case "global":
		a.global = overlay(a.global, n, 0)
		return nil
	case "reset":
		a.global = nil
		return nil
	case "repeat":
		n = overlay(a.before, n, 0)
		a.before = n
		return n
	}
	r.refusef(action, "action", "write global, reset or repeat", "there is no action %q", clip(action.Value))
	return nil
}

func without(n *yaml.Node, name string) *yaml.Node {
	out := *n
	out.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != name {
			out.Content = append(out.Content, n.Content[i], n.Content[i+1])
		}
	}
	return &out
}

// overlay is one mapping with another laid over it.
func overlay(base, over *yaml.Node, depth int) *yaml.Node {
	if base == nil || base.Kind != yaml.MappingNode || over.Kind != yaml.MappingNode || depth > maxDepth {
		return over
	}
	out := *over
	out.Content = append([]*yaml.Node(nil), base.Content...)
	for i := 0; i+1 < len(over.Content); i += 2 {
		name, val := over.Content[i], over.Content[i+1]
		at := slices.IndexFunc(base.Content, func(n *yaml.Node) bool { return n.Value == name.Value })
		if at < 0 || at%2 == 1 {
			out.Content = append(out.Content, name, val)
			continue
		}
		out.Content[at], out.Content[at+1] = name, overlay(base.Content[at+1], val, depth+1)
	}
	return &out
}

// Rule finds a rule by id or name.
func (c *Collection) Rule(ref string) *Rule {
	for _, r := range c.Rules {
		if ref != "" && (r.ID == ref || r.Name == ref) {
			return r
		}
	}
	return nil
}

// Correlation finds a correlation by id or name.
func (c *Collection) Correlation(ref string) *Correlation {
	for _, r := range c.Correlations {
		if ref != "" && (r.ID == ref || r.Name == ref) {
			return r
		}
	}
	return nil
}

// Link checks what documents say of one another, and applies the filters. It
// is called once, after the last Add. An id or a name belongs to the document
// that had it first; a correlation whose rules are not there is refused.
func (c *Collection) Link() {
	c.unique()
	c.resolve()
	c.filter()
	sort.SliceStable(c.Problems, func(i, j int) bool {
		a, b := c.Problems[i], c.Problems[j]
		if a.File != b.File {
			return a.File < b.File
		}
		return a.Line < b.Line
	})
}

func (c *Collection) refuse(at Pos, code, fix, format string, args ...any) {
	c.Problems = append(c.Problems, Problem{at, code, fmt.Sprintf(format, args...), fix})
}

func (c *Collection) unique() {
	first := map[string]Pos{}
	taken := func(at Pos, id, name string) bool {
		for _, one := range []struct{ kind, value string }{{"id", id}, {"name", name}} {
			if was, ok := first[one.value]; ok && one.value != "" {
				c.refuse(at, "duplicate-"+one.kind, "give it another, or take one of both away", "the %s %q is already that of %s", one.kind, clip(one.value), was)
				return true
			}
		}
		first[id], first[name] = at, at
		return false
	}
	c.Rules = slices.DeleteFunc(c.Rules, func(r *Rule) bool { return taken(r.Pos, r.ID, r.Name) })
	c.Correlations = slices.DeleteFunc(c.Correlations, func(r *Correlation) bool { return taken(r.Pos, r.ID, r.Name) })
	c.Filters = slices.DeleteFunc(c.Filters, func(f *Filter) bool { return taken(f.Pos, f.ID, f.Name) })
}

// resolve refuses correlations of rules that are not there, until all that are
// left can be honoured.
func (c *Collection) resolve() {
	for {
		known := c.references()
		before := len(c.Correlations)
		c.Correlations = slices.DeleteFunc(c.Correlations, func(r *Correlation) bool {
			for _, ref := range r.Rules {
				if !known[ref] {
					c.refuse(r.Pos, "unknown-rule", "load that rule too, or correct the id or name", "the correlation is of the rule %q, which is not loaded", clip(ref))
					return true
				}
			}
			return false
		})
		if len(c.Correlations) == before {
			break
		}
	}
	c.cycles()
}

func (c *Collection) references() map[string]bool {
	known := map[string]bool{}
	for _, r := range c.Rules {
		known[r.ID], known[r.Name] = true, true
	}
	for _, r := range c.Correlations {
		known[r.ID], known[r.Name] = true, true
	}
	delete(known, "")
	return known
}

// cycles refuses correlations that are of themselves, by way of others.
func (c *Collection) cycles() {
	byRef := map[string]*Correlation{}
	for _, r := range c.Correlations {
		byRef[r.ID], byRef[r.Name] = r, r
	}
	const walking, done, bad = 1, 2, 3
	state := map[*Correlation]int{}
	var visit func(r *Correlation) bool
	visit = func(r *Correlation) bool {
		switch state[r] {
		case walking, bad:
			return false
		case done:
			return true
		}
		state[r] = walking
		for _, ref := range r.Rules {
			if next := byRef[ref]; next != nil && !visit(next) {
				state[r] = bad
				return false
			}
		}
		state[r] = done
		return true
	}
	c.Correlations = slices.DeleteFunc(c.Correlations, func(r *Correlation) bool {
		if visit(r) {
			return false
		}
		c.refuse(r.Pos, "cycle", "take one of the rules away", "the correlation is of rules that are of itself: %s", clip(strings.Join(r.Rules, ", ")))
		return true
	})
}

// filter applies the filters to their rules. A filter that does not reach a
// rule that it names is a problem: what it should suppress would be reported.
func (c *Collection) filter() {
	count := map[*Rule]int{}
	byRef := map[string]*Rule{}
	for _, rule := range c.Rules {
		byRef[rule.ID], byRef[rule.Name] = rule, rule
	}
	delete(byRef, "")
	for _, f := range c.Filters {
		for _, ref := range f.Rules {
			if byRef[ref] == nil {
				c.refuse(f.Pos, "unknown-rule", "load that rule too, or correct the id or name", "the filter is for the rule %q, which is not loaded", clip(ref))
			}
		}
		for _, rule := range f.candidates(c.Rules, byRef) {
			is, why := f.For(rule)
			switch {
			case is:
				count[rule]++
				f.apply(rule, count[rule])
			case why != "" && !f.AnyRule:
				c.refuse(f.Pos, "filter", "correct the logsource of the filter", "the filter is not for the rule %q that it names: %s", clip(rule.label()), why)
			}
		}
	}
}

// candidates are the rules that a filter may be for.
func (f *Filter) candidates(all []*Rule, byRef map[string]*Rule) []*Rule {
	if f.AnyRule {
		return all
	}
	var out []*Rule
	for _, ref := range f.Rules {
		if rule := byRef[ref]; rule != nil && !slices.Contains(out, rule) {
			out = append(out, rule)
		}
	}
	return out
}

// label is what people call a rule.
func (r *Rule) label() string {
	for _, s := range []string{r.Title, r.Name, r.ID} {
		if s != "" {
			return s
		}
	}
	return r.Pos.String()
}
