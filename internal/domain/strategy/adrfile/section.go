package adrfile

import (
	"regexp"
	"strings"
)

// A Heading is a section of a record's body, for display.
type Heading struct {
	Level int    // 2 for "## Context"; 0 for what stands before the first heading
	Title string // without number signs and comments
	Text  string // up to the next heading of any level
}

// Sections splits Markdown at its headings. Headings within code are text.
func Sections(markdown string) []Heading {
	lines := classify(split(markdown, 0))
	var list []Heading
	current, from := Heading{}, 0
	closeAt := func(to int) {
		current.Text = strings.TrimSpace(markdown[from:to])
		if current.Level > 0 || current.Text != "" {
			list = append(list, current)
		}
	}
	for i, l := range lines {
		if l.kind != head {
			continue
		}
		closeAt(l.start)
		text, _, _ := l.headingText()
		current, from = Heading{Level: l.level, Title: strings.TrimSpace(withoutComment(text))}, l.next
		if i+1 < len(lines) && lines[i+1].kind == underline {
			from = lines[i+1].next
		}
	}
	closeAt(len(markdown))
	return list
}

// Section returns the text of the first section with one of the titles, with
// the sections below it; titles are compared without regard to case.
func (d Decision) Section(titles ...string) string {
	list := Sections(d.Body)
	for i, h := range list {
		if !oneOf(titles, h.Title) {
			continue
		}
		parts := []string{h.Text}
		for _, below := range list[i+1:] {
			if below.Level <= h.Level {
				break
			}
			parts = append(parts, strings.Repeat("#", below.Level)+" "+below.Title, below.Text)
		}
		return strings.TrimSpace(strings.Join(parts, "\n\n"))
	}
	return ""
}

func oneOf(titles []string, title string) bool {
	for _, t := range titles {
		if strings.EqualFold(t, title) {
			return true
		}
	}
	return false
}

// Context returns what led to the decision.
func (d Decision) Context() string {
	return d.Section("Context and Problem Statement", "Context")
}

// Outcome returns what was decided.
func (d Decision) Outcome() string { return d.Section("Decision Outcome", "Decision") }

// Consequences returns what follows from the decision.
func (d Decision) Consequences() string {
	return d.Section("Consequences", "Positive Consequences")
}

var option = regexp.MustCompile(`^[*+-][ \t]+(.*\S)`)

// Options returns the considered options, one for each item of their list.
func (d Decision) Options() []string {
	var options []string
	for line := range strings.SplitSeq(d.Section("Considered Options", "Options"), "\n") {
		if m := option.FindStringSubmatch(line); m != nil {
			options = append(options, m[1])
		}
	}
	return options
}
