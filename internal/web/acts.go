package web

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// deletePage asks once before an entity is deleted.
type deletePage struct {
	record
	Holders []relationRef // that point at it
	More    int
}

func deleteForm(c *Ctx, k *catalog.Kind) (any, error) {
	r, moved, err := c.open(k, "delete")
	if err != nil || moved != nil {
		return orRedirect(moved), err
	}
	p := &deletePage{record: *r}
	p.Title, p.Short = c.T("delete.title", titleOf(r.Entity)), c.T("detail.delete")
	rels, err := c.Catalog().Relations(c.R.Context(), c.Caller, r.Entity.Ref())
	if err != nil {
		return nil, err
	}
	for _, rel := range rels {
		switch {
		case rel.Out:
		case len(p.Holders) == 20:
			p.More++
		default:
			p.Holders = append(p.Holders, c.relationRef(rel))
		}
	}
	return p, nil
}

func deleteEntity(c *Ctx, k *catalog.Kind) (any, error) {
	ref := c.Ref(k)
	base, err := strconv.ParseInt(c.R.PostFormValue("base"), 10, 64)
	if err != nil {
		base = 0
	}
	e, err := c.Catalog().Get(c.R.Context(), c.Caller, ref)
	if err != nil {
		return nil, err
	}
	ch, err := c.Catalog().Delete(c.R.Context(), c.Caller, ref, base)
	if err != nil {
		return nil, err
	}
	undo := &Undo{Action: c.App.HrefOf(ch.Ref) + "/restore", Fields: map[string]string{"rev": fmt.Sprint(revisionOf(e))}}
	return Redirect{To: "/" + k.Plural, Toast: &Toast{Key: "toast.deleted", Args: []string{titleOf(e)}, Undo: undo}}, nil
}

// restoreEntity brings an earlier revision back.
func restoreEntity(c *Ctx, k *catalog.Kind) (any, error) {
	rev, err := strconv.ParseInt(c.R.PostFormValue("rev"), 10, 64)
	if err != nil || rev < 1 {
		return nil, fault.New(fault.Invalid, "the form does not say which revision to restore").Coded("restore-which")
	}
	ch, err := c.Catalog().Restore(c.R.Context(), c.Caller, c.Ref(k), rev)
	if err != nil {
		return nil, err
	}
	toast := &Toast{Key: "toast.restored", Args: []string{ch.Ref}}
	if ch.Entity != nil {
		toast.Args[0] = titleOf(ch.Entity)
	}
	if ch.Op == catalog.Unchanged {
		toast = &Toast{Key: "toast.unchanged"}
	}
	return Redirect{To: c.App.HrefOf(ch.Ref), Toast: toast}, nil
}

// gonePage stands where an entity was that is deleted.
type gonePage struct {
	Shell
	Name, Path string
	By         string
	At         time.Time
	Reason     string
	Rev        int64 // to restore
	CanWrite   bool
}

// gone returns the page of a deleted entity, or nil when there never was one.
func (c *Ctx) gone(k *catalog.Kind) *gonePage {
	revs, err := c.Catalog().History(c.R.Context(), c.Caller, c.Ref(k), 0, 2)
	if err != nil || len(revs) < 2 || revs[0].Op != catalog.Deleted {
		return nil
	}
	p := &gonePage{Name: titleOf(revs[0].Entity), Path: c.Href(c.Ref(k)), By: revs[0].Name, At: revs[0].At, Reason: revs[0].Reason, Rev: revs[1].Rev, CanWrite: c.CanKind(auth.Write, k) && !k.Once}
	p.Title, p.Status = c.T("gone.title", p.Name), http.StatusNotFound
	p.Crumbs = []Crumb{{"/" + k.Plural, c.In(k.Titles)}}
	p.Short, p.Template = p.Name, "gone.html"
	return p
}

type renamePage struct {
	record
	New     string
	Problem string
	Holders int
}

func renameForm(c *Ctx, k *catalog.Kind) (any, error) {
	r, moved, err := c.open(k, "rename")
	if err != nil || moved != nil {
		return orRedirect(moved), err
	}
	return c.renamePage(r, r.Name)
}

func (c *Ctx) renamePage(r *record, name string) (*renamePage, error) {
	p := &renamePage{record: *r, New: name}
	p.Title, p.Short = c.T("rename.title", titleOf(r.Entity)), c.T("detail.rename")
	rels, err := c.Catalog().Relations(c.R.Context(), c.Caller, r.Entity.Ref())
	for _, rel := range rels {
		if !rel.Out {
			p.Holders++
		}
	}
	return p, err
}

func renameEntity(c *Ctx, k *catalog.Kind) (any, error) {
	ch, err := c.Catalog().Rename(c.R.Context(), c.Caller, c.Ref(k), c.Form("name"))
	if err == nil {
		return Redirect{To: c.App.HrefOf(ch.Ref), Toast: &Toast{Key: "toast.renamed", Args: []string{c.Form("name")}}}, nil
	}
	if kind := fault.KindOf(err); kind != fault.Invalid && kind != fault.Conflict {
		return nil, err
	}
	r, _, openErr := c.open(k, "rename")
	if openErr != nil {
		return nil, openErr
	}
	p, pageErr := c.renamePage(r, c.Form("name"))
	if pageErr != nil {
		return nil, pageErr
	}
	p.Problem, p.Status = sentence(c.problemsIn(err)), 422
	return p, nil
}

type yamlPage struct {
	record
	Text     string
	Rows     int
	Problems []problemLine
}

func yamlForm(c *Ctx, k *catalog.Kind) (any, error) {
	r, moved, err := c.open(k, "yaml")
	if err != nil || moved != nil {
		return orRedirect(moved), err
	}
	var b bytes.Buffer
	if err := c.Catalog().Kinds().EncodeYAML(&b, r.Entity); err != nil {
		return nil, err
	}
	if c.Param("download") != "" {
		return File{Name: r.Name + ".yaml", Type: "application/yaml", Data: b.Bytes()}, nil
	}
	return c.yamlPage(r, b.String()), nil
}

func (c *Ctx) yamlPage(r *record, text string) *yamlPage {
	p := &yamlPage{record: *r, Text: text}
	p.Short = c.T("tab.yaml")
	p.Rows = min(max(strings.Count(text, "\n")+2, 12), 40)
	return p
}

func saveYAML(c *Ctx, k *catalog.Kind) (any, error) {
	r, _, err := c.open(k, "yaml")
	if err != nil {
		return nil, err
	}
	text := unixLines(c.R.PostFormValue("yaml"))
	base, _ := strconv.ParseInt(c.R.PostFormValue("base"), 10, 64)
	ch, err := c.updateYAML(r, text, base)
	if err == nil {
		return (&saving{c: c, read: r.Entity}).saved(ch), nil
	}
	if kind := fault.KindOf(err); kind != fault.Invalid && kind != fault.Conflict {
		return nil, err
	}
	p := c.yamlPage(r, text)
	p.Status, p.Rev = fault.KindOf(err).Status(), base
	for _, pr := range fault.ProblemsOf(err) {
		pr.File = ""
		p.Problems = append(p.Problems, problemLine{Label: pr.Field, Place: place1(c, pr), Text: c.Problem(pr), Hint: c.ProblemHint(pr)})
	}
	if len(p.Problems) == 0 {
		p.Problems = []problemLine{{Text: c.Say(err)}}
	}
	return p, nil
}

// place1 names the line of a problem in the reader's language.
func place1(c *Ctx, p fault.Problem) string {
	if p.Line == 0 {
		return ""
	}
	return c.T("yaml.line", p.Line)
}

// updateYAML stores the one entity that a text describes.
func (c *Ctx) updateYAML(r *record, text string, base int64) (*catalog.Change, error) {
	docs, err := c.Catalog().Decode("", []byte(text))
	if err != nil {
		return nil, err
	}
	if len(docs) != 1 {
		return nil, fault.Bad("one document was expected", fault.Problem{Code: "yaml-one", Msg: "there must be exactly one document here", Args: []string{fmt.Sprint(len(docs))}}).Coded("yaml-one")
	}
	e := docs[0].Entity
	if e.Ref() != r.Entity.Ref() {
		return nil, fault.Bad("this is another entity", fault.Problem{Line: docs[0].Line, Field: "metadata.name", Code: "yaml-other", Args: []string{r.Entity.Ref().Short(), e.Ref().Short()},
			Msg: fmt.Sprintf("this page is about %s and the text about %s", r.Entity.Ref().Short(), e.Ref().Short())}).Coded("yaml-other")
	}
	return c.Catalog().Update(c.R.Context(), c.Caller, e, catalog.UpdateOptions{Base: base})
}

// recordOfRef is the head of a record's page that also deleted ones have.
func (c *Ctx) recordOfRef(k *catalog.Kind, tab string) (*record, []catalog.Revision, error) {
	ref := c.Ref(k)
	before := int64(c.IntParam("before", 0))
	revs, err := c.Catalog().History(c.R.Context(), c.Caller, ref, before, historyPageSize+1)
	if err != nil {
		return nil, nil, err
	}
	e, err := c.Catalog().Get(c.R.Context(), c.Caller, ref)
	if err == nil {
		return c.recordOf(k, e, tab), revs, nil
	}
	if !fault.Is(err, fault.NotFound) || len(revs) == 0 {
		return nil, nil, err
	}
	last := revs[0].Entity.Clone()
	last.Metadata.Namespace, last.Metadata.Name = ref.Namespace, ref.Name
	r := c.recordOf(k, last, tab)
	r.Deleted, r.CanDelete = true, false
	return r, revs, nil
}
