package otlp

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/ingest/parser"
)

type kind byte

const (
	kindNone kind = iota
	kindText
	kindBool
	kindInt
	kindDouble
	kindBytes
	kindList
	kindMap
)

// value is an AnyValue.
type value struct {
	kind    kind
	str     string // of kindText and kindBytes
	num     int64  // of kindInt, and 1 for true
	double  float64
	list    []value
	members []pair
}

// data is the value as the data of a record: a text as it is, a map as a JSON
// object, and an object without members for nothing, so that what the fields
// say is an event too.
func (v value) data() []byte {
	if v.kind == kindNone || v.kind == kindText && v.str == "" {
		return []byte("{}")
	}
	return []byte(v.text())
}

// text is the value as the value of a field.
func (v value) text() string {
	switch v.kind {
	case kindNone:
		return ""
	case kindText:
		return v.str
	case kindBytes:
		if utf8.ValidString(v.str) {
			return v.str
		}
		return base64.StdEncoding.EncodeToString([]byte(v.str))
	case kindDouble:
		return strconv.FormatFloat(v.double, 'g', -1, 64)
	}
	return string(v.appendJSON(nil))
}

// appendJSON appends the value as JSON. Numbers that JSON does not know are
// texts.
func (v value) appendJSON(b []byte) []byte {
	switch v.kind {
	case kindText:
		return parser.AppendString(b, v.str)
	case kindBytes:
		return parser.AppendString(b, v.text())
	case kindBool:
		return strconv.AppendBool(b, v.num != 0)
	case kindInt:
		return strconv.AppendInt(b, v.num, 10)
	case kindDouble:
		if math.IsNaN(v.double) || math.IsInf(v.double, 0) {
			return parser.AppendString(b, v.text())
		}
		return strconv.AppendFloat(b, v.double, 'g', -1, 64)
	case kindList:
		b = append(b, '[')
		for i, x := range v.list {
			if i > 0 {
				b = append(b, ',')
			}
			b = x.appendJSON(b)
		}
		return append(b, ']')
	case kindMap:
		b = append(b, '{')
		for i, m := range v.members {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(parser.AppendString(b, m.name), ':')
			b = m.value.appendJSON(b)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}
