package adrfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

const bom = "\uFEFF"

// doc is a record's text with the places of its parts, in bytes.
type doc struct {
	text    string
	eol     string
	front   *front
	lines   []line // after the front matter
	heading *heading
	entries map[string]entry
	header  [2]int // the lines between the title and the next heading
}

// line is a line of Markdown: [start, end) without its end, next begins the
// following one.
type line struct {
	start, end, next int
	text             string // without space at its end
	kind             kind
	level            int // of a heading
}

type kind int

const (
	plain kind = iota
	code
	comment
	head
	underline
)

// heading is the title.
type heading struct {
	line       int
	start, end int // of its text
	text       string
}

// front is the YAML between the two lines of ---.
type front struct {
	start, end int // of the YAML
	after      int // where the text goes on
	node       *yaml.Node
}

// entry is one piece of metadata.
type entry struct {
	source     Source
	label      string // the key as written
	start, end int    // of the value
	first      int    // where its lines begin
	next       int    // where the lines after it begin
	before     string // what stands before a list item's or line's key: "- **"
	raw        string
	values     []string
	key, value *yaml.Node // in front matter
}

// keys maps the keys people write to ours.
var keys = map[string]string{
	"status": "status", "date": "date", "title": "title", "tags": "tags",
	"decision-makers": "deciders", "decision-maker": "deciders", "deciders": "deciders", "decider": "deciders",
	"consulted": "consulted", "informed": "informed",
	"superseded-by": "superseded-by", "supersedes": "supersedes",
}

func keyOf(s string) (string, bool) {
	s = strings.NewReplacer(" ", "-", "_", "-").Replace(strings.ToLower(strings.TrimSpace(s)))
	key, ok := keys[s]
	return key, ok
}

func scan(text string) (*doc, *frontError) {
	d := &doc{text: text, eol: "\n", entries: map[string]entry{}}
	if i := strings.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		d.eol = "\r\n"
	}
	from := len(text) - len(strings.TrimPrefix(text, bom))
	if err := d.findFront(from); err != nil {
		return nil, err
	}
	if d.front != nil {
		from = d.front.after
	}
	d.lines = classify(split(text, from))
	d.findTitle()
	d.findEntries()
	d.findSection()
	return d, nil
}

func split(text string, from int) []line {
	var lines []line
	for from < len(text) {
		l := line{start: from, end: len(text), next: len(text)}
		if i := strings.IndexByte(text[from:], '\n'); i >= 0 {
			l.end, l.next = from+i, from+i+1
		}
		if l.end > l.start && text[l.end-1] == '\r' {
			l.end--
		}
		l.text = strings.TrimRight(text[l.start:l.end], " \t")
		lines = append(lines, l)
		from = l.next
	}
	return lines
}

var (
	atx       = regexp.MustCompile(`^ {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?$`)
	fenceOpen = regexp.MustCompile("^ {0,3}(`{3,}|~{3,})")
	rule      = regexp.MustCompile(`^ {0,3}(=+|-{2,})$`)
	block     = regexp.MustCompile(`^ *(?:[*+-][ \t]|\d+[.)][ \t]|>|\||#|<)|^ {4}|^\t`)
)

// classify tells headings from code and comments, whose lines mean nothing.
func classify(lines []line) []line {
	fence, inComment := "", false
	for i := range lines {
		l := &lines[i]
		open := fenceOpen.FindStringSubmatch(l.text)
		switch {
		case inComment:
			l.kind, inComment = comment, !strings.Contains(l.text, "-->")
		case fence != "":
			l.kind = code
			if open != nil && strings.HasPrefix(open[1], fence) && strings.TrimSpace(l.text) == open[1] {
				fence = ""
			}
		case open != nil:
			l.kind, fence = code, open[1]
		default:
			inComment = l.plainOrHead(lines[:i])
		}
	}
	return lines
}

// plainOrHead classifies a line outside code and comments, and reports whether
// it opens a comment that it does not close.
func (l *line) plainOrHead(before []line) (opens bool) {
	if m := atx.FindStringSubmatch(l.text); m != nil {
		l.kind, l.level = head, len(m[1])
		return false
	}
	if m := rule.FindStringSubmatch(l.text); m != nil && len(before) > 0 {
		if above := &before[len(before)-1]; above.kind == plain && above.text != "" && !block.MatchString(above.text) {
			above.kind, above.level, l.kind = head, 2, underline
			if m[1][0] == '=' {
				above.level = 1
			}
			return false
		}
	}
	open := strings.LastIndex(l.text, "<!--")
	if open >= 0 && strings.HasPrefix(strings.TrimSpace(l.text), "<!--") {
		l.kind = comment
	}
	return open >= 0 && !strings.Contains(l.text[open:], "-->")
}

// headingText returns the text of a heading and its place.
func (l line) headingText() (text string, start, end int) {
	s := l.text
	if m := atx.FindStringSubmatchIndex(s); m != nil {
		if m[4] < 0 {
			return "", l.start + len(s), l.start + len(s)
		}
		text = strings.TrimSpace(s[m[4]:m[5]])
		start = l.start + m[4] + strings.Index(s[m[4]:], text)
		return text, start, start + len(text)
	}
	text = strings.TrimSpace(s)
	start = l.start + strings.Index(s, text)
	return text, start, start + len(text)
}

// findTitle finds the first heading of level 1. The metadata stand between it
// and the next heading; without a title, before the first heading.
func (d *doc) findTitle() {
	top := slices.IndexFunc(d.lines, func(l line) bool { return l.kind == head && l.level == 1 })
	from := 0
	if top >= 0 {
		text, start, end := d.lines[top].headingText()
		d.heading = &heading{top, start, end, text}
		if from = top + 1; from < len(d.lines) && d.lines[from].kind == underline {
			from++
		}
	}
	d.header = [2]int{from, len(d.lines)}
	for i := from; i < len(d.lines); i++ {
		if d.lines[i].kind == head {
			d.header[1] = i
			break
		}
	}
}

// item is "- **Status**: accepted" or "Status: accepted".
var item = regexp.MustCompile(`^( {0,3}(?:[*+-][ \t]+)?(?:\*\*|__)?)([\p{L}][\p{L} _-]*?)((?:\*\*|__)?[ \t]*:[ \t]*(?:\*\*|__)?[ \t]*)(.*)$`)

func (d *doc) findEntries() {
	for _, l := range d.lines[d.header[0]:d.header[1]] {
		m := item.FindStringSubmatchIndex(l.text)
		if l.kind != plain || m == nil {
			continue
		}
		key, ok := keyOf(l.text[m[4]:m[5]])
		if _, taken := d.entries[key]; !ok || taken || key == "title" {
			continue
		}
		raw := strings.TrimSpace(withoutComment(l.text[m[8]:m[9]]))
		e := entry{
			source: Line, label: l.text[m[4]:m[5]], first: l.start, next: l.next,
			before: l.text[m[2]:m[3]], start: l.start + m[8], raw: raw, values: splitList(raw),
		}
		if strings.ContainsAny(e.before, "-+") || strings.HasPrefix(strings.ReplaceAll(strings.TrimSpace(e.before), "**", ""), "*") {
			e.source = List
		}
		e.end = e.start + len(raw)
		d.entries[key] = e
	}
}

func withoutComment(s string) string {
	if i := strings.Index(s, "<!--"); i >= 0 {
		return s[:i]
	}
	return s
}

// splitList splits at commas and semicolons outside brackets.
func splitList(s string) []string {
	var list []string
	depth, from := 0, 0
	add := func(part string) {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	for i, r := range s {
		switch {
		case strings.ContainsRune("([{", r):
			depth++
		case strings.ContainsRune(")]}", r):
			depth = max(0, depth-1)
		case (r == ',' || r == ';') && depth == 0:
			add(s[from:i])
			from = i + 1
		}
	}
	add(s[from:])
	return list
}

// findSection finds the section Status, unless the status was found before.
func (d *doc) findSection() {
	if _, ok := d.entries["status"]; ok {
		return
	}
	for i, l := range d.lines {
		if l.kind != head || l.level < 2 || i < d.header[0] {
			continue
		}
		if text, _, _ := l.headingText(); strings.EqualFold(strings.TrimSuffix(text, ":"), "status") {
			d.statusSection(i)
			return
		}
	}
}

func (d *doc) statusSection(at int) {
	from := at + 1
	if from < len(d.lines) && d.lines[from].kind == underline {
		from++
	}
	to := from
	for to < len(d.lines) && d.lines[to].kind != head {
		to++
	}
	e := entry{source: Section, label: "Status", first: d.lines[at].start, next: len(d.text)}
	if to < len(d.lines) {
		e.next = d.lines[to].start
	}
	e.start = d.lines[from-1].next
	e.end = e.start
	if i := statusLine(plainTexts(d.lines[from:to])); i >= 0 {
		l := d.lines[from+i]
		e.raw = plainText(l)
		e.start = l.start + strings.Index(l.text, e.raw)
		e.end = e.start + len(e.raw)
	}
	d.entries["status"] = e
}

func plainTexts(lines []line) []string {
	var texts []string
	for _, l := range lines {
		texts = append(texts, plainText(l))
	}
	return texts
}

var bullet = regexp.MustCompile(`^[ \t]*(?:[*+-][ \t]+)?`)

// plainText returns a line's text without bullet and comment; nothing for code.
func plainText(l line) string {
	if l.kind != plain {
		return ""
	}
	return strings.TrimSpace(withoutComment(strings.TrimPrefix(l.text, bullet.FindString(l.text))))
}

type frontError struct {
	line   int
	reason string
}

// findFront finds the front matter and its entries.
func (d *doc) findFront(from int) *frontError {
	lines := split(d.text, from)
	if len(lines) == 0 || lines[0].text != "---" {
		return nil
	}
	for _, l := range lines[1:] {
		if l.text == "---" || l.text == "..." {
			d.front = &front{start: lines[0].next, end: l.start, after: l.next}
			return d.readFront()
		}
	}
	return nil
}

var yamlAt = regexp.MustCompile(`line (\d+): `)

func (d *doc) readFront() *frontError {
	var root yaml.Node
	source := d.text[d.front.start:d.front.end]
	if err := yaml.Unmarshal([]byte(source), &root); err != nil {
		e := &frontError{1, yamlAt.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), "")}
		if m := yamlAt.FindStringSubmatch(err.Error()); m != nil {
			fmt.Sscan(m[1], &e.line)
			e.line = min(e.line+1, d.lineOf(d.front.end)) // YAML counts more line ends than we do
		}
		return e
	}
	if len(root.Content) != 1 || root.Content[0].Kind == yaml.ScalarNode && root.Content[0].Tag == "!!null" {
		return nil
	}
	d.front.node = root.Content[0]
	if d.front.node.Kind != yaml.MappingNode {
		return &frontError{2, "a mapping of keys to values is expected"}
	}
	d.frontEntries(source)
	return nil
}

func (d *doc) frontEntries(source string) {
	lines := split(source, 0)
	pairs := d.front.node.Content
	for i := 0; i+1 < len(pairs); i += 2 {
		key, ok := keyOf(pairs[i].Value)
		if _, taken := d.entries[key]; !ok || taken {
			continue
		}
		until := len(lines)
		if i+2 < len(pairs) {
			until = pairs[i+2].Line - 1
		}
		d.entries[key] = d.frontEntry(pairs[i], pairs[i+1], lines, until)
	}
}

// frontEntry places a pair: its lines run to the next key, but for the comments
// and empty lines before that.
func (d *doc) frontEntry(key, value *yaml.Node, lines []line, until int) entry {
	if value.Kind == yaml.AliasNode && value.Alias != nil {
		value = value.Alias
	}
	e := entry{source: FrontMatter, label: key.Value, key: key, value: value, values: scalars(value)}
	e.raw = strings.Join(e.values, ", ")
	if value.Kind == yaml.ScalarNode {
		e.raw = strings.TrimSpace(value.Value)
		if value.Tag == "!!null" {
			e.raw = ""
		}
		e.values = splitList(e.raw)
	}
	at := min(max(key.Line-1, 0), len(lines)-1)
	until = min(max(until, at+1), len(lines))
	for until > at+1 && (lines[until-1].text == "" || strings.HasPrefix(strings.TrimSpace(lines[until-1].text), "#")) {
		until--
	}
	e.first, e.next = d.front.start+lines[at].start, d.front.start+lines[until-1].next
	e.start, e.end = e.first, d.front.start+lines[until-1].end
	return e
}

func scalars(n *yaml.Node) []string {
	var list []string
	if n.Kind != yaml.SequenceNode {
		return nil
	}
	for _, item := range n.Content {
		if item.Kind == yaml.ScalarNode && strings.TrimSpace(item.Value) != "" {
			list = append(list, strings.TrimSpace(item.Value))
		}
	}
	return list
}

// format tells the form: by its front matter, by its folder or name, by its
// section Status, in this order.
func (d *doc) format(at place, nameDate time.Time) Format {
	status, ok := d.entries["status"]
	switch {
	case at.log4brains, !nameDate.IsZero() && d.front == nil && !(ok && status.source == Section):
		return Log4brains
	case d.front != nil:
		return MADR4
	case ok && status.source == Section:
		return Nygard
	}
	return MADR
}

// body returns the Markdown without title and metadata.
func (d *doc) body() string {
	var parts []string
	if d.prefaced() {
		parts = appendPart(parts, d.text[d.top():d.lines[d.heading.line].start])
	}
	from := d.bodyStart()
	for _, span := range d.metadata() {
		parts, from = appendPart(parts, d.text[from:span[0]]), span[1]
	}
	return strings.Join(appendPart(parts, d.text[from:]), "\n\n")
}

// prefaced reports whether more than comments stands before the title.
func (d *doc) prefaced() bool {
	return d.heading != nil && slices.ContainsFunc(d.lines[:d.heading.line], func(l line) bool {
		return l.kind != comment && l.text != ""
	})
}

func appendPart(parts []string, s string) []string {
	if s = tidyText(s); s == "" {
		return parts
	}
	return append(parts, s)
}

// tidyText returns a text without empty lines around it and carriage returns.
func tidyText(s string) string {
	return strings.TrimRight(strings.TrimLeft(strings.ReplaceAll(s, "\r", ""), "\n"), " \t\n")
}

// top is where the text after the front matter begins.
func (d *doc) top() int {
	if len(d.lines) > 0 {
		return d.lines[0].start
	}
	return len(d.text)
}

// bodyStart is where the text after the title begins.
func (d *doc) bodyStart() int {
	if d.heading == nil {
		return d.top()
	}
	return d.lines[d.header[0]-1].next
}

// metadata returns the spans of entries outside the front matter, in order.
func (d *doc) metadata() [][2]int {
	var spans [][2]int
	for _, e := range d.entries {
		if e.source != FrontMatter {
			spans = append(spans, [2]int{e.first, e.next})
		}
	}
	slices.SortFunc(spans, func(a, b [2]int) int { return a[0] - b[0] })
	return spans
}

// lineOf returns the number of the line that holds a byte, from 1.
func (d *doc) lineOf(at int) int { return 1 + strings.Count(d.text[:min(at, len(d.text))], "\n") }
