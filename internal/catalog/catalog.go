// Package catalog keeps what people decide and write: the kinds, and the
// entities of each kind with every revision, the relations between them and the
// search over them.
//
// A kind is a Go struct described by tags (see Of). From it come the schema that
// files are checked against, forms, lists, search and the reference pages. All
// writing ends in one place, write, which stores an entity, its revision, its
// relations, its search text, its feed entry and its audit record in one
// transaction: either all of an apply happened, or nothing.
package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Catalog reads and writes the entities of all organisations in one database.
// Its methods check what the caller may do and never leave the caller's
// organisation. It is safe for concurrent use.
type Catalog struct {
	db     *sqldb.DB
	within *sqldb.Tx // all work is done in it; nil: in transactions of its own
	kinds  *Kinds
	now    func() time.Time
	notify func()
	filter *celFilters
	sizes  sizes
	guards map[string][]func(*Guarded) error // by the name of the kind
}

// Option changes a Catalog as it is made.
type Option func(*Catalog)

// WithClock sets the clock; tests and the sample organisation need one.
func WithClock(now func() time.Time) Option { return func(c *Catalog) { c.now = now } }

// WithNotify sets what is called after each commit that wrote to the feed.
func WithNotify(f func()) Option { return func(c *Catalog) { c.notify = f } }

// New returns a catalog of the kinds over a migrated database.
func New(db *sqldb.DB, kinds *Kinds, opts ...Option) *Catalog {
	c := &Catalog{db: db, kinds: kinds, now: time.Now, notify: func() {}, filter: newCELFilters(), sizes: usual}
	for _, o := range opts {
		o(c)
	}
	return c
}

// In returns the catalog as it is inside tx: its methods read what tx has
// written and write in it, and commit nothing. A call that fails, and a dry run,
// undo what they wrote and leave tx as it was before them. Like tx it is for one
// goroutine, and only until tx ends.
//
// A watch writes with it in the transaction that moves its cursor; then either
// both happened or neither. What Apply and Update find unchanged is not written,
// so that replaying the watch's input changes nothing.
func (c *Catalog) In(tx *sqldb.Tx) *Catalog {
	in := *c
	in.within, in.notify = tx, func() {}
	return &in
}

// Program returns who writes in an organisation when nobody asked: a watch or a
// schedule, under the name of its manager.
func Program(org, manager string) Caller {
	return Caller{Principal: auth.Local(org, "Binnacle", "system"), Manager: manager}
}

// q is what reading asks.
func (c *Catalog) q() sqldb.Querier {
	if c.within != nil {
		return c.within
	}
	return c.db
}

// view runs f in a transaction that sees a single moment.
func (c *Catalog) view(ctx context.Context, f func(*sqldb.Tx) error) error {
	if c.within != nil {
		return c.part(ctx, f)
	}
	return c.db.View(ctx, f)
}

// part runs f as a part of the transaction that c is in.
func (c *Catalog) part(ctx context.Context, f func(*sqldb.Tx) error) error {
	return c.within.Part(ctx, func() error { return f(c.within) })
}

// Kinds returns the set of kinds.
func (c *Catalog) Kinds() *Kinds { return c.kinds }

// DB returns the database, for modules that keep tables of their own beside
// the entities.
func (c *Catalog) DB() *sqldb.DB { return c.db }

// Now returns the catalog's time.
func (c *Catalog) Now() time.Time { return c.now() }

// Resource returns what authorisation is asked about for a kind.
func (k *Kind) Resource() auth.Resource {
	return auth.Resource{Room: k.Room, Kind: k.Name, Personal: k.Personal}
}

// readable returns the names (lower case) of the kinds the caller may read.
func (c *Catalog) readable(caller Caller) []string {
	var names []string
	for _, k := range c.kinds.All() {
		if caller.Can(auth.Read, k.Resource()) == nil {
			names = append(names, lower(k.Name))
		}
	}
	return names
}

// row is an entity as it is stored.
type row struct {
	id               int64
	uid, ref         string
	rev              int64
	created, updated int64
	deleted          bool
	doc              []byte
}

const rowColumns = `e.id, e.uid, e.ref, e.rev, e.created, e.updated, e.deleted, e.doc`

func scanRow(s sqldb.Row, extra ...any) (row, error) {
	var r row
	var deleted int
	err := s.Scan(append([]any{&r.id, &r.uid, &r.ref, &r.rev, &r.created, &r.updated, &deleted, &r.doc}, extra...)...)
	r.deleted = deleted != 0
	return r, err
}

// entity decodes the stored document and fills in what the server sets.
func (r row) entity() (*entity.Entity, error) {
	var e entity.Entity
	if err := json.Unmarshal(r.doc, &e); err != nil {
		return nil, fmt.Errorf("stored document of %s: %w", r.ref, err)
	}
	created, updated := sqldb.Time(r.created), sqldb.Time(r.updated)
	m := &e.Metadata
	m.UID, m.ResourceVersion, m.Created, m.Updated = r.uid, strconv.FormatInt(r.rev, 10), &created, &updated
	return &e, nil
}

// Clean returns e without what the server sets, as a file would hold it.
func Clean(e *entity.Entity) *entity.Entity {
	c := e.Clone()
	m := &c.Metadata
	m.UID, m.ResourceVersion, m.Created, m.Updated = "", "", nil, nil
	c.Status = nil
	return c
}

// Get returns one entity. A reference to a name that was changed finds the
// entity under its present name. A look at another person's data is written to
// the audit log.
func (c *Catalog) Get(ctx context.Context, caller Caller, ref entity.Ref) (*entity.Entity, error) {
	r, k, err := c.find(ctx, c.q(), caller, ref)
	if err != nil {
		return nil, err
	}
	e, err := r.entity()
	if err != nil {
		return nil, err
	}
	return e, c.looked(ctx, caller, k, e)
}

// find returns the live row a reference names, after asking whether the caller
// may read it.
func (c *Catalog) find(ctx context.Context, q sqldb.Querier, caller Caller, ref entity.Ref) (row, *Kind, error) {
	k, err := c.kinds.Find(ref.Kind)
	if err != nil {
		return row{}, nil, err
	}
	if err := caller.Can(auth.Read, k.Resource()); err != nil {
		return row{}, nil, err
	}
	ref.Kind = lower(k.Name)
	r, err := c.load(ctx, q, caller.Org, ref)
	if err == nil && r.deleted {
		err = sqldb.ErrNoRows
	}
	if err == sqldb.ErrNoRows {
		return row{}, nil, c.missing(ctx, caller, ref)
	}
	return r, k, err
}

// load returns the row of a name or former name, deleted or not.
func (c *Catalog) load(ctx context.Context, q sqldb.Querier, org string, ref entity.Ref) (row, error) {
	r, err := scanRow(q.QueryRow(ctx, `SELECT `+rowColumns+` FROM entities e WHERE e.org = ? AND e.ref = ?`, org, ref.String()))
	if err == nil && !r.deleted {
		return r, nil
	}
	if err != nil && err != sqldb.ErrNoRows {
		return r, err
	}
	alias, aliasErr := scanRow(q.QueryRow(ctx, `SELECT `+rowColumns+` FROM aliases a JOIN entities e ON e.id = a.id WHERE a.org = ? AND a.ref = ?`, org, ref.String()))
	if aliasErr == nil && !alias.deleted {
		return alias, nil
	}
	return r, err
}

func (c *Catalog) missing(ctx context.Context, caller Caller, ref entity.Ref) error {
	err := fault.New(fault.NotFound, "there is no %s", ref.Short()).Coded("no-thing")
	first := ref.Name[:min(1, len(ref.Name))]
	names, qerr := sqldb.Values[string](ctx, c.q(), `SELECT name FROM entities WHERE org = ? AND kind = ? AND deleted = 0 AND name >= ? AND name < ? ORDER BY name LIMIT 200`,
		caller.Org, ref.Kind, first, first+"\U0010FFFF")
	if qerr != nil {
		return err
	}
	if near := nearest(ref.Name, names); near != "" {
		return err.WithHint("did you mean %q?", near)
	}
	return err
}

// looked records that a caller saw data about another person.
func (c *Catalog) looked(ctx context.Context, caller Caller, k *Kind, e *entity.Entity) error {
	if !k.Personal || caller.Account == audit.System || caller.UserRef == e.Ref().String() {
		return nil
	}
	if query := togetherIn(ctx); query != "" {
		return c.saw(ctx, caller, query, []string{e.Ref().String()})
	}
	return c.tx(ctx, func(tx *sqldb.Tx) error {
		return audit.Append(ctx, tx, c.record(caller, audit.LookOne, e.Ref().String(), nil))
	})
}

func (c *Catalog) record(caller Caller, action, target string, detail any) *audit.Record {
	r := &audit.Record{Org: caller.Org, At: c.now(), Actor: caller.Account, ActorName: caller.Name, Action: action,
		Target: target, IP: caller.IP, Via: caller.Via, Outcome: audit.OK}
	if detail != nil {
		r.Detail, _ = json.Marshal(detail)
	}
	return r
}

// Resolve reads a reference a person typed. Without a kind it is of the
// default kind.
func (c *Catalog) Resolve(text, defaultKind string) (entity.Ref, error) {
	ref, err := entity.ParseRef(text, defaultKind, "")
	if err != nil {
		return ref, fault.New(fault.Invalid, "%q is not a reference: write [kind:][namespace/]name, as component:checkout", text).Coded("reference")
	}
	k, err := c.kinds.Find(ref.Kind)
	if err != nil {
		return ref, err
	}
	ref.Kind = lower(k.Name)
	return ref, nil
}

// writing is tx for work that changes entities, which it keeps other writers
// from until the transaction ends.
func (c *Catalog) writing(ctx context.Context, f func(*sqldb.Tx) error) error {
	return c.tx(ctx, func(tx *sqldb.Tx) error {
		if err := lockWrites(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	})
}

// tx runs f in a transaction, and again when another writer took a name
// between f's look and its write: the second time f sees who has it.
func (c *Catalog) tx(ctx context.Context, f func(*sqldb.Tx) error) error {
	run := c.db.Tx
	if c.within != nil {
		run = c.part
	}
	var err error
	for range 5 {
		if err = run(ctx, f); !sqldb.IsUnique(err) {
			return err
		}
	}
	return err
}
