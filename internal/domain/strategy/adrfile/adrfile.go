// Package adrfile reads and writes architecture decision records in the forms
// teams already keep them in:
//
//	MADR4       MADR 4: YAML front matter (status, date, decision-makers), H1 title
//	MADR        MADR 1 to 3: a list under the title, "* Status: accepted"
//	Log4brains  the same list, files yyyymmdd-slug.md, packages/*/adr beside docs/adr
//	Nygard      adr-tools: "# N. Title", "Date: …", a section "## Status" of free lines
//
// The text of a record is kept as it is. Writing returns the same bytes when
// nothing changed, and otherwise edits only the values that did (Decision.Render).
//
// What only git knows is not read: log4brains takes the day a record was
// created, its last edit and its author from the history of the file.
package adrfile

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Limits, so that a hostile file or folder costs little.
const (
	MaxBytes = 1 << 20 // of a record
	MaxFiles = 5_000   // in a folder and those below it
	MaxDepth = 8       // of folders below the one given
)

// Status is where a decision stands.
type Status string

// The statuses. A record that states none is accepted, and one that states
// something else is a draft, as log4brains has it; RawStatus tells them apart.
const (
	Draft      Status = "draft"
	Proposed   Status = "proposed"
	Accepted   Status = "accepted"
	Rejected   Status = "rejected"
	Deprecated Status = "deprecated"
	Superseded Status = "superseded"
)

// Format is the form a record is written in.
type Format string

// The formats.
const (
	MADR4      Format = "madr4"
	MADR       Format = "madr"
	Log4brains Format = "log4brains"
	Nygard     Format = "nygard"
)

// Source says where in a record a value stands.
type Source string

// The sources.
const (
	FrontMatter Source = "front matter"
	List        Source = "list"    // "- Date: 2020-01-01" under the title
	Line        Source = "line"    // "Date: 2020-01-01" under the title
	Section     Source = "section" // below "## Status"
)

// A Decision is one record.
type Decision struct {
	Slug     string // the file's name without .md, after its package: "package1/20200101-first-adr"
	Package  string // the package or subfolder it belongs to; empty at the top
	File     string // slash-separated, relative to the folder read
	Number   int    // from a name of the form NNNN-…; meaningful when Numbered
	Numbered bool

	Title        string    // empty when the record has none
	Status       Status    // accepted when the record states none
	RawStatus    string    // as the record states it; empty when it states none
	Date         time.Time // as the record states it; zero when it states none
	DateSource   Source    // empty when Date is zero
	NameDate     time.Time // the day in the file's name, yyyymmdd-… or yyyy-mm-dd-…; zero when there is none
	Deciders     []string
	Consulted    []string
	Informed     []string
	Tags         []string
	Supersedes   []string // slugs, as this record states them
	SupersededBy string   // slug
	Links        []Link   // to other records, in the order of the text

	Body   string // Markdown without title and metadata
	Format Format
	Text   string // the whole record as it was read; empty for one that never was a file
}

// A Link is a reference from one record to another.
type Link struct {
	Relation string // "supersedes", "superseded by", "amends", …; empty for a mere mention
	Text     string
	Target   string // as the record writes it
	Slug     string // of the record it leads to; empty when there is none
	Line     int    // from 1
}

// Parse reads one record. The file's name gives its slug, number and package,
// and the folder against which links are resolved; a target is taken to exist.
// With ok false the record cannot be used, and the problems say why.
func Parse(file string, text []byte) (d Decision, problems []fault.Problem, ok bool) {
	r, problems := parse(place{file: file, pkg: packageOf(file)}, text)
	if r == nil {
		return Decision{}, problems, false
	}
	r.resolve(nil)
	return r.Decision, problems, true
}

// place is where a record was found.
type place struct {
	file, pkg  string
	log4brains bool // in a folder of log4brains
}

// record is a decision with what is needed to resolve and to edit it.
type record struct {
	Decision
	*doc
	super    ref   // what the status says it is superseded by
	replaced []ref // what the metadata says it supersedes
}

// ref is a reference not yet resolved: a link's target, or a text such as
// "ADR-0123" or a slug.
type ref struct{ text, target string }

func parse(at place, text []byte) (*record, []fault.Problem) {
	if problem := usable(at.file, text); problem != nil {
		return nil, []fault.Problem{*problem}
	}
	d, err := scan(string(text))
	if err != nil {
		return nil, []fault.Problem{newProblem(at.file, err.line, "front-matter", err.reason)}
	}
	r := &record{doc: d}
	r.File, r.Package, r.Text = at.file, at.pkg, string(text)
	r.name()
	r.Format = d.format(at, r.NameDate)
	r.title()
	problems := r.fields()
	r.Body = d.body()
	r.links()
	return r, problems
}

func usable(file string, text []byte) *fault.Problem {
	var p fault.Problem
	switch {
	case len(text) > MaxBytes:
		p = newProblem(file, 0, "too-large", "1 MiB")
	case !utf8.Valid(text) || slices.Contains(text, 0):
		p = newProblem(file, 0, "not-text")
	case strings.TrimSpace(strings.TrimPrefix(string(text), bom)) == "":
		p = newProblem(file, 0, "empty")
	default:
		return nil
	}
	return &p
}

var (
	numbered  = regexp.MustCompile(`^(\d{4})-`)
	dayInName = regexp.MustCompile(`^(\d{4})-?(\d{2})-?(\d{2})(?:[-_ ]|$)`)
)

// name sets what the file's name states: slug, number, day. Four digits that
// begin a date are no number.
func (r *record) name() {
	base := strings.TrimSuffix(path.Base(r.File), path.Ext(r.File))
	r.Slug = path.Join(r.Package, base)
	if m := dayInName.FindStringSubmatch(base); m != nil {
		if day, err := time.Parse(time.DateOnly, m[1]+"-"+m[2]+"-"+m[3]); err == nil {
			r.NameDate = day
			return
		}
	}
	if m := numbered.FindStringSubmatch(base); m != nil {
		r.Number, _ = strconv.Atoi(m[1]) // four digits, base ten: 0010 is ten
		r.Numbered = true
	}
}

// numberBefore is "12. ", "ADR-0012: ", "ADR 12 - " before a title.
var numberBefore = regexp.MustCompile(`^(?i:ADR[- ]?)?0*(\d+)\s*(?:[.:]|\s[-–—])\s+`)

// title sets the title without the number that Nygard's form puts before it.
func (r *record) title() {
	if e, ok := r.entries["title"]; ok && r.heading == nil {
		r.Title = e.raw
		return
	}
	if r.heading == nil {
		return
	}
	text := r.heading.text
	if m := numberBefore.FindStringSubmatch(text); m != nil && (r.Format == Nygard || r.Numbered && m[1] == strconv.Itoa(r.Number)) {
		r.heading.start += len(m[0])
		text = text[len(m[0]):]
	}
	r.Title = text
}

// fields sets what the metadata state.
func (r *record) fields() []fault.Problem {
	r.Deciders, r.Consulted, r.Informed = r.list("deciders"), r.list("consulted"), r.list("informed")
	r.Tags = r.list("tags")
	if r.Format == Log4brains {
		r.Tags = log4brainsTags(r.Tags)
	}
	r.status()
	for _, text := range r.list("supersedes") {
		r.replaced = append(r.replaced, reference(text))
	}
	return r.date()
}

func (r *record) list(key string) []string {
	if e, ok := r.entries[key]; ok {
		return e.values
	}
	return nil
}

// log4brainsTags splits a single item at its spaces and lowers the case, as
// log4brains does.
func log4brainsTags(tags []string) []string {
	if len(tags) == 1 {
		tags = strings.Fields(tags[0])
	}
	var out []string
	for _, t := range tags {
		out = append(out, strings.ToLower(t))
	}
	return out
}

func (r *record) date() []fault.Problem {
	e, ok := r.entries["date"]
	if !ok || e.raw == "" {
		return nil
	}
	day, ok := parseDay(e.raw)
	if !ok {
		return []fault.Problem{newProblem(r.File, r.lineOf(e.start), "date", e.raw)}
	}
	r.Date, r.DateSource = day, e.source
	return nil
}

var dayForms = []string{time.DateOnly, "2006/01/02", "2006.01.02", "20060102", "2 January 2006", "2 Jan 2006", "January 2, 2006", "Jan 2, 2006", "02.01.2006"}

// parseDay reads a day in the forms people write it; what follows a T is a time.
func parseDay(s string) (time.Time, bool) {
	if len(s) > 10 && (s[10] == 'T' || s[10] == ' ') {
		if day, err := time.Parse(time.DateOnly, s[:10]); err == nil {
			return day, true
		}
	}
	for _, form := range dayForms {
		if day, err := time.Parse(form, s); err == nil {
			return day, true
		}
	}
	return time.Time{}, false
}

// packageOf tells the package of a file by log4brains' usual folders:
// packages/<name>/adr and packages/<name>/docs/adr.
func packageOf(file string) string {
	parts := strings.Split(path.Dir(path.Clean(file)), "/")
	for i := len(parts) - 2; i >= 1; i-- {
		if parts[i-1] == "packages" && slices.Contains(parts[i+1:], "adr") {
			return parts[i]
		}
	}
	return ""
}
