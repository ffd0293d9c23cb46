package suricata

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/ingest/parser/parsertest"
)

//go:embed testdata/eve.log
var lines string

func TestGolden(t *testing.T) { parsertest.Golden(t, Format(), parsertest.Env()) }

func FuzzParse(f *testing.F) { parsertest.Fuzz(f, Format(), parsertest.Env()) }

func BenchmarkParse(b *testing.B) {
	line, _, _ := strings.Cut(lines, "\n")
	parsertest.Bench(b, Format(), parsertest.Env(), line)
}
