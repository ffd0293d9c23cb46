package otlp

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// The form of JSON is that of protobuf with three differences: ids are hex, names
// are in camel case, and numbers of 64 bits may be texts.

type jsonRequest struct {
	ResourceLogs []struct {
		Resource  struct{ Attributes []jsonPair }
		ScopeLogs []struct {
			Scope struct {
				Name, Version string
				Attributes    []jsonPair
			}
			LogRecords []jsonRecord
		}
	}
}

type jsonRecord struct {
	TimeUnixNano, ObservedTimeUnixNano jsonUint
	SeverityNumber                     int64
	SeverityText, EventName            string
	Body                               *jsonValue
	Attributes                         []jsonPair
	TraceID, SpanID                    string
}

type jsonPair struct {
	Key   string
	Value *jsonValue
}

type jsonValue struct {
	StringValue *string
	BoolValue   *bool
	IntValue    *jsonInt
	DoubleValue *jsonDouble
	BytesValue  *string
	ArrayValue  *struct{ Values []jsonValue }
	KvlistValue *struct{ Values []jsonPair }
}

func (r *reader) json(data []byte) error {
	var req jsonRequest
	if err := json.Unmarshal(data, &req); err != nil {
		return fault.New(fault.Invalid, "the request is no ExportLogsServiceRequest in JSON: %v", err).WithHint(`it looks like {"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"…"}}]}]}]}`)
	}
	for _, rl := range req.ResourceLogs {
		attributes, err := pairsOf(rl.Resource.Attributes, 0)
		if err != nil {
			return err
		}
		in := resource(attributes)
		for _, sl := range rl.ScopeLogs {
			attributes, err := pairsOf(sl.Scope.Attributes, 0)
			if err != nil {
				return err
			}
			a := in.scope(sl.Scope.Name, sl.Scope.Version, attributes)
			for _, l := range sl.LogRecords {
				if err := r.addJSON(&l, a); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (r *reader) addJSON(j *jsonRecord, a around) (err error) {
	l := logRecord{time: uint64(j.TimeUnixNano), observed: uint64(j.ObservedTimeUnixNano), number: j.SeverityNumber, severity: j.SeverityText, name: j.EventName,
		trace: strings.ToLower(j.TraceID), span: strings.ToLower(j.SpanID)}
	if l.attributes, err = pairsOf(j.Attributes, 0); err != nil {
		return err
	}
	if l.body, err = j.Body.value(0); err != nil {
		return err
	}
	return r.add(&l, a)
}

func pairsOf(list []jsonPair, depth int) ([]pair, error) {
	out := make([]pair, 0, len(list))
	for _, p := range list {
		v, err := p.Value.value(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, pair{p.Key, v})
	}
	return out, nil
}

func (v *jsonValue) value(depth int) (out value, err error) {
	if depth > maxDepth {
		return out, tooDeep()
	}
	switch {
	case v == nil:
	case v.StringValue != nil:
		out = value{kind: kindText, str: *v.StringValue}
	case v.BoolValue != nil:
		out = value{kind: kindBool}
		if *v.BoolValue {
			out.num = 1
		}
	case v.IntValue != nil:
		out = value{kind: kindInt, num: int64(*v.IntValue)}
	case v.DoubleValue != nil:
		out = value{kind: kindDouble, double: float64(*v.DoubleValue)}
	case v.BytesValue != nil:
		raw, err := base64.StdEncoding.DecodeString(*v.BytesValue)
		if err != nil {
			return out, fault.New(fault.Invalid, "a bytesValue is no base64: %v", err).WithHint("send texts as stringValue")
		}
		out = value{kind: kindBytes, str: string(raw)}
	case v.ArrayValue != nil:
		out = value{kind: kindList}
		for _, x := range v.ArrayValue.Values {
			inner, err := x.value(depth + 1)
			if err != nil {
				return out, err
			}
			out.list = append(out.list, inner)
		}
	case v.KvlistValue != nil:
		out = value{kind: kindMap}
		out.members, err = pairsOf(v.KvlistValue.Values, depth+1)
	}
	return out, err
}

// unquoted is a number that may be written as a text.
func unquoted(data []byte) string { return strings.Trim(string(data), `"`) }

type jsonUint uint64

func (n *jsonUint) UnmarshalJSON(data []byte) error {
	v, err := strconv.ParseUint(unquoted(data), 10, 64)
	if err != nil {
		return fmt.Errorf("%s is no time in nanoseconds", data)
	}
	*n = jsonUint(v)
	return nil
}

type jsonInt int64

func (n *jsonInt) UnmarshalJSON(data []byte) error {
	v, err := strconv.ParseInt(unquoted(data), 10, 64)
	if err != nil {
		return fmt.Errorf("the intValue %s is no whole number", data)
	}
	*n = jsonInt(v)
	return nil
}

type jsonDouble float64

func (n *jsonDouble) UnmarshalJSON(data []byte) error {
	switch text := unquoted(data); text {
	case "Infinity":
		*n = jsonDouble(math.Inf(1))
	case "-Infinity":
		*n = jsonDouble(math.Inf(-1))
	default:
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("the doubleValue %s is no number", data)
		}
		*n = jsonDouble(v)
	}
	return nil
}
