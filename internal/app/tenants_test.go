package app_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
)

// TestOtherOrganisation lets the owner of another organisation ask every route
// for things of the home organisation, by their exact addresses and ids. They
// read not one word of it and change nothing in it; what the home organisation's
// own owner reads at the same address shows that there was something to see.
func TestOtherOrganisation(t *testing.T) { eachDatabase(t, otherOrganisation) }

func otherOrganisation(t *testing.T, cfg app.Config) {
	w := newWorld(t, cfg)
	w.takesEvents()
	w.keepSecrets()
	shown := 0
	for _, route := range w.routes {
		key, v := w.general(route)
		v.who, v.of = w.other, w.owner
		w.renew(w.other)
		w.renew(w.owner)
		r := asks[key].make(v)
		r.body = strings.NewReplacer(marker, "guess", "Zqsecret", "Guess").Replace(r.body) // what they send they know
		before := w.home()
		rec := w.send(w.other, route.Method, r)
		v.tellsNothing(r, rec)
		if after := w.home(); before != after {
			t.Errorf("%s %s by another organisation changed something: %s, then %s", route.Method, r.path, before, after)
		}
		if route.Method == http.MethodGet && route.Verb != auth.Backup && strings.Contains(readable(t, w.send(w.owner, "GET", r)), marker) {
			shown++
		}
		if asks[key].uses {
			v.used() // PUT has made one of their own of the same name
		}
	}
	if shown < 12*len(w.app.Catalog.Kinds().All()) {
		t.Errorf("only %d addresses show their own owner a secret: the test is looking for nothing", shown)
	}
}

// keepSecrets gives the home organisation something of every kind to hide.
func (w *world) keepSecrets() {
	w.Helper()
	w.must(w.auth.RenameOrg(w.Context(), w.owner.principal, "Zqsecret Works"))
	w.must(w.auth.Rename(w.Context(), w.owner.principal, "Zqsecret Owner"))
	for _, k := range w.app.Catalog.Kinds().All() {
		v := &visit{world: w, kind: k, of: w.owner}
		v.entity()
		v.myView()
	}
	v := &visit{world: w, of: w.owner}
	v.member()
	v.invitation()
	v.ingestToken()
	v.myToken()
	v.provider()
}

// ofEverybody are addresses of what comes with the program and is in every
// organisation: built-in rules, which each tunes for itself, and techniques.
var ofEverybody = []string{"/detections/{id}", "/detections/rule/{id}/tune", "/detections/rule/{id}/preview", "/attack/{id}"}

// tellsNothing checks an answer to another organisation's owner.
func (v *visit) tellsNothing(r request, rec *httptest.ResponseRecorder) {
	v.Helper()
	what := fmt.Sprintf("%s %s: %d %.300s", v.route.Method, r.path, rec.Code, said(rec))
	addressed := strings.Contains(v.route.Pattern, "{namespace}") && v.route.Method != http.MethodPut // which makes one of their own
	switch {
	case rec.Code >= 500:
		v.Error(what)
	case addressed && rec.Code != http.StatusNotFound:
		v.Errorf("want 404: %s", what)
	case strings.Contains(v.route.Pattern, "{id}") && !slices.Contains(ofEverybody, v.route.Pattern) && rec.Code != http.StatusNotFound:
		v.Errorf("want 404: %s", what)
	}
	if body := readable(v, rec); strings.Contains(body, marker) {
		i := strings.Index(body, marker)
		v.Errorf("a secret is told: %s …%s…", what, body[max(0, i-100):min(len(body), i+100)])
	}
}

// readable is the whole text of an answer in small letters, its headers with
// it, archives opened.
func readable(t testing.TB, rec *httptest.ResponseRecorder) string {
	t.Helper()
	var b strings.Builder
	for name, values := range rec.Header() {
		fmt.Fprintln(&b, name, values)
	}
	data := rec.Body.Bytes()
	b.Write(data)
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			file, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&b, f.Name)
			if _, err := io.Copy(&b, file); err != nil {
				t.Fatal(err)
			}
			file.Close()
		}
	}
	return strings.ToLower(b.String())
}

// home is what the home organisation holds, in numbers.
func (w *world) home() string {
	w.Helper()
	var parts []string
	for what, query := range map[string]string{
		"last entry of the feed": `SELECT COALESCE(max(seq), 0) FROM feed WHERE org = 'default'`,
		"entities":               `SELECT count(*) FROM entities WHERE org = 'default' AND deleted = 0`,
		"members":                `SELECT count(*) FROM auth_memberships m JOIN auth_accounts a ON a.id = m.account WHERE m.org = 'default' AND a.disabled = 0`,
		"ordinary members":       `SELECT count(*) FROM auth_memberships WHERE org = 'default' AND role = 'member'`,
		"tokens":                 `SELECT count(*) FROM auth_tokens WHERE org = 'default'`,
		"links":                  `SELECT count(*) FROM auth_links WHERE org = 'default' AND used = 0`,
		"sign-ons":               `SELECT count(*) FROM auth_providers WHERE org = 'default'`,
		"views":                  `SELECT count(*) FROM views WHERE org = 'default'`,
		"sessions":               `SELECT count(*) FROM auth_sessions WHERE org = 'default'`,
	} {
		parts = append(parts, fmt.Sprint(what, " ", w.count(query)))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// TestOtherOrganisationExports tries every format there is.
func TestOtherOrganisationExports(t *testing.T) {
	w := newWorld(t, app.Config{})
	w.keepSecrets()
	var paths []string
	for _, ex := range app.Exporters() {
		for _, format := range ex.Formats {
			paths = append(paths, "/export/"+ex.Name+"?as="+format, "/api/v1/export/"+ex.Name+"?as="+format)
		}
	}
	for _, k := range w.app.Catalog.Kinds().All() {
		paths = append(paths, "/"+k.Plural+"/export?format=xlsx", "/"+k.Plural+"/export?format=csv")
	}
	shown := 0
	for _, path := range paths {
		v := &visit{world: w}
		v.route.Method, v.route.Pattern = "GET", path
		v.tellsNothing(request{path: path}, w.send(w.other, "GET", request{path: path}))
		if strings.Contains(readable(t, w.send(w.owner, "GET", request{path: path})), marker) {
			shown++
		}
	}
	if shown < len(paths)/2 {
		t.Errorf("only %d of %d exports show their own owner a secret", shown, len(paths))
	}
}

// mcpCalls has arguments for every tool; REF is an entity of the home
// organisation.
var mcpCalls = map[string]string{
	"search":    `{"query":"` + word + `"}`,
	"get":       `{"ref":"REF"}`,
	"list":      `{"kind":"component"}`,
	"relations": `{"ref":"REF"}`,
	"history":   `{"ref":"REF"}`,
	"explain":   `{}`,
	"today":     `{}`,
	"comments":  `{"ref":"REF"}`,
	"comment":   `{"ref":"REF","body":"Said.","dryRun":false}`,

	"list_claims": `{}`, "get_claim": `{"ref":"CLAIM"}`, "replay": `{"ref":"CLAIM","asOf":"` + time.Now().UTC().Format(time.DateOnly) + `"}`,

	"apply": `{"yaml":"apiVersion: binnacle.dev/v1\nkind: Component\nmetadata: {name: NAME}\nspec: {type: service, lifecycle: production, owner: group:default/theirs}\n","dryRun":true}`,
}

// TestOtherOrganisationByMCP calls every tool as the other organisation's owner.
func TestOtherOrganisationByMCP(t *testing.T) {
	w := newWorld(t, app.Config{})
	w.keepSecrets()
	v := &visit{world: w, kind: w.app.Catalog.Kinds().Get("component")}
	_, name, _ := strings.Cut(v.entity(), "/")
	claimed := "claim:" + (&visit{world: w, kind: w.app.Catalog.Kinds().Get("claim")}).entity()
	w.settle()
	call := func(who *actor, method, params string) string {
		r := asJSON("/mcp", fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params))
		r.headers = []string{"Accept", "application/json, text/event-stream"}
		rec := w.send(who, "POST", r)
		if rec.Code != http.StatusOK {
			t.Fatalf("%s %s: %d %s", method, params, rec.Code, rec.Body)
		}
		return strings.ToLower(rec.Body.String())
	}
	var listed struct {
		Result struct{ Tools []struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(call(w.other, "tools/list", "{}")), &listed); err != nil || len(listed.Result.Tools) == 0 {
		t.Fatalf("no tools: %v", err)
	}
	for _, tool := range listed.Result.Tools {
		args, ok := mcpCalls[tool.Name]
		if !ok {
			t.Errorf("there are no arguments for the tool %s; add them to mcpCalls", tool.Name)
			continue
		}
		args = strings.NewReplacer("REF", "component:default/"+name, "CLAIM", claimed, "NAME", name).Replace(args)
		params := fmt.Sprintf(`{"name":%q,"arguments":%s}`, tool.Name, args)
		got, own := call(w.other, "tools/call", params), call(w.owner, "tools/call", params)
		if strings.Contains(got, marker) {
			t.Errorf("%s tells a secret: %s", tool.Name, got)
		}
		if tool.Name != "apply" && strings.Contains(own, `"iserror":true`) {
			t.Errorf("%s fails for their own owner: %s", tool.Name, own)
		}
		if aimed := strings.Contains(mcpCalls[tool.Name], "REF") || strings.Contains(mcpCalls[tool.Name], "CLAIM"); aimed && !strings.Contains(got, `"iserror":true`) {
			t.Errorf("%s answers about what another organisation holds: %s", tool.Name, got)
		}
	}
	read := fmt.Sprintf(`{"uri":"binnacle://component/default/%s"}`, name)
	if got := call(w.other, "resources/read", read); strings.Contains(got, marker) {
		t.Errorf("a resource tells a secret: %s", got)
	}
	if got := call(w.owner, "resources/read", read); !strings.Contains(got, marker) {
		t.Errorf("a resource shows their own owner nothing: %s", got)
	}
}
