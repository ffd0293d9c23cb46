package auth

import (
	"context"
	"net/netip"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// limit counts failures under a key. The first free ones cost nothing; from
// then on each doubles the wait, from a second to limitCap. A day without a
// failure forgets them.
type limit struct {
	key  string
	free int
	// shared is a count that success lowers by one and does not clear: many
	// people are behind one address, and one of them may be guessing.
	shared bool
}

const (
	limitCap    = 15 * time.Minute
	limitMemory = 24 * time.Hour
)

// backoff returns how long to wait after so many failures.
func (l limit) backoff(fails int) time.Duration {
	over := fails - l.free
	switch {
	case over <= 0:
		return 0
	case over > 10:
		return limitCap
	}
	return min(time.Second<<(over-1), limitCap)
}

func signInLimits(email, ip string) []limit {
	return append([]limit{{key: "account:" + digest(email)[:32], free: 5}}, ipLimit(ip)...)
}

// ipLimit counts per IPv4 address, or per /64 of IPv6, which is what one
// subscriber gets. The machine's own console is not limited.
func ipLimit(ip string) []limit {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return nil
	}
	if addr = addr.Unmap(); addr.Is6() {
		if net, err := addr.WithZone("").Prefix(64); err == nil {
			addr = net.Masked().Addr()
		}
	}
	return []limit{{key: "ip:" + addr.String(), free: 20, shared: true}}
}

func factorLimit(account string) []limit { return []limit{{key: "factor:" + account, free: 5}} }

// charge counts an attempt as failed before it is made, so that attempts side
// by side cannot outrun the limit; settle takes it back after success. When a
// limit is reached nothing is counted and the fault RateLimited says how long to
// wait. The first refusal of each wait goes to the audit log as r.
func (s *Service) charge(ctx context.Context, limits []limit, r *audit.Record) error {
	if wait, told := s.waiting(ctx, limits); wait > 0 && told {
		return tooMany(wait)
	}
	var wait time.Duration
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		var err error
		if wait, err = s.blocked(ctx, tx, limits); err != nil {
			return err
		}
		if wait > 0 {
			refused := *r
			refused.Outcome, refused.Detail = audit.Refused, []byte(`{"reason":"too-many"}`)
			return s.note(ctx, tx, &refused)
		}
		return s.count(ctx, tx, limits)
	})
	if err == nil && wait > 0 {
		return tooMany(wait)
	}
	return err
}

// waiting reads, without writing, how long the limits ask to wait and whether
// the audit log knows. An unreadable limit is left to blocked to report.
func (s *Service) waiting(ctx context.Context, limits []limit) (wait time.Duration, told bool) {
	now := s.now()
	for _, l := range limits {
		var until, toldUntil int64
		if s.db.QueryRow(ctx, `SELECT until, told FROM auth_limits WHERE id = ?`, l.key).Scan(&until, &toldUntil) != nil {
			continue
		}
		if w := sqldb.Time(until).Sub(now); until != 0 && w > wait {
			wait, told = w, toldUntil >= until
		}
	}
	return wait, told
}

// blocked returns how long the limits ask to wait and marks them as told. It
// locks their rows, always in the order given.
func (s *Service) blocked(ctx context.Context, tx *sqldb.Tx, limits []limit) (time.Duration, error) {
	var wait time.Duration
	now := s.now()
	for _, l := range limits {
		var until int64
		err := tx.QueryRow(ctx, `INSERT INTO auth_limits (id, fails, at, until) VALUES (?, 0, ?, 0)
			ON CONFLICT (id) DO UPDATE SET told = auth_limits.until RETURNING until`, l.key, sqldb.Micros(now)).Scan(&until)
		if err != nil {
			return 0, err
		}
		if until != 0 {
			wait = max(wait, sqldb.Time(until).Sub(now))
		}
	}
	return wait, nil
}

func (s *Service) count(ctx context.Context, tx *sqldb.Tx, limits []limit) error {
	now := s.now()
	for _, l := range limits {
		var fails int
		var at int64
		if err := tx.QueryRow(ctx, `SELECT fails, at FROM auth_limits WHERE id = ?`, l.key).Scan(&fails, &at); err != nil {
			return err
		}
		if now.Sub(sqldb.Time(at)) > limitMemory {
			fails = 0
		}
		fails++
		until := int64(0)
		if wait := l.backoff(fails); wait > 0 {
			until = sqldb.Micros(now.Add(wait))
		}
		if _, err := tx.Exec(ctx, `UPDATE auth_limits SET fails = ?, at = ?, until = ? WHERE id = ?`, fails, sqldb.Micros(now), until, l.key); err != nil {
			return err
		}
	}
	return nil
}

// settle takes back what charge counted, after success.
func (s *Service) settle(ctx context.Context, tx *sqldb.Tx, limits []limit) error {
	for _, l := range limits {
		query := `DELETE FROM auth_limits WHERE id = ?`
		if l.shared {
			query = `UPDATE auth_limits SET fails = CASE WHEN fails > 0 THEN fails - 1 ELSE 0 END, until = 0 WHERE id = ?`
		}
		if _, err := tx.Exec(ctx, query, l.key); err != nil {
			return err
		}
	}
	return nil
}

func tooMany(wait time.Duration) error {
	seconds := int((wait + time.Second - 1) / time.Second)
	err := refuse(fault.RateLimited, "too-many", "Too many attempts. Try again in {0} s.", "Demasiados intentos. Vuelve a intentarlo dentro de {0} s.", seconds)
	err.RetryAfter = time.Duration(seconds) * time.Second
	return err
}
