package review

import (
	"encoding/json"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

func taskCards() []web.Card {
	task := []string{auth.KindTask}
	return []web.Card{
		{ID: "task-complete", Kinds: task, Slot: web.Actions, Template: "card_complete.html", Load: loadComplete},
		{ID: "completions", Kinds: task, Slot: web.Main, Order: 60, Title: "review.completions", Template: "card_completions.html", Flush: true, Load: loadCompletions},
		{ID: "tasks", Slot: web.Side, Order: 250, Title: "review.tasks", Template: "card_tasks.html", Flush: true, Load: loadTasks},
	}
}

// loadComplete offers to complete an open task.
func loadComplete(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := catalog.Spec[Task](e)
	if err != nil || s.State != open || !c.Can(auth.Write, auth.Resource{Kind: auth.KindTask}) {
		return nil, err
	}
	return c.Href(e.Ref()) + "/complete", nil
}

// completionLine is one time a task was completed.
type completionLine struct {
	Href, Title, Due, By, Note, Evidence string
	At                                   time.Time
	Late                                 int
}

const mostCompletions = 50

// loadCompletions lists the times a task was completed, and those of its series.
func loadCompletions(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := catalog.Spec[Task](e)
	if err != nil {
		return nil, err
	}
	list, err := completions(c.R.Context(), c.Catalog().DB(), c.Caller.Org, s.root(e), mostCompletions)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	var refs []entity.Ref
	for _, x := range list {
		if ref, err := entity.ParseRef(x.By, "", ""); err == nil {
			refs = append(refs, ref)
		}
	}
	names, err := c.Catalog().Titles(c.R.Context(), c.Caller, refs)
	if err != nil {
		return nil, err
	}
	var out []completionLine
	for _, x := range list {
		line := completionLine{Href: c.App.HrefOf(x.Ref), Title: x.Title, By: x.By, Note: x.Note, Evidence: x.Evidence, At: x.At, Late: x.Late, Due: day(c, x.Due, c.Here())}
		if ref, err := entity.ParseRef(x.By, "", ""); err == nil {
			line.By = ref.Name
			if title := names[ref.String()]; title != "" {
				line.By = title
			}
		}
		out = append(out, line)
	}
	return out, nil
}

// tasksCard is what is to be done about a thing.
type tasksCard struct {
	Lines []taskLine
	New   string // address of the form for another one; "" when the reader may not
}

type taskLine struct {
	Title, Href, Due, Who string
	Late                  bool
}

const mostOfThing = 8

// loadTasks lists the open tasks about a thing.
func loadTasks(c *web.Ctx, e *entity.Entity) (any, error) {
	k := c.Catalog().Kinds().Get(auth.KindTask)
	if e.Kind == auth.KindTask || k == nil || !c.CanKind(auth.Read, k) {
		return nil, nil
	}
	page, err := c.Catalog().List(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{k.Name}, Fields: map[string][]string{"spec.about": {e.Ref().String()}, "spec.state": {open}}, Sort: "spec.due", Limit: mostOfThing, NoTotal: true})
	if err != nil || len(page.Items) == 0 {
		return nil, err
	}
	card := tasksCard{}
	if c.CanKind(auth.Write, k) {
		card.New = "/tasks/new?spec.state=open&spec.about=" + e.Ref().String()
	}
	today := c.Today()
	for _, x := range page.Items {
		s, err := catalog.Spec[Task](x)
		if err != nil {
			return nil, err
		}
		line := taskLine{Title: x.DisplayTitle(), Href: c.Href(x.Ref()), Late: s.Due != "" && s.Due < today}
		if at, err := time.Parse(time.DateOnly, s.Due); err == nil {
			line.Due = lang.Date(c.Lang, at, c.Here())
		}
		if ref, err := entity.ParseRef(s.Assignee, "user", x.Metadata.Namespace); err == nil {
			line.Who = ref.Name
		}
		card.Lines = append(card.Lines, line)
	}
	return card, nil
}

func completePage(method string) web.PageDef {
	handle := completeForm
	id := "task.complete"
	if method == "POST" {
		handle, id = completeTask, "task.completed"
	}
	return web.PageDef{ID: id, Nav: "tasks", Method: method, Pattern: "/tasks/{namespace}/{name}/complete", Verb: auth.Write, Template: "complete.html", Handle: handle, Resource: web.OnKind(auth.KindTask)}
}

// completeView is the form by which a task is completed.
type completeView struct {
	web.Shell
	Entity         *entity.Entity
	Task           Task
	Path           string
	Note, Evidence string
	Problem        string
	Errors         map[string]string // by field
}

func (p *completeView) frame(c *web.Ctx, e *entity.Entity) error {
	var err error
	p.Entity, p.Path = e, c.Href(e.Ref())
	p.Task, err = catalog.Spec[Task](e)
	p.Title, p.Short = c.T("review.complete.title", e.DisplayTitle()), c.T("review.complete")
	p.Crumbs = []web.Crumb{{Href: "/tasks", Label: c.T("review.tasks")}, {Href: p.Path, Label: e.DisplayTitle()}}
	return err
}

func theTask(c *web.Ctx) (*entity.Entity, error) {
	return c.Catalog().Get(c.R.Context(), c.Caller, c.Ref(c.Catalog().Kinds().Get(auth.KindTask)))
}

func completeForm(c *web.Ctx) (any, error) {
	e, err := theTask(c)
	if err != nil {
		return nil, err
	}
	p := &completeView{}
	return p, p.frame(c, e)
}

func completeTask(c *web.Ctx) (any, error) {
	e, err := theTask(c)
	if err != nil {
		return nil, err
	}
	p := &completeView{Note: c.Form("note"), Evidence: c.Form("evidence")}
	if err := p.frame(c, e); err != nil {
		return nil, err
	}
	if p.Task.State != open {
		return nil, fault.New(fault.Conflict, "this task is not open any more").Coded("task.not-open")
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"state": done, "note": nilIfEmpty(p.Note), "evidence": nilIfEmpty(p.Evidence)}})
	if err != nil {
		return nil, err
	}
	_, err = c.Catalog().Patch(c.R.Context(), c.Caller, e.Ref(), patch, catalog.UpdateOptions{})
	if fault.Is(err, fault.Invalid) {
		p.Status, p.Problem, p.Errors = 422, c.Say(err), map[string]string{}
		for _, pr := range fault.ProblemsOf(err) {
			p.Errors[pr.Field] = c.Problem(pr)
		}
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	return web.Redirect{To: c.Next(p.Path), Toast: &web.Toast{Key: "review.completed", Args: []string{e.DisplayTitle()}}}, nil
}

func nilIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}
