package logs

import (
	"context"
	"sync"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Tenants says which tenant of the engine an organisation is. Numbers are never
// used again. Make gives an organisation one that has none yet; without it such
// an organisation is number 0, which has no events.
type Tenants interface {
	Tenant(ctx context.Context, org string, make bool) (uint32, error)
}

// TenantMap are tenants that are known beforehand.
type TenantMap map[string]uint32

// Tenant returns the number of an organisation.
func (m TenantMap) Tenant(_ context.Context, org string, make bool) (uint32, error) {
	n, ok := m[org]
	if !ok && make {
		return 0, fault.New(fault.Internal, "the organisation %q has no tenant", org)
	}
	return n, nil
}

// Migrations returns the table of tenants.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "logs/001", SQL: `
CREATE TABLE event_tenants (org TEXT PRIMARY KEY, tenant BIGINT NOT NULL UNIQUE)`}}
}

// NewTenants returns tenants that are kept in a database.
func NewTenants(db *sqldb.DB) Tenants { return &tenants{db: db} }

type tenants struct {
	db    *sqldb.DB
	known sync.Map // org: uint32
}

func (t *tenants) Tenant(ctx context.Context, org string, make bool) (uint32, error) {
	if n, ok := t.known.Load(org); ok {
		return n.(uint32), nil
	}
	n, err := t.find(ctx, t.db, org)
	if err == nil && n == 0 && make {
		n, err = t.make(ctx, org)
	}
	if err == nil && n != 0 {
		t.known.Store(org, n)
	}
	return n, err
}

func (t *tenants) find(ctx context.Context, q sqldb.Querier, org string) (uint32, error) {
	list, err := sqldb.Values[int64](ctx, q, `SELECT tenant FROM event_tenants WHERE org = ?`, org)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return uint32(list[0]), nil
}

// make gives an organisation the next number. When another does so at the same
// time, one of the two fails on the number and finds what there is.
func (t *tenants) make(ctx context.Context, org string) (n uint32, err error) {
	for range 10 {
		err = t.db.Tx(ctx, func(tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO event_tenants (org, tenant) SELECT ?, COALESCE(MAX(tenant), 0) + 1 FROM event_tenants`, org)
			return err
		})
		if n, again := t.find(ctx, t.db, org); again == nil && n != 0 {
			return n, nil
		}
	}
	return 0, err
}
