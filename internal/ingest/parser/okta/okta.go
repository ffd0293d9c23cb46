// Package okta reads the System Log of Okta.
//
// The id of an event is its uuid, its time published. Added are user.name
// (actor.alternateId), user.id, user.target.name (the first target that is a
// user), source.ip, source.geo, event.action (eventType), event.outcome,
// event.reason, user_agent.original, and the message (displayMessage).
package okta

import (
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// Format is the format "okta".
func Format() parser.Format {
	return parser.JSON(parser.Format{
		Name:  "okta",
		Title: lang.T("Okta System Log", "System Log de Okta"),
		Doc:   lang.T("An event of the System Log, as its API and its hooks give it.", "Un suceso del System Log, tal como lo dan su API y sus hooks."),
	}, known, add)
}

func known(r *parser.Reader) bool {
	return r.Get("eventType") != nil && r.Get("published") != nil && r.Get("uuid") != nil
}

func add(r *parser.Reader) {
	r.Time("published")
	r.ID("uuid")
	r.Copy(event.User, "actor.alternateId", "actor.displayName")
	r.Copy("user.id", "actor.id")
	r.Add("user.target.name", target(r))
	if ip := r.Text("client.ipAddress"); ip != nil {
		r.From(ip)
	}
	r.Copy("source.geo.country_name", "client.geographicalContext.country")
	r.Copy("source.geo.city_name", "client.geographicalContext.city")
	r.Copy(event.Action, "eventType")
	switch r.Str("outcome.result") {
	case "SUCCESS", "ALLOW":
		r.Outcome(true)
	case "FAILURE", "DENY":
		r.Outcome(false)
	case "":
	default:
		r.AddText(event.Outcome, "unknown")
	}
	r.Copy("event.reason", "outcome.reason")
	r.Copy("user_agent.original", "client.userAgent.rawUserAgent")
	r.Copy(event.Message, "displayMessage", "eventType")
}

// target is the first target that is a user.
func target(r *parser.Reader) []byte {
	list := r.Get("target")
	if len(list) == 0 || list[0] != '[' {
		return nil
	}
	c := jsonline.Within(list)
	for v, ok := c.Element(); ok; v, ok = c.Element() {
		if string(r.TextOf(parser.Within(v, "type"))) == "User" {
			return r.TextOf(parser.Within(v, "alternateId"))
		}
	}
	return nil
}
