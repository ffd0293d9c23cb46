package strategy

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// radarHand is the manager of everything an import of radars writes.
const radarHand = "import/radar"

func radarImporter() catalog.Importer {
	return catalog.Importer{
		Name: "radar", Room: Room, Accept: []string{".csv", ".json", ".md"},
		Title: lang.T("Technology radar", "Radar tecnológico"),
		Doc: lang.T("Editions of a radar: BYOR sheets and JSON, Zalando's JSON, the published volumes, Backstage's JSON, AOE's dated folders. Files are editions in the order of their names; older ones may follow later. A row that cannot be understood is reported with its line and the rest is imported. They go to the radar whose editions they continue, the first ones to technology, and those from elsewhere to a radar named after their file or folder; the argument radar names it. Other arguments: edition and date name the edition of a single file; segments and rings, with commas, name what a file only numbers; force=true takes the file's value where it was changed here as well.",
			"Ediciones de un radar: hojas y JSON de BYOR, el JSON de Zalando, los volúmenes publicados, el JSON de Backstage, las carpetas con fecha de AOE. Los ficheros son ediciones en el orden de sus nombres; las más antiguas pueden llegar después. Una fila que no se entiende se informa con su línea y el resto se importa. Van al radar cuyas ediciones continúan, las primeras a technology y las de otra procedencia a un radar con el nombre de su fichero o carpeta; el argumento radar lo nombra. Otros argumentos: edition y date nombran la edición de un único fichero; segments y rings, con comas, nombran lo que un fichero solo numera; force=true toma el valor del fichero donde también se cambió aquí."),
		Args: []catalog.Arg{
			{Name: "radar", Doc: lang.T("the radar they belong to", "el radar al que pertenecen")},
			{Name: "edition", Doc: lang.T("what the edition of a single file is called", "cómo se llama la edición de un único fichero")},
			{Name: "date", Doc: lang.T("the day of that edition, as 2026-09-15", "el día de esa edición, como 2026-09-15")},
			{Name: "segments", Doc: lang.T("names of segments that a file only numbers, with commas", "nombres de los segmentos que un fichero solo numera, con comas")},
			{Name: "rings", Doc: lang.T("rings from the centre outwards, with commas", "anillos del centro hacia fuera, con comas")},
			{Name: "force", Doc: lang.T("true takes the file's value where it was changed here too", "true toma el valor del fichero donde también se cambió aquí")},
		},
		Read: importRadar,
	}
}

func importRadar(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, files []catalog.File, opts catalog.ImportOptions) (*catalog.ImportReport, error) {
	caller.Manager = radarHand
	in := &radarImport{ctx: ctx, c: c, caller: caller, args: opts.Args}
	if err := in.read(files); err != nil {
		return nil, err
	}
	if err := in.choose(files); err != nil {
		return nil, err
	}
	if err := in.named(); err != nil {
		return nil, err
	}
	if err := in.load(); err != nil {
		return nil, err
	}
	if err := in.take(); err != nil {
		return nil, err
	}
	docs, err := in.documents()
	if err != nil {
		return nil, err
	}
	res, err := c.ApplyWith(ctx, caller, docs, catalog.ApplyOptions{DryRun: opts.DryRun, Force: in.force()}, opts.Progress)
	if err != nil {
		return nil, err
	}
	in.unplaced()
	res.Warnings = append(res.Warnings, in.notes...)
	return in.outcome(res), nil
}

// radarImport is one import under way.
type radarImport struct {
	ctx    context.Context
	c      *catalog.Catalog
	caller catalog.Caller
	args   map[string]string

	editions []radarfile.Edition // in order; their names are those of the entities
	titles   map[string]string   // of editions, by name
	files    map[string]string   // the file of each edition, by its name
	faulty   map[string]bool     // files that have problems
	problems []fault.Problem
	notes    []catalog.Warning

	name   string // of the radar they belong to
	source string // what the files are from; "" when their names do not say
	board  *board
	drafts []*draft
	byKey  map[string]*draft // by title and segment
	byName map[string]*draft
	taken  map[string]bool // names of technologies, of any radar
}

// draft is a technology being changed. Its entries are spelled out: each has
// its title and segment.
type draft struct {
	*technology
	rev     int64 // it was read at; 0 for a new one
	file    string
	line    int
	touched bool
	base    []Entry // as the last import left them, spelled out
	based   bool    // base has been looked up
}

func (in *radarImport) force() bool { return in.args["force"] == "true" }

// datedFile is a file of AOE's tree: its root, and the day of the release.
var datedFile = regexp.MustCompile(`^(?:(.*)/)?(\d{4}-\d{2}-\d{2})/[^/]+\.md$`)

// read reads the editions in the files.
func (in *radarImport) read(files []catalog.File) error {
	opt := radarfile.Options{Rings: list(in.args["rings"]), Segments: list(in.args["segments"])}
	fsys, given, err := folder(files)
	if err != nil {
		return err
	}
	roots := map[string]bool{}
	for name := range given {
		if m := datedFile.FindStringSubmatch(name); m != nil {
			roots[treeRoot(m[1])] = true
		}
	}
	in.titles, in.files, in.faulty = map[string]string{}, map[string]string{}, map[string]bool{}
	for _, root := range slices.Sorted(maps.Keys(roots)) {
		editions, problems := radarfile.ReadPath(fsys, root, opt)
		for i := range problems {
			problems[i].File = cmp.Or(given[problems[i].File], problems[i].File)
		}
		in.keep(root, editions, problems)
	}
	slices.SortStableFunc(files, func(a, b catalog.File) int { return radarfile.Natural(a.Name, b.Name) })
	for _, f := range files {
		if name := cleanName(f.Name); path.Ext(name) != ".md" && !(path.Base(name) == "config.json" && roots[path.Dir(name)]) {
			editions, problems := radarfile.Read(f.Name, f.Data, opt)
			in.keep(f.Name, editions, problems)
		}
	}
	if len(in.editions) == 0 {
		return fault.New(fault.Invalid, "no radar was found in the %d file(s) given", len(files)).Coded("radar.no-radar").With(in.problems...).
			WithHint("a radar is a CSV with the columns name, ring, quadrant, isNew and description, or one of the JSON formats")
	}
	return nil
}

// treeRoot is the folder that radarfile reads AOE's releases from.
func treeRoot(dir string) string {
	dir = path.Join(".", dir)
	if path.Base(dir) == "radar" {
		dir = path.Dir(dir)
		if path.Base(dir) == "data" {
			dir = path.Dir(dir)
		}
	}
	return dir
}

func list(s string) []string {
	var out []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

// keep takes in what one file gave. A second edition of one name is refused.
func (in *radarImport) keep(file string, editions []radarfile.Edition, problems []fault.Problem) {
	in.problems = append(in.problems, problems...)
	in.faulty[file] = in.faulty[file] || len(problems) > 0
	for _, e := range editions {
		if first, twice := in.files[e.Name]; twice {
			in.report(file, 0, "edition-again", e.Name, first)
			continue
		}
		in.files[e.Name] = file
		in.editions = append(in.editions, e)
	}
}

// report notes a problem in the words of text.en.json.
func (in *radarImport) report(file string, line int, code string, args ...string) *fault.Problem {
	in.problems = append(in.problems, newProblem(file, line, "radar."+code, args...))
	return &in.problems[len(in.problems)-1]
}

// named gives the editions the names their entities have.
func (in *radarImport) named() error {
	name, date, radar := in.args["edition"], in.args["date"], in.radar()
	if (name != "" || date != "") && len(in.editions) > 1 {
		return fault.New(fault.Invalid, "the arguments edition and date are for one edition, and the files hold %d", len(in.editions)).Coded("radar.one-edition").WithHint("import the files one by one")
	}
	if date != "" {
		day, err := time.Parse(time.DateOnly, date)
		if err != nil {
			return fault.New(fault.Invalid, "%q is not a day", date).Coded("radar.day").WithHint("write it as 2026-09-15")
		}
		in.editions[0].Date = day
	}
	files := map[string]string{}
	for i := range in.editions {
		e := &in.editions[i]
		file := in.files[e.Name]
		e.Name = cmp.Or(name, e.Name)
		title := titleFrom(e.Name)
		if e.Name = strings.TrimRight(cut(radarfile.Slug(e.Name), 100), "-."); radar != DefaultRadar {
			e.Name = radarfile.Slug(radar) + "-" + e.Name
		}
		if !entity.ValidName(e.Name) {
			return fault.New(fault.Invalid, "%q cannot name an edition", cmp.Or(name, e.Name)).Coded("radar.edition-name").WithHint("use letters, digits and hyphens, as 2026-09")
		}
		in.titles[e.Name], files[e.Name] = title, file
	}
	in.files = files
	return nil
}

func (in *radarImport) radar() string { return in.name }

var trailingNumber = regexp.MustCompile(`^(\D+)0*(\d+)$`)

// titleFrom makes a title of the name of a file: "volume-01" is "Volume 1". A
// name that is a date needs none.
func titleFrom(name string) string {
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return ""
	}
	if name != radarfile.Slug(name) {
		return name
	}
	name = strings.ReplaceAll(name, "-", " ")
	if m := trailingNumber.FindStringSubmatch(name); m != nil {
		name = m[1] + m[2]
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// load reads the radar as it is, adds the editions and finds the technologies
// by their names.
func (in *radarImport) load() error {
	var err error
	if in.board, err = loadEditions(in.ctx, in.c, in.caller, in.radar()); err != nil {
		return err
	}
	in.byKey, in.byName, in.taken = map[string]*draft{}, map[string]*draft{}, map[string]bool{}
	return in.c.Each(in.ctx, in.caller, catalog.Query{Kinds: []string{"Technology"}}, func(e *entity.Entity) error {
		t, err := technologyOf(e)
		in.taken[e.Metadata.Name] = true
		if cmp.Or(t.Spec.Radar, DefaultRadar) == in.radar() {
			d := &draft{technology: t, rev: revision(e)}
			d.Spec.Entries = spelledOut(e, t.Spec)
			in.drafts = append(in.drafts, d)
			in.index(d)
		}
		return err
	})
}

func revision(e *entity.Entity) int64 {
	var n int64
	fmt.Sscan(e.Metadata.ResourceVersion, &n)
	return n
}

// spelledOut returns the entries with the title and segment each has.
func spelledOut(e *entity.Entity, s Technology) []Entry {
	out := slices.Clone(s.Entries)
	for i := range out {
		out[i].Edition = editionOf(e, out[i].Edition)
		out[i].Title, out[i].Segment = cmp.Or(out[i].Title, e.DisplayTitle()), cmp.Or(out[i].Segment, s.Segment)
	}
	return out
}

func keyOf(title, segment string) string {
	return radarfile.Fold(title) + "\x00" + radarfile.FoldSegment(segment)
}

// index makes d found by its names and its entity's.
func (in *radarImport) index(d *draft) {
	add := func(title, segment string) {
		if key := keyOf(title, segment); in.byKey[key] == nil {
			in.byKey[key] = d
		}
	}
	titles := append([]string{d.DisplayTitle()}, d.Spec.Aliases...)
	for _, t := range titles {
		add(t, d.Spec.Segment)
	}
	for _, x := range d.Spec.Entries {
		add(x.Title, x.Segment)
	}
	in.byName[d.Metadata.Name] = d
	in.taken[d.Metadata.Name] = true
}

// find returns the technology of a blip, a new one when there is none.
func (in *radarImport) find(b radarfile.Blip) *draft {
	if d := in.byKey[keyOf(b.Name, b.Segment)]; d != nil {
		return d
	}
	name := technologyName(b.Name)
	if d := in.byName[name]; d != nil && radarfile.FoldSegment(d.Spec.Segment) == radarfile.FoldSegment(b.Segment) && technologyName(d.DisplayTitle()) != name {
		return d // its title was changed here
	}
	e := &entity.Entity{APIVersion: entity.APIVersion, Kind: "Technology", Metadata: entity.Metadata{Name: in.free(name, b.Segment), Title: b.Name}}
	d := &draft{technology: &technology{Entity: e, Spec: Technology{Segment: b.Segment}}, based: true}
	if in.radar() != DefaultRadar {
		d.Spec.Radar = in.radar()
	}
	in.drafts = append(in.drafts, d)
	in.index(d)
	return d
}

// technologyName makes a name of a title: C++ and C# keep apart.
func technologyName(title string) string {
	words := strings.NewReplacer("++", " plus plus", "#", " sharp", "&", " and ", ".", "-").Replace(strings.ToLower(title))
	if name := cut(strings.Trim(nameOf(words), "-_."), 90); name != "" {
		return strings.Trim(name, "-_.")
	}
	h := fnv.New32a()
	h.Write([]byte(radarfile.Fold(title)))
	return fmt.Sprintf("technology-%08x", h.Sum32())
}

// free returns a name that no technology has: the name itself, with its
// segment, or with a number.
func (in *radarImport) free(name, segment string) string {
	candidate := name
	for n := 1; in.taken[candidate]; n++ {
		if candidate = name + "-" + cut(technologyName(segment), 30); n > 1 {
			candidate = fmt.Sprintf("%s-%d", candidate, n)
		}
	}
	return candidate
}

// take puts what the editions say into the technologies.
func (in *radarImport) take() error {
	known := map[string]bool{}
	for _, e := range in.board.Editions {
		known[e.name()] = true
	}
	in.addEditions()
	inFile := map[string]radarfile.Edition{}
	for _, e := range in.editions {
		inFile[e.Name] = e
	}
	for _, e := range in.board.Editions { // in order, so that the older name is the plain one
		from, ok := inFile[e.name()]
		if !ok {
			continue
		}
		if err := in.edition(from, known[e.name()]); err != nil {
			return err
		}
	}
	in.finish()
	return nil
}

// addEditions puts the editions read among those of the radar.
func (in *radarImport) addEditions() {
	for _, from := range in.editions {
		spec := RadarEdition{Rings: from.Rings, Segments: from.Segments, Source: in.source}
		if in.radar() != DefaultRadar {
			spec.Radar = in.radar()
		}
		if !from.Date.IsZero() {
			spec.Date = from.Date.Format(time.DateOnly)
		}
		e := &entity.Entity{APIVersion: entity.APIVersion, Kind: "RadarEdition", Metadata: entity.Metadata{Name: from.Name, Title: in.titles[from.Name]}}
		if have := in.board.edition(from.Name); have != nil {
			spec.Order, spec.Date = have.Spec.Order, cmp.Or(spec.Date, have.Spec.Date) // for their order only
			spec.Source = cmp.Or(have.Spec.Source, spec.Source)
			have.Spec, have.Entity = spec, e
			continue
		}
		in.board.Editions = append(in.board.Editions, &edition{e, spec})
	}
	in.board.sort()
}

// edition takes in the blips of one edition. Of one that was imported before,
// what its file no longer shows is taken off, unless a row could not be read.
func (in *radarImport) edition(from radarfile.Edition, before bool) error {
	shown := map[*draft]bool{}
	for _, b := range from.Blips {
		d := in.find(b)
		if shown[d] {
			continue
		}
		shown[d] = true
		if err := in.blip(d, from.Name, b); err != nil {
			return err
		}
	}
	if !before || in.faulty[in.files[from.Name]] {
		return nil
	}
	for _, d := range in.drafts {
		if i := indexOf(d.Spec.Entries, from.Name); i >= 0 && !shown[d] {
			if err := in.lookUp(d); err != nil {
				return err
			}
			if indexOf(d.base, from.Name) >= 0 {
				d.Spec.Entries, d.touched = slices.Delete(d.Spec.Entries, i, i+1), true
			}
		}
	}
	return nil
}

func indexOf(entries []Entry, edition string) int {
	return slices.IndexFunc(entries, func(x Entry) bool { return x.Edition == edition })
}

// blip puts what an edition says of a technology among its entries.
func (in *radarImport) blip(d *draft, edition string, b radarfile.Blip) error {
	x := Entry{Edition: edition, Ring: b.Ring, Description: b.Description, Link: b.Link, Title: b.Name, Segment: b.Segment, Related: b.Related, Hidden: b.Inactive}
	d.touched = true
	if d.file == "" {
		d.file, d.line = b.File, b.Line
	}
	for _, tag := range b.Tags {
		if !slices.Contains(d.Metadata.Tags, tag) {
			d.Metadata.Tags = append(d.Metadata.Tags, tag)
		}
	}
	i := indexOf(d.Spec.Entries, edition)
	if i < 0 {
		d.Spec.Entries = append(d.Spec.Entries, x)
		return nil
	}
	if same(d.Spec.Entries[i], x) {
		return nil
	}
	if err := in.lookUp(d); err != nil {
		return err
	}
	d.Spec.Entries[i] = in.merge(d, d.Spec.Entries[i], x, b)
	return nil
}

func same(a, b Entry) bool {
	for _, p := range parts {
		if p.get(&a) != p.get(&b) {
			return false
		}
	}
	return true
}

// parts are the parts of an entry that can change by themselves.
var parts = []struct {
	name string
	get  func(*Entry) string
	copy func(to, from *Entry)
}{
	{"ring", func(x *Entry) string { return x.Ring }, func(to, from *Entry) { to.Ring = from.Ring }},
	{"description", func(x *Entry) string { return x.Description }, func(to, from *Entry) { to.Description = from.Description }},
	{"link", func(x *Entry) string { return x.Link }, func(to, from *Entry) { to.Link = from.Link }},
	{"title", func(x *Entry) string { return x.Title }, func(to, from *Entry) { to.Title = from.Title }},
	{"segment", func(x *Entry) string { return x.Segment }, func(to, from *Entry) { to.Segment = from.Segment }},
	{"related", func(x *Entry) string { return strings.Join(x.Related, "; ") }, func(to, from *Entry) { to.Related = from.Related }},
	{"hidden", func(x *Entry) string { return fmt.Sprint(x.Hidden) }, func(to, from *Entry) { to.Hidden = from.Hidden }},
}

// merge joins what a file says of a technology with what stands here, over what
// the import before said. A part that both changed stays and is reported.
func (in *radarImport) merge(d *draft, now, file Entry, b radarfile.Blip) Entry {
	var base *Entry
	if i := indexOf(d.base, file.Edition); i >= 0 {
		base = &d.base[i]
	}
	for _, p := range parts {
		was, is, says := p.get(&now), p.get(&now), p.get(&file)
		if base != nil {
			was = p.get(base)
		}
		switch {
		case says == is || base != nil && says == was:
		case in.force() || base != nil && is == was:
			p.copy(&now, &file)
		default:
			problem := in.report(b.File, b.Line, "conflict", p.name, short(says), short(is))
			problem.Ref, problem.Field = d.Ref().Short(), "spec.entries."+p.name
		}
	}
	return now
}

func short(s string) string {
	if r := []rune(strings.Join(strings.Fields(s), " ")); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// historyDepth is how many revisions back the last import is looked for.
const historyDepth = 200

// lookUp finds what the last import said of a technology.
func (in *radarImport) lookUp(d *draft) error {
	if d.based {
		return nil
	}
	d.based = true
	revs, err := in.c.History(in.ctx, in.caller, d.Ref(), 0, historyDepth)
	if err != nil {
		return err
	}
	for _, r := range revs {
		if r.Manager == radarHand {
			spec, err := catalog.Spec[Technology](r.Entity)
			d.base = spelledOut(r.Entity, spec)
			return err
		}
	}
	return nil
}

// finish orders the entries of every technology and folds their titles and
// segments, which follow the newest edition.
func (in *radarImport) finish() {
	place, rings := in.board.place(), in.board.rings(list(in.args["rings"]))
	for _, d := range in.drafts {
		if orders(rings) && !slices.Equal(d.Spec.Rings, rings) {
			d.Spec.Rings, d.touched = rings, true
		}
		before := slices.Clone(d.Spec.Entries)
		d.arrange(place)
		d.touched = d.touched || !slices.EqualFunc(before, d.Spec.Entries, func(a, b Entry) bool { return a.Edition == b.Edition })
		d.fold()
	}
}

// orders reports whether rings say more than everybody knows.
func orders(rings []string) bool {
	return slices.ContainsFunc(rings, func(r string) bool { return !radarfile.Known(r) })
}

// fold takes the spelling of the newest entry for the technology's own, unless
// it was called something else here, and leaves it out of the entries.
func (d *draft) fold() {
	if n := len(d.Spec.Entries); n > 0 {
		last := d.Spec.Entries[n-1]
		if radarfile.Fold(last.Title) == radarfile.Fold(d.DisplayTitle()) {
			d.Metadata.Title = last.Title
		}
		if radarfile.FoldSegment(last.Segment) == radarfile.FoldSegment(d.Spec.Segment) {
			d.Spec.Segment = last.Segment
		}
	}
	for i := range d.Spec.Entries {
		x := &d.Spec.Entries[i]
		if x.Title == d.DisplayTitle() {
			x.Title = ""
		}
		if x.Segment == d.Spec.Segment {
			x.Segment = ""
		}
	}
}

// documents returns the editions read and the technologies they touch, ready to
// be applied together.
func (in *radarImport) documents() ([]catalog.Document, error) {
	var docs []catalog.Document
	for _, from := range in.editions {
		e := in.board.edition(from.Name)
		spec := e.Spec
		if spec.Order = 0; from.Date.IsZero() {
			spec.Date = ""
		}
		if err := setSpec(e.Entity, spec); err != nil {
			return nil, err
		}
		docs = append(docs, catalog.Document{Entity: e.Entity, File: in.files[from.Name], Line: 1})
	}
	for _, d := range in.drafts {
		if !d.touched {
			continue
		}
		if err := setSpec(d.Entity, d.Spec); err != nil {
			return nil, err
		}
		docs = append(docs, catalog.Document{Entity: d.Entity, File: d.file, Line: d.line, Base: d.rev})
	}
	return docs, nil
}

func (in *radarImport) outcome(res *catalog.ApplyResult) *catalog.ImportReport {
	r := &catalog.ImportReport{ApplyResult: *res, Problems: in.problems}
	editions := lang.Some(len(in.editions), lang.T("edition", "edición"), lang.T("editions", "ediciones"))
	r.Tell(lang.T("radar "+in.radar()+": "+editions.En, "radar "+in.radar()+": "+editions.Es),
		lang.Some(len(res.Changes)-len(in.editions), lang.T("technology", "tecnología"), lang.T("technologies", "tecnologías")))
	r.TellChanges()
	r.TellProblems()
	return r
}
