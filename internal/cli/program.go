package cli

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/backup"
	"github.com/binnaclehq/binnacle/internal/blob"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/ingest/listen"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/sample"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/talk"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
)

// Program is what the commands need of the program: what is compiled in, and
// how its parts are put together.
type Program struct {
	Version    string
	Kinds      *catalog.Kinds
	Importers  []catalog.Importer
	Exporters  []catalog.Exporter
	Sample     fs.FS             // the sample organisation, as package sample reads it
	Library    []claim.Ready     // claims and measures that are ready to be added
	Migrations []sqldb.Migration // all, in order

	// Open opens a data folder, and makes it when it is not there.
	Open func(context.Context, Place) (*Ground, error)
	// Demo opens a data folder and, when nobody has set it up, lets the sample
	// organisation live in it.
	Demo func(ctx context.Context, at Place, o *sample.Organisation, progress func(done, total int)) (*Ground, error)
	// Serve serves an open data folder until ctx ends, then finishes what is
	// under way.
	Serve func(context.Context, *Ground, ServeOptions) error
	// MCP speaks the Model Context Protocol over a pair of streams, with the
	// rights of the principal, until in ends.
	MCP func(ctx context.Context, g *Ground, p auth.Principal, in io.Reader, out io.Writer) error
	// Restore makes the data at an empty place from the backup in a file.
	Restore func(ctx context.Context, at Place, file string, progress func(backup.Progress)) (backup.Report, error)

	// Layout says where the parts of a place are.
	Layout func(Place) Layout
	// Path returns where on the server a one-time link of a kind ("invitation",
	// "reset", "sign-in") with a secret is opened.
	Path func(kind, secret string) string
}

// Place says where data are.
type Place struct {
	Data     string // the folder
	Database string // postgres://…; "" is the SQLite file in the folder
	KeyFile  string // "" is the one in the folder
	// Attachments is where attached files are: s3://…; "" is in the folder.
	Attachments string
	// Logs is where events are: http://…, VictoriaLogs or a cluster of it; "" is
	// in the folder.
	Logs string
}

// Layout says where the parts of a place are, and what a backup takes.
type Layout struct {
	Database string // postgres://…, or the SQLite file
	KeyFile  string
	Backup   backup.Options
	// WithEvents has a backup hold the events too.
	WithEvents func(backup.Options) (backup.Options, error)
	// Files opens where attached files are kept.
	Files func() (blob.Store, error)
}

// Ground is an open data folder.
type Ground struct {
	Place   Place
	DB      *sqldb.DB
	Catalog *catalog.Catalog
	Auth    *auth.Service
	Audit   *audit.Log
	Feed    *feed.Feed
	Morning *morning.Desk // nil: there is no overview
	Files   *blob.Service
	Hooks   *action.Hooks
	Talk    *talk.Service
	Claims  *claim.Engine
	Logs    logs.Store
	Close   func() error
	App     any // what Serve needs beside
}

// ServeOptions are the choices of serve.
type ServeOptions struct {
	Listen          string   // host:port; port 0 takes a free one
	BaseURL         string   // as people reach it; "" is http(s)://Listen
	TLSCert, TLSKey string   // files; "" serves plain HTTP
	AllowPrivate    []string // private networks and hosts that requests to addresses users give may go to
	SMTP            string   // the mail server, as action.ParseSMTP reads it; "" sends no mail
	Files           string   // folder of files whose numbers claims may read; "": none
	Proxies         []string // networks of proxies whose X-Forwarded-For is believed
	KeepEvents      time.Duration
	KeepEventsBytes int64              // of the disk; 0: no limit
	Collect         []listen.Spec      // what brings events in beside HTTP
	Rules           []string           // folders and archives of Sigma rules, with ?on behind those that all organisations run
	Pipeline        *pipeline.Pipeline // rewrites all rules; nil: none does
	Log             *slog.Logger
	Ready           func(baseURL string) // called once it answers
}
