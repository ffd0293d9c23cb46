// Package linux reads the text logs of Linux and other Unix systems: lines of
// /var/log/auth.log, secure, messages, syslog and cron, and the messages that come
// by syslog without their header.
//
// The header is one of the two that daemons write to files, with or without a
// priority before it, or that of RFC 5424:
//
//	Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster from 173.234.31.186
//	2026-03-10T09:00:00.123456+01:00 web-1 sudo: ana : TTY=pts/0 ; …
//
// The first does not say its year: it is the one that brings the line nearest to
// when it came, so that December is last year's in January, and 29 February is in
// a year that has one and is past. Its time of day is of the zone of the source.
//
// Names that are added: host.name, process.name, process.pid, message (the line
// without its header), event.original (the line), host.os.type, which is linux,
// and of the messages of sshd, PAM, sudo, su, cron, login and the programs that
// keep accounts user.name, user.effective.name, user.target.name, source.ip or
// source.domain, source.port, event.action, event.outcome, event.reason,
// process.command_line; of packets that the kernel logs where from and where to.
// Every other message is kept as it is.
package linux

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Format is the format "linux".
func Format() parser.Format {
	return parser.Format{
		Name:  "linux",
		Title: lang.T("Linux logs", "Registros de Linux"),
		Doc: lang.T("Text logs of Linux: sshd, PAM, sudo, su, cron, useradd and its like are understood, every other program is kept with its host, name and message.",
			"Registros de texto de Linux: se entienden sshd, PAM, sudo, su, cron, useradd y similares; de cualquier otro programa se guardan equipo, nombre y mensaje."),
		Parse: parse,
		Is:    is,
	}
}

func is(data []byte, env *parser.Env) bool {
	line := parser.String(parser.Trimmed(data))
	if h, ok := ReadHeader(line, env); ok && h.Message != line {
		return h.Host != "" || isISO(line) // the time alone is worth reading
	}
	_, known := families[program(env)]
	return known
}

func parse(data []byte, env *parser.Env, out *parser.Out) error {
	data = parser.Trimmed(data)
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("the line is empty")
	}
	line := parser.String(data)
	h, _ := ReadHeader(line, env)
	l := parser.Begin(out, data)
	defer l.End()
	out.Time = h.Time
	l.Host(h.Host)
	l.Add("host.os.type", "linux")
	if h.Program == "" {
		h.Program, h.PID = program(env), env.Given["process.pid"]
	}
	l.Add(event.ProcessName, h.Program)
	l.Int("process.pid", h.PID)
	l.Set(event.Message, data[len(data)-len(h.Message):])
	out.Format = read(&h, l)
	return nil
}

func program(env *parser.Env) string {
	name := env.Given[event.ProcessName]
	return name[strings.LastIndexByte(name, '/')+1:]
}

// Header is what stands before the message of a line, and the message.
type Header struct {
	Time               time.Time
	Host, Program, PID string
	Message            string
	module             string // as (pam_unix) after the name of a program
}

// ReadHeader reads the header of a line; without one, the line is the message.
func ReadHeader(line string, env *parser.Env) (Header, bool) {
	h := Header{Message: line}
	rest := line
	if strings.HasPrefix(rest, "<") {
		if end := strings.IndexByte(rest, '>'); end > 1 && end < 5 {
			rest = rest[end+1:]
		}
	}
	rest, modern := strings.CutPrefix(rest, "1 ")
	stamped, ok := rest, false
	if h.Time, rest, ok = stamp(rest, env); !ok {
		if program(env) == "" { // else the message may begin with "error: "
			h.tagged(line)
		}
		return h, false
	}
	h.Message = rest
	host, rest, ok := strings.Cut(rest, " ")
	if !ok || host == "" || strings.HasSuffix(host, ":") {
		return h, true
	}
	// Programs write such times too, before a text of their own.
	said, own := h.Message, !modern && isISO(stamped)
	level := own && nobody[strings.ToLower(host)]
	if own && !level && !hostly(host) {
		return h, true
	}
	h.Host, h.Message = host, rest
	if modern {
		h.modern(rest)
	} else {
		h.tagged(rest)
	}
	switch {
	case level && h.PID == "", own && stamped[10] == ' ' && h.Program == "":
		return Header{Time: h.Time, Message: said}, true
	case level:
		h.Host = ""
	}
	return h, true
}

// isISO reports whether a text begins as a time of ISO 8601 does.
func isISO(text string) bool {
	return len(text) > 10 && text[4] == '-' && (text[10] == 'T' || text[10] == ' ')
}

// nobody are words that stand where a host would, in what programs write to files of
// their own and in the logs of containers.
var nobody = map[string]bool{"stdout": true, "stderr": true, "trace": true, "debug": true, "info": true, "notice": true, "warn": true, "warning": true, "error": true, "err": true, "severe": true, "crit": true, "critical": true, "fatal": true, "alert": true, "emerg": true, "panic": true}

// hostly reports whether a word can be the name or the address of a host.
func hostly(word string) bool {
	for i := range len(word) {
		c := word[i]
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c >= 0x80 || strings.IndexByte("-_.:/@%", c) >= 0) {
			return false
		}
	}
	return true
}

// modern reads what RFC 5424 has between host and message: program, number,
// kind and structured data.
func (h *Header) modern(text string) {
	program, rest, _ := strings.Cut(text, " ")
	pid, rest, _ := strings.Cut(rest, " ")
	_, rest, ok := strings.Cut(rest, " ")
	if !ok || !named(program) {
		return
	}
	for strings.HasPrefix(rest, "[") {
		end := strings.Index(rest, "]")
		for end > 0 && rest[end-1] == '\\' {
			next := strings.Index(rest[end+1:], "]")
			if next < 0 {
				return
			}
			end += 1 + next
		}
		if end < 0 {
			return
		}
		rest = rest[end+1:]
	}
	if program != "-" {
		h.Program = program[strings.LastIndexByte(program, '/')+1:]
	}
	h.PID = pid
	h.Message = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(rest, "-"), " "), "\ufeff")
}

// tagged reads the name and the number of a program before a message.
func (h *Header) tagged(text string) {
	colon := strings.Index(text, ": ")
	if colon < 0 && strings.HasSuffix(text, ":") {
		colon = len(text) - 1
	}
	if colon <= 0 || colon > 64 {
		return
	}
	tag := text[:colon]
	if open := strings.IndexByte(tag, '['); open > 0 && tag[colon-1] == ']' {
		h.PID, tag = tag[open+1:colon-1], tag[:open]
	}
	if open := strings.IndexByte(tag, '('); open > 0 && strings.HasSuffix(tag, ")") {
		h.module, tag = tag[open+1:len(tag)-1], tag[:open]
	}
	name, version, _ := strings.Cut(strings.TrimLeft(tag, "- "), " ")
	if name == "" || !named(name) || version != "" && (version[0] < '0' || version[0] > '9' || strings.ContainsRune(version, ' ')) {
		h.PID, h.module = "", ""
		return
	}
	h.Program = name[strings.LastIndexByte(name, '/')+1:]
	h.Message = strings.TrimPrefix(text[colon+1:], " ")
}

// named reports whether a text can be the name of a program.
func named(text string) bool {
	for i := range len(text) {
		c := text[i]
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-_./@+\\", c) >= 0) {
			return false
		}
	}
	return true
}

// stamp reads the time that a header begins with.
func stamp(text string, env *parser.Env) (time.Time, string, bool) {
	if len(text) < 16 {
		return time.Time{}, text, false
	}
	if text[4] == '-' && (text[10] == 'T' || text[10] == ' ') {
		end := strings.IndexByte(text[11:], ' ') + 11
		if end > 11 {
			zone, _, _ := strings.Cut(text[end+1:], " ")
			if _, ok := event.NamedZone(zone); ok { // as PostgreSQL writes it
				if t, ok := event.ParseTime(text[:end+1+len(zone)], env.Zone); ok {
					return t, strings.TrimPrefix(text[end+1+len(zone):], " "), true
				}
			}
			if t, ok := event.ParseTime(text[:end], env.Zone); ok {
				return t, text[end+1:], true
			}
		}
		return time.Time{}, text, false
	}
	month := strings.Index(months, text[:3])
	if month < 0 || month%4 != 0 || text[3] != ' ' {
		return time.Time{}, text, false
	}
	rest := strings.TrimLeft(text[4:], " ")
	day, rest, ok := number(rest, 2)
	if !ok || !strings.HasPrefix(rest, " ") {
		return time.Time{}, text, false
	}
	year, rest := yearOf(strings.TrimLeft(rest, " "))
	clock, rest, _ := strings.Cut(rest, " ")
	c, ok := clockOf(strings.TrimSuffix(clock, ":"))
	if !ok || day < 1 || day > 31 {
		return time.Time{}, text, false
	}
	t, ok := c.on(year, time.Month(month/4+1), day, env)
	return t, rest, ok
}

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec "

// yearOf reads a year that stands before a time of day, 0 when none does; some
// daemons write it.
func yearOf(text string) (int, string) {
	if n, rest, ok := number(text, 4); ok && n >= 1000 && strings.HasPrefix(rest, " ") {
		return n, rest[1:]
	}
	return 0, text
}

func number(text string, digits int) (int, string, bool) {
	n, i := 0, 0
	for ; i < len(text) && i < digits && '0' <= text[i] && text[i] <= '9'; i++ {
		n = 10*n + int(text[i]-'0')
	}
	return n, text[i:], i > 0
}

// clock is a time of day.
type clock struct{ hour, minute, second, nano int }

func clockOf(text string) (clock, bool) {
	var c clock
	if len(text) < 8 || text[2] != ':' || text[5] != ':' {
		return c, false
	}
	for i, to := range []*int{&c.hour, &c.minute, &c.second} {
		n, rest, ok := number(text[3*i:], 2)
		if !ok || len(text[3*i:])-len(rest) != 2 {
			return c, false
		}
		*to = n
	}
	if rest := text[8:]; rest != "" {
		if rest[0] != '.' && rest[0] != ',' || len(rest) == 1 {
			return c, false
		}
		unit := 100_000_000
		for _, d := range []byte(rest[1:]) {
			if d < '0' || d > '9' {
				return c, false
			}
			c.nano += unit * int(d-'0')
			unit /= 10
		}
	}
	return c, c.hour < 24 && c.minute < 60 && c.second <= 60
}

// ahead is how far ahead of its coming a line without a year may be: as far as events
// are taken. What were further is of a year before, as a line of December in a file
// that is read in November.
const ahead = 48 * time.Hour

// on is the time of day on a day; without a year, of the last year in which it was
// when the line came.
func (c clock) on(year int, month time.Month, day int, env *parser.Env) (time.Time, bool) {
	zone := env.Zone
	if zone == nil {
		zone = time.UTC
	}
	at := func(year int) (time.Time, bool) {
		t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
		return time.Date(year, month, day, c.hour, c.minute, c.second, c.nano, zone).UTC(), t.Day() == day
	}
	if year != 0 {
		return at(year)
	}
	now := env.Now
	if now.IsZero() {
		now = time.Now()
	}
	var best time.Time
	// 29 February may be eight years ago, where a century has none.
	for y := now.Year() + 1; y >= now.Year()-8 && (best.IsZero() || y >= now.Year()-1); y-- {
		if t, ok := at(y); ok && t.Sub(now) <= ahead && (best.IsZero() || t.Sub(now).Abs() < best.Sub(now).Abs()) {
			best = t
		}
	}
	return best, !best.IsZero()
}
