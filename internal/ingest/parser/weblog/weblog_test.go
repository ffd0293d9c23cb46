package weblog

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/ingest/parser/parsertest"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

func TestGolden(t *testing.T) { parsertest.Golden(t, Formats()[0], parsertest.Env()) }

func FuzzParse(f *testing.F) { parsertest.Fuzz(f, Formats()[0], parsertest.Env()) }

func BenchmarkParse(b *testing.B) {
	parsertest.BenchLine(b, Formats()[0], parsertest.Env(), `198.51.100.23 - - [10/Mar/2026:09:00:00 +0000] "GET /products?id=1 HTTP/1.1" 200 42595 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`)
}

// A format of one server says which, whatever the line.
func TestServer(t *testing.T) {
	for _, f := range Formats()[1:] {
		got := parsertest.Fields(t, parsertest.Read(t, f, parsertest.Env(), `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326`))
		if got["service.type"] != f.Name {
			t.Errorf("%s: service.type is %v", f.Name, got["service.type"])
		}
	}
}

// Every line of the shared error log keeps its time and text.
func TestLogs(t *testing.T) {
	f, err := os.Open(testenv.Data(t, "logs", "Apache_2k.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, from := 0, 0
	for scan := bufio.NewScanner(f); scan.Scan(); lines++ {
		line := strings.TrimRight(scan.Text(), "\r")
		out := parsertest.Read(t, Formats()[0], parsertest.Env(), line)
		got := parsertest.Fields(t, out)
		message := got["message"].(string)
		head, ok := strings.CutSuffix(line, message)
		level, _ := got["log.level"].(string)
		if out.Time.IsZero() || !ok || level == "" || !strings.HasPrefix(head, out.Time.Format("[Mon Jan 02 15:04:05 2006] [")+level+"] ") || got["event.original"] != line {
			t.Fatalf("%q became %s", line, out.Line)
		}
		if strings.Contains(line, "[client ") {
			from++
			if ip, _ := got["source.ip"].(string); ip == "" || !strings.Contains(head, "[client "+ip+"]") {
				t.Fatalf("%q is from %q", line, ip)
			}
		}
	}
	if lines != 2000 || from != 32 {
		t.Errorf("%d lines, %d from clients", lines, from)
	}
}
