package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Scan yields every live entity of a kind in an organisation, ordered by its
// reference: as it is when seq is 0, else as it was when the feed had come to
// entry seq. It asks nobody's rights: what it yields stays inside the kernel.
func (c *Catalog) Scan(ctx context.Context, q sqldb.Querier, org, kind string, seq int64, yield func(*entity.Entity) error) error {
	k, err := c.kinds.Find(kind)
	if err != nil {
		return err
	}
	query, args := `SELECT e.uid, e.rev, e.updated, e.doc, '' FROM entities e WHERE e.org = ? AND e.kind = ? AND e.deleted = 0 ORDER BY e.ref`, []any{org, lower(k.Name)}
	if seq > 0 {
		query = `SELECT e.uid, r.rev, r.at, r.doc, r.op FROM entities e JOIN revisions r ON r.id = e.id
			WHERE e.org = ? AND e.kind = ? AND r.rev = (SELECT max(f.rev) FROM feed f WHERE f.org = e.org AND f.uid = e.uid AND f.seq <= ?) ORDER BY r.ref`
		args = append(args, seq)
	}
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("scan %s: %w", kind, err)
	}
	defer rows.Close()
	for rows.Next() {
		var uid, op string
		var rev, at int64
		var doc []byte
		if err := rows.Scan(&uid, &rev, &at, &doc, &op); err != nil {
			return err
		}
		if Op(op) == Deleted {
			continue
		}
		e := &entity.Entity{}
		if err := json.Unmarshal(doc, e); err != nil {
			return fmt.Errorf("stored document of %s: %w", uid, err)
		}
		updated := sqldb.Time(at)
		e.Metadata.UID, e.Metadata.ResourceVersion, e.Metadata.Updated = uid, fmt.Sprint(rev), &updated
		if err := yield(e); err != nil {
			return err
		}
	}
	return rows.Err()
}

// ByUID returns a live entity by its identity, whoever may read it; nil when
// there is none.
func (c *Catalog) ByUID(ctx context.Context, q sqldb.Querier, org, uid string) (*entity.Entity, error) {
	r, err := scanRow(q.QueryRow(ctx, `SELECT `+rowColumns+` FROM entities e WHERE e.org = ? AND e.uid = ? AND e.deleted = 0`, org, uid))
	if err == sqldb.ErrNoRows {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.entity()
}

// RevisionOf returns one revision of an entity by identity, whoever may read it;
// nil when there is none.
func (c *Catalog) RevisionOf(ctx context.Context, q sqldb.Querier, org, uid string, rev int64) (*Revision, error) {
	var id int64
	err := q.QueryRow(ctx, `SELECT id FROM entities WHERE org = ? AND uid = ?`, org, uid).Scan(&id)
	if err == nil {
		var r *Revision
		if r, err = c.revision(ctx, q, id, rev); err == nil {
			return r, nil
		}
	}
	if errors.Is(err, sqldb.ErrNoRows) || fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return nil, err
}

// Link is one reference between two live entities, by identity.
type Link struct{ From, To string }

// Links returns the references of some relations, written from their holders'
// side, between the live entities of an organisation.
func (c *Catalog) Links(ctx context.Context, q sqldb.Querier, org string, relations ...string) ([]Link, error) {
	rows, err := q.Query(ctx, `SELECT a.uid, b.uid FROM relations l JOIN entities a ON a.id = l.id AND a.deleted = 0 JOIN entities b ON b.id = l.target_id AND b.deleted = 0
		WHERE l.org = ? AND l.type IN `+sqldb.In(len(relations))+` ORDER BY a.uid, b.uid`, append([]any{org}, anys(relations)...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Link
	for rows.Next() {
		var l Link
		if err := rows.Scan(&l.From, &l.To); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, rows.Err()
}

// ByUIDs returns the live entities with some identities, whoever may read them,
// by identity.
func (c *Catalog) ByUIDs(ctx context.Context, q sqldb.Querier, org string, uids []string) (map[string]*entity.Entity, error) {
	found := map[int64]row{}
	for part := range slices.Chunk(uids, 1000) {
		args := append([]any{org}, anys(part)...)
		if err := collectRows(ctx, q, found, `SELECT `+rowColumns+` FROM entities e WHERE e.org = ? AND e.deleted = 0 AND e.uid IN `+sqldb.In(len(part)), args...); err != nil {
			return nil, err
		}
	}
	out := map[string]*entity.Entity{}
	for _, r := range found {
		e, err := r.entity()
		if err != nil {
			return nil, err
		}
		out[r.uid] = e
	}
	return out, nil
}
