// Package parsertest tries a format on the files of its testdata: of each *.log,
// every line is a record, and *.want says line by line what becomes of it.
// go test -update writes *.want.
package parsertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

var update = flag.Bool("update", false, "write the *.want files of parsers")

// Now is when the records of tests come.
var Now = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// Env is what is known of the records of tests beside their data.
func Env() *parser.Env { return &parser.Env{Now: Now} }

// Golden reads every testdata/*.log with the format.
func Golden(t *testing.T, f parser.Format, env *parser.Env) {
	t.Helper()
	GoldenFiles(t, f, env, "*.log")
}

// GoldenFiles is Golden of the files of testdata that fit a pattern.
func GoldenFiles(t *testing.T, f parser.Format, env *parser.Env, pattern string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join("testdata", pattern))
	if len(files) == 0 {
		t.Fatalf("no testdata/%s", pattern)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { golden(t, f, env, file) })
	}
}

func golden(t *testing.T, f parser.Format, env *parser.Env, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range bytes.Lines(data) {
		got = append(got, result(t, f, env, bytes.TrimRight(line, "\r\n")))
	}
	wantFile := strings.TrimSuffix(file, filepath.Ext(file)) + ".want"
	if *update {
		if err := os.WriteFile(wantFile, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err = os.ReadFile(wantFile)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(got) != len(want) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("%s:%d became\n%s, want\n%s", file, i+1, got[i], want[i])
		}
	}
}

func result(t *testing.T, f parser.Format, env *parser.Env, line []byte) string {
	var out parser.Out
	if err := f.Parse(line, env, &out); err != nil {
		return fmt.Sprintf(`{"error":%q}`, err)
	}
	if !json.Valid(out.Line) {
		t.Errorf("%s became what is no JSON: %s", line, out.Line)
	}
	if err := members(out.Line, out.Members); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	var b strings.Builder
	b.WriteByte('{')
	if !out.Time.IsZero() {
		fmt.Fprintf(&b, `"time":%q,`, out.Time.UTC().Format(time.RFC3339Nano))
	}
	for _, x := range [][2]string{{"id", out.ID}, {"host", out.Host}, {"format", out.Format}} {
		if x[1] != "" {
			fmt.Fprintf(&b, "%q:%q,", x[0], x[1])
		}
	}
	return b.String() + `"line":` + string(out.Line) + "}"
}

// Read reads one record, which must be read.
func Read(t testing.TB, f parser.Format, env *parser.Env, line string) parser.Out {
	t.Helper()
	var out parser.Out
	if err := f.Parse([]byte(line), env, &out); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return out
}

// Fields are the members of the line that a record became.
func Fields(t testing.TB, out parser.Out) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(out.Line, &fields); err != nil {
		t.Fatalf("%s: %v", out.Line, err)
	}
	return fields
}

// Check says what is wrong with what a format makes of any record: it must be
// one line of UTF-8 that is appended, and JSON unless the record was careless
// JSON itself.
func Check(f parser.Format, env *parser.Env, data []byte) error {
	const before = "before"
	out := parser.Out{Line: []byte(before)}
	if err := f.Parse(data, env, &out); err != nil {
		return nil
	}
	line, ok := bytes.CutPrefix(out.Line, []byte(before))
	switch {
	case !ok:
		return errors.New("what was in the line is gone")
	case bytes.ContainsAny(line, "\r\n"):
		return fmt.Errorf("several lines: %q", line)
	case !utf8.Valid(line):
		return fmt.Errorf("no UTF-8: %q", line)
	case !json.Valid(line) && (json.Valid(data) || !bytes.HasPrefix(bytes.TrimSpace(parser.Decoded(data)), []byte("{"))):
		return fmt.Errorf("no JSON: %q", line)
	}
	return members(line, out.Members)
}

// members says what is wrong with what is said of the members of a line; nothing is
// said where a format does not know them.
func members(line []byte, known jsonline.Members) error {
	if len(known.Places) == 0 && !known.Plain {
		return nil
	}
	want, err := jsonline.Places(nil, line)
	if err != nil {
		return err
	}
	if len(known.Places) > 0 && !slices.Equal(known.Places, want) {
		return fmt.Errorf("the members of %q are said to be at %v, and are at %v", line, known.Places, want)
	}
	plain := !slices.ContainsFunc(line, func(c byte) bool { return c >= utf8.RuneSelf }) && !numbered.Match(line)
	for _, p := range want {
		plain = plain && !bytes.ContainsRune(p.Key(line), '\\')
	}
	if known.Plain != plain {
		return fmt.Errorf("%q is said to be plain: %v", line, known.Plain)
	}
	return nil
}

// numbered finds an escape by number that is not what follows an escaped backslash.
var numbered = regexp.MustCompile(`(^|[^\\])(\\\\)*\\u`)

// Fuzz tries a format on anything, beginning with the lines of its testdata.
func Fuzz(f *testing.F, format parser.Format, env *parser.Env) {
	files, _ := filepath.Glob("testdata/*.[lj]*")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			f.Add(bytes.TrimRight(line, "\n"))
		}
	}
	f.Add([]byte("\x00\xff{\"\\"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if format.Is != nil {
			format.Is(data, env)
		}
		if err := Check(format, env, data); err != nil {
			t.Errorf("%q: %v", data, err)
		}
	})
}

// Bench reads the first line of the first testdata/*.log over and over.
func Bench(b *testing.B, f parser.Format, env *parser.Env) {
	files, _ := filepath.Glob("testdata/*.log")
	if len(files) == 0 {
		b.Fatal("no testdata/*.log")
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		b.Fatal(err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	BenchLine(b, f, env, line)
}

// BenchLine reads a line over and over.
func BenchLine(b *testing.B, f parser.Format, env *parser.Env, line string) {
	data, out := []byte(line), parser.Out{}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		out = parser.Out{Line: out.Line[:0]}
		if err := f.Parse(data, env, &out); err != nil {
			b.Fatal(err)
		}
	}
}
