package app

import (
	"context"
	"slices"

	"github.com/binnaclehq/binnacle/internal/api"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// alertAPI gives the API the alerts of the security room.
type alertAPI struct{ desk *alerts.Desk }

func (a alertAPI) List(ctx context.Context, caller catalog.Caller, q api.AlertQuery) ([]api.Alert, int, error) {
	f := alerts.Filter{Levels: q.Levels, Rule: q.Rule, Asset: q.Asset, Host: q.Host, Case: q.Case, Text: q.Text, From: q.From, To: q.To, Sort: q.Sort, Limit: q.Limit, Offset: q.Offset}
	for _, s := range q.States {
		f.States = append(f.States, alerts.State(s))
	}
	switch q.Assignee {
	case "":
	case "me":
		f.Assignee = []string{caller.Identity()}
	default:
		f.Assignee = []string{alerts.Person(q.Assignee)}
	}
	list, total, err := a.desk.List(ctx, caller, f)
	return alertsOut(list), total, err
}

func (a alertAPI) Get(ctx context.Context, caller catalog.Caller, id string) (api.Alert, error) {
	no, err := alerts.ParseID(id)
	if err != nil {
		return api.Alert{}, err
	}
	one, err := a.desk.Get(ctx, caller, no)
	if err != nil {
		return api.Alert{}, err
	}
	return alertOut(one), nil
}

func (a alertAPI) Do(ctx context.Context, caller catalog.Caller, act api.AlertAct) ([]api.Alert, error) {
	nos, err := alerts.ParseIDs(act.Alerts)
	if err != nil {
		return nil, err
	}
	list, err := a.desk.Do(ctx, caller, nos, alerts.Act{Do: alerts.Verb(act.Act), To: act.To, Disposition: alerts.Disposition(act.Disposition), Reason: act.Reason})
	return alertsOut(list), err
}

func (a alertAPI) Changes(ctx context.Context, caller catalog.Caller, id string) ([]api.AlertChange, error) {
	no, err := alerts.ParseID(id)
	if err != nil {
		return nil, err
	}
	list, err := a.desk.Changes(ctx, caller, no)
	if err == nil && len(list) == 0 { // an alert has at least been opened
		_, err = a.desk.Get(ctx, caller, no)
	}
	out := []api.AlertChange{}
	for _, c := range list {
		out = append(out, api.AlertChange{At: c.At, By: c.Actor, Act: c.Act, Value: c.Value, Note: c.Note})
	}
	return out, err
}

func (a alertAPI) Open(ctx context.Context, caller catalog.Caller, c api.AlertCase, in lang.Code) (string, error) {
	nos, err := alerts.ParseIDs(c.Alerts)
	if err != nil {
		return "", err
	}
	o := alerts.Opening{Title: c.Title, Description: c.Description, Severity: c.Severity, Playbook: c.Playbook, Alerts: nos, Lang: in}
	if c.Lead != "" {
		o.Lead = alerts.Person(c.Lead)
	}
	return a.desk.OpenFor(ctx, caller, o)
}

func alertsOut(list []*alerts.Alert) []api.Alert {
	out := make([]api.Alert, 0, len(list))
	for _, a := range list {
		out = append(out, alertOut(a))
	}
	return out
}

func alertOut(a *alerts.Alert) api.Alert {
	out := api.Alert{ID: a.ID(), Title: a.Rule.Title, Rule: a.Rule.ID, Level: a.Rule.Level, Severity: a.Severity, Risk: a.Risk, State: string(a.State), Disposition: string(a.Disposition), Reason: a.Reason,
		Assignee: a.Assignee, Asset: a.Asset, Tier: a.Tier, Case: a.Case, Group: map[string]string{}, Fields: a.Fields, Tags: slices.Clone(a.Rule.Tags), Events: a.Events, Exact: a.Exact,
		FirstSeen: a.FirstSeen, LastSeen: a.LastSeen, Created: a.Created, Acknowledged: a.Acknowledged, Closed: a.Closed}
	for _, g := range a.Group {
		out.Group[g.Name] = g.Value
	}
	return out
}
