package talkweb

import (
	"net/http"
	"strings"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/web"
)

// hooksPage is the organisation's webhooks.
type hooksPage struct {
	web.Shell
	Org     string
	Places  []web.NavLink
	Hooks   []hookView
	Types   []string // that are proposed
	Secret  string   // just made, shown this once
	Named   string
	Errors  map[string]string
	Problem string
	Values  map[string]string // what was typed into a form that failed
}

// hookPage is one webhook and what was sent to it.
type hookPage struct {
	web.Shell
	Places     []web.NavLink
	Hook       action.Hook
	Base       string // of its addresses: the settings, or one's own
	Deliveries []deliveryView
	Secret     string
	Named      string
	Errors     map[string]string
	Problem    string
	TypeText   string
}

type deliveryView struct {
	action.Act
	Shown string // its state
	Body  string
}

const deliveriesShown = 50

// proposed are types of the feed that are offered; any other can be written.
var proposed = []string{"entity.*", "entity.created", "entity.updated", "entity.deleted", "comment.*", "comment.disputed", "comment.answered", "attachment.*", "claim.*"}

// hookPages are the same twice: of the organisation, and one's own.
func (m *module) hookPages() []web.PageDef {
	admin := func(*http.Request) (auth.Resource, error) { return auth.Resource{Kind: auth.KindWebhook}, nil }
	out := []web.PageDef{
		{ID: "webhooks", Nav: "settings", Pattern: "/settings/webhooks", Verb: auth.Admin, Resource: admin, Template: "webhooks.html", Handle: func(c *web.Ctx) (any, error) { return m.hooksPage(c) }},
	}
	for _, s := range []struct {
		id, base string
		own      bool
		verb     auth.Verb
		resource func(*http.Request) (auth.Resource, error)
	}{{"webhooks", "/settings/webhooks", false, auth.Admin, admin}, {"mywebhooks", "/account/webhooks", true, auth.Self, house}} {
		page := func(id, method, pattern, template string, h func(*web.Ctx) (any, error)) web.PageDef {
			return web.PageDef{ID: s.id + "." + id, Nav: "settings", Method: method, Pattern: pattern, Verb: s.verb, Resource: s.resource, Template: template, Handle: h}
		}
		template := "webhooks.html"
		if s.own {
			template = "notify.html"
		}
		out = append(out, page("make", "POST", s.base, template, func(c *web.Ctx) (any, error) { return m.makeHook(c, s.own) }),
			page("one", "GET", s.base+"/{id}", "webhook.html", func(c *web.Ctx) (any, error) { return m.hookPage(c, s.base) }))
		for _, act := range m.hookActs() {
			out = append(out, page(act.id, "POST", s.base+"/{id}/"+act.id, "webhook.html", func(c *web.Ctx) (any, error) { return m.hookAct(c, s.base, act) }))
		}
	}
	return out
}

// hookAct is something done to one webhook.
type hookAct struct {
	id string
	do func(c *web.Ctx, p auth.Principal, id string) (secret string, err error) // a secret is shown this once
}

func (m *module) hookActs() []hookAct {
	set := func(disabled bool) func(*web.Ctx, auth.Principal, string) (string, error) {
		return func(c *web.Ctx, p auth.Principal, id string) (string, error) {
			_, err := m.Hooks.SetDisabled(c.R.Context(), p, id, disabled)
			return "", err
		}
	}
	return []hookAct{
		{"change", func(c *web.Ctx, p auth.Principal, id string) (string, error) {
			_, err := m.Hooks.Update(c.R.Context(), p, id, hookOf(c))
			return "", err
		}},
		{"test", func(c *web.Ctx, p auth.Principal, id string) (string, error) {
			_, err := m.Hooks.Test(c.R.Context(), p, id)
			return "", err
		}},
		{"disable", set(true)}, {"enable", set(false)},
		{"rotate", func(c *web.Ctx, p auth.Principal, id string) (string, error) {
			_, secret, err := m.Hooks.Rotate(c.R.Context(), p, id)
			return secret, err
		}},
		{"remove", func(c *web.Ctx, p auth.Principal, id string) (string, error) {
			return "", m.Hooks.Remove(c.R.Context(), p, id)
		}},
	}
}

// hookOf reads a webhook from a form. Types stand apart by spaces, commas or
// lines.
func hookOf(c *web.Ctx) action.Hook {
	types := strings.FieldsFunc(c.R.PostFormValue("types"), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	return action.Hook{Name: c.Form("name"), URL: c.Form("url"), Types: types}
}

func (m *module) hooksPage(c *web.Ctx) (*hooksPage, error) {
	p := &hooksPage{Org: c.Caller.OrgTitle, Places: c.Places(false, "webhooks"), Types: proposed, Errors: map[string]string{}, Values: map[string]string{}}
	p.Title = c.T("talk.webhooks")
	p.Crumbs = []web.Crumb{{Href: "/settings", Label: c.T("settings.title")}}
	hooks, err := m.Hooks.List(c.R.Context(), c.Caller.Principal, false)
	p.Hooks, err = m.hookViews(c, hooks, err)
	return p, err
}

// makeHook makes a webhook; the page shows its secret this once.
func (m *module) makeHook(c *web.Ctx, own bool) (any, error) {
	k := hookOf(c)
	if own {
		k.Account = c.Caller.Account
	}
	made, secret, err := m.Hooks.Create(c.R.Context(), c.Caller.Principal, k)
	bad := fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict)
	if err != nil && !bad {
		return nil, err
	}
	typed := map[string]string{"name": k.Name, "url": k.URL, "types": strings.Join(k.Types, " ")}
	if own {
		p, loadErr := m.notifyPage(c)
		if loadErr != nil {
			return nil, loadErr
		}
		if p.Secret, p.Named = secret, made.Name; bad {
			p.Status, p.HookForm = fault.KindOf(err).Status(), typed
			p.Errors, p.Problem = c.Problems(err)
		}
		return p, nil
	}
	p, loadErr := m.hooksPage(c)
	if loadErr != nil {
		return nil, loadErr
	}
	if p.Secret, p.Named = secret, made.Name; bad {
		p.Status, p.Values = fault.KindOf(err).Status(), typed
		p.Errors, p.Problem = c.Problems(err)
	}
	return p, nil
}

func (m *module) hookPage(c *web.Ctx, base string) (*hookPage, error) {
	ctx, who := c.R.Context(), c.Caller.Principal
	k, err := m.Hooks.Get(ctx, who, c.R.PathValue("id"))
	if err != nil {
		return nil, err
	}
	own := k.Account != ""
	if own != (base == "/account/webhooks") {
		return nil, fault.New(fault.NotFound, "there is no such webhook").Coded("no-hook")
	}
	p := &hookPage{Places: c.Places(own, "webhooks"), Hook: k, Base: base, Errors: map[string]string{}, TypeText: strings.Join(k.Types, " ")}
	up := web.Crumb{Href: "/settings/webhooks", Label: c.T("talk.webhooks")}
	if own {
		p.Places, up = c.Places(true, "notifications"), web.Crumb{Href: "/account/notifications", Label: c.T("talk.notifications")}
	}
	p.Title, p.Crumbs = k.Name, []web.Crumb{up}
	list, err := m.Hooks.Deliveries(ctx, who, k.ID, deliveriesShown)
	for _, a := range list {
		p.Deliveries = append(p.Deliveries, deliveryView{a, stateOf(a), string(a.Payload)})
	}
	return p, err
}

// hookAct does one thing to a webhook and shows it again.
func (m *module) hookAct(c *web.Ctx, base string, act hookAct) (any, error) {
	p, err := m.hookPage(c, base)
	if err != nil {
		return nil, err
	}
	secret, err := act.do(c, c.Caller.Principal, p.Hook.ID)
	switch {
	case fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict):
		p.Status = fault.KindOf(err).Status()
		p.Errors, p.Problem = c.Problems(err)
		if act.id == "change" {
			k := hookOf(c)
			p.Hook.Name, p.Hook.URL, p.TypeText = k.Name, k.URL, c.R.PostFormValue("types")
		}
		return p, nil
	case err != nil:
		return nil, err
	case secret != "":
		p, err = m.hookPage(c, base)
		if err == nil {
			p.Secret, p.Named = secret, p.Hook.Name
		}
		return p, err
	}
	to := p.Crumbs[0].Href
	if act.id != "remove" {
		to = base + "/" + p.Hook.ID
	}
	return web.Redirect{To: to, Toast: &web.Toast{Key: "talk.toast.hook." + act.id, Args: []string{p.Hook.Name}}}, nil
}
