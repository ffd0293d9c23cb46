package pipeline

import (
	"regexp"
	"strings"

	"github.com/binnaclehq/binnacle/sigma"
)

// plain writes a string as transformations see it: wildcards as * and ?, such
// characters that stand for themselves behind a backslash, placeholders between
// percent signs. A backslash is one backslash.
func plain(s sigma.String) string { return write(s, "") }

func write(s sigma.String, mark string) string {
	var b strings.Builder
	for i, p := range s.Parts {
		switch p.Kind {
		case sigma.Star:
			b.WriteByte('*')
		case sigma.Question:
			b.WriteByte('?')
		case sigma.Placeholder:
			b.WriteString("%" + p.Text + "%")
		default:
			b.WriteString(literal.Replace(p.Text))
			if strings.HasSuffix(p.Text, `\`) && i+1 < len(s.Parts) {
				b.WriteString(mark)
			}
		}
	}
	return b.String()
}

var literal = strings.NewReplacer("*", `\*`, "?", `\?`)

// apart stands between a backslash and a wildcard, so that they are not taken
// for a character behind a backslash. No text has it: it is no character.
const apart = "\uFDD0"

// rewrite changes a string by what its plain form becomes. In a string that has
// placeholders, names between percent signs are such afterwards too.
func rewrite(s sigma.String, change func(string) string) sigma.String {
	text := change(write(s, apart))
	var names []string
	for _, p := range s.Parts {
		if p.Kind == sigma.Placeholder {
			names = append(names, p.Text)
		}
	}
	var parts []sigma.String
	for text != "" {
		at, name := firstPlaceholder(text, names)
		if at < 0 {
			break
		}
		parts = append(parts, read(text[:at]), sigma.String{Parts: []sigma.Part{{Kind: sigma.Placeholder, Text: name}}})
		text = text[at+len(name)+2:]
	}
	out := sigma.Concat(append(parts, read(text))...)
	out.Cased = s.Cased
	return out
}

var word = regexp.MustCompile(`%\w+%`)

// firstPlaceholder finds the first of some placeholders, or of those whose name
// is a word.
func firstPlaceholder(text string, names []string) (at int, name string) {
	at = -1
	if found := word.FindStringIndex(text); found != nil && len(names) > 0 {
		at, name = found[0], text[found[0]+1:found[1]-1]
	}
	for _, n := range names {
		if i := strings.Index(text, "%"+n+"%"); i >= 0 && (at < 0 || i < at) {
			at, name = i, n
		}
	}
	return at, name
}

// read reads a plain form back.
func read(text string) sigma.String {
	var out []sigma.String
	var run strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '*' || text[i+1] == '?'):
			i++
			run.WriteByte(text[i])
		case c == '*' || c == '?':
			out = append(out, sigma.PlainString(run.String()), wildcard(c))
			run.Reset()
		case strings.HasPrefix(text[i:], apart):
			i += len(apart) - 1
		default:
			run.WriteByte(c)
		}
	}
	return sigma.Concat(append(out, sigma.PlainString(run.String()))...)
}

func wildcard(c byte) sigma.String {
	kind := sigma.Star
	if c == '?' {
		kind = sigma.Question
	}
	return sigma.String{Parts: []sigma.Part{{Kind: kind}}}
}

// eachText changes the texts of a string and leaves the rest of it.
func eachText(s sigma.String, change func(string) string) sigma.String {
	return eachPart(s, func(text string) sigma.String { return sigma.PlainString(change(text)) })
}

// eachPart puts strings in the place of the texts of a string.
func eachPart(s sigma.String, change func(string) sigma.String) sigma.String {
	var parts []sigma.String
	for _, p := range s.Parts {
		if p.Kind == sigma.Text {
			parts = append(parts, change(p.Text))
			continue
		}
		parts = append(parts, sigma.String{Parts: []sigma.Part{p}})
	}
	out := sigma.Concat(parts...)
	out.Cased = s.Cased
	return out
}
