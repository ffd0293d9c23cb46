package adrfile

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/fault/faulttest"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

func day(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func places(problems []fault.Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, fmt.Sprintf("%s:%d %s", p.File, p.Line, strings.TrimPrefix(p.Code, "adr.")))
	}
	return out
}

func read(t *testing.T, file, text string) Decision {
	t.Helper()
	d, problems, ok := Parse(file, []byte(text))
	if !ok || len(problems) > 0 {
		t.Fatalf("%s: problems %v", file, problems)
	}
	return d
}

// same renders each decision unchanged and compares the bytes with the file.
func same(t *testing.T, dir string, decisions []Decision) {
	t.Helper()
	files := FilesOf(decisions)
	for _, d := range decisions {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(d.File)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Render(files)
		if err != nil || got != string(data) {
			t.Errorf("%s: error %v, differs from its file:\n%s", d.File, err, cmp.Diff(string(data), got))
		}
	}
}

func TestMADRsOwnDecisions(t *testing.T) {
	dir := testenv.Data(t, "adr", "madr")
	decisions, problems := ReadPath(os.DirFS(dir), ".")
	if len(problems) > 0 {
		t.Errorf("problems %v", problems)
	}
	titles := []string{
		"Use Markdown Architectural Decision Records", "Dual License the Work", "Do Not Use Numbers in Headings",
		"Write Own MADR Tooling", "Write Own TOC Tool", "Use Dashes in Filenames", "Use Names as Identifier",
		"Do Not Emphasize Line Headings", "Add Status Field", "Support Links To Other ADRs Inside an ADR", "Support Categories",
		"Use Asterisk as List Marker", "Use Curly Braces to Denote Placeholders", "Use YAML front matter for metadata",
		`Allow "neutral" arguments`, `Include "Consulted" and "Informed" of RACI`, "Outcome before Detailed Pros and Cons",
		"Use Same Format for Outcomes and Options", `Use "Confirmation" as Heading`,
	}
	if len(decisions) != len(titles) {
		t.Fatalf("got %d decisions, want %d", len(decisions), len(titles))
	}
	for i, d := range decisions {
		status, raw := Accepted, ""
		if i == 3 {
			status, raw = Draft, "on hold"
		}
		if d.Title != titles[i] || d.Number != i || !d.Numbered || d.Status != status || d.RawStatus != raw || d.Format != MADR4 || !d.Date.IsZero() {
			t.Errorf("%s: %q, number %d, %s %q, %s, %s; want %q", d.File, d.Title, d.Number, d.Status, d.RawStatus, d.Format, d.Date, titles[i])
		}
		if d.Context() == "" || d.Outcome() == "" || len(d.Options()) < 2 {
			t.Errorf("%s: context %q, outcome %q, options %q", d.File, d.Context(), d.Outcome(), d.Options())
		}
	}
	same(t, dir, decisions)
}

// published is one record of log4brains' snapshot.
type published struct {
	Slug, Package, Title, Status, SupersededBy, Day, File string
	Deciders, Tags                                        []string
	raw, mdx                                              string
}

var (
	snapshotList  = regexp.MustCompile(`"(deciders|tags)": Array \[([^\]]*)\]`)
	snapshotValue = regexp.MustCompile(`\n    "(package|publicationDate|slug|status|supersededBy|title)": (null|"(?:[^"\\]|\\.)*")`)
	snapshotFile  = regexp.MustCompile(`"relativePath": "([^"]*)"`)
	snapshotText  = regexp.MustCompile(`(?s)"(enhancedMdx|rawMarkdown)": "(.*?[^\\])",\n`)
)

func snapshot(t *testing.T) []published {
	t.Helper()
	data, err := os.ReadFile(testenv.Data(t, "adr", "log4brains", "__snapshots__", "ro.test.ts.snap"))
	if err != nil {
		t.Fatal(err)
	}
	_, all, _ := strings.Cut(string(data), "searchAdrs() all 2`] = `\n")
	var list []published
	for _, object := range strings.Split(all, "\n  Object {\n")[1:] {
		list = append(list, snapshotObject(object))
	}
	if len(list) != 20 {
		t.Fatalf("%d records in the snapshot, want 20", len(list))
	}
	return list
}

func snapshotObject(object string) published {
	var p published
	fields := map[string]*string{
		"package": &p.Package, "publicationDate": &p.Day, "slug": &p.Slug, "status": &p.Status, "supersededBy": &p.SupersededBy, "title": &p.Title,
	}
	for _, m := range snapshotValue.FindAllStringSubmatch(object, -1) {
		if m[2] != "null" {
			*fields[m[1]] = strings.Trim(m[2], `"`)
		}
	}
	for _, m := range snapshotText.FindAllStringSubmatch(object, -1) {
		text := strings.ReplaceAll(m[2], `\\"`, `"`)
		if m[1] == "rawMarkdown" {
			p.raw = text
		} else {
			p.mdx = text
		}
	}
	p.Day = p.Day[:min(len(p.Day), len(time.DateOnly))] // 23:59:59 in Paris: the same day in UTC
	p.File = snapshotFile.FindStringSubmatch(object)[1]
	p.Deciders, p.Tags = snapshotItems(object, "deciders"), snapshotItems(object, "tags")
	return p
}

func snapshotItems(object, key string) []string {
	var items []string
	for _, m := range snapshotList.FindAllStringSubmatch(object, -1) {
		for line := range strings.SplitSeq(m[2], "\n") {
			if line = strings.Trim(line, ` ",`); line != "" && m[1] == key {
				items = append(items, line)
			}
		}
	}
	return items
}

func TestLog4brainsSnapshot(t *testing.T) {
	dir := testenv.Data(t, "adr", "log4brains", "ro-project")
	decisions, problems := ReadPath(os.DirFS(dir), ".")
	if len(problems) > 0 {
		t.Errorf("problems %v", problems)
	}
	bySlug := map[string]Decision{}
	for _, d := range decisions {
		bySlug[d.Slug] = d
	}
	want := snapshot(t)
	for _, p := range want {
		d := bySlug[p.Slug]
		got := published{
			Slug: d.Slug, Package: d.Package, Title: d.Title, Status: string(d.Status), SupersededBy: d.SupersededBy,
			Day: dayText(d.Date), File: d.File, Deciders: d.Deciders, Tags: d.Tags,
		}
		if diff := cmp.Diff(p, got, cmpopts.IgnoreUnexported(published{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-published +got):\n%s", p.Slug, diff)
		}
		if d.Text != p.raw || d.Numbered || d.Format != Log4brains {
			t.Errorf("%s: format %s, numbered %t, text (-published +got):\n%s", p.Slug, d.Format, d.Numbered, cmp.Diff(p.raw, d.Text))
		}
		compareLinks(t, p, d)
	}
	if len(decisions) != len(want) {
		t.Errorf("got %d decisions, want %d", len(decisions), len(want))
	}
	same(t, dir, decisions)
}

var adrLink = regexp.MustCompile(`<AdrLink slug="([^"]*)"`)

// compareLinks holds the links against those of the published page, and where
// that has none, the body against the page's text.
func compareLinks(t *testing.T, p published, d Decision) {
	t.Helper()
	var want, got []string
	for _, m := range adrLink.FindAllStringSubmatch(p.mdx, -1) {
		want = append(want, m[1])
	}
	for _, l := range d.Links {
		if l.Slug != "" && l.Relation != "superseded by" {
			got = append(got, l.Slug)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: links (-published +got):\n%s", p.Slug, diff)
	}
	if body := strings.TrimSpace(p.mdx); len(want) == 0 && d.Body != body {
		t.Errorf("%s: body (-published +got):\n%s", p.Slug, cmp.Diff(body, d.Body))
	}
}

func TestLog4brainsLinks(t *testing.T) {
	decisions, _ := ReadPath(os.DirFS(testenv.Data(t, "adr", "log4brains", "ro-project")), ".")
	got := map[string][]Link{}
	for _, d := range decisions {
		if len(d.Supersedes) > 0 || d.SupersededBy != "" || d.Slug == "20201028-links" || d.Slug == "package1/20201028-links-to-global" {
			got[d.Slug] = d.Links
		}
	}
	first := "20200101-first-adr"
	want := map[string][]Link{
		"20201028-superseded-adr": {{Relation: "superseded by", Text: "20201029-superseder", Target: "20201029-superseder.md", Slug: "20201029-superseder", Line: 3}},
		"20201029-superseder":     {{Relation: "supersedes", Text: "20201028-superseded-adr", Target: "20201028-superseded-adr.md", Slug: "20201028-superseded-adr", Line: 16}},
		"20201028-links": {
			{Text: first, Target: first + ".md", Slug: first, Line: 7},
			{Text: first, Target: "./" + first + ".md", Slug: first, Line: 8},
			{Text: "Link with a custom text", Target: first + ".md", Slug: first, Line: 9},
			{Text: first, Target: first + "-BROKEN.md", Line: 11},
			{Text: "package1/" + first, Target: "../../packages/package1/adr/" + first + ".md", Slug: "package1/" + first, Line: 12},
		},
		"package1/20201028-links-to-global": {
			{Text: first, Target: "../../docs/adr/" + first + ".md", Slug: first, Line: 7},
			{Relation: "relates to", Text: "20201028-links", Target: "../../docs/adr/20201028-links.md", Slug: "20201028-links", Line: 11},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const madr4 = `---
# kept
status: "accepted" # by vote
date: 2024-02-29
decision-makers:
  - Ana Ruiz
  - "Luis, of platform"
consulted: [Eva, Max]
informed: Everyone, and the board
tags: []
nav_order: 3

# last
layout: page
---
<!-- markdownlint-disable -->
# Use Go

## Context and Problem Statement

See [ADR 1](0001-a.md) and ` + "`[code](0009-x.md)`" + `.

` + "```markdown\n# Not a title\n* Status: rejected\n[x](0008-y.md)\n```" + `

## Considered Options

* Go
* Rust

## Decision Outcome

Chosen option: "Go".

### Consequences

* Good, because it builds

## More Information

* Supersedes ADR-0003
* Amends [ADR-0002](0002-b.md), [ADR-0004](./0004-d.md#x "title")
`

func TestMADR4(t *testing.T) {
	d := read(t, "docs/decisions/0012-use-go.md", madr4)
	if d.Body[:10] != "## Context" || d.Context()[:9] != "See [ADR " {
		t.Errorf("body %q, context %q", d.Body, d.Context())
	}
	if want := "Chosen option: \"Go\".\n\n### Consequences\n\n* Good, because it builds"; d.Outcome() != want {
		t.Errorf("outcome %q", d.Outcome())
	}
	d.Body, d.Text = "", ""
	want := Decision{
		Slug: "0012-use-go", File: "docs/decisions/0012-use-go.md", Number: 12, Numbered: true, Title: "Use Go",
		Status: Accepted, RawStatus: "accepted", Date: day("2024-02-29"), DateSource: FrontMatter,
		Deciders: []string{"Ana Ruiz", "Luis, of platform"}, Consulted: []string{"Eva", "Max"}, Informed: []string{"Everyone", "and the board"},
		Supersedes: []string{"ADR-0003"}, Format: MADR4,
		Links: []Link{
			{Text: "ADR 1", Target: "0001-a.md", Slug: "0001-a", Line: 21},
			{Relation: "supersedes", Text: "ADR-0003", Line: 44},
			{Relation: "amends", Text: "ADR-0002", Target: "0002-b.md", Slug: "0002-b", Line: 45},
			{Relation: "amends", Text: "ADR-0004", Target: "./0004-d.md#x", Slug: "0004-d", Line: 45},
		},
	}
	if diff := cmp.Diff(want, d, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const nygard = `# 8. Keep ` + "`octal`" + ` out

Date: 2016-02-12

## Status

Superceded by [10. Ten](0010-ten.md)

Amends [9. Nine](0009-nine.md)
Answers to [2. Two](0002-two.md)

## Context

Because.

## Decision

We do.

## Consequences

Fine.
`

func TestNygard(t *testing.T) {
	fsys := fstest.MapFS{
		"doc/adr/0008-octal.md":           {Data: []byte(nygard)},
		"doc/adr/0009-nine.md":            {Data: []byte("Nine\n=======\n\nDate: 2016-03-01\n\nStatus\n------\n\nProposed by Ana\n\nContext\n-------\n\nC.\n")},
		"doc/adr/0010-ten.md":             {Data: []byte("# 10. Ten\r\n\r\nDate: 2016-04-01\r\n\r\n## Status\r\n\r\nSupercedes [8. Keep](0008-octal.md)\r\n\r\nAccepted\r\n\r\n## Context\r\n")},
		"doc/adr/templates/template.md":   {Data: []byte("# NUMBER. TITLE\n")},
		"doc/adr/README.md":               {Data: []byte("# Decisions\n")},
		"doc/adr/0002-two.md":             {Data: []byte("# 2. Two\n\n## Status\n\n## Decision\n")},
		"docs-of-something-else/other.md": {Data: []byte("# Not a decision\n")},
	}
	decisions, problems := ReadPath(fsys, ".")
	if len(problems) > 0 {
		t.Errorf("problems %v", problems)
	}
	type short struct {
		Slug, Title, Raw, Date, By string
		Number                     int
		Status                     Status
		Supersedes                 []string
		Source                     Source
		Body                       string
	}
	var got []short
	for _, d := range decisions {
		if d.Format != Nygard {
			t.Errorf("%s is %s", d.File, d.Format)
		}
		got = append(got, short{d.Slug, d.Title, d.RawStatus, dayText(d.Date), d.SupersededBy, d.Number, d.Status, d.Supersedes, d.DateSource, d.Body})
	}
	want := []short{
		{Slug: "0002-two", Title: "Two", Number: 2, Status: Accepted, Body: "## Decision"},
		{
			Slug: "0008-octal", Title: "Keep `octal` out", Raw: "Superceded by [10. Ten](0010-ten.md)", Date: "2016-02-12", By: "0010-ten", Number: 8,
			Status: Superseded, Source: Line, Body: "## Context\n\nBecause.\n\n## Decision\n\nWe do.\n\n## Consequences\n\nFine.",
		},
		{Slug: "0009-nine", Title: "Nine", Raw: "Proposed by Ana", Date: "2016-03-01", Number: 9, Status: Proposed, Source: Line, Body: "Context\n-------\n\nC."},
		{Slug: "0010-ten", Title: "Ten", Raw: "Accepted", Date: "2016-04-01", Number: 10, Status: Accepted, Supersedes: []string{"0008-octal"}, Source: Line, Body: "## Context"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	links := []Link{
		{Relation: "superseded by", Text: "10. Ten", Target: "0010-ten.md", Slug: "0010-ten", Line: 7},
		{Relation: "amends", Text: "9. Nine", Target: "0009-nine.md", Slug: "0009-nine", Line: 9},
		{Relation: "answers to", Text: "2. Two", Target: "0002-two.md", Slug: "0002-two", Line: 10},
	}
	if diff := cmp.Diff(links, decisions[1].Links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	for _, d := range decisions {
		if text, err := d.Render(FilesOf(decisions)); err != nil || text != string(fsys[d.File].Data) {
			t.Errorf("%s: error %v, text %q", d.File, err, text)
		}
	}
}

func TestNames(t *testing.T) {
	f := func(file, slug string, number int, named, date string) {
		t.Helper()
		d := read(t, file, "# Title\n")
		got := fmt.Sprintf("%s %d %t %s", d.Slug, d.Number, d.Numbered, dayText(d.NameDate))
		if want := fmt.Sprintf("%s %d %s %s", slug, number, named, date); got != want {
			t.Errorf("%s: got %s, want %s", file, got, want)
		}
	}
	f("0008-a.md", "0008-a", 8, "true", "")
	f("0010-a.md", "0010-a", 10, "true", "")
	f("0000-a.md", "0000-a", 0, "true", "")
	f("20230105-a.md", "20230105-a", 0, "false", "2023-01-05")
	f("2023-01-05-a.md", "2023-01-05-a", 0, "false", "2023-01-05")
	f("2023-13-05-a.md", "2023-13-05-a", 2023, "true", "")
	f("12-a.md", "12-a", 0, "false", "")
	f("00012-a.md", "00012-a", 0, "false", "")
	f("A_Weird name.md", "A_Weird name", 0, "false", "")
	f("packages/web/adr/0001-a.md", "web/0001-a", 1, "true", "")
	f("x/packages/web/docs/adr/0001-a.md", "web/0001-a", 1, "true", "")
	f("packages/adr/0001-a.md", "0001-a", 1, "true", "")
}

func TestParseStatus(t *testing.T) {
	f := func(raw string, want Status, known bool) {
		t.Helper()
		if got, ok := ParseStatus(raw); got != want || ok != known {
			t.Errorf("%q: got %s, %t; want %s, %t", raw, got, ok, want, known)
		}
	}
	f("", Accepted, true)
	f("Accepted", Accepted, true)
	f("**accepted** on 2020-01-01", Accepted, true)
	f("✅ Approved", Accepted, true)
	f("Superceded by [2. X](0002-x.md)", Superseded, true)
	f("superseded by ADR-0123", Superseded, true)
	f("replaced by 20201029-x", Superseded, true)
	f("Supercedes [1. X](0001-x.md)", Draft, false)
	f("on hold", Draft, false)
	f("propuesta", Proposed, true)
	f("Sustituida por ADR-7", Superseded, true)
	f("obsolete", Deprecated, true)
	f("REJECTED", Rejected, true)
}

func TestReferences(t *testing.T) {
	f := func(status, want string) {
		t.Helper()
		fsys := fstest.MapFS{
			"adr/0001-old.md":   {Data: []byte("---\nstatus: " + status + "\n---\n# Old\n")},
			"adr/0010-new.md":   {Data: []byte("# New\n")},
			"adr/sub/0010-n.md": {Data: []byte("# Local number\n")},
		}
		decisions, problems := ReadPath(fsys, "adr")
		if len(decisions) != 3 || decisions[0].SupersededBy != want || len(problems) > 0 {
			t.Errorf("%s: got %+v, problems %v, want %s", status, decisions, problems, want)
		}
	}
	f("superseded by ADR-0010", "0010-new")
	f("superseded by 10", "0010-new")
	f("Superseded by 0010-new.", "0010-new")
	f(`"superseded by [ADR-0010](0010-new.md)"`, "0010-new")
	f("superseded by [the local](./sub/0010-n.md)", "sub/0010-n")
	f("superseded by sub/0010-n", "sub/0010-n")
	f("superseded by ADR-0099", "ADR-0099")
	f("superseded by [gone](0011-gone.md)", "0011-gone")
	f("superseded\nsuperseded-by: ADR-10", "0010-new")
	f("accepted\nsuperseded-by: ADR-10", "")
}

func TestFolders(t *testing.T) {
	f := func(want string, files ...string) {
		t.Helper()
		fsys := fstest.MapFS{}
		for _, name := range files {
			name, text, _ := strings.Cut(name, "=")
			if text == "" {
				text = "# Title\n"
			}
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		decisions, problems := ReadPath(fsys, ".")
		var got []string
		for _, d := range decisions {
			got = append(got, d.Slug)
		}
		got = append(got, places(problems)...)
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%q: got %s, want %s", files, s, want)
		}
	}
	f("0001-a, 0002-b", "0001-a.md", "0002-b.MD", "adr-template.md", "template.md", "adr-template-minimal.md", "0000-template.md", "index.md", "README.md", "x.txt")
	f("0001-a, back/0001-a, back/deep/0001-a", "0001-a.md", "back/0001-a.md", "back/deep/0001-a.md", ".git/0009-x.md", "node_modules/0009-x.md")
	f("0001-a, web/0001-a", "docs/adr/0001-a.md", "packages/web/adr/0001-a.md", "CHANGES.md", "docs/guide.md")
	f("0001-a", ".adr-dir=my/records\n", "my/records/0001-a.md", "docs/adr/0002-b.md")
	f("0001-a, two/docs/decisions/0001-a", "one/docs/adr/0001-a.md", "two/docs/decisions/0001-a.md")
	f("a, p/b", ".log4brains.yml=project:\n  adrFolder: ./d\n  packages: [{name: p, adrFolder: ./q/r}]\n", "d/a.md", "q/r/b.md", "docs/adr/c.md")
	f(".log4brains.yml:0 no-folder, .log4brains.yml:0 no-folder", ".log4brains.yml=project:\n  adrFolder: ../../etc\n  packages: [{name: p}]\n")
	f(".log4brains.yml:0 config", ".log4brains.yml=project: [", "docs/adr/a.md")
	f(".:0 empty-folder", "README.md", "x/index.md")
}

func TestProblems(t *testing.T) {
	f := func(text string, ok bool, want ...string) {
		t.Helper()
		d, problems, got := Parse("a.md", []byte(text))
		if diff := cmp.Diff(want, places(problems)); diff != "" || got != ok || (d.Slug != "") != ok {
			t.Errorf("%.60q: ok %t, problems (-want +got):\n%s", text, got, diff)
		}
	}
	f("", false, "a.md:0 empty")
	f("\ufeff \n", false, "a.md:0 empty")
	f("a\x00b", false, "a.md:0 not-text")
	f("a\xff", false, "a.md:0 not-text")
	f(strings.Repeat("a", MaxBytes+1), false, "a.md:0 too-large")
	f("---\nstatus: accepted\ndate: [\n---\n# A\n", false, "a.md:3 front-matter")
	f("---\n- a\n---\n# A\n", false, "a.md:2 front-matter")
	f("---\nstatus: accepted\n\ndate: soon\n---\n# A\n", true, "a.md:4 date")
	f("# A\n\n* Date: {YYYY-MM-DD}\n", true, "a.md:3 date")
	f("---\nno end\n", true)
	f("---\n---\n# A\n", true)
	if _, problems := ReadPath(fstest.MapFS{}, "none"); places(problems)[0] != "none:0 unreadable" {
		t.Errorf("a missing folder: %v", problems)
	}
}

func TestDates(t *testing.T) {
	for _, s := range []string{"2020-01-02", "2020-01-02T10:00:00Z", "2020-01-02 10:00", "2020/01/02", "2020.01.02", "20200102", "2 January 2020", "Jan 2, 2020", "02.01.2020"} {
		if got, ok := parseDay(s); !ok || dayText(got) != "2020-01-02" {
			t.Errorf("%q: got %s, %t", s, got, ok)
		}
	}
	for _, s := range []string{"", "soon", "2020-02-30", "01/02/2020"} {
		if got, ok := parseDay(s); ok {
			t.Errorf("%q: got %s", s, got)
		}
	}
}

func TestListForms(t *testing.T) {
	f := func(text string, want string) {
		t.Helper()
		d := read(t, "a.md", text)
		got := fmt.Sprintf("%s|%s|%s|%s|%s|%s", d.Title, d.RawStatus, dayText(d.Date), d.DateSource, strings.Join(d.Deciders, "+"), d.Body)
		if got != want {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
	f("# A\n\n* Status: accepted\n* Deciders: Ana (CTO, founder), Luis <!-- optional -->\n* Date: 2020-01-02 <!-- optional -->\n\nText\n", "A|accepted|2020-01-02|list|Ana (CTO, founder)+Luis|Text")
	f("# A #\n- **Status**: accepted\n- **Date:** 2020-01-02\n\nText\n", "A|accepted|2020-01-02|list||Text")
	f("**Status:** accepted\n__Date__: 2020-01-02\nText\n", "|accepted|2020-01-02|line||Text")
	f("A\n===\n\nText\n\n- Status: accepted\n\nMore\n\n## Status\n\nrejected\n", "A|accepted||||Text\n\nMore\n\n## Status\n\nrejected")
	f("# A\n\n## Context\n\n- Status: accepted\n", "A|||||## Context\n\n- Status: accepted")
	f("# A\n\n```\n- Status: accepted\n```\n<!--\n- Date: 2020-01-02\n-->\n", "A|||||```\n- Status: accepted\n```\n<!--\n- Date: 2020-01-02\n-->")
	f("Before\n\n# A\n\nText\n", "A|||||Before\n\nText")
	f("<!-- x -->\n# A\n\nText\n", "A|||||Text")
	f("---\ntitle: From front\n---\nText\n", "From front|||||Text")
	f("# 3. A\n\nText\n", "3. A|||||Text")
}

func TestSections(t *testing.T) {
	got := Sections("Intro\n\n## A <!-- x -->\n\na\n\n```\n# no\n```\n\nB\n---\nb\n### C\n")
	want := []Heading{{0, "", "Intro"}, {2, "A", "a\n\n```\n# no\n```"}, {2, "B", "b"}, {3, "C", ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := Sections(""); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

// Every code that the source reports has a message and a hint, in both
// languages with the same arguments.
func TestTexts(t *testing.T) { faulttest.Texts(t, "adr", Text) }
