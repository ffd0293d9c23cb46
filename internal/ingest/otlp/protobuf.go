package otlp

import (
	"encoding/hex"
	"math"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest/wire"
)

// The numbers of fields below are those of opentelemetry/proto/logs/v1/logs.proto
// and what it imports.

func (r *reader) protobuf(data []byte) error {
	err := wire.Each(data, func(f wire.Field) error {
		if f.N != 1 {
			return nil
		}
		return r.resourceLogs(f.Bytes)
	})
	if err == nil || fault.KindOf(err) != fault.Internal {
		return err
	}
	return fault.New(fault.Invalid, "the request is no ExportLogsServiceRequest in protobuf: %v", err).WithHint("send logs to this address, as application/x-protobuf, or JSON as application/json")
}

func (r *reader) resourceLogs(data []byte) error {
	var attributes []pair
	var scopes [][]byte
	err := wire.Each(data, func(f wire.Field) (err error) {
		switch f.N {
		case 1:
			attributes, err = pairsAt(f.Bytes, 1, 0)
		case 2:
			scopes = append(scopes, f.Bytes)
		}
		return err
	})
	if err != nil {
		return err
	}
	a := resource(attributes)
	for _, s := range scopes {
		if err := r.scopeLogs(s, a); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) scopeLogs(data []byte, a around) error {
	var records [][]byte
	var own scope
	err := wire.Each(data, func(f wire.Field) (err error) {
		switch f.N {
		case 1:
			err = own.read(f.Bytes)
		case 2:
			records = append(records, f.Bytes)
		}
		return err
	})
	if err != nil {
		return err
	}
	a = a.scope(own.name, own.version, own.attributes)
	for _, data := range records {
		l, err := decodeRecord(data)
		if err == nil {
			err = r.add(&l, a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scope is an InstrumentationScope.
type scope struct {
	name, version string
	attributes    []pair
}

func (s *scope) read(data []byte) error {
	return wire.Each(data, func(f wire.Field) (err error) {
		switch f.N {
		case 1:
			s.name = string(f.Bytes)
		case 2:
			s.version = string(f.Bytes)
		case 3:
			s.attributes, err = appendPair(s.attributes, f.Bytes, 0)
		}
		return err
	})
}

func decodeRecord(data []byte) (l logRecord, err error) {
	err = wire.Each(data, func(f wire.Field) (err error) {
		switch f.N {
		case 1:
			l.time = f.Number
		case 2:
			l.number = int64(f.Number)
		case 3:
			l.severity = string(f.Bytes)
		case 5:
			l.body, err = decodeValue(f.Bytes, 0)
		case 6:
			l.attributes, err = appendPair(l.attributes, f.Bytes, 0)
		case 9:
			l.trace = hex.EncodeToString(f.Bytes)
		case 10:
			l.span = hex.EncodeToString(f.Bytes)
		case 11:
			l.observed = f.Number
		case 12:
			l.name = string(f.Bytes)
		}
		return err
	})
	return l, err
}

// pairsAt reads the KeyValues of a message that has them at a number.
func pairsAt(data []byte, at, depth int) (out []pair, err error) {
	err = wire.Each(data, func(f wire.Field) (err error) {
		if f.N == at {
			out, err = appendPair(out, f.Bytes, depth)
		}
		return err
	})
	return out, err
}

// appendPair reads a KeyValue.
func appendPair(out []pair, data []byte, depth int) ([]pair, error) {
	var p pair
	err := wire.Each(data, func(f wire.Field) (err error) {
		switch f.N {
		case 1:
			p.name = string(f.Bytes)
		case 2:
			p.value, err = decodeValue(f.Bytes, depth)
		}
		return err
	})
	return append(out, p), err
}

// decodeValue reads an AnyValue.
func decodeValue(data []byte, depth int) (v value, err error) {
	if depth > maxDepth {
		return v, tooDeep()
	}
	err = wire.Each(data, func(f wire.Field) (err error) {
		switch f.N {
		case 1:
			v = value{kind: kindText, str: string(f.Bytes)}
		case 2:
			v = value{kind: kindBool, num: int64(min(f.Number, 1))}
		case 3:
			v = value{kind: kindInt, num: int64(f.Number)}
		case 4:
			v = value{kind: kindDouble, double: math.Float64frombits(f.Number)}
		case 5:
			v = value{kind: kindList}
			v.list, err = decodeList(f.Bytes, depth+1)
		case 6:
			v = value{kind: kindMap}
			v.members, err = pairsAt(f.Bytes, 1, depth+1)
		case 7:
			v = value{kind: kindBytes, str: string(f.Bytes)}
		}
		return err
	})
	return v, err
}

// decodeList reads an ArrayValue.
func decodeList(data []byte, depth int) (out []value, err error) {
	err = wire.Each(data, func(f wire.Field) error {
		if f.N != 1 {
			return nil
		}
		x, err := decodeValue(f.Bytes, depth)
		out = append(out, x)
		return err
	})
	return out, err
}

func tooDeep() error {
	return fault.New(fault.Invalid, "a value is nested deeper than %d", maxDepth).WithHint("send it as text")
}
