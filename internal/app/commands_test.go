package app_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/cli"
)

// lines has a line of arguments for every command. NAME stands for a component
// that nobody has touched, EMAIL for a member, TOKEN for a token of one's own,
// COMMENT and ATTACHED for what one said and attached, HOOK for a webhook.
// Of a command that a server does not do for anybody, there is none.
var lines = map[string]string{
	"serve": "", "demo": "", "restore": "", "mcp": "", "user sign-in-link": "", "key rotate": "", "key reset": "", "login": "", "logout": "",
	"apply": "apply -f NAME.yaml", "diff": "diff -f NAME.yaml", "import": "import backstage NAME.yaml", "export": "export backstage",
	"get": "get components", "describe": "describe component/NAME", "search": "search " + word, "history": "history component/NAME",
	"edit": "edit component/NAME", "delete": "delete component/NAME --yes", "rename": "rename component/NAME NAME-renamed", "revert": "revert component/NAME --to 1",
	"explain": "explain component", "version": "version", "completion": "completion bash",
	"user add": "user add new-NAME@example.org", "user list": "user list", "user role": "user role EMAIL lead", "user disable": "user disable EMAIL", "user enable": "user enable EMAIL",
	"user reset-link": "user reset-link EMAIL", "user remove": "user remove EMAIL",
	"token create": "token create t", "token list": "token list", "token revoke": "token revoke TOKEN",
	"comment add": "comment add component/NAME -m said", "comment list": "comment list component/NAME", "comment edit": "comment edit COMMENT -m changed", "comment correct": "comment correct COMMENT -m corrected",
	"comment withdraw": "comment withdraw COMMENT", "comment resolve": "comment resolve COMMENT", "comment reopen": "comment reopen CLOSED", "watch": "watch component/NAME",
	"attach add": "attach add component/NAME NAME.yaml", "attach list": "attach list component/NAME", "attach get": "attach get ATTACHED", "attach remove": "attach remove ATTACHED",
	"webhook create": "webhook create chat https://hooks.example/in", "webhook list": "webhook list", "webhook deliveries": "webhook deliveries HOOK", "webhook test": "webhook test HOOK",
	"webhook disable": "webhook disable HOOK", "webhook enable": "webhook enable HOOK", "webhook rotate": "webhook rotate HOOK", "webhook remove": "webhook remove HOOK",
	"today": "today", "inbox": "inbox",
	"hunt": "hunt x", "detect": "detect NAME.yaml", "rules check": "rules check", "rules test": "rules test .", "rules coverage": "rules coverage", "rules canary": "",
	"alerts list": "alerts list", "alerts show": "alerts show AL-1", "alerts acknowledge": "alerts acknowledge AL-1", "alerts assign": "alerts assign AL-1", "alerts start": "alerts start AL-1",
	"alerts close": "alerts close AL-1 --as false --reason x", "alerts reopen": "alerts reopen AL-1", "alerts comment": "alerts comment AL-1 -m said", "alerts case": "alerts case AL-1",
	"claims list": "claims list", "claims show": "claims show told", "claims runs": "claims runs told", "claims test": "claims test told", "claims run": "claims run told", "claims replay": "claims replay told --as-of 2020-01-01",
	"claims attest": "claims attest told --test word --holds", "claims type": "claims type measure:told 7", "claims verify": "claims verify", "claims key": "claims key", "export evidence": "export evidence -o NAME.zip",
	"secret set": "secret set status-page", "secret list": "secret list", "secret delete": "secret delete none", "measures list": "measures list", "measures add": "measures add services-owned", "audit search": "audit search", "audit export": "audit export", "audit verify": "audit verify", "backup": "backup NAME.backup", "doctor": "doctor",
}

// exitRefused is the exit code of what somebody may not do.
const exitRefused = 5

// TestCommands runs every command against a server as every role, with a token
// that opens all its role allows; testdata/commands.txt shows who may what.
func TestCommands(t *testing.T) {
	w := newWorld(t, app.Config{})
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	t.Chdir(t.TempDir())
	w.apply(w.as(), told)
	known := app.Kinds()
	var b strings.Builder
	b.WriteString("# What each command takes, and which roles may run it on a server. go test ./internal/app -run TestCommands -update writes this again.\n\n")
	commands := cli.Commands(app.Program())
	if len(commands) < 30 {
		t.Fatalf("only %d commands", len(commands))
	}
	for _, c := range commands {
		line, ok := lines[c.Command]
		if !ok {
			t.Errorf("there is no line of arguments for %q; add it to lines", c.Command)
			continue
		}
		on := c.Resource
		if c.Kinds {
			on = known.Get("component").Resource()
		}
		var may []string
		for _, who := range w.callers() {
			allowed := c.Offline || who.principal.Can(c.Verb, on) == nil
			if allowed {
				may = append(may, who.name)
			}
			if line == "" {
				continue
			}
			code, said := w.run(server.URL, who, line)
			if (code == exitRefused) == allowed || code == 2 {
				t.Errorf("binnacle %s as %s (may: %t) ends with %d: %s", line, who.name, allowed, code, said)
			}
		}
		if line == "" && !c.Offline {
			may = []string{"whoever holds the data folder"}
		}
		fmt.Fprintf(&b, "%-18s %-7s %s: %s\n", c.Command, c.Verb, roomOf(on, c), strings.Join(may, " "))
	}
	golden(t, "commands.txt", b.String())
}

// told is what the commands on claims are about.
const told = `apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: told}
spec: {room: operations, tests: [{name: owned, records: {from: component, expect: has(spec.owner)}}, {name: word, attest: {goodFor: 90d}}]}
---
apiVersion: binnacle.dev/v1
kind: Measure
metadata: {name: told}
spec: {room: operations, direction: up, typed: {goodFor: 30d}}
`

func roomOf(on auth.Resource, c cli.Access) string {
	switch {
	case c.Offline:
		return "offline"
	case c.Kinds:
		return "the room of the kind, as " + on.Room
	case on.Kind != "":
		return "house/" + on.Kind
	}
	return "house"
}

// callers are the people of the world with tokens that open everything their
// roles allow, and the machine that writes events.
func (w *world) callers() []*actor {
	w.Helper()
	var out []*actor
	for _, a := range w.actors {
		w.renew(a)
		if a.account != "" {
			scopes := slices.Clone(auth.Scopes)
			_, secret, err := w.auth.CreateToken(w.Context(), a.principal, auth.NewToken{Name: "cli", Scopes: scopes})
			w.must(err)
			p, err := w.auth.ByToken(w.Context(), secret)
			w.must(err)
			a = &actor{name: a.name, principal: p, token: secret}
		}
		out = append(out, a)
	}
	return out
}

// run runs a command on a server and returns its exit code and what it said.
func (w *world) run(base string, who *actor, line string) (int, string) {
	w.Helper()
	v := &visit{world: w, kind: w.app.Catalog.Kinds().Get("component"), who: who, of: w.owner}
	if i := slices.IndexFunc(w.actors, func(a *actor) bool { return a.name == who.name && a.account != "" }); i >= 0 {
		v.of = w.actors[i]
	}
	v.used()
	_, name, _ := strings.Cut(v.entity(), "/")
	email := v.next() + "@acme.example"
	for mark, fill := range map[string]func() string{
		"EMAIL": func() string { w.join(auth.HomeID, email, auth.RoleMember); return email },
		"TOKEN": v.myToken, "COMMENT": v.comment, "CLOSED": v.closedComment, "ATTACHED": v.attachment, "HOOK": v.orgHook,
		"NAME.yaml": func() string {
			w.must(os.WriteFile(name+".yaml", []byte(strings.Replace(componentYAML, "applied", "file-"+name, 1)), 0o600))
			return name + ".yaml"
		},
		"NAME": func() string { return name },
	} {
		if mark != "NAME" && strings.Contains(line, mark) {
			line = strings.ReplaceAll(line, mark, fill())
		}
	}
	line = strings.ReplaceAll(line, "NAME", name)
	env := map[string]string{"BINNACLE_TOKEN": who.token, "BINNACLE_CONFIG": w.TempDir(), "EDITOR": `sed -i s/\(lifecycle:.*\)/\1x/`, "HOME": filepath.Clean("."), "LANG": "C"}
	var out, errs bytes.Buffer
	code := cli.Run(w.Context(), app.Program(), cli.Streams{In: strings.NewReader("said\n"), Out: &out, Err: &errs, Env: func(k string) string { return env[k] }},
		append(strings.Fields(line), "--server", base))
	return code, errs.String()
}
