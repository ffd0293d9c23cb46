package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Provider is an OpenID Connect provider that signs people in to one
// organisation.
type Provider struct {
	ID       string // "" makes a new one
	Title    string // on the button: "Sign in with Example"
	Issuer   string // the address that discovery starts from
	ClientID string
	Secret   string   // only when saving; "" keeps the one there is
	Scopes   []string // asked for beside openid, email and profile

	// RoleClaim names the claim (a text or a list of texts; a path, as
	// "realm_access.roles") that Roles maps to roles; of several the widest counts. Nobody becomes or stops being an
	// owner by it after their first sign-in.
	RoleClaim   string
	Roles       map[string]Role
	DefaultRole Role // of who has no mapped value; "" refuses them

	Domains    []string // of verified addresses that may come in; empty: any
	AutoCreate bool     // make accounts for people not known yet
	Disabled   bool
	Created    time.Time
}

func noProvider() error {
	return refuse(fault.NotFound, "no-provider", "There is no such single sign-on.", "Ese inicio de sesión único no existe.")
}

func (v *Provider) check() error {
	var err error
	if v.Title, err = checkTitle(v.Title); err != nil {
		return err
	}
	v.Issuer = strings.TrimSpace(v.Issuer)
	u, err := url.Parse(v.Issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return badField("issuer", "issuer", "The issuer must be an https address.", "El emisor debe ser una dirección https.")
	}
	if v.ClientID = strings.TrimSpace(v.ClientID); v.ClientID == "" {
		return badField("clientId", "client-id", "Write the client id the provider gave.", "Escribe el identificador de cliente que dio el proveedor.")
	}
	for _, role := range v.roles() {
		if !role.Valid() || role == RoleIngest {
			return badField("roles", "role-unknown", "{0} is not a role for people.", "{0} no es una función para personas.", role)
		}
	}
	for i, d := range v.Domains {
		v.Domains[i] = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(d), "@"))
	}
	return nil
}

func loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// roles lists every role the provider may give.
func (v *Provider) roles() []Role {
	var out []Role
	for _, r := range v.Roles {
		out = append(out, r)
	}
	if v.DefaultRole != "" {
		out = append(out, v.DefaultRole)
	}
	return out
}

func secretContext(id string) string { return "auth/provider/" + id }

// SaveProvider makes or changes a provider of p's organisation and returns its
// id.
func (s *Service) SaveProvider(ctx context.Context, p Principal, v Provider) (string, error) {
	if err := p.Can(Admin, Resource{Kind: KindProvider}); err != nil {
		return "", err
	}
	if err := v.check(); err != nil {
		return "", err
	}
	for _, role := range v.roles() {
		if err := p.gives(role); err != nil {
			return "", err
		}
	}
	made := v.ID == ""
	if made {
		v.ID = newID()
	}
	sealed, err := "", error(nil)
	if made || v.Secret != "" {
		if sealed, err = s.seal(ctx, []byte(v.Secret), secretContext(v.ID)); err != nil {
			return "", err
		}
	}
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		action := "provider.change"
		write := s.updateProvider
		if made {
			action, write = "provider.create", s.insertProvider
		}
		if err := write(ctx, tx, p.Org, v, sealed); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act(action, "provider:"+v.ID, map[string]any{"title": v.Title, "issuer": v.Issuer, "clientId": v.ClientID,
			"roleClaim": v.RoleClaim, "roles": v.Roles, "defaultRole": v.DefaultRole, "domains": v.Domains, "autoCreate": v.AutoCreate, "disabled": v.Disabled, "secretChanged": v.Secret != ""}))
	})
	return v.ID, err
}

func (s *Service) insertProvider(ctx context.Context, tx *sqldb.Tx, org string, v Provider, sealed string) error {
	_, err := tx.Exec(ctx, `INSERT INTO auth_providers (id, org, title, issuer, client, secret, created) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		v.ID, org, v.Title, v.Issuer, v.ClientID, sealed, sqldb.Micros(s.now()))
	if err != nil {
		return err
	}
	return s.updateProvider(ctx, tx, org, v, "")
}

func (s *Service) updateProvider(ctx context.Context, tx *sqldb.Tx, org string, v Provider, sealed string) error {
	roles, err := json.Marshal(v.Roles)
	if err != nil {
		return err
	}
	domains, err := json.Marshal(v.Domains)
	if err != nil {
		return err
	}
	scopes, err := json.Marshal(v.Scopes)
	if err != nil {
		return err
	}
	res, err := tx.Exec(ctx, `UPDATE auth_providers SET title = ?, issuer = ?, client = ?, scopes = ?, role_claim = ?, role_map = ?, default_role = ?, domains = ?, auto_create = ?, disabled = ? WHERE id = ? AND org = ?`,
		v.Title, v.Issuer, v.ClientID, string(scopes), v.RoleClaim, string(roles), v.DefaultRole, string(domains), bit(v.AutoCreate), bit(v.Disabled), v.ID, org)
	if err := oneRow(res, err, noProvider); err != nil {
		return err
	}
	if sealed == "" {
		return needSecret(ctx, tx, v)
	}
	_, err = tx.Exec(ctx, `UPDATE auth_providers SET secret = ? WHERE id = ?`, sealed, v.ID)
	return err
}

// needSecret refuses to turn a provider on whose secret went with a lost key.
func needSecret(ctx context.Context, tx *sqldb.Tx, v Provider) error {
	var kept string
	if err := tx.QueryRow(ctx, `SELECT secret FROM auth_providers WHERE id = ?`, v.ID).Scan(&kept); err != nil {
		return err
	}
	if kept == "" && !v.Disabled {
		return badField("secret", "secret-lost", "The client secret went with a lost key: write it again.", "El secreto de cliente se perdió con una clave: escríbelo de nuevo.")
	}
	return nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Providers lists the providers of p's organisation with their settings, save
// the secret.
func (s *Service) Providers(ctx context.Context, p Principal) ([]Provider, error) {
	if err := p.Can(Admin, Resource{Kind: KindProvider}); err != nil {
		return nil, err
	}
	rows, err := s.providerRows(ctx, `WHERE org = ?`, p.Org)
	var out []Provider
	for _, r := range rows {
		out = append(out, r.Provider)
	}
	return out, err
}

// Button is what the sign-in page shows of a provider.
type Button struct{ ID, Title string }

// SignInButtons lists the providers by which people may sign in to an
// organisation; "" is the home one.
func (s *Service) SignInButtons(ctx context.Context, org string) ([]Button, error) {
	if s.client == nil {
		return nil, nil
	}
	rows, err := s.providerRows(ctx, `WHERE org = ? AND disabled = 0`, or(org, HomeID))
	var out []Button
	for _, r := range rows {
		out = append(out, Button{r.ID, r.Title})
	}
	return out, err
}

// RemoveProvider deletes a provider and the links of people to it.
func (s *Service) RemoveProvider(ctx context.Context, p Principal, id string) error {
	if err := p.Can(Admin, Resource{Kind: KindProvider}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM auth_identities WHERE provider IN (SELECT id FROM auth_providers WHERE id = ? AND org = ?)`, id, p.Org); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `DELETE FROM auth_providers WHERE id = ? AND org = ?`, id, p.Org)
		if err := oneRow(res, err, noProvider); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("provider.remove", "provider:"+id, nil))
	})
}

// providerRow is a provider with what lists do not show.
type providerRow struct {
	Provider
	org    string
	sealed string
}

func (s *Service) provider(ctx context.Context, id string) (providerRow, error) {
	rows, err := s.providerRows(ctx, `WHERE id = ? AND disabled = 0`, id)
	if err == nil && len(rows) == 0 {
		err = noProvider()
	}
	if err != nil {
		return providerRow{}, err
	}
	return rows[0], nil
}

func (s *Service) providerRows(ctx context.Context, where string, args ...any) ([]providerRow, error) {
	return sqldb.All(ctx, s.db, func(s sqldb.Row) (r providerRow, err error) {
		var scopes, roles, domains string
		var created int64
		if err := s.Scan(&r.ID, &r.org, &r.Title, &r.Issuer, &r.ClientID, &r.sealed, &scopes, &r.RoleClaim, &roles, &r.DefaultRole, &domains, &r.AutoCreate, &r.Disabled, &created); err != nil {
			return r, err
		}
		r.Created = sqldb.Time(created)
		err = errors.Join(json.Unmarshal([]byte(scopes), &r.Scopes), json.Unmarshal([]byte(roles), &r.Roles), json.Unmarshal([]byte(domains), &r.Domains))
		return r, err
	}, `SELECT id, org, title, issuer, client, secret, scopes, role_claim, role_map, default_role, domains, auto_create, disabled, created
		FROM auth_providers `+where+` ORDER BY lower(title), id`, args...)
}
