package sigma

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

const (
	maxRegex = 16 << 10 // the length of a regular expression
	// maxRepeated is how many characters the repetitions of an expression may stand
	// for. Each of them may have to be tried at each character of a text, so that this
	// bounds the time of one: about 10 ns for each.
	maxRepeated = 2500
)

// Source is the expression with its flags, in Go's syntax unless it looks
// around.
func (r Regex) Source() string {
	flags := ""
	for _, f := range []struct {
		on   bool
		name string
	}{{r.IgnoreCase, "i"}, {r.MultiLine, "m"}, {r.DotsAreAll, "s"}} {
		if f.on {
			flags += f.name
		}
	}
	if flags == "" {
		return r.Expr
	}
	return "(?" + flags + ")" + r.Expr
}

// Matcher runs a Regex in time that grows with the text, never faster than it:
// no expression is catastrophic.
type Matcher struct {
	// Plain is the expression when it does not look around, else it is nil.
	Plain *regexp.Regexp
	look  *lookaround
	long  *long // what a Plain that asks for nothing else asks for
}

// Match reports whether the expression is found anywhere in a text.
func (m *Matcher) Match(text string) bool {
	if m.long != nil {
		return m.long.match(text)
	}
	if m.Plain != nil {
		return m.Plain.MatchString(text)
	}
	return m.look.match(text)
}

// Compile makes a Matcher. The syntax is RE2's, with (?=…), (?!…), (?<=…) and
// (?<!…) besides. What cannot be run in linear time, as back references, is an
// error that says so.
func (r Regex) Compile() (*Matcher, error) {
	if len(r.Expr) > maxRegex {
		return nil, refuse("regex", "split it into several", "a regular expression of %d bytes is too long", len(r.Expr))
	}
	source := r.Source()
	plain, err := regexp.Compile(source)
	if err == nil {
		if tree, err := syntax.Parse(source, syntax.Perl); err == nil && repeated(tree) > maxRepeated {
			return nil, tooSlow(r.Expr)
		}
		return &Matcher{Plain: plain, long: longOf(source)}, nil
	}
	if looksAround(r.Expr) {
		look, lookErr := r.lookaround()
		if lookErr == nil {
			return &Matcher{look: look}, nil
		}
		if lookErr == errRepeated {
			return nil, tooSlow(r.Expr)
		}
		err = lookErr
	}
	return nil, regexRefusal(r.Expr, err)
}

// repeated is how many characters the repetitions of an expression stand for:
// those with a count written out, each other as one.
func repeated(n *syntax.Regexp) int {
	sum := 0
	switch n.Op {
	case syntax.OpRepeat:
		return characters(n)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		sum = 1
	}
	for _, sub := range n.Sub {
		sum += repeated(sub)
	}
	return sum
}

// characters is how many an expression is written with, its repetitions out.
func characters(n *syntax.Regexp) int {
	sum := 0
	for _, sub := range n.Sub {
		sum += characters(sub)
	}
	switch n.Op {
	case syntax.OpLiteral:
		return len(n.Rune)
	case syntax.OpRepeat:
		return sum * max(n.Min, n.Max)
	}
	return max(sum, 1)
}

var errRepeated = errors.New("it repeats too much")

func tooSlow(expr string) *refusal {
	return refuse("regex", "repeat less, as {20,} for {2000,}, or split it into several values under |all",
		"the regular expression %q has repetitions of more than %d characters together, which would hold up all events", clip(expr), maxRepeated)
}

// long is an expression that asks for so many characters of any kind in a row, as rules
// about long commands do. To count them is a thousand times quicker than to run it.
type long struct {
	atLeast int
	newline bool // one of them may end a line
}

// longOf is what an expression asks for when that is all; else nil.
func longOf(source string) *long {
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil
	}
	for tree.Op == syntax.OpCapture {
		tree = tree.Sub[0]
	}
	if tree.Op != syntax.OpRepeat {
		return nil
	}
	switch tree.Sub[0].Op {
	case syntax.OpAnyChar:
		return &long{tree.Min, true}
	case syntax.OpAnyCharNotNL:
		return &long{tree.Min, false}
	}
	return nil
}

func (l *long) match(text string) bool {
	if l.newline {
		return utf8.RuneCountInString(text) >= l.atLeast
	}
	for len(text) >= l.atLeast {
		line, rest, more := strings.Cut(text, "\n")
		if len(line) >= l.atLeast && utf8.RuneCountInString(line) >= l.atLeast {
			return true
		}
		if !more {
			break
		}
		text = rest
	}
	return false
}

var (
	leadingFlags = regexp.MustCompile(`^\(\?([ims]+)\)`)
	innerFlags   = regexp.MustCompile(`(?:^|[^\\])\(\?[a-zA-Z-]+[:)]`)
)

// lookaround compiles an expression that looks around. Flags at its beginning
// are of its assertions too; flags further in would be lost on them.
func (r Regex) lookaround() (*lookaround, error) {
	if m := leadingFlags.FindStringSubmatch(r.Expr); m != nil {
		r.Expr = r.Expr[len(m[0]):]
		r.IgnoreCase = r.IgnoreCase || strings.Contains(m[1], "i")
		r.MultiLine = r.MultiLine || strings.Contains(m[1], "m")
		r.DotsAreAll = r.DotsAreAll || strings.Contains(m[1], "s")
	}
	if innerFlags.MatchString(r.Expr) {
		return nil, errors.New("it looks around, and has flags within; write them at its beginning")
	}
	return compileLook(r.Expr, r.flags(), 0)
}

func (r Regex) flags() syntax.Flags {
	flags := syntax.Perl
	if r.IgnoreCase {
		flags |= syntax.FoldCase
	}
	if r.MultiLine {
		flags &^= syntax.OneLine
	}
	if r.DotsAreAll {
		flags |= syntax.DotNL
	}
	return flags
}

// backReference finds \1 to \9, \k and \g after an even number of backslashes.
var backReference = regexp.MustCompile(`(?:^|[^\\])(?:\\\\)*\\(?:[1-9]|[kg][<{'0-9])`)

// regexRefusal says what of an expression cannot be run, and what to do.
func regexRefusal(expr string, err error) *refusal {
	switch {
	case backReference.MatchString(expr):
		return refuse("regex", "write out what may stand there", "the regular expression %q refers back to a group, which cannot be run in linear time", clip(expr))
	case strings.Contains(expr, "(?>") || strings.Contains(expr, "++") || strings.Contains(expr, "*+"):
		return refuse("regex", "write a plain group or quantifier", "the regular expression %q has atomic groups or possessive quantifiers", clip(expr))
	}
	if e, ok := errors.AsType[*syntax.Error](err); ok && e.Code == syntax.ErrInvalidRepeatSize {
		return refuse("regex", "count to 1000 at most, and parts within parts to 1000 together", "the regular expression %q repeats a part too often: %s", clip(expr), e.Expr)
	}
	reason := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	return refuse("regex", "write it in RE2's syntax", "the regular expression %q cannot be run: %s", clip(expr), reason)
}

// clip shortens a text for a message.
func clip(text string) string {
	if len(text) <= 80 {
		return text
	}
	return strings.ToValidUTF8(text[:77], "") + "..."
}
