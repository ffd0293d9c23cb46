package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// TOTPSetup is what an authenticator app needs.
type TOTPSetup struct {
	Secret string // base32, to type
	URL    string // otpauth://…, to draw as a QR code
}

const (
	totpPeriod    = 30 // seconds
	totpSkew      = 1  // steps before and after now that are taken
	recoveryCodes = 10
)

func totpContext(account string) string { return "auth/totp/" + account }

// BeginTOTP makes a new secret for p. It counts for nothing until ConfirmTOTP.
func (s *Service) BeginTOTP(ctx context.Context, p Principal) (TOTPSetup, error) {
	if err := p.canManageCredentials(); err != nil {
		return TOTPSetup{}, err
	}
	a, err := accountBy(ctx, s.db, "id", p.Account)
	if err != nil {
		return TOTPSetup{}, err
	}
	if a.totp != "" {
		return TOTPSetup{}, refuse(fault.Conflict, "factor-on", "A second factor is on already; turn it off first.", "Ya hay un segundo factor activo; desactívalo primero.")
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: s.name, AccountName: p.Email, SecretSize: 20})
	if err != nil {
		return TOTPSetup{}, err
	}
	sealed, err := s.seal(ctx, []byte(key.Secret()), totpContext(p.Account))
	if err != nil {
		return TOTPSetup{}, err
	}
	_, err = s.db.Exec(ctx, `UPDATE auth_accounts SET totp_pending = ? WHERE id = ?`, sealed, p.Account)
	return TOTPSetup{Secret: key.Secret(), URL: key.URL()}, err
}

// ConfirmTOTP turns the second factor on when code is right for the secret of
// BeginTOTP, ends p's other sessions, and returns ten recovery codes, which are
// shown this once.
func (s *Service) ConfirmTOTP(ctx context.Context, p Principal, code string) ([]string, error) {
	if err := p.canManageCredentials(); err != nil {
		return nil, err
	}
	limits := factorLimit(p.Account)
	if err := s.charge(ctx, limits, p.act("totp.on", "account:"+p.Account, nil)); err != nil {
		return nil, err
	}
	var codes []string
	err := s.orRefused(ctx, p, "totp.on", s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := lockAccount(ctx, tx, p.Account); err != nil {
			return err
		}
		a, err := accountBy(ctx, tx, "id", p.Account)
		if err != nil {
			return err
		}
		if a.totpPending == "" {
			return stepExpired()
		}
		step, ok, err := s.totpStep(ctx, a.totpPending, a.id, code)
		if err != nil {
			return err
		}
		if !ok {
			return wrongCode(fault.Invalid)
		}
		if _, err := tx.Exec(ctx, `UPDATE auth_accounts SET totp = totp_pending, totp_pending = '', totp_step = ? WHERE id = ?`, step, a.id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM auth_sessions WHERE account = ? AND id <> ?`, a.id, p.Session); err != nil {
			return err
		}
		if codes, err = s.newRecoveryCodes(ctx, tx, a.id); err != nil {
			return err
		}
		if err := s.settle(ctx, tx, limits); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("totp.on", "account:"+a.id, nil))
	}))
	return codes, err
}

// orRefused returns err, having told the audit log when it is a wrong code.
func (s *Service) orRefused(ctx context.Context, p Principal, action string, err error) error {
	if reason, ok := ReasonOf(err); ok && reason.Code == "wrong-code" {
		return errors.Join(err, s.Refused(ctx, p, action, "account:"+p.Account, err))
	}
	return err
}

// NewRecoveryCodes replaces p's recovery codes, given a code of the second
// factor.
func (s *Service) NewRecoveryCodes(ctx context.Context, p Principal, code string) ([]string, error) {
	var codes []string
	err := s.withFactor(ctx, p, code, "totp.recovery-codes", func(tx *sqldb.Tx) (err error) {
		codes, err = s.newRecoveryCodes(ctx, tx, p.Account)
		return err
	})
	return codes, err
}

// DisableTOTP turns the second factor off, given a code of it.
func (s *Service) DisableTOTP(ctx context.Context, p Principal, code string) error {
	return s.withFactor(ctx, p, code, "totp.off", func(tx *sqldb.Tx) error { return s.clearFactor(ctx, tx, p.Account) })
}

// ResetFactor turns off the second factor of somebody who has lost it.
func (s *Service) ResetFactor(ctx context.Context, p Principal, account string) error {
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		all, err := s.govern(ctx, tx, p, account)
		if err != nil {
			return err
		}
		if err := s.clearFactor(ctx, tx, account); err != nil {
			return err
		}
		return s.appendEverywhere(ctx, tx, all, p.act("totp.reset", "account:"+account, nil))
	})
}

func (s *Service) clearFactor(ctx context.Context, tx *sqldb.Tx, account string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM auth_recovery_codes WHERE account = ?`, account); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE auth_accounts SET totp = '', totp_pending = '', totp_step = 0 WHERE id = ?`, account)
	return err
}

// withFactor runs f for somebody signed in who shows their second factor again.
func (s *Service) withFactor(ctx context.Context, p Principal, code, action string, f func(*sqldb.Tx) error) error {
	if err := p.canManageCredentials(); err != nil {
		return err
	}
	limits := factorLimit(p.Account)
	if err := s.charge(ctx, limits, p.act(action, "account:"+p.Account, nil)); err != nil {
		return err
	}
	return s.orRefused(ctx, p, action, s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if _, err := s.useCode(ctx, tx, p.Account, code); err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		if err := s.settle(ctx, tx, limits); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act(action, "account:"+p.Account, nil))
	}))
}

// SecondFactor completes a sign-in with a code of the authenticator app or a
// recovery code. A wrong code leaves the step open for another try, within the
// limits.
func (s *Service) SecondFactor(ctx context.Context, factor, code string, v Visitor) (Step, error) {
	c, err := s.peekChallenge(ctx, s.db, challengeFactor, factor)
	if err != nil {
		return Step{}, err
	}
	a, err := accountBy(ctx, s.db, "id", c.account)
	if err != nil {
		return Step{}, err
	}
	attempt, err := s.attempt(ctx, a, a.email, v)
	if err != nil {
		return Step{}, err
	}
	limits := append(factorLimit(a.id), ipLimit(v.IP)...)
	if err := s.charge(ctx, limits, attempt); err != nil {
		return Step{}, err
	}
	var n NewSession
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		kind, err := s.useCode(ctx, tx, a.id, code)
		if err != nil {
			return err
		}
		if _, err := s.takeChallenge(ctx, tx, challengeFactor, factor); err != nil {
			return err
		}
		now, err := accountBy(ctx, tx, "id", a.id)
		if err != nil {
			return err
		}
		if now.disabled {
			return sessionEnded()
		}
		if n, err = s.complete(ctx, tx, now, c.data+"+"+kind, v); err != nil {
			return err
		}
		return s.settle(ctx, tx, limits)
	})
	if reason, ok := ReasonOf(err); ok && reason.Code == "wrong-code" {
		return Step{}, s.refuseSignIn(ctx, attempt, wrongCode(fault.Unauthenticated))
	}
	if err != nil {
		return Step{}, err
	}
	return Step{Session: &n}, nil
}

func wrongCode(kind fault.Kind) *fault.Error {
	err := refuse(kind, "wrong-code", "This code is wrong or was already used.", "Este código no es correcto o ya se usó.")
	if kind == fault.Invalid {
		err.Problems = []fault.Problem{{Field: "code", Code: "wrong-code", Msg: err.Msg}}
	}
	return err
}

// useCode spends a code of an account: it says "totp" or "recovery".
func (s *Service) useCode(ctx context.Context, tx *sqldb.Tx, account, code string) (string, error) {
	if err := lockAccount(ctx, tx, account); err != nil {
		return "", err
	}
	a, err := accountBy(ctx, tx, "id", account)
	if err != nil {
		return "", err
	}
	if a.totp == "" {
		return "", refuse(fault.Conflict, "no-factor", "There is no second factor on this account.", "Esta cuenta no tiene segundo factor.")
	}
	code = cleanCode(code)
	if len(code) != int(otp.DigitsSix) {
		return "recovery", s.useRecovery(ctx, tx, account, code)
	}
	step, ok, err := s.totpStep(ctx, a.totp, a.id, code)
	if err != nil {
		return "", err
	}
	if !ok || step <= a.totpStep {
		return "", wrongCode(fault.Invalid)
	}
	_, err = tx.Exec(ctx, `UPDATE auth_accounts SET totp_step = ? WHERE id = ?`, step, a.id)
	return "totp", err
}

func cleanCode(code string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(code))
}

// totpStep returns the time step for which code is right, trying each that is
// allowed. RFC 6238, section 5.2.
func (s *Service) totpStep(ctx context.Context, sealed, account, code string) (int64, bool, error) {
	secret, err := s.unseal(ctx, sealed, totpContext(account))
	if err != nil {
		return 0, false, err
	}
	now := s.now().Unix() / totpPeriod
	found, ok := int64(0), false
	for step := now - totpSkew; step <= now+totpSkew; step++ {
		want, err := totp.GenerateCode(string(secret), time.Unix(step*totpPeriod, 0))
		if err != nil {
			return 0, false, err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(cleanCode(code))) == 1 {
			found, ok = step, true
		}
	}
	return found, ok, nil
}

// newRecoveryCodes makes codes of 80 random bits, as ABCD-EFGH-IJKL-MNOP, and
// forgets the old ones.
func (s *Service) newRecoveryCodes(ctx context.Context, tx *sqldb.Tx, account string) ([]string, error) {
	if _, err := tx.Exec(ctx, `DELETE FROM auth_recovery_codes WHERE account = ?`, account); err != nil {
		return nil, err
	}
	var codes []string
	for range recoveryCodes {
		raw := rand.Text()[:16]
		if _, err := tx.Exec(ctx, `INSERT INTO auth_recovery_codes (account, hash) VALUES (?, ?)`, account, digest(raw)); err != nil {
			return nil, err
		}
		codes = append(codes, raw[:4]+"-"+raw[4:8]+"-"+raw[8:12]+"-"+raw[12:])
	}
	return codes, nil
}

func (s *Service) useRecovery(ctx context.Context, tx *sqldb.Tx, account, code string) error {
	res, err := tx.Exec(ctx, `DELETE FROM auth_recovery_codes WHERE account = ? AND hash = ?`, account, digest(code))
	return oneRow(res, err, func() error { return wrongCode(fault.Invalid) })
}
