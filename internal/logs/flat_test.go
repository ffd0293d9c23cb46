package logs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/testenv"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// both lays lines out in both ways.
type both struct {
	quick, tree encoder
	n           uint64
}

// same fails where the two ways differ, and reports whether the quick one could.
func (b *both) same(t testing.TB, line []byte) (quick bool) {
	t.Helper()
	b.n++
	e := &event.Event{ID: "i", Source: "s", Line: slices.Clone(line), Batch: b.n / 2 % 2}
	b.quick.head(e)
	quick = b.quick.flat(e.Line, nil)
	if places, err := jsonline.Places(nil, e.Line); err == nil && len(places) > 0 {
		b.quick.head(e)
		if known := b.quick.flat(e.Line, places); known != quick {
			t.Fatalf("%.2000q: the quick way is %t, and %t when it is known where the members stand", line, quick, known)
		}
		if b.n%3 > 0 { // what is compared below
			e.Members.Places = places
		}
	}
	got, gotReason := b.quick.encode(e)
	b.tree.head(e)
	wantReason := b.tree.tree(e.Line)
	var want []logstorage.Field
	if wantReason == "" {
		want = b.tree.done()
	}
	if gotReason != wantReason {
		t.Fatalf("%.2000q is %q, want %q", line, gotReason, wantReason)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%.2000q: got less, want more:\n%s", line, cmp.Diff(got, want))
	}
	if wantReason == "" && !slices.Equal(b.quick.sorted(), b.tree.orders.sort(want)) {
		t.Fatalf("%.2000q: got less, want more:\n%s", line, cmp.Diff(b.quick.sorted(), b.tree.orders.sort(want)))
	}
	if !bytes.Equal(e.Line, line) {
		t.Fatalf("%.2000q was changed to %.2000q", line, e.Line)
	}
	return quick
}

func TestFlat(t *testing.T) {
	var b both
	f := func(line string, want bool) {
		t.Helper()
		for range 2 { // its kind is known the second time
			if got := b.same(t, []byte(line)); got != want {
				t.Errorf("the quick way of %.200s: %t, want %t", line, got, want)
			}
		}
	}
	f(`{}`, true)
	f(" {\t} \r\n", true)
	f(`{"a":"x","b":"","c":null,"d":1.50,"e":-0e+7,"f":true,"g":false}`, true)
	f(`{"a":"x\\y\"z\n\/\u00e4\u0000\q\u12","b":"\\"}`, true)
	f("{\"a\":\"\xff\x01\x7f\",\"\xff\":\"x\"}", true)
	f(`{"a":"\ud83d\ude00 😀","b":"�"}`, true)
	f(`{"a":"\ud83d\u0041"}`, false)
	f(`{"a":"\uD800"}`, false)
	f(`{"a":"\u"}`, true)
	f(`{"a":[],"b":[ ],"c":{},"d":{ }}`, true)
	f(`{"a":[ "x" , 1,null,true,[ ],[[]],{},{ "a.b" : "\t\u001f" , "a.b":[{}] } ]}`, true)
	f(`{"a":["\ud800"]}`, false)
	f(`{"a":{"b":{"c":{"d":{"e":"x"}}}}}`, true)
	f(`{"a":{"b":{"c":{"d":{"e":{}}}}}}`, false)
	f(`{"a":[[[["x"]]]]}`, true)
	f(`{"a":[[[[[]]]]]}`, false)
	f(`{"a":{"b.c":"x"},"d":{"b":1,"b":2},"e":{"":""}}`, true)
	f(`{"a":{"b\n":"x"}}`, false)
	f(`{"a\n":"x"}`, false)
	f(`{"a":"x","b":1,"a":"y"}`, false)
	f(`{"":"x"}`, false)
	f(`{"a.b":"x","ab":{"c":"y"}}`, true)
	f(`{"a.b":"x","a":"y"}`, true)
	f(`{"a.b":"x","a":{"c":"y"}}`, false)
	f(`{"a":{"c":"y"},"a.b.c":"x"}`, false)
	f(`{"a.b":{"c":"y"}}`, false)
	f(`{"message":"m","host.name":"h","event.id":"e","_time":"t","binnacle.x":1,"x y":null}`, true)
	f(`{"message":"","host.name":null}`, true)
	f(`{"host":{"name":"h"},"event":{"id":1},"message":{"a":"x"}}`, true)
	f(`{"`+strings.Repeat("n", longestName)+`":"x"}`, true)
	f(`{"`+strings.Repeat("n", longestName+1)+`":"x"}`, false)
	f(`{"a":{"`+strings.Repeat("n", longestName)+`":"x"}}`, true)
	for _, line := range []string{``, ` `, `{`, `{"a"`, `{"a":`, `{"a":"`, `{"a":"x`, `{"a":"x"`, `{"a":"x",}`, `{,}`, `{"a" "x"}`, `{a:1}`, `{"a":1}}`, `{"a":1} x`, `[]`, `"x"`, `1`, `null`,
		`{"a":-}`, `{"a":+}`, `{"a":--}`, `{"a":.}`, `{"a":nan}`, `{"a":-Inf}`, `{"a":NaN}`, `{"a":tru}`, `{"a":[1,]}`, `{"a":[,1]}`, `{"a":{"b"}}`, `{"a":"\"}`, "{\"a\":\x00}", "{\x0c}"} {
		f(line, false)
	}
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"f%d":"x"`, i)
		}
		return "{" + b.String()[1:] + "}"
	}
	f(many(mostNames), true)
	f(many(mostNames+1), false)
	f(many(2*mostFields), false)
	f(many(2*mostFields+1), false)
	f(`{"a":`+many(mostNames)+`}`, true)
	f(`{"a":`+many(mostNames+1)+`}`, false)
	f(`{"a":`+strings.Repeat("[", 299)+strings.Repeat("]", 299)+`}`, false)
	f(`{"a":`+strings.Repeat("[", 300)+strings.Repeat("]", 300)+`}`, false)
}

// Lines of few words, of which some are broken, follow one another.
func TestFlatByChance(t *testing.T) {
	c := chance{rand.New(rand.NewPCG(3, 4))}
	var b both
	quick, n := 0, 200000
	if testing.Short() {
		n = 20000
	}
	for range n {
		line := []byte(c.object(3))
		for c.IntN(4) == 0 {
			at := c.IntN(len(line))
			line[at] = pick(c, byte('"'), '\\', '{', '}', '[', ']', ',', ':', ' ', 'u', 'd', '-', 'e', '.', 0, 0xff)
		}
		if b.same(t, line) {
			quick++
		}
	}
	if quick < n/3 || quick > n*9/10 {
		t.Errorf("%d of %d lines went the quick way", quick, n)
	}
}

// Real events go the quick way.
func TestFlatOfWindows(t *testing.T) {
	var b both
	lines, slow := testenv.Windows(t), 0
	for _, line := range lines {
		if !b.same(t, line) {
			slow++
		}
	}
	if slow > len(lines)/1000 {
		t.Errorf("%d of %d events went by the tree", slow, len(lines))
	}
}

// Who makes up names does not fill the memory with them.
func TestMadeUpNames(t *testing.T) {
	var c encoder
	cleared := 0
	for i := range 40_000 {
		before := c.lines.learnt
		line := fmt.Appendf(nil, `{"%0100d":1`, i)
		for j := range 20 {
			line = fmt.Appendf(line, `,"%d%090d":1`, i, j)
		}
		if _, reason := c.encode(&event.Event{Line: append(line, '}')}); reason != "" {
			t.Fatal(reason)
		}
		if got := c.sorted(); len(got) != 21 {
			t.Fatalf("%d fields: %v", len(got), got)
		}
		if c.lines.learnt < before {
			cleared++
		}
	}
	names := 0
	for _, k := range c.lines.kinds {
		if k != nil {
			names += len(k.keys)
		}
	}
	for _, x := range c.orders.known {
		names += len(x.names)
	}
	if cleared == 0 || names == 0 || names*(100+sizeofName) > 2*mostLearnt+mostLearnt/4 {
		t.Errorf("%d names are kept, and all were forgotten %d times", names, cleared)
	}
}

// What most events have in common is written anew when it is another.
func TestHead(t *testing.T) {
	var c encoder
	at := time.Date(2026, 3, 4, 5, 6, 7, 8, time.FixedZone("", 3600))
	for _, e := range []event.Event{
		{Seen: at, Batch: 7, Rules: []string{"a", "b", "c"}}, {Seen: at, Batch: 7, Rules: []string{"a"}}, {Batch: 12345}, {},
		{Seen: at.Add(1), Batch: 12345}, {Seen: at, Batch: 1}, {Seen: at.UTC(), Batch: 1, Rules: []string{"", "x"}},
	} {
		c.head(&e)
		got := map[string]string{}
		for _, f := range c.fields {
			got[f.Name] = f.Value
		}
		want := map[string]string{event.FieldSource: "", event.Host: "", event.FieldID: "", event.FieldFormat: "", event.FieldSeen: "", event.FieldRules: strings.Join(e.Rules, " ")}
		if !e.Seen.IsZero() {
			want[event.FieldSeen] = e.Seen.UTC().Format(wholeNanos)
		}
		if e.Batch != 0 {
			want[event.FieldBatch] = fmt.Sprint(e.Batch)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%v: %s", e, diff)
		}
	}
}

func FuzzFlat(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":{"b":[1,null,{"c":""}]},"a.b":null}`, `{"a":"\ud800","b":"\u0000\\\"x"}`, `{"":{"":""}}`, `{"a b":{},"\"":[]}`, `{"a":1,"a":2}`, `{"a":-1e5,"b":nan}`, "{\"\xff\":\"\xfe\"}"} {
		f.Add([]byte(s), []byte(`{"a":1}`))
	}
	var b both
	f.Fuzz(func(t *testing.T, first, then []byte) {
		b.same(t, first)
		b.same(t, then)
		b.same(t, first)
	})
}
