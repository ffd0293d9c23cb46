package detect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/sigma"
)

// decoded is an event that a rule matched, as its fields.
type decoded map[string]any

func decode(data []byte) decoded {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var e decoded
	if d.Decode(&e) != nil {
		return nil
	}
	return e
}

// field returns a field by its name as it is written, or as a path of dots.
func (e decoded) field(name string) (any, bool) {
	if v, ok := e[name]; ok {
		return v, true
	}
	var at any = map[string]any(e)
	for part := range strings.SplitSeq(name, ".") {
		m, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = m[part]; !ok {
			return nil, false
		}
	}
	return at, true
}

// text returns a field as text; of a list its first value.
func (e decoded) text(name string) (string, bool) {
	v, _ := e.field(name)
	if list, is := v.([]any); is && len(list) > 0 {
		v = list[0]
	}
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return fmt.Sprint(v), true
	}
	return "", false
}

// timeFields are where events say when they were, the surest first.
var timeFields = []string{"@timestamp", "TimeCreated_SystemTime", "eventTime", "EventTime", "UtcTime", "requestReceivedTimestamp", "stageTimestamp", "published", "event.created", "created_at",
	"timestamp", "Timestamp", "time", "_time", "ts", "TimeCreated", "date"}

// when returns the time of an event; zero when it does not say.
func (e decoded) when() time.Time {
	for _, name := range timeFields {
		v, ok := e.field(name)
		if !ok {
			continue
		}
		switch v := v.(type) {
		case string:
			if t, ok := sigma.ParseTime(v); ok {
				return t
			}
		case json.Number:
			if t := epoch(v); !t.IsZero() {
				return t
			}
		}
	}
	return time.Time{}
}

// epoch reads a number of seconds, milliseconds, microseconds or nanoseconds
// since 1970: which of them, its size tells for every time after 1973.
func epoch(n json.Number) time.Time {
	if whole, err := n.Int64(); err == nil {
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
	f, err := n.Float64()
	if err != nil || f < 1e8 || f >= 1e11 {
		return time.Time{}
	}
	return time.UnixMicro(int64(f * 1e6)).UTC()
}
