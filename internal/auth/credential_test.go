package auth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// enrol turns the second factor of p on and returns its secret and codes.
func (h *house) enrol(p Principal) (secret string, codes []string) {
	h.t.Helper()
	setup, err := h.BeginTOTP(ctx, p)
	if err != nil {
		h.t.Fatal(err)
	}
	codes, err = h.ConfirmTOTP(ctx, p, h.code(setup.Secret))
	if err != nil {
		h.t.Fatal(err)
	}
	return setup.Secret, codes
}

func (h *house) code(secret string) string {
	c, err := totp.GenerateCode(secret, h.time())
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func TestTOTP(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		setup, err := h.BeginTOTP(ctx, h.owner)
		if err != nil || !strings.HasPrefix(setup.URL, "otpauth://totp/Binnacle:olga@example.org?") {
			t.Fatalf("setup: %+v, %v", setup, err)
		}
		_, err = h.ConfirmTOTP(ctx, h.owner, "000000")
		h.want("confirming with a wrong code", err, fault.Invalid, "wrong-code")
		if step, err := h.SignIn(ctx, "olga@example.org", password, from("")); err != nil || step.Session == nil {
			t.Errorf("before it is confirmed: %+v, %v", step, err)
		}
		codes, err := h.ConfirmTOTP(ctx, h.owner, h.code(setup.Secret))
		if err != nil || len(codes) != recoveryCodes {
			t.Fatalf("confirm: %v, %v", codes, err)
		}
		first := func() string {
			t.Helper()
			step, err := h.SignIn(ctx, "olga@example.org", password, from(""))
			if err != nil || step.Session != nil || step.Factor == "" {
				t.Fatalf("the password alone: %+v, %v", step, err)
			}
			return step.Factor
		}
		_, err = h.SecondFactor(ctx, first(), h.code(setup.Secret), from(""))
		h.want("the code of the enrolment again", err, fault.Unauthenticated, "wrong-code")
		h.pass(totpPeriod * time.Second)
		pending := first()
		_, err = h.SecondFactor(ctx, pending, "123456", from(""))
		h.want("wrong", err, fault.Unauthenticated, "wrong-code")
		code := h.code(setup.Secret)
		step, err := h.SecondFactor(ctx, pending, code[:3]+" "+code[3:], from(""))
		if err != nil || step.Session == nil {
			t.Fatalf("right: %+v, %v", step, err)
		}
		if got := h.method(step.Session.Principal); got != "password+totp" {
			t.Errorf("method: %s", got)
		}
		_, err = h.SecondFactor(ctx, pending, code, from(""))
		h.want("the step again", err, fault.Unauthenticated, "step-expired")
		_, err = h.SecondFactor(ctx, first(), code, from(""))
		h.want("the code again", err, fault.Unauthenticated, "wrong-code")

		drift := func(d time.Duration) error {
			c, _ := totp.GenerateCode(setup.Secret, h.time().Add(d))
			_, err := h.SecondFactor(ctx, first(), c, from(""))
			return err
		}
		h.pass(10 * time.Minute)
		if err := drift(-totpPeriod * time.Second); err != nil {
			t.Errorf("a slow clock: %v", err)
		}
		h.pass(10 * time.Minute)
		if err := drift(totpPeriod * time.Second); err != nil {
			t.Errorf("a fast clock: %v", err)
		}
		h.pass(10 * time.Minute)
		h.want("two steps late", drift(-2*totpPeriod*time.Second), fault.Unauthenticated, "wrong-code")
		old := first()
		h.pass(factorTerm)
		_, err = h.SecondFactor(ctx, old, h.code(setup.Secret), from(""))
		h.want("too slow", err, fault.Unauthenticated, "step-expired")
		_, err = h.BeginTOTP(ctx, h.owner)
		h.want("a new one while it is on", err, fault.Conflict, "factor-on")
	})
}

func TestRecoveryCodes(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		secret, codes := h.enrol(h.owner)
		try := func(code string) error {
			step, err := h.SignIn(ctx, "olga@example.org", password, from(""))
			if err != nil {
				return err
			}
			_, err = h.SecondFactor(ctx, step.Factor, code, from(""))
			return err
		}
		if err := try(strings.ToLower(strings.ReplaceAll(codes[3], "-", " "))); err != nil {
			t.Errorf("a recovery code: %v", err)
		}
		h.want("the same again", try(codes[3]), fault.Unauthenticated, "wrong-code")
		mia := h.join(h.owner, "mia", RoleMember, time.Time{})
		_, others := h.enrol(mia)
		h.want("somebody else's", try(others[0]), fault.Unauthenticated, "wrong-code")
		if me, _ := h.Me(ctx, h.owner); me.RecoveryLeft != recoveryCodes-1 || !me.TOTP {
			t.Errorf("%d codes are left", me.RecoveryLeft)
		}
		h.pass(time.Minute)
		fresh, err := h.NewRecoveryCodes(ctx, h.owner, h.code(secret))
		if err != nil || len(fresh) != recoveryCodes {
			t.Fatal(err)
		}
		h.want("an old code", try(codes[4]), fault.Unauthenticated, "wrong-code")
		if err := try(fresh[0]); err != nil {
			t.Errorf("a new code: %v", err)
		}
		h.want("turning off with a wrong code", h.DisableTOTP(ctx, h.owner, "000000"), fault.Invalid, "wrong-code")
		if err := h.DisableTOTP(ctx, h.owner, fresh[1]); err != nil {
			t.Fatal(err)
		}
		if step, err := h.SignIn(ctx, "olga@example.org", password, from("")); err != nil || step.Session == nil {
			t.Errorf("after turning off: %+v, %v", step, err)
		}
		if err := h.ResetFactor(ctx, h.owner, mia.Account); err != nil {
			t.Fatal(err)
		}
		if step, err := h.SignIn(ctx, mia.Email, password, from("")); err != nil || step.Session == nil {
			t.Errorf("after an owner's reset: %+v, %v", step, err)
		}
	})
}

func TestFactorIsLimited(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		secret, _ := h.enrol(h.owner)
		step, err := h.SignIn(ctx, "olga@example.org", password, from(""))
		if err != nil {
			t.Fatal(err)
		}
		h.pass(time.Minute)
		for i := range 6 {
			_, err = h.SecondFactor(ctx, step.Factor, fmt.Sprintf("%06d", i), from(fmt.Sprintf("203.0.113.%d", i)))
			h.want("guess", err, fault.Unauthenticated, "wrong-code")
		}
		_, err = h.SecondFactor(ctx, step.Factor, h.code(secret), from("203.0.113.200"))
		h.want("the right code too early", err, fault.RateLimited, "too-many")
		if step, err := h.SignIn(ctx, "olga@example.org", password, from("")); err != nil {
			t.Errorf("the password still works: %+v, %v", step, err)
		}
		_, err = h.SecondFactor(ctx, step.Factor, h.code(secret), from("203.0.113.200"))
		h.want("the password does not clear the factor's limit", err, fault.RateLimited, "too-many")
		h.pass(time.Second)
		if _, err := h.SecondFactor(ctx, step.Factor, h.code(secret), from("203.0.113.200")); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

func TestLinkNeedsTheSecondFactorToo(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.enrol(h.owner)
		l, err := h.SignInLink(ctx, Local(HomeID, "console", "cli"), "olga@example.org", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if step, err := h.SignInByLink(ctx, l.Secret, from("")); err != nil || step.Session != nil || step.Factor == "" {
			t.Errorf("a link past the second factor: %+v, %v", step, err)
		}
	})
}

func TestTokens(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		mia := h.join(h.owner, "mia", RoleMember, time.Time{})
		tok, secret, err := h.CreateToken(ctx, mia, NewToken{Name: "CI", Scopes: []Scope{"write:strategy", "read", "read"}})
		if err != nil {
			t.Fatal(err)
		}
		if !WellFormedToken(secret) || len(secret) != 44 || !strings.HasPrefix(secret, tok.Prefix) || !tok.Expires.Equal(h.time().Add(TokenTerm)) {
			t.Errorf("token: %q %+v", secret, tok)
		}
		p, err := h.ByToken(ctx, secret)
		if err != nil || p.Account != mia.Account || p.Role != RoleMember || p.Token != tok.ID || p.Session != "" || fmt.Sprint(p.Scopes) != "[read write:strategy]" {
			t.Fatalf("principal: %+v, %v", p, err)
		}
		for want, err := range map[string]error{
			"":      p.Can(Write, Resource{Room: Strategy}),
			"scope": p.Can(Write, Resource{Room: Delivery}),
			"role":  p.Can(Write, Resource{Room: Security}),
		} {
			h.want("write "+want, err, fault.Forbidden, want)
		}
		_, _, err = h.CreateToken(ctx, p, NewToken{Name: "child", Scopes: []Scope{"read"}})
		h.want("a token without self makes another", err, fault.Forbidden, "scope")
		h.want("a token changes the password", h.ChangePassword(ctx, p, password, "another long one"), fault.Forbidden, "scope")

		last := secret[len(secret)-1:]
		other := "0"
		if last == other {
			other = "1"
		}
		_, err = h.ByToken(ctx, secret[:len(secret)-1]+other)
		h.want("mistyped", err, fault.Unauthenticated, "malformed-token")
		_, err = h.ByToken(ctx, newTokenSecret())
		h.want("unknown", err, fault.Unauthenticated, "bad-token")
		if list, err := h.Tokens(ctx, mia); err != nil || len(list) != 1 || list[0].Owner != "mia" || !list[0].Used.Equal(h.time()) {
			t.Errorf("tokens: %+v, %v", list, err)
		}
		if err := h.SetDisabled(ctx, h.owner, mia.Account, true); err != nil {
			t.Fatal(err)
		}
		_, err = h.ByToken(ctx, secret)
		h.want("of a disabled account", err, fault.Unauthenticated, "bad-token")
		if err := h.SetDisabled(ctx, h.owner, mia.Account, false); err != nil {
			t.Fatal(err)
		}
		lee := h.join(h.owner, "lee", RoleLead, time.Time{})
		h.want("revoking another's", h.RevokeToken(ctx, lee, tok.ID), fault.Forbidden, "role")
		if err := h.RevokeToken(ctx, mia, tok.ID); err != nil {
			t.Fatal(err)
		}
		_, err = h.ByToken(ctx, secret)
		h.want("revoked", err, fault.Unauthenticated, "bad-token")
		h.want("revoking twice", h.RevokeToken(ctx, mia, tok.ID), fault.NotFound, "no-token")

		_, secret, _ = h.CreateToken(ctx, mia, NewToken{Name: "short", Scopes: []Scope{"read"}, Expires: h.time().Add(time.Hour)})
		h.pass(time.Hour)
		_, err = h.ByToken(ctx, secret)
		h.want("expired", err, fault.Unauthenticated, "bad-token")
	})
}

func TestNewTokenIsChecked(t *testing.T) {
	h := newHouse(t, sqldbtest.SQLite(t, steps()))
	for code, n := range map[string]NewToken{
		"name":          {Scopes: []Scope{"read"}},
		"scopes-none":   {Name: "x"},
		"scope-unknown": {Name: "x", Scopes: []Scope{"read", "everything"}},
		"role-unknown":  {Name: "x", Scopes: []Scope{"read"}, Cap: "root"},
		"token-term":    {Name: "x", Scopes: []Scope{"read"}, Expires: h.time().Add(TokenMax + time.Hour)},
	} {
		_, _, err := h.CreateToken(ctx, h.owner, n)
		h.want(code, err, fault.Invalid, code)
	}
}

func TestTokenMakesNoWiderToken(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		ends := h.time().Add(24 * time.Hour)
		_, secret, err := h.CreateToken(ctx, h.owner, NewToken{Name: "parent", Scopes: []Scope{"self", "write:strategy"}, Expires: ends, Cap: RoleLead})
		if err != nil {
			t.Fatal(err)
		}
		p, err := h.ByToken(ctx, secret)
		if err != nil {
			t.Fatal(err)
		}
		for name, tt := range map[string]struct {
			n    NewToken
			code string
		}{
			"same":        {NewToken{Name: "c", Scopes: []Scope{"write:strategy"}, Cap: RoleLead, Expires: ends}, ""},
			"narrower":    {NewToken{Name: "c", Scopes: []Scope{"read:strategy"}, Cap: RoleLead, Expires: ends}, ""},
			"every room":  {NewToken{Name: "c", Scopes: []Scope{"write"}, Cap: RoleLead, Expires: ends}, "token-wider"},
			"other verb":  {NewToken{Name: "c", Scopes: []Scope{"delete:strategy"}, Cap: RoleLead, Expires: ends}, "token-wider"},
			"longer":      {NewToken{Name: "c", Scopes: []Scope{"read:strategy"}, Cap: RoleLead, Expires: ends.Add(1)}, "token-wider"},
			"default end": {NewToken{Name: "c", Scopes: []Scope{"read:strategy"}, Cap: RoleLead}, "token-wider"},
			"without cap": {NewToken{Name: "c", Scopes: []Scope{"read:strategy"}, Expires: ends}, "token-wider"},
		} {
			_, _, err := h.CreateToken(ctx, p, tt.n)
			h.want(name, err, fault.Forbidden, tt.code)
		}
	})
}

func TestIngestToken(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		ciso := h.join(h.owner, "ciso", RoleCISO, time.Time{})
		mia := h.join(h.owner, "mia", RoleMember, time.Time{})
		_, _, err := h.CreateIngestToken(ctx, mia, "fw", time.Time{})
		h.want("a member", err, fault.Forbidden, "role")
		_, secret, err := h.CreateIngestToken(ctx, ciso, "firewall", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.RemoveMember(ctx, h.owner, ciso.Account); err != nil {
			t.Fatal(err)
		}
		p, err := h.ByToken(ctx, secret)
		if err != nil || p.Role != RoleIngest || p.Account != "" || p.Name != "firewall" || p.Org != HomeID {
			t.Fatalf("it outlives who made it: %+v, %v", p, err)
		}
		for _, v := range Verbs {
			err := p.Can(v, Resource{Room: Security})
			if ok := v == Ingest || v == Public || v == Whoami; ok != (err == nil) {
				t.Errorf("an ingest token, %s: %v", v, err)
			}
		}
		if list, err := h.Tokens(ctx, p); err == nil {
			t.Errorf("an ingest token lists tokens: %v", list)
		}
		list, err := h.OrgTokens(ctx, h.owner)
		if err != nil || len(list) != 1 || list[0].CreatedBy != "ciso" {
			t.Errorf("tokens: %+v, %v", list, err)
		}
		if err := h.RevokeToken(ctx, h.owner, list[0].ID); err != nil {
			t.Error(err)
		}
	})
}

func TestTokenForAnother(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		local := Local(HomeID, "console", "cli")
		_, secret, err := h.CreateTokenFor(ctx, local, "olga@example.org", NewToken{Name: "x", Scopes: []Scope{"read"}})
		if err != nil {
			t.Fatal(err)
		}
		if p, err := h.ByToken(ctx, secret); err != nil || p.Account != h.owner.Account {
			t.Errorf("%+v, %v", p, err)
		}
		_, _, err = h.CreateTokenFor(ctx, h.owner, "olga@example.org", NewToken{Name: "x", Scopes: []Scope{"read"}})
		h.want("at the web", err, fault.Forbidden, "local-only")
		_, _, err = h.CreateToken(ctx, local, NewToken{Name: "x", Scopes: []Scope{"read"}})
		h.want("for no person", err, fault.Forbidden, "no-person")
	})
}

func FuzzWellFormedToken(f *testing.F) {
	f.Add(newTokenSecret())
	f.Add(TokenPrefix)
	f.Fuzz(func(t *testing.T, s string) {
		if WellFormedToken(s) && (len(s) != 44 || checksum62(s[4:38]) != s[38:]) {
			t.Errorf("%q is taken for a token", s)
		}
	})
}

func TestPHC(t *testing.T) {
	h := newHasher(quick, 1)
	encoded, err := h.hash(ctx, password)
	if err != nil {
		t.Fatal(err)
	}
	if ok, stale, err := h.verify(ctx, password, encoded); !ok || stale || err != nil {
		t.Errorf("verify: %v, %v, %v", ok, stale, err)
	}
	if ok, _, _ := h.verify(ctx, password+"x", encoded); ok {
		t.Error("another password is right")
	}
	composed, _ := h.hash(ctx, "contrase\u00f1a larga")
	if ok, _, _ := h.verify(ctx, "contrasen\u0303a larga", composed); !ok {
		t.Error("the same letters typed in two parts are another password")
	}
	for _, bad := range []string{"", "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$argon2id$v=16$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$c2hvcnQ"} {
		if _, _, err := h.verify(ctx, password, bad); err == nil {
			t.Errorf("%q parses", bad)
		}
	}
}

// TestArgon2Vector checks a hash of the reference implementation's own tests
// (phc-winner-argon2, src/test.c, argon2id).
func TestArgon2Vector(t *testing.T) {
	h := newHasher(quick, 1)
	ok, stale, err := h.verify(ctx, "password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if err != nil || !ok || !stale {
		t.Errorf("verify: %v, %v, %v", ok, stale, err)
	}
}

func TestHashingIsBounded(t *testing.T) {
	h := newHasher(quick, 1)
	h.slots <- struct{}{}
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if _, err := h.hash(short, password); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second hash did not wait: %v", err)
	}
	<-h.slots
	if _, err := h.hash(ctx, password); err != nil {
		t.Error(err)
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err != nil {
			return
		}
		again, err := parsePHC(p.String())
		if err != nil || again.params != p.params || string(again.sum) != string(p.sum) || string(again.salt) != string(p.salt) {
			t.Errorf("%q -> %q: %v", s, p, err)
		}
	})
}

func TestKeyring(t *testing.T) {
	sqldbtest.Run(t, steps(), testKeyring)
}

func TestEmailFolds(t *testing.T) {
	for in, want := range map[string]string{" Ana@Example.ORG ": "ana@example.org", "ａna@example.org": "ana@example.org"} {
		if got, ok := FoldEmail(in); !ok || got != want {
			t.Errorf("%q: %q, %v", in, got, ok)
		}
	}
	for _, bad := range []string{"", "ana", "Ana <ana@example.org>", "a@b@c", "ana@example.org, b@example.org", strings.Repeat("a", 250) + "@example.org"} {
		if got, ok := FoldEmail(bad); ok {
			t.Errorf("%q is taken for an address: %q", bad, got)
		}
	}
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
