package cli

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/api"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// importing is the flags of import.
type importing struct {
	told telling
	opts catalog.ImportOptions
	hand hand
	out  string
}

func importCommand(importers []catalog.Importer) *command {
	i := importing{told: telling{columns: true}}
	for _, im := range importers {
		i.told.knows(im.Name, im.Args)
	}
	return &command{
		use: "import [FORMAT PATH…]", short: lang.T("Bring in files of another program; alone, list the formats.", "Incorpora ficheros de otro programa; sola, enumera los formatos."),
		long: lang.T(`Bring in files of another program's format: files, folders with all below them, or
- for standard input, in the order given. Without arguments it lists the formats.

What cannot be read is reported by file and line on the error stream and the rest
is imported: the exit code is then 3. Importing the same files again changes nothing.`,
			`Incorpora ficheros con el formato de otro programa: ficheros, carpetas con todo su
contenido, o - para la entrada estándar, en el orden dado. Sin argumentos enumera los
formatos.

Lo que no se puede leer se informa con fichero y línea en la salida de errores y el
resto se importa: el código de salida es entonces 3. Importar otra vez los mismos
ficheros no cambia nada.`),
		examples: []example{
			{lang.T("The formats", "Los formatos"), "binnacle import"},
			{lang.T("Technology radars, into a new folder", "Radares tecnológicos, en una carpeta nueva"), "binnacle import radar ./radars --data ./data"},
			{lang.T("Decision records: see first", "Registros de decisiones: ver antes"), "binnacle import adr ./docs/decisions --dry-run"},
			{lang.T("What a format asks for beside files", "Lo que un formato pide además de ficheros"), "binnacle import radar zalando.json --radar zalando --date 2026-05-01"},
		},
		access: onKinds(auth.Write).making(), max: -1, complete: completeImport,
		flags: func(f *flags) {
			i.told.flags(f)
			f.yes(&i.opts.DryRun, "dry-run", "", lang.T("Say what would happen and write nothing.", "Dice qué pasaría y no escribe nada."))
			reasonFlag(f, &i.hand.reason)
			f.choice(&i.out, "output", "o", "text", []string{"text", "name", "json"}, lang.T("What to print", "Qué se imprime"))
		},
		run: i.run,
	}
}

func (i *importing) run(ctx context.Context, s *session, words []string) error {
	switch len(words) {
	case 0:
		return s.listFormats(i.out, s.importFormats())
	case 1:
		doc := s.importDoc(words[0])
		return usage("no file is named", "no se nombra ningún fichero").
			hinting("binnacle import %s PATH… %s", "binnacle import %s RUTA… %s", words[0], doc)
	}
	var err error
	if i.opts.Args, err = i.told.args(); err != nil {
		return err
	}
	files, err := s.readFiles(words[1:], s.accepts(words[0]))
	if err != nil {
		return err
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	step, done := s.progress(lang.T("importing", "importando"))
	i.hand.progress = step
	report, err := at.Import(ctx, words[0], files, i.opts, i.hand)
	done()
	if err != nil {
		return i.told.typing(err)
	}
	return i.report(s, report)
}

// telling is what a format is told: --set name=value, and a flag for each
// argument that a format has.
type telling struct {
	sets    []string
	maps    []string
	columns bool // --map is taken
	names   []string
	docs    map[string]lang.Text
	values  map[string]*string
}

// knows takes in the arguments of a format.
func (t *telling) knows(format string, args []catalog.Arg) {
	if t.docs == nil {
		t.docs, t.values = map[string]lang.Text{}, map[string]*string{}
	}
	for _, a := range args {
		doc := lang.T(format+": "+a.Doc.En, format+": "+a.Doc.Es)
		if before, ok := t.docs[a.Name]; ok {
			doc = lang.T(before.En+"; "+doc.En, before.Es+"; "+doc.Es)
		} else {
			t.names, t.values[a.Name] = append(t.names, a.Name), new(string)
		}
		t.docs[a.Name] = doc
	}
}

func (t *telling) flags(f *flags) {
	f.texts(&t.sets, "set", "", lang.T("Something the format asks for (`name=value`); repeat for several.", "Algo que pide el formato (`name=value`); repítela para varios."))
	if t.columns {
		f.texts(&t.maps, "map", "", lang.T("Which column of a table holds a field (`field=Column`), where its name does not tell; repeat for several.", "Qué columna de una tabla contiene un campo (`field=Column`), cuando su nombre no lo dice; repítela para varias."))
	}
	for _, name := range t.names {
		if f.set.Lookup(name) == nil {
			f.text(t.values[name], name, "", "", lang.T(t.docs[name].En+".", t.docs[name].Es+"."))
		}
	}
}

// args returns what the format is told, by name.
func (t *telling) args() (map[string]string, error) {
	out, err := settings(t.sets, t.maps)
	if err != nil {
		return nil, err
	}
	for name, value := range t.values {
		if *value != "" {
			out[name] = *value
		}
	}
	return out, nil
}

// typing writes the hints of an error as typed does.
func (t *telling) typing(err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		known.Hint, known.Problems = t.flagged(known.Hint), t.typed(known.Problems)
	}
	return err
}

// typed writes what problems say to tell a format, which pages and the API take
// as name=value, as it is typed here.
func (t *telling) typed(problems []fault.Problem) []fault.Problem {
	problems = slices.Clone(problems)
	for i := range problems {
		problems[i].Hint = t.flagged(problems[i].Hint)
	}
	return problems
}

// settingPattern is something to tell a format, as pages and the API take it.
var settingPattern = regexp.MustCompile(`[\w.]+=\S`)

// flagged writes source=ado as --source ado and map.closed=Done as
// --map closed=Done.
func (t *telling) flagged(hint string) string {
	return settingPattern.ReplaceAllStringFunc(hint, func(set string) string {
		if column, ok := strings.CutPrefix(set, "map."); ok {
			return "--map " + column
		}
		if name, value, _ := strings.Cut(set, "="); t.values[name] != nil {
			return "--" + name + " " + value
		}
		return set
	})
}

// settings reads name=value. A column, field=Column, is the setting map.field.
func settings(sets, maps []string) (map[string]string, error) {
	out := map[string]string{}
	for _, set := range sets {
		name, value, ok := strings.Cut(set, "=")
		if !ok || name == "" {
			return nil, usage("--set %s has no value", "--set %s no tiene valor", set).hinting("write --set name=value", "escribe --set nombre=valor")
		}
		out[name] = value
	}
	for _, column := range maps {
		name, value, ok := strings.Cut(column, "=")
		if !ok || name == "" || value == "" {
			return nil, usage("--map %s names no column", "--map %s no nombra una columna", column).hinting(`write --map field=Column, as --map closed="Closed Date"`, `escribe --map campo=Columna, como --map closed="Closed Date"`)
		}
		out["map."+name] = value
	}
	return out, nil
}

// importDoc says in the language of the run what a format takes.
func (s *session) importDoc(format string) string {
	for _, i := range s.Importers {
		if i.Name == format {
			return "\n  " + i.Doc.In(s.code)
		}
	}
	return ""
}

// accepts returns the endings of the files that a format reads in a folder; of
// a format that only the server knows, all.
func (s *session) accepts(format string) []string {
	for _, i := range s.Importers {
		if i.Name == format {
			return i.Accept
		}
	}
	return nil
}

// report prints what an import did, and what it refused.
func (i *importing) report(s *session, r *catalog.ImportReport) error {
	s.warn(r.Warnings)
	s.report(i.told.typed(r.Problems))
	if i.out == "text" && len(r.Rows) > 0 {
		s.writeRows(r)
	}
	if i.out != "text" || len(r.Rows) == 0 || len(r.Changes) > 0 {
		if err := s.writeChanges(i.out, r.Changes, r.DryRun, r); err != nil {
			return err
		}
	}
	if said := r.Said(s.code); said != "" && i.out == "text" {
		fmt.Fprintln(s.Out, printable(said))
	}
	switch {
	case len(r.Problems) == 0:
		return nil
	case r.Nothing():
		return failed(exitFailed, "nothing was imported: %d problem(s)", "no se importó nada: %d problema(s)", len(r.Problems)).
			hinting("is this the right format? binnacle import lists them", "¿es el formato correcto? binnacle import los enumera")
	}
	return failed(exitPartly, "%d problem(s); the rest was imported", "%d problema(s); el resto se importó", len(r.Problems)).
		hinting("the problems stand above, by file and line; correct them and import again", "los problemas están arriba, por fichero y línea; corrígelos e importa de nuevo")
}

// writeRows tells what was observed, table by table.
func (s *session) writeRows(r *catalog.ImportReport) {
	for _, c := range r.Rows {
		did := lang.T("%s: %d new, %d changed, %d gone, %d as before\n", "%s: %d nuevos, %d cambiados, %d desaparecidos, %d como antes\n")
		if r.DryRun {
			did = lang.T("%s: %d would be new, %d changed, %d gone, %d as before\n", "%s: %d serían nuevos, %d cambiados, %d desaparecidos, %d como antes\n")
		}
		fmt.Fprintf(s.Out, did.In(s.code), c.Table, c.Created, c.Updated, c.Gone, c.Unchanged)
	}
}

// formatLine is a format in a list.
type formatLine struct {
	Name  string   `json:"name"`
	Title string   `json:"title"`
	Room  string   `json:"room,omitempty"`
	Files []string `json:"files"`
	Doc   string   `json:"doc"`
}

func (s *session) importFormats() []formatLine {
	out := []formatLine{}
	for _, i := range s.Importers {
		out = append(out, formatLine{Name: i.Name, Title: i.Title.In(s.code), Room: i.Room, Files: i.Accept, Doc: i.Doc.In(s.code)})
	}
	return out
}

// listFormats prints the formats that are compiled in.
func (s *session) listFormats(out string, list []formatLine) error {
	if out == "json" {
		return writeJSON(s.Out, list)
	}
	t := &table{head: s.heads(lang.T("Format", "Formato"), lang.T("Files", "Ficheros"), lang.T("What it is", "Qué es"))}
	for _, f := range list {
		t.texts(f.Name, strings.Join(f.Files, " "), f.Title)
	}
	return s.write(t)
}

// exporting is the flags of export.
type exporting struct {
	selection
	told    telling
	as, out string
	force   bool
}

// plainFormats are the exports every kind has.
var plainFormats = []formatLine{
	{Name: "yaml", Files: []string{".yaml"}}, {Name: "json", Files: []string{".json"}}, {Name: "ndjson", Files: []string{".ndjson"}},
	{Name: "csv", Files: []string{".csv"}}, {Name: "xlsx", Files: []string{".xlsx"}},
}

var plainDocs = map[string]lang.Text{
	"yaml":   lang.T("Entities as files that apply; into a folder, a file for each", "Entidades como ficheros que se aplican; en una carpeta, uno para cada una"),
	"json":   lang.T("Entities with their status, as one array", "Entidades con su estado, en una lista"),
	"ndjson": lang.T("Entities with their status, one a line", "Entidades con su estado, una por línea"),
	"csv":    lang.T("The list of a kind, for a spreadsheet", "La lista de una clase, para una hoja de cálculo"),
	"xlsx":   lang.T("The list of a kind, as a workbook", "La lista de una clase, como libro de cálculo"),
}

func exportCommand(exporters []catalog.Exporter) *command {
	var x exporting
	for _, ex := range exporters {
		x.told.knows(ex.Name, ex.Args)
	}
	return &command{
		use: "export [FORMAT [KIND…]]", short: lang.T("Write things to files of a format; alone, list the formats.", "Escribe cosas en ficheros de un formato; sola, enumera los formatos."),
		long: lang.T(`Write things, of all namespaces without -n, in a format to standard output, to a file, or
into a folder: -o with an existing folder, a name that ends in /, or any name when there
are several files, as of work items from several sources. Without arguments it lists the
formats.`,
			`Escribe cosas, de todos los espacios sin -n, en un formato a la salida estándar, a un
fichero o en una carpeta: -o con una carpeta que existe, un nombre que termina en /, o
cualquier nombre cuando hay varios ficheros, como los elementos de trabajo de varios
orígenes. Sin argumentos enumera los formatos.`),
		examples: []example{
			{lang.T("Everything, as files that apply", "Todo, como ficheros que se aplican"), "binnacle export yaml -o everything/"},
			{lang.T("The components of a team, for a spreadsheet", "Los componentes de un equipo, para una hoja de cálculo"), "binnacle export xlsx components --owner group:payments -o components.xlsx"},
			{lang.T("For Backstage", "Para Backstage"), "binnacle export backstage -o catalog-info.yaml"},
		},
		access: onKinds(auth.Read), max: -1, complete: completeExport, children: []*command{exportEvidence()},
		flags: func(f *flags) {
			x.declare(f)
			f.text(&x.out, "output", "o", "", lang.T("`FILE` or folder; standard output when not given.", "Fichero (`FILE`) o carpeta; la salida estándar si falta."))
			f.text(&x.as, "as", "", "", lang.T("Which of the `forms` of the format.", "Cuál de las formas (`forms`) del formato."))
			x.told.flags(f)
			f.yes(&x.force, "force", "", lang.T("Write over files that are there.", "Escribe encima de los ficheros que haya."))
		},
		run: x.run,
	}
}

func (x *exporting) run(ctx context.Context, s *session, words []string) error {
	if len(words) == 0 {
		return s.listFormats("", s.exportFormats())
	}
	t, err := s.targets(words[1:], x.namespace)
	if err != nil {
		return err
	}
	if len(t.refs) > 0 {
		return usage("export takes kinds, not names", "export toma clases, no nombres").hinting("binnacle get %s -o yaml prints one thing", "binnacle get %s -o yaml imprime una cosa", t.refs[0].Short())
	}
	q, err := x.query(t.kinds)
	if err != nil {
		return err
	}
	if x.namespace == "" {
		q.Namespace = "" // an export leaves nothing out
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	if _, ok := plainDocs[words[0]]; ok {
		return x.plain(ctx, s, at, words[0], q, t.kinds)
	}
	opts := catalog.ExportOptions{Format: x.as, Query: q}
	if opts.Args, err = x.told.args(); err != nil {
		return err
	}
	files, err := at.Export(ctx, words[0], opts)
	if err != nil {
		return err
	}
	return x.write(s, files)
}

func (s *session) exportFormats() []formatLine {
	var out []formatLine
	for _, f := range plainFormats {
		f.Title = plainDocs[f.Name].In(s.code)
		out = append(out, f)
	}
	for _, e := range s.Exporters {
		out = append(out, formatLine{Name: e.Name, Title: e.Title.In(s.code), Room: e.Room, Files: e.Formats, Doc: e.Doc.In(s.code)})
	}
	return out
}

// plain writes entities in a format that needs to know nothing of their kind.
func (x *exporting) plain(ctx context.Context, s *session, at *installation, format string, q catalog.Query, kinds []*catalog.Kind) error {
	each := func(f func(*entity.Entity) error) error { return at.Each(ctx, q, f) }
	if format == "yaml" && isFolder(x.out) {
		return x.folder(s, each)
	}
	var kind *catalog.Kind
	name := "entities"
	if len(kinds) == 1 {
		kind, name = kinds[0], kinds[0].Plural
	}
	var b bytes.Buffer
	var err error
	switch format {
	case "csv":
		err = api.WriteCSV(&b, api.Columns(kind), each)
	case "xlsx":
		err = api.WriteXLSX(&b, name, api.Columns(kind), each)
	case "json", "ndjson":
		err = writeEntities(&b, format, each)
	default:
		var es []*entity.Entity
		err = each(func(e *entity.Entity) error { es = append(es, e); return nil })
		if err == nil {
			err = s.Kinds.EncodeYAML(&b, es...)
		}
	}
	if err != nil {
		return err
	}
	return x.write(s, []catalog.File{{Name: name + "." + format, Data: b.Bytes()}})
}

func writeEntities(w io.Writer, format string, each func(func(*entity.Entity) error) error) error {
	if format == "json" {
		a := array{w: w}
		if err := each(func(e *entity.Entity) error { return a.add(e) }); err != nil {
			return err
		}
		return a.end()
	}
	return each(func(e *entity.Entity) error { return writeLine(w, e) })
}

// folder writes a file for each entity: kind/namespace/name.yaml.
func (x *exporting) folder(s *session, each func(func(*entity.Entity) error) error) error {
	var files []catalog.File
	err := each(func(e *entity.Entity) error {
		var b bytes.Buffer
		ref := e.Ref()
		files = append(files, catalog.File{Name: path.Join(ref.Kind, ref.Namespace, ref.Name+".yaml")})
		err := s.Kinds.EncodeYAML(&b, e)
		files[len(files)-1].Data = b.Bytes()
		return err
	})
	if err != nil {
		return err
	}
	return x.write(s, files)
}

func isFolder(name string) bool {
	if strings.HasSuffix(name, "/") {
		return true
	}
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// write puts files where -o says.
func (x *exporting) write(s *session, files []catalog.File) error {
	switch {
	case len(files) == 0:
		return failed(exitNotFound, "there is nothing to export", "no hay nada que exportar").hinting("widen the selection; -A takes all namespaces", "amplía la selección; -A toma todos los espacios")
	case isFolder(x.out), len(files) > 1 && x.out != "" && x.out != "-":
		return x.writeFolder(s, files)
	case len(files) > 1:
		return usage("this makes %d files, and there is no folder for them", "esto crea %d ficheros y no hay carpeta para ellos", len(files)).
			hinting("give -o DIR", "da -o DIR")
	case x.out == "" || x.out == "-":
		if s.OutTTY && !printableFile(files[0].Data) {
			return usage("this is not text", "esto no es texto").hinting("give -o FILE", "da -o FICHERO")
		}
		_, err := s.Out.Write(files[0].Data)
		return err
	}
	if err := x.writeFile(x.out, files[0].Data); err != nil {
		return err
	}
	s.tell("wrote %s", "escrito %s", x.out)
	return nil
}

func printableFile(data []byte) bool { return !bytes.ContainsRune(data[:min(len(data), 1000)], 0) }

func (x *exporting) writeFolder(s *session, files []catalog.File) error {
	for _, f := range files {
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
			return failed(exitFailed, "the file name %q leads out of the folder", "el nombre %q sale de la carpeta", f.Name).hinting("this is a mistake of the format", "es un error del formato")
		}
		to := filepath.Join(x.out, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return err
		}
		if err := x.writeFile(to, f.Data); err != nil {
			return err
		}
	}
	s.tell("wrote %d file(s) into %s", "%d fichero(s) escritos en %s", len(files), x.out)
	return nil
}

// writeFile writes a file; one that is there and differs stays, without
// --force.
func (x *exporting) writeFile(to string, data []byte) error {
	how := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !x.force {
		if old, err := os.ReadFile(to); err == nil && bytes.Equal(old, data) {
			return nil
		}
		how |= os.O_EXCL
	}
	f, err := os.OpenFile(to, how, 0o666)
	if errors.Is(err, os.ErrExist) {
		return failed(exitConflict, "%s is there already", "%s ya existe", to).hinting("choose another name, or write over it with --force", "elige otro nombre, o escribe encima con --force")
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// untar reads the files of an archive.
func untar(r io.Reader) ([]catalog.File, error) {
	var files []catalog.File
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(t)
		if err != nil {
			return nil, err
		}
		files = append(files, catalog.File{Name: h.Name, Data: data})
	}
}

func formatNames(list []formatLine) []string {
	var out []string
	for _, f := range list {
		out = append(out, f.Name)
	}
	slices.Sort(out)
	return out
}
