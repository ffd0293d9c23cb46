package detect

import (
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/sigma"
)

// fields reads the fields of an event by name, as correlate.JSON gives them.
type fields func(name string) (string, bool)

// when returns the time of an event; zero when it does not say.
func (f fields) when() time.Time { return event.When(f, nil) }

// Found is what a match found, by field: one text, or several.
func Found(list []sigma.Finding) map[string]any {
	out := map[string]any{}
	for _, f := range list {
		switch was := out[f.Field].(type) {
		case nil:
			out[f.Field] = f.Text
		case string:
			if was != f.Text {
				out[f.Field] = []string{was, f.Text}
			}
		case []string:
			if !slices.Contains(was, f.Text) {
				out[f.Field] = append(was, f.Text)
			}
		}
	}
	return out
}
