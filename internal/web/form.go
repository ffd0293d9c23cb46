package web

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// formPage makes or changes one entity.
type formPage struct {
	Shell
	Kind      *catalog.Kind
	New       bool
	Action    string
	Cancel    string
	Sections  []formSection
	Lists     []datalist
	Names     []string // of the fields the form asks for
	Problems  []problemLine
	Base      int64
	Reason    string
	Conflicts []conflictLine
	Theirs    int64 // revision that others made meanwhile
	Review    []changeLine
	Reviewed  bool
	Same      bool
}

type formSection struct {
	ID, Title, Doc string
	Inputs         []input
}

// conflictLine is one field that two hands changed.
type conflictLine struct {
	Path, Label, Mine, Theirs, Who string
	KeepTheirs                     bool
}

// editing is the state of a form: the tree that is edited, what it was read
// from, and what is wrong with it.
type editing struct {
	kind     *catalog.Kind
	tree     map[string]any
	problems []fault.Problem
	isNew    bool
}

func newForm(c *Ctx, k *catalog.Kind) (any, error) {
	tree := map[string]any{"apiVersion": k.Versions[0], "kind": k.Name, "metadata": map[string]any{}}
	query := c.R.URL.Query() // what is given in the address, as the owner from a team's page
	for _, path := range slices.Sorted(maps.Keys(query)) {
		f, v := k.Field(path), nonEmpty(query[path])
		if f != nil && len(v) > 0 && strings.HasPrefix(path, "spec.") && !strings.Contains(path, "[") {
			put(tree, path, given(f, v))
		}
	}
	for _, name := range []string{"owner", "title", "name"} {
		if v := c.Param("metadata." + name); v != "" {
			put(tree, "metadata."+name, v)
		}
	}
	return c.newPage(k, &editing{kind: k, tree: tree, isNew: true}), nil
}

// given is what an address says of a field.
func given(f *catalog.Field, values []string) any {
	if f.Type != catalog.List {
		return values[0]
	}
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return list
}

func copyForm(c *Ctx, k *catalog.Kind) (any, error) {
	e, err := c.Catalog().Get(c.R.Context(), c.Caller, c.Ref(k))
	if err != nil {
		return nil, err
	}
	tree, err := treeOf(catalog.Clean(e))
	if err != nil {
		return nil, err
	}
	put(tree, "metadata.name", nil)
	return c.newPage(k, &editing{kind: k, tree: tree, isNew: true}), nil
}

func (c *Ctx) newPage(k *catalog.Kind, ed *editing) *formPage {
	p := &formPage{Kind: k, New: true, Action: "/" + k.Plural + "/new", Cancel: "/" + k.Plural}
	p.Title = c.T("form.new.title", lower(c.In(k.Title)))
	p.Crumbs = []Crumb{{"/" + k.Plural, c.In(k.Titles)}}
	c.fillForm(p, ed)
	return p
}

// createEntity takes a form for a new entity. Without a name one is made of the
// title.
func createEntity(c *Ctx, k *catalog.Kind) (any, error) {
	ed := &editing{kind: k, isNew: true, tree: map[string]any{"apiVersion": k.Versions[0], "kind": k.Name, "metadata": map[string]any{}}}
	if err := c.readForm(ed); err != nil {
		return nil, err
	}
	if textOf(dig(ed.tree, "metadata.name")) == "" {
		if name := slug(textOf(dig(ed.tree, "metadata.title"))); name != "" {
			put(ed.tree, "metadata.name", name)
		}
	}
	e, err := ed.entity()
	if err == nil {
		var ch *catalog.Change
		if ch, err = c.Catalog().Create(c.R.Context(), c.Caller, e); err == nil {
			return Redirect{To: c.App.HrefOf(ch.Ref), Toast: &Toast{Key: "toast.created", Args: []string{titleOf(ch.Entity)}}}, nil
		}
	}
	if err := ed.take(err); err != nil {
		return nil, err
	}
	p := c.newPage(k, ed)
	p.Status = 422
	return p, nil
}

// take keeps an error that the reader can mend for the form; any other is
// returned.
func (ed *editing) take(err error) error {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict:
		ed.problems = append(ed.problems, fault.ProblemsOf(err)...)
		if len(ed.problems) == 0 {
			f, _ := faultOf(err)
			ed.problems = append(ed.problems, fault.Problem{Msg: f.Msg, Hint: f.Hint})
		}
		return nil
	}
	return err
}

// entity is the edited tree as an entity; an Invalid fault when a value does
// not even fit its place.
func (ed *editing) entity() (*entity.Entity, error) {
	if len(ed.problems) > 0 {
		return nil, fault.Bad("the form holds values that cannot be read").Coded("form")
	}
	return entityOf(ed.tree)
}

// readForm takes what was sent into the tree.
func (c *Ctx) readForm(ed *editing) error {
	if err := c.R.ParseForm(); err != nil {
		return err
	}
	d := &decoder{form: c.R.PostForm}
	d.into(ed.tree, catalog.MetadataFields())
	d.into(ed.tree, ed.kind.Fields)
	if _, ok := ed.tree["metadata"].(map[string]any); !ok {
		ed.tree["metadata"] = map[string]any{}
	}
	ed.problems = append(ed.problems, d.problems...)
	return nil
}

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// slug makes a name of a title: letters without accents, digits and hyphens.
func slug(title string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(title)) {
		if r < 128 {
			b.WriteRune(r)
		} else if r < 0x300 || r > 0x36f {
			b.WriteByte('-')
		}
	}
	s := notInName.ReplaceAllString(b.String(), "-")
	return strings.Trim(s[:min(len(s), 60)], "-")
}

// fillForm makes the inputs of a form.
func (c *Ctx) fillForm(p *formPage, ed *editing) {
	ins := &inputs{c: c, problems: map[string]fault.Problem{}}
	for _, pr := range ed.problems {
		ins.problems[problemName(pr.Field)] = pr
	}
	p.Reason = c.Form("reason")
	p.Sections = ins.sections(ed)
	p.Lists = ins.lists
	for _, s := range p.Sections {
		for _, in := range s.Inputs {
			p.Names = append(p.Names, in.Name)
		}
	}
	p.Problems = c.problemLines(ed, p.Sections)
}

// problemLines lists what is wrong, each with the way to its input.
func (c *Ctx) problemLines(ed *editing, sections []formSection) []problemLine {
	var out []problemLine
	for _, pr := range ed.problems {
		line := problemLine{Text: c.Problem(pr), Hint: c.ProblemHint(pr), Place: pr.Place()}
		if pr.Field != "" {
			line.Label = c.fieldLabel(ed.kind, pr.Field)
			line.Anchor = anchor(sections, problemName(pr.Field))
		}
		out = append(out, line)
	}
	return out
}

// anchor is the id of the input that a problem is about; "" when the form has
// none.
func anchor(sections []formSection, name string) string {
	best := ""
	var walk func([]input)
	walk = func(list []input) {
		for _, in := range list {
			if in.Name == name || strings.HasPrefix(name, in.Name+".") {
				best = inputID(in.Name)
				walk(in.Fields)
				walk(in.Rows)
			}
		}
	}
	for _, s := range sections {
		walk(s.Inputs)
	}
	return best
}

// sections arranges the fields: what it is, what its kind asks for, long texts
// and lists each by themselves, and what tools use.
func (ins *inputs) sections(ed *editing) []formSection {
	k, c := ed.kind, ins.c
	meta := catalog.MetadataFields()
	about := formSection{ID: "s-about", Title: c.T("form.about")}
	tools := formSection{ID: "s-tools", Title: c.T("form.tools"), Doc: c.T("form.tools.doc")}
	add := func(s *formSection, f *catalog.Field) {
		s.Inputs = append(s.Inputs, ins.field(f, f.Path, dig(ed.tree, f.Path)))
	}
	for _, path := range ed.metaPaths() {
		add(&about, fieldAt(meta, path))
	}
	for _, path := range []string{"metadata.links", "metadata.labels", "metadata.annotations"} {
		add(&tools, fieldAt(meta, path))
	}
	if !ed.isNew { // a new one's page begins with it
		about.Doc = c.In(k.Doc)
	} else {
		title := &about.Inputs[0]
		name := &about.Inputs[1]
		name.Required, name.Hint = false, name.Hint+" "+c.T("form.name.auto")
		title.Hint = c.T("form.title.hint")
	}
	return append(append([]formSection{about}, ins.own(ed)...), tools)
}

// metaPaths are the shared fields that a form asks for, in order.
func (ed *editing) metaPaths() []string {
	paths := []string{"metadata.title"}
	if ed.isNew {
		paths = append(paths, "metadata.name")
	}
	paths = append(paths, "metadata.description")
	if ed.kind.Field("spec.owner") == nil || dig(ed.tree, "metadata.owner") != nil {
		paths = append(paths, "metadata.owner")
	}
	paths = append(paths, "metadata.tags")
	if ed.isNew {
		paths = append(paths, "metadata.namespace")
	}
	return paths
}

// own are the sections of the kind's own fields.
func (ins *inputs) own(ed *editing) []formSection {
	k, c := ed.kind, ins.c
	main := formSection{ID: "s-main", Title: c.In(k.Title)}
	var blocks []formSection
	for i := range k.Fields {
		f := &k.Fields[i]
		if f.ReadOnly {
			continue
		}
		in := ins.field(f, f.Path, dig(ed.tree, f.Path))
		if in.As == "rows" || in.As == "object" {
			doc := in.Hint
			in.Bare, in.Hint = true, ""
			blocks = append(blocks, formSection{ID: "s-" + strings.ReplaceAll(f.Path, ".", "-"), Title: in.Label, Doc: doc, Inputs: []input{in}})
		} else {
			main.Inputs = append(main.Inputs, in)
		}
	}
	if len(main.Inputs) == 0 {
		return blocks
	}
	slices.SortStableFunc(main.Inputs, func(a, b input) int { return weight(a) - weight(b) })
	return append([]formSection{main}, blocks...)
}

// weight puts short inputs before wide ones.
func weight(in input) int {
	switch {
	case in.As == "textarea" || in.As == "code" || in.As == "pairs":
		return 2
	case in.Wide:
		return 1
	}
	return 0
}

func editForm(c *Ctx, k *catalog.Kind) (any, error) {
	e, err := c.Catalog().Get(c.R.Context(), c.Caller, c.Ref(k))
	if err != nil {
		return nil, err
	}
	tree, err := treeOf(e)
	if err != nil {
		return nil, err
	}
	return c.editPage(k, e, &editing{kind: k, tree: tree}, revisionOf(e)), nil
}

func (c *Ctx) editPage(k *catalog.Kind, e *entity.Entity, ed *editing, base int64) *formPage {
	p := &formPage{Kind: k, Cancel: c.Href(e.Ref()), Base: base}
	p.Action = p.Cancel + "/edit"
	p.Title, p.Short = c.T("form.edit.title", titleOf(e)), c.T("detail.edit")
	p.Crumbs = []Crumb{{"/" + k.Plural, c.In(k.Titles)}, {p.Cancel, titleOf(e)}}
	c.fillForm(p, ed)
	return p
}

// saveForm takes a changed form. What others changed since it was opened is
// kept, unless both changed the same field: then the reader chooses.
func saveForm(c *Ctx, k *catalog.Kind) (any, error) {
	ctx, ref := c.R.Context(), c.Ref(k)
	base, err := strconv.ParseInt(c.R.PostFormValue("base"), 10, 64)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the form does not say which revision it changes").Coded("form-base")
	}
	read, err := c.Catalog().Revision(ctx, c.Caller, ref, base)
	if err != nil {
		return nil, err
	}
	tree, err := treeOf(read.Entity)
	if err != nil {
		return nil, err
	}
	ed := &editing{kind: k, tree: tree}
	if err := c.readForm(ed); err != nil {
		return nil, err
	}
	s := &saving{c: c, kind: k, ref: ref, base: base, read: read.Entity, ed: ed}
	return s.save()
}

// saving is one try to store a form.
type saving struct {
	c    *Ctx
	kind *catalog.Kind
	ref  entity.Ref
	base int64
	read *entity.Entity // as the reader saw it
	ed   *editing
}

func (s *saving) save() (any, error) {
	c, review := s.c, s.c.Form("step") == "review"
	e, err := s.ed.entity()
	base := s.base
	if err == nil && c.Form("theirs") != "" {
		e, base, err = s.settle()
	}
	var ch *catalog.Change
	if err == nil {
		ch, err = c.Catalog().Update(c.R.Context(), c.Caller, e, catalog.UpdateOptions{Base: base, DryRun: review})
	}
	switch {
	case err == nil && review:
		return s.reviewed(ch), nil
	case err == nil:
		return s.saved(ch), nil
	case fault.Is(err, fault.Conflict):
		return s.conflict(err)
	}
	if err := s.ed.take(err); err != nil {
		return nil, err
	}
	p := c.editPage(s.kind, s.read, s.ed, s.base)
	p.Status = 422
	return p, nil
}

func (s *saving) saved(ch *catalog.Change) any {
	href := s.c.App.HrefOf(ch.Ref)
	if ch.Op == catalog.Unchanged {
		return Redirect{To: href, Toast: &Toast{Key: "toast.unchanged"}}
	}
	title := titleOf(s.read)
	if ch.Entity != nil {
		title = titleOf(ch.Entity)
	}
	undo := &Undo{Action: href + "/restore", Fields: map[string]string{"rev": fmt.Sprint(ch.Rev - 1)}}
	return Redirect{To: href, Toast: &Toast{Key: "toast.saved", Args: []string{title}, Undo: undo}}
}

func (s *saving) reviewed(ch *catalog.Change) any {
	p := s.c.editPage(s.kind, s.read, s.ed, s.base)
	p.Reviewed, p.Same = true, ch.Op == catalog.Unchanged
	p.Review, _ = s.c.changeLines(s.kind, ch.Fields, 0)
	return p
}

// settle joins the form with what others stored, as the reader chose for each
// field that both changed. The result is a change of their revision.
func (s *saving) settle() (*entity.Entity, int64, error) {
	c := s.c
	theirs, err := strconv.ParseInt(c.Form("theirs"), 10, 64)
	if err != nil {
		return nil, 0, fault.New(fault.Invalid, "the form does not say which revision it was compared with").Coded("form-compared")
	}
	rev, err := c.Catalog().Revision(c.R.Context(), c.Caller, s.ref, theirs)
	if err != nil {
		return nil, 0, err
	}
	baseTree, err := treeOf(s.read)
	if err != nil {
		return nil, 0, err
	}
	theirTree, err := treeOf(rev.Entity)
	if err != nil {
		return nil, 0, err
	}
	keepTheirs := map[string]bool{}
	for key, values := range c.R.PostForm {
		if path, ok := strings.CutPrefix(key, "keep:"); ok && values[0] == "theirs" {
			keepTheirs[path] = true
		}
	}
	joined := joinTrees(baseTree, s.ed.tree, theirTree, "", keepTheirs)
	s.ed.tree, s.base = joined, theirs
	e, err := entityOf(joined)
	return e, theirs, err
}

// conflict shows for each field both values, and asks which one stays.
func (s *saving) conflict(err error) (any, error) {
	c := s.c
	now, getErr := c.Catalog().Get(c.R.Context(), c.Caller, s.ref)
	if getErr != nil {
		return nil, getErr
	}
	theirTree, treeErr := treeOf(now)
	if treeErr != nil {
		return nil, treeErr
	}
	p := c.editPage(s.kind, now, s.ed, s.base)
	p.Status, p.Theirs = 409, revisionOf(now)
	for _, pr := range fault.ProblemsOf(err) {
		line := conflictLine{Path: pr.Field, Label: c.fieldLabel(s.kind, pr.Field), Mine: clip(plain(digAny(s.ed.tree, pr.Field)), 200), Theirs: clip(plain(digAny(theirTree, pr.Field)), 200)}
		if len(pr.Args) > 3 {
			line.Who = pr.Args[3]
		}
		p.Conflicts = append(p.Conflicts, line)
	}
	return p, nil
}
