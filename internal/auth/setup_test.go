package auth

import (
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// TestSetupLink: the first owner needs the link that was made last, which ends,
// works once, and is kept as a hash.
func TestSetupLink(t *testing.T) {
	sqldbtest.Run(t, steps(), func(t *testing.T, db *sqldb.DB) {
		h := emptyHouse(t, db)
		root := Local(HomeID, "root", "cli")
		n := NewAccount{"olga@example.org", "Olga", password}
		if _, err := h.SetupLink(ctx, Principal{Account: "a", Org: HomeID, Role: RoleOwner}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("not who holds the folder: %v", err)
		}
		link := func() string {
			l, err := h.SetupLink(ctx, root)
			if err != nil {
				t.Fatal(err)
			}
			return l.Secret
		}
		refuse := func(secret string, kind fault.Kind, what string) {
			t.Helper()
			if _, err := h.SetUpByLink(ctx, secret, n, "Home", from("192.0.2.9")); !fault.Is(err, kind) {
				t.Errorf("%s: %v", what, err)
			}
			if done, err := h.SetUp(ctx); err != nil || done {
				t.Fatalf("%s: there is an owner, %v", what, err)
			}
		}
		refuse("", fault.Unauthenticated, "no secret")
		old := link()
		h.pass(SetupTerm + time.Second)
		refuse(old, fault.Unauthenticated, "an old one")
		void := link()
		secret := link()
		refuse(void, fault.Unauthenticated, "one of an earlier start")
		if err := h.PeekSetup(ctx, void); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("a look with it: %v", err)
		}
		var kept int
		if err := db.QueryRow(ctx, `SELECT count(*) FROM auth_links WHERE hash = ?`, secret).Scan(&kept); err != nil || kept != 0 {
			t.Errorf("the secret itself is kept: %d, %v", kept, err)
		}
		n.Password = ""
		refuse(secret, fault.Invalid, "no password")
		n.Password = password
		if err := h.PeekSetup(ctx, secret); err != nil {
			t.Errorf("a mistake spends the link: %v", err)
		}
		// A reset link opens nothing here, nor a setup link elsewhere.
		if _, err := h.SignInByLink(ctx, secret, from("")); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("as a sign-in link: %v", err)
		}
		s, err := h.SetUpByLink(ctx, secret, n, "Home", from("192.0.2.9"))
		if err != nil || s.Principal.Role != RoleOwner || !s.Principal.Home {
			t.Fatalf("the link: %+v, %v", s.Principal, err)
		}
		if _, err := h.SetUpByLink(ctx, secret, NewAccount{"b@example.org", "B", password}, "Home", from("")); !fault.Is(err, fault.Conflict) {
			t.Errorf("again: %v", err)
		}
		if _, err := h.SetupLink(ctx, root); !fault.Is(err, fault.Conflict) {
			t.Errorf("a link when there is an owner: %v", err)
		}
	})
}
