package all_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/testenv"
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

// The page of formats has every format, and every name that its parser adds.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(testenv.Root(), "docs", "parsers.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for _, f := range all.Formats() {
		if !strings.Contains(page, "[`"+f.Name+"`](#") {
			t.Errorf("docs/parsers.md has no row of %s", f.Name)
		}
	}
	wants, _ := filepath.Glob(filepath.Join("..", "*", "testdata", "*.want"))
	if len(wants) < 12 {
		t.Fatalf("only %d files of testdata", len(wants))
	}
	for _, file := range wants {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(filepath.Dir(filepath.Dir(file)))
		if name == "filebeat" { // adds what the formats of lines add
			continue
		}
		of := section(page, name)
		switch name {
		case "weblog":
			of = section(page, "nginx, apache, weblog")
		case "linux":
			of += section(page, "journald")
		}
		for _, added := range ecs.FindAllSubmatch(data, -1) {
			if field := string(added[1]); field != event.Original && !strings.Contains(of, "`"+field+"`") && !shortened(of, field) {
				t.Errorf("docs/parsers.md does not say that %s adds %s", name, field)
			}
		}
	}
}

// section is what a page says under a heading.
func section(page, heading string) string {
	_, of, _ := strings.Cut(page, "\n### "+heading+"\n")
	of, _, _ = strings.Cut(of, "\n### ")
	return of
}

// ecs are the names of ECS as members of an object.
var ecs = regexp.MustCompile(`"((?:source|destination|user|process|http|url|network|event|observer|orchestrator|cloud|rule|dns|tls|group|host)\.[a-z_.]+)":`)

// shortened reports whether a page has a name as ".pid" after "process.name".
func shortened(page, field string) bool {
	head, rest, _ := strings.Cut(field, ".")
	return strings.Contains(page, "`"+head+".name`") && strings.Contains(page, "`."+rest+"`")
}
