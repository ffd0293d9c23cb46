// Package coverage is the part of the security room that shows which techniques of MITRE
// ATT&CK are looked for, tested and were seen.
package coverage

import (
	"embed"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Config is what the part works with. Without a server it is empty: kinds and
// tables need nothing.
type Config struct {
	Engine *live.Engine     // knows which rules are on and what they found; nil: none are
	Store  logs.Store       // knows what comes in; nil: nothing does
	Now    func() time.Time // nil: the time
	// Detection returns the address of a rule's page; nil: rules have none.
	Detection func(c *web.Ctx, e *live.Entry) string
}

//go:embed text.en.json text.es.json *.html
var files embed.FS

// Module returns what the part brings.
func Module(cfg Config) room.Module {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &service{Config: cfg}
	page := func(id, pattern, template string, handle func(*web.Ctx) (any, error)) web.PageDef {
		return web.PageDef{ID: id, Nav: "attack", Room: auth.Security, Pattern: pattern, Verb: auth.Read, Template: template, Handle: handle}
	}
	return room.Module{
		Module: web.Module{
			Room:  web.Room{ID: auth.Security, Title: lang.T("Security", "Seguridad"), Icon: "security", Order: 50},
			Texts: files, Templates: files,
			Pages: []web.PageDef{
				page("attack", "/attack", "coverage-attack.html", s.show),
				page("attack.layer", "/attack/layer", "", s.layer),
				page("attack.technique", "/attack/{id}", "coverage-technique.html", s.technique),
			},
			Nav: []web.NavItem{{ID: "attack", Label: "coverage.nav", Href: "/attack", Icon: "table"}},
		},
		Tables: []*claim.Table{s.table()},
	}
}
