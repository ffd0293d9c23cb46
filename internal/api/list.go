package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

var listTypes = []string{jsonType, yamlType, csvType, xlsxType, ndjsonType}

var formats = map[string]string{"json": jsonType, "yaml": yamlType, "csv": csvType, "xlsx": xlsxType, "ndjson": ndjsonType}

// Parameters that several operations share.
var (
	reasonParam = text("reason", "Why, in a few words; kept with the revision.")
	dryRunParam = flag("dryRun", "Say what would happen and write nothing.")
	facetParam  = text("path", "The field, as spec.type, metadata.tags, metadata.labels, metadata.owner or kind.").must()
	kindParam   = texts("kind", "Only this kind; may be given several times.")

	ifMatch        = header("If-Match", "The ETag that was read: the change is refused (412) when the entity changed since.")
	ifNoneMatch    = header("If-None-Match", "The ETag at hand; on a GET the answer is 304 when it is still right. On a PUT, * refuses to change what is there.")
	etagHeader     = header("ETag", "The revision, for If-Match.")
	locationHeader = header("Location", "The address of the entity.")
	linkHeader     = header("Link", `The next page, with rel="next".`)
)

// pathDocs describes the wildcards of paths.
var pathDocs = map[string]param{
	"namespace": named("The namespace; default when the file names none."),
	"name":      named("The name."),
	"rev":       number("", "The number of the revision, from 1.", 1, 1<<62),
	"seq":       number("", "The number of the run, from 1.", 1, 1<<62),
	"kind":      text("", "A kind, by its name, its plural or a short name."),
	"format":    text("", "The name of a format, as /api/v1/formats lists them."),
	"id":        text("", "The id."),
	"secret":    text("", "The name of a secret: small letters, digits and hyphens."),
}

func header(name, doc string) param {
	return param{name: name, doc: doc, schema: schema{"type": "string"}}
}

func named(doc string) param {
	return param{doc: doc, schema: schema{"type": "string", "pattern": entity.NamePattern}}
}

// selectParams choose entities.
func selectParams() []param {
	return []param{
		text("namespace", "Only this namespace."),
		text("labels", "A label selector, as tier=1,team in (a, b),!legacy."),
		texts("tag", "Has this tag; may be given several times, then it has all of them."),
		text("owner", "Its owner, as group:platform."),
		text("filter", "A CEL expression, as spec.tier == 1 && !has(metadata.owner)."),
		text("q", "Words; all must be found."),
	}
}

// listParams are those of a list.
func listParams() []param {
	return append(selectParams(),
		text("sort", "name (the usual order), title, updated, created, kind, owner or the path of a column; with a - before it, the other way."),
		number("limit", "Entities on a page; 50 when it is not said.", 1, 1000),
		text("cursor", "The next of the page before."),
		flag("total", "Count the matches; false is faster."),
		choice("format", "The format, when the header Accept cannot be set.", "json", "yaml", "csv", "xlsx", "ndjson"),
	)
}

// filterParams are the fields of a kind that lists are filtered by.
func filterParams(k *catalog.Kind) []param {
	var out []param
	for _, f := range k.Filters() {
		p := texts(f.Path, f.Label.In("en")+". "+f.Help.In("en")+" May be given several times, then one of them is enough.")
		out = append(out, p)
	}
	return out
}

// The names of a kind's schemas have an ending of their own, so that no kind
// can be called as a schema of the program.
func kindSchema(k *catalog.Kind) schema { return ref(k.Name + "Entity") }

func listSchema(k *catalog.Kind) schema { return ref(k.Name + "EntityList") }

func writtenSchema(k *catalog.Kind) schema { return ref(k.Name + "EntityWritten") }

func entityBody(k *catalog.Kind) *body {
	return &body{types: objectTypes, schema: kindSchema(k), doc: "The entity. What the server sets (uid, resourceVersion, created, updated, status) is ignored, but for resourceVersion on a PUT."}
}

// selection reads what the list parameters choose.
func (c *call) selection(k *catalog.Kind) (catalog.Query, error) {
	q := catalog.Query{
		Namespace: c.get("namespace"), Labels: c.get("labels"), Tags: c.values["tag"], Owner: c.get("owner"), CEL: c.get("filter"), Text: c.get("q"),
	}
	if k != nil {
		q.Kinds = []string{k.Name}
		for _, f := range k.Filters() {
			if vs := c.values[f.Path]; len(vs) > 0 {
				if q.Fields == nil {
					q.Fields = map[string][]string{}
				}
				q.Fields[f.Path] = vs
			}
		}
		return q, nil
	}
	var err error
	q.Kinds, err = c.kinds()
	return q, err
}

// kinds returns the kinds the parameter names, by their proper names.
func (c *call) kinds() ([]string, error) {
	var out []string
	for _, name := range c.values["kind"] {
		k, err := c.Catalog.Kinds().Find(name)
		if err != nil {
			bad := badParam("kind", "is not a kind: "+printable(name, 60))
			bad.Hint = fault.HintOf(err)
			return nil, bad
		}
		out = append(out, k.Name)
	}
	return out, nil
}

// list answers with a list in any of its formats. A nil kind is all of them.
func (c *call) list(k *catalog.Kind) error {
	t, err := c.listType()
	if err != nil {
		return err
	}
	q, err := c.selection(k)
	if err != nil {
		return err
	}
	q.Sort, q.Desc = strings.CutPrefix(c.get("sort"), "-")
	switch t {
	case csvType, xlsxType, ndjsonType:
		return c.listAll(t, k, q)
	}
	return c.listPage(q)
}

func (c *call) listType() (string, error) {
	if f := c.get("format"); f != "" {
		c.r.Header.Set("Accept", formats[f])
	}
	t, err := c.accept(listTypes)
	if err != nil {
		return "", err
	}
	if slices.Contains([]string{csvType, xlsxType, ndjsonType}, t) {
		for _, name := range []string{"limit", "cursor", "total"} {
			if c.values.Has(name) {
				return "", badParam(name, "goes with pages only: this format gives every match")
			}
		}
	}
	return t, nil
}

func (c *call) listPage(q catalog.Query) error {
	q.Limit, q.Cursor, q.NoTotal = int(c.number("limit", 50)), c.get("cursor"), c.get("total") == "false"
	page, err := c.Catalog.List(c.r.Context(), c.caller, q)
	if err != nil {
		return err
	}
	out := entityList{Items: page.Items, Next: page.Next, TotalAtLeast: page.More}
	if out.Items == nil {
		out.Items = []*entity.Entity{}
	}
	if page.Total >= 0 {
		out.Total = &page.Total
	}
	if page.Next != "" {
		c.linkNext("cursor", page.Next)
	}
	return c.send(http.StatusOK, out)
}

// listAll answers with every match, as it comes out of the database.
func (c *call) listAll(t string, k *catalog.Kind, q catalog.Query) error {
	name := "entities"
	if k != nil {
		name = k.Plural
	}
	h := c.w.Header()
	h.Set("Content-Type", t)
	h.Set("Vary", "Accept")
	switch t {
	case csvType:
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		h.Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
		return WriteCSV(c.w, Columns(k), c.each(q))
	case xlsxType:
		h.Set("Content-Disposition", `attachment; filename="`+name+`.xlsx"`)
		return WriteXLSX(c.w, name, Columns(k), c.each(q))
	}
	enc := json.NewEncoder(c.w)
	return c.each(q)(func(e *entity.Entity) error { return enc.Encode(e) })
}

// each visits every match.
func (c *call) each(q catalog.Query) func(func(*entity.Entity) error) error {
	return func(visit func(*entity.Entity) error) error {
		return c.Catalog.Each(c.r.Context(), c.caller, q, visit)
	}
}

func (c *call) facets(k *catalog.Kind) error {
	q, err := c.selection(k)
	if err != nil {
		return err
	}
	counts, err := c.Catalog.Facets(c.r.Context(), c.caller, q, c.get("path"), int(c.number("limit", 100)))
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, facetList{orEmpty(counts)})
}
