// Package operations is the room of what runs: the software catalog with its
// domains, systems, components, APIs, resources and locations, in Backstage's
// own form, and the pages that show who answers for each and what it leans on.
package operations

import (
	"embed"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Room is the ID of this room.
const Room = auth.Operations

//go:embed text.en.json text.es.json *.html
var files embed.FS

// Module returns what the room brings.
func Module() room.Module {
	return room.Module{
		Module: web.Module{
			Room:  web.Room{ID: Room, Title: lang.T("Operations", "Operaciones"), Icon: "operations", Order: 40},
			Texts: files, Templates: files,
			Pages: []web.PageDef{mapPage()},
			Cards: []web.Card{headCard(), actionsCard(), definitionCard(), depsCard(), apisCard(), partsCard(), answersCard(), partCard(), factsCard(), toolsCard()},
			Nav: []web.NavItem{
				{ID: "map", Label: "operations.nav.map", Href: "/map", Icon: "graph"},
				{Kind: "Component", Label: "operations.nav.services", Key: "s"},
				{Kind: "API"}, {Kind: "System"}, {Kind: "Domain"}, {Kind: "Resource"}, {Kind: "Location"},
			},
			Importers: []catalog.Importer{backstageImporter()},
			Exporters: []catalog.Exporter{backstageExporter()},
		},
		Kinds: []*catalog.Kind{componentKind(), apiKind(), systemKind(), domainKind(), resourceKind(), locationKind()},
	}
}

// versions lists the apiVersions the kinds of this room accept. Backstage's
// comes first and is written, so that an export is a file Backstage reads.
func versions() []string {
	return []string{entity.BackstageVersion, "backstage.io/v1beta1", entity.APIVersion}
}

// notOfItself refuses a reference from an entity to itself, where that would
// make it a part of itself. Field is the path it stands in.
func notOfItself(e *entity.Entity, field, value string) []fault.Problem {
	ref, err := entity.ParseRef(value, e.Kind, e.Metadata.Namespace)
	if value == "" || err != nil || ref != e.Ref() {
		return nil
	}
	return []fault.Problem{{Field: field, Code: "itself", Msg: "cannot be a part of itself"}}
}
