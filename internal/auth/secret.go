package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// secretsSQL holds named secrets that the program sends to other systems.
const secretsSQL = `
CREATE TABLE auth_secrets (id TEXT PRIMARY KEY, org TEXT NOT NULL, name TEXT NOT NULL, sealed TEXT NOT NULL, created BIGINT NOT NULL, updated BIGINT NOT NULL, by_whom TEXT NOT NULL, UNIQUE (org, name))`

// Secret is a named secret that the program sends to another system, as the
// token for a number that stands there. Its value is never shown again.
type Secret struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	By      string    `json:"by"` // who set it last
}

var secretName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

const maxSecret = 8 << 10 // bytes

func namedSecretContext(id string) string { return "auth/secret/" + id }

// SetSecret stores a secret under a name, in the place of the one before.
func (s *Service) SetSecret(ctx context.Context, p Principal, name, value string) error {
	if err := p.Can(Admin, Resource{Kind: KindSettings}); err != nil {
		return err
	}
	switch {
	case !secretName.MatchString(name):
		return badField("name", "secret-name", "The name of a secret has small letters, digits and hyphens, 63 at most.", "El nombre de un secreto lleva minúsculas, cifras y guiones, 63 como mucho.")
	case value == "" || len(value) > maxSecret || strings.ContainsFunc(value, unicode.IsControl):
		return badField("value", "secret-value", "A secret is one line of 1 to 8192 bytes.", "Un secreto es una línea de 1 a 8192 bytes.")
	}
	id, err := s.secretID(ctx, p.Org, name)
	if err != nil {
		return err
	}
	action := "secret.update"
	if id == "" {
		id, action = strings.ToLower(rand.Text()), "secret.create"
	}
	sealed, err := s.keys.Seal(ctx, []byte(value), namedSecretContext(id))
	if err != nil {
		return err
	}
	now := sqldb.Micros(s.now())
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO auth_secrets (id, org, name, sealed, created, updated, by_whom) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, updated = excluded.updated, by_whom = excluded.by_whom`, id, p.Org, name, sealed, now, now, p.Name)
		if sqldb.IsUnique(err) {
			return fault.New(fault.Conflict, "somebody else has just set the secret %s", name).WithHint("try again")
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, p.act(action, "secret:"+name, nil))
	})
}

// secretID returns the identity of a secret; "" when there is none.
func (s *Service) secretID(ctx context.Context, org, name string) (id string, err error) {
	err = s.db.QueryRow(ctx, `SELECT id FROM auth_secrets WHERE org = ? AND name = ?`, org, name).Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// Secrets lists the secrets of p's organisation, without their values.
func (s *Service) Secrets(ctx context.Context, p Principal) ([]Secret, error) {
	if err := p.Can(Admin, Resource{Kind: KindSettings}); err != nil {
		return nil, err
	}
	return sqldb.All(ctx, s.db, func(r sqldb.Row) (x Secret, err error) {
		var created, updated int64
		err = r.Scan(&x.Name, &created, &updated, &x.By)
		x.Created, x.Updated = sqldb.Time(created), sqldb.Time(updated)
		return x, err
	}, `SELECT name, created, updated, by_whom FROM auth_secrets WHERE org = ? ORDER BY name`, p.Org)
}

func noSecret() error {
	return refuse(fault.NotFound, "no-secret", "There is no such secret.", "No hay ese secreto.")
}

// DeleteSecret removes a secret.
func (s *Service) DeleteSecret(ctx context.Context, p Principal, name string) error {
	if err := p.Can(Admin, Resource{Kind: KindSettings}); err != nil {
		return err
	}
	if !secretName.MatchString(name) {
		return noSecret()
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(ctx, `DELETE FROM auth_secrets WHERE org = ? AND name = ?`, p.Org, name)
		if err := oneRow(res, err, noSecret); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("secret.delete", "secret:"+name, nil))
	})
}

// Secret returns the value of a secret, for the program itself to send.
func (s *Service) Secret(ctx context.Context, org, name string) (string, error) {
	var id, sealed string
	err := sqldb.ErrNoRows
	if secretName.MatchString(name) {
		err = s.db.QueryRow(ctx, `SELECT id, sealed FROM auth_secrets WHERE org = ? AND name = ?`, org, name).Scan(&id, &sealed)
	}
	if errors.Is(err, sqldb.ErrNoRows) {
		return "", fault.New(fault.NotFound, "there is no secret %q", name).WithHint("binnacle secret set %s", name)
	}
	if err != nil {
		return "", err
	}
	value, err := s.keys.Open(ctx, sealed, namedSecretContext(id))
	return string(value), err
}
