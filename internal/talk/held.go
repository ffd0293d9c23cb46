package talk

import (
	"context"
	"fmt"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Held returns all that is kept of somebody here, in their organisation, by name:
// what they said, what they watch, what they were told, and how they want to be.
func (s *Service) Held(ctx context.Context, p auth.Principal) (map[string]any, error) {
	if err := p.Can(auth.Self, auth.Resource{}); err != nil {
		return nil, err
	}
	said, err := s.comments(ctx, s.db, `org = ? AND account = ? ORDER BY created, id`, p.Org, p.Account)
	if err != nil {
		return nil, err
	}
	told, err := notifications(ctx, s.db, `org = ? AND account = ? ORDER BY at, id`, p.Org, p.Account)
	if err != nil {
		return nil, err
	}
	settings, err := s.Settings(ctx, p)
	if err != nil {
		return nil, err
	}
	watches, err := chosen(ctx, s.db, p, `created, uid`)
	if err != nil {
		return nil, err
	}
	return map[string]any{"comments": said, "notifications": told, "notification settings": settings, "watches": append([]heldWatch{}, watches...)}, nil
}

// heldWatch is a record that somebody chose to watch or to mute.
type heldWatch struct {
	UID   string
	State State
	Why   Why
}

// chosen lists them in an order.
func chosen(ctx context.Context, q sqldb.Querier, p auth.Principal, order string) ([]heldWatch, error) {
	out, err := sqldb.All(ctx, q, func(r sqldb.Row) (w heldWatch, err error) {
		err = r.Scan(&w.UID, &w.State, &w.Why)
		return w, err
	}, `SELECT uid, state, why FROM watches WHERE org = ? AND account = ? ORDER BY `+order, p.Org, p.Account)
	if err != nil {
		return nil, fmt.Errorf("talk: watches: %w", err)
	}
	return out, nil
}
