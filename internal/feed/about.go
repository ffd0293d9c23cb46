package feed

import (
	"context"
	"time"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// About returns at most limit entries after a moment, newest first: those of the
// types, selected as Read does, whatever they are about, and those on entities
// of the kinds (in lower case).
func (f *Feed) About(ctx context.Context, org string, since time.Time, limit int, kinds, types []string) ([]Entry, error) {
	if len(kinds)+len(types) == 0 {
		return nil, nil
	}
	where, args := "org = ? AND at > ? AND (1 = 0", []any{org, sqldb.Micros(since)}
	if len(types) > 0 {
		more, values := selection("", types)
		where, args = where+" OR "+more, append(args, values...)
	}
	for _, k := range kinds {
		where, args = where+" OR type LIKE 'entity.%' AND ref LIKE ?", append(args, k+":%")
	}
	return f.query(ctx, where+") ORDER BY at DESC, seq DESC LIMIT ?", append(args, limit))
}
