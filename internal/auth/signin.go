package auth

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Step is how far a sign-in has come: either Session is set and it is
// complete, or Factor is, and a code of the second factor must follow.
type Step struct {
	Session *NewSession
	Factor  string // to give to SecondFactor with the code, within five minutes
	Next    string // where single sign-on was asked to lead
}

// methodPasskey is the way to sign in that is two factors in one.
const methodPasskey = "passkey"

// factorTerm is how long a second factor may take after the first.
const factorTerm = 5 * time.Minute

func wrongPassword() *fault.Error {
	return refuse(fault.Unauthenticated, "wrong-password", "The address or the password is wrong.", "La dirección o la contraseña no son correctas.")
}

// SignIn checks an address and a password. An unknown account, one without a
// password, a disabled one and a wrong password are refused after the same work
// with the same words.
func (s *Service) SignIn(ctx context.Context, email, password string, v Visitor) (Step, error) {
	email, _ = FoldEmail(email)
	limits := signInLimits(email, v.IP)
	a, err := accountBy(ctx, s.db, "email", email)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Step{}, err
	}
	attempt, err := s.attempt(ctx, a, email, v)
	if err != nil {
		return Step{}, err
	}
	if err := s.charge(ctx, limits, attempt); err != nil {
		return Step{}, err
	}
	ok, stale, err := s.checkPassword(ctx, a, password)
	if err != nil {
		return Step{}, err
	}
	if !ok || a.disabled {
		return Step{}, s.refuseSignIn(ctx, attempt, wrongPassword())
	}
	rehashed := ""
	if stale {
		if rehashed, err = s.hasher.hash(ctx, password); err != nil {
			return Step{}, err
		}
	}
	return s.enter(ctx, a, "password", v, attempt, func(tx *sqldb.Tx) error {
		if rehashed != "" {
			if _, err := tx.Exec(ctx, `UPDATE auth_accounts SET password = ? WHERE id = ? AND password = ?`, rehashed, a.id, a.password); err != nil {
				return err
			}
		}
		return s.settle(ctx, tx, limits)
	})
}

// checkPassword always hashes once, whether there is an account or not.
func (s *Service) checkPassword(ctx context.Context, a account, password string) (ok, stale bool, err error) {
	if len(password) > MaxPassword {
		password = ""
	}
	encoded := a.password
	if encoded == "" {
		if encoded, err = s.dummy(); err != nil {
			return false, false, err
		}
	}
	ok, stale, err = s.hasher.verify(ctx, password, encoded)
	return ok && a.password != "", stale, err
}

// attempt is the audit record of trying to sign in, in the organisation where
// the person would land; the home organisation for a stranger.
func (s *Service) attempt(ctx context.Context, a account, email string, v Visitor) (*audit.Record, error) {
	r := record(HomeID, a.id, a.name, "sign-in", "account:"+a.id, v, map[string]any{"email": clip(email, 254)})
	if a.id == "" {
		r.Target = ""
	}
	all, err := s.memberships(ctx, s.db, a.id)
	if m, ok := landing(all, a.lastOrg, s.now()); ok {
		r.Org = m.Org
	}
	return r, err
}

// landing returns the membership a sign-in leads to: the last organisation
// used, or else the first by title.
func landing(all []Membership, last string, now time.Time) (Membership, bool) {
	var first Membership
	for _, m := range all {
		switch {
		case !m.active(now):
		case m.Org == last:
			return m, true
		case first.Org == "":
			first = m
		}
	}
	return first, first.Org != ""
}

// refuseSignIn writes the refusal to the audit log and returns why.
func (s *Service) refuseSignIn(ctx context.Context, attempt *audit.Record, why *fault.Error) error {
	r := *attempt
	r.Outcome = audit.Refused
	reason, _ := ReasonOf(why)
	detail := map[string]any{}
	if json.Unmarshal(r.Detail, &detail) != nil {
		detail = map[string]any{}
	}
	detail["reason"] = reason.Code
	r.Detail, _ = json.Marshal(detail)
	if err := s.db.Tx(ctx, func(tx *sqldb.Tx) error { return s.note(ctx, tx, &r) }); err != nil {
		return err
	}
	return why
}

// enter goes on after the first factor was right: to the second if there is
// one, else to a session. also runs in the same transaction.
func (s *Service) enter(ctx context.Context, a account, method string, v Visitor, attempt *audit.Record, also func(*sqldb.Tx) error) (Step, error) {
	var step Step
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		step = Step{}
		if err := also(tx); err != nil {
			return err
		}
		now, err := accountBy(ctx, tx, "id", a.id)
		if err != nil {
			return err
		}
		if now.disabled {
			return sessionEnded()
		}
		if now.totp != "" && method != methodPasskey {
			step.Factor, err = s.newChallenge(ctx, tx, challengeFactor, a.id, method, factorTerm)
			return err
		}
		n, err := s.complete(ctx, tx, now, method, v)
		step.Session = &n
		return err
	})
	if why := (*fault.Error)(nil); errors.As(err, &why) && why.Kind == fault.Forbidden {
		return Step{}, s.refuseSignIn(ctx, attempt, why)
	}
	if err != nil {
		return Step{}, err
	}
	return step, nil
}

// complete begins the session of somebody who has shown all that was asked.
func (s *Service) complete(ctx context.Context, tx *sqldb.Tx, a account, method string, v Visitor) (NewSession, error) {
	all, err := s.memberships(ctx, tx, a.id)
	if err != nil {
		return NewSession{}, err
	}
	m, ok := landing(all, a.lastOrg, s.now())
	if !ok {
		return NewSession{}, refuse(fault.Forbidden, "no-membership", "Your account belongs to no organisation now.", "Tu cuenta no pertenece ahora a ninguna organización.").
			WithHint("ask an owner for an invitation")
	}
	return s.begin(ctx, tx, a, m.Org, false, method, v)
}

// begin starts a session and writes the sign-in to the audit log.
func (s *Service) begin(ctx context.Context, tx *sqldb.Tx, a account, org string, pinned bool, method string, v Visitor) (NewSession, error) {
	n, err := s.startSession(ctx, tx, a, org, pinned, method, v)
	if err != nil {
		return NewSession{}, err
	}
	return n, s.note(ctx, tx, record(org, a.id, a.name, "sign-in", "session:"+n.Principal.Session, v, map[string]any{"method": method}))
}

// The kinds of challenge: what a sign-in or a registration waits for.
const (
	challengeFactor   = "factor"
	challengeRegister = "passkey-register"
	challengePasskey  = "passkey-sign-in"
	challengeSSO      = "sso"
)

// newChallenge keeps data until the answer comes, and returns the secret by
// which it is found.
func (s *Service) newChallenge(ctx context.Context, q sqldb.Querier, kind, account, data string, term time.Duration) (string, error) {
	secret := newSecret()
	_, err := q.Exec(ctx, `INSERT INTO auth_challenges (hash, kind, account, data, expires) VALUES (?, ?, ?, ?, ?)`,
		digest(secret), kind, account, data, sqldb.Micros(s.now().Add(term)))
	return secret, err
}

type challenge struct{ account, data string }

func stepExpired() error {
	return refuse(fault.Unauthenticated, "step-expired", "This took too long or was already used. Start again.", "Ha tardado demasiado o ya se usó. Empieza de nuevo.")
}

// peekChallenge reads a challenge and leaves it.
func (s *Service) peekChallenge(ctx context.Context, q sqldb.Querier, kind, secret string) (challenge, error) {
	var c challenge
	err := q.QueryRow(ctx, `SELECT account, data FROM auth_challenges WHERE hash = ? AND kind = ? AND expires > ?`, digest(secret), kind, sqldb.Micros(s.now())).Scan(&c.account, &c.data)
	if errors.Is(err, sqldb.ErrNoRows) {
		return challenge{}, stepExpired()
	}
	return c, err
}

// takeChallenge reads a challenge and deletes it: it is answered once.
func (s *Service) takeChallenge(ctx context.Context, q sqldb.Querier, kind, secret string) (challenge, error) {
	c, err := s.peekChallenge(ctx, q, kind, secret)
	if err != nil {
		return challenge{}, err
	}
	res, err := q.Exec(ctx, `DELETE FROM auth_challenges WHERE hash = ? AND kind = ?`, digest(secret), kind)
	return c, oneRow(res, err, stepExpired)
}
