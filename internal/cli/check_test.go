package cli_test

import (
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/cli"
)

func TestCheck(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		err := cli.Check(cli.Program{}, strings.Fields(line))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	f("", "")
	f("get components -o wide --data d", "")
	f("--data d get components", "")
	f("audit verify --anchor 1:a --anchor 2:b", "")
	f("user --help", "")
	f("gets components", `no command "gets"`)
	f("get components -o tabel", "tabel")
	f("get components --outputs json", "unknown flag: --outputs")
	f("audit", "needs a command")
	f("audit prove", `no command "prove"`)
	f("restore", "takes 1 to 1 arguments, not 0")
	f("login a b", "takes 0 to 1 arguments, not 2")
}
