// Package review is the room of looking at the whole: the page Today, the inbox
// of what waits for a reader, and tasks, which come back by the calendar and are
// completed with evidence. What those pages show is gathered by package morning,
// to which the other rooms add.
package review

import (
	"embed"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Room is the ID of this room.
const Room = auth.Review

//go:embed *.html _wait.html _change.html text.en.json text.es.json
var files embed.FS

// Module returns what the room brings.
func Module() room.Module {
	return room.Module{
		Module: web.Module{
			Room:  web.Room{ID: Room, Title: lang.T("Reviews", "Revisiones"), Icon: "reviews", Order: 70},
			Texts: files, Templates: files,
			Pages: []web.PageDef{todayPage(), changesPage(), inboxPage(), actPage(), completePage("GET"), completePage("POST")},
			Cards: taskCards(),
			Top: []web.NavItem{
				{ID: "today", Label: "review.nav.today", Href: "/", Icon: "today", Key: "t"},
				{ID: "inbox", Label: "review.nav.inbox", Href: "/inbox", Icon: "bell", Key: "w", Count: waitingCount},
			},
			Nav: []web.NavItem{{Kind: auth.KindTask, Icon: "check"}},
		},
		Kinds:      []*catalog.Kind{taskKind()},
		Migrations: migrations(),
		Watches:    watches,
		Tables:     []*claim.Table{completionsTable()},
		Waiters:    []morning.Waiter{taskWaiter()},
	}
}
