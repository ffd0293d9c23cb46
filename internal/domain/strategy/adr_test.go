package strategy_test

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

// template finds the files that are no records.
var template = regexp.MustCompile(`(^|/)(adr-template|template|index)\.md$`)

func records(files []catalog.File) []catalog.File {
	return slices.DeleteFunc(slices.Clone(files), func(f catalog.File) bool { return path.Ext(f.Name) != ".md" || template.MatchString(f.Name) })
}

// sameFiles compares an export with the files it came from, to the byte.
func sameFiles(t *testing.T, below string, want, got []catalog.File) {
	t.Helper()
	text := map[string]string{}
	for _, f := range got {
		text[path.Join(below, f.Name)] = string(f.Data)
	}
	for _, f := range want {
		if diff := cmp.Diff(string(f.Data), text[f.Name]); diff != "" {
			t.Errorf("%s (-file +export):\n%s", f.Name, diff)
		}
	}
	if len(want) != len(got) || len(want) == 0 {
		t.Errorf("%d files exported, %d came in", len(got), len(want))
	}
}

func TestMADRsOwnDecisions(t *testing.T) {
	files := filesIn(t, testenv.Data(t, "adr", "madr"), "/home/ana/madr/docs/decisions")
	c := newCatalog(t)
	report := load(t, c, "adr", nil, files...)
	if len(report.Problems) > 0 || report.Summary != "19 decisions; 19 created, 0 updated, 0 unchanged" {
		t.Errorf("%s, problems %v", report.Summary, report.Problems)
	}
	for _, want := range []struct{ ref, title, status string }{
		{"decision:0000-use-markdown-architectural-decision-records", "Use Markdown Architectural Decision Records", "accepted"},
		{"decision:0001-use-CC0-or-MIT-as-license", "Dual License the Work", "accepted"},
		{"decision:0003-provide-own-madr-tools", "Write Own MADR Tooling", "draft"},
		{"decision:0018-use-confirmation-as-heading", `Use "Confirmation" as Heading`, "accepted"},
	} {
		e := get(t, c, want.ref)
		if s := spec[strategy.Decision](t, e); e.Metadata.Title != want.title || s.Status != want.status || s.Body == "" {
			t.Errorf("%s: %q, %s", want.ref, e.Metadata.Title, s.Status)
		}
	}
	if again := load(t, c, "adr", nil, files...); again.Summary != "19 decisions; 0 created, 0 updated, 19 unchanged" {
		t.Errorf("a second import: %s", again.Summary)
	}
	sameFiles(t, "/home/ana/madr/docs/decisions", records(files), export(t, c, "adr", "", nil))
}

// record is one decision of log4brains' own snapshot.
type record struct {
	Title, Status, Date, SupersededBy string
	Deciders, Tags, Links             []string
}

var (
	value = regexp.MustCompile(`\n    "(package|publicationDate|slug|status|supersededBy|title)": (null|"(?:[^"\\]|\\.)*")`)
	items = regexp.MustCompile(`(?s)"(deciders|tags)": Array \[(.*?)\]`)
	item  = regexp.MustCompile(`"([^"]*)"`)
	links = regexp.MustCompile(`<AdrLink slug=\\+"([^"\\]*)\\+"`)
)

// snapshot reads what log4brains publishes of its test project, by the names
// the decisions get here.
func snapshot(t *testing.T) map[string]record {
	t.Helper()
	file := filesIn(t, testenv.Data(t, "adr", "log4brains", "__snapshots__"), "")[0]
	_, found, _ := strings.Cut(string(file.Data), "searchAdrs() all 2`] = `\n")
	out := map[string]record{}
	for _, object := range strings.Split(found, "\n  Object {\n")[1:] {
		m := map[string]string{}
		for _, v := range value.FindAllStringSubmatch(object, -1) {
			if v[2] != "null" {
				m[v[1]] = strings.Trim(v[2], `"`)
			}
		}
		p := record{Title: m["title"], Status: m["status"], Date: m["publicationDate"][:min(10, len(m["publicationDate"]))], SupersededBy: m["supersededBy"]}
		for _, list := range items.FindAllStringSubmatch(object, -1) {
			to := &p.Deciders
			if list[1] == "tags" {
				to = &p.Tags
			}
			for _, x := range item.FindAllStringSubmatch(list[2], -1) {
				*to = append(*to, x[1])
			}
		}
		for _, l := range links.FindAllStringSubmatch(object, -1) {
			if !slices.Contains(p.Links, l[1]) {
				p.Links = append(p.Links, l[1])
			}
		}
		slices.Sort(p.Links)
		out[m["slug"]] = p
	}
	if len(out) != 20 {
		t.Fatalf("%d records in the snapshot, want 20", len(out))
	}
	return out
}

func TestLog4brainsSnapshot(t *testing.T) {
	files := filesIn(t, testenv.Data(t, "adr", "log4brains", "ro-project"), "../ro-project")
	c := newCatalog(t)
	report := load(t, c, "adr", nil, files...)
	if len(report.Problems) > 0 {
		t.Errorf("problems %v", report.Problems)
	}
	got := map[string]record{}
	for _, e := range all(t, c, "Decision") {
		s := spec[strategy.Decision](t, e)
		p := record{Title: e.Metadata.Title, Status: s.Status, Date: s.Date, SupersededBy: s.SupersededBy, Deciders: s.Deciders, Tags: e.Metadata.Tags}
		for _, r := range s.Related {
			p.Links = append(p.Links, refSlug(t, e, r.Decision))
		}
		for _, r := range s.Supersedes {
			p.Links = append(p.Links, refSlug(t, e, r))
		}
		slices.Sort(p.Links)
		got[refSlug(t, e, e.Metadata.Name)] = p
	}
	if diff := cmp.Diff(snapshot(t), got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-published +got):\n%s", diff)
	}
	if again := load(t, c, "adr", nil, files...); !strings.Contains(again.Summary, "0 created, 0 updated, 20 unchanged") {
		t.Errorf("a second import: %s", again.Summary)
	}
	sameFiles(t, "../ro-project", records(files), export(t, c, "adr", "", nil))
}

// refSlug writes a reference as log4brains does, package/slug.
func refSlug(t *testing.T, e *entity.Entity, text string) string {
	t.Helper()
	ref, err := entity.ParseRef(text, "decision", e.Metadata.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	if ref.Namespace == entity.DefaultNamespace {
		return ref.Name
	}
	return ref.Namespace + "/" + ref.Name
}

func TestSupersedingIsARelation(t *testing.T) {
	c := newCatalog(t)
	load(t, c, "adr", nil, filesIn(t, testenv.Data(t, "adr", "log4brains", "ro-project"), "")...)
	rels, err := c.Relations(ctx, owner, get(t, c, "decision:20201028-superseded-adr").Ref())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rels {
		got = append(got, fmt.Sprintf("%s %s out=%t exists=%t", r.Type, r.Ref, r.Out, r.Exists))
	}
	want := []string{
		"supersededBy decision:default/20201029-superseder out=true exists=true",
		"supersededBy decision:default/20201029-superseder out=false exists=true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is edited here changes its own lines of the file and no other.
func TestEditedDecisionsExport(t *testing.T) {
	files := filesIn(t, testenv.Data(t, "adr", "log4brains", "ro-project"), "p")
	f := func(ref, patched, file string, from, to []string) {
		t.Helper()
		c := newCatalog(t)
		load(t, c, "adr", nil, files...)
		patch(t, c, ref, patched)
		for i, x := range export(t, c, "adr", "", nil) {
			want := string(records(files)[slices.IndexFunc(records(files), func(r catalog.File) bool { return r.Name == "p/"+x.Name })].Data)
			if x.Name != file {
				if string(x.Data) != want {
					t.Errorf("%d: %s changed too", i, x.Name)
				}
				continue
			}
			if diff := cmp.Diff(changedLines(want, string(x.Data)), [2][]string{from, to}, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-got +want):\n%s\n%s", ref, diff, x.Data)
			}
		}
	}
	f("decision:20201029-proposed-adr", `{"spec":{"status":"accepted"}}`, "docs/adr/20201029-proposed-adr.md",
		[]string{"- Status: proposed"}, []string{"- Status: accepted"})
	f("decision:20201029-rejected-adr", `{"spec":{"status":"superseded","supersededBy":"20201029-superseder"}}`, "docs/adr/20201029-rejected-adr.md",
		[]string{"- Status: rejected"}, []string{"- Status: superseded by [20201029-superseder](20201029-superseder.md)"})
	f("decision:package1/20200101-first-adr", `{"metadata":{"title":"Begin"}}`, "packages/package1/adr/20200101-first-adr.md",
		[]string{"# First ADR (in package 1)"}, []string{"# Begin"})
	f("decision:20201029-superseder", `{"metadata":{"owner":"group:platform"},"spec":{"concerns":["component:payments"],"reviewBy":"2027-01-01"}}`, "", nil, nil)
}

// changedLines returns the lines only one of two texts has.
func changedLines(a, b string) [2][]string {
	only := func(a, b string) (out []string) {
		for line := range strings.SplitSeq(a, "\n") {
			if !slices.Contains(strings.Split(b, "\n"), line) {
				out = append(out, line)
			}
		}
		return out
	}
	return [2][]string{only(a, b), only(b, a)}
}

const madr = "---\nstatus: proposed\ndate: 2026-05-12\ndecision-makers: [Ana]\n---\n# Use Go\n\n## Context\n\nWhy.\n"

// What was changed in the browser stays when the file comes again, and a file
// that changed brings its change.
func TestFileAndBrowserTogether(t *testing.T) {
	c := newCatalog(t)
	load(t, c, "adr", nil, text("0001-use-go.md", madr))
	patch(t, c, "decision:0001-use-go", `{"spec":{"status":"accepted","concerns":["component:payments"]}}`)
	if r := load(t, c, "adr", nil, text("0001-use-go.md", madr)); r.Changes[0].Op != catalog.Unchanged {
		t.Errorf("the same file again: %s %v", r.Changes[0].Op, r.Changes[0].Fields)
	}
	later := strings.Replace(madr, "Why.", "Because.", 1)
	load(t, c, "adr", nil, text("0001-use-go.md", later))
	s := spec[strategy.Decision](t, get(t, c, "decision:0001-use-go"))
	if s.Status != "accepted" || len(s.Concerns) != 1 || !strings.Contains(s.Body, "Because.") {
		t.Errorf("%+v", s)
	}
	got := export(t, c, "adr", "", nil)
	if want := strings.Replace(later, "status: proposed", "status: accepted", 1); len(got) != 1 || string(got[0].Data) != want {
		t.Errorf("exported\n%s\nwant\n%s", got[0].Data, want)
	}
	clash := strings.Replace(madr, "proposed", "rejected", 1)
	_, err := importer(t, "adr").Import(ctx, c, owner, []catalog.File{text("0001-use-go.md", clash)}, catalog.ImportOptions{})
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "spec.status") {
		t.Errorf("two hands on one status: %v", err)
	}
	load(t, c, "adr", map[string]string{"force": "true"}, text("0001-use-go.md", clash))
	if s := spec[strategy.Decision](t, get(t, c, "decision:0001-use-go")); s.Status != "rejected" {
		t.Errorf("forced: %s", s.Status)
	}
}

// Other forms, names that no entity can have, and references that lead nowhere
// come back as they were.
func TestOddRecordsComeBack(t *testing.T) {
	files := []catalog.File{
		text("r/doc/adr/0001-record.md", "# 1. Record\r\n\r\nDate: 2016-02-12\r\n\r\n## Status\r\n\r\nSuperceded by [2. Two](0002-two.md)\r\n\r\n## Context\r\n\r\nBecause.\r\n"),
		text("r/doc/adr/0002-two.md", "# 2. Two\n\nDate: 2016-02-13\n\n## Status\n\nAccepted\n\nSupercedes [1. Record](0001-record.md)\n\n## Context\n"),
		text("r/doc/adr/0003 ¿qué? (café).md", "# Café\n\n* Status: superseded by ADR-0001 and a talk, of old\n* Deciders: Ana, Luis\n\n## Context\n\nSee [two](0002-two.md) and [gone](0009-gone.md).\n"),
		text("r/doc/adr/0004-old.md", "---\nstatus: \"superseded by ADR-0099\"\nnav: 3\n---\n# Old\n\n* Supersedes ADR-0088\n"),
		text("r/doc/adr/0005-on-hold.md", "# On hold\n\n* Status: on hold, until spring\n"),
	}
	c := newCatalog(t)
	report := load(t, c, "adr", map[string]string{"namespace": "platform"}, files...)
	if len(report.Problems) > 0 {
		t.Errorf("problems %v", report.Problems)
	}
	want := []string{"decision:platform/0001-record", "decision:platform/0002-two", "decision:platform/0003-que-cafe", "decision:platform/0004-old", "decision:platform/0005-on-hold"}
	if got := slices.Sorted(maps.Keys(all(t, c, "Decision"))); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	s := spec[strategy.Decision](t, get(t, c, "decision:platform/0005-on-hold"))
	if s.Status != "draft" || s.Source.RawStatus != "on hold, until spring" {
		t.Errorf("%s, %q", s.Status, s.Source.RawStatus)
	}
	sameFiles(t, "r/doc/adr", files, export(t, c, "adr", "", nil))

	apply(t, c, "apiVersion: binnacle.dev/v1\nkind: Decision\nmetadata: {name: 0006-new, namespace: platform, title: New}\nspec: {status: accepted, date: \"2026-09-01\", supersedes: [0005-on-hold], body: \"## Context\\n\\nHere.\"}\n")
	i := slices.IndexFunc(export(t, c, "adr", "", nil), func(f catalog.File) bool { return f.Name == "0006-new.md" })
	const new = "---\nstatus: accepted\ndate: 2026-09-01\n---\n# New\n\n## Context\n\nHere.\n\n## More Information\n\n* Supersedes [0005-on-hold](0005-on-hold.md)\n"
	if got := export(t, c, "adr", "", nil); i < 0 || string(got[i].Data) != new {
		t.Errorf("a decision written here:\n%s\nwant\n%s", got[max(i, 0)].Data, new)
	}
}

func TestADRImportsThatCannotBe(t *testing.T) {
	c := newCatalog(t)
	f := func(args map[string]string, want string, files ...catalog.File) {
		t.Helper()
		_, err := importer(t, "adr").Import(ctx, c, owner, files, catalog.ImportOptions{Args: args})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error()+fault.HintOf(err), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(nil, "no decision was found", text("empty.md", ""))
	f(map[string]string{"namspace": "x"}, `no argument "namspace"`, text("0001-a.md", madr))
	f(map[string]string{"namespace": "a b"}, "cannot be a namespace", text("0001-a.md", madr))
	report := load(t, c, "adr", nil, text("a/0001-x.md", madr), text("a/0001 x.md", madr), text("a/0002-bad.md", "---\nstatus: [\n---\n# Bad\n"))
	var codes []string
	for _, p := range report.Problems {
		codes = append(codes, p.File+" "+p.Code)
	}
	if diff := cmp.Diff([]string{"a/0002-bad.md adr.front-matter", "a/0001-x.md adr.name"}, codes); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
