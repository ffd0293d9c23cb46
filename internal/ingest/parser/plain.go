package parser

import (
	"bytes"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// messages and hosts are where events that are JSON have what a person reads,
// and the name of their host.
var (
	messages = []string{"message", "msg", "Message", "MESSAGE", "short_message", "log", "body", "text"}
	hosts    = []string{"hostname", "Hostname", "host", "Computer", "host.hostname", "_HOSTNAME", "HOSTNAME"}
)

const jsonName = "json"

// Object is the format "json": any JSON object.
func Object() Format {
	return JSON(Format{
		Name:  jsonName,
		Title: lang.T("JSON", "JSON"),
		Doc: lang.T("Any JSON object. The time is read from the usual fields (@timestamp, time, ts …), the message from message, msg or log, the host from host.name, hostname or host.",
			"Cualquier objeto JSON. La hora se lee de los campos habituales (@timestamp, time, ts …), el mensaje de message, msg o log, y el equipo de host.name, hostname o host."),
	}, func(*Reader) bool { return true }, usual)
}

// usual adds what any JSON object may say of itself: time, message, host.
func usual(r *Reader) {
	r.Time()
	r.Copy(event.Message, messages...)
	r.Host(hosts...)
}

// Text is the format "text": a line of whatever is no JSON.
func Text() Format {
	return Format{
		Name:  "text",
		Title: lang.T("Text", "Texto"),
		Doc: lang.T("A line of text, which is the message. Bytes that are no UTF-8 are read as Windows-1252.",
			"Una línea de texto, que es el mensaje. Los bytes que no son UTF-8 se leen como Windows-1252."),
		Parse: func(data []byte, _ *Env, out *Out) error {
			line := Trimmed(data)
			if len(bytes.TrimSpace(line)) == 0 {
				return errEmpty
			}
			l := Begin(out, nil)
			l.Set(event.Message, line)
			l.End()
			return nil
		},
		Is: func(data []byte, _ *Env) bool { return len(bytes.TrimSpace(data)) > 0 },
	}
}

// Trimmed is a line without what ends it and without the mark of its encoding.
func Trimmed(data []byte) []byte { return bytes.TrimRight(Decoded(data), "\r\n\x00") }

// Auto is the format "auto": of the formats, that which a record looks like. An
// object that none knows is "json", a line that none knows "text".
func Auto(formats []Format) Format {
	a := auto{json: Object(), text: Text()}
	for _, f := range formats {
		if f.known != nil {
			a.objects = append(a.objects, f)
		}
		if f.Is != nil && (f.known == nil || f.lines) {
			a.lines = append(a.lines, f)
		}
	}
	return Format{
		Name:  "auto",
		Title: lang.T("Found out by each record", "Según cada registro"),
		Doc: lang.T("Looks at each record and chooses the format that it has; JSON and text where none is known.",
			"Mira cada registro y elige su formato; JSON y texto cuando no se conoce ninguno."),
		Parse: a.parse,
	}
}

type auto struct {
	objects, lines []Format
	json, text     Format
}

func (a *auto) parse(data []byte, env *Env, out *Out) error {
	if braced(data) {
		from := len(out.Line)
		if err := read(data, env, out, a.object); err == nil {
			return nil
		}
		out.Line = out.Line[:from]
	}
	for i := range a.lines {
		if f := &a.lines[i]; f.Is(data, env) {
			from := len(out.Line)
			if err := f.Parse(data, env, out); err == nil {
				out.named(f.Name)
				return nil
			}
			out.Members.Forget()
			*out = Out{Line: out.Line[:from], Members: out.Members}
		}
	}
	out.Format = a.text.Name
	return a.text.Parse(data, env, out)
}

func (a *auto) object(r *Reader) {
	for i := range a.objects {
		if f := &a.objects[i]; f.known(r) {
			f.add(r)
			r.Out.named(f.Name)
			return
		}
	}
	a.json.add(r)
	r.Out.named(a.json.Name)
}

func (o *Out) named(format string) {
	if o.Format == "" {
		o.Format = format
	}
}
