package web

import (
	"net/http"
	"slices"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
)

// housePages are the pages that belong to no room and no kind.
func housePages() []PageDef {
	pages := []PageDef{
		{ID: "home", Pattern: "/{$}", Verb: auth.Read, Template: "home.html", Handle: home},
		{ID: "search", Pattern: "/search", Verb: auth.Read, Template: "search.html", Handle: searchFor},
		{ID: "palette", Pattern: "/palette", Verb: auth.Read, Template: "palette.html", Handle: palette},
		{ID: "system", Pattern: "/system", Verb: auth.Monitor, Template: "system.html", Handle: system},
		{ID: "suggest", Pattern: "/suggest", Verb: auth.Read, Template: "suggest.html", Handle: suggest},
		{ID: "preferences", Method: http.MethodPost, Pattern: "/preferences", Verb: auth.Public, Handle: preferences},
	}
	return slices.Concat(pages, doorPages(), accountPages(), settingsPages(), auditPages(), importPages())
}

// importers are the formats the reader may import.
func (a *App) importers(c *Ctx) []catalog.Importer {
	var out []catalog.Importer
	for _, m := range a.Modules {
		for _, im := range m.Importers {
			if im.Ask(c.Caller.Principal) == nil {
				out = append(out, im)
			}
		}
	}
	return out
}

func (a *App) secure() bool { return a.Secure }
