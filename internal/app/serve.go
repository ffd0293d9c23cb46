package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/api"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/backup"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/ingest/listen"
	"github.com/binnaclehq/binnacle/internal/mcp"
	"github.com/binnaclehq/binnacle/internal/talk/talkweb"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/static"
)

// Faces are the ways into an open installation over HTTP.
type Faces struct {
	Web     *web.App
	API     *api.API
	Metrics *door.Metrics
	Ending  context.Context // done when the program ends: what streams stops then; nil: never
	routes  []door.Route
}

// Faces builds the web and the API over the installation. Secure says that
// people reach it over HTTPS.
func (a *App) Faces(secure bool) (*Faces, error) {
	var modules []web.Module
	for _, m := range a.modules() {
		modules = append(modules, m.Module)
	}
	modules = append(modules, talkweb.Module(talkweb.Config{Kinds: a.Catalog.Kinds(), Talk: a.Talk, Files: a.Files, Hooks: a.Hooks}))
	pages, err := web.New(web.Config{Catalog: a.Catalog, Auth: a.Auth, Audit: a.Audit, Feed: a.Feed, Claims: a.Claims, Morning: a.Morning, Modules: modules,
		Version: a.Config.Version, Started: a.Started, Secure: secure, Log: a.Config.Log, Clock: a.Config.Now, Zone: a.ownZone})
	if err != nil {
		return nil, err
	}
	f := &Faces{Web: pages, Metrics: door.NewMetrics(a.gauges)}
	f.API = api.New(api.Config{Catalog: a.Catalog, Auth: a.Auth, Audit: a.Audit, Feed: a.Feed, Claims: a.Claims, Morning: a.Morning, Importers: Importers(), Exporters: Exporters(),
		Talk: a.Talk, Files: a.Files, Hooks: a.Hooks, Logs: a.Logs, Alerts: alertAPI{alerts.NewDesk(a.Catalog, a.security.Alerts)},
		Backup: a.writeBackup, Version: a.Config.Version, Started: a.Started})
	f.routes = append(f.routes, pages.Routes()...)
	f.routes = append(f.routes, f.API.Routes()...)
	f.routes = append(f.routes, door.Route{Method: "GET", Pattern: "/static/{file...}", Face: door.Web, Verb: auth.Public, Handle: serveStatic})
	f.routes = append(f.routes, a.mcp().Routes()...)
	f.routes = append(f.routes, a.postRoutes()...)
	f.routes = append(f.routes, door.HealthRoutes(door.Ping(a.DB), f.Metrics)...)
	return f, nil
}

func serveStatic(w http.ResponseWriter, r *http.Request) error {
	static.Handler().ServeHTTP(w, r)
	return nil
}

// mcp is the face for assistants.
func (a *App) mcp() *mcp.Face {
	return mcp.New(mcp.Config{Catalog: a.Catalog, Claims: a.Claims, Morning: a.Morning, Talk: a.Talk, Refused: a.Auth.Refused, Version: a.Config.Version, Log: a.Config.Log})
}

// Routes lists every address the program answers.
func (f *Faces) Routes() []door.Route { return f.routes }

// Handler returns the program's HTTP handler.
func (a *App) Handler(f *Faces, secure bool) http.Handler {
	d := &door.Door{
		Auth: a.Auth, Log: a.Config.Log, Metrics: f.Metrics, Secure: secure, Origins: a.Config.Origins, Proxies: a.Config.Proxies, Hosts: a.Config.Hosts, Ending: f.Ending, SignIn: f.Web.SignIn,
		Errors:  map[door.Face]func(http.ResponseWriter, *http.Request, error){door.Web: f.Web.Error, door.API: f.API.Error, door.MCP: f.API.Error},
		Refused: door.AuditRefusals(a.DB, func(err error) { a.Config.Log.Error("a refusal could not be written to the audit log", "err", err) }),
	}
	return d.Handler(f.routes)
}

func (a *App) writeBackup(ctx context.Context, w io.Writer, events bool) (err error) {
	o := a.BackupOptions()
	if events {
		if o, err = a.WithEvents(o); err != nil {
			return err
		}
	}
	_, err = backup.Write(ctx, a.DB, w, o)
	return err
}

// gauges are the program's numbers about itself.
func (a *App) gauges(ctx context.Context) []door.Gauge {
	var out []door.Gauge
	cursors, err := a.Feed.Status(ctx)
	if err != nil {
		return nil
	}
	for _, c := range cursors {
		out = append(out, door.Gauge{Name: "binnacle_feed_lag_entries", Help: "Entries a watch has not handled yet.", Labels: map[string]string{"watch": c.Name}, Value: float64(c.Lag)})
	}
	return append(append(out, a.ingestGauges()...), a.detectGauges()...)
}

// Work runs the watches and schedules of the house until ctx ends.
func (a *App) Work(ctx context.Context) error {
	watches := append(a.Claims.Watches(), a.Hooks.Watch(), a.Talk.Watch())
	schedules := []feed.Schedule{
		{Name: "auth/sweep", Every: time.Hour, Jitter: 10 * time.Minute, Run: a.Auth.Sweep},
		{Name: "blob/sweep", Every: time.Hour, Jitter: 30 * time.Minute, Run: a.Files.Sweep},
		{Name: "talk/digest", Every: 5 * time.Minute, Run: a.Talk.Digests},
		{Name: "talk/sweep", Every: 24 * time.Hour, Jitter: time.Hour, Run: a.Talk.Sweep},
		{Name: "action/sweep", Every: 24 * time.Hour, Jitter: time.Hour, Run: a.Outbox.Sweep},
	}
	schedules = append(schedules, a.Morning.Schedules()...)
	for _, m := range a.modules() {
		if m.Watches != nil {
			watches = append(watches, m.Watches(a.Catalog)...)
		}
		if m.Schedules != nil {
			schedules = append(schedules, m.Schedules(a.Catalog)...)
		}
	}
	var outward sync.WaitGroup
	defer outward.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	outward.Go(func() { a.Outbox.Run(ctx) })
	return a.Feed.Run(ctx, watches, schedules)
}

// Serving are the choices of Serve.
type Serving struct {
	Listener        net.Listener
	TLSCert, TLSKey string // files; "" serves plain HTTP
	Secure          bool   // people reach it over HTTPS, here or at a proxy
	Collect         []listen.Spec
	Ready           func()
}

// grace is how long requests under way may take when the program ends.
const grace = 10 * time.Second

// Serve answers requests and works the feed until ctx ends, then lets what is
// under way finish.
func (a *App) Serve(ctx context.Context, s Serving) error {
	faces, err := a.Faces(s.Secure)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	faces.Ending = ctx
	if a.Collectors, err = a.collect(ctx, s.Collect); err != nil {
		return err
	}
	if err := a.OpenIntake(ctx); err != nil {
		a.Collectors.Close()
		return err
	}
	server := door.NewServer(a.Handler(faces, s.Secure), a.Config.Log)
	parts := []func(context.Context) error{a.record, letGo, pace, a.Detect.Run, a.Work, a.Claims.Run, func(context.Context) error { return answer(server, s) }}
	if a.Collectors != nil {
		parts = append(parts, a.Collectors.Run)
	}
	if a.unsaid != nil {
		parts = append(parts, a.sayPast)
	}
	ended, running := make(chan error, len(parts)), len(parts) // nobody waits to say that he ended
	for _, part := range parts {
		go func() { ended <- part(ctx) }()
	}
	if s.Ready != nil {
		s.Ready()
	}
	var first error
	select {
	case <-ctx.Done():
	case first = <-ended:
		running--
	}
	stop()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		first = errors.Join(first, server.Close())
	}
	for ; running > 0 && last.Err() == nil; running-- { // they give their leases up, while the database is open
		select {
		case <-ended:
		case <-last.Done():
		}
	}
	if errors.Is(first, http.ErrServerClosed) || errors.Is(first, context.Canceled) {
		first = nil
	}
	if first = errors.Join(first, a.CloseIntake(last)); first != nil {
		return fmt.Errorf("serve: %w", first)
	}
	return nil
}

func answer(server *http.Server, s Serving) error {
	if s.TLSCert != "" {
		return server.ServeTLS(s.Listener, s.TLSCert, s.TLSKey)
	}
	return server.Serve(s.Listener)
}
