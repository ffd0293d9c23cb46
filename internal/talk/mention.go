package talk

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Mention is a name after an @ in a text.
type Mention struct {
	Text       string // without the @, as "ana", "group:platform" or "user:eu/ana"
	Start, End int    // bytes, with the @
}

// mentionMost is how many people and groups one comment can call.
const mentionMost = 20

// Mentions finds the names after an @ in a text in Markdown, in order. What
// stands in code, in an address or in the middle of a word is none.
func Mentions(text string) []Mention {
	var out []Mention
	sc := scanner{text: text}
	for sc.next() {
		if m, ok := sc.mention(); ok {
			out = append(out, m)
		}
	}
	return out
}

// scanner walks over a text and steps over code.
type scanner struct {
	text string
	at   int
}

// next goes to the next @ outside of code.
func (s *scanner) next() bool {
	for s.at < len(s.text) {
		if s.lineBegins() {
			s.block()
			if s.at >= len(s.text) {
				return false
			}
		}
		switch s.text[s.at] {
		case '`':
			s.span()
		case '\\':
			s.at += 2
		case '@':
			return true
		default:
			s.at++
		}
	}
	return false
}

func (s *scanner) lineBegins() bool { return s.at == 0 || s.text[s.at-1] == '\n' }

// line is what is left of the line.
func (s *scanner) line() string {
	line, _, _ := strings.Cut(s.text[s.at:], "\n")
	return line
}

func (s *scanner) skipLine() { s.at = min(len(s.text), s.at+len(s.line())+1) }

// block steps over a fenced block of code that begins here.
func (s *scanner) block() {
	mark := fenceOf(s.line())
	if mark == "" {
		return
	}
	s.skipLine()
	for s.at < len(s.text) {
		end := fenceOf(s.line())
		rest := strings.TrimLeft(strings.TrimSpace(s.line()), mark[:1])
		s.skipLine()
		if strings.HasPrefix(end, mark) && rest == "" {
			return
		}
	}
}

// fenceOf returns the run of ` or ~ that opens a block of code on a line.
func fenceOf(line string) string {
	line = strings.TrimLeft(line, " ")
	for _, mark := range []string{"`", "~"} {
		n := len(line) - len(strings.TrimLeft(line, mark))
		if n >= 3 && (mark == "~" || !strings.Contains(line[n:], "`")) {
			return line[:n]
		}
	}
	return ""
}

// span steps over code in a line; backticks that are not closed are characters.
func (s *scanner) span() {
	rest := s.text[s.at:]
	n := len(rest) - len(strings.TrimLeft(rest, "`"))
	for i := n; i < len(rest); {
		j := strings.IndexByte(rest[i:], '`')
		if j < 0 {
			break
		}
		i += j
		run := len(rest[i:]) - len(strings.TrimLeft(rest[i:], "`"))
		i += run
		if run == n {
			s.at += i
			return
		}
	}
	s.at += n
}

// mention reads the name at an @ and steps over it.
func (s *scanner) mention() (Mention, bool) {
	start := s.at
	s.at++
	before, _ := utf8.DecodeLastRuneInString(s.text[:start])
	if start > 0 && (unicode.IsLetter(before) || unicode.IsDigit(before) || strings.ContainsRune(`/@._-=\`, before)) {
		return Mention{}, false
	}
	end := s.at
	for end < len(s.text) && nameByte(s.text[end]) {
		end++
	}
	name := strings.TrimRight(s.text[s.at:end], "._-:/")
	if _, err := entity.ParseRef(name, "user", ""); err != nil {
		return Mention{}, false
	}
	s.at += len(name)
	if s.at < len(s.text) && (s.text[s.at] == '@' || s.text[s.at] >= utf8.RuneSelf) {
		return Mention{}, false
	}
	return Mention{Text: name, Start: start, End: s.at}, true
}

func nameByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("._-:/", b) >= 0
}

// candidates are what a mention may name: what it says, or a person, then a
// group.
func (m Mention) candidates() []entity.Ref {
	kinds := []string{"user", "group"}
	if kind, _, ok := strings.Cut(m.Text, ":"); ok {
		kinds = []string{strings.ToLower(kind)}
	}
	var out []entity.Ref
	for _, kind := range kinds {
		ref, err := entity.ParseRef(m.Text, kind, "")
		if err == nil && (ref.Kind == "user" || ref.Kind == "group") {
			out = append(out, ref)
		}
	}
	return out
}

// mentioned returns the people and groups that a text calls and that exist.
func (s *Service) mentioned(ctx context.Context, q sqldb.Querier, org, text string) ([]string, error) {
	var out []string
	for _, m := range Mentions(text) {
		ref, err := s.resolve(ctx, q, org, m)
		if err != nil {
			return nil, err
		}
		if ref != "" && !slices.Contains(out, ref) {
			out = append(out, ref)
		}
		if len(out) == mentionMost {
			break
		}
	}
	return out, nil
}

func (s *Service) resolve(ctx context.Context, q sqldb.Querier, org string, m Mention) (string, error) {
	for _, ref := range m.candidates() {
		if s.Catalog.Kinds().Get(ref.Kind) == nil {
			continue
		}
		uid, err := s.Catalog.UID(ctx, q, org, ref)
		if err != nil || uid != "" {
			return ref.String(), err
		}
	}
	return "", nil
}

// Linked writes the mentions of a text as links in Markdown; link returns the
// title and the address of a person or group, or an empty address for none.
func Linked(text string, link func(entity.Ref) (title, href string)) string {
	var b strings.Builder
	last := 0
	for _, m := range Mentions(text) {
		for _, ref := range m.candidates() {
			if title, href := link(ref); href != "" {
				b.WriteString(text[last:m.Start] + "[@" + escapeMarkdown(title) + "](" + href + ")")
				last = m.End
				break
			}
		}
	}
	b.WriteString(text[last:])
	return b.String()
}

var escapeMarkdown = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `*`, `\*`, `_`, `\_`, "`", "\\`", `<`, `\<`, `~`, `\~`, `!`, `\!`, "\n", " ").Replace
