package strategy

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/workfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/observe"
)

// workHand is the manager of an import of work items.
const workHand = "import/work"

// defaultSource is the tracker items come from when nobody names it.
const defaultSource = "work"

func workImporter() catalog.Importer {
	return catalog.Importer{
		Name: "work", Room: Room, Accept: []string{".csv"},
		Title: lang.T("Work items", "Elementos de trabajo"),
		Doc: lang.T("What was asked for, begun and finished, as CSV: exports of Azure DevOps, Jira, Linear and Lighthouse, and any other whose columns are named. Forecasts learn from it. Arguments: source names the tracker, when there are several: a file of one that is kept already is refused without it; team, the group of items that name none; map.FIELD says which column holds a field; dates, how they are written when they do not tell, as d/m/y; asof, the day of an older export; done and removed, states in commas that mean finished and dropped; whole=true says that what is not in the files is gone.",
			"Lo que se pidió, empezó y terminó, como CSV: exportaciones de Azure DevOps, Jira, Linear y Lighthouse, y cualquier otra cuyas columnas se nombren. Las previsiones aprenden de ello. Argumentos: source nombra el gestor, si hay varios: sin él se rechaza un fichero de otro que ya se conserva; team, el grupo de los elementos que no nombran ninguno; map.CAMPO dice qué columna contiene un campo; dates, cómo se escriben si no lo dicen, como d/m/y; asof, el día de una exportación antigua; done y removed, estados separados por comas que significan terminado y descartado; whole=true dice que lo que no está en los ficheros ha desaparecido."),
		Args: []catalog.Arg{
			{Name: "source", Doc: lang.T("where they come from, when there are several sources", "de dónde vienen, si hay varios orígenes")},
			{Name: "team", Doc: lang.T("the team of items that name none", "el equipo de los elementos que no nombran ninguno")},
			{Name: "dates", Doc: lang.T("how dates are written, as d/m/y", "cómo se escriben las fechas, como d/m/y")},
			{Name: "asof", Doc: lang.T("the day of the export, as 2026-08-31", "el día de la exportación, como 2026-08-31")},
			{Name: "done", Doc: lang.T("states that mean done, with commas", "estados que significan hecho, con comas")},
			{Name: "removed", Doc: lang.T("states that mean removed, with commas", "estados que significan retirado, con comas")},
			{Name: "whole", Doc: lang.T("true: what the file does not hold is gone from its source", "true: lo que el fichero no contiene ha desaparecido de su origen")},
		},
		Maps: true, Read: importWork,
	}
}

// workImport is one import of work items.
type workImport struct {
	opts   workfile.Options
	source string
	team   string    // of items that name none, as a reference
	at     time.Time // zero: now
	whole  bool
	teams  map[string]string // references of groups by what they are called
}

func importWork(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, files []catalog.File, opts catalog.ImportOptions) (*catalog.ImportReport, error) {
	in, err := newWorkImport(opts.Args, c.Now())
	if err != nil {
		return nil, err
	}
	if in.teams, err = teamNames(ctx, c, caller); err != nil {
		return nil, err
	}
	if in.team != "" {
		in.team = in.group(in.team)
	}
	rows, repeated, problems := in.rows(files)
	report := &catalog.ImportReport{Problems: problems}
	report.DryRun, report.Changes = opts.DryRun, []catalog.Change{}
	if len(rows) == 0 {
		return nil, fault.Bad("no work item was found in the files given", problems...).Coded("work.none").
			WithHint("give a CSV file whose first row names the columns ID, Name, State, Started Date and Closed Date")
	}
	if in.whole && len(problems) > 0 {
		return nil, fault.Bad("nothing was imported: a file that is the whole of a source must be read whole", problems...).Coded("work.whole").
			WithHint("correct the rows, or import without whole=true")
	}
	if opts.Args["source"] == "" {
		kept, err := c.Observed(ctx, caller, workTable, c.Now())
		if err != nil {
			return nil, err
		}
		if err := in.doubled(rows, kept); err != nil {
			return nil, err
		}
	}
	o := catalog.Observation{Table: workTable, At: in.at, Rows: rows}
	if in.whole {
		o.Whole = in.source
	}
	caller.Manager = workHand
	counts, err := c.Observe(ctx, caller, o, opts.DryRun)
	if err != nil {
		return nil, err
	}
	report.Rows = append(report.Rows, counts)
	report.Tell(lang.Some(len(rows), lang.T("work item", "elemento de trabajo"), lang.T("work items", "elementos de trabajo")), lang.T("the last dated "+latest(rows).Format(time.DateOnly), "el último, con fecha "+latest(rows).Format(time.DateOnly)))
	if repeated > 0 {
		report.Tell(lang.Some(repeated, lang.T("row repeated an ID, the later one counts", "fila repetía un ID, cuenta la posterior"), lang.T("rows repeated an ID, the later ones count", "filas repetían un ID, cuentan las posteriores")))
	}
	return report, nil
}

func newWorkImport(args map[string]string, now time.Time) (*workImport, error) {
	mapped := map[string]string{}
	for name, value := range args {
		if field, ok := strings.CutPrefix(name, "map."); ok {
			mapped[field] = value
		}
	}
	in := &workImport{source: cmp.Or(args["source"], defaultSource), team: args["team"], whole: args["whole"] == "true",
		opts: workfile.Options{Map: mapped, Dates: args["dates"], Done: commaList(args["done"]), Removed: commaList(args["removed"])}}
	if !entity.ValidName(in.source) {
		return nil, fault.New(fault.Invalid, "%q cannot be the name of a source", in.source).Coded("work.source").WithHint("use letters, digits and hyphens, as source=ado")
	}
	if day := args["asof"]; day != "" {
		t, err := momentOf(day)
		if err != nil || t.After(now) {
			return nil, fault.New(fault.Invalid, "asof %q is not a day that has come", day).Coded("work.asof-future").WithHint("write the day of the export, as asof=2026-08-31")
		}
		in.at = t
	}
	return in, nil
}

// momentOf reads a day, of which it is the end, or a moment.
func momentOf(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.AddDate(0, 0, 1).Add(-time.Microsecond), nil
	}
	return time.Parse(time.RFC3339, s)
}

func commaList(s string) []string {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// rows reads the files; an item that two of them hold counts as the later says.
func (in *workImport) rows(files []catalog.File) (rows []observe.Row, repeated int, problems []fault.Problem) {
	place := map[string]int{}
	for _, f := range files {
		items, again, wrong := workfile.Read(f.Name, f.Data, in.opts)
		repeated += again
		problems = append(problems, wrong...)
		for _, it := range items {
			r := in.row(it)
			key := workTable.KeyOf(r)
			if i, twice := place[key]; twice {
				rows[i] = r
				repeated++
				continue
			}
			place[key] = len(rows)
			rows = append(rows, r)
		}
	}
	return rows, repeated, problems
}

// doubled refuses items that would be new from a source nobody named while
// another source keeps items of their numbers: a file that was exported from it
// would count twice, and what another tracker numbers alike would not. Which of
// the two it is, only the caller knows.
func (in *workImport) doubled(rows, kept []observe.Row) error {
	fresh, elsewhere := map[string]bool{}, map[string]int{}
	for _, r := range rows {
		fresh[r.Text("id")] = true
	}
	for _, r := range kept {
		if r.Text("source") == in.source {
			delete(fresh, r.Text("id"))
		}
	}
	for _, r := range kept {
		if fresh[r.Text("id")] {
			elsewhere[r.Text("source")]++
		}
	}
	if len(elsewhere) == 0 {
		return nil
	}
	other := slices.MaxFunc(slices.Sorted(maps.Keys(elsewhere)), func(a, b string) int { return cmp.Compare(elsewhere[a], elsewhere[b]) })
	return fault.New(fault.Conflict, "%d of the %d work items are kept already, from the source %s, and would count twice", elsewhere[other], len(rows), other).Coded("work.kept").
		WithHint("give source=%s when they are the same items, or source=%s when another tracker gave them these numbers", other, in.source)
}

func (in *workImport) row(it workfile.Item) observe.Row {
	team := in.team
	if it.Team != "" {
		team = in.group(it.Team)
	}
	return observe.Row{"source": in.source, "id": it.ID, "name": it.Name, "state": it.State, "category": string(it.Category), "type": it.Type, "team": team,
		"parent": it.Parent, "tags": it.Tags, "url": it.URL, "size": it.Size, "after": it.After, "created": it.Created, "started": it.Started, "closed": it.Closed}
}

// group returns the reference of the group that a tracker calls by a name.
func (in *workImport) group(name string) string {
	if ref, ok := in.teams[foldName(name)]; ok {
		return ref
	}
	if ref, err := entity.ParseRef(name, "group", ""); err == nil {
		return ref.String()
	}
	if n := strings.ToLower(nameOf(name)); n != "" {
		return entity.NewRef("group", "", n).String()
	}
	return ""
}

var unmarked = strings.NewReplacer("-", "", "_", "", " ", "", ".", "")

// foldName makes names comparable: "Front-end Team" and "frontend team" are one.
func foldName(s string) string {
	return strings.ToLower(unmarked.Replace(s))
}

// teamNames returns the groups by their names, titles and references.
func teamNames(ctx context.Context, c *catalog.Catalog, caller catalog.Caller) (map[string]string, error) {
	out := map[string]string{}
	if c.Kinds().Get("group") == nil {
		return out, nil
	}
	err := c.Each(ctx, caller, catalog.Query{Kinds: []string{"group"}}, func(e *entity.Entity) error {
		for _, name := range []string{e.Metadata.Name, e.DisplayTitle(), e.Ref().String(), e.Ref().Short()} {
			if _, taken := out[foldName(name)]; !taken {
				out[foldName(name)] = e.Ref().String()
			}
		}
		return nil
	})
	return out, err
}

// latest returns the youngest date of items.
func latest(rows []observe.Row) time.Time {
	var last time.Time
	for _, r := range rows {
		for _, name := range []string{"created", "started", "closed"} {
			if t := r.Time(name); t.After(last) {
				last = t
			}
		}
	}
	return last
}

func workExporter() catalog.Exporter {
	return catalog.Exporter{
		Name: "work", Room: Room, Formats: []string{"csv"},
		Title: lang.T("Work items", "Elementos de trabajo"),
		Doc:   lang.T("The work items as CSV in the form of Lighthouse, a file for each source; an import that names the source reads it back and changes nothing. Arguments: source, when there are several; asof, to have them as they were known at the end of a day.", "Los elementos de trabajo como CSV con la forma de Lighthouse, un fichero por origen; una importación que nombra el origen los vuelve a leer y no cambia nada. Argumentos: source, si hay varios; asof, para tenerlos como se conocían al final de un día."),
		Args: []catalog.Arg{
			{Name: "source", Doc: lang.T("which source, when there are several", "qué origen, si hay varios")},
			{Name: "asof", Doc: lang.T("the day at whose end they were known so, as 2026-08-31", "el día a cuyo término se conocían así, como 2026-08-31")},
		},
		Write: exportWork,
	}
}

func exportWork(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, opts catalog.ExportOptions) ([]catalog.File, error) {
	at := c.Now()
	if day := opts.Args["asof"]; day != "" {
		var err error
		if at, err = momentOf(day); err != nil {
			return nil, fault.New(fault.Invalid, "asof %q is not a day", day).Coded("work.asof").WithHint("write it as 2026-08-31")
		}
	}
	rows, err := c.Observed(ctx, caller, workTable, at)
	if err != nil {
		return nil, err
	}
	by := map[string][]workfile.Item{}
	for _, r := range rows {
		if s := r.Text("source"); opts.Args["source"] == "" || s == opts.Args["source"] {
			by[s] = append(by[s], itemOf(r))
		}
	}
	var files []catalog.File
	for _, source := range slices.Sorted(maps.Keys(by)) {
		var b bytes.Buffer
		if err := workfile.Write(&b, by[source]); err != nil {
			return nil, err
		}
		files = append(files, catalog.File{Name: source + ".csv", Data: b.Bytes()})
	}
	return files, nil
}

func itemOf(r observe.Row) workfile.Item {
	return workfile.Item{ID: r.Text("id"), Name: r.Text("name"), State: r.Text("state"), Category: workfile.Category(r.Text("category")), Type: r.Text("type"),
		Created: r.Time("created"), Started: r.Time("started"), Closed: r.Time("closed"), Parent: r.Text("parent"), Tags: r.List("tags"), URL: r.Text("url"),
		Team: r.Text("team"), Size: int(r.Int("size")), After: r.List("after")}
}
