package auth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/binnaclehq/binnacle/internal/fault"
)

const callback = origin + "/sign-in/sso"

// idp is zitadel's OpenID provider with its example storage, listening on this
// machine.
type idp struct {
	issuer string
	users  people
}

// people are the provider's accounts by user name; the password of all is
// "secret".
type people map[string]*storage.User

// GetUserByID finds somebody by the subject.
func (p people) GetUserByID(id string) *storage.User {
	for _, u := range p {
		if u.ID == id {
			return u
		}
	}
	return nil
}

// GetUserByUsername finds somebody by the name they sign in with.
func (p people) GetUserByUsername(name string) *storage.User { return p[name] }

// ExampleClientID is part of what the example storage wants.
func (p people) ExampleClientID() string { return "service" }

func newIDP(t *testing.T) *idp {
	server := httptest.NewUnstartedServer(nil)
	p := &idp{issuer: "http://" + server.Listener.Addr().String() + "/", users: people{}}
	clients := map[string]*storage.Client{"binnacle": storage.WebClient("binnacle", "client-secret", callback)}
	server.Config.Handler = exampleop.SetupServer(p.issuer, storage.NewStorageWithClients(p.users, clients), nil, false)
	server.Start()
	t.Cleanup(server.Close)
	return p
}

func (p *idp) add(name, email string, verified bool) {
	p.users[name] = &storage.User{ID: "id-" + name, Username: name, Password: "secret", FirstName: strings.ToUpper(name[:1]) + name[1:], LastName: "Test", Email: email, EmailVerified: verified}
}

// visit goes through the provider's pages as a browser does, and returns the
// query it sends the browser back with.
func (p *idp) visit(t *testing.T, start, name string) url.Values {
	t.Helper()
	var back *url.URL
	browser := &http.Client{CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback) {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, err := browser.Get(start)
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	if back == nil {
		id := page.Request.URL.Query().Get("authRequestID")
		page, err = browser.PostForm(page.Request.URL.String(), url.Values{"id": {id}, "username": {name}, "password": {"secret"}})
		if err != nil {
			t.Fatal(err)
		}
		page.Body.Close()
	}
	if back == nil {
		t.Fatalf("the provider did not send the browser back: %s %s", page.Status, page.Request.URL)
	}
	return back.Query()
}

// connect gives p's organisation the provider, changed by edit.
func (h *house) connect(p Principal, idp *idp, edit func(*Provider)) string {
	h.t.Helper()
	v := Provider{Title: "Example", Issuer: idp.issuer, ClientID: "binnacle", Secret: "client-secret", DefaultRole: RoleMember}
	if edit != nil {
		edit(&v)
	}
	id, err := h.SaveProvider(ctx, p, v)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// sso signs somebody in by a provider.
func (h *house) sso(idp *idp, provider, name string) (Step, error) {
	h.t.Helper()
	start, err := h.StartSSO(ctx, provider, callback, "/radar")
	if err != nil {
		h.t.Fatal(err)
	}
	return h.FinishSSO(ctx, Principal{}, start.Flow, idp.visit(h.t, start.URL, name), from("203.0.113.9"))
}

func TestSSOMakesAccounts(t *testing.T) {
	idp := newIDP(t)
	both(t, func(t *testing.T, h *house) {
		idp.add("ana", "Ana@Example.com", true)
		idp.add("bob", "bob@elsewhere.com", true)
		idp.add("eve", "eve@example.com", false)
		provider := h.connect(h.owner, idp, func(v *Provider) {
			v.AutoCreate, v.Domains, v.RoleClaim = true, []string{"@Example.com"}, "preferred_username"
			v.Roles = map[string]Role{"ana": RoleLead}
		})
		step, err := h.sso(idp, provider, "ana")
		if err != nil || step.Session == nil || step.Next != "/radar" {
			t.Fatalf("ana: %+v, %v", step, err)
		}
		p := step.Session.Principal
		if p.Email != "ana@example.com" || p.Name != "Ana Test" || p.Role != RoleLead || p.Org != HomeID || p.Pinned {
			t.Errorf("ana: %+v", p)
		}
		if got, want := h.last(HomeID, 3), "account.create ok; identity.link ok; sign-in ok"; got != want {
			t.Errorf("audit: %s\nwant:  %s", got, want)
		}
		again, err := h.sso(idp, provider, "ana")
		if err != nil || again.Session.Principal.Account != p.Account {
			t.Errorf("ana again: %+v, %v", again, err)
		}
		_, err = h.sso(idp, provider, "bob")
		h.want("of another domain", err, fault.Forbidden, "sso-address")
		_, err = h.sso(idp, provider, "eve")
		h.want("of an unverified address", err, fault.Forbidden, "sso-address")
		if got := h.last(HomeID, 1); got != "sign-in refused sso-address" {
			t.Errorf("audit: %s", got)
		}
		_, err = h.SignIn(ctx, "ana@example.com", "", from(""))
		h.want("an account of single sign-on has no password", err, fault.Unauthenticated, "wrong-password")
		me, err := h.Me(ctx, p)
		if err != nil || len(me.Identities) != 1 || me.Identities[0].Subject != "id-ana" || me.Password {
			t.Errorf("me: %+v, %v", me, err)
		}
		h.want("unlinking the only way in", h.Unlink(ctx, p, provider, "id-ana"), fault.Conflict, "last-way-in")
	})
}

func TestSSOSyncsRoles(t *testing.T) {
	idp := newIDP(t)
	both(t, func(t *testing.T, h *house) {
		idp.add("ana", "ana@example.com", true)
		idp.add("olga", "olga@example.org", true)
		edit := func(r Role, def Role) func(*Provider) {
			return func(v *Provider) {
				v.AutoCreate, v.RoleClaim, v.DefaultRole = true, "preferred_username", def
				v.Roles = map[string]Role{"ana": r, "olga": RoleMember}
			}
		}
		id := h.connect(h.owner, idp, edit(RoleLead, ""))
		change := func(r, def Role) {
			h.connect(h.owner, idp, func(v *Provider) { edit(r, def)(v); v.ID, v.Secret = id, "" })
		}
		role := func(name string) Role {
			t.Helper()
			step, err := h.sso(idp, id, name)
			if err != nil {
				t.Fatal(err)
			}
			return step.Session.Principal.Role
		}
		if got := role("ana"); got != RoleLead {
			t.Errorf("ana is %s", got)
		}
		change(RoleAuditor, "")
		step, err := h.sso(idp, id, "ana")
		if err != nil || step.Session.Principal.Role != RoleAuditor || step.Session.Principal.Expires.IsZero() {
			t.Errorf("ana: %+v, %v", step.Session, err)
		}
		if got := h.last(HomeID, 2); got != "member.change ok; sign-in ok" {
			t.Errorf("audit: %s", got)
		}
		change(RoleOwner, "")
		if got := role("ana"); got != RoleAuditor {
			t.Errorf("a claim made an owner of a member: %s", got)
		}
		if got := role("olga"); got != RoleOwner {
			t.Errorf("a claim took an owner's role: %s", got)
		}
		idp.add("zoe", "zoe@example.com", true)
		_, err = h.sso(idp, id, "zoe")
		h.want("no role", err, fault.Forbidden, "sso-no-role")
	})
}

func TestSSOAndExistingAccounts(t *testing.T) {
	idp := newIDP(t)
	both(t, func(t *testing.T, h *house) {
		acme := h.other("acme")
		mia := h.join(h.owner, "mia", RoleMember, time.Time{})
		idp.add("mia", mia.Email, false)
		provider := h.connect(h.owner, idp, nil)
		_, err := h.sso(idp, provider, "mia")
		h.want("an unverified address", err, fault.Forbidden, "sso-address")
		idp.users["mia"].EmailVerified = true
		step, err := h.sso(idp, provider, "mia")
		if err != nil || step.Session.Principal.Account != mia.Account {
			t.Fatalf("a verified address of a member: %+v, %v", step, err)
		}
		idp.users["mia"].Email, idp.users["mia"].EmailVerified = "changed@example.com", false
		if step, err := h.sso(idp, provider, "mia"); err != nil || step.Session.Principal.Account != mia.Account {
			t.Errorf("once linked, the subject counts: %+v, %v", step, err)
		}
		idp.add("new", "new@example.com", true)
		_, err = h.sso(idp, provider, "new")
		h.want("unknown, and accounts are not made", err, fault.Forbidden, "sso-unknown")

		// acme's provider says it is the home owner.
		idp.add("olga", "olga@example.org", true)
		evil := h.connect(acme, idp, func(v *Provider) { v.AutoCreate = true })
		_, err = h.sso(idp, evil, "olga")
		h.want("another organisation's provider takes an account", err, fault.Forbidden, "sso-link-first")

		if err := h.SetDisabled(ctx, h.owner, mia.Account, true); err != nil {
			t.Fatal(err)
		}
		_, err = h.sso(idp, provider, "mia")
		h.want("disabled", err, fault.Unauthenticated, "sso-refused")
		if err := h.SetDisabled(ctx, h.owner, mia.Account, false); err != nil {
			t.Fatal(err)
		}
		if err := h.RemoveMember(ctx, h.owner, mia.Account); err != nil {
			t.Fatal(err)
		}
		_, err = h.sso(idp, provider, "mia")
		h.want("removed", err, fault.Forbidden, "no-membership")
	})
}

// TestSSOIsPinned: the provider of an organisation that does not run the
// installation is trusted for that organisation alone.
func TestSSOIsPinned(t *testing.T) {
	idp := newIDP(t)
	both(t, func(t *testing.T, h *house) {
		acme := h.other("acme")
		v := h.join(acme, "vera", RoleVCISO, time.Time{})
		idp.add("vera", v.Email, true)
		provider := h.connect(acme, idp, nil)
		first, err := h.sso(idp, provider, "vera")
		if err != nil || !first.Session.Principal.Pinned {
			t.Fatalf("vera: %+v, %v", first, err)
		}
		link, _ := h.Invite(ctx, h.owner, Invitation{Email: v.Email, Role: RoleOwner})
		p := first.Session.Principal
		_, err = h.JoinByInvitation(ctx, p, link.Secret)
		h.want("joining", err, fault.Forbidden, "pinned")
		step, _ := h.SignIn(ctx, v.Email, password, from(""))
		if _, err := h.JoinByInvitation(ctx, step.Session.Principal, link.Secret); err != nil {
			t.Fatal(err)
		}
		_, err = h.Switch(ctx, p, HomeID)
		h.want("switching", err, fault.Forbidden, "pinned")
		_, err = h.BeginPasskey(ctx, p)
		h.want("adding a passkey", err, fault.Forbidden, "pinned")
		h.want("changing the password", h.ChangePassword(ctx, p, password, "another long one"), fault.Forbidden, "pinned")
		_, err = h.BeginTOTP(ctx, p)
		h.want("changing the factor", err, fault.Forbidden, "pinned")
		if orgs, err := h.Orgs(ctx, p); err != nil || len(orgs) != 1 || orgs[0].Org != "acme" {
			t.Errorf("organisations of a pinned session: %+v, %v", orgs, err)
		}
		again, err := h.sso(idp, provider, "vera")
		if err != nil || again.Session.Principal.Org != "acme" {
			t.Errorf("lands in %+v, %v", again, err)
		}
		if err := h.RemoveMember(ctx, acme, v.Account); err != nil {
			t.Fatal(err)
		}
		_, err = h.BySession(ctx, again.Session.Secret)
		h.want("a pinned session whose organisation is closed", err, fault.Unauthenticated, "session-ended")
	})
}

func TestSSOLink(t *testing.T) {
	idp := newIDP(t)
	both(t, func(t *testing.T, h *house) {
		idp.add("other-name", "private@example.com", false)
		provider := h.connect(h.owner, idp, nil)
		mia := h.join(h.owner, "mia", RoleMember, time.Time{})
		start, err := h.StartSSOLink(ctx, mia, provider, callback, "/account")
		if err != nil {
			t.Fatal(err)
		}
		answer := idp.visit(t, start.URL, "other-name")
		_, err = h.FinishSSO(ctx, h.owner, start.Flow, answer, from(""))
		h.want("finished by somebody else", err, fault.Unauthenticated, "step-expired")
		start, _ = h.StartSSOLink(ctx, mia, provider, callback, "/account")
		step, err := h.FinishSSO(ctx, mia, start.Flow, idp.visit(t, start.URL, "other-name"), from(""))
		if err != nil || step.Session != nil || step.Next != "/account" {
			t.Fatalf("link: %+v, %v", step, err)
		}
		in, err := h.sso(idp, provider, "other-name")
		if err != nil || in.Session.Principal.Account != mia.Account {
			t.Errorf("signed in: %+v, %v", in, err)
		}
		start, _ = h.StartSSOLink(ctx, h.owner, provider, callback, "/account")
		_, err = h.FinishSSO(ctx, h.owner, start.Flow, idp.visit(t, start.URL, "other-name"), from(""))
		h.want("an identity of somebody else", err, fault.Conflict, "identity-taken")
		if err := h.Unlink(ctx, mia, provider, "id-other-name"); err != nil {
			t.Fatal(err)
		}
		_, err = h.sso(idp, provider, "other-name")
		h.want("unlinked", err, fault.Forbidden, "sso-address")
	})
}

func TestSSOAnswerIsChecked(t *testing.T) {
	idp := newIDP(t)
	idp.add("ana", "ana@example.com", true)
	both(t, func(t *testing.T, h *house) {
		provider := h.connect(h.owner, idp, func(v *Provider) { v.AutoCreate = true })
		v := from("203.0.113.9")
		begin := func() (SSOStart, url.Values) {
			t.Helper()
			start, err := h.StartSSO(ctx, provider, callback, "/")
			if err != nil {
				t.Fatal(err)
			}
			return start, idp.visit(t, start.URL, "ana")
		}
		refused := func(what, flow string, answer url.Values, code string) {
			t.Helper()
			step, err := h.FinishSSO(ctx, Principal{}, flow, answer, v)
			h.want(what, err, fault.Unauthenticated, code)
			if step.Session != nil {
				t.Errorf("%s: let in", what)
			}
		}
		// bend changes what is kept of a flow, as if the provider had answered
		// to other values.
		bend := func(flow string, change func(*ssoFlow)) {
			t.Helper()
			var data string
			if err := h.db.QueryRow(ctx, `SELECT data FROM auth_challenges WHERE hash = ?`, digest(flow)).Scan(&data); err != nil {
				t.Fatal(err)
			}
			var f ssoFlow
			json.Unmarshal([]byte(data), &f)
			change(&f)
			text, _ := json.Marshal(f)
			h.db.Exec(ctx, `UPDATE auth_challenges SET data = ? WHERE hash = ?`, string(text), digest(flow))
		}
		start, answer := begin()
		for _, part := range []string{"code_challenge_method=S256", "code_challenge=", "nonce=", "state=", "response_type=code"} {
			if !strings.Contains(start.URL, part) {
				t.Errorf("%s is not in %s", part, start.URL)
			}
		}
		other, _ := begin()
		refused("another browser's answer", other.Flow, answer, "sso-refused")
		var kept ssoFlow
		bend(start.Flow, func(f *ssoFlow) { kept = *f })
		other, _ = begin()
		bend(other.Flow, func(f *ssoFlow) { f.Nonce, f.Verifier = kept.Nonce, kept.Verifier })
		refused("another state", other.Flow, answer, "sso-refused")
		start, answer = begin()
		refused("no cookie", "", answer, "step-expired")
		if _, err := h.FinishSSO(ctx, Principal{}, start.Flow, answer, v); err != nil {
			t.Fatal(err)
		}
		refused("the answer again", start.Flow, answer, "step-expired")

		again, _ := begin()
		bend(again.Flow, func(f *ssoFlow) { f.State = answer.Get("state") })
		refused("a code already used", again.Flow, answer, "sso-refused")

		start, answer = begin()
		bend(start.Flow, func(f *ssoFlow) { f.Nonce = "other" })
		refused("another nonce", start.Flow, answer, "sso-refused")
		start, answer = begin()
		bend(start.Flow, func(f *ssoFlow) { f.Verifier = strings.Repeat("x", 43) })
		refused("another code verifier", start.Flow, answer, "sso-refused")
		start, answer = begin()
		answer.Set("iss", "https://evil.example")
		refused("another issuer", start.Flow, answer, "sso-refused")
		start, answer = begin()
		answer.Set("error", "access_denied")
		refused("denied at the provider", start.Flow, answer, "sso-refused")
		start, answer = begin()
		h.pass(ssoTerm)
		refused("late", start.Flow, answer, "step-expired")
	})
}

func TestSSOSettings(t *testing.T) {
	idp := newIDP(t)
	idp.add("ana", "ana@example.com", true)
	both(t, func(t *testing.T, h *house) {
		cto := h.join(h.owner, "cto", RoleCTO, time.Time{})
		good := Provider{Title: "Example", Issuer: idp.issuer, ClientID: "binnacle", Secret: "client-secret", DefaultRole: RoleMember, AutoCreate: true}
		_, err := h.SaveProvider(ctx, cto, good)
		h.want("a CTO", err, fault.Forbidden, "role")
		for code, change := range map[string]func(*Provider){
			"title":        func(v *Provider) { v.Title = "" },
			"client-id":    func(v *Provider) { v.ClientID = " " },
			"role-unknown": func(v *Provider) { v.DefaultRole = RoleIngest },
			"issuer":       func(v *Provider) { v.Issuer = "http://idp.example" },
		} {
			v := good
			change(&v)
			_, err := h.SaveProvider(ctx, h.owner, v)
			h.want(code, err, fault.Invalid, code)
		}
		wrong := good
		wrong.Secret = "not it"
		id, err := h.SaveProvider(ctx, h.owner, wrong)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.sso(idp, id, "ana")
		h.want("a wrong client secret", err, fault.Unauthenticated, "sso-refused")
		good.ID = id
		if _, err := h.SaveProvider(ctx, h.owner, good); err != nil {
			t.Fatal(err)
		}
		if _, err := h.sso(idp, id, "ana"); err != nil {
			t.Errorf("the right secret: %v", err)
		}
		var sealed string
		h.db.QueryRow(ctx, `SELECT secret FROM auth_providers`).Scan(&sealed)
		if strings.Contains(sealed, "client-secret") || !strings.HasPrefix(sealed, "s1.") {
			t.Errorf("the secret is stored as %q", sealed)
		}
		buttons, err := h.SignInButtons(ctx, "")
		if err != nil || len(buttons) != 1 || buttons[0] != (Button{id, "Example"}) {
			t.Errorf("buttons: %+v, %v", buttons, err)
		}
		good.Disabled = true
		if _, err := h.SaveProvider(ctx, h.owner, good); err != nil {
			t.Fatal(err)
		}
		_, err = h.StartSSO(ctx, id, callback, "/")
		h.want("disabled", err, fault.NotFound, "no-provider")
		if list, err := h.Providers(ctx, h.owner); err != nil || len(list) != 1 || list[0].Secret != "" || !list[0].Disabled {
			t.Errorf("providers: %+v, %v", list, err)
		}
		if err := h.RemoveProvider(ctx, h.owner, id); err != nil {
			t.Fatal(err)
		}
		gone := good
		gone.ID, gone.Disabled, gone.Issuer = "", false, "http://127.0.0.1:1/"
		id, _ = h.SaveProvider(ctx, h.owner, gone)
		_, err = h.StartSSO(ctx, id, callback, "/")
		h.want("a provider that does not answer", err, fault.Unavailable, "sso-failed")
		h.client = nil
		_, err = h.StartSSO(ctx, id, callback, "/")
		h.want("single sign-on is off", err, fault.NotFound, "no-provider")
	})
}

func TestClaimRoles(t *testing.T) {
	v := Provider{RoleClaim: "realm_access.roles", Roles: map[string]Role{"eng": RoleMember, "boss": RoleCTO}, DefaultRole: RoleAuditor}
	for claims, want := range map[string]Role{
		`{"realm_access":{"roles":["eng","boss","x"]}}`: RoleCTO,
		`{"realm_access":{"roles":"eng"}}`:              RoleMember,
		`{"realm_access.roles":["boss"]}`:               RoleCTO,
		`{"realm_access":{"roles":[1,null,{}]}}`:        RoleAuditor,
		`{"realm_access":"boss"}`:                       RoleAuditor,
		`{}`:                                            RoleAuditor,
	} {
		var c map[string]any
		if err := json.Unmarshal([]byte(claims), &c); err != nil {
			t.Fatal(err)
		}
		if got := v.role(c); got != want {
			t.Errorf("%s: %s, want %s", claims, got, want)
		}
	}
	if got := fmt.Sprint((&Provider{}).role(map[string]any{"": "x"})); got != "" {
		t.Errorf("a provider without roles gives %q", got)
	}
}
