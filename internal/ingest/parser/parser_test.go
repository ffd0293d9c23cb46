package parser_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/ingest/parser"
)

var now = time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)

func TestObject(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:                             `{}`,
		`{"msg":"a\"b","ts":1}`:          `{"msg":"a\"b","ts":1,"message":"a\"b"}`,
		`{"message":"m","host":"web-1"}`: `{"message":"m","host":"web-1","host.name":"web-1"}`,
		`{"host":{"name":"web-1"},"message":"m"}`:              `{"host":{"name":"web-1"},"message":"m"}`,
		"{\n \"log\": \"a\tb\" ,\r\n\"n\":1e400}\n":            `{  "log": "a\tb" ,  "n":1e400,"message":"a\tb"}`,
		"{\"log\":\"M\xfcller \x80\"}":                         `{"log":"Müller €","message":"Müller €"}`,
		"\xef\xbb\xbf{\"log\":\"x\"}":                          `{"log":"x","message":"x"}`,
		"\xff\xfe{\x00\"\x00a\x00\"\x00:\x001\x00}\x00":        `{"a":1}`,
		`{"log":"C:\Users\x\u12\n","n":1}`:                     `{"log":"C:\\Users\\x\\u12\n","n":1,"message":"C:\\Users\\x\\u12\n"}`,
		`{"Message":"","log":null,"text":{"a":1},"body":"it"}`: `{"Message":"","log":null,"text":{"a":1},"body":"it","message":"it"}`,
	} {
		out := parser.Out{Line: []byte("before ")}
		if err := parser.Object().Parse([]byte(in), &parser.Env{Now: now}, &out); err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if got := string(out.Line); got != "before "+want {
			t.Errorf("%q became\n%s, want\n%s", in, got, want)
		}
	}
}

func TestObjectRefuses(t *testing.T) {
	for in, want := range map[string]string{
		``:                           "ends too early",
		`{"a":`:                      "ends too early",
		`[1]`:                        "no JSON object",
		`{"a":1}x`:                   "byte 7",
		"\x00\x01\x02":               "no JSON",
		strings.Repeat(`{"a":`, 1e4): "nested more than 300",
	} {
		err := parser.Object().Parse([]byte(in), &parser.Env{Now: now}, &parser.Out{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", in, err, want)
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"hello \"you\"\r\n":  `{"message":"hello \"you\""}`,
		"\x00\x01\xff\\":     `{"message":"\u0000\u0001ÿ\\"}`,
		"\xff\xfeh\x00i\x00": `{"message":"hi"}`,
	} {
		var out parser.Out
		if err := parser.Text().Parse([]byte(in), &parser.Env{Now: now}, &out); err != nil || string(out.Line) != want {
			t.Errorf("%q became %s, %v, want %s", in, out.Line, err, want)
		}
	}
	if err := parser.Text().Parse([]byte("\n"), &parser.Env{}, &parser.Out{}); err == nil {
		t.Error("an empty line was taken")
	}
}

// The first line of a text is what stands before the end of a line in all of it.
func TestFirstLine(t *testing.T) {
	n := 0
	f := parser.JSON(parser.Format{Name: "lines"}, func(*parser.Reader) bool { return true }, func(r *parser.Reader) {
		want, got := r.First("a", "b"), string(r.FirstLine("a", "b"))
		if end := bytes.IndexAny(want, "\r\n"); end >= 0 {
			want = want[:end]
			n++
		}
		if got != string(want) {
			t.Errorf("%s: the first line is %q, want %q", r.Get("a"), got, want)
		}
	})
	parse := func(a, b string) {
		t.Helper()
		if err := f.Parse([]byte(`{"a":`+a+`,"b":`+b+`}`), &parser.Env{Now: now}, &parser.Out{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range []string{`""`, `null`, `{}`, `[]`, `{"b":"x"}`, `12`, `true`, `"\n"`, `"\\n"`, `"\\\nx"`} {
		parse(a, `"b\\c\r\nd"`)
	}
	seed := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "é", `\n`, `\r`, `\t`, `\\`, `\"`, `\u000a`, `\u000D`, `\u00e9`, `\ud83d`, `\ude00`, `\u1`, `\x`, "\r", "n"}
	for range 20000 {
		var text strings.Builder
		for range seed.IntN(6) {
			text.WriteString(parts[seed.IntN(len(parts))])
		}
		parse(`"`+text.String()+`"`, `"b"`)
	}
	if n < 5000 {
		t.Errorf("only %d texts had several lines", n)
	}
}

// TestLarge reads what is larger than anything should be.
func TestLarge(t *testing.T) {
	var wide bytes.Buffer
	wide.WriteByte('{')
	for i := range 5000 {
		if i > 0 {
			wide.WriteByte(',')
		}
		wide.WriteString(`"field_` + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + `":1`)
	}
	wide.WriteString(`,"msg":"end"}`)
	for name, in := range map[string][]byte{"wide": wide.Bytes(), "long": []byte(`{"msg":"` + strings.Repeat("x", 10<<20) + `"}`)} {
		var out parser.Out
		if err := parser.Object().Parse(in, &parser.Env{Now: now}, &out); err != nil || !bytes.Contains(out.Line, []byte(`"message":`)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,"x\u00fc"]},"time":"2026-03-10 09:00:60,5"}`))
	f.Add([]byte("{\"a\xff\":\"\n\\\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out parser.Out
		if parser.Object().Parse(data, &parser.Env{Now: now}, &out) != nil {
			return
		}
		if bytes.ContainsAny(out.Line, "\n\r") || !utf8.Valid(out.Line) {
			t.Errorf("%q became %q", data, out.Line)
		}
		if json.Valid(data) && !json.Valid(out.Line) {
			t.Errorf("%q, which was JSON, became %q", data, out.Line)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add([]byte("a\x80\"\\\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out parser.Out
		if parser.Text().Parse(data, &parser.Env{Now: now}, &out) == nil && !json.Valid(out.Line) {
			t.Errorf("%q became %q", data, out.Line)
		}
	})
}

func BenchmarkObject(b *testing.B) {
	line := []byte(`{"@timestamp":"2020-06-10T02:50:57.554Z","EventID":10,"Hostname":"WORKSTATION6.mordor.local","Message":"` + strings.Repeat(`Process accessed:\r\n`, 50) + `"` + strings.Repeat(`,"SourceImage":"C:\\windows\\system32\\svchost.exe"`, 20) + `}`)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	f, env, out := parser.Object(), &parser.Env{Now: now}, parser.Out{}
	for b.Loop() {
		out.Line = out.Line[:0]
		if err := f.Parse(line, env, &out); err != nil {
			b.Fatal(err)
		}
	}
}
