package auth

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/mail"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// account is a row of auth_accounts.
type account struct {
	id, email, name, handle     string
	password, totp, totpPending string
	totpStep                    int64
	disabled                    bool
	lastOrg, prefs              string
	created, signedIn           int64
}

const accountColumns = `id, email, name, handle, password, totp, totp_pending, totp_step, disabled, last_org, prefs, created, signed_in`

// accountBy reads the account with a value in a column; fault NotFound when
// there is none.
func accountBy(ctx context.Context, q sqldb.Querier, column, value string) (account, error) {
	var a account
	var disabled int64
	err := q.QueryRow(ctx, `SELECT `+accountColumns+` FROM auth_accounts WHERE `+column+` = ?`, value).
		Scan(&a.id, &a.email, &a.name, &a.handle, &a.password, &a.totp, &a.totpPending, &a.totpStep, &disabled, &a.lastOrg, &a.prefs, &a.created, &a.signedIn)
	if errors.Is(err, sqldb.ErrNoRows) {
		return account{}, noAccount()
	}
	a.disabled = disabled != 0
	return a, err
}

func noAccount() error {
	return refuse(fault.NotFound, "no-account", "There is no such account.", "Esa cuenta no existe.")
}

// FoldEmail returns the form of an address by which accounts are unique, and
// false when it is not an address.
func FoldEmail(email string) (string, bool) {
	email = norm.NFKC.String(strings.ToLower(strings.TrimSpace(email)))
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email || len(email) > 254 {
		return email, false
	}
	return email, true
}

func checkEmail(email string) (string, error) {
	folded, ok := FoldEmail(email)
	if !ok {
		return "", badField("email", "email", "Write an e-mail address, as ana@example.org.", "Escribe una dirección de correo, como ana@example.org.")
	}
	return folded, nil
}

func checkName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > 200 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return "", badField("name", "name", "Write a name of 1 to 200 characters.", "Escribe un nombre de 1 a 200 caracteres.")
	}
	return name, nil
}

// NewAccount describes an account to be made.
type NewAccount struct {
	Email    string
	Name     string
	Password string // "": the person comes in by a link or single sign-on
}

// prepare checks n and hashes its password, outside any transaction.
func (s *Service) prepare(ctx context.Context, n NewAccount) (account, error) {
	email, err := checkEmail(n.Email)
	if err != nil {
		return account{}, err
	}
	name, err := checkName(n.Name)
	if err != nil {
		return account{}, err
	}
	a := account{id: newID(), email: email, name: name, handle: newSecret()}
	if n.Password == "" {
		return a, nil
	}
	if err := CheckPassword(n.Password, email, name); err != nil {
		return account{}, err
	}
	a.password, err = s.hasher.hash(ctx, n.Password)
	return a, err
}

func (s *Service) insertAccount(ctx context.Context, tx *sqldb.Tx, a account) error {
	_, err := tx.Exec(ctx, `INSERT INTO auth_accounts (id, email, name, handle, password, created) VALUES (?, ?, ?, ?, ?, ?)`,
		a.id, a.email, a.name, a.handle, a.password, sqldb.Micros(s.now()))
	if sqldb.IsUnique(err) {
		return refuse(fault.Conflict, "email-taken", "There is already an account with the address {0}.", "Ya hay una cuenta con la dirección {0}.", a.email)
	}
	return err
}

// CreateAccount makes an account and its membership of p's organisation at
// once. Only who holds the data folder may: others send an invitation.
func (s *Service) CreateAccount(ctx context.Context, p Principal, n NewAccount, m Membership) (string, error) {
	if err := p.requireLocal(); err != nil {
		return "", err
	}
	a, err := s.prepare(ctx, n)
	if err != nil {
		return "", err
	}
	m.Account, m.Org = a.id, p.Org
	if err := s.checkMembership(&m); err != nil {
		return "", err
	}
	return a.id, s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := s.insertAccount(ctx, tx, a); err != nil {
			return err
		}
		if err := s.insertMembership(ctx, tx, m); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("account.create", "account:"+a.id, map[string]any{"email": a.email, "role": m.Role}))
	})
}

// requireLocal refuses everybody but who holds the data folder itself.
func (p Principal) requireLocal() error {
	if p.Account == systemAccount && p.Role == RoleOwner {
		return nil
	}
	return refuse(fault.Forbidden, "local-only", "Only who holds the data folder may do this, on the command line with --data.", "Solo quien tiene la carpeta de datos puede hacerlo, en la línea de órdenes con --data.")
}

// AccountInfo is what a person sees of their own account.
type AccountInfo struct {
	ID, Email, Name string
	Created         time.Time
	SignedIn        time.Time // the last sign-in
	Password        bool      // one is set
	TOTP            bool      // a second factor is on
	RecoveryLeft    int       // recovery codes not used yet
	Passkeys        []Passkey
	Identities      []Identity
	Memberships     []Membership
	Preferences     map[string]string
}

// Me returns p's own account.
func (s *Service) Me(ctx context.Context, p Principal) (AccountInfo, error) {
	if err := p.Can(Self, Resource{}); err != nil {
		return AccountInfo{}, err
	}
	a, err := accountBy(ctx, s.db, "id", p.Account)
	if err != nil {
		return AccountInfo{}, err
	}
	info := AccountInfo{ID: a.id, Email: a.email, Name: a.name, Created: sqldb.Time(a.created), SignedIn: sqldb.Time(a.signedIn),
		Password: a.password != "", TOTP: a.totp != "", Preferences: decodePrefs(a.prefs)}
	if err := s.db.QueryRow(ctx, `SELECT count(*) FROM auth_recovery_codes WHERE account = ?`, a.id).Scan(&info.RecoveryLeft); err != nil {
		return AccountInfo{}, err
	}
	if info.Passkeys, err = s.passkeysOf(ctx, a.id); err != nil {
		return AccountInfo{}, err
	}
	if info.Identities, err = s.identitiesOf(ctx, a.id); err != nil {
		return AccountInfo{}, err
	}
	info.Memberships, err = s.memberships(ctx, s.db, a.id)
	return info, err
}

// Rename changes p's own name.
func (s *Service) Rename(ctx context.Context, p Principal, name string) error {
	if err := p.Can(Self, Resource{}); err != nil {
		return err
	}
	name, err := checkName(name)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE auth_accounts SET name = ? WHERE id = ?`, name, p.Account)
		if err := oneRow(res, err, noAccount); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("account.rename", "account:"+p.Account, map[string]any{"before": p.Name, "after": name}))
	})
}

func decodePrefs(s string) map[string]string {
	m := map[string]string{}
	if json.Unmarshal([]byte(s), &m) != nil {
		return map[string]string{}
	}
	return m
}

const maxPrefs = 8 << 10 // bytes

// SetPreferences merges changes into p's preferences (language, theme, saved
// choices); an empty value removes one. They are not secret and not audited.
func (s *Service) SetPreferences(ctx context.Context, p Principal, changes map[string]string) error {
	if err := p.Can(Self, Resource{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := lockAccount(ctx, tx, p.Account); err != nil {
			return err
		}
		a, err := accountBy(ctx, tx, "id", p.Account)
		if err != nil {
			return err
		}
		prefs := decodePrefs(a.prefs)
		for k, v := range changes {
			prefs[k] = v
			if v == "" {
				delete(prefs, k)
			}
		}
		data, err := json.Marshal(prefs)
		if err != nil {
			return err
		}
		if len(data) > maxPrefs {
			return refuse(fault.TooLarge, "prefs-large", "Too many preferences.", "Demasiadas preferencias.")
		}
		_, err = tx.Exec(ctx, `UPDATE auth_accounts SET prefs = ? WHERE id = ?`, string(data), p.Account)
		return err
	})
}

// lockAccount holds an account's row until tx ends.
func lockAccount(ctx context.Context, tx *sqldb.Tx, id string) error {
	_, err := tx.Exec(ctx, `UPDATE auth_accounts SET id = id WHERE id = ?`, id)
	return err
}

// oneRow returns err, or missing() when a statement touched no row.
func oneRow(res sql.Result, err error, missing func() error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, missing())
	}
	return nil
}

// ChangePassword sets p's password, given the present one where there is one,
// and ends p's other sessions.
func (s *Service) ChangePassword(ctx context.Context, p Principal, current, next string) error {
	if err := p.canManageCredentials(); err != nil {
		return err
	}
	a, err := accountBy(ctx, s.db, "id", p.Account)
	if err != nil {
		return err
	}
	if err := s.confirm(ctx, p, a, current); err != nil {
		return err
	}
	if err := CheckPassword(next, a.email, a.name); err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, next)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		return s.setPassword(ctx, tx, a.id, hash, p.Session, p.act("account.password", "account:"+a.id, nil))
	})
}

// confirm checks the present password of somebody already signed in; it counts
// against the same limit as signing in.
func (s *Service) confirm(ctx context.Context, p Principal, a account, password string) error {
	if a.password == "" {
		return nil
	}
	limits := signInLimits(a.email, p.IP)
	if err := s.charge(ctx, limits, p.act("account.confirm", "account:"+a.id, nil)); err != nil {
		return err
	}
	ok, _, err := s.hasher.verify(ctx, password, a.password)
	if err != nil {
		return err
	}
	if !ok {
		err := badField("current", "wrong-current", "This is not your present password.", "Esta no es tu contraseña actual.")
		return errors.Join(err, s.Refused(ctx, p, "account.confirm", "account:"+a.id, err))
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error { return s.settle(ctx, tx, limits) })
}

// setPassword stores a hash, ends every session but keep (a public id), and
// voids the reset and sign-in links that lie about.
func (s *Service) setPassword(ctx context.Context, tx *sqldb.Tx, id, hash, keep string, r *audit.Record) error {
	if _, err := tx.Exec(ctx, `UPDATE auth_accounts SET password = ? WHERE id = ?`, hash, id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM auth_sessions WHERE account = ? AND id <> ?`, id, keep); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE auth_links SET used = ? WHERE account = ? AND used = 0 AND kind <> ?`, sqldb.Micros(s.now()), id, linkInvite); err != nil {
		return err
	}
	return s.note(ctx, tx, r)
}
