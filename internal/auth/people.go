package auth

import (
	"context"
	"fmt"

	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Person is somebody who can sign in to an organisation, as work that is done
// for them needs to know them.
type Person struct {
	Account string
	Name    string
	Email   string
	Role    Role
	UserRef string // the person in the catalog, as user:default/ana; "" when not linked
	Lang    lang.Code
	Org     string
}

// Principal is what the person may do in their organisation.
func (p Person) Principal() Principal {
	return Principal{Account: p.Account, Name: p.Name, Email: p.Email, Org: p.Org, Role: p.Role, UserRef: p.UserRef, Via: systemAccount}
}

// People lists those who can sign in to an organisation now, for work that is
// done for each. It is not for showing to people.
func (s *Service) People(ctx context.Context, q sqldb.Querier, org string) ([]Person, error) {
	out, err := sqldb.All(ctx, q, func(r sqldb.Row) (Person, error) {
		p := Person{Org: org}
		var prefs string
		err := r.Scan(&p.Account, &p.Name, &p.Email, &p.Role, &p.UserRef, &prefs)
		p.Lang, _ = lang.Parse(decodePrefs(prefs)["lang"])
		return p, err
	}, `SELECT m.account, a.name, a.email, m.role, m.user_ref, a.prefs FROM auth_memberships m JOIN auth_accounts a ON a.id = m.account
		WHERE m.org = ? AND a.disabled = 0 AND (m.expires = 0 OR m.expires > ?) ORDER BY m.account`, org, sqldb.Micros(s.now()))
	if err != nil {
		return nil, fmt.Errorf("auth: people: %w", err)
	}
	return out, nil
}
