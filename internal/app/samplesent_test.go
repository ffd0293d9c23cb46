package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// counted: what people say of the attack in the case that is closed is what machines
// said.
func (l *live) counted(c alerts.Case) {
	l.Helper()
	calls := 0
	_, err := l.Logs.Rows(l.Context(), logs.Query{Org: auth.HomeID, Text: `sourceIPAddress:="203.0.113.77"`, From: l.now.AddDate(0, -2, 0), To: l.now}, func(logs.Row) error { calls++; return nil })
	l.must(err)
	if want := fmt.Sprintf("Key used, %d calls", calls); len(c.Affected) == 0 || c.Affected[0].What != want {
		l.Errorf("the case tells of %+v; it is %s", c.Affected, want)
	}
}

// attacked: machines have sent events, of which detection made alerts and people
// cases, and of every event that was taken in one knows what came of it.
func (l *live) attacked() {
	l.Helper()
	desk := alerts.NewDesk(l.Catalog, alerts.Config{})
	boss := l.as("ines.valcarcel", auth.RoleOwner)
	list, _, err := desk.List(l.Context(), boss, alerts.Filter{Limit: 200})
	l.must(err)
	states := map[alerts.State]int{}
	for _, a := range list {
		if states[a.State]++; a.Created.After(l.now.Add(time.Second)) {
			l.Errorf("%s is of %s, after now", a.ID(), a.Created)
		}
	}
	if len(list) < 8 || states[alerts.Closed] < 4 || states[alerts.New] < 1 || states[alerts.InWork] < 1 {
		l.Errorf("%d alerts: %v", len(list), states)
	}
	phases := map[string]int{}
	l.must(l.Catalog.Each(l.Context(), boss, catalog.Query{Kinds: []string{"Case"}}, func(e *entity.Entity) error {
		c, err := catalog.Spec[alerts.Case](e)
		l.must(err)
		custody, err := desk.Verify(l.Context(), auth.HomeID, e.Metadata.Name)
		l.must(err)
		if !custody.OK {
			l.Errorf("the chain of %s: %+v", e.Metadata.Name, custody)
		}
		pinned, err := desk.Pinned(l.Context(), auth.HomeID, e.Metadata.Name)
		l.must(err)
		if phases[c.Phase]++; c.Phase == "closed" && len(pinned) < 5 {
			l.Errorf("%s was closed with %d events", e.Metadata.Name, len(pinned))
		}
		for _, x := range list {
			if x.Case == e.Metadata.Name && x.Acknowledged.Format(time.RFC3339) < c.AcknowledgedAt {
				l.Errorf("%s was acknowledged at %s, and %s of it before", e.Metadata.Name, c.AcknowledgedAt, x.ID())
			}
		}
		if c.Phase == "closed" {
			l.counted(c)
		}
		return nil
	}))
	if len(phases) < 2 || phases["closed"] != 1 {
		l.Errorf("the cases are %v", phases)
	}
	l.accounted()
	if n := l.number(`SELECT count(*) FROM claim_runs r JOIN entities e ON e.uid = r.claim WHERE e.ref = 'measure:default/rules-proven' AND r.value = 100`); n == 0 {
		l.Error("canaries did not prove all rules that are on")
	}
	if lately := l.said(l.now.Add(-24*time.Hour), l.now); len(lately) < 6 {
		l.Errorf("in the last day only %v sent events", lately)
	}
}

// accounted: what was accepted is stored, a duplicate, rejected, dropped or waiting.
func (l *live) accounted() {
	l.Helper()
	rows, err := l.DB.Query(l.Context(), `SELECT source, counts FROM source_totals`)
	l.must(err)
	defer rows.Close()
	var all ingest.Counts
	for rows.Next() {
		var source, text string
		var c ingest.Counts
		l.must(rows.Scan(&source, &text))
		l.must(json.Unmarshal([]byte(text), &c))
		if sum := c.Stored + c.Duplicate + c.Refused() + c.Dropped + c.Waiting; sum != c.Accepted || c.Dropped+c.Refused()+c.Waiting > 0 {
			l.Errorf("%s: %+v", source, c)
		}
		all.Accepted += c.Accepted
	}
	l.must(rows.Err())
	if all.Accepted < 1000 {
		l.Errorf("only %d events were taken in", all.Accepted)
	}
}

// said counts the events between two moments by source.
func (l *live) said(from, to time.Time) map[string]int {
	l.Helper()
	l.must(l.Logs.Flush(l.Context()))
	n := map[string]int{}
	_, err := l.Logs.Rows(l.Context(), logs.Query{Org: auth.HomeID, Text: "*", From: from, To: to}, func(r logs.Row) error {
		n[r.Get(event.FieldSource)]++
		return nil
	})
	l.must(err)
	return n
}

// serves runs the server until a condition holds.
func (l *live) serves(until func() bool) {
	l.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	l.must(err)
	ctx, stop := context.WithTimeout(l.Context(), time.Minute)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- l.Serve(ctx, app.Serving{Listener: listener}) }()
	for !until() && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	if ctx.Err() != nil {
		l.Error("the server does not come to it")
	}
	stop()
	l.must(<-ended)
}

// TestSamplePast: a server lets machines say what they said long ago. One that
// ends before that is done goes on at the next start where it stopped: each event
// is there once.
func TestSamplePast(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	mark := filepath.Join(dir, "saying")
	text := func() string { data, _ := os.ReadFile(mark); return string(data) }
	l := openSample(t, sampleDay, dir)
	if got, want := text(), "2025-09-22T09:30:00Z"; got != want {
		t.Fatalf("what is long past is sent from %q on, want %q", got, want)
	}
	// A year takes a while; three weeks are enough.
	end := sampleDay.Add(-14 * 24 * time.Hour)
	from := end.Add(-21 * 24 * time.Hour)
	begun := from.Format(time.RFC3339)
	l.must(os.WriteFile(mark, []byte(begun), 0o600))
	l.must(l.Close())

	l = openSample(t, sampleDay, dir)
	l.serves(func() bool { return text() != begun })
	l.must(l.Close())
	l = openSample(t, sampleDay, dir)
	l.serves(func() bool { return text() == "" })
	want := map[string]int{}
	for x := range organisation(t, sampleDay).Sent(from, end) {
		want[x.Source]++
	}
	got := l.said(from, end.Add(-time.Microsecond))
	for source, n := range want {
		if got[source] != n {
			t.Errorf("%s: %d events of the past, want %d", source, got[source], n)
		}
	}
	if before := l.said(from.Add(-48*time.Hour), from.Add(-time.Microsecond)); len(before) > 4 {
		t.Errorf("what is before the mark was said again: %v", before)
	}
	if _, err := os.Stat(mark); !os.IsNotExist(err) {
		t.Errorf("the mark is still there: %v", err)
	}
	l.must(l.Close())
	openSample(t, sampleDay, dir).serves(func() bool { return true })
}
