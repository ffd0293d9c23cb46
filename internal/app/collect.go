package app

import (
	"context"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/listen"
	"github.com/binnaclehq/binnacle/internal/ingest/post"
)

// collect opens the collectors that a server was given; nil when it was given none.
func (a *App) collect(ctx context.Context, specs []listen.Spec) (*listen.Set, error) {
	if len(specs) == 0 {
		return nil, nil
	}
	prefixes, hosts, err := action.ParseAllow(a.Config.AllowPrivate...)
	if err != nil {
		return nil, err
	}
	return listen.Open(ctx, listen.Config{
		Taker: taker{a}, Dir: filepath.Join(a.Config.Data, "collect"), Org: auth.HomeID,
		CheckOrg: func(ctx context.Context, org string) error { _, err := a.Auth.Org(ctx, org); return err },
		Token:    a.sender, Secret: a.Auth.Secret,
		SourceOf: func(org, host string, from netip.Addr) string { return a.Sources.Named(ctx, org, host, from) },
		Zone:     func(org, source string) *time.Location { return a.Sources.Settings(ctx, org, source).Zone },
		Client:   action.NewClient(action.Guard{AllowPrivate: prefixes, AllowHosts: hosts}), Log: a.Config.Log, Now: a.Config.Now,
	}, specs)
}

// sender says for whom the holder of a token sends events, and to which source.
func (a *App) sender(ctx context.Context, token, source string) (org, name string, err error) {
	p, err := a.Auth.ByToken(ctx, token)
	if err == nil {
		err = p.Can(auth.Ingest, auth.Resource{})
	}
	if err != nil {
		return "", "", err
	}
	source = post.SourceOf(p, source)
	if source != "" && ingest.CheckSource(source) != nil {
		return "", "", fault.New(fault.Invalid, "%q cannot be the name of a source", source)
	}
	return p.Org, source, nil
}
