package strategy

import (
	"cmp"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

func technologyCards() []web.Card {
	return []web.Card{
		{ID: "technology-head", Kinds: []string{"Technology"}, Slot: web.Head, Template: "technology-head.html", Load: loadTechnologyHead, Replaces: []string{"spec.segment", "spec.radar", "status.ring", "status.moved", "status.edition"}},
		{ID: "technology-actions", Kinds: []string{"Technology", "RadarEdition"}, Slot: web.Actions, Template: "technology-actions.html", Load: loadOnRadar},
		{ID: "technology-history", Kinds: []string{"Technology"}, Slot: web.Main, Order: 50, Title: "strategy.history", Template: "technology-history.html", Load: loadHistory,
			Flush: true, Replaces: []string{"spec.entries", "spec.rings", "status.editions", "neighbours"}},
		{ID: "edition-table", Kinds: []string{"RadarEdition"}, Slot: web.Main, Order: 50, Title: "strategy.edition", Template: "edition-table.html", Load: loadEdition,
			Flush: true, Replaces: []string{"spec.rings", "spec.segments", "neighbours", "relations"}},
	}
}

type technologyHead struct {
	Ring, Move, Segment, Radar string
	Review                     review
}

func loadTechnologyHead(c *web.Ctx, e *entity.Entity) (any, error) {
	t, err := technologyOf(e)
	if err != nil {
		return nil, err
	}
	h := technologyHead{Segment: spoken(t.Spec.Segment), Radar: notDefault(cmp.Or(t.Spec.Radar, DefaultRadar)), Review: reviewOf(c, t.Spec.ReviewBy)}
	if s := t.Standing; s != nil {
		h.Ring = spoken(s.Ring)
		if s.Moved != string(radarfile.Unchanged) {
			h.Move = moveLabel(c, s.Moved)
		}
	}
	return h, nil
}

// loadOnRadar returns the address of the radar that shows a technology or
// edition.
func loadOnRadar(_ *web.Ctx, e *entity.Entity) (any, error) {
	if e.Kind == "RadarEdition" {
		s, err := catalog.Spec[RadarEdition](e)
		return onRadar(s.Radar, e.Metadata.Name, ""), err
	}
	t, err := technologyOf(e)
	if err != nil || t.Standing == nil {
		return nil, err
	}
	return onRadar(t.Spec.Radar, t.Standing.Edition, e.Metadata.Name), nil
}

func onRadar(radar, edition, blip string) string {
	d := &drawing{page: &radarView{Radar: notDefault(cmp.Or(radar, DefaultRadar))}}
	return d.at("edition", edition, "blip", blip)
}

func loadHistory(c *web.Ctx, e *entity.Entity) (any, error) {
	t, err := technologyOf(e)
	if err != nil || len(t.Spec.Entries) == 0 {
		return nil, err
	}
	b, err := loadEditions(c.R.Context(), c.Catalog(), c.Caller, t.Spec.Radar)
	b.restand(t)
	return history(c, t, b, ""), err
}

// editionTable counts what an edition shows, by segment and ring.
type editionTable struct {
	Rings []string
	Rows  []editionRow
}

type editionRow struct {
	Segment string
	Counts  []int
}

func loadEdition(c *web.Ctx, e *entity.Entity) (any, error) {
	spec, err := catalog.Spec[RadarEdition](e)
	if err != nil {
		return nil, err
	}
	b, err := loadBoard(c.R.Context(), c.Catalog(), c.Caller, spec.Radar)
	if err != nil {
		return nil, err
	}
	d := &drawing{c: c, board: b, edition: &edition{e, spec}, page: &radarView{}}
	d.collect()
	t := editionTable{Rings: allSpoken(d.rings)}
	for _, segment := range d.segments {
		t.Rows = append(t.Rows, editionRow{spoken(segment), make([]int, len(d.rings))})
	}
	for _, o := range d.blips {
		t.Rows[o.Segment].Counts[o.Ring]++
	}
	return t, nil
}
