package detect

import (
	"slices"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/sigma"
)

// fields reads the fields of an event by name, as correlate.JSON gives them.
type fields func(name string) (string, bool)

// timeFields are where events say when they were, the surest first.
var timeFields = []string{"@timestamp", "TimeCreated_SystemTime", "eventTime", "EventTime", "UtcTime", "requestReceivedTimestamp", "stageTimestamp", "published", "event.created", "created_at",
	"timestamp", "Timestamp", "time", "_time", "ts", "TimeCreated", "date"}

// when returns the time of an event; zero when it does not say.
func (f fields) when() time.Time {
	for _, name := range timeFields {
		text, ok := f(name)
		if !ok {
			continue
		}
		if t, ok := sigma.ParseTime(text); ok {
			return t
		}
		if t := epoch(text); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// epoch reads a number of seconds, milliseconds, microseconds or nanoseconds
// since 1970: which of them, its size tells for every time after 1973. Zero is no
// time.
func epoch(text string) time.Time {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		switch {
		case whole < 1e8:
			return time.Time{}
		case whole < 1e11:
			return time.Unix(whole, 0).UTC()
		case whole < 1e14:
			return time.UnixMilli(whole).UTC()
		case whole < 1e17:
			return time.UnixMicro(whole).UTC()
		}
		return time.Unix(0, whole).UTC()
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 1e8 || f >= 1e11 {
		return time.Time{}
	}
	return time.UnixMicro(int64(f * 1e6)).UTC()
}

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
