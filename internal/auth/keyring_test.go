package auth

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

func testKeyring(t *testing.T, db *sqldb.DB) {
	path := filepath.Join(t.TempDir(), "data", "keys")
	open := func() *Keyring {
		t.Helper()
		k, err := OpenKeyring(ctx, db, path)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := open()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the key file: %v, %v", info.Mode(), err)
	}
	seal := func(k *Keyring, secret, context string) string {
		t.Helper()
		sealed, err := k.Seal(ctx, []byte(secret), context)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	sealed := seal(k, "hush", "a/1")
	if strings.Contains(sealed, "hush") || sealed == seal(k, "hush", "a/1") {
		t.Errorf("sealed: %s", sealed)
	}
	opens := func(k *Keyring, sealed, what string) {
		t.Helper()
		if got, err := k.Open(ctx, sealed, "a/1"); err != nil || string(got) != "hush" {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	opens(k, sealed, "at once")
	for what, s := range map[string][2]string{
		"elsewhere": {sealed, "a/2"}, "changed": {sealed[:len(sealed)-2] + "xx", "a/1"}, "cut": {sealed[:20], "a/1"}, "empty": {"", "a/1"}, "other key": {"s1.other." + strings.Split(sealed, ".")[2], "a/1"},
	} {
		if got, err := k.Open(ctx, s[0], s[1]); err == nil {
			t.Errorf("%s opens: %q", what, got)
		}
	}

	opens(open(), sealed, "after a start")
	other := open() // another node, with the same file
	opens(other, sealed, "on another node")
	id, err := k.Rotate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	opens(k, sealed, "after a rotation")
	later := seal(k, "hush", "a/1")
	if keyOf(later) != id || keyOf(sealed) == id {
		t.Error("which key sealed what")
	}
	opens(other, later, "on another node, which has not read the new key")
	opens(open(), sealed, "after a rotation and a start")

	whole, _ := os.ReadFile(path)
	lines := strings.Split(strings.TrimSpace(string(whole)), "\n")
	for what, c := range map[string]struct {
		text     string
		mode     os.FileMode
		wrong    string
		how, put string
	}{
		"a key of two":   {lines[len(lines)-1] + "\n", 0o600, "lacks the key", keyOther, "--key-file"},
		"open to others": {string(whole), 0o644, "can be read by others", keyOpen, "chmod 600"},
		"nonsense":       {"nonsense\n", 0o600, "line 1 is not a key", keyBroken, "binnacle key reset"},
		"nothing":        {"# nothing\n", 0o600, "it holds no key", keyBroken, "binnacle key reset"},
		"no file at all": {"", 0, "is missing", keyMissing, "binnacle key reset"},
	} {
		writeFile(t, path, c.text, c.mode)
		if c.mode == 0 {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		k := open() // it opens all the same
		for _, err := range []error{k.Check(ctx), second(k.Open(ctx, sealed, "a/1")), second(k.Seal(ctx, nil, "a/1"))} {
			reason, _ := ReasonOf(err)
			if err == nil || !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), c.wrong) || !strings.Contains(err.Error(), path) || reason.Code != c.how || !strings.Contains(fault.HintOf(err), c.put) {
				t.Errorf("%s: %v, hint %q", what, err, fault.HintOf(err))
			}
		}
		if _, err := os.Stat(path); c.mode == 0 && err == nil {
			t.Error("a new key file was made over secrets of the old one")
		}
		writeFile(t, path, string(whole), 0o600)
		opens(k, sealed, what+", and then the file is put back")
	}
}

func second[T any](_ T, err error) error { return err }

// TestWithoutTheKey: what needs no secret works, the rest says what is missing
// without telling strangers where it should be.
func TestWithoutTheKey(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		secret, codes := h.enrol(h.owner)
		id, err := h.SaveProvider(ctx, h.owner, Provider{Title: "Example", Issuer: "https://idp.example", ClientID: "c", Secret: "x", DefaultRole: RoleMember})
		if err != nil {
			t.Fatal(err)
		}
		path := h.keys.path
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		h.keys = NewKeyring(h.db, path) // as after a start
		h.pass(time.Minute)
		step, err := h.SignIn(ctx, "olga@example.org", password, from(""))
		if err != nil {
			t.Fatalf("a password: %v", err)
		}
		_, err = h.SecondFactor(ctx, step.Factor, h.code(secret), from(""))
		reason, _ := ReasonOf(err)
		if err == nil || reason.Code != "no-key" || strings.Contains(reason.Text.En, path) || !strings.Contains(err.Error(), path) {
			t.Errorf("a code: %v", err)
		}
		if _, err := h.SecondFactor(ctx, step.Factor, codes[0], from("")); err != nil {
			t.Errorf("a recovery code: %v", err)
		}
		if _, err := h.SaveProvider(ctx, h.owner, Provider{ID: id, Title: "Renamed", Issuer: "https://idp.example", ClientID: "c", DefaultRole: RoleMember}); err != nil {
			t.Errorf("a title: %v", err)
		}
		if _, err := h.SaveProvider(ctx, h.owner, Provider{ID: id, Title: "Renamed", Issuer: "https://idp.example", ClientID: "c", Secret: "y", DefaultRole: RoleMember}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a new secret: %v", err)
		}

		lost, err := h.LostSecrets(ctx)
		if err != nil || len(lost.Keys) != 1 || !slices.Equal(lost.Factors, []string{"olga@example.org"}) || !slices.Equal(lost.Providers, []string{"Renamed"}) {
			t.Errorf("lost: %+v, %v", lost, err)
		}
		if _, err := h.ResetKey(ctx, h.owner); !fault.Is(err, fault.Forbidden) {
			t.Errorf("an owner from afar: %v", err)
		}
		root := Local(HomeID, "root", "cli")
		if _, _, err := h.RotateKey(ctx, root); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a rotation: %v", err)
		}
		if _, err := h.ResetKey(ctx, root); err != nil {
			t.Fatal(err)
		}
		if err := h.CheckKey(ctx); err != nil {
			t.Errorf("the new file: %v", err)
		}
		if _, err := h.ResetKey(ctx, root); !fault.Is(err, fault.Conflict) {
			t.Errorf("again: %v", err)
		}
		step, err = h.SignIn(ctx, "olga@example.org", password, from(""))
		if err != nil || step.Session == nil {
			t.Errorf("without the second factor: %+v, %v", step, err)
		}
		if buttons, err := h.SignInButtons(ctx, ""); err != nil || len(buttons) != 0 {
			t.Errorf("buttons: %v, %v", buttons, err)
		}
		v := Provider{ID: id, Title: "Renamed", Issuer: "https://idp.example", ClientID: "c", DefaultRole: RoleMember}
		if _, err := h.SaveProvider(ctx, h.owner, v); !fault.Is(err, fault.Invalid) {
			t.Errorf("on without a secret: %v", err)
		}
		v.Secret = "z"
		if _, err := h.SaveProvider(ctx, h.owner, v); err != nil {
			t.Errorf("on with its secret: %v", err)
		}
		for _, action := range []string{"key.reset", "totp.reset", "provider.off"} {
			records, _, err := audit.New(h.db).Search(ctx, HomeID, audit.Query{Action: action})
			if err != nil || len(records) != 1 {
				t.Errorf("%d records of %s, %v", len(records), action, err)
			}
		}
		// The old file is no longer the right one.
		writeFile(t, path, string(whole), 0o600)
		if err := h.CheckKey(ctx); err == nil {
			t.Error("the lost key counts as found after a reset")
		}
	})
}

// TestResetKeepsWhatStillOpens: of two keys one is lost, and a file that is no
// key file is kept beside.
func TestResetKeepsWhatStillOpens(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.enrol(h.owner)
		root, path := Local(HomeID, "root", "cli"), h.keys.path
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.keys.Rotate(ctx); err != nil { // nothing is sealed with the new key
			t.Fatal(err)
		}
		writeFile(t, path, string(before), 0o600)
		h.keys = NewKeyring(h.db, path)
		lost, err := h.ResetKey(ctx, root)
		if err != nil || len(lost.Keys) != 1 || len(lost.Factors) != 0 {
			t.Errorf("lost %+v, %v", lost, err)
		}
		if me, err := h.Me(ctx, h.owner); err != nil || !me.TOTP {
			t.Errorf("a second factor that still opens is gone: %v", err)
		}
		writeFile(t, path, "nonsense\n", 0o600)
		if lost, err = h.ResetKey(ctx, root); err != nil || len(lost.Factors) != 1 {
			t.Errorf("lost %+v, %v", lost, err)
		}
		kept, err := filepath.Glob(path + ".unreadable-*")
		if err != nil || len(kept) != 1 {
			t.Errorf("the unreadable file: %v, %v", kept, err)
		}
		writeFile(t, path, "nonsense\n", 0o644)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := h.ResetKey(ctx, root); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a file that others may read is no lost one: %v", err)
		}
	})
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
