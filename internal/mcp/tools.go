package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// tools are the tools as one caller has them.
type tools struct {
	*Face
	caller catalog.Caller
}

// Limits of what one call returns.
const (
	searchMost, searchUsual   = 50, 20
	listMost, listUsual       = 100, 30
	historyMost, historyUsual = 50, 10
)

// The arguments and results. The tags are what the assistant reads.

type searchIn struct {
	Query string   `json:"query" jsonschema:"words to look for; each the beginning of a word in a title or text"`
	Kinds []string `json:"kinds,omitempty" jsonschema:"only these kinds, as Component; all when empty"`
	Limit int      `json:"limit,omitempty" jsonschema:"how many, at most 50; 20 when not given"`
}

type searchOut struct {
	Hits []found `json:"hits"`
}

type found struct {
	Ref     string `json:"ref"`
	Kind    string `json:"kind"`
	Title   string `json:"title"`
	Owner   string `json:"owner,omitempty"`
	Snippet string `json:"snippet,omitempty"`
}

type refIn struct {
	Ref string `json:"ref" jsonschema:"a reference, as component:checkout or component:default/checkout"`
}

type entityOut struct {
	Ref    string         `json:"ref"`
	Entity map[string]any `json:"entity"`
}

type listIn struct {
	Kind   string `json:"kind,omitempty" jsonschema:"a kind, as Component; all when empty"`
	Labels string `json:"labels,omitempty" jsonschema:"a label selector, as tier=1,env!=dev"`
	Owner  string `json:"owner,omitempty" jsonschema:"the owner, as group:platform"`
	Tag    string `json:"tag,omitempty" jsonschema:"a tag"`
	Filter string `json:"filter,omitempty" jsonschema:"a CEL expression, as spec.lifecycle == 'production' && !has(metadata.owner)"`
	Sort   string `json:"sort,omitempty" jsonschema:"name, title, updated, created, kind, owner or the path of a column; with a - before it, the other way"`
	Limit  int    `json:"limit,omitempty" jsonschema:"how many, at most 100; 30 when not given"`
	Cursor string `json:"cursor,omitempty" jsonschema:"next of the page before"`
}

type listOut struct {
	Items []item `json:"items"`
	Total *int   `json:"total,omitempty" jsonschema:"how many match; more than 10000 are not counted, nor what a filter finds over several pages"`
	Next  string `json:"next,omitempty" jsonschema:"cursor of the next page"`
}

type item struct {
	Ref     string         `json:"ref"`
	Title   string         `json:"title"`
	Owner   string         `json:"owner,omitempty"`
	Tags    []string       `json:"tags,omitempty"`
	Updated time.Time      `json:"updated"`
	Fields  map[string]any `json:"fields,omitempty" jsonschema:"the columns of its kind"`
}

type relationsIn struct {
	Ref   string `json:"ref" jsonschema:"a reference, as component:checkout"`
	Depth int    `json:"depth,omitempty" jsonschema:"1 for the direct relations, up to 4 for the neighbourhood; 1 when not given"`
}

type relationsOut struct {
	Relations []relation     `json:"relations,omitempty" jsonschema:"the direct relations"`
	Nodes     []catalog.Node `json:"nodes,omitempty" jsonschema:"with a depth over 1: the entities around"`
	Edges     []catalog.Edge `json:"edges,omitempty" jsonschema:"with a depth over 1: who refers to whom"`
}

type relation struct {
	Type   string `json:"type"`
	Ref    string `json:"ref"`
	Title  string `json:"title,omitempty"`
	Exists bool   `json:"exists" jsonschema:"false when the reference points at nothing"`
}

type historyIn struct {
	Ref   string `json:"ref" jsonschema:"a reference, as component:checkout"`
	Limit int    `json:"limit,omitempty" jsonschema:"how many revisions, at most 50; 10 when not given"`
}

type historyOut struct {
	Revisions []revision `json:"revisions" jsonschema:"the newest first"`
}

type revision struct {
	Rev     int64    `json:"rev"`
	At      string   `json:"at"`
	Op      string   `json:"op"`
	By      string   `json:"by"`
	Reason  string   `json:"reason,omitempty"`
	Changes []change `json:"changes,omitempty"`
}

type change struct {
	Path   string `json:"path"`
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
}

type explainIn struct {
	Kind string `json:"kind,omitempty" jsonschema:"a kind, as Component; the list of kinds when empty"`
	Path string `json:"path,omitempty" jsonschema:"a field of it, as spec.owner"`
}

type explainOut struct {
	Text string `json:"text"`
}

type applyIn struct {
	YAML   string `json:"yaml" jsonschema:"YAML documents, each one entity with apiVersion, kind, metadata and spec"`
	DryRun *bool  `json:"dryRun,omitempty" jsonschema:"true only says what would change, and is what happens when it is not given; false writes"`
	Force  bool   `json:"force,omitempty" jsonschema:"take this value where somebody else changed the same field"`
	Reason string `json:"reason,omitempty" jsonschema:"why, in a few words; kept with the revision"`
}

type applyOut struct {
	DryRun   bool      `json:"dryRun"`
	Changes  []applied `json:"changes"`
	Warnings []string  `json:"warnings,omitempty"`
}

type applied struct {
	Ref     string   `json:"ref"`
	Op      string   `json:"op"`
	Changes []change `json:"changes,omitempty"`
}

// reads annotates a tool that only reads.
func reads(title string) *sdk.ToolAnnotations {
	no := false
	return &sdk.ToolAnnotations{Title: title, ReadOnlyHint: true, IdempotentHint: true, OpenWorldHint: &no}
}

// register adds the tools to a server.
func (t *tools) register(s *sdk.Server) {
	no := false
	add(t, s, &sdk.Tool{Name: "search", Description: "Find entities by words in their names, titles and texts.", Annotations: reads("Search")}, (*tools).search)
	add(t, s, &sdk.Tool{Name: "get", Description: "Read one entity whole.", Annotations: reads("Get an entity")}, (*tools).get)
	add(t, s, &sdk.Tool{Name: "list", Description: "List entities by kind, labels, owner, tag or a CEL expression, a page at a time.", Annotations: reads("List entities")}, (*tools).list)
	add(t, s, &sdk.Tool{Name: "relations", Description: "See what an entity refers to and what refers to it.", Annotations: reads("Relations")}, (*tools).relations)
	add(t, s, &sdk.Tool{Name: "history", Description: "See who changed an entity, when, why and which fields.", Annotations: reads("History")}, (*tools).history)
	add(t, s, &sdk.Tool{Name: "explain", Description: "Learn which kinds there are, and which fields a kind has. Read this before you write.", Annotations: reads("Explain a kind")}, (*tools).explain)
	if t.Morning != nil {
		add(t, s, &sdk.Tool{Name: "today", Description: "See what is red, since when and whose it is, what changed, what waits for the person, and which numbers are not to be trusted today.", Annotations: reads("Today")}, (*tools).today)
	}
	if t.Talk != nil {
		add(t, s, &sdk.Tool{Name: "comments", Description: "Read what people said about an entity, disputes and answers too.", Annotations: reads("Comments")}, (*tools).comments)
		add(t, s, &sdk.Tool{Name: "comment", Description: "Comment on an entity in the person's name; @ana calls a person, who is told. A dry run unless dryRun is false; show the text to the person first.",
			Annotations: &sdk.ToolAnnotations{Title: "Comment", DestructiveHint: &no, OpenWorldHint: &no}}, (*tools).comment)
	}
	yes := true
	add(t, s, &sdk.Tool{Name: "apply", Description: "Create or change entities from YAML, all of them or none. A dry run unless dryRun is false; show its changes to the person first.",
		Annotations: &sdk.ToolAnnotations{Title: "Apply entities", DestructiveHint: &yes, IdempotentHint: true, OpenWorldHint: &no}}, (*tools).apply)
}

// add adds one tool. What it returns is told as text and as data.
func add[In, Out any](t *tools, s *sdk.Server, tool *sdk.Tool, f func(*tools, context.Context, In) (Out, string, error)) {
	sdk.AddTool(s, tool, func(ctx context.Context, _ *sdk.CallToolRequest, in In) (*sdk.CallToolResult, Out, error) {
		ctx, looks := t.Catalog.GatherLooks(ctx)
		out, text, err := f(t, ctx, in)
		if err = looks.After(ctx, err); err != nil {
			return nil, out, t.told(ctx, tool.Name, target(in), err)
		}
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: text}}}, out, nil
	})
}

// target says for the audit log what a tool was asked about.
func target(in any) string {
	switch x := in.(type) {
	case refIn:
		return x.Ref
	case relationsIn:
		return x.Ref
	case historyIn:
		return x.Ref
	case listIn:
		return x.Kind
	case commentsIn:
		return x.Ref
	case commentIn:
		return x.Ref
	}
	return ""
}

// within returns n, or otherwise where it is 0, and at most most.
func within(n, otherwise, most int) int {
	if n <= 0 {
		n = otherwise
	}
	return min(n, most)
}

var unmarked = strings.NewReplacer("\x02", "", "\x03", "")

func (t *tools) search(ctx context.Context, in searchIn) (searchOut, string, error) {
	out := searchOut{Hits: []found{}}
	hits, err := t.Catalog.Search(ctx, t.caller, in.Query, in.Kinds, within(in.Limit, searchUsual, searchMost))
	if err != nil {
		return out, "", err
	}
	var b strings.Builder
	for _, h := range hits {
		f := found{h.Ref, h.Kind, h.Title, h.Owner, unmarked.Replace(h.Snippet)}
		out.Hits = append(out.Hits, f)
		fmt.Fprintf(&b, "%s  %s  %s\n", f.Ref, f.Title, f.Snippet)
	}
	if len(hits) == 0 {
		b.WriteString("Nothing was found.")
	}
	return out, b.String(), nil
}

func (t *tools) ref(text string) (entity.Ref, error) {
	ref, err := t.Catalog.Resolve(text, "")
	if err != nil && !fault.Is(err, fault.NotFound) {
		err = fault.New(fault.Invalid, "%q is not a reference: write kind:name, as component:checkout", text)
	}
	return ref, err
}

func (t *tools) get(ctx context.Context, in refIn) (entityOut, string, error) {
	ref, err := t.ref(in.Ref)
	if err != nil {
		return entityOut{}, "", err
	}
	e, err := t.Catalog.Get(ctx, t.caller, ref)
	if err != nil {
		return entityOut{}, "", err
	}
	out := entityOut{Ref: e.Ref().String()}
	data, err := json.Marshal(e)
	if err == nil {
		err = json.Unmarshal(data, &out.Entity)
	}
	if err != nil {
		return out, "", err
	}
	text, err := t.yaml(e)
	return out, text, err
}

func (t *tools) list(ctx context.Context, in listIn) (listOut, string, error) {
	out := listOut{Items: []item{}}
	q := catalog.Query{Labels: in.Labels, Owner: in.Owner, CEL: in.Filter, Limit: within(in.Limit, listUsual, listMost), Cursor: in.Cursor}
	q.Sort, q.Desc = strings.CutPrefix(in.Sort, "-")
	if in.Tag != "" {
		q.Tags = []string{in.Tag}
	}
	if in.Kind != "" {
		k, err := t.Catalog.Kinds().Find(in.Kind)
		if err != nil {
			return out, "", err
		}
		q.Kinds = []string{k.Name}
	}
	page, err := t.Catalog.List(ctx, t.caller, q)
	if err != nil {
		return out, "", err
	}
	var b strings.Builder
	out.Next = page.Next
	if page.Total >= 0 {
		out.Total = &page.Total
		fmt.Fprintf(&b, "%d match", page.Total)
	} else {
		fmt.Fprintf(&b, "%d shown, more match", len(page.Items))
	}
	if page.More {
		b.WriteString(" or more")
	}
	for _, e := range page.Items {
		i := t.item(e)
		out.Items = append(out.Items, i)
		fmt.Fprintf(&b, "\n%s  %s  %s", i.Ref, i.Title, i.Owner)
	}
	if page.Next != "" {
		b.WriteString("\nThere is more: cursor " + page.Next)
	}
	return out, b.String(), nil
}

func (t *tools) item(e *entity.Entity) item {
	i := item{Ref: e.Ref().String(), Title: e.DisplayTitle(), Owner: e.Metadata.Owner, Tags: e.Metadata.Tags}
	if e.Metadata.Updated != nil {
		i.Updated = *e.Metadata.Updated
	}
	k := t.Catalog.Kinds().Get(e.Kind)
	if k == nil {
		return i
	}
	for _, f := range k.Columns() {
		if v := f.Get(e); v != nil {
			if i.Fields == nil {
				i.Fields = map[string]any{}
			}
			i.Fields[f.Path] = v
		}
	}
	return i
}

func (t *tools) relations(ctx context.Context, in relationsIn) (relationsOut, string, error) {
	var out relationsOut
	ref, err := t.ref(in.Ref)
	if err != nil {
		return out, "", err
	}
	var b strings.Builder
	if in.Depth > 1 {
		g, err := t.Catalog.Neighbourhood(ctx, t.caller, ref, min(in.Depth, 4), 100)
		if err != nil {
			return out, "", err
		}
		out.Nodes, out.Edges = g.Nodes, g.Edges
		for _, e := range g.Edges {
			fmt.Fprintf(&b, "%s  %s  %s\n", e.From, e.Type, e.To)
		}
		return out, orNone(b.String()), nil
	}
	all, err := t.Catalog.Relations(ctx, t.caller, ref)
	if err != nil {
		return out, "", err
	}
	for _, r := range all {
		out.Relations = append(out.Relations, relation{r.Type, r.Ref, r.Title, r.Exists})
		fmt.Fprintf(&b, "%s  %s  %s%s\n", r.Type, r.Ref, r.Title, map[bool]string{false: "  (there is no such thing)"}[r.Exists])
	}
	return out, orNone(b.String()), nil
}

func orNone(s string) string {
	if s == "" {
		return "There are none."
	}
	return s
}

func (t *tools) history(ctx context.Context, in historyIn) (historyOut, string, error) {
	out := historyOut{Revisions: []revision{}}
	ref, err := t.ref(in.Ref)
	if err != nil {
		return out, "", err
	}
	n := within(in.Limit, historyUsual, historyMost)
	revs, err := t.Catalog.History(ctx, t.caller, ref, 0, n+1) // one more, to compare the last with
	if err != nil {
		return out, "", err
	}
	var b strings.Builder
	for i, r := range revs[:min(n, len(revs))] {
		rev := revision{Rev: r.Rev, At: r.At.UTC().Format(time.RFC3339), Op: string(r.Op), By: r.Name, Reason: r.Reason}
		if i+1 < len(revs) && r.Op != catalog.Deleted {
			rev.Changes = changes(catalog.Diff(stateAfter(revs[i+1]), r.Entity))
		}
		out.Revisions = append(out.Revisions, rev)
		fmt.Fprintf(&b, "%d  %s  %s by %s  %s\n%s", rev.Rev, rev.At, rev.Op, rev.By, rev.Reason, lines(rev.Changes))
	}
	return out, b.String(), nil
}

// stateAfter returns what was there after a revision; nil after a deletion.
func stateAfter(r catalog.Revision) *entity.Entity {
	if r.Op == catalog.Deleted {
		return nil
	}
	return r.Entity
}

func changes(fields []catalog.FieldChange) []change {
	var out []change
	for _, f := range fields {
		out = append(out, change{f.Path, plain(f.Before), plain(f.After)})
	}
	return out
}

func plain(raw json.RawMessage) any {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return v
}

func lines(all []change) string {
	var b strings.Builder
	for _, c := range all {
		fmt.Fprintf(&b, "    %s: %s -> %s\n", c.Path, short(c.Before), short(c.After))
	}
	return b.String()
}

func short(v any) string {
	if v == nil {
		return "(none)"
	}
	data, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	if r := []rune(string(data)); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return string(data)
}

func (t *tools) explain(_ context.Context, in explainIn) (explainOut, string, error) {
	if in.Kind == "" {
		var b strings.Builder
		for _, k := range t.Catalog.Kinds().All() {
			fmt.Fprintf(&b, "%s: %s\n", k.Name, k.Doc.In(lang.English))
		}
		return explainOut{b.String()}, b.String(), nil
	}
	k, err := t.Catalog.Kinds().Find(in.Kind)
	if err != nil {
		return explainOut{}, "", err
	}
	text, err := k.Explain(in.Path, lang.English)
	if err != nil {
		return explainOut{}, "", err
	}
	if in.Path == "" && len(k.Examples) > 0 {
		text += "\nEXAMPLE\n" + k.Examples[0]
	}
	return explainOut{text}, text, nil
}

func (t *tools) apply(ctx context.Context, in applyIn) (applyOut, string, error) {
	out := applyOut{DryRun: in.DryRun == nil || *in.DryRun, Changes: []applied{}}
	docs, err := t.Catalog.Decode("", []byte(in.YAML))
	if err != nil {
		return out, "", err
	}
	if len(docs) == 0 {
		return out, "", fault.New(fault.Invalid, "There is no entity in the YAML.")
	}
	caller := t.caller
	caller.Reason = in.Reason
	res, err := t.Catalog.Apply(ctx, caller, docs, catalog.ApplyOptions{DryRun: out.DryRun, Force: in.Force})
	if err != nil {
		return out, "", err
	}
	var b strings.Builder
	if out.DryRun {
		b.WriteString("Dry run: nothing was written. With dryRun false this would happen:\n")
	}
	for _, ch := range res.Changes {
		a := applied{ch.Ref, string(ch.Op), changes(ch.Fields)}
		out.Changes = append(out.Changes, a)
		fmt.Fprintf(&b, "%s  %s\n%s", a.Ref, a.Op, lines(a.Changes))
	}
	for _, w := range res.Warnings {
		line := strings.Join([]string{w.Ref, w.Field, w.Msg}, ": ")
		out.Warnings = append(out.Warnings, line)
		b.WriteString("Warning: " + line + "\n")
	}
	return out, b.String(), nil
}
