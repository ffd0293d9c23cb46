package adrfile

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Files tells the file of a record by its slug, as Decision.File has it.
type Files func(slug string) (file string, ok bool)

// FilesOf returns the files of decisions.
func FilesOf(decisions []Decision) Files {
	files := map[string]string{}
	for _, d := range decisions {
		files[d.Slug] = d.Path()
	}
	return func(slug string) (string, bool) {
		file, ok := files[slug]
		return file, ok
	}
}

// Path returns the record's file; for one that never was a file, where
// log4brains would put it.
func (d Decision) Path() string {
	if d.File != "" {
		return d.File
	}
	return usualFile(d.Slug)
}

func usualFile(slug string) string {
	if pkg, name, ok := strings.Cut(slug, "/"); ok {
		return path.Join("packages", pkg, "adr", name+".md")
	}
	return path.Join("docs/adr", slug+".md")
}

// Render returns the record's text. When its fields are those that Text states
// it is Text to the byte; otherwise the title, status, date, deciders,
// consulted, informed, tags, superseder, new supersedes or body that changed
// are edited in Text and all else stays. A decision without Text is written as
// MADR 4. Files, which may be nil, tells where links to other records lead. A
// value that the record's form cannot hold is an error.
func (d Decision) Render(files Files) (string, error) {
	d = d.tidy()
	if d.Text == "" {
		return d.madr4(files), nil
	}
	r, problems := parse(place{d.File, d.Package, d.Format == Log4brains}, []byte(d.Text))
	if r == nil {
		return "", fault.Bad("the record's text cannot be read", problems...).Coded("adr.text")
	}
	text := d.Text
	e := &editor{record: r, want: d, files: files}
	if e.fields(); len(e.edits) > 0 || d.Body != r.Body {
		if err := e.editable(); err != nil {
			return "", err
		}
		text = e.apply()
		if d.Body != r.Body {
			text = e.withBody(text)
		}
		if err := e.verify(text); err != nil {
			return "", err
		}
	}
	return d.withSupersedes(text, e.newlySuperseded(), files), nil
}

// editable refuses front matter whose keys share a line.
func (e *editor) editable() error {
	if e.front == nil || e.front.node == nil || e.front.node.Style&yaml.FlowStyle == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "the front matter of %s is one value in braces and cannot be edited in place", e.File).Coded("adr.braces").
		WithHint("write one key on each line")
}

// withSupersedes adds to a record's text a line for each of some records.
func (d Decision) withSupersedes(text string, slugs []string, files Files) string {
	r, _ := parse(place{d.File, d.Package, d.Format == Log4brains}, []byte(text))
	if r == nil {
		return text // it was read before
	}
	e := &editor{record: r, want: d, files: files}
	for _, slug := range slugs {
		e.addSuperseded(slug)
	}
	return e.apply()
}

// tidy keeps each value on one line.
func (d Decision) tidy() Decision {
	d.Title, d.RawStatus = oneLine(d.Title), oneLine(d.RawStatus)
	for _, list := range []*[]string{&d.Deciders, &d.Consulted, &d.Informed, &d.Tags} {
		var tidy []string
		for _, s := range *list {
			if s = oneLine(s); s != "" {
				tidy = append(tidy, s)
			}
		}
		*list = tidy
	}
	d.Body = tidyText(d.Body)
	return d
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// editor collects the edits that turn a record into the wanted one.
type editor struct {
	*record
	want  Decision
	files Files
	edits []edit
	begun []string // lines of metadata where there were none
}

type edit struct {
	start, end int
	text       string
}

func (e *editor) replace(start, end int, text string) {
	e.edits = append(e.edits, edit{start, end, text})
}

func (e *editor) apply() string {
	slices.SortStableFunc(e.edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	var b strings.Builder
	from := 0
	for _, x := range e.edits {
		if x.start < from {
			continue // inside what an edit before it replaced
		}
		b.WriteString(e.text[from:x.start])
		b.WriteString(x.text)
		from = x.end
	}
	b.WriteString(e.text[from:])
	return b.String()
}

// fields edits what differs.
func (e *editor) fields() {
	if e.want.Title != oneLine(e.Title) {
		e.setTitle()
	}
	e.setStatus()
	if !sameDay(e.want.Date, e.Date) {
		e.set("date", dayText(e.want.Date), nil)
	}
	for _, f := range []struct {
		key       string
		want, old []string
	}{
		{"deciders", e.want.Deciders, e.Deciders}, {"consulted", e.want.Consulted, e.Consulted},
		{"informed", e.want.Informed, e.Informed}, {"tags", e.want.Tags, e.Tags},
	} {
		if !slices.EqualFunc(f.want, f.old, func(a, b string) bool { return a == oneLine(b) }) {
			e.set(f.key, strings.Join(f.want, ", "), f.want)
		}
	}
	e.begin()
}

func sameDay(a, b time.Time) bool { return dayText(a) == dayText(b) }

func dayText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

func (e *editor) setTitle() {
	front, inFront := e.entries["title"]
	switch {
	case e.heading != nil:
		e.replace(e.heading.start, e.heading.end, gap(e.text, e.heading.start)+e.want.Title)
	case inFront:
		e.setFront(front, e.want.Title, nil)
	case e.want.Title != "":
		e.replace(e.top(), e.top(), "# "+e.want.Title+e.eol+e.eol)
	}
}

// gap is the space an empty heading lacks.
func gap(text string, at int) string {
	if at > 0 && text[at-1] == '#' {
		return " "
	}
	return ""
}

// set writes a value to where it stands, or adds it to the metadata. An empty
// value takes it out.
func (e *editor) set(key, value string, list []string) {
	x, ok := e.entries[key]
	switch {
	case !ok && value == "":
	case !ok:
		e.add(key, value, list)
	case x.source == FrontMatter && value == "":
		e.replace(x.first, x.next, "")
	case x.source == FrontMatter:
		e.setFront(x, value, list)
	case value == "" && x.source != Section:
		e.replace(x.first, x.next, "")
	case x.source == Section && x.start == x.end:
		e.replace(x.start, x.start, e.eol+value+e.eol)
	default:
		e.replace(x.start, x.end, value)
	}
}

// setFront writes a key of the front matter in the style its value had.
func (e *editor) setFront(x entry, value string, list []string) {
	var text string
	switch {
	case list != nil && x.value.Kind == yaml.SequenceNode:
		text = yamlText(x.label, listNode(list, x.value.Style))
	default:
		text = yamlText(x.label, scalarNode(value, x.value.Style, x.key.Value == "date"))
	}
	if x.value.LineComment != "" && !strings.Contains(strings.TrimSpace(text), "\n") {
		text += " " + x.value.LineComment
	}
	e.replace(x.start, x.end, strings.ReplaceAll(text, "\n", e.eol))
}

func listNode(list []string, style yaml.Style) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: style & yaml.FlowStyle}
	for _, s := range list {
		n.Content = append(n.Content, textNode(s, 0))
	}
	return n
}

// scalarNode keeps quotes that were there; a date needs none.
func scalarNode(value string, style yaml.Style, date bool) *yaml.Node {
	style &= yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle
	if date && style == 0 {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!timestamp", Value: value}
	}
	return textNode(value, style)
}

func textNode(s string, style yaml.Style) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: style}
}

// yamlText writes one pair without a line's end.
func yamlText(label string, value *yaml.Node) string {
	pair := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{textNode(label, 0), value}}
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(pair); err != nil {
		return label + ":" // a tree of scalars always encodes
	}
	return strings.TrimRight(strings.ReplaceAll(b.String(), "\\\n", ""), "\n")
}

// labels are the keys we add, as each form writes them.
var labels = map[string][2]string{
	"status": {"status", "Status"}, "date": {"date", "Date"}, "tags": {"tags", "Tags"},
	"deciders": {"decision-makers", "Deciders"}, "consulted": {"consulted", "Consulted"}, "informed": {"informed", "Informed"},
}

// add puts a new entry beside the others: after the list's or the lines' last,
// at the end of the front matter, or after the title.
func (e *editor) add(key, value string, list []string) {
	label := labels[key]
	last, ok := e.last()
	switch {
	case ok:
		before, after := e.around(last)
		e.replace(last.next, last.next, e.lineEnd(last.next)+before+label[1]+after+value+e.eol)
	case e.front != nil:
		e.replace(e.front.end, e.front.end, strings.ReplaceAll(frontLine(key, value, list)+"\n", "\n", e.eol))
	case e.Format == Nygard || e.hasSection():
		e.begun = append(e.begun, label[1]+": "+value)
	case e.Format == Log4brains:
		e.begun = append(e.begun, "- "+label[1]+": "+value)
	default:
		e.begun = append(e.begun, "* "+label[1]+": "+value)
	}
}

func (e *editor) hasSection() bool { return e.entries["status"].source == Section }

// last returns the last entry of the list or the lines under the title.
func (e *editor) last() (last entry, ok bool) {
	for _, x := range e.entries {
		if (x.source == List || x.source == Line) && x.next > last.next {
			last, ok = x, true
		}
	}
	return last, ok
}

// around returns what stands before and after an entry's key.
func (e *editor) around(x entry) (before, after string) {
	key := e.text[x.first:x.start]
	after = key[min(len(x.before)+len(x.label), len(key)):]
	return x.before, strings.TrimRight(after, " \t") + " "
}

func (e *editor) lineEnd(at int) string {
	if at > 0 && e.text[at-1] != '\n' {
		return e.eol
	}
	return ""
}

// begin writes the first metadata, after the title.
func (e *editor) begin() {
	if len(e.begun) == 0 {
		return
	}
	at := e.bodyStart()
	text := strings.Join(e.begun, e.eol) + e.eol
	if e.heading != nil {
		text = e.lineEnd(at) + e.eol + text
	}
	if rest := e.text[at:]; rest != "" && rest[0] != '\n' && rest[0] != '\r' {
		text += e.eol
	}
	e.replace(at, at, text)
}

func frontLine(key, value string, list []string) string {
	if list != nil {
		return yamlText(labels[key][0], listNode(list, yaml.FlowStyle))
	}
	return yamlText(labels[key][0], scalarNode(value, 0, key == "date"))
}

// setStatus writes the status, unless the record already says so.
func (e *editor) setStatus() {
	w := e.want
	same := w.Status == e.Status && e.sameSuperseder()
	if status, _ := ParseStatus(w.RawStatus); w.RawStatus != oneLine(e.RawStatus) && status == w.Status && same {
		e.set("status", w.RawStatus, nil)
		return
	}
	if !same {
		e.set("status", e.statusText(), nil)
		if _, ok := e.entries["superseded-by"]; ok {
			e.set("superseded-by", e.supersederKey(), nil)
		}
	}
}

func (e *editor) supersederKey() string {
	if e.want.Status != Superseded || e.want.SupersededBy == "" {
		return ""
	}
	return e.link(e.want.SupersededBy)
}

// sameSuperseder reports whether the record's reference leads to the wanted one.
func (e *editor) sameSuperseder() bool {
	want := e.want.SupersededBy
	if e.want.Status != Superseded || want == "" {
		return e.super == ref{} || e.want.Status != Superseded
	}
	x := newIndex()
	file := e.fileOf(want)
	other := &record{Decision: Decision{File: file, Package: e.Package}}
	other.name()
	other.Slug = want
	x.add(&other.Decision)
	if e.super.target == "" && e.slugOf(e.super, x) == "" {
		return oneLine(e.super.text) == want
	}
	return e.slugOf(e.super, x) == want || e.slugOf(e.super, nil) == want || dangling(e.super, want)
}

func dangling(r ref, want string) bool {
	return r.target != "" && Link{Text: r.text, Target: r.target}.name() == want
}

// fileOf returns where another record is, by what the caller knows, else beside
// this one, else where log4brains would have it.
func (e *editor) fileOf(slug string) string {
	if e.files != nil {
		if file, ok := e.files(slug); ok {
			return file
		}
	}
	if pkg := path.Dir(slug); pkg == cmp.Or(e.Package, ".") {
		return path.Join(path.Dir(e.want.Path()), path.Base(slug)+".md")
	}
	return usualFile(slug)
}

// link writes a Markdown link to another record.
func (e *editor) link(slug string) string {
	file := e.fileOf(slug)
	rel, err := filepath.Rel(filepath.FromSlash(path.Dir(e.want.Path())), filepath.FromSlash(file))
	if err != nil {
		rel = file
	}
	return fmt.Sprintf("[%s](%s)", slug, filepath.ToSlash(rel))
}

// statusText writes a status as the record's form has it. adr-tools spells
// "Superceded", and looks for that word.
func (e *editor) statusText() string {
	x, ok := e.entries["status"]
	text := string(e.want.Status)
	if e.want.Status == Superseded && e.want.SupersededBy != "" {
		text = "superseded by " + e.supersederText(ok && x.source != FrontMatter || !ok && e.front == nil)
	}
	if x.source == Section {
		text = strings.Replace(text, "superseded by", "superceded by", 1)
	}
	if x.source == Section || x.raw != "" && x.raw[0] >= 'A' && x.raw[0] <= 'Z' {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return text
}

// supersederText is a link in Markdown; in front matter MADR's "ADR-0123" when
// the other record has a number and is of the same package.
func (e *editor) supersederText(markdown bool) string {
	slug := e.want.SupersededBy
	other := record{Decision: Decision{File: e.fileOf(slug)}}
	other.name()
	if !markdown && other.Numbered && path.Dir(slug) == cmp.Or(e.Package, ".") {
		return fmt.Sprintf("ADR-%04d", other.Number)
	}
	return e.link(slug)
}

// newlySuperseded returns the wanted records that the text does not name.
func (e *editor) newlySuperseded() []string {
	e.resolve(nil)
	return slices.DeleteFunc(slices.Clone(e.want.Supersedes), func(slug string) bool {
		return slices.ContainsFunc(e.Supersedes, func(have string) bool {
			return path.Base(have) == path.Base(slug) || e.numberIs(have, slug)
		})
	})
}

// numberIs reports whether a reference such as ADR-0003 means a record.
func (e *editor) numberIs(have, slug string) bool {
	other := record{Decision: Decision{File: e.fileOf(slug)}}
	other.name()
	m := adrNumber.FindStringSubmatch(have)
	return m != nil && other.Numbered && strings.TrimLeft(m[1], "0") == strings.TrimLeft(fmt.Sprint(other.Number), "0")
}

// addSuperseded adds a line: in Nygard's section Status, else under Links or
// More Information.
func (e *editor) addSuperseded(slug string) {
	if x := e.entries["status"]; x.source == Section {
		at := x.end
		e.replace(at, at, e.eol+e.eol+"Supercedes "+e.link(slug))
		return
	}
	mark := "* Supersedes " + e.link(slug)
	if e.Format == Log4brains {
		mark = "- Supersedes " + e.link(slug)
	}
	if at, ok := e.sectionEnd("links", "more information"); ok {
		e.replace(at, at, e.lineEnd(at)+mark+e.eol)
		return
	}
	title := "More Information"
	if e.Format == Log4brains {
		title = "Links"
	}
	at := len(e.text)
	if !slices.ContainsFunc(e.edits, func(x edit) bool { return x.start == at && strings.Contains(x.text, "## "+title) }) {
		mark = e.lineEnd(at) + e.eol + "## " + title + e.eol + e.eol + mark
	}
	e.replace(at, at, mark+e.eol)
}

// sectionEnd returns where the text of a section of level 2 ends.
func (e *editor) sectionEnd(titles ...string) (int, bool) {
	for i, l := range e.lines {
		text, _, _ := l.headingText()
		if l.kind != head || l.level != 2 || !slices.Contains(titles, strings.ToLower(withoutComment(text))) {
			continue
		}
		at := l.next
		for _, below := range e.lines[i+1:] {
			if below.kind == head && below.level <= 2 {
				break
			}
			if below.text != "" {
				at = below.next
			}
		}
		return at, true
	}
	return 0, false
}

// withBody replaces all that is not title or metadata.
func (e *editor) withBody(text string) string {
	d, err := scan(text)
	if err != nil {
		return text // verify reports it
	}
	header := text[:d.bodyStart()]
	if d.prefaced() {
		header = text[:d.top()] + text[d.lines[d.heading.line].start:d.bodyStart()]
	}
	var list, sections string
	for _, span := range d.metadata() {
		if part := text[span[0]:span[1]]; span[0] < d.sectionStart() {
			list += part
		} else {
			sections += part
		}
	}
	var parts []string
	for _, part := range []string{header, list, sections, strings.ReplaceAll(e.want.Body, "\n", e.eol)} {
		if part = strings.TrimRight(part, " \t\r\n"); part != "" {
			parts = append(parts, part)
		}
	}
	return joinParts(parts, e.eol, d) + e.eol
}

func (d *doc) sectionStart() int {
	if x := d.entries["status"]; x.source == Section {
		return x.first
	}
	return len(d.text)
}

// joinParts puts an empty line between parts, but none after front matter that
// stands alone.
func joinParts(parts []string, eol string, d *doc) string {
	if len(parts) > 1 && d.front != nil && d.heading == nil {
		return parts[0] + eol + strings.Join(parts[1:], eol+eol)
	}
	return strings.Join(parts, eol+eol)
}

// verify reads the text again: a value that did not come back cannot be written
// in this form.
func (e *editor) verify(text string) error {
	r, _ := parse(place{e.File, e.Package, e.Format == Log4brains}, []byte(text))
	if r == nil {
		return fault.New(fault.Invalid, "with these changes %s would not be a record any more", e.File).Coded("adr.unmade").
			WithHint("write each key of its front matter on a line of its own, or edit the file itself")
	}
	for _, f := range []struct {
		field string
		same  bool
	}{
		{"title", r.Title == e.want.Title}, {"status", r.Status == e.want.Status}, {"date", sameDay(r.Date, e.want.Date)},
		{"deciders", slices.Equal(r.Deciders, e.want.Deciders)}, {"consulted", slices.Equal(r.Consulted, e.want.Consulted)},
		{"informed", slices.Equal(r.Informed, e.want.Informed)}, {"tags", slices.EqualFunc(r.Tags, e.want.Tags, strings.EqualFold)},
		{"body", r.Body == e.want.Body}, {"front matter", others(r.front) == others(e.front)},
	} {
		if !f.same {
			return fault.New(fault.Invalid, "the %s cannot be written in the form of %s", f.field, e.File).Coded("adr.form").
				WithHint("take out commas, line breaks and Markdown, or edit the file itself")
		}
	}
	return nil
}

// others returns the keys of front matter that are not ours, with their values.
func others(f *front) string {
	var b strings.Builder
	if f == nil || f.node == nil {
		return ""
	}
	for i := 0; i+1 < len(f.node.Content); i += 2 {
		key, value := f.node.Content[i], any(nil)
		if _, ours := keyOf(key.Value); !ours {
			err := f.node.Content[i+1].Decode(&value)
			fmt.Fprintln(&b, key.Value, value, err)
		}
	}
	return b.String()
}

// madr4 writes a decision that never was a file.
func (d Decision) madr4(files Files) string {
	e := &editor{record: &record{doc: &doc{eol: "\n", front: &front{}}}, want: d, files: files}
	e.Package = d.Package
	status := e.statusText()
	if s, known := ParseStatus(d.RawStatus); d.RawStatus != "" && known && s == d.Status && d.SupersededBy == "" {
		status = d.RawStatus
	}
	var b strings.Builder
	b.WriteString("---\n")
	for _, f := range []struct {
		key, value string
		list       []string
	}{
		{"status", status, nil}, {"date", dayText(d.Date), nil}, {"deciders", strings.Join(d.Deciders, ","), d.Deciders},
		{"consulted", strings.Join(d.Consulted, ","), d.Consulted}, {"informed", strings.Join(d.Informed, ","), d.Informed},
		{"tags", strings.Join(d.Tags, ","), d.Tags},
	} {
		if f.value != "" {
			b.WriteString(frontLine(f.key, f.value, f.list) + "\n")
		}
	}
	b.WriteString("---\n")
	if d.Title != "" {
		b.WriteString("# " + d.Title + "\n")
	}
	if d.Body != "" {
		b.WriteString("\n" + d.Body + "\n")
	}
	e.writeSupersedes(&b)
	return b.String()
}

func (e *editor) writeSupersedes(b *strings.Builder) {
	var lines []string
	for _, slug := range e.want.Supersedes {
		if link := e.link(slug); !strings.Contains(e.want.Body, link) {
			lines = append(lines, "* Supersedes "+link)
		}
	}
	if len(lines) > 0 {
		b.WriteString("\n## More Information\n\n" + strings.Join(lines, "\n") + "\n")
	}
}
