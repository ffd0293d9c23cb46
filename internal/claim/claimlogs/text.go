package claimlogs

import (
	"regexp"
	"strings"

	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// real leaves out canaries, which nobody did, unless a question is about them.
func real(text string) string {
	if strings.Contains(Filter(text), event.CanarySource) {
		return ""
	}
	return "-" + event.FieldSource + ":=" + event.CanarySource
}

// Narrow returns the question for the events that a question is made of: its
// filter without pipes, and of those the ones with the values given.
func Narrow(text string, fields []claim.FieldValue) string {
	filter := Filter(text)
	if len(fields) == 0 {
		return filter
	}
	var parts []string
	if filter != "*" {
		parts = append(parts, "("+filter+")")
	}
	for _, f := range fields {
		is := logs.Is
		if f.Value == "" {
			is = logs.Has
		}
		parts = append(parts, is(f.Name, f.Value))
	}
	return strings.Join(parts, " ")
}

// Filter returns what stands before the first pipe of a question: which events
// it is about.
func Filter(text string) string {
	plain := blanked(text)
	depth := 0
	for i := range len(plain) {
		switch plain[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case '|':
			if depth <= 0 {
				text = text[:i]
				return orAll(text)
			}
		}
	}
	return orAll(text)
}

func orAll(filter string) string {
	if filter = strings.TrimSpace(filter); filter != "" {
		return filter
	}
	return "*"
}

// blanked is a question with its quoted texts and comments made spaces, byte by
// byte.
func blanked(text string) string {
	out := []byte(text)
	for i := 0; i < len(out); {
		end := i + 1
		switch c := out[i]; c {
		case '"', '\'', '`':
			end = closing(text, i)
		case '#':
			if end = strings.IndexByte(text[i:], '\n'); end < 0 {
				end = len(text)
			} else {
				end += i
			}
		default:
			i = end
			continue
		}
		for ; i < end; i++ {
			out[i] = ' '
		}
	}
	return string(out)
}

// closing returns where a quoted text ends that begins at i.
func closing(text string, i int) int {
	quote := text[i]
	for j := i + 1; j < len(text); j++ {
		switch {
		case text[j] == quote:
			return j + 1
		case text[j] == '\\' && quote != '`':
			j++
		}
	}
	return len(text)
}

var (
	ownTime = regexp.MustCompile(`(?i)(^|[^\w.])_time\s*:\s*(day_range|week_range)?`)
	moving  = regexp.MustCompile(`(?i)(^|[^\w.])(now\s*\(|options\s*\()`)
)

// lasting refuses a question that follows the clock instead of its window: asked
// again about the same moment it would answer otherwise.
func lasting(text string) error {
	for _, m := range ownTime.FindAllStringSubmatch(blanked(Filter(text)), -1) {
		if m[2] == "" {
			return fault.New(fault.Invalid, "the question names a time of its own: leave _time out").Coded("claim.query-time").WithHint("the window says how far back it looks")
		}
	}
	if m := moving.FindStringSubmatch(blanked(text)); m != nil {
		return fault.New(fault.Invalid, "%s) would give something else when it is asked again", strings.TrimSpace(m[2])).Coded("claim.query-moving").WithHint("the window says how far back it looks; an expression has now, and daysSince(…)")
	}
	return nil
}
