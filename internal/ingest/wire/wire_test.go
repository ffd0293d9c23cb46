package wire

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// message has a field of each form.
func message() []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 300)
	b = protowire.AppendFixed64(protowire.AppendTag(b, 2, protowire.Fixed64Type), math.MaxUint64)
	b = protowire.AppendFixed32(protowire.AppendTag(b, 3, protowire.Fixed32Type), 7)
	b = protowire.AppendString(protowire.AppendTag(b, 4, protowire.BytesType), "text")
	b = protowire.AppendVarint(protowire.AppendTag(protowire.AppendTag(b, 5, protowire.StartGroupType), 1, protowire.VarintType), 1)
	b = protowire.AppendTag(b, 5, protowire.EndGroupType)
	return protowire.AppendString(protowire.AppendTag(b, 1000, protowire.BytesType), "")
}

func told(data []byte) (got []string, err error) {
	err = Each(data, func(f Field) error {
		got = append(got, fmt.Sprintf("%d %d %q", f.N, f.Number, f.Bytes))
		return nil
	})
	return got, err
}

func TestEach(t *testing.T) {
	want := []string{`1 300 ""`, fmt.Sprintf(`2 %d ""`, uint64(math.MaxUint64)), `3 7 ""`, `4 0 "text"`, `5 0 ""`, `1000 0 ""`}
	got, err := told(message())
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if got, err := told(nil); err != nil || got != nil {
		t.Errorf("an empty message: %q, %v", got, err)
	}
	for _, bad := range [][]byte{{0x08}, {0x00}, {0x22, 5, 'a'}, {0x0d, 1}, bytes.Repeat([]byte{0xff}, 11)} {
		if got, err := told(bad); err == nil {
			t.Errorf("%x gives %q", bad, got)
		}
	}
}

// An error of f ends the message.
func TestEachEnds(t *testing.T) {
	n := 0
	err := Each(message(), func(Field) error { n++; return fmt.Errorf("enough") })
	if n != 1 || err == nil || err.Error() != "enough" {
		t.Errorf("%d fields, %v", n, err)
	}
}

func FuzzEach(f *testing.F) {
	f.Add(message())
	f.Add([]byte{0x08})
	f.Fuzz(func(t *testing.T, data []byte) {
		Each(data, func(f Field) error {
			if f.N < 1 || len(f.Bytes) > len(data) {
				t.Errorf("%x has the field %d of %d bytes", data, f.N, len(f.Bytes))
			}
			return nil
		})
	})
}
