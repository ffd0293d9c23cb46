package catalog

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestJSONPlaces(t *testing.T) {
	trees, problems := parseJSON("f.json", []byte("\n[ {\"a\" :\n\t\"x\", \"b\": [1, {\"c\":\n null}]} ]\n{\"d\":\ttrue}\n"))
	if len(trees) != 2 || len(problems) > 0 {
		t.Fatalf("%d trees, %v", len(trees), problems)
	}
	want := map[string][2]int{"": {2, 3}, "a": {3, 2}, "b": {3, 7}, "b[0]": {3, 13}, "b[1]": {3, 16}, "b[1].c": {4, 2}}
	for path, at := range want {
		if got := trees[0].lines[path]; got != at {
			t.Errorf("%s stands at %v, want %v", path, got, at)
		}
	}
	if got := trees[1].lines["d"]; got != [2]int{5, 7} || trees[1].line != 5 {
		t.Errorf("d stands at %v in a tree at line %d", got, trees[1].line)
	}
}

func TestJSONTexts(t *testing.T) {
	for in, want := range map[string]string{
		`"\ud83d\ude00"`: "😀", `"\/"`: "/", `"\u0085\u007f"`: "\u0085\u007f", "\"\u007f\u0080\ufffe\"": "\u007f\u0080\ufffe", `"\ud800"`: "\ufffd", `"<<"`: "<<", `"null"`: "null", `"1"`: "1",
	} {
		trees, problems := parseJSON("", []byte(`{`+in+`:`+in+`}`))
		if len(problems) > 0 || len(trees) != 1 {
			t.Errorf("%s: %v", in, problems)
			continue
		}
		if diff := cmp.Diff(map[string]any{want: want}, trees[0].value); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
	}
}

// Many lines are read in a time that grows with their number, not its square.
func TestManyJSONLines(t *testing.T) {
	began := time.Now()
	trees, problems := parseJSON("", []byte(strings.Repeat(`{"a":"`+strings.Repeat("x", 200)+`"}`+"\n", 50_000)))
	if len(trees) != 50_000 || len(problems) > 0 || trees[49_999].line != 50_000 {
		t.Errorf("%d trees, %v", len(trees), problems)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,2.5e3,-0,true,null,"x\ud83d\ude00"]}`, "[{\"a\":\n1}]", `{"a":{"a":{}}} {"b":1}`, `{"a":1,"a":2}`, "[", "\"\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		trees, problems := parseJSON("", data)
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var v map[string]any
		if !json.Valid(data) || dec.Decode(&v) != nil || v == nil || len(problems) > 0 || len(trees) != 1 || len(trees[0].problems) > 0 {
			return
		}
		if diff := cmp.Diff(any(v), trees[0].value); diff != "" {
			t.Errorf("%s: %s", data, diff)
		}
	})
}
