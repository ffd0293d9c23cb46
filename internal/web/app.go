// Package web is the face for browsers: the page kit and the pages that are
// written once for all kinds. A page is a typed struct with Shell embedded and
// a template file beside it; a room adds pages, cards on the pages of records,
// places in the navigation and commands by listing them in its Module.
//
// Reading works without script: each page is complete when it arrives, each
// change is a form, and each view has an address. htmx only swaps parts of a
// page that the same address gives whole.
package web

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/morning"
)

//go:embed *.html text.en.json text.es.json
var files embed.FS

// Texts holds the words of this package, for lang.Load.
var Texts fs.FS = files

// Config is what New needs.
type Config struct {
	Catalog *catalog.Catalog
	Auth    *auth.Service
	Audit   *audit.Log
	Feed    *feed.Feed
	Claims  *claim.Engine
	Morning *morning.Desk
	Modules []Module
	Texts   []fs.FS // more text.en.json and text.es.json, as the catalog's
	Version string
	Started time.Time
	Secure  bool // cookies are sent over HTTPS only
	Log     *slog.Logger
	Clock   func() time.Time // nil: time.Now
	// Zone returns the time zone that somebody chose to read in; nil, or a nil
	// zone, is that of their organisation.
	Zone func(context.Context, auth.Principal) (*time.Location, error)
}

// App is the web face of one installation. It is safe for concurrent use.
type App struct {
	Config
	texts *lang.Catalog
	rooms []Room
	cards []Card
	pages []PageDef
	sets  map[setKey]*set
	door  *door.Door // for its cookies

	facets   facetCache
	drawings drawings
	moments  moments
}

// New reads the texts and finds the templates; an error is a mistake of the
// program or of a module.
func New(cfg Config) (*App, error) {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &App{Config: cfg, sets: map[setKey]*set{}, drawings: newDrawings(), moments: newMoments(), door: &door.Door{Secure: cfg.Secure}}
	var err error
	if a.texts, err = lang.Load(a.textSources()...); err != nil {
		return nil, err
	}
	a.collect()
	if err := a.checkPlurals(); err != nil {
		return nil, err
	}
	return a, a.collectTemplates()
}

func (a *App) textSources() []fs.FS {
	sources := append([]fs.FS{Texts}, a.Config.Texts...)
	for _, m := range a.Modules {
		if m.Texts != nil {
			sources = append(sources, m.Texts)
		}
	}
	return sources
}

// collect brings the modules' pages and cards together with the generic ones.
// A module's page takes the place of a generic one with the same address; the
// list of a kind then stands at /{plural}/list.
func (a *App) collect() {
	own := map[string]bool{}
	for _, m := range a.Modules {
		if !slices.ContainsFunc(a.rooms, func(r Room) bool { return r.ID == m.Room.ID }) { // a room may come in several modules
			a.rooms = append(a.rooms, m.Room)
		}
		for _, card := range m.Cards {
			card.room = m.Room.ID
			a.cards = append(a.cards, card)
		}
		for _, p := range m.Pages {
			if p.Room == "" {
				p.Room = m.Room.ID
			}
			own[p.method()+" "+p.Pattern] = true
			a.pages = append(a.pages, p)
		}
	}
	slices.SortStableFunc(a.rooms, func(x, y Room) int { return x.Order - y.Order })
	a.cards = append(a.cards, genericCards()...)
	slices.SortStableFunc(a.cards, func(x, y Card) int { return x.Order - y.Order })
	for _, p := range a.generic() {
		if own[p.method()+" "+p.Pattern] {
			if !p.isList() {
				continue
			}
			p.Pattern += "/list"
		}
		a.pages = append(a.pages, p)
	}
}

// group is the group of the navigation that a kind belongs to: its room, or the
// part of the house that lists it; "" for none.
func (a *App) group(k *catalog.Kind) string {
	if k.Room != auth.House {
		return k.Room
	}
	for _, m := range a.Modules {
		if m.Room.House && slices.ContainsFunc(m.Nav, func(it NavItem) bool { return it.Kind == k.Name }) {
			return m.Room.ID
		}
	}
	return ""
}

// asked is the room that authorisation is asked about for a group.
func (a *App) asked(group string) string {
	for _, r := range a.rooms {
		if r.ID == group && r.House {
			return auth.House
		}
	}
	return group
}

// generic lists the pages that this package brings.
func (a *App) generic() []PageDef {
	pages := housePages()
	for _, k := range a.Catalog.Kinds().All() {
		pages = append(pages, a.kindPages(k)...)
	}
	return pages
}

// checkPlurals refuses a kind whose address would hide a page of the house.
func (a *App) checkPlurals() error {
	taken := map[string]bool{}
	for _, p := range housePages() {
		taken[firstSegment(p.Pattern)] = true
	}
	for _, k := range a.Catalog.Kinds().All() {
		if taken[k.Plural] || k.Plural == "static" || k.Plural == "api" || k.Plural == "mcp" {
			return fmt.Errorf("web: the plural of kind %s, %q, is an address of the program", k.Name, k.Plural)
		}
	}
	return nil
}

// Text returns a text of the program's catalogue.
func (a *App) Text(code lang.Code, key string, args ...any) string {
	return a.texts.Get(code, key, args...)
}
