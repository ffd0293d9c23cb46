package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Sealed is a column that holds texts sealed with a Keyring, each in a row with
// an id; an empty one is none.
type Sealed struct {
	Table, Column string
	Name          string                 // the column that people know the row by
	Context       func(id string) string // that each is sealed for
	// What says in the plural what such rows are, and what becomes of those that
	// nobody can read any more.
	What lang.Text
	// Forget lets go of a row that nobody can read any more, and returns what is
	// recorded of that.
	Forget func(ctx context.Context, tx *sqldb.Tx, p Principal, id string) (*audit.Record, error)
	// Spare says that nobody misses one that cannot be read any more: another is
	// made when it is needed.
	Spare bool
}

// ownSealed are the columns of this package; forget lets go of them.
var ownSealed = []Sealed{
	{Table: "auth_accounts", Column: "totp", Name: "email", Context: totpContext},
	{Table: "auth_accounts", Column: "totp_pending", Name: "email", Context: totpContext},
	{Table: "auth_providers", Column: "secret", Name: "title", Context: secretContext},
	{Table: "auth_secrets", Column: "sealed", Name: "name", Context: namedSecretContext},
}

func (k *Keyring) columns() []Sealed { return slices.Concat(ownSealed, k.also) }

// sealedRow is a sealed text and whose it is.
type sealedRow struct{ id, name, sealed string }

func (c *Sealed) rows(ctx context.Context, db *sqldb.DB) ([]sealedRow, error) {
	return sqldb.All(ctx, db, func(s sqldb.Row) (r sealedRow, err error) {
		err = s.Scan(&r.id, &r.name, &r.sealed)
		return r, err
	}, `SELECT CAST(id AS TEXT), `+c.Name+`, `+c.Column+` FROM `+c.Table+` WHERE `+c.Column+` <> '' ORDER BY lower(`+c.Name+`), id`)
}

// Reseal seals anew, with the newest key, what older keys sealed, after a
// rotation of the Keyring. It returns how many secrets that were.
func (s *Service) Reseal(ctx context.Context) (int, error) {
	keys, err := s.keys.ready(ctx)
	if err != nil {
		return 0, err
	}
	newest, n := keys[len(keys)-1], 0
	for _, c := range s.keys.columns() {
		rows, err := c.rows(ctx, s.db)
		if err != nil {
			return n, err
		}
		for _, r := range rows {
			if keyOf(r.sealed) == newest.id {
				continue
			}
			secret, err := s.keys.Open(ctx, r.sealed, c.Context(r.id))
			if err != nil && c.Spare {
				continue
			}
			if err != nil {
				return n, fmt.Errorf("auth: %s of %s: %w", c.Column, r.id, err)
			}
			if _, err := s.db.Exec(ctx, `UPDATE `+c.Table+` SET `+c.Column+` = ? WHERE CAST(id AS TEXT) = ? AND `+c.Column+` = ?`, seal(newest, secret, c.Context(r.id)), r.id, r.sealed); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// RotateKey adds a key to the key file and seals everything with it. Only who
// holds the data folder may. It returns the id of the key and how many secrets
// were sealed anew.
func (s *Service) RotateKey(ctx context.Context, p Principal) (id string, resealed int, err error) {
	if err := p.requireLocal(); err != nil {
		return "", 0, err
	}
	if id, err = s.keys.Rotate(ctx); err != nil {
		return "", 0, err
	}
	if resealed, err = s.Reseal(ctx); err != nil {
		return id, resealed, err
	}
	return id, resealed, s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		return s.note(ctx, tx, p.act("key.rotate", "installation", map[string]any{"key": id, "resealed": resealed}))
	})
}

// Lost is what a key file does not open, of what its database holds.
type Lost struct {
	Keys      []string // ids of keys the database knows and the file does not hold
	Factors   []string // addresses of the accounts whose second factor it is
	Providers []string // titles of the single sign-ons whose client secret it is
	Secrets   []string // names of the secrets for other systems
	Others    []LostOthers

	accounts, providers, secrets []string // ids; accounts also has those that were setting a factor up
	readable                     []sealKey
}

// LostOthers are lost texts of a column that another package keeps.
type LostOthers struct {
	What  lang.Text
	Names []string

	ids    []string
	forget func(ctx context.Context, tx *sqldb.Tx, p Principal, id string) (*audit.Record, error)
}

// Lost tells what the file does not open. It is an error when others may read
// the file, since then nothing is lost.
func (k *Keyring) Lost(ctx context.Context) (Lost, error) {
	var l Lost
	var err error
	l.readable, err = k.load()
	if reason, ok := ReasonOf(err); err != nil && (!ok || reason.Code == keyOpen) {
		return Lost{}, err
	}
	known, err := k.canaries(ctx)
	if err != nil {
		return Lost{}, err
	}
	for id, canary := range known {
		if !fits(l.readable, id, canary) {
			l.Keys = append(l.Keys, id)
		}
	}
	slices.Sort(l.Keys)
	for _, c := range k.columns() {
		if c.Spare {
			continue
		}
		rows, err := c.rows(ctx, k.db)
		if err != nil {
			return Lost{}, err
		}
		for _, r := range rows {
			if _, err := unseal(l.readable, r.sealed, c.Context(r.id)); err != nil {
				l.add(&c, r)
			}
		}
	}
	return l, nil
}

func (l *Lost) add(c *Sealed, r sealedRow) {
	if c.Forget != nil {
		l.addOther(c, r)
		return
	}
	switch c.Column {
	case "sealed":
		l.Secrets, l.secrets = append(l.Secrets, r.name), append(l.secrets, r.id)
	case "secret":
		l.Providers, l.providers = append(l.Providers, r.name), append(l.providers, r.id)
	case "totp":
		l.Factors = append(l.Factors, r.name)
		fallthrough
	default:
		if !slices.Contains(l.accounts, r.id) {
			l.accounts = append(l.accounts, r.id)
		}
	}
}

func (l *Lost) addOther(c *Sealed, r sealedRow) {
	n := len(l.Others)
	if n == 0 || l.Others[n-1].What != c.What {
		l.Others = append(l.Others, LostOthers{What: c.What})
		n++
	}
	o := &l.Others[n-1]
	if slices.Contains(o.ids, r.id) {
		return
	}
	o.Names, o.ids, o.forget = append(o.Names, r.name), append(o.ids, r.id), c.Forget
}

// none reports whether everything can be read.
func (l *Lost) none() bool {
	return len(l.Keys) == 0 && len(l.accounts)+len(l.providers)+len(l.secrets)+len(l.Others) == 0
}

// LostSecrets tells what the key file does not open.
func (s *Service) LostSecrets(ctx context.Context) (Lost, error) { return s.keys.Lost(ctx) }

// ResetKey begins anew with a key when the old one is lost. What cannot be
// opened is removed: second factors are off, and single sign-ons are off until
// their client secret is given again; what other packages sealed they let go. Keys that the file still holds stay. Only
// who holds the data folder may; it is a Conflict when nothing is lost.
func (s *Service) ResetKey(ctx context.Context, p Principal) (Lost, error) {
	if err := p.requireLocal(); err != nil {
		return Lost{}, err
	}
	l, err := s.keys.Lost(ctx)
	if err != nil {
		return Lost{}, err
	}
	if l.none() && len(l.readable) > 0 {
		return Lost{}, refuse(fault.Conflict, "key-whole", "The key file opens every secret: nothing is lost.", "El fichero de clave abre todos los secretos: no se ha perdido nada.").
			WithHint("binnacle key rotate makes a new key and keeps the secrets")
	}
	if err := s.keys.setAside(l.readable, s.now()); err != nil {
		return Lost{}, err
	}
	key, err := s.keys.add(l.readable)
	if err != nil {
		return Lost{}, err
	}
	if err := s.db.Tx(ctx, func(tx *sqldb.Tx) error { return s.forget(ctx, tx, p, l, key) }); err != nil {
		return Lost{}, err
	}
	return l, s.keys.Check(ctx)
}

// setAside moves a file that is no key file away, so that nothing is written
// over what somebody may still want to look at.
func (k *Keyring) setAside(readable []sealKey, now time.Time) error {
	if len(readable) > 0 {
		return nil
	}
	err := os.Rename(k.path, k.path+".unreadable-"+now.UTC().Format("20060102T150405Z"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// forget removes what is lost, and makes the database know the new key alone
// beside those the file still holds.
func (s *Service) forget(ctx context.Context, tx *sqldb.Tx, p Principal, l Lost, key sealKey) error {
	for _, id := range l.Keys {
		if _, err := tx.Exec(ctx, `DELETE FROM auth_keys WHERE id = ?`, id); err != nil {
			return err
		}
	}
	if err := enrol(ctx, tx, key); err != nil {
		return err
	}
	why := map[string]any{"by": "key.reset"}
	for _, id := range l.accounts {
		if err := s.clearFactor(ctx, tx, id); err != nil {
			return err
		}
		all, err := s.memberships(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.appendEverywhere(ctx, tx, all, p.act("totp.reset", "account:"+id, why)); err != nil {
			return err
		}
	}
	for _, id := range l.providers {
		var org string
		if err := tx.QueryRow(ctx, `UPDATE auth_providers SET secret = '', disabled = 1 WHERE id = ? RETURNING org`, id).Scan(&org); err != nil {
			return err
		}
		r := p.act("provider.off", "provider:"+id, why)
		r.Org = org
		if err := s.note(ctx, tx, r); err != nil {
			return err
		}
	}
	for _, id := range l.secrets {
		var org, name string
		if err := tx.QueryRow(ctx, `DELETE FROM auth_secrets WHERE id = ? RETURNING org, name`, id).Scan(&org, &name); err != nil {
			return err
		}
		r := p.act("secret.delete", "secret:"+name, why)
		r.Org = org
		if err := s.note(ctx, tx, r); err != nil {
			return err
		}
	}
	for _, o := range l.Others {
		for _, id := range o.ids {
			r, err := o.forget(ctx, tx, p, id)
			if err == nil {
				err = s.note(ctx, tx, r)
			}
			if err != nil {
				return err
			}
		}
	}
	return s.note(ctx, tx, p.act("key.reset", "installation", map[string]any{"key": key.id, "lost": l.Keys, "factors": len(l.Factors), "providers": len(l.Providers), "secrets": len(l.Secrets)}))
}
