// Package event says what an event is, what a machine said at a moment, and how
// its fields are called. Events are immutable; they are kept in the event engine
// (package logs), and everything that finds something in them points back at them.
package event

import (
	"time"

	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// Event is what a machine said.
type Event struct {
	// ID is what the event is known by in its organisation: what the sender
	// calls it, or where it stands in the spool of what was taken in. Two events
	// of one organisation with one ID are one event.
	ID     string
	Time   time.Time // when it happened, by its own word; Seen where it does not say
	Seen   time.Time // when it came
	Source string    // name of the source it came from
	Format string    // name of the parser that read it: sshd, cloudtrail, json
	// Line is the event itself: one JSON object on one line, with the fields as
	// they came and beside them the names of ECS that the parser added. What the
	// other members of Event hold is not in it.
	Line []byte
	// Members is what is known of the members of Line, so that it need not be read
	// again; nothing when whoever made the event does not say. The memory of both may be
	// used again when the event is with the store: who keeps any of it keeps a copy.
	Members jsonline.Members
	// Rules are the ids of the Sigma rules and the indicators that it matched, in
	// order. They are set before it is stored.
	Rules []string
	// Batch is the number of the spooled batch it came in; 0 for none. After a
	// crash it tells which events of a batch were stored before.
	Batch uint64
}

// Names of the fields that an event has in the store beside those of its Line.
// _time is Event.Time, and _msg the member "message" of the line.
const (
	FieldID     = "event.id"        // Event.ID
	FieldSeen   = "event.ingested"  // Event.Seen, RFC 3339 with all nine digits of nanoseconds
	FieldFormat = "event.module"    // Event.Format
	FieldSource = "binnacle.source" // Event.Source; a stream field
	FieldRules  = "binnacle.rules"  // Event.Rules, joined by one space; only where there are some
	FieldBatch  = "binnacle.batch"  // Event.Batch; only where there is one
	FieldShape  = "binnacle.shape"  // what the flat fields cannot say of the line: package logs writes and reads it
	FieldRest   = "binnacle.rest"   // members of the line whose names no field can have, as JSON
)

// CanarySource is the source of canaries: events that are sent to see whether the
// rules find them, and that nobody did.
const CanarySource = "canary"

// Names of ECS and OpenTelemetry that parsers add and the program itself reads.
const (
	Message     = "message"        // what a person reads, without the header of the line
	Original    = "event.original" // the line as it came, of formats that are no JSON
	Action      = "event.action"
	Outcome     = "event.outcome" // success, failure, unknown
	Host        = "host.name"     // a stream field
	User        = "user.name"
	SourceIP    = "source.ip"
	ProcessName = "process.name"
	ServiceName = "service.name"
	CloudAcct   = "cloud.account.id"
)

// Inner reports whether a field of a stored event is the store's own: it says how
// the event is kept, and nothing of the event.
func Inner(field string) bool {
	switch field {
	case "_stream", "_stream_id", FieldBatch, FieldShape, FieldRest:
		return true
	}
	return false
}
