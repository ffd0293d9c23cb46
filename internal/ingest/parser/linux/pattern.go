package linux

import (
	"strings"

	"github.com/binnaclehq/binnacle/internal/event"
)

// names take what is read of a message.
type names interface {
	Add(name, text string)
	Int(name, digits string)
	From(address string)
}

// A pattern is a form of message: text, and in braces the field that what stands
// there is. {field} is a word, {field*} anything up to where the text after it
// is found last and the rest fits. {} is a word that is no field. "…" at the end lets anything follow.
//
// An address is source.address: it becomes source.ip, or source.domain when it
// is a name.
type pattern struct {
	parts           []part
	open            bool // anything may follow
	action, outcome string
}

type part struct {
	before string // the text before the field
	field  string
	last   bool // up to the last place of what follows
	end    bool // the text after the last field
}

// patterns are tried in order, the first that fits is it.
type patterns []pattern

// forms reads a table of patterns: action, outcome, and the message.
func forms(table [][3]string) patterns {
	var list patterns
	for _, row := range table {
		p := pattern{action: row[0], outcome: row[1]}
		p.compile(row[2])
		list = append(list, p)
	}
	return list
}

func (p *pattern) compile(text string) {
	text, p.open = strings.CutSuffix(text, "…")
	for {
		before, rest, ok := strings.Cut(text, "{")
		if !ok {
			p.parts = append(p.parts, part{before: before, end: true})
			return
		}
		field, after, _ := strings.Cut(rest, "}")
		name, last := strings.CutSuffix(field, "*")
		p.parts = append(p.parts, part{before: before, field: name, last: last})
		text = after
	}
}

// most is how many fields a pattern has at most.
const most = 8

// longest is the longest message that is compared with patterns.
const longest = 2048

// match reports whether a message, from part i on, has the form, and what its
// fields are.
func (p *pattern) match(i int, text string, found *[most]string) bool {
	part := &p.parts[i]
	rest, ok := strings.CutPrefix(text, part.before)
	if !ok {
		return false
	}
	if part.end {
		return rest == "" || p.open
	}
	next := &p.parts[i+1]
	if next.end && next.before == "" {
		end := len(rest)
		if space := strings.IndexByte(rest, ' '); !part.last && space >= 0 {
			if !p.open {
				return false
			}
			end = space
		}
		found[i] = rest[:end]
		return true
	}
	if part.last {
		for end := strings.LastIndex(rest, next.before); end >= 0; end = strings.LastIndex(rest[:end], next.before) {
			if p.match(i+1, rest[end:], found) {
				found[i] = rest[:end]
				return true
			}
		}
		return false
	}
	word := rest
	if space := strings.IndexByte(rest, ' '); space >= 0 {
		word = rest[:min(space+len(next.before), len(rest))]
	}
	end := strings.Index(word, next.before)
	if end < 0 || !p.match(i+1, rest[end:], found) {
		return false
	}
	found[i] = rest[:end]
	return true
}

// read adds the fields of a message by the first pattern that fits it, and
// reports whether one does.
func (ps patterns) read(text string, l names) bool {
	if len(text) > longest {
		return false
	}
	var found [most]string
	for i := range ps {
		p := &ps[i]
		if !p.match(0, text, &found) {
			continue
		}
		for i, part := range p.parts {
			add(l, part.field, found[i])
		}
		l.Add(event.Action, p.action)
		l.Add(event.Outcome, p.outcome)
		return true
	}
	return false
}

func add(l names, field, text string) {
	switch field {
	case "", "-":
	case "source.address":
		l.From(text)
	case "source.port", "process.pid":
		l.Int(field, text)
	default:
		l.Add(field, text)
	}
}
