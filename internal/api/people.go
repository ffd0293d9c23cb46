package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// The shapes of people, tokens and organisations.

type organisation struct {
	ID      string    `json:"id"`
	Title   string    `json:"title"`
	Home    bool      `json:"home" doc:"It runs the installation."`
	Created time.Time `json:"created,omitzero"`
	Zone    string    `json:"zone,omitempty" doc:"The time zone in which it counts its days, as Europe/Madrid; UTC when it is not there."`
}

type newOrg struct {
	ID    string `json:"id" min:"1" max:"40" doc:"1 to 40 small letters, digits and hyphens."`
	Title string `json:"title" min:"1" max:"200"`
}

type orgChange struct {
	Title *string `json:"title,omitempty" min:"1" max:"200"`
	Zone  *string `json:"zone,omitempty" doc:"A time zone, as Europe/Madrid; empty for UTC."`
}

// identity is who asks.
type identity struct {
	Account      string       `json:"account" doc:"The id of the account; empty for a machine."`
	Name         string       `json:"name"`
	Email        string       `json:"email,omitempty"`
	Role         string       `json:"role"`
	RoleTitle    string       `json:"roleTitle"`
	Cap          string       `json:"cap,omitempty" doc:"Of a token: it may do no more than this role."`
	Organisation organisation `json:"organisation"`
	User         string       `json:"user,omitempty" doc:"The person in the catalog, as user:default/ana."`
	Scopes       []string     `json:"scopes,omitempty" doc:"Of a token."`
	Token        string       `json:"token,omitempty" doc:"The id of the token."`
	Session      string       `json:"session,omitempty" doc:"The id of the session."`
	Expires      time.Time    `json:"expires,omitzero" doc:"When this access ends."`
}

type membership struct {
	Organisation organisation `json:"organisation"`
	Role         string       `json:"role"`
	User         string       `json:"user,omitempty"`
	Expires      time.Time    `json:"expires,omitzero"`
	Current      bool         `json:"current" doc:"The one this request acts in."`
}

type orgList struct {
	Items []membership `json:"items"`
}

type account struct {
	ID           string            `json:"id"`
	Email        string            `json:"email"`
	Name         string            `json:"name"`
	Created      time.Time         `json:"created"`
	SignedIn     time.Time         `json:"signedIn,omitzero" doc:"The last sign-in."`
	Password     bool              `json:"password" doc:"One is set."`
	TOTP         bool              `json:"totp" doc:"A second factor is on."`
	RecoveryLeft int               `json:"recoveryLeft" doc:"Recovery codes not used yet."`
	Passkeys     int               `json:"passkeys"`
	Preferences  map[string]string `json:"preferences"`
}

type accountChange struct {
	Name        *string           `json:"name,omitempty" min:"1" max:"200"`
	Preferences map[string]string `json:"preferences,omitempty" doc:"Merged into what is there; an empty value removes one."`
}

type session struct {
	ID           string    `json:"id"`
	Organisation string    `json:"organisation"`
	Method       string    `json:"method" doc:"How it began, as password+totp or passkey."`
	IP           string    `json:"ip"`
	Agent        string    `json:"agent"`
	Created      time.Time `json:"created"`
	Seen         time.Time `json:"seen"`
	Expires      time.Time `json:"expires"`
	Current      bool      `json:"current"`
}

type sessionList struct {
	Items []session `json:"items"`
}

type ended struct {
	Ended int `json:"ended"`
}

type token struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Prefix    string    `json:"prefix" doc:"The first characters of the secret."`
	Account   string    `json:"account,omitempty" doc:"Whose rights it has; none for one that only writes events."`
	Owner     string    `json:"owner,omitempty"`
	Cap       string    `json:"cap,omitempty"`
	Scopes    []string  `json:"scopes"`
	CreatedBy string    `json:"createdBy"`
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires"`
	Used      time.Time `json:"used,omitzero" doc:"The last use, to the minute."`
}

type tokenList struct {
	Items []token `json:"items"`
}

type newToken struct {
	Name    string    `json:"name" min:"1" max:"200"`
	Scopes  []string  `json:"scopes" min:"1" doc:"As read, write:strategy, audit; at least one."`
	Cap     string    `json:"cap,omitempty" doc:"A role beyond which it may do nothing."`
	Expires time.Time `json:"expires,omitzero" doc:"After 90 days when it is not said; 366 at most."`
}

type newIngestToken struct {
	Name    string    `json:"name" min:"1" max:"200"`
	Expires time.Time `json:"expires,omitzero" doc:"After 90 days when it is not said; 366 at most."`
}

type tokenWithSecret struct {
	token
	Secret string `json:"secret"`
}

type member struct {
	Account  string    `json:"account"`
	Email    string    `json:"email"`
	Name     string    `json:"name"`
	Role     string    `json:"role"`
	User     string    `json:"user,omitempty"`
	Expires  time.Time `json:"expires,omitzero"`
	Disabled bool      `json:"disabled"`
	TOTP     bool      `json:"totp"`
	Passkeys int       `json:"passkeys"`
	Created  time.Time `json:"created"`
	SignedIn time.Time `json:"signedIn,omitzero"`
}

type memberList struct {
	Items []member `json:"items"`
}

type memberChange struct {
	Role    string    `json:"role" enum:"owner,cto,ciso,vciso,lead,member,auditor"`
	User    string    `json:"user,omitempty" doc:"The person in the catalog, as user:default/ana."`
	Expires time.Time `json:"expires,omitzero" doc:"An auditor's ends after 90 days when it is not said; others' never."`
}

type disabling struct {
	Disabled bool `json:"disabled"`
}

type link struct {
	ID      string    `json:"id"`
	Secret  string    `json:"secret"`
	Expires time.Time `json:"expires"`
}

type invitation struct {
	ID         string    `json:"id"`
	Email      string    `json:"email"`
	Name       string    `json:"name,omitempty"`
	Role       string    `json:"role"`
	User       string    `json:"user,omitempty"`
	Expires    time.Time `json:"expires,omitzero" doc:"End of the membership."`
	InvitedBy  string    `json:"invitedBy"`
	Created    time.Time `json:"created"`
	ValidUntil time.Time `json:"validUntil" doc:"Of the link."`
}

type invitationList struct {
	Items []invitation `json:"items"`
}

type newInvitation struct {
	Email   string    `json:"email" min:"3" max:"254"`
	Name    string    `json:"name,omitempty"`
	Role    string    `json:"role" enum:"owner,cto,ciso,vciso,lead,member,auditor"`
	User    string    `json:"user,omitempty"`
	Expires time.Time `json:"expires,omitzero" doc:"End of the membership."`
}

func (c *call) whoami() error {
	p := c.caller.Principal
	return c.send(http.StatusOK, identity{
		Account: p.Account, Name: p.Name, Email: p.Email, Role: string(p.Role), RoleTitle: p.Role.Info().Title.In(c.lang()), Cap: string(p.Cap),
		Organisation: organisation{ID: p.Org, Title: p.OrgTitle, Home: p.Home}, User: p.UserRef, Scopes: words(p.Scopes), Token: p.Token, Session: p.Session, Expires: p.Expires,
	})
}

func words(scopes []auth.Scope) []string {
	var out []string
	for _, s := range scopes {
		out = append(out, string(s))
	}
	return out
}

func (c *call) getAccount() error {
	me, err := c.Auth.Me(c.r.Context(), c.caller.Principal)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, account{ID: me.ID, Email: me.Email, Name: me.Name, Created: me.Created, SignedIn: me.SignedIn, Password: me.Password,
		TOTP: me.TOTP, RecoveryLeft: me.RecoveryLeft, Passkeys: len(me.Passkeys), Preferences: me.Preferences})
}

func (c *call) patchAccount() error {
	var in accountChange
	if err := c.into(&in); err != nil {
		return err
	}
	if in.Name != nil {
		if err := c.Auth.Rename(c.r.Context(), c.caller.Principal, *in.Name); err != nil {
			return err
		}
	}
	if len(in.Preferences) > 0 {
		if err := c.Auth.SetPreferences(c.r.Context(), c.caller.Principal, in.Preferences); err != nil {
			return err
		}
	}
	return c.getAccount()
}

func (c *call) listSessions() error {
	all, err := c.Auth.Sessions(c.r.Context(), c.caller.Principal)
	if err != nil {
		return err
	}
	out := sessionList{Items: []session{}}
	for _, s := range all {
		out.Items = append(out.Items, session{s.ID, s.OrgTitle, s.Method, s.IP, s.Agent, s.Created, s.Seen, s.Expires, s.Current})
	}
	return c.send(http.StatusOK, out)
}

func (c *call) endOtherSessions() error {
	n, err := c.Auth.EndOtherSessions(c.r.Context(), c.caller.Principal)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, ended{n})
}

// secretList are named secrets for other systems, without their values.
type secretList struct {
	Items []auth.Secret `json:"items"`
}

type secretValue struct {
	Value string `json:"value" doc:"One line; it is never shown again." max:"8192"`
}

func (c *call) listSecrets() error {
	all, err := c.Auth.Secrets(c.r.Context(), c.caller.Principal)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, secretList{orEmpty(all)})
}

func (c *call) putSecret() error {
	var in secretValue
	if err := c.into(&in); err != nil {
		return err
	}
	return c.nothing(c.Auth.SetSecret(c.r.Context(), c.caller.Principal, c.path("secret"), in.Value))
}

func (c *call) deleteSecret() error {
	return c.nothing(c.Auth.DeleteSecret(c.r.Context(), c.caller.Principal, c.path("secret")))
}

// nothing answers without a body.
func (c *call) nothing(err error) error {
	if err == nil {
		c.w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// id returns the id in the path. What cannot be one is not found.
func (c *call) id() (string, error) {
	id := c.path("id")
	bad := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	if len(id) > 64 || slices.ContainsFunc([]rune(id), bad) {
		return "", fault.New(fault.NotFound, "There is nothing with the id %q.", printable(id, 60))
	}
	return id, nil
}

func (c *call) endSession() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return c.nothing(c.Auth.EndSession(c.r.Context(), c.caller.Principal, id))
}

func tokenOf(t auth.Token) token {
	return token{t.ID, t.Name, t.Prefix, t.Account, t.Owner, string(t.Cap), orEmpty(words(t.Scopes)), t.CreatedBy, t.Created, t.Expires, t.Used}
}

func (c *call) sendTokens(all []auth.Token, err error) error {
	if err != nil {
		return err
	}
	out := tokenList{Items: []token{}}
	for _, t := range all {
		out.Items = append(out.Items, tokenOf(t))
	}
	return c.send(http.StatusOK, out)
}

func (c *call) listTokens() error {
	return c.sendTokens(c.Auth.Tokens(c.r.Context(), c.caller.Principal))
}

func (c *call) listOrgTokens() error {
	return c.sendTokens(c.Auth.OrgTokens(c.r.Context(), c.caller.Principal))
}

func (c *call) sendSecret(t auth.Token, secret string, err error) error {
	if err != nil {
		return err
	}
	return c.send(http.StatusCreated, tokenWithSecret{tokenOf(t), secret})
}

func (c *call) createToken() error {
	var in newToken
	if err := c.into(&in); err != nil {
		return err
	}
	n := auth.NewToken{Name: in.Name, Cap: auth.Role(in.Cap), Expires: in.Expires}
	if p := c.caller.Principal; p.Token != "" && in.Expires.IsZero() {
		n.Expires = p.Expires // a token's token lasts as long as itself
	}
	for _, s := range in.Scopes {
		n.Scopes = append(n.Scopes, auth.Scope(s))
	}
	return c.sendSecret(c.Auth.CreateToken(c.r.Context(), c.caller.Principal, n))
}

func (c *call) createIngestToken() error {
	var in newIngestToken
	if err := c.into(&in); err != nil {
		return err
	}
	return c.sendSecret(c.Auth.CreateIngestToken(c.r.Context(), c.caller.Principal, in.Name, in.Expires))
}

func (c *call) revokeToken() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return c.nothing(c.Auth.RevokeToken(c.r.Context(), c.caller.Principal, id))
}

func (c *call) listOrganisations() error {
	all, err := c.Auth.Orgs(c.r.Context(), c.caller.Principal)
	if err != nil {
		return err
	}
	out := orgList{Items: []membership{}}
	for _, m := range all {
		out.Items = append(out.Items, membership{organisation{ID: m.Org, Title: m.OrgTitle, Home: m.Home}, string(m.Role), m.UserRef, m.Expires, m.Org == c.caller.Org})
	}
	return c.send(http.StatusOK, out)
}

func memberOf(m auth.Member) member {
	return member{m.Account, m.Email, m.Name, string(m.Role), m.UserRef, m.Expires, m.Disabled, m.TOTP, m.Passkeys, m.Created, m.SignedIn}
}

func (c *call) listMembers() error {
	all, err := c.Auth.Members(c.r.Context(), c.caller.Principal)
	if err != nil {
		return err
	}
	out := memberList{Items: []member{}}
	for _, m := range all {
		out.Items = append(out.Items, memberOf(m))
	}
	return c.send(http.StatusOK, out)
}

func (c *call) putMember() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	var in memberChange
	if err := c.into(&in); err != nil {
		return err
	}
	ctx, p := c.r.Context(), c.caller.Principal
	if err := c.Auth.SetMembership(ctx, p, auth.Membership{Account: id, Role: auth.Role(in.Role), UserRef: in.User, Expires: in.Expires}); err != nil {
		return err
	}
	all, err := c.Auth.Members(ctx, p)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(m auth.Member) bool { return m.Account == id })
	if i < 0 {
		return fault.New(fault.NotFound, "There is no member with the id %q.", id)
	}
	return c.send(http.StatusOK, memberOf(all[i]))
}

func (c *call) removeMember() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return c.nothing(c.Auth.RemoveMember(c.r.Context(), c.caller.Principal, id))
}

func (c *call) setDisabled() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	var in disabling
	if err := c.into(&in); err != nil {
		return err
	}
	return c.nothing(c.Auth.SetDisabled(c.r.Context(), c.caller.Principal, id, in.Disabled))
}

func (c *call) resetFactor() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return c.nothing(c.Auth.ResetFactor(c.r.Context(), c.caller.Principal, id))
}

func (c *call) sendLink(l auth.Link, err error) error {
	if err != nil {
		return err
	}
	return c.send(http.StatusCreated, link{l.ID, l.Secret, l.Expires})
}

func (c *call) resetLink() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return c.sendLink(c.Auth.ResetLink(c.r.Context(), c.caller.Principal, id))
}

func (c *call) listInvitations() error {
	all, err := c.Auth.Invitations(c.r.Context(), c.caller.Principal)
	if err != nil {
		return err
	}
	out := invitationList{Items: []invitation{}}
	for _, i := range all {
		out.Items = append(out.Items, invitation{i.ID, i.Email, i.Name, string(i.Role), i.UserRef, i.Expires, i.InvitedBy, i.Created, i.ValidUntil})
	}
	return c.send(http.StatusOK, out)
}

func (c *call) invite() error {
	var in newInvitation
	if err := c.into(&in); err != nil {
		return err
	}
	return c.sendLink(c.Auth.Invite(c.r.Context(), c.caller.Principal, auth.Invitation{Email: in.Email, Name: in.Name, Role: auth.Role(in.Role), UserRef: in.User, Expires: in.Expires}))
}

func (c *call) revokeInvitation() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return c.nothing(c.Auth.RevokeInvitation(c.r.Context(), c.caller.Principal, id))
}

func (c *call) getOrganisation() error {
	o, err := c.Auth.Org(c.r.Context(), c.caller.Org)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, organisation{o.ID, o.Title, o.Home, o.Created, o.Zone})
}

func (c *call) patchOrganisation() error {
	var in orgChange
	if err := c.into(&in); err != nil {
		return err
	}
	if in.Title != nil {
		if err := c.Auth.RenameOrg(c.r.Context(), c.caller.Principal, *in.Title); err != nil {
			return err
		}
	}
	if in.Zone != nil {
		if err := c.Auth.SetZone(c.r.Context(), c.caller.Principal, *in.Zone); err != nil {
			return err
		}
	}
	return c.getOrganisation()
}

func (c *call) createOrganisation() error {
	var in newOrg
	if err := c.into(&in); err != nil {
		return err
	}
	o, err := c.Auth.CreateOrg(c.r.Context(), c.caller.Principal, in.ID, in.Title)
	if err != nil {
		return err
	}
	return c.send(http.StatusCreated, organisation{o.ID, o.Title, o.Home, o.Created, o.Zone})
}
