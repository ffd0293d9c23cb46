// Package json reads events that are JSON objects already.
package json

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/sigma"
)

// Format is the format of JSON objects.
var Format = &parser.Format{
	Name:  "json",
	Title: lang.T("JSON", "JSON"),
	Doc:   lang.T("One JSON object an event, with any fields.", "Un objeto JSON por evento, con cualesquiera campos."),
	Parse: parse,
	Is: func(data []byte, _ *parser.Env) bool {
		data = bytes.TrimSpace(data)
		return len(data) > 1 && data[0] == '{' && data[len(data)-1] == '}'
	},
}

var pool fastjson.ParserPool

// times are where objects say when they were, the surest first.
var times = []string{"@timestamp", "eventTime", "timestamp", "_time", "time", "ts"}

func parse(data []byte, _ *parser.Env, out *parser.Out) error {
	p := pool.Get()
	defer pool.Put(p)
	v, err := p.ParseBytes(data)
	if err != nil {
		return fmt.Errorf("It is not JSON: %v.", err)
	}
	o, err := v.Object()
	if err != nil {
		return errors.New("It is JSON, but not an object.")
	}
	for _, name := range times {
		if t, ok := sigma.ParseTime(string(o.Get(name).GetStringBytes())); ok {
			out.Time = t
			break
		}
	}
	out.ID = string(v.GetStringBytes("event.id"))
	if data = bytes.TrimSpace(data); bytes.IndexByte(data, '\n') < 0 {
		out.Line = append(out.Line, data...)
	} else {
		out.Line = o.MarshalTo(out.Line)
	}
	return nil
}
