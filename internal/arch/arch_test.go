package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/testenv"
)

const module = "github.com/binnaclehq/binnacle/"

// pkg is one package as its files say.
type pkg struct {
	path    string // "internal/catalog"
	imports []string
	docs    int // files with a package comment
	files   int // files that are not tests
}

// packages reads every Go file of the repository.
func packages(t *testing.T) map[string]*pkg {
	t.Helper()
	all := map[string]*pkg{}
	root := testenv.Root()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		return add(all, root, path)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 15 {
		t.Fatalf("only %d packages were found: the test looks in the wrong place", len(all))
	}
	return all
}

func add(all map[string]*pkg, root, path string) error {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly|parser.ParseComments)
	if err != nil || ignored(f) {
		return err
	}
	dir, err := filepath.Rel(root, filepath.Dir(path))
	if err != nil {
		return err
	}
	dir = filepath.ToSlash(dir)
	p := all[dir]
	if p == nil {
		p = &pkg{path: dir}
		all[dir] = p
	}
	p.files++
	if f.Doc != nil {
		p.docs++
	}
	for _, imp := range f.Imports {
		name, _ := strconv.Unquote(imp.Path.Value)
		p.imports = append(p.imports, name)
	}
	return nil
}

// ignored reports whether a file is left out of ordinary builds.
func ignored(f *ast.File) bool {
	return slices.ContainsFunc(f.Comments, func(c *ast.CommentGroup) bool {
		return strings.HasPrefix(c.List[0].Text, "//go:build deps") || strings.HasPrefix(c.List[0].Text, "//go:build ignore")
	})
}

// A wall keeps packages from importing others.
type wall struct {
	from   string // a package, or with /… everything below it
	banned []string
	except []string // packages of from that may
	why    string
}

var walls = []wall{
	{from: "internal/entity", banned: []string{"…"}, why: "words everyone shares need nothing but the standard library"},
	{from: "internal/fault", banned: []string{"…"}, why: "words everyone shares need nothing but the standard library"},
	{from: "internal/forecast", banned: []string{"…"}, why: "arithmetic needs nothing but the standard library"},
	{from: "internal/lang", banned: []string{"…"}, why: "words everyone shares need nothing but the standard library"},
	{from: "sigma/…", banned: []string{module + "internal/…", module + "cmd/…"}, why: "the Sigma engine is a public library and knows nothing of the program"},
	{from: "sigma/…", banned: []string{module + "sigma/internal/testdata", module + "sigma/internal/plain"}, why: "what tests use is not shipped"},
	{from: "internal/…", banned: []string{"modernc.org/sqlite…", "github.com/jackc/pgx…", "database/sql/driver"}, except: []string{"internal/sqldb"}, why: "only sqldb knows the databases' drivers"},
	{from: "internal/…", banned: []string{module + "internal/app"}, why: "app wires everything and nothing leans on it"},
	{from: "internal/…", banned: []string{module + "internal/cli"}, except: []string{"internal/app"}, why: "the command line is a face, not a part"},
	{from: "internal/…", banned: []string{module + "internal/testenv", module + "internal/sqldb/sqldbtest", module + "internal/catalog/catalogtest", module + "internal/fault/faulttest", module + "internal/web/webtest", module + "internal/ingest/parser/parsertest"},
		except: []string{"internal/sqldb/sqldbtest", "internal/catalog/catalogtest", "internal/web/webtest"}, why: "what tests use is not shipped"},
	{from: "internal/domain/…", banned: []string{module + "internal/api", module + "internal/mcp", module + "internal/door", module + "internal/backup"}, why: "a room brings data and pages; the faces are written once for all"},
	{from: "internal/catalog", banned: []string{module + "internal/web…", module + "internal/door", module + "internal/api", module + "internal/room", module + "internal/domain/…"}, why: "the kernel does not know its faces"},
	{from: "internal/auth", banned: []string{module + "internal/catalog", module + "internal/web…", module + "internal/door", module + "internal/domain/…"}, why: "the kernel does not know its faces"},
	{from: "internal/talk", banned: []string{module + "internal/web…", module + "internal/door", module + "internal/api", module + "internal/room", module + "internal/domain/…"}, why: "the kernel does not know its faces"},
	{from: "internal/action", banned: []string{module + "internal/catalog", module + "internal/talk…", module + "internal/web…", module + "internal/door", module + "internal/domain/…"}, why: "what is sent does not know what it tells of"},
	{from: "internal/blob", banned: []string{module + "internal/talk…", module + "internal/web…", module + "internal/door", module + "internal/domain/…"}, why: "the kernel does not know its faces"},
	{from: "internal/…", banned: []string{"github.com/wneessen/go-mail…"}, except: []string{"internal/action"}, why: "only action sends mail"},
	{from: "internal/…", banned: []string{"github.com/minio/…"}, except: []string{"internal/blob"}, why: "only blob knows the storage of files"},
	{from: "internal/…", banned: []string{"github.com/VictoriaMetrics/…"}, except: []string{"internal/logs"}, why: "only logs knows the event engine"},
	{from: "internal/logs…", banned: []string{module + "internal/catalog", module + "internal/web…", module + "internal/door", module + "internal/api", module + "internal/domain/…"}, why: "the kernel does not know its faces"},
	{from: "internal/web", banned: []string{module + "internal/domain/…", module + "internal/room", module + "internal/api"}, why: "pages are written once for all kinds, without knowing one"},
	{from: "internal/claim", banned: []string{module + "internal/web…", module + "internal/door", module + "internal/api", module + "internal/room", module + "internal/domain/…"}, why: "the kernel does not know its faces"},
	{from: "internal/morning", banned: []string{module + "internal/web…", module + "internal/door", module + "internal/api", module + "internal/room", module + "internal/domain/…"}, why: "the kernel does not know its faces"},
	{from: "internal/api", banned: []string{module + "internal/domain/…", module + "internal/room", module + "internal/web"}, why: "the API is written once for all kinds, without knowing one"},
}

// TestWalls fails where a package imports what it must not.
func TestWalls(t *testing.T) {
	all := packages(t)
	checked := map[string]int{}
	for _, p := range all {
		for i, w := range walls {
			if !under(p.path, w.from) || slices.Contains(w.except, p.path) {
				continue
			}
			checked[w.from+strconv.Itoa(i)]++
			for _, imp := range p.imports {
				if slices.ContainsFunc(w.banned, func(b string) bool { return banned(imp, b) }) {
					t.Errorf("%s imports %s: %s", p.path, imp, w.why)
				}
			}
		}
	}
	for i, w := range walls {
		if checked[w.from+strconv.Itoa(i)] == 0 {
			t.Errorf("the wall around %s guards no package", w.from)
		}
	}
}

// TestRoomsAreApart fails where one room imports another.
func TestRoomsAreApart(t *testing.T) {
	rooms := 0
	for _, p := range packages(t) {
		room, ok := roomOf(module + p.path)
		if !ok {
			continue
		}
		rooms++
		for _, imp := range p.imports {
			if other, ok := roomOf(imp); ok && other != room {
				t.Errorf("%s imports %s: rooms meet in relations, claims, the feed and cards", p.path, imp)
			}
		}
	}
	if rooms == 0 {
		t.Fatal("no room was found")
	}
}

func roomOf(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, module+"internal/domain/")
	name, _, _ := strings.Cut(rest, "/")
	return name, ok
}

// TestOneDocComment fails where a package does not say, once, what it is for.
func TestOneDocComment(t *testing.T) {
	for _, p := range packages(t) {
		if p.docs != 1 {
			t.Errorf("%s has %d package comments, want 1", p.path, p.docs)
		}
	}
}

// under reports whether path is pattern, or below it when it ends in /….
func under(path, pattern string) bool {
	prefix, deep := strings.CutSuffix(pattern, "…")
	return path == strings.TrimSuffix(prefix, "/") || deep && strings.HasPrefix(path, prefix)
}

// banned reports whether an import falls under a ban; "…" alone bans all that is
// not the standard library.
func banned(imp, pattern string) bool {
	if pattern == "…" {
		first, _, _ := strings.Cut(imp, "/")
		return strings.Contains(first, ".")
	}
	prefix, deep := strings.CutSuffix(pattern, "…")
	return imp == strings.TrimSuffix(prefix, "/") || deep && strings.HasPrefix(imp, prefix)
}

func TestBans(t *testing.T) {
	f := func(imp, pattern string, want bool) {
		t.Helper()
		if got := banned(imp, pattern); got != want {
			t.Errorf("banned(%q, %q) = %v", imp, pattern, got)
		}
	}
	f("fmt", "…", false)
	f("go.yaml.in/yaml/v3", "…", true)
	f("modernc.org/sqlite/lib", "modernc.org/sqlite…", true)
	f(module+"internal/webhook", module+"internal/web", false)
	f(module+"internal/domain/people", module+"internal/domain/…", true)
}
