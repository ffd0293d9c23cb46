package api

import (
	"cmp"
	"net/http"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/morning"
)

// inboxList is what waits for who asks.
type inboxList struct {
	Items  []morning.WaitingReport `json:"items" doc:"Decisions first, then by urgency."`
	Late   int                     `json:"late" doc:"How many are overdue."`
	Failed []string                `json:"failed,omitempty" doc:"Sorts that could not be found out just now."`
	Text   string                  `json:"text" doc:"The same as plain text, with what was done today."`
}

// acting names an act on something that waits.
type acting struct {
	Item string `json:"item" min:"1" max:"1000" doc:"The id of what waits."`
	Act  string `json:"act" min:"1" max:"40" doc:"One of its acts."`
}

type acted struct {
	Said string `json:"said" doc:"What was done."`
}

// morningOps are those of the overview and the inbox.
func (a *API) morningOps(s schemas) []operation {
	if a.Morning == nil {
		return nil
	}
	language := choice("lang", "The language of its sentences; en when it is not given.", "en", "es")
	return tagged("today", []operation{
		{method: "GET", path: "/today", id: "today", summary: "See what is red, what changed and what waits", verb: auth.Read, handle: (*call).today,
			doc:     "What the page Today shows to who asks. Asking does not count as a look at that page.",
			query:   []param{moment("since", "Since when changes are told; without it, since who asks left the page Today."), language},
			answers: []answer{{status: 200, doc: "The overview.", types: objectTypes, schema: s.typed(morning.Overview{})}}},
		{method: "GET", path: "/inbox", id: "inbox", summary: "List what waits for who asks", verb: auth.Read, query: []param{language}, handle: (*call).inbox,
			answers: []answer{{status: 200, doc: "What waits.", types: objectTypes, schema: s.typed(inboxList{})}}},
		{method: "POST", path: "/inbox", id: "act", summary: "Do something with what waits, in one step", verb: auth.Comment, query: []param{language}, handle: (*call).act,
			doc:     "As approving an exception or completing a task. What the act changes asks by itself whether who asks may.",
			body:    &body{types: objectTypes, schema: s.typed(acting{}), doc: "What, and which act."},
			answers: []answer{{status: 200, doc: "It is done.", types: objectTypes, schema: s.typed(acted{})}}},
	})
}

func (c *call) language() lang.Code { return lang.Code(cmp.Or(c.get("lang"), string(lang.English))) }

func (c *call) today() error {
	since := c.moment("since")
	if since.After(time.Now()) {
		return badParam("since", "lies in the future")
	}
	t, err := c.Morning.Today(c.r.Context(), c.caller, morning.Options{Since: since})
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, t.Report(c.language()))
}

func (c *call) inbox() error {
	b, err := c.Morning.Inbox(c.r.Context(), c.caller)
	if err != nil {
		return err
	}
	out := inboxList{Items: b.Report(c.language()), Late: b.Late, Text: b.Text(c.language())}
	for _, p := range b.Piles {
		if p.Failed {
			out.Failed = append(out.Failed, p.ID)
		}
	}
	return c.send(http.StatusOK, out)
}

func (c *call) act() error {
	var in acting
	if err := c.into(&in); err != nil {
		return err
	}
	said, title, err := c.Morning.Act(c.r.Context(), c.caller, in.Item, in.Act)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, acted{morning.Said(said, title).In(c.language())})
}
