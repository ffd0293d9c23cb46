// Package objectives is the part of the strategy room that says what is to be
// reached and how far that has come: visions and pillars, cycles, objectives,
// key results, check-ins and blockers.
//
// A key result bears a claim. Its number is that of a measure, or one that
// people type, and its standing follows from that number and the days of its
// cycle (package okr). Nothing is green without live evidence. When a cycle is
// closed, its key results keep the score they had and are not tested any more.
//
// A check-in goes page → CheckIn, with the number it carries as a run of the key
// result's claim in the same transaction → status of the key result → score of
// its objective → score of the cycle.
package objectives

import (
	"embed"

	_ "time/tzdata" // cycles name time zones, and a machine may have none

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Room is the ID of the room these belong to.
const Room = auth.Strategy

// Files holds the templates and the texts of the pages.
//
//go:embed *.html _okr.html text.en.json text.es.json
var Files embed.FS

// Module returns what this part brings to its room.
func Module() room.Module {
	return room.Module{
		Module: web.Module{
			Pages: pages(), Cards: cards(),
			Nav:       []web.NavItem{{ID: "objectives", Label: "okr.nav", Href: "/objectives", Icon: "target", Key: "o", Count: troubled}},
			Importers: []catalog.Importer{importer()},
			Exporters: []catalog.Exporter{exporter()},
		},
		Kinds:     []*catalog.Kind{visionKind(), pillarKind(), cycleKind(), objectiveKind(), keyResultKind(), checkInKind(), blockerKind()},
		Bearers:   []claim.Bearer{bearer()},
		Words:     []claim.Words{words()},
		Watches:   func(c *catalog.Catalog) []feed.Watch { return []feed.Watch{watch(c)} },
		Schedules: func(c *catalog.Catalog) []feed.Schedule { return []feed.Schedule{schedule(c)} },
	}
}

// newProblem makes a problem of a file from its code, "goal." before it.
var newProblem = fault.Coded("goal", Files)
