package app_test

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/cli"
	"github.com/binnaclehq/binnacle/internal/ingest/listen"
	intake "github.com/binnaclehq/binnacle/internal/ingest/post"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

// pagesOf returns the repository's Markdown by path.
func pagesOf(t *testing.T) map[string]string {
	t.Helper()
	root := os.DirFS(testenv.Root())
	names := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "content/detections/README.md", "content/attack/README.md"}
	err := fs.WalkDir(root, "docs", func(name string, d fs.DirEntry, err error) error {
		if err == nil && path.Ext(name) == ".md" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		data, err := fs.ReadFile(root, name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(data)
	}
	return all
}

var (
	fence   = regexp.MustCompile("(?ms)^[ \t]*```([a-z]*)\n(.*?)^[ \t]*```")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the anchors of a page's headings, as GitHub makes them.
func anchors(text string) []string {
	var out []string
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		out = append(out, strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(strings.TrimSpace(m[1])), ""), " ", "-"))
	}
	return out
}

func TestDocumentationLinks(t *testing.T) {
	pages, checked := pagesOf(t), 0
	for name, text := range pages {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			to, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") {
				continue
			}
			checked++
			target := name
			if to != "" {
				target = path.Join(path.Dir(name), to)
			}
			if _, err := os.Stat(filepath.Join(testenv.Root(), filepath.FromSlash(target))); err != nil {
				t.Errorf("%s: %s leads nowhere", name, m[1])
			} else if anchor != "" && !slices.Contains(anchors(pages[target]), anchor) {
				t.Errorf("%s: %s has no heading #%s", name, target, anchor)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d links were found", checked)
	}
}

// TestDocumentationCommands parses every command line of binnacle that the
// documentation shows.
func TestDocumentationCommands(t *testing.T) {
	program, checked := app.Program(), 0
	for name, text := range pagesOf(t) {
		for _, block := range fence.FindAllStringSubmatch(text, -1) {
			for _, args := range append(commandLines(block[2]), configured(block[1], block[2])...) {
				checked++
				if err := cli.Check(program, args); err != nil {
					t.Errorf("%s: binnacle %s\n\t%v", name, strings.Join(args, " "), err)
				}
			}
		}
	}
	if checked < 80 {
		t.Errorf("only %d command lines were found", checked)
	}
}

// before are words that may stand before the program's name.
var before = regexp.MustCompile(`^(?:sudo|exec|env|go|run|run:|-|\$|[A-Z_]+=.*|ExecStart=.*)$`)

// commandLines returns the arguments of every call of the program in a block
// of shell; a line of usage, with [flags], is none.
func commandLines(block string) [][]string {
	var out [][]string
	for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
		for _, words := range commandsOf(strings.Replace(line, "ExecStart=", "ExecStart= ", 1)) {
			i := slices.IndexFunc(words, func(w string) bool { return !before.MatchString(w) })
			if i >= 0 && path.Base(words[i]) == "binnacle" && !slices.Contains(words, "[flags]") {
				out = append(out, words[i+1:])
			}
		}
	}
	return out
}

// commandsOf splits a line of shell into commands and those into words.
func commandsOf(line string) [][]string {
	var all [][]string
	var words []string
	var word strings.Builder
	quote, begun, inside := rune(0), false, 0 // inside $( )
	end := func() {
		if begun {
			words = append(words, word.String())
		}
		begun = false
		word.Reset()
	}
	for _, r := range line {
		switch {
		case r == '(' && strings.HasSuffix(word.String(), "$"), r == ')' && inside > 0:
			inside += map[rune]int{'(': 1, ')': -1}[r]
			word.WriteRune(r)
		case inside > 0:
			word.WriteRune(r)
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, begun = r, true
		case quote == 0 && r == '#' && !begun, quote == 0 && (r == '>' || r == '<'):
			end()
			return append(all, words)
		case quote == 0 && (r == '|' || r == ';' || r == '&'):
			end()
			all, words = append(all, words), nil
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n'):
			end()
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	end()
	return append(all, words)
}

// configured returns the arguments that a JSON configuration of a client gives
// the program.
func configured(language, block string) [][]string {
	var config struct {
		Servers map[string]struct {
			Command string   `json:"command"`
			Args    []string `json:"args"`
		} `json:"mcpServers"`
	}
	if language != "json" || json.Unmarshal([]byte(block), &config) != nil {
		return nil
	}
	var out [][]string
	for _, s := range config.Servers {
		if path.Base(s.Command) == "binnacle" {
			out = append(out, s.Args)
		}
	}
	return out
}

// TestDocumentationNamesEveryDependency compares docs/dependencies.md with what
// go.mod requires directly.
func TestDocumentationNamesEveryDependency(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(testenv.Root(), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	page, checked := pagesOf(t)["docs/dependencies.md"], 0
	said := regexp.MustCompile(`[a-z0-9.-]+\.[a-z]+/[\w./-]+`).FindAllString(page, -1)
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllSubmatch(mod, -1) { // those of others end in // indirect
		checked++
		if !slices.Contains(said, string(m[1])) {
			t.Errorf("docs/dependencies.md does not say what %s is for", m[1])
		}
	}
	if checked < 20 {
		t.Errorf("only %d requirements were found", checked)
	}
}

// TestDocumentationCollectors reads every collector that the documentation tells
// to start, as serve would.
func TestDocumentationCollectors(t *testing.T) {
	flag, variable, checked := regexp.MustCompile("--collect[ =](?:'([^']+)'|\"([^\"]+)\"|([^\\s`'\"]+))"), regexp.MustCompile(`BINNACLE_COLLECT="?([^"\n]+)"?`), 0
	try := func(name string, urls ...string) {
		for _, u := range urls {
			if !strings.Contains(u, ":") {
				continue // the word URL, in a table
			}
			checked++
			if _, err := listen.Parse(u); err != nil {
				t.Errorf("%s: --collect %s\n\t%v", name, u, err)
			}
		}
	}
	for name, text := range pagesOf(t) {
		for _, m := range flag.FindAllStringSubmatch(text, -1) {
			try(name, m[1]+m[2]+m[3])
		}
		for _, m := range variable.FindAllStringSubmatch(text, -1) {
			try(name, strings.Fields(m[1])...)
		}
	}
	if checked < 30 {
		t.Errorf("only %d collectors were found", checked)
	}
}

// TestDocumentationSendsToWhatListens asks for every address below /ingest that
// the documentation names.
func TestDocumentationSendsToWhatListens(t *testing.T) {
	mux := http.NewServeMux()
	for _, r := range intake.Routes(intake.Config{}) {
		mux.HandleFunc(r.Method+" "+r.Pattern, func(http.ResponseWriter, *http.Request) {})
	}
	checked := 0
	for name, text := range pagesOf(t) {
		for _, p := range regexp.MustCompile(`/ingest/[\w/.-]+`).FindAllString(strings.ReplaceAll(text, "internal/ingest", ""), -1) {
			checked++
			r, err := http.NewRequest("POST", strings.TrimRight(p, "/."), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, pattern := mux.Handler(r); pattern == "" {
				t.Errorf("%s: nothing listens at %s", name, p)
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d addresses were found", checked)
	}
}

// TestDocumentationFiles reads every file of ours that the documentation shows, as
// apply would.
func TestDocumentationFiles(t *testing.T) {
	kinds, checked := app.Kinds(), 0
	for name, text := range pagesOf(t) {
		for _, block := range fence.FindAllStringSubmatch(text, -1) {
			if block[1] != "yaml" || !strings.HasPrefix(block[2], "apiVersion: binnacle") {
				continue
			}
			checked++
			if _, err := kinds.Decode(name, []byte(block[2])); err != nil {
				t.Errorf("%s:\n%s\n\t%v", name, block[2], err)
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d files were found", checked)
	}
}

func TestDocumentationNamesTheVersionOfGo(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(testenv.Root(), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)
	if m == nil {
		t.Fatal("go.mod names no version of Go")
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "Dockerfile"} {
		text, err := os.ReadFile(filepath.Join(testenv.Root(), name))
		if err != nil {
			t.Fatal(err)
		}
		said := regexp.MustCompile(`(?:Go |golang:)(\d+\.\d+)`).FindAllStringSubmatch(string(text), -1)
		if len(said) == 0 {
			t.Errorf("%s does not say which Go it takes", name)
		}
		for _, s := range said {
			if s[1] != string(m[1]) {
				t.Errorf("%s says Go %s, go.mod %s", name, s[1], m[1])
			}
		}
	}
}
