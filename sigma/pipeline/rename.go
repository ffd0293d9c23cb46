package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// Rename returns a copy of a rule whose fields are called as names says, where
// it says. It is the shortest pipeline: one mapping, one name to one.
func Rename(rule *sigma.Rule, names map[string]string) *sigma.Rule {
	if len(names) == 0 {
		return rule.Clone()
	}
	p := &Pipeline{steps: []*step{{do: rename(func(field string) ([]string, bool) {
		name, ok := names[field]
		return []string{name}, ok
	})}}}
	renamed, err := p.Apply(rule)
	if err != nil {
		panic(err) // one name to one cannot fail
	}
	return renamed
}

// naming returns the new names of a field, or false when it keeps its own.
// Keywords are the field "".
type naming func(field string) (names []string, ok bool)

func fieldNameMapping(_ *reader, m *strict.Map) action {
	mapping := readNames(m)
	return rename(func(field string) ([]string, bool) {
		names, ok := mapping[field]
		return names, ok
	})
}

// readNames reads the parameter mapping: the new name of a field, or a list of
// them.
func readNames(m *strict.Map) map[string][]string {
	m.Need("mapping")
	mapping := map[string][]string{}
	if sub := m.Sub("mapping"); sub != nil {
		for _, field := range sub.Keys() {
			mapping[field] = sub.Texts(field)
		}
	}
	return mapping
}

// fieldNamePrefixMapping takes the first prefix of the file that a field has.
func fieldNamePrefixMapping(_ *reader, m *strict.Map) action {
	mapping := readNames(m)
	var prefixes []string
	if sub := m.Sub("mapping"); sub != nil {
		prefixes = sub.Keys()
	}
	if slices.Contains(prefixes, "") {
		m.Report(m.LineOf("mapping"), "an empty prefix is of every field; use field_name_prefix")
	}
	return rename(func(field string) ([]string, bool) {
		i := slices.IndexFunc(prefixes, func(p string) bool { return strings.HasPrefix(field, p) })
		if field == "" || i < 0 {
			return nil, false
		}
		var names []string
		for _, prefix := range mapping[prefixes[i]] {
			names = append(names, prefix+field[len(prefixes[i]):])
		}
		return names, true
	})
}

func fieldNamePrefix(_ *reader, m *strict.Map) action {
	m.Need("prefix")
	prefix := m.Text("prefix")
	return rename(func(field string) ([]string, bool) { return []string{prefix + field}, field != "" })
}

func fieldNameSuffix(_ *reader, m *strict.Map) action {
	m.Need("suffix")
	suffix := m.Text("suffix")
	return rename(func(field string) ([]string, bool) { return []string{field + suffix}, field != "" })
}

// fieldFunctions are what transform_func can name.
var fieldFunctions = map[string]func(string) string{
	"lower":       strings.ToLower,
	"upper":       strings.ToUpper,
	"snake_case":  func(field string) string { return strings.ToLower(strings.Join(words(field), "_")) },
	"camel_case":  func(field string) string { return lowerFirst(pascal(field)) },
	"pascal_case": pascal,
}

func fieldNameTransform(_ *reader, m *strict.Map) action {
	m.Need("transform_func")
	name := m.Text("transform_func")
	function, ok := fieldFunctions[name]
	if !ok {
		m.Report(m.LineOf("transform_func"), "there is no function %q; use one of %s%s", name,
			strings.Join(sortedKeys(fieldFunctions), ", "), strict.Near(name, sortedKeys(fieldFunctions)))
		function = strings.ToLower
	}
	explicit := map[string][]string{}
	if m.Has("mapping") {
		explicit = readNames(m)
	}
	if m.Bool("apply_keyword", false) && len(explicit[""]) == 0 {
		m.Report(m.LineOf("apply_keyword"), "keywords have no name to change; say in mapping what null becomes")
	}
	return rename(func(field string) ([]string, bool) {
		if names, ok := explicit[field]; ok {
			return names, true
		}
		return []string{function(field)}, field != ""
	})
}

// words splits a name where a capital letter follows a small one or begins a
// word after others, and at what is neither letter nor digit: "ParentImageURL"
// and "parent_image-url" are parent, image and url.
func words(name string) []string {
	var all []string
	runes := []rune(name)
	start := 0
	cut := func(end int) {
		if end > start {
			all = append(all, string(runes[start:end]))
		}
	}
	for i, c := range runes {
		switch {
		case !unicode.IsLetter(c) && !unicode.IsDigit(c):
			cut(i)
			start = i + 1
		case i > start && unicode.IsUpper(c) && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			cut(i)
			start = i
		}
	}
	cut(len(runes))
	return all
}

func pascal(name string) string {
	var b strings.Builder
	for _, word := range words(name) {
		runes := []rune(strings.ToLower(word))
		runes[0] = unicode.ToUpper(runes[0])
		b.WriteString(string(runes))
	}
	return b.String()
}

func lowerFirst(name string) string {
	runes := []rune(name)
	if len(runes) > 0 {
		runes[0] = unicode.ToLower(runes[0])
	}
	return string(runes)
}

// rename is the action of all transformations that give fields other names.
func rename(names naming) action {
	return func(r *run, s *step) error {
		n := renamer{r, s, names}
		if r.correlation != nil {
			return n.correlation()
		}
		r.rule.Fields = n.list(r.rule.Fields)
		return r.eachItem(s, n.item)
	}
}

type renamer struct {
	*run
	step  *step
	names naming
}

// to returns the names of a field after the step, which are its own when the
// step is not for it.
func (n renamer) to(field string) (names []string, changed bool) {
	names, ok := n.names(field)
	if !ok || !n.meansField(n.step, field) {
		return []string{field}, false
	}
	n.mapped[field] = true
	for _, name := range names {
		n.mapped[name] = true
	}
	n.track(field, names)
	return names, true
}

// track notes what led to a name, for conditions on names.
func (n renamer) track(field string, names []string) {
	if len(names) == 1 && names[0] == field {
		return
	}
	led := maps.Clone(n.fields[field])
	if led == nil {
		led = set{}
	}
	if n.step.id != "" {
		led[n.step.id] = true
	}
	for _, name := range names {
		n.fields[name] = maps.Clone(led)
	}
}

func (n renamer) list(fields []string) []string {
	var out []string
	for _, field := range fields {
		names, _ := n.to(field)
		out = append(out, names...)
	}
	return out
}

// item gives an item its names. Several names are several items of which one is
// enough; of an item that is turned round, none may be met.
func (n renamer) item(item *sigma.Item) (sigma.Node, bool, error) {
	refs := n.refs(item)
	names, changed := n.to(item.Field)
	if !changed {
		return item, refs, nil
	}
	if item.Field == "" {
		item.Values = within(item.Values)
	}
	if len(names) == 0 {
		return nil, true, nil
	}
	if len(names) == 1 {
		item.Field = names[0]
		return item, true, nil
	}
	if len(names)*(1+len(item.Values)) > maxValues {
		return nil, false, errTooLarge
	}
	group := &sigma.Group{Any: !item.Not}
	for _, name := range names {
		one := *item
		one.Field, one.Values = name, slices.Clone(item.Values)
		group.Nodes = append(group.Nodes, &one)
	}
	return group, true, nil
}

// within makes what was looked for in the whole event to be found within a
// field.
func within(values []sigma.Value) []sigma.Value {
	star := wildcard('*')
	out := slices.Clone(values)
	for i, v := range out {
		switch v := v.(type) {
		case sigma.String:
			cased := v.Cased
			v = sigma.Concat(star, v, star)
			v.Cased = cased
			out[i] = v
		case sigma.Any:
			out[i] = sigma.Any(within(v))
		}
	}
	return out
}

// refs renames the fields that the values of an item refer to.
func (n renamer) refs(item *sigma.Item) bool {
	changed := false
	var out []sigma.Value
	for _, v := range item.Values {
		values := n.ref(v, &changed)
		if item.All && len(values) > 1 {
			values = []sigma.Value{sigma.Any(values)}
		}
		out = append(out, values...)
	}
	if changed {
		item.Values = out
	}
	return changed
}

func (n renamer) ref(v sigma.Value, changed *bool) []sigma.Value {
	var out []sigma.Value
	switch v := v.(type) {
	case sigma.FieldRef:
		names, renamed := n.to(v.Field)
		*changed = *changed || renamed
		for _, name := range names {
			v.Field = name
			out = append(out, v)
		}
		return out
	case sigma.Any:
		for _, member := range v {
			out = append(out, n.ref(member, changed)...)
		}
		return []sigma.Value{sigma.Any(out)}
	}
	return []sigma.Value{v}
}

// correlation renames the fields of a correlation. Aliases are names of its own
// and stay; what they stand for is renamed.
func (n renamer) correlation() error {
	c := n.run.correlation
	for _, alias := range sortedKeys(c.Aliases) {
		for _, rule := range sortedKeys(c.Aliases[alias]) {
			name, err := n.one(c.Aliases[alias][rule], "the alias "+alias)
			if err != nil {
				return err
			}
			c.Aliases[alias][rule] = name
		}
	}
	var group []string
	for _, field := range c.GroupBy {
		if _, alias := c.Aliases[field]; alias {
			group = append(group, field)
			continue
		}
		group = append(group, n.list([]string{field})...)
	}
	c.GroupBy = group
	for i, field := range c.Condition.Fields {
		if _, alias := c.Aliases[field]; alias {
			continue
		}
		name, err := n.one(field, "the condition")
		if err != nil {
			return err
		}
		c.Condition.Fields[i] = name
	}
	return nil
}

func (n renamer) one(field, of string) (string, error) {
	names, _ := n.to(field)
	if len(names) != 1 {
		return "", fmt.Errorf("%s of a correlation needs one field, and %s becomes %d (%s): map it to one", of, field, len(names), strings.Join(names, ", "))
	}
	return names[0], nil
}
