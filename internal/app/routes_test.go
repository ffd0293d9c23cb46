package app_test

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
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

// from names the source that events come from.
func (a ask) from(source string) ask {
	send := a.make
	a.make = func(v *visit) request {
		r := send(v)
		r.path += "?source=" + source
		return r
	}
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

// sendsTo posts a form to an address.
func sendsTo(path string, pairs ...string) ask {
	return ask{make: func(*visit) request { return fields(path, pairs...) }}
}

// ofEntity posts a form to the pattern with the address of a new entity in it.
func ofEntity(pairs ...string) ask {
	return ask{make: func(v *visit) request {
		e := v.document(v.next())
		_, err := v.app.Catalog.Create(v.Context(), v.as(), v.secret(e))
		v.must(err)
		return fields(strings.Replace(v.route.Pattern, "{namespace}/{name}", "default/"+e.Metadata.Name, 1), pairs...)
	}}
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

// aimsAt asks about a thing with an id, with the fields of a form where it is one.
func aimsAt(id func(*visit) string, pairs ...string) ask {
	return ask{make: func(v *visit) request {
		path := strings.Replace(v.route.Pattern, "{id}", id(v), 1)
		if v.route.Method == http.MethodGet {
			return request{path: path}
		}
		return fields(path, pairs...)
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
	return strings.NewReplacer("{rev}", "1", "{seq}", "1").Replace(p)
}

// proved asks at the address of an entity whose tests have been run.
func proved(more string) ask {
	return ask{make: func(v *visit) request {
		path := v.address() + more
		if ref := strings.ToLower(v.kind.Name) + ":" + v.entity(); v.count(`SELECT count(*) FROM claim_states WHERE ref = '`+ref+`'`) == 0 {
			v.settle()
		}
		return request{path: path}
	}}
}

// wordy returns an entity of the kind that asks for a person's word.
func (v *visit) wordy() *entity.Entity {
	v.Helper()
	e := v.document(v.next())
	spec := map[string]any{"room": auth.Strategy, "tests": []any{map[string]any{"name": "word", "attest": map[string]any{"goodFor": "90d"}}}}
	switch v.kind.Name {
	case auth.KindMeasure:
		spec = map[string]any{"room": auth.Strategy, "direction": "up", "typed": map[string]any{"goodFor": "30d"}}
	case "KeyResult":
		spec = map[string]any{"objective": "moved", "kind": "milestone", "milestones": []string{"a"}}
	}
	v.must(catalog.SetSpec(e, spec))
	_, err := v.app.Catalog.Create(v.Context(), v.as(), v.secret(e))
	v.must(err)
	return e
}

// spoken asks at the address of an entity that asks for a word.
func spoken(pairs ...string) ask {
	return ask{make: func(v *visit) request {
		e := v.wordy()
		path := strings.Replace(v.route.Pattern, "{namespace}/{name}", "default/"+e.Metadata.Name, 1)
		if len(pairs) == 0 {
			return request{path: path}
		}
		return fields(path, pairs...)
	}}.needs(auth.Write, auth.Strategy)
}

// takeBack deletes what somebody else has added.
func (v *visit) takeBack(text string) {
	v.Helper()
	ref, err := v.app.Catalog.Resolve(text, "")
	v.must(err)
	if _, err := v.app.Catalog.Delete(v.Context(), v.as(), ref, 0); err != nil && !fault.Is(err, fault.NotFound) {
		v.Fatal(err)
	}
}

// spokenJSON is spoken by REST.
func spokenJSON(body string) ask {
	return ask{make: func(v *visit) request {
		return asJSON(strings.Replace(v.route.Pattern, "{namespace}/{name}", "default/"+v.wordy().Metadata.Name, 1), body)
	}}.needs(auth.Write, auth.Strategy).answers(201, 422)
}

// requested returns namespace and name of an exception somebody else asks for.
func (v *visit) requested() string {
	v.Helper()
	v.apply(v.as(), "apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: services-owned}\nspec: {room: operations, tests: [{name: owned, records: {from: component, expect: has(spec.owner)}}]}\n")
	return v.entity()
}

const componentYAML = `apiVersion: binnacle.dev/v1
kind: Component
metadata: {name: applied}
spec: {type: service, lifecycle: production, owner: group:default/owners}
`

const newHook = `{"name":"chat","url":"https://hooks.example/in","types":["comment.*"]}`

const newProvider = `{"title":"Id","issuer":"https://id.example","clientId":"b","secret":"s","defaultRole":"member"}`

// mcpHello begins a conversation of the Model Context Protocol.
const mcpHello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`

// bruteForce is the id of a rule that comes with the program.
const bruteForce = "052224b6-ff89-4f7c-ba1d-0db062d1e083"

// asks holds an example for every route of the program. In a pattern KIND
// stands for the plural of each kind. A route that is not here fails
// TestAccess: add how it is asked.
var asks = map[string]ask{
	// Rooms.
	"GET /organisation":  plain(),
	"GET /people":        query("?q=" + word),
	"GET /map":           plain(),
	"GET /radar":         plain(),
	"GET /today/changes": query("?since=week"),
	"GET /inbox":         plain(),
	"POST /inbox/act":    sends("item", "none", "act", "none").answers(404),
	"GET /roadmap":       plain(),

	// Security.
	"GET /events":                               query("?q=" + word),
	"GET /events/results":                       query("?q=" + word),
	"GET /events/event":                         query("?id=none").answers(404),
	"GET /events/export":                        query("?as=csv"),
	"GET /events/make/{what}":                   at("/events/make/hunt?q=" + word),
	"GET /alerts":                               query("?q=" + word),
	"POST /alerts/bulk":                         sends("act", "acknowledge"),
	"GET /alerts/{no}":                          at("/alerts/AL-999").answers(404),
	"POST /alerts/{no}/act":                     sendsTo("/alerts/AL-999/act", "act", "acknowledge").answers(404),
	"POST /alerts/{no}/answer":                  sendsTo("/alerts/AL-999/answer", "question", "Who?", "answer", "Nobody.").answers(404),
	"POST /alerts/{no}/suppress":                sendsTo("/alerts/AL-999/suppress", "until", "2026-01-01", "reason", "x").answers(404, 422),
	"POST /alerts/{no}/pin":                     sendsTo("/alerts/AL-999/pin").answers(404),
	"POST /alerts/suppressions/{no}/end":        sendsTo("/alerts/suppressions/999/end").answers(404),
	"GET /api/v1/alerts":                        query("?state=new&level=high"),
	"GET /api/v1/alerts/{id}":                   at("/api/v1/alerts/AL-999").answers(404),
	"GET /api/v1/alerts/{id}/changes":           at("/api/v1/alerts/AL-999/changes").answers(404),
	"POST /api/v1/alerts/case":                  says(`{"alerts":["AL-999"]}`).answers(404),
	"POST /api/v1/alerts":                       says(`{"alerts":["AL-999"],"act":"acknowledge"}`).answers(404),
	"GET /KIND/open":                            plain(),
	"POST /KIND/open":                           sends("title", "A case", "severity", "low"),
	"GET /KIND/{namespace}/{name}/report":       {make: func(v *visit) request { return request{path: v.address()} }},
	"POST /KIND/{namespace}/{name}/entry":       ofEntity("text", "We looked.", "side", "us"),
	"POST /KIND/{namespace}/{name}/phase":       ofEntity("phase", "removed"),
	"POST /KIND/{namespace}/{name}/task":        ofEntity("task", "task:none").answers(404),
	"POST /KIND/{namespace}/{name}/pin":         ofEntity("event", "none").answers(404, 503),
	"POST /KIND/{namespace}/{name}/indicator":   ofEntity("type", "address", "value", "192.0.2.1"),
	"POST /KIND/{namespace}/{name}/scope":       ofEntity("asset", "laptop"),
	"POST /KIND/{namespace}/{name}/plan":        ofEntity("playbook", "malware"),
	"POST /KIND/{namespace}/{name}/merge":       ofEntity("into", "none").answers(404),
	"POST /KIND/{namespace}/{name}/split":       ofEntity().answers(422),
	"POST /KIND/{namespace}/{name}/close":       ofEntity("step", "save", "lesson", "Learned."),
	"POST /KIND/{namespace}/{name}/closealerts": ofEntity("disposition", "false", "reason", "x"),
	"GET /attack":                               plain(),
	"GET /attack/layer":                         plain(),
	"GET /attack/{id}":                          at("/attack/T1078"),

	// Sources, those that nobody has described among them.
	"GET /KIND/{name}": ask{make: at("/sources/nobody").make}.answers(404),

	// Events that are sent in.
	"POST /ingest/json":              says(`{"a":1}`).from("x"),
	"POST /ingest/loki/api/v1/push":  says(`{"streams":[{"stream":{"a":"b"},"values":[["1","x"]]}]}`).from("x"),
	"POST /ingest/otlp/v1/logs":      says(`{}`).from("x"),
	"GET /ingest/elastic":            plain(),
	"POST /ingest/elastic":           says(`{}`),
	"PUT /ingest/elastic":            says(`{}`),
	"GET /ingest/elastic/{path...}":  at("/ingest/elastic/_license"),
	"POST /ingest/elastic/{path...}": ask{make: func(*visit) request { return asJSON("/ingest/elastic/_bulk", "{\"index\":{}}\n{}\n") }}.from("x"),
	"PUT /ingest/elastic/{path...}":  ask{make: func(*visit) request { return asJSON("/ingest/elastic/_template/x", "{}") }},
	"POST /ingest/github/{source}":   ask{make: func(*visit) request { return asJSON("/ingest/github/x", "{}") }}.answers(401),

	// Rules are asked for by their ids, beside the detections, which are a kind.
	"GET /KIND/{id}":               at("/detections/" + bruteForce),
	"POST /KIND/rule/{id}/tune":    {make: func(*visit) request { return fields("/detections/rule/"+bruteForce+"/tune", "level", "high") }},
	"POST /KIND/rule/{id}/preview": {make: func(*visit) request { return fields("/detections/rule/"+bruteForce+"/preview", "level", "high") }},
	"POST /KIND/rule/canary/send":  {make: func(*visit) request { return fields("/detections/rule/canary/send") }},
	"GET /KIND/gaps":               at("/detections/gaps"),
	"POST /KIND/gaps/{gap}/rerun":  ask{make: func(*visit) request { return fields("/detections/gaps/none/rerun") }}.answers(404),
	"GET /KIND/past":               at("/detections/past"),
	"POST /KIND/past/run/start": {make: func(*visit) request {
		return fields("/detections/past/run/start", "rule", bruteForce, "from", "2026-01-01", "to", "2026-01-02")
	}},
	"GET /KIND/past/{job}":         at("/detections/past/none").answers(404),
	"POST /KIND/past/{job}/cancel": {make: func(*visit) request { return fields("/detections/past/none/cancel") }},
	"POST /KIND/past/{job}/tell":   ask{make: func(*visit) request { return fields("/detections/past/none/tell") }}.answers(404),
	"POST /KIND/past/{job}/keep":   ask{make: func(*visit) request { return fields("/detections/past/none/keep") }}.answers(404),
	"GET /indicators":              query("?q=" + word),
	"POST /indicators/hunt":        sends("from", "2026-01-01", "to", "2026-01-02"),

	// Pages beside the objectives, which are a kind.
	"GET /KIND/alignment": plain(),
	"GET /KIND/check-in":  plain(),
	"POST /KIND/check-in": sends("kr", "none").answers(404),
	"GET /KIND/close":     query("?cycle=none").answers(404),
	"POST /KIND/close":    sends("cycle", "none").answers(404),
	"GET /KIND/carry":     query("?cycle=none").answers(404),
	"POST /KIND/carry":    sends("cycle", "none").answers(404),
	"GET /KIND/list":      query("?q=" + word),

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
	"GET /settings/secrets":          plain(),
	"POST /settings/secrets":         sends("name", "status-page", "secretvalue", "tok"),
	"POST /settings/secrets/delete":  sends("name", "none").answers(404),
	"POST /settings/tokens/revoke":   sendsID("id", (*visit).ingestToken),

	// What people say and what they are told.
	"GET /comments/{id}":                        aimsAt((*visit).comment),
	"GET /comments/{id}/edit":                   aimsAt((*visit).comment),
	"POST /comments/{id}/edit":                  aimsAt((*visit).comment, "body", "Changed."),
	"GET /comments/{id}/correct":                aimsAt((*visit).comment),
	"POST /comments/{id}/correct":               aimsAt((*visit).comment, "body", "Corrected."),
	"GET /comments/{id}/withdraw":               aimsAt((*visit).comment),
	"POST /comments/{id}/withdraw":              aimsAt((*visit).comment),
	"POST /comments/{id}/resolve":               aimsAt((*visit).comment),
	"POST /comments/{id}/reopen":                aimsAt((*visit).closedComment),
	"GET /attachments/{id}":                     aimsAt((*visit).attachment),
	"POST /attachments/{id}/remove":             aimsAt((*visit).attachment),
	"GET /notifications":                        plain(),
	"GET /notifications/{id}":                   aimsAt((*visit).notification),
	"POST /notifications/seen":                  sends(),
	"GET /account/notifications":                plain(),
	"POST /account/notifications":               sends("bell", "all", "mail", "none", "hook", "none", "digest", "daily", "hour", "8", "weekday", "1", "zone", "Europe/Madrid"),
	"POST /account/webhooks":                    sends("name", "mine", "url", "https://zqsecret.example/mine"),
	"GET /account/webhooks/{id}":                aimsAt((*visit).myHook),
	"POST /account/webhooks/{id}/change":        aimsAt((*visit).myHook, "name", "x", "url", "https://hooks.example/x"),
	"POST /account/webhooks/{id}/test":          aimsAt((*visit).myHook),
	"POST /account/webhooks/{id}/disable":       aimsAt((*visit).myHook),
	"POST /account/webhooks/{id}/enable":        aimsAt((*visit).myHook),
	"POST /account/webhooks/{id}/rotate":        aimsAt((*visit).myHook),
	"POST /account/webhooks/{id}/remove":        aimsAt((*visit).myHook),
	"GET /settings/webhooks":                    plain(),
	"POST /settings/webhooks":                   sends("name", "chat", "url", "https://hooks.example/in", "types", "comment.*"),
	"GET /settings/webhooks/{id}":               aimsAt((*visit).orgHook),
	"POST /settings/webhooks/{id}/change":       aimsAt((*visit).orgHook, "name", "x", "url", "https://hooks.example/x"),
	"POST /settings/webhooks/{id}/test":         aimsAt((*visit).orgHook),
	"POST /settings/webhooks/{id}/disable":      aimsAt((*visit).orgHook),
	"POST /settings/webhooks/{id}/enable":       aimsAt((*visit).orgHook),
	"POST /settings/webhooks/{id}/rotate":       aimsAt((*visit).orgHook),
	"POST /settings/webhooks/{id}/remove":       aimsAt((*visit).orgHook),
	"POST /KIND/{namespace}/{name}/comments":    {make: func(v *visit) request { return fields(v.address(), "body", "Said.") }},
	"POST /KIND/{namespace}/{name}/attachments": {make: func(v *visit) request { return upload(v.address(), "f.txt", "x") }},
	"POST /KIND/{namespace}/{name}/watch":       {make: func(v *visit) request { return fields(v.address(), "state", "watching") }},

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
	"GET /KIND/{namespace}/{name}/complete":  record(""),
	"POST /KIND/{namespace}/{name}/complete": {make: func(v *visit) request { return fields("/tasks/default/"+v.freeTask()+"/complete", "note", "done") }},

	"GET /KIND/{namespace}/{name}/runs":               proved(""),
	"GET /KIND/{namespace}/{name}/runs/{seq}":         proved(""),
	"GET /KIND/{namespace}/{name}/runs/{seq}/members": proved("?only=exceptions"),
	"GET /KIND/{namespace}/{name}/replay":             proved("?asOf=" + time.Now().UTC().Format(time.DateOnly)),
	"POST /KIND/{namespace}/{name}/test":              {make: func(v *visit) request { return fields(v.address()) }},
	"GET /KIND/{namespace}/{name}/word":               spoken(),
	"POST /KIND/{namespace}/{name}/word":              spoken("holds", "yes", "value", "7"),
	"POST /KIND/{namespace}/{name}/decide": ask{make: func(v *visit) request {
		return fields(strings.Replace(v.route.Pattern, "{namespace}/{name}", v.requested(), 1), "state", "approved")
	}}.needs(auth.Write, auth.Operations).using(),
	"GET /library": plain(),
	"POST /library": ask{make: func(v *visit) request {
		v.takeBack("claim:services-owned")
		return fields("/library", "name", "services-owned")
	}}.needs(auth.Write, auth.Operations),
	"GET /evidence":         plain(),
	"GET /evidence/pack":    query("?from=2026-01-01&to=2026-12-31"),
	"POST /evidence/verify": sends(),

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
	"GET /api/v1/today":                         query("?lang=es"),
	"GET /api/v1/inbox":                         plain(),
	"POST /api/v1/inbox":                        says(`{"item":"none","act":"none"}`).answers(404),
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
	"GET /api/v1/secrets":             plain(),
	"PUT /api/v1/secrets/{secret}":    {make: func(*visit) request { return asJSON("/api/v1/secrets/status-page", `{"value":"tok"}`) }},
	"DELETE /api/v1/secrets/{secret}": at("/api/v1/secrets/none").answers(404),
	"GET /api/v1/organisation":        plain(),
	"PATCH /api/v1/organisation":      says(`{"title":"Renamed"}`),
	"POST /api/v1/organisations":      {make: func(v *visit) request { return asJSON(v.route.Pattern, `{"id":"`+v.next()+`","title":"New"}`) }},
	"GET /api/v1/events":              query("?query=x"),
	"POST /api/v1/events/query":       says(`{"query":"x"}`),
	"GET /api/v1/events/hits":         query("?from=2026-01-01T00:00:00Z"),
	"GET /api/v1/events/fields":       plain(),
	"GET /api/v1/audit":               plain(),
	"GET /api/v1/audit/export":        plain(),
	"GET /api/v1/audit/verify":        plain(),
	"GET /api/v1/version":             plain(),
	"GET /api/v1/openapi.json":        plain(),
	"GET /api/v1/openapi.yaml":        plain(),
	"GET /api/v1/backup":              plain(),

	"GET /api/v1/comments/{id}":                    aims((*visit).comment, ""),
	"PATCH /api/v1/comments/{id}":                  aims((*visit).comment, `{"body":"Changed."}`),
	"POST /api/v1/comments/{id}/correct":           aims((*visit).comment, `{"body":"Corrected."}`),
	"POST /api/v1/comments/{id}/withdraw":          aims((*visit).comment, ""),
	"POST /api/v1/comments/{id}/resolve":           aims((*visit).comment, ""),
	"POST /api/v1/comments/{id}/reopen":            aims((*visit).closedComment, ""),
	"GET /api/v1/attachments/{id}":                 aims((*visit).attachment, ""),
	"GET /api/v1/attachments/{id}/content":         aims((*visit).attachment, ""),
	"DELETE /api/v1/attachments/{id}":              aims((*visit).attachment, ""),
	"GET /api/v1/notifications":                    plain(),
	"POST /api/v1/notifications/seen":              says(`{}`),
	"GET /api/v1/account/notifications":            plain(),
	"PUT /api/v1/account/notifications":            says(`{"bell":"all","mail":"none","webhook":"none","digest":"daily","hour":8,"weekday":1,"zone":"Europe/Madrid"}`),
	"GET /api/v1/webhooks":                         plain(),
	"POST /api/v1/webhooks":                        says(newHook),
	"GET /api/v1/webhooks/{id}":                    aims((*visit).orgHook, ""),
	"PUT /api/v1/webhooks/{id}":                    aims((*visit).orgHook, newHook),
	"DELETE /api/v1/webhooks/{id}":                 aims((*visit).orgHook, ""),
	"PUT /api/v1/webhooks/{id}/disabled":           aims((*visit).orgHook, `{"disabled":true}`),
	"POST /api/v1/webhooks/{id}/rotate":            aims((*visit).orgHook, ""),
	"POST /api/v1/webhooks/{id}/test":              aims((*visit).orgHook, ""),
	"GET /api/v1/webhooks/{id}/deliveries":         aims((*visit).orgHook, ""),
	"GET /api/v1/account/webhooks":                 plain(),
	"POST /api/v1/account/webhooks":                {make: func(v *visit) request { v.myHook(); return asJSON(v.route.Pattern, newHook) }},
	"GET /api/v1/account/webhooks/{id}":            aims((*visit).myHook, ""),
	"PUT /api/v1/account/webhooks/{id}":            aims((*visit).myHook, newHook),
	"DELETE /api/v1/account/webhooks/{id}":         aims((*visit).myHook, ""),
	"PUT /api/v1/account/webhooks/{id}/disabled":   aims((*visit).myHook, `{"disabled":true}`),
	"POST /api/v1/account/webhooks/{id}/rotate":    aims((*visit).myHook, ""),
	"POST /api/v1/account/webhooks/{id}/test":      aims((*visit).myHook, ""),
	"GET /api/v1/account/webhooks/{id}/deliveries": aims((*visit).myHook, ""),

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
	"GET /api/v1/KIND/{namespace}/{name}/comments":           record(""),
	"POST /api/v1/KIND/{namespace}/{name}/comments":          changes(text(`{"body":"Said."}`)),
	"GET /api/v1/KIND/{namespace}/{name}/attachments":        record(""),
	"POST /api/v1/KIND/{namespace}/{name}/attachments":       {make: func(v *visit) request { return upload(v.address(), "f.txt", "x") }},
	"GET /api/v1/KIND/{namespace}/{name}/watch":              record(""),
	"PUT /api/v1/KIND/{namespace}/{name}/watch":              changes(text(`{"state":"watching"}`)),

	// Claims by REST. A measure asks for a number, a claim for an attestation.
	"GET /api/v1/KIND/{namespace}/{name}/evidence":              proved(""),
	"GET /api/v1/KIND/{namespace}/{name}/runs":                  proved(""),
	"GET /api/v1/KIND/{namespace}/{name}/runs/{seq}":            proved(""),
	"GET /api/v1/KIND/{namespace}/{name}/runs/{seq}/population": proved("?exceptions=true"),
	"GET /api/v1/KIND/{namespace}/{name}/series":                proved(""),
	"GET /api/v1/KIND/{namespace}/{name}/replay":                proved("?asOf="+time.Now().UTC().Add(-time.Second).Format(time.RFC3339)).answers(200, 404),
	"POST /api/v1/KIND/{namespace}/{name}/test":                 changes(text(`{}`)),
	"POST /api/v1/KIND/{namespace}/{name}/attest":               spokenJSON(`{"holds":true}`),
	"POST /api/v1/KIND/{namespace}/{name}/type":                 spokenJSON(`{"value":7}`),
	"GET /api/v1/evidence":                                      plain(),
	"GET /api/v1/evidence/verify":                               plain(),
	"GET /api/v1/evidence/pack":                                 query("?from=2026-01-01T00:00:00Z&to=2026-12-31T00:00:00Z"),
	"GET /api/v1/evidence/keys":                                 plain(),
	"GET /api/v1/evidence/tables":                               plain(),
}

// freeTask makes a task that is for whoever takes it.
func (v *visit) freeTask() string {
	v.Helper()
	name := v.next()
	v.apply(v.as(), "apiVersion: binnacle.dev/v1\nkind: Task\nmetadata: {name: "+name+"}\nspec: {state: open}\n")
	return name
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
