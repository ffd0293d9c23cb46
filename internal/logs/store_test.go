package logs_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

var tenants = logs.TenantMap{"one": 1, "two": 2}

func open(t testing.TB, o logs.Options) *logs.Embedded {
	t.Helper()
	if o.Folder == "" {
		o.Folder = filepath.Join(t.TempDir(), "events")
	}
	o.Tenants, o.FreeBytes = tenants, 1
	if o.Keep == 0 {
		o.Keep = logs.DefaultKeep
	}
	s, err := logs.OpenEmbedded(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// stores runs a test on each kind of store. Each has organisations of its own.
func stores(t *testing.T, test func(t *testing.T, s logs.Store)) {
	t.Run("embedded", func(t *testing.T) { test(t, open(t, logs.Options{})) })
	t.Run("lazy", func(t *testing.T) {
		test(t, logs.Lazy(open(t, logs.Options{}).Limits(), func() (logs.Store, error) { return open(t, logs.Options{}), nil }))
	})
	t.Run("cluster", func(t *testing.T) { test(t, cluster(t)) })
}

// start is a whole hour of yesterday.
var start = time.Now().UTC().Truncate(time.Hour).Add(-24 * time.Hour)

func at(minutes float64) time.Time {
	return start.Add(time.Duration(minutes * float64(time.Minute)))
}

func add(t testing.TB, s logs.Store, org string, events ...event.Event) {
	t.Helper()
	if err := s.Add(t.Context(), org, events); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func rows(t testing.TB, s logs.Store, q logs.Query) (list []logs.Row, out logs.Outcome) {
	t.Helper()
	out, err := s.Rows(t.Context(), q, func(r logs.Row) error {
		list = append(list, r)
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", q.Text, err)
	}
	if int64(len(list)) != out.Rows {
		t.Errorf("%d rows, the outcome says %d", len(list), out.Rows)
	}
	return list, out
}

func ids(list []logs.Row) (out []string) {
	for _, r := range list {
		out = append(out, r.Get(event.FieldID))
	}
	return out
}

// some are events of a few hosts, one a minute.
func some(n int) (out []event.Event) {
	for i := range n {
		out = append(out, event.Event{ID: fmt.Sprintf("e%03d", i), Time: at(float64(i)), Seen: at(float64(i) + 0.5), Source: "web", Format: "json",
			Line: fmt.Appendf(nil, `{"message":"Number %d","host.name":"h%d","n":%d,"even":%v,"deep":{"er":["x","%d"]}}`, i, i%3, i, i%2 == 0, i)})
	}
	return out
}

func TestRowsComeBack(t *testing.T) {
	stores(t, func(t *testing.T, s logs.Store) {
		e := event.Event{ID: "a/1", Time: at(1).Add(123456789), Seen: at(2), Source: "src", Format: "json", Rules: []string{"r1", "r2"}, Batch: 9, Line: []byte(`{"deep":{"er":[1]},"none":null,"x":"y"}`)}
		add(t, s, "one", e)
		list, out := rows(t, s, logs.Query{Org: "one"})
		if len(list) != 1 || out.Limited || out.Partial {
			t.Fatalf("%d rows, %+v", len(list), out)
		}
		got := logs.Event(list[0])
		got.Line = nil
		want := e
		want.Line = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if got, want := string(logs.Event(list[0]).Line), `{"none":null,"deep":{"er":[1]},"x":"y"}`; !sameJSON(t, got, want) {
			t.Errorf("the line became %s, want %s", got, want)
		}
	})
}

func TestNewestFirst(t *testing.T) {
	stores(t, func(t *testing.T, s logs.Store) {
		events := some(100)
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		add(t, s, "one", events...)
		all, out := rows(t, s, logs.Query{Org: "one"})
		if len(all) != 100 || !slices.IsSortedFunc(all, func(a, b logs.Row) int { return b.Time.Compare(a.Time) }) {
			t.Errorf("%d rows: %v", len(all), ids(all))
		}
		if _, isEmbedded := s.(*logs.Embedded); isEmbedded && (out.Read < 100 || out.Bytes == 0) {
			t.Errorf("outcome %+v", out)
		}
		f := func(q logs.Query, want []string, limited bool) {
			t.Helper()
			q.Org = "one"
			got, out := rows(t, s, q)
			if diff := cmp.Diff(want, ids(got)); diff != "" || out.Limited != limited {
				t.Errorf("%+v: limited %v\n%s", q, out.Limited, diff)
			}
		}
		f(logs.Query{Limit: 3}, []string{"e099", "e098", "e097"}, true)
		f(logs.Query{Limit: 3, Offset: 2}, []string{"e097", "e096", "e095"}, true)
		f(logs.Query{Text: "even:=true", Limit: 2}, []string{"e098", "e096"}, true)
		f(logs.Query{From: at(3), To: at(5)}, []string{"e004", "e003"}, false)
		f(logs.Query{From: at(3), To: at(5), Limit: 2}, []string{"e004", "e003"}, false)
		f(logs.Query{From: at(3), To: at(5), Offset: 1}, []string{"e003"}, false)
		f(logs.Query{From: at(3).Add(1), To: at(4)}, nil, false)
		f(logs.Query{Text: "* | sort by (_time) | limit 2"}, []string{"e000", "e001"}, false)
		f(logs.Query{Text: "* | sort by (_time)", Limit: 2, Offset: 1}, []string{"e001", "e002"}, true)
		f(logs.Query{Text: "n:=7 | fields _time, event.id"}, []string{"e007"}, false)
		f(logs.Query{Text: "nothing"}, nil, false)
		if got, _ := rows(t, s, logs.Query{Org: "two"}); got != nil {
			t.Errorf("another organisation sees %v", ids(got))
		}
		if got, _ := rows(t, s, logs.Query{Org: "unheard of"}); got != nil {
			t.Errorf("no organisation sees %v", ids(got))
		}
		counted, _ := rows(t, s, logs.Query{Org: "one", Text: "* | stats by (host.name) count() n | sort by (host.name)"})
		if len(counted) != 3 || counted[0].Get("n") != "34" || !counted[0].Time.IsZero() {
			t.Errorf("counted %v", counted)
		}
	})
}

// TestNewestOfWithin: a question within a question is of the whole time, however
// little of it the newest rows are of.
func TestNewestOfWithin(t *testing.T) {
	stores(t, func(t *testing.T, s logs.Store) {
		add(t, s, "one", some(900)...)
		for _, q := range []logs.Query{{Limit: 10}, {Limit: 10, From: at(0), To: at(3000)}, {}, {Limit: 400, And: "even:*"}} {
			q.Org = "one"
			for _, text := range []string{"host.name:in(n:=1 | fields host.name)", "host.name:in(n:=1 | fields host.name) | fields _time, event.id", "Number host.name:in(n:=1 | fields host.name)"} {
				q.Text = text
				list, _ := rows(t, s, q)
				want := 300
				if q.Limit > 0 {
					want = min(want, q.Limit)
				}
				if got := ids(list); len(got) != want || got[0] != "e898" || got[1] != "e895" {
					t.Errorf("%+v: %d rows, want %d: %v", q, len(got), want, got[:min(5, len(got))])
				}
			}
		}
	})
}

func TestRowsEnd(t *testing.T) {
	stores(t, func(t *testing.T, s logs.Store) {
		add(t, s, "one", some(50)...)
		for _, text := range []string{"*", "* | sort by (n)"} {
			n := 0
			if out, err := s.Rows(t.Context(), logs.Query{Org: "one", Text: text}, func(logs.Row) error {
				if n++; n == 5 {
					return logs.ErrStop
				}
				return nil
			}); err != nil || n != 5 || out.Limited {
				t.Errorf("%s: stopped after %d rows: %v, %+v", text, n, err, out)
			}
			own := errors.New("own")
			if _, err := s.Rows(t.Context(), logs.Query{Org: "one", Text: text}, func(logs.Row) error { return own }); err != own {
				t.Errorf("%s: the error of the caller became %v", text, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := s.Rows(ctx, logs.Query{Org: "one", Text: text}, func(logs.Row) error { return nil }); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: cancelled, but %v", text, err)
			}
		}
	})
}

func TestHits(t *testing.T) {
	stores(t, func(t *testing.T, s logs.Store) {
		add(t, s, "one", some(100)...)
		list, _, err := s.Hits(t.Context(), logs.Query{Org: "one", From: at(5), To: at(65)}, 15*time.Minute, "", 0)
		if err != nil || len(list) != 1 || list[0].Total != 60 || !slices.Equal(list[0].Counts, []int64{15, 15, 15, 15}) || !list[0].Start[0].Equal(at(5)) {
			t.Errorf("%v: %+v", err, list)
		}
		list, _, err = s.Hits(t.Context(), logs.Query{Org: "one", Text: "n:<90", From: at(0), To: at(120)}, 30*time.Minute, "host.name", 2)
		if err != nil {
			t.Fatal(err)
		}
		want := []logs.Series{{Value: "h0", Counts: []int64{10, 10, 10, 0}, Total: 30}, {Value: "h1", Counts: []int64{10, 10, 10, 0}, Total: 30}, {Value: "", Counts: []int64{10, 10, 10, 0}, Total: 30}}
		for i := range list {
			list[i].Start = nil
		}
		if diff := cmp.Diff(want, list); diff != "" {
			t.Error(diff)
		}
		if list, _, err := s.Hits(t.Context(), logs.Query{Org: "one", Text: "nothing"}, time.Hour, "", 0); err != nil || list != nil {
			t.Errorf("of nothing: %v, %v", list, err)
		}
	})
}

func TestFacetsFieldsValues(t *testing.T) {
	stores(t, func(t *testing.T, s logs.Store) {
		add(t, s, "one", some(30)...)
		facets, _, err := s.Facets(t.Context(), logs.Query{Org: "one", Text: "n:<29 | stats count()"}, 2)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(facets, func(f logs.Facet) bool { return f.Field == "host.name" })
		if i < 0 || !slices.Equal(facets[i].Values, []logs.Value{{Text: "h0", Hits: 10}, {Text: "h1", Hits: 10}}) {
			t.Errorf("facets %+v", facets)
		}
		if slices.ContainsFunc(facets, func(f logs.Facet) bool { return f.Field == "_stream" || f.Field == event.FieldShape }) {
			t.Errorf("facets of the engine's own fields: %+v", facets)
		}
		fields, _, err := s.Fields(t.Context(), logs.Query{Org: "one"})
		if err != nil || !slices.Contains(fields, logs.Value{Text: "even", Hits: 30}) || slices.ContainsFunc(fields, func(v logs.Value) bool { return v.Text == event.FieldShape }) {
			t.Errorf("%v: fields %v", err, fields)
		}
		values, out, err := s.Values(t.Context(), logs.Query{Org: "one", Text: "n:>0"}, "host.name", 2)
		if diff := cmp.Diff([]logs.Value{{Text: "h1", Hits: 10}, {Text: "h2", Hits: 10}}, values); diff != "" || err != nil || !out.Limited {
			t.Errorf("%v, %+v: %s", err, out, diff)
		}
		if values, _, err := s.Values(t.Context(), logs.Query{Org: "one"}, "no such", 2); err != nil || values != nil {
			t.Errorf("%v, %v", values, err)
		}
	})
}

func TestCheck(t *testing.T) {
	s := logs.Lazy(logs.Limits{}, func() (logs.Store, error) { t.Fatal("opened"); return nil, nil })
	for _, text := range []string{"", "*", "a:b", `"x y" | stats by (a) count()`} {
		if err := s.Check(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	err := s.Check("a:b and (c")
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Invalid || len(f.Problems) != 1 || f.Problems[0].Line != 1 || f.Problems[0].Column < 9 {
		t.Errorf("%+v", err)
	}
}

// TestOddQuestions asks what the engine can read and cannot run.
func TestOddQuestions(t *testing.T) {
	s := open(t, logs.Options{})
	add(t, s, "one", some(3)...)
	for _, odd := range []string{".", "*", "..", "a.", "", " ", "\"", "|", "-", "_time", "_stream", "\x00", "é", "a:b", "(", "*a*"} {
		for _, q := range []logs.Query{{Org: "one", Text: odd}, {Org: "one", Text: odd, From: at(0), To: at(100)}} {
			told := func(err error) {
				t.Helper()
				var f *fault.Error
				if err != nil && !errors.As(err, &f) {
					t.Errorf("%q: %v is no fault", odd, err)
				}
			}
			_, err := s.Rows(t.Context(), q, func(logs.Row) error { return nil })
			told(err)
			_, _, err = s.Fields(t.Context(), q)
			told(err)
			_, _, err = s.Facets(t.Context(), q, 2)
			told(err)
			q.Text = "*"
			_, _, err = s.Values(t.Context(), q, odd, 2)
			told(err)
			_, _, err = s.Hits(t.Context(), q, time.Hour, odd, 2)
			told(err)
		}
	}
}

func TestRefusedAreNamed(t *testing.T) {
	stores(t, func(t *testing.T, s logs.Store) {
		events := some(6)
		events[1].Line = []byte(`no json`)
		events[2].Time = time.Unix(0, 0)
		events[3].Time = time.Now().AddDate(73, 0, 0)
		events[4].Line = []byte(`{"a":"` + strings.Repeat("x", 3<<20) + `"}`)
		err := s.Add(t.Context(), "one", events)
		want := logs.Refused{{Event: 1, Reason: logs.NotJSON}, {Event: 2, Reason: logs.TooOld}, {Event: 3, Reason: logs.TooNew}, {Event: 4, Reason: logs.TooLarge}}
		var got logs.Refused
		if !errors.As(err, &got) || !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", err, want)
		}
		s.Flush(t.Context())
		if list, _ := rows(t, s, logs.Query{Org: "one"}); !slices.Equal(ids(list), []string{"e005", "e000"}) {
			t.Errorf("stored %v", ids(list))
		}
	})
}

func TestAddBesideEachOther(t *testing.T) {
	stores(t, func(t *testing.T, s logs.Store) {
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				events := some(200)
				for i := range events {
					events[i].ID = fmt.Sprintf("w%d-%d", w, i)
				}
				for part := range slices.Chunk(events, 50) {
					if err := s.Add(t.Context(), "one", part); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		s.Flush(t.Context())
		list, _ := rows(t, s, logs.Query{Org: "one"})
		all := ids(list)
		slices.Sort(all)
		if all = slices.Compact(all); len(all) != 1600 || len(list) != 1600 {
			t.Errorf("%d events, %d ids", len(list), len(all))
		}
	})
}

// TestManyRows takes more rows than are held at a time, of which many have one
// time.
func TestManyRows(t *testing.T) {
	s := open(t, logs.Options{})
	const n = 70_000
	events := make([]event.Event, n)
	for i := range events {
		events[i] = event.Event{ID: fmt.Sprint(i), Time: at(float64(i % 1000 / 100)), Line: []byte(`{"a":"b"}`)}
	}
	add(t, s, "one", events...)
	seen := map[string]bool{}
	last := time.Now()
	out, err := s.Rows(t.Context(), logs.Query{Org: "one", Text: "a:=b"}, func(r logs.Row) error {
		if r.Time.After(last) {
			t.Fatal("rows are not in order")
		}
		last, seen[r.Get(event.FieldID)] = r.Time, true
		return nil
	})
	if err != nil || len(seen) != n || out.Rows != n {
		t.Errorf("%v: %d of %d events, %+v", err, len(seen), n, out)
	}
}

func TestStaysAfterClose(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "events")
	s := open(t, logs.Options{Folder: folder})
	add(t, s, "one", some(10)...)
	if _, err := logs.OpenEmbedded(logs.Options{Folder: folder, Tenants: tenants}); err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("opened twice: %v", err)
	}
	s.Close()
	if err := s.Add(t.Context(), "one", some(1)); err == nil {
		t.Error("added after Close")
	}
	s = open(t, logs.Options{Folder: folder})
	if list, _ := rows(t, s, logs.Query{Org: "one"}); len(list) != 10 {
		t.Errorf("%d events are left", len(list))
	}
	settled, err := s.Settled(t.Context())
	if err != nil || time.Since(settled) > time.Second {
		t.Errorf("all is on disk, but settled %v ago: %v", time.Since(settled), err)
	}
	add(t, s, "one", some(1)...)
	if settled, _ := s.Settled(t.Context()); time.Since(settled) < 5*time.Second {
		t.Errorf("events are in memory, but settled %v ago", time.Since(settled))
	}
	u, err := s.Usage(t.Context())
	if err != nil || u.Events != 11 || u.Bytes == 0 || u.Raw == 0 || u.Partitions == 0 || !u.Oldest.Equal(start) || u.Retention != logs.DefaultKeep || u.ReadOnly {
		t.Errorf("%v: %+v", err, u)
	}
}

func TestNoRoom(t *testing.T) {
	o := logs.Options{Folder: filepath.Join(t.TempDir(), "events"), Tenants: tenants, FreeBytes: 1 << 60}
	s, err := logs.OpenEmbedded(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var f *fault.Error
	if err := s.Add(t.Context(), "one", some(1)); !errors.As(err, &f) || f.Kind != fault.Unavailable || f.Hint == "" {
		t.Errorf("%v", err)
	}
}

// TestQuiet fails when the engine speaks before anybody uses it.
func TestQuiet(t *testing.T) {
	if os.Getenv("BINNACLE_TEST_QUIET") != "" {
		log.Print("spoken")
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestQuiet$")
	cmd.Env = append(os.Environ(), "BINNACLE_TEST_QUIET=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil || strings.Contains(stderr.String(), "metrics") || !strings.Contains(stderr.String(), "spoken") {
		t.Errorf("%v: %s", err, stderr.String())
	}
}

func TestTenants(t *testing.T) {
	sqldbtest.Run(t, logs.Migrations(), func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		a, b := logs.NewTenants(db), logs.NewTenants(db)
		if n, err := a.Tenant(ctx, "x", false); n != 0 || err != nil {
			t.Errorf("an organisation without events is %d: %v", n, err)
		}
		var wg sync.WaitGroup
		got := make([]uint32, 20)
		for i := range got {
			wg.Go(func() {
				who := a
				if i%2 == 0 {
					who = b
				}
				n, err := who.Tenant(ctx, fmt.Sprintf("o%d", i/2), true)
				if err != nil {
					t.Error(err)
				}
				got[i] = n
			})
		}
		wg.Wait()
		seen := map[uint32]bool{0: true}
		for i := 0; i < len(got); i += 2 {
			if got[i] != got[i+1] || seen[got[i]] {
				t.Fatalf("tenants %v", got)
			}
			seen[got[i]] = true
		}
		if n, _ := logs.NewTenants(db).Tenant(ctx, "o3", false); n != got[6] {
			t.Errorf("o3 became %d, was %d", n, got[6])
		}
	})
}

// TestKnown: what came after a moment is not seen, whenever it happened, also by
// a question within the question; an event that came at that moment is.
func TestKnown(t *testing.T) {
	stores(t, func(t *testing.T, s logs.Store) {
		seen := at(10).Add(100 * time.Millisecond)
		for i, after := range []time.Duration{-time.Hour, -50 * time.Millisecond, 0, time.Nanosecond, time.Second, 24 * time.Hour} {
			add(t, s, "one", event.Event{ID: fmt.Sprint(i), Time: at(float64(i)), Seen: seen.Add(after), Source: "web", Format: "json", Line: fmt.Appendf(nil, `{"message":"m","user":"u%d"}`, i)})
		}
		for _, c := range []struct {
			text string
			want int
		}{{"*", 3}, {"u5 or m", 3}, {"user:in(* | fields user)", 3}, {"* | union (* | fields user)", 6}, {"* | stats by (user) count() n", 3}} {
			list, _ := rows(t, s, logs.Query{Org: "one", Text: c.text, From: at(0), To: at(60), Known: seen})
			if len(list) != c.want {
				t.Errorf("%s: %d rows, want %d", c.text, len(list), c.want)
			}
			if list, _ := rows(t, s, logs.Query{Org: "one", Text: c.text, From: at(0), To: at(60), Known: seen, And: "-user:=u1"}); len(list) >= c.want {
				t.Errorf("%s, and another filter: %d rows", c.text, len(list))
			}
		}
		if _, err := s.Rows(t.Context(), logs.Query{Org: "one", And: "a:("}, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("a filter that cannot be read: %v", err)
		}
	})
}
