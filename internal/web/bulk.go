package web

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// bulkLimit is how many entities one bulk edit may change.
const bulkLimit = 1000

// bulkPage changes or deletes what was chosen in a list: first what to do, then
// what it would do, then it is done, all of it or nothing.
type bulkPage struct {
	Shell
	Kind     *catalog.Kind
	Path     string
	Query    string // of the list to go back to
	Refs     []string
	Chosen   []relationRef
	Deleting bool
	CanBoth  bool

	Owner, AddTags, RemoveTags, LabelKey, LabelValue, Reason string
	Enums                                                    []bulkEnum
	Lists                                                    []datalist
	OwnerList, OwnerKinds                                    string

	Preview  []bulkChange
	Changes  int
	Seen     bool // a preview was made
	Problems []problemLine
}

type bulkEnum struct {
	ID, Name, Label string
	Options         []option
}

type bulkChange struct {
	Title, Href, Word string
	Lines             []changeLine
	More              int
}

func bulk(c *Ctx, k *catalog.Kind) (any, error) {
	if err := c.R.ParseForm(); err != nil {
		return nil, err
	}
	p, err := c.bulkPage(k)
	if err != nil {
		return nil, err
	}
	step := c.Form("step")
	p.Deleting = step == "delete" || step == "delete-now"
	if p.Deleting {
		if err := c.Caller.Can(auth.Delete, k.Resource()); err != nil {
			return nil, err
		}
	}
	switch step {
	case "delete-now":
		return c.bulkDelete(p)
	case "preview", "apply":
		return c.bulkApply(k, p, step == "preview")
	}
	return p, nil
}

func (c *Ctx) bulkPage(k *catalog.Kind) (*bulkPage, error) {
	refs, err := c.bulkRefs(k)
	if err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return nil, c.refuse(fault.Invalid, "bulk.nothing")
	}
	if len(refs) > bulkLimit {
		return nil, c.refuse(fault.TooLarge, "bulk.toomany", bulkLimit)
	}
	p := &bulkPage{Kind: k, Path: "/" + k.Plural, Refs: refs, Owner: c.Form("owner"), AddTags: c.Form("addtags"), RemoveTags: c.Form("removetags"),
		LabelKey: c.Form("labelkey"), LabelValue: c.Form("labelvalue"), Reason: c.Form("reason"), Query: c.Form("query")}
	p.Title = c.T("bulk.title", len(refs), lower(c.In(k.Titles)))
	p.Short = c.T("bulk.change")
	p.Crumbs = []Crumb{{"/" + k.Plural, c.In(k.Titles)}}
	ins := &inputs{c: c}
	p.OwnerList, p.OwnerKinds = ins.refs(ownerKinds(k))
	p.Lists = ins.lists
	for i := range k.Fields {
		if f := &k.Fields[i]; len(f.Enum) > 0 && !f.Suggest && f.Type == catalog.String && !f.ReadOnly {
			p.Enums = append(p.Enums, bulkEnum{"f-" + f.Path, f.Path, c.In(f.Label), ins.choices(f, []string{c.Form(f.Path)})})
		}
	}
	return p, c.chosen(p)
}

// bulkRefs are the rows that were ticked, or all that the list finds.
func (c *Ctx) bulkRefs(k *catalog.Kind) ([]string, error) {
	if c.Form("all") == "" {
		return nonEmpty(c.R.PostForm["ref"]), nil
	}
	q, err := url.ParseQuery(c.Form("query"))
	if err != nil {
		return nil, c.refuse(fault.Invalid, "bulk.nothing")
	}
	query := stateOfQuery(q, k).query(k)
	query.Limit, query.NoTotal = bulkLimit, true
	page, err := c.Catalog().List(catalog.NamesOnly(c.R.Context()), c.Caller, query)
	if err != nil {
		return nil, err
	}
	if page.Next != "" {
		return nil, c.refuse(fault.TooLarge, "bulk.toomany", bulkLimit)
	}
	var refs []string
	for _, e := range page.Items {
		refs = append(refs, e.Ref().String())
	}
	return refs, nil
}

// chosen reads the titles of what was chosen.
func (c *Ctx) chosen(p *bulkPage) error {
	var refs []entity.Ref
	for _, s := range p.Refs {
		ref, err := entity.ParseRef(s, p.Kind.Name, "")
		if err != nil || c.Catalog().Kinds().Get(ref.Kind) != p.Kind {
			return fault.New(fault.Invalid, "%q is not one of these", s).Coded("not-these")
		}
		refs = append(refs, ref)
	}
	titles, err := c.Catalog().Titles(c.R.Context(), c.Caller, refs)
	for _, ref := range refs {
		p.Chosen = append(p.Chosen, relationRef{Title: cmp.Or(titles[ref.String()], ref.Name), Href: c.Href(ref), Icon: p.Kind.Icon})
	}
	return err
}

func ownerKinds(k *catalog.Kind) []string {
	if f := k.Field("spec.owner"); f != nil && len(f.Refs) > 0 {
		return f.Refs
	}
	return []string{"group", "user"}
}

// back is the list the reader came from.
func (p *bulkPage) Back() string {
	if q, err := url.ParseQuery(p.Query); err == nil {
		return address(p.Path, q)
	}
	return p.Path
}

// change makes the wished changes in one tree.
func (p *bulkPage) change(tree map[string]any, form url.Values) {
	if p.Owner != "" {
		path := "metadata.owner"
		if p.Kind.Field("spec.owner") != nil {
			path = "spec.owner"
		}
		put(tree, path, p.Owner)
	}
	if tags := p.tags(tree); tags != nil || dig(tree, "metadata.tags") != nil {
		if len(tags) == 0 {
			put(tree, "metadata.tags", nil)
		} else {
			put(tree, "metadata.tags", tags)
		}
	}
	if p.LabelKey != "" {
		p.label(tree)
	}
	for _, e := range p.Enums {
		if v := form.Get(e.Name); v != "" {
			put(tree, e.Name, v)
		}
	}
}

func (p *bulkPage) tags(tree map[string]any) []any {
	old, _ := dig(tree, "metadata.tags").([]any)
	remove := words(p.RemoveTags)
	var out []any
	for _, t := range old {
		if !slices.Contains(remove, textOf(t)) {
			out = append(out, t)
		}
	}
	for _, t := range words(p.AddTags) {
		if !slices.ContainsFunc(out, func(o any) bool { return textOf(o) == t }) {
			out = append(out, t)
		}
	}
	return out
}

// label sets a label, or takes it away when its value is empty. Keys may hold
// dots, so they are not a path.
func (p *bulkPage) label(tree map[string]any) {
	meta, _ := tree["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	if labels == nil {
		labels = map[string]any{}
	}
	if p.LabelValue == "" {
		delete(labels, p.LabelKey)
	} else {
		labels[p.LabelKey] = p.LabelValue
	}
	if len(labels) == 0 {
		delete(meta, "labels")
	} else {
		meta["labels"] = labels
	}
}

func words(s string) []string { return nonEmpty(strings.Split(s, ",")) }

func (c *Ctx) bulkApply(k *catalog.Kind, p *bulkPage, preview bool) (any, error) {
	docs, err := c.bulkDocs(p)
	if err != nil {
		return nil, err
	}
	res, err := c.Catalog().Apply(c.R.Context(), c.Caller, docs, catalog.ApplyOptions{DryRun: preview})
	if kind := fault.KindOf(err); err != nil && kind != fault.Invalid && kind != fault.Conflict {
		return nil, err
	}
	if err != nil {
		p.Status = fault.KindOf(err).Status()
		for _, pr := range fault.ProblemsOf(err) {
			p.Problems = append(p.Problems, problemLine{Label: pr.Ref, Text: c.fieldLabel(k, pr.Field) + ": " + c.Problem(pr), Hint: c.ProblemHint(pr)})
		}
		return p, nil
	}
	changed := 0
	for _, ch := range res.Changes {
		if ch.Op != catalog.Unchanged {
			changed++
		}
	}
	if !preview {
		return Redirect{To: p.Back(), Toast: &Toast{Key: "toast.bulk", Args: []string{itoa(int64(changed))}}}, nil
	}
	p.Seen, p.Changes = true, changed
	for _, ch := range res.Changes {
		p.Preview = append(p.Preview, c.bulkChange(k, ch))
	}
	return p, nil
}

func (c *Ctx) bulkChange(k *catalog.Kind, ch catalog.Change) bulkChange {
	out := bulkChange{Title: ch.Ref, Href: c.App.HrefOf(ch.Ref), Word: c.T("op." + string(ch.Op))}
	if ch.Entity != nil {
		out.Title = titleOf(ch.Entity)
	}
	out.Lines, out.More = c.changeLines(k, ch.Fields, 6)
	return out
}

// bulkDocs are the chosen entities with the changes made in them.
func (c *Ctx) bulkDocs(p *bulkPage) ([]catalog.Document, error) {
	var docs []catalog.Document
	c.looks.Together("kind=" + p.Kind.Name + ", bulk change")
	for _, s := range p.Refs {
		ref, err := entity.ParseRef(s, p.Kind.Name, "")
		if err != nil {
			return nil, fault.New(fault.Invalid, "%q is not one of these", s).Coded("not-these")
		}
		e, err := c.Catalog().Get(c.R.Context(), c.Caller, ref)
		if err != nil {
			return nil, err
		}
		tree, err := treeOf(catalog.Clean(e))
		if err != nil {
			return nil, err
		}
		p.change(tree, c.R.PostForm)
		changed, err := entityOf(tree)
		if err != nil {
			return nil, err
		}
		docs = append(docs, catalog.Document{Entity: changed, Base: revisionOf(e)})
	}
	return docs, nil
}

// bulkDelete deletes what was chosen, all or none; each can be restored.
func (c *Ctx) bulkDelete(p *bulkPage) (any, error) {
	refs := make([]entity.Ref, 0, len(p.Refs))
	for _, text := range p.Refs {
		ref, err := entity.ParseRef(text, p.Kind.Name, "")
		if err != nil {
			return nil, fault.New(fault.Invalid, "%q is not one of these", text).Coded("not-these")
		}
		refs = append(refs, ref)
	}
	n, err := c.Catalog().DeleteAll(c.R.Context(), c.Caller, refs)
	if err != nil {
		return nil, err
	}
	return Redirect{To: p.Back(), Toast: &Toast{Key: "toast.bulk.deleted", Args: []string{itoa(int64(n))}}}, nil
}
