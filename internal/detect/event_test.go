package detect

import (
	"testing"
	"time"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/sigma/correlate"
)

func TestWhen(t *testing.T) {
	for event, want := range map[string]string{
		`{"@timestamp":"2026-03-10T09:00:00.5Z","ts":1}`:        "2026-03-10T09:00:00.5Z",
		`{"@timestamp":1773133200250}`:                          "2026-03-10T09:00:00.25Z",
		`{"ts":1773133200.5}`:                                   "2026-03-10T09:00:00.5Z",
		`{"ts":1773133200}`:                                     "2026-03-10T09:00:00Z",
		`{"ts":1773133200250000}`:                               "2026-03-10T09:00:00.25Z",
		`{"ts":1773133200250000000}`:                            "2026-03-10T09:00:00.25Z",
		`{"timestamp":"2026-03-10T10:00:00.250000+0100"}`:       "2026-03-10T09:00:00.25Z",
		`{"eventTime":"2026-03-10T09:00:00Z"}`:                  "2026-03-10T09:00:00Z",
		`{"published":"2026-03-10T09:00:00.000Z"}`:              "2026-03-10T09:00:00Z",
		`{"requestReceivedTimestamp":"2026-03-10T09:00:00.1Z"}`: "2026-03-10T09:00:00.1Z",
		`{"event":{"created":"2026-03-10T09:00:00Z"}}`:          "2026-03-10T09:00:00Z",
		`{"UtcTime":"2026-03-10 09:00:00.123"}`:                 "2026-03-10T09:00:00.123Z",
		`{"message":"2026-03-10T09:00:00Z"}`:                    "",
		`{"@timestamp":"yesterday"}`:                            "",
		`{"ts":4624}`:                                           "",
	} {
		got := ""
		if at := fields(correlate.JSON(fastjson.MustParse(event))).when(); !at.IsZero() {
			got = at.UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("the time of %s is %q, want %q", event, got, want)
		}
	}
}
