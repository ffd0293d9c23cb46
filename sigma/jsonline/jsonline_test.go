package jsonline

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// read goes through an event and writes it out again, or says why not.
func read(line []byte) (string, error) {
	c, err := Open(line)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteByte('{')
	for key, v, ok := c.Next(); ok; key, v, ok = c.Next() {
		b.WriteString(string(Quote(nil, Unescape(nil, key))) + ":" + written(v) + ",")
	}
	return b.String() + "}", c.Err()
}

// TestPlaces: what stands at the places of members is what a cursor reads.
func TestPlaces(t *testing.T) {
	line := []byte(" { \"a\" : \"x\\\"y\" ,\"\\u0062\":[ 1,{\"c\":2} ] , \"a\":null,\"\":-1 } ")
	places, err := Places(nil, line)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, p := range places {
		got += string(p.Key(line)) + "=" + string(p.Value(line)) + ";"
		if string(line[p.End()-len(p.Value(line)):p.End()]) != string(p.Value(line)) {
			t.Errorf("%s ends at %d", p.Value(line), p.End())
		}
	}
	if want := `a="x\"y";\u0062=[ 1,{"c":2} ];a=null;=-1;`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := Places(nil, []byte(`{"a":1`)); err == nil {
		t.Error("half an object has places")
	}
}

func written(v []byte) string {
	c := Within(v)
	out := ""
	switch v[0] {
	case '{':
		for key, v, ok := c.Next(); ok; key, v, ok = c.Next() {
			out += string(Quote(nil, Unescape(nil, key))) + ":" + written(v) + ","
		}
		return "{" + out + "}"
	case '[':
		for v, ok := c.Element(); ok; v, ok = c.Element() {
			out += written(v) + ","
		}
		return "[" + out + "]"
	case '"':
		return string(Quote(nil, Unescape(nil, v[1:len(v)-1])))
	}
	return string(v)
}

func TestRead(t *testing.T) {
	const no = "the event is no JSON"
	for _, test := range []struct{ line, want, wrong string }{
		{`{}`, `{}`, ""},
		{" \t{ \"a\" : 1 , \"b\":[ ] } \r\n", `{"a":1,"b":[],}`, ""},
		{`{"a":{"b":[1,"x",null,true,{"c":-1.5e3}]}}`, `{"a":{"b":[1,"x",null,true,{"c":-1.5e3,},],},}`, ""},
		{`{"a\"b":"\\\"\/\b\f\n\r\t\u0041\ud83d\ude00\\u"}`, `{"a\"b":"\\\"/\u0008\u000c\u000a\u000d\u0009A😀\\u",}`, ""},
		{`{"a":"\ud83d \q \u12 \"}`, "", no},
		{`{"a":"\ud83d\u0041 \q \u12"}`, `{"a":"` + "\ufffd" + `A \\q \\u12",}`, ""},
		{"{\"a\":\"\xff\"}", "{\"a\":\"\xff\",}", ""},
		{`{"a":"12345678\\"}`, `{"a":"12345678\\",}`, ""},
		{``, "", no}, {` `, "", no}, {`{`, "", no}, {`{"a"`, "", no}, {`{"a":`, "", no}, {`{"a":1`, "", no}, {`{"a":1,`, "", no},
		{`{"a":1,}`, "", no}, {`{,"a":1}`, "", no}, {`{"a" 1}`, "", no}, {`{"a":1 "b":2}`, "", no}, {`{a:1}`, "", no}, {`{"a":x}`, "", no},
		{`{"a":tru}`, "", no}, {`{"a":[1 2]}`, "", no}, {`{"a":[1,]}`, "", no}, {`{"a":[1}`, "", no}, {`{"a":1}}`, "", no}, {`{} {}`, "", no},
		{`{"a":-}`, "", no}, {`{"a":"x}`, "", no}, {`{"a":"x\"}`, "", no}, {`[`, "", no}, {`x`, "", no}, {`1 1`, "", no},
		{`[1]`, "", ErrNotObject.Error()}, {`"a"`, "", ErrNotObject.Error()}, {`null`, "", ErrNotObject.Error()},
		{strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300), strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat(",}", 300), ""},
		{strings.Repeat(`{"a":`, 301) + "1" + strings.Repeat("}", 301), "", "values of the event are nested more than 300 deep"},
		{`{"a":"[[\"[", "b":` + strings.Repeat("[", 298) + "x", "", no},
		{`{"a":` + strings.Repeat("[", 300), "", "values of the event are nested more than 300 deep"},
	} {
		got, err := read([]byte(test.line))
		if test.wrong != "" {
			if err == nil || !strings.HasPrefix(err.Error(), test.wrong) {
				t.Errorf("%.60s: %v, want %s", test.line, err, test.wrong)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%.60s: %.200s, %v, want %.200s", test.line, got, err, test.want)
		}
	}
}

// What encoding/json takes for an object is read, and means the same.
func FuzzRead(f *testing.F) {
	for _, line := range []string{`{"a":"\u0041\\","b":[1,{"c":null}]}`, `{"a\"":1}`, `{"a":"\ud83d\ude00\ud83d"}`, `[{}]`, `{"a":1}x`, "{\"\xff\":\"\\/\"}"} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := read(line)
		if valid := json.Valid(line) && bytes.TrimLeft(line, " \t\r\n")[0] == '{'; !valid {
			return
		}
		if depth := bytes.Count(line, []byte("{")) + bytes.Count(line, []byte("[")); depth > MaxDepth {
			return
		}
		if err != nil {
			t.Fatalf("%q is JSON: %v", line, err)
		}
		if !utf8.Valid(line) {
			return
		}
		got = strings.NewReplacer(",}", "}", ",]", "]").Replace(got)
		var want, have any
		if json.Unmarshal(line, &want) != nil || json.Unmarshal([]byte(got), &have) != nil {
			return // of commas in texts
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(have)
		if !bytes.Equal(a, b) && !bytes.Contains(line, []byte(",")) {
			t.Fatalf("%q is read as %s, want %s", line, b, a)
		}
	})
}
