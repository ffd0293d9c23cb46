package app_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/testenv"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

var update = flag.Bool("update", false, "write the golden files again")

// TestAccess asks for every route as every role, as nobody, as a member whose
// time has ended, and with tokens, through the program's own handler. Each is
// let in exactly where the policy says, and testdata/access.txt shows where
// that is.
func TestAccess(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // thousands of pages, each garbage at once
	const shares = 8
	var told [shares]share
	t.Run("routes", func(t *testing.T) {
		for n := range shares {
			t.Run(fmt.Sprint(n+1), func(t *testing.T) {
				t.Parallel()
				told[n] = walkShare(t, n, shares)
			})
		}
	})
	if t.Failed() {
		return
	}
	unused := map[string]bool{}
	for key := range asks {
		unused[key] = true
	}
	lines := map[door.Face][]string{}
	for _, s := range told {
		for face, list := range s.lines {
			lines[face] = append(lines[face], list...)
		}
		for _, key := range s.keys {
			delete(unused, key)
		}
	}
	for key := range unused {
		t.Errorf("%s: there is an example of asking it, and no such route", key)
	}
	var b strings.Builder
	b.WriteString("# What each address takes, and which roles are let in. go test ./internal/app -run TestAccess -update writes this again.\n")
	for _, face := range []door.Face{door.Web, door.API, door.MCP} {
		fmt.Fprintf(&b, "\n# %s\n", face)
		for _, line := range lines[face] {
			b.WriteString(line + "\n")
		}
	}
	golden(t, "access.txt", b.String())
}

// share is what walking a part of the routes told: the lines of the golden file,
// and the keys of the examples of asking.
type share struct {
	lines map[door.Face][]string
	keys  []string
}

// walkShare asks for the nth of so many parts of the routes, in a world of its own:
// asking leaves things behind, which every page counts, so that a world in which
// everything was asked would become slow.
func walkShare(t *testing.T, n, shares int) share {
	w := newWorld(t, app.Config{})
	w.takesEvents()
	s := share{lines: map[door.Face][]string{}}
	for i, route := range w.routes {
		if i*shares/len(w.routes) != n {
			continue
		}
		key, v := w.general(route)
		a, ok := asks[key]
		if !ok {
			t.Errorf("%s: there is no example of asking it; add one to asks", key)
			continue
		}
		s.keys = append(s.keys, key)
		s.lines[route.Face] = append(s.lines[route.Face], v.walk(a))
	}
	return s
}

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join(testenv.Root(), "internal", "app", "testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("testdata/%s (-file +program); read the difference, then run with -update:\n%s", name, diff)
	}
}

// walk asks a route as everybody and returns the line that says who was let in.
func (v *visit) walk(a ask) string {
	v.Helper()
	var in []string
	var on auth.Resource
	strangers := []*actor{v.nobody, v.expired}
	for _, who := range append(slices.Clone(v.actors), strangers...) {
		v.renew(v.owner)
		if who != v.expired {
			v.renew(who)
		}
		v.who, v.of = who, who
		if who.account == "" || who == v.expired {
			v.of = v.owner
		}
		r := a.make(v)
		var err error
		if on, err = resource(v.route, r.path); err != nil {
			v.Fatalf("%s %s: %v", v.route.Method, r.path, err)
		}
		rec := v.send(who, v.route.Method, r)
		if v.check(a, who, on, r, rec) && who != v.nobody && who != v.expired {
			in = append(in, who.name)
		}
		if a.uses {
			v.used()
		}
	}
	room := on.Room
	switch room {
	case auth.House:
		room = "house"
	case auth.Somewhere:
		room = "some room"
	}
	if on.Kind != "" {
		room += "/" + on.Kind
	}
	if v.route.Verb == auth.Public {
		in = []string{"everybody"}
	}
	for _, n := range a.also {
		room += fmt.Sprintf(", then %s in %s", n.verb, n.resource.Room)
	}
	return fmt.Sprintf("%-6s %-58s %-7s %s: %s", v.route.Method, v.route.Pattern, v.route.Verb, room, strings.Join(in, " "))
}

// check compares an answer with the policy, and reports whether who was let in.
func (v *visit) check(a ask, who *actor, on auth.Resource, r request, rec *httptest.ResponseRecorder) bool {
	v.Helper()
	p := who.principal
	stranger := who == v.nobody || who == v.expired
	may := v.route.Verb == auth.Public || !stranger && p.Can(v.route.Verb, on) == nil && (!a.session || p.Session != "")
	for _, n := range a.also {
		may = may && p.Can(n.verb, n.resource) == nil
	}
	want := a.want
	switch {
	case stranger && !may && v.route.Face == door.Web && v.route.Method == http.MethodGet:
		want = []int{http.StatusSeeOther}
		if to := rec.Header().Get("Location"); !strings.HasPrefix(to, "/sign-in") {
			v.Errorf("%s %s as %s: sent to %q, want the page to sign in", v.route.Method, r.path, who.name, to)
		}
	case stranger && !may:
		want = []int{http.StatusUnauthorized}
	case !may:
		want = []int{http.StatusForbidden}
	}
	good := slices.Contains(want, rec.Code) || len(want) == 0 && rec.Code < 400
	if may && v.route.Verb != auth.Public && rec.Code == http.StatusSeeOther && strings.HasPrefix(rec.Header().Get("Location"), "/sign-in") {
		good = false
	}
	if !good {
		v.Errorf("%s %s as %s (may: %t): status %d, want %v: %.300s", v.route.Method, r.path, who.name, may, rec.Code, want, said(rec))
	}
	return may
}

// said is what an answer tells a reader.
func said(rec *httptest.ResponseRecorder) string {
	if strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") {
		return webtest.MainText(rec.Body.String())
	}
	return rec.Body.String()
}

// TestOtherSitesAreRefused sends every request that changes something as a
// page of another site would make a browser send it, with the owner's cookie.
func TestOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t, app.Config{})
	n := 0
	for _, route := range w.routes {
		if route.Method == http.MethodGet {
			continue
		}
		key, v := w.general(route)
		v.who, v.of = w.owner, w.owner
		w.renew(w.owner)
		r := asks[key].make(v)
		before := w.state()
		for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "", "Origin", "https://evil.example"}} {
			r.headers = append(slices.Clip(r.headers), headers...)
			if rec := w.send(w.owner, route.Method, r); rec.Code != http.StatusForbidden {
				t.Errorf("%s %s with %v: status %d, want 403", route.Method, r.path, headers, rec.Code)
			}
			n++
		}
		if after := w.state(); before != after {
			t.Errorf("%s %s from another site changed something: %s, then %s", route.Method, r.path, before, after)
		}
	}
	if n < 200 {
		t.Errorf("only %d requests were sent", n)
	}
}

// state is how much the tables hold that people change.
func (w *world) state() string {
	w.Helper()
	var parts []string
	for _, table := range []string{"entities", "revisions", "feed", "views", "comments", "comment_edits", "attachments", "watches", "notify_settings", "action_hooks", "auth_accounts", "auth_orgs", "auth_memberships", "auth_tokens", "auth_links", "auth_sessions", "auth_providers"} {
		parts = append(parts, fmt.Sprint(table, " ", w.count(`SELECT count(*) FROM `+table)))
	}
	return strings.Join(parts, ", ")
}

// TestEndedTokens: a token ends with the membership and the account it belongs
// to, when it is revoked, and when it is not whole; nothing is then read by it,
// not even what nobody need be signed in for.
func TestEndedTokens(t *testing.T) {
	w := newWorld(t, app.Config{})
	token := func(email string) string {
		t.Helper()
		_, secret, err := w.auth.CreateToken(t.Context(), w.person("", email).principal, auth.NewToken{Name: "x", Scopes: []auth.Scope{"read"}})
		w.must(err)
		return secret
	}
	ends := func(query string, args ...any) {
		t.Helper()
		_, err := w.app.DB.Exec(t.Context(), query, args...)
		w.must(err)
	}
	ended := map[string]string{"lead": token("lead@acme.example"), "member": token("member@acme.example"), "cto": token("cto@acme.example"), "ciso": token("ciso@acme.example")}
	for name, secret := range ended {
		if rec := w.send(&actor{token: secret}, "GET", request{path: "/api/v1/entities"}); rec.Code != http.StatusOK {
			t.Fatalf("the token of the %s is good and gets %d", name, rec.Code)
		}
	}
	ends(`UPDATE auth_memberships SET expires = 1 WHERE role = 'lead'`)
	w.must(w.auth.SetDisabled(t.Context(), w.local, w.actors[5].principal.Account, true))
	ends(`UPDATE auth_tokens SET expires = 1 WHERE account = ?`, w.actors[1].principal.Account)
	ended["ciso"] = ended["ciso"][:len(ended["ciso"])-1]
	for name, secret := range ended {
		for _, path := range []string{"/api/v1/entities", "/components", "/api/v1/openapi.json", "/sign-in"} {
			if rec := w.send(&actor{token: secret}, "GET", request{path: path}); rec.Code != http.StatusUnauthorized {
				t.Errorf("GET %s with the ended token of the %s: %d", path, name, rec.Code)
			}
		}
	}
}
