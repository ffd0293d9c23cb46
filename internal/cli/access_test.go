package cli_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/cli"
)

// calls has a line of arguments for every command; KIND stands for a thing of
// each kind in turn.
var calls = map[string]string{
	"serve": "serve", "demo": "", "restore": "restore FILE", "mcp": "mcp",
	"apply": "apply -f KIND.yaml", "diff": "diff -f KIND.yaml", "import": "import rings rings.csv", "export": "export yaml KIND",
	"get": "get KIND", "describe": "describe KIND/checkout", "search": "search checkout", "history": "history KIND/checkout",
	"edit": "edit KIND/checkout", "delete": "delete -f KIND.yaml --yes", "rename": "rename KIND/checkout other", "revert": "revert KIND/checkout --to 1",
	"explain": "explain KIND", "version": "version", "completion": "completion bash", "login": "login", "logout": "logout",
	"user add": "user add new@example.org", "user list": "user list", "user role": "user role x@example.org lead", "user disable": "user disable x@example.org", "user enable": "user enable x@example.org",
	"user reset-link": "user reset-link x@example.org", "user sign-in-link": "user sign-in-link owner@default.example", "user remove": "user remove x@example.org",
	"token create": "token create t", "token list": "token list", "token revoke": "token revoke abc",
	"comment add": "comment add KIND/checkout -m said", "comment list": "comment list KIND/checkout", "comment edit": "comment edit x -m said", "comment correct": "comment correct x -m said",
	"comment withdraw": "comment withdraw x", "comment resolve": "comment resolve x", "comment reopen": "comment reopen x", "watch": "watch KIND/checkout",
	"attach add": "attach add KIND/checkout rings.csv", "attach list": "attach list KIND/checkout", "attach get": "attach get x", "attach remove": "attach remove x",
	"webhook create": "webhook create chat https://hooks.example/in", "webhook list": "webhook list", "webhook deliveries": "webhook deliveries x", "webhook test": "webhook test x",
	"webhook disable": "webhook disable x", "webhook enable": "webhook enable x", "webhook rotate": "webhook rotate x", "webhook remove": "webhook remove x",
	"audit search": "audit search", "audit export": "audit export", "audit verify": "audit verify", "backup": "backup copy", "doctor": "doctor",
	"today": "today", "inbox": "inbox",
	"hunt": "hunt x", "detect": "detect --rules rings.csv rings.csv", "rules check": "rules check rings.csv", "rules test": "rules test .", "rules coverage": "rules coverage rings.csv", "rules canary": "",
	"alerts list": "", "alerts show": "", "alerts acknowledge": "", "alerts assign": "", "alerts start": "", "alerts close": "", "alerts reopen": "", "alerts comment": "", "alerts case": "", // the whole program has them: internal/app
	"claims list": "claims list", "claims show": "claims show told", "claims runs": "claims runs told", "claims test": "claims test told", "claims run": "claims run told", "claims replay": "claims replay told --as-of 2020-01-01",
	"claims attest": "claims attest told --test word --holds", "claims type": "claims type measure:told 7", "claims verify": "claims verify", "claims key": "claims key", "export evidence": "export evidence -o copy",
	"secret set": "secret set x", "secret list": "secret list", "secret delete": "secret delete x", "measures list": "measures list", "measures add": "measures add ready", "key rotate": "key rotate", "key reset": "key reset --yes",
}

// local lists the commands that act on a data folder only.
var local = []string{"serve", "demo", "restore", "mcp", "user sign-in-link", "key rotate", "key reset"}

// installation is a server with a token for every role.
type installation struct {
	base, dir string
	tokens    map[string]string // by role, and "other" for another organisation's owner
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	g, err := open(ctx, cli.Place{Data: filepath.Join(dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	in := &installation{dir: dir, tokens: map[string]string{}}
	home := auth.Local(auth.HomeID, "test", "cli")
	for _, r := range auth.Roles {
		in.tokens[string(r.Role)] = addMember(t, g, home, r.Role)
	}
	if _, err := g.Auth.CreateOrg(ctx, home, "other", "Other"); err != nil {
		t.Fatal(err)
	}
	in.tokens["other"] = addMember(t, g, auth.Local("other", "test", "cli"), auth.RoleOwner)
	in.write(t)
	ready, ended := make(chan string), make(chan error)
	go func() {
		ended <- serve(ctx, g, cli.ServeOptions{Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Ready: func(base string) { ready <- base }})
	}()
	in.base = <-ready
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		g.Close()
	})
	return in
}

// addMember returns a token with all scopes of somebody with a role.
func addMember(t *testing.T, g *cli.Ground, p auth.Principal, role auth.Role) string {
	t.Helper()
	ctx := context.Background()
	if role == auth.RoleIngest {
		_, secret, err := g.Auth.CreateIngestToken(ctx, p, "machine", p.Expires)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	email := string(role) + "@" + p.Org + ".example"
	if _, err := g.Auth.CreateAccount(ctx, p, auth.NewAccount{Email: email, Name: email}, auth.Membership{Role: role}); err != nil {
		t.Fatal(err)
	}
	scopes := slices.DeleteFunc(slices.Clone(auth.Scopes), func(s auth.Scope) bool { return s == "ingest" })
	_, secret, err := g.Auth.CreateTokenFor(ctx, p, email, auth.NewToken{Name: "test", Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func (in *installation) write(t *testing.T) {
	t.Helper()
	for name, text := range map[string]string{
		"component.yaml": "apiVersion: binnacle.dev/v1\nkind: Component\nmetadata: {name: checkout}\nspec: {type: service}\n",
		"group.yaml":     "apiVersion: binnacle.dev/v1\nkind: Group\nmetadata: {name: checkout}\nspec: {type: team}\n",
		"claims.yaml": "apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: told}\nspec: {room: operations, tests: [{name: owned, records: {from: component, expect: has(spec.owner)}}, {name: word, attest: {goodFor: 90d}}]}\n" +
			"---\napiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: told}\nspec: {room: operations, direction: up, typed: {goodFor: 30d}}\n",
		"rings.csv": "go,2025-05,adopt\n",
		"FILE":      "",
	} {
		if err := os.WriteFile(filepath.Join(in.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a command with somebody's token.
func (in *installation) run(who, line string) (code int, said string) {
	env := map[string]string{"BINNACLE_CONFIG": in.dir, "EDITOR": `sed -i s/\(type:.*\)/\1x/`, "BINNACLE_TOKEN": in.tokens[who]}
	var out bytes.Buffer
	args := append(strings.Fields(line), "--server", in.base)
	code = cli.Run(context.Background(), program(), cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: &out, Env: func(name string) string { return env[name] }}, args)
	return code, out.String()
}

const refused = 5

// TestEveryCommandAndRole runs every command as everybody, and compares who was
// refused with what the table of commands and the policy say.
func TestEveryCommandAndRole(t *testing.T) {
	t.Chdir(t.TempDir())
	in := newInstallation(t)
	t.Chdir(in.dir)
	commands := cli.Commands(program())
	if len(commands) < 30 {
		t.Fatalf("only %d commands", len(commands))
	}
	for _, c := range commands {
		line, ok := calls[c.Command]
		if !ok {
			t.Errorf("the test does not know the command %q: give it a line of arguments", c.Command)
		}
		if line == "" || c.Command == "login" || c.Command == "logout" {
			continue
		}
		for _, kind := range []string{"component", "group"} {
			if strings.Contains(line, "KIND") || kind == "component" {
				in.everybody(t, c, strings.ReplaceAll(line, "KIND", kind), kind)
			}
		}
	}
}

func (in *installation) everybody(t *testing.T, c cli.Access, line, kind string) {
	t.Helper()
	resource := c.Resource
	if c.Kinds {
		resource = kinds().Get(kind).Resource()
	}
	if c.Command == "import" {
		resource = kinds().Get("technology").Resource()
	}
	for _, r := range auth.Roles {
		in.run("owner", "apply -f claims.yaml")
		in.run("owner", "apply -f "+kind+".yaml") // what an allowed command did before is undone
		os.Remove("copy")
		p := auth.Principal{Role: r.Role, Org: auth.HomeID, Home: true, Token: "t", Scopes: auth.Scopes}
		want := p.Can(c.Verb, resource) != nil && !c.Offline
		code, said := in.run(string(r.Role), line)
		switch {
		case slices.Contains(local, c.Command):
			if code != refused && code != 2 {
				t.Errorf("%s on a server ended with %d: %s", line, code, said)
			}
		case (code == refused) != want:
			t.Errorf("%s as %s ended with %d; refused should be %v\n%s", line, r.Role, code, want, said)
		case want && !strings.Contains(said, "hint: "):
			t.Errorf("%s as %s is refused without a hint: %s", line, r.Role, said)
		}
	}
	if c.Kinds && strings.Contains(line, "checkout") {
		if code, said := in.run("other", line); code != 4 {
			t.Errorf("%s as the owner of another organisation ended with %d, want 4: %s", line, code, said)
		}
	}
}

// TestAnotherOrganisation sees nothing of this one in any list.
func TestAnotherOrganisation(t *testing.T) {
	in := newInstallation(t)
	t.Chdir(in.dir)
	if code, said := in.run("owner", "apply -f component.yaml"); code != 0 {
		t.Fatal(said)
	}
	for _, line := range []string{"get components -A -o json", "export yaml", "search checkout", "user list", "audit search", "token list --all", "audit export"} {
		var out, errs bytes.Buffer
		env := map[string]string{"BINNACLE_CONFIG": in.dir, "BINNACLE_TOKEN": in.tokens["other"]}
		code := cli.Run(context.Background(), program(), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(name string) string { return env[name] }}, append(strings.Fields(line), "--server", in.base))
		if strings.Contains(out.String(), "checkout") || strings.Contains(out.String(), "default") {
			t.Errorf("%s (%d) shows another organisation's data:\n%s", line, code, out.String())
		}
	}
}
