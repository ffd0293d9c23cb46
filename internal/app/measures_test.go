package app_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/claim/claimlogs"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// example is what example.yml holds: what there is, and what the measure finds.
type example struct {
	AsOf  time.Time     `yaml:"asOf"`
	Cases []exampleCase `yaml:"cases"`
}

type exampleCase struct {
	Name     string           `yaml:"name"`
	Entities []map[string]any `yaml:"entities"`
	Events   []exampleEvent   `yaml:"events"`
	// Rows are what tables hold, by the table's name.
	Rows    map[string][]map[string]any `yaml:"rows"`
	Decided []map[string]any            `yaml:"decided"` // written after, by somebody else
	Want    found                       `yaml:"want"`
}

// exampleEvent is what a sender sends: an object, or a line of text.
type exampleEvent struct {
	At     time.Time      `yaml:"at"`     // in place of what it says itself
	Late   string         `yaml:"late"`   // how long it was under way
	Source string         `yaml:"source"` // "" is "test"
	Format string         `yaml:"format"` // "" is found out
	Object map[string]any `yaml:"object"`
	Text   string         `yaml:"text"`
	Times  int            `yaml:"times"` // it comes so often, a second apart
}

type found struct {
	Verdict    string   `yaml:"verdict"`
	Zone       string   `yaml:"zone"`
	N          *int     `yaml:"n"`
	Value      *float64 `yaml:"value"`
	Exceptions []string `yaml:"exceptions"`
}

// TestMeasures tries every ready-made claim and measure on its examples: one on
// which it finds something, and one on which it finds nothing.
func TestMeasures(t *testing.T) {
	folder, err := fs.Sub(content.Measures, "measures")
	if err != nil {
		t.Fatal(err)
	}
	library := app.Library()
	if len(library) < 12 {
		t.Fatalf("only %d measures", len(library))
	}
	for _, r := range library {
		data, err := fs.ReadFile(folder, r.Name+"/example.yml")
		if err != nil {
			t.Fatal(err)
		}
		var x example
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		if err := dec.Decode(&x); err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		if len(x.Cases) < 2 {
			t.Errorf("%s has %d cases; there must be two", r.Name, len(x.Cases))
		}
		if !slices.ContainsFunc(x.Cases, func(c exampleCase) bool { return gocmp.Diff(c.Want, x.Cases[0].Want) != "" }) {
			t.Errorf("%s finds the same in every case", r.Name)
		}
		for _, c := range x.Cases {
			t.Run(r.Name+"/"+c.Name, func(t *testing.T) {
				b := newBench(t, x.AsOf)
				b.send(c.Events)
				b.hold(c.Rows)
				b.apply("ana", c.Entities)
				b.apply("leila", c.Decided)
				got := b.measure(r)
				if c.Want.N == nil && r.Kind == "Measure" { // a claim says of how many
					got.N = nil
				}
				if c.Want.Zone == "" {
					got.Zone = ""
				}
				if diff := gocmp.Diff(c.Want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

// bench is an empty organisation on which a measure is tried, at a moment.
type bench struct {
	*testing.T
	catalog *catalog.Catalog
	engine  *claim.Engine
	tables  []*claim.Table
	store   logs.Store
	clock   time.Time
}

func newBench(t *testing.T, asOf time.Time) *bench {
	db := sqldbtest.SQLite(t, app.Migrations())
	b := &bench{T: t, clock: asOf}
	now := func() time.Time { b.clock = b.clock.Add(time.Millisecond); return b.clock }
	b.catalog = catalog.New(db, app.Kinds(), catalog.WithClock(now))
	cfg := claim.Config{DB: db, Catalog: b.catalog, Feed: feed.New(db), Now: now}
	for _, m := range app.Modules() {
		cfg.Bearers, cfg.Tables = append(cfg.Bearers, m.Bearers...), append(cfg.Tables, m.Asked()...)
	}
	b.tables = cfg.Tables
	folder := t.TempDir()
	b.store = logs.Lazy(logs.EmbeddedLimits(0), func() (logs.Store, error) {
		return logs.OpenEmbedded(logs.Options{Folder: folder, Tenants: logs.TenantMap{auth.HomeID: 1}, FreeBytes: 1})
	})
	t.Cleanup(func() { b.store.Close() })
	cfg.Languages = []claim.Language{claimlogs.Language(claimlogs.Config{Store: b.store, Now: now})}
	b.engine = claim.New(cfg)
	return b
}

// send has events parsed and stored.
func (b *bench) send(list []exampleEvent) {
	b.Helper()
	var events []event.Event
	for i, x := range list {
		data := []byte(x.Text)
		if x.Object != nil {
			var err error
			if data, err = json.Marshal(x.Object); err != nil {
				b.Fatalf("event %d: %v", i, err)
			}
		}
		format, ok := all.Get(x.Format)
		if !ok {
			b.Fatalf("event %d: there is no format %q", i, x.Format)
		}
		var out parser.Out
		if err := format.Parse(data, &parser.Env{Now: b.clock, Time: x.At}, &out); err != nil {
			b.Fatalf("event %d: %v", i, err)
		}
		late, err := time.ParseDuration(cmp.Or(x.Late, "0"))
		if err != nil {
			b.Fatalf("event %d: %v", i, err)
		}
		for n := range max(x.Times, 1) {
			when := cmp.Or(x.At, out.Time).Add(time.Duration(n) * time.Second)
			events = append(events, event.Event{ID: fmt.Sprint(i, ".", n), Time: when, Seen: when.Add(late), Source: cmp.Or(x.Source, "test"), Format: cmp.Or(out.Format, format.Name), Line: out.Line})
		}
	}
	if len(events) == 0 {
		return
	}
	if err := errors.Join(b.store.Add(b.Context(), auth.HomeID, events), b.store.Flush(b.Context())); err != nil {
		b.Fatal(err)
	}
}

// hold has tables hold rows, of fields that they have.
func (b *bench) hold(tables map[string][]map[string]any) {
	b.Helper()
	for name, rows := range tables {
		i := slices.IndexFunc(b.tables, func(t *claim.Table) bool { return t.Name == name })
		if i < 0 {
			b.Fatalf("there is no table %q", name)
		}
		for _, row := range rows {
			for field, value := range row {
				if !slices.ContainsFunc(b.tables[i].Fields, func(c claim.Column) bool { return c.Name == field }) {
					b.Fatalf("%s has no field %q", name, field)
				}
				if n, ok := value.(int); ok {
					row[field] = float64(n)
				}
			}
		}
		b.tables[i].Scan = func(_ context.Context, _ sqldb.Querier, _ string, _ claim.Moment, yield claim.Yield) error {
			for _, row := range rows {
				if err := yield(fmt.Sprint(row[b.tables[i].Fields[0].Name]), fmt.Sprint(row["title"]), row); err != nil {
					return err
				}
			}
			return nil
		}
	}
}

func (b *bench) as(name string) catalog.Caller {
	p := auth.Local(auth.HomeID, name, "cli")
	p.UserRef = "user:default/" + name
	return catalog.Caller{Principal: p, Manager: "test"}
}

func (b *bench) apply(who string, docs []map[string]any) {
	b.Helper()
	for _, d := range docs {
		data, err := json.Marshal(d)
		if err == nil {
			var list []catalog.Document
			if list, err = b.catalog.Decode("example.yml", data); err == nil {
				_, err = b.catalog.Apply(b.Context(), b.as(who), list, catalog.ApplyOptions{})
			}
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.settle()
}

// settle runs what is due, and what asks about claims a while after.
func (b *bench) settle() {
	b.Helper()
	for range 2 {
		if _, err := b.engine.Settle(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.clock = b.clock.Add(2 * time.Minute)
	}
}

// measure adds a ready-made one and returns what it finds.
func (b *bench) measure(r claim.Ready) found {
	b.Helper()
	e, err := r.Entity(lang.Spanish, "")
	if err == nil {
		_, err = b.catalog.Create(b.Context(), b.as("ana"), e)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.settle()
	ref := entity.NewRef(r.Kind, "", r.Name)
	v, err := b.engine.Get(b.Context(), b.as("ana"), ref)
	if err != nil {
		b.Fatal(err)
	}
	last := v.Evidence[0].Last
	_, a, _, err := b.engine.RunOf(b.Context(), b.as("ana"), ref, last.Seq)
	if err != nil {
		b.Fatal(err)
	}
	out := found{Verdict: string(last.Verdict), Zone: string(last.Zone), N: &last.N, Value: last.Value}
	for _, x := range a.Exceptions {
		out.Exceptions = append(out.Exceptions, x.Key)
	}
	if last.Reason != "" {
		b.Errorf("%s says %s", strings.ToLower(r.Kind), last.Reason)
	}
	slices.Sort(out.Exceptions)
	return out
}
