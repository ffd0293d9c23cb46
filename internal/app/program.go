package app

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/backup"
	"github.com/binnaclehq/binnacle/internal/cli"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sample"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Version is what this program calls itself: the version of the module it was
// built from, or "dev".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return info.Main.Version
}

// Program is what the command line runs.
func Program() cli.Program {
	return cli.Program{
		Version: Version(), Kinds: Kinds(), Importers: Importers(), Exporters: Exporters(), Migrations: Migrations(), Sample: sample.Shipped(), Library: Library(),
		Open: openGround, Demo: demoGround, Serve: serveGround, MCP: mcpGround, Restore: restoreGround, Layout: layout, Path: web.LinkPath,
	}
}

func configOf(p cli.Place) Config {
	return Config{Data: p.Data, Database: p.Database, KeyFile: p.KeyFile, Attachments: p.Attachments, Logs: p.Logs, Version: Version()}
}

func layout(p cli.Place) cli.Layout {
	a := &App{Config: configOf(p)}
	return cli.Layout{Database: a.Config.database(), KeyFile: a.Config.keyFile(), Backup: a.BackupOptions(), WithEvents: a.WithEvents, Files: a.Config.store}
}

func openGround(ctx context.Context, p cli.Place) (*cli.Ground, error) {
	a, err := Open(ctx, configOf(p))
	if err != nil {
		return nil, err
	}
	return a.ground(p), nil
}

// demoGround opens the sample organisation.
func demoGround(ctx context.Context, p cli.Place, o *sample.Organisation, progress func(done, total int)) (*cli.Ground, error) {
	a, err := OpenSample(ctx, configOf(p), o, progress)
	if err != nil {
		return nil, err
	}
	return a.ground(p), nil
}

func (a *App) ground(p cli.Place) *cli.Ground {
	return &cli.Ground{Place: p, DB: a.DB, Catalog: a.Catalog, Auth: a.Auth, Audit: a.Audit, Feed: a.Feed, Claims: a.Claims, Morning: a.Morning, Files: a.Files, Hooks: a.Hooks, Talk: a.Talk, Logs: a.Logs, Close: a.Close, App: a}
}

// serveGround serves an open folder. What depends on the address people use,
// passkeys and single sign-on, is wired again once that is known.
func serveGround(ctx context.Context, g *cli.Ground, o cli.ServeOptions) error {
	a := g.App.(*App)
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fault.New(fault.Unavailable, "cannot listen on %s: %v", o.Listen, err).WithHint("is another binnacle running? choose another port with --listen")
	}
	defer listener.Close()
	base, err := baseURL(o, listener.Addr())
	if err != nil {
		return err
	}
	if err := a.reach(base, o); err != nil {
		return err
	}
	if err := a.wire(ctx); err != nil {
		return err
	}
	return a.Serve(ctx, Serving{Listener: listener, TLSCert: o.TLSCert, TLSKey: o.TLSKey, Secure: base.Scheme == "https", Collect: o.Collect, Ready: func() {
		if o.Ready != nil {
			o.Ready(base.String())
		}
	}})
}

// reach sets what follows from the address people use.
func (a *App) reach(base *url.URL, o cli.ServeOptions) error {
	a.Config.Log = o.Log
	a.Config.Origins = []string{base.Scheme + "://" + base.Host}
	if host, _, err := net.SplitHostPort(o.Listen); err == nil && (o.BaseURL != "" || host != "" && !net.ParseIP(host).IsUnspecified()) {
		a.Config.Hosts = []string{base.Hostname(), host}
	}
	if net.ParseIP(base.Hostname()) == nil {
		a.Config.RPID = base.Hostname()
	}
	a.Config.AllowPrivate, a.Config.SMTP = o.AllowPrivate, o.SMTP
	a.Config.Rules, a.Config.Pipeline = o.Rules, o.Pipeline
	a.Config.KeepEvents, a.Config.KeepEventsBytes = o.KeepEvents, o.KeepEventsBytes
	if o.Files != "" {
		a.Config.Files = o.Files
	}
	for _, text := range o.Proxies {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fault.New(fault.Invalid, "--proxy %q is not a network", text).WithHint("write it as 127.0.0.1/32")
		}
		a.Config.Proxies = append(a.Config.Proxies, prefix)
	}
	return nil
}

// baseURL is the address people use: the one given, or the one listened on. An
// address of this machine is called localhost, since browsers know passkeys for
// names only.
func baseURL(o cli.ServeOptions, addr net.Addr) (*url.URL, error) {
	if o.BaseURL != "" {
		u, err := url.Parse(strings.TrimSuffix(o.BaseURL, "/"))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fault.New(fault.Invalid, "--base-url %q is not an address", o.BaseURL).WithHint("write it as https://binnacle.example.com")
		}
		return u, nil
	}
	scheme := "http"
	if o.TLSCert != "" {
		scheme = "https"
		if _, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey); err != nil {
			return nil, fault.New(fault.Invalid, "the certificate cannot be used: %v", err).WithHint("give --tls-cert and --tls-key in PEM")
		}
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = "localhost"
	}
	return &url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port)}, nil
}

func mcpGround(ctx context.Context, g *cli.Ground, p auth.Principal, in io.Reader, out io.Writer) error {
	return g.App.(*App).mcp().Serve(ctx, p, io.NopCloser(in), nopWriteCloser{out})
}

type nopWriteCloser struct{ io.Writer }

func (nopWriteCloser) Close() error { return nil }

func restoreGround(ctx context.Context, p cli.Place, file string, progress func(backup.Progress)) (backup.Report, error) {
	return Restore(ctx, configOf(p), file, progress)
}
