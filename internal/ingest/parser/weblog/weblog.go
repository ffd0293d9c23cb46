// Package weblog reads the logs of nginx and Apache: the access log in the forms
// common, combined and vhost_combined and as JSON, and the error log of both.
//
//	198.51.100.23 - ana [10/Mar/2026:09:00:00 +0100] "GET /a?b=c HTTP/1.1" 200 512 "-" "curl/8.5.0"
//
// Names that are added to a request are those of the W3C, which Sigma's rules for
// web servers use, and those of ECS beside them: c-ip and source.ip, cs-username
// and user.name, cs-method and http.request.method, cs-uri-stem and url.path,
// cs-uri-query ("-" when there is none) and url.query, cs-version and
// http.version, cs-host and url.domain, sc-status and http.response.status_code,
// sc-bytes and http.response.body.bytes, cs-referer and http.request.referrer,
// cs-user-agent and user_agent.original. What the server wrote as \x22 or \" in a
// request is the byte again; what the browser wrote as %22 stays.
//
// Of an error: log.level, process.pid, source.ip, error.code, and of nginx what it
// says of the request: url.original, url.domain. The message is the text.
//
// The formats "nginx" and "apache" read the same; they say of which server the
// events are, in service.type. "weblog" does not know it of access logs.
package weblog

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Formats are "nginx", "apache", and "weblog" for either.
func Formats() []parser.Format {
	return []parser.Format{
		format("weblog", "", lang.T("Web server logs", "Registros de servidores web")),
		format("nginx", "nginx", lang.T("nginx", "nginx")),
		format("apache", "apache", lang.T("Apache HTTP Server", "Apache HTTP Server")),
	}
}

func format(name, server string, title lang.Text) parser.Format {
	return parser.JSON(parser.Format{
		Name:  name,
		Title: title,
		Doc: lang.T("Access logs (common, combined, with the virtual host, or JSON) and error logs of nginx and Apache.",
			"Registros de acceso (common, combined, con el servidor virtual, o JSON) y de errores de nginx y Apache."),
	}, isObject, func(r *parser.Reader) { addObject(r, server) }).OrLines(func(line []byte, env *parser.Env, out *parser.Out) error {
		return parse(line, server, env, out)
	}, func(line []byte, _ *parser.Env) bool {
		// "weblog" is found out; which server a line is of, it does not say.
		return server == "" && isLine(parser.String(line))
	})
}

func isLine(line string) bool {
	var a access
	return a.read(line) || isApacheError(line) || isNginxError(line)
}

func parse(data []byte, server string, env *parser.Env, out *parser.Out) error {
	line := parser.String(data)
	var a access
	switch {
	case a.read(line):
		at, ok := event.ParseTime(a.time, env.Zone)
		if !ok {
			return errors.New("[" + a.time + "] is no time of an access log, as [10/Mar/2026:09:00:00 +0100]")
		}
		out.Time = at
		l := parser.Begin(out, data)
		defer l.End()
		l.Add("service.type", server)
		a.write(l)
		return nil
	case isApacheError(line):
		return apacheError(line, data, env, out)
	case isNginxError(line):
		return nginxError(line, data, env, out)
	case strings.TrimSpace(line) == "":
		return errors.New("the line is empty")
	}
	return errors.New("the line is of no access or error log of nginx or Apache that is known; the forms are common, combined, vhost_combined and JSON")
}

// access is a line of an access log.
type access struct {
	vhost, client, user  string
	time, request        string
	status, bytes        string
	referer, agent, more string
	forwarded            string
	combined             bool
}

func (a *access) read(line string) bool {
	open := strings.IndexByte(line, '[')
	if open < 4 || open > 1024 {
		return false
	}
	end := strings.IndexByte(line[open:], ']')
	if end < 20 {
		return false
	}
	a.time = line[open+1 : open+end]
	if !a.who(strings.TrimSuffix(line[:open], " ")) {
		return false
	}
	rest := strings.TrimLeft(line[open+end+1:], " ")
	var ok bool
	if a.request, rest, ok = quoted(rest); !ok {
		return false
	}
	a.status, rest, _ = strings.Cut(strings.TrimLeft(rest, " "), " ")
	if len(a.status) != 3 && a.status != "-" {
		return false
	}
	a.bytes, rest, _ = strings.Cut(rest, " ")
	if a.referer, rest, ok = quoted(rest); ok {
		a.agent, rest, a.combined = quoted(strings.TrimLeft(rest, " "))
	}
	a.more = strings.TrimSpace(rest)
	if text, _, ok := quoted(a.more); ok {
		a.forwarded = text
	}
	return true
}

// who reads what stands before the time: client, identity and user, after the
// virtual host where that is logged.
func (a *access) who(text string) bool {
	first, rest, ok := strings.Cut(text, " ")
	second, after, more := strings.Cut(rest, " ")
	if !ok || !more {
		return false
	}
	if !isIP(first) && isIP(second) {
		a.vhost, _, _ = strings.Cut(first, ":")
		a.client = second
		_, a.user, ok = strings.Cut(after, " ")
		return ok
	}
	a.client, a.user = first, after
	return true
}

func isIP(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// quoted reads a text in quotes, in which \" is no end.
func quoted(text string) (in, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		return "", text, false
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return unescaped(text[1:i]), text[i+1:], true
		}
	}
	return "", text, false
}

// unescaped is a text with the bytes that servers write as \x22, \" or \n.
func unescaped(text string) string {
	if strings.IndexByte(text, '\\') < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			continue
		}
		i++
		switch c := text[i]; c {
		case '"', '\\':
			out = append(out, c)
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'x':
			if i+2 < len(text) {
				if b, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
					out = append(out, byte(b))
					i += 2
					continue
				}
			}
			out = append(out, '\\', c)
		default:
			out = append(out, '\\', c)
		}
	}
	return string(out)
}

func (a *access) write(l *parser.Line) {
	l.Add("message", strings.TrimSpace(a.request+" "+a.status))
	l.Add("cs-host", a.vhost)
	l.Add("url.domain", a.vhost)
	l.Add("c-ip", a.client)
	l.From(a.client)
	if a.user != "-" && a.user != `""` {
		l.Add("cs-username", a.user)
		l.Add(event.User, a.user)
	}
	r := requestOf(a.request)
	for _, f := range r.fields() {
		l.Add(f.name, f.text)
	}
	l.Add("http.version", strings.TrimPrefix(r.version, "HTTP/"))
	l.Int("sc-status", a.status)
	l.Int("http.response.status_code", a.status)
	l.Int("sc-bytes", a.bytes)
	l.Int("http.response.body.bytes", a.bytes)
	l.Add(event.Outcome, outcome(a.status))
	if !a.combined {
		return
	}
	l.Set("cs-referer", []byte(orNone(a.referer)))
	l.Set("cs-user-agent", []byte(orNone(a.agent)))
	if a.referer != "-" {
		l.Add("http.request.referrer", a.referer)
	}
	if a.agent != "-" {
		l.Add("user_agent.original", a.agent)
	}
	if ip, _, _ := strings.Cut(a.forwarded, ","); isIP(ip) {
		l.Add("network.forwarded_ip", ip)
	}
}

// outcome is what a status means.
func outcome(status string) string {
	switch {
	case status == "" || status[0] < '1' || status[0] > '5':
		return ""
	case status[0] >= '4':
		return "failure"
	}
	return "success"
}

func orNone(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// request is the first line of a request.
type request struct{ method, stem, query, version string }

// requestOf reads "GET /a?b HTTP/1.1". Of what is no request, as the bytes of
// another protocol, the method is "-" and the stem the whole.
func requestOf(line string) request {
	method, rest, ok := strings.Cut(line, " ")
	if !ok || !upper(method) {
		return request{method: "-", stem: orNone(line), query: "-"}
	}
	r := request{method: method}
	if at := strings.LastIndex(rest, " HTTP/"); at >= 0 {
		rest, r.version = rest[:at], rest[at+1:]
	}
	r.stem, r.query, _ = strings.Cut(rest, "?")
	r.query = orNone(r.query)
	return r
}

// fields are the names that a request is known by.
func (r request) fields() [7]struct{ name, text string } {
	query := r.query
	if query == "-" {
		query = ""
	}
	return [...]struct{ name, text string }{{"cs-method", r.method}, {"http.request.method", r.method}, {"cs-uri-stem", r.stem}, {"url.path", r.stem},
		{"cs-uri-query", r.query}, {"url.query", query}, {"cs-version", r.version}}
}

func upper(method string) bool {
	for i := range len(method) {
		if c := method[i]; (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return method != "" && len(method) < 32
}

// isApacheError reports a line as "[Sun Dec 04 04:47:44 2005] [notice] …".
func isApacheError(line string) bool {
	return len(line) > 26 && line[0] == '[' && line[4] == ' ' && line[8] == ' ' && line[11] == ' ' && line[14] == ':' && strings.IndexByte(line, ']') > 23
}

func apacheError(line string, data []byte, env *parser.Env, out *parser.Out) error {
	stamp, rest, _ := strings.Cut(line[1:], "]")
	at, ok := event.ParseTime(stamp, env.Zone)
	if !ok {
		return errors.New("[" + stamp + "] is no time of an error log of Apache")
	}
	out.Time, out.Format = at, "apache"
	l := parser.Begin(out, data)
	defer l.End()
	l.Add("service.type", "apache")
	ported := false
	for {
		rest = strings.TrimPrefix(rest, " ")
		if !strings.HasPrefix(rest, "[") {
			break
		}
		item, after, ok := strings.Cut(rest[1:], "]")
		if !ok || !apacheItem(l, item, ported) {
			break
		}
		ported = ported || strings.HasPrefix(item, "pid ")
		rest = after
	}
	l.Set(event.Message, data[len(data)-len(rest):])
	if code, _, ok := strings.Cut(rest, ": "); ok && len(code) == 7 && strings.HasPrefix(code, "AH") {
		l.Add("error.code", code)
	}
	return nil
}

// apacheItem reads one of the items in brackets. From 2.4 on the address has a port,
// behind a colon too when it is one of IPv6: 2001:db8::1:50000.
func apacheItem(l *parser.Line, item string, ported bool) bool {
	name, value, _ := strings.Cut(item, " ")
	switch name {
	case "pid":
		pid, tid, _ := strings.Cut(value, ":tid ")
		l.Int("process.pid", pid)
		l.Int("process.thread.id", tid)
	case "client", "remote":
		address, port := value, ""
		if ap, err := netip.ParseAddrPort(value); err == nil {
			address, port = ap.Addr().String(), strconv.Itoa(int(ap.Port()))
		} else if at := strings.LastIndexByte(value, ':'); at > 0 && (!isIP(value) || ported && isIP(value[:at]) && isPort(value[at+1:])) {
			address, port = value[:at], value[at+1:]
		}
		l.From(address)
		l.Int("source.port", port)
	default:
		module, level, ok := strings.Cut(item, ":")
		if !ok {
			module, level = "", item
		}
		if !levels[strings.TrimRight(level, "12345678")] {
			return false
		}
		l.Add("apache.module", module)
		l.Add("log.level", level)
	}
	return true
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

var levels = map[string]bool{"emerg": true, "alert": true, "crit": true, "error": true, "warn": true, "notice": true, "info": true, "debug": true, "trace": true}

// isNginxError reports a line as "2026/03/10 09:00:00 [error] 7#7: …".
func isNginxError(line string) bool {
	return len(line) > 24 && line[4] == '/' && line[7] == '/' && line[10] == ' ' && line[13] == ':' && strings.HasPrefix(line[19:], " [")
}

func nginxError(line string, data []byte, env *parser.Env, out *parser.Out) error {
	at, ok := event.ParseTime(line[:19], env.Zone)
	level, rest, closed := strings.Cut(line[21:], "] ")
	if !ok || !closed {
		return errors.New(line[:19] + " is no time of an error log of nginx")
	}
	out.Time, out.Format = at, "nginx"
	l := parser.Begin(out, data)
	defer l.End()
	l.Add("service.type", "nginx")
	l.Add("log.level", level)
	if ids, text, ok := strings.Cut(rest, ": "); ok {
		if pid, tid, ok := strings.Cut(ids, "#"); ok {
			l.Int("process.pid", pid)
			l.Int("process.thread.id", tid)
			rest = text
		}
	}
	l.Set(event.Message, data[len(data)-len(rest):])
	nginxFields(l, rest)
	return nil
}

// nginxFields reads what follows the message of nginx: ", client: 198.51.100.23,
// server: example.com, request: "GET / HTTP/1.1"".
func nginxFields(l *parser.Line, text string) {
	at := strings.Index(text, ", client: ")
	if at < 0 {
		return
	}
	for text = text[at:]; strings.HasPrefix(text, ", "); {
		name, rest, ok := strings.Cut(text[2:], ": ")
		if !ok {
			return
		}
		value := ""
		if value, text, ok = quoted(rest); !ok {
			end := strings.Index(rest, ", ")
			if end < 0 {
				end = len(rest)
			}
			value, text = rest[:end], rest[end:]
		}
		switch name {
		case "client":
			l.From(value)
		case "server":
			l.Add("server.domain", value)
		case "host":
			l.Add("url.domain", value)
		case "request":
			r := requestOf(value)
			l.Add("http.request.method", r.method)
			l.Add("url.original", value)
			l.Add("url.path", r.stem)
		case "referrer":
			l.Add("http.request.referrer", value)
		}
	}
}

var (
	uris     = []string{"request_uri", "uri", "RequestPath", "request.uri", "url", "path", "request"}
	statuses = []string{"status", "DownstreamStatus", "response", "status_code", "response_code"}
	clients  = []string{"remote_addr", "request.remote_ip", "ClientHost", "clientip", "remote_ip", "client_ip", "remoteIP", "client"}
)

func isObject(r *parser.Reader) bool {
	return (r.Get("request_uri") != nil || r.Get("uri") != nil || r.Get("request.uri") != nil || r.Get("RequestPath") != nil || isRequest(r.Str("request"))) &&
		len(r.First(statuses...)) > 0 && len(r.First(clients...)) > 0
}

func isRequest(text string) bool { return text != "" && requestOf(text).version != "" }

// addObject adds the names of an access log that is written as JSON.
func addObject(r *parser.Reader, server string) {
	r.Time("time_iso8601", "timestamp", "@timestamp", "time", "StartUTC", "time_local", "msec", "ts")
	r.Host("hostname")
	r.AddText("service.type", server)
	req := requestOf(r.Str("request"))
	if req.method == "-" {
		req = request{method: parser.String(r.First("request_method", "method", "RequestMethod", "request.method"))}
		uri := r.First(uris[:len(uris)-1]...)
		stem, query, _ := strings.Cut(parser.String(uri), "?")
		if query == "" {
			query = parser.String(r.First("args", "query_string", "query"))
		}
		req.stem, req.query = stem, orNone(strings.TrimPrefix(query, "?"))
		req.version = parser.String(r.First("server_protocol", "protocol", "RequestProtocol", "request.proto"))
	}
	status := r.First(statuses...)
	r.Say(req.method, req.stem, string(status))
	if client := r.First(clients...); client != nil {
		r.Add("c-ip", client)
		r.From(client)
	}
	r.Copy(event.User, "remote_user", "ClientUsername", "user_id")
	for _, f := range req.fields() {
		r.AddText(f.name, f.text)
	}
	r.Put("sc-status", numeral(status))
	r.Put("http.response.status_code", numeral(status))
	bytes := numeral(r.First("body_bytes_sent", "bytes_sent", "DownstreamContentSize", "bytes", "size"))
	r.Put("sc-bytes", bytes)
	r.Put("http.response.body.bytes", bytes)
	r.AddText(event.Outcome, outcome(parser.String(status)))
	r.AddText("cs-host", parser.String(r.First("http_host", "host", "RequestHost", "request.host", "server_name", "vhost")))
	referer := r.First("http_referer", "referer", "referrer", "request_Referer")
	if referer == nil {
		referer = r.Element("request.headers.Referer")
	}
	agent := r.First("http_user_agent", "user_agent", "agent", "request_User-Agent")
	if agent == nil {
		agent = r.Element("request.headers.User-Agent")
	}
	r.AddText("cs-referer", orNone(parser.String(referer)))
	r.AddText("cs-user-agent", orNone(parser.String(agent)))
	r.Add("http.request.referrer", none(referer))
	r.Add("user_agent.original", none(agent))
}

func none(text []byte) []byte {
	if string(text) == "-" {
		return nil
	}
	return text
}

// numeral is a text that is a whole number, and nil for what is none.
func numeral(text []byte) []byte {
	if len(text) == 0 || len(text) > 18 || len(text) > 1 && text[0] == '0' {
		return nil
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return nil
		}
	}
	return text
}
