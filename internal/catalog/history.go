package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// History returns revisions of an entity, also of a deleted one, the newest
// first; before, when not 0, is the revision to go on below.
func (c *Catalog) History(ctx context.Context, caller Caller, ref entity.Ref, before int64, limit int) ([]Revision, error) {
	r, err := c.anyRow(ctx, caller, ref)
	if err != nil {
		return nil, err
	}
	return c.revisions(ctx, c.q(), r.id, before, limit)
}

// Revision returns one revision.
func (c *Catalog) Revision(ctx context.Context, caller Caller, ref entity.Ref, rev int64) (*Revision, error) {
	r, err := c.anyRow(ctx, caller, ref)
	if err != nil {
		return nil, err
	}
	return c.revision(ctx, c.q(), r.id, rev)
}

// anyRow returns the row of an entity the caller may read, deleted or not.
func (c *Catalog) anyRow(ctx context.Context, caller Caller, ref entity.Ref) (row, error) {
	k, err := c.kinds.Find(ref.Kind)
	if err != nil {
		return row{}, err
	}
	if err := caller.Can(auth.Read, k.Resource()); err != nil {
		return row{}, err
	}
	ref.Kind = lower(k.Name)
	r, err := c.load(ctx, c.q(), caller.Org, ref)
	if errors.Is(err, sqldb.ErrNoRows) {
		return r, c.missing(ctx, caller, ref)
	}
	if err != nil {
		return r, err
	}
	e, err := r.entity()
	if err != nil {
		return r, err
	}
	return r, c.looked(ctx, caller, k, e)
}

func (c *Catalog) revisions(ctx context.Context, q sqldb.Querier, id, before int64, limit int) ([]Revision, error) {
	query, args := `SELECT rev, op, at, author, author_name, manager, reason, ref, doc FROM revisions WHERE id = ?`, []any{id}
	if before > 0 {
		query, args = query+` AND rev < ?`, append(args, before)
	}
	return sqldb.All(ctx, q, scanRevision, query+` ORDER BY rev DESC LIMIT ?`, append(args, limit)...)
}

func (c *Catalog) revision(ctx context.Context, q sqldb.Querier, id, rev int64) (*Revision, error) {
	r, err := scanRevision(q.QueryRow(ctx, `SELECT rev, op, at, author, author_name, manager, reason, ref, doc FROM revisions WHERE id = ? AND rev = ?`, id, rev))
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "there is no revision %d", rev).Coded("no-revision")
	}
	return &r, err
}

func scanRevision(s sqldb.Row) (Revision, error) {
	var r Revision
	var op string
	var at int64
	var doc []byte
	if err := s.Scan(&r.Rev, &op, &at, &r.Author, &r.Name, &r.Manager, &r.Reason, &r.Ref, &doc); err != nil {
		return r, err
	}
	r.Op, r.At = Op(op), sqldb.Time(at)
	r.Entity = &entity.Entity{}
	if err := json.Unmarshal(doc, r.Entity); err != nil {
		return r, fmt.Errorf("revision %d of %s: %w", r.Rev, r.Ref, err)
	}
	return r, nil
}
