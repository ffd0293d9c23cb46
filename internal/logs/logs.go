// Package logs is the one door to the event engine: VictoriaLogs embedded in
// the program, or a cluster of it over HTTP. Each organisation is a tenant of its
// own. The language of questions is LogsQL.
package logs

import (
	"context"
	"errors"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
)

// Store keeps events and answers questions about them. It is safe for
// concurrent use. All of its methods act within one organisation.
type Store interface {
	// Add stores events. They can be found within a second, and are on disk when
	// a later Settled says so. It waits while the engine is busy. An error of the
	// type Refused names those that cannot be stored, all others are; any other
	// error means that some of them may be stored and some not. It may be called by
	// several goroutines, which then work beside each other.
	Add(ctx context.Context, org string, events []event.Event) error
	// Settled returns a moment: what was added before it is on disk, and is
	// there after the machine lost power.
	Settled(ctx context.Context) (time.Time, error)
	// Flush makes everything that was added findable at once.
	Flush(ctx context.Context) error

	// Rows answers with rows, the newest first unless the question sorts, and
	// calls row with each until it returns an error, which Rows returns; ErrStop ends
	// it without one. A question may have pipes.
	Rows(ctx context.Context, q Query, row func(Row) error) (Outcome, error)
	// Hits counts in steps of time, from From on, per value of a field ("" for
	// all together): the limit most frequent values, and the rest under "".
	Hits(ctx context.Context, q Query, step time.Duration, field string, limit int) ([]Series, Outcome, error)
	// Facets returns the fields of what is found with their most frequent values.
	Facets(ctx context.Context, q Query, values int) ([]Facet, Outcome, error)
	// Fields returns the names of fields of what is found, and Values the values of
	// one, with how many events have them.
	Fields(ctx context.Context, q Query) ([]Value, Outcome, error)
	Values(ctx context.Context, q Query, field string, limit int) ([]Value, Outcome, error)
	// Check returns what is wrong with a question, as a fault that names the
	// place; nil when nothing is.
	Check(text string) error

	// Limits are what events must keep to. They do not open a Lazy store.
	Limits() Limits
	// Usage says what is kept.
	Usage(ctx context.Context) (Usage, error)
	Close() error
}

// ErrStop ends Rows without an error.
var ErrStop = errors.New("enough rows")

// Query is a question about the events of an organisation.
type Query struct {
	Org      string
	Text     string    // LogsQL, perhaps with pipes; "" and * are every event
	From, To time.Time // of the events; From belongs to it and To does not. Zero is open
	// Known leaves out what came later (event.FieldSeen), in sub-queries as well:
	// a question is answered with what was known at a moment. Zero leaves out
	// nothing.
	Known time.Time
	// And is a filter that must hold as well, in sub-queries too; "" for none.
	And    string
	Limit  int // rows at most; 0: all
	Offset int
	// Partial takes what nodes that answer have, when some do not: Outcome.Partial
	// says so. Otherwise a node that is down is an error.
	Partial bool
}

// Row is one row of an answer: an event, or what pipes made.
type Row struct {
	Time   time.Time // zero when there is none
	Fields []Field   // in the order of the engine; without those that are empty
}

// Field is one field of a Row.
type Field struct{ Name, Value string }

// Get returns the value of a field, "" when the row has none.
func (r Row) Get(name string) string {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// Outcome says how an answer came about.
type Outcome struct {
	Rows    int64         // rows that were given
	Read    int64         // events that were looked at; 0 when a cluster answered, which does not say
	Bytes   int64         // that were read for it; likewise
	Took    time.Duration // until the last row
	Partial bool          // nodes did not answer: there may be more
	Limited bool          // there were more rows than Query.Limit
}

// Series are counts over time. Counts[i] is of the step that begins at Start[i].
type Series struct {
	Value  string
	Start  []time.Time
	Counts []int64
	Total  int64
}

// Facet is a field with its most frequent values.
type Facet struct {
	Field  string
	Values []Value
}

// Value is a text and how many events have it.
type Value struct {
	Text string
	Hits int64
}

// Usage is what a store holds.
type Usage struct {
	Events     int64
	Bytes      int64 // on disk
	Raw        int64 // bytes of the events before they were packed
	Oldest     time.Time
	Retention  time.Duration
	ReadOnly   bool // there is no room left on the disk
	Partitions int  // days
}
