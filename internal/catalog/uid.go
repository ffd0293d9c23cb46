package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// GetUID is Get by the identity that a rename keeps.
func (c *Catalog) GetUID(ctx context.Context, caller Caller, uid string) (*entity.Entity, error) {
	known, err := c.Known(ctx, c.db, caller.Org, uid)
	if err != nil {
		return nil, err
	}
	k := known[uid]
	if k == nil || k.Deleted {
		return nil, fault.New(fault.NotFound, "there is no such record").Coded("no-record")
	}
	if err := caller.Can(auth.Read, k.Kind.Resource()); err != nil {
		return nil, err
	}
	return k.Entity, c.looked(ctx, caller, k.Kind, k.Entity)
}

// Known is an entity as the program itself knows it, whoever asks.
type Known struct {
	Entity  *entity.Entity // when it was deleted: as it was before
	Kind    *Kind
	Deleted bool
}

// Known returns entities of an organisation by identity, deleted ones too, for
// work that is done for others. It asks nobody's rights: what it returns is shown
// to nobody who may not read the kind.
func (c *Catalog) Known(ctx context.Context, q sqldb.Querier, org string, uids ...string) (map[string]*Known, error) {
	out := map[string]*Known{}
	for part := range slices.Chunk(uids, 1000) {
		if err := c.known(ctx, q, out, org, part); err != nil {
			return nil, fmt.Errorf("catalog: known: %w", err)
		}
	}
	return out, nil
}

func (c *Catalog) known(ctx context.Context, q sqldb.Querier, out map[string]*Known, org string, uids []string) error {
	return sqldb.Each(ctx, q, func(s sqldb.Row) error {
		r, err := scanRow(s)
		if err != nil {
			return err
		}
		e, err := r.entity()
		if err != nil {
			return err
		}
		k := c.kinds.Get(e.Kind)
		if k == nil {
			return nil // of a kind this program no longer has
		}
		out[r.uid] = &Known{Entity: e, Kind: k, Deleted: r.deleted}
		return nil
	}, `SELECT `+rowColumns+` FROM entities e WHERE e.org = ? AND e.uid IN `+sqldb.In(len(uids)), append([]any{org}, sqldb.Args(uids)...)...)
}

// UID returns the identity of what a reference names in an organisation; "" when
// there is no such thing.
func (c *Catalog) UID(ctx context.Context, q sqldb.Querier, org string, ref entity.Ref) (string, error) {
	r, err := c.load(ctx, q, org, ref)
	if errors.Is(err, sqldb.ErrNoRows) || err == nil && r.deleted {
		return "", nil
	}
	return r.uid, err
}

// Target is what an entity points at.
type Target struct {
	Relation string // "ownedBy"
	Ref      string // as it is written, in full
}

// Targets returns what e points at, the owner among it, each once a relation.
func (k *Kind) Targets(e *entity.Entity) []Target {
	tree, err := treeOf(e)
	if err != nil {
		return nil
	}
	var out []Target
	for _, r := range k.references(e, tree) {
		out = append(out, Target{r.relation, r.target})
	}
	return out
}
