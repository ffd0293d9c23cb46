package gelf

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/ingest"
)

func TestParse(t *testing.T) {
	got, err := Parse([]byte(`{"version":"1.1","host":"web-1","short_message":"GET / 200","full_message":"GET / 200\nmore","timestamp":1385053862.3072,"level":6,"_container_name":"shop","_n":42,"_x":{"a":1},"facility":"app","_":"none","_null":null}` + "\x00"))
	if err != nil {
		t.Fatal(err)
	}
	want := ingest.Record{Data: []byte("GET / 200"), Time: time.Date(2013, 11, 21, 17, 11, 2, 307200000, time.UTC), Fields: []ingest.Field{
		{Name: "host.name", Value: "web-1"}, {Name: "log.syslog.severity.code", Value: "6"}, {Name: "log.syslog.severity.name", Value: "informational"}, {Name: "log.level", Value: "informational"},
		{Name: "full_message", Value: "GET / 200\nmore"}, {Name: "container_name", Value: "shop"}, {Name: "container.name", Value: "shop"}, {Name: "n", Value: "42"}, {Name: "x", Value: `{"a":1}`}, {Name: "facility", Value: "app"}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for in, says := range map[string]string{"": "no JSON object", "[1]": "no JSON object", "{}": "no short_message", `{"short_message":null}`: "no short_message", "\x00\x01": "no JSON object"} {
		if _, err := Parse([]byte(in)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want an error that says %q", in, err, says)
		}
	}
}

func pack(t testing.TB, w func(io.Writer) io.WriteCloser, s string) []byte {
	var b bytes.Buffer
	z := w(&b)
	if _, err := io.WriteString(z, s); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
func zl(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }

func TestUnpack(t *testing.T) {
	const text = `{"short_message":"x"}`
	for name, data := range map[string][]byte{"plain": []byte(text), "gzip": pack(t, gz, text), "zlib": pack(t, zl, text)} {
		if got, err := Unpack(data, 100); err != nil || string(got) != text {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for name, data := range map[string][]byte{"a bomb": pack(t, gz, strings.Repeat(" ", 1<<20)), "cut off": pack(t, gz, text)[:15], "broken": []byte("\x1f\x8bxxxxxxxx")} {
		if _, err := Unpack(data, 1000); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// split makes the datagrams of a message.
func split(id uint64, data []byte, size int) [][]byte {
	count := (len(data) + size - 1) / size
	var out [][]byte
	for i := range count {
		p := binary.BigEndian.AppendUint64([]byte(Magic), id)
		p = append(p, byte(i), byte(count))
		out = append(out, append(p, data[i*size:min(len(data), (i+1)*size)]...))
	}
	return out
}

var (
	alice = netip.MustParseAddrPort("10.0.0.1:1000")
	bob   = netip.MustParseAddrPort("10.0.0.2:1000")
)

func TestPieces(t *testing.T) {
	var p Pieces
	now := time.Unix(1e9, 0)
	one, two := split(7, []byte("hello, world"), 5), split(7, []byte("HELLO, WORLD"), 5)
	var got []string
	for _, i := range []int{2, 0, 0, 1} { // out of order, one twice; both senders take the same id
		for from, list := range map[netip.AddrPort][][]byte{alice: one, bob: two} {
			whole, err := p.Add(list[i], from, now)
			if err != nil {
				t.Fatal(err)
			}
			if whole != nil {
				got = append(got, from.String()+" "+string(whole))
			}
		}
	}
	if len(got) != 2 || !strings.Contains(strings.Join(got, ";"), "10.0.0.1:1000 hello, world") || !strings.Contains(strings.Join(got, ";"), "10.0.0.2:1000 HELLO, WORLD") {
		t.Errorf("got %q", got)
	}
	if p.bytes != 0 || len(p.waiting) != 0 || len(p.order) != 0 || len(p.of) != 0 {
		t.Errorf("something is kept: %+v", p)
	}
	if _, err := p.Add(one[0], alice, now); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Add(split(9, []byte("x"), 1)[0], bob, now.Add(patience+1)); err != nil || p.Lost != 1 || len(p.waiting) != 0 {
		t.Errorf("what waited too long is given up: lost %d, waiting %d, %v", p.Lost, len(p.waiting), err)
	}
}

func TestWrongPieces(t *testing.T) {
	head := Magic + "12345678"
	for _, s := range []string{"", Magic, head, head + "\x00", head + "\x00\x00", head + "\x02\x02", head + "\x00\x81"} {
		var p Pieces
		if whole, err := p.Add([]byte(s), alice, time.Now()); err == nil || whole != nil || p.bytes != 0 {
			t.Errorf("%q: got %q, %v", s, whole, err)
		}
	}
	var p Pieces
	_, err1 := p.Add([]byte(head+"\x00\x02a"), alice, time.Now())
	_, err2 := p.Add([]byte(head+"\x01\x03b"), alice, time.Now())
	if err1 != nil || err2 == nil {
		t.Errorf("pieces that do not agree how many they are: %v, %v", err1, err2)
	}
}

// TestPiecesAreBounded sends beginnings of messages that never end: one sender
// does not push out another, and memory stays within its bound.
func TestPiecesAreBounded(t *testing.T) {
	var p Pieces
	now := time.Unix(1e9, 0)
	mine := split(1, []byte("hello, world"), 6)
	if _, err := p.Add(mine[0], bob, now); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := range 5000 {
		if _, err := p.Add(split(uint64(i), make([]byte, 60000), 30000)[0], alice, now); err != nil {
			refused++
		}
		if p.bytes > maxBytes+maxPieces*100 {
			t.Fatalf("%d bytes are kept", p.bytes)
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
	if whole, err := p.Add(mine[1], bob, now); err != nil || string(whole) != "hello, world" {
		t.Errorf("another's message was lost: %q, %v", whole, err)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"short_message":"x","_a":1,"level":9,"timestamp":"x"}`), uint16(3))
	f.Add(pack(f, gz, `{"short_message":"x"}`), uint16(10))
	f.Add(pack(f, zl, `{"short_message":"x"}`), uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, size uint16) {
		if len(data) == 0 || size == 0 || len(data)/int(size) > maxPieces-1 {
			return
		}
		var p Pieces
		var whole []byte
		for _, piece := range split(1, data, int(size)) {
			var err error
			if whole, err = p.Add(piece, alice, time.Unix(1e9, 0)); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(whole, data) {
			t.Fatalf("got %q, want %q", whole, data)
		}
		plain, err := Unpack(whole, 1<<16)
		if err != nil {
			return
		}
		r, err := Parse(plain)
		if err == nil && len(r.Data) == 0 {
			t.Error("a record without data")
		}
	})
}

func FuzzPieces(f *testing.F) {
	f.Add([]byte(Magic+"12345678\x00\x02a"), []byte(Magic+"12345678\x01\x02b"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var p Pieces
		for range 2 {
			for _, d := range [][]byte{a, b} {
				if _, err := p.Add(d, alice, time.Unix(1e9, 0)); err == nil && len(p.order) != len(p.waiting) {
					t.Fatal("the order does not hold what waits")
				}
			}
		}
	})
}
