// Package room says what one of the seven rooms of the house brings: its kinds,
// pages, cards, formats, watches and tables. A room is one package under
// internal/domain that exports a Module value; internal/app lists them. Rooms
// never import each other: they meet in relations, claims, the feed and cards.
package room

import (
	"context"
	"slices"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/observe"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/talk"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Module is everything a room brings. What it leaves empty it does not bring.
type Module struct {
	web.Module // its place in the house, pages, cards, navigation, commands, formats

	Kinds      []*catalog.Kind
	Migrations []sqldb.Migration // tables of its own, beside the entities
	// Watches is what follows from what happened. A watch writes entities by
	// Catalog.In, in the transaction it is given.
	Watches func(*catalog.Catalog) []feed.Watch
	// Schedules is what is done from time to time.
	Schedules func(*catalog.Catalog) []feed.Schedule

	Bearers []claim.Bearer // kinds that bear a claim of their own
	Words   []claim.Words  // kinds whose entities carry a person's word about a claim
	Tables  []*claim.Table // what record queries may ask, beside what is observed
	// Observed are the tables of what machines report to the room. Their
	// migrations come with them, and record queries may ask them.
	Observed []*observe.Table

	Waiters []morning.Waiter // find what waits for a reader
	News    []morning.News   // tell of what happened, on the first page

	// Assigned names relations whose far end is told what happens to the record,
	// as who leads a case.
	Assigned []string
	Notices  []talk.Notice  // what people are told of, and how it reads
	Sections []talk.Section // parts of the digest
}

// Steps returns the migrations of the room: its own tables and those of what
// machines report.
func (m Module) Steps() []sqldb.Migration {
	steps := slices.Clone(m.Migrations)
	for _, t := range m.Observed {
		steps = append(steps, t.Migration())
	}
	return steps
}

// Asked returns the tables that record queries may ask.
func (m Module) Asked() []*claim.Table {
	asked := slices.Clone(m.Tables)
	for _, t := range m.Observed {
		table := &claim.Table{Name: t.Name, Title: t.Title, Doc: t.Doc, Scan: func(ctx context.Context, q sqldb.Querier, org string, at claim.Moment, yield claim.Yield) error {
			return t.Scan(ctx, q, org, at.At, func(key, label string, r observe.Row) error { return yield(key, label, r.Plain()) })
		}}
		for _, c := range t.Columns {
			table.Fields = append(table.Fields, claim.Column{Name: c.Name, Doc: c.Doc})
		}
		asked = append(asked, table)
	}
	return asked
}
