package adrfile

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// markdownLink is "[text](target)" within a line.
type markdownLink struct {
	at           int
	text, target string
}

// inlineLinks returns the links of a line, without images and code.
func inlineLinks(s string) []markdownLink {
	var links []markdownLink
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '`':
			i = afterCode(s, i) - 1
		case s[i] == '[':
			link, next, ok := linkAt(s, i)
			if ok && (i == 0 || s[i-1] != '!') {
				links = append(links, link)
			}
			if ok {
				i = next - 1
			}
		}
	}
	return links
}

// afterCode returns where the text goes on after a code span; after its opening
// backticks when it is never closed.
func afterCode(s string, at int) int {
	n := 0
	for at+n < len(s) && s[at+n] == '`' {
		n++
	}
	for i := at + n; i < len(s); {
		if s[i] != '`' {
			i++
			continue
		}
		run := i
		for i < len(s) && s[i] == '`' {
			i++
		}
		if i-run == n {
			return i
		}
	}
	return at + n
}

func linkAt(s string, at int) (l markdownLink, next int, ok bool) {
	end := matching(s, at, '[', ']')
	if end < 0 || end+1 >= len(s) || s[end+1] != '(' {
		return l, 0, false
	}
	stop := matching(s, end+1, '(', ')')
	if stop < 0 {
		return l, 0, false
	}
	target := strings.TrimSpace(s[end+2 : stop])
	if strings.HasPrefix(target, "<") && strings.HasSuffix(target, ">") {
		target = target[1 : len(target)-1]
	} else if target != "" {
		target = strings.Fields(target)[0] // a title may follow
	}
	return markdownLink{at, s[at+1 : end], target}, stop + 1, true
}

// matching returns the place of the bracket that closes the one at a place; it
// looks no further than a link is long.
func matching(s string, at int, open, shut byte) int {
	depth := 0
	for i := at; i < min(len(s), at+2000); i++ {
		switch s[i] {
		case '\\':
			i++
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// relations are the words before a link that name how two records stand to each
// other, in the spelling we keep.
var relations = []struct {
	words *regexp.Regexp
	name  string
}{
	{regexp.MustCompile(`^(?:super[sc]eded|replaced)[ -]by$|^(?:sustituid[ao]|reemplazad[ao]) por$`), "superseded by"},
	{regexp.MustCompile(`^super[sc]edes?$|^replaces$|^sustituye(?: a)?$|^reemplaza(?: a)?$`), "supersedes"},
	{regexp.MustCompile(`^relate[sd](?: to)?$`), "relates to"},
	{regexp.MustCompile(`^depends on$`), "depends on"},
	{regexp.MustCompile(`^(amends|amended by|clarifies|clarified by|refines|refined by|extends|extended by|implements|implemented by|required by|requires|enables|enabled by|constrains|constrained by|conflicts with|follows|followed by)$`), ""},
}

// before a relation: the bullet, and the key of the metadata.
var beforeRelation = regexp.MustCompile(`(?i)^[\s*+_-]*(?:(?:status|links?|supersedes)\s*[*_]*\s*:\s*)?[*_]*`)

// relation returns what the words before a link say, up to the link or to a
// record's number; empty for a mere mention.
func relation(s string) string {
	s = strings.TrimPrefix(s, beforeRelation.FindString(s))
	if i := strings.IndexByte(s, '['); i >= 0 {
		s = s[:i]
	} else if m := adrInText.FindStringIndex(s); m != nil {
		s = s[:m[0]]
	}
	return relationOf(s)
}

func relationOf(words string) string {
	words = strings.ToLower(strings.Join(strings.Fields(strings.Trim(words, " \t:*_")), " "))
	for _, r := range relations {
		if r.words.MatchString(words) {
			if r.name == "" {
				return words
			}
			return r.name
		}
	}
	return ""
}

var adrInText = regexp.MustCompile(`\b(?i:ADR)[- ]?\d{1,4}\b`)

// links collects the references to other records.
func (r *record) links() {
	status := r.entries["status"]
	for i := range r.lines {
		l := r.lines[i]
		if l.kind != plain {
			continue
		}
		inStatus := status.source == Section && l.start >= status.first && l.start < status.next
		r.lineLinks(l, r.lineNumber(i), inStatus)
	}
	for _, ref := range r.replaced {
		r.addRef("supersedes", ref, "supersedes")
	}
	if r.super != (ref{}) {
		r.addRef("superseded by", r.super, "status")
	}
}

func (r *record) lineNumber(i int) int {
	first := 1 + strings.Count(r.text[:r.top()], "\n")
	return first + i
}

func (r *record) lineLinks(l line, number int, inStatus bool) {
	from, rel := 0, ""
	for _, m := range inlineLinks(l.text) {
		words := strings.TrimLeft(l.text[from:m.at], ", ")
		if from == 0 {
			words = strings.TrimPrefix(words, beforeRelation.FindString(words))
		}
		if strings.TrimSpace(words) != "" || from == 0 {
			if rel = relationOf(words); rel == "" && inStatus {
				rel = strings.ToLower(strings.Trim(words, " \t:"))
			}
		}
		from = m.at + len(m.text) + len(m.target) + 4
		from = min(from, len(l.text))
		if toRecord(m.target) {
			r.Links = append(r.Links, Link{Relation: rel, Text: m.text, Target: m.target, Line: number})
		}
	}
	if text := adrInText.FindString(l.text); from == 0 && text != "" {
		if rel := relation(l.text); rel != "" {
			r.Links = append(r.Links, Link{Relation: rel, Text: text, Line: number})
		}
	}
}

// toRecord reports whether a target is a Markdown file that may be a record.
func toRecord(target string) bool {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "" || u.Host != "" || strings.HasPrefix(u.Path, "/") {
		return false
	}
	return strings.EqualFold(path.Ext(u.Path), ".md") && !skipped(path.Base(u.Path))
}

// addRef adds what the metadata state and no line has.
func (r *record) addRef(rel string, ref ref, key string) {
	for _, l := range r.Links {
		if l.Relation == rel && (l.Target == ref.target && ref.target != "" || l.Text == ref.text || adrInText.MatchString(ref.text) && strings.Contains(ref.text, l.Text)) {
			return
		}
	}
	r.Links = append(r.Links, Link{Relation: rel, Text: ref.text, Target: ref.target, Line: r.lineOf(r.entries[key].start)})
}

// index finds records by file, slug and number.
type index struct {
	byFile, bySlug map[string]string
	byNumber       map[string]string
	packaged       map[string]bool // folders of packages
}

func newIndex() *index {
	return &index{map[string]string{}, map[string]string{}, map[string]string{}, map[string]bool{}}
}

func (x *index) add(d *Decision) {
	x.byFile[d.File], x.bySlug[d.Slug] = d.Slug, d.Slug
	if d.Package != "" {
		x.packaged[path.Dir(d.File)] = true
	}
	if key := numberKey(d.Package, d.Number); d.Numbered && x.byNumber[key] == "" {
		x.byNumber[key] = d.Slug
	}
}

func numberKey(pkg string, n int) string { return fmt.Sprintf("%s/%d", pkg, n) }

// slugOf finds a record by its file. A link of log4brains that leads to no
// package's folder means, as there, the project's own record of that name.
func (x *index) slugOf(file string, log4brains bool) string {
	if slug := x.byFile[file]; slug != "" || !log4brains || x.packaged[path.Dir(file)] {
		return slug
	}
	return x.bySlug[strings.TrimSuffix(path.Base(file), path.Ext(file))]
}

// resolve turns references into slugs. Without an index a target is taken to be
// a record.
func (r *record) resolve(x *index) {
	for i := range r.Links {
		r.Links[i].Slug = r.slugOf(ref{r.Links[i].Text, r.Links[i].Target}, x)
	}
	r.Supersedes = nil
	for _, l := range r.Links {
		if l.Relation == "supersedes" && !slices.Contains(r.Supersedes, l.name()) {
			r.Supersedes = append(r.Supersedes, l.name())
		}
	}
	r.SupersededBy = ""
	if r.super != (ref{}) {
		slug := r.slugOf(r.super, x)
		r.SupersededBy = Link{Slug: slug, Text: r.super.text, Target: r.super.target}.name()
	}
}

// name is the slug, or for a dangling link the best that the record states.
func (l Link) name() string {
	switch {
	case l.Slug != "":
		return l.Slug
	case toRecord(l.Target):
		return strings.TrimSuffix(path.Base(l.Target), path.Ext(l.Target))
	}
	return oneLine(l.Text)
}

func (r *record) slugOf(ref ref, x *index) string {
	if ref.target != "" {
		return r.slugOfFile(ref.target, x)
	}
	if x == nil {
		return ""
	}
	if m := adrNumber.FindStringSubmatch(ref.text); m != nil {
		n, _ := strconv.Atoi(m[1])
		if slug := x.byNumber[numberKey(r.Package, n)]; slug != "" {
			return slug
		}
	}
	for _, slug := range []string{path.Join(r.Package, ref.text), ref.text} {
		if x.bySlug[slug] != "" {
			return slug
		}
	}
	return ""
}

func (r *record) slugOfFile(target string, x *index) string {
	u, err := url.Parse(target)
	if err != nil || !toRecord(target) {
		return ""
	}
	file := path.Join(path.Dir(r.File), u.Path)
	if x != nil {
		return x.slugOf(file, r.Format == Log4brains)
	}
	base := strings.TrimSuffix(path.Base(file), path.Ext(file))
	if path.Dir(file) == path.Dir(path.Clean(r.File)) {
		return path.Join(r.Package, base)
	}
	return path.Join(packageOf(file), base)
}
