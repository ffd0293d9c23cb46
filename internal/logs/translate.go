package logs

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mostAsked bounds in how many fields a word is looked for. The rarest are left
// out.
const mostAsked = 1500

// Translate turns what a person writes into a box for questions into LogsQL, and
// returns the question with it:
//
//   - a word or a "quoted text" alone is looked for in all fields, without regard
//     to case, and field:word in one field;
//   - *part*, begin* and *end say which part of a word is known;
//   - -word and not word exclude, or and parentheses join; without a word between
//     them all terms are needed;
//   - everything else that LogsQL knows stays as it is: field:=exactly,
//     field:~"regular expression", field:in(a, b), _time:1h, {host.name="web"},
//     and pipes.
//
// LogsQL has no filter over all fields, so a word becomes an alternative for each
// field that events of that time have; the store is asked for their names, which
// takes milliseconds. Only the columns of blocks that have such a field are then
// read, each until a row is found.
func Translate(ctx context.Context, s Store, q Query) (Query, error) {
	return translate(ctx, s, q, translation{text: q.Text})
}

// Written is Translate for a question that people keep and read: words stay whole,
// as field:i("word"), which finds the same and takes longer.
func Written(ctx context.Context, s Store, q Query) (Query, error) {
	return translate(ctx, s, q, translation{text: q.Text, whole: true})
}

func translate(ctx context.Context, s Store, q Query, t translation) (Query, error) {
	out := t.translate(nil)
	if t.bare {
		fields, _, err := s.Fields(ctx, Query{Org: q.Org, From: q.From, To: q.To, Partial: q.Partial})
		if err != nil {
			return q, err
		}
		out = t.translate(askable(fields))
	}
	if err := s.Check(out); err != nil {
		if own := s.Check(q.Text); own != nil {
			return q, own
		}
		return q, nil // LogsQL that is written as only the engine reads it
	}
	q.Text = out
	return q, nil
}

// askable are the names of fields that words are looked for in.
func askable(fields []Value) []string {
	names := []string{fieldMessage}
	for _, f := range fields {
		if f.Text != fieldMessage && f.Text != fieldTime && !hiddenField(f.Text) && len(names) < mostAsked {
			names = append(names, f.Text)
		}
	}
	slices.Sort(names[1:])
	return names
}

// translation goes through a text once.
type translation struct {
	text string
	at   int
	out  strings.Builder
	all  []string // names of fields for words alone
	bare bool     // there is a word alone

	whole bool // words are not asked for in each way in which they can be written
}

// most is in how many ways a word may be asked for in a field.
func (t *translation) most(n int) int {
	if t.whole {
		return 0
	}
	return n
}

func (t *translation) translate(all []string) string {
	t.at, t.all = 0, all
	t.out.Reset()
	for t.at < len(t.text) {
		switch c := t.text[t.at]; {
		case c == '|':
			t.copy(len(t.text) - t.at)
		case c == '{':
			t.copy(balanced(t.text[t.at:]))
		case strings.IndexByte(" \t\r\n()!", c) >= 0, c == '-' && t.starts():
			t.copy(1)
		case strings.IndexByte("[]}:", c) >= 0:
			t.copy(1) // the engine says what is wrong with it
		case strings.IndexByte("=~<>", c) >= 0:
			t.copy(1)
			t.copy(t.wordEnd())
		default:
			t.term()
		}
	}
	if text := t.out.String(); strings.TrimSpace(text) != "" {
		return text
	}
	return everything
}

func (t *translation) copy(n int) {
	t.out.WriteString(t.text[t.at : t.at+n])
	t.at += n
}

// starts reports whether a term begins here.
func (t *translation) starts() bool {
	return t.at == 0 || strings.IndexByte(" \t\r\n(!", t.text[t.at-1]) >= 0
}

// term translates one term: a word, a field with a value, a function.
func (t *translation) term() {
	end := t.wordEnd()
	word := t.text[t.at : t.at+end]
	rest := t.text[t.at+end:]
	switch {
	case word == everything, keyword(word) && !strings.HasPrefix(rest, ":"):
		t.copy(end)
	case strings.HasPrefix(rest, ":") && !address(word, rest):
		t.copy(end + 1)
		t.value(unquoted(word))
	case word == "i" && t.inAnyCase(fieldMessage, Quote(fieldMessage)+":"):
	case strings.HasPrefix(rest, "(") && plainName(word) && !strings.Contains(word, everything):
		t.copy(end)
		t.copy(balanced(t.text[t.at:]))
	default:
		if strings.HasPrefix(rest, ":") {
			end += spaceOr(rest, "()|")
		}
		t.bare = true
		t.out.WriteString(t.anywhere(readTerm(t.text[t.at : t.at+end])))
		t.at += end
	}
}

// address reports whether what looks like a field and its value is a path of
// Windows, an address of the web or one of IPv6.
func address(word, rest string) bool {
	return len(word) == 1 && strings.HasPrefix(rest, `:\`) || strings.HasPrefix(rest, "://") || strings.HasPrefix(rest, "::")
}

// value translates the value of a field, when it is but a word.
func (t *translation) value(field string) {
	if t.at == len(t.text) {
		return
	}
	rest := t.text[t.at:]
	end := t.wordEnd()
	word := rest[:end]
	switch {
	case strings.IndexByte("=~<>!", rest[0]) >= 0:
		n := len(rest) - len(strings.TrimLeft(rest, "=~<>! "))
		t.copy(n)
		t.copy(t.wordEnd())
		if strings.HasPrefix(t.text[t.at:], "(") {
			t.copy(balanced(t.text[t.at:]))
		} else if strings.HasPrefix(t.text[t.at:], "*") {
			t.copy(1)
		}
	case strings.IndexByte("([{", rest[0]) >= 0:
		t.copy(balanced(rest))
	case word == "i" && t.inAnyCase(field, ""):
	case end == 0, word == everything, strings.HasPrefix(field, "_") && field != fieldMessage:
		t.copy(end)
		if strings.HasPrefix(t.text[t.at:], "[") || strings.HasPrefix(t.text[t.at:], "(") {
			t.copy(balanced(t.text[t.at:]))
		}
	case strings.HasPrefix(rest[end:], "(") || strings.HasPrefix(rest[end:], "["):
		t.copy(end)
		t.copy(balanced(t.text[t.at:]))
	default:
		// The name is written already: the filter goes without it.
		_, filter, _ := strings.Cut(within1("x", readTerm(word), t.most(casesOf(field))), ":")
		t.out.WriteString(filter)
		t.at += end
	}
}

// inAnyCase translates i(word), i("some words") and either with a star, where it
// begins here, and reports whether it does.
func (t *translation) inAnyCase(field, name string) bool {
	rest := t.text[t.at:]
	n := balanced(rest)
	text, ok := strings.CutPrefix(rest[:n], "i(")
	if !ok || !strings.HasSuffix(text, ")") {
		return false
	}
	text, star := strings.CutSuffix(text[:len(text)-1], "*")
	if own, err := strconv.Unquote(text); err == nil {
		text = own
	} else if text != strings.Join(words(text), "") {
		return false
	}
	if text == "" {
		return false
	}
	t.out.WriteString(name + anyCase(text, star, t.most(casesOf(field))))
	t.at += n
	return true
}

// wordEnd is where the word, with quoted texts and stars in it, ends that begins
// here.
func (t *translation) wordEnd() int {
	rest := t.text[t.at:]
	for i := 0; i < len(rest); {
		switch c := rest[i]; {
		case c == '"' || c == '`' || c == '\'':
			quoted, err := strconv.QuotedPrefix(rest[i:])
			if err != nil {
				if end := strings.IndexByte(rest[i+1:], c); end >= 0 {
					i += end + 2
					continue
				}
				return len(rest)
			}
			i += len(quoted)
		case strings.IndexByte(" \t\r\n()[]{}|:", c) >= 0:
			return i
		default:
			i++
		}
	}
	return len(rest)
}

// spaceOr is where a text has a space or one of stops.
func spaceOr(text, stops string) int {
	if i := strings.IndexAny(text, " \t\r\n"+stops); i >= 0 {
		return i
	}
	return len(text)
}

// balanced is the length of what stands between brackets that begin a text;
// those of ranges need not be of one kind.
func balanced(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"', '`', '\'':
			if quoted, err := strconv.QuotedPrefix(text[i:]); err == nil {
				i += len(quoted) - 1
			}
		}
	}
	return len(text)
}

func keyword(word string) bool {
	switch strings.ToLower(word) {
	case "and", "or", "not":
		return true
	}
	return false
}

func unquoted(word string) string {
	if s, err := strconv.Unquote(word); err == nil {
		return s
	}
	return strings.Trim(word, `"'`+"`")
}

// term is a text with stars: what stands between them.
type term struct {
	parts []string
}

// readTerm reads a word; stars within quotes are themselves.
func readTerm(word string) term {
	var t term
	var part strings.Builder
	for i := 0; i < len(word); i++ {
		switch c := word[i]; c {
		case '*':
			t.parts = append(t.parts, part.String())
			part.Reset()
		case '"', '`', '\'':
			quoted, err := strconv.QuotedPrefix(word[i:])
			if err != nil {
				if end := strings.IndexByte(word[i+1:], c); end >= 0 {
					quoted = word[i : i+end+2]
				} else {
					quoted = word[i:]
				}
			}
			part.WriteString(unquoted(quoted))
			i += len(quoted) - 1
		default:
			part.WriteByte(c)
		}
	}
	t.parts = append(t.parts, part.String())
	return t
}

// anywhere is a filter for a term in any field.
func (t *translation) anywhere(of term) string {
	return or(each(t.all, func(f string) string {
		if f == fieldMessage {
			return within1(f, of, t.most(casesOfMessage))
		}
		return within1(f, of, t.most(min(casesOfField, casesOfAll/len(t.all))))
	}))
}

// within1 is a filter for a term in one field, which may have a word of it in so
// many cases.
func within1(field string, t term, most int) string {
	name := Quote(field)
	n := len(t.parts)
	switch {
	case n == 1:
		return name + ":" + anyCase(t.parts[0], false, most)
	case n == 2 && t.parts[1] == "" && t.parts[0] != "":
		return name + ":" + anyCase(t.parts[0], true, most)
	}
	return name + ":~" + Quote(Starred(t.parts))
}

// Starred is a regular expression for a word with stars, given the texts between
// them: in any case, and from one end of a word to the other where there is no star.
func Starred(parts []string) string {
	expr := strings.Join(each(parts, regexp.QuoteMeta), ".*")
	expr = strings.TrimSuffix(strings.TrimPrefix(expr, ".*"), ".*")
	if first := parts[0]; first != "" && wordly(first[0]) {
		expr = `\b` + expr
	}
	if last := parts[len(parts)-1]; last != "" && wordly(last[len(last)-1]) {
		expr += `\b`
	}
	return "(?is)" + expr
}

func wordly(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
