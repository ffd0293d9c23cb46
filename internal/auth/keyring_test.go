package auth

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

func testKeyring(t *testing.T, db *sqldb.DB) {
	path := filepath.Join(t.TempDir(), "data", "keys")
	open := func() (*Keyring, error) { return OpenKeyring(ctx, db, path) }
	k, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the key file: %v, %v", info.Mode(), err)
	}
	sealed := k.Seal([]byte("hush"), "a/1")
	if strings.Contains(sealed, "hush") || sealed == k.Seal([]byte("hush"), "a/1") {
		t.Errorf("sealed: %s", sealed)
	}
	opens := func(k *Keyring, what string) {
		t.Helper()
		if got, err := k.Open(sealed, "a/1"); err != nil || string(got) != "hush" {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	opens(k, "at once")
	for what, s := range map[string][2]string{
		"elsewhere": {sealed, "a/2"}, "changed": {sealed[:len(sealed)-2] + "xx", "a/1"}, "cut": {sealed[:20], "a/1"}, "empty": {"", "a/1"}, "other key": {"s1.other." + strings.Split(sealed, ".")[2], "a/1"},
	} {
		if got, err := k.Open(s[0], s[1]); err == nil {
			t.Errorf("%s opens: %q", what, got)
		}
	}

	k, err = open()
	if err != nil {
		t.Fatal(err)
	}
	opens(k, "after a start")
	if err := k.Rotate(ctx, db); err != nil {
		t.Fatal(err)
	}
	opens(k, "after a rotation")
	if k.Current(sealed) || !k.Current(k.Seal(nil, "")) {
		t.Error("which key sealed what")
	}
	if k, err = open(); err != nil {
		t.Fatal(err)
	}
	opens(k, "after a rotation and a start")

	whole, _ := os.ReadFile(path)
	lines := strings.Split(strings.TrimSpace(string(whole)), "\n")
	writeFile(t, path, lines[len(lines)-1]+"\n", 0o600)
	refused(t, open, "does not hold the key")
	writeFile(t, path, string(whole), 0o644)
	refused(t, open, "can be read by others")
	writeFile(t, path, "nonsense\n", 0o600)
	refused(t, open, "line 1 is not a key")
	writeFile(t, path, "# nothing\n", 0o600)
	refused(t, open, "it holds no key")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	err = refused(t, open, "is missing")
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.HintOf(err), "--key-file") {
		t.Errorf("missing: %v, hint %q", err, fault.HintOf(err))
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a new key file was made over secrets of the old one")
	}
	writeFile(t, path, string(whole), 0o600)
	if k, err = open(); err != nil {
		t.Fatal(err)
	}
	opens(k, "after putting the file back")
}

func refused(t *testing.T, open func() (*Keyring, error), part string) error {
	t.Helper()
	_, err := open()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("got %v, want it to say %q", err, part)
	}
	return err
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte("# head\nabc 0000000000000000000000000000000000000000000000000000000000000000\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseKeys(data)
		if err == nil && len(keys) == 0 {
			t.Error("no key and no error")
		}
	})
}
