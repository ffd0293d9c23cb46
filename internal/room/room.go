// Package room says what one of the seven rooms of the house brings: its kinds,
// pages, cards, formats, watches and tables. A room is one package under
// internal/domain that exports a Module value; internal/app lists them. Rooms
// never import each other: they meet in relations, claims, the feed and cards.
package room

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Module is everything a room brings. What it leaves empty it does not bring.
type Module struct {
	web.Module // its place in the house, pages, cards, navigation, commands, formats

	Kinds      []*catalog.Kind
	Migrations []sqldb.Migration // tables of its own, beside the entities
	// Watches is what follows from what happened. A watch writes entities by
	// Catalog.In, in the transaction it is given.
	Watches   func(*catalog.Catalog) []feed.Watch
	Schedules []feed.Schedule // what is done from time to time
}
