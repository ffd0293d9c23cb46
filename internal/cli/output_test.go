package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func testSession(out *bytes.Buffer, tty bool, env map[string]string) *session {
	return &session{Streams: Streams{Out: out, Err: out, OutTTY: tty, ErrTTY: tty, Env: func(n string) string { return env[n] }}, code: lang.English,
		now: func() time.Time { return time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC) }}
}

func states() *table {
	t := &table{head: []string{"name", "state", "more"}}
	t.add(plain("a"), cell{"production", "ok"}, plain("x"))
	t.add(plain("longer name"), cell{"old", "bad"}, plain("y"))
	return t
}

func TestTable(t *testing.T) {
	for name, c := range map[string]struct {
		tty  bool
		env  map[string]string
		want string
	}{
		"a file":     {false, nil, "NAME          STATE        MORE\na             production   x\nlonger name   old          y\n"},
		"NO_COLOR":   {true, map[string]string{"NO_COLOR": "1"}, "NAME          STATE          MORE\na             ✓ production   x\nlonger name   ✗ old          y\n"},
		"a terminal": {true, nil, "NAME          \x1b[39mSTATE\x1b[0m          MORE\na             \x1b[32m✓ production\x1b[0m   x\nlonger name   \x1b[31m✗ old\x1b[0m          y\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := testSession(&out, c.tty, c.env).write(states()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestProgress draws a bar at a terminal, and lines elsewhere, not too many.
func TestProgress(t *testing.T) {
	for _, tty := range []bool{true, false} {
		var out bytes.Buffer
		s := testSession(&out, tty, nil)
		clock := s.now()
		s.now = func() time.Time { return clock }
		step, done := s.progress(lang.T("copying", "copiando"))
		for i := range 100 {
			clock = clock.Add(time.Second)
			step(i+1, 100)
		}
		done()
		if n := strings.Count(out.String(), "\n"); tty && !strings.Contains(out.String(), "copying") || !tty && n != 20 {
			t.Errorf("terminal %v: %d lines: %q", tty, n, out.String())
		}
	}
}

func TestAgo(t *testing.T) {
	s := testSession(nil, false, nil)
	for d, want := range map[time.Duration]string{0: "0s", 90 * time.Second: "90s", 5 * time.Minute: "5m", 3 * time.Hour: "3h", 72 * time.Hour: "3d", -time.Hour: "0s"} {
		if got := s.ago(s.now().Add(-d)); got != want {
			t.Errorf("ago(%v) = %q, want %q", d, got, want)
		}
	}
	if got := s.ago(time.Time{}); got != "-" {
		t.Errorf("ago(never) = %q", got)
	}
}

func TestUntilAndSince(t *testing.T) {
	s := testSession(nil, false, nil)
	for text, want := range map[string]string{
		"": "0001-01-01T00:00:00Z", "30d": "2026-06-03T12:00:00Z", "12h": "2026-05-05T00:00:00Z", "2027-01-31": "2027-01-31T00:00:00Z", "2027-01-31T10:00:00Z": "2027-01-31T10:00:00Z",
	} {
		if got, err := s.until(text); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("until(%q) = %v, %v; want %s", text, got, err, want)
		}
	}
	if got, err := s.since("7d"); err != nil || got.Format(time.DateOnly) != "2026-04-27" {
		t.Errorf("since(7d) = %v, %v", got, err)
	}
	for _, text := range []string{"soon", "30", "d", "2027-31-01"} {
		if _, err := s.until(text); exitCode(err) != exitUsage {
			t.Errorf("until(%q) = %v, want a usage error", text, err)
		}
	}
}

// TestArray reads back what is written item by item.
func TestArray(t *testing.T) {
	for _, n := range []int{0, 1, 3} {
		var out bytes.Buffer
		a := array{w: &out}
		for range n {
			if err := a.add(map[string]string{"a": "<b>"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.end(); err != nil {
			t.Fatal(err)
		}
		var back []map[string]string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || len(back) != n || strings.Contains(out.String(), `\u003c`) {
			t.Errorf("%d items: %v, %s", n, err, out.String())
		}
	}
}

// TestMoved keeps what others changed elsewhere, and mine where both did.
func TestMoved(t *testing.T) {
	thing := func(spec string) *entity.Entity {
		return &entity.Entity{APIVersion: entity.APIVersion, Kind: "Component", Metadata: entity.Metadata{Name: "x"}, Spec: json.RawMessage(spec)}
	}
	for _, c := range []struct{ base, mine, now, want string }{
		{`{"a":1,"b":1}`, `{"a":2,"b":1}`, `{"a":1,"b":3}`, `{"a":2,"b":3}`},
		{`{"a":1}`, `{"a":2}`, `{"a":3}`, `{"a":2}`},
		{`{"a":1,"b":1}`, `{"b":1}`, `{"a":1,"b":2}`, `{"b":2}`},
		{`{"o":{"x":1,"y":1}}`, `{"o":{"x":2,"y":1}}`, `{"o":{"x":1,"y":2,"z":3}}`, `{"o":{"x":2,"y":2,"z":3}}`},
		{`{"l":[1]}`, `{"l":[1,2]}`, `{"l":[1]}`, `{"l":[1,2]}`},
		{`{}`, `{"n":1}`, `{"m":1}`, `{"m":1,"n":1}`},
	} {
		got, err := onTop(thing(c.base), thing(c.mine), thing(c.now))
		if err != nil || string(got.Spec) != c.want {
			t.Errorf("%s → %s on %s = %s, %v; want %s", c.base, c.mine, c.now, got.Spec, err, c.want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[31mred\u202e\x00\u0085")
	f.Add("a\nb")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range oneLine(text, 20) {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("oneLine(%q) keeps %q", text, r)
			}
		}
		if n := len([]rune(oneLine(text, 20))); n > 20 {
			t.Fatalf("oneLine(%q, 20) has %d characters", text, n)
		}
	})
}

func FuzzJSONNode(f *testing.F) {
	f.Add([]byte(`{"a":[1,"2",{"b":null}],"c":"x: y\n- z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var want any
		if json.Unmarshal(data, &want) != nil {
			return
		}
		node, err := jsonNode(data)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := encodeYAML(&b, node); err != nil {
			t.Fatal(err)
		}
		var back any
		if err := yaml.Unmarshal(b.Bytes(), &back); err != nil {
			t.Fatalf("%s became %s: %v", data, b.String(), err)
		}
		first, _ := json.Marshal(want)
		if second, err := json.Marshal(back); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s became %s, which is %s, %v", data, b.String(), second, err)
		}
	})
}

func FuzzRevPair(f *testing.F) {
	f.Add("3,7")
	f.Add("3..7")
	f.Fuzz(func(t *testing.T, text string) {
		if a, b, err := revPair(text); err == nil && (a < 1 || b < 1) {
			t.Fatalf("revPair(%q) = %d, %d", text, a, b)
		}
	})
}

func FuzzSpan(f *testing.F) {
	f.Add("30d")
	f.Add("1h30m")
	f.Fuzz(func(_ *testing.T, text string) {
		s := testSession(nil, false, nil)
		s.until(text)
		s.since(text)
	})
}
