// Package filebeat reads the events of Filebeat, the Elastic Agent and others
// that put a line of a file into an object: the line is in message, its file in
// log.file.path.
//
// The line is read by the formats of lines, and what they find is added to the
// object, as if the line had come alone: the names of sshd, of an access log, of
// the audit. The time is that of the line; where it has none, @timestamp, which is
// when the line was read. message stays the whole line, as it was sent, so that a
// rule that asks how a message begins does not find it behind a header of syslog;
// let the sender take that off, or follow the file with Binnacle.
package filebeat

import (
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// Format is the format "filebeat", whose lines are read by these formats.
func Format(lines []parser.Format) parser.Format {
	return parser.JSON(parser.Format{
		Name:  "filebeat",
		Title: lang.T("Filebeat and Elastic Agent", "Filebeat y Elastic Agent"),
		Doc: lang.T("Lines of files as Filebeat and its like send them, in message beside log.file.path. The line is read by the format that it has.",
			"Líneas de archivos como las envían Filebeat y similares, en message junto a log.file.path. La línea se lee con el formato que tenga."),
	}, known, func(r *parser.Reader) { add(r, lines) })
}

func known(r *parser.Reader) bool {
	return len(r.Text("log.file.path")) > 0 && len(r.Text("message")) > 0
}

func add(r *parser.Reader, lines []parser.Format) {
	line := r.Text("message")
	for i := range lines {
		if f := &lines[i]; f.Is != nil && f.Is(line, r.Env) {
			var out parser.Out
			if f.Parse(line, r.Env, &out) == nil {
				take(r, &out)
				if r.Out.Format = out.Format; out.Format == "" {
					r.Out.Format = f.Name
				}
				break
			}
		}
	}
	if r.Out.Time.IsZero() {
		r.Time("@timestamp")
	}
	r.Host("host.hostname", "agent.hostname", "hostname", "beat.hostname")
}

// take adds the fields of a line, but for those that the object has.
func take(r *parser.Reader, line *parser.Out) {
	r.Out.Time, r.Out.ID = line.Time, line.ID
	c := jsonline.Within(line.Line)
	for key, v, ok := c.Next(); ok; key, v, ok = c.Next() {
		if name := string(key); name != event.Original && !jsonline.Escaped(key) {
			r.Put(name, v)
		}
	}
}
