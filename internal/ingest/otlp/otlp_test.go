package otlp

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
)

// message writes protobuf for tests: numbers, texts, bytes and messages.
type message []byte

func (m message) text(n protowire.Number, s string) message {
	return protowire.AppendString(protowire.AppendTag(m, n, protowire.BytesType), s)
}

func (m message) in(n protowire.Number, inner message) message {
	return protowire.AppendBytes(protowire.AppendTag(m, n, protowire.BytesType), inner)
}

func (m message) int(n protowire.Number, v uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, n, protowire.VarintType), v)
}

func (m message) fixed(n protowire.Number, v uint64) message {
	return protowire.AppendFixed64(protowire.AppendTag(m, n, protowire.Fixed64Type), v)
}

func attribute(name string, v message) message { return message{}.text(1, name).in(2, v) }

func text(s string) message { return message{}.text(1, s) }

var sample = struct {
	protobuf message
	json     string
	want     []ingest.Record
}{
	protobuf: message{}.in(1, message{}.
		in(1, message{}.in(1, attribute("service.name", text("checkout"))).in(1, attribute("host.name", text("web-1"))).in(1, attribute("tier", text("resource")))).
		in(2, message{}.
			in(1, message{}.text(1, "lib").text(2, "1.2")).
			in(2, message{}.fixed(1, 1700000000000000123).int(2, 17).text(3, "ERROR").in(5, text("it <failed>")).
				in(6, attribute("tier", text("record"))).in(6, attribute("n", message{}.int(3, 1<<64-5))).in(6, attribute("ok", message{}.int(2, 1))).
				in(6, attribute("ratio", message{}.fixed(4, math.Float64bits(0.25)))).
				in(6, attribute("http", message{}.in(6, message{}.in(1, attribute("status", message{}.int(3, 500)))))).
				in(6, attribute("tags", message{}.in(5, message{}.in(1, text("a")).in(1, message{}.int(3, 2))))).
				in(9, message{0xab, 1}).in(10, message{0xcd, 2})).
			in(2, message{}.fixed(11, 1700000001000000000).text(12, "login").
				in(5, message{}.in(6, message{}.in(1, attribute("user", text("ann"))).in(1, attribute("tries", message{}.int(3, 3))))).
				in(6, attribute("log.record.uid", text("01HX")))).
			in(2, message{}))),
	json: `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"checkout"}},{"key":"host.name","value":{"stringValue":"web-1"}},{"key":"tier","value":{"stringValue":"resource"}}]},
	"scopeLogs":[{"scope":{"name":"lib","version":"1.2"},"logRecords":[
	{"timeUnixNano":"1700000000000000123","severityNumber":17,"severityText":"ERROR","body":{"stringValue":"it <failed>"},"traceId":"AB01","spanId":"cd02","attributes":[
	  {"key":"tier","value":{"stringValue":"record"}},{"key":"n","value":{"intValue":"-5"}},{"key":"ok","value":{"boolValue":true}},{"key":"ratio","value":{"doubleValue":0.25}},
	  {"key":"http","value":{"kvlistValue":{"values":[{"key":"status","value":{"intValue":500}}]}}},
	  {"key":"tags","value":{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":2}]}}}]},
	{"observedTimeUnixNano":1700000001000000000,"eventName":"login","body":{"kvlistValue":{"values":[{"key":"user","value":{"stringValue":"ann"}},{"key":"tries","value":{"intValue":"3"}}]}},
	 "attributes":[{"key":"log.record.uid","value":{"stringValue":"01HX"}}]},
	{}]}]}]}`,
	want: []ingest.Record{
		{Data: []byte("it <failed>"), Time: time.Unix(1700000000, 123).UTC(), Fields: []ingest.Field{
			{Name: "log.level", Value: "error"}, {Name: "severity_text", Value: "ERROR"}, {Name: "severity_number", Value: "17"}, {Name: "trace_id", Value: "ab01"}, {Name: "span_id", Value: "cd02"},
			{Name: "tier", Value: "record"}, {Name: "n", Value: "-5"}, {Name: "ok", Value: "true"}, {Name: "ratio", Value: "0.25"}, {Name: "http.status", Value: "500"}, {Name: "tags", Value: `["a",2]`},
			{Name: "otel.scope.name", Value: "lib"}, {Name: "otel.scope.version", Value: "1.2"}, {Name: "service.name", Value: "checkout"}, {Name: "host.name", Value: "web-1"}}},
		{Data: []byte(`{"user":"ann","tries":3}`), ID: "01HX", Time: time.Unix(1700000001, 0).UTC(), Fields: []ingest.Field{
			{Name: "event.name", Value: "login"}, {Name: "log.record.uid", Value: "01HX"},
			{Name: "otel.scope.name", Value: "lib"}, {Name: "otel.scope.version", Value: "1.2"}, {Name: "service.name", Value: "checkout"}, {Name: "host.name", Value: "web-1"}, {Name: "tier", Value: "resource"}}},
		{Data: []byte("{}"), Fields: []ingest.Field{
			{Name: "otel.scope.name", Value: "lib"}, {Name: "otel.scope.version", Value: "1.2"}, {Name: "service.name", Value: "checkout"}, {Name: "host.name", Value: "web-1"}, {Name: "tier", Value: "resource"}}},
	},
}

func TestBothFormsGiveTheSameRecords(t *testing.T) {
	for form, data := range map[Form][]byte{Protobuf: sample.protobuf, JSON: []byte(sample.json)} {
		got, err := Decode(data, form)
		if err != nil {
			t.Fatalf("%s: %v", form.Media(), err)
		}
		if d := cmp.Diff(sample.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", form.Media(), d)
		}
	}
}

func TestResourceIsAddedWhateverTheOrder(t *testing.T) {
	late := message{}.in(1, message{}.in(2, message{}.in(2, message{}.in(5, text("x")))).in(1, message{}.in(1, attribute("host.name", text("h")))))
	got, err := Decode(late, Protobuf)
	if err != nil || len(got) != 1 || !has(got[0].Fields, "host.name") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestWrongRequests(t *testing.T) {
	deep := text("x")
	for range maxDepth + 2 {
		deep = message{}.in(5, message{}.in(1, deep))
	}
	deepJSON := strings.Repeat(`{"arrayValue":{"values":[`, maxDepth+2) + `{"stringValue":"x"}` + strings.Repeat(`]}}`, maxDepth+2)
	wide := message{}
	for i := range 3000 {
		wide = wide.in(1, attribute(strings.Repeat("k", 1+i%7)+string(rune('a'+i%26))+time.Duration(i).String(), text("v")))
	}
	many := message{}
	for range 1000 {
		many = many.in(2, message{})
	}
	for name, c := range map[string]struct {
		data []byte
		form Form
		kind fault.Kind
		says string
	}{
		"cut off":         {sample.protobuf[:len(sample.protobuf)-3], Protobuf, fault.Invalid, "ends within a field"},
		"text":            {[]byte("hello, world"), Protobuf, fault.Invalid, "no ExportLogsServiceRequest in protobuf"},
		"no JSON":         {[]byte("{"), JSON, fault.Invalid, "no ExportLogsServiceRequest in JSON"},
		"a wrong int":     {[]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"intValue":"x"}}]}]}]}`), JSON, fault.Invalid, "no whole number"},
		"deep":            {message{}.in(1, message{}.in(2, message{}.in(2, message{}.in(5, deep)))), Protobuf, fault.Invalid, "nested deeper"},
		"deep JSON":       {[]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":` + deepJSON + `}]}]}]}`), JSON, fault.Invalid, "nested deeper"},
		"grown by fields": {message{}.in(1, message{}.in(1, wide).in(2, many)), Protobuf, fault.TooLarge, "fields in all"},
	} {
		_, err := Decode(c.data, c.form)
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || fault.HintOf(err) == "" {
			t.Errorf("%s: got %v (hint %q), want %v that says %q", name, err, fault.HintOf(err), c.kind, c.says)
		}
	}
}

func TestAnswer(t *testing.T) {
	r := ingest.Receipt{Accepted: 5, Rejected: []ingest.Rejection{{Record: 2, Reason: "too-large", Detail: `2 MB "x"`}, {Record: 3, Reason: "not-json"}, {Record: 4, Reason: "too-large"}}}
	const says = `1 not-json, 2 too-large; record 2: 2 MB "x"`
	var got struct {
		PartialSuccess struct{ RejectedLogRecords, ErrorMessage string }
	}
	if err := json.Unmarshal(Answer(r, JSON), &got); err != nil || got.PartialSuccess.RejectedLogRecords != "3" || got.PartialSuccess.ErrorMessage != says {
		t.Errorf("got %s, %v", Answer(r, JSON), err)
	}
	want := message{}.in(1, message{}.int(1, 3).text(2, says))
	if out := Answer(r, Protobuf); !bytes.Equal(out, want) {
		t.Errorf("got %q, want %q", out, want)
	}
	if out := Answer(ingest.Receipt{Accepted: 1}, Protobuf); len(out) != 0 {
		t.Errorf("a full success is an empty message, got %q", out)
	}
	if out := Answer(ingest.Receipt{Accepted: 1}, JSON); string(out) != "{}" {
		t.Errorf("a full success is an empty object, got %q", out)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(sample.protobuf), false)
	f.Add([]byte(sample.json), true)
	f.Fuzz(func(t *testing.T, data []byte, isJSON bool) {
		form := Protobuf
		if isJSON {
			form = JSON
		}
		records, err := Decode(data, form)
		if err != nil && fault.KindOf(err) == fault.Internal {
			t.Errorf("the error is no fault: %v", err)
		}
		for _, r := range records {
			if len(r.Data) == 0 {
				t.Error("a record without data")
			}
			for i, x := range r.Fields {
				if x.Name == "" || x.Value == "" || i > 0 && has(r.Fields[:i], x.Name) {
					t.Errorf("field %q: empty or twice", x.Name)
				}
			}
		}
	})
}
