package talk

import (
	"context"
	"fmt"

	"github.com/binnaclehq/binnacle/internal/auth"
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
	watches, err := s.watchesOf(ctx, p)
	if err != nil {
		return nil, err
	}
	return map[string]any{"comments": said, "notifications": told, "notification settings": settings, "watches": watches}, nil
}

// heldWatch is a record that somebody chose to watch or to mute.
type heldWatch struct {
	UID   string
	State State
	Why   Why
}

func (s *Service) watchesOf(ctx context.Context, p auth.Principal) ([]heldWatch, error) {
	rows, err := s.db.Query(ctx, `SELECT uid, state, why FROM watches WHERE org = ? AND account = ? ORDER BY created, uid`, p.Org, p.Account)
	if err != nil {
		return nil, fmt.Errorf("talk: watches: %w", err)
	}
	defer rows.Close()
	out := []heldWatch{}
	for rows.Next() {
		var w heldWatch
		if err := rows.Scan(&w.UID, &w.State, &w.Why); err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, rows.Err()
}
