package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// cell is one value of a table. State, when set, is the class it is shown with:
// ok, warn, bad, info, idle.
type cell struct{ text, state string }

func plain(s string) cell { return cell{text: s} }

// table is rows under a head, aligned.
type table struct {
	head []string
	rows [][]cell
}

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

// texts adds a row without states.
func (t *table) texts(values ...string) {
	row := make([]cell, len(values))
	for i, v := range values {
		row[i] = plain(v)
	}
	t.add(row...)
}

// colours are ANSI codes of five bytes each, so that a column stays aligned.
var colours = map[string]string{"ok": "\x1b[32m", "warn": "\x1b[33m", "bad": "\x1b[31m", "info": "\x1b[36m", "idle": "\x1b[90m", "": "\x1b[39m"}

// marks say with a sign what the colours say.
var marks = map[string]string{"ok": "✓ ", "warn": "! ", "bad": "✗ ", "info": "› ", "idle": "· "}

const reset = "\x1b[0m"

// coloured reports whether a stream takes colours.
func (s *session) coloured(tty bool) bool {
	return tty && s.Env("NO_COLOR") == "" && s.Env("TERM") != "dumb"
}

// paint colours a text that stands alone.
func (s *session) paint(tty bool, state, text string) string {
	if !s.coloured(tty) || state == "" {
		return text
	}
	return colours[state] + text + reset
}

// write prints the table. At a terminal, states have a mark and a colour.
func (s *session) write(t *table) error {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 8, 3, ' ', 0)
	states := t.states()
	line := func(cells []cell) {
		for i, c := range cells {
			text := oneLine(c.text, 0)
			if s.OutTTY && c.text != "" {
				text = marks[c.state] + text
			}
			if states[i] && s.coloured(s.OutTTY) {
				text = colours[c.state] + text + reset
			}
			if i < len(cells)-1 {
				text += "\t"
			}
			fmt.Fprint(w, text)
		}
		fmt.Fprintln(w)
	}
	if t.head != nil {
		head := make([]cell, len(t.head))
		for i, h := range t.head {
			head[i] = plain(strings.ToUpper(h))
		}
		line(head)
	}
	for _, r := range t.rows {
		line(r)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for l := range bytes.Lines(b.Bytes()) {
		if _, err := fmt.Fprintf(s.Out, "%s\n", bytes.TrimRight(l, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// states says which columns have a state somewhere: all their cells are then
// written with a colour of the same length.
func (t *table) states() map[int]bool {
	out := map[int]bool{}
	for _, r := range t.rows {
		for i, c := range r {
			if c.state != "" {
				out[i] = true
			}
		}
	}
	return out
}

// printable takes from s what a terminal would act on: control characters
// become spaces, so that a title cannot move the cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)) {
			return ' '
		}
		return r
	}, s)
}

// oneLine is printable on one line, cut to n characters; 0 cuts nothing.
func oneLine(s string, n int) string {
	s = strings.Join(strings.Fields(printable(s)), " ")
	if r := []rune(s); n > 0 && len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// ago writes how long ago t was, as kubectl does: 45s, 12m, 5h, 3d.
func (s *session) ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := max(0, s.now().Sub(t))
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// moment writes t to the minute in UTC, as files and logs have it.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// writeJSON writes v indented.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// array writes a JSON array item by item, so that it need not fit in memory.
type array struct {
	w io.Writer
	n int
}

func (a *array) add(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("  ", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	sep := ",\n  "
	if a.n == 0 {
		sep = "[\n  "
	}
	a.n++
	_, err := fmt.Fprintf(a.w, "%s%s", sep, bytes.TrimRight(b.Bytes(), "\n"))
	return err
}

func (a *array) end() error {
	last := "\n]\n"
	if a.n == 0 {
		last = "[]\n"
	}
	_, err := io.WriteString(a.w, last)
	return err
}

// fullYAML writes an entity with what the server sets: the fields of a file
// first, in the order of the kind.
func fullYAML(w io.Writer, kinds *catalog.Kinds, e *entity.Entity) error {
	var b bytes.Buffer
	if err := kinds.EncodeYAML(&b, e); err != nil {
		return err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b.Bytes(), &doc); err != nil {
		return err
	}
	root := doc.Content[0]
	meta := value(root, "metadata")
	for _, f := range []struct{ key, value string }{
		{"uid", e.Metadata.UID}, {"resourceVersion", e.Metadata.ResourceVersion},
		{"created", stamp(e.Metadata.Created)}, {"updated", stamp(e.Metadata.Updated)},
	} {
		if f.value != "" {
			meta.Content = append(meta.Content, textNode(f.key), textNode(f.value))
		}
	}
	if len(e.Status) > 0 {
		status, err := jsonNode(e.Status)
		if err != nil {
			return err
		}
		root.Content = append(root.Content, textNode("status"), status)
	}
	return encodeYAML(w, root)
}

func encodeYAML(w io.Writer, v any) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil {
		return err
	}
	return enc.Close()
}

func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func textNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

// value returns the value under a key of a mapping.
func value(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return &yaml.Node{Kind: yaml.MappingNode}
}

// jsonNode returns JSON as a YAML node in block style, keys by name.
func jsonNode(data []byte) (*yaml.Node, error) {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	var n yaml.Node
	return &n, n.Encode(v)
}

// anyText writes a value of a field in one line.
func anyText(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case bool, json.Number:
		return fmt.Sprint(x)
	case []any:
		parts := make([]string, len(x))
		for i, item := range x {
			parts[i] = anyText(item)
		}
		return strings.Join(parts, ",")
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

// fieldCell is the value of a field as a list shows it.
func (s *session) fieldCell(f *catalog.Field, e *entity.Entity) cell {
	v := f.Get(e)
	text := anyText(v)
	if f.Type == catalog.Reference {
		return plain(shortRef(text, f.Refs, e.Metadata.Namespace))
	}
	if list, ok := v.([]any); ok && f.Item != nil && f.Item.Type == catalog.Object {
		return plain(fmt.Sprint(len(list)))
	}
	if enum := f.EnumFor(text); enum != nil {
		return cell{f.Written(text), enum.State}
	}
	return plain(f.Written(text))
}

// shortRef leaves out of a reference what the field already says: the kind,
// when there is only one, and the default namespace.
func shortRef(text string, kinds []string, namespace string) string {
	if len(kinds) == 0 {
		return text
	}
	ref, err := entity.ParseRef(text, strings.TrimPrefix(kinds[0], "*"), namespace)
	if err != nil {
		return text
	}
	if len(kinds) == 1 && ref.Kind == kinds[0] {
		return strings.TrimPrefix(ref.Short(), ref.Kind+":")
	}
	return ref.Short()
}

// ownerKinds are those that an owner in the metadata may be of.
var ownerKinds = []string{"group", "user"}

// label is the head of a column.
func (s *session) label(f *catalog.Field) string {
	if l := f.Label.In(s.code); l != "" {
		return l
	}
	return f.Name
}

func (s *session) heads(texts ...lang.Text) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = t.In(s.code)
	}
	return out
}

// writeLine writes v as JSON on one line.
func writeLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
