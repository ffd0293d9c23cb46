package objectives

import (
	"github.com/binnaclehq/binnacle/internal/web"
)

func pages() []web.PageDef                   { return nil }
func cards() []web.Card                      { return nil }
func troubled(c *web.Ctx) (web.Count, error) { return web.Count{}, nil }
