package hunt

import (
	"encoding/json"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// translate makes LogsQL of what somebody typed.
func translate(text string) (string, error) { return text, nil }

// narrow is a question that finds every event the rule can match, and few others.
func (p *pasted) narrow(and string) (string, error) { return translate(and) }

// eventOf is the event that a row is.
func eventOf(r logs.Row) event.Event {
	e := event.Event{ID: r.Get(event.FieldID), Time: r.Time, Source: r.Get(event.FieldSource), Format: r.Get(event.FieldFormat)}
	m := map[string]string{}
	for _, f := range r.Fields {
		if !inner(f.Name) {
			m[called(f.Name)] = f.Value
		}
	}
	e.Line, _ = json.Marshal(m)
	return e
}

// lineOf is the line of JSON that an event came as.
func lineOf(r logs.Row) []byte { return eventOf(r).Line }
