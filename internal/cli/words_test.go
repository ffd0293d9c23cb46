package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// built returns every command with its cobra form, in a language.
func built(code lang.Code) (*session, map[string]*cobra.Command) {
	s := &session{Program: Program{Kinds: catalog.NewKinds()}, Streams: Streams{Env: func(string) string { return "" }}, code: code, made: map[*cobra.Command]*command{}}
	root := s.build(s.root())
	out := map[string]*cobra.Command{}
	s.visit(root, func(cc *cobra.Command, _ *command) { out[cc.CommandPath()] = cc })
	return s, out
}

func complete(t *testing.T, where string, text lang.Text) {
	t.Helper()
	if text.En == "" || text.Es == "" || text.En == text.Es {
		t.Errorf("%s is not said in both languages: %q, %q", where, text.En, text.Es)
	}
}

// TestWords checks that every command says what it does, has an example and a
// verb, in both languages.
func TestWords(t *testing.T) {
	s, all := built(lang.English)
	if len(all) < 30 {
		t.Fatalf("only %d commands", len(all))
	}
	for path, cc := range all {
		c := s.made[cc]
		complete(t, path, c.short)
		if c.long != (lang.Text{}) {
			complete(t, path, c.long)
		}
		if c.run == nil {
			continue
		}
		if c.access.Verb == "" {
			t.Errorf("%s declares no verb", path)
		}
		if len(c.examples) == 0 {
			t.Errorf("%s has no example", path)
		}
		for _, e := range c.examples {
			if e.doc.Es == "" || !strings.Contains(e.line, "binnacle") {
				t.Errorf("%s: the example %q is not complete", path, e.line)
			}
		}
	}
	if root := s.root(); root.access != (access{}) || root.run != nil {
		t.Error("the program itself does something without a command")
	}
}

// TestFlags checks that flags are the same in both languages and said in each.
func TestFlags(t *testing.T) {
	_, english := built(lang.English)
	_, spanish := built(lang.Spanish)
	n := 0
	for path, cc := range english {
		cc.LocalFlags().VisitAll(func(f *pflag.Flag) {
			n++
			other := spanish[path].Flag(f.Name)
			if other == nil || other.Usage == "" || f.Usage == "" || other.Usage == f.Usage {
				t.Errorf("%s --%s is not said in both languages: %q", path, f.Name, f.Usage)
			}
		})
	}
	if n < 100 {
		t.Fatalf("only %d flags", n)
	}
}

// TestHelp renders the help of every command in both languages.
func TestHelp(t *testing.T) {
	for _, code := range lang.All {
		s, all := built(code)
		for path, cc := range all {
			var out bytes.Buffer
			s.Out = &out
			s.help(cc)
			text := out.String()
			if !strings.Contains(text, s.say(helpWords["usage"])) || s.made[cc].run != nil && !strings.Contains(text, s.say(helpWords["examples"])) {
				t.Errorf("the help of %s in %s lacks a part:\n%s", path, code, text)
			}
			for line := range strings.SplitSeq(s.made[cc].long.In(code), "\n") {
				if len([]rune(line)) > 100 && strings.Contains(s.made[cc].long.In(code), "\n") {
					t.Errorf("%s in %s: a line of the text is too long: %q", path, code, line)
				}
			}
		}
	}
}

// TestHints checks that every error ends with what to do next, whatever it is.
func TestHints(t *testing.T) {
	run := func(args ...string) (int, string) {
		var errs bytes.Buffer
		code := Run(context.Background(), Program{Kinds: catalog.NewKinds()}, Streams{In: strings.NewReader(""), Out: io.Discard, Err: &errs, Env: func(string) string { return "" }}, args)
		return code, errs.String()
	}
	for line, want := range map[string]int{
		"nothing": 2, "get": 2, "get --nothing": 2, "get x y": 4, "apply": 2, "apply -f nothing": 4, "user": 0, "user nothing": 2, "history": 2,
		"explain x": 4, "import x": 2, "export x": 2, "token create": 2, "audit verify --file nothing": 4, "doctor": 2, "get -o x": 2,
		"get --limit x": 2, "completion x": 2, "login": 2, "serve": 2, "restore x": 2, "help nothing": 2, "help user nothing": 2,
	} {
		code, said := run(strings.Fields(line)...)
		if code != want {
			t.Errorf("binnacle %s ended with %d, want %d: %s", line, code, want, said)
		}
		if code != 0 && (!strings.HasPrefix(said, "error: ") || !strings.Contains(said, "\nhint: ")) {
			t.Errorf("binnacle %s: no error with a hint: %q", line, said)
		}
	}
}

// A file that cannot be opened is no matter of a server, though the system's
// error number is a net.Error.
func TestHintOfAFile(t *testing.T) {
	_, err := os.Open("nothing")
	s := &session{code: lang.English}
	if got := s.hintOf(fmt.Errorf("read it: %w", err)); got != "check the path and who may read it: nothing" {
		t.Errorf("the hint is %q", got)
	}
}

func TestRoles(t *testing.T) {
	for _, r := range auth.Roles {
		if r.Role != auth.RoleIngest && !strings.Contains(strings.Join(roles(), " "), string(r.Role)) {
			t.Errorf("roles lacks %s", r.Role)
		}
	}
}
