package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/testenv"
	"github.com/binnaclehq/binnacle/sigma"
)

// through lays an event out and puts it together again, as the engine would:
// without fields that are empty, in the order of their names.
func through(t testing.TB, e event.Event) event.Event {
	t.Helper()
	var c encoder
	fields, reason := c.encode(&e)
	if reason != "" {
		t.Fatalf("%s is refused: %s", e.Line, reason)
	}
	r := Row{Time: e.Time}
	names := map[string]bool{}
	for _, f := range fields {
		if f.Value == "" {
			continue
		}
		if names[f.Name] || f.Name == "" || len(f.Name) > 128 {
			t.Fatalf("%s: the field %q is there twice, or no field", e.Line, f.Name)
		}
		names[f.Name] = true
		r.Fields = append(r.Fields, Field{strings.Clone(f.Name), strings.Clone(f.Value)})
	}
	slices.SortFunc(r.Fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return Event(r)
}

func TestLineComesBack(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		got := through(t, event.Event{Line: []byte(in)}).Line
		var a, b any
		if err := json.Unmarshal(got, &a); err != nil {
			t.Fatalf("%s became %s: %v", in, got, err)
		}
		if err := json.Unmarshal([]byte(want), &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s became\n%s, want\n%s", in, got, want)
		}
	}
	same := func(in string) { t.Helper(); f(in, in) }
	same(`{}`)
	same(`{"a":"x","message":"hello"}`)
	f(`{"a":1,"b":true,"c":1.50}`, `{"a":"1","b":"true","c":"1.50"}`)
	same(`{"a":null,"b":"","c":[],"d":{}}`)
	same(`{"a":{"b":{"c":"x","d":null,"e":"","f":[],"g":{}}}}`)
	same(`{"a":["x",1,null,["y"],{"b":"z"}]}`)
	same(`{"a.b":"x"}`)
	same(`{"a.b":"x","a":{"c":"y"}}`)
	same(`{"a.b":"x","a":{"b":"y"}}`)
	same(`{"a.b":"x","a":{"b":{"c":"y"}}}`)
	same(`{"a.b.c":"x","a":{"b":{"d":"y"}}}`)
	same(`{"a.b":null,"a":{"c":""}}`)
	same(`{"a.b":{"c":"x"}}`)
	same(`{"a":{"b.c":"x"}}`)
	same(`{"a":{"":"x"},"":"y"}`)
	same(`{"event.id":"theirs","event":{"module":"filebeat","dataset":"x"},"_time":"then","_msg":"m","_stream":"s","binnacle.source":"no","binnacle.shape":"{no"}`)
	same(`{"message":{"a":"x"}}`)
	same(`{"message":["a"]}`)
	same(`{"host":{"name":"web"},"x":"y"}`)
	same(`{"host.name":"web"}`)
	same(`{"Event Data":{"a b":null,"\"":""},"ünï":[]}`)
	same(`{"a":"[1]","b":"{\"c\":1}","c":"null"}`)
	same(`{"a":"\u0001\n\t\"\\ <&> \u2028"}`)
	same(`{"` + strings.Repeat("x", 200) + `":"long","a":{"` + strings.Repeat("y", 200) + `":"long"}}`)
	same(strings.Repeat(`{"a":`, 40) + `"deep"` + strings.Repeat(`}`, 40))
}

func TestEventComesBack(t *testing.T) {
	e := event.Event{ID: "i-1", Time: time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC), Seen: time.Date(2026, 3, 4, 5, 6, 8, 9000, time.UTC), Source: "web", Format: "sshd",
		Line: []byte(`{"a":"b"}`), Rules: []string{"r1", "r2"}, Batch: 7}
	if diff := cmp.Diff(e, through(t, e)); diff != "" {
		t.Error(diff)
	}
}

// refuses is why no store can keep a line, whatever its time.
func refuses(line []byte) string {
	return Limits{Bytes: mostBytes, Fields: mostFields}.Refuses(&event.Event{Line: line}, time.Time{})
}

func TestRefuses(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		if got := refuses([]byte(line)); got != want {
			t.Errorf("%.60s of %d bytes is %q, want %q", line, len(line), got, want)
		}
	}
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"f%d":"x"`, i)
		}
		return "{" + b.String()[1:] + "}"
	}
	f(`{"a":1}`, "")
	f(many(1900), "")
	f(many(1999), TooManyFields)
	f(many(5000), TooManyFields)
	f(`{"a":"`+strings.Repeat("x", 1<<20)+`"}`, "")
	f(`{"a":"`+strings.Repeat("x", 2<<20)+`"}`, TooLarge)
	f(`{"a":"`+strings.Repeat("x", 10<<20)+`"}`, TooLarge)
	f(`{"a":"`+strings.Repeat(":", 3000)+`"}`, "")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := EmbeddedLimits(30 * 24 * time.Hour)
	for when, want := range map[time.Time]string{now: "", time.Unix(0, 0): TooOld, now.AddDate(0, 0, -31): TooOld, now.AddDate(0, 0, 3): TooNew, now.AddDate(73, 0, 0): TooNew} {
		if got := l.Refuses(&event.Event{Time: when, Line: []byte(`{}`)}, now); got != want {
			t.Errorf("an event of %s is %q, want %q", when, got, want)
		}
	}
}

// chance makes events and rules of few words, so that they meet often.
type chance struct{ *rand.Rand }

func pick[T any](c chance, of ...T) T { return of[c.IntN(len(of))] }

func (c chance) name() string {
	return pick(c, "a", "b", "c", "a.b", "a.b.c", "a.c", "message", "host.name", "host", "name", "event.id", "event", "id", "_msg", "", "x y")
}

func (c chance) value(depth int) any {
	switch n := c.IntN(12); {
	case n < 4 || depth == 0:
		return pick[any](c, "x", "y", "", "[]", `["x"]`, "null", "1", "true", "xyx", "Ä", "\n\x01\"\\")
	case n == 4:
		return nil
	case n == 5:
		return pick[any](c, 1, 10, true, false, json.Number("1.0"))
	case n < 8:
		list := make([]any, c.IntN(4))
		for i := range list {
			list[i] = c.value(depth - 1)
		}
		return list
	}
	return c.object(depth - 1)
}

// object is an object as JSON, in which names may stand twice.
func (c chance) object(depth int) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range c.IntN(5) {
		if i > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(c.name())
		value, _ := json.Marshal(c.value(depth))
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

func (c chance) rule() *sigma.Rule {
	item := &sigma.Item{Field: c.name(), Not: c.IntN(6) == 0}
	for range 1 + c.IntN(2) {
		star := sigma.String{Parts: []sigma.Part{{Kind: sigma.Star}}}
		text := sigma.PlainString(pick(c, "x", "y", "1", "true", "[]", "ä", `["x"]`, ""))
		item.Values = append(item.Values, pick[sigma.Value](c, text, text, sigma.Concat(star, text), sigma.Concat(star, text, star), star, sigma.Null{}, sigma.Exists(true), sigma.Exists(false),
			sigma.Number{Text: "1", Value: 1}, sigma.Bool(true), sigma.FieldRef{Field: c.name()}, sigma.Regex{Expr: "x.?x"}))
	}
	if item.Field == "" { // keywords have their stars
		item.Values = []sigma.Value{sigma.ParseString("*" + pick(c, "x", "xy", "true", "1") + "*")}
	}
	return &sigma.Rule{Detection: sigma.Detection{Searches: []*sigma.Search{{Name: "s", Body: item}}, Conditions: []sigma.Condition{{Text: "s", Expr: sigma.Ref("s")}}}}
}

// TestRulesFindTheSame is what the layout is for: a rule finds in what is read
// back what it finds in the line.
func TestRulesFindTheSame(t *testing.T) {
	c := chance{rand.New(rand.NewPCG(1, 2))}
	found, lines := 0, 300
	if testing.Short() {
		lines = 60
	}
	var events [][]byte
	for range lines {
		events = append(events, c.object(4))
	}
	for range 300 {
		rule := c.rule()
		engine, err := sigma.Compile([]*sigma.Rule{rule})
		if err != nil {
			t.Fatal(err)
		}
		s := engine.Scanner()
		for _, in := range events {
			back := through(t, event.Event{Line: in}).Line
			want, err := s.Match(in)
			if err != nil {
				t.Fatal(err)
			}
			matched := len(want)
			got, err := s.Match(back)
			if err != nil {
				t.Fatalf("%s became %s: %v", in, back, err)
			}
			if len(got) != matched {
				item := rule.Detection.Searches[0].Body.(*sigma.Item)
				t.Fatalf("field %q values %v not %v: %d matches in\n%s\nbut %d in\n%s", item.Field, item.Values, item.Not, matched, in, len(got), back)
			}
			found += matched
		}
	}
	if found < lines {
		t.Fatalf("only %d matches: the words do not meet", found)
	}
}

// TestSigmaHQFindsTheSame runs all rules over real events and what is read back.
func TestSigmaHQFindsTheSame(t *testing.T) {
	c, err := sigma.Load(testenv.Data(t, "sigma", "sigmahq-rules.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var refused []sigma.Problem
	engine, err := sigma.Compile(c.Rules, sigma.Skip(&refused))
	if err != nil {
		t.Fatal(err)
	}
	s := engine.Scanner()
	matches := 0
	names := func(line []byte) (out []string) {
		list, err := s.Match(line)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			out = append(out, r.ID)
		}
		return out
	}
	for i, in := range testenv.Windows(t) {
		want, got := names(in), names(through(t, event.Event{Line: in}).Line)
		if !slices.Equal(want, got) {
			t.Fatalf("event %d: found %v, and in what is read back %v", i, want, got)
		}
		matches += len(want)
	}
	if matches < 1000 {
		t.Fatalf("only %d matches", matches)
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":{"b":[1,null,{"c":""}]},"a.b":null}`, `{"a":"\ud800","b":"\u0000"}`, `{"":{"":""}}`, `{"a b":{},"\"":[]}`, `{"a":1,"a":2}`, `{"binnacle.shape":"=a"}`, "{\"\xff\":\"\xfe\"}"} {
		f.Add([]byte(s))
	}
	engine, err := sigma.Compile([]*sigma.Rule{{Detection: sigma.Detection{Searches: []*sigma.Search{{Name: "s", Body: &sigma.Item{Field: "a.b", Values: []sigma.Value{sigma.Exists(true)}}}},
		Conditions: []sigma.Condition{{Expr: sigma.Ref("s")}}}}})
	if err != nil {
		f.Fatal(err)
	}
	s := engine.Scanner()
	f.Fuzz(func(t *testing.T, in []byte) {
		want, err := s.Match(in)
		if err != nil || refuses(in) != "" {
			return
		}
		matched := len(want)
		back := through(t, event.Event{Line: in}).Line
		got, err := s.Match(back)
		if err != nil || len(got) != matched {
			t.Fatalf("%q became %q: %v, %d matches, want %d", in, back, err, len(got), matched)
		}
		again := through(t, event.Event{Line: back}).Line
		if refuses(back) == "" && len(again) != len(back) {
			t.Fatalf("%q became %q and then %q", in, back, again)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	lines := testenv.Windows(b)
	var c encoder
	b.ResetTimer()
	for i := range b.N {
		c.encode(&event.Event{ID: "x", Line: lines[i%len(lines)]})
	}
}
