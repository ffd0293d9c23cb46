package adrfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// change reads a record, changes it and compares what is written with the text
// after the replacements, given in pairs of old and new.
func change(t *testing.T, file, text string, f func(d *Decision), replacements ...string) {
	t.Helper()
	d := read(t, file, text)
	f(&d)
	got, err := d.Render(nil)
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	want := text
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(want, replacements[i]) {
			t.Fatalf("%q is not in the text", replacements[i])
		}
		want = strings.Replace(want, replacements[i], replacements[i+1], 1)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestEditMADR4(t *testing.T) {
	f := func(do func(d *Decision), replacements ...string) {
		t.Helper()
		change(t, "0012-use-go.md", madr4, do, replacements...)
		crlf := strings.ReplaceAll(madr4, "\n", "\r\n")
		for i := range replacements {
			replacements[i] = strings.ReplaceAll(replacements[i], "\n", "\r\n")
		}
		change(t, "0012-use-go.md", crlf, do, replacements...)
	}
	f(func(d *Decision) {})
	f(func(d *Decision) { d.Title = "Use  Go\n1.26" }, "# Use Go", "# Use Go 1.26")
	f(func(d *Decision) { d.Status = Rejected }, `"accepted" # by`, `"rejected" # by`)
	f(func(d *Decision) { d.RawStatus = "approved" }, `"accepted" # by`, `"approved" # by`)
	f(func(d *Decision) { d.Status, d.SupersededBy = Superseded, "0013-use-rust" }, `"accepted" # by`, `"superseded by ADR-0013" # by`)
	f(func(d *Decision) { d.Status, d.SupersededBy = Superseded, "rust" }, `"accepted" # by`, `"superseded by [rust](rust.md)" # by`)
	f(func(d *Decision) { d.Status, d.SupersededBy = Superseded, "web/0013-rust" },
		`"accepted" # by`, `"superseded by [web/0013-rust](packages/web/adr/0013-rust.md)" # by`)
	f(func(d *Decision) { d.Date = day("2025-01-02") }, "date: 2024-02-29", "date: 2025-01-02")
	f(func(d *Decision) { d.Date = day("") }, "date: 2024-02-29\n", "")
	f(func(d *Decision) { d.Deciders = []string{"Ana Ruiz", "Eva: CTO"} },
		"  - Ana Ruiz\n  - \"Luis, of platform\"", "  - Ana Ruiz\n  - 'Eva: CTO'")
	f(func(d *Decision) { d.Deciders = nil }, "decision-makers:\n  - Ana Ruiz\n  - \"Luis, of platform\"\n", "")
	f(func(d *Decision) { d.Consulted = append(d.Consulted, "Pau, too") }, "[Eva, Max]", `[Eva, Max, 'Pau, too']`)
	f(func(d *Decision) { d.Informed = []string{"Everyone"} }, "Everyone, and the board", "Everyone")
	f(func(d *Decision) { d.Tags = []string{"go", "1"} }, "tags: []", `tags: [go, "1"]`)
	f(func(d *Decision) { d.Supersedes = append(d.Supersedes, "0003-old", "0005-older") },
		"\"title\")\n", "\"title\")\n* Supersedes [0005-older](0005-older.md)\n")
	f(func(d *Decision) { d.Title, d.Status, d.Date = "B", Proposed, day("2025-01-02") },
		`"accepted"`, `"proposed"`, "2024-02-29", "2025-01-02", "# Use Go", "# B")
	_, body, _ := strings.Cut(madr4, "# Use Go\n\n")
	f(func(d *Decision) { d.Body = "## Why\n\nBecause." }, body, "## Why\n\nBecause.\n")
}

func TestEditFrontMatterWithout(t *testing.T) {
	const text = "---\nparent: Decisions\nnav_order: 3\n---\n# A\n\nText\n"
	change(t, "0003-a.md", text, func(d *Decision) { d.Status = Proposed }, "3\n---", "3\nstatus: proposed\n---")
	change(t, "0003-a.md", text, func(d *Decision) {
		d.Status, d.Date, d.Deciders, d.Tags = Deprecated, day("2025-01-02"), []string{"Ana", "Eva"}, []string{"x"}
	}, "3\n---", "3\nstatus: deprecated\ndate: 2025-01-02\ndecision-makers: [Ana, Eva]\ntags: [x]\n---")
	change(t, "a.md", "---\n---\nText\n", func(d *Decision) { d.Title, d.Status = "A", Draft }, "---\n---\n", "---\nstatus: draft\n---\n# A\n\n")
	change(t, "a.md", "---\ntitle: A\nstatus: superseded\nsuperseded-by: old\n---\nText\n", func(d *Decision) {
		d.Title, d.SupersededBy = "B: c", "new"
	}, "title: A", "title: 'B: c'", "status: superseded\n", "status: superseded by [new](new.md)\n", "superseded-by: old", "superseded-by: '[new](new.md)'")
	change(t, "a.md", "---\nstatus: >-\n  on\n  hold\n\n# c\ndate:\n---\n# A\n", func(d *Decision) { d.Status, d.Date = Accepted, day("2025-01-02") },
		"status: >-\n  on\n  hold\n", "status: accepted\n", "date:\n", "date: 2025-01-02\n")
}

const list = `# Use lists

Intro.

* Status: Accepted <!-- optional -->
* Deciders: Ana, Luis
* Date: 2020-01-02

Technical Story: none

## Context

Text.
`

func TestEditList(t *testing.T) {
	f := func(do func(d *Decision), replacements ...string) {
		t.Helper()
		change(t, "docs/adr/0002-lists.md", list, do, replacements...)
	}
	f(func(d *Decision) {})
	f(func(d *Decision) { d.Status = Deprecated }, "Accepted <!--", "Deprecated <!--")
	f(func(d *Decision) { d.Status, d.SupersededBy = Superseded, "0010-x" }, "Accepted <!--", "Superseded by [0010-x](0010-x.md) <!--")
	f(func(d *Decision) { d.Deciders = []string{"Eva"} }, "Ana, Luis", "Eva")
	f(func(d *Decision) { d.Deciders, d.Date = nil, day("2021-01-02") }, "* Deciders: Ana, Luis\n", "", "2020-01-02", "2021-01-02")
	f(func(d *Decision) { d.Tags, d.Consulted = []string{"a", "b"}, []string{"Eva"} },
		"* Date: 2020-01-02\n", "* Date: 2020-01-02\n* Consulted: Eva\n* Tags: a, b\n")
	f(func(d *Decision) { d.Body = "New\n\n## End" }, list[strings.Index(list, "Intro."):],
		"* Status: Accepted <!-- optional -->\n* Deciders: Ana, Luis\n* Date: 2020-01-02\n\nNew\n\n## End\n")
	change(t, "a.md", "# A\n- **Status**: accepted", func(d *Decision) { d.Date = day("2020-01-02") },
		"accepted", "accepted\n- **Date**: 2020-01-02\n")
	change(t, "20200101-a.md", "# A\nText\n", func(d *Decision) { d.Status, d.Date = Draft, day("2020-01-02") },
		"# A\n", "# A\n\n- Status: draft\n- Date: 2020-01-02\n\n")
	change(t, "20200101-a.md", "## Context\n", func(d *Decision) { d.Title, d.Status = "T", Draft },
		"## Context\n", "# T\n\n- Status: draft\n\n## Context\n")
	change(t, "0001-a.md", "# A\n\n## Context\n", func(d *Decision) { d.Status = Draft }, "# A\n", "# A\n\n* Status: draft\n")
	change(t, "0001-a.md", "# ADR-0001: A\n", func(d *Decision) { d.Title = "B" }, ": A", ": B")
	change(t, "0001-a.md", "A\n===\n", func(d *Decision) { d.Title = "B" }, "A\n", "B\n")
	change(t, "0001-a.md", "#\n\nText\n", func(d *Decision) { d.Title = "B" }, "#\n", "# B\n")
}

func TestEditLog4brains(t *testing.T) {
	const text = "# A\n\n- Status: superseded by [20200102-b](20200102-b.md)\n\n## Links\n\n- Relates to [20200103-c](20200103-c.md)\n\n## End\n"
	change(t, "docs/adr/20200101-a.md", text, func(d *Decision) {})
	change(t, "docs/adr/20200101-a.md", text, func(d *Decision) { d.SupersededBy = "20200102-b" })
	change(t, "docs/adr/20200101-a.md", text, func(d *Decision) { d.SupersededBy = "p/20200104-d" },
		"[20200102-b](20200102-b.md)", "[p/20200104-d](../../packages/p/adr/20200104-d.md)")
	change(t, "docs/adr/20200101-a.md", text, func(d *Decision) { d.Status, d.SupersededBy = Accepted, "" },
		"superseded by [20200102-b](20200102-b.md)", "accepted")
	change(t, "docs/adr/20200101-a.md", text, func(d *Decision) { d.Supersedes = []string{"20191231-z"} },
		"c.md)\n", "c.md)\n- Supersedes [20191231-z](20191231-z.md)\n")
	change(t, "docs/adr/20200101-a.md", "# A\n\n- Status: draft\n", func(d *Decision) { d.Supersedes = []string{"x", "y"} },
		"draft\n", "draft\n\n## Links\n\n- Supersedes [x](x.md)\n- Supersedes [y](y.md)\n")
	change(t, "docs/adr/20200101-a.md", "# A\n\n- Status: draft\n- Tags: One\n", func(d *Decision) { d.Tags = []string{"one", "Two"} },
		"One", "one, Two")
}

func TestEditNygard(t *testing.T) {
	f := func(do func(d *Decision), replacements ...string) {
		t.Helper()
		change(t, "doc/adr/0008-octal.md", nygard, do, replacements...)
	}
	f(func(d *Decision) {})
	f(func(d *Decision) { d.Title = "Let it in" }, "# 8. Keep `octal` out", "# 8. Let it in")
	f(func(d *Decision) { d.Status, d.SupersededBy = Accepted, "" }, "Superceded by [10. Ten](0010-ten.md)", "Accepted")
	f(func(d *Decision) { d.SupersededBy = "0011-x" }, "[10. Ten](0010-ten.md)", "[0011-x](0011-x.md)")
	f(func(d *Decision) { d.Date = day("2017-01-02") }, "2016-02-12", "2017-01-02")
	f(func(d *Decision) { d.Deciders = []string{"Ana", "Eva"} }, "2016-02-12\n", "2016-02-12\nDeciders: Ana, Eva\n")
	f(func(d *Decision) { d.Supersedes = []string{"0001-x"} }, "(0010-ten.md)", "(0010-ten.md)\n\nSupercedes [0001-x](0001-x.md)")
	f(func(d *Decision) { d.Body = "## Context\n\nNew." }, nygard[strings.Index(nygard, "## Context"):], "## Context\n\nNew.\n")
	const accepted = "# 10. Ten\n\n## Status\n\nAccepted\n\nAmends [9. Nine](0009-nine.md)\n\n## Context\n"
	change(t, "0010-ten.md", accepted, func(d *Decision) { d.Status, d.SupersededBy = Superseded, "0011-x" },
		"Accepted", "Superceded by [0011-x](0011-x.md)")
	change(t, "0010-ten.md", accepted, func(d *Decision) { d.Date = day("2017-01-02") }, "Ten\n", "Ten\n\nDate: 2017-01-02\n")
	change(t, "0010-ten.md", "# 10. Ten\n\n## Status\n\n## Context\n", func(d *Decision) { d.Status = Proposed },
		"Status\n", "Status\n\nProposed\n")
}

func TestRenderUsesFiles(t *testing.T) {
	a := read(t, "one/adr/0001-a.md", "# A\n\n* Status: accepted\n")
	b := read(t, "two/x/0002-b.md", "# B\n")
	a.Status, a.SupersededBy = Superseded, "0002-b"
	got, err := a.Render(FilesOf([]Decision{a, b}))
	if want := "# A\n\n* Status: superseded by [0002-b](../../two/x/0002-b.md)\n"; err != nil || got != want {
		t.Errorf("error %v, got %q, want %q", err, got, want)
	}
}

func TestRenderNew(t *testing.T) {
	f := func(d Decision, want string) {
		t.Helper()
		got, err := d.Render(nil)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	}
	f(Decision{
		Slug: "0007-go", Title: "Use Go: yes", Status: Accepted, Date: day("2025-01-02"), Deciders: []string{"Ana", "Luis, of platform"},
		Consulted: []string{"Eva"}, Informed: []string{"all"}, Tags: []string{"go"}, Supersedes: []string{"0003-c"}, Body: "\n## Context\n\nText\n",
	}, `---
status: accepted
date: 2025-01-02
decision-makers: [Ana, 'Luis, of platform']
consulted: [Eva]
informed: [all]
tags: [go]
---
# Use Go: yes

## Context

Text

## More Information

* Supersedes [0003-c](0003-c.md)
`)
	f(Decision{Slug: "0007-go", Title: "A", Status: Superseded, SupersededBy: "0010-x"}, "---\nstatus: superseded by ADR-0010\n---\n# A\n")
	f(Decision{Slug: "go", Title: "A", Status: Superseded, SupersededBy: "p/rust"}, "---\nstatus: superseded by [p/rust](../../packages/p/adr/rust.md)\n---\n# A\n")
	f(Decision{Slug: "go", Title: "A", Status: Draft, RawStatus: "draft, of Ana"}, "---\nstatus: draft, of Ana\n---\n# A\n")
}

func TestRenderRefuses(t *testing.T) {
	f := func(text string, do func(d *Decision)) {
		t.Helper()
		d := read(t, "0001-a.md", text)
		do(&d)
		if got, err := d.Render(nil); fault.KindOf(err) != fault.Invalid || fault.HintOf(err) == "" {
			t.Errorf("error %v, text %q", err, got)
		}
	}
	f("# A\n\n* Deciders: Ana\n", func(d *Decision) { d.Deciders = []string{"Luis, of platform"} })
	f("# A\n", func(d *Decision) { d.Body = "* Status: rejected" })
	f("---\n{status: draft}\n---\n# A\n", func(d *Decision) { d.Status = Accepted })
	f("# A\n", func(d *Decision) { d.Title = "B #" })
	f("---\na: 1\rstatus: draft\nb: 2\n---\n# A\n", func(d *Decision) { d.Status = Accepted })
}

func TestEditBodyAndSupersedes(t *testing.T) {
	change(t, "0002-a.md", "# A\n\n* Status: accepted\n\nOld\n", func(d *Decision) {
		d.Body, d.Supersedes = "New", []string{"0001-z"}
	}, "Old\n", "New\n\n## More Information\n\n* Supersedes [0001-z](0001-z.md)\n")
}
