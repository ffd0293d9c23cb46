package all_test

import (
	"testing"

	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
)

func TestFormats(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range all.Formats() {
		if f.Name == "" || f.Title.En == "" || f.Title.Es == "" || f.Doc.En == "" || f.Doc.Es == "" || f.Parse == nil || seen[f.Name] {
			t.Errorf("format %+v is not whole, or is there twice", f)
		}
		seen[f.Name] = true
		if got, ok := all.Get(f.Name); !ok || got.Name != f.Name {
			t.Errorf("format %s is not found by its name", f.Name)
		}
	}
	if _, ok := all.Get("nothing"); ok {
		t.Error("there is a format named nothing")
	}
}

func TestAuto(t *testing.T) {
	auto, _ := all.Get("")
	for in, want := range map[string]string{
		`{"msg":"x"}`: "json",
		`hello`:       "text",
		`{"msg":`:     "text",
		`[1]`:         "text",
		"Mar 10 09:00:00 web-1 sshd[1]: Server listening on 0.0.0.0 port 22.": "sshd",
	} {
		var out parser.Out
		if err := auto.Parse([]byte(in), &parser.Env{}, &out); err != nil || out.Format != want {
			t.Errorf("%s was read as %q, %v, want %q: %s", in, out.Format, err, want, out.Line)
		}
	}
}
