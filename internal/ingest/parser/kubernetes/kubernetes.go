// Package kubernetes reads the audit log of the Kubernetes API server.
//
// A request is an event at each of its stages: the id is auditID and the stage,
// the time that of the request. Added are user.name, source.ip (the first of
// sourceIPs), event.action (verb), event.outcome (by the code of the response),
// http.response.status_code, url.path, url.query, user_agent.original,
// orchestrator.type, .namespace, .resource.type, .resource.name, and a message.
package kubernetes

import (
	"strings"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Format is the format "kubernetes".
func Format() parser.Format {
	return parser.JSON(parser.Format{
		Name:  "kubernetes",
		Title: lang.T("Kubernetes audit log", "Registro de auditoría de Kubernetes"),
		Doc:   lang.T("An event of the audit log of the API server (audit.k8s.io).", "Un suceso del registro de auditoría del servidor de API (audit.k8s.io)."),
	}, known, add)
}

func known(r *parser.Reader) bool {
	return r.Get("auditID") != nil && strings.HasPrefix(r.Str("apiVersion"), "audit.k8s.io/")
}

func add(r *parser.Reader) {
	r.Time("requestReceivedTimestamp", "stageTimestamp")
	if id := r.Str("auditID"); id != "" {
		r.Out.ID = id + "/" + r.Str("stage")
	}
	r.Copy(event.User, "user.username")
	r.Copy("user.effective.name", "impersonatedUser.username")
	if ip := r.Element("sourceIPs"); ip != nil {
		r.From(ip)
	}
	r.Copy(event.Action, "verb")
	status := r.Get("responseStatus")
	code := parser.Within(status, "code")
	if len(code) == 3 {
		r.Outcome(code[0] < '4')
		r.Put("http.response.status_code", code)
	} else if r.Is("annotations.authorization.k8s.io/decision", "forbid") {
		r.Outcome(false)
	}
	r.Path("requestURI")
	r.Copy("user_agent.original", "userAgent")
	r.AddText("orchestrator.type", "kubernetes")
	object := r.Get("objectRef")
	text := func(name string) string { return parser.String(r.TextOf(parser.Within(object, name))) }
	namespace, resource, name := text("namespace"), text("resource"), text("name")
	if sub := text("subresource"); sub != "" {
		resource += "/" + sub
	}
	r.AddText("orchestrator.namespace", namespace)
	r.AddText("orchestrator.resource.type", text("resource"))
	r.AddText("orchestrator.resource.name", name)
	if name != "" && namespace != "" {
		namespace += "/" + name
	} else {
		namespace += name
	}
	r.Say(r.Str("verb"), resource, namespace, "by", r.Str("user.username"), parser.String(code))
}
