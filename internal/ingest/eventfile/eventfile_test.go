package eventfile

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"
)

// read returns what Read gives, a line each: "1 {…}" or "2 ! why".
func read(t testing.TB, data []byte) string {
	t.Helper()
	var out []string
	err := Read(bytes.NewReader(data), func(e Event) error {
		out = append(out, fmt.Sprintf("%d %s", e.Line, e.JSON))
		return nil
	}, func(p Problem) { out = append(out, fmt.Sprintf("%d ! %s", p.Line, p.Why)) })
	if err != nil {
		out = append(out, "error: "+err.Error())
	}
	return strings.Join(out, "\n")
}

func TestRead(t *testing.T) {
	const unclosed = "the object is not closed before the next begins"
	for name, c := range map[string]struct{ in, want string }{
		"lines":                {"{\"a\":1}\n\n  {\"b\":\"}\"}\r\n{\"c\":3}", "1 {\"a\":1}\n3 {\"b\":\"}\"}\n4 {\"c\":3}"},
		"nothing":              {"", ""},
		"a mark first":         {"\xef\xbb\xbf{\"a\":1}\n", `1 {"a":1}`},
		"no objects":           {"hello\n{\"a\":1}\n12\n", "1 ! it is no JSON object\n2 {\"a\":1}\n3 ! it is no JSON object"},
		"an array":             {`[{"a":1},{"b":[{"c":"]"}]}]`, "1 {\"a\":1}\n1 {\"b\":[{\"c\":\"]\"}]}"},
		"an array of lines":    {"[\n{\"a\":1},\n{\"b\":\n2}\n]\n", "2 {\"a\":1}\n3 {\"b\":\n2}"},
		"an array, then lines": {"[{\"a\":1}]\n{\"b\":2}\n", "1 {\"a\":1}\n2 {\"b\":2}"},
		"printed":              {"{\n  \"a\": \"{\\\"\",\n  \"b\": {}\n}\n{\n\"c\": 1\n}\n", "1 {\n  \"a\": \"{\\\"\",\n  \"b\": {}\n}\n5 {\n\"c\": 1\n}"},
		"cut off":              {"{\"a\":1}\n{\n\"b\": 2", "1 {\"a\":1}\n2 ! the file ends within it"},
		"one after the other":  {"{\"a\":1}{\"b\":{}}{\"c\":\"}{\"}\n{\"d\":4}\n", "1 {\"a\":1}\n1 {\"b\":{}}\n1 {\"c\":\"}{\"}\n2 {\"d\":4}"},
		"with space between":   {"{\"a\":1} {\"b\":2}\n", "1 {\"a\":1}\n1 {\"b\":2}"},
		"an array within":      {"[[1,2\n{\"a\":1}\n{\"b\":2}\n", "1 ! an array holds no objects but another array\n2 {\"a\":1}\n3 {\"b\":2}\n4 ! the file ends within it"},
		"a list within":        {"[{\"a\":1},[\"x\"\n{\"b\":2}\n{\"c\":3}]\n", "1 {\"a\":1}\n1 ! an array holds no objects but another array\n2 {\"b\":2}\n3 {\"c\":3}"},
		"and cut off":          {"{\"a\":1}{\"b\":\n{\"d\":\"}{\"}\n{\"e\":5}{", "1 {\"a\":1}\n1 ! " + unclosed + "\n2 {\"d\":\"}{\"}\n3 {\"e\":5}\n3 ! the file ends within it"},
		"a line cut off":       {"{\"a\":1}\n{\"a\":1\n{\"b\":2}\n{\"c\":3}\n", "1 {\"a\":1}\n2 ! " + unclosed + "\n3 {\"b\":2}\n4 {\"c\":3}"},
		"in a text":            {"{\"a\":\"x\n{\"b\":\"y\"}\n{\"c\":3}\n", "1 ! " + unclosed + "\n2 {\"b\":\"y\"}\n3 {\"c\":3}"},
		"after a comma":        {"{\"a\":1,\n{\"b\":2}\n", "1 ! " + unclosed + "\n2 {\"b\":2}"},
		"after a colon":        {"{\"a\":\n{\"b\":2}\n{\"c\":3}\n{\"d\":4}\n", "1 ! " + unclosed + "\n2 {\"b\":2}\n3 {\"c\":3}\n4 {\"d\":4}"},
		"in a list":            {"{\"a\":[1,\n{\"b\":2}\n{\"c\":3}\n", "1 ! " + unclosed + "\n2 {\"b\":2}\n3 {\"c\":3}"},
		"two cut off":          {"{\"a\":{\"x\"\n{\"b\":\n{\"c\":3}\n", "1 ! " + unclosed + "\n2 ! the file ends within it\n3 {\"c\":3}"},
		"cut off in an array":  {"[\n{\"a\":1\n{\"b\":2},\n{\"c\":3}\n]\n{\"d\":4}\n", "2 ! " + unclosed + "\n3 {\"b\":2}\n4 {\"c\":3}\n6 {\"d\":4}"},
		"objects within":       {"{\"a\":\n{\"b\":[\n{\"c\":1},\n{\"c\":2}\n]}}\n{\"d\":4}\n", "1 {\"a\":\n{\"b\":[\n{\"c\":1},\n{\"c\":2}\n]}}\n6 {\"d\":4}"},
		"printed, cut off":     {"{\n \"a\": [\n  {\"b\": 1},\n", "1 ! the file ends within it"},
		"deep, cut off":        {strings.Repeat("[{\"a\":", 2) + strings.Repeat("[", 3*mostOpen) + "\n{\"b\":2}\n", "1 ! the file ends within it\n2 {\"b\":2}"},
		"an array cut off":     {"[{\"a\":1},", "1 {\"a\":1}\n1 ! the file ends within it"},
		"scalars in an array":  {"[1,2]\n{\"a\":1}\n", "1 ! it is no JSON object\n1 ! it is no JSON object\n2 {\"a\":1}"},
		"scalars beside":       {`[{"a":1},"x,\"]{",{"b":2},null,-1,[{"c":[1]},2],{"d":4}]`, "1 {\"a\":1}\n1 ! it is no JSON object\n1 {\"b\":2}\n1 ! it is no JSON object\n1 ! it is no JSON object\n1 ! an array holds no objects but another array\n1 {\"d\":4}"},
		"scalars on lines":     {"[{\"a\":1},\n\"x\n,\n7,\n{\"b\":2}]\n{\"c\":3}", "1 {\"a\":1}\n2 ! it is no JSON object\n4 ! it is no JSON object\n5 {\"b\":2}\n6 {\"c\":3}"},
		"no array after all":   {"[hello {\"a\":1}\n{\"b\":2}\n", "1 ! it is no JSON object\n2 {\"b\":2}"},
		"a Windows event":      {`{"Event":{"System":{"Provider":{"#attributes":{"Name":"S"}},"EventID":{"#text":1,"#attributes":{"Qualifiers":2}},"Channel":"C"},"EventData":{"New Value":"x"}}}`, `1 {"Channel":"C","EventID":1,"EventID_Qualifiers":2,"NewValue":"x","Provider_Name":"S"}`},
		"printed of Windows":   {"{\n  \"Event\" : {\n    \"System\": {\"EventID\": 1}\n  }\n}\n{ \"System\": {\"EventID\": 2}}\n", "1 {\"EventID\":1}\n6 {\"EventID\":2}"},
		"with user data":       {`{"System":{"EventID":104},"UserData":{"LogFileCleared":{"Channel":"System","xmlns:x":"y"}}}`, `1 {"Channel":"System","EventID":104}`},
		"of CloudTrail":        {"{\"Records\":[{\"a\":1},{\"b\":\"]\"}]}", "1 {\"a\":1}\n1 {\"b\":\"]\"}"},
		"CloudTrail, printed":  {"{\n \"Records\": [\n {\"a\":\n1},\n{\"b\":2}\n ]}\n{\"c\":3}\n", "3 {\"a\":\n1}\n5 {\"b\":2}\n7 {\"c\":3}"},
		"only called Event":    {`{"Event":"x"}`, `1 {"Event":"x"}`},
	} {
		if diff := cmp.Diff(c.want, read(t, []byte(c.in))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func packed(t testing.TB, data []byte, how ...string) []byte {
	t.Helper()
	for _, h := range how {
		var b bytes.Buffer
		var w io.WriteCloser = gzip.NewWriter(&b)
		if h == "zst" {
			w, _ = zstd.NewWriter(&b)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		data = b.Bytes()
	}
	return data
}

func TestPacked(t *testing.T) {
	text := []byte("{\"a\":1}\n{\"b\":\"ñ\"}\n")
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes(text)
	if err != nil {
		t.Fatal(err)
	}
	want := "1 {\"a\":1}\n2 {\"b\":\"ñ\"}"
	for name, data := range map[string][]byte{"gzip": packed(t, text, "gz"), "two members": append(packed(t, text[:8], "gz"), packed(t, text[8:], "gz")...), "zstd": packed(t, text, "zst"),
		"both": packed(t, text, "zst", "gz"), "UTF-16": wide, "UTF-16, packed": packed(t, wide, "gz")} {
		if got := read(t, data); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := read(t, packed(t, text, "gz", "gz", "gz", "gz")); got != "error: "+ErrPacked.Error() {
		t.Errorf("packed four times: %s", got)
	}
	for _, how := range []string{"gz", "zst"} {
		if got := read(t, packed(t, text, how)[:20]); !strings.HasSuffix(got, "error: "+ErrCutOff.Error()) {
			t.Errorf("cut off %s: %s", how, got)
		}
	}
}

func TestTooLong(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", MaxEvent) + `"}`
	if got := read(t, []byte(long+"\n{\"b\":1}\n")); got != "1 ! the line is longer than 16 MiB\n2 {\"b\":1}" {
		t.Errorf("got %.200s", got)
	}
	part := strings.Repeat("x", MaxEvent/2)
	spread := "{\n\"a\":\"" + part + "\",\n\"b\":\"" + part + "\",\n\"c\":\"" + part + "\"\n}\n{\"b\":1}\n"
	if got := read(t, []byte(spread)); got != "1 ! the object is larger than 16 MiB\n6 {\"b\":1}" {
		t.Errorf("got %.200s", got)
	}
	many := "[" + strings.Repeat(`{"a":"`+strings.Repeat("x", 1000)+`"},`, 20_000) + "{\"b\":1}]"
	if got := read(t, []byte(many)); strings.Count(got, "\n") != 20_000 || !strings.HasSuffix(got, "\n1 {\"b\":1}") {
		t.Errorf("a long array on one line: %d events", strings.Count(got, "\n"))
	}
	if got := read(t, []byte(`{"a":"`+part+`"}`)); len(got) != len(part)+10 {
		t.Errorf("a long line that is allowed: %d bytes", len(got))
	}
}

func TestEventEndsIt(t *testing.T) {
	stop := errors.New("stop")
	for _, data := range []string{"{}\n{}\n", "[{},{}]"} {
		n := 0
		err := Read(strings.NewReader(data), func(Event) error { n++; return stop }, func(Problem) {})
		if err != stop || n != 1 {
			t.Errorf("%q: %v after %d", data, err, n)
		}
	}
}

func TestEVTX(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "security.evtx.gz"))
	if err != nil {
		t.Fatal(err)
	}
	line, text, ok := strings.Cut(read(t, data), " ")
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil || !ok || line != "1" {
		t.Fatalf("%s %s: %v", line, text, err)
	}
	want := map[string]any{"Provider_Name": "Microsoft-Windows-Eventlog", "EventID": 1102.0, "Channel": "Security", "SubjectUserName": "test", "Execution_ProcessID": 1188.0,
		"Keywords": "0x4020000000000000", "SubjectLogonId": "0x2118a", "TimeCreated_SystemTime": "2019-02-09T17:05:24.672758Z"}
	for name, v := range want {
		if diff := cmp.Diff(v, got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s in %s", name, diff, text)
		}
	}
	gz, _ := gzip.NewReader(bytes.NewReader(data))
	raw, _ := io.ReadAll(gz)
	for i := 4096; i < len(raw); i += 997 { // a broken log is told, and breaks nothing
		broken := bytes.Clone(raw)
		for j := range 64 {
			broken[(i+j)%len(raw)] = 0xA5
		}
		read(t, broken)
	}
	if got := read(t, raw[:2000]); !strings.HasPrefix(got, "error:") && got != "" {
		t.Errorf("cut off: %s", got)
	}
}

// Every object that Read gives out of valid JSON is valid JSON, and none is lost.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"{\"a\":1}\n[{}]\n{\n}\n", "[[{}]]", "{\"a\":\"\\\\\"}", "\xff\xfe{\x00}\x00", "ElfFile\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		read(t, data)
		var objects []map[string]any
		if json.Unmarshal(data, &objects) != nil || bytes.HasPrefix(data, []byte("ElfFile\x00")) {
			return
		}
		n := 0
		for _, o := range objects {
			if o != nil {
				n++
			}
		}
		got := 0
		if err := Read(bytes.NewReader(data), func(e Event) error {
			if got++; !json.Valid(e.JSON) {
				t.Errorf("not JSON: %q of %q", e.JSON, data)
			}
			return nil
		}, func(Problem) {}); err != nil {
			t.Error(err)
		}
		if n == len(objects) && got != n {
			t.Errorf("%d events of %d in %q", got, n, data)
		}
	})
}

func BenchmarkLines(b *testing.B) {
	line := `{"Channel":"Security","CommandLine":"` + strings.Repeat("x", 2200) + "\"}\n"
	data := []byte(strings.Repeat(line, 1000))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := Read(bytes.NewReader(data), func(Event) error { return nil }, func(Problem) {}); err != nil {
			b.Fatal(err)
		}
	}
}
