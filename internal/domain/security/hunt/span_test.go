package hunt

import (
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
)

func TestSpan(t *testing.T) {
	madrid, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 9, 22, 9, 30, 0, 0, time.UTC)
	for _, x := range []struct{ last, from, to, wantFrom, wantTo string }{
		{"", "", "", "2026-09-21T09:30:00Z", "2026-09-22T09:30:00Z"},
		{"1h", "", "", "2026-09-22T08:30:00Z", "2026-09-22T09:30:00Z"},
		{"7d", "", "", "2026-09-15T09:30:00Z", "2026-09-22T09:30:00Z"},
		{"", "2026-09-22", "2026-09-22T05:00", "2026-09-21T22:00:00Z", "2026-09-22T03:00:00Z"}, // in Madrid
		{"", "now-3h", "now", "2026-09-22T06:30:00Z", "2026-09-22T09:30:00Z"},
		{"", "2026-09-22T03:00:00+02:00", "", "2026-09-22T01:00:00Z", "0001-01-01T00:00:00Z"},
		{"1h", "", "2026-09-01", "0001-01-01T00:00:00Z", "2026-08-31T22:00:00Z"},
		{"soon", "", "", "", ""}, {"0h", "", "", "", ""}, {"99999w", "", "", "", ""}, {"", "yesterday", "", "", ""}, {"", "", "now-", "", ""}, {"", "now-1y", "", "", ""},
		{"", "2026-09-22", "2026-09-21", "", ""},
	} {
		s, err := spanOf(x.last, x.from, x.to, now, madrid)
		if x.wantFrom == "" {
			if !fault.Is(err, fault.Invalid) || len(fault.ProblemsOf(err)) != 1 {
				t.Errorf("spanOf(%q, %q, %q) gives %v, %v; want a refusal that names the field", x.last, x.from, x.to, s, err)
			}
			continue
		}
		if got, want := stamp(s.From)+" "+stamp(s.To), x.wantFrom+" "+x.wantTo; err != nil || got != want {
			t.Errorf("spanOf(%q, %q, %q) = %s, %v; want %s", x.last, x.from, x.to, got, err, want)
		}
	}
}

func TestSteps(t *testing.T) {
	from := time.Date(2026, 9, 22, 9, 37, 12, 0, time.UTC)
	kolkata := time.FixedZone("IST", 5*3600+1800)
	for _, x := range []struct {
		length, step time.Duration
		begins       string
	}{
		{time.Minute, time.Second, "2026-09-22T09:37:12Z"},
		{time.Hour, time.Minute, "2026-09-22T09:37:00Z"},
		{24 * time.Hour, 15 * time.Minute, "2026-09-22T09:30:00Z"},
		{7 * 24 * time.Hour, 3 * time.Hour, "2026-09-22T09:30:00Z"},   // 15:00 there
		{30 * 24 * time.Hour, 12 * time.Hour, "2026-09-22T06:30:00Z"}, // noon
		{90 * 24 * time.Hour, 24 * time.Hour, "2026-09-21T18:30:00Z"}, // midnight
		{50 * 365 * 24 * time.Hour, 365 * 24 * time.Hour, ""},
	} {
		s := span{From: from, To: from.Add(x.length), Last: "x"}
		if got := s.step(); got != x.step {
			t.Errorf("%v is counted in steps of %v, want %v", x.length, got, x.step)
		}
		if got := stamp(s.begin(kolkata).From); x.begins != "" && got != x.begins {
			t.Errorf("%v from %v begins at %s, want %s", x.length, from, got, x.begins)
		}
	}
}
