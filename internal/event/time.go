package event

import (
	"strconv"
	"strings"
	"time"
)

// TimeFields are where events say when they were, the surest first.
var TimeFields = []string{"@timestamp", "TimeCreated_SystemTime", "eventTime", "EventTime", "UtcTime", "requestReceivedTimestamp", "stageTimestamp", "published", "event.created", "created_at",
	"timestamp", "Timestamp", "time", "_time", "ts", "TimeCreated", "date"}

// ZoneOf is the zone of times without an offset in a field: UtcTime says it in
// its name, every other field is of the zone that is known otherwise.
func ZoneOf(field string, zone *time.Location) *time.Location {
	if field == "UtcTime" {
		return time.UTC
	}
	return zone
}

// When returns the time of an event by the first of its TimeFields that holds
// one; zero when it does not say. A time without an offset is of the zone.
func When(field func(name string) (string, bool), zone *time.Location) time.Time {
	for _, name := range TimeFields {
		if text, ok := field(name); ok {
			if t, ok := ParseTime(text, ZoneOf(name, zone)); ok {
				return t
			}
		}
	}
	return time.Time{}
}

// ParseTime reads a time as events write it: a date and a time of day in the
// ways of ISO 8601 and RFC 3339, with "T" or a space between, with any fraction
// and any offset or none; a number since 1970, see epoch; "/Date(…)/" of
// PowerShell; and the forms of web servers, of mail and of C's asctime. The
// sixtieth second of a minute, a leap second, is the first of the next. A time
// without an offset is of the zone, of UTC when that is nil; the short name of a zone
// is an offset where it means one, see NamedZone.
func ParseTime(text string, zone *time.Location) (time.Time, bool) {
	if zone == nil {
		zone = time.UTC
	}
	if len(text) < 8 || len(text) > 64 {
		return time.Time{}, false
	}
	switch {
	case len(text) >= len("2006-01-02") && text[4] == '-':
		return iso(text, zone)
	case digit(text[0]) || text[0] == '-':
		if t := epoch(text); !t.IsZero() {
			return t, true
		}
	case len(text) > len("/Date()/") && text[:6] == "/Date(" && text[len(text)-2:] == ")/":
		t := epoch(text[6 : len(text)-2])
		return t, !t.IsZero()
	}
	return spelled(text, zone)
}

// layouts are the forms of time with names of months.
var layouts = []string{
	"02/Jan/2006:15:04:05 -0700", "Mon Jan _2 15:04:05.999999 2006", "Mon, 02 Jan 2006 15:04:05 MST", "Mon, 02 Jan 2006 15:04:05 -0700",
	"02 Jan 2006 15:04:05 -0700", "Jan _2, 2006 15:04:05", "Jan _2 2006 15:04:05.999999", "Jan _2 2006 15:04:05 MST", time.UnixDate, "2006/01/02 15:04:05", "01/02/2006 15:04:05", "1/2/2006 3:04:05 PM", "02/Jan/2006:15:04:05",
}

func spelled(text string, zone *time.Location) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return named(t, zone).UTC(), true
		}
	}
	return time.Time{}, false
}

// named is a time that was read, where its zone may be a name. What the zone that is
// known does not call itself, the standard library takes for UTC.
func named(t time.Time, zone *time.Location) time.Time {
	name, offset := t.Zone()
	if offset != 0 || name == "" || name == "UTC" || name == "GMT" || t.Location() == zone {
		return t
	}
	if z, ok := NamedZone(name); ok {
		zone = z
	}
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
}

// zones are the hours from UTC of zones by their short names, of those that mean one
// zone or hardly ever another: IST, BST and CST are of several.
var zones = map[string]int{"UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
	"EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}

// NamedZone returns a zone by its short name, where that tells it.
func NamedZone(name string) (*time.Location, bool) {
	hours, ok := zones[name]
	return time.FixedZone("", hours*3600), ok
}

// epoch reads a number of seconds, milliseconds, microseconds or nanoseconds
// since 1970: which of them, its size tells for every time after 1973. Zero is no
// time.
func epoch(text string) time.Time {
	if len(text) > 24 {
		return time.Time{}
	}
	if whole, ok := wholeNumber(text); ok {
		switch {
		case whole < 1e8:
			return time.Time{}
		case whole < 1e11:
			return time.Unix(whole, 0).UTC()
		case whole < 1e14:
			return time.UnixMilli(whole).UTC()
		case whole < 1e17:
			return time.UnixMicro(whole).UTC()
		}
		return time.Unix(0, whole).UTC()
	}
	for i := 0; i < len(text); i++ {
		if !digit(text[i]) && text[i] != '.' && text[i] != 'e' && text[i] != 'E' && text[i] != '+' {
			return time.Time{}
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || f < 1e8 || f >= 1e14:
		return time.Time{}
	case f >= 1e11:
		return time.UnixMicro(int64(f * 1e3)).UTC()
	}
	return time.UnixMicro(int64(f * 1e6)).UTC()
}

func wholeNumber(text string) (int64, bool) {
	if len(text) == 0 || len(text) > 19 {
		return 0, false
	}
	n := int64(0)
	for i := 0; i < len(text); i++ {
		if !digit(text[i]) {
			return 0, false
		}
		n = 10*n + int64(text[i]-'0')
		if n < 0 {
			return 0, false
		}
	}
	return n, true
}

// iso reads what begins with a year of four digits and a hyphen.
func iso(text string, zone *time.Location) (time.Time, bool) {
	r := isoReader{text: text}
	year, month, day := r.number(4), r.after('-', 2), r.after('-', 2)
	var hour, minute, second, nano int
	offset, zoned := 0, false
	if r.any("Tt _") {
		hour, minute = r.number(2), r.after(':', 2)
		if r.any(":") {
			second = r.number(2)
			if r.any(".,") {
				nano = r.fraction()
			}
		}
		offset, zoned = r.offset()
	}
	if r.bad || r.at != len(text) || month < 1 || month > 12 || day < 1 || day > 31 || hour > 24 || minute > 59 || second > 60 || hour == 24 && minute+second > 0 {
		return time.Time{}, false
	}
	if t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC); t.Day() != day {
		return time.Time{}, false
	}
	if zoned {
		return time.Date(year, time.Month(month), day, hour, minute, second-offset, nano, time.UTC), true
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nano, zone).UTC(), true
}

type isoReader struct {
	text string
	at   int
	bad  bool
}

// number reads exactly n digits.
func (r *isoReader) number(n int) int {
	if r.at+n > len(r.text) {
		r.bad = true
		return 0
	}
	v := 0
	for _, c := range []byte(r.text[r.at : r.at+n]) {
		if !digit(c) {
			r.bad = true
		}
		v = 10*v + int(c-'0')
	}
	r.at += n
	return v
}

func (r *isoReader) after(c byte, n int) int {
	if r.at >= len(r.text) || r.text[r.at] != c {
		r.bad = true
		return 0
	}
	r.at++
	return r.number(n)
}

// any skips one of the characters, and reports whether it was there.
func (r *isoReader) any(of string) bool {
	if r.at < len(r.text) {
		for i := 0; i < len(of); i++ {
			if r.text[r.at] == of[i] {
				r.at++
				return true
			}
		}
	}
	return false
}

// fraction reads digits as a part of a second; those past nanoseconds are nothing.
func (r *isoReader) fraction() int {
	nano, unit := 0, 100_000_000
	from := r.at
	for ; r.at < len(r.text) && digit(r.text[r.at]); r.at++ {
		nano += unit * int(r.text[r.at]-'0')
		unit /= 10
	}
	r.bad = r.bad || r.at == from
	return nano
}

// offset reads what stands after a time of day: Z, UTC, CET, +02:00, +0200, +02, or
// nothing.
func (r *isoReader) offset() (seconds int, zoned bool) {
	r.any(" ")
	switch rest := r.text[r.at:]; {
	case rest == "":
		return 0, false
	case rest == "z" || 'A' <= rest[0] && rest[0] <= 'Z':
		hours, zoned := zones[strings.ToUpper(rest)]
		r.at, r.bad = len(r.text), r.bad || !zoned && !shortName(rest)
		return hours * 3600, zoned
	case rest[0] == '+' || rest[0] == '-':
		r.at++
		seconds = 3600 * r.number(2)
		if r.any(":") || r.at < len(r.text) {
			seconds += 60 * r.number(2)
		}
		if rest[0] == '-' {
			seconds = -seconds
		}
		return seconds, true
	}
	r.bad = true
	return 0, false
}

// shortName reports what may be that of a zone.
func shortName(text string) bool {
	for i := range len(text) {
		if text[i] < 'A' || text[i] > 'Z' {
			return false
		}
	}
	return len(text) >= 3 && len(text) <= 5
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
