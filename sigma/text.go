package sigma

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseString reads a text as rules write it: * and ? are wildcards, and a
// backslash takes their meaning from them. Before any other character it is
// itself; two of them are one.
func ParseString(text string) String {
	var s String
	var run strings.Builder
	flush := func() {
		s.add(Part{Text: run.String()})
		run.Reset()
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && strings.IndexByte(`\*?`, text[i+1]) >= 0:
			i++
			run.WriteByte(text[i])
		case c == '*':
			flush()
			s.add(Part{Kind: Star})
		case c == '?':
			flush()
			s.add(Part{Kind: Question})
		default:
			run.WriteByte(c)
		}
	}
	flush()
	return s
}

// PlainString is a text without wildcards.
func PlainString(text string) String {
	var s String
	s.add(Part{Text: text})
	return s
}

// Concat is one string after the other. It is Cased when one of them is.
func Concat(strs ...String) String {
	var out String
	for _, s := range strs {
		out.Cased = out.Cased || s.Cased
		for _, p := range s.Parts {
			out.add(p)
		}
	}
	return out
}

// add appends a part and keeps the parts in their shortest form: no empty
// texts, neighbouring texts are one, and so are neighbouring stars.
func (s *String) add(p Part) {
	if p.Kind == Text && p.Text == "" {
		return
	}
	if n := len(s.Parts); n > 0 && s.Parts[n-1].Kind == p.Kind {
		switch p.Kind {
		case Text:
			s.Parts[n-1].Text += p.Text
			return
		case Star:
			return
		}
	}
	s.Parts = append(s.Parts, p)
}

// Plain is the text of a string that has only text; else it is false.
func (s String) Plain() (string, bool) {
	switch {
	case len(s.Parts) == 0:
		return "", true
	case len(s.Parts) == 1 && s.Parts[0].Kind == Text:
		return s.Parts[0].Text, true
	}
	return "", false
}

// Has reports whether a string has a part of a kind.
func (s String) Has(kind PartKind) bool {
	for _, p := range s.Parts {
		if p.Kind == kind {
			return true
		}
	}
	return false
}

// String is the text as a rule writes it. ParseString reads it back, but for
// placeholders.
func (s String) String() string {
	var b strings.Builder
	for i, p := range s.Parts {
		switch p.Kind {
		case Star:
			b.WriteByte('*')
		case Question:
			b.WriteByte('?')
		case Placeholder:
			b.WriteString("%" + p.Text + "%")
		default:
			b.WriteString(escape(p.Text, i+1 < len(s.Parts)))
		}
	}
	return b.String()
}

// escape writes a text with backslashes where it would mean something else.
// A wildcard follows when more is true.
func escape(text string, more bool) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '*' || c == '?':
			b.WriteByte('\\')
		case c == '\\' && (i+1 < len(text) && strings.IndexByte(`\*?`, text[i+1]) >= 0 || i+1 == len(text) && more):
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// ParseNumber reads a text that is a decimal number, as "10", "-1.5" or "1e6",
// and nothing else.
func ParseNumber(text string) (float64, bool) {
	digits := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-':
		default:
			return 0, false
		}
	}
	if digits == 0 || len(text) > 400 {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil && !math.IsInf(f, 0)
}

// timeLayouts are the forms of time that logs use, after RFC 3339. A fraction
// of a second may follow the seconds in all of them.
var timeLayouts = []string{
	time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05 -0700",
	"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02",
}

// ParseTime reads a time with its own offset, as UTC when it has none.
func ParseTime(text string) (time.Time, bool) {
	if len(text) < len("2006-01-02") || len(text) > 64 || text[4] != '-' {
		return time.Time{}, false
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// Of is the part of a time that a TimePart compares.
func (p TimePart) Of(t time.Time) int {
	switch p.Part {
	case "minute":
		return t.Minute()
	case "hour":
		return t.Hour()
	case "day":
		return t.Day()
	case "week":
		_, week := t.ISOWeek()
		return week
	case "month":
		return int(t.Month())
	}
	return t.Year()
}

// Holds reports whether a time is as the part says.
func (p TimePart) Holds(t time.Time) bool {
	return p.Op.Holds(float64(p.Of(t)), float64(p.Value))
}
