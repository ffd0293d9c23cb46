package cli_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/cli"
)

// TestAsking answers what delete asks, and interrupts it.
func TestAsking(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("a.yaml", []byte("apiVersion: binnacle.dev/v1\nkind: Group\nmetadata: {name: payments}\nspec: {type: team}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(ctx context.Context, in io.Reader, line string) (int, string) {
		var out bytes.Buffer
		env := map[string]string{"BINNACLE_DATA": "data", "BINNACLE_CONFIG": filepath.Join("config"), "USER": "ann"}
		code := cli.Run(ctx, program(), cli.Streams{In: in, InTTY: true, Out: &out, Err: &out, Env: func(n string) string { return env[n] }}, strings.Fields(line))
		return code, out.String()
	}
	ctx := context.Background()
	if code, said := run(ctx, nil, "apply -f a.yaml"); code != 0 {
		t.Fatal(said)
	}
	for _, c := range []struct {
		answer string
		code   int
		want   string
	}{
		{"n\n", 1, "  group:payments\nDelete 1 thing(s)? [y/N] error: nothing was done\nhint: "},
		{"\n", 1, "nothing was done"},
		{"", 2, "standard input is empty"},
		{"yes", 0, "group:payments deleted"},
	} {
		if code, said := run(ctx, strings.NewReader(c.answer), "delete group/payments"); code != c.code || !strings.Contains(said, c.want) {
			t.Errorf("%q: %d, %q; want %d, %q", c.answer, code, said, c.code, c.want)
		}
	}
	run(ctx, nil, "revert group/payments")
	nobody, _ := io.Pipe()
	soon, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if code, said := run(soon, nobody, "delete group/payments"); code != 1 || !strings.Contains(said, "error: interrupted\nhint: ") {
		t.Errorf("interrupted: %d, %q", code, said)
	}
	if code, said := run(ctx, nil, "get group/payments -o name"); code != 0 || said != "group:payments\n" {
		t.Errorf("after the interrupt: %d, %q", code, said)
	}
}
