package correlate

import (
	"testing"

	"github.com/valyala/fastjson"
)

func TestJSON(t *testing.T) {
	v := fastjson.MustParse(`{"text": "a\"\u00fc", "n": 1.50, "yes": true, "nothing": null, "one": ["x"], "two": ["x", 2], "none": [],
		"a.b": "flat", "a": {"b": "deep", "c": {"d": 4}, "e.f": 5}, "list": [{"x": 1}]}`)
	field := JSON(v)
	for name, want := range map[string]string{
		"text": `a"ü`, "n": "1.50", "yes": "true", "one": "x", "two": `["x",2]`, "none": "[]", "a.b": "flat", "a.c.d": "4", "a.e.f": "5",
		"a.c": `{"d":4}`, "nothing": "-", "gone": "-", "a.x": "-", "a.c.d.e": "-", "text.x": "-", ".": "-", "": "-", "list.x": "-",
	} {
		got, ok := field(name)
		if !ok {
			got = "-"
		}
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
