package parser

import (
	"encoding/binary"
	"unicode/utf16"
)

// utf16Text is UTF-16 as UTF-8. A last odd byte is nothing.
func utf16Text(data []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, 0, len(data)/2)
	for ; len(data) >= 2; data = data[2:] {
		units = append(units, order.Uint16(data))
	}
	return []byte(string(utf16.Decode(units)))
}
