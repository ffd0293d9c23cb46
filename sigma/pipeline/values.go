package pipeline

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// replacement returns what a value of a field becomes: one value, several or
// none. It is false when the value stays as it is.
type replacement func(r *run, field string, v sigma.Value) (values []sigma.Value, changed bool, err error)

// eachValue is the action of all transformations of values. An item without
// values is taken away.
func eachValue(replace replacement) action {
	return func(r *run, s *step) error {
		return r.eachItem(s, func(item *sigma.Item) (sigma.Node, bool, error) {
			values, changed, err := r.replaceAll(item.Field, item.Values, replace)
			if err != nil || !changed {
				return item, false, err
			}
			if len(values) == 0 {
				return nil, true, nil
			}
			item.Values = values
			return item, true, nil
		})
	}
}

func (r *run) replaceAll(field string, values []sigma.Value, replace replacement) (out []sigma.Value, changed bool, err error) {
	for _, v := range values {
		now, replaced, err := r.replaceOne(field, v, replace)
		if err != nil {
			return nil, false, err
		}
		changed = changed || replaced
		if out = append(out, now...); len(out) > maxValues {
			return nil, false, errTooLarge
		}
	}
	return out, changed, nil
}

func (r *run) replaceOne(field string, v sigma.Value, replace replacement) ([]sigma.Value, bool, error) {
	if forms, ok := v.(sigma.Any); ok {
		now, changed, err := r.replaceAll(field, forms, replace)
		if err != nil || !changed {
			return []sigma.Value{v}, false, err
		}
		if len(now) == 0 {
			return nil, true, nil
		}
		return []sigma.Value{sigma.Any(now)}, true, nil
	}
	now, changed, err := replace(r, field, v)
	if err != nil || !changed {
		return []sigma.Value{v}, false, err
	}
	return now, true, nil
}

// eachString is eachValue of strings.
func eachString(change func(sigma.String) ([]sigma.Value, bool, error)) action {
	return eachValue(func(_ *run, _ string, v sigma.Value) ([]sigma.Value, bool, error) {
		s, ok := v.(sigma.String)
		if !ok {
			return nil, false, nil
		}
		return change(s)
	})
}

func one(v sigma.Value) []sigma.Value { return []sigma.Value{v} }

// replaceString replaces within texts and numbers. With skip_special wildcards
// and placeholders are not seen, and what is put in is a plain text unless
// interpret_special says that * and ? in it are wildcards.
func replaceString(r *reader, m *strict.Map) action {
	m.Need("regex", "replacement")
	re := goRegex(m, "regex")
	with := goReplacement(m.Text("replacement"))
	skip, interpret := m.Bool("skip_special", false), m.Bool("interpret_special", false)
	if interpret && !skip {
		m.Report(m.LineOf("interpret_special"), "\"interpret_special\" is of effect with \"skip_special\" alone; add it or take this away")
	}
	change := func(text string) string { return re.ReplaceAllString(text, with) }
	return eachValue(func(_ *run, _ string, v sigma.Value) ([]sigma.Value, bool, error) {
		if n, ok := v.(sigma.Number); ok && re.MatchString(n.Text) {
			v = sigma.PlainString(n.Text)
		}
		s, ok := v.(sigma.String)
		switch {
		case !ok:
			return nil, false, nil
		case !skip:
			return one(rewrite(s, change)), true, nil
		case !interpret:
			return one(eachText(s, change)), true, nil
		}
		return one(eachPart(s, func(text string) sigma.String { return sigma.ParseString(change(text)) })), true, nil
	})
}

// goRegex reads an expression of which parts are taken.
func goRegex(m *strict.Map, key string) *regexp.Regexp {
	text := m.Text(key)
	re, err := regexp.Compile(text)
	if err != nil {
		m.Report(m.LineOf(key), "%q is no regular expression of Go's syntax: %v", text, err)
		return regexp.MustCompile(`$^`)
	}
	return re
}

var pythonGroup = regexp.MustCompile(`\\(?:g<(\w+)>|(\d{1,2})|(\\)|(n)|(t)|(r))`)

// goReplacement writes a replacement of pySigma's form, where \1, \g<1> and
// \g<name> are groups, in Go's.
func goReplacement(text string) string {
	text = strings.ReplaceAll(text, "$", "$$")
	return pythonGroup.ReplaceAllStringFunc(text, func(match string) string {
		switch match[1] {
		case 'g':
			return "${" + match[3:len(match)-1] + "}"
		case '\\':
			return `\`
		case 'n':
			return "\n"
		case 't':
			return "\t"
		case 'r':
			return "\r"
		}
		return "${" + match[1:] + "}"
	})
}

func mapString(_ *reader, m *strict.Map) action {
	m.Need("mapping")
	mapping := map[string][]sigma.Value{}
	if sub := m.Sub("mapping"); sub != nil {
		for _, text := range sub.Keys() {
			mapping[text] = []sigma.Value{}
			for _, to := range sub.Texts(text) {
				mapping[text] = append(mapping[text], sigma.ParseString(to))
			}
		}
	}
	return eachString(func(s sigma.String) ([]sigma.Value, bool, error) {
		values, ok := mapping[plain(s)]
		return recased(values, s.Cased), ok, nil
	})
}

func recased(values []sigma.Value, cased bool) []sigma.Value {
	var out []sigma.Value
	for _, v := range values {
		s := v.(sigma.String)
		s.Cased = cased
		out = append(out, s)
	}
	return out
}

// regexOfString makes an expression that matches what the string does: the
// whole of a text. By plain it is with regard to case.
func regexOfString(_ *reader, m *strict.Map) action {
	method := m.OneOf("method", "ignore_case_brackets", "ignore_case_flag", "plain")
	return eachString(func(s sigma.String) ([]sigma.Value, bool, error) {
		if len(s.Parts) == 0 {
			return nil, false, nil
		}
		var b strings.Builder
		for _, p := range s.Parts {
			switch p.Kind {
			case sigma.Star:
				b.WriteString(".*")
			case sigma.Question:
				b.WriteString(".")
			case sigma.Placeholder:
				return nil, false, fmt.Errorf("the placeholder %s cannot be part of a regular expression: replace it before", p.Text)
			default:
				writeRegex(&b, p.Text, method == "ignore_case_brackets" && !s.Cased)
			}
		}
		return one(sigma.Regex{Expr: "^" + b.String() + "$", IgnoreCase: method == "ignore_case_flag" && !s.Cased, DotsAreAll: true}), true, nil
	})
}

func writeRegex(b *strings.Builder, text string, brackets bool) {
	for _, c := range text {
		lower, upper := unicode.ToLower(c), unicode.ToUpper(c)
		if brackets && lower != upper {
			fmt.Fprintf(b, "[%c%c]", lower, upper)
			continue
		}
		b.WriteString(regexp.QuoteMeta(string(c)))
	}
}

func setValue(_ *reader, m *strict.Map) action {
	m.Need("value")
	v := readValue(m, "value")
	if n := m.Node("value"); n != nil && m.Has("force_type") {
		v = forced(m, n, m.OneOf("force_type", "str", "num"))
	}
	return eachValue(func(*run, string, sigma.Value) ([]sigma.Value, bool, error) { return one(v), true, nil })
}

func forced(m *strict.Map, n *yaml.Node, to string) sigma.Value {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		m.Report(n.Line, "\"force_type\" is for texts and numbers")
		return sigma.Null{}
	}
	if to == "str" {
		return sigma.ParseString(n.Value)
	}
	f, ok := sigma.ParseNumber(n.Value)
	if !ok {
		m.Report(n.Line, "%q is no number; write one or take away \"force_type\"", n.Value)
	}
	return sigma.Number{Text: n.Value, Value: f}
}

func convertType(_ *reader, m *strict.Map) action {
	m.Need("target_type")
	if m.OneOf("target_type", "str", "num") == "str" {
		return eachValue(func(_ *run, _ string, v sigma.Value) ([]sigma.Value, bool, error) {
			n, ok := v.(sigma.Number)
			return one(sigma.PlainString(n.Text)), ok, nil
		})
	}
	return eachString(func(s sigma.String) ([]sigma.Value, bool, error) {
		text, _ := s.Plain()
		f, ok := sigma.ParseNumber(text)
		if !ok {
			return nil, false, fmt.Errorf("the value %q is no number: narrow the transformation to fields of numbers", plain(s))
		}
		return one(sigma.Number{Text: text, Value: f}), true, nil
	})
}

func caseOfString(_ *reader, m *strict.Map) action {
	change := map[string]func(string) string{
		"lower": strings.ToLower, "upper": strings.ToUpper, "snake_case": snakeCase,
	}[m.OneOf("method", "lower", "upper", "snake_case")]
	return eachString(func(s sigma.String) ([]sigma.Value, bool, error) { return one(eachText(s, change)), true, nil })
}

// snakeCase puts a line before every capital letter but the first character.
func snakeCase(text string) string {
	var b strings.Builder
	for i, c := range text {
		if i > 0 && c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
