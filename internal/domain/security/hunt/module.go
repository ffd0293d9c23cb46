// Package hunt is the part of the security room where events are looked through: the
// hunt page, saved hunts, and what can be made of them.
package hunt

import (
	"context"
	"embed"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Config is what the part works with. Without a server it is empty: kinds and
// tables need nothing.
type Config struct {
	Store logs.Store // nil: nothing is kept
	// Rules returns what the rules with some ids are called and where their pages
	// are; nil leaves the ids as they are.
	Rules func(c *web.Ctx, ids []string) (map[string]Rule, error)

	// Patience is how long a page waits for its answer before it comes without;
	// 0 is a second and a half.
	Patience time.Duration
	// Longest is how long an answer may take; 0 is a minute.
	Longest time.Duration
}

// Rule is a rule that matched an event.
type Rule struct{ Title, Href, Level string }

//go:embed text.en.json text.es.json *.html _hunt-results.html
var files embed.FS

// service answers the pages.
type service struct {
	Config
	gate *gate
}

// Module returns what the part brings.
func Module(cfg Config) room.Module {
	if cfg.Patience == 0 {
		cfg.Patience = 1500 * time.Millisecond
	}
	if cfg.Longest == 0 {
		cfg.Longest = time.Minute
	}
	s := &service{cfg, &gate{}}
	page := func(id, pattern, template string, handle func(*web.Ctx) (any, error)) web.PageDef {
		return web.PageDef{ID: id, Nav: "events", Room: auth.Security, Pattern: pattern, Verb: auth.Read, Template: template, Handle: handle}
	}
	long := func(p web.PageDef) web.PageDef {
		p.Stream = true
		return p
	}
	return room.Module{
		Module: web.Module{
			Room:  web.Room{ID: auth.Security, Title: lang.T("Security", "Seguridad"), Icon: "security", Order: 50},
			Texts: files, Templates: files,
			Pages: []web.PageDef{
				page("events", "/events", "hunt.html", s.show),
				long(page("events.results", "/events/results", "hunt.html", s.results)),
				page("events.event", "/events/event", "hunt-event.html", s.event),
				long(page("events.export", "/events/export", "", s.export)),
				page("events.make", "/events/make/{what}", "", s.make),
			},
			Cards:    []web.Card{runCard()},
			Nav:      []web.NavItem{{ID: "events", Label: "hunt.nav", Href: "/events", Icon: "search", Key: "e"}},
			Commands: []web.Command{{Label: "hunt.command", Href: "/events", Icon: "search", Verb: auth.Read, Resource: auth.Resource{Room: auth.Security}}},
		},
		Kinds: []*catalog.Kind{huntKind()},
	}
}

// wholePage is how long a page may take that waits for its answer: the door gives
// it little more.
const wholePage = 25 * time.Second

// within gives a request a time that its answer may take.
func within(c *web.Ctx, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.R.Context(), d)
}
