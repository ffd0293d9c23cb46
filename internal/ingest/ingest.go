// Package ingest takes events in: from listeners and files, by way of a parser,
// into a spool on disk, past the detections, into the event engine. What was
// acknowledged is not lost, what carries an id is not doubled, and every event is
// counted once in what became of it.
package ingest

import (
	"context"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
)

// Batch is what a sender sends at once.
type Batch struct {
	Org     string
	Source  string // name of the source, as its entity or the sender calls it
	Format  string // name of a parser; "" is that of the source, "auto" looks at each record
	Records []Record
	// Zone is that of times that do not say theirs; nil is that of the source.
	Zone *time.Location
	// Past says that the events are of long ago on purpose, as a history that is
	// brought in: how late they came says nothing about the source.
	Past bool
}

// Record is one event as it came.
type Record struct {
	Data []byte    // the line, message or object; not kept after Take returns
	ID   string    // what the sender calls it, or where it stands in a file; "" for none
	Time time.Time // what the way it came says, as a header of syslog or OTLP; zero for nothing
	// Fields are what the way it came says beside the data: host.name, severity.
	// They are added where the parser finds none of that name.
	Fields []Field
	// Sure are fields that the way it came vouches for, as the name in a certificate.
	// What the record says under such a name is kept with ".claimed" behind it.
	Sure []Field
	// Zone is what the way it came tells of times in Data that do not say theirs. It
	// is nil where that is not known, and holds where nobody has set one.
	Zone *time.Location
	// Problem is why Data is no record, where the way it came found that already:
	// it is refused, and counted as such.
	Problem string
}

// Field is a field of an event.
type Field struct{ Name, Value string }

// Receipt says what became of a batch.
type Receipt struct {
	Accepted int // of it: what was taken in, with what was refused
	Rejected []Rejection
}

// Rejection is a record that was refused, by its place in the batch.
type Rejection struct {
	Record int
	Reason string // for a machine: too-large, not-json, too-many-fields, too-old, too-new
	Detail string // for a person
}

// Taker takes batches in. When Take returns without an error, what it accepted
// and did not reject is on disk. A fault of kind RateLimited, or any other error,
// means that nothing of the batch was taken, and may be sent again. Of what
// can neither wait nor be sent again, as UDP, Offer counts what was dropped.
type Taker interface {
	Take(ctx context.Context, b Batch) (Receipt, error)
	Offer(b Batch) Receipt
}

// Stage looks at the events of an organisation before they are stored, and sets
// their Rules. It is called by several goroutines at once. An error holds the
// batch back: it is tried again, and nothing is stored meanwhile; a stage that
// wants events stored although it failed keeps the gap itself.
type Stage interface {
	Look(ctx context.Context, org string, events []event.Event) error
}
