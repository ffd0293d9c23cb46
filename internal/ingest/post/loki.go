package post

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/wire"
)

// loki takes a push of Loki, as JSON or as protobuf, all or nothing.
func (c Config) loki(w http.ResponseWriter, r *http.Request) error {
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "snappy") {
		r.Header.Del("Content-Encoding") // protobuf is always packed so; some senders say it, too
	}
	b, data, done, err := c.request(r)
	if err != nil {
		return err
	}
	defer done()
	if media(r) == "application/json" {
		b.Records, err = lokiJSON(data)
	} else {
		b.Records, err = lokiPacked(data)
	}
	var said *fault.Error
	if errors.As(err, &said) {
		return err
	}
	if err != nil {
		return &fault.Error{Kind: fault.Invalid, Code: "ingest.loki", Msg: "This is no push of Loki.", Hint: "send JSON with Content-Type: application/json, or snappy and protobuf", Err: err}
	}
	got, err := c.Taker.Take(r.Context(), b)
	if err != nil {
		return wait(w, err)
	}
	if len(got.Rejected) > 0 { // Loki, too, answers 400 when it has refused a part: it is not sent again
		var a answer
		a.add(got)
		return write(w, http.StatusBadRequest, a)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// stream is the lines of one set of labels.
type stream struct {
	name   string
	fields []ingest.Field
}

// maxLabels bounds the labels of a stream as they are written: each of its lines is
// known by them, and has them as fields.
const maxLabels = 64 << 10

// push is the records of a request.
type push struct {
	records []ingest.Record
	fields  int
}

// add adds a record, unless they are too many.
func (p *push) add(r ingest.Record) error {
	if p.fields += len(r.Fields); p.fields > 8*ingest.MaxRecords || len(p.records) >= ingest.MaxRecords {
		return tooMany()
	}
	p.records = append(p.records, r)
	return nil
}

// hostLabels are labels that name a machine.
var hostLabels = []string{"host", "hostname", "nodename", "node_name"}

func newStream(name string, labels []ingest.Field) (stream, error) {
	s := stream{name: name, fields: labels}
	if len(name) > maxLabels {
		return s, fault.New(fault.TooLarge, "The labels of a stream have %d bytes; they may have %d.", len(name), maxLabels).Coded("ingest.labels").WithHint("send what differs from line to line in the line")
	}
	for _, label := range hostLabels {
		for _, f := range labels {
			if f.Name == label {
				s.fields = append(s.fields, ingest.Field{Name: event.Host, Value: f.Value})
				return s, nil
			}
		}
	}
	return s, nil
}

// record makes a record of an entry. As in Loki, a line with the same labels
// and the same time is the same event.
func (s stream) record(at time.Time, line []byte, more []ingest.Field) ingest.Record {
	h := sha256.New()
	h.Write([]byte(s.name))
	h.Write(strconv.AppendInt([]byte{0}, at.UnixNano(), 10))
	h.Write([]byte{0})
	h.Write(line)
	fields := s.fields
	if len(more) > 0 {
		fields = append(append([]ingest.Field{}, more...), s.fields...)
	}
	return ingest.Record{Data: line, Time: at, Fields: fields, ID: "loki-" + hex.EncodeToString(h.Sum(nil)[:16])}
}

// lokiJSON reads {"streams":[{"stream":{…},"values":[["time","line",{…}],…]}]}.
func lokiJSON(data []byte) ([]ingest.Record, error) {
	var p fastjson.Parser // not pooled: records point into it
	v, err := p.ParseBytes(data)
	if err != nil {
		return nil, err
	}
	var out push
	for _, sv := range v.GetArray("streams") {
		o := sv.GetObject("stream")
		if o == nil {
			return nil, errors.New("a stream has no labels")
		}
		s, err := newStream(o.String(), fieldsOf(o))
		if err != nil {
			return nil, err
		}
		for _, value := range sv.GetArray("values") {
			pair, err := value.Array()
			if err != nil || len(pair) < 2 || len(pair) > 3 || pair[1].Type() != fastjson.TypeString {
				return nil, errors.New("a value is not a time and a line")
			}
			n, err := strconv.ParseInt(string(pair[0].GetStringBytes()), 10, 64)
			if err != nil {
				return nil, errors.New("a time is not a text of nanoseconds")
			}
			var more []ingest.Field
			if len(pair) == 3 {
				more = fieldsOf(pair[2].GetObject())
			}
			if err := out.add(s.record(time.Unix(0, n), pair[1].GetStringBytes(), more)); err != nil {
				return nil, err
			}
		}
	}
	return out.records, nil
}

func fieldsOf(o *fastjson.Object) (out []ingest.Field) {
	if o == nil {
		return nil
	}
	o.Visit(func(key []byte, v *fastjson.Value) {
		if v.Type() == fastjson.TypeString {
			out = append(out, ingest.Field{Name: string(key), Value: string(v.GetStringBytes())})
		}
	})
	return out
}

// lokiPacked reads a PushRequest: streams (1), each with labels (1) and entries
// (2), each with a time (1), a line (2) and pairs (3).
func lokiPacked(data []byte) ([]ingest.Record, error) {
	if n, err := snappy.DecodedLen(data); err != nil || n > maxWhole {
		return nil, errors.New("the body is not packed with snappy, or is too large")
	}
	data, err := snappy.Decode(nil, data)
	if err != nil {
		return nil, err
	}
	var out push
	err = wire.Each(data, func(f wire.Field) error {
		if f.N != 1 {
			return nil
		}
		return lokiStream(f.Bytes, &out)
	})
	return out.records, err
}

func lokiStream(data []byte, out *push) error {
	var s stream
	return wire.Each(data, func(f wire.Field) error {
		switch f.N {
		case 1:
			labels, err := lokiLabels(string(f.Bytes))
			if err == nil {
				s, err = newStream(string(f.Bytes), labels)
			}
			return err
		case 2:
			at, line, more, err := lokiEntry(f.Bytes)
			if err == nil {
				err = out.add(s.record(at, line, more))
			}
			return err
		}
		return nil
	})
}

func lokiEntry(data []byte) (at time.Time, line []byte, more []ingest.Field, err error) {
	err = wire.Each(data, func(f wire.Field) (err error) {
		switch f.N {
		case 1:
			at, err = lokiTime(f.Bytes)
		case 2:
			line = f.Bytes
		case 3:
			var pair ingest.Field
			pair, err = lokiPair(f.Bytes)
			more = append(more, pair)
		}
		return err
	})
	return at, line, more, err
}

// lokiTime reads seconds (1) and nanoseconds (2).
func lokiTime(data []byte) (time.Time, error) {
	var seconds, nanos int64
	err := wire.Each(data, func(f wire.Field) error {
		switch f.N {
		case 1:
			seconds = int64(f.Number)
		case 2:
			nanos = int64(f.Number)
		}
		return nil
	})
	return time.Unix(seconds, nanos), err
}

// lokiPair reads a name (1) and a value (2).
func lokiPair(data []byte) (pair ingest.Field, err error) {
	err = wire.Each(data, func(f wire.Field) error {
		switch f.N {
		case 1:
			pair.Name = string(f.Bytes)
		case 2:
			pair.Value = string(f.Bytes)
		}
		return nil
	})
	return pair, err
}

// lokiLabels reads {name="value", other="value"}.
func lokiLabels(text string) (out []ingest.Field, err error) {
	text = strings.TrimSpace(text)
	text, ok := strings.CutPrefix(text, "{")
	if !ok || !strings.HasSuffix(text, "}") {
		return nil, errors.New("labels stand in braces")
	}
	text = text[:len(text)-1]
	for strings.TrimSpace(text) != "" {
		name, rest, found := strings.Cut(text, "=")
		value, err := strconv.QuotedPrefix(rest)
		if !found || err != nil {
			return nil, errors.New("a label is not name=\"value\"")
		}
		plain, err := strconv.Unquote(value)
		if err != nil {
			return nil, err
		}
		out = append(out, ingest.Field{Name: strings.TrimSpace(name), Value: plain})
		text = strings.TrimLeft(rest[len(value):], ", ")
	}
	return out, nil
}
