package syslog

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
)

// old reads RFC 3164 and its relatives: [seq:] [TIMESTAMP] [HOSTNAME] [TAG[PID]:] MSG,
// any of which may be missing.
func (m *message) old(data []byte) {
	rest := sequence(data)
	at, rest, found := m.stamp(rest)
	if !found {
		m.tagged(data)
		return
	}
	m.time = at
	if after, colon := bytes.CutPrefix(rest, []byte(":")); colon { // Cisco ends its header here and names no host
		m.cisco(bytes.TrimLeft(after, " "))
		return
	}
	rest = bytes.TrimLeft(rest, " ")
	first, after := word(rest)
	if _, isTag := tagOf(first); isTag || strings.HasPrefix(first, "%") || !hostname(first) {
		m.tagged(rest)
		return
	}
	m.add(FieldHost, strings.TrimSuffix(first, ":"))
	m.tagged(bytes.TrimPrefix(after, []byte(": ")))
}

// sequence skips the number that Cisco counts messages with: "000123: " or "123: host: ".
func sequence(data []byte) []byte {
	n := digits(data)
	if n == 0 || n > 10 || !bytes.HasPrefix(data[n:], []byte(": ")) {
		return data
	}
	return bytes.TrimLeft(data[n+2:], " ")
}

func digits(data []byte) int {
	n := 0
	for n < len(data) && data[n] >= '0' && data[n] <= '9' {
		n++
	}
	return n
}

// stamp reads the time at the beginning. Before it may stand "*" or ".", by
// which Cisco says that its clock is not set.
func (m *message) stamp(data []byte) (at time.Time, rest []byte, ok bool) {
	clock := data
	if len(clock) > 0 && (clock[0] == '*' || clock[0] == '.') {
		clock = clock[1:]
	}
	if at, rest, ok := m.months(clock); ok {
		return at, rest, true
	}
	first, rest := word(clock)
	colon := strings.HasSuffix(first, ":")
	if at, ok := iso(strings.TrimSuffix(first, ":"), m.zone); ok {
		m.said = offset(strings.TrimSuffix(first, ":"), at)
		if colon {
			rest = append([]byte(":"), rest...)
		}
		return at, rest, true
	}
	return time.Time{}, data, false
}

// iso reads a time as rsyslog and others write it in an old header.
func iso(s string, zone *time.Location) (time.Time, bool) {
	if len(s) < len("2006-01-02T15:04:05") || s[4] != '-' {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

var monthNames = []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

// months reads "Jan  2 [2006] 15:04:05[.000][ UTC]".
func (m *message) months(data []byte) (at time.Time, rest []byte, ok bool) {
	if len(data) < len("Jan 2 15:04:05") || data[3] != ' ' {
		return at, data, false
	}
	month := time.Month(0)
	for i, name := range monthNames {
		if strings.EqualFold(name, string(data[:3])) {
			month = time.Month(i + 1)
		}
	}
	day, rest := word(bytes.TrimLeft(data[4:], " "))
	d, err := strconv.Atoi(day)
	if month == 0 || err != nil || d < 1 || d > 31 {
		return at, data, false
	}
	year := 0
	if n := digits(rest); n == 4 && len(rest) > 4 && rest[4] == ' ' {
		year, _ = strconv.Atoi(string(rest[:4]))
		rest = rest[5:]
	}
	clock, nanos, rest, ok := ofDay(rest)
	if !ok {
		return at, data, false
	}
	zone, rest := named(rest, m.zone)
	make := func(year int) (time.Time, bool) {
		t := time.Date(year, month, d, clock[0], clock[1], clock[2], nanos, zone)
		return t, t.Day() == d // there is no 29 February in most years
	}
	if year != 0 {
		at, ok = make(year)
		return at, rest, ok
	}
	at, ok = nearest(m.now, make)
	return at, rest, ok
}

// nearest chooses the year that puts a time nearest to now.
func nearest(now time.Time, in func(year int) (time.Time, bool)) (best time.Time, found bool) {
	for year := now.Year() - 1; year <= now.Year()+1; year++ {
		t, ok := in(year)
		if ok && (!found || now.Sub(t).Abs() < now.Sub(best).Abs()) {
			best, found = t, true
		}
	}
	for year := now.Year() - 2; !found && year > now.Year()-9; year-- { // a leap day
		best, found = in(year)
	}
	return best, found
}

// ofDay reads 15:04:05 and a fraction after a dot or a comma.
func ofDay(data []byte) (clock [3]int, nanos int, rest []byte, ok bool) {
	if len(data) < 8 || data[2] != ':' || data[5] != ':' {
		return clock, 0, data, false
	}
	for i, most := range []int{23, 59, 60} {
		n, err := strconv.Atoi(string(data[3*i : 3*i+2]))
		if err != nil || n < 0 || n > most {
			return clock, 0, data, false
		}
		clock[i] = n
	}
	rest = data[8:]
	if len(rest) > 1 && (rest[0] == '.' || rest[0] == ',') {
		if n := digits(rest[1:]); n > 0 && n <= 9 {
			nanos, _ = strconv.Atoi((string(rest[1:1+n]) + "000000000")[:9])
			rest = rest[1+n:]
		}
	}
	if len(rest) > 0 && rest[0] != ' ' && rest[0] != ':' {
		return clock, 0, data, false
	}
	return clock, nanos, rest, true
}

// named reads a zone after a time, UTC, or as Cisco writes it, with a colon after it:
// there a name that means one zone is read, and of other names it is skipped.
func named(data []byte, zone *time.Location) (*time.Location, []byte) {
	after := bytes.TrimLeft(data, " ")
	n := 0
	for n < len(after) && after[n] >= 'A' && after[n] <= 'Z' {
		n++
	}
	if n < 1 || n > 5 || len(after) == n || after[n] != ' ' && after[n] != ':' {
		return zone, data
	}
	switch name := string(after[:n]); {
	case name == "UTC" || name == "GMT" || name == "Z":
		return time.UTC, after[n:]
	case after[n] == ':':
		if z, ok := event.NamedZone(name); ok {
			zone = z
		}
		return zone, after[n:]
	}
	return zone, data
}

// hostname reports whether a word may be the name of a host: letters, digits, dots,
// hyphens and underscores, or an address.
func hostname(s string) bool {
	s = strings.TrimSuffix(s, ":")
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if s == "" || len(s) > 255 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x80 || !(c == '.' || c == '-' || c == '_' || c == '/' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

// tag is the process that wrote a message.
type tag struct{ name, pid string }

// tagOf reads "name:", "name[pid]:" and "name[pid]".
func tagOf(first string) (tag, bool) {
	body, colon := strings.CutSuffix(first, ":")
	name, pid, bracket := strings.Cut(body, "[")
	if bracket {
		var text string
		pid, text, bracket = strings.Cut(pid, "]")
		if !bracket || text != "" {
			return tag{}, false
		}
	}
	if _, err := strconv.ParseUint(pid, 10, 32); name == "" || body == cookie || len(name) > 64 || !colon && (!bracket || err != nil) || strings.ContainsAny(name, "=\"'<>{}:,;") {
		return tag{}, false
	}
	if _, err := netip.ParseAddr(strings.TrimSuffix(first, ":")); err == nil {
		return tag{}, false
	}
	return tag{name, pid}, true
}

// tagged reads [TAG[PID]:] MSG.
func (m *message) tagged(data []byte) {
	data = bytes.TrimLeft(data, " ")
	if bytes.HasPrefix(data, []byte("%")) {
		m.cisco(data)
		return
	}
	first, rest := word(data)
	if i := strings.Index(first, "]:"); i > 0 && i+2 < len(first) { // no space after the colon
		first, rest = first[:i+2], data[i+2:]
	}
	t, ok := tagOf(first)
	if !ok {
		m.rest = data
		return
	}
	m.add(FieldProcess, t.name)
	m.process(t.pid)
	m.rest = rest
}

// cisco reads "[host: ]%FACILITY-SEVERITY-MNEMONIC: text"; the mnemonic stays in the
// text too, where people look for it.
func (m *message) cisco(data []byte) {
	m.rest = data
	if first, after := word(data); strings.HasSuffix(first, ":") && hostname(first) && bytes.HasPrefix(after, []byte("%")) {
		m.add(FieldHost, strings.TrimSuffix(first, ":"))
		data, m.rest = after, after
	}
	first, _ := word(data)
	code, found := strings.CutPrefix(first, "%")
	code, colon := strings.CutSuffix(code, ":")
	if found && colon && strings.Count(code, "-") >= 2 {
		m.add(FieldCode, code)
	}
}
