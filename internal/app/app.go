// Package app puts the program together. Read from the bottom up, it is
//
//   - words everyone shares: entity, fault, lang; and forecast, the arithmetic of
//     delivery dates;
//   - the kernel: sqldb (the one door to the relational store), feed (what
//     happened, in order, and who works on it), audit (what was done, chained),
//     auth (who somebody is and what they may do), observe (tables of what
//     machines report), catalog (kinds, entities, revisions, relations, search),
//     claim (claims, tests, runs, evidence, measures), morning (what a reader has
//     to know first), action (requests to the outside, the outbox of mail and
//     webhooks), blob (attached files), talk (comments, watches, notifications,
//     digests), backup;
//   - events: event (what a machine said), logs (the one door to the event engine,
//     within the program or as a cluster, and the language of its questions),
//     claim/claimlogs (claims tested by such questions);
//   - their way in: ingest (the spool on the disk, what is acknowledged, what is
//     counted), ingest/post (what is sent over HTTP), ingest/listen (collectors:
//     listeners, files, the journal and what is asked for), ingest/otlp,
//     ingest/parser (formats, a package each, listed in parser/all);
//   - detection: sigma beside internal (the language and the matcher, a library
//     of their own), ingest/eventfile (events out of files), detect (rules over
//     files, of the command line) and detect/live (rules and indicators over the
//     stream, and over what is stored);
//   - the faces, each written once for all kinds: door (where requests come in),
//     web, api, mcp, cli;
//   - the rooms under domain: each brings kinds, pages, cards and formats as one
//     Module value, and none imports another. The room security is put together
//     from parts that are built as rooms are: hunt, detections, alerts, coverage,
//     sources;
//   - content beside internal (detections, measures, playbooks, the catalogue of
//     ATT&CK, the sample organisation), each a folder of files with a test;
//   - this package, which lists the rooms and wires the rest by hand.
//
// A change made in a form goes web → catalog.Update → one transaction that
// stores the entity, its revision, its relations, its search words, its feed
// entry and its audit record. A file goes cli → catalog.Decode (schema, then the
// kind's own check) → catalog.Apply → the same transaction.
//
// An event goes ingest/post or ingest/listen → ingest.Intake.Take: a parser, then
// the spool, and the sender is told → detect/live, whose findings become alerts
// (domain/security/alerts) before the event is let on → logs. A question goes from
// the page of hunts, the API, the terminal or a claim → logs → the engine.
package app

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
	_ "time/tzdata" // digests keep people's own time, also where the machine has no zones

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/backup"
	"github.com/binnaclehq/binnacle/internal/blob"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/claim/claimlogs"
	"github.com/binnaclehq/binnacle/internal/claim/claimweb"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/domain/operations"
	"github.com/binnaclehq/binnacle/internal/domain/people"
	"github.com/binnaclehq/binnacle/internal/domain/review"
	"github.com/binnaclehq/binnacle/internal/domain/security"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
	"github.com/binnaclehq/binnacle/internal/domain/security/coverage"
	"github.com/binnaclehq/binnacle/internal/domain/security/detections"
	"github.com/binnaclehq/binnacle/internal/domain/security/hunt"
	"github.com/binnaclehq/binnacle/internal/domain/security/sources"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/listen"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/talk"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
)

// Rooms lists the rooms of the house, in the order of the navigation.
func Rooms(s security.Config) []room.Module {
	return slices.Concat([]room.Module{strategy.Module(), people.Module(), operations.Module()}, security.Modules(s), []room.Module{review.Module()})
}

// Modules lists the rooms and the parts of the house itself that come as one,
// for what needs no open installation.
func Modules() []room.Module { return modules(security.Config{}) }

func modules(s security.Config) []room.Module {
	rooms := Rooms(s)
	return append(rooms, room.Module{Module: claimweb.Module(bearers(rooms), Library()), Kinds: claim.Kinds()})
}

// Library returns the claims and measures that are ready to be added.
func Library() []claim.Ready {
	folder, err := fs.Sub(content.Measures, "measures")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	list, err := claim.Library(folder)
	if err != nil {
		panic(err) // so are its files, and a test reads them
	}
	return list
}

// bearers returns the kinds whose entities bear a claim: those of claims
// themselves, then those of the rooms.
func bearers(rooms []room.Module) []*catalog.Kind {
	names := claim.OwnBearers()
	kinds := claim.Kinds()
	for _, m := range rooms {
		kinds = append(kinds, m.Kinds...)
		for _, b := range m.Bearers {
			names = append(names, b.Kind)
		}
	}
	var out []*catalog.Kind
	for _, k := range kinds {
		if slices.Contains(names, k.Name) {
			out = append(out, k)
		}
	}
	return out
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
	all := slices.Concat(feed.Migrations(), audit.Migrations(), auth.Migrations(), catalog.Migrations(), web.Migrations(), action.Migrations(), blob.Migrations(), talk.Migrations(),
		claim.Migrations(), morning.Migrations(), logs.Migrations())
	for _, m := range Modules() {
		all = append(all, m.Steps()...)
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
	Files    string // folder of files whose numbers claims may read; "": none
	// Attachments is where attached files are: s3://…; "" is attachments in the folder.
	Attachments string
	// Logs is where events are: http://… is VictoriaLogs, or a cluster of it; "" is
	// events in the folder.
	Logs string
	// KeepEvents and KeepEventsBytes say what of the folder is dropped; 0: nothing.
	KeepEvents      time.Duration
	KeepEventsBytes int64
	MaxSpool        int64 // bytes of events that may wait on the disk; 0: ingest.DefaultSpool
	// Rules are folders and archives of Sigma rules, with ?on behind those that
	// every organisation runs. Pipeline, when there is one, rewrites all rules.
	Rules    []string
	Pipeline *pipeline.Pipeline
	// Now is the clock by which everything is dated that people and machines
	// write; nil: the time.
	Now func() time.Time

	// What only a server needs.
	RPID         string         // the domain passkeys belong to; "" turns them off
	Origins      []string       // the addresses pages are opened from
	Hosts        []string       // the names people reach it by; empty: any
	Proxies      []netip.Prefix // whose X-Forwarded-For is believed
	AllowPrivate []string       // networks and hosts that addresses given by users may lead to
	SMTP         string         // the mail server; "" sends no mail
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
	Claims  *claim.Engine
	Morning *morning.Desk
	Files   *blob.Service
	Hooks   *action.Hooks
	Outbox  *action.Outbox
	Mailer  *action.Mailer // nil: no mail is sent
	Talk    *talk.Service
	Logs    logs.Store // opened when it is first used
	events  eventChoices
	Detect  *live.Engine
	Looks   *live.Jobs // into the past
	Started time.Time
	Intake  *ingest.Intake     // the way of events in; nil unless it is open
	Sources *sources.Described // as people describe them

	Collectors *listen.Set // what brings events in beside HTTP, of a server that was given some

	unsaid   func(context.Context, *App) error // sends what the sample's machines said long ago; nil: nothing is left
	security security.Config                   // what the rooms of an open installation work with
}

// modules are the modules of the open installation.
func (a *App) modules() []room.Module { return modules(a.security) }

// Open opens the installation, makes it when it is not there, and brings its
// tables up to date.
func Open(ctx context.Context, cfg Config) (*App, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
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
	keys, err := auth.OpenKeyring(ctx, a.DB, a.Config.keyFile(), slices.Concat(action.Sealed(), claim.Sealed())...)
	if err != nil {
		return err
	}
	a.Feed = feed.New(a.DB, feed.WithLogger(a.Config.Log))
	a.Audit = audit.New(a.DB)
	a.Catalog = catalog.New(a.DB, Kinds(), catalog.WithNotify(a.Feed.Notify), catalog.WithClock(a.Config.Now))
	if err := a.Catalog.Upgrade(ctx, func() { a.Config.Log.Info("making the search index anew from the documents; this is done once") }); err != nil {
		return err
	}
	if err := a.Catalog.Refresh(ctx); err != nil {
		a.Config.Log.ErrorContext(ctx, "statuses stay as an older version computed them", "error", err)
	}
	if err := a.wireLogs(); err != nil {
		return err
	}
	a.wireSecurity()
	a.wireSources()
	client := action.NewClient(action.Guard{AllowPrivate: prefixes, AllowHosts: hosts})
	if err := a.wireOutward(keys, client); err != nil {
		return err
	}
	a.Auth, err = auth.New(ctx, auth.Config{DB: a.DB, Keys: keys, RPID: a.Config.RPID, Origins: a.Config.Origins, Client: client, Now: a.Config.Now})
	if err == nil {
		a.Claims = claim.New(a.claims(keys, client))
		a.Morning = morning.New(a.morning())
		a.wireTalk()
	}
	return err
}

// claims is what the engine of claims works with.
func (a *App) claims(keys claim.Keys, client *http.Client) claim.Config {
	cfg := claim.Config{DB: a.DB, Catalog: a.Catalog, Feed: a.Feed, Client: client, Files: a.Config.Files, Secret: a.Auth.Secret, Keys: keys, Log: a.Config.Log, Now: a.Config.Now,
		Disputes: a.disputes, Attachments: a.attached, Languages: []claim.Language{claimlogs.Language(claimlogs.Config{Store: a.Logs, Known: a.known, Now: a.Config.Now})}}
	for _, m := range a.modules() {
		cfg.Bearers, cfg.Tables, cfg.Words = append(cfg.Bearers, m.Bearers...), append(cfg.Tables, m.Asked()...), append(cfg.Words, m.Words...)
	}
	return cfg
}

// known is up to when every event that came is in the store; the zero time where
// this program takes none in.
func (a *App) known() time.Time {
	if in := a.Intake; in != nil {
		return in.Known()
	}
	return time.Time{}
}

// disputes returns the first open dispute of each claim.
func (a *App) disputes(ctx context.Context, q sqldb.Querier, org string, uids []string) (map[string]claim.Dispute, error) {
	open, err := a.Talk.OpenDisputes(ctx, q, org, uids...)
	out := map[string]claim.Dispute{}
	for uid, list := range open {
		out[uid] = claim.Dispute{By: list[0].By, At: list[0].Created, Text: list[0].Body}
	}
	return out, err
}

// attached returns the files that travel with a claim's evidence.
func (a *App) attached(ctx context.Context, org, uid string) ([]claim.Attachment, error) {
	list, err := a.Files.Of(ctx, org, uid)
	var out []claim.Attachment
	for _, f := range list {
		out = append(out, claim.Attachment{Name: f.Name, Type: f.Type, SHA256: f.SHA256,
			Open: func() (io.ReadCloser, error) { return a.Files.Content(ctx, org, f) }})
	}
	return out, err
}

// morning is what the overview works with.
func (a *App) morning() morning.Config {
	cfg := morning.Config{DB: a.DB, Catalog: a.Catalog, Claims: a.Claims, Feed: a.Feed, Log: a.Config.Log, Now: a.Config.Now}
	for _, m := range a.modules() {
		cfg.Waiters, cfg.News = append(cfg.Waiters, m.Waiters...), append(cfg.News, m.News...)
	}
	return cfg
}

// wireTalk wires what people say and what they are told.
func (a *App) wireTalk() {
	c := talk.Config{Catalog: a.Catalog, Auth: a.Auth, Outbox: a.Outbox, Hooks: a.Hooks, Notify: a.Feed.Notify, Log: a.Config.Log, Path: a.path, Now: a.Config.Now}
	if len(a.Config.Origins) > 0 {
		c.Base = a.Config.Origins[0]
	}
	c.Notices, c.Sections, c.Assigned = []talk.Notice{stateNotice()}, a.digest(), []string{"assignedTo"}
	for _, m := range a.modules() {
		c.Assigned = append(c.Assigned, m.Assigned...)
		c.Notices, c.Sections = append(c.Notices, m.Notices...), append(c.Sections, m.Sections...)
	}
	a.Talk = talk.New(c)
}

// path is the address of a record's page; the front page for a kind the program
// does not know.
func (a *App) path(ref entity.Ref) string {
	if k := a.Catalog.Kinds().Get(ref.Kind); k != nil {
		return web.RecordPath(k.Plural, ref)
	}
	return "/"
}

// wireOutward wires attached files, mail and webhooks.
func (a *App) wireOutward(keys action.Sealer, client *http.Client) error {
	store, err := a.Config.store()
	if err != nil {
		return err
	}
	a.Files = blob.New(blob.Config{Catalog: a.Catalog, Store: store, Notify: a.Feed.Notify, Now: a.Config.Now})
	a.Hooks = action.NewHooks(a.DB, keys, client)
	senders := []action.Option{action.WithLogger(a.Config.Log), action.WithSender(action.Webhook, a.Hooks)}
	if a.Config.SMTP != "" {
		if a.Mailer, err = action.ParseSMTP(a.Config.SMTP); err != nil {
			return err
		}
		senders = append(senders, action.WithSender(action.Mail, a.Mailer))
	}
	a.Outbox = action.NewOutbox(a.DB, a.Feed, senders...)
	return nil
}

// wireLogs wires the events. A server wires itself anew once it knows its
// choices: what was opened before is closed, unless they are the same.
func (a *App) wireLogs() error {
	logs.LogTo(a.Config.Log)
	choices := eventChoices{a.Config.Logs, a.Config.events(), a.Config.KeepEvents, a.Config.KeepEventsBytes}
	if a.Logs != nil && a.events == choices {
		return nil
	}
	if a.Logs != nil {
		if err := a.Logs.Close(); err != nil {
			return err
		}
	}
	a.events = choices
	tenants := logs.NewTenants(a.DB)
	if a.Config.Logs != "" {
		store, err := logs.OpenCluster(logs.ClusterOptions{URL: a.Config.Logs, Tenants: tenants, Keep: a.Config.KeepEvents})
		if err == nil {
			a.Logs = store
		}
		return err
	}
	a.Logs = logs.Lazy(logs.EmbeddedLimits(a.Config.KeepEvents), func() (logs.Store, error) {
		return logs.OpenEmbedded(logs.Options{Folder: a.Config.events(), Tenants: tenants, Keep: a.Config.KeepEvents, KeepBytes: a.Config.KeepEventsBytes})
	})
	return nil
}

// eventChoices are what a store of events was opened with.
type eventChoices struct {
	url, folder string
	keep        time.Duration
	bytes       int64
}

// wireSecurity wires detection, and what the pages of the security room work
// with.
func (a *App) wireSecurity() {
	cfg := live.Config{DB: a.DB, Store: a.Logs, Builtin: content.Detections, Root: "detections", Pipeline: a.Config.Pipeline, Log: a.Config.Log, Now: a.Config.Now,
		Choices: detections.Choices(a.Catalog), Indicators: detections.Indicators(a.DB, a.Config.Now), Head: a.Feed.Head, Changed: detections.Changed(a.Feed),
		Sink: func(ctx context.Context, found []detect.Finding) error {
			return alerts.NewDesk(a.Catalog, a.security.Alerts).Take(ctx, found)
		}}
	for _, text := range a.Config.Rules {
		cfg.Sets = append(cfg.Sets, live.ParseSet(text))
	}
	if a.Looks != nil {
		a.Looks.Stop()
	}
	a.Detect, a.Looks = live.New(cfg), live.NewJobs()
	a.security.Hunt = hunt.Config{Store: a.Logs, Rules: a.ruleNames}
	a.security.Coverage = coverage.Config{Store: a.Logs, Now: a.Config.Now, Engine: a.Detect, Detection: func(_ *web.Ctx, e *live.Entry) string { return detections.Href(e.Key) }}
	a.security.Detections = detections.Config{Engine: a.Detect, Jobs: a.Looks, Door: taker{a}, Orgs: a.organisations}
	a.security.Alerts = a.alerts()
}

// ruleNames are what the rules that events matched are called.
func (a *App) ruleNames(c *web.Ctx, ids []string) (map[string]hunt.Rule, error) {
	rules, err := a.Detect.Ruleset(c.R.Context(), c.Caller.Org)
	if err != nil {
		return nil, err
	}
	out := map[string]hunt.Rule{}
	for _, id := range ids {
		if e := rules.Entry(id); e != nil {
			out[id] = hunt.Rule{Title: e.Told.Title, Href: detections.Href(id), Level: e.Told.Level}
		}
	}
	return out, nil
}

// organisations are the names of all.
func (a *App) organisations(ctx context.Context) ([]string, error) {
	list, err := a.Auth.AllOrgs(ctx)
	var out []string
	for _, o := range list {
		out = append(out, o.ID)
	}
	return out, err
}

// alerts is what alerts and cases work with.
func (a *App) alerts() alerts.Config {
	cfg := alerts.Config{Notify: a.Feed.Notify, Logs: a.Logs, Mail: a.Config.SMTP != "", Playbooks: Playbooks(), Rule: a.Detect.Text,
		People: func(ctx context.Context, q sqldb.Querier, org string) ([]auth.Person, error) {
			return a.Auth.People(ctx, q, org)
		}}
	if len(a.Config.Origins) > 0 {
		cfg.Base = a.Config.Origins[0]
	}
	return cfg
}

// Playbooks returns the templates of the work of a case.
func Playbooks() []alerts.Playbook {
	folder, err := fs.Sub(content.Playbooks, "playbooks")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	list, err := alerts.LoadPlaybooks(folder)
	if err != nil {
		panic(err) // so are its files, and a test reads them
	}
	return list
}

// ownZone is the time zone that somebody chose for what they are told; nil when
// they chose none.
func (a *App) ownZone(ctx context.Context, p auth.Principal) (*time.Location, error) {
	if p.Can(auth.Self, auth.Resource{}) != nil {
		return nil, nil // a token that reads for a program has no settings
	}
	s, err := a.Talk.Settings(ctx, p)
	if err != nil || s.Zone == talk.DefaultSettings.Zone {
		return nil, err
	}
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return nil, nil // it has left the world's list
	}
	return zone, nil
}

// events is the folder of events.
func (cfg Config) events() string { return filepath.Join(cfg.Data, "events") }

// attachments is the folder of attached files, in the data folder and in a
// backup.
const attachments = "attachments"

func (cfg Config) store() (blob.Store, error) {
	return blob.OpenStore(cfg.Attachments, filepath.Join(cfg.Data, attachments))
}

// Close closes the events and the database.
func (a *App) Close() error {
	var err error
	if a.Logs != nil {
		err = a.Logs.Close()
	}
	return errors.Join(err, a.DB.Close())
}

// fleeting are tables whose rows make no sense in another installation.
var fleeting = []string{"feed_leases", "auth_sessions", "auth_challenges", "auth_limits"}

// BackupOptions says what a backup of the installation holds and leaves out.
func (a *App) BackupOptions() backup.Options {
	o := backup.Options{Program: a.Config.Version, Skip: slices.Concat(fleeting, catalog.DerivedTables),
		Files: []backup.File{{Name: "key", Path: a.Config.keyFile(), Secret: true}}}
	if a.Config.Attachments == "" {
		o.Folders = []backup.Folder{{Name: attachments, Path: filepath.Join(a.Config.Data, attachments)}}
	} else if store, err := a.Config.store(); err == nil {
		o.Elsewhere = []string{store.String()}
	}
	if c, err := logs.OpenCluster(logs.ClusterOptions{URL: a.Config.Logs}); err == nil {
		o.Elsewhere = append(o.Elsewhere, c.String())
	} else if exists(a.Config.events()) {
		o.Elsewhere = append(o.Elsewhere, a.Config.events())
	}
	return o
}

// WithEvents has a backup hold the events of the data folder too. What waits in
// the spool is not among them.
func (a *App) WithEvents(o backup.Options) (backup.Options, error) {
	if a.Config.Logs != "" {
		return o, fault.New(fault.Invalid, "the events are in a cluster, which is copied for itself").WithHint("see docs/backup.md#events-of-a-cluster")
	}
	o.Elsewhere = slices.DeleteFunc(slices.Clone(o.Elsewhere), func(place string) bool { return place == a.Config.events() })
	o.Freeze = func(ctx context.Context) ([]backup.Folder, func() error, error) {
		store, end, err := a.freezer()
		if err != nil {
			return nil, nil, err
		}
		days, thaw, err := store.Freeze(ctx)
		if err != nil {
			return nil, nil, errors.Join(err, end())
		}
		var list []backup.Folder
		for _, d := range days {
			list = append(list, backup.Folder{Name: path.Join(filepath.Base(a.Config.events()), d.Name), Path: d.Folder})
		}
		return list, func() error { return errors.Join(thaw(), end()) }, nil
	}
	return o, nil
}

// freezer is the store of events of an installation that serves, or one that is
// opened for as long as it takes.
func (a *App) freezer() (store logs.Freezer, end func() error, err error) {
	if store, ok := a.Logs.(logs.Freezer); ok {
		return store, func() error { return nil }, nil
	}
	if _, err := os.Stat(a.Config.events()); errors.Is(err, fs.ErrNotExist) {
		return nothingFrozen{}, func() error { return nil }, nil
	}
	s, err := logs.OpenEmbedded(logs.Options{Folder: a.Config.events()})
	if fault.Is(err, fault.Conflict) {
		return nil, nil, fault.New(fault.Conflict, "the events in %s are in use", a.Config.events()).WithHint("a server that runs gives them: binnacle backup FILE --events --server ADDRESS")
	}
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}

type nothingFrozen struct{}

func (nothingFrozen) Freeze(context.Context) ([]logs.Frozen, func() error, error) {
	return nil, func() error { return nil }, nil
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
