package hunt

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/logs"
)

// term is a part of a query at its top level that asks for the value of a field,
// as `user.name:="eva"` or `-host.name:web*`.
type term struct {
	from, to int // in the query
	Not      bool
	Field    string
	Value    string // without quotes; of a function as it is written: in(a,b)
	Exact    bool   // =
	Quoted   bool   // the value stands in quotes
	text     string // as it is written
	or       bool   // no term: the word "or" between two
}

// reading is what is known of a query without the engine that answers it.
type reading struct {
	terms []term
	parts []term // all of it: terms, words without a field, and each "or"
	or    bool   // it has "or" at its top level: no part of it holds for all that is found
	pipe  int    // where the first pipe begins; -1 for none
}

// read finds the terms of a query. What it does not understand is no term: the
// engine has the last word on every query.
func read(query string) reading {
	r := reading{pipe: -1}
	nots, first := 0, 0 // before a term, and where the first of them is
	for at := 0; at < len(query); {
		c, n := utf8.DecodeRuneInString(query[at:])
		switch {
		case unicode.IsSpace(c):
			at += n
		case c == '|':
			r.pipe = at
			return r
		default:
			end := word(query, at)
			text := query[at:end]
			switch {
			case strings.EqualFold(text, "or"):
				r.or, r.parts = true, append(r.parts, term{or: true})
			case strings.EqualFold(text, "and"):
			case strings.EqualFold(text, "not"), text == "-", text == "!":
				if nots == 0 {
					first = at
				}
				nots++
			default:
				t, ok := termOf(text)
				t.from, t.to, t.text = at, end, text
				if nots > 0 {
					t.from, t.text = first, "not "+text
					t.Not, nots = t.Not != (nots%2 == 1), 0
				}
				if ok {
					r.terms = append(r.terms, t)
				}
				r.parts = append(r.parts, t)
			}
			at = end
		}
	}
	return r
}

// word returns where the word that begins at a place ends: at a space or a pipe
// outside of quotes and brackets. Spaces around the colon of a field are within.
func word(s string, at int) int {
	depth, from := 0, at
	for at < len(s) {
		c, n := utf8.DecodeRuneInString(s[at:])
		switch {
		case c == '"' || c == '\'' || c == '`':
			at = quoted(s, at)
			continue
		case c == '(' || c == '[' || c == '{':
			depth++
		case (c == ')' || c == ']' || c == '}') && depth > 0:
			depth--
		case depth == 0 && c == '|':
			return at
		case depth == 0 && unicode.IsSpace(c):
			next := at + len(s[at:]) - len(strings.TrimLeftFunc(s[at:], unicode.IsSpace))
			if !goesOn(s[from:at], s[next:]) {
				return at
			}
			at = next
			continue
		}
		at += n
	}
	return at
}

// goesOn reports whether a word goes on behind spaces: with the colon of its
// field, or with the value of it.
func goesOn(text, rest string) bool {
	text = strings.TrimLeft(text, "-!")
	if text == "" || rest == "" || rest[0] == '|' {
		return false
	}
	colon := fieldEnd(text)
	if colon < 0 {
		return rest[0] == ':' && !strings.ContainsAny(text, "([{")
	}
	return strings.Trim(text[colon+1:], "=~<>! ") == ""
}

// quoted returns where the quoted text that begins at a place ends.
func quoted(s string, at int) int {
	quote := s[at]
	for i := at + 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote != '`':
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// termOf reads one word of a query.
func termOf(s string) (term, bool) {
	t := term{}
	for s != "" && (s[0] == '-' || s[0] == '!') {
		t.Not, s = !t.Not, s[1:]
	}
	colon := fieldEnd(s)
	if colon <= 0 || colon == len(s)-1 {
		t.Value = unquote(s)
		t.Quoted = t.Value != s
		return t, false
	}
	t.Field = unquote(strings.TrimSpace(s[:colon]))
	s = strings.TrimSpace(s[colon+1:])
	if strings.HasPrefix(s, "=") && len(s) > 1 {
		t.Exact, s = true, strings.TrimSpace(s[1:])
	}
	t.Value = unquote(s)
	t.Quoted = t.Value != s
	return t, t.Field != ""
}

// fieldEnd returns where the colon behind a field is; -1 for none.
func fieldEnd(s string) int {
	if s != "" && (s[0] == '"' || s[0] == '`' || s[0] == '\'') {
		end := quoted(s, 0)
		end += len(s[end:]) - len(strings.TrimLeftFunc(s[end:], unicode.IsSpace))
		if end < len(s) && s[end] == ':' {
			return end
		}
		return -1
	}
	if i := strings.IndexAny(s, ":\"'`([{"); i >= 0 && s[i] == ':' {
		return i
	}
	return -1
}

func unquote(s string) string {
	if plain, err := strconv.Unquote(s); err == nil {
		return plain
	}
	if len(s) < 2 || s[0] != s[len(s)-1] || !strings.ContainsRune("\"'`", rune(s[0])) || quoted(s, 0) < len(s) {
		return s
	}
	if s[0] == '`' {
		return s[1 : len(s)-1]
	}
	var b strings.Builder
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '\\' && i+1 < len(s)-1 {
			i++
			if c, ok := escapes[s[i]]; ok {
				b.WriteByte(c)
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

var escapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r'}

// only is the term that asks for a value of a field; not turns it round.
func only(field, value string, not bool) string {
	term := logs.Is(field, value)
	if not {
		return "-" + term
	}
	return term
}

// with adds a term to a query: everything that it finds must meet it too. A term
// that asks for the contrary makes place.
func with(query, more string) string {
	for _, t := range read(query).terms {
		if n, ok := termOf(more); ok && t.Field == n.Field && t.Value == n.Value {
			query = without(query, t)
			break
		}
	}
	r := read(query)
	head, tail := strings.TrimSpace(query), ""
	if r.pipe >= 0 {
		head, tail = strings.TrimSpace(query[:r.pipe]), " "+query[r.pipe:]
	}
	switch {
	case head == "" || head == "*":
		return more + tail
	case r.or:
		return "(" + head + ") " + more + tail
	}
	return head + " " + more + tail
}

// without takes a term out of a query.
func without(query string, t term) string {
	head, tail := strings.TrimRightFunc(query[:t.from], unicode.IsSpace), strings.TrimLeftFunc(query[t.to:], unicode.IsSpace)
	for _, and := range []string{"and", "AND"} {
		switch {
		case strings.HasSuffix(head, " "+and):
			head = strings.TrimRightFunc(strings.TrimSuffix(head, and), unicode.IsSpace)
		case head == and:
			head = ""
		case head == "" && strings.HasPrefix(tail, and+" "):
			tail = strings.TrimLeftFunc(tail[len(and):], unicode.IsSpace)
		}
	}
	return strings.TrimSpace(head + " " + tail)
}
