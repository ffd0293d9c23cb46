package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
)

// TestBeginWhileDropping: segments are dropped while others begin, and the list of
// them stays the one on the disk.
func TestBeginWhileDropping(t *testing.T) {
	const n = 400
	s, err := openSpool(t.TempDir(), place{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	var done atomic.Bool
	both.Go(func() {
		for !done.Load() {
			if err := s.drop(place{Segment: s.newest()}); err != nil {
				t.Error(err)
			}
		}
	})
	for i := uint64(1); i <= n; i++ {
		if err := s.begin(i); err != nil {
			t.Fatal(err)
		}
		if last := s.tail(); last.n != i {
			t.Fatalf("segment %d is written, and the last of the list is %d", i, last.n)
		}
	}
	done.Store(true)
	both.Wait()
	if err := s.drop(place{Segment: n}); err != nil {
		t.Fatal(err)
	}
	s.file.Close()
	if left, _ := filepath.Glob(filepath.Join(s.dir, "*"+segmentEnd)); len(left) != 1 || len(s.segments) != 1 {
		t.Errorf("%d files and %d segments are left", len(left), len(s.segments))
	}
}

// TestLargestFrame: a batch that could be written and not read again is refused.
func TestLargestFrame(t *testing.T) {
	in := open(t, t.TempDir(), newStore())
	f := &frame{org: "a", source: "x", took: took{accepted: 1}, lines: make([]byte, maxFrame)}
	if _, err := in.append(f, false); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a frame of %d bytes: %v", f.bound(), err)
	}
	f = &frame{org: "a", source: "x", seen: time.Now(), seq: 1 << 60, batch: 1 << 63, took: took{accepted: 9, rejected: map[string]int64{"too-many-fields": 7}}, lines: []byte("{}{}")}
	for range 2 {
		f.events, f.notes = append(f.events, event.Event{ID: "id", Format: "json", Time: time.Now(), Line: []byte("{}")}), append(f.notes, named)
	}
	if n := int64(len(f.encode()) + len(f.lines)); n > f.bound() {
		t.Errorf("a frame has %d bytes, and %d at most", n, f.bound())
	}
}

// written is a frame as it lies on the disk.
func written(f *frame) []byte {
	head := f.encode()
	lines := f.seal(head, nil)
	return append(head, lines...)
}

// TestPacked: lines are packed where that is shorter, and read as they were; a frame
// of an earlier version, and one whose lines do not pack, lie there as they are.
func TestPacked(t *testing.T) {
	junk := make([]byte, 3000)
	for i := range junk {
		junk[i] = byte(rand.Uint32())
	}
	for name, x := range map[string]struct {
		lines  []byte
		packed bool
	}{
		"none":      {nil, false},
		"few":       {[]byte(`{"a":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}`), false},
		"much":      {bytes.Repeat([]byte(`{"a":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}`), 100), true},
		"not alike": {junk, false},
	} {
		f := &frame{seq: 1, org: "a", source: "x", lines: x.lines, events: make([]event.Event, 1), notes: make([]note, 1)}
		f.events[0].Line = x.lines
		whole := written(f)
		got, err := decode(whole[frameHead:], checksum(whole[frameHead:]))
		if err != nil || !bytes.Equal(got.lines, x.lines) || !bytes.Equal(got.events[0].Line, x.lines) {
			t.Errorf("%s: read as %+v, %v", name, got, err)
		}
		if is := len(whole) < len(f.encode())+len(x.lines); is != x.packed {
			t.Errorf("%s: packed: %v", name, is)
		}
		if !x.packed {
			continue
		}
		f.events[0].Line = x.lines[1:] // the lengths are not those of the lines
		whole = written(f)
		if _, err := decode(whole[frameHead:], checksum(whole[frameHead:])); err == nil {
			t.Errorf("%s: lines of another length are read", name)
		}
	}
}

// TestDamage: whichever bit of a frame has changed on the disk, the frame is not
// taken for one.
func TestDamage(t *testing.T) {
	f := &frame{seq: 7, batch: 9, org: "a", source: "x", seen: time.Now(), took: took{accepted: 3, rejected: map[string]int64{Empty: 1}}, lines: []byte(`{"a":1}{}`)}
	f.events = []event.Event{{ID: "id", Format: "json", Time: time.Now(), Line: f.lines[:7]}, {Format: "json", Time: time.Now(), Line: f.lines[7:]}}
	f.notes = []note{named, 0}
	whole := append([]byte(segmentMagic), written(f)...)
	r := &reader{dir: t.TempDir()}
	path := filepath.Join(r.dir, fmt.Sprintf("%016x%s", 0, segmentEnd))
	read := func(data []byte) (*frame, error) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r.move(place{})
		defer r.close()
		return r.next()
	}
	if got, err := read(whole); err != nil || got.seq != 7 || len(got.events) != 2 || string(got.events[0].Line) != `{"a":1}` {
		t.Fatalf("the frame is read as %+v, %v", got, err)
	}
	for bit := range 8 * len(whole) {
		data := bytes.Clone(whole)
		data[bit/8] ^= 1 << (bit % 8)
		if got, err := read(data); !errors.Is(err, errDamaged) {
			t.Fatalf("with bit %d of %d changed it is read as %+v, %v", bit, 8*len(whole), got, err)
		}
	}
}

// TestClockTurnedBack: files of ids are told apart by their names alone.
func TestClockTurnedBack(t *testing.T) {
	dir, s, clock := t.TempDir(), newStore(), time.Now()
	in := open(t, dir, s, func(c *Config) { c.Now = func() time.Time { return clock } })
	in.ids.most = 10
	send := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(fmt.Sprintf(`{"event.id":"%d"}`, i))}); err != nil {
				t.Fatal(err)
			}
		}
		drained(t, in)
		if err := in.checkpoint(in.line.last()); err != nil {
			t.Fatal(err)
		}
	}
	send(0, 12)
	clock = clock.Add(-time.Hour)
	send(12, 18)
	in.crash()
	in = open(t, dir, s)
	send(0, 18)
	if c := counts(t, in, "a", "x"); c.Stored != 18 || c.Duplicate != 18 {
		t.Errorf("after a restart: %+v", c)
	}
}

// TestIDsOnAFullDisk: what could not be written of ids is written later.
func TestIDsOnAFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "full")
	m := &memory{dir: dir, most: 100}
	for h := uint64(1); h <= 3; h++ {
		m.add(h)
		if err := m.record([]uint64{h}, time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := m.sync(time.Now()); err == nil {
			t.Fatal("the folder is not there, and no error is told")
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := m.sync(time.Now()); err != nil {
		t.Fatal(err)
	}
	again := &memory{dir: dir, most: 100}
	if err := again.load(m.state()); err != nil {
		t.Fatal(err)
	}
	for h := uint64(1); h <= 3; h++ {
		if again.add(h) {
			t.Errorf("%d is not remembered", h)
		}
	}
	m.close()
	again.close()
}

// TestForgetAfterTurn: an id that is given up is new again, in either generation.
func TestForgetAfterTurn(t *testing.T) {
	m := &memory{dir: t.TempDir(), most: 1}
	defer m.close()
	m.add(7)
	if err := m.turn(time.Now()); err != nil {
		t.Fatal(err)
	}
	m.add(8)
	m.forget([]uint64{7, 8})
	if !m.add(7) || !m.add(8) {
		t.Error("what was given up is still known, and would be left out when it is sent again")
	}
}

type stage func() error

func (s stage) Look(context.Context, string, []event.Event) error { return s() }

// TestBrokenStage: what breaks before the store costs a wait, not the program.
func TestBrokenStage(t *testing.T) {
	var n atomic.Int32
	in := open(t, t.TempDir(), newStore(), func(c *Config) {
		c.Stages = []Stage{stage(func() error {
			if n.Add(1) < 3 {
				panic("oh")
			}
			return nil
		})}
	})
	if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(`{}`)}); err != nil {
		t.Fatal(err)
	}
	drained(t, in)
	if c := counts(t, in, "a", "x"); c.Stored != 1 {
		t.Errorf("counts: %+v", c)
	}
}

// TestLimitsOfWhatWasNotTaken: what is sent again counts once towards the limit of
// its source.
func TestLimitsOfWhatWasNotTaken(t *testing.T) {
	in := open(t, t.TempDir(), newStore(), func(c *Config) {
		c.MaxSpool = 1
		c.Source = func(context.Context, string, string) Settings { return Settings{BytesPerDay: 1000, Rate: 1} }
	})
	for range 30 {
		_, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(`{}`)})
		if !fault.Is(err, fault.RateLimited) || codeOf(err) != "ingest.full" {
			t.Fatalf("the spool is full: %v", err)
		}
	}
}

// TestLittleRoom: the spool leaves room on the disk. Nothing more is taken below it, what
// cannot be sent again is counted as dropped, and it goes on when there is room again.
func TestLittleRoom(t *testing.T) {
	var free, asked int64
	now := time.Unix(1_800_000_000, 0)
	in := open(t, t.TempDir(), newStore(), func(c *Config) {
		c.Now = func() time.Time { return now }
		c.Free = func(string) (int64, error) { asked++; return free, nil }
	})
	b := Batch{Org: "a", Source: "x", Records: lines(`{}`)}
	for range 5 {
		if _, err := in.Take(t.Context(), b); !fault.Is(err, fault.RateLimited) || codeOf(err) != "ingest.room" {
			t.Fatalf("taken with no room: %v", err)
		}
	}
	if r := in.Offer(b); r.Accepted != 0 {
		t.Errorf("offered with no room: %+v", r)
	}
	if asked != 1 {
		t.Errorf("the disk was asked %d times in a second", asked)
	}
	free, now = Reserve, now.Add(time.Second)
	if _, err := in.Take(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	drained(t, in)
	if c := counts(t, in, "a", "x"); c.Accepted != 2 || c.Stored != 1 || c.Dropped != 1 {
		t.Errorf("counts: %+v", c)
	}
}

// TestTooManySources: of a source too many nothing is remembered.
func TestTooManySources(t *testing.T) {
	in := open(t, t.TempDir(), newStore())
	in.known["a"] = MaxSources
	if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(`no json`)}); codeOf(err) != "ingest.sources" {
		t.Errorf("one source too many: %v", err)
	}
	if got := in.samples.of(key{"a", "x"}); len(got) > 0 {
		t.Errorf("its samples are kept: %v", got)
	}
}

// TestKnownWhileReading: what is read now is not known yet.
func TestKnownWhileReading(t *testing.T) {
	begun, go_ := make(chan bool), make(chan bool)
	in := open(t, t.TempDir(), newStore(), func(c *Config) {
		c.Formats = []parser.Format{{Name: "json", Parse: func(data []byte, env *parser.Env, out *parser.Out) error {
			begun <- true
			<-go_
			out.Line = append(out.Line, data...)
			return nil
		}}}
	})
	before := time.Now()
	taken := make(chan error)
	go func() {
		_, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(`{}`)})
		taken <- err
	}()
	<-begun
	now := time.Now()
	if known := in.Known(); known.Before(before) || known.After(now) {
		t.Errorf("known until %v, but what came between %v and %v is not stored", known, before, now)
	}
	close(go_)
	if err := <-taken; err != nil {
		t.Fatal(err)
	}
	drained(t, in)
	if known := in.Known(); known.Before(now) {
		t.Errorf("all is stored, and known until %v only", known)
	}
}

// TestReadAhead: what a reader has in memory of a write that was undone is not taken
// for what was written instead.
func TestReadAhead(t *testing.T) {
	s := newStore()
	s.away = true
	in := open(t, t.TempDir(), s)
	if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(`{"n":1}`)}); err != nil {
		t.Fatal(err)
	}
	in.crash()
	tail := in.spool.tail()
	file, err := os.OpenFile(in.spool.path(tail.n), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt(make([]byte, 500), tail.size); err != nil {
		t.Fatal(err)
	}
	l := &in.line
	l.ring, l.flight, l.handed, l.at = nil, nil, 0, place{tail.n, int64(len(segmentMagic))}
	l.disk.move(l.at)
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.peek()
	if first == nil {
		t.Fatal("the first frame cannot be read")
	}
	l.take(first)
	if err := in.spool.cut(tail.size); err != nil {
		t.Fatal(err)
	}
	second := &frame{org: "a", source: "x", took: took{accepted: 1}, seen: time.Now()}
	in.number(second)
	if err := in.spool.write([]*frame{second}, [][]byte{second.encode()}); err != nil {
		t.Fatal(err)
	}
	l.tail = second.seq
	if f := l.peek(); f == nil || f.seq != second.seq {
		t.Errorf("the second frame is %+v", f)
	}
	in.spool.file.Close()
	l.disk.close()
}

// TestNumbersAfterAFailure: numbers of frames that may be on the disk after all are
// not given again.
func TestNumbersAfterAFailure(t *testing.T) {
	s := newStore()
	in := open(t, t.TempDir(), s)
	send := func() error {
		_, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(`{}`)})
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	in.spool.file.Close() // neither a write nor its undoing works
	if err := send(); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("the disk failed: %v", err)
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	drained(t, in)
	if list := s.events["a"]; len(list) != 2 || list[1].Batch != list[0].Batch+2 {
		t.Errorf("events: %+v", list)
	}
}

// TestProblem: what the way in found to be no record is refused and counted.
func TestProblem(t *testing.T) {
	in := open(t, t.TempDir(), newStore())
	got, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: []Record{{Problem: "It is none."}, {Data: []byte(`{}`)}}})
	if err != nil || len(got.Rejected) != 1 || got.Rejected[0] != (Rejection{0, NoRecord, "It is none."}) {
		t.Errorf("%+v %v", got, err)
	}
	drained(t, in)
	if c := counts(t, in, "a", "x"); c.Accepted != 2 || c.Stored != 1 || c.Rejected[NoRecord] != 1 {
		t.Errorf("counts: %+v", c)
	}
}

func codeOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

// TestFieldsOfManyRecords: a field that records share becomes part of each of their
// events, and counts as often.
func TestFieldsOfManyRecords(t *testing.T) {
	in := open(t, t.TempDir(), newStore())
	b := Batch{Org: "a", Source: "x"}
	shared := []Field{{Name: "resource", Value: strings.Repeat("x", 1<<20)}}
	for range 1000 {
		b.Records = append(b.Records, Record{Data: []byte(`{}`), Fields: shared})
	}
	if _, err := in.Take(t.Context(), b); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a gigabyte of two megabytes: %v", err)
	}
	b.Records = b.Records[:3]
	if _, err := in.Take(t.Context(), b); err != nil {
		t.Error(err)
	}
}

// TestEngineThatKeepsNothing: a store that drops what it takes is told of, with what
// to look at.
func TestEngineThatKeepsNothing(t *testing.T) {
	s := newStore()
	in := open(t, t.TempDir(), s, func(c *Config) { c.Verify = true })
	if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(`{}`)}); err != nil {
		t.Fatal(err)
	}
	drained(t, in)
	in.crash()
	m := in.whole(t)
	for range mostAgains {
		if in.State().Holding != "" {
			t.Errorf("too early: %s", in.State().Holding)
		}
		s.crash(1)
		if in.verified(t.Context(), &m) {
			t.Fatal("what is not there is verified")
		}
	}
	if h := in.State().Holding; !strings.Contains(h, "-retentionPeriod") {
		t.Errorf("holding: %q", h)
	}
	if !in.verified(t.Context(), &m) || in.State().Holding != "" {
		t.Errorf("it is there: %q", in.State().Holding)
	}
}

// whole is a mark over all that lies in the spool, also where settle has taken one.
func (in *Intake) whole(t *testing.T) mark {
	t.Helper()
	m := in.line.last()
	m.from = place{m.place.Segment, int64(len(segmentMagic))}
	r := &reader{dir: in.cfg.Dir, at: m.from}
	defer r.close()
	for r.at.before(m.place) {
		f, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		m.spans.add(f.org, f.span())
	}
	return m
}

// TestCheckpointWaits: a frame is forgotten once the store says that it has it for
// good, and not before, also when the program ends as it should. Until then both
// may crash, and nothing is lost.
func TestCheckpointWaits(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	in := open(t, dir, s)
	after := func(when string, seq uint64) {
		t.Helper()
		if cp, err := readCheckpoint(dir); err != nil || cp.Seq != seq {
			t.Errorf("%s the checkpoint is at %d, want %d: %v", when, cp.Seq, seq, err)
		}
	}
	s.settle() // long before
	if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(`{"event.id":"1"}`, `{"event.id":"2"}`)}); err != nil {
		t.Fatal(err)
	}
	drained(t, in)
	if err := in.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	after("at the end", 0)
	if lost := s.crash(1); lost != 2 {
		t.Fatalf("%d of 2 events were lost", lost)
	}
	in = open(t, dir, s)
	drained(t, in)
	checkWhole(t, in, s, 2)
	in.crash()
	m := in.line.last()
	if left := in.forget(t.Context(), []mark{m}); len(left) != 1 {
		t.Error("what is not settled is forgotten")
	}
	after("before it is settled", 0)
	s.settle()
	if left := in.forget(t.Context(), []mark{m}); len(left) != 0 || m.seq == 0 {
		t.Errorf("%d marks are kept of what is settled, up to %d", len(left), m.seq)
	}
	after("once it is settled", m.seq)
}

// TestVouch: what the way in knows stands, whatever the record says.
func TestVouch(t *testing.T) {
	sure := []Field{{Name: "tls.client", Value: "web-1"}}
	for line, want := range map[string]string{
		`{}`:                              `{"tls.client":"web-1"}`,
		`{"a":1}`:                         `{"a":1,"tls.client":"web-1"}`,
		`{"tls.client":"db-1","a":1.50}`:  `{"a":1.50,"tls.client.claimed":"db-1","tls.client":"web-1"}`,
		`{"tls":{"client":"db-1","v":3}}`: `{"tls":{"v":3},"tls.client.claimed":"db-1","tls.client":"web-1"}`,
		`{"tls.client":1,"tls.client":2,"tls":{"client":3}}`: `{"tls":{},"tls.client.claimed":3,"tls.client":"web-1"}`,
		`{"tls":"x"}`: `{"tls":"x","tls.client":"web-1"}`,
		`[1]`:         `[1]`,
	} {
		if got := string(vouch([]byte(line), sure)); got != want {
			t.Errorf("%s became %s, want %s", line, got, want)
		}
	}
}
