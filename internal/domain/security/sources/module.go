// Package sources is the part of the security room that shows where events come from and
// how each source is doing.
package sources

import (
	"embed"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/listen"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Config is what the part works with. Without a server it is empty: kinds and
// tables need nothing.
type Config struct {
	DB      *sqldb.DB
	Catalog *catalog.Catalog
	// Intake returns what takes events in here; nil when nothing does.
	Intake func() *ingest.Intake
	// Collectors tells how what brings events in beside HTTP fares; nil when nothing
	// does.
	Collectors func() []listen.Status
	Base       string // the address senders reach it at, https://…; "": not known
}

//go:embed *.html text.en.json text.es.json
var files embed.FS

// Module returns what the part brings.
func Module(c Config) room.Module {
	return room.Module{
		Module: web.Module{
			Room:  web.Room{ID: auth.Security, Title: lang.T("Security", "Seguridad"), Icon: "security", Order: 50},
			Texts: files, Templates: files,
			Pages: []web.PageDef{
				{ID: "sources", Room: auth.Security, Pattern: "/sources", Verb: auth.Read, Template: "sources-list.html", Handle: c.list},
				{ID: "sources.one", Nav: "sources", Room: auth.Security, Pattern: "/sources/{name}", Verb: auth.Read, Template: "sources-one.html", Handle: c.one},
			},
			Nav: []web.NavItem{{ID: "sources", Label: "sources.nav", Href: "/sources", Icon: "import", Key: "f", Count: c.silentCount}},
		},
		Kinds:      []*catalog.Kind{sourceKind()},
		Migrations: migrations(),
		Tables:     []*claim.Table{c.table()},
	}
}

// intake returns what takes events in; nil when nothing does.
func (c Config) intake() *ingest.Intake {
	if c.Intake == nil {
		return nil
	}
	return c.Intake()
}
