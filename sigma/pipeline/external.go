package pipeline

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// Source is where a pipeline wants values of placeholders from. Nothing is read
// or run unless the caller's Fetch does it.
type Source struct {
	Kind    string // file, http or command
	Path    string // of file, as the pipeline writes it
	URL     string // of http
	Method  string // of http
	Headers map[string]string
	Params  map[string]string // of the query
	Form    map[string]any    // the body, as a form
	JSON    map[string]any    // the body, as JSON
	Command []string          // of command: the program and its arguments
	Shell   string            // of command: a line for a shell, instead of Command
	Timeout time.Duration
	MaxSize int // no more bytes are taken
}

const defaultMaxSize = 10 << 20

func filePlaceholders(r *reader, m *strict.Map) action {
	m.Need("path")
	return r.fetched(m, Source{Kind: "file", Path: m.Text("path"), MaxSize: defaultMaxSize})
}

func httpPlaceholders(r *reader, m *strict.Map) action {
	m.Need("url")
	source := Source{Kind: "http", URL: m.Text("url"), Method: "GET", Headers: textMap(m, "headers"), Params: textMap(m, "params")}
	if m.Has("method") {
		source.Method = strings.ToUpper(m.Text("method"))
	}
	source.Form, source.JSON = anyMap(m, "form_data"), anyMap(m, "json_body")
	source.Timeout = seconds(m, 10)
	source.MaxSize = m.Int("max_body_size", defaultMaxSize)
	return r.fetched(m, source)
}

func commandPlaceholders(r *reader, m *strict.Map) action {
	m.Need("cmd")
	source := Source{Kind: "command", Timeout: seconds(m, 30), MaxSize: m.Int("max_stdout", defaultMaxSize)}
	if n := m.Node("cmd"); n != nil && n.Kind == yaml.SequenceNode {
		source.Command = m.Texts("cmd")
	} else {
		source.Shell = m.Text("cmd")
	}
	return r.fetched(m, source)
}

func seconds(m *strict.Map, fallback int) time.Duration {
	return time.Duration(m.Int("timeout", fallback)) * time.Second
}

func textMap(m *strict.Map, key string) map[string]string {
	out := map[string]string{}
	if sub := m.Sub(key); sub != nil {
		for _, name := range sub.Keys() {
			out[name] = sub.Text(name)
		}
	}
	return out
}

func anyMap(m *strict.Map, key string) map[string]any {
	if m.Sub(key) == nil {
		return nil
	}
	out, _ := m.Any(key).(map[string]any)
	return out
}

// fetched is the action of placeholders of a source. The source is asked once,
// when the first rule needs it.
func (r *reader) fetched(m *strict.Map, source Source) action {
	f := readFormat(r, m)
	if r.fetch == nil {
		m.Report(m.Line, "%s_placeholders would take values from outside, which is not allowed here: use value_placeholders, or give the reader a Fetch", source.Kind)
		return placeholders(m, nil)
	}
	values := sync.OnceValues(func() ([]sigma.String, error) {
		data, err := r.fetch(source)
		if err != nil {
			return nil, fmt.Errorf("its source cannot be read: %w", err)
		}
		if len(data) > source.MaxSize {
			return nil, fmt.Errorf("its source has %d bytes, and no more than %d are taken: raise the limit or shorten the list", len(data), source.MaxSize)
		}
		lines, err := f.parse(data)
		return texts(lines), err
	})
	return placeholders(m, func(_ *run, name string) ([]sigma.String, error) {
		all, err := values()
		if err == nil && len(all) == 0 {
			err = fmt.Errorf("the source of the placeholder %s has no values: fill it, or let the transformation exclude the placeholder", name)
		}
		return all, err
	})
}

// format is how the values stand in what a source returns.
type format struct {
	kind   string
	filter func(string) bool
	column string // of csv; a number when it is one
	header bool
	path   []string // of json and yaml
}

func readFormat(r *reader, m *strict.Map) format {
	f := format{kind: m.OneOf("format", "plaintext", "csv", "json", "yaml"), filter: func(string) bool { return true }}
	if text := m.Text("filter"); text != "" {
		re, err := sigma.Regex{Expr: text}.Compile()
		if err != nil {
			m.Report(m.LineOf("filter"), "%q is no regular expression: %v", text, err)
		} else {
			f.filter = re.Match
		}
	}
	f.column, f.header = m.Text("csv_column"), m.Bool("csv_has_header", true)
	if f.kind == "csv" {
		m.Need("csv_column")
		if _, err := strconv.Atoi(f.column); err != nil && !f.header {
			m.Report(m.LineOf("csv_column"), "a column can be named only when the first line has names; give its number, from 0")
		}
	}
	expression := m.Text("jq_expression")
	if f.kind == "json" || f.kind == "yaml" {
		m.Need("jq_expression")
		var err error
		if f.path, err = parsePath(expression); err != nil {
			m.Report(m.LineOf("jq_expression"), "%v", err)
		}
	}
	return f
}

func (f *format) parse(data []byte) ([]string, error) {
	var lines []string
	var err error
	switch f.kind {
	case "plaintext":
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
	case "csv":
		lines, err = f.csv(data)
	default:
		lines, err = f.tree(data)
	}
	return slices.DeleteFunc(lines, func(line string) bool { return !f.filter(line) }), err
}

func (f *format) csv(data []byte) ([]string, error) {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	column, err := strconv.Atoi(f.column)
	if named := err != nil; f.header {
		head, err := r.Read()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if named {
			if column = slices.Index(head, f.column); column < 0 {
				return nil, fmt.Errorf("the data has no column %q%s", f.column, strict.Near(f.column, head))
			}
		}
	}
	rows, err := r.ReadAll()
	var out []string
	for _, row := range rows {
		if column >= 0 && column < len(row) {
			out = append(out, row[column])
		}
	}
	return out, err
}

func (f *format) tree(data []byte) ([]string, error) {
	var v any
	if f.kind == "json" {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("the data is no JSON: %w", err)
		}
	} else if err := yaml.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("the data is no YAML: %w", err)
	}
	var out []string
	for _, found := range follow(v, f.path) {
		switch found.(type) {
		case nil:
		case map[string]any, map[any]any, []any:
			return nil, errors.New("jq_expression leads to lists or maps; lead it to single values, as by .items[]")
		default:
			out = append(out, fmt.Sprint(found))
		}
	}
	return out, nil
}

// parsePath reads the part of jq's language that leads to values: .a, ."a b",
// ["a"], [0] and []. A step is a key, "#" and a number, or "[]".
func parsePath(text string) ([]string, error) {
	refused := fmt.Errorf("jq_expression %q is more than a path; write .name, [number] and [] one after the other, as .items[].name", text)
	if !strings.HasPrefix(text, ".") {
		return nil, refused
	}
	var path []string
	for rest := text; rest != "" && rest != "."; {
		step, after := pathStep(rest)
		if step == "" {
			return nil, refused
		}
		path, rest = append(path, step), after
	}
	return path, nil
}

func pathStep(text string) (step, rest string) {
	text = strings.TrimPrefix(text, ".")
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		name, rest, _ := strings.Cut(quoted, `"`)
		return name, rest
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		index, rest, closed := strings.Cut(inner, "]")
		switch _, err := strconv.Atoi(index); {
		case !closed:
			return "", ""
		case index == "":
			return "[]", rest
		case err == nil:
			return "#" + index, rest
		}
		return strings.Trim(index, `"`), rest
	}
	end := strings.IndexFunc(text, func(c rune) bool {
		return !(c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	})
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:]
}

func follow(v any, path []string) []any {
	if len(path) == 0 {
		return []any{v}
	}
	var next []any
	switch v := v.(type) {
	case map[string]any:
		if path[0] != "[]" {
			next = []any{v[path[0]]}
			break
		}
		for _, key := range sortedKeys(v) {
			next = append(next, v[key])
		}
	case []any:
		i, err := strconv.Atoi(strings.TrimPrefix(path[0], "#"))
		switch {
		case path[0] == "[]":
			next = v
		case err == nil && i < 0 && -i <= len(v):
			next = []any{v[len(v)+i]}
		case err == nil && i >= 0 && i < len(v):
			next = []any{v[i]}
		}
	}
	var out []any
	for _, n := range next {
		out = append(out, follow(n, path[1:])...)
	}
	return out
}
