package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// grace is how long content stays after its last attachment was removed. A
// backup copies the tables first and the files after them: within this time all
// files are there that the tables speak of.
const grace = 24 * time.Hour

// content is one row of blobs.
type content struct {
	org, sha string
	size     int64
}

func contents(ctx context.Context, q sqldb.Querier, where string, args ...any) ([]content, error) {
	out, err := sqldb.All(ctx, q, func(r sqldb.Row) (c content, err error) {
		err = r.Scan(&c.org, &c.sha, &c.size)
		return c, err
	}, `SELECT org, sha, size FROM blobs WHERE `+where+` ORDER BY org, sha`, args...)
	if err != nil {
		return nil, fmt.Errorf("blob: %w", err)
	}
	return out, nil
}

// Sweep removes content that no attachment has any more. Run it once an hour.
func (s *Service) Sweep(ctx context.Context) error {
	before := s.now().Add(-grace)
	if d, ok := s.store.(Folder); ok {
		if err := d.tidy(func(i fs.FileInfo) bool { return i.ModTime().Before(before) }); err != nil {
			return fmt.Errorf("blob: sweep: %w", err)
		}
	}
	free, err := contents(ctx, s.db, `live = 0 AND freed < ?`, sqldb.Micros(before))
	if err != nil {
		return err
	}
	for _, c := range free {
		if err := s.free(ctx, c, before); err != nil {
			return fmt.Errorf("blob: sweep: %w", err)
		}
	}
	return nil
}

// free removes one content while it holds its row, which keeps it from being
// attached meanwhile.
func (s *Service) free(ctx context.Context, c content, before time.Time) error {
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(ctx, `DELETE FROM blobs WHERE org = ? AND sha = ? AND live = 0 AND freed < ?`, c.org, c.sha, sqldb.Micros(before))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return s.store.Remove(ctx, path(c.org, c.sha))
	})
}

// Flaw is content that is not what it should be.
type Flaw struct {
	Org, SHA256 string
	Names       []string // of the attachments that have it
	Missing     bool     // else it was changed
}

// Checked says what Check looked at.
type Checked struct {
	Contents int
	Bytes    int64
	Flaws    []Flaw
}

// Check reads every content that is attached and compares it with its hash.
func Check(ctx context.Context, db *sqldb.DB, store Store) (Checked, error) {
	var out Checked
	live, err := contents(ctx, db, `live > 0`)
	if err != nil {
		return out, err
	}
	for _, c := range live {
		flaw, err := check(ctx, store, c)
		if err != nil {
			return out, err
		}
		if flaw != nil {
			if flaw.Names, err = names(ctx, db, c); err != nil {
				return out, err
			}
			out.Flaws = append(out.Flaws, *flaw)
		}
		out.Contents++
		out.Bytes += c.size
	}
	return out, nil
}

func check(ctx context.Context, store Store, c content) (*Flaw, error) {
	r, err := store.Open(ctx, path(c.org, c.sha))
	if fault.Is(err, fault.NotFound) {
		return &Flaw{Org: c.org, SHA256: c.sha, Missing: true}, nil
	}
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if hex.EncodeToString(sum.Sum(nil)) != c.sha {
		return &Flaw{Org: c.org, SHA256: c.sha}, nil
	}
	return nil, nil
}

func names(ctx context.Context, q sqldb.Querier, c content) ([]string, error) {
	return sqldb.Values[string](ctx, q, `SELECT DISTINCT name FROM attachments WHERE org = ? AND sha = ? AND removed = 0 ORDER BY name`, c.org, c.sha)
}
