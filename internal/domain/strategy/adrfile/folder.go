package adrfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// ReadPath reads a record, or a folder of them: a project with .log4brains.yml
// (its folder and its packages), the folder that adr-tools' .adr-dir names, the
// usual places (docs/adr, docs/decisions, doc/adr, … and packages/*/adr), or
// else every Markdown file in the folder and below, where a subfolder is a
// package. Templates, indexes and READMEs are skipped, as each tool does. Links
// lead to the records read. The records come in order of their slugs.
func ReadPath(fsys fs.FS, name string) ([]Decision, []fault.Problem) {
	w := &walker{fsys: fsys, slugs: map[string]bool{}}
	info, err := fs.Stat(fsys, name)
	switch {
	case err != nil:
		w.report(name, 0, "unreadable", reason(err))
	case info.IsDir():
		w.folder(name, "", 0)
	default:
		w.file(place{file: name, pkg: packageOf(name)})
	}
	if len(w.records) == 0 && len(w.problems) == 0 {
		w.report(name, 0, "empty-folder")
	}
	return w.decisions(), w.problems
}

// walker reads folders.
type walker struct {
	fsys     fs.FS
	records  []*record
	slugs    map[string]bool
	problems []fault.Problem
	files    int
}

func (w *walker) report(file string, line int, code string, args ...string) {
	w.problems = append(w.problems, newProblem(file, line, code, args...))
}

func (w *walker) decisions() []Decision {
	x := newIndex()
	for _, r := range w.records {
		x.add(&r.Decision)
	}
	var list []Decision
	for _, r := range w.records {
		r.resolve(x)
		list = append(list, r.Decision)
	}
	slices.SortFunc(list, func(a, b Decision) int { return strings.Compare(a.Slug, b.Slug) })
	return list
}

// usual are the places where tools put records, in a repository's root.
var usual = []string{
	"docs/adr", "docs/adrs", "docs/ADR", "docs/decisions", "docs/architecture/decisions", "docs/architecture-decisions",
	"doc/adr", "doc/decisions", "doc/architecture/decisions", "adr", "adrs", "decisions",
}

// folder reads a folder that may be a project, or hold records.
func (w *walker) folder(dir, pkg string, depth int) {
	if w.log4brains(dir) || w.adrDir(dir) || w.usual(dir) {
		return
	}
	w.markdown(place{file: dir, pkg: pkg}, depth)
}

// log4brains reads the folders that a .log4brains.yml names.
func (w *walker) log4brains(dir string) bool {
	name := path.Join(dir, ".log4brains.yml")
	data, err := w.load(name)
	if err != nil {
		return false
	}
	var config struct {
		Project struct {
			ADRFolder string `yaml:"adrFolder"`
			Packages  []struct {
				Name      string `yaml:"name"`
				ADRFolder string `yaml:"adrFolder"`
			} `yaml:"packages"`
		} `yaml:"project"`
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		w.report(name, 0, "config", strings.TrimPrefix(err.Error(), "yaml: "))
		return true
	}
	w.configured(name, config.Project.ADRFolder, "")
	for _, p := range config.Project.Packages {
		w.configured(name, p.ADRFolder, p.Name)
	}
	return true
}

// configured reads a folder that a project's file names.
func (w *walker) configured(config, folder, pkg string) {
	dir := path.Join(path.Dir(config), folder)
	if info, err := fs.Stat(w.fsys, dir); folder == "" || err != nil || !info.IsDir() {
		w.report(config, 0, "no-folder", folder)
		return
	}
	w.markdown(place{file: dir, pkg: pkg, log4brains: true}, MaxDepth)
}

func (w *walker) adrDir(dir string) bool {
	data, err := w.load(path.Join(dir, ".adr-dir"))
	folder := strings.TrimSpace(string(data))
	if err != nil || folder == "" {
		return false
	}
	folder = path.Join(dir, folder)
	if info, err := fs.Stat(w.fsys, folder); err != nil || !info.IsDir() {
		return false
	}
	w.markdown(place{file: folder}, 0)
	return true
}

func (w *walker) usual(dir string) bool {
	found := false
	for _, folder := range usual {
		if sub := path.Join(dir, folder); w.isDir(sub) {
			found = true
			w.markdown(place{file: sub}, 0)
		}
	}
	for _, pattern := range []string{"packages/*/adr", "packages/*/docs/adr"} {
		packages, _ := fs.Glob(w.fsys, path.Join(dir, pattern))
		for _, sub := range packages {
			if w.isDir(sub) {
				found = true
				w.markdown(place{file: sub, pkg: packageOf(sub + "/x")}, 0)
			}
		}
	}
	return found
}

// isDir reports whether a folder of exactly this name is there: some systems
// find docs/ADR by the name docs/adr too.
func (w *walker) isDir(name string) bool {
	entries, _ := fs.ReadDir(w.fsys, path.Dir(name))
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == path.Base(name) && e.IsDir() })
}

var notRecords = regexp.MustCompile(`(?i)^(?:(?:\d{4}-)?(?:adr[-_])?template(?:[-_.][a-z-_.]+)?|index|_index|readme|toc|summary|changelog|contributing|license|code_of_conduct|security|glossary)\.md$`)

// skipped reports whether a file is a template, an index or a README.
func skipped(base string) bool { return notRecords.MatchString(base) }

// markdown reads the records in a folder, and below it down to MaxDepth.
func (w *walker) markdown(at place, depth int) {
	entries, err := fs.ReadDir(w.fsys, at.file)
	if err != nil {
		w.report(at.file, 0, "unreadable", reason(err))
		return
	}
	at.log4brains = at.log4brains || named(entries)
	records := false
	for _, e := range entries {
		if e.Type().IsRegular() && strings.EqualFold(path.Ext(e.Name()), ".md") && !skipped(e.Name()) {
			records = true
			w.file(place{path.Join(at.file, e.Name()), at.pkg, at.log4brains})
		}
	}
	for _, e := range entries {
		if e.IsDir() && depth < MaxDepth && !strings.HasPrefix(e.Name(), ".") && e.Name() != "node_modules" && e.Name() != "vendor" {
			w.below(at, e.Name(), records, depth)
		}
	}
}

// below reads a subfolder. Beside records it is a package of them (a category,
// as MADR has it); otherwise it may be a project of its own.
func (w *walker) below(at place, name string, records bool, depth int) {
	sub := path.Join(at.file, name)
	if records || at.pkg != "" {
		w.markdown(place{file: sub, pkg: path.Join(at.pkg, name)}, depth+1)
		return
	}
	w.folder(sub, "", depth+1)
}

var byDay = regexp.MustCompile(`^\d{8}-.*\.md$`)

// named reports whether most records of a folder are named as log4brains does.
func named(entries []fs.DirEntry) bool {
	days, all := 0, 0
	for _, e := range entries {
		if path.Ext(e.Name()) != ".md" || skipped(e.Name()) {
			continue
		}
		if all++; byDay.MatchString(e.Name()) {
			days++
		}
	}
	return 2*days > all
}

func (w *walker) file(at place) {
	if w.files++; w.files > MaxFiles {
		if w.files == MaxFiles+1 {
			w.report(path.Dir(at.file), 0, "too-many", fmt.Sprint(MaxFiles))
		}
		return
	}
	data, err := w.load(at.file)
	if err != nil {
		w.report(at.file, 0, "unreadable", reason(err))
		return
	}
	r, problems := parse(at, data)
	w.problems = append(w.problems, problems...)
	if r == nil {
		return
	}
	if w.slugs[r.Slug] {
		r.Package = path.Dir(r.File)
		r.Slug = path.Join(r.Package, path.Base(r.Slug))
	}
	w.slugs[r.Slug] = true
	w.records = append(w.records, r)
}

// load reads a file, up to one byte over the limit.
func (w *walker) load(name string) ([]byte, error) {
	f, err := w.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, io.LimitReader(f, MaxBytes+1))
	return b.Bytes(), err
}

// reason returns the cause of a failure to read, without the path in it.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
