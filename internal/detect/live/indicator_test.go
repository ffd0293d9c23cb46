package live

import (
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
)

// TestEndedIndicators: what counts no more hides neither another word about the
// same value, nor the network or domain that the value is in.
func TestEndedIndicators(t *testing.T) {
	f := func(line string, bad []Indicator, wants ...string) {
		t.Helper()
		w := newWorld(t, nil)
		for i := range bad {
			if bad[i].Title == "old" {
				bad[i].Until, bad[i].Confidence = w.now.Add(-time.Hour), 90
			}
		}
		w.bad = bad
		w.look(event.Event{ID: "e", Time: w.now, Source: "web", Line: []byte(line)})
		want(t, w.titles(), wants...)
	}
	f(`{"ip":"203.0.113.7"}`, []Indicator{{Type: IP, Value: "203.0.113.7", Title: "old"}})
	f(`{"ip":"203.0.113.7"}`, []Indicator{{Type: IP, Value: "203.0.113.7", Title: "old"}, {Type: IP, Value: "203.0.113.7", Title: "new"}}, "new")
	f(`{"ip":"203.0.113.7"}`, []Indicator{{Type: IP, Value: "203.0.113.7", Title: "new"}, {Type: IP, Value: "203.0.113.7", Title: "old"}}, "new")
	f(`{"ip":"203.0.113.7"}`, []Indicator{{Type: IP, Value: "203.0.113.7", Title: "old"}, {Type: IP, Value: "203.0.113.0/24", Title: "net"}}, "net")
	f(`{"ip":"203.0.113.7"}`, []Indicator{{Type: IP, Value: "203.0.113.0/24", Title: "net"}, {Type: IP, Value: "203.0.113.0/24", Title: "old"}}, "net")
	f(`{"name":"a.evil.example"}`, []Indicator{{Type: Domain, Value: "a.evil.example", Title: "old"}, {Type: Domain, Value: "evil.example", Title: "domain"}}, "domain")
	f(`{"url":"https://a.evil.example/x"}`, []Indicator{{Type: URL, Value: "https://a.evil.example/x", Title: "old"}, {Type: Domain, Value: "evil.example", Title: "domain"}}, "domain")
	f(`{"ip":"203.0.113.7"}`, []Indicator{{Type: IP, Value: "203.0.113.7", Title: "unsure", Confidence: 10}, {Type: IP, Value: "203.0.113.7", Title: "sure", Confidence: 80}}, "sure")
}
