// Package auth knows who somebody is, and what they may do. It keeps accounts,
// organisations and memberships, signs people in (password, second factor,
// passkey, single sign-on, one-time links) and machines (tokens), and decides
// in one place, Principal.Can, over one table, what a role may do.
//
// It has no pages: the web and command-line faces call it. What it changes, and
// each sign-in it refuses, is written to the audit log in the same transaction.
// Secrets that are only compared (session, token, link) are stored as SHA-256
// of 256 random bits; passwords as argon2id; what must be read back is sealed
// with the Keyring.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Config is what a Service needs. DB and Keys are required.
type Config struct {
	DB     *sqldb.DB
	Keys   *Keyring
	Client *http.Client // for single sign-on: the guarded client; nil turns single sign-on off
	Name   string       // of the installation in authenticators; "Binnacle" when empty

	// RPID is the domain passkeys belong to, as "binnacle.example", and Origins
	// the addresses they may be used from, as "https://binnacle.example". An
	// empty RPID turns passkeys off: browsers refuse them on a bare IP address.
	RPID    string
	Origins []string

	Hash     HashParams    // zero: DefaultHash
	Idle     time.Duration // a session unused for so long ends; zero: 12 hours
	Absolute time.Duration // and any session after so long; zero: 14 days
	Now      func() time.Time
}

// Service keeps accounts and signs people in. It may be used by many
// goroutines, and by several processes on one database.
type Service struct {
	db       *sqldb.DB
	keys     *Keyring
	client   *http.Client
	name     string
	passkeys *webauthn.WebAuthn
	hasher   *hasher
	idle     time.Duration
	absolute time.Duration
	now      func() time.Time
	// dummy is a hash no password has; unknown accounts are checked against
	// it, so that they take as long as known ones.
	dummy     func() (string, error)
	discovery discovery
}

// HomeID is the id of the organisation that runs the installation. It exists
// from the first start on.
const HomeID = "default"

// New returns a Service on a migrated database, and makes the home
// organisation when it is not there.
func New(ctx context.Context, c Config) (*Service, error) {
	if c.DB == nil || c.Keys == nil {
		return nil, errors.New("auth: a database and a keyring are required")
	}
	s := &Service{db: c.DB, keys: c.Keys, client: c.Client, name: or(c.Name, "Binnacle"), idle: or(c.Idle, 12*time.Hour), absolute: or(c.Absolute, 14*24*time.Hour), now: c.Now}
	if s.now == nil {
		s.now = time.Now
	}
	s.hasher = newHasher(or(c.Hash, DefaultHash), max(2, runtime.GOMAXPROCS(0)))
	s.dummy = sync.OnceValues(func() (string, error) { return s.hasher.hash(context.Background(), rand.Text()) })
	go s.dummy() // so that the first unknown account takes no longer
	s.discovery.found = map[string]*discovered{}
	var err error
	if s.passkeys, err = newWebAuthn(c.RPID, c.Origins, s.name); err != nil {
		return nil, fmt.Errorf("auth: passkeys: %w", err)
	}
	_, err = s.db.Exec(ctx, `INSERT INTO auth_orgs (id, title, home, created) VALUES (?, '', 1, ?) ON CONFLICT DO NOTHING`, HomeID, sqldb.Micros(s.now()))
	return s, err
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// Visitor is where a request comes from, for sessions, limits and the audit log.
type Visitor struct {
	IP    string // "" for the machine's own console
	Agent string // the browser's User-Agent
	Via   string // "web", "api", "cli", "mcp"
}

// visitor returns where p comes from.
func (p Principal) visitor() Visitor { return Visitor{IP: p.IP, Via: p.Via} }

// newID returns a random id of an account, session or token.
func newID() string { return strings.ToLower(rand.Text()) }

// newSecret returns 256 random bits, in 43 letters, digits, '-' and '_'.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// digest is how a random secret is stored and looked up.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// act is what Principal p did, for the audit log.
func (p Principal) act(action, target string, detail map[string]any) *audit.Record {
	return record(p.Org, p.Account, p.Name, action, target, p.visitor(), detail)
}

func record(org, actor, name, action, target string, v Visitor, detail map[string]any) *audit.Record {
	r := &audit.Record{Org: org, Actor: actor, ActorName: name, Action: action, Target: target, IP: v.IP, Via: v.Via}
	if len(detail) > 0 {
		r.Detail, _ = json.Marshal(detail) // texts, numbers and lists of texts: cannot fail
	}
	return r
}

// note writes to the audit log, at the service's time.
func (s *Service) note(ctx context.Context, tx *sqldb.Tx, records ...*audit.Record) error {
	for _, r := range records {
		if r.At.IsZero() {
			r.At = s.now()
		}
	}
	return audit.Append(ctx, tx, records...)
}

// Refused writes to the audit log that p was refused an action.
func (s *Service) Refused(ctx context.Context, p Principal, action, target string, err error) error {
	detail := map[string]any{}
	if reason, ok := ReasonOf(err); ok {
		detail["reason"] = reason.Code
	}
	r := p.act(action, target, detail)
	r.Outcome = audit.Refused
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error { return s.note(ctx, tx, r) })
}

// Sweep deletes what has ended: sessions, links, challenges and old limits.
// Run it once an hour.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.now()
	old := sqldb.Micros(now.Add(-30 * 24 * time.Hour))
	for _, q := range []struct {
		sql string
		at  int64
	}{
		{`DELETE FROM auth_sessions WHERE expires < ?`, sqldb.Micros(now)},
		{`DELETE FROM auth_sessions WHERE seen < ?`, sqldb.Micros(now.Add(-s.idle))},
		{`DELETE FROM auth_challenges WHERE expires < ?`, sqldb.Micros(now)},
		{`DELETE FROM auth_links WHERE expires < ?`, old},
		{`DELETE FROM auth_limits WHERE at < ?`, sqldb.Micros(now.Add(-limitMemory))},
	} {
		if _, err := s.db.Exec(ctx, q.sql, q.at); err != nil {
			return fmt.Errorf("auth: sweep: %w", err)
		}
	}
	return nil
}

// seal and unseal are those of the keyring. Their error tells a visitor what
// does not work without the key file; where the file should be is for the log.
func (s *Service) seal(ctx context.Context, secret []byte, context string) (string, error) {
	sealed, err := s.keys.Seal(ctx, secret, context)
	return sealed, noKey(err)
}

func (s *Service) unseal(ctx context.Context, sealed, context string) ([]byte, error) {
	secret, err := s.keys.Open(ctx, sealed, context)
	return secret, noKey(err)
}

func noKey(err error) error {
	if _, ok := ReasonOf(err); !ok {
		return err
	}
	f := refuse(fault.Unavailable, "no-key", "The key file of this installation is missing or is not the right one: codes of second factors and single sign-on do not work until it is back. A recovery code still does.",
		"Falta el fichero de clave de esta instalación o no es el correcto: los códigos de segundo factor y el inicio de sesión único no funcionan hasta que vuelva. Un código de recuperación sí.").
		WithHint("whoever runs the installation puts the key file back; binnacle doctor tells which, binnacle key reset begins anew")
	f.Err = errors.Join(f.Err, err)
	return f
}

// CheckKey returns what is wrong with the key file; nil when nothing is.
func (s *Service) CheckKey(ctx context.Context) error { return s.keys.Check(ctx) }
