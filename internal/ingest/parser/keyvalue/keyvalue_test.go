package keyvalue

import (
	"testing"

	"github.com/binnaclehq/binnacle/internal/ingest/parser/parsertest"
)

func TestGolden(t *testing.T) { parsertest.Golden(t, Format(), parsertest.Env()) }

func FuzzParse(f *testing.F) { parsertest.Fuzz(f, Format(), parsertest.Env()) }

func BenchmarkParse(b *testing.B) { parsertest.Bench(b, Format(), parsertest.Env()) }
