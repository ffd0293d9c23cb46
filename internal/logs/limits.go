package logs

import (
	"bytes"
	"fmt"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/binnaclehq/binnacle/internal/event"
)

// Reasons why an event cannot be stored.
const (
	NotJSON       = "not-json"
	TooLarge      = "too-large"
	TooManyFields = "too-many-fields"
	TooOld        = "too-old"
	TooNew        = "too-new"
)

// What the engine takes. One field is left for what a store adds.
const (
	mostBytes  = 2 << 20
	mostFields = 2000 - 1
)

// Future is how far in the future an event may be dated.
const Future = 48 * time.Hour

// Limits are what a store takes.
type Limits struct {
	Bytes, Fields int           // of an event, laid out in fields
	Past, Future  time.Duration // how old and how new events may be; 0: as they are
}

// Refuses returns why an event cannot be stored: one of the reasons, "" when
// it can.
func (l Limits) Refuses(e *event.Event, now time.Time) string {
	if reason := l.untimely(e, now); reason != "" {
		return reason
	}
	// Most events are so small that they need not be looked at: each field has a
	// colon, and four more bytes or so, and no name is longer than 128.
	fits := func(colons int) bool {
		return colons < l.Fields-16 && len(e.Line)+colons*150+len(e.Source)+len(e.ID)+1024 < l.Bytes
	}
	if fits(len(e.Line)/4) || fits(bytes.Count(e.Line, []byte{':'})) {
		return ""
	}
	c := encoders.Get().(*encoder)
	defer encoders.Put(c)
	_, _, reason := l.lay(c, e, now)
	return reason
}

// lay lays out an event that keeps to the limits, and says how long the engine takes
// it to be.
func (l Limits) lay(c *encoder, e *event.Event, now time.Time) (fields []logstorage.Field, size int, reason string) {
	if reason = l.untimely(e, now); reason != "" {
		return nil, 0, reason
	}
	if fields, reason = c.encode(e); reason != "" {
		return nil, 0, reason
	}
	if len(fields) > l.Fields {
		return nil, 0, TooManyFields
	}
	if size = logstorage.EstimatedJSONRowLen(fields); size > l.Bytes {
		return nil, 0, TooLarge
	}
	return fields, size, ""
}

func (l Limits) untimely(e *event.Event, now time.Time) string {
	switch {
	case l.Past > 0 && e.Time.Before(now.Add(-l.Past)):
		return TooOld
	case l.Future > 0 && e.Time.After(now.Add(l.Future)):
		return TooNew
	}
	return ""
}

// Refused says which of the events that were added cannot be stored. All the
// others are stored.
type Refused []Refusal

// Refusal is an event that cannot be stored, by its place among those added.
type Refusal struct {
	Event  int
	Reason string
}

// Error says how many they are, and why the first.
func (r Refused) Error() string {
	return fmt.Sprintf("%d event(s) cannot be stored; the first is %s", len(r), r[0].Reason)
}
