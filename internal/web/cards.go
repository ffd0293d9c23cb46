package web

import (
	"cmp"
	"encoding/json"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web/chart"
	"github.com/binnaclehq/binnacle/internal/web/static"
)

// genericCards are shown for every kind.
func genericCards() []Card {
	return []Card{
		{ID: "neighbours", Slot: Main, Order: 400, Title: "card.neighbours", Template: "card_neighbours.html", Load: loadNeighbours},
		{ID: "links", Slot: Side, Order: 200, Title: "card.links", Template: "card_links.html", Load: loadLinks},
		{ID: "relations", Slot: Side, Order: 300, Title: "card.relations", Template: "card_relations.html", Load: loadRelations},
		{ID: "labels", Slot: Side, Order: 400, Title: "card.labels", Template: "card_labels.html", Load: loadLabels},
		{ID: "changes", Slot: Side, Order: 500, Title: "card.changes", Template: "card_changes.html", Load: loadChanges},
	}
}

// sections draws the fields of an entity: a panel with the facts, and one for
// each long text, table and open value. What cards replace is left out.
func (c *Ctx) sections(r *record, replaced map[string]bool) ([]panel, error) {
	tree, err := treeOf(r.Entity)
	if err != nil {
		return nil, err
	}
	read, err := c.readerFor(r.Kind, r.Entity)
	if err != nil {
		return nil, err
	}
	var out []panel
	if text := r.Entity.Metadata.Description; text != "" && r.Lede == "" {
		out = append(out, panel{ID: "about", Title: c.T("card.about"), Slot: Main, Order: 100, Body: c.prose(text)})
	}
	facts := c.metaFacts(read, r, tree)
	for i := range r.Kind.Fields {
		f := &r.Kind.Fields[i]
		v := read.value(f, dig(tree, f.Path))
		switch {
		case v.Empty(), replaced[f.Path]:
		case isBlock(f, v):
			out = append(out, c.block(f, v, 200+i))
		default:
			facts = append(facts, FieldValue{f.Path, c.In(f.Label), c.In(f.Help), v})
		}
	}
	for i := range r.Kind.Status {
		f := &r.Kind.Status[i]
		if v := read.value(f, dig(tree, f.Path)); !v.Empty() && !replaced[f.Path] {
			facts = append(facts, FieldValue{f.Path, c.In(f.Label), c.In(f.Help), v})
		}
	}
	if rest := unknownFields(r.Kind, tree); rest != nil {
		out = append(out, panel{ID: "other", Title: c.T("card.other"), Slot: Main, Order: 350, Body: c.html("value", Value{As: "json", Text: pretty(rest)})})
	}
	if len(facts) > 0 {
		out = append(out, panel{ID: "facts", Title: c.T("card.facts"), Slot: Side, Order: 100, Body: c.html("value", Value{As: "pairs", Fields: facts})})
	}
	return out, nil
}

// isBlock reports whether a value needs a panel of its own.
func isBlock(f *catalog.Field, v Value) bool {
	switch v.As {
	case "html", "long", "json", "table":
		return true
	}
	return f.Type == catalog.Object && len(v.Fields) > 3
}

func (c *Ctx) block(f *catalog.Field, v Value, order int) panel {
	pn := panel{ID: "f-" + strings.ReplaceAll(f.Path, ".", "-"), Title: c.In(f.Label), Slot: Main, Order: order, Flush: v.As == "table"}
	if v.As == "html" {
		pn.Body = c.prose(v.Text)
	} else {
		pn.Body = c.html("value", v)
	}
	return pn
}

func (c *Ctx) prose(text string) template.HTML {
	return `<div class="prose">` + Markdown(text) + `</div>`
}

// html draws a shared part.
func (c *Ctx) html(name string, data any) template.HTML {
	out, err := c.Render("detail.html", name, data)
	if err != nil {
		c.App.Log.ErrorContext(c.R.Context(), "draw", "part", name, "error", err)
	}
	return template.HTML(out)
}

// readerFor knows the titles of all that an entity refers to.
func (c *Ctx) readerFor(k *catalog.Kind, e *entity.Entity) (reader, error) {
	var refs []entity.Ref
	add := func(r entity.Ref) { refs = append(refs, r) }
	refsIn(catalog.MetadataFields(), e, add)
	refsIn(k.Fields, e, add)
	titles, err := c.Catalog().Titles(c.R.Context(), c.Caller, refs)
	return reader{app: c.App, lang: c.Lang, ns: e.Metadata.Namespace, titles: titles, of: e, scales: c.scales(e)}, err
}

func (c *Ctx) metaFacts(read reader, r *record, tree map[string]any) []FieldValue {
	var out []FieldValue
	meta := catalog.MetadataFields()
	add := func(path string, f *catalog.Field) {
		if v := read.value(f, dig(tree, path)); !v.Empty() {
			out = append(out, FieldValue{path, c.In(f.Label), c.In(f.Help), v})
		}
	}
	add("metadata.owner", fieldAt(meta, "metadata.owner"))
	out = append(out, FieldValue{Path: "metadata.name", Label: c.In(fieldAt(meta, "metadata.name").Label), Value: Value{As: "text", Text: r.Entity.Metadata.Name}})
	if ns := r.Entity.Ref().Namespace; ns != entity.DefaultNamespace {
		out = append(out, FieldValue{Path: "metadata.namespace", Label: c.T("col.namespace"), Value: Value{As: "text", Text: ns}})
	}
	return out
}

// unknownFields are those of the spec that the kind does not name.
func unknownFields(k *catalog.Kind, tree map[string]any) map[string]any {
	spec, _ := tree["spec"].(map[string]any)
	rest := map[string]any{}
	for name, v := range spec {
		if !slices.ContainsFunc(k.Fields, func(f catalog.Field) bool { return f.Name == name }) {
			rest[name] = v
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return rest
}

func loadLinks(_ *Ctx, e *entity.Entity) (any, error) {
	if len(e.Metadata.Links) == 0 {
		return nil, nil
	}
	var out []Value
	for _, l := range e.Metadata.Links {
		out = append(out, link(l.URL, l.Title))
	}
	return out, nil
}

func loadLabels(c *Ctx, e *entity.Entity) (any, error) {
	if len(e.Metadata.Labels)+len(e.Metadata.Annotations) == 0 {
		return nil, nil
	}
	k := c.Catalog().Kinds().Get(e.Kind)
	type label struct{ Text, Href string }
	var labels []label
	for _, key := range slices.Sorted(maps.Keys(e.Metadata.Labels)) {
		pair := key + "=" + e.Metadata.Labels[key]
		labels = append(labels, label{pair, address("/"+k.Plural, map[string][]string{"labels": {pair}})})
	}
	var notes []FieldValue
	for _, key := range slices.Sorted(maps.Keys(e.Metadata.Annotations)) {
		v := link(e.Metadata.Annotations[key], "")
		notes = append(notes, FieldValue{Label: key, Value: v})
	}
	return struct {
		Labels      []label
		Annotations []FieldValue
	}{labels, notes}, nil
}

// relationGroup is all relations of one type in one direction.
type relationGroup struct {
	Label string
	Out   bool
	Refs  []relationRef
	More  int
}

type relationRef struct {
	Title, Href, Sub, Icon string
	Missing                bool
}

// groups sorts relations by type, those the entity writes itself first.
func (c *Ctx) groups(rels []catalog.Relation, most int) []relationGroup {
	var out []relationGroup
	for _, r := range rels {
		label := c.relationName(r.Type)
		i := slices.IndexFunc(out, func(g relationGroup) bool { return g.Label == label && g.Out == r.Out })
		if i < 0 {
			out = append(out, relationGroup{Label: label, Out: r.Out})
			i = len(out) - 1
		}
		if g := &out[i]; most > 0 && len(g.Refs) >= most {
			g.More++
		} else {
			g.Refs = append(g.Refs, c.relationRef(r))
		}
	}
	return out
}

func (c *Ctx) relationRef(r catalog.Relation) relationRef {
	ref, err := entity.ParseRef(r.Ref, "", "")
	out := relationRef{Title: cmp.Or(r.Title, ref.Name, r.Ref), Sub: r.Sub, Missing: !r.Exists}
	if err == nil {
		out.Href = c.Href(ref)
	}
	if k := c.Catalog().Kinds().Get(r.Kind); k != nil {
		out.Icon = k.Icon
	}
	if !r.Exists {
		out.Href = ""
	}
	return out
}

// relationName writes the name of a relation: the text rel.<type>, or its
// words.
func (c *Ctx) relationName(kind string) string {
	if key := "rel." + kind; c.App.texts.Has(key) {
		return c.T(key)
	}
	var b strings.Builder
	for _, r := range kind {
		if unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.TrimSpace(b.String())
}

func loadRelations(c *Ctx, e *entity.Entity) (any, error) {
	rels, err := c.Relations(e.Ref())
	if err != nil || len(rels) == 0 {
		return nil, err
	}
	return struct {
		Groups []relationGroup
		Href   string
	}{c.groups(rels, 6), c.Href(e.Ref()) + "/relations"}, nil
}

// loadNeighbours draws who points at an entity and what it points to.
func loadNeighbours(c *Ctx, e *entity.Entity) (any, error) {
	rels, err := c.Relations(e.Ref())
	if err != nil || len(rels) == 0 {
		return nil, err
	}
	d := chart.Deps{
		Name: c.T("graph.name", titleOf(e)), Me: chart.Node{Name: titleOf(e), Sub: c.In(c.Catalog().Kinds().Get(e.Kind).Title)},
		InTitle: c.T("graph.in"), OutTitle: c.T("graph.out"), Heads: [3]string{c.T("graph.from"), c.T("graph.relation"), c.T("graph.to")},
		InMore: c.Href(e.Ref()) + "/relations", OutMore: c.Href(e.Ref()) + "/relations", Words: c.chartWords(),
	}
	for _, r := range rels {
		l := chart.Link{Node: c.node(r.Ref, r.Kind, r.Title, r.Sub, r.Exists), Relation: c.relationName(r.Type), Dash: !r.Exists}
		if r.Out {
			d.Out = append(d.Out, l)
		} else {
			d.In = append(d.In, l)
		}
	}
	return d.HTML(), nil
}

func (c *Ctx) node(ref, kind, title, sub string, exists bool) chart.Node {
	parsed, _ := entity.ParseRef(ref, "", "")
	n := chart.Node{ID: ref, Name: cmp.Or(title, parsed.Name, ref), Sub: sub, Outside: !exists}
	if k := c.Catalog().Kinds().Get(kind); k != nil {
		n.Icon = "i-" + k.Icon
		if n.Sub == "" {
			n.Sub = c.In(k.Title)
		}
	}
	if exists {
		n.Href = c.App.HrefOf(ref)
	} else {
		n.Sub = c.T("ref.missing.short")
	}
	return n
}

func (c *Ctx) chartWords() chart.Words { return c.App.ChartWords(c) }

// ChartWords are the words charts write by themselves, in the reader's language.
func (a *App) ChartWords(c *Ctx) chart.Words {
	return chart.Words{Table: c.T("chart.table"), NoData: c.T("chart.nodata"), When: c.T("chart.when"),
		More: func(n int) string { return c.T("chart.more", n) }, Icon: static.IconURL}
}

// changeLine is one field of a change, short enough for a line.
type changeLine struct{ Label, Before, After string }

// changeLines writes what a change did to its fields, the first most of them.
func (c *Ctx) changeLines(k *catalog.Kind, changes []catalog.FieldChange, most int) ([]changeLine, int) {
	var out []changeLine
	for i, ch := range changes {
		if most > 0 && i == most {
			return out, len(changes) - most
		}
		out = append(out, changeLine{c.fieldLabel(k, ch.Path), clip(rawText(ch.Before), 80), clip(rawText(ch.After), 80)})
	}
	return out, 0
}

// fieldLabel names the field at a path. In a list it is named after the list
// and its place in it, counted from one: "Tests 2: Good for".
func (c *Ctx) fieldLabel(k *catalog.Kind, path string) string {
	general := indexPattern.ReplaceAllString(path, "[]")
	for _, f := range catalog.MetadataFields() {
		if f.Path == path || strings.HasPrefix(path, f.Path+".") || strings.HasPrefix(path, f.Path+"[") {
			return c.In(f.Label) + strings.TrimPrefix(path, f.Path)
		}
	}
	if f := k.Field(general); f != nil {
		return c.place(k, path) + c.In(f.Label)
	}
	if list := k.Field(strings.TrimSuffix(general, "[]")); list != nil {
		return strings.TrimSuffix(c.place(k, path), ": ") // the item itself
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, "spec."), "metadata.")
}

// place names the item of a list that a path leads through, with what follows
// it; "" for a path through none.
func (c *Ctx) place(k *catalog.Kind, path string) string {
	at := indexPattern.FindAllStringIndex(path, -1)
	if len(at) == 0 {
		return ""
	}
	last := at[len(at)-1]
	list := k.Field(indexPattern.ReplaceAllString(path[:last[0]], "[]"))
	n, err := strconv.Atoi(path[last[0]+1 : last[1]-1])
	if list == nil || err != nil {
		return ""
	}
	return c.In(list.Label) + " " + strconv.Itoa(n+1) + ": "
}

func rawText(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	var v any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return string(raw)
	}
	return plain(v)
}

func loadChanges(c *Ctx, e *entity.Entity) (any, error) {
	k := c.Catalog().Kinds().Get(e.Kind)
	revs, err := c.Catalog().History(c.R.Context(), c.Caller, e.Ref(), 0, 6)
	if err != nil || len(revs) == 0 {
		return nil, err
	}
	entries := c.entries(k, revs, 5, 3)
	return struct {
		Entries []historyEntry
		Href    string
	}{entries, c.Href(e.Ref()) + "/history"}, nil
}
