package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

var formats = []parser.Format{object(), {Name: "broken", Parse: func([]byte, *parser.Env, *parser.Out) error { panic("oh") }}}

// object is the format of JSON objects that say their ids.
func object() parser.Format {
	return parser.JSON(parser.Format{Name: "json"}, func(*parser.Reader) bool { return true }, func(r *parser.Reader) { r.Time(); r.ID("event.id") })
}

func open(t *testing.T, dir string, s logs.Store, change ...func(*Config)) *Intake {
	t.Helper()
	cfg := Config{Dir: dir, Store: s, Formats: formats, Default: "json", Free: func(string) (int64, error) { return 1 << 40, nil }}
	for _, f := range change {
		f(&cfg)
	}
	in, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(in.crash)
	return in
}

// crash ends an Intake as the end of its process would: nothing is finished.
func (in *Intake) crash() {
	in.mu.Lock()
	was := in.closed
	in.closed = true
	in.mu.Unlock()
	if was {
		return
	}
	in.stop()
	in.line.end()
	in.rouse()
	in.writing.Wait()
	in.working.Wait()
	in.ids.close()
}

func lines(texts ...string) []Record {
	var out []Record
	for _, s := range texts {
		out = append(out, Record{Data: []byte(s)})
	}
	return out
}

func drained(t *testing.T, in *Intake) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := in.Drained(ctx); err != nil {
		t.Fatalf("events still wait: %+v", in.State())
	}
}

func counts(t *testing.T, in *Intake, org, source string) Counts {
	t.Helper()
	for _, s := range in.Sources(org) {
		if s.Name == source {
			if s.Counts.Missing() != 0 {
				t.Fatalf("the numbers do not add up: %+v", s.Counts)
			}
			return s.Counts
		}
	}
	t.Fatalf("there is no source %s/%s", org, source)
	return Counts{}
}

func TestTake(t *testing.T) {
	s := newStore()
	in := open(t, t.TempDir(), s)
	now := time.Now().UTC()
	at := now.Format(time.RFC3339Nano)
	got, err := in.Take(t.Context(), Batch{Org: "a", Source: "web", Records: lines(
		`{"event.id":"1","message":"one","@timestamp":"`+at+`"}`,
		`{"event.id":"1","message":"one again"}`,
		`{"message":"no name"}`,
		`no json`,
		`{"message":"old","@timestamp":"1970-01-01T00:00:00Z"}`,
		`{"message":"new","@timestamp":"2099-01-01T00:00:00Z"}`,
		strings.Repeat("x", MaxEvent+1),
		"{\"message\":\"caf\xe9\"}",
		" ",
		"\x00\x01\x02\xff\xfe binary",
		"\xff\xfe{\x00\"\x00a\x00\"\x00:\x001\x00}\x00",
		manyFields(5000),
		strings.Repeat(`{"a":`, 100)+`1`+strings.Repeat(`}`, 100),
	)})
	if err != nil {
		t.Fatal(err)
	}
	why := map[int]string{}
	for _, r := range got.Rejected {
		why[r.Record] = r.Reason
		if r.Detail == "" {
			t.Errorf("record %d is refused without a word", r.Record)
		}
	}
	want := map[int]string{3: "not-json", 4: TooOld, 5: TooNew, 6: TooLarge, 8: Empty, 9: "not-json", 11: TooManyFields, 12: TooDeep}
	if diff := cmp.Diff(want, why); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	drained(t, in)
	c := counts(t, in, "a", "web")
	if c.Accepted != 13 || c.Duplicate != 1 || c.Repaired != 1 || c.Waiting != 0 || c.Evaluated != c.Stored {
		t.Errorf("counts: %+v", c)
	}
	for _, e := range s.events["a"] {
		if e.ID == "" || e.Batch == 0 || e.Source != "web" || e.Format != "json" || e.Seen.IsZero() || e.Time.IsZero() {
			t.Errorf("an event is not whole: %+v", e)
		}
		if bytes.Contains(e.Line, []byte("caf")) && string(e.Line) != `{"message":"café"}` {
			t.Errorf("the line is %s", e.Line)
		}
	}
	// What is sent again is stored once.
	if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "other", Records: lines(`{"event.id":"1"}`)}); err != nil {
		t.Fatal(err)
	}
	// Another organisation has ids of its own.
	if _, err := in.Take(t.Context(), Batch{Org: "b", Source: "web", Records: lines(`{"event.id":"1"}`)}); err != nil {
		t.Fatal(err)
	}
	drained(t, in)
	if c := counts(t, in, "a", "other"); c.Duplicate != 1 || c.Stored != 0 {
		t.Errorf("the same event of another source: %+v", c)
	}
	if c := counts(t, in, "b", "web"); c.Stored != 1 {
		t.Errorf("the same id in another organisation: %+v", c)
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `%c"f%d":%d`, "{,"[min(i, 1)], i, i)
	}
	return b.String() + "}"
}

func TestTooOld(t *testing.T) {
	in := open(t, t.TempDir(), newStore())
	got, err := in.Take(t.Context(), Batch{Org: "a", Records: lines(`{"@timestamp":"1970-01-01T00:00:00Z"}`)})
	if err != nil || len(got.Rejected) != 1 || got.Rejected[0].Reason != TooOld {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestPanic(t *testing.T) {
	in := open(t, t.TempDir(), newStore())
	got, err := in.Take(t.Context(), Batch{Org: "a", Format: "broken", Source: "x", Records: lines("1", "2")})
	if err != nil || len(got.Rejected) != 2 || got.Rejected[1].Reason != ParserFailed {
		t.Errorf("got %+v, %v", got, err)
	}
	if c := counts(t, in, "a", "x"); c.Panics != 2 || c.Refused() != 2 {
		t.Errorf("counts: %+v", c)
	}
}

func TestGivenFields(t *testing.T) {
	s := newStore()
	in := open(t, t.TempDir(), s)
	given := []Field{{"host.name", `we"b`}, {"user.name", "root"}, {"message", "no"}, {"empty", ""}}
	recs := []Record{{Data: []byte(`{"message":"m","user":{"name":"ann"}}`), Fields: given, ID: "7", Time: time.Unix(0, time.Now().UnixNano()-1000)}, {Data: []byte(`{}`), Fields: given[:1]}}
	if _, err := in.Take(t.Context(), Batch{Org: "a", Records: recs}); err != nil {
		t.Fatal(err)
	}
	drained(t, in)
	e := s.events["a"][0]
	if want := `{"message":"m","user":{"name":"ann"},"host.name":"we\"b"}`; string(e.Line) != want || e.ID != "7" || !e.Time.Equal(recs[0].Time) || e.Source != "unknown" {
		t.Errorf("got %s %+v", e.Line, e)
	}
	if got := string(s.events["a"][1].Line); got != `{"host.name":"we\"b"}` {
		t.Errorf("got %s", got)
	}
}

// TestMembers: it is said right where the members of events stand, of records that
// were read as they came and are larger than what is said, and not of others.
func TestMembers(t *testing.T) {
	s := newStore()
	in := open(t, t.TempDir(), s, func(c *Config) { c.Formats, c.Default = all.Formats(), "auto" })
	text := strings.Repeat("text ", 100)
	b := Batch{Org: "a", Source: "x", Records: lines(`{"event.id":"1","a":"`+text+`","host":{"name":"h"}}`, `{"event.id":"2", "EventID":4624,"Channel":"Security","Hostname":"h","Message":"m\r\n`+text+`"} `,
		`{"event.id":"1"}`, text, `{"event.id":"5","a":"`+text+"\xff\"}", `{"event.id":"6","a":"`+text+`"}`, `{"event.id":"7","a":"`+text+`"}`, `{"event.id":"8","a":1,"b":2,"c":3}`)}
	b.Records[5].Fields = []Field{{"k", "v"}}
	b.Records[6].Sure = []Field{{"k", "v"}}
	known := map[string]bool{}
	in.cfg.Stages = []Stage{looks(func(events []event.Event) {
		for _, e := range events {
			if known[e.ID] = e.Members.Places != nil; e.Members.Places == nil {
				continue
			}
			if want, err := jsonline.Places(nil, e.Line); err != nil || !slices.Equal(e.Members.Places, want) {
				t.Errorf("the members of %s are said to be at %v, and are at %v, %v", e.Line, e.Members.Places, want, err)
			}
		}
	})}
	if _, err := in.Take(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	drained(t, in)
	if !known["1"] || !known["2"] || known["5"] || known["6"] || known["7"] || known["8"] || len(known) != 7 {
		t.Errorf("the members are known of %v", known)
	}
}

type looks func([]event.Event)

func (f looks) Look(_ context.Context, _ string, events []event.Event) error {
	f(events)
	return nil
}

// TestVersions: a folder of the version before is gone on with, and says then that it
// is of this one; one of a later version is left alone.
func TestVersions(t *testing.T) {
	dir := t.TempDir()
	in := open(t, dir, newStore())
	if err := in.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, checkpointFile)
	set := func(from, to string) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), from) {
			t.Fatalf("the checkpoint is %s", data)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(data), from, to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set(`"version":2`, `"version":1`)
	open(t, dir, newStore()).crash() // nothing has settled since
	set(`"version":2`, `"version":3`)
	if _, err := Open(t.Context(), Config{Dir: dir, Store: newStore(), Formats: formats}); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("a folder of a later version: %v", err)
	}
	f := &frame{seq: 1, org: "a", source: "x"}
	head := f.encode()
	head[frameHead] = packedLines + 1
	if _, err := decode(head[frameHead:], checksum(head[frameHead:])); err == nil || errors.Is(err, errDamaged) {
		t.Errorf("a frame of a form that is not known: %v", err)
	}
}

// noise is a text that does not pack.
func noise(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	return string(b)
}

// TestFull fills the spool while the engine is away: senders are told to come
// again, and what was taken is stored when it is back.
func TestFull(t *testing.T) {
	s := newStore()
	s.away = true
	in := open(t, t.TempDir(), s, func(c *Config) { c.MaxSpool = 200_000 })
	taken := 0
	var err error
	for taken < 1000 {
		if _, err = in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(`{"m":"` + noise(1000) + `"}`)}); err != nil {
			break
		}
		taken++
	}
	var f *fault.Error
	if !fault.Is(err, fault.RateLimited) || taken < 50 {
		t.Fatalf("after %d: %v", taken, err)
	}
	if f, _ = err.(*fault.Error); f == nil || f.RetryAfter <= 0 {
		t.Errorf("the sender is not told when to come again: %v", err)
	}
	if c := counts(t, in, "a", "x"); c.Waiting != int64(taken) {
		t.Errorf("counts: %+v", c)
	}
	if r := in.Offer(Batch{Org: "a", Source: "udp", Records: lines(`{"a":"`+strings.Repeat("y", 2000)+`"}`, `{"a":2}`)}); r.Accepted != 0 {
		t.Errorf("offered: %+v", r)
	}
	if c := counts(t, in, "a", "udp"); c.Dropped != 2 || c.Accepted != 2 {
		t.Errorf("counts: %+v", c)
	}
	s.mu.Lock()
	s.away = false
	s.mu.Unlock()
	drained(t, in)
	s.settle()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err = in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(`{"m":1}`)}); err == nil {
			break
		}
		s.settle()
		if time.Now().After(deadline) {
			t.Fatalf("there is no room again: %v, %+v", err, in.State())
		}
	}
	drained(t, in)
	if c := counts(t, in, "a", "x"); c.Stored != int64(taken)+1 {
		t.Errorf("counts: %+v, taken %d", c, taken)
	}
}

// TestCrashes ends the program again and again while events come, and loses
// what the engine had not settled. Nothing that was acknowledged is lost, and
// nothing is there twice.
func TestCrashes(t *testing.T) {
	const perSender, senders = 40, 4
	dir := t.TempDir()
	s := newStore()
	s.partial = 0.05
	done := make([]int, senders)
	for round := 0; ; round++ {
		in := open(t, dir, s)
		var wg sync.WaitGroup
		for n := range senders {
			wg.Go(func() {
				for done[n] < perSender {
					var texts []string
					for i := range 50 {
						texts = append(texts, fmt.Sprintf(`{"event.id":"%d-%d-%d","n":%d}`, n, done[n], i, i))
					}
					if _, err := in.Take(t.Context(), Batch{Org: "a", Source: fmt.Sprint("s", n), Records: lines(texts...)}); err != nil {
						return // it is sent again after the start
					}
					if rand.IntN(10) == 0 {
						return // the answer did not arrive: it is sent again, too
					}
					done[n]++
				}
			})
		}
		if round%3 == 2 {
			s.settle()
		}
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
		finished := round >= 8
		if finished {
			wg.Wait()
			all := true
			for _, n := range done {
				all = all && n == perSender
			}
			if all {
				drained(t, in)
				checkWhole(t, in, s, senders*perSender*50)
				return
			}
		}
		in.crash()
		wg.Wait()
		s.crash(0.5)
		tear(t, dir, round)
	}
}

func checkWhole(t *testing.T, in *Intake, s *store, want int) {
	t.Helper()
	ids := s.ids("a")
	if len(ids) != want {
		t.Errorf("%d events are stored, %d were acknowledged", len(ids), want)
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("event %s is stored %d times", id, n)
		}
	}
	var sum Counts
	for _, x := range in.Sources("a") {
		sum.Add(counts(t, in, "a", x.Name))
	}
	if sum.Stored != int64(want) || sum.Waiting != 0 || sum.Missing() != 0 {
		t.Errorf("the numbers are %+v", sum)
	}
}

// tear leaves a frame at the end of the spool that was not written wholly, or not
// as it was.
func tear(t *testing.T, dir string, round int) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"+segmentEnd))
	if err != nil || len(list) == 0 {
		return
	}
	f, err := os.OpenFile(list[len(list)-1], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x := &frame{seq: 9999, org: "a", source: "torn", lines: []byte(`{"a":1}`), events: make([]event.Event, 1), notes: make([]note, 1)}
	x.events[0].Line = x.lines
	whole := written(x)
	if round%2 == 0 {
		whole = whole[:len(whole)-1-round%20]
	} else {
		whole[len(whole)-1-round%len(whole)] ^= 1
	}
	if _, err := f.Write(whole); err != nil {
		t.Fatal(err)
	}
}

// TestGone takes an engine whose machine loses what it had taken: it is stored
// again before it is forgotten.
func TestGone(t *testing.T) {
	s := newStore()
	in := open(t, t.TempDir(), s, func(c *Config) { c.Verify = true })
	for i := range 20 {
		if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(fmt.Sprintf(`{"event.id":"%d"}`, i))}); err != nil {
			t.Fatal(err)
		}
	}
	drained(t, in)
	if s.crash(0.5) == 0 {
		t.Fatal("nothing was lost")
	}
	for deadline := time.Now().Add(10 * time.Second); len(s.ids("a")) < 20; time.Sleep(20 * time.Millisecond) {
		s.settle()
		if time.Now().After(deadline) {
			t.Fatalf("%d of 20 are stored", len(s.ids("a")))
		}
	}
	checkWhole(t, in, s, 20)
}

// TestLongAgo sends an event again whose id is forgotten.
func TestLongAgo(t *testing.T) {
	s := newStore()
	in := open(t, t.TempDir(), s)
	in.ids.most = 10
	old := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	for i := range 40 {
		if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(fmt.Sprintf(`{"event.id":"%d","@timestamp":"%s"}`, i, old))}); err != nil {
			t.Fatal(err)
		}
	}
	drained(t, in)
	if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(`{"event.id":"0","@timestamp":"`+old+`"}`, `{"event.id":"new","@timestamp":"`+old+`"}`)}); err != nil {
		t.Fatal(err)
	}
	drained(t, in)
	if c := counts(t, in, "a", "x"); c.Stored != 41 || c.Duplicate != 1 || s.ids("a")["0"] != 1 {
		t.Errorf("counts: %+v", c)
	}
}

// slow is a store that takes its time.
type slow struct{ *store }

func (s slow) Add(ctx context.Context, org string, events []event.Event) error {
	time.Sleep(300 * time.Millisecond)
	return s.store.Add(ctx, org, events)
}

// TestPace: a sender that is faster than the store is held up a little, so that what
// waits stays in memory and need not be read from the disk again.
func TestPace(t *testing.T) {
	in := open(t, t.TempDir(), slow{newStore()})
	text := strings.Repeat("z", 1_000_000)
	for i := range 70 {
		if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(fmt.Sprintf(`{"n":%d,"m":"%s"}`, i, text))}); err != nil {
			t.Fatal(err)
		}
	}
	in.line.mu.Lock()
	if in.line.disk.file != nil || in.line.held != in.line.unread {
		t.Errorf("of %d bytes that wait, %d are in memory", in.line.unread, in.line.held)
	}
	in.line.mu.Unlock()
	drained(t, in)
	if in.line.unread != 0 {
		t.Errorf("%d bytes are said to wait", in.line.unread)
	}
}

// TestMuch lets more wait than is kept in memory.
func TestMuch(t *testing.T) {
	s := newStore()
	s.away = true
	dir := t.TempDir()
	in := open(t, dir, s)
	for i := range 60 {
		var texts []string
		for k := range 10 {
			texts = append(texts, fmt.Sprintf(`{"event.id":"%d-%d","m":"%s"}`, i, k, noise(100_000)))
		}
		if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(texts...)}); err != nil {
			t.Fatal(err)
		}
	}
	in.line.mu.Lock()
	if in.line.held > inMemory {
		t.Errorf("%d bytes are held", in.line.held)
	}
	in.line.mu.Unlock()
	s.mu.Lock()
	s.away, s.adds = false, 0
	s.mu.Unlock()
	drained(t, in)
	if s.adds > 20 {
		t.Errorf("60 frames, most of them read back, were stored in %d parts", s.adds)
	}
	checkWhole(t, in, s, 600)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		s.settle()
		if list, _ := filepath.Glob(filepath.Join(dir, "*"+segmentEnd)); len(list) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("what is stored for good still lies in the spool")
		}
	}
	if err := in.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	in = open(t, dir, s)
	if c := counts(t, in, "a", "x"); c.Stored != 600 || c.Waiting != 0 {
		t.Errorf("after the start: %+v", c)
	}
}

// TestZones: a time that does not say its zone is of the one that its collector was
// told, else of that of its source, else of the one that the way it came tells.
func TestZones(t *testing.T) {
	at := func(hours int) *time.Location { return time.FixedZone("", hours*3600) }
	for _, c := range []struct {
		name                   string
		collector, source, way *time.Location
		want                   int // hour of the day in UTC
	}{
		{"nobody says it", nil, nil, nil, 10},
		{"the way says it", nil, nil, at(1), 9},
		{"the source says it", nil, at(2), at(1), 8},
		{"the collector says it", at(3), at(2), at(1), 7},
		{"of UTC", nil, time.UTC, at(1), 10},
	} {
		in := open(t, t.TempDir(), newStore(), func(cfg *Config) {
			cfg.Source = func(context.Context, string, string) Settings { return Settings{Zone: c.source} }
		})
		now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
		b := &Batch{Org: "a", Source: "x", Zone: c.collector, Records: []Record{{Data: []byte(`{"EventTime":"2026-11-29 10:00:00"}`), Time: now, Zone: c.way}}}
		f, refused := in.read(b, in.cfg.Source(t.Context(), "a", "x"), now)
		if len(refused) > 0 || len(f.events) != 1 || f.events[0].Time.Hour() != c.want {
			t.Errorf("%s: %v %v, want hour %d", c.name, f.events, refused, c.want)
		}
	}
}

func TestLimits(t *testing.T) {
	var l limits
	now := time.Unix(1_800_000_000, 0)
	set := Settings{Rate: 10, BytesPerDay: 1000}
	f := func(n int, size int64, after time.Duration, waits bool) {
		t.Helper()
		now = now.Add(after)
		if got := l.spend(key{"a", "x"}, set, n, size, now); (got > 0) != waits {
			t.Errorf("%d events of %d bytes: wait %s", n, size, got)
		}
	}
	f(100, 10, 0, false)
	f(1, 10, 0, true)
	f(10, 10, time.Second, false)
	f(1, 10, 0, true)
	f(500, 10, 10*time.Second, false) // more than the burst goes when that is whole
	f(1, 900, time.Minute, false)
	f(1, 100, time.Minute, true)
	f(1, 100, 24*time.Hour, false)
}

func TestRedact(t *testing.T) {
	got := redact(`{"password": "hunter2", "Authorization": "Bearer abc.def", "user":"ann"} token=xyz bnc_0123456789` + "\x00\x1b[31m\xff")
	for _, bad := range []string{"hunter2", "abc.def", "xyz", "0123456789", "\x00", "\x1b"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q is in %s", bad, got)
		}
	}
	if !strings.Contains(got, `"user":"ann"`) {
		t.Errorf("got %s", got)
	}
}

func TestSipHash(t *testing.T) { // the reference's key and first vectors
	var k0, k1 uint64 = 0x0706050403020100, 0x0f0e0d0c0b0a0908
	b := make([]byte, 15)
	for i := range b {
		b[i] = byte(i)
	}
	for n, want := range map[int]uint64{0: 0x726fdb47dd0e0e31, 8: 0x93f5f5799a932462, 15: 0xa129ca6149be45e5} {
		if got := siphash(k0, k1, string(b[:n])); got != want {
			t.Errorf("%d bytes: %x, want %x", n, got, want)
		}
	}
}

func TestSpread(t *testing.T) {
	var s Spread
	for range 98 {
		s.add(10 * time.Millisecond)
	}
	s.add(time.Hour)
	s.add(time.Hour)
	if q := s.Quantile(0.5); q < 8*time.Millisecond || q > 16*time.Millisecond {
		t.Errorf("the median is %s", q)
	}
	if q := s.Quantile(0.99); q < 30*time.Minute || q > 2*time.Hour {
		t.Errorf("the 99th is %s", q)
	}
}

func FuzzDecode(f *testing.F) {
	x := &frame{seq: 3, batch: 4, org: "o", source: "s", seen: time.Unix(1, 2), lines: []byte(`{"a":1}{}`), events: []event.Event{{ID: "x", Format: "json", Line: []byte(`{"a":1}`)}, {Line: []byte(`{}`)}}, notes: []note{named, 0}}
	x.took.reject("r", 2)
	whole := written(x)
	f.Add(whole[frameHead:])
	x.lines = bytes.Repeat([]byte(`{"a":1}`), 100)
	x.events[0].Line, x.events[1].Line = x.lines[:70], x.lines[70:]
	f.Add(written(x)[frameHead:])
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decode(data, checksum(data))
		if err != nil {
			return
		}
		again, err := decode(written(got)[frameHead:], checksum(written(got)[frameHead:]))
		if err != nil || len(again.events) != len(got.events) || again.org != got.org {
			t.Errorf("a frame is not read as it was written: %v", err)
		}
	})
}
