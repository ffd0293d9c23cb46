package objectives

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/web"
)

func pages() []web.PageDef                   { return nil }
func cards() []web.Card                      { return nil }
func troubled(c *web.Ctx) (web.Count, error) { return web.Count{}, nil }
func importer() catalog.Importer             { return catalog.Importer{Name: "okr"} }
func exporter() catalog.Exporter             { return catalog.Exporter{Name: "okr"} }
