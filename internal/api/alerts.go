package api

import (
	"context"
	"net/http"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// AlertDesk works on what detections found. The room of security has it.
type AlertDesk interface {
	// List returns the alerts a query selects, and how many there are in all.
	List(ctx context.Context, caller catalog.Caller, q AlertQuery) ([]Alert, int, error)
	// Get returns an alert by its number, as AL-12; a NotFound fault for none.
	Get(ctx context.Context, caller catalog.Caller, id string) (Alert, error)
	// Changes returns what was done to an alert, the oldest first.
	Changes(ctx context.Context, caller catalog.Caller, id string) ([]AlertChange, error)
	// Do does something with alerts, all or none, and returns those that changed.
	Do(ctx context.Context, caller catalog.Caller, act AlertAct) ([]Alert, error)
	// Open opens a case with alerts and returns its name, as C-118. Its tasks are in
	// the language given.
	Open(ctx context.Context, caller catalog.Caller, c AlertCase, in lang.Code) (string, error)
}

// AlertQuery selects alerts; empty fields select all.
type AlertQuery struct {
	States, Levels                                []string
	Rule, Asset, Host, Assignee, Case, Text, Sort string
	From, To                                      time.Time
	Limit, Offset                                 int
}

// Alert is what findings of a rule about one group of things say together.
type Alert struct {
	ID           string            `json:"id" doc:"As AL-2291."`
	Title        string            `json:"title"`
	Rule         string            `json:"rule" doc:"The id of the rule."`
	Level        string            `json:"level" doc:"Of the rule."`
	Severity     string            `json:"severity" doc:"On the same scale, with what was hit counted in."`
	Risk         int               `json:"risk" doc:"0 to 100."`
	State        string            `json:"state" doc:"new, acknowledged, work or closed."`
	Disposition  string            `json:"disposition,omitempty" doc:"true, false or benign."`
	Reason       string            `json:"reason,omitempty" doc:"Why it was closed."`
	Assignee     string            `json:"assignee,omitempty"`
	Asset        string            `json:"asset,omitempty" doc:"The reference of what was hit."`
	Tier         int               `json:"tier,omitempty"`
	Case         string            `json:"case,omitempty" doc:"As C-118."`
	Group        map[string]string `json:"group" doc:"What it is about."`
	Fields       map[string]any    `json:"fields,omitempty" doc:"What the rule found."`
	Tags         []string          `json:"tags,omitempty"`
	Events       int               `json:"events" doc:"How many count."`
	Exact        bool              `json:"exact" doc:"Else there are at least as many."`
	FirstSeen    time.Time         `json:"firstSeen"`
	LastSeen     time.Time         `json:"lastSeen"`
	Created      time.Time         `json:"created"`
	Acknowledged time.Time         `json:"acknowledged,omitzero"`
	Closed       time.Time         `json:"closed,omitzero"`
}

// AlertAct is what is done with alerts.
type AlertAct struct {
	Alerts      []string `json:"alerts" doc:"Their numbers, as AL-12; 1,000 at most."`
	Act         string   `json:"act" min:"1" max:"20" doc:"acknowledge, take, assign, start, close, reopen, move or comment."`
	To          string   `json:"to,omitempty" max:"300" doc:"Of assign, a person; of move, a case, or nothing to take them out of theirs."`
	Disposition string   `json:"disposition,omitempty" max:"20" doc:"Of close: true, false or benign."`
	Reason      string   `json:"reason,omitempty" max:"2000" doc:"Of close, why, and of comment, what is said; there it is required."`
}

// AlertChange is one thing that was done to an alert.
type AlertChange struct {
	At    time.Time `json:"at"`
	By    string    `json:"by" doc:"The name of who did it, as it was then; Binnacle itself also opens, raises and calls."`
	Act   string    `json:"act" doc:"opened, raised, paged, acknowledged, assigned, started, moved, commented, closed or reopened."`
	Value string    `json:"value,omitempty" doc:"To what: whose it is, who was called, the case, what it was, the severity."`
	Note  string    `json:"note,omitempty" doc:"What was said with it."`
}

type alertChanges struct {
	Items []AlertChange `json:"items" doc:"The oldest first."`
}

// AlertCase is a case that is to be opened for alerts. What it leaves empty
// follows from them.
type AlertCase struct {
	Alerts      []string `json:"alerts" doc:"Their numbers, as AL-12; 1,000 at most."`
	Title       string   `json:"title,omitempty" max:"200"`
	Description string   `json:"description,omitempty" max:"10000" doc:"In Markdown."`
	Severity    string   `json:"severity,omitempty" max:"20" doc:"critical, high, medium or low."`
	Playbook    string   `json:"playbook,omitempty" max:"100" doc:"Its tasks come from it; the one that fits the rules of the alerts when it is not given."`
	Lead        string   `json:"lead,omitempty" max:"300" doc:"A person; the caller when it is not given."`
}

type caseOpened struct {
	Case string `json:"case" doc:"As C-118; it is read and changed as a record of its kind."`
}

type alertList struct {
	Items []Alert `json:"items"`
	Total int     `json:"total" doc:"How many there are in all."`
}

// alertOps are those on alerts.
func (a *API) alertOps(s schemas) []operation {
	if a.Alerts == nil {
		return nil
	}
	on, cases := resource{Room: auth.Security, Kind: "Alert"}, resource{Room: auth.Security, Kind: "Case"}
	return tagged("alerts", []operation{
		{method: "GET", path: "/alerts", id: "listAlerts", summary: "List alerts", verb: auth.Read, resource: on, handle: (*call).listAlerts,
			query: []param{texts("state", "Only in this state; may be given several times."), texts("level", "Only of this severity; may be given several times."), text("rule", "Only of the rule with this id."), text("asset", "Only about this thing, by its reference."), text("host", "Only about the machine with this name."),
				text("assignee", "Only of this person; me for the caller's, none for those of nobody."), text("case", "Only in this case."), text("q", "Words of the title, the group or the asset."), moment("from", "Only opened from then on."), moment("to", "Only opened before."),
				choice("sort", "The order; the newest first when it is not given.", "risk", "seen", "oldest"), number("limit", "How many.", 1, 1000), number("offset", "How many to pass over.", 0, 1<<31)},
			answers: []answer{{status: 200, doc: "The alerts.", types: objectTypes, schema: s.typed(alertList{})}}},
		{method: "GET", path: "/alerts/{id}", id: "getAlert", summary: "Get an alert", verb: auth.Read, resource: on, handle: (*call).getAlert,
			answers: []answer{{status: 200, doc: "The alert.", types: objectTypes, schema: s.typed(Alert{})}}},
		{method: "GET", path: "/alerts/{id}/changes", id: "listAlertChanges", summary: "List what was done to an alert", verb: auth.Read, resource: on, handle: (*call).alertChanges,
			answers: []answer{{status: 200, doc: "What was done.", types: objectTypes, schema: s.typed(alertChanges{})}}},
		{method: "POST", path: "/alerts/case", id: "openAlertCase", summary: "Open a case with alerts", verb: auth.Write, resource: cases, handle: (*call).openAlertCase,
			doc:     "The alerts are in work then. Those of another case leave it.",
			body:    &body{types: objectTypes, schema: s.typed(AlertCase{}), doc: "Which alerts, and what is known of the case."},
			answers: []answer{{status: 201, doc: "The case.", types: objectTypes, schema: s.typed(caseOpened{})}}},
		{method: "POST", path: "/alerts", id: "changeAlerts", summary: "Do something with alerts", verb: auth.Write, resource: on, handle: (*call).changeAlerts,
			doc:     "With all of them, or, when one cannot be, with none. Those that are so already are left alone.",
			body:    &body{types: objectTypes, schema: s.typed(AlertAct{}), doc: "Which, and what."},
			answers: []answer{{status: 200, doc: "Those that changed.", types: objectTypes, schema: s.typed(alertList{})}}},
	})
}

func (c *call) listAlerts() error {
	q := AlertQuery{States: c.values["state"], Levels: c.values["level"], Rule: c.get("rule"), Asset: c.get("asset"), Host: c.get("host"), Assignee: c.get("assignee"), Case: c.get("case"), Text: c.get("q"), Sort: c.get("sort"),
		From: c.moment("from"), To: c.moment("to"), Limit: int(c.number("limit", 50)), Offset: int(c.number("offset", 0))}
	list, total, err := c.Alerts.List(c.r.Context(), c.caller, q)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, alertList{list, total})
}

func (c *call) getAlert() error {
	a, err := c.Alerts.Get(c.r.Context(), c.caller, c.path("id"))
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, a)
}

func (c *call) changeAlerts() error {
	var in AlertAct
	if err := c.into(&in); err != nil {
		return err
	}
	list, err := c.Alerts.Do(c.r.Context(), c.caller, in)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, alertList{list, len(list)})
}

func (c *call) alertChanges() error {
	list, err := c.Alerts.Changes(c.r.Context(), c.caller, c.path("id"))
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, alertChanges{list})
}

func (c *call) openAlertCase() error {
	var in AlertCase
	if err := c.into(&in); err != nil {
		return err
	}
	name, err := c.Alerts.Open(c.r.Context(), c.caller, in, c.lang())
	if err != nil {
		return err
	}
	return c.send(http.StatusCreated, caseOpened{name})
}
