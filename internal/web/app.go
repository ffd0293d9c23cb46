// Package web is the face for browsers: the page kit and the pages that are
// written once for all kinds. A page is a typed struct with Shell embedded and
// a template file beside it; a room adds pages, cards on the pages of records,
// places in the navigation and commands by listing them in its Module.
//
// Everything works without script: each page is complete when it arrives, each
// change is a form, and each view has an address. htmx only swaps parts of a
// page that the same address gives whole.
package web

import (
	"log/slog"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Config is what New needs.
type Config struct {
	Catalog *catalog.Catalog
	Modules []Module
	Version string
	Log     *slog.Logger
	Clock   func() time.Time // nil: time.Now
}

// App is the web face of one installation.
type App struct {
	Config
	texts *lang.Catalog
}

// Frame is what surrounds every page: who is signed in, where one can go. The
// kit fills it in.
type Frame struct {
	Lang lang.Code
}
