// Package otlp reads logs in the protocol of OpenTelemetry, as protobuf and as
// JSON, over whatever they came, and writes the answer.
//
// A log record becomes an ingest.Record: its body is the data, so that the parser
// of what the body holds can read it, and everything else becomes fields under
// the names of OpenTelemetry. Attributes of the record win over those of its
// scope, and those over the ones of its resource.
package otlp

import (
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
)

// Form is how a request is written.
type Form int

// The forms.
const (
	Protobuf Form = iota // application/x-protobuf, and the messages of gRPC
	JSON                 // application/json
)

// Media returns the media type of a form.
func (f Form) Media() string {
	if f == JSON {
		return "application/json"
	}
	return "application/x-protobuf"
}

// Limits of one request.
const (
	// maxFields bounds the fields of all records together: a resource with
	// many attributes and many records could otherwise grow a thousandfold.
	maxFields = 1 << 20
	// maxDepth bounds how deep values nest.
	maxDepth = 64
)

// Names of fields beside those of attributes.
const (
	FieldSeverity = "severity_text"
	FieldNumber   = "severity_number" // 1 to 24; 9 and more is information, 17 and more an error
	FieldLevel    = "log.level"       // in the words of ECS: trace, debug, info, warn, error, fatal
	FieldTrace    = "trace_id"
	FieldSpan     = "span_id"
	FieldEvent    = "event.name"
	FieldScope    = "otel.scope.name"
	FieldVersion  = "otel.scope.version"
	// FieldUID is the attribute by which a sender names a record once and for all.
	FieldUID = "log.record.uid"
)

// Decode reads an ExportLogsServiceRequest. Records come in the order of the
// request, which is also how a Receipt counts them. The error is a fault that says what
// is wrong; then nothing of the request may be taken.
func Decode(data []byte, form Form) ([]ingest.Record, error) {
	r := &reader{}
	if form == JSON {
		return r.records, r.json(data)
	}
	return r.records, r.protobuf(data)
}

// reader makes records of what it reads.
type reader struct {
	records []ingest.Record
	fields  int
}

// pair is a name and its value.
type pair struct {
	name  string
	value value
}

// logRecord is a log record of either form.
type logRecord struct {
	time, observed uint64
	number         int64
	severity, name string
	body           value
	attributes     []pair
	trace, span    string // hex
}

// around is what a record lies in: its resource, then its scope too.
type around []ingest.Field

// resource returns the fields of a resource.
func resource(attributes []pair) around { return unique(flattened(nil, attributes)) }

// scope returns the fields of a scope within a resource.
func (a around) scope(name, version string, attributes []pair) around {
	var own []ingest.Field
	own = add(own, FieldScope, name)
	own = add(own, FieldVersion, version)
	return over(unique(flattened(own, attributes)), a)
}

// add makes a record of l.
func (r *reader) add(l *logRecord, a around) error {
	own := make([]ingest.Field, 0, len(l.attributes)+len(a)+4)
	own = add(own, FieldLevel, level(l.number, l.severity))
	own = add(own, FieldSeverity, l.severity)
	if l.number != 0 {
		own = add(own, FieldNumber, strconv.FormatInt(l.number, 10))
	}
	own = add(own, FieldTrace, l.trace)
	own = add(own, FieldSpan, l.span)
	own = add(own, FieldEvent, l.name)
	fields := over(unique(flattened(own, l.attributes)), a)
	if r.fields += len(fields); r.fields > maxFields || len(r.records) >= ingest.MaxRecords {
		return fault.New(fault.TooLarge, "the request has more than %d records, or fields in all of them", maxFields).WithHint("let the exporter send smaller batches")
	}
	out := ingest.Record{Data: l.body.data(), Fields: fields}
	if at := l.time; at != 0 || l.observed != 0 {
		if at == 0 {
			at = l.observed
		}
		out.Time = time.Unix(int64(at/1e9), int64(at%1e9)).UTC()
	}
	for _, f := range fields {
		if f.Name == FieldUID {
			out.ID = f.Value
		}
	}
	r.records = append(r.records, out)
	return nil
}

func add(fields []ingest.Field, name, value string) []ingest.Field {
	if value == "" {
		return fields
	}
	return append(fields, ingest.Field{Name: name, Value: value})
}

// flattened appends attributes; a map gives a field for each of its members,
// joined by dots.
func flattened(fields []ingest.Field, attributes []pair) []ingest.Field {
	for _, p := range attributes {
		if p.value.kind == kindMap {
			inner := make([]pair, len(p.value.members))
			for i, m := range p.value.members {
				inner[i] = pair{p.name + "." + m.name, m.value}
			}
			fields = flattened(fields, inner)
			continue
		}
		if p.name != "" {
			fields = add(fields, p.name, p.value.text())
		}
	}
	return fields
}

// few is how many fields are compared each with each; more take a map.
const few = 32

// unique keeps the first field of each name.
func unique(fields []ingest.Field) []ingest.Field {
	if len(fields) > few {
		seen := make(map[string]bool, len(fields))
		kept := fields[:0]
		for _, f := range fields {
			if !seen[f.Name] {
				seen[f.Name] = true
				kept = append(kept, f)
			}
		}
		return kept
	}
	kept := fields[:0]
	for _, f := range fields {
		if !has(kept, f.Name) {
			kept = append(kept, f)
		}
	}
	return kept
}

// over returns own with those of below that have no name of own's; both are
// unique.
func over(own, below []ingest.Field) []ingest.Field {
	mine := own
	if len(mine)*len(below) <= few*few {
		for _, f := range below {
			if !has(mine, f.Name) {
				own = append(own, f)
			}
		}
		return own
	}
	seen := make(map[string]bool, len(mine))
	for _, f := range mine {
		seen[f.Name] = true
	}
	for _, f := range below {
		if !seen[f.Name] {
			own = append(own, f)
		}
	}
	return own
}

func has(fields []ingest.Field, name string) bool {
	for _, f := range fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

var levels = []string{"trace", "debug", "info", "warn", "error", "fatal"}

// level is the severity in the words of ECS: by its number, each level having
// four of them, or else by its text.
func level(number int64, text string) string {
	if number >= 1 && number <= 24 {
		return levels[(number-1)/4]
	}
	return strings.ToLower(text)
}
