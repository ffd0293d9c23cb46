// Package app puts the program together. Read from the bottom up, it is
//
//   - words everyone shares: entity, fault, lang;
//   - the kernel: sqldb (the one door to the relational store), feed (what
//     happened, in order, and who works on it), audit (what was done, chained),
//     auth (who somebody is and what they may do), catalog (kinds, entities,
//     revisions, relations, search), action (requests to the outside), backup;
//   - the faces, each written once for all kinds: door (where requests come in),
//     web, api, mcp, cli;
//   - the rooms under domain: each brings kinds, pages, cards and formats as one
//     Module value, and none imports another;
//   - this package, which lists the rooms and wires the rest by hand.
//
// A change made in a form goes web → catalog.Update → one transaction that
// stores the entity, its revision, its relations, its search words, its feed
// entry and its audit record. A file goes cli → catalog.Decode (schema, then the
// kind's own check) → catalog.Apply → the same transaction.
package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/backup"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/operations"
	"github.com/binnaclehq/binnacle/internal/domain/people"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Modules lists the rooms of the house, in the order of the navigation.
func Modules() []room.Module {
	return []room.Module{strategy.Module(), people.Module(), operations.Module()}
}

// Kinds returns the kinds of all rooms.
func Kinds() *catalog.Kinds {
	var list []*catalog.Kind
	for _, m := range Modules() {
		list = append(list, m.Kinds...)
	}
	return catalog.NewKinds(list...)
}

// Migrations returns the tables of the kernel and of the rooms, in order.
func Migrations() []sqldb.Migration {
	all := slices.Concat(feed.Migrations(), audit.Migrations(), auth.Migrations(), catalog.Migrations(), web.Migrations())
	for _, m := range Modules() {
		all = append(all, m.Migrations...)
	}
	return all
}

// Importers returns the formats that can be read.
func Importers() []catalog.Importer {
	var all []catalog.Importer
	for _, m := range Modules() {
		all = append(all, m.Importers...)
	}
	return all
}

// Exporters returns the formats that can be written.
func Exporters() []catalog.Exporter {
	var all []catalog.Exporter
	for _, m := range Modules() {
		all = append(all, m.Exporters...)
	}
	return all
}

// Config says where the data are and how the installation is reached.
type Config struct {
	Data     string // the folder
	Database string // postgres://…; "" is binnacle.db in the folder
	KeyFile  string // "" is key in the folder

	// What only a server needs.
	RPID         string         // the domain passkeys belong to; "" turns them off
	Origins      []string       // the addresses pages are opened from
	Hosts        []string       // the names people reach it by; empty: any
	Proxies      []netip.Prefix // whose X-Forwarded-For is believed
	AllowPrivate []string       // networks and hosts that addresses given by users may lead to
	Version      string
	Log          *slog.Logger
}

// App is an open installation.
type App struct {
	Config  Config
	DB      *sqldb.DB
	Feed    *feed.Feed
	Audit   *audit.Log
	Auth    *auth.Service
	Catalog *catalog.Catalog
	Started time.Time
}

// Open opens the installation, makes it when it is not there, and brings its
// tables up to date.
func Open(ctx context.Context, cfg Config) (*App, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	db, err := sqldb.Open(ctx, cfg.database())
	if err != nil {
		return nil, err
	}
	a := &App{Config: cfg, DB: db, Started: time.Now()}
	if err := a.wire(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return a, nil
}

func (cfg Config) database() string {
	if cfg.Database != "" {
		return cfg.Database
	}
	return filepath.Join(cfg.Data, "binnacle.db")
}

func (cfg Config) keyFile() string {
	if cfg.KeyFile != "" {
		return cfg.KeyFile
	}
	return filepath.Join(cfg.Data, "key")
}

func (a *App) wire(ctx context.Context) error {
	if err := a.DB.Migrate(ctx, Migrations()); err != nil {
		return err
	}
	prefixes, hosts, err := action.ParseAllow(a.Config.AllowPrivate...)
	if err != nil {
		return err
	}
	keys, err := auth.OpenKeyring(ctx, a.DB, a.Config.keyFile())
	if err != nil {
		return err
	}
	a.Feed = feed.New(a.DB, feed.WithLogger(a.Config.Log))
	a.Audit = audit.New(a.DB)
	a.Catalog = catalog.New(a.DB, Kinds(), catalog.WithNotify(a.Feed.Notify))
	if err := a.Catalog.Upgrade(ctx, func() { a.Config.Log.Info("making the search index anew from the documents; this is done once") }); err != nil {
		return err
	}
	if err := a.Catalog.Refresh(ctx); err != nil {
		a.Config.Log.ErrorContext(ctx, "statuses stay as an older version computed them", "error", err)
	}
	a.Auth, err = auth.New(ctx, auth.Config{DB: a.DB, Keys: keys, RPID: a.Config.RPID, Origins: a.Config.Origins,
		Client: action.NewClient(action.Guard{AllowPrivate: prefixes, AllowHosts: hosts})})
	return err
}

// Close closes the database.
func (a *App) Close() error { return a.DB.Close() }

// fleeting are tables whose rows make no sense in another installation.
var fleeting = []string{"feed_leases", "auth_sessions", "auth_challenges", "auth_limits"}

// BackupOptions says what a backup of the installation holds and leaves out.
func (a *App) BackupOptions() backup.Options {
	return backup.Options{Program: a.Config.Version, Skip: slices.Concat(fleeting, catalog.DerivedTables),
		Files: []backup.File{{Name: "key", Path: a.Config.keyFile(), Secret: true}}}
}

// Restore makes an installation from a backup file at an empty place: all of
// it, or nothing. A database file that it began and could not finish is removed,
// so that nobody takes it for an installation.
func Restore(ctx context.Context, cfg Config, file string, progress func(backup.Progress)) (report backup.Report, err error) {
	if path := cfg.database(); cfg.Database == "" && !exists(path) {
		defer func() {
			if err != nil {
				err = errors.Join(err, removeDatabase(path))
			}
		}()
	}
	db, err := sqldb.Open(ctx, cfg.database())
	if err != nil {
		return backup.Report{}, err
	}
	defer db.Close()
	return backup.RestoreFile(ctx, db, file, backup.RestoreOptions{
		Migrations: Migrations(), Skip: slices.Concat(fleeting, catalog.DerivedTables), Dir: cfg.Data, Progress: progress,
		Rebuild: func(ctx context.Context, db *sqldb.DB) error {
			return catalog.New(db, Kinds()).Rebuild(ctx)
		},
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// removeDatabase removes a SQLite file and what lies beside it.
func removeDatabase(path string) error {
	var failed error
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}
