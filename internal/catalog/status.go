package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// The status of an entity is what the program knows of it. It comes in one of
// three ways: computed from the entity alone (Derive, Derived), computed from it
// and from others beside it (DerivedWith), or stated by a watch (Stated,
// SetStatus). People never write it, it is no part of what an edit is merged
// over, and a new one makes no revision: only the stored entity, its facets and
// the feed know of it.

// Derive sets a pure function whose result becomes the status of every entity
// of kind k each time it is written.
func Derive[T any](k *Kind, f func(*entity.Entity, *T) any) *Kind {
	k.derive = func(e *entity.Entity, spec any) any { return f(e, spec.(*T)) }
	return k
}

// Derived is Derive for a status whose shape is the struct S. Its tags are those
// of a spec: the fields with a column or a filter are shown, sorted and filtered
// in lists as the others are, and nobody writes them. A nil result is no
// status.
func Derived[T, S any](k *Kind, f func(*entity.Entity, *T) *S) *Kind {
	k.Status = fieldsOf(reflect.TypeFor[S](), "status")
	return Derive(k, func(e *entity.Entity, spec *T) any {
		if s := f(e, spec); s != nil {
			return s
		}
		return nil
	})
}

// Follow says from what, beside the entity, a status follows.
type Follow struct {
	Kinds []string // whose entities it follows from
	// Of returns which entities' statuses may follow from one of those. It is
	// asked for the entity as it was before a change and as it is after it.
	Of func(*entity.Entity) Query
}

// DerivedWith is Derived for a status that also follows from other entities.
//
// begin is called once for each write, in its transaction, with a look at the
// catalog as the write leaves it; what it returns computes one status after the
// other and may keep what it has read. When an entity that is followed changes,
// the statuses that follow from it are computed again in the same transaction.
func DerivedWith[T, S any](k *Kind, follow Follow, begin func(*Look) func(*entity.Entity, *T) (*S, error)) *Kind {
	k.Status, k.follow = fieldsOf(reflect.TypeFor[S](), "status"), follow
	k.begin = func(l *Look) reckoner {
		compute := begin(l)
		return func(e *entity.Entity) (json.RawMessage, error) {
			spec, err := Spec[T](e)
			if err != nil {
				return nil, err
			}
			s, err := compute(e, &spec)
			if s == nil || err != nil {
				return nil, err
			}
			return json.Marshal(s)
		}
	}
	return k
}

// Stated says that the status of kind k has the shape S and is written by
// SetStatus. An edit keeps it.
func Stated[S any](k *Kind) *Kind {
	k.Status, k.stated = fieldsOf(reflect.TypeFor[S](), "status"), true
	return k
}

// reckoner computes the status of an entity; nil is none.
type reckoner func(*entity.Entity) (json.RawMessage, error)

// Look reads an organisation's entities as a write leaves them, whoever writes.
type Look struct {
	ctx    context.Context
	c      *Catalog // in the transaction of the write
	caller Caller
}

// Each calls f for every entity a query asks for.
func (l *Look) Each(q Query, f func(*entity.Entity) error) error {
	return l.c.Each(l.ctx, l.caller, q, f)
}

// Get returns one entity; a fault.NotFound when there is none.
func (l *Look) Get(ref entity.Ref) (*entity.Entity, error) { return l.c.Get(l.ctx, l.caller, ref) }

func (c *Catalog) look(ctx context.Context, tx *sqldb.Tx, org string) *Look {
	return &Look{ctx: ctx, c: c.In(tx), caller: Program(org, "status")}
}

// reckoner returns what computes the statuses of kind k; nil when they are
// stated, or there are none.
func (k *Kind) reckoner(l *Look) reckoner {
	switch {
	case k.begin != nil:
		return k.begin(l)
	case k.derive == nil:
		return nil
	}
	return func(e *entity.Entity) (json.RawMessage, error) {
		spec := reflect.New(k.spec).Interface()
		if len(e.Spec) > 0 {
			if err := json.Unmarshal(e.Spec, spec); err != nil {
				return nil, fmt.Errorf("spec of %s: %w", e.Ref(), err)
			}
		}
		return raw(k.derive(e, spec)), nil
	}
}

// carry keeps a stated status over an edit.
func (ch *change) carry() {
	if ch.kind.stated && ch.before != nil {
		ch.after.Status = ch.before.Status
	}
}

// sameStatus reports whether what is computed of the entity alone is as before.
func (ch *change) sameStatus() bool {
	return ch.kind.derive == nil || string(ch.before.Status) == string(ch.after.Status)
}

// reckon computes the statuses of changes whose kind follows others, which must
// be written by now.
func (c *Catalog) reckon(ctx context.Context, tx *sqldb.Tx, org string, changes []*change) error {
	by := map[*Kind]reckoner{}
	for _, ch := range changes {
		if ch.op == Deleted {
			continue
		}
		if by[ch.kind] == nil {
			if err := alone(ctx, tx, org, ch.kind); err != nil {
				return err
			}
			by[ch.kind] = ch.kind.begin(c.look(ctx, tx, org))
		}
		var err error
		if ch.after.Status, err = by[ch.kind](ch.after); err != nil {
			return err
		}
	}
	return nil
}

// alone makes transactions that compute statuses of a kind from others wait for
// each other, so that none computes from what another is about to change.
func alone(ctx context.Context, tx *sqldb.Tx, org string, k *Kind) error {
	if tx.Dialect() != sqldb.Postgres {
		return nil // one writer at a time
	}
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext(?), hashtext(?))`, org, "status/"+k.Name)
	return err
}

// mostSteps bounds how far a status may follow from another that follows from
// another.
const mostSteps = 10

// followed computes again the statuses that follow from what was written, and
// those that follow from them.
func (c *Catalog) followed(ctx context.Context, tx *sqldb.Tx, org string, changes []*change) error {
	var moved []*entity.Entity
	for _, ch := range changes {
		if ch.before != nil {
			moved = append(moved, ch.before)
		}
		if ch.op != Deleted {
			moved = append(moved, ch.after)
		}
	}
	for step := 0; len(moved) > 0; step++ {
		if step == mostSteps {
			return fmt.Errorf("the statuses that follow from %s follow from each other", moved[0].Ref())
		}
		var next []*entity.Entity
		for _, k := range c.kinds.All() {
			if k.begin == nil {
				continue
			}
			restated, err := c.following(ctx, tx, org, k, moved)
			if err != nil {
				return err
			}
			next = append(next, restated...)
		}
		moved = next
	}
	return nil
}

// following computes again the statuses of kind k that follow from entities
// that changed, and returns those that are new.
func (c *Catalog) following(ctx context.Context, tx *sqldb.Tx, org string, k *Kind, moved []*entity.Entity) ([]*entity.Entity, error) {
	queries := map[string]Query{}
	for _, e := range moved {
		if slices.Contains(k.follow.Kinds, e.Kind) {
			q := k.follow.Of(e)
			q.Kinds = []string{k.Name}
			key, err := json.Marshal(q) // all of it: String leaves references out
			if err != nil {
				return nil, err
			}
			queries[string(key)] = q
		}
	}
	if len(queries) == 0 {
		return nil, nil
	}
	if err := alone(ctx, tx, org, k); err != nil {
		return nil, err
	}
	var out []*entity.Entity
	compute := k.begin(c.look(ctx, tx, org))
	for _, key := range slices.Sorted(keys(queries)) {
		restated, err := c.restate(ctx, tx, org, k, compute, queries[key])
		if err != nil {
			return nil, err
		}
		out = append(out, restated...)
	}
	return out, nil
}

// restate computes the statuses of the entities a query asks for and writes
// those that are others than before.
func (c *Catalog) restate(ctx context.Context, tx *sqldb.Tx, org string, k *Kind, compute reckoner, q Query) ([]*entity.Entity, error) {
	l := c.look(ctx, tx, org)
	var stale []*change
	err := l.Each(q, func(e *entity.Entity) error {
		status, err := compute(e)
		if err == nil && string(status) != string(e.Status) {
			after := e.Clone()
			after.Status = status
			stale = append(stale, &change{kind: k, op: Restated, before: e, after: after})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]*entity.Entity, len(stale))
	for i, ch := range stale {
		r, err := c.load(ctx, tx, org, ch.ref())
		if err != nil {
			return nil, err
		}
		ch.old, ch.id, ch.uid, ch.rev, out[i] = &r, r.id, r.uid, r.rev, ch.after
	}
	return out, c.storeStatuses(ctx, tx, org, stale)
}

// storeStatuses writes the statuses of changes that are nothing else, with the
// facets, the dates that fall due and an entry in the feed.
func (c *Catalog) storeStatuses(ctx context.Context, tx *sqldb.Tx, org string, changes []*change) error {
	w := c.writer(ctx, tx, org)
	w.now = c.now()
	entries := make([]*feed.Entry, len(changes))
	for i, ch := range changes {
		if err := ch.derive(); err != nil {
			return err
		}
		w.exec(`UPDATE entities SET doc = ? WHERE id = ?`, string(ch.doc), ch.id)
		data, err := json.Marshal(map[string]any{"paths": statusPaths(ch.before.Status, ch.after.Status)})
		if err != nil {
			return err
		}
		entries[i] = &feed.Entry{Org: org, At: w.now, Type: "entity." + string(Restated), Ref: ch.ref().String(), UID: ch.uid, Rev: ch.rev, Actor: audit.System, Data: data}
	}
	w.revalue(changes)
	if w.dues(changes); w.err != nil {
		return w.err
	}
	return feed.Append(ctx, tx, entries...)
}

// revalue writes anew what lists filter and sort entities by.
func (w *writer) revalue(changes []*change) {
	all := ids(changes, func(*change) bool { return true })
	w.hadValues(all)
	w.drop("facets", "id", all)
	w.values(changes)
	w.post()
}

// statusPaths names what differs between two statuses.
func statusPaths(a, b json.RawMessage) []string {
	x, _ := decodeTree(a)
	y, _ := decodeTree(b)
	return paths(diff(x, y, "status"))
}

// SetStatus writes the status of an entity whose kind has it stated (Stated).
// The same status again is Unchanged and writes nothing. It makes no revision,
// so that it meets no edit in conflict.
func (c *Catalog) SetStatus(ctx context.Context, caller Caller, ref entity.Ref, status any) (*Change, error) {
	var out *Change
	err := c.writing(ctx, func(tx *sqldb.Tx) error {
		ch, err := c.stating(ctx, tx, caller, ref, status)
		if err != nil {
			return err
		}
		out = &Change{Ref: ch.old.ref, Op: ch.op, Rev: ch.rev, Entity: ch.after}
		return c.state(ctx, tx, caller.Org, []*change{ch})
	})
	if err == nil && out.Op != Unchanged {
		c.notify()
	}
	return out, err
}

// Statement is the status of one entity.
type Statement struct {
	Ref    entity.Ref
	Status any
}

// SetStatuses is SetStatus for many entities, whose values are indexed together.
// Of an entity that is named twice, also by a former name, the last status
// counts. What is not there is left out.
func (c *Catalog) SetStatuses(ctx context.Context, caller Caller, list []Statement) error {
	var changes []*change
	err := c.writing(ctx, func(tx *sqldb.Tx) error {
		changes = nil
		place := map[int64]int{}
		for _, s := range list {
			ch, err := c.stating(ctx, tx, caller, s.Ref, s.Status)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if i, twice := place[ch.id]; twice {
				changes[i] = ch
				continue
			}
			place[ch.id] = len(changes)
			changes = append(changes, ch)
		}
		return c.state(ctx, tx, caller.Org, changes)
	})
	if err == nil && slices.ContainsFunc(changes, func(ch *change) bool { return ch.op != Unchanged }) {
		c.notify()
	}
	return err
}

// stating returns the change that gives an entity a status.
func (c *Catalog) stating(ctx context.Context, tx *sqldb.Tx, caller Caller, ref entity.Ref, status any) (*change, error) {
	data, err := json.Marshal(status)
	if err != nil {
		return nil, err
	}
	if string(data) == "null" {
		data = nil
	}
	r, k, err := c.find(ctx, tx, caller, ref)
	if err != nil {
		return nil, err
	}
	if err := caller.Can(auth.Write, k.Resource()); err != nil {
		return nil, err
	}
	if !k.stated {
		return nil, fault.New(fault.Internal, "the status of a %s is computed and cannot be set", k.Name)
	}
	before, err := r.entity()
	if err != nil {
		return nil, err
	}
	ch := &change{kind: k, op: Unchanged, old: &r, before: before, after: before, id: r.id, uid: r.uid, rev: r.rev}
	if string(before.Status) != string(data) {
		ch.op, ch.after = Restated, before.Clone()
		ch.after.Status = data
	}
	return ch, nil
}

// state writes the statuses of those changes that have another than before.
func (c *Catalog) state(ctx context.Context, tx *sqldb.Tx, org string, changes []*change) error {
	var restated []*change
	for _, ch := range changes {
		if ch.op == Restated {
			restated = append(restated, ch)
		}
	}
	if len(restated) == 0 {
		return nil
	}
	if err := c.storeStatuses(ctx, tx, org, restated); err != nil {
		return err
	}
	return c.followed(ctx, tx, org, restated)
}

// Refresh computes the stored statuses of every kind anew whose way of computing
// them is newer than they are (Kind.Reckoned), what its lists filter and sort
// by, and the dates that fall due of kinds that have others than before. It is
// called when the program starts, after the migrations.
func (c *Catalog) Refresh(ctx context.Context) error {
	done, err := c.reckoned(ctx)
	if err != nil {
		return err
	}
	for _, k := range c.kinds.All() {
		if k.Reckoned > done[k.Name] {
			if err := c.refresh(ctx, k); err != nil {
				return fmt.Errorf("statuses of %s: %w", k.Plural, err)
			}
		}
		if v := k.dueVersion(); v != done[dueKey(k)] {
			if err := c.refreshDue(ctx, k); err != nil {
				return fmt.Errorf("dates of %s: %w", k.Plural, err)
			}
		}
	}
	return nil
}

func (c *Catalog) reckoned(ctx context.Context) (map[string]int, error) {
	done := map[string]int{}
	return done, sqldb.Each(ctx, c.q(), func(r sqldb.Row) error {
		var kind string
		var version int
		if err := r.Scan(&kind, &version); err != nil {
			return err
		}
		done[kind] = version
		return nil
	}, `SELECT kind, version FROM reckoned`)
}

func (c *Catalog) refresh(ctx context.Context, k *Kind) error {
	err := c.writing(ctx, func(tx *sqldb.Tx) error {
		orgs, err := c.orgsWith(ctx, tx, k)
		if err != nil {
			return err
		}
		for _, org := range orgs {
			if err := c.refreshIn(ctx, tx, org, k); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO reckoned (kind, version) VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET version = excluded.version`, k.Name, k.Reckoned)
		return err
	})
	if err == nil {
		c.notify()
	}
	return err
}

func (c *Catalog) refreshIn(ctx context.Context, tx *sqldb.Tx, org string, k *Kind) error {
	if err := alone(ctx, tx, org, k); err != nil {
		return err
	}
	all := Query{Kinds: []string{k.Name}}
	if compute := k.reckoner(c.look(ctx, tx, org)); compute != nil {
		restated, err := c.restate(ctx, tx, org, k, compute, all)
		if err != nil {
			return err
		}
		var changes []*change
		for _, e := range restated {
			changes = append(changes, &change{kind: k, op: Restated, after: e})
		}
		if err := c.followed(ctx, tx, org, changes); err != nil {
			return err
		}
	}
	return c.refacet(ctx, tx, org, k)
}

// refacet writes the facets of the entities of a kind anew.
func (c *Catalog) refacet(ctx context.Context, tx *sqldb.Tx, org string, k *Kind) error {
	for after := int64(0); ; {
		byOrg, last, err := c.stored(ctx, tx, after, `e.org = ? AND e.kind = ?`, org, lower(k.Name))
		if err != nil || last == after {
			return err
		}
		w := c.writer(ctx, tx, org)
		if w.revalue(byOrg[org]); w.err != nil {
			return w.err
		}
		after = last
	}
}

func (c *Catalog) orgsWith(ctx context.Context, tx *sqldb.Tx, k *Kind) ([]string, error) {
	return sqldb.Values[string](ctx, tx, `SELECT DISTINCT org FROM entities WHERE kind = ? AND deleted = 0 ORDER BY org`, lower(k.Name))
}
