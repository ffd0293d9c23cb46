// Package syslog reads messages of syslog as they come: of RFC 5424, of RFC 3164 in
// the ways that devices really write it, and texts that are neither.
package syslog

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest"
)

// Names of fields, those of ECS.
const (
	FieldPriority     = "log.syslog.priority"
	FieldSeverity     = "log.syslog.severity.name"
	FieldSeverityCode = "log.syslog.severity.code"
	FieldFacility     = "log.syslog.facility.name"
	FieldFacilityCode = "log.syslog.facility.code"
	FieldVersion      = "log.syslog.version"
	FieldMsgID        = "log.syslog.msgid"
	FieldProcID       = "log.syslog.procid" // where it is no number; else process.pid
	FieldData         = "log.syslog.structured_data."
	FieldHost         = event.Host
	FieldProcess      = event.ProcessName
	FieldPID          = "process.pid"
	FieldCode         = "event.code" // of Cisco: SYS-5-CONFIG_I
	FieldLevel        = "log.level"
)

var severities = [...]string{"emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"}

var facilities = [...]string{"kernel", "user", "mail", "daemon", "auth", "syslog", "printer", "news", "uucp", "clock", "authpriv", "ftp", "ntp", "audit", "alert", "cron",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}

// Parse reads one message. What the header says becomes the record's time and
// fields, the rest its data. An offset of that time is the record's zone: what the
// sender writes behind it is of its clock too. Now decides the year of times without
// one; zone is that of times without an offset. There is no message that is wrong:
// what has no header is all data. The record shares the memory of data.
func Parse(data []byte, now time.Time, zone *time.Location) ingest.Record {
	m := message{now: now, zone: zone, whole: trim(data)}
	rest := m.priority(m.whole)
	if !m.modern(rest) {
		m.old(rest)
	}
	m.rest = payload(m.rest)
	if len(m.rest) == 0 {
		m.rest = m.whole
	}
	return ingest.Record{Data: m.rest, Time: m.time, Zone: m.said, Fields: m.fields}
}

// trim removes what ends a message on some ways.
func trim(data []byte) []byte { return bytes.TrimRight(data, "\r\n\x00") }

// message is one as it is read.
type message struct {
	now    time.Time
	zone   *time.Location
	whole  []byte
	time   time.Time
	said   *time.Location // the offset of time, where it has one
	fields []ingest.Field
	rest   []byte
}

// offset is that of a time which says it. One in UTC tells nothing of the clock that
// its sender looks at.
func offset(stamp string, at time.Time) *time.Location {
	if strings.LastIndexAny(stamp, "+-") < len("2006-01-02T15:04:05") {
		return nil
	}
	_, seconds := at.Zone()
	return time.FixedZone("", seconds)
}

func (m *message) add(name, value string) {
	if value != "" {
		m.fields = append(m.fields, ingest.Field{Name: name, Value: text(value)})
	}
}

// text makes valid UTF-8 of a header.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// priority reads <PRI>; without one nothing is said of severity.
func (m *message) priority(data []byte) []byte {
	if len(data) < 3 || data[0] != '<' {
		return data
	}
	end := bytes.IndexByte(data[:min(len(data), 5)], '>')
	if end < 2 {
		return data
	}
	n, err := strconv.ParseUint(string(data[1:end]), 10, 8)
	if err != nil || int(n) >= len(facilities)*8 {
		return data
	}
	m.add(FieldPriority, strconv.Itoa(int(n)))
	m.add(FieldSeverityCode, strconv.Itoa(int(n%8)))
	m.add(FieldSeverity, severities[n%8])
	m.add(FieldFacilityCode, strconv.Itoa(int(n/8)))
	m.add(FieldFacility, facilities[n/8])
	m.add(FieldLevel, severities[n%8])
	return data[end+1:]
}

// cookie is what says that a message is JSON; it is no name of a process.
const cookie = "@cee"

// payload is a message without the cookie that says it is JSON.
func payload(data []byte) []byte {
	data = bytes.TrimLeft(data, " ")
	if after, found := bytes.CutPrefix(data, []byte(cookie+":")); found {
		return bytes.TrimLeft(after, " ")
	}
	return data
}

// word cuts the first word, which one space ends.
func word(data []byte) (first string, rest []byte) {
	a, b, _ := bytes.Cut(data, []byte(" "))
	return string(a), b
}

// modern reads RFC 5424: VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD MSG.
// It reports whether the message is of it.
func (m *message) modern(data []byte) bool {
	version, rest := word(data)
	if n, err := strconv.Atoi(version); err != nil || n < 1 || n > 99 || len(version) != len(strconv.Itoa(n)) {
		return false
	}
	stamp, rest := word(rest)
	var at time.Time
	if stamp != "-" {
		var err error
		if at, err = time.Parse(time.RFC3339Nano, stamp); err != nil {
			return m.meraki(stamp, rest)
		}
	}
	var head [4]string
	for i := range head {
		if len(rest) == 0 {
			return false
		}
		head[i], rest = word(rest)
	}
	m.time, m.said = at, offset(stamp, at)
	m.add(FieldVersion, version)
	m.add(FieldHost, given(head[0]))
	m.add(FieldProcess, given(head[1]))
	m.process(given(head[2]))
	m.add(FieldMsgID, given(head[3]))
	m.rest = m.structured(rest)
	return true
}

// meraki reads what devices of Meraki send, seconds since 1970 and a host after a
// version: 1 1563249630.774247467 name type of event.
func (m *message) meraki(stamp string, rest []byte) bool {
	seconds, err := strconv.ParseFloat(stamp, 64)
	host, rest := word(rest)
	if err != nil || seconds < 1e9 || seconds > 1e10 || host == "" {
		return false
	}
	whole, part, _ := strings.Cut(stamp, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	nano, errPart := strconv.ParseInt((part + "000000000")[:9], 10, 64)
	if err != nil || errPart != nil {
		return false
	}
	m.time, m.rest = time.Unix(sec, nano).UTC(), rest
	m.add(FieldHost, host)
	return true
}

// given is a value of a header; "-" is none.
func given(s string) string {
	if s == "-" {
		return ""
	}
	return s
}

func (m *message) process(id string) {
	if _, err := strconv.ParseUint(id, 10, 32); err == nil {
		m.add(FieldPID, id)
	} else {
		m.add(FieldProcID, id)
	}
}

var bom = []byte("\xef\xbb\xbf")

// structured reads [id name="value" …]… and returns the text after it. What is
// not well-formed stays in the text. When there is no text, the data are it.
func (m *message) structured(data []byte) []byte {
	if after, nothing := bytes.CutPrefix(data, []byte("-")); nothing && (len(after) == 0 || after[0] == ' ') {
		return bytes.TrimPrefix(bytes.TrimPrefix(after, []byte(" ")), bom)
	}
	rest := data
	for len(rest) > 0 && rest[0] == '[' {
		fields, after, ok := element(rest)
		if !ok {
			return data
		}
		for _, f := range fields {
			m.add(FieldData+f.Name, f.Value)
		}
		rest = after
	}
	if len(rest) > 0 && rest[0] != ' ' {
		return data
	}
	if message := bytes.TrimPrefix(bytes.TrimPrefix(rest, []byte(" ")), bom); len(message) > 0 {
		return message
	}
	return data
}

// element reads one element of structured data.
func element(data []byte) (fields []ingest.Field, rest []byte, ok bool) {
	end := bytes.IndexAny(data, " ]")
	if end < 2 {
		return nil, data, false
	}
	id := string(data[1:end])
	rest = data[end:]
	for {
		rest = bytes.TrimLeft(rest, " ")
		if len(rest) == 0 {
			return nil, data, false
		}
		if rest[0] == ']' {
			return fields, rest[1:], true
		}
		eq := bytes.IndexByte(rest, '=')
		if eq < 1 || eq+1 >= len(rest) || rest[eq+1] != '"' || bytes.ContainsAny(rest[:eq], " ]\"") {
			return nil, data, false
		}
		name := string(rest[:eq])
		value, after, closed := quoted(rest[eq+2:])
		if !closed {
			return nil, data, false
		}
		fields = append(fields, ingest.Field{Name: id + "." + name, Value: value})
		rest = after
	}
}

// quoted reads a value up to its closing quote; \" \\ and \] are escaped, before
// any other character the backslash is itself.
func quoted(data []byte) (value string, rest []byte, closed bool) {
	var b strings.Builder
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			return b.String(), data[i+1:], true
		case c == '\\' && i+1 < len(data) && strings.IndexByte(`"\]`, data[i+1]) >= 0:
			i++
			b.WriteByte(data[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", data, false
}

// Severity returns the name of a severity by its number; "" for what is none.
func Severity(code string) string {
	n, err := strconv.Atoi(code)
	if err != nil || n < 0 || n >= len(severities) {
		return ""
	}
	return severities[n]
}
