package post

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/eventfile"
)

// lines takes a body of lines, each a record of the source's format; or of JSON
// objects on many lines, in an array, or in the Records of CloudTrail. What has up
// to 4 MiB is taken all or nothing, more in parts of that size.
func (c Config) lines(w http.ResponseWriter, r *http.Request) error {
	b, err := batch(r)
	if err != nil {
		return err
	}
	body, err := unpacked(r)
	if err != nil {
		return err
	}
	defer body.Close()
	p := spare.Get().(*parts)
	defer p.free()
	var a answer
	p.take = func(records []ingest.Record) error {
		b.Records = records
		got, err := c.Taker.Take(r.Context(), b)
		if err == nil {
			a.add(got)
		}
		return err
	}
	return a.send(w, p.read(&limited{in: body, left: maxPlain}))
}

// parts cuts a body into records and gives them on in parts.
type parts struct {
	take    func([]ingest.Record) error
	records []ingest.Record
	buf     []byte
	in      *bufio.Reader // of the body
}

// spare are parts whose memory is used again: what Take has taken it has copied.
var spare = sync.Pool{New: func() any { return newParts() }}

func newParts() *parts { return &parts{in: bufio.NewReaderSize(nil, 256<<10)} }

// mostSpare is how many bytes and records are kept for the next request.
const mostSpare = 2 * part

func (p *parts) free() {
	p.take = nil
	p.in.Reset(nil)
	clear(p.records[:cap(p.records)])
	p.records, p.buf = p.records[:0], p.buf[:0]
	if cap(p.buf) <= mostSpare && cap(p.records) <= perPart {
		spare.Put(p)
	}
}

// objects is how a body begins whose records are not lines. A bracket alone does not
// tell: lines of Apache begin with their time in brackets.
var objects = regexp.MustCompile(`^\s*(\[\s*([\[{\]"]|-?[0-9.]+\s*,|true\b|false\b|null\b|$)|\{\s*\n|\{\s*"Records"\s*:\s*\[)`)

func (p *parts) read(body io.Reader) error {
	in := p.in
	in.Reset(body)
	head, _ := in.Peek(512)
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		in = bufio.NewReaderSize(transform.NewReader(in, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()), in.Size())
		head, _ = in.Peek(512)
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		in.Discard(3)
		head = head[3:]
	}
	var err error
	if objects.Match(head) {
		err = p.readObjects(in)
	} else {
		err = p.readLines(in)
	}
	if err != nil {
		return err
	}
	return p.flush()
}

// readObjects reads what is not one record a line.
func (p *parts) readObjects(in io.Reader) error {
	var failed error
	err := eventfile.Read(in, func(e eventfile.Event) error {
		if failed == nil {
			failed = p.add(e.JSON)
		}
		return failed
	}, func(bad eventfile.Problem) {
		if failed == nil { // it is refused in its place
			failed = p.keep(ingest.Record{Problem: fmt.Sprintf("Line %d: %s.", bad.Line, bad.Why)})
		}
	})
	if failed != nil || err == nil {
		return failed
	}
	return unreadable(err)
}

func (p *parts) readLines(in *bufio.Reader) error {
	for {
		line, err := p.line(in)
		if err != nil && err != io.EOF {
			return unreadable(err)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if err := p.keep(ingest.Record{Data: line}); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// line reads a line into the buffer; of one that is longer than an event may be,
// only as much as shows that.
func (p *parts) line(in *bufio.Reader) ([]byte, error) {
	start := len(p.buf)
	for {
		piece, err := in.ReadSlice('\n')
		if room := ingest.MaxEvent + 1 - (len(p.buf) - start); len(piece) > room {
			piece = piece[:room]
		}
		p.buf = append(p.buf, piece...)
		if err == bufio.ErrBufferFull {
			continue
		}
		line := p.buf[start:]
		if n := len(line); n > 0 && line[n-1] == '\n' {
			line = line[:n-1]
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		return line, err
	}
}

// add copies a record.
func (p *parts) add(data []byte) error {
	start := len(p.buf)
	p.buf = append(p.buf, data...)
	return p.keep(ingest.Record{Data: p.buf[start:]})
}

// keep takes a record that lies at the end of the buffer, which may have moved.
func (p *parts) keep(r ingest.Record) error {
	p.records = append(p.records, r)
	if len(p.buf) < part && len(p.records) < perPart {
		return nil
	}
	return p.flush()
}

func (p *parts) flush() error {
	if len(p.records) == 0 {
		return nil
	}
	err := p.take(p.records)
	p.records, p.buf = p.records[:0], p.buf[:0]
	return err
}

// limited bounds what a body is unpacked to.
type limited struct {
	in   io.Reader
	left int64
}

func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, fault.New(fault.TooLarge, "The body has more than %d GiB when it is unpacked.", maxPlain>>30).Coded("ingest.body").WithHint("send it in parts")
	}
	n, err := l.in.Read(b[:min(int64(len(b)), l.left)])
	l.left -= int64(n)
	return n, err
}
