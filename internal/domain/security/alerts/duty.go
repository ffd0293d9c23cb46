package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// callable is how old an alert may be that people are still called about: what
// was left for a day is in the inbox.
const callable = 24 * time.Hour

// rota is an on-call rota with its name.
type rota struct {
	name string
	OnCall
}

// rotas returns the rotas of an organisation.
func (d *Desk) rotas(ctx context.Context, q sqldb.Querier, org string) ([]rota, error) {
	if d.catalog.Kinds().Get(OnCallKind) == nil {
		return nil, nil
	}
	var out []rota
	err := d.catalog.Scan(ctx, q, org, OnCallKind, 0, func(e *entity.Entity) error {
		s, err := catalog.Spec[OnCall](e)
		if err != nil {
			return err
		}
		r := rota{name: e.Ref().String(), OnCall: s}
		out = append(out, r)
		return nil
	})
	return out, err
}

// OnDuty returns who is on call at a moment, by reference, in any rota.
func (d *Desk) OnDuty(ctx context.Context, q sqldb.Querier, org string, at time.Time) ([]string, error) {
	list, err := d.rotas(ctx, q, org)
	var out []string
	for _, r := range list {
		if t, ok := r.At(at); ok {
			out = addText(out, t.Person)
		}
	}
	return out, err
}

// Escalate calls whoever has to have been called by now about alerts that nobody
// acknowledged. Called again, it calls nobody twice.
func (d *Desk) Escalate(ctx context.Context) error {
	orgs, err := d.catalog.Orgs(ctx, OnCallKind)
	if err != nil {
		return err
	}
	now := d.catalog.Now().UTC()
	for _, org := range orgs {
		list, err := query(ctx, d.catalog.DB(), `org = ? AND state = ? AND created >= ? ORDER BY no`, org, New, sqldb.Micros(now.Add(-callable)))
		if err != nil || len(list) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		err = d.catalog.DB().Tx(ctx, func(tx *sqldb.Tx) error { return d.call(ctx, tx, org, list, now) })
		if err != nil {
			return fmt.Errorf("alerts: escalate in %s: %w", org, err)
		}
		d.Notify()
	}
	return nil
}

// call calls people about alerts, each once a step.
func (d *Desk) call(ctx context.Context, tx *sqldb.Tx, org string, list []*Alert, now time.Time) error {
	rotas, err := d.rotas(ctx, tx, org)
	if err != nil || len(rotas) == 0 {
		return err
	}
	var entries []*feed.Entry
	var records []*audit.Record
	for _, a := range list {
		for _, r := range rotas {
			if !r.calls(a) || now.Sub(a.Created) > callable {
				continue
			}
			order := r.Order(a.Created)
			for step := range min(r.Steps(a.Created, now), len(order)) {
				e, err := d.page(ctx, tx, a, r, step, order[step], now)
				if err != nil {
					return err
				}
				if e != nil {
					entries = append(entries, e)
					records = append(records, &audit.Record{Org: org, At: now, Actor: audit.System, ActorName: "Binnacle", Action: "alert.page", Target: a.ID(), Detail: e.Data, Via: audit.System})
				}
			}
		}
	}
	if err := feed.Append(ctx, tx, entries...); err != nil {
		return err
	}
	return audit.Append(ctx, tx, records...)
}

// page calls one person about an alert; nil when that was done before.
func (d *Desk) page(ctx context.Context, tx *sqldb.Tx, a *Alert, r rota, step int, who string, now time.Time) (*feed.Entry, error) {
	res, err := tx.Exec(ctx, `INSERT INTO alert_pages (org, no, duty, step, who, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (org, no, duty, step) DO NOTHING`, a.Org, a.No, r.name, step, who, sqldb.Micros(now))
	if err != nil {
		return nil, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return nil, err
	}
	if err := a.log(ctx, tx, Change{At: now, Account: audit.System, Actor: "Binnacle", Act: "paged", Value: who}); err != nil {
		return nil, err
	}
	why := lang.T("You are on call.", "Estás de guardia.")
	if step > 0 {
		minutes := strconv.Itoa(int(now.Sub(a.Created).Minutes()))
		why = lang.T("Nobody has acknowledged it for "+minutes+" minutes.", "Nadie la ha visto en "+minutes+" minutos.")
	}
	key := fmt.Sprintf("alerts/page/%s/%d/%d", r.name, a.No, step)
	if err := d.mail(ctx, tx, a, key, who, why); err != nil {
		return nil, err
	}
	e := a.entry("paged", now, audit.System, "")
	e.Data, err = json.Marshal(paging{a.ID(), a.Rule.Title, a.Severity, a.Risk, a.Asset, a.Path(), who, step + 1, r.name})
	return e, err
}

// paging is what entries of the feed and webhooks hold of somebody being called.
type paging struct {
	Alert    string `json:"alert"`
	Title    string `json:"title"`
	Severity string `json:"severity"`
	Risk     int    `json:"risk"`
	Asset    string `json:"asset"`
	Path     string `json:"path"`
	Person   string `json:"person"`
	Step     int    `json:"step"` // from 1
	Rota     string `json:"rota"`
}

// named reports whether alerts name somebody so.
func named(p auth.Person, who string) bool {
	return catalog.Caller{Principal: p.Principal()}.Identity() == who
}

// mail logs a mail about an alert to a person of the catalog, when they can sign
// in and mail is sent.
func (d *Desk) mail(ctx context.Context, tx *sqldb.Tx, a *Alert, key, who string, why lang.Text) error {
	if d.People == nil || !d.Mail {
		return nil
	}
	people, err := d.People(ctx, tx, a.Org)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(people, func(p auth.Person) bool { return named(p, who) && p.Email != "" })
	if i < 0 {
		return nil
	}
	p := people[i]
	level := map[string]lang.Text{"critical": lang.T("Critical", "Crítica"), "high": lang.T("High", "Alta"), "medium": lang.T("Medium", "Media"), "low": lang.T("Low", "Baja"), "informational": lang.T("Informational", "Informativa")}[a.Severity].In(p.Lang)
	text := a.ID() + ": " + a.Rule.Title + "\n\n" + why.In(p.Lang) + "\n"
	for _, g := range a.Group {
		text += "\n" + g.Name + ": " + g.Value
	}
	text += "\n" + lang.T("Risk", "Riesgo").In(p.Lang) + ": " + strconv.Itoa(a.Risk) + "/100\n"
	if d.Base != "" {
		text += "\n" + d.Base + a.Path() + "\n"
	}
	payload, err := json.Marshal(action.Message{Name: p.Name, Subject: level + ": " + a.Rule.Title + " (" + a.ID() + ")", Text: text, List: "alerts", Thread: "alert/" + a.ID()})
	if err != nil {
		return err
	}
	return action.Log(ctx, tx, action.Act{Org: a.Org, Key: key, Kind: action.Mail, Target: p.Email, Payload: payload})
}

// watches call people as soon as an alert is opened, and tell who was given one.
func (cfg Config) watches(c *catalog.Catalog) []feed.Watch {
	d := NewDesk(c, cfg)
	return []feed.Watch{{Name: "alerts/tell", Types: []string{"alert.opened", "alert.assigned"}, FromNow: true, Handle: d.tell}}
}

func (d *Desk) tell(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
	opened := map[string][]*Alert{}
	for _, e := range batch {
		var t told
		if json.Unmarshal(e.Data, &t) != nil {
			continue
		}
		no, err := ParseID(t.Alert)
		if err != nil {
			continue
		}
		a, err := get(ctx, tx, e.Org, no)
		if err != nil {
			return err
		}
		if e.Type == "alert.opened" {
			opened[e.Org] = append(opened[e.Org], a)
			continue
		}
		if err := d.tellAssigned(ctx, tx, a, t.Assignee, e); err != nil {
			return err
		}
	}
	for org, list := range opened {
		if err := d.call(ctx, tx, org, list, d.catalog.Now().UTC()); err != nil {
			return err
		}
	}
	return nil
}

// tellAssigned tells somebody that an alert is theirs, unless they took it.
func (d *Desk) tellAssigned(ctx context.Context, tx *sqldb.Tx, a *Alert, who string, e feed.Entry) error {
	if d.People == nil {
		return nil
	}
	people, err := d.People(ctx, tx, a.Org)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(people, func(p auth.Person) bool { return p.Account == e.Actor && named(p, who) }) {
		return nil
	}
	return d.mail(ctx, tx, a, fmt.Sprintf("alerts/assigned/%d", e.Seq), who, lang.T("It is assigned to you.", "Está asignada a ti."))
}

func (cfg Config) schedules(c *catalog.Catalog) []feed.Schedule {
	return []feed.Schedule{{Name: "alerts/escalate", Every: time.Minute, Jitter: 10 * time.Second, Run: NewDesk(c, cfg).Escalate}}
}
