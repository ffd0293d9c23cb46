// Package cef reads ArcSight's Common Event Format, also behind a header of
// syslog:
//
//	CEF:0|Security|threatmanager|1.0|100|worm stopped|10|src=10.0.0.1 dst=2.1.2.2 spt=1232
//
// The seven parts of the head are deviceVendor, deviceProduct, deviceVersion,
// signatureId, name, severity and the version, and every extension is a field of its
// name. A custom field (cs1, cn2, deviceCustomDate1 …) that has a label is also a
// field of the name that the label says, without spaces. Added are
// observer.vendor, observer.product, observer.version, event.code, event.severity,
// event.action, event.outcome, source.ip, source.port, destination.ip,
// destination.port, user.name, host.name, url.full, file.name, and the message
// (msg, or the name). The time is rt, else end or start.
package cef

import (
	"errors"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/linux"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Format is the format "cef".
func Format() parser.Format {
	return parser.Format{
		Name:  "cef",
		Title: lang.T("CEF", "CEF"),
		Doc:   lang.T("ArcSight's Common Event Format, with or without a header of syslog.", "El Common Event Format de ArcSight, con o sin cabecera de syslog."),
		Parse: parse,
		Is:    func(data []byte, _ *parser.Env) bool { return Has(data, "CEF:") },
	}
}

// Has reports whether a mark begins a line, or a word of its header.
func Has(data []byte, mark string) bool {
	at := strings.Index(parser.String(data[:min(len(data), 256)]), mark)
	return at == 0 || at > 0 && data[at-1] == ' '
}

// mostPairs bounds how many extensions are read.
const mostPairs = 2000

func parse(data []byte, env *parser.Env, out *parser.Out) error {
	data = parser.Trimmed(data)
	line := parser.String(data)
	at := strings.Index(line, "CEF:")
	if at < 0 {
		return errors.New("CEF: is not in the line")
	}
	parts, rest, ok := Head(line[at+len("CEF:"):], 7)
	if !ok {
		return errors.New("the head of CEF is not whole: it is CEF:version|vendor|product|version|id|name|severity|")
	}
	h, _ := linux.ReadHeader(line, env)
	e := extensions(rest)
	l := parser.Begin(out, data)
	defer l.End()
	out.Time = timeOf(e, env)
	if out.Time.IsZero() {
		out.Time = h.Time
	}
	for i, name := range []string{"cefVersion", "deviceVendor", "deviceProduct", "deviceVersion", "signatureId", "name", "severity"} {
		l.Add(name, parts[i])
	}
	e.AddTo(l)
	labels(l, e)
	l.Add("observer.vendor", parts[1])
	l.Add("observer.product", parts[2])
	l.Add("observer.version", parts[3])
	l.Add("event.code", parts[4])
	l.Add("event.severity", parts[6])
	message := e.First("msg", "message")
	if message == "" {
		message = parts[5]
	}
	l.Add(event.Message, message)
	l.Add(event.Action, e.First("act"))
	l.Add(event.Outcome, outcome(e.First("outcome", "categoryOutcome")))
	l.From(e.First("src", "c6a2", "shost"))
	l.Int("source.port", e.First("spt"))
	l.Add("destination.ip", e.First("dst", "c6a3"))
	l.Int("destination.port", e.First("dpt"))
	l.Add("network.transport", parser.Transport(e.First("proto")))
	l.Add(event.User, e.First("suser", "duser"))
	l.Add("user.target.name", e.First("duser"))
	l.Add("url.full", e.First("request"))
	l.Add("file.name", e.First("fname"))
	l.Add("file.path", e.First("filePath"))
	l.Add(event.ProcessName, e.First("sproc", "deviceProcessName", "dproc"))
	host := e.First("dvchost", "deviceHostName")
	if host == "" && at > 0 {
		host = h.Host
	}
	l.Host(host)
	return nil
}

// Head reads so many parts that end with "|", in which \| and \\ are the
// characters.
func Head(text string, n int) (parts []string, rest string, ok bool) {
	from := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '|':
			parts = append(parts, strings.TrimSpace(replaced(head, text[from:i])))
			if from = i + 1; len(parts) == n {
				return parts, text[from:], true
			}
		}
	}
	if len(parts) == n-1 { // the last needs no end where nothing follows
		return append(parts, strings.TrimSpace(replaced(head, text[from:]))), "", true
	}
	return nil, "", false
}

var (
	head  = strings.NewReplacer(`\|`, `|`, `\\`, `\`)
	plain = strings.NewReplacer(`\=`, `=`, `\\`, `\`, `\n`, "\n", `\r`, "\r", `\|`, `|`)
)

func replaced(by *strings.Replacer, text string) string {
	if strings.IndexByte(text, '\\') < 0 {
		return text
	}
	return by.Replace(text)
}

// extensions reads name=value name=value: a value goes up to the space before
// the next name.
func extensions(text string) parser.Pairs {
	var list parser.Pairs
	text = strings.TrimLeft(text, " ")
	for len(list) < mostPairs {
		equal := strings.IndexByte(text, '=')
		if equal <= 0 || !name(text[:equal]) {
			break
		}
		key, rest := text[:equal], text[equal+1:]
		end, next := len(rest), len(rest)
		for i := 0; i < len(rest); i++ {
			if rest[i] == '\\' {
				i++
				continue
			}
			if rest[i] != '=' {
				continue
			}
			if space := strings.LastIndexByte(rest[:i], ' '); space >= 0 && name(rest[space+1:i]) {
				end, next = space, space+1
				break
			}
		}
		list = append(list, parser.Pair{Name: key, Value: replaced(plain, strings.TrimRight(rest[:end], " "))})
		text = rest[next:]
	}
	return list
}

func name(text string) bool {
	for i := range len(text) {
		c := text[i]
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-' || c == '[' || c == ']') {
			return false
		}
	}
	return text != ""
}

// labels adds the custom fields by what their labels say.
func labels(l *parser.Line, e parser.Pairs) {
	for _, p := range e {
		if of, ok := strings.CutSuffix(p.Name, "Label"); ok {
			if label := strings.ReplaceAll(p.Value, " ", ""); label != "" && len(label) < 128 {
				l.Add(label, e.First(of))
			}
		}
	}
}

func timeOf(e parser.Pairs, env *parser.Env) time.Time {
	for _, name := range []string{"rt", "end", "start", "deviceReceiptTime"} {
		if text := e.First(name); text != "" {
			if t, ok := event.ParseTime(text, env.Zone); ok {
				return t
			}
			if h, ok := linux.ReadHeader(text+" ", env); ok {
				return h.Time
			}
		}
	}
	return time.Time{}
}

func outcome(text string) string {
	switch strings.ToLower(strings.TrimPrefix(text, "/")) {
	case "success", "succeeded", "ok", "allowed":
		return "success"
	case "failure", "failed", "fail", "denied", "blocked":
		return "failure"
	}
	return ""
}
