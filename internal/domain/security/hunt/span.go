package hunt

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// span is a stretch of time. To does not belong to it. Zero ends are open.
type span struct {
	From, To time.Time
	Last     string // what was asked for as "the last …"; "" for a stretch between two moments
}

// defaultLast is what is looked through when nothing else is asked for.
const defaultLast = "24h"

// periods are the stretches that the page offers.
var periods = []string{"1h", "24h", "7d", "30d"}

// spanOf reads a stretch of time: "last" as 15m, 24h or 7d, or "from" and "to",
// each a moment. A relative stretch ends now.
func spanOf(last, from, to string, now time.Time, zone *time.Location) (span, error) {
	if from == "" && to == "" {
		if last == "" {
			last = defaultLast
		}
		d, ok := lengthOf(last)
		if !ok {
			return span{}, badTime("last", last)
		}
		return span{From: now.Add(-d), To: now, Last: last}, nil
	}
	s := span{}
	var ok bool
	if s.From, ok = moment(from, now, zone); !ok {
		return s, badTime("from", from)
	}
	if s.To, ok = moment(to, now, zone); !ok {
		return s, badTime("to", to)
	}
	if !s.From.IsZero() && !s.To.IsZero() && !s.From.Before(s.To) {
		return s, fault.Bad("the stretch of time ends before it begins", fault.Problem{Field: "to", Code: "hunt-span", Msg: "it ends before it begins"}).Coded("hunt.span")
	}
	return s, nil
}

func badTime(field, text string) error {
	return fault.New(fault.Invalid, "%q is no time", text).Coded("hunt.time").With(fault.Problem{Field: field, Code: "hunt-time", Msg: fmt.Sprintf("%q is no time", text), Args: []string{text}}).
		WithHint("write 24h, now-3h, 2026-09-22, 2026-09-22T03:00 or 2026-09-22T03:00:00Z")
}

var lengthPattern = regexp.MustCompile(`^(\d{1,5})(s|m|h|d|w)$`)

var units = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}

// lengthOf reads a length of time: 15m, 24h, 7d, 2w.
func lengthOf(s string) (time.Duration, bool) {
	m := lengthPattern.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n == 0 || time.Duration(n) > 20*365*24*time.Hour/units[m[2]] {
		return 0, false
	}
	return time.Duration(n) * units[m[2]], true
}

// layouts are the forms of a moment without a zone: it is the reader's.
var layouts = []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05", time.DateOnly}

// moment reads now, now-3h, or a moment as RFC 3339 or in the reader's zone; ""
// is the zero time.
func moment(s string, now time.Time, zone *time.Location) (time.Time, bool) {
	s = strings.TrimSpace(s)
	switch rest, relative := strings.CutPrefix(s, "now"); {
	case s == "":
		return time.Time{}, true
	case relative && rest == "":
		return now, true
	case relative && rest[0] == '-':
		d, ok := lengthOf(rest[1:])
		return now.Add(-d), ok
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, true
	}
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// stamp writes a moment so that moment reads it again.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// steps are the lengths that time is counted in.
var steps = []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 365 * 24 * time.Hour}

// mostBars is how many bars the picture over time has at most.
const mostBars = 100

// step is the shortest length that cuts a span into at most mostBars.
func (s span) step() time.Duration {
	for _, d := range steps {
		if s.To.Sub(s.From) <= mostBars*d {
			return d
		}
	}
	return steps[len(steps)-1]
}

// begin moves the beginning of a stretch that ends now to a full step in a zone,
// so that bars begin at full hours and days.
func (s span) begin(zone *time.Location) span {
	if s.Last == "" {
		return s
	}
	step := s.step()
	_, offset := s.From.In(zone).Zone()
	shift := time.Duration(offset) * time.Second
	s.From = s.From.Add(shift).Truncate(step).Add(-shift)
	return s
}
