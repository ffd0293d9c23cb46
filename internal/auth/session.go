package auth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// NewSession is a session just begun. Secret goes into the browser's cookie
// and is not kept here.
type NewSession struct {
	Secret    string
	Expires   time.Time // at the latest
	Principal Principal
}

// Session is one of a person's sessions, as lists show it.
type Session struct {
	ID       string
	Org      string
	OrgTitle string
	Method   string // "password", "password+totp", "passkey", "sso", "link", …
	IP       string // where it began
	Agent    string
	Created  time.Time
	Seen     time.Time // to the minute
	Expires  time.Time
	Current  bool // it is the one asking
}

// seenEvery is how often the last use of a session or token is written.
const seenEvery = time.Minute

// startSession begins a session of a in org.
func (s *Service) startSession(ctx context.Context, tx *sqldb.Tx, a account, org string, pinned bool, method string, v Visitor) (NewSession, error) {
	now := s.now()
	out := NewSession{Secret: newSecret(), Expires: now.Add(s.absolute)}
	pin := 0
	if pinned {
		pin = 1
	}
	if _, err := tx.Exec(ctx, `INSERT INTO auth_sessions (hash, id, account, org, pinned, method, ip, agent, created, seen, expires) VALUES `+sqldb.In(11),
		digest(out.Secret), newID(), a.id, org, pin, method, v.IP, clip(v.Agent, 300), sqldb.Micros(now), sqldb.Micros(now), sqldb.Micros(out.Expires)); err != nil {
		return NewSession{}, err
	}
	if _, err := tx.Exec(ctx, `UPDATE auth_accounts SET signed_in = ?, last_org = ? WHERE id = ?`, sqldb.Micros(now), org, a.id); err != nil {
		return NewSession{}, err
	}
	row, err := s.sessionRow(ctx, tx, out.Secret)
	if err != nil {
		return NewSession{}, err
	}
	out.Principal = row.principal
	out.Principal.IP, out.Principal.Via = v.IP, v.Via
	return out, nil
}

func clip(s string, n int) string {
	s = strings.ReplaceAll(s, "\x00", "")
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}

// sessionRow is a session with its account and membership.
type sessionRow struct {
	principal     Principal
	disabled      bool
	seen, expires time.Time
}

func (s *Service) sessionRow(ctx context.Context, q sqldb.Querier, secret string) (sessionRow, error) {
	var r sessionRow
	var disabled, seen, expires, ends int64
	p := &r.principal
	err := q.QueryRow(ctx, `SELECT s.id, s.account, s.org, s.pinned, s.seen, s.expires, a.name, a.email, a.disabled, o.title, o.home,
		COALESCE(m.role, ''), COALESCE(m.user_ref, ''), COALESCE(m.expires, 0)
		FROM auth_sessions s JOIN auth_accounts a ON a.id = s.account JOIN auth_orgs o ON o.id = s.org
		LEFT JOIN auth_memberships m ON m.org = s.org AND m.account = s.account WHERE s.hash = ?`, digest(secret)).
		Scan(&p.Session, &p.Account, &p.Org, &p.Pinned, &seen, &expires, &p.Name, &p.Email, &disabled, &p.OrgTitle, &p.Home, &p.Role, &p.UserRef, &ends)
	r.disabled, r.seen, r.expires, p.Expires = disabled != 0, sqldb.Time(seen), sqldb.Time(expires), sqldb.Time(ends)
	p.clock = s.now
	return r, err
}

// active reports whether the principal's membership has not ended.
func (r sessionRow) active(now time.Time) bool {
	return r.principal.Role != "" && (r.principal.Expires.IsZero() || now.Before(r.principal.Expires))
}

func sessionEnded() error {
	return refuse(fault.Unauthenticated, "session-ended", "Your session has ended. Sign in again.", "Tu sesión ha terminado. Inicia sesión de nuevo.")
}

// BySession returns the principal of a session's secret, or an Unauthenticated
// fault. When their membership of the session's organisation has ended, the
// session moves to another they belong to. Set IP and Via on what it returns.
func (s *Service) BySession(ctx context.Context, secret string) (Principal, error) {
	r, err := s.sessionRow(ctx, s.db, secret)
	if errors.Is(err, sqldb.ErrNoRows) {
		return Principal{}, sessionEnded()
	}
	if err != nil {
		return Principal{}, err
	}
	now := s.now()
	if r.disabled || !now.Before(r.expires) || now.Sub(r.seen) >= s.idle {
		return Principal{}, sessionEnded()
	}
	if !r.active(now) {
		return s.moveSession(ctx, r.principal)
	}
	if now.Sub(r.seen) >= seenEvery {
		return r.principal, s.touch(ctx, `UPDATE auth_sessions SET seen = ? WHERE hash = ?`, sqldb.Micros(now), digest(secret))
	}
	return r.principal, nil
}

// touchWait is how long a request waits for a busy database to note that it
// came.
const touchWait = 100 * time.Millisecond

// touch writes the last use of a session or token, or leaves it for the next
// request when another writer holds the database.
func (s *Service) touch(ctx context.Context, query string, args ...any) error {
	short, cancel := context.WithTimeout(ctx, touchWait)
	defer cancel()
	if _, err := s.db.Exec(short, query, args...); err != nil && short.Err() == nil {
		return err
	}
	return ctx.Err()
}

// moveSession puts a session whose organisation is closed to its owner into
// another one.
func (s *Service) moveSession(ctx context.Context, p Principal) (Principal, error) {
	others, err := s.Orgs(ctx, p)
	if err != nil {
		return Principal{}, err
	}
	if len(others) == 0 {
		return Principal{}, refuse(fault.Unauthenticated, "membership-ended", "Your access to {0} has ended.", "Tu acceso a {0} ha terminado.", p.orgName())
	}
	return s.switchTo(ctx, p, others[0])
}

// Switch moves p's session to another organisation they belong to, and returns
// the principal there.
func (s *Service) Switch(ctx context.Context, p Principal, org string) (Principal, error) {
	if p.Session == "" || p.Pinned {
		return Principal{}, p.canManageCredentials()
	}
	mine, err := s.Orgs(ctx, p)
	if err != nil {
		return Principal{}, err
	}
	for _, m := range mine {
		if m.Org == org {
			return s.switchTo(ctx, p, m)
		}
	}
	return Principal{}, noOrg()
}

func (s *Service) switchTo(ctx context.Context, p Principal, m Membership) (Principal, error) {
	from := p.Org
	p.Org, p.OrgTitle, p.Home, p.Role, p.UserRef, p.Expires = m.Org, m.OrgTitle, m.Home, m.Role, m.UserRef, m.Expires
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE auth_sessions SET org = ?, seen = ? WHERE id = ?`, m.Org, sqldb.Micros(s.now()), p.Session)
		if err := oneRow(res, err, sessionEnded); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE auth_accounts SET last_org = ? WHERE id = ?`, m.Org, p.Account); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("session.switch", "session:"+p.Session, map[string]any{"from": from}))
	})
	if err != nil {
		return Principal{}, err
	}
	return p, nil
}

// SignOut ends a session by its secret. Ending one that is over is no error.
func (s *Service) SignOut(ctx context.Context, secret string, v Visitor) error {
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		r, err := s.sessionRow(ctx, tx, secret)
		if errors.Is(err, sqldb.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM auth_sessions WHERE hash = ?`, digest(secret)); err != nil {
			return err
		}
		p := r.principal
		return s.note(ctx, tx, record(p.Org, p.Account, p.Name, "sign-out", "session:"+p.Session, v, nil))
	})
}

// Sessions lists p's own sessions, the last used first.
func (s *Service) Sessions(ctx context.Context, p Principal) ([]Session, error) {
	if err := p.Can(Self, Resource{}); err != nil {
		return nil, err
	}
	now := s.now()
	return sqldb.All(ctx, s.db, func(r sqldb.Row) (x Session, err error) {
		var created, seen, expires int64
		err = r.Scan(&x.ID, &x.Org, &x.OrgTitle, &x.Method, &x.IP, &x.Agent, &created, &seen, &expires)
		x.Created, x.Seen, x.Expires, x.Current = sqldb.Time(created), sqldb.Time(seen), sqldb.Time(expires), x.ID == p.Session
		return x, err
	}, `SELECT s.id, s.org, o.title, s.method, s.ip, s.agent, s.created, s.seen, s.expires
		FROM auth_sessions s JOIN auth_orgs o ON o.id = s.org WHERE s.account = ? AND s.expires > ? AND s.seen > ? ORDER BY s.seen DESC, s.id`,
		p.Account, sqldb.Micros(now), sqldb.Micros(now.Add(-s.idle)))
}

// EndSession ends one of p's own sessions by its public id.
func (s *Service) EndSession(ctx context.Context, p Principal, id string) error {
	if err := p.Can(Self, Resource{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(ctx, `DELETE FROM auth_sessions WHERE id = ? AND account = ?`, id, p.Account)
		if err := oneRow(res, err, func() error {
			return refuse(fault.NotFound, "no-session", "There is no such session.", "Esa sesión no existe.")
		}); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("session.end", "session:"+id, nil))
	})
}

// EndOtherSessions ends all of p's sessions but the one asking, and returns how
// many there were.
func (s *Service) EndOtherSessions(ctx context.Context, p Principal) (int, error) {
	if err := p.Can(Self, Resource{}); err != nil {
		return 0, err
	}
	var n int64
	now := s.now()
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM auth_sessions WHERE account = ? AND (expires <= ? OR seen <= ?)`, p.Account, sqldb.Micros(now), sqldb.Micros(now.Add(-s.idle))); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `DELETE FROM auth_sessions WHERE account = ? AND id <> ?`, p.Account, p.Session)
		if err != nil {
			return err
		}
		if n, err = res.RowsAffected(); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("session.end-others", "account:"+p.Account, map[string]any{"ended": n}))
	})
	return int(n), err
}
