package backup

import (
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// holders returns a value for each column to scan a row into, and pointers to
// them for Scan.
func holders(columns []column) (values, targets []any) {
	for _, c := range columns {
		var target any
		switch c.Type {
		case integers:
			target = new(sql.NullInt64)
		case floats:
			target = new(sql.NullFloat64)
		case texts:
			target = new(sql.NullString)
		default:
			target = new(any) // the SQLite driver gives nil for an empty blob, which a []byte cannot tell from NULL
		}
		values, targets = append(values, target), append(targets, target)
	}
	return values, targets
}

// appendRow appends a row as a JSON array. Bytes are base64; a text that is not
// UTF-8, which only SQLite holds, is base64 in an array of its own; an infinite
// number is a string.
func appendRow(b []byte, columns []column, values []any) ([]byte, error) {
	b = append(b, '[')
	for i := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendValue(b, values[i]); err != nil {
			return nil, fmt.Errorf("column %s: %w", columns[i].Name, err)
		}
	}
	return append(b, ']'), nil
}

func appendValue(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case *sql.NullInt64:
		if v.Valid {
			return strconv.AppendInt(b, v.Int64, 10), nil
		}
	case *sql.NullFloat64:
		if v.Valid {
			return appendFloat(b, v.Float64), nil
		}
	case *sql.NullString:
		if v.Valid {
			return appendText(b, v.String)
		}
	case *any:
		if bytes, ok := (*v).([]byte); ok {
			return appendBase64(b, bytes), nil
		}
		if *v != nil {
			return nil, fmt.Errorf("a value is %T, not bytes", *v)
		}
	}
	return append(b, "null"...), nil
}

func appendFloat(b []byte, f float64) []byte {
	if f-f != 0 { // infinite, or not a number
		return strconv.AppendQuote(b, strconv.FormatFloat(f, 'g', -1, 64))
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}

func appendText(b []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return append(appendBase64(append(b, '['), []byte(s)), ']'), nil
	}
	text, err := json.Marshal(s)
	return append(b, text...), err
}

func appendBase64(b, value []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(b, '"'), value), '"')
}

// parseRow reads what appendRow wrote, into values that a statement takes.
func parseRow(text []byte, columns []column) ([]any, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	if len(raw) != len(columns) {
		return nil, fmt.Errorf("a row has %d values for %d columns", len(raw), len(columns))
	}
	values := make([]any, len(raw))
	for i, r := range raw {
		var err error
		if values[i], err = parseValue(r, columns[i].Type); err != nil {
			return nil, fmt.Errorf("column %s: %w", columns[i].Name, err)
		}
	}
	return values, nil
}

func parseValue(r json.RawMessage, k kind) (any, error) {
	if string(r) == "null" {
		return nil, nil
	}
	switch k {
	case integers:
		return strconv.ParseInt(string(r), 10, 64)
	case floats:
		if text, err := strconv.Unquote(string(r)); err == nil {
			return strconv.ParseFloat(text, 64)
		}
		return strconv.ParseFloat(string(r), 64)
	case texts:
		return parseText(r)
	case bytes_:
		var b []byte
		err := json.Unmarshal(r, &b)
		return b, err
	}
	return nil, fmt.Errorf("unknown type %q", k)
}

func parseText(r json.RawMessage) (any, error) {
	if r[0] != '[' {
		var s string
		err := json.Unmarshal(r, &s)
		return s, err
	}
	var parts [][]byte
	if err := json.Unmarshal(r, &parts); err != nil {
		return nil, err
	}
	if len(parts) != 1 {
		return nil, errors.New("a text is one value")
	}
	return string(parts[0]), nil
}
