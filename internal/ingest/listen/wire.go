package listen

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/listen/gelf"
	"github.com/binnaclehq/binnacle/internal/ingest/listen/syslog"
)

// maxMessage bounds a message, a line, an object: what is longer is cut, and says so in
// FieldFlags.
const maxMessage = 1 << 20

// FieldFlags holds "truncated" where a message was cut.
const FieldFlags = "log.flags"

// FieldSender is the address a message came from, which need not be its host.
const FieldSender = "log.source.address"

// batchBytes and batchRecords bound what is handed over at once.
const (
	batchBytes   = 1 << 20
	batchRecords = 1000
)

// protocol is how messages of a scheme are read.
type protocol struct {
	framing
	decode func(message []byte, now time.Time, zone *time.Location) (ingest.Record, error)
}

func protocolOf(scheme string) protocol {
	if strings.HasPrefix(scheme, "gelf") {
		return protocol{framing: nulls{}, decode: func(message []byte, _ time.Time, _ *time.Location) (ingest.Record, error) {
			plain, err := gelf.Unpack(message, maxMessage)
			if err != nil {
				return ingest.Record{}, err
			}
			return gelf.Parse(plain)
		}}
	}
	return protocol{framing: lines{}, decode: func(message []byte, now time.Time, zone *time.Location) (ingest.Record, error) {
		return syslog.Parse(message, now, zone), nil
	}}
}

// read makes a record of a message from a sender, and says to which source it
// belongs. The sender is its host where it names none.
func (p *protocol) read(c *collector, message []byte, sender netip.AddrPort) (ingest.Record, string, error) {
	zone := c.zoneOf(c.sourceOf("", sender.Addr()))
	r, err := p.decode(message, c.cfg.Now(), zone)
	if err != nil {
		return r, "", err
	}
	host := hostOf(r)
	source := c.sourceOf(host, sender.Addr())
	if z := c.zoneOf(source); z.String() != zone.String() { // its host told it to be of another zone
		if r, err = p.decode(message, c.cfg.Now(), z); err != nil {
			return r, "", err
		}
	}
	if sender.IsValid() {
		r.Fields = append(r.Fields, ingest.Field{Name: FieldSender, Value: sender.String()})
		if host == "" {
			r.Fields = append(r.Fields, ingest.Field{Name: syslog.FieldHost, Value: sender.Addr().String()})
		}
	}
	return r, source, nil
}

// unread makes a record of a message that cannot be read, so that it is counted
// with its source as refused.
func (c *collector) unread(message []byte, sender netip.AddrPort, err error) (ingest.Record, string) {
	c.noted(err)
	return ingest.Record{Data: message, Problem: err.Error()}, c.sourceOf("", sender.Addr())
}

func hostOf(r ingest.Record) string {
	for _, f := range r.Fields {
		if f.Name == syslog.FieldHost {
			return f.Value
		}
	}
	return ""
}

// sourceOf is the source of what a machine sends; the one of the collector where
// its URL names it, or none claims the machine.
func (c *collector) sourceOf(host string, from netip.Addr) string {
	if c.cfg.SourceOf != nil && !c.Params.Has("source") {
		if name := c.cfg.SourceOf(c.Org, host, from); name != "" {
			return name
		}
	}
	return c.Source
}

// zoneOf is the zone of times of a source; that of the URL where it names one.
func (c *collector) zoneOf(source string) *time.Location {
	if c.cfg.Zone != nil && !c.Params.Has("zone") {
		if z := c.cfg.Zone(c.Org, source); z != nil {
			return z
		}
	}
	return c.Zone
}

// sorted is records by their source, in the order they came.
type sorted struct {
	sources []string
	by      map[string][]ingest.Record
	n       int
	bytes   int
}

func (s *sorted) add(source string, r ingest.Record) {
	if s.by == nil {
		s.by = map[string][]ingest.Record{}
	}
	if len(s.by[source]) == 0 {
		s.sources = append(s.sources, source)
	}
	s.by[source] = append(s.by[source], r)
	s.n++
	s.bytes += len(r.Data)
}

// full reports whether it is time to hand them over.
func (s *sorted) full() bool { return s.n >= batchRecords || s.bytes >= batchBytes }

// each calls f with the records of each source, and empties s.
func (s *sorted) each(f func(source string, records []ingest.Record) error) error {
	now := *s
	*s = sorted{}
	for _, source := range now.sources {
		if err := f(source, now.by[source]); err != nil {
			return err
		}
	}
	return nil
}

// framing tells where messages end in a stream.
type framing interface {
	// complete reports whether what is buffered holds a whole message, so that
	// next does not wait.
	complete(buffered []byte) bool
	// next reads a message; cut says that it was longer than maxMessage. An error
	// ends the stream, io.EOF between two messages.
	next(r *bufio.Reader) (message []byte, cut bool, err error)
}

// lines is the framing of syslog over TCP: each message either has its length
// before it (RFC 6587 3.4.1) or a newline after it (3.4.2). Each is looked at by
// itself.
type lines struct{}

// maxCount is the most that a length may say. More is a sender that counts
// wrong, whose stream cannot be read any further.
const maxCount = 64 << 20

func (lines) complete(buffered []byte) bool {
	if n, size := counted(buffered); n > 0 {
		return len(buffered) >= size+n
	}
	return bytes.IndexByte(buffered, '\n') >= 0
}

// counted reads "123 <" at the beginning: the length, and how long it is with
// its space; 0 when there is none.
func counted(b []byte) (n, size int) {
	for size < len(b) && size < 9 && b[size] >= '0' && b[size] <= '9' {
		size++
	}
	if size == 0 || b[0] == '0' || len(b) < size+2 || b[size] != ' ' || b[size+1] != '<' {
		return 0, 0
	}
	n, err := strconv.Atoi(string(b[:size]))
	if err != nil {
		return 0, 0
	}
	return n, size + 1
}

func (lines) next(r *bufio.Reader) (message []byte, cut bool, err error) {
	n, size, err := count(r)
	if err != nil {
		return nil, false, err
	}
	if n == 0 {
		return until(r, '\n')
	}
	if n > maxCount {
		return nil, false, fault.New(fault.TooLarge, "a message says that it is %d bytes long", n).WithHint("let the sender count the bytes of each message, or end messages with a newline")
	}
	if _, err := r.Discard(size); err != nil {
		return nil, false, err
	}
	message = make([]byte, min(n, maxMessage))
	if _, err := io.ReadFull(r, message); err != nil {
		return nil, false, within(err)
	}
	if n > maxMessage {
		_, err = r.Discard(n - maxMessage)
		return message, true, within(err)
	}
	return message, false, nil
}

// count peeks a length byte by byte, so that it never waits for more than a
// message holds.
func count(r *bufio.Reader) (n, size int, err error) {
	for i := 1; ; i++ {
		b, err := r.Peek(i)
		if err != nil {
			if i > 1 && errors.Is(err, io.EOF) {
				return 0, 0, nil
			}
			return 0, 0, err
		}
		digit := b[i-1] >= '0' && b[i-1] <= '9'
		if digit && i <= 9 || b[i-1] == ' ' && i > 1 && b[i-2] != ' ' {
			continue
		}
		n, size = counted(b)
		return n, size, nil
	}
}

// within is the error of a stream that ends inside a message.
func within(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// until reads up to an end, which is not part of the message. A stream that ends
// ends its last message too. What is longer than maxMessage is skipped.
func until(r *bufio.Reader, end byte) (message []byte, cut bool, err error) {
	for {
		part, err := r.ReadSlice(end)
		if room := maxMessage + 1 - len(message); len(part) > room {
			part, cut = part[:room], true
		}
		message = append(message, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (len(message) == 0 || !errors.Is(err, io.EOF)) {
			return nil, false, err
		}
		if n := len(message); !cut && message[n-1] == end {
			message = message[:n-1]
		}
		if len(message) > maxMessage {
			message, cut = message[:maxMessage], true
		}
		return message, cut, nil
	}
}

// nulls is the framing of GELF over TCP.
type nulls struct{}

func (nulls) complete(buffered []byte) bool { return bytes.IndexByte(buffered, 0) >= 0 }

func (nulls) next(r *bufio.Reader) (message []byte, cut bool, err error) { return until(r, 0) }
