package sources

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/operations"
	"github.com/binnaclehq/binnacle/internal/domain/people"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// sink is a store that takes everything.
type sink struct{ logs.Store }

func (sink) Add(context.Context, string, []event.Event) error { return nil }
func (sink) Settled(context.Context) (time.Time, error)       { return time.Time{}, nil }
func (sink) Flush(context.Context) error                      { return nil }
func (sink) Limits() logs.Limits {
	return logs.Limits{Bytes: ingest.MaxEvent, Fields: ingest.MaxFields}
}

// clock is a time that can be moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// house is sources over a database.
type house struct {
	*testing.T
	Config
	clock    *clock
	in       *ingest.Intake
	recorder *Recorder
}

func each(t *testing.T, suite func(h *house)) {
	kinds := slices.Concat(operations.Module().Kinds, people.Module().Kinds, []*catalog.Kind{sourceKind()})
	sqldbtest.Run(t, slices.Concat(catalogtest.Migrations(), auth.Migrations(), migrations()), func(t *testing.T, db *sqldb.DB) {
		h := &house{T: t, clock: &clock{at: time.Date(2026, 9, 22, 10, 30, 0, 0, time.UTC)}}
		h.DB, h.Catalog = db, catalog.New(db, catalog.NewKinds(kinds...), catalog.WithClock(h.clock.now))
		h.start()
		suite(h)
	})
}

// start begins a node of its own.
func (h *house) start() {
	h.Helper()
	in, err := ingest.Open(h.Context(), ingest.Config{Dir: h.TempDir(), Store: sink{}, Formats: all.Formats(), Now: h.clock.now})
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { in.Close(context.Background()) })
	h.in, h.recorder = in, &Recorder{DB: h.DB, Intake: in, Log: slog.New(slog.DiscardHandler)}
	h.Intake = func() *ingest.Intake { return in }
}

// send sends n events that happened a while ago, and one that is refused.
func (h *house) send(source string, n int, ago time.Duration) {
	h.Helper()
	var records []ingest.Record
	for i := range n {
		records = append(records, ingest.Record{Data: fmt.Appendf(nil, `{"@timestamp":%q,"n":%d}`, h.clock.now().Add(-ago).Format(time.RFC3339Nano), i)})
	}
	records = append(records, ingest.Record{Data: []byte(" ")})
	if _, err := h.in.Take(h.Context(), ingest.Batch{Org: "default", Source: source, Records: records}); err != nil {
		h.Fatal(err)
	}
	if err := h.in.Drained(h.Context()); err != nil {
		h.Fatal(err)
	}
	if err := h.recorder.Record(h.Context()); err != nil {
		h.Fatal(err)
	}
}

func (h *house) apply(text string) {
	h.Helper()
	docs, err := h.Catalog.Decode("t.yaml", []byte(text))
	if err != nil {
		h.Fatal(err)
	}
	caller := catalog.Caller{Principal: auth.Principal{Account: "a", Name: "Ana", Org: "default", Role: auth.RoleOwner}, Manager: "test"}
	if _, err := h.Catalog.Apply(h.Context(), caller, docs, catalog.ApplyOptions{}); err != nil {
		h.Fatal(err)
	}
}

// rows are the rows of the table as of a moment.
func (h *house) rows(at time.Time) map[string]map[string]any {
	h.Helper()
	out := map[string]map[string]any{}
	err := h.table().Scan(h.Context(), h.DB, "default", claim.Moment{At: at}, func(key, _ string, row map[string]any) error {
		out[key] = row
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	return out
}

func TestHours(t *testing.T) {
	each(t, func(h *house) {
		h.send("web", 10, time.Second)
		h.send("web", 5, time.Second)
		h.clock.move(2 * time.Hour)
		h.send("web", 1, 10*time.Minute)
		h.start() // another node
		h.send("web", 3, time.Second)
		all, err := h.known(h.Context(), "default", h.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		k := all["web"]
		if k == nil || k.Counts.Accepted != 23 || k.Counts.Stored != 19 || k.Counts.Refused() != 4 || k.Counts.Missing() != 0 {
			t.Fatalf("over all nodes: %+v", k)
		}
		if k.Day.Accepted != 23 || k.Hourly[23] != 6 || k.Hourly[21] != 17 {
			t.Errorf("by the hour: %+v %v", k.Day, k.Hourly)
		}
		if q := k.Lag.Quantile(0.5); q < 500*time.Millisecond || q > 2*time.Second {
			t.Errorf("the median lag is %s", q)
		}
		if len(k.Samples) == 0 || k.Samples[0].Reason != ingest.Empty {
			t.Errorf("samples: %+v", k.Samples)
		}
	})
}

func TestTable(t *testing.T) {
	each(t, func(h *house) {
		began := h.clock.now()
		h.apply("apiVersion: binnacle.dev/v1\nkind: Source\nmetadata: {name: web}\nspec: {owner: group:platform, covers: [component:shop], silentAfter: 2h}\n---\napiVersion: binnacle.dev/v1\nkind: Source\nmetadata: {name: quiet}\nspec: {}\n")
		h.send("web", 10, time.Second)
		h.clock.move(5 * time.Hour)
		h.send("other", 1, 10*time.Minute)
		now := h.rows(h.clock.now())
		if r := now["web"]; r["silent"] != true || r["silentHours"].(float64) < 4.9 || r["owner"] != "group:platform" || fmt.Sprint(r["covers"]) != "[component:shop]" || r["accepted"] != int64(11) || r["rejected"] != int64(1) || r["described"] != true {
			t.Errorf("web: %v", r)
		}
		if r := now["quiet"]; r["silent"] != true || r["silentHours"] != never || r["lastSeen"] != "" {
			t.Errorf("quiet: %v", r)
		}
		if r := now["other"]; r["described"] != false || r["silent"] != false || r["skewP99"].(float64) < 300 {
			t.Errorf("other: %v", r)
		}
		then := h.rows(began.Add(time.Hour))
		if r := then["web"]; r["silent"] != false || r["silentHours"].(float64) > 1.1 {
			t.Errorf("web four hours before: %v", r)
		}
		if then["other"] != nil {
			t.Errorf("other was there before it sent anything: %v", then["other"])
		}
	})
}

func TestDescribed(t *testing.T) {
	each(t, func(h *house) {
		h.apply("apiVersion: binnacle.dev/v1\nkind: Source\nmetadata: {name: fw}\nspec: {format: linux, zone: Europe/Madrid, delay: 15m, rate: 5, megabytesPerDay: 2, hosts: [gate], networks: [10.1.0.0/16]}\n---\napiVersion: binnacle.dev/v1\nkind: Source\nmetadata: {name: dmz}\nspec: {networks: [10.1.2.0/24, 192.0.2.7]}\n")
		d := NewDescribed(h.Catalog)
		if s := d.Settings(h.Context(), "default", "fw"); s.Format != "linux" || s.Zone.String() != "Europe/Madrid" || s.Delay != 15*time.Minute || s.Rate != 5 || s.BytesPerDay != 2_000_000 {
			t.Errorf("settings: %+v", s)
		}
		if s := d.Settings(h.Context(), "default", "nobody"); s != (ingest.Settings{}) {
			t.Errorf("settings of a source that nobody has described: %+v", s)
		}
		for _, c := range []struct{ host, addr, want string }{{"gate", "203.0.113.1", "fw"}, {"x", "10.1.9.9", "fw"}, {"x", "10.1.2.3", "dmz"}, {"", "192.0.2.7", "dmz"}, {"", "::ffff:10.1.2.3", "dmz"}, {"x", "198.51.100.1", ""}} {
			if got := d.Named(h.Context(), "default", c.host, netip.MustParseAddr(c.addr)); got != c.want {
				t.Errorf("%s at %s is of %q, want %q", c.host, c.addr, got, c.want)
			}
		}
	})
}
