package api

import (
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/feed"
)

// operations is the table of everything the API answers.
func (a *API) operations() []operation {
	s := schemas{}
	ops := a.catalogOps(s)
	ops = append(ops, a.exchangeOps(s)...)
	ops = append(ops, a.feedOps(s)...)
	ops = append(ops, a.morningOps(s)...)
	ops = append(ops, a.evidenceOps(s)...)
	ops = append(ops, a.alertOps(s)...)
	ops = append(ops, a.selfOps(s)...)
	ops = append(ops, a.adminOps(s)...)
	ops = append(ops, a.providerOps(s)...)
	ops = append(ops, a.talkOps(s)...)
	ops = append(ops, a.houseOps(s)...)
	ops = append(ops, a.eventOps(s)...)
	for _, k := range a.Catalog.Kinds().All() {
		ops = append(ops, a.kindOps(k, s)...)
		ops = append(ops, a.claimOps(k, s)...)
	}
	s.typed(ProblemDetails{})
	s.typed(written{})
	a.schemas = s
	return ops
}

// Sizes of bodies.
const (
	fileBody   = catalog.MaxFile // files to apply or import
	entityMax  = 4 << 20
	applyTime  = 10 * time.Minute
	streamTime = 15 * time.Second // between two heartbeats
)

var applyParams = []param{
	dryRunParam, flag("force", "Take the file's value where another hand changed the same field."),
	text("prune", "Delete what an earlier apply of the same manager made, has these labels and is not named now; as app=shop."),
	text("manager", "Which hand this is; two pipelines use two names. The usual one is apply."), reasonParam,
	text("file", "What to call the body in messages, when it is not a form of files."),
}

// catalogOps are those over entities of all kinds.
func (a *API) catalogOps(s schemas) []operation {
	apply := &body{types: applyTypes, schema: schema{"description": "Entities: YAML documents, a JSON object, an array, or one JSON object a line; or a form with such files."}, doc: "What to apply."}
	applied := []answer{{status: 200, doc: "What was done, entity by entity. As application/x-ndjson: progress, then the result or the problem.", types: []string{jsonType, yamlType, ndjsonType}, schema: s.typed(catalog.ApplyResult{})}}
	ops := []operation{
		{method: "GET", path: "/kinds", id: "listKinds", summary: "List the kinds", verb: auth.Whoami, handle: (*call).listKinds,
			answers: []answer{{status: 200, doc: "The kinds the caller may read.", types: objectTypes, schema: s.typed(kindList{})}}},
		{method: "GET", path: "/kinds/{kind}", id: "getKind", summary: "Get a kind with its JSON Schema and examples", verb: auth.Whoami, handle: (*call).getKind,
			answers: []answer{{status: 200, doc: "The kind.", types: objectTypes, schema: s.typed(kindDetail{})}}},
		{method: "GET", path: "/kinds/{kind}/explain", id: "explainKind", summary: "Explain a kind or a field in words", verb: auth.Whoami, query: []param{text("path", "The field, as spec.owner; the whole kind when it is not given.")}, handle: (*call).explain,
			answers: []answer{{status: 200, doc: "The explanation.", types: objectTypes, schema: s.typed(explanation{})}}},
		{method: "GET", path: "/entities", id: "listEntities", summary: "List entities of any kind", verb: auth.Read, timeout: exportTimeout, doc: "CSV, XLSX and NDJSON give every match; JSON and YAML one page.",
			query: append(listParams(), kindParam), handle: func(c *call) error { return c.list(nil) },
			answers: []answer{{status: 200, doc: "One page.", types: listTypes, schema: s.typed(entityList{}), headers: []param{linkHeader}}}},
		{method: "GET", path: "/entities/facets", id: "facetsEntities", summary: "Count the values of a field", verb: auth.Read,
			query: append(selectParams(), kindParam, facetParam, number("limit", "How many values, the most frequent first.", 1, 1000)), handle: func(c *call) error { return c.facets(nil) },
			answers: []answer{{status: 200, doc: "The values, the most frequent first.", types: objectTypes, schema: s.typed(facetList{})}}},
		{method: "GET", path: "/entities/export", id: "exportEntities", summary: "Export entities as files that apply", verb: auth.Read, timeout: exportTimeout,
			query: append(selectParams(), kindParam), handle: (*call).exportEntities,
			answers: []answer{{status: 200, doc: "YAML documents, without what the server sets.", types: []string{yamlType}, schema: schema{}}}},
		{method: "GET", path: "/search", id: "search", summary: "Search everything the caller may read", verb: auth.Read,
			query: []param{text("q", "Words; each the beginning of a word in the text.").must(), kindParam, number("limit", "How many.", 1, 200)}, handle: (*call).search,
			answers: []answer{{status: 200, doc: "What was found, the best first.", types: objectTypes, schema: s.typed(hitList{})}}},
		{method: "POST", path: "/apply", id: "apply", summary: "Apply entities", verb: auth.Write, resource: somewhere, maxBody: fileBody, timeout: applyTime,
			doc:   "Makes the catalog hold what the documents say, all of it or nothing; the same documents again change nothing. A field that another hand changed too is a conflict. What the caller may write is asked for each kind.",
			query: applyParams, body: apply, handle: (*call).apply, answers: applied},
		{method: "POST", path: "/diff", id: "diff", summary: "Say what an apply would change", verb: auth.Write, resource: somewhere, maxBody: fileBody, timeout: applyTime,
			doc:   "It takes what the apply itself would take: the right to write each kind in the documents.",
			query: applyParams[1:], body: apply, handle: (*call).diff, answers: applied},
	}
	return tagged("catalog", ops)
}

// somewhere is for what a body may put into any room: which, is asked for each
// kind when it is read.
var somewhere = resource{Room: auth.Somewhere}

func tagged(tag string, ops []operation) []operation {
	for i := range ops {
		ops[i].tag = tag
	}
	return ops
}

// exchangeOps are those of foreign formats.
func (a *API) exchangeOps(s schemas) []operation {
	arg := texts("arg", "Something else the format asks for, as name=value; may be given several times.")
	return tagged("import and export", []operation{
		{method: "GET", path: "/formats", id: "listFormats", summary: "List the formats that can be imported and exported", verb: auth.Whoami, handle: (*call).listFormats,
			answers: []answer{{status: 200, doc: "The formats.", types: objectTypes, schema: s.typed(formatList{})}}},
		{method: "POST", path: "/import/{format}", id: "import", summary: "Import files of a foreign format", verb: auth.Write, resource: somewhere, maxBody: fileBody, timeout: applyTime,
			doc:   "Rows that cannot be read are reported by file and line; the rest is imported.",
			query: []param{dryRunParam, reasonParam, text("file", "The name of the file, when the body is one."), arg}, handle: (*call).importFiles,
			body:    &body{types: []string{formType, rawType}, schema: schema{}, doc: "A form with files, in the order in which they are to be read, or one file."},
			answers: []answer{{status: 200, doc: "What was done, and what was refused. As application/x-ndjson: progress, then the result or the problem.", types: []string{jsonType, yamlType, ndjsonType}, schema: s.typed(catalog.ImportReport{})}}},
		{method: "GET", path: "/export/{format}", id: "export", summary: "Export in a foreign format", verb: auth.Read, timeout: exportTimeout,
			doc:   "One file as it is; several as an archive.",
			query: append(selectParams(), kindParam, text("as", "Which of the exporter's formats."), choice("archive", "The archive for several files.", "zip", "tar"), arg), handle: (*call).exportFiles,
			answers: []answer{{status: 200, doc: "The file, or an archive of files.", types: []string{rawType, zipType, tarType, "text/*", jsonType}, schema: schema{}}}},
	})
}

func (a *API) feedOps(s schemas) []operation {
	return tagged("feed", []operation{
		{method: "GET", path: "/feed", id: "watchFeed", summary: "Read or follow what happens, in order", verb: auth.Read, stream: true,
			doc:    "One JSON object a line. Lines of type heartbeat only say how far was read: to go on later, give the seq of the last line of any type as after. Each organisation has numbers of its own.",
			query:  []param{number("after", "Go on after this seq. Without it: the newest entries, or with follow what happens from now on.", 0, 1<<62), flag("follow", "Keep the connection and send what happens."), number("limit", "Entries at most; without it 1000, and with follow no end.", 1, 100_000), texts("type", "Only this type, as entity.updated or entity.*; may be given several times."), kindParam},
			handle: (*call).watchFeed, answers: []answer{{status: 200, doc: "Entries, the oldest first.", types: []string{ndjsonType}, schema: s.typed(feed.Entry{})}}},
	})
}

func (a *API) selfOps(s schemas) []operation {
	return tagged("oneself", []operation{
		{method: "GET", path: "/whoami", id: "whoami", summary: "Say who is asking", verb: auth.Whoami, handle: (*call).whoami,
			answers: []answer{{status: 200, doc: "Who, in which organisation, with which rights.", types: objectTypes, schema: s.typed(identity{})}}},
		{method: "GET", path: "/account", id: "getAccount", summary: "Get one's own account", verb: auth.Self, handle: (*call).getAccount,
			answers: []answer{{status: 200, doc: "The account.", types: objectTypes, schema: s.typed(account{})}}},
		{method: "PATCH", path: "/account", id: "patchAccount", summary: "Change one's own name and preferences", verb: auth.Self, body: &body{types: []string{jsonType, patchType, yamlType}, schema: s.typed(accountChange{}), doc: "What to change."}, handle: (*call).patchAccount,
			answers: []answer{{status: 200, doc: "The account.", types: objectTypes, schema: s.typed(account{})}}},
		{method: "GET", path: "/account/sessions", id: "listSessions", summary: "List one's own sessions", verb: auth.Self, handle: (*call).listSessions,
			answers: []answer{{status: 200, doc: "The sessions, the last used first.", types: objectTypes, schema: s.typed(sessionList{})}}},
		{method: "DELETE", path: "/account/sessions", id: "endOtherSessions", summary: "End one's other sessions", verb: auth.Self, handle: (*call).endOtherSessions,
			answers: []answer{{status: 200, doc: "How many were ended.", types: objectTypes, schema: s.typed(ended{})}}},
		{method: "DELETE", path: "/account/sessions/{id}", id: "endSession", summary: "End one of one's sessions", verb: auth.Self, handle: (*call).endSession, answers: gone("It has ended.")},
		{method: "GET", path: "/account/tokens", id: "listTokens", summary: "List one's own tokens", verb: auth.Self, handle: (*call).listTokens,
			answers: []answer{{status: 200, doc: "The tokens, without their secrets.", types: objectTypes, schema: s.typed(tokenList{})}}},
		{method: "POST", path: "/account/tokens", id: "createToken", summary: "Make a token with one's own rights", verb: auth.Self, body: &body{types: objectTypes, schema: s.typed(newToken{}), doc: "The token."}, handle: (*call).createToken,
			answers: []answer{{status: 201, doc: "The token and its secret, which is shown this once.", types: objectTypes, schema: s.typed(tokenWithSecret{})}}},
		{method: "DELETE", path: "/account/tokens/{id}", id: "revokeToken", summary: "Revoke one of one's tokens", verb: auth.Self, handle: (*call).revokeToken, answers: gone("It is revoked.")},
		{method: "GET", path: "/account/organisations", id: "listOrganisations", summary: "List the organisations one belongs to", verb: auth.Self, handle: (*call).listOrganisations,
			answers: []answer{{status: 200, doc: "The organisations, by title.", types: objectTypes, schema: s.typed(orgList{})}}},
	})
}

func gone(doc string) []answer { return []answer{{status: 204, doc: doc}} }

// adminOps are those on people, tokens and the organisation.
func (a *API) adminOps(s schemas) []operation {
	people, tokens, org := resource{Kind: auth.KindAccount}, resource{Kind: auth.KindIngestToken}, resource{Kind: auth.KindOrganisation}
	return tagged("administration", []operation{
		{method: "GET", path: "/members", id: "listMembers", summary: "List the people of the organisation", verb: auth.Admin, resource: people, handle: (*call).listMembers,
			answers: []answer{{status: 200, doc: "The people, by name.", types: objectTypes, schema: s.typed(memberList{})}}},
		{method: "PUT", path: "/members/{id}", id: "putMember", summary: "Set somebody's role, its end and their catalog user", verb: auth.Admin, resource: people, body: &body{types: objectTypes, schema: s.typed(memberChange{}), doc: "What they are to be."}, handle: (*call).putMember,
			answers: []answer{{status: 200, doc: "The member.", types: objectTypes, schema: s.typed(member{})}}},
		{method: "DELETE", path: "/members/{id}", id: "removeMember", summary: "Take somebody out of the organisation", verb: auth.Admin, resource: people, doc: "Their sessions and tokens here end.", handle: (*call).removeMember, answers: gone("They no longer belong to it.")},
		{method: "PUT", path: "/members/{id}/disabled", id: "setDisabled", summary: "Disable an account, or enable it again", verb: auth.Admin, resource: people, body: &body{types: objectTypes, schema: s.typed(disabling{}), doc: "Which of the two."}, handle: (*call).setDisabled, answers: gone("It is done.")},
		{method: "POST", path: "/members/{id}/reset-link", id: "resetLink", summary: "Make a link by which somebody sets a new password", verb: auth.Admin, resource: people, handle: (*call).resetLink,
			answers: []answer{{status: 201, doc: "The link's secret, shown this once: the address of the page is /reset/ and the secret.", types: objectTypes, schema: s.typed(link{})}}},
		{method: "DELETE", path: "/members/{id}/second-factor", id: "resetFactor", summary: "Take somebody's second factor away", verb: auth.Admin, resource: people, handle: (*call).resetFactor, answers: gone("They sign in without one, and can set up another.")},
		{method: "GET", path: "/invitations", id: "listInvitations", summary: "List the open invitations", verb: auth.Admin, resource: people, handle: (*call).listInvitations,
			answers: []answer{{status: 200, doc: "The invitations, the newest first.", types: objectTypes, schema: s.typed(invitationList{})}}},
		{method: "POST", path: "/invitations", id: "invite", summary: "Invite somebody", verb: auth.Admin, resource: people, body: &body{types: objectTypes, schema: s.typed(newInvitation{}), doc: "Who, and as what."}, handle: (*call).invite,
			answers: []answer{{status: 201, doc: "The link's secret, shown this once: the address of the page is /invitation/ and the secret.", types: objectTypes, schema: s.typed(link{})}}},
		{method: "DELETE", path: "/invitations/{id}", id: "revokeInvitation", summary: "Void an invitation", verb: auth.Admin, resource: people, handle: (*call).revokeInvitation, answers: gone("It is void.")},
		{method: "GET", path: "/tokens", id: "listOrgTokens", summary: "List the organisation's tokens", verb: auth.Admin, resource: tokens, doc: "A security officer sees those that write events.", handle: (*call).listOrgTokens,
			answers: []answer{{status: 200, doc: "The tokens, without their secrets.", types: objectTypes, schema: s.typed(tokenList{})}}},
		{method: "POST", path: "/tokens", id: "createIngestToken", summary: "Make a token that only writes events", verb: auth.Admin, resource: tokens, body: &body{types: objectTypes, schema: s.typed(newIngestToken{}), doc: "The token."}, handle: (*call).createIngestToken,
			answers: []answer{{status: 201, doc: "The token and its secret, which is shown this once.", types: objectTypes, schema: s.typed(tokenWithSecret{})}}},
		{method: "DELETE", path: "/tokens/{id}", id: "revokeOrgToken", summary: "Revoke a token of the organisation", verb: auth.Admin, resource: tokens, handle: (*call).revokeToken, answers: gone("It is revoked.")},
		{method: "GET", path: "/secrets", id: "listSecrets", summary: "List the secrets for other systems", verb: auth.Admin, resource: resource{Kind: auth.KindSettings}, handle: (*call).listSecrets,
			answers: []answer{{status: 200, doc: "The secrets by name, without their values.", types: objectTypes, schema: s.typed(secretList{})}}},
		{method: "PUT", path: "/secrets/{secret}", id: "putSecret", summary: "Set a secret for another system", verb: auth.Admin, resource: resource{Kind: auth.KindSettings}, body: &body{types: objectTypes, schema: s.typed(secretValue{}), doc: "The value."}, handle: (*call).putSecret, answers: gone("It is set.")},
		{method: "DELETE", path: "/secrets/{secret}", id: "deleteSecret", summary: "Delete a secret", verb: auth.Admin, resource: resource{Kind: auth.KindSettings}, handle: (*call).deleteSecret, answers: gone("It is gone.")},
		{method: "GET", path: "/organisation", id: "getOrganisation", summary: "Get the organisation", verb: auth.Read, handle: (*call).getOrganisation,
			answers: []answer{{status: 200, doc: "The organisation.", types: objectTypes, schema: s.typed(organisation{})}}},
		{method: "PATCH", path: "/organisation", id: "patchOrganisation", summary: "Change the organisation's title or time zone", verb: auth.Admin, resource: org, body: &body{types: []string{jsonType, patchType, yamlType}, schema: s.typed(orgChange{}), doc: "What to change."}, handle: (*call).patchOrganisation,
			answers: []answer{{status: 200, doc: "The organisation.", types: objectTypes, schema: s.typed(organisation{})}}},
		{method: "POST", path: "/organisations", id: "createOrganisation", summary: "Add an organisation", verb: auth.Backup, resource: org, doc: "Only for an owner of the organisation that runs the installation, who becomes an owner of the new one.", body: &body{types: objectTypes, schema: s.typed(newOrg{}), doc: "The organisation."}, handle: (*call).createOrganisation,
			answers: []answer{{status: 201, doc: "The organisation.", types: objectTypes, schema: s.typed(organisation{})}}},
	})
}

// houseOps are those on the installation and its log.
func (a *API) houseOps(s schemas) []operation {
	ops := []operation{
		{method: "GET", path: "/audit", id: "searchAudit", summary: "Search the audit log", verb: auth.Audit, query: append(auditParams(), number("before", "Only records before this seq.", 1, 1<<62), number("limit", "How many.", 1, 1000)), handle: (*call).searchAudit,
			answers: []answer{{status: 200, doc: "The records, the newest first.", types: objectTypes, schema: s.typed(recordList{}), headers: []param{linkHeader}}}},
		{method: "GET", path: "/audit/export", id: "exportAudit", summary: "Export the audit log", verb: auth.Audit, timeout: exportTimeout, doc: "An export as NDJSON can be checked anywhere with binnacle audit verify --file.",
			query: append(auditParams(), choice("format", "ndjson (the usual one) or csv.", audit.Formats...)), handle: (*call).exportAudit,
			answers: []answer{{status: 200, doc: "The records, the oldest first.", types: []string{ndjsonType, csvType}, schema: s.typed(audit.Record{})}}},
		{method: "GET", path: "/audit/verify", id: "verifyAudit", summary: "Check the chain of the audit log", verb: auth.Audit, timeout: exportTimeout,
			query: []param{number("seq", "The number of a record whose hash was noted elsewhere.", 1, 1<<62), text("hash", "That hash.")}, handle: (*call).verifyAudit,
			answers: []answer{{status: 200, doc: "What was found; ok says whether the log is whole and unchanged.", types: objectTypes, schema: s.typed(audit.Report{})}}},
		{method: "GET", path: "/version", id: "getVersion", summary: "Say which version this is", verb: auth.Whoami, handle: (*call).version,
			answers: []answer{{status: 200, doc: "The version.", types: objectTypes, schema: s.typed(versionInfo{})}}},
		{method: "GET", path: "/openapi.json", id: "openapiJSON", summary: "Get this description as JSON", verb: auth.Public, handle: func(c *call) error { return c.openapi(jsonType) },
			answers: []answer{{status: 200, doc: "OpenAPI 3.1.", types: []string{jsonType}, schema: schema{"type": "object"}, headers: []param{etagHeader}}, {status: 304, doc: "It is still the one you have."}}, header: []param{ifNoneMatch}},
		{method: "GET", path: "/openapi.yaml", id: "openapiYAML", summary: "Get this description as YAML", verb: auth.Public, handle: func(c *call) error { return c.openapi(yamlType) },
			answers: []answer{{status: 200, doc: "OpenAPI 3.1.", types: []string{yamlType}, schema: schema{"type": "object"}, headers: []param{etagHeader}}, {status: 304, doc: "It is still the one you have."}}, header: []param{ifNoneMatch}},
	}
	if a.Backup != nil {
		ops = append(ops, operation{method: "GET", path: "/backup", id: "backup", summary: "Copy the whole installation out", verb: auth.Backup, stream: true, doc: "One consistent, checksummed file, for binnacle restore.", handle: (*call).backup,
			query:   []param{flag("events", "With the events that lie in the data folder.")},
			answers: []answer{{status: 200, doc: "The backup.", types: []string{rawType}, schema: schema{}}}})
	}
	return tagged("installation", ops)
}
