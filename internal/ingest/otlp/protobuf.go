package otlp

import (
	"encoding/hex"
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// The numbers of fields below are those of opentelemetry/proto/logs/v1/logs.proto
// and what it imports.

func (r *reader) protobuf(data []byte) error {
	err := each(data, func(n protowire.Number, f field) error {
		if n != 1 {
			return nil
		}
		return r.resourceLogs(f.bytes)
	})
	if err == nil || fault.KindOf(err) != fault.Internal {
		return err
	}
	return fault.New(fault.Invalid, "the request is no ExportLogsServiceRequest in protobuf: %v", err).WithHint("send logs to this address, as application/x-protobuf, or JSON as application/json")
}

func (r *reader) resourceLogs(data []byte) error {
	var attributes []pair
	var scopes [][]byte
	err := each(data, func(n protowire.Number, f field) (err error) {
		switch n {
		case 1:
			attributes, err = attributesAt(f.bytes, 1)
		case 2:
			scopes = append(scopes, f.bytes)
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
	var name, version string
	var attributes []pair
	var records [][]byte
	err := each(data, func(n protowire.Number, f field) error {
		switch n {
		case 1:
			return each(f.bytes, func(n protowire.Number, f field) (err error) {
				switch n {
				case 1:
					name = string(f.bytes)
				case 2:
					version = string(f.bytes)
				case 3:
					attributes, err = appendPair(attributes, f.bytes, 0)
				}
				return err
			})
		case 2:
			records = append(records, f.bytes)
		}
		return nil
	})
	if err != nil {
		return err
	}
	a = a.scope(name, version, attributes)
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

func decodeRecord(data []byte) (l logRecord, err error) {
	return l, each(data, func(n protowire.Number, f field) (err error) {
		switch n {
		case 1:
			l.time = f.number
		case 2:
			l.number = int64(f.number)
		case 3:
			l.severity = string(f.bytes)
		case 5:
			l.body, err = decodeValue(f.bytes, 0)
		case 6:
			l.attributes, err = appendPair(l.attributes, f.bytes, 0)
		case 9:
			l.trace = hex.EncodeToString(f.bytes)
		case 10:
			l.span = hex.EncodeToString(f.bytes)
		case 11:
			l.observed = f.number
		case 12:
			l.name = string(f.bytes)
		}
		return err
	})
}

// attributesAt reads the attributes of a message that has them at a number.
func attributesAt(data []byte, at protowire.Number) (out []pair, err error) {
	return out, each(data, func(n protowire.Number, f field) (err error) {
		if n == at {
			out, err = appendPair(out, f.bytes, 0)
		}
		return err
	})
}

// appendPair reads a KeyValue.
func appendPair(out []pair, data []byte, depth int) ([]pair, error) {
	var p pair
	err := each(data, func(n protowire.Number, f field) (err error) {
		switch n {
		case 1:
			p.name = string(f.bytes)
		case 2:
			p.value, err = decodeValue(f.bytes, depth)
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
	return v, each(data, func(n protowire.Number, f field) (err error) {
		switch n {
		case 1:
			v = value{kind: kindText, str: string(f.bytes)}
		case 2:
			v = value{kind: kindBool, num: int64(min(f.number, 1))}
		case 3:
			v = value{kind: kindInt, num: int64(f.number)}
		case 4:
			v = value{kind: kindDouble, double: math.Float64frombits(f.number)}
		case 5:
			v = value{kind: kindList}
			err = each(f.bytes, func(n protowire.Number, f field) error {
				if n != 1 {
					return nil
				}
				x, err := decodeValue(f.bytes, depth+1)
				v.list = append(v.list, x)
				return err
			})
		case 6:
			v = value{kind: kindMap}
			err = each(f.bytes, func(n protowire.Number, f field) (err error) {
				if n == 1 {
					v.members, err = appendPair(v.members, f.bytes, depth+1)
				}
				return err
			})
		case 7:
			v = value{kind: kindBytes, str: string(f.bytes)}
		}
		return err
	})
}

func tooDeep() error {
	return fault.New(fault.Invalid, "a value is nested deeper than %d", maxDepth).WithHint("send it as text")
}

// field is a field of a message as it is on the wire: a number, or bytes.
type field struct {
	number uint64
	bytes  []byte
}

// each calls f with the fields of a message, in order.
func each(data []byte, f func(protowire.Number, field) error) error {
	for len(data) > 0 {
		n, form, size := protowire.ConsumeTag(data)
		if size < 0 {
			return errors.New("a field has no number")
		}
		data = data[size:]
		var v field
		switch form {
		case protowire.VarintType:
			v.number, size = protowire.ConsumeVarint(data)
		case protowire.Fixed64Type:
			v.number, size = protowire.ConsumeFixed64(data)
		case protowire.Fixed32Type:
			var x uint32
			x, size = protowire.ConsumeFixed32(data)
			v.number = uint64(x)
		case protowire.BytesType:
			v.bytes, size = protowire.ConsumeBytes(data)
		default:
			size = protowire.ConsumeFieldValue(n, form, data)
		}
		if size < 0 {
			return errors.New("it ends within a field")
		}
		data = data[size:]
		if err := f(n, v); err != nil {
			return err
		}
	}
	return nil
}
