// Package zeek reads the logs of Zeek as JSON: with _path, the name of the log,
// as the streaming writer adds it, or without, where the fields tell it.
//
// The time is ts. Added are source.ip, source.port, destination.ip,
// destination.port, network.transport, network.protocol (service),
// source.bytes, destination.bytes, dns.question.name, url.domain, url.path, url.query,
// http.request.method, http.response.status_code, user_agent.original,
// tls.client.server_name, event.action (the name of the log), and a message.
// The uid is of a connection, which several events share: it is no id of one.
package zeek

import (
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Format is the format "zeek".
func Format() parser.Format {
	return parser.JSON(parser.Format{
		Name:  "zeek",
		Title: lang.T("Zeek (JSON)", "Zeek (JSON)"),
		Doc:   lang.T("A line of any log of Zeek as JSON. The name of the log is _path.", "Una línea de cualquier registro de Zeek en JSON. El nombre del registro es _path."),
	}, known, add)
}

func known(r *parser.Reader) bool {
	return r.Get("ts") != nil && (r.Get("_path") != nil || r.Get("uid") != nil && r.Get("id.orig_h") != nil)
}

// marks are fields that only one log has, for lines that do not say theirs.
var marks = [][2]string{{"conn_state", "conn"}, {"qtype_name", "dns"}, {"qclass", "dns"}, {"trans_depth", "http"}, {"cipher", "ssl"}, {"mailfrom", "smtp"},
	{"auth_success", "ssh"}, {"fuid", "files"}, {"note", "notice"}, {"endpoint", "dce_rpc"}, {"request_type", "kerberos"}, {"certificate.subject", "x509"}}

func path(r *parser.Reader) string {
	if p := r.Str("_path"); p != "" {
		return p
	}
	for _, m := range marks {
		if r.Get(m[0]) != nil {
			return m[1]
		}
	}
	return ""
}

func add(r *parser.Reader) {
	r.Time("ts", "_write_ts")
	r.Host("_system_name")
	log := path(r)
	r.AddText("_path", log)
	r.AddText(event.Action, log)
	r.Copy(event.SourceIP, "id.orig_h")
	r.Copy("source.port", "id.orig_p")
	r.Copy("destination.ip", "id.resp_h")
	r.Copy("destination.port", "id.resp_p")
	r.Copy("source.bytes", "orig_bytes")
	r.Copy("destination.bytes", "resp_bytes")
	r.Copy("network.transport", "proto")
	r.Copy("network.protocol", "service")
	r.Copy("network.community_id", "community_id")
	what := ""
	switch log {
	case "dns":
		r.Copy("dns.question.name", "query")
		r.Copy("dns.question.type", "qtype_name")
		what = r.Str("query")
	case "http":
		r.Copy("url.domain", "host")
		r.Path("uri")
		r.Copy("http.request.method", "method")
		r.Copy("http.response.status_code", "status_code")
		r.Copy("user_agent.original", "user_agent")
		r.Copy(event.User, "username")
		what = r.Str("method") + " " + r.Str("host") + r.Str("uri")
	case "ssl":
		r.Copy("tls.client.server_name", "server_name")
		what = r.Str("server_name")
	case "notice":
		what = r.Str("msg")
	case "ssh":
		switch r.Str("auth_success") {
		case "true":
			r.Outcome(true)
		case "false":
			r.Outcome(false)
		}
	}
	if what == "" {
		what = r.Str("id.orig_h")
		if to := r.Str("id.resp_h"); what != "" && to != "" {
			what += " -> " + to
			if port := r.Str("id.resp_p"); port != "" {
				what += ":" + port
			}
		}
	}
	r.Say(log, what)
}
