package talkweb

import (
	"html/template"
	"net/http"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/talk"
	"github.com/binnaclehq/binnacle/internal/web"
)

// threadsShown is how many threads the card shows before it asks.
const threadsShown = 20

// commentsCard is the comments on a record's page.
type commentsCard struct {
	Path        string // of the record
	Threads     []threadView
	Older       string // address that shows those before; "" when there are none
	Open        int    // disputes
	CanComment  bool
	CanDispute  bool
	CanApprove  bool
	MentionFrom string // where names are completed from
}

// commentView is a comment as it is shown.
type commentView struct {
	talk.Comment
	HTML        template.HTML
	State, Word string // the badge: a dispute, an answer, an approval
	EditedAt    string // when it was changed, on the clocks of the reader
	CanEdit     bool   // within its term
	CanCorrect  bool
	CanWithdraw bool
}

type threadView struct {
	commentView
	Replies   []commentView
	CanReply  bool
	CanClose  bool
	CanAnswer bool
}

// mentionFrom answers with people and groups that begin with what is typed.
const mentionFrom = "/suggest?kinds=user,group"

func (m *module) loadComments(c *web.Ctx, e *entity.Entity) (any, error) {
	k := m.Kinds.Get(e.Kind)
	var before time.Time
	if v := c.Param("before"); v != "" {
		before, _ = time.Parse(time.RFC3339Nano, v) // what is no moment shows the newest
	}
	list, err := m.Talk.List(c.R.Context(), c.Caller.Principal, e, before, threadsShown+1)
	if err != nil {
		return nil, err
	}
	card := &commentsCard{Path: c.Href(e.Ref()), CanComment: c.CanKind(auth.Comment, k), MentionFrom: mentionFrom}
	person := card.CanComment && c.Caller.Account != ""
	card.CanDispute, card.CanApprove = person && m.Talk.CanDispute(k), person && c.CanKind(auth.Write, k)
	if len(list) > threadsShown {
		list = list[1:]
		card.Older = card.Path + "?before=" + list[0].Created.Format(time.RFC3339Nano) + "#card-comments"
	}
	if err := m.view(c, e, card, list); err != nil {
		return nil, err
	}
	return card, nil
}

// view fills in the threads of a card.
func (m *module) view(c *web.Ctx, e *entity.Entity, card *commentsCard, list []talk.Thread) error {
	link, err := linker(c, list)
	if err != nil {
		return err
	}
	answers := false
	for _, t := range list {
		if t.Open() {
			card.Open++
		}
	}
	if card.Open > 0 {
		if answers, err = m.Talk.MayAnswer(c.R.Context(), c.Caller.Principal, e); err != nil {
			return err
		}
	}
	for _, t := range list {
		v := threadView{commentView: m.comment(c, e, t.Comment, link), CanReply: card.CanComment, CanClose: m.Talk.MayClose(c.Caller.Principal, e, t.Comment), CanAnswer: answers && t.Open()}
		for _, r := range t.Replies {
			v.Replies = append(v.Replies, m.comment(c, e, r, link))
		}
		card.Threads = append(card.Threads, v)
	}
	return nil
}

// linker returns what turns mentions into links, knowing everybody's name.
func linker(c *web.Ctx, list []talk.Thread) (func(entity.Ref) (string, string), error) {
	var refs []entity.Ref
	add := func(comment talk.Comment) {
		for _, text := range comment.Mentions {
			if ref, err := entity.ParseRef(text, "", ""); err == nil {
				refs = append(refs, ref)
			}
		}
	}
	for _, t := range list {
		add(t.Comment)
		for _, r := range t.Replies {
			add(r)
		}
	}
	titles, err := c.Catalog().Titles(c.R.Context(), c.Caller, refs)
	return func(ref entity.Ref) (string, string) {
		title, known := titles[ref.String()]
		if !known {
			return "", ""
		}
		if title == "" {
			title = ref.Name
		}
		return title, c.Href(ref)
	}, err
}

func (m *module) comment(c *web.Ctx, e *entity.Entity, comment talk.Comment, link func(entity.Ref) (string, string)) commentView {
	p := c.Caller.Principal
	v := commentView{Comment: comment, HTML: web.Markdown(talk.Linked(comment.Body, link)), CanEdit: m.Talk.CanEdit(p, comment), CanWithdraw: m.Talk.MayWithdraw(p, e, comment)}
	if !comment.Edited.IsZero() {
		v.EditedAt = lang.DateTime(c.Lang, comment.Edited.In(c.Zone()))
	}
	v.CanCorrect = !v.CanEdit && comment.Account == p.Account && p.Account != "" && comment.Withdrawn.IsZero()
	switch {
	case comment.Open():
		v.State, v.Word = "bad", c.T("talk.disputed")
	case comment.Kind == talk.Dispute:
		v.State, v.Word = "idle", c.T("talk.settled")
	case comment.Kind == talk.Answer:
		v.State, v.Word = "info", c.T("talk.answer")
	case comment.Kind == talk.Approval:
		v.State, v.Word = "ok", c.T("talk.approved")
	}
	return v
}

// commentPage is a comment being written, changed, corrected or withdrawn on a
// page of its own: where script is missing, and where something was wrong.
type commentPage struct {
	web.Shell
	Act         string // "add", "edit", "correct" or "withdraw"
	Action      string // where the form goes
	Back        string
	Kind        talk.Kind
	Thread      string
	Body        string
	HTML        template.HTML // what it says now
	Problem     string
	MentionFrom string
}

func (m *module) page(c *web.Ctx, e *entity.Entity, act, action, body string) *commentPage {
	p := &commentPage{Act: act, Action: action, Back: c.Href(e.Ref()), Body: body, MentionFrom: mentionFrom}
	p.Title = c.T("talk." + act + ".title")
	p.Crumbs = []web.Crumb{{Href: p.Back, Label: e.DisplayTitle()}}
	return p
}

// mend shows a form again with what was wrong in it; other failures stay
// failures.
func (p *commentPage) mend(c *web.Ctx, err error) (any, error) {
	kind := fault.KindOf(err)
	if kind != fault.Invalid && kind != fault.Conflict {
		return nil, err
	}
	p.Status, p.Problem = kind.Status(), c.Say(err)
	return p, nil
}

func (m *module) addComment(c *web.Ctx, e *entity.Entity) (any, error) {
	d := talk.Draft{Thread: c.Form("thread"), Kind: talk.Kind(c.Form("kind")), Body: c.R.PostFormValue("body")}
	made, err := m.Talk.Add(c.R.Context(), c.Caller, e, d)
	if err != nil {
		p := m.page(c, e, "add", c.Href(e.Ref())+"/comments", d.Body)
		p.Kind, p.Thread = d.Kind, d.Thread
		return p.mend(c, err)
	}
	return back(c, e, "#comment-"+made.ID, &web.Toast{Key: "talk.toast.added"}), nil
}

func (m *module) commentPages() []web.PageDef {
	one := func(id, method, more string, h func(*web.Ctx) (any, error)) web.PageDef {
		return web.PageDef{ID: "comment." + id, Method: method, Pattern: "/comments/{id}" + more, Verb: auth.Comment, Resource: house, Template: "comment.html", Handle: h}
	}
	act := func(id, toast string, do func(*web.Ctx, string) (talk.Comment, error)) web.PageDef {
		return one(id, http.MethodPost, "/"+id, func(c *web.Ctx) (any, error) { return m.change(c, id, toast, do) })
	}
	return []web.PageDef{
		{ID: "comment.open", Pattern: "/comments/{id}", Verb: auth.Read, Resource: house, Handle: m.openComment},
		one("edit.form", http.MethodGet, "/edit", func(c *web.Ctx) (any, error) { return m.commentForm(c, "edit") }),
		one("correct.form", http.MethodGet, "/correct", func(c *web.Ctx) (any, error) { return m.commentForm(c, "correct") }),
		one("withdraw.form", http.MethodGet, "/withdraw", func(c *web.Ctx) (any, error) { return m.commentForm(c, "withdraw") }),
		act("edit", "talk.toast.edited", func(c *web.Ctx, id string) (talk.Comment, error) {
			return m.Talk.Edit(c.R.Context(), c.Caller, id, c.R.PostFormValue("body"))
		}),
		act("correct", "talk.toast.corrected", func(c *web.Ctx, id string) (talk.Comment, error) {
			return m.Talk.Correct(c.R.Context(), c.Caller, id, c.R.PostFormValue("body"))
		}),
		act("withdraw", "talk.toast.withdrawn", func(c *web.Ctx, id string) (talk.Comment, error) {
			return m.Talk.Withdraw(c.R.Context(), c.Caller, id)
		}),
		act("resolve", "talk.toast.resolved", func(c *web.Ctx, id string) (talk.Comment, error) {
			return m.Talk.Resolve(c.R.Context(), c.Caller, id, true)
		}),
		act("reopen", "talk.toast.reopened", func(c *web.Ctx, id string) (talk.Comment, error) {
			return m.Talk.Resolve(c.R.Context(), c.Caller, id, false)
		}),
	}
}

// openComment leads to a comment on its record's page.
func (m *module) openComment(c *web.Ctx) (any, error) {
	comment, on, err := m.Talk.Get(c.R.Context(), c.Caller, c.R.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return back(c, on, "#comment-"+comment.ID, nil), nil
}

// commentForm shows the form that changes, corrects or withdraws a comment.
func (m *module) commentForm(c *web.Ctx, act string) (any, error) {
	comment, on, err := m.Talk.Get(c.R.Context(), c.Caller, c.R.PathValue("id"))
	if err != nil {
		return nil, err
	}
	p := m.page(c, on, act, "/comments/"+comment.ID+"/"+act, "")
	if act == "edit" {
		p.Body = comment.Body
	}
	p.HTML = web.Markdown(comment.Body)
	return p, nil
}

// change runs what a form about one comment asks for.
func (m *module) change(c *web.Ctx, act, toast string, do func(*web.Ctx, string) (talk.Comment, error)) (any, error) {
	id := c.R.PathValue("id")
	was, on, err := m.Talk.Get(c.R.Context(), c.Caller, id)
	if err != nil {
		return nil, err
	}
	now, err := do(c, id)
	if err == nil {
		return back(c, on, "#comment-"+now.ID, &web.Toast{Key: toast}), nil
	}
	if act != "edit" && act != "correct" {
		return nil, err
	}
	if act == "edit" && fault.Is(err, fault.Conflict) { // too late: the same words can still correct it
		act = "correct"
	}
	p := m.page(c, on, act, "/comments/"+id+"/"+act, c.R.PostFormValue("body"))
	p.HTML = web.Markdown(was.Body)
	return p.mend(c, err)
}

// watchCard is the button that watches a record.
type watchCard struct {
	Path string
	On   bool
	Set  talk.State // what the button asks for
	Why  string
}

func (m *module) loadWatch(c *web.Ctx, e *entity.Entity) (any, error) {
	if c.Caller.Account == "" || !c.Can(auth.Self, auth.Resource{}) {
		return nil, nil
	}
	w, err := m.Talk.GetWatch(c.R.Context(), c.Caller.Principal, e)
	if err != nil {
		return nil, err
	}
	card := &watchCard{Path: c.Href(e.Ref()), On: w.On, Set: talk.Watching, Why: c.T("talk.watch.not")}
	switch {
	case w.On:
		card.Set, card.Why = talk.Muted, c.In(talk.Notification{Why: w.Why}.Because())
	case w.Set == talk.Muted:
		card.Why = c.T("talk.watch.muted")
	}
	return card, nil
}

func (m *module) setWatch(c *web.Ctx, e *entity.Entity) (any, error) {
	state := talk.State(c.Form("state"))
	if state != talk.Watching && state != talk.Muted {
		return nil, fault.New(fault.Invalid, "%q is no choice; there is watching and muted", state).Coded("talk.watch")
	}
	toast := "talk.toast.watching"
	if state == talk.Muted {
		toast = "talk.toast.muted"
	}
	err := m.Talk.SetWatch(c.R.Context(), c.Caller.Principal, e, state)
	return back(c, e, "", &web.Toast{Key: toast}), err
}
