package logs

import (
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
)

// AppendJSON appends a row as a JSON object of texts, for a person or a program.
// What the store keeps for itself is left out unless it is stored, from which
// Event makes the event again.
func (r Row) AppendJSON(b []byte, stored bool) []byte {
	b = append(b, '{')
	n := 0
	for _, f := range r.Fields {
		if !stored && hiddenField(f.Name) || f.Name == "_stream" || f.Name == "_stream_id" {
			continue
		}
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = append(appendText(b, valid(f.Name)), ':')
		b = appendText(b, valid(f.Value))
	}
	return append(b, '}')
}

// AppendEvent appends an event as a JSON object: what is known of it, and its
// line under "event".
func AppendEvent(b []byte, e event.Event) []byte {
	b = append(b, '{')
	member := func(name, value string) {
		if value != "" {
			b = append(appendText(b, name), ':')
			b = append(appendText(b, valid(value)), ',')
		}
	}
	member("id", e.ID)
	member("time", stamp(e.Time))
	member("seen", stamp(e.Seen))
	member("source", e.Source)
	member("format", e.Format)
	if len(e.Rules) > 0 {
		b = append(b, `"rules":[`...)
		for i, rule := range e.Rules {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, valid(rule))
		}
		b = append(b, `],`...)
	}
	b = append(b, `"event":`...)
	return append(append(b, valid(string(e.Line))...), '}')
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// valid is a text without bytes that are no UTF-8.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
