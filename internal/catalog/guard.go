package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Guarded is a change that the guard of its kind looks at. The guard may
// complete After, as with who made the change; it is not validated again.
type Guarded struct {
	Caller Caller
	At     time.Time
	Before *entity.Entity // nil for a new one
	After  *entity.Entity // nil for a deletion
	// Follows says that After only names by its new name what is being renamed.
	// Where a guard refuses that, the former name stays.
	Follows bool

	c   *Catalog
	ctx context.Context
	tx  *sqldb.Tx
}

// Find returns another entity as it stands in the change's transaction,
// whoever may read it.
func (g *Guarded) Find(ref entity.Ref) (*entity.Entity, *Kind, error) {
	k, err := g.c.kinds.Find(ref.Kind)
	if err != nil {
		return nil, nil, err
	}
	ref.Kind = lower(k.Name)
	r, err := g.c.load(g.ctx, g.tx, g.Caller.Org, ref)
	if err == nil && r.deleted {
		err = sqldb.ErrNoRows
	}
	if err == sqldb.ErrNoRows {
		return nil, nil, fault.New(fault.NotFound, "there is no %s", ref.Short()).Coded("no-thing")
	}
	if err != nil {
		return nil, nil, err
	}
	e, err := r.entity()
	return e, k, err
}

// Holders returns the entities of one kind that point at another by a relation,
// as it is called from their side, as they stand in the change's transaction.
func (g *Guarded) Holders(kind, relation string, ref entity.Ref) ([]*entity.Entity, error) {
	return sqldb.All(g.ctx, g.tx, func(s sqldb.Row) (*entity.Entity, error) {
		r, err := scanRow(s)
		if err != nil {
			return nil, err
		}
		return r.entity()
	}, `SELECT `+rowColumns+` FROM entities t JOIN relations l ON l.target_id = t.id AND l.type = ? JOIN entities e ON e.id = l.id AND e.kind = ? AND e.deleted = 0
		WHERE t.org = ? AND t.ref = ? AND t.deleted = 0 ORDER BY e.ref`, relation, lower(kind), g.Caller.Org, ref.String())
}

// Specs reads what a guarded entity says and what it said before: the zero value
// when it is new, or for what it says when it goes.
func Specs[T any](g *Guarded) (before, after T, err error) {
	if g.After != nil {
		after, err = Spec[T](g.After)
	}
	if g.Before != nil && err == nil {
		before, err = Spec[T](g.Before)
	}
	return before, after, err
}

// Read is what the guard asks tables of its own by: it sees the change's
// transaction.
func (g *Guarded) Read() (context.Context, sqldb.Querier) { return g.ctx, g.tx }

// AddGuard has a guard asked beside that of a kind, for what only the wiring of
// the program knows. It is called before the catalog is used.
func (c *Catalog) AddGuard(kind string, f func(*Guarded) error) {
	if c.guards == nil {
		c.guards = map[string][]func(*Guarded) error{}
	}
	c.guards[kind] = append(c.guards[kind], f)
}

// guard asks the guards of the kinds.
func (c *Catalog) guard(ctx context.Context, tx *sqldb.Tx, caller Caller, changes []*change) error {
	for _, ch := range changes {
		if ch.kind.Once && ch.before != nil && !ch.follows && !(ch.op == Deleted && caller.Account == audit.System) {
			return writtenOnce(ch)
		}
		guards := c.guards[ch.kind.Name]
		if ch.kind.Guard != nil {
			guards = append([]func(*Guarded) error{ch.kind.Guard}, guards...)
		}
		if len(guards) == 0 {
			continue
		}
		g := &Guarded{Caller: caller, At: c.now().UTC(), Before: ch.before, After: ch.after, Follows: ch.follows, c: c, ctx: ctx, tx: tx}
		if ch.op == Deleted {
			g.After = nil
		}
		for _, f := range guards {
			if err := f(g); err != nil {
				return err
			}
		}
		if g.After != nil {
			ch.derived = derived{}
			ch.fields = Diff(ch.before, g.After)
		}
	}
	return nil
}

// writtenOnce refuses to change what is written once. Who holds the data folder
// may delete it: what must not be kept can be removed.
func writtenOnce(ch *change) error {
	return fault.New(fault.Conflict, "%s is written once: it is not changed, renamed or deleted", ch.before.Ref().Short()).Coded("once").
		WithHint("write another one that says what is right")
}

// SetSpec writes a spec into an entity.
func SetSpec(e *entity.Entity, spec any) error {
	data, err := json.Marshal(spec)
	e.Spec = data
	return err
}

// Identity names who asks, as records show it: the person in the catalog where
// the account is linked to one, else the address or name of the account.
func (c Caller) Identity() string { return cmp.Or(c.UserRef, c.Email, c.Name, c.Account) }
