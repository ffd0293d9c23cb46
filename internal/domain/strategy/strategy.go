// Package strategy is the room of where the organisation is going: its
// objectives (a part of its own, package objectives), the roadmap with its
// forecasts, the technology radar with its editions, and the decisions that are
// dear to undo. They come from the files teams already keep (okrfile, workfile,
// radarfile, adrfile) and go back to them.
//
// The roadmap is read from the bottom up: work items are observed (worktable,
// workimport), a plan joins them with the initiatives (work, plan), outlook
// computes when each will be done by package forecast, forecasts keeps what was
// said and scores it when the end is known, and the pages show it.
package strategy

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/adrfile"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/objectives"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okrfile"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/workfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/observe"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Room is the ID of this room.
const Room = auth.Strategy

//go:embed *.html _decided.html _dependency.html text.en.json text.es.json
var files embed.FS

// Module returns what the room brings.
func Module() room.Module {
	goals := objectives.Module()
	return room.Module{
		Module: web.Module{
			Room:      web.Room{ID: Room, Title: lang.T("Strategy", "Estrategia"), Icon: "strategy", Order: 10},
			Texts:     texts(),
			Templates: templates(),
			Pages:     append(goals.Pages, radarPage(), roadmapPage()),
			Cards:     slices.Concat(goals.Cards, technologyCards(), decisionCards(), initiativeCards()),
			Nav: append(goals.Nav,
				web.NavItem{ID: "roadmap", Label: "strategy.nav.roadmap", Href: "/roadmap", Icon: "calendar", Key: "r", Count: unlikelyCount},
				web.NavItem{ID: "radar", Label: "strategy.nav.radar", Href: "/radar", Icon: "radar", Key: "a"},
				web.NavItem{Kind: "Technology"}, web.NavItem{Kind: "Decision", Key: "d", Count: proposed}),
			Importers: append(goals.Importers, radarImporter(), adrImporter(), workImporter()),
			Exporters: append(goals.Exporters, radarExporter(), adrExporter(), workExporter(), roadmapExporter()),
		},
		Kinds: append(goals.Kinds, technologyKind(), editionKind(), decisionKind(),
			initiativeKind(), milestoneKind(), dependencyKind(), capacityKind(), blackoutKind()),
		Bearers:    goals.Bearers,
		Words:      goals.Words,
		Observed:   []*observe.Table{workTable},
		Migrations: forecastMigrations(),
		Watches: func(c *catalog.Catalog) []feed.Watch {
			return append(goals.Watches(c), forecastWatch(c))
		},
		Schedules: func(c *catalog.Catalog) []feed.Schedule {
			return append(goals.Schedules(c), forecastSchedule(c))
		},
		Waiters: waiters(), News: news(),
	}
}

// templates returns the templates of the room with those of its parts.
var templates = sync.OnceValue(func() fs.FS {
	var merged []catalog.File
	for _, src := range []fs.FS{files, objectives.Files} {
		names, err := fs.Glob(src, "*.html")
		for _, name := range names {
			data, readErr := fs.ReadFile(src, name)
			if err = readErr; err != nil {
				break
			}
			merged = append(merged, catalog.File{Name: name, Data: data})
		}
		if err != nil {
			panic(err) // they are compiled in
		}
	}
	fsys, _, err := folder(merged)
	if err != nil {
		panic(err) // small files in memory
	}
	return fsys
})

// texts returns the words of the room with those of its parts and its file
// formats.
var texts = sync.OnceValue(func() fs.FS {
	var merged []catalog.File
	for _, code := range lang.All {
		name, all := "text."+string(code)+".json", map[string]string{}
		for _, src := range []fs.FS{files, radarfile.Text, adrfile.Text, workfile.Text, objectives.Files, okrfile.Text} {
			maps.Copy(all, words(src, name))
		}
		data, err := json.Marshal(all)
		if err != nil {
			panic(err) // a map of strings
		}
		merged = append(merged, catalog.File{Name: name, Data: data})
	}
	fsys, _, err := folder(merged)
	if err != nil {
		panic(err) // two small files in memory
	}
	return fsys
})

// words reads one file of texts that is embedded in the program.
func words(src fs.FS, name string) map[string]string {
	m := map[string]string{}
	data, err := fs.ReadFile(src, name)
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		panic(fmt.Sprintf("embedded texts: %s: %v", name, err))
	}
	return m
}

var english = sync.OnceValue(func() map[string]string { return words(files, "text.en.json") })

// newProblem words a problem that a file has, as text.en.json puts it.
func newProblem(file string, line int, code string, args ...string) fault.Problem {
	fill := func(s string) string {
		for i, arg := range args {
			s = strings.ReplaceAll(s, fmt.Sprintf("{%d}", i), arg)
		}
		return s
	}
	return fault.Problem{File: file, Line: line, Code: code, Args: args, Msg: fill(english()["problem."+code]), Hint: fill(english()["problem."+code+".hint"])}
}

// newWarning words something that was accepted, as text.en.json puts it.
func newWarning(code string, args ...string) catalog.Warning {
	p := newProblem("", 0, code, args...)
	return catalog.Warning{Code: p.Code, Args: args, Msg: p.Msg, Hint: p.Hint}
}

// setSpec writes a spec into its entity.
func setSpec(e *entity.Entity, spec any) error {
	data, err := json.Marshal(spec)
	e.Spec = data
	return err
}
