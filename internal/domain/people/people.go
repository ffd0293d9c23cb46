// Package people is the room of who is here: groups and persons in Backstage's
// form, the organisation chart, the directory, and what each answers for.
package people

import (
	"embed"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Room is the ID of this room.
const Room = auth.People

//go:embed text.en.json text.es.json *.html _owned.html
var files embed.FS

// Module returns what the room brings.
func Module() room.Module {
	return room.Module{
		Module: web.Module{
			Room:  web.Room{ID: Room, Title: lang.T("People", "Personas"), Icon: "people", Order: 20},
			Texts: files, Templates: files,
			Pages: []web.PageDef{organisationPage(), directoryPage()},
			Cards: append(groupCards(), userCards()...),
			Nav: []web.NavItem{
				{ID: "organisation", Label: "people.nav.org", Href: "/organisation", Icon: "org"},
				{Kind: "User", Label: "people.nav.directory", Href: "/people", Key: "p"},
				{Kind: "Group"},
			},
		},
		Kinds: []*catalog.Kind{groupKind(), userKind()},
	}
}

// versions lists the apiVersions the kinds of this room accept. Backstage's
// comes first and is written, so that an export is a file Backstage reads.
func versions() []string {
	return []string{entity.BackstageVersion, "backstage.io/v1beta1", entity.APIVersion}
}
