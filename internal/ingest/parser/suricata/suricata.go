// Package suricata reads the lines of Suricata's eve.json.
//
// The time is timestamp. Added are source.ip, source.port, destination.ip,
// destination.port, network.protocol (app_proto), observer.hostname (host),
// event.action (event_type, or what was done about an alert), rule.id, rule.name,
// rule.category, dns.question.name, url.domain, url.path, url.query, http.request.method,
// user_agent.original, tls.client.server_name, and a message.
package suricata

import (
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// Format is the format "suricata".
func Format() parser.Format {
	return parser.JSON(parser.Format{
		Name:  "suricata",
		Title: lang.T("Suricata EVE", "Suricata EVE"),
		Doc:   lang.T("A line of eve.json: alerts, flows, DNS, HTTP, TLS and all other types.", "Una línea de eve.json: alertas, flujos, DNS, HTTP, TLS y los demás tipos."),
	}, known, add)
}

func known(r *parser.Reader) bool {
	return r.Get("event_type") != nil && r.Get("timestamp") != nil && (r.Get("flow_id") != nil || r.Get("src_ip") != nil || r.Get("stats") != nil)
}

func add(r *parser.Reader) {
	r.Time("timestamp")
	r.Host("host")
	kind := r.Str("event_type")
	r.Copy(event.SourceIP, "src_ip")
	r.Copy("source.port", "src_port")
	r.Copy("destination.ip", "dest_ip")
	r.Copy("destination.port", "dest_port")
	r.AddText("network.transport", parser.Transport(r.Str("proto")))
	r.Copy("network.protocol", "app_proto")
	r.Copy("network.community_id", "community_id")
	what := ""
	switch kind {
	case "alert":
		alert := r.Get("alert")
		r.Put("rule.id", parser.Within(alert, "signature_id"))
		r.Put("rule.name", parser.Within(alert, "signature"))
		r.Put("rule.category", parser.Within(alert, "category"))
		r.Copy(event.Action, "alert.action")
		what = parser.String(r.TextOf(parser.Within(alert, "signature")))
	case "dns":
		name, of := r.Get("dns.rrname"), r.Get("dns.rrtype")
		if list := r.Get("dns.queries"); name == nil && len(list) > 0 && list[0] == '[' { // from version 8 on
			c := jsonline.Within(list)
			if first, ok := c.Element(); ok && first[0] == '{' {
				name, of = parser.Within(first, "rrname"), parser.Within(first, "rrtype")
			}
		}
		r.Put("dns.question.name", name)
		r.Put("dns.question.type", of)
		what = parser.String(r.TextOf(name))
	case "http":
		r.Copy("url.domain", "http.hostname")
		r.Path("http.url")
		r.Copy("http.request.method", "http.http_method")
		r.Copy("http.response.status_code", "http.status")
		r.Copy("user_agent.original", "http.http_user_agent")
		what = r.Str("http.hostname") + r.Str("http.url")
	case "tls":
		r.Copy("tls.client.server_name", "tls.sni")
		what = r.Str("tls.sni")
	case "fileinfo":
		r.Copy("file.name", "fileinfo.filename")
		r.Copy("file.hash.sha256", "fileinfo.sha256")
		what = r.Str("fileinfo.filename")
	}
	r.AddText(event.Action, kind)
	r.Say(kind, what)
}
