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
	return sqldb.Each(ctx, q, func(r sqldb.Row) error {
		var uid, op string
		var rev, at int64
		var doc []byte
		if err := r.Scan(&uid, &rev, &at, &doc, &op); err != nil {
			return err
		}
		if Op(op) == Deleted {
			return nil
		}
		e := &entity.Entity{}
		if err := json.Unmarshal(doc, e); err != nil {
			return fmt.Errorf("stored document of %s: %w", uid, err)
		}
		updated := sqldb.Time(at)
		e.Metadata.UID, e.Metadata.ResourceVersion, e.Metadata.Updated = uid, fmt.Sprint(rev), &updated
		return yield(e)
	}, query, args...)
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

// ByUIDs returns live entities by their identities with few queries, whoever may
// read them; those that are not there are left out.
func (c *Catalog) ByUIDs(ctx context.Context, q sqldb.Querier, org string, uids []string) (map[string]*entity.Entity, error) {
	return c.live(ctx, q, org, "uid", uids, func(r row) string { return r.uid })
}

// ByRefs is ByUIDs by references in full.
func (c *Catalog) ByRefs(ctx context.Context, q sqldb.Querier, org string, refs []string) (map[string]*entity.Entity, error) {
	return c.live(ctx, q, org, "ref", refs, func(r row) string { return r.ref })
}

func (c *Catalog) live(ctx context.Context, q sqldb.Querier, org, column string, values []string, key func(row) string) (map[string]*entity.Entity, error) {
	out := map[string]*entity.Entity{}
	for part := range slices.Chunk(values, 1000) {
		if err := c.livePart(ctx, q, org, column, part, key, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *Catalog) livePart(ctx context.Context, q sqldb.Querier, org, column string, values []string, key func(row) string, out map[string]*entity.Entity) error {
	return sqldb.Each(ctx, q, func(s sqldb.Row) error {
		r, err := scanRow(s)
		if err != nil {
			return err
		}
		out[key(r)], err = r.entity()
		return err
	}, `SELECT `+rowColumns+` FROM entities e WHERE e.org = ? AND e.deleted = 0 AND e.`+column+` IN `+sqldb.In(len(values)), append([]any{org}, sqldb.Args(values)...)...)
}

// Link is one reference between two live entities, by identity.
type Link struct{ From, To string }

// Links returns the references of some relations, written from their holders'
// side, between the live entities of an organisation.
func (c *Catalog) Links(ctx context.Context, q sqldb.Querier, org string, relations ...string) ([]Link, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (l Link, err error) {
		err = r.Scan(&l.From, &l.To)
		return l, err
	}, `SELECT a.uid, b.uid FROM relations l JOIN entities a ON a.id = l.id AND a.deleted = 0 JOIN entities b ON b.id = l.target_id AND b.deleted = 0
		WHERE l.org = ? AND l.type IN `+sqldb.In(len(relations))+` ORDER BY a.uid, b.uid`, append([]any{org}, sqldb.Args(relations)...)...)
}

// Pointer is a typed reference that an entity holds.
type Pointer struct {
	Relation string // from the holder, as "ownedBy"
	Inverse  string // from the other side, as "ownerOf"
	Target   string // in full
}

// Pointers returns what an entity of the kind points at.
func (k *Kind) Pointers(e *entity.Entity) []Pointer {
	tree, err := treeOf(e)
	if err != nil {
		return nil
	}
	var out []Pointer
	k.eachTarget(e, tree, func(f *Field, target string) {
		if p := (Pointer{f.Relation, f.Inverse, target}); p.Relation != "" && !slices.Contains(out, p) {
			out = append(out, p)
		}
	})
	return out
}

// Relations returns the names of the relations that entities of the kind may
// have, with the kinds at the other end in lower case, written at either end.
// "*" stands for any kind.
func (ks *Kinds) Relations(k *Kind) map[string][]string {
	out := map[string][]string{}
	add := func(relation string, kinds ...string) {
		for _, name := range kinds {
			if relation != "" && !slices.Contains(out[relation], name) {
				out[relation] = append(out[relation], name)
			}
		}
	}
	for _, other := range ks.list {
		for _, fields := range [][]Field{metaFields, other.Fields} {
			eachField(fields, func(f *Field) {
				if len(f.Refs) == 0 {
					return
				}
				if other == k {
					add(f.Relation, f.Refs...)
				}
				if slices.Contains(f.Refs, lower(k.Name)) || slices.Contains(f.Refs, "*") {
					add(f.Inverse, lower(other.Name))
				}
			})
		}
	}
	return out
}

// eachField visits the fields, those of objects and those of the items of lists.
func eachField(fields []Field, visit func(*Field)) {
	for i := range fields {
		f := &fields[i]
		visit(f)
		eachField(f.Fields, visit)
		if f.Item != nil {
			eachField(f.Item.Fields, visit)
		}
	}
}

// Orgs returns the organisations that have an entity of a kind.
func (c *Catalog) Orgs(ctx context.Context, kind string) ([]string, error) {
	return sqldb.Values[string](ctx, c.q(), `SELECT DISTINCT org FROM entities WHERE kind = ? AND deleted = 0 ORDER BY org`, lower(kind))
}
