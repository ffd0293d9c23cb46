// Package gelf reads messages in Graylog's extended log format: it unpacks them,
// puts the pieces of those in several datagrams together, and makes records.
package gelf

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/listen/syslog"
)

// Magic is what a datagram with a piece of a message begins with.
const Magic = "\x1e\x0f"

// Unpack returns the JSON of a message that may be packed with gzip or zlib. One
// that is larger than most is an error, however small it was packed.
func Unpack(data []byte, most int) ([]byte, error) {
	var r io.Reader
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("\x1f\x8b")):
		r, err = gzip.NewReader(bytes.NewReader(data))
	case len(data) > 2 && data[0]&0x0f == 8 && (int(data[0])<<8|int(data[1]))%31 == 0:
		r, err = zlib.NewReader(bytes.NewReader(data))
	default:
		r = bytes.NewReader(data)
	}
	if err != nil {
		return nil, fmt.Errorf("the message cannot be unpacked: %v", err)
	}
	out, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("the message cannot be unpacked: %v", err)
	}
	if len(out) > most {
		return nil, fmt.Errorf("the message is larger than %d bytes", most)
	}
	return out, nil
}

// also are the names of ECS for fields that Docker adds.
var also = map[string]string{
	"container_id": "container.id", "container_name": "container.name", "image_name": "container.image.name", "command": "process.command_line",
	"logger_name": "log.logger", "thread_name": "process.thread.name",
}

// Parse makes a record of the JSON of a message. Its short text is the data, so that
// the parser of what it holds reads it; the other members are fields, additional
// ones without their underscore.
func Parse(data []byte) (ingest.Record, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(bytes.TrimRight(data, "\x00"), &members); err != nil {
		return ingest.Record{}, fmt.Errorf("the message is no JSON object: %v", err)
	}
	var r ingest.Record
	short, full := text(members["short_message"]), text(members["full_message"])
	if short == "" {
		short, full = full, ""
	}
	if short == "" {
		return r, errors.New("the message has no short_message")
	}
	r.Data = []byte(short)
	r.Time = seconds(text(members["timestamp"]))
	add := func(name, value string) {
		if value != "" {
			r.Fields = append(r.Fields, ingest.Field{Name: name, Value: value})
		}
	}
	add(event.Host, text(members["host"]))
	if level := text(members["level"]); level != "" {
		add(syslog.FieldSeverityCode, level)
		name := syslog.Severity(level)
		add(syslog.FieldSeverity, name)
		add(syslog.FieldLevel, name)
	}
	if full != short {
		add("full_message", full)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch name {
		case "version", "host", "short_message", "full_message", "timestamp", "level":
			continue
		}
		value, plain := text(members[name]), strings.TrimPrefix(name, "_")
		if plain == "" {
			continue
		}
		add(plain, value)
		add(also[plain], value)
	}
	r.Fields = unique(r.Fields)
	return r, nil
}

// unique keeps the first field of each name, and none without one.
func unique(fields []ingest.Field) []ingest.Field {
	seen := map[string]bool{"": true}
	return slices.DeleteFunc(fields, func(f ingest.Field) bool {
		again := seen[f.Name]
		seen[f.Name] = true
		return again
	})
}

// text is a member as a text: a string without its quotes, nothing for null, other
// values as they are written.
func text(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if raw[0] == '"' {
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return s
		}
	}
	return string(raw)
}

// seconds reads a time in seconds since 1970 with a fraction; zero for what is
// none.
func seconds(s string) time.Time {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v <= 0 || v > 1e11 {
		return time.Time{}
	}
	whole, part := math.Modf(v)
	return time.Unix(int64(whole), int64(math.Round(part*1e6))*1e3).UTC() // a float holds microseconds
}
