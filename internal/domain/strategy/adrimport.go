package strategy

import (
	"cmp"
	"context"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/adrfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// adrHand is the manager of everything an import of decisions writes.
const adrHand = "import/adr"

func adrImporter() catalog.Importer {
	return catalog.Importer{
		Name: "adr", Room: Room, Accept: []string{".md"},
		Title: lang.T("Decision records", "Registros de decisiones"),
		Doc: lang.T("Architecture decision records: MADR of every age, adr-tools, log4brains with its packages, or any folder of Markdown. Links between them become relations, and an export gives the same text back. Arguments: namespace keeps the records of one repository apart from those of another; force=true takes the file's value where it was changed here as well.",
			"Registros de decisiones de arquitectura: MADR de cualquier época, adr-tools, log4brains con sus paquetes, o cualquier carpeta de Markdown. Los enlaces entre ellos pasan a ser relaciones, y una exportación devuelve el mismo texto. Argumentos: namespace separa los registros de un repositorio de los de otro; force=true toma el valor del fichero donde también se cambió aquí."),
		Args: []catalog.Arg{
			{Name: "namespace", Doc: lang.T("keeps the records of one repository apart from those of another", "separa los registros de un repositorio de los de otro")},
			{Name: "force", Doc: lang.T("true takes the file's value where it was changed here too", "true toma el valor del fichero donde también se cambió aquí")},
		},
		Read: importADR,
	}
}

func importADR(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, files []catalog.File, opts catalog.ImportOptions) (*catalog.ImportReport, error) {
	ns := opts.Args["namespace"]
	if ns != "" && !entity.ValidName(ns) {
		return nil, fault.New(fault.Invalid, "%q cannot be a namespace", ns).Coded("adr.namespace").WithHint("use letters, digits and hyphens")
	}
	decisions, problems, named, err := readADR(files)
	if err != nil {
		return nil, err
	}
	if len(decisions) == 0 {
		return nil, fault.New(fault.Invalid, "no decision was found in the %d file(s) given", len(files)).Coded("adr.none").With(problems...).
			WithHint("give the folder of the records, as docs/decisions, or the repository that holds it")
	}
	in := adrImport{namespace: ns}
	docs, more, err := in.documents(decisions)
	if err != nil {
		return nil, err
	}
	for i := range docs {
		docs[i].File = named(docs[i].File)
	}
	caller.Manager = adrHand
	res, err := c.ApplyWith(ctx, caller, docs, catalog.ApplyOptions{DryRun: opts.DryRun, Force: opts.Args["force"] == "true"}, opts.Progress)
	if err != nil {
		return nil, err
	}
	problems = asGiven(append(problems, more...), named)
	report := &catalog.ImportReport{ApplyResult: *res, Problems: problems}
	report.Tell(lang.Some(len(docs), lang.T("decision", "decisión"), lang.T("decisions", "decisiones")))
	report.TellChanges()
	report.TellProblems()
	return report, nil
}

// readADR reads the records among the files, which it takes as one folder.
// named tells how a file in it was given.
func readADR(files []catalog.File) (_ []adrfile.Decision, _ []fault.Problem, named func(string) string, err error) {
	fsys, given, err := folder(files)
	if err != nil {
		return nil, nil, nil, err
	}
	root := commonFolder(slices.Collect(maps.Keys(given)))
	sub, err := fs.Sub(fsys, root)
	if err != nil {
		return nil, nil, nil, err
	}
	decisions, problems := adrfile.ReadPath(sub, ".")
	return decisions, problems, func(file string) string { return cmp.Or(given[path.Join(root, file)], file) }, nil
}

// asGiven names the files of problems as they were given.
func asGiven(problems []fault.Problem, named func(string) string) []fault.Problem {
	for i := range problems {
		problems[i].File = named(problems[i].File)
	}
	return problems
}

// adrImport turns records into entities.
type adrImport struct{ namespace string }

// documents returns the decisions as entities. A second one whose name comes
// out the same is a problem.
func (in adrImport) documents(decisions []adrfile.Decision) ([]catalog.Document, []fault.Problem, error) {
	var docs []catalog.Document
	var problems []fault.Problem
	first := map[entity.Ref]string{}
	for _, d := range decisions {
		e, err := in.entity(d)
		if err != nil {
			return nil, nil, err
		}
		file, twice := first[e.Ref()]
		if twice || !entity.ValidName(e.Metadata.Name) {
			problems = append(problems, newProblem(d.File, 0, "adr.name", e.Metadata.Name, cmp.Or(file, d.File)))
			continue
		}
		first[e.Ref()] = d.File
		docs = append(docs, catalog.Document{Entity: e, File: d.File, Line: 1})
	}
	return docs, problems, nil
}

func (in adrImport) entity(d adrfile.Decision) (*entity.Entity, error) {
	ref := in.ref(d.Slug)
	e := &entity.Entity{APIVersion: entity.APIVersion, Kind: "Decision", Metadata: entity.Metadata{Name: ref.Name, Namespace: ref.Namespace, Title: d.Title, Tags: d.Tags}}
	spec := Decision{
		Status: string(d.Status), Date: dayOf(d.Date), Deciders: d.Deciders, Consulted: d.Consulted, Informed: d.Informed,
		SupersededBy: in.text(ref, d.SupersededBy), Body: d.Body,
		Source: &Source{Format: string(d.Format), File: d.File, Slug: d.Slug, Package: d.Package, RawStatus: d.RawStatus, Text: d.Text},
	}
	for _, slug := range d.Supersedes {
		spec.Supersedes = appendNew(spec.Supersedes, in.text(ref, slug))
	}
	for _, l := range d.Links {
		text := in.text(ref, l.Slug)
		if l.Relation == "supersedes" || l.Relation == "superseded by" || text == "" || in.ref(l.Slug) == ref {
			continue
		}
		i := slices.IndexFunc(spec.Related, func(r Related) bool { return r.Decision == text })
		if i < 0 {
			spec.Related = append(spec.Related, Related{text, l.Relation})
		} else if spec.Related[i].As == "" {
			spec.Related[i].As = l.Relation
		}
	}
	return e, setSpec(e, spec)
}

func appendNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func dayOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// ref names the entity of a record: its package is the namespace.
func (in adrImport) ref(slug string) entity.Ref {
	pkg, name := path.Split(slug)
	ns := nameOf(strings.ReplaceAll(strings.Trim(pkg, "/"), "/", "."))
	if in.namespace != "" && ns != "" {
		ns = in.namespace + "." + ns
	}
	return entity.NewRef("decision", cut(cmp.Or(ns, in.namespace), 128), nameOf(name))
}

// text writes a reference to a record as the holder's file would; "" when its
// slug gives no name.
func (in adrImport) text(holder entity.Ref, slug string) string {
	ref := in.ref(slug)
	switch {
	case slug == "" || !entity.ValidName(ref.Name) || !entity.ValidName(ref.Namespace):
		return ""
	case ref.Namespace == holder.Namespace:
		return ref.Name
	}
	return ref.Namespace + "/" + ref.Name
}
