package api

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAccept(t *testing.T) {
	offered := []string{jsonType, yamlType, csvType}
	for header, want := range map[string]string{
		"": jsonType, "*/*": jsonType, "text/yaml": yamlType, "application/*": jsonType, "text/*": csvType, "text/csv, application/json;q=0.5": csvType,
		"application/json;q=0.1, */*": yamlType, "text/html, application/xhtml+xml, */*;q=0.8": jsonType, "application/json;q=0, application/x-yaml": yamlType,
		"image/png": "", "*/*;q=0": "", ";;": "", "application/json;q=x": "",
	} {
		c := &call{r: httptest.NewRequest("GET", "/", nil)}
		c.r.Header.Set("Accept", header)
		got, err := c.accept(offered)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Accept %q: %q, %v; want %q", header, got, err, want)
		}
	}
}

func TestRevOf(t *testing.T) {
	for tag, want := range map[string]int64{`"3"`: 3, `W/"3"`: 3, ` "3" `: 3, `3`: 0, `"x"`: 0, `"-1"`: 0, `"0"`: 0, `"1", "2"`: 0, "`3`": 0, `""`: 0, `"99999999999999999999"`: 0} {
		if got, ok := revOf(tag); ok != (want > 0) || ok && got != want {
			t.Errorf("revOf(%s) = %d, %v; want %d", tag, got, ok, want)
		}
	}
}

func FuzzAccept(f *testing.F) {
	for _, s := range []string{"*/*", "text/csv;q=0.5, a/b", "application/json; q=1e9", ",;,", "a/b; c=\"d\\\"\""} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, header, tag string) {
		for _, o := range listTypes {
			if q, exact := quality(header, o); q < 0 && exact == 0 || exact > 3 {
				t.Errorf("quality(%q, %s) = %v, %d", header, o, q, exact)
			}
		}
		if rev, ok := revOf(tag); ok && rev < 1 {
			t.Errorf("revOf(%q) = %d", tag, rev)
		}
	})
}

// What is written as YAML is read as what it was.
func FuzzYAML(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,true,null,"x"]}`, `"1"`, `"null"`, `"a\nb"`, `{"b":{},"a":[]}`, `"- x: y #"`, `"\u0085"`, `["~","yes","0x1","1e3","2001-01-01","<<","="]`, `{"":""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want any
		if !json.Valid(data) || json.Unmarshal(data, &want) != nil || bytes.Contains(data, []byte(`\u0000`)) {
			return
		}
		y, err := yamlOf(data)
		if err != nil {
			return
		}
		back, err := jsonOf(y)
		if err != nil {
			return // a text that YAML cannot hold
		}
		var got any
		if err := json.Unmarshal(back, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%s\n%s", data, y, diff)
		}
	})
}
