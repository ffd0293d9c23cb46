package auth

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

func TestLastOwnerStays(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		me := h.owner.Account
		demote := func() error { return h.SetMembership(ctx, h.owner, Membership{Account: me, Role: RoleMember}) }
		h.want("demote", demote(), fault.Conflict, "last-owner")
		h.want("leave", h.RemoveMember(ctx, h.owner, me), fault.Conflict, "last-owner")
		h.want("disable", h.SetDisabled(ctx, h.owner, me, true), fault.Conflict, "last-owner")
		h.want("with an end", h.SetMembership(ctx, h.owner, Membership{Account: me, Role: RoleOwner, Expires: h.time().Add(time.Hour)}), fault.Invalid, "owner-expires")

		second := h.join(h.owner, "second", RoleOwner, time.Time{})
		if err := h.SetDisabled(ctx, h.owner, second.Account, true); err != nil {
			t.Fatal(err)
		}
		h.want("the other owner is disabled", demote(), fault.Conflict, "last-owner")
		if err := h.SetDisabled(ctx, h.owner, second.Account, false); err != nil {
			t.Fatal(err)
		}
		if err := demote(); err != nil {
			t.Errorf("with a second owner: %v", err)
		}
		if got, want := h.last(HomeID, 3), "account.disable ok; account.enable ok; member.change ok"; got != want {
			t.Errorf("audit: %s\nwant:  %s", got, want)
		}
	})
}

// TestTwoOwnersLeaveAtOnce has two owners take each other's role away at the
// same moment, many times: one must stay.
func TestTwoOwnersLeaveAtOnce(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		a, b := h.owner, h.join(h.owner, "second", RoleOwner, time.Time{})
		for range 8 {
			errs := make(chan error, 2)
			for _, m := range []Principal{a, b} {
				go func() { errs <- h.RemoveMember(ctx, m, m.Account) }()
			}
			failed := 0
			for range 2 {
				if err := <-errs; err != nil {
					failed++
					h.want("the slower", err, fault.Conflict, "last-owner")
				}
			}
			var n int
			h.db.QueryRow(ctx, `SELECT count(*) FROM auth_memberships WHERE org = ? AND role = 'owner'`, HomeID).Scan(&n)
			if failed != 1 || n != 1 {
				t.Fatalf("%d refused, %d owners left; want one of each", failed, n)
			}
			for _, m := range []Principal{a, b} {
				h.db.Exec(ctx, `INSERT INTO auth_memberships (org, account, role, created) VALUES (?, ?, 'owner', 1) ON CONFLICT DO NOTHING`, HomeID, m.Account)
			}
		}
	})
}

// TestMembershipChangesWait: while one change of an organisation's memberships
// is under way, the next waits for it.
func TestMembershipChangesWait(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		second := h.join(h.owner, "second", RoleOwner, time.Time{})
		done := make(chan error, 1)
		err := h.db.Tx(ctx, func(tx *sqldb.Tx) error {
			if err := lockOrg(ctx, tx, HomeID); err != nil {
				return err
			}
			go func() { done <- h.RemoveMember(ctx, second, second.Account) }()
			select {
			case err := <-done:
				t.Error("a second change did not wait")
				done <- err
			case <-time.After(200 * time.Millisecond):
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestRolesGivenAndTaken(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		cto := h.join(h.owner, "cto", RoleCTO, time.Time{})
		member := h.join(cto, "member", RoleMember, time.Time{})
		set := func(p Principal, account string, r Role) error {
			return h.SetMembership(ctx, p, Membership{Account: account, Role: r})
		}
		h.want("CTO makes an owner", set(cto, member.Account, RoleOwner), fault.Forbidden, "role-above")
		h.want("CTO makes itself owner", set(cto, cto.Account, RoleOwner), fault.Forbidden, "role-above")
		h.want("CTO demotes an owner", set(cto, h.owner.Account, RoleMember), fault.Forbidden, "role-above")
		h.want("CTO removes an owner", h.RemoveMember(ctx, cto, h.owner.Account), fault.Forbidden, "role-above")
		h.want("CTO disables an owner", h.SetDisabled(ctx, cto, h.owner.Account, true), fault.Forbidden, "role-above")
		_, err := h.ResetLink(ctx, cto, h.owner.Account)
		h.want("CTO resets an owner", err, fault.Forbidden, "role-above")
		h.want("CTO clears an owner's factor", h.ResetFactor(ctx, cto, h.owner.Account), fault.Forbidden, "role-above")
		_, err = h.Invite(ctx, cto, Invitation{Email: "x@example.org", Role: RoleOwner})
		h.want("CTO invites an owner", err, fault.Forbidden, "role-above")
		_, err = h.Invite(ctx, h.owner, Invitation{Email: "x@example.org", Role: RoleIngest})
		h.want("inviting a machine", err, fault.Invalid, "role-unknown")
		if err := set(cto, member.Account, RoleLead); err != nil {
			t.Errorf("CTO makes a lead: %v", err)
		}
		for name, err := range map[string]error{
			"change": set(member, member.Account, RoleCTO), "remove": h.RemoveMember(ctx, member, cto.Account), "disable": h.SetDisabled(ctx, member, cto.Account, true),
		} {
			h.want("a member: "+name, err, fault.Forbidden, "role")
		}
		_, err = h.Members(ctx, member)
		h.want("a member lists", err, fault.Forbidden, "role")
		if err := h.RemoveMember(ctx, member, member.Account); err != nil {
			t.Errorf("a member leaves: %v", err)
		}
		people, err := h.Members(ctx, cto)
		if err != nil || len(people) != 2 || people[1].Email != "olga@example.org" || people[1].Role != RoleOwner || people[0].Role != RoleCTO {
			t.Errorf("members: %+v, %v", people, err)
		}
	})
}

func TestAccessEnds(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		auditor := h.join(h.owner, "auditor", RoleAuditor, time.Time{})
		if got, want := auditor.Expires, h.time().Add(AuditorTerm); !got.Equal(want) {
			t.Errorf("an auditor's access ends %v, want %v", got, want)
		}
		h.want("an end in the past", h.SetMembership(ctx, h.owner, Membership{Account: auditor.Account, Role: RoleAuditor, Expires: h.time()}), fault.Invalid, "expires-past")
		soon := h.time().Add(time.Hour)
		if err := h.SetMembership(ctx, h.owner, Membership{Account: auditor.Account, Role: RoleAuditor, Expires: soon, UserRef: "user:default/ada"}); err != nil {
			t.Fatal(err)
		}
		step, err := h.SignIn(ctx, auditor.Email, password, from(""))
		if err != nil {
			t.Fatal(err)
		}
		p := step.Session.Principal
		if p.UserRef != "user:default/ada" || !p.Expires.Equal(soon) || p.Can(Read, Resource{Room: Security}) != nil || p.Can(Write, Resource{Room: Security}) == nil {
			t.Errorf("auditor: %+v", p)
		}
		_, secret, err := h.CreateToken(ctx, p, NewToken{Name: "t", Scopes: []Scope{"read"}})
		if err != nil {
			t.Fatal(err)
		}
		if tp, err := h.ByToken(ctx, secret); err != nil || !tp.Expires.Equal(soon) {
			t.Errorf("a token ends with the access: %v, %v", tp.Expires, err)
		}
		h.pass(time.Hour)
		_, err = h.BySession(ctx, step.Session.Secret)
		h.want("session", err, fault.Unauthenticated, "membership-ended")
		_, err = h.ByToken(ctx, secret)
		h.want("token", err, fault.Unauthenticated, "bad-token")
		_, err = h.SignIn(ctx, auditor.Email, password, from(""))
		h.want("sign-in", err, fault.Forbidden, "no-membership")
		if got, want := h.last(HomeID, 1), "sign-in refused no-membership"; got != want {
			t.Errorf("audit: %s, want %s", got, want)
		}
	})
}

func TestSeveralOrganisations(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		acme := h.other("acme")
		v := h.join(h.owner, "vera", RoleVCISO, h.time().Add(48*time.Hour))
		step, _ := h.SignIn(ctx, v.Email, password, from(""))
		v = step.Session.Principal
		link, err := h.Invite(ctx, acme, Invitation{Email: v.Email, Role: RoleVCISO})
		if err != nil {
			t.Fatal(err)
		}
		w, err := h.PeekInvitation(ctx, link.Secret)
		if err != nil || !w.Known || w.OrgTitle != "ACME" || w.Email != v.Email || w.InvitedBy != "owner-of-acme" {
			t.Errorf("welcome: %+v, %v", w, err)
		}
		_, err = h.AcceptInvitation(ctx, link.Secret, "Thief", password, from(""))
		h.want("a link alone does not give somebody's account", err, fault.Conflict, "email-taken")
		_, err = h.JoinByInvitation(ctx, h.owner, link.Secret)
		h.want("another's invitation", err, fault.Forbidden, "invitation-other")
		p, err := h.JoinByInvitation(ctx, v, link.Secret)
		if err != nil || p.Org != "acme" || p.OrgTitle != "ACME" || p.Home || p.Role != RoleVCISO {
			t.Fatalf("joined: %+v, %v", p, err)
		}
		if p, err = h.BySession(ctx, step.Session.Secret); err != nil || p.Org != "acme" {
			t.Errorf("the session after joining: %+v, %v", p, err)
		}
		mine, err := h.Orgs(ctx, p)
		if err != nil || len(mine) != 2 || mine[0].Org != "acme" || mine[1].Org != HomeID {
			t.Errorf("organisations: %+v, %v", mine, err)
		}
		if p, err = h.Switch(ctx, p, HomeID); err != nil || p.Org != HomeID {
			t.Fatalf("switch: %+v, %v", p, err)
		}
		_, err = h.Switch(ctx, acme, HomeID)
		h.want("an organisation one does not belong to", err, fault.NotFound, "no-org")

		h.pass(48 * time.Hour)
		again, err := h.SignIn(ctx, v.Email, password, from(""))
		if err != nil || again.Session.Principal.Org != "acme" {
			t.Fatalf("landing where access has not ended: %+v, %v", again, err)
		}
		if _, err := h.Switch(ctx, again.Session.Principal, HomeID); !fault.Is(err, fault.NotFound) {
			t.Errorf("switching to where access has ended: %v", err)
		}
	})
}

// TestSessionMovesWhenAccessEnds: the session's organisation closes, and the
// person has another.
func TestSessionMovesWhenAccessEnds(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		acme := h.other("acme")
		v := h.join(acme, "vera", RoleVCISO, time.Time{})
		link, _ := h.Invite(ctx, h.owner, Invitation{Email: v.Email, Role: RoleVCISO, Expires: h.time().Add(time.Hour)})
		step, _ := h.SignIn(ctx, v.Email, password, from(""))
		if p, err := h.JoinByInvitation(ctx, step.Session.Principal, link.Secret); err != nil || p.Org != HomeID {
			t.Fatalf("joined %+v, %v", p, err)
		}
		h.pass(time.Hour)
		if p, err := h.BySession(ctx, step.Session.Secret); err != nil || p.Org != "acme" || !p.Expires.IsZero() {
			t.Errorf("moved to %+v, %v", p, err)
		}
		if p, err := h.BySession(ctx, step.Session.Secret); err != nil || p.Org != "acme" {
			t.Errorf("stays in %+v, %v", p, err)
		}
	})
}

func TestOrganisationsAreApart(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		acme := h.other("acme")
		mia := h.join(h.owner, "mia", RoleMember, time.Time{})
		_, _, err := h.CreateToken(ctx, mia, NewToken{Name: "mias", Scopes: []Scope{"read"}})
		if err != nil {
			t.Fatal(err)
		}
		tokens, _ := h.OrgTokens(ctx, h.owner)
		inv, _ := h.Invite(ctx, h.owner, Invitation{Email: "x@example.org", Role: RoleMember})
		prov, err := h.SaveProvider(ctx, h.owner, Provider{Title: "P", Issuer: "https://idp.example", ClientID: "c", DefaultRole: RoleMember})
		if err != nil {
			t.Fatal(err)
		}
		_, resetErr := h.ResetLink(ctx, acme, mia.Account)
		_, editErr := h.SaveProvider(ctx, acme, Provider{ID: prov, Title: "P", Issuer: "https://evil.example", ClientID: "c", DefaultRole: RoleMember})
		_, createErr := h.CreateOrg(ctx, acme, "more", "More")
		for _, tt := range []struct {
			what string
			err  error
			kind fault.Kind
			code string
		}{
			{"set role", h.SetMembership(ctx, acme, Membership{Account: mia.Account, Role: RoleOwner}), fault.NotFound, "no-account"},
			{"remove", h.RemoveMember(ctx, acme, mia.Account), fault.NotFound, "no-account"},
			{"disable", h.SetDisabled(ctx, acme, mia.Account, true), fault.NotFound, "no-account"},
			{"reset", resetErr, fault.NotFound, "no-account"},
			{"factor", h.ResetFactor(ctx, acme, mia.Account), fault.NotFound, "no-account"},
			{"revoke token", h.RevokeToken(ctx, acme, tokens[0].ID), fault.NotFound, "no-token"},
			{"revoke invitation", h.RevokeInvitation(ctx, acme, inv.ID), fault.NotFound, "no-invitation"},
			{"change provider", editErr, fault.NotFound, "no-provider"},
			{"remove provider", h.RemoveProvider(ctx, acme, prov), fault.NotFound, "no-provider"},
			{"make organisations", createErr, fault.Forbidden, "home-only"},
			{"link to provider", func() error { _, err := h.StartSSOLink(ctx, acme, prov, "x", ""); return err }(), fault.NotFound, "no-provider"},
		} {
			h.want(tt.what, tt.err, tt.kind, tt.code)
		}
		people, _ := h.Members(ctx, acme)
		theirTokens, _ := h.OrgTokens(ctx, acme)
		invited, _ := h.Invitations(ctx, acme)
		providers, _ := h.Providers(ctx, acme)
		if len(people) != 1 || len(theirTokens) != 0 || len(invited) != 0 || len(providers) != 0 {
			t.Errorf("acme sees %d people, %d tokens, %d invitations, %d providers", len(people), len(theirTokens), len(invited), len(providers))
		}
		for _, line := range h.log("acme") {
			if strings.Contains(line, "token") || strings.Contains(line, "provider.create") {
				t.Errorf("acme's audit log holds %s", line)
			}
		}
	})
}

// TestSharedAccountIsGovernedFromHome: an account of two organisations can be
// reset and disabled by the home owner alone, and both logs say so.
func TestSharedAccountIsGovernedFromHome(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		acme := h.other("acme")
		v := h.join(acme, "vera", RoleVCISO, time.Time{})
		link, _ := h.Invite(ctx, h.owner, Invitation{Email: v.Email, Role: RoleVCISO})
		step, _ := h.SignIn(ctx, v.Email, password, from(""))
		if _, err := h.JoinByInvitation(ctx, step.Session.Principal, link.Secret); err != nil {
			t.Fatal(err)
		}
		_, err := h.ResetLink(ctx, acme, v.Account)
		h.want("acme resets", err, fault.Forbidden, "account-elsewhere")
		h.want("acme disables", h.SetDisabled(ctx, acme, v.Account, true), fault.Forbidden, "account-elsewhere")
		if err := h.SetDisabled(ctx, h.owner, v.Account, true); err != nil {
			t.Fatal(err)
		}
		for _, org := range []string{HomeID, "acme"} {
			if got := h.last(org, 1); got != "account.disable ok" {
				t.Errorf("log of %s: %s", org, got)
			}
		}
		_, err = h.BySession(ctx, step.Session.Secret)
		h.want("session of a disabled account", err, fault.Unauthenticated, "session-ended")
		_, err = h.SignIn(ctx, v.Email, password, from(""))
		h.want("sign-in of a disabled account", err, fault.Unauthenticated, "wrong-password")
	})
}

func TestRemovedMemberIsOut(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		mia := h.join(h.owner, "mia", RoleMember, time.Time{})
		step, _ := h.SignIn(ctx, mia.Email, password, from(""))
		_, secret, err := h.CreateToken(ctx, mia, NewToken{Name: "t", Scopes: []Scope{"read"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.RemoveMember(ctx, h.owner, mia.Account); err != nil {
			t.Fatal(err)
		}
		_, err = h.BySession(ctx, step.Session.Secret)
		h.want("session", err, fault.Unauthenticated, "session-ended")
		_, err = h.ByToken(ctx, secret)
		h.want("token", err, fault.Unauthenticated, "bad-token")
		_, err = h.SignIn(ctx, mia.Email, password, from(""))
		h.want("sign-in", err, fault.Forbidden, "no-membership")
		acme := h.other("acme")
		_, err = h.ResetLink(ctx, acme, mia.Account)
		h.want("another organisation takes who belongs nowhere", err, fault.NotFound, "no-account")
		h.want("removing nobody", h.RemoveMember(ctx, h.owner, mia.Account), fault.NotFound, "no-account")
	})
}

func TestOrganisationsAreMadeAndNamed(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		for _, id := range []string{"", "Acme", "-a", "a b", strings.Repeat("a", 41)} {
			_, err := h.CreateOrg(ctx, h.owner, id, "X")
			h.want("id "+id, err, fault.Invalid, "org-id")
		}
		if _, err := h.CreateOrg(ctx, h.owner, "acme", "Acme"); err != nil {
			t.Fatal(err)
		}
		_, err := h.CreateOrg(ctx, h.owner, "acme", "Again")
		h.want("again", err, fault.Conflict, "org-taken")
		if err := h.RenameOrg(ctx, h.owner, "New Home"); err != nil {
			t.Fatal(err)
		}
		for _, zone := range []string{"Europe/Madrid", "UTC", "", " America/Lima "} {
			want := cmp.Or(strings.TrimSpace(zone), "UTC")
			if err := h.SetZone(ctx, h.owner, zone); err != nil {
				t.Fatal(err)
			}
			if got, err := Zone(ctx, h.db, h.owner.Org); err != nil || got.String() != want {
				t.Errorf("the zone after setting %q is %v, %v; want %s", zone, got, err, want)
			}
		}
		for _, zone := range []string{"Local", "Europe/Atlantis", "../etc/passwd"} {
			h.want(zone, h.SetZone(ctx, h.owner, zone), fault.Invalid, "zone")
		}
		h.want("a member", h.SetZone(ctx, Principal{Org: h.owner.Org, Role: RoleMember}, "UTC"), fault.Forbidden, "role")
		if org, err := h.Org(ctx, h.owner.Org); err != nil || org.Zone != "America/Lima" {
			t.Errorf("the organisation is %+v, %v", org, err)
		}
		all, err := h.AllOrgs(ctx)
		if err != nil || len(all) != 2 || all[0].Title != "New Home" || all[1].ID != "acme" {
			t.Errorf("organisations: %+v, %v", all, err)
		}
		if _, err := h.Org(ctx, "none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("no such organisation: %v", err)
		}
		p := Local("acme", "root", "cli")
		id, err := h.CreateAccount(ctx, p, NewAccount{Email: "al@example.org", Name: "Al", Password: password}, Membership{Role: RoleLead})
		if err != nil {
			t.Fatal(err)
		}
		if m, err := h.membership(ctx, h.db, "acme", id); err != nil || m.Role != RoleLead {
			t.Errorf("made by hand: %+v, %v", m, err)
		}
		_, err = h.CreateAccount(ctx, h.owner, NewAccount{Email: "bo@example.org", Name: "Bo"}, Membership{Role: RoleLead})
		h.want("an owner at the web", err, fault.Forbidden, "local-only")
	})
}

func TestInvitations(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		invite := func() Link {
			t.Helper()
			l, err := h.Invite(ctx, h.owner, Invitation{Email: "New@example.org", Name: "New", Role: RoleMember, UserRef: "user:default/new"})
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		first, second := invite(), invite()
		_, err := h.PeekInvitation(ctx, first.Secret)
		h.want("voided by the second", err, fault.Unauthenticated, "bad-link")
		if list, _ := h.Invitations(ctx, h.owner); len(list) != 1 || list[0].ID != second.ID || list[0].InvitedBy != "Olga Owner" || !list[0].ValidUntil.Equal(h.time().Add(InviteTerm)) {
			t.Errorf("invitations: %+v", list)
		}
		if err := h.RevokeInvitation(ctx, h.owner, second.ID); err != nil {
			t.Fatal(err)
		}
		_, err = h.AcceptInvitation(ctx, second.Secret, "New", password, from(""))
		h.want("revoked", err, fault.Unauthenticated, "bad-link")
		late := invite()
		h.pass(InviteTerm)
		_, err = h.AcceptInvitation(ctx, late.Secret, "New", password, from(""))
		h.want("late", err, fault.Unauthenticated, "bad-link")

		link := invite()
		_, err = h.AcceptInvitation(ctx, link.Secret, "New", "", from(""))
		h.want("no password", err, fault.Invalid, "password-short")
		const racers = 6
		errs := make(chan error, racers)
		for range racers {
			go func() {
				_, err := h.AcceptInvitation(ctx, link.Secret, "New", password, from(""))
				errs <- err
			}()
		}
		won := 0
		for range racers {
			if err := <-errs; err == nil {
				won++
			} else if !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("a loser of the race: %v", err)
			}
		}
		if people, _ := h.Members(ctx, h.owner); won != 1 || len(people) != 2 || people[0].UserRef != "user:default/new" || people[0].Email != "new@example.org" {
			t.Errorf("%d won; members %+v", won, people)
		}
		_, err = h.Invite(ctx, h.owner, Invitation{Email: "new@example.org", Role: RoleMember})
		h.want("inviting a member", err, fault.Conflict, "member-already")
		_, err = h.Invite(ctx, h.owner, Invitation{Email: "no address", Role: RoleMember})
		h.want("no address", err, fault.Invalid, "email")
	})
}

func TestSignInLink(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		local := Local(HomeID, "console", "cli")
		_, err := h.SignInLink(ctx, h.owner, "olga@example.org", time.Minute)
		h.want("an owner at the web", err, fault.Forbidden, "local-only")
		_, err = h.SignInLink(ctx, Principal{Account: systemAccount}, "olga@example.org", time.Minute)
		h.want("a name alone", err, fault.Forbidden, "local-only")
		link, err := h.SignInLink(ctx, local, "OLGA@example.org", 15*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		const racers = 6
		got := make(chan error, racers)
		for i := range racers {
			go func() {
				step, err := h.SignInByLink(ctx, link.Secret, from(fmt.Sprintf("203.0.113.%d", i)))
				if err == nil && step.Session == nil {
					err = fmt.Errorf("no session")
				}
				got <- err
			}()
		}
		won := 0
		for range racers {
			if err := <-got; err == nil {
				won++
			} else {
				h.want("used", err, fault.Unauthenticated, "bad-link")
			}
		}
		if won != 1 {
			t.Errorf("a link let %d in", won)
		}
		late, _ := h.SignInLink(ctx, local, "olga@example.org", 15*time.Minute)
		h.pass(15 * time.Minute)
		_, err = h.SignInByLink(ctx, late.Secret, from(""))
		h.want("late", err, fault.Unauthenticated, "bad-link")
		for range 30 {
			_, err = h.SignInByLink(ctx, newSecret(), from("198.51.100.99"))
		}
		h.want("guessing", err, fault.RateLimited, "too-many")
	})
}

func TestResetPassword(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		mia := h.join(h.owner, "mia", RoleMember, time.Time{})
		step, _ := h.SignIn(ctx, mia.Email, password, from(""))
		link, err := h.ResetLink(ctx, h.owner, mia.Account)
		if err != nil {
			t.Fatal(err)
		}
		other, _ := h.ResetLink(ctx, h.owner, mia.Account)
		if email, err := h.PeekReset(ctx, link.Secret); err != nil || email != mia.Email {
			t.Errorf("peek: %q, %v", email, err)
		}
		h.want("short", h.ResetPassword(ctx, link.Secret, "short", from("")), fault.Invalid, "password-short")
		if err := h.ResetPassword(ctx, link.Secret, "a brand new one", from("")); err != nil {
			t.Fatal(err)
		}
		h.want("twice", h.ResetPassword(ctx, link.Secret, "a brand new one", from("")), fault.Unauthenticated, "bad-link")
		h.want("the other link", h.ResetPassword(ctx, other.Secret, "a brand new one", from("")), fault.Unauthenticated, "bad-link")
		_, err = h.BySession(ctx, step.Session.Secret)
		h.want("the old session", err, fault.Unauthenticated, "session-ended")
		if _, err := h.SignIn(ctx, mia.Email, "a brand new one", from("")); err != nil {
			t.Error(err)
		}
		_, err = h.ResetLink(ctx, h.owner, "nobody")
		h.want("nobody", err, fault.NotFound, "no-account")
	})
}
