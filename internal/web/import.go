package web

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// importPage reads files: first what they would do, then it is done.
type importPage struct {
	Shell
	Formats  []formatOption
	Format   string
	Exports  []exportFormat
	Problems []problemLine
	Refused  int
	Warnings []warningLine
	Changes  []bulkChange
	Counts   []importCount
	More     int
	Summary  string
	Seen     bool
	Done     bool
	Files    []keptFile // to apply what was shown
	Args     string     // of the importer, one name=value to a line
	Failed   string
	Hint     string // what to do about Failed
}

type formatOption struct {
	Name, Title, Doc, More, Accept string
	On                             bool
}

type exportFormat struct {
	Title, Doc, More string
	Links            []exportLink
}

// warningLine is something that was accepted and is worth a look, or a note.
type warningLine struct {
	problemLine
	Note bool
}

type importCount struct {
	Label string
	N     int
}

// keptFile is a file between the preview and the import.
type keptFile struct{ Name, Data string } // Data in base64

// Limits of an import in the browser; the command line has none.
const (
	importFiles   = 32 << 20 // bytes of the files together
	importBody    = 46 << 20 // they come back from the preview a third larger
	previewLimit  = 200      // changes shown
	problemsLimit = 200
)

const formatCatalog = "catalog"

func importPages() []PageDef {
	return []PageDef{
		{ID: "import", Pattern: "/import", Verb: auth.Read, Template: "import.html", Handle: importForm},
		{ID: "import.do", Nav: "import", Method: http.MethodPost, Pattern: "/import", Verb: auth.Write, Resource: somewhere, Template: "import.html", MaxBody: importBody, Handle: importDo},
		{ID: "export.format", Pattern: "/export/{format}", Verb: auth.Read, Handle: exportForeign},
	}
}

// somewhere is for what a body may put into any room: which, is asked when it
// is read.
func somewhere(*http.Request) (auth.Resource, error) {
	return auth.Resource{Room: auth.Somewhere}, nil
}

func (c *Ctx) importPage() *importPage {
	p := &importPage{Format: c.R.FormValue("format")}
	p.Title = c.T("import.title")
	if p.Format == "" {
		p.Format = formatCatalog
	}
	if len(c.App.createLinks(c)) > 0 {
		p.Formats = append(p.Formats, formatOption{formatCatalog, c.T("import.catalog"), c.T("import.catalog.doc"), "", ".yaml, .yml, .json", p.Format == formatCatalog})
	}
	for _, im := range c.App.importers(c) {
		doc, more := cutSentence(c.In(im.Doc))
		p.Formats = append(p.Formats, formatOption{im.Name, c.In(im.Title), doc, more, strings.Join(im.Accept, ", "), p.Format == im.Name})
	}
	for _, m := range c.App.Modules {
		for _, ex := range m.Exporters {
			if !c.Can(auth.Read, auth.Resource{Room: ex.Room}) {
				continue
			}
			f := exportFormat{Title: c.In(ex.Title)}
			f.Doc, f.More = cutSentence(c.In(ex.Doc))
			for _, format := range ex.Formats {
				f.Links = append(f.Links, exportLink{"/export/" + ex.Name + "?as=" + format, strings.ToUpper(format)})
			}
			p.Exports = append(p.Exports, f)
		}
	}
	return p
}

func importForm(c *Ctx) (any, error) { return c.importPage(), nil }

func importDo(c *Ctx) (any, error) {
	files, err := c.uploaded()
	if err != nil {
		return nil, err
	}
	p := c.importPage()
	if !slices.ContainsFunc(p.Formats, func(f formatOption) bool { return f.Name == p.Format }) {
		if len(p.Formats) == 0 {
			return nil, c.Caller.Can(auth.Write, auth.Resource{})
		}
		return nil, fault.New(fault.Invalid, "there is no format %q", p.Format).Coded("format")
	}
	if len(files) == 0 {
		p.Failed, p.Status = c.T("import.nofile"), 422
		return p, nil
	}
	dry := c.R.FormValue("step") != "import"
	c.Caller.Reason, c.Caller.Manager = c.Form("reason"), "import"
	p.Args = unixLines(c.R.FormValue("args"))
	report, err := c.runImport(p.Format, files, catalog.ImportOptions{DryRun: dry, Args: importArgs(p.Args)})
	return c.imported(p, files, report, err, dry)
}

// uploaded are the files of the form: those that were chosen, or those kept
// from the preview.
func (c *Ctx) uploaded() ([]catalog.File, error) {
	if err := c.R.ParseMultipartForm(importBody); err != nil {
		var over *http.MaxBytesError
		if errors.As(err, &over) || errors.Is(err, multipart.ErrMessageTooLarge) {
			return nil, c.refuse(fault.TooLarge, "import.toolarge", importFiles>>20)
		}
		return nil, fault.New(fault.Invalid, "the form cannot be read: %v", err).Coded("form-unread")
	}
	defer c.R.MultipartForm.RemoveAll()
	var out []catalog.File
	names, data := c.R.MultipartForm.Value["keptname"], c.R.MultipartForm.Value["keptdata"]
	for i := range min(len(names), len(data)) {
		raw, err := base64.StdEncoding.DecodeString(data[i])
		if err != nil {
			return nil, fault.New(fault.Invalid, "the files of the preview cannot be read").Coded("preview")
		}
		out = append(out, catalog.File{Name: names[i], Data: raw})
	}
	for _, h := range c.R.MultipartForm.File["files"] {
		f, err := readUpload(h)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	total := 0
	for _, f := range out {
		total += len(f.Data)
	}
	if total > importFiles {
		return nil, c.refuse(fault.TooLarge, "import.toolarge", importFiles>>20)
	}
	return out, nil
}

func readUpload(h *multipart.FileHeader) (catalog.File, error) {
	f, err := h.Open()
	if err != nil {
		return catalog.File{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	return catalog.File{Name: path.Clean("/" + strings.ReplaceAll(h.Filename, `\`, "/"))[1:], Data: data}, err
}

// importArgs reads what a format asks for beyond files, one name=value to a
// line.
func importArgs(s string) map[string]string {
	args := map[string]string{}
	for line := range strings.Lines(s) {
		if name, value, ok := strings.Cut(line, "="); ok {
			args[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return args
}

// runImport reads the files by a format.
func (c *Ctx) runImport(format string, files []catalog.File, opts catalog.ImportOptions) (*catalog.ImportReport, error) {
	ctx := c.R.Context()
	for _, im := range c.App.importers(c) {
		if im.Name == format {
			return im.Import(ctx, c.Catalog(), c.Caller, files, opts)
		}
	}
	report := &catalog.ImportReport{}
	var docs []catalog.Document
	for _, f := range files {
		good, err := c.Catalog().Decode(f.Name, f.Data)
		if err != nil && !fault.Is(err, fault.Invalid) {
			return nil, err
		}
		report.Problems = append(report.Problems, fault.ProblemsOf(err)...)
		docs = append(docs, good...)
	}
	if len(report.Problems) > 0 && !opts.DryRun {
		err := c.refuse(fault.Invalid, "import.notall")
		err.Problems = report.Problems
		return nil, err
	}
	res, err := c.Catalog().Apply(ctx, c.Caller, docs, catalog.ApplyOptions{DryRun: opts.DryRun})
	if res != nil {
		report.ApplyResult = *res
	}
	return report, err
}

// imported shows what an import did or would do.
func (c *Ctx) imported(p *importPage, files []catalog.File, report *catalog.ImportReport, err error, dry bool) (any, error) {
	kind := fault.KindOf(err)
	if err != nil && (kind == fault.Internal || kind == fault.Unavailable || kind == fault.Forbidden) {
		return nil, err
	}
	p.Seen, p.Done = true, !dry && err == nil
	if err != nil {
		p.Status, p.Failed, p.Hint = kind.Status(), c.Say(err), c.HintOf(err)
		c.importProblems(p, fault.ProblemsOf(err))
	}
	if report != nil {
		c.importProblems(p, report.Problems)
		c.importWarnings(p, report.Warnings)
		p.Summary = report.Said(c.Lang)
		c.importChanges(p, report.Changes)
		c.importRows(p, report)
	}
	if dry && err == nil {
		for _, f := range files {
			p.Files = append(p.Files, keptFile{f.Name, base64.StdEncoding.EncodeToString(f.Data)})
		}
	}
	return p, nil
}

func (c *Ctx) importProblems(p *importPage, problems []fault.Problem) {
	p.Refused += len(problems)
	for _, pr := range problems {
		if len(p.Problems) == problemsLimit {
			return
		}
		p.Problems = append(p.Problems, c.importLine(pr))
	}
}

func (c *Ctx) importLine(pr fault.Problem) problemLine {
	label := pr.Field
	if pr.Ref != "" {
		label = strings.TrimSpace(pr.Ref + " " + pr.Field)
	}
	return problemLine{Label: label, Place: pr.Place(), Text: c.Problem(pr), Hint: c.ProblemHint(pr)}
}

// importWarnings shows what was accepted with a word, warnings before notes.
func (c *Ctx) importWarnings(p *importPage, warnings []catalog.Warning) {
	for _, note := range []bool{false, true} {
		for _, w := range warnings {
			if w.Note == note && len(p.Warnings) < problemsLimit {
				p.Warnings = append(p.Warnings, warningLine{c.importLine(w.Problem()), note})
			}
		}
	}
}

func (c *Ctx) importChanges(p *importPage, changes []catalog.Change) {
	counts := map[catalog.Op]int{}
	for _, ch := range changes {
		counts[ch.Op]++
		if ch.Op == catalog.Unchanged {
			continue
		}
		if len(p.Changes) == previewLimit {
			p.More++
			continue
		}
		kind, _, _ := strings.Cut(ch.Ref, ":")
		if k := c.Catalog().Kinds().Get(kind); k != nil {
			line := c.bulkChange(k, ch)
			line.Word = c.T("import.op." + string(ch.Op))
			p.Changes = append(p.Changes, line)
		}
	}
	for _, op := range []catalog.Op{catalog.Created, catalog.Updated, catalog.Restored, catalog.Deleted, catalog.Unchanged} {
		if n := counts[op]; n > 0 {
			p.Counts = append(p.Counts, importCount{c.T("import.op." + string(op)), n})
		}
	}
}

// importRows counts what was observed, by table.
func (c *Ctx) importRows(p *importPage, report *catalog.ImportReport) {
	for _, rows := range report.Rows {
		for _, n := range []importCount{{"created", rows.Created}, {"updated", rows.Updated}, {"deleted", rows.Gone}, {"unchanged", rows.Unchanged}} {
			if n.N > 0 {
				p.Counts = append(p.Counts, importCount{c.T("import.op." + n.Label), n.N})
			}
		}
	}
}

// exportForeign writes entities in the format of a module.
func exportForeign(c *Ctx) (any, error) {
	name := c.R.PathValue("format")
	for _, m := range c.App.Modules {
		for _, ex := range m.Exporters {
			if ex.Name != name {
				continue
			}
			if err := c.Caller.Can(auth.Read, auth.Resource{Room: ex.Room}); err != nil {
				return nil, err
			}
			return c.exportBy(ex)
		}
	}
	return nil, fault.New(fault.NotFound, "there is no export %q", name).Coded("no-export")
}

func (c *Ctx) exportBy(ex catalog.Exporter) (any, error) {
	format := c.Param("as")
	if format == "" && len(ex.Formats) > 0 {
		format = ex.Formats[0]
	}
	if !slices.Contains(ex.Formats, format) {
		return nil, fault.New(fault.Invalid, "%s cannot be written as %q", ex.Name, format).Coded("export-format").WithHint("use %s", strings.Join(ex.Formats, ", "))
	}
	args := map[string]string{}
	for key, values := range c.R.URL.Query() {
		if key != "as" && len(values) > 0 {
			args[key] = values[0]
		}
	}
	files, err := ex.Export(c.R.Context(), c.Catalog(), c.Caller, catalog.ExportOptions{Format: format, Args: args})
	if err != nil {
		return nil, err
	}
	if len(files) == 1 {
		return File{Name: path.Base(files[0].Name), Type: "application/octet-stream", Data: files[0].Data}, nil
	}
	data, err := zipped(files)
	return File{Name: fmt.Sprintf("%s-%s.zip", ex.Name, c.Now.UTC().Format("2006-01-02")), Type: "application/zip", Data: data}, err
}
