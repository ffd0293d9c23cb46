// Package keyvalue reads lines of name=value, as Go's and other programs' logfmt
// and many firewalls write them:
//
//	ts=2026-03-10T09:00:00Z level=warn msg="slow query" took=1.5s
//
// Every pair is a field of its name. Values may stand in quotes, in which \" is a
// quote; a value that is a number stays a text. Words without "=" between pairs
// are a part of the message, when no pair is one. The time is read from the usual
// fields, or from date and time as FortiGate writes them; the host from host,
// hostname or devname. Of the usual short names those of ECS are added: source.ip,
// destination.ip, their ports, user.name, event.action, log.level.
package keyvalue

import (
	"errors"
	"strings"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/linux"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Format is the format "keyvalue".
func Format() parser.Format {
	return parser.Format{
		Name:  "keyvalue",
		Title: lang.T("name=value (logfmt)", "nombre=valor (logfmt)"),
		Doc:   lang.T("Lines of name=value, as logfmt and firewalls write them, also behind a header of syslog.", "Líneas de nombre=valor, como las de logfmt y los cortafuegos, también tras una cabecera de syslog."),
		Parse: parse,
		Is:    is,
	}
}

// is reports a line of which most is pairs, and that begins with one.
func is(data []byte, _ *parser.Env) bool {
	line := parser.String(parser.Trimmed(data))
	if len(line) > 64<<10 || line == "" || !nameByte(line[0]) {
		return false
	}
	pairs, words := 0, 0
	s := scanner{text: line}
	for s.next() {
		if s.name == "" {
			if words++; pairs == 0 {
				return false
			}
		} else {
			pairs++
		}
	}
	return pairs >= 3 && pairs > 2*words
}

// mostPairs bounds how many pairs of a line are read; the store takes fewer.
const mostPairs = 2500

func parse(data []byte, env *parser.Env, out *parser.Out) error {
	data = parser.Trimmed(data)
	line := parser.String(data)
	h, _ := linux.ReadHeader(line, env)
	var v parser.Pairs
	var words []string
	s := scanner{text: h.Message}
	for n := 0; n < mostPairs && s.next(); n++ {
		if s.name == "" {
			words = append(words, s.value)
			continue
		}
		v = append(v, parser.Pair{Name: s.name, Value: s.value})
	}
	if len(v) == 0 {
		return errors.New("the line has no name=value")
	}
	l := parser.Begin(out, data)
	defer l.End()
	out.Time = timeOf(v, env)
	if out.Time.IsZero() {
		out.Time = h.Time
	}
	v.AddTo(l)
	message := v.First("message", "msg", "event", "logdesc")
	if message == "" {
		message = strings.Join(words, " ")
	}
	if message == "" {
		message = h.Message
	}
	l.Add(event.Message, message)
	host := v.First("host.name", "hostname", "host", "devname", "dvc")
	if host == "" {
		host = h.Host
	}
	l.Host(host)
	l.Add(event.ProcessName, h.Program)
	l.Int("process.pid", h.PID)
	l.From(v.First("source.ip", "srcip", "src_ip", "src", "SRC", "client_ip", "remote_ip", "ip"))
	l.Int("source.port", v.First("srcport", "src_port", "spt", "SPT"))
	l.Add("destination.ip", v.First("dstip", "dst_ip", "dst", "DST"))
	l.Int("destination.port", v.First("dstport", "dst_port", "dpt", "DPT"))
	l.Add("network.transport", parser.Transport(v.First("proto", "PROTO")))
	l.Add(event.User, v.First("user", "username", "srcuser", "usr"))
	l.Add(event.Action, v.First("action", "act"))
	l.Add("log.level", v.First("level", "lvl", "severity"))
	return nil
}

// scanner reads pairs and the words between them.
type scanner struct {
	text, name, value string
}

func (s *scanner) next() bool {
	s.text = strings.TrimLeft(s.text, " \t,;")
	if s.text == "" {
		return false
	}
	end := 0
	for end < len(s.text) && nameByte(s.text[end]) {
		end++
	}
	if end == 0 || end == len(s.text) || s.text[end] != '=' {
		s.name = ""
		end = strings.IndexAny(s.text, " \t")
		if s.text[0] == '"' {
			s.value, s.text = quoted(s.text)
			return true
		}
		if end < 0 {
			end = len(s.text)
		}
		s.value, s.text = s.text[:end], s.text[end:]
		return true
	}
	s.name, s.text = s.text[:end], s.text[end+1:]
	if s.text != "" && s.text[0] == '"' {
		s.value, s.text = quoted(s.text)
		return true
	}
	if end = strings.IndexAny(s.text, " \t"); end < 0 {
		end = len(s.text)
	}
	s.value, s.text = strings.TrimRight(s.text[:end], ",;"), s.text[end:]
	return true
}

func nameByte(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-' || c == '@' || c == '/'
}

// quoted reads a text in quotes; one that is not closed goes to the end.
func quoted(text string) (in, rest string) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return unescaped.Replace(text[1:i]), text[i+1:]
		}
	}
	return text[1:], ""
}

var unescaped = strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r")
