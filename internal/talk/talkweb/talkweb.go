// Package talkweb shows what people say and what they are told: the comments and
// files on the page of every record, the button that watches it, the
// notifications behind the bell, and the settings of notifications and webhooks.
// Everything is forms and links; script only completes names after an @.
package talkweb

import (
	"embed"
	"net/http"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/blob"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/talk"
	"github.com/binnaclehq/binnacle/internal/web"
)

//go:embed text.en.json text.es.json *.html
var files embed.FS

// Config is what the pages need; all of it is required.
type Config struct {
	Kinds *catalog.Kinds
	Talk  *talk.Service
	Files *blob.Service
	Hooks *action.Hooks
}

// module are the pages over one installation.
type module struct{ Config }

// Module returns what the web kit takes, like a room's. It is no room: it has no
// place in the side navigation.
func Module(c Config) web.Module {
	m := &module{c}
	out := web.Module{
		Room: web.Room{ID: "talk", Icon: "comment", Order: 900}, Texts: files, Templates: files,
		Cards: []web.Card{
			{ID: "watch", Slot: web.Actions, Order: 50, Template: "watch.html", Load: m.loadWatch},
			{ID: "comments", Slot: web.Main, Order: 800, Title: "talk.comments", Template: "comments.html", Load: m.loadComments, Flush: true},
			{ID: "files", Slot: web.Side, Order: 250, Title: "talk.files", Template: "files.html", Load: m.loadFiles, Flush: true},
		},
		Held: m.held,
		Bar:  []web.NavItem{{ID: "notifications", Label: "talk.notifications", Href: "/notifications", Icon: "bell", Count: m.bell}},
		Places: []web.Place{
			{ID: "notifications", Label: "talk.notifications", Href: "/account/notifications", Icon: "bell", Account: true, Verb: auth.Self},
			{ID: "webhooks", Label: "talk.webhooks", Href: "/settings/webhooks", Icon: "send", Verb: auth.Admin, Resource: auth.Resource{Kind: auth.KindWebhook}},
		},
		Pages: append(append(m.commentPages(), m.filePages()...), append(m.inboxPages(), m.hookPages()...)...),
	}
	for _, k := range c.Kinds.All() {
		out.Pages = append(out.Pages, m.recordPages(k)...)
	}
	return out
}

// house is the resource of pages that belong to no room: the module's own is none
// that the policy knows.
func house(*http.Request) (auth.Resource, error) { return auth.Resource{}, nil }

// recordPages are the addresses that the forms on a record's page are sent to.
func (m *module) recordPages(k *catalog.Kind) []web.PageDef {
	resource := func(*http.Request) (auth.Resource, error) { return k.Resource(), nil }
	post := func(what string, verb auth.Verb, body int64, act func(*web.Ctx, *entity.Entity) (any, error)) web.PageDef {
		return web.PageDef{ID: k.Plural + "." + what, Nav: k.Plural, Method: http.MethodPost, Pattern: "/" + k.Plural + "/{namespace}/{name}/" + what, Verb: verb, Resource: resource,
			Template: "comment.html", MaxBody: body, Handle: func(c *web.Ctx) (any, error) {
				e, err := c.Catalog().Get(c.R.Context(), c.Caller, c.Ref(k))
				if err != nil {
					return nil, err
				}
				return act(c, e)
			}}
	}
	return []web.PageDef{
		post("comments", auth.Comment, 0, m.addComment),
		post("attachments", auth.Comment, m.Files.Limits().File+1<<20, m.addFile),
		post("watch", auth.Self, 0, m.setWatch),
	}
}

// back goes to the record's page, to a place on it.
func back(c *web.Ctx, e *entity.Entity, at string, toast *web.Toast) web.Redirect {
	return web.Redirect{To: c.Href(e.Ref()) + at, Toast: toast}
}

// held is what is held about the reader here.
func (m *module) held(c *web.Ctx) (map[string]any, error) {
	ctx, p := c.R.Context(), c.Caller.Principal
	out, err := m.Talk.Held(ctx, p)
	if err != nil {
		return nil, err
	}
	out["attachments"], err = m.Files.By(ctx, p)
	return out, err
}
