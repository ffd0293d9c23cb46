// Package detections is the part of the security room that holds what is looked for:
// rules and how they are tuned, indicators, gaps and hunts through the past.
package detections

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/observe"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/web"
)

//go:embed text.en.json text.es.json *.html
var files embed.FS

// Config is what the part works with. Without a server it is empty: kinds and
// tables need nothing.
type Config struct {
	Engine *live.Engine
	Jobs   *live.Jobs   // with Engine
	Door   ingest.Taker // where canaries go in; nil: none are sent
	Orgs   func(context.Context) ([]string, error)
}

// pages answers requests with what the part works with.
type pages struct{ Config }

// Module returns what the part brings.
func Module(cfg Config) room.Module {
	p := &pages{cfg}
	m := room.Module{
		Module: web.Module{
			Room:  web.Room{ID: auth.Security, Title: lang.T("Security", "Seguridad"), Icon: "security", Order: 50},
			Texts: files, Templates: files,
			Pages: p.all(),
			Nav: []web.NavItem{
				{ID: "detections", Label: "detections.nav", Href: "/detections", Icon: "shield", Count: p.waiting},
				{ID: "past", Label: "detections.past.nav", Href: "/detections/past", Icon: "history"},
				{ID: "indicators", Label: "detections.indicators.nav", Href: "/indicators", Icon: "fingerprint"},
				{Kind: KindRuleSet},
			},
			Importers: []catalog.Importer{indicatorImporter()},
		},
		Kinds:      []*catalog.Kind{detectionKind(), ruleSetKind()},
		Migrations: live.Migrations(),
		Observed:   []*observe.Table{indicatorTable},
		Tables:     []*claim.Table{proofTable(cfg.Engine), gapTable()},
	}
	if cfg.Engine != nil {
		m.Schedules = func(*catalog.Catalog) []feed.Schedule {
			list := []feed.Schedule{{Name: "detections/sweep", Every: 24 * time.Hour, Jitter: time.Hour, Run: cfg.Engine.Sweep}}
			if cfg.Door != nil && cfg.Orgs != nil {
				list = append(list, feed.Schedule{Name: CanarySchedule, Every: 7 * 24 * time.Hour, Jitter: time.Hour, Run: p.stingAll})
			}
			return list
		}
	}
	return m
}

// CanarySchedule is the schedule that sends canaries.
const CanarySchedule = "detections/canary"

// stingAll sends the canaries of every organisation; that one fails keeps none of
// the others from it.
func (p *pages) stingAll(ctx context.Context) error {
	orgs, err := p.Orgs(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, org := range orgs {
		if _, _, err := p.Engine.Sting(ctx, org, p.Door); err != nil {
			failed = append(failed, fmt.Errorf("organisation %s: %w", org, err))
		}
	}
	return errors.Join(failed...)
}

func (p *pages) all() []web.PageDef {
	get := func(id, nav, pattern, template string, handle func(*web.Ctx) (any, error)) web.PageDef {
		return web.PageDef{ID: id, Nav: nav, Pattern: pattern, Verb: auth.Read, Template: template, Handle: p.ready(handle)}
	}
	post := func(id, pattern string, handle func(*web.Ctx) (any, error)) web.PageDef {
		return web.PageDef{ID: id, Method: "POST", Pattern: pattern, Verb: auth.Write, Handle: p.ready(handle)}
	}
	return []web.PageDef{
		get("detections", "", "/detections", "detections-list.html", p.list),
		get("detection", "detections", "/detections/{id}", "detections-one.html", p.one),
		post("detection-tune", "/detections/rule/{id}/tune", p.tune),
		post("detection-preview", "/detections/rule/{id}/preview", p.preview),
		post("detection-canary", "/detections/rule/canary/send", p.canary),
		get("detection-gaps", "detections", "/detections/gaps", "detections-gaps.html", p.gaps),
		post("detection-gap", "/detections/gaps/{gap}/rerun", p.rerun),
		get("past", "", "/detections/past", "detections-past.html", p.past),
		post("past-start", "/detections/past/run/start", p.start),
		get("past-job", "past", "/detections/past/{job}", "detections-job.html", p.job),
		post("past-cancel", "/detections/past/{job}/cancel", p.cancel),
		post("past-tell", "/detections/past/{job}/tell", p.tell),
		post("past-save", "/detections/past/{job}/keep", p.keep),
		get("indicators", "", "/indicators", "detections-indicators.html", p.indicators),
		post("indicators-hunt", "/indicators/hunt", p.huntIndicators),
	}
}

// proofTable is which rules a canary proved, for record queries. A rule that is on
// now and was never tried is there too: that it was not tried is known.
func proofTable(engine *live.Engine) *claim.Table {
	return &claim.Table{Name: "rule_proofs", Title: lang.T("Proofs of rules", "Pruebas de reglas"), Page: "/detections/",
		Doc: lang.T("Each rule that is on and tells by itself, and each that was tried, with its newest canary: an event that the rule must find, sent through the door that all events come in by.", "Cada regla activa que avisa por sí misma, y cada una que se probó, con su canario más reciente: un evento que la regla debe encontrar, enviado por la puerta por la que entran todos."),
		Fields: []claim.Column{
			{Name: "rule", Doc: lang.T("The id of the rule.", "El id de la regla.")},
			{Name: "at", Doc: lang.T("When; empty: never.", "Cuándo; vacío: nunca.")},
			{Name: "passed", Doc: lang.T("Whether it was found.", "Si se encontró.")},
			{Name: "on", Doc: lang.T("Whether the rule is on now.", "Si la regla está activa ahora.")},
			{Name: "level", Doc: lang.T("Its level.", "Su nivel.")},
		},
		Scan: func(ctx context.Context, q sqldb.Querier, org string, at claim.Moment, yield claim.Yield) error {
			rows, titles, err := rulesOn(ctx, engine, org)
			if err != nil {
				return err
			}
			newest := map[string]live.Proof{}
			err = live.Proofs(ctx, q, org, time.Time{}, at.At, func(x live.Proof) error {
				was, known := newest[x.Rule]
				if !known || x.Over(was) {
					newest[x.Rule] = x
				}
				return nil
			})
			if err != nil {
				return err
			}
			for rule, x := range newest {
				if rows[rule] == nil {
					rows[rule] = unproven(rule, "", false)
				}
				rows[rule]["at"], rows[rule]["passed"] = x.At.Format(time.RFC3339Nano), x.Passed
			}
			for _, rule := range slices.Sorted(maps.Keys(rows)) {
				if err := yield(rule, cmp.Or(titles[rule], rule), rows[rule]); err != nil {
					return err
				}
			}
			return nil
		}}
}

// unproven is a row of a rule that no canary has tried.
func unproven(rule, level string, on bool) map[string]any {
	return map[string]any{"rule": rule, "at": "", "passed": false, "on": on, "level": level}
}

// rulesOn returns a row for each rule that is on, and its title.
func rulesOn(ctx context.Context, engine *live.Engine, org string) (rows map[string]map[string]any, titles map[string]string, err error) {
	rows, titles = map[string]map[string]any{}, map[string]string{}
	if engine == nil {
		return rows, titles, nil
	}
	rules, err := engine.Ruleset(ctx, org)
	if err != nil {
		return nil, nil, err
	}
	rules.Entries(func(x *live.Entry) {
		if x.On && !x.Feeds() { // what only feeds correlations is proven by them
			rows[x.Key], titles[x.Key] = unproven(x.Key, x.Told.Level, true), x.Told.Title
		}
	})
	return rows, titles, nil
}

// gapTable is when detection was off, for record queries.
func gapTable() *claim.Table {
	return &claim.Table{Name: "detection_gaps", Title: lang.T("Gaps of detection", "Huecos de detección"),
		Doc: lang.T("Times in which detection, or one rule, was off or failed.", "Tiempos en que la detección, o una regla, estuvo desactivada o falló."),
		Fields: []claim.Column{
			{Name: "rule", Doc: lang.T("The rule or rule set; empty: all of them.", "La regla o el conjunto; vacío: todas.")},
			{Name: "reason", Doc: lang.T("stopped, unread, failed or disabled.", "stopped, unread, failed o disabled.")},
			{Name: "since", Doc: lang.T("From when.", "Desde cuándo.")},
			{Name: "until", Doc: lang.T("Until when; empty: it goes on.", "Hasta cuándo; vacío: continúa.")},
			{Name: "rerun", Doc: lang.T("When it was looked at again; empty: not yet.", "Cuándo se volvió a mirar; vacío: aún no.")},
		},
		Scan: func(ctx context.Context, q sqldb.Querier, org string, at claim.Moment, yield claim.Yield) error {
			return live.GapsAt(ctx, q, org, at.At, func(g live.Gap) error {
				text := func(t time.Time) string {
					if t.IsZero() || t.After(at.At) {
						return ""
					}
					return t.Format(time.RFC3339Nano)
				}
				return yield(g.ID, g.Reason, map[string]any{"rule": g.Rule, "reason": g.Reason, "since": text(g.Since), "until": text(g.Until), "rerun": text(g.Rerun)})
			})
		}}
}
