// Package leef reads QRadar's Log Event Extended Format, 1.0 and 2.0, also behind
// a header of syslog:
//
//	LEEF:2.0|Vendor|Product|Version|EventID|^|src=10.0.0.1^dst=10.0.0.5^sev=5
//
// Extensions are apart by tabs; 2.0 may say another character, itself or as its
// number (x5E, 0x5e). Every one is a field of its name, and the head is
// deviceVendor, deviceProduct, deviceVersion and eventId. Added are
// observer.vendor, observer.product, observer.version, event.code, event.severity,
// event.action, source.ip, source.port, destination.ip, destination.port,
// user.name, host.name and the message. The time is devTime, in the form that
// devTimeFormat says where that is one of Java's.
package leef

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/cef"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/linux"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Format is the format "leef".
func Format() parser.Format {
	return parser.Format{
		Name:  "leef",
		Title: lang.T("LEEF", "LEEF"),
		Doc:   lang.T("QRadar's Log Event Extended Format 1.0 and 2.0, with or without a header of syslog.", "El Log Event Extended Format 1.0 y 2.0 de QRadar, con o sin cabecera de syslog."),
		Parse: parse,
		Is:    func(data []byte, _ *parser.Env) bool { return cef.Has(data, "LEEF:") },
	}
}

// mostPairs bounds how many extensions are read.
const mostPairs = 2000

func parse(data []byte, env *parser.Env, out *parser.Out) error {
	data = parser.Trimmed(data)
	line := parser.String(data)
	at := strings.Index(line, "LEEF:")
	if at < 0 {
		return errors.New("LEEF: is not in the line")
	}
	parts, rest, ok := cef.Head(line[at+len("LEEF:"):], 5)
	if !ok {
		return errors.New("the head of LEEF is not whole: it is LEEF:version|vendor|product|version|id|")
	}
	between := "\t"
	if strings.HasPrefix(parts[0], "2") {
		between, rest = delimiter(rest)
	}
	h, _ := linux.ReadHeader(line, env)
	e := extensions(rest, between)
	l := parser.Begin(out, data)
	defer l.End()
	if out.Time = timeOf(e, env); out.Time.IsZero() {
		out.Time = h.Time
	}
	for i, name := range []string{"leefVersion", "deviceVendor", "deviceProduct", "deviceVersion", "eventId"} {
		l.Add(name, parts[i])
	}
	e.AddTo(l)
	l.Add("observer.vendor", parts[1])
	l.Add("observer.product", parts[2])
	l.Add("observer.version", parts[3])
	l.Add("event.code", parts[4])
	l.Add("event.severity", e.First("sev"))
	l.Add("event.category", e.First("cat"))
	message := e.First("msg", "message", "reason")
	if message == "" {
		message = strings.TrimSpace(parts[2] + " " + parts[4])
	}
	l.Add(event.Message, message)
	l.Add(event.Action, e.First("action", "act"))
	l.From(e.First("src", "identSrc"))
	l.Int("source.port", e.First("srcPort"))
	l.Add("destination.ip", e.First("dst"))
	l.Int("destination.port", e.First("dstPort"))
	l.Add("network.transport", parser.Transport(e.First("proto")))
	l.Add(event.User, e.First("usrName", "accountName"))
	l.Add("url.full", e.First("url"))
	host := e.First("identHostName", "devName")
	if host == "" && at > 0 {
		host = h.Host
	}
	l.Host(host)
	return nil
}

// delimiter reads what says how extensions are apart; 2.0 may leave it out.
func delimiter(text string) (string, string) {
	says, rest, ok := strings.Cut(text, "|")
	if says == `\t` { // as it is written, not the character
		return "\t", rest
	}
	if !ok || len(says) > 4 || strings.ContainsRune(says, '=') && len(says) > 1 {
		return "\t", text
	}
	if len(says) <= 1 {
		if says == "" {
			says = "\t"
		}
		return says, rest
	}
	number := strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(says), "0"), "x")
	if c, err := strconv.ParseUint(number, 16, 8); err == nil && strings.ContainsAny(says, "xX") {
		return string([]byte{byte(c)}), rest
	}
	if len([]rune(says)) == 1 {
		return says, rest
	}
	return "\t", text
}

func extensions(text, between string) parser.Pairs {
	var list parser.Pairs
	for part := range strings.SplitSeq(text, between) {
		if len(list) == mostPairs {
			break
		}
		name, value, ok := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); ok && name != "" {
			list = append(list, parser.Pair{Name: name, Value: strings.TrimSpace(value)})
		}
	}
	return list
}

func timeOf(e parser.Pairs, env *parser.Env) time.Time {
	text := e.First("devTime", "time")
	if text == "" {
		return time.Time{}
	}
	zone := env.Zone
	if zone == nil {
		zone = time.UTC
	}
	if form := e.First("devTimeFormat"); form != "" {
		if t, err := time.ParseInLocation(layout.Replace(form), text, zone); err == nil {
			return t.UTC()
		}
	}
	if t, ok := event.ParseTime(text, env.Zone); ok {
		return t
	}
	h, _ := linux.ReadHeader(text+" ", env)
	return h.Time
}

// layout turns a form of time as Java writes it into one of Go.
var layout = strings.NewReplacer("yyyy", "2006", "MMM", "Jan", "MM", "01", "dd", "02", "HH", "15", "mm", "04", "ss", "05", "SSS", "000", "Z", "-0700", "XXX", "Z07:00", "z", "MST", "'T'", "T")
