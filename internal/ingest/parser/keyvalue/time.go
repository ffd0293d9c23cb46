package keyvalue

import (
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
)

// timeOf reads the time: of FortiGate's eventtime, of date and time with tz, or of
// the usual fields.
func timeOf(v parser.Pairs, env *parser.Env) time.Time {
	if date := v.First("date"); len(date) == len("2006-01-02") {
		if clock := v.First("time"); strings.Count(clock, ":") == 2 {
			zone := strings.Trim(v.First("tz"), `"`)
			if t, ok := event.ParseTime(date+" "+clock+" "+zone, env.Zone); ok {
				return t
			}
		}
	}
	return event.When(func(name string) (string, bool) {
		text := v.First(name)
		return text, text != ""
	}, env.Zone)
}
