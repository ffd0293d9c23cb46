// Package alerts is the part of the security room that works on what was found:
// alerts, cases with their timeline, tasks and chain of custody, and who is told.
package alerts

import (
	"context"
	"embed"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Config is what the part works with. Without a server it is empty: kinds and
// tables need nothing.
type Config struct {
	// Window is how far apart findings of one rule and group may be to be one
	// alert; 0: a day.
	Window time.Duration
	Notify func()     // called after a commit that wrote to the feed; nil: nothing
	Logs   logs.Store // nil: there are no events
	// Rule returns the text of a Sigma rule by its id; "" when it is not known.
	// Nil: none is.
	Rule func(ctx context.Context, org, id string) string
	// People lists who can sign in to an organisation; nil: nobody is written to.
	People    func(ctx context.Context, q sqldb.Querier, org string) ([]auth.Person, error)
	Mail      bool   // mail can be sent
	Base      string // the address pages are opened from, https://…; "": not known
	Playbooks []Playbook
}

//go:embed *.html text.en.json text.es.json
var files embed.FS

// Module returns what the part brings.
func Module(cfg Config) room.Module {
	p := pages{cfg}
	return room.Module{
		Module: web.Module{
			Room:  web.Room{ID: auth.Security, Title: lang.T("Security", "Seguridad"), Icon: "security", Order: 50},
			Texts: files, Templates: files,
			Pages: append(p.alertPages(), p.casePages()...),
			Cards: p.caseCards(),
			Nav: []web.NavItem{
				{ID: "alerts", Label: "alerts.nav", Href: "/alerts", Icon: "bell", Key: "l", Count: p.waiting},
				{Kind: CaseKind, Icon: "shield", Key: "c", Count: casesOpen},
				{Kind: OnCallKind}, {Kind: TargetKind},
			},
			Commands: []web.Command{{Label: "case.new", Href: "/cases/open", Icon: "plus", Verb: auth.Write, Resource: caseResource}},
		},
		Kinds:      []*catalog.Kind{caseKind(), onCallKind(), targetKind()},
		Migrations: append(migrations(), caseMigrations()...),
		Tables:     []*claim.Table{alertsTable(), casesTable()},
		Watches:    cfg.watches,
		Schedules:  cfg.schedules,
		Waiters:    cfg.waiters(),
		News:       news(),
		Assigned:   []string{leads},
		Notices:    notices(),
	}
}

// pages are the pages of the part over what it works with.
type pages struct{ Config }

func (p pages) desk(c *web.Ctx) *Desk { return NewDesk(c.Catalog(), p.Config) }
