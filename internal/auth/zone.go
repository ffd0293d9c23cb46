package auth

import (
	"context"
	"errors"
	"strings"
	"time"
	_ "time/tzdata" // the machine need not have the zones

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// zoneOf reads the name of a time zone. "" is UTC; the server's own zone has no
// name that means the same elsewhere.
func zoneOf(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, errors.New("the zone of a machine is nobody's")
	}
	return time.LoadLocation(name)
}

// Zone returns the time zone in which an organisation counts its days: UTC
// until it says otherwise.
func Zone(ctx context.Context, q sqldb.Querier, org string) (*time.Location, error) {
	var name string
	err := q.QueryRow(ctx, `SELECT zone FROM auth_orgs WHERE id = ?`, org).Scan(&name)
	if errors.Is(err, sqldb.ErrNoRows) {
		return time.UTC, nil
	}
	if err != nil {
		return nil, err
	}
	zone, err := zoneOf(name)
	if err != nil {
		return time.UTC, nil // the zone has left the world's list
	}
	return zone, nil
}

// SetZone changes the time zone of p's organisation; "" is UTC.
func (s *Service) SetZone(ctx context.Context, p Principal, name string) error {
	if err := p.Can(Admin, Resource{Kind: KindOrganisation}); err != nil {
		return err
	}
	name = strings.TrimSpace(name)
	if name == "UTC" {
		name = ""
	}
	if _, err := zoneOf(name); err != nil {
		return badField("zone", "zone", "{0} is not a time zone; write one as Europe/Madrid.", "{0} no es una zona horaria; escribe una como Europe/Madrid.", name)
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		var before string
		err := tx.QueryRow(ctx, `SELECT zone FROM auth_orgs WHERE id = ?`, p.Org).Scan(&before)
		if errors.Is(err, sqldb.ErrNoRows) {
			return noOrg()
		}
		if err != nil || before == name {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE auth_orgs SET zone = ? WHERE id = ?`, name, p.Org); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("organisation.zone", "organisation:"+p.Org, map[string]any{"before": before, "after": name}))
	})
}
