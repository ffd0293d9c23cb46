package app_test

import (
	"net/http"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/door"
)

// need is something a handler asks beyond what its route takes.
type need struct {
	verb     auth.Verb
	resource auth.Resource
}

// ask is an example of asking a route: what is sent, and what who may gets.
type ask struct {
	make    func(*visit) request
	want    []int // statuses; none: any below 400
	also    []need
	session bool // for a person with a session, not for a token
	uses    bool // the entity aimed at is another one afterwards
}

// as returns a copy of a that expects other statuses.
func (a ask) answers(statuses ...int) ask { a.want = statuses; return a }

func (a ask) needs(v auth.Verb, room string) ask {
	a.also = append(slices.Clone(a.also), need{v, auth.Resource{Room: room}})
	return a
}

func (a ask) byPerson() ask { a.session = true; return a }

func (a ask) using() ask { a.uses = true; return a }

// Ways of asking.

// plain asks at the pattern itself.
func plain() ask {
	return ask{make: func(v *visit) request { return request{path: strings.TrimSuffix(v.route.Pattern, "{$}")} }}
}

// query asks at the pattern with something behind it.
func query(more string) ask {
	return ask{make: func(v *visit) request { return request{path: strings.TrimSuffix(v.route.Pattern, "{$}") + more} }}
}

func at(path string) ask {
	return ask{make: func(*visit) request { return request{path: path} }}
}

// sends posts a form to the pattern.
func sends(pairs ...string) ask {
	return ask{make: func(v *visit) request { return fields(v.route.Pattern, pairs...) }}
}

// sendsID posts a form with the id of something new.
func sendsID(name string, id func(*visit) string, pairs ...string) ask {
	return ask{make: func(v *visit) request { return fields(v.route.Pattern, append(pairs, name, id(v))...) }}
}

// says sends JSON to the pattern.
func says(body string) ask {
	return ask{make: func(v *visit) request { return asJSON(v.route.Pattern, body) }}
}

// aims puts the id of something new into the pattern.
func aims(id func(*visit) string, body string) ask {
	return ask{make: func(v *visit) request {
		r := request{path: strings.Replace(v.route.Pattern, "{id}", id(v), 1)}
		if body != "" {
			r = asJSON(r.path, body)
		}
		return r
	}}
}

// record asks at the address of an entity, with its wildcards filled in.
func record(more string) ask {
	return ask{make: func(v *visit) request { return request{path: v.address() + more} }}
}

// edits sends the form of a page of an entity back, with changes.
func edits(page string, changes ...string) ask {
	return ask{make: func(v *visit) request {
		to := v.address()
		return v.form(strings.TrimSuffix(to, v.route.Pattern[strings.LastIndex(v.route.Pattern, "/"):])+page, to, changes...)
	}}
}

// changes sends JSON to the address of an entity.
func changes(body func(*visit) string) ask {
	return ask{make: func(v *visit) request { return asJSON(v.address(), body(v)) }}
}

func text(s string) func(*visit) string { return func(*visit) string { return s } }

// address is the route's pattern with an entity's address in it.
func (v *visit) address() string {
	v.Helper()
	p := strings.Replace(v.route.Pattern, "{namespace}/{name}", v.entity(), 1)
	return strings.Replace(p, "{rev}", "1", 1)
}

const componentYAML = `apiVersion: binnacle.dev/v1
kind: Component
metadata: {name: applied}
spec: {type: service, lifecycle: production, owner: group:default/owners}
`

const newProvider = `{"title":"Id","issuer":"https://id.example","clientId":"b","secret":"s","defaultRole":"member"}`

// mcpHello begins a conversation of the Model Context Protocol.
const mcpHello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`

// asks holds an example for every route of the program. In a pattern KIND
// stands for the plural of each kind. A route that is not here fails
// TestAccess: add how it is asked.
var asks = map[string]ask{
	// Rooms.
	"GET /organisation": plain(),
	"GET /people":       query("?q=" + word),
	"GET /map":          plain(),
	"GET /radar":        plain(),

	// The house.
	"GET /{$}":              plain(),
	"GET /search":           query("?q=" + word),
	"GET /palette":          query("?q=" + word),
	"GET /suggest":          query("?kinds=component,group,user&q=" + word),
	"GET /system":           plain(),
	"POST /preferences":     sends("theme", "dark", "next", "/"),
	"GET /static/{file...}": at("/static/binnacle.css"),
	"GET /healthz":          plain(),
	"GET /readyz":           plain(),
	"GET /metrics":          plain(),
	"POST /mcp": {make: func(*visit) request {
		r := asJSON("/mcp", mcpHello)
		r.headers = []string{"Accept", "application/json, text/event-stream"}
		return r
	}},
	"GET /import": plain(),
	"POST /import": ask{make: func(*visit) request {
		return upload("/import", "c.yaml", componentYAML, "format", "catalog", "step", "preview")
	}}.needs(auth.Write, auth.Operations),
	"GET /export/{format}":  at("/export/backstage?as=yaml"),
	"GET /audit":            plain(),
	"GET /audit/export":     query("?format=csv"),
	"POST /audit/verify":    sends(),
	"GET /settings":         plain(),
	"GET /settings/people":  plain(),
	"GET /settings/sign-in": plain(),
	"GET /settings/tokens":  plain(),
	"GET /api":              plain(),

	// The way in.
	"GET /welcome":          plain(),
	"GET /welcome/{secret}": at("/welcome/none"),
	"POST /welcome/{secret}": ask{make: func(*visit) request {
		return fields("/welcome/none", "email", "x@acme.example", "name", "X", "organisation", "X", "password", password)
	}}.answers(409),
	"GET /sign-in": plain(),
	"POST /sign-in": {make: func(v *visit) request {
		return fields(v.route.Pattern, "email", v.next()+"@acme.example", "password", "wrong")
	}, want: []int{422}},
	"POST /sign-in/passkey/options": sends(),
	"POST /sign-in/passkey":         says(`{}`).answers(422),
	"GET /sign-in/code":             plain(),
	"POST /sign-in/code":            sends("code", "000000").answers(422),
	"GET /sign-in/sso/{provider}":   at("/sign-in/sso/none").answers(404),
	"GET /sign-in/callback":         plain().answers(422),
	"GET /sign-in/link/{secret}":    at("/sign-in/link/none"),
	"POST /sign-in/link/{secret}":   ask{make: func(*visit) request { return fields("/sign-in/link/none") }}.answers(422),
	"GET /invitation/{secret}":      at("/invitation/none").answers(422),
	"POST /invitation/{secret}":     ask{make: func(*visit) request { return fields("/invitation/none", "name", "X", "password", password) }}.answers(422),
	"GET /reset/{secret}":           at("/reset/none").answers(422),
	"POST /reset/{secret}":          ask{make: func(*visit) request { return fields("/reset/none", "password", password) }}.answers(422),
	"POST /sign-out":                sends(),
	"POST /organisation":            {make: func(v *visit) request { return fields("/organisation", "org", v.who.principal.Org) }, session: true},

	// One's own account.
	"GET /account":                       plain(),
	"POST /account/profile":              sends("name", "Somebody").byPerson(),
	"POST /account/password":             sends("current", "wrong", "password", "another long password").answers(422).byPerson(),
	"POST /account/passkeys/options":     sends().byPerson(),
	"POST /account/passkeys":             says(`{}`).answers(422).byPerson(),
	"POST /account/passkeys/remove":      sends("id", "none").answers(404).byPerson(),
	"POST /account/factor":               sends().byPerson(),
	"POST /account/factor/confirm":       sends("code", "000000", "secret", "S", "url", "otpauth://totp/x").answers(422).byPerson(),
	"POST /account/factor/codes":         sends("code", "000000").answers(409).byPerson(),
	"POST /account/factor/off":           sends("code", "000000").answers(409).byPerson(),
	"POST /account/identities/remove":    sends("provider", "none", "subject", "none").answers(404).byPerson(),
	"GET /account/identities/{provider}": at("/account/identities/none").answers(404).byPerson(),
	"POST /account/sessions/end":         sendsID("id", (*visit).mySession).byPerson(),
	"POST /account/sessions/end-others":  sends().byPerson(),
	"POST /account/tokens":               sends("name", "new", "scope", "read", "days", "30"),
	"POST /account/tokens/revoke":        sendsID("id", (*visit).myToken),
	"GET /account/data":                  plain(),

	// Settings.
	"POST /settings/organisation":  sends("title", "Renamed"),
	"POST /settings/organisations": {make: func(v *visit) request { id := v.next(); return fields(v.route.Pattern, "id", id, "newtitle", id) }},
	"POST /settings/people/invite": {make: func(v *visit) request {
		return fields(v.route.Pattern, "email", v.next()+"@example.org", "role", "member")
	}},
	"POST /settings/people/uninvite": sendsID("id", (*visit).invitation),
	"POST /settings/people/role":     sendsID("account", (*visit).member, "role", "lead"),
	"POST /settings/people/disable":  sendsID("account", (*visit).member, "disabled", "true"),
	"POST /settings/people/remove":   sendsID("account", (*visit).member),
	"POST /settings/people/reset":    sendsID("account", (*visit).member),
	"POST /settings/people/factor":   sendsID("account", (*visit).member),
	"POST /settings/sign-in":         sends("title", "Id", "issuer", "https://id.example", "clientId", "b", "secret", "s", "defaultRole", "member"),
	"POST /settings/sign-in/remove":  sendsID("id", (*visit).provider),
	"POST /settings/tokens":          sends("name", "events"),
	"POST /settings/tokens/revoke":   sendsID("id", (*visit).ingestToken),

	// Every kind on the web.
	"GET /KIND":               query("?q=" + word),
	"GET /KIND/export":        query("?format=csv"),
	"POST /KIND/views":        sends("name", "mine", "query", "q=x"),
	"POST /KIND/views/delete": sendsID("id", (*visit).myView),
	"POST /KIND/bulk": {make: func(v *visit) request {
		return fields(v.route.Pattern, "step", "preview", "addtags", "x", "ref", strings.ToLower(v.kind.Name)+":"+v.entity())
	}},
	"GET /KIND/new": plain(),
	"POST /KIND/new": {make: func(v *visit) request {
		return v.form("/"+v.kind.Plural+"/"+v.entity()+"/copy", v.route.Pattern, "metadata.name", v.next())
	}},
	"GET /KIND/{namespace}/{name}":           record(""),
	"GET /KIND/{namespace}/{name}/edit":      record(""),
	"POST /KIND/{namespace}/{name}/edit":     edits("/edit", "metadata.description", "Edited."),
	"GET /KIND/{namespace}/{name}/copy":      record(""),
	"GET /KIND/{namespace}/{name}/yaml":      record(""),
	"POST /KIND/{namespace}/{name}/yaml":     edits("/yaml"),
	"GET /KIND/{namespace}/{name}/rename":    record(""),
	"POST /KIND/{namespace}/{name}/rename":   ask{make: func(v *visit) request { return v.form(v.address(), v.address(), "name", v.next()) }}.using(),
	"GET /KIND/{namespace}/{name}/delete":    record(""),
	"POST /KIND/{namespace}/{name}/delete":   edits("/delete").using(),
	"POST /KIND/{namespace}/{name}/restore":  {make: func(v *visit) request { return fields(v.address(), "rev", "1") }},
	"GET /KIND/{namespace}/{name}/history":   record(""),
	"GET /KIND/{namespace}/{name}/compare":   record(""),
	"GET /KIND/{namespace}/{name}/relations": record(""),

	// REST.
	"GET /api/v1/kinds":                plain(),
	"GET /api/v1/kinds/{kind}":         at("/api/v1/kinds/component"),
	"GET /api/v1/kinds/{kind}/explain": at("/api/v1/kinds/component/explain?path=spec.owner"),
	"GET /api/v1/entities":             plain(),
	"GET /api/v1/entities/facets":      query("?path=metadata.tags"),
	"GET /api/v1/entities/export":      plain(),
	"GET /api/v1/search":               query("?q=" + word),
	"POST /api/v1/apply": ask{make: func(*visit) request {
		return request{path: "/api/v1/apply", contentType: "application/yaml", body: componentYAML}
	}}.needs(auth.Write, auth.Operations),
	"POST /api/v1/diff": ask{make: func(*visit) request {
		return request{path: "/api/v1/diff", contentType: "application/yaml", body: componentYAML}
	}}.needs(auth.Write, auth.Operations),
	"GET /api/v1/formats":                       plain(),
	"POST /api/v1/import/{format}":              ask{make: func(*visit) request { return upload("/api/v1/import/backstage", "c.yaml", componentYAML) }}.needs(auth.Write, auth.Operations),
	"GET /api/v1/export/{format}":               at("/api/v1/export/backstage"),
	"GET /api/v1/feed":                          plain(),
	"GET /api/v1/whoami":                        plain(),
	"GET /api/v1/account":                       plain(),
	"PATCH /api/v1/account":                     says(`{"name":"Somebody"}`).byPerson(),
	"GET /api/v1/account/sessions":              plain(),
	"DELETE /api/v1/account/sessions":           plain().byPerson(),
	"DELETE /api/v1/account/sessions/{id}":      aims((*visit).mySession, "").byPerson(),
	"GET /api/v1/account/tokens":                plain(),
	"POST /api/v1/account/tokens":               says(`{"name":"new","scopes":["read"]}`),
	"DELETE /api/v1/account/tokens/{id}":        aims((*visit).myToken, ""),
	"GET /api/v1/account/organisations":         plain(),
	"GET /api/v1/members":                       plain(),
	"PUT /api/v1/members/{id}":                  aims((*visit).member, `{"role":"lead"}`),
	"DELETE /api/v1/members/{id}":               aims((*visit).member, ""),
	"PUT /api/v1/members/{id}/disabled":         aims((*visit).member, `{"disabled":true}`),
	"POST /api/v1/members/{id}/reset-link":      aims((*visit).member, ""),
	"DELETE /api/v1/members/{id}/second-factor": aims((*visit).member, ""),
	"GET /api/v1/invitations":                   plain(),
	"POST /api/v1/invitations": {make: func(v *visit) request {
		return asJSON(v.route.Pattern, `{"email":"`+v.next()+`@example.org","role":"member"}`)
	}},
	"DELETE /api/v1/invitations/{id}": aims((*visit).invitation, ""),
	"GET /api/v1/tokens":              plain(),
	"POST /api/v1/tokens":             says(`{"name":"events"}`),
	"DELETE /api/v1/tokens/{id}":      aims((*visit).ingestToken, ""),
	"GET /api/v1/providers":           plain(),
	"POST /api/v1/providers":          says(newProvider),
	"PUT /api/v1/providers/{id}":      aims((*visit).provider, newProvider),
	"DELETE /api/v1/providers/{id}":   aims((*visit).provider, ""),
	"GET /api/v1/organisation":        plain(),
	"PATCH /api/v1/organisation":      says(`{"title":"Renamed"}`),
	"POST /api/v1/organisations":      {make: func(v *visit) request { return asJSON(v.route.Pattern, `{"id":"`+v.next()+`","title":"New"}`) }},
	"GET /api/v1/audit":               plain(),
	"GET /api/v1/audit/export":        plain(),
	"GET /api/v1/audit/verify":        plain(),
	"GET /api/v1/version":             plain(),
	"GET /api/v1/openapi.json":        plain(),
	"GET /api/v1/openapi.yaml":        plain(),
	"GET /api/v1/backup":              plain(),

	// Every kind by REST.
	"GET /api/v1/KIND":                                       plain(),
	"POST /api/v1/KIND":                                      {make: func(v *visit) request { return asJSON(v.route.Pattern, v.json(v.document(v.next()))) }},
	"GET /api/v1/KIND/facets":                                query("?path=metadata.tags"),
	"GET /api/v1/KIND/{namespace}/{name}":                    record(""),
	"PUT /api/v1/KIND/{namespace}/{name}":                    changes(func(v *visit) string { _, name, _ := strings.Cut(v.entity(), "/"); return v.json(v.document(name)) }).using(),
	"PATCH /api/v1/KIND/{namespace}/{name}":                  changes(text(`{"metadata":{"description":"Patched."}}`)),
	"DELETE /api/v1/KIND/{namespace}/{name}":                 record("").using(),
	"GET /api/v1/KIND/{namespace}/{name}/history":            record(""),
	"GET /api/v1/KIND/{namespace}/{name}/history/{rev}":      record(""),
	"GET /api/v1/KIND/{namespace}/{name}/history/{rev}/diff": record(""),
	"POST /api/v1/KIND/{namespace}/{name}/restore":           changes(text(`{"rev":1}`)),
	"POST /api/v1/KIND/{namespace}/{name}/rename":            changes(func(v *visit) string { return `{"name":"` + v.next() + `"}` }).using(),
	"GET /api/v1/KIND/{namespace}/{name}/relations":          record(""),
	"GET /api/v1/KIND/{namespace}/{name}/graph":              record(""),
}

// general returns the pattern with KIND for the plural of a kind, and a visit
// of it.
func (w *world) general(route door.Route) (string, *visit) {
	v := &visit{world: w, route: route}
	for _, k := range w.app.Catalog.Kinds().All() {
		for _, prefix := range []string{"/api/v1/", "/"} {
			rest, ok := strings.CutPrefix(route.Pattern, prefix+k.Plural)
			if ok && (rest == "" || rest[0] == '/') {
				v.kind = k
				return route.Method + " " + prefix + "KIND" + rest, v
			}
		}
	}
	return route.Method + " " + route.Pattern, v
}

// resource is what a route's verb is done to at an address.
func resource(route door.Route, path string) (auth.Resource, error) {
	if route.Resource == nil {
		return auth.Resource{}, nil
	}
	r, err := http.NewRequest(route.Method, path, nil)
	if err != nil {
		return auth.Resource{}, err
	}
	given := strings.Split(r.URL.Path, "/")
	for i, part := range strings.Split(route.Pattern, "/") {
		if strings.HasPrefix(part, "{") && i < len(given) {
			r.SetPathValue(strings.Trim(part, "{}."), given[i])
		}
	}
	return route.Resource(r)
}
