package auth

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

const (
	ssoTerm       = 10 * time.Minute // for signing in at the provider
	discoveryTerm = time.Hour        // what discovery found is used for so long
)

// discovery keeps what the providers' addresses said.
type discovery struct {
	mu    sync.Mutex
	found map[string]*discovered // by issuer
}

type discovered struct {
	provider *oidc.Provider
	at       time.Time
}

// discover returns the provider at an issuer's address, asking at most once an
// hour.
func (s *Service) discover(ctx context.Context, issuer string) (*oidc.Provider, error) {
	s.discovery.mu.Lock()
	d := s.discovery.found[issuer]
	s.discovery.mu.Unlock()
	if d != nil && s.now().Sub(d.at) < discoveryTerm {
		return d.provider, nil
	}
	// The provider keeps the context's client for fetching keys later on; go-oidc
	// itself lets go of the cancellation.
	p, err := oidc.NewProvider(s.clientContext(ctx), issuer)
	if err != nil {
		return nil, ssoFailed(err)
	}
	s.discovery.mu.Lock()
	defer s.discovery.mu.Unlock()
	s.discovery.found[issuer] = &discovered{p, s.now()}
	return p, nil
}

// clientContext makes go-oidc and oauth2 use the guarded client.
func (s *Service) clientContext(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, s.client)
}

func ssoFailed(cause error) *fault.Error {
	err := refuse(fault.Unavailable, "sso-failed", "The single sign-on provider did not answer as it should. Try again.", "El proveedor de inicio de sesión único no respondió como debía. Inténtalo de nuevo.")
	err.Err = errors.Join(err.Err, cause)
	return err
}

// ssoRefused is for an answer that must not let anybody in.
func ssoRefused(cause error) *fault.Error {
	err := refuse(fault.Unauthenticated, "sso-refused", "The single sign-on was not accepted. Start again.", "El inicio de sesión único no se ha aceptado. Empieza de nuevo.")
	err.Err = errors.Join(err.Err, cause)
	return err
}

// SSOStart is where to send the browser, and the secret to put into a short
// cookie: the answer counts only in the browser that has it.
type SSOStart struct {
	URL  string
	Flow string
}

// ssoFlow is what is kept between leaving for the provider and coming back.
type ssoFlow struct {
	Provider, State, Nonce, Verifier, Redirect, Next string
}

// StartSSO begins a sign-in with a provider. redirect is this installation's
// own address that the provider sends the browser back to, and next a path of
// this site to go to afterwards.
func (s *Service) StartSSO(ctx context.Context, provider, redirect, next string) (SSOStart, error) {
	return s.startSSO(ctx, provider, "", redirect, next)
}

// StartSSOLink begins the linking of p's own account with a provider of p's
// organisation, so that p can sign in by it from then on.
func (s *Service) StartSSOLink(ctx context.Context, p Principal, provider, redirect, next string) (SSOStart, error) {
	if err := p.canManageCredentials(); err != nil {
		return SSOStart{}, err
	}
	v, err := s.provider(ctx, provider)
	if err != nil {
		return SSOStart{}, err
	}
	if v.org != p.Org {
		return SSOStart{}, noProvider()
	}
	return s.startSSO(ctx, provider, p.Account, redirect, next)
}

func (s *Service) startSSO(ctx context.Context, provider, account, redirect, next string) (SSOStart, error) {
	if s.client == nil {
		return SSOStart{}, noProvider()
	}
	v, err := s.provider(ctx, provider)
	if err != nil {
		return SSOStart{}, err
	}
	config, _, err := s.oauth(ctx, v, redirect)
	if err != nil {
		return SSOStart{}, err
	}
	f := ssoFlow{Provider: provider, State: newSecret(), Nonce: newSecret(), Verifier: oauth2.GenerateVerifier(), Redirect: redirect, Next: next}
	data, err := json.Marshal(f)
	if err != nil {
		return SSOStart{}, err
	}
	flow, err := s.newChallenge(ctx, s.db, challengeSSO, account, string(data), ssoTerm)
	to := config.AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier))
	return SSOStart{URL: to, Flow: flow}, err
}

func (s *Service) oauth(ctx context.Context, v providerRow, redirect string) (*oauth2.Config, *oidc.Provider, error) {
	p, err := s.discover(ctx, v.Issuer)
	if err != nil {
		return nil, nil, err
	}
	secret, err := s.unseal(ctx, v.sealed, secretContext(v.ID))
	if err != nil {
		return nil, nil, err
	}
	scopes := append([]string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail}, v.Scopes...)
	return &oauth2.Config{ClientID: v.ClientID, ClientSecret: string(secret), Endpoint: p.Endpoint(), RedirectURL: redirect, Scopes: scopes}, p, nil
}

// person is what a provider says of somebody.
type person struct {
	issuer, subject, email, name string
	verified                     bool // the provider vouches for the address
	claims                       map[string]any
}

// FinishSSO takes the provider's answer (the query of the address the browser
// came back to) with the flow from the cookie. It signs somebody in, or, for a
// flow of StartSSOLink, links the account of p and returns no session.
func (s *Service) FinishSSO(ctx context.Context, p Principal, flow string, answer url.Values, v Visitor) (Step, error) {
	stranger := record(HomeID, "", "", "sign-in", "", v, map[string]any{"method": "sso"})
	step, err := s.finishSSO(ctx, p, flow, answer, v, stranger)
	var why *fault.Error
	if errors.As(err, &why) && (why.Kind == fault.Unauthenticated || why.Kind == fault.Forbidden) {
		return Step{}, s.refuseSignIn(ctx, stranger, why)
	}
	return step, err
}

func (s *Service) finishSSO(ctx context.Context, p Principal, flow string, answer url.Values, v Visitor, attempt *audit.Record) (Step, error) {
	var c challenge
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) (err error) {
		c, err = s.takeChallenge(ctx, tx, challengeSSO, flow)
		return err
	})
	if err != nil {
		return Step{}, err
	}
	var f ssoFlow
	if err := json.Unmarshal([]byte(c.data), &f); err != nil {
		return Step{}, err
	}
	if subtle.ConstantTimeCompare([]byte(f.State), []byte(answer.Get("state"))) != 1 {
		return Step{}, ssoRefused(errors.New("the state is not the one sent"))
	}
	provider, err := s.provider(ctx, f.Provider)
	if err != nil {
		return Step{}, err
	}
	attempt.Org, attempt.Detail = provider.org, record("", "", "", "", "", v, map[string]any{"method": "sso", "provider": provider.ID}).Detail
	who, err := s.identify(ctx, provider, f, answer)
	if err != nil {
		return Step{}, err
	}
	if c.account != "" {
		return Step{Next: f.Next}, s.linkIdentity(ctx, p, c.account, provider, who)
	}
	n, err := s.enterBySSO(ctx, provider, who, v)
	if err != nil {
		return Step{}, err
	}
	return Step{Session: &n, Next: f.Next}, nil
}

// identify exchanges the code and verifies what the provider says. OpenID
// Connect Core 1.0, sections 3.1.3.7 and 5.3.2; RFC 9207 for iss.
func (s *Service) identify(ctx context.Context, v providerRow, f ssoFlow, answer url.Values) (person, error) {
	if e := answer.Get("error"); e != "" {
		return person{}, ssoRefused(errors.New("the provider answered " + clip(e, 100)))
	}
	if iss := answer.Get("iss"); iss != "" && iss != v.Issuer {
		return person{}, ssoRefused(errors.New("the answer names another issuer"))
	}
	config, provider, err := s.oauth(ctx, v, f.Redirect)
	if err != nil {
		return person{}, err
	}
	ctx = s.clientContext(ctx)
	token, err := config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return person{}, ssoRefused(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: v.ClientID, Now: s.now}).Verify(ctx, raw)
	if err != nil {
		return person{}, ssoRefused(err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.Nonce)) != 1 {
		return person{}, ssoRefused(errors.New("the nonce is not the one sent"))
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return person{}, ssoRefused(err)
		}
	}
	return claimsOf(ctx, v, provider, token, id)
}

// claimsOf reads the claims of the ID token, and those of the userinfo endpoint
// where something is missing.
func claimsOf(ctx context.Context, v providerRow, provider *oidc.Provider, token *oauth2.Token, id *oidc.IDToken) (person, error) {
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return person{}, ssoRefused(err)
	}
	if (claims["email"] == nil || v.RoleClaim != "" && claimAt(claims, v.RoleClaim) == nil) && provider.UserInfoEndpoint() != "" {
		info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return person{}, ssoFailed(err)
		}
		if info.Subject != id.Subject {
			return person{}, ssoRefused(errors.New("userinfo is about somebody else"))
		}
		more := map[string]any{}
		if err := info.Claims(&more); err != nil {
			return person{}, ssoRefused(err)
		}
		for k, value := range more {
			if _, there := claims[k]; !there {
				claims[k] = value
			}
		}
	}
	p := person{issuer: id.Issuer, subject: id.Subject, claims: claims}
	p.email, _ = claims["email"].(string)
	p.name, _ = claims["name"].(string)
	p.verified = claims["email_verified"] == true || claims["email_verified"] == "true"
	return p, nil
}

// claimAt returns a claim by its name, or by a path of names with points
// between, as "realm_access.roles"; nil when there is none.
func claimAt(claims map[string]any, path string) any {
	if value, ok := claims[path]; ok {
		return value
	}
	first, rest, ok := strings.Cut(path, ".")
	inner, isMap := claims[first].(map[string]any)
	if !ok || !isMap {
		return nil
	}
	return claimAt(inner, rest)
}

// role returns the role the claims give; "" refuses.
func (v *Provider) role(claims map[string]any) Role {
	var values []string
	switch c := claimAt(claims, v.RoleClaim).(type) {
	case string:
		values = []string{c}
	case []any:
		for _, x := range c {
			if text, ok := x.(string); ok {
				values = append(values, text)
			}
		}
	}
	for _, i := range Roles { // the widest first
		if slices.ContainsFunc(values, func(x string) bool { return v.Roles[x] == i.Role }) {
			return i.Role
		}
	}
	return v.DefaultRole
}

// admits reports whether the provider's word about an address is taken: it is
// verified, and of an allowed domain.
func (v *Provider) admits(p person) (string, bool) {
	email, ok := FoldEmail(p.email)
	_, domain, _ := strings.Cut(email, "@")
	return email, ok && p.verified && (len(v.Domains) == 0 || slices.Contains(v.Domains, domain))
}

// enterBySSO finds or makes the account of somebody and begins a session in the
// provider's organisation. Only the home organisation's provider is trusted
// beyond its own.
func (s *Service) enterBySSO(ctx context.Context, v providerRow, who person, visitor Visitor) (NewSession, error) {
	org, err := s.Org(ctx, v.org)
	if err != nil {
		return NewSession{}, err
	}
	role := v.role(who.claims)
	if role == "" {
		return NewSession{}, refuse(fault.Forbidden, "sso-no-role", "{0} gives you no role here.", "{0} no te da ninguna función aquí.", v.Title).WithHint("ask an owner")
	}
	var n NewSession
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		a, err := s.findBySSO(ctx, tx, v, who, role, visitor)
		if err != nil {
			return err
		}
		if a.disabled {
			return ssoRefused(errors.New("the account is disabled"))
		}
		if err := s.syncRole(ctx, tx, v, a, role, visitor); err != nil {
			return err
		}
		n, err = s.begin(ctx, tx, a, v.org, !org.Home, "sso", visitor)
		return err
	})
	return n, err
}

// findBySSO returns the account linked to an identity; or links the one with
// the verified address, when it belongs to this organisation and no other; or
// makes one.
func (s *Service) findBySSO(ctx context.Context, tx *sqldb.Tx, v providerRow, who person, role Role, visitor Visitor) (account, error) {
	var id string
	err := tx.QueryRow(ctx, `SELECT account FROM auth_identities WHERE provider = ? AND issuer = ? AND subject = ?`, v.ID, who.issuer, who.subject).Scan(&id)
	if err == nil {
		return accountBy(ctx, tx, "id", id)
	}
	if !errors.Is(err, sqldb.ErrNoRows) {
		return account{}, err
	}
	email, ok := v.admits(who)
	if !ok {
		return account{}, refuse(fault.Forbidden, "sso-address", "{0} does not vouch for an address that may come in here.", "{0} no avala una dirección que pueda entrar aquí.", v.Title)
	}
	a, err := accountBy(ctx, tx, "email", email)
	switch {
	case fault.Is(err, fault.NotFound):
		return s.createBySSO(ctx, tx, v, who, email, role, visitor)
	case err != nil:
		return account{}, err
	}
	all, err := s.memberships(ctx, tx, a.id)
	if err != nil {
		return account{}, err
	}
	if len(all) != 1 || all[0].Org != v.org {
		return account{}, refuse(fault.Forbidden, "sso-link-first", "There is an account with your address; sign in to it another way and link it to {0} on your account page.", "Ya hay una cuenta con tu dirección; entra de otra forma y vincúlala con {0} en la página de tu cuenta.", v.Title)
	}
	return a, s.insertIdentity(ctx, tx, v, who, a, visitor)
}

func (s *Service) createBySSO(ctx context.Context, tx *sqldb.Tx, v providerRow, who person, email string, role Role, visitor Visitor) (account, error) {
	if !v.AutoCreate {
		return account{}, refuse(fault.Forbidden, "sso-unknown", "There is no account with your address here.", "Aquí no hay ninguna cuenta con tu dirección.").WithHint("ask an owner for an invitation")
	}
	name, err := checkName(who.name)
	if err != nil {
		name = email
	}
	a := account{id: newID(), email: email, name: name, handle: newSecret()}
	if err := s.insertAccount(ctx, tx, a); err != nil {
		return account{}, err
	}
	m := Membership{Account: a.id, Org: v.org, Role: role}
	if err := s.checkMembership(&m); err != nil {
		return account{}, err
	}
	if err := s.insertMembership(ctx, tx, m); err != nil {
		return account{}, err
	}
	if err := s.note(ctx, tx, record(v.org, a.id, a.name, "account.create", "account:"+a.id, visitor, map[string]any{"email": email, "role": role, "provider": v.ID})); err != nil {
		return account{}, err
	}
	return a, s.insertIdentity(ctx, tx, v, who, a, visitor)
}

func (s *Service) insertIdentity(ctx context.Context, tx *sqldb.Tx, v providerRow, who person, a account, visitor Visitor) error {
	_, err := tx.Exec(ctx, `INSERT INTO auth_identities (provider, issuer, subject, account, email, created) VALUES (?, ?, ?, ?, ?, ?)`,
		v.ID, who.issuer, who.subject, a.id, clip(who.email, 254), sqldb.Micros(s.now()))
	if sqldb.IsUnique(err) {
		return refuse(fault.Conflict, "identity-taken", "This sign-on is already linked to an account.", "Este inicio de sesión ya está vinculado a una cuenta.")
	}
	if err != nil {
		return err
	}
	return s.note(ctx, tx, record(v.org, a.id, a.name, "identity.link", "account:"+a.id, visitor, map[string]any{"provider": v.ID, "issuer": who.issuer}))
}

// syncRole gives a member the role the provider says, where it says one by a
// claim, and refuses who is no member now. Owners are named by hand alone.
func (s *Service) syncRole(ctx context.Context, tx *sqldb.Tx, v providerRow, a account, role Role, visitor Visitor) error {
	m, err := s.membership(ctx, tx, v.org, a.id)
	if fault.Is(err, fault.NotFound) || err == nil && !m.active(s.now()) {
		return refuse(fault.Forbidden, "no-membership", "Your account belongs to no organisation now.", "Tu cuenta no pertenece ahora a ninguna organización.").WithHint("ask an owner for an invitation")
	}
	if err != nil || v.RoleClaim == "" || m.Role == role || m.Role == RoleOwner || role == RoleOwner {
		return err
	}
	before := m
	m.Role, m.Expires = role, time.Time{}
	if err := s.checkMembership(&m); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE auth_memberships SET role = ?, expires = ? WHERE org = ? AND account = ?`, m.Role, sqldb.Micros(m.Expires), v.org, a.id); err != nil {
		return err
	}
	return s.note(ctx, tx, record(v.org, systemAccount, v.Title, "member.change", "account:"+a.id, visitor, map[string]any{"before": memberDetail(before), "after": memberDetail(m), "provider": v.ID}))
}

// linkIdentity links an identity to the account that asked for it, if it is
// still the one at the browser.
func (s *Service) linkIdentity(ctx context.Context, p Principal, account string, v providerRow, who person) error {
	if err := p.canManageCredentials(); err != nil {
		return err
	}
	if p.Account != account || p.Org != v.org {
		return stepExpired()
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		a, err := accountBy(ctx, tx, "id", account)
		if err != nil {
			return err
		}
		return s.insertIdentity(ctx, tx, v, who, a, p.visitor())
	})
}

// Identity is a link of an account to a provider's.
type Identity struct {
	Provider string
	Title    string
	Subject  string
	Email    string // as the provider gave it
	Created  time.Time
}

func (s *Service) identitiesOf(ctx context.Context, account string) ([]Identity, error) {
	return sqldb.All(ctx, s.db, func(r sqldb.Row) (i Identity, err error) {
		var created int64
		err = r.Scan(&i.Provider, &i.Title, &i.Subject, &i.Email, &created)
		i.Created = sqldb.Time(created)
		return i, err
	}, `SELECT i.provider, p.title, i.subject, i.email, i.created FROM auth_identities i
		JOIN auth_providers p ON p.id = i.provider WHERE i.account = ? ORDER BY lower(p.title), i.subject`, account)
}

// Unlink removes the link of p's account to a provider's identity. The last way
// in stays.
func (s *Service) Unlink(ctx context.Context, p Principal, provider, subject string) error {
	if err := p.canManageCredentials(); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := lockAccount(ctx, tx, p.Account); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `DELETE FROM auth_identities WHERE provider = ? AND subject = ? AND account = ?`, provider, subject, p.Account)
		if err := oneRow(res, err, noProvider); err != nil {
			return err
		}
		if err := s.keepsWayIn(ctx, tx, p.Account); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("identity.unlink", "account:"+p.Account, map[string]any{"provider": provider}))
	})
}
