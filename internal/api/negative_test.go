package api

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/door"
)

// The tests of this file ask every operation of the table for what it must
// refuse. Whatever comes, the answer is below 500, what is refused is told as
// problem+json (harness.do checks that), and nothing was written.

// negative is a harness with something in it to aim at.
type negative struct {
	*harness
	paths  map[string]string // good values of path wildcards
	bodies map[string]string // a good body by operation
	last   string            // the state after the last request
}

func newNegative(t *testing.T, h *harness) *negative {
	h.want(201, h.do("owner", "POST", boats, boat("dolphin")))
	h.want(200, h.do("owner", "PATCH", boats+"/default/dolphin", `{"spec":{"length":3,"log":[{"date":"2026-01-31","text":"out"}],"crew":["eve"],"extra":{"flag":"es"}}}`))
	h.want(201, h.do("owner", "POST", "/api/v1/sailors", strings.Replace(strings.Replace(boat("dolphin"), "Boat", "Sailor", 1), `{"type":"sail"}`, `{"email":"eve@example.org"}`, 1)))
	whole := h.want(200, h.do("owner", "GET", boats+"/default/dolphin", "")).Body.String()
	sailor := h.want(200, h.do("owner", "GET", "/api/v1/sailors/default/dolphin", "")).Body.String()
	shown := map[string]string{}
	for plural, doc := range map[string]string{"claims": aClaim, "measures": aMeasure, "exceptions": anException} {
		h.want(201, h.do("owner", "POST", "/api/v1/"+plural, doc))
	}
	for plural, kind := range map[string]string{"claims": "Claim", "measures": "Measure", "exceptions": "Exception"} {
		shown[kind] = h.want(200, h.do("owner", "GET", "/api/v1/"+plural+"/default/dolphin", "")).Body.String()
	}
	n := &negative{harness: h, paths: map[string]string{"namespace": "default", "name": "dolphin", "rev": "1", "seq": "1", "secret": "x", "kind": "boat", "format": "names", "id": "x1"}, bodies: map[string]string{
		"createBoat": whole, "putBoat": whole, "patchBoat": `{"spec":{"length":4}}`, "restoreBoat": `{"rev":1}`, "renameBoat": `{"name":"orca"}`,
		"createSailor": sailor, "putSailor": sailor, "patchSailor": `{"metadata":{"title":"Eve"}}`, "restoreSailor": `{"rev":1}`, "renameSailor": `{"name":"eva"}`,
		"apply": whole, "diff": whole, "import": "a b c", "patchAccount": `{"name":"Ana","preferences":{"lang":"es"}}`,
		"createToken": `{"name":"x","scopes":["read"],"cap":"member","expires":"2026-01-31T00:00:00Z"}`, "createIngestToken": `{"name":"x","expires":"2026-01-31T00:00:00Z"}`,
		"putMember": `{"role":"lead","user":"sailor:eve","expires":"2026-01-31T00:00:00Z"}`, "setDisabled": `{"disabled":true}`,
		"invite":            `{"email":"new@example.org","name":"New","role":"member","user":"sailor:new","expires":"2026-01-31T00:00:00Z"}`,
		"createProvider":    `{"title":"Id","issuer":"https://id.example","clientId":"b","secret":"s","scopes":["x"],"roleClaim":"r","roles":{"a":"lead"},"defaultRole":"member","domains":["example.org"],"autoCreate":true,"disabled":true}`,
		"putProvider":       `{"title":"Id","issuer":"https://id.example","clientId":"b","secret":"s","scopes":["x"],"roleClaim":"r","roles":{"a":"lead"},"defaultRole":"member","domains":["example.org"],"autoCreate":true,"disabled":true}`,
		"patchOrganisation": `{"title":"Fleet"}`, "putSecret": `{"value":"x"}`, "createOrganisation": `{"id":"harbour","title":"Harbour"}`,
		"queryEvents": `{"query":"a","exact":true,"from":"2026-01-31T00:00:00Z","to":"2026-02-01T00:00:00Z","limit":3,"offset":1,"partial":true,"as":"event"}`,
		"editComment": `{"body":"x"}`, "correctComment": `{"body":"x"}`,
		"seeNotifications":  `{"id":"x","upTo":"2026-01-31T00:00:00Z"}`,
		"putNotifySettings": `{"bell":"all","mail":"none","webhook":"none","digest":"daily","hour":8,"weekday":1,"zone":"UTC"}`,
		"createWebhook":     hookBody, "putWebhook": hookBody, "disableWebhook": `{"disabled":true}`, "createMyWebhook": hookBody, "putMyWebhook": hookBody, "disableMyWebhook": `{"disabled":true}`,
	}}
	for kind, doc := range shown {
		for id, body := range map[string]string{"create": doc, "put": doc, "patch": `{"metadata":{"title":"Eve"}}`, "restore": `{"rev":1}`, "rename": `{"name":"eva"}`,
			"test": `{"test":"t"}`, "attest": `{"test":"t","holds":true,"note":"x","asOf":"2026-01-31T00:00:00Z"}`, "type": `{"test":"t","value":1,"note":"x","asOf":"2026-01-31T00:00:00Z"}`} {
			n.bodies[id+kind] = body
		}
	}
	for _, k := range h.api.Catalog.Kinds().All() {
		n.bodies["comment"+k.Name], n.bodies["attach"+k.Name], n.bodies["putWatch"+k.Name] = `{"body":"x","kind":"comment","thread":"x"}`, "x", `{"state":"muted"}`
	}
	return n
}

const hookBody = `{"name":"chat","url":"https://hooks.example/in","types":["comment.*"]}`

// A claim, a measure and an exception.
var (
	soon        = time.Now().AddDate(0, 2, 0).Format(time.DateOnly)
	aClaim      = `{"apiVersion":"binnacle.dev/v1","kind":"Claim","metadata":{"name":"dolphin"},"spec":{"room":"strategy","subject":"boat:dolphin","tests":[{"name":"long","records":{"from":"boat","expect":"spec.length > 5.0"}},{"name":"word","attest":{"goodFor":"90d"}}]}}`
	aMeasure    = `{"apiVersion":"binnacle.dev/v1","kind":"Measure","metadata":{"name":"dolphin"},"spec":{"room":"strategy","direction":"up","unit":"kn","typed":{"goodFor":"30d"}}}`
	anException = `{"apiVersion":"binnacle.dev/v1","kind":"Exception","metadata":{"name":"dolphin"},"spec":{"claim":"claim:dolphin","reason":"it is old","until":"` + soon + `","state":"requested"}}`
)

// target returns an operation's address with good path values, one of them
// replaced.
func (n *negative) target(op *operation, name, value string) string {
	return Prefix + wildcard.ReplaceAllStringFunc(op.path, func(w string) string {
		if key := strings.Trim(w, "{}"); key != name {
			return n.paths[key]
		}
		return value
	})
}

// state is what a refused request must leave as it was, read in one query.
func (n *negative) state() string {
	n.t.Helper()
	var parts []string
	for _, table := range []string{"entities", "revisions", "feed", "comments", "attachments", "watches", "notify_settings", "action_hooks", "auth_accounts", "auth_orgs", "auth_memberships", "auth_tokens", "auth_links", "auth_sessions", "auth_providers"} {
		parts = append(parts, "'"+table+" ' || (SELECT count(*) FROM "+table+")")
	}
	var s string
	check(n.t, n.db.QueryRow(n.t.Context(), `SELECT `+strings.Join(parts, " || ' ' || ")).Scan(&s))
	return s
}

// refuse sends a request that must fail with one of the statuses; none means
// that it may also succeed.
func (n *negative) refuse(statuses []int, who, method, target, body string, headers ...string) {
	n.t.Helper()
	if n.last == "" {
		n.last = n.state()
	}
	r := n.do(who, method, target, body, headers...)
	what := fmt.Sprintf("%s %.300s %v %.200q: %d %.500s", method, target, headers, body, r.Code, r.Body)
	if r.Code >= 500 || len(statuses) > 0 && !slices.Contains(statuses, r.Code) {
		n.t.Errorf("want %v: %s", statuses, what)
	}
	if method == "GET" && r.Code < 500 {
		return
	}
	now := n.state()
	if r.Code >= 400 && now != n.last {
		n.t.Errorf("something was written, %s before and %s after: %s", n.last, now, what)
	}
	n.last = now
}

// eachOperation runs a suite for every operation, on every database where that
// can make a difference.
func eachOperation(t *testing.T, suite func(n *negative, op *operation)) {
	onBoth(t, func(t *testing.T, h *harness) { walk(t, h, suite) })
}

func walk(t *testing.T, h *harness, suite func(n *negative, op *operation)) {
	n := newNegative(t, h)
	if len(h.api.ops) < 60 {
		t.Fatalf("only %d operations", len(h.api.ops))
	}
	for i := range h.api.ops {
		suite(n, &h.api.ops[i])
		if t.Failed() {
			return
		}
	}
}

func TestNobodyGetsIn(t *testing.T) {
	walk(t, onSQLite(t), func(n *negative, op *operation) {
		if op.verb == auth.Public {
			return
		}
		target := n.target(op, "", "")
		n.refuse([]int{401}, "", op.method, target, n.bodies[op.id])
		n.refuse([]int{401}, "", op.method, target, n.bodies[op.id], "Authorization", "Bearer bnc_"+strings.Repeat("a", 40))
		n.refuse([]int{401}, "", op.method, target, n.bodies[op.id], "Authorization", "Bearer \xff")
		n.refuse([]int{401}, "", op.method, target, n.bodies[op.id], "Cookie", "binnacle_session=x")
	})
}

func TestWrongMethods(t *testing.T) {
	walk(t, onSQLite(t), func(n *negative, op *operation) {
		known := map[string]bool{"OPTIONS": true}
		for i := range n.api.ops {
			if n.api.ops[i].path == op.path {
				known[n.api.ops[i].method] = true
				known["HEAD"] = known["HEAD"] || n.api.ops[i].method == "GET"
			}
		}
		target := n.target(op, "", "")
		for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "get"} {
			if !known[m] {
				n.refuse([]int{405}, "owner", m, target, "")
			}
		}
		r := n.do("", "OPTIONS", target, "")
		if r.Code != http.StatusNoContent || !strings.Contains(r.Header().Get("Allow"), op.method) {
			n.t.Errorf("OPTIONS %s: %d, Allow %q", target, r.Code, r.Header().Get("Allow"))
		}
	})
}

// oddTexts are values no parameter or path should be given.
var oddTexts = []string{
	"", " ", "%00", "a%00b", "%ff%fe", "..", "../../etc/passwd", "'; DROP TABLE entities; --", "\" OR \"\"=\"", "%", "_", "*", "(((((", "a,b,!c=in(", "\u202e", "名前", "🚢", "-1", "0",
	"99999999999999999999999", "1e9", "true", "null", "${7*7}", "{{7*7}}", "<script>", "spec.", ".", "spec..type", "spec.type.x.y", "metadata.labels.", strings.Repeat("a", 3000), strings.Repeat("a", 9000), strings.Repeat("(", 500),
	"size(\"a\".repeat)", "[1,2,3].map(x, [1,2,3].map(y, [1,2,3].map(z, x*y*z)))", "AAAA", "eyJhIjoxfQ", "=", ":", "a:b:c/d/e", "kind:", "@", "\t\n",
}

func TestOddParameters(t *testing.T) {
	eachOperation(t, func(n *negative, op *operation) {
		target := n.target(op, "", "")
		n.refuse([]int{400}, "owner", op.method, target+"?nosuch=1", n.bodies[op.id])
		n.refuse([]int{400}, "owner", op.method, target+"?a;b", n.bodies[op.id])
		n.refuse([]int{400}, "owner", op.method, target+"?x=%zz", n.bodies[op.id])
		for _, p := range op.query {
			given := url.QueryEscape(p.name) + "="
			if !p.many {
				n.refuse([]int{400}, "owner", op.method, target+"?"+given+"1&"+given+"2", n.bodies[op.id])
			}
			for _, odd := range oddTexts {
				if unescaped, err := url.QueryUnescape(odd); err == nil {
					odd = unescaped
				}
				if p.name == "follow" && odd == "true" {
					continue // it would, for ever
				}
				var statuses []int
				if strings.ContainsRune(odd, 0) || strings.Contains(odd, "\xff") || len(odd) > maxParam {
					statuses = []int{400}
				}
				if op.method == "GET" && op.verb != auth.Admin && op.verb != auth.Backup {
					n.refuse(statuses, "auditor", "GET", target+"?"+given+url.QueryEscape(odd), "")
				} else {
					n.refuse(statuses, "owner", op.method, target+"?dryRun=true&"+given+url.QueryEscape(odd), "{")
				}
			}
		}
	})
}

func TestOddPaths(t *testing.T) {
	eachOperation(t, func(n *negative, op *operation) {
		for _, p := range op.pathParams() {
			for _, odd := range oddTexts {
				if !strings.Contains(odd, "%00") && !strings.Contains(odd, "%ff") {
					odd = url.PathEscape(odd)
				}
				n.refuse(nil, "owner", op.method, n.target(op, p.name, odd), n.bodies[op.id])
			}
			for _, climb := range []string{"..", "%2e%2e", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2f", "a%5c..%5cb", "a//b"} {
				n.refuse([]int{404, 405}, "owner", op.method, n.target(op, p.name, climb), n.bodies[op.id])
			}
		}
	})
}

func TestOddHeaders(t *testing.T) {
	walk(t, onSQLite(t), func(n *negative, op *operation) {
		if op.stream || op.id == "openapiJSON" || op.id == "openapiYAML" {
			return
		}
		target := n.target(op, "", "")
		for _, odd := range []string{"image/png", "x", ";;;", "*/*;q=0", "\xff", "application/json;q=x"} {
			n.refuse(nil, "reader", op.method, target, "", "Accept", odd)
		}
		for _, h := range op.header {
			for _, odd := range []string{"x", `"x"`, `"-1"`, `"99999999999999999999"`, "\xff", `"1", "2"`, "W/", `""`} {
				statuses := []int{400, 412}
				if h.name == "If-None-Match" {
					statuses = nil
				}
				if op.method != "GET" {
					n.refuse(statuses, "owner", op.method, target, n.bodies[op.id], h.name, odd)
				}
			}
		}
	})
}

// brokenBodies are no JSON object and no entity in YAML.
var brokenBodies = []string{
	" ", "{", `{"a":`, `{"a":1,}`, "}", "[", "]", `"`, "\x00", "\xff\xfe\x00", "\ufeff", "null", "[]", "1", `"text"`, "true", `{}{}`, `{"a":1}x`, "a: b: c", "\t- x", "--- !!python/object/apply:os.system ['ls']",
	"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n",
	"a: &a\n  b: *a\n", "? [x]\n: y\n", "<<: [1]\n", "{1: 2}", "*x", "%YAML 9.9\n---\n", "---\n---\n---\n", "....", "!!binary x", "2001-01-01", "0x7fffffffffffffffffff", ".inf",
	strings.Repeat("[", 20_000), strings.Repeat(`{"a":`, 20_000), strings.Repeat("- ", 5_000), strings.Repeat("{a: ", 3000), "a: '" + strings.Repeat("x", 2<<20) + "'",
}

func TestBrokenBodies(t *testing.T) {
	walk(t, onSQLite(t), func(n *negative, op *operation) {
		if op.body == nil {
			return
		}
		if n.bodies[op.id] == "" {
			n.t.Fatalf("%s takes a body; give it one in newNegative", op.id)
		}
		target := n.target(op, "", "")
		raw := slices.Contains(op.body.types, rawType)
		if !raw {
			n.refuse([]int{400}, "owner", op.method, target, "")
			for _, t := range []string{"text/plain", "application/xml", "application/x-www-form-urlencoded", ";;", "json"} {
				n.refuse([]int{415}, "owner", op.method, target, n.bodies[op.id], "Content-Type", t)
			}
		}
		n.refuse([]int{415}, "owner", op.method, target, n.bodies[op.id], "Content-Encoding", "gzip")
		n.tooLarge(op, target)
		for _, t := range op.body.types {
			for _, b := range brokenBodies {
				if !raw {
					n.refuse([]int{400, 404, 413, 422}, "owner", op.method, target, b, "Content-Type", t)
				} else {
					n.refuse(nil, "owner", op.method, target+"?dryRun=true", b, "Content-Type", t)
				}
			}
			if t == formType {
				for _, ct := range []string{formType, formType + "; boundary=x", formType + "; boundary="} {
					for _, b := range []string{"", "--x", "--x--", "--x\r\n\r\n\r\n--x--", "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\xff\"\r\n\r\nx\r\n--x--", "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx"} {
						n.refuse([]int{400, 415, 422}, "owner", op.method, target, b, "Content-Type", ct)
					}
				}
			}
		}
	})
}

// tooLarge sends a body over the limit, with and without saying so before.
func (n *negative) tooLarge(op *operation, target string) {
	n.t.Helper()
	limit := op.maxBody
	if limit == 0 {
		limit = door.DefaultBody
	}
	for _, said := range []int64{limit + 1, -1} {
		if said < 0 && limit > 1<<20 {
			continue // not worth 64 MiB
		}
		r := httptest.NewRequestWithContext(n.t.Context(), op.method, target, io.LimitReader(spaces{}, limit+1))
		r.ContentLength = said
		r.Header.Set("Authorization", "Bearer "+n.tokens["owner"])
		r.Header.Set("Content-Type", jsonType)
		w := httptest.NewRecorder()
		n.handler.ServeHTTP(w, r)
		if w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(w.Body.String(), "MiB") {
			n.t.Errorf("%s %s with %d bytes: %d %s", op.method, target, limit+1, w.Code, w.Body)
		}
	}
}

type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

// oddValues replace each value of a good body, one at a time.
var oddValues = []any{
	nil, true, -1, 0, 1e308, 99999999999, "", " ", "x", "\x00", "a\x00b", "\u202e\ufffd", strings.Repeat("x", 5000), []any{}, []any{nil}, []any{map[string]any{}}, map[string]any{}, map[string]any{"x": nil}, map[string]any{"\x00": "\x00"},
	deep(80), deep(3000), "2026-13-45", "javascript:alert(1)", json.RawMessage("1e400"), json.RawMessage(`"\ud800"`), json.RawMessage("123456789012345678901234567890"), json.RawMessage("-0"),
}

func deep(n int) any {
	var v any = "x"
	for range n {
		v = []any{v}
	}
	return v
}

// mutations returns bodies that differ from a good one in one value, one field
// too few or one too many.
func mutations(body map[string]any, send func(map[string]any)) {
	var walk func(v any, put func(any))
	walk = func(v any, put func(any)) {
		for _, odd := range oddValues {
			put(odd)
		}
		put(v)
		switch x := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(x)) {
				old := x[key]
				delete(x, key)
				put(x)
				x[key] = old
				walk(old, func(odd any) { x[key] = odd; put(x); x[key] = old })
			}
			for _, key := range []string{"nosuch", "", "\x00", "__proto__", strings.Repeat("k", 500)} {
				x[key] = "x"
				put(x)
				delete(x, key)
			}
		case []any:
			for i, old := range x {
				walk(old, func(odd any) { x[i] = odd; put(x); x[i] = old })
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(body)) {
		old := body[key]
		delete(body, key)
		send(body)
		walk(old, func(odd any) { body[key] = odd; send(body); body[key] = old })
	}
	body["nosuch"] = 1
	send(body)
}

func TestMutatedBodies(t *testing.T) {
	count := 0
	eachOperation(t, func(n *negative, op *operation) {
		var good map[string]any
		if op.body == nil || json.Unmarshal([]byte(n.bodies[op.id]), &good) != nil {
			return
		}
		target := n.target(op, "", "")
		if op.param("dryRun") != nil {
			target += "?dryRun=true"
		}
		mutations(good, func(m map[string]any) {
			data, err := json.Marshal(m)
			check(n.t, err)
			if n.t.Failed() {
				return
			}
			count++
			n.refuse(nil, "owner", op.method, target, string(data))
		})
	})
	if count < 3000 {
		t.Errorf("only %d bodies were sent", count)
	}
}
