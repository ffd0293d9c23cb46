package auth

import (
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// TestSecrets: a secret is set, replaced, listed without its value, read by the
// program alone and only in its organisation, sealed in the database, sealed
// anew with another key, and gone when it is deleted.
func TestSecrets(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		owner := Local(HomeID, "Ana", "cli")
		must(h.SetSecret(ctx, owner, "status-page", "tok-1"))
		must(h.SetSecret(ctx, owner, "status-page", "tok-2"))
		if v, err := h.Secret(ctx, HomeID, "status-page"); err != nil || v != "tok-2" {
			t.Errorf("%q %v", v, err)
		}
		if _, err := h.Secret(ctx, "rival", "status-page"); !fault.Is(err, fault.NotFound) {
			t.Errorf("another organisation reads it: %v", err)
		}
		list, err := h.Secrets(ctx, owner)
		must(err)
		if len(list) != 1 || list[0].Name != "status-page" || list[0].By != "Ana" {
			t.Errorf("%+v", list)
		}
		var sealed string
		must(h.db.QueryRow(ctx, `SELECT sealed FROM auth_secrets`).Scan(&sealed))
		if strings.Contains(sealed, "tok") {
			t.Errorf("it lies open: %s", sealed)
		}
		if _, n, err := h.RotateKey(ctx, owner); err != nil || n == 0 {
			t.Errorf("%d sealed anew: %v", n, err)
		}
		if v, err := h.Secret(ctx, HomeID, "status-page"); err != nil || v != "tok-2" {
			t.Errorf("after another key: %q %v", v, err)
		}
		member := Principal{Account: "x", Org: HomeID, Role: RoleMember}
		for name, err := range map[string]error{"set": h.SetSecret(ctx, member, "a", "b"), "delete": h.DeleteSecret(ctx, member, "status-page")} {
			if !fault.Is(err, fault.Forbidden) {
				t.Errorf("a member may %s: %v", name, err)
			}
		}
		for _, bad := range [][2]string{{"", "x"}, {"Status", "x"}, {"a b", "x"}, {"a", ""}, {"a", "x\ny"}, {"a", strings.Repeat("x", maxSecret+1)}} {
			if err := h.SetSecret(ctx, owner, bad[0], bad[1]); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q is taken: %v", bad, err)
			}
		}
		must(h.DeleteSecret(ctx, owner, "status-page"))
		if err := h.DeleteSecret(ctx, owner, "status-page"); !fault.Is(err, fault.NotFound) {
			t.Errorf("deleted twice: %v", err)
		}
	})
}
