// Package wire reads messages of protobuf field by field, as they come over the
// network.
package wire

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field is a field of a message: its number in the message, and a number or bytes.
type Field struct {
	N      int
	Number uint64
	Bytes  []byte // within the message
}

// Each calls f with the fields of a message, in order. Groups, which nobody writes
// any more, have neither a number nor bytes.
func Each(data []byte, f func(Field) error) error {
	for len(data) > 0 {
		n, form, size := protowire.ConsumeTag(data)
		if size < 0 {
			return errors.New("a field has no number")
		}
		data = data[size:]
		v := Field{N: int(n)}
		switch form {
		case protowire.VarintType:
			v.Number, size = protowire.ConsumeVarint(data)
		case protowire.Fixed64Type:
			v.Number, size = protowire.ConsumeFixed64(data)
		case protowire.Fixed32Type:
			var x uint32
			x, size = protowire.ConsumeFixed32(data)
			v.Number = uint64(x)
		case protowire.BytesType:
			v.Bytes, size = protowire.ConsumeBytes(data)
		default:
			size = protowire.ConsumeFieldValue(n, form, data)
		}
		if size < 0 {
			return errors.New("it ends within a field")
		}
		data = data[size:]
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}
