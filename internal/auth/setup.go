package auth

import (
	"context"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// SetUp reports whether the installation has had its first owner.
func (s *Service) SetUp(ctx context.Context) (bool, error) {
	var n int
	err := s.db.QueryRow(ctx, `SELECT count(*) FROM auth_setup`).Scan(&n)
	return n > 0, err
}

// SetupLink makes the link by which somebody becomes the first owner over the
// web, and voids those made before: who reads the terminal of the program has
// it, and nobody who only reaches its address. Only who holds the data folder
// may; it is a Conflict when there is an owner.
func (s *Service) SetupLink(ctx context.Context, p Principal) (Link, error) {
	if err := p.requireLocal(); err != nil {
		return Link{}, err
	}
	var l Link
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := vacant(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE auth_links SET used = ? WHERE kind = ? AND used = 0`, sqldb.Micros(s.now()), linkSetup); err != nil {
			return err
		}
		var err error
		if l, err = s.insertLink(ctx, tx, p, linkSetup, "", Invitation{}, SetupTerm); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("installation.setup-link", "installation", nil))
	})
	return l, err
}

// PeekSetup returns nil when a setup link can be used.
func (s *Service) PeekSetup(ctx context.Context, secret string) error {
	_, err := s.peekLink(ctx, s.db, linkSetup, secret)
	return setupLink(err)
}

// setupLink says of a bad link what to do here.
func setupLink(err error) error {
	if reason, ok := ReasonOf(err); !ok || reason.Code != "bad-link" {
		return err
	}
	return refuse(fault.Unauthenticated, "setup-link", "This is not the link that was printed last when the program started, or it is older than 30 days.", "Este no es el último enlace que se imprimió al arrancar el programa, o tiene más de 30 días.")
}

// SetUpByLink uses up a setup link: it makes the first owner, with a password,
// and signs them in.
func (s *Service) SetUpByLink(ctx context.Context, secret string, n NewAccount, orgTitle string, v Visitor) (NewSession, error) {
	if err := vacant(ctx, s.db); err != nil {
		return NewSession{}, err
	}
	if _, err := s.peekLink(ctx, s.db, linkSetup, secret); err != nil {
		return NewSession{}, s.strangeLink(ctx, v, setupLink(err))
	}
	if n.Password == "" {
		return NewSession{}, CheckPassword(n.Password, n.Email, n.Name)
	}
	return s.createFirst(ctx, n, orgTitle, v, func(tx *sqldb.Tx) error {
		_, err := s.takeLink(ctx, tx, linkSetup, secret)
		return setupLink(err)
	})
}

// CreateFirstOwner makes the first account, owner of the home organisation,
// which it gives a title, and signs them in. Only one call ever succeeds in the
// life of a database; the others get a Conflict. It asks for nothing: the
// command line calls it, for who holds the data folder.
func (s *Service) CreateFirstOwner(ctx context.Context, n NewAccount, orgTitle string, v Visitor) (NewSession, error) {
	return s.createFirst(ctx, n, orgTitle, v, func(*sqldb.Tx) error { return nil })
}

func (s *Service) createFirst(ctx context.Context, n NewAccount, orgTitle string, v Visitor, allowed func(*sqldb.Tx) error) (NewSession, error) {
	a, err := s.prepare(ctx, n)
	if err != nil {
		return NewSession{}, err
	}
	title, err := checkTitle(orgTitle)
	if err != nil {
		return NewSession{}, err
	}
	var out NewSession
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := allowed(tx); err != nil {
			return err
		}
		if err := s.insertFirst(ctx, tx, a, title); err != nil {
			return err
		}
		m := Membership{Account: a.id, Org: HomeID, Role: RoleOwner}
		if err := s.insertMembership(ctx, tx, m); err != nil {
			return err
		}
		out, err = s.startSession(ctx, tx, a, HomeID, false, "first-owner", v)
		if err != nil {
			return err
		}
		return s.note(ctx, tx, record(HomeID, a.id, a.name, "account.create", "account:"+a.id, v, map[string]any{"email": a.email, "role": RoleOwner, "first": true}))
	})
	return out, err
}

func alreadySetUp() error {
	return refuse(fault.Conflict, "set-up", "This installation already has its first owner.", "Esta instalación ya tiene su primer propietario.").
		WithHint("sign in, or ask an owner for an invitation")
}

// vacant refuses when there is an owner already.
func vacant(ctx context.Context, q sqldb.Querier) error {
	var n int
	if err := q.QueryRow(ctx, `SELECT count(*) FROM auth_setup`).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return alreadySetUp()
	}
	return nil
}

func (s *Service) insertFirst(ctx context.Context, tx *sqldb.Tx, a account, title string) error {
	if err := vacant(ctx, tx); err != nil {
		return err
	}
	if err := s.insertAccount(ctx, tx, a); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO auth_setup (one, account, at) VALUES (1, ?, ?)`, a.id, sqldb.Micros(s.now()))
	if sqldb.IsUnique(err) {
		return alreadySetUp()
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE auth_orgs SET title = ? WHERE id = ?`, title, HomeID)
	return err
}
