package api

import (
	"archive/tar"
	"archive/zip"
	"encoding/json"
	"html"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

const tarType = "application/x-tar"

// lang returns the language the caller asks for.
func (c *call) lang() lang.Code { return lang.Match(c.r.Header.Get("Accept-Language")) }

// kindInfo describes a kind as the caller may use it.
func (c *call) kindInfo(k *catalog.Kind) kindInfo {
	info := kindInfo{
		Name: k.Name, Plural: k.Plural, Short: orEmpty(k.Short), Room: k.Room, Title: k.Title.In(c.lang()), Titles: k.Titles.In(c.lang()), Doc: k.Doc.In(c.lang()),
		APIVersions: k.Versions, Open: k.Open, Personal: k.Personal, Verbs: []string{}, Filters: []string{}, Columns: []string{},
	}
	for _, v := range []auth.Verb{auth.Read, auth.Write, auth.Delete} {
		if c.caller.Can(v, k.Resource()) == nil {
			info.Verbs = append(info.Verbs, string(v))
		}
	}
	for _, f := range k.Filters() {
		info.Filters = append(info.Filters, f.Path)
	}
	for _, f := range k.Columns() {
		info.Columns = append(info.Columns, f.Path)
	}
	return info
}

func (c *call) listKinds() error {
	out := kindList{Items: []kindInfo{}}
	for _, k := range c.Catalog.Kinds().All() {
		info := c.kindInfo(k)
		if slices.Contains(info.Verbs, "read") {
			var err error
			if info.Count, err = c.Catalog.Count(c.r.Context(), c.caller, k.Name); err != nil {
				return err
			}
			out.Items = append(out.Items, info)
		}
	}
	return c.send(http.StatusOK, out)
}

func (c *call) getKind() error {
	k, err := c.Catalog.Kinds().Find(c.path("kind"))
	if err != nil {
		return err
	}
	out := kindDetail{kindInfo: c.kindInfo(k), Schema: k.Schema(), Examples: orEmpty(k.Examples)}
	if slices.Contains(out.Verbs, "read") {
		if out.Count, err = c.Catalog.Count(c.r.Context(), c.caller, k.Name); err != nil {
			return err
		}
	}
	return c.send(http.StatusOK, out)
}

func (c *call) explain() error {
	k, err := c.Catalog.Kinds().Find(c.path("kind"))
	if err != nil {
		return err
	}
	text, err := k.Explain(c.get("path"), c.lang())
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, explanation{c.get("path"), text})
}

func (c *call) search() error {
	kinds, err := c.kinds()
	if err != nil {
		return err
	}
	hits, err := c.Catalog.Search(c.r.Context(), c.caller, c.get("q"), kinds, int(c.number("limit", 20)))
	if err != nil {
		return err
	}
	out := hitList{Items: []hit{}}
	for _, h := range hits {
		out.Items = append(out.Items, hit{h.Ref, h.Kind, h.Title, h.Owner, unmarked.Replace(h.Snippet), marked.Replace(html.EscapeString(h.Snippet)), h.Updated})
	}
	return c.send(http.StatusOK, out)
}

// Snippets mark what was found with \x02 and \x03.
var (
	unmarked = strings.NewReplacer("\x02", "", "\x03", "")
	marked   = strings.NewReplacer("\x02", "<mark>", "\x03", "</mark>")
)

func (c *call) exportEntities() error {
	q, err := c.selection(nil)
	if err != nil {
		return err
	}
	if _, err := c.accept([]string{yamlType}); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", yamlType)
	c.w.Header().Set("Content-Disposition", `attachment; filename="entities.yaml"`)
	first := true
	return c.each(q)(func(e *entity.Entity) error {
		if !first {
			if _, err := io.WriteString(c.w, "---\n"); err != nil {
				return err
			}
		}
		first = false
		return c.Catalog.Kinds().EncodeYAML(c.w, e)
	})
}

func (c *call) apply() error { return c.applying(c.flag("dryRun")) }

func (c *call) diff() error { return c.applying(true) }

func (c *call) applying(dryRun bool) error {
	if c.get("manager") == "" {
		c.caller.Manager = "apply"
	}
	docs, err := c.documents()
	if err != nil {
		return err
	}
	opts := catalog.ApplyOptions{DryRun: dryRun, Force: c.flag("force"), Prune: c.get("prune")}
	return c.reporting(func(progress func(done, total int)) (any, error) {
		res, err := c.Catalog.ApplyWith(c.r.Context(), c.caller, docs, opts, progress)
		if err != nil {
			return nil, err
		}
		res.Changes = orEmpty(res.Changes)
		return res, nil
	})
}

// documents reads the entities in the body. What is wrong in any file is told
// for all of them.
func (c *call) documents() ([]catalog.Document, error) {
	files, err := c.files()
	if err != nil {
		return nil, err
	}
	if t := bodyType(c.r); t == jsonType {
		if err := checkJSON(files[0].Data); err != nil {
			return nil, err
		}
	}
	var docs []catalog.Document
	var problems []fault.Problem
	for _, f := range files {
		ds, err := c.Catalog.Decode(f.Name, f.Data)
		if err != nil && !fault.Is(err, fault.Invalid) {
			return nil, err
		}
		docs, problems = append(docs, ds...), append(problems, fault.ProblemsOf(err)...)
	}
	if len(problems) > 0 {
		return nil, unreadable(fault.Bad("Nothing was applied: something in the files is wrong.", problems...))
	}
	if len(docs) == 0 {
		return nil, badRequest("body", "The body holds no entity.")
	}
	return docs, nil
}

// reporting answers with what work returns; as NDJSON with its progress before
// that.
func (c *call) reporting(work func(progress func(done, total int)) (any, error)) error {
	t, err := c.accept([]string{jsonType, yamlType, ndjsonType})
	if err != nil {
		return err
	}
	if t != ndjsonType {
		res, err := work(nil)
		if err != nil {
			return err
		}
		return c.send(http.StatusOK, res)
	}
	p := newProgress(c.w)
	res, err := work(p.report)
	p.stop()
	switch {
	case err != nil && !p.begun:
		return err
	case err != nil:
		return p.line(map[string]any{"problem": ProblemOf(c.r, err)})
	}
	return p.line(map[string]any{"result": res})
}

// progress sends how far something is, at most ten times a second. What works
// never waits for the reader.
type progress struct {
	w     http.ResponseWriter
	steps chan [2]int
	done  sync.WaitGroup
	begun bool
}

func newProgress(w http.ResponseWriter) *progress {
	p := &progress{w: w, steps: make(chan [2]int, 1)}
	p.done.Go(p.run)
	return p
}

// report notes a step; one that finds the sender busy is dropped.
func (p *progress) report(done, total int) {
	select {
	case p.steps <- [2]int{done, total}:
	default:
	}
}

func (p *progress) run() {
	var last time.Time
	for step := range p.steps {
		if time.Since(last) < 100*time.Millisecond {
			continue
		}
		last = time.Now()
		if p.line(map[string]any{"progress": map[string]int{"done": step[0], "total": step[1]}}) == nil {
			http.NewResponseController(p.w).Flush()
		}
	}
}

// stop waits until the last line is out.
func (p *progress) stop() {
	close(p.steps)
	p.done.Wait()
}

func (p *progress) line(v any) error {
	if !p.begun {
		p.begun = true
		p.w.Header().Set("Content-Type", ndjsonType)
	}
	return json.NewEncoder(p.w).Encode(v)
}

func (c *call) listFormats() error {
	out := formatList{Import: []formatInfo{}, Export: []formatInfo{}}
	for _, i := range c.Importers {
		out.Import = append(out.Import, formatInfo{Name: i.Name, Title: i.Title.In(c.lang()), Doc: i.Doc.In(c.lang()), Room: i.Room, Accept: i.Accept})
	}
	for _, e := range c.Exporters {
		out.Export = append(out.Export, formatInfo{Name: e.Name, Title: e.Title.In(c.lang()), Doc: e.Doc.In(c.lang()), Room: e.Room, Formats: e.Formats})
	}
	return c.send(http.StatusOK, out)
}

// noFormat says that there is no importer or exporter of a name.
func noFormat(name string, known []string) error {
	err := fault.New(fault.NotFound, "There is no format %q.", printable(name, 60))
	if near := catalog.Nearest(name, known); near != "" {
		return err.WithHint("did you mean %q?", near)
	}
	return err.WithHint("there is %s", strings.Join(known, ", "))
}

func (c *call) importer() (catalog.Importer, error) {
	var names []string
	for _, i := range c.Importers {
		if i.Name == c.path("format") {
			return i, nil
		}
		names = append(names, i.Name)
	}
	return catalog.Importer{}, noFormat(c.path("format"), names)
}

func (c *call) exporter() (catalog.Exporter, error) {
	var names []string
	for _, e := range c.Exporters {
		if e.Name == c.path("format") {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return catalog.Exporter{}, noFormat(c.path("format"), names)
}

// args reads arg=name=value parameters.
func (c *call) args() (map[string]string, error) {
	args := map[string]string{}
	for _, a := range c.values["arg"] {
		name, value, ok := strings.Cut(a, "=")
		if !ok || name == "" {
			return nil, badParam("arg", "is name=value")
		}
		args[name] = value
	}
	return args, nil
}

func (c *call) importFiles() error {
	imp, err := c.importer()
	if err != nil {
		return err
	}
	if err := imp.Ask(c.caller.Principal); err != nil {
		return err
	}
	args, err := c.args()
	if err != nil {
		return err
	}
	files, err := c.files()
	if err != nil {
		return err
	}
	c.caller.Manager = "import/" + imp.Name
	return c.reporting(func(progress func(done, total int)) (any, error) {
		report, err := imp.Import(c.r.Context(), c.Catalog, c.caller, files, catalog.ImportOptions{DryRun: c.flag("dryRun"), Args: args, Progress: progress})
		if err != nil {
			return nil, err
		}
		report.Changes = orEmpty(report.Changes)
		return report, nil
	})
}

func (c *call) exportFiles() error {
	exp, err := c.exporter()
	if err != nil {
		return err
	}
	q, err := c.selection(nil)
	if err != nil {
		return err
	}
	opts := catalog.ExportOptions{Format: c.get("as"), Query: q}
	if opts.Args, err = c.args(); err != nil {
		return err
	}
	if opts.Format != "" && !slices.Contains(exp.Formats, opts.Format) {
		return badParam("as", "is one of "+strings.Join(exp.Formats, ", "))
	}
	files, err := exp.Export(c.r.Context(), c.Catalog, c.caller, opts)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fault.New(fault.NotFound, "There is nothing to export.")
	}
	return c.sendFiles(exp.Name, files)
}

// sendFiles answers with one file as it is, or with several in an archive.
func (c *call) sendFiles(name string, files []catalog.File) error {
	if err := c.looks.Flush(c.r.Context()); err != nil {
		return err
	}
	h := c.w.Header()
	if len(files) == 1 && c.get("archive") == "" {
		base := path.Base(files[0].Name)
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": base}))
		return c.write(http.StatusOK, contentType(base), files[0].Data)
	}
	if c.get("archive") == "tar" {
		h.Set("Content-Type", tarType)
		h.Set("Content-Disposition", `attachment; filename="`+name+`.tar"`)
		return writeTar(c.w, files)
	}
	h.Set("Content-Type", zipType)
	h.Set("Content-Disposition", `attachment; filename="`+name+`.zip"`)
	return writeZip(c.w, files)
}

// contentType is not asked of the operating system: it would differ by machine.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".json":
		return jsonType
	case ".yaml", ".yml":
		return yamlType
	case ".csv":
		return "text/csv; charset=utf-8"
	case ".md":
		return "text/markdown; charset=utf-8"
	case ".xlsx":
		return xlsxType
	}
	return rawType
}

func writeZip(w io.Writer, files []catalog.File) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		out, err := z.Create(f.Name)
		if err != nil {
			return err
		}
		if _, err := out.Write(f.Data); err != nil {
			return err
		}
	}
	return z.Close()
}

func writeTar(w io.Writer, files []catalog.File) error {
	t := tar.NewWriter(w)
	for _, f := range files {
		if err := t.WriteHeader(&tar.Header{Name: f.Name, Mode: 0o644, Size: int64(len(f.Data)), ModTime: time.Unix(0, 0)}); err != nil {
			return err
		}
		if _, err := t.Write(f.Data); err != nil {
			return err
		}
	}
	return t.Close()
}
