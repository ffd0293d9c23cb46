package claimlogs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/claim/claimlogs"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// year stores events evenly over a year before now.
func year(tb testing.TB, n int) (logs.Store, time.Time) {
	tb.Helper()
	s, err := logs.OpenEmbedded(logs.Options{Folder: tb.TempDir(), Tenants: logs.TenantMap{"acme": 1}, FreeBytes: 1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	now := time.Now().UTC().Truncate(time.Hour)
	step := 365 * 24 * time.Hour / time.Duration(n)
	for i := 0; i < n; {
		var list []event.Event
		for ; i < n && len(list) < 5000; i++ {
			at := now.Add(-time.Duration(n-i) * step)
			list = append(list, event.Event{ID: fmt.Sprint(i), Time: at, Seen: at.Add(time.Second), Source: fmt.Sprintf("s%d", i%7), Format: "json",
				Line: fmt.Appendf(nil, `{"message":"session %d of somebody opened","host.name":"web-%d","user.name":"u%d","event.action":%q,"event.outcome":"success"}`, i, i%20, i%200, [...]string{"ssh_login", "sudo", "session_opened", "request"}[i%4])})
		}
		if err := s.Add(tb.Context(), "acme", list); err != nil {
			tb.Fatal(err)
		}
	}
	if err := s.Flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return s, now
}

// BenchmarkAsk is what one question of a test costs, over half a million events
// of a year.
func BenchmarkAsk(b *testing.B) {
	s, now := year(b, 500_000)
	l := claimlogs.Language(claimlogs.Config{Store: s})
	for _, q := range []struct {
		name, text string
		window     time.Duration
	}{
		{"all-day", "* | stats by (host.name, service.name) count() events", 24 * time.Hour},
		{"all-year", "* | stats by (host.name, service.name) count() events", 365 * 24 * time.Hour},
		{"sudo-week", `event.action:=sudo event.outcome:=success | stats by (user.name) count() uses, count() if (_msg:~"(?i)(ticket|change)[ =:]*[a-z0-9-]*[0-9]") ticketed`, 7 * 24 * time.Hour},
		{"sudo-year", `event.action:=sudo event.outcome:=success | stats by (user.name) count() uses, count() if (_msg:~"(?i)(ticket|change)[ =:]*[a-z0-9-]*[0-9]") ticketed`, 365 * 24 * time.Hour},
		{"rare-year", "eventName:in(StopLogging, DeleteTrail) | stats by (binnacle.source) count() n", 365 * 24 * time.Hour},
		{"oldest-year", "* | stats by (binnacle.source) min(_time) oldest", 365 * 24 * time.Hour},
		{"number-year", "event.outcome:=failure | stats count() n", 365 * 24 * time.Hour},
	} {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := l.Rows(b.Context(), "acme", claim.Question{Text: q.text, From: now.Add(-q.window), To: now, Limit: 100_000}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
