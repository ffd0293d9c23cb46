package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// pageSize is how many rows a list shows at a time.
const pageSize = 50

// facetLimit is how many values a filter offers.
const facetLimit = 40

// listPage is the list of a kind. Its whole state is in the address.
type listPage struct {
	Shell
	Kind    *catalog.Kind
	Path    string // of what is done with the kind
	Here    string // of the list itself
	State   listState
	Filters []filter
	Chips   []chip
	Advance bool // the second row of the filter bar is open
	Columns []column
	Choices []columnChoice
	Rows    []listRow
	Total   int
	More    bool
	Count   string
	From    int
	First   string // address of the first page; "" when it is shown
	Next    string // address of the next page
	Clear   string
	Views   []viewLink
	Exports []exportLink
	Problem string // why the filter could not be answered
	Empty   bool   // there is nothing of the kind at all
	Command string // that imports it
	Mine    bool   // the view shown may be deleted by the reader
	ViewID  string

	CanWrite, CanChange, CanDelete, Filtered bool
	Trigger                                  string // field of the filter bar that htmx answers

	ctx *Ctx
}

// listState is what the address of a list says.
type listState struct {
	Text, Owner, Labels, CEL, Namespace string
	Tags                                []string
	Fields                              map[string][]string
	Sort                                string
	Desc                                bool
	Cursor                              string
	Columns                             []string
}

type filter struct {
	ID, Name, Label, Any string
	Options              []option
}

type option struct {
	Value, Label string
	Count        int
	Counted      bool
	On           bool
}

type chip struct{ Label, Value, Href string }

type column struct {
	Path, Label string
	Sort        string // address that sorts by it; "" when it cannot
	Dir         string // "ascending", "descending" or ""
	Number      bool
	Narrow      bool // hidden on narrow screens
	field       *catalog.Field
}

type columnChoice struct {
	Path, Label string
	On          bool
}

type listRow struct {
	Ref, Href, Title, Sub string
	Cells                 []cell
}

type cell struct {
	Value
	Narrow bool
}

type exportLink struct{ Href, Label string }

// kindPages are the generic pages of a kind.
func (a *App) kindPages(k *catalog.Kind) []PageDef {
	p := "/" + k.Plural
	record := p + "/{namespace}/{name}"
	resource := func(*http.Request) (auth.Resource, error) { return k.Resource(), nil }
	get := func(id, pattern, template string, verb auth.Verb, h func(*Ctx, *catalog.Kind) (any, error)) PageDef {
		return PageDef{ID: k.Plural + "." + id, Nav: k.Plural, Room: a.group(k), Pattern: pattern, Template: template, Verb: verb, Resource: resource,
			Handle: func(c *Ctx) (any, error) { return h(c, k) }}
	}
	post := func(id, pattern, template string, verb auth.Verb, h func(*Ctx, *catalog.Kind) (any, error)) PageDef {
		d := get(id, pattern, template, verb, h)
		d.Method, d.MaxBody = http.MethodPost, 4<<20
		return d
	}
	pages := []PageDef{
		get("list", p, "list.html", auth.Read, list),
		get("export", p+"/export", "", auth.Read, export),
		post("views.save", p+"/views", "", auth.Self, saveView),
		post("views.delete", p+"/views/delete", "", auth.Self, deleteView),
		post("bulk", p+"/bulk", "bulk.html", auth.Write, bulk),
		get("new", p+"/new", "form.html", auth.Write, newForm),
		post("create", p+"/new", "form.html", auth.Write, createEntity),
		get("detail", record, "detail.html", auth.Read, detail),
		get("edit", record+"/edit", "form.html", auth.Write, editForm),
		post("save", record+"/edit", "form.html", auth.Write, saveForm),
		get("copy", record+"/copy", "form.html", auth.Write, copyForm),
		get("yaml", record+"/yaml", "yaml.html", auth.Read, yamlForm),
		post("yaml.save", record+"/yaml", "yaml.html", auth.Write, saveYAML),
		get("rename", record+"/rename", "rename.html", auth.Write, renameForm),
		post("rename.save", record+"/rename", "rename.html", auth.Write, renameEntity),
		get("delete", record+"/delete", "delete.html", auth.Delete, deleteForm),
		post("delete.do", record+"/delete", "", auth.Delete, deleteEntity),
		post("restore", record+"/restore", "", auth.Write, restoreEntity),
		get("history", record+"/history", "history.html", auth.Read, history),
		get("compare", record+"/compare", "compare.html", auth.Read, compare),
		get("relations", record+"/relations", "relations.html", auth.Read, relations),
	}
	if k.Once {
		pages = slices.DeleteFunc(pages, PageDef.changes)
	}
	return append(pages, a.tabPages(k, resource)...)
}

// changing are the ends of the IDs of pages that change what there is.
var changing = []string{".bulk", ".edit", ".save", ".rename", ".delete", ".delete.do", ".restore"}

// changes reports whether a page of a kind is for changing an entity.
func (p PageDef) changes() bool {
	return !strings.Contains(p.ID, ".views.") && slices.ContainsFunc(changing, func(end string) bool { return strings.HasSuffix(p.ID, end) })
}

func list(c *Ctx, k *catalog.Kind) (any, error) {
	p := &listPage{ctx: c, Kind: k, Path: "/" + k.Plural, Here: c.R.URL.Path, State: readState(c, k), Trigger: c.R.Header.Get("HX-Trigger-Name"), Advance: c.Param("more") != ""}
	p.Title, p.Fragment = c.In(k.Titles), "results"
	p.CanWrite, p.CanDelete = c.CanKind(auth.Write, k), c.CanKind(auth.Delete, k)
	p.CanChange = p.CanWrite && !k.Once
	p.Filtered = p.State.filtered()
	p.Advance = p.Advance || p.State.CEL != "" || p.State.Labels != "" || p.State.Namespace != ""
	p.columns(c)
	ctx, q := c.R.Context(), p.State.query(k)
	found, err := c.Catalog().List(ctx, c.Caller, q)
	if fault.Is(err, fault.Invalid) {
		p.Problem, found = c.problemsIn(err), &catalog.Page{}
	} else if err != nil {
		return nil, err
	}
	if err := p.fill(c, found); err != nil {
		return nil, err
	}
	if p.Problem == "" {
		p.filters(ctx, c, q)
	}
	p.chips(c)
	if p.Views, err = c.views(k, c.R.URL.Query()); err != nil {
		return nil, err
	}
	for i := range p.Views {
		if v := &p.Views[i]; v.Current {
			p.Mine, p.ViewID = v.Mine, v.ID
		}
	}
	p.exports(c)
	p.Command = "binnacle apply " + k.Plural + ".yaml"
	return p, nil
}

// problemsIn writes the problems of an error in one line.
func (c *Ctx) problemsIn(err error) string {
	var lines []string
	for _, p := range fault.ProblemsOf(err) {
		line := c.Problem(p)
		if hint := c.ProblemHint(p); hint != "" {
			line += "; " + hint
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return c.Say(err)
	}
	return strings.Join(lines, " ")
}

func readState(c *Ctx, k *catalog.Kind) listState { return stateOfQuery(c.R.URL.Query(), k) }

func stateOfQuery(q url.Values, k *catalog.Kind) listState {
	get := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	s := listState{Text: get("q"), Owner: get("owner"), Labels: get("labels"), CEL: get("cel"), Namespace: get("ns"),
		Tags: nonEmpty(q["tag"]), Cursor: get("cursor"), Columns: nonEmpty(q["cols"]), Fields: map[string][]string{}}
	s.Sort, s.Desc = strings.TrimPrefix(get("sort"), "-"), strings.HasPrefix(get("sort"), "-")
	for _, f := range k.Filters() {
		if v := nonEmpty(q[f.Path]); len(v) > 0 {
			s.Fields[f.Path] = v
		}
	}
	return s
}

func nonEmpty(values []string) []string {
	var out []string
	for _, v := range values {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

func (s listState) filtered() bool {
	return s.Text != "" || s.Owner != "" || s.Labels != "" || s.CEL != "" || s.Namespace != "" || len(s.Tags) > 0 || len(s.Fields) > 0
}

func (s listState) query(k *catalog.Kind) catalog.Query {
	return catalog.Query{Kinds: []string{k.Name}, Namespace: s.Namespace, Labels: s.Labels, Tags: s.Tags, Owner: s.Owner, Fields: s.Fields,
		CEL: s.CEL, Text: s.Text, Sort: s.Sort, Desc: s.Desc, Cursor: s.Cursor, Limit: pageSize}
}

// plainColumns are those every kind has beside its own.
var plainColumns = []struct{ path, key, sort string }{
	{"metadata.owner", "col.owner", "owner"}, {"metadata.tags", "col.tags", ""}, {"metadata.namespace", "col.namespace", ""},
	{"metadata.description", "col.description", ""}, {"metadata.created", "col.created", "created"}, {"metadata.updated", "col.updated", "updated"},
}

// defaultColumns are shown when the reader chose none.
func defaultColumns(k *catalog.Kind) []string {
	var paths []string
	owned := false
	for _, f := range k.Columns() {
		paths = append(paths, f.Path)
		owned = owned || f.Path == "spec.owner"
	}
	if !owned {
		paths = append(paths, "metadata.owner")
	}
	return append(paths, "metadata.updated")
}

// columns settles which columns are shown and which could be.
func (p *listPage) columns(c *Ctx) {
	chosen := p.State.Columns
	if len(chosen) == 0 {
		chosen = defaultColumns(p.Kind)
	}
	p.Columns = []column{p.column(c, "title", c.T("col.title"), "title", nil)}
	offer := func(path, label, sort string, f *catalog.Field) {
		on := slices.Contains(chosen, path)
		p.Choices = append(p.Choices, columnChoice{path, label, on})
		if on {
			p.Columns = append(p.Columns, p.column(c, path, label, sort, f))
		}
	}
	for _, f := range listable(p.Kind) {
		sort := ""
		if f.Column > 0 && f.Type != catalog.List {
			sort = f.Path
		}
		offer(f.Path, c.In(f.Label), sort, f)
		if f.Path == "status.value" && c.App.Claims != nil && c.App.Claims.Bears(p.Kind.Name) {
			if len(p.State.Columns) == 0 {
				chosen = append(chosen, sparkPath)
			}
			offer(sparkPath, c.T("col.history"), "", nil)
		}
	}
	meta := catalog.MetadataFields()
	for _, m := range plainColumns {
		if m.path == "metadata.owner" && p.Kind.Field("spec.owner") != nil {
			continue
		}
		offer(m.path, c.T(m.key), m.sort, fieldAt(meta, m.path))
	}
}

// sparkPath is the column that draws the history of a claim.
const sparkPath = "history"

func fieldAt(fields []catalog.Field, path string) *catalog.Field {
	for i := range fields {
		if fields[i].Path == path {
			return &fields[i]
		}
	}
	return &catalog.Field{Path: path, Type: catalog.Moment}
}

// listable are the fields of a kind that fit a cell: the columns first.
func listable(k *catalog.Kind) []*catalog.Field {
	var out []*catalog.Field
	for _, f := range k.Columns() {
		out = append(out, k.Field(f.Path))
	}
	for i := range k.Fields {
		f := &k.Fields[i]
		scalar := f.Type != catalog.Object && f.Type != catalog.Map && f.Type != catalog.Any && f.Type != catalog.Markdown && f.Type != catalog.LongText &&
			(f.Type != catalog.List || f.Item.Type != catalog.Object && f.Item.Type != catalog.Any)
		if scalar && f.Column == 0 {
			out = append(out, f)
		}
	}
	return out
}

func (p *listPage) column(c *Ctx, path, label, sort string, f *catalog.Field) column {
	col := column{Path: path, Label: label, field: f, Narrow: len(p.Columns) > 2}
	if f != nil {
		col.Number = f.Type == catalog.Int || f.Type == catalog.Number
	}
	if sort == "" {
		return col
	}
	by := sort
	current := p.State.Sort == sort
	switch {
	case current && p.State.Desc:
		col.Dir = "descending"
	case current:
		col.Dir, by = "ascending", "-"+sort
	case sort == "updated" || sort == "created":
		by = "-" + sort // the newest first
	}
	col.Sort = c.with("sort", by, "cursor", "", "from", "")
	return col
}

// fill makes the rows.
func (p *listPage) fill(c *Ctx, found *catalog.Page) error {
	p.Total, p.More = found.Total, found.More
	p.From = max(c.IntParam("from", 0), 0)
	if p.State.Cursor == "" {
		p.From = 0
	}
	r, trees, err := p.reader(c, found.Items)
	if err != nil {
		return err
	}
	for i, e := range found.Items {
		p.Rows = append(p.Rows, p.row(r, e, trees[i]))
	}
	if found.Next != "" {
		p.Next = c.with("cursor", found.Next, "from", strconv.Itoa(p.From+len(p.Rows)))
	}
	if p.State.Cursor != "" {
		p.First = c.with("cursor", "", "from", "")
	}
	p.Clear = p.Here
	p.Count = p.count(c)
	p.Empty = !p.Filtered && p.Total == 0 && p.Problem == ""
	return nil
}

func (p *listPage) count(c *Ctx) string {
	last := p.From + len(p.Rows)
	switch {
	case p.Problem != "":
		return ""
	case p.Total < 0:
		return c.T("list.range", p.From+1, last)
	case p.More:
		return c.T("list.atleast", p.Total)
	case len(p.Rows) == p.Total || len(p.Rows) == 0:
		return c.T("list.count", p.Total)
	}
	return c.T("list.rangeof", p.From+1, last, p.Total)
}

// reader fetches the titles of all references the shown cells hold.
func (p *listPage) reader(c *Ctx, items []*entity.Entity) (reader, []map[string]any, error) {
	var refs []entity.Ref
	trees := make([]map[string]any, len(items))
	for i, e := range items {
		tree, err := treeOf(e)
		if err != nil {
			return reader{}, nil, err
		}
		trees[i] = tree
		for _, col := range p.Columns {
			if col.field != nil {
				collectRefs(col.field, dig(tree, col.Path), e.Metadata.Namespace, func(r entity.Ref) { refs = append(refs, r) })
			}
		}
	}
	titles, err := c.Catalog().Titles(c.R.Context(), c.Caller, refs)
	return reader{app: c.App, lang: c.Lang, titles: titles, scales: c.scales(items...)}, trees, err
}

func (p *listPage) row(r reader, e *entity.Entity, tree map[string]any) listRow {
	r.ns, r.of = e.Metadata.Namespace, e
	row := listRow{Ref: e.Ref().String(), Href: r.app.Href(e.Ref()), Title: titleOf(e)}
	if !strings.EqualFold(row.Title, e.Metadata.Name) {
		row.Sub = e.Metadata.Name
	}
	if ns := e.Ref().Namespace; ns != entity.DefaultNamespace {
		row.Sub = ns + "/" + e.Metadata.Name
	}
	for _, col := range p.Columns[1:] {
		if col.Path == sparkPath {
			row.Cells = append(row.Cells, cell{Value{As: "drawing", HTML: r.app.drawings.sparkline(row.Ref)}, col.Narrow})
			continue
		}
		v := r.value(col.field, dig(tree, col.Path))
		switch col.Path {
		case "metadata.updated":
			v = Value{As: "ago", Time: timeOf(e.Metadata.Updated)}
		case "metadata.created":
			v = Value{As: "ago", Time: timeOf(e.Metadata.Created)}
		}
		v.Number = v.Number || col.Number
		row.Cells = append(row.Cells, cell{shorten(v), col.Narrow})
	}
	return row
}

// shorten makes a value fit a cell.
func shorten(v Value) Value {
	const most = 3
	switch v.As {
	case "list", "lines":
		v.As = "list"
		if n := len(v.Items); n > most {
			v.Items = append(slices.Clone(v.Items[:most]), Value{As: "text", Text: "+" + strconv.Itoa(n-most)})
		}
	case "html", "long":
		v = Value{As: "text", Text: clip(v.Text, 100)}
	}
	return v
}

// clip cuts a text at a word.
func clip(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	cut := string(r[:most])
	if i := strings.LastIndexByte(cut, ' '); i > most/2 {
		cut = cut[:i]
	}
	return cut + "…"
}

// countedLimit is how many matches the filters count for; beyond it they only
// offer values.
const countedLimit = 500

// asking is one filter of the bar and the query that its values are counted in:
// that of the list without the filter itself.
type asking struct {
	field *catalog.Field
	name  string
	query catalog.Query
	on    []string
}

// filters offers the values of the filterable fields with how many each would
// leave. A filter that cannot be counted is left out. Those that are not set
// are all counted in the query of the list, in one look.
func (p *listPage) filters(ctx context.Context, c *Ctx, q catalog.Query) {
	asked := p.asked(q)
	out := make([]*filter, len(asked))
	var wg sync.WaitGroup
	var unset []int
	for i, a := range asked {
		if p.countable() && len(a.on) == 0 {
			unset = append(unset, i)
			continue
		}
		wg.Go(func() {
			if counts, counted, err := p.counts(ctx, c, a); err == nil {
				out[i] = p.offer(ctx, c, a, counts, counted)
			}
		})
	}
	if len(unset) > 0 {
		wg.Go(func() { p.offerAll(ctx, c, q, asked, unset, out) })
	}
	wg.Wait()
	for _, f := range out {
		if f != nil {
			p.Filters = append(p.Filters, *f)
		}
	}
}

// countable reports whether the list is short enough to count its values.
func (p *listPage) countable() bool { return p.Total >= 0 && !p.More && p.Total <= countedLimit }

func (p *listPage) offerAll(ctx context.Context, c *Ctx, q catalog.Query, asked []asking, which []int, out []*filter) {
	paths := make([]string, len(which))
	for i, at := range which {
		paths[i] = asked[at].field.Path
	}
	counts, err := c.Catalog().FacetsOf(ctx, c.Caller, q, paths, facetLimit)
	if err != nil {
		return
	}
	for _, at := range which {
		out[at] = p.offer(ctx, c, asked[at], counts[asked[at].field.Path], true)
	}
}

func (p *listPage) asked(q catalog.Query) []asking {
	var out []asking
	for _, f := range p.Kind.Filters() {
		without := q
		without.Fields = map[string][]string{}
		for path, v := range q.Fields {
			if path != f.Path {
				without.Fields[path] = v
			}
		}
		var on []string
		for _, v := range p.State.Fields[f.Path] {
			on = append(on, f.Key(v))
		}
		out = append(out, asking{&f, f.Path, without, on})
	}
	meta := catalog.MetadataFields()
	if own := p.Kind.Field("spec.owner"); own == nil || !own.Filter {
		without := q
		without.Owner = ""
		out = append(out, asking{fieldAt(meta, "metadata.owner"), "owner", without, nonEmpty([]string{p.State.Owner})})
	}
	without := q
	without.Tags = nil
	return append(out, asking{fieldAt(meta, "metadata.tags"), "tag", without, p.State.Tags})
}

// offer makes one filter; nil when it has nothing to offer.
func (p *listPage) offer(ctx context.Context, c *Ctx, a asking, counts []catalog.FacetCount, counted bool) *filter {
	if len(counts) == 0 && len(a.on) == 0 {
		return nil
	}
	label := c.In(a.field.Label)
	out := &filter{ID: "f-" + strings.NewReplacer(".", "-", "[", "", "]", "").Replace(a.name), Name: a.name, Label: label, Any: c.T("list.any", lower(label))}
	titles := p.facetTitles(ctx, c, a.field, counts)
	for _, fc := range counts {
		out.Options = append(out.Options, option{fc.Value, facetLabel(c.Lang, a.field, fc.Value, titles), fc.Count, counted, slices.Contains(a.on, fc.Value)})
	}
	for _, v := range a.on {
		if !slices.ContainsFunc(out.Options, func(o option) bool { return o.Value == v }) {
			out.Options = append(out.Options, option{v, facetLabel(c.Lang, a.field, v, titles), 0, false, true})
		}
	}
	return out
}

// counts returns the values of a filter. Among many matches they are those of
// the whole kind, kept for a while and shown without numbers.
func (p *listPage) counts(ctx context.Context, c *Ctx, a asking) ([]catalog.FacetCount, bool, error) {
	if p.countable() {
		counts, err := c.Catalog().Facets(ctx, c.Caller, a.query, a.field.Path, facetLimit)
		return counts, true, err
	}
	key := facetKey{c.Caller.Org, p.Kind.Name, a.field.Path}
	if counts, ok := c.App.facets.get(key, c.Now); ok {
		return counts, false, nil
	}
	counts, err := c.Catalog().Facets(ctx, c.Caller, catalog.Query{Kinds: []string{p.Kind.Name}}, a.field.Path, facetLimit)
	if err == nil {
		c.App.facets.put(key, counts, c.Now)
	}
	return counts, false, err
}

func isRef(f *catalog.Field) bool {
	return f.Type == catalog.Reference || f.Item != nil && f.Item.Type == catalog.Reference
}

func (p *listPage) facetTitles(ctx context.Context, c *Ctx, f *catalog.Field, counts []catalog.FacetCount) map[string]string {
	if !isRef(f) {
		return nil
	}
	var refs []entity.Ref
	for _, fc := range counts {
		if r, err := entity.ParseRef(fc.Value, "", ""); err == nil {
			refs = append(refs, r)
		}
	}
	titles, err := c.Catalog().Titles(ctx, c.Caller, refs)
	if err != nil {
		return nil
	}
	return titles
}

func facetLabel(code lang.Code, f *catalog.Field, value string, titles map[string]string) string {
	if t := titles[value]; t != "" {
		return t
	}
	if isRef(f) {
		if r, err := entity.ParseRef(value, "", ""); err == nil {
			return r.Name
		}
	}
	if e := f.EnumFor(value); e != nil {
		return e.Label.In(code)
	}
	return f.Written(value)
}

// chips names what the second row of the filter bar narrows by, each with a
// way to take it out.
func (p *listPage) chips(c *Ctx) {
	add := func(key, value, param string) {
		if value != "" {
			p.Chips = append(p.Chips, chip{c.T(key), value, c.with(param, "", "cursor", "", "from", "")})
		}
	}
	add("list.labels", p.State.Labels, "labels")
	add("list.cel", p.State.CEL, "cel")
	add("col.namespace", p.State.Namespace, "ns")
}

func (p *listPage) exports(c *Ctx) {
	q := c.R.URL.Query()
	for _, drop := range []string{"cursor", "from", "more"} {
		q.Del(drop)
	}
	for _, format := range []string{"csv", "xlsx", "yaml", "json"} {
		q.Set("format", format)
		p.Exports = append(p.Exports, exportLink{address(p.Path+"/export", q), c.T("export." + format)})
	}
}

// Hidden are the fields a form must carry to keep the rest of the state.
func (p *listPage) Hidden(except ...string) []pair {
	var out []pair
	q := p.ctx.R.URL.Query()
	for _, name := range slices.Sorted(keysOf(q)) {
		if slices.Contains(except, name) || name == "cursor" || name == "from" {
			continue
		}
		for _, v := range q[name] {
			out = append(out, pair{name, v})
		}
	}
	return out
}

type pair struct{ Name, Value string }

func keysOf(q url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range q {
			if !yield(k) {
				return
			}
		}
	}
}

// StateQuery is the state of the list as a query, for what is done to it.
func (p *listPage) StateQuery() string { return stateQuery(p.ctx.R.URL.Query()) }

// FilterNames are the fields of the filter bar.
func (p *listPage) FilterNames() map[string]bool {
	names := map[string]bool{}
	for _, f := range p.Filters {
		names[f.Name] = true
	}
	return names
}

// CELExample is a filter that suits the kind.
func (p *listPage) CELExample() string {
	for _, f := range p.Kind.Filters() {
		if len(f.Enum) > 0 {
			return f.Path + ` == "` + f.Enum[0].Value + `" && !has(metadata.owner)`
		}
	}
	return `!has(metadata.owner)`
}

// AllFit reports whether there are more matches than this page shows, and few
// enough to be changed at once.
func (p *listPage) AllFit() bool {
	return p.Total > len(p.Rows) && p.Total <= bulkLimit && !p.More
}
