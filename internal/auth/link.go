package auth

import (
	"context"
	"errors"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// The kinds of one-time link.
const (
	linkInvite = "invite"
	linkSignIn = "sign-in"
	linkReset  = "reset"
	linkSetup  = "setup"
)

// How long links last.
const (
	InviteTerm = 7 * 24 * time.Hour
	ResetTerm  = 24 * time.Hour
	SetupTerm  = 30 * 24 * time.Hour
)

// Link is a one-time link just made. The faces put Secret into an address; it
// is not kept here.
type Link struct {
	ID      string
	Secret  string
	Expires time.Time
}

// Invitation is an offer to join p's organisation.
type Invitation struct {
	ID         string // set by the server
	Email      string
	Name       string // proposed; the person may change it
	Role       Role
	UserRef    string
	Expires    time.Time // end of the membership; zero: never, or AuditorTerm
	InvitedBy  string    // name, set by the server
	Created    time.Time
	ValidUntil time.Time // of the link
}

type linkRow struct {
	hash, id, kind, org, account string
	invitation                   Invitation
}

func (s *Service) insertLink(ctx context.Context, tx *sqldb.Tx, p Principal, kind, account string, inv Invitation, term time.Duration) (Link, error) {
	now := s.now()
	l := Link{ID: newID(), Secret: newSecret(), Expires: now.Add(term)}
	_, err := tx.Exec(ctx, `INSERT INTO auth_links (hash, id, kind, org, account, email, name, role, user_ref, member_expires, made_by, made_by_name, created, expires) VALUES `+sqldb.In(14),
		digest(l.Secret), l.ID, kind, p.Org, account, inv.Email, inv.Name, inv.Role, inv.UserRef, sqldb.Micros(inv.Expires), p.Account, p.Name, sqldb.Micros(now), sqldb.Micros(l.Expires))
	return l, err
}

func badLink() *fault.Error {
	return refuse(fault.Unauthenticated, "bad-link", "This link has expired or was already used. Ask for a new one.", "Este enlace ha caducado o ya se usó. Pide otro.")
}

// peekLink reads a link that can still be used, and leaves it.
func (s *Service) peekLink(ctx context.Context, q sqldb.Querier, kind, secret string) (linkRow, error) {
	var l linkRow
	var expires, created, until int64
	inv := &l.invitation
	err := q.QueryRow(ctx, `SELECT hash, id, kind, org, account, email, name, role, user_ref, member_expires, made_by_name, created, expires
		FROM auth_links WHERE hash = ? AND kind = ? AND used = 0 AND expires > ?`, digest(secret), kind, sqldb.Micros(s.now())).
		Scan(&l.hash, &l.id, &l.kind, &l.org, &l.account, &inv.Email, &inv.Name, &inv.Role, &inv.UserRef, &expires, &inv.InvitedBy, &created, &until)
	if errors.Is(err, sqldb.ErrNoRows) {
		return linkRow{}, badLink()
	}
	inv.ID, inv.Expires, inv.Created, inv.ValidUntil = l.id, sqldb.Time(expires), sqldb.Time(created), sqldb.Time(until)
	return l, err
}

// takeLink spends a link: of several who try at once, one succeeds.
func (s *Service) takeLink(ctx context.Context, tx *sqldb.Tx, kind, secret string) (linkRow, error) {
	now := sqldb.Micros(s.now())
	res, err := tx.Exec(ctx, `UPDATE auth_links SET used = ? WHERE hash = ? AND kind = ? AND used = 0 AND expires > ?`, now, digest(secret), kind, now)
	if err := oneRow(res, err, func() error { return badLink() }); err != nil {
		return linkRow{}, err
	}
	l := linkRow{kind: kind}
	var expires int64
	inv := &l.invitation
	err = tx.QueryRow(ctx, `SELECT id, org, account, email, role, user_ref, member_expires FROM auth_links WHERE hash = ?`, digest(secret)).
		Scan(&l.id, &l.org, &l.account, &inv.Email, &inv.Role, &inv.UserRef, &expires)
	inv.Expires = sqldb.Time(expires)
	return l, err
}

// Invite makes a link by which somebody joins p's organisation. A second
// invitation of an address voids the first.
func (s *Service) Invite(ctx context.Context, p Principal, inv Invitation) (Link, error) {
	if err := p.Can(Admin, Resource{Kind: KindAccount}); err != nil {
		return Link{}, err
	}
	m := Membership{Role: inv.Role, Expires: inv.Expires}
	if err := s.checkMembership(&m); err != nil {
		return Link{}, err
	}
	inv.Expires = m.Expires
	if err := p.gives(inv.Role); err != nil {
		return Link{}, err
	}
	var err error
	if inv.Email, err = checkEmail(inv.Email); err != nil {
		return Link{}, err
	}
	var l Link
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := s.refuseMember(ctx, tx, p.Org, inv.Email); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE auth_links SET used = ? WHERE org = ? AND kind = ? AND email = ? AND used = 0`, sqldb.Micros(s.now()), p.Org, linkInvite, inv.Email); err != nil {
			return err
		}
		if l, err = s.insertLink(ctx, tx, p, linkInvite, "", inv, InviteTerm); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("member.invite", "invitation:"+l.ID, map[string]any{"email": inv.Email, "role": inv.Role}))
	})
	return l, err
}

func (s *Service) refuseMember(ctx context.Context, tx *sqldb.Tx, org, email string) error {
	a, err := accountBy(ctx, tx, "email", email)
	if err == nil {
		_, err = s.membership(ctx, tx, org, a.id)
	}
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return refuse(fault.Conflict, "member-already", "This account already belongs to the organisation.", "Esta cuenta ya pertenece a la organización.")
}

// Invitations lists the invitations of p's organisation that can still be
// accepted, the newest first.
func (s *Service) Invitations(ctx context.Context, p Principal) ([]Invitation, error) {
	if err := p.Can(Admin, Resource{Kind: KindAccount}); err != nil {
		return nil, err
	}
	return sqldb.All(ctx, s.db, func(r sqldb.Row) (i Invitation, err error) {
		var expires, created, until int64
		err = r.Scan(&i.ID, &i.Email, &i.Name, &i.Role, &i.UserRef, &expires, &i.InvitedBy, &created, &until)
		i.Expires, i.Created, i.ValidUntil = sqldb.Time(expires), sqldb.Time(created), sqldb.Time(until)
		return i, err
	}, `SELECT id, email, name, role, user_ref, member_expires, made_by_name, created, expires FROM auth_links
		WHERE org = ? AND kind = ? AND used = 0 AND expires > ? ORDER BY created DESC, id`, p.Org, linkInvite, sqldb.Micros(s.now()))
}

// RevokeInvitation voids an invitation of p's organisation.
func (s *Service) RevokeInvitation(ctx context.Context, p Principal, id string) error {
	if err := p.Can(Admin, Resource{Kind: KindAccount}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE auth_links SET used = ? WHERE id = ? AND org = ? AND kind = ? AND used = 0`, sqldb.Micros(s.now()), id, p.Org, linkInvite)
		if err := oneRow(res, err, func() error {
			return refuse(fault.NotFound, "no-invitation", "There is no such invitation.", "Esa invitación no existe.")
		}); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("member.uninvite", "invitation:"+id, nil))
	})
}

// Welcome is what the page of an invitation shows.
type Welcome struct {
	Invitation
	OrgTitle string
	Known    bool // there is an account with this address: its owner signs in to accept
}

// PeekInvitation reads an invitation by its secret, without using it up.
func (s *Service) PeekInvitation(ctx context.Context, secret string) (Welcome, error) {
	l, err := s.peekLink(ctx, s.db, linkInvite, secret)
	if err != nil {
		return Welcome{}, err
	}
	o, err := s.Org(ctx, l.org)
	if err != nil {
		return Welcome{}, err
	}
	_, err = accountBy(ctx, s.db, "email", l.invitation.Email)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Welcome{}, err
	}
	return Welcome{Invitation: l.invitation, OrgTitle: o.Title, Known: err == nil}, nil
}

// AcceptInvitation makes the account an invitation is for, with a name and a
// password, and signs it in. For an address that already has an account it is a
// Conflict: that person signs in and calls JoinByInvitation.
func (s *Service) AcceptInvitation(ctx context.Context, secret, name, password string, v Visitor) (NewSession, error) {
	l, err := s.peekLink(ctx, s.db, linkInvite, secret)
	if err != nil {
		return NewSession{}, err
	}
	if password == "" {
		return NewSession{}, CheckPassword(password, l.invitation.Email, name)
	}
	a, err := s.prepare(ctx, NewAccount{Email: l.invitation.Email, Name: name, Password: password})
	if err != nil {
		return NewSession{}, err
	}
	var n NewSession
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		l, err := s.takeLink(ctx, tx, linkInvite, secret)
		if err != nil {
			return err
		}
		if err := s.insertAccount(ctx, tx, a); err != nil {
			return err
		}
		if err := s.join(ctx, tx, a, l); err != nil {
			return err
		}
		n, err = s.startSession(ctx, tx, a, l.org, false, "invitation", v)
		if err != nil {
			return err
		}
		return s.note(ctx, tx, record(l.org, a.id, a.name, "account.create", "account:"+a.id, v, map[string]any{"email": a.email, "role": l.invitation.Role, "invitation": l.id}))
	})
	return n, err
}

// JoinByInvitation adds the account of p, which must have the invited address,
// to the organisation, and moves p's session there.
func (s *Service) JoinByInvitation(ctx context.Context, p Principal, secret string) (Principal, error) {
	if err := p.canManageCredentials(); err != nil {
		return Principal{}, err
	}
	var org string
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		l, err := s.takeLink(ctx, tx, linkInvite, secret)
		if err != nil {
			return err
		}
		a, err := accountBy(ctx, tx, "id", p.Account)
		if err != nil {
			return err
		}
		if a.email != l.invitation.Email {
			return refuse(fault.Forbidden, "invitation-other", "This invitation is for another address.", "Esta invitación es para otra dirección.")
		}
		if err := s.join(ctx, tx, a, l); err != nil {
			return err
		}
		org = l.org
		return s.note(ctx, tx, record(l.org, a.id, a.name, "member.join", "account:"+a.id, p.visitor(), map[string]any{"role": l.invitation.Role, "invitation": l.id}))
	})
	if err != nil {
		return Principal{}, err
	}
	return s.Switch(ctx, p, org)
}

func (s *Service) join(ctx context.Context, tx *sqldb.Tx, a account, l linkRow) error {
	i := l.invitation
	if !i.Expires.IsZero() && !i.Expires.After(s.now()) {
		return badLink()
	}
	return s.insertMembership(ctx, tx, Membership{Account: a.id, Org: l.org, Role: i.Role, UserRef: i.UserRef, Expires: i.Expires})
}

// SignInLink makes a link that stands for an account's password, once. Only who
// holds the data folder may: it is how the demo and the command line let
// somebody in.
func (s *Service) SignInLink(ctx context.Context, p Principal, email string, term time.Duration) (Link, error) {
	if err := p.requireLocal(); err != nil {
		return Link{}, err
	}
	email, _ = FoldEmail(email)
	var l Link
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		a, err := accountBy(ctx, tx, "email", email)
		if err != nil {
			return err
		}
		if l, err = s.insertLink(ctx, tx, p, linkSignIn, a.id, Invitation{}, term); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("account.sign-in-link", "account:"+a.id, nil))
	})
	return l, err
}

// SignInByLink uses up a sign-in link. A second factor still follows where one
// is on. Call it for a POST: what only fetches a link must not spend it.
func (s *Service) SignInByLink(ctx context.Context, secret string, v Visitor) (Step, error) {
	l, err := s.peekLink(ctx, s.db, linkSignIn, secret)
	if err != nil {
		return Step{}, s.strangeLink(ctx, v, err)
	}
	a, err := accountBy(ctx, s.db, "id", l.account)
	if err != nil {
		return Step{}, err
	}
	attempt, err := s.attempt(ctx, a, a.email, v)
	if err != nil {
		return Step{}, err
	}
	return s.enter(ctx, a, "link", v, attempt, func(tx *sqldb.Tx) error {
		_, err := s.takeLink(ctx, tx, linkSignIn, secret)
		return err
	})
}

// strangeLink counts a link that cannot be used against the visitor's address,
// and returns why it cannot.
func (s *Service) strangeLink(ctx context.Context, v Visitor, why error) error {
	r := record(HomeID, "", "", "sign-in", "", v, nil)
	if err := s.charge(ctx, ipLimit(v.IP), r); err != nil {
		return err
	}
	return s.refuseSignIn(ctx, r, badLinkOr(why))
}

func badLinkOr(err error) *fault.Error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return f
	}
	return badLink()
}

// ResetLink makes a link by which somebody sets a new password.
func (s *Service) ResetLink(ctx context.Context, p Principal, account string) (Link, error) {
	var l Link
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		all, err := s.govern(ctx, tx, p, account)
		if err != nil {
			return err
		}
		if _, err := accountBy(ctx, tx, "id", account); err != nil {
			return err
		}
		if l, err = s.insertLink(ctx, tx, p, linkReset, account, Invitation{}, ResetTerm); err != nil {
			return err
		}
		return s.appendEverywhere(ctx, tx, all, p.act("account.reset-link", "account:"+account, nil))
	})
	return l, err
}

// PeekReset returns the address whose password a reset link sets.
func (s *Service) PeekReset(ctx context.Context, secret string) (email string, err error) {
	l, err := s.peekLink(ctx, s.db, linkReset, secret)
	if err != nil {
		return "", err
	}
	a, err := accountBy(ctx, s.db, "id", l.account)
	return a.email, err
}

// ResetPassword uses up a reset link: it sets the password and ends every
// session. The person then signs in as always.
func (s *Service) ResetPassword(ctx context.Context, secret, password string, v Visitor) error {
	l, err := s.peekLink(ctx, s.db, linkReset, secret)
	if err != nil {
		return s.strangeLink(ctx, v, err)
	}
	a, err := accountBy(ctx, s.db, "id", l.account)
	if err != nil {
		return err
	}
	if err := CheckPassword(password, a.email, a.name); err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		l, err := s.takeLink(ctx, tx, linkReset, secret)
		if err != nil {
			return err
		}
		if err := s.settle(ctx, tx, signInLimits(a.email, "")); err != nil {
			return err
		}
		return s.setPassword(ctx, tx, a.id, hash, "", record(l.org, a.id, a.name, "account.password", "account:"+a.id, v, map[string]any{"by": "reset link"}))
	})
}
