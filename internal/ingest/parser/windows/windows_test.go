package windows

import (
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/ingest/parser/parsertest"
)

func TestGolden(t *testing.T) { parsertest.Golden(t, Format(), parsertest.Env()) }

// NXLog writes EventTime in the time of the host, Sysmon UtcTime in UTC.
func TestZone(t *testing.T) {
	env := parsertest.Env()
	env.Zone = time.FixedZone("", -4*3600)
	for line, want := range map[string]string{
		`{"EventID":1,"Channel":"x","EventTime":"2026-03-10 05:00:00","UtcTime":"2026-03-10 09:00:00.5"}`: "2026-03-10T09:00:00.5Z",
		`{"EventID":1,"Channel":"x","EventTime":"2026-03-10 05:00:00"}`:                                   "2026-03-10T09:00:00Z",
	} {
		if got := parsertest.Read(t, Format(), env, line).Time.Format(time.RFC3339Nano); got != want {
			t.Errorf("%s is of %s, want %s", line, got, want)
		}
	}
}

func FuzzParse(f *testing.F) { parsertest.Fuzz(f, Format(), parsertest.Env()) }

func BenchmarkParse(b *testing.B) { parsertest.Bench(b, Format(), parsertest.Env()) }
