package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"hash/crc32"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// TokenPrefix begins every token, so that scanners of leaked secrets know one.
const TokenPrefix = "bnc_"

const (
	tokenRandom   = 34 // characters of base 62: 202 bits
	tokenChecksum = 6  // the CRC-32 of the random ones, in base 62
	tokenShown    = len(TokenPrefix) + 6
	base62        = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// TokenTerm is how long a token lasts when nobody says; TokenMax is the longest.
const (
	TokenTerm = 90 * 24 * time.Hour
	TokenMax  = 366 * 24 * time.Hour
)

// Token is a secret by which a machine acts, for a person or as a source of
// events.
type Token struct {
	ID        string
	Name      string
	Prefix    string // the first characters of the secret, to recognise it
	Account   string // whose rights it has; "" for one that only writes events
	Owner     string // that account's name
	Cap       Role   // it may do no more than this role; "" is no cap
	Scopes    []Scope
	CreatedBy string // name
	Created   time.Time
	Expires   time.Time
	Used      time.Time // the last use, to the minute; zero: never
}

// NewToken describes a token to be made.
type NewToken struct {
	Name    string
	Scopes  []Scope
	Cap     Role
	Expires time.Time // zero: after TokenTerm
}

// newTokenSecret returns bnc_ and 40 characters with a checksum.
func newTokenSecret() string {
	b := make([]byte, tokenRandom)
	for i := range b {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(base62))))
		if err != nil {
			panic(err) // the system has no randomness: crypto/rand never returns this
		}
		b[i] = base62[n.Int64()]
	}
	return TokenPrefix + string(b) + checksum62(string(b))
}

func checksum62(s string) string {
	n := crc32.ChecksumIEEE([]byte(s))
	var b [tokenChecksum]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = base62[n%62]
		n /= 62
	}
	return string(b[:])
}

// WellFormedToken reports whether s could be a token: its length and checksum
// are right. A mistyped or cut one is told apart without asking the database.
func WellFormedToken(s string) bool {
	body, ok := strings.CutPrefix(s, TokenPrefix)
	return ok && len(body) == tokenRandom+tokenChecksum && checksum62(body[:tokenRandom]) == body[tokenRandom:]
}

// CreateToken makes a token with p's own rights, narrowed by its scopes and its
// cap. The secret is returned this once. A token can make a token no wider and
// no longer-lived than itself.
func (s *Service) CreateToken(ctx context.Context, p Principal, n NewToken) (Token, string, error) {
	if err := p.Can(Self, Resource{}); err != nil {
		return Token{}, "", err
	}
	if p.Account == "" || p.Account == systemAccount {
		return Token{}, "", refuse(fault.Forbidden, "no-person", "Only a person can have a personal token.", "Solo una persona puede tener un token personal.")
	}
	if err := p.checkNarrower(n); err != nil {
		return Token{}, "", err
	}
	return s.insertToken(ctx, p, p.Account, n)
}

// CreateTokenFor makes a token with the rights of another member, by their
// address. Only who holds the data folder may.
func (s *Service) CreateTokenFor(ctx context.Context, p Principal, email string, n NewToken) (Token, string, error) {
	if err := p.requireLocal(); err != nil {
		return Token{}, "", err
	}
	email, _ = FoldEmail(email)
	a, err := accountBy(ctx, s.db, "email", email)
	if err != nil {
		return Token{}, "", err
	}
	if _, err := s.membership(ctx, s.db, p.Org, a.id); err != nil {
		return Token{}, "", err
	}
	return s.insertToken(ctx, p, a.id, n)
}

// CreateIngestToken makes a token of p's organisation that only writes events.
// It belongs to no person and outlives who made it.
func (s *Service) CreateIngestToken(ctx context.Context, p Principal, name string, expires time.Time) (Token, string, error) {
	if err := p.Can(Admin, Resource{Kind: KindIngestToken}); err != nil {
		return Token{}, "", err
	}
	return s.insertToken(ctx, p, "", NewToken{Name: name, Scopes: []Scope{Scope(Ingest)}, Cap: RoleIngest, Expires: expires})
}

// checkNarrower refuses scopes, a cap or an end beyond those of the token that
// asks.
func (p Principal) checkNarrower(n NewToken) error {
	if p.Token == "" {
		return nil
	}
	wider := p.Cap != "" && n.Cap != p.Cap || !p.Expires.IsZero() && (n.Expires.IsZero() || n.Expires.After(p.Expires))
	for _, scope := range n.Scopes {
		wider = wider || !p.covers(scope)
	}
	if wider {
		return refuse(fault.Forbidden, "token-wider", "A token cannot make a token that is wider or lasts longer than itself.", "Un token no puede crear otro más amplio ni más duradero que él.")
	}
	return nil
}

// covers reports whether everything scope opens is open to p's own scopes.
func (p Principal) covers(scope Scope) bool {
	verb, room, inRoom := strings.Cut(string(scope), ":")
	rooms := Rooms
	if inRoom {
		rooms = []string{room}
	}
	for _, v := range scopeVerbs[Verb(verb)] {
		for _, r := range rooms {
			if !p.scoped(v, Resource{Room: r}) {
				return false
			}
		}
	}
	return true
}

// listed are words of a list, in a sentence.
func listed[T ~string](all []T) string {
	words := make([]string, len(all))
	for i, one := range all {
		words[i] = string(one)
	}
	return strings.Join(words, ", ")
}

func (s *Service) checkToken(n *NewToken) error {
	var err error
	if n.Name, err = checkName(n.Name); err != nil {
		return err
	}
	if len(n.Scopes) == 0 {
		return badField("scopes", "scopes-none", "Choose at least one scope.", "Elige al menos un ámbito.")
	}
	for _, scope := range n.Scopes {
		if !scope.Valid() {
			return badField("scopes", "scope-unknown", "{0} is not a scope. There are {1}, each also of one room as write:strategy.", "{0} no es un ámbito. Hay {1}, cada uno también de una sala como write:strategy.", scope, listed(Scopes))
		}
	}
	n.Scopes = slices.Compact(slices.Sorted(slices.Values(n.Scopes)))
	if n.Cap != "" && !n.Cap.Valid() {
		return badField("cap", "role-unknown", "{0} is not a role.", "{0} no es una función.", n.Cap)
	}
	if n.Expires.IsZero() {
		n.Expires = s.now().Add(TokenTerm)
	}
	if !n.Expires.After(s.now()) || n.Expires.After(s.now().Add(TokenMax)) {
		return badField("expires", "token-term", "The end of a token must be in the future, at most 366 days from now.", "El fin de un token debe estar en el futuro, a 366 días como máximo.")
	}
	return nil
}

func (s *Service) insertToken(ctx context.Context, p Principal, account string, n NewToken) (Token, string, error) {
	if err := s.checkToken(&n); err != nil {
		return Token{}, "", err
	}
	secret := newTokenSecret()
	t := Token{ID: newID(), Name: n.Name, Prefix: secret[:tokenShown], Account: account, Cap: n.Cap, Scopes: n.Scopes, CreatedBy: p.Name,
		Created: s.now().UTC().Truncate(time.Microsecond), Expires: n.Expires.UTC().Truncate(time.Microsecond)}
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO auth_tokens (hash, id, org, account, name, prefix, cap, scopes, made_by, made_by_name, created, expires) VALUES `+sqldb.In(12),
			digest(secret), t.ID, p.Org, account, t.Name, t.Prefix, t.Cap, joinScopes(t.Scopes), p.Account, p.Name, sqldb.Micros(t.Created), sqldb.Micros(t.Expires)); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("token.create", "token:"+t.ID, map[string]any{"name": t.Name, "prefix": t.Prefix, "scopes": t.Scopes, "cap": t.Cap, "expires": t.Expires.Format(time.RFC3339), "account": account}))
	})
	return t, secret, err
}

func joinScopes(scopes []Scope) string {
	var parts []string
	for _, s := range scopes {
		parts = append(parts, string(s))
	}
	return strings.Join(parts, " ")
}

func splitScopes(s string) []Scope {
	var out []Scope
	for _, part := range strings.Fields(s) {
		out = append(out, Scope(part))
	}
	return out
}

func badToken() error {
	return refuse(fault.Unauthenticated, "bad-token", "The token is unknown, has expired or was revoked.", "El token no existe, ha caducado o fue revocado.")
}

// ByToken returns the principal of a token's secret, or an Unauthenticated
// fault. Set IP and Via on what it returns.
func (s *Service) ByToken(ctx context.Context, secret string) (Principal, error) {
	if !WellFormedToken(secret) {
		return Principal{}, refuse(fault.Unauthenticated, "malformed-token", "This is not a whole token: it begins with {0} and has {1} characters.", "Esto no es un token completo: empieza por {0} y tiene {1} caracteres.", TokenPrefix, len(TokenPrefix)+tokenRandom+tokenChecksum)
	}
	p, used, err := s.tokenRow(ctx, secret)
	if errors.Is(err, sqldb.ErrNoRows) {
		return Principal{}, badToken()
	}
	if err != nil {
		return Principal{}, err
	}
	now := s.now()
	if p.Role == "" || !now.Before(p.Expires) {
		return Principal{}, badToken()
	}
	if now.Sub(used) >= seenEvery {
		return p, s.touch(ctx, `UPDATE auth_tokens SET used = ? WHERE id = ?`, sqldb.Micros(now), p.Token)
	}
	return p, nil
}

// tokenRow reads a token with its account and membership. The principal has no
// role when the account is disabled or has left the organisation, and expires
// with the token or the membership, whichever is first.
func (s *Service) tokenRow(ctx context.Context, secret string) (Principal, time.Time, error) {
	var p Principal
	var scopes, tokenName string
	var expires, used, disabled, ends int64
	err := s.db.QueryRow(ctx, `SELECT t.id, t.name, t.org, t.account, t.cap, t.scopes, t.expires, t.used, o.title, o.home,
		COALESCE(a.name, ''), COALESCE(a.email, ''), COALESCE(a.disabled, 0), COALESCE(m.role, ''), COALESCE(m.user_ref, ''), COALESCE(m.expires, 0)
		FROM auth_tokens t JOIN auth_orgs o ON o.id = t.org LEFT JOIN auth_accounts a ON a.id = t.account
		LEFT JOIN auth_memberships m ON m.org = t.org AND m.account = t.account WHERE t.hash = ?`, digest(secret)).
		Scan(&p.Token, &tokenName, &p.Org, &p.Account, &p.Cap, &scopes, &expires, &used, &p.OrgTitle, &p.Home, &p.Name, &p.Email, &disabled, &p.Role, &p.UserRef, &ends)
	if err != nil {
		return Principal{}, time.Time{}, err
	}
	p.Scopes, p.Expires, p.clock = splitScopes(scopes), sqldb.Time(expires), s.now
	if m := sqldb.Time(ends); !m.IsZero() && m.Before(p.Expires) {
		p.Expires = m
	}
	switch {
	case p.Account == "":
		p.Role, p.Name = RoleIngest, tokenName
	case disabled != 0:
		p.Role = ""
	}
	return p, sqldb.Time(used), nil
}

// Tokens lists p's own tokens in p's organisation, the newest first.
func (s *Service) Tokens(ctx context.Context, p Principal) ([]Token, error) {
	if err := p.Can(Self, Resource{}); err != nil {
		return nil, err
	}
	return s.tokens(ctx, `t.org = ? AND t.account = ? AND t.account <> ''`, p.Org, p.Account)
}

// OrgTokens lists the tokens of p's organisation that p may revoke: all of
// them, or for a security officer those that write events.
func (s *Service) OrgTokens(ctx context.Context, p Principal) ([]Token, error) {
	if p.Can(Admin, Resource{Kind: KindToken}) == nil {
		return s.tokens(ctx, `t.org = ?`, p.Org)
	}
	if err := p.Can(Admin, Resource{Kind: KindIngestToken}); err != nil {
		return nil, err
	}
	return s.tokens(ctx, `t.org = ? AND t.account = ''`, p.Org)
}

func (s *Service) tokens(ctx context.Context, where string, args ...any) ([]Token, error) {
	return sqldb.All(ctx, s.db, func(r sqldb.Row) (t Token, err error) {
		var scopes string
		var created, expires, used int64
		err = r.Scan(&t.ID, &t.Name, &t.Prefix, &t.Account, &t.Owner, &t.Cap, &scopes, &t.CreatedBy, &created, &expires, &used)
		t.Scopes, t.Created, t.Expires, t.Used = splitScopes(scopes), sqldb.Time(created), sqldb.Time(expires), sqldb.Time(used)
		return t, err
	}, `SELECT t.id, t.name, t.prefix, t.account, COALESCE(a.name, ''), t.cap, t.scopes, t.made_by_name, t.created, t.expires, t.used
		FROM auth_tokens t LEFT JOIN auth_accounts a ON a.id = t.account WHERE `+where+` ORDER BY t.created DESC, t.id`, args...)
}

// RevokeToken deletes a token of p's organisation: p's own, or another's for
// who administers tokens.
func (s *Service) RevokeToken(ctx context.Context, p Principal, id string) error {
	missing := func() error {
		return refuse(fault.NotFound, "no-token", "There is no such token.", "Ese token no existe.")
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		var account, name string
		err := tx.QueryRow(ctx, `SELECT account, name FROM auth_tokens WHERE id = ? AND org = ?`, id, p.Org).Scan(&account, &name)
		if errors.Is(err, sqldb.ErrNoRows) {
			return missing()
		}
		if err != nil {
			return err
		}
		if err := p.canRevoke(account); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `DELETE FROM auth_tokens WHERE id = ? AND org = ?`, id, p.Org)
		if err := oneRow(res, err, missing); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("token.revoke", "token:"+id, map[string]any{"name": name, "account": account}))
	})
}

func (p Principal) canRevoke(account string) error {
	switch account {
	case "":
		return p.Can(Admin, Resource{Kind: KindIngestToken})
	case p.Account:
		return p.Can(Self, Resource{})
	}
	return p.Can(Admin, Resource{Kind: KindToken})
}
