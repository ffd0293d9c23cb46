package alerts

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/logs"
)

func TestObservables(t *testing.T) {
	lines := []string{
		`{"source.ip":"203.0.113.77","user.name":"svc-ci","message":"from 198.51.100.7 port 22, not 300.1.1.1 or 1.2.3"}`,
		`{"source":{"ip":"203.0.113.77"},"file":{"hash":{"sha256":"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"}},"host.name":"web-1"}`,
		`no JSON`,
		`{"sourceIPAddress":"cloudtrail.amazonaws.com","userIdentity":{"accessKeyId":"AKIAEXAMPLE"},"related":["2001:db8::1"],"destination.ip":"2001:db8::1"}`,
	}
	want := []Indicator{
		{Type: "address", Value: "203.0.113.77"}, // in two events
		{Type: "account", Value: "svc-ci"}, {Type: "address", Value: "198.51.100.7"}, {Type: "address", Value: "2001:db8::1"},
		{Type: "hash", Value: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{Type: "host", Value: "web-1"}, {Type: "key", Value: "AKIAEXAMPLE"},
	}
	if diff := cmp.Diff(want, observables(lines)); diff != "" {
		t.Error(diff)
	}
}

// TestIndicatorsAreLookedFor: what a field makes an indicator is looked for in
// that field.
func TestIndicatorsAreLookedFor(t *testing.T) {
	f := func(line, field string) {
		t.Helper()
		found := observables([]string{line})
		if len(found) != 1 || !strings.Contains(found[0].question(), logs.Name(field)+":=") {
			t.Errorf("%s: %+v", line, found)
		}
	}
	f(`{"host":{"hostname":"web-1"}}`, "host.hostname")
	f(`{"src_ip":"203.0.113.77"}`, "src_ip")
	f(`{"url.original":"https://example.com/a"}`, "url.original")
	if found := observables([]string{`{"url.original":"/a"}`}); len(found) > 0 {
		t.Errorf("a path alone: %+v", found)
	}
}

func TestSpellings(t *testing.T) {
	f := func(name string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, spellings(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	f("payments", "payments")
	f("payments-02.prod.example.com", "payments-02.prod.example.com", "payments-02", "payments")
	f("payments-7d9f5c-x2x1", "payments-7d9f5c-x2x1", "payments-7d9f5c", "payments")
	f("search-api", "search-api")
	f("WEB1", "WEB1", "WEB", "web1", "web")
	f("arn:aws:s3:::build-logs", "build-logs")
	f("kestrane/payments", "payments")
	f("192.0.2.1")
	f("2001:db8::1")
	f("")
	f("-")
	f("a b")
}

func TestQuestions(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, questionsOf(text)); diff != "" {
			t.Error(diff)
		}
	}
	f("Nothing is to be done.")
	f("Bad. What to do: cut the host off; keep its memory. Then sleep.", "Cut the host off", "Keep its memory", "Then sleep")
	f("What to do: ")
	f("What to do: éste", "Éste")
}

// Whatever an event holds, looking for observables ends, and what it proposes is
// a value of the event.
func FuzzObservables(f *testing.F) {
	f.Add(`{"source.ip":"203.0.113.77","a":[{"b":"1.2.3.4"}]}`)
	f.Add(`{"a":1e999}`)
	f.Fuzz(func(t *testing.T, line string) {
		for _, i := range observables([]string{line}) {
			if i.Type == "" || i.Value == "" {
				t.Errorf("%+v of %q", i, line)
			}
			if _, err := json.Marshal(i); err != nil {
				t.Error(err)
			}
		}
	})
}
