package morning

import (
	"context"
	"errors"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

const (
	// visit is the pause after which a reader has left and comes again.
	visit = 30 * time.Minute
	// firstLook is how far back somebody looks who has not looked before.
	firstLook = 7 * 24 * time.Hour
)

// Since returns when a reader left a page before the visit they are on; the
// zero time when they have not been there before.
func (d *Desk) Since(ctx context.Context, caller catalog.Caller, page string) (time.Time, error) {
	at, since, err := seen(ctx, d.DB, caller, page)
	if err != nil || at.IsZero() {
		return time.Time{}, err
	}
	if d.Now().Sub(at) >= visit {
		return at, nil
	}
	return since, nil
}

// Visit is Since for a reader who looks at the page now. A reader who comes back
// within half an hour is on the same visit, so that reading on or reloading the
// page takes nothing away.
func (d *Desk) Visit(ctx context.Context, caller catalog.Caller, page string) (time.Time, error) {
	if caller.Account == "" || caller.Account == audit.System {
		return time.Time{}, nil
	}
	now := d.Now()
	at, since, err := seen(ctx, d.DB, caller, page)
	if err != nil {
		return time.Time{}, err
	}
	if now.Sub(at) >= visit {
		since = at
	}
	_, err = d.DB.Exec(ctx, `INSERT INTO seen (org, account, page, at, since) VALUES (?, ?, ?, ?, ?) ON CONFLICT (org, account, page) DO UPDATE SET at = excluded.at, since = excluded.since`,
		caller.Org, caller.Account, page, sqldb.Micros(now), sqldb.Micros(since))
	return since, err
}

// Looked returns when a reader last looked at a page; the zero time for never.
func (d *Desk) Looked(ctx context.Context, caller catalog.Caller, page string) (time.Time, error) {
	at, _, err := seen(ctx, d.DB, caller, page)
	return at, err
}

func seen(ctx context.Context, q sqldb.Querier, caller catalog.Caller, page string) (at, since time.Time, err error) {
	var a, s int64
	err = q.QueryRow(ctx, `SELECT at, since FROM seen WHERE org = ? AND account = ? AND page = ?`, caller.Org, caller.Account, page).Scan(&a, &s)
	if errors.Is(err, sqldb.ErrNoRows) {
		return time.Time{}, time.Time{}, nil
	}
	return sqldb.Time(a), sqldb.Time(s), err
}
