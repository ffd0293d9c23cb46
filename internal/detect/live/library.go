package live

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/sigma"
)

// Builtin is the name of the rules that come with the program.
const Builtin = "builtin"

// Own is the origin of rules that an organisation wrote itself.
const Own = "own"

// Set is a folder or archive of rules of others.
type Set struct {
	Name string // by which rule sets are chosen: the last part of the path
	Path string
	On   bool // every organisation runs all of it
}

// ParseSet reads a set as the command line has it: a path, with ?on behind it
// when every organisation is to run all of it.
func ParseSet(text string) Set {
	p, on := strings.CutSuffix(text, "?on")
	name := filepath.Base(filepath.Clean(p))
	for _, end := range []string{".zip", ".gz", ".tgz", ".tar"} {
		name = strings.TrimSuffix(name, end)
	}
	return Set{Name: name, Path: p, On: on}
}

// Document is a rule or a correlation of a library.
type Document struct {
	Key         string // id, else name: what events and findings call it
	Origin      string // builtin, own, or the name of a set
	Rule        *sigma.Rule
	Correlation *sigma.Correlation // instead of Rule

	under bool // it only feeds correlations
}

// Head is what rules and correlations both say of themselves.
type Head struct {
	sigma.Pos
	ID, Name, Title, Status, Level, Description, Author, Date, Modified, License string
	References, FalsePositives, Tags                                             []string
	Logsource                                                                    sigma.Logsource
}

// Head returns what a document says of itself.
func (d *Document) Head() Head {
	if c := d.Correlation; c != nil {
		return Head{c.Pos, c.ID, c.Name, c.Title, c.Status, c.Level, c.Description, c.Author, c.Date, c.Modified, c.License, c.References, c.FalsePositives, c.Tags, sigma.Logsource{}}
	}
	r := d.Rule
	return Head{r.Pos, r.ID, r.Name, r.Title, r.Status, r.Level, r.Description, r.Author, r.Date, r.Modified, r.License, r.References, r.FalsePositives, r.Tags, r.Logsource}
}

// Feeds reports whether what the rule matches is told by correlations alone.
func (d *Document) Feeds() bool { return d.under }

// Problem is a rule that cannot be honoured, and whose it is.
type Problem struct {
	Origin string
	sigma.Problem
}

// Library is all rules there are, whether on or not. It does not change.
type Library struct {
	Documents []*Document
	Problems  []Problem
	Failed    map[string]string // sets that cannot be read, and why

	sets    []Set
	builtin fs.FS
	by      map[string]*Document
	print   string // of the files
}

// Document finds a rule or correlation by id or name; nil when there is none.
func (l *Library) Document(ref string) *Document { return l.by[ref] }

// readLibrary reads the built-in rules and the sets. A set that cannot be read
// leaves the others as they are.
func readLibrary(builtin fs.FS, root string, sets []Set) (*Library, error) {
	l := &Library{sets: sets, builtin: builtin, by: map[string]*Document{}, Failed: map[string]string{}, print: printOf(sets)}
	c, err := sigma.LoadFS(builtin, root)
	if err != nil {
		return nil, err
	}
	l.add(Builtin, c)
	for _, s := range sets {
		c, err := sigma.Load(s.Path)
		if err != nil {
			l.Failed[s.Name] = err.Error()
			continue
		}
		l.add(s.Name, c)
	}
	l.mark()
	return l, nil
}

func (l *Library) add(origin string, c *sigma.Collection) {
	for _, p := range c.Problems {
		l.Problems = append(l.Problems, Problem{origin, p})
	}
	for _, r := range c.Rules {
		r.ID = keyOf(r.ID, r.Name, origin, r.Pos, r.Title)
		l.keep(&Document{Key: r.ID, Origin: origin, Rule: r}, r.Name)
	}
	for _, r := range c.Correlations {
		r.ID = keyOf(r.ID, r.Name, origin, r.Pos, r.Title)
		l.keep(&Document{Key: r.ID, Origin: origin, Correlation: r}, r.Name)
	}
}

// longestKey is how long an id may be, in bytes, that indexes and addresses take.
const longestKey = 200

// keyOf is the id of a rule. One that has none that can be kept gets its name, or
// one that follows from where it is and how it is called.
func keyOf(id, name, origin string, at sigma.Pos, title string) string {
	odd := func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
	if key := cmp.Or(id, name); key != "" && len(key) <= longestKey && !strings.ContainsFunc(key, odd) {
		return key
	}
	h := sha256.Sum256([]byte(strings.Join([]string{origin, path.Base(filepath.ToSlash(at.File)), title, id, name}, "\x00")))
	return "rule-" + hex.EncodeToString(h[:8])
}

// keep takes a document in, unless another set had its id or name before.
func (l *Library) keep(d *Document, name string) {
	for _, ref := range []string{d.Key, name} {
		if was := l.by[ref]; was != nil && ref != "" {
			l.Problems = append(l.Problems, Problem{d.Origin, sigma.Problem{Pos: d.Head().Pos, Code: "duplicate-id", Message: fmt.Sprintf("%q is already a rule of %s, in %s", ref, was.Origin, was.Head().Pos), Fix: "take one of the two away"}})
			return
		}
	}
	l.by[d.Key] = d
	if name != "" {
		l.by[name] = d
	}
	l.Documents = append(l.Documents, d)
}

// mark finds the rules that correlations alone tell of.
func (l *Library) mark() {
	for _, d := range l.Documents {
		if d.Correlation == nil || d.Correlation.Generate {
			continue
		}
		for _, ref := range d.Correlation.Rules {
			if under := l.by[ref]; under != nil {
				under.under = true
			}
		}
	}
}

// Text returns the file that a document stands in; "" where it cannot be read
// any more.
func (l *Library) Text(d *Document) string {
	name := d.Head().File
	var data []byte
	switch archive, inner, packed := strings.Cut(name, "!"); {
	case d.Origin == Builtin:
		data, _ = fs.ReadFile(l.builtin, name) // compiled in
	case packed:
		data = fromArchive(archive, inner)
	default:
		data, _ = os.ReadFile(name) // a file that went since is no text
	}
	return string(data)
}

// maxText is the longest file that is shown.
const maxText = 1 << 20

func fromArchive(archive, inner string) []byte {
	f, err := os.Open(archive)
	if err != nil {
		return nil
	}
	defer f.Close()
	var from io.Reader = f
	if strings.HasSuffix(archive, "gz") {
		if from, err = gzip.NewReader(f); err != nil {
			return nil
		}
	}
	files := tar.NewReader(from)
	for {
		head, err := files.Next()
		if err != nil {
			return nil
		}
		if head.Name == inner {
			data, _ := io.ReadAll(io.LimitReader(files, maxText)) // half a text is none
			return data
		}
	}
}

// Examples returns what the examples beside a document show: nil when there are
// none.
func (l *Library) Examples(d *Document) (*detect.Tested, error) {
	fsys, dir := l.folder(d)
	if fsys == nil {
		return nil, nil
	}
	if _, err := fs.Stat(fsys, path.Join(dir, detect.HitsFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	list, err := detect.Examples(fsys, dir)
	i := slices.IndexFunc(list, func(t detect.Tested) bool { return t.Dir == dir })
	if err != nil || i < 0 {
		return nil, err
	}
	return &list[i], nil
}

// Hits returns the examples that a document must match, one a line; nil when
// there are none.
func (l *Library) Hits(d *Document) []byte {
	fsys, dir := l.folder(d)
	if fsys == nil {
		return nil
	}
	data, _ := fs.ReadFile(fsys, path.Join(dir, detect.HitsFile)) // none is no failure
	return data
}

// folder is where a document's examples lie beside it.
func (l *Library) folder(d *Document) (fs.FS, string) {
	name := d.Head().File
	switch {
	case d.Origin == Builtin:
		return l.builtin, path.Dir(name)
	case d.Origin == Own || strings.Contains(name, "!"):
		return nil, ""
	}
	return os.DirFS(filepath.Dir(name)), "."
}

// printOf changes when a file of the sets does.
func printOf(sets []Set) string {
	h := sha256.New()
	for _, s := range sets {
		_ = filepath.WalkDir(s.Path, func(name string, d fs.DirEntry, err error) error { // what cannot be read is a state like another
			if err != nil {
				fmt.Fprintln(h, name, err)
				return nil
			}
			if d.IsDir() && d.Name() == ".git" {
				return filepath.SkipDir
			}
			if info, err := d.Info(); err == nil && !d.IsDir() {
				fmt.Fprintln(h, name, info.Size(), info.ModTime().UnixNano())
			}
			return nil
		})
	}
	return hex.EncodeToString(h.Sum(nil))
}
